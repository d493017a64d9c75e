//! The bodies of commands about warehouse receipts as bytes: one type, a byte of which act inside.
//!
//! Invariant: as in `codec`. How a receipt is encumbered is written by the module that holds it.

use super::clearing::put_id;
use crate::bytes::{self, BytesError, Reader};
use crate::clearing::receipts::{encumbrance, put_encumbrance, receipt};
use crate::clearing::section::amount;
use crate::command::{
    Body, EncumberReceipt, HeldReceipt, IssueReceipt, LiftReceipt, MergeReceipts, ReceiptCommand,
    ReceiptPart, SplitReceipt, TransferReceipt,
};
use crate::types::{AccountId, AssetId, CustodianId};

/// The least bytes of a part: empty number, an amount, its document.
const PART_BYTES_MIN: usize = 1 + 1 + 32;

pub(super) fn put(out: &mut Vec<u8>, command: &ReceiptCommand) {
    match command {
        ReceiptCommand::Register(issue) => put_issue(out, 1, issue),
        ReceiptCommand::Encumber(encumber) => {
            bytes::put_u8(out, 2);
            put_id(out, encumber.receipt.index());
            bytes::put_option(out, encumber.account.map(AccountId::index), put_id);
            put_encumbrance(out, encumber.encumbrance);
        }
        ReceiptCommand::Lift(lift) => {
            bytes::put_u8(out, 3);
            put_id(out, lift.receipt.index());
            bytes::put_option(out, lift.account.map(AccountId::index), put_id);
        }
        ReceiptCommand::Split(split) => {
            bytes::put_u8(out, 4);
            put_id(out, split.receipt.index());
            put_id(out, split.account.index());
            bytes::put_varint(out, split.parts.len() as u64);
            for part in &split.parts {
                bytes::put_text(out, &part.number);
                bytes::put_varint(out, part.amount.units() as u64);
                out.extend_from_slice(&part.document);
            }
        }
        ReceiptCommand::Merge(merge) => {
            bytes::put_u8(out, 5);
            put_id(out, merge.account.index());
            bytes::put_varint(out, merge.receipts.len() as u64);
            for receipt in &merge.receipts {
                put_id(out, receipt.index());
            }
            bytes::put_text(out, &merge.number);
            out.extend_from_slice(&merge.document);
        }
        ReceiptCommand::Transfer(transfer) => {
            bytes::put_u8(out, 6);
            put_id(out, transfer.receipt.index());
            put_id(out, transfer.from.index());
            put_id(out, transfer.to.index());
        }
        ReceiptCommand::Cancel(cancel) => put_held(out, 7, *cancel),
        ReceiptCommand::Pool(pool) => put_held(out, 8, *pool),
        ReceiptCommand::Draw(issue) => put_issue(out, 9, issue),
    }
}

fn put_issue(out: &mut Vec<u8>, act: u8, issue: &IssueReceipt) {
    bytes::put_u8(out, act);
    bytes::put_text(out, &issue.number);
    put_id(out, issue.warehouse.index());
    put_id(out, issue.asset.index());
    bytes::put_varint(out, issue.amount.units() as u64);
    put_id(out, issue.account.index());
    out.extend_from_slice(&issue.document);
}

fn put_held(out: &mut Vec<u8>, act: u8, held: HeldReceipt) {
    bytes::put_u8(out, act);
    put_id(out, held.receipt.index());
    put_id(out, held.account.index());
}

pub(super) fn get(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let command = match input.u8()? {
        1 => ReceiptCommand::Register(issue(input)?),
        2 => ReceiptCommand::Encumber(EncumberReceipt {
            receipt: receipt(input)?,
            account: input.option(account)?,
            encumbrance: {
                let code = input.u8()?;
                encumbrance(code, input)?
            },
        }),
        3 => ReceiptCommand::Lift(LiftReceipt {
            receipt: receipt(input)?,
            account: input.option(account)?,
        }),
        4 => ReceiptCommand::Split(split(input)?),
        5 => ReceiptCommand::Merge(merge(input)?),
        6 => ReceiptCommand::Transfer(TransferReceipt {
            receipt: receipt(input)?,
            from: account(input)?,
            to: account(input)?,
        }),
        7 => ReceiptCommand::Cancel(held(input)?),
        8 => ReceiptCommand::Pool(held(input)?),
        9 => ReceiptCommand::Draw(issue(input)?),
        _ => return Err(BytesError::range("the act on a receipt")),
    };
    Ok(Body::Receipts(Box::new(command)))
}

fn issue(input: &mut Reader<'_>) -> Result<IssueReceipt, BytesError> {
    Ok(IssueReceipt {
        number: input.text()?,
        warehouse: CustodianId::new(input.varint32("warehouse")?),
        asset: AssetId::new(input.varint32("asset")?),
        amount: amount(input, "amount")?,
        account: account(input)?,
        document: document(input)?,
    })
}

fn split(input: &mut Reader<'_>) -> Result<SplitReceipt, BytesError> {
    let (receipt, account) = (receipt(input)?, account(input)?);
    let count = input.count(u32::MAX, PART_BYTES_MIN, "the count of parts")?;
    let mut parts = Vec::with_capacity(count);
    for _ in 0..count {
        parts.push(ReceiptPart {
            number: input.text()?,
            amount: amount(input, "amount")?,
            document: document(input)?,
        });
    }
    Ok(SplitReceipt {
        receipt,
        account,
        parts,
    })
}

fn merge(input: &mut Reader<'_>) -> Result<MergeReceipts, BytesError> {
    let account = account(input)?;
    let count = input.count(u32::MAX, 1, "the count of receipts")?;
    let mut receipts = Vec::with_capacity(count);
    for _ in 0..count {
        receipts.push(receipt(input)?);
    }
    Ok(MergeReceipts {
        account,
        receipts,
        number: input.text()?,
        document: document(input)?,
    })
}

fn held(input: &mut Reader<'_>) -> Result<HeldReceipt, BytesError> {
    Ok(HeldReceipt {
        receipt: receipt(input)?,
        account: account(input)?,
    })
}

fn account(input: &mut Reader<'_>) -> Result<AccountId, BytesError> {
    Ok(AccountId::new(input.varint32("account")?))
}

fn document(input: &mut Reader<'_>) -> Result<[u8; 32], BytesError> {
    let bytes = input.take(32)?;
    Ok(bytes.try_into().expect("`take` gave as many"))
}
