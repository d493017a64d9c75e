//! Importers of recorded order flow: plain, `.xz` or `.zip`, read as a stream.
//!
//! Invariant: a day of any size is read in constant memory, one line at a time, and a malformed
//! line is an error that names file and line. Not here: what is done with a line (`replay`), and
//! the files themselves, which are not part of the project.

pub mod cme;
pub mod lobster;
pub mod retail;
pub mod sse;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The longest line an importer accepts, in bytes; recorded flows stay below 300.
pub const LINE_BYTES_MAX: usize = 4_096;

/// Why a recorded day could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The file could not be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The archive could not be read, or lacks an entry.
    #[error("{}: {what}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        what: String,
    },
    /// A line does not say what the format promises.
    #[error("{}:{line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// Which field, what was wrong, what would be right.
        what: String,
    },
    /// Whoever takes the records wants no more.
    #[error("stopped by the reader of the records")]
    Stopped,
}

/// Whether whoever takes the records wants more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Go on.
    More,
    /// Stop reading.
    Stop,
}

/// Reads lines of one text, counting them, with a bound on their length.
pub struct Lines<R> {
    reader: R,
    path: PathBuf,
    line: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `reader`, which errors will call `path`.
    pub fn new(reader: R, path: &Path) -> Self {
        Self {
            reader,
            path: path.to_owned(),
            line: 0,
            buffer: Vec::with_capacity(256),
        }
    }

    /// The next line without its end, or `None` at the end of the text.
    pub fn next_line(&mut self) -> Result<Option<&str>, FormatError> {
        self.buffer.clear();
        let mut bounded = io::Read::take(&mut self.reader, LINE_BYTES_MAX as u64 + 1);
        let read = bounded
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| FormatError::Io {
                path: self.path.clone(),
                source,
            })?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        if self.buffer.len() > LINE_BYTES_MAX {
            return Err(self.error(format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        let (path, line) = (&self.path, self.line);
        let text = std::str::from_utf8(&self.buffer).map_err(|_| FormatError::Line {
            path: path.clone(),
            line,
            what: "not UTF-8 text".to_owned(),
        })?;
        Ok(Some(text.trim_end_matches(['\n', '\r'])))
    }

    /// An error about the line that was read last.
    pub fn error(&self, what: impl Into<String>) -> FormatError {
        FormatError::Line {
            path: self.path.clone(),
            line: self.line,
            what: what.into(),
        }
    }

    /// The number of the line that was read last, counted from 1.
    pub const fn line(&self) -> u64 {
        self.line
    }
}

/// Opens a plain or `.xz` text file as a stream.
pub fn open_text(path: &Path) -> Result<Box<dyn BufRead + Send>, FormatError> {
    let file = open(path)?;
    if path.extension().is_some_and(|extension| extension == "xz") {
        let decoder = lzma_rust2::XzReader::new(BufReader::new(file), true);
        return Ok(Box::new(BufReader::with_capacity(1 << 16, decoder)));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

/// Opens a file, naming it in the error.
fn open(path: &Path) -> Result<File, FormatError> {
    File::open(path).map_err(|source| FormatError::Io {
        path: path.to_owned(),
        source,
    })
}

/// The fields of one line, split at commas; each taken by name so that errors can say which.
pub struct Fields<'a> {
    rest: std::str::Split<'a, char>,
}

impl<'a> Fields<'a> {
    /// The fields of `line`.
    pub fn new(line: &'a str) -> Self {
        Self {
            rest: line.split(','),
        }
    }

    /// The next field as text.
    pub fn text(&mut self, name: &str) -> Result<&'a str, String> {
        self.rest
            .next()
            .ok_or_else(|| format!("field `{name}` is missing"))
    }

    /// The next field as a whole number.
    pub fn number<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, String> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| format!("field `{name}` is `{text}`, it should be a whole number"))
    }

    /// Fails if there is another field.
    pub fn end(&mut self) -> Result<(), String> {
        match self.rest.next() {
            None => Ok(()),
            Some(extra) => Err(format!(
                "more fields than the format has, from `{extra}` on"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlong_line_and_foreign_bytes_name_file_and_line() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let text = format!("short\n{long}\n");
        let mut lines = Lines::new(text.as_bytes(), Path::new("day.csv"));
        assert_eq!(lines.next_line().unwrap(), Some("short"));
        let error = lines.next_line().unwrap_err().to_string();
        assert_eq!(error, "day.csv:2: longer than 4096 bytes");
        let mut lines = Lines::new(&b"\xff\xfe\n"[..], Path::new("day.csv"));
        assert_eq!(
            lines.next_line().unwrap_err().to_string(),
            "day.csv:1: not UTF-8 text"
        );
    }

    #[test]
    fn a_missing_and_a_foreign_field_are_named() {
        let mut fields = Fields::new("7,seven");
        assert_eq!(fields.number::<u64>("seq"), Ok(7));
        assert_eq!(
            fields.number::<u64>("qty"),
            Err("field `qty` is `seven`, it should be a whole number".to_owned())
        );
        assert_eq!(
            fields.text("phase"),
            Err("field `phase` is missing".to_owned())
        );
        assert!(Fields::new("a").end().is_err());
    }
}
