//! Replays a file of journal records and prints one line with the hash of every event byte, so
//! that builds of different profiles and machines can be compared.
//!
//! `replay_hash write FILE ORDERS` makes a sample that is the same every time; `replay_hash FILE`
//! replays one. The line holds counts, the BLAKE3 of all event bytes, the running hash of events
//! and the hash of all state. Not here: reading a data folder (`gateway journal`).

#![expect(
    clippy::disallowed_methods,
    reason = "an example reads and writes the file it is given; the engine does neither"
)]

#[path = "../tests/support/sample.rs"]
mod sample;
#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

fn run(arguments: &[String]) -> Result<String, String> {
    let failed = |path: &str, error: std::io::Error| format!("{path}: {error}");
    match arguments {
        [word, path, orders] if word == "write" => {
            let orders = orders
                .parse()
                .map_err(|_| format!("{orders} is not a number"))?;
            let sample = sample::write(orders, 256);
            std::fs::write(path, &sample).map_err(|error| failed(path, error))?;
            Ok(format!("wrote {} bytes to {path}", sample.len()))
        }
        [path] => {
            let sample = std::fs::read(path).map_err(|error| failed(path, error))?;
            let outcome = sample::replay(&sample).map_err(|error| error.to_string())?;
            Ok(outcome.to_string())
        }
        _ => Err("usage: replay_hash FILE | replay_hash write FILE ORDERS".to_owned()),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(line) => {
            eprintln!("{line}");
            ExitCode::FAILURE
        }
    }
}
