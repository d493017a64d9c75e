//! The program `gateway`: runs the exchange, looks at a journal, or makes and tries a backup.
//!
//! Invariant: exit status 0 only if everything was done. Not here: anything but the order of steps.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use engine::runtime::{StartError, Taking};
use sanjiang_gateway::config::{Cli, Command, Serve};
use sanjiang_gateway::exchange::Exchange;
use sanjiang_gateway::server::{Running, ServeError};
use sanjiang_gateway::telemetry::Mark;
use sanjiang_gateway::{acts_cli, backup_cli, journal_cli, reconcile_cli, shutdown, venue_cli};

/// Measured: unary calls +10 to 18 %, batches of rich orders +26 to 37 %.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit status when the folder is in use.
const IN_USE: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(settings) => serve(&settings),
        Command::Backup(arguments) => backup_cli::backup(&arguments),
        Command::RestoreDrill(arguments) => backup_cli::drill(&arguments),
        Command::Reconcile(arguments) => {
            reconcile_cli::run(&arguments, &mut std::io::stdout().lock())
        }
        Command::Restore(arguments) => acts_cli::restore(&arguments),
        Command::Venue { command } => venue_cli::run(&command, &mut std::io::stdout().lock()),
        Command::Journal { command } => journal_cli::run(&command, &mut std::io::stdout().lock()),
    }
}

fn serve(settings: &Serve) -> ExitCode {
    // Each connection and each file of the databases takes a descriptor. As many as allowed are
    // taken; fewer are no reason not to start.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    // One thread: measured, several cost a unary call nearly twice the CPU time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = match runtime {
        Ok(runtime) => runtime.block_on(serve_until_asked(settings)),
        Err(error) => {
            eprintln!("the network's thread cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            if let Some(ServeError::Start(refused)) = error.downcast_ref()
                && let Some(choices) = refused.choices(&folder_arguments(settings))
            {
                eprintln!("{choices}");
            }
            let in_use = error
                .downcast_ref::<ServeError>()
                .is_some_and(|error| matches!(error, ServeError::Start(StartError::InUse(_))));
            ExitCode::from(if in_use { IN_USE } else { 1 })
        }
    }
}

/// The folder as the tools are told of it.
fn folder_arguments(settings: &Serve) -> String {
    let head = settings.head_file.as_ref();
    let head = head.map_or_else(String::new, |path| {
        format!(" --head-file {}", path.display())
    });
    format!("--data-dir {}{head}", settings.data_dir.display())
}

async fn serve_until_asked(settings: &Serve) -> anyhow::Result<()> {
    let asked = tokio::spawn(shutdown::asked_to_stop());
    let running = Running::start(settings).await?;
    let exchange = running.exchange();
    println!("{}", exchange.recovered);
    if let Some(bytes) = running.locked() {
        println!("{} MB of memory locked", bytes >> 20);
    }
    println!(
        "listening on {}, loopback only: without TLS and keys every caller is principal `local` \
         with all roles",
        running.address()
    );
    let printing = tokio::spawn(print_every_second(Arc::clone(exchange)));
    let signal = asked.await??;
    println!("{signal}: stopping; what was taken is answered first");
    printing.abort();
    let stopped = running.stop().await?;
    println!(
        "stopped at command {}, snapshot at {}",
        stopped.last.value(),
        stopped.snapshot.value()
    );
    Ok(())
}

async fn print_every_second(exchange: Arc<Exchange>) {
    let mut mark = Mark::now(&exchange.telemetry);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    second.tick().await;
    loop {
        second.tick().await;
        let line = exchange.telemetry.since(&mut mark);
        match exchange.handle.look_at_disk() {
            disk if disk.taking == Taking::All => println!("{line}"),
            disk => println!("{line}  {disk}"),
        }
    }
}
