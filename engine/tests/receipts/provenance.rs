//! A holder checks a receipt's chain from its events alone, by a function written here from the
//! rules and not shared with the engine.

use sanjiang_engine::command::*;
use sanjiang_engine::event::{ReceiptAct, ReceiptReport};
use sanjiang_engine::types::{ReceiptId, Sequence};

use crate::yard::{Yard, account, issue, limits, name, part};

type Told = (Sequence, ReceiptReport);

/// The bytes an act is hashed with.
fn bytes((sequence, report): &Told) -> Vec<u8> {
    let none = u32::MAX;
    let encumbrance = |what| match what {
        Encumbrance::Listed => (1, none),
        Encumbrance::Pledged { pledgee } => (2, pledgee.index()),
        Encumbrance::Frozen => (3, none),
        Encumbrance::Locked => (4, none),
    };
    let (act, (kind, named)) = match report.act {
        ReceiptAct::Registered => (1_u8, (0_u8, none)),
        ReceiptAct::Drawn => (2, (0, none)),
        ReceiptAct::Encumbered(with) => (3, encumbrance(with)),
        ReceiptAct::Lifted(what) => (4, encumbrance(what)),
        ReceiptAct::Split { parts } => (5, (0, parts.into())),
        ReceiptAct::Part { of } => (6, (0, of.index())),
        ReceiptAct::Merged { into } => (7, (0, into.index())),
        ReceiptAct::Whole { parts } => (8, (0, parts.into())),
        ReceiptAct::Transferred { from } => (9, (0, from.index())),
        ReceiptAct::Cancelled => (10, (0, none)),
        ReceiptAct::Pooled => (11, (0, none)),
    };
    let mut out = sequence.value().to_le_bytes().to_vec();
    out.extend([act, kind]);
    for number in [
        named,
        report.receipt.index(),
        report.warehouse.index(),
        report.asset.index(),
        report.account.index(),
    ] {
        out.extend(number.to_le_bytes());
    }
    out.extend(report.amount.units().to_le_bytes());
    out.push(report.number.as_str().len() as u8);
    out.extend(report.number.as_str().as_bytes());
    out.extend(report.document);
    out
}

/// Walks a receipt's events, and before them those of what it came out of; gives its last hash, or
/// where the chain breaks.
fn verify(told: &[Told], receipt: ReceiptId) -> Result<[u8; 32], usize> {
    let mut last: Option<[u8; 32]> = None;
    for (at, one) in told.iter().enumerate() {
        if one.1.receipt != receipt {
            continue;
        }
        let mut input = Vec::new();
        match one.1.act {
            ReceiptAct::Registered | ReceiptAct::Drawn => {}
            ReceiptAct::Part { of } => input.extend(verify(&told[..at], of)?),
            ReceiptAct::Whole { parts } => {
                let begin = at.checked_sub(parts.into()).ok_or(at)?;
                for (sequence, parent) in &told[begin..at] {
                    let ours = ReceiptAct::Merged { into: receipt };
                    if *sequence != one.0 || parent.act != ours {
                        return Err(at);
                    }
                    input.extend(verify(&told[..at], parent.receipt)?);
                }
            }
            _ => input.extend(last.ok_or(at)?),
        }
        input.extend(bytes(one));
        let hash = *blake3::hash(&input).as_bytes();
        if hash != one.1.provenance {
            return Err(at);
        }
        last = Some(hash);
    }
    last.ok_or(told.len())
}

/// A history in which everything happens to one lot of goods.
fn history() -> (Yard, ReceiptId) {
    let mut yard = Yard::new(limits());
    yard.reason = "why";
    yard.deposit(0, 50);
    let first = yard.made(ReceiptCommand::Register(issue("r1", 0, 100)));
    let second = yard.made(ReceiptCommand::Draw(issue("r2", 0, 50)));
    let pledgee = account(2);
    for encumbrance in [
        Encumbrance::Listed,
        Encumbrance::Pledged { pledgee },
        Encumbrance::Frozen,
        Encumbrance::Locked,
    ] {
        let party = match encumbrance {
            Encumbrance::Listed => (Some(account(0)), Some(account(0))),
            Encumbrance::Pledged { pledgee } => (Some(account(0)), Some(pledgee)),
            Encumbrance::Frozen | Encumbrance::Locked => (None, None),
        };
        let encumber = EncumberReceipt {
            receipt: first,
            account: party.0,
            encumbrance,
        };
        assert_eq!(yard.refusal(ReceiptCommand::Encumber(encumber)), None);
        let lift = LiftReceipt {
            receipt: first,
            account: party.1,
        };
        assert_eq!(yard.refusal(ReceiptCommand::Lift(lift)), None);
    }
    let part = yard.made(ReceiptCommand::Split(SplitReceipt {
        receipt: first,
        account: account(0),
        parts: vec![part("r3", 30), part("r4", 70)],
    }));
    let whole = yard.made(ReceiptCommand::Merge(MergeReceipts {
        account: account(0),
        receipts: vec![second, part],
        number: name("r5"),
        document: [5; 32],
    }));
    let to = TransferReceipt {
        receipt: whole,
        from: account(0),
        to: account(1),
    };
    assert_eq!(yard.refusal(ReceiptCommand::Transfer(to)), None);
    (yard, whole)
}

#[test]
fn a_chain_is_checked_from_its_events_alone() {
    let (mut yard, whole) = history();
    let held = HeldReceipt {
        receipt: whole,
        account: account(1),
    };
    assert_eq!(yard.refusal(ReceiptCommand::Pool(held)), None);
    let mut seen = 0;
    for (id, receipt) in yard.engine.clearing().receipts().all() {
        assert_eq!(verify(&yard.told, id), Ok(receipt.provenance), "{id:?}");
        seen += 1;
    }
    assert_eq!(seen, 5);
    let acts = yard.told.iter().map(|(_, report)| report.act.code().0);
    let acts: std::collections::BTreeSet<_> = acts.collect();
    let all = (1..=11).filter(|act| *act != 10).collect();
    assert_eq!(acts, all, "everything happened but the end in a warehouse");
}

#[test]
fn whatever_is_changed_or_left_out_breaks_the_chain() {
    let (yard, whole) = history();
    let right = verify(&yard.told, whole);
    assert!(right.is_ok());
    let lies: [fn(&mut Told); 9] = [
        |one| one.0 = one.0.next(),
        |one| one.1.amount = crate::yard::units(one.1.amount.units() + 1),
        |one| one.1.number = name("forged"),
        |one| one.1.document[31] ^= 1,
        |one| one.1.account = account(one.1.account.index() + 1),
        |one| one.1.warehouse = sanjiang_engine::types::CustodianId::new(2),
        |one| one.1.asset = sanjiang_engine::types::AssetId::new(1),
        |one| one.1.provenance[0] ^= 1,
        |one| {
            one.1.act = match one.1.act {
                ReceiptAct::Registered => ReceiptAct::Drawn,
                _ => ReceiptAct::Registered,
            }
        },
    ];
    // What led to the last one: all but the other half of the split.
    let other = ReceiptId::new(whole.index() - 1);
    for at in 0..yard.told.len() {
        if yard.told[at].1.receipt == other {
            continue;
        }
        for lie in lies {
            let mut told = yard.told.clone();
            lie(&mut told[at]);
            assert_ne!(verify(&told, whole), right, "event {at}");
        }
        let mut told = yard.told.clone();
        told.remove(at);
        assert_ne!(verify(&told, whole), right, "without event {at}");
    }
}
