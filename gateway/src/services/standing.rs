//! How the exchange stands: the engine's status, and every bound with how much of it is used.
//!
//! Invariant: numbers are read, never computed from others' bounds. Not here: the bounds
//! themselves (each stands where it is kept).

use engine::SEMANTICS_VERSION;
use engine::engine::Usage;
use engine::runtime::{ClockStatus, Taking};
use proto::v1;

use super::unread::UNREAD_BYTES_MAX;
use crate::exchange::Exchange;
use crate::session::{BATCH_COMMANDS_MAX, CONNECTIONS_MAX, CREDIT};
use crate::session::{LINES_OF_ALL_MAX, LINES_QUEUED_MAX, Sessions};
use crate::to_proto::timestamp;

/// How the engine is.
pub fn engine_status(exchange: &Exchange) -> v1::EngineStatus {
    let status = exchange.handle.status();
    let disk = exchange.handle.look_at_disk();
    let recovered = &exchange.recovered;
    let (clock_alarm, clock_step_ns) = match status.clock {
        ClockStatus::Following => (false, 0),
        ClockStatus::Stepped(step) | ClockStatus::Held(step) => (true, step.0),
    };
    v1::EngineStatus {
        engine_sequence: status.sequence.value(),
        durable_sequence: status.durable.value(),
        epoch: status.epoch,
        shard: status.shard,
        recovered_sequence: recovered.last.value(),
        recovered_commands: recovered.replayed,
        recovery_ms: u64::try_from(recovered.elapsed.as_millis()).unwrap_or(u64::MAX),
        queue_depth: status.queue_used,
        queue_capacity: status.queue_max,
        live_orders: u64::from(status.usage.orders),
        idempotency_used: u64::from(status.usage.requests),
        idempotency_capacity: u64::from(status.usage.requests_max),
        semantics_version: SEMANTICS_VERSION,
        snapshot_sequence: status.snapshot.value(),
        engine_time: exchange.telemetry.engine_time().map(timestamp),
        clock_alarm,
        clock_step_ns,
        trades: exchange.telemetry.trades(),
        start_time: Some(exchange.started.into()),
        build_version: env!("CARGO_PKG_VERSION").to_owned(),
        demonstration: exchange.directory.read().all_demonstration(),
        disk_free_bytes: disk.free_bytes,
        disk_reserve_bytes: disk.reserve_bytes,
        disk_low: disk.taking != Taking::All,
    }
}

/// Whether `SetLimits` can change a bound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// It can.
    Adjustable,
    /// The configuration or the build fixes it.
    Fixed,
}

/// All bounds, in alphabetical order of their names.
pub fn limits(exchange: &Exchange) -> v1::GetLimitsResponse {
    let status = exchange.handle.status();
    let mut limits = of_the_engine(&status.usage);
    limits.push(limit(
        ("queue_commands", Kept::Fixed),
        (status.queue_max, status.queue_used),
        "commands taken and not yet answered; beyond it calls get RESOURCE_EXHAUSTED",
    ));
    limits.extend(of_money_and_risk(&status.usage));
    limits.extend(of_the_gateway(&exchange.sessions));
    let places = &exchange.connections;
    limits.push(limit(
        ("connections", Kept::Fixed),
        (places.connections_max() as u32, places.taken() as u32),
        "connections open at a time; one more takes the place of one that has not begun to speak \
         HTTP/2, or is closed at once",
    ));
    limits.push(limit(
        ("unread_bytes", Kept::Fixed),
        (UNREAD_BYTES_MAX as u32, exchange.unread.bytes() as u32),
        "bytes of lists and batches that wait to be read; past it the oldest is dropped with \
         RESOURCE_EXHAUSTED",
    ));
    limits.sort_by(|one, other| one.name.cmp(&other.name));
    v1::GetLimitsResponse {
        limits,
        engine_sequence: status.sequence.value(),
    }
}

fn of_the_engine(usage: &Usage) -> Vec<v1::Limit> {
    vec![
        limit(
            ("accounts", Kept::Fixed),
            (usage.accounts_max, usage.accounts),
            "accounts; one more is rejected with TOO_MANY",
        ),
        limit(
            ("idempotency_entries", Kept::Adjustable),
            (usage.requests_max, usage.requests),
            "ids of unary commands kept; near it commands without a short valid_until are \
             rejected with REQUEST_WINDOW_FULL",
        ),
        limit(
            ("instruments", Kept::Fixed),
            (usage.instruments_max, usage.instruments),
            "instruments; one more is rejected with TOO_MANY",
        ),
        limit(
            ("kill_switches", Kept::Fixed),
            (usage.switches_max, usage.switches),
            "engaged kill switches of sessions, accounts and participants; one more is rejected \
             with TOO_MANY, while each venue has a place of its own",
        ),
        limit(
            ("live_orders", Kept::Fixed),
            (usage.orders_max, usage.orders),
            "orders that may still trade; one more is rejected with OPEN_ORDERS",
        ),
        limit(
            ("sessions", Kept::Fixed),
            (usage.sessions_max, usage.sessions),
            "sessions ever opened; one more is closed with TOO_MANY_SESSIONS",
        ),
        limit(
            ("venues", Kept::Fixed),
            (usage.venues_max, usage.venues),
            "venues; one more is rejected with TOO_MANY",
        ),
    ]
}

fn of_money_and_risk(usage: &Usage) -> Vec<v1::Limit> {
    vec![
        limit(
            ("receivables", Kept::Fixed),
            (usage.receivables_max, usage.receivables),
            "accounts and assets in which something is owed since a bust; one more is rejected \
             with TOO_MANY",
        ),
        limit(
            ("owing", Kept::Fixed),
            (usage.owing_max, usage.owing),
            "contracts whose seller owes a part of a refund; one more is refused with SELLER_FUNDS",
        ),
        limit(
            ("assets", Kept::Fixed),
            (usage.assets_max, usage.assets),
            "currencies and kinds of goods; one more is rejected with TOO_MANY",
        ),
        limit(
            ("custodians", Kept::Fixed),
            (usage.custodians_max, usage.custodians),
            "banks and warehouses; one more is rejected with TOO_MANY",
        ),
        limit(
            ("positions", Kept::Fixed),
            (usage.positions_max, usage.positions),
            "positions of accounts, venues and custodians; an order that needs one more is \
             rejected with POSITIONS, an instruction with TOO_MANY",
        ),
        limit(
            ("fee_rates", Kept::Fixed),
            (usage.rates_max, usage.rates),
            "different rates of fees ever set; one more is rejected with TOO_MANY",
        ),
        limit(
            ("pending_instructions", Kept::Fixed),
            (usage.instructions_max, usage.instructions),
            "instructions no custodian has answered; one more is rejected with TOO_MANY",
        ),
        limit(
            ("custody_references", Kept::Fixed),
            (usage.references_max, usage.references),
            "custodians' references of dates that are open; one more is rejected with TOO_MANY \
             until a date is closed",
        ),
        limit(
            ("risk_limit_sets", Kept::Fixed),
            (usage.risk_sets_max, usage.risk_sets),
            "different sets of risk limits ever set; one more is rejected with TOO_MANY",
        ),
        limit(
            ("trades_kept", Kept::Fixed),
            (usage.trades_kept_max, usage.trades_kept),
            "trades that can be busted or corrected, for two trading days; once full each new \
             trade makes the oldest TRADE_TOO_OLD earlier",
        ),
    ]
}

fn of_the_gateway(sessions: &Sessions) -> Vec<v1::Limit> {
    vec![
        limit(
            ("session_batch_commands", Kept::Fixed),
            (BATCH_COMMANDS_MAX as u32, 0),
            "commands of one batch; a larger one is refused with BATCH_TOO_LARGE",
        ),
        limit(
            ("session_connections", Kept::Fixed),
            (CONNECTIONS_MAX as u32, sessions.connected() as u32),
            "sessions connected at a time; one more is closed with TOO_MANY_SESSIONS",
        ),
        limit(
            ("session_credit_commands", Kept::Fixed),
            (CREDIT, 0),
            "commands of one connection under way; more closes it with CREDIT_EXCEEDED",
        ),
        limit(
            ("session_reports_queued", Kept::Fixed),
            (LINES_QUEUED_MAX as u32, 0),
            "reports that wait for a slow reader; more closes it with SLOW_CONSUMER",
        ),
        limit(
            ("session_reports_queued_of_all", Kept::Fixed),
            (LINES_OF_ALL_MAX as u32, sessions.backlog().lines() as u32),
            "reports that wait for all readers; more closes those who read least with \
             SLOW_CONSUMER",
        ),
    ]
}

fn limit((name, kept): (&str, Kept), (value, used): (u32, u32), description: &str) -> v1::Limit {
    v1::Limit {
        name: name.to_owned(),
        value: u64::from(value),
        used: u64::from(used),
        adjustable: kept == Kept::Adjustable,
        description: description.to_owned(),
    }
}
