//! Entries of group buys and balances of presales: how they come and go, how a group closes.
//!
//! Invariant: the price is fixed before the first entry has its turn, and no entry holds or gets
//! back more than what it put in. Nothing here can fail. Not here: the price (`market::group_buy`),
//! when entries have their turn (their deadlines, in order of their sequences).

use crate::command::Plan;
use crate::contract::Contract;
use crate::contract::effects::Moved;
use crate::engine::Engine;
use crate::event::{Event, Events, OfferAct, SaleEvent, State};
use crate::market::group_buy::Outcome;
use crate::market::sale::{Campaign, Offer, price};
use crate::types::Time;

impl Engine {
    /// When what closes for all its entries at once really does.
    fn closes_really(&self, offer: &Offer, closes: Time) -> Time {
        let venue = self.sales.known(offer.terms).terms.venue;
        let gaps = &self.contracts.gaps;
        gaps.put_off(closes, offer.sequence, venue)
    }

    /// In which state what takes an offer begins, and until when.
    pub(super) fn first_state(&self, slot: u32) -> (State, Time) {
        let (state, until) = self.sales.first_state(slot, self.time);
        if matches!(state, State::Joined | State::Entered) {
            return (state, self.closes_really(self.sales.row(slot), until));
        }
        (state, until)
    }

    /// Whether an offer can be taken at `time`. The close of a group is put off by gaps in
    /// service, as it takes the right to enter from all; other windows pass as they are.
    pub(super) fn is_open(&self, offer: &Offer, time: Time) -> bool {
        let terms = &self.sales.known(offer.terms).terms;
        if terms.plan != Plan::Group {
            return offer.is_open(time);
        }
        let closes = offer.closes.map(|closes| self.closes_really(offer, closes));
        offer.opens <= time && closes.is_none_or(|closes| time < closes)
    }

    /// What takes an offer is counted where its model asks for it.
    pub(super) fn enter(&mut self, offer: u32, entry: &Contract) {
        match self.sales.campaign_mut(offer) {
            Some(Campaign::Group(group)) => group.join(entry.pieces),
            Some(Campaign::Presale(presale)) => {
                presale.balances += 1;
                self.clearing.bind_seller(entry);
            }
            Some(Campaign::Lottery(lottery)) => {
                lottery.enter(entry.sequence, entry.owner, entry.pieces);
            }
            Some(Campaign::Queue(_)) | None => {}
        }
    }

    /// An entry, or a contract whose balance is open, is that no more.
    pub(super) fn depart(&mut self, was: State, contract: &Contract) {
        if !matches!(was, State::Joined | State::Deposited | State::Entered) {
            return;
        }
        match self.sales.campaign_mut(contract.offer.slot) {
            Some(Campaign::Group(group)) => group.leave(contract.pieces),
            Some(Campaign::Presale(presale)) => presale.balances -= 1,
            Some(Campaign::Lottery(lottery)) => lottery.entries -= 1,
            Some(Campaign::Queue(_)) | None => unreachable!("its offer waits for it"),
        }
    }

    /// The first entry of a group is due: its one price is fixed for all.
    pub(super) fn close_group(&mut self, slot: u32, events: &mut Events) {
        let group = self
            .sales
            .group(slot)
            .expect("an entry waits for its group");
        if group.outcome != Outcome::Open {
            return;
        }
        let outcome = group.close(|pieces| self.sales.row(slot).price_of(pieces));
        self.sales.close_group(slot, outcome);
        let mut report = match outcome {
            Outcome::Open => unreachable!("a close says something"),
            Outcome::Price(_) => self.sales.report(slot, OfferAct::Closed),
            Outcome::Void => self.sales.report(slot, OfferAct::Void),
        };
        if let Outcome::Price(price) = outcome {
            report.price = price;
        }
        events.push(Event::Sale(SaleEvent::Offer(report)));
    }

    /// An entry of a closed group has its turn: it is a contract at the one price and the rest of
    /// what it held goes back, or all of it does.
    pub(super) fn close_entry(&mut self, entry: &mut Contract, moved: &mut Moved) {
        let group = self.sales.group(entry.offer.slot);
        let price = match group.expect("an entry waits for its group").outcome {
            Outcome::Open => unreachable!("the group was closed before"),
            Outcome::Price(price) => price,
            Outcome::Void => {
                self.clearing.undo(entry, moved);
                entry.state = State::Released;
                return;
            }
        };
        let terms = &self.sales.known(entry.terms).terms;
        let cost = price::cost_at(price, terms, entry.pieces);
        let cost = cost.expect("no price is above the first");
        self.clearing
            .refund(entry, entry.to_pay - cost.to_pay, moved);
        (entry.price, entry.amount) = (cost.price, cost.amount);
        (entry.tax, entry.to_pay) = (cost.tax, cost.to_pay);
        entry.formed = self.time;
    }

    /// An entry of a drawn lottery has its turn: it has its pieces and is a contract, or its money.
    pub(super) fn draw_entry(&mut self, entry: &mut Contract, moved: &mut Moved) {
        let slot = entry.offer.slot;
        let lottery = self.sales.lottery(slot).expect("an entry waits for it");
        if !lottery.wins(entry.owner) {
            self.clearing.undo(entry, moved);
            entry.state = State::Released;
            return;
        }
        let offer = self.sales.row_mut(slot);
        let units = offer.units(entry.pieces);
        let ledger = &mut self.clearing.ledger;
        ledger.pass(&mut offer.stock, units, &mut entry.goods);
        offer.left -= entry.pieces;
        entry.formed = self.time;
    }
}
