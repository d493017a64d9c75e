//! Money and goods of the damaged folders: what founds them, what moves them, and damage to just
//! the bytes that say so.
//!
//! Invariant: each amount moved in or out is written nowhere else, so its bytes can be found in a
//! record and in a snapshot. Not here: damage that does not care what it strikes (`damage`).

use std::path::Path;

use sanjiang_engine::bytes::{put_varint, put_zigzag};
use sanjiang_engine::clearing::{Holder, Position};
use sanjiang_engine::command::{
    Acknowledge, AssetClass, Authority, Body, Command, CreateAsset, CreateCustodian, CustodianKind,
    Demonstration, Direction, FeeRates, Instruct, Outcome, SetClearing, SetFees,
};
use sanjiang_engine::engine::SectionId;
use sanjiang_engine::event::{ContractEvent, CustodyStatus, Event};
use sanjiang_engine::snapshot;
use sanjiang_engine::types::{
    AccountId, Amount, AssetId, CustodianId, InstrumentId, PrincipalId, Sequence, VenueId,
};

use super::database;
use super::fields;
use super::hurt::Damage;
use super::image::Image;
use super::judge::judge;
use super::table::Case;
use crate::support::books::Books;
use crate::support::{flow, internal, limits, name};

/// The currency and the goods the instrument is cleared in, and a real currency beside them, whose
/// withdrawals wait for their bank.
pub const MONEY: AssetId = AssetId::new(0);
const GOODS: AssetId = AssetId::new(1);
pub const REAL: AssetId = AssetId::new(2);
/// What an account begins with of each: its orders never run out of it.
const STAKE: i64 = 900_000_000_000;
/// Amounts that are moved later, from here on.
const MOVED: i64 = 300_000_000;
/// Of so many commands one moves money or goods in, and one out.
const IN_ONE_OF: u64 = 29;
const OUT_ONE_OF: u64 = 31;
/// Of so many batches one asks the real bank, and the next brings its answer: few enough for the
/// references of one date.
const ASKED_ONE_OF: u64 = 3;

/// Assets, custodians, clearing, fees and stakes; `first` is the sequence of the first of them.
pub fn founding(first: Sequence) -> Vec<Command> {
    let [demonstration, real] = [Demonstration::Demonstration, Demonstration::Real];
    let currency = AssetClass::Currency { decimals: 2 };
    let unit = name("t");
    let goods = AssetClass::Goods { unit, decimals: 0 };
    let mut all = Vec::new();
    for (text, class, demonstration) in [
        ("CNY", currency, demonstration),
        ("goods", goods, demonstration),
        ("USD", currency, real),
    ] {
        all.push(Body::CreateAsset(CreateAsset {
            name: name(text),
            class,
            demonstration,
        }));
    }
    for (text, kind, demonstration) in [
        ("bank", CustodianKind::Bank, demonstration),
        ("warehouse", CustodianKind::Warehouse, demonstration),
        ("real bank", CustodianKind::Bank, real),
    ] {
        all.push(Body::CreateCustodian(CreateCustodian {
            name: name(text),
            kind,
            demonstration,
        }));
    }
    all.push(Body::SetClearing(SetClearing {
        instrument: InstrumentId::new(0),
        money: MONEY,
        goods: GOODS,
    }));
    let fees = SetFees {
        venue: VenueId::new(0),
        instrument: None,
        tier: 0,
        rates: FeeRates {
            maker_ppm: 100,
            taker_ppm: 1_500,
            per_lot: 1,
            minimum: 3,
            ..FeeRates::default()
        },
    };
    all.push(Body::SetFees(Box::new(fees)));
    for account in 0..2 {
        for asset in [MONEY, GOODS, REAL] {
            all.push(moved(account, asset, Direction::Deposit, STAKE));
        }
    }
    let mut all: Vec<_> = all.into_iter().map(internal).collect();
    // The real bank has what it was told to take in.
    for account in 0..2 {
        let place = all.len() as u64 - 4 + 2 * account;
        all.push(answer(
            Sequence::new(first.value() + place),
            Outcome::Executed,
        ));
    }
    all
}

/// An instruction to the custodian with the asset's handle.
pub fn moved(account: u32, asset: AssetId, direction: Direction, units: i64) -> Body {
    Body::Instruct(Instruct {
        account: AccountId::new(account),
        asset,
        custodian: CustodianId::new(asset.index()),
        direction,
        amount: Amount::new(units).expect("in bounds"),
    })
}

/// The real bank's answer, with the second signature.
pub fn answer(instruction: Sequence, outcome: Outcome) -> Command {
    let mut command = internal(Body::Acknowledge(Acknowledge {
        instruction,
        outcome,
        reference: name(&format!("r-{}", instruction.value())),
        business_date: 20_000,
    }));
    command.envelope.authority = Some(Box::new(Authority {
        on_behalf_of: None,
        reason: "seen".to_owned(),
        approver: Some(PrincipalId::new(7)),
    }));
    command
}

/// The commands of a batch that begins with the `index`-th: orders, now and then money and goods
/// that come and go. `asked` is what the real bank has not answered.
pub fn batch(
    (number, index, count): (u64, u64, u64),
    first: Sequence,
    asked: &mut Option<Sequence>,
) -> Vec<Command> {
    let mut all: Vec<_> = (index..index + count).map(one).collect();
    if let Some(instruction) = asked.take() {
        let outcome = if number.is_multiple_of(2) {
            Outcome::Executed
        } else {
            Outcome::Refused
        };
        all[0] = answer(instruction, outcome);
    } else if number.is_multiple_of(ASKED_ONE_OF) {
        let units = MOVED + index as i64;
        all[0] = internal(moved(1, REAL, Direction::Withdrawal, units));
        *asked = Some(first);
    }
    all
}

fn one(index: u64) -> Command {
    let direction = if index.is_multiple_of(IN_ONE_OF) {
        Direction::Deposit
    } else if index.is_multiple_of(OUT_ONE_OF) {
        Direction::Withdrawal
    } else {
        return flow(index);
    };
    let account = (index >> 2 & 1) as u32;
    let asset = if index & 1 == 0 { MONEY } else { GOODS };
    internal(moved(account, asset, direction, MOVED + index as i64))
}

/// Whether an image has what these tests are about: money and goods that came, went, were traded
/// for fees, are held by orders, and wait for a bank at the end of some record.
pub fn covers(image: &Image) {
    let events = image.released.iter().flat_map(|seen| &seen.events);
    let (mut fees, mut moves) = (0, [0; 3]);
    for event in events {
        if let Event::Trade(trade) = event {
            fees += trade.buy.fee + trade.sell.fee;
        } else if let Event::Contract(ContractEvent::Step(report)) = event {
            fees += report.fee;
        } else if let Event::Custody(report) = event {
            moves[match report.status {
                CustodyStatus::Pending => 0,
                CustodyStatus::Executed => 1,
                CustodyStatus::Refused => 2,
            }] += 1;
        }
    }
    assert!(
        fees > 0 && moves.iter().all(|count| *count > 1),
        "{fees} {moves:?}"
    );
    let held = |asset| {
        let held = |books: &&Books| books.held(asset) > 0;
        image.books.values().filter(held).count()
    };
    let counts = [MONEY, GOODS, REAL].map(held);
    assert!(counts.iter().all(|count| *count > 2), "{counts:?}");
    let last = image.books.values().next_back().expect("not empty");
    let venue = |one: &&Position| matches!(one.holder(), Holder::Venue(_));
    let taken = last.positions.iter().filter(venue).map(Position::balance);
    assert_eq!(taken.sum::<i64>(), fees, "the venues have their fees");
}

/// Records of the journal that move money or goods: the amount changed with a checksum that fits,
/// the record gone, two with each other's bytes.
pub fn of_records(image: &Image) -> Vec<Case<'_>> {
    let moves = moves(image);
    let mut cases = Vec::new();
    for (turn, (at, bytes, amount)) in moves.iter().enumerate() {
        for what in ["+1", "-1", "=0"] {
            let mut hurt = bytes.clone();
            if !change(&mut hurt, *amount, what) {
                continue;
            }
            fields::fit(&mut hurt);
            let what = format!("{} moves {amount} {what}", at.value());
            cases.push(fields::rewritten(
                image,
                "record's money",
                &what,
                vec![(*at, hurt)],
            ));
        }
        let at = *at;
        cases.push(Case {
            kind: "record's money".to_owned(),
            what: format!("{:?} {} removed", image.end, at.value()),
            run: Box::new(move || {
                let act = |folder: &Path| database::remove(folder, at);
                judge(image, &Damage::done(&act), image.acknowledged)
            }),
        });
        if let Some((other, others, _)) = moves.get(turn + 1) {
            let what = format!("{} and {}", at.value(), other.value());
            let both = vec![(at, others.clone()), (*other, bytes.clone())];
            cases.push(fields::rewritten(image, "record's money", &what, both));
        }
    }
    cases
}

/// A few records of the journal that move something, each with an amount it moves.
fn moves(image: &Image) -> Vec<(Sequence, Vec<u8>, u64)> {
    let held = &image.records[image.held..];
    let of_record = |(at, bytes): &(Sequence, Vec<u8>)| {
        let next = held
            .iter()
            .map(|(first, _)| *first)
            .find(|first| first > at);
        let own = image.commands.iter().filter(|command| {
            command.sequence >= *at && next.is_none_or(|next| command.sequence < next)
        });
        let mut amounts = own.filter_map(|command| {
            let Body::Instruct(instruct) = &command.value.body else {
                return None;
            };
            Some(instruct.amount.units() as u64)
        });
        let once = amounts.find(|amount| places(bytes, *amount) == 1)?;
        Some((*at, bytes.clone(), once))
    };
    let all: Vec<_> = held.iter().filter_map(of_record).collect();
    assert!(all.len() >= 6, "few records move money: {}", all.len());
    // The oldest, those in the middle, and the last three: before and after the newest snapshot.
    let middle = all.len() / 2;
    let chosen = [0, middle, all.len() - 3, all.len() - 2, all.len() - 1];
    chosen.map(|place| all[place].clone()).into()
}

fn varint(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, value);
    out
}

fn places(bytes: &[u8], amount: u64) -> usize {
    let sought = varint(amount);
    bytes
        .windows(sought.len())
        .filter(|part| *part == sought)
        .count()
}

/// Writes another amount of the same length; whether there is one.
fn change(bytes: &mut [u8], amount: u64, what: &str) -> bool {
    let sought = varint(amount);
    let at = bytes.windows(sought.len()).position(|part| part == sought);
    let at = at.expect("it was found before");
    let other = match what {
        "+1" => amount + 1,
        "-1" => amount - 1,
        // The least that is written as long.
        _ => 1 << (7 * (sought.len() - 1)),
    };
    let other = varint(other);
    let fits = other.len() == sought.len();
    if fits {
        bytes[at..at + other.len()].copy_from_slice(&other);
    }
    fits
}

/// Each position of the newest snapshot with a unit more, and moved between available and held, all
/// checksums fitting; in one snapshot and in both.
pub fn of_snapshots(image: &Image) -> Vec<Case<'_>> {
    let names = image
        .files
        .keys()
        .filter(|name| name.starts_with("snapshots"));
    let names: Vec<_> = names.collect();
    let whole: Vec<_> = names
        .iter()
        .map(|name| snapshot::Snapshot::decode(&image.files[*name]).expect("whole"))
        .collect();
    let newest = whole.last().expect("snapshots are kept");
    let count = Books::of(&newest.restore(limits()).expect("an engine"))
        .positions
        .len();
    let mut cases = Vec::new();
    for place in 0..count {
        for (what, change) in CHANGES {
            if altered(newest, place, change) == newest.encode() {
                continue;
            }
            for both in [false, true] {
                let from = if both { 0 } else { names.len() - 1 };
                let mut damage = Damage::default();
                for (name, whole) in names.iter().zip(&whole).skip(from) {
                    damage = damage.and_put(name, altered(whole, place, change));
                }
                cases.push(Case {
                    kind: "snapshot's money".to_owned(),
                    what: format!("{:?} position {place} {what} both {both}", image.end),
                    run: Box::new(move || judge(image, &damage, image.acknowledged)),
                });
            }
        }
    }
    cases
}

/// What becomes of available and held.
type Change = fn((i64, i64)) -> (i64, i64);

const CHANGES: [(&str, Change); 3] = [
    ("more", |(available, held)| (available + 1, held)),
    ("held", |(available, held)| (available - 1, held + 1)),
    ("swapped", |(available, held)| (held, available)),
];

/// The bytes of a snapshot with one position changed, and with checksums that fit.
fn altered(whole: &snapshot::Snapshot, place: usize, change: Change) -> Vec<u8> {
    let books = Books::of(&whole.restore(limits()).expect("an engine"));
    let position = books.positions[place];
    let bytes = |(available, held): (i64, i64)| {
        let mut out = Vec::new();
        put_zigzag(&mut out, available);
        put_zigzag(&mut out, held);
        out
    };
    let was = (position.available, position.held);
    let (sought, other) = (bytes(was), bytes(change(was)));
    let mut hurt = whole.clone();
    let section = hurt.sections.iter_mut();
    let mut section = section.filter(|(section, _)| *section == SectionId::Clearing);
    let (_, content) = section.next().expect("every snapshot has one");
    let at = content
        .windows(sought.len())
        .position(|part| part == sought);
    let at = at.expect("a position is written as its parts");
    content.splice(at..at + sought.len(), other);
    hurt.encode()
}
