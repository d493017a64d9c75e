//! The body of the command about cross-border retail as bytes.
//!
//! ```text
//! SetAnnualUse: owner varint | year varint | used zigzag | demonstration u8
//! ```
//!
//! Invariant: as in `codec`.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{Body, SetAnnualUse};
use crate::types::OwnerId;
use crate::venue::section;

pub(super) fn put(out: &mut Vec<u8>, set: SetAnnualUse) {
    bytes::put_varint(out, u64::from(set.owner.index()));
    bytes::put_varint(out, u64::from(set.year));
    bytes::put_zigzag(out, set.used);
    section::put_demonstration(out, set.demonstration);
}

/// Reads a body about cross-border retail.
pub(super) fn get(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::SetAnnualUse(SetAnnualUse {
        owner: OwnerId::new(input.varint32("owner")?),
        year: year(input)?,
        used: input.zigzag()?,
        demonstration: section::demonstration(input)?,
    }))
}

/// Reads a calendar year.
pub(crate) fn year(input: &mut Reader<'_>) -> Result<u16, BytesError> {
    let field = "a year";
    u16::try_from(input.varint32(field)?).map_err(|_| BytesError::range(field))
}
