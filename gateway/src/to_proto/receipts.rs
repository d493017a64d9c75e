//! Warehouse receipts.
//!
//! Invariant: as in `clearing`. Not here: where they were read (`services::receipts`).

use engine::clearing::Receipt;
use engine::clearing::receipts::act_bytes;
use engine::command::{Demonstration, Encumbrance};
use engine::event::{ReceiptAct, ReceiptEnd, ReceiptStatus};
use engine::types::ReceiptId;
use proto::v1;

use super::{account_name, amount_text, asset_name, custodian_name, timestamp};
use crate::directory::Tables;
use crate::projector::receipts::ReceiptRow;

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

/// An act on a receipt.
pub fn receipt_act(tables: &Tables, row: &ReceiptRow) -> v1::ReceiptAct {
    let of = &row.report;
    let asset = tables.asset(of.asset);
    let wire = v1::ReceiptAct {
        engine_sequence: row.sequence.value(),
        time: Some(timestamp(row.time)),
        kind: act_kind(of.act).into(),
        receipt: of.receipt.index(),
        warehouse_id: custodian_name(tables, of.warehouse),
        number: of.number.as_str().to_owned(),
        asset_id: asset_name(tables, of.asset),
        amount: asset.map_or_else(String::new, |asset| amount_text(asset, of.amount.units())),
        account_id: account_name(tables, of.account),
        document_hash: of.document.to_vec(),
        hashed: act_bytes(row.sequence, of).as_slice().to_vec(),
        provenance: of.provenance.to_vec(),
        ..v1::ReceiptAct::default()
    };
    match of.act {
        ReceiptAct::Encumbered(what) | ReceiptAct::Lifted(what) => {
            let (kind, other_account_id) = encumbrance(tables, what);
            v1::ReceiptAct {
                encumbrance: kind.into(),
                other_account_id,
                ..wire
            }
        }
        ReceiptAct::Split { parts } | ReceiptAct::Whole { parts } => v1::ReceiptAct {
            parts: parts.into(),
            ..wire
        },
        ReceiptAct::Part { of: other } | ReceiptAct::Merged { into: other } => v1::ReceiptAct {
            other_receipt: Some(other.index()),
            ..wire
        },
        ReceiptAct::Transferred { from } => v1::ReceiptAct {
            other_account_id: account_name(tables, from),
            ..wire
        },
        ReceiptAct::Registered | ReceiptAct::Drawn | ReceiptAct::Cancelled | ReceiptAct::Pooled => {
            wire
        }
    }
}

fn act_kind(act: ReceiptAct) -> v1::ReceiptActKind {
    match act {
        ReceiptAct::Registered => v1::ReceiptActKind::Registered,
        ReceiptAct::Drawn => v1::ReceiptActKind::Drawn,
        ReceiptAct::Encumbered(_) => v1::ReceiptActKind::Encumbered,
        ReceiptAct::Lifted(_) => v1::ReceiptActKind::Lifted,
        ReceiptAct::Split { .. } => v1::ReceiptActKind::Split,
        ReceiptAct::Part { .. } => v1::ReceiptActKind::Part,
        ReceiptAct::Merged { .. } => v1::ReceiptActKind::Merged,
        ReceiptAct::Whole { .. } => v1::ReceiptActKind::Whole,
        ReceiptAct::Transferred { .. } => v1::ReceiptActKind::Transferred,
        ReceiptAct::Cancelled => v1::ReceiptActKind::Cancelled,
        ReceiptAct::Pooled => v1::ReceiptActKind::Pooled,
    }
}

/// What encumbers, and the pledgee.
fn encumbrance(tables: &Tables, what: Encumbrance) -> (v1::ReceiptEncumbrance, String) {
    match what {
        Encumbrance::Listed => (v1::ReceiptEncumbrance::Listed, String::new()),
        Encumbrance::Pledged { pledgee } => (
            v1::ReceiptEncumbrance::Pledged,
            account_name(tables, pledgee),
        ),
        Encumbrance::Frozen => (v1::ReceiptEncumbrance::Frozen, String::new()),
        Encumbrance::Locked => (v1::ReceiptEncumbrance::Locked, String::new()),
    }
}
