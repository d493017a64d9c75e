//! Sees in events alone whether a market matched for its parties (电子商务法(2018) 46,
//! 国发〔2011〕38号: no 集中竞价, no 电子撮合).
//!
//! Invariant: a contract is lawful only if it was formed (a) by one command of its buyer that took
//! one standing offer of one other party, as announced, and did nothing else for anybody, or (b) by
//! the close of an event with one offering side, out of an entry that its buyer had made in it. All
//! else, and every trade of an order book, is a match. Not here: who may match (`Matched::Trade`
//! names the instrument; its venue's licence decides), commands: nothing but events is looked at.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

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
    contracts: BTreeMap<u64, Known>,
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
        match self.contracts.get(&report.contract) {
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
        if report.step != ContractStep::Reserve || report.by != Some(Role::Buyer) {
            return Some("not its buyer took it");
        }
        if offer.seller != report.seller.account || report.buyer.account == offer.seller {
            return Some("its seller is not who announced the offer");
        }
        let formed = events.iter().filter(|event| self.forms(event)).count();
        if formed > 1 {
            return Some("one command took several offers");
        }
        let touched = events.iter().filter_map(offer_of);
        let mut others = touched.filter(|said| said.offer.sequence != report.offer);
        if others.next().is_some() {
            return Some("the command did something to another offer");
        }
        let said = events.iter().find_map(offer_of);
        match said.map(|said| (said.act, said.version)) {
            Some((OfferAct::Reserved, version)) if version == offer.version => None,
            Some((OfferAct::Reserved, _)) => Some("the offer is not as it was announced"),
            _ => Some("no offer lost pieces to it"),
        }
    }

    fn forms(&self, event: &Event) -> bool {
        let Event::Contract(ContractEvent::Step(report)) = event else {
            return false;
        };
        !self.contracts.contains_key(&report.contract)
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
            self.contracts.insert(report.contract, known);
        }
    }
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
