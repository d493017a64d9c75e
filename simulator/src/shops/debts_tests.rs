//! Faults seeded into a right story of what merchants owe: money that is paid twice or to another,
//! a debt that vanishes, money that is taken out past one.

use super::*;
use crate::shops::audit::tests::shops;

/// A report of a contract of 3 pieces for 42.87 that a merchant sold to a buyer.
fn report(
    contract: &str,
    (at, buyer): (u64, u32),
    (step, state): (ContractStep, ContractState),
    [held, paid_out, refunded, penalty, owing]: [&str; 5],
) -> ContractReport {
    ContractReport {
        contract_id: contract.to_owned(),
        buyer_account_id: shops().account(buyer),
        seller_account_id: merchant(),
        step: step.into(),
        state: state.into(),
        engine_sequence: at,
        pieces: 3,
        amount: "42.87".to_owned(),
        money_held: held.to_owned(),
        paid_out: paid_out.to_owned(),
        refunded: refunded.to_owned(),
        penalty: penalty.to_owned(),
        owing: owing.to_owned(),
        ..ContractReport::default()
    }
}

fn merchant() -> String {
    shops().account(9)
}

fn paid(contract: &str, of: (u64, u32)) -> ContractReport {
    let step = (ContractStep::Reserve, ContractState::Paid);
    report(contract, of, step, ["42.87", "", "", "", ""])
}

/// It is accepted: the seller has its 42.87, less a fee of 0.22.
fn sold(contract: &str, of: (u64, u32)) -> ContractReport {
    let step = (ContractStep::Accept, ContractState::Performed);
    report(contract, of, step, ["0.00", "42.65", "", "", ""])
}

fn asked(contract: &str, of: (u64, u32), pieces: u32) -> ContractReport {
    let step = (ContractStep::AskReturn, ContractState::ReturnProposed);
    ContractReport {
        return_pieces: pieces,
        ..report(contract, of, step, ["0.00", "", "", "", ""])
    }
}

/// So many pieces come back: of what they cost this is paid, and that owed.
fn back(contract: &str, of: (u64, u32), pieces: u32, [paid, owing]: [&str; 2]) -> ContractReport {
    let step = (ContractStep::TakeBack, ContractState::Owing);
    ContractReport {
        came_back: pieces,
        ..report(contract, of, step, ["0.00", "", "", paid, owing])
    }
}

fn repaid(
    contract: &str,
    of: (u64, u32),
    (pieces, state): (u32, ContractState),
    [paid, owing]: [&str; 2],
) -> ContractReport {
    let step = (ContractStep::Repay, state);
    ContractReport {
        came_back: pieces,
        ..report(contract, of, step, ["0.00", "", "", paid, owing])
    }
}

fn let_off(contract: &str, of: (u64, u32), pieces: u32) -> ContractReport {
    let step = (ContractStep::Cancel, ContractState::Refunded);
    ContractReport {
        came_back: pieces,
        by: ContractRole::Buyer.into(),
        ..report(contract, of, step, ["0.00", "", "", "", "0.00"])
    }
}

fn moved(fen: i64, reason: &str) -> Move {
    Move {
        account: merchant(),
        fen,
        reason: reason.to_owned(),
    }
}

/// A merchant sells 2-0 and 3-0, takes 80.00 of 85.30 out, and owes of both when they come back;
/// it can take nothing out. 20.00 pay a part of the older debt, 41.03 the rest of it and a part of
/// the younger one, which its buyer lets it off. The money of 4-0 is its own again.
fn story() -> (Vec<ContractReport>, Moves) {
    use ContractState::{Owing, Performed};
    let reports = vec![
        paid("2-0", (2, 1)),
        paid("3-0", (3, 2)),
        sold("2-0", (4, 1)),
        sold("3-0", (5, 2)),
        asked("2-0", (7, 1), 2),
        asked("3-0", (8, 2), 3),
        back("2-0", (9, 1), 2, ["5.30", "23.28"]),
        back("3-0", (10, 2), 3, ["0.00", "42.87"]),
        repaid("2-0", (12, 1), (2, Owing), ["20.00", "3.28"]),
        repaid("2-0", (13, 1), (2, Performed), ["3.28", "0.00"]),
        repaid("3-0", (13, 2), (3, Owing), ["37.75", "5.12"]),
        let_off("3-0", (14, 2), 3),
        paid("15-0", (15, 1)),
        sold("15-0", (16, 1)),
    ];
    let moves = Moves::from([
        (6, moved(-8_000, "")),
        (11, moved(-1, "INSUFFICIENT_FUNDS")),
        (12, moved(2_000, "")),
        (13, moved(4_103, "")),
        (17, moved(-4_266, "INSUFFICIENT_FUNDS")),
        (18, moved(-4_265, "")),
    ]);
    (reports, moves)
}

fn followed(reports: &[ContractReport], moves: &Moves) -> (Debts, Faults) {
    let (mut debts, mut faults) = (Debts::new(&shops()), Faults::default());
    for report in reports {
        debts.take(report, &mut faults);
    }
    debts.follow(moves, 100, &mut faults);
    (debts, faults)
}

fn objects(reports: &[ContractReport], moves: &Moves, what: &str) {
    let (_, faults) = followed(reports, moves);
    let first = &faults.first;
    assert!(first.iter().any(|fault| fault.contains(what)), "{first:#?}");
}

/// The right story with one report changed.
fn spoiled(place: usize, spoil: impl Fn(&mut ContractReport), what: &str) {
    let (mut reports, moves) = story();
    spoil(&mut reports[place]);
    objects(&reports, &moves, what);
}

/// The right story with another move.
fn moved_else(at: u64, other: Move, what: &str) {
    let (reports, mut moves) = story();
    moves.insert(at, other);
    objects(&reports, &moves, what);
}

#[test]
fn a_right_story_is_right_at_each_place() {
    let (reports, moves) = story();
    let (mut debts, mut faults) = (Debts::new(&shops()), Faults::default());
    let mut all = reports.iter().peekable();
    for (at, has, stand) in [
        (5, 8_530, 0),
        (8, 530, 0),
        (9, 0, 1),
        (11, 0, 2),
        (12, 0, 2),
        (13, 0, 1),
        (14, 0, 0),
        (17, 4_265, 0),
        (18, 0, 0),
    ] {
        while let Some(report) = all.next_if(|one| one.engine_sequence <= at) {
            debts.take(report, &mut faults);
        }
        debts.follow(&moves, at, &mut faults);
        let now = (debts.till(&merchant()), debts.standing());
        assert_eq!(now, (has, stand), "at {at}");
        let free = Decimal::new(1, 2);
        assert_eq!(debts.differs(&merchant(), free).is_some(), stand > 0);
        assert_eq!(debts.differs(&merchant(), Decimal::ZERO), None);
    }
    assert_eq!(faults.count, 0, "{:#?}", faults.first);
    let checked = Checked {
        owed: 2,
        in_part: 1,
        parts: 2,
        whole: 1,
        let_off: 1,
        refused: 0,
        moved: 4,
        kept_back: 1,
    };
    assert_eq!(debts.checked, checked);
    assert_eq!(debts.moved(&merchant()).to_string(), "-61.62");
    assert_eq!(debts.moved_by_all(), debts.moved(&merchant()));
}

/// What must be listed after the two returns: the older debt first, each since its own return.
#[test]
fn a_list_that_forgets_or_changes_a_debt_is_found() {
    let (mut reports, moves) = story();
    reports.truncate(9);
    for report in &mut reports {
        let seconds = report.engine_sequence as i64;
        report.transact_time = Some(prost_types::Timestamp { seconds, nanos: 0 });
        report.venue_id = "v".to_owned();
        report.version = seconds as u32;
    }
    let (debts, _) = followed(&reports, &moves);
    let debt = |contract: &str, buyer: u32, owing: &str, (since, version): (u64, u32)| Listed {
        contract_id: contract.to_owned(),
        seller_account_id: merchant(),
        buyer_account_id: shops().account(buyer),
        venue_id: "v".to_owned(),
        owing: owing.to_owned(),
        since: Some(prost_types::Timestamp {
            seconds: since as i64,
            nanos: 0,
        }),
        since_sequence: since,
        contract_version: version,
        ..Listed::default()
    };
    // A payment of a part changes how much is owed, not since when.
    let right = vec![
        debt("2-0", 1, "3.28", (9, 12)),
        debt("3-0", 2, "42.87", (10, 10)),
    ];
    assert_eq!(debts.lists(&right), None);
    let spoil: [fn(&mut Vec<Listed>); 7] = [
        |listed| drop(listed.pop()),
        |listed| listed.reverse(),
        |listed| listed.extend(listed.clone()),
        |listed| listed[0].since_sequence = 12,
        |listed| listed[0].since = listed[1].since,
        |listed| listed[1].owing = "42.86".to_owned(),
        |listed| listed[0].contract_version = 9,
    ];
    for spoil in spoil {
        let mut wrong = right.clone();
        spoil(&mut wrong);
        assert!(debts.lists(&wrong).is_some(), "{wrong:?}");
    }
}

#[test]
fn a_payment_told_twice_is_found() {
    let (mut reports, moves) = story();
    let again = reports[8].clone();
    reports.insert(9, again);
    objects(&reports, &moves, "are not what its pieces cost");
    objects(&reports, &moves, "nobody that owes has anything");
    let (mut reports, moves) = story();
    let again = reports[9].clone();
    reports.insert(10, again);
    objects(&reports, &moves, "more or less was paid than was owed");
}

#[test]
fn a_debt_that_vanishes_or_falls_without_a_payment_is_found() {
    let paid = "are not what its pieces cost";
    spoiled(6, |report| report.owing = "0.00".to_owned(), paid);
    spoiled(8, |report| report.owing = "3.27".to_owned(), paid);
    let (mut reports, moves) = story();
    reports.remove(8);
    objects(&reports, &moves, "is owed of 2000 fen");
    objects(&reports, &moves, paid);
    let performed = |report: &mut ContractReport| report.set_state(ContractState::Performed);
    spoiled(8, performed, "OWING where something is owed");
    let asks = |report: &mut ContractReport| report.set_step(ContractStep::AskReturn);
    spoiled(9, asks, "it went on although something is owed");
    let dated = |report: &mut ContractReport| {
        report.deadline = Some(prost_types::Timestamp::default());
    };
    spoiled(6, dated, "a debt has no deadline");
}

#[test]
fn more_or_less_than_there_is_to_pay_is_found() {
    let less = |report: &mut ContractReport| {
        report.penalty = "5.29".to_owned();
        report.owing = "23.29".to_owned();
    };
    spoiled(6, less, "not all that was there was paid");
    let less = |report: &mut ContractReport| {
        report.penalty = "19.99".to_owned();
        report.owing = "3.29".to_owned();
    };
    spoiled(8, less, "it pays what it has, or owes");
    let nothing = |report: &mut ContractReport| {
        report.penalty = String::new();
        report.owing = "23.28".to_owned();
    };
    spoiled(8, nothing, "more or less was paid than was owed");
}

#[test]
fn a_younger_debt_that_is_paid_first_is_found() {
    let (mut reports, moves) = story();
    reports[8] = repaid(
        "3-0",
        (12, 2),
        (3, ContractState::Owing),
        ["20.00", "22.87"],
    );
    objects(&reports, &moves, "another debt is older");
}

#[test]
fn who_owes_takes_nothing_out_and_who_does_not_what_it_has() {
    moved_else(11, moved(-1, ""), "it was not there");
    moved_else(
        17,
        moved(-4_265, "INSUFFICIENT_FUNDS"),
        "it was there, and refused",
    );
    moved_else(18, moved(-4_266, ""), "it was not there");
    moved_else(18, moved(100, "CLOSED"), "it was there, and refused");
}

#[test]
fn only_a_buyer_lets_its_seller_off_and_nobody_pays_by_hand() {
    let seller = |report: &mut ContractReport| report.set_by(ContractRole::Seller);
    spoiled(11, seller, "only its buyer lets a seller off");
    spoiled(8, seller, "a debt pays itself");
}

#[test]
fn a_return_is_refused_only_where_the_rest_may_not_be_owed() {
    let refused = |at: u64| ContractReport {
        contract_id: "3-0".to_owned(),
        reject_reason: "SELLER_FUNDS".to_owned(),
        engine_sequence: at,
        ..ContractReport::default()
    };
    // Nobody owes anything yet: it may be owed.
    let (mut reports, moves) = story();
    reports.insert(6, refused(8));
    objects(&reports, &moves, "it was there, or might be owed");
    // What its buyer sold itself is owed by that buyer: it stands between two others.
    let (mut reports, moves) = story();
    let other = |mut report: ContractReport| {
        report.seller_account_id = shops().account(10);
        report
    };
    for report in &mut reports {
        if report.contract_id == "3-0" {
            report.buyer_account_id = shops().account(10);
        }
    }
    reports.truncate(6);
    reports.extend([
        other(asked("8-0", (8, 3), 1)),
        other(back("8-0", (8, 3), 1, ["0.00", "14.29"])),
    ]);
    reports.splice(
        4..4,
        [other(paid("8-0", (6, 3))), other(sold("8-0", (6, 3)))],
    );
    let moved_other = |fen: i64| Move {
        account: shops().account(10),
        ..moved(fen, "")
    };
    let moves = Moves::from([
        (1, moved_other(4_287)),
        (6, moves[&6].clone()),
        (7, moved_other(-4_265)),
    ]);
    let mut right = reports.clone();
    right.push(refused(9));
    let (debts, faults) = followed(&right, &moves);
    assert_eq!(faults.count, 0, "{:#?}", faults.first);
    assert_eq!(debts.checked.refused, 1);
    reports.push(back("3-0", (9, 10), 3, ["5.30", "37.57"]));
    objects(&reports, &moves, "so much may not be owed");
}
