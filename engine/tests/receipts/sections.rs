//! Receipts in a snapshot: what was written goes on, and no forgery is read.

use sanjiang_engine::command::*;
use sanjiang_engine::engine::{Engine, SectionId};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::ReceiptId;

use crate::yard::{Yard, account, issue, limits, name, part, real};

/// Live, encumbered and ended receipts of several holders and warehouses.
fn full() -> Yard {
    let mut yard = Yard::new(limits());
    yard.reason = "why";
    yard.approver = Some(sanjiang_engine::types::PrincipalId::new(7));
    for at in 0..4 {
        let number = format!("r{at}");
        yard.made(ReceiptCommand::Register(issue(&number, at, 100)));
        yard.made(ReceiptCommand::Register(real(&number, at, 9)));
    }
    let receipt = ReceiptId::new(0);
    yard.made(ReceiptCommand::Split(SplitReceipt {
        receipt,
        account: account(0),
        parts: vec![part("p1", 1), part("p2", 99)],
    }));
    let pledgee = account(3);
    for (receipt, at, encumbrance) in [
        (2, Some(1), Encumbrance::Listed),
        (4, Some(2), Encumbrance::Pledged { pledgee }),
        (6, None, Encumbrance::Frozen),
        (7, None, Encumbrance::Locked),
    ] {
        let encumber = EncumberReceipt {
            receipt: ReceiptId::new(receipt),
            account: at.map(account),
            encumbrance,
        };
        assert_eq!(yard.refusal(ReceiptCommand::Encumber(encumber)), None);
    }
    let transfer = TransferReceipt {
        receipt: ReceiptId::new(3),
        from: account(1),
        to: account(0),
    };
    assert_eq!(yard.refusal(ReceiptCommand::Transfer(transfer)), None);
    yard
}

#[test]
fn a_restored_engine_goes_on_alike() {
    let mut yard = full();
    let sections = yard.engine.encode_sections();
    let restored = Engine::decode_sections(limits(), &sections).expect("its own");
    assert_eq!(restored.encode_sections(), sections);
    let chain = |engine: &Engine| -> Vec<_> {
        let receipts = engine.clearing().receipts();
        (0..4)
            .flat_map(|at| receipts.of_account_from(account(at), None))
            .map(|(place, _)| place)
            .collect()
    };
    assert_eq!(chain(&restored), chain(&yard.engine));
    assert_eq!(
        restored.clearing().receipts().used(),
        yard.engine.clearing().receipts().used()
    );
    let mut other = full();
    other.engine = restored;
    let merge = ReceiptCommand::Merge(MergeReceipts {
        account: account(0),
        receipts: vec![ReceiptId::new(8), ReceiptId::new(9)],
        number: name("m"),
        document: [1; 32],
    });
    assert_eq!(yard.act(merge.clone()), other.act(merge));
    assert_eq!(yard.engine.state_hash(), other.engine.state_hash());
    // A number stays used after the restart.
    let again = ReceiptCommand::Register(issue("r0", 1, 5));
    let reason = other.refusal(again).map(RejectReason::as_str);
    assert_eq!(reason, Some("RECEIPT_NUMBER_USED"));
}

#[test]
fn forged_bytes_are_refused_or_read_as_they_are() {
    let yard = full();
    let sections = yard.engine.encode_sections();
    let at = sections
        .iter()
        .position(|(id, _)| *id == SectionId::Receipts);
    let at = at.expect("there");
    let whole = sections[at].1.clone();
    let (mut refused, mut read) = (0, 0);
    let mut look = |bytes: Vec<u8>| {
        let mut forged = sections.clone();
        forged[at].1 = bytes;
        match Engine::decode_sections(limits(), &forged) {
            Err(_) => refused += 1,
            Ok(engine) => {
                assert_eq!(engine.audit(), Ok(()));
                assert_eq!(engine.encode_sections(), forged);
                read += 1;
            }
        }
    };
    for place in 0..whole.len() {
        look(whole[..place].to_vec());
        for flip in [1, 2, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] ^= flip;
            look(bytes);
        }
    }
    // Documents, hashes and letters of numbers may be others; nothing that counts may.
    assert!(refused > whole.len() && read > 0, "{refused} and {read}");
    for tight in [
        Limits {
            receipts_max: 8,
            ..limits()
        },
        Limits {
            receipt_numbers_max: 9,
            ..limits()
        },
    ] {
        assert!(Engine::decode_sections(tight, &sections).is_err());
    }
}
