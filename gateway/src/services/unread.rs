//! Large answers that nobody has read yet: encoded at once, and bounded all together.
//!
//! The transport asks for an answer only when its client can take it, and until then the messages
//! stand in memory as they were made, several times as large as their bytes. A client that makes
//! many calls and reads none could hold gigabytes. So an answer of a list or a batch is encoded
//! when it is made and handed over in pieces, and past a bound on all of them the oldest that was
//! not read to its end is dropped: its client, should it ever read on, is told RESOURCE_EXHAUSTED.
//! Whoever reads has taken its answer long before it is the oldest.
//!
//! Invariant: what waits is at most the bound, or the answer made last. Small answers (one order,
//! one report) and streams pass untouched. Not here: the streams' own bounds (`streams`), the piece
//! of an answer that the transport holds.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::codegen::{Body as HttpBody, BoxFuture, Bytes, Service};
use tonic::server::NamedService;

use crate::errors::Failure;

/// Bytes of large answers that may wait to be read: sixty-four of the largest.
pub const UNREAD_BYTES_MAX: usize = 64 << 20;
/// The transport is handed this many bytes at a time.
const PIECE_BYTES: usize = 16 << 10;

/// The answers that wait.
#[derive(Debug)]
pub struct Unread {
    state: Mutex<State>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<u64, Answer>,
    bytes: usize,
    next: u64,
    dropped: u64,
}

/// An encoded answer.
#[derive(Debug, Default)]
struct Answer {
    data: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    bytes: usize,
}

impl Unread {
    /// Nothing waits; at most so many bytes may.
    pub fn of(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            bytes_max,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that wait now.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Answers dropped unread since the start.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Keeps an answer until its client takes it.
    async fn keep(self: Arc<Self>, mut body: Body) -> Result<Held, Status> {
        let mut answer = Answer::default();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            match frame?.into_data() {
                Ok(data) => {
                    answer.bytes += data.len();
                    answer.data.push_back(data);
                }
                Err(other) => answer.trailers = other.into_trailers().ok(),
            }
        }
        Ok(self.hold(answer))
    }

    fn hold(self: Arc<Self>, answer: Answer) -> Held {
        let number = self.put(answer);
        let left = Left::Data;
        Held {
            unread: self,
            number,
            left,
        }
    }

    fn put(&self, answer: Answer) -> u64 {
        let mut state = self.lock();
        while state.bytes > 0 && state.bytes + answer.bytes > self.bytes_max {
            let Some((_, oldest)) = state.waiting.pop_first() else {
                break;
            };
            state.bytes -= oldest.bytes;
            state.dropped += 1;
        }
        let number = state.next;
        state.next += 1;
        state.bytes += answer.bytes;
        state.waiting.insert(number, answer);
        number
    }

    /// The next piece of an answer; its trailers when there is none.
    fn take(&self, number: u64) -> Result<Bytes, Option<HeaderMap>> {
        let mut state = self.lock();
        let Some(answer) = state.waiting.get_mut(&number) else {
            return Err(Some(too_late()));
        };
        let Some(front) = answer.data.front_mut() else {
            let answer = state.waiting.remove(&number);
            return Err(answer.and_then(|answer| answer.trailers));
        };
        let piece = front.split_to(front.len().min(PIECE_BYTES));
        if front.is_empty() {
            answer.data.pop_front();
        }
        answer.bytes -= piece.len();
        state.bytes -= piece.len();
        Ok(piece)
    }

    fn forget(&self, number: u64) {
        let mut state = self.lock();
        if let Some(answer) = state.waiting.remove(&number) {
            state.bytes -= answer.bytes;
        }
    }
}

/// The body of a large answer.
#[derive(Debug)]
struct Held {
    unread: Arc<Unread>,
    number: u64,
    left: Left,
}

/// What of a body is still to be handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Left {
    Data,
    Nothing,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.left == Left::Nothing {
            return Poll::Ready(None);
        }
        Poll::Ready(match self.unread.take(self.number) {
            Ok(piece) => Some(Ok(Frame::data(piece))),
            Err(trailers) => {
                self.left = Left::Nothing;
                trailers.map(Frame::trailers).map(Ok)
            }
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unread.forget(self.number);
    }
}

/// The end of an answer that waited too long.
fn too_late() -> HeaderMap {
    let failure = Failure::Busy("the answer was not read while others waited; ask again");
    let mut trailers = HeaderMap::new();
    // Its text is of ASCII, so it can be a header.
    let _ = Status::from(failure).add_header(&mut trailers);
    trailers
}

/// A service whose large answers are kept in [`Unread`].
#[derive(Clone, Debug)]
pub struct Keeping<S> {
    inner: S,
    unread: Arc<Unread>,
}

impl<S> Keeping<S> {
    /// `inner`, its large answers kept in `unread`.
    pub const fn new(inner: S, unread: Arc<Unread>) -> Self {
        Self { inner, unread }
    }
}

/// Whether a method answers once and at length.
fn is_large(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|method| {
        method.starts_with("List")
            || ["BatchOrders", "GetBookSnapshot", "GetBalances"].contains(&method)
    })
}

impl<S: NamedService> NamedService for Keeping<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Keeping<S>
where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Infallible,
            Future = BoxFuture<Response<Body>, Infallible>,
        >,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let large = is_large(request.uri().path());
        let answered = self.inner.call(request);
        if !large {
            return answered;
        }
        let unread = Arc::clone(&self.unread);
        Box::pin(async move {
            let (head, body) = answered.await?.into_parts();
            match unread.keep(body).await {
                Ok(held) => Ok(Response::from_parts(head, Body::new(held))),
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(unread: &Arc<Unread>, bytes: usize) -> Held {
        Arc::clone(unread).hold(Answer {
            data: [Bytes::from(vec![7; bytes])].into(),
            trailers: Some(HeaderMap::new()),
            bytes,
        })
    }

    /// How many bytes a body holds, and the status it ends with, where it says one.
    async fn read(mut held: Held) -> (usize, Option<String>) {
        let (mut bytes, mut status) = (0, None);
        while let Some(frame) = poll_fn(|context| Pin::new(&mut held).poll_frame(context)).await {
            match frame.expect("no error").into_data() {
                Ok(data) => bytes += data.len(),
                Err(other) => {
                    let trailers = other.into_trailers().expect("trailers");
                    let code = trailers.get("grpc-status");
                    status = code.map(|code| code.to_str().expect("text").to_owned());
                }
            }
        }
        (bytes, status)
    }

    #[tokio::test]
    async fn answers_that_are_not_read_are_bounded_and_the_oldest_goes_first() {
        let unread = Unread::of(100);
        let mut held = Vec::new();
        for _ in 0..10 {
            held.push(keep(&unread, 30));
            assert!(unread.bytes() <= 100);
        }
        assert_eq!((unread.bytes(), unread.dropped()), (90, 7));
        for (number, held) in held.into_iter().enumerate() {
            let expected = if number < 7 {
                (0, Some("8".to_owned()))
            } else {
                (30, None)
            };
            assert_eq!(read(held).await, expected, "answer {number}");
        }
        assert_eq!(unread.bytes(), 0);
    }

    #[tokio::test]
    async fn an_answer_whose_client_left_holds_nothing() {
        let unread = Unread::of(100);
        drop(keep(&unread, 90));
        assert_eq!((unread.bytes(), unread.dropped()), (0, 0));
        let larger_than_all = keep(&unread, 100_000);
        assert_eq!(read(larger_than_all).await, (100_000, None));
        assert_eq!(unread.bytes(), 0);
    }

    #[test]
    fn lists_snapshots_and_batches_are_large_and_nothing_else() {
        for (path, large) in [
            ("/sanjiang.v1.OrderEntry/ListOrders", true),
            ("/sanjiang.v1.OrderEntry/BatchOrders", true),
            ("/sanjiang.v1.MarketData/GetBookSnapshot", true),
            ("/sanjiang.v1.Accounts/ListPostings", true),
            ("/sanjiang.v1.Accounts/GetBalances", true),
            ("/sanjiang.v1.Accounts/StreamPostings", false),
            ("/sanjiang.v1.OrderEntry/SubmitOrder", false),
            ("/sanjiang.v1.OrderEntry/Session", false),
            ("/sanjiang.v1.OrderEntry/StreamExecutions", false),
        ] {
            assert_eq!(is_large(path), large, "{path}");
        }
    }
}
