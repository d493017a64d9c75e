//! What orders and trades of margin forwards do: fees held by the order, margin by its row.
//!
//! Invariant: nothing here can fail after its check. A fill never raises what its row must hold:
//! of the two ends of what a row can come to, it moves one towards the other. Not here: marks.

use super::super::Clearing;
use super::super::fee::Accrued;
use super::super::hold::Hold;
use super::super::ledger::{Holder, Place};
use super::super::orders::{Party, Settled, liquidity, pay};
use super::super::settlement::StakeRef;
use super::rows::Row;
use super::terms::Margined;
use super::{Call, Contract};
use crate::clearing::orders::Entering;
use crate::command::FeeRates;
use crate::reject::RejectReason;
use crate::types::{AccountId, Price, Quantity, Side};

/// A checked hold of a new order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Margining {
    margined: Margined,
    account: AccountId,
    /// The fee it holds.
    fee: i64,
    /// Its lots, those of a sell below zero.
    open: i64,
    rates: u32,
    at: Option<Place>,
    row: Option<u32>,
}

/// What a live order would hold and be open for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refit {
    fee: i64,
    open: i64,
}

/// The worst fee of what is left of an order; none without a price.
fn worst_fee(
    margined: &Margined,
    rates: &FeeRates,
    accrued: Accrued,
    price: Option<Price>,
    leaves: Quantity,
) -> i64 {
    let Some(price) = price.filter(|_| !leaves.is_zero()) else {
        return 0;
    };
    let value = margined.value(Margined::hold_price(price), leaves);
    accrued.more(small(value), leaves.lots(), rates)
}

/// The value of an order is checked; that of the engine's own is charged nothing.
fn small(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Lots as a row counts them.
fn signed(side: Side, price: Option<Price>, lots: i64) -> i64 {
    match (price, side) {
        (None, _) => 0,
        (Some(_), Side::Buy) => lots,
        (Some(_), Side::Sell) => -lots,
    }
}

impl Clearing {
    /// How many more lots an account's orders of a side may come to.
    pub(crate) fn position_room(&self, margined: &Margined, account: AccountId, side: Side) -> i64 {
        let instrument = margined.instrument;
        let vacant = Row::vacant(account, instrument);
        let found = self.margin.rows.find(account, instrument);
        let row = found.map_or(&vacant, |place| self.margin.rows.row(place));
        let contract = self.margin.contract(instrument);
        contract.map_or(0, |contract| room(contract, row, side))
    }

    /// How many lots a live order may come to.
    pub(crate) fn replace_room(&self, slot: u32, side: Side) -> i64 {
        let hold = &self.holds[slot as usize];
        let row = self.margin.rows.row(hold.row());
        let contract = self.margin.contract(row.instrument);
        let rest = contract.map_or(0, |contract| room(contract, row, side));
        rest + hold.goods.abs()
    }

    /// Checks whether a new order can hold what it must, and changes nothing.
    ///
    /// # Errors
    /// INSUFFICIENT_FUNDS, POSITIONS, INSUFFICIENT_MARGIN.
    pub(crate) fn check_margin_entry(
        &self,
        margined: &Margined,
        entering: &Entering,
    ) -> Result<Margining, RejectReason> {
        let (account, instrument) = (entering.account, margined.instrument);
        let rates = entering.rates;
        let (price, quantity) = (entering.price, entering.quantity);
        let none = Accrued::default();
        let fee = worst_fee(margined, self.fees.rates(rates), none, price, quantity);
        let open = signed(entering.side, price, quantity.lots());
        let at = self.ledger.find(Holder::Account(account), margined.money);
        let available = at.map_or(0, |at| self.ledger.position(at).available);
        let found = self.margin.rows.find(account, instrument);
        let vacant = Row::vacant(account, instrument);
        let row = found.map_or(&vacant, |place| self.margin.rows.row(place));
        let (fits, margin) = self.fits(row, available, (0, fee), (0, open));
        fits?;
        let lacks_position = at.is_none() && self.ledger.room() == 0;
        if lacks_position || found.is_none() && self.margin.rows.room() == 0 {
            return Err(RejectReason::Positions);
        }
        margin?;
        Ok(Margining {
            margined: *margined,
            account,
            fee,
            open,
            rates,
            at,
            row: found,
        })
    }

    /// Whether fee and margin of an order that changes so are there: INSUFFICIENT_FUNDS,
    /// INSUFFICIENT_MARGIN. An order that does not raise what its row must hold may hold its fee
    /// out of the row's margin.
    fn fits(
        &self,
        row: &Row,
        available: i64,
        fees: (i64, i64),
        open: (i64, i64),
    ) -> (Result<(), RejectReason>, Result<(), RejectReason>) {
        let contract = self.margin.contract(row.instrument);
        let contract = contract.expect("the order's instrument is a margin forward");
        let mut after = *row;
        after.reopen(open.0, open.1);
        let required = after.required(contract);
        let raises = required > row.required(contract);
        let more = fees.1 - fees.0;
        let spare = if raises { 0 } else { row.held };
        let funds = if more > available + spare {
            Err(RejectReason::InsufficientFunds)
        } else {
            Ok(())
        };
        let missing = (required - row.held).max(0);
        let margin =
            if raises && (row.call != Call::None || missing.saturating_add(more) > available) {
                Err(RejectReason::InsufficientMargin)
            } else {
                Ok(())
            };
        (funds, margin)
    }

    /// Takes a checked hold for the new order in `slot`.
    pub(crate) fn enter_margin(&mut self, slot: u32, entered: &Margining) {
        let Margining {
            margined, account, ..
        } = *entered;
        let holder = Holder::Account(account);
        let at = entered.at;
        let at = at.unwrap_or_else(|| self.ledger.open(holder, margined.money));
        let margin = entered.row.unwrap_or_else(|| {
            let row = Row::vacant(account, margined.instrument);
            let contract = self.margin.contracts[margined.instrument.place()].as_deref_mut();
            let chain = &mut contract.expect("it was checked").rows;
            self.margin.rows.add(row, chain)
        });
        let hold = Hold {
            money_at: at,
            goods_at: Place::new(margin),
            rates: entered.rates,
            stake: StakeRef::MARGIN,
            ..Hold::NONE
        };
        let index = slot as usize;
        if index == self.holds.len() {
            self.holds.push(Hold::NONE);
        }
        assert!(!self.holds[index].is_cleared(), "a slot is freed before");
        self.holds[index] = hold;
        let (fee, open) = (entered.fee, entered.open);
        self.refit(slot, Refit { fee, open });
    }

    /// Checks whether a live order could hold for another price or quantity.
    ///
    /// # Errors
    /// INSUFFICIENT_FUNDS, INSUFFICIENT_MARGIN.
    pub(crate) fn check_margin_change(
        &self,
        margined: &Margined,
        slot: u32,
        side: Side,
        price: Option<Price>,
        leaves: Quantity,
    ) -> Result<Refit, RejectReason> {
        let hold = &self.holds[slot as usize];
        let rates = self.fees.rates(hold.rates);
        let fee = worst_fee(margined, rates, hold.accrued, price, leaves);
        let open = signed(side, price, leaves.lots());
        let row = self.margin.rows.row(hold.row());
        let available = self.ledger.position(hold.money_at).available;
        let (funds, margin) = self.fits(row, available, (hold.money, fee), (hold.goods, open));
        funds?;
        margin?;
        Ok(Refit { fee, open })
    }

    /// An order holds another fee and is open for other lots: its row holds what it must, as far
    /// as it was checked, and what nobody must hold any more is available.
    pub(crate) fn refit(&mut self, slot: u32, refit: Refit) {
        let hold = &mut self.holds[slot as usize];
        let row = self.margin.rows.row_mut(hold.row());
        let contract = self.margin.contracts[row.instrument.place()].as_deref();
        let contract = contract.expect("rows are of margin forwards");
        let before = row.required(contract);
        row.reopen(hold.goods, refit.open);
        let required = row.required(contract);
        let more = refit.fee - hold.money;
        if more > 0 {
            let given = more.min(self.ledger.position(hold.money_at).available);
            self.ledger.hold(hold.money_at, given);
            row.held -= more - given;
            assert!(row.held >= 0, "a fee was there");
        } else {
            self.ledger.release(hold.money_at, -more);
        }
        let excess = row.held - required;
        if excess > 0 {
            self.ledger.release(hold.money_at, excess);
            row.held = required;
        } else {
            // What an order lets go of covers what its row lacks before anything is available.
            let freed = (-more).max(0);
            let top = if required > before {
                -excess
            } else {
                freed.min(-excess)
            };
            self.ledger.hold(hold.money_at, top);
            row.held += top;
        }
        (hold.money, hold.goods) = (refit.fee, refit.open);
    }

    /// An order shrank or has a better price for its owner: its fee falls, never rises; after a
    /// trade by which it received a rebate, at most by as much.
    pub(crate) fn lower_margin(
        &mut self,
        margined: &Margined,
        party: Party,
        side: Side,
        received: i64,
    ) {
        let hold = &self.holds[party.slot as usize];
        let rates = self.fees.rates(hold.rates);
        let fee = worst_fee(margined, rates, hold.accrued, party.price, party.leaves);
        let fee = fee.min(hold.money + received);
        let open = signed(side, party.price, party.leaves.lots());
        self.refit(party.slot, Refit { fee, open });
    }

    /// An order has ended: it lets go of its fee and its lots.
    pub(crate) fn end_margin(&mut self, slot: u32) {
        self.refit(slot, Refit { fee: 0, open: 0 });
        self.holds[slot as usize] = Hold::NONE;
    }

    /// Settles a trade: both positions change at its price, fees go to the venue.
    pub(crate) fn settle_margin(
        &mut self,
        margined: &Margined,
        (price, quantity): (Price, Quantity),
        aggressor: Option<Side>,
        parties: [Party; 2],
    ) -> Settled {
        let value = margined.value(price, quantity);
        let slots = parties.map(|party| party.slot);
        // Nothing is received that a fee of a better price could come out of.
        let most = slots.map(|slot| self.held(slot));
        let fees = self.charge_at_most(small(value), quantity, aggressor, (slots, most));
        let holds = slots.map(|slot| self.holds[slot as usize]);
        let places = holds.map(|hold| hold.money_at);
        let paid = pay(&mut self.ledger, places, 0, fees, margined.fees);
        for (slot, paid) in slots.into_iter().zip(paid) {
            self.holds[slot as usize].money -= paid;
        }
        self.change_positions((value, quantity), parties);
        for (at, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
            self.lower_margin(margined, parties[at], side, (-fees[at]).max(0));
        }
        self.margin
            .contract_mut(margined.instrument)
            .note(price, quantity);
        let covered = holds.map(|hold| self.margin.uncall_covered(hold.row()));
        Settled {
            value: small(value),
            goods: 0,
            fees,
            held: slots.map(|slot| self.held(slot)),
            covered,
        }
    }
}

impl Clearing {
    /// What both sides are charged, each at most so much.
    fn charge_at_most(
        &mut self,
        value: i64,
        quantity: Quantity,
        aggressor: Option<Side>,
        (slots, most): ([u32; 2], [i64; 2]),
    ) -> [i64; 2] {
        let before = slots.map(|slot| self.holds[slot as usize].accrued);
        let mut fees = [0; 2];
        for (at, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
            let fee = self.accrue(slots[at], value, quantity, liquidity(aggressor, side));
            fees[at] = fee.min(most[at]);
        }
        if fees[0] + fees[1] < 0 {
            return self.raise(fees, slots, before);
        }
        fees
    }

    /// Both positions of a trade change, and what their orders are open for.
    fn change_positions(&mut self, (value, quantity): (i128, Quantity), parties: [Party; 2]) {
        let sides = [(Side::Buy, 1), (Side::Sell, -1)];
        for (party, (side, sign)) in parties.into_iter().zip(sides) {
            let hold = &mut self.holds[party.slot as usize];
            let open = signed(side, party.price, party.leaves.lots());
            let row = self.margin.rows.row_mut(hold.row());
            row.net += sign * quantity.lots();
            row.cost += i128::from(sign) * value;
            row.reopen(hold.goods, open);
            hold.goods = open;
        }
    }
}

/// How many more lots the orders of a side of a row may come to.
fn room(contract: &Contract, row: &Row, side: Side) -> i64 {
    let most = contract.position_max();
    match side {
        Side::Buy => most - (row.net + row.buys),
        Side::Sell => most + (row.net - row.sells),
    }
}

impl Hold {
    /// Its row, of an order of a margin forward.
    #[inline]
    pub(crate) fn row(&self) -> u32 {
        self.goods_at.index()
    }

    /// Whether its instrument is a margin forward.
    #[inline]
    pub(crate) fn is_margin(&self) -> bool {
        self.stake == StakeRef::MARGIN
    }
}

impl Clearing {
    /// The rates of an order that the engine made itself: it is charged nothing.
    pub(crate) fn check_reduction(&self, margined: &Margined, entering: &Entering) -> Margining {
        let account = entering.account;
        Margining {
            margined: *margined,
            account,
            fee: 0,
            open: signed(entering.side, entering.price, entering.quantity.lots()),
            rates: entering.rates,
            at: self.ledger.find(Holder::Account(account), margined.money),
            row: self.margin.rows.find(account, margined.instrument),
        }
    }
}
