//! Damage at rest: for every way a file of the data folder can be hurt, the next start comes to
//! the exact state or refuses, names what is missing, and leaves every byte as it was. Never less
//! than was acknowledged, in silence.
//!
//! The short form hurts each file at a few places; with `SANJIANG_SOAK=1` at many more. Not here:
//! writes lost in a power cut, failing disks (the simulator's tests), what the operator's words do
//! after a refusal.

#![allow(clippy::disallowed_methods)] // a test may read files

pub mod cuts;
pub mod database;
pub mod fields;
pub mod hurt;
pub mod image;
pub mod judge;
pub mod later;
pub mod marks;
pub mod money;
pub mod random;
pub mod shop_baskets;
pub mod shop_cases;
pub mod shop_cover;
pub mod shop_kinds;
pub mod shop_owing;
pub mod shops;
pub mod table;
pub mod whole_files;

use std::path::Path;

use hurt::Damage;
use image::{End, Image};
use judge::{judge, judge_later};
use random::Random;
use table::Case;

/// Whether the long form was asked for.
fn soak() -> bool {
    std::env::var_os("SANJIANG_SOAK").is_some_and(|value| value == "1")
}

fn images() -> [Image; 2] {
    [End::Killed, End::Stopped].map(Image::make)
}

/// Places to hurt in a file: half of those in the log that holds the end lie below the end, where
/// what counts is; the rest of it is left from an earlier use.
fn places(image: &Image, name: &Path, count: usize, random: &mut Random) -> Vec<usize> {
    let length = image.files[name].len();
    let live = image
        .logical_end()
        .filter(|(log, _)| log == name)
        .map(|(_, place)| place.end);
    let one = |index: usize| match live {
        Some(end) if index.is_multiple_of(2) => random.below(end),
        Some(_) | None => random.below(length),
    };
    (0..count).map(one).collect()
}

#[test]
fn a_byte_flipped_anywhere_gives_the_exact_state_or_a_refusal() {
    let count = if soak() { 200 } else { 20 };
    let images = images();
    let mut cases = Vec::new();
    for image in &images {
        for (index, (name, bytes)) in image.files.iter().enumerate() {
            if bytes.is_empty() {
                continue;
            }
            let seed = 4_000 + index as u64;
            let mut random = Random::new(seed);
            for at in places(image, name, count, &mut random) {
                let flip = 1 + random.below(255) as u8;
                cases.push(Case {
                    kind: table::kind(name),
                    what: format!(
                        "{:?} {} seed {seed}: byte {at} ^ {flip:#04x}",
                        image.end,
                        name.display()
                    ),
                    run: Box::new(move || {
                        let mut hurt = bytes.clone();
                        hurt[at] ^= flip;
                        judge(image, &Damage::put(name, hurt), image.acknowledged)
                    }),
                });
            }
        }
    }
    table::run("bytes flipped at random places", &cases);
}

#[test]
fn a_file_deleted_swapped_or_of_an_older_day_gives_the_exact_state_or_a_refusal() {
    let images = images();
    let mut cases = Vec::new();
    for image in &images {
        cases.extend(whole_files::deleted(image));
        cases.extend(whole_files::manifest_cut(
            image,
            if soak() { 2_048 } else { 512 },
        ));
        cases.extend(whole_files::swapped(image, soak()));
        cases.extend(whole_files::older_parts(image));
    }
    table::run("whole files", &cases);
}

#[test]
fn a_log_cut_at_its_logical_end_is_trimmed_below_which_nobody_was_told_or_refused() {
    let image = Image::make(End::Killed);
    let count = if soak() { 4_096 } else { 64 };
    table::run("the log cut", &cuts::cases(&image, count, 64));
}

#[test]
fn a_log_cut_below_a_mark_with_a_hurt_copy_is_refused() {
    let image = Image::make(End::Killed);
    let cases = cuts::below_a_hurt_mark(&image);
    table::run("the log cut, the mark hurt", &cases);
}

#[test]
fn a_field_with_another_value_gives_the_exact_state_or_a_refusal() {
    let images = images();
    let mut cases = Vec::new();
    for image in &images {
        cases.extend(fields::of_the_head(image, soak()));
        cases.extend(fields::of_snapshots(image, soak()));
        cases.extend(fields::of_records(image, soak()));
        cases.extend(fields::of_the_order(image));
    }
    table::run("fields", &cases);
}

#[test]
fn money_with_another_amount_gives_the_exact_state_or_a_refusal() {
    let images = images();
    let mut cases = Vec::new();
    for image in &images {
        cases.extend(money::of_records(image));
        cases.extend(money::of_snapshots(image));
    }
    table::run("money and goods", &cases);
}

#[test]
fn a_shop_with_another_word_gives_the_exact_state_or_a_refusal() {
    let count = if soak() { 400 } else { 10 };
    let images = images();
    let mut cases = Vec::new();
    for image in &images {
        cases.extend(shop_cases::of_records(image));
        cases.extend(shop_cases::of_snapshots(image, count));
    }
    table::run("shops", &cases);
}

#[test]
fn an_image_comes_back_and_its_log_was_used_before() {
    for image in images() {
        let outcome = judge_later(&image, &Damage::default(), image.acknowledged);
        assert_eq!(outcome, Ok(judge::Outcome::Exact));
        println!(
            "{:?}: {} files, {} records, {} commands, head mark {}",
            image.end,
            image.files.len(),
            image.records.len(),
            image.commands.len(),
            image.acknowledged.value()
        );
        for (name, bytes) in &image.files {
            println!("  {:44} {:>9}", name.display(), bytes.len());
        }
        if image.end == End::Stopped {
            continue;
        }
        let (log, place) = image.logical_end().expect("the last record is in a log");
        let behind = image.files[&log].len() - place.end;
        println!("  the last record ends {behind} bytes before the end of its log");
        assert!(behind > 1 << 20, "the log was used before");
    }
}
