//! Definitions of regimes, and the regimes a venue names.
//!
//! Invariant: an unknown key, a value of another kind and an unknown word are faults of their
//! fields, never left out. Not here: whether a regime may say it (the engine).

use engine::command::{Body, DefineRegime, Rule};
use engine::types::Title;
use engine::venue::keys::ALL_MODELS;
use engine::venue::{Law, Model, Regime, RuleKey, RuleKind, RuleValue};
use proto::v1;
use proto::v1::regime_rule::Value;

use super::fields::Fields;
use super::operations::Asks;

/// The most rules that are read: more than there are keys.
const RULES_MAX: usize = 100;

/// A regime as a venue names it: NAME is version 1, NAME@2 version 2.
pub fn named(law: &Law, word: &str) -> Option<Regime> {
    let (name, number) = match word.split_once('@') {
        None => (word, 1),
        Some((name, number)) => (name, number.parse().ok()?),
    };
    law.find(name, number)
}

impl Asks for v1::DefineRegimeRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let name = fields.new_name("regime", &self.regime);
        let basis = fields.title("legal_basis", &self.legal_basis);
        let rules = rules(fields, &self.rules);
        Some(Body::DefineRegime(Box::new(DefineRegime {
            name: name?,
            basis: basis?,
            rules: rules?,
        })))
    }
}

/// The rules, in order of their keys.
fn rules(fields: &mut Fields<'_>, given: &[v1::RegimeRule]) -> Option<Vec<Rule>> {
    if given.len() > RULES_MAX {
        let count = given.len();
        fields.wrong(
            "rules",
            format!("are {count}; at most {RULES_MAX} are right"),
        );
        return None;
    }
    let mut read = Vec::with_capacity(given.len());
    for (place, one) in given.iter().enumerate() {
        match rule(one) {
            Ok(rule) => read.push(rule),
            Err(wrong) => fields.wrong(&format!("rules[{place}]"), wrong),
        }
    }
    read.sort_by_key(|rule| rule.key);
    (read.len() == given.len()).then_some(read)
}

/// One rule.
///
/// # Errors
/// What is wrong with it, in words.
pub fn rule(given: &v1::RegimeRule) -> Result<Rule, String> {
    let name = &given.key;
    let key = RuleKey::from_name(name).ok_or_else(|| format!("\"{name}\" is no rule key"))?;
    let kind = key.kind();
    let value = match (kind, &given.value) {
        (RuleKind::Flag, Some(Value::Flag(flag))) => RuleValue::Flag(*flag),
        (RuleKind::Number(..) | RuleKind::Ratio(_), Some(Value::Number(number))) => {
            RuleValue::Number(*number)
        }
        (RuleKind::Word(words), Some(Value::Word(word))) => {
            RuleValue::Word(place(words, word)? as u8)
        }
        (RuleKind::Words(_) | RuleKind::Models, Some(Value::Words(list))) => {
            RuleValue::Set(set(kind, &list.words)?)
        }
        (_, None) => return Err(format!("{name} has no value")),
        (_, Some(_)) => return Err(format!("{name} is {}", kind_words(kind))),
    };
    let basis = match given.legal_basis.as_str() {
        "" => None,
        text => Some(Title::new(text).ok_or_else(|| format!("the text of {name} is too long"))?),
    };
    Ok(Rule { key, value, basis })
}

/// What a value of this kind has to be, for people.
pub fn kind_words(kind: RuleKind) -> String {
    match kind {
        RuleKind::Flag => "true or false".to_owned(),
        RuleKind::Number(least, most) => format!("a whole number from {least} to {most}"),
        RuleKind::Ratio(most) => {
            let (whole, part) = (most / 10_000, most % 10_000);
            format!("a ratio of at most {whole}.{part:04}")
        }
        RuleKind::Word(words) => format!("one of {}", words.join(", ")),
        RuleKind::Words(words) => format!("a list of {}", words.join(", ")),
        RuleKind::Models => "a list of models, or [\"*\"]".to_owned(),
    }
}

/// The place of a word among those that are known.
///
/// # Errors
/// It is not among them, in words.
pub fn place(words: &[&str], word: &str) -> Result<usize, String> {
    let found = words.iter().position(|known| *known == word);
    found.ok_or_else(|| format!("\"{word}\" is not one of {}", words.join(", ")))
}

/// A set of words or models.
///
/// # Errors
/// A word is not known, in words.
pub fn set(kind: RuleKind, given: &[String]) -> Result<u32, String> {
    let models: Vec<&str>;
    let words = match kind {
        RuleKind::Words(words) => words,
        RuleKind::Models if given == ["*"] => {
            let RuleValue::Set(all) = ALL_MODELS else {
                return Err("all models are no set".to_owned());
            };
            return Ok(all);
        }
        RuleKind::Models => {
            models = Model::ALL.iter().map(|model| model.as_str()).collect();
            &models
        }
        RuleKind::Flag | RuleKind::Number(..) | RuleKind::Ratio(_) | RuleKind::Word(_) => &[],
    };
    let mut set = 0;
    for word in given {
        set |= 1 << place(words, word)?;
    }
    Ok(set)
}
