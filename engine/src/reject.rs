//! Why a command was rejected: stable codes, their API strings, and the law behind them.
//!
//! Invariant: a code's number and string never change once released; the order in which checks
//! are made is one list, in `RejectReason::PRECEDENCE`. Not here: wire errors of things that never
//! reached the engine; FIX's words for them (`fix`).

mod fix;

use crate::venue::{Regime, RuleKey};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why a command was rejected. The strings are API and never renamed.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[repr(u16)]
        pub enum RejectReason { $($(#[$doc])* $name = $code,)* }

        impl RejectReason {
            /// All reasons, in order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable string.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The reason with this code.
            pub const fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    // -- duplicate ---------------------------------------------------------------------------
    /// `valid_until` lies before the command's time.
    StaleRequest = 1, "STALE_REQUEST";
    /// The id was used with another payload; final.
    ClientOrderIdReused = 2, "CLIENT_ORDER_ID_REUSED";
    /// The table of remembered requests is near its bound; send `valid_until` within 60 s.
    RequestWindowFull = 3, "REQUEST_WINDOW_FULL";
    /// A session's number above watermark + 1.
    SequenceGap = 4, "SEQUENCE_GAP";
    /// No such session, or one of another principal.
    UnknownSession = 5, "UNKNOWN_SESSION";
    // -- principal and account ---------------------------------------------------------------
    /// No such account.
    UnknownAccount = 10, "UNKNOWN_ACCOUNT";
    /// No such participant.
    UnknownParticipant = 11, "UNKNOWN_PARTICIPANT";
    /// No such beneficial owner.
    UnknownOwner = 12, "UNKNOWN_OWNER";
    /// The account's participant is suspended or closed.
    ParticipantSuspended = 13, "PARTICIPANT_SUSPENDED";
    /// The account is suspended: only cancels and deposits are taken.
    AccountSuspended = 14, "ACCOUNT_SUSPENDED";
    /// The account is closed for ever.
    AccountClosed = 15, "ACCOUNT_CLOSED";
    /// The venue admits members only, and the participant's roles there do not cover this side.
    NotPermitted = 16, "NOT_PERMITTED";
    /// A kill switch stops the session, the account, the participant or the venue.
    KillSwitch = 17, "KILL_SWITCH";
    // -- instrument --------------------------------------------------------------------------
    /// No such instrument.
    UnknownInstrument = 20, "UNKNOWN_INSTRUMENT";
    /// No such venue.
    UnknownVenue = 21, "UNKNOWN_VENUE";
    /// No such calendar.
    UnknownCalendar = 22, "UNKNOWN_CALENDAR";
    /// No such live order of this account.
    UnknownOrder = 23, "UNKNOWN_ORDER";
    /// No such asset.
    UnknownAsset = 24, "UNKNOWN_ASSET";
    /// No such custodian.
    UnknownCustodian = 25, "UNKNOWN_CUSTODIAN";
    /// No such pending instruction.
    UnknownInstruction = 26, "UNKNOWN_INSTRUCTION";
    /// No such warehouse receipt, or it is held by another account.
    UnknownReceipt = 28, "UNKNOWN_RECEIPT";
    /// No such trade.
    UnknownTrade = 27, "UNKNOWN_TRADE";
    // -- phase -------------------------------------------------------------------------------
    /// The phase takes no new orders and no replaces.
    MarketClosed = 30, "MARKET_CLOSED";
    /// The phase takes no cancels.
    PhaseNoCancel = 31, "PHASE_NO_CANCEL";
    /// Halted or suspended.
    Halted = 32, "HALTED";
    /// Only cancels are taken.
    CancelOnly = 33, "CANCEL_ONLY";
    /// The time in force or an instruction makes no sense in this phase.
    PhaseTimeInForce = 34, "PHASE_TIME_IN_FORCE";
    /// The instrument has no clearing; only a demonstration trades without.
    NotCleared = 35, "NOT_CLEARED";
    // -- regime ------------------------------------------------------------------------------
    /// The venue's regimes do not allow the trading model.
    ModelNotAllowed = 40, "MODEL_NOT_ALLOWED";
    /// The regimes cannot stand on one venue.
    RegimeConflict = 41, "REGIME_CONFLICT";
    /// The regime asks for a licence.
    LicenceRequired = 42, "LICENCE_REQUIRED";
    /// The venue does not offer the model, or the model is not built yet.
    ModelNotAvailable = 43, "MODEL_NOT_AVAILABLE";
    /// The venue admits qualified investors only.
    NotQualified = 44, "NOT_QUALIFIED";
    /// Too few trading days since the owner's trade of the other side, or a live order there.
    TPlusN = 45, "T_PLUS_N";
    /// The goods have as many holders as they may, places that live buys hold included.
    MaxHolders = 46, "MAX_HOLDERS";
    // -- tick, lot, quantity -----------------------------------------------------------------
    /// Order type, time in force and instructions do not go together.
    InvalidCombination = 50, "INVALID_COMBINATION";
    /// The price's sign is not allowed, or a price is missing where one is needed.
    PriceSign = 51, "PRICE_SIGN";
    /// The quantity is zero.
    Quantity = 52, "QUANTITY";
    /// The quantity is above the instrument's bound.
    MaxQuantity = 53, "MAX_QUANTITY";
    /// Display quantity is zero or above the quantity.
    DisplayQuantity = 54, "DISPLAY_QUANTITY";
    /// Minimum quantity is zero or above the quantity.
    MinQuantityInvalid = 55, "MIN_QUANTITY_INVALID";
    /// The expiry lies not after the command's time.
    ExpireTime = 56, "EXPIRE_TIME";
    /// A replace that changes nothing, or a field this order does not have.
    ReplaceInvalid = 57, "REPLACE_INVALID";
    // -- notional ----------------------------------------------------------------------------
    /// |price| x quantity is above the instrument's bound.
    MaxNotional = 60, "MAX_NOTIONAL";
    /// |price| x quantity is worth more than the ledger's bound for one order.
    OrderValue = 61, "ORDER_VALUE";
    // -- collar and band ---------------------------------------------------------------------
    /// Outside the static band around the reference price.
    StaticBand = 70, "STATIC_BAND";
    /// Outside the dynamic band around the last trade.
    DynamicBand = 71, "DYNAMIC_BAND";
    // -- throttle ----------------------------------------------------------------------------
    /// The account or its participant has no token left for a message.
    Throttled = 75, "THROTTLED";
    // -- order-to-trade ratio ----------------------------------------------------------------
    /// The account would have sent more orders and replaces today than its trades allow.
    OrderToTrade = 76, "ORDER_TO_TRADE";
    // -- open orders -------------------------------------------------------------------------
    /// The book of this shard holds as many orders as it may.
    OpenOrders = 80, "OPEN_ORDERS";
    /// The instrument holds as many waiting stops as it may.
    StopOrders = 81, "STOP_ORDERS";
    /// The instrument's book holds as many price levels as it may.
    PriceLevels = 82, "PRICE_LEVELS";
    /// The account or its participant has as many live orders as it may.
    AccountOrders = 83, "ACCOUNT_OPEN_ORDERS";
    // -- position ----------------------------------------------------------------------------
    /// The account's goods and open buys, or its position in a margin forward with its open
    /// orders, would pass a limit.
    PositionLimit = 85, "POSITION_LIMIT";
    // -- self-trade and FOK ------------------------------------------------------------------
    /// A post-only order would take.
    PostOnlyWouldTake = 90, "POST_ONLY_WOULD_TAKE";
    /// A fill-or-kill order cannot fill wholly.
    FokUnfillable = 91, "FOK_UNFILLABLE";
    /// Less than the minimum quantity can trade at once.
    MinQuantity = 92, "MIN_QUANTITY";
    // -- buying power ------------------------------------------------------------------------
    /// The account has less money available than the order or instruction would hold.
    InsufficientFunds = 95, "INSUFFICIENT_FUNDS";
    /// The account has fewer goods available than the order or instruction would hold.
    InsufficientGoods = 96, "INSUFFICIENT_GOODS";
    /// The ledger holds as many positions as it may.
    Positions = 97, "POSITIONS";
    /// The account has less money available than the margin would rise by, or is called.
    InsufficientMargin = 98, "INSUFFICIENT_MARGIN";
    // -- operations --------------------------------------------------------------------------
    /// The public id is taken.
    AlreadyExists = 100, "ALREADY_EXISTS";
    /// A bound on how many of these there may be is reached.
    TooMany = 101, "TOO_MANY";
    /// A field is out of its bounds; the text names it.
    InvalidField = 102, "INVALID_FIELD";
    /// The act needs an approver who is another principal.
    ApproverRequired = 103, "APPROVER_REQUIRED";
    /// The custodian's date is closed.
    CustodyDateClosed = 104, "CUSTODY_DATE_CLOSED";
    /// The custodian's reference was used on that date.
    ReferenceUsed = 105, "REFERENCE_USED";
    /// More of the asset would be in circulation than there may be.
    AmountLimit = 106, "AMOUNT_LIMIT";
    /// What is to be closed still has orders, balances, instructions or open accounts.
    NotEmpty = 111, "NOT_EMPTY";
    /// The warehouse receipt is listed, pledged, frozen or locked.
    ReceiptEncumbered = 109, "RECEIPT_ENCUMBERED";
    /// The number was given to another receipt of that warehouse.
    ReceiptNumberUsed = 110, "RECEIPT_NUMBER_USED";
    /// The warehouse receipt was split, merged, cancelled or pooled.
    ReceiptEnded = 116, "RECEIPT_ENDED";
    /// The warehouse receipt is not encumbered, so there is nothing to lift.
    ReceiptNotEncumbered = 117, "RECEIPT_NOT_ENCUMBERED";
    /// The trade is more than two trading days old, or too many came after it.
    TradeTooOld = 107, "TRADE_TOO_OLD";
    /// The trade was busted before.
    AlreadyBusted = 108, "ALREADY_BUSTED";
    /// The transfer's id was used by this half before.
    TransferUsed = 112, "TRANSFER_USED";
    /// What is drawn would not be covered any more.
    CreditInUse = 113, "CREDIT_IN_USE";
    /// The account has no credit in that currency.
    NoCredit = 114, "NO_CREDIT";
    /// The goods are not taken as collateral for that currency, or not so many kinds of them.
    NotCollateral = 115, "NOT_COLLATERAL";
    /// As many accounts trade with rules of settlement, or wait for it, as may.
    UnsettledFull = 126, "UNSETTLED_FULL";
    /// As many owners are remembered for reverse trades and as holders as may be.
    InvestorsFull = 127, "INVESTORS_FULL";
    /// A mark of the instrument is not over.
    MarkRunning = 120, "MARK_RUNNING";
    /// The instrument is no margin forward.
    NotMargin = 121, "NOT_MARGIN";
    // -- contracts: their order of checks is in SEMANTICS sections 20 to 27 -------------------
    /// No regime of the venue lets this kind of party buy by this model.
    PartyKind = 130, "PARTY_KIND";
    /// No such live offer of this account.
    UnknownOffer = 131, "UNKNOWN_OFFER";
    /// No such live contract of this account.
    UnknownContract = 132, "UNKNOWN_CONTRACT";
    /// The offer or contract has another version.
    StaleVersion = 133, "STALE_VERSION";
    /// The contract's table has no such step for its state.
    WrongStep = 134, "WRONG_STEP";
    /// The step is another role's.
    NotYours = 135, "NOT_YOURS";
    /// A deadline has passed, or an offer is not open.
    Deadline = 136, "DEADLINE";
    /// Buyer and seller have one beneficial owner.
    SelfTrade = 137, "SELF_TRADE";
    /// The pieces are no multiple of the offer's step.
    QuantityStep = 138, "QUANTITY_STEP";
    /// The buyer's owner would have taken more of the offer than it may.
    BuyerLimit = 139, "BUYER_LIMIT";
    /// Fewer pieces are left.
    OutOfStock = 140, "OUT_OF_STOCK";
    /// As many contracts live, or buyers are remembered, as may.
    OpenContracts = 141, "OPEN_CONTRACTS";
    /// The pickup code is wrong.
    PickupCode = 142, "PICKUP_CODE";
    /// No such terms of sale.
    UnknownTerms = 143, "UNKNOWN_TERMS";
    /// The offer stands as it was announced.
    OfferFixed = 144, "OFFER_FIXED";
    /// The seller has less money available than the double return of earnest money would hold.
    SellerFunds = 145, "SELLER_FUNDS";
    /// The owner has no ticket of the queue whose turn it is.
    NotAdmitted = 146, "NOT_ADMITTED";
    /// The owner has a ticket that has not run out.
    TicketHeld = 147, "TICKET_HELD";
    /// The seed is not the one the lottery was committed to.
    SeedMismatch = 148, "SEED_MISMATCH";
    /// No such live discount of the seller, at the venue and in the money of the lines.
    UnknownDiscount = 149, "UNKNOWN_DISCOUNT";
    /// The coupon's code is wrong or missing, or one is given where none is asked for.
    CouponCode = 150, "COUPON_CODE";
    /// The lines cost less together than the discount asks for.
    BelowThreshold = 151, "BELOW_THRESHOLD";
    /// The discount, or the buyer's owner's part of it, is used up.
    DiscountUsed = 152, "DISCOUNT_USED";
    /// A line's offer is not one that can be taken together with the lines before it.
    BasketLines = 153, "BASKET_LINES";
    /// Contracts are covered by more of the guarantee than would be left.
    GuaranteeInUse = 154, "GUARANTEE_IN_USE";
    // -- law ---------------------------------------------------------------------------------
    /// No such version of a regime.
    UnknownRegime = 160, "UNKNOWN_REGIME";
    /// The version of a regime does not apply yet, or a later one does.
    RegimeNotInForce = 161, "REGIME_NOT_IN_FORCE";
    /// More than one person may import by one order, or a year.
    AnnualLimit = 170, "ANNUAL_LIMIT";
}

impl RejectReason {
    /// The groups of checks in the order in which they are made; a command is answered with the
    /// first that fails. Codes rise by group, so this is also the order of the codes for orders.
    pub const PRECEDENCE: &'static [&'static str] = &[
        "duplicate",
        "principal and account",
        "instrument",
        "phase",
        "regime",
        "tick, lot, quantity",
        "notional",
        "collar and band",
        "throttle",
        "order-to-trade ratio",
        "open orders",
        "position",
        "self-trade and FOK",
        "buying power",
    ];

    /// The stable number.
    pub const fn code(self) -> u16 {
        self as u16
    }
}

/// The text of law behind a reject, with the year of the text that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Basis {
    /// No automatic matching, no standardised contracts on an e-commerce platform.
    ECommerceLaw46,
    /// No centralised trading outside licensed exchanges.
    StateCouncil38,
    /// What counts as centralised trading; venues of rights.
    StateCouncilOffice37,
    /// Futures only on approved venues.
    FuturesLaw11,
    /// Securities exchanges.
    SecuritiesLaw37,
    /// Regional equity markets: private placement only.
    SecuritiesLaw98,
    /// Which ways of trading a spot venue may use.
    SpotRules3,
    /// Tenders.
    TenderLaw,
    /// Auctions.
    AuctionLaw3,
    /// Carbon trading: the three ways.
    CarbonRegulation15,
    /// Contract formed at submission: consumer sales.
    ECommerceLaw49,
    /// Cross-border retail import.
    CrossBorderRetail49,
    /// Consumers may give goods back within seven days.
    ConsumerLaw25,
    /// Earnest money is at most a fifth of the contract.
    CivilCode586,
    /// Earnest money: the buyer's default forfeits it, the seller's returns it twice.
    CivilCode587,
    /// What a regime that data defined says is its text for a rule (`venue::Law::cite`).
    Defined {
        /// The version.
        regime: Regime,
        /// The rule.
        key: RuleKey,
    },
}

impl Basis {
    /// The citation, with the year of the text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ECommerceLaw46 => "电子商务法(2018) 46",
            Self::StateCouncil38 => "国发〔2011〕38号",
            Self::StateCouncilOffice37 => "国办发〔2012〕37号",
            Self::FuturesLaw11 => "期货和衍生品法(2022) 11",
            Self::SecuritiesLaw37 => "证券法(2019) 37",
            Self::SecuritiesLaw98 => "证券法(2019) 98",
            Self::SpotRules3 => "商务部令2013年第3号",
            Self::TenderLaw => "招标投标法(2017)",
            Self::AuctionLaw3 => "拍卖法(2015) 3",
            Self::CarbonRegulation15 => "碳排放权交易管理暂行条例(2024) 15",
            Self::ECommerceLaw49 => "电子商务法(2018) 49",
            Self::CrossBorderRetail49 => "财关税〔2018〕49号",
            Self::ConsumerLaw25 => "消费者权益保护法(2013) 25",
            Self::CivilCode586 => "民法典(2020) 586",
            Self::CivilCode587 => "民法典(2020) 587",
            Self::Defined { .. } => "the text of a regime that data defined",
        }
    }

    /// The stable number: below 256 a text that is built in, else the regime and the rule.
    pub const fn code(self) -> u16 {
        match self {
            Self::ECommerceLaw46 => 1,
            Self::StateCouncil38 => 2,
            Self::StateCouncilOffice37 => 3,
            Self::FuturesLaw11 => 4,
            Self::SecuritiesLaw37 => 5,
            Self::SecuritiesLaw98 => 6,
            Self::SpotRules3 => 7,
            Self::TenderLaw => 8,
            Self::AuctionLaw3 => 9,
            Self::CarbonRegulation15 => 10,
            Self::ECommerceLaw49 => 11,
            Self::CrossBorderRetail49 => 12,
            Self::ConsumerLaw25 => 13,
            Self::CivilCode587 => 14,
            Self::CivilCode586 => 20,
            Self::Defined { regime, key } => (regime.code() as u16) << 8 | key as u16,
        }
    }

    /// The basis with this number.
    pub const fn from_code(code: u16) -> Option<Self> {
        if code > 255 {
            let [regime, key] = code.to_be_bytes();
            if regime < Regime::FIRST_DEFINED {
                return None;
            }
            return match (Regime::from_code(regime), RuleKey::from_code(key)) {
                (Some(regime), Some(key)) => Some(Self::Defined { regime, key }),
                _ => None,
            };
        }
        Some(match code {
            1 => Self::ECommerceLaw46,
            2 => Self::StateCouncil38,
            3 => Self::StateCouncilOffice37,
            4 => Self::FuturesLaw11,
            5 => Self::SecuritiesLaw37,
            6 => Self::SecuritiesLaw98,
            7 => Self::SpotRules3,
            8 => Self::TenderLaw,
            9 => Self::AuctionLaw3,
            10 => Self::CarbonRegulation15,
            11 => Self::ECommerceLaw49,
            12 => Self::CrossBorderRetail49,
            13 => Self::ConsumerLaw25,
            14 => Self::CivilCode587,
            20 => Self::CivilCode586,
            _ => return None,
        })
    }
}

/// A reject: its reason, the law where law is the reason, and the field where one is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Reject {
    /// Why.
    pub reason: RejectReason,
    /// The law behind it.
    pub basis: Option<Basis>,
}

impl From<RejectReason> for Reject {
    fn from(reason: RejectReason) -> Self {
        Self {
            reason,
            basis: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_strings_are_unique_and_read_back() {
        let mut strings = std::collections::BTreeSet::new();
        for reason in RejectReason::ALL {
            assert!(
                strings.insert(reason.as_str()),
                "{reason:?} repeats a string"
            );
            assert_eq!(RejectReason::from_code(reason.code()), Some(*reason));
        }
        assert_eq!(RejectReason::from_code(9_999), None);
        for code in 0..=u16::MAX {
            if let Some(basis) = Basis::from_code(code) {
                assert_eq!(basis.code(), code);
            }
        }
    }
}
