//! Which law a sale stands under: the regime of a contract, its days of return, what terms must
//! give.
//!
//! Invariant: a consumer is never put under a rule that is weaker than the one its venue names; who
//! is not known is a consumer. Not here: which models a venue may offer (`venue::rules`).

use crate::command::{Confirmed, Exemption, PartyKind, SaleTerms};
use crate::reject::{Basis, Reject, RejectReason};
use crate::venue::rules::{Allowed, Rules};
use crate::venue::{Model, Regime, Venue};

/// Whether the law of consumers is a regime's.
const fn is_of_consumers(regime: Regime) -> bool {
    matches!(regime, Regime::EcomB2c | Regime::CrossBorderRetail)
}

/// The regime under which this kind of party buys by this model.
///
/// # Errors
/// PARTY_KIND, with what the first regime says of models.
pub(crate) fn regime_of(
    regimes: &[Regime],
    model: Model,
    kind: PartyKind,
) -> Result<Regime, Reject> {
    let serves = |regime: &Regime| {
        let kept_out = *regime == Regime::EcomB2b && kind == PartyKind::Consumer;
        !kept_out && Rules::of(*regime).allows(model).is_ok()
    };
    let serving = || regimes.iter().copied().filter(serves);
    let found = match kind {
        PartyKind::Consumer => serving()
            .find(|regime| *regime == Regime::CrossBorderRetail)
            .or_else(|| serving().find(|regime| *regime == Regime::EcomB2c)),
        PartyKind::Enterprise => serving().find(|regime| !is_of_consumers(*regime)),
    };
    found.or_else(|| serving().next()).ok_or_else(|| {
        let first = regimes.first().map(|regime| Rules::of(*regime).allowed);
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

/// The civil days of return of a contract.
pub(crate) fn return_days(
    terms: &SaleTerms,
    regime: Regime,
    kind: PartyKind,
    confirmed: Confirmed,
) -> u8 {
    let protected = is_of_consumers(regime) && kind == PartyKind::Consumer;
    let unconfirmed =
        terms.exemption == Some(Exemption::ConfirmedUnsuitable) && confirmed == Confirmed::No;
    if protected && unconfirmed {
        return terms.return_days.max(SaleTerms::RETURN_DAYS_BY_LAW);
    }
    terms.return_days
}

/// Whether a venue may sell under these terms: 消费者权益保护法(2013) 25.
///
/// # Errors
/// INVALID_FIELD, with the text.
pub(crate) fn check_returns(terms: &SaleTerms, venue: &Venue) -> Result<(), Reject> {
    let consumers = venue.regimes.iter().any(|regime| is_of_consumers(*regime));
    let few = terms.return_days < SaleTerms::RETURN_DAYS_BY_LAW;
    if consumers && few && terms.exemption.is_none() {
        return Err(Reject {
            reason: RejectReason::InvalidField,
            basis: Some(Basis::ConsumerLaw25),
        });
    }
    Ok(())
}
