//! The bytes of rare events about sales and contracts.
//!
//! Invariant: as in `state_hash`. Not here: steps of contracts and what happens to offers, which
//! are not rare (`words`).

use super::Buffer;
use crate::event::{ContractEvent, ContractRefused, LotteryFact, SaleEvent};
use crate::types::{AccountId, ContractId};

impl Buffer {
    pub(super) fn sale(&mut self, event: &SaleEvent) {
        self.byte(28);
        match event {
            SaleEvent::Party { owner, kind } => {
                self.byte(1);
                self.u32(owner.index());
                self.byte(*kind as u8);
            }
            SaleEvent::Terms { terms, venue } => {
                self.byte(2);
                self.u32(terms.index());
                self.u32(venue.index());
            }
            SaleEvent::Ticket(ticket) => {
                self.byte(3);
                self.u64(ticket.offer.sequence);
                self.u32(ticket.offer.slot);
                self.u32(ticket.account.index());
                self.u64(ticket.number);
                self.u64(ticket.admitted.nanoseconds() as u64);
                self.u64(ticket.until.nanoseconds() as u64);
            }
            SaleEvent::Lottery(report) => {
                self.byte(4);
                self.u64(report.offer.sequence);
                self.u32(report.offer.slot);
                self.fact(&report.fact);
            }
            SaleEvent::Guarantee(report) => {
                self.byte(6);
                self.u32(report.venue.index());
                self.u32(report.account.index());
                self.u32(report.money.index());
                self.u64(report.amount as u64);
                self.u64(report.covering as u64);
            }
            SaleEvent::Use(report) => {
                self.byte(5);
                self.u32(report.owner.index());
                self.u32(u32::from(report.year));
                self.byte(report.demonstration as u8);
                self.i64(report.here);
                self.i64(report.elsewhere);
            }
            SaleEvent::Discount(report) => {
                self.byte(6);
                self.byte(report.act as u8);
                self.u64(report.discount.sequence);
                self.u32(report.discount.slot);
                self.u32(report.seller.index());
                self.u32(report.venue.index());
                self.u32(report.left);
            }
            SaleEvent::Grace { venue, grace } => {
                self.byte(7);
                self.u32(venue.index());
                self.u64(grace.0 as u64);
            }
            SaleEvent::Offer(_) => unreachable!("it has words of its own"),
        }
    }

    fn hash(&mut self, hash: &[u8; 32]) {
        for byte in hash {
            self.byte(*byte);
        }
    }

    fn fact(&mut self, fact: &LotteryFact) {
        match fact {
            LotteryFact::Value { value, source } => {
                self.byte(1);
                self.hash(value);
                self.byte(source.as_str().len() as u8);
                for byte in source.as_str().bytes() {
                    self.byte(byte);
                }
            }
            LotteryFact::Seed { seed } => {
                self.byte(2);
                self.hash(seed);
            }
            LotteryFact::Drawn {
                entries,
                draw,
                winners,
            } => {
                self.byte(3);
                self.hash(entries);
                self.hash(draw);
                self.u32(*winners);
            }
        }
    }

    pub(super) fn contract(&mut self, event: &ContractEvent) {
        self.byte(29);
        match event {
            ContractEvent::Step(_) => unreachable!("it has words of its own"),
            ContractEvent::Refused(refused) => self.refused(refused),
        }
    }

    fn refused(&mut self, refused: &ContractRefused) {
        self.byte(2);
        self.byte(refused.step as u8);
        self.byte(u8::from(refused.account.is_some()));
        self.u32(refused.account.map_or(0, AccountId::index));
        let none = ContractId {
            sequence: 0,
            slot: 0,
        };
        self.byte(u8::from(refused.contract.is_some()));
        let contract = refused.contract.unwrap_or(none);
        self.u64(contract.sequence);
        self.u32(contract.slot);
        self.byte(refused.line.map_or(0, |line| line + 1));
        self.reject(Some(refused.reject));
        self.u64(refused.counters.account);
        self.u64(refused.counters.participant);
    }
}
