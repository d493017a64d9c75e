//! What a seller owes its buyer since a return by agreement, and how it is paid.
//!
//! Invariant: between commands a seller that owes by a contract has nothing available of that
//! currency, so it can neither withdraw nor hold any past the debt. What the shard or a lender
//! advanced comes first (`clearing::correction`, `clearing::credit`): that money is spent, and
//! whoever is to have it is somebody else. Not here: the list of debts (`contract::owing`).

use crate::clearing::ledger::Place;
use crate::contract::Contract;
use crate::contract::effects::Moved;
use crate::contract::owing::{Owing, Since};
use crate::contract::table;
use crate::engine::Engine;
use crate::event::{ContractStep, Disputed, Events, State};
use crate::types::{AccountId, AssetId, ContractId, Sequence, VenueId};

/// What the seller of a contract owes its buyer since a return by agreement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Debt {
    /// The contract: OWING.
    pub contract: ContractId,
    /// Its version.
    pub version: u32,
    /// Who owes.
    pub seller: AccountId,
    /// Who is owed.
    pub buyer: AccountId,
    /// Where the contract was formed.
    pub venue: VenueId,
    /// The currency.
    pub money: AssetId,
    /// How much, in minor units: above zero.
    pub amount: i64,
    /// Since when.
    pub since: Since,
}

impl Engine {
    /// What is owed by contracts since the command at `from` or a later one, the oldest debt first:
    /// at most `Limits::owing_max`.
    pub fn debts_from(&self, from: Sequence) -> impl Iterator<Item = Debt> {
        self.contracts.owing.from(from).map(|one| {
            let row = self.contracts.row(one.slot);
            let terms = &self.sales.known(row.terms).terms;
            Debt {
                contract: row.id(one.slot),
                version: row.version,
                seller: row.seller,
                buyer: row.buyer,
                venue: terms.venue,
                money: terms.money,
                amount: one.amount,
                since: one.since,
            }
        })
    }

    /// Whether the seller of a contract may owe its buyer.
    pub(super) fn may_owe(&self, contract: &Contract) -> bool {
        let owing = &self.contracts.owing;
        owing.may_owe(contract.seller_at, contract.money.at())
    }

    /// What the seller lacks is owed from now on.
    pub(super) fn owe(&mut self, slot: u32, contract: &Contract, amount: i64) {
        let since = Since {
            sequence: self.sequence,
            time: self.time,
        };
        let one = Owing::new(slot, contract, amount, since);
        self.contracts.owing.add(one);
        self.clearing.ledger.mark_owes(one.at);
    }

    /// Sellers that owe have something available again: contracts are paid in the order in which
    /// the debts arose. Who is paid owes nothing by a contract, so one walk is enough; what it owes
    /// since a bust is taken at once.
    #[cold]
    pub(in crate::engine) fn pay_owing(&mut self, events: &mut Events) {
        let row = table::find(State::Owing, Disputed::No, ContractStep::Repay);
        let row = row.expect("the table says how a debt is paid");
        let mut place = 0;
        while let Some(one) = self.contracts.owing.walk_to(place) {
            if self.clearing.beyond_credit(one.at) > 0 {
                self.step(one.slot, row, (None, None), events);
            }
            place += 1;
        }
        self.contracts.owing.end_walk();
        if self.clearing.has_debts() {
            self.clearing.repay_debts(&self.parties, events);
        }
    }

    /// Checks that who owes by a contract has nothing available, and that its positions say so.
    pub(crate) fn audit_owing(&self) -> Result<(), &'static str> {
        let ledger = self.clearing.ledger();
        let mut sellers: Vec<_> = self.contracts.owing.all().map(|one| one.at).collect();
        sellers.sort_unstable();
        sellers.dedup();
        let right = |at: &Place| ledger.position(*at).owes() && ledger.available(*at) == 0;
        if !sellers.iter().all(right) {
            return Err("a seller that owes by a contract has something available");
        }
        let marked = ledger.positions().iter().filter(|one| one.owes());
        if marked.count() != sellers.len() {
            return Err("a position says that something is owed by a contract");
        }
        Ok(())
    }

    /// The seller pays what it has beyond what was lent to it.
    pub(super) fn repay_owing(&mut self, slot: u32, contract: &mut Contract, moved: &mut Moved) {
        let owed = self.contracts.owing.of(slot);
        let amount = self.clearing.beyond_credit(contract.seller_at).min(owed);
        self.clearing.pay_buyer(contract, amount, moved);
        self.lower_owing(slot, contract, amount);
    }

    /// The buyer asks for no more (民法典(2020) 575).
    pub(super) fn forgive_owing(&mut self, slot: u32, contract: &mut Contract) {
        let owed = self.contracts.owing.of(slot);
        self.lower_owing(slot, contract, owed);
        self.contracts.owing.forget(slot);
    }

    /// So much less is owed; of nothing more the contract stands as it would had all been paid.
    fn lower_owing(&mut self, slot: u32, contract: &mut Contract, by: i64) {
        if self.contracts.owing.lower(slot, by) > 0 {
            contract.state = State::Owing;
            return;
        }
        if !self.contracts.owing.owes(contract.seller_at) {
            self.clearing.ledger.clear_owes(contract.seller_at);
        }
        if contract.came_back < contract.pieces {
            self.keep_on(contract);
        }
    }
}
