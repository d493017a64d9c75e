//! Discounts and baskets (section 27): lists of promises and of each single use.
//!
//! Invariant: how often anything was used is counted anew each time. Not here: what one line alone
//! is asked (`registry::deals`).

use super::deals::{Taken, Wanted, taxed};
use super::shop::Dealing;
use super::*;
use RejectReason as R;

/// The longest time from the command to the end of a discount.
const YEAR: i128 = 366 * 86_400_000_000_000;

impl Reference {
    pub(super) fn define_discount(&mut self, terms: &DefineDiscount) -> Result<SaleEvent, Reject> {
        let venue = self.venues.get(terms.venue.place());
        self.may_deal(&Dealing {
            account: terms.account,
            buys: false,
            venue: venue.map(|_| terms.venue),
            seller: None,
        })?;
        let venue = venue.ok_or(R::UnknownVenue)?;
        let money = self.money.assets.get(terms.money.place());
        let money = money.ok_or(R::UnknownAsset)?;
        self.venue_takes(terms.venue)?;
        let laws = self.laws();
        if !venue
            .regimes
            .iter()
            .any(|one| laws.allows(*one, Model::FixedPrice))
        {
            return Err(Reject {
                reason: R::ModelNotAllowed,
                basis: laws.text(venue.regimes[0]),
            });
        }
        let sold = [Model::FixedPrice, Model::TieredPrice];
        let sells = venue.models.iter().any(|model| sold.contains(model));
        fails(!sells, R::ModelNotAvailable)?;
        let currency = matches!(money.class, AssetClass::Currency { .. });
        let joins = money.demonstration == venue.demonstration;
        fails(
            !currency || !joins || !self.is_promise(terms),
            R::InvalidField,
        )?;
        let full = self.shops.discounts.len() >= self.limits.discounts_max as usize;
        let own = self.shops.discounts.iter();
        let own = own.filter(|known| known.1.account == terms.account).count();
        let own_full = own >= self.limits.discounts_per_seller_max as usize;
        fails(full || own_full, R::TooMany)?;
        let id = self.sequence.value();
        self.shops.discounts.push((id, *terms));
        Ok(self.promised(id, DiscountAct::Defined))
    }

    fn is_promise(&self, terms: &DefineDiscount) -> bool {
        let now = self.instant();
        let [opens, closes] = [terms.opens, terms.closes].map(|at| i128::from(at.nanoseconds()));
        let bounded = |sum: i64| (1..=1 << 52).contains(&sum);
        let takes = match terms.off {
            Off::Amount(sum) => sum >= 1 && sum <= terms.threshold,
            Off::Share { bp, at_most } => {
                let least = i128::from(terms.threshold) * i128::from(bp);
                bp <= 10_000 && bounded(at_most) && least >= 10_000
            }
        };
        takes
            && bounded(terms.threshold)
            && closes > opens
            && closes > now
            && closes - now <= YEAR
            && terms.uses >= 1
            && terms.uses <= 1 << 30
            && terms.per_owner >= 1
            && terms.per_owner <= terms.uses
    }

    fn uses_of(&self, id: u64, owner: Option<OwnerId>) -> u32 {
        let uses = self.shops.discounted.iter().filter(|one| one.0 == id);
        uses.filter(|one| owner.is_none_or(|owner| owner == one.1))
            .count() as u32
    }

    fn promised(&self, id: u64, act: DiscountAct) -> SaleEvent {
        let known = self.shops.discounts.iter().find(|one| one.0 == id);
        let terms = known.expect("it lives").1;
        SaleEvent::Discount(DiscountReport {
            act,
            discount: DiscountId {
                sequence: id,
                slot: 0,
            },
            seller: terms.account,
            venue: terms.venue,
            left: terms.uses - self.uses_of(id, None),
        })
    }

    /// The time of a discount is over.
    pub(super) fn end_discount(&mut self, id: u64) {
        let said = self.promised(id, DiscountAct::Ended);
        self.out.push(Event::Sale(said));
        let at = self.shops.discounts.iter().position(|one| one.0 == id);
        let (_, terms) = self.shops.discounts.remove(at.expect("it lives"));
        if self.uses_of(id, None) > 0 {
            let closes = i128::from(terms.closes.nanoseconds());
            self.shops.ended.push((closes, id));
        }
    }

    /// One owner's uses of an ended discount are forgotten.
    pub(super) fn forget_user(&mut self) {
        let (_, id) = self.shops.ended[0];
        let mut uses = self.shops.discounted.iter();
        let owner = uses.find(|one| one.0 == id).expect("it has one").1;
        self.shops.discounted.retain(|one| *one != (id, owner));
        if self.uses_of(id, None) == 0 {
            self.shops.ended.remove(0);
        }
    }

    /// Whether an offer may be in a basket.
    pub fn joins_baskets(&self, offer: &Offering) -> bool {
        let terms = &self.shops.terms[offer.terms];
        let plain = [Model::FixedPrice, Model::TieredPrice].contains(&terms.model);
        plain && terms.funding == Funding::Prefunded
    }

    pub(super) fn basket(&mut self, basket: &Basket) -> Result<(), Reject> {
        self.shops.at_fault = None;
        let known = basket.account.place() < self.accounts.len();
        fails(!known, R::UnknownAccount)?;
        let count = basket.lines.len();
        fails(count == 0 || count > 8, R::InvalidField)?;
        let asks: Vec<Reserve> = basket.lines.iter().map(|line| ask(basket, line)).collect();
        let mut wanted: Vec<Wanted> = Vec::new();
        for (at, ask) in asks.iter().enumerate() {
            self.shops.at_fault = Some(at as u8);
            let one = self.wanted(ask)?;
            let side = |one: &Wanted| (one.offer.seller, one.terms.venue, one.terms.money);
            let odd = wanted
                .iter()
                .any(|other| side(other) != side(&one) || other.offer.id == one.offer.id);
            fails(odd || !self.joins_baskets(&one.offer), R::BasketLines)?;
            wanted.push(one);
        }
        self.shops.at_fault = None;
        let promise = self.promise_for(basket, &wanted)?;
        if let Some((_, terms)) = promise {
            self.take_off(&terms, &mut wanted);
        }
        let mut taken = Taken::default();
        for (at, one) in wanted.iter().enumerate() {
            self.shops.at_fault = Some(at as u8);
            let fresh = self.room_to_take(&asks[at], one, &taken)?;
            let (pieces, value) = self.imported(&asks[at], one);
            taken = Taken {
                contracts: taken.contracts + 1,
                buyers: taken.buyers + usize::from(fresh),
                pieces: taken.pieces.saturating_add(pieces),
                value: taken.value + value,
            };
        }
        self.shops.at_fault = None;
        let (owner, money) = (wanted[0].owner, wanted[0].terms.money.place());
        if let Some((id, _)) = promise {
            let mut pairs = self.shops.discounted.clone();
            pairs.sort_unstable();
            pairs.dedup();
            let full = pairs.len() >= self.limits.discount_uses_max as usize;
            fails(full && !pairs.contains(&(id, owner)), R::OpenContracts)?;
        }
        let due: i128 = wanted.iter().map(|one| one.to_pay).sum();
        let lacks = due > self.available(basket.account.place(), money);
        fails(lacks, R::InsufficientFunds)?;
        for (line, one) in (0..).zip(&wanted) {
            self.formed(&asks[line as usize], one, (line, ContractStep::Basket));
        }
        if let Some((id, _)) = promise {
            self.shops.discounted.push((id, owner));
            let said = self.promised(id, DiscountAct::Used);
            self.out.push(Event::Sale(said));
        }
        Ok(())
    }

    /// The discount that a basket asks for.
    fn promise_for(
        &mut self,
        basket: &Basket,
        wanted: &[Wanted],
    ) -> Result<Option<(u64, DefineDiscount)>, Reject> {
        let Some(named) = basket.discount else {
            fails(basket.code.is_some(), R::CouponCode)?;
            return Ok(None);
        };
        let first = &wanted[0];
        let own = |terms: &DefineDiscount| {
            terms.account == first.offer.seller
                && terms.venue == first.terms.venue
                && terms.money == first.terms.money
        };
        let mut all = self.shops.discounts.iter().copied();
        let found = all.find(|(id, terms)| (*id, 0) == (named.sequence, named.slot) && own(terms));
        let (id, terms) = found.ok_or(R::UnknownDiscount)?;
        let laws = self.laws();
        let unlawful = |one: &Wanted| !laws.allows(one.regime, Model::FixedPrice);
        if let Some(at) = wanted.iter().position(unlawful) {
            let basis = laws.text(wanted[at].regime);
            self.shops.at_fault = Some(at as u8);
            return Err(Reject {
                reason: R::ModelNotAllowed,
                basis,
            });
        }
        fails(
            self.time < terms.opens || self.time >= terms.closes,
            R::Deadline,
        )?;
        let hash = basket.code.map(|code| *blake3::hash(&code).as_bytes());
        let right = match (&hash, &terms.code) {
            (Some(hash), Some(code)) => hash[..16] == code[..],
            (None, None) => true,
            _ => false,
        };
        fails(!right, R::CouponCode)?;
        let list: i128 = wanted
            .iter()
            .zip(&basket.lines)
            .map(|(one, line)| one.price * i128::from(line.pieces))
            .sum();
        fails(list < i128::from(terms.threshold), R::BelowThreshold)?;
        let own = self.uses_of(id, Some(first.owner)) >= terms.per_owner;
        fails(own || self.uses_of(id, None) >= terms.uses, R::DiscountUsed)?;
        Ok(Some((id, terms)))
    }

    /// The parts of a discount: whole ones first, then one each by the remainders.
    fn take_off(&self, terms: &DefineDiscount, wanted: &mut [Wanted]) {
        let list: Vec<i128> = wanted
            .iter()
            .map(|one| {
                let contained = one.terms.tax_basis == TaxBasis::VatIn;
                if contained {
                    one.to_pay
                } else {
                    one.to_pay - one.tax
                }
            })
            .collect();
        let sum: i128 = list.iter().sum();
        let whole = match terms.off {
            Off::Amount(amount) => i128::from(amount),
            Off::Share { bp, at_most } => (sum * i128::from(bp) / 10_000).min(at_most.into()),
        };
        let mut order: Vec<usize> = (0..list.len()).collect();
        if self.fault == Some(Fault::RemainderLast) {
            order.reverse();
        } else {
            order.sort_by_key(|line| -(whole * list[*line] % sum));
        }
        let given: i128 = list.iter().map(|amount| whole * amount / sum).sum();
        let more = &order[..(whole - given) as usize];
        for (line, one) in wanted.iter_mut().enumerate() {
            one.off = whole * list[line] / sum + i128::from(more.contains(&line));
            (one.tax, one.to_pay) = taxed(list[line] - one.off, &one.terms);
        }
    }
}

fn ask(basket: &Basket, line: &Line) -> Reserve {
    Reserve {
        offer: line.offer,
        version: line.version,
        account: basket.account,
        pieces: line.pieces,
        delivery_reference: basket.delivery_reference,
        pickup: line.pickup,
        confirmed: line.confirmed,
    }
}
