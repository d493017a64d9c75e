//! What sellers owe by contracts: the rest of a refund by agreement that was not there when pieces
//! came back (SEMANTICS section 28).
//!
//! Invariant: the list has one entry of each contract that is OWING, in the order in which the
//! debts arose; of a currency nobody both owes by a contract and is owed by one, so one walk pays
//! all that can be paid. Rejected: a field of each contract's row (a million rows, a thousand
//! debts). Not here: when it is paid (`engine::contracts::owing`).

use std::collections::VecDeque;

use super::row::Contract;
use crate::bytes::{self, BytesError, Reader};
use crate::clearing::Clearing;
use crate::clearing::ledger::Place;
use crate::event::State;
use crate::limits::Limits;
use crate::slab::Slab;
use crate::types::{Sequence, Time};

/// What is owed by one contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Owing {
    /// The row of the contract.
    pub(crate) slot: u32,
    /// Where its seller has the currency.
    pub(crate) at: Place,
    /// Where its buyer has it.
    pub(crate) to: Place,
    /// How much, in minor units: above zero.
    pub(crate) amount: i64,
    /// Since when.
    pub(crate) since: Since,
}

impl Owing {
    pub(crate) const fn new(slot: u32, contract: &Contract, amount: i64, since: Since) -> Self {
        Self {
            slot,
            at: contract.seller_at,
            to: contract.money.at(),
            amount,
            since,
        }
    }
}

/// The command by which pieces came back; one makes one debt, so they rise along the list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Since {
    /// Its place.
    pub sequence: Sequence,
    /// When it was sequenced.
    pub time: Time,
}

/// All that is owed, the oldest debt first, which mostly is the first to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AllOwing {
    rows: VecDeque<Owing>,
    /// Where the walk that pays stands: debts before it are not looked at, and those paid whole
    /// stay, at zero, until it ends. Zero between commands.
    walk: usize,
    max: usize,
    per_seller_max: usize,
}

/// The least bytes of an entry.
const ROW_BYTES_MIN: usize = 4;

fn wrong() -> BytesError {
    BytesError::range("what a contract owes")
}

impl AllOwing {
    /// None, with room for as many as `limits` says.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            rows: VecDeque::with_capacity(limits.owing_max as usize),
            walk: 0,
            max: limits.owing_max as usize,
            per_seller_max: limits.owing_per_seller_max as usize,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All of them, the oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Owing> {
        self.rows.iter()
    }

    /// The walk that pays, from the oldest debt on, comes to the one in this place.
    pub(crate) fn walk_to(&mut self, place: usize) -> Option<Owing> {
        self.walk = place;
        self.rows.get(place).copied()
    }

    /// The walk that pays is at its end: what it paid whole goes, in one move of the others.
    pub(crate) fn end_walk(&mut self) {
        self.walk = 0;
        self.rows.retain(|one| one.amount > 0);
    }

    /// Those that arose by the command at `from` or a later one, the oldest first.
    pub(crate) fn from(&self, from: Sequence) -> impl Iterator<Item = &Owing> {
        let first = self.rows.partition_point(|one| one.since.sequence < from);
        self.rows.range(first..)
    }

    /// What the contract in a row owes.
    pub(crate) fn of(&self, slot: u32) -> i64 {
        self.place_of(slot).map_or(0, |at| self.rows[at].amount)
    }

    /// Where the debt of the contract in a row stands; a walk stands before it.
    fn place_of(&self, slot: u32) -> Option<usize> {
        let mut ahead = self.rows.range(self.walk..);
        let steps = ahead.position(|one| one.slot == slot)?;
        Some(self.walk + steps)
    }

    /// Whether one more may be, from here to there: there is room, also of this seller, who is owed
    /// nothing itself by a contract, and the buyer owes nothing by one. So no money runs in a ring.
    pub(crate) fn may_owe(&self, at: Place, to: Place) -> bool {
        let own = self.rows.iter().filter(|one| one.at == at).count();
        let in_a_row = |one: &Owing| one.at == to || one.to == at;
        let room = self.rows.len() < self.max && own < self.per_seller_max;
        room && !self.rows.iter().any(in_a_row)
    }

    /// Somebody owes, and may.
    pub(crate) fn add(&mut self, one: Owing) {
        assert!(one.amount > 0, "something is owed");
        assert!(self.may_owe(one.at, one.to), "it was checked");
        assert!(self.follows(one.since), "one command makes one debt");
        self.rows.push_back(one);
    }

    /// Whether a debt that arose so stands behind all others.
    fn follows(&self, since: Since) -> bool {
        let last = self.rows.back().map(|last| last.since);
        last.is_none_or(|last| last.sequence < since.sequence && last.time <= since.time)
    }

    /// So much less is owed; what is left.
    pub(crate) fn lower(&mut self, slot: u32, by: i64) -> i64 {
        let place = self.place_of(slot).expect("it is owing");
        let row = &mut self.rows[place];
        assert!(
            (1..=row.amount).contains(&by),
            "no more is paid than is owed"
        );
        row.amount -= by;
        row.amount
    }

    /// What is let off goes at once.
    pub(crate) fn forget(&mut self, slot: u32) {
        let place = self.place_of(slot).expect("it is owing");
        assert_eq!(self.rows[place].amount, 0, "nothing of it is owed");
        self.rows.remove(place);
    }

    /// Whether who has this position owes; who pays has its next debt ahead, mostly.
    pub(crate) fn owes(&self, at: Place) -> bool {
        let own = |one: &Owing| one.at == at && one.amount > 0;
        let mut ahead = self.rows.range(self.walk..);
        ahead.any(own) || self.rows.range(..self.walk).any(own)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.rows.len() as u64);
        for row in &self.rows {
            bytes::put_varint(out, u64::from(row.slot));
            bytes::put_varint(out, row.amount as u64);
            bytes::put_varint(out, row.since.sequence.value());
            bytes::put_time(out, row.since.time);
        }
    }

    /// Reads what [`AllOwing::encode`] wrote, and marks who owes.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(super) fn decode(
        input: &mut Reader<'_>,
        limits: &Limits,
        (contracts, clearing): (&Slab<Contract>, &mut Clearing),
        now: Since,
    ) -> Result<Self, BytesError> {
        let mut all = Self::new(limits);
        for _ in 0..input.count(limits.owing_max, ROW_BYTES_MIN, "the count of debts")? {
            let slot = input.varint32("the row of a contract")?;
            let amount = i64::try_from(input.varint()?).map_err(|_| wrong())?;
            let contract = contracts.live_in(slot).ok_or_else(wrong)?;
            let since = Since {
                sequence: Sequence::new(input.varint()?),
                time: input.time("since when a contract owes")?,
            };
            let one = Owing::new(slot, contract, amount, since);
            let past = since.sequence <= now.sequence && since.time <= now.time;
            let right = is_of(&one, contract) && past && all.follows(since) && all.of(slot) == 0;
            let paid_out = right && clearing.ledger.available(one.at) == 0;
            if !paid_out || !all.may_owe(one.at, one.to) {
                return Err(wrong());
            }
            clearing.ledger.mark_owes(one.at);
            all.rows.push_back(one);
        }
        all.audit(contracts).map_err(|_| wrong())?;
        Ok(all)
    }

    /// Checks the list against the contracts.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn audit(&self, contracts: &Slab<Contract>) -> Result<(), &'static str> {
        let mut owing = 0;
        for (slot, contract) in contracts.iter() {
            if contract.state == State::Owing {
                owing += 1;
                let own = self.rows.iter().find(|one| one.slot == slot);
                if !own.is_some_and(|one| is_of(one, contract)) {
                    return Err("a contract owes nothing, or more than was paid");
                }
            }
        }
        if owing != self.rows.len() {
            return Err("something is owed by a contract that owes nothing");
        }
        Ok(())
    }
}

/// Whether a contract can owe so.
fn is_of(one: &Owing, contract: &Contract) -> bool {
    let most = contract.paid_for(contract.came_back);
    contract.state == State::Owing
        && one.since.sequence.value() > contract.sequence
        && one.since.time >= contract.formed
        && (1..=most).contains(&one.amount)
        && (one.at, one.to) == (contract.seller_at, contract.money.at())
}
