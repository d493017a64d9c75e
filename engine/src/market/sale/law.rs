//! Which law a sale stands under: the regime of a contract, its days of return, what terms must
//! give.
//!
//! Invariant: a consumer is never put under a rule that is weaker than the one its venue names; who
//! is not known is a consumer. Not here: which models a venue may offer, what a regime says
//! (`venue`).

use crate::command::{Confirmed, Delivery, Exemption, PartyKind, SaleTerms};
use crate::reject::{Basis, Reject, RejectReason};
use crate::venue::{Allowed, Audience, CoolingOff, Imports, Law, Model, Regime, Rules};

/// The regime under which this kind of party buys by this model.
///
/// # Errors
/// PARTY_KIND, with what the first regime says of models.
pub(crate) fn regime_of(
    (law, regimes): (&Law, &[Regime]),
    model: Model,
    kind: PartyKind,
) -> Result<Regime, Reject> {
    let serves = |regime: &Regime| {
        let rules = law.rules(*regime);
        let kept_out = rules.audience == Audience::Enterprises && kind == PartyKind::Consumer;
        !kept_out && rules.allows(model).is_ok()
    };
    let serving = || regimes.iter().copied().filter(serves);
    let made_for = |one: &Regime, whom| law.rules(*one).audience == whom;
    let found = match kind {
        PartyKind::Consumer => serving()
            .find(|regime| made_for(regime, Audience::Importers))
            .or_else(|| serving().find(|regime| made_for(regime, Audience::Consumers))),
        PartyKind::Enterprise => serving().find(|regime| !law.rules(*regime).is_of_consumers()),
    };
    found.or_else(|| serving().next()).ok_or_else(|| {
        let first = regimes.first().map(|regime| law.rules(*regime).allowed);
        let basis = match first {
            Some(Allowed::Only(_, basis)) => Some(basis),
            Some(Allowed::All) | None => None,
        };
        Reject {
            reason: RejectReason::PartyKind,
            basis,
        }
    })
}

/// The civil days of return of a contract under a regime that says this: never fewer than a
/// consumer has by it, for the venue may have moved to it since the terms were defined.
pub(crate) fn return_days(
    terms: &SaleTerms,
    rules: &Rules,
    kind: PartyKind,
    confirmed: Confirmed,
) -> u8 {
    match rules.cooling_off {
        CoolingOff::Days { days, exempt, .. } if kind == PartyKind::Consumer => {
            let spared = terms.exemption.is_some_and(|one| is_among(one, exempt));
            let unconfirmed = terms.exemption == Some(Exemption::ConfirmedUnsuitable)
                && confirmed == Confirmed::No;
            if spared && !unconfirmed {
                terms.return_days
            } else {
                terms.return_days.max(days)
            }
        }
        CoolingOff::Days { .. } | CoolingOff::None => terms.return_days,
    }
}

/// Whether an exemption is among those a rule names, a bit each.
const fn is_among(one: Exemption, exempt: u32) -> bool {
    exempt >> (one as u32 - 1) & 1 == 1
}

/// Whether a venue may sell under these terms: 消费者权益保护法(2013) 25, or what its regimes say. What
/// no consumer can buy there needs no days of return.
///
/// # Errors
/// INVALID_FIELD, with the text.
pub(crate) fn check_returns(
    terms: &SaleTerms,
    (law, regimes): (&Law, &[Regime]),
) -> Result<(), Reject> {
    if regime_of((law, regimes), terms.model, PartyKind::Consumer).is_err() {
        return Ok(());
    }
    for rules in regimes.iter().map(|regime| law.rules(*regime)) {
        if let CoolingOff::Days {
            days,
            exempt,
            basis,
        } = rules.cooling_off
        {
            let spared = terms.exemption.is_some_and(|one| is_among(one, exempt));
            if terms.return_days < days && !spared {
                return Err(Reject {
                    reason: RejectReason::InvalidField,
                    basis: Some(basis),
                });
            }
        }
    }
    Ok(())
}

/// Whether a venue may sell under these terms where what is bought is imported: 财关税〔2018〕49号, or
/// what its regimes say. Imports are sent to the buyer, and limits are in fen.
///
/// # Errors
/// INVALID_FIELD, with the text.
pub(crate) fn check_imports(
    terms: &SaleTerms,
    decimals: u8,
    (law, regimes): (&Law, &[Regime]),
) -> Result<(), Reject> {
    for kind in [PartyKind::Consumer, PartyKind::Enterprise] {
        if let Ok(regime) = regime_of((law, regimes), terms.model, kind)
            && let Some(basis) = forbids_import(terms, decimals, law.rules(regime).imports)
        {
            return Err(Reject {
                reason: RejectReason::InvalidField,
                basis: Some(basis),
            });
        }
    }
    Ok(())
}

/// The text by which nothing can be imported under these terms, if there is one.
pub(crate) fn forbids_import(terms: &SaleTerms, decimals: u8, imports: Imports) -> Option<Basis> {
    match imports {
        Imports::Limited { annual, .. } => {
            let sent = terms.delivery == Delivery::Ship;
            (!sent || decimals != 2).then_some(annual.basis)
        }
        Imports::Free => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{DefineRegime, Funding, Plan, Rule, TaxBasis};
    use crate::types::{AssetId, Name, Nanoseconds, Time, Title, VenueId};
    use crate::venue::{Approval, RuleKey, RuleValue};

    fn define(law: &mut Law, name: &str, rules: &[(RuleKey, RuleValue)]) -> Regime {
        let fixed = (
            RuleKey::AllowedModels,
            RuleValue::Set(Model::FixedPrice.bit()),
        );
        let rules = [&[fixed], rules].concat().into_iter();
        let rules = rules.map(|(key, value)| Rule {
            key,
            value,
            basis: None,
        });
        let terms = DefineRegime {
            name: Name::new(name).expect("short"),
            basis: Title::new("某市办法(2021) 4").expect("short"),
            rules: rules.collect(),
        };
        law.define(&terms, Approval::Given, Time::ZERO)
    }

    fn terms(return_days: u8, exemption: Option<Exemption>) -> SaleTerms {
        SaleTerms {
            venue: VenueId::new(0),
            model: Model::FixedPrice,
            plan: Plan::Plain,
            funding: Funding::Prefunded,
            money: AssetId::new(0),
            tax_basis: TaxBasis::VatIn,
            tax_bp: 0,
            fee_ppm: 0,
            hand_over_within: Nanoseconds(1),
            inspect_within: Nanoseconds(1),
            return_days,
            agreed_days: 0,
            exemption,
            delivery: Delivery::Ship,
            covered: crate::command::Covered::No,
            document: [0; 32],
        }
    }

    const DAYS: (RuleKey, RuleValue) = (RuleKey::CoolingOffDays, RuleValue::Number(14));
    /// FRESH and CONFIRMED_UNSUITABLE.
    const EXEMPT: (RuleKey, RuleValue) = (RuleKey::CoolingOffExempt, RuleValue::Set(0b1_0010));

    #[test]
    fn days_of_return_and_what_is_exempt_come_from_the_data() {
        let mut law = Law::new();
        let city = define(&mut law, "CITY", &[DAYS, EXEMPT]);
        let asked = |days, exemption| {
            let said = check_returns(&terms(days, exemption), (&law, &[Regime::EcomB2c, city]));
            said.map_err(|reject| reject.basis)
        };
        let key = RuleKey::CoolingOffDays;
        let by_city = Err(Some(Basis::Defined { regime: city, key }));
        assert_eq!(asked(14, None), Ok(()));
        assert_eq!(asked(13, None), by_city);
        assert_eq!(asked(6, None), Err(Some(Basis::ConsumerLaw25)));
        assert_eq!(asked(0, Some(Exemption::Fresh)), Ok(()));
        let made = Some(Exemption::CustomMade);
        assert_eq!(
            asked(13, made),
            by_city,
            "exempt by the statute, not by the city"
        );
        let firms_only = SaleTerms {
            model: Model::TieredPrice,
            ..terms(0, None)
        };
        let both = [Regime::EcomB2b, Regime::EcomB2c];
        assert_eq!(check_returns(&firms_only, (&law, &both)), Ok(()));
        let shared = terms(0, None);
        assert!(
            check_returns(&shared, (&law, &both)).is_err(),
            "for consumers too"
        );
        let unsuitable = terms(0, Some(Exemption::ConfirmedUnsuitable));
        let days =
            |regime, kind, confirmed| return_days(&unsuitable, law.rules(regime), kind, confirmed);
        let consumer = PartyKind::Consumer;
        assert_eq!(days(city, consumer, Confirmed::No), 14);
        assert_eq!(days(city, consumer, Confirmed::Yes), 0);
        assert_eq!(days(city, PartyKind::Enterprise, Confirmed::No), 0);
        assert_eq!(days(Regime::EcomB2c, consumer, Confirmed::No), 7);
    }

    #[test]
    fn a_contract_is_under_the_regime_made_for_its_buyer() {
        let mut law = Law::new();
        let plain = define(&mut law, "PLAIN", &[]);
        let city = define(&mut law, "CITY", &[DAYS]);
        let year = (RuleKey::AnnualLimitFen, RuleValue::Number(1));
        let import = define(&mut law, "IMPORT", &[DAYS, year]);
        let firms = define(&mut law, "ECOM_B2B", &[]);
        let of = |regimes: &[Regime], kind| regime_of((&law, regimes), Model::FixedPrice, kind);
        let (consumer, firm) = (PartyKind::Consumer, PartyKind::Enterprise);
        let all = [firms, city, plain, import];
        assert_eq!(of(&all, consumer), Ok(import));
        assert_eq!(of(&all, firm), Ok(firms));
        assert_eq!(of(&[firms, plain, city], consumer), Ok(city));
        assert_eq!(of(&[city, plain], firm), Ok(plain));
        assert_eq!(of(&[city], firm), Ok(city), "where nothing else is");
        assert_eq!(of(&[firms, plain], consumer), Ok(plain));
        let key = RuleKey::AllowedModels;
        let basis = Some(Basis::Defined { regime: firms, key });
        let reason = RejectReason::PartyKind;
        assert_eq!(of(&[firms], consumer), Err(Reject { reason, basis }));
    }
}
