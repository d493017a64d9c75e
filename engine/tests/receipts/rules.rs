//! Signatures, numbers, bounds, what backs a receipt, and the order of an account's list.

use sanjiang_engine::command::*;
use sanjiang_engine::event::Event;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason as R;
use sanjiang_engine::types::*;

use crate::yard::{
    BANK, MONEY, OTHER, PLAY, REAL, Yard, account, issue, limits, name, part, real, reject, units,
};

fn split(receipt: ReceiptId, parts: Vec<ReceiptPart>) -> ReceiptCommand {
    let account = account(0);
    ReceiptCommand::Split(SplitReceipt {
        receipt,
        account,
        parts,
    })
}

fn merge(receipts: Vec<ReceiptId>, number: &str) -> ReceiptCommand {
    ReceiptCommand::Merge(MergeReceipts {
        account: account(0),
        receipts,
        number: name(number),
        document: [3; 32],
    })
}

fn transfer(receipt: ReceiptId, to: u32) -> ReceiptCommand {
    ReceiptCommand::Transfer(TransferReceipt {
        receipt,
        from: account(0),
        to: account(to),
    })
}

fn held(receipt: ReceiptId) -> HeldReceipt {
    let account = account(0);
    HeldReceipt { receipt, account }
}

#[test]
fn at_a_real_warehouse_two_sign() {
    let mut yard = Yard::new(limits());
    let (own, other) = (Some(PrincipalId::LOCAL), Some(PrincipalId::new(7)));
    let receipt = ReceiptId::new(0);
    let acts = [
        ReceiptCommand::Register(real("r1", 0, 100)),
        split(receipt, vec![part("r2", 50), part("r3", 50)]),
        merge(vec![ReceiptId::new(1), ReceiptId::new(2)], "r4"),
        transfer(ReceiptId::new(3), 1),
        ReceiptCommand::Register(real("r5", 0, 10)),
        ReceiptCommand::Pool(held(ReceiptId::new(4))),
        ReceiptCommand::Draw(real("r6", 0, 10)),
        ReceiptCommand::Cancel(held(ReceiptId::new(5))),
    ];
    for act in acts {
        let alone = matches!(act, ReceiptCommand::Pool(_));
        for approver in [None, own] {
            yard.approver = approver;
            if !alone {
                let reason = yard.refusal(act.clone());
                assert_eq!(reason, Some(R::ApproverRequired), "{act:?}");
            }
        }
        yard.approver = if alone { None } else { other };
        assert_eq!(yard.refusal(act.clone()), None, "{act:?}");
    }
    assert_eq!(yard.has(0, REAL), (0, 0));
    assert_eq!(yard.has(1, REAL), (0, 100));
}

#[test]
fn an_operator_freezes_and_locks_with_a_reason_only() {
    let mut yard = Yard::new(limits());
    let receipt = yard.made(ReceiptCommand::Register(issue("r1", 0, 5)));
    for encumbrance in [Encumbrance::Frozen, Encumbrance::Locked] {
        let encumber = |account| {
            ReceiptCommand::Encumber(EncumberReceipt {
                receipt,
                account,
                encumbrance,
            })
        };
        let lift = ReceiptCommand::Lift(LiftReceipt {
            receipt,
            account: None,
        });
        yard.reason = "ordered";
        let reason = yard.refusal(encumber(Some(account(0))));
        assert_eq!(reason, Some(R::InvalidField), "not the holder's");
        yard.reason = "";
        assert_eq!(yard.refusal(encumber(None)), Some(R::InvalidField));
        yard.reason = "ordered";
        assert_eq!(yard.refusal(encumber(None)), None);
        yard.reason = "";
        assert_eq!(yard.refusal(lift.clone()), Some(R::InvalidField));
        yard.reason = "over";
        assert_eq!(yard.refusal(lift), None);
    }
    for encumbrance in [
        Encumbrance::Listed,
        Encumbrance::Pledged {
            pledgee: account(1),
        },
    ] {
        let encumber = ReceiptCommand::Encumber(EncumberReceipt {
            receipt,
            account: None,
            encumbrance,
        });
        assert_eq!(
            yard.refusal(encumber),
            Some(R::InvalidField),
            "its holder's"
        );
    }
    let own = Encumbrance::Pledged {
        pledgee: account(0),
    };
    let encumber = ReceiptCommand::Encumber(EncumberReceipt {
        receipt,
        account: Some(account(0)),
        encumbrance: own,
    });
    assert_eq!(yard.refusal(encumber), Some(R::InvalidField), "to itself");
}

#[test]
fn a_number_is_given_once_in_a_warehouse_for_ever() {
    let mut yard = Yard::new(limits());
    let first = yard.made(ReceiptCommand::Register(issue("r1", 0, 5)));
    let again = ReceiptCommand::Register(issue("r1", 1, 8));
    assert_eq!(yard.refusal(again.clone()), Some(R::ReceiptNumberUsed));
    let elsewhere = IssueReceipt {
        warehouse: CustodianId::new(OTHER),
        ..issue("r1", 1, 8)
    };
    yard.made(ReceiptCommand::Register(elsewhere));
    assert_eq!(yard.refusal(ReceiptCommand::Cancel(held(first))), None);
    assert_eq!(yard.refusal(again), Some(R::ReceiptNumberUsed), "ended too");
    let second = yard.made(ReceiptCommand::Register(issue("r2", 0, 5)));
    for parts in [
        vec![part("r1", 1), part("n", 4)],
        vec![part("n", 1), part("n", 4)],
        vec![part("n", 1), part("r2", 4)],
    ] {
        let reason = yard.refusal(split(second, parts));
        assert_eq!(reason, Some(R::ReceiptNumberUsed));
    }
    let found = yard.engine.clearing().receipts();
    assert_eq!(found.find(CustodianId::new(PLAY), &name("r1")), Some(first));
    assert_eq!(found.find(CustodianId::new(PLAY), &name("n")), None);
}

#[test]
fn each_bound_is_met() {
    let tight = Limits {
        receipts_max: 3,
        receipt_numbers_max: 7,
        ..limits()
    };
    let mut yard = Yard::new(tight);
    let one = |at: u32| ReceiptCommand::Register(issue(&format!("r{at}"), 0, 10));
    let first = yard.made(one(0));
    yard.made(one(1));
    yard.made(one(2));
    assert_eq!(yard.refusal(one(3)), Some(R::TooMany), "live ones");
    let two = || vec![part("p1", 4), part("p2", 6)];
    assert_eq!(yard.refusal(split(first, two())), Some(R::TooMany));
    assert_eq!(yard.refusal(ReceiptCommand::Pool(held(first))), None);
    let part_of = yard.made(split(ReceiptId::new(1), two()));
    assert_eq!(part_of, ReceiptId::new(3));
    let whole = yard.made(merge(vec![part_of, ReceiptId::new(4)], "m1"));
    assert_eq!(yard.refusal(ReceiptCommand::Cancel(held(whole))), None);
    yard.made(one(9));
    assert_eq!(yard.refusal(one(10)), Some(R::TooMany), "numbers");
    let used = yard.engine.clearing().receipts().used();
    assert_eq!(used, [(2, 3), (7, 7)]);

    let most = Limits::RECEIPT_PARTS_MAX as i64;
    let mut yard = Yard::new(limits());
    let first = yard.made(ReceiptCommand::Register(issue("r1", 0, 1_000)));
    let parts = |count: i64| -> Vec<_> {
        let whole = (1..count).map(|at| part(&format!("p{at}"), 1));
        let rest = part("rest", 1_000 - (count - 1));
        whole.chain([rest]).collect()
    };
    for count in [1, most + 1] {
        let reason = yard.refusal(split(first, parts(count)));
        assert_eq!(reason, Some(R::InvalidField), "{count} parts");
    }
    let begin = yard.made(split(first, parts(most))).index();
    let all = |count: i64| -> Vec<_> {
        let all = begin..begin + count as u32;
        all.map(ReceiptId::new).collect()
    };
    let more = yard.made(ReceiptCommand::Register(issue("r2", 0, 1)));
    let too_many = [all(most), vec![more]].concat();
    for receipts in [vec![], vec![more], too_many, vec![more, more]] {
        let reason = yard.refusal(merge(receipts, "m"));
        assert_eq!(reason, Some(R::InvalidField));
    }
    yard.made(merge(all(most), "m"));
    assert_eq!(yard.has(0, PLAY), (0, 1_001));

    let full = Limits {
        positions_max: 2,
        ..limits()
    };
    let mut yard = Yard::new(full);
    let only = yard.made(ReceiptCommand::Register(issue("r1", 0, 1)));
    assert_eq!(yard.refusal(transfer(only, 1)), Some(R::TooMany));
    let more = ReceiptCommand::Register(issue("r2", 1, 1));
    assert_eq!(yard.refusal(more), Some(R::TooMany), "positions");
}

/// What is wrong with an issue.
type Change = fn(&mut IssueReceipt);

#[test]
fn what_is_issued_must_be_goods_that_the_warehouse_keeps() {
    let mut yard = Yard::new(limits());
    yard.approver = Some(PrincipalId::new(7));
    let plain = issue("r1", 0, 5);
    let most = units(Amount::MAX_UNITS);
    let wrong: [(Change, R); 8] = [
        (|one| one.account = account(9), R::UnknownAccount),
        (|one| one.asset = AssetId::new(9), R::UnknownAsset),
        (
            |one| one.warehouse = CustodianId::new(9),
            R::UnknownCustodian,
        ),
        (|one| one.number = Name::EMPTY, R::InvalidField),
        (|one| one.amount = Amount::ZERO, R::InvalidField),
        (
            |one| one.warehouse = CustodianId::new(REAL),
            R::InvalidField,
        ),
        (
            |one| one.warehouse = CustodianId::new(BANK),
            R::InvalidField,
        ),
        (
            |one| {
                (one.warehouse, one.asset) = (CustodianId::new(BANK), AssetId::new(MONEY));
            },
            R::InvalidField,
        ),
    ];
    for (change, expected) in wrong {
        let mut issue = plain;
        change(&mut issue);
        for act in [ReceiptCommand::Register(issue), ReceiptCommand::Draw(issue)] {
            assert_eq!(yard.refusal(act), Some(expected), "{issue:?}");
        }
    }
    yard.made(ReceiptCommand::Register(plain));
    let much = IssueReceipt {
        amount: most,
        ..issue("r2", 0, 5)
    };
    let reason = yard.refusal(ReceiptCommand::Register(much));
    assert_eq!(reason, Some(R::AmountLimit));
    let reason = yard.refusal(ReceiptCommand::Draw(much));
    assert_eq!(reason, Some(R::InsufficientGoods));
}

/// Goods behind receipts are there: a withdrawal cannot take them, and no more receipts are drawn
/// than the warehouse has goods.
#[test]
fn receipts_are_backed_by_their_warehouse() {
    let mut yard = Yard::new(limits());
    yard.deposit(0, 100);
    let receipt = yard.made(ReceiptCommand::Draw(issue("r1", 0, 60)));
    assert_eq!(yard.has(0, PLAY), (40, 60));
    yard.made(ReceiptCommand::Register(issue("r2", 1, 5)));
    let elsewhere = IssueReceipt {
        warehouse: CustodianId::new(OTHER),
        ..issue("r3", 0, 1)
    };
    let reason = yard.refusal(ReceiptCommand::Draw(elsewhere));
    assert_eq!(reason, Some(R::InsufficientGoods), "it has none of them");
    // 30 of the other warehouse's goods, pooled: available, but not in this one.
    let other = IssueReceipt {
        warehouse: CustodianId::new(OTHER),
        ..issue("r4", 0, 30)
    };
    let other = yard.made(ReceiptCommand::Register(other));
    assert_eq!(yard.refusal(ReceiptCommand::Pool(held(other))), None);
    assert_eq!(yard.has(0, PLAY), (70, 60));
    let reason = reject(&yard.instruct(0, Direction::Withdrawal, 41));
    assert_eq!(reason, Some(R::InsufficientGoods));
    let reason = yard.refusal(ReceiptCommand::Draw(issue("r5", 0, 41)));
    assert_eq!(reason, Some(R::InsufficientGoods));
    let reason = reject(&yard.instruct(0, Direction::Withdrawal, 40));
    assert_eq!(reason, None);
    assert_eq!(yard.refusal(ReceiptCommand::Cancel(held(receipt))), None);
    assert_eq!(yard.has(0, PLAY), (30, 0));
    assert_eq!(yard.has(1, PLAY), (0, 5));
    let circulation = yard.engine.clearing().ledger();
    let circulation = circulation.circulation(AssetId::new(PLAY));
    assert_eq!(circulation.units(), 35);
}

#[test]
fn on_a_reconciled_day_no_goods_come_or_go() {
    let mut yard = Yard::new(limits());
    let receipt = yard.made(ReceiptCommand::Register(issue("r1", 0, 5)));
    let today = 20_000;
    for (date, closed) in [(today - 1, false), (today, true)] {
        yard.done(Body::CloseCustodyDate(CloseCustodyDate {
            custodian: CustodianId::new(PLAY),
            date,
        }));
        let reason = closed.then_some(R::CustodyDateClosed);
        let number = format!("n{date}");
        let register = ReceiptCommand::Register(issue(&number, 0, 5));
        assert_eq!(yard.refusal(register), reason);
    }
    let reason = yard.refusal(ReceiptCommand::Cancel(held(receipt)));
    assert_eq!(reason, Some(R::CustodyDateClosed));
    assert_eq!(yard.refusal(transfer(receipt, 1)), None, "it stays inside");
    // At 16:00 UTC the next day begins.
    yard.time = yard.time.after(Nanoseconds(16 * 3_600_000_000_000));
    yard.made(ReceiptCommand::Register(issue("later", 0, 5)));
}

#[test]
fn a_retried_act_is_done_once() {
    let mut yard = Yard::new(limits());
    let act = ReceiptCommand::Register(issue("r1", 0, 5));
    let first = yard.request("one", act.clone());
    assert!(matches!(
        first[..],
        [Event::Receipt(_), Event::Operation(_)]
    ));
    let again = yard.request("one", act);
    let [Event::Duplicate(duplicate)] = again[..] else {
        panic!("a retry is told so: {again:?}");
    };
    assert_eq!(duplicate.first_sequence.next(), yard.engine.sequence());
    assert_eq!(yard.has(0, PLAY), (0, 5));
    let reused = yard.request("one", ReceiptCommand::Register(issue("r2", 0, 5)));
    assert_eq!(reject(&reused), Some(R::ClientOrderIdReused));
}

#[test]
fn an_accounts_list_goes_on_from_any_place_of_it() {
    let mut yard = Yard::new(limits());
    for at in 0..6 {
        let number = format!("r{at}");
        yard.made(ReceiptCommand::Register(issue(&number, at % 2, 10)));
    }
    yard.made(split(ReceiptId::new(0), vec![part("p1", 5), part("p2", 5)]));
    let back = TransferReceipt {
        receipt: ReceiptId::new(1),
        from: account(1),
        to: account(0),
    };
    assert_eq!(yard.refusal(ReceiptCommand::Transfer(back)), None);
    let list = |yard: &Yard, from| -> Vec<_> {
        let receipts = yard.engine.clearing().receipts();
        let list = receipts.of_account_from(account(0), from);
        list.map(|(place, _)| place).collect()
    };
    let all = list(&yard, None);
    let handles: Vec<_> = all.iter().map(|place| place.1.index()).collect();
    assert_eq!(handles, [1, 7, 6, 4, 2], "the newest first");
    for (at, place) in all.iter().enumerate() {
        assert_eq!(list(&yard, Some(*place)), all[at..]);
    }
    // What a place named is gone: those that came before it follow.
    assert_eq!(yard.refusal(ReceiptCommand::Pool(held(all[2].1))), None);
    assert_eq!(list(&yard, Some(all[2])), all[3..]);
    assert_eq!(yard.refusal(transfer(all[0].1, 3)), None);
    assert_eq!(list(&yard, Some(all[0])), [all[1], all[3], all[4]]);
    assert_eq!(list(&yard, Some((Sequence::ZERO, ReceiptId::new(0)))), []);
}
