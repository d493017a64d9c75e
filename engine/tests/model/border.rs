//! Imports in the worlds of shops: what regimes say of them, what customs report, and which cells
//! of section 26 a run reached.
//!
//! Invariant: as in `generate` and `coverage`.

use sanjiang_engine::command::{Body, Demonstration, SetAnnualUse};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{ContractRefused, ContractReport, FullTax};
use sanjiang_engine::reject::{Basis, RejectReason as R};
use sanjiang_engine::types::OwnerId;
use sanjiang_engine::venue::{RuleKey, RuleValue};

use super::coverage::Cell;
use super::rng::Rng;
use crate::reference::{Reference, year_at};

/// What a run has to reach; the reference says most of it.
pub const IMPORTS: [&str; 9] = [
    "an import taxed in full",
    "an order above its limit",
    "an import restored whole",
    "an import restored by a return",
    "a return too late to restore",
    "a group's import made cheaper",
    "restored to a year that is over",
    "a use forgotten with its year",
    "a use forgotten with its last contract",
];

/// What refuses a report of customs.
pub const REPORTING: [R; 4] = [
    R::UnknownOwner,
    R::ApproverRequired,
    R::InvalidField,
    R::TooMany,
];

/// An import above the limit of one order.
pub fn full_tax(report: &ContractReport) -> Option<Cell> {
    let full = report.full_tax == FullTax::Yes && report.pieces == 1;
    full.then_some(Cell::Money(IMPORTS[0]))
}

/// An order refused for its own worth.
pub fn above_order(refused: &ContractRefused) -> Option<Cell> {
    let key = RuleKey::SingleOrderLimitFen;
    let basis = refused.reject.basis;
    let own = matches!(basis, Some(Basis::Defined { key: found, .. }) if found == key);
    own.then_some(Cell::Money(IMPORTS[1]))
}

/// The rules of a regime that limits imports: so small that the worlds meet them.
pub fn rules(single: u64, annual: u64) -> [(RuleKey, RuleValue); 2] {
    [
        (RuleKey::SingleOrderLimitFen, RuleValue::Number(single)),
        (RuleKey::AnnualLimitFen, RuleValue::Number(annual)),
    ]
}

/// What customs report, mostly of the year that runs.
pub fn report(rng: &mut Rng, world: &Reference, time: i64) -> Body {
    let (year, _) = year_at(i128::from(time));
    let kind = world.venues.first().map(|venue| venue.demonstration);
    let kind = kind.filter(|_| rng.permille(800));
    let year = year as u16;
    Body::SetAnnualUse(SetAnnualUse {
        owner: OwnerId::new(rng.pick(&[0, 1, 2, 3, 3, 9])),
        year: rng.weighted(&[(95, year), (2, year - 1), (2, year + 1), (1, 0)]),
        used: rng.weighted(&[
            (60, 0),
            (20, 100),
            (10, 700),
            (4, 1 << 52),
            (1, (1 << 52) + 1),
            (1, -1),
        ]),
        demonstration: kind
            .unwrap_or(rng.pick(&[Demonstration::Demonstration, Demonstration::Real])),
    })
}

/// Compares what owners used, as the rules say and as the engine has it.
pub fn same_uses(world: &Reference, engine: &Engine) -> Result<(), String> {
    let (now, _) = year_at(i128::from(world.time.nanoseconds()));
    for owner in (0..world.owners.len() as u32).map(OwnerId::new) {
        for year in (now - 4).max(1_970)..=now {
            for kind in [Demonstration::Demonstration, Demonstration::Real] {
                let whose = (owner, year, kind);
                let elsewhere = world.used(whose).map_or(0, |used| used.elsewhere);
                let expected = (world.used_here(whose), elsewhere);
                let found = engine.annual_use(owner, year as u16, kind);
                let found = (i128::from(found.here), i128::from(found.elsewhere));
                if expected != found {
                    return Err(format!(
                        "use of {whose:?}: the rules say {expected:?}, the engine {found:?}"
                    ));
                }
            }
        }
    }
    Ok(())
}
