//! Legal regimes and trading models by their numbers.
//!
//! Invariant: a number and a name never change once released. Not here: what a regime says
//! (`rules`, `set_one`, `law`).

use crate::bytes::{self, BytesError, Reader};

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident
        $(#[$case_doc:meta] $case:ident = $code:literal, $text:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[repr(u8)]
        pub enum $name { $(#[$case_doc] $case = $code,)* }

        impl $name {
            /// All of them, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$case,)*];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text,)* }
            }

            /// The one with this number.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$case),)* _ => None }
            }

            /// The one with this stable name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

/// One version of a legal regime, by its number: 1 to 12 are the regimes of set 1, built in; from
/// [`Regime::FIRST_DEFINED`] on those defined by data, in order (`law::Law` has their names).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Regime(u8);

macro_rules! built_in {
    ($($(#[$doc:meta])* $case:ident = $code:literal, $text:literal;)*) => {
        #[allow(non_upper_case_globals, reason = "they are cases, and matched as such")]
        impl Regime {
            $($(#[$doc])* pub const $case: Self = Self($code);)*

            /// Those of set 1, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$case,)*];

            /// The stable name of one of set 1; of another, a word that is no name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text,)* _ => "defined" }
            }
        }
    };
}

built_in! {
    /// Licensed futures exchange.
    LicensedFutures = 1, "LICENSED_FUTURES";
    /// Licensed securities exchange.
    LicensedSecurities = 2, "LICENSED_SECURITIES";
    /// Venue of local rights.
    LocalRightsVenue = 3, "LOCAL_RIGHTS_VENUE";
    /// Regional equity market.
    RegionalEquity = 4, "REGIONAL_EQUITY";
    /// Local commodity spot venue.
    LocalCommoditySpot = 5, "LOCAL_COMMODITY_SPOT";
    /// E-commerce between enterprises.
    EcomB2b = 6, "ECOM_B2B";
    /// E-commerce with consumers.
    EcomB2c = 7, "ECOM_B2C";
    /// Cross-border retail import.
    CrossBorderRetail = 8, "CROSS_BORDER_RETAIL";
    /// Tenders.
    TenderLaw = 9, "TENDER_LAW";
    /// Auctions.
    AuctionLaw = 10, "AUCTION_LAW";
    /// National carbon market.
    CarbonNational = 11, "CARBON_NATIONAL";
    /// Simulation, tests, demonstrations of automatic books.
    Sandbox = 12, "SANDBOX";
}

impl Regime {
    /// The number of the first one that data defines; the numbers between are kept for set 1.
    pub const FIRST_DEFINED: u8 = 32;
    /// The most that one venue stands under: all of set 1 that may stand together, and some more.
    pub const PER_VENUE_MAX: usize = 16;

    /// The stable number.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The one with this number, whether or not data has defined it.
    pub const fn from_code(code: u8) -> Option<Self> {
        if code >= 1 && code <= Self::Sandbox.0 || code >= Self::FIRST_DEFINED {
            Some(Self(code))
        } else {
            None
        }
    }

    /// The one of set 1 with this stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == name)
    }

    /// The one that data defined after so many others.
    pub(crate) const fn defined(place: u8) -> Self {
        Self(Self::FIRST_DEFINED + place)
    }

    /// How many were defined before it; none for one of set 1.
    pub(crate) const fn place(self) -> Option<usize> {
        match self.0.checked_sub(Self::FIRST_DEFINED) {
            Some(place) => Some(place as usize),
            None => None,
        }
    }
}

coded! {
    /// A trading model.
    Model
        /// Automatic order book in continuous trading.
        Clob = 1, "CLOB";
        /// Call auction.
        CallAuction = 2, "CALL_AUCTION";
        /// Implied orders between related books.
        Implied = 3, "IMPLIED";
        /// Large negotiated trades beside a book.
        Block = 4, "BLOCK";
        /// Exchange of futures for physicals.
        Efp = 5, "EFP";
        /// Trades at the closing price.
        ClosePrice = 6, "CLOSE_PRICE";
        /// Negotiated between named parties.
        Negotiated = 7, "NEGOTIATED";
        /// Large negotiated trades at a venue without a book.
        BlockNegotiated = 8, "BLOCK_NEGOTIATED";
        /// Auction under the auction law.
        LawfulAuction = 9, "LAWFUL_AUCTION";
        /// Sealed bids.
        SealedBid = 10, "SEALED_BID";
        /// Listing as an invitation.
        ListingInvite = 11, "LISTING_INVITE";
        /// Listing board with picks.
        ListingPick = 12, "LISTING_PICK";
        /// One-way auction.
        OneWayAuction = 13, "ONE_WAY_AUCTION";
        /// Request for quote.
        Rfq = 14, "RFQ";
        /// Fixed price.
        FixedPrice = 15, "FIXED_PRICE";
        /// Price by quantity tier.
        TieredPrice = 16, "TIERED_PRICE";
        /// Tender.
        Tender = 17, "TENDER";
        /// Group buy.
        GroupBuy = 18, "GROUP_BUY";
        /// Presale with earnest money.
        Presale = 19, "PRESALE";
        /// Flash sale.
        FlashSale = 20, "FLASH_SALE";
        /// Coupons, an attribute of a sale.
        Coupon = 21, "COUPON";
}

impl Model {
    /// Whether it is centralised trading (国办发〔2012〕37号).
    pub const fn is_centralised(self) -> bool {
        matches!(self, Self::Clob | Self::CallAuction | Self::Implied)
    }

    /// Whether this build carries it out; commands of another are MODEL_NOT_AVAILABLE.
    pub const fn is_built(self) -> bool {
        matches!(
            self,
            Self::Clob
                | Self::CallAuction
                | Self::FixedPrice
                | Self::TieredPrice
                | Self::FlashSale
                | Self::GroupBuy
                | Self::Presale
        )
    }
}

/// Writes regimes: a count, then their numbers.
pub(crate) fn put_regimes(out: &mut Vec<u8>, regimes: &[Regime]) {
    bytes::put_varint(out, regimes.len() as u64);
    out.extend(regimes.iter().map(|regime| regime.code()));
}

/// Writes models: a count, then their numbers.
pub(crate) fn put_models(out: &mut Vec<u8>, models: &[Model]) {
    bytes::put_varint(out, models.len() as u64);
    out.extend(models.iter().map(|model| *model as u8));
}

/// Reads what [`put_regimes`] wrote; no list is longer than its bytes.
pub(crate) fn regimes(input: &mut Reader<'_>) -> Result<Vec<Regime>, BytesError> {
    let count = input.count(u32::MAX, 1, "the count of regimes")?;
    let codes = input.take(count)?.iter();
    let known = codes.map(|code| Regime::from_code(*code).ok_or(BytesError::range("regime")));
    known.collect()
}

/// Reads what [`put_models`] wrote; no list is longer than its bytes.
pub(crate) fn models(input: &mut Reader<'_>) -> Result<Vec<Model>, BytesError> {
    let count = input.count(u32::MAX, 1, "the count of models")?;
    let codes = input.take(count)?.iter();
    let known = codes.map(|code| Model::from_code(*code).ok_or(BytesError::range("model")));
    known.collect()
}
