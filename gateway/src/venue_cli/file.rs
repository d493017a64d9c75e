//! The file of regimes and venues, read: every key known, every fault with its line.
//!
//! Invariant: what is read is all that is written; nothing is guessed. Not here: whether a regime
//! or a venue is lawful (`plan`, the engine).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use engine::command::{DefineRegime, Rule};
use engine::types::{Name, Title};
use engine::venue::{Model, Regime, RuleKey, RuleKind, RuleValue, set_one};
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use crate::from_proto::regimes::{kind_words, place, set};

/// The version of the file's shape.
const SCHEMA: &str = "1";
/// The longest chain of regimes that inherit: more is a circle.
const INHERITS_MAX: usize = 16;
/// A ratio is kept in ten-thousandths.
const RATIO: f64 = 10_000.0;

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct FileError {
    /// Where; the first line is 1.
    pub line: usize,
    /// What.
    pub what: String,
}

/// A file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LawFile {
    /// Its regimes, what they inherit included, in order of their lines.
    pub regimes: Vec<RegimeOfFile>,
    /// Its venues, in order of their lines.
    pub venues: Vec<VenueOfFile>,
}

/// A regime of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegimeOfFile {
    /// Where it begins.
    pub line: usize,
    /// What it says; the text is empty where the file gives none.
    pub terms: DefineRegime,
}

/// A venue of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueOfFile {
    /// Where it begins.
    pub line: usize,
    /// Its public id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// NAME or NAME@VERSION.
    pub regimes: Vec<String>,
    /// What it sells by.
    pub models: Vec<Model>,
    /// Whether it is a demonstration.
    pub demonstration: bool,
    /// Its licence; empty for none.
    pub licence: String,
}

/// A regime as it is written.
struct Written {
    line: usize,
    inherits: Option<(usize, String)>,
    basis: String,
    texts: BTreeMap<RuleKey, String>,
    rules: BTreeMap<RuleKey, RuleValue>,
}

type Value<'t> = Spanned<DeValue<'t>>;

/// Reads a file.
///
/// # Errors
/// The first fault.
pub fn read(text: &str) -> Result<LawFile, FileError> {
    let reader = Reader { text };
    let root = DeTable::parse(text).map_err(|error| FileError {
        line: error.span().map_or(1, |span| reader.line(&span)),
        what: error.message().to_owned(),
    })?;
    let mut file = LawFile::default();
    let mut schema = false;
    for (key, value) in root.get_ref() {
        match key.get_ref().as_ref() {
            "schema" => {
                let number = value.get_ref().as_integer().map(DeInteger::as_str);
                if number != Some(SCHEMA) {
                    return Err(reader.wrong(value, format!("schema is not {SCHEMA}")));
                }
                schema = true;
            }
            "regime" => file.regimes = reader.regimes(value)?,
            "venue" => {
                for venue in reader.list(value, "venue")? {
                    file.venues.push(reader.venue(venue)?);
                }
            }
            other => return Err(reader.unknown(key.span(), other)),
        }
    }
    if schema {
        Ok(file)
    } else {
        Err(reader.at(0..0, format!("schema = {SCHEMA} is missing")))
    }
}

struct Reader<'t> {
    text: &'t str,
}

impl<'t> Reader<'t> {
    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    fn at(&self, span: Range<usize>, what: impl fmt::Display) -> FileError {
        FileError {
            line: self.line(&span),
            what: what.to_string(),
        }
    }

    fn wrong<T>(&self, value: &Spanned<T>, what: impl fmt::Display) -> FileError {
        self.at(value.span(), what)
    }

    fn unknown(&self, span: Range<usize>, key: &str) -> FileError {
        self.at(span, format!("\"{key}\" is no key here"))
    }

    fn list<'v>(&self, value: &'v Value<'t>, name: &str) -> Result<Vec<&'v Value<'t>>, FileError> {
        let list = value.get_ref().as_array();
        let list = list.ok_or_else(|| self.wrong(value, format!("{name} is no list")))?;
        Ok(list.iter().collect())
    }

    fn string(&self, value: &Value<'t>, name: &str) -> Result<String, FileError> {
        let text = value.get_ref().as_str();
        let text = text.ok_or_else(|| self.wrong(value, format!("{name} is no text")))?;
        Ok(text.to_owned())
    }

    fn strings(&self, value: &Value<'t>, name: &str) -> Result<Vec<String>, FileError> {
        let list = self.list(value, name)?;
        list.into_iter().map(|one| self.string(one, name)).collect()
    }

    fn flag(&self, value: &Value<'t>, name: &str) -> Result<bool, FileError> {
        let flag = value.get_ref().as_bool();
        flag.ok_or_else(|| self.wrong(value, format!("{name} is not true or false")))
    }

    fn table<'v>(&self, value: &'v Value<'t>, name: &str) -> Result<&'v DeTable<'t>, FileError> {
        let table = value.get_ref().as_table();
        table.ok_or_else(|| self.wrong(value, format!("{name} is no table")))
    }

    fn venue(&self, value: &Value<'t>) -> Result<VenueOfFile, FileError> {
        let mut venue = VenueOfFile {
            line: self.line(&value.span()),
            id: String::new(),
            name: String::new(),
            regimes: Vec::new(),
            models: Vec::new(),
            demonstration: false,
            licence: String::new(),
        };
        for (key, value) in self.table(value, "venue")? {
            match key.get_ref().as_ref() {
                "id" => venue.id = self.string(value, "id")?,
                "name" => venue.name = self.string(value, "name")?,
                "regimes" => venue.regimes = self.strings(value, "regimes")?,
                "models" => {
                    for one in self.list(value, "models")? {
                        let name = self.string(one, "models")?;
                        let model = Model::from_name(&name);
                        let unknown = || self.wrong(one, format!("\"{name}\" is no model"));
                        venue.models.push(model.ok_or_else(unknown)?);
                    }
                }
                "demonstration" => venue.demonstration = self.flag(value, "demonstration")?,
                "licence" => venue.licence = self.string(value, "licence")?,
                "note" => drop(self.string(value, "note")?),
                other => return Err(self.unknown(key.span(), other)),
            }
        }
        let empty = venue.id.is_empty() || venue.regimes.is_empty() || venue.models.is_empty();
        if empty {
            let what = "a venue has an id, regimes and models";
            return Err(self.wrong(value, what));
        }
        Ok(venue)
    }

    fn regimes(&self, value: &Value<'t>) -> Result<Vec<RegimeOfFile>, FileError> {
        let mut written = BTreeMap::new();
        for (name, regime) in self.table(value, "regime")? {
            let line = self.line(&name.span());
            let read = self.written(line, regime)?;
            written.insert(name.get_ref().as_ref().to_owned(), read);
        }
        let mut regimes = Vec::with_capacity(written.len());
        for (name, one) in &written {
            regimes.push(flat(&written, name, one)?);
        }
        regimes.sort_by_key(|regime| regime.line);
        Ok(regimes)
    }

    fn written(&self, line: usize, value: &Value<'t>) -> Result<Written, FileError> {
        let mut read = Written {
            line,
            inherits: None,
            basis: String::new(),
            texts: BTreeMap::new(),
            rules: BTreeMap::new(),
        };
        for (key, value) in self.table(value, "a regime")? {
            let name = key.get_ref().as_ref();
            match name {
                "inherits" => {
                    let at = self.line(&value.span());
                    read.inherits = Some((at, self.string(value, name)?));
                }
                "basis" => read.basis = self.string(value, name)?,
                "basis_of" => {
                    for (key, text) in self.table(value, name)? {
                        let rule = self.key(key)?;
                        read.texts.insert(rule, self.string(text, name)?);
                    }
                }
                _ => {
                    let key = self.key(key)?;
                    read.rules.insert(key, self.value(key, value)?);
                }
            }
        }
        Ok(read)
    }

    fn key(&self, key: &Spanned<std::borrow::Cow<'_, str>>) -> Result<RuleKey, FileError> {
        let name = key.get_ref().as_ref();
        RuleKey::from_name(name).ok_or_else(|| self.unknown(key.span(), name))
    }

    fn value(&self, key: RuleKey, value: &Value<'t>) -> Result<RuleValue, FileError> {
        let name = key.as_str();
        let kind = key.kind();
        let wrong = || self.wrong(value, format!("{name} is {}", kind_words(kind)));
        let said = |what: String| self.wrong(value, format!("{name}: {what}"));
        let read = match kind {
            RuleKind::Flag => RuleValue::Flag(value.get_ref().as_bool().ok_or_else(wrong)?),
            RuleKind::Number(..) => {
                let number = value.get_ref().as_integer().ok_or_else(wrong)?;
                RuleValue::Number(number.as_str().parse().map_err(|_| wrong())?)
            }
            RuleKind::Ratio(_) => RuleValue::Number(ratio(value.get_ref()).ok_or_else(wrong)?),
            RuleKind::Word(words) => {
                let word = self.string(value, name)?;
                RuleValue::Word(place(words, &word).map_err(said)? as u8)
            }
            RuleKind::Words(_) | RuleKind::Models => {
                let words = self.strings(value, name)?;
                RuleValue::Set(set(kind, &words).map_err(said)?)
            }
        };
        if key.is_valid(read) {
            Ok(read)
        } else {
            Err(wrong())
        }
    }
}

/// A ratio in ten-thousandths, if it is a whole number of them.
fn ratio(value: &DeValue<'_>) -> Option<u64> {
    let float = value.as_float().map(DeFloat::as_str);
    let whole = value.as_integer().map(DeInteger::as_str);
    let parts = float.or(whole)?.parse::<f64>().ok()? * RATIO;
    let exact = (0.0..=1e9).contains(&parts) && (parts - parts.round()).abs() < 1e-6;
    exact.then_some(parts.round() as u64)
}

/// A regime with what it inherits; its own rules and texts come first.
fn flat(
    written: &BTreeMap<String, Written>,
    name: &str,
    own: &Written,
) -> Result<RegimeOfFile, FileError> {
    let wrong = |line, what: String| FileError { line, what };
    let (mut rules, mut texts) = (own.rules.clone(), own.texts.clone());
    let mut basis = own.basis.clone();
    let mut next = own.inherits.as_ref();
    for step in 0.. {
        let Some((line, parent)) = next else { break };
        if step == INHERITS_MAX {
            return Err(wrong(*line, format!("{name} inherits in a circle")));
        }
        if let Some(above) = written.get(parent) {
            for (key, value) in &above.rules {
                rules.entry(*key).or_insert(*value);
            }
            for (key, text) in &above.texts {
                texts.entry(*key).or_insert_with(|| text.clone());
            }
            if basis.is_empty() {
                basis.clone_from(&above.basis);
            }
            next = above.inherits.as_ref();
        } else if let Some(built_in) = Regime::from_name(parent) {
            for (key, value) in set_one::rules(built_in) {
                rules.entry(*key).or_insert(*value);
            }
            next = None;
        } else {
            return Err(wrong(*line, format!("there is no regime {parent}")));
        }
    }
    let long = |what: &str| wrong(own.line, format!("{what} of {name} is too long"));
    let mut of = |key: RuleKey| {
        let text = texts.remove(&key);
        let text = text.map(|text| Title::new(&text).ok_or_else(|| long("a text")));
        text.transpose()
    };
    let mut list = Vec::with_capacity(rules.len());
    for (key, value) in rules {
        let basis = of(key)?;
        list.push(Rule { key, value, basis });
    }
    if let Some(key) = texts.keys().next() {
        let what = format!("{name} has a text for {} and no such rule", key.as_str());
        return Err(wrong(own.line, what));
    }
    Ok(RegimeOfFile {
        line: own.line,
        terms: DefineRegime {
            name: Name::new(name).ok_or_else(|| long("the name"))?,
            basis: Title::new(&basis).ok_or_else(|| long("the text"))?,
            rules: list,
        },
    })
}
