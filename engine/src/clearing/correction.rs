//! Busts and corrections: what goes back, what is owed where it is not there, and its repayment.
//!
//! What a party has to give back is taken from what waits for the day of that trade, then from what
//! is available; the rest goes to its receivable, a position below zero of its own, so that whoever
//! is to get it gets it at once and no account falls below zero. After every command what became
//! available to an account that owes it is taken first. Rejected: an operator's command to collect,
//! since an account could trade the money away in the meantime; a flag looked at wherever an amount
//! becomes available, since every rule to come would have to think of it.
//!
//! Invariant: between commands an account that owes an asset has none of it available. Not here:
//! orders and counters (`engine::correction`).

use std::collections::BTreeMap;

use super::fee::{self, Liquidity};
use super::ledger::{Holder, Place};
use super::settlement::{Leaving, Leg};
use super::trades::{At, KeptTrade, KnownTo, NotKept, Trades};
use super::{Cleared, Clearing};
use crate::bytes::{BytesError, Reader};
use crate::command::CorrectionCommand;
use crate::event::{CorrectionEvent, Event, Events, Repaid, TradeTerms};
use crate::limits::Limits;
use crate::parties::Parties;
use crate::reject::{Reject, RejectReason};
use crate::types::{AccountId, Amount, AssetId, Price, PriceSign, Quantity, Side, Time};
use crate::venue::Venues;

/// Somebody who owes something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Debt {
    account: AccountId,
    asset: AssetId,
    own: Place,
    receivable: Place,
}

/// A checked bust or correction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) at: At,
    pub(crate) kept: KeptTrade,
    pub(crate) before: TradeTerms,
    pub(crate) after: TradeTerms,
    /// The fees it has afterwards.
    pub(crate) fees: [i64; 2],
    /// What goes back to the seller.
    pub(crate) goods: i64,
    /// What the buyer and the seller gain in money; below zero it is to be given back.
    money: [i64; 2],
    /// What each lacks of it, and the buyer of the goods.
    pub(crate) owed: [i64; 2],
    pub(crate) goods_owed: i64,
}

impl Clearing {
    /// Finds the trade of a correction.
    ///
    /// # Errors
    /// UNKNOWN_TRADE, TRADE_TOO_OLD, ALREADY_BUSTED.
    pub(crate) fn find_trade(
        &self,
        command: &CorrectionCommand,
        venues: &Venues,
        time: Time,
    ) -> Result<(At, KeptTrade), RejectReason> {
        let found = self.trades.find(command.trade(), venues, time);
        let (at, kept) = found.map_err(|why| match why {
            NotKept::Unknown => RejectReason::UnknownTrade,
            NotKept::TooOld => RejectReason::TradeTooOld,
        })?;
        if kept.busted {
            return Err(RejectReason::AlreadyBusted);
        }
        Ok((at, kept))
    }

    /// Checks a bust or correction of a trade that was found and changes nothing.
    ///
    /// # Errors
    /// INVALID_FIELD (nothing changes), PRICE_SIGN, QUANTITY, MAX_QUANTITY, ORDER_VALUE, TOO_MANY,
    /// AMOUNT_LIMIT.
    pub(crate) fn plan(
        &self,
        command: &CorrectionCommand,
        (at, kept): (At, KeptTrade),
        sign: PriceSign,
    ) -> Result<Planned, Reject> {
        let cleared = kept.cleared.then(|| self.terms(kept.instrument));
        let cleared = cleared.flatten();
        let value = |price, quantity| {
            cleared.map_or(0, |cleared: &Cleared| cleared.value(price, quantity) as i64)
        };
        let before = TradeTerms {
            price: kept.price,
            quantity: kept.quantity,
            value: value(kept.price, kept.quantity),
        };
        let after = match *command {
            CorrectionCommand::Bust { .. } => TradeTerms {
                quantity: Quantity::ZERO,
                value: 0,
                ..before
            },
            CorrectionCommand::Correct {
                price, quantity, ..
            } => {
                let quantity = quantity.unwrap_or(kept.quantity);
                check_terms(&kept, (price, quantity), sign, cleared)?;
                TradeTerms {
                    price,
                    quantity,
                    value: value(price, quantity),
                }
            }
        };
        let fees = cleared.map_or([0; 2], |_| self.fees_after(&kept, &before, &after));
        let planned = planned((at, kept), cleared, before, after, fees);
        let Some(cleared) = cleared else {
            return Ok(planned);
        };
        let planned = self.with_owed(cleared, planned);
        self.check_room(cleared, &planned)?;
        self.check_owed(cleared, &planned)?;
        Ok(planned)
    }

    /// What both sides are charged afterwards: nothing after a bust.
    fn fees_after(&self, kept: &KeptTrade, before: &TradeTerms, after: &TradeTerms) -> [i64; 2] {
        if after.quantity.is_zero() {
            return [0; 2];
        }
        let terms = [before, after].map(|terms| (terms.value, terms.quantity.lots()));
        let mut fees = [0; 2];
        for (place, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
            let liquidity = match kept.aggressor {
                None => Liquidity::Auction,
                Some(taker) if taker == side => Liquidity::Taker,
                Some(_) => Liquidity::Maker,
            };
            let rates = self.fees.rates(kept.rates[place]);
            fees[place] = fee::corrected(rates, liquidity, kept.fees[place], terms);
        }
        if fees[0] + fees[1] < 0 {
            return fee::raised(fees);
        }
        fees
    }

    /// What the parties lack of what they have to give back.
    fn with_owed(&self, cleared: &Cleared, planned: Planned) -> Planned {
        let accounts = planned.kept.accounts;
        let lacks = |account, asset, amount: i64| {
            let waits = self.waits(cleared, &planned, (account, asset)).1;
            let has = waits + self.can_take_back(self.own(account, asset));
            (amount - has).max(0)
        };
        let owed = [0, 1].map(|side| {
            let due = (-planned.money[side]).max(0);
            lacks(accounts[side], cleared.money, due)
        });
        let goods_owed = if accounts[0] == accounts[1] {
            0
        } else {
            lacks(accounts[0], cleared.goods, planned.goods)
        };
        Planned {
            owed,
            goods_owed,
            ..planned
        }
    }

    /// What is owed newly, by whom and of what.
    fn debts_of(
        cleared: &Cleared,
        planned: &Planned,
    ) -> impl Iterator<Item = (AccountId, AssetId, i64)> {
        let [buyer, seller] = planned.kept.accounts;
        let all = [
            (buyer, cleared.money, planned.owed[0]),
            (seller, cleared.money, planned.owed[1]),
            (buyer, cleared.goods, planned.goods_owed),
        ];
        all.into_iter().filter(|(_, _, amount)| *amount > 0)
    }

    /// TOO_MANY: positions, or accounts that owe.
    fn check_room(&self, cleared: &Cleared, planned: &Planned) -> Result<(), RejectReason> {
        let (mut positions, mut debts) = (0, self.debts.len());
        for (account, asset, _) in Self::debts_of(cleared, planned) {
            let known = self.ledger.find(Holder::Receivable(account), asset);
            positions += u32::from(known.is_none());
            let owes = self.debts.iter().any(|debt| debt.is_of(account, asset));
            debts += usize::from(!owes);
        }
        if positions > self.ledger.room() || debts > self.debts_max as usize {
            return Err(RejectReason::TooMany);
        }
        Ok(())
    }

    /// AMOUNT_LIMIT: what is in circulation and what is owed together.
    fn check_owed(&self, cleared: &Cleared, planned: &Planned) -> Result<(), RejectReason> {
        for asset in [cleared.money, cleared.goods] {
            let debts = Self::debts_of(cleared, planned).filter(|debt| debt.1 == asset);
            let more: i128 = debts.map(|debt| i128::from(debt.2)).sum();
            let now = self.ledger.circulation(asset).units() + self.ledger.owed(asset);
            if more > 0 && more + i128::from(now) > i128::from(Amount::MAX_UNITS) {
                return Err(RejectReason::AmountLimit);
            }
        }
        Ok(())
    }

    /// Carries out what was planned: money and goods go back, and the trade's row is as after it.
    pub(crate) fn correct(&mut self, planned: &Planned) {
        let kept = &planned.kept;
        if let Some(cleared) = self
            .terms(kept.instrument)
            .copied()
            .filter(|_| kept.cleared)
        {
            self.move_back(&cleared, planned);
        }
        let row = if planned.after.quantity.is_zero() {
            KeptTrade {
                busted: true,
                ..*kept
            }
        } else {
            KeptTrade {
                price: planned.after.price,
                quantity: planned.after.quantity,
                fees: planned.fees,
                corrected: true,
                ..*kept
            }
        };
        self.trades.set(planned.at, &row);
    }

    /// Money goes by way of the venue's fees, which keep what the fees changed by.
    fn move_back(&mut self, cleared: &Cleared, planned: &Planned) {
        let [buyer, seller] = planned.kept.accounts;
        for (account, (money, owed)) in [buyer, seller]
            .into_iter()
            .zip(planned.money.into_iter().zip(planned.owed))
        {
            if money < 0 {
                let waits = self.waits(cleared, planned, (account, cleared.money));
                self.take_waiting(planned, account, waits, -money);
                self.take_back((account, cleared.money), -money, owed, cleared.fees);
            }
        }
        for (account, money) in [buyer, seller].into_iter().zip(planned.money) {
            if money > 0 {
                let own = self.own(account, cleared.money);
                self.ledger.give(cleared.fees, money, own);
            }
        }
        if planned.goods > 0 && buyer != seller {
            let to = self.own(seller, cleared.goods);
            let from = (buyer, cleared.goods);
            let waits = self.waits(cleared, planned, from);
            self.take_waiting(planned, buyer, waits, planned.goods);
            self.take_back(from, planned.goods, planned.goods_owed, to);
        }
    }

    /// What of an asset waits in an account's row for the day of the trade, and as which leg.
    fn waits(
        &self,
        cleared: &Cleared,
        planned: &Planned,
        (account, asset): (AccountId, AssetId),
    ) -> (Leg, i64) {
        let leg = if asset == cleared.money {
            Leg::Money
        } else {
            Leg::Goods
        };
        let waits = self.settlement.waiting(&planned.kept, account, leg);
        (leg, waits)
    }

    /// Frees of what waits as much as is to be given back, so that it can be.
    fn take_waiting(
        &mut self,
        planned: &Planned,
        account: AccountId,
        (leg, waits): (Leg, i64),
        amount: i64,
    ) {
        let amount = waits.min(amount);
        if amount > 0 {
            let taken = (leg, amount);
            let at = self.settlement.take_waiting(&planned.kept, account, taken);
            self.ledger.release(at, amount);
        }
    }

    /// What can be taken back from a party of what it has in a position.
    fn can_take_back(&self, own: Place) -> i64 {
        self.ledger.position(own).available
    }

    /// Takes `amount` of an asset back from an account: what can be taken of what it has, and the
    /// rest, `owed`, becomes its receivable.
    fn take_back(
        &mut self,
        (account, asset): (AccountId, AssetId),
        amount: i64,
        owed: i64,
        to: Place,
    ) {
        let own = self.own(account, asset);
        self.ledger.give(own, amount - owed, to);
        if owed == 0 {
            return;
        }
        let receivable = self.ledger.open(Holder::Receivable(account), asset);
        self.ledger.lend(receivable, owed, to);
        let debt = Debt {
            account,
            asset,
            own,
            receivable,
        };
        let place = self.debts.binary_search_by_key(&debt.key(), Debt::key);
        if let Err(place) = place {
            self.debts.insert(place, debt);
        }
    }

    /// Where a party of a cleared trade has an asset.
    fn own(&self, account: AccountId, asset: AssetId) -> Place {
        let place = self.ledger.find(Holder::Account(account), asset);
        place.expect("a trade's parties have both positions")
    }

    /// Whether anybody owes anything.
    #[inline]
    pub(crate) fn has_debts(&self) -> bool {
        !self.debts.is_empty()
    }

    /// In how many accounts and assets something is owed.
    pub fn debts(&self) -> usize {
        self.debts.len()
    }

    /// What an account owes of an asset.
    pub fn owed(&self, account: AccountId, asset: AssetId) -> i64 {
        let place = self.ledger.find(Holder::Receivable(account), asset);
        place.map_or(0, |place| -self.ledger.position(place).available)
    }

    /// Takes what accounts owe from what they have available, in order of account and asset.
    #[cold]
    pub(crate) fn repay_debts(&mut self, parties: &Parties, events: &mut Events) {
        let mut place = 0;
        while let Some(debt) = self.debts.get(place).copied() {
            let owed = -self.ledger.position(debt.receivable).available;
            let amount = self.can_take_back(debt.own).min(owed);
            place += 1;
            if amount == 0 {
                continue;
            }
            self.ledger.repay(debt.own, amount, debt.receivable);
            let owner = parties.owner_of(debt.account);
            let owner = owner.expect("who owes is an account");
            let goods = amount;
            self.settlement.left(debt.asset, Leaving { owner, goods });
            events.push(Event::Correction(CorrectionEvent::Repaid(Repaid {
                account: debt.account,
                asset: debt.asset,
                amount,
                owed: owed - amount,
            })));
            if owed == amount {
                place -= 1;
                self.debts.remove(place);
            }
        }
    }

    /// Who owes, from the positions: for a snapshot.
    pub(super) fn restore_debts(&mut self) -> Result<(), BytesError> {
        let mut debts = Vec::with_capacity(self.debts.capacity());
        for position in self.ledger.positions() {
            let Holder::Receivable(account) = position.holder() else {
                continue;
            };
            let asset = position.asset();
            let own = self.ledger.find(Holder::Account(account), asset);
            let receivable = self.ledger.find(position.holder(), asset);
            let (Some(own), Some(receivable)) = (own, receivable) else {
                return Err(BytesError::range("who owes"));
            };
            if position.available < 0 {
                debts.push(Debt {
                    account,
                    asset,
                    own,
                    receivable,
                });
            }
        }
        debts.sort_unstable_by_key(Debt::key);
        if debts.len() > self.debts_max as usize {
            return Err(BytesError::range("the count of who owes"));
        }
        self.debts = debts;
        Ok(())
    }

    /// Reads the kept trades.
    ///
    /// # Errors
    /// Broken bytes; trades that the rules would not have made.
    pub(crate) fn decode_trades(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        known: &KnownTo<'_>,
        is_account: impl Fn(AccountId) -> bool,
    ) -> Result<(), BytesError> {
        self.trades = Trades::decode(input, limits, known)?;
        for kept in self.trades.all() {
            let accounts = kept.accounts.into_iter().all(&is_account);
            let rates = kept.rates.iter().all(|place| self.fees.has(*place));
            let moved = match (kept.cleared, self.terms(kept.instrument)) {
                (false, _) => kept.fees == [0; 2] && kept.rates == [0; 2],
                (true, None) => false,
                (true, Some(cleared)) => self.could_have_moved(&kept, cleared),
            };
            if !(accounts && rates && moved) {
                return Err(BytesError::range("a kept trade"));
            }
        }
        Ok(())
    }

    fn could_have_moved(&self, kept: &KeptTrade, cleared: &Cleared) -> bool {
        let bound = -Amount::MAX_UNITS..=Amount::MAX_UNITS;
        let positions = kept.accounts.iter().all(|account| {
            let has = |asset| self.ledger.find(Holder::Account(*account), asset).is_some();
            has(cleared.money) && has(cleared.goods)
        });
        positions
            && kept.fees.iter().all(|fee| bound.contains(fee))
            && kept.fees.iter().sum::<i64>() >= 0
            && cleared.check_value(kept.price, kept.quantity).is_ok()
            && Amount::new(kept.quantity.lots().saturating_mul(cleared.lot_units)).is_some()
    }

    /// Checks that what kept trades charged can be given back, and that nobody who owes has
    /// something.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn audit_corrections(&self) -> Result<(), &'static str> {
        let mut charged = BTreeMap::<Place, i128>::new();
        for kept in self
            .trades
            .all()
            .filter(|kept| kept.cleared && !kept.busted)
        {
            let cleared = self.terms(kept.instrument);
            let cleared = cleared.ok_or("a kept trade has no clearing")?;
            let fees: i128 = kept.fees.iter().map(|fee| i128::from(*fee)).sum();
            *charged.entry(cleared.fees).or_default() += fees;
        }
        for (place, charged) in charged {
            if charged > i128::from(self.ledger.position(place).available) {
                return Err("a venue has less in fees than kept trades charged");
            }
        }
        let mut owing = 0;
        for position in self.ledger.positions() {
            let Holder::Receivable(account) = position.holder() else {
                continue;
            };
            if position.held != 0 || position.available > 0 {
                return Err("a receivable is not what somebody owes");
            }
            owing += usize::from(position.available < 0);
            let own = self.ledger.find(Holder::Account(account), position.asset());
            let own = own.map(|own| self.can_take_back(own));
            if position.available < 0 && own != Some(0) {
                return Err("an account owes what it has");
            }
        }
        if owing != self.debts.len() {
            return Err("who owes is not listed");
        }
        Ok(())
    }
}

impl Debt {
    const fn key(&self) -> (AccountId, AssetId) {
        (self.account, self.asset)
    }

    fn is_of(&self, account: AccountId, asset: AssetId) -> bool {
        self.key() == (account, asset)
    }
}

/// What moves, before anybody looks at who has it. Where one account is on both sides, only what
/// is left of the two sums moves.
fn planned(
    (at, kept): (At, KeptTrade),
    cleared: Option<&Cleared>,
    before: TradeTerms,
    after: TradeTerms,
    fees: [i64; 2],
) -> Planned {
    let value = before.value - after.value;
    let mut money = [
        value + kept.fees[0] - fees[0],
        kept.fees[1] - fees[1] - value,
    ];
    if kept.accounts[0] == kept.accounts[1] {
        money = [money[0] + money[1], 0];
    }
    let less = kept.quantity.lots() - after.quantity.lots();
    let goods = cleared.map_or(0, |cleared| less * cleared.lot_units);
    Planned {
        at,
        kept,
        before,
        after,
        fees,
        goods,
        money,
        owed: [0; 2],
        goods_owed: 0,
    }
}

/// INVALID_FIELD, PRICE_SIGN, QUANTITY, MAX_QUANTITY, ORDER_VALUE.
fn check_terms(
    kept: &KeptTrade,
    (price, quantity): (Price, Quantity),
    sign: PriceSign,
    cleared: Option<&Cleared>,
) -> Result<(), RejectReason> {
    if price == kept.price && quantity == kept.quantity {
        return Err(RejectReason::InvalidField);
    }
    if !sign.allows(price) {
        return Err(RejectReason::PriceSign);
    }
    if quantity.is_zero() {
        return Err(RejectReason::Quantity);
    }
    if quantity > kept.quantity {
        return Err(RejectReason::MaxQuantity);
    }
    cleared.map_or(Ok(()), |cleared| cleared.check_value(price, quantity))
}
