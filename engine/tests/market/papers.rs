//! The words of scenario tables about warehouse receipts.
//!
//! After `clear`: `register NUMBER ACCOUNT N`, `draw NUMBER ACCOUNT N`, `encumber NUMBER
//! listed|pledged=ACCOUNT|frozen|locked [by=ACCOUNT]`, `lift NUMBER [by=ACCOUNT]`, `split NUMBER
//! NUMBER=N..`, `merge NUMBER NUMBER..` (the new one first), `transfer NUMBER ACCOUNT`, `takeout
//! NUMBER`, `pool NUMBER`. Whoever holds a receipt acts unless `by=` says otherwise; an operator
//! (`by=operator`, and always of frozen and locked) gives a reason. `receipt NUMBER` tells how one
//! stands.
//!
//! Invariant: as in `words`. Not here: money and orders.

use sanjiang_engine::command::{
    Authority, Body, EncumberReceipt, Encumbrance, HeldReceipt, IssueReceipt, LiftReceipt,
    MergeReceipts, ReceiptCommand, ReceiptPart, SplitReceipt, TransferReceipt,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::types::{AccountId, Amount, AssetId, CustodianId, ReceiptId};

use crate::desk::name;

/// What `money::clear` makes.
const GOODS: AssetId = AssetId::new(1);
const WAREHOUSE: CustodianId = CustodianId::new(1);

fn number(word: &str) -> i64 {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"))
}

fn account(word: &str) -> AccountId {
    AccountId::new(number(word) as u32)
}

fn amount(word: &str) -> Amount {
    Amount::new(number(word)).expect("a test's amount is in bounds")
}

/// A receipt by its number; one that was never issued has a handle nothing has.
fn receipt(engine: &Engine, word: &str) -> ReceiptId {
    let found = engine.clearing().receipts().find(WAREHOUSE, &name(word));
    found.unwrap_or(ReceiptId::new(u32::MAX))
}

/// Who acts: whoever `by=` names, else the holder; none for an operator.
fn by(engine: &Engine, words: &[&str], id: ReceiptId) -> Option<AccountId> {
    let named = words.iter().find_map(|word| word.strip_prefix("by="));
    match named {
        Some("operator") => None,
        Some(word) => Some(account(word)),
        None => {
            let known = engine.clearing().receipts().receipt(id);
            Some(known.map_or(AccountId::new(0), |known| known.account))
        }
    }
}

/// The command of a line about receipts, if it is one, and the reason an operator gives.
pub fn body(engine: &Engine, words: &[&str]) -> Option<(Body, Option<Box<Authority>>)> {
    let id = words
        .get(1)
        .map_or(ReceiptId::new(0), |word| receipt(engine, word));
    let holder = || by(engine, words, id).expect("a holder acts");
    let held = || HeldReceipt {
        receipt: id,
        account: holder(),
    };
    let mut operator = false;
    let act = match words[0] {
        "register" => ReceiptCommand::Register(issue(words)),
        "draw" => ReceiptCommand::Draw(issue(words)),
        "encumber" => {
            let encumbrance = encumbrance(words[2]);
            operator = matches!(encumbrance, Encumbrance::Frozen | Encumbrance::Locked);
            ReceiptCommand::Encumber(EncumberReceipt {
                receipt: id,
                account: (!operator).then(holder),
                encumbrance,
            })
        }
        "lift" => {
            let account = by(engine, words, id);
            operator = account.is_none();
            let receipt = id;
            ReceiptCommand::Lift(LiftReceipt { receipt, account })
        }
        "split" => ReceiptCommand::Split(SplitReceipt {
            receipt: id,
            account: holder(),
            parts: words[2..].iter().filter_map(|word| part(word)).collect(),
        }),
        "merge" => {
            let old = words[2..].iter().filter(|word| !word.contains('='));
            let receipts: Vec<_> = old.map(|word| receipt(engine, word)).collect();
            ReceiptCommand::Merge(MergeReceipts {
                account: by(engine, words, receipts[0]).expect("a holder acts"),
                receipts,
                number: name(words[1]),
                document: [2; 32],
            })
        }
        "transfer" => ReceiptCommand::Transfer(TransferReceipt {
            receipt: id,
            from: holder(),
            to: account(words[2]),
        }),
        "takeout" => ReceiptCommand::Cancel(held()),
        "pool" => ReceiptCommand::Pool(held()),
        _ => return None,
    };
    let why = Authority {
        reason: "ordered".to_owned(),
        ..Authority::default()
    };
    let authority = operator.then(|| Box::new(why));
    Some((Body::Receipts(Box::new(act)), authority))
}

fn issue(words: &[&str]) -> IssueReceipt {
    IssueReceipt {
        number: name(words[1]),
        warehouse: WAREHOUSE,
        asset: GOODS,
        amount: amount(words[3]),
        account: account(words[2]),
        document: [1; 32],
    }
}

fn encumbrance(word: &str) -> Encumbrance {
    match word.split_once('=') {
        Some(("pledged", pledgee)) => Encumbrance::Pledged {
            pledgee: account(pledgee),
        },
        None if word == "listed" => Encumbrance::Listed,
        None if word == "frozen" => Encumbrance::Frozen,
        None if word == "locked" => Encumbrance::Locked,
        _ => panic!("no encumbrance: {word}"),
    }
}

fn part(word: &str) -> Option<ReceiptPart> {
    let (text, units) = word.split_once('=')?;
    (text != "by").then(|| ReceiptPart {
        number: name(text),
        amount: amount(units),
        document: [3; 32],
    })
}

/// The answer to a line that only asks how a receipt stands, if it is one.
pub fn tell(engine: &Engine, words: &[&str]) -> Option<String> {
    if words[0] != "receipt" {
        return None;
    }
    let known = engine.clearing().receipts();
    let known = known.receipt(receipt(engine, words[1]));
    Some(known.map_or_else(
        || "none".to_owned(),
        |known| {
            let (amount, account) = (known.amount.units(), known.account.index());
            format!("{amount} of {account} {:?}", known.status)
        },
    ))
}
