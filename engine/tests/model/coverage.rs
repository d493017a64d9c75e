//! Which cells of the rules a run has reached: rejects, phase changes, order types by time in
//! force by phase, self-trade prevention by outcome, causes, reports, book changes.
//!
//! Invariant: the list of cells is written from the rules, not from what a run happened to meet;
//! a cell that the rules make impossible counts by the reject the rules name. Not here: whether
//! the answers were right (`drive`).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use sanjiang_engine::command::{Body, Command, SaleTerms};
use sanjiang_engine::event::{
    BookAction, BookChange, Cause, ContractStep, Disputed, Event, ExecType, OfferAct, State,
    SwitchEvent,
};
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::{SelfTradePrevention, Time, TimeInForce};
use sanjiang_engine::venue::{Action, Model, Phase, TradingStatus};

use super::said::{CAUSES, EVENTS, REPORTS, cause_of, event_of, reject_of, report_of};
use super::terms::{TIMES, TYPES, impossible, time_of, type_of};
use super::{duties, lend, margin, paid, pairs, papers, shop, switch};
use crate::reference::Reference;

/// One thing that has to happen at least once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cell {
    Reject(RejectReason),
    PhaseChange(Phase, Phase),
    Order(&'static str, &'static str, Phase),
    Action(Action, Phase),
    Status(Action, TradingStatus),
    SelfTrade(&'static str, Trading, Ordering),
    Cause(&'static str),
    Report(&'static str),
    Book(&'static str, Trading),
    Event(&'static str),
    Fired(&'static str),
    /// A command about money, taken or refused.
    Command(&'static str, bool),
    /// A new order or a replace, refused.
    Refused(&'static str, RejectReason),
    Custody(&'static str),
    /// An act, and how the receipt it names stands.
    Receipt(&'static str, &'static str),
    /// What became of a receipt: the numbers of the act.
    ReceiptAct(u8, u8),
    /// What the reference says of fees and holds.
    Money(&'static str),
    /// What a switch says.
    Switch(&'static str),
    /// What a sweep does.
    Swept(&'static str),
    /// Two rules at work on one account or in one command.
    Pair(&'static str),
    /// A command so many nanoseconds after the next deadline.
    Deadline(i64),
    /// A step of a contract: from a state, if it had one, in dispute, to a state.
    Deal(Option<(State, Disputed)>, ContractStep, State),
    /// A step of a contract, refused.
    DealRefused(ContractStep, RejectReason),
    /// What happened to an offer.
    Offer(OfferAct),
    /// What happened to an offer of a model.
    OfferOf(Model, OfferAct),
    /// A command about sales, refused.
    SaleRefused(&'static str, RejectReason),
    /// A basket, refused: whether a line was at fault.
    BasketRefused(bool, RejectReason),
}

/// How orders meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trading {
    Continuous,
    Auction,
}

/// What a command was about before it was carried out.
pub struct Before {
    phases: Vec<Phase>,
    action: Option<(Action, Phase, [TradingStatus; 2])>,
    /// The orders with a date of their own, when a tick comes.
    dated: Option<Vec<u64>>,
    receipt: Option<Cell>,
    /// The contracts that live.
    deals: Vec<(super::baskets::Named, State, Disputed)>,
    /// The terms of sale.
    terms: Vec<SaleTerms>,
}

/// How often each cell was reached, and how much was done.
#[derive(Default)]
pub struct Coverage {
    pub cells: BTreeMap<Cell, u64>,
    pub commands: u64,
    pub accepted: u64,
    pub trades: u64,
    pub events: u64,
    pub restored: u64,
    /// Commands of the worlds whose first venue is under a regime, by its code.
    pub by_regime: BTreeMap<u8, u64>,
}

const MODES: [&str; 5] = [
    "NONE",
    "CANCEL_TAKER",
    "CANCEL_MAKER",
    "CANCEL_BOTH",
    "DECREMENT",
];
const BOOK: [&str; 3] = ["ADD", "CHANGE", "DELETE"];
const FIRED: [&str; 7] = [
    "day roll",
    "end of day",
    "timetable",
    "good till date",
    "settlement",
    "dead-man timer",
    "sweep",
];

/// The orders that end at an instant of their own.
fn dated(world: &Reference) -> Vec<u64> {
    let own = |tif| matches!(tif, TimeInForce::GoodTillDate(_));
    let orders = world.orders.iter().filter(|order| own(order.tif));
    orders.map(|order| order.id).collect()
}

fn mode_of(mode: SelfTradePrevention) -> usize {
    match mode {
        SelfTradePrevention::None => 0,
        SelfTradePrevention::CancelTaker => 1,
        SelfTradePrevention::CancelMaker => 2,
        SelfTradePrevention::CancelBoth => 3,
        SelfTradePrevention::Decrement => 4,
    }
}

impl Coverage {
    pub fn hit(&mut self, cell: Cell) {
        *self.cells.entry(cell).or_default() += 1;
    }

    /// What the command is about, asked before it is carried out.
    pub fn before(world: &Reference, command: &Command) -> Before {
        let live = |id: u64| world.orders.iter().find(|order| order.id == id);
        let mut found = None;
        if let Body::NewOrder(new) = &command.body {
            found = Some((Action::New, new.instrument.place()));
        } else if let Body::CancelOrder(cancel) = &command.body {
            let order = live(cancel.order.sequence);
            found = order.map(|order| (Action::Cancel, order.instrument));
        } else if let Body::ReplaceOrder(replace) = &command.body {
            let order = live(replace.order.sequence);
            found = order.map(|order| (Action::Replace, order.instrument));
        } else if let Body::MassCancel(mass) = &command.body {
            let instrument = mass.instrument;
            found = instrument.map(|instrument| (Action::MassCancel, instrument.place()));
        }
        let action = found.and_then(|(action, instrument)| {
            let known = world.instruments.get(instrument)?;
            let venue = &world.venues[known.venue];
            Some((action, venue.phase, [venue.status, known.status]))
        });
        Before {
            phases: world.venues.iter().map(|venue| venue.phase).collect(),
            action,
            dated: (command.body == Body::Tick).then(|| dated(world)),
            receipt: papers::before(world, &command.body),
            deals: shop::deals(world),
            terms: world.shops.terms.clone(),
        }
    }

    /// A command arrives at `time`, before any tick.
    pub fn arrive(&mut self, due: Option<Time>, time: Time) {
        let after = due.map(|due| time.nanoseconds() - due.nanoseconds());
        if let Some(after @ -1..=1) = after {
            self.hit(Cell::Deadline(after));
        }
    }

    fn count_book(&mut self, change: &BookChange, later: &[Event]) {
        let uncrossing = later.iter().any(
            |event| matches!(event, Event::Uncrossed(un) if un.instrument == change.instrument),
        );
        let how = if uncrossing {
            Trading::Auction
        } else {
            Trading::Continuous
        };
        let action = match change.action {
            BookAction::Add => 0,
            BookAction::Change => 1,
            BookAction::Delete => 2,
        };
        self.hit(Cell::Book(BOOK[action], how));
    }

    /// Counts what a command and its events reached.
    pub fn after(
        &mut self,
        before: Before,
        command: &Command,
        events: &[Event],
        world: &Reference,
    ) {
        self.commands += 1;
        self.events += events.len() as u64;
        let reject = events.iter().find_map(reject_of);
        let duplicate = matches!(events, [Event::Duplicate(_)]);
        self.accepted += u64::from(reject.is_none() && !duplicate);
        self.count_action(&before, command, reject, duplicate);
        let judged = !duplicate && reject.is_none_or(|reason| reason.code() >= 10);
        let taken = judged.then_some(reject.is_none());
        self.count_money(command, taken, (before.receipt.clone(), world));
        if let Some(dated) = &before.dated {
            self.count_fired(dated, events);
        }
        self.count_shop((before.deals, &before.terms), command, events);
        let mut phases = before.phases;
        for (at, event) in events.iter().enumerate() {
            self.count_event(event);
            match event {
                Event::Report(report) => {
                    self.hit(Cell::Report(REPORTS[report_of(report.exec_type)]));
                    self.hit(Cell::Cause(CAUSES[cause_of(report.cause)]));
                }
                Event::Trade(_) => self.trades += 1,
                Event::Custody(report) => self.hit(Cell::Custody(paid::custody(report))),
                Event::Credit(_) => self.cells_of_credit(event),
                Event::Book(change) => self.count_book(change, &events[at..]),
                Event::PhaseChanged(changed) => {
                    let known = &mut phases[changed.venue.place()];
                    let old = std::mem::replace(known, changed.phase);
                    self.hit(Cell::PhaseChange(old, changed.phase));
                }
                Event::Switch(event) => self.count_switch(event),
                Event::Margin(event) => self.hit(Cell::Money(margin::event(event))),
                Event::Indicative(_)
                | Event::Uncrossed(_)
                | Event::MassCancel(_)
                | Event::Operation(_)
                | Event::Duplicate(_)
                | Event::SessionOpened(_)
                | Event::StatusChanged(_)
                | Event::ReferencePrice(_)
                | Event::DayRolled(_)
                | Event::Standing(_)
                | Event::Limits(_)
                | Event::Receipt(_)
                | Event::Correction(_)
                | Event::Settlement(_)
                | Event::Sale(_)
                | Event::Contract(_)
                | Event::Regime(_)
                | Event::EpochBegan(_)
                | Event::Quarantined(_) => {}
            }
        }
        self.count_meetings(world);
        for pair in pairs::met(world, command, events) {
            self.hit(Cell::Pair(pair));
        }
    }

    fn count_meetings(&mut self, world: &Reference) {
        for meeting in &world.meetings {
            let (mode, auction, larger) = *meeting;
            let how = if auction {
                Trading::Auction
            } else {
                Trading::Continuous
            };
            self.hit(Cell::SelfTrade(MODES[mode_of(mode)], how, larger));
        }
    }

    /// What kind of event, its reject, its act on a receipt.
    fn count_event(&mut self, event: &Event) {
        self.hit(Cell::Event(EVENTS[event_of(event)]));
        if let Some(reason) = reject_of(event) {
            self.hit(Cell::Reject(reason));
        }
        if let Some(cell) = papers::event(event) {
            self.hit(cell);
        }
    }

    fn count_switch(&mut self, event: &SwitchEvent) {
        for cell in switch::said(event) {
            self.hit(cell);
        }
    }

    /// What is about money; `taken` says whether the command was, if it was looked at.
    fn count_money(
        &mut self,
        command: &Command,
        taken: Option<bool>,
        (receipt, world): (Option<Cell>, &Reference),
    ) {
        if let Some(cell) = receipt.filter(|_| taken.is_some()) {
            self.hit(cell);
        }
        let name = paid::command(&command.body)
            .or_else(|| papers::command(&command.body))
            .or_else(|| duties::command(&command.body));
        if let (Some(name), Some(taken)) = (name, taken) {
            self.hit(Cell::Command(name, taken));
        }
        for &mark in &world.reached {
            self.hit(if mark == switch::IN_PARTS {
                Cell::Swept(mark)
            } else {
                Cell::Money(mark)
            });
        }
    }

    fn cells_of_credit(&mut self, event: &Event) {
        if let Some(said) = lend::said(event) {
            self.hit(Cell::Custody(said));
        }
    }

    fn count_fired(&mut self, dated: &[u64], events: &[Event]) {
        for event in events {
            if let Event::Report(report) = event {
                let own = dated.contains(&report.order.sequence);
                if report.exec_type == ExecType::Expired && report.cause == Cause::TimeOver {
                    self.hit(Cell::Fired(if own { FIRED[3] } else { FIRED[1] }));
                }
            }
            if matches!(event, Event::DayRolled(_)) {
                self.hit(Cell::Fired(FIRED[0]));
            }
            if matches!(event, Event::Settlement(_)) {
                self.hit(Cell::Fired(FIRED[4]));
            }
            if matches!(event, Event::PhaseChanged(_)) {
                self.hit(Cell::Fired(FIRED[2]));
            }
            if matches!(event, Event::Switch(SwitchEvent::Fired(_))) {
                self.hit(Cell::Fired(FIRED[5]));
            }
            if matches!(event, Event::Switch(SwitchEvent::Swept(_))) {
                self.hit(Cell::Fired(FIRED[6]));
            }
        }
    }

    fn count_action(
        &mut self,
        before: &Before,
        command: &Command,
        reject: Option<RejectReason>,
        duplicate: bool,
    ) {
        match (&command.body, reject) {
            (Body::NewOrder(_), Some(reason)) => self.hit(Cell::Refused("NEW", reason)),
            (Body::ReplaceOrder(_), Some(reason)) => self.hit(Cell::Refused("REPLACE", reason)),
            _ => {}
        }
        let Some((action, phase, statuses)) = before.action else {
            return;
        };
        if duplicate || reject.is_some_and(|reason| reason.code() < 30) {
            return;
        }
        let trading = statuses == [TradingStatus::Trading; 2];
        let by_status = matches!(
            reject,
            Some(RejectReason::Halted | RejectReason::CancelOnly)
        );
        if trading {
            self.hit(Cell::Action(action, phase));
        } else if by_status || statuses.contains(&TradingStatus::CancelOnly) {
            for status in statuses {
                self.hit(Cell::Status(action, status));
            }
        }
        if let (Body::NewOrder(new), true) = (&command.body, trading) {
            let (kind, time) = (type_of(&new.order_type), time_of(new.time_in_force));
            if reject == impossible(kind, time, phase) {
                self.hit(Cell::Order(TYPES[kind], TIMES[time], phase));
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (cell, count) in other.cells {
            *self.cells.entry(cell).or_default() += count;
        }
        self.commands += other.commands;
        self.accepted += other.accepted;
        self.trades += other.trades;
        self.events += other.events;
        self.restored += other.restored;
        for (regime, commands) in other.by_regime {
            *self.by_regime.entry(regime).or_default() += commands;
        }
    }

    /// Prints the table of cells, and gives those that were not reached.
    pub fn table(&self) -> Vec<Cell> {
        self.table_of(required())
    }

    /// The same of these groups.
    pub fn table_of(&self, groups: Vec<(&'static str, Vec<Cell>)>) -> Vec<Cell> {
        let mut missing = Vec::new();
        println!(
            "{:<44} {:>8} {:>6} {:>10}",
            "cells", "reached", "of", "least"
        );
        for (group, cells) in groups {
            let count = |cell: &Cell| self.cells.get(cell).copied().unwrap_or(0);
            let least = cells.iter().map(count).min().unwrap_or(0);
            let reached = cells.iter().filter(|cell| count(cell) > 0).count();
            println!("{group:<44} {reached:>8} {:>6} {least:>10}", cells.len());
            missing.extend(cells.into_iter().filter(|cell| count(cell) == 0));
        }
        missing
    }
}

/// The reasons that worlds without shops reach.
fn reasons() -> impl Iterator<Item = RejectReason> {
    // Shops have a world of their own: `model/shop`.
    let shops = 130..160;
    let elsewhere = move |reason: RejectReason| {
        // The ticks of a mark come before every other command: `tests/margin`.
        let others = [RejectReason::MarkRunning, RejectReason::AnnualLimit];
        others.contains(&reason) || shops.contains(&reason.code())
    };
    let all = RejectReason::ALL.iter().copied();
    all.filter(move |reason| !elsewhere(*reason))
}

/// The events of worlds without shops.
fn events() -> impl Iterator<Item = &'static str> {
    let shops = ["Sale", "Contract"];
    EVENTS.into_iter().filter(move |name| !shops.contains(name))
}

/// Every cell, by group.
fn required() -> Vec<(&'static str, Vec<Cell>)> {
    let pairs = |list: &[Phase]| -> Vec<Cell> {
        let mut cells = Vec::new();
        for &from in list {
            for &to in list.iter().filter(|&&to| to != from) {
                cells.push(Cell::PhaseChange(from, to));
            }
        }
        cells
    };
    let mut orders = Vec::new();
    for kind in TYPES {
        for time in TIMES {
            orders.extend(Phase::ALL.map(|phase| Cell::Order(kind, time, phase)));
        }
    }
    let mut actions = Vec::new();
    let mut statuses = Vec::new();
    for action in Action::ALL {
        actions.extend(Phase::ALL.map(|phase| Cell::Action(action, phase)));
        statuses.extend(TradingStatus::ALL.map(|status| Cell::Status(action, status)));
    }
    let mut meetings = Vec::new();
    let mut book = Vec::new();
    for how in [Trading::Continuous, Trading::Auction] {
        for mode in MODES {
            for larger in [Ordering::Less, Ordering::Equal, Ordering::Greater] {
                meetings.push(Cell::SelfTrade(mode, how, larger));
            }
        }
        book.extend(BOOK.map(|action| Cell::Book(action, how)));
    }
    let mut groups = vec![
        ("reject reasons", reasons().map(Cell::Reject).collect()),
        ("phase changes", pairs(&Phase::ALL)),
        ("order type x time in force x phase", orders),
        ("action x phase", actions),
        ("action x trading status", statuses),
        ("self-trade mode x trading x taker to maker", meetings),
        ("causes", CAUSES.map(Cell::Cause).to_vec()),
        ("reports", REPORTS.map(Cell::Report).to_vec()),
        ("book changes x trading", book),
        ("events", events().map(Cell::Event).collect()),
        ("what ticks fire", FIRED.map(Cell::Fired).to_vec()),
        (
            "nanoseconds after a deadline",
            [-1, 0, 1].map(Cell::Deadline).to_vec(),
        ),
    ];
    groups.extend(paid::required());
    groups.extend(duties::required());
    groups.extend(papers::required());
    groups.extend(lend::required());
    groups.extend(switch::required());
    groups.extend(margin::required());
    groups.extend(pairs::required());
    groups
}
