//! For tests: a client of the book stream that believes nothing.
//!
//! Invariant: it applies events exactly as the contract says (chain, checksum, depth) and panics
//! where the contract is broken. Not here: gRPC.

use std::collections::BTreeMap;

use proto::v1;
use proto::v1::book_event::Event as Wire;

/// A book as a client holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientBook {
    /// Side (1 buy, 2 sell), price: quantity, count.
    pub levels: BTreeMap<(i32, i64), (i64, u32)>,
    /// Side, price: the queue of (reference, quantity).
    pub queues: BTreeMap<(i32, i64), Vec<(u64, i64)>>,
    pub last: Option<(u32, u64)>,
    pub snapshots: usize,
    pub resyncs: usize,
    pub events: usize,
    pub trades: Vec<String>,
    /// Trades that were busted or corrected.
    pub corrections: Vec<(String, v1::TradeAction)>,
    pub checked: usize,
    pub heartbeats: usize,
}

impl ClientBook {
    /// Applies an event.
    pub fn apply(&mut self, event: &v1::BookEvent) {
        self.events += 1;
        let wire = event.event.as_ref().expect("exactly one event is set");
        if let Wire::Snapshot(snapshot) = wire {
            assert_eq!(event.prev_seq, 0, "a snapshot begins a chain");
            self.take_snapshot(snapshot);
        } else {
            let before = self.last.expect("a stream begins with a snapshot");
            assert_eq!((event.epoch, event.prev_seq), before, "the chain is whole");
        }
        assert!(
            self.last
                .is_none_or(|(epoch, seq)| event.epoch > epoch || event.seq >= seq)
        );
        self.last = Some((event.epoch, event.seq));
        match wire {
            Wire::Delta(delta) => self.take_delta(delta),
            Wire::Trade(trade) => self.trades.push(trade.trade_id.clone()),
            Wire::TradeCorrection(one) => {
                let kept = (one.trade_id.clone(), one.action());
                self.corrections.push(kept);
            }
            Wire::Resync(resync) => {
                assert_eq!(resync.last_seq, event.seq);
                self.resyncs += 1;
            }
            Wire::Heartbeat(_) => self.heartbeats += 1,
            Wire::Snapshot(_) | Wire::Indicative(_) | Wire::Status(_) | Wire::Uncrossed(_) => {}
        }
        if event.top10_crc32 != 0 {
            assert_eq!(self.checksum(), event.top10_crc32, "after {event:?}");
            self.checked += 1;
        }
    }

    fn take_snapshot(&mut self, snapshot: &v1::BookSnapshot) {
        self.snapshots += 1;
        self.levels.clear();
        self.queues.clear();
        for (side, levels) in [(1, &snapshot.bids), (2, &snapshot.asks)] {
            for level in levels {
                let key = (side, level.price_ticks);
                self.levels
                    .insert(key, (level.quantity_lots, level.order_count));
            }
        }
        for order in &snapshot.orders {
            let queue = self.queues.entry((order.side, order.price_ticks));
            let entry = (order.order_reference, order.quantity_lots);
            queue.or_default().push(entry);
        }
    }

    fn take_delta(&mut self, delta: &v1::BookDelta) {
        assert!(!delta.levels.is_empty() || !delta.orders.is_empty());
        for change in &delta.levels {
            let key = (change.side, change.price_ticks);
            let old = if change.quantity_lots == 0 {
                assert_eq!(change.order_count, 0);
                self.levels.remove(&key)
            } else {
                let now = (change.quantity_lots, change.order_count);
                let old = self.levels.insert(key, now);
                assert_ne!(old, Some(now), "a change changes something");
                continue;
            };
            assert!(old.is_some(), "only a level that was there leaves");
        }
        for change in &delta.orders {
            let queue = self.queues.entry((change.side, change.price_ticks));
            let queue = queue.or_default();
            let place = queue
                .iter()
                .position(|(it, _)| *it == change.order_reference);
            match v1::OrderChangeAction::try_from(change.action) {
                Ok(v1::OrderChangeAction::New) => {
                    assert_eq!(place, None);
                    queue.push((change.order_reference, change.quantity_lots));
                }
                Ok(v1::OrderChangeAction::Change) => {
                    queue[place.expect("is there")].1 = change.quantity_lots;
                }
                Ok(v1::OrderChangeAction::Delete) => {
                    queue.remove(place.expect("is there"));
                }
                other => panic!("{other:?}"),
            }
        }
        self.queues.retain(|_, queue| !queue.is_empty());
    }

    /// The levels, whichever way the book is seen.
    pub fn aggregate(&self) -> BTreeMap<(i32, i64), (i64, u32)> {
        if self.queues.is_empty() {
            return self.levels.clone();
        }
        let sum = |queue: &Vec<(u64, i64)>| {
            let quantity = queue.iter().map(|(_, quantity)| quantity).sum();
            (quantity, queue.len() as u32)
        };
        let queues = self.queues.iter();
        queues.map(|(key, queue)| (*key, sum(queue))).collect()
    }

    fn checksum(&self) -> u32 {
        let levels = self.aggregate();
        let mut bytes = Vec::new();
        let bids = levels.iter().rev().filter(|((side, _), _)| *side == 1);
        let asks = levels.iter().filter(|((side, _), _)| *side == 2);
        for ((_, price), (quantity, _)) in bids.take(10).chain(asks.take(10)) {
            bytes.extend(price.to_le_bytes());
            bytes.extend(quantity.to_le_bytes());
        }
        crc(&bytes)
    }
}

/// CRC-32 (IEEE) bit by bit, from its polynomial: no code is shared with the gateway.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}
