//! Legal regimes and trading models, and which go together.
//!
//! Invariant: a model that is centralised trading (automatic book, call auction, implied) is
//! lawful only where every regime of the venue allows centralised bidding. Not here: rules about
//! single commands of models that are not built yet.

/// A legal regime a venue stands under. The text behind each: the issue of regimes as data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Regime {
    /// Licensed futures exchange.
    LicensedFutures = 1,
    /// Licensed securities exchange.
    LicensedSecurities = 2,
    /// Venue of local rights.
    LocalRightsVenue = 3,
    /// Regional equity market.
    RegionalEquity = 4,
    /// Local commodity spot venue.
    LocalCommoditySpot = 5,
    /// E-commerce between enterprises.
    EcomB2b = 6,
    /// E-commerce with consumers.
    EcomB2c = 7,
    /// Cross-border retail import.
    CrossBorderRetail = 8,
    /// Tenders.
    TenderLaw = 9,
    /// Auctions.
    AuctionLaw = 10,
    /// National carbon market.
    CarbonNational = 11,
    /// Simulation, tests, demonstrations of automatic books.
    Sandbox = 12,
}

/// A trading model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Model {
    /// Automatic order book in continuous trading.
    Clob = 1,
    /// Call auction.
    CallAuction = 2,
    /// Implied orders between related books.
    Implied = 3,
    /// Large negotiated trades beside a book.
    Block = 4,
    /// Exchange of futures for physicals.
    Efp = 5,
    /// Trades at the closing price.
    ClosePrice = 6,
    /// Negotiated between named parties.
    Negotiated = 7,
    /// Large negotiated trades at a venue without a book.
    BlockNegotiated = 8,
    /// Auction under the auction law.
    LawfulAuction = 9,
    /// Sealed bids.
    SealedBid = 10,
    /// Listing as an invitation.
    ListingInvite = 11,
    /// Listing board with picks.
    ListingPick = 12,
    /// One-way auction.
    OneWayAuction = 13,
    /// Request for quote.
    Rfq = 14,
    /// Fixed price.
    FixedPrice = 15,
    /// Price by quantity tier.
    TieredPrice = 16,
    /// Tender.
    Tender = 17,
    /// Group buy.
    GroupBuy = 18,
    /// Presale with earnest money.
    Presale = 19,
    /// Flash sale.
    FlashSale = 20,
    /// Coupons, an attribute of a sale.
    Coupon = 21,
}
