//! Tests of snapshots: every flipped bit is seen, the bytes of format 1 never change, files come
//! and go whole.

use super::*;
use crate::types::Nanoseconds;

fn small() -> Limits {
    Limits {
        orders_max: 64,
        levels_max: 16,
        stops_max: 8,
        venues_max: 2,
        instruments_max: 2,
        calendars_max: 2,
        participants_max: 2,
        owners_max: 2,
        accounts_max: 2,
        assets_max: 4,
        custodians_max: 4,
        positions_max: 16,
        credits_max: 2,
        haircuts_max: 2,
        transfers_max: 4,
        margin_rows_max: 8,
        margin_rows_per_tick: 2,
        rates_max: 4,
        instructions_max: 4,
        references_max: 8,
        risk_sets_max: 4,
        receipts_max: 8,
        receipt_numbers_max: 32,
        trades_kept_max: 8,
        receivables_max: 4,
        unsettled_max: 4,
        investors_max: 4,
        nominees_max: 2,
        terms_max: 4,
        offers_max: 16,
        contracts_max: 16,
        buyers_max: 16,
        campaigns_max: 16,
        entries_max: 16,
        tickets_max: 16,
        discounts_max: 4,
        discounts_per_seller_max: 4,
        discount_uses_max: 8,
        owing_max: 8,
        owing_per_seller_max: 2,
        guarantees_max: 16,
        annual_uses_max: 16,
        sessions_max: 2,
        requests_capacity: 8,
        switches_max: 2,
        sweep_rows_max: 8,
    }
}

fn empty_engine() -> Snapshot {
    let stamp = Stamp {
        shard: 2,
        epoch: 3,
        chain: Chain([5; 32]),
        semantics: 1,
        build: "sanjiang 三江口".to_owned(),
    };
    Snapshot::of(&Engine::new(small()), &stamp)
}

/// A snapshot whose contents this page decides, not the engine.
fn fixed() -> Snapshot {
    Snapshot {
        header: Header {
            shard: 1,
            epoch: 2,
            sequence: Sequence::new(3),
            time: Time::ZERO.after(Nanoseconds(4)),
            chain: Chain([5; 32]),
            state_hash: StateHash([6; 32]),
            event_hash: EventHash(7),
            semantics: 8,
            build: "golden".to_owned(),
        },
        sections: vec![
            (SectionId::Clock, b"clock".to_vec()),
            (SectionId::Orders, b"".to_vec()),
        ],
    }
}

#[test]
fn what_was_written_is_restored() {
    let snapshot = empty_engine();
    let read = Snapshot::decode(&snapshot.encode()).expect("whole");
    assert_eq!(read, snapshot);
    let engine = read.restore(small()).expect("sound");
    assert_eq!(engine.state_hash(), snapshot.header.state_hash);
}

#[test]
fn a_header_that_does_not_fit_its_sections_is_not_restored() {
    let mut snapshot = empty_engine();
    snapshot.header.sequence = Sequence::new(9);
    assert!(snapshot.restore(small()).is_err());
    let mut snapshot = empty_engine();
    snapshot.sections.pop();
    assert!(snapshot.restore(small()).is_err());
}

#[test]
fn every_flipped_bit_and_every_cut_is_seen() {
    let bytes = fixed().encode();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Snapshot::decode(&damaged).is_err(), "bit {bit} went unseen");
    }
    for length in 0..bytes.len() {
        assert!(Snapshot::decode(&bytes[..length]).is_err());
    }
}

#[test]
fn the_bytes_of_format_1_never_change() {
    let golden = include_bytes!("snapshot_v1.bin");
    assert_eq!(fixed().encode(), golden);
    assert_eq!(Snapshot::decode(golden), Ok(fixed()));
}

/// The sections but for what a build before the switches did not keep: the sessions of orders.
fn known_then(engine: &Engine) -> Vec<(SectionId, Vec<u8>)> {
    let mut sections = engine.encode_sections();
    sections.retain(|(section, _)| *section != SectionId::Switch);
    sections
}

/// A build whose engine had six sections wrote the file; it knew no money and held nothing.
#[test]
fn a_snapshot_of_the_rules_without_money_is_restored() {
    let golden = include_bytes!("snapshot_six.bin");
    let read = Snapshot::decode(golden).expect("whole");
    assert_eq!((read.sections.len(), read.header.semantics), (6, 1));
    assert_eq!(read.encode(), golden);
    let engine = read.restore(small()).expect("sound");
    // The clock's section holds the hash of events, which have more fields since.
    let today = known_then(&sample::traded(small()));
    assert_eq!(known_then(&engine)[1..8], today[1..8]);
    let mut forged = read;
    forged.header.state_hash = StateHash([6; 32]);
    assert!(forged.restore(small()).is_err());
}

/// A build whose engine had eight sections wrote the file: money, but no rules about who may trade.
#[test]
fn a_snapshot_of_the_first_rules_with_money_is_restored() {
    let golden = include_bytes!("snapshot_v2.bin");
    let read = Snapshot::decode(golden).expect("whole");
    assert_eq!((read.sections.len(), read.header.semantics), (8, 2));
    assert_eq!(read.encode(), golden);
    let engine = read.restore(small()).expect("sound");
    let today = known_then(&sample::cleared(small()));
    assert_eq!(known_then(&engine)[1..8], today[1..8]);
    // Whatever traded before is forgotten: those rules kept no trades.
    assert_eq!(engine.clearing().trades().kept(), 0);
}

#[test]
fn the_newest_two_are_kept_and_half_made_files_go() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(list(&folder.path().join("none")).expect("none"), []);
    for sequence in [5, 9, 12, 100] {
        let mut snapshot = fixed();
        snapshot.header.sequence = Sequence::new(sequence);
        write(folder.path(), &snapshot).expect("written");
    }
    std::fs::write(folder.path().join("snapshot_7.tmp"), b"half").expect("written");
    keep_newest(folder.path()).expect("kept");
    let kept: Vec<_> = list(folder.path()).expect("readable");
    let at: Vec<_> = kept.iter().map(|(at, _)| at.value()).collect();
    assert_eq!(at, [100, 12]);
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 2);
    assert_eq!(load(&kept[0].1).expect("whole").header.sequence, kept[0].0);
}

#[test]
fn a_long_name_of_a_build_is_cut_between_characters() {
    for length in 253..=257 {
        let name = format!("{}江江", "x".repeat(length - 3));
        let short = shortened(&name);
        assert!(short.len() <= 255 && name.starts_with(short));
        assert!(short.len() >= 253);
    }
}
