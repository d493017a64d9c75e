//! Streams that go on until somebody ends them: one message ahead, and a last word.
//!
//! Invariant: at most one message waits for a consumer, and the next one is made only when that was
//! taken; one who takes nothing for [`STALL_MAX`] is cut, what waited for it is dropped at once,
//! and it reads why and where to go on whenever it reads. Whoever writes reads from the history,
//! so a consumer may fall behind as far as it likes while it takes something. Not here: what is
//! sent.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::errors::{DOMAIN, Failure, RETRY_AFTER};
use crate::outlet::{Feeder, Taker, outlet};

/// How long a consumer may take nothing.
pub const STALL_MAX: Duration = Duration::from_secs(30);
/// How long a stream may be silent.
pub const SILENCE_MAX: Duration = Duration::from_secs(1);

/// The writing end.
#[derive(Debug)]
pub struct Writer<T> {
    queue: Feeder<T>,
    end: Arc<OnceLock<Status>>,
}

/// The reading end: messages, then the last word.
#[derive(Debug)]
pub struct Reader<T> {
    queue: Taker<T>,
    end: Arc<OnceLock<Status>>,
    ended: bool,
}

/// Why nothing more can be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// The consumer has gone.
    Gone,
    /// The consumer takes nothing; what waited was dropped.
    Stalled,
}

/// A stream with both its ends.
pub fn stream<T>() -> (Writer<T>, Reader<T>) {
    let (queue, taker) = outlet();
    let end = Arc::new(OnceLock::new());
    let reader = Reader {
        queue: taker,
        end: Arc::clone(&end),
        ended: false,
    };
    (Writer { queue, end }, reader)
}

impl<T> Writer<T> {
    /// Waits until the consumer has taken everything. Make the next message only then: so there
    /// is never more than one.
    ///
    /// # Errors
    /// [`Cut`].
    pub async fn room(&self) -> Result<(), Cut> {
        match tokio::time::timeout(STALL_MAX, self.queue.below(1)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Cut::Gone),
            // It may just have been taken.
            Err(_) if self.queue.take_back().is_empty() => Ok(()),
            Err(_) => Err(Cut::Stalled),
        }
    }

    /// Puts a message where the consumer finds it. Call [`Writer::room`] before.
    pub fn put(&self, message: T) {
        // To a consumer that has gone nothing can be said; `room` says so next.
        let _ = self.queue.push(message);
    }

    /// Waits until the consumer has gone.
    pub async fn gone(&self) {
        self.queue.left().await;
    }

    /// Ends the stream with a last word.
    pub fn end(self, status: Status) {
        // Written once: this takes the only writer.
        let _ = self.end.set(status);
        self.queue.end();
    }
}

impl<T> Stream for Reader<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.queue.poll_take(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(message)) => Poll::Ready(Some(Ok(message))),
            Poll::Ready(None) if self.ended => Poll::Ready(None),
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(self.end.get().cloned().map(Err))
            }
        }
    }
}

/// Waits until the gateway stops.
pub async fn stopping(shutdown: &mut watch::Receiver<bool>) {
    // Its sender lives as long as the exchange; if it went, so should the streams.
    let _ = shutdown.wait_for(|stopping| *stopping).await;
}

/// The last word of a gateway that stops.
pub fn stopped() -> Status {
    Failure::Stopping.into()
}

/// The last word for a consumer that took nothing: where to go on.
pub fn stalled(field: &str, resume_from: &str) -> Status {
    let text = format!(
        "nothing was taken for {} s, so the stream was cut and what waited was dropped: go on with \
         {field} = {resume_from}",
        STALL_MAX.as_secs()
    );
    let metadata = [(field.to_owned(), resume_from.to_owned())];
    let mut details = ErrorDetails::with_error_info("SLOW_CONSUMER", DOMAIN, metadata);
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(Code::ResourceExhausted, text, details)
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_consumer_that_takes_nothing_is_cut_and_told_where_to_go_on() {
        let (writer, mut reader) = stream();
        let writing = tokio::spawn(async move {
            for number in 0_u64.. {
                match writer.room().await {
                    Ok(()) => writer.put(number),
                    Err(cut) => {
                        assert_eq!(cut, Cut::Stalled);
                        writer.end(stalled("from_sequence", &(number - 1).to_string()));
                        return number;
                    }
                }
            }
            0
        });
        // The clock of this test runs only while nobody has anything to do.
        for expected in 0..3 {
            assert_eq!(reader.next().await.expect("more").expect("sent"), expected);
        }
        let made = writing.await.expect("it ends");
        assert_eq!(made, 4, "one message ahead of the consumer, no more");
        // The one that waited was dropped, and the last word names it.
        let status = reader
            .next()
            .await
            .expect("a last word")
            .expect_err("an error");
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains("from_sequence = 3"), "{status}");
        let info = status.get_details_error_info().expect("details");
        assert_eq!(info.reason, "SLOW_CONSUMER");
        assert_eq!(
            info.metadata.get("from_sequence").map(String::as_str),
            Some("3")
        );
        assert!(reader.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_something_now_and_then_is_not_cut() {
        let (writer, mut reader) = stream();
        let writing = tokio::spawn(async move {
            for number in 0..20_u64 {
                writer.room().await.expect("it is taken in time");
                writer.put(number);
            }
        });
        for expected in 0..20 {
            tokio::time::sleep(STALL_MAX / 2).await;
            assert_eq!(reader.next().await.expect("more").expect("sent"), expected);
        }
        writing.await.expect("it ends");
        assert!(reader.next().await.is_none());
    }

    #[tokio::test]
    async fn a_consumer_that_leaves_ends_the_writing() {
        let (writer, reader) = stream::<u64>();
        writer.put(1);
        drop(reader);
        writer.gone().await;
        assert_eq!(writer.room().await, Err(Cut::Gone));
    }
}
