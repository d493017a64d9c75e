//! One instrument's public side: its displayed book, what is known beside it, and its views.
//!
//! Numbering. `seq` = 2^20 x the sequence of the command + the place of the event among that
//! command's events of this book, from 1. So it is derived from the journal alone: it rises across
//! restarts, and with the epoch of the journal a place is never used for two events. A command with
//! more than 2^20 - 1 events in one book (an uncross of a million pairs) gives the rest the last
//! number; the chain holds all the same, only resuming between those gets a snapshot. 2^44
//! commands fit: two years of 200,000 a second without a pause.
//!
//! Invariant: without a view nothing is built, only the book is kept. Not here: who is sent what.

use engine::event::{BookChange, Indicative, Uncrossed};
use engine::types::{InstrumentId, Name, Sequence, Side, Time, TradeId};
use engine::venue::Phase;
use proto::v1::book_event::Event as Wire;

use super::book::{Book, BookFault, Nodes};
use super::view::{Before, Changes, Detail, Message, Stamp, View};
use super::wire::{self, Facts};
use super::work::{Print, Reprint};

/// Bits of `seq` that count the events of one command.
const ORDINAL_BITS: u32 = 20;
/// The last number of one command.
const ORDINAL_MAX: u64 = (1 << ORDINAL_BITS) - 1;
/// The most views of one book at a time. Each costs work with every change; a public feed offers
/// a handful of depths.
pub const VIEWS_MAX: usize = 16;
/// After so many heartbeats without a subscriber a view is forgotten: a minute in which one who
/// lost the connection can resume.
pub const VIEW_IDLE_BEATS_MAX: u32 = 60;

/// The `seq` before the first event of the command after `sequence`.
pub const fn base_seq(sequence: Sequence) -> u64 {
    sequence.value() << ORDINAL_BITS | ORDINAL_MAX
}

/// Where the mirror is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Here {
    /// The shard.
    pub shard: u32,
    /// The epoch of the journal.
    pub epoch: u32,
    /// The command.
    pub sequence: Sequence,
    /// Its time.
    pub time: Time,
}

/// What a command did to one instrument, until the command ends.
#[derive(Debug, Default)]
struct Pending {
    touched: bool,
    status_changed: bool,
    trades: Vec<Print>,
    trades_count: u64,
    correction: Option<(Reprint, TradeId)>,
    changes: Changes,
    book_changed: bool,
    uncrossed: Option<Uncrossed>,
    indicative: Option<Indicative>,
}

/// One instrument.
#[derive(Debug)]
pub struct Instrument {
    id: InstrumentId,
    name: Name,
    /// What is known beside the book.
    pub facts: Facts,
    book: Book,
    /// Of the book at the end of the last command; only kept while there are views.
    checksum: u32,
    last_seq: u64,
    views: Vec<View>,
    pending: Pending,
}

/// A book is seen in as many ways as it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyViews;

impl Instrument {
    /// An instrument with an empty book, as of `here`.
    pub fn new(id: InstrumentId, name: Name, facts: Facts, here: Here) -> Self {
        Self {
            id,
            name,
            facts,
            book: Book::default(),
            checksum: 0,
            last_seq: base_seq(here.sequence),
            views: Vec::new(),
            pending: Pending::default(),
        }
    }

    /// Its displayed book.
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// The `seq` of its last event in any view.
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Its views.
    pub fn views_mut(&mut self) -> &mut Vec<View> {
        &mut self.views
    }

    /// Whether this is its first touch by the command.
    pub fn touch(&mut self) -> bool {
        !std::mem::replace(&mut self.pending.touched, true)
    }

    /// Puts an order into the book without telling anybody: at start.
    ///
    /// # Errors
    /// [`BookFault`].
    pub fn place(&mut self, nodes: &mut Nodes, change: &BookChange) -> Result<(), BookFault> {
        self.book.apply(nodes, change)
    }

    /// Takes a change of the book over.
    ///
    /// # Errors
    /// [`BookFault`].
    pub fn change(&mut self, nodes: &mut Nodes, change: &BookChange) -> Result<(), BookFault> {
        self.pending.book_changed = true;
        if !self.views.is_empty() {
            let price = change.price.ticks();
            self.pending.changes.orders.push(*change);
            self.pending.changes.levels.push(Before {
                side: change.side,
                price,
                level: self.book.level(change.side, price),
            });
        }
        self.book.apply(nodes, change)
    }

    /// Takes a trade over.
    pub fn trade(&mut self, print: Print, id: TradeId) {
        self.facts.last_price = Some(print.price);
        self.facts.last_trade = Some(id);
        self.pending.trades_count += 1;
        if !self.views.is_empty() {
            self.pending.trades.push(print);
        }
    }

    /// A trade was busted or corrected; the last one and its price stay.
    pub const fn correction(&mut self, print: Reprint, id: TradeId) {
        self.pending.correction = Some((print, id));
    }

    /// An auction would give this now.
    pub const fn indicative(&mut self, indicative: Indicative) {
        self.facts.indicative = Some(indicative);
        self.pending.indicative = Some(indicative);
    }

    /// An auction gave this.
    pub fn uncrossed(&mut self, uncrossed: Uncrossed) {
        self.facts.indicative = self.no_indicative();
        self.pending.indicative = None;
        self.pending.uncrossed = Some(uncrossed);
    }

    /// Its venue entered a phase.
    pub fn phase(&mut self, phase: Phase) {
        self.facts.phase = phase;
        if phase.auction().is_none() || self.facts.indicative.is_none() {
            self.facts.indicative = self.no_indicative();
        }
        self.pending.status_changed = true;
    }

    /// A status changed, of its venue (0) or its own (1).
    pub fn status_changed(&mut self) {
        self.pending.status_changed = true;
    }

    /// What is known of an auction that has nothing to trade; none outside an auction.
    fn no_indicative(&self) -> Option<Indicative> {
        self.facts.phase.auction().map(|_| Indicative {
            instrument: self.id,
            price: None,
            volume: 0,
            imbalance: 0,
        })
    }

    /// Ends a command: its events go into the views.
    pub fn end_command(&mut self, here: Here) {
        let mut pending = std::mem::take(&mut self.pending);
        let places = u64::from(pending.status_changed)
            + pending.trades_count
            + u64::from(pending.correction.is_some())
            + u64::from(pending.book_changed)
            + u64::from(pending.uncrossed.is_some())
            + u64::from(pending.indicative.is_some());
        let first = here.sequence.value() << ORDINAL_BITS;
        if places > 0 {
            self.last_seq = first | places.min(ORDINAL_MAX);
        }
        if !self.views.is_empty() {
            self.tell(here, first, &mut pending);
        }
        // The room of the lists is kept for the next command.
        pending.trades.clear();
        pending.changes.orders.clear();
        pending.changes.levels.clear();
        self.pending = Pending {
            trades: pending.trades,
            changes: pending.changes,
            ..Pending::default()
        };
    }

    /// Status first, since it was decided first; then trades, the book, what an auction gave and
    /// would give. The status' checksum is that of the book before the command.
    fn tell(&mut self, here: Here, first: u64, pending: &mut Pending) {
        let mut stamp = self.stamp(here);
        let mut ordinal = 0;
        let mut next = move || {
            ordinal = ORDINAL_MAX.min(ordinal + 1);
            first | ordinal
        };
        if pending.status_changed {
            stamp.seq = next();
            self.push(&stamp, &Wire::Status(wire::status(&self.facts)));
        }
        for print in &pending.trades {
            stamp.seq = next();
            let trade = wire::trade(trade_id(here, print.index), print);
            self.push(&stamp, &Wire::Trade(trade));
        }
        if let Some((print, id)) = &pending.correction {
            stamp.seq = next();
            let correction = wire::correction(*id, print);
            self.push(&stamp, &Wire::TradeCorrection(correction));
        }
        if pending.book_changed {
            stamp.seq = next();
            let key = |before: &Before| (before.side == Side::Sell, before.price);
            // Stable: of each level what stood there before its first change stays.
            pending.changes.levels.sort_by_key(key);
            pending.changes.levels.dedup_by_key(|before| key(before));
            self.checksum = self.book.checksum();
            stamp.checksum = self.checksum;
            for view in &mut self.views {
                view.push_changes(&stamp, &pending.changes, &self.book);
            }
        }
        if let Some(uncrossed) = &pending.uncrossed {
            stamp.seq = next();
            self.push(&stamp, &Wire::Uncrossed(wire::uncrossed(uncrossed)));
        }
        if let Some(indicative) = &pending.indicative {
            stamp.seq = next();
            self.push(&stamp, &Wire::Indicative(wire::indicative(indicative)));
        }
    }

    fn push(&mut self, stamp: &Stamp, event: &Wire) {
        for view in &mut self.views {
            view.push(stamp, event.clone());
        }
    }

    /// The view of this detail, made if it is not there.
    ///
    /// # Errors
    /// [`TooManyViews`].
    pub fn view(&mut self, detail: Detail) -> Result<&mut View, TooManyViews> {
        let found = self.views.iter().position(|view| view.detail == detail);
        let place = match found {
            Some(place) => place,
            None if self.views.len() >= VIEWS_MAX => return Err(TooManyViews),
            None => {
                if self.views.is_empty() {
                    self.checksum = self.book.checksum();
                }
                self.views
                    .push(View::new(detail, self.last_seq, &self.book));
                self.views.len() - 1
            }
        };
        self.views.get_mut(place).ok_or(TooManyViews)
    }

    /// A snapshot for this detail; the view is there afterwards.
    ///
    /// # Errors
    /// [`TooManyViews`].
    pub fn snapshot(
        &mut self,
        detail: Detail,
        nodes: &Nodes,
        here: Here,
    ) -> Result<Message, TooManyViews> {
        self.view(detail)?;
        let stamp = self.stamp(here);
        let view = self.views.iter_mut().find(|view| view.detail == detail);
        let view = view.ok_or(TooManyViews)?;
        Ok(view.snapshot(&stamp, &self.book, nodes, &self.facts))
    }

    /// A message that tells nothing new in the view of this detail.
    pub fn notice(&self, detail: Detail, here: Here, seq: u64, event: Wire) -> Option<Message> {
        let view = self.views.iter().find(|view| view.detail == detail)?;
        let stamp = Stamp {
            seq,
            ..self.stamp(here)
        };
        Some(Message::new(vec![view.notice(&stamp, event)]))
    }

    /// The checksum of the book now.
    pub fn checksum(&self) -> u32 {
        self.book.checksum()
    }

    fn stamp(&self, here: Here) -> Stamp {
        Stamp {
            instrument_id: self.name.as_str().to_owned(),
            epoch: here.epoch,
            seq: self.last_seq,
            engine_sequence: here.sequence.value(),
            time_ns: here.time.nanoseconds(),
            checksum: self.checksum,
        }
    }
}

/// The id of the trade at an index of the command.
pub const fn trade_id(here: Here, index: u32) -> TradeId {
    TradeId {
        shard: here.shard,
        epoch: here.epoch,
        sequence: here.sequence.value(),
        index,
    }
}
