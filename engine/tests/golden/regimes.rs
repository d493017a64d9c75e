//! Definitions of regimes: every kind of value, with texts of their own and without, and none.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{RuleKey, RuleValue};

use super::golden::{at, envelope};

/// Regimes, one that says nothing.
pub fn regimes() -> Vec<(Time, Command)> {
    let text = |text| Title::new(text).expect("short");
    let rule = |key, value, basis| Rule { key, value, basis };
    let many = vec![
        rule(RuleKey::AllowedModels, RuleValue::Set(u32::MAX), None),
        rule(RuleKey::Anonymous, RuleValue::Flag(true), None),
        rule(
            RuleKey::MarketMaker,
            RuleValue::Flag(false),
            Some(text("国发〔2011〕38号")),
        ),
        rule(RuleKey::RequiresLicence, RuleValue::Word(1), None),
        rule(
            RuleKey::AnnualLimitFen,
            RuleValue::Number(2_600_000),
            Some(text("")),
        ),
        rule(RuleKey::RealMoney, RuleValue::Number(u64::MAX), None),
    ];
    let bodies = [
        ("", "", vec![]),
        ("PROVINCE_2", "浙政办发〔2013〕55号", many),
    ];
    let bodies = bodies.map(|(name, basis, rules)| {
        Body::DefineRegime(Box::new(DefineRegime {
            name: Name::new(name).expect("short"),
            basis: text(basis),
            rules,
        }))
    });
    let mut commands = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let time = at(place as i64 * 9_876_543);
        let envelope = envelope(place as u32, time);
        commands.push((time, Command { envelope, body }));
    }
    commands
}
