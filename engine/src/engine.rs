//! The engine: `apply` takes one sequenced command and writes the events it causes.
//!
//! Invariant: a function of the commands so far, nothing else: no clock, no randomness, no hash
//! order, no threads. Between commands each live order is in exactly one place and nothing rests
//! crossed in continuous trading. Not here: durability (`journal`), who may send (`gateway`).

mod baskets;
mod clearing;
mod clock;
mod contracts;
mod correction;
mod credit;
mod day_ends;
mod guarantees;
mod holds;
mod lotteries;
mod margin;
mod moves;
mod operations;
mod orders;
mod queues;
mod receipts;
mod risk;
mod sales;
mod sections;
mod settings;
mod settlement;
mod standing;
mod switch;
mod terms;
mod views;
#[cfg(test)]
mod work_tests;

pub use crate::market::sale::{AnnualUse, Campaign, Defined, Discount, Offer, Sales};
pub use baskets::{BasketCost, LineCost, RefusedLine};
pub(crate) use clearing::approved;
pub use contracts::{Debt, ImportLimits};
pub use holds::{Held, HeldFor};
pub use sections::{SectionId, SectionsError};
pub use views::{LiveOrder, LivePlace, Usage};

use crate::book::arena::Arena;
use crate::clearing::Clearing;
use crate::command::{Body, Command, Identity, Quarantine, Sequenced};
use crate::contract::Contracts;
use crate::event::{Event, Events};
use crate::journal::codec;
use crate::limits::Limits;
use crate::market::timers::Timers;
use crate::market::{Market, Setting};
use crate::matching::{Desk, Scratch};
use crate::parties::Parties;
use crate::reject::{Reject, RejectReason};
use crate::requests::{Request, RequestScope, Requests};
use crate::risk::Risk;
use crate::sessions::{Refusal, Sessions};
use crate::standing::Standings;
use crate::state_hash::{EventHash, EventHasher};
use crate::switch::Switches;
use crate::tracked::Tracked;
use crate::types::{InstrumentId, Price, Sequence, Time};
use crate::venue::Venues;
use day_ends::DayEnds;
use settings::Settings;
use switch::session_of;

/// All of a shard's contents: parties, venues, books, and what is needed to recognise retries.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    sequence: Sequence,
    time: Time,
    requests: Requests,
    sessions: Sessions,
    parties: Parties,
    venues: Tracked<Venues>,
    clearing: Clearing,
    sales: Sales,
    contracts: Contracts,
    standings: Standings,
    switches: Switches,
    risk: Risk,
    arena: Arena,
    /// By instrument handle; made at the instrument's first order.
    markets: Vec<Option<Box<Market>>>,
    settings: Settings,
    /// A market where nothing happened, for questions about instruments that have none yet.
    vacant: Box<Market>,
    timers: Timers,
    day_ends: DayEnds,
    /// Instruments whose indicative may have changed in this command.
    touched: Vec<u32>,
    scratch: Scratch,
    /// How many events there were before those of this command.
    first_event: usize,
    hasher: EventHasher,
}

/// One instrument's market and everything matching needs beside it, borrowed at once.
struct Floor<'a> {
    market: &'a mut Market,
    setting: &'a Setting,
    desk: Desk<'a>,
}

impl Engine {
    /// An engine to which nothing has happened. Room is reserved for `limits` and touched only
    /// when used.
    pub fn new(limits: Limits) -> Self {
        Self {
            sequence: Sequence::ZERO,
            time: Time::ZERO,
            requests: Requests::new(&limits),
            sessions: Sessions::new(&limits),
            parties: Parties::new(&limits),
            venues: Tracked::new(Venues::new(&limits)),
            clearing: Clearing::new(&limits),
            sales: Sales::new(&limits),
            contracts: Contracts::new(&limits),
            standings: Standings::new(&limits),
            switches: Switches::new(&limits),
            risk: Risk::new(&limits),
            arena: Arena::new(limits.orders_max, limits.accounts_max),
            markets: Vec::new(),
            settings: Settings::default(),
            vacant: Box::new(Market::new()),
            timers: Timers::new(limits.orders_max),
            day_ends: DayEnds::default(),
            touched: Vec::new(),
            scratch: Scratch::new(),
            first_event: 0,
            hasher: EventHasher::default(),
            limits,
        }
    }

    /// Carries out one command and appends its events. The sequence must be the last one plus
    /// one (or lie behind exactly what a `BeginEpoch` says is lost), and the time must not fall:
    /// anything else is a fault of ours and stops the process.
    pub fn apply(&mut self, command: &Sequenced<Command>, events: &mut Events) {
        self.advance(command);
        let first = events.len();
        self.first_event = first;
        match self.admit(&command.value) {
            Ok(()) => self.carry_out(&command.value, events),
            Err(Refusal::Duplicate(duplicate)) => events.push(Event::Duplicate(duplicate)),
            Err(Refusal::Reject(reason)) => {
                self.refuse(&command.value, reason.into(), events);
            }
        }
        if self.clearing.has_debts() {
            self.clearing.repay_debts(&self.parties, events);
        }
        if self.clearing.ledger.is_owing_touched() {
            self.pay_owing(events);
        }
        self.timers.tidy(&self.arena);
        self.clearing.repay(events);
        self.hasher.add(self.sequence, &events.as_slice()[first..]);
    }

    /// Takes the place of a quarantined command and does nothing of what it asks.
    pub fn skip(&mut self, command: &Sequenced<Command>, events: &mut Events) {
        self.advance(command);
        let envelope = &command.value.envelope;
        if let Identity::Session {
            session,
            client_sequence,
        } = envelope.identity
        {
            // Uses up the number, if it is the next one: what the session sent after it follows.
            let _ = self
                .sessions
                .check(envelope.principal, session, client_sequence);
        }
        let first = events.len();
        let sequence = command.sequence;
        events.push(Event::Quarantined(Quarantine { sequence }));
        self.hasher.add(self.sequence, &events.as_slice()[first..]);
    }

    fn advance(&mut self, command: &Sequenced<Command>) {
        let follows = if let Body::BeginEpoch(begin) = &command.value.body {
            begin.follows(self.sequence, command.sequence)
        } else {
            command.sequence == self.sequence.next()
        };
        assert!(
            follows,
            "commands come one after the other: {:?} after {:?}",
            command.sequence, self.sequence
        );
        assert!(
            command.time >= self.time,
            "time never falls: {:?} after {:?}",
            command.time,
            self.time
        );
        self.sequence = command.sequence;
        self.time = command.time;
        if self.clearing.trades.pass(self.sequence, self.time) {
            self.clearing.trades.forget_old(&self.venues);
        }
    }

    /// What the engine would answer to a command at `time`: the same ladder of checks, carried out
    /// without changing anything.
    ///
    /// # Errors
    /// The reject the command would get. A retry is `Ok`: it would be answered from memory.
    pub fn validate(&self, command: &Command, time: Time) -> Result<(), Reject> {
        match self.probe(command, time) {
            Ok(()) => self.check(command, time),
            Err(Refusal::Duplicate(_)) => Ok(()),
            Err(Refusal::Reject(reason)) => Err(reason.into()),
        }
    }

    /// When the next `Tick` is due, if anything is.
    pub fn next_deadline(&self) -> Option<Time> {
        self.next_due().map(|due| due.deadline())
    }

    /// The sequence of the last command.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The time of the last command.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The running hash of all events since the first command.
    pub fn event_hash(&self) -> EventHash {
        self.hasher.value()
    }

    /// The duplicate group of checks; it remembers the request.
    fn admit(&mut self, command: &Command) -> Result<(), Refusal> {
        let envelope = &command.envelope;
        match envelope.identity {
            Identity::Internal => {}
            Identity::Session {
                session,
                client_sequence,
            } => self
                .sessions
                .check(envelope.principal, session, client_sequence)?,
            Identity::Request(_) => {
                let request = request_of(command).expect("the identity is a request");
                return self.requests.check(&request, self.sequence, self.time);
            }
        }
        check_fresh(command, self.time)
    }

    /// The duplicate group of checks, changing nothing.
    fn probe(&self, command: &Command, time: Time) -> Result<(), Refusal> {
        let envelope = &command.envelope;
        match envelope.identity {
            Identity::Internal => {}
            Identity::Session {
                session,
                client_sequence,
            } => self
                .sessions
                .probe(envelope.principal, session, client_sequence)?,
            Identity::Request(_) => {
                let request = request_of(command).expect("the identity is a request");
                return self.requests.probe(&request, time);
            }
        }
        check_fresh(command, time)
    }

    /// The two that most commands are come first: a jump by a table is predicted badly.
    #[inline]
    fn carry_out(&mut self, command: &Command, events: &mut Events) {
        if let Body::NewOrder(order) = &command.body {
            self.new_order(order, session_of(&command.envelope), events);
        } else if let Body::CancelOrder(cancel) = &command.body {
            self.cancel_order(cancel, events);
        } else {
            self.carry_out_other(command, events);
        }
    }

    #[inline(never)]
    fn carry_out_other(&mut self, command: &Command, events: &mut Events) {
        match &command.body {
            Body::NewOrder(_) | Body::CancelOrder(_) => unreachable!("they come first"),
            Body::ReplaceOrder(replace) => {
                self.replace_order(replace, session_of(&command.envelope), events);
            }
            Body::MassCancel(mass_cancel) => self.mass_cancel(mass_cancel, events),
            Body::OpenSession(open) => self.open_session(command.envelope.principal, open, events),
            Body::CreateParticipant(create) => {
                operation(events, self.parties.create_participant(create).map(Some));
            }
            Body::CreateOwner(create) => {
                operation(events, self.parties.create_owner(create).map(Some));
            }
            Body::CreateAccount(create) => self.create_account(create, events),
            Body::SetCalendar(set) => {
                operation(events, self.venues.set_calendar(set, self.time).map(Some));
            }
            Body::CreateVenue(create) => {
                let made = self.venues.create_venue(create, self.time);
                operation(events, made.map(Some));
            }
            Body::DefineRegime(terms) => self.define_regime(&command.envelope, terms, events),
            Body::MoveVenue(moves) => self.move_venue(&command.envelope, moves, events),
            Body::SetAnnualUse(set) => self.set_annual_use(&command.envelope, set, events),
            Body::CreateInstrument(create) => {
                operation(events, self.venues.create_instrument(create).map(Some));
            }
            Body::SetSchedule(set) => {
                let done = self.venues.set_schedule(set, self.time);
                operation(events, done.map(|()| None));
            }
            Body::SetPhase(set) => self.set_phase(*set, events),
            Body::SetTradingStatus(set) => self.set_trading_status(set, events),
            Body::SetReferencePrice(set) => self.set_reference_price(set, events),
            Body::SetLimits(set) => {
                operation(events, self.requests.set_limits(set).map(|()| None));
            }
            Body::CreateAsset(_)
            | Body::CreateCustodian(_)
            | Body::SetClearing(_)
            | Body::SetFees(_)
            | Body::SetTier(_)
            | Body::Instruct(_)
            | Body::Acknowledge(_)
            | Body::CloseCustodyDate(_) => self.clear(command, events),
            Body::Standing(standing) => self.stand(standing, events),
            Body::Limits(limits) => self.limit(limits, events),
            Body::Receipts(act) => self.act_on_receipts(&command.envelope, act, events),
            Body::Correction(correction) => {
                self.correct(&command.envelope, correction, events);
            }
            Body::Credit(credit) => self.credit(credit, &command.envelope, events),
            Body::Settlement(settlement) => {
                let done = self.settlement(&command.envelope, settlement);
                operation(events, done.map(|()| None));
            }
            Body::Margin(command) => self.change_margin(command, events),
            Body::Sales(_) | Body::Contract(_) => self.deal(command, events),
            Body::Tick => self.tick(events),
            Body::BeginEpoch(begin) => {
                events.push(Event::EpochBegan(*begin));
                operation(events, Ok(None));
            }
            Body::SessionsLost => self.lose_sessions(events),
            Body::ServiceGap(gap) => self.end_gap(*gap, events),
            Body::AcceptClock(_) | Body::SemanticsVersion(_) | Body::Quarantine(_) => {
                operation(events, Ok(None));
            }
            Body::Switch(switch) => self.switch(command.envelope.principal, switch, events),
        }
    }

    /// The checks after the duplicate group, changing nothing.
    fn check(&self, command: &Command, time: Time) -> Result<(), Reject> {
        match &command.body {
            Body::NewOrder(order) => {
                let session = session_of(&command.envelope);
                self.check_new(order, session, time).map(|_| ())
            }
            Body::CancelOrder(cancel) => Ok(self.check_cancel(cancel).map(|_| ())?),
            Body::ReplaceOrder(replace) => {
                let session = session_of(&command.envelope);
                self.check_replace(replace, session, time).map(|_| ())
            }
            Body::MassCancel(mass_cancel) => Ok(self.check_mass_cancel(mass_cancel)?),
            Body::OpenSession(open) => {
                let known = self.sessions.check_open(command.envelope.principal, open);
                known.map(|_| ())
            }
            Body::CreateParticipant(create) => self.parties.check_participant(create),
            Body::CreateOwner(create) => self.parties.check_owner(create),
            Body::CreateAccount(create) => self.check_account(create),
            Body::SetCalendar(set) => self.venues.check_calendar(set),
            Body::CreateVenue(create) => self.venues.check_venue(create, time),
            Body::DefineRegime(terms) => self.check_regime(&command.envelope, terms),
            Body::MoveVenue(moves) => self.check_move(&command.envelope, moves, time),
            Body::SetAnnualUse(set) => Ok(self.check_annual_use(&command.envelope, set, time)?),
            Body::CreateInstrument(create) => self.venues.check_instrument(create),
            Body::SetSchedule(set) => self.venues.check_schedule(set),
            Body::SetPhase(set) => self.venues.check_phase(set.venue, set.phase),
            Body::SetTradingStatus(set) => Ok(self.venues.status(set.scope).map(|_| ())?),
            Body::SetReferencePrice(set) => self.venues.check_reference_price(set),
            Body::SetLimits(set) => self.requests.check_limits(set),
            Body::CreateAsset(_)
            | Body::CreateCustodian(_)
            | Body::SetClearing(_)
            | Body::SetFees(_)
            | Body::SetTier(_)
            | Body::Instruct(_)
            | Body::Acknowledge(_)
            | Body::CloseCustodyDate(_) => self.check_clear(command, time),
            Body::Standing(standing) => self.check_command_of_standing(standing),
            Body::Switch(switch) => self.check_switch(command.envelope.principal, switch),
            Body::Limits(limits) => self.check_command_of_risk(limits),
            Body::Receipts(act) => self.check_receipts(&command.envelope, act, time),
            Body::Correction(correction) => {
                let checked = self.check_correction(&command.envelope, correction, time);
                checked.map(|_| ())
            }
            Body::Credit(credit) => self.check_credit(credit, &command.envelope),
            Body::Settlement(settlement) => self.check_settlement(&command.envelope, settlement),
            Body::Margin(command) => self.check_margin(command),
            Body::Sales(sales) => self.check_sales(&command.envelope, sales, time),
            Body::Contract(contract) => self.check_contract(&command.envelope, contract, time),
            Body::Tick
            | Body::AcceptClock(_)
            | Body::SessionsLost
            | Body::ServiceGap(_)
            | Body::SemanticsVersion(_)
            | Body::BeginEpoch(_)
            | Body::Quarantine(_) => Ok(()),
        }
    }

    /// How often what settings are made from may have changed.
    #[inline]
    fn changes(&self) -> u64 {
        self.venues.changes() + self.clearing.changes()
    }

    /// Makes sure that an instrument's row is kept, if it is known.
    #[inline]
    fn keep_setting(&mut self, id: InstrumentId) {
        if self.settings.get(id, self.changes()).is_none() {
            self.make_setting(id);
        }
    }

    #[cold]
    fn make_setting(&mut self, id: InstrumentId) {
        if self.venues.instrument(id).is_some() {
            let row = self.setting_row(id);
            self.settings.put(id, self.changes(), row);
        }
    }

    /// An instrument's setting: the row that is kept, else one made in `spare`.
    #[inline]
    fn setting_in<'a>(
        &'a self,
        id: InstrumentId,
        spare: &'a mut Option<Setting>,
    ) -> Option<&'a Setting> {
        if let Some(row) = self.settings.get(id, self.changes()) {
            return Some(row);
        }
        self.spare_setting(id, spare)
    }

    #[cold]
    fn spare_setting<'a>(
        &'a self,
        id: InstrumentId,
        spare: &'a mut Option<Setting>,
    ) -> Option<&'a Setting> {
        self.venues.instrument(id)?;
        Some(spare.insert(self.setting_row(id)))
    }

    /// Everything one instrument's orders can change, borrowed at once. The instrument is known.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "nine pointers stay in registers; measured"
    )]
    fn floor<'a>(&'a mut self, instrument: InstrumentId, events: &'a mut Events) -> Floor<'a> {
        self.keep_setting(instrument);
        let place = instrument.place();
        if self.markets.get(place).is_none_or(Option::is_none) {
            self.open_market(place);
        }
        let day = if self.risk.is_on() {
            self.venues.trading_day(self.venues.venue_of(instrument))
        } else {
            0
        };
        let setting = self.settings.kept(instrument);
        let market = self.markets[place].as_deref_mut();
        Floor {
            market: market.expect("it was made"),
            setting,
            desk: Desk {
                clearing: &mut self.clearing,
                cleared: setting.cleared(),
                margined: setting.margined(),
                arena: &mut self.arena,
                parties: &mut self.parties,
                risk: &mut self.risk,
                day,
                timers: &mut self.timers,
                scratch: &mut self.scratch,
                sequence: self.sequence,
                first_event: self.first_event,
                events,
            },
        }
    }

    #[cold]
    fn open_market(&mut self, place: usize) {
        if place >= self.markets.len() {
            self.markets.resize_with(place + 1, || None);
        }
        self.markets[place] = Some(Box::new(Market::new()));
    }

    /// The market of an instrument, made or not.
    fn market(&self, instrument: InstrumentId) -> &Market {
        let made = self.markets.get(instrument.place());
        made.and_then(Option::as_deref).unwrap_or(&self.vacant)
    }

    /// Whether an instrument has had an order; without one no phase can do anything to it.
    fn has_market(&self, instrument: InstrumentId) -> bool {
        let made = self.markets.get(instrument.place());
        made.is_some_and(Option::is_some)
    }

    /// The price of an instrument's last trade, if it has traded.
    pub fn last_trade(&self, instrument: InstrumentId) -> Option<Price> {
        self.market(instrument).last_trade
    }
}

/// A command as the table of remembered requests sees it, if a request id identifies it.
fn request_of(command: &Command) -> Option<Request> {
    let Identity::Request(id) = command.envelope.identity else {
        return None;
    };
    let account = command.body.account();
    let principal = RequestScope::Principal(command.envelope.principal);
    Some(Request {
        scope: account.map_or(principal, RequestScope::Account),
        id,
        payload: codec::payload_hash(command),
        valid_until: command.envelope.valid_until,
    })
}

/// STALE_REQUEST.
fn check_fresh(command: &Command, time: Time) -> Result<(), Refusal> {
    match command.envelope.valid_until {
        Some(until) if until < time => Err(Refusal::Reject(RejectReason::StaleRequest)),
        _ => Ok(()),
    }
}

/// Writes the answer to an operator's command.
fn operation(events: &mut Events, done: Result<Option<u32>, Reject>) {
    events.push(Event::Operation(crate::event::OperationReport {
        reject: done.err(),
        handle: done.ok().flatten(),
    }));
}
