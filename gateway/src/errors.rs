//! What never reached the engine: one enum, and its form on the wire (`google.rpc.Status` with
//! details, or a `Refusal` inside an answer with several results).
//!
//! Invariant: a gRPC error means "not accepted, or unknown" and is safe to retry with the same id,
//! but for ALREADY_EXISTS, which is final; `reason` words are API and never renamed. Not here:
//! rejects by the engine, which are reports.

use std::collections::HashMap;
use std::time::Duration;

use engine::reject::RejectReason;
use proto::v1;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Who speaks in `ErrorInfo.domain`.
pub const DOMAIN: &str = "sanjiang.gateway";
/// How long a refused client is asked to wait: some dozen batches of the journal.
pub const RETRY_AFTER: Duration = Duration::from_millis(20);
/// How long a client is asked to wait for a gateway that stops: about a restart.
pub const RETRY_AFTER_STOP: Duration = Duration::from_secs(2);
/// How long a client is asked to wait for room on the disk, which an operator has to make.
pub const RETRY_AFTER_DISK: Duration = Duration::from_secs(5);

/// One faulty field of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// What was wrong and what would be right.
    pub description: String,
}

/// What a name was meant to name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An account.
    Account,
    /// An instrument.
    Instrument,
    /// A venue.
    Venue,
    /// A participant.
    Participant,
    /// A beneficial owner.
    BeneficialOwner,
    /// A calendar.
    Calendar,
    /// An order.
    Order,
    /// An asset.
    Asset,
    /// A custodian.
    Custodian,
    /// A warehouse receipt.
    Receipt,
    /// A trade.
    Trade,
    /// A session.
    Session,
    /// Terms of sale.
    Terms,
    /// An offer.
    Offer,
    /// A contract.
    Contract,
    /// A discount.
    Discount,
    /// A regime.
    Regime,
}

impl Kind {
    /// The word of the wire, as in `ResourceInfo.resource_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Instrument => "instrument",
            Self::Venue => "venue",
            Self::Participant => "participant",
            Self::BeneficialOwner => "beneficial_owner",
            Self::Calendar => "calendar",
            Self::Order => "order",
            Self::Asset => "asset",
            Self::Custodian => "custodian",
            Self::Receipt => "receipt",
            Self::Trade => "trade",
            Self::Session => "session",
            Self::Terms => "terms",
            Self::Offer => "offer",
            Self::Contract => "contract",
            Self::Discount => "discount",
            Self::Regime => "regime",
        }
    }

    /// The stable reason, the same word the engine uses.
    pub const fn reason(self) -> RejectReason {
        match self {
            Self::Account => RejectReason::UnknownAccount,
            Self::Instrument => RejectReason::UnknownInstrument,
            Self::Venue => RejectReason::UnknownVenue,
            Self::Participant => RejectReason::UnknownParticipant,
            Self::BeneficialOwner => RejectReason::UnknownOwner,
            Self::Calendar => RejectReason::UnknownCalendar,
            Self::Order => RejectReason::UnknownOrder,
            Self::Asset => RejectReason::UnknownAsset,
            Self::Custodian => RejectReason::UnknownCustodian,
            Self::Receipt => RejectReason::UnknownReceipt,
            Self::Trade => RejectReason::UnknownTrade,
            Self::Session => RejectReason::UnknownSession,
            Self::Terms => RejectReason::UnknownTerms,
            Self::Offer => RejectReason::UnknownOffer,
            Self::Contract => RejectReason::UnknownContract,
            Self::Discount => RejectReason::UnknownDiscount,
            Self::Regime => RejectReason::UnknownRegime,
        }
    }
}

/// Why a call got no report.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// Fields of the request are malformed.
    #[error("{}", say_violations(.0))]
    Invalid(Vec<Violation>),
    /// Something named does not exist.
    #[error("there is no {kind} \"{name}\"; nothing was changed", kind = .0.as_str(), name = .1)]
    NotFound(Kind, String),
    /// The instrument has no clearing.
    #[error("instrument \"{0}\" has no clearing; Operations.SetClearing gives it one")]
    NotCleared(String),
    /// The instrument is no margin forward.
    #[error("instrument \"{0}\" is no margin forward; Operations.SetMargin makes it one")]
    NotMargin(String),
    /// The id was used before with other content; final.
    #[error(
        "the id was used before with other content; this command was not carried out, and never \
         will be under this id: send it with a new one"
    )]
    IdReused,
    /// A bound of the gateway is reached.
    #[error("{0}; nothing was changed: send the same again after the time in RetryInfo")]
    Busy(&'static str),
    /// The disk is nearly full.
    #[error(
        "the exchange's disk is nearly full; nothing was changed: send new orders, reserves and \
         offers again after the time in RetryInfo; cancels and steps of contracts pass by \
         themselves at once"
    )]
    DiskLow,
    /// The gateway stops.
    #[error("the gateway is stopping; nothing was changed: send the same again after its restart")]
    Stopping,
    /// The clock waits for an operator.
    #[error(
        "the wall clock is too far ahead of the journal; nothing was changed: an operator must \
         call Operations.AcceptClock first"
    )]
    ClockHeld,
    /// The answer was lost inside the gateway: what became of the command is not known here.
    #[error("the answer was lost ({0}); send the same again with the same id to learn it")]
    Unknown(&'static str),
}

fn say_violations(violations: &[Violation]) -> String {
    match violations {
        [] => "the request is malformed".to_owned(),
        [one] => format!("{}: {}", one.field, one.description),
        [first, rest @ ..] => format!(
            "{}: {} (and {} more field(s), see field_violations)",
            first.field,
            first.description,
            rest.len()
        ),
    }
}

impl Failure {
    /// One faulty field.
    pub fn field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation {
            field: field.into(),
            description: description.into(),
        }])
    }

    /// The gRPC code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::NotFound(..) => Code::NotFound,
            Self::NotCleared(_) | Self::NotMargin(_) => Code::FailedPrecondition,
            Self::IdReused => Code::AlreadyExists,
            Self::Busy(_) | Self::DiskLow => Code::ResourceExhausted,
            Self::Stopping | Self::ClockHeld | Self::Unknown(_) => Code::Unavailable,
        }
    }

    /// The stable word.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_FIELDS",
            Self::NotFound(kind, _) => kind.reason().as_str(),
            Self::NotCleared(_) => RejectReason::NotCleared.as_str(),
            Self::NotMargin(_) => RejectReason::NotMargin.as_str(),
            Self::IdReused => RejectReason::ClientOrderIdReused.as_str(),
            Self::Busy(_) => "BUSY",
            Self::DiskLow => "DISK_LOW",
            Self::Stopping => "STOPPING",
            Self::ClockHeld => "CLOCK_HELD",
            Self::Unknown(_) => "ANSWER_LOST",
        }
    }

    /// When a retry makes sense, where one does.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(_) | Self::Unknown(_) => Some(RETRY_AFTER),
            Self::DiskLow => Some(RETRY_AFTER_DISK),
            Self::Stopping | Self::ClockHeld => Some(RETRY_AFTER_STOP),
            Self::Invalid(_)
            | Self::NotFound(..)
            | Self::NotCleared(_)
            | Self::NotMargin(_)
            | Self::IdReused => None,
        }
    }

    /// The failure as one result among several.
    pub fn refusal(&self) -> v1::Refusal {
        let field_violations = match self {
            Self::Invalid(violations) => violations.iter().map(wire_violation).collect(),
            Self::NotFound(..)
            | Self::NotCleared(_)
            | Self::NotMargin(_)
            | Self::IdReused
            | Self::Busy(_)
            | Self::DiskLow
            | Self::Stopping
            | Self::ClockHeld
            | Self::Unknown(_) => Vec::new(),
        };
        v1::Refusal {
            code: self.code() as i32,
            reason: self.reason().to_owned(),
            message: self.to_string(),
            field_violations,
            retry_after_ms: self.retry_after().map_or(0, |wait| wait.as_millis() as u32),
        }
    }
}

fn wire_violation(violation: &Violation) -> v1::FieldViolation {
    v1::FieldViolation {
        field: violation.field.clone(),
        description: violation.description.clone(),
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        let mut details = ErrorDetails::with_error_info(failure.reason(), DOMAIN, HashMap::new());
        match &failure {
            Failure::Invalid(violations) => {
                for violation in violations {
                    details.add_bad_request_violation(
                        violation.field.clone(),
                        violation.description.clone(),
                    );
                }
            }
            Failure::NotFound(kind, name) => {
                details.set_resource_info(kind.as_str(), name.clone(), "", failure.to_string());
            }
            Failure::Busy(bound) => {
                details.add_quota_failure_violation("gateway", *bound);
            }
            Failure::DiskLow => {
                details.add_quota_failure_violation("gateway", "free space on the disk");
            }
            Failure::NotCleared(instrument) | Failure::NotMargin(instrument) => {
                let text = failure.to_string();
                details.add_precondition_failure_violation("CLEARING", instrument.clone(), text);
            }
            Failure::IdReused | Failure::Stopping | Failure::ClockHeld | Failure::Unknown(_) => {}
        }
        if let Some(wait) = failure.retry_after() {
            details.set_retry_info(Some(wait));
        }
        Self::with_error_details(failure.code(), failure.to_string(), details)
    }
}

/// What a person may do about a reject; shown as the `text` of a report.
#[expect(clippy::too_many_lines, reason = "a table with an arm a reason")]
pub const fn advice(reason: RejectReason) -> &'static str {
    use RejectReason as R;
    match reason {
        R::StaleRequest => "valid_until had passed when the command was sequenced; send a new one",
        R::ClientOrderIdReused => "the id was used with other content; use a new id",
        R::RequestWindowFull => {
            "the table of remembered ids is nearly full; send valid_until at most 60 s ahead"
        }
        R::SequenceGap => "client_sequence must be the watermark plus one",
        R::UnknownSession => "no such session of this principal; open it with number 0",
        R::UnknownAccount => "no such account; create it through Operations",
        R::UnknownParticipant => "no such participant; create it through Operations",
        R::UnknownOwner => "no such beneficial owner; create it through Operations",
        R::ParticipantSuspended => "the participant is suspended or closed; cancels are taken",
        R::AccountSuspended => "the account is suspended; cancels and deposits are taken",
        R::AccountClosed => "the account is closed for ever; use another",
        R::NotPermitted => {
            "the venue admits members only, and the participant's roles there do not cover this \
             side; see Accounts.GetStanding"
        }
        R::KillSwitch => {
            "an operator stopped the session, the account, the participant or the venue; cancels \
             pass, and Operations.ListKillSwitches says what is engaged"
        }
        R::UnknownInstrument => "no such instrument; MarketData.ListInstruments lists them",
        R::UnknownVenue => "no such venue; Operations.ListVenues lists them",
        R::UnknownCalendar => "no such calendar; create it with SetCalendar",
        R::UnknownOrder => "no such live order of this account; it may have ended",
        R::UnknownAsset => "no such asset; Accounts.ListAssets lists them",
        R::UnknownCustodian => "no such custodian; Accounts.ListCustodians lists them",
        R::UnknownInstruction => "no such pending instruction; it may have been answered",
        R::UnknownReceipt => "no such warehouse receipt of this account; see Accounts.ListReceipts",
        R::UnknownTrade => "no such trade; give the trade_id of its execution reports",
        R::MarketClosed => "the phase takes no new orders and no replaces; wait for the next",
        R::PhaseNoCancel => "the phase takes no cancels; wait for the next",
        R::Halted => "trading is halted or suspended; wait until it is resumed",
        R::CancelOnly => "only cancels are taken now",
        R::PhaseTimeInForce => "this time in force or instruction makes no sense in this phase",
        R::NotCleared => {
            "the instrument has no clearing, and only a demonstration trades without; an operator \
             gives it one with SetClearing"
        }
        R::ModelNotAllowed => "the law of the venue does not allow this way of trading",
        R::RegimeConflict => "these regimes cannot stand on one venue",
        R::LicenceRequired => "the regime asks for a licence; give it, or a demonstration venue",
        R::ModelNotAvailable => "the venue does not offer this way of trading",
        R::NotQualified => {
            "the venue admits qualified investors only; an operator gives the role with SetRoles"
        }
        R::TPlusN => {
            "too few trading days lie between this and the owner's trade of the other side, or it \
             has a live order there; see Accounts.GetSettlement"
        }
        R::MaxHolders => {
            "as many owners hold the goods, or may, as the law or the operator allows; see \
             Accounts.GetSettlement"
        }
        R::InvalidCombination => "order type, time in force and instructions do not go together",
        R::PriceSign => "a price has a sign the instrument does not allow, or one is missing",
        R::Quantity => "the quantity must be above zero",
        R::MaxQuantity => "the quantity is above the instrument's max_quantity",
        R::DisplayQuantity => "display_quantity must be above zero and at most the quantity",
        R::MinQuantityInvalid => "min_quantity must be above zero and at most the quantity",
        R::ExpireTime => "expire_time must lie in the future",
        R::ReplaceInvalid => "the replace changes nothing, or a field this order does not have",
        R::MaxNotional => "price x quantity is above the instrument's max_notional",
        R::OrderValue => "price x quantity is worth more than 2^52 smallest units of the money",
        R::StaticBand => "a price lies outside the band around the reference price",
        R::DynamicBand => "the price lies too far from the last trade",
        R::Throttled => {
            "more new orders and replaces than the account or its participant may send; cancels \
             are taken; see Accounts.GetRiskLimits"
        }
        R::OrderToTrade => {
            "more new orders and replaces today than the account's trades allow; cancels are \
             taken; see Accounts.GetRiskLimits"
        }
        R::OpenOrders => "the exchange holds as many orders as it may",
        R::StopOrders => "the instrument holds as many waiting stops as it may",
        R::PriceLevels => "the book holds as many price levels as it may",
        R::AccountOrders => {
            "the account or its participant has as many live orders as it may; see \
             Accounts.GetRiskLimits"
        }
        R::PositionLimit => {
            "the account's position and open orders would pass a limit; see Accounts.GetRiskLimits \
             and Accounts.GetMargin"
        }
        R::PostOnlyWouldTake => "the order would have traded at once, and is post-only",
        R::FokUnfillable => "the whole quantity could not trade at once",
        R::MinQuantity => "less than min_quantity could trade at once",
        R::InsufficientFunds => {
            "the account has less money available than this would hold, fees included; see \
             Accounts.GetBalances"
        }
        R::InsufficientGoods => {
            "the account has fewer goods available than this would hold; see Accounts.GetBalances"
        }
        R::Positions => "the exchange's ledger holds as many positions as it may",
        R::InsufficientMargin => {
            "the margin this needs is not available, or the account is called and may only reduce; \
             see Accounts.GetMarginPositions"
        }
        R::AlreadyExists => "the id is taken; choose another",
        R::TooMany => "there are as many of these as there may be",
        R::InvalidField => "a field is out of its bounds",
        R::ApproverRequired => "context.approver must name another principal than the sender",
        R::CustodyDateClosed => "the custodian's business_date is closed; use a later one",
        R::ReferenceUsed => "the custodian's reference was used on that date; use another",
        R::NotEmpty => {
            "there are live orders, balances or pending instructions, or accounts not closed"
        }
        R::AmountLimit => "more than 2^60 smallest units of the asset would be in circulation",
        R::ReceiptEncumbered => {
            "the receipt is listed, pledged, frozen or locked; who may lift it must do so first"
        }
        R::ReceiptNumberUsed => "the warehouse has given the number before; use another",
        R::ReceiptEnded => "the receipt was split, merged, cancelled or pooled",
        R::ReceiptNotEncumbered => "nothing encumbers the receipt",
        R::TradeTooOld => {
            "the trade is of a trading day before the last, or too many were made since"
        }
        R::AlreadyBusted => "the trade was busted before; nothing of it is left",
        R::TransferUsed => "this half of the transfer was done before; there is nothing to do",
        R::CreditInUse => {
            "what is drawn would not be covered by the line and the collateral left; repay first"
        }
        R::NoCredit => "the account has no credit in that currency; see Accounts.GetCredit",
        R::NotCollateral => {
            "the goods have no haircut for that currency, or 16 kinds of goods are pledged for it"
        }
        R::UnsettledFull => {
            "as many accounts wait for settlement, or may, as the exchange has rows for"
        }
        R::InvestorsFull => "the exchange remembers as many owners' trades and holdings as it may",
        R::MarkRunning => "a mark of the instrument is not over; wait for it",
        R::NotMargin => "the instrument is no margin forward; make it one with SetMargin",
        R::PartyKind => "no regime of the venue lets this kind of party buy by this model",
        R::UnknownOffer => "the account has no such live offer",
        R::UnknownContract => "the account has no such live contract",
        R::StaleVersion => "it has changed since that version; look at it and send again",
        R::WrongStep => "the contract does not stand so that this could come next",
        R::NotYours => "this step is another role's",
        R::Deadline => "a deadline has passed, or the offer is not open now",
        R::SelfTrade => "buyer and seller have one beneficial owner",
        R::QuantityStep => "the pieces are no multiple of the offer's step",
        R::BuyerLimit => "the owner would have taken more of the offer than each may",
        R::AnnualLimit => {
            "this is more than one person may import by one order, or in what is left of the year"
        }
        R::OutOfStock => "fewer pieces are left",
        R::OpenContracts => "the exchange has as many open contracts or buyers as it may",
        R::PickupCode => "that is not the pickup code",
        R::UnknownTerms => "there are no such terms of sale",
        R::OfferFixed => "the offer stands as it was announced",
        R::GuaranteeInUse => {
            "contracts are covered by more of the guarantee; it is free when their returns end"
        }
        R::SeedMismatch => "that is not the seed the lottery was committed to",
        R::NotAdmitted => "it is not the turn of a ticket of yours",
        R::TicketHeld => "you have a ticket that has not run out",
        R::UnknownDiscount => "the seller has no such live discount at this venue in this currency",
        R::CouponCode => {
            "that is not the coupon's code, or it is missing, or none is asked for; see code_hash"
        }
        R::BelowThreshold => "the lines cost less together than the discount asks for",
        R::DiscountUsed => "the discount is used up, or as often as each owner may use it",
        R::BasketLines => {
            "a line must be of another offer than those before it, of the first one's seller, \
             venue and currency, under PREFUNDED terms of FIXED_PRICE or TIERED_PRICE"
        }
        R::SellerFunds => {
            "the seller has not the money: for the double return of the earnest money, or for what \
             comes back by agreement, of which it may owe no more in this currency (as a seller, \
             together with all others, or since it is owed itself or its buyer owes)"
        }
        R::UnknownRegime => "there is no such version of a regime",
        R::RegimeNotInForce => {
            "this version of the regime is not in force; name the one that is, as NAME@VERSION"
        }
    }
}
