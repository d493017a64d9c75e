//! Shanghai Stock Exchange level 2, as a command a line and a trade a line.
//!
//! Input: `seq,time,cmd,order_id,side,price_milli,qty,phase`; `N` new limit order, `C` cancel the
//! rest, `A` the call auction uncrosses now. Trades:
//! `seq,time,phase,buy_id,sell_id,price_milli,qty,aggressor`. Invariant: prices are whole ticks of
//! 0.01 yuan. Not here: what drives the phases of the venue (`replay`).

use super::{Fields, FormatError, Lines, Next, open_text};
use std::path::Path;

const INPUT_HEADER: &str = "seq,time,cmd,order_id,side,price_milli,qty,phase";
const TRADES_HEADER: &str = "seq,time,phase,buy_id,sell_id,price_milli,qty,aggressor";
/// Thousandths of a yuan in one tick.
const MILLI_PER_TICK: i64 = 10;

/// Side of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// `B`.
    Buy,
    /// `S`.
    Sell,
}

/// Which part of the day a command belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// A call auction collects.
    Call,
    /// Continuous trading.
    Continuous,
}

/// What a line asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A new limit order.
    New {
        /// The exchange's name of the order, unique in the day.
        order_id: u64,
        /// Its side.
        side: Side,
        /// Its limit in ticks of 0.01 yuan.
        price_ticks: i64,
        /// Its shares.
        quantity: i64,
    },
    /// Cancel what is left of an order.
    Cancel {
        /// The order.
        order_id: u64,
    },
    /// The call auction uncrosses now.
    Uncross,
}

/// One line of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command {
    /// Time of day in milliseconds.
    pub time_ms: u32,
    /// What it asks.
    pub action: Action,
    /// The part of the day.
    pub phase: Phase,
}

/// One trade the exchange made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trade {
    /// The buyer's order.
    pub buy_id: u64,
    /// The seller's order.
    pub sell_id: u64,
    /// The price in ticks of 0.01 yuan.
    pub price_ticks: i64,
    /// The shares.
    pub quantity: i64,
}

/// Reads a day's commands, handing each to `take`.
pub fn read_commands(path: &Path, take: impl FnMut(Command) -> Next) -> Result<(), FormatError> {
    read(path, INPUT_HEADER, parse_command, take)
}

/// Reads a day's trades, handing each to `take`.
pub fn read_trades(path: &Path, take: impl FnMut(Trade) -> Next) -> Result<(), FormatError> {
    read(path, TRADES_HEADER, parse_trade, take)
}

fn read<T>(
    path: &Path,
    header: &str,
    parse: fn(&str) -> Result<T, String>,
    mut take: impl FnMut(T) -> Next,
) -> Result<(), FormatError> {
    let mut lines = Lines::new(open_text(path)?, path);
    let found = lines.next_line()?.unwrap_or_default() == header;
    if !found {
        return Err(lines.error(format!("the first line should be `{header}`")));
    }
    loop {
        let parsed = match lines.next_line()? {
            None => return Ok(()),
            Some(line) => parse(line),
        };
        let value = parsed.map_err(|what| lines.error(what))?;
        if take(value) == Next::Stop {
            return Err(FormatError::Stopped);
        }
    }
}

fn parse_command(line: &str) -> Result<Command, String> {
    let mut fields = Fields::new(line);
    fields.number::<u64>("seq")?;
    let time_ms = parse_time(fields.text("time")?)?;
    let action = match fields.text("cmd")? {
        "N" => Action::New {
            order_id: fields.number("order_id")?,
            side: parse_side(fields.text("side")?)?,
            price_ticks: parse_price(&mut fields)?,
            quantity: fields.number("qty")?,
        },
        "C" => {
            let order_id = fields.number("order_id")?;
            skip(&mut fields, &["side", "price_milli", "qty"])?;
            Action::Cancel { order_id }
        }
        "A" => {
            skip(&mut fields, &["order_id", "side", "price_milli", "qty"])?;
            Action::Uncross
        }
        other => return Err(format!("field `cmd` is `{other}`, it should be N, C or A")),
    };
    let phase = match fields.text("phase")? {
        "call" => Phase::Call,
        "cont" => Phase::Continuous,
        other => {
            return Err(format!(
                "field `phase` is `{other}`, it should be call or cont"
            ));
        }
    };
    fields.end()?;
    Ok(Command {
        time_ms,
        action,
        phase,
    })
}

fn parse_trade(line: &str) -> Result<Trade, String> {
    let mut fields = Fields::new(line);
    skip(&mut fields, &["seq", "time", "phase"])?;
    let (buy_id, sell_id) = (fields.number("buy_id")?, fields.number("sell_id")?);
    let price_ticks = parse_price(&mut fields)?;
    let quantity = fields.number("qty")?;
    skip(&mut fields, &["aggressor"])?;
    fields.end()?;
    Ok(Trade {
        buy_id,
        sell_id,
        price_ticks,
        quantity,
    })
}

fn skip(fields: &mut Fields<'_>, names: &[&str]) -> Result<(), String> {
    names
        .iter()
        .try_for_each(|name| fields.text(name).map(|_| ()))
}

fn parse_side(text: &str) -> Result<Side, String> {
    match text {
        "B" => Ok(Side::Buy),
        "S" => Ok(Side::Sell),
        other => Err(format!("field `side` is `{other}`, it should be B or S")),
    }
}

fn parse_price(fields: &mut Fields<'_>) -> Result<i64, String> {
    let milli: i64 = fields.number("price_milli")?;
    if milli % MILLI_PER_TICK != 0 {
        return Err(format!(
            "field `price_milli` is {milli}, it should be a multiple of 10"
        ));
    }
    Ok(milli / MILLI_PER_TICK)
}

/// `HH:MM:SS.mmm` as milliseconds since midnight.
fn parse_time(text: &str) -> Result<u32, String> {
    let wrong = || format!("field `time` is `{text}`, it should be HH:MM:SS.mmm");
    let (clock, milli) = text.split_once('.').ok_or_else(wrong)?;
    let mut parts = clock.split(':');
    let mut next = |limit: u32| -> Result<u32, String> {
        let value: u32 = parts
            .next()
            .and_then(|part| part.parse().ok())
            .ok_or_else(wrong)?;
        if value < limit {
            Ok(value)
        } else {
            Err(wrong())
        }
    };
    let (hours, minutes, seconds) = (next(24)?, next(60)?, next(60)?);
    let milli: u32 = milli
        .parse()
        .ok()
        .filter(|milli| *milli < 1_000)
        .ok_or_else(wrong)?;
    Ok(((hours * 60 + minutes) * 60 + seconds) * 1_000 + milli)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_as_what_they_say() {
        let command = parse_command("1,09:15:00.280,N,1196,S,5490,96600,call").unwrap();
        let expected = Action::New {
            order_id: 1196,
            side: Side::Sell,
            price_ticks: 549,
            quantity: 96_600,
        };
        assert_eq!((command.action, command.phase), (expected, Phase::Call));
        assert_eq!(command.time_ms, 33_300_280);
        let command = parse_command("2,09:25:00.180,A,,,,,call").unwrap();
        assert_eq!(command.action, Action::Uncross);
        let command = parse_command("2,09:31:00.180,C,77,B,5490,100,cont").unwrap();
        assert_eq!(command.action, Action::Cancel { order_id: 77 });
        let trade = parse_trade("9,09:25:00.180,open,161885,138998,5480,100,N").unwrap();
        let expected = Trade {
            buy_id: 161_885,
            sell_id: 138_998,
            price_ticks: 548,
            quantity: 100,
        };
        assert_eq!(trade, expected);
    }

    #[test]
    fn a_malformed_line_says_which_field_and_what_would_be_right() {
        let cases = [
            (
                "1,09:15:00.280,X,1,S,5490,1,call",
                "field `cmd` is `X`, it should be N, C or A",
            ),
            (
                "1,09:15:00.280,N,1,Q,5490,1,call",
                "field `side` is `Q`, it should be B or S",
            ),
            (
                "1,09:15:00.280,N,1,S,5495,1,call",
                "field `price_milli` is 5495, it should be a multiple of 10",
            ),
            (
                "1,9.15,N,1,S,5490,1,call",
                "field `time` is `9.15`, it should be HH:MM:SS.mmm",
            ),
            ("1,09:15:00.280,N,1,S,5490", "field `qty` is missing"),
            (
                "1,09:15:00.280,N,1,S,5490,1,lunch",
                "field `phase` is `lunch`, it should be call or cont",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(parse_command(line).unwrap_err(), expected, "{line}");
        }
    }

    #[test]
    fn a_bad_line_in_a_file_is_named_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.csv");
        std::fs::write(
            &path,
            format!("{INPUT_HEADER}\n1,09:15:00.280,A,,,,,call\nrubbish\n"),
        )
        .unwrap();
        let mut taken = 0;
        let error = read_commands(&path, |_| {
            taken += 1;
            Next::More
        })
        .unwrap_err()
        .to_string();
        assert!(
            error.ends_with("day.csv:3: field `seq` is `rubbish`, it should be a whole number")
        );
        assert_eq!(taken, 1);
    }
}
