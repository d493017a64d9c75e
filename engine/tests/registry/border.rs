//! Cross-border retail (section 26): what is counted is a list of postings, summed whenever it is
//! asked for; years are counted from 1970 on, one by one.
//!
//! Invariant: nothing of what can be summed is kept. Not here: forming contracts
//! (`registry::deals`), their steps (`registry::performance`).

use super::deals::{DAY, Deal, EAST, Moved, midnight};
use super::*;
use RejectReason as R;
use State as S;

type Answer = Result<Option<u32>, Reject>;

/// Whose, which year, and of demonstrations or not.
pub type Whose = (OwnerId, i128, Demonstration);

/// A use that is remembered.
#[derive(Clone, Debug)]
pub struct Used {
    pub whose: Whose,
    pub elsewhere: i128,
    /// Its year was not over when it was looked at last.
    pub runs: bool,
}

/// What a regime says of imports: of a year, and of an order.
pub struct ImportLaw {
    pub annual: (i128, Basis),
    pub single: Option<(i128, Basis)>,
}

fn days_in(year: i128) -> i128 {
    let leap = year % 400 == 0 || year % 4 == 0 && year % 100 != 0;
    365 + i128::from(leap)
}

/// The year of an instant in the east, and when that is over.
pub fn year_at(instant: i128) -> (i128, i128) {
    let (mut year, mut begins) = (1_970, -EAST);
    loop {
        let ends = begins + days_in(year) * DAY;
        if instant < ends {
            return (year, ends);
        }
        (year, begins) = (year + 1, ends);
    }
}

/// What pieces of a contract are worth, those before `from` left out; the first ones are worth one
/// more where the whole does not divide.
fn worth(value: i128, all: u32, from: u32, pieces: u32) -> i128 {
    let (each, odd) = (value / i128::from(all), value % i128::from(all));
    let with_odd = (from..from + pieces).filter(|at| i128::from(*at) < odd);
    each * i128::from(pieces) + with_odd.count() as i128
}

impl Deal {
    /// What counts of it, without the tax.
    fn value(&self) -> i128 {
        self.to_pay - self.tax
    }
}

impl Reference {
    pub fn used_here(&self, whose: Whose) -> i128 {
        let own = self.shops.spent.iter().filter(|one| one.0 == whose);
        own.map(|one| one.1).sum()
    }

    pub fn used(&self, whose: Whose) -> Option<&Used> {
        self.shops.uses.iter().find(|one| one.whose == whose)
    }

    fn begin_use(&mut self, whose: Whose) -> &mut Used {
        if self.used(whose).is_none() {
            self.shops.uses.push(Used {
                whose,
                elsewhere: 0,
                runs: true,
            });
        }
        let mut uses = self.shops.uses.iter_mut();
        uses.find(|one| one.whose == whose).expect("it is there")
    }

    fn no_more_uses(&self, whose: Whose) -> bool {
        let full = self.shops.uses.len() >= self.limits.annual_uses_max as usize;
        self.used(whose).is_none() && full
    }

    /// Whose use an owner's contract of now would count in.
    fn whose_now(&self, owner: OwnerId, terms: &SaleTerms) -> Whose {
        let kind = self.venues[terms.venue.place()].demonstration;
        (owner, year_at(self.instant()).0, kind)
    }

    /// Nothing can be imported where it is handed out, or where the money is not in fen.
    pub(super) fn bars_import(&self, terms: &SaleTerms, regime: Regime) -> Option<Basis> {
        let law = self.laws().imports(regime)?;
        let class = self.money.assets[terms.money.place()].class;
        let fen = class == AssetClass::Currency { decimals: 2 };
        let barred = terms.delivery == Delivery::PickUp || !fen;
        barred.then_some(law.annual.1)
    }

    /// Terms by which nobody could import where somebody would.
    pub(super) fn may_import_by(
        &self,
        terms: &SaleTerms,
        stands: [&Vec<Regime>; 2],
    ) -> Result<(), Reject> {
        for regimes in stands {
            for kind in [PartyKind::Consumer, PartyKind::Enterprise] {
                let regime = self.regime_for(regimes, terms.model, kind);
                let barred = regime.and_then(|regime| self.bars_import(terms, regime));
                if barred.is_some() {
                    return Err(Reject {
                        reason: R::InvalidField,
                        basis: barred,
                    });
                }
            }
        }
        Ok(())
    }

    /// Above the limit of an order, or of a year; room for its use comes later.
    pub(super) fn may_import(
        &self,
        regime: Regime,
        (owner, terms): (OwnerId, &SaleTerms),
        (pieces, value): (u32, i128),
    ) -> Result<bool, Reject> {
        let Some(law) = self.laws().imports(regime) else {
            return Ok(true);
        };
        let over = |basis| Reject {
            reason: R::AnnualLimit,
            basis: Some(basis),
        };
        if let Some((most, basis)) = law.single
            && value > most
            && pieces > 1
        {
            return Err(over(basis));
        }
        let whose = self.whose_now(owner, terms);
        let elsewhere = self.used(whose).map_or(0, |one| one.elsewhere);
        let (most, basis) = law.annual;
        if self.used_here(whose) + elsewhere + value > most {
            return Err(over(basis));
        }
        Ok(!self.no_more_uses(whose))
    }

    /// A contract counts, if its regime says so.
    pub(super) fn count_import(&mut self, id: u64, owner: OwnerId) {
        let deal = self.deal(id).clone();
        if self.laws().imports(deal.regime).is_some() {
            let terms = self.shops.terms[deal.terms];
            let whose = self.whose_now(owner, &terms);
            self.begin_use(whose);
            self.shops.spent.push((whose, deal.value()));
            self.deal_mut(id).imports = Some(whose);
        }
    }

    pub(super) fn taxed_in_full(&self, deal: &Deal) -> FullTax {
        let law = self.laws().imports(deal.regime);
        match law.and_then(|law| law.single) {
            Some((most, _)) if deal.value() > most => FullTax::Yes,
            _ => FullTax::No,
        }
    }

    /// What a step of a contract restores.
    pub(super) fn restored(&mut self, before: &Deal, after: &Deal, moved: &Moved) {
        let Some(whose) = before.imports else {
            return;
        };
        let whole = match after.state {
            S::Cancelled => self.fault != Some(Fault::YearKept),
            S::Expired | S::Defaulted | S::Forfeited | S::Released => true,
            S::Rescinded => !after.received,
            S::Resolved => moved.back > 0,
            _ => false,
        };
        let mut back = 0;
        if whole {
            back = before.value();
        }
        if before.state == S::Joined && after.state == S::Paid {
            back = before.value() - after.value();
        }
        let came = after.gone_back - before.gone_back;
        let in_time = after
            .got
            .is_some_and(|got| self.instant() < midnight(got, 30));
        if came > 0 && in_time {
            back = worth(after.value(), after.pieces, before.gone_back, came);
        }
        let past = whose.1 < year_at(self.instant()).0 && back > 0;
        let marks = [
            (whole && back > 0, "an import restored whole"),
            (came > 0 && in_time, "an import restored by a return"),
            (came > 0 && !in_time, "a return too late to restore"),
            (
                before.state == S::Joined && !whole && back > 0,
                "a group's import made cheaper",
            ),
            (past, "restored to a year that is over"),
        ];
        let met = marks.iter().filter(|mark| mark.0);
        self.reached.extend(met.map(|mark| mark.1));
        self.shops.spent.push((whose, -back));
        if !after.state.lives() && !self.used(whose).expect("it counts there").runs {
            self.drop_use(whose, after.id);
        }
    }

    /// A use whose year is over goes, unless another live contract counts in it.
    fn drop_use(&mut self, whose: Whose, but: u64) {
        let mut deals = self.shops.deals.iter();
        if !deals.any(|deal| deal.imports == Some(whose) && deal.id != but) {
            self.reached.push(if but > 0 {
                "a use forgotten with its last contract"
            } else {
                "a use forgotten with its year"
            });
            self.shops.uses.retain(|one| one.whose != whose);
            self.shops.spent.retain(|one| one.0 != whose);
        }
    }

    /// When the use that began first is looked at.
    pub(super) fn year_ends(&self) -> Option<i128> {
        let first = self.shops.uses.iter().find(|one| one.runs)?;
        let mut ends = -EAST;
        for year in 1_970..=first.whose.1 {
            ends += days_in(year) * DAY;
        }
        Some(ends.min(i128::from(Time::MAX.nanoseconds())))
    }

    pub(super) fn forget_use(&mut self) {
        let first = self.shops.uses.iter_mut().find(|one| one.runs);
        let first = first.expect("one is due");
        first.runs = false;
        let whose = first.whose;
        self.drop_use(whose, 0);
    }

    pub(super) fn set_annual_use(&mut self, envelope: &Envelope, set: &SetAnnualUse) -> Answer {
        fails(set.owner.place() >= self.owners.len(), R::UnknownOwner)?;
        let authority = envelope.authority.as_ref();
        let other = authority.and_then(|authority| authority.approver);
        let two = other.is_some_and(|other| other != envelope.principal);
        let real = set.demonstration == Demonstration::Real;
        fails(real && !two, R::ApproverRequired)?;
        let year = year_at(self.instant()).0;
        let wrong = i128::from(set.year) != year || set.used < 0 || set.used > 1 << 52;
        fails(wrong, R::InvalidField)?;
        let whose = (set.owner, year, set.demonstration);
        fails(self.no_more_uses(whose), R::TooMany)?;
        self.begin_use(whose).elsewhere = set.used.into();
        let here = self.used_here(whose);
        self.out.push(Event::Sale(SaleEvent::Use(UseReport {
            owner: set.owner,
            year: set.year,
            demonstration: set.demonstration,
            here: here as i64,
            elsewhere: set.used,
        })));
        Ok(None)
    }
}
