//! A right round, and answers that it must not get.

use proto::v1::{OfferReport, OperationReport};

use super::*;
use crate::shops::{audit::tests::shops, debts::Move};

fn done() -> Answer {
    Answer::Operation(Box::new(OperationReport {
        accepted: true,
        ..OperationReport::default()
    }))
}

fn on_offer(offer_id: &str) -> Answer {
    Answer::Offer(Box::new(OfferReport {
        offer_id: offer_id.to_owned(),
        ..OfferReport::default()
    }))
}

fn step(
    contract: &str,
    version: u32,
    state: ContractState,
    [held, paid_out, penalty, owing]: [&str; 4],
) -> Answer {
    Answer::Contract(Box::new(ContractReport {
        contract_id: contract.to_owned(),
        version,
        state: state.into(),
        money_held: held.to_owned(),
        paid_out: paid_out.to_owned(),
        penalty: penalty.to_owned(),
        owing: owing.to_owned(),
        ..ContractReport::default()
    }))
}

fn refused(contract: &str, reason: &str) -> Answer {
    Answer::Contract(Box::new(ContractReport {
        contract_id: contract.to_owned(),
        reject_reason: reason.to_owned(),
        ..ContractReport::default()
    }))
}

/// It is formed, sent and accepted: a fee of 0.08 is taken of 14.29.
fn sold(contract: &str) -> [Answer; 3] {
    use ContractState::{HandedOver, Paid, Performed};
    [
        step(contract, 1, Paid, ["14.29", "", "", ""]),
        step(contract, 2, HandedOver, ["14.29", "", "", ""]),
        step(contract, 3, Performed, ["0.00", "14.21", "", ""]),
    ]
}

fn asked(contract: &str, version: u32) -> Answer {
    let state = ContractState::ReturnProposed;
    step(contract, version, state, ["0.00", "", "", ""])
}

fn back(contract: &str, version: u32) -> Answer {
    let state = ContractState::Owing;
    step(contract, version, state, ["0.00", "", "0.00", "14.29"])
}

/// The answers of the first round, its offers before it.
fn round() -> Vec<Answer> {
    use ContractState::{Performed, Refunded};
    let nothing = ["0.00", "", "", ""];
    let mut all = vec![on_offer("8-0"), on_offer("9-0"), done()];
    all.extend(sold("2-0"));
    all.extend(sold("3-0"));
    all.extend([
        done(),
        done(),
        asked("2-0", 4),
        back("2-0", 5),
        asked("3-0", 4),
        refused("3-0", UNPAID),
        step("3-0", 5, Performed, nothing),
        step("2-0", 6, Refunded, nothing),
        asked("3-0", 6),
        back("3-0", 7),
    ]);
    all.extend(sold("4-0"));
    all.extend([
        done(),
        asked("4-0", 4),
        refused("4-0", UNPAID),
        step("4-0", 5, Performed, nothing),
        done(),
        asked("4-0", 6),
        step("4-0", 7, Refunded, ["0.00", "", "14.29", "0.00"]),
    ]);
    all
}

fn ring() -> Ring {
    let mut shops = shops();
    shops.partners = true;
    Ring::new(Arc::new(shops), "ring").expect("two sell to each other")
}

/// What was asked, and the first thing that was wrong with an answer.
fn played(ring: &mut Ring, answers: &[Answer]) -> (Vec<Command>, Option<String>) {
    let mut asked = Vec::new();
    for answer in answers {
        asked.push(ring.command());
        if let Some(what) = ring.answered(answer) {
            return (asked, Some(what));
        }
    }
    (asked, None)
}

#[test]
fn a_round_is_refused_twice_and_leaves_nothing() {
    let mut ring = ring();
    let (asked, wrong) = played(&mut ring, &round());
    assert_eq!(wrong, None);
    assert_eq!((ring.place, ring.round, ring.has), (0, 1, [0, 0]));
    let [first, second] = ring.partners.map(|index| ring.shops.account(index));
    let moves = asked.iter().filter_map(|command| {
        let Request::Move(moved) = &command.request else {
            return None;
        };
        Some((moved.account_id.clone(), Move::of(moved, "").fen))
    });
    let due = [(&second, 100), (&first, -1_421), (&second, -92)];
    let due = due.into_iter().chain([(&second, -1_421), (&first, 1_429)]);
    let due: Vec<_> = due.map(|(who, fen)| (who.clone(), fen)).collect();
    assert_eq!(moves.collect::<Vec<_>>(), due);
    // In the next round the first debt is paid, not let off, and all is of two pieces.
    assert_eq!((ring.pieces(), ring.lets_off(Sale::First)), (2, false));
    assert!(!ring.lets_off(Sale::Crossed));
}

#[test]
fn an_answer_that_is_not_due_is_told_and_the_round_begins_again() {
    let owed = back("3-0", 5);
    let stale = refused("3-0", "STALE_VERSION");
    let moved_on = step("3-0", 6, ContractState::Performed, ["0.00", "", "", ""]);
    let settled = step("3-0", 5, ContractState::Settled, ["0.00", "", "", ""]);
    for (place, other) in [
        (14, owed),
        (14, stale),
        (14, done()),
        (15, moved_on),
        (15, settled),
        (15, refused("3-0", UNPAID)),
        (9, refused("3-0", UNPAID)),
    ] {
        let (mut ring, mut answers) = (ring(), round());
        answers[place] = other;
        let (asked, wrong) = played(&mut ring, &answers);
        assert_eq!(asked.len(), place + 1);
        assert!(wrong.is_some_and(|what| what.contains("was answered")));
        assert_eq!((ring.place, ring.round), (0, 1));
    }
}

#[test]
fn shops_without_partners_have_no_ring() {
    assert!(Ring::new(Arc::new(shops()), "ring").is_none());
}
