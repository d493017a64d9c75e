//! Reports of customs: the least and the most of every field, real and demonstration.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;

use super::golden::{at, envelope};

/// What customs say of a year, also what no engine takes.
pub fn uses() -> Vec<(Time, Command)> {
    let sets = [
        (0, 0, 0, Demonstration::Demonstration),
        (7, 2_026, 2_599_999, Demonstration::Real),
        (u32::MAX, u16::MAX, i64::MAX, Demonstration::Real),
        (300, 1_970, i64::MIN, Demonstration::Demonstration),
    ];
    let mut commands = Vec::new();
    for (place, (owner, year, used, demonstration)) in sets.into_iter().enumerate() {
        let time = at(place as i64 * 9_876_543);
        let envelope = envelope(place as u32, time);
        let body = Body::SetAnnualUse(SetAnnualUse {
            owner: OwnerId::new(owner),
            year,
            used,
            demonstration,
        });
        commands.push((time, Command { envelope, body }));
    }
    commands
}
