//! The engine against the naive reference: random commands in small worlds, every event compared.
//!
//! Invariant: a seed names its whole run; a failure prints the seed and a shortened script. Not
//! here: the reference (`reference`), the generator and the comparison (`model`).

#[path = "support/centralised.rs"]
mod centralised;
mod reference;
mod model {
    pub mod baskets;
    pub mod border;
    pub mod cash;
    pub mod correct;
    pub mod coverage;
    pub mod covers;
    pub mod drive;
    pub mod duties;
    pub mod flash;
    pub mod generate;
    mod kept;
    pub mod lend;
    pub mod margin;
    pub mod operate;
    pub mod paid;
    pub mod pairs;
    pub mod papers;
    pub mod purses;
    pub mod rng;
    pub mod said;
    pub mod script;
    pub mod settle;
    pub mod shop;
    pub mod shop_cells;
    pub mod shrink;
    pub mod subject;
    pub mod switch;
    pub mod terms;
    pub mod trade;
    pub mod wares;
    pub mod world;
}

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use model::coverage::Coverage;
use model::drive::Driver;
use model::generate::Generator;
use model::rng::Rng;
use model::script::{Script, Step, internal};
use model::shrink::Effort;
use model::{shop, shrink, world};
use reference::Fault;
use sanjiang_engine::command::{
    AcceptClock, ArmDeadMan, Body, Identity, KillScope, OnDisconnect, OpenSession, Position,
    SetDisconnectPolicy, SetKillSwitch, SetPhase, SwitchCommand,
};
use sanjiang_engine::event::Cause;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::{AccountId, Nanoseconds, ParticipantId, SessionId, Time, VenueId};
use sanjiang_engine::venue::Phase;

/// How many commands run unless `SANJIANG_MODEL_COMMANDS` says otherwise. A run of fewer than about
/// 400,000 leaves rare cells unreached, and says so.
const COMMANDS: u64 = 4_000_000;
/// How many steps a world lasts.
const STEPS: usize = 4_000;
/// Threads; the worlds are shared out, so the result does not depend on it.
const THREADS: usize = 2;
/// The seed of the first world, unless `SANJIANG_MODEL_SEED` says otherwise; each following world
/// adds one.
const SEED: u64 = 20_261_123;

/// Runs the world of a seed; on a difference, the script up to it.
fn run(seed: u64, steps: usize, fault: Option<Fault>) -> Result<Coverage, Box<Script>> {
    let (mut driver, script) = driven(seed, steps, fault)?;
    match driver.look() {
        Ok(()) => Ok(driver.coverage),
        Err(_) => Err(script),
    }
}

/// The driver of the world of a seed after so many steps, and its script.
fn driven(
    seed: u64,
    steps: usize,
    fault: Option<Fault>,
) -> Result<(Driver, Box<Script>), Box<Script>> {
    let mut rng = Rng::new(seed);
    let mut script = Box::new(Script {
        limits: world::limits(&mut rng),
        steps: Vec::new(),
    });
    let begin = i64::from(world::FIRST_DAY) * 24 * world::HOUR;
    let begin = Time::new(begin)
        .expect("after 1970")
        .after(Nanoseconds(rng.range(0, world::HOUR)));
    let mut opening = world::opening(&mut rng, &script.limits).into_iter();
    let mut driver = Driver::new(&script, fault);
    let mut generator = Generator::new(rng);
    for place in 0..steps {
        let step = match opening.next() {
            Some(body) => Step {
                place,
                time: begin,
                command: internal(body),
            },
            None => generator.step(&driver.reference, &|id| driver.place(id), place),
        };
        script.steps.push(step);
        let step = &script.steps[place];
        let run = std::panic::AssertUnwindSafe(|| driver.step(step));
        if !matches!(std::panic::catch_unwind(run), Ok(Ok(()))) {
            return Err(script);
        }
    }
    Ok((driver, script))
}

/// Says how a world failed, with the shortest script that shows it.
fn explain(seed: u64, script: Script, fault: Option<Fault>) -> String {
    let (short, text) = shrink::shrink(script, fault, Effort::WHOLE);
    let mut lines = format!("seed {seed}, {:#?}\n", short.limits);
    for step in &short.steps {
        let at = step.time.nanoseconds();
        let envelope = &step.command.envelope;
        let who = (
            envelope.principal.index(),
            envelope.identity,
            envelope.valid_until,
        );
        let _ = write!(
            lines,
            "step {} at {at} {who:?}\n    {:?}\n",
            step.place, step.command.body
        );
    }
    lines + &text
}

/// A number from the environment, or the usual one.
fn asked(name: &str, usual: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(usual, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number"))
    })
}

/// Runs as many worlds as have so many commands; what they reached, and how many they were.
fn run_all(
    commands: u64,
    run: impl Fn(u64, usize, Option<Fault>) -> Result<Coverage, Box<Script>> + Sync,
) -> (Coverage, String) {
    let first = asked("SANJIANG_MODEL_SEED", SEED);
    let worlds = commands.div_ceil(STEPS as u64);
    let next = AtomicU64::new(0);
    let total = Mutex::new(Coverage::default());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none() {
                    let world = next.fetch_add(1, Ordering::Relaxed);
                    if world >= worlds {
                        break;
                    }
                    let seed = first + world;
                    match run(seed, STEPS, None) {
                        Ok(coverage) => total.lock().unwrap().merge(coverage),
                        Err(script) => *failed.lock().unwrap() = Some((seed, script)),
                    }
                }
            });
        }
    });
    if let Some((seed, script)) = failed.into_inner().unwrap() {
        panic!("{}", explain(seed, *script, None));
    }
    let total = total.into_inner().unwrap();
    let said = format!(
        "{} commands in {worlds} worlds from seed {first}",
        total.commands
    );
    (total, said)
}

#[test]
fn the_engine_gives_the_same_events_as_the_reference() {
    let commands = asked("SANJIANG_MODEL_COMMANDS", COMMANDS);
    let (total, said) = run_all(commands, run);
    let share = 100.0 * total.accepted as f64 / total.commands as f64;
    println!(
        "{said}: {share:.1} % accepted, {} trades, {} events, {} engines restored from their own \
         snapshot",
        total.trades, total.events, total.restored
    );
    let missing = total.table();
    assert!(missing.is_empty(), "cells not reached: {missing:?}");
}

#[test]
fn a_fault_on_either_side_is_seen() {
    let faults = [
        Fault::NewerFirst,
        Fault::MiddleDown,
        Fault::StopsBackwards,
        Fault::WindowShort,
        Fault::ReleaseForgotten,
        Fault::FeeDown,
        Fault::DecrementKeepsHold,
        Fault::SweepLeavesStops,
        Fault::TokenKept,
        Fault::SuspensionForgotten,
        Fault::ReceiptsUnbacked,
        Fault::BustKeepsFees,
        Fault::NeverRepaid,
        Fault::SettledEarly,
        Fault::ReverseShort,
    ];
    for fault in faults {
        assert!(
            shortest(fault) < 100,
            "{fault:?} is not seen, or not shown shortly"
        );
    }
}

/// How short a script shows the fault: of the first world that sees it, or of a later one where
/// that stays long. The rarest, goods of a receipt that are taken out, needs some sixty worlds.
fn shortest(fault: Fault) -> usize {
    let mut shortest = usize::MAX;
    for at in 0..400 {
        let Err(script) = run(SEED + at, STEPS, Some(fault)) else {
            continue;
        };
        let long = script.steps.len();
        let (short, text) = shrink::shrink(*script, Some(fault), Effort::SHOWN);
        assert!(!text.is_empty(), "{fault:?} is said");
        println!(
            "{fault:?}: seen in world {at}, {long} steps made {}",
            short.steps.len()
        );
        shortest = shortest.min(short.steps.len());
        if shortest < 100 {
            break;
        }
    }
    shortest
}

/// The steps that fill one book with `day` orders for the day and `dated` ones with a date, close
/// the venue and let a second pass.
fn crowd(day: usize, dated: usize) -> Script {
    let close = |phase| {
        let venue = VenueId::new(0);
        Body::SetPhase(SetPhase { venue, phase })
    };
    let mut bodies = world::founding(&mut Rng::new(SEED));
    bodies.push(close(Phase::Continuous));
    bodies.extend((0..day + dated).map(|at| Body::NewOrder(world::resting(at, at >= day))));
    bodies.push(close(Phase::Closed));
    bodies.push(Body::SessionsLost);
    let last = bodies.len() - 1;
    let limits = Limits {
        orders_max: 4_000,
        ..Limits::default()
    };
    let steps = bodies.into_iter().enumerate().map(|(place, body)| Step {
        place,
        time: world::begin(place == last),
        command: internal(body),
    });
    let steps = steps.collect();
    Script { limits, steps }
}

#[test]
fn a_tick_ends_so_many_orders_and_leaves_the_rest_to_the_next() {
    let most = Limits::EXPIRIES_PER_TICK_MAX;
    for (day, dated) in [
        (most - 1, 0),
        (most, 0),
        (most + 1, 0),
        (0, most + 1),
        (most - 1, 900),
    ] {
        let script = crowd(day, dated);
        let mut driver = Driver::new(&script, None);
        let run = script.steps.iter().try_for_each(|step| driver.step(step));
        let run = run.and_then(|()| driver.look());
        assert_eq!(run, Ok(()), "{day} and {dated}");
        let ticks = driver.coverage.commands as usize - script.steps.len();
        assert!(driver.reference.orders.is_empty(), "all have ended");
        assert_eq!(ticks, (day + dated).div_ceil(most), "{day} and {dated}");
    }
}

/// What ends all orders of one book, each in its own way; a dead-man timer of a second fires.
fn endings() -> Vec<(SwitchCommand, Cause)> {
    let (session, account) = (SessionId::new(0), AccountId::new(0));
    let scopes = [
        KillScope::Session(session),
        KillScope::Account(account),
        KillScope::Participant(ParticipantId::new(0)),
        KillScope::Venue(VenueId::new(0)),
    ];
    let position = Position::Engaged;
    let kill = |scope| SwitchCommand::SetKillSwitch(SetKillSwitch { scope, position });
    let timeout = Some(Limits::DEAD_MAN_MIN);
    let arm = SwitchCommand::ArmDeadMan(ArmDeadMan { session, timeout });
    let mut endings = scopes
        .map(|scope| (kill(scope), Cause::KillSwitch))
        .to_vec();
    endings.push((
        SwitchCommand::SessionDisconnected(session),
        Cause::Disconnected,
    ));
    endings.push((arm, Cause::DeadMan));
    endings
}

/// The steps that fill one book through a session and end all its orders, then let time pass.
fn ended(orders: usize, ending: SwitchCommand, limits: Limits) -> Script {
    let session = SessionId::new(0);
    let mut commands: Vec<_> = world::founding(&mut Rng::new(SEED)).into_iter().collect();
    commands.push(Body::SetPhase(SetPhase {
        venue: VenueId::new(0),
        phase: Phase::Continuous,
    }));
    commands.push(Body::OpenSession(OpenSession {
        name: world::name("S0"),
        last_client_sequence: 0,
    }));
    let policy = SetDisconnectPolicy {
        session,
        on_disconnect: OnDisconnect::Cancel,
    };
    commands.push(Body::Switch(SwitchCommand::SetDisconnectPolicy(policy)));
    let mut commands: Vec<_> = commands.into_iter().map(internal).collect();
    for at in 0..orders {
        let mut command = internal(Body::NewOrder(world::resting(at, false)));
        command.envelope.identity = Identity::Session {
            session,
            client_sequence: at as u64 + 1,
        };
        commands.push(command);
    }
    commands.push(internal(Body::Switch(ending)));
    commands.push(internal(Body::AcceptClock(AcceptClock {
        wall: Time::ZERO,
    })));
    let last = commands.len() - 1;
    let steps = commands
        .into_iter()
        .enumerate()
        .map(|(place, command)| Step {
            place,
            time: world::begin(place == last),
            command,
        });
    let steps = steps.collect();
    Script { limits, steps }
}

#[test]
fn a_sweep_takes_as_many_commands_as_it_needs() {
    let most = Limits::EXPIRIES_PER_TICK_MAX;
    for (ending, cause) in endings() {
        // What a timer begins is all a tick's, the firing counted in; a command does the first part
        // itself.
        let fired = usize::from(cause == Cause::DeadMan);
        for (orders, rows) in [
            (most - 1, 1 << 14),
            (most, 1 << 14),
            (most + 1, 1 << 14),
            (2 * most + 5, 1 << 14),
            (30, 10),
            (31, 10),
        ] {
            let parts = (orders + fired)
                .div_ceil(most)
                .max(orders.div_ceil(rows as usize));
            let limits = Limits {
                orders_max: 4_000,
                sweep_rows_max: rows,
                ..Limits::default()
            };
            let script = ended(orders, ending, limits);
            let mut driver = Driver::new(&script, None);
            let run = script.steps.iter().try_for_each(|step| driver.step(step));
            let run = run.and_then(|()| driver.look());
            assert_eq!(run, Ok(()), "{ending:?}, {orders} orders, {rows} rows");
            assert!(driver.reference.orders.is_empty(), "all have ended");
            let ticks = driver.coverage.commands as usize - script.steps.len();
            assert_eq!(
                ticks,
                parts + fired - 1,
                "{ending:?}, {orders} orders, {rows} rows"
            );
        }
    }
}

/// How many commands run over the worlds of shops, all regimes together; with half of them a group
/// never closes cheaper for who imports.
const SHOP_COMMANDS: u64 = 800_000;
/// The long form: a million for each set of regimes, the rarest of which is every twelfth world's.
const SHOP_COMMANDS_SOAK: u64 = 12_000_000;

/// Runs the shops of a seed; on a difference, the script up to it.
fn run_shops(seed: u64, steps: usize, fault: Option<Fault>) -> Result<Coverage, Box<Script>> {
    let mut rng = Rng::new(seed);
    let limits = shop::limits(&mut rng);
    let mut script = Script {
        limits,
        steps: Vec::new(),
    };
    let mut opening = shop::opening(&mut rng, seed).into_iter();
    let mut driver = Driver::new(&script, fault);
    let mut generator = Generator::new(rng);
    for place in 0..steps {
        let step = match opening.next() {
            Some(command) => Step {
                place,
                time: shop::opens(place),
                command,
            },
            None => generator.shop_step(&driver.reference, &|id| driver.place(id), place),
        };
        script.steps.push(step);
        let step = &script.steps[place];
        let run = std::panic::AssertUnwindSafe(|| driver.step(step));
        if !matches!(std::panic::catch_unwind(run), Ok(Ok(()))) {
            return Err(Box::new(script));
        }
    }
    for regime in shop::regimes_of(seed) {
        let commands = driver.coverage.commands;
        driver.coverage.by_regime.insert(regime.code(), commands);
    }
    match driver.look() {
        Ok(()) => Ok(driver.coverage),
        Err(_) => Err(Box::new(script)),
    }
}

#[test]
fn shops_give_the_same_events_as_the_reference() {
    let usual = match std::env::var_os("SANJIANG_SOAK") {
        Some(value) if value == "1" => SHOP_COMMANDS_SOAK,
        Some(_) | None => SHOP_COMMANDS,
    };
    let (total, said) = run_all(asked("SANJIANG_MODEL_SHOPS", usual), run_shops);
    let share = 100.0 * total.accepted as f64 / total.commands as f64;
    println!(
        "shops, {said}: {share:.1} % accepted, {} events",
        total.events
    );
    println!("commands by regime: {:?}", total.by_regime);
    let least = total.by_regime.values().min().copied().unwrap_or(0);
    assert_eq!(total.by_regime.len(), 6, "five of the plan and the city's");
    assert!(16 * least >= total.commands, "{:?}", total.by_regime);
    let missing = total.shop_table();
    assert!(missing.is_empty(), "cells not reached: {missing:?}");
    assert!(share >= 40.0, "too little is accepted: {share}");
}

#[test]
fn a_fault_of_a_shop_is_seen() {
    for fault in [
        Fault::StockForgotten,
        Fault::SilenceLate,
        Fault::LimitLoose,
        Fault::ReturnsFromZero,
        Fault::TierByOne,
        Fault::ListByOne,
        Fault::CloseLate,
        Fault::BalanceLate,
        Fault::LastWin,
        Fault::EarnestWhole,
        Fault::QueueFast,
        Fault::SeedUnchecked,
        Fault::RemainderLast,
        Fault::CoverTwice,
        Fault::NewestDebtFirst,
        Fault::YearKept,
    ] {
        let mut seen = (0..100).filter_map(|at| run_shops(SEED + at, STEPS, Some(fault)).err());
        let short = seen.find_map(|script| {
            let long = script.steps.len();
            let (short, text) = shrink::shrink(*script, Some(fault), Effort::SHOWN);
            println!("{fault:?}: {long} steps made {}: {text}", short.steps.len());
            (short.steps.len() < 100).then_some(())
        });
        assert!(
            short.is_some(),
            "{fault:?} is not seen, or not shown shortly"
        );
    }
}
