//! Operators' changes.
//!
//! Invariant: every change carries its request id and its reason into the journal. Not here:
//! timetables and calendars (`timetable`), money and goods (`clearing`), whether the law allows
//! it, whether bounds hold (the engine).

use engine::command::{
    AcceptClock, Authority, Body, Command, CreateAccount, CreateInstrument, CreateOwner,
    CreateParticipant, CreateVenue, Demonstration, Envelope, Identity, InstrumentTerms, MoveVenue,
    SalesCommand, Scope, SetGrace, SetLimits, SetPhase, SetReferencePrice, SetTradingStatus,
};
use engine::contract::graces::{GRACE_MAX, GRACE_MIN};
use engine::types::{
    CalendarId, ClientId, OwnerId, ParticipantId, Price, PriceSign, PrincipalId, Quantity, VenueId,
};
use engine::venue::Model;
use proto::v1;

use super::fields::{Fields, Prefix, at, shorten};
use super::{regimes, sales};
use crate::directory::Tables;
use crate::errors::{Failure, Kind};

/// A change an operator asks for: what it says beside its context.
pub trait Operation {
    /// The context; required.
    fn context(&self) -> Option<&v1::OperationContext>;
    /// The body; none when a field was wrong or missing, and then the fault is noted.
    fn body(&self, fields: &mut Fields<'_>) -> Option<Body>;
}

/// The command an operator's request asks for.
///
/// # Errors
/// Malformed fields; something named that does not exist.
pub fn operation(
    request: &impl Operation,
    tables: &Tables,
    principal: PrincipalId,
) -> Result<Command, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let context = context(&mut fields, request.context());
    let body = request.body(&mut fields);
    let command = context.zip(body).map(|((id, authority), body)| Command {
        envelope: Envelope {
            principal,
            identity: Identity::Request(id),
            valid_until: None,
            authority: Some(Box::new(authority)),
        },
        body,
    });
    fields.finish(command)
}

fn context(
    fields: &mut Fields<'_>,
    context: Option<&v1::OperationContext>,
) -> Option<(ClientId, Authority)> {
    let Some(context) = context else {
        fields.wrong(
            "context",
            "is not given; it holds the request_id, which is required",
        );
        return None;
    };
    let id = fields.client_id("context.request_id", &context.request_id);
    let reason = ("context.reason", context.reason.as_str());
    let approver = ("context.approver", context.approver.as_str());
    let authority = authority(fields, reason, approver);
    Some((id?, authority))
}

/// Why, and who approved; each with the name of its field.
pub(super) fn authority(
    fields: &mut Fields<'_>,
    (reason_field, reason): (&str, &str),
    (approver_field, approver): (&str, &str),
) -> Authority {
    if reason.len() > Authority::REASON_BYTES_MAX {
        let bytes = reason.len();
        let max = Authority::REASON_BYTES_MAX;
        fields.wrong(
            reason_field,
            format!("has {bytes} bytes; at most {max} are right"),
        );
    }
    let approver = match approver {
        "" => None,
        "local" => Some(PrincipalId::LOCAL),
        other => {
            let other = shorten(other);
            fields.wrong(
                approver_field,
                format!("\"{other}\" is no principal; without keys \"local\" is the only one"),
            );
            None
        }
    };
    Authority {
        on_behalf_of: None,
        reason: reason.to_owned(),
        approver,
    }
}

macro_rules! context {
    ($($request:ident),*) => {$(
        impl Operation for v1::$request {
            fn context(&self) -> Option<&v1::OperationContext> {
                self.context.as_ref()
            }
            fn body(&self, fields: &mut Fields<'_>) -> Option<Body> {
                Asks::ask(self, fields)
            }
        }
    )*};
}

/// What a request asks for, without its context.
pub(super) trait Asks {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body>;
}

context!(
    SetPartyKindRequest,
    SetAnnualUseRequest,
    DefineTermsRequest,
    JoinQueueRequest,
    SetGuaranteeRequest,
    BringLotteryValueRequest,
    RevealLotterySeedRequest,
    BustTradeRequest,
    CorrectTradeRequest,
    CreateParticipantRequest,
    CreateBeneficialOwnerRequest,
    CreateAccountRequest,
    CreateVenueRequest,
    DefineRegimeRequest,
    MoveVenueRequest,
    SetGraceRequest,
    CreateInstrumentRequest,
    SetPhaseRequest,
    SetTradingStatusRequest,
    SetScheduleRequest,
    SetCalendarRequest,
    SetReferencePriceRequest,
    AcceptClockRequest,
    SetLimitsRequest,
    CreateAssetRequest,
    CreateCustodianRequest,
    SetClearingRequest,
    SetSettlementRequest,
    SetNomineeRequest,
    SetFeesRequest,
    SetTierRequest,
    SetCreditLineRequest,
    SetCreditScoreRequest,
    SetHaircutRequest,
    TransferRequest,
    CompensateRequest,
    InstructRequest,
    AcknowledgeInstructionRequest,
    CloseCustodyDateRequest,
    SetStandingRequest,
    SetRolesRequest,
    SetAccessRequest,
    SetRegistrationRequest,
    SetRiskLimitsRequest,
    RegisterReceiptRequest,
    DrawReceiptRequest,
    EncumberReceiptRequest,
    LiftReceiptRequest,
    SplitReceiptRequest,
    MergeReceiptsRequest,
    TransferReceiptRequest,
    CancelReceiptRequest,
    PoolReceiptRequest,
    SetKillSwitchRequest,
    SetMarginRequest,
    SetSettlementPriceRequest,
    MarkRequest
);

impl Asks for v1::CreateParticipantRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let name = fields.new_name("participant_id", &self.participant_id)?;
        Some(Body::CreateParticipant(CreateParticipant { name }))
    }
}

impl Asks for v1::CreateBeneficialOwnerRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let name = fields.new_name("beneficial_owner_id", &self.beneficial_owner_id)?;
        Some(Body::CreateOwner(CreateOwner { name }))
    }
}

impl Asks for v1::CreateAccountRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let name = fields.new_name("account_id", &self.account_id);
        let participant = fields.existing(
            "participant_id",
            &self.participant_id,
            Kind::Participant,
            |tables, name| tables.participants.find(name),
        );
        let owner = fields.existing(
            "beneficial_owner_id",
            &self.beneficial_owner_id,
            Kind::BeneficialOwner,
            |tables, name| tables.owners.find(name),
        );
        Some(Body::CreateAccount(CreateAccount {
            name: name?,
            participant: ParticipantId::new(participant?),
            owner: OwnerId::new(owner?),
        }))
    }
}

impl Asks for v1::CreateVenueRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let name = fields.new_name("venue_id", &self.venue_id);
        let title = fields.title("name", &self.name);
        let tables = fields.tables;
        let known = |word: &str| regimes::named(&tables.law, word);
        let regimes = words(fields, "regimes", &self.regimes, "SANDBOX", known);
        let models = words(fields, "models", &self.models, "CLOB", Model::from_name);
        let licence = fields.title("licence", &self.licence);
        let calendar = if self.calendar_id.is_empty() {
            Some(None)
        } else {
            let find = |tables: &Tables, name: &str| tables.calendars.find(name);
            fields
                .existing("calendar_id", &self.calendar_id, Kind::Calendar, find)
                .map(|handle| Some(CalendarId::new(handle)))
        };
        Some(Body::CreateVenue(Box::new(CreateVenue {
            name: name?,
            title: title?,
            regimes: regimes?,
            models: models?,
            demonstration: demonstration(self.demonstration),
            licence: licence.filter(|licence| !licence.is_empty()),
            calendar: calendar?,
        })))
    }
}

impl Asks for v1::MoveVenueRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let find = |tables: &Tables, name: &str| tables.venues.find(name);
        let venue = fields.existing("venue_id", &self.venue_id, Kind::Venue, find);
        let tables = fields.tables;
        let known = |word: &str| regimes::named(&tables.law, word);
        let regimes = words(fields, "regimes", &self.regimes, "ECOM_B2B@2", known);
        Some(Body::MoveVenue(Box::new(MoveVenue {
            venue: VenueId::new(venue?),
            regimes: regimes?,
        })))
    }
}

impl Asks for v1::SetGraceRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let find = |tables: &Tables, name: &str| tables.venues.find(name);
        let venue = fields.existing("venue_id", &self.venue_id, Kind::Venue, find);
        let grace = sales::span(fields, "grace", self.grace);
        let bounded = grace.filter(|grace| (GRACE_MIN..=GRACE_MAX).contains(grace));
        if grace.is_some() && bounded.is_none() {
            fields.wrong("grace", "must lie between 60 seconds and 31 days");
        }
        let venue = VenueId::new(venue?);
        let set = SetGrace {
            venue,
            grace: bounded?,
        };
        Some(Body::Sales(Box::new(SalesCommand::SetGrace(set))))
    }
}

/// The flag of a venue, an asset or a custodian.
pub const fn demonstration(flag: bool) -> Demonstration {
    if flag {
        Demonstration::Demonstration
    } else {
        Demonstration::Real
    }
}

/// The words of a list, each known.
fn words<T>(
    fields: &mut Fields<'_>,
    field: &str,
    words: &[String],
    example: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<Vec<T>> {
    const WORDS_MAX: usize = 32;
    if words.len() > WORDS_MAX {
        let count = words.len();
        fields.wrong(
            field,
            format!("has {count} words; at most {WORDS_MAX} are right"),
        );
        return None;
    }
    let mut known = Vec::with_capacity(words.len());
    for (place, word) in words.iter().enumerate() {
        let Some(read) = read(word) else {
            let word = shorten(word);
            fields.wrong(
                &format!("{field}[{place}]"),
                format!("\"{word}\" is not known; {example} for example is"),
            );
            continue;
        };
        known.push(read);
    }
    (known.len() == words.len()).then_some(known)
}

impl Asks for v1::CreateInstrumentRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let name = fields.new_name("instrument_id", &self.instrument_id);
        let venue = fields.venue("venue_id", &self.venue_id);
        let title = fields.title("name", &self.name);
        if v1::PriceRule::try_from(self.price_rule).is_err() {
            let value = self.price_rule;
            fields.wrong("price_rule", format!("{value} is none; 1 (RESTING) is"));
        }
        let terms = instrument_terms(self, fields);
        Some(Body::CreateInstrument(Box::new(CreateInstrument {
            name: name?,
            title: title?,
            venue: venue?,
            terms: terms?,
        })))
    }
}

fn instrument_terms(
    request: &v1::CreateInstrumentRequest,
    fields: &mut Fields<'_>,
) -> Option<InstrumentTerms> {
    let currency = fields.new_name("currency", &request.currency);
    let unit = fields.new_name("unit", &request.unit);
    let price_decimals = decimals(fields, "price_decimals", request.price_decimals);
    let quantity_decimals = decimals(fields, "quantity_decimals", request.quantity_decimals);
    let tick_size = step(fields, "tick_size", &request.tick_size, price_decimals);
    let lot_size = step(fields, "lot_size", &request.lot_size, quantity_decimals);
    let price_sign = price_sign(fields, request.price_sign);
    let dynamic_band_ticks = band(fields, request.dynamic_band_ticks);
    let protection = i64::try_from(request.market_protection_ticks).ok();
    if protection.is_none_or(|ticks| ticks > Price::MAX_TICKS) {
        fields.wrong("market_protection_ticks", "is too large");
    }
    let mut terms = InstrumentTerms {
        currency: currency?,
        unit: unit?,
        tick_size: tick_size?,
        price_decimals: price_decimals?,
        lot_size: lot_size?,
        quantity_decimals: quantity_decimals?,
        price_sign: price_sign?,
        static_band_bp: (request.static_band_bp > 0).then_some(request.static_band_bp),
        dynamic_band_ticks,
        market_protection_ticks: protection?,
        max_quantity: Quantity::ZERO,
        max_notional: None,
    };
    if request.max_quantity.is_empty() {
        fields.wrong(
            "max_quantity",
            "is empty; a quantity above zero is required",
        );
    }
    terms.max_quantity = fields.quantity("max_quantity", &request.max_quantity, &terms)?;
    terms.max_notional = max_notional(fields, &request.max_notional, &terms);
    Some(terms)
}

pub(super) fn decimals(fields: &mut Fields<'_>, field: &str, value: u32) -> Option<u8> {
    let read = u8::try_from(value).ok().filter(|decimals| *decimals <= 9);
    if read.is_none() {
        fields.wrong(field, format!("{value} is too large; 0 to 9 are right"));
    }
    read
}

/// A tick or lot size: above zero, within the decimals.
fn step(fields: &mut Fields<'_>, field: &str, text: &str, decimals: Option<u8>) -> Option<i64> {
    if text.is_empty() {
        fields.wrong(field, "is empty; a step above zero is required");
        return None;
    }
    let units = fields.decimal(field, text, decimals?)?;
    let read = i64::try_from(units).ok().filter(|units| *units > 0);
    if read.is_none() {
        fields.wrong(
            field,
            "must be above zero and below 10^18 of its smallest unit",
        );
    }
    read
}

fn price_sign(fields: &mut Fields<'_>, value: i32) -> Option<PriceSign> {
    match v1::PriceSign::try_from(value) {
        Ok(v1::PriceSign::Unspecified | v1::PriceSign::Positive) => Some(PriceSign::Positive),
        Ok(v1::PriceSign::NonNegative) => Some(PriceSign::NonNegative),
        Ok(v1::PriceSign::Any) => Some(PriceSign::Any),
        Err(_) => {
            fields.wrong("price_sign", format!("{value} is none; 1 to 3 are"));
            None
        }
    }
}

fn band(fields: &mut Fields<'_>, ticks: u64) -> Option<i64> {
    let read = i64::try_from(ticks).ok();
    if read.is_none() {
        fields.wrong("dynamic_band_ticks", "is too large; 0 is no band");
    }
    read.filter(|ticks| *ticks > 0)
}

/// A notional bound in the currency, as tick-lots, rounded down.
fn max_notional(fields: &mut Fields<'_>, text: &str, terms: &InstrumentTerms) -> Option<i128> {
    let decimals = terms.price_decimals + terms.quantity_decimals;
    let units = fields.decimal("max_notional", text, decimals)?;
    if units <= 0 {
        fields.wrong("max_notional", "must be above zero; empty is no bound");
        return None;
    }
    let size = i128::from(terms.tick_size).checked_mul(i128::from(terms.lot_size))?;
    Some(units / size.max(1))
}

impl Asks for v1::SetPhaseRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let venue = fields.venue("venue_id", &self.venue_id);
        let phase = fields.phase("phase", self.phase);
        Some(Body::SetPhase(SetPhase {
            venue: venue?,
            phase: phase?,
        }))
    }
}

impl Asks for v1::SetTradingStatusRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        use v1::set_trading_status_request::Scope as Wire;
        let scope = match &self.scope {
            Some(Wire::VenueId(name)) => fields.venue("venue_id", name).map(Scope::Venue),
            Some(Wire::InstrumentId(name)) => fields
                .instrument("instrument_id", name)
                .map(Scope::Instrument),
            None => {
                fields.wrong(
                    "scope",
                    "is not given; venue_id or instrument_id is required",
                );
                None
            }
        };
        let status = fields.trading_status("trading_status", self.trading_status);
        Some(Body::SetTradingStatus(SetTradingStatus {
            scope: scope?,
            status: status?,
        }))
    }
}

impl Asks for v1::SetReferencePriceRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let instrument = fields.instrument("instrument_id", &self.instrument_id);
        let terms = at(fields.tables, instrument)?;
        if self.price.is_empty() {
            fields.wrong("price", "is empty; a price is required");
        }
        let price = fields.price("price", &self.price, &terms);
        Some(Body::SetReferencePrice(SetReferencePrice {
            instrument: instrument?,
            price: price?,
        }))
    }
}

impl Asks for v1::AcceptClockRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        if self.wall_time.is_none() {
            fields.wrong(
                "wall_time",
                "is not given; the wall time that you saw is required",
            );
        }
        let wall = fields.time("wall_time", self.wall_time.as_ref())?;
        Some(Body::AcceptClock(AcceptClock { wall }))
    }
}

impl Asks for v1::SetLimitsRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let mut required = |field, value: Option<u32>| {
            if value.is_none() {
                fields.wrong(field, "is not given; both bounds are required");
            }
            value
        };
        let capacity = required("idempotency_capacity", self.idempotency_capacity);
        let reserve = required("idempotency_reserve", self.idempotency_reserve);
        Some(Body::SetLimits(SetLimits {
            requests_max: capacity?,
            requests_reserved: reserve?,
        }))
    }
}
