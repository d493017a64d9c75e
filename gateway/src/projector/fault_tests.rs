//! The projector at its bounds: a full queue, a foreign folder, events that contradict each other.

use std::sync::atomic::{AtomicUsize, Ordering};

use engine::command::{Body, Identity};
use engine::event::{Cause, ExecType};

use super::testing::Exchange;
use super::tests::{block, feed, open};
use super::*;

#[test]
fn a_full_queue_holds_the_feeder_back_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut projector, _) = open(folder.path(), 0);
    projector.end();
    let (queue, pieces) = bounded(QUEUE_PIECES_MAX);
    projector.queue = Some(queue);
    let exchange = Exchange::run(9, 3 * QUEUE_PIECES_MAX);
    let total = exchange.commands.len();
    let fed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for place in 0..total {
                projector.feed(&exchange.released(place, place + 1).borrow());
                fed.fetch_add(1, Ordering::SeqCst);
            }
        });
        for taken in 0..total {
            while pieces.len() < QUEUE_PIECES_MAX.min(total - taken) {
                std::thread::yield_now();
            }
            let ahead = fed.load(Ordering::SeqCst) - taken;
            assert!(ahead <= QUEUE_PIECES_MAX, "{ahead} pieces ahead");
            let piece = pieces.recv().expect("comes");
            assert_eq!(piece.last, exchange.commands[taken].sequence);
        }
    });
    assert_eq!(fed.load(Ordering::SeqCst), total);
}

#[test]
fn history_of_another_journal_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let exchange = Exchange::run(10, 20);
    let total = exchange.commands.len();
    let (projector, _) = open(folder.path(), total);
    feed(&projector, &exchange, 0, total, 5);
    projector.stop();
    let ahead = Projector::open(folder.path(), Sequence::new(3), Box::new(|_| {}));
    let text = ahead.expect_err("it is ahead").to_string();
    assert!(text.contains(&format!("reach sequence {total}")), "{text}");
    assert!(text.contains("the journal ends at 3"), "{text}");

    let store = Store::open(folder.path(), Sequence::new(u64::MAX)).expect("opens");
    let meta = store.family(Family::Meta).expect("there");
    store
        .db()
        .put_cf(&meta, "layout", 9_u32.to_be_bytes())
        .expect("writes");
    drop(meta);
    drop(store);
    let other = Store::open(folder.path(), Sequence::new(u64::MAX)).expect_err("another layout");
    assert!(
        matches!(other, StoreError::Layout { found: 9, .. }),
        "{other}"
    );
}

#[test]
fn a_hole_in_the_events_is_told_and_ends_the_writing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut exchange = Exchange::run(11, 0);
    let id = Identity::Internal;
    let order = exchange.new_order();
    let mut made = exchange.make(order, id);
    made.status = engine::types::OrderStatus::Canceled;
    let report = exchange.report(&made, ExecType::Canceled, Cause::Request);
    exchange.release(id, Body::Tick, vec![report]);
    let total = exchange.commands.len();
    let (told, texts) = crossbeam::channel::unbounded();
    let fatal = Box::new(move |text: &str| told.send(text.to_owned()).expect("the test listens"));
    let (projector, _) = Projector::open(folder.path(), Sequence::new(99), fatal).expect("opens");
    let history = projector.history();
    for _ in 0..3 * QUEUE_PIECES_MAX {
        projector.feed(&exchange.released(0, total).borrow());
    }
    let text = texts.recv().expect("told");
    assert!(text.contains("which the history does not hold"), "{text}");
    let waited = block(history.wait_for(Sequence::new(99)));
    assert_eq!(waited, Err(HistoryError::Failed(text)));
    assert_eq!(
        projector.cursor(),
        Sequence::ZERO,
        "nothing of the batch was kept"
    );
}
