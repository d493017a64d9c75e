//! What a step moves: money to the buyer, the seller and the venue, goods out of the warehouse and
//! into it.
//!
//! Invariant: what a contract held = what was refunded + paid out + charged + what it holds; every
//! unit of goods leaves, stays, or is handed back to whoever keeps offers (`Moved::back`). Nothing
//! here can fail. Not here: when (`contract::table`).

use super::row::Contract;
use crate::clearing::Clearing;
use crate::clearing::kept::Kept;
use crate::clearing::ledger::Place;
use crate::command::GoodsTo;
use crate::event::Disputed;
use crate::types::{Amount, AssetId, CustodianId};

/// What the terms say of payment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paid {
    /// What the venue gets, in millionths.
    pub(crate) fee_ppm: u32,
    /// Where it gets it.
    pub(crate) fees: Place,
}

impl Paid {
    fn fee(self, amount: i64) -> i64 {
        let millionths = i128::from(amount) * i128::from(self.fee_ppm);
        let fee = (millionths + 999_999).div_euclid(1_000_000);
        i64::try_from(fee).expect("at most a tenth of an amount")
    }
}

/// Goods on their way to an offer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Back {
    /// What is kept of them.
    pub(crate) kept: Kept,
    /// How many pieces they are.
    pub(crate) pieces: u32,
}

/// What a step moved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moved {
    pub(crate) refunded: i64,
    pub(crate) tax_back: i64,
    pub(crate) paid_out: i64,
    pub(crate) fee: i64,
    pub(crate) penalty: i64,
    pub(crate) goods_out: i64,
    pub(crate) back: Option<Back>,
    /// Pieces for which the buyer's owner is counted no more.
    pub(crate) uncounted: u32,
    /// What the seller lacks of what it has to pay for pieces that came back.
    pub(crate) owed: i64,
}

/// An operator's decision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    pub(crate) buyer: Amount,
    pub(crate) goods: GoodsTo,
}

impl Contract {
    /// Where its goods lie.
    pub(crate) const fn store(&self) -> (CustodianId, AssetId) {
        (self.warehouse, self.goods_asset)
    }
}

impl Clearing {
    /// Holds what is to be paid.
    pub(crate) fn pay_contract(&mut self, row: &mut Contract, at: Option<Place>) {
        row.money = self.keep_money(at, row.to_pay);
    }

    /// Holds an amount; of nothing, as of a gift, no position is asked for.
    pub(crate) fn keep_money(&mut self, at: Option<Place>, amount: i64) -> Kept {
        match at {
            Some(at) if amount > 0 => self.ledger.keep(at, amount),
            Some(_) | None => Kept::nothing(Place::NONE),
        }
    }

    /// The balance joins the deposit.
    pub(crate) fn pay_balance(&mut self, row: &mut Contract) {
        let (at, rest) = (row.money.at(), row.to_pay - row.deposit);
        let mut more = self.ledger.keep(at, rest);
        self.ledger.pass(&mut more, rest, &mut row.money);
    }

    /// The seller's money for the double return is set aside: what it is follows from the row.
    pub(crate) fn bind_seller(&mut self, row: &Contract) {
        if row.bond() > 0 {
            let bond = self.ledger.keep(row.seller_at, row.bond());
            assert!(bond.amount() == row.bond(), "it is held whole");
        }
    }

    /// Of the seller's bond the buyer gets `penalty`, the seller the rest.
    fn end_bond(&mut self, row: &Contract, penalty: i64, moved: &mut Moved) {
        let mut bond = Kept::restored(row.seller_at, row.bond());
        if bond.amount() > 0 {
            self.ledger.pay(&mut bond, penalty, row.money.at());
            let rest = bond.amount();
            self.ledger.let_go(&mut bond, rest);
        }
        moved.penalty += penalty;
    }

    /// Money and goods go back.
    pub(crate) fn undo(&mut self, row: &mut Contract, moved: &mut Moved) {
        self.end_bond(row, 0, moved);
        self.send_back(row, moved);
    }

    /// The seller does not perform: they go back, and the earnest money once more.
    pub(crate) fn seller_defaults(&mut self, row: &mut Contract, moved: &mut Moved) {
        self.end_bond(row, row.bond(), moved);
        self.send_back(row, moved);
    }

    /// The buyer does not pay the balance: it forfeits the earnest money, without a fee, and has
    /// what was paid above it again.
    pub(crate) fn forfeit(&mut self, row: &mut Contract, moved: &mut Moved) {
        let earnest = row.bond();
        self.ledger.pay(&mut row.money, earnest, row.seller_at);
        moved.paid_out += earnest;
        self.undo(row, moved);
    }

    fn send_back(&mut self, row: &mut Contract, moved: &mut Moved) {
        self.refund(row, row.money_held(), moved);
        moved.uncounted = row.pieces - row.came_back;
        if row.keeps_pieces() {
            let kept = row.goods.split(row.goods_held());
            let pieces = row.pieces;
            moved.back = Some(Back { kept, pieces });
        }
    }

    /// The buyer gets `amount` of what is held back.
    pub(crate) fn refund(&mut self, row: &mut Contract, amount: i64, moved: &mut Moved) {
        if amount > 0 {
            self.ledger.let_go(&mut row.money, amount);
            moved.refunded += amount;
        }
    }

    /// The goods leave the warehouse, if they are there: the seller has performed.
    pub(crate) fn leave(&mut self, row: &mut Contract, moved: &mut Moved) {
        self.end_bond(row, 0, moved);
        self.depart(row, moved);
    }

    fn depart(&mut self, row: &mut Contract, moved: &mut Moved) {
        let units = row.goods_held();
        if units > 0 {
            let (store, at) = (row.store(), row.warehouse_at);
            self.ship(&mut row.goods, units, at, store);
            moved.goods_out += units;
        }
    }

    /// The seller is paid `amount` of what is held, less the venue's fee.
    fn pay_seller(&mut self, row: &mut Contract, amount: i64, paid: Paid, moved: &mut Moved) {
        if amount == 0 {
            return;
        }
        let fee = paid.fee(amount);
        self.ledger.pay(&mut row.money, fee, paid.fees);
        self.ledger.pay(&mut row.money, amount - fee, row.seller_at);
        moved.fee += fee;
        moved.paid_out += amount - fee;
    }

    /// The seller is paid all that is held.
    pub(crate) fn settle_contract(&mut self, row: &mut Contract, paid: Paid, moved: &mut Moved) {
        self.pay_seller(row, row.money_held(), paid, moved);
    }

    /// What was paid for the pieces that came back is refunded.
    pub(crate) fn take_returned(&mut self, row: &mut Contract, moved: &mut Moved) {
        let (money, _) = row.returned_parts();
        self.refund(row, money, moved);
        come_back(row, moved);
    }

    /// The seller pays for the pieces that came back by agreement, as far as it can; what it lacks
    /// is owed, and that it may be was checked.
    pub(crate) fn agree(&mut self, row: &mut Contract, moved: &mut Moved) {
        let (money, _) = row.returned_parts();
        let now = money.min(self.ledger.available(row.seller_at));
        self.pay_buyer(row, now, moved);
        moved.owed = money - now;
        come_back(row, moved);
    }

    /// The buyer gets so much of what the seller has available.
    pub(crate) fn pay_buyer(&mut self, row: &Contract, amount: i64, moved: &mut Moved) {
        if amount > 0 {
            self.ledger.give(row.seller_at, amount, row.money.at());
            moved.penalty += amount;
        }
    }

    /// They come into the warehouse again.
    pub(crate) fn bring_back(&mut self, row: &Contract, moved: &mut Moved) {
        let units = i64::from(row.returned) * row.piece_units;
        let kept = self.take_in(row.warehouse_at, units, row.goods.at(), row.store());
        moved.goods_out -= units;
        moved.back = Some(Back {
            kept,
            pieces: row.returned,
        });
    }

    /// What a decision says.
    pub(crate) fn resolve(
        &mut self,
        row: &mut Contract,
        decision: &Decision,
        paid: Paid,
        moved: &mut Moved,
    ) {
        thaw(row);
        // The buyer has its own money first, then the seller's; of the seller's part only the
        // buyer's money bears a fee.
        let own = decision.buyer.units().min(row.money_held());
        self.end_bond(row, decision.buyer.units() - own, moved);
        self.refund(row, own, moved);
        self.pay_seller(row, row.money_held(), paid, moved);
        match decision.goods {
            GoodsTo::Buyer => self.depart(row, moved),
            GoodsTo::Stock => self.send_back(row, moved),
        }
    }
}

/// The pieces that were to come back have.
pub(crate) fn come_back(row: &mut Contract, moved: &mut Moved) {
    let (_, tax) = row.returned_parts();
    (moved.tax_back, moved.uncounted) = (tax, row.returned);
    row.came_back += std::mem::take(&mut row.returned);
}

/// What it holds is frozen.
pub(crate) fn freeze(row: &mut Contract) {
    row.money.freeze();
    row.goods.freeze();
    row.disputed = Disputed::Yes;
}

/// It may move again.
pub(crate) fn thaw(row: &mut Contract) {
    if row.disputed == Disputed::Yes {
        row.money.thaw();
        row.goods.thaw();
        row.disputed = Disputed::No;
    }
}

/// What `some` of all pieces are of a sum, so that the parts of all make the whole: the first ones
/// get what does not divide.
pub(crate) fn part_of(sum: i64, all: u32, some: u32) -> i64 {
    let (all, some) = (i64::from(all), i64::from(some));
    some * (sum / all) + some.min(sum % all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_all_pieces_make_the_whole() {
        for (sum, all) in [(0, 1), (100, 3), (7, 8), (12_345, 99)] {
            let parts: Vec<i64> = (0..=all).map(|some| part_of(sum, all, some)).collect();
            assert_eq!((parts[0], parts[all as usize]), (0, sum));
            let steps = parts.windows(2).map(|pair| pair[1] - pair[0]);
            let floor = sum / i64::from(all);
            assert!(
                steps
                    .clone()
                    .all(|step| (floor..=floor + 1).contains(&step))
            );
        }
    }

    #[test]
    fn fees_are_rounded_up() {
        let paid = Paid {
            fee_ppm: 6_000,
            fees: Place::NONE,
        };
        let fees = [0, 1, 166, 167, 1_000, 1 << 52].map(|amount| paid.fee(amount));
        assert_eq!(fees, [0, 1, 1, 2, 6, 27_021_597_764_223]);
    }
}
