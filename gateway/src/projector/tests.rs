//! The projector against a made-up exchange: what is kept, found again, rebuilt and followed.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use engine::command::{Body, Identity};
use engine::event::{Cause, Counters, ExecType};
use engine::reject::RejectReason;
use engine::types::{AccountId, ClientId, InstrumentId, OrderId, ParticipantId};
use rocksdb::IteratorMode;

use super::contracts::PrivateRow;
use super::rows::{ExecutionKind, ExecutionRow, FirstAnswer};
use super::testing::{ACCOUNTS, Exchange, INSTRUMENTS, participant_of, rejected};
use super::*;

pub(super) fn open(path: &Path, journal_last: usize) -> (Projector, Sequence) {
    let fatal = Box::new(|text: &str| panic!("{text}"));
    Projector::open(path, Sequence::new(journal_last as u64), fatal).expect("opens")
}

/// Feeds the commands `from..to` in runs of at most `run`.
pub(super) fn feed(projector: &Projector, exchange: &Exchange, from: usize, to: usize, run: usize) {
    let mut place = from;
    while place < to {
        let next = (place + run).min(to);
        projector.feed(&exchange.released(place, next).borrow());
        place = next;
    }
}

/// Every key and value of every family.
fn dump(path: &Path) -> BTreeMap<(&'static str, Vec<u8>), Vec<u8>> {
    let store = Store::open(path, Sequence::new(u64::MAX)).expect("opens");
    let mut all = BTreeMap::new();
    for family in Family::ALL {
        let handle = store.family(family).expect("there");
        for entry in store.db().iterator_cf(&handle, IteratorMode::Start) {
            let (key, value) = entry.expect("reads");
            all.insert((family.name(), key.into_vec()), value.into_vec());
        }
    }
    all
}

/// The reports of orders; the made-up exchange has no others.
fn executions(history: &History, owner: Owner, from: u64, limit: usize) -> Vec<ExecutionRow> {
    let rows = history.executions(owner, from, limit).expect("reads");
    rows.iter().map(execution).collect()
}

/// The report of a first answer.
fn report_of(first: Option<First>) -> ExecutionRow {
    let report = first.expect("is there").report;
    execution(&report.expect("a report"))
}

fn execution(row: &PrivateRow) -> ExecutionRow {
    match row {
        PrivateRow::Execution(row) => *row,
        PrivateRow::Contract(row) => panic!("there are no contracts: {row:?}"),
    }
}

pub(super) fn block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn every_report_and_every_order_is_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let exchange = Exchange::run(1, 600);
    let total = exchange.commands.len();
    let (projector, cursor) = open(folder.path(), total);
    assert_eq!(cursor, Sequence::ZERO);
    feed(&projector, &exchange, 0, total, 50);
    let history = projector.history();
    block(history.catch_up()).expect("written");
    assert_eq!(
        history.progress().projected,
        exchange.commands[total - 1].sequence
    );

    let mut seen = 0;
    for account in 0..ACCOUNTS {
        let owner = Owner::Account(AccountId::new(account));
        let rows = executions(&history, owner, 0, usize::MAX >> 1);
        let counters: Vec<u64> = rows.iter().map(|row| row.counters.account).collect();
        let expected: Vec<u64> = (1..=exchange.counter(account)).collect();
        assert_eq!(counters, expected);
        assert!(
            rows.iter()
                .all(|row| row.account == AccountId::new(account))
        );
        seen += rows.len();
        let tail = executions(&history, owner, 5, 3);
        assert_eq!(tail, rows[4..7]);
    }
    for participant in 0..=participant_of(ACCOUNTS - 1) {
        let owner = Owner::Participant(ParticipantId::new(participant));
        let rows = executions(&history, owner, 1, usize::MAX >> 1);
        let counters: Vec<u64> = rows.iter().map(|row| row.counters.participant).collect();
        let expected: Vec<u64> = (1..=exchange.participant_counter(participant)).collect();
        assert_eq!(counters, expected);
        seen -= rows.len();
    }
    assert_eq!(seen, 0, "both kinds of stream carry the same reports");

    for made in exchange.orders.values() {
        let row = history.order(made.id).expect("reads").expect("is there");
        assert_eq!(row.standing.status, made.status);
        assert_eq!(row.standing.quantity, made.quantity);
        assert_eq!(row.standing.cumulative, made.cumulative);
        assert_eq!(row.standing.leaves, made.leaves());
        assert_eq!(row.standing.price, Some(made.price));
        assert_eq!(row.standing.notional, made.notional);
        assert_eq!(row.standing.held, made.held());
        assert_eq!((row.account, row.side), (made.account, made.side));
        assert_eq!(row.origin.identity, made.identity);
        if let Identity::Request(id) = made.identity {
            let found = history
                .order_by_client_id(made.account, &id)
                .expect("reads");
            assert_eq!(found, Some(row));
        }
        let other = OrderId {
            slot: made.id.slot + 1,
            ..made.id
        };
        assert_eq!(history.order(other).expect("reads"), None);
    }
    projector.stop();
}

#[test]
fn a_report_tells_what_its_order_was_and_whom_it_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let exchange = Exchange::run(2, 800);
    let total = exchange.commands.len();
    let (projector, _) = open(folder.path(), total);
    feed(&projector, &exchange, 0, total, 64);
    let history = projector.history();
    block(history.catch_up()).expect("written");
    let mut kinds = [0_usize; 3];
    for account in 0..ACCOUNTS {
        let owner = Owner::Account(AccountId::new(account));
        for row in executions(&history, owner, 1, 1 << 20) {
            let command = &exchange.commands[row.exec.sequence as usize - 1];
            assert_eq!(row.time, command.time);
            assert_eq!((row.exec.shard, row.exec.epoch), (7, 1));
            let identity = command.value.envelope.identity;
            let Some(made) = exchange.orders.get(&row.order.sequence) else {
                assert_eq!(row.order, OrderId::rejected(command.sequence));
                assert_eq!((row.answers, row.original()), (identity, None));
                continue;
            };
            let asked = !matches!(command.value.body, Body::Tick);
            if asked {
                assert_eq!(row.answers, identity);
                kinds[0] += 1;
            } else {
                assert_eq!(row.answers, made.identity);
                kinds[1] += 1;
            }
            let own = match made.identity {
                Identity::Request(id) if asked && command.sequence.value() != made.id.sequence => {
                    kinds[2] += 1;
                    Some(id)
                }
                Identity::Request(_) | Identity::Session { .. } | Identity::Internal => None,
            };
            assert_eq!(row.original(), own);
            assert_eq!(
                row.trade_id().is_some(),
                matches!(row.kind, ExecutionKind::Trade { .. })
            );
        }
    }
    assert!(kinds.iter().all(|count| *count > 10), "{kinds:?}");
}

#[test]
fn rebuilt_from_nothing_it_is_the_same_bytes() {
    let exchange = Exchange::run(3, 500);
    let total = exchange.commands.len();
    let whole = tempfile::tempdir().expect("a folder");
    let (projector, _) = open(whole.path(), total);
    feed(&projector, &exchange, 0, total, total);
    projector.stop();

    let parts = tempfile::tempdir().expect("a folder");
    let mut place = 0;
    for step in [1, 7, 100, 3, 250, 1_000] {
        let (projector, cursor) = open(parts.path(), total);
        assert_eq!(cursor, Sequence::new(place as u64));
        let next = (place + step).min(total);
        feed(&projector, &exchange, place, next, 13);
        projector.stop();
        place = next;
    }
    assert_eq!(dump(whole.path()), dump(parts.path()));
}

#[test]
fn it_goes_on_from_every_cursor() {
    let exchange = Exchange::run(4, 24);
    let total = exchange.commands.len();
    let whole = tempfile::tempdir().expect("a folder");
    let (projector, _) = open(whole.path(), total);
    feed(&projector, &exchange, 0, total, 1);
    projector.stop();
    let expected = dump(whole.path());
    for cut in 0..=total {
        let folder = tempfile::tempdir().expect("a folder");
        let (projector, _) = open(folder.path(), total);
        feed(&projector, &exchange, 0, cut, 1);
        projector.stop();
        let (projector, cursor) = open(folder.path(), total);
        assert_eq!(cursor, Sequence::new(cut as u64));
        assert_eq!(projector.cursor(), cursor, "what a start finds is on disk");
        feed(&projector, &exchange, cut, total, 9);
        projector.stop();
        assert_eq!(dump(folder.path()), expected, "cut at {cut}");
    }
}

#[test]
fn orders_come_in_pages_newest_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let exchange = Exchange::run(5, 700);
    let total = exchange.commands.len();
    let (projector, _) = open(folder.path(), total);
    feed(&projector, &exchange, 0, total, 100);
    let history = projector.history();
    block(history.catch_up()).expect("written");
    let account = AccountId::new(1);
    for (instrument, status) in [
        (None, StatusFilter::All),
        (None, StatusFilter::Live),
        (Some(InstrumentId::new(2)), StatusFilter::All),
        (Some(InstrumentId::new(0)), StatusFilter::Live),
    ] {
        let mut query = OrdersQuery {
            account,
            instrument,
            status,
            before: None,
            limit: 3,
        };
        let mut found = Vec::new();
        loop {
            let page = history.orders(&query).expect("reads");
            assert!(page.orders.len() <= 3);
            found.extend(page.orders.iter().map(|row| row.order.sequence));
            query.before = page.next;
            if query.before.is_none() {
                break;
            }
        }
        let wanted = exchange.commands.iter().rev().filter_map(|command| {
            let Body::NewOrder(order) = command.value.body else {
                return None;
            };
            let ended = exchange
                .orders
                .get(&command.sequence.value())
                .is_none_or(|made| made.status.is_terminal());
            let fits = order.account == account
                && instrument.is_none_or(|one| one == order.instrument)
                && (status == StatusFilter::All || !ended);
            fits.then(|| command.sequence.value())
        });
        assert_eq!(found, wanted.collect::<Vec<_>>());
    }
}

#[test]
fn trades_are_found_by_instrument_and_by_sequence() {
    let folder = tempfile::tempdir().expect("a folder");
    let exchange = Exchange::run(6, 900);
    let total = exchange.commands.len();
    let (projector, _) = open(folder.path(), total);
    feed(&projector, &exchange, 0, total, 100);
    let history = projector.history();
    block(history.catch_up()).expect("written");
    let everything: HashSet<InstrumentId> = (0..INSTRUMENTS).map(InstrumentId::new).collect();
    let one = HashSet::from([InstrumentId::new(1)]);
    let none = HashSet::new();
    let read = |instruments: &HashSet<InstrumentId>, from: u64, limit: usize| {
        let mut query = TradesQuery {
            instruments,
            from: (Sequence::new(from), 0),
            limit,
        };
        let mut all = Vec::new();
        loop {
            let page = history.trades(&query).expect("reads");
            all.extend(page.trades);
            let Some(next) = page.next else { return all };
            query.from = next;
        }
    };
    let all = read(&none, 0, 7);
    assert!(all.len() > 50, "{}", all.len());
    assert!(all.is_sorted_by_key(|row| (row.trade.sequence, row.trade.index)));
    assert_eq!(read(&everything, 0, 1_000), all);
    let mut ones = all.clone();
    ones.retain(|row| row.instrument == InstrumentId::new(1));
    assert_eq!(read(&one, 0, 5), ones);
    let middle = all[all.len() / 2].trade.sequence;
    let mut later = all.clone();
    later.retain(|row| row.trade.sequence >= middle);
    assert_eq!(read(&none, middle, 4), later);
    assert_eq!(
        history.last_trade(InstrumentId::new(1)).expect("reads"),
        ones.last().copied()
    );
    assert_eq!(
        history.last_trade(InstrumentId::new(9)).expect("reads"),
        None
    );
    assert_eq!(
        Some(history.progress().traded),
        all.last().map(|row| Sequence::new(row.trade.sequence))
    );
}

#[test]
fn first_answers_are_kept_for_commands_with_an_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut exchange = Exchange::run(7, 300);
    let again = ClientId::new("again").expect("short");
    let id = Identity::Request(again);
    let order = exchange.new_order();
    let made = exchange.make(order, id);
    let report = exchange.report(&made, ExecType::New, Cause::Request);
    exchange.release(id, Body::NewOrder(order), vec![report]);
    let kept = exchange.commands.len() as u64;
    // The same id with other content: refused uncounted, and it must not hide the first.
    let uncounted = Counters {
        account: 0,
        participant: 0,
    };
    for reason in [
        RejectReason::ClientOrderIdReused,
        RejectReason::UnknownAccount,
    ] {
        let named = OrderId::rejected(exchange.next_sequence());
        let event = rejected(&order, named, reason, uncounted);
        exchange.release(id, Body::NewOrder(order), vec![event]);
    }
    let total = exchange.commands.len();
    let (projector, _) = open(folder.path(), total);
    feed(&projector, &exchange, 0, total, 100);
    let history = projector.history();
    block(history.catch_up()).expect("written");

    let found = history
        .order_by_client_id(order.account, &again)
        .expect("reads");
    assert_eq!(found.map(|row| row.order), Some(made.id));
    let first = |sequence: u64| history.first(Sequence::new(sequence)).expect("reads");
    let answer = report_of(first(kept));
    assert_eq!(answer.order, made.id);
    assert_eq!(
        first(kept + 1),
        None,
        "a reused id has no first answer of its own"
    );
    let unknown = report_of(first(kept + 2));
    assert_eq!(
        unknown.reject.map(|it| it.reason),
        Some(RejectReason::UnknownAccount)
    );
    assert_eq!(history.order(unknown.order).expect("reads"), None);

    let mut kinds = [0_usize; 3];
    for command in &exchange.commands[..kept as usize - 1] {
        let first = first(command.sequence.value());
        let Identity::Request(_) = command.value.envelope.identity else {
            assert_eq!(first, None);
            continue;
        };
        let first = first.expect("every command with an id has its answer");
        assert_eq!(first.row.identity, command.value.envelope.identity);
        kinds[match first.row.answer.clone() {
            FirstAnswer::Counted(..) | FirstAnswer::Uncounted(_) => {
                let report = report_of(Some(first));
                assert_eq!(report.exec.sequence, command.sequence.value());
                assert_eq!(report.exec.index, 0);
                0
            }
            FirstAnswer::MassCancel { .. } => 1,
            FirstAnswer::Operation { .. } => 2,
            FirstAnswer::Offer(_) | FirstAnswer::Contract(_) => panic!("there are none"),
        }] += 1;
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

#[test]
fn followers_are_told_after_the_rows_can_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let exchange = Exchange::run(8, 400);
    let total = exchange.commands.len();
    let (projector, _) = open(folder.path(), total);
    let history = projector.history();
    let owner = Owner::Participant(ParticipantId::new(0));
    let mut counter = history.follow(owner).expect("few follow");
    let last = exchange.participant_counter(0);
    std::thread::scope(|scope| {
        scope.spawn(|| feed(&projector, &exchange, 0, total, 3));
        block(async {
            let mut next = 1;
            while next <= last {
                let rows = executions(&history, owner, next, 16);
                if rows.is_empty() {
                    counter.changed().await.expect("the projector runs");
                    let told = *counter.borrow_and_update();
                    assert!(!executions(&history, owner, told, 1).is_empty());
                }
                next += rows.len() as u64;
            }
        });
    });
    block(history.wait_for(Sequence::new(total as u64))).expect("comes");
    projector.stop();
    let beyond = block(history.wait_for(Sequence::new(total as u64 + 1)));
    assert_eq!(beyond, Err(HistoryError::Stopped));
}
