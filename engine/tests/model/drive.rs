//! Runs one script on the engine and on the reference, side by side, and compares them.
//!
//! Invariant: after every command both have given the same events and name the same next
//! deadline. Slots are the engine's alone: the comparison maps every order id to its sequence,
//! and checks the engine's slots against the rule about rows. Not here: what to send (`generate`).

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sanjiang_engine::command::{Body, Command, CorrectionCommand, Sequenced, TradeRef};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{
    ContractEvent, ContractSlots, CustodyStatus, DiscountAct, Event, Events, ExecType, OfferAct,
    OfferReport, SaleEvent, Trade,
};
use sanjiang_engine::types::{AccountId, ContractId, DiscountId, OrderId, Sequence, Side, Time};

use super::baskets::is_quoted;
use super::coverage::Coverage;
use super::said::reject_of;
use super::script::{Script, Step, internal, of_contract, of_offer, renamed};
use super::subject::Subject;
use super::world::ticks;
use crate::centralised::{Matched, Watch};
use crate::reference::{Fault, Reference};

/// The slot the reference knows for an id whose slot is not the order's own.
const WRONG_SLOT: u32 = 9;
/// How many commands lie between two deep looks; the engine audits itself after every one.
const LOOK_EVERY: u64 = 400;
/// More ticks than any one instant can ask for.
const TICKS_MAX: u32 = 200;

/// The engine and the reference, at the same place of one history.
pub struct Driver {
    pub reference: Reference,
    pub coverage: Coverage,
    subject: Subject,
    sequence: Sequence,
    events: Events,
    /// The id of the order a step made, by the step's place.
    made: BTreeMap<usize, OrderId>,
    /// The step under which each command ran, from the first on.
    ran: Vec<usize>,
    /// The trades made under a step.
    traded: BTreeMap<usize, Vec<TradeRef>>,
    /// The slot of an order and the step that made it, by its sequence.
    issued: BTreeMap<u64, (u32, usize)>,
    /// Rows freed and not taken again, and the first that was never used.
    free: Vec<u32>,
    unused: u32,
    /// The same of offers, and of contracts.
    offers: (Vec<u32>, u32),
    contracts: (Vec<u32>, u32),
    /// The same of discounts.
    discounts: (Vec<u32>, u32),
    /// The rows of the contracts that one basket formed, by its sequence, in order of its lines.
    baskets: BTreeMap<u64, Vec<u32>>,
    /// Sees that no contract is a match.
    watch: Watch,
}

impl Driver {
    pub fn new(script: &Script, fault: Option<Fault>) -> Self {
        Self {
            reference: Reference::new(script.limits, fault),
            coverage: Coverage::default(),
            subject: Subject::new(script.limits),
            sequence: Sequence::ZERO,
            events: Events::default(),
            made: BTreeMap::new(),
            ran: Vec::new(),
            traded: BTreeMap::new(),
            issued: BTreeMap::new(),
            free: Vec::new(),
            unused: 0,
            offers: (Vec::new(), 0),
            contracts: (Vec::new(), 0),
            discounts: (Vec::new(), 0),
            baskets: BTreeMap::new(),
            watch: Watch::default(),
        }
    }

    /// The step under which the command with this sequence ran.
    pub fn place(&self, sequence: u64) -> usize {
        self.ran[sequence as usize - 1]
    }

    /// A trade that a script names by the step that made it.
    fn real_trade(&self, trade: TradeRef) -> TradeRef {
        let place = trade.sequence.value() as usize;
        let made = self.traded.get(&place).into_iter().flatten();
        let never = TradeRef {
            sequence: Sequence::new((1 << 40) + trade.sequence.value()),
            ..trade
        };
        let found = made.copied().find(|made| made.index == trade.index);
        // A place where no trade stands, of a command that was.
        let beside = self.traded.get(&place).and_then(|made| made.first());
        let beside = beside.map(|made| TradeRef {
            index: trade.index,
            ..*made
        });
        found.or(beside).unwrap_or(never)
    }

    /// Carries out one step, ticks first, as the sequencer would.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        self.coverage
            .arrive(self.reference.next_deadline(), step.time);
        let mut ticks = 0;
        // A gap in service comes before what fell due in it.
        let gap = matches!(step.command.body, Body::ServiceGap(_));
        while !gap
            && self
                .reference
                .next_deadline()
                .is_some_and(|due| due <= step.time)
        {
            self.command(step.place, step.time, &internal(Body::Tick))?;
            ticks += 1;
            if ticks == TICKS_MAX {
                return Err(format!("{TICKS_MAX} ticks and still something is due"));
            }
        }
        let mut command = renamed(&step.command, |id| self.real(id));
        if let Body::Correction(correction) = &mut command.body {
            let trade = self.real_trade(correction.trade());
            match correction {
                CorrectionCommand::Bust { trade: named }
                | CorrectionCommand::Correct { trade: named, .. } => *named = trade,
            }
        }
        self.command(step.place, step.time, &command)
    }

    /// The engine's id of an order that a script names by its step.
    fn real(&self, id: OrderId) -> OrderId {
        let never = OrderId {
            sequence: (1 << 40) + id.sequence,
            slot: 0,
        };
        let mut real = self
            .made
            .get(&(id.sequence as usize))
            .copied()
            .unwrap_or(never);
        let lines = self.baskets.get(&real.sequence);
        let line = lines.and_then(|slots| slots.get(id.slot as usize));
        real.slot = line.copied().unwrap_or(real.slot + id.slot);
        real
    }

    /// The reference's name for an id of the engine.
    fn plain(&self, id: OrderId) -> OrderId {
        if let Some(slots) = self.baskets.get(&id.sequence) {
            let line = slots.iter().position(|slot| *slot == id.slot);
            return OrderId {
                sequence: id.sequence,
                slot: line.map_or(WRONG_SLOT, |line| line as u32),
            };
        }
        let own = self.issued.get(&id.sequence).map(|issued| issued.0);
        let slot = match id.slot {
            OrderId::NO_SLOT => OrderId::NO_SLOT,
            slot if own == Some(slot) => 0,
            _ => WRONG_SLOT,
        };
        OrderId {
            sequence: id.sequence,
            slot,
        }
    }

    fn command(&mut self, place: usize, time: Time, command: &Command) -> Result<(), String> {
        self.sequence = self.sequence.next();
        self.ran.push(place);
        let sequenced = |value: Command| Sequenced {
            sequence: self.sequence,
            time,
            value,
        };
        let ours = sequenced(command.clone());
        let theirs = sequenced(renamed(command, |id| self.plain(id)));
        let before = Coverage::before(&self.reference, &theirs.value);
        // SetLimits looks at how many requests are remembered once old ones are forgotten, and a
        // dry run forgets none.
        let dry = !matches!(command.body, Body::SetLimits(_));
        let dry = dry.then(|| self.subject.validate(command, time));
        let quote = self.subject.quote(command, time);
        let expected = self.reference.apply(&theirs);
        self.events.clear();
        let apply = AssertUnwindSafe(|| self.subject.apply(&ours, &mut self.events));
        if let Err(panic) = catch_unwind(apply) {
            return Err(format!(
                "{}; the rules say {expected:?}",
                words(panic.as_ref())
            ));
        }
        let mut matches = self.watch.see(self.events.as_slice()).into_iter();
        // Orders trade where their venue's licence lets them.
        if let Some(matched) = matches.find(|one| !matches!(one, Matched::Trade(_))) {
            return Err(format!("the engine matched: {matched:?}"));
        }
        let found = self.follow(place)?;
        same_events(&expected, &found)?;
        is_quoted(quote.as_ref(), &found)?;
        let answer = expected.iter().find_map(reject_of);
        if let Some(dry) = dry.filter(|dry| *dry != answer) {
            return Err(format!("validate says {dry:?}, the answer is {answer:?}"));
        }
        let due = (self.reference.next_deadline(), self.subject.next_deadline());
        if due.0 != due.1 {
            return Err(format!(
                "next deadline: the rules say {:?}, the engine {:?}",
                due.0, due.1
            ));
        }
        self.coverage
            .after(before, &theirs.value, &expected, &self.reference);
        if self.sequence.value().is_multiple_of(LOOK_EVERY) {
            return self.look();
        }
        self.subject.audit()
    }

    /// The engine's events with the reference's ids; checks slots on the way.
    fn follow(&mut self, place: usize) -> Result<Vec<Event>, String> {
        let events = self.events.as_slice().to_vec();
        let mut plain = Vec::with_capacity(events.len());
        self.take_rows(&events);
        for (index, event) in (0..).zip(events) {
            match event {
                Event::Report(mut report) => {
                    if report.exec_type == ExecType::New {
                        self.issue(report.order, place)?;
                    }
                    if matches!(report.exec_type, ExecType::Canceled | ExecType::Expired) {
                        self.free.push(report.order.slot);
                    }
                    report.order = self.plain(report.order);
                    plain.push(Event::Report(report));
                }
                Event::Trade(trade) => plain.push(self.follow_trade(trade, (place, index))),
                Event::Book(mut change) => {
                    change.order = self.plain(change.order);
                    plain.push(Event::Book(change));
                }
                Event::Sale(event) => plain.push(self.follow_sale(event, place)?),
                Event::Contract(event) => plain.push(self.follow_contract(event, place)?),
                Event::Custody(report) => {
                    if report.status == CustodyStatus::Pending {
                        self.instruct(report.instruction, place);
                    }
                    plain.push(event);
                }
                Event::Operation(mut report) => {
                    // The row of a discount is its handle.
                    if let Some(Event::Sale(SaleEvent::Discount(made))) = plain.last() {
                        let id = OrderId {
                            sequence: made.discount.sequence,
                            slot: report.handle.unwrap_or(WRONG_SLOT),
                        };
                        report.handle = Some(self.plain(id).slot);
                    }
                    plain.push(Event::Operation(report));
                }
                Event::Indicative(_)
                | Event::Uncrossed(_)
                | Event::MassCancel(_)
                | Event::Duplicate(_)
                | Event::SessionOpened(_)
                | Event::PhaseChanged(_)
                | Event::StatusChanged(_)
                | Event::ReferencePrice(_)
                | Event::DayRolled(_)
                | Event::Standing(_)
                | Event::Limits(_)
                | Event::Receipt(_)
                | Event::Correction(_)
                | Event::Credit(_)
                | Event::Settlement(_)
                | Event::Margin(_)
                | Event::EpochBegan(_)
                | Event::Quarantined(_)
                | Event::Regime(_)
                | Event::Switch(_) => plain.push(event),
            }
        }
        Ok(plain)
    }

    /// The rows that the contracts of a command take: the next ones, the lowest for the first.
    fn take_rows(&mut self, events: &[Event]) {
        let formed = events.iter().filter(|event| {
            matches!(event, Event::Contract(ContractEvent::Step(report))
                if report.step.forms())
        });
        let mut slots: Vec<u32> = formed.map(|_| next_slot(&mut self.contracts)).collect();
        if !slots.is_empty() {
            slots.sort_unstable();
            self.baskets.insert(self.sequence.value(), slots);
        }
    }

    fn follow_trade(&mut self, mut trade: Trade, (place, index): (usize, u32)) -> Event {
        self.traded.entry(place).or_default().push(TradeRef {
            sequence: self.sequence,
            index,
        });
        let mut fills = [trade.buy, trade.sell];
        if trade.aggressor == Some(Side::Buy) {
            fills.reverse();
        }
        let ended = fills.iter().filter(|fill| fill.leaves.is_zero());
        self.free.extend(ended.map(|fill| fill.order.slot));
        trade.buy.order = self.plain(trade.buy.order);
        trade.sell.order = self.plain(trade.sell.order);
        Event::Trade(trade)
    }

    fn follow_sale(&mut self, event: SaleEvent, place: usize) -> Result<Event, String> {
        match event {
            SaleEvent::Offer(report) => self.follow_offer(report, place),
            SaleEvent::Ticket(mut ticket) => {
                ticket.offer.slot = self.plain(of_offer(ticket.offer)).slot;
                Ok(Event::Sale(SaleEvent::Ticket(ticket)))
            }
            SaleEvent::Lottery(mut report) => {
                report.offer.slot = self.plain(of_offer(report.offer)).slot;
                Ok(Event::Sale(SaleEvent::Lottery(report)))
            }
            SaleEvent::Discount(mut report) => {
                let DiscountId { sequence, slot } = report.discount;
                let id = OrderId { sequence, slot };
                if report.act == DiscountAct::Defined {
                    let slot = next_slot(&mut self.discounts);
                    self.named(id, slot, place)?;
                }
                if report.act == DiscountAct::Ended {
                    self.discounts.0.push(slot);
                }
                report.discount.slot = self.plain(id).slot;
                Ok(Event::Sale(SaleEvent::Discount(report)))
            }
            SaleEvent::Party { .. }
            | SaleEvent::Terms { .. }
            | SaleEvent::Grace { .. }
            | SaleEvent::Guarantee(_)
            | SaleEvent::Use(_) => Ok(Event::Sale(event)),
        }
    }

    fn follow_offer(&mut self, report: OfferReport, place: usize) -> Result<Event, String> {
        let mut report = report;
        let id = of_offer(report.offer);
        if report.act == OfferAct::Offered {
            let slot = next_slot(&mut self.offers);
            self.named(id, slot, place)?;
        }
        if report.act == OfferAct::Withdrawn {
            self.offers.0.push(id.slot);
        }
        report.offer.slot = self.plain(id).slot;
        Ok(Event::Sale(SaleEvent::Offer(report)))
    }

    fn follow_contract(&mut self, event: ContractEvent, place: usize) -> Result<Event, String> {
        Ok(Event::Contract(match event {
            ContractEvent::Step(mut report) => {
                let id = of_contract(report.contract());
                if report.step.forms() {
                    let slots = &self.baskets[&self.sequence.value()];
                    let line = slots.iter().position(|slot| *slot == id.slot);
                    if line.is_none_or(|line| line == 0) {
                        self.named(id, slots[0], place)?;
                    }
                }
                if !report.state.lives() {
                    self.contracts.0.push(id.slot);
                }
                report.slots = ContractSlots {
                    contract: self.plain(id).slot,
                    offer: self.plain(of_offer(report.offer())).slot,
                };
                ContractEvent::Step(report)
            }
            ContractEvent::Refused(mut refused) => {
                refused.contract = refused.contract.map(|id| ContractId {
                    sequence: id.sequence,
                    slot: self.plain(of_contract(id)).slot,
                });
                ContractEvent::Refused(refused)
            }
        }))
    }

    /// A new order has an id: its sequence is the command's, its slot what the rule says.
    fn issue(&mut self, id: OrderId, place: usize) -> Result<(), String> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.unused += 1;
            self.unused - 1
        });
        self.named(id, slot, place)
    }

    fn named(&mut self, id: OrderId, slot: u32, place: usize) -> Result<(), String> {
        let expected = OrderId {
            sequence: self.sequence.value(),
            slot,
        };
        if id != expected {
            return Err(format!(
                "a new order has the id {id:?}, the rules say {expected:?}"
            ));
        }
        self.made.insert(place, id);
        self.issued.insert(id.sequence, (slot, place));
        Ok(())
    }

    /// An instruction waits: scripts name it as they name orders.
    fn instruct(&mut self, id: Sequence, place: usize) {
        let (sequence, slot) = (id.value(), 0);
        self.made.insert(place, OrderId { sequence, slot });
    }

    /// The engine that is compared.
    pub fn engine(&self) -> &Engine {
        self.subject.engine()
    }

    /// A deep look: the engine's own audit, its book against the reference's, and the engine
    /// restored from its own snapshot, which carries on in its place.
    pub fn look(&mut self) -> Result<(), String> {
        self.subject.audit()?;
        let instruments = self.reference.instruments.len();
        let found = self.subject.lines(instruments, |id| self.plain(id));
        let expected = super::subject::lines(&self.reference);
        if expected != found {
            return Err(format!(
                "the rules say {expected:#?}, the engine has {found:#?}"
            ));
        }
        let last = self
            .reference
            .instruments
            .iter()
            .map(|known| known.last.map(ticks));
        let last: Vec<_> = last.collect();
        let found = self.subject.last_trades(instruments);
        if last != found {
            return Err(format!(
                "last trades: the rules say {last:?}, the engine {found:?}"
            ));
        }
        let expected = super::subject::positions(&self.reference);
        let found = self.subject.positions(&self.reference);
        if expected != found {
            return Err(format!(
                "positions: the rules say {expected:#?}, the engine has {found:#?}"
            ));
        }
        let expected = super::subject::margin_rows(&self.reference);
        let found = self.subject.margin_rows();
        if expected != found {
            return Err(format!(
                "margin rows: the rules say {expected:#?}, the engine has {found:#?}"
            ));
        }
        let expected: Vec<_> = (0..instruments)
            .map(|at| self.reference.counted_holders(at))
            .collect();
        let found = self.subject.holders(instruments);
        if expected != found {
            return Err(format!(
                "holders and places: the rules say {expected:?}, the engine {found:?}"
            ));
        }
        for account in (0..self.reference.accounts.len() as u32).map(AccountId::new) {
            self.subject.holds_sum(account)?;
            let counted = (
                self.reference.counted(account),
                self.subject.counted(account),
            );
            if counted.0 != counted.1 {
                return Err(format!(
                    "{account:?}, the rules and the engine: {counted:?}"
                ));
            }
        }
        super::border::same_uses(&self.reference, self.subject.engine())?;
        self.subject.restore()?;
        self.coverage.restored += 1;
        Ok(())
    }
}

/// The slot that the next row takes: the one freed last, else one never used.
fn next_slot((free, unused): &mut (Vec<u32>, u32)) -> u32 {
    free.pop().unwrap_or_else(|| {
        *unused += 1;
        *unused - 1
    })
}

/// What a panic said.
pub fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or_default())
}

fn same_events(expected: &[Event], found: &[Event]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let pairs = expected.iter().zip(found);
    let same = pairs
        .take_while(|(expected, found)| expected == found)
        .count();
    Err(format!(
        "event {same} of {} (the engine gave {}):\n the rules say {:?}\n the engine  {:?}",
        expected.len(),
        found.len(),
        expected.get(same),
        found.get(same),
    ))
}
