//! Reserves and steps of contracts.
//!
//! Invariant: as in `orders`. A step reads the money of a decision in the contract's own currency,
//! which never changes. Not here: whether the contract stands so (the engine).

use engine::clearing::Asset;
use engine::command::{
    Act, Authority, Body, Command, Confirmed, ContractCommand, GoodsTo, Reserve, TakeStep, TakenTo,
};
use engine::types::{AccountId, Amount, AssetId, ContractId, PrincipalId};
use proto::v1;
use v1::take_step_request as wire;

use super::fields::{Fields, Prefix};
use super::operations::authority;
use super::orders::{command, order_id};
use super::sales::{Deal, exactly, none_of, offer_id};
use crate::directory::Tables;
use crate::errors::Failure;

/// An id of a contract, as a report wrote it.
///
/// # Errors
/// It is none.
pub fn contract_named(text: &str) -> Result<ContractId, Failure> {
    let tables = Tables::default();
    let mut fields = Fields::new(&tables, Prefix::None);
    let id = contract_id(&mut fields, text);
    fields.finish(id)
}

fn contract_id(fields: &mut Fields<'_>, text: &str) -> Option<ContractId> {
    let id = order_id(text).map(|id| ContractId {
        sequence: id.sequence,
        slot: id.slot,
    });
    if id.is_none() {
        fields.wrong(
            "contract_id",
            "is no id this exchange gave; copy it from a report",
        );
    }
    id
}

/// Whether the buyer confirmed that the goods are not suited for a return.
pub(super) const fn confirmed(flag: bool) -> Confirmed {
    if flag { Confirmed::Yes } else { Confirmed::No }
}

impl Deal for v1::ReserveRequest {
    fn named(&self) -> (&str, Option<&prost_types::Timestamp>) {
        (&self.client_order_id, self.valid_until.as_ref())
    }

    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let account = fields.account("account_id", &self.account_id);
        let offer = offer_id(fields, "offer_id", &self.offer_id);
        let delivery = exactly(fields, "delivery_reference", &self.delivery_reference);
        let pickup = if self.pickup_hash.is_empty() {
            Some(None)
        } else {
            exactly(fields, "pickup_hash", &self.pickup_hash).map(Some)
        };
        Some(Body::Contract(ContractCommand::Reserve(Reserve {
            offer: offer?,
            version: self.offer_version,
            account: account?,
            pieces: self.pieces,
            delivery_reference: delivery?,
            pickup: pickup?,
            confirmed: confirmed(self.confirms_unsuitable),
        })))
    }
}

/// The command a step asks for; `money` is the contract's currency where a decision needs it.
///
/// # Errors
/// Malformed fields; something named that does not exist.
pub fn take_step(
    request: &v1::TakeStepRequest,
    money: Option<AssetId>,
    tables: &Tables,
    principal: PrincipalId,
) -> Result<Command, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let id = fields.client_id("client_order_id", &request.client_order_id);
    let valid_until = fields.time("valid_until", request.valid_until.as_ref());
    let said = authority(
        &mut fields,
        ("reason", &request.reason),
        ("approver", &request.approver),
    );
    let money = money.and_then(|id| tables.asset(id));
    let body =
        step(&mut fields, request, money).map(|take| Body::Contract(ContractCommand::Step(take)));
    let mut read = command(principal, id, valid_until, body);
    if let Some(read) = &mut read {
        read.envelope.authority = given(said);
    }
    fields.finish(read)
}

/// An authority that says something.
fn given(said: Authority) -> Option<Box<Authority>> {
    let silent = said.reason.is_empty() && said.approver.is_none();
    (!silent).then(|| Box::new(said))
}

fn step(
    fields: &mut Fields<'_>,
    request: &v1::TakeStepRequest,
    money: Option<&Asset>,
) -> Option<TakeStep> {
    let contract = contract_id(fields, &request.contract_id);
    let Some(asked) = &request.step else {
        fields.wrong("step", "is not given; one of its kinds is required");
        return None;
    };
    let account = account(fields, asked, &request.account_id);
    let act = act(fields, asked, money);
    Some(TakeStep {
        contract: contract?,
        version: request.contract_version,
        account: account?,
        act: act?,
    })
}

/// Who acts: an operator decides, and has no account.
#[allow(clippy::option_option, reason = "wrong is not the same as left out")]
fn account(fields: &mut Fields<'_>, asked: &wire::Step, name: &str) -> Option<Option<AccountId>> {
    let decides = matches!(asked, wire::Step::Resolve(_));
    match (decides, name.is_empty()) {
        (true, true) => Some(None),
        (true, false) => {
            fields.wrong("account_id", "an operator decides; leave it empty");
            None
        }
        (false, _) => fields.account("account_id", name).map(Some),
    }
}

fn act(fields: &mut Fields<'_>, asked: &wire::Step, money: Option<&Asset>) -> Option<Act> {
    use wire::Step as W;
    Some(match asked {
        W::Pay(_) => Act::Pay,
        W::PayIn(by) => Act::PayIn {
            custodian: fields.custodian("pay_in.custodian_id", &by.custodian_id)?,
        },
        W::Cancel(_) => Act::Cancel,
        W::HandOver(to) => Act::HandOver {
            reference: exactly(fields, "hand_over.reference", &to.reference)?,
        },
        W::Deliver(by) => Act::Deliver {
            reference: exactly(fields, "deliver.reference", &by.reference)?,
        },
        W::PickUp(with) => Act::PickUp {
            code: exactly(fields, "pick_up.code", &with.code)?,
        },
        W::Accept(_) => Act::Accept,
        W::AskReturn(of) => Act::AskReturn { pieces: of.pieces },
        W::HandBack(by) => Act::HandBack {
            reference: exactly(fields, "hand_back.reference", &by.reference)?,
        },
        W::TakeBack(back) => Act::TakeBack {
            to: match v1::TakenTo::try_from(back.taken_to) {
                Ok(v1::TakenTo::Stock) => TakenTo::Stock,
                Ok(v1::TakenTo::WriteOff) => TakenTo::WriteOff,
                Ok(v1::TakenTo::Unspecified) | Err(_) => {
                    let right = "1 (STOCK) and 2 (WRITE_OFF)";
                    return none_of(fields, "take_back.taken_to", back.taken_to, right);
                }
            },
        },
        W::Dispute(_) => Act::Dispute,
        W::Resolve(said) => return resolve(fields, said, money),
        W::Rescind(_) => Act::Rescind,
        W::Invoice(by) => Act::Invoice {
            reference: exactly(fields, "invoice.reference", &by.reference)?,
        },
    })
}

fn resolve(fields: &mut Fields<'_>, said: &wire::Resolve, money: Option<&Asset>) -> Option<Act> {
    let goods = match v1::GoodsTo::try_from(said.goods_to) {
        Ok(v1::GoodsTo::Stock) => Some(GoodsTo::Stock),
        Ok(v1::GoodsTo::Buyer) => Some(GoodsTo::Buyer),
        Ok(v1::GoodsTo::Unspecified) | Err(_) => {
            let right = "1 (STOCK) and 2 (BUYER)";
            none_of(fields, "resolve.goods_to", said.goods_to, right)
        }
    };
    let money = money?;
    let buyer = part(fields, "resolve.buyer_amount", &said.buyer_amount, money);
    let seller = part(fields, "resolve.seller_amount", &said.seller_amount, money);
    Some(Act::Resolve {
        buyer: buyer?,
        seller: seller?,
        goods: goods?,
    })
}

/// A part of the money; empty is nothing.
fn part(fields: &mut Fields<'_>, field: &str, text: &str, money: &Asset) -> Option<Amount> {
    if text.is_empty() {
        return Amount::new(0);
    }
    fields.amount(field, text, money)
}
