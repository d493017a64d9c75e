//! Postings: their bytes, that they say what trades and custodians moved, and that a folder of a
//! build before them is read.

use std::collections::BTreeMap;

use engine::command::Direction;
use engine::event::{CustodyStatus, Event};
use engine::types::{
    AccountId, AssetId, ContractId, CustodianId, InstrumentId, Name, OrderId, Sequence, ShardId,
    Time, TradeId, TransferId,
};
use rocksdb::{DB, Options};

use super::contracts::ContractPart;
use super::postings::{CorrectionPart, PostingCause, PostingPlace, PostingRow, TradePart};
use super::row_tests::{hex, unhex};
use super::rows::RowError;
use super::testing::{ACCOUNTS, Exchange};
use super::testing_money::{MONEY, is_cleared};
use super::tests::{block, feed, open};
use super::*;

fn time(nanoseconds: i64) -> Time {
    Time::new(nanoseconds).expect("small")
}

fn row(cause: PostingCause) -> PostingRow {
    PostingRow {
        place: PostingPlace {
            time: time(6),
            sequence: Sequence::new(1_001),
            index: 29,
        },
        account: AccountId::new(3),
        asset: AssetId::new(1),
        amount: -300,
        cause,
    }
}

#[test]
fn a_posting_of_version_2() {
    let custody = row(PostingCause::Custody {
        direction: Direction::Withdrawal,
        instruction: Sequence::new(1_000),
        custodian: CustodianId::new(2),
        reference: Name::new("b7").expect("short"),
    });
    let trade = row(PostingCause::Trade {
        part: TradePart::Fee,
        trade: TradeId {
            shard: 1,
            epoch: 2,
            sequence: 1_001,
            index: 3,
        },
        instrument: InstrumentId::new(4),
        order: OrderId {
            sequence: 1_000,
            slot: 2,
        },
    });
    let corrected = row(PostingCause::Correction {
        part: CorrectionPart::Owed,
        trade: TradeId {
            shard: 1,
            epoch: 2,
            sequence: 1_001,
            index: 3,
        },
        instrument: InstrumentId::new(4),
        order: OrderId {
            sequence: 1_000,
            slot: 2,
        },
    });
    let repaid = row(PostingCause::Repaid);
    let half = row(PostingCause::Half {
        transfer: TransferId::new(0x0102),
        shard: ShardId::new(5),
    });
    let transfer = row(PostingCause::Transfer {
        other: AccountId::new(300),
    });
    for (row, golden) in [
        (corrected, "0206e9071d0301d704270102e9070304e80702000000"),
        (repaid, "0206e9071d0301d70428"),
        (row(PostingCause::Credit), "0206e9071d0301d70406"),
        (
            half,
            "0206e9071d0301d704070201000000000000000000000000000005",
        ),
        (transfer, "0206e9071d0301d70408ac02"),
        (custody, "0206e9071d0301d70402e80702026237"),
        (trade, "0206e9071d0301d704050102e9070304e80702000000"),
    ] {
        let mut bytes = Vec::new();
        row.encode(&mut bytes);
        assert_eq!(hex(&bytes), golden);
        assert_eq!(PostingRow::decode(&unhex(golden)), Ok(row));
        for cut in 0..bytes.len() {
            assert!(PostingRow::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        bytes[0] = 1;
        assert_eq!(PostingRow::decode(&bytes), Err(RowError::Version(1)));
    }
}

#[test]
fn a_posting_of_a_contract_has_one_form() {
    for (part, tag) in [
        (ContractPart::Money, "2a"),
        (ContractPart::Goods, "2b"),
        (ContractPart::Fee, "2c"),
    ] {
        let contract = ContractId {
            sequence: 1_001,
            slot: 300,
        };
        let posting = row(PostingCause::Contract { part, contract });
        let golden = format!("0206e9071d0301d704{tag}e907ac02");
        let mut bytes = Vec::new();
        posting.encode(&mut bytes);
        assert_eq!(hex(&bytes), golden);
        assert_eq!(PostingRow::decode(&unhex(&golden)), Ok(posting));
    }
}

/// What each account was given of each asset, as the events say: minor units; lots of goods.
fn given(exchange: &Exchange) -> BTreeMap<(AccountId, AssetId), i64> {
    let mut sums = BTreeMap::new();
    let mut add = |account, asset, amount: i64| {
        *sums.entry((account, asset)).or_default() += amount;
    };
    for event in &exchange.events {
        if let Event::Trade(trade) = event
            && is_cleared(trade.instrument)
        {
            let goods = AssetId::new(trade.instrument.index() + 1);
            let (buy, sell) = (trade.buy, trade.sell);
            add(buy.account, MONEY, -trade.value - buy.fee);
            add(buy.account, goods, trade.quantity.lots());
            add(sell.account, MONEY, trade.value - sell.fee);
            add(sell.account, goods, -trade.quantity.lots());
        }
        if let Event::Custody(report) = event
            && report.status == CustodyStatus::Executed
        {
            let sign = match report.direction {
                Direction::Deposit => 1,
                Direction::Withdrawal => -1,
            };
            add(report.account, report.asset, sign * report.amount.units());
        }
    }
    sums
}

fn all(history: &History, mut query: PostingsQuery) -> Vec<PostingRow> {
    let mut all = Vec::new();
    loop {
        let page = history.postings(&query).expect("reads");
        assert!(page.postings.len() <= query.limit);
        all.extend(page.postings);
        let Some(next) = page.next else { return all };
        query.from = next;
    }
}

#[test]
fn postings_say_what_trades_and_custodians_moved() {
    let folder = tempfile::tempdir().expect("a folder");
    let exchange = Exchange::run(21, 900);
    let total = exchange.commands.len();
    let (projector, _) = open(folder.path(), total);
    feed(&projector, &exchange, 0, total, 100);
    let history = projector.history();
    block(history.catch_up()).expect("written");
    let mut sums = BTreeMap::new();
    let mut kinds = [0; 2];
    for account in (0..ACCOUNTS).map(AccountId::new) {
        let query = PostingsQuery {
            account,
            asset: None,
            from: PostingPlace::FIRST,
            until: None,
            limit: 7,
        };
        let rows = all(&history, query);
        assert!(rows.is_sorted_by(|one, other| one.place < other.place));
        for row in &rows {
            assert_eq!(row.account, account);
            *sums.entry((account, row.asset)).or_default() += row.amount;
            kinds[usize::from(matches!(row.cause, PostingCause::Trade { .. }))] += 1;
        }
        let money = all(
            &history,
            PostingsQuery {
                asset: Some(MONEY),
                ..query
            },
        );
        let mut wanted = rows.clone();
        wanted.retain(|row| row.asset == MONEY);
        assert_eq!(money, wanted);
        let (from, until) = (
            rows[rows.len() / 3].place.time,
            rows[rows.len() / 2].place.time,
        );
        let between = PostingsQuery {
            from: PostingPlace::since(from),
            until: Some(until),
            ..query
        };
        wanted.clone_from(&rows);
        wanted.retain(|row| (from..until).contains(&row.place.time));
        assert_eq!(all(&history, between), wanted);
        let after = PostingsQuery {
            from: rows[4].place.next(),
            ..query
        };
        assert_eq!(all(&history, after), rows[5..]);
    }
    assert!(kinds.iter().all(|count| *count > 20), "{kinds:?}");
    let posted = history.progress().posted;
    assert!(posted >= history.progress().traded && posted <= Sequence::new(total as u64));
    let mut expected = given(&exchange);
    expected.retain(|_, amount| *amount != 0);
    sums.retain(|_, amount| *amount != 0);
    assert_eq!(sums, expected);
}

#[test]
fn a_folder_from_before_postings_is_read_and_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    let before = Family::ALL.map(Family::name);
    let before = before
        .iter()
        .filter(|name| !["postings", "checkpoints", "clearing"].contains(name));
    let old = DB::open_cf(&options, folder.path(), before).expect("opens");
    let meta = old.cf_handle("meta").expect("there");
    old.put_cf(&meta, "layout", 1_u32.to_be_bytes())
        .expect("writes");
    old.put_cf(&meta, "cursor", 0_u64.to_be_bytes())
        .expect("writes");
    drop(meta);
    drop(old);
    assert_eq!(Store::reach(folder.path()), Ok(Sequence::ZERO));
    let exchange = Exchange::run(22, 50);
    let (projector, cursor) = open(folder.path(), exchange.commands.len());
    assert_eq!(cursor, Sequence::ZERO);
    feed(&projector, &exchange, 0, exchange.commands.len(), 10);
    projector.stop();
    assert!(Store::reach(folder.path()).expect("reads") > Sequence::ZERO);
}
