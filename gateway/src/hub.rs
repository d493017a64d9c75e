//! The hub: takes what the runtime releases, on the publisher thread, and gives it to whoever is
//! concerned.
//!
//! Order of each group: the directory (so that nobody is told of a handle it does not know), the
//! history's queue (so that a caller who asks for what it was told waits for it), private answers,
//! then public market data.
//!
//! Invariant: everything here is durable; nothing here waits for a network. Not here: encoding for
//! calls (`services`), the history's rows (`projector`), books (`fanout`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use engine::command::{Body, Command, Identity, Sequenced};
use engine::engine::Engine;
use engine::event::{Event, SaleEvent, SwitchEvent};
use engine::runtime::{Released, Sink};
use engine::types::Sequence;

use crate::directory::{Directory, Tables};
use crate::fanout::{Feed, Market, Mirror};
use crate::last_words::LastWords;
use crate::projector::{History, Projector};
use crate::replies::{Answer, Delivery, Replies, SessionDelivery, session_of};
use crate::telemetry::Telemetry;
use crate::to_proto::{Place, session_reports};

/// What the hub gives to and the services read from.
#[derive(Clone, Debug)]
pub struct Outlets {
    /// Names and handles.
    pub directory: Arc<Directory>,
    /// Waiting calls and sessions.
    pub replies: Arc<Replies>,
    /// Counters.
    pub telemetry: Arc<Telemetry>,
    /// The history, once the journal was accepted.
    pub history: Arc<OnceLock<History>>,
    /// The public books, once the engine was recovered.
    pub feed: Arc<OnceLock<Feed>>,
    /// The end after a fault.
    pub last_words: LastWords,
}

/// The sink of the runtime.
#[derive(Debug)]
pub struct Hub {
    outlets: Outlets,
    projections: PathBuf,
    projector: Option<Projector>,
    mirror: Option<Mirror>,
    /// Reused from group to group.
    deliveries: Vec<Delivery>,
}

impl Hub {
    /// A hub whose history is in `projections`.
    pub fn new(outlets: Outlets, projections: PathBuf) -> Self {
        Self {
            outlets,
            projections,
            projector: None,
            mirror: None,
            deliveries: Vec::new(),
        }
    }

    /// The public books as the recovered engine has them.
    fn open_books(&self, engine: &Engine, epoch: u32) -> Result<Mirror, String> {
        let projector = self
            .projector
            .as_ref()
            .ok_or("the history was not opened")?;
        projector.settle();
        let history = projector.history();
        let last_trade = |id| history.last_trade(id).ok().flatten().map(|row| row.trade);
        let market = Market::from_engine(engine, epoch, last_trade);
        let market = market.map_err(|error| error.to_string())?;
        let past = history.clone();
        let market = market.with_past(Box::new(move |trade| {
            let row = past.trade(trade.sequence.value(), trade.index);
            row.ok().flatten().map(|row| row.trade)
        }));
        let words = self.outlets.last_words.clone();
        let fatal = Box::new(move |text: &str| words.end(text));
        Mirror::start(market, fatal).map_err(|error| error.to_string())
    }

    /// Answers and reports of a group, for those who wait for them.
    fn collect(&mut self, released: &Released<'_>) {
        let directory = Arc::clone(&self.outlets.directory);
        let tables = directory.read();
        let mut sessions: BTreeMap<u64, SessionDelivery> = BTreeMap::new();
        for (command, ticket, events) in released.iter() {
            let Some(ticket) = ticket else {
                self.deliveries.extend(fired(command, events));
                continue;
            };
            if let Some(number) = session_of(ticket) {
                let delivery = sessions.entry(number).or_default();
                delivery.reports.durable_sequence = released.durable.value();
                report(&tables, released, command, events, delivery);
            } else if let Some(answer) = answer(released, command, events) {
                self.deliveries.push(Delivery::Call(ticket, answer));
            }
        }
        let sessions = sessions
            .into_iter()
            .map(|(number, delivery)| Delivery::Session(number, delivery));
        self.deliveries.extend(sessions);
    }
}

/// Word for the sessions whose dead-man timers a tick fired.
fn fired(command: &Sequenced<Command>, events: &[Event]) -> impl Iterator<Item = Delivery> {
    let sequence = command.sequence;
    let ticked = command.value.body == Body::Tick;
    let events = events.iter().filter(move |_| ticked);
    events.filter_map(move |event| {
        if let Event::Switch(SwitchEvent::Fired(session)) = event {
            Some(Delivery::Fired(*session, sequence))
        } else {
            None
        }
    })
}

/// Adds a session command's reports to its connection's delivery.
fn report(
    tables: &Tables,
    released: &Released<'_>,
    command: &Sequenced<Command>,
    events: &[Event],
    delivery: &mut SessionDelivery,
) {
    let Identity::Session {
        client_sequence, ..
    } = command.value.envelope.identity
    else {
        return;
    };
    delivery.commands += 1;
    delivery.reports.watermark = client_sequence;
    let from = (released.shard, released.epoch);
    let out = &mut delivery.reports;
    session_reports(tables, from, command, client_sequence, events, out);
}

/// The event that answers a command, with its place.
fn answer(
    released: &Released<'_>,
    command: &Sequenced<Command>,
    events: &[Event],
) -> Option<Answer> {
    let (index, event) = (0..)
        .zip(events)
        .find(|(_, event)| answers(&command.value.body, event))?;
    Some(Answer {
        place: Place {
            shard: released.shard,
            epoch: released.epoch,
            sequence: command.sequence,
            time: command.time,
            index,
        },
        event: *event,
    })
}

/// Whether this event is the answer to a command with this body. The first one is.
const fn answers(body: &Body, event: &Event) -> bool {
    match (body, event) {
        (_, Event::Duplicate(_)) => true,
        (Body::NewOrder(_) | Body::CancelOrder(_) | Body::ReplaceOrder(_), event) => {
            matches!(event, Event::Report(_))
        }
        (Body::MassCancel(_), event) => matches!(event, Event::MassCancel(_)),
        (Body::OpenSession(_), event) => {
            matches!(event, Event::SessionOpened(_) | Event::Operation(_))
        }
        (Body::Contract(_), event) => matches!(event, Event::Contract(_)),
        // A seller is told how its offer stands, or why nothing was done.
        (Body::Sales(_), event) => {
            matches!(
                event,
                Event::Sale(SaleEvent::Offer(_)) | Event::Operation(_)
            )
        }
        (_, event) => matches!(event, Event::Operation(_)),
    }
}

impl Sink for Hub {
    fn open(&mut self, journal_last: Sequence) -> Result<Sequence, String> {
        let words = self.outlets.last_words.clone();
        let fatal = Box::new(move |text: &str| words.end(text));
        let opened = Projector::open(&self.projections, journal_last, fatal);
        let (projector, cursor) = opened.map_err(|error| error.to_string())?;
        if self.outlets.history.set(projector.history()).is_err() {
            return Err("the history was opened twice".to_owned());
        }
        self.projector = Some(projector);
        Ok(cursor)
    }

    fn replayed(&mut self, released: &Released<'_>) {
        if let Some(projector) = &self.projector {
            projector.feed(released);
        }
    }

    fn recovered(&mut self, engine: &Engine, epoch: u32) {
        self.outlets.directory.replace(Tables::of(engine));
        match self.open_books(engine, epoch) {
            Ok(mirror) => {
                // A second start of the same hub is refused by `open`.
                let _ = self.outlets.feed.set(mirror.feed());
                self.mirror = Some(mirror);
            }
            Err(text) => self.outlets.last_words.end(&text),
        }
    }

    fn release(&mut self, released: &Released<'_>) {
        let mut trades = 0;
        for (command, _, events) in released.iter() {
            self.outlets.directory.apply(command, events);
            trades += events
                .iter()
                .filter(|event| matches!(event, Event::Trade(_)))
                .count();
        }
        if let Some(projector) = &self.projector {
            projector.feed(released);
        }
        self.collect(released);
        self.outlets.telemetry.released(
            released.tickets.iter().flatten().count() as u64,
            trades as u64,
            (
                released.durable,
                released.commands.last().map(|last| last.time),
            ),
        );
        if let Some(mirror) = &self.mirror {
            mirror.announce(released);
        }
        self.outlets.replies.push(&mut self.deliveries);
        if let Some(mirror) = &self.mirror {
            mirror.apply(released);
        }
    }

    fn cursor(&self) -> Sequence {
        self.projector
            .as_ref()
            .map_or(Sequence::ZERO, Projector::cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_answers_every_body() {
        let duplicate = Event::Duplicate(engine::event::Duplicate {
            first_sequence: Sequence::new(1),
            watermark: 0,
        });
        assert!(answers(&Body::Tick, &duplicate));
    }
}
