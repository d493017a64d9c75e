//! One journal gives the same events, byte for byte, in two engines and in a second process.
//!
//! Debug and release: `examples/replay_hash` prints the same line, to be run in both profiles. Not
//! here: the journal on disk (`durability`).

use crate::sample;
use std::process::Command as Process;

use sanjiang_engine::runtime::ReplayError;

const SECOND: &str = "SANJIANG_TEST_SECOND_PROCESS";
const ORDERS: u64 = 20_000;

#[test]
fn a_journal_replays_to_the_same_bytes_however_it_was_batched() {
    let expected = sample::replay(&sample::write(ORDERS, 256)).expect("replayed");
    assert_eq!(expected.commands, ORDERS + 9);
    assert!(expected.events > ORDERS, "orders are answered");
    for batch in [1, 7, 4_096] {
        let sample = sample::write(ORDERS, batch);
        for _ in 0..2 {
            assert_eq!(sample::replay(&sample), Ok(expected), "batches of {batch}");
        }
    }
}

#[test]
fn a_second_process_replays_to_the_same_bytes() {
    if std::env::var_os(SECOND).is_some() {
        let outcome = sample::replay(&sample::write(ORDERS, 100)).expect("replayed");
        println!("outcome: {outcome}");
        return;
    }
    let expected = sample::replay(&sample::write(ORDERS, 100)).expect("replayed");
    let output = Process::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "replay::a_second_process_replays_to_the_same_bytes",
            "--nocapture",
        ])
        .env(SECOND, "1")
        .output()
        .expect("it ran");
    let text = String::from_utf8(output.stdout).expect("text");
    let said = text.lines().find_map(|line| line.strip_prefix("outcome: "));
    assert_eq!(said, Some(expected.to_string().as_str()));
}

#[test]
fn a_record_out_of_place_is_not_applied() {
    let sample = sample::write(100, 10);
    let first = 4 + u32::from_le_bytes(sample[..4].try_into().expect("four")) as usize;
    let error = sample::replay(&sample[first..]).expect_err("the first record is missing");
    assert!(matches!(error, ReplayError::Sequence { .. }), "{error}");
    let twice = [&sample[..first], &sample[..]].concat();
    let error = sample::replay(&twice).expect_err("the first record comes twice");
    assert!(matches!(error, ReplayError::Sequence { .. }), "{error}");
}
