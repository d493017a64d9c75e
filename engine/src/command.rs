//! Every input that can change the engine: the envelope (who, how a retry is recognised) and the
//! body (what).
//!
//! Invariant: a command is complete in itself; nothing of its meaning depends on a clock, a
//! connection or the order in which a map is walked. Not here: bytes (`journal::codec`), the
//! rules (`engine`, `market`, `venue`).

mod border;
mod clearing;
mod contracts;
mod correction;
mod credit;
mod discounts;
mod limits;
mod margin;
mod receipts;
mod regimes;
mod sales;
mod settlement;
mod standing;
mod switch;

pub use border::SetAnnualUse;
pub use clearing::{
    Acknowledge, AssetClass, CloseCustodyDate, CreateAsset, CreateCustodian, CustodianKind,
    Direction, FeeRates, Instruct, Outcome, SetClearing, SetFees, SetTier,
};
pub use correction::{CorrectionCommand, TradeRef};
pub use limits::{LimitsCommand, OrderToTrade, RiskLimits, RiskScope, SetRiskLimits, Throttle};
pub use receipts::{
    EncumberReceipt, Encumbrance, HeldReceipt, IssueReceipt, LiftReceipt, MergeReceipts,
    ReceiptCommand, ReceiptPart, SplitReceipt, TransferReceipt,
};
pub use regimes::{DefineRegime, MoveVenue, Rule};
pub use standing::{
    Access, Party, Roles, SetAccess, SetRegistration, SetRoles, SetStanding, Standing,
    StandingCommand,
};

pub use credit::{
    CreditCommand, Half, MoveCollateral, Pledging, SetCreditLine, SetHaircut, SetScore, Transfer,
    TransferHalf,
};
pub use settlement::{HolderCount, SetNominee, SetSettlement, SettlementCommand};
pub use switch::{
    ArmDeadMan, KillScope, OnDisconnect, Position, SetDisconnectPolicy, SetKillSwitch,
    SwitchCommand,
};

pub use contracts::{Act, Confirmed, ContractCommand, GoodsTo, Reserve, TakeStep, TakenTo};
pub use discounts::{Basket, DefineDiscount, Line, Off};
pub use sales::{
    BringValue, ChangeOffer, ChangeStock, Course, Covered, Delivery, Exemption, FlashMode, Funding,
    Join, MakeOffer, PartyKind, Plan, Prices, RevealSeed, SaleTerms, SalesCommand, SetGrace,
    SetGuarantee, SetPartyKind, TaxBasis, Tier, WithdrawOffer,
};

pub use margin::{MarginCommand, Mark, SetMargin, SetSettlementPrice};

use crate::types::{
    AccountId, CalendarId, ClientId, InstrumentId, Name, Nanoseconds, NewOrder, OrderId, OwnerId,
    ParticipantId, Price, PriceSign, PrincipalId, Quantity, Sequence, SessionId, Side, Time, Title,
    VenueId,
};
use crate::venue::{Model, Phase, Regime, TradingStatus};

/// A value with its place and time in the shard's history, both given by the sequencer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sequenced<T> {
    /// The place; contiguous from 1.
    pub sequence: Sequence,
    /// The time; never falls.
    pub time: Time,
    /// What was sequenced.
    pub value: T,
}

/// An input: who sent it and what it asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Who, and how a retry is recognised.
    pub envelope: Envelope,
    /// What.
    pub body: Body,
}

/// Who sent a command and how a retry of it is recognised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The authenticated principal.
    pub principal: PrincipalId,
    /// How a retry is recognised.
    pub identity: Identity,
    /// Past this instant the engine refuses the command: STALE_REQUEST.
    pub valid_until: Option<Time>,
    /// For acts of operators; absent on the hot path.
    pub authority: Option<Box<Authority>>,
}

/// How a retry of a command is recognised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    /// Made by the runtime itself (ticks, start-up); never retried.
    Internal,
    /// A session's contiguous number: only watermark + 1 is accepted.
    Session {
        /// The session.
        session: SessionId,
        /// The number; the first is 1.
        client_sequence: u64,
    },
    /// A client's own id, unique within its account (orders) or its principal (all else).
    Request(ClientId),
}

/// The words that go with an operator's act.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Authority {
    /// For whom the principal acts, if not for itself.
    pub on_behalf_of: Option<PrincipalId>,
    /// Why; at most [`Authority::REASON_BYTES_MAX`] bytes.
    pub reason: String,
    /// The second person, where one is needed.
    pub approver: Option<PrincipalId>,
}

impl Authority {
    /// The longest reason, in bytes.
    pub const REASON_BYTES_MAX: usize = 512;
}

/// What a command asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// A new order.
    NewOrder(NewOrder),
    /// Cancel what is left of one order.
    CancelOrder(CancelOrder),
    /// Change price, trigger or quantity of one order.
    ReplaceOrder(ReplaceOrder),
    /// Cancel all orders of an account, or those of one instrument or side.
    MassCancel(MassCancel),
    /// Open or resume a session.
    OpenSession(OpenSession),
    /// A participant.
    CreateParticipant(CreateParticipant),
    /// A beneficial owner.
    CreateOwner(CreateOwner),
    /// An account.
    CreateAccount(CreateAccount),
    /// A trading calendar, or a new version of one.
    SetCalendar(Box<SetCalendar>),
    /// A venue.
    CreateVenue(Box<CreateVenue>),
    /// An instrument.
    CreateInstrument(Box<CreateInstrument>),
    /// A venue's timetable.
    SetSchedule(Box<SetSchedule>),
    /// An operator moves a venue to a phase; overrides the timetable until the next day roll.
    SetPhase(SetPhase),
    /// Halt, resume, cancel-only, suspend.
    SetTradingStatus(SetTradingStatus),
    /// The reference (previous settlement) price that the static band hangs on.
    SetReferencePrice(SetReferencePrice),
    /// Change one bound of the engine.
    SetLimits(SetLimits),
    /// Follow the wall clock although it stepped.
    AcceptClock(AcceptClock),
    /// An asset.
    CreateAsset(CreateAsset),
    /// A custodian.
    CreateCustodian(CreateCustodian),
    /// An instrument's clearing.
    SetClearing(SetClearing),
    /// What orders are charged.
    SetFees(Box<SetFees>),
    /// A participant's tier of fees.
    SetTier(SetTier),
    /// A deposit or a withdrawal.
    Instruct(Instruct),
    /// A custodian's answer.
    Acknowledge(Acknowledge),
    /// A custodian's date is closed.
    CloseCustodyDate(CloseCustodyDate),
    /// What parties may do.
    Standing(StandingCommand),
    /// Pre-trade risk.
    Limits(LimitsCommand),
    /// An act on warehouse receipts.
    Receipts(Box<ReceiptCommand>),
    /// A trade is busted or corrected.
    Correction(CorrectionCommand),
    /// Credit lines, collateral, transfers.
    Credit(CreditCommand),
    /// An instrument's settlement.
    Settlement(Box<SettlementCommand>),
    /// Margin forwards: their terms, prices and marks.
    Margin(MarginCommand),
    /// Terms of sale, offers and their stock.
    Sales(Box<SalesCommand>),
    /// A contract is formed, performed or ended.
    Contract(ContractCommand),
    /// A regime, or a later version of one.
    DefineRegime(Box<DefineRegime>),
    /// A venue moves to later versions of its regimes.
    MoveVenue(Box<MoveVenue>),
    /// Say what a person imported elsewhere this year.
    SetAnnualUse(SetAnnualUse),
    /// Time passes: the sequencer puts one before any command at or past the next deadline.
    Tick,
    /// Start-up: connections of the time before are gone.
    SessionsLost,
    /// The service was down, or its clock was set forward: nobody loses a right by it.
    ServiceGap(ServiceGap),
    /// From here on a build with other behaviour writes; replay never crosses it with wrong code.
    SemanticsVersion(u32),
    /// A new epoch begins: after a loss was accepted, or a backup restored. Written only by the
    /// tools on a stopped folder, as the first command of the first record of the epoch.
    BeginEpoch(BeginEpoch),
    /// One command is never applied again. Written only by the tool on a stopped folder, as the
    /// only command of its record.
    Quarantine(Quarantine),
    /// Kill switches, cancel on disconnect, dead-man timers.
    Switch(SwitchCommand),
}

impl Body {
    /// The account the command trades for, if it trades.
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::NewOrder(order) => Some(order.account),
            Self::CancelOrder(cancel) => Some(cancel.account),
            Self::ReplaceOrder(replace) => Some(replace.account),
            Self::MassCancel(cancel) => Some(cancel.account),
            Self::Sales(command) => command.account(),
            Self::Contract(command) => command.account(),
            Self::OpenSession(_)
            | Self::CreateParticipant(_)
            | Self::CreateOwner(_)
            | Self::CreateAccount(_)
            | Self::SetCalendar(_)
            | Self::CreateVenue(_)
            | Self::DefineRegime(_)
            | Self::MoveVenue(_)
            | Self::SetAnnualUse(_)
            | Self::CreateInstrument(_)
            | Self::SetSchedule(_)
            | Self::SetPhase(_)
            | Self::SetTradingStatus(_)
            | Self::SetReferencePrice(_)
            | Self::SetLimits(_)
            | Self::AcceptClock(_)
            | Self::CreateAsset(_)
            | Self::CreateCustodian(_)
            | Self::SetClearing(_)
            | Self::SetFees(_)
            | Self::SetTier(_)
            | Self::Instruct(_)
            | Self::Acknowledge(_)
            | Self::CloseCustodyDate(_)
            | Self::Standing(_)
            | Self::Limits(_)
            | Self::Receipts(_)
            | Self::Correction(_)
            | Self::Credit(_)
            | Self::Settlement(_)
            | Self::Margin(_)
            | Self::Tick
            | Self::SessionsLost
            | Self::ServiceGap(_)
            | Self::SemanticsVersion(_)
            | Self::BeginEpoch(_)
            | Self::Quarantine(_)
            | Self::Switch(_) => None,
        }
    }
}

/// Cancel what is left of one order (FIX 35=F).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CancelOrder {
    /// The account that owns the order.
    pub account: AccountId,
    /// The order.
    pub order: OrderId,
}

/// Change one order (FIX 35=G). At least one field must be given. `quantity` is the new whole
/// quantity, what has traded included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplaceOrder {
    /// The account that owns the order.
    pub account: AccountId,
    /// The order.
    pub order: OrderId,
    /// The new limit price.
    pub price: Option<Price>,
    /// The new trigger of a stop that has not triggered.
    pub stop_price: Option<Price>,
    /// The new whole quantity; at or below what has traded, the order is cancelled.
    pub quantity: Option<Quantity>,
}

/// Cancel many orders of one account (FIX 35=q), in order of their ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MassCancel {
    /// The account.
    pub account: AccountId,
    /// Only of this instrument.
    pub instrument: Option<InstrumentId>,
    /// Only of this side.
    pub side: Option<Side>,
}

/// Open a session, or resume one. Sent with [`Identity::Internal`]: it is idempotent by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenSession {
    /// The name the client chose; it belongs to the envelope's principal.
    pub name: Name,
    /// The highest number the client has used; 0 opens a new session. Above 0, a session the
    /// engine does not know is refused, never restarted.
    pub last_client_sequence: u64,
}

/// Create a participant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreateParticipant {
    /// Its public id, unique among participants.
    pub name: Name,
}

/// Create a beneficial owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreateOwner {
    /// Its public, pseudonymous id, unique among owners.
    pub name: Name,
}

/// Create an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreateAccount {
    /// Its public id, unique among accounts.
    pub name: Name,
    /// The participant it belongs to.
    pub participant: ParticipantId,
    /// The beneficial owner behind it.
    pub owner: OwnerId,
}

/// A trading calendar. Days are counted from 1970-01-01 (day 0).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetCalendar {
    /// Its public id; an existing one gets a new version.
    pub name: Name,
    /// Seconds east of UTC, within +-18 hours.
    pub utc_offset_seconds: i32,
    /// Local time of day at which a trading day begins, in `0..24 h`.
    pub roll_time: Nanoseconds,
    /// The trading days, strictly rising, at most [`SetCalendar::DAYS_MAX`]; each must begin at an
    /// instant inside `Time`'s bounds.
    pub days: Vec<i32>,
}

impl SetCalendar {
    /// The most days of one calendar: about forty years.
    pub const DAYS_MAX: usize = 10_000;
}

/// Create a venue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateVenue {
    /// Its public id, unique among venues.
    pub name: Name,
    /// Its title for people.
    pub title: Title,
    /// The legal regimes it stands under; at least one.
    pub regimes: Vec<Regime>,
    /// The trading models it offers; at least one.
    pub models: Vec<Model>,
    /// Whether it is a demonstration: all rules hold, no real money; never changed afterwards.
    pub demonstration: Demonstration,
    /// The licence its regimes ask for; a demonstration may lack it.
    pub licence: Option<Title>,
    /// The calendar its days come from.
    pub calendar: Option<CalendarId>,
}

/// Whether a venue is a demonstration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Demonstration {
    /// All rules hold, no real money, and every reply says so.
    Demonstration,
    /// Real obligations.
    Real,
}

/// Create an instrument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateInstrument {
    /// Its public id, unique among instruments.
    pub name: Name,
    /// Its title for people.
    pub title: Title,
    /// Its venue.
    pub venue: VenueId,
    /// How it trades.
    pub terms: InstrumentTerms,
}

/// How an instrument trades. Prices and quantities elsewhere are in its ticks and lots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InstrumentTerms {
    /// Currency code (ISO 4217).
    pub currency: Name,
    /// Unit of the quantity, such as `t` or `kg`.
    pub unit: Name,
    /// One tick in units of 10^-`price_decimals` of the currency; above 0.
    pub tick_size: i64,
    /// Decimals of the price, at most 9.
    pub price_decimals: u8,
    /// One lot in units of 10^-`quantity_decimals` of the unit; above 0.
    pub lot_size: i64,
    /// Decimals of the quantity, at most 9.
    pub quantity_decimals: u8,
    /// Which prices are allowed.
    pub price_sign: PriceSign,
    /// Static band around the reference price, in basis points of it; `None` for no band. Limits
    /// are rounded towards the reference price: low up, high down, to whole ticks.
    pub static_band_bp: Option<u32>,
    /// Dynamic band around the last trade, in ticks, at least 0; `None` for no band.
    pub dynamic_band_ticks: Option<i64>,
    /// How far beyond the best opposite price a market order may go, in ticks; at least 0.
    pub market_protection_ticks: i64,
    /// The largest quantity of one order; above 0.
    pub max_quantity: Quantity,
    /// The largest |price| x quantity of one order, in tick-lots, above 0; `None` for no bound.
    pub max_notional: Option<i128>,
}

/// A venue's timetable for each trading day; replaces the one before. Empty removes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetSchedule {
    /// The venue; it must have a calendar.
    pub venue: VenueId,
    /// When after the day roll each phase begins: strictly rising, each within `0..24 h`, at most
    /// [`SetSchedule::ENTRIES_MAX`].
    pub entries: Vec<(Nanoseconds, Phase)>,
}

impl SetSchedule {
    /// The most entries of one timetable.
    pub const ENTRIES_MAX: usize = 32;
}

/// Move a venue to a phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetPhase {
    /// The venue.
    pub venue: VenueId,
    /// The phase.
    pub phase: Phase,
}

/// What a change of trading status applies to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Scope {
    /// A venue with all its instruments.
    Venue(VenueId),
    /// One instrument.
    Instrument(InstrumentId),
}

/// Set the trading status of a venue or an instrument (FIX 326).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetTradingStatus {
    /// What it applies to.
    pub scope: Scope,
    /// The status.
    pub status: TradingStatus,
}

/// Set an instrument's reference price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetReferencePrice {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The price.
    pub price: Price,
}

/// Change the bounds of the request table (`requests`): unary retries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetLimits {
    /// How many remembered requests; from what is in use up to the capacity built at start.
    pub requests_max: u32,
    /// How many of them only commands with a `valid_until` within 60 s may use.
    pub requests_reserved: u32,
}

/// Follow the wall clock although it stepped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AcceptClock {
    /// The wall time the operator saw and accepts.
    pub wall: Time,
}

/// The service did not take commands from `from`, outside, to the command's time. Written only by
/// the sequencer, at every start and when the clock is set forward, before the ticks of that time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServiceGap {
    /// The time of the command before it.
    pub from: Time,
}

/// A new epoch begins. Ids of executions hold the epoch, so none is ever given twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BeginEpoch {
    /// The epoch that begins; higher than every one before.
    pub epoch: u32,
    /// Why.
    pub cause: EpochCause,
    /// The commands that are gone, first and last; the command itself has the next sequence.
    /// `None` where the history before it is whole: then it follows like any other command.
    pub lost: Option<(Sequence, Sequence)>,
}

impl BeginEpoch {
    /// Whether it may stand at `sequence` right after the command `before`.
    pub fn follows(&self, before: Sequence, sequence: Sequence) -> bool {
        match self.lost {
            None => sequence == before.next(),
            Some((first, last)) => {
                first == before.next() && first <= last && sequence == last.next()
            }
        }
    }
}

/// Why an epoch began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum EpochCause {
    /// An operator accepted that acknowledged commands are gone.
    AcceptedLoss,
    /// The folder was made from a backup.
    Restored,
}

impl EpochCause {
    /// All causes, in the order of their numbers in the journal, from 0.
    pub const ALL: [Self; 2] = [Self::AcceptedLoss, Self::Restored];
}

/// One command is not applied: its place and its time stay, and what it asked does not happen. Of
/// a session's command the number is used up, as by a reject; a request is not remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quarantine {
    /// The command.
    pub sequence: Sequence,
}
