//! The power goes: what was not synced is gone, in whole, in part, torn, and nothing that was
//! acknowledged is missing or done twice.
//!
//! Each cut runs the gateway under live orders on a disk that remembers what was not synced
//! (`disk/shim.c`), kills it at a random instant, takes the un-synced part away and starts it again
//! on what is left. Invariant: counts are printed, and the same audit fails for a store that does
//! not sync. Not here: processes that die with the power on (`crash`), disks that fail
//! (`failing_disk`).

mod disk;
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use disk::cut::{self, CUTS, Cut};
use disk::exchange::{Exchange, Moment, Ran, Strike};
use disk::shops::ShopCounts;
use sanjiang_simulator::workload::rng::Rng;

/// Cuts on one folder, from its making on.
const CUTS_OF_LIFE: u64 = 6;
const CUTS_SHORT: u64 = 30;
const CUTS_LONG: u64 = 300;

/// What the cuts met.
#[derive(Default)]
struct Counts {
    cuts: u64,
    stages: BTreeMap<&'static str, u64>,
    unsynced: BTreeMap<&'static str, u64>,
    syncing: BTreeMap<&'static str, u64>,
    bytes: BTreeMap<&'static str, u64>,
    writes: (u64, u64),
    names: (u64, u64),
    /// Cuts with orders under way that had no answer.
    in_flight: u64,
    /// Cuts that took journal or head mark bytes.
    struck: u64,
    acknowledged: u64,
    /// Deposits and withdrawals answered again as they were before.
    retried: [u64; 2],
    shops: ShopCounts,
}

impl Counts {
    fn add(&mut self, ran: &Ran, taken: &cut::Taken) {
        self.cuts += 1;
        *self.stages.entry(ran.stage()).or_default() += 1;
        for kind in &taken.kinds {
            *self.unsynced.entry(kind).or_default() += 1;
        }
        for kind in &taken.syncing {
            *self.syncing.entry(kind).or_default() += 1;
        }
        for (kind, bytes) in &taken.bytes {
            *self.bytes.entry(kind).or_default() += bytes;
        }
        self.writes.0 += taken.writes;
        self.writes.1 += taken.writes_unsynced;
        self.names.0 += taken.names;
        self.names.1 += taken.names_unsynced;
        self.in_flight += u64::from(!ran.unanswered.is_empty());
        let acted = ["journal log", "head mark"].map(|kind| taken.bytes.get(kind).copied());
        self.struck += u64::from(acted.iter().any(|bytes| bytes.unwrap_or(0) > 0));
        self.acknowledged += ran.acknowledged;
    }

    fn print(&self) {
        println!(
            "power cut: {} cuts, {} with orders in flight, {} took journal or head mark bytes; \
             {} orders acknowledged, none lost, none twice; {} deposits and {} withdrawals sent \
             again, each done once",
            self.cuts,
            self.in_flight,
            self.struck,
            self.acknowledged,
            self.retried[0],
            self.retried[1]
        );
        self.shops.print();
        println!("  while: {:?}", self.stages);
        println!("  not synced: {:?}", self.unsynced);
        println!("  sync under way: {:?}", self.syncing);
        println!(
            "  dropped: {} of {} writes, {} of {} names, bytes: {:?}",
            self.writes.0, self.writes.1, self.names.0, self.names.1, self.bytes
        );
    }
}

/// A random instant: by acknowledgements, by calls to the disk, by calls for one kind of file.
fn strike(rng: &mut Rng, turn: u64) -> Strike {
    let acknowledged_max = 150 + rng.below(150);
    let (only, most, syncs) = match turn % 8 {
        0 => return Strike::Acknowledged(1 + rng.below(200)),
        1 => ("", 200, false),
        2 => ("", 1_500, false),
        3 => ("data/snapshots", 20, false),
        4 => ("data/projections", 60, false),
        5 => ("data/head", 60, true),
        6 => ("data/journal", 100, false),
        _ => ("data/journal/0", 60, true),
    };
    let moment = match rng.below(3) {
        _ if syncs => Moment::Sync,
        0 => Moment::Before,
        1 => Moment::After,
        _ => Moment::Sync,
    };
    Strike::Call {
        nth: 1 + rng.below(most),
        moment,
        only,
        acknowledged_max,
    }
}

/// One folder from its making through its cuts, audited after each and in whole at the end.
async fn life(program: &Path, shim: &Path, seed: u64, cuts: u64, counts: &mut Counts) {
    let mut exchange = Exchange::new(program, shim, seed);
    let mut rng = Rng::new(seed);
    for number in 0..cuts {
        let strike = strike(&mut rng, seed * CUTS_OF_LIFE + number);
        let ran = exchange.run(&strike, &[], &[]).await;
        let how = CUTS[rng.below(CUTS.len() as u64) as usize];
        let told = || format!("seed {seed}, cut {number} {how:?} at {strike:?}: {ran:?}");
        if std::env::var_os("SHIM_VERBOSE").is_some() {
            println!("{}", told());
        }
        assert!(
            !matches!(ran.audited, Some(Err(_))),
            "{}\n{}",
            told(),
            exchange.said()
        );
        let taken = cut::play(&exchange.disk(), &exchange.undo(), how, &mut rng);
        counts.add(&ran, &taken);
    }
    exchange.forget_audits();
    let ran = exchange.run(&Strike::Never(20), &[], &[]).await;
    let well = matches!(ran.audited, Some(Ok(()))) && ran.acknowledged >= 20;
    assert!(well, "seed {seed}: {ran:?}\n{}", exchange.said());
    for (all, own) in counts.retried.iter_mut().zip(exchange.moves.retried) {
        *all += own;
    }
    counts.shops.add(&exchange);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let (Some(program), Some(shim)) = (support::gateway(), disk::shim()) else {
        return;
    };
    let wanted = if disk::soak() { CUTS_LONG } else { CUTS_SHORT };
    let mut counts = Counts::default();
    for seed in 0..wanted / CUTS_OF_LIFE {
        life(&program, &shim, seed, CUTS_OF_LIFE, &mut counts).await;
    }
    counts.print();
    assert_eq!(counts.cuts, wanted);
    assert!(counts.struck > 0, "no cut took anything that counts");
    let [deposits, withdrawals] = counts.retried;
    assert!(
        deposits > wanted && withdrawals > wanted,
        "{:?}",
        counts.retried
    );
    counts.shops.check();
    counts.shops.check_carts();
}

/// The names of a new folder and of those in it are synced before anything is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_folder_is_there_after_the_power_went() {
    let (Some(program), Some(shim)) = (support::gateway(), disk::shim()) else {
        return;
    };
    let mut exchange = Exchange::new(&program, &shim, 7);
    let first = exchange.run(&Strike::Acknowledged(5), &[], &[]).await;
    assert!(first.acknowledged >= 5, "{first:?}");
    let taken = cut::play(
        &exchange.disk(),
        &exchange.undo(),
        Cut::Whole,
        &mut Rng::new(7),
    );
    let again = exchange.run(&Strike::Never(5), &[], &[]).await;
    println!(
        "a new folder: {} names and {} bytes dropped",
        taken.names,
        taken.bytes()
    );
    assert!(
        matches!(again.audited, Some(Ok(()))),
        "{again:?}\n{}",
        exchange.said()
    );
}

/// The shim's lie is a build with `sync = false`: if the audit were content with it, the test
/// above would prove nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_sync_fails_the_same_audit() {
    let (Some(program), Some(shim)) = (support::gateway(), disk::shim()) else {
        return;
    };
    let mut rng = Rng::new(1);
    for how in [Cut::Whole, Cut::Torn, Cut::Subset] {
        let mut exchange = Exchange::new(&program, &shim, 1);
        let lie = [("SHIM_LIE", "1".to_owned())];
        let first = exchange.run(&Strike::Acknowledged(80), &lie, &[]).await;
        assert!(first.acknowledged >= 80, "{first:?}\n{}", exchange.said());
        let taken = cut::play(&exchange.disk(), &exchange.undo(), how, &mut rng);
        let again = exchange.run(&Strike::Never(0), &[], &[]).await;
        let refused = !again.ready;
        let found = matches!(again.audited, Some(Err(_)));
        println!(
            "a store that does not sync, {how:?}: {} bytes and {} names dropped; {}",
            taken.bytes(),
            taken.names,
            if refused {
                "the start refuses"
            } else {
                "the audit fails"
            }
        );
        assert!(refused || found, "{how:?} was not seen: {again:?}");
    }
}
