//! All displayed books and all who look at them: the mirror's logic, without its thread.
//!
//! Invariant: a subscriber costs nobody else anything but one look at its queue for each message;
//! nothing here waits or reads a clock. A fault (events that do not fit the books) is answered, not
//! patched: a wrong public book must not go on. Not here: threads, gRPC.

use std::collections::{BTreeSet, HashMap};

use engine::command::{Demonstration, Scope, TradeRef};
use engine::engine::Sales;
use engine::event::{BookChange, Indicative};
use engine::types::{InstrumentId, OfferId, Price, Sequence, TradeId, VenueId};
use engine::venue::{Phase, TradingStatus};
use proto::v1;
use proto::v1::book_event::Event as Wire;
use tokio::sync::mpsc;

use super::book::{BookFault, LevelTotal, Nodes};
use super::instrument::{Here, Instrument, VIEW_IDLE_BEATS_MAX, VIEWS_MAX, trade_id};
use super::offers::{OfferMessage, Offers, OwedOffer};
use super::subscriber::{From, Owed, Sent, Subscriber};
use super::view::{Detail, Message};
use super::wire::Facts;
use super::work::{Item, Piece};

/// The most subscribers at a time: open streams, each with its queue.
pub const SUBSCRIBERS_MAX: usize = 1_024;
/// The most books of one subscriber.
pub const BOOKS_MAX: usize = 1_024;
/// The word of a gap.
pub const RESYNC_REQUIRED: &str = "RESYNC_REQUIRED";

/// Why a subscription was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubscribeError {
    /// No such instrument.
    #[error("no such instrument")]
    UnknownInstrument(InstrumentId),
    /// Too many subscribers.
    #[error("{SUBSCRIBERS_MAX} streams of market data are open already")]
    TooManySubscribers,
    /// Too many ways to see one book.
    #[error("a book asked for is seen to {VIEWS_MAX} depths already; ask for L1, L3 or depth 0")]
    TooManyViews(InstrumentId),
    /// No such live offer.
    #[error("no such offer")]
    UnknownOffer(OfferId),
}

/// A venue, as far as its instruments need it.
#[derive(Clone, Debug)]
struct Venue {
    phase: Phase,
    status: TradingStatus,
    demonstration: bool,
    instruments: Vec<InstrumentId>,
}

/// One book at one instant.
#[derive(Clone, Debug)]
pub struct BookImage {
    /// Where the mirror is.
    pub here: Here,
    /// The `seq` of the last event.
    pub seq: u64,
    /// Bids, best first.
    pub bids: Vec<LevelTotal>,
    /// Asks, best first.
    pub asks: Vec<LevelTotal>,
    /// What is known beside the book.
    pub facts: Facts,
    /// Of the ten best levels a side.
    pub checksum: u32,
}

/// All books and all who look.
#[derive(Debug)]
pub struct Market {
    here: Here,
    nodes: Nodes,
    venues: Vec<Venue>,
    instruments: Vec<Instrument>,
    subscribers: HashMap<u64, Subscriber>,
    /// Those who are owed a book, in order of arrival.
    owed: BTreeSet<u64>,
    next_subscriber: u64,
    touched: Vec<InstrumentId>,
    past: Past,
    offers: Offers,
}

/// Finds the id of a trade of the history, whose epoch may be an older one.
pub type FindTrade = Box<dyn Fn(TradeRef) -> Option<TradeId> + Send>;

/// What was before.
struct Past(FindTrade);

impl std::fmt::Debug for Past {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Past")
    }
}

impl Market {
    /// No venues yet, as of `here`.
    pub fn new(here: Here) -> Self {
        Self {
            here,
            nodes: Nodes::default(),
            venues: Vec::new(),
            instruments: Vec::new(),
            subscribers: HashMap::new(),
            owed: BTreeSet::new(),
            next_subscriber: 0,
            touched: Vec::new(),
            past: Past(Box::new(|_| None)),
            offers: Offers::default(),
        }
    }

    /// Where trades are found that were made before the start.
    #[must_use]
    pub fn with_past(mut self, find: FindTrade) -> Self {
        self.past = Past(find);
        self
    }

    /// The id of a trade; one the history does not know yet was made in this epoch.
    fn id_of(&self, trade: TradeRef) -> TradeId {
        let found = (self.past.0)(trade);
        found.unwrap_or(TradeId {
            shard: self.here.shard,
            epoch: self.here.epoch,
            sequence: trade.sequence.value(),
            index: trade.index,
        })
    }

    /// Adds a venue; the handles rise by one.
    pub fn add_venue(&mut self, phase: Phase, status: TradingStatus, demonstration: Demonstration) {
        self.venues.push(Venue {
            phase,
            status,
            demonstration: demonstration == Demonstration::Demonstration,
            instruments: Vec::new(),
        });
    }

    /// Adds an instrument; the handles rise by one.
    pub fn add_instrument(
        &mut self,
        name: engine::types::Name,
        venue: VenueId,
        status: TradingStatus,
        last: Option<(Price, Option<TradeId>)>,
    ) {
        let id = InstrumentId::new(self.instruments.len() as u32);
        let Some(at) = self.venues.get_mut(venue.place()) else {
            return;
        };
        at.instruments.push(id);
        let facts = Facts {
            phase: at.phase,
            statuses: [at.status, status],
            indicative: None,
            last_price: last.map(|(price, _)| price),
            last_trade: last.and_then(|(_, id)| id),
            demonstration: at.demonstration,
        };
        let instrument = Instrument::new(id, name, facts, self.here);
        self.instruments.push(instrument);
    }

    /// Puts an order into a book without telling anybody: at start, in order of priority.
    ///
    /// # Errors
    /// [`BookFault`].
    pub fn place(&mut self, change: &BookChange) -> Result<(), BookFault> {
        match self.instruments.get_mut(change.instrument.place()) {
            Some(instrument) => instrument.place(&mut self.nodes, change),
            None => Ok(()),
        }
    }

    /// What an auction would give, without telling anybody: at start.
    pub fn set_indicative(&mut self, indicative: Indicative) {
        let instrument = self.instruments.get_mut(indicative.instrument.place());
        if let Some(instrument) = instrument
            && instrument.facts.phase.auction().is_some()
        {
            instrument.facts.indicative = Some(indicative);
        }
    }

    /// An instrument.
    #[cfg(test)]
    pub(super) fn instrument_mut(&mut self, id: InstrumentId) -> Option<&mut Instrument> {
        self.instruments.get_mut(id.place())
    }

    /// Takes a piece over and sends what it changed.
    ///
    /// # Errors
    /// [`BookFault`]: the books can no longer be trusted.
    pub fn apply(&mut self, piece: &Piece) -> Result<(), BookFault> {
        let mut changed = Vec::new();
        let mut begin = 0;
        (self.here.shard, self.here.epoch) = (piece.shard, piece.epoch);
        for step in &piece.steps {
            (self.here.sequence, self.here.time) = (step.sequence, step.time);
            for item in piece.items.get(begin..step.end).unwrap_or_default() {
                self.item(item)?;
            }
            begin = step.end;
            for id in std::mem::take(&mut self.touched) {
                if let Some(instrument) = self.instruments.get_mut(id.place()) {
                    instrument.end_command(self.here);
                    if !instrument.views_mut().is_empty() {
                        changed.push(id);
                    }
                }
            }
        }
        (self.here.sequence, self.here.time) = piece.last;
        changed.sort_unstable();
        changed.dedup();
        for id in changed {
            self.send_changes(id);
        }
        self.offers.send();
        self.pay();
        Ok(())
    }

    fn is_demonstration(&self, venue: VenueId) -> bool {
        let venue = self.venues.get(venue.place());
        venue.is_some_and(|venue| venue.demonstration)
    }

    /// The offers of the recovered engine, without telling anybody.
    pub fn open_offers(&mut self, sales: &Sales) {
        let mut offers = std::mem::take(&mut self.offers);
        offers.open(sales, |terms| {
            let defined = sales.terms(terms);
            defined.is_some_and(|one| self.is_demonstration(one.terms.venue))
        });
        self.offers = offers;
    }

    /// Adds a follower of offers.
    ///
    /// # Errors
    /// [`SubscribeError`].
    pub fn subscribe_offers(
        &mut self,
        offers: Vec<OwedOffer>,
    ) -> Result<mpsc::Receiver<OfferMessage>, SubscribeError> {
        self.offers.subscribe(offers, self.here)
    }

    fn item(&mut self, item: &Item) -> Result<(), BookFault> {
        match item {
            Item::Book(change) => {
                let nodes = &mut self.nodes;
                let Some(instrument) = self.instruments.get_mut(change.instrument.place()) else {
                    return Ok(());
                };
                instrument.change(nodes, change)?;
                self.touch(change.instrument);
            }
            Item::Trade(print) => {
                let id = trade_id(self.here, print.index);
                self.on(print.instrument, |instrument| instrument.trade(*print, id));
            }
            Item::Correction(print) => {
                let id = self.id_of(print.trade);
                self.on(print.instrument, |instrument| {
                    instrument.correction(*print, id);
                });
            }
            Item::Indicative(indicative) => self.on(indicative.instrument, |instrument| {
                instrument.indicative(*indicative);
            }),
            Item::Uncrossed(uncrossed) => self.on(uncrossed.instrument, |instrument| {
                instrument.uncrossed(*uncrossed);
            }),
            Item::Phase(venue, phase) => self.phase(*venue, *phase),
            Item::Offer(report) => self.offers.change(report, self.here),
            Item::Terms(terms, venue) => {
                let demonstration = self.is_demonstration(*venue);
                self.offers.define(*terms, demonstration);
            }
            Item::Status(scope, status) => self.status(*scope, *status),
            Item::Venue(id, demonstration) if id.place() == self.venues.len() => {
                self.add_venue(Phase::Closed, TradingStatus::Trading, *demonstration);
            }
            Item::Instrument(id, venue, name) if id.place() == self.instruments.len() => {
                self.add_instrument(*name, *venue, TradingStatus::Trading, None);
            }
            // A retry: found, not made.
            Item::Venue(..) | Item::Instrument(..) => {}
        }
        Ok(())
    }

    fn on(&mut self, id: InstrumentId, act: impl FnOnce(&mut Instrument)) {
        if let Some(instrument) = self.instruments.get_mut(id.place()) {
            act(instrument);
            self.touch(id);
        }
    }

    fn touch(&mut self, id: InstrumentId) {
        let instrument = self.instruments.get_mut(id.place());
        if instrument.is_some_and(Instrument::touch) {
            self.touched.push(id);
        }
    }

    fn phase(&mut self, venue: VenueId, phase: Phase) {
        let Some(at) = self.venues.get_mut(venue.place()) else {
            return;
        };
        at.phase = phase;
        for id in at.instruments.clone() {
            self.on(id, |instrument| instrument.phase(phase));
        }
    }

    fn status(&mut self, scope: Scope, status: TradingStatus) {
        match scope {
            Scope::Instrument(id) => self.on(id, |instrument| {
                instrument.facts.statuses[1] = status;
                instrument.status_changed();
            }),
            Scope::Venue(venue) => {
                let Some(at) = self.venues.get_mut(venue.place()) else {
                    return;
                };
                at.status = status;
                for id in at.instruments.clone() {
                    self.on(id, |instrument| {
                        instrument.facts.statuses[0] = status;
                        instrument.status_changed();
                    });
                }
            }
        }
    }

    /// Sends what a piece changed of one book to those who look.
    fn send_changes(&mut self, id: InstrumentId) {
        let Some(instrument) = self.instruments.get_mut(id.place()) else {
            return;
        };
        for view in instrument.views_mut() {
            for message in view.flush() {
                let last_seq = message.first().map_or(0, |event| event.prev_seq);
                view.members.retain(|member| {
                    let Some(subscriber) = self.subscribers.get_mut(member) else {
                        return false;
                    };
                    match subscriber.send(&message) {
                        Sent::Queued => true,
                        Sent::Full => {
                            subscriber.owe(Owed {
                                of: id,
                                from: From::Resync { last_seq },
                            });
                            self.owed.insert(*member);
                            false
                        }
                        Sent::Gone => {
                            self.subscribers.remove(member);
                            false
                        }
                    }
                });
            }
        }
    }

    /// Adds a subscriber; what it is owed comes with [`Market::pay`].
    ///
    /// # Errors
    /// [`SubscribeError`]; nothing was changed but views that stay unused.
    pub fn subscribe(
        &mut self,
        detail: Detail,
        books: Vec<Owed>,
    ) -> Result<mpsc::Receiver<Message>, SubscribeError> {
        if self.subscribers.len() >= SUBSCRIBERS_MAX {
            self.subscribers.retain(|_, one| !one.is_gone());
        }
        if self.subscribers.len() >= SUBSCRIBERS_MAX {
            return Err(SubscribeError::TooManySubscribers);
        }
        for book in &books {
            let instrument = self
                .instruments
                .get_mut(book.of.place())
                .ok_or(SubscribeError::UnknownInstrument(book.of))?;
            instrument
                .view(detail)
                .map_err(|_| SubscribeError::TooManyViews(book.of))?;
        }
        let (subscriber, receiver) = Subscriber::new(detail, books);
        let id = self.next_subscriber;
        self.next_subscriber += 1;
        self.subscribers.insert(id, subscriber);
        self.owed.insert(id);
        self.pay_one(id);
        Ok(receiver)
    }

    /// Gives those who are owed books what they have room for. Only between pieces.
    pub fn pay(&mut self) {
        self.offers.pay(self.here);
        let ids: Vec<u64> = self.owed.iter().copied().collect();
        for id in ids {
            self.pay_one(id);
        }
    }

    fn pay_one(&mut self, id: u64) {
        let Some(mut subscriber) = self.subscribers.remove(&id) else {
            self.owed.remove(&id);
            return;
        };
        while let Some(owed) = subscriber.next_owed() {
            match self.let_in(id, &subscriber, owed) {
                Sent::Queued => {}
                Sent::Full => {
                    subscriber.owe(owed);
                    break;
                }
                Sent::Gone => {
                    self.owed.remove(&id);
                    return;
                }
            }
        }
        if !subscriber.is_owed() {
            self.owed.remove(&id);
        }
        self.subscribers.insert(id, subscriber);
    }

    /// Lets a subscriber into a view: what it needs to join goes into its queue.
    fn let_in(&mut self, id: u64, subscriber: &Subscriber, owed: Owed) -> Sent {
        let detail = subscriber.detail;
        let here = self.here;
        let Some(instrument) = self.instruments.get_mut(owed.of.place()) else {
            return Sent::Queued;
        };
        let Ok(view) = instrument.view(detail) else {
            return Sent::Full;
        };
        let missed = match owed.from {
            From::Place { epoch, seq } if epoch == here.epoch => view.after(seq),
            From::Place { .. } | From::Snapshot | From::Resync { .. } => None,
        };
        let message = match (missed, owed.from) {
            (Some(missed), _) => missed,
            (None, From::Resync { last_seq }) => {
                let gap = Wire::Resync(v1::BookResync {
                    reason: RESYNC_REQUIRED.to_owned(),
                    last_seq,
                });
                let notice = instrument.notice(detail, here, last_seq, gap);
                let snapshot = instrument.snapshot(detail, &self.nodes, here);
                let both = notice.into_iter().chain(snapshot);
                Message::new(both.flat_map(|message| message.to_vec()).collect())
            }
            (None, From::Snapshot | From::Place { .. }) => instrument
                .snapshot(detail, &self.nodes, here)
                .unwrap_or_default(),
        };
        let sent = if message.is_empty() {
            Sent::Queued
        } else {
            subscriber.send(&message)
        };
        if sent == Sent::Queued
            && let Ok(view) = instrument.view(detail)
        {
            view.idle_beats = 0;
            view.members.push(id);
        }
        sent
    }

    /// Once a second: a sign of life to whoever heard nothing, and views nobody looks at end.
    pub fn heartbeat(&mut self) {
        self.subscribers.retain(|_, one| !one.is_gone());
        let here = self.here;
        self.offers.heartbeat(here);
        for instrument in &mut self.instruments {
            let mut quiet = Vec::new();
            instrument.views_mut().retain_mut(|view| {
                view.members.retain(|id| self.subscribers.contains_key(id));
                view.idle_beats = if view.members.is_empty() {
                    view.idle_beats + 1
                } else {
                    0
                };
                if !std::mem::take(&mut view.active) && !view.members.is_empty() {
                    quiet.push((view.detail, view.last_seq(), view.members.clone()));
                }
                view.idle_beats <= VIEW_IDLE_BEATS_MAX
            });
            for (detail, seq, members) in quiet {
                let beat = Wire::Heartbeat(v1::BookHeartbeat {
                    last_trade_id: instrument.facts.last_trade_id(),
                });
                let Some(message) = instrument.notice(detail, here, seq, beat) else {
                    continue;
                };
                for subscriber in members.iter().filter_map(|id| self.subscribers.get(id)) {
                    // A full queue is a sign of life already.
                    subscriber.send(&message);
                }
            }
        }
        self.pay();
    }

    /// Everything up to here was taken over.
    pub const fn sequence(&self) -> Sequence {
        self.here.sequence
    }

    /// One book, to `depth` levels a side.
    pub fn image(&self, id: InstrumentId, depth: usize) -> Option<BookImage> {
        let instrument = self.instruments.get(id.place())?;
        let book = instrument.book();
        let side = |side| book.levels(side).take(depth).collect();
        Some(BookImage {
            here: self.here,
            seq: instrument.last_seq(),
            bids: side(engine::types::Side::Buy),
            asks: side(engine::types::Side::Sell),
            facts: instrument.facts.clone(),
            checksum: instrument.checksum(),
        })
    }

    /// The last price of each instrument; none for those that are not known.
    pub fn last_prices(&self, ids: &[InstrumentId]) -> Vec<Option<Price>> {
        ids.iter()
            .map(|id| self.instruments.get(id.place())?.facts.last_price)
            .collect()
    }
}
