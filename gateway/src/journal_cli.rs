//! `gateway journal verify|export`: looking at a journal without changing a byte of it.
//!
//! Invariant: nothing is opened for writing. Exit status: 0 for a whole journal, 1 for one that is
//! not, 2 when it could not be looked at (in use, no journal). Not here: the looking (`recovery` of
//! the engine).

use std::io::{self, Write};
use std::process::ExitCode;

use engine::recovery::{Exported, Report, open_folder};
use engine::runtime::StartError;
use engine::types::Sequence;
use serde_json::{Value, json};

use crate::acts_cli;
use crate::config::{ExportArguments, JournalArguments, JournalCommand};

/// What the exit status says.
const WHOLE: u8 = 0;
const NOT_WHOLE: u8 = 1;
const NOT_LOOKED_AT: u8 = 2;

/// Carries out the command; words go to `out`.
pub fn run(command: &JournalCommand, out: &mut impl Write) -> ExitCode {
    let said = match command {
        JournalCommand::Verify(arguments) => verify(arguments, out),
        JournalCommand::Export(arguments) => export(arguments, out),
        JournalCommand::AcceptLoss { from, act } => return acts_cli::accept_loss(*from, act),
        JournalCommand::Quarantine { sequence, act } => {
            return acts_cli::quarantine(*sequence, act);
        }
    };
    ExitCode::from(said.unwrap_or_else(|error| {
        eprintln!("{error}");
        NOT_LOOKED_AT
    }))
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("{0}")]
    Folder(#[from] StartError),
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
}

fn verify(arguments: &JournalArguments, out: &mut impl Write) -> Result<u8, CliError> {
    let report = engine::recovery::verify(&arguments.data_dir, arguments.head_file.as_deref())?;
    if arguments.json {
        writeln!(out, "{:#}", report_json(&report))?;
    } else {
        print_report(&report, out)?;
    }
    Ok(if report.is_whole() { WHOLE } else { NOT_WHOLE })
}

fn report_json(report: &Report) -> Value {
    let missing = |range: &engine::runtime::MissingRange| {
        let (first, last) = (range.first.value(), range.last.value());
        json!({ "first": first, "last": last })
    };
    let snapshot = |(at, fault): &(Sequence, Option<String>)| {
        let sequence = at.value();
        json!({ "sequence": sequence, "fault": fault })
    };
    json!({
        "first_sequence": report.first_sequence.value(),
        "last_sequence": report.last_sequence.value(),
        "head_mark_sequence": report.head_mark_sequence.map(Sequence::value),
        "chain_ok": report.chain_ok,
        "missing": report.missing.iter().map(missing).collect::<Vec<_>>(),
        "first_missing": report.first_missing.map(Sequence::value),
        "faults": report.faults,
        "records": report.records,
        "commands": report.commands,
        "bytes": report.bytes,
        "shard": report.shard,
        "epoch": report.epoch,
        "snapshots": report.snapshots.iter().map(snapshot).collect::<Vec<_>>(),
        "whole": report.is_whole(),
    })
}

fn print_report(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mark = report
        .head_mark_sequence
        .map_or_else(|| "none".to_owned(), |mark| mark.value().to_string());
    let missing: Vec<String> = report.missing.iter().map(ToString::to_string).collect();
    let missing = if missing.is_empty() {
        "none".to_owned()
    } else {
        missing.join(", ")
    };
    writeln!(out, "first_sequence     {}", report.first_sequence.value())?;
    writeln!(out, "last_sequence      {}", report.last_sequence.value())?;
    writeln!(out, "head_mark_sequence {mark}")?;
    writeln!(out, "chain_ok           {}", report.chain_ok)?;
    writeln!(out, "missing            {missing}")?;
    writeln!(out, "records            {}", report.records)?;
    writeln!(out, "commands           {}", report.commands)?;
    writeln!(out, "bytes              {}", report.bytes)?;
    writeln!(out, "shard, epoch       {}, {}", report.shard, report.epoch)?;
    for (at, fault) in &report.snapshots {
        let fault = fault.as_deref().unwrap_or("good");
        writeln!(out, "snapshot {:<10}{fault}", at.value())?;
    }
    for fault in &report.faults {
        writeln!(out, "fault: {fault}")?;
    }
    for (lost, epoch) in &report.accepted {
        writeln!(out, "accepted as lost: {lost}, before epoch {epoch}")?;
    }
    if let Some(first) = report.first_missing {
        writeln!(out, "first missing: {} (accept-loss --from)", first.value())?;
    }
    let word = if report.is_whole() {
        "whole"
    } else {
        "NOT WHOLE"
    };
    writeln!(out, "the journal is {word}")
}

fn export(arguments: &ExportArguments, out: &mut impl Write) -> Result<u8, CliError> {
    let journal = &arguments.journal;
    let folder = open_folder(&journal.data_dir, journal.head_file.as_deref())?;
    let mut out = io::BufWriter::new(out);
    let from = Sequence::new(arguments.from);
    let until = Sequence::new(arguments.until.unwrap_or(u64::MAX));
    for record in folder.export_range(from, until)? {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                out.flush()?;
                eprintln!("{error}");
                return Ok(NOT_WHOLE);
            }
        };
        print_record(&record, journal.json, &mut out)?;
    }
    out.flush()?;
    Ok(WHOLE)
}

fn print_record(record: &Exported, as_json: bool, out: &mut impl Write) -> io::Result<()> {
    for command in &record.commands {
        let envelope = &command.value.envelope;
        if as_json {
            let line = json!({
                "sequence": command.sequence.value(),
                "time_ns": command.time.nanoseconds(),
                "principal": envelope.principal.index(),
                "identity": format!("{:?}", envelope.identity),
                "valid_until_ns": envelope.valid_until.map(engine::types::Time::nanoseconds),
                "body": format!("{:?}", command.value.body),
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "{} {} {:?} {:?}",
                command.sequence.value(),
                command.time.nanoseconds(),
                envelope.identity,
                command.value.body
            )?;
        }
    }
    Ok(())
}
