//! How a receipt stands x what is done with it: every pair has its answer, in one table.

use sanjiang_engine::command::*;
use sanjiang_engine::event::{ReceiptEnd, ReceiptStatus};
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::ReceiptId;

use crate::yard::{Yard, account, issue, limits, name, part};

/// The holder, the pledgee, and who has nothing to do with it.
const HOLDER: u32 = 0;
const PLEDGEE: u32 = 1;
const STRANGER: u32 = 2;

const ACTS: [&str; 13] = [
    "list",
    "pledge",
    "freeze",
    "lock",
    "lift by holder",
    "lift by pledgee",
    "lift by operator",
    "split",
    "merge",
    "transfer",
    "cancel",
    "pool",
    "cancel by stranger",
];

// What the acts answer, in their order: how it stands then, or why not.
const ACT: &str = "active";
const LIS: &str = "listed";
const PLE: &str = "pledged";
const FRO: &str = "frozen";
const LOC: &str = "locked";
const SPL: &str = "split";
const MER: &str = "merged";
const CAN: &str = "cancelled";
const POO: &str = "pooled";
const ENC: &str = "RECEIPT_ENCUMBERED";
const END: &str = "RECEIPT_ENDED";
const NOT: &str = "RECEIPT_NOT_ENCUMBERED";
const UNK: &str = "UNKNOWN_RECEIPT";

#[rustfmt::skip]
const TABLE: [(&str, [&str; 13]); 9] = [
    //   list  pled  frz   lock  lift: holder, pledgee, operator
    //                                             split merge trans cancl pool  stranger
    ("active",    [LIS, PLE, FRO, LOC, NOT, NOT, NOT, SPL, MER, ACT, CAN, POO, UNK]),
    ("listed",    [ENC, ENC, ENC, ENC, ACT, ENC, ENC, ENC, ENC, ENC, ENC, ENC, UNK]),
    ("pledged",   [ENC, ENC, ENC, ENC, ENC, ACT, ENC, ENC, ENC, ENC, ENC, ENC, UNK]),
    ("frozen",    [ENC, ENC, ENC, ENC, ENC, ENC, ACT, ENC, ENC, ENC, ENC, ENC, UNK]),
    ("locked",    [ENC, ENC, ENC, ENC, ENC, ENC, ACT, ENC, ENC, ENC, ENC, ENC, UNK]),
    ("split",     [END, END, END, END, END, END, END, END, END, END, END, END, UNK]),
    ("merged",    [END, END, END, END, END, END, END, END, END, END, END, END, UNK]),
    ("cancelled", [END, END, END, END, END, END, END, END, END, END, END, END, UNK]),
    ("pooled",    [END, END, END, END, END, END, END, END, END, END, END, END, UNK]),
];

fn act(text: &str, receipt: ReceiptId, other: ReceiptId) -> ReceiptCommand {
    let held = |at| HeldReceipt {
        receipt,
        account: account(at),
    };
    let encumber = |at: Option<u32>, encumbrance| {
        ReceiptCommand::Encumber(EncumberReceipt {
            receipt,
            account: at.map(account),
            encumbrance,
        })
    };
    let lift = |at: Option<u32>| {
        ReceiptCommand::Lift(LiftReceipt {
            receipt,
            account: at.map(account),
        })
    };
    let pledgee = account(PLEDGEE);
    match text {
        "list" => encumber(Some(HOLDER), Encumbrance::Listed),
        "pledge" => encumber(Some(HOLDER), Encumbrance::Pledged { pledgee }),
        "freeze" => encumber(None, Encumbrance::Frozen),
        "lock" => encumber(None, Encumbrance::Locked),
        "lift by holder" => lift(Some(HOLDER)),
        "lift by pledgee" => lift(Some(PLEDGEE)),
        "lift by operator" => lift(None),
        "split" => ReceiptCommand::Split(SplitReceipt {
            receipt,
            account: account(HOLDER),
            parts: vec![part("p1", 60), part("p2", 40)],
        }),
        "merge" => ReceiptCommand::Merge(MergeReceipts {
            account: account(HOLDER),
            receipts: vec![other, receipt],
            number: name("m1"),
            document: [9; 32],
        }),
        "transfer" => ReceiptCommand::Transfer(TransferReceipt {
            receipt,
            from: account(HOLDER),
            to: account(STRANGER),
        }),
        "cancel" => ReceiptCommand::Cancel(held(HOLDER)),
        "pool" => ReceiptCommand::Pool(held(HOLDER)),
        "cancel by stranger" => ReceiptCommand::Cancel(held(STRANGER)),
        other => panic!("no act: {other}"),
    }
}

fn word(status: ReceiptStatus) -> &'static str {
    match status {
        ReceiptStatus::Active => "active",
        ReceiptStatus::Encumbered(Encumbrance::Listed) => "listed",
        ReceiptStatus::Encumbered(Encumbrance::Pledged { .. }) => "pledged",
        ReceiptStatus::Encumbered(Encumbrance::Frozen) => "frozen",
        ReceiptStatus::Encumbered(Encumbrance::Locked) => "locked",
        ReceiptStatus::Ended(ReceiptEnd::Split) => "split",
        ReceiptStatus::Ended(ReceiptEnd::Merged) => "merged",
        ReceiptStatus::Ended(ReceiptEnd::Cancelled) => "cancelled",
        ReceiptStatus::Ended(ReceiptEnd::Pooled) => "pooled",
    }
}

/// A yard with a receipt that stands so, and another active one of the same holder.
fn standing(wanted: &str) -> (Yard, ReceiptId, ReceiptId) {
    let mut yard = Yard::new(limits());
    yard.reason = "ordered by the court";
    let receipt = yard.made(ReceiptCommand::Register(issue("r1", HOLDER, 100)));
    let other = yard.made(ReceiptCommand::Register(issue("r2", HOLDER, 7)));
    let way = match wanted {
        "active" => return (yard, receipt, other),
        "listed" => "list",
        "pledged" => "pledge",
        "frozen" => "freeze",
        "locked" => "lock",
        "merged" => "merge",
        "split" => "split",
        "cancelled" => "cancel",
        _ => "pool",
    };
    let mut partner = other;
    if way == "merge" {
        partner = yard.made(ReceiptCommand::Register(issue("r3", HOLDER, 9)));
    }
    assert_eq!(yard.refusal(act(way, receipt, partner)), None);
    (yard, receipt, other)
}

#[test]
fn every_standing_answers_every_act() {
    for (stands, answers) in TABLE {
        for (text, expected) in ACTS.into_iter().zip(answers) {
            let (mut yard, receipt, other) = standing(stands);
            let status = |yard: &Yard| {
                let receipts = yard.engine.clearing().receipts();
                word(receipts.receipt(receipt).expect("it was issued").status)
            };
            assert_eq!(status(&yard), stands);
            // Numbers that the way here used are not used again.
            let again = match act(text, receipt, other) {
                ReceiptCommand::Split(split) => ReceiptCommand::Split(SplitReceipt {
                    parts: vec![part("q1", 60), part("q2", 40)],
                    ..split
                }),
                ReceiptCommand::Merge(merge) => ReceiptCommand::Merge(MergeReceipts {
                    number: name("n1"),
                    ..merge
                }),
                act => act,
            };
            let answer = match yard.refusal(again) {
                Some(reason) => {
                    assert_eq!(status(&yard), stands, "{text} of {stands}");
                    reason.as_str()
                }
                None => status(&yard),
            };
            assert_eq!(answer, expected, "{text} of {stands}");
        }
    }
}

#[test]
fn no_receipt_answers_every_act() {
    for text in ACTS {
        let (mut yard, _, other) = standing("active");
        let none = ReceiptId::new(99);
        let reason = yard.refusal(act(text, none, other));
        let reason = reason.map(RejectReason::as_str);
        assert_eq!(reason, Some(UNK), "{text}");
    }
}
