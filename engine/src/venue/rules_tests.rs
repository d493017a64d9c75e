//! Tests of set 1: the whole table of regimes and models, and the shipped venues.

use std::path::PathBuf;

use super::rules::{Centralised, Holders, ImportLimit, Imports, Interval, Licence, Rules};
use super::*;
use crate::command::{CreateVenue, Demonstration};
use crate::reject::{Basis, Reject, RejectReason};
use crate::types::{Name, Time, Title};

fn check(venue: &CreateVenue) -> Result<(), Reject> {
    Law::new().check_venue(venue, Time::ZERO)
}

fn rules_of(regime: Regime) -> &'static Rules {
    Rules::of_set_one(regime).expect("it is of set 1")
}

fn venue(regimes: &[Regime], models: &[Model]) -> CreateVenue {
    CreateVenue {
        name: Name::new("V").expect("short"),
        title: Title::EMPTY,
        regimes: regimes.to_vec(),
        models: models.to_vec(),
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: None,
    }
}

fn answer(venue: &CreateVenue) -> String {
    match check(venue) {
        Ok(()) => "yes".to_owned(),
        Err(Reject { reason, basis }) => {
            let basis = basis.map_or("", Basis::as_str);
            format!("{} {basis}", reason.as_str())
        }
    }
}

/// A line for each regime: its models one after another (Y allowed, c refused as centralised,
/// - refused as another model), then the basis of c and of -.
const TABLE: &str = "\
LICENSED_FUTURES    YYYYY---------------- | - | 期货和衍生品法(2022) 11
LICENSED_SECURITIES YY-Y-Y--------------- | - | 证券法(2019) 37
LOCAL_RIGHTS_VENUE  ccc---Y-YYY---------- | 国发〔2011〕38号 | 国办发〔2012〕37号
REGIONAL_EQUITY     ccc---YY------------- | 国发〔2011〕38号 | 证券法(2019) 98
LOCAL_COMMODITY_SPOT ccc---Y----YYYY-Y---- | 国发〔2011〕38号 | 商务部令2013年第3号
ECOM_B2B            ccc---Y----YYYYYYYYY- | 电子商务法(2018) 46 | 电子商务法(2018) 46
ECOM_B2C            ccc-----------Y--YYYY | 电子商务法(2018) 46 | 电子商务法(2018) 49
CROSS_BORDER_RETAIL ccc-----------Y--YYYY | 电子商务法(2018) 46 | 财关税〔2018〕49号
TENDER_LAW          ccc-------------Y---- | 国发〔2011〕38号 | 招标投标法(2017)
AUCTION_LAW         ccc-----Y---Y-------- | 国发〔2011〕38号 | 拍卖法(2015) 3
CARBON_NATIONAL     ccc----Y---YY-------- | 碳排放权交易管理暂行条例(2024) 15 | 碳排放权交易管理暂行条例(2024) 15
SANDBOX             YYYYYYYYYYYYYYYYYYYYY | - | -
";

#[test]
fn every_regime_and_model_has_its_answer_and_its_basis() {
    assert_eq!(TABLE.lines().count(), Regime::ALL.len());
    for (line, regime) in TABLE.lines().zip(Regime::ALL) {
        let mut cells = line.split('|').map(str::trim);
        let mut head = cells.next().expect("regime").split_whitespace();
        let (central, other) = (cells.next().expect("basis"), cells.next().expect("basis"));
        assert_eq!(head.next(), Some(regime.as_str()));
        let marks = head.next().expect("marks");
        assert_eq!(marks.len(), Model::ALL.len(), "{line}");
        for (mark, model) in marks.chars().zip(Model::ALL) {
            let expected = match mark {
                'Y' => "yes".to_owned(),
                'c' => format!("MODEL_NOT_ALLOWED {central}"),
                _ => {
                    let basis = if other == "-" { central } else { other };
                    format!("MODEL_NOT_ALLOWED {basis}")
                }
            };
            let asked = venue(&[*regime], &[*model]);
            assert_eq!(answer(&asked), expected, "{regime:?} {model:?}");
        }
    }
}

#[test]
fn what_limits_imports_is_what_the_rules_of_set_one_say() {
    let law = Law::new();
    for regime in Regime::ALL.iter().copied() {
        let said = |key| {
            let rules = law.rules_of(regime);
            let found = rules.into_iter().find(|(known, ..)| *known == key);
            found.map(|(_, value, _)| value)
        };
        let number = |limit: ImportLimit| RuleValue::Number(limit.fen.unsigned_abs());
        let (annual, single) = match rules_of(regime).imports {
            Imports::Free => (None, None),
            Imports::Limited { annual, single } => (Some(number(annual)), single.map(number)),
        };
        assert_eq!(said(RuleKey::AnnualLimitFen), annual, "{regime:?}");
        assert_eq!(said(RuleKey::SingleOrderLimitFen), single, "{regime:?}");
    }
}

#[test]
fn lists_are_given_and_do_not_repeat() {
    let (sandbox, clob) = (Regime::Sandbox, Model::Clob);
    let refused = [
        venue(&[], &[clob]),
        venue(&[sandbox], &[]),
        venue(&[sandbox, sandbox], &[clob]),
        venue(&[sandbox], &[clob, Model::Block, clob]),
    ];
    for venue in refused {
        assert_eq!(check(&venue), Err(RejectReason::InvalidField.into()));
    }
}

#[test]
fn licensed_exchanges_and_the_sandbox_stand_alone() {
    for one in Regime::ALL {
        for other in Regime::ALL.iter().filter(|other| *other != one) {
            let alone = [one, other]
                .iter()
                .any(|one| rules_of(**one).standing.alone);
            let answer = check(&venue(&[*one, *other], &[Model::Coupon]));
            let conflict = answer == Err(RejectReason::RegimeConflict.into());
            assert_eq!(conflict, alone, "{one:?} {other:?}");
        }
    }
}

#[test]
fn a_model_of_either_regime_is_allowed_but_a_book_needs_both() {
    let mixed = [Regime::EcomB2b, Regime::TenderLaw];
    assert_eq!(answer(&venue(&mixed, &[Model::Tender, Model::Rfq])), "yes");
    let book = answer(&venue(&mixed, &[Model::Tender, Model::Clob]));
    assert_eq!(book, "MODEL_NOT_ALLOWED 电子商务法(2018) 46");
    let sealed = answer(&venue(&mixed, &[Model::SealedBid]));
    assert_eq!(sealed, "MODEL_NOT_ALLOWED 电子商务法(2018) 46");
}

#[test]
fn a_licence_is_asked_for_unless_the_venue_is_a_demonstration() {
    for regime in Regime::ALL {
        let model = Model::ALL
            .iter()
            .find(|model| check(&venue(&[*regime], &[**model])).is_ok());
        let mut asked = venue(&[*regime], &[*model.expect("each allows something")]);
        assert_eq!(check(&asked), Ok(()), "a demonstration needs none");
        asked.demonstration = Demonstration::Real;
        let needed = match rules_of(*regime).licence {
            Licence::NotNeeded => None,
            Licence::SecuritiesCommission(basis) | Licence::Province(basis) => Some(basis),
        };
        let refusal = needed.map(|basis| Reject {
            reason: RejectReason::LicenceRequired,
            basis: Some(basis),
        });
        assert_eq!(check(&asked), refusal.map_or(Ok(()), Err), "{regime:?}");
        asked.licence = Title::new("浙 0001");
        assert_eq!(check(&asked), Ok(()), "{regime:?}");
    }
}

/// The shared data on domain rules, which lies outside of this repository.
#[allow(clippy::disallowed_methods, reason = "a test may read files")]
fn shared(path: &str) -> Option<String> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let root = std::env::var_os("SANJIANG_SHARED").map_or_else(beside, PathBuf::from);
    std::fs::read_to_string(root.join(path)).ok()
}

fn list<T>(entry: &toml::Value, key: &str, named: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let values = entry[key].as_array().expect("a list").iter();
    let name = |value: &toml::Value| {
        let name = value.as_str().expect("a name").to_owned();
        named(&name).unwrap_or_else(|| panic!("{name} is not known"))
    };
    values.map(name).collect()
}

#[test]
fn the_shared_regimes_and_venues_are_those_of_the_code() {
    let Some(text) = shared("domain/venues.toml") else {
        println!("skipped: no domain/venues.toml; set SANJIANG_SHARED to its folder");
        return;
    };
    let data: toml::Table = text.parse().expect("venues.toml reads");
    let regimes = data["regime"].as_table().expect("regimes");
    assert_eq!(regimes.len(), Regime::ALL.len());
    for regime in Regime::ALL {
        compare(*regime, regimes);
        let entry = regimes[regime.as_str()].as_table().expect("a regime");
        for key in entry.keys().filter(|key| *key != "inherits") {
            assert!(RuleKey::from_name(key).is_some(), "{key} is no key");
        }
    }
    let venues = data["venue"].as_array().expect("venues");
    assert_eq!(venues.len(), 15);
    for entry in venues {
        let regimes = list(entry, "regimes", Regime::from_name);
        let asked = venue(&regimes, &list(entry, "models", Model::from_name));
        assert_eq!(answer(&asked), "yes", "{}", entry["id"]);
    }
}

/// Compares one regime of the code with the data, what it inherits included.
fn compare(regime: Regime, data: &toml::Table) {
    let find = |key: &str| {
        let mut entry = &data[regime.as_str()];
        loop {
            let parent = entry.get("inherits").and_then(toml::Value::as_str);
            match (entry.get(key), parent) {
                (Some(value), _) => return Some(value.clone()),
                (None, Some(parent)) => entry = &data[parent],
                (None, None) => return None,
            }
        }
    };
    let rules = rules_of(regime);
    let data = data_of(&find);
    assert_eq!(set_one::rules(regime), data, "{regime:?}");
    let allowed = data[0].1;
    for model in Model::ALL {
        let among = allowed == keys::ALL_MODELS
            || matches!(allowed, RuleValue::Set(set) if set & model.bit() != 0);
        assert_eq!(rules.allows(*model).is_ok(), among, "{regime:?} {model:?}");
    }
    let central = find("centralized_bidding").and_then(|value| value.as_bool()) == Some(true);
    assert_eq!(
        rules.centralised == Centralised::Allowed,
        central,
        "{regime:?}"
    );
    let licence = match rules.licence {
        Licence::NotNeeded => None,
        Licence::SecuritiesCommission(_) => Some("CSRC"),
        Licence::Province(_) => Some("PROVINCE"),
    };
    let number = |key: &str| find(key).and_then(|value| value.as_integer());
    let days = match rules.interval {
        Interval::Free => None,
        Interval::Days(days, _) => Some(i64::from(days)),
    };
    // The one day of stocks is how long what was bought waits (settlement T+1): what was sold may
    // be bought again at once, so it is no interval between reverse trades either way.
    let given = number("min_days_between_reverse_trades");
    let given = given.filter(|_| regime != Regime::LicensedSecurities);
    assert_eq!(days, given, "{regime:?}");
    let most = match rules.holders {
        Holders::Unbounded => None,
        Holders::AtMost(most, _) => Some(i64::from(most)),
    };
    assert_eq!(most, number("max_holders"), "{regime:?}");
    let data = find("requires_licence");
    assert_eq!(
        licence,
        data.as_ref().and_then(toml::Value::as_str),
        "{regime:?}"
    );
}

/// Every rule of the data, in order of the keys.
fn data_of(find: &dyn Fn(&str) -> Option<toml::Value>) -> Vec<(RuleKey, RuleValue)> {
    let told = RuleKey::ALL.iter().filter_map(|key| {
        let value = find(key.as_str())?;
        Some((*key, value_of(*key, &value)))
    });
    told.collect()
}

fn value_of(key: RuleKey, value: &toml::Value) -> RuleValue {
    let text = |value: &toml::Value| value.as_str().expect("a word").to_owned();
    let all = |value: &toml::Value| value.as_array().expect("a list").iter().map(text).collect();
    let place = |words: &[&str], word: &str| {
        let at = words.iter().position(|known| *known == word);
        at.unwrap_or_else(|| panic!("{word} is not known"))
    };
    match key.kind() {
        RuleKind::Flag => RuleValue::Flag(value.as_bool().expect("a flag")),
        RuleKind::Number(..) => RuleValue::Number(value.as_integer().expect("a number") as u64),
        RuleKind::Ratio(_) => {
            RuleValue::Number((value.as_float().expect("a ratio") * 10_000.0) as u64)
        }
        RuleKind::Word(words) => RuleValue::Word(place(words, &text(value)) as u8),
        RuleKind::Words(words) => {
            let all: Vec<String> = all(value);
            RuleValue::Set(all.iter().fold(0, |set, one| set | 1 << place(words, one)))
        }
        RuleKind::Models => {
            let all: Vec<String> = all(value);
            if all == ["*"] {
                return keys::ALL_MODELS;
            }
            let bit = |name: &String| Model::from_name(name).expect("a model").bit();
            RuleValue::Set(all.iter().fold(0, |set, one| set | bit(one)))
        }
    }
}
