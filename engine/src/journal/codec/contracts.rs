//! The bodies of commands about contracts as bytes: a sub-tag, then the fields.
//!
//! Invariant: as in `codec`.

use super::clearing::put_id;
use super::sales::{account, array, offer, put_offer};
use crate::bytes::{self, BytesError, Reader};
use crate::clearing::section::amount;
use crate::command::{Act, Body, Confirmed, ContractCommand, GoodsTo, Reserve, TakeStep, TakenTo};
use crate::types::{AccountId, ContractId, CustodianId};

pub(super) fn put(out: &mut Vec<u8>, command: &ContractCommand) {
    match command {
        ContractCommand::Reserve(reserve) => {
            bytes::put_u8(out, 1);
            put_offer(out, reserve.offer);
            put_id(out, reserve.version);
            put_id(out, reserve.account.index());
            put_id(out, reserve.pieces);
            out.extend_from_slice(&reserve.delivery_reference);
            bytes::put_option(out, reserve.pickup, |out, hash| {
                out.extend_from_slice(&hash);
            });
            bytes::put_u8(out, reserve.confirmed as u8);
        }
        ContractCommand::Step(take) => {
            put_act(out, &take.act);
            bytes::put_varint(out, take.contract.sequence);
            put_id(out, take.contract.slot);
            put_id(out, take.version);
            bytes::put_option(out, take.account.map(AccountId::index), put_id);
        }
    }
}

fn put_act(out: &mut Vec<u8>, act: &Act) {
    match act {
        Act::Pay => bytes::put_u8(out, 2),
        Act::PayIn { custodian } => {
            bytes::put_u8(out, 3);
            put_id(out, custodian.index());
        }
        Act::Cancel => bytes::put_u8(out, 4),
        Act::HandOver { reference } => put_words(out, 5, reference),
        Act::Deliver { reference } => put_words(out, 6, reference),
        Act::PickUp { code } => put_words(out, 7, code),
        Act::Accept => bytes::put_u8(out, 8),
        Act::AskReturn { pieces } => {
            bytes::put_u8(out, 9);
            put_id(out, *pieces);
        }
        Act::HandBack { reference } => put_words(out, 10, reference),
        Act::TakeBack { to } => {
            bytes::put_u8(out, 11);
            bytes::put_u8(out, *to as u8);
        }
        Act::Dispute => bytes::put_u8(out, 12),
        Act::Resolve {
            buyer,
            seller,
            goods,
        } => {
            bytes::put_u8(out, 13);
            for part in [buyer, seller] {
                bytes::put_varint(out, part.units() as u64);
            }
            bytes::put_u8(out, *goods as u8);
        }
        Act::Rescind => bytes::put_u8(out, 14),
        Act::Invoice { reference } => put_words(out, 15, reference),
    }
}

fn put_words(out: &mut Vec<u8>, tag: u8, words: &[u8; 16]) {
    bytes::put_u8(out, tag);
    out.extend_from_slice(words);
}

/// Reads a body about contracts.
pub(super) fn get(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let tag = input.u8()?;
    let command = if tag == 1 {
        ContractCommand::Reserve(Reserve {
            offer: offer(input)?,
            version: input.varint32("version")?,
            account: account(input)?,
            pieces: input.varint32("pieces")?,
            delivery_reference: array(input)?,
            pickup: input.option(array)?,
            confirmed: match input.u8()? {
                0 => Confirmed::No,
                1 => Confirmed::Yes,
                _ => return Err(BytesError::range("confirmed")),
            },
        })
    } else {
        let act = act(input, tag)?;
        ContractCommand::Step(TakeStep {
            contract: ContractId {
                sequence: input.varint()?,
                slot: input.varint32("a contract's row")?,
            },
            version: input.varint32("version")?,
            account: input.option(account)?,
            act,
        })
    };
    Ok(Body::Contract(command))
}

fn act(input: &mut Reader<'_>, tag: u8) -> Result<Act, BytesError> {
    Ok(match tag {
        2 => Act::Pay,
        3 => Act::PayIn {
            custodian: CustodianId::new(input.varint32("custodian")?),
        },
        4 => Act::Cancel,
        5 => Act::HandOver {
            reference: array(input)?,
        },
        6 => Act::Deliver {
            reference: array(input)?,
        },
        7 => Act::PickUp {
            code: array(input)?,
        },
        8 => Act::Accept,
        9 => Act::AskReturn {
            pieces: input.varint32("pieces")?,
        },
        10 => Act::HandBack {
            reference: array(input)?,
        },
        11 => Act::TakeBack {
            to: match input.u8()? {
                1 => TakenTo::Stock,
                2 => TakenTo::WriteOff,
                _ => return Err(BytesError::range("what becomes of a return")),
            },
        },
        12 => Act::Dispute,
        13 => Act::Resolve {
            buyer: amount(input, "the buyer's part")?,
            seller: amount(input, "the seller's part")?,
            goods: match input.u8()? {
                1 => GoodsTo::Stock,
                2 => GoodsTo::Buyer,
                _ => return Err(BytesError::range("what becomes of goods")),
            },
        },
        14 => Act::Rescind,
        15 => Act::Invoice {
            reference: array(input)?,
        },
        _ => return Err(BytesError::range("the kind of a command about contracts")),
    })
}
