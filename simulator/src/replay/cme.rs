//! A CME market-by-order day: its snapshot is entered, its events are sent, its trades compared.
//!
//! Invariant: a fill names what traded; the cancel or change of the same order that follows it is
//! that trade's echo, and only what it says beyond the trade is sent. Not here: implied orders and
//! hidden sizes, which no file shows.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use proto::v1::{Phase, TimeInForce};
use rust_decimal::Decimal;
use tokio::time::Instant;

use super::{
    Listing, Progress, Replay, ReplayError, count,
    desk::{Change, Desk, DeskError, Watcher},
    limit, prepare,
    queue_book::{QueueBook, Resting},
    records,
};
use crate::{
    auditor::NamedTrade,
    formats::{
        cme::{self, Action, Event},
        sse::Side,
    },
    report::Summary,
};

/// Billionths of a point in the smallest step of the E-mini S&P 500: a quarter.
const TICK_1E9: i64 = 250_000_000;

/// A trade that the file reports, not yet seen from the exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Expected {
    price_ticks: i64,
    size: i64,
    resting: u64,
}

/// Compares the trades: price and size exactly; which order rested is counted.
#[derive(Default)]
struct Fills {
    expected: VecDeque<Expected>,
    other_resting: u64,
}

impl Watcher for Fills {
    fn trade(&mut self, made: &NamedTrade, summary: &mut Summary) {
        let Some(expected) = self.expected.pop_front() else {
            summary.mismatch(|| format!("{made:?} was not expected"));
            return;
        };
        if (made.price_ticks, made.quantity_lots) != (expected.price_ticks, expected.size) {
            summary.mismatch(|| format!("expected {expected:?}, got {made:?}"));
        }
        if made.buy != expected.resting && made.sell != expected.resting {
            self.other_resting += 1;
        }
    }
}

/// Replays a day.
pub async fn run(replay: Replay, summary: Summary) -> (Summary, Result<(), ReplayError>) {
    let listing = Listing {
        name: "CME replay",
        currency: "USD",
        unit: "contract",
        tick: Decimal::new(25, 2),
        price_decimals: 2,
        accounts: 1,
        depth: 1,
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
        Fills::default(),
    );
    let ended = match operator.set_phase(&venue, Phase::Continuous, 1).await {
        Ok(sequence) => {
            desk.note(sequence);
            let mut day = Day::default();
            day.play(&mut desk, &replay, start).await
        }
        Err(error) => Err(error.into()),
    };
    let seconds = start.elapsed().as_secs_f64();
    let ended = count(ended, &staked, &replay, &mut desk.summary).await;
    (desk.close(seconds), ended)
}

/// What the file says rests, and which fills have no echo yet; an order's name is kept until its
/// last echo.
#[derive(Default)]
struct Day {
    book: QueueBook,
    filled: HashMap<u64, i64>,
    names: HashMap<u64, u64>,
    aggressor: u64,
    steps: u64,
}

impl Day {
    async fn play(
        &mut self,
        desk: &mut Desk<Fills>,
        replay: &Replay,
        start: Instant,
    ) -> Result<(), ReplayError> {
        let input = replay.input.clone();
        let mut events = records(move |take| cme::read(&input, |event| take(*event)));
        let progress = Progress::new();
        let (mut index, mut began) = (0u64, None);
        while let Some(event) = events.recv().await {
            let event = event?;
            // A snapshot bears the times at which its orders were made: it is sent at once.
            let due = if event.is_snapshot() {
                None
            } else {
                let began = *began.get_or_insert(event.time_ns);
                let recorded = Duration::from_nanos(event.time_ns.saturating_sub(began));
                replay.pace.due(start, index, recorded)
            };
            if let Some(due) = due {
                desk.pace(due).await?;
            }
            self.one(desk, &event, due.unwrap_or_else(Instant::now))
                .await?;
            index += 1;
            progress.show(&desk.summary);
        }
        desk.settle().await?;
        desk.finish(|fills, summary| {
            for expected in std::mem::take(&mut fills.expected) {
                summary.mismatch(|| format!("expected {expected:?}, none came"));
            }
            let other = fills.other_resting;
            summary
                .extra
                .insert("trades_with_another_resting_order".to_owned(), other);
        });
        Ok(())
    }

    async fn one(
        &mut self,
        desk: &mut Desk<Fills>,
        event: &Event,
        intended: Instant,
    ) -> Result<(), ReplayError> {
        if event.action == Action::Clear {
            return Ok(());
        }
        let Some(side) = event.side else {
            return Err(ReplayError::Day(format!("{event:?} has no side")));
        };
        if event.price % TICK_1E9 != 0 {
            return Err(ReplayError::Day(format!("{event:?} is off the tick")));
        }
        let price = event.price / TICK_1E9;
        match event.action {
            Action::Clear => {}
            Action::Add => self.add(desk, event, (side, price), intended).await?,
            Action::Cancel => self.cancel(desk, event, intended).await?,
            Action::Modify => self.modify(desk, event, (side, price), intended).await?,
            Action::Trade => {
                self.aggressor = event.order_id;
                let name = self.book.new_name();
                self.book.take(side, price, event.size);
                let order = limit(side, price, event.size, TimeInForce::Ioc);
                desk.submit(name, 0, order, intended).await?;
            }
            Action::Fill if event.order_id == self.aggressor => {}
            Action::Fill => {
                *self.filled.entry(event.order_id).or_insert(0) += event.size;
                let resting = self.names.get(&event.order_id).copied().unwrap_or(0);
                desk.finish(|fills, _| {
                    fills.expected.push_back(Expected {
                        price_ticks: price,
                        size: event.size,
                        resting,
                    });
                });
            }
        }
        Ok(())
    }

    async fn add(
        &mut self,
        desk: &mut Desk<Fills>,
        event: &Event,
        (side, price): (Side, i64),
        intended: Instant,
    ) -> Result<(), DeskError> {
        let name = self.book.new_name();
        let left = self.book.take(side, price, event.size);
        let order = limit(side, price, event.size, TimeInForce::Gtc);
        desk.submit(name, 0, order, intended).await?;
        self.names.insert(event.order_id, name);
        if left > 0 {
            let order = Resting {
                id: Some(event.order_id),
                side,
                price,
                left,
                whole: event.size,
            };
            self.book.rest(name, order);
        }
        Ok(())
    }

    async fn cancel(
        &mut self,
        desk: &mut Desk<Fills>,
        event: &Event,
        intended: Instant,
    ) -> Result<(), DeskError> {
        let echo = self.filled.remove(&event.order_id).unwrap_or(0);
        let size = event.size - echo.min(event.size);
        let Some(name) = self.book.by_id(event.order_id) else {
            self.names.remove(&event.order_id);
            return Ok(());
        };
        if size > 0 {
            match self.book.reduce(name, size) {
                Some(order) if order.left > 0 => {
                    self.change(desk, name, (None, order.whole), intended)
                        .await?;
                }
                _ => {
                    self.names.remove(&event.order_id);
                    desk.cancel(name, intended).await?;
                }
            }
        }
        Ok(())
    }

    async fn modify(
        &mut self,
        desk: &mut Desk<Fills>,
        event: &Event,
        (side, price): (Side, i64),
        intended: Instant,
    ) -> Result<(), DeskError> {
        self.filled.remove(&event.order_id);
        let found = self.book.by_id(event.order_id);
        let Some((name, order)) = found.and_then(|name| Some((name, *self.book.order(name)?)))
        else {
            return self.add(desk, event, (side, price), intended).await;
        };
        if order.price == price && order.left == event.size {
            return Ok(());
        }
        if order.price == price && event.size < order.left {
            self.book.reduce(name, order.left - event.size);
            let whole = order.whole - (order.left - event.size);
            return self.change(desk, name, (None, whole), intended).await;
        }
        self.book.remove(name);
        let whole = order.whole - order.left + event.size;
        let left = self.book.take(side, price, event.size);
        self.change(desk, name, (Some(price), whole), intended)
            .await?;
        if left > 0 {
            let moved = Resting {
                price,
                left,
                whole,
                ..order
            };
            self.book.rest(name, moved);
        }
        Ok(())
    }

    async fn change(
        &mut self,
        desk: &mut Desk<Fills>,
        name: u64,
        (price_ticks, quantity_lots): (Option<i64>, i64),
        intended: Instant,
    ) -> Result<(), DeskError> {
        self.steps += 1;
        let change = Change {
            price_ticks,
            quantity_lots,
            step: self.steps,
        };
        desk.replace(name, change, intended).await?;
        Ok(())
    }
}
