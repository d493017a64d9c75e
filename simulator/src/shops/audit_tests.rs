//! Faults seeded into a right stream: the audit, the books and the deadlines see each.

use proto::v1::{MakeOfferRequest, OfferPrices, OfferReport, PriceTier};

use super::*;
use crate::{
    crash::memory::Sent,
    setup::Run,
    shops::{
        Answer, Command, Kind, Request,
        books::Books,
        ledger::{Lives, Made},
    },
};

const SECOND: i64 = 1_000_000_000;

pub fn shops() -> Shops {
    Shops {
        run: Run::named("s").unwrap(),
        venue: "v".to_owned(),
        firm: "firm".to_owned(),
        money: "CNY".to_owned(),
        goods: "tea".to_owned(),
        warehouse: "w".to_owned(),
        picked_up: true,
        bank: "b".to_owned(),
        kinds: Kind::ALL.to_vec(),
        terms: [None; Kind::ALL.len()],
        buyers: 8,
        merchants: 2,
        partners: false,
        whole: true,
        imports: "i".to_owned(),
        handles: (0..11).map(|place| (place, 100 + place)).collect(),
    }
}

const fn instant(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

/// A flash sale of 5 pieces, 2 a buyer, made at second 1.
fn offer() -> (Command, Answer) {
    let request = MakeOfferRequest {
        account_id: shops().account(0),
        prices: Some(OfferPrices {
            tiers: vec![PriceTier {
                from_pieces: 1,
                price: "10.00".to_owned(),
            }],
            buyer_limit_pieces: Some(2),
            ..OfferPrices::default()
        }),
        stock_pieces: 5,
        ..MakeOfferRequest::default()
    };
    let command = Command {
        id: "offer".to_owned(),
        kind: Kind::Flash,
        request: Request::Offer(Box::new(request)),
    };
    let report = OfferReport {
        engine_sequence: 1,
        offer_id: "1-0".to_owned(),
        transact_time: Some(instant(1)),
        ..OfferReport::default()
    };
    (command, Answer::Offer(Box::new(report)))
}

/// An offer of a kind as the ledger keeps it.
pub fn made(kind: Kind) -> Made {
    let ledger = ledger();
    let made = ledger.offers().values().next().expect("one was made");
    Made {
        kind,
        ..made.clone()
    }
}

/// One party's report of a step at a second, which is also its place in the history.
fn report(
    contract: &str,
    role: ContractRole,
    (step, version, state): (ContractStep, u32, ContractState),
    (second, deadline): (i64, Option<i64>),
) -> ContractReport {
    let account = u32::from(role == ContractRole::Buyer);
    ContractReport {
        contract_id: contract.to_owned(),
        role: role.into(),
        step: step.into(),
        state: state.into(),
        version,
        pieces: 2,
        offer_id: "1-0".to_owned(),
        account_id: shops().account(account),
        buyer_account_id: shops().account(1),
        seller_account_id: shops().account(0),
        transact_time: Some(instant(second)),
        deadline: deadline.map(instant),
        engine_sequence: second as u64,
        price: "10.00".to_owned(),
        amount: "20.00".to_owned(),
        tax: "2.30".to_owned(),
        ..ContractReport::default()
    }
}

/// Numbers the reports as their streams do.
pub fn numbered(mut all: Vec<ContractReport>) -> Vec<ContractReport> {
    let mut accounts = HashMap::<String, u64>::new();
    for (report, number) in all.iter_mut().zip(1..) {
        let own = accounts.entry(report.account_id.clone()).or_default();
        *own += 1;
        report.account_sequence = *own;
        report.participant_sequence = number;
        report.exec_id = format!("0-1-{number}");
    }
    all
}

/// Contract 2-0 is reserved at second 2, is due at 3 and expires then; 5-0 is reserved at second 5,
/// the gateway dies at 6, and its deadline at 7 is put off to a day after 8.
fn stream() -> Vec<ContractReport> {
    const DAY: i64 = 24 * 3_600;
    use ContractRole::{Buyer, Seller};
    let unpaid = ContractState::Unpaid;
    let steps = [
        ("2-0", (ContractStep::Reserve, 1, unpaid), (2, Some(3))),
        (
            "2-0",
            (ContractStep::Deadline, 2, ContractState::Expired),
            (3, None),
        ),
        ("5-0", (ContractStep::Reserve, 1, unpaid), (5, Some(7))),
        ("5-0", (ContractStep::PutOff, 1, unpaid), (8, Some(8 + DAY))),
    ];
    let mut all = Vec::new();
    for (contract, step, times) in steps {
        for role in [Buyer, Seller] {
            let mut one = report(contract, role, step, times);
            if step.0 == ContractStep::Reserve && role == Buyer {
                one.client_order_id = format!("r-{contract}");
            }
            all.push(one);
        }
    }
    numbered(all)
}

/// What the clerks were told of that stream; the gateway died at second 6.
fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    let (command, answer) = offer();
    ledger.asks(&command);
    ledger.answered(&command, Sent::Once, &answer);
    for report in stream() {
        if report.client_order_id.is_empty() {
            continue;
        }
        let command = Command {
            id: report.client_order_id.clone(),
            kind: Kind::Flash,
            request: Request::Reserve(Box::default()),
        };
        ledger.asks(&command);
        let answer = Answer::Contract(Box::new(report));
        ledger.answered(&command, Sent::Once, &answer);
    }
    ledger.lives.ended(6 * SECOND);
    let faults = &ledger.memory.faults;
    assert_eq!(faults.count, 0, "{faults:?}");
    ledger
}

fn found(stream: &[ContractReport], ledger: &Ledger) -> (Found, Faults) {
    let (mut audit, mut faults) = (Audit::default(), Faults::default());
    for report in stream {
        audit.take(ledger, report, &mut faults);
    }
    let due = ledger.memory.last_told();
    audit.compare((ledger, &shops()), due, When::AtEnd, &mut faults);
    (audit.found, faults)
}

fn objects(stream: &[ContractReport], ledger: &Ledger, what: &str) {
    let (_, faults) = found(stream, ledger);
    let first = &faults.first;
    assert!(first.iter().any(|fault| fault.contains(what)), "{first:#?}");
}

/// The right stream with one report changed for both parties.
fn spoiled(first: usize, spoil: impl Fn(&mut ContractReport)) -> Vec<ContractReport> {
    let mut stream = stream();
    stream[first..first + 2].iter_mut().for_each(spoil);
    stream
}

#[test]
fn a_right_stream_is_right_and_its_deadlines_are_counted() {
    let (found, faults) = found(&stream(), &ledger());
    assert_eq!(faults.count, 0, "{:#?}", faults.first);
    assert_eq!((found.reports, found.fired, found.put_off), (8, 1, 1));
    assert!(found.overdue(9 * SECOND).is_empty());
    assert_eq!(found.contracts().count(), 2);
}

#[test]
fn a_report_that_is_gone_is_found() {
    objects(&stream()[..4], &ledger(), "report 5 is lost");
    let mut middle = stream();
    middle.remove(2);
    objects(&middle, &ledger(), "report 4 came where 3 was due");
    objects(&numbered(middle), &ledger(), "were told otherwise");
}

#[test]
fn a_reservation_that_was_carried_out_twice_is_found() {
    let mut twice = stream();
    for place in 0..2 {
        let mut again = twice[place].clone();
        again.contract_id = "9-0".to_owned();
        twice.push(again);
    }
    objects(&numbered(twice), &ledger(), "was carried out 2 times");
    let mut same = stream();
    same.insert(1, same[0].clone());
    objects(&same, &ledger(), "report 1 came where 2 was due");
}

#[test]
fn a_report_that_changed_is_found() {
    let other = |report: &mut ContractReport| report.pieces = 3;
    objects(&spoiled(0, other), &ledger(), "the client was told");
}

#[test]
fn a_gap_in_the_versions_and_a_second_beginning_are_found() {
    let ahead = |report: &mut ContractReport| report.version = 3;
    objects(
        &spoiled(2, ahead),
        &ledger(),
        "version 3 came where 2 was due",
    );
    objects(&spoiled(4, ahead), &ledger(), "begins with version 3");
}

#[test]
fn a_deadline_that_fires_twice_or_too_early_is_found() {
    let mut twice = stream();
    let again = twice[2..4].to_vec();
    twice.splice(4..4, again);
    objects(&numbered(twice), &ledger(), "went on after its end");
    let early = |report: &mut ContractReport| report.transact_time = Some(instant(2));
    objects(&spoiled(2, early), &ledger(), "fired before it was due");
}

#[test]
fn a_deadline_that_a_gap_puts_off_must_not_fire() {
    let fires = |report: &mut ContractReport| {
        report.set_step(ContractStep::Deadline);
        report.set_state(ContractState::Expired);
        report.version = 2;
        report.deadline = None;
    };
    objects(&spoiled(6, fires), &ledger(), "a gap in service puts off");
}

#[test]
fn a_deadline_put_off_without_a_gap_or_too_far_is_found() {
    let mut calm = ledger();
    calm.lives = Lives::default();
    objects(&stream(), &calm, "without a gap");
    let far = |report: &mut ContractReport| report.deadline = Some(instant(9 + 24 * 3_600));
    objects(&spoiled(6, far), &ledger(), "to a wrong instant");
}

#[test]
fn a_deadline_that_had_passed_must_not_be_put_off() {
    // The gateway lived on past second 7: a report of that life says so.
    let mut passed = stream();
    let later: Vec<_> = passed[..2].to_vec();
    for mut report in later {
        report.contract_id = "7-0".to_owned();
        report.client_order_id = String::new();
        report.transact_time = Some(instant(7));
        report.deadline = None;
        passed.insert(6, report);
    }
    let mut ledger = ledger();
    ledger.lives = Lives::default();
    ledger.lives.ended(7 * SECOND + 1);
    objects(&numbered(passed), &ledger, "that had passed before the gap");
}

#[test]
fn a_deadline_of_which_nothing_came_is_overdue() {
    let (found, _) = found(&stream()[..6], &ledger());
    assert_eq!(found.overdue(9 * SECOND).len(), 1);
    assert!(found.overdue(6 * SECOND).is_empty());
}

#[test]
fn a_step_after_the_time_had_passed_is_found() {
    let late = |report: &mut ContractReport| {
        report.set_step(ContractStep::Pay);
        report.set_state(ContractState::Paid);
        report.transact_time = Some(instant(4));
    };
    objects(&spoiled(2, late), &ledger(), "whose time had passed");
}

#[test]
fn more_pieces_than_there_were_and_more_than_a_buyer_may_have_are_found() {
    let (shops, ledger) = (shops(), ledger());
    let own = |report: &&ContractReport| report.role() == ContractRole::Buyer;
    let mut books = Books::new(&shops);
    let right = stream();
    right
        .iter()
        .filter(own)
        .for_each(|report| books.take(report, ledger.offers()));
    assert_eq!(books.faults.count, 0, "{:?}", books.faults);
    assert_eq!(
        books.left("1-0", ledger.offers()),
        Some(3),
        "one lives, one gave back"
    );
    let mut more = right[4].clone();
    more.contract_id = "9-0".to_owned();
    books.take(&more, ledger.offers());
    assert!(books.faults.first[0].contains("its limit is 2"));
    more.contract_id = "9-1".to_owned();
    books.take(&more, ledger.offers());
    let first = &books.faults.first;
    assert!(first.iter().any(|what| what.contains("gave 6 pieces")));
}

#[test]
fn money_that_vanishes_in_a_step_is_found() {
    let (shops, ledger) = (shops(), ledger());
    let mut books = Books::new(&shops);
    let mut paid = stream()[0].clone();
    paid.money_held = "20.00".to_owned();
    books.take(&paid, ledger.offers());
    let mut less = paid.clone();
    less.set_step(ContractStep::Accept);
    less.money_held = "0.00".to_owned();
    less.paid_out = "19.99".to_owned();
    books.take(&less, ledger.offers());
    assert!(books.faults.first[0].contains("20.00 is not 0.00 held"));
}

#[test]
fn a_price_of_another_tier_and_a_wrong_tax_are_found() {
    let dearer = |report: &mut ContractReport| {
        report.price = "11.00".to_owned();
        report.amount = "22.00".to_owned();
    };
    objects(&spoiled(0, dearer), &ledger(), "price 10.00, amount 20.00");
    let taxed = |report: &mut ContractReport| report.tax = "2.31".to_owned();
    objects(&spoiled(0, taxed), &ledger(), "tax 2.30 are right");
}

/// What is taken in part by part is compared as if it came at once, and what a client is told
/// later of a report that was taken in before is compared, too.
#[test]
fn an_audit_goes_on_from_where_it_was() {
    let (stream, whole) = (stream(), ledger());
    let (mut audit, mut faults) = (Audit::default(), Faults::default());
    for part in stream.chunks(2) {
        for report in part {
            audit.take(&whole, report, &mut faults);
        }
        let due = audit.next() - 1;
        audit.compare((&whole, &shops()), due, When::Between, &mut faults);
    }
    assert_eq!(faults.count, 0, "{:#?}", faults.first);
    assert_eq!(audit.next(), 9);
    let mut other = stream[3].clone();
    other.pieces = 9;
    let mut later = whole;
    let key = Key::Session("s".to_owned(), 1);
    later.asks_for(&key);
    let told = Told::Report(Box::new(other));
    later.memory.tell(4, told);
    audit.compare((&later, &shops()), 8, When::Between, &mut faults);
    let first = &faults.first;
    assert!(
        first
            .iter()
            .any(|what| what.contains("the client was told"))
    );
}

#[test]
fn money_that_a_bank_brought_counts_once() {
    let (shops, ledger) = (shops(), ledger());
    let mut books = Books::new(&shops);
    let mut report = stream()[0].clone();
    report.money_held = "0.00".to_owned();
    books.take(&report, ledger.offers());
    report.set_step(ContractStep::PayIn);
    report.version = 2;
    books.take(&report, ledger.offers());
    report.set_step(ContractStep::PaidIn);
    report.set_state(ContractState::Paid);
    report.version = 3;
    report.money_held = "20.00".to_owned();
    books.take(&report, ledger.offers());
    assert_eq!(books.faults.count, 0, "{:?}", books.faults);
    assert_eq!(books.paid_in.to_string(), "20.00");
    let buyer = shops.account(1);
    let has = |balance: &str, available: &str| proto::v1::Balance {
        asset_id: shops.money.clone(),
        balance: balance.to_owned(),
        held: "20.00".to_owned(),
        available: available.to_owned(),
        ..proto::v1::Balance::default()
    };
    let goods = proto::v1::Balance {
        asset_id: shops.goods.clone(),
        balance: "1000000000".to_owned(),
        held: "0".to_owned(),
        available: "1000000000".to_owned(),
        ..proto::v1::Balance::default()
    };
    let differs = |money: proto::v1::Balance| {
        let all = [money, goods.clone()];
        books.differs((&shops, ledger.offers()), (&buyer, &all), (9, true, true))
    };
    assert_eq!(differs(has("1000000020.00", "1000000000.00")), None);
    assert!(differs(has("1000000000.00", "999999980.00")).is_some());
    assert!(differs(has("1000000040.00", "1000000020.00")).is_some());
}

/// A guarantee is held of the seller's money; what of it is not known yet is no fault.
#[test]
fn money_held_otherwise_than_the_guarantee_says_is_found() {
    let (shops, ledger) = (shops(), ledger());
    let mut books = Books::new(&shops);
    let set = crate::shops::cover::Set {
        fen: 3_000,
        reason: String::new(),
    };
    let sets = crate::shops::cover::Sets::from([(8, set)]);
    books.follow((&sets, &crate::shops::uses::Customs::new()), 9);
    let balance = |asset: &String, held: &str, available: &str| proto::v1::Balance {
        asset_id: asset.clone(),
        balance: "1000000000".to_owned(),
        held: held.to_owned(),
        available: available.to_owned(),
        ..proto::v1::Balance::default()
    };
    let goods = balance(&shops.goods, "10", "999999990");
    let differs = |held: &str, available: &str, sure: bool| {
        let all = [balance(&shops.money, held, available), goods.clone()];
        let seller = shops.account(0);
        books.differs((&shops, ledger.offers()), (&seller, &all), (9, true, sure))
    };
    assert_eq!(differs("30.00", "999999970.00", true), None);
    assert!(differs("30.01", "999999969.99", true).is_some());
    assert_eq!(differs("30.01", "999999969.99", false), None);
    assert!(differs("30.00", "999999970.01", false).is_some());
}
