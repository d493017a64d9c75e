//! Warehouse receipts.
//!
//! Invariant: as in `clearing`. Not here: where they were read (`services::receipts`).

use engine::clearing::Receipt;
use engine::command::{Demonstration, Encumbrance};
use engine::event::{ReceiptEnd, ReceiptStatus};
use engine::types::ReceiptId;
use proto::v1;

use super::{account_name, amount_text, asset_name, custodian_name};
use crate::directory::Tables;

/// A receipt.
pub fn receipt(tables: &Tables, id: ReceiptId, of: &Receipt) -> v1::Receipt {
    let asset = tables.asset(of.asset);
    let warehouse = tables.custodian(of.warehouse);
    let pledgee = match of.status {
        ReceiptStatus::Encumbered(Encumbrance::Pledged { pledgee }) => {
            account_name(tables, pledgee)
        }
        ReceiptStatus::Active | ReceiptStatus::Encumbered(_) | ReceiptStatus::Ended(_) => {
            String::new()
        }
    };
    v1::Receipt {
        receipt: id.index(),
        warehouse_id: custodian_name(tables, of.warehouse),
        number: of.number.as_str().to_owned(),
        asset_id: asset_name(tables, of.asset),
        amount: asset.map_or_else(String::new, |asset| amount_text(asset, of.amount.units())),
        account_id: account_name(tables, of.account),
        document_hash: of.document.to_vec(),
        status: status(of.status).into(),
        pledgee_account_id: pledgee,
        provenance: of.provenance.to_vec(),
        changed_sequence: of.changed.value(),
        joined_sequence: of.joined.value(),
        demonstration: warehouse
            .is_some_and(|one| one.demonstration == Demonstration::Demonstration),
    }
}

fn status(status: ReceiptStatus) -> v1::ReceiptStatus {
    match status {
        ReceiptStatus::Active => v1::ReceiptStatus::Active,
        ReceiptStatus::Encumbered(Encumbrance::Listed) => v1::ReceiptStatus::Listed,
        ReceiptStatus::Encumbered(Encumbrance::Pledged { .. }) => v1::ReceiptStatus::Pledged,
        ReceiptStatus::Encumbered(Encumbrance::Frozen) => v1::ReceiptStatus::Frozen,
        ReceiptStatus::Encumbered(Encumbrance::Locked) => v1::ReceiptStatus::Locked,
        ReceiptStatus::Ended(ReceiptEnd::Split) => v1::ReceiptStatus::Split,
        ReceiptStatus::Ended(ReceiptEnd::Merged) => v1::ReceiptStatus::Merged,
        ReceiptStatus::Ended(ReceiptEnd::Cancelled) => v1::ReceiptStatus::Cancelled,
        ReceiptStatus::Ended(ReceiptEnd::Pooled) => v1::ReceiptStatus::Pooled,
    }
}
