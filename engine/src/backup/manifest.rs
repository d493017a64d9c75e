//! The manifest of a backup: what it holds, as text a person can read.
//!
//! It is TOML, written in one form only; the last table holds the BLAKE3 of every byte before it.
//! A small reader of exactly this form is here, so that the engine needs no library for it.
//!
//! Invariant: text that reads is text that was written, byte for byte; a path in it leads to a
//! file of the backup and nowhere else. Not here: the files themselves.

use std::fmt::Write as _;

use crate::journal::record::Chain;
use crate::state_hash::EventHash;
use crate::types::{Sequence, Time};

/// The format this build writes; it reads this one and every older one.
pub(super) const FORMAT: u32 = 1;
const SEAL: &str = "\n[seal]\nblake3 = ";

/// One file of a backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its path within the backup, one folder deep at most.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3.
    pub hash: [u8; 32],
}

/// What a backup says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The shard.
    pub shard: u32,
    /// The epoch of the last record.
    pub epoch: u32,
    /// The first command of the first record; one above `last` when there are no records.
    pub first: Sequence,
    /// The last command; everything up to it was durable when the backup was made.
    pub last: Sequence,
    /// The hash of the last record.
    pub chain: Chain,
    /// The running hash of all events up to the last command.
    pub event_hash: EventHash,
    /// The time of the last command.
    pub time: Time,
    /// The build that made it, for people; without quotes, backslashes and control characters.
    pub build: String,
    /// Every file but the manifest, by path.
    pub files: Vec<Entry>,
}

/// Why text is not a manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ManifestError {
    /// A format of a later build.
    Format(u32),
    /// It is not what was written; the text says where.
    Damaged(String),
}

/// Whether `name` may be the name of a file or folder in a backup.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}

impl Manifest {
    /// The text of the file.
    pub fn to_text(&self) -> String {
        let quoted = |c: &char| !c.is_control() && *c != '"' && *c != '\\';
        let build: String = self.build.chars().filter(quoted).collect();
        let mut text = format!(
            "format = {FORMAT}\nshard = {}\nepoch = {}\nfirst = {}\nlast = {}\nchain = \"{}\"\n\
             event_hash = \"{:032x}\"\ntime_ns = {}\nbuild = \"{build}\"\n",
            self.shard,
            self.epoch,
            self.first.value(),
            self.last.value(),
            self.chain,
            self.event_hash.0,
            self.time.nanoseconds()
        );
        for Entry { path, bytes, hash } in &self.files {
            let hash = Chain(*hash);
            let written = write!(
                text,
                "\n[[file]]\npath = \"{path}\"\nbytes = {bytes}\nblake3 = \"{hash}\"\n"
            );
            written.expect("a string takes all");
        }
        let seal = Chain(*blake3::hash(text.as_bytes()).as_bytes());
        text + SEAL + &format!("\"{seal}\"\n")
    }

    /// Reads the bytes of the file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        let damaged = |what: &str| ManifestError::Damaged(format!("damaged: {what}"));
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
        let format = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("format = "));
        let format: u32 = format
            .and_then(|format| format.parse().ok())
            .ok_or_else(|| damaged("it does not begin as a manifest"))?;
        if format > FORMAT {
            return Err(ManifestError::Format(format));
        }
        let mut lines = Lines(text.lines().peekable());
        let read = lines.manifest();
        let manifest = read.ok_or_else(|| damaged("a line is missing or cannot be read"))?;
        // One form only: so this compares the seal and every byte.
        if manifest.to_text() == text {
            Ok(manifest)
        } else {
            Err(damaged("its seal does not fit what it says"))
        }
    }
}

/// The lines of a manifest, read in their order.
struct Lines<'a>(std::iter::Peekable<std::str::Lines<'a>>);

impl<'a> Lines<'a> {
    fn value(&mut self, name: &str) -> Option<&'a str> {
        let line = self.0.next()?;
        line.strip_prefix(name)?.strip_prefix(" = ")
    }

    fn number<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        self.value(name)?.parse().ok()
    }

    fn text(&mut self, name: &str) -> Option<&'a str> {
        self.value(name)?.strip_prefix('"')?.strip_suffix('"')
    }

    fn hash(&mut self, name: &str) -> Option<[u8; 32]> {
        let text = self.text(name)?;
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() || !text.is_ascii() {
            return None;
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(hash)
    }

    fn manifest(&mut self) -> Option<Manifest> {
        self.number::<u32>("format")?;
        let mut manifest = Manifest {
            shard: self.number("shard")?,
            epoch: self.number("epoch")?,
            first: Sequence::new(self.number("first")?),
            last: Sequence::new(self.number("last")?),
            chain: Chain(self.hash("chain")?),
            event_hash: EventHash(u128::from_str_radix(self.text("event_hash")?, 16).ok()?),
            time: Time::new(self.number("time_ns")?)?,
            build: self.text("build")?.to_owned(),
            files: Vec::new(),
        };
        while self.0.next()?.is_empty() {
            if self.0.next()? == "[seal]" {
                return Some(manifest);
            }
            let path = self.text("path")?;
            let mut parts = path.split('/');
            let plain = parts.by_ref().take(2).all(is_name) && parts.next().is_none();
            if !plain {
                return None;
            }
            manifest.files.push(Entry {
                path: path.to_owned(),
                bytes: self.number("bytes")?,
                hash: self.hash("blake3")?,
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let entry = |path: &str, bytes| Entry {
            path: path.to_owned(),
            bytes,
            hash: [bytes as u8; 32],
        };
        Manifest {
            shard: 3,
            epoch: 2,
            first: Sequence::new(101),
            last: Sequence::new(205),
            chain: Chain([7; 32]),
            event_hash: EventHash(0x0123_4567_89ab_cdef),
            time: Time::new(1_790_000_000_000_000_000).expect("in bounds"),
            build: "gateway 0.1.0".to_owned(),
            files: vec![
                entry("projections/000007.sst", 0),
                entry("snapshot_100", 300),
            ],
        }
    }

    #[test]
    fn what_was_written_reads_and_the_form_never_changes() {
        let text = manifest().to_text();
        assert_eq!(Manifest::read(text.as_bytes()), Ok(manifest()));
        assert_eq!(text, include_str!("manifest_v1.toml"));
        let none = Manifest {
            files: Vec::new(),
            build: "a \"b\\c\n".to_owned(),
            ..manifest()
        };
        let read = Manifest::read(none.to_text().as_bytes()).expect("reads");
        assert_eq!((read.build.as_str(), read.files), ("a bc", Vec::new()));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let text = manifest().to_text().into_bytes();
        for bit in 0..text.len() * 8 {
            let mut damaged = text.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Manifest::read(&damaged).is_err(), "bit {bit} went unseen");
        }
        for length in 0..text.len() {
            assert!(
                Manifest::read(&text[..length]).is_err(),
                "{length} bytes passed"
            );
        }
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        for path in [
            "../a", "/a", "a/../b", "a/b/c", ".a", "a/.b", "", "a//b", "a b",
        ] {
            let mut manifest = manifest();
            path.clone_into(&mut manifest.files[0].path);
            let text = manifest.to_text();
            assert!(Manifest::read(text.as_bytes()).is_err(), "{path} passed");
        }
    }

    #[test]
    fn a_later_format_is_named() {
        let text = manifest().to_text().replace("format = 1", "format = 2");
        assert_eq!(
            Manifest::read(text.as_bytes()),
            Err(ManifestError::Format(2))
        );
    }
}
