//! Regimes and calendars folded so that they meet: few that data defined, rules and days in order.

use sanjiang_engine::command::{Rule, SetCalendar};
use sanjiang_engine::venue::Regime;

use super::market::HOUR;

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

/// Days that come soon, now and then of one name.
pub fn fold_calendar(set: &mut SetCalendar) {
    set.name = if set.days.len().is_multiple_of(2) {
        super::market::name("calendar")
    } else {
        super::fold::short(set.name)
    };
    set.utc_offset_seconds %= 80_000;
    set.roll_time.0 = set.roll_time.0.rem_euclid(25 * HOUR);
    set.days
        .iter_mut()
        .for_each(|day| *day = day.rem_euclid(40) + 5);
    set.days.sort_unstable();
    set.days.dedup();
}
