//! What a file would change at a target: line by line, with what the law forbids.
//!
//! Invariant: a plan with a refusal is never carried out, not even in part. A venue that is there
//! and differs is told and left as it is. Not here: the wire (`target`).

use engine::command::{CreateVenue, DefineRegime, Demonstration};
use engine::reject::{Reject, RejectReason};
use engine::types::{Name, Time, Title};
use engine::venue::{Approval, Law, Model, Regime};
use proto::v1;

use super::file::{LawFile, RegimeOfFile, VenueOfFile};
use crate::from_proto::regimes::named;
use crate::to_proto;

/// What is asked of a target.
#[derive(Debug)]
pub enum Ask {
    /// A version of a regime.
    Regime(DefineRegime, u32),
    /// A venue.
    Venue(v1::CreateVenueRequest),
    /// Move a venue to later versions of its regimes.
    Move(v1::MoveVenueRequest),
}

/// What a file would change.
#[derive(Debug, Default)]
pub struct Plan {
    /// One line for each regime and venue.
    pub lines: Vec<String>,
    /// What is to be asked, in order.
    pub asks: Vec<Ask>,
    /// How many lines are refusals.
    pub refusals: usize,
    /// How many venues differ and are left as they are, or wait for a regime.
    pub left: usize,
}

/// What there is at a target now.
#[derive(Debug)]
pub struct Target {
    /// Its regimes.
    pub law: Law,
    /// Its venues.
    pub venues: Vec<v1::Venue>,
    /// Now.
    pub now: Time,
}

/// Why a venue is not made.
enum Hindered {
    /// The law forbids it.
    By(Reject, Option<Model>),
    /// A regime is not in force yet.
    Waits(Regime),
    /// There is no such regime.
    Unknown(String),
    /// A text is too long.
    Long(&'static str),
}

/// Compares a file with a target.
pub fn plan(file: &LawFile, target: Target) -> Plan {
    let mut plan = Plan::default();
    let Target {
        mut law,
        venues,
        now,
    } = target;
    for regime in &file.regimes {
        plan.regime(regime, &mut law, now);
    }
    for venue in &file.venues {
        let there = venues.iter().find(|one| one.venue_id == venue.id);
        plan.venue(venue, there, &law, now);
    }
    plan
}

impl Plan {
    fn refuse(&mut self, line: usize, what: &str, words: &str) {
        self.lines
            .push(format!("{what}: refused: {words} (line {line})"));
        self.refusals += 1;
    }

    fn regime(&mut self, regime: &RegimeOfFile, law: &mut Law, now: Time) {
        let terms = &regime.terms;
        let what = format!("regime {}", terms.name);
        let newest = law.newest(terms.name.as_str());
        let differs = newest.map(|newest| differences(law, newest, terms));
        if let (Some(newest), Some(differs)) = (newest, &differs)
            && differs.is_empty()
        {
            let number = law.number(newest);
            let begins = begins(law, newest, now);
            self.lines
                .push(format!("{what}: already so, version {number}{begins}"));
            return;
        }
        match law.check(terms, Approval::Missing) {
            Err(reject) => self.refuse(regime.line, &what, &words(law, reject)),
            // An approved version that says the same is the newest one: compared above.
            Ok(Some(_)) => {}
            Ok(None) => {
                let made = law.define(terms, Approval::Missing, now);
                let number = law.number(made);
                let begins = begins(law, made, now);
                let differs = match differs {
                    Some(differs) => format!("differs ({}); ", differs.join("; ")),
                    None => String::new(),
                };
                self.lines.push(format!(
                    "{what}: {differs}version {number} will be defined{begins}"
                ));
                self.asks.push(Ask::Regime(terms.clone(), number));
            }
        }
    }

    fn venue(&mut self, venue: &VenueOfFile, there: Option<&v1::Venue>, law: &Law, now: Time) {
        let what = format!("venue {}", venue.id);
        if let Some(there) = there {
            let differs = differs(venue, there);
            if differs.is_empty() {
                self.lines.push(format!("{what}: already so"));
            } else if let Some(regimes) = moves(venue, there, law) {
                let words = regimes.join(", ");
                if there.regimes_next == regimes {
                    self.lines.push(format!("{what}: moves to {words} already"));
                    return;
                }
                self.lines.push(format!(
                    "{what}: will move to {words} at the next midnight (UTC+8)"
                ));
                self.asks.push(Ask::Move(v1::MoveVenueRequest {
                    context: None,
                    venue_id: venue.id.clone(),
                    regimes,
                }));
            } else {
                let differs = differs.join(", ");
                self.lines
                    .push(format!("{what}: differs, and stays as it is: {differs}"));
                self.left += 1;
            }
            return;
        }
        match lawful(venue, law, now) {
            Err(Hindered::Waits(regime)) => {
                let name = law.name(regime);
                let begins = begins(law, regime, now);
                self.lines.push(format!("{what}: waits for {name}{begins}"));
                self.left += 1;
            }
            Err(Hindered::Unknown(name)) => {
                let reason = RejectReason::UnknownRegime.as_str();
                self.refuse(venue.line, &what, &format!("{reason} {name}"));
            }
            Err(Hindered::Long(field)) => {
                self.refuse(venue.line, &what, &format!("the {field} is too long"));
            }
            Err(Hindered::By(reject, model)) => {
                let model = model.map_or(String::new(), |model| format!("{}: ", model.as_str()));
                self.refuse(venue.line, &what, &(model + &words(law, reject)));
            }
            Ok(create) => {
                let regimes = create.regimes.iter();
                let regimes: Vec<_> = regimes
                    .map(|one| to_proto::regime_word(law, *one))
                    .collect();
                self.lines.push(format!(
                    "{what}: will be created under {}; {}{}",
                    regimes.join(", "),
                    sells(&venue.models),
                    if venue.demonstration {
                        "; a demonstration"
                    } else {
                        ""
                    }
                ));
                self.asks.push(Ask::Venue(request(venue, regimes)));
            }
        }
    }
}

/// What a venue sells by, and what is not there yet.
pub fn sells(models: &[Model]) -> String {
    let names = |built: bool| {
        let some = models.iter().filter(|model| model.is_built() == built);
        some.map(|model| model.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (names(true), names(false)) {
        (built, missing) if missing.is_empty() => format!("offers {built}"),
        (built, missing) if built.is_empty() => format!("NOT_AVAILABLE: {missing}"),
        (built, missing) => format!("offers {built}; NOT_AVAILABLE: {missing}"),
    }
}

/// A reject: its reason, and the article where there is one.
pub fn words(law: &Law, reject: Reject) -> String {
    let reason = reject.reason.as_str();
    match reject.basis {
        Some(basis) => format!("{reason} ({})", law.cite(basis)),
        None => reason.to_owned(),
    }
}

/// From when on a version is in force, where that is still to come.
fn begins(law: &Law, regime: Regime, now: Time) -> String {
    let from = law.version(regime).map(|version| version.from);
    match from.filter(|from| *from > now) {
        Some(from) => {
            let east = from.nanoseconds() + 8 * 3_600_000_000_000;
            let day = east.div_euclid(86_400_000_000_000) as i32;
            format!(", in force from {} (UTC+8)", to_proto::date_text(day))
        }
        None => String::new(),
    }
}

/// Where a definition says something else than a version.
fn differences(law: &Law, known: Regime, terms: &DefineRegime) -> Vec<String> {
    let mut found = Vec::new();
    let old = law.rules_of(known);
    let value = |key| old.iter().find(|rule| rule.0 == key).map(|rule| rule.1);
    let told =
        |key, value: Option<_>| value.map_or("absent".to_owned(), |value| value_text(key, value));
    for (key, was, _) in &old {
        let rule = terms.rules.iter().find(|rule| rule.key == *key);
        if rule.map(|rule| rule.value) != Some(*was) {
            let (was, is) = (
                value_text(*key, *was),
                told(*key, rule.map(|rule| rule.value)),
            );
            found.push(format!("{}: {was} -> {is}", key.as_str()));
        }
    }
    for rule in terms.rules.iter().filter(|rule| value(rule.key).is_none()) {
        let is = value_text(rule.key, rule.value);
        found.push(format!("{}: absent -> {is}", rule.key.as_str()));
    }
    // A file that gives no text says nothing about texts.
    if !terms.basis.is_empty() {
        if terms.basis.as_str() != law.basis(known) {
            found.push(format!("basis: {} -> {}", law.basis(known), terms.basis));
        }
        for (key, _, text) in &old {
            let rule = terms.rules.iter().find(|rule| rule.key == *key);
            let own = rule.map(|rule| rule.basis.unwrap_or(terms.basis));
            let same_text = text == &law.basis(known) && own == Some(terms.basis);
            if own.is_some_and(|own| own.as_str() != *text) && !same_text {
                found.push(format!("text of {}", key.as_str()));
            }
        }
    }
    found
}

fn value_text(key: engine::venue::RuleKey, value: engine::venue::RuleValue) -> String {
    use v1::regime_rule::Value;
    match to_proto::rule(key, value, "").value {
        Some(Value::Flag(flag)) => flag.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Word(word)) => word,
        Some(Value::Words(words)) => format!("[{}]", words.words.join(", ")),
        None => String::new(),
    }
}

/// Where a venue that is there is another than the file's.
fn differs(venue: &VenueOfFile, there: &v1::Venue) -> Vec<String> {
    let models: Vec<_> = venue.models.iter().map(|one| one.as_str()).collect();
    let mut found = Vec::new();
    let mut compare = |field: &str, is: String, asked: String| {
        if is != asked {
            found.push(format!("{field} is {is}, not {asked}"));
        }
    };
    compare("name", there.name.clone(), venue.name.clone());
    // A name alone is any version of it.
    let plain = |word: &str| word.split('@').next().unwrap_or_default().to_owned();
    let same = there.regimes.len() == venue.regimes.len()
        && there.regimes.iter().zip(&venue.regimes).all(|(is, asked)| {
            let full = if is.contains('@') {
                is.clone()
            } else {
                format!("{is}@1")
            };
            *asked == full || *asked == plain(is)
        });
    if !same {
        compare(
            "regimes",
            there.regimes.join(", "),
            venue.regimes.join(", "),
        );
    }
    compare("models", there.models.join(", "), models.join(", "));
    let flag = |flag: bool| flag.to_string();
    let asked = flag(venue.demonstration);
    compare("demonstration", flag(there.demonstration), asked);
    compare("licence", there.licence.clone(), venue.licence.clone());
    found
}

/// The regimes as the target tells them, if a venue differs by later versions of them alone.
fn moves(venue: &VenueOfFile, there: &v1::Venue, law: &Law) -> Option<Vec<String>> {
    let rest = VenueOfFile {
        regimes: there.regimes.clone(),
        ..venue.clone()
    };
    let known = |word: &String| named(law, word);
    let before: Option<Vec<_>> = there.regimes.iter().map(known).collect();
    let after: Option<Vec<_>> = venue.regimes.iter().map(known).collect();
    let (before, after) = (before?, after?);
    let follows = |(before, after): (&Regime, &Regime)| {
        law.name(*before) == law.name(*after) && law.number(*before) <= law.number(*after)
    };
    let alone = before.len() == after.len() && is_else_the_same(&rest, there);
    let words = || after.iter().map(|one| to_proto::regime_word(law, *one));
    (alone && before.iter().zip(&after).all(follows)).then(|| words().collect())
}

fn is_else_the_same(rest: &VenueOfFile, there: &v1::Venue) -> bool {
    differs(rest, there)
        .iter()
        .all(|line| line.starts_with("regimes is"))
}

/// The venue as a command, if the law lets it be.
fn lawful(venue: &VenueOfFile, law: &Law, now: Time) -> Result<CreateVenue, Hindered> {
    let mut regimes = Vec::with_capacity(venue.regimes.len());
    for word in &venue.regimes {
        let found = if word.contains('@') {
            named(law, word)
        } else {
            law.in_force(word, now).or_else(|| law.newest(word))
        };
        regimes.push(found.ok_or_else(|| Hindered::Unknown(word.clone()))?);
    }
    let text = |text: &str, field| Title::new(text).ok_or(Hindered::Long(field));
    let licence = text(&venue.licence, "licence")?;
    let create = CreateVenue {
        name: Name::new(&venue.id).ok_or(Hindered::Long("id"))?,
        title: text(&venue.name, "name")?,
        regimes,
        models: venue.models.clone(),
        demonstration: if venue.demonstration {
            Demonstration::Demonstration
        } else {
            Demonstration::Real
        },
        licence: (!licence.is_empty()).then_some(licence),
        calendar: None,
    };
    let later = |one: &&Regime| law.version(**one).is_some_and(|known| known.from > now);
    if let Some(regime) = create.regimes.iter().find(later) {
        return Err(Hindered::Waits(*regime));
    }
    match law.check_venue(&create, now) {
        Ok(()) => Ok(create),
        Err(reject) => Err(Hindered::By(reject, guilty(&create, law, now, reject))),
    }
}

/// Which model a refusal is about.
fn guilty(create: &CreateVenue, law: &Law, now: Time, reject: Reject) -> Option<Model> {
    if reject.reason != RejectReason::ModelNotAllowed {
        return None;
    }
    let refused = |model: &&Model| {
        let alone = CreateVenue {
            models: vec![**model],
            ..create.clone()
        };
        law.check_venue(&alone, now) == Err(reject)
    };
    create.models.iter().find(refused).copied()
}

fn request(venue: &VenueOfFile, regimes: Vec<String>) -> v1::CreateVenueRequest {
    let models = venue.models.iter().map(|model| model.as_str().to_owned());
    v1::CreateVenueRequest {
        context: None,
        venue_id: venue.id.clone(),
        name: venue.name.clone(),
        regimes,
        models: models.collect(),
        demonstration: venue.demonstration,
        licence: venue.licence.clone(),
        calendar_id: String::new(),
    }
}

/// Whether a definition says nothing else than a version.
pub fn says_the_same(law: &Law, known: Regime, terms: &DefineRegime) -> bool {
    differences(law, known, terms).is_empty()
}

/// What a regime alone says of a model on a demonstration venue.
pub fn cell(law: &Law, regime: Regime, model: Model, now: Time) -> String {
    let create = CreateVenue {
        name: Name::EMPTY,
        title: Title::EMPTY,
        regimes: vec![regime],
        models: vec![model],
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: None,
    };
    match law.check_venue(&create, now) {
        Ok(()) if model.is_built() => "allowed".to_owned(),
        Ok(()) => "NOT_AVAILABLE".to_owned(),
        Err(reject) => words(law, reject),
    }
}
