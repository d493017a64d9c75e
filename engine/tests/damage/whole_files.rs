//! Whole files gone, swapped, cut at their end, or of an older day than the others.
//!
//! Not here: single bytes (`flips`), fields (`fields`), the end of the log (`cuts`).

use std::path::PathBuf;

use super::hurt::Damage;
use super::image::Image;
use super::judge::{Outcome, judge, judge_later};
use super::table::{Case, kind};

/// Each file gone in turn.
pub fn deleted<'a>(image: &'a Image) -> Vec<Case<'a>> {
    let case = |name: &'a PathBuf| Case {
        kind: kind(name),
        what: format!("{:?} {} deleted", image.end, name.display()),
        run: Box::new(move || judge(image, &Damage::remove(name), image.acknowledged)),
    };
    image.files.keys().map(case).collect()
}

/// The MANIFEST without its last bytes.
pub fn manifest_cut(image: &Image, most: usize) -> Vec<Case<'_>> {
    let (name, bytes) = image
        .files
        .iter()
        .find(|(name, _)| kind(name) == "journal: MANIFEST")
        .expect("every database has one");
    let case = |less: usize| Case {
        kind: "MANIFEST's end cut".to_owned(),
        what: format!("{:?} {} without its last {less}", image.end, name.display()),
        run: Box::new(move || {
            let left = bytes[..bytes.len() - less].to_vec();
            judge(image, &Damage::put(name, left), image.acknowledged)
        }),
    };
    // The last 20 first: in it lies the end of the last word on which files there are.
    let further = (1..)
        .map(|step| step * 64)
        .take_while(|less| *less <= most.min(bytes.len()));
    [1, 7, 20].into_iter().chain(further).map(case).collect()
}

/// Two files with each other's bytes: all pairs, or those of one kind.
pub fn swapped(image: &Image, all: bool) -> Vec<Case<'_>> {
    let names: Vec<_> = image.files.keys().collect();
    let mut cases = Vec::new();
    for (index, one) in names.iter().enumerate() {
        for other in &names[index + 1..] {
            if image.files[*one] != image.files[*other] && (all || kind(one) == kind(other)) {
                cases.push(swap(image, one, other));
            }
        }
    }
    cases
}

fn swap<'a>(image: &'a Image, one: &'a PathBuf, other: &'a PathBuf) -> Case<'a> {
    Case {
        kind: format!("{} <>", kind(one)),
        what: format!("{:?} {} <> {}", image.end, one.display(), other.display()),
        run: Box::new(move || {
            let damage = Damage::put(one, image.files[other].clone())
                .and_put(other, image.files[one].clone());
            judge(image, &damage, image.acknowledged)
        }),
    }
}

/// Parts of an older copy of the folder under the newer rest of it.
pub fn older_parts(image: &Image) -> Vec<Case<'_>> {
    let parts: [(&[&str], bool); 5] = [
        (&["journal"], true),
        (&["journal", "snapshots"], true),
        (&["snapshots"], false),
        (&["head"], false),
        (&["head", "snapshots"], false),
    ];
    let case = |(parts, loses): (&'static [&'static str], bool)| Case {
        kind: format!("old {}", parts.join(" and ")),
        what: format!("{:?}", image.end),
        run: Box::new(move || {
            let mut damage = Damage::default();
            for part in parts {
                damage = damage.and_folder(image, part, &image.early);
            }
            let outcome = judge_later(image, &damage, image.acknowledged)?;
            match (&outcome, loses) {
                (Outcome::Refused(_), true) | (Outcome::Exact, false) => Ok(outcome),
                _ => Err(format!("{outcome:?}")),
            }
        }),
    };
    parts.map(case).into()
}
