//! Damage to the words that shops are made of: a command of a record that says something else, is
//! gone, or is there twice, with checksums that fit; a byte of a snapshot's offers or contracts.
//!
//! Not here: damage that does not care what it strikes (`damage`), what an image must have
//! (`shop_cover`).

use std::path::Path;

use sanjiang_engine::command::{
    Act, Body, Command, ContractCommand, SalesCommand, Sequenced, TakeStep,
};
use sanjiang_engine::engine::SectionId;
use sanjiang_engine::journal::{codec, record};
use sanjiang_engine::snapshot::Snapshot;
use sanjiang_engine::types::{Amount, Sequence};

use super::database;
use super::hurt::Damage;
use super::image::Image;
use super::judge::judge_later;
use super::random::Random;
use super::table::Case;

/// Records that one change is tried on: the oldest, one in the middle, the newest.
const OF_EACH: usize = 3;

/// Makes another record of the commands of one; false where it has nothing to change.
type Change = fn(&mut [Sequenced<Command>]) -> bool;

const CHANGES: [(&str, Change); 7] = [
    ("a reserve of a piece more", more_pieces),
    ("a reserve twice", twice),
    ("a reserve lost", lost),
    ("another step", other_step),
    ("more on offer", more_stock),
    ("another guarantee", other_guarantee),
    ("a tick lost", no_tick),
];

fn first<'a, T>(
    commands: &'a mut [Sequenced<Command>],
    of: impl Fn(&'a mut Body) -> Option<T>,
) -> Option<T> {
    commands.iter_mut().find_map(|one| of(&mut one.value.body))
}

fn more_pieces(commands: &mut [Sequenced<Command>]) -> bool {
    let pieces = first(commands, |body| {
        if let Body::Contract(ContractCommand::Reserve(reserve)) = body {
            return Some(&mut reserve.pieces);
        }
        None
    });
    pieces.is_some_and(|pieces| {
        *pieces += 1;
        true
    })
}

fn is_reserve(one: &Sequenced<Command>) -> bool {
    matches!(one.value.body, Body::Contract(ContractCommand::Reserve(_)))
}

/// In the place of the command after it, if that is no reserve.
fn twice(commands: &mut [Sequenced<Command>]) -> bool {
    let pair = |pair: &[Sequenced<Command>]| is_reserve(&pair[0]) && !is_reserve(&pair[1]);
    let at = commands.windows(2).position(pair);
    at.is_some_and(|at| {
        commands[at + 1].value = commands[at].value.clone();
        true
    })
}

/// What a start journals, and changes nothing, in its place.
fn nothing(one: &mut Sequenced<Command>) -> bool {
    one.value.body = Body::SessionsLost;
    true
}

fn lost(commands: &mut [Sequenced<Command>]) -> bool {
    commands
        .iter_mut()
        .find(|one| is_reserve(one))
        .is_some_and(nothing)
}

fn no_tick(commands: &mut [Sequenced<Command>]) -> bool {
    let tick = commands.iter_mut().find(|one| one.value.body == Body::Tick);
    tick.is_some_and(nothing)
}

fn other_step(commands: &mut [Sequenced<Command>]) -> bool {
    let step = first(commands, |body| {
        if let Body::Contract(ContractCommand::Step(
            step @ TakeStep {
                account: Some(_), ..
            },
        )) = body
        {
            return Some(step);
        }
        None
    });
    step.is_some_and(|step| {
        step.act = if step.act == Act::Cancel {
            Act::Dispute
        } else {
            Act::Cancel
        };
        true
    })
}

fn more_stock(commands: &mut [Sequenced<Command>]) -> bool {
    let stock = first(commands, |body| {
        if let Body::Sales(sales) = body
            && let SalesCommand::Offer(make) = sales.as_mut()
        {
            return Some(&mut make.stock);
        }
        None
    });
    stock.is_some_and(|stock| {
        *stock += 1;
        true
    })
}

/// One fen, or none in place of any.
fn other_guarantee(commands: &mut [Sequenced<Command>]) -> bool {
    let amount = first(commands, |body| {
        if let Body::Sales(sales) = body
            && let SalesCommand::SetGuarantee(set) = sales.as_mut()
        {
            return Some(&mut set.amount);
        }
        None
    });
    amount.is_some_and(|amount| {
        let units = i64::from(*amount == Amount::ZERO);
        *amount = Amount::new(units).expect("in bounds");
        true
    })
}

/// Each change in some records, and those records gone.
pub fn of_records(image: &Image) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for (what, change) in CHANGES {
        let held = image.records[image.held..].iter();
        let changed = held.filter_map(|(at, bytes)| Some((*at, changed(image, bytes, change)?)));
        let all: Vec<_> = changed.collect();
        assert!(
            all.len() >= OF_EACH,
            "few records can have {what}: {}",
            all.len()
        );
        let chosen = [0, all.len() / 2, all.len() - 1].map(|place| all[place].clone());
        for (at, hurt) in chosen {
            let case = |what: &str, act: Box<dyn Fn(&Path) + Sync + Send>| Case {
                kind: "shops' records".to_owned(),
                what: format!("{:?} {}: {what}", image.end, at.value()),
                run: Box::new(move || judge_later(image, &Damage::done(&act), image.acknowledged)),
            };
            let put = move |folder: &Path| database::put(folder, at, &hurt);
            cases.push(case(what, Box::new(put)));
            let removed = move |folder: &Path| database::remove(folder, at);
            cases.push(case("removed", Box::new(removed)));
        }
    }
    cases
}

/// The bytes of a record after a change, with a header and a checksum that fit.
fn changed(image: &Image, bytes: &[u8], change: Change) -> Option<Vec<u8>> {
    let (header, _) = record::open(bytes).expect("a record");
    let place = |sequence: Sequence| {
        let found = image
            .commands
            .binary_search_by_key(&sequence, |one| one.sequence);
        found.expect("every command was exported")
    };
    let own = place(header.first)..=place(header.last());
    let mut commands = image.commands[own].to_vec();
    assert_eq!(
        coded(&header, &commands),
        bytes,
        "as the journal coded them"
    );
    change(&mut commands).then(|| coded(&header, &commands))
}

fn coded(header: &record::Header, commands: &[Sequenced<Command>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::begin(&mut bytes);
    let mut before = header.base_time;
    for command in commands {
        codec::encode(&mut bytes, before, command);
        before = command.time;
    }
    record::seal(header, &mut bytes);
    bytes
}

/// `count` bytes of offers and as many of contracts, in the newest snapshot and in both, the own
/// checksum of each file fitting.
pub fn of_snapshots(image: &Image, count: usize) -> Vec<Case<'_>> {
    let names = image
        .files
        .keys()
        .filter(|name| name.starts_with("snapshots"));
    let names: Vec<_> = names.collect();
    let whole: Vec<_> = names
        .iter()
        .map(|name| Snapshot::decode(&image.files[*name]).expect("whole"))
        .collect();
    let mut random = Random::new(5_000);
    let mut cases = Vec::new();
    for section in [SectionId::Sales, SectionId::Contracts] {
        for _ in 0..count {
            let (place, flip) = (random.next(), 1 + random.below(255) as u8);
            for both in [false, true] {
                let from = if both { 0 } else { names.len() - 1 };
                let mut damage = Damage::default();
                for (name, whole) in names.iter().zip(&whole).skip(from) {
                    damage = damage.and_put(name, flipped(whole, section, place, flip));
                }
                cases.push(Case {
                    kind: "snapshot's shops".to_owned(),
                    what: format!(
                        "{:?} {section:?} {place} ^ {flip:#04x} both {both}",
                        image.end
                    ),
                    run: Box::new(move || judge_later(image, &damage, image.acknowledged)),
                });
            }
        }
    }
    cases
}

fn flipped(whole: &Snapshot, section: SectionId, place: u64, flip: u8) -> Vec<u8> {
    let mut hurt = whole.clone();
    let mut sections = hurt.sections.iter_mut();
    let (_, bytes) = sections
        .find(|(id, _)| *id == section)
        .expect("every snapshot has one");
    let at = (place % bytes.len() as u64) as usize;
    bytes[at] ^= flip;
    hurt.encode()
}
