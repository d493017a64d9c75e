//! Clocks that step: back, forward an hour, forward a year, while a shard runs and between two
//! starts. Time in the journal never falls, timers fire once and in order, and no order ends by a
//! clock that nobody accepted.
//!
//! Invariant: the only clock is the test's own; nothing waits for real time. Not here: the bounds
//! of the clock itself, to the nanosecond (its own tests).

use crate::shop;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::{BEGIN, Seen, Watcher, config, internal, keeper, market_under, order, submit};
use sanjiang_engine::command::{AcceptClock, Body, Command, Funding, SaleTerms, SalesCommand};
use sanjiang_engine::event::{ContractEvent, ContractStep, Event, ExecType, State};
use sanjiang_engine::journal::memory::MemoryJournal;
use sanjiang_engine::runtime::{
    ClockStatus, ManualTimeSource, Refused, Runtime, Submission, Ticket, TimeSource,
};
use sanjiang_engine::types::{Nanoseconds, OfferId, OrderId, Side, Time, TimeInForce};
use sanjiang_engine::venue::Regime;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// How the wall clock goes wrong.
const STEPS: [(&str, i64); 5] = [
    ("back two seconds", -2 * SECOND),
    ("back an hour", -HOUR),
    ("forward an hour", HOUR),
    ("forward a year", YEAR),
    ("back a year", -YEAR),
];

/// A shard whose clock the test moves, over any number of starts.
struct Shard {
    folder: tempfile::TempDir,
    journal: MemoryJournal,
    wall: Time,
    history: Vec<Seen>,
    warnings: Arc<Mutex<Vec<String>>>,
}

/// The shard while it runs.
struct Run<'a> {
    shard: &'a mut Shard,
    runtime: Runtime,
    source: Arc<ManualTimeSource>,
    watcher: Watcher,
    last: u64,
}

impl Shard {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            journal: MemoryJournal::new(),
            wall: BEGIN,
            history: Vec::new(),
            warnings: Arc::default(),
        }
    }

    /// Starts; a market under this regime is made at the first start.
    fn start(&mut self, regime: Regime) -> Run<'_> {
        self.start_with(&market_under(regime))
    }

    /// Starts; what founds a world comes at the first start.
    fn start_with(&mut self, founding: &[Command]) -> Run<'_> {
        let (runtime, source, watcher) = self.begin(self.folder.path());
        let first = self.history.is_empty();
        let mut run = Run {
            last: self.history.len() as u64,
            shard: self,
            runtime,
            source,
            watcher,
        };
        if first {
            run.last += 1;
            run.watcher.wait(run.last);
        } else {
            // A gap in service and the ticks of that time come first.
            run.wait_for(&Body::SessionsLost);
        }
        if first {
            run.submit(founding);
        }
        run
    }

    fn begin(&self, folder: &Path) -> (Runtime, Arc<ManualTimeSource>, Watcher) {
        let (mut config, _) = config(folder);
        let source = Arc::new(ManualTimeSource::new(self.wall));
        config.clock.source = source.clone();
        let warnings = Arc::clone(&self.warnings);
        config.on_warning = Arc::new(move |text| {
            warnings.lock().expect("whole").push(text.to_owned());
        });
        let (sink, watcher) = keeper(u64::MAX);
        let started = Runtime::start_on(&config, &self.journal, sink);
        (started.expect("started").0, source, watcher)
    }

    fn warned(&self, of: &str) -> usize {
        let warnings = self.warnings.lock().expect("whole");
        warnings.iter().filter(|text| text.contains(of)).count()
    }

    /// Checks what holds of any history: time never falls, no timer fires twice, and the timers of
    /// one moment fire in the order of their deadlines. Gives how many fired.
    fn check(&self, deadlines: &BTreeMap<OrderId, Time>) -> usize {
        let times = self.history.iter().map(|seen| seen.time);
        assert!(times.is_sorted(), "time falls");
        let sequences = self.history.iter().map(|seen| seen.sequence.value());
        assert!(sequences.eq(1..=self.history.len() as u64));
        let ended = self.history.iter().flat_map(expired);
        let ended: Vec<_> = ended.collect();
        let due: Vec<_> = ended
            .iter()
            .map(|(order, _)| (deadlines[order], *order))
            .collect();
        assert!(due.is_sorted(), "timers fire out of order: {due:?}");
        assert!(
            due.windows(2).all(|two| two[0] != two[1]),
            "one fired twice"
        );
        for (order, at) in &ended {
            assert!(deadlines[order] <= *at, "expired before its time");
        }
        ended.len()
    }
}

/// The orders that expired by a command, with its time.
fn expired(seen: &Seen) -> impl Iterator<Item = (OrderId, Time)> {
    let at = seen.time;
    let of_kind = move |event: &Event| of(event, ExecType::Expired);
    seen.events
        .iter()
        .filter_map(of_kind)
        .map(move |order| (order, at))
}

/// The order of a report of this kind.
fn of(event: &Event, kind: ExecType) -> Option<OrderId> {
    if let Event::Report(report) = event
        && report.exec_type == kind
    {
        return Some(report.order);
    }
    None
}

impl Run<'_> {
    fn submit(&mut self, commands: &[Command]) {
        submit(&self.runtime.handle(), 1, commands);
        self.last += commands.len() as u64;
        self.watcher.wait(self.last);
    }

    /// A resting order good till `due`; gives its id.
    fn good_till(&mut self, due: Time, price: i64) -> OrderId {
        let tif = TimeInForce::GoodTillDate(due);
        self.submit(&[order(0, Side::Sell, price, 1, tif)]);
        let seen = self.watcher.released().pop().expect("released");
        let new = seen
            .events
            .iter()
            .find_map(|event| of(event, ExecType::New));
        new.expect("it rests")
    }

    /// A command that changes nothing, so that the shard looks at its clock; gives its time.
    fn look(&mut self) -> Time {
        submit(&self.runtime.handle(), 2, &[internal(Body::SessionsLost)]);
        self.wait_for(&Body::SessionsLost)
    }

    /// Waits until this was released, whatever comes before it; gives its time.
    fn wait_for(&mut self, body: &Body) -> Time {
        loop {
            self.last += 1;
            self.watcher.wait(self.last);
            let seen = self.watcher.released();
            let behind = seen.len() as u64 + self.shard.history.len() as u64 - self.last;
            let one = &seen[seen.len() - 1 - behind as usize];
            if one.body == *body {
                return one.time;
            }
        }
    }

    fn accept(&mut self, wall: Time) {
        self.submit(&[internal(Body::AcceptClock(AcceptClock { wall }))]);
    }

    fn status(&self) -> ClockStatus {
        self.runtime.handle().status().clock
    }

    /// Stops; the wall clock stands where it was.
    fn stop(self) {
        self.shard.wall = self.source.wall();
        self.runtime.stop().expect("clean");
        self.shard.history.extend(self.watcher.released());
    }
}

#[test]
fn a_step_while_running_ends_no_order_until_it_is_accepted() {
    let mut fired = 0;
    for (word, step) in STEPS {
        let mut shard = Shard::new();
        let mut run = shard.start(Regime::LicensedFutures);
        let mut deadlines = BTreeMap::new();
        // Put in out of order; all within what the step passes over.
        for (at, price) in [(40, 3), (10, 1), (30, 2), (20, 9)] {
            let due = BEGIN.after(Nanoseconds(at * 60 * SECOND));
            deadlines.insert(run.good_till(due, 1_000 + price), due);
        }
        run.source.step(Nanoseconds(step));
        run.source.run(Nanoseconds(SECOND));
        let time = run.look();
        assert_eq!(
            time,
            BEGIN.after(Nanoseconds(SECOND)),
            "{word}: not followed"
        );
        assert_eq!(run.status(), ClockStatus::Stepped(Nanoseconds(step)));
        assert_eq!(
            run.shard.warned("is not followed"),
            1,
            "{word}: alarmed once"
        );
        // Fifteen minutes of real time: one deadline is passed, by the monotonic clock.
        run.source.run(Nanoseconds(15 * 60 * SECOND));
        run.look();
        let released = run.watcher.released();
        assert_eq!(released.iter().flat_map(expired).count(), 1, "{word}");
        let wall = run.source.wall();
        run.accept(wall);
        assert_eq!(run.status(), ClockStatus::Following, "{word}");
        let time = run.look();
        assert!(time >= wall, "{word}: never below the clock accepted");
        run.stop();
        let count = shard.check(&deadlines);
        let due = if step > 0 { 4 } else { 1 };
        assert_eq!(count, due, "{word}");
        fired += count;
    }
    println!(
        "steps while running: {}, timers fired once and in order: {fired}",
        STEPS.len()
    );
}

#[test]
fn a_step_between_starts_ends_no_order_before_its_time() {
    let (mut held, mut fired) = (0, 0);
    for (word, step) in STEPS {
        let mut shard = Shard::new();
        let mut run = shard.start(Regime::LicensedFutures);
        let mut deadlines = BTreeMap::new();
        for (at, price) in [(100 * DAY, 1), (HOUR / 2, 2), (10 * DAY, 3)] {
            let due = BEGIN.after(Nanoseconds(at));
            deadlines.insert(run.good_till(due, 1_000 + price), due);
        }
        run.source.run(Nanoseconds(60 * SECOND));
        let before = run.look();
        run.stop();
        shard.wall = shard.wall.after(Nanoseconds(step));
        let wall = shard.wall;
        let mut run = shard.start(Regime::LicensedFutures);
        let first = run.watcher.released()[0].time;
        assert!(first >= before, "{word}: time falls over a start");
        let count = run.watcher.released().iter().flat_map(expired).count();
        if step > 35 * DAY {
            held += 1;
            assert_eq!(run.status(), ClockStatus::Held(Nanoseconds(step)), "{word}");
            assert_eq!(
                (first, count),
                (before, 0),
                "{word}: time stands, nothing ends"
            );
            refuses_all_but_accept(&run);
            run.source.run(Nanoseconds(60 * SECOND));
            run.accept(wall.after(Nanoseconds(-10 * 60 * SECOND)));
            assert_eq!(
                run.status(),
                ClockStatus::Held(Nanoseconds(step)),
                "not what was seen"
            );
            assert_eq!(run.shard.warned("AcceptClock was not followed"), 1);
            run.accept(wall);
        } else if step < 0 {
            assert_eq!(
                (first, count),
                (before, 0),
                "{word}: runs on from the journal"
            );
            assert!(matches!(run.status(), ClockStatus::Stepped(_)), "{word}");
        }
        let time = run.look();
        assert!(time >= before, "{word}");
        run.stop();
        fired += shard.check(&deadlines);
    }
    println!(
        "steps between starts: {}, held: {held}, timers fired: {fired}",
        STEPS.len()
    );
    assert_eq!(
        (held, fired),
        (1, 3 + 1),
        "a year accepted ends all, an hour one"
    );
}

fn refuses_all_but_accept(run: &Run<'_>) {
    let refused = run.runtime.handle().submit(Submission {
        ticket: Ticket(9),
        commands: vec![order(1, Side::Buy, 900, 1, TimeInForce::Day)],
    });
    assert_eq!(refused, Err(Refused::ClockHeld));
}

#[test]
fn a_sandbox_follows_a_clock_a_year_ahead_and_warns() {
    let mut shard = Shard::new();
    shard.start(Regime::Sandbox).stop();
    shard.wall = shard.wall.after(Nanoseconds(YEAR));
    let wall = shard.wall;
    let mut run = shard.start(Regime::Sandbox);
    assert_eq!(run.status(), ClockStatus::Following);
    assert_eq!(run.look(), wall);
    run.stop();
    assert_eq!(shard.warned("365 days ahead of the journal; followed"), 1);
}

#[test]
fn a_clock_that_steps_again_and_again_moves_nothing_but_its_alarm() {
    let mut shard = Shard::new();
    let mut run = shard.start(Regime::LicensedFutures);
    let due = BEGIN.after(Nanoseconds(HOUR));
    let order = run.good_till(due, 1_001);
    let mut steps = 0;
    for round in 0..50 {
        let (_, step) = STEPS[round % STEPS.len()];
        run.source.step(Nanoseconds(step));
        run.source.run(Nanoseconds(SECOND));
        run.look();
        steps += 1;
    }
    let time = run.look();
    assert_eq!(
        time,
        BEGIN.after(Nanoseconds(50 * SECOND)),
        "real time only"
    );
    run.stop();
    assert_eq!(shard.check(&BTreeMap::from([(order, due)])), 0);
    println!(
        "steps: {steps}, warnings: {}",
        shard.warned("is not followed")
    );
}

/// What happened to contracts in what was released since `from`.
fn deals(seen: &[Seen], from: usize) -> Vec<(ContractStep, State)> {
    let events = seen[from..].iter().flat_map(|one| &one.events);
    let step = |event: &Event| {
        if let Event::Contract(ContractEvent::Step(report)) = event {
            return Some((report.step, report.state));
        }
        None
    };
    events.filter_map(step).collect()
}

/// A shop whose buyers have an hour to pay.
fn credit() -> Vec<Command> {
    let within = Nanoseconds(HOUR);
    let mut bodies = shop::founding(1);
    bodies.push(shop::sales(SalesCommand::DefineTerms(SaleTerms {
        funding: Funding::PayLater { within },
        ..shop::plain_terms(7)
    })));
    bodies.into_iter().map(internal).collect()
}

impl Run<'_> {
    /// A contract whose buyer has an hour to pay.
    fn sell_on_credit(&mut self) {
        self.submit(&[internal(shop::offer(5, None))]);
        let sequence = self.last;
        let offer = OfferId { sequence, slot: 0 };
        self.submit(&[internal(shop::reserve(offer, 1, 2))]);
    }
}

#[test]
fn a_contract_outlives_a_stop_longer_than_its_deadline() {
    let mut shard = Shard::new();
    let mut run = shard.start_with(&credit());
    run.sell_on_credit();
    run.source.run(Nanoseconds(HOUR / 2));
    run.look();
    run.stop();
    shard.wall = shard.wall.after(Nanoseconds(3 * HOUR));
    let mut run = shard.start_with(&credit());
    run.look();
    let unpaid = (ContractStep::PutOff, State::Unpaid);
    assert_eq!(deals(&run.watcher.released(), 0), [unpaid]);
    run.source.run(Nanoseconds(DAY - 1));
    run.look();
    assert_eq!(deals(&run.watcher.released(), 0), [unpaid]);
    run.source.run(Nanoseconds(1));
    run.look();
    let expired = (ContractStep::Deadline, State::Expired);
    assert_eq!(deals(&run.watcher.released(), 0), [unpaid, expired]);
    run.stop();
}

#[test]
fn a_clock_thirty_days_fast_costs_no_contract() {
    let mut shard = Shard::new();
    let mut run = shard.start_with(&credit());
    run.sell_on_credit();
    run.stop();
    // Near enough to be followed without a word.
    let right = shard.wall;
    shard.wall = right.after(Nanoseconds(30 * DAY));
    let mut run = shard.start_with(&credit());
    assert_eq!(run.status(), ClockStatus::Following);
    run.look();
    let unpaid = (ContractStep::PutOff, State::Unpaid);
    assert_eq!(deals(&run.watcher.released(), 0), [unpaid]);
    run.stop();
    // Set right again: time runs on from the journal, and the day to pay with it.
    shard.wall = right.after(Nanoseconds(HOUR));
    let mut run = shard.start_with(&credit());
    run.source.run(Nanoseconds(DAY - 1));
    run.look();
    assert_eq!(deals(&run.watcher.released(), 0), []);
    run.source.run(Nanoseconds(1));
    run.look();
    let expired = (ContractStep::Deadline, State::Expired);
    assert_eq!(deals(&run.watcher.released(), 0), [expired]);
    run.stop();
}

#[test]
fn a_clock_set_forward_while_running_costs_no_contract() {
    let mut shard = Shard::new();
    let mut run = shard.start_with(&credit());
    run.sell_on_credit();
    run.source.step(Nanoseconds(30 * DAY));
    run.source.run(Nanoseconds(60 * SECOND));
    run.look();
    let wall = run.source.wall();
    run.accept(wall);
    run.look();
    let unpaid = (ContractStep::PutOff, State::Unpaid);
    let seen = run.watcher.released();
    let formed = seen
        .iter()
        .position(|one| !deals(std::slice::from_ref(one), 0).is_empty());
    let after = formed.expect("it was formed") + 1;
    assert_eq!(deals(&seen, after), [unpaid]);
    run.stop();
}
