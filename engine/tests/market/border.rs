//! The words of scenario tables about cross-border retail.
//!
//! `customs OWNER USED [year=N] [real] [alone]` is what customs report of the year that runs, of a
//! demonstration unless `real`, approved by another principal unless `alone`; `imports OWNER YEAR`
//! tells what the demonstrations of this shard remember of it.
//!
//! Invariant: as in `words`. Not here: who buys what (`shop`).

use sanjiang_engine::command::{Authority, Body, Demonstration, SetAnnualUse};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::types::{OwnerId, PrincipalId};

use crate::words::{number, value};

/// The first year of scenarios; the second begins at 57,600 seconds of day 364.
const FIRST: u16 = 1_970;

fn owner(word: &str) -> OwnerId {
    OwnerId::new(number(word) as u32)
}

pub fn customs(words: &[&str]) -> (Body, Option<Box<Authority>>) {
    let set = SetAnnualUse {
        owner: owner(words[1]),
        year: value(words, "year").map_or(FIRST, |word| number(word) as u16),
        used: number(words[2]),
        demonstration: if words.contains(&"real") {
            Demonstration::Real
        } else {
            Demonstration::Demonstration
        },
    };
    let approved = !words.contains(&"alone");
    let authority = approved.then(|| {
        Box::new(Authority {
            approver: Some(PrincipalId::new(8)),
            ..Authority::default()
        })
    });
    (Body::SetAnnualUse(set), authority)
}

/// What an owner used of a year.
pub fn tell(engine: &Engine, words: &[&str]) -> String {
    let year = number(words[2]) as u16;
    let used = engine.annual_use(owner(words[1]), year, Demonstration::Demonstration);
    let (here, elsewhere) = (used.here, used.elsewhere);
    format!("of {year}: {here} here, {elsewhere} elsewhere")
}
