//! What the mirror is handed: owned, compact copies of the public part of what was released.
//!
//! Invariant: a piece holds at most [`PIECE_COMMANDS_MAX`] commands, whole, in order; of what
//! it holds nothing that names an account is told. Not here: what becomes of it (`market`).

use engine::command::{Body, Command, Demonstration, Scope, Sequenced, TradeRef};
use engine::event::{
    BookChange, CorrectionEvent, Event, Indicative, OfferReport, SaleEvent, TradeCorrection,
    Uncrossed,
};
use engine::runtime::Released;
use engine::types::{InstrumentId, Name, Price, Quantity, Sequence, Side, TermsId, Time, VenueId};
use engine::venue::{Phase, TradingStatus};

use crate::projector::rows::Correction;

/// The most commands of one piece; bounds how far the books of one message can move.
pub const PIECE_COMMANDS_MAX: usize = 4_096;

/// A public trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Print {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The index of the event among its command's events.
    pub index: u32,
    /// The price.
    pub price: Price,
    /// The quantity.
    pub quantity: Quantity,
    /// Who took; none in an auction.
    pub aggressor: Option<Side>,
}

/// A public trade that was busted or corrected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reprint {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The trade.
    pub trade: TradeRef,
    /// What became of it.
    pub correction: Correction,
    /// The price: as it stands, or, of a bust, as it stood.
    pub price: Price,
    /// The quantity, likewise.
    pub quantity: Quantity,
}

impl Reprint {
    const fn of(correction: Correction, event: &TradeCorrection) -> Self {
        let terms = match correction {
            Correction::Bust => &event.before,
            Correction::Correct => &event.after,
        };
        Self {
            instrument: event.instrument,
            trade: event.trade(),
            correction,
            price: terms.price,
            quantity: terms.quantity,
        }
    }
}

/// Something the public may know.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// A change of a displayed book.
    Book(BookChange),
    /// A trade.
    Trade(Print),
    /// A trade was busted or corrected.
    Correction(Reprint),
    /// What an auction would give.
    Indicative(Indicative),
    /// What an auction gave.
    Uncrossed(Uncrossed),
    /// A venue entered a phase.
    Phase(VenueId, Phase),
    /// A trading status changed.
    Status(Scope, TradingStatus),
    /// A venue was made.
    Venue(VenueId, Demonstration),
    /// An instrument was made.
    Instrument(InstrumentId, VenueId, Name),
    /// An offer stands so.
    Offer(OfferReport),
    /// Terms of sale were defined at a venue.
    Terms(TermsId, VenueId),
}

/// A command with something public.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its place.
    pub sequence: Sequence,
    /// Its time.
    pub time: Time,
    /// The index after its last item in the piece.
    pub end: usize,
}

/// Some commands with their public items.
#[derive(Debug)]
pub struct Piece {
    /// The shard.
    pub shard: u32,
    /// The epoch of the journal.
    pub epoch: u32,
    /// The last command and its time, also when nothing of it is public.
    pub last: (Sequence, Time),
    /// The commands with something public.
    pub steps: Vec<Step>,
    /// What is public of them.
    pub items: Vec<Item>,
}

impl Piece {
    /// Cuts what was released into pieces.
    pub fn cut(released: &Released<'_>, mut take: impl FnMut(Self)) {
        let mut piece = None;
        let mut count = 0;
        for (command, _, events) in released.iter() {
            let current = piece.get_or_insert_with(|| Self {
                shard: released.shard,
                epoch: released.epoch,
                last: (command.sequence, command.time),
                steps: Vec::new(),
                items: Vec::new(),
            });
            current.push(command, events);
            count += 1;
            if count == PIECE_COMMANDS_MAX {
                count = 0;
                if let Some(piece) = piece.take() {
                    take(piece);
                }
            }
        }
        if let Some(piece) = piece {
            take(piece);
        }
    }

    fn push(&mut self, command: &Sequenced<Command>, events: &[Event]) {
        self.last = (command.sequence, command.time);
        let before = self.items.len();
        for (index, event) in (0..).zip(events) {
            self.items.extend(item(&command.value.body, index, event));
        }
        if self.items.len() > before {
            self.steps.push(Step {
                sequence: command.sequence,
                time: command.time,
                end: self.items.len(),
            });
        }
    }
}

fn item(body: &Body, index: u32, event: &Event) -> Option<Item> {
    Some(match event {
        Event::Book(change) => Item::Book(*change),
        Event::Trade(trade) => Item::Trade(Print {
            instrument: trade.instrument,
            index,
            price: trade.price,
            quantity: trade.quantity,
            aggressor: trade.aggressor,
        }),
        Event::Correction(CorrectionEvent::Busted(event)) => {
            Item::Correction(Reprint::of(Correction::Bust, event))
        }
        Event::Correction(CorrectionEvent::Corrected(event)) => {
            Item::Correction(Reprint::of(Correction::Correct, event))
        }
        Event::Indicative(indicative) => Item::Indicative(*indicative),
        Event::Uncrossed(uncrossed) => Item::Uncrossed(*uncrossed),
        Event::Sale(SaleEvent::Offer(report)) => Item::Offer(*report),
        Event::Sale(SaleEvent::Terms { terms, venue }) => Item::Terms(*terms, *venue),
        Event::PhaseChanged(changed) => Item::Phase(changed.venue, changed.phase),
        Event::StatusChanged(changed) => Item::Status(changed.scope, changed.status),
        Event::Operation(report) if report.reject.is_none() => made(body, report.handle?)?,
        Event::Operation(_)
        | Event::Report(_)
        | Event::MassCancel(_)
        | Event::Duplicate(_)
        | Event::SessionOpened(_)
        | Event::ReferencePrice(_)
        | Event::DayRolled(_)
        | Event::Custody(_)
        | Event::Standing(_)
        | Event::Limits(_)
        | Event::Receipt(_)
        | Event::Correction(CorrectionEvent::Repaid(_))
        | Event::Credit(_)
        | Event::Settlement(_)
        | Event::Margin(_)
        | Event::Sale(
            SaleEvent::Party { .. }
            | SaleEvent::Ticket(_)
            | SaleEvent::Lottery(_)
            | SaleEvent::Guarantee(_)
            | SaleEvent::Grace { .. }
            | SaleEvent::Discount(_)
            | SaleEvent::Use(_),
        )
        | Event::Contract(_)
        | Event::EpochBegan(_)
        | Event::Quarantined(_)
        | Event::Regime(_)
        | Event::Switch(_) => return None,
    })
}

fn made(body: &Body, handle: u32) -> Option<Item> {
    if let Body::CreateVenue(venue) = body {
        return Some(Item::Venue(VenueId::new(handle), venue.demonstration));
    }
    let Body::CreateInstrument(new) = body else {
        return None;
    };
    let instrument = InstrumentId::new(handle);
    Some(Item::Instrument(instrument, new.venue, new.name))
}
