//! Money and goods in a world: who keeps them, what clears, what is charged, what comes and goes.
//!
//! Invariant: amounts are a few orders' worth, so that funds are often just short, and a choice
//! looks only at the random stream and at the reference. Not here: orders (`generate`).

use sanjiang_engine::command::*;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;

use super::correct;
use super::lend;
use super::margin;
use super::rng::Rng;
use super::settle;
use super::world::{HOUR, lots_of, name, price_at};
use crate::reference::{Holder, Reference};

/// The handles of the assets of a world, in order of their creation.
const PLAY: u32 = 0;
const GOODS: u32 = 1;
const DOLLAR: u32 = 2;
const CNY: u32 = 3;
const COPPER: u32 = 4;
const ASSETS: u32 = 5;

/// What the instruments of a world are paid in and deliver.
pub const CLEARS: [(u32, u32); 4] = [(PLAY, GOODS), (PLAY, GOODS), (DOLLAR, GOODS), (CNY, COPPER)];

/// The most a deposit brings, but for those that are to be too large.
const DEPOSIT_MAX: i128 = 1 << 56;

const PLAIN: Demonstration = Demonstration::Demonstration;
const REAL: Demonstration = Demonstration::Real;

/// The bounds of money, small enough to be met.
pub fn limits(rng: &mut Rng, limits: Limits) -> Limits {
    Limits {
        assets_max: rng.pick(&[6, 7]),
        custodians_max: rng.pick(&[5, 6]),
        positions_max: rng.pick(&[10, 24, 64, 96, 96, 96]),
        rates_max: rng.pick(&[4, 8, 16]),
        instructions_max: rng.pick(&[1, 3, 6]),
        references_max: rng.pick(&[2, 8, 8]),
        risk_sets_max: 16,
        margin_rows_max: rng.pick(&[3, 40, 40, 40]),
        margin_rows_per_tick: rng.pick(&[1, 3, 1_024]),
        unsettled_max: rng.pick(&[2, 6, 40, 40]),
        investors_max: rng.pick(&[2, 5, 40, 40, 40]),
        nominees_max: rng.pick(&[1, 2, 6]),
        // Nobody sells here.
        buyers_max: 1,
        tickets_max: 1,
        discount_uses_max: 1,
        ..correct::limits(rng, limits)
    }
}

fn asset(text: &str, class: AssetClass, demonstration: Demonstration) -> Body {
    Body::CreateAsset(CreateAsset {
        name: name(text),
        class,
        demonstration,
    })
}

fn currency(decimals: u8) -> AssetClass {
    AssetClass::Currency { decimals }
}

fn goods(decimals: u8) -> AssetClass {
    let unit = name("t");
    AssetClass::Goods { unit, decimals }
}

fn custodian(text: &str, kind: CustodianKind, demonstration: Demonstration) -> Body {
    Body::CreateCustodian(CreateCustodian {
        name: name(text),
        kind,
        demonstration,
    })
}

fn clearing(instrument: u32) -> SetClearing {
    let (money, goods) = CLEARS[instrument as usize];
    SetClearing {
        instrument: InstrumentId::new(instrument),
        money: AssetId::new(money),
        goods: AssetId::new(goods),
    }
}

/// The commands that bring money into a world whose instruments have these terms, to all accounts
/// but the poor ones.
pub fn opening(rng: &mut Rng, all: &[InstrumentTerms], poor: impl Fn(u32) -> bool) -> Vec<Body> {
    let (bank, warehouse) = (CustodianKind::Bank, CustodianKind::Warehouse);
    let mut list = vec![
        asset("PLAY", currency(2), PLAIN),
        asset("GOODS", goods(rng.pick(&[0, 0, 0, 2, 2, 9])), PLAIN),
        asset("DOLLAR", currency(rng.pick(&[2, 3])), PLAIN),
        asset("CNY", currency(2), REAL),
        asset("COPPER", goods(0), REAL),
        custodian("B0", bank, PLAIN),
        custodian("W0", warehouse, PLAIN),
        custodian("B1", bank, REAL),
        custodian("W1", warehouse, REAL),
    ];
    // Holders are counted only of goods that one instrument delivers.
    let alone = rng.permille(300);
    for instrument in 0..all.len() as u32 {
        let terms = &all[instrument as usize];
        if alone && instrument == 0 {
            list.push(Body::SetClearing(clearing(instrument)));
        } else if terms.price_sign == PriceSign::Positive && rng.permille(350) {
            let (money, _) = CLEARS[instrument as usize];
            list.push(margin::opening(rng, instrument, money, terms));
        } else if alone && instrument < 3 {
            // Its goods are counted for the first one.
        } else if rng.permille(if instrument < 3 { 700 } else { 900 }) {
            list.push(Body::SetClearing(clearing(instrument)));
        }
    }
    for _ in 0..rng.pick(&[0, 2, 5]) {
        list.push(fees(rng));
    }
    list.extend(lend::opening(rng, all));
    settle::opening(rng, all.len() as u32, alone, &mut list);
    for account in (0..8).filter(|account| !poor(*account)) {
        for which in 0..3 {
            list.push(first(rng, all, account, which));
        }
    }
    list
}

/// A deposit at the beginning of a world with plain amounts for one of its instruments.
fn first(rng: &mut Rng, all: &[InstrumentTerms], account: u32, instrument: usize) -> Body {
    let terms = &all[instrument];
    let (money, goods) = CLEARS[instrument];
    let lots = i128::from(lots_of(terms, 4).lots());
    let value = i128::from(price_at(terms, 3).ticks().abs().max(20)) * lots * 4;
    let many = i128::from(rng.range(2, 9));
    let (asset, amount) = if rng.permille(500) {
        (money, value * many)
    } else {
        (goods, lots * 2 * many)
    };
    Body::Instruct(Instruct {
        account: AccountId::new(account),
        asset: AssetId::new(asset),
        custodian: CustodianId::new(u32::from(asset == goods)),
        direction: Direction::Deposit,
        amount: units(amount),
    })
}

fn units(amount: i128) -> Amount {
    let amount = amount.clamp(0, DEPOSIT_MAX);
    Amount::new(amount as i64).expect("clamped")
}

fn rates(rng: &mut Rng) -> FeeRates {
    let minimum = rng.pick(&[0, 0, 0, 0, 5, 40]);
    let low = if minimum > 0 { 0 } else { -1 };
    let share = |rng: &mut Rng, down: i32| {
        let up = rng.pick(&[0, 1, 40, 300, 2_000, 20_000, 100_000]);
        if rng.permille(400) { low * down } else { up }
    };
    let mut rates = FeeRates {
        maker_ppm: share(rng, 300),
        taker_ppm: share(rng, 0),
        auction_ppm: share(rng, 50_000),
        per_lot: rng.pick(&[0, 0, 0, 1, 7]),
        minimum,
        cap: rng.pick(&[None, None, None, Some(minimum), Some(minimum + 3), Some(90)]),
    };
    if rng.permille(300) {
        rates.maker_ppm = low * rng.pick(&[1, 900, 30_000, 100_000]);
        rates.taker_ppm = rng.pick(&[low * 100, 1, 200, 30_000]);
        rates.per_lot = rng.pick(&[0, 0, 1]);
    }
    match rng.below(60) {
        0 => rates.maker_ppm = 100_001,
        1 => rates.auction_ppm = -100_001,
        2 => rates.per_lot = rng.pick(&[-1, (1 << 20) + 1]),
        3 => rates.cap = Some(minimum - 1),
        4 => rates.cap = Some((1 << 40) + 1),
        5 => (rates.minimum, rates.taker_ppm) = (1, -1),
        6 => rates.minimum = -1,
        7 => (rates.minimum, rates.cap) = ((1 << 40) + 1, None),
        _ => {}
    }
    rates
}

fn fees(rng: &mut Rng) -> Body {
    let venue = rng.weighted(&[(400, 0), (300, 1), (300, 2), (10, 9)]);
    let own: &[u32] = match venue {
        0 => &[0, 2, 0, 2, 0, 2, 1],
        1 => &[1, 1, 1, 1, 0],
        _ => &[3, 3, 3, 3, 9],
    };
    let instrument = rng.pick(own);
    Body::SetFees(Box::new(SetFees {
        venue: VenueId::new(venue),
        instrument: rng.permille(500).then(|| InstrumentId::new(instrument)),
        tier: rng.weighted(&[(600, 0), (200, 1), (200, 3), (10, 7), (10, 8)]),
        rates: rates(rng),
    }))
}

/// Something about money is set or founded.
fn administer(rng: &mut Rng) -> Body {
    let text = rng.pick(&["PLAY", "B0", "LATE", "LATER", ""]);
    let demonstration = rng.pick(&[PLAIN, REAL]);
    match rng.weighted(&[(20, 0), (20, 1), (40, 2), (60, 3), (60, 4)]) {
        0 => {
            let empty = AssetClass::Goods {
                unit: Name::EMPTY,
                decimals: 0,
            };
            let class = rng.pick(&[currency(0), goods(9), currency(10), goods(10), empty]);
            asset(text, class, demonstration)
        }
        1 => {
            let kind = rng.pick(&[CustodianKind::Bank, CustodianKind::Warehouse]);
            custodian(text, kind, demonstration)
        }
        2 => {
            let mut set = clearing(rng.pick(&[0, 1, 2, 3]));
            match rng.below(8) {
                0 => set.money = set.goods,
                1 => set.goods = set.money,
                2 => set.money = AssetId::new(rng.pick(&[PLAY, CNY, 50])),
                3 => set.goods = AssetId::new(rng.pick(&[COPPER, GOODS, 50])),
                4 => set.instrument = InstrumentId::new(rng.pick(&[0, 50])),
                _ => {}
            }
            Body::SetClearing(set)
        }
        3 => fees(rng),
        _ => Body::SetTier(SetTier {
            participant: ParticipantId::new(rng.weighted(&[(300, 0), (300, 1), (300, 2), (9, 9)])),
            tier: rng.weighted(&[(300, 0), (300, 1), (300, 3), (9, 8)]),
        }),
    }
}

/// What an order of this size on an instrument comes to: the asset and the amount.
fn needs(world: &Reference, new: &NewOrder) -> Option<(usize, i128)> {
    let known = world.instruments.get(new.instrument.place())?;
    if let Some(contract) = &known.margin {
        return Some((contract.money, margin::needs(contract, new)));
    }
    let cleared = known.clearing?;
    let lots = i128::from(new.quantity.lots());
    if new.side == Side::Sell {
        return Some((cleared.goods, lots * cleared.lot_units));
    }
    let given = match new.order_type {
        OrderType::Limit(terms) => Some(terms.price),
        OrderType::Market { protection } | OrderType::MarketToLimit { protection } => protection,
        OrderType::Stop {
            stop_price,
            protection,
        } => protection.or(Some(stop_price)),
        OrderType::StopLimit { price, .. } => Some(price),
    };
    let at = given.unwrap_or_else(|| price_at(&known.terms, 3));
    let value = i128::from(at.ticks().max(0)) * lots * cleared.tick_value;
    Some((cleared.money, value + value / 20))
}

/// Whether the account can pay only if it draws.
fn short(world: &Reference, account: usize, asset: usize, amount: i128) -> bool {
    let has = world.available(account, asset);
    has < amount && world.affords(account, asset, amount)
}

/// The account of an order, mostly one that can pay, with what it has or with what it is lent.
pub fn payer(rng: &mut Rng, world: &Reference, new: &NewOrder) -> AccountId {
    let Some((asset, amount)) = needs(world, new) else {
        return new.account;
    };
    let begin = rng.below(8);
    let all = (0..world.accounts.len().min(8)).map(|at| (begin + at) % world.accounts.len());
    let lent = rng.permille(500);
    let able = |account: &usize| {
        if lent {
            world.drawn(*account, asset) > 0 || short(world, *account, asset, amount)
        } else {
            world.available(*account, asset) >= amount
        }
    };
    let found = all.into_iter().find(able);
    found.map_or(new.account, |account| AccountId::new(account as u32))
}

/// An asset and how much of it: mostly what an order of the instrument could use.
fn sum(rng: &mut Rng, world: &Reference, instrument: usize) -> (u32, i128) {
    let mut asset = rng.below(ASSETS as usize + 1) as u32;
    let mut amount = i128::from(rng.range(0, 50));
    if let Some(known) = world.instruments.get(instrument)
        && let Some(cleared) = known.clearing
        && !rng.permille(50)
    {
        let lots = i128::from(lots_of(&known.terms, rng.range(1, 9)).lots());
        let at = i128::from(price_at(&known.terms, rng.range(-4, 4)).ticks().abs());
        let money = rng.permille(550);
        asset = if money { cleared.money } else { cleared.goods } as u32;
        amount = if money {
            (at + 1) * lots * cleared.tick_value * i128::from(rng.range(1, 6))
        } else {
            lots * cleared.lot_units * i128::from(rng.range(1, 6))
        };
    }
    if let Some(known) = world.instruments.get(instrument)
        && let Some(contract) = &known.margin
    {
        (asset, amount) = margin::deposit(rng, contract, &known.terms);
    }
    (asset, amount)
}

/// A deposit or a withdrawal.
fn instruct(rng: &mut Rng, world: &Reference) -> Body {
    let instrument = rng.below(world.instruments.len().max(1));
    let account = if rng.permille(5) {
        50
    } else {
        rng.below(8) as u32
    };
    let (asset, mut amount) = sum(rng, world, instrument);
    let withdrawal = rng.permille(250);
    if withdrawal && (account as usize) < world.accounts.len() {
        let all = world.available(account as usize, asset as usize);
        amount = rng.pick(&[all, all, all + 1, all / 2, all / 3, amount]);
    }
    if withdrawal
        && rng.permille(300)
        && let Some(unbacked) = unbacked(world, account, asset)
    {
        return unbacked;
    }
    let mut amount = units(amount);
    if rng.permille(12) && !withdrawal {
        amount = Amount::new(Amount::MAX_UNITS).expect("the bound");
    }
    let blind = rng.permille(200);
    let keeper = world.money.assets.get(asset as usize).map(|known| {
        let fits = |at: &usize| {
            let keeper = &world.money.custodians[*at];
            let has = world.balance(Holder::Custodian(*at), asset as usize);
            let enough = !withdrawal || blind || i128::from(amount.units()) <= -has;
            enough
                && keeper.demonstration == known.demonstration
                && keeper.kind == known.class.keeper()
        };
        let all: Vec<usize> = (0..world.money.custodians.len()).filter(fits).collect();
        if all.is_empty() { 0 } else { rng.pick(&all) }
    });
    let wrong = rng.permille(20);
    let keeper = if wrong {
        rng.pick(&[0, 1, 2, 50])
    } else {
        keeper.unwrap_or(0)
    };
    Body::Instruct(Instruct {
        account: AccountId::new(account),
        asset: AssetId::new(asset + if rng.permille(5) { 50 } else { 0 }),
        custodian: CustodianId::new(keeper as u32),
        direction: if withdrawal {
            Direction::Withdrawal
        } else {
            Direction::Deposit
        },
        amount,
    })
}

/// A withdrawal of all that an account has available, from a warehouse that holds as much, but not
/// beside what its receipts stand for.
fn unbacked(world: &Reference, account: u32, asset: u32) -> Option<Body> {
    let (account, asset) = (account as usize, asset as usize);
    if account >= world.accounts.len() || asset >= world.money.assets.len() {
        return None;
    }
    let amount = world.available(account, asset);
    let lacks = |at: &usize| {
        let holds = -world.balance(Holder::Custodian(*at), asset);
        let receipts = world.money.receipts.iter();
        let own = receipts.filter(|one| one.live() && (one.warehouse, one.asset) == (*at, asset));
        let stored: i128 = own.map(|one| one.amount).sum();
        amount > 0 && amount <= holds && amount > holds - stored
    };
    let keeper = (0..world.money.custodians.len()).find(lacks)?;
    Some(Body::Instruct(Instruct {
        account: AccountId::new(account as u32),
        asset: AssetId::new(asset as u32),
        custodian: CustodianId::new(keeper as u32),
        direction: Direction::Withdrawal,
        amount: units(amount),
    }))
}

fn acknowledge(
    rng: &mut Rng,
    world: &Reference,
    places: &dyn Fn(u64) -> usize,
    time: Time,
) -> Option<Body> {
    if world.money.pending.is_empty() {
        return None;
    }
    let one = &world.money.pending[rng.below(world.money.pending.len())];
    let place = places(one.id.value()) as u64 + u64::from(rng.permille(20));
    let today = (time.nanoseconds() / (24 * HOUR)) as i32;
    let after = world.money.custodians[one.custodian].closed;
    let after = after.map_or(today, |closed| closed + 1);
    let reference = rng.pick(&["R0", "R1", "R2", "R3", "R4", "R5", "R6", ""]);
    Some(Body::Acknowledge(Acknowledge {
        instruction: Sequence::new(place),
        outcome: if rng.permille(700) {
            Outcome::Executed
        } else {
            Outcome::Refused
        },
        reference: name(reference),
        business_date: rng.pick(&[today, today, after, after, after + 1, after - 1]),
    }))
}

fn close(rng: &mut Rng, world: &Reference, time: Time) -> Body {
    let which = rng.weighted(&[(50, 0), (400, 2), (400, 3), (10, 50)]);
    let today = (time.nanoseconds() / (24 * HOUR)) as i32;
    let known = world.money.custodians.get(which);
    let closed = known.and_then(|known| known.closed).unwrap_or(today - 2);
    Body::CloseCustodyDate(CloseCustodyDate {
        custodian: CustodianId::new(which as u32),
        date: closed + rng.weighted(&[(600, 1), (100, 2), (100, 0), (50, -1)]),
    })
}

/// Something about money or goods.
pub fn turn(
    rng: &mut Rng,
    world: &Reference,
    places: &dyn Fn(u64) -> usize,
    time: Time,
) -> Option<Body> {
    let waiting = !world.money.pending.is_empty();
    let pending = if waiting { 300 } else { 0 };
    match rng.weighted(&[
        (500, 0),
        (pending, 1),
        (50, 2),
        (250, 3),
        (250, 4),
        (450, 5),
        (170, 6),
        (150, 7),
    ]) {
        0 => Some(instruct(rng, world)),
        1 => acknowledge(rng, world, places, time),
        2 => Some(close(rng, world, time)),
        3 => Some(administer(rng)),
        4 => correct::turn(rng, world, places),
        5 => lend::turn(rng, world),
        7 => Some(margin::turn(rng, world)),
        _ => Some(settle::turn(rng, world)),
    }
}

/// An acknowledgement gets who approves it: mostly another principal, as must be; an act on a
/// receipt, a reason too.
pub fn approve(rng: &mut Rng, command: &mut Command) {
    let receipts = matches!(command.body, Body::Receipts(_));
    let compensates = matches!(command.body, Body::Credit(CreditCommand::Compensate(_)));
    correct::approve(rng, command);
    if !receipts
        && !matches!(
            command.body,
            Body::Acknowledge(_)
                | Body::CloseCustodyDate(_)
                | Body::Settlement(_)
                | Body::DefineRegime(_)
                | Body::MoveVenue(_)
                | Body::SetAnnualUse(_)
        )
        && !lend::needs_approver(&command.body)
    {
        return;
    }
    let approver = rng.weighted(&[
        (900, Some(PrincipalId::new(8))),
        (40, None),
        (40, Some(PrincipalId::LOCAL)),
    ]);
    if approver.is_some() || rng.permille(500) {
        command.envelope.authority = Some(Box::new(Authority {
            approver,
            reason: if (receipts || compensates) && !rng.permille(50) {
                "why".to_owned()
            } else {
                String::new()
            },
            ..Authority::default()
        }));
    }
}
