//! Acts on warehouse receipts.
//!
//! Invariant: as in `clearing`; a receipt is named by its handle, which must be given, since the
//! first one's is 0. Not here: whether the receipt is there and may be used so (the engine).

use engine::command::{
    Body, EncumberReceipt, Encumbrance, HeldReceipt, IssueReceipt, LiftReceipt, MergeReceipts,
    ReceiptCommand, ReceiptPart, SplitReceipt, TransferReceipt,
};
use engine::limits::Limits;
use engine::types::{AccountId, Amount, AssetId, ReceiptId};
use proto::v1;

use super::fields::Fields;
use super::operations::Asks;

fn body(command: ReceiptCommand) -> Body {
    Body::Receipts(Box::new(command))
}

/// The handle of a receipt.
pub fn receipt(fields: &mut Fields<'_>, handle: Option<u32>) -> Option<ReceiptId> {
    if handle.is_none() {
        fields.wrong(
            "receipt",
            "is not given; the handle that the receipt's issue answered is required",
        );
    }
    handle.map(ReceiptId::new)
}

fn document(fields: &mut Fields<'_>, field: &str, bytes: &[u8]) -> Option<[u8; 32]> {
    let hash = bytes.try_into().ok();
    if hash.is_none() {
        let length = bytes.len();
        fields.wrong(
            field,
            format!("has {length} bytes; a hash of 32 bytes is required"),
        );
    }
    hash
}

fn amount(
    fields: &mut Fields<'_>,
    field: &str,
    text: &str,
    asset: Option<AssetId>,
) -> Option<Amount> {
    if text.is_empty() {
        fields.wrong(field, "is empty; an amount above zero is required");
    }
    let tables = fields.tables;
    let asset = asset.and_then(|id| tables.asset(id))?;
    let amount = fields.amount(field, text, asset);
    if amount.is_some_and(Amount::is_zero) {
        fields.wrong(field, "is zero; an amount above zero is required");
    }
    amount
}

/// An account that may be left out; none when one was named that is none.
#[allow(clippy::option_option, reason = "wrong is not the same as left out")]
fn optional_account(fields: &mut Fields<'_>, field: &str, text: &str) -> Option<Option<AccountId>> {
    if text.is_empty() {
        return Some(None);
    }
    fields.account(field, text).map(Some)
}

macro_rules! issue {
    ($($request:ident, $command:ident);*) => {$(
        impl Asks for v1::$request {
            fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
                let warehouse = fields.custodian("warehouse_id", &self.warehouse_id);
                let number = fields.new_name("number", &self.number);
                let asset = fields.asset("asset_id", &self.asset_id);
                let amount = amount(fields, "amount", &self.amount, asset);
                let account = fields.account("account_id", &self.account_id);
                let document = document(fields, "document_hash", &self.document_hash);
                Some(body(ReceiptCommand::$command(IssueReceipt {
                    number: number?,
                    warehouse: warehouse?,
                    asset: asset?,
                    amount: amount?,
                    account: account?,
                    document: document?,
                })))
            }
        }
    )*};
}

issue!(RegisterReceiptRequest, Register; DrawReceiptRequest, Draw);

impl Asks for v1::EncumberReceiptRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let receipt = receipt(fields, self.receipt);
        let account = optional_account(fields, "account_id", &self.account_id);
        let pledged = self.encumbrance == i32::from(v1::ReceiptEncumbrance::Pledged);
        if !pledged && !self.pledgee_account_id.is_empty() {
            fields.wrong(
                "pledgee_account_id",
                "belongs to PLEDGED only; leave it empty",
            );
        }
        let encumbrance = match v1::ReceiptEncumbrance::try_from(self.encumbrance) {
            Ok(v1::ReceiptEncumbrance::Listed) => Some(Encumbrance::Listed),
            Ok(v1::ReceiptEncumbrance::Pledged) => {
                let pledgee = fields.account("pledgee_account_id", &self.pledgee_account_id);
                pledgee.map(|pledgee| Encumbrance::Pledged { pledgee })
            }
            Ok(v1::ReceiptEncumbrance::Frozen) => Some(Encumbrance::Frozen),
            Ok(v1::ReceiptEncumbrance::Locked) => Some(Encumbrance::Locked),
            Ok(v1::ReceiptEncumbrance::Unspecified) | Err(_) => {
                let value = self.encumbrance;
                fields.wrong(
                    "encumbrance",
                    format!(
                        "{value} is none; 1 (LISTED), 2 (PLEDGED), 3 (FROZEN) and 4 (LOCKED) are"
                    ),
                );
                None
            }
        };
        Some(body(ReceiptCommand::Encumber(EncumberReceipt {
            receipt: receipt?,
            account: account?,
            encumbrance: encumbrance?,
        })))
    }
}

impl Asks for v1::LiftReceiptRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let receipt = receipt(fields, self.receipt);
        let account = optional_account(fields, "account_id", &self.account_id);
        Some(body(ReceiptCommand::Lift(LiftReceipt {
            receipt: receipt?,
            account: account?,
        })))
    }
}

/// So many parts or receipts are at least two and not too many.
fn some_parts(fields: &mut Fields<'_>, field: &str, count: usize) -> Option<()> {
    let max = Limits::RECEIPT_PARTS_MAX;
    if (2..=max).contains(&count) {
        return Some(());
    }
    fields.wrong(field, format!("has {count}; 2 to {max} are right"));
    None
}

impl Asks for v1::SplitReceiptRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let receipt = receipt(fields, self.receipt);
        let account = fields.account("account_id", &self.account_id);
        let asset = fields.asset("asset_id", &self.asset_id);
        some_parts(fields, "parts", self.parts.len())?;
        let mut parts = Vec::with_capacity(self.parts.len());
        for (at, part) in self.parts.iter().enumerate() {
            let field = |name| format!("parts[{at}].{name}");
            let number = fields.new_name(&field("number"), &part.number);
            let amount = amount(fields, &field("amount"), &part.amount, asset);
            let hash = &part.document_hash;
            let document = document(fields, &field("document_hash"), hash);
            if let ((Some(number), Some(amount)), Some(document)) = ((number, amount), document) {
                parts.push(ReceiptPart {
                    number,
                    amount,
                    document,
                });
            }
        }
        let whole = parts.len() == self.parts.len();
        Some(body(ReceiptCommand::Split(SplitReceipt {
            receipt: receipt?,
            account: account?,
            parts: whole.then_some(parts)?,
        })))
    }
}

impl Asks for v1::MergeReceiptsRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let account = fields.account("account_id", &self.account_id);
        let count = some_parts(fields, "receipts", self.receipts.len());
        let number = fields.new_name("number", &self.number);
        let document = document(fields, "document_hash", &self.document_hash);
        count?;
        let receipts = self.receipts.iter().copied().map(ReceiptId::new);
        Some(body(ReceiptCommand::Merge(MergeReceipts {
            account: account?,
            receipts: receipts.collect(),
            number: number?,
            document: document?,
        })))
    }
}

impl Asks for v1::TransferReceiptRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let receipt = receipt(fields, self.receipt);
        let from = fields.account("from_account_id", &self.from_account_id);
        let to = fields.account("to_account_id", &self.to_account_id);
        Some(body(ReceiptCommand::Transfer(TransferReceipt {
            receipt: receipt?,
            from: from?,
            to: to?,
        })))
    }
}

macro_rules! held {
    ($($request:ident, $command:ident);*) => {$(
        impl Asks for v1::$request {
            fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
                let receipt = receipt(fields, self.receipt);
                let account = fields.account("account_id", &self.account_id);
                Some(body(ReceiptCommand::$command(HeldReceipt {
                    receipt: receipt?,
                    account: account?,
                })))
            }
        }
    )*};
}

held!(CancelReceiptRequest, Cancel; PoolReceiptRequest, Pool);
