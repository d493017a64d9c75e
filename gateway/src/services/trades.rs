//! `StreamTrades`: past trades and those that come, from the history.
//!
//! Invariant: trades come in the order of their commands, each once; what is read is what was
//! written, so past and live have no seam. Not here: trades inside the book stream (`fanout`).

use std::collections::HashSet;
use std::sync::Arc;

use engine::types::{InstrumentId, Sequence};
use proto::v1;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tonic::Status;

use super::executions::read;
use super::streams::{self, Cut, Reader, SILENCE_MAX, Writer};
use crate::directory::Tables;
use crate::errors::Failure;
use crate::exchange::Exchange;
use crate::fanout;
use crate::projector::rows::{Correction, TradeRow};
use crate::projector::{Ending, TradesPage, TradesQuery};
use crate::to_proto;

/// The most trades of one message.
pub const TRADES_MAX: usize = 256;

/// Trades, then why they end.
pub type TradesStream = Reader<v1::StreamTradesResponse>;

/// The trades of these instruments (none: of all) from a command on; 0 is from now.
///
/// # Errors
/// Too many streams.
pub fn stream(
    exchange: &Arc<Exchange>,
    instruments: HashSet<InstrumentId>,
    from: u64,
) -> Result<TradesStream, Failure> {
    let history = &exchange.history;
    let busy = Failure::Busy("as many streams of trades and reports are open as may be");
    let place = history.stream_place().ok_or(busy)?;
    let from = match from {
        0 => history.fed().next(),
        from => Sequence::new(from),
    };
    let (writer, reader) = streams::stream();
    let tape = Tape {
        exchange: Arc::clone(exchange),
        instruments: Arc::new(instruments),
        next: (from, 0),
        _place: place,
    };
    tokio::spawn(tape.run(writer));
    Ok(reader)
}

/// One stream of trades.
struct Tape {
    exchange: Arc<Exchange>,
    instruments: Arc<HashSet<InstrumentId>>,
    /// The command and the event to go on with.
    next: (Sequence, u32),
    _place: OwnedSemaphorePermit,
}

impl Tape {
    async fn run(mut self, writer: Writer<v1::StreamTradesResponse>) {
        let mut shutdown = self.exchange.shutdown.clone();
        let ended = tokio::select! {
            ended = self.follow(&writer) => ended,
            () = writer.gone() => return,
            () = streams::stopping(&mut shutdown) => streams::stopped(),
        };
        writer.end(ended);
    }

    async fn follow(&mut self, writer: &Writer<v1::StreamTradesResponse>) -> Status {
        let history = self.exchange.history.clone();
        let mut progress = history.watch();
        let mut silent_since = None;
        let mut taken = self.next;
        loop {
            // Nothing is read for a consumer that has not taken what was read before.
            match writer.room().await {
                Ok(()) => taken = self.next,
                Err(Cut::Gone) => return streams::stopped(),
                Err(Cut::Stalled) => {
                    return streams::stalled("from_engine_sequence", &taken.0.value().to_string());
                }
            }
            // Seen before the rows are read: what is written in between wakes again.
            let seen = *progress.borrow_and_update();
            let page = match self.read().await {
                Ok(page) => page,
                Err(status) => return status,
            };
            let more = page.next.is_some();
            // Everything up to `seen` was looked at; what was written since may be among it too.
            let sent_to = page.trades.last().map_or(self.next, TradeRow::next_place);
            let after = page.next.unwrap_or(sent_to.max((seen.projected.next(), 0)));
            let silent = silent_since.is_some_and(|since: Instant| since.elapsed() < SILENCE_MAX);
            if !page.trades.is_empty() || !silent {
                writer.put(self.message(&page, after));
                silent_since = Some(Instant::now());
            }
            self.next = after;
            if more {
                continue;
            }
            if seen.ending != Ending::Running {
                return streams::stopped();
            }
            let due = silent_since.map_or_else(Instant::now, |since| since + SILENCE_MAX);
            let goes_on = |now: &crate::projector::Progress| {
                now.traded > seen.traded || now.ending != Ending::Running
            };
            tokio::select! {
                _ = progress.wait_for(goes_on) => {}
                () = tokio::time::sleep_until(due) => silent_since = None,
            }
        }
    }

    async fn read(&self) -> Result<TradesPage, Status> {
        let instruments = Arc::clone(&self.instruments);
        let from = self.next;
        read(&self.exchange.history, move |history| {
            history.trades(&TradesQuery {
                instruments: &instruments,
                from,
                limit: TRADES_MAX,
            })
        })
        .await
    }

    fn message(&self, page: &TradesPage, after: (Sequence, u32)) -> v1::StreamTradesResponse {
        let tables = self.exchange.directory.read();
        let trades = page.trades.iter().map(|row| trade(&tables, row));
        v1::StreamTradesResponse {
            trades: trades.collect(),
            // Of the command to go on with some trades may have been sent, not all.
            durable_sequence: after.0.value().saturating_sub(1),
        }
    }
}

fn trade(tables: &Tables, row: &TradeRow) -> v1::Trade {
    let id = to_proto::trade_id_text(row.id());
    let action = match row.corrects {
        None => v1::TradeAction::New,
        Some((Correction::Correct, _)) => v1::TradeAction::Correct,
        Some((Correction::Bust, _)) => v1::TradeAction::Cancel,
    };
    let mut wire = v1::Trade {
        instrument_id: to_proto::instrument_name(tables, row.instrument),
        trade_id: id.clone(),
        match_id: id,
        price_ticks: row.price.ticks(),
        quantity_lots: row.quantity.lots(),
        aggressor_side: fanout::aggressor(row.aggressor).into(),
        engine_sequence: row.trade.sequence,
        time: Some(to_proto::timestamp(row.time)),
        demonstration: tables.is_demonstration(row.instrument),
        action: action.into(),
        ..v1::Trade::default()
    };
    if let Some(entry) = tables.instrument(row.instrument) {
        wire.price = to_proto::price_text(&entry.terms, row.price);
        wire.quantity = to_proto::quantity_text(&entry.terms, row.quantity);
    }
    wire
}
