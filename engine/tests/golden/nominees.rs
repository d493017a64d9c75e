//! Nominees: with owners behind them, and without.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;

use super::golden::{at, envelope};

/// Nominees, one behind whom nobody stands any more.
pub fn nominees() -> Vec<(Time, Command)> {
    let lists = [vec![], vec![0, 7, 1_048_575]];
    let bodies = lists.map(|owners: Vec<u32>| {
        let set = SetNominee {
            nominee: OwnerId::new(300),
            owners: owners.into_iter().map(OwnerId::new).collect(),
        };
        Body::Settlement(Box::new(SettlementCommand::SetNominee(set)))
    });
    let mut commands = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let time = at(place as i64 * 9_876_543);
        let envelope = envelope(place as u32, time);
        commands.push((time, Command { envelope, body }));
    }
    commands
}
