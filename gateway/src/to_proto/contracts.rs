//! Reports about contracts, and contracts themselves, from rows of the history.
//!
//! Invariant: as in `history`: a report has one wire form, whether it answers a call or is read
//! years later; a party is told its own counters and its own ids. Not here: the rows.

use engine::command::{GoodsTo, TakenTo};
use engine::engine::{BasketCost, Debt, LineCost};
use engine::event::{ContractReport, ContractStep, Disputed, FullTax, Role, State};
use engine::types::{AccountId, Side, VenueId};
use proto::v1;

use super::history::session;
use super::sales::units_text;
use super::{
    account_name, asset_name, client_order_id, contract_id_text, custodian_name, exec_id_text,
    offer_id_text, regime_word, reject_words, timestamp,
};
use crate::directory::Tables;
use crate::projector::contracts::{ContractEnds, ContractRow, Said};

/// What was done.
pub const fn contract_step(step: ContractStep) -> v1::ContractStep {
    match step {
        ContractStep::Reserve => v1::ContractStep::Reserve,
        ContractStep::Pay => v1::ContractStep::Pay,
        ContractStep::PayIn => v1::ContractStep::PayIn,
        ContractStep::PaidIn => v1::ContractStep::PaidIn,
        ContractStep::Cancel => v1::ContractStep::Cancel,
        ContractStep::HandOver => v1::ContractStep::HandOver,
        ContractStep::Deliver => v1::ContractStep::Deliver,
        ContractStep::PickUp => v1::ContractStep::PickUp,
        ContractStep::Accept => v1::ContractStep::Accept,
        ContractStep::AskReturn => v1::ContractStep::AskReturn,
        ContractStep::HandBack => v1::ContractStep::HandBack,
        ContractStep::TakeBack => v1::ContractStep::TakeBack,
        ContractStep::Dispute => v1::ContractStep::Dispute,
        ContractStep::Resolve => v1::ContractStep::Resolve,
        ContractStep::Rescind => v1::ContractStep::Rescind,
        ContractStep::Deadline => v1::ContractStep::Deadline,
        ContractStep::PutOff => v1::ContractStep::PutOff,
        ContractStep::Invoice => v1::ContractStep::Invoice,
        ContractStep::Basket => v1::ContractStep::Basket,
        ContractStep::Repay => v1::ContractStep::Repay,
    }
}

/// How a contract stands.
pub const fn contract_state(state: State) -> v1::ContractState {
    match state {
        State::Unpaid => v1::ContractState::Unpaid,
        State::Paid => v1::ContractState::Paid,
        State::HandedOver => v1::ContractState::HandedOver,
        State::Delivered => v1::ContractState::Delivered,
        State::Accepted => v1::ContractState::Accepted,
        State::ReturnAsked => v1::ContractState::ReturnAsked,
        State::Returning => v1::ContractState::Returning,
        State::Settled => v1::ContractState::Settled,
        State::Refunded => v1::ContractState::Refunded,
        State::Cancelled => v1::ContractState::Cancelled,
        State::Expired => v1::ContractState::Expired,
        State::Defaulted => v1::ContractState::Defaulted,
        State::Resolved => v1::ContractState::Resolved,
        State::Rescinded => v1::ContractState::Rescinded,
        State::Joined => v1::ContractState::Joined,
        State::Released => v1::ContractState::Released,
        State::Deposited => v1::ContractState::Deposited,
        State::Forfeited => v1::ContractState::Forfeited,
        State::Entered => v1::ContractState::Entered,
        State::Performed => v1::ContractState::Performed,
        State::ReturnProposed => v1::ContractState::ReturnProposed,
        State::Covered => v1::ContractState::Covered,
        State::Owing => v1::ContractState::Owing,
    }
}

const fn role(role: Option<Role>) -> v1::ContractRole {
    match role {
        None => v1::ContractRole::Unspecified,
        Some(Role::Buyer) => v1::ContractRole::Buyer,
        Some(Role::Seller) => v1::ContractRole::Seller,
        Some(Role::Custodian) => v1::ContractRole::Custodian,
        Some(Role::Operator) => v1::ContractRole::Operator,
    }
}

/// Whether a refused command is one of a demonstration: what it named may be nowhere, so that is
/// said where every venue is one. The same to whoever is told, by a call, a stream or a Session.
pub fn refused_of_demonstration(tables: &Tables) -> bool {
    tables.all_demonstration()
}

/// The full report.
pub fn contract_report(tables: &Tables, row: &ContractRow) -> v1::ContractReport {
    let (session_id, client_sequence) = session(tables, row.answers());
    let counters = row.counters();
    let wire = v1::ContractReport {
        account_sequence: counters.account,
        participant_sequence: counters.participant,
        exec_id: exec_id_text(row.exec),
        client_order_id: client_order_id(row.answers()),
        account_id: row
            .account()
            .map_or_else(String::new, |id| account_name(tables, id)),
        engine_sequence: row.exec.sequence,
        transact_time: Some(timestamp(row.time)),
        session_id,
        client_sequence,
        ..v1::ContractReport::default()
    };
    match &row.event {
        engine::event::ContractEvent::Step(report) => {
            let mut wire = stepped(tables, report, wire);
            let of = match row.side() {
                Side::Buy => v1::ContractRole::Buyer,
                Side::Sell => v1::ContractRole::Seller,
            };
            wire.role = of.into();
            said(tables, &row.said, &mut wire);
            wire
        }
        engine::event::ContractEvent::Refused(refused) => {
            let words = reject_words(&tables.law, refused.reject);
            v1::ContractReport {
                step: contract_step(refused.step).into(),
                contract_id: refused.contract.map_or_else(String::new, contract_id_text),
                refused_line: refused.line.map(u32::from),
                reject_reason: words.reason,
                legal_basis: words.basis,
                text: words.text,
                demonstration: refused_of_demonstration(tables),
                ..wire
            }
        }
    }
}

fn stepped(
    tables: &Tables,
    report: &ContractReport,
    wire: v1::ContractReport,
) -> v1::ContractReport {
    let money = |units| units_text(tables, report.money, units);
    v1::ContractReport {
        contract_id: contract_id_text(report.contract()),
        step: contract_step(report.step).into(),
        by: role(report.by).into(),
        state: contract_state(report.state).into(),
        disputed: report.disputed == Disputed::Yes,
        full_tax: report.full_tax == FullTax::Yes,
        version: report.version,
        offer_id: offer_id_text(report.offer()),
        venue_id: venue_name(tables, report.venue),
        money_asset_id: asset_name(tables, report.money),
        goods_asset_id: asset_name(tables, report.goods),
        warehouse_id: custodian_name(tables, report.warehouse),
        pieces: report.pieces,
        came_back: report.came_back,
        regime: regime_word(&tables.law, report.regime),
        buyer_account_id: account_name(tables, report.buyer.account),
        seller_account_id: account_name(tables, report.seller.account),
        price: money(report.price),
        amount: money(report.amount),
        tax: money(report.tax),
        money_held: money(report.money_held),
        refunded: money(report.refunded),
        tax_back: money(report.tax_back),
        paid_out: money(report.paid_out),
        fee: money(report.fee),
        penalty: money(report.penalty),
        owing: money(report.owing),
        discount: money(report.discount()),
        goods_out: units_text(tables, report.goods, report.goods_out),
        deadline: report.deadline.map(timestamp),
        demonstration: tables.venue_is_demonstration(report.venue),
        ..wire
    }
}

fn said(tables: &Tables, said: &Said, wire: &mut v1::ContractReport) {
    match said {
        Said::Nothing => {}
        Said::Reserve {
            terms,
            delivery_reference,
        } => {
            wire.terms = terms.map(engine::types::TermsId::index);
            wire.delivery_reference = delivery_reference.to_vec();
        }
        Said::Reference(reference) => wire.reference = reference.to_vec(),
        Said::Pieces(pieces) => wire.return_pieces = *pieces,
        Said::Taken(to) => {
            wire.taken_to = match to {
                TakenTo::Stock => v1::TakenTo::Stock,
                TakenTo::WriteOff => v1::TakenTo::WriteOff,
            }
            .into();
        }
        Said::Custodian(custodian) => wire.custodian_id = custodian_name(tables, *custodian),
        Said::Goods(to) => {
            wire.goods_to = match to {
                GoodsTo::Stock => v1::GoodsTo::Stock,
                GoodsTo::Buyer => v1::GoodsTo::Buyer,
            }
            .into();
        }
    }
}

/// The name of a venue.
pub fn venue_name(tables: &Tables, id: VenueId) -> String {
    let venue = tables.venue(id);
    venue.map_or_else(String::new, |venue| venue.name.as_str().to_owned())
}

/// What the seller of a contract owes.
pub fn debt(tables: &Tables, debt: &Debt) -> v1::Debt {
    v1::Debt {
        contract_id: contract_id_text(debt.contract),
        seller_account_id: account_name(tables, debt.seller),
        buyer_account_id: account_name(tables, debt.buyer),
        venue_id: venue_name(tables, debt.venue),
        money_asset_id: asset_name(tables, debt.money),
        owing: units_text(tables, debt.money, debt.amount),
        since: Some(timestamp(debt.since.time)),
        since_sequence: debt.since.sequence.value(),
        contract_version: debt.version,
        demonstration: tables.venue_is_demonstration(debt.venue),
    }
}

/// What a basket would cost.
pub fn basket_cost(tables: &Tables, cost: &BasketCost) -> v1::BasketCost {
    let money = |units| units_text(tables, cost.money, units);
    let sum = |of: fn(&LineCost) -> i64| money(cost.lines().map(of).sum());
    let line = |line: &LineCost| v1::LineCost {
        pieces: line.pieces,
        price: money(line.price),
        list_amount: money(line.list_amount()),
        discount: money(line.discount()),
        amount: money(line.amount),
        tax: money(line.tax),
        to_pay: money(line.to_pay),
    };
    v1::BasketCost {
        money_asset_id: asset_name(tables, cost.money),
        lines: cost.lines().map(line).collect(),
        total: Some(v1::LineCost {
            list_amount: sum(LineCost::list_amount),
            discount: sum(LineCost::discount),
            amount: sum(|line| line.amount),
            tax: sum(|line| line.tax),
            to_pay: sum(|line| line.to_pay),
            ..v1::LineCost::default()
        }),
    }
}

/// A contract as last reported, as this account is told it.
pub fn contract(tables: &Tables, ends: &ContractEnds, account: AccountId) -> v1::Contract {
    let ContractEnds { formed, last } = ends;
    let Some(report) = last.step() else {
        return v1::Contract::default();
    };
    let wire = stepped(tables, report, v1::ContractReport::default());
    let (terms, delivery_reference) = match formed.said {
        Said::Reserve {
            terms,
            delivery_reference,
        } => (terms, delivery_reference.to_vec()),
        Said::Nothing
        | Said::Reference(_)
        | Said::Pieces(_)
        | Said::Taken(_)
        | Said::Custodian(_)
        | Said::Goods(_) => (None, Vec::new()),
    };
    let own = report.buyer.account == account;
    v1::Contract {
        contract_id: wire.contract_id,
        offer_id: wire.offer_id,
        terms: terms.map(engine::types::TermsId::index),
        venue_id: wire.venue_id,
        buyer_account_id: wire.buyer_account_id,
        seller_account_id: wire.seller_account_id,
        goods_asset_id: wire.goods_asset_id,
        warehouse_id: wire.warehouse_id,
        pieces: wire.pieces,
        came_back: wire.came_back,
        regime: wire.regime,
        money_asset_id: wire.money_asset_id,
        price: wire.price,
        amount: wire.amount,
        discount: wire.discount,
        tax: wire.tax,
        money_held: wire.money_held,
        owing: wire.owing,
        state: wire.state,
        disputed: wire.disputed,
        version: wire.version,
        last_step: wire.step,
        last_by: wire.by,
        deadline: wire.deadline,
        formed_time: Some(timestamp(formed.time)),
        updated_time: Some(timestamp(last.time)),
        engine_sequence: last.exec.sequence,
        delivery_reference,
        client_order_id: if own {
            client_order_id(formed.asked)
        } else {
            String::new()
        },
        demonstration: wire.demonstration,
        full_tax: wire.full_tax,
    }
}
