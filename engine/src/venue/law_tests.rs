//! Tests of `law`: definitions, versions, when they apply, what no data can lift.

use super::*;
use crate::command::Rule;
use crate::types::Title;

const DAY_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// An instant so many hours after 1970-01-01 at UTC+8, which began eight hours before UTC's.
fn at(day: i64, hour: i64) -> Time {
    Time::new(day * DAY_NS + (hour - 8) * 3_600_000_000_000).expect("in bounds")
}

fn regime(name: &str, rules: &[(RuleKey, RuleValue)]) -> DefineRegime {
    let rules = rules.iter().map(|(key, value)| Rule {
        key: *key,
        value: *value,
        basis: None,
    });
    DefineRegime {
        name: Name::new(name).expect("short"),
        basis: Title::new("浙政办发〔2013〕55号").expect("short"),
        rules: rules.collect(),
    }
}

const FIXED: (RuleKey, RuleValue) = (RuleKey::AllowedModels, RuleValue::Set(1 << 14));
const YES: RuleValue = RuleValue::Flag(true);

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

fn reason(result: Result<(), Reject>) -> Option<RejectReason> {
    result.err().map(|reject| reject.reason)
}

#[test]
fn a_version_applies_from_the_next_midnight_in_the_east() {
    let mut law = Law::new();
    let terms = regime("ECOM_B2B", &[FIXED]);
    let second = law.define(&terms, Approval::Missing, at(10, 23));
    assert_eq!(law.number(second), 2);
    assert_eq!(law.version(second).expect("defined").from, at(11, 0));
    let old = venue(&[Regime::EcomB2b], &[Model::Rfq]);
    let new = venue(&[second], &[Model::FixedPrice]);
    let not_in_force = Some(RejectReason::RegimeNotInForce);
    let before = Time::new(at(11, 0).nanoseconds() - 1).expect("in bounds");
    assert_eq!(law.check_venue(&old, before), Ok(()));
    assert_eq!(reason(law.check_venue(&new, before)), not_in_force);
    assert_eq!(reason(law.check_venue(&old, at(11, 0))), not_in_force);
    assert_eq!(law.check_venue(&new, at(11, 0)), Ok(()));
    assert_eq!(law.in_force("ECOM_B2B", before), Some(Regime::EcomB2b));
    assert_eq!(law.find("ECOM_B2B", 1), Some(Regime::EcomB2b));
    assert_eq!(law.find("ECOM_B2B", 2), Some(second));
    assert_eq!(law.in_force("PROVINCE", at(11, 0)), None);
}

#[test]
fn the_same_again_is_the_same_version_and_an_approval_makes_another() {
    let mut law = Law::new();
    let terms = regime("PROVINCE", &[FIXED]);
    let first = law.define(&terms, Approval::Missing, at(10, 0));
    assert_eq!(law.number(first), 1);
    assert_eq!(law.check(&terms, Approval::Missing), Ok(Some(first)));
    assert_eq!(law.check(&terms, Approval::Given), Ok(None));
    let mut real = venue(&[first], &[Model::FixedPrice]);
    real.demonstration = Demonstration::Real;
    let unapproved = reason(law.check_venue(&real, at(11, 0)));
    assert_eq!(unapproved, Some(RejectReason::ApproverRequired));
    let second = law.define(&terms, Approval::Given, at(11, 0));
    real.regimes = vec![second];
    assert_eq!(law.check_venue(&real, at(12, 0)), Ok(()));
    assert_eq!(
        reason(law.check_venue(&venue(&[first, second], &[Model::FixedPrice]), at(12, 0))),
        Some(RejectReason::InvalidField),
        "one name in two versions"
    );
}

#[test]
fn what_no_data_can_lift_is_refused_with_its_text() {
    let law = Law::new();
    let asked = |terms: &DefineRegime| law.check(terms, Approval::Given).err();
    for key in RuleKey::ALL.iter().filter(|key| key.needs_commission()) {
        let refusal = Some(refused(
            RejectReason::ModelNotAllowed,
            Basis::StateCouncil38,
        ));
        assert_eq!(
            asked(&regime("LOCAL", &[FIXED, (*key, YES)])),
            refusal,
            "{key:?}"
        );
        let none = [FIXED, (*key, RuleValue::Flag(false))];
        assert_eq!(asked(&regime("LOCAL", &none)), None);
        assert_eq!(asked(&regime("SANDBOX", &[FIXED, (*key, YES)])), None);
        let licensed = |by| {
            [
                FIXED,
                (*key, YES),
                (RuleKey::RequiresLicence, RuleValue::Word(by)),
            ]
        };
        assert_eq!(asked(&regime("LICENSED_GRAIN", &licensed(0))), None);
        assert_eq!(asked(&regime("LICENSED_GRAIN", &licensed(1))), refusal);
    }
    let share = |bp| (RuleKey::EarnestMoneyCapBp, RuleValue::Number(bp));
    assert_eq!(asked(&regime("LOCAL", &[FIXED, share(2_000)])), None);
    assert_eq!(
        asked(&regime("LOCAL", &[FIXED, share(2_001)])),
        Some(refused(RejectReason::InvalidField, Basis::CivilCode586))
    );
    let money = (RuleKey::RealMoney, YES);
    let invalid = Some(RejectReason::InvalidField.into());
    assert_eq!(asked(&regime("SANDBOX", &[FIXED, money])), invalid);
    assert_eq!(asked(&regime("LOCAL", &[FIXED, money])), None);
}

#[test]
fn names_texts_and_the_order_of_rules_are_checked() {
    let law = Law::new();
    let days = (RuleKey::CoolingOffDays, RuleValue::Number(7));
    let good = regime("LOCAL", &[FIXED, days]);
    assert_eq!(law.check(&good, Approval::Missing), Ok(None));
    let text = |text| Title::new(text).expect("short");
    let mut bad = vec![
        regime("", &[FIXED]),
        regime("local", &[FIXED]),
        regime("LOCAL", &[]),
        regime("LOCAL", &[days]),
        regime("LOCAL", &[FIXED, FIXED]),
        regime("LOCAL", &[days, FIXED]),
        regime("LOCAL", &[(RuleKey::AllowedModels, YES)]),
    ];
    for wrong in ["", "民法典", "law of 209", "１９９９"] {
        bad.push(DefineRegime {
            basis: text(wrong),
            ..good.clone()
        });
        let mut own = good.clone();
        own.rules[1].basis = Some(text(wrong));
        bad.push(own);
    }
    for terms in bad {
        let invalid = Err(RejectReason::InvalidField.into());
        assert_eq!(law.check(&terms, Approval::Missing), invalid, "{terms:?}");
    }
}

#[test]
fn rules_that_have_an_effect_come_from_the_data_with_their_texts() {
    let mut law = Law::new();
    let mut terms = regime(
        "PROVINCE",
        &[
            FIXED,
            (RuleKey::RequiresLicence, RuleValue::Word(1)),
            (RuleKey::MinDaysBetweenReverseTrades, RuleValue::Number(3)),
            (RuleKey::MaxHolders, RuleValue::Number(50)),
            (RuleKey::CoolingOffDays, RuleValue::Number(14)),
            (RuleKey::CoolingOffExempt, RuleValue::Set(0b10)),
            (RuleKey::QualifiedInvestorOnly, YES),
            (RuleKey::SingleOrderLimitFen, RuleValue::Number(300)),
            (RuleKey::AnnualLimitFen, RuleValue::Number(700)),
        ],
    );
    terms.rules[2].basis = Title::new("甬政发〔2020〕3号");
    let regime = law.define(&terms, Approval::Given, at(10, 0));
    let by = |key| Basis::Defined { regime, key };
    let (interval, holders) = law.demands(&[Regime::EcomB2c, regime]);
    let days = by(RuleKey::MinDaysBetweenReverseTrades);
    assert_eq!(interval, Interval::Days(3, days));
    assert_eq!(law.cite(days), "甬政发〔2020〕3号");
    assert_eq!(holders, Holders::AtMost(50, by(RuleKey::MaxHolders)));
    assert_eq!(law.cite(by(RuleKey::MaxHolders)), "浙政办发〔2013〕55号");
    let stricter = law.demands(&[regime, Regime::RegionalEquity]);
    assert_eq!(stricter.0, Interval::Days(5, Basis::StateCouncil38));
    assert_eq!(stricter.1, holders);
    let rules = law.rules(regime);
    assert_eq!(rules.audience, Audience::Importers);
    let limit = |fen, key| ImportLimit {
        fen,
        basis: by(key),
    };
    let imports = Imports::Limited {
        annual: limit(700, RuleKey::AnnualLimitFen),
        single: Some(limit(300, RuleKey::SingleOrderLimitFen)),
    };
    assert_eq!(rules.imports, imports);
    let cooling = CoolingOff::Days {
        days: 14,
        exempt: 0b10,
        basis: by(RuleKey::CoolingOffDays),
    };
    assert_eq!(rules.cooling_off, cooling);
    let qualified = Some(by(RuleKey::QualifiedInvestorOnly));
    assert_eq!(law.asks_for_qualified(&[regime]), qualified);
    assert_eq!(
        law.forbids_market_makers(&[regime]),
        Some(by(RuleKey::MarketMaker))
    );
    assert!(!law.allows_margin(&[regime]));
    let book = law.check_venue(&venue(&[regime], &[Model::Clob]), at(11, 0));
    let forbidden = refused(
        RejectReason::ModelNotAllowed,
        by(RuleKey::CentralizedBidding),
    );
    assert_eq!(book, Err(forbidden));
    let other = law.check_venue(&venue(&[regime], &[Model::Rfq]), at(11, 0));
    let forbidden = refused(RejectReason::ModelNotAllowed, by(RuleKey::AllowedModels));
    assert_eq!(other, Err(forbidden));
    let mut real = venue(&[regime], &[Model::FixedPrice]);
    real.demonstration = Demonstration::Real;
    let licence = refused(RejectReason::LicenceRequired, by(RuleKey::RequiresLicence));
    assert_eq!(law.check_venue(&real, at(11, 0)), Err(licence));
}

#[test]
fn commissioned_regimes_and_the_sandbox_stand_alone_also_as_data() {
    let mut law = Law::new();
    let csrc = (RuleKey::RequiresLicence, RuleValue::Word(0));
    let define = |law: &mut Law, name, rules: &[_]| {
        law.define(&regime(name, rules), Approval::Given, at(10, 0))
    };
    let grain = define(&mut law, "GRAIN", &[FIXED, csrc]);
    let licensed = define(&mut law, "LICENSED_OIL", &[FIXED]);
    let sandbox = define(&mut law, "SANDBOX", &[FIXED]);
    let plain = define(&mut law, "PLAIN", &[FIXED]);
    let margin = (RuleKey::StandardizedContracts, YES);
    let futures = define(&mut law, "FUTURES", &[FIXED, margin, csrc]);
    for (one, alone) in [
        (grain, true),
        (licensed, true),
        (sandbox, true),
        (futures, true),
        (plain, false),
    ] {
        let both = venue(&[Regime::EcomB2b, one], &[Model::FixedPrice]);
        let conflict = alone.then_some(RejectReason::RegimeConflict);
        assert_eq!(
            reason(law.check_venue(&both, at(11, 0))),
            conflict,
            "{one:?}"
        );
    }
    assert!(law.allows_margin(&[futures]) && !law.allows_margin(&[grain]));
}

#[test]
fn there_are_so_many_versions_and_no_more() {
    let mut law = Law::new();
    for number in 0..Limits::REGIMES_DEFINED_MAX as u64 {
        let terms = regime(
            "LOCAL",
            &[FIXED, (RuleKey::MinBidders, RuleValue::Number(number))],
        );
        law.define(&terms, Approval::Missing, at(10, 0));
    }
    let last = law.newest("LOCAL").expect("it was defined");
    assert_eq!(law.number(last), 200);
    let more = law.check(&regime("LOCAL", &[FIXED]), Approval::Missing);
    assert_eq!(more, Err(RejectReason::TooMany.into()));
    let same = &law.version(last).expect("it was defined").terms;
    assert_eq!(law.check(same, Approval::Missing), Ok(Some(last)));
    assert!(
        law.regimes()
            .all(|one| Regime::from_code(one.code()) == Some(one))
    );
}

#[test]
fn the_longest_retention_that_applies_is_the_venues() {
    let mut law = Law::new();
    let days = |days| (RuleKey::TradeRecordRetentionDays, RuleValue::Number(days));
    let mut define = |name, number| {
        law.define(
            &regime(name, &[FIXED, days(number)]),
            Approval::Given,
            at(10, 0),
        )
    };
    let (short, long) = (define("SHORT", 30), define("LONG", 7_305));
    let own = "浙政办发〔2013〕55号";
    let (platform, finance) = ("电子商务法(2018) 31", "反洗钱法(2024) 34");
    let ecommerce = set_one::text(Regime::EcomB2b);
    for (regimes, expected) in [
        (vec![Regime::Sandbox], None),
        (vec![Regime::EcomB2b], Some((1_095, ecommerce))),
        (vec![Regime::TenderLaw], Some((1_095, platform))),
        (vec![Regime::LicensedFutures], Some((3_653, finance))),
        (
            vec![Regime::EcomB2b, Regime::RegionalEquity],
            Some((3_653, finance)),
        ),
        (vec![short], Some((1_095, platform))),
        (vec![Regime::EcomB2b, long], Some((7_305, own))),
    ] {
        assert_eq!(law.retention(&regimes), expected, "{regimes:?}");
    }
}
