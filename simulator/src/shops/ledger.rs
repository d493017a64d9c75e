//! What the clerks of the shops asked and were told, and when the gateway died: the measure of
//! every check.
//!
//! Invariant: nothing is ever taken back; a second answer must be the first one again, marked as
//! such. Not here: what the streams say (`audit`), what must follow from it (`books`,
//! `campaigns`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proto::v1::{
    ContractReport, DefineDiscountResponse, Discount, MakeOfferRequest, OfferReport,
    OperationReport, QueueTicket, ReserveBasketRequest, ReserveRequest, SessionContractReport,
};

use super::{
    Answer, Command, Kind, Request,
    cover::{Set, Sets},
    deadlines::Graces,
    debts::{Move, Moves},
    fen, ns,
    ring::UNPAID,
    uses::{Customs, Said},
};
use crate::crash::memory::{Key, Memory, Sent};

/// What a clerk was told of a contract.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// In words.
    Report(Box<ContractReport>),
    /// In words, to an operator, whose own id stands in it and in no party's.
    Operator(Box<ContractReport>),
    /// In numbers, by a Session.
    Session(Box<SessionContractReport>),
}

/// When the gateway died, in nanoseconds: whoever noticed has waited for its end.
#[derive(Clone, Default, Debug)]
pub struct Lives {
    ends: Vec<i64>,
}

impl Lives {
    /// It was seen to be gone at this instant.
    pub fn ended(&mut self, at_ns: i64) {
        self.ends.push(at_ns);
    }

    /// In which life something was done, from 0.
    pub fn of(&self, at_ns: i64) -> usize {
        self.ends.partition_point(|end| *end < at_ns)
    }

    /// When a life ended.
    pub fn end(&self, life: usize) -> Option<i64> {
        self.ends.get(life).copied()
    }
}

/// An offer that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The answer.
    pub report: OfferReport,
    /// What was asked.
    pub asked: MakeOfferRequest,
    /// Its kind.
    pub kind: Kind,
    /// The public value that was brought in, of a lottery.
    pub value: Option<Vec<u8>>,
    /// The seed that was revealed.
    pub seed: Option<Vec<u8>>,
    /// Who queued for it, by the place of the history.
    pub joined: BTreeMap<u64, Joined>,
    /// Its end was answered, at this place of the history; none while it lives.
    pub withdrawn: Option<u64>,
    /// Its end was asked for.
    pub ending: bool,
}

impl Made {
    /// Pieces put on offer.
    pub const fn stock(&self) -> u32 {
        self.asked.stock_pieces
    }

    /// Pieces one owner may have.
    pub fn limit(&self) -> Option<u32> {
        let prices = self.asked.prices.as_ref();
        prices.and_then(|prices| prices.buyer_limit_pieces)
    }
}

/// Somebody who queued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    /// When, in nanoseconds.
    pub at_ns: i64,
    /// For which account.
    pub account: String,
}

/// A ticket as a clerk was told of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    /// Of which offer.
    pub offer: String,
    /// Of which account.
    pub account: String,
    /// The ticket.
    pub ticket: QueueTicket,
}

/// See the file's head.
#[derive(Default, Debug)]
pub struct Ledger {
    /// What was asked and told.
    pub memory: Memory<(), Told>,
    answers: HashMap<Key, Answer>,
    by_session: HashMap<Key, u64>,
    /// The commands whose answers have a number, by it; not an operator's, which no party is told.
    numbered: HashMap<u64, Key>,
    offers: BTreeMap<String, Made>,
    ending: HashMap<String, String>,
    /// Discounts that were defined, as they were asked for, by id.
    discounts: BTreeMap<String, Discount>,
    /// Baskets that were asked for.
    baskets: HashMap<String, ReserveBasketRequest>,
    /// What the seller's guarantee was set to.
    guarantees: Sets,
    /// What customs reported.
    customs: Customs,
    /// Imports that were asked for.
    imports: HashMap<String, ReserveRequest>,
    /// Settings of guarantees and reports of customs that were not answered yet.
    setting: BTreeSet<String>,
    /// What came to merchants, and what they took out.
    moves: Moves,
    /// The same that was not answered yet.
    moving: BTreeSet<String>,
    /// How much time is left after gaps in service.
    pub graces: Graces,
    /// Tickets that clerks looked at.
    pub shown: Vec<Shown>,
    /// When the gateway died.
    pub lives: Lives,
    /// Commands answered that the engine refused.
    pub refused: u64,
    /// Baskets that were sent again over a kill, and answered.
    pub baskets_again: u64,
    /// The same of discounts, guarantees, customs' reports and graces.
    pub settings_again: u64,
    /// The same of money that moves.
    pub moves_again: u64,
    /// The same of returns that were refused, since their seller may not owe.
    pub unpaid_again: u64,
}

impl Ledger {
    /// A command is about to be sent for the first time.
    pub fn asks(&mut self, command: &Command) {
        if let Request::Withdraw(request) = &command.request {
            let id = request.offer_id.clone();
            if let Some(made) = self.offers.get_mut(&id) {
                made.ending = true;
            }
            self.ending.insert(command.id.clone(), id);
        }
        match &command.request {
            Request::Guarantee(_) | Request::Use(_) => {
                self.setting.insert(command.id.clone());
            }
            Request::Grace(set) => self.graces.asks(&command.id, set),
            Request::Move(_) => {
                self.moving.insert(command.id.clone());
            }
            Request::Reserve(request) if command.kind == Kind::Import => {
                self.imports.insert(command.id.clone(), (**request).clone());
            }
            Request::Offer(_)
            | Request::Withdraw(_)
            | Request::Reserve(_)
            | Request::Step(_)
            | Request::Join(_)
            | Request::Ticket(_)
            | Request::Value(_)
            | Request::Seed(_)
            | Request::Discount(_)
            | Request::Basket(_) => {}
        }
        if let Request::Basket(request) = &command.request {
            self.baskets.insert(command.id.clone(), (**request).clone());
        }
        if !command.is_question() {
            self.asks_for(&Key::Request(command.id.clone()));
        }
    }

    /// The same, of a Session's.
    pub fn asks_for(&mut self, key: &Key) {
        self.memory.asks(key, ());
    }

    /// A command was answered by a call.
    pub fn answered(&mut self, command: &Command, sent: Sent, answer: &Answer) {
        if let (Request::Ticket(look), Answer::Ticket(ticket)) = (&command.request, answer) {
            let shown = |ticket: &QueueTicket| Shown {
                offer: look.offer_id.clone(),
                account: look.account_id.clone(),
                ticket: *ticket,
            };
            self.shown.extend(ticket.as_ref().map(shown));
            return;
        }
        let key = Key::Request(command.id.clone());
        let plain = answer.plain();
        self.memory.marked(&key, sent, answer.is_again());
        if sent != Sent::Once {
            self.baskets_again += u64::from(matches!(command.request, Request::Basket(_)));
            self.settings_again += u64::from(command.sets());
            self.moves_again += u64::from(matches!(command.request, Request::Move(_)));
            self.unpaid_again += u64::from(plain.reject_reason() == UNPAID);
        }
        if let Some(first) = self.answers.get(&key) {
            if *first != plain {
                let what = format!("{key:?} was answered {first:?}, now {plain:?}");
                self.memory.faults.add(what);
            }
            return;
        }
        self.memory.acknowledge(&key);
        self.refused += u64::from(!plain.reject_reason().is_empty());
        match &plain {
            Answer::Offer(report) => self.offered(command, report),
            Answer::Contract(report) => self.contract(command, report),
            Answer::Operation(report) => self.campaign(command, report),
            Answer::Discount(told) => self.defined(command, told),
            Answer::Basket(lines) => self.bought(command, lines),
            Answer::Ticket(_) => {}
        }
        self.answers.insert(key, plain);
    }

    /// Something about a queue, a lottery, a guarantee or a merchant's money was done.
    fn campaign(&mut self, command: &Command, report: &OperationReport) {
        if let Request::Guarantee(request) = &command.request {
            self.setting.remove(&command.id);
            let set = Set {
                fen: fen(&request.amount),
                reason: report.reject_reason.clone(),
            };
            self.guarantees.insert(report.engine_sequence, set);
        }
        if let Request::Use(_) = &command.request {
            self.setting.remove(&command.id);
        }
        if let Request::Move(request) = &command.request {
            self.moving.remove(&command.id);
            let moved = Move::of(request, &report.reject_reason);
            self.moves.insert(report.engine_sequence, moved);
        }
        if let Request::Grace(_) = &command.request {
            self.graces.answered(&command.id, report);
        }
        if !report.accepted {
            return;
        }
        match &command.request {
            Request::Join(join) => {
                let joined = Joined {
                    at_ns: report.transact_time.as_ref().map_or(0, ns),
                    account: join.account_id.clone(),
                };
                if let Some(made) = self.offers.get_mut(&join.offer_id) {
                    made.joined.insert(report.engine_sequence, joined);
                }
            }
            Request::Value(bring) => {
                if let Some(made) = self.offers.get_mut(&bring.offer_id) {
                    made.value = Some(bring.value.clone());
                }
            }
            Request::Seed(reveal) => {
                if let Some(made) = self.offers.get_mut(&reveal.offer_id) {
                    made.seed = Some(reveal.seed.clone());
                }
            }
            Request::Use(request) => {
                let said = Said {
                    owner: request.beneficial_owner_id.clone(),
                    year: request.year,
                    fen: fen(&request.used),
                };
                self.customs.insert(report.engine_sequence, said);
            }
            Request::Offer(_)
            | Request::Withdraw(_)
            | Request::Reserve(_)
            | Request::Step(_)
            | Request::Ticket(_)
            | Request::Discount(_)
            | Request::Basket(_)
            | Request::Guarantee(_)
            | Request::Grace(_)
            | Request::Move(_) => {}
        }
    }

    /// Each line of a basket was answered, or the whole of it refused.
    fn bought(&mut self, command: &Command, lines: &[ContractReport]) {
        let asked = self.baskets.get(&command.id);
        let asked = asked.map_or(0, |basket| basket.lines.len());
        let refused = lines.iter().any(|line| !line.reject_reason.is_empty());
        if lines.len() != if refused { 1 } else { asked } {
            let what = format!("{asked} lines of {} were answered {lines:?}", command.id);
            self.memory.faults.add(what);
        }
        for line in lines {
            self.contract(command, line);
        }
    }

    fn defined(&mut self, command: &Command, told: &DefineDiscountResponse) {
        let accepted = told.report.as_ref().is_some_and(|report| report.accepted);
        if accepted == told.discount_id.is_empty() {
            let what = format!("{} was answered {told:?}", command.id);
            self.memory.faults.add(what);
        }
        if let Request::Discount(request) = &command.request
            && let Some(asked) = request.discount.as_ref().filter(|_| accepted)
        {
            let id = told.discount_id.clone();
            if self.discounts.insert(id, asked.clone()).is_some() {
                let what = format!("discount {} was defined twice", told.discount_id);
                self.memory.faults.add(what);
            }
        }
    }

    fn offered(&mut self, command: &Command, report: &OfferReport) {
        if !report.reject_reason.is_empty() {
            let refused = self.ending.get(&command.id);
            if let Some(made) = refused.and_then(|id| self.offers.get_mut(id)) {
                made.ending = false;
            }
            return;
        }
        if let Request::Offer(request) = &command.request {
            let made = Made {
                report: report.clone(),
                asked: (**request).clone(),
                kind: command.kind,
                value: None,
                seed: None,
                joined: BTreeMap::new(),
                withdrawn: None,
                ending: false,
            };
            let before = self.offers.insert(report.offer_id.clone(), made);
            if before.is_some() {
                let what = format!("offer {} was made twice", report.offer_id);
                self.memory.faults.add(what);
            }
        } else if let Some(id) = self.ending.get(&command.id)
            && let Some(made) = self.offers.get_mut(id)
        {
            made.withdrawn = Some(report.engine_sequence);
        }
    }

    fn contract(&mut self, command: &Command, report: &ContractReport) {
        let number = report.participant_sequence;
        if number == 0 {
            return;
        }
        let by_operator = matches!(
            &command.request,
            Request::Step(step) if step.account_id.is_empty()
        );
        let report = Box::new(report.clone());
        let told = if by_operator {
            Told::Operator(report)
        } else {
            let key = Key::Request(command.id.clone());
            self.numbered.insert(number, key);
            Told::Report(report)
        };
        self.memory.tell(number, told);
    }

    /// A reserve was answered by its Session.
    pub fn answered_in_session(&mut self, key: Key, report: &SessionContractReport) {
        if self.by_session.contains_key(&key) {
            let what = format!("{key:?} was answered twice");
            self.memory.faults.add(what);
            return;
        }
        self.memory.acknowledge(&key);
        self.refused += u64::from(report.reject_code != 0);
        let number = report.participant_sequence;
        if number > 0 {
            self.numbered.insert(number, key.clone());
            let told = Told::Session(Box::new(report.clone()));
            self.memory.tell(number, told);
        }
        self.by_session.insert(key, number);
    }

    /// The command whose answer was told under a number; none of an operator's.
    pub fn numbered(&self, number: u64) -> Option<&Key> {
        self.numbered.get(&number)
    }

    /// Commands that were sent and never answered.
    pub fn open(&self) -> impl Iterator<Item = &Key> {
        self.memory
            .open(|key| self.answers.contains_key(key) || self.by_session.contains_key(key))
    }

    /// Offers that were made, by id.
    pub fn offers(&self) -> &BTreeMap<String, Made> {
        &self.offers
    }

    /// Discounts that were defined, as they were asked for, by id.
    pub const fn discounts(&self) -> &BTreeMap<String, Discount> {
        &self.discounts
    }

    /// What the seller's guarantee was set to, and what customs reported; none while something that
    /// was asked may have been done without anybody knowing.
    pub fn settings(&self) -> Option<(&Sets, &Customs)> {
        let known = self.setting.is_empty();
        known.then_some((&self.guarantees, &self.customs))
    }

    /// What came to merchants, and what they took out; none while something that was asked may have
    /// been done without anybody knowing.
    pub fn moves(&self) -> Option<&Moves> {
        self.moving.is_empty().then_some(&self.moves)
    }

    /// Imports as they were asked for, by their id.
    pub const fn imports(&self) -> &HashMap<String, ReserveRequest> {
        &self.imports
    }

    /// What a basket was asked for by this id.
    pub fn basket(&self, id: &str) -> Option<&ReserveBasketRequest> {
        self.baskets.get(id)
    }

    /// When an offer was made, in nanoseconds.
    pub fn offered_ns(&self, offer_id: &str) -> Option<i64> {
        let time = self.offers.get(offer_id)?.report.transact_time.as_ref()?;
        Some(ns(time))
    }
}
