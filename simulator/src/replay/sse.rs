//! A day of the Shanghai Stock Exchange: every order in, exactly the exchange's trades out.
//!
//! Invariant: what stands before a change of phase in the file is acknowledged before the change
//! is asked for, and the change before what stands behind it. Not here: the format, the desk.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use proto::v1::{Phase, TimeInForce};
use rust_decimal::Decimal;
use tokio::{sync::mpsc, time::Instant};

use super::{
    Listing, Progress, Replay, ReplayError, count,
    desk::{Desk, Watcher},
    limit, prepare, records,
};
use crate::{
    auditor::NamedTrade,
    formats::{
        FormatError,
        sse::{self, Action, Command, Trade},
    },
    report::Summary,
    setup::Operator,
};

/// Accounts of the day: the account of an order is its id modulo this.
const ACCOUNTS: u32 = 1_000;

/// Compares the trades made with those that were expected, in order.
pub struct Comparison {
    expected: Option<mpsc::Receiver<Result<Trade, FormatError>>>,
    compared: u64,
    error: Option<FormatError>,
}

impl Comparison {
    /// With the trades of a file; without one nothing is compared.
    pub fn with(expect: Option<PathBuf>) -> Self {
        Self {
            expected: expect.map(|path| records(move |take| sse::read_trades(&path, take))),
            compared: 0,
            error: None,
        }
    }

    fn next(&mut self) -> Option<Trade> {
        let expected = self.expected.as_mut()?;
        // The reader is faster than any exchange, so this hardly ever waits.
        let next = tokio::task::block_in_place(|| expected.blocking_recv())?;
        match next {
            Ok(trade) => Some(trade),
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    /// What is expected and was never made.
    fn finish(&mut self, summary: &mut Summary) -> Result<(), FormatError> {
        while let Some(trade) = self.next() {
            self.compared += 1;
            let number = self.compared;
            summary.mismatch(|| format!("trade {number}: expected {}, none came", words(&trade)));
        }
        self.error.take().map_or(Ok(()), Err)
    }
}

impl Watcher for Comparison {
    fn trade(&mut self, made: &NamedTrade, summary: &mut Summary) {
        if self.expected.is_none() {
            return;
        }
        self.compared += 1;
        let number = self.compared;
        let made = Trade {
            buy_id: made.buy,
            sell_id: made.sell,
            price_ticks: made.price_ticks,
            quantity: made.quantity_lots,
        };
        match self.next() {
            Some(expected) if expected == made => {}
            Some(expected) => summary.mismatch(|| {
                format!(
                    "trade {number}: expected {}, got {}",
                    words(&expected),
                    words(&made)
                )
            }),
            None => {
                let made = words(&made);
                summary.mismatch(|| format!("trade {number}: {made} was not expected"));
            }
        }
    }
}

fn words(trade: &Trade) -> String {
    format!(
        "{} bought {} of {} at {}.{:02}",
        trade.buy_id,
        trade.quantity,
        trade.sell_id,
        trade.price_ticks / 100,
        trade.price_ticks % 100
    )
}

/// Where the expected trades of `X.input.csv.xz` are looked for: `X.expected_trades.csv.xz`.
pub fn expected_beside(input: &Path) -> Option<PathBuf> {
    let name = input.file_name()?.to_str()?;
    let (stem, tail) = name.split_once(".input.")?;
    let path = input.with_file_name(format!("{stem}.expected_trades.{tail}"));
    path.exists().then_some(path)
}

/// Where in the day the replay is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    OpeningCall,
    Continuous,
    ClosingCall,
    Over,
}

impl Part {
    /// The part that a line begins, and the phase to set for it.
    fn after(self, command: &Command) -> Result<Option<(Self, Phase)>, String> {
        let uncross = command.action == Action::Uncross;
        match (self, uncross, command.phase) {
            (Self::OpeningCall, true, _) => Ok(Some((Self::Continuous, Phase::Continuous))),
            (Self::Continuous, false, sse::Phase::Call) => {
                Ok(Some((Self::ClosingCall, Phase::ClosingCall)))
            }
            (Self::ClosingCall, true, _) => Ok(Some((Self::Over, Phase::PostClose))),
            (Self::OpeningCall | Self::ClosingCall, false, sse::Phase::Call)
            | (Self::Continuous, false, sse::Phase::Continuous) => Ok(None),
            _ => Err(format!("{command:?} cannot come in {self:?}")),
        }
    }
}

/// Replays a day.
pub async fn run(replay: Replay, summary: Summary) -> (Summary, Result<(), ReplayError>) {
    let listing = Listing {
        name: "Shanghai replay",
        currency: "CNY",
        unit: "share",
        tick: Decimal::new(1, 2),
        price_decimals: 2,
        accounts: ACCOUNTS,
        depth: 1,
    };
    let (operator, venue, terms, staked) = match prepare(&replay, &listing).await {
        Ok(prepared) => prepared,
        Err(error) => return (summary, Err(error.into())),
    };
    let expect = replay
        .expect
        .clone()
        .or_else(|| expected_beside(&replay.input));
    let start = Instant::now();
    let mut desk = Desk::open(
        replay.connection.clone(),
        replay.run.clone(),
        terms,
        summary,
        Comparison::with(expect),
    );
    let mut day = Day {
        operator,
        venue,
        part: Part::OpeningCall,
        phases: 0,
        start,
    };
    let ended = day.play(&mut desk, &replay).await;
    let seconds = start.elapsed().as_secs_f64();
    let ended = count(ended, &staked, &replay, &mut desk.summary).await;
    (desk.close(seconds), ended)
}

struct Day {
    operator: Operator,
    venue: String,
    part: Part,
    phases: u32,
    start: Instant,
}

impl Day {
    async fn play(
        &mut self,
        desk: &mut Desk<Comparison>,
        replay: &Replay,
    ) -> Result<(), ReplayError> {
        let input = replay.input.clone();
        let mut commands = records(move |take| sse::read_commands(&input, take));
        self.set_phase(desk, Phase::PreOpen).await?;
        let progress = Progress::new();
        let (mut index, mut first_ms) = (0u64, None);
        let mut gate = replay.gate.clone();
        while let Some(command) = commands.recv().await {
            let command = command?;
            let began = *first_ms.get_or_insert(command.time_ms);
            let recorded = Duration::from_millis(u64::from(command.time_ms.saturating_sub(began)));
            if let Some(gate) = &mut gate {
                desk.admit(gate, index).await?;
            }
            self.one(desk, &command, replay.pace.due(self.start, index, recorded))
                .await?;
            index += 1;
            progress.show(&desk.summary);
        }
        if self.part != Part::Over {
            return Err(ReplayError::Day(
                "the day ends before its last auction".to_owned(),
            ));
        }
        desk.settle().await?;
        desk.finish(Comparison::finish)?;
        Ok(())
    }

    async fn one(
        &mut self,
        desk: &mut Desk<Comparison>,
        command: &Command,
        due: Option<Instant>,
    ) -> Result<(), ReplayError> {
        if let Some(due) = due {
            desk.pace(due).await?;
        }
        if let Some((part, phase)) = self.part.after(command).map_err(ReplayError::Day)? {
            self.part = part;
            self.set_phase(desk, phase).await?;
        }
        let intended = due.unwrap_or_else(Instant::now);
        match command.action {
            Action::Uncross => {}
            Action::Cancel { order_id } => {
                desk.cancel(order_id, intended).await?;
            }
            Action::New {
                order_id,
                side,
                price_ticks,
                quantity,
            } => {
                let account = (order_id % u64::from(ACCOUNTS)) as u32;
                let order = limit(side, price_ticks, quantity, TimeInForce::Day);
                desk.submit(order_id, account, order, intended).await?;
            }
        }
        Ok(())
    }

    async fn set_phase(
        &mut self,
        desk: &mut Desk<Comparison>,
        phase: Phase,
    ) -> Result<(), ReplayError> {
        desk.drain().await?;
        self.phases += 1;
        let sequence = self
            .operator
            .set_phase(&self.venue, phase, self.phases)
            .await?;
        desk.note(sequence);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(action: Action, phase: sse::Phase) -> Command {
        Command {
            time_ms: 0,
            action,
            phase,
        }
    }

    #[test]
    fn the_lines_of_a_day_drive_its_phases() {
        let cancel = Action::Cancel { order_id: 1 };
        let lines = [
            (cancel, sse::Phase::Call, None),
            (Action::Uncross, sse::Phase::Call, Some(Phase::Continuous)),
            (cancel, sse::Phase::Continuous, None),
            (cancel, sse::Phase::Call, Some(Phase::ClosingCall)),
            (cancel, sse::Phase::Call, None),
            (Action::Uncross, sse::Phase::Call, Some(Phase::PostClose)),
        ];
        let mut part = Part::OpeningCall;
        for (action, phase, expected) in lines {
            let next = part.after(&line(action, phase)).unwrap();
            assert_eq!(next.map(|(_, phase)| phase), expected);
            part = next.map_or(part, |(part, _)| part);
        }
        assert!(part.after(&line(cancel, sse::Phase::Call)).is_err());
    }
}
