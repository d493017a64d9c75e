//! Streams that go on until somebody ends them: a bounded queue, and a last word.
//!
//! Invariant: at most [`QUEUE_MAX`] messages wait for a consumer; one who takes none of them for
//! [`STALL_MAX`] is cut, and reads why after what was queued. Whoever writes reads from the
//! history, so a consumer may fall behind as far as it likes while it takes something. Not here:
//! what is sent.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::errors::{DOMAIN, Failure, RETRY_AFTER};

/// The most messages waiting for one consumer.
pub const QUEUE_MAX: usize = 4;
/// How long a consumer may take nothing.
pub const STALL_MAX: Duration = Duration::from_secs(30);
/// How long a stream may be silent.
pub const SILENCE_MAX: Duration = Duration::from_secs(1);

/// The writing end.
#[derive(Debug)]
pub struct Writer<T> {
    queue: mpsc::Sender<T>,
    end: Arc<OnceLock<Status>>,
}

/// The reading end: messages, then the last word.
#[derive(Debug)]
pub struct Reader<T> {
    queue: mpsc::Receiver<T>,
    end: Arc<OnceLock<Status>>,
    ended: bool,
}

/// Why nothing more can be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// The consumer has gone.
    Gone,
    /// The consumer takes nothing.
    Stalled,
}

/// A stream with both its ends.
pub fn stream<T>() -> (Writer<T>, Reader<T>) {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let end = Arc::new(OnceLock::new());
    let reader = Reader {
        queue: receiver,
        end: Arc::clone(&end),
        ended: false,
    };
    let queue = sender;
    (Writer { queue, end }, reader)
}

impl<T> Writer<T> {
    /// Sends a message, waiting for room.
    ///
    /// # Errors
    /// [`Cut`].
    pub async fn send(&self, message: T) -> Result<(), Cut> {
        match tokio::time::timeout(STALL_MAX, self.queue.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Cut::Gone),
            Err(_) => Err(Cut::Stalled),
        }
    }

    /// Waits until the consumer has gone.
    pub async fn gone(&self) {
        self.queue.closed().await;
    }

    /// Ends the stream with a last word.
    pub fn end(self, status: Status) {
        // Written once: this takes the only writer.
        let _ = self.end.set(status);
    }
}

impl<T> Stream for Reader<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.queue.poll_recv(context) {
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
pub fn stalled(field: &str, resume_from: u64) -> Status {
    let text = format!(
        "nothing was taken for {} s, so the stream was cut; what was queued was sent: go on with \
         {field} = {resume_from}",
        STALL_MAX.as_secs()
    );
    let metadata = [(field.to_owned(), resume_from.to_string())];
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
                if let Err(cut) = writer.send(number).await {
                    assert_eq!(cut, Cut::Stalled);
                    writer.end(stalled("from_sequence", number));
                    return number;
                }
            }
            0
        });
        // The clock of this test runs only while nobody has anything to do.
        let number = writing.await.expect("it ends");
        assert_eq!(number, QUEUE_MAX as u64, "the queue is bounded");
        for expected in 0..number {
            assert_eq!(
                reader.next().await.expect("queued").expect("sent"),
                expected
            );
        }
        let status = reader
            .next()
            .await
            .expect("a last word")
            .expect_err("an error");
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains("from_sequence = 4"), "{status}");
        let info = status.get_details_error_info().expect("details");
        assert_eq!(info.reason, "SLOW_CONSUMER");
        assert_eq!(
            info.metadata.get("from_sequence").map(String::as_str),
            Some("4")
        );
        assert!(reader.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_something_now_and_then_is_not_cut() {
        let (writer, mut reader) = stream();
        let writing = tokio::spawn(async move {
            for number in 0..20_u64 {
                writer.send(number).await.expect("it is taken in time");
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
        drop(reader);
        writer.gone().await;
        assert_eq!(writer.send(1).await, Err(Cut::Gone));
    }
}
