//! A snapshot as the rules of version 3 left it: a world of everything, kept as bytes for ever.
//!
//! `golden/snapshot_rules_3.bin` is what the engine of a random world had in its sections when
//! these rules were finished; `SANJIANG_SNAPSHOT_TO=FILE` writes such a file of today's rules.
//! Invariant: the file is never changed. Not here: single sections and forgeries (their tests).

#![allow(clippy::disallowed_methods)] // a test may write a file

use sanjiang_engine::engine::Engine;
use sanjiang_engine::journal::record::Chain;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::snapshot::{Snapshot, Stamp};

const GOLDEN: &[u8] = include_bytes!("../golden/snapshot_rules_3.bin");

/// Room for any world of these tests.
fn roomy() -> Limits {
    Limits {
        orders_max: 1 << 12,
        requests_capacity: 1 << 12,
        ..Limits::default()
    }
}

#[test]
fn the_snapshot_of_rules_3_is_read_and_means_the_same() {
    let read = Snapshot::decode(GOLDEN).expect("whole");
    assert_eq!((read.sections.len(), read.header.semantics), (16, 3));
    assert_eq!(read.encode(), GOLDEN);
    let engine = read.restore(roomy()).expect("sound");
    assert_eq!(engine.audit(), Ok(()));
    let fresh = Engine::new(roomy()).encode_sections();
    for ((section, bytes), (_, empty)) in read.sections.iter().zip(&fresh) {
        assert!(bytes.len() > empty.len(), "{section:?} has something in it");
    }
}

#[test]
fn a_world_leaves_a_snapshot_that_is_read() {
    let mut most: Option<((usize, usize), Snapshot)> = None;
    for seed in 0..60 {
        let driven = crate::driven(seed, 600 + 270 * (seed as usize % 12), None).ok();
        let (driver, script) = driven.expect("no difference");
        let engine = driver.engine();
        let fresh = Engine::new(script.limits).encode_sections();
        let sections = engine.encode_sections();
        let used = sections.iter().zip(&fresh);
        let used = used.filter(|(now, then)| now.1.len() > then.1.len());
        let used = used.count();
        let size = sections.iter().map(|(_, bytes)| bytes.len()).sum();
        let stamp = Stamp {
            shard: 1,
            epoch: 1,
            chain: Chain([7; 32]),
            semantics: sanjiang_engine::SEMANTICS_VERSION,
            build: "rules 3".to_owned(),
        };
        let snapshot = Snapshot::of(engine, &stamp);
        let read = Snapshot::decode(&snapshot.encode()).expect("whole");
        let restored = read.restore(roomy()).expect("sound");
        assert_eq!(restored.audit(), Ok(()), "seed {seed}");
        if most.as_ref().is_none_or(|(known, _)| (used, size) > *known) {
            most = Some(((used, size), snapshot));
        }
    }
    let ((used, size), snapshot) = most.expect("sixty worlds");
    println!("the fullest of sixty worlds uses {used} sections, {size} bytes");
    if let Ok(path) = std::env::var("SANJIANG_SNAPSHOT_TO") {
        std::fs::write(path, snapshot.encode()).expect("written");
    }
}
