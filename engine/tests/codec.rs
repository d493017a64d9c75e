//! The bytes of commands: any command reads back, no bytes panic, old bytes stay readable.
//!
//! Invariant: `golden/commands_v1.bin` is never changed once released; a new version of a command
//! gets a file of its own beside it (`SANJIANG_PRINT_GOLDEN=1` prints today's bytes). Not here:
//! single errors and sizes (`codec_tests`), batches on disk (`durability`).

#![allow(clippy::disallowed_methods)] // a test may read files

#[path = "golden/duties.rs"]
mod duties;
#[path = "golden/commands.rs"]
mod golden;
#[path = "golden/baskets.rs"]
mod golden_baskets;
#[path = "golden/border.rs"]
mod golden_border;
#[path = "golden/nominees.rs"]
mod golden_nominees;
#[path = "golden/receipts.rs"]
mod golden_receipts;
#[path = "golden/regimes.rs"]
mod golden_regimes;
#[path = "golden/sales.rs"]
mod golden_sales;
#[path = "golden/switch.rs"]
mod golden_switch;

use crate::arbitrary;
use proptest::prelude::*;
use sanjiang_engine::bytes::Reader;
use sanjiang_engine::command::{BeginEpoch, Body, Command, EpochCause, Quarantine, Sequenced};
use sanjiang_engine::journal::codec::{self, CodecError};
use sanjiang_engine::types::{Sequence, Time};

fn batch(first: Sequence, parts: Vec<(Time, Command)>) -> Vec<Sequenced<Command>> {
    let mut sequence = first;
    let mut commands = Vec::new();
    for (time, value) in parts {
        commands.push(Sequenced {
            sequence,
            time,
            value,
        });
        sequence = sequence.next();
    }
    commands
}

fn encode(base: Time, commands: &[Sequenced<Command>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut previous = base;
    for command in commands {
        codec::encode(&mut out, previous, command);
        previous = command.time;
    }
    out
}

fn decode(bytes: &[u8], base: Time, count: usize) -> Result<Vec<Sequenced<Command>>, CodecError> {
    codec::decode_batch(bytes, base, Sequence::new(1), count as u32)
}

/// A command of any body; the acts of an operator on a stopped folder are drawn here only, since an
/// engine takes them only where they must stand.
fn command() -> BoxedStrategy<Command> {
    let act = prop::option::weighted(0.1, act_body().boxed());
    let drawn = (arbitrary::command().boxed(), act);
    let chosen = drawn.prop_map(|(mut command, act)| {
        command.body = act.unwrap_or(command.body);
        command
    });
    chosen.boxed()
}

fn act_body() -> impl Strategy<Value = Body> {
    let sequence = || any::<u64>().prop_map(Sequence::new);
    let cause = prop::sample::select(EpochCause::ALL.to_vec());
    let lost = prop::option::of((sequence(), sequence()));
    prop_oneof![
        (any::<u32>(), cause, lost).prop_map(|(epoch, cause, lost)| Body::BeginEpoch(BeginEpoch {
            epoch,
            cause,
            lost
        })),
        sequence().prop_map(|sequence| Body::Quarantine(Quarantine { sequence })),
    ]
}

// A failing case is printed with its values; a file of seeds beside the tests is not kept.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_batch_reads_back_to_the_same_bytes(
        mut times in prop::collection::vec(arbitrary::time(), 6),
        commands in prop::collection::vec(command(), 0..6),
    ) {
        times.sort();
        let base = times.remove(0);
        let commands = batch(Sequence::new(1), times.into_iter().zip(commands).collect());
        let bytes = encode(base, &commands);
        let read = decode(&bytes, base, commands.len()).expect("own bytes");
        prop_assert_eq!(&read, &commands);
        prop_assert_eq!(encode(base, &read), bytes);
    }

    #[test]
    fn a_changed_byte_is_refused_or_has_that_one_form(
        time in arbitrary::time(),
        command in command(),
        place in any::<prop::sample::Index>(),
        flip in 1..=u8::MAX,
        cut in any::<prop::sample::Index>(),
    ) {
        let commands = batch(Sequence::new(1), vec![(time, command)]);
        let mut bytes = encode(Time::ZERO, &commands);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())], Time::ZERO, 1).is_err());
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        if let Ok(read) = decode(&bytes, Time::ZERO, 1) {
            prop_assert_eq!(encode(Time::ZERO, &read), bytes);
        }
    }

    #[test]
    fn no_bytes_panic(
        kind in 0..=40_u8,
        version in 0..=2_u8,
        body in prop::collection::vec(any::<u8>(), 0..200),
        marks in 0..16_u8,
    ) {
        // Plain noise, and noise inside the frame of a command, where it gets further.
        let noise = codec::decode(&mut Reader::new(&body), Time::ZERO, Sequence::new(1));
        if let Ok(command) = noise {
            let written = encode(Time::ZERO, &[command]);
            prop_assert_eq!(&written[..], &body[..written.len()]);
        }
        let mut framed = vec![kind, version];
        let inner = [&[0, marks, 0][..], &body].concat();
        sanjiang_engine::bytes::put_bytes(&mut framed, &inner);
        if let Ok(read) = decode(&framed, Time::ZERO, 1) {
            prop_assert_eq!(encode(Time::ZERO, &read), framed);
        }
    }

    #[test]
    fn the_payload_hash_follows_the_command(
        one in command(),
        other in command(),
    ) {
        let hash = codec::payload_hash(&one);
        prop_assert_eq!(codec::payload_hash(&one), hash);
        let renamed = Command { envelope: sanjiang_engine::command::Envelope {
            identity: other.envelope.identity,
            ..one.envelope.clone()
        }, body: one.body.clone() };
        prop_assert_eq!(codec::payload_hash(&renamed), hash);
        let same = other.body == one.body
            && other.envelope.principal == one.envelope.principal
            && other.envelope.valid_until == one.envelope.valid_until
            && other.envelope.authority == one.envelope.authority;
        prop_assert_eq!(codec::payload_hash(&other) == hash, same);
    }
}

const GOLDEN: &[u8] = include_bytes!("golden/commands_v1.bin");
const GOLDEN_ACTS: &[u8] = include_bytes!("golden/acts_v1.bin");
const GOLDEN_CLEARING: &[u8] = include_bytes!("golden/clearing_v1.bin");
const GOLDEN_STANDING: &[u8] = include_bytes!("golden/standing_v1.bin");
const GOLDEN_SWITCH: &[u8] = include_bytes!("golden/switch_v1.bin");
const GOLDEN_LIMITS: &[u8] = include_bytes!("golden/limits_v1.bin");
const GOLDEN_RECEIPTS: &[u8] = include_bytes!("golden/receipts_v1.bin");
const GOLDEN_CORRECTIONS: &[u8] = include_bytes!("golden/corrections_v1.bin");
const GOLDEN_CREDIT: &[u8] = include_bytes!("golden/credit_v1.bin");
const GOLDEN_SETTLEMENT: &[u8] = include_bytes!("golden/settlement_v1.bin");
const GOLDEN_NOMINEES: &[u8] = include_bytes!("golden/nominees_v1.bin");
const GOLDEN_MARGIN: &[u8] = include_bytes!("golden/margin_v1.bin");
const GOLDEN_REGIMES: &[u8] = include_bytes!("golden/regimes_v1.bin");
const GOLDEN_SALES: &[u8] = include_bytes!("golden/sales_v1.bin");
const GOLDEN_BASKETS: &[u8] = include_bytes!("golden/baskets_v1.bin");
const GOLDEN_CONTRACTS: &[u8] = include_bytes!("golden/contracts_v1.bin");
const GOLDEN_BORDER: &[u8] = include_bytes!("golden/border_v1.bin");

#[test]
fn bytes_of_version_1_still_read_as_the_same_commands() {
    let all = [
        (golden::commands(), GOLDEN, 20),
        (golden::acts(), GOLDEN_ACTS, 2),
        (golden::clearing(), GOLDEN_CLEARING, 8),
        (duties::standing(golden::base()), GOLDEN_STANDING, 1),
        (golden_switch::switches(), GOLDEN_SWITCH, 1),
        (duties::limits(golden::base()), GOLDEN_LIMITS, 1),
        (golden_receipts::commands(), GOLDEN_RECEIPTS, 1),
        (golden::corrections(), GOLDEN_CORRECTIONS, 1),
        (golden::credit(), GOLDEN_CREDIT, 1),
        (golden::settlement(), GOLDEN_SETTLEMENT, 1),
        (golden_nominees::nominees(), GOLDEN_NOMINEES, 1),
        (golden::margin(), GOLDEN_MARGIN, 1),
        (golden_sales::sales(), GOLDEN_SALES, 1),
        (golden_sales::contracts(), GOLDEN_CONTRACTS, 3),
        (golden_regimes::regimes(), GOLDEN_REGIMES, 1),
        (golden_baskets::baskets(), GOLDEN_BASKETS, 2),
        (golden_border::uses(), GOLDEN_BORDER, 1),
    ];
    for (commands, bytes, kinds) in all {
        still_read(batch(Sequence::new(1), commands), bytes, kinds);
    }
}

fn still_read(commands: Vec<Sequenced<Command>>, golden: &[u8], kinds: usize) {
    let written = encode(golden::base(), &commands);
    if std::env::var_os("SANJIANG_PRINT_GOLDEN").is_some() {
        print!("golden ");
        for byte in &written {
            print!("{byte:02x}");
        }
        println!();
    }
    let read = decode(golden, golden::base(), commands.len());
    assert_eq!(read, Ok(commands));
    assert_eq!(
        written, golden,
        "the bytes of a released version never change"
    );
    assert_eq!(
        golden::kinds(&read.expect("it was compared")),
        kinds,
        "one of every command at least"
    );
}
