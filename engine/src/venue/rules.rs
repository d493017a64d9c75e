//! What a regime says where it has an effect: which models it allows, what it forbids, and the law
//! behind it; of set 1 as built in.
//!
//! Invariant: what a regime does not name is forbidden. Sources: the texts named in `Basis`; the
//! numbers of articles carry the year of the text. Not here: every other rule of set 1 (`set_one`),
//! regimes defined by data (`law`), who may trade again when (`clearing`).

use super::{Model, Regime};
use crate::reject::Basis;

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
    Only(Models, Basis),
}

/// A set of models.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Models(u32);

impl Models {
    /// These.
    pub const fn of(list: &[Model]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < list.len() {
            bits |= list[at].bit();
            at += 1;
        }
        Self(bits)
    }

    /// Those whose bit is set.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether it is one of them.
    pub const fn contains(self, model: Model) -> bool {
        self.0 & model.bit() != 0
    }
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

/// How long a consumer may give goods back under a regime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CoolingOff {
    /// It says nothing.
    None,
    /// Within so many civil days at least, but for the exempt goods, by this text.
    Days {
        /// How many.
        days: u8,
        /// A bit for each `command::Exemption` it knows, in order of their numbers.
        exempt: u32,
        /// The text.
        basis: Basis,
    },
}

/// Whom a regime is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Everybody.
    All,
    /// Enterprises only.
    Enterprises,
    /// Consumers, whom it protects.
    Consumers,
    /// Consumers who import, each up to a sum a year.
    Importers,
}

/// What one person may import at most, in fen, by this text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImportLimit {
    /// How much.
    pub fen: i64,
    /// The text.
    pub basis: Basis,
}

/// How much a regime lets one person import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Imports {
    /// It says nothing.
    Free,
    /// So much.
    Limited {
        /// In a calendar year.
        annual: ImportLimit,
        /// By an order of more than one piece, if it says that.
        single: Option<ImportLimit>,
    },
}

/// Whom a regime lets invest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Investors {
    /// It says nothing.
    All,
    /// Qualified ones, by this text, where the venue asks for it.
    Qualified(Basis),
}

/// Whether other regimes may stand beside it, and margin forwards under it: licensed exchanges and
/// the sandbox are of their own kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// No other regime stands beside it.
    pub alone: bool,
    /// Margin forwards are lawful (期货和衍生品法(2022) 11).
    pub margin: bool,
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
    /// Whether it allows market makers.
    pub market_makers: Centralised,
    /// How long goods may be given back.
    pub cooling_off: CoolingOff,
    /// Whom it is made for.
    pub audience: Audience,
    /// How much one person may import.
    pub imports: Imports,
    /// Whom it lets invest.
    pub investors: Investors,
    /// Its standing.
    pub standing: Standing,
}

const COMMON: Standing = Standing {
    alone: false,
    margin: false,
};
const LICENSED: Standing = Standing {
    alone: true,
    margin: true,
};
const SEVEN_DAYS: CoolingOff = CoolingOff::Days {
    days: 7,
    exempt: 0b1_1111,
    basis: Basis::ConsumerLaw25,
};

const ECOM_B2B: Rules = Rules {
    allowed: Allowed::Only(
        Models::of(&[
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
        ]),
        Basis::ECommerceLaw46,
    ),
    centralised: Centralised::Forbidden(Basis::ECommerceLaw46),
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
    market_makers: Centralised::Forbidden(Basis::ECommerceLaw46),
    cooling_off: CoolingOff::None,
    audience: Audience::Enterprises,
    imports: Imports::Free,
    investors: Investors::All,
    standing: COMMON,
};

const CONSUMER_MODELS: Models = Models::of(&[
    Model::FixedPrice,
    Model::GroupBuy,
    Model::Presale,
    Model::FlashSale,
    Model::Coupon,
]);

/// Inherits the ban of centralised bidding from trade between enterprises.
const ECOM_B2C: Rules = Rules {
    allowed: Allowed::Only(CONSUMER_MODELS, Basis::ECommerceLaw49),
    cooling_off: SEVEN_DAYS,
    audience: Audience::Consumers,
    ..ECOM_B2B
};

/// Inherits the models of trade with consumers.
const CROSS_BORDER_RETAIL: Rules = Rules {
    allowed: Allowed::Only(CONSUMER_MODELS, Basis::CrossBorderRetail49),
    audience: Audience::Importers,
    imports: Imports::Limited {
        annual: ImportLimit {
            fen: 2_600_000,
            basis: Basis::CrossBorderRetail49,
        },
        single: Some(ImportLimit {
            fen: 500_000,
            basis: Basis::CrossBorderRetail49,
        }),
    },
    ..ECOM_B2C
};

const LOCAL_RIGHTS_VENUE: Rules = Rules {
    allowed: Allowed::Only(
        Models::of(&[
            Model::Negotiated,
            Model::LawfulAuction,
            Model::SealedBid,
            Model::ListingInvite,
        ]),
        Basis::StateCouncilOffice37,
    ),
    centralised: Centralised::Forbidden(Basis::StateCouncil38),
    licence: Licence::Province(Basis::StateCouncil38),
    interval: Interval::Days(5, Basis::StateCouncil38),
    holders: Holders::AtMost(200, Basis::StateCouncilOffice37),
    market_makers: Centralised::Forbidden(Basis::StateCouncil38),
    cooling_off: CoolingOff::None,
    audience: Audience::All,
    imports: Imports::Free,
    investors: Investors::All,
    standing: COMMON,
};

/// Inherits the ban of centralised bidding and the licence from venues of local rights.
const REGIONAL_EQUITY: Rules = Rules {
    allowed: Allowed::Only(
        Models::of(&[Model::Negotiated, Model::BlockNegotiated]),
        Basis::SecuritiesLaw98,
    ),
    investors: Investors::Qualified(Basis::SecuritiesLaw98),
    ..LOCAL_RIGHTS_VENUE
};

const LICENSED_FUTURES: Rules = Rules {
    allowed: Allowed::Only(
        Models::of(&[
            Model::Clob,
            Model::CallAuction,
            Model::Implied,
            Model::Block,
            Model::Efp,
        ]),
        Basis::FuturesLaw11,
    ),
    centralised: Centralised::Allowed,
    licence: Licence::SecuritiesCommission(Basis::FuturesLaw11),
    interval: Interval::Free,
    holders: Holders::Unbounded,
    market_makers: Centralised::Allowed,
    cooling_off: CoolingOff::None,
    audience: Audience::All,
    imports: Imports::Free,
    investors: Investors::All,
    standing: LICENSED,
};

const LICENSED_SECURITIES: Rules = Rules {
    allowed: Allowed::Only(
        Models::of(&[
            Model::Clob,
            Model::CallAuction,
            Model::Block,
            Model::ClosePrice,
        ]),
        Basis::SecuritiesLaw37,
    ),
    centralised: Centralised::Allowed,
    licence: Licence::SecuritiesCommission(Basis::SecuritiesLaw37),
    interval: Interval::Free,
    holders: Holders::Unbounded,
    market_makers: Centralised::Allowed,
    cooling_off: CoolingOff::None,
    audience: Audience::All,
    imports: Imports::Free,
    investors: Investors::All,
    standing: LICENSED,
};

const LOCAL_COMMODITY_SPOT: Rules = Rules {
    allowed: Allowed::Only(
        Models::of(&[
            Model::Negotiated,
            Model::ListingPick,
            Model::OneWayAuction,
            Model::Rfq,
            Model::FixedPrice,
            Model::Tender,
        ]),
        Basis::SpotRules3,
    ),
    centralised: Centralised::Forbidden(Basis::StateCouncil38),
    licence: Licence::Province(Basis::SpotRules3),
    interval: Interval::Free,
    holders: Holders::Unbounded,
    market_makers: Centralised::Forbidden(Basis::StateCouncil38),
    cooling_off: CoolingOff::None,
    audience: Audience::All,
    imports: Imports::Free,
    investors: Investors::All,
    standing: COMMON,
};

const TENDER_LAW: Rules = Rules {
    allowed: Allowed::Only(Models::of(&[Model::Tender]), Basis::TenderLaw),
    centralised: Centralised::Forbidden(Basis::StateCouncil38),
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
    market_makers: Centralised::Forbidden(Basis::StateCouncil38),
    cooling_off: CoolingOff::None,
    audience: Audience::All,
    imports: Imports::Free,
    investors: Investors::All,
    standing: COMMON,
};

const AUCTION_LAW: Rules = Rules {
    allowed: Allowed::Only(
        Models::of(&[Model::LawfulAuction, Model::OneWayAuction]),
        Basis::AuctionLaw3,
    ),
    centralised: Centralised::Forbidden(Basis::StateCouncil38),
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
    market_makers: Centralised::Forbidden(Basis::StateCouncil38),
    cooling_off: CoolingOff::None,
    audience: Audience::All,
    imports: Imports::Free,
    investors: Investors::All,
    standing: COMMON,
};

const CARBON_NATIONAL: Rules = Rules {
    allowed: Allowed::Only(
        Models::of(&[
            Model::ListingPick,
            Model::BlockNegotiated,
            Model::OneWayAuction,
        ]),
        Basis::CarbonRegulation15,
    ),
    centralised: Centralised::Forbidden(Basis::CarbonRegulation15),
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
    market_makers: Centralised::Forbidden(Basis::CarbonRegulation15),
    cooling_off: CoolingOff::None,
    audience: Audience::All,
    imports: Imports::Free,
    investors: Investors::All,
    standing: COMMON,
};

const SANDBOX: Rules = Rules {
    allowed: Allowed::All,
    centralised: Centralised::Allowed,
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
    market_makers: Centralised::Allowed,
    cooling_off: CoolingOff::None,
    audience: Audience::All,
    imports: Imports::Free,
    investors: Investors::All,
    standing: LICENSED,
};

impl Rules {
    /// What a regime of set 1 says; nothing is known here of one that data defines.
    pub const fn of_set_one(regime: Regime) -> Option<&'static Self> {
        Some(match regime {
            Regime::LicensedFutures => &LICENSED_FUTURES,
            Regime::LicensedSecurities => &LICENSED_SECURITIES,
            Regime::LocalRightsVenue => &LOCAL_RIGHTS_VENUE,
            Regime::RegionalEquity => &REGIONAL_EQUITY,
            Regime::LocalCommoditySpot => &LOCAL_COMMODITY_SPOT,
            Regime::EcomB2b => &ECOM_B2B,
            Regime::EcomB2c => &ECOM_B2C,
            Regime::CrossBorderRetail => &CROSS_BORDER_RETAIL,
            Regime::TenderLaw => &TENDER_LAW,
            Regime::AuctionLaw => &AUCTION_LAW,
            Regime::CarbonNational => &CARBON_NATIONAL,
            Regime::Sandbox => &SANDBOX,
            _ => return None,
        })
    }

    /// Whether `model` is among the allowed ones, else the text that says so.
    pub(crate) fn allows(&self, model: Model) -> Result<(), Basis> {
        match self.allowed {
            Allowed::Only(models, basis) if !models.contains(model) => Err(basis),
            Allowed::All | Allowed::Only(..) => Ok(()),
        }
    }

    /// Whether the law of consumers is the regime's.
    pub(crate) const fn is_of_consumers(&self) -> bool {
        matches!(self.audience, Audience::Consumers | Audience::Importers)
    }
}

/// The stricter of two intervals; of equal ones the first.
pub(crate) const fn longer(one: Interval, other: Interval) -> Interval {
    match (one, other) {
        (Interval::Free, _) => other,
        (Interval::Days(days, _), Interval::Days(more, _)) if more > days => other,
        (Interval::Days(..), _) => one,
    }
}

/// The stricter of two bounds of holders; of equal ones the first.
pub(crate) const fn fewer(one: Holders, other: Holders) -> Holders {
    match (one, other) {
        (Holders::Unbounded, _) => other,
        (Holders::AtMost(most, _), Holders::AtMost(least, _)) if least < most => other,
        (Holders::AtMost(..), _) => one,
    }
}
