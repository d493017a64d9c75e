//! Margin forwards: positions without goods, margin held for them, marks, calls (SEMANTICS 16).
//!
//! A position is a row of an account in an instrument: its net lots, its open orders, what it cost
//! since the last mark, the margin it holds. What a trade gains or loses is settled at the next
//! mark; between marks only fees move.
//!
//! Invariant: the net lots of an instrument sum to zero, and what its rows cost, less what a mark
//! in progress still owes them, sums to what its pool lacks. No event on an order or a trade looks
//! at another row, and no trade can fail: it never raises what its two rows must hold. Not here:
//! orders of other instruments (`clearing::orders`), when a mark is due (`engine`).

pub(crate) mod audit;
pub(crate) mod mark;
pub(crate) mod orders;
pub(crate) mod rows;
pub(crate) mod section;
pub(crate) mod terms;

pub use rows::{Call, Row};
pub use terms::{Contract, Margined};

use std::collections::BTreeSet;

use crate::limits::Limits;
use crate::types::{AccountId, InstrumentId, Time};
use mark::Marking;
use rows::Rows;

/// All margin forwards of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Margin {
    /// By instrument handle; none of most.
    contracts: Vec<Option<Box<Contract>>>,
    rows: Rows,
    /// Marks that are not over, in order of (deadline, instrument).
    marks: Vec<Marking>,
    /// Calls with their deadlines.
    calls: BTreeSet<(Time, u32)>,
    /// Calls past their deadline that wait for the market.
    waiting: BTreeSet<(InstrumentId, u32)>,
    /// How many instruments became margin forwards since this engine was made.
    changes: u64,
}

impl Margin {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            contracts: Vec::new(),
            rows: Rows::new(limits),
            marks: Vec::new(),
            calls: BTreeSet::new(),
            waiting: BTreeSet::new(),
            changes: 0,
        }
    }

    /// The contract of an instrument, if it is a margin forward.
    #[inline]
    pub fn contract(&self, instrument: InstrumentId) -> Option<&Contract> {
        self.contracts.get(instrument.place())?.as_deref()
    }

    /// How often what instruments' settings are made from may have changed.
    #[inline]
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    fn put_contract(&mut self, contract: Contract) {
        let place = contract.terms.instrument.place();
        if place >= self.contracts.len() {
            self.contracts.resize_with(place + 1, || None);
        }
        self.contracts[place] = Some(Box::new(contract));
        self.changes += 1;
    }

    fn contract_mut(&mut self, instrument: InstrumentId) -> &mut Contract {
        let contract = self.contracts[instrument.place()].as_deref_mut();
        contract.expect("rows are of margin forwards")
    }

    /// All margin forwards in order of their handles.
    pub fn contracts(&self) -> impl Iterator<Item = &Contract> {
        self.contracts.iter().filter_map(Option::as_deref)
    }

    /// All rows, in order of their coming into being.
    pub fn rows(&self) -> &[Row] {
        self.rows.all()
    }

    /// The rows of an account with their numbers, in order of their coming into being: all, or
    /// from one of its numbers on.
    pub fn of_account_from(
        &self,
        account: AccountId,
        from: Option<u32>,
    ) -> impl Iterator<Item = (u32, &Row)> {
        self.rows.of_account_from(account, from)
    }

    /// The row of an account in an instrument, if there is one.
    pub fn row_of(&self, account: AccountId, instrument: InstrumentId) -> Option<&Row> {
        let found = self.rows.find(account, instrument)?;
        Some(self.rows.row(found))
    }

    /// What a row must hold now.
    pub fn required(&self, row: &Row) -> i64 {
        let contract = self.contract(row.instrument);
        row.required(contract.expect("rows are of margin forwards"))
    }

    /// What a row must hold not to be called.
    pub fn maintenance(&self, row: &Row) -> i64 {
        let contract = self.contract(row.instrument);
        row.maintenance(contract.expect("rows are of margin forwards"))
    }

    /// Whether a mark of the instrument is not over.
    pub fn is_marking(&self, instrument: InstrumentId) -> bool {
        self.marks.iter().any(|mark| mark.instrument == instrument)
    }

    /// The earliest mark that is not over.
    #[inline]
    pub(crate) fn first_mark(&self) -> Option<(Time, InstrumentId)> {
        let first = self.marks.first()?;
        Some((first.deadline, first.instrument))
    }

    /// The earliest deadline of a call, and its row.
    #[inline]
    pub(crate) fn first_call(&self) -> Option<(Time, u32)> {
        self.calls.first().copied()
    }

    /// Changes how a row is called.
    fn set_call(&mut self, place: u32, call: Call) {
        let row = self.rows.row_mut(place);
        let (instrument, old) = (row.instrument, std::mem::replace(&mut row.call, call));
        match old {
            Call::None => {}
            Call::Until(deadline) => assert!(self.calls.remove(&(deadline, place))),
            Call::Waiting => assert!(self.waiting.remove(&(instrument, place))),
        }
        match call {
            Call::None => {}
            Call::Until(deadline) => {
                self.calls.insert((deadline, place));
            }
            Call::Waiting => {
                self.waiting.insert((instrument, place));
            }
        }
    }

    /// An instrument trades continuously again: its overdue calls are due at `at`.
    pub(crate) fn rearm(&mut self, instrument: InstrumentId, at: Time) {
        let from = (instrument, 0);
        while let Some((_, place)) = self.waiting.range(from..=(instrument, u32::MAX)).next() {
            let place = *place;
            self.set_call(place, Call::Until(at));
        }
    }
}
