//! The `simulator` program: reads the command line, runs, prints the summary, tells by its exit
//! status whether all held.
//!
//! Invariant: the JSON file is written however a run ends. Not here: anything a library user needs.

use std::{path::Path, process::ExitCode, time::Duration};

use clap::Parser as _;
use sanjiang_simulator::{
    cli::{Cli, Command, Common, CrashArgs, FlashArgs, Format, LoadArgs, LobsterMode, ReplayArgs},
    client::connect::{Bearer, Connection},
    crash::{Harness, gateway},
    flash::{self, Flash},
    load::{self, Load},
    replay::{self, Replay},
    report::Summary,
    setup::Run,
};
use tokio::sync::watch;

/// Open files asked of the system: every connection is one.
const FILES_WANTED: u64 = 65_536;
/// How long tasks may take to end after the run.
const SHUTDOWN: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Fewer files only mean fewer connections; the run itself says so when one fails.
    let _granted = rlimit::increase_nofile_limit(FILES_WANTED);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no runtime: {error}")),
    };
    let code = runtime.block_on(async {
        match cli.command {
            Command::Replay(args) => replay_day(&args).await,
            Command::Load(args) => make_load(&args).await,
            Command::Flash(args) => sell_out(&args).await,
            Command::Crash(args) => crash(args).await,
        }
    });
    runtime.shutdown_timeout(SHUTDOWN);
    code
}

fn fail(what: &str) -> ExitCode {
    eprintln!("simulator: {what}");
    ExitCode::from(2)
}

fn run_of(common: &Common) -> Result<Run, String> {
    common
        .run
        .as_deref()
        .map_or_else(|| Ok(Run::fresh()), Run::named)
}

async fn replay_day(args: &ReplayArgs) -> ExitCode {
    let named = args.format == Format::Lobster && args.mode == LobsterMode::Names;
    let target = match (&args.common.target, named) {
        (Some(target), _) => target.clone(),
        (None, true) => "http://127.0.0.1:0".to_owned(),
        (None, false) => {
            return fail("--target is missing; it should be like http://127.0.0.1:50051");
        }
    };
    let prepared = run_of(&args.common).and_then(|run| {
        let bearer = Bearer::from_file(args.common.token.as_deref()).map_err(|e| e.to_string())?;
        let connection = Connection::open(&target, bearer, args.common.patience())
            .map_err(|error| error.to_string())?;
        Ok((run, connection))
    });
    let (run, connection) = match prepared {
        Ok(prepared) => prepared,
        Err(what) => return fail(&what),
    };
    let replay = Replay {
        connection,
        run: run.clone(),
        input: args.input.clone(),
        expect: args.expect.clone(),
        pace: args.pace(),
        gate: None,
    };
    let kind = match args.format {
        Format::Sse => "replay sse",
        Format::Lobster if named => "replay lobster by name",
        Format::Lobster => "replay lobster matched",
        Format::Cme => "replay cme",
        Format::Retail => "replay retail",
    };
    let summary = Summary::new(kind, run.name());
    let (summary, ended) = match args.format {
        Format::Sse => replay::sse::run(replay, summary).await,
        Format::Lobster if named => replay::lobster::run_named(&replay, summary),
        Format::Lobster => replay::lobster::run_matched(replay, summary).await,
        Format::Cme => replay::cme::run(replay, summary).await,
        Format::Retail => replay::retail::run(replay, args.lines, summary).await,
    };
    conclude(
        summary,
        ended.err().map(|error| error.to_string()),
        args.common.json.as_deref(),
    )
}

/// Where a run goes, its name and its credentials.
fn prepared(common: &Common) -> Result<(String, Run, Bearer), String> {
    let missing = "--target is missing; it should be like http://127.0.0.1:50051";
    let target = common.target.clone().ok_or(missing)?;
    let bearer = Bearer::from_file(common.token.as_deref()).map_err(|e| e.to_string())?;
    Ok((target, run_of(common)?, bearer))
}

async fn make_load(args: &LoadArgs) -> ExitCode {
    let (target, run, bearer) = match prepared(&args.common) {
        Ok(prepared) => prepared,
        Err(what) => return fail(&what),
    };
    let load = Load {
        target,
        bearer,
        patience: args.common.patience(),
        run: run.clone(),
        rate: args.rate,
        seconds: args.seconds,
        connections: args.connections,
        mode: args.mode.into(),
        shape: args.shape(),
        seed: args.seed,
        venue: args.venue.clone(),
        funded_orders: args.funded_orders,
    };
    let stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => return fail(&format!("signals: {error}")),
    };
    let mut kind = format!("load {:?}", load.mode).to_lowercase();
    if let Some(venue) = &load.venue {
        kind = format!("{kind} at {venue}");
    }
    let (summary, ended) = load::run(&load, Summary::new(&kind, run.name()), stop).await;
    conclude(
        summary,
        ended.err().map(|error| error.to_string()),
        args.common.json.as_deref(),
    )
}

async fn sell_out(args: &FlashArgs) -> ExitCode {
    let (target, run, bearer) = match prepared(&args.common) {
        Ok(prepared) => prepared,
        Err(what) => return fail(&what),
    };
    let sale = Flash {
        target,
        bearer,
        patience: args.common.patience(),
        run: run.clone(),
        stock: args.stock,
        reserves: args.reserves,
        sessions: args.sessions,
        seconds: args.seconds,
        buyers: args.buyers(),
    };
    let stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => return fail(&format!("signals: {error}")),
    };
    let (summary, ended) = flash::run(&sale, Summary::new("flash", run.name()), stop).await;
    conclude(
        summary,
        ended.err().map(|error| error.to_string()),
        args.common.json.as_deref(),
    )
}

async fn crash(args: CrashArgs) -> ExitCode {
    let Some(program) = args.gateway.or_else(gateway::beside) else {
        return fail("there is no gateway beside this program; --gateway PATH should name one");
    };
    let mut harness = match Harness::new(program, args.cycles, args.seed) {
        Ok(harness) => harness,
        Err(error) => return fail(&format!("no folder for the run: {error}")),
    };
    harness.input = args.input;
    harness.expect = args.expect;
    let mut stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => return fail(&format!("signals: {error}")),
    };
    // A run that is dropped ends its gateway.
    let (summary, _) = tokio::select! {
        ran = harness.run() => ran,
        _ = stop.changed() => return fail("stopped by a signal; the gateway was ended"),
    };
    let written = args
        .json
        .as_deref()
        .map(|path| (path, summary.write_json(path)));
    print!("{summary}");
    if let Some((path, Err(error))) = written {
        return fail(&format!("--json {}: {error}", path.display()));
    }
    if summary.held() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Turns true at the first SIGINT or SIGTERM; a second SIGINT or SIGTERM ends the program at once.
fn stop_signal() -> std::io::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (tell, stop) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tell.send_replace(true);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(stop)
}

fn conclude(mut summary: Summary, error: Option<String>, json: Option<&Path>) -> ExitCode {
    summary.error = summary.error.take().or(error);
    print!("{summary}");
    if let Some(path) = json
        && let Err(error) = summary.write_json(path)
    {
        return fail(&format!("--json {}: {error}", path.display()));
    }
    if summary.held() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
