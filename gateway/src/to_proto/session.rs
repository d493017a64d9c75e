//! Reports of a session's commands, in ticks, lots and handles.
//!
//! Invariant: what a command's events say about orders of the command's own account, in order, and
//! nothing else; the same facts as the full report of the same event. Not here: connections and
//! credit (`session`).

use engine::command::{Body, Command, Sequenced};
use engine::event::{
    ContractEvent, ContractRefused, ContractReport, ContractStep, Counters, Event, FullTax,
    OrderReport, Trade,
};
use engine::types::{AccountId, InstrumentId, OrderId, Price, Side, Time};
use proto::v1;

use super::contracts::{contract_state, contract_step, refused_of_demonstration};
use super::switch::armed;
use super::{
    Place, cause, exec_id, exec_type, fill_status, liquidity, reject_words, reported_status, side,
    trade_id,
};
use crate::directory::Tables;

/// One command of a session with what its reports need.
struct Writer<'a> {
    tables: &'a Tables,
    place: Place,
    client_sequence: u64,
    account: AccountId,
    /// The order last reported on, with its price: a trade does not repeat it.
    last: Option<(OrderId, Option<Price>)>,
    out: &'a mut v1::SessionReports,
}

/// Adds the reports of one session command to `out`.
pub fn session_reports(
    tables: &Tables,
    (shard, epoch): (u32, u32),
    command: &Sequenced<Command>,
    client_sequence: u64,
    events: &[Event],
    out: &mut v1::SessionReports,
) {
    if let Body::Switch(_) = &command.value.body {
        let armed = |event| armed(event, command.sequence, client_sequence);
        out.dead_man.extend(events.iter().filter_map(armed));
    }
    let Some(account) = command.value.body.account() else {
        return;
    };
    let mut writer = Writer {
        tables,
        place: Place {
            shard,
            epoch,
            sequence: command.sequence,
            time: command.time,
            index: 0,
        },
        client_sequence,
        account,
        last: None,
        out,
    };
    for (index, event) in (0..).zip(events) {
        writer.place.index = index;
        match event {
            Event::Report(report) if report.account == account => writer.report(report),
            Event::Trade(trade) => {
                if trade.buy.account == account {
                    writer.fill(trade, Side::Buy);
                }
                if trade.sell.account == account {
                    writer.fill(trade, Side::Sell);
                }
            }
            Event::MassCancel(report) => writer.mass_cancel(report),
            Event::Contract(ContractEvent::Step(report)) => writer.step(report),
            Event::Contract(ContractEvent::Refused(refused)) => writer.refused(refused),
            Event::Report(_)
            | Event::Book(_)
            | Event::Indicative(_)
            | Event::Uncrossed(_)
            | Event::Operation(_)
            | Event::Duplicate(_)
            | Event::SessionOpened(_)
            | Event::PhaseChanged(_)
            | Event::StatusChanged(_)
            | Event::ReferencePrice(_)
            | Event::DayRolled(_)
            | Event::Custody(_)
            | Event::Standing(_)
            | Event::Limits(_)
            | Event::Receipt(_)
            | Event::Correction(_)
            | Event::Credit(_)
            | Event::Settlement(_)
            | Event::Margin(_)
            | Event::Sale(_)
            | Event::Regime(_)
            | Event::EpochBegan(_)
            | Event::Quarantined(_)
            | Event::Switch(_) => {}
        }
    }
}

impl Writer<'_> {
    fn blank(&self) -> v1::SessionReport {
        v1::SessionReport {
            engine_sequence: self.place.sequence.value(),
            client_sequence: self.client_sequence,
            account: self.account.index(),
            transact_time_ns: self.place.time.nanoseconds(),
            ..v1::SessionReport::default()
        }
    }

    fn report(&mut self, report: &OrderReport) {
        self.last = Some((report.order, report.price));
        let mut wire = self.blank();
        wire.exec_type = exec_type(report.exec_type).into();
        wire.order_status = reported_status(report).into();
        wire.order_sequence = report.order.sequence;
        wire.order_slot = report.order.slot;
        wire.instrument = report.instrument.map_or(0, InstrumentId::index);
        wire.side = report.side.map_or(v1::Side::Unspecified, side).into();
        wire.price_ticks = report.price.map_or(0, Price::ticks);
        wire.leaves_lots = report.leaves.lots();
        wire.cumulative_lots = report.cumulative.lots();
        wire.account_sequence = report.counters.account;
        wire.participant_sequence = report.counters.participant;
        wire.index = exec_id(self.place, Side::Buy).index;
        wire.cause = cause(report.cause).into();
        wire.demonstration = report
            .instrument
            .is_some_and(|id| self.tables.is_demonstration(id));
        if let Some(reject) = report.reject {
            let words = reject_words(&self.tables.law, reject);
            wire.reject_code = u32::from(reject.reason.code());
            self.out.reject_words.push(v1::SessionRejectWords {
                report: self.out.reports.len() as u32,
                reject_reason: words.reason,
                legal_basis: words.basis,
                text: words.text,
            });
        }
        self.out.reports.push(wire);
    }

    fn fill(&mut self, trade: &Trade, of: Side) {
        let fill = match of {
            Side::Buy => &trade.buy,
            Side::Sell => &trade.sell,
        };
        // An order of the account that was resting trades at its own price.
        let price = self
            .last
            .filter(|(order, _)| *order == fill.order)
            .map_or(Some(trade.price), |(_, price)| price);
        let mut wire = self.blank();
        wire.exec_type = v1::ExecType::Trade.into();
        wire.order_status = fill_status(fill.leaves).into();
        wire.order_sequence = fill.order.sequence;
        wire.order_slot = fill.order.slot;
        wire.instrument = trade.instrument.index();
        wire.side = side(of).into();
        wire.price_ticks = price.map_or(0, Price::ticks);
        wire.leaves_lots = fill.leaves.lots();
        wire.cumulative_lots = fill.cumulative.lots();
        wire.account_sequence = fill.counters.account;
        wire.participant_sequence = fill.counters.participant;
        wire.index = exec_id(self.place, of).index;
        wire.last_ticks = trade.price.ticks();
        wire.last_lots = trade.quantity.lots();
        wire.liquidity = liquidity(trade.aggressor, of).into();
        wire.fee_units = fill.fee;
        wire.trade_index = trade_id(self.place).index;
        wire.demonstration = self.tables.is_demonstration(trade.instrument);
        self.out.reports.push(wire);
    }

    fn contract(&self, step: ContractStep, counters: Counters) -> v1::SessionContractReport {
        v1::SessionContractReport {
            engine_sequence: self.place.sequence.value(),
            client_sequence: self.client_sequence,
            account: self.account.index(),
            step: contract_step(step).into(),
            account_sequence: counters.account,
            participant_sequence: counters.participant,
            transact_time_ns: self.place.time.nanoseconds(),
            ..v1::SessionContractReport::default()
        }
    }

    fn step(&mut self, report: &ContractReport) {
        let (of, side) = if report.seller.account == self.account {
            (Side::Sell, report.seller)
        } else {
            (Side::Buy, report.buyer)
        };
        if side.account != self.account {
            return;
        }
        let wire = v1::SessionContractReport {
            state: contract_state(report.state).into(),
            full_tax: report.full_tax == FullTax::Yes,
            contract_sequence: report.contract,
            contract_slot: report.slots.contract,
            version: report.version,
            offer_sequence: report.offer,
            offer_slot: report.slots.offer,
            pieces: report.pieces,
            price_units: report.price,
            amount_units: report.amount,
            tax_units: report.tax,
            money_held_units: report.money_held,
            owing_units: report.owing,
            deadline_ns: report.deadline.map_or(0, Time::nanoseconds),
            index: exec_id(self.place, of).index,
            demonstration: self.tables.venue_is_demonstration(report.venue),
            ..self.contract(report.step, side.counters)
        };
        self.out.contracts.push(wire);
    }

    fn refused(&mut self, refused: &ContractRefused) {
        let words = reject_words(&self.tables.law, refused.reject);
        let wire = v1::SessionContractReport {
            index: exec_id(self.place, Side::Buy).index,
            reject_code: u32::from(refused.reject.reason.code()),
            reject_reason: words.reason,
            legal_basis: words.basis,
            demonstration: refused_of_demonstration(self.tables),
            ..self.contract(refused.step, refused.counters)
        };
        self.out.contracts.push(wire);
    }

    fn mass_cancel(&mut self, report: &engine::event::MassCancelReport) {
        let law = &self.tables.law;
        let words = report.reject.map(|reject| reject_words(law, reject));
        let words = words.unwrap_or_default();
        let wire = v1::SessionMassCancelReport {
            engine_sequence: self.place.sequence.value(),
            client_sequence: self.client_sequence,
            canceled_count: report.canceled,
            kept_count: report.kept,
            reject_code: report
                .reject
                .map_or(0, |reject| u32::from(reject.reason.code())),
            reject_reason: words.reason,
            legal_basis: words.basis,
        };
        self.out.mass_cancels.push(wire);
    }
}
