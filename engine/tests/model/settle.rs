//! Settlement in a world: days, intervals, holders and nominees that are set, mostly where they can
//! be.
//!
//! Invariant: as in `cash`. Not here: what it does to orders (`reference`).

use sanjiang_engine::command::{Body, HolderCount, SetNominee, SetSettlement, SettlementCommand};
use sanjiang_engine::types::{InstrumentId, Name, OwnerId};

use super::rng::Rng;
use super::world::name;
use crate::reference::Reference;

fn set(rng: &mut Rng, instrument: u32) -> SetSettlement {
    let max_holders = rng.pick(&[None, None, Some(1), Some(2), Some(3), Some(3), Some(4)]);
    let holder_count = if max_holders.is_some() && rng.permille(400) {
        HolderCount::Current
    } else {
        HolderCount::Cumulative
    };
    SetSettlement {
        instrument: InstrumentId::new(instrument),
        days: rng.pick(&[0, 1, 1, 1, 1, 2, 3]),
        reverse_trade_days: rng.pick(&[0, 0, 0, 1, 1, 2, 5]),
        max_holders,
        holder_count,
        reference: match holder_count {
            HolderCount::Cumulative => Name::EMPTY,
            HolderCount::Current => name("R-1"),
        },
    }
}

fn body(set: SetSettlement) -> Body {
    Body::Settlement(Box::new(SettlementCommand::Set(set)))
}

/// What is set before anything is brought in.
pub fn opening(rng: &mut Rng, instruments: u32, alone: bool, list: &mut Vec<Body>) {
    for instrument in 0..instruments {
        if alone && instrument == 0 {
            let mut set = set(rng, instrument);
            set.max_holders = Some(rng.pick(&[2, 3, 3, 4]));
            if rng.permille(700) {
                (set.holder_count, set.reference) = (HolderCount::Current, name("R-1"));
            }
            list.push(body(set));
        } else if rng.permille(450) {
            list.push(body(set(rng, instrument)));
        }
    }
}

/// Who stands behind an owner: a few others, now and then so that it cannot be.
fn nominee(rng: &mut Rng, world: &Reference) -> Body {
    let owners = world.owners.len().max(1);
    let known = &world.settling.nominees;
    let mut nominee = OwnerId::new(rng.below(owners) as u32);
    if !known.is_empty() && rng.permille(600) {
        nominee = known[rng.below(known.len())].0;
    }
    let plain = |owner: &OwnerId| *owner != nominee && known.iter().all(|one| one.0 != *owner);
    let all = (0..owners as u32).map(OwnerId::new).filter(plain);
    let mut list: Vec<OwnerId> = all.filter(|_| rng.permille(400)).collect();
    match rng.below(24) {
        0 => list.push(nominee),
        1 => list.push(OwnerId::new(50)),
        2 => list.push(OwnerId::new(rng.below(owners) as u32)),
        3 => nominee = OwnerId::new(60),
        4..=8 => list.clear(),
        _ => {}
    }
    let set = SetNominee {
        nominee,
        owners: list,
    };
    Body::Settlement(Box::new(SettlementCommand::SetNominee(set)))
}

/// A settlement or a nominee is set, mostly for an instrument without live orders.
pub fn turn(rng: &mut Rng, world: &Reference) -> Body {
    if rng.permille(400) {
        return nominee(rng, world);
    }
    let free = |i: &usize| !world.orders.iter().any(|order| order.instrument == *i);
    let free: Vec<usize> = (0..world.instruments.len()).filter(free).collect();
    let instrument = if free.is_empty() || rng.permille(200) {
        rng.pick(&[0, 1, 2, 3, 50])
    } else {
        rng.pick(&free) as u32
    };
    let mut set = set(rng, instrument);
    match rng.below(24) {
        0 => set.days = 11,
        1 => set.reverse_trade_days = 21,
        2 => set.max_holders = Some(0),
        3 => set.reference = name("R-2"),
        4 => set.holder_count = HolderCount::Current,
        5 => (set.days, set.reverse_trade_days, set.max_holders) = (10, 20, Some(200)),
        6 => set.max_holders = Some(201),
        7..=9 => set.reverse_trade_days = 5,
        _ => {}
    }
    body(set)
}
