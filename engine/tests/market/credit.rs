//! The words of scenario tables about credit, collateral and transfers.
//!
//! After `clear`: `line BAND N`, `score ACCOUNT BAND`, `haircut PRICE BASIS_POINTS` (of the goods,
//! for the money), `pledge ACCOUNT N`, `unpledge ACCOUNT N`, `out ACCOUNT money|goods N id=ID
//! [shard=S]`, `in` likewise, `move FROM TO money|goods N`. `drawn ACCOUNT` tells what is drawn
//! of the money and what may be, `transit S` what went to a shard.
//!
//! Invariant: as in `words`. Not here: what draws (`words`), what funds (`money`).

use sanjiang_engine::clearing::Holder;
use sanjiang_engine::command::{
    Authority, Body, CreditCommand, Half, MoveCollateral, Pledging, SetCreditLine, SetHaircut,
    SetScore, Transfer, TransferHalf,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::CreditEvent;
use sanjiang_engine::types::{AccountId, Amount, AssetId, ShardId, TransferId};

use crate::money::{GOODS, MONEY};

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

fn asset(word: &str) -> AssetId {
    match word {
        "money" => MONEY,
        "goods" => GOODS,
        other => panic!("no asset: {other}"),
    }
}

fn value(words: &[&str], key: &str) -> Option<i64> {
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    let mut found = pairs.filter(|(found, _)| *found == key);
    found.next().map(|(_, value)| number(value))
}

/// What an operator says with a compensation, unless it is silent.
pub fn reason(words: &[&str]) -> Option<Box<Authority>> {
    let says = words[0] == "compensate" && !words.contains(&"silent");
    says.then(|| {
        Box::new(Authority {
            reason: "goodwill".to_owned(),
            ..Authority::default()
        })
    })
}

/// The command of a line about credit, if it is one.
pub fn body(words: &[&str]) -> Option<Body> {
    Some(Body::Credit(match words[0] {
        "line" => CreditCommand::SetLine(SetCreditLine {
            asset: MONEY,
            band: number(words[1]) as u8,
            line: amount(words[2]),
        }),
        "score" => CreditCommand::SetScore(SetScore {
            account: account(words[1]),
            asset: MONEY,
            band: number(words[2]) as u8,
        }),
        "haircut" => CreditCommand::SetHaircut(SetHaircut {
            goods: GOODS,
            money: MONEY,
            price: amount(words[1]),
            basis_points: number(words[2]) as u16,
        }),
        "pledge" => pledge(words, Pledging::Pledge),
        "unpledge" => pledge(words, Pledging::Release),
        "out" => half(words, Half::Out),
        "in" => half(words, Half::In),
        "move" => CreditCommand::Transfer(moved(words)),
        "compensate" => CreditCommand::Compensate(moved(words)),
        _ => return None,
    }))
}

fn moved(words: &[&str]) -> Transfer {
    Transfer {
        from: account(words[1]),
        to: account(words[2]),
        asset: asset(words[3]),
        amount: amount(words[4]),
    }
}

fn pledge(words: &[&str], pledging: Pledging) -> CreditCommand {
    CreditCommand::MoveCollateral(MoveCollateral {
        account: account(words[1]),
        money: MONEY,
        goods: GOODS,
        pledging,
        amount: amount(words[2]),
    })
}

fn half(words: &[&str], half: Half) -> CreditCommand {
    let id = value(words, "id").expect("a half has id=");
    CreditCommand::Half(TransferHalf {
        half,
        transfer: TransferId::new(id as u128),
        account: account(words[1]),
        asset: asset(words[2]),
        amount: amount(words[3]),
        shard: ShardId::new(value(words, "shard").unwrap_or(1) as u32),
    })
}

/// The answer to a line that only asks, if it is one.
pub fn tell(engine: &Engine, words: &[&str]) -> Option<String> {
    let clearing = engine.clearing();
    match words[0] {
        "drawn" => {
            let mut credits = clearing.credit_of(account(words[1]));
            let found = credits.find(|credit| credit.asset == MONEY);
            Some(found.map_or("no credit".to_owned(), |credit| {
                let [drawn, line, collateral] =
                    [credit.drawn, credit.line, credit.collateral].map(Amount::units);
                format!("drawn {drawn} of line {line} and collateral {collateral}")
            }))
        }
        "transit" => {
            let holder = Holder::Transit(ShardId::new(number(words[1]) as u32));
            let of = |asset| {
                let mut positions = clearing.ledger().positions().iter();
                let found = positions
                    .find(|position| position.holder() == holder && position.asset() == asset);
                found.map_or(0, |position| position.available)
            };
            Some(format!("money {}, goods {}", of(MONEY), of(GOODS)))
        }
        _ => None,
    }
}

/// An event about credit as a line.
pub fn said(event: &CreditEvent) -> String {
    match event {
        CreditEvent::Moved(moved) => {
            let (account, drawn) = (moved.account.index(), moved.drawn.units());
            if moved.change > 0 {
                format!("credit {account} draws {}, owes {drawn}", moved.change)
            } else {
                format!("credit {account} repays {}, owes {drawn}", -moved.change)
            }
        }
        CreditEvent::Collateral(report) => {
            let (amount, pledged) = (report.amount.units(), report.pledged.units());
            format!("collateral {:?} {amount}, now {pledged}", report.pledging)
        }
        CreditEvent::Half(report) => {
            let (transfer, amount) = (report.transfer.bits(), report.amount.units());
            format!("half {:?} {amount} of transfer {transfer}", report.half)
        }
        CreditEvent::Transferred(moved) => {
            let (from, to) = (moved.from.index(), moved.to.index());
            format!("transferred {} from {from} to {to}", moved.amount.units())
        }
    }
}
