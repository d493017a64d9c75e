//! The row of a contract: what was agreed, what it holds, how it stands.
//!
//! Invariant: what it holds is of its buyer's money and of its seller's goods; it keeps what it was
//! formed under, whatever becomes of its offer. Not here: where rows lie (`contract`).

use std::num::{NonZeroU32, NonZeroU64};

use super::effects::part_of;
use super::gaps::Gaps;
use crate::clearing::kept::Kept;
use crate::clearing::ledger::Place;
use crate::command::Covered;
use crate::event::{ContractSlots, Disputed, Role, State};
use crate::market::presale;
use crate::market::sale::Year;
use crate::slab::Made;
use crate::types::{
    AccountId, AssetId, ContractId, CustodianId, OfferId, OwnerId, Sequence, TermsId, Time, VenueId,
};
use crate::venue::Regime;

/// Whether a buyer's owner is counted for what it took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CountedFor {
    /// The offer had no limit then.
    No = 0,
    /// It had one.
    Yes = 1,
}

/// How many invoices of a contract are recorded at most: one of all of it and one of each of many
/// returns. Each raises the version, so without a bound a seller could keep its buyer from every
/// step.
pub const INVOICES_MAX: u8 = 16;

/// What ends so many civil days after the buyer had the goods, but for gaps in service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ends {
    /// The days of return.
    pub(crate) returnable: Time,
    /// The days of returns by agreement.
    pub(crate) keep: Time,
    /// Not an end: the civil day at UTC+8 of that, 1970-01-01 being the first.
    pub(crate) day: NonZeroU32,
}

/// A live contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Contract {
    /// The sequence of the command that formed it.
    pub sequence: u64,
    /// The offer that was taken.
    pub offer: OfferId,
    /// The terms it was formed under.
    pub terms: TermsId,
    /// Who buys.
    pub buyer: AccountId,
    /// Who sells.
    pub seller: AccountId,
    /// The beneficial owner behind the buyer.
    pub owner: OwnerId,
    /// What is sold.
    pub goods_asset: AssetId,
    /// Where it lay.
    pub warehouse: CustodianId,
    /// How many pieces.
    pub pieces: u32,
    /// How many of them the buyer asks to give back.
    pub returned: u32,
    /// How many of them came back.
    pub came_back: u32,
    /// Units of goods in a piece.
    pub piece_units: i64,
    /// The price of a piece.
    pub price: i64,
    /// Pieces times price.
    pub amount: i64,
    /// The tax in it, or on it.
    pub tax: i64,
    /// What is to be paid.
    pub to_pay: i64,
    /// What of it was paid at once, as a deposit; zero where there is none.
    pub deposit: i64,
    /// Rises with every step.
    pub version: u32,
    /// How it stands.
    pub state: State,
    /// Whether it is in dispute.
    pub disputed: Disputed,
    /// Who asked to undo it.
    pub asked: Option<Role>,
    /// The regime it was formed under.
    pub regime: Regime,
    /// Civil days of return; none without a right.
    pub return_days: u8,
    /// Whether its buyer's owner is counted.
    pub counted: CountedFor,
    /// Whether its seller is paid and its guarantee answers for what may come back.
    pub covered: Covered,
    /// In which year's use it counts, if its regime limits imports.
    pub(crate) import_year: Option<Year>,
    /// How many invoices were recorded.
    pub invoices: u8,
    /// What passes next, but for gaps in service since it was set.
    pub(crate) deadline: Option<Time>,
    /// The command that set its instants: later gaps in service put them off.
    pub(crate) set: u64,
    /// Once the buyer has the goods: what ends by the day of that.
    pub(crate) received: Option<Ends>,
    /// When it was formed.
    pub formed: Time,
    /// Where the platform knows how to deliver.
    pub delivery_reference: [u8; 16],
    /// What the pickup code hashes to.
    pub pickup: Option<[u8; 16]>,
    /// The instruction by which a bank is asked for the money.
    pub payment: Option<NonZeroU64>,
    /// The buyer's money it holds.
    pub(crate) money: Kept,
    /// The seller's goods it holds.
    pub(crate) goods: Kept,
    /// Where the seller is paid.
    pub(crate) seller_at: Place,
    /// The warehouse's position.
    pub(crate) warehouse_at: Place,
}

const _: () = assert!(size_of::<Contract>() <= 256, "a million of them are 256 MB");

impl Made for Contract {
    fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Contract {
    /// What it is worth where limits of imports count: what is to be paid without the tax, in minor
    /// units, which are fen there.
    pub(crate) const fn import_value(&self) -> i64 {
        self.to_pay - self.tax
    }

    /// The part of that of the first so many pieces.
    pub(crate) fn import_value_of(&self, pieces: u32) -> i64 {
        part_of(self.import_value(), self.pieces, pieces)
    }

    /// The money it holds, in minor units.
    pub const fn money_held(&self) -> i64 {
        self.money.amount()
    }

    /// The money it holds until its goods leave, by its state.
    pub(crate) fn paid(&self) -> i64 {
        if self.covered == Covered::Yes {
            return 0;
        }
        match self.state {
            State::Unpaid
            | State::Performed
            | State::ReturnProposed
            | State::Covered
            | State::Owing => 0,
            State::Deposited => self.deposit,
            State::Joined
            | State::Entered
            | State::Paid
            | State::HandedOver
            | State::Delivered
            | State::Accepted
            | State::ReturnAsked
            | State::Returning
            | State::Settled
            | State::Refunded
            | State::Cancelled
            | State::Expired
            | State::Defaulted
            | State::Resolved
            | State::Rescinded
            | State::Released
            | State::Forfeited => self.to_pay - self.paid_for(self.came_back),
        }
    }

    /// What a discount took off.
    pub const fn discount(&self) -> i64 {
        self.pieces as i64 * self.price - self.amount
    }

    /// What its seller's guarantee has to cover for it: what was paid for the pieces that have not
    /// come back.
    pub fn answered_for(&self) -> i64 {
        match self.covered {
            Covered::Yes => self.to_pay - self.paid_for(self.came_back),
            Covered::No => 0,
        }
    }

    /// What was paid for the first so many pieces, tax on top included.
    pub(crate) fn paid_for(&self, pieces: u32) -> i64 {
        let tax_on_top = self.to_pay - self.amount;
        part_of(self.amount, self.pieces, pieces) + part_of(tax_on_top, self.pieces, pieces)
    }

    /// What was paid for the pieces that are to come back, tax on top included, and the tax in it:
    /// the parts of all pieces make the whole.
    pub(crate) fn returned_parts(&self) -> (i64, i64) {
        let (before, after) = (self.came_back, self.came_back + self.returned);
        let tax = part_of(self.tax, self.pieces, after) - part_of(self.tax, self.pieces, before);
        (self.paid_for(after) - self.paid_for(before), tax)
    }

    /// Whether its pieces are with the seller still: they are of its offer's stock again where it
    /// is undone.
    pub(crate) const fn keeps_pieces(&self) -> bool {
        self.received.is_none() && (self.goods_held() > 0 || self.piece_units == 0)
    }

    /// The seller's money it holds until its goods leave: the earnest money once more.
    pub const fn bond(&self) -> i64 {
        if self.received.is_some() {
            return 0;
        }
        presale::earnest_of(self.to_pay, self.deposit)
    }

    /// The goods it holds, in minor units.
    pub const fn goods_held(&self) -> i64 {
        self.goods.amount()
    }

    /// Its id in the row `slot`.
    pub(crate) const fn id(&self, slot: u32) -> ContractId {
        ContractId {
            sequence: self.sequence,
            slot,
        }
    }

    /// The rows of the contract and its offer.
    pub(crate) const fn slots(&self, slot: u32) -> ContractSlots {
        ContractSlots {
            contract: slot,
            offer: self.offer.slot,
        }
    }

    /// The role of an account in it.
    pub fn role_of(&self, account: AccountId) -> Option<Role> {
        if account == self.buyer {
            Some(Role::Buyer)
        } else if account == self.seller {
            Some(Role::Seller)
        } else {
            None
        }
    }

    /// When the right of return ends, if there is one, but for gaps in service.
    pub(crate) fn return_end(&self) -> Option<Time> {
        let received = self.received.filter(|_| self.return_days > 0);
        received.map(|ends| ends.returnable)
    }

    /// Puts its instants off by the gaps since they were set.
    pub(crate) fn catch_up(&mut self, gaps: &Gaps, venue: VenueId, now: Sequence) {
        let off = |instant: Time| gaps.put_off(instant, self.set, venue);
        self.deadline = self.deadline.map(off);
        self.received = self.received.map(|ends| Ends {
            returnable: off(ends.returnable),
            keep: off(ends.keep),
            day: ends.day,
        });
        self.set = now.value();
    }
}

const DAY: i64 = 24 * 3_600 * 1_000_000_000;
const EAST: i64 = 8 * 3_600 * 1_000_000_000;

/// The civil day at UTC+8 of an instant, 1970-01-01 being the first.
pub(crate) fn day_of(instant: Time) -> NonZeroU32 {
    let day = (instant.nanoseconds() + EAST).div_euclid(DAY) + 1;
    let day = u32::try_from(day).ok().and_then(NonZeroU32::new);
    day.expect("an instant lies between 1970 and 2200")
}

/// 24:00 at UTC+8 of the n-th civil day after that of an instant.
pub(crate) fn end_of_day_after(instant: Time, days: u16) -> Time {
    let day = i64::from(day_of(instant).get()) - 1;
    let end = (day + i64::from(days) + 1) * DAY - EAST;
    Time::new(end.clamp(0, Time::MAX.nanoseconds())).expect("clamped into the bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_civil_day_ends_at_midnight_in_the_east() {
        const HOUR: i64 = 3_600 * 1_000_000_000;
        let at = |hours: i64| Time::new(hours * HOUR).expect("in bounds");
        // 1970-01-01 15:59 UTC is 23:59 there, 16:00 the next day.
        let before = Time::new(16 * HOUR - 1).expect("in bounds");
        assert_eq!(end_of_day_after(before, 1), at(16 + 24));
        assert_eq!(end_of_day_after(at(16), 1), at(16 + 48));
        assert_eq!(end_of_day_after(at(16), 7), at(16 + 8 * 24));
        assert_eq!(end_of_day_after(Time::MAX, 30), Time::MAX);
    }
}
