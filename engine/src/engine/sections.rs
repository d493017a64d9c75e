//! The engine as bytes, one versioned section a module: snapshots and the hash of all contents.
//!
//! Invariant: equal contents give equal bytes, whatever lies in memory; what `decode_sections`
//! accepts goes on exactly as the engine that wrote it. Not here: files and their headers
//! (`snapshot`).

use super::Engine;
use super::day_ends::{DayEnd, DayEnds};
use crate::SEMANTICS_VERSION;
use crate::book::arena::Arena;
use crate::bytes::{self, BytesError, Reader};
use crate::clearing::Clearing;
use crate::clearing::trades::KnownTo;
use crate::contract::Contracts;
use crate::contract::section::Known as ContractKnown;
use crate::limits::Limits;
use crate::market::Market;
use crate::market::contents::Target;
use crate::market::sale::Sales;
use crate::market::sale::section::Known as OfferKnown;
use crate::market::timers::Timers;
use crate::parties::Parties;
use crate::requests::Requests;
use crate::risk::Risk;
use crate::sessions::Sessions;
use crate::standing::Standings;
use crate::state_hash::{EventHasher, StateHash};
use crate::switch::Switches;
use crate::switch::section::Known;
use crate::types::{AccountId, InstrumentId, Sequence, Time, VenueId};
use crate::venue::{Imports, Venues};

/// The sections, in the order in which they are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum SectionId {
    /// Sequence, time, the running hash of events, pending ends of day.
    Clock = 1,
    /// Participants, owners, accounts and their counters.
    Parties = 2,
    /// Calendars, venues, instruments.
    Venues = 3,
    /// Sessions and their watermarks.
    Sessions = 4,
    /// Remembered requests.
    Requests = 5,
    /// Live orders in their queues, and the free rows.
    Orders = 6,
    /// Assets, custodians, positions, clearings, fees, instructions. Since semantics version 2.
    Clearing = 7,
    /// What live orders hold. Since semantics version 2.
    Holds = 8,
    /// What parties may do. Since semantics version 3.
    Standing = 9,
    /// Kill switches, dead-man timers, sweeps, sessions of orders. Since semantics version 3.
    Switch = 10,
    /// Limits of risk and what is counted. Since semantics version 3.
    Limits = 11,
    /// Credit lines, scores, collateral, ids of transfers. Since semantics version 3.
    Credit = 12,
    /// Days, rules, what waits, owners remembered. Since semantics version 3.
    Settlement = 13,
    /// Trades that can be busted or corrected. Since semantics version 3.
    Corrections = 14,
    /// Warehouse receipts. Since semantics version 3.
    Receipts = 15,
    /// Margin forwards, and what their orders hold. Since semantics version 3.
    Margin = 16,
    /// Kinds of parties, terms of sale, offers, buyers remembered. Since semantics version 4.
    Sales = 17,
    /// Contracts, and banks asked for their money. Since semantics version 4.
    Contracts = 18,
    /// Uses of annual limits of imports. Since semantics version 4.
    Annual = 19,
}

impl SectionId {
    /// All sections in their order.
    pub const ALL: [Self; 19] = [
        Self::Clock,
        Self::Parties,
        Self::Venues,
        Self::Sessions,
        Self::Requests,
        Self::Orders,
        Self::Clearing,
        Self::Holds,
        Self::Standing,
        Self::Switch,
        Self::Limits,
        Self::Credit,
        Self::Settlement,
        Self::Corrections,
        Self::Receipts,
        Self::Margin,
        Self::Sales,
        Self::Contracts,
        Self::Annual,
    ];

    /// The rules version whose snapshots have the section for the first time. One written before
    /// does without it: what the section would hold is as in a new engine.
    const fn since(self) -> u32 {
        match self {
            Self::Clock
            | Self::Parties
            | Self::Venues
            | Self::Sessions
            | Self::Requests
            | Self::Orders => 1,
            Self::Clearing | Self::Holds => 2,
            Self::Standing
            | Self::Switch
            | Self::Limits
            | Self::Credit
            | Self::Settlement
            | Self::Corrections
            | Self::Receipts
            | Self::Margin => 3,
            Self::Sales | Self::Contracts | Self::Annual => 4,
        }
    }

    /// The sections of a snapshot that has so many of them.
    fn of_count(count: usize) -> impl Iterator<Item = Self> {
        let of = |rules: u32| {
            Self::ALL
                .into_iter()
                .filter(move |one| one.since() <= rules)
        };
        let rules = (1..=SEMANTICS_VERSION).find(|rules| of(*rules).count() == count);
        of(rules.unwrap_or(SEMANTICS_VERSION))
    }

    /// The version of the section's bytes that this build writes and reads.
    pub const fn version(self) -> u8 {
        1
    }

    /// The section with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| *one as u8 == code)
    }
}

/// Why sections are not those of an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SectionsError {
    /// A section is missing, or given twice, or out of order.
    Missing(SectionId),
    /// A section was written in another version.
    Version {
        /// Which.
        section: SectionId,
        /// Its version.
        found: u8,
    },
    /// A section's bytes are broken.
    Bytes {
        /// Which.
        section: SectionId,
        /// How.
        error: BytesError,
    },
    /// The sections do not agree with each other.
    Unsound(&'static str),
}

impl std::fmt::Display for SectionsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(section) => write!(f, "section {section:?} is not where it belongs"),
            Self::Version { section, found } => write!(
                f,
                "section {section:?} has version {found}, this build reads {}",
                section.version()
            ),
            Self::Bytes { section, error } => write!(f, "section {section:?}: {error}"),
            Self::Unsound(what) => write!(f, "the sections do not agree: {what}"),
        }
    }
}

impl std::error::Error for SectionsError {}

impl Engine {
    /// BLAKE3 over the sections. Walks everything: never on the trading thread.
    pub fn state_hash(&self) -> StateHash {
        Self::hash_of(&self.encode_sections())
    }

    /// The state hash of an engine with these sections.
    pub(crate) fn hash_of(sections: &[(SectionId, Vec<u8>)]) -> StateHash {
        let mut hasher = blake3::Hasher::new();
        for (section, bytes) in sections {
            hasher.update(&[*section as u8]);
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
        StateHash(*hasher.finalize().as_bytes())
    }

    /// All contents, one section a module, each beginning with its version.
    pub fn encode_sections(&self) -> Vec<(SectionId, Vec<u8>)> {
        let sections = SectionId::ALL.iter().map(|section| {
            let mut out = vec![section.version()];
            match section {
                SectionId::Clock => self.encode_clock(&mut out),
                SectionId::Parties => self.parties.encode(&mut out),
                SectionId::Venues => self.venues.encode(&mut out),
                SectionId::Sessions => self.sessions.encode(&mut out),
                SectionId::Requests => self.requests.encode(&mut out),
                SectionId::Orders => self.encode_orders(&mut out),
                SectionId::Clearing => self.clearing.encode(&mut out),
                SectionId::Holds => self.clearing.encode_holds(&mut out),
                SectionId::Standing => self.standings.encode(&mut out),
                SectionId::Switch => self.encode_switches(&mut out),
                SectionId::Limits => self.risk.encode(&mut out),
                SectionId::Receipts => self.clearing.encode_receipts(&mut out),
                SectionId::Corrections => self.clearing.trades.encode(&mut out),
                SectionId::Credit => self.clearing.encode_credit(&mut out),
                SectionId::Settlement => self.clearing.settlement.encode(&mut out),
                SectionId::Margin => self.clearing.encode_margin(&mut out),
                SectionId::Sales => self.sales.encode(&mut out),
                SectionId::Contracts => {
                    self.contracts.encode(&mut out);
                    self.clearing.guarantees.encode(&mut out);
                }
                SectionId::Annual => self.sales.annual.encode(&mut out),
            }
            (*section, out)
        });
        sections.collect()
    }

    /// An engine with the contents of sections, in their order, under the given bounds.
    ///
    /// # Errors
    /// Sections missing, of another version, broken, or not agreeing with each other.
    pub fn decode_sections(
        limits: Limits,
        sections: &[(SectionId, Vec<u8>)],
    ) -> Result<Self, SectionsError> {
        let mut engine = Self::new(limits);
        let mut rest = sections.iter();
        for section in SectionId::of_count(sections.len()) {
            let found = rest.next().filter(|(id, _)| *id == section);
            let (_, bytes) = found.ok_or(SectionsError::Missing(section))?;
            let mut input = Reader::new(bytes);
            let version = input.u8().unwrap_or(0);
            if version != section.version() {
                return Err(SectionsError::Version {
                    section,
                    found: version,
                });
            }
            let read = engine.read_section(section, &mut input);
            let read = read.and_then(|()| input.finish());
            read.map_err(|error| SectionsError::Bytes { section, error })?;
        }
        if sections.iter().all(|(id, _)| *id != SectionId::Holds) {
            engine.clearing.hold_nothing(engine.arena.used());
        }
        if sections.iter().all(|(id, _)| *id != SectionId::Corrections) {
            let last = engine.sequence;
            engine.clearing.trades.forget_through(last);
        }
        if rest.next().is_some() {
            return Err(SectionsError::Unsound("there are more sections than known"));
        }
        let bought = engine.recount().buys;
        engine.risk.restore_buys(&bought);
        match engine.audit() {
            Ok(()) => Ok(engine),
            Err(error) => Err(SectionsError::Unsound(error.what)),
        }
    }

    fn read_section(
        &mut self,
        section: SectionId,
        input: &mut Reader<'_>,
    ) -> Result<(), BytesError> {
        match section {
            SectionId::Clock => self.decode_clock(input)?,
            SectionId::Parties => self.parties = Parties::decode(input, &self.limits)?,
            SectionId::Venues => *self.venues = Venues::decode(input, &self.limits)?,
            SectionId::Sessions => self.sessions = Sessions::decode(input, &self.limits)?,
            SectionId::Requests => self.requests = Requests::decode(input, &self.limits)?,
            SectionId::Orders => self.decode_orders(input)?,
            SectionId::Clearing => {
                let known = (&self.parties, &*self.venues);
                self.clearing = Clearing::decode(input, &self.limits, known)?;
            }
            SectionId::Holds => self.decode_holds(input)?,
            SectionId::Standing => {
                let known: (&Parties, &Venues) = (&self.parties, &self.venues);
                self.standings = Standings::decode(input, &self.limits, known)?;
            }
            SectionId::Switch => self.decode_switches(input)?,
            SectionId::Limits => self.decode_risk(input)?,
            SectionId::Receipts => {
                let known = (&self.parties, self.sequence);
                self.clearing.decode_receipts(input, &self.limits, known)?;
            }
            SectionId::Corrections => {
                let known = KnownTo {
                    venues: &self.venues,
                    sequence: self.sequence,
                };
                let parties = &self.parties;
                let is_account = |account| parties.owner_of(account).is_some();
                self.clearing
                    .decode_trades(input, &self.limits, &known, is_account)?;
            }
            SectionId::Credit => {
                self.clearing
                    .decode_credit(input, &self.limits, &self.parties)?;
            }
            SectionId::Settlement => self.decode_settlement(input)?,
            SectionId::Margin => self.decode_margin(input)?,
            SectionId::Sales => self.decode_sales(input)?,
            SectionId::Contracts => self.decode_contracts(input)?,
            SectionId::Annual => self.decode_annual(input)?,
        }
        Ok(())
    }

    fn decode_holds(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        let arena = &self.arena;
        let live = |slot| owner_in(arena, slot);
        self.clearing.decode_holds(input, arena.used(), live)
    }

    fn encode_switches(&self, out: &mut Vec<u8>) {
        self.switches
            .encode(out, |slot| self.arena.row(slot).sequence != 0);
    }

    fn decode_switches(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        let arena = &self.arena;
        let known = Known {
            has: &|scope| self.has(scope),
            lives: &|slot| slot < arena.used() && arena.row(slot).sequence != 0,
            sessions: self.sessions.used(),
            rows: arena.used(),
            now: (self.sequence, self.time),
        };
        let switches = Switches::decode(input, &self.limits, &known)?;
        self.switches = switches;
        self.remember_found();
        Ok(())
    }

    /// Live orders and what they hold are known before: what they bring is counted anew.
    fn decode_risk(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        let known: (&Parties, &Venues) = (&self.parties, &self.venues);
        self.risk = Risk::decode(input, &self.limits, known, self.time)?;
        Ok(())
    }

    fn decode_sales(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        let known = OfferKnown {
            parties: &self.parties,
            venues: &self.venues,
            sequence: self.sequence,
            time: self.time,
        };
        self.sales = Sales::decode(input, &self.limits, &mut self.clearing, &known)?;
        Ok(())
    }

    fn decode_contracts(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        let known = ContractKnown {
            parties: &self.parties,
            sales: &self.sales,
            venues: self.venues.venues().len() as u32,
            sequence: self.sequence,
            time: self.time,
        };
        self.contracts = Contracts::decode(input, &self.limits, &mut self.clearing, &known)?;
        let covered = self.covered_sums();
        let venues: &Venues = &self.venues;
        self.clearing.decode_guarantees(input, venues, &covered)?;
        Ok(())
    }

    /// Live contracts are known before: what they count in is counted anew.
    fn decode_annual(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        let mut counted = Vec::new();
        for (_, contract) in self.contracts.all() {
            let imports = self.venues.law().rules(contract.regime).imports;
            if contract.import_year.is_some() != (imports != Imports::Free) {
                return Err(BytesError::range("the year a contract counts in"));
            }
            counted.extend(self.counts_in(contract));
        }
        let known = (self.parties.owners().len() as u32, self.time);
        self.sales.annual.decode(input, known, counted.into_iter())
    }

    fn decode_margin(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        let known: (&Parties, &Venues) = (&self.parties, &self.venues);
        let arena = &self.arena;
        let live = |slot| owner_in(arena, slot);
        self.clearing
            .decode_margin(input, &self.limits, known, live)
    }

    fn encode_clock(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.sequence.value());
        bytes::put_time(out, self.time);
        self.hasher.encode(out);
        bytes::put_varint(out, self.day_ends.pending().len() as u64);
        for end in self.day_ends.pending() {
            bytes::put_time(out, end.deadline);
            bytes::put_varint(out, u64::from(end.venue.index()));
            bytes::put_varint(out, end.cutoff.value());
        }
    }

    fn decode_clock(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        self.sequence = Sequence::new(input.varint()?);
        self.time = input.time("the time of the last command")?;
        self.hasher = EventHasher::decode(input)?;
        let mut day_ends = DayEnds::default();
        let count = input.count(self.limits.venues_max, 3, "the count of ends of day")?;
        for _ in 0..count {
            let end = DayEnd {
                deadline: input.time("an end of day")?,
                venue: VenueId::new(input.varint32("an end of day's venue")?),
                cutoff: Sequence::new(input.varint()?),
            };
            let before = day_ends.pending().last();
            let known = day_ends.pending().iter().any(|one| one.venue == end.venue);
            if known || before.is_some_and(|before| *before >= end) {
                return Err(BytesError::range("an end of day"));
            }
            day_ends.fall_due(end.venue, end.deadline, end.cutoff);
        }
        self.day_ends = day_ends;
        Ok(())
    }

    fn encode_orders(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, u64::from(self.arena.used()));
        let live = |(_, market): &(InstrumentId, &Market)| !market.is_vacant(&self.arena);
        bytes::put_varint(out, self.made_markets().filter(live).count() as u64);
        for (instrument, market) in self.made_markets().filter(live) {
            bytes::put_varint(out, u64::from(instrument.index()));
            market.encode(&self.arena, out);
        }
        for slot in self.arena.free_slots() {
            bytes::put_varint(out, u64::from(slot));
        }
    }

    fn decode_orders(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        for end in self.day_ends.pending() {
            if self.venues.venue(end.venue).is_none() {
                return Err(BytesError::range("an end of day's venue"));
            }
        }
        let used = input.count(self.limits.orders_max, 1, "the count of rows")?;
        let mut arena = Arena::blank(&self.limits, used as u32);
        let mut timed = Vec::new();
        let instruments = self.venues.instruments().len() as u32;
        for _ in 0..input.count(instruments, 1, "the count of markets")? {
            let instrument = InstrumentId::new(input.varint32("a market's instrument")?);
            let fresh = instrument.place() >= self.markets.len();
            if instrument.index() >= instruments || !fresh {
                return Err(BytesError::range("a market's instrument"));
            }
            let row = self.setting_row(instrument);
            let mut target = Target {
                arena: &mut arena,
                parties: &self.parties,
                setting: &row,
                sequence: self.sequence.value(),
                timed: &mut timed,
            };
            let market = Market::decode(input, &mut target)?;
            self.markets.resize_with(instrument.place() + 1, || None);
            self.markets[instrument.place()] = Some(Box::new(market));
        }
        let free = used - arena.live() as usize;
        let mut slots = Vec::with_capacity(free);
        for _ in 0..free {
            slots.push(input.varint32("a free row")?);
        }
        if !arena.restore_free(&slots) {
            return Err(BytesError::range("a free row"));
        }
        self.timers = restore_timers(&self.limits, &arena, &timed);
        self.arena = arena;
        for slot in (0..used as u32).filter(|slot| self.arena.row(*slot).sequence != 0) {
            let account = AccountId::new(self.arena.row(slot).account);
            self.parties.opened(account);
        }
        Ok(())
    }
}

/// Account and instrument of the order that lives in a slot.
fn owner_in(arena: &Arena, slot: u32) -> Option<(AccountId, InstrumentId)> {
    let row = (slot < arena.used()).then(|| arena.row(slot));
    let row = row.filter(|row| row.sequence != 0)?;
    let (account, instrument) = (row.account, row.instrument);
    Some((AccountId::new(account), InstrumentId::new(instrument)))
}

fn restore_timers(limits: &Limits, arena: &Arena, timed: &[(Time, u32)]) -> Timers {
    let mut timers = Timers::new(limits.orders_max);
    for (expire, slot) in timed {
        timers.add(*expire, arena.id(*slot));
    }
    timers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_rise_in_number_and_in_the_rules_that_brought_them() {
        let numbers: Vec<_> = SectionId::ALL.iter().map(|one| *one as u8).collect();
        assert_eq!(numbers, (1..=19).collect::<Vec<u8>>());
        let since = SectionId::ALL.map(SectionId::since);
        assert!(
            since.is_sorted(),
            "older snapshots are a beginning of newer ones"
        );
        for section in SectionId::ALL {
            assert_eq!(SectionId::from_code(section as u8), Some(section));
        }
        assert_eq!(
            (SectionId::from_code(0), SectionId::from_code(20)),
            (None, None)
        );
    }
}
