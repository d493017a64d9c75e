//! Discounts and baskets: who defines one, and how several offers of one seller are taken at once.
//!
//! Invariant: all contracts of a basket are formed or none, all of one buyer with one seller, each
//! by its named offer; what is taken off them together is the whole discount. Not here: how it is
//! divided (`market::sale::discounts`), what one line alone is asked (`engine::contracts`).

use super::Engine;
use super::contracts::{Before, Reserved, Wanted, hash_of};
use super::sales::{Dealer, fails};
use super::switch::session_of;
use crate::command::{
    AssetClass, Basket, Body, Command, ContractCommand, DefineDiscount, Envelope, Funding, Plan,
    Reserve,
};
use crate::event::{ContractStep, DiscountReport, Event, Events, SaleEvent};
use crate::market::sale::discounts::{self, Discount};
use crate::market::sale::price;
use crate::reject::{Reject, RejectReason as R};
use crate::types::{AssetId, DiscountId, SessionId, Side, Time};
use crate::venue::{Allowed, Model, Regime};

/// The lines of a basket, one place each.
type Lines<T> = [Option<T>; Basket::LINES_MAX];

/// A basket that passed its checks.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckedBasket {
    lines: Lines<Reserved>,
    discount: Option<DiscountId>,
    money: AssetId,
}

/// What a basket would cost, in minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BasketCost {
    /// The currency.
    pub money: AssetId,
    lines: Lines<LineCost>,
}

impl BasketCost {
    /// Its lines, in order.
    pub fn lines(&self) -> impl Iterator<Item = &LineCost> {
        self.lines.iter().flatten()
    }
}

/// What a line would cost: what its contract would say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineCost {
    /// How many pieces.
    pub pieces: u32,
    /// The price of a piece.
    pub price: i64,
    /// Pieces times price, less the discount's part.
    pub amount: i64,
    /// The tax in it, or on it.
    pub tax: i64,
    /// What is to be paid.
    pub to_pay: i64,
}

/// Why a command is refused, and of a basket which of its lines is at fault, if one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefusedLine {
    /// Why.
    pub reject: Reject,
    /// The line, from 0.
    pub line: Option<u8>,
}

impl RefusedLine {
    pub(super) const fn none(reject: Reject) -> Self {
        Self { reject, line: None }
    }

    fn of(line: usize, reject: impl Into<Reject>) -> Self {
        Self {
            reject: reject.into(),
            line: Some(line as u8),
        }
    }
}

impl From<R> for RefusedLine {
    fn from(reason: R) -> Self {
        Self::none(reason.into())
    }
}

impl Engine {
    /// As [`Engine::validate`], and of a basket what it would cost, or which of its lines is at
    /// fault. A retry costs nothing.
    ///
    /// # Errors
    /// The reject the command would get.
    pub fn dry_run(
        &self,
        command: &Command,
        time: Time,
    ) -> Result<Option<BasketCost>, RefusedLine> {
        let said = self.validate(command, time);
        let Body::Contract(ContractCommand::Basket(basket)) = &command.body else {
            return said.map(|()| None).map_err(RefusedLine::none);
        };
        if said.is_ok() && self.probe(command, time).is_err() {
            return Ok(None);
        }
        let checked = self.check_basket(&command.envelope, basket, time);
        let Err(reject) = said else {
            return checked.map(|checked| Some(checked.cost(basket)));
        };
        let same = checked.err().filter(|refused| refused.reject == reject);
        Err(same.unwrap_or(RefusedLine::none(reject)))
    }

    /// The reasons of SEMANTICS section 27 in their order.
    pub(super) fn check_define_discount(
        &self,
        session: Option<SessionId>,
        terms: &DefineDiscount,
        time: Time,
    ) -> Result<(), Reject> {
        let venue = self.venues.venue(terms.venue);
        self.check_dealer(&Dealer {
            session,
            account: terms.account,
            side: Side::Sell,
            venue: venue.map(|_| terms.venue),
            seller: None,
        })?;
        let venue = venue.ok_or(R::UnknownVenue)?;
        let money = self.clearing.assets.asset(terms.money);
        let money = money.ok_or(R::UnknownAsset)?;
        self.check_venue_open(terms.venue)?;
        let mut regimes = venue.regimes.iter();
        if !regimes.any(|regime| self.allows_coupons(*regime)) {
            return Err(self.not_allowed(venue.regimes.first().copied()));
        }
        let sells = venue.offers(Model::FixedPrice) || venue.offers(Model::TieredPrice);
        fails(!sells, R::ModelNotAvailable)?;
        let right = matches!(money.class, AssetClass::Currency { .. })
            && money.demonstration == venue.demonstration
            && discounts::are_bounded(terms, time);
        fails(!right, R::InvalidField)?;
        let full = self.sales.discounts.are_full(terms.account, &self.limits);
        Ok(fails(full, R::TooMany)?)
    }

    pub(super) fn define_discount(&mut self, terms: &DefineDiscount) -> DiscountReport {
        let sequence = self.sequence.value();
        self.sales.discounts.define(sequence, *terms)
    }

    /// A discount is an attribute of a sale, lawful where FIXED_PRICE is.
    fn allows_coupons(&self, regime: Regime) -> bool {
        let rules = self.venues.law().rules(regime);
        rules.allows(Model::FixedPrice).is_ok()
    }

    /// MODEL_NOT_ALLOWED, with what the regime says of models.
    fn not_allowed(&self, regime: Option<Regime>) -> Reject {
        let allowed = regime.map(|regime| self.venues.law().rules(regime).allowed);
        Reject {
            reason: R::ModelNotAllowed,
            basis: match allowed {
                Some(Allowed::Only(_, basis)) => Some(basis),
                Some(Allowed::All) | None => None,
            },
        }
    }

    /// The reasons of SEMANTICS section 27 in their order.
    pub(super) fn check_basket(
        &self,
        envelope: &Envelope,
        basket: &Basket,
        time: Time,
    ) -> Result<CheckedBasket, RefusedLine> {
        fails(
            self.parties.link(basket.account).is_none(),
            R::UnknownAccount,
        )?;
        let count = basket.lines.len();
        fails(!(1..=Basket::LINES_MAX).contains(&count), R::InvalidField)?;
        let mut wanted: Lines<Wanted<'_>> = [None; Basket::LINES_MAX];
        for (at, line) in basket.lines.iter().enumerate() {
            let ask = basket.reserve(line);
            let one = self.check_wanted(session_of(envelope), &ask, time);
            let one = one.map_err(|reject| RefusedLine::of(at, reject))?;
            let twice = basket.lines[..at]
                .iter()
                .any(|other| other.offer == line.offer);
            let joins = joins(&one, wanted[0].as_ref());
            fails(twice || !joins, R::BasketLines).map_err(|reason| RefusedLine::of(at, reason))?;
            wanted[at] = Some(one);
        }
        let discount = self.check_discount(basket, &wanted, time)?;
        if let Some((_, discount)) = discount {
            take_off(discount, &mut wanted);
        }
        self.check_rooms(basket, &wanted)?;
        let first = wanted[0].as_ref().expect("it has a line");
        if let Some((_, discount)) = discount {
            let room = self.sales.discounts.has_room_for(discount, first.owner);
            fails(!room, R::OpenContracts)?;
        }
        let due = wanted.iter().flatten().map(|one| one.cost.to_pay).sum();
        let money = self.check_money(basket.account, first.terms, due)?;
        Ok(CheckedBasket {
            lines: wanted.map(|one| one.map(|one| one.reserved(money))),
            discount: discount.map(|(id, _)| id),
            money: first.terms.money,
        })
    }

    /// UNKNOWN_DISCOUNT, MODEL_NOT_ALLOWED, DEADLINE, COUPON_CODE, BELOW_THRESHOLD, DISCOUNT_USED.
    fn check_discount(
        &self,
        basket: &Basket,
        wanted: &Lines<Wanted<'_>>,
        time: Time,
    ) -> Result<Option<(DiscountId, &Discount)>, RefusedLine> {
        let Some(id) = basket.discount else {
            fails(basket.code.is_some(), R::CouponCode)?;
            return Ok(None);
        };
        let first = wanted[0].as_ref().expect("it has a line");
        let discount = self.sales.discounts.get(id).filter(|discount| {
            let terms = &discount.terms;
            (terms.account, terms.venue, terms.money)
                == (first.offer.seller, first.terms.venue, first.terms.money)
        });
        let discount = discount.ok_or(R::UnknownDiscount)?;
        for (line, one) in wanted.iter().flatten().enumerate() {
            if !self.allows_coupons(one.regime) {
                return Err(RefusedLine::of(line, self.not_allowed(Some(one.regime))));
            }
        }
        fails(!discount.is_open(time), R::Deadline)?;
        fails(
            basket.code.map(hash_of) != discount.terms.code,
            R::CouponCode,
        )?;
        let list: i64 = wanted.iter().flatten().map(|one| one.cost.amount).sum();
        fails(list < discount.terms.threshold, R::BelowThreshold)?;
        let used = self.sales.discounts.used_by(discount, first.owner);
        let out = discount.left() == 0 || used >= discount.terms.per_owner;
        fails(out, R::DiscountUsed)?;
        Ok(Some((id, discount)))
    }

    /// BUYER_LIMIT, ANNUAL_LIMIT, OUT_OF_STOCK, OPEN_CONTRACTS of each line, those before it
    /// counted in.
    fn check_rooms(&self, basket: &Basket, wanted: &Lines<Wanted<'_>>) -> Result<(), RefusedLine> {
        let mut before = Before::default();
        for (at, (line, one)) in basket.lines.iter().zip(wanted.iter().flatten()).enumerate() {
            let ask = basket.reserve(line);
            let after = self.check_room_for(&ask, one, before);
            before = after.map_err(|reject| RefusedLine::of(at, reject))?;
        }
        Ok(())
    }

    /// Forms the contracts of a basket that was checked.
    pub(super) fn form_basket(
        &mut self,
        basket: &Basket,
        checked: &CheckedBasket,
        events: &mut Events,
    ) {
        let mut slots = [0; Basket::LINES_MAX];
        let slots = &mut slots[..basket.lines.len()];
        self.contracts.take_rows(slots);
        let mut owner = None;
        let lines = basket.lines.iter().zip(checked.lines.iter().flatten());
        for ((line, reserved), slot) in lines.zip(slots) {
            let ask: Reserve = basket.reserve(line);
            owner = Some(reserved.owner);
            self.reserve_in(*slot, &ask, (reserved, ContractStep::Basket), events);
        }
        if let Some((id, owner)) = checked.discount.zip(owner) {
            let report = self.sales.discounts.count_use(id.slot, owner);
            events.push(Event::Sale(SaleEvent::Discount(report)));
        }
    }
}

impl CheckedBasket {
    fn cost(&self, basket: &Basket) -> BasketCost {
        let mut lines = [None; Basket::LINES_MAX];
        let checked = basket.lines.iter().zip(self.lines.iter().flatten());
        for (place, (line, reserved)) in lines.iter_mut().zip(checked) {
            let cost = reserved.cost;
            *place = Some(LineCost {
                pieces: line.pieces,
                price: cost.price,
                amount: cost.amount,
                tax: cost.tax,
                to_pay: cost.to_pay,
            });
        }
        let money = self.money;
        BasketCost { money, lines }
    }
}

impl LineCost {
    /// Pieces times price.
    pub fn list_amount(&self) -> i64 {
        i64::from(self.pieces) * self.price
    }

    /// What the discount takes off that.
    pub fn discount(&self) -> i64 {
        self.list_amount() - self.amount
    }
}

/// Whether a line may stand beside the first one, if there is one before it.
fn joins(one: &Wanted<'_>, first: Option<&Wanted<'_>>) -> bool {
    let terms = one.terms;
    let plain = terms.plan == Plan::Plain && terms.funding == Funding::Prefunded;
    let same = first.is_none_or(|first| {
        let of = |one: &Wanted<'_>| (one.offer.seller, one.terms.venue, one.terms.money);
        of(one) == of(first)
    });
    plain && same
}

/// Takes a discount off the lines, each its part; a share is of their list amounts.
fn take_off(discount: &Discount, wanted: &mut Lines<Wanted<'_>>) {
    let mut list = [0; Basket::LINES_MAX];
    let mut count = 0;
    for one in wanted.iter().flatten() {
        list[count] = one.cost.amount;
        count += 1;
    }
    let list = &list[..count];
    let off = discounts::off_of(discount.terms.off, list.iter().sum());
    let parts = discounts::divide(off, list);
    for (one, part) in wanted.iter_mut().flatten().zip(parts) {
        let amount = i128::from(one.cost.amount - part);
        let cost = price::cost_for(one.cost.price, amount, one.terms);
        one.cost = cost.expect("no more than the list amount is worth");
    }
}
