//! One of every act on warehouse receipts, with every optional part once present and once absent.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;

use super::golden::{at, envelope, name};

/// Acts on warehouse receipts, which joined version 1 after money and goods.
pub fn commands() -> Vec<(Time, Command)> {
    let issue = IssueReceipt {
        number: name("仓单-0001"),
        warehouse: CustodianId::new(1),
        asset: AssetId::new(300),
        amount: Amount::new(Amount::MAX_UNITS).expect("the bound"),
        account: AccountId::new(4_000),
        document: [0xa5; 32],
    };
    let (receipt, account) = (ReceiptId::new(1 << 20), AccountId::new(7));
    let part = |text, units| ReceiptPart {
        number: name(text),
        amount: Amount::new(units).expect("in bounds"),
        document: [units as u8; 32],
    };
    let pledged = Encumbrance::Pledged { pledgee: account };
    let encumber = |account, encumbrance| {
        ReceiptCommand::Encumber(EncumberReceipt {
            receipt,
            account,
            encumbrance,
        })
    };
    let acts = [
        ReceiptCommand::Register(issue),
        encumber(Some(account), Encumbrance::Listed),
        encumber(Some(account), pledged),
        encumber(None, Encumbrance::Frozen),
        encumber(None, Encumbrance::Locked),
        ReceiptCommand::Lift(LiftReceipt {
            receipt,
            account: Some(account),
        }),
        ReceiptCommand::Lift(LiftReceipt {
            receipt,
            account: None,
        }),
        ReceiptCommand::Split(SplitReceipt {
            receipt,
            account,
            parts: vec![part("a", 1), part("", 0)],
        }),
        ReceiptCommand::Split(SplitReceipt {
            receipt,
            account,
            parts: Vec::new(),
        }),
        ReceiptCommand::Merge(MergeReceipts {
            account,
            receipts: vec![receipt, ReceiptId::new(0)],
            number: name("m"),
            document: [0; 32],
        }),
        ReceiptCommand::Transfer(TransferReceipt {
            receipt,
            from: account,
            to: AccountId::new(8),
        }),
        ReceiptCommand::Cancel(HeldReceipt { receipt, account }),
        ReceiptCommand::Pool(HeldReceipt { receipt, account }),
        ReceiptCommand::Draw(issue),
    ];
    let mut commands = Vec::new();
    for (place, act) in acts.into_iter().enumerate() {
        let time = at(place as i64 * 1_234_567);
        let envelope = envelope(place as u32, time);
        let body = Body::Receipts(Box::new(act));
        commands.push((time, Command { envelope, body }));
    }
    commands
}
