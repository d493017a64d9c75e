//! Regimes folded so that they meet: few that data defined, rules in order.

use sanjiang_engine::command::Rule;
use sanjiang_engine::venue::Regime;

/// Each one of set 1, or one of the first two that data may have defined.
pub fn fold_regimes(regimes: &mut [Regime]) {
    for regime in regimes {
        if let Some(place) = regime.code().checked_sub(Regime::FIRST_DEFINED) {
            let code = Regime::FIRST_DEFINED + place % 2;
            *regime = Regime::from_code(code).expect("data may define it");
        }
    }
}

/// In order, so that some definitions are taken.
pub fn fold_rules(rules: &mut Vec<Rule>) {
    rules.sort_unstable_by_key(|rule| rule.key);
    rules.dedup_by_key(|rule| rule.key);
}
