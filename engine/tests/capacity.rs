//! A million accounts with five assets each: what they take in memory, and how long a start from
//! their snapshot takes.
//!
//! Invariant: bytes are counted at the allocator, so the bound does not depend on the machine;
//! times are printed and not judged. Not here: speed of orders (`benches`).

#![allow(clippy::disallowed_methods)] // a test may read clocks

mod support;

use std::alloc::System;
use std::time::Instant;

use sanjiang_engine::command::{
    AssetClass, Body, CreateAccount, CreateAsset, CreateCustodian, CreateOwner, CreateParticipant,
    CustodianKind, Demonstration, Direction, Instruct, Sequenced,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::Events;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::{
    AccountId, Amount, AssetId, CustodianId, Name, OwnerId, ParticipantId, Time,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{internal, name};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ACCOUNTS: u32 = 1_000_000;
const ASSETS: u32 = 5;
/// What the issue of capacity allows: one gigabyte, the second engine apart.
const BYTES_MAX: usize = 1_000_000_000;

/// An engine that takes one body after the other.
struct Filled {
    engine: Engine,
    events: Events,
}

impl Filled {
    fn send(&mut self, body: Body) {
        self.events.clear();
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: Time::new(1).expect("in bounds"),
            value: internal(body),
        };
        self.engine.apply(&command, &mut self.events);
    }

    fn parties(&mut self) {
        let firm: Name = name("firm");
        self.send(Body::CreateParticipant(CreateParticipant { name: firm }));
        for index in 0..ACCOUNTS {
            let name = name(&format!("n{index}"));
            self.send(Body::CreateOwner(CreateOwner { name }));
            self.send(Body::CreateAccount(CreateAccount {
                name,
                participant: ParticipantId::new(0),
                owner: OwnerId::new(index),
            }));
        }
    }

    fn money(&mut self) {
        self.send(Body::CreateCustodian(CreateCustodian {
            name: name("bank"),
            kind: CustodianKind::Bank,
            demonstration: Demonstration::Demonstration,
        }));
        for asset in 0..ASSETS {
            self.send(Body::CreateAsset(CreateAsset {
                name: name(&format!("currency-{asset}")),
                class: AssetClass::Currency { decimals: 2 },
                demonstration: Demonstration::Demonstration,
            }));
        }
        for account in 0..ACCOUNTS {
            for asset in 0..ASSETS {
                self.send(Body::Instruct(Instruct {
                    account: AccountId::new(account),
                    asset: AssetId::new(asset),
                    custodian: CustodianId::new(0),
                    direction: Direction::Deposit,
                    amount: Amount::new(i64::from(account) + 1).expect("in bounds"),
                }));
            }
        }
    }
}

#[test]
fn a_million_accounts_with_five_assets_fit_and_come_back_from_a_snapshot() {
    let limits = Limits {
        orders_max: 1_024,
        requests_capacity: 1_024,
        accounts_max: ACCOUNTS,
        owners_max: ACCOUNTS,
        positions_max: ACCOUNTS * ASSETS + 64,
        // What does not come with accounts is small here.
        receipt_numbers_max: 1 << 18,
        offers_max: 1_024,
        contracts_max: 1_024,
        buyers_max: 1_024,
        ..Limits::default()
    };
    let region = Region::new(ALLOCATOR);
    let mut filled = Filled {
        engine: Engine::new(limits),
        events: Events::default(),
    };
    filled.parties();
    filled.money();
    let engine = filled.engine;
    let change = region.change();
    let bytes = change.bytes_allocated - change.bytes_deallocated;
    assert_eq!(engine.audit(), Ok(()));
    let positions = engine.clearing().ledger().positions();
    assert_eq!(positions.len() as u32, ACCOUNTS * ASSETS + ASSETS);

    let sections = engine.encode_sections();
    let size: usize = sections.iter().map(|(_, bytes)| bytes.len()).sum();
    let began = Instant::now();
    let restored = Engine::decode_sections(limits, &sections).expect("its own sections");
    let took = began.elapsed();
    assert_eq!(restored.encode_sections(), sections);
    println!(
        "{ACCOUNTS} accounts with {ASSETS} assets: {} MB; a snapshot of {} MB is read and audited \
         in {:.2} s",
        bytes / 1_000_000,
        size / 1_000_000,
        took.as_secs_f64()
    );
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}
