//! The bytes of events about sales and contracts.
//!
//! Invariant: as in `state_hash`.

use super::Buffer;
use crate::event::{
    ContractEvent, ContractRefused, ContractReport, ContractSide, OfferReport, SaleEvent,
};
use crate::types::{AccountId, ContractId, Time};

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
            SaleEvent::Offer(report) => self.offer(report),
        }
    }

    fn offer(&mut self, report: &OfferReport) {
        self.byte(3);
        self.byte(report.act as u8);
        self.u64(report.offer.sequence);
        self.u32(report.offer.slot);
        self.u32(report.version);
        self.u32(report.seller.index());
        self.u32(report.terms.index());
        self.u32(report.goods.index());
        self.i64(report.price);
        self.u32(report.left);
    }

    pub(super) fn contract(&mut self, event: &ContractEvent) {
        self.byte(29);
        match event {
            ContractEvent::Step(report) => self.step(report),
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
        self.reject(Some(refused.reject));
        self.u64(refused.counters.account);
        self.u64(refused.counters.participant);
    }

    fn step(&mut self, report: &ContractReport) {
        self.byte(1);
        self.byte(report.step as u8);
        self.byte(report.by.map_or(0, |role| role as u8));
        self.byte(report.state as u8);
        self.byte(report.disputed as u8);
        self.u32(report.version);
        self.u64(report.contract);
        self.u64(report.offer);
        for handle in [
            report.slots.contract,
            report.slots.offer,
            report.venue.index(),
            report.money.index(),
            report.goods.index(),
            report.warehouse.index(),
            report.pieces,
        ] {
            self.u32(handle);
        }
        self.side(&report.buyer);
        self.side(&report.seller);
        for number in [
            report.price,
            report.amount,
            report.tax,
            report.money_held,
            report.refunded,
            report.tax_back,
            report.paid_out,
            report.fee,
            report.goods_out,
        ] {
            self.i64(number);
        }
        self.byte(u8::from(report.deadline.is_some()));
        self.i64(report.deadline.map_or(0, Time::nanoseconds));
    }

    fn side(&mut self, side: &ContractSide) {
        self.u32(side.account.index());
        self.u64(side.counters.account);
        self.u64(side.counters.participant);
    }
}
