//! Any command, sensible or not, through the whole engine: nothing panics, the dry run answers
//! what happens, and an engine read back from its sections goes on in the same way.
//!
//! Invariant: what is drawn reaches deep since most handles are folded to ones that exist. Not
//! here: whether the answers are right (`operations`, `scenarios`, `model`).

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use sanjiang_engine::command::Command;
use sanjiang_engine::limits::Limits;

use super::fold;
use super::market::{self, Shard};
use crate::arbitrary;

/// What the engine must have said at least once.
const WORDS: [&str; 26] = [
    "New",
    "Canceled",
    "Replaced",
    "Rejected",
    "CancelRejected",
    "ReplaceRejected",
    "Expired",
    "Trade",
    "Delete",
    "mass",
    "phase",
    "status",
    "reference",
    "day",
    "session",
    "duplicate",
    "refused",
    "INVALID_COMBINATION",
    "INVALID_FIELD",
    "UNKNOWN_ORDER",
    "STALE_REQUEST",
    "SEQUENCE_GAP",
    "ALREADY_EXISTS",
    "MODEL_NOT_ALLOWED",
    "HALTED",
    "MARKET_CLOSED",
];

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}

/// What is drawn for one step: a command, how far it is folded, how much time passes before it,
/// whether it is sent once more.
type Step = (Command, u8, i64, bool);

fn step() -> impl Strategy<Value = Step> {
    let again = prop::bool::weighted(0.2);
    (arbitrary::command(), fold::dice(), fold::pass(), again)
}

/// A shard in trading with a session of the first principal.
fn shard() -> Shard {
    let mut shard = Shard::trading();
    shard.expect(market::internal(market::open("s")), "session 0 at 0");
    shard
}

/// Takes one step and gives what the engine said.
fn take((command, dice, pass, again): Step, shard: &mut Shard) -> String {
    shard.pass(pass);
    let command = fold::command(command, dice, shard);
    let mut said = shard.run(command.clone());
    if again {
        said = said + "\n" + &shard.run(command);
    }
    said
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn the_engine_takes_anything(steps in prop::collection::vec(step(), 1..60)) {
        let mut shard = shard();
        for step in steps {
            take(step, &mut shard);
            shard.read_back();
        }
    }
}

#[test]
fn what_is_drawn_reaches_the_answers_that_matter() {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(7),
        ..config(1)
    });
    let mut seen = BTreeSet::new();
    for _ in 0..600 {
        let mut shard = shard();
        for _ in 0..60 {
            let drawn = step().new_tree(&mut runner).expect("nothing is filtered");
            let said = take(drawn.current(), &mut shard);
            seen.extend(said.split([' ', '\n', '(']).map(str::to_owned));
        }
    }
    let missing: Vec<_> = WORDS.iter().filter(|word| !seen.contains(**word)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
}

#[test]
fn a_build_with_less_room_refuses_what_it_cannot_hold() {
    let mut shard = Shard::trading();
    shard.expect(
        market::request("a", market::buy(1, 100)),
        "#0 New 1@100 count 1/1\nAdd 1@100",
    );
    let whole = market::LIMITS;
    for tight in [
        Limits {
            orders_max: 0,
            ..whole
        },
        Limits {
            venues_max: 0,
            ..whole
        },
        Limits {
            instruments_max: 0,
            ..whole
        },
        Limits {
            calendars_max: 0,
            ..whole
        },
        Limits {
            participants_max: 0,
            ..whole
        },
        Limits {
            owners_max: 1,
            ..whole
        },
        Limits {
            accounts_max: 1,
            ..whole
        },
        Limits {
            requests_capacity: 0,
            ..whole
        },
    ] {
        assert!(shard.read_with(tight).is_err(), "{tight:?}");
    }
    assert!(shard.read_with(whole).is_ok());
}
