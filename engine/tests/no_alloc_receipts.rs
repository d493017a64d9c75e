//! Acts on warehouse receipts allocate nothing: rows, numbers, chains, sums and hashes lie in
//! tables that were reserved when the engine was built.
//!
//! Invariant: the commands are made before, and 20,000 of them applied without a call to the
//! allocator; the warm-up has only made the positions and the sums of the warehouses. The harness
//! runs one test here, so nothing else allocates beside it. Not here: requests by id, orders
//! (`no_alloc`).

#[path = "support/founding.rs"]
mod founding;

use std::alloc::System;

use founding::name;
use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Event, Events};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ACCOUNTS: u32 = 16;
const ROUNDS: u32 = 2_000;

fn founding() -> Vec<Body> {
    let participant = name("firm");
    let mut bodies = vec![Body::CreateParticipant(CreateParticipant {
        name: participant,
    })];
    for at in 0..ACCOUNTS {
        bodies.extend(founding::owned_account(&format!("a{at}"), at));
    }
    let class = AssetClass::Goods {
        unit: name("t"),
        decimals: 0,
    };
    let demonstration = Demonstration::Demonstration;
    bodies.extend(founding::kept_asset("goods", class, demonstration));
    for at in 0..ACCOUNTS {
        bodies.push(act(ReceiptCommand::Register(issue(
            &format!("w{at}"),
            AccountId::new(at),
            10,
        ))));
    }
    bodies
}

fn act(act: ReceiptCommand) -> Body {
    Body::Receipts(Box::new(act))
}

fn issue(number: &str, account: AccountId, units: i64) -> IssueReceipt {
    IssueReceipt {
        number: name(number),
        warehouse: CustodianId::new(0),
        asset: AssetId::new(0),
        amount: Amount::new(units).expect("in bounds"),
        account,
        document: [7; 32],
    }
}

/// One receipt's life: ten acts, four of which issue five receipts; `next` is the next handle.
fn life(round: u32, next: u32) -> [ReceiptCommand; 10] {
    let (from, to) = (round % ACCOUNTS, (round + 1) % ACCOUNTS);
    let (from, to) = (AccountId::new(from), AccountId::new(to));
    let [first, a, b, whole, drawn] = std::array::from_fn(|at| ReceiptId::new(next + at as u32));
    let part = |text: &str, units| ReceiptPart {
        number: name(&format!("{text}{round}")),
        amount: Amount::new(units).expect("in bounds"),
        document: [8; 32],
    };
    let pledged = Encumbrance::Pledged { pledgee: to };
    let receipt = first;
    let held = |receipt, account| HeldReceipt { receipt, account };
    [
        ReceiptCommand::Register(issue(&format!("r{round}"), from, 100)),
        ReceiptCommand::Encumber(EncumberReceipt {
            receipt,
            account: Some(from),
            encumbrance: pledged,
        }),
        // Refused: it is pledged.
        ReceiptCommand::Pool(held(receipt, from)),
        ReceiptCommand::Lift(LiftReceipt {
            receipt,
            account: Some(to),
        }),
        ReceiptCommand::Split(SplitReceipt {
            receipt,
            account: from,
            parts: vec![part("a", 60), part("b", 40)],
        }),
        ReceiptCommand::Merge(MergeReceipts {
            account: from,
            receipts: vec![a, b],
            number: name(&format!("m{round}")),
            document: [9; 32],
        }),
        ReceiptCommand::Transfer(TransferReceipt {
            receipt: whole,
            from,
            to,
        }),
        ReceiptCommand::Pool(held(whole, to)),
        ReceiptCommand::Draw(issue(&format!("d{round}"), to, 100)),
        ReceiptCommand::Cancel(held(drawn, to)),
    ]
}

#[test]
fn acts_on_receipts_allocate_nothing() {
    let limits = Limits {
        receipt_numbers_max: 5 * ROUNDS + ACCOUNTS,
        requests_capacity: 16,
        ..Limits::default()
    };
    let mut engine = Engine::new(limits);
    let mut events = Events::with_capacity(64);
    let mut bodies = founding();
    let warm = bodies.len();
    for round in 0..ROUNDS {
        bodies.extend(life(round, ACCOUNTS + 5 * round).map(act));
    }
    let commands = bodies.into_iter().zip(1..).map(|(body, at)| Sequenced {
        sequence: Sequence::new(at),
        time: Time::ZERO,
        value: founding::command(Identity::Internal, body),
    });
    let commands: Vec<_> = commands.collect();
    let (founding, lives) = commands.split_at(warm);
    for command in founding {
        events.clear();
        engine.apply(command, &mut events);
    }
    let (mut told, mut refused) = (0, 0);
    let region = Region::new(ALLOCATOR);
    for command in lives {
        events.clear();
        engine.apply(command, &mut events);
        for event in events.as_slice() {
            if let Event::Operation(answer) = event {
                refused += u32::from(answer.reject.is_some());
            }
            told += u32::from(matches!(event, Event::Receipt(_)));
        }
    }
    let change = region.change();
    let calls = [
        change.allocations,
        change.reallocations,
        change.deallocations,
    ];
    println!("{} acts, {told} events of receipts, {calls:?}", lives.len());
    assert_eq!(calls, [0; 3], "allocations, reallocations, deallocations");
    assert_eq!(refused, ROUNDS, "the pledged ones");
    assert_eq!(told, 13 * ROUNDS);
    assert_eq!(engine.audit(), Ok(()));
    let used = engine.clearing().receipts().used();
    assert_eq!(used[1].0, used[1].1, "every number was given");
}
