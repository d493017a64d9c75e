//! Warehouse receipts in a world: acts that mostly may be done, in every standing of a receipt, and
//! which of them were met.
//!
//! Invariant: as in `generate` and `coverage`. A script names a receipt by its handle: with steps
//! left out it names another one.

use sanjiang_engine::command::*;
use sanjiang_engine::event::{Event, ReceiptEnd, ReceiptStatus};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;

use super::coverage::Cell;
use super::rng::Rng;
use super::world::name;
use crate::reference::Reference;

/// Goods and their warehouse, of a demonstration and real ones.
const STORES: [(u32, u32); 2] = [(1, 1), (4, 3)];
const STANDINGS: [&str; 10] = [
    "active",
    "listed",
    "pledged",
    "frozen",
    "locked",
    "split",
    "merged",
    "cancelled",
    "pooled",
    "none",
];
/// Acts on a receipt there is.
const ACTS: [&str; 7] = [
    "Encumber", "Lift", "Split", "Merge", "Transfer", "Cancel", "Pool",
];
const ISSUES: [&str; 2] = ["Register", "Draw"];

/// The bounds of receipts, small enough to be met.
pub fn limits(rng: &mut Rng, limits: Limits) -> Limits {
    Limits {
        receipts_max: rng.pick(&[3, 9, 30, 30]),
        receipt_numbers_max: rng.pick(&[12, 60, 400, 400]),
        ..limits
    }
}

/// A number nobody has yet, or, now and then, any.
fn number(rng: &mut Rng, world: &Reference, ahead: usize) -> Name {
    let used = world.money.receipts.len();
    let at = if rng.permille(60) {
        rng.below(used + 1)
    } else {
        used + ahead
    };
    if rng.permille(10) {
        return Name::EMPTY;
    }
    name(&format!("N{at}"))
}

fn document(rng: &mut Rng) -> [u8; 32] {
    [rng.below(256) as u8; 32]
}

fn units(amount: i128) -> Amount {
    let most = i128::from(Amount::MAX_UNITS);
    Amount::new(amount.clamp(0, most) as i64).expect("clamped")
}

fn anybody(rng: &mut Rng) -> AccountId {
    let unknown = if rng.permille(8) { 50 } else { 0 };
    AccountId::new(rng.below(8) as u32 + unknown)
}

fn issue(rng: &mut Rng, world: &Reference, draws: bool) -> IssueReceipt {
    let (asset, warehouse) = rng.pick(&STORES);
    let lots = world.instruments.iter().filter_map(|known| known.clearing);
    let lots: Vec<_> = lots
        .filter(|cleared| cleared.goods == asset as usize)
        .collect();
    let lot = if lots.is_empty() {
        1
    } else {
        lots[rng.below(lots.len())].lot_units
    };
    let begin = rng.below(8);
    let mut account = begin;
    let mut amount = lot * i128::from(rng.range(1, 12));
    if draws {
        let able =
            |at: &usize| *at < world.accounts.len() && world.available(*at, asset as usize) > 0;
        let all = (0..8).map(|at| (begin + at) % 8);
        account = all.into_iter().find(able).unwrap_or(begin);
        let has = if account < world.accounts.len() {
            world.available(account, asset as usize)
        } else {
            0
        };
        amount = rng.pick(&[has, has / 2, has / 3, has + 1, amount.min(has)]);
    }
    let mut new = IssueReceipt {
        number: number(rng, world, 0),
        warehouse: CustodianId::new(warehouse),
        asset: AssetId::new(asset),
        amount: units(amount),
        account: AccountId::new(account as u32),
        document: document(rng),
    };
    match rng.below(80) {
        0 => new.amount = Amount::ZERO,
        1 => new.amount = units(i128::from(Amount::MAX_UNITS)),
        2 => new.asset = AssetId::new(rng.pick(&[0, 3, 50])),
        3 => new.warehouse = CustodianId::new(rng.pick(&[0, 1, 2, 3, 50])),
        4 => new.account = AccountId::new(50),
        _ => {}
    }
    new
}

/// A receipt of a standing that is drawn first, so that each is met; or any, or none.
fn one(rng: &mut Rng, world: &Reference, wanted: &[(u32, usize)]) -> ReceiptId {
    let all = &world.money.receipts;
    let wanted = rng.weighted(wanted);
    let fits = |at: &usize| standing(all[*at].status) == wanted;
    let fits: Vec<_> = (0..all.len()).filter(fits).collect();
    let at = match fits.len() {
        _ if rng.permille(8) => all.len() + 3,
        0 => rng.below(all.len() + 1),
        some => fits[rng.below(some)],
    };
    ReceiptId::new(at as u32)
}

fn standing(status: ReceiptStatus) -> usize {
    match status {
        ReceiptStatus::Active => 0,
        ReceiptStatus::Encumbered(Encumbrance::Listed) => 1,
        ReceiptStatus::Encumbered(Encumbrance::Pledged { .. }) => 2,
        ReceiptStatus::Encumbered(Encumbrance::Frozen) => 3,
        ReceiptStatus::Encumbered(Encumbrance::Locked) => 4,
        ReceiptStatus::Ended(ReceiptEnd::Split) => 5,
        ReceiptStatus::Ended(ReceiptEnd::Merged) => 6,
        ReceiptStatus::Ended(ReceiptEnd::Cancelled) => 7,
        ReceiptStatus::Ended(ReceiptEnd::Pooled) => 8,
    }
}

/// Mostly active ones.
const ACTIVE: [(u32, usize); 9] = [
    (900, 0),
    (20, 1),
    (20, 2),
    (20, 3),
    (20, 4),
    (10, 5),
    (10, 6),
    (10, 7),
    (10, 8),
];
/// Mostly encumbered ones.
const HELD: [(u32, usize); 9] = [
    (60, 0),
    (200, 1),
    (200, 2),
    (200, 3),
    (200, 4),
    (10, 5),
    (10, 6),
    (10, 7),
    (10, 8),
];

/// Who holds a receipt; now and then somebody else.
fn holder(rng: &mut Rng, world: &Reference, id: ReceiptId) -> AccountId {
    let known = world.money.receipts.get(id.place());
    match known {
        Some(known) if !rng.permille(40) => AccountId::new(known.account as u32),
        _ => anybody(rng),
    }
}

fn encumber(rng: &mut Rng, world: &Reference) -> ReceiptCommand {
    let receipt = one(rng, world, &ACTIVE);
    let pledgee = anybody(rng);
    let encumbrance = rng.pick(&[
        Encumbrance::Listed,
        Encumbrance::Pledged { pledgee },
        Encumbrance::Frozen,
        Encumbrance::Locked,
    ]);
    let operators = matches!(encumbrance, Encumbrance::Frozen | Encumbrance::Locked);
    let own = operators == rng.permille(60);
    ReceiptCommand::Encumber(EncumberReceipt {
        receipt,
        account: own.then(|| holder(rng, world, receipt)),
        encumbrance,
    })
}

fn lift(rng: &mut Rng, world: &Reference) -> ReceiptCommand {
    let receipt = one(rng, world, &HELD);
    let known = world.money.receipts.get(receipt.place());
    let account = match known.map(|known| known.status) {
        Some(ReceiptStatus::Encumbered(Encumbrance::Pledged { pledgee })) => Some(pledgee),
        Some(ReceiptStatus::Encumbered(Encumbrance::Listed)) => Some(holder(rng, world, receipt)),
        _ => None,
    };
    ReceiptCommand::Lift(LiftReceipt {
        receipt,
        account: match rng.below(12) {
            0 => None,
            1 => Some(anybody(rng)),
            2 => Some(holder(rng, world, receipt)),
            _ => account,
        },
    })
}

fn split(rng: &mut Rng, world: &Reference) -> ReceiptCommand {
    let receipt = one(rng, world, &ACTIVE);
    let known = world.money.receipts.get(receipt.place());
    let mut left = known.map_or(5, |known| known.amount);
    let count = rng.weighted(&[
        (300, 2),
        (200, 3),
        (60, 5),
        (8, 16),
        (8, 17),
        (8, 1),
        (4, 0),
    ]);
    let mut parts = Vec::new();
    for at in 0..count {
        let last = at + 1 == count;
        let amount = if last { left } else { left / 2 };
        left -= amount;
        parts.push(ReceiptPart {
            number: number(rng, world, at),
            amount: units(amount),
            document: document(rng),
        });
    }
    if let Some(part) = parts.first_mut().filter(|_| rng.permille(30)) {
        part.amount = units(i128::from(part.amount.units()) + 1);
    }
    ReceiptCommand::Split(SplitReceipt {
        receipt,
        account: holder(rng, world, receipt),
        parts,
    })
}

fn merge(rng: &mut Rng, world: &Reference) -> ReceiptCommand {
    let first = one(rng, world, &ACTIVE);
    let all = &world.money.receipts;
    let mut receipts = vec![first];
    if let Some(known) = all.get(first.place()) {
        let alike = |at: &usize| {
            let other = &all[*at];
            *at != first.place()
                && other.status == ReceiptStatus::Active
                && (other.account, other.warehouse) == (known.account, known.warehouse)
        };
        let alike = (0..all.len())
            .filter(alike)
            .take(rng.pick(&[1, 1, 2, 5, 15]));
        receipts.extend(alike.map(|at| ReceiptId::new(at as u32)));
    }
    match rng.below(20) {
        0 => receipts.push(one(rng, world, &HELD)),
        1 => receipts.push(first),
        2 => receipts.truncate(1),
        3 => receipts.extend([first; 16]),
        4 => receipts.push(one(rng, world, &ACTIVE)),
        _ => {}
    }
    ReceiptCommand::Merge(MergeReceipts {
        account: holder(rng, world, first),
        receipts,
        number: number(rng, world, 0),
        document: document(rng),
    })
}

/// Something is done with receipts.
pub fn turn(rng: &mut Rng, world: &Reference) -> Body {
    let choice = rng.weighted(&[
        (160, 0),
        (100, 1),
        (200, 2),
        (190, 3),
        (90, 4),
        (90, 5),
        (110, 6),
        (70, 7),
        (70, 8),
    ]);
    let command = match choice {
        0 => ReceiptCommand::Register(issue(rng, world, false)),
        1 => ReceiptCommand::Draw(issue(rng, world, true)),
        2 => encumber(rng, world),
        3 => lift(rng, world),
        4 => split(rng, world),
        5 => merge(rng, world),
        6 => {
            let receipt = one(rng, world, &ACTIVE);
            ReceiptCommand::Transfer(TransferReceipt {
                receipt,
                from: holder(rng, world, receipt),
                to: anybody(rng),
            })
        }
        _ => {
            let receipt = one(rng, world, &ACTIVE);
            let account = holder(rng, world, receipt);
            let held = HeldReceipt { receipt, account };
            if choice == 7 {
                ReceiptCommand::Cancel(held)
            } else {
                ReceiptCommand::Pool(held)
            }
        }
    };
    Body::Receipts(Box::new(command))
}

/// An act on a receipt, by name, and the receipt it names first.
fn act_of(body: &Body) -> Option<(&'static str, Option<ReceiptId>)> {
    let Body::Receipts(act) = body else {
        return None;
    };
    Some(match &**act {
        ReceiptCommand::Register(_) => (ISSUES[0], None),
        ReceiptCommand::Draw(_) => (ISSUES[1], None),
        ReceiptCommand::Encumber(ask) => (ACTS[0], Some(ask.receipt)),
        ReceiptCommand::Lift(ask) => (ACTS[1], Some(ask.receipt)),
        ReceiptCommand::Split(ask) => (ACTS[2], Some(ask.receipt)),
        ReceiptCommand::Merge(ask) => (ACTS[3], ask.receipts.first().copied()),
        ReceiptCommand::Transfer(ask) => (ACTS[4], Some(ask.receipt)),
        ReceiptCommand::Cancel(ask) => (ACTS[5], Some(ask.receipt)),
        ReceiptCommand::Pool(ask) => (ACTS[6], Some(ask.receipt)),
    })
}

/// What a command is about to do, and how that receipt stands.
pub fn before(world: &Reference, body: &Body) -> Option<Cell> {
    let (act, receipt) = act_of(body)?;
    let known = receipt.map(|id| world.money.receipts.get(id.place()));
    let stands = known.map(|known| known.map_or(9, |known| standing(known.status)));
    Some(Cell::Receipt(act, STANDINGS[stands.unwrap_or(9)]))
}

/// The name of an act for the count of those taken and refused.
pub fn command(body: &Body) -> Option<&'static str> {
    act_of(body).map(|(act, _)| act)
}

/// What an event says was done.
pub fn event(event: &Event) -> Option<Cell> {
    let Event::Receipt(report) = event else {
        return None;
    };
    let (code, encumbrance, _) = report.act.code();
    Some(Cell::ReceiptAct(code, encumbrance))
}

/// The groups of cells about receipts.
pub fn required() -> Vec<(&'static str, Vec<Cell>)> {
    let mut stands = Vec::new();
    for act in ACTS {
        stands.extend(STANDINGS.map(|standing| Cell::Receipt(act, standing)));
    }
    let names = ISSUES.into_iter().chain(ACTS);
    let commands = names.flat_map(|name| [true, false].map(|taken| Cell::Command(name, taken)));
    let plain = [1, 2, 5, 6, 7, 8, 9, 10, 11].map(|code| Cell::ReceiptAct(code, 0));
    let mut acts = plain.to_vec();
    for code in [3, 4] {
        acts.extend([1, 2, 3, 4].map(|kind| Cell::ReceiptAct(code, kind)));
    }
    vec![
        ("act on a receipt x how it stands", stands),
        ("acts on receipts taken and refused", commands.collect()),
        ("what became of receipts", acts),
    ]
}
