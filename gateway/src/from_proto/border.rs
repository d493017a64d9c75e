//! Reports of customs about cross-border retail, and questions about a person's year.
//!
//! Invariant: as in `from_proto`. Not here: which year runs (the engine).

use engine::command::{Body, Demonstration, SetAnnualUse};
use engine::types::{OwnerId, VenueId};
use proto::v1;

use super::fields::{Fields, Prefix};
use super::operations::{Asks, demonstration};
use super::sales::owner;
use crate::directory::Tables;
use crate::errors::Failure;
use crate::to_proto::decimal_text;

/// The limits of cross-border retail are in fen.
const DECIMALS: u8 = 2;
/// The first and the last year there can be.
const YEARS: std::ops::RangeInclusive<u16> = 1_970..=2_200;

impl Asks for v1::SetAnnualUseRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let owner = owner(fields, &self.beneficial_owner_id);
        let year = year(fields, self.year);
        let used = used(fields, &self.used);
        Some(Body::SetAnnualUse(SetAnnualUse {
            owner: owner?,
            year: year?,
            used: used?,
            demonstration: demonstration(self.demonstration),
        }))
    }
}

fn year(fields: &mut Fields<'_>, year: u32) -> Option<u16> {
    let known = u16::try_from(year).ok().filter(|year| YEARS.contains(year));
    if known.is_none() {
        let (first, last) = (YEARS.start(), YEARS.end());
        fields.wrong(
            "year",
            format!("{year} is none; a year from {first} to {last} is required"),
        );
    }
    known
}

/// A dutiable value in fen.
fn used(fields: &mut Fields<'_>, text: &str) -> Option<i64> {
    if text.is_empty() {
        fields.wrong(
            "used",
            "is empty; a value in yuan is required, 0 for nothing",
        );
    }
    let units = fields.decimal("used", text, DECIMALS)?;
    let most = SetAnnualUse::USED_MAX;
    let used = i64::try_from(units).ok();
    let used = used.filter(|used| (0..=most).contains(used));
    if used.is_none() {
        let most = decimal_text(most.into(), DECIMALS);
        let text = super::fields::shorten(text);
        fields.wrong("used", format!("{text} must lie between 0 and {most}"));
    }
    used
}

/// A question about a person's year.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct YearAsked {
    /// Whose use.
    pub owner: OwnerId,
    /// Of which year; none is the one that runs.
    pub year: Option<u16>,
    /// Of demonstrations or not.
    pub demonstration: Demonstration,
    /// The limits of one venue only.
    pub venue: Option<VenueId>,
}

/// Whose use of which year is asked for.
///
/// # Errors
/// Malformed or not found; a venue that is a demonstration and a use that is of none, or the other
/// way round.
pub fn annual_use(
    tables: &Tables,
    request: &v1::GetAnnualUseRequest,
) -> Result<YearAsked, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let owner = owner(&mut fields, &request.beneficial_owner_id);
    let year = match request.year {
        0 => Some(None),
        asked => year(&mut fields, asked).map(Some),
    };
    let venue = match request.venue_id.as_str() {
        "" => Some(None),
        name => fields.venue("venue_id", name).map(Some),
    };
    let at = venue.flatten();
    if at.is_some_and(|at| tables.venue_is_demonstration(at) != request.demonstration) {
        let of = if request.demonstration { "no" } else { "a" };
        let right = "leave it out, or set demonstration as the venue has it";
        fields.wrong("venue_id", format!("is {of} demonstration; {right}"));
    }
    let asked = || {
        Some(YearAsked {
            owner: owner?,
            year: year?,
            demonstration: demonstration(request.demonstration),
            venue: venue?,
        })
    };
    let asked = asked();
    fields.finish(asked)
}
