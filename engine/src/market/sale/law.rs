//! Which law a sale stands under: the regime of a contract, its days of return, what terms must
//! give.
//!
//! Invariant: a consumer is never put under a rule that is weaker than the one its venue names; who
//! is not known is a consumer. Not here: which models a venue may offer, what a regime says
//! (`venue`).

use crate::command::{Confirmed, Exemption, PartyKind, SaleTerms};
use crate::reject::{Reject, RejectReason};
use crate::venue::{Allowed, Audience, CoolingOff, Law, Model, Regime, Rules};

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

/// The civil days of return of a contract under a regime that says this.
pub(crate) fn return_days(
    terms: &SaleTerms,
    rules: Rules,
    kind: PartyKind,
    confirmed: Confirmed,
) -> u8 {
    let unconfirmed =
        terms.exemption == Some(Exemption::ConfirmedUnsuitable) && confirmed == Confirmed::No;
    match rules.cooling_off {
        CoolingOff::Days { days, .. } if kind == PartyKind::Consumer && unconfirmed => {
            terms.return_days.max(days)
        }
        CoolingOff::Days { .. } | CoolingOff::None => terms.return_days,
    }
}

/// Whether a venue may sell under these terms: 消费者权益保护法(2013) 25, or what its regimes say.
///
/// # Errors
/// INVALID_FIELD, with the text.
pub(crate) fn check_returns(
    terms: &SaleTerms,
    (law, regimes): (&Law, &[Regime]),
) -> Result<(), Reject> {
    for rules in regimes.iter().map(|regime| law.rules(*regime)) {
        if let CoolingOff::Days {
            days,
            exempt,
            basis,
        } = rules.cooling_off
        {
            let spared = |one: Exemption| exempt >> (one as u32 - 1) & 1 == 1;
            if terms.return_days < days && !terms.exemption.is_some_and(spared) {
                return Err(Reject {
                    reason: RejectReason::InvalidField,
                    basis: Some(basis),
                });
            }
        }
    }
    Ok(())
}
