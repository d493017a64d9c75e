//! The journal of a stopped folder changed through RocksDB itself, so that its own checksums fit
//! and only ours can tell.
//!
//! Not here: what is changed.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::Path;

use rocksdb::{DB, IteratorMode, Options};
use sanjiang_engine::types::Sequence;

const PREFIX: &str = "journal_";

/// The database, every family open, and the family that holds a record.
fn open(folder: &Path, at: Sequence) -> (DB, String) {
    let path = folder.join("journal");
    let mut options = Options::default();
    options.set_disable_auto_compactions(true);
    let names = DB::list_cf(&options, &path).expect("readable");
    let database = DB::open_cf(&options, &path, &names).expect("opened");
    let holds = |name: &&String| {
        let family = database.cf_handle(name).expect("open");
        let found = database.get_cf(&family, at.value().to_be_bytes());
        name.starts_with(PREFIX) && found.expect("readable").is_some()
    };
    let holder = names
        .iter()
        .find(holds)
        .expect("the record is there")
        .clone();
    (database, holder)
}

/// Puts other bytes in the place of the record at `at`.
pub fn put(folder: &Path, at: Sequence, bytes: &[u8]) {
    let (database, holder) = open(folder, at);
    let family = database.cf_handle(&holder).expect("open");
    database
        .put_cf(&family, at.value().to_be_bytes(), bytes)
        .expect("written");
}

/// Takes the record at `at` away.
pub fn remove(folder: &Path, at: Sequence) {
    let (database, holder) = open(folder, at);
    let family = database.cf_handle(&holder).expect("open");
    database
        .delete_cf(&family, at.value().to_be_bytes())
        .expect("removed");
}

/// How many records the journal itself holds.
pub fn count(folder: &Path) -> usize {
    let path = folder.join("journal");
    let options = Options::default();
    let names = DB::list_cf(&options, &path).expect("readable");
    let database = DB::open_cf_for_read_only(&options, &path, &names, false).expect("opened");
    let of_family = |name: &String| {
        let family = database.cf_handle(name).expect("open");
        database.iterator_cf(&family, IteratorMode::Start).count()
    };
    names.iter().map(of_family).sum()
}
