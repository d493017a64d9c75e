//! The words of scenario tables about money and goods.
//!
//! `clear [money=DECIMALS] [goods=DECIMALS]` before the first command gives the instrument a
//! currency, goods, a bank and a warehouse that answer by themselves; so one tick of one lot is
//! worth 10^(money decimals - 2) and one lot holds 10^goods decimals. Then `fund ACCOUNT
//! money|goods N`, `withdraw ACCOUNT money|goods N`, `fees KEY=N..` (maker, taker, auction, lot,
//! min, cap, tier), `tier N`. `bust N` and `correct N @PRICE [x=QUANTITY]` name the Nth trade made
//! by the scenario's own commands; with `silent` they give no reason. `has ACCOUNT`, `owes ACCOUNT`
//! and `venue` tell what is there; amounts are minor units.
//!
//! Invariant: as in `words`. Not here: orders.

use sanjiang_engine::clearing::Holder;
use sanjiang_engine::command::{
    AssetClass, Authority, Body, CorrectionCommand, CreateAsset, CreateCustodian, CustodianKind,
    Demonstration, Direction, FeeRates, Instruct, MarginCommand, SetClearing, SetFees, SetMargin,
    SetTier, TradeRef,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::types::{AccountId, Amount, AssetId, CustodianId, ParticipantId, Sequence};

use crate::desk::{self, INSTRUMENT, VENUE, name};

/// The currency, held by the bank.
pub const MONEY: AssetId = AssetId::new(0);
/// The goods, held by the warehouse.
pub const GOODS: AssetId = AssetId::new(1);

/// What gives the instrument its clearing, or its margin.
pub fn clear(money: u8, goods: u8, margin: Option<SetMargin>) -> [Body; 5] {
    let asset = |text, class| {
        Body::CreateAsset(CreateAsset {
            name: name(text),
            class,
            demonstration: Demonstration::Demonstration,
        })
    };
    let custodian = |text, kind| {
        Body::CreateCustodian(CreateCustodian {
            name: name(text),
            kind,
            demonstration: Demonstration::Demonstration,
        })
    };
    let goods_class = AssetClass::Goods {
        unit: name("t"),
        decimals: goods,
    };
    [
        asset("money", AssetClass::Currency { decimals: money }),
        asset("goods", goods_class),
        custodian("bank", CustodianKind::Bank),
        custodian("warehouse", CustodianKind::Warehouse),
        match margin {
            Some(set) => Body::Margin(MarginCommand::SetMargin(set)),
            None => Body::SetClearing(SetClearing {
                instrument: INSTRUMENT,
                money: MONEY,
                goods: GOODS,
            }),
        },
    ]
}

/// The command of a line about money, if it is one.
pub fn body(words: &[&str]) -> Option<Body> {
    match words[0] {
        "fund" => Some(instruct(words, Direction::Deposit)),
        "withdraw" => Some(instruct(words, Direction::Withdrawal)),
        "fees" => Some(fees(&words[1..])),
        "tier" => Some(Body::SetTier(SetTier {
            participant: ParticipantId::new(0),
            tier: number(words[1]) as u8,
        })),
        _ => None,
    }
}

/// The reason and the command of a bust or a correction, if it is one; `trades` are those made
/// under the scenario's own commands so far.
pub fn correction(words: &[&str], trades: &[TradeRef]) -> Option<(Body, Option<Box<Authority>>)> {
    if !matches!(words[0], "bust" | "correct") {
        return None;
    }
    let unknown = TradeRef {
        sequence: Sequence::new(1 << 40),
        index: 0,
    };
    let place = number(words[1]) as usize - 1;
    let trade = trades.get(place).copied().unwrap_or(unknown);
    let mut rest = words[2..].iter();
    let price = rest.clone().find_map(|word| word.strip_prefix('@'));
    let quantity = rest.clone().find_map(|word| word.strip_prefix("x="));
    let silent = rest.any(|word| *word == "silent");
    let command = match price {
        None => CorrectionCommand::Bust { trade },
        Some(price) => CorrectionCommand::Correct {
            trade,
            price: desk::price(number(price)),
            quantity: quantity.map(|word| desk::quantity(number(word))),
        },
    };
    let reason = if silent { "" } else { words[0] };
    let authority = Authority {
        reason: reason.to_owned(),
        ..Authority::default()
    };
    Some((Body::Correction(command), Some(Box::new(authority))))
}

/// The answer to a line that only asks, if it is one.
pub fn tell(engine: &Engine, words: &[&str]) -> Option<String> {
    let ledger = engine.clearing().ledger();
    match words[0] {
        "has" => {
            let account = AccountId::new(number(words[1]) as u32);
            let of = |asset| {
                let mut positions = ledger.of_account(account);
                let found = positions.find(|position| position.asset() == asset);
                found.map_or((0, 0), |position| (position.available, position.held))
            };
            let (money, goods) = (of(MONEY), of(GOODS));
            Some(format!(
                "money {} held {}, goods {} held {}",
                money.0, money.1, goods.0, goods.1
            ))
        }
        "owes" => {
            let account = AccountId::new(number(words[1]) as u32);
            let of = |asset| engine.clearing().owed(account, asset);
            Some(format!("owes money {} goods {}", of(MONEY), of(GOODS)))
        }
        "venue" => {
            let mut positions = ledger.positions().iter();
            let fees = positions.find(|position| position.holder() == Holder::Venue(VENUE));
            Some(format!("fees {}", fees.map_or(0, |fees| fees.available)))
        }
        _ => None,
    }
}

fn instruct(words: &[&str], direction: Direction) -> Body {
    let (asset, custodian) = match words[2] {
        "money" => (MONEY, 0),
        "goods" => (GOODS, 1),
        other => panic!("no asset: {other}"),
    };
    Body::Instruct(Instruct {
        account: AccountId::new(number(words[1]) as u32),
        asset,
        custodian: CustodianId::new(custodian),
        direction,
        amount: Amount::new(number(words[3])).expect("a test's amount is in bounds"),
    })
}

fn fees(words: &[&str]) -> Body {
    let (mut rates, mut tier) = (FeeRates::default(), 0);
    for word in words {
        let (key, value) = word.split_once('=').expect("a rate is KEY=VALUE");
        let value = number(value);
        match key {
            "maker" => rates.maker_ppm = value as i32,
            "taker" => rates.taker_ppm = value as i32,
            "auction" => rates.auction_ppm = value as i32,
            "lot" => rates.per_lot = value,
            "min" => rates.minimum = value,
            "cap" => rates.cap = Some(value),
            "tier" => tier = value as u8,
            other => panic!("no such rate: {other}"),
        }
    }
    Body::SetFees(Box::new(SetFees {
        venue: VENUE,
        instrument: None,
        tier,
        rates,
    }))
}

fn number(word: &str) -> i64 {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"))
}
