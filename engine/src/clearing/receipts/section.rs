//! The receipts as bytes: a section of a snapshot.
//!
//! Invariant: equal contents give equal bytes; what is read back goes on exactly as what was
//! written. Index, chains, sums and what each receipt keeps are made anew from the rows. Not here:
//! other sections, positions (`clearing::section`).

use super::{NIL, Receipt, Receipts};
use crate::bytes::{self, BytesError, Reader};
use crate::clearing::custody::keeps;
use crate::clearing::kept::Kept;
use crate::clearing::ledger::Place;
use crate::clearing::section::amount;
use crate::clearing::{Clearing, Holder};
use crate::command::{AssetClass, Encumbrance};
use crate::event::{ReceiptEnd, ReceiptStatus};
use crate::limits::Limits;
use crate::parties::Parties;
use crate::types::{AccountId, AssetId, CustodianId, ReceiptId, Sequence};

/// The least bytes of a row.
const ROW_BYTES_MIN: usize = 1 + 32 + 32 + 1 + 1 + 1 + 1 + 1 + 1 + 1;

fn wrong() -> BytesError {
    BytesError::range("a warehouse receipt")
}

impl Clearing {
    /// Writes all receipts, in order of their handles.
    pub(crate) fn encode_receipts(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.receipts.rows.len() as u64);
        for row in &self.receipts.rows {
            bytes::put_text(out, &row.number);
            out.extend_from_slice(&row.document);
            out.extend_from_slice(&row.provenance);
            bytes::put_varint(out, row.amount.units() as u64);
            bytes::put_varint(out, u64::from(row.warehouse.index()));
            bytes::put_varint(out, u64::from(row.asset.index()));
            bytes::put_varint(out, u64::from(row.account.index()));
            put_status(out, row.status);
            bytes::put_varint(out, row.changed.value());
            bytes::put_varint(out, row.changed.value() - row.joined.value());
        }
    }

    /// Reads what [`Clearing::encode_receipts`] wrote, as of the command at `sequence`.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(crate) fn decode_receipts(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        (parties, sequence): (&Parties, Sequence),
    ) -> Result<(), BytesError> {
        let max = limits.receipt_numbers_max;
        let mut receipts = Receipts::new(limits);
        let mut chained = Vec::new();
        for _ in 0..input.count(max, ROW_BYTES_MIN, "the count of receipts")? {
            let row = self.decode_receipt(input, parties)?;
            let full = row.is_live() && receipts.room().1 == 0;
            let known = receipts.find(row.warehouse, &row.number).is_some();
            if full || known || row.changed > sequence {
                return Err(wrong());
            }
            let id = receipts.add(row);
            if row.is_live() {
                chained.push((row.joined, id));
            }
        }
        chained.sort_unstable();
        for (_, id) in chained {
            receipts.join(id);
        }
        self.receipts = receipts;
        Ok(())
    }

    fn decode_receipt(
        &self,
        input: &mut Reader<'_>,
        parties: &Parties,
    ) -> Result<Receipt, BytesError> {
        let number = input.text()?;
        let (document, provenance) = (hash(input)?, hash(input)?);
        let amount = amount(input, "a receipt's amount")?;
        let warehouse = CustodianId::new(input.varint32("a receipt's warehouse")?);
        let asset = AssetId::new(input.varint32("a receipt's asset")?);
        let account = AccountId::new(input.varint32("a receipt's account")?);
        let status = status(input)?;
        let changed = Sequence::new(input.varint()?);
        let since = changed.value().checked_sub(input.varint()?);
        let known = self
            .assets
            .custodian(warehouse)
            .zip(self.assets.asset(asset));
        let keeps = known.is_some_and(|(warehouse, asset)| {
            keeps(warehouse, asset) && matches!(asset.class, AssetClass::Goods { .. })
        });
        let place = self.ledger.find(Holder::Account(account), asset);
        let pledgee = match status {
            ReceiptStatus::Encumbered(Encumbrance::Pledged { pledgee }) => {
                pledgee != account && parties.owner_of(pledgee).is_some()
            }
            ReceiptStatus::Active | ReceiptStatus::Encumbered(_) | ReceiptStatus::Ended(_) => true,
        };
        if number.is_empty() || amount.is_zero() || !keeps || !pledgee {
            return Err(wrong());
        }
        let place = place.ok_or_else(wrong)?;
        Ok(Receipt {
            number,
            document,
            provenance,
            amount,
            warehouse,
            asset,
            account,
            status,
            changed,
            joined: Sequence::new(since.ok_or_else(wrong)?),
            kept: kept(place, amount.units(), status),
            newer: NIL,
            older: NIL,
        })
    }
}

/// What a receipt that stands so keeps.
fn kept(place: Place, units: i64, status: ReceiptStatus) -> Kept {
    match status {
        ReceiptStatus::Ended(_) => Kept::nothing(place),
        ReceiptStatus::Active => Kept::restored(place, units),
        ReceiptStatus::Encumbered(_) => {
            let mut kept = Kept::restored(place, units);
            kept.freeze();
            kept
        }
    }
}

fn hash(input: &mut Reader<'_>) -> Result<[u8; 32], BytesError> {
    let bytes = input.take(32)?;
    Ok(bytes.try_into().expect("`take` gave as many"))
}

fn put_status(out: &mut Vec<u8>, status: ReceiptStatus) {
    match status {
        ReceiptStatus::Active => bytes::put_u8(out, 0),
        ReceiptStatus::Encumbered(with) => put_encumbrance(out, with),
        ReceiptStatus::Ended(how) => bytes::put_u8(
            out,
            match how {
                ReceiptEnd::Split => 5,
                ReceiptEnd::Merged => 6,
                ReceiptEnd::Cancelled => 7,
                ReceiptEnd::Pooled => 8,
            },
        ),
    }
}

fn status(input: &mut Reader<'_>) -> Result<ReceiptStatus, BytesError> {
    Ok(match input.u8()? {
        0 => ReceiptStatus::Active,
        5 => ReceiptStatus::Ended(ReceiptEnd::Split),
        6 => ReceiptStatus::Ended(ReceiptEnd::Merged),
        7 => ReceiptStatus::Ended(ReceiptEnd::Cancelled),
        8 => ReceiptStatus::Ended(ReceiptEnd::Pooled),
        code => ReceiptStatus::Encumbered(encumbrance(code, input)?),
    })
}

/// Writes what encumbers a receipt: 1 to 4, the pledgee after 2.
pub(crate) fn put_encumbrance(out: &mut Vec<u8>, encumbrance: Encumbrance) {
    match encumbrance {
        Encumbrance::Listed => bytes::put_u8(out, 1),
        Encumbrance::Pledged { pledgee } => {
            bytes::put_u8(out, 2);
            bytes::put_varint(out, u64::from(pledgee.index()));
        }
        Encumbrance::Frozen => bytes::put_u8(out, 3),
        Encumbrance::Locked => bytes::put_u8(out, 4),
    }
}

/// Reads what [`put_encumbrance`] wrote after its first byte, `code`.
pub(crate) fn encumbrance(code: u8, input: &mut Reader<'_>) -> Result<Encumbrance, BytesError> {
    Ok(match code {
        1 => Encumbrance::Listed,
        2 => Encumbrance::Pledged {
            pledgee: AccountId::new(input.varint32("a pledgee")?),
        },
        3 => Encumbrance::Frozen,
        4 => Encumbrance::Locked,
        _ => return Err(BytesError::range("how a receipt stands")),
    })
}

/// Reads a receipt's handle.
pub(crate) fn receipt(input: &mut Reader<'_>) -> Result<ReceiptId, BytesError> {
    Ok(ReceiptId::new(input.varint32("a receipt")?))
}
