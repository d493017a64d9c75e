//! The private stream: reports of orders and of contracts, counted together.
//!
//! Everything is read from the history, live reports too: a stream reads on from its counter
//! whenever it is told that there is more. So between history and live there is no seam at which a
//! report could be lost or repeated, and a slow consumer holds no memory but its queue.
//!
//! Invariant: what is sent of a counter is all of it or, of contracts alone, all of that. Not here:
//! rows (`projector`), wire forms (`to_proto`).

use std::sync::Arc;

use engine::types::{ParticipantId, Sequence};
use proto::v1;
use tokio::sync::watch;
use tonic::{Response, Status};

use super::accounts::find;
use super::executions::{account, read};
use super::follow::{Piece, Source, Speak, Then, follow};
use super::streams::{self, Reader};
use crate::directory::Tables;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::projector::contracts::PrivateRow;
use crate::projector::{Ending, Owner};
use crate::to_proto;

/// The most reports of one message: some hundred kilobytes, since one message waits for each
/// consumer that is slow, and there may be many of those.
pub const REPORTS_MAX: usize = 256;

/// Reports, then why they end.
pub type ExecutionsStream = Reader<v1::StreamExecutionsResponse>;
/// Reports of contracts, then why they end.
pub type ContractsStream = Reader<v1::StreamContractsResponse>;

/// All reports of an account or a participant from a counter on.
///
/// # Errors
/// Malformed, not found, too many streams.
pub async fn stream_executions(
    exchange: &Arc<Exchange>,
    request: &v1::StreamExecutionsRequest,
) -> Result<Response<ExecutionsStream>, Status> {
    use v1::stream_executions_request::Owner as Wire;
    let named = request.owner.as_ref().map(|owner| match owner {
        Wire::AccountId(name) => Named::Account(name),
        Wire::ParticipantId(name) => Named::Participant(name),
    });
    begin(exchange, named, request.from_sequence, executions).await
}

/// The reports about contracts of an account or a participant from a counter on.
///
/// # Errors
/// As [`stream_executions`].
pub async fn stream_contracts(
    exchange: &Arc<Exchange>,
    request: &v1::StreamContractsRequest,
) -> Result<Response<ContractsStream>, Status> {
    use v1::stream_contracts_request::Owner as Wire;
    let named = request.owner.as_ref().map(|owner| match owner {
        Wire::AccountId(name) => Named::Account(name),
        Wire::ParticipantId(name) => Named::Participant(name),
    });
    begin(exchange, named, request.from_sequence, contracts).await
}

/// Whose reports, as a request names it.
#[derive(Clone, Copy)]
enum Named<'a> {
    Account(&'a str),
    Participant(&'a str),
}

async fn begin<M: Send + 'static>(
    exchange: &Arc<Exchange>,
    named: Option<Named<'_>>,
    from: u64,
    write: Write<M>,
) -> Result<Response<Reader<M>>, Status> {
    let owner = owner(&exchange.directory.read(), named)?;
    let history = exchange.history.clone();
    history.catch_up().await.map_err(Failure::from)?;
    let busy = Failure::Busy("as many streams of reports are open as may be");
    let place = history.stream_place().ok_or(busy.clone())?;
    let told = history.follow(owner).map_err(|_| busy)?;
    let follower = Follower {
        exchange: Arc::clone(exchange),
        owner,
        next: from.max(1),
        told,
        write,
    };
    Ok(Response::new(follow(exchange, follower, place)))
}

fn owner(tables: &Tables, named: Option<Named<'_>>) -> Result<Owner, Failure> {
    match named {
        Some(Named::Account(name)) => account(tables, name).map(Owner::Account),
        Some(Named::Participant(name)) => {
            let look = |tables: &Tables, name: &str| tables.participants.find(name);
            let found = find(tables, "participant_id", name, Kind::Participant, look)?;
            Ok(Owner::Participant(ParticipantId::new(found)))
        }
        None => Err(Failure::field(
            "owner",
            "is not given; account_id or participant_id is required",
        )),
    }
}

/// How a batch is written, and whether it says anything new.
type Write<M> = fn(&Tables, &Batch) -> (M, News);

/// Whether a message says anything new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum News {
    Some,
    None,
}

impl News {
    const fn of(empty: bool) -> Self {
        if empty { Self::None } else { Self::Some }
    }
}

/// One stream of reports.
struct Follower<M> {
    exchange: Arc<Exchange>,
    owner: Owner,
    /// The counter of the next report.
    next: u64,
    told: watch::Receiver<u64>,
    write: Write<M>,
}

/// What was read at once.
struct Batch {
    rows: Vec<PrivateRow>,
    /// Everything up to here was looked at.
    durable: Sequence,
    caught_up: bool,
    /// The counter after the last row.
    next: u64,
}

impl<M: Send + 'static> Source for Follower<M> {
    type Message = M;

    fn place(&self) -> (&'static str, String) {
        ("from_sequence", self.next.to_string())
    }

    fn look(&mut self) {
        self.told.mark_unchanged();
    }

    async fn read(&mut self, speak: Speak) -> Result<Piece<M>, Status> {
        let batch = self.batch().await?;
        let (message, news) = (self.write)(&self.exchange.directory.read(), &batch);
        let said = news == News::Some || speak == Speak::Always;
        self.next = batch.next;
        let then = if !batch.caught_up && !batch.rows.is_empty() {
            Then::Read
        } else {
            Then::Wait
        };
        Ok(Piece {
            message: said.then_some(message),
            then,
        })
    }

    async fn more(&mut self) {
        let _ = self.told.changed().await;
    }
}

impl<M> Follower<M> {
    async fn batch(&self) -> Result<Batch, Status> {
        let history = &self.exchange.history;
        let fed = history.fed();
        let progress = history.progress();
        let (owner, next) = (self.owner, self.next);
        let rows = read(history, move |history| {
            history.executions(owner, next, REPORTS_MAX)
        })
        .await?;
        if rows.is_empty() && progress.ending != Ending::Running {
            return Err(streams::stopped());
        }
        let full = rows.len() == REPORTS_MAX;
        let before_last = rows.last().map_or(0, |row| row.sequence() - 1);
        Ok(Batch {
            durable: if full {
                progress.projected.min(Sequence::new(before_last))
            } else {
                progress.projected
            },
            caught_up: !full && progress.projected >= fed,
            next: next + rows.len() as u64,
            rows,
        })
    }
}

fn executions(tables: &Tables, batch: &Batch) -> (v1::StreamExecutionsResponse, News) {
    let mut message = v1::StreamExecutionsResponse {
        durable_sequence: batch.durable.value(),
        caught_up: batch.caught_up,
        ..v1::StreamExecutionsResponse::default()
    };
    for row in &batch.rows {
        match row {
            PrivateRow::Execution(row) => {
                let report = to_proto::execution_report(tables, row);
                message.reports.push(report);
            }
            PrivateRow::Contract(row) => {
                let report = to_proto::contract_report(tables, row);
                message.contract_reports.push(report);
            }
        }
    }
    (message, News::of(batch.rows.is_empty()))
}

fn contracts(tables: &Tables, batch: &Batch) -> (v1::StreamContractsResponse, News) {
    let reports: Vec<_> = batch
        .rows
        .iter()
        .filter_map(|row| match row {
            PrivateRow::Execution(_) => None,
            PrivateRow::Contract(row) => Some(to_proto::contract_report(tables, row)),
        })
        .collect();
    let news = News::of(reports.is_empty());
    let message = v1::StreamContractsResponse {
        reports,
        durable_sequence: batch.durable.value(),
        caught_up: batch.caught_up,
        next_sequence: batch.next,
    };
    (message, news)
}
