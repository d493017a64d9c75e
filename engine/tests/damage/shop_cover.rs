//! Whether an image has what tests of shops are about, and whether each contract in it went its
//! way once: formed once, no version left out or given twice, no deadline fired twice or missed.
//!
//! Invariant: all is read from events. Not here: damage (`shop_cases`).

use std::collections::{BTreeMap, BTreeSet};

use sanjiang_engine::event::{
    ContractEvent, ContractReport, ContractStep, DiscountAct, Event, LotteryFact, OfferAct,
    SaleEvent, State,
};
use sanjiang_engine::snapshot;

use super::image::Image;
use super::later::follows;
use crate::support::limits;

/// States of contracts that must stand in the snapshots, so that their bytes are of them.
const IN_SNAPSHOT: [State; 8] = [
    State::Unpaid,
    State::Paid,
    State::HandedOver,
    State::Delivered,
    State::Joined,
    State::Entered,
    State::Covered,
    State::Owing,
];

/// By what a contract comes to be covered, what is done of one that is, and by what its guarantee
/// pays back.
const COVERED_BY: [ContractStep; 3] = [
    ContractStep::Accept,
    ContractStep::Deadline,
    ContractStep::TakeBack,
];
const OF_COVERED: [ContractStep; 4] = [
    ContractStep::Dispute,
    ContractStep::Resolve,
    ContractStep::AskReturn,
    ContractStep::Deadline,
];
const PAID_BACK_BY: [ContractStep; 2] = [ContractStep::TakeBack, ContractStep::Resolve];

/// What a deadline can make of a contract.
const BY_DEADLINE: [State; 7] = [
    State::Expired,
    State::Defaulted,
    State::Settled,
    State::Paid,
    State::Released,
    State::Forfeited,
    State::Performed,
];

/// Whether an image has offers, contracts and deadlines of every kind, before and after its newest
/// snapshot, and whether what follows on it ends all that lives.
pub fn covers(image: &Image) {
    let before: Vec<_> = image
        .released
        .iter()
        .flat_map(|seen| &seen.events)
        .collect();
    let (given, engine) = follows(&image.commands);
    let after: Vec<_> = given.iter().flat_map(|(_, _, _, events)| events).collect();
    offers(&before);
    let all = before.iter().chain(&after).copied();
    guarantees(all.clone());
    let (steps, ends) = chains(all);
    let missing: Vec<_> = ContractStep::ALL
        .iter()
        .filter(|step| !steps.contains(step))
        .collect();
    assert!(missing.is_empty(), "no contract has had {missing:?}");
    let missing: Vec<_> = BY_DEADLINE
        .iter()
        .filter(|state| !ends.contains(state))
        .collect();
    assert!(missing.is_empty(), "no deadline led to {missing:?}");
    assert_eq!(engine.audit(), Ok(()));
    snapshots(image);
    let (tail, _) = image.heads[0];
    let in_tail = image.released.iter().filter(|seen| seen.sequence > tail);
    let fired = in_tail
        .flat_map(|seen| &seen.events)
        .filter(|event| is_deadline(event));
    assert!(
        fired.count() > 0,
        "a deadline fires after the newest snapshot"
    );
}

fn is_deadline(event: &Event) -> bool {
    matches!(event, Event::Contract(ContractEvent::Step(report))
        if report.step == ContractStep::Deadline)
}

fn offers(events: &[&Event]) {
    let mut acts = BTreeSet::new();
    let mut facts = [0; 3];
    let mut tickets = 0;
    let mut discounts = [0; 3];
    for event in events {
        if let Event::Sale(SaleEvent::Offer(report)) = event {
            acts.insert(report.act);
        } else if let Event::Sale(SaleEvent::Lottery(report)) = event {
            facts[match report.fact {
                LotteryFact::Value { .. } => 0,
                LotteryFact::Seed { .. } => 1,
                LotteryFact::Drawn { .. } => 2,
            }] += 1;
        } else if let Event::Sale(SaleEvent::Ticket(_)) = event {
            tickets += 1;
        } else if let Event::Sale(SaleEvent::Discount(report)) = event {
            discounts[match report.act {
                DiscountAct::Defined => 0,
                DiscountAct::Used => 1,
                DiscountAct::Ended => 2,
            }] += 1;
        }
    }
    assert_eq!(acts.len(), OfferAct::ALL.len(), "{acts:?}");
    assert!(
        facts.iter().chain(&discounts).all(|count| *count > 0) && tickets > 0,
        "{facts:?} {discounts:?} {tickets}"
    );
}

/// What guarantees were set to, and what became of contracts that they cover.
fn guarantees<'a>(events: impl Iterator<Item = &'a Event>) {
    let (mut set, mut last) = (BTreeSet::new(), BTreeMap::new());
    let (mut by, mut of, mut paid) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for event in events {
        if let Event::Sale(SaleEvent::Guarantee(report)) = event {
            set.insert((report.amount > 0, report.covering > 0));
        }
        let Event::Contract(ContractEvent::Step(report)) = event else {
            continue;
        };
        let contract = (report.contract, report.slots.contract);
        let before = last.insert(contract, report.state);
        if report.state == State::Covered {
            by.insert(report.step);
        }
        if before == Some(State::Covered) {
            of.insert(report.step);
        }
        let returns = matches!(
            before,
            Some(State::Covered | State::ReturnAsked | State::Returning)
        );
        if returns && report.penalty > 0 {
            paid.insert(report.step);
        }
    }
    let kinds = BTreeSet::from([(false, false), (true, false), (true, true)]);
    assert_eq!(set, kinds, "guarantees above zero, and those that cover");
    let missing = [
        (by, &COVERED_BY[..]),
        (of, &OF_COVERED),
        (paid, &PAID_BACK_BY),
    ]
    .map(|(seen, wanted)| {
        let wanted = wanted.iter().filter(|step| !seen.contains(step));
        wanted.copied().collect::<Vec<_>>()
    });
    assert!(
        missing.iter().all(Vec::is_empty),
        "covered by, of those covered, paid back by: no {missing:?}"
    );
}

/// Follows each contract; which steps there were, and what deadlines made.
fn chains<'a>(
    events: impl Iterator<Item = &'a Event>,
) -> (BTreeSet<ContractStep>, BTreeSet<State>) {
    let (mut steps, mut ends) = (BTreeSet::new(), BTreeSet::new());
    let mut last = BTreeMap::<(u64, u32), ContractReport>::new();
    for event in events {
        let Event::Contract(ContractEvent::Step(report)) = event else {
            continue;
        };
        steps.insert(report.step);
        let before = last.insert((report.contract, report.slots.contract), *report);
        let Some(before) = before else {
            assert!(report.step.forms() && report.version == 1, "{report:?}");
            continue;
        };
        assert!(before.state.lives(), "it went on after its end: {report:?}");
        let put_off = report.step == ContractStep::PutOff;
        assert_eq!(
            report.version,
            before.version + u32::from(!put_off),
            "{report:?}"
        );
        if report.step == ContractStep::Deadline {
            assert!(before.deadline.is_some(), "nothing was due: {report:?}");
            ends.insert(report.state);
        }
    }
    let late = last
        .values()
        .find(|last| last.state.lives() && last.deadline.is_some());
    assert!(late.is_none(), "nothing came of the deadline of {late:?}");
    (steps, ends)
}

/// The snapshots have contracts in many states.
fn snapshots(image: &Image) {
    let kept = image.files.iter();
    let kept = kept.filter(|(name, _)| name.starts_with("snapshots"));
    let mut states = BTreeSet::new();
    for (_, bytes) in kept {
        let one = snapshot::Snapshot::decode(bytes).expect("whole");
        let engine = one.restore(limits()).expect("an engine");
        states.extend(engine.contracts().all().map(|(_, one)| one.state));
    }
    for state in IN_SNAPSHOT {
        assert!(
            states.contains(&state),
            "{:?}: no {state:?} in a snapshot",
            image.end
        );
    }
}
