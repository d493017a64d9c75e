//! A seller of the damaged folders that owes: it withdrew most of what it was paid, took pieces
//! back by agreement, and paid a part of what it lacked.
//!
//! Invariant: its contract is OWING in every snapshot and at the end of every folder. Not here: who
//! else sells (`shops`).

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;

use super::money::{MONEY, moved};
use super::shop_kinds::Kind;
use super::shops::{BUYERS, REFERENCE, SELLER, TEA};
use crate::support::{internal, name};

/// Who owes; the account after all others.
const POOR: AccountId = AccountId::new(SELLER.index() + BUYERS + 1);
const BUYER: AccountId = AccountId::new(SELLER.index() + 1);
const PIECES: u32 = 2;
/// Terms behind those of all kinds.
const TERMS: TermsId = TermsId::new(Kind::ALL.len() as u32);

/// Its commands, the first of them with the sequence `first`: before any other offer and contract.
pub fn story(first: Sequence) -> Vec<Command> {
    let at = |place: u64| first.value() + place;
    let offer = OfferId {
        sequence: at(4),
        slot: 0,
    };
    let step = |version, account, act| {
        Body::Contract(ContractCommand::Step(TakeStep {
            contract: ContractId {
                sequence: at(5),
                slot: 0,
            },
            version,
            account: Some(account),
            act,
        }))
    };
    let reference = REFERENCE;
    let units = i64::from(PIECES) * 3;
    let sales = |command| Body::Sales(Box::new(command));
    let paid = i64::from(PIECES) * 1_000 - 12;
    let to = TakenTo::Stock;
    let all = [
        Body::CreateOwner(CreateOwner { name: name("poor") }),
        Body::CreateAccount(CreateAccount {
            name: name("poor"),
            participant: ParticipantId::new(0),
            owner: OwnerId::new(POOR.index()),
        }),
        moved(POOR.index(), TEA, Direction::Deposit, units),
        sales(SalesCommand::DefineTerms(SaleTerms {
            return_days: 0,
            covered: Covered::No,
            ..Kind::Fixed.terms()
        })),
        sales(SalesCommand::Offer(offered())),
        Body::Contract(ContractCommand::Reserve(Reserve {
            offer,
            version: 1,
            account: BUYER,
            pieces: PIECES,
            delivery_reference: REFERENCE,
            pickup: None,
            confirmed: Confirmed::No,
        })),
        step(1, POOR, Act::HandOver { reference }),
        step(2, BUYER, Act::Accept),
        moved(POOR.index(), MONEY, Direction::Withdrawal, paid - 500),
        step(3, BUYER, Act::AskReturn { pieces: PIECES }),
        step(4, POOR, Act::TakeBack { to }),
        moved(POOR.index(), MONEY, Direction::Deposit, 300),
    ];
    all.into_iter().map(internal).collect()
}

fn offered() -> MakeOffer {
    let (mut offer, _) = Kind::Fixed.offer(Time::ZERO);
    offer.terms = TERMS;
    offer.account = POOR;
    offer.stock = PIECES;
    offer.prices.tiers = vec![Tier {
        from: 1,
        price: 1_000,
    }];
    offer
}
