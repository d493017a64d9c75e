//! LOBSTER: NASDAQ messages and the book after each, two entries of one `.zip`.
//!
//! Message: time (s after midnight), type, order id, size, price x 10,000, side (1 buy, -1 sell).
//! Book row k is the book after message k: ask price, ask size, bid price, bid size a level.
//! Invariant: both entries have the same number of lines; an empty level reads as none. Not here:
//! the rule by which a file that knows only the best levels is replayed (`replay`).

use super::sse::Side;
use super::{Fields, FormatError, Lines, Next, open};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// The most levels a side of a row has in any published sample.
pub const LEVELS_MAX: usize = 50;
/// What the format writes in place of the price of an empty level.
const EMPTY_PRICE: i64 = 9_999_999_999;

/// What a message says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// 1: a new limit order.
    Add,
    /// 2: a part is cancelled.
    PartialCancel,
    /// 3: the order is deleted.
    Delete,
    /// 4: a visible order is executed; side and id are the resting order's.
    Execute,
    /// 5: a hidden order is executed; the visible book does not change.
    ExecuteHidden,
    /// 6: a cross trade; the visible book does not change.
    Cross,
    /// 7: a halt.
    Halt,
}

/// One message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// Nanoseconds after midnight.
    pub time_ns: u64,
    /// What it says.
    pub kind: Kind,
    /// The order.
    pub order_id: u64,
    /// Shares.
    pub size: i64,
    /// Price in ten-thousandths of a dollar.
    pub price: i64,
    /// Side of the order.
    pub side: Side,
}

/// One level of a row: price in ten-thousandths of a dollar, and shares.
pub type Level = (i64, i64);

/// The book after a message: the best levels of each side, best first, without the empty ones.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Row {
    /// Sell side.
    pub asks: Vec<Level>,
    /// Buy side.
    pub bids: Vec<Level>,
    /// Levels a side the file shows.
    pub depth: usize,
}

/// Reads a sample, handing each message and the book after it to `take`.
pub fn read(path: &Path, mut take: impl FnMut(&Message, &Row) -> Next) -> Result<(), FormatError> {
    let mut message_archive = open_archive(path)?;
    let mut book_archive = open_archive(path)?;
    let message_entry = entry(&mut message_archive, path, "_message_")?;
    let book_entry = entry(&mut book_archive, path, "_orderbook_")?;
    let mut messages = Lines::new(BufReader::with_capacity(1 << 16, message_entry), path);
    let mut books = Lines::new(BufReader::with_capacity(1 << 16, book_entry), path);
    let mut row = Row::default();
    loop {
        let message = match messages.next_line()? {
            None => break,
            Some(line) => parse_message(line),
        };
        let message = message.map_err(|what| messages.error(format!("message: {what}")))?;
        let parsed = match books.next_line()? {
            None => Err("the order book has fewer lines than the messages".to_owned()),
            Some(line) => parse_row(line, &mut row),
        };
        parsed.map_err(|what| books.error(format!("order book: {what}")))?;
        if take(&message, &row) == Next::Stop {
            return Err(FormatError::Stopped);
        }
    }
    if books.next_line()?.is_some() {
        return Err(books.error("the order book has more lines than the messages"));
    }
    Ok(())
}

fn open_archive(path: &Path) -> Result<zip::ZipArchive<BufReader<File>>, FormatError> {
    zip::ZipArchive::new(BufReader::new(open(path)?)).map_err(|error| FormatError::Archive {
        path: path.to_owned(),
        what: format!("not a readable .zip: {error}"),
    })
}

fn entry<'a>(
    archive: &'a mut zip::ZipArchive<BufReader<File>>,
    path: &Path,
    part: &str,
) -> Result<zip::read::ZipFile<'a, BufReader<File>>, FormatError> {
    let wrong = |what: String| FormatError::Archive {
        path: path.to_owned(),
        what,
    };
    let name = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| name.contains(part))
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| wrong(format!("no entry whose name contains `{part}`")))?;
    archive
        .by_name(&name)
        .map_err(|error| wrong(format!("entry `{name}`: {error}")))
}

fn parse_message(line: &str) -> Result<Message, String> {
    let mut fields = Fields::new(line);
    let time_ns = parse_time(fields.text("time")?)?;
    let kind = match fields.text("type")? {
        "1" => Kind::Add,
        "2" => Kind::PartialCancel,
        "3" => Kind::Delete,
        "4" => Kind::Execute,
        "5" => Kind::ExecuteHidden,
        "6" => Kind::Cross,
        "7" => Kind::Halt,
        other => return Err(format!("field `type` is `{other}`, it should be 1 to 7")),
    };
    let order_id = fields.number("order id")?;
    let (size, price) = (fields.number("size")?, fields.number("price")?);
    let side = match fields.text("side")? {
        "1" => Side::Buy,
        "-1" => Side::Sell,
        other => return Err(format!("field `side` is `{other}`, it should be 1 or -1")),
    };
    fields.end()?;
    Ok(Message {
        time_ns,
        kind,
        order_id,
        size,
        price,
        side,
    })
}

fn parse_row(line: &str, row: &mut Row) -> Result<(), String> {
    row.asks.clear();
    row.bids.clear();
    row.depth = 0;
    let mut values = line.split(',').map(|text| {
        text.parse::<i64>()
            .map_err(|_| format!("`{text}` should be a whole number"))
    });
    while let Some(ask_price) = values.next() {
        let mut next = || {
            values
                .next()
                .unwrap_or_else(|| Err("a level is cut off".to_owned()))
        };
        let (ask, bid) = ((ask_price?, next()?), (next()?, next()?));
        if row.depth == LEVELS_MAX {
            return Err(format!("more than {LEVELS_MAX} levels a side"));
        }
        row.depth += 1;
        if ask.0 != EMPTY_PRICE && ask.1 > 0 {
            row.asks.push(ask);
        }
        if bid.0 != -EMPTY_PRICE && bid.1 > 0 {
            row.bids.push(bid);
        }
    }
    Ok(())
}

/// Decimals of a second that published files write; what lies below a nanosecond is cut off.
const DECIMALS_MAX: usize = 15;

/// Seconds with decimals as nanoseconds.
fn parse_time(text: &str) -> Result<u64, String> {
    let wrong = || format!("field `time` is `{text}`, it should be seconds after midnight");
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: u64 = seconds
        .parse()
        .ok()
        .filter(|s| *s <= 86_400)
        .ok_or_else(wrong)?;
    if fraction.len() > DECIMALS_MAX || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let nanoseconds = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0u64, |sum, byte| sum * 10 + u64::from(byte - b'0'));
    Ok(seconds * 1_000_000_000 + nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_rows_read_as_what_they_say() {
        let message = parse_message("34200.18960767,1,11885113,21,2238100,1").unwrap();
        let expected = Message {
            time_ns: 34_200_189_607_670,
            kind: Kind::Add,
            order_id: 11_885_113,
            size: 21,
            price: 2_238_100,
            side: Side::Buy,
        };
        assert_eq!(message, expected);
        let mut row = Row::default();
        parse_row(
            "2239500,100,2231800,100,9999999999,0,-9999999999,0",
            &mut row,
        )
        .unwrap();
        assert_eq!(
            (row.asks.as_slice(), row.depth),
            (&[(2_239_500, 100)][..], 2)
        );
        assert_eq!(row.bids, [(2_231_800, 100)]);
    }

    #[test]
    fn a_malformed_line_says_what_would_be_right() {
        let wrong = parse_message("34200.1,9,1,1,1,1").unwrap_err();
        assert_eq!(wrong, "field `type` is `9`, it should be 1 to 7");
        let finer = parse_message("43002.632812672004,1,1,1,1,1").unwrap();
        assert_eq!(finer.time_ns, 43_002_632_812_672);
        let wrong = parse_message("noon,1,1,1,1,1").unwrap_err();
        assert_eq!(
            wrong,
            "field `time` is `noon`, it should be seconds after midnight"
        );
        assert_eq!(
            parse_row("1,2,3", &mut Row::default()).unwrap_err(),
            "a level is cut off"
        );
    }
}
