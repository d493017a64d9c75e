//! CME Globex market by order, a line an event.
//!
//! `ts_event,ts_recv,instrument_id,action,side,price_1e9,size,order_id,flags,sequence,channel_id`.
//! Invariant: an action is one of the six the format has; flags are handed on as they are. Not
//! here: how fills, cancels and iceberg refreshes change the book (`replay`).

use super::sse::Side;
use super::{Fields, FormatError, Lines, Next, open_text};
use std::path::Path;

const HEADER: &str =
    "ts_event,ts_recv,instrument_id,action,side,price_1e9,size,order_id,flags,sequence,channel_id";
/// Set on the last line of an event.
const FLAG_LAST: u8 = 128;
/// Set on the lines of a snapshot.
const FLAG_SNAPSHOT: u8 = 32;

/// What a line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// `A`: an order joins the book.
    Add,
    /// `C`: `size` is taken off an order.
    Cancel,
    /// `M`: an order has a new price or size.
    Modify,
    /// `T`: summary of a trade.
    Trade,
    /// `F`: one order's part of a trade.
    Fill,
    /// `R`: the book is cleared.
    Clear,
}

/// One line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Nanoseconds since 1970 at the exchange.
    pub time_ns: u64,
    /// What it says.
    pub action: Action,
    /// The side; none where the exchange gives none.
    pub side: Option<Side>,
    /// Price in billionths.
    pub price: i64,
    /// Contracts.
    pub size: i64,
    /// The order; 0 where none is named.
    pub order_id: u64,
    /// The flags as they are.
    pub flags: u8,
}

impl Event {
    /// Whether it is the last line of an event.
    pub const fn ends_event(&self) -> bool {
        self.flags & FLAG_LAST != 0
    }

    /// Whether it belongs to a snapshot.
    pub const fn is_snapshot(&self) -> bool {
        self.flags & FLAG_SNAPSHOT != 0
    }
}

/// Reads a file, handing each event to `take`.
pub fn read(path: &Path, mut take: impl FnMut(&Event) -> Next) -> Result<(), FormatError> {
    let mut lines = Lines::new(open_text(path)?, path);
    if lines.next_line()?.unwrap_or_default() != HEADER {
        return Err(lines.error(format!("the first line should be `{HEADER}`")));
    }
    loop {
        let parsed = match lines.next_line()? {
            None => return Ok(()),
            Some(line) => parse(line),
        };
        let event = parsed.map_err(|what| lines.error(what))?;
        if take(&event) == Next::Stop {
            return Err(FormatError::Stopped);
        }
    }
}

fn parse(line: &str) -> Result<Event, String> {
    let mut fields = Fields::new(line);
    let time_ns = fields.number("ts_event")?;
    fields.number::<u64>("ts_recv")?;
    fields.number::<u64>("instrument_id")?;
    let action = match fields.text("action")? {
        "A" => Action::Add,
        "C" => Action::Cancel,
        "M" => Action::Modify,
        "T" => Action::Trade,
        "F" => Action::Fill,
        "R" => Action::Clear,
        other => {
            return Err(format!(
                "field `action` is `{other}`, it should be A, C, M, T, F or R"
            ));
        }
    };
    let side = match fields.text("side")? {
        "B" => Some(Side::Buy),
        "A" => Some(Side::Sell),
        "N" => None,
        other => return Err(format!("field `side` is `{other}`, it should be B, A or N")),
    };
    let (price, size) = (fields.number("price_1e9")?, fields.number("size")?);
    let (order_id, flags) = (fields.number("order_id")?, fields.number("flags")?);
    fields.number::<u64>("sequence")?;
    fields.number::<u64>("channel_id")?;
    fields.end()?;
    Ok(Event {
        time_ns,
        action,
        side,
        price,
        size,
        order_id,
        flags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_what_it_says() {
        let line = "1714910404570304567,1715126400000000000,5602,A,B,5155500000000,5,6413,40,685,0";
        let event = parse(line).unwrap();
        assert_eq!((event.action, event.side), (Action::Add, Some(Side::Buy)));
        assert_eq!(
            (event.price, event.size, event.order_id),
            (5_155_500_000_000, 5, 6_413)
        );
        assert!(event.is_snapshot() && !event.ends_event());
    }

    #[test]
    fn a_malformed_line_says_what_would_be_right() {
        let wrong = parse("1,2,3,Z,B,1,1,1,0,0,0").unwrap_err();
        assert_eq!(
            wrong,
            "field `action` is `Z`, it should be A, C, M, T, F or R"
        );
        let wrong = parse("1,2,3,A,B,1,1,1,300,0,0").unwrap_err();
        assert_eq!(wrong, "field `flags` is `300`, it should be a whole number");
    }
}
