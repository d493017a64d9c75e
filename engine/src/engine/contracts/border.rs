//! Cross-border retail: what one person may import a year and by one order, and what comes back of
//! that (SEMANTICS section 26).
//!
//! Invariant: a contract counts in one use of one year from its reserve until it ends, and gives
//! back at most what it counted; by which regime is its own for good. Not here: the rows
//! (`market::sale::annual`), what regimes say (`venue`).

use std::collections::BTreeSet;

use super::fails;
use crate::clearing::custody::Approved;
use crate::command::{Demonstration, Envelope, SaleTerms, SetAnnualUse};
use crate::contract::Contract;
use crate::contract::effects::Moved;
use crate::contract::row::day_of;
use crate::engine::clearing::approved;
use crate::engine::{Engine, operation};
use crate::event::{Event, Events, FullTax, SaleEvent, UseReport};
use crate::market::sale::annual::{Whose, year_of};
use crate::market::sale::{AnnualUse, Year, law};
use crate::reject::{Basis, Reject, RejectReason as R};
use crate::types::{OwnerId, Time, VenueId};
use crate::venue::{ImportLimit, Imports, Regime, Venue};

/// Days after that of receipt in which what comes back is restored; the law counts them from
/// release by customs, which comes before.
const RESTORED_DAYS: u32 = 30;

/// What a reserve under a regime that limits imports is held against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Importing {
    pub(super) whose: Whose,
    used: AnnualUse,
    annual: ImportLimit,
    single: Option<ImportLimit>,
    /// Whether its use is remembered, or can be.
    pub(super) room: bool,
}

/// What a regime that limits imports lets one person import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImportLimits {
    /// The regime.
    pub regime: Regime,
    /// In a calendar year.
    pub annual: ImportLimit,
    /// By an order of more than one piece, if it says that.
    pub single: Option<ImportLimit>,
}

fn annual_limit(basis: Basis) -> Reject {
    Reject {
        reason: R::AnnualLimit,
        basis: Some(basis),
    }
}

impl Importing {
    /// ANNUAL_LIMIT: above the limit of one order is one indivisible piece only, and that within
    /// what is left of the year.
    pub(super) fn check(&self, pieces: u32, value: i64) -> Result<(), Reject> {
        let above = self.single.filter(|single| value > single.fen);
        if let Some(single) = above.filter(|_| pieces != 1) {
            return Err(annual_limit(single.basis));
        }
        if value > self.used.left_of(self.annual) {
            return Err(annual_limit(self.annual.basis));
        }
        Ok(())
    }
}

impl Engine {
    /// What an owner used of its annual limit of imports in a calendar year at UTC+8, in fen;
    /// nothing of what is not remembered.
    pub fn annual_use(&self, owner: OwnerId, year: u16, demonstration: Demonstration) -> AnnualUse {
        let known = Year::new(year).and_then(|year| {
            self.sales.annual.known(Whose {
                year,
                owner,
                demonstration,
            })
        });
        known.unwrap_or_default()
    }

    /// The limits of each regime that limits imports and is now one of a venue's: of this venue, or
    /// of all that are demonstrations, or of all others. In order of the regimes' handles.
    pub fn import_limits(
        &self,
        venue: Option<VenueId>,
        demonstration: Demonstration,
    ) -> impl Iterator<Item = ImportLimits> {
        let law = self.venues.law();
        let all = self.venues.venues();
        let wanted = all.filter(move |(id, row)| {
            venue.is_none_or(|venue| venue == *id) && row.demonstration == demonstration
        });
        let regimes = wanted.flat_map(|(_, row)| row.regimes.iter());
        let handles: BTreeSet<u8> = regimes.map(|regime| regime.code()).collect();
        let regimes = handles.into_iter().filter_map(Regime::from_code);
        regimes.filter_map(move |regime| match law.rules(regime).imports {
            Imports::Limited { annual, single } => Some(ImportLimits {
                regime,
                annual,
                single,
            }),
            Imports::Free => None,
        })
    }

    /// How many uses are remembered, one of an owner and a year.
    pub fn annual_uses(&self) -> u32 {
        self.sales.annual.remembered()
    }

    /// The calendar year at UTC+8 of the newest command.
    pub fn running_year(&self) -> u16 {
        year_of(self.time).number()
    }

    /// INVALID_FIELD: nothing can be imported under such terms.
    pub(in crate::engine) fn check_import_terms(
        &self,
        terms: &SaleTerms,
        decimals: u8,
        venue: &Venue,
    ) -> Result<(), Reject> {
        let law = self.venues.law();
        law::check_imports(terms, decimals, (law, &venue.regimes))?;
        law::check_imports(terms, decimals, (law, venue.last_regimes()))
    }

    /// INVALID_COMBINATION; what a reserve is held against, if its regime limits imports.
    pub(super) fn importing(
        &self,
        regime: Regime,
        terms: &SaleTerms,
        (owner, time): (OwnerId, Time),
    ) -> Result<Option<Importing>, Reject> {
        let imports = self.venues.law().rules(regime).imports;
        let Imports::Limited { annual, single } = imports else {
            return Ok(None);
        };
        let money = self.clearing.assets.asset(terms.money);
        let decimals = money.expect("terms name their money").class.decimals();
        if let Some(basis) = law::forbids_import(terms, decimals, imports) {
            return Err(Reject {
                reason: R::InvalidCombination,
                basis: Some(basis),
            });
        }
        let whose = Whose {
            year: year_of(time),
            owner,
            demonstration: self.venue_of_terms(terms.venue).demonstration,
        };
        let known = self.sales.annual.known(whose);
        Ok(Some(Importing {
            whose,
            used: known.unwrap_or_default(),
            annual,
            single,
            room: known.is_some() || !self.sales.annual.is_full(),
        }))
    }

    /// In whose use of which year a contract counts, if it does.
    pub(crate) fn counts_in(&self, contract: &Contract) -> Option<Whose> {
        let terms = &self.sales.known(contract.terms).terms;
        Some(Whose {
            year: contract.import_year?,
            owner: contract.owner,
            demonstration: self.venue_of_terms(terms.venue).demonstration,
        })
    }

    /// A contract that was formed counts.
    pub(super) fn count_import(&mut self, contract: &Contract) {
        if let Some(whose) = self.counts_in(contract) {
            self.sales.annual.take(whose, contract.import_value());
        }
    }

    /// What a step restores of what its contract counted.
    pub(super) fn restore_import(&mut self, before: &Contract, after: &Contract, moved: &Moved) {
        let Some(whose) = self.counts_in(after) else {
            return;
        };
        let ended = !after.state.lives();
        let never_left = ended && after.received.is_none() && moved.uncounted > 0;
        let back = if never_left {
            before.import_value()
        } else {
            let came = |contract: &Contract| contract.import_value_of(contract.came_back);
            let cheaper = before.import_value() - after.import_value();
            let in_time = is_restored(after, self.time);
            cheaper
                + if in_time {
                    came(after) - came(before)
                } else {
                    0
                }
        };
        self.sales.annual.give_back(whose, back);
        if ended {
            self.sales.annual.end(whose);
        }
    }

    /// Whether a contract is one piece above the limit of one order.
    pub(super) fn full_tax(&self, contract: &Contract) -> FullTax {
        if contract.import_year.is_none() {
            return FullTax::No;
        }
        match self.venues.law().rules(contract.regime).imports {
            Imports::Limited {
                single: Some(single),
                ..
            } if contract.import_value() > single.fen => FullTax::Yes,
            Imports::Limited { .. } | Imports::Free => FullTax::No,
        }
    }

    /// UNKNOWN_OWNER, APPROVER_REQUIRED, INVALID_FIELD, TOO_MANY.
    pub(in crate::engine) fn check_annual_use(
        &self,
        envelope: &Envelope,
        set: &SetAnnualUse,
        time: Time,
    ) -> Result<(), R> {
        fails(self.parties.owner(set.owner).is_none(), R::UnknownOwner)?;
        let real = set.demonstration == Demonstration::Real;
        let alone = approved(envelope) == Approved::No;
        fails(real && alone, R::ApproverRequired)?;
        let year = year_of(time);
        let bounded = (0..=SetAnnualUse::USED_MAX).contains(&set.used);
        fails(set.year != year.number() || !bounded, R::InvalidField)?;
        let known = self.sales.annual.known(whose(set, year));
        fails(known.is_none() && self.sales.annual.is_full(), R::TooMany)
    }

    /// Customs report what somebody imported elsewhere.
    pub(in crate::engine) fn set_annual_use(
        &mut self,
        envelope: &Envelope,
        set: &SetAnnualUse,
        events: &mut Events,
    ) {
        if let Err(reason) = self.check_annual_use(envelope, set, self.time) {
            return operation(events, Err(reason.into()));
        }
        // Nothing below can fail.
        let annual = &mut self.sales.annual;
        let used = annual.set_elsewhere(whose(set, year_of(self.time)), set.used);
        events.push(Event::Sale(SaleEvent::Use(UseReport {
            owner: set.owner,
            year: set.year,
            demonstration: set.demonstration,
            here: used.here,
            elsewhere: used.elsewhere,
        })));
        operation(events, Ok(None));
    }
}

const fn whose(set: &SetAnnualUse, year: Year) -> Whose {
    Whose {
        year,
        owner: set.owner,
        demonstration: set.demonstration,
    }
}

/// Whether what comes back now is restored.
fn is_restored(contract: &Contract, now: Time) -> bool {
    let received = contract.received.map(|ends| ends.day.get());
    received.is_some_and(|day| day_of(now).get() <= day + RESTORED_DAYS)
}
