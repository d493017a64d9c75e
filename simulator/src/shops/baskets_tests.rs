//! Faults seeded into a right basket: a line that is missing or twice, a fen that went to another
//! line, a use too many or where there was none. Each is seen by the audit that a run makes.

use proto::v1::{
    ContractRole, ContractStep, DefineDiscountRequest, DefineDiscountResponse, MakeOfferRequest,
    OfferPrices, OfferReport, OperationReport, PriceTier,
};

use super::*;
use crate::{
    crash::{audit::When, memory::Sent},
    shops::{
        Answer, Command, Kind, Request,
        audit::{
            Audit,
            tests::{numbered, shops},
        },
        carts::code_of,
        lists::is_discount,
    },
};

const fn instant(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

/// Two offers, 1-0 at 12.37 and 2-0 at 11.11.
fn offers(ledger: &mut Ledger) {
    for (place, price) in [(1, "12.37"), (2, "11.11")] {
        let request = MakeOfferRequest {
            prices: Some(OfferPrices {
                tiers: vec![PriceTier {
                    from_pieces: 1,
                    price: price.to_owned(),
                }],
                ..OfferPrices::default()
            }),
            stock_pieces: 30,
            ..MakeOfferRequest::default()
        };
        let command = Command {
            id: format!("o{place}"),
            kind: Kind::Fixed,
            request: Request::Offer(Box::new(request)),
        };
        let report = OfferReport {
            engine_sequence: place,
            offer_id: format!("{place}-0"),
            transact_time: Some(instant(1)),
            ..OfferReport::default()
        };
        ledger.asks(&command);
        ledger.answered(&command, Sent::Once, &Answer::Offer(Box::new(report)));
    }
}

/// 7.77 off from 40.00 on, twice, once for each owner, until second 100.
fn money_off() -> Discount {
    Discount {
        threshold: "40.00".to_owned(),
        off: Some(Off::Amount("7.77".to_owned())),
        closes: Some(instant(100)),
        uses: 2,
        uses_per_owner: 1,
        ..Discount::default()
    }
}

fn define(ledger: &mut Ledger, discount: Discount) {
    let request = DefineDiscountRequest {
        client_order_id: "d".to_owned(),
        discount: Some(discount),
        valid_until: None,
    };
    let command = Command {
        id: "d".to_owned(),
        kind: Kind::Fixed,
        request: Request::Discount(Box::new(request)),
    };
    let told = DefineDiscountResponse {
        report: Some(OperationReport {
            accepted: true,
            ..OperationReport::default()
        }),
        discount_id: "3-0".to_owned(),
    };
    ledger.asks(&command);
    ledger.answered(&command, Sent::Once, &Answer::Discount(Box::new(told)));
}

/// Two of the one, three of the other, by buyer `account`.
fn asked(id: &str, account: u32) -> Command {
    let line = |offer: &str, pieces: u32| Line {
        offer_id: offer.to_owned(),
        offer_version: 1,
        pieces,
        ..Line::default()
    };
    let request = ReserveBasketRequest {
        client_order_id: id.to_owned(),
        account_id: shops().account(account),
        lines: vec![line("1-0", 2), line("2-0", 3)],
        discount_id: "3-0".to_owned(),
        ..ReserveBasketRequest::default()
    };
    Command {
        id: id.to_owned(),
        kind: Kind::Fixed,
        request: Request::Basket(Box::new(request)),
    }
}

/// Both parties' reports of the basket that was sequenced at `second`: 24.74 and 33.33, less 7.77,
/// of which 3.3102.. and 4.4597.. fen fall to the lines.
fn formed(id: &str, account: u32, second: i64) -> Vec<ContractReport> {
    let lines = [
        ("1-0", 2, ["12.37", "3.31", "21.43", "2.47"]),
        ("2-0", 3, ["11.11", "4.46", "28.87", "3.32"]),
    ];
    let mut all = Vec::new();
    for (row, (offer, pieces, [price, discount, amount, tax])) in (0..).zip(lines) {
        for role in [ContractRole::Buyer, ContractRole::Seller] {
            let own = role == ContractRole::Buyer;
            all.push(ContractReport {
                contract_id: format!("{second}-{row}"),
                client_order_id: if own { id.to_owned() } else { String::new() },
                role: role.into(),
                step: ContractStep::Basket.into(),
                state: ContractState::Paid.into(),
                version: 1,
                pieces,
                offer_id: offer.to_owned(),
                account_id: shops().account(if own { account } else { 0 }),
                buyer_account_id: shops().account(account),
                seller_account_id: shops().account(0),
                transact_time: Some(instant(second)),
                engine_sequence: second as u64,
                price: price.to_owned(),
                discount: discount.to_owned(),
                amount: amount.to_owned(),
                tax: tax.to_owned(),
                money_held: amount.to_owned(),
                ..ContractReport::default()
            });
        }
    }
    all
}

fn refused(id: &str, account: u32, (second, reason): (i64, &str)) -> ContractReport {
    ContractReport {
        client_order_id: id.to_owned(),
        role: ContractRole::Buyer.into(),
        step: ContractStep::Basket.into(),
        account_id: shops().account(account),
        transact_time: Some(instant(second)),
        engine_sequence: second as u64,
        reject_reason: reason.to_owned(),
        ..ContractReport::default()
    }
}

/// What the audit of a run finds where two baskets were asked for under a discount.
fn found(discount: Discount, stream: Vec<ContractReport>) -> (Audit, Faults) {
    let mut ledger = Ledger::default();
    offers(&mut ledger);
    define(&mut ledger, discount);
    for (id, account) in [("k1", 1), ("k2", 2), ("k3", 1)] {
        ledger.asks(&asked(id, account));
    }
    let (mut audit, mut faults) = (Audit::default(), Faults::default());
    let stream = numbered(stream);
    for report in &stream {
        audit.take(&ledger, report, &mut faults);
    }
    let due = stream.len() as u64;
    audit.compare((&ledger, &shops()), due, When::Between, &mut faults);
    (audit, faults)
}

fn objects(discount: Discount, stream: Vec<ContractReport>, what: &str) {
    let (_, faults) = found(discount, stream);
    let first = &faults.first;
    assert!(first.iter().any(|fault| fault.contains(what)), "{first:#?}");
}

#[test]
fn a_right_basket_is_right_and_uses_its_discount_once() {
    let mut stream = formed("k1", 1, 10);
    stream.push(refused("k3", 1, (11, "DISCOUNT_USED")));
    stream.extend(formed("k2", 2, 12));
    let (audit, faults) = found(money_off(), stream);
    assert_eq!(faults.count, 0, "{:#?}", faults.first);
    let checked = Checked {
        formed: 2,
        lines: 4,
        refused: 1,
        uses: 2,
    };
    assert_eq!(audit.baskets.checked, checked);
    let left = |at| audit.baskets.left("3-0", &money_off(), at);
    assert_eq!([left(9), left(10), left(11), left(12)], [2, 1, 1, 0]);
}

#[test]
fn half_a_basket_is_found() {
    let half = formed("k1", 1, 10)[..2].to_vec();
    objects(money_off(), half, "was formed in part");
    let mut then_refused = formed("k1", 1, 10)[..2].to_vec();
    then_refused.push(refused("k1", 1, (10, "OUT_OF_STOCK")));
    objects(money_off(), then_refused, "formed in part, then refused");
}

#[test]
fn a_basket_that_was_carried_out_twice_is_found() {
    let twice = [formed("k1", 1, 10), formed("k1", 1, 11)].concat();
    objects(money_off(), twice.clone(), "was carried out 3 times");
    objects(money_off(), twice, "goes on after it was answered");
    let again = refused("k1", 1, (11, "OUT_OF_STOCK"));
    let refused = vec![refused("k1", 1, (10, "OUT_OF_STOCK")), again];
    objects(money_off(), refused, "goes on after it was answered");
}

#[test]
fn a_fen_that_went_to_another_line_is_found() {
    let mut stream = formed("k1", 1, 10);
    for report in &mut stream[..2] {
        report.discount = "3.32".to_owned();
        report.amount = "21.42".to_owned();
        report.tax = "2.46".to_owned();
    }
    for report in &mut stream[2..] {
        report.discount = "4.45".to_owned();
        report.amount = "28.88".to_owned();
    }
    objects(money_off(), stream, "with 331 fen off is right");
    let mut more = formed("k1", 1, 10);
    more[0].amount = "21.44".to_owned();
    objects(money_off(), more, "amount 21.43 (3.31 off)");
}

#[test]
fn another_line_than_was_asked_for_is_found() {
    let mut other = formed("k1", 1, 10);
    for report in &mut other[2..] {
        report.offer_id = "1-0".to_owned();
    }
    objects(money_off(), other, "with 446 fen off is right");
    let mut apart = formed("k1", 1, 10);
    for report in &mut apart[2..] {
        report.contract_id = "11-0".to_owned();
        report.engine_sequence = 11;
    }
    objects(money_off(), apart, "are not one command's");
}

#[test]
fn a_use_too_many_is_found() {
    let of_one = [formed("k1", 1, 10), formed("k3", 1, 11)].concat();
    objects(money_off(), of_one, "2 of them by the same owner");
    let once = Discount {
        uses: 1,
        ..money_off()
    };
    let of_all = [formed("k1", 1, 10), formed("k2", 2, 11)].concat();
    objects(once, of_all, "used 3-0 used 2 times");
}

#[test]
fn a_use_that_the_discount_does_not_allow_is_found() {
    let coupon = Discount {
        code_hash: hash_of(&code_of("d")).to_vec(),
        ..money_off()
    };
    objects(coupon, formed("k1", 1, 10), "without its code");
    let high = Discount {
        threshold: "58.08".to_owned(),
        ..money_off()
    };
    objects(high, formed("k1", 1, 10), "below its threshold with 5807");
    let over = Discount {
        closes: Some(instant(10)),
        ..money_off()
    };
    objects(over, formed("k1", 1, 10), "after its end");
}

#[test]
fn a_refusal_that_is_not_true_is_found() {
    for reason in [
        "DISCOUNT_USED",
        "BELOW_THRESHOLD",
        "COUPON_CODE",
        "UNKNOWN_DISCOUNT",
    ] {
        let stream = vec![refused("k1", 1, (10, reason))];
        objects(money_off(), stream, "that its discount allows");
    }
    let (_, faults) = found(money_off(), vec![refused("k1", 1, (10, "OUT_OF_STOCK"))]);
    assert_eq!(faults.count, 0, "{:#?}", faults.first);
}

#[test]
fn a_discount_that_is_read_otherwise_is_found() {
    let told = Discount {
        uses_left: 1,
        ..money_off()
    };
    assert!(is_discount(&told, &money_off(), 1));
    assert!(!is_discount(&told, &money_off(), 2));
    let other = Discount {
        off: Some(Off::Amount("7.78".to_owned())),
        ..told
    };
    assert!(!is_discount(&other, &money_off(), 1));
}

/// The parts of a discount by the rule of largest remainders, worked out by hand.
#[test]
fn parts_are_by_largest_remainder_and_of_equal_ones_the_earlier_gets_more() {
    assert_eq!(parts(&[12_800, 9_900, 8_700], 3_000), [1_223, 946, 831]);
    assert_eq!(parts(&[100, 100, 100], 200), [67, 67, 66]);
    assert_eq!(parts(&[1, 1], 2), [1, 1]);
}

#[test]
fn an_answer_given_again_is_the_same_line_by_line() {
    let mut ledger = Ledger::default();
    let command = asked("k1", 1);
    ledger.asks(&command);
    let lines = formed("k1", 1, 10);
    let lines = vec![lines[0].clone(), lines[2].clone()];
    ledger.answered(&command, Sent::Once, &Answer::Basket(lines.clone()));
    assert_eq!(ledger.memory.faults.count, 0, "{:?}", ledger.memory.faults);
    let again = |marked: usize| {
        let mut lines = lines.clone();
        let first = lines.iter_mut().take(marked);
        first.for_each(|line| line.poss_dup = true);
        Answer::Basket(lines)
    };
    ledger.answered(&command, Sent::Retried, &again(2));
    assert_eq!(ledger.memory.faults.count, 0, "{:?}", ledger.memory.faults);
    ledger.answered(&command, Sent::Retried, &again(1));
    assert_eq!(ledger.memory.faults.count, 1, "half of it is given again");
    assert_eq!((ledger.baskets_again, ledger.settings_again), (2, 0));
}

#[test]
fn an_answer_without_one_of_its_lines_is_found() {
    let refuses = refused("k1", 1, (10, "OUT_OF_STOCK"));
    let whole = formed("k1", 1, 10);
    for (lines, faults) in [
        (vec![whole[0].clone(), whole[2].clone()], 0),
        (vec![whole[0].clone()], 1),
        (vec![], 1),
        (vec![refuses.clone()], 0),
        (vec![whole[0].clone(), refuses], 1),
    ] {
        let mut ledger = Ledger::default();
        let command = asked("k1", 1);
        ledger.asks(&command);
        ledger.answered(&command, Sent::Once, &Answer::Basket(lines));
        assert_eq!(ledger.memory.faults.count, faults);
    }
}

#[test]
fn a_discount_that_was_defined_twice_is_found() {
    let mut ledger = Ledger::default();
    define(&mut ledger, money_off());
    let (id, again) = ("3-0".to_owned(), Some(OperationReport::default()));
    let command = Command {
        id: "e".to_owned(),
        kind: Kind::Fixed,
        request: Request::Discount(Box::new(DefineDiscountRequest {
            client_order_id: "e".to_owned(),
            discount: Some(money_off()),
            valid_until: None,
        })),
    };
    ledger.asks(&command);
    let told = |accepted: bool| DefineDiscountResponse {
        report: again
            .clone()
            .map(|report| OperationReport { accepted, ..report }),
        discount_id: id.clone(),
    };
    ledger.answered(
        &command,
        Sent::Once,
        &Answer::Discount(Box::new(told(true))),
    );
    let first = &ledger.memory.faults.first;
    assert!(first[0].contains("3-0 was defined twice"), "{first:?}");
}
