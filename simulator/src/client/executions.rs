//! The private stream of a participant, from its first report on, across reconnects and restarts.
//!
//! Invariant: reports are handed on once each, in order of `participant_sequence`, without a gap;
//! a gateway that breaks this is an error, not a retry. Not here: what the reports mean
//! (`auditor`, `replay`).

use std::time::Duration;

use proto::v1::{
    StreamExecutionsRequest, StreamExecutionsResponse, stream_executions_request::Owner,
};
use tokio::{sync::mpsc, time::Instant};
use tonic::Status;

use super::{
    Backoff,
    connect::{Connection, may_begin_later},
};

/// A stream promises a sign of life each second; silent for this long, it is opened anew.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Why the stream cannot be followed any more.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A report is missing: what was acknowledged is gone.
    #[error("report {got} of participant {participant} came where {expected} was due")]
    Gap {
        /// Whose stream.
        participant: String,
        /// The number that was due.
        expected: u64,
        /// The number that came.
        got: u64,
    },
    /// The gateway did not answer for the whole patience, or will never.
    #[error("stream of executions: {:?}: {}", .0.code(), .0.message())]
    Gone(Status),
}

/// Follows all reports of `participant` from number `first` on, handing each message to `out`,
/// until the receiver is dropped.
pub async fn follow(
    connection: Connection,
    participant: String,
    first: u64,
    out: mpsc::Sender<StreamExecutionsResponse>,
) -> Result<(), FollowError> {
    let mut place = Place {
        participant,
        next: first.max(1),
    };
    let mut backoff = Backoff::new();
    let mut until = Instant::now() + connection.patience();
    while !out.is_closed() {
        let before = Instant::now();
        let ended = stream(&connection, &mut place, &out, &mut until).await?;
        let Some(status) = ended else {
            return Ok(());
        };
        if until > before + connection.patience() {
            backoff = Backoff::new();
        }
        let begun = place.next > first.max(1);
        if !may_begin_later(&status, begun) || Instant::now() > until {
            return Err(FollowError::Gone(status));
        }
        tokio::time::sleep(backoff.pause()).await;
    }
    Ok(())
}

/// One connection's part of the stream: none when nobody listens any more, else why it ended.
async fn stream(
    connection: &Connection,
    place: &mut Place,
    out: &mpsc::Sender<StreamExecutionsResponse>,
    until: &mut Instant,
) -> Result<Option<Status>, FollowError> {
    let request = StreamExecutionsRequest {
        owner: Some(Owner::ParticipantId(place.participant.clone())),
        from_sequence: place.next,
    };
    let mut client = connection.order_entry();
    let opened = tokio::select! {
        opened = client.stream_executions(request) => opened,
        () = out.closed() => return Ok(None),
    };
    let mut stream = match opened {
        Ok(response) => response.into_inner(),
        Err(status) => return Ok(Some(status)),
    };
    loop {
        let received = tokio::select! {
            received = tokio::time::timeout(SILENCE_MAX, stream.message()) => received,
            () = out.closed() => return Ok(None),
        };
        let mut message = match received {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => return Ok(Some(Status::unavailable("the gateway ended the stream"))),
            Ok(Err(status)) => return Ok(Some(status)),
            Err(_) => return Ok(Some(Status::unavailable("no sign of life for 10 s"))),
        };
        *until = Instant::now() + connection.patience();
        place.admit(&mut message)?;
        if out.send(message).await.is_err() {
            return Ok(None);
        }
    }
}

/// Which report of whose stream is due.
struct Place {
    participant: String,
    next: u64,
}

impl Place {
    /// Drops what was seen before and moves on, refusing a gap.
    fn admit(&mut self, message: &mut StreamExecutionsResponse) -> Result<(), FollowError> {
        let due = self.next;
        let orders = &mut message.reports;
        let contracts = &mut message.contract_reports;
        orders.retain(|report| report.participant_sequence >= due);
        contracts.retain(|report| report.participant_sequence >= due);
        // One count goes over both lists, and each is in its order.
        let orders = orders.iter().map(|report| report.participant_sequence);
        let contracts = contracts.iter().map(|report| report.participant_sequence);
        let mut numbers: Vec<u64> = orders.chain(contracts).collect();
        numbers.sort_unstable();
        for got in numbers {
            if got != self.next {
                return Err(FollowError::Gap {
                    participant: self.participant.clone(),
                    expected: self.next,
                    got,
                });
            }
            self.next += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::v1::{ContractReport, ExecutionReport};

    fn message(numbers: &[u64]) -> StreamExecutionsResponse {
        StreamExecutionsResponse {
            reports: numbers
                .iter()
                .map(|number| ExecutionReport {
                    participant_sequence: *number,
                    ..ExecutionReport::default()
                })
                .collect(),
            ..StreamExecutionsResponse::default()
        }
    }

    #[test]
    fn what_was_seen_is_dropped_and_a_gap_is_an_error() {
        let mut place = Place {
            participant: "firm".to_owned(),
            next: 1,
        };
        place.admit(&mut message(&[1, 2, 3])).unwrap();
        let mut again = message(&[2, 3, 4]);
        place.admit(&mut again).unwrap();
        assert_eq!(again.reports.len(), 1);
        let mut both = message(&[5, 7]);
        both.contract_reports = vec![ContractReport {
            participant_sequence: 6,
            ..ContractReport::default()
        }];
        place.admit(&mut both).unwrap();
        place.admit(&mut both).unwrap();
        assert!(both.reports.is_empty() && both.contract_reports.is_empty());
        let error = place.admit(&mut message(&[9])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "report 9 of participant firm came where 8 was due"
        );
    }
}
