//! The bodies of the commands about law as bytes.
//!
//! ```text
//! DefineRegime: name | basis | count of rules varint | each: key u8 | value | own basis, or none
//! value: 0 flag u8 | 1 number varint | 2 word u8 | 3 set u32
//! MoveVenue: venue varint | regimes as in CreateVenue
//! ```
//!
//! Invariant: as in `codec`: rules out of order, or with values of another kind, have one form too.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{Body, DefineRegime, MoveVenue, Rule};
use crate::types::VenueId;
use crate::venue::{RuleKey, RuleValue, regime};

/// The fewest bytes of a rule.
const RULE_BYTES_MIN: usize = 4;

pub(super) fn command(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::DefineRegime(Box::new(regime(input)?)))
}

pub(super) fn move_venue(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    Ok(Body::MoveVenue(Box::new(MoveVenue {
        venue: VenueId::new(input.varint32("venue")?),
        regimes: regime::regimes(input)?,
    })))
}

/// Writes a move.
pub(super) fn put_move(out: &mut Vec<u8>, moves: &MoveVenue) {
    bytes::put_varint(out, u64::from(moves.venue.index()));
    regime::put_regimes(out, &moves.regimes);
}

/// Writes a regime.
pub(crate) fn put(out: &mut Vec<u8>, regime: &DefineRegime) {
    bytes::put_text(out, &regime.name);
    bytes::put_text(out, &regime.basis);
    bytes::put_varint(out, regime.rules.len() as u64);
    for rule in &regime.rules {
        bytes::put_u8(out, rule.key as u8);
        put_value(out, rule.value);
        bytes::put_option(out, rule.basis.as_ref(), bytes::put_text);
    }
}

fn put_value(out: &mut Vec<u8>, value: RuleValue) {
    match value {
        RuleValue::Flag(flag) => {
            bytes::put_u8(out, 0);
            bytes::put_u8(out, u8::from(flag));
        }
        RuleValue::Number(number) => {
            bytes::put_u8(out, 1);
            bytes::put_varint(out, number);
        }
        RuleValue::Word(word) => {
            bytes::put_u8(out, 2);
            bytes::put_u8(out, word);
        }
        RuleValue::Set(set) => {
            bytes::put_u8(out, 3);
            bytes::put_u32(out, set);
        }
    }
}

/// Reads what [`put`] wrote, whether or not a regime may say it.
pub(crate) fn regime(input: &mut Reader<'_>) -> Result<DefineRegime, BytesError> {
    let name = input.text()?;
    let basis = input.text()?;
    let count = input.count(u32::MAX, RULE_BYTES_MIN, "the count of rules")?;
    let mut rules = Vec::with_capacity(count);
    for _ in 0..count {
        rules.push(Rule {
            key: RuleKey::from_code(input.u8()?).ok_or(BytesError::range("a rule's key"))?,
            value: value(input)?,
            basis: input.option(Reader::text)?,
        });
    }
    Ok(DefineRegime { name, basis, rules })
}

fn value(input: &mut Reader<'_>) -> Result<RuleValue, BytesError> {
    Ok(match input.u8()? {
        0 => RuleValue::Flag(match input.u8()? {
            0 => false,
            1 => true,
            _ => return Err(BytesError::range("a flag")),
        }),
        1 => RuleValue::Number(input.varint()?),
        2 => RuleValue::Word(input.u8()?),
        3 => RuleValue::Set(input.u32()?),
        _ => return Err(BytesError::range("the kind of a rule's value")),
    })
}
