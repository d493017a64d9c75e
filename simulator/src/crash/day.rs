//! The day that a crash run replays: a recorded one, or a seeded one whose trades the engine
//! computes in this process.
//!
//! Invariant: a seeded day is the same for a seed on every machine; it is written in the recorded
//! format, so both are replayed and compared by the same code. Not here: the replay
//! (`replay::sse`).

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use engine::{
    command::{
        Body, CancelOrder, Command, CreateAccount, CreateInstrument, CreateOwner,
        CreateParticipant, CreateVenue, Demonstration, Envelope, Identity, InstrumentTerms,
        Sequenced, SetPhase,
    },
    engine::Engine,
    event::{Event, Events, ExecType, OrderReport},
    limits::Limits,
    types::{
        AccountId, InstrumentId, LimitTerms, Name, NewOrder, OrderId, OrderType, OwnerId,
        ParticipantId, Posting, Price, PriceSign, PrincipalId, Quantity, SelfTradePrevention, Side,
        Time, TimeInForce, Title, VenueId,
    },
    venue::{Model, Phase, Regime},
};

use crate::{
    formats::{FormatError, Next, sse},
    replay::sse::expected_beside,
    workload::rng::Rng,
};

/// Accounts of a seeded day; the replay trades with more, and self-trades are free in both.
const ACCOUNTS: u64 = 8;
/// Price around which a seeded day trades, in ticks of 0.01 yuan.
const BASE_TICKS: i64 = 548;
/// How far from it an order may stand, in ticks.
const SPREAD_TICKS: u64 = 24;
/// Largest order of a seeded day, in lots.
const LOTS_MAX: u64 = 500;
/// Of a hundred lines of a seeded day, so many cancel.
const CANCELS: u64 = 30;
/// The first and the last of so many equal parts of a seeded day are its call auctions.
const PARTS: u64 = 8;
/// Thousandths of a yuan in one tick.
const MILLI_PER_TICK: i64 = 10;
/// Lines a second of a seeded day.
const LINES_PER_SECOND: u64 = 10;
/// Lines of a seeded day, at least and at most: less has no auctions to speak of, more no use.
pub const LINES: (u64, u64) = (1_000, 100_000);

/// Why there is no day.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// A file of it cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A file of it cannot be written.
    #[error("{0}: {1}")]
    Write(PathBuf, io::Error),
    /// Nothing says which trades a recorded day gives.
    #[error("--expect is missing, and there is no file of expected trades beside {0}")]
    NoExpectation(PathBuf),
    /// There are not enough lines for one between two kills.
    #[error("{lines} lines are too few for {cycles} kills; --cycles should be less than that")]
    Short {
        /// Lines of the day.
        lines: u64,
        /// Kills asked for.
        cycles: u32,
    },
    /// The engine answered a seeded day otherwise than its rules say.
    #[error("seeded day, line {line}: {what}")]
    Engine {
        /// The line.
        line: u64,
        /// What it answered.
        what: String,
    },
}

/// A day to be replayed, and what it must give.
#[derive(Clone, Debug)]
pub struct Day {
    /// Its commands.
    pub input: PathBuf,
    /// Its trades.
    pub expect: PathBuf,
    /// How many lines it has.
    pub lines: u64,
    /// How many trades it gives.
    pub trades: u64,
}

impl Day {
    /// A recorded day. Without `expect` the trades lie beside it.
    pub fn recorded(input: PathBuf, expect: Option<PathBuf>) -> Result<Self, DayError> {
        let expect = expect
            .or_else(|| expected_beside(&input))
            .ok_or_else(|| DayError::NoExpectation(input.clone()))?;
        let (mut lines, mut trades) = (0, 0);
        sse::read_commands(&input, |_| {
            lines += 1;
            Next::More
        })?;
        sse::read_trades(&expect, |_| {
            trades += 1;
            Next::More
        })?;
        Ok(Self {
            input,
            expect,
            lines,
            trades,
        })
    }

    /// A day of `lines` lines, held within [`LINES`], made of a seed and written into a folder.
    pub fn seeded(folder: &Path, seed: u64, lines: u64) -> Result<Self, DayError> {
        let made = Maker::new(seed).make(lines.clamp(LINES.0, LINES.1))?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            match std::fs::write(&path, text) {
                Ok(()) => Ok(path),
                Err(error) => Err(DayError::Write(path, error)),
            }
        };
        Ok(Self {
            input: write("seeded.input.csv", &made.input)?,
            expect: write("seeded.expected_trades.csv", &made.trades)?,
            lines: made.lines,
            trades: made.trade_count,
        })
    }
}

/// The text of a seeded day.
struct Made {
    input: String,
    trades: String,
    lines: u64,
    trade_count: u64,
}

/// An engine with one venue and one instrument, and the day it is told.
struct Maker {
    engine: Engine,
    events: Events,
    rng: Rng,
    live: BTreeMap<u64, OrderId>,
    names: BTreeMap<OrderId, u64>,
    middle: i64,
    made: Made,
}

impl Maker {
    fn new(seed: u64) -> Self {
        Self {
            engine: Engine::new(Limits {
                orders_max: 1 << 17,
                levels_max: 1 << 12,
                requests_capacity: 1_024,
                ..Limits::default()
            }),
            events: Events::default(),
            rng: Rng::new(seed),
            live: BTreeMap::new(),
            names: BTreeMap::new(),
            middle: BASE_TICKS,
            made: Made {
                input: "seq,time,cmd,order_id,side,price_milli,qty,phase\n".to_owned(),
                trades: "seq,time,phase,buy_id,sell_id,price_milli,qty,aggressor\n".to_owned(),
                lines: 0,
                trade_count: 0,
            },
        }
    }

    fn make(mut self, lines: u64) -> Result<Made, DayError> {
        self.prepare()?;
        let auction = lines / PARTS;
        for line in 0..lines {
            if line == auction {
                self.uncross(Phase::Continuous)?;
            } else if line == lines - auction {
                self.phase(Phase::ClosingCall)?;
            }
            let call = line < auction || line >= lines - auction;
            let name = if call { "call" } else { "cont" };
            if !self.live.is_empty() && self.rng.below(100) < CANCELS {
                self.cancel(name)?;
            } else {
                self.add(name)?;
            }
        }
        self.uncross(Phase::PostClose)?;
        Ok(self.made)
    }

    /// Venue, parties and instrument, as `replay::prepare` asks for them.
    fn prepare(&mut self) -> Result<(), DayError> {
        let name = |text: &str| Name::new(text).unwrap_or(Name::EMPTY);
        let firm = name("firm");
        self.send(Body::CreateParticipant(CreateParticipant { name: firm }))?;
        for index in 0..ACCOUNTS {
            let owner = name(&format!("o{index}"));
            self.send(Body::CreateOwner(CreateOwner { name: owner }))?;
            self.send(Body::CreateAccount(CreateAccount {
                name: name(&format!("a{index}")),
                participant: ParticipantId::new(0),
                owner: OwnerId::new(index as u32),
            }))?;
        }
        self.send(Body::CreateVenue(Box::new(CreateVenue {
            name: name("venue"),
            title: Title::EMPTY,
            regimes: vec![Regime::Sandbox],
            models: vec![Model::Clob, Model::CallAuction],
            demonstration: Demonstration::Demonstration,
            licence: None,
            calendar: None,
        })))?;
        self.send(Body::CreateInstrument(Box::new(CreateInstrument {
            name: name("share"),
            title: Title::EMPTY,
            venue: VenueId::new(0),
            terms: InstrumentTerms {
                currency: name("CNY"),
                unit: name("share"),
                tick_size: 1,
                price_decimals: 2,
                lot_size: 1,
                quantity_decimals: 0,
                price_sign: PriceSign::Positive,
                static_band_bp: None,
                dynamic_band_ticks: None,
                market_protection_ticks: 0,
                max_quantity: self.quantity(Quantity::MAX_LOTS)?,
                max_notional: None,
            },
        })))?;
        self.phase(Phase::PreOpen)
    }

    fn quantity(&self, lots: i64) -> Result<Quantity, DayError> {
        Quantity::new(lots).ok_or_else(|| self.wrong(&format!("{lots} lots are out of bounds")))
    }

    fn wrong(&self, what: &str) -> DayError {
        DayError::Engine {
            line: self.made.lines,
            what: what.to_owned(),
        }
    }

    fn phase(&mut self, phase: Phase) -> Result<(), DayError> {
        let venue = VenueId::new(0);
        self.send(Body::SetPhase(SetPhase { venue, phase }))
    }

    fn uncross(&mut self, next: Phase) -> Result<(), DayError> {
        self.line("A", &["", "", "", ""], "call");
        self.phase(next)
    }

    fn add(&mut self, phase: &str) -> Result<(), DayError> {
        self.middle += self.rng.below(3) as i64 - 1;
        let order_id = self.made.lines + 1;
        let (side, letter) = if self.rng.below(2) == 0 {
            (Side::Buy, "B")
        } else {
            (Side::Sell, "S")
        };
        let away = self.rng.below(SPREAD_TICKS) as i64 - SPREAD_TICKS as i64 / 4;
        let ticks = match side {
            Side::Buy => self.middle - away,
            Side::Sell => self.middle + away,
        };
        let ticks = ticks.max(1);
        let lots = self.rng.power_law(LOTS_MAX) as i64;
        let price = Price::new(ticks).ok_or_else(|| self.wrong("a price is out of bounds"))?;
        let order = NewOrder {
            account: account(order_id),
            instrument: InstrumentId::new(0),
            side,
            quantity: self.quantity(lots)?,
            order_type: OrderType::Limit(LimitTerms {
                price,
                display_quantity: None,
                posting: Posting::MayTake,
            }),
            time_in_force: TimeInForce::Day,
            min_quantity: None,
            self_trade_prevention: SelfTradePrevention::None,
        };
        let milli = (ticks * MILLI_PER_TICK).to_string();
        let fields = [&order_id.to_string(), letter, &milli, &lots.to_string()];
        self.line("N", &fields, phase);
        self.apply(Body::NewOrder(order));
        let accepted = self.events.as_slice().first();
        let Some(Event::Report(OrderReport {
            exec_type: ExecType::New,
            order,
            ..
        })) = accepted
        else {
            return Err(self.wrong(&format!("{:?}", self.events.as_slice())));
        };
        let order = *order;
        self.live.insert(order_id, order);
        self.names.insert(order, order_id);
        self.take()
    }

    fn cancel(&mut self, phase: &str) -> Result<(), DayError> {
        let at = self.rng.below(self.made.lines + 1);
        let picked = self.live.range(at..).next().or(self.live.iter().next());
        let Some((&order_id, &order)) = picked else {
            return Ok(());
        };
        self.line("C", &[&order_id.to_string(), "", "", ""], phase);
        self.send(Body::CancelOrder(CancelOrder {
            account: account(order_id),
            order,
        }))?;
        self.live.remove(&order_id);
        Ok(())
    }

    fn line(&mut self, command: &str, fields: &[&str; 4], phase: &str) {
        self.made.lines += 1;
        let seconds = 9 * 3_600 + self.made.lines / LINES_PER_SECOND;
        let text = format!(
            "{},{:02}:{:02}:{:02}.000,{command},{},{phase}\n",
            self.made.lines,
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60,
            fields.join(",")
        );
        self.made.input.push_str(&text);
    }

    fn send(&mut self, body: Body) -> Result<(), DayError> {
        self.apply(body);
        self.take()
    }

    fn apply(&mut self, body: Body) {
        self.events.clear();
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: Time::ZERO,
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity: Identity::Internal,
                    valid_until: None,
                    authority: None,
                },
                body,
            },
        };
        self.engine.apply(&command, &mut self.events);
    }

    /// Writes down the trades of the last command; a reject is an error.
    fn take(&mut self) -> Result<(), DayError> {
        for event in self.events.as_slice() {
            let of_order = matches!(event, Event::Report(report) if report.reject.is_some());
            let of_act = matches!(event, Event::Operation(report) if report.reject.is_some());
            if of_order || of_act {
                return Err(self.wrong(&format!("{event:?}")));
            }
            let Event::Trade(trade) = event else {
                continue;
            };
            let name = |order| self.names.get(order).copied().unwrap_or_default();
            self.made.trade_count += 1;
            let written = writeln!(
                self.made.trades,
                "{},09:00:00.000,cont,{},{},{},{},N",
                self.made.trade_count,
                name(&trade.buy.order),
                name(&trade.sell.order),
                trade.price.ticks() * MILLI_PER_TICK,
                trade.quantity.lots()
            );
            debug_assert!(written.is_ok(), "text takes all that is written");
            for fill in [&trade.buy, &trade.sell] {
                if fill.leaves.is_zero()
                    && let Some(name) = self.names.get(&fill.order)
                {
                    self.live.remove(name);
                }
            }
        }
        Ok(())
    }
}

fn account(order_id: u64) -> AccountId {
    AccountId::new((order_id % ACCOUNTS) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(seed: u64) -> (Day, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let day = Day::seeded(folder.path(), seed, 2_000).unwrap();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let (input, trades) = (read(&day.input), read(&day.expect));
        (day, input, trades)
    }

    #[test]
    fn a_seed_gives_one_day_with_two_auctions_and_many_trades() {
        let (day, input, trades) = made(5);
        assert_eq!((&input, &trades), (&made(5).1, &made(5).2));
        assert_ne!(input, made(6).1);
        assert_eq!(day.lines, 2_002, "two lines uncross");
        assert_eq!(input.lines().filter(|line| line.contains(",A,")).count(), 2);
        assert_eq!(trades.lines().count() as u64, day.trades + 1);
        assert!(day.trades > 300, "{}", day.trades);
    }

    #[test]
    fn a_seeded_day_is_read_like_a_recorded_one() {
        let folder = tempfile::tempdir().unwrap();
        let made = Day::seeded(folder.path(), 1, 1_000).unwrap();
        let read = Day::recorded(made.input.clone(), None).unwrap();
        assert_eq!((read.lines, read.trades), (made.lines, made.trades));
        let alone = folder.path().join("alone.csv");
        std::fs::copy(&made.input, &alone).unwrap();
        let error = Day::recorded(alone, None).unwrap_err().to_string();
        assert!(error.starts_with("--expect is missing"), "{error}");
    }
}
