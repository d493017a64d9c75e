//! The run: sets up, goes through the cycles, audits, and ends everything.
//!
//! Invariant: the clients go on only after the audit that follows a start; the replay goes on as
//! soon as the gateway does. Not here: what is checked (`audit`), what is sent (`calls`, `stream`).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use proto::v1::{ExecutionReport, GetOrderRequest, Order, get_order_request};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use super::{
    CrashError, CrashSummary, Harness, PATIENCE,
    audit::{Audit, Commands, Found, When, Words},
    cast::{
        Lanes, Played, begin_lanes, begin_replay, begin_shops, live_run, shop_run, words_of,
        write_down,
    },
    day::{Day, DayError},
    gateway::Gateway,
    ledger::Ledger,
    live::{Floor, Stage, read_all},
    money::{Compared, Wallet},
};
use crate::{
    client::connect::{Bearer, Connection},
    load::market,
    replay::{Gate, Passed},
    setup::Run,
    shops::{self, Duty, found::Shops, inspect::Inspector, now_ns},
    workload::rng::Rng,
};

/// Answers to the live clients before a kill: at least, and so many more are drawn.
const ANSWERS: (u64, u64) = (40, 160);
/// Before a kill the clerks of a duty got so many, too: on a busy machine they come late.
const SERVED: [(Duty, u64); 3] = [(Duty::Carts, 12), (Duty::Debts, 20), (Duty::Ring, 9)];
/// A kill falls up to so many microseconds behind the beginning of a call: on its way, while it is
/// sequenced or synced, or while its answer comes back.
const JITTER_US: u64 = 800;
/// In one of so many cycles the gateway is killed once more while it starts.
const STARTING_ONE_IN: u64 = 4;
/// Lines of a seeded day for each cycle.
const LINES_PER_CYCLE: u64 = 60;
/// Orders asked for one by one in each audit.
const ORDERS_ASKED: u64 = 8;
/// Runs all cycles; see [`Harness::run`].
pub(super) async fn all(harness: Harness) -> (CrashSummary, Result<(), CrashError>) {
    let begun = Instant::now();
    let day = harness.input.as_ref().map_or("seeded".to_owned(), |path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    let mut summary = CrashSummary {
        kind: "crash",
        seed: harness.seed,
        day,
        ..CrashSummary::default()
    };
    let ended = begin_and_drive(harness, &mut summary).await;
    summary.seconds = begun.elapsed().as_secs_f64();
    summary.error = ended.as_ref().err().map(ToString::to_string);
    (summary, ended)
}

async fn begin_and_drive(harness: Harness, summary: &mut CrashSummary) -> Result<(), CrashError> {
    let mut stage = Theatre::open(harness).await?;
    let ended = stage.drive(summary).await;
    let ledger = stage.floor.ledger();
    summary.kills_in_flight = ledger.kills_in_flight();
    summary.acknowledged += ledger.memory.acknowledged;
    summary.rejected = ledger.rejected;
    summary.resent = ledger.memory.resent;
    summary.duplicates_answered = ledger.memory.duplicates_answered;
    summary.pairs_retried = ledger.pairs_retried;
    summary.moves_retried = ledger.moves.retried;
    summary.absorb(&ledger.memory.faults);
    drop(ledger);
    summary.count_shops(&stage.floor.shops());
    summary.absorb(&stage.day_ledger().memory.faults);
    ended
}

/// All that runs during a crash run. Dropping it ends the gateway and every client.
struct Theatre {
    // Dropped in this order: the gateway must be gone before the harness removes its folder.
    gateway: Gateway,
    harness: Harness,
    rng: Rng,
    floor: Arc<Floor>,
    connection: Connection,
    participant: String,
    words: Words,
    wallet: Option<Wallet>,
    lanes: Lanes,
    shops: Arc<Shops>,
    inspector: Inspector,
    day: Day,
    day_run: Run,
    day_told: Arc<Mutex<Ledger>>,
    replay: Option<JoinHandle<Played>>,
    /// Ends what it holds when it is dropped.
    _writing_down: JoinSet<()>,
    allow: watch::Sender<u64>,
    passed: watch::Receiver<Passed>,
}

impl Drop for Theatre {
    fn drop(&mut self) {
        if let Some(replay) = &self.replay {
            replay.abort();
        }
    }
}

impl Theatre {
    async fn open(harness: Harness) -> Result<Self, CrashError> {
        let day = if let Some(input) = harness.input.clone() {
            Day::recorded(input, harness.expect.clone())?
        } else {
            let lines = u64::from(harness.cycles) * LINES_PER_CYCLE;
            Day::seeded(harness.folder(), harness.seed, lines)?
        };
        if day.lines <= u64::from(harness.cycles) {
            let (lines, cycles) = (day.lines, harness.cycles);
            return Err(DayError::Short { lines, cycles }.into());
        }
        let mut gateway = Gateway::new(harness.gateway(), harness.folder())?;
        gateway.start()?;
        gateway.ready(PATIENCE).await?;
        let connect = || Connection::open(&gateway.target(), Bearer::default(), PATIENCE);
        let connection = connect()?;
        let run = live_run();
        let market = market::make(&connection, &run).await?;
        let floor = Floor::new();
        let mut lanes = begin_lanes(&harness, &floor, &market, connect)?;
        let shops = Shops::found(&connection, &shop_run()).await;
        let shops = Arc::new(shops.map_err(CrashError::Shops)?);
        begin_shops((&floor, &shops), harness.seed, connect, &mut lanes)?;
        let (gate, allow, passed) = Gate::shut();
        let (replay, day_run) = begin_replay(connect()?, &day, gate);
        let day_told = Arc::default();
        let mut writing_down = JoinSet::new();
        let told = Arc::clone(&day_told);
        writing_down.spawn(write_down(connect()?, day_run.id("firm"), told));
        Ok(Self {
            rng: Rng::new(harness.seed),
            gateway,
            floor,
            connection,
            participant: run.id("firm"),
            words: words_of(&market),
            wallet: Wallet::live(&run, &market),
            lanes,
            shops,
            inspector: Inspector::default(),
            day,
            day_run,
            day_told,
            replay: Some(replay),
            _writing_down: writing_down,
            allow,
            passed,
            harness,
        })
    }

    fn day_ledger(&self) -> MutexGuard<'_, Ledger> {
        self.day_told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn drive(&mut self, summary: &mut CrashSummary) -> Result<(), CrashError> {
        self.floor.set(Stage::Up);
        for cycle in 1..=self.harness.cycles {
            let begun = Instant::now();
            self.load(cycle).await?;
            self.kill(cycle).await?;
            summary.cycles += 1;
            self.start(cycle, summary).await?;
            self.audit(When::Between, summary).await?;
            if summary.mismatches > 0 || self.is_at_fault() {
                let kills = summary.cycles;
                summary.found_after.get_or_insert(kills);
            }
            self.floor.set(Stage::Up);
            let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            if cycle > 1 {
                // The first one also sets the day up.
                summary.longest_cycle_ms = summary.longest_cycle_ms.max(took);
            }
        }
        self.end(summary).await
    }

    /// Whether a client was answered what must not be.
    fn is_at_fault(&self) -> bool {
        let told = self.floor.ledger().memory.faults.count;
        let day = self.day_ledger().memory.faults.count;
        told + day + self.floor.shops().memory.faults.count > 0
    }

    /// Lets the load go on until a drawn number of answers and of lines of the day.
    async fn load(&mut self, cycle: u32) -> Result<(), CrashError> {
        let share = self.day.lines / (u64::from(self.harness.cycles) + 1);
        let before = share * u64::from(cycle - 1);
        self.allow.send_replace(before + share);
        let line = before + self.rng.below(share) + 1;
        let served = SERVED.map(|(duty, more)| (duty, self.floor.served(duty) + more));
        let answers = self.floor.answers() + ANSWERS.0 + self.rng.below(ANSWERS.1);
        let mut passed = self.passed.clone();
        // The replay has reached the gateway again, too.
        let answered = passed.borrow().answered;
        let floor = Arc::clone(&self.floor);
        let reached = async {
            floor.reach(answers).await;
            for (duty, answers) in served {
                floor.reach_served(duty, answers).await;
            }
            // The sender lives in the replay; when that ends, so does the run.
            // What comes back is a lock on the count: it must not be held any longer.
            let on = |now: &Passed| now.lines >= line && now.answered > answered;
            drop(passed.wait_for(on).await);
            floor.next_call().await;
        };
        tokio::select! {
            () = reached => {}
            ended = self.lanes.join_next() => return Err(lane_error(ended)),
            () = tokio::time::sleep(PATIENCE) => {
                self.gateway.check()?;
                return Err(self.stalled(cycle, "the load did not come on"));
            }
        }
        if self.replay.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(self.replay_error().await);
        }
        let instant = Instant::now() + Duration::from_micros(self.rng.below(JITTER_US));
        while Instant::now() < instant {
            // A timer is too coarse for this.
            std::hint::spin_loop();
        }
        Ok(())
    }

    fn stalled(&self, cycle: u32, what: &'static str) -> CrashError {
        CrashError::Stalled {
            cycle,
            what,
            log: self.gateway.log(),
        }
    }

    /// Kills it, waits until every call has noticed, and calls the hook.
    async fn kill(&mut self, cycle: u32) -> Result<(), CrashError> {
        self.gateway.check()?;
        self.floor.kill();
        self.gateway.kill();
        let quiet = tokio::time::timeout(PATIENCE, self.floor.quiet()).await;
        quiet.map_err(|_| self.stalled(cycle, "not every call noticed the kill"))?;
        self.floor.shops().lives.ended(now_ns());
        self.hook(cycle)
    }

    fn hook(&mut self, cycle: u32) -> Result<(), CrashError> {
        let changed = (self.harness.after_kill)(self.gateway.data(), cycle, &mut self.rng);
        changed.map_err(|what| CrashError::Hook { cycle, what })
    }

    /// Starts it; in some cycles it is killed at a drawn instant of its start first.
    async fn start(&mut self, cycle: u32, summary: &mut CrashSummary) -> Result<(), CrashError> {
        if self.rng.below(STARTING_ONE_IN) == 0 {
            let longest_us = summary.longest_restart_ms.max(1) * 1_000;
            let instant = Duration::from_micros(self.rng.below(longest_us));
            self.gateway.start()?;
            tokio::time::sleep(instant).await;
            self.gateway.check()?;
            if !self.gateway.listens() {
                self.gateway.kill();
                self.floor.shops().lives.ended(now_ns());
                summary.kills_while_starting += 1;
                self.hook(cycle)?;
            }
        }
        let begun = Instant::now();
        if self.gateway.process().is_none() {
            self.gateway.start()?;
        }
        self.gateway.ready(PATIENCE).await?;
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        summary.longest_restart_ms = summary.longest_restart_ms.max(took);
        Ok(())
    }

    /// Reads everything again and compares it with what the clients were told; balances too, of the
    /// day's accounts at its end.
    async fn audit(&mut self, when: When, summary: &mut CrashSummary) -> Result<(), CrashError> {
        let has = match &self.wallet {
            Some(wallet) => Some(wallet.read(&self.connection).await?),
            None => None,
        };
        let due = self.floor.ledger().memory.last_told();
        let reports = read_all(&self.connection, &self.participant, due).await?;
        let found = {
            let ledger = self.floor.ledger();
            let audit = Audit::new(&ledger, Commands::OfLedger, &self.words, due);
            examine(audit, &reports, when)
        };
        summary.audited_reports += found.reports;
        summary.live_trades = found.trades;
        summary.absorb(&found.faults);
        if let (Some(wallet), Some(has)) = (&self.wallet, &has) {
            let ledger = self.floor.ledger();
            let moved = (ledger.moves.done(), ledger.moves.in_doubt());
            drop(ledger);
            count(
                summary,
                &wallet.compare(has, &reports, (&moved.0, &moved.1)),
            );
        }
        self.ask_for_orders(&found, summary).await?;
        self.inspect_shops(when, summary).await?;
        let due = self.day_ledger().memory.last_told();
        if due == 0 {
            return Ok(());
        }
        let reports = read_all(&self.connection, &self.day_run.id("firm"), due).await?;
        let found = {
            let ledger = self.day_ledger();
            let audit = Audit::new(&ledger, Commands::OfReplay, &self.words, due);
            examine(audit, &reports, when)
        };
        summary.audited_reports += found.reports;
        summary.absorb(&found.faults);
        if when == When::AtEnd {
            let wallet = Wallet::of_day(&self.day_run, &reports);
            let has = wallet.read(&self.connection).await?;
            count(summary, &wallet.compare(&has, &reports, (&[], &[])));
        }
        Ok(())
    }

    /// Inspects the shops from outside.
    async fn inspect_shops(
        &mut self,
        when: When,
        summary: &mut CrashSummary,
    ) -> Result<(), CrashError> {
        let floor = Arc::clone(&self.floor);
        let look = |see: &mut dyn FnMut(&shops::ledger::Ledger)| see(&floor.shops());
        let (connection, shops) = (self.connection.clone(), Arc::clone(&self.shops));
        let inspector = &mut self.inspector;
        let inspected = inspector.inspect(&connection, &shops, look, when, &mut self.rng);
        summary.take_shops(&inspected.await.map_err(CrashError::Shops)?);
        Ok(())
    }

    /// Asks for some orders by name: each must stand as its last report says.
    async fn ask_for_orders(
        &mut self,
        found: &Found,
        summary: &mut CrashSummary,
    ) -> Result<(), CrashError> {
        let mut ids: Vec<&String> = found.orders.keys().collect();
        ids.sort_unstable();
        let drawn: BTreeSet<u64> = (0..ORDERS_ASKED)
            .map(|_| self.rng.below(ids.len() as u64))
            .collect();
        for place in drawn {
            let id = usize::try_from(place).ok().and_then(|place| ids.get(place));
            let Some(report) = id.and_then(|id| found.orders.get(*id)) else {
                continue;
            };
            let request = GetOrderRequest {
                account_id: report.account_id.clone(),
                order: Some(get_order_request::Order::OrderId(report.order_id.clone())),
            };
            let order = self
                .connection
                .persist(|| {
                    let (mut client, request) = (self.connection.order_entry(), request.clone());
                    async move { client.get_order(request).await }
                })
                .await?;
            summary.audited_orders += 1;
            if let Some(what) = differs(&order, report) {
                summary.mismatch(what);
            }
        }
        Ok(())
    }

    /// Lets the day come to its end, ends the clients, audits for the last time, stops.
    async fn end(&mut self, summary: &mut CrashSummary) -> Result<(), CrashError> {
        self.allow.send_replace(u64::MAX);
        let Some(replay) = &mut self.replay else {
            return Ok(());
        };
        let played = tokio::time::timeout(PATIENCE, replay).await;
        let played =
            played.map_err(|_| self.stalled(self.harness.cycles, "the day did not end"))?;
        self.replay = None;
        let (replayed, ended) = played.map_err(|error| CrashError::Lane(error.to_string()))?;
        ended?;
        summary.trades = replayed.trades;
        summary.acknowledged += replayed.acknowledged;
        summary.mismatches += replayed.mismatches;
        summary.first_mismatches.extend(replayed.first_mismatches);
        if replayed.trades != self.day.trades {
            let expected = self.day.trades;
            summary.mismatch(format!("{} trades, {expected} expected", replayed.trades));
        }
        self.floor.set(Stage::Over);
        let lanes = async {
            while let Some(ended) = self.lanes.join_next().await {
                match ended {
                    Ok(Ok(())) => {}
                    other => return Err(lane_error(Some(other))),
                }
            }
            Ok(())
        };
        let ended = tokio::time::timeout(PATIENCE, lanes).await;
        ended.map_err(|_| self.stalled(self.harness.cycles, "the clients did not end"))??;
        self.audit(When::AtEnd, summary).await
    }

    async fn replay_error(&mut self) -> CrashError {
        let Some(replay) = self.replay.take() else {
            return CrashError::Lane("the replay is over".to_owned());
        };
        match replay.await {
            Ok((_, Err(error))) => error.into(),
            Ok((summary, Ok(()))) => CrashError::Lane(format!("the day ended early: {summary}")),
            Err(error) => CrashError::Lane(error.to_string()),
        }
    }
}

fn count(summary: &mut CrashSummary, compared: &Compared) {
    summary.audited_balances += compared.accounts;
    summary.audited_holds += compared.holding;
    summary.absorb(&compared.faults);
}

fn examine(mut audit: Audit<'_>, reports: &[ExecutionReport], when: When) -> Found {
    for report in reports {
        audit.take(report);
    }
    audit.finish(when)
}

fn lane_error(ended: Option<Result<Result<(), String>, tokio::task::JoinError>>) -> CrashError {
    CrashError::Lane(match ended {
        Some(Ok(Ok(()))) | None => "it ended before the run".to_owned(),
        Some(Ok(Err(what))) => what,
        Some(Err(error)) => error.to_string(),
    })
}

/// How an order differs from its last report, if nothing has happened to it since.
fn differs(order: &Order, report: &ExecutionReport) -> Option<String> {
    let same = order.order_status == report.order_status
        && order.cumulative_quantity == report.cumulative_quantity
        && order.leaves_quantity == report.leaves_quantity
        && order.order_quantity == report.order_quantity
        && order.price == report.price
        && order.average_price == report.average_price;
    let later = order.last_engine_sequence > report.engine_sequence;
    (!same && !later).then(|| format!("{order:?} stands otherwise than {report:?} says"))
}
