//! Every reject a new order can get, and those of offers, reserves and steps of contracts: the dry
//! run answers exactly what the command then gets.
//!
//! The rows stand in `tests/rejects/*.txt`, in the words of scenario tables (`words`). **To add a
//! row** write `## REASON` into one of the files or into a new one, under it the lines that bring
//! the situation about, and as the last line the order. A reason that no new order can get goes,
//! with why, into `never.txt` instead. A new reason in neither place fails the test, so whoever
//! adds a check adds its row. A reason may have several rows.
//!
//! Besides the words of scenarios: `bounds KEY=N..` first (orders, levels, stops, positions,
//! requests, unsettled, investors, contracts, buyers, uses, discounts, users, owing, own_owing),
//! `session NAME` opens
//! a session, `elsewhere` makes a real venue in continuous trading with instrument 1, and an order
//! line takes
//! `in=INSTRUMENT id=TEXT valid=TIME session=HANDLE/NUMBER`.
//!
//! Invariant: nothing the dry run does changes the engine. Not here: precedence of checks (the
//! scenario tables), replaces and cancels (the model test compares every dry run).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sanjiang_engine::command::{
    Body, Command, CreateInstrument, CreateVenue, Demonstration, Envelope, Identity, OpenSession,
    SetPhase,
};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::{ClientId, InstrumentId, PrincipalId, SessionId, Title, VenueId};
use sanjiang_engine::venue::{Model, Phase, Regime};

use crate::desk::{self, name, small_limits};
use crate::words::{Stage, at, number, reject_of, value};

/// One row: the reason and its lines.
struct Row {
    reason: String,
    lines: Vec<String>,
}

fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rejects");
    let entries = fs::read_dir(&folder).expect("the folder of rows is there");
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry reads").path();
            let name = path.file_name().expect("a file has a name");
            let text = fs::read_to_string(&path).expect("a table reads");
            (name.to_string_lossy().into_owned(), text)
        })
        .collect();
    files.sort();
    files
}

fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (file, text) in files().iter().filter(|(file, _)| file != "never.txt") {
        for line in text.lines() {
            if let Some(reason) = line.strip_prefix("## ") {
                let (reason, lines) = (reason.to_owned(), Vec::new());
                rows.push(Row { reason, lines });
            } else if !line.is_empty() && !line.starts_with('#') {
                let row = rows.last_mut();
                let row = row.unwrap_or_else(|| panic!("{file} begins with a ## title"));
                row.lines.push(line.to_owned());
            }
        }
    }
    rows
}

/// The reasons no new order can get.
fn never() -> BTreeSet<String> {
    let files = files();
    let found = files.iter().find(|(file, _)| file == "never.txt");
    let (_, text) = found.expect("never.txt is there");
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words = lines.map(|line| {
        let (reason, why) = line.split_once(' ').unwrap_or((line, ""));
        assert!(!why.trim().is_empty(), "{reason} has no why");
        reason.to_owned()
    });
    words.collect()
}

fn bounds(line: &str) -> Limits {
    let mut limits = small_limits();
    for word in line.split_whitespace().skip(1) {
        let (key, count) = word.split_once('=').expect("a bound is KEY=N");
        let count = number(count) as u32;
        match key {
            "orders" => limits.orders_max = count,
            "levels" => limits.levels_max = count,
            "stops" => limits.stops_max = count,
            "positions" => limits.positions_max = count,
            "requests" => limits.requests_capacity = count,
            "unsettled" => limits.unsettled_max = count,
            "investors" => limits.investors_max = count,
            "contracts" => limits.contracts_max = count,
            "buyers" => limits.buyers_max = count,
            "uses" => limits.annual_uses_max = count,
            "discounts" => limits.discounts_max = count,
            "own_discounts" => limits.discounts_per_seller_max = count,
            "owing" => limits.owing_max = count,
            "own_owing" => limits.owing_per_seller_max = count,
            "users" => limits.discount_uses_max = count,
            other => panic!("no such bound: {other}"),
        }
    }
    limits
}

/// A second, real venue in continuous trading, with an instrument that is not cleared.
fn elsewhere(stage: &mut Stage) {
    stage.play("ticks");
    let venue = VenueId::new(1);
    let bodies = [
        Body::CreateVenue(Box::new(CreateVenue {
            name: name("real"),
            title: Title::EMPTY,
            regimes: vec![Regime::LicensedFutures],
            models: vec![Model::Clob],
            demonstration: Demonstration::Real,
            licence: Title::new("a licence"),
            calendar: None,
        })),
        Body::CreateInstrument(Box::new(CreateInstrument {
            name: name("real"),
            title: Title::EMPTY,
            venue,
            terms: desk::terms(),
        })),
        Body::SetPhase(SetPhase {
            venue,
            phase: Phase::Continuous,
        }),
    ];
    for body in bodies {
        let reject = stage.desk.send(body).iter().find_map(reject_of);
        assert_eq!(reject, None);
    }
}

/// The command of an order line: its body, who sends it and how a retry is recognised.
fn order(stage: &Stage, line: &str) -> Command {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (mut body, authority) = stage.spoken(&words);
    if let (Body::NewOrder(new), Some(handle)) = (&mut body, value(&words, "in")) {
        new.instrument = InstrumentId::new(number(handle) as u32);
    }
    let identity = match (value(&words, "id"), value(&words, "session")) {
        (Some(id), _) => Identity::Request(ClientId::new(id).expect("short")),
        (None, Some(session)) => {
            let (handle, count) = session.split_once('/').expect("HANDLE/NUMBER");
            Identity::Session {
                session: SessionId::new(number(handle) as u32),
                client_sequence: number(count) as u64,
            }
        }
        (None, None) => Identity::Internal,
    };
    let envelope = Envelope {
        principal: PrincipalId::LOCAL,
        identity,
        valid_until: value(&words, "valid").map(|word| at(number(word))),
        authority,
    };
    Command { envelope, body }
}

/// Whether a line is a command about offers or contracts.
fn is_of_shop(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let first = matches!(
        words[0],
        "step" | "change" | "unoffer" | "join" | "seed" | "guarantee" | "customs"
    );
    first
        || matches!(
            words.get(1),
            Some(&("offer" | "reserve" | "discount" | "basket"))
        )
}

fn is_order(line: &str) -> bool {
    line.split(' ')
        .next()
        .is_some_and(|word| word.ends_with(':'))
}

/// Plays a row and compares its order's dry run with what it gets.
fn play(row: &Row) {
    let (first, lines) = row.lines.split_first().expect("a row has lines");
    let mut stage = if first.starts_with("bounds ") {
        Stage::with(bounds(first))
    } else {
        Stage::with(small_limits())
    };
    let all = if first.starts_with("bounds ") {
        lines
    } else {
        &row.lines[..]
    };
    let (last, setup) = all.split_last().expect("a row ends with an order");
    for line in setup {
        match line.split_once(' ') {
            _ if line == "elsewhere" => elsewhere(&mut stage),
            Some(("session", text)) => {
                let open = OpenSession {
                    name: name(text),
                    last_client_sequence: 0,
                };
                stage.desk.send(Body::OpenSession(open));
            }
            _ if is_order(line) && !is_of_shop(line) => {
                stage.play("ticks");
                let command = order(&stage, line);
                let events = stage.desk.send_command(command);
                let reject = events.iter().find_map(reject_of);
                assert_eq!(reject, None, "{}: {line}", row.reason);
            }
            _ => {
                let said = stage.play(line);
                let refused = said.iter().any(|line| line.contains("refused"));
                assert!(!refused, "{}: {line}: {said:?}", row.reason);
            }
        }
    }
    let asks = is_order(last) || is_of_shop(last);
    assert!(asks, "{}: the last line is the order", row.reason);
    stage.play("ticks");
    let command = order(&stage, last);
    let engine = &stage.desk.engine;
    let before = (engine.state_hash(), engine.event_hash());
    let dry = engine.validate(&command, stage.desk.time);
    let after = (engine.state_hash(), engine.event_hash());
    assert_eq!(before, after, "{}: a dry run changes nothing", row.reason);
    let real = stage.desk.send_command(command).iter().find_map(reject_of);
    assert_eq!(dry.err(), real, "{}: {last}", row.reason);
    let reason = real.map(|reject| reject.reason.as_str());
    assert_eq!(reason, Some(row.reason.as_str()), "{last}");
}

#[test]
fn the_dry_run_answers_what_an_order_gets_over_all_rejects() {
    let rows = rows();
    for row in &rows {
        play(row);
    }
    let known: BTreeSet<_> = rows.iter().map(|row| row.reason.clone()).collect();
    let never = never();
    let both: Vec<_> = known.intersection(&never).collect();
    assert!(both.is_empty(), "rows of what no order gets: {both:?}");
    let all = RejectReason::ALL
        .iter()
        .map(|reason| reason.as_str().to_owned());
    let all: BTreeSet<_> = all.collect();
    let missing: Vec<_> = all
        .iter()
        .filter(|reason| !known.contains(*reason) && !never.contains(*reason))
        .collect();
    assert!(
        missing.is_empty(),
        "reasons without a row in tests/rejects, and not in never.txt: {missing:?}"
    );
    let odd: Vec<_> = known
        .union(&never)
        .filter(|reason| !all.contains(*reason))
        .collect();
    assert!(odd.is_empty(), "no such reasons: {odd:?}");
    println!(
        "{} rows, {} reasons, {} never",
        rows.len(),
        known.len(),
        never.len()
    );
}
