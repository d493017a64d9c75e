//! The naive reference: the whole engine again, from `SEMANTICS.md` alone, with vectors and full
//! scans. It shares nothing with the engine but the public contract types.
//!
//! Invariant: correctness by plainness. Orders are one vector in order of their ids; every
//! question is answered by looking at all of them. Not here: speed, slots (an order's slot is
//! always 0 here), anything kept twice.

// Every file here uses most of the contract types, and names only the cases it treats apart.
#![allow(clippy::wildcard_imports, clippy::wildcard_enum_match_arm)]

mod auction;
mod credit;
pub mod ledger;
pub mod margin;
mod marks;
mod matching;
mod orders;
#[path = "../registry/mod.rs"]
mod registry;
mod report;

use sanjiang_engine::command::*;
use sanjiang_engine::event::*;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::{Basis, Reject, RejectReason};
use sanjiang_engine::types::*;
use sanjiang_engine::venue::*;

pub use ledger::Holder;
pub use margin::Called;
use registry::{Account, Calendar, Instrument, Made, Request, Session, Trades, Venue};
pub use registry::{Deal, Kept, Limited, Money, Offering, Pledge, Settling, Shops, Stands, Sweep};
pub use registry::{code_is_right, year_at};

/// A fault put in on purpose, to prove that the comparison sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Of two orders at one price the newer trades first.
    NewerFirst,
    /// The middle of two auction prices is rounded down.
    MiddleDown,
    /// The first stop elected is the last to have come.
    StopsBackwards,
    /// A retry after the window's last instant counts one nanosecond too early.
    WindowShort,
    /// A cancel does not release the money its order held.
    ReleaseForgotten,
    /// A fee is rounded down.
    FeeDown,
    /// Self-trade prevention that decrements leaves the holds as they were.
    DecrementKeepsHold,
    /// A replace takes no token.
    TokenKept,
    /// A suspended account may still replace its orders.
    SuspensionForgotten,
    /// A warehouse hands out goods that a receipt stands for.
    ReceiptsUnbacked,
    /// A bust leaves the fees with the venue.
    BustKeepsFees,
    /// What becomes available is not repaid.
    NeverRepaid,
    /// What was bought is free a day early.
    SettledEarly,
    /// A sell is remembered for one day less than a buy.
    ReverseShort,
    /// A sweep leaves waiting stops.
    SweepLeavesStops,
    /// A contract that is given up keeps its pieces off the offer.
    StockForgotten,
    /// Silence accepts an instant too late.
    SilenceLate,
    /// A group reaches each tier one piece too late.
    TierByOne,
    /// A list reaches each tier one piece too late.
    ListByOne,
    /// A group closes an instant too late.
    CloseLate,
    /// The balance may be paid an instant too long.
    BalanceLate,
    /// Of those drawn the last ones win.
    LastWin,
    /// All of a deposit is forfeited.
    EarnestWhole,
    /// A queue admits one more a second.
    QueueFast,
    /// A guarantee covers anew what it covers already.
    CoverTwice,
    /// What a seller owes by contracts is paid from the newest debt on.
    NewestDebtFirst,
    /// A seed is taken that the lottery was not committed to.
    SeedUnchecked,
    /// An owner gets one piece of a flash sale too many.
    LimitLoose,
    /// The second part of a return is computed as if it were the first.
    ReturnsFromZero,
    /// What does not divide of a discount is taken off the last lines.
    RemainderLast,
    /// What a cancelled contract used of a year stays used.
    YearKept,
}

/// What an order is now. A stop becomes `Market` or `Limit` when it is elected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Limit,
    Market,
    ToLimit,
    Stop,
    StopLimit,
}

/// Where an order is. `Taking` is in no book: it is being matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Book,
    Stop,
    Parked,
    Taking,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub id: u64,
    pub account: AccountId,
    /// The session through which it came.
    pub session: Option<SessionId>,
    pub owner: OwnerId,
    pub instrument: usize,
    pub side: Side,
    pub kind: Kind,
    pub price: Option<i64>,
    pub stop: Option<i64>,
    pub tif: TimeInForce,
    pub mode: SelfTradePrevention,
    pub display: i64,
    pub post_only: bool,
    pub quantity: i64,
    pub leaves: i64,
    pub cumulative: i64,
    pub displayed: i64,
    pub place: Place,
    pub queue: u64,
    /// What it is charged by, and what it accrued, in millionths.
    pub rates: FeeRates,
    pub accrued: i128,
    /// The money it holds.
    pub held: i128,
}

/// Two orders of one owner met: the newer's mode, whether in an auction, the newer compared.
pub type Meeting = (SelfTradePrevention, bool, std::cmp::Ordering);

/// The reference.
pub struct Reference {
    pub fault: Option<Fault>,
    pub limits: Limits,
    pub sequence: Sequence,
    pub time: Time,
    pub participants: Vec<(Name, u64)>,
    pub owners: Vec<Name>,
    pub accounts: Vec<Account>,
    pub calendars: Vec<Calendar>,
    pub venues: Vec<Venue>,
    pub instruments: Vec<Instrument>,
    pub sessions: Vec<Session>,
    pub orders: Vec<Order>,
    pub money: Money,
    pub stands: Stands,
    pub limited: Limited,
    pub trades: Trades,
    pub settling: Settling,
    pub shops: Shops,
    /// The versions of regimes that data defined.
    pub regimes: Vec<Made>,
    pub engaged: Vec<KillScope>,
    pub sweeps: Vec<Sweep>,
    /// The most orders that ever lived at a time.
    rows: usize,
    /// The session through which the command under way came.
    through: Option<SessionId>,
    requests: Vec<Request>,
    requests_max: u32,
    requests_reserved: u32,
    /// Venues whose day orders are due, with the instant since which they are.
    due: Vec<(i128, usize)>,
    queue: u64,
    /// The meetings of the last command, for who counts what was reached.
    pub meetings: Vec<Meeting>,
    /// What the last command reached of fees and holds, likewise.
    pub reached: Vec<&'static str>,
    /// Prices of the trades of the run under way.
    run: Vec<i64>,
    out: Vec<Event>,
}

impl Order {
    /// The price of an order in the book.
    pub fn ticks(&self) -> i64 {
        self.price.expect("an order in the book has a price")
    }

    fn is_at(&self, place: Place, instrument: usize) -> bool {
        self.place == place && self.instrument == instrument
    }

    fn accepts(&self, at: i64) -> bool {
        let (side, limit) = (sign(self.side), self.price);
        limit.is_some_and(|limit| side * limit >= side * at)
    }

    /// Whether a trade at this price elects it.
    fn elected_at(&self, at: i64) -> bool {
        let (side, stop) = (sign(self.side), self.stop);
        stop.is_some_and(|stop| side * stop <= side * at)
    }
}

/// Times this, a better limit of a side is the larger.
fn sign(side: Side) -> i64 {
    if side == Side::Buy { 1 } else { -1 }
}

fn handle(instrument: usize) -> InstrumentId {
    InstrumentId::new(instrument as u32)
}

fn order_id(sequence: u64) -> OrderId {
    OrderId { sequence, slot: 0 }
}

pub fn price(ticks: i64) -> Price {
    Price::new(ticks).expect("the worlds are small")
}

pub fn lots(lots: i64) -> Quantity {
    Quantity::new(lots).expect("the worlds are small")
}

impl Reference {
    pub fn new(limits: Limits, fault: Option<Fault>) -> Self {
        Self {
            fault,
            limits,
            sequence: Sequence::ZERO,
            time: Time::ZERO,
            participants: Vec::new(),
            owners: Vec::new(),
            accounts: Vec::new(),
            calendars: Vec::new(),
            venues: Vec::new(),
            instruments: Vec::new(),
            sessions: Vec::new(),
            orders: Vec::new(),
            money: Money::default(),
            stands: Stands::default(),
            limited: Limited::default(),
            trades: Trades::default(),
            settling: Settling::default(),
            shops: Shops::default(),
            regimes: Vec::new(),
            engaged: Vec::new(),
            sweeps: Vec::new(),
            rows: 0,
            through: None,
            requests: Vec::new(),
            requests_max: limits.requests_capacity,
            requests_reserved: limits.requests_capacity / 4,
            due: Vec::new(),
            queue: 0,
            meetings: Vec::new(),
            reached: Vec::new(),
            run: Vec::new(),
            out: Vec::new(),
        }
    }

    pub fn apply(&mut self, command: &Sequenced<Command>) -> Vec<Event> {
        assert!(command.sequence == self.sequence.next() && command.time >= self.time);
        (self.sequence, self.time) = (command.sequence, command.time);
        self.meetings.clear();
        self.reached.clear();
        self.date();
        let drawn = self.all_drawn();
        let body = &command.value.body;
        self.through = match command.value.envelope.identity {
            Identity::Session { session, .. } => Some(session),
            _ => None,
        };
        match self.admit(&command.value) {
            Err(reason) => self.refuse(body, reason.into(), false),
            Ok(Some(duplicate)) => self.out.push(Event::Duplicate(duplicate)),
            Ok(None) => {
                if let Err(reject) = self.carry_out(&command.value.envelope, body) {
                    let known = reject.reason != RejectReason::UnknownAccount;
                    self.refuse(body, reject, known);
                }
            }
        }
        self.repay_owed();
        self.repay_sellers();
        self.repay_drawn(&drawn);
        self.conserved();
        self.balanced();
        std::mem::take(&mut self.out)
    }
}
