//! A script: the commands of one world, so that it can be run again with steps left out.
//!
//! Invariant: a step names an order by the step that made it (`sequence` is that step's place,
//! slot 0 its right row, slot 1 a wrong one), so a script means the same when steps before it are
//! dropped. Not here: ticks, which the driver puts as the sequencer would.

use sanjiang_engine::command::{Body, Command, ContractCommand, Envelope, Identity, SalesCommand};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::{
    ContractId, DiscountId, OfferId, OrderId, PrincipalId, Sequence, Time,
};

/// One command and when it arrives.
#[derive(Clone, Debug)]
pub struct Step {
    pub place: usize,
    pub time: Time,
    pub command: Command,
}

/// A world's bounds and everything that happens in it.
#[derive(Clone)]
pub struct Script {
    pub limits: Limits,
    pub steps: Vec<Step>,
}

/// A command without identity, from the principal of the open gateway.
pub fn internal(body: Body) -> Command {
    Command {
        envelope: Envelope {
            principal: PrincipalId::LOCAL,
            identity: Identity::Internal,
            valid_until: None,
            authority: None,
        },
        body,
    }
}

/// The command with its order named by `rename`, or its instruction, as an order in row 0 would be.
pub fn renamed(command: &Command, rename: impl Fn(OrderId) -> OrderId) -> Command {
    let mut command = command.clone();
    if let Body::CancelOrder(cancel) = &mut command.body {
        cancel.order = rename(cancel.order);
    }
    if let Body::ReplaceOrder(replace) = &mut command.body {
        replace.order = rename(replace.order);
    }
    if let Body::Acknowledge(acknowledge) = &mut command.body {
        let (sequence, slot) = (acknowledge.instruction.value(), 0);
        let named = rename(OrderId { sequence, slot });
        acknowledge.instruction = Sequence::new(named.sequence);
    }
    if let Body::Sales(sales) = &mut command.body {
        rename_offer(sales, &rename);
    }
    if let Body::Contract(contract) = &mut command.body {
        rename_contract(contract, &rename);
    }
    command
}

/// An offer's name, as an order's.
pub fn of_offer(offer: OfferId) -> OrderId {
    let OfferId { sequence, slot } = offer;
    OrderId { sequence, slot }
}

/// A contract's name, as an order's.
pub fn of_contract(contract: ContractId) -> OrderId {
    let ContractId { sequence, slot } = contract;
    OrderId { sequence, slot }
}

fn offer_of(named: OrderId) -> OfferId {
    let OrderId { sequence, slot } = named;
    OfferId { sequence, slot }
}

fn rename_offer(sales: &mut SalesCommand, rename: impl Fn(OrderId) -> OrderId) {
    let offer = match sales {
        SalesCommand::ChangeOffer(change) => &mut change.offer,
        SalesCommand::PutStock(change) | SalesCommand::TakeStock(change) => &mut change.offer,
        SalesCommand::WithdrawOffer(end) => &mut end.offer,
        SalesCommand::Join(join) => &mut join.offer,
        SalesCommand::BringValue(bring) => &mut bring.offer,
        SalesCommand::RevealSeed(reveal) => &mut reveal.offer,
        SalesCommand::SetPartyKind(_)
        | SalesCommand::DefineTerms(_)
        | SalesCommand::Offer(_)
        | SalesCommand::DefineDiscount(_)
        | SalesCommand::SetGrace(_)
        | SalesCommand::SetGuarantee(_) => return,
    };
    *offer = offer_of(rename(of_offer(*offer)));
}

fn rename_contract(contract: &mut ContractCommand, rename: impl Fn(OrderId) -> OrderId) {
    match contract {
        ContractCommand::Reserve(ask) => ask.offer = offer_of(rename(of_offer(ask.offer))),
        ContractCommand::Step(take) => {
            let OrderId { sequence, slot } = rename(of_contract(take.contract));
            take.contract = ContractId { sequence, slot };
        }
        ContractCommand::Basket(basket) => {
            for line in &mut basket.lines {
                line.offer = offer_of(rename(of_offer(line.offer)));
            }
            if let Some(DiscountId { sequence, slot }) = &mut basket.discount {
                let named = rename(OrderId {
                    sequence: *sequence,
                    slot: *slot,
                });
                (*sequence, *slot) = (named.sequence, named.slot);
            }
        }
    }
}
