//! Looking at the engine: what a call is told of it, and when.
//!
//! Invariant: nothing is told before it is durable, and everything it names is in the directory:
//! the answer waits until the history holds the last command that was seen, which comes after both.
//! Not here: what is looked at (`balances`), the door (`admission`).

use engine::engine::Engine;
use engine::types::Sequence;

use crate::admission::Payer;
use crate::errors::Failure;
use crate::exchange::Exchange;

/// What `see` sees of the engine between two commands, a page at most, and the last command it saw.
///
/// # Errors
/// Not admitted; the exchange stopped.
pub async fn look<T: Send + 'static>(
    exchange: &Exchange,
    payer: Payer,
    see: impl FnOnce(&Engine) -> T + Send + 'static,
) -> Result<(Sequence, T), Failure> {
    let (sequence, seen) = exchange.admission.look(payer, see).await?;
    exchange.history.wait_for(sequence).await?;
    Ok((sequence, seen))
}
