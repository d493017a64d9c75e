//! The journal: every command, in order, on disk before anybody is told of it.
//!
//! Invariant: what [`Journal::append`] returned from is on disk; records form one chain, each
//! naming the hash of the one before it. Not here: what commands mean (`engine`), when they are
//! written (`runtime`), where replay begins (`recovery`).
//!
//! # The fault model
//! An acknowledged command is a contract. What may happen, and what is promised:
//!
//! - **The process dies at any instruction** (kill -9, a panic): what was appended is there, and
//!   the start goes on from it with the same events. What was not acknowledged is there whole or
//!   not.
//! - **Power goes**: what was synced is there, names of files and folders included. A record that
//!   was not wholly synced is cut at its torn end; nobody was told of it, since telling waits for
//!   the log and the head mark.
//! - **A write or a sync fails**: the process stops and tries nothing again, since after a failed
//!   sync the system may show pages that are not on disk. What was under way is answered as
//!   unknown; the next start on a well disk finds all that was acknowledged.
//! - **A sector or a whole file is damaged or gone**: the next start finds the exact state, or it
//!   refuses, names the first and the last command missing and what was acknowledged, and leaves
//!   every byte as it was. Never less than was acknowledged, in silence. Any one snapshot may be
//!   damaged. RocksDB itself opens in silence after such damage (measured), so the chain of
//!   records shows a gap or a change, and the head mark a lost end; each mark stands twice, in two
//!   sectors, so that one damaged together with the end of the log is refused as well.
//! - **The disk is full**: below a reserve new orders are refused before the store can meet it,
//!   and taken again once there is room. If the store met it, the process stops as after a failed
//!   write.
//! - **The clock steps**: time in the journal never falls; a step is not followed but alarmed
//!   until an operator accepts the new time, and a start far ahead of the journal does not trade.
//! - **The folder is copied while running**: the copy may be torn between its files. A start on
//!   it refuses, or finds all up to the copy's own head mark; a backup is made with `gateway
//!   backup`.
//! - **A bit flips in memory**: each record names the running hash of all events; a second engine
//!   compares it all day, and every replay does. The first point that differs is named.
//! - **Other rules**: a build whose rules have another version does not replay older history, and
//!   does not start on what later rules left; it names what it would need. One that is different
//!   without saying so stops at the first record whose events differ. At an upgrade the two
//!   snapshots that are kept soon lie on either side of the line, so that any one may be damaged.
//!
//! Not promised, since nothing in the folder can show it:
//!
//! - a disk that says "synced" and lies about it, further than the head mark shows;
//! - both copies of the newest head mark destroyed together with the records it was written for:
//!   the start goes by the mark before, and comes up short of them in silence. They are the last
//!   record, or the last few if several were synced while a mark was being written. If more is
//!   lost, down to below the mark before, it refuses;
//! - both slots of the head mark destroyed together with the log's tail: without a mark a start
//!   refuses, but how much came after the last record that is left, nobody can say;
//! - a rollback of the whole folder to an older copy of itself, unless `--head-file` stands on
//!   another disk.
//!
//! What a start refuses, an operator decides (`recovery`): put files back, restore a backup, or
//! accept the loss. The last two begin a higher epoch above every command anybody may have been
//! told of, so that no id is given twice; the journal says why, and who approved it. A command that
//! stops every start can be quarantined. Nothing damaged is edited: it is moved aside whole.
//!
//! # The fast store and what guards it
//! RocksDB recycles its log files here (half the time of a sync, measured), and then offers only
//! the recovery modes that end quietly at the first bad byte. So each batch is one record with
//! its own checksum and the hash of the record before ([`record`]), and the end is guarded by a
//! mark in a file of its own ([`head`]).

pub mod archive;
pub mod codec;
pub mod folder;
pub mod head;
pub mod history;
pub mod memory;
pub mod record;
#[cfg(feature = "rocksdb")]
pub mod rocks;

use std::fmt;

use crate::types::Sequence;

/// An error of the store: what was being done, and what the system said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalError {
    /// What was being done.
    pub doing: &'static str,
    /// What the system said.
    pub said: String,
}

impl JournalError {
    /// The error `said` while `doing` something.
    pub fn new(doing: &'static str, said: impl fmt::Display) -> Self {
        Self {
            doing,
            said: said.to_string(),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.said)
    }
}

impl std::error::Error for JournalError {}

/// One stored record: the sequence of its first command, and its bytes.
pub type Stored = (Sequence, Vec<u8>);

/// Records in order.
pub type Records<'a> = Box<dyn Iterator<Item = Result<Stored, JournalError>> + 'a>;

/// Where records live: one writer, any number of readers beside it. Knows bytes and sequences,
/// not commands; a log replicated over machines can stand behind it as well as a database.
pub trait Journal: Send + Sync {
    /// Writes one record under the sequence of its first command, and returns when it is on disk.
    /// After an error nothing is known about the record and nothing may be appended any more.
    fn append(&self, first: Sequence, record: &[u8]) -> Result<(), JournalError>;

    /// The records from the one that holds `from` (or the first one after it) to the end.
    fn read_from(&self, from: Sequence) -> Result<Records<'_>, JournalError>;

    /// The first command of the last record.
    fn head(&self) -> Result<Option<Sequence>, JournalError>;

    /// Begins a new segment: records appended from now on go there. No record below `first` will
    /// be in it. Does nothing if the newest segment is at or above `first` already.
    fn roll(&self, first: Sequence) -> Result<(), JournalError>;

    /// Where the segments begin, rising; appends go to the last one. Each is a lower bound: the
    /// records after it may begin above it.
    fn segments(&self) -> Vec<Sequence>;

    /// The records of one of [`Journal::segments`] alone, in order.
    fn read_segment(&self, segment: Sequence) -> Result<Records<'_>, JournalError>;

    /// Drops segments, oldest first, as long as all commands of one lie below `before`, and never
    /// the one appended to. Says how many were dropped. Nobody may be reading what is dropped.
    fn trim(&self, before: Sequence) -> Result<u64, JournalError>;

    /// Removes the record whose first command is `first`, on disk when it returns. Only for
    /// records at the end that cannot be read and that nobody was told of.
    fn cut(&self, first: Sequence) -> Result<(), JournalError>;
}

/// A place where a journal lives, looked at before it is opened.
pub trait Store {
    /// Whether a journal is there.
    fn exists(&self) -> bool;

    /// Opens it for reading; changes no byte.
    fn open_read_only(&self) -> Result<Box<dyn Journal>, JournalError>;

    /// Opens it for writing, making it if it is not there.
    fn open(&self) -> Result<std::sync::Arc<dyn Journal>, JournalError>;
}
