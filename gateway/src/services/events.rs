//! Streams of public events: what is queued for a subscriber, gathered into messages.
//!
//! Invariant: a message is bounded in events; a stream ends with a reason. Not here: what is queued
//! (`fanout`).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use proto::v1;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

use super::streams;
use crate::exchange::Exchange;
use crate::fanout;

/// The most events of one message.
const EVENTS_MAX: usize = 4_096;

/// A message of events.
pub trait Gathered {
    /// One event.
    type Event: Clone;

    /// The message of these.
    fn of(events: Vec<Self::Event>) -> Self;
}

impl Gathered for v1::StreamBookResponse {
    type Event = v1::BookEvent;

    fn of(events: Vec<v1::BookEvent>) -> Self {
        Self { events }
    }
}

impl Gathered for v1::StreamOffersResponse {
    type Event = v1::OfferEvent;

    fn of(events: Vec<v1::OfferEvent>) -> Self {
        Self { events }
    }
}

/// Events subscribed, until the gateway stops.
pub struct EventStream<M: Gathered> {
    messages: mpsc::Receiver<Arc<Vec<M::Event>>>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    ended: bool,
}

impl<M: Gathered> EventStream<M> {
    /// The stream of what is queued in `messages`.
    pub fn new(exchange: &Exchange, messages: mpsc::Receiver<Arc<Vec<M::Event>>>) -> Self {
        let mut shutdown = exchange.shutdown.clone();
        Self {
            messages,
            stopping: Box::pin(async move { streams::stopping(&mut shutdown).await }),
            ended: false,
        }
    }

    /// One message for the wire of what is queued.
    fn gather(&mut self, first: &[M::Event]) -> M {
        let mut events = first.to_vec();
        while events.len() + fanout::RING_EVENTS_MAX <= EVENTS_MAX {
            let Ok(more) = self.messages.try_recv() else {
                break;
            };
            events.extend(more.iter().cloned());
        }
        M::of(events)
    }
}

impl<M: Gathered> Stream for EventStream<M> {
    type Item = Result<M, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.stopping.as_mut().poll(context).is_ready() {
            self.ended = true;
            return Poll::Ready(Some(Err(streams::stopped())));
        }
        match self.messages.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(message)) => Poll::Ready(Some(Ok(self.gather(&message)))),
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(Some(Err(streams::stopped())))
            }
        }
    }
}
