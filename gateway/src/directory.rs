//! Names and handles: every participant, owner, account, calendar, venue, instrument, asset and
//! custodian the engine knows, with what an answer needs of them.
//!
//! Invariant: it says what was true at the last released command, so whoever was told of a handle
//! finds it here. It is built from the recovered engine and then kept by released commands and
//! events only. Not here: books, orders, prices of trades (`fanout`, `projector`), balances and
//! fees (the engine is looked at).

mod law;
mod sessions;

pub use sessions::SessionTable;

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use engine::clearing::{Asset, Clearing, Custodian, factors};
use engine::command::{
    Body, Command, CreateAsset, CreateCustodian, CreateInstrument, CreateVenue, Demonstration,
    InstrumentTerms, MarginCommand, SaleTerms, SalesCommand, Scope, Sequenced, SetCalendar,
    SetClearing, SwitchCommand,
};
use engine::contract::graces::GRACE;
use engine::engine::Engine;
use engine::event::{Event, SaleEvent};
use engine::parties::Parties;
use engine::types::{
    AccountId, AssetId, CalendarId, CustodianId, InstrumentId, Name, Nanoseconds, OwnerId,
    ParticipantId, Price, TermsId, Title, VenueId,
};
use engine::venue::{Law, Model, Moving, Overridden, Phase, Regime, TradingStatus, Venue, Venues};

/// An account as the directory knows it.
#[derive(Clone, Copy, Debug)]
pub struct AccountEntry {
    /// Its public id.
    pub name: Name,
    /// The participant it belongs to.
    pub participant: ParticipantId,
    /// The beneficial owner behind it.
    pub owner: OwnerId,
}

/// A calendar as the directory knows it.
#[derive(Clone, Copy, Debug)]
pub struct CalendarEntry {
    /// Its public id.
    pub name: Name,
    /// Local time of day at which a trading day begins.
    pub roll_time: Nanoseconds,
}

/// A venue as the directory knows it.
#[derive(Clone, Debug)]
pub struct VenueEntry {
    /// Its public id.
    pub name: Name,
    /// For people.
    pub title: Title,
    /// The law it stands under.
    pub regimes: Vec<Regime>,
    /// The law it will stand under.
    pub moving: Option<Moving>,
    /// The models it offers.
    pub models: Vec<Model>,
    /// Whether it is a demonstration.
    pub demonstration: bool,
    /// Its licence.
    pub licence: Option<Title>,
    /// Its calendar.
    pub calendar: Option<CalendarId>,
    /// What it leaves of a deadline after a gap in service.
    pub grace: Nanoseconds,
    /// Its phase.
    pub phase: Phase,
    /// Its trading status.
    pub status: TradingStatus,
    /// Its timetable: when after the roll each phase begins.
    pub schedule: Vec<(Nanoseconds, Phase)>,
    /// Whether an operator's phase holds against the timetable.
    pub overridden: bool,
}

/// An instrument as the directory knows it.
#[derive(Clone, Copy, Debug)]
pub struct InstrumentEntry {
    /// Its public id.
    pub name: Name,
    /// For people.
    pub title: Title,
    /// Its venue.
    pub venue: VenueId,
    /// How it trades.
    pub terms: InstrumentTerms,
    /// Its own trading status.
    pub status: TradingStatus,
    /// Its reference price.
    pub reference: Option<Price>,
}

/// An instrument's clearing as the directory knows it; it never changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClearedEntry {
    /// What it is paid in.
    pub money: AssetId,
    /// What is delivered.
    pub goods: AssetId,
    /// Minor units of the money that one tick of one lot is worth.
    pub tick_value: i64,
    /// Minor units of the goods in one lot.
    pub lot_units: i64,
}

/// Things with a public id, by handle and by name.
#[derive(Clone, Debug)]
pub struct Names<T> {
    list: Vec<T>,
    index: HashMap<Name, u32>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            index: HashMap::new(),
        }
    }
}

impl<T> Names<T> {
    /// The thing with this handle.
    pub fn get(&self, handle: u32) -> Option<&T> {
        self.list.get(handle as usize)
    }

    /// The handle of the thing with this public id.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.index.get(&Name::new(name)?).copied()
    }

    /// All things in order of handle.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.list.iter())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds the thing with the next handle, or replaces the one with `handle`.
    pub fn put(&mut self, handle: u32, name: Name, thing: T) {
        if let Some(old) = self.list.get_mut(handle as usize) {
            *old = thing;
        } else {
            assert!(
                self.list.len() == handle as usize,
                "handles rise without gaps: {handle}"
            );
            self.list.push(thing);
        }
        self.index.insert(name, handle);
    }

    fn get_mut(&mut self, handle: u32) -> Option<&mut T> {
        self.list.get_mut(handle as usize)
    }
}

/// All tables of the directory.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Participants.
    pub participants: Names<Name>,
    /// Beneficial owners.
    pub owners: Names<Name>,
    /// Accounts.
    pub accounts: Names<AccountEntry>,
    /// Calendars.
    pub calendars: Names<CalendarEntry>,
    /// Venues.
    pub venues: Names<VenueEntry>,
    /// Regimes.
    pub law: Law,
    /// Instruments.
    pub instruments: Names<InstrumentEntry>,
    /// Assets.
    pub assets: Names<Asset>,
    /// Custodians.
    pub custodians: Names<Custodian>,
    /// The instruments with clearing.
    pub cleared: HashMap<InstrumentId, ClearedEntry>,
    /// What the margin forwards are settled in.
    pub margined: HashMap<InstrumentId, AssetId>,
    /// Sessions.
    pub sessions: SessionTable,
    /// Terms of sale, by handle.
    pub terms: Vec<SaleTerms>,
}

impl Tables {
    /// The account with this handle.
    pub fn account(&self, id: AccountId) -> Option<&AccountEntry> {
        self.accounts.get(id.index())
    }

    /// The venue with this handle.
    pub fn venue(&self, id: VenueId) -> Option<&VenueEntry> {
        self.venues.get(id.index())
    }

    /// The instrument with this handle.
    pub fn instrument(&self, id: InstrumentId) -> Option<&InstrumentEntry> {
        self.instruments.get(id.index())
    }

    /// The asset with this handle.
    pub fn asset(&self, id: AssetId) -> Option<&Asset> {
        self.assets.get(id.index())
    }

    /// The terms of sale with this handle.
    pub fn terms(&self, id: TermsId) -> Option<&SaleTerms> {
        self.terms.get(id.place())
    }

    /// The currency of terms of sale.
    pub fn money_of_terms(&self, id: TermsId) -> Option<&Asset> {
        self.asset(self.terms(id)?.money)
    }

    /// Whether a venue is a demonstration.
    pub fn venue_is_demonstration(&self, id: VenueId) -> bool {
        self.venue(id).is_some_and(|venue| venue.demonstration)
    }

    /// The custodian with this handle.
    pub fn custodian(&self, id: CustodianId) -> Option<&Custodian> {
        self.custodians.get(id.index())
    }

    /// The money an instrument is paid in, if it has clearing or margin.
    pub fn money_of(&self, id: InstrumentId) -> Option<&Asset> {
        let cleared = self.cleared.get(&id).map(|cleared| cleared.money);
        let money = cleared.or_else(|| self.margined.get(&id).copied())?;
        self.asset(money)
    }

    /// The venue of an instrument.
    pub fn venue_of(&self, id: InstrumentId) -> Option<&VenueEntry> {
        self.venue(self.instrument(id)?.venue)
    }

    /// Whether an instrument's venue is a demonstration.
    pub fn is_demonstration(&self, id: InstrumentId) -> bool {
        self.venue_of(id).is_some_and(|venue| venue.demonstration)
    }

    /// Whether every venue is a demonstration, and there is at least one.
    pub fn all_demonstration(&self) -> bool {
        !self.venues.is_empty() && self.venues.iter().all(|(_, venue)| venue.demonstration)
    }

    /// What a recovered engine knows.
    pub fn of(engine: &Engine) -> Self {
        let mut tables = Self::default();
        tables.add_parties(engine.parties());
        tables.add_venues(engine.venues());
        for (id, _) in engine.venues().venues() {
            let venue = tables.venues.get_mut(id.index()).expect("it was added");
            venue.grace = engine.contracts().grace(id);
        }
        tables.add_clearing(engine.clearing());
        let terms = engine.sales().all_terms().iter();
        tables.terms = terms.map(|defined| defined.terms).collect();
        for (id, session) in engine.sessions().iter() {
            tables.sessions.add(id, session.principal, session.name);
        }
        for (id, chosen) in engine.switches().sessions() {
            tables.sessions.choose(id, chosen.on_disconnect);
        }
        tables
    }

    fn add_parties(&mut self, parties: &Parties) {
        for (id, name) in parties.participants() {
            self.participants.put(id.index(), *name, *name);
        }
        for (id, name) in parties.owners() {
            self.owners.put(id.index(), *name, *name);
        }
        for (id, account) in parties.accounts() {
            let entry = AccountEntry {
                name: account.name,
                participant: account.participant,
                owner: account.owner,
            };
            self.accounts.put(id.index(), account.name, entry);
        }
    }

    fn add_venues(&mut self, venues: &Venues) {
        for (id, calendar) in venues.calendars() {
            let entry = CalendarEntry::new(calendar.terms());
            self.calendars.put(id.index(), entry.name, entry);
        }
        self.law = venues.law().clone();
        for (id, venue) in venues.venues() {
            self.venues
                .put(id.index(), venue.name, VenueEntry::of(venue));
        }
        for (id, instrument) in venues.instruments() {
            let entry = InstrumentEntry {
                name: instrument.name,
                title: instrument.title,
                venue: instrument.venue,
                terms: instrument.terms,
                status: instrument.status,
                reference: instrument.reference,
            };
            self.instruments.put(id.index(), entry.name, entry);
        }
    }

    fn add_clearing(&mut self, clearing: &Clearing) {
        for (id, asset) in clearing.assets().assets() {
            self.assets.put(id.index(), asset.name, *asset);
        }
        for (id, custodian) in clearing.assets().custodians() {
            self.custodians.put(id.index(), custodian.name, *custodian);
        }
        for (id, cleared) in clearing.cleared() {
            let entry = ClearedEntry {
                money: cleared.money,
                goods: cleared.goods,
                tick_value: cleared.tick_value,
                lot_units: cleared.lot_units,
            };
            self.cleared.insert(id, entry);
        }
        for contract in clearing.margin().contracts() {
            let set = &contract.terms;
            self.margined.insert(set.instrument, set.money);
        }
    }

    /// Takes over what one released command and its events changed.
    pub fn apply(&mut self, command: &Command, events: &[Event]) {
        for event in events {
            match event {
                Event::Operation(report) if report.reject.is_none() => {
                    self.take_over(&command.body, report.handle);
                }
                Event::Regime(event) => self.change_law(command, event),
                Event::Sale(SaleEvent::Grace { venue, grace }) => {
                    if let Some(venue) = self.venues.get_mut(venue.index()) {
                        venue.grace = *grace;
                    }
                }
                Event::PhaseChanged(changed) => {
                    if let Some(venue) = self.venues.get_mut(changed.venue.index()) {
                        venue.phase = changed.phase;
                    }
                }
                Event::DayRolled(rolled) => {
                    if let Some(venue) = self.venues.get_mut(rolled.venue.index()) {
                        venue.overridden = false;
                    }
                }
                Event::SessionOpened(opened) => {
                    if let Body::OpenSession(open) = &command.body {
                        let principal = command.envelope.principal;
                        self.sessions.add(opened.session, principal, open.name);
                    }
                }
                Event::StatusChanged(changed) => self.set_status(changed.scope, changed.status),
                Event::ReferencePrice(set) => {
                    if let Some(entry) = self.instruments.get_mut(set.instrument.index()) {
                        entry.reference = Some(set.price);
                    }
                }
                Event::Report(_)
                | Event::Trade(_)
                | Event::Book(_)
                | Event::Indicative(_)
                | Event::Uncrossed(_)
                | Event::MassCancel(_)
                | Event::Operation(_)
                | Event::Duplicate(_)
                | Event::Custody(_)
                | Event::Standing(_)
                | Event::Limits(_)
                | Event::Receipt(_)
                | Event::Correction(_)
                | Event::Credit(_)
                | Event::Settlement(_)
                | Event::Margin(_)
                | Event::Sale(_)
                | Event::Contract(_)
                | Event::EpochBegan(_)
                | Event::Quarantined(_)
                | Event::Switch(_) => {}
            }
        }
    }

    fn take_over(&mut self, body: &Body, handle: Option<u32>) {
        match (body, handle) {
            (Body::CreateParticipant(new), Some(handle)) => {
                self.participants.put(handle, new.name, new.name);
            }
            (Body::CreateOwner(new), Some(handle)) => self.owners.put(handle, new.name, new.name),
            (Body::CreateAccount(new), Some(handle)) => {
                let entry = AccountEntry {
                    name: new.name,
                    participant: new.participant,
                    owner: new.owner,
                };
                self.accounts.put(handle, new.name, entry);
            }
            (Body::SetCalendar(new), Some(handle)) => {
                self.calendars
                    .put(handle, new.name, CalendarEntry::new(new));
            }
            (Body::CreateVenue(new), Some(handle)) => {
                self.venues.put(handle, new.name, VenueEntry::new(new));
            }
            (Body::CreateInstrument(new), Some(handle)) => {
                self.instruments
                    .put(handle, new.name, InstrumentEntry::new(new));
            }
            (Body::CreateAsset(new), Some(handle)) => {
                self.assets.put(handle, new.name, asset(new));
            }
            (Body::CreateCustodian(new), Some(handle)) => {
                self.custodians.put(handle, new.name, custodian(new));
            }
            (Body::Sales(sales), Some(handle)) => self.define_terms(sales, handle),
            (Body::SetClearing(new), _) => self.clear(new),
            (Body::Margin(MarginCommand::SetMargin(new)), _) => {
                self.margined.insert(new.instrument, new.money);
            }
            (Body::CloseCustodyDate(close), _) => {
                if let Some(custodian) = self.custodians.get_mut(close.custodian.index()) {
                    custodian.closed_through = Some(close.date);
                }
            }
            (Body::Switch(SwitchCommand::SetDisconnectPolicy(set)), _) => {
                self.sessions.choose(set.session, set.on_disconnect);
            }
            (Body::SetSchedule(new), _) => {
                if let Some(venue) = self.venues.get_mut(new.venue.index()) {
                    venue.schedule.clone_from(&new.entries);
                }
            }
            (Body::SetPhase(new), _) => {
                if let Some(venue) = self.venues.get_mut(new.venue.index()) {
                    venue.overridden = true;
                }
            }
            _ => {}
        }
    }

    /// Terms that were known before get the handle they have.
    fn define_terms(&mut self, sales: &SalesCommand, handle: u32) {
        if let SalesCommand::DefineTerms(terms) = sales
            && handle as usize == self.terms.len()
        {
            self.terms.push(*terms);
        }
    }

    /// The engine has accepted it, so all it names is there and the factors are whole.
    fn clear(&mut self, set: &SetClearing) {
        let terms = self.instrument(set.instrument).map(|entry| entry.terms);
        let classes = self.asset(set.money).zip(self.asset(set.goods));
        let factors = terms
            .zip(classes)
            .and_then(|(terms, (money, goods))| factors(&terms, money.class, goods.class));
        if let Some((tick_value, lot_units)) = factors {
            let entry = ClearedEntry {
                money: set.money,
                goods: set.goods,
                tick_value,
                lot_units,
            };
            self.cleared.insert(set.instrument, entry);
        }
    }

    fn set_status(&mut self, scope: Scope, status: TradingStatus) {
        match scope {
            Scope::Venue(id) => {
                if let Some(venue) = self.venues.get_mut(id.index()) {
                    venue.status = status;
                }
            }
            Scope::Instrument(id) => {
                if let Some(entry) = self.instruments.get_mut(id.index()) {
                    entry.status = status;
                }
            }
        }
    }
}

fn asset(new: &CreateAsset) -> Asset {
    Asset {
        name: new.name,
        class: new.class,
        demonstration: new.demonstration,
    }
}

fn custodian(new: &CreateCustodian) -> Custodian {
    Custodian {
        name: new.name,
        kind: new.kind,
        demonstration: new.demonstration,
        closed_through: None,
    }
}

impl CalendarEntry {
    fn new(calendar: &SetCalendar) -> Self {
        Self {
            name: calendar.name,
            roll_time: calendar.roll_time,
        }
    }
}

impl VenueEntry {
    fn of(venue: &Venue) -> Self {
        Self {
            name: venue.name,
            title: venue.title,
            regimes: venue.regimes.clone(),
            moving: venue.moving.clone(),
            grace: GRACE,
            models: venue.models.clone(),
            demonstration: venue.demonstration == Demonstration::Demonstration,
            licence: venue.licence,
            calendar: venue.calendar,
            phase: venue.phase,
            status: venue.status,
            schedule: venue.schedule.entries().to_vec(),
            overridden: venue.overridden == Overridden::UntilDayRoll,
        }
    }

    /// What a new venue is: closed, without a timetable.
    pub fn new(venue: &CreateVenue) -> Self {
        Self {
            name: venue.name,
            title: venue.title,
            regimes: venue.regimes.clone(),
            moving: None,
            grace: GRACE,
            models: venue.models.clone(),
            demonstration: venue.demonstration == Demonstration::Demonstration,
            licence: venue.licence,
            calendar: venue.calendar,
            phase: Phase::Closed,
            status: TradingStatus::Trading,
            schedule: Vec::new(),
            overridden: false,
        }
    }
}

impl InstrumentEntry {
    /// What a new instrument is: trading, without a reference price.
    pub fn new(instrument: &CreateInstrument) -> Self {
        Self {
            name: instrument.name,
            title: instrument.title,
            venue: instrument.venue,
            terms: instrument.terms,
            status: TradingStatus::Trading,
            reference: None,
        }
    }
}

/// The directory: one writer (the hub), many readers.
#[derive(Debug, Default)]
pub struct Directory {
    tables: RwLock<Tables>,
}

impl Directory {
    /// The tables as of the last released command. Hold the guard shortly, never over an await.
    pub fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces all tables: once, from the recovered engine.
    pub fn replace(&self, tables: Tables) {
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = tables;
    }

    /// Takes over what a released command and its events changed. Locks only when something did.
    pub fn apply(&self, command: &Sequenced<Command>, events: &[Event]) {
        let changes = events.iter().any(|event| {
            matches!(
                event,
                Event::Operation(_)
                    | Event::SessionOpened(_)
                    | Event::PhaseChanged(_)
                    | Event::DayRolled(_)
                    | Event::StatusChanged(_)
                    | Event::ReferencePrice(_)
            )
        });
        if changes {
            self.tables
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .apply(&command.value, events);
        }
    }
}
