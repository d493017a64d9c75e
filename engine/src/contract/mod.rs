//! Contracts: what every way to trade between named parties ends in (SEMANTICS section 20).
//!
//! A model forms one; from then on it lives by the table, whatever its model was.
//!
//! Invariant: a contract that lives has at most one deadline and holds what the ledger holds for
//! it; the event that ends it frees its row, and by then it holds nothing. Not here: models
//! (`market`), offers it gives goods back to, who is told (`engine::contracts`).

pub(crate) mod effects;
pub mod gaps;
pub mod graces;
pub(crate) mod owing;
pub(crate) mod row;
pub(crate) mod section;
pub mod table;

pub use owing::Since;
pub use row::{Contract, CountedFor, INVOICES_MAX};

use std::collections::BTreeMap;

use gaps::Gaps;
use owing::AllOwing;

use crate::command::Covered;
use crate::event::State;
use crate::limits::Limits;
use crate::requests::expiry::{Entry, Expiry};
use crate::slab::Slab;
use crate::types::{AccountId, ContractId, Nanoseconds, Sequence, Time, VenueId};

/// All live contracts.
#[derive(Clone, Debug)]
pub struct Contracts {
    rows: Slab<Contract>,
    timers: Expiry,
    /// Banks that were asked for the money of a contract, which may have ended since, by the
    /// instruction. As instructions are, in a tree: asking is not the hot path.
    payments: BTreeMap<u64, ContractId>,
    /// Times without service.
    pub(crate) gaps: Gaps,
    /// What sellers owe since returns by agreement.
    pub(crate) owing: AllOwing,
}

impl Contracts {
    /// None, with room for as many as `limits` says, touched only when used.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            rows: Slab::new(limits.contracts_max),
            timers: Expiry::new(limits.contracts_max),
            payments: BTreeMap::new(),
            gaps: Gaps::default(),
            owing: AllOwing::new(limits),
        }
    }

    /// How many live.
    pub fn live(&self) -> u32 {
        self.rows.live()
    }

    /// How many more may live.
    pub(crate) const fn room(&self) -> u32 {
        self.rows.room()
    }

    /// Whether the row that is taken next is one that was freed.
    pub(crate) fn is_next_free(&self) -> bool {
        self.rows.is_next_free()
    }

    /// A live contract.
    pub fn contract(&self, id: ContractId) -> Option<&Contract> {
        self.rows.find(id.sequence, id.slot)
    }

    /// What the seller of a live contract owes of it since a return by agreement.
    pub fn owing(&self, id: ContractId) -> i64 {
        let owes = |contract: &&Contract| contract.state == State::Owing;
        let owing = self.contract(id).filter(owes);
        owing.map_or(0, |_| self.owing.of(id.slot))
    }

    /// How many contracts are OWING.
    pub fn all_owing(&self) -> u32 {
        self.owing.len() as u32
    }

    pub(crate) fn row(&self, slot: u32) -> &Contract {
        self.rows.row(slot)
    }

    /// All live contracts with their ids, in order of their rows.
    pub fn all(&self) -> impl Iterator<Item = (ContractId, &Contract)> {
        self.rows.iter().map(|(slot, row)| (row.id(slot), row))
    }

    /// The live contracts of an account. Walks all of them: an operator's question.
    pub fn of_account(&self, account: AccountId) -> impl Iterator<Item = (ContractId, &Contract)> {
        let own = move |(_, row): &(ContractId, &Contract)| row.role_of(account).is_some();
        self.all().filter(own)
    }

    /// Takes the rows of contracts that are formed at once, in order of their ids.
    pub(crate) fn take_rows(&mut self, slots: &mut [u32]) {
        self.rows.take_all(slots);
    }

    /// A contract is formed in a row that was taken for it.
    pub(crate) fn form(&mut self, slot: u32, row: Contract) {
        self.rows.fill(slot, row);
        self.time(slot, row.deadline);
    }

    /// A contract stands so from now on.
    pub(crate) fn put(&mut self, slot: u32, row: Contract) {
        let before = self.rows.row(slot).deadline;
        if before != row.deadline {
            if before.is_some() {
                self.timers.remove(slot);
            }
            *self.rows.row_mut(slot) = row;
            return self.time(slot, row.deadline);
        }
        *self.rows.row_mut(slot) = row;
    }

    /// A contract ends, holding nothing.
    pub(crate) fn end(&mut self, slot: u32, row: &Contract) {
        assert!(
            row.money_held() == 0 && row.goods_held() == 0,
            "a contract that ends holds nothing: {row:?}"
        );
        let before = self.rows.remove(slot);
        if before.deadline.is_some() {
            self.timers.remove(slot);
        }
    }

    fn time(&mut self, slot: u32, deadline: Option<Time>) {
        if let Some(expires) = deadline {
            let sequence = self.rows.row(slot).sequence;
            self.timers.push(Entry {
                expires,
                sequence,
                row: slot,
            });
        }
    }

    /// Whether any deadline runs: all that a command asks while none does.
    #[inline]
    pub(crate) fn is_anything_due(&self) -> bool {
        self.timers.len() > 0
    }

    /// The deadline that passes first, and whose it is.
    #[inline]
    pub(crate) fn first(&self) -> Option<(Time, u32)> {
        let first = self.timers.first()?;
        Some((first.expires, first.row))
    }

    /// What a venue leaves of a deadline after a gap in service that ends next.
    pub fn grace(&self, venue: VenueId) -> Nanoseconds {
        self.gaps.grace(venue)
    }

    /// Forgets gaps in service that put nothing off any more.
    pub(crate) fn forget_gaps(&mut self, now: Time) {
        let first = self.timers.first().map(|first| first.expires);
        self.gaps.forget(first, now);
    }

    /// A bank was asked for the money of a contract.
    pub(crate) fn ask_bank(&mut self, instruction: Sequence, contract: ContractId) {
        self.payments.insert(instruction.value(), contract);
    }

    /// The bank answered: for which contract, if for one.
    pub(crate) fn bank_answered(&mut self, instruction: Sequence) -> Option<ContractId> {
        self.payments.remove(&instruction.value())
    }

    /// Checks timers and rows against each other.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&self, now: Time, last: Sequence) -> Result<(), &'static str> {
        self.gaps.audit(now, last)?;
        let timed = self.rows.iter().filter(|(_, row)| row.deadline.is_some());
        if timed.count() != self.timers.len() || !self.timers.is_sound() {
            return Err("deadlines of contracts and timers differ");
        }
        for entry in self.timers.entries() {
            let row = self.rows.find(entry.sequence, entry.row);
            if row.and_then(|row| row.deadline) != Some(entry.expires) {
                return Err("a timer is of no contract");
            }
        }
        for (slot, row) in self.rows.iter() {
            audit_row(row)?;
            let asked = row.payment.map(|one| self.payments.get(&one.get()));
            if asked.is_some_and(|asked| asked != Some(&row.id(slot))) {
                return Err("a contract waits for a bank that was not asked");
            }
        }
        self.owing.audit(&self.rows)
    }
}

fn audit_row(row: &Contract) -> Result<(), &'static str> {
    use crate::event::Disputed;
    let units = i64::from(row.pieces) * row.piece_units;
    let kept = matches!(
        row.state,
        State::Unpaid | State::Joined | State::Deposited | State::Paid | State::HandedOver
    );
    let returning = matches!(
        row.state,
        State::ReturnAsked | State::Returning | State::ReturnProposed
    );
    if !row.state.lives() || row.money_held() != row.paid() {
        return Err("a contract does not hold what was paid");
    }
    if row.goods_held() != if kept { units } else { 0 } {
        return Err("a contract does not hold its goods until they leave");
    }
    let with_seller = kept || row.state == State::Entered;
    if with_seller != row.received.is_none() || returning != (row.returned > 0) {
        return Err("a contract's goods are not where its state says");
    }
    let frozen = row.disputed == Disputed::Yes;
    let waits = frozen || matches!(row.state, State::HandedOver | State::Owing);
    if waits != row.deadline.is_none() {
        return Err("a contract has no deadline, or one too many");
    }
    if row.money.is_frozen() != frozen || row.goods.is_frozen() != frozen {
        return Err("what a contract holds is frozen only in a dispute");
    }
    if row.state == State::Deposited && row.deposit == 0 {
        return Err("a contract waits for a balance without a deposit");
    }
    let covered = row.covered == Covered::Yes;
    let returns = matches!(row.state, State::ReturnAsked | State::Returning);
    let stands = row.state == State::Covered || covered && returns;
    if covered != stands || covered && row.answered_for() == 0 {
        return Err("a contract is covered in a state that is not, or for nothing");
    }
    let back = row.came_back.checked_add(row.returned);
    let whole = back == Some(row.pieces) && row.returned == 0 && row.state != State::Owing;
    if whole || back.is_none_or(|back| back > row.pieces) {
        return Err("a contract has fewer pieces than come back");
    }
    let unpaid = matches!(
        row.state,
        State::Unpaid | State::Joined | State::Entered | State::Deposited
    );
    if row.invoices > INVOICES_MAX || unpaid && row.invoices > 0 {
        return Err("a contract has too many invoices, or one before it is paid");
    }
    if with_seller && row.came_back > 0 {
        return Err("pieces came back that never left");
    }
    Ok(())
}
