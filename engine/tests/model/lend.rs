//! Credit, collateral and transfers in a world: lines a few orders' worth, so that they are often
//! just short.
//!
//! Invariant: as in `cash`. Not here: orders, which draw (`generate`).

use sanjiang_engine::command::*;
use sanjiang_engine::event::{CreditEvent, Event};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;

use super::cash::CLEARS;
use super::coverage::Cell;
use super::rng::Rng;
use super::world::{lots_of, price_at};
use crate::reference::Reference;

const EVENTS: [&str; 7] = [
    "drawn",
    "repaid",
    "pledged",
    "released",
    "out half",
    "in half",
    "transferred",
];

const COMMANDS: [&str; 7] = [
    "SetLine",
    "SetScore",
    "SetHaircut",
    "MoveCollateral",
    "Half",
    "Transfer",
    "Compensate",
];

/// What the reference says of drawing and repaying.
const REACHED: [&str; 6] = [
    "draw for a buyer",
    "draw for a seller",
    "draw for a replace",
    "draw on collateral",
    "repaid",
    "repaid in part",
];

/// The bounds of credit, small enough to be met.
pub fn limits(rng: &mut Rng, limits: Limits) -> Limits {
    Limits {
        credits_max: rng.pick(&[1, 4, 64, 64]),
        haircuts_max: rng.pick(&[1, 2, 8, 8]),
        transfers_max: rng.pick(&[3, 40, 400]),
        ..limits
    }
}

/// The commands that open credit in a world whose instruments have these terms: in every other
/// world, before anything is deposited.
pub fn opening(rng: &mut Rng, all: &[InstrumentTerms]) -> Vec<Body> {
    let mut list = Vec::new();
    if rng.permille(500) {
        return Vec::new();
    }
    for (terms, (money, goods)) in all.iter().zip(CLEARS) {
        let lots = i128::from(lots_of(terms, 4).lots());
        let value = i128::from(price_at(terms, 3).ticks().abs().max(20)) * lots;
        let (asset, goods) = (AssetId::new(money), AssetId::new(goods));
        list.push(CreditCommand::SetLine(SetCreditLine {
            asset,
            band: rng.below(2) as u8,
            line: amount(value * i128::from(rng.range(1, 6))),
        }));
        list.push(CreditCommand::SetHaircut(SetHaircut {
            goods,
            money: asset,
            price: amount(i128::from(rng.range(1, 90))),
            basis_points: rng.pick(&[10_000, 6_000, 3_333]),
        }));
        for _ in 0..3 {
            list.push(CreditCommand::SetScore(SetScore {
                account: AccountId::new(rng.below(8) as u32),
                asset,
                band: rng.below(2) as u8,
            }));
        }
    }
    list.into_iter().map(Body::Credit).collect()
}

fn amount(units: i128) -> Amount {
    let units = units.clamp(0, i128::from(Amount::MAX_UNITS));
    Amount::new(units as i64).expect("clamped")
}

/// A few orders' worth of the money and of the goods of an instrument with clearing.
fn worth(rng: &mut Rng, world: &Reference) -> Option<(AssetId, AssetId, i128, i128)> {
    let instrument = rng.below(world.instruments.len().max(1));
    let known = world.instruments.get(instrument)?;
    let cleared = known.clearing?;
    let lots = i128::from(lots_of(&known.terms, rng.range(1, 9)).lots());
    let at = i128::from(price_at(&known.terms, rng.range(-4, 4)).ticks().abs());
    let money = (at + 1) * lots * cleared.tick_value;
    let goods = lots * cleared.lot_units;
    let assets = [cleared.money, cleared.goods].map(|asset| AssetId::new(asset as u32));
    Some((assets[0], assets[1], money, goods))
}

fn account(rng: &mut Rng) -> AccountId {
    let wrong = rng.permille(8);
    AccountId::new(if wrong { 50 } else { rng.below(8) as u32 })
}

fn band(rng: &mut Rng) -> u8 {
    rng.weighted(&[(300, 0), (300, 1), (100, 7), (10, 8)])
}

fn odd(rng: &mut Rng, asset: AssetId) -> AssetId {
    let wrong = rng.pick(&[0, 1, 2, 3, 4, 50]);
    if rng.permille(40) {
        AssetId::new(wrong)
    } else {
        asset
    }
}

/// A credit the reference knows, mostly.
fn credit(rng: &mut Rng, world: &Reference, money: AssetId) -> (AccountId, AssetId) {
    let scores = &world.money.scores;
    if scores.is_empty() || rng.permille(100) {
        return (account(rng), money);
    }
    let (account, asset, _) = scores[rng.below(scores.len())];
    (AccountId::new(account as u32), AssetId::new(asset as u32))
}

fn collateral(rng: &mut Rng, world: &Reference) -> Option<CreditCommand> {
    let (money, goods, _, units) = worth(rng, world)?;
    let (account, money) = credit(rng, world, money);
    let own = |pledge: &&crate::reference::Pledge| pledge.account == account.place();
    let known: Vec<_> = world.money.pledges.iter().filter(own).collect();
    let release = !known.is_empty() && rng.permille(500);
    if release {
        let pledge = known[rng.below(known.len())];
        let all = pledge.amount;
        return Some(CreditCommand::MoveCollateral(MoveCollateral {
            account,
            money: AssetId::new(pledge.money as u32),
            goods: AssetId::new(pledge.goods as u32),
            pledging: Pledging::Release,
            amount: amount(rng.pick(&[all, all, all / 2, 1, all + 1])),
        }));
    }
    let pairs = &world.money.haircuts;
    let mut goods = odd(rng, goods);
    let fits = pairs.iter().filter(|known| known.0.0 == money.place());
    let fits: Vec<_> = fits.map(|known| known.0.1).collect();
    if !fits.is_empty() && rng.permille(900) {
        goods = AssetId::new(rng.pick(&fits) as u32);
    }
    let has = if account.place() < world.accounts.len() {
        world.available(account.place(), goods.place())
    } else {
        0
    };
    Some(CreditCommand::MoveCollateral(MoveCollateral {
        account,
        money: odd(rng, money),
        goods,
        pledging: rng.weighted(&[(950, Pledging::Pledge), (50, Pledging::Release)]),
        amount: amount(rng.pick(&[has, has / 2, has / 3, units, has + 1, 0])),
    }))
}

fn half(rng: &mut Rng, world: &Reference) -> Option<CreditCommand> {
    let (money, goods, value, units) = worth(rng, world)?;
    let (asset, many) = if rng.permille(500) {
        (money, value)
    } else {
        (goods, units)
    };
    let account = account(rng);
    let asset = odd(rng, asset);
    let half = rng.pick(&[Half::Out, Half::In]);
    let has = if account.place() < world.accounts.len() {
        world.available(account.place(), asset.place())
    } else {
        0
    };
    let mut units = match half {
        Half::Out => rng.pick(&[has, has / 2, has / 3, has + 1, many, 0]),
        Half::In => rng.pick(&[many, many, many, 1, 0]),
    };
    if rng.permille(30) && half == Half::In {
        units = i128::from(Amount::MAX_UNITS);
    }
    Some(CreditCommand::Half(TransferHalf {
        half,
        transfer: TransferId::new(rng.below(300) as u128),
        account,
        asset,
        amount: amount(units),
        shard: ShardId::new(rng.pick(&[1, 2])),
    }))
}

/// A transfer, or what an operator moves between two owners.
fn transfer(rng: &mut Rng, world: &Reference, own: bool) -> Option<CreditCommand> {
    let (money, goods, value, units) = worth(rng, world)?;
    let (asset, many) = if rng.permille(500) {
        (money, value)
    } else {
        (goods, units)
    };
    let from = account(rng);
    let mut to = account(rng);
    let asset = odd(rng, asset);
    let mut has = 0;
    if let Some(known) = world.accounts.get(from.place()) {
        has = world.available(from.place(), asset.place());
        let fit = (0..world.accounts.len())
            .filter(|at| (world.accounts[*at].owner == known.owner) == own && *at != from.place());
        let fit: Vec<_> = fit.collect();
        if !fit.is_empty() && rng.permille(850) {
            to = AccountId::new(rng.pick(&fit) as u32);
        }
    }
    let one = Transfer {
        from,
        to,
        asset,
        amount: amount(rng.pick(&[has, has / 2, has / 3, has + 1, many, 0])),
    };
    Some(if own {
        CreditCommand::Transfer(one)
    } else {
        CreditCommand::Compensate(one)
    })
}

/// Something about credit, collateral or a transfer.
pub fn turn(rng: &mut Rng, world: &Reference) -> Option<Body> {
    let (money, goods, value, units) = worth(rng, world)?;
    let kinds = [
        (200, 0),
        (150, 1),
        (80, 2),
        (250, 3),
        (160, 4),
        (80, 5),
        (80, 6),
    ];
    let command = match rng.weighted(&kinds) {
        0 => {
            let line = value * i128::from(rng.range(1, 4));
            let line = rng.pick(&[line, line, line, value / 2, 0]);
            let vast = rng.permille(20);
            CreditCommand::SetLine(SetCreditLine {
                asset: odd(rng, money),
                band: band(rng),
                line: amount(if vast { 1 << 60 } else { line }),
            })
        }
        1 => CreditCommand::SetScore(SetScore {
            account: account(rng),
            asset: odd(rng, money),
            band: band(rng),
        }),
        2 => {
            let decimals = world.money.assets[goods.place()].class.decimals();
            let whole = 10_i128.pow(u32::from(decimals));
            let price = (value * whole / units.max(1)).min(1 << 40);
            let price = rng.pick(&[price, price, price / 2, 0, (1 << 40) + 1]);
            CreditCommand::SetHaircut(SetHaircut {
                goods: odd(rng, goods),
                money: odd(rng, money),
                price: amount(price),
                basis_points: rng.weighted(&[(300, 7_000), (300, 3_333), (50, 0), (9, 10_001)]),
            })
        }
        3 => collateral(rng, world)?,
        4 => half(rng, world)?,
        5 => transfer(rng, world, true)?,
        _ => transfer(rng, world, false)?,
    };
    Some(Body::Credit(command))
}

/// Whether a command needs an approver where the asset is real.
pub fn needs_approver(body: &Body) -> bool {
    let Body::Credit(command) = body else {
        return false;
    };
    match command {
        CreditCommand::Half(one) => one.half == Half::In,
        CreditCommand::SetLine(_)
        | CreditCommand::SetScore(_)
        | CreditCommand::SetHaircut(_)
        | CreditCommand::Compensate(_) => true,
        CreditCommand::MoveCollateral(_) | CreditCommand::Transfer(_) => false,
    }
}

/// The name of a command about credit.
pub fn command(command: &CreditCommand) -> &'static str {
    let at = match command {
        CreditCommand::SetLine(_) => 0,
        CreditCommand::SetScore(_) => 1,
        CreditCommand::SetHaircut(_) => 2,
        CreditCommand::MoveCollateral(_) => 3,
        CreditCommand::Half(_) => 4,
        CreditCommand::Transfer(_) => 5,
        CreditCommand::Compensate(_) => 6,
    };
    COMMANDS[at]
}

/// What an event about credit says.
pub fn said(event: &Event) -> Option<&'static str> {
    let Event::Credit(event) = event else {
        return None;
    };
    let at = match event {
        CreditEvent::Moved(moved) if moved.change > 0 => 0,
        CreditEvent::Moved(_) => 1,
        CreditEvent::Collateral(report) if report.pledging == Pledging::Pledge => 2,
        CreditEvent::Collateral(_) => 3,
        CreditEvent::Half(report) if report.half == Half::Out => 4,
        CreditEvent::Half(_) => 5,
        CreditEvent::Transferred(_) => 6,
    };
    Some(EVENTS[at])
}

/// The groups of cells about credit.
pub fn required() -> Vec<(&'static str, Vec<Cell>)> {
    let commands = COMMANDS
        .iter()
        .flat_map(|name| [true, false].map(|taken| Cell::Command(name, taken)));
    vec![
        ("credit commands taken and refused", commands.collect()),
        ("what became of credit", EVENTS.map(Cell::Custody).to_vec()),
        ("draws and repayments", REACHED.map(Cell::Money).to_vec()),
    ]
}
