//! What was done with warehouse receipts, act by act: what a holder checks a provenance with.
//!
//! Invariant: a row has all that the engine's event said; a receipt's rows come in the order of its
//! acts. What became part of another receipt stands with that one too, right before it came into
//! being, so that a chain names what it goes on from. Not here: families (`store`), how receipts
//! stand now (the engine), names and decimals.

use engine::bytes::{self, BytesError, Reader};
use engine::command::Encumbrance;
use engine::event::{ReceiptAct, ReceiptReport};
use engine::types::{AccountId, Amount, AssetId, CustodianId, ReceiptId, Sequence, Side, Time};

use super::orders::At;
use super::output::{ProjectError, Rows};
use super::postings;
use super::row_codec::open;
use super::rows::{ROW_VERSION, RowError};

/// An act on a receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceiptRow {
    /// When its command was sequenced.
    pub time: Time,
    /// Its command.
    pub sequence: Sequence,
    /// Which of the command's events.
    pub index: u32,
    /// What was done.
    pub report: ReceiptReport,
}

/// Which acts, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptActsQuery {
    /// On which receipt.
    pub receipt: ReceiptId,
    /// From this command on, and of that command from this event on.
    pub from: (Sequence, u32),
    /// At most so many.
    pub limit: usize,
}

/// Some acts, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReceiptActsPage {
    /// The acts.
    pub acts: Vec<ReceiptRow>,
    /// Go on from here; none at the end.
    pub next: Option<(Sequence, u32)>,
}

/// Writes an act and what it moved.
pub(super) fn apply<R: Rows>(
    at: At<'_>,
    report: &ReceiptReport,
    rows: &mut R,
) -> Result<(), ProjectError<R::Error>> {
    for posting in postings::of_receipt(at.posting(Side::Buy), report) {
        rows.put_posting(&posting)?;
    }
    Ok(rows.put_receipt(&ReceiptRow {
        time: at.step.time,
        sequence: at.step.sequence,
        index: at.index,
        report: *report,
    })?)
}

impl ReceiptRow {
    /// The receipts it stands with.
    pub(super) fn receipts(&self) -> impl Iterator<Item = ReceiptId> {
        let into = if let ReceiptAct::Merged { into } = self.report.act {
            Some(into)
        } else {
            None
        };
        [self.report.receipt].into_iter().chain(into)
    }

    /// Appends the row's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let report = &self.report;
        let (act, encumbrance, named) = report.act.code();
        out.push(ROW_VERSION);
        bytes::put_time(out, self.time);
        bytes::put_varint(out, self.sequence.value());
        bytes::put_varint(out, self.index.into());
        out.extend_from_slice(&[act, encumbrance]);
        bytes::put_varint(out, named.into());
        for handle in [
            report.receipt.index(),
            report.warehouse.index(),
            report.asset.index(),
            report.account.index(),
        ] {
            bytes::put_varint(out, handle.into());
        }
        bytes::put_varint(out, report.amount.units().cast_unsigned());
        bytes::put_text(out, &report.number);
        out.extend_from_slice(&report.document);
        out.extend_from_slice(&report.provenance);
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn decode(row: &[u8]) -> Result<Self, RowError> {
        let (mut input, version) = open(row)?;
        if version < 2 {
            return Err(RowError::Version(version));
        }
        let input = &mut input;
        let row = Self {
            time: input.time("time")?,
            sequence: Sequence::new(input.varint()?),
            index: input.varint32("index")?,
            report: ReceiptReport {
                act: decode_act(input)?,
                receipt: ReceiptId::new(input.varint32("receipt")?),
                warehouse: CustodianId::new(input.varint32("warehouse")?),
                asset: AssetId::new(input.varint32("asset")?),
                account: AccountId::new(input.varint32("account")?),
                amount: i64::try_from(input.varint()?)
                    .ok()
                    .and_then(Amount::new)
                    .ok_or(BytesError::range("amount"))?,
                number: input.text()?,
                document: hash(input)?,
                provenance: hash(input)?,
            },
        };
        input.finish()?;
        Ok(row)
    }
}

fn hash(input: &mut Reader<'_>) -> Result<[u8; 32], BytesError> {
    let bytes = input.take(32)?;
    bytes.try_into().map_err(|_| BytesError::range("hash"))
}

fn decode_act(input: &mut Reader<'_>) -> Result<ReceiptAct, BytesError> {
    let (code, kind) = (input.u8()?, input.u8()?);
    let named = input.varint32("what an act names")?;
    let parts = named as u8;
    let encumbrance = || {
        Some(match kind {
            1 => Encumbrance::Listed,
            2 => Encumbrance::Pledged {
                pledgee: AccountId::new(named),
            },
            3 => Encumbrance::Frozen,
            4 => Encumbrance::Locked,
            _ => return None,
        })
    };
    let act = match code {
        1 => Some(ReceiptAct::Registered),
        2 => Some(ReceiptAct::Drawn),
        3 => encumbrance().map(ReceiptAct::Encumbered),
        4 => encumbrance().map(ReceiptAct::Lifted),
        5 => Some(ReceiptAct::Split { parts }),
        6 => Some(ReceiptAct::Part {
            of: ReceiptId::new(named),
        }),
        7 => Some(ReceiptAct::Merged {
            into: ReceiptId::new(named),
        }),
        8 => Some(ReceiptAct::Whole { parts }),
        9 => Some(ReceiptAct::Transferred {
            from: AccountId::new(named),
        }),
        10 => Some(ReceiptAct::Cancelled),
        11 => Some(ReceiptAct::Pooled),
        _ => None,
    };
    // One act has one form.
    act.filter(|act| act.code() == (code, kind, named))
        .ok_or(BytesError::range("an act on a receipt"))
}

#[cfg(test)]
mod tests {
    use engine::types::Name;

    use super::*;

    fn row(act: ReceiptAct) -> ReceiptRow {
        ReceiptRow {
            time: Time::new(6).expect("small"),
            sequence: Sequence::new(1_001),
            index: 2,
            report: ReceiptReport {
                act,
                receipt: ReceiptId::new(9),
                warehouse: CustodianId::new(2),
                asset: AssetId::new(300),
                account: AccountId::new(3),
                amount: Amount::new(Amount::MAX_UNITS).expect("the bound"),
                number: Name::new("仓-1").expect("short"),
                document: [0xd0; 32],
                provenance: [0xc0; 32],
            },
        }
    }

    #[test]
    fn every_act_reads_back_and_no_cut_or_other_version_does() {
        let (receipt, account) = (ReceiptId::new(u32::MAX), AccountId::new(7));
        let kinds = [
            Encumbrance::Listed,
            Encumbrance::Pledged { pledgee: account },
            Encumbrance::Frozen,
            Encumbrance::Locked,
        ];
        let mut acts = vec![
            ReceiptAct::Registered,
            ReceiptAct::Drawn,
            ReceiptAct::Split { parts: 16 },
            ReceiptAct::Part { of: receipt },
            ReceiptAct::Merged { into: receipt },
            ReceiptAct::Whole { parts: 2 },
            ReceiptAct::Transferred { from: account },
            ReceiptAct::Cancelled,
            ReceiptAct::Pooled,
        ];
        acts.extend(kinds.map(ReceiptAct::Encumbered));
        acts.extend(kinds.map(ReceiptAct::Lifted));
        for act in acts {
            let row = row(act);
            let mut bytes = Vec::new();
            row.encode(&mut bytes);
            assert_eq!(ReceiptRow::decode(&bytes), Ok(row));
            for cut in 0..bytes.len() {
                assert!(ReceiptRow::decode(&bytes[..cut]).is_err(), "cut at {cut}");
            }
            bytes[0] = 1;
            assert_eq!(ReceiptRow::decode(&bytes), Err(RowError::Version(1)));
        }
        let both: Vec<_> = row(ReceiptAct::Merged { into: receipt })
            .receipts()
            .collect();
        assert_eq!(both, [ReceiptId::new(9), receipt]);
        let one: Vec<_> = row(ReceiptAct::Pooled).receipts().collect();
        assert_eq!(one, [ReceiptId::new(9)]);
    }

    #[test]
    fn an_act_has_one_form() {
        let mut bytes = Vec::new();
        row(ReceiptAct::Pooled).encode(&mut bytes);
        // version, time, sequence (2), index, then the act and its encumbrance
        assert_eq!(bytes[5..7], [11, 0]);
        for (at, value) in [(5, 0), (5, 12), (5, 3), (6, 1)] {
            let mut other = bytes.clone();
            other[at] = value;
            assert!(ReceiptRow::decode(&other).is_err(), "{at} is {value}");
        }
    }
}
