//! Streams that follow the history: they send what is there, then what comes.
//!
//! Invariant: what is read is what was written, so past and live have no seam; a consumer that
//! takes nothing costs one message; nobody waits longer than [`SILENCE_MAX`] for a word. Not here:
//! what is read (the services), how a consumer is cut (`streams`).

use std::future::Future;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tonic::Status;

use super::streams::{self, Cut, Reader, SILENCE_MAX, Writer};
use crate::exchange::Exchange;
use crate::projector::Ending;

/// What a stream sends, read piece by piece.
pub trait Source: Send + 'static {
    /// One message.
    type Message: Send + 'static;

    /// Where a consumer that has taken everything so far would go on: the request's field and its
    /// value.
    fn place(&self) -> (&'static str, String);

    /// Notes how far the history is. Called before [`Source::read`], so that what is written in
    /// between wakes [`Source::more`].
    fn look(&mut self);

    /// Reads what comes next, and goes on behind it.
    ///
    /// # Errors
    /// The stream's last word.
    fn read(
        &mut self,
        speak: Speak,
    ) -> impl Future<Output = Result<Piece<Self::Message>, Status>> + Send;

    /// Waits until there is more than was there at the last look.
    fn more(&mut self) -> impl Future<Output = ()> + Send;
}

/// Whether a message is due although there is nothing new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speak {
    /// Nothing was said for so long.
    Always,
    /// Only of something new.
    OfNews,
}

/// What was read at once.
pub struct Piece<T> {
    /// What to send; none where there is nothing new and nothing was to be said.
    pub message: Option<T>,
    /// What to do next.
    pub then: Then,
}

/// What to do after a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// There is more at once.
    Read,
    /// Wait for more.
    Wait,
    /// Nothing comes any more.
    End,
}

impl Then {
    /// What to do after a page of the history that says where the next one begins, if there is
    /// more by now.
    pub fn after<P>(next: Option<&P>, ending: Ending) -> Self {
        if next.is_some() {
            Self::Read
        } else if ending == Ending::Running {
            Self::Wait
        } else {
            Self::End
        }
    }
}

/// Follows a source until it ends, its consumer goes, or the gateway stops; the permit is kept as
/// long.
pub fn follow<S: Source>(
    exchange: &Arc<Exchange>,
    source: S,
    permit: OwnedSemaphorePermit,
) -> Reader<S::Message> {
    let (writer, reader) = streams::stream();
    let mut shutdown = exchange.shutdown.clone();
    tokio::spawn(async move {
        let _permit = permit;
        let ended = tokio::select! {
            ended = send(source, &writer) => ended,
            () = writer.gone() => return,
            () = streams::stopping(&mut shutdown) => streams::stopped(),
        };
        writer.end(ended);
    });
    reader
}

async fn send<S: Source>(mut source: S, writer: &Writer<S::Message>) -> Status {
    let mut said: Option<Instant> = None;
    let mut taken = source.place();
    loop {
        // Nothing is read for a consumer that has not taken what was read before.
        match writer.room().await {
            Ok(()) => taken = source.place(),
            Err(Cut::Gone) => return streams::stopped(),
            Err(Cut::Stalled) => return streams::stalled(taken.0, &taken.1),
        }
        source.look();
        let silent = said.is_none_or(|said| said.elapsed() >= SILENCE_MAX);
        let speak = if silent { Speak::Always } else { Speak::OfNews };
        let piece = match source.read(speak).await {
            Ok(piece) => piece,
            Err(status) => return status,
        };
        if let Some(message) = piece.message {
            writer.put(message);
            said = Some(Instant::now());
        }
        match piece.then {
            Then::Read => continue,
            Then::End => return streams::stopped(),
            Then::Wait => {}
        }
        let due = said.map_or_else(Instant::now, |said| said + SILENCE_MAX);
        tokio::select! {
            () = source.more() => {}
            () = tokio::time::sleep_until(due) => said = None,
        }
    }
}
