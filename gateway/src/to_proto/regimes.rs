//! Regimes and their rules.
//!
//! Invariant: a rule that is written here is read back the same by `from_proto`.

use engine::venue::keys::ALL_MODELS;
use engine::venue::{Approval, Law, Model, Regime, RuleKey, RuleKind, RuleValue};
use proto::v1;
use proto::v1::regime_rule::Value;

use super::timestamp;

/// One version of a regime.
pub fn regime(law: &Law, regime: Regime) -> v1::Regime {
    let version = law.version(regime);
    let rules = law.rules_of(regime).into_iter();
    v1::Regime {
        regime: law.name(regime).to_owned(),
        version: law.number(regime),
        handle: u32::from(regime.code()),
        legal_basis: law.basis(regime).to_owned(),
        rules: rules
            .map(|(key, value, text)| rule(key, value, text))
            .collect(),
        in_force_from: version.map(|version| timestamp(version.from)),
        approved: version.is_none_or(|version| version.approval == Approval::Given),
    }
}

/// The name of a regime as venues name it: with its version where that is not the first.
pub fn regime_word(law: &Law, regime: Regime) -> String {
    match law.number(regime) {
        1 => law.name(regime).to_owned(),
        number => format!("{}@{number}", law.name(regime)),
    }
}

/// One rule.
pub fn rule(key: RuleKey, value: RuleValue, text: &str) -> v1::RegimeRule {
    v1::RegimeRule {
        key: key.as_str().to_owned(),
        legal_basis: text.to_owned(),
        value: Some(match value {
            RuleValue::Flag(flag) => Value::Flag(flag),
            RuleValue::Number(number) => Value::Number(number),
            RuleValue::Word(place) => Value::Word(word(key, place.into())),
            RuleValue::Set(set) => Value::Words(v1::RegimeWords {
                words: words(key, set),
            }),
        }),
    }
}

/// The word at a place among those a key allows; empty for a place it has not.
fn word(key: RuleKey, place: usize) -> String {
    let word = match key.kind() {
        RuleKind::Word(words) | RuleKind::Words(words) => words.get(place).copied(),
        RuleKind::Models => Model::ALL.get(place).map(|model| model.as_str()),
        RuleKind::Flag | RuleKind::Number(..) | RuleKind::Ratio(_) => None,
    };
    word.unwrap_or_default().to_owned()
}

fn words(key: RuleKey, set: u32) -> Vec<String> {
    if key.kind() == RuleKind::Models && RuleValue::Set(set) == ALL_MODELS {
        return vec!["*".to_owned()];
    }
    let places = (0..u32::BITS as usize).filter(|place| set >> place & 1 == 1);
    places.map(|place| word(key, place)).collect()
}
