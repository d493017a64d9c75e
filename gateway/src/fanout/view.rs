//! One way to see one book (L1, L2 to a depth, L3): its chain of events, its recent past, and who
//! looks.
//!
//! Invariant: within an epoch each event's `prev_seq` is the `seq` of the event before it in this
//! view; a snapshot has the `seq` of the last event, so whoever joins by it can go on with the
//! next. An event is built once and shared by all who look. Not here: which events there are
//! (`instrument`), queues of subscribers (`subscriber`).

use std::collections::VecDeque;
use std::sync::Arc;

use engine::event::BookChange;
use engine::types::Side;
use proto::v1;
use proto::v1::book_event::Event as Wire;

use super::book::{Book, CHECKSUM_LEVELS, LevelTotal, Nodes};
use super::wire;

/// The most events of one message.
pub const MESSAGE_EVENTS_MAX: usize = 256;
/// The most events a view keeps for those who resume: at a thousand changes a second of one book,
/// a second; older ones are given a snapshot, which is no longer than that.
pub const RING_EVENTS_MAX: usize = 1_024;

/// Some events of one view, in order; shared, never changed.
pub type Message = Arc<Vec<v1::BookEvent>>;

/// How much of a book is seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Detail {
    /// L1 and L2: so many levels a side; 0 is every level. L1 is one level.
    Levels(u32),
    /// L3: every order.
    Orders,
}

impl Detail {
    /// Whether the subscriber can work out the checksum of ten levels.
    const fn has_checksum(self) -> bool {
        match self {
            Self::Levels(0) | Self::Orders => true,
            Self::Levels(depth) => depth as usize >= CHECKSUM_LEVELS,
        }
    }
}

/// A level before a command changed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Before {
    /// The side.
    pub side: Side,
    /// The price, in ticks.
    pub price: i64,
    /// What stood there.
    pub level: Option<LevelTotal>,
}

/// What a command did to one displayed book.
#[derive(Debug, Default)]
pub struct Changes {
    /// Order by order, in the order in which they happened.
    pub orders: Vec<BookChange>,
    /// The levels touched, as they were before; by side and price, each once.
    pub levels: Vec<Before>,
}

/// One view of one book.
#[derive(Debug)]
pub struct View {
    /// How much is seen.
    pub detail: Detail,
    /// The subscribers who hold everything up to `last_seq`.
    pub members: Vec<u64>,
    /// Heartbeats since somebody looked.
    pub idle_beats: u32,
    /// Something was sent since the last heartbeat.
    pub active: bool,
    /// The `seq` of the last event.
    last_seq: u64,
    /// What a subscriber of limited depth holds: bids, asks; best first.
    shown: [Vec<LevelTotal>; 2],
    outbox: Vec<v1::BookEvent>,
    ring: VecDeque<Message>,
    ring_events: usize,
    snapshot: Option<Message>,
}

/// What every event of a command has.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The instrument's public id.
    pub instrument_id: String,
    /// The epoch.
    pub epoch: u32,
    /// The place of the event.
    pub seq: u64,
    /// The command.
    pub engine_sequence: u64,
    /// Its time.
    pub time_ns: i64,
    /// The checksum after the event.
    pub checksum: u32,
}

impl View {
    /// A view of `book`, whose last event had `seq`.
    pub fn new(detail: Detail, seq: u64, book: &Book) -> Self {
        Self {
            detail,
            members: Vec::new(),
            idle_beats: 0,
            active: false,
            last_seq: seq,
            shown: shown(detail, book),
            outbox: Vec::new(),
            ring: VecDeque::new(),
            ring_events: 0,
            snapshot: None,
        }
    }

    /// The `seq` of the last event.
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Adds an event to the chain.
    pub fn push(&mut self, stamp: &Stamp, event: Wire) {
        let counted = self.detail.has_checksum() && wire::carries_checksum(&event);
        self.outbox.push(v1::BookEvent {
            instrument_id: stamp.instrument_id.clone(),
            epoch: stamp.epoch,
            seq: stamp.seq,
            prev_seq: self.last_seq,
            engine_sequence: stamp.engine_sequence,
            time_ns: stamp.time_ns,
            top10_crc32: if counted { stamp.checksum } else { 0 },
            event: Some(event),
        });
        self.last_seq = stamp.seq;
        self.snapshot = None;
    }

    /// Adds what a command changed, if this view sees any of it.
    pub fn push_changes(&mut self, stamp: &Stamp, changes: &Changes, book: &Book) {
        let delta = match self.detail {
            Detail::Orders => v1::BookDelta {
                levels: Vec::new(),
                orders: changes.orders.iter().map(wire::order_change).collect(),
            },
            Detail::Levels(0) => v1::BookDelta {
                levels: all_levels(&changes.levels, book),
                orders: Vec::new(),
            },
            Detail::Levels(depth) => v1::BookDelta {
                levels: self.shown_levels(depth as usize, &changes.levels, book),
                orders: Vec::new(),
            },
        };
        if !delta.levels.is_empty() || !delta.orders.is_empty() {
            self.push(stamp, Wire::Delta(delta));
        }
    }

    /// The changes of what is shown to a limited depth.
    fn shown_levels(
        &mut self,
        depth: usize,
        touched: &[Before],
        book: &Book,
    ) -> Vec<v1::LevelChange> {
        let mut changes = Vec::new();
        for (side, shown) in [Side::Buy, Side::Sell].into_iter().zip(&mut self.shown) {
            let last = shown.last().filter(|_| shown.len() >= depth);
            let seen = |before: &Before| {
                before.side == side
                    && last.is_none_or(|last| !is_better(side, last.price, before.price))
            };
            if !touched.iter().any(seen) {
                continue;
            }
            let now: Vec<LevelTotal> = book.levels(side).take(depth).collect();
            compare(side, shown, &now, &mut changes);
            *shown = now;
        }
        changes
    }

    /// Ends a piece: the messages to send, which are kept for those who resume.
    pub fn flush(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        let mut events = std::mem::take(&mut self.outbox).into_iter().peekable();
        while events.peek().is_some() {
            let some: Vec<_> = events.by_ref().take(MESSAGE_EVENTS_MAX).collect();
            messages.push(Arc::new(some));
        }
        for message in &messages {
            self.ring_events += message.len();
            self.ring.push_back(Arc::clone(message));
        }
        while self.ring_events > RING_EVENTS_MAX {
            let Some(oldest) = self.ring.pop_front() else {
                break;
            };
            self.ring_events -= oldest.len();
        }
        self.active |= !messages.is_empty();
        messages
    }

    /// The events after `seq`; none when they are no longer kept, or never were.
    pub fn after(&self, seq: u64) -> Option<Message> {
        if seq == self.last_seq {
            return Some(Message::default());
        }
        let mut missed = Vec::new();
        for message in &self.ring {
            for event in message.iter() {
                if event.prev_seq == seq || !missed.is_empty() {
                    missed.push(event.clone());
                }
            }
        }
        (!missed.is_empty()).then(|| Arc::new(missed))
    }

    /// A snapshot at the end of the chain, built once until the chain goes on.
    pub fn snapshot(
        &mut self,
        stamp: &Stamp,
        book: &Book,
        nodes: &Nodes,
        facts: &wire::Facts,
    ) -> Message {
        if let Some(message) = &self.snapshot {
            return Arc::clone(message);
        }
        let event = v1::BookEvent {
            instrument_id: stamp.instrument_id.clone(),
            epoch: stamp.epoch,
            seq: self.last_seq,
            prev_seq: 0,
            engine_sequence: stamp.engine_sequence,
            time_ns: stamp.time_ns,
            top10_crc32: self.checksum(stamp),
            event: Some(Wire::Snapshot(wire::snapshot(
                self.detail,
                book,
                nodes,
                facts,
            ))),
        };
        let message = Arc::new(vec![event]);
        self.snapshot = Some(Arc::clone(&message));
        message
    }

    /// An event that tells nothing new: a heartbeat, or that events were left out.
    pub fn notice(&self, stamp: &Stamp, event: Wire) -> v1::BookEvent {
        v1::BookEvent {
            instrument_id: stamp.instrument_id.clone(),
            epoch: stamp.epoch,
            seq: stamp.seq,
            prev_seq: stamp.seq,
            engine_sequence: stamp.engine_sequence,
            time_ns: stamp.time_ns,
            top10_crc32: if wire::carries_checksum(&event) {
                self.checksum(stamp)
            } else {
                0
            },
            event: Some(event),
        }
    }

    const fn checksum(&self, stamp: &Stamp) -> u32 {
        if self.detail.has_checksum() {
            stamp.checksum
        } else {
            0
        }
    }
}

/// What a subscriber of limited depth holds at first.
fn shown(detail: Detail, book: &Book) -> [Vec<LevelTotal>; 2] {
    let depth = match detail {
        Detail::Levels(depth) => depth as usize,
        Detail::Orders => 0,
    };
    [Side::Buy, Side::Sell].map(|side| book.levels(side).take(depth).collect())
}

/// How the touched levels stand now, those left out that stand as before.
fn all_levels(touched: &[Before], book: &Book) -> Vec<v1::LevelChange> {
    let changed = touched.iter().filter_map(|before| {
        let now = book.level(before.side, before.price);
        (now != before.level).then(|| wire::level_change(before.side, before.price, now))
    });
    changed.collect()
}

const fn is_better(side: Side, price: i64, than: i64) -> bool {
    match side {
        Side::Buy => price > than,
        Side::Sell => price < than,
    }
}

/// The changes from `old` to `new`, both best first.
fn compare(side: Side, old: &[LevelTotal], new: &[LevelTotal], out: &mut Vec<v1::LevelChange>) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        match (old.peek(), new.peek()) {
            (Some(was), Some(is)) if was.price == is.price => {
                if was != is {
                    out.push(wire::level_change(side, is.price, Some(**is)));
                }
                old.next();
                new.next();
            }
            (Some(was), is) if is.is_none_or(|is| is_better(side, was.price, is.price)) => {
                out.push(wire::level_change(side, was.price, None));
                old.next();
            }
            (_, Some(is)) => {
                out.push(wire::level_change(side, is.price, Some(**is)));
                new.next();
            }
            (Some(_) | None, None) => return,
        }
    }
}
