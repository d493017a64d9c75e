//! The regimes as data: which models each allows, what it forbids, and the law behind it.
//!
//! Invariant: what a regime does not name is forbidden. Sources: the texts named in `Basis`; the
//! numbers of articles carry the year of the text. Not here: rules about single commands of
//! models that are not built yet (earnest money), who may trade again when (`clearing`).

use super::{Model, Regime};
use crate::command::{CreateVenue, Demonstration};
use crate::reject::{Basis, Reject, RejectReason};

/// Whether a regime allows centralised bidding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Centralised {
    /// Automatic matching is lawful.
    Allowed,
    /// It is forbidden, by this text.
    Forbidden(Basis),
}

/// Who licenses a venue under a regime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Licence {
    /// No licence is asked for.
    NotNeeded,
    /// The China Securities Regulatory Commission, by this text.
    SecuritiesCommission(Basis),
    /// The province, by this text.
    Province(Basis),
}

/// Which models a regime allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Allowed {
    /// Every model.
    All,
    /// These, by this text.
    Only(&'static [Model], Basis),
}

/// How far a regime keeps a buy and a sell of one owner apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interval {
    /// It says nothing.
    Free,
    /// So many trading days at least, by this text.
    Days(u8, Basis),
}

/// How many may hold a security under a regime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holders {
    /// It says nothing.
    Unbounded,
    /// So many at most, nominees looked through, by this text.
    AtMost(u32, Basis),
}

/// What one regime says, inherited rules included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Which models it allows.
    pub allowed: Allowed,
    /// Whether it allows centralised bidding.
    pub centralised: Centralised,
    /// Whether it asks for a licence.
    pub licence: Licence,
    /// How far reverse trades lie apart.
    pub interval: Interval,
    /// How many may hold a security.
    pub holders: Holders,
}

const ECOM_B2B: Rules = Rules {
    allowed: Allowed::Only(
        &[
            Model::FixedPrice,
            Model::TieredPrice,
            Model::Rfq,
            Model::Negotiated,
            Model::ListingPick,
            Model::OneWayAuction,
            Model::Tender,
            Model::GroupBuy,
            Model::Presale,
            Model::FlashSale,
        ],
        Basis::ECommerceLaw46,
    ),
    centralised: Centralised::Forbidden(Basis::ECommerceLaw46),
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
};

const CONSUMER_MODELS: &[Model] = &[
    Model::FixedPrice,
    Model::GroupBuy,
    Model::Presale,
    Model::FlashSale,
    Model::Coupon,
];

/// Inherits the ban of centralised bidding from trade between enterprises.
const ECOM_B2C: Rules = Rules {
    allowed: Allowed::Only(CONSUMER_MODELS, Basis::ECommerceLaw49),
    ..ECOM_B2B
};

/// Inherits the models of trade with consumers.
const CROSS_BORDER_RETAIL: Rules = Rules {
    allowed: Allowed::Only(CONSUMER_MODELS, Basis::CrossBorderRetail49),
    ..ECOM_B2C
};

const LOCAL_RIGHTS_VENUE: Rules = Rules {
    allowed: Allowed::Only(
        &[
            Model::Negotiated,
            Model::LawfulAuction,
            Model::SealedBid,
            Model::ListingInvite,
        ],
        Basis::StateCouncilOffice37,
    ),
    centralised: Centralised::Forbidden(Basis::StateCouncil38),
    licence: Licence::Province(Basis::StateCouncil38),
    interval: Interval::Days(5, Basis::StateCouncil38),
    holders: Holders::AtMost(200, Basis::StateCouncilOffice37),
};

/// Inherits the ban of centralised bidding and the licence from venues of local rights.
const REGIONAL_EQUITY: Rules = Rules {
    allowed: Allowed::Only(
        &[Model::Negotiated, Model::BlockNegotiated],
        Basis::SecuritiesLaw98,
    ),
    ..LOCAL_RIGHTS_VENUE
};

const LICENSED_FUTURES: Rules = Rules {
    allowed: Allowed::Only(
        &[
            Model::Clob,
            Model::CallAuction,
            Model::Implied,
            Model::Block,
            Model::Efp,
        ],
        Basis::FuturesLaw11,
    ),
    centralised: Centralised::Allowed,
    licence: Licence::SecuritiesCommission(Basis::FuturesLaw11),
    interval: Interval::Free,
    holders: Holders::Unbounded,
};

const LICENSED_SECURITIES: Rules = Rules {
    allowed: Allowed::Only(
        &[
            Model::Clob,
            Model::CallAuction,
            Model::Block,
            Model::ClosePrice,
        ],
        Basis::SecuritiesLaw37,
    ),
    centralised: Centralised::Allowed,
    licence: Licence::SecuritiesCommission(Basis::SecuritiesLaw37),
    interval: Interval::Free,
    holders: Holders::Unbounded,
};

const LOCAL_COMMODITY_SPOT: Rules = Rules {
    allowed: Allowed::Only(
        &[
            Model::Negotiated,
            Model::ListingPick,
            Model::OneWayAuction,
            Model::Rfq,
            Model::FixedPrice,
            Model::Tender,
        ],
        Basis::SpotRules3,
    ),
    centralised: Centralised::Forbidden(Basis::StateCouncil38),
    licence: Licence::Province(Basis::SpotRules3),
    interval: Interval::Free,
    holders: Holders::Unbounded,
};

const TENDER_LAW: Rules = Rules {
    allowed: Allowed::Only(&[Model::Tender], Basis::TenderLaw),
    centralised: Centralised::Forbidden(Basis::StateCouncil38),
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
};

const AUCTION_LAW: Rules = Rules {
    allowed: Allowed::Only(
        &[Model::LawfulAuction, Model::OneWayAuction],
        Basis::AuctionLaw3,
    ),
    centralised: Centralised::Forbidden(Basis::StateCouncil38),
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
};

const CARBON_NATIONAL: Rules = Rules {
    allowed: Allowed::Only(
        &[
            Model::ListingPick,
            Model::BlockNegotiated,
            Model::OneWayAuction,
        ],
        Basis::CarbonRegulation15,
    ),
    centralised: Centralised::Forbidden(Basis::CarbonRegulation15),
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
};

const SANDBOX: Rules = Rules {
    allowed: Allowed::All,
    centralised: Centralised::Allowed,
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
};

impl Rules {
    /// What `regime` says.
    pub const fn of(regime: Regime) -> Self {
        match regime {
            Regime::LicensedFutures => LICENSED_FUTURES,
            Regime::LicensedSecurities => LICENSED_SECURITIES,
            Regime::LocalRightsVenue => LOCAL_RIGHTS_VENUE,
            Regime::RegionalEquity => REGIONAL_EQUITY,
            Regime::LocalCommoditySpot => LOCAL_COMMODITY_SPOT,
            Regime::EcomB2b => ECOM_B2B,
            Regime::EcomB2c => ECOM_B2C,
            Regime::CrossBorderRetail => CROSS_BORDER_RETAIL,
            Regime::TenderLaw => TENDER_LAW,
            Regime::AuctionLaw => AUCTION_LAW,
            Regime::CarbonNational => CARBON_NATIONAL,
            Regime::Sandbox => SANDBOX,
        }
    }

    /// Whether `model` is among the allowed ones, else the text that says so.
    pub(crate) fn allows(&self, model: Model) -> Result<(), Basis> {
        match self.allowed {
            Allowed::Only(models, basis) if !models.contains(&model) => Err(basis),
            Allowed::All | Allowed::Only(..) => Ok(()),
        }
    }
}

/// What the regimes of a venue ask of reverse trades and holders, the strictest of them.
pub fn demands(regimes: &[Regime]) -> (Interval, Holders) {
    let (mut interval, mut holders) = (Interval::Free, Holders::Unbounded);
    for rules in regimes.iter().map(|regime| Rules::of(*regime)) {
        match (rules.interval, interval) {
            (Interval::Days(days, _), Interval::Days(most, _)) if days <= most => {}
            (Interval::Days(..), _) => interval = rules.interval,
            (Interval::Free, _) => {}
        }
        match (rules.holders, holders) {
            (Holders::AtMost(most, _), Holders::AtMost(least, _)) if most >= least => {}
            (Holders::AtMost(..), _) => holders = rules.holders,
            (Holders::Unbounded, _) => {}
        }
    }
    (interval, holders)
}

impl Regime {
    /// Whether no other regime may stand beside it: licensed exchanges and the sandbox.
    pub const fn stands_alone(self) -> bool {
        matches!(
            self,
            Self::LicensedFutures | Self::LicensedSecurities | Self::Sandbox
        )
    }
}

/// Whether a venue with these regimes, models and licence is lawful.
///
/// # Errors
/// INVALID_FIELD, REGIME_CONFLICT, MODEL_NOT_ALLOWED, LICENCE_REQUIRED, in that order; the last
/// two with their basis.
pub fn check(venue: &CreateVenue) -> Result<(), Reject> {
    check_lists(&venue.regimes, &venue.models)?;
    if venue.regimes.len() > 1 && venue.regimes.iter().any(|regime| regime.stands_alone()) {
        return Err(RejectReason::RegimeConflict.into());
    }
    for model in &venue.models {
        check_model(&venue.regimes, *model)?;
    }
    if venue.demonstration == Demonstration::Real && venue.licence.is_none() {
        for regime in &venue.regimes {
            match Rules::of(*regime).licence {
                Licence::NotNeeded => {}
                Licence::SecuritiesCommission(basis) | Licence::Province(basis) => {
                    return Err(refused(RejectReason::LicenceRequired, basis));
                }
            }
        }
    }
    Ok(())
}

/// At least one regime and one model, none twice.
fn check_lists(regimes: &[Regime], models: &[Model]) -> Result<(), Reject> {
    let repeats_regime = (1..regimes.len()).any(|at| regimes[..at].contains(&regimes[at]));
    let repeats_model = (1..models.len()).any(|at| models[..at].contains(&models[at]));
    if regimes.is_empty() || models.is_empty() || repeats_regime || repeats_model {
        return Err(RejectReason::InvalidField.into());
    }
    Ok(())
}

/// Centralised trading needs every regime, any other model at least one. The basis is that of the
/// first regime that forbids centralised bidding, else that of the first regime.
fn check_model(regimes: &[Regime], model: Model) -> Result<(), Reject> {
    if model.is_centralised() {
        for regime in regimes {
            if let Centralised::Forbidden(basis) = Rules::of(*regime).centralised {
                return Err(refused(RejectReason::ModelNotAllowed, basis));
            }
        }
    }
    let mut first = None;
    for regime in regimes {
        match Rules::of(*regime).allows(model) {
            Ok(()) => return Ok(()),
            Err(basis) => first = first.or(Some(basis)),
        }
    }
    let basis = first.expect("a venue has at least one regime");
    Err(refused(RejectReason::ModelNotAllowed, basis))
}

const fn refused(reason: RejectReason, basis: Basis) -> Reject {
    Reject {
        reason,
        basis: Some(basis),
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
