//! Legal regimes and trading models, and which go together.
//!
//! Invariant: a model that is centralised trading (automatic book, call auction, implied) is
//! lawful only where every regime of the venue allows centralised bidding. Not here: rules about
//! single commands of models that are not built yet.

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

coded! {
    /// A legal regime a venue stands under. The text behind each: the issue of regimes as data.
    Regime
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

impl Regime {
    /// Whether a venue under it may have margin forwards (期货和衍生品法(2022) 11).
    pub const fn allows_margin(self) -> bool {
        matches!(
            self,
            Self::LicensedFutures | Self::LicensedSecurities | Self::Sandbox
        )
    }
}

impl Model {
    /// Whether it is centralised trading (国办发〔2012〕37号).
    pub const fn is_centralised(self) -> bool {
        matches!(self, Self::Clob | Self::CallAuction | Self::Implied)
    }
}

/// Writes regimes: a count, then their numbers.
pub(crate) fn put_regimes(out: &mut Vec<u8>, regimes: &[Regime]) {
    bytes::put_varint(out, regimes.len() as u64);
    out.extend(regimes.iter().map(|regime| *regime as u8));
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
