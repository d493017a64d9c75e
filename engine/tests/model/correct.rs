//! Busts and corrections in a world: of any kept trade, now and then of one that is not.
//!
//! Invariant: as in `cash`; a script names a trade by the step that made it. Not here: who pays
//! for it afterwards (`cash`).

use sanjiang_engine::command::{Authority, Body, Command, CorrectionCommand, TradeRef};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::{Price, PrincipalId, Quantity, Sequence};

use super::rng::Rng;
use super::world::{lots, ticks};
use crate::reference::{Kept, Reference};

/// The bounds of corrections, small enough to be met.
pub fn limits(rng: &mut Rng, limits: Limits) -> Limits {
    Limits {
        trades_kept_max: rng.pick(&[1, 6, 40, 300, 300]),
        receivables_max: rng.pick(&[1, 2, 16, 16]),
        ..limits
    }
}

/// A trade by the step that made it.
fn named(trade: TradeRef, places: &dyn Fn(u64) -> usize) -> TradeRef {
    TradeRef {
        sequence: Sequence::new(places(trade.sequence.value()) as u64),
        ..trade
    }
}

/// Other terms for a trade.
fn terms(rng: &mut Rng, one: &Kept) -> (Price, Option<Quantity>) {
    let away = rng.weighted(&[
        (200, 0),
        (300, 1),
        (300, -1),
        (90, 7),
        (90, -4),
        (60, 60),
        (20, -200),
    ]);
    let price = ticks(one.price).moved(away);
    let whole = one.quantity;
    let least = [
        whole,
        whole,
        (whole + 1) / 2,
        1,
        (whole - 1).max(0),
        whole + 1,
        0,
    ];
    let quantity = rng
        .permille(600)
        .then(|| lots(rng.pick(&least).min(1 << 40)));
    (price, quantity)
}

/// A bust or a correction, if there was a trade.
pub fn turn(rng: &mut Rng, world: &Reference, places: &dyn Fn(u64) -> usize) -> Option<Body> {
    let kept = &world.trades.kept;
    let newest = kept.last()?;
    let one = match rng.weighted(&[(300, 0), (500, 1), (150, 2), (250, 3), (150, 4)]) {
        0 => newest,
        3 => {
            let mut young = kept.iter().rev().filter(|kept| !kept.busted);
            let waits = |kept: &&_| world.waits_still(kept);
            young.find(waits).unwrap_or(newest)
        }
        4 => {
            let mut young = kept.iter().rev().filter(|kept| !kept.busted);
            let moves = |kept: &&_| world.moves_a_holding(kept) != [false; 2];
            young.find(moves).unwrap_or(newest)
        }
        1 => {
            let lacks = |at: &usize| {
                let kept = &kept[*at];
                let seller = kept.accounts[1].place();
                kept.cleared.is_some_and(|cleared| {
                    let value = i128::from(kept.price) * i128::from(kept.quantity);
                    let value = value * cleared.tick_value;
                    !kept.busted && world.available(seller, cleared.money) < value
                })
            };
            let begin = rng.below(kept.len());
            let all = (0..kept.len()).map(|at| (begin + at) % kept.len());
            &kept[all.into_iter().find(lacks).unwrap_or(begin)]
        }
        _ => &kept[rng.below(kept.len())],
    };
    let mut trade = one.trade;
    if rng.permille(60) {
        trade = world.trades.forgotten.unwrap_or(trade);
    }
    let mut trade = named(trade, places);
    if rng.permille(30) {
        trade.index += rng.pick(&[1, 1_000]);
    }
    let [ends, begins] = world.moves_a_holding(one);
    if rng.permille(match (ends, begins) {
        (true, _) => 900,
        (false, true) => 200,
        (false, false) => 450,
    }) {
        return Some(Body::Correction(CorrectionCommand::Bust { trade }));
    }
    let (price, quantity) = terms(rng, one);
    Some(Body::Correction(CorrectionCommand::Correct {
        trade,
        price,
        quantity,
    }))
}

/// A bust or correction gets its reason and who approves it: mostly another principal.
pub fn approve(rng: &mut Rng, command: &mut Command) {
    if !matches!(command.body, Body::Correction(_)) {
        return;
    }
    let approver = rng.weighted(&[
        (900, Some(PrincipalId::new(8))),
        (40, None),
        (40, Some(PrincipalId::LOCAL)),
    ]);
    let reason = rng.weighted(&[(950, "a wrong price"), (30, "")]);
    if rng.permille(990) {
        command.envelope.authority = Some(Box::new(Authority {
            approver,
            reason: reason.to_owned(),
            on_behalf_of: None,
        }));
    }
}
