//! A receipt's provenance: a hash chain over all that was done with it.
//!
//! ```text
//! provenance = BLAKE3( what it was before, 32 bytes; of several receipts, theirs in order
//!                    | sequence u64 | act u8 | encumbrance u8 | named u32 | receipt u32
//!                    | warehouse u32 | asset u32 | account u32 | amount i64
//!                    | number: length u8, text | document [32] )
//! ```
//! Little-endian; the three numbers of the act are [`crate::event::ReceiptAct::code`]. Before its
//! first act a receipt has none; that of a part is its parent's after the split, that of a whole is
//! those of all it came out of.
//!
//! Invariant: the layout never changes, since holders check it by themselves. Not here: where the
//! hashes are kept (`receipts`).

use crate::event::ReceiptReport;
use crate::types::{Name, Sequence};

/// The most bytes of an act beside the hashes before.
const ACT_BYTES_MAX: usize = 8 + 1 + 1 + 4 * 5 + 8 + 1 + Name::MAX_BYTES + 32;

/// The provenance of a receipt after an act that the command at `sequence` did. The report's own
/// `provenance` is not looked at.
pub fn provenance<'a>(
    before: impl IntoIterator<Item = &'a [u8; 32]>,
    sequence: Sequence,
    report: &ReceiptReport,
) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for hash in before {
        hasher.update(hash);
    }
    hasher.update(act_bytes(sequence, report).as_slice());
    *hasher.finalize().as_bytes()
}

/// What an act adds to the hashes before it.
pub fn act_bytes(sequence: Sequence, report: &ReceiptReport) -> ActBytes {
    let mut act = ActBytes {
        bytes: [0; ACT_BYTES_MAX],
        length: 0,
    };
    let (code, encumbrance, named) = report.act.code();
    act.put(&sequence.value().to_le_bytes());
    act.put(&[code, encumbrance]);
    for number in [
        named,
        report.receipt.index(),
        report.warehouse.index(),
        report.asset.index(),
        report.account.index(),
    ] {
        act.put(&number.to_le_bytes());
    }
    act.put(&report.amount.units().to_le_bytes());
    let number = report.number.as_str().as_bytes();
    act.put(&[number.len() as u8]);
    act.put(number);
    act.put(&report.document);
    act
}

/// The bytes of an act, on the stack.
#[derive(Clone, Copy, Debug)]
pub struct ActBytes {
    bytes: [u8; ACT_BYTES_MAX],
    length: usize,
}

impl ActBytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}
