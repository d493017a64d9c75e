//! Margin forwards in a world: their terms, prices that move far, marks; and which cells they have.
//!
//! Invariant: as in `cash` and `coverage`. Not here: orders (`generate`).

use sanjiang_engine::command::*;
use sanjiang_engine::event::MarginEvent;
use sanjiang_engine::types::*;

use super::coverage::Cell;
use super::rng::Rng;
use super::world::{HOUR, SECOND, lots, lots_of, price_at, ticks};
use crate::reference::Reference;
use crate::reference::margin::Contract;

const EVENTS: [&str; 5] = [
    "settlement price",
    "loss collected",
    "gain paid",
    "call",
    "call over",
];

/// What the reference says of margin.
const REACHED: [&str; 21] = [
    "margin raised",
    "margin not raised",
    "fee out of the margin",
    "fee takes all that is held for it",
    "freed fee covers margin",
    "mark at a given price",
    "mark at the average",
    "mark without trades",
    "mark over several ticks",
    "gain paid by share",
    "loss not collected",
    "called",
    "call waits",
    "deposit meets a call",
    "trade meets a call",
    "call met at its deadline",
    "order cancelled for a reduction",
    "forced reduction",
    "forced reduction closes all",
    "forced reduction closes a part",
    "forced reduction without a market",
];

/// The name of an event of margin forwards.
pub fn event(event: &MarginEvent) -> &'static str {
    match event {
        MarginEvent::Settlement { .. } => EVENTS[0],
        MarginEvent::Variation(one) if one.amount < 0 => EVENTS[1],
        MarginEvent::Variation(_) => EVENTS[2],
        MarginEvent::Call(_) => EVENTS[3],
        MarginEvent::Covered { .. } => EVENTS[4],
    }
}

/// The group of cells about margin.
pub fn required() -> Vec<(&'static str, Vec<Cell>)> {
    let all = EVENTS.into_iter().chain(REACHED);
    vec![("margin forwards", all.map(Cell::Money).collect())]
}

fn terms(rng: &mut Rng, instrument: u32, money: u32, settlement_price: Price) -> SetMargin {
    let initial_bp = rng.pick(&[1, 500, 1_000, 1_000, 2_500, 10_000]);
    let maintenance_bp = rng.pick(&[initial_bp, initial_bp / 2 + 1, 1]);
    SetMargin {
        instrument: InstrumentId::new(instrument),
        money: AssetId::new(money),
        settlement_price,
        initial_bp,
        maintenance_bp,
        call_deadline: Nanoseconds(rng.pick(&[0, SECOND, HOUR, 30 * HOUR])),
        position_limit: rng.pick(&[None, None, Some(lots(7)), Some(lots(25))]),
    }
}

/// The terms an instrument has from the beginning of a world.
pub fn opening(rng: &mut Rng, instrument: u32, money: u32, known: &InstrumentTerms) -> Body {
    let set = terms(rng, instrument, money, price_at(known, 0));
    Body::Margin(MarginCommand::SetMargin(set))
}

/// What an order comes to hold, about.
pub fn needs(contract: &Contract, new: &NewOrder) -> i128 {
    let value = contract.settlement * contract.tick_value * i128::from(new.quantity.lots());
    value * i128::from(contract.terms.initial_bp) / 10_000 + value / 20
}

/// What a deposit brings: the margin of a few orders.
pub fn deposit(rng: &mut Rng, contract: &Contract, terms: &InstrumentTerms) -> (u32, i128) {
    let lots = i128::from(lots_of(terms, rng.range(1, 9)).lots());
    let value = contract.settlement * contract.tick_value * lots;
    let rate = i128::from(contract.terms.initial_bp);
    (
        contract.money as u32,
        value * rate / 10_000 + value / 30 + 1,
    )
}

/// Something about margin forwards: mostly a price or a mark, for one of them if there is one.
pub fn turn(rng: &mut Rng, world: &Reference) -> Body {
    let all = world.instruments.iter().enumerate();
    let wrong = rng.permille(60);
    let all = all.filter(|(_, known)| known.margin.is_some() != wrong);
    let all: Vec<usize> = all.map(|(at, _)| at).collect();
    let at = if all.is_empty() { 0 } else { rng.pick(&all) };
    let at = if rng.permille(20) { 50 } else { at };
    let instrument = InstrumentId::new(at as u32);
    let known = world.instruments.get(at);
    let away = rng.weighted(&[(400, 3), (300, 12), (200, 60), (40, 120)]);
    let away = rng.range(-away, away);
    let price = known.map_or(ticks(100), |known| price_at(&known.terms, away));
    Body::Margin(match rng.weighted(&[(250, 0), (450, 1), (300, 2)]) {
        0 => {
            let money = rng.weighted(&[(400, 0), (200, 2), (200, 3), (50, 1), (20, 50)]);
            let mut set = terms(rng, at as u32, money, price);
            match rng.below(16) {
                0 => set.initial_bp = rng.pick(&[0, 10_001]),
                1 => set.maintenance_bp = rng.pick(&[0, set.initial_bp + 1]),
                2 => set.call_deadline = Nanoseconds(rng.pick(&[-1, 32 * 24 * HOUR])),
                3 => set.position_limit = Some(lots(0)),
                _ => {}
            }
            MarginCommand::SetMargin(set)
        }
        1 => MarginCommand::SetSettlementPrice(SetSettlementPrice { instrument, price }),
        _ => MarginCommand::Mark(Mark { instrument }),
    })
}
