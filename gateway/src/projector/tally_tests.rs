//! The balance before any place, found by a seek and a bounded number of rows: over restarts, in a
//! folder without checkpoints, and with bytes that are not a checkpoint's.

use std::collections::BTreeMap;
use std::path::Path;

use engine::types::{AccountId, AssetId, InstrumentId, Time};
use rocksdb::IteratorMode;

use super::postings::{PostingPlace, PostingRow};
use super::row_tests::{hex, unhex};
use super::rows::RowError;
use super::tallies::{CHECKPOINT_EVERY, Kind, Opening, Tally};
use super::testing::{ACCOUNTS, Exchange};
use super::tests::{block, feed, open};
use super::*;

/// Looks that halve the checkpoints of a test's account.
const HALVINGS_MAX: u64 = 10;

fn all(history: &History, account: AccountId) -> Vec<PostingRow> {
    let query = PostingsQuery {
        account,
        asset: None,
        from: PostingPlace::FIRST,
        until: None,
        limit: usize::MAX,
    };
    let (mut rows, mut from) = (Vec::new(), PostingPlace::FIRST);
    loop {
        let page = history.postings(&PostingsQuery { from, ..query });
        let page = page.expect("reads");
        rows.extend(page.postings);
        let Some(next) = page.next else { return rows };
        from = next;
    }
}

fn sums(rows: &[PostingRow]) -> Vec<(Kind, i128)> {
    let mut sums = BTreeMap::new();
    for row in rows {
        let (asset, lots_of) = (row.asset, row.lots_of());
        *sums.entry(Kind { asset, lots_of }).or_default() += i128::from(row.amount);
    }
    sums.into_iter().collect()
}

/// Openings at many places of every account are what the postings before them sum to; answers the
/// most rows that one looked at, and the most postings an account has.
fn check(history: &History) -> (u64, usize) {
    let (mut looked, mut most) = (0, 0);
    let mut one = |opening: Opening, from: PostingPlace, before: &[PostingRow]| {
        assert_eq!((opening.from, opening.sums), (from, sums(before)));
        looked = looked.max(opening.looked);
    };
    for account in (0..ACCOUNTS).map(AccountId::new) {
        let rows = all(history, account);
        most = most.max(rows.len());
        for at in (0..rows.len()).step_by(37) {
            let place = rows[at].place;
            let opening = history.opening(account, |one| one >= place);
            one(opening.expect("reads"), place, &rows[..at]);
            let opening = history.opening(account, |one| one.time >= place.time);
            let at = rows.partition_point(|row| row.place.time < place.time);
            one(opening.expect("reads"), rows[at].place, &rows[..at]);
        }
        let end = rows.last().expect("some").place.next();
        let opening = history.opening(account, |_| false);
        one(opening.expect("reads"), end, &rows);
    }
    let nobody = AccountId::new(ACCOUNTS + 1);
    let opening = history.opening(nobody, |_| false).expect("reads");
    one(opening, PostingPlace::FIRST, &[]);
    (looked, most)
}

fn checkpoints(path: &Path) -> BTreeMap<Box<[u8]>, Box<[u8]>> {
    let store = Store::open(path, Sequence::new(u64::MAX)).expect("opens");
    let family = store.family(Family::Checkpoints).expect("there");
    let entries = store.db().iterator_cf(&family, IteratorMode::Start);
    entries.map(|entry| entry.expect("reads")).collect()
}

#[test]
fn an_opening_costs_a_bounded_number_of_rows_over_restarts_too() {
    let exchange = Exchange::run(31, 9_000);
    let total = exchange.commands.len();
    let folder = tempfile::tempdir().expect("a folder");
    let whole = tempfile::tempdir().expect("a folder");
    for part in 0..4 {
        let (projector, cursor) = open(folder.path(), total);
        let from = cursor.value() as usize;
        feed(&projector, &exchange, from, total * (part + 1) / 4, 100);
        block(projector.history().catch_up()).expect("written");
        let (looked, most) = check(&projector.history());
        assert!(looked <= CHECKPOINT_EVERY + HALVINGS_MAX, "{looked} rows");
        assert!(part < 3 || most as u64 > 3 * CHECKPOINT_EVERY, "{most}");
        projector.stop();
    }
    let (projector, _) = open(whole.path(), total);
    feed(&projector, &exchange, 0, total, 1_000);
    projector.stop();
    let there = checkpoints(whole.path());
    assert!(there.len() > 3 && checkpoints(folder.path()) == there);
}

#[test]
fn a_folder_without_checkpoints_is_summed_up_and_has_some_from_then_on() {
    let exchange = Exchange::run(32, 6_000);
    let (total, half) = (exchange.commands.len(), exchange.commands.len() / 2);
    let folder = tempfile::tempdir().expect("a folder");
    let (projector, _) = open(folder.path(), total);
    feed(&projector, &exchange, 0, half, 100);
    projector.stop();
    let before = checkpoints(folder.path());
    let store = Store::open(folder.path(), Sequence::new(u64::MAX)).expect("opens");
    let family = store.family(Family::Checkpoints).expect("there");
    for key in before.keys() {
        store.db().delete_cf(&family, key).expect("deletes");
    }
    drop(family);
    drop(store);
    let (projector, _) = open(folder.path(), total);
    check(&projector.history());
    feed(&projector, &exchange, half, total, 100);
    block(projector.history().catch_up()).expect("written");
    check(&projector.history());
    projector.stop();
    let after = checkpoints(folder.path());
    assert!(!before.is_empty() && !after.is_empty());
    assert!(after.keys().all(|one| !before.contains_key(one)));
}

#[test]
fn a_checkpoint_of_version_2() {
    let golden = "0206e9071d8002020100d4feffffffffffffffffffffffffffff\
                  0201032c010000000000000000000000000000";
    let tally = Tally::decode(&unhex(golden)).expect("reads");
    assert_eq!(tally.number(), Some(1));
    let mut bytes = Vec::new();
    tally.encode(&mut bytes);
    assert_eq!(hex(&bytes), golden);
    let money = Kind {
        asset: AssetId::new(1),
        lots_of: None,
    };
    let lots = Kind {
        asset: AssetId::new(2),
        lots_of: Some(InstrumentId::new(3)),
    };
    assert_eq!(tally.sums(), [(money, -300), (lots, 300)]);
    assert_eq!(tally.place().time, Time::new(6).expect("small"));
    for cut in 0..bytes.len() {
        assert!(Tally::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    // Sums out of order; the count of postings is 256.
    let twice = golden.replace("020103", "010103");
    assert!(
        Tally::decode(&unhex(&twice)).is_ok(),
        "lots of the same asset"
    );
    let twice = golden.replace("0201032c", "01002c");
    assert!(
        Tally::decode(&unhex(&twice)).is_err(),
        "the same kind twice"
    );
    bytes[0] = 1;
    assert_eq!(Tally::decode(&bytes), Err(RowError::Version(1)));
}
