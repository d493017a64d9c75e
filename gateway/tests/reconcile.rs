//! `gateway reconcile` on a stopped folder: every asset agrees, the day's numbers are those of the
//! day, and nothing of the folder changes.
//!
//! Not here: what does not agree (`reconcile`'s own tests), balances over the API (`money`).

use crate::support::folders;
use std::path::Path;

use crate::support::clearing::{deposit, make_clearing, withdrawal};
use crate::support::folders::contents;
use crate::support::{House, limit};
use engine::SEMANTICS_VERSION;
use engine::command::{Body, Command, Envelope, Identity, Sequenced};
use engine::engine::Engine;
use engine::event::Events;
use engine::journal::record::Chain;
use engine::limits::Limits;
use engine::snapshot::{self, Snapshot, Stamp};
use engine::types::{PrincipalId, Sequence, Time};
use proto::v1;
use sanjiang_gateway::to_proto::date_text;

/// Runs the program on a folder.
fn reconcile(data: &Path, flags: &[&str]) -> (i32, String) {
    folders::run(&["reconcile"], data, flags)
}

/// A and B are funded, trade 100 t at 50.00, and A takes 1,000 yuan out.
async fn traded() -> House {
    let house = House::open().await;
    let mut orders = house.with_market().await;
    make_clearing(house.channel().await).await;
    let mut accounts = house.accounts().await;
    for request in [
        deposit("in-A", "A", "CNY", "20000.00"),
        deposit("in-B", "B", "coal", "300"),
        deposit("fee-B", "B", "CNY", "10.00"),
    ] {
        let report = accounts.instruct(request).await.expect("a report");
        assert!(report.into_inner().accepted);
    }
    for order in [
        limit("buy", "A", v1::Side::Buy, "50.00", "200"),
        limit("sell", "B", v1::Side::Sell, "50.00", "100"),
    ] {
        let report = orders.submit_order(order).await.expect("a report");
        assert_eq!(report.into_inner().reject_reason, "");
    }
    let out = withdrawal("out-A", "A", "CNY", "1000.00");
    let report = accounts.instruct(out).await.expect("a report");
    assert!(report.into_inner().accepted);
    house
}

#[tokio::test]
async fn every_asset_agrees_and_nothing_changes() {
    let mut house = traded().await;
    let data = house.folder.path().join("data");
    let (status, said) = reconcile(&data, &[]);
    assert_eq!(status, 2, "in use: {said}");

    house.stop().await;
    let before = contents(&data);
    let csv = house.folder.path().join("accounts.csv");
    let references = house.folder.path().join("references.csv");
    let flags = ["--csv", csv.to_str().expect("text"), "--references"];
    let flags = [&flags[..], &[references.to_str().expect("text")]].concat();
    let (status, said) = reconcile(&data, &flags);
    assert_eq!(status, 0, "{said}");
    assert_eq!(contents(&data), before, "nothing changes");
    // 5,000 yuan change hands; B takes for 5 basis points, A makes for 1, at least 1 yuan.
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines[0],
        "CNY: opening accounts 0.00 fees 0.00 custody 0.00; in 20010.00 out 1000.00 (3 \
         references); closing accounts 19006.50 fees 3.50 custody 19010.00; agrees"
    );
    assert_eq!(
        lines[1],
        "coal: opening accounts 0.000 fees 0.000 custody 0.000; in 300.000 out 0.000 (1 \
         references); closing accounts 300.000 fees 0.000 custody 300.000; agrees"
    );
    assert_eq!(lines.len(), 2, "{said}");

    let rows = std::fs::read_to_string(&csv).expect("a file");
    let of_a = "CNY,account,A,0.00,20000.00,-1000.00,-5000.00,0.00,-1.00,0.00,0.00,0.00,0.00,\
                13999.00,0.00";
    assert!(rows.lines().any(|row| row == of_a), "{rows}");
    let rows = std::fs::read_to_string(&references).expect("a file");
    assert_eq!(rows.lines().count(), 5, "{rows}");
}

#[tokio::test]
async fn a_day_on_which_nothing_moved_has_its_opening_and_no_date_is_said_so() {
    let mut house = traded().await;
    house.stop().await;
    let data = house.folder.path().join("data");
    let (status, said) = reconcile(&data, &["--date", "2099-12-31"]);
    assert_eq!(status, 0, "{said}");
    assert!(
        said.starts_with(
            "CNY: opening accounts 19006.50 fees 3.50 custody 19010.00; in 0.00 out 0.00"
        ),
        "{said}"
    );
    let (status, said) = reconcile(&data, &["--date", "2099-02-30"]);
    assert_eq!(status, 2);
    assert!(said.contains("2099-02-30"), "{said}");
    assert!(said.contains("like 2026-11-29"), "{said}");
}

/// A snapshot of older rules, from long ago, before the folder's own: what a folder of an upgraded
/// exchange looks like to a day between the two.
fn keep_one_of_older_rules(data: &Path) {
    let mut engine = Engine::new(Limits::default());
    for index in 1..=4 {
        let command = Sequenced {
            sequence: Sequence::new(index),
            time: Time::new(5 * 86_400_000_000_000).expect("in bounds"),
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity: Identity::Internal,
                    valid_until: None,
                    authority: None,
                },
                body: Body::SessionsLost,
            },
        };
        engine.apply(&command, &mut Events::default());
    }
    let stamp = Stamp {
        shard: 0,
        epoch: 1,
        chain: Chain([7; 32]),
        semantics: SEMANTICS_VERSION - 1,
        build: "older".to_owned(),
    };
    let folder = data.join("snapshots");
    snapshot::write(&folder, &Snapshot::of(&engine, &stamp)).expect("written");
}

/// The business date of the newest snapshot's last command.
fn last_day(data: &Path) -> String {
    let kept = snapshot::list(&data.join("snapshots")).expect("a folder");
    let (_, newest) = kept.first().expect("a snapshot");
    let time = snapshot::load(newest).expect("whole").header.time;
    let days = (time.nanoseconds() + 8 * 3_600_000_000_000) / 86_400_000_000_000;
    date_text(i32::try_from(days).expect("in bounds"))
}

#[tokio::test]
async fn a_day_wholly_before_the_rules_of_this_build_is_refused() {
    let mut house = traded().await;
    house.stop().await;
    let data = house.folder.path().join("data");
    keep_one_of_older_rules(&data);
    let before = contents(&data);
    let (status, said) = reconcile(&data, &["--date", "1970-02-01"]);
    assert_eq!(status, 2, "{said}");
    assert!(
        said.starts_with("the day lies before command ")
            && said.contains("where the rules of this build begin")
            && said.contains("reconcile it with the build that wrote it"),
        "{said}"
    );
    // The day of the last command begins before the place: it is reconciled from there on, and that
    // is said. For a later day, or without one, nothing of older rules is in the way.
    let (status, said) = reconcile(&data, &["--date", &last_day(&data)]);
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains("what can be replayed begins after command"),
        "{said}"
    );
    let (status, said) = reconcile(&data, &["--date", "2099-12-31"]);
    assert_eq!(status, 0, "{said}");
    let (status, said) = reconcile(&data, &[]);
    assert_eq!(status, 0, "{said}");
    assert!(!said.contains("begins after"), "{said}");
    assert_eq!(contents(&data), before, "nothing changes");
}
