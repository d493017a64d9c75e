//! A LOBSTER day: by order name inside this process, or really matched by a gateway.
//!
//! Invariant: the exchange's book, kept from its market data, is compared with every row of the
//! file at the last command that the row's message made. Not here: the rule of the file
//! (`named_book`), and any repair of the exchange's book from a row.

use std::{collections::VecDeque, time::Duration};

use proto::v1::{Phase, TimeInForce};
use rust_decimal::Decimal;
use tokio::time::Instant;

use super::{
    Listing, Progress, Replay, ReplayError, count,
    desk::{Change, Desk, DeskError, Watcher},
    limit,
    named_book::{self, Executions, Move, NamedBook},
    prepare, records,
};
use crate::{
    client::market::BookUpdate,
    formats::lobster::{self, Level, Message, Row},
    report::Summary,
};

/// Rows that wait for the exchange's book, at most.
const ROWS_WAITING_MAX: usize = 32_768;
/// Rows that must agree, of a hundred: executions follow price and time in 99.6 % of the sample.
const AGREE_PERCENT: u64 = 99;
/// Heartbeats without anything else after which the market data has told everything.
const QUIET: u32 = 2;

/// Replays by order name in this process: every row must agree.
pub fn run_named(replay: &Replay, mut summary: Summary) -> (Summary, Result<(), ReplayError>) {
    let start = Instant::now();
    let found = match named_book::compare(&replay.input, Executions::Named) {
        Ok(found) => found,
        Err(error) => return (summary, Err(error.into())),
    };
    summary.seconds = start.elapsed().as_secs_f64();
    summary.mismatches = found.different;
    if let Some(row) = found.first_different {
        summary
            .first_mismatches
            .push(format!("row {row} is the first that differs"));
    }
    for (what, count) in [
        ("rows", found.rows),
        ("rows_different", found.different),
        ("levels_revealed", found.revealed),
        ("messages_of_unknown_orders", found.unknown),
    ] {
        summary.extra.insert(what.to_owned(), count);
    }
    (summary, Ok(()))
}

/// A row that waits for the exchange's book.
struct Waiting {
    row: u64,
    number: u64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

/// Compares rows with the exchange's book.
#[derive(Default)]
struct Rows {
    waiting: VecDeque<Waiting>,
    answered: VecDeque<(u64, u64)>,
    updates: VecDeque<BookUpdate>,
    bids: Vec<Level>,
    asks: Vec<Level>,
    quiet: u32,
    compared: u64,
    different: u64,
    first: Option<String>,
}

impl Rows {
    /// Compares what can be compared: a row once the book has moved past its last command.
    fn advance(&mut self) {
        while let Some(waiting) = self.waiting.front() {
            while self
                .answered
                .front()
                .is_some_and(|(number, _)| *number < waiting.number)
            {
                self.answered.pop_front();
            }
            let Some((number, sequence)) = self.answered.front().copied() else {
                return;
            };
            if number != waiting.number {
                return;
            }
            match self.updates.front() {
                Some(update) if update.engine_sequence <= sequence => {
                    if let Some(update) = self.updates.pop_front() {
                        (self.bids, self.asks) = (update.bids, update.asks);
                    }
                }
                Some(_) => self.compare(),
                None if self.quiet >= QUIET => self.compare(),
                None => return,
            }
        }
    }

    fn compare(&mut self) {
        let Some(row) = self.waiting.pop_front() else {
            return;
        };
        self.compared += 1;
        if row.bids == self.bids && row.asks == self.asks {
            return;
        }
        self.different += 1;
        if self.first.is_none() {
            self.first = Some(format!(
                "row {}: the file has bids {:?} asks {:?}, the exchange bids {:?} asks {:?}",
                row.row, row.bids, row.asks, self.bids, self.asks
            ));
        }
    }

    fn finish(&mut self, summary: &mut Summary) {
        // What never met a book differs.
        self.different += self.waiting.len() as u64;
        self.compared += self.waiting.len() as u64;
        self.waiting.clear();
        let agree = self.compared - self.different;
        if agree * 100 < self.compared * AGREE_PERCENT {
            let compared = self.compared;
            summary.mismatch(|| format!("only {agree} of {compared} rows agree"));
        }
        if let Some(first) = self.first.take() {
            summary.notes.push(format!("first difference: {first}"));
        }
        summary.extra.insert("rows".to_owned(), self.compared);
        summary
            .extra
            .insert("rows_different".to_owned(), self.different);
    }
}

impl Watcher for Rows {
    fn book(&mut self, update: BookUpdate, _summary: &mut Summary) {
        if update.heartbeat {
            self.quiet += 1;
        } else {
            self.quiet = 0;
            self.updates.push_back(update);
        }
        self.advance();
    }

    fn answered(&mut self, number: u64, engine_sequence: u64, _summary: &mut Summary) {
        self.quiet = 0;
        self.answered.push_back((number, engine_sequence));
        self.advance();
    }
}

/// Sends a day to be matched, and compares the exchange's book with every row.
pub async fn run_matched(replay: Replay, summary: Summary) -> (Summary, Result<(), ReplayError>) {
    let (depth, input) = (first_depth(&replay), replay.input.clone());
    let depth = match depth {
        Ok(depth) => depth,
        Err(error) => return (summary, Err(error)),
    };
    let listing = Listing {
        name: "LOBSTER replay",
        currency: "USD",
        unit: "share",
        tick: Decimal::new(1, 4),
        price_decimals: 4,
        accounts: 1,
        depth,
    };
    let (operator, venue, terms, staked) = match prepare(&replay, &listing).await {
        Ok(prepared) => prepared,
        Err(error) => return (summary, Err(error.into())),
    };
    let start = Instant::now();
    let mut desk = Desk::open(
        replay.connection.clone(),
        replay.run.clone(),
        terms,
        summary,
        Rows::default(),
    );
    let ended = match operator.set_phase(&venue, Phase::Continuous, 1).await {
        Ok(sequence) => {
            desk.note(sequence);
            let lines = records(move |take| {
                lobster::read(&input, |message, row| take((*message, row.clone())))
            });
            play(&mut desk, &replay, lines, start).await
        }
        Err(error) => Err(error.into()),
    };
    let seconds = start.elapsed().as_secs_f64();
    let ended = count(ended, &staked, &replay, &mut desk.summary).await;
    (desk.close(seconds), ended)
}

/// Levels a side of the file.
fn first_depth(replay: &Replay) -> Result<usize, ReplayError> {
    let mut depth = 0;
    let read = lobster::read(&replay.input, |_, row| {
        depth = row.depth;
        crate::formats::Next::Stop
    });
    match read {
        Ok(()) | Err(crate::formats::FormatError::Stopped) => Ok(depth),
        Err(error) => Err(error.into()),
    }
}

type Lines = tokio::sync::mpsc::Receiver<Result<(Message, Row), crate::formats::FormatError>>;

async fn play(
    desk: &mut Desk<Rows>,
    replay: &Replay,
    mut lines: Lines,
    start: Instant,
) -> Result<(), ReplayError> {
    let progress = Progress::new();
    let mut day: Option<(NamedBook, u64)> = None;
    let (mut index, mut last_number) = (0u64, 0);
    let mut moves = Vec::new();
    while let Some(line) = lines.recv().await {
        let (message, row) = line?;
        moves.clear();
        let began = match &mut day {
            None => {
                let (book, seed) = NamedBook::seed(&row, Executions::Matched);
                day = Some((book, message.time_ns));
                moves = seed;
                message.time_ns
            }
            Some((book, began)) => {
                book.apply(&message, &row, &mut moves);
                *began
            }
        };
        let recorded = Duration::from_nanos(message.time_ns.saturating_sub(began));
        let due = replay.pace.due(start, index, recorded);
        if let Some(due) = due {
            desk.pace(due).await?;
        }
        for one in moves.drain(..) {
            let sent = send(desk, one, due.unwrap_or_else(Instant::now)).await?;
            last_number = sent.unwrap_or(last_number);
        }
        if index > 0 {
            expect(desk, index, last_number, row).await?;
        }
        index += 1;
        progress.show(&desk.summary);
    }
    desk.settle().await?;
    desk.wait_for(|rows| rows.waiting.is_empty() || rows.quiet >= QUIET)
        .await?;
    desk.finish(|rows, summary| {
        rows.advance();
        rows.finish(summary);
    });
    if let Some((book, _)) = day {
        let extra = &mut desk.summary.extra;
        extra.insert("levels_revealed".to_owned(), book.revealed);
        extra.insert("messages_of_unknown_orders".to_owned(), book.unknown);
    }
    Ok(())
}

async fn expect(
    desk: &mut Desk<Rows>,
    row: u64,
    number: u64,
    levels: Row,
) -> Result<(), DeskError> {
    desk.finish(|rows, _| {
        rows.waiting.push_back(Waiting {
            row,
            number,
            bids: levels.bids,
            asks: levels.asks,
        });
    });
    desk.wait_for(|rows| rows.waiting.len() < ROWS_WAITING_MAX || rows.quiet >= QUIET)
        .await
}

/// Sends one move; the number of its command, where it is one of the session.
async fn send(
    desk: &mut Desk<Rows>,
    one: Move,
    intended: Instant,
) -> Result<Option<u64>, DeskError> {
    match one {
        Move::Add {
            name,
            side,
            price,
            size,
        } => {
            let order = limit(side, price, size, TimeInForce::Gtc);
            desk.submit(name, 0, order, intended).await.map(Some)
        }
        Move::Take {
            name,
            side,
            price,
            size,
        } => {
            let order = limit(side, price, size, TimeInForce::Ioc);
            desk.submit(name, 0, order, intended).await.map(Some)
        }
        Move::Cancel { name } => desk.cancel(name, intended).await,
        Move::Shrink { name, whole } => {
            let change = Change {
                price_ticks: None,
                quantity_lots: whole,
                step: whole.unsigned_abs(),
            };
            desk.replace(name, change, intended).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(engine_sequence: u64, bid: i64, heartbeat: bool) -> BookUpdate {
        BookUpdate {
            engine_sequence,
            bids: vec![(bid, 1)],
            asks: Vec::new(),
            heartbeat,
            fault: None,
        }
    }

    fn waiting(row: u64, number: u64, bid: i64) -> Waiting {
        Waiting {
            row,
            number,
            bids: vec![(bid, 1)],
            asks: Vec::new(),
        }
    }

    #[test]
    fn a_row_is_compared_with_the_book_after_its_last_command() {
        let (mut rows, mut summary) = (Rows::default(), Summary::new("replay lobster", "r"));
        rows.waiting.push_back(waiting(1, 5, 100));
        rows.waiting.push_back(waiting(2, 6, 102));
        rows.book(update(40, 99, false), &mut summary);
        rows.book(update(41, 100, false), &mut summary);
        rows.answered(5, 41, &mut summary);
        assert_eq!(rows.compared, 0, "the book may still move at 41");
        rows.answered(6, 42, &mut summary);
        rows.book(update(42, 101, false), &mut summary);
        assert_eq!((rows.compared, rows.different), (1, 0));
        rows.book(update(42, 101, true), &mut summary);
        rows.book(update(42, 101, true), &mut summary);
        assert_eq!((rows.compared, rows.different), (2, 1));
        rows.finish(&mut summary);
        assert_eq!(summary.mismatches, 1, "half of the rows is below 99 %");
        assert!(
            summary
                .notes
                .first()
                .is_some_and(|note| note.contains("row 2"))
        );
    }
}
