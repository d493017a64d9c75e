//! The words of scenario tables about margin forwards.
//!
//! `margin settle=PRICE initial=BP maintenance=BP [deadline=SECONDS] [limit=LOTS]` beside `clear`
//! makes the instrument a margin forward in place of giving it clearing. Then `settlement PRICE`
//! gives the price of the next mark, `mark` marks at once; `position ACCOUNT` and `collected` (by
//! marks, and not yet paid) tell what is there.
//!
//! Invariant: as in `words`. Not here: orders, money.

use sanjiang_engine::clearing::Holder;
use sanjiang_engine::clearing::margin::Call;
use sanjiang_engine::command::{Body, MarginCommand, Mark, SetMargin, SetSettlementPrice};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::types::{AccountId, Nanoseconds};

use crate::desk::{DAY, INSTRUMENT, price, quantity};
use crate::money::MONEY;

/// The terms of a line.
pub fn terms(words: &[&str]) -> SetMargin {
    let mut set = SetMargin {
        instrument: INSTRUMENT,
        money: MONEY,
        settlement_price: price(1),
        initial_bp: 1_000,
        maintenance_bp: 1_000,
        call_deadline: Nanoseconds(0),
        position_limit: None,
    };
    for word in words {
        let (key, value) = word.split_once('=').expect("a term is KEY=VALUE");
        let value = number(value);
        match key {
            "settle" => set.settlement_price = price(value),
            "initial" => set.initial_bp = value as u16,
            "maintenance" => set.maintenance_bp = value as u16,
            "deadline" => set.call_deadline = Nanoseconds(value * 1_000_000_000),
            "limit" => set.position_limit = Some(quantity(value)),
            other => panic!("no such term: {other}"),
        }
    }
    set
}

/// The command of a line about margin, if it is one.
pub fn body(words: &[&str]) -> Option<Body> {
    let instrument = INSTRUMENT;
    Some(Body::Margin(match words[0] {
        "settlement" => {
            let price = price(number(words[1]));
            MarginCommand::SetSettlementPrice(SetSettlementPrice { instrument, price })
        }
        "mark" => MarginCommand::Mark(Mark { instrument }),
        _ => return None,
    }))
}

/// The answer to a line that only asks.
pub fn tell(engine: &Engine, words: &[&str]) -> Option<String> {
    if words[0] == "collected" {
        let mut positions = engine.clearing().ledger().positions().iter();
        let pool = Holder::Clearing(INSTRUMENT);
        let pool = positions.find(|position| position.holder() == pool)?;
        return Some(format!("collected {}", pool.available));
    }
    let account = AccountId::new(number(words[1]) as u32);
    let margin = engine.clearing().margin();
    let row = margin.row_of(account, INSTRUMENT)?;
    let (net, held, required) = (row.net, row.held, margin.required(row));
    let call = match row.call {
        Call::None => String::new(),
        Call::Until(at) => {
            let at = at.nanoseconds() - DAY.nanoseconds();
            format!(" called until {at}")
        }
        Call::Waiting => " called, overdue".to_owned(),
    };
    Some(format!("net {net} margin {held} of {required}{call}"))
}

fn number(word: &str) -> i64 {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"))
}
