//! The acts of an operator, through the program itself: a damaged folder is refused, looked at, and
//! brought back by accepting the loss or from a backup, with the history that clients read.
//!
//! Every gateway here is a process of its own; the ones that trade are killed. Not here: what an
//! act keeps of each kind of damage (`offline` of the engine).

#![allow(clippy::disallowed_methods)] // a test may read files

use std::path::{Path, PathBuf};

use crate::support::folders::{Case, Cut, contents, copy, program, run, serve};
use crate::support::trading::{Client, ORDERS, Traded, more, status, traded, until};
use engine::backup::{Backup, seal};
use tonic::Code;

const WORDS: [&str; 4] = ["--reason", "the disk died", "--approver", "Wang"];

/// The folder goes on after an act that kept everything up to `kept`: what is kept is told as it
/// was, what is lost is not told of, and everything new stands above all that was acknowledged.
async fn goes_on(data: &Path, flags: &[&str], before: &Traded, (kept, highest): (u64, u64)) {
    let program = serve(data, flags).expect("it starts");
    assert!(program.said.contains("epoch 2"), "{}", program.said);
    assert_eq!(status(&program).await.epoch, 2);
    let mut client = Client::of(&program).await;
    let told = client.told().await;
    assert_eq!(told.reports, until(&before.told, kept), "the same reports");
    let count = |limit: u64| before.sequences.iter().filter(|at| **at <= limit).count();
    assert_eq!(told.orders.len(), count(kept), "no order that is lost");
    let (mut found, mut gone) = (0, 0);
    for (number, sequence) in (0..).zip(&before.sequences) {
        match client.named(number).await {
            Ok(order) => {
                assert!(*sequence <= kept && told.orders.contains(&order));
                found += 1;
            }
            Err(code) => {
                assert!(*sequence > kept && code == Code::NotFound, "{code:?}");
                gone += 1;
            }
        }
    }
    // A kept order sent again is known; a lost one is new, and its client is told so.
    let again = client.submit(0).await;
    assert!(again.poss_dup && again.engine_sequence == before.sequences[0]);
    let sent = before.sequences.len() as u64;
    let all = more(&mut client, found..sent + 20).await;
    assert!(all.iter().all(|sequence| *sequence > highest), "{all:?}");
    let told = client.told().await;
    for (reports, old) in told.reports.iter().zip(until(&before.told, kept)) {
        assert_eq!(reports[..old.len()], old, "still the same");
        let fresh = &reports[old.len()..];
        assert!(!fresh.is_empty() && fresh.iter().all(|one| one.engine_sequence > highest));
        let numbers = reports.iter().map(|one| one.account_sequence);
        assert!(numbers.eq(1..=reports.len() as u64), "counted without gaps");
    }
    drop(program);
    let (status, said) = run(&["journal", "verify"], data, flags);
    assert_eq!(status, 0, "{said}");
    // And once more, from what that left.
    let program = serve(data, flags).expect("it starts again");
    assert_eq!(Client::of(&program).await.told().await, told);
    println!(
        "kept {found} orders up to command {kept}, {gone} gone up to {highest}, {} new ones from \
         {} on",
        all.len(),
        all[0]
    );
}

/// A start refuses with everything an operator needs, and changes nothing.
fn refused(data: &Path, (first, last): (u64, u64)) {
    let before = contents(data);
    let refused = serve(data, &[]).err().expect("it must not start");
    assert_eq!(refused.status.code(), Some(1), "{}", refused.said);
    let folder = format!("--data-dir {}", data.display());
    let words = "--reason TEXT --approver NAME";
    for needed in [
        format!("acknowledged commands {first}..={last} are not in the journal"),
        format!("(head mark {last})"),
        format!("gateway journal verify {folder}\n"),
        format!("gateway journal export {folder} --until {}\n", first - 1),
        format!("gateway restore --from BACKUP {folder} {words}\n"),
        format!("gateway journal accept-loss {folder} --from {first} {words}\n"),
    ] {
        assert!(refused.said.contains(&needed), "{needed}: {}", refused.said);
    }
    let (status, said) = run(&["journal", "verify"], data, &[]);
    let named = format!("first missing: {first} (accept-loss --from)");
    assert!(status == 1 && said.contains(&named), "{status}: {said}");
    let (status, said) = run(&["journal", "verify"], data, &["--json"]);
    let named = format!("\"first_missing\": {first},");
    assert!(status == 1 && said.contains(&named), "{status}: {said}");
    let until = (first - 1).to_string();
    let (status, said) = run(&["journal", "export"], data, &["--until", &until]);
    assert_eq!(
        (status, said.lines().count() as u64),
        (0, first - 1),
        "{said}"
    );
    for wrong in [first - 1, first + 1, 1] {
        let (status, said) = accept(data, wrong);
        let named = format!("command {first} is the first one missing, not {wrong}");
        assert!(status == 1 && said.contains(&named), "{status}: {said}");
    }
    for (path, bytes) in contents(data) {
        assert!(
            before.get(&path) == Some(&bytes),
            "{} changed",
            path.display()
        );
    }
    assert_eq!(contents(data).len(), before.len(), "a file is gone");
}

fn accept(data: &Path, from: u64) -> (i32, String) {
    let from = from.to_string();
    let words = [&["--from", &from][..], &WORDS].concat();
    run(&["journal", "accept-loss"], data, &words)
}

#[tokio::test]
async fn an_accepted_loss_is_gone_and_everything_else_is_told_as_it_was() {
    for (often, lost, how) in [
        (false, 5, Cut::Short),
        (false, 7, Cut::Flipped),
        (true, 5, Cut::Flipped),
        (true, 40, Cut::Short),
    ] {
        let case = Case::new();
        let mut before = traded(&case.data(), often, &[]).await;
        before.program.kill();
        let (status, said) = run(&["journal", "verify"], &case.data(), &[]);
        assert_eq!(status, 0, "{said}");
        let (first, last) = case.damage(how, lost);
        assert!(first <= *before.sequences.last().expect("some"));
        refused(&case.data(), (first, last));
        let (status, said) = accept(&case.data(), first);
        assert_eq!(status, 0, "{said}");
        assert!(
            said.contains(&format!("lost: {first}..={last}; epoch 2")),
            "{said}"
        );
        goes_on(&case.data(), &[], &before, (first - 1, last)).await;
    }
}

/// What is left of the folder when its backup is put back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Left {
    /// Nothing.
    Nothing,
    /// Nothing but the head mark, which lives elsewhere.
    Mark,
    /// A log that was cut, and everything else.
    Damaged,
}

/// Has the program make a backup while it trades; the last command of it.
async fn backed_up(before: &mut Traded, name: &'static str) -> u64 {
    let target = format!("http://{}", before.program.address);
    let asked = tokio::task::spawn_blocking(move || {
        program(&["backup", "--target", &target, "--name", name])
    });
    let mut client = Client::of(&before.program).await;
    let mut number = ORDERS;
    // Some before it, some meanwhile, some after it.
    while !asked.is_finished() || number < ORDERS + 20 {
        before
            .sequences
            .extend(more(&mut client, number..number + 1).await);
        number += 1;
    }
    before
        .sequences
        .extend(more(&mut client, number..number + 20).await);
    before.told = client.told().await;
    let (status, said) = asked.await.expect("ended");
    assert_eq!(status, 0, "{said}");
    let last = said
        .split(" to ")
        .nth(1)
        .and_then(|rest| rest.split(',').next());
    last.expect("a command").parse().expect("a number")
}

fn restore(data: &Path, from: &Path, flags: &[&str]) -> (i32, String) {
    let from = from.to_str().expect("text");
    run(
        &["restore", "--from", from],
        data,
        &[&WORDS, flags].concat(),
    )
}

async fn restored(left: Left, often: bool, projections: bool) {
    let case = Case::new();
    let (data, mark) = (case.data(), case.beside("mark"));
    let head = match left {
        Left::Mark => vec!["--head-file", mark.to_str().expect("text")],
        Left::Nothing | Left::Damaged => Vec::new(),
    };
    let backups = case.beside("backups");
    let place = ["--backup-dir", backups.to_str().expect("text")];
    let mut before = traded(&data, often, &[&head[..], &place].concat()).await;
    let kept = backed_up(&mut before, "monday").await;
    before.program.kill();
    let acknowledged = *before.sequences.last().expect("some");
    assert!(kept < acknowledged);
    let from = if projections {
        backups.join("monday")
    } else {
        without_projections(&backups)
    };
    let highest = match left {
        Left::Damaged => case.damage(Cut::Short, 30).1,
        Left::Nothing | Left::Mark => {
            if often {
                copy(&data.join("archive"), &case.beside("archive"));
            }
            std::fs::remove_dir_all(&data).expect("removed");
            // Where nothing tells of more, nobody can go on above it.
            if left == Left::Mark {
                acknowledged
            } else {
                kept
            }
        }
    };
    let (status, said) = restore(&data, &from, &head);
    assert_eq!(status, 0, "{said}");
    let lost = if highest > kept {
        format!("lost: {}..={highest}; epoch 2", kept + 1)
    } else {
        "lost: nothing known; epoch 2".to_owned()
    };
    assert!(said.contains(&lost), "{lost}: {said}");
    if often && left != Left::Damaged {
        archive_needed(&data, &head, projections);
        copy(&case.beside("archive"), &data.join("archive"));
    }
    print!("{left:?} left, snapshots {often}: ");
    goes_on(&data, &head, &before, (kept, highest)).await;
}

/// What is below a backup is said to be missing, and a start that needs it is refused, until the
/// files of the archive are back.
fn archive_needed(data: &Path, head: &[&str], projections: bool) {
    let (status, said) = run(&["journal", "verify"], data, head);
    assert_eq!(status, 1, "{said}");
    let needed = "commands 1..=30 are in neither the journal nor the archive";
    assert!(said.contains(needed), "{said}");
    if projections {
        return;
    }
    let refused = serve(data, head).err().expect("no history");
    assert_eq!(refused.status.code(), Some(1));
    for needed in [
        "commands 1..=30, which",
        "in neither",
        "files of the archive back",
    ] {
        assert!(refused.said.contains(needed), "{needed}: {}", refused.said);
    }
    // The state is whole: nobody is to be advised to give it up.
    assert!(!refused.said.contains("accept-loss"), "{}", refused.said);
}

/// The same backup without the history of the gateway.
fn without_projections(backups: &Path) -> PathBuf {
    let whole = Backup::open(&backups.join("monday")).expect("whole");
    let (partial, target) = (backups.join(".bare"), backups.join("bare"));
    copy(whole.root(), &partial);
    std::fs::remove_dir_all(partial.join("projections")).expect("removed");
    std::fs::remove_file(partial.join("MANIFEST")).expect("removed");
    let mut manifest = whole.manifest().clone();
    manifest.files.clear();
    seal(&partial, manifest, &target).expect("sealed");
    target
}

#[tokio::test]
async fn a_backup_made_while_trading_is_put_back_and_told_as_it_was() {
    for (left, often) in [
        (Left::Nothing, false),
        (Left::Mark, true),
        (Left::Damaged, false),
        (Left::Damaged, true),
    ] {
        restored(left, often, true).await;
    }
}

#[tokio::test]
async fn the_history_is_made_anew_where_the_backup_has_none() {
    restored(Left::Nothing, false, false).await;
    restored(Left::Damaged, false, false).await;
    restored(Left::Damaged, true, false).await;
    restored(Left::Nothing, true, false).await;
}

#[tokio::test]
async fn a_folder_in_use_is_left_alone_and_says_so() {
    let case = Case::new();
    let data = case.data();
    let before = traded(&data, false, &[]).await;
    let acts: [&[&str]; 5] = [
        &["journal", "verify"],
        &["journal", "export"],
        &["journal", "accept-loss", "--from", "50"],
        &["journal", "quarantine", "--sequence", "50"],
        &["restore", "--from", "nowhere"],
    ];
    for (place, act) in acts.into_iter().enumerate() {
        let words = if place < 2 { &[][..] } else { &WORDS };
        let (status, said) = run(act, &data, words);
        assert!(
            status == 2 && said.contains("is in use"),
            "{act:?} {status}: {said}"
        );
    }
    let second = serve(&data, &[]).err().expect("one at a time");
    assert_eq!(second.status.code(), Some(2), "{}", second.said);
    assert!(second.said.contains("is in use"), "{}", second.said);
    let mut client = Client::of(&before.program).await;
    assert_eq!(client.told().await, before.told, "it trades on");
    more(&mut client, ORDERS..ORDERS + 5).await;
}

fn quarantine(data: &Path, sequence: u64) -> (i32, String) {
    let sequence = sequence.to_string();
    let words = [&["--sequence", &sequence][..], &WORDS].concat();
    run(&["journal", "quarantine"], data, &words)
}

#[tokio::test]
async fn a_quarantined_order_was_never_there_and_others_are_refused() {
    let case = Case::new();
    let data = case.data();
    let mut before = traded(&data, true, &[]).await;
    before.program.kill();
    let end = *before.sequences.last().expect("some");
    let untouched = contents(&data);
    for (sequence, needed) in [
        (before.sequences[10], "is inside the snapshot at"),
        (end + 1_000, "is not in the journal, which ends at"),
    ] {
        let (status, said) = quarantine(&data, sequence);
        assert!(status == 1 && said.contains(needed), "{status}: {said}");
        assert!(said.contains(&format!("command {sequence} ")), "{said}");
    }
    assert!(contents(&data) == untouched, "a refusal changed a file");
    let passed = before.sequences.len() - 3;
    let command = before.sequences[passed];
    let (status, said) = quarantine(&data, command);
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains(&format!("command {command} is passed over")),
        "{said}"
    );
    let program = serve(&data, &[]).expect("it starts");
    assert!(program.said.contains("epoch 1"), "{}", program.said);
    let mut client = Client::of(&program).await;
    assert_eq!(client.named(passed as u64).await, Err(Code::NotFound));
    let told = client.told().await;
    assert_eq!(told.orders.len(), before.told.orders.len() - 1);
    assert!(
        told.reports
            .iter()
            .flatten()
            .all(|one| one.engine_sequence != command)
    );
    assert_eq!(until(&told, command - 1), until(&before.told, command - 1));
    let fresh = more(&mut client, ORDERS..ORDERS + 5).await;
    assert!(fresh[0] > end + 1, "above the act");
    drop(program);
    let (status, said) = run(&["journal", "verify"], &data, &[]);
    assert_eq!(status, 0, "{said}");
    println!(
        "command {command} of {end} passed over, {} told",
        told.orders.len()
    );
}
