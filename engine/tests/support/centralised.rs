//! Sees in events alone whether a market matched for its parties (电子商务法(2018) 46,
//! 国发〔2011〕38号: no 集中竞价, no 电子撮合).
//!
//! Invariant: a contract is lawful only if it was formed (a) by one command of its buyer that took
//! one standing offer of one other party, as announced, and did nothing else for anybody but take
//! other offers of that same party by name (a basket: 1 to 8 lines, each an offer of its own and
//! told as a line), or (b) by the close of an event with one offering side, out of an entry that
//! its buyer had made in it. All else, and every trade of an order book, is a match. Not here:
//! who may match (`Matched::Trade` names the instrument; its venue's licence decides), commands:
//! nothing but events is looked at.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

use sanjiang_engine::command::Basket;
use sanjiang_engine::event::{
    ContractEvent, ContractReport, ContractStep, Event, OfferAct, OfferReport, Role, SaleEvent,
    State,
};
use sanjiang_engine::types::{AccountId, InstrumentId};

/// A match that nobody asked for by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Matched {
    /// Two orders traded.
    Trade(InstrumentId),
    /// A contract that is not its buyer's own taking of one offer.
    Taken(ContractReport, &'static str),
    /// A contract that is not one of the entries of an event that closed.
    Closed(ContractReport, &'static str),
}

/// What was announced of an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Announced {
    version: u32,
    seller: AccountId,
}

/// An entry of an event, or a contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Known {
    buyer: AccountId,
    seller: AccountId,
    offer: u64,
    binds: bool,
}

/// Reads events, command by command.
#[derive(Default)]
pub struct Watch {
    offers: BTreeMap<u64, Announced>,
    /// By sequence and row.
    contracts: BTreeMap<(u64, u32), Known>,
}

fn binds(state: State) -> bool {
    !matches!(state, State::Joined | State::Entered)
}

impl Watch {
    /// The matches in the events of one command.
    pub fn see(&mut self, events: &[Event]) -> Vec<Matched> {
        let mut found = Vec::new();
        for event in events {
            if let Event::Trade(trade) = event {
                found.push(Matched::Trade(trade.instrument));
            }
            if let Event::Contract(ContractEvent::Step(report)) = event {
                found.extend(self.judge(report, events));
            }
        }
        // Only now is what was announced here an offer that a later command can name.
        for event in events {
            self.learn(event);
        }
        found
    }

    fn judge(&self, report: &ContractReport, events: &[Event]) -> Option<Matched> {
        match self.contracts.get(&key(report)) {
            None => {
                let wrong = self.taken(report, events);
                wrong.map(|why| Matched::Taken(*report, why))
            }
            Some(known) if !known.binds && binds(report.state) && report.state.lives() => {
                let wrong = closed(known, report);
                wrong.map(|why| Matched::Closed(*report, why))
            }
            Some(_) => None,
        }
    }

    /// Why a new contract is not its buyer's taking of one offer.
    fn taken(&self, report: &ContractReport, events: &[Event]) -> Option<&'static str> {
        let Some(offer) = self.offers.get(&report.offer) else {
            return Some("its offer was not announced before");
        };
        if !report.step.forms() || report.by != Some(Role::Buyer) {
            return Some("not its buyer took it");
        }
        if offer.seller != report.seller.account || report.buyer.account == offer.seller {
            return Some("its seller is not who announced the offer");
        }
        let formed: Vec<_> = events
            .iter()
            .filter_map(|event| self.formed(event))
            .collect();
        if let Some(why) = swept(report, &formed) {
            return Some(why);
        }
        let mut touched = events.iter().filter_map(offer_of);
        let named = |offer: u64| formed.iter().any(|one| one.offer == offer);
        if touched.any(|said| !named(said.offer.sequence)) {
            return Some("the command did something to another offer");
        }
        let mut own = events.iter().filter_map(offer_of);
        let said = own.find(|said| said.offer.sequence == report.offer);
        match said.map(|said| (said.act, said.version)) {
            Some((OfferAct::Reserved, version)) if version == offer.version => None,
            Some((OfferAct::Reserved, _)) => Some("the offer is not as it was announced"),
            _ => Some("no offer lost pieces to it"),
        }
    }

    /// A contract that was not there before.
    fn formed<'a>(&self, event: &'a Event) -> Option<&'a ContractReport> {
        let Event::Contract(ContractEvent::Step(report)) = event else {
            return None;
        };
        (!self.contracts.contains_key(&key(report))).then_some(report)
    }

    fn learn(&mut self, event: &Event) {
        if let Some(said) = offer_of(event) {
            let announced = Announced {
                version: said.version,
                seller: said.seller,
            };
            self.offers.insert(said.offer.sequence, announced);
        }
        if let Event::Contract(ContractEvent::Step(report)) = event {
            let known = Known {
                buyer: report.buyer.account,
                seller: report.seller.account,
                offer: report.offer,
                binds: binds(report.state),
            };
            self.contracts.insert(key(report), known);
        }
    }
}

fn key(report: &ContractReport) -> (u64, u32) {
    (report.contract, report.slots.contract)
}

/// Why what one command took beside a contract is no basket of its buyer with its seller.
fn swept(report: &ContractReport, formed: &[&ContractReport]) -> Option<&'static str> {
    let parties = |one: &ContractReport| (one.buyer.account, one.seller.account);
    if formed.iter().any(|one| parties(one) != parties(report)) {
        return Some("one command took offers of several parties");
    }
    if formed.len() > Basket::LINES_MAX {
        return Some("one command took more than a basket holds");
    }
    let same = formed.iter().filter(|one| one.offer == report.offer);
    if same.count() > 1 {
        return Some("one command took an offer twice");
    }
    let named = formed.iter().all(|one| one.step == ContractStep::Basket);
    (formed.len() > 1 && !named).then_some("one command took an offer its buyer did not name")
}

/// Why an entry may not become this contract.
fn closed(known: &Known, report: &ContractReport) -> Option<&'static str> {
    let parties = (known.buyer, known.seller, known.offer);
    if parties != (report.buyer.account, report.seller.account, report.offer) {
        return Some("it is not between the parties of its entry");
    }
    if report.step != ContractStep::Deadline || report.by.is_some() {
        return Some("somebody picked it");
    }
    None
}

fn offer_of(event: &Event) -> Option<&OfferReport> {
    let Event::Sale(SaleEvent::Offer(report)) = event else {
        return None;
    };
    Some(report)
}
