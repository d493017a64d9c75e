//! `StreamTrades`: past trades and those that come, from the history; `GetTrade`: one of them.
//!
//! Invariant: trades come in the order of their commands, each once; what is read is what was
//! written, so past and live have no seam. Not here: trades inside the book stream (`fanout`).

use std::collections::HashSet;
use std::sync::Arc;

use engine::types::{InstrumentId, Sequence};
use proto::v1;
use tokio::sync::watch;
use tonic::Status;

use super::executions::read;
use super::follow::{Piece, Source, Speak, Then, follow};
use super::streams::Reader;
use crate::directory::Tables;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::fanout;
use crate::from_proto::{self, Fields, Prefix};
use crate::projector::rows::{Correction, TradeRow};
use crate::projector::{Ending, Progress, TradesPage, TradesQuery};
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
    let progress = history.watch();
    let tape = Tape {
        exchange: Arc::clone(exchange),
        instruments: Arc::new(instruments),
        next: (from, 0),
        seen: history.progress(),
        progress,
    };
    Ok(follow(exchange, tape, place))
}

/// A trade by its id, with what became of it.
///
/// # Errors
/// Malformed, not found, or the history cannot be read.
pub async fn get(
    exchange: &Exchange,
    request: &v1::GetTradeRequest,
) -> Result<v1::GetTradeResponse, Status> {
    let id = {
        let tables = exchange.directory.read();
        let mut fields = Fields::new(&tables, Prefix::None);
        let id = from_proto::trade(&mut fields, &request.trade_id);
        fields.finish(id)?
    };
    exchange.history.catch_up().await.map_err(Failure::from)?;
    let durable = exchange.history.watch().borrow().projected;
    let found = read(&exchange.history, move |history| history.trade_record(id)).await?;
    let unknown = || Failure::NotFound(Kind::Trade, request.trade_id.clone());
    let record = found.ok_or_else(unknown)?;
    let tables = exchange.directory.read();
    let changes = record.changes.iter().map(|row| trade(&tables, row));
    let executions = record.executions.iter();
    let executions = executions.map(|row| to_proto::execution_report(&tables, row));
    Ok(v1::GetTradeResponse {
        trade: Some(trade(&tables, &record.trade)),
        changes: changes.collect(),
        executions: executions.collect(),
        durable_sequence: durable.value(),
    })
}

/// One stream of trades.
struct Tape {
    exchange: Arc<Exchange>,
    instruments: Arc<HashSet<InstrumentId>>,
    /// The command and the event to go on with.
    next: (Sequence, u32),
    /// How far the projector was at the last look.
    seen: Progress,
    progress: watch::Receiver<Progress>,
}

impl Source for Tape {
    type Message = v1::StreamTradesResponse;

    fn place(&self) -> (&'static str, String) {
        ("from_engine_sequence", self.next.0.value().to_string())
    }

    fn look(&mut self) {
        self.seen = *self.progress.borrow_and_update();
    }

    async fn read(&mut self, speak: Speak) -> Result<Piece<Self::Message>, Status> {
        let page = self.page().await?;
        // Everything up to `seen` was looked at; what was written since may be among it too.
        let sent_to = page.trades.last().map_or(self.next, TradeRow::next_place);
        let looked_to = (self.seen.projected.next(), 0);
        self.next = page.next.unwrap_or(sent_to.max(looked_to));
        let news = !page.trades.is_empty() || speak == Speak::Always;
        let message = news.then(|| self.message(&page));
        let then = Then::after(page.next.as_ref(), self.seen.ending);
        Ok(Piece { message, then })
    }

    async fn more(&mut self) {
        let seen = self.seen;
        let goes_on = |now: &Progress| now.traded > seen.traded || now.ending != Ending::Running;
        let _ = self.progress.wait_for(goes_on).await;
    }
}

impl Tape {
    async fn page(&self) -> Result<TradesPage, Status> {
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

    fn message(&self, page: &TradesPage) -> v1::StreamTradesResponse {
        let tables = self.exchange.directory.read();
        let trades = page.trades.iter().map(|row| trade(&tables, row));
        v1::StreamTradesResponse {
            trades: trades.collect(),
            // Of the command to go on with some trades may have been sent, not all.
            durable_sequence: self.next.0.value().saturating_sub(1),
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
