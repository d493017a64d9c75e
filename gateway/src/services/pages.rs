//! Lists in pages, in order of handle (AIP-158).
//!
//! Invariant: a token is the handle of the next entry, so a page is stable while entries are added.

use crate::errors::Failure;

/// Entries of a page when none are asked for.
const SIZE_DEFAULT: u32 = 100;
/// The most entries of a page.
pub const SIZE_MAX: u32 = 1_000;

/// A page that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// The first handle.
    pub start: u32,
    /// At most so many entries.
    pub size: usize,
}

/// The page that `size` and `token` ask for.
///
/// # Errors
/// Either is malformed.
pub fn page(size: u32, token: &str) -> Result<Page, Failure> {
    if size > SIZE_MAX {
        let right = format!("{size} is too large; at most {SIZE_MAX} are right");
        return Err(Failure::field("page_size", right));
    }
    let start = if token.is_empty() {
        0
    } else {
        token.parse().map_err(|_| {
            Failure::field(
                "page_token",
                "is no token of this list; copy next_page_token",
            )
        })?
    };
    let size = if size == 0 { SIZE_DEFAULT } else { size };
    Ok(Page {
        start,
        size: size as usize,
    })
}

impl Page {
    /// The entries of the page among `all`, and the token of the next one.
    pub fn cut<T>(self, all: impl Iterator<Item = (u32, T)>) -> (Vec<T>, String) {
        let mut entries = Vec::new();
        for (handle, entry) in all.filter(|(handle, _)| *handle >= self.start) {
            if entries.len() == self.size {
                return (entries, handle.to_string());
            }
            entries.push(entry);
        }
        (entries, String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let all = || (0..5_u32).map(|handle| (handle, handle));
        let mut token = String::new();
        let mut seen = Vec::new();
        loop {
            let (entries, next) = page(2, &token).expect("a right page").cut(all());
            seen.push(entries);
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, [vec![0, 1], vec![2, 3], vec![4]]);
        assert!(page(1_001, "").is_err());
        assert!(page(0, "x").is_err());
        assert_eq!(page(0, "").map(|page| page.size), Ok(100));
    }
}
