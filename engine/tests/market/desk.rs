//! An engine with one venue, a few parties and an instrument, driven command by command.
//!
//! Invariant: sequences are contiguous and ticks come before whatever is due, as the sequencer
//! does it. Not here: what a test expects.

use std::path::PathBuf;

use sanjiang_engine::command::{
    Body, Command, CreateAccount, CreateOwner, CreateParticipant, Identity, InstrumentTerms,
    Sequenced, SetPhase,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Event, Events};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::Reject;
use sanjiang_engine::types::{
    AccountId, CalendarId, InstrumentId, OwnerId, ParticipantId, Time, VenueId,
};
use sanjiang_engine::venue::Phase;

use crate::founding;
pub use crate::founding::{command, limit, name, price, quantity, time};

/// The venue of every test.
pub const VENUE: VenueId = VenueId::new(0);
/// The first instrument.
pub const INSTRUMENT: InstrumentId = InstrumentId::new(0);

/// The begin of the first trading day of the venue's calendar.
pub const DAY: Time = match Time::new(24 * 3_600 * 1_000_000_000) {
    Some(time) => time,
    None => Time::ZERO,
};

/// Bounds small enough that an engine a test is cheap.
pub fn small_limits() -> Limits {
    Limits {
        orders_max: 20_000,
        levels_max: 2_000,
        stops_max: 64,
        requests_capacity: 1_024,
        ..Limits::default()
    }
}

/// An engine and the place of its next command.
pub struct Desk {
    pub engine: Engine,
    /// The time of the next command.
    pub time: Time,
    events: Events,
}

impl Desk {
    /// An engine with a SANDBOX venue in phase CLOSED that offers the book and the auction.
    pub fn new(limits: Limits) -> Self {
        let mut desk = Self {
            engine: Engine::new(limits),
            time: time(1_000_000_000),
            events: Events::default(),
        };
        desk.send(Body::CreateParticipant(CreateParticipant {
            name: name("firm"),
        }));
        desk.send(founding::calendar(1..4));
        let venue = founding::sandbox(Some(CalendarId::new(0)));
        desk.send(Body::CreateVenue(Box::new(venue)));
        desk
    }

    /// Adds `count` accounts, each with an owner of its own.
    pub fn with_accounts(mut self, count: u32) -> Self {
        for index in 0..count {
            self.add_account(index);
        }
        self
    }

    /// Adds an account of the owner with index `owner`, who is made if need be.
    pub fn add_account(&mut self, owner: u32) -> AccountId {
        if self.engine.parties().owners().len() as u32 <= owner {
            let name = name(&format!("o{owner}"));
            self.send(Body::CreateOwner(CreateOwner { name }));
        }
        let index = self.engine.parties().accounts().len() as u32;
        self.send(Body::CreateAccount(CreateAccount {
            name: name(&format!("a{index}")),
            participant: ParticipantId::new(0),
            owner: OwnerId::new(owner),
        }));
        AccountId::new(index)
    }

    /// Adds an instrument.
    pub fn with_instrument(mut self, terms: InstrumentTerms) -> Self {
        self.add_instrument(terms);
        self
    }

    /// Adds an instrument.
    pub fn add_instrument(&mut self, terms: InstrumentTerms) {
        let index = self.engine.venues().instruments().len();
        let events = self.send(founding::instrument(&format!("i{index}"), terms));
        assert!(
            matches!(events[..], [Event::Operation(report)] if report.reject.is_none()),
            "{events:?}"
        );
    }

    /// Moves the venue to a phase.
    pub fn phase(&mut self, phase: Phase) -> Vec<Event> {
        self.send(Body::SetPhase(SetPhase {
            venue: VENUE,
            phase,
        }))
    }

    /// Sends a command of the runtime's own, ticks first, and returns its own events.
    pub fn send(&mut self, body: Body) -> Vec<Event> {
        self.send_as(Identity::Internal, body);
        self.events.as_slice().to_vec()
    }

    /// Sends a command with its envelope, ticks first, and returns its own events.
    pub fn send_command(&mut self, command: Command) -> Vec<Event> {
        self.ticks();
        self.apply(command);
        self.events.as_slice().to_vec()
    }

    /// What the engine says such a command would be answered, when nothing is due before it.
    pub fn dry(&self, command: &Command) -> Option<Reject> {
        self.engine.validate(command, self.time).err()
    }

    /// Sends ticks until nothing is due at the time of the next command.
    pub fn ticks(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while self
            .engine
            .next_deadline()
            .is_some_and(|due| due <= self.time)
        {
            self.apply(command(Identity::Internal, Body::Tick));
            events.extend_from_slice(self.events.as_slice());
        }
        events
    }

    /// Sends a command under an identity; its events stay in the desk.
    pub fn send_as(&mut self, identity: Identity, body: Body) -> &[Event] {
        self.ticks();
        self.send_at_once(identity, body)
    }

    /// Sends a command without the ticks that are due; its events stay in the desk.
    pub fn send_at_once(&mut self, identity: Identity, body: Body) -> &[Event] {
        self.apply(command(identity, body));
        self.events.as_slice()
    }

    /// One tick, if something is due.
    pub fn tick(&mut self) -> Vec<Event> {
        let due = self.engine.next_deadline();
        if due.is_some_and(|due| due <= self.time) {
            self.apply(command(Identity::Internal, Body::Tick));
            return self.events.as_slice().to_vec();
        }
        Vec::new()
    }

    fn apply(&mut self, value: Command) {
        self.events.clear();
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: self.time,
            value,
        };
        self.engine.apply(&command, &mut self.events);
    }
}

/// Terms without bands and bounds that matter.
pub fn terms() -> InstrumentTerms {
    InstrumentTerms {
        market_protection_ticks: 1_000_000,
        ..founding::terms()
    }
}

/// A file of the shared data, or `None` with a visible note where the folder is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SANJIANG_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let found = root.join(path);
    if !found.exists() {
        println!("skipped: {path} is not in the shared data folder");
        return None;
    }
    Some(found)
}
