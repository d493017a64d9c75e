//! Every output of the engine, and the buffer they are collected in.
//!
//! Invariant: events are plain values in the order in which things happened; what is in them is
//! enough to write every report, the public book and the history without asking the engine.
//! Not here: wire forms (`gateway::to_proto`), bytes for the running hash (`state_hash`).

mod receipts;

pub use receipts::{ReceiptAct, ReceiptEnd, ReceiptReport, ReceiptStatus};

mod correction;

pub use correction::{CorrectionEvent, CorrectionSide, Repaid, TradeCorrection, TradeTerms};

mod credit;

pub use credit::{CollateralReport, CreditEvent, CreditMoved, TransferReport, Transferred};

mod discounts;

pub use discounts::{DiscountAct, DiscountReport};

mod sales;

pub use sales::{
    ContractEvent, ContractRefused, ContractReport, ContractSide, ContractSlots, ContractStep,
    Disputed, FullTax, GuaranteeReport, LotteryFact, LotteryReport, OfferAct, OfferReport, Role,
    SaleEvent, State, Ticket, UseReport,
};

mod regimes;

pub use regimes::{RegimeDefined, RegimeEvent, VenueMoving};

mod switch;

pub use switch::{DeadManArmed, KillSwitchTurned, SweepOf, Swept, SwitchEvent};

use crate::command::{
    Access, BeginEpoch, Direction, Party, Quarantine, Roles, Scope, SetRegistration, SetRiskLimits,
    Standing,
};
use crate::reject::Reject;
use crate::types::{
    AccountId, Amount, AssetId, CalendarId, CustodianId, InstrumentId, Name, OrderId, OrderStatus,
    ParticipantId, Price, Quantity, Sequence, SessionId, Side, Time, VenueId,
};
use crate::venue::{Phase, TradingStatus};

/// One thing that happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A report about one order that is not a trade.
    Report(OrderReport),
    /// A trade: a report for each side, and a public print.
    Trade(Trade),
    /// A change of the displayed book, order by order.
    Book(BookChange),
    /// What a call auction would give now.
    Indicative(Indicative),
    /// What a call auction gave.
    Uncrossed(Uncrossed),
    /// Answer to a mass cancel.
    MassCancel(MassCancelReport),
    /// Answer to an operator's command.
    Operation(OperationReport),
    /// The command is a retry; nothing was done. Its first answer was given at `first_sequence`.
    Duplicate(Duplicate),
    /// Answer to opening a session.
    SessionOpened(SessionOpened),
    /// A venue entered a phase.
    PhaseChanged(PhaseChanged),
    /// A venue or instrument changed its trading status.
    StatusChanged(StatusChanged),
    /// A reference price was set.
    ReferencePrice(ReferencePrice),
    /// A trading day of a venue began.
    DayRolled(DayRolled),
    /// What became of an instruction to a custodian.
    Custody(CustodyReport),
    /// What a party may do changed.
    Standing(StandingChanged),
    /// Limits of risk changed.
    Limits(SetRiskLimits),
    /// An act on a warehouse receipt.
    Receipt(ReceiptReport),
    /// A trade was busted or corrected, or what is owed since was repaid.
    Correction(CorrectionEvent),
    /// What became of credit, collateral or a transfer.
    Credit(CreditEvent),
    /// What waited for its settlement is free.
    Settlement(Settled),
    /// Margin forwards: settlement prices, variation, calls.
    Margin(MarginEvent),
    /// A new epoch began.
    EpochBegan(BeginEpoch),
    /// A command was not applied, since an operator quarantined it.
    Quarantined(Quarantine),
    /// Something about a kill switch, a lost session or a dead-man timer.
    Switch(SwitchEvent),
    /// Something about terms of sale, offers, kinds of parties.
    Sale(SaleEvent),
    /// A step of a contract, or a refused one.
    Contract(ContractEvent),
    /// A version of a regime was defined, or a venue moves to one.
    Regime(RegimeEvent),
}

const _: () = assert!(
    size_of::<Event>() <= 208,
    "events are copied on the hot path"
);

/// What kind of report (FIX 150).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ExecType {
    /// FIX 0.
    New,
    /// FIX 4.
    Canceled,
    /// FIX 5.
    Replaced,
    /// FIX 8: a new order was rejected.
    Rejected,
    /// FIX 35=9 with 434 = 1: a cancel was rejected; the order is as it was.
    CancelRejected,
    /// FIX 35=9 with 434 = 2: a replace was rejected; the order is as it was.
    ReplaceRejected,
    /// FIX C.
    Expired,
    /// FIX L: a stop was elected.
    Triggered,
    /// FIX D: the engine changed the order (378): decrement, or a market-to-limit's price.
    Restated,
}

/// Why an order ended or changed without its owner asking (FIX 378).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Cause {
    /// Its owner asked, or nothing special.
    Request,
    /// A mass cancel of its account.
    MassCancel,
    /// Self-trade prevention.
    SelfTrade,
    /// What an IOC or market order could not trade.
    Unfilled,
    /// A replace to or below what has traded.
    ReplacedBelowFilled,
    /// Its time was over: day end, date reached, auction over.
    TimeOver,
    /// A market-to-limit order took its price.
    PriceSet,
    /// An elected stop could not be placed (band, post-only rules, bounds of the book).
    NotPlaced,
    /// A kill switch was engaged (FIX 378 = 99; CME 106).
    KillSwitch,
    /// Its session's connection ended (FIX 378 = 99, 18 = o).
    Disconnected,
    /// Its session's dead-man timer fired (FIX 378 = 99).
    DeadMan,
    /// A margin call was not met: the account's orders are cancelled, and the engine's own order
    /// closes its position (期货和衍生品法 41).
    ForcedReduction,
}

/// The counters of the private streams: each rises by one with every report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Counters {
    /// Of the account; 0 when no account is known.
    pub account: u64,
    /// Of the participant; 0 when no account is known.
    pub participant: u64,
}

impl Counters {
    /// Of a report that is not counted.
    pub const NONE: Self = Self {
        account: 0,
        participant: 0,
    };
}

/// A report about one order that is not a trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderReport {
    /// What kind.
    pub exec_type: ExecType,
    /// The order's status afterwards.
    pub status: OrderStatus,
    /// Why it happened unasked.
    pub cause: Cause,
    /// The reject, for the three rejected kinds.
    pub reject: Option<Reject>,
    /// The order; of a reject, the id the command named, or `OrderId::rejected`.
    pub order: OrderId,
    /// Its account as the command named it.
    pub account: AccountId,
    /// Its instrument; of a rejected cancel of an unknown order, none.
    pub instrument: Option<InstrumentId>,
    /// Its side; as above.
    pub side: Option<Side>,
    /// Its limit or protection price now; none before one is known.
    pub price: Option<Price>,
    /// Its trigger while it waits.
    pub stop_price: Option<Price>,
    /// Its whole quantity now: always `cumulative + leaves` of a live order.
    pub order_quantity: Quantity,
    /// What is open; zero once it has ended.
    pub leaves: Quantity,
    /// What has traded.
    pub cumulative: Quantity,
    /// The money it holds, in minor units; zero once it has ended, and without clearing.
    pub held: i64,
    /// The private counters.
    pub counters: Counters,
}

/// One side of a trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fill {
    /// The order.
    pub order: OrderId,
    /// Its account.
    pub account: AccountId,
    /// What is open afterwards; zero means filled.
    pub leaves: Quantity,
    /// What has traded, this trade included.
    pub cumulative: Quantity,
    /// What it is charged for this trade (FIX 137), in minor units of the money; below zero it is a
    /// rebate; zero without clearing.
    pub fee: i64,
    /// The money its order still holds, in minor units.
    pub held: i64,
    /// The private counters.
    pub counters: Counters,
}

/// A trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trade {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The price (FIX 31).
    pub price: Price,
    /// The quantity (FIX 32).
    pub quantity: Quantity,
    /// What it is worth, in minor units of the money: price x quantity x tick value; zero without
    /// clearing.
    pub value: i64,
    /// What is delivered, in minor units of the goods: quantity x lot units; zero without clearing.
    pub goods: i64,
    /// Who took; none in an auction (FIX 2446).
    pub aggressor: Option<Side>,
    /// The buyer.
    pub buy: Fill,
    /// The seller.
    pub sell: Fill,
}

/// What happened to an order in the displayed book (FIX 279).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum BookAction {
    /// It joined the back of its level.
    Add,
    /// Its displayed quantity changed; it kept its place.
    Change,
    /// It left.
    Delete,
}

/// A change of the displayed book.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BookChange {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The order.
    pub order: OrderId,
    /// Its side.
    pub side: Side,
    /// What happened.
    pub action: BookAction,
    /// Its level.
    pub price: Price,
    /// Its displayed quantity now; zero when it left.
    pub displayed: Quantity,
}

/// What a call auction would give now; no price when nothing would trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Indicative {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The price, none when nothing would trade.
    pub price: Option<Price>,
    /// What would trade, in lots.
    pub volume: i64,
    /// Demand minus supply at that price, in lots; above zero buyers are left over.
    pub imbalance: i64,
}

/// What a call auction gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uncrossed {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The price, none when nothing traded.
    pub price: Option<Price>,
    /// What traded, in lots.
    pub volume: i64,
    /// Demand minus supply at that price, in lots.
    pub imbalance: i64,
}

/// Answer to a mass cancel; the orders' own reports come before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MassCancelReport {
    /// The account as the command named it.
    pub account: AccountId,
    /// The reject, if it was rejected.
    pub reject: Option<Reject>,
    /// How many orders were cancelled.
    pub canceled: u32,
    /// How many matching orders stay since their phase or status takes no cancels.
    pub kept: u32,
}

/// Answer to an operator's command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationReport {
    /// The reject, if it was rejected.
    pub reject: Option<Reject>,
    /// The handle of what was made, if something was made or found.
    pub handle: Option<u32>,
}

/// The command is a retry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Duplicate {
    /// Where the first one was answered; zero for a session's number at or below the watermark.
    pub first_sequence: Sequence,
    /// A session's watermark; zero for a request.
    pub watermark: u64,
}

/// Answer to opening a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionOpened {
    /// The session.
    pub session: SessionId,
    /// The highest number it has used; the next is one more.
    pub watermark: u64,
}

/// A venue entered a phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PhaseChanged {
    /// The venue.
    pub venue: VenueId,
    /// The phase now.
    pub phase: Phase,
}

/// A venue or an instrument changed its trading status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatusChanged {
    /// What changed.
    pub scope: Scope,
    /// The status now.
    pub status: TradingStatus,
}

/// A reference price was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReferencePrice {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The price.
    pub price: Price,
}

/// A trading day of a venue began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DayRolled {
    /// The venue.
    pub venue: VenueId,
    /// Its calendar.
    pub calendar: CalendarId,
    /// The day, counted from 1970-01-01.
    pub day: i32,
    /// The day's index in the calendar.
    pub index: u32,
}

/// How an instruction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CustodyStatus {
    /// Its custodian has not answered.
    Pending,
    /// The custodian moved the asset.
    Executed,
    /// The custodian did not and will not.
    Refused,
}

/// What became of an instruction to a custodian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CustodyReport {
    /// The instruction: the sequence of its command.
    pub instruction: Sequence,
    /// The account.
    pub account: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// Who moves it.
    pub custodian: CustodianId,
    /// Which way.
    pub direction: Direction,
    /// How much.
    pub amount: Amount,
    /// How it stands now.
    pub status: CustodyStatus,
    /// The custodian's reference; empty while pending.
    pub reference: Name,
    /// The custodian's business date, in days from 1970-01-01; 0 while pending.
    pub business_date: i32,
}

/// What a party may do changed; told also when it is set to what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StandingChanged {
    /// A party's standing.
    Standing {
        /// Whose.
        party: Party,
        /// What now.
        standing: Standing,
    },
    /// A participant's roles at a venue.
    Roles {
        /// The venue.
        venue: VenueId,
        /// The participant.
        participant: ParticipantId,
        /// What now.
        roles: Roles,
    },
    /// Whom a venue admits.
    Access {
        /// The venue.
        venue: VenueId,
        /// What now.
        access: Access,
    },
    /// A participant's registration.
    Registration(SetRegistration),
}

/// What happened to margin forwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MarginEvent {
    /// A settlement price: of a mark that begins, or the one a contract is listed at.
    Settlement {
        /// The instrument.
        instrument: InstrumentId,
        /// The price.
        price: Price,
    },
    /// A mark collected a loss or paid a gain.
    Variation(Variation),
    /// An account was called, or its call has another deadline.
    Call(MarginCall),
    /// A call is over: the account's margin is covered.
    Covered {
        /// Whose.
        account: AccountId,
        /// In which instrument.
        instrument: InstrumentId,
    },
}

/// What a mark moved between an account and the instrument's pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Variation {
    /// Whose.
    pub account: AccountId,
    /// In which instrument.
    pub instrument: InstrumentId,
    /// Minor units of the money: above zero paid to the account, below zero taken from it.
    pub amount: i64,
}

/// A margin call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MarginCall {
    /// Whose.
    pub account: AccountId,
    /// In which instrument.
    pub instrument: InstrumentId,
    /// What it has to hold, in minor units.
    pub maintenance: i64,
    /// What it holds.
    pub held: i64,
    /// By when; none when that has passed and the market is waited for.
    pub deadline: Option<Time>,
}

/// What an account bought and sold of an instrument on one trading day has settled, both legs in
/// one event: it was held and is available. Nothing moved from one holder to another: that did the
/// trades.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The account.
    pub account: AccountId,
    /// The goods it bought, in minor units.
    pub goods: i64,
    /// The proceeds of what it sold less their fees, in minor units of the money.
    pub money: i64,
}

/// The events of one or more commands, in order. Reused: `clear` keeps the room.
#[derive(Default, Debug)]
pub struct Events {
    list: Vec<Event>,
}

impl Events {
    /// Room for `capacity` events before the first growth.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            list: Vec::with_capacity(capacity),
        }
    }

    /// Adds one event.
    #[inline]
    pub fn push(&mut self, event: Event) {
        self.list.push(event);
    }

    /// Forgets all events, keeping the room.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// The events so far.
    pub fn as_slice(&self) -> &[Event] {
        &self.list
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
