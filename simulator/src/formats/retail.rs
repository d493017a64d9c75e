//! Online Retail II (UCI): the invoices of a web shop, one line a product, one CSV file.
//!
//! `Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country`; an invoice whose
//! number begins with C takes goods back, one with A adjusts an account. Prices are pounds.
//! Invariant: prices are exact thousandths, never floats; codes are in upper case and without white
//! space around them; a line is known by its number in the file. Not here: what a line means
//! (`replay::retail`); descriptions are left where they are.

use std::path::Path;

use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{FormatError, Lines, Next, open_text};

/// The first line of every such file.
const HEAD: &str = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country";
/// Fields of a line.
const FIELDS: usize = 8;
/// Room for one line while it is split.
const SPLIT_BYTES: usize = 512;
/// The largest quantity of a line, and price in thousandths: their product stays exact.
const NUMBER_MAX: i64 = 1 << 30;

/// What the number of an invoice says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invoice {
    /// Digits: an ordinary one.
    Ordinary,
    /// C: something is taken back.
    Credit,
    /// A: an account is adjusted.
    Account,
}

/// One line of an invoice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The number of the line in the file, the head being 1.
    pub line: u32,
    /// What its invoice is.
    pub invoice: Invoice,
    /// The code of the product.
    pub code: String,
    /// Pieces, with sign.
    pub pieces: i64,
    /// When, in seconds since 1970 of the shop's clock.
    pub time_s: i64,
    /// The price of one piece, in thousandths of a pound, with sign.
    pub price_mills: i64,
    /// The customer, where the file knows one.
    pub customer: Option<u32>,
    /// Where the customer is.
    pub country: String,
}

/// Reads a file, handing each line to `take`.
pub fn read(path: &Path, mut take: impl FnMut(Item) -> Next) -> Result<(), FormatError> {
    let mut lines = Lines::new(open_text(path)?, path);
    if lines.next_line()? != Some(HEAD) {
        return Err(lines.error(format!("the first line should be `{HEAD}`")));
    }
    let mut splitter = Splitter::default();
    loop {
        let parsed = match lines.next_line()? {
            None => return Ok(()),
            Some(text) => splitter.split(text).and_then(|fields| parse(&fields)),
        };
        let mut item = parsed.map_err(|what| lines.error(what))?;
        item.line = u32::try_from(lines.line()).map_err(|_| lines.error("too many lines"))?;
        if take(item) == Next::Stop {
            return Err(FormatError::Stopped);
        }
    }
}

/// Splits lines of CSV. Few have quotes, and setting a reader up costs more than such a line.
#[derive(Default)]
struct Splitter {
    record: csv::StringRecord,
}

impl Splitter {
    fn split<'a>(&'a mut self, text: &'a str) -> Result<[&'a str; FIELDS], String> {
        if !text.contains('"') {
            return eight(text.split(','));
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .buffer_capacity(SPLIT_BYTES)
            .from_reader(text.as_bytes());
        let read = reader.read_record(&mut self.record);
        read.map_err(|error| error.to_string())?;
        eight(self.record.iter())
    }
}

fn eight<'a>(texts: impl Iterator<Item = &'a str>) -> Result<[&'a str; FIELDS], String> {
    let (mut fields, mut found) = ([""; FIELDS], 0);
    for text in texts {
        if let Some(field) = fields.get_mut(found) {
            *field = text;
        }
        found += 1;
    }
    if found == FIELDS {
        return Ok(fields);
    }
    Err(format!("{found} fields, there should be {FIELDS}"))
}

fn parse(fields: &[&str; FIELDS]) -> Result<Item, String> {
    let [
        invoice,
        code,
        _description,
        quantity,
        date,
        price,
        customer,
        country,
    ] = fields;
    let invoice = match invoice.bytes().next() {
        Some(b'C') => Invoice::Credit,
        Some(b'A') => Invoice::Account,
        Some(b'0'..=b'9') => Invoice::Ordinary,
        _ => {
            return Err(format!(
                "field `Invoice` is `{invoice}`, it should begin with a digit, C or A"
            ));
        }
    };
    let code = code.trim().to_uppercase();
    if code.is_empty() {
        return Err("field `StockCode` is empty".to_owned());
    }
    let pieces = quantity.parse().ok().filter(|pieces| fits(*pieces));
    let wrong = || format!("field `Quantity` is `{quantity}`, it should be a whole number");
    Ok(Item {
        line: 0,
        invoice,
        code,
        pieces: pieces.ok_or_else(wrong)?,
        time_s: parse_time(date)?,
        price_mills: parse_price(price)?,
        customer: parse_customer(customer)?,
        country: (*country).to_owned(),
    })
}

const fn fits(number: i64) -> bool {
    -NUMBER_MAX <= number && number <= NUMBER_MAX
}

/// Pounds with up to three decimals, as thousandths.
fn parse_price(text: &str) -> Result<i64, String> {
    let wrong = || format!("field `Price` is `{text}`, it should have up to three decimals");
    let pounds: Decimal = text.parse().map_err(|_| wrong())?;
    let mills = pounds.checked_mul(Decimal::ONE_THOUSAND);
    mills
        .filter(Decimal::is_integer)
        .and_then(|mills| mills.to_i64())
        .filter(|mills| fits(*mills))
        .ok_or_else(wrong)
}

/// A number that some tool once took for a float: `13085.0`; none where it is empty.
fn parse_customer(text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.strip_suffix(".0").unwrap_or(text).parse();
    let wrong = |_| format!("field `Customer ID` is `{text}`, it should be a whole number");
    number.map(Some).map_err(wrong)
}

/// `2009-12-01 07:45:00` in seconds since 1970.
fn parse_time(text: &str) -> Result<i64, String> {
    let wrong =
        || format!("field `InvoiceDate` is `{text}`, it should be like 2009-12-01 07:45:00");
    let shape = text.bytes().map(|byte| match byte {
        b'0'..=b'9' => b'0',
        other => other,
    });
    if !shape.eq(*b"0000-00-00 00:00:00") {
        return Err(wrong());
    }
    let part = |from: usize, to: usize| -> Result<i64, String> {
        let digits = text.get(from..to).ok_or_else(wrong)?;
        digits.parse().map_err(|_| wrong())
    };
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let date = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !date || hour > 23 || minute > 59 || second > 59 {
        return Err(wrong());
    }
    let days = days_since_1970(year, month, day);
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; years begin in March, so that the day
/// that is not in every year is the last of one.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    before + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn parse_line(line: &str) -> Result<Item, String> {
        parse(&Splitter::default().split(line)?)
    }

    #[test]
    fn a_line_reads_as_what_it_says() {
        let line = "C489449,79323w ,\"BOWL , 7\"\" SINGLE\",-12,2009-12-01 10:33:00,2.955,\
                    16321.0,United Kingdom";
        let expected = Item {
            line: 0,
            invoice: Invoice::Credit,
            code: "79323W".to_owned(),
            pieces: -12,
            time_s: 1_259_663_580,
            price_mills: 2_955,
            customer: Some(16_321),
            country: "United Kingdom".to_owned(),
        };
        assert_eq!(parse_line(line), Ok(expected));
    }

    #[test]
    fn prices_are_exact_or_refused() {
        assert_eq!(parse_price("25111.09"), Ok(25_111_090));
        assert_eq!(parse_price("-53594.36"), Ok(-53_594_360));
        assert_eq!(parse_price("0.001"), Ok(1));
        assert_eq!(parse_price("0.0"), Ok(0));
        for wrong in ["0.0001", "1,5", "", "9999999999"] {
            assert!(parse_price(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_count_leap_days() {
        assert_eq!(parse_time("1970-01-01 00:00:00"), Ok(0));
        assert_eq!(parse_time("2000-03-01 00:00:01"), Ok(951_868_801));
        assert_eq!(parse_time("2010-12-09 20:01:00"), Ok(1_291_924_860));
        for wrong in ["2010-13-01 00:00:00", "2010-12-09", "2010-12-09 24:00:00"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_malformed_line_names_file_line_and_what_would_be_right() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let good = "1,22041,x,1,2009-12-01 07:45:00,2.1,,EIRE";
        write!(file, "{HEAD}\r\n{good}\r\n1,2,3\n").unwrap();
        let mut seen = Vec::new();
        let ended = read(file.path(), |item| {
            seen.push((item.line, item.customer));
            Next::More
        });
        assert_eq!(seen, [(2, None)]);
        let error = ended.unwrap_err().to_string();
        assert!(
            error.ends_with(":3: 3 fields, there should be 8"),
            "{error}"
        );
        let other = tempfile::NamedTempFile::new().unwrap();
        assert!(read(other.path(), |_| Next::More).is_err(), "no head");
    }
}
