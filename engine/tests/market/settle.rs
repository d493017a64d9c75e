//! The words of scenario tables about settlement.
//!
//! `settle [days=N] [reverse=N] [holders=N] [count=current]` sets the instrument's settlement,
//! `nominee OWNER OWNER..` says for whom the first owner holds;
//! `calendar D..` gives the venue's calendar other days, `day D` goes to the begin of a day; day 1
//! is the first, and a Friday. `waits ACCOUNT` tells what waits and after how many rolls it is
//! free, `holders` how many there are.
//!
//! Invariant: as in `words`. Not here: orders, money.

use sanjiang_engine::command::{
    Body, HolderCount, SetCalendar, SetNominee, SetSettlement, SettlementCommand,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::types::{AccountId, Name, Nanoseconds, OwnerId};

use crate::desk::{INSTRUMENT, name};

/// The command of a line about settlement, if it is one.
pub fn body(words: &[&str]) -> Option<Body> {
    match words[0] {
        "settle" => Some(settle(&words[1..])),
        "nominee" => {
            let owner = |word: &&str| OwnerId::new(number(word) as u32);
            let set = SetNominee {
                nominee: owner(&words[1]),
                owners: words[2..].iter().map(owner).collect(),
            };
            Some(Body::Settlement(Box::new(SettlementCommand::SetNominee(
                set,
            ))))
        }
        "calendar" => Some(Body::SetCalendar(Box::new(SetCalendar {
            name: name("calendar"),
            utc_offset_seconds: 0,
            roll_time: Nanoseconds(0),
            days: words[1..].iter().map(|word| number(word) as i32).collect(),
        }))),
        _ => None,
    }
}

fn settle(words: &[&str]) -> Body {
    let mut set = SetSettlement {
        instrument: INSTRUMENT,
        days: 0,
        reverse_trade_days: 0,
        max_holders: None,
        holder_count: HolderCount::Cumulative,
        reference: Name::EMPTY,
    };
    for word in words {
        match word.split_once('=').expect("a term is KEY=VALUE") {
            ("days", value) => set.days = number(value) as u8,
            ("reverse", value) => set.reverse_trade_days = number(value) as u8,
            ("holders", value) => set.max_holders = Some(number(value) as u32),
            ("count", "current") => {
                (set.holder_count, set.reference) = (HolderCount::Current, name("letter 7"));
            }
            other => panic!("no such term: {other:?}"),
        }
    }
    Body::Settlement(Box::new(SettlementCommand::Set(set)))
}

/// The answer to a line that only asks, if it is one.
pub fn tell(engine: &Engine, words: &[&str]) -> Option<String> {
    match words[0] {
        "waits" => {
            let account = AccountId::new(number(words[1]) as u32);
            let rows = engine.clearing().unsettled(account).into_iter();
            let rows = rows.map(|row| {
                let (goods, money, rolls) = (row.goods, row.money, row.rolls);
                format!("goods {goods} money {money} in {rolls}")
            });
            let rows: Vec<String> = rows.collect();
            Some(if rows.is_empty() {
                "nothing".to_owned()
            } else {
                rows.join("; ")
            })
        }
        "holders" => {
            let known = engine.clearing().settlement(INSTRUMENT);
            let known = known.expect("the instrument has a settlement");
            Some(format!("{} and {} reserved", known.holders, known.reserved))
        }
        _ => None,
    }
}

fn number(word: &str) -> i64 {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"))
}
