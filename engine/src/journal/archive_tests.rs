//! Tests of `archive`: the bytes of a file, and that no change of them goes unseen.
//!
//! Not here: which segments are archived (`engine/tests/segments.rs`).

use super::*;
use crate::types::Time;

/// `count` records of two commands each from command 1 on, chained from `before`.
fn records(before: Chain, count: u64) -> Vec<Stored> {
    let mut previous = before;
    let one = |index: u64| {
        let first = Sequence::new(1 + 2 * index);
        let header = Header {
            shard: 3,
            epoch: 2,
            count: 2,
            first,
            base_time: Time::new(1_700_000_000_000_000_000).expect("in bounds"),
            events_at: first,
            events_hash: u128::from(index),
            previous,
        };
        let mut record = Vec::new();
        record::begin(&mut record);
        record.extend_from_slice(format!("body {index}").as_bytes());
        previous = record::seal(&header, &mut record);
        (first, record)
    };
    (0..count).map(one).collect()
}

fn written(folder: &Path, list: &[Stored]) -> (PathBuf, Archived) {
    let path = path(folder, list[0].0);
    let mut records = list.iter().cloned().map(Ok);
    let archived = write(&path, 3, Chain([7; 32]), &mut records);
    (path, archived.expect("written").expect("not empty"))
}

fn made() -> (tempfile::TempDir, PathBuf, Archived, Vec<Stored>) {
    let folder = tempfile::tempdir().expect("a folder");
    let list = records(Chain([7; 32]), 3);
    let (path, archived) = written(folder.path(), &list);
    (folder, path, archived, list)
}

#[test]
fn what_was_written_is_read_and_nothing_else_is_left() {
    let (folder, path, archived, list) = made();
    assert_eq!(verify(&path), Ok(archived));
    assert_eq!(
        (archived.first.value(), archived.last.value()),
        (1, 6),
        "first and last command"
    );
    assert_eq!((archived.records, archived.shard), (3, 3));
    assert_eq!(archived.before, Chain([7; 32]));
    assert_eq!(archived.after, Chain::of(&list[2].1));
    let length = std::fs::metadata(&path).expect("there").len();
    assert_eq!(archived.bytes, length);
    let read: Result<Vec<_>, _> = read(&path).expect("opened").collect();
    assert_eq!(read, Ok(list));
    let files = list_names(folder.path());
    assert_eq!(files, ["records_00000000000000000001"]);
    let listed = super::list(folder.path()).expect("readable");
    assert_eq!(listed, [(Sequence::new(1), path)]);
}

fn list_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("readable");
    let name = |entry: io::Result<std::fs::DirEntry>| {
        let name = entry.expect("readable").file_name();
        name.to_str().expect("a text").to_owned()
    };
    entries.map(name).collect()
}

#[test]
fn every_flipped_bit_is_seen() {
    let (folder, path, ..) = made();
    let whole = std::fs::read(&path).expect("readable");
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &damaged).expect("written");
        assert!(verify(&path).is_err(), "bit {bit} went unseen");
        let seen = match read(&path) {
            Ok(mut records) => records.any(|record| record.is_err()),
            Err(_) => true,
        };
        assert!(seen, "a reader did not see bit {bit}");
    }
    println!("{} bits flipped, all seen", whole.len() * 8);
    drop(folder);
}

#[test]
fn every_cut_and_every_longer_file_is_seen() {
    let (folder, path, ..) = made();
    let whole = std::fs::read(&path).expect("readable");
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).expect("written");
        assert!(verify(&path).is_err(), "{length} bytes passed");
    }
    std::fs::write(&path, [&whole[..], &[0]].concat()).expect("written");
    assert!(verify(&path).is_err(), "a byte behind the end passed");
    println!("{} cuts, all seen", whole.len());
    drop(folder);
}

#[test]
fn a_file_under_another_name_is_refused_and_none_is_written_over() {
    let (folder, path, _, list) = made();
    let other = super::path(folder.path(), Sequence::new(9));
    std::fs::copy(&path, &other).expect("copied");
    let error = verify(&other).expect_err("another name");
    assert!(error.to_string().contains("begins at command 1"), "{error}");
    let again = write(&path, 3, Chain([7; 32]), &mut list.iter().cloned().map(Ok));
    assert_eq!(again, Err(ArchiveError::Exists));
}

#[test]
fn records_that_do_not_follow_make_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = records(Chain::GENESIS, 4);
    let path = path(folder.path(), Sequence::new(1));
    let failing = |list: Vec<Result<Stored, JournalError>>, before: Chain, shard: u32| {
        let error = write(&path, shard, before, &mut list.into_iter()).expect_err("refused");
        assert!(list_names(folder.path()).is_empty(), "left after {error}");
        error.to_string()
    };
    let without = |index: usize| {
        let mut list: Vec<_> = list.iter().cloned().map(Ok).collect();
        drop(list.remove(index));
        list
    };
    let whole = || list.iter().cloned().map(Ok).collect::<Vec<_>>();
    assert!(failing(without(1), Chain::GENESIS, 3).contains("does not follow"));
    assert!(failing(whole(), Chain([1; 32]), 3).contains("does not follow"));
    assert!(failing(whole(), Chain::GENESIS, 4).contains("another shard"));
    assert!(failing(without(0), Chain::GENESIS, 3).contains("name of a file"));
    let mut cut = whole();
    cut[2] = Err(JournalError::new("read a record", "a bad sector"));
    assert!(failing(cut, Chain::GENESIS, 3).contains("a bad sector"));
    let none = write(&path, 3, Chain::GENESIS, &mut std::iter::empty());
    assert_eq!(none, Ok(None));
    assert!(list_names(folder.path()).is_empty());
}

#[test]
fn half_made_files_are_swept_and_others_stay() {
    let (folder, path, ..) = made();
    std::fs::write(path.with_extension("tmp"), b"half").expect("written");
    sweep(folder.path()).expect("swept");
    assert_eq!(list_names(folder.path()).len(), 1);
    let absent = folder.path().join("absent");
    sweep(&absent).expect("nothing to do");
    assert_eq!(super::list(&absent).expect("none"), []);
}

#[test]
fn the_bytes_of_format_1_never_change() {
    let (_folder, path, ..) = made();
    let bytes = std::fs::read(path).expect("readable");
    let text = bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    });
    assert_eq!(text, include_str!("archive_v1.hex").trim());
}
