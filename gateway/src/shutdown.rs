//! When to stop: SIGINT or SIGTERM.
//!
//! Invariant: the first signal begins a clean stop; a second one of either kind is not waited for,
//! since the default action is not put back and the stop goes on. Not here: stopping (`server`).

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Until SIGINT or SIGTERM; answers which.
///
/// # Errors
/// The signals cannot be watched.
pub async fn asked_to_stop() -> io::Result<&'static str> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    })
}
