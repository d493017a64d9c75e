//! The words of scenario tables about discounts and baskets.
//!
//! `NAME: discount THRESHOLD OFF [by=ACCOUNT] [opens=SECONDS] [closes=SECONDS] [uses=N] [each=N]
//! [code=N] [money=ASSET] [venue=N]` defines one, OFF being an amount, `BPbp` or `BPbp/AT_MOST`;
//! `NAME: basket OFFER*PIECES.. [on=ACCOUNT] [with=DISCOUNT] [code=N] [confirms] [version=N]` takes
//! offers, `OFFER*PIECES*CODE` with a code of its pickup. The contract of the first line has the
//! basket's name, those of the others NAME.1, NAME.2 and so on.
//!
//! Invariant: as in `words`. Not here: all else about shops (`shop`).

use sanjiang_engine::command::{
    Basket, Body, Confirmed, ContractCommand, DefineDiscount, Line, Off, SalesCommand,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{ContractReport, DiscountReport};
use sanjiang_engine::types::{AccountId, AssetId, DiscountId, Time, VenueId};

use crate::money::MONEY;
use crate::shop::{Shop, account, code};
use crate::words::{at, number, value};

const SECOND: i64 = 1_000_000_000;

/// The name of a contract that a command of this name formed: of the first line of a basket the
/// command's, of another the line's number beside it.
pub fn line_name(shop: &Shop, name: &str, report: &ContractReport) -> String {
    let known = shop.contracts.values();
    let lines = known.filter(|id| id.sequence == report.contract).count();
    if lines > 0 {
        format!("{name}.{lines}")
    } else {
        name.to_owned()
    }
}

/// A line about discounts.
pub fn discount(shop: &Shop, report: &DiscountReport) -> String {
    let mut names = shop.discounts.iter();
    let name = names.find(|(_, id)| **id == report.discount);
    let name = name.map_or("discount", |(name, _)| name);
    format!("{name} {:?}, {} uses left", report.act, report.left)
}

/// The command of a line about discounts or baskets, if it is one.
pub fn body(shop: &Shop, engine: &Engine, words: &[&str]) -> Option<Body> {
    match words.get(1) {
        Some(&"discount") => {
            let command = SalesCommand::DefineDiscount(terms(words));
            Some(Body::Sales(Box::new(command)))
        }
        Some(&"basket") => {
            let basket = Box::new(basket(shop, engine, words));
            Some(Body::Contract(ContractCommand::Basket(basket)))
        }
        _ => None,
    }
}

fn hash(word: &str) -> [u8; 16] {
    let hash = *blake3::hash(&code(word)).as_bytes();
    hash[..16].try_into().expect("half of it")
}

fn terms(words: &[&str]) -> DefineDiscount {
    let count = |key, usual| value(words, key).map_or(usual, number);
    let uses = count("uses", 100) as u32;
    DefineDiscount {
        account: account(words, "by").unwrap_or(AccountId::new(0)),
        venue: VenueId::new(count("venue", 1) as u32),
        money: value(words, "money").map_or(MONEY, |word| AssetId::new(number(word) as u32)),
        threshold: number(words[2]),
        off: off(words[3]),
        opens: value(words, "opens").map_or(Time::ZERO, |word| at(number(word) * SECOND)),
        closes: at(count("closes", 86_400) * SECOND),
        uses,
        per_owner: count("each", 1) as u32,
        code: value(words, "code").map(hash),
    }
}

fn off(word: &str) -> Off {
    match word.split_once("bp") {
        None => Off::Amount(number(word)),
        Some((bp, most)) => Off::Share {
            bp: number(bp) as u16,
            at_most: most.strip_prefix('/').map_or(1 << 52, number),
        },
    }
}

fn basket(shop: &Shop, engine: &Engine, words: &[&str]) -> Basket {
    let version = value(words, "version").map(|word| number(word) as u32);
    let confirmed = if words.contains(&"confirms") {
        Confirmed::Yes
    } else {
        Confirmed::No
    };
    let line = |word: &&&str| {
        let mut parts = word.split('*');
        let offer = shop.offer(parts.next()?);
        let pieces = number(parts.next()?) as u32;
        let known = engine.sales().offer(offer).map(|known| known.version);
        Some(Line {
            offer,
            version: version.or(known).unwrap_or(1),
            pieces,
            pickup: parts.next().map(hash),
            confirmed,
        })
    };
    let never = DiscountId {
        sequence: 1 << 40,
        slot: 0,
    };
    Basket {
        account: account(words, "on").unwrap_or(AccountId::new(1)),
        lines: words[2..].iter().filter_map(|word| line(&word)).collect(),
        discount: value(words, "with")
            .map(|name| shop.discounts.get(name).copied().unwrap_or(never)),
        code: value(words, "code").map(code),
        delivery_reference: [1; 16],
    }
}
