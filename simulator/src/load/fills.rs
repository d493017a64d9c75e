//! Learns from the participants' streams which resting orders of a load are gone, so that the load
//! cancels few orders that traded long ago.
//!
//! Invariant: only a help; a message that finds no room is left out, and the order's cancel is then
//! rejected and counted. Not here: any figure of the run.

use std::collections::BTreeSet;

use proto::v1::{ExecutionReport, StreamExecutionsResponse};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    auditor::has_ended,
    client::{connect::Connection, executions},
};

/// Loads above this many commands a second do not follow: it would double the gateway's work.
pub const FOLLOW_RATE_MAX: f64 = 5_000.0;
/// Orders that wait to be taken off one connection's list.
const ENDED_MAX: usize = 4_096;
/// First reports that wait for their participant to be followed.
const FIRSTS_MAX: usize = 256;
/// Messages of one stream under way.
const STREAM_MAX: usize = 16;

/// How an order that ended is known to its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// By the token in its client_order_id.
    Token(u64),
    /// By its number in the session.
    Number(u64),
}

/// A connection's end of the streams.
pub struct Fills {
    /// Orders that ended.
    pub ended: mpsc::Receiver<Ended>,
    firsts: Option<mpsc::Sender<(String, u64)>>,
    told: BTreeSet<String>,
}

impl Fills {
    /// Tells from which report on a participant is worth following; only the first counts.
    pub fn first(&mut self, participant: &str, sequence: u64) {
        let Some(firsts) = &self.firsts else {
            return;
        };
        if sequence > 0
            && !self.told.contains(participant)
            && firsts.try_send((participant.to_owned(), sequence)).is_ok()
        {
            self.told.insert(participant.to_owned());
        }
    }
}

/// Starts following for so many connections of a run; `enabled` is false where nobody should.
pub fn start(connection: &Connection, run: &str, connections: u64, rate: f64) -> Vec<Fills> {
    let (firsts, seen) = mpsc::channel(FIRSTS_MAX);
    let enabled = rate <= FOLLOW_RATE_MAX;
    let mut ends = Vec::new();
    let mut fills = Vec::new();
    for _ in 0..connections {
        let (out, ended) = mpsc::channel(ENDED_MAX);
        ends.push(out);
        fills.push(Fills {
            ended,
            firsts: enabled.then(|| firsts.clone()),
            told: BTreeSet::new(),
        });
    }
    // Without a task the ends would be dropped and every connection would see a closed channel.
    tokio::spawn(follow_all(
        connection.clone(),
        format!("{run}-"),
        ends,
        seen,
    ));
    fills
}

async fn follow_all(
    connection: Connection,
    prefix: String,
    ends: Vec<mpsc::Sender<Ended>>,
    mut firsts: mpsc::Receiver<(String, u64)>,
) {
    let (out, mut messages) = mpsc::channel::<StreamExecutionsResponse>(STREAM_MAX);
    let mut followed = BTreeSet::new();
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            first = firsts.recv() => match first {
                Some((participant, sequence)) => {
                    if followed.insert(participant.clone()) {
                        let (connection, out) = (connection.clone(), out.clone());
                        streams.spawn(executions::follow(connection, participant, sequence, out));
                    }
                }
                None => return,
            },
            Some(message) = messages.recv() => {
                for report in &message.reports {
                    route(report, &prefix, &ends);
                }
            }
        }
    }
}

fn route(report: &ExecutionReport, prefix: &str, ends: &[mpsc::Sender<Ended>]) {
    if !has_ended(report.order_status()) {
        return;
    }
    let Some((connection, ended)) = origin(report, prefix) else {
        return;
    };
    if let Some(out) = usize::try_from(connection).ok().and_then(|at| ends.get(at)) {
        // See the file's head: what finds no room is left out.
        let _left_out = out.try_send(ended);
    }
}

/// Which connection of the run an order came by, and how it is known there.
fn origin(report: &ExecutionReport, prefix: &str) -> Option<(u64, Ended)> {
    if !report.session_id.is_empty() {
        let connection = report.session_id.strip_prefix(prefix)?.strip_prefix('s')?;
        return Some((
            connection.parse().ok()?,
            Ended::Number(report.client_sequence),
        ));
    }
    let id = if report.orig_client_order_id.is_empty() {
        &report.client_order_id
    } else {
        &report.orig_client_order_id
    };
    let (connection, token) = id.strip_prefix(prefix)?.split_once('-')?;
    Some((
        connection.parse().ok()?,
        Ended::Token(u64::from_str_radix(token, 16).ok()?),
    ))
}

/// The client_order_id of a command of a connection.
pub fn client_order_id(run: &str, connection: u64, id: u64) -> String {
    format!("{run}-{connection}-{id:x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_finds_its_connection_again() {
        let mut report = ExecutionReport {
            client_order_id: client_order_id("run", 3, 500),
            ..ExecutionReport::default()
        };
        assert_eq!(origin(&report, "run-"), Some((3, Ended::Token(500))));
        assert_eq!(origin(&report, "other-"), None);
        report.session_id = "run-s12".to_owned();
        report.client_sequence = 9;
        assert_eq!(origin(&report, "run-"), Some((12, Ended::Number(9))));
    }
}
