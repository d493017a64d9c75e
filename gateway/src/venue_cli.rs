//! `gateway venue`: the regimes and venues of a file, looked at, or brought to a running gateway.
//!
//! Invariant: what is to be changed is printed before anything is; where the law refuses a line,
//! nothing is changed. Exit status: 0 when the target is as the file says, 1 when something was
//! refused or differs, 2 when it could not be tried. Not here: what is lawful (the engine).

pub mod file;
pub mod plan;
mod target;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use engine::types::Time;
use engine::venue::{Approval, Law, Model};
use proto::v1::operations_client::OperationsClient;
use tonic::transport::Channel;

use crate::config::{ApplyArguments, ListArguments, VenueCommand};
use file::LawFile;

/// The regimes and venues that come with the gateway.
pub const SHIPPED: &str = include_str!("../venues.toml");

/// What the exit status says.
const DONE: u8 = 0;
const NOT_DONE: u8 = 1;
const NOT_TRIED: u8 = 2;
/// How long a gateway may take to answer a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Why a command could not be tried.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{0}: {1}")]
    Unread(String, io::Error),
    #[error("{0}, {1}")]
    File(String, file::FileError),
    #[error("{0}: {1}")]
    Target(String, String),
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
}

/// Carries out the command; words go to `out`.
pub fn run(command: &VenueCommand, out: &mut impl Write) -> ExitCode {
    let done = match command {
        VenueCommand::Apply(arguments) => apply(arguments, out),
        VenueCommand::List(arguments) => list(arguments, out),
    };
    ExitCode::from(done.unwrap_or_else(|error| {
        eprintln!("{error}");
        NOT_TRIED
    }))
}

/// The file, or what comes with the gateway.
fn read(path: Option<&Path>) -> Result<LawFile, CliError> {
    let Some(path) = path else {
        let shipped = file::read(SHIPPED);
        return shipped.map_err(|error| CliError::File("venues.toml".to_owned(), error));
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| CliError::Unread(name.clone(), error))?;
    file::read(&text).map_err(|error| CliError::File(name, error))
}

fn apply(arguments: &ApplyArguments, out: &mut impl Write) -> Result<u8, CliError> {
    let file = read(arguments.file.as_deref())?;
    let told = |said: String| CliError::Target(arguments.target.clone(), said);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| told(error.to_string()))?;
    runtime.block_on(async {
        let endpoint = Channel::from_shared(arguments.target.clone());
        let endpoint = endpoint.map_err(|error| told(error.to_string()))?;
        let channel = endpoint.connect_timeout(CONNECT_WITHIN).connect().await;
        let channel = channel.map_err(|error| told(error.to_string()))?;
        carry_out(&file, arguments, channel, out).await
    })
}

/// Prints the plan, then does it.
async fn carry_out(
    file: &LawFile,
    arguments: &ApplyArguments,
    channel: Channel,
    out: &mut impl Write,
) -> Result<u8, CliError> {
    let told = |said: String| CliError::Target(arguments.target.clone(), said);
    let mut client = OperationsClient::new(channel);
    let found = target::look(&mut client).await.map_err(told)?;
    let plan = plan::plan(file, found);
    for line in &plan.lines {
        writeln!(out, "{line}")?;
    }
    let (asks, refusals, left) = (plan.asks.len(), plan.refusals, plan.left);
    if refusals > 0 {
        writeln!(out, "{refusals} refused; nothing was changed")?;
        return Ok(NOT_DONE);
    }
    let status = if left == 0 { DONE } else { NOT_DONE };
    if arguments.dry_run {
        writeln!(
            out,
            "{asks} to do, {left} left as they are; nothing was changed"
        )?;
        return Ok(status);
    }
    for (place, ask) in plan.asks.into_iter().enumerate() {
        if let Err(said) = target::ask(&mut client, ask).await {
            writeln!(out, "{place} of {asks} done; then: {said}")?;
            return Ok(NOT_DONE);
        }
    }
    writeln!(out, "{asks} done, {left} left as they are")?;
    Ok(status)
}

fn list(arguments: &ListArguments, out: &mut impl Write) -> Result<u8, CliError> {
    let file = read(arguments.file.as_deref())?;
    for venue in &file.venues {
        let regimes = venue.regimes.join(", ");
        let sells = plan::sells(&venue.models);
        writeln!(out, "{} {}: {regimes}; {sells}", venue.id, venue.name)?;
    }
    write!(out, "\n{}", table(&file))?;
    Ok(DONE)
}

/// What each regime of a file says of each model, if it stood alone on a demonstration: allowed,
/// NOT_AVAILABLE where this build does not carry the model out, or refused by which article.
pub fn table(file: &LawFile) -> String {
    let mut law = Law::new();
    let mut out = String::new();
    for regime in &file.regimes {
        let name = regime.terms.name.as_str();
        let known = law.newest(name);
        let same = known.filter(|known| plan::says_the_same(&law, *known, &regime.terms));
        let (found, time) = if let Some(known) = same {
            (Ok(known), Time::ZERO)
        } else {
            let checked = law.check(&regime.terms, Approval::Missing);
            let made = checked.map(|_| law.define(&regime.terms, Approval::Missing, Time::ZERO));
            (made, Time::MAX)
        };
        let _ = writeln!(out, "{name}");
        for model in Model::ALL {
            let cell = match found {
                Ok(regime) => plan::cell(&law, regime, *model, time),
                Err(reject) => plan::words(&law, reject),
            };
            let _ = writeln!(out, "  {:<16} {cell}", model.as_str());
        }
    }
    out
}
