//! The fault "the process dies at any instruction": a real gateway killed again and again under a
//! replayed day and live clients, audited from the clients' side.
//!
//! Invariant: counts are the promise, and are printed: kills, kills that found commands in flight,
//! reports and balances compared, deposits and withdrawals retried, trades, contracts of shops,
//! deadlines fired and put off, mismatches.
//! `SANJIANG_SOAK=1` runs the long form. Not here: power cuts and failing disks, which use the same
//! harness.

mod support;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use sanjiang_simulator::crash::{CrashError, CrashSummary, Harness};

const SHANGHAI_DAY: &str = "sse_level2/601825.input.csv.xz";
const SHANGHAI_TRADES: u64 = 5_370;
/// Kills in the short form and in the long one.
const CYCLES: (u32, u32) = (30, 200);
const SEED: u64 = 20_261_123;

fn soak() -> bool {
    std::env::var_os("SANJIANG_SOAK").is_some_and(|value| value == "1")
}

fn check(summary: &CrashSummary, ended: Result<(), CrashError>, cycles: u32) {
    print!("{summary}");
    ended.unwrap();
    assert!(summary.held(), "{summary}");
    assert_eq!(summary.cycles, u64::from(cycles));
    assert!(summary.kills_in_flight * 100 >= summary.cycles * 90);
    assert!(summary.resent >= summary.kills_in_flight);
    assert!(summary.rejected > 0 && summary.duplicates_answered > 0);
    assert!(summary.audited_reports > summary.acknowledged);
    // All live accounts at each audit, and at the last one those of the day; over a kill four,
    // unless the next kill comes before all of them were sent.
    assert!(summary.audited_balances >= 64 * (summary.cycles + 1));
    assert!(summary.audited_holds > summary.cycles);
    assert!(summary.moves_retried >= 2 * (summary.cycles - 1));
    // The shops lived through the same kills, and their deadlines fired and were put off.
    let shops = &summary.shops;
    assert!(shops.contracts > summary.cycles && shops.offers > summary.cycles);
    assert!(shops.refused > 0 && shops.resent > 0 && shops.duplicates_answered > 0);
    assert!(shops.deadlines_fired > 0 && shops.deadlines_put_off > 0);
    // Banks brought money, lots were drawn, and queues admitted whose turn it was.
    assert!(shops.paid_in > 0 && shops.won + shops.released > 0);
    assert!(shops.tickets > 0 && shops.turns > 0);
    // Baskets were formed and refused, and used discounts that came and went.
    assert!(shops.baskets > summary.cycles / 2 && shops.basket_lines > shops.baskets);
    assert!(shops.baskets_refused > 0 && shops.discount_uses > summary.cycles / 6);
    assert!(shops.discounts > summary.cycles / 6 && shops.discounts_ended > 0);
    // The guarantee was set, and answered for contracts; imports came, and met their limit.
    assert!(shops.guarantees_set > summary.cycles / 8 && shops.covered > 0);
    assert!(shops.imports > summary.cycles / 6 && shops.limited > 0);
    assert!(shops.uses_set > summary.cycles / 8 && shops.graces_set > 0);
    // Sellers came to owe, and paid, in whole and in part; some debts stood over kills.
    assert!(shops.owed > summary.cycles / 6 && shops.owed_in_part > 0);
    assert!(shops.repaid > summary.cycles / 6 && shops.repaid_in_part > 0);
    assert!(shops.debts_stood > 0 && shops.moves_again > summary.cycles / 6);
    // Returns were refused since money would have run in a ring, also when asked again.
    assert!(shops.owing_refused > summary.cycles / 6);
    assert!(shops.owing_refused_again > 0);
    // All of these met kills on their way.
    assert!(shops.baskets_again > summary.cycles / 3 && shops.settings_again > summary.cycles / 4);
    assert!(shops.audited_reports > shops.contracts);
    // All twenty accounts at each audit, the guarantee, the use of each buyer, what is owed.
    assert!(shops.audited_balances >= 37 * (summary.cycles + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_done_twice_over_kills() {
    let Some(program) = support::gateway() else {
        return;
    };
    let cycles = if soak() { CYCLES.1 } else { CYCLES.0 };
    let mut harness = Harness::new(program, cycles, SEED).unwrap();
    harness.input = support::shared(SHANGHAI_DAY);
    let recorded = harness.input.is_some();
    if !recorded {
        println!("a seeded day takes the place of the Shanghai day");
    }
    let (summary, ended) = harness.run().await;
    check(&summary, ended, cycles);
    if recorded {
        assert_eq!(summary.trades, SHANGHAI_TRADES);
    }
}

#[test]
fn the_command_makes_its_own_day_and_its_last_line_is_the_summary() {
    if support::gateway().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("out.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.args(["crash", "--cycles", "4", "--seed", "3", "--json"]);
    command.arg(&json);
    // The gateway beside the program is the default; another one is named by the environment.
    if let Some(program) = std::env::var_os("SANJIANG_GATEWAY") {
        command.arg("--gateway").arg(program);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", output.status);
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("crash held: day seeded seed 3 "), "{last}");
    let told: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(
        (&told["cycles"], &told["mismatches"]),
        (&4.into(), &0.into())
    );
    assert!(told["trades"].as_u64().unwrap() > 0);
    assert!(told["shops"]["contracts"].as_u64().unwrap() > 0);
    assert!(text.contains("shops: acknowledged "), "{text}");
}

#[test]
fn a_gateway_that_is_not_there_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_simulator"))
        .args(["crash", "--cycles", "1", "--gateway", "no/such/gateway"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(text.contains("gateway no/such/gateway: "), "{text}");
    assert!(text.lines().last().unwrap().starts_with("crash FAILED: "));
}

/// Copies a folder with all that lies in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The negative of the first test: a store that forgets is found out, else it proves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_put_back_to_an_earlier_kill_is_found_out() {
    let Some(program) = support::gateway() else {
        return;
    };
    let mut harness = Harness::new(program, 3, SEED).unwrap();
    let kept: PathBuf = harness.folder().join("kept");
    harness.after_kill = Box::new(move |data, cycle, _| {
        if cycle == 1 && !kept.exists() {
            copy(data, &kept);
        } else if cycle == 2 {
            std::fs::remove_dir_all(data).map_err(|error| error.to_string())?;
            copy(&kept, data);
        }
        Ok(())
    });
    let (summary, ended) = harness.run().await;
    println!("{} mismatches, ended: {ended:?}", summary.mismatches);
    assert!(summary.mismatches > 0, "{ended:?}");
    let lost = summary.first_mismatches.iter();
    assert!(lost.filter(|what| what.contains("is lost")).count() > 0);
}
