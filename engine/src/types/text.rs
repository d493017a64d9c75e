//! Short text held inline, so that commands and events copy without allocating.
//!
//! Invariant: valid UTF-8 of at most `N` bytes, the unused tail all zero (so that equality and
//! bytes agree). Not here: formatting, localisation.

use std::fmt;

/// Text of at most `N` bytes (`N` at most 255).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

/// A client's own id of a request (`client_order_id`, FIX 11; AIP-155 `request_id`).
pub type ClientId = Text<36>;
/// The public id of a venue, instrument, participant, owner, account, calendar or session.
pub type Name = Text<40>;
/// A title for people, such as a venue's name, or a unit.
pub type Title = Text<96>;

impl<const N: usize> Text<N> {
    /// The most bytes this text can hold.
    pub const MAX_BYTES: usize = N;
    /// No text.
    pub const EMPTY: Self = Self {
        bytes: [0; N],
        length: 0,
    };

    /// The text, or `None` when it is longer than `N` bytes.
    pub fn new(text: &str) -> Option<Self> {
        const { assert!(N <= 255, "the length is one byte") };
        if text.len() > N {
            return None;
        }
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self {
            bytes,
            length: text.len() as u8,
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let used = &self.bytes[..usize::from(self.length)];
        std::str::from_utf8(used).expect("only `new` makes a text, and it takes a str")
    }

    /// Whether there is no text.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
