//! The bytes of the law in a snapshot and in the state hash.
//!
//! Invariant: what `encode` writes reads back equal; law of set 1 alone is no bytes at all, as
//! before there was other. Numbers of versions and what rules come to are not written: they follow.
//! Not here: the bytes of a definition (`journal::codec::regimes`).

use super::law::{Approval, Law};
use crate::bytes::{self, BytesError, Reader};
use crate::journal::codec::regimes;
use crate::limits::Limits;

/// The fewest bytes of a version.
const VERSION_BYTES_MIN: usize = 12;

impl Law {
    /// Writes the versions that data defined, if there are any.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        if self.defined().is_empty() {
            return;
        }
        bytes::put_varint(out, self.defined().len() as u64);
        for version in self.defined() {
            regimes::put(out, &version.terms);
            bytes::put_u8(out, u8::from(version.approval == Approval::Given));
            bytes::put_time(out, version.from);
        }
    }

    /// Reads what [`Law::encode`] wrote, up to the end.
    ///
    /// # Errors
    /// Broken bytes; what no data can say; none at all.
    pub(super) fn decode(input: &mut Reader<'_>) -> Result<Self, BytesError> {
        let mut law = Self::default();
        if input.remaining() == 0 {
            return Ok(law);
        }
        let most = Limits::REGIMES_DEFINED_MAX as u32;
        let count = input.count(most, VERSION_BYTES_MIN, "the count of regimes")?;
        if count == 0 {
            return Err(BytesError::range("the count of regimes"));
        }
        for _ in 0..count {
            let terms = regimes::regime(input)?;
            let approval = match input.u8()? {
                0 => Approval::Missing,
                1 => Approval::Given,
                _ => return Err(BytesError::range("the approval of a regime")),
            };
            let from = input.time("when a regime applies")?;
            let restored = law.restore(terms, approval, from);
            restored.map_err(|_| BytesError::range("a regime"))?;
        }
        Ok(law)
    }
}
