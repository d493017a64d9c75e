//! A backup while trading, the drill that proves it, and what a damaged one is told by.
//!
//! The drill is the program itself, started as an operator does. Not here: what a backup holds
//! (`engine::backup`), restoring one for good.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use crate::support::{House, limit};
use proto::v1;
use proto::v1::operations_client::OperationsClient;
use tokio::process::Command;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

async fn make(house: &House, name: &str) -> Result<v1::BackupResponse, tonic::Status> {
    let mut operations: OperationsClient<Channel> = house.operations().await;
    let name = name.to_owned();
    let answer = operations.backup(v1::BackupRequest { name }).await;
    answer.map(tonic::Response::into_inner)
}

/// A gateway that writes backups beside its data and takes a snapshot often.
async fn house() -> House {
    House::open_with(|settings| {
        let folder = settings.data_dir.parent().expect("a folder").to_owned();
        settings.backup_dir = Some(folder.join("backups"));
        settings.snapshot_every_commands = 50;
    })
    .await
}

/// Runs the program `gateway` to its end.
async fn gateway(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(arguments)
        .output();
    output.await.expect("the program runs")
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).expect("text")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// Trades until told to stop; answers how many orders were acknowledged.
async fn trade(house: &House, mut enough: tokio::sync::oneshot::Receiver<()>) -> u64 {
    let mut orders = house.orders().await;
    let mut acknowledged = 0;
    for number in 0_u64.. {
        let side = if number.is_multiple_of(2) {
            v1::Side::Buy
        } else {
            v1::Side::Sell
        };
        let account = if number.is_multiple_of(2) { "A" } else { "B" };
        let order = limit(&format!("order-{number}"), account, side, "700.00", "100");
        orders.submit_order(order).await.expect("a report");
        acknowledged += 1;
        // Enough for several snapshots before anybody may end it.
        if number >= 300 && enough.try_recv().is_ok() {
            break;
        }
    }
    acknowledged
}

fn files(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).expect("readable");
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_backup_in_the_middle_of_trading_passes_its_drill_and_a_flipped_byte_does_not() {
    let house = house().await;
    house.with_market().await;
    let (end, enough) = tokio::sync::oneshot::channel();
    let backups = async {
        let status = |house: &House| house.running().exchange().handle.status();
        while status(&house).snapshots < 3 {
            tokio::task::yield_now().await;
        }
        let before = status(&house).sequence.value();
        let one = make(&house, "monday").await.expect("a backup");
        let two = make(&house, "tuesday").await.expect("a second one");
        let after = status(&house).sequence.value();
        end.send(()).expect("it trades");
        (before, one, two, after)
    };
    let (acknowledged, (before, one, two, after)) = tokio::join!(trade(&house, enough), backups);
    assert!(before <= one.last_sequence && one.last_sequence <= two.last_sequence);
    assert!(
        two.last_sequence <= after && before < after,
        "it traded meanwhile"
    );
    assert!(
        one.bytes > 0 && one.event_hash.len() == 32 && one.first_sequence > 1,
        "{one:?}"
    );
    let root = house.folder.path().join("backups");
    let target = format!("http://{}", house.running().address());
    for (name, made) in [("monday", &one), ("tuesday", &two)] {
        let from = root.join(name);
        let output = gateway(&["restore-drill", "--from", text(&from), "--target", &target]).await;
        let words = said(&output);
        assert!(output.status.success(), "{words}");
        assert!(
            words.contains(&made.event_hash) && words.contains("says the same"),
            "{words}"
        );
        println!("{words}");
    }
    let error = make(&house, "monday").await.expect_err("there is one");
    assert_eq!(error.code(), Code::AlreadyExists, "{error}");
    let flipped = flip_each(&root.join("monday")).await;
    println!(
        "{acknowledged} orders, commands {before} to {after}; {flipped} files flipped, refused"
    );
}

/// Flips a byte in each file of a backup: the drill refuses and names it.
async fn flip_each(backup: &Path) -> usize {
    let list = files(backup);
    for file in &list {
        let whole = std::fs::read(file).expect("readable");
        if whole.is_empty() {
            continue;
        }
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 0x10;
        std::fs::write(file, damaged).expect("written");
        let output = gateway(&["restore-drill", "--from", text(backup)]).await;
        let name = file.file_name().expect("a name").to_str().expect("text");
        let words = said(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {words}");
        assert!(words.contains(name), "{name}: {words}");
        std::fs::write(file, whole).expect("written");
    }
    let output = gateway(&["restore-drill", "--from", text(backup)]).await;
    assert!(output.status.success(), "{}", said(&output));
    list.len()
}

#[tokio::test]
async fn the_program_asks_for_a_backup() {
    let house = house().await;
    house.with_market().await;
    let target = format!("http://{}", house.running().address());
    let output = gateway(&["backup", "--target", &target, "--name", "by-hand"]).await;
    assert!(output.status.success(), "{}", said(&output));
    let root = house.folder.path().join("backups");
    assert_eq!(
        std::fs::read_dir(&root).expect("there").count(),
        1,
        "nothing half-made"
    );
    let from = root.join("by-hand");
    let output = gateway(&["restore-drill", "--from", text(&from)]).await;
    assert!(output.status.success(), "{}", said(&output));
    let other = House::open().await;
    let target = format!("http://{}", other.running().address());
    let output = gateway(&["restore-drill", "--from", text(&from), "--target", &target]).await;
    assert_eq!(
        output.status.code(),
        Some(1),
        "another exchange: {}",
        said(&output)
    );
    let output = gateway(&["backup", "--target", "http://127.0.0.1:1", "--name", "x"]).await;
    assert_eq!(
        output.status.code(),
        Some(2),
        "nobody there: {}",
        said(&output)
    );
}

#[tokio::test]
async fn no_folder_no_backup_and_no_path_from_the_wire() {
    let without = House::open().await;
    let error = make(&without, "a").await.expect_err("no folder");
    assert_eq!(error.code(), Code::FailedPrecondition, "{error}");
    let info = error.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "NO_BACKUP_DIR");
    let house = house().await;
    let long = "n".repeat(65);
    for name in [
        "", ".", "..", ".hidden", "a/b", "/tmp/a", "../a", "a b", &long,
    ] {
        let error = make(&house, name).await.expect_err(name);
        assert_eq!(error.code(), Code::InvalidArgument, "{name}: {error}");
    }
    assert!(!house.folder.path().join("backups").exists());
}

/// What blocks runs on one thread here, which is taken until `let_go`: the first backup is under
/// way for as long as the test says.
#[test]
fn a_second_backup_while_one_is_under_way_is_refused_and_the_first_is_made() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build();
    runtime.expect("a runtime").block_on(async {
        let house = house().await;
        let mut orders = house.with_market().await;
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let holds = tokio::task::spawn_blocking(move || held.recv());
        let (monday, tuesday) = (make(&house, "monday"), make(&house, "tuesday"));
        tokio::pin!(monday, tuesday);
        // Whichever came second is the one that is answered.
        let answered = async {
            tokio::select! {
                answer = &mut monday => (answer, "monday", tuesday),
                answer = &mut tuesday => (answer, "tuesday", monday),
            }
        };
        let answered = tokio::time::timeout(PATIENCE, answered).await;
        let (answer, refused, first) = answered.expect("one of the two is refused");
        let another = make(&house, "wednesday").await;
        for answer in [answer, another] {
            let error = answer.expect_err("one is under way");
            assert_eq!(error.code(), Code::ResourceExhausted, "{error}");
            let info = error.get_details_error_info().expect("a reason");
            assert_eq!(info.reason, "BACKUP_UNDER_WAY");
            assert!(error.message().contains("try again"), "{error}");
        }
        let order = limit("meanwhile", "A", v1::Side::Buy, "700.00", "100");
        orders.submit_order(order).await.expect("it trades");
        let root = house.folder.path().join("backups");
        assert!(!root.exists(), "nothing is written for one that is refused");
        let_go.send(()).expect("it waits");
        holds.await.expect("no panic").expect("let go");
        let made = first.await.expect("the one under way is made");
        assert_ne!(made.name, refused);
        let again = make(&house, refused).await.expect("its turn has come");
        assert!(again.last_sequence >= made.last_sequence);
        let mut names: Vec<_> = std::fs::read_dir(&root)
            .expect("there")
            .map(|entry| entry.expect("readable").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["monday", "tuesday"]);
    });
}

#[tokio::test]
async fn the_hash_of_events_is_told_at_any_command() {
    let house = house().await;
    house.with_market().await;
    let operations = house.operations().await;
    let at = |sequence: u64| {
        let mut operations = operations.clone();
        async move {
            let request = v1::GetEventHashRequest { sequence };
            let answer = operations.get_event_hash(request).await.expect("an answer");
            let answer = answer.into_inner();
            (answer.sequence, answer.event_hash)
        }
    };
    let (newest, hash) = at(u64::MAX).await;
    assert!(newest > 0 && hash.len() == 32);
    assert_eq!(at(newest).await, (newest, hash.clone()));
    let (earlier, other) = at(newest - 1).await;
    assert!(earlier < newest && other != hash);
    assert_eq!(at(0).await, (0, String::new()));
}
