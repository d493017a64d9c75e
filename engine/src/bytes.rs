//! Bytes of the journal, the snapshot and the hashes: little-endian numbers, varints and text.
//!
//! Invariant: reading never panics and never allocates more than the input holds; every value has
//! exactly one form, and another form of it is an error. Not here: what the bytes mean, checksums
//! and frames (`journal`).

use crate::types::{Price, Quantity, Text, Time};

/// Why bytes could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BytesError {
    /// The input ended `missing` bytes too early.
    End {
        /// How many bytes were missing.
        missing: usize,
    },
    /// Bytes were left over after the value.
    Trailing {
        /// How many.
        extra: usize,
    },
    /// The number is written longer than it needs to be, or does not fit.
    Varint,
    /// The text is not UTF-8.
    Utf8,
    /// The value of the named field lies outside its bounds.
    Range {
        /// The field.
        field: &'static str,
    },
}

impl BytesError {
    /// The named field is out of its bounds.
    pub const fn range(field: &'static str) -> Self {
        Self::Range { field }
    }
}

impl std::fmt::Display for BytesError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::End { missing } => write!(f, "the bytes end {missing} too early"),
            Self::Trailing { extra } => write!(f, "{extra} bytes are left over"),
            Self::Varint => f.write_str("a number is not in its shortest form or does not fit"),
            Self::Utf8 => f.write_str("a text is not UTF-8"),
            Self::Range { field } => write!(f, "{field} is out of its bounds"),
        }
    }
}

impl std::error::Error for BytesError {}

macro_rules! fixed {
    ($($(#[$doc:meta])* $put:ident, $get:ident, $type:ty;)*) => {
        $($(#[$doc])* pub fn $put(out: &mut Vec<u8>, value: $type) {
            out.extend_from_slice(&value.to_le_bytes());
        })*

        impl Reader<'_> {
            $($(#[$doc])*
            ///
            /// # Errors
            /// The input ends too early.
            pub fn $get(&mut self) -> Result<$type, BytesError> {
                Ok(<$type>::from_le_bytes(self.array()?))
            })*
        }
    };
}

fixed! {
    /// One byte.
    put_u8, u8, u8;
    /// Two bytes, little-endian.
    put_u16, u16, u16;
    /// Four bytes, little-endian.
    put_u32, u32, u32;
    /// Four bytes, little-endian, signed.
    put_i32, i32, i32;
    /// Eight bytes, little-endian.
    put_u64, u64, u64;
    /// Eight bytes, little-endian, signed.
    put_i64, i64, i64;
    /// Sixteen bytes, little-endian.
    put_u128, u128, u128;
    /// Sixteen bytes, little-endian, signed.
    put_i128, i128, i128;
}

/// A number in 1 to 10 bytes, seven bits each, the lowest first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number in 1 to 10 bytes, small magnitudes shortest (zigzag).
pub fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// A text: one byte of length, then its bytes.
pub fn put_text<const N: usize>(out: &mut Vec<u8>, text: &Text<N>) {
    let text = text.as_str();
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

/// A run of bytes: a varint of length, then the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A value that may be absent: one byte 0, or 1 and the value.
pub fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            put(out, value);
        }
    }
}

/// Reads values from bytes, front to back.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the front of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Ends the reading; nothing may be left.
    ///
    /// # Errors
    /// Bytes are left.
    pub const fn finish(&self) -> Result<(), BytesError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(BytesError::Trailing { extra }),
        }
    }

    /// The next `length` bytes as they are.
    ///
    /// # Errors
    /// The input ends too early.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], BytesError> {
        let Some((head, rest)) = self.rest.split_at_checked(length) else {
            let missing = length - self.rest.len();
            return Err(BytesError::End { missing });
        };
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BytesError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("`take` gives N bytes"))
    }

    /// A number written by [`put_varint`].
    ///
    /// # Errors
    /// The input ends too early; the number is longer than need be or does not fit.
    pub fn varint(&mut self) -> Result<u64, BytesError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 || shift > 0 && byte == 0 {
                return Err(BytesError::Varint);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(BytesError::Varint)
    }

    /// A varint of at most 32 bits; `field` names it in the error.
    ///
    /// # Errors
    /// As [`Reader::varint`]; the number is larger.
    pub fn varint32(&mut self, field: &'static str) -> Result<u32, BytesError> {
        u32::try_from(self.varint()?).map_err(|_| BytesError::range(field))
    }

    /// A number written by [`put_zigzag`].
    ///
    /// # Errors
    /// As [`Reader::varint`].
    pub fn zigzag(&mut self) -> Result<i64, BytesError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A text written by [`put_text`].
    ///
    /// # Errors
    /// The input ends too early; longer than `N`; not UTF-8.
    pub fn text<const N: usize>(&mut self) -> Result<Text<N>, BytesError> {
        let length = usize::from(self.u8()?);
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| BytesError::Utf8)?;
        Text::new(text).ok_or(BytesError::range("the length of a text"))
    }

    /// A run of bytes written by [`put_bytes`], at most `max` long.
    ///
    /// # Errors
    /// The input ends too early; longer than `max`.
    pub fn bytes(&mut self, max: usize, field: &'static str) -> Result<&'a [u8], BytesError> {
        let length = self.varint()?;
        let length = usize::try_from(length).ok().filter(|length| *length <= max);
        self.take(length.ok_or(BytesError::range(field))?)
    }

    /// A value written by [`put_option`].
    ///
    /// # Errors
    /// The input ends too early; the mark is neither 0 nor 1; those of `get`.
    pub fn option<T>(
        &mut self,
        get: impl FnOnce(&mut Self) -> Result<T, BytesError>,
    ) -> Result<Option<T>, BytesError> {
        match self.u8()? {
            0 => Ok(None),
            1 => get(self).map(Some),
            _ => Err(BytesError::range("the mark of an optional value")),
        }
    }

    /// How many elements follow: a varint of at most `max`, each element at least `size` bytes, so
    /// that a forged count cannot make the caller reserve more than the input could fill.
    ///
    /// # Errors
    /// As [`Reader::varint`]; above `max`; more than the input could hold.
    pub fn count(
        &mut self,
        max: u32,
        size: usize,
        field: &'static str,
    ) -> Result<usize, BytesError> {
        let count = self.varint32(field)?;
        if count > max {
            return Err(BytesError::range(field));
        }
        let needed = (count as usize).saturating_mul(size);
        match needed.checked_sub(self.remaining()) {
            None | Some(0) => Ok(count as usize),
            Some(missing) => Err(BytesError::End { missing }),
        }
    }

    /// A price as a zigzag varint of ticks.
    ///
    /// # Errors
    /// As [`Reader::zigzag`]; outside the bounds of a price.
    pub fn price(&mut self, field: &'static str) -> Result<Price, BytesError> {
        Price::new(self.zigzag()?).ok_or(BytesError::range(field))
    }

    /// A quantity as a varint of lots.
    ///
    /// # Errors
    /// As [`Reader::varint`]; outside the bounds of a quantity.
    pub fn quantity(&mut self, field: &'static str) -> Result<Quantity, BytesError> {
        let lots = i64::try_from(self.varint()?).map_err(|_| BytesError::range(field))?;
        Quantity::new(lots).ok_or(BytesError::range(field))
    }

    /// An instant as a varint of nanoseconds.
    ///
    /// # Errors
    /// As [`Reader::varint`]; outside the bounds of a time.
    pub fn time(&mut self, field: &'static str) -> Result<Time, BytesError> {
        let nanoseconds = i64::try_from(self.varint()?).map_err(|_| BytesError::range(field))?;
        Time::new(nanoseconds).ok_or(BytesError::range(field))
    }
}

/// A price as a zigzag varint of ticks.
pub fn put_price(out: &mut Vec<u8>, price: Price) {
    put_zigzag(out, price.ticks());
}

/// A quantity as a varint of lots.
pub fn put_quantity(out: &mut Vec<u8>, quantity: Quantity) {
    put_varint(out, quantity.lots() as u64);
}

/// An instant as a varint of nanoseconds.
pub fn put_time(out: &mut Vec<u8>, time: Time) {
    put_varint(out, time.nanoseconds() as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_at_their_edges() {
        let mut out = Vec::new();
        let unsigned = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::MAX - 1, u64::MAX];
        let signed = [0, -1, 1, 63, -64, 64, i64::MIN, i64::MAX];
        for value in unsigned {
            put_varint(&mut out, value);
        }
        for value in signed {
            put_zigzag(&mut out, value);
        }
        put_i128(&mut out, i128::MIN);
        put_u16(&mut out, 0x1234);
        let mut reader = Reader::new(&out);
        for value in unsigned {
            assert_eq!(reader.varint(), Ok(value));
        }
        for value in signed {
            assert_eq!(reader.zigzag(), Ok(value));
        }
        assert_eq!(reader.i128(), Ok(i128::MIN));
        assert_eq!(reader.finish(), Err(BytesError::Trailing { extra: 2 }));
        assert_eq!(reader.take(2), Ok(&[0x34, 0x12][..]));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_number_has_one_form() {
        let refused: [&[u8]; 4] = [
            &[0x80, 0x00],
            &[0xff, 0x80, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0x80; 11],
        ];
        for bytes in refused {
            assert_eq!(Reader::new(bytes).varint(), Err(BytesError::Varint));
        }
        let missing = BytesError::End { missing: 1 };
        assert_eq!(Reader::new(&[0x80]).varint(), Err(missing));
    }

    #[test]
    fn texts_options_and_counts_are_strict() {
        let mut out = Vec::new();
        put_text(&mut out, &Text::<8>::new("二号").expect("fits"));
        put_option(&mut out, Some(7), put_varint);
        put_option(&mut out, None, put_varint);
        let mut reader = Reader::new(&out);
        assert_eq!(reader.text::<8>().expect("reads").as_str(), "二号");
        assert_eq!(reader.option(Reader::varint), Ok(Some(7)));
        assert_eq!(reader.option(Reader::varint), Ok(None));
        assert_eq!(reader.finish(), Ok(()));
        let long = Reader::new(&[2, b'a', b'b']).text::<1>();
        assert_eq!(long, Err(BytesError::range("the length of a text")));
        let broken = Reader::new(&[1, 0xff]).text::<1>();
        assert_eq!(broken, Err(BytesError::Utf8));
        assert!(Reader::new(&[2, 0]).option(Reader::varint).is_err());
        let forged = Reader::new(&[100, 0, 0]).count(1_000, 4, "things");
        assert_eq!(forged, Err(BytesError::End { missing: 398 }));
        let above = Reader::new(&[100, 0, 0]).count(99, 0, "things");
        assert_eq!(above, Err(BytesError::range("things")));
    }
}
