//! Discounts as bytes, within the section of sales.
//!
//! Invariant: as in `section`; discounts keep their rows, since ids name them. Timers are made
//! anew.

use super::discounts::{Discount, Discounts};
use super::section::{put_chain, put_forgetting, read_chain, read_forgetting};
use crate::bytes::{self, BytesError, Reader};
use crate::journal::codec::discounts as codec;
use crate::limits::Limits;
use crate::slab::Slab;
use crate::types::{Sequence, Time};

/// The least bytes of a discount.
const ROW_BYTES_MIN: usize = 14;

fn wrong() -> BytesError {
    BytesError::range("a discount")
}

/// Writes discounts with who used them, and the users of ended ones.
pub(super) fn put(out: &mut Vec<u8>, discounts: &Discounts) {
    discounts.rows.encode(out, |out, row| {
        bytes::put_varint(out, row.sequence);
        codec::put_terms(out, &row.terms);
        bytes::put_varint(out, u64::from(row.used));
        put_chain(out, &discounts.users, row.users);
    });
    put_forgetting(out, &discounts.users);
}

/// Reads what [`put`] wrote.
///
/// # Errors
/// Broken bytes; what the rules would not have made.
pub(super) fn get(
    input: &mut Reader<'_>,
    limits: &Limits,
    (owners, accounts, venues): (u32, u32, u32),
    (last, now): (Sequence, Time),
) -> Result<Discounts, BytesError> {
    let mut discounts = Discounts::new(limits);
    let users = &mut discounts.users;
    let rows = Slab::decode(limits.discounts_max, ROW_BYTES_MIN, input, |input, _| {
        let sequence = input.varint()?;
        let terms = codec::terms(input)?;
        let mut row = Discount::new(sequence, terms);
        row.used = input.varint32("the uses of a discount")?;
        read_chain(input, users, owners, (sequence, &mut row.users))?;
        let known = terms.account.index() < accounts && terms.venue.index() < venues;
        let made = (1..=last.value()).contains(&sequence);
        if !known || !made || !super::discounts::were_bounded(&terms) {
            return Err(wrong());
        }
        Ok(row)
    })?;
    discounts.rows = rows;
    read_forgetting(input, &mut discounts.users, owners, now)?;
    let slots: Vec<u32> = discounts.rows.iter().map(|(slot, _)| slot).collect();
    for slot in slots {
        discounts.time(slot);
    }
    Ok(discounts)
}
