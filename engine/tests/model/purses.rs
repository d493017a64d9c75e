//! Money in worlds of shops: what keepers are asked and answer, and sellers' purses, emptied before
//! a return by agreement and filled again while something is owed; and which cells of what sellers
//! owe a run has to reach.
//!
//! Invariant: as in `generate` and `coverage`. Not here: the returns themselves (`trade`).

use sanjiang_engine::command::{
    Acknowledge, Body, CloseCustodyDate, CustodianKind, Direction, Instruct, Outcome,
};
use sanjiang_engine::event::State;
use sanjiang_engine::types::{AccountId, Amount, CustodianId, Sequence, Time};

use super::rng::Rng;
use super::shop::{BANK, GOODS, MONEY, WAREHOUSES};
use super::trade::Places;
use super::wares::DAY;
use super::world::{FIRST_DAY, HOUR, name};
use crate::reference::{Deal, Reference};

/// What a run has to reach of what sellers owe by contracts; the reference says it.
pub const OWINGS: [&str; 11] = [
    "a part is paid at once, the rest is owed",
    "all of a return is owed",
    "a second contract of a seller owes",
    "a debt is paid in part",
    "a debt is paid off",
    "what is left of one debt pays the next",
    "a buyer lets its seller off",
    "all together owe by as many as there may be",
    "a seller owes by as many as it may",
    "the buyer owes itself",
    "the seller is owed itself",
];

fn all_in(world: &Reference, states: &[State]) -> Vec<Deal> {
    let deals = world.shops.deals.iter();
    let deals = deals.filter(|deal| states.contains(&deal.state));
    deals.cloned().collect()
}

/// How often a purse is emptied or filled: mostly while somebody owes, or is about to.
pub fn weight(world: &Reference) -> u32 {
    let owing = all_in(world, &[State::Owing]).len();
    let proposed = all_in(world, &[State::ReturnProposed]).len();
    [3, 30, 50][owing.min(2)] + [0, 50, 90][proposed.min(2)]
}

/// A seller that has to pay back withdraws what it has, but for a little; one that owes gets some,
/// or all that it owes, or all but the last.
pub fn purse(rng: &mut Rng, world: &Reference) -> Body {
    let proposed = all_in(world, &[State::ReturnProposed, State::Performed]);
    let owing = all_in(world, &[State::Owing]);
    let fills = !owing.is_empty() && (proposed.is_empty() || rng.permille(350));
    let from = if fills { &owing } else { &proposed };
    let deal = (!from.is_empty()).then(|| from[rng.below(from.len())].clone());
    let seller = deal.map_or(rng.below(8), |deal| deal.seller.place());
    let own = owing.iter().filter(|deal| deal.seller.place() == seller);
    let debts: Vec<i128> = own.map(|deal| deal.owing).collect();
    let all: i128 = debts.iter().sum();
    let amount = if fills {
        rng.pick(&[1, debts[0], all, all, all - 1, all + 1, debts[0] + 1])
    } else {
        let has = world.available(seller, MONEY.place());
        has - rng.pick(&[0, 0, 0, 1, 50])
    };
    Body::Instruct(Instruct {
        account: AccountId::new(seller as u32),
        asset: MONEY,
        custodian: BANK,
        direction: if fills {
            Direction::Deposit
        } else {
            Direction::Withdrawal
        },
        amount: Amount::new(amount.clamp(1, 1 << 50) as i64).expect("small"),
    })
}

/// Instructions, banks' answers, closed dates.
pub fn money(rng: &mut Rng, world: &Reference, places: Places<'_>, time: Time) -> Body {
    let pending = &world.money.pending;
    if !pending.is_empty() && rng.permille(850) {
        let one = &pending[rng.below(pending.len())];
        let text = format!("b{}", rng.below(100_000));
        return Body::Acknowledge(Acknowledge {
            instruction: Sequence::new(places(one.id.value()) as u64),
            outcome: rng.weighted(&[(4, Outcome::Executed), (1, Outcome::Refused)]),
            reference: name(&text),
            business_date: FIRST_DAY + 400,
        });
    }
    if rng.permille(130) {
        let day = (time.nanoseconds() + 8 * HOUR).div_euclid(DAY) as i32;
        return Body::CloseCustodyDate(CloseCustodyDate {
            custodian: rng.pick(&WAREHOUSES),
            date: day - rng.pick(&[0, 0, 1]),
        });
    }
    let kinds = world.money.custodians.iter().take(3).enumerate();
    let all: Vec<_> = kinds.map(|(at, keeper)| (at as u32, keeper.kind)).collect();
    let (at, kind) = all[rng.below(all.len())];
    Body::Instruct(Instruct {
        account: AccountId::new(rng.below(8) as u32),
        asset: if kind == CustodianKind::Bank {
            MONEY
        } else {
            rng.pick(&GOODS)
        },
        custodian: CustodianId::new(at),
        direction: rng.weighted(&[(4, Direction::Deposit), (1, Direction::Withdrawal)]),
        amount: Amount::new(rng.pick(&[1, 30, 4_000])).expect("small"),
    })
}
