//! Tests of the clock: what it follows, what it alarms, where it starts.

use super::*;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 24 * 3_600 * SECOND;
const TRUST: Trust = Trust {
    step_max: Nanoseconds(SECOND),
    start_ahead_max: Nanoseconds(35 * DAY),
    accept_within: Nanoseconds(300 * SECOND),
};

fn at(nanoseconds: i64) -> Time {
    Time::new(1_790_000_000 * SECOND + nanoseconds).expect("in bounds")
}

fn started(last: Option<i64>, stakes: Stakes) -> (ManualTimeSource, Clock) {
    let source = ManualTimeSource::new(at(0));
    let clock = Clock::start(&source, TRUST, last.map(at), stakes);
    (source, clock)
}

#[test]
fn runs_with_the_wall_clock_and_follows_small_steps() {
    let (source, mut clock) = started(None, Stakes::Real);
    assert_eq!(clock.now(&source), at(0));
    source.run(Nanoseconds(5));
    assert_eq!(clock.now(&source), at(5));
    source.step(Nanoseconds(SECOND));
    assert_eq!(clock.now(&source), at(5 + SECOND));
    source.step(Nanoseconds(-SECOND));
    assert_eq!(clock.now(&source), at(5 + SECOND), "time never falls");
    source.run(Nanoseconds(SECOND + 1));
    assert_eq!(clock.now(&source), at(6 + SECOND));
    assert_eq!(clock.status(), ClockStatus::Following);
}

#[test]
fn a_large_step_is_not_followed_until_it_is_accepted_or_undone() {
    for step in [SECOND + 1, -SECOND - 1, 400 * DAY] {
        let (source, mut clock) = started(None, Stakes::Real);
        source.step(Nanoseconds(step));
        source.run(Nanoseconds(7));
        assert_eq!(clock.now(&source), at(7), "step {step}");
        assert_eq!(clock.status(), ClockStatus::Stepped(Nanoseconds(step)));
        source.step(Nanoseconds(-step));
        assert_eq!(clock.now(&source), at(7));
        assert_eq!(clock.status(), ClockStatus::Following, "undone");
        source.step(Nanoseconds(step));
        clock.now(&source);
        assert!(clock.accept(&source, source.wall()));
        assert_eq!(clock.status(), ClockStatus::Following, "accepted");
        assert_eq!(clock.now(&source), at(7 + step.max(0)));
        source.run(Nanoseconds(3));
        assert_eq!(clock.now(&source), at(10 + step.max(0)), "it runs on");
    }
}

#[test]
fn a_wall_clock_behind_the_journal_runs_on_from_the_journal() {
    for (last, alarmed) in [(SECOND, false), (SECOND + 1, true), (90 * DAY, true)] {
        let (source, mut clock) = started(Some(last), Stakes::Real);
        source.run(Nanoseconds(9));
        assert_eq!(clock.now(&source), at(last + 9));
        let stepped = ClockStatus::Stepped(Nanoseconds(-last));
        let expected = if alarmed {
            stepped
        } else {
            ClockStatus::Following
        };
        assert_eq!(clock.status(), expected, "{last} ns behind");
    }
}

#[test]
fn a_wall_clock_35_days_ahead_is_held_only_where_somebody_trades() {
    let cases = [
        (35 * DAY - 1, Stakes::Real, false),
        (35 * DAY, Stakes::Real, false),
        (35 * DAY + 1, Stakes::Real, true),
        (35 * DAY + 1, Stakes::Sandbox, false),
    ];
    for (ahead, stakes, held) in cases {
        let (source, mut clock) = started(Some(-ahead), stakes);
        let expected = if held { at(-ahead) } else { at(0) };
        assert_eq!(clock.now(&source), expected, "{ahead} ahead, {stakes:?}");
        assert_eq!(clock.status() != ClockStatus::Following, held);
        assert!(clock.accept(&source, source.wall()));
        assert_eq!(clock.now(&source), at(0));
        assert_eq!(clock.status(), ClockStatus::Following);
    }
}

#[test]
fn a_clock_that_trembles_after_a_step_is_one_alarm() {
    let (source, mut clock) = started(None, Stakes::Real);
    source.step(Nanoseconds(3_600 * SECOND));
    clock.now(&source);
    let told = clock.status();
    assert_eq!(told, ClockStatus::Stepped(Nanoseconds(3_600 * SECOND)));
    for tremble in [7, -300, 12_345, SECOND / 2, -SECOND / 3] {
        source.step(Nanoseconds(tremble));
        clock.now(&source);
        assert_eq!(clock.status(), told);
    }
}

#[test]
fn a_wall_clock_that_comes_back_to_where_time_is_is_followed_again() {
    let (source, mut clock) = started(Some(3_600 * SECOND), Stakes::Real);
    assert_eq!(clock.now(&source), at(3_600 * SECOND));
    source.run(Nanoseconds(5));
    source.step(Nanoseconds(3_600 * SECOND));
    assert_eq!(clock.now(&source), at(3_600 * SECOND + 5));
    assert_eq!(clock.status(), ClockStatus::Following);
}

#[test]
fn only_the_wall_clock_that_was_seen_is_accepted() {
    for (more, accepted) in [(300, true), (301, false), (-300, true), (-301, false)] {
        let (source, mut clock) = started(None, Stakes::Real);
        source.step(Nanoseconds(86_400 * SECOND));
        clock.now(&source);
        let seen = source.wall();
        source.step(Nanoseconds(more * SECOND));
        assert_eq!(clock.accept(&source, seen), accepted, "{more} s later");
        let time = if accepted {
            at((86_400 + more) * SECOND)
        } else {
            at(0)
        };
        assert_eq!(clock.now(&source), time);
    }
}
