//! The law of a shard: set 1, and the versions of regimes that data defined since.
//!
//! Invariant: a version never changes and is never forgotten; what no data can lift is checked when
//! it is defined, so every version here keeps to it; a venue names its versions and stands under
//! them until it moves. Not here: what set 1 says (`set_one`, `rules`), the bytes (`law_section`).

use super::rules::{
    Allowed, Audience, Centralised, CoolingOff, Holders, ImportLimit, Imports, Interval, Investors,
    Licence, Models, Rules, Standing, fewer, longer,
};
use super::{Model, Regime, RuleKey, RuleValue, keys, set_one};
use crate::clearing::custody::Approved;
use crate::command::{CreateVenue, DefineRegime, Demonstration, Envelope};
use crate::contract::row::end_of_day_after;
use crate::engine::approved;
use crate::limits::Limits;
use crate::reject::{Basis, Reject, RejectReason};
use crate::types::{Name, Time};

/// Whether another principal approved a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Approval {
    /// Another principal did.
    Given,
    /// Nobody did: only demonstrations may name it.
    Missing,
}

impl Approval {
    /// Whether another principal approved what an envelope holds.
    pub fn of(envelope: &Envelope) -> Self {
        match approved(envelope) {
            Approved::Yes => Self::Given,
            Approved::No => Self::Missing,
        }
    }
}

/// A version of a regime that data defined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// What it says.
    pub terms: DefineRegime,
    /// Which version of its name it is; set 1 has the first of its twelve names.
    pub number: u32,
    /// Whether another principal approved it.
    pub approval: Approval,
    /// From when on venues may name it: the first midnight at UTC+8 after its command.
    pub from: Time,
    rules: Rules,
}

/// All regimes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Law {
    versions: Vec<Version>,
}

/// How long a platform keeps its records: three years.
const RETENTION_OF_PLATFORMS: (u64, &str) = (1_095, "电子商务法(2018) 31");
/// How long financial institutions keep theirs: ten years.
const RETENTION_OF_FINANCE: (u64, &str) = (3_653, "反洗钱法(2024) 34");

/// What a regime that nobody defined says: everything is forbidden.
static NOTHING: Rules = Rules {
    allowed: Allowed::Only(Models::of(&[]), Basis::StateCouncil38),
    centralised: Centralised::Forbidden(Basis::StateCouncil38),
    licence: Licence::NotNeeded,
    interval: Interval::Free,
    holders: Holders::Unbounded,
    market_makers: Centralised::Forbidden(Basis::StateCouncil38),
    cooling_off: CoolingOff::None,
    audience: Audience::All,
    imports: Imports::Free,
    investors: Investors::All,
    standing: Standing {
        alone: false,
        margin: false,
    },
};

const fn refused(reason: RejectReason, basis: Basis) -> Reject {
    Reject {
        reason,
        basis: Some(basis),
    }
}

fn fails(failed: bool, reason: RejectReason) -> Result<(), Reject> {
    if failed { Err(reason.into()) } else { Ok(()) }
}

/// Reading.
impl Law {
    /// Set 1 alone.
    pub const fn new() -> Self {
        Self {
            versions: Vec::new(),
        }
    }

    /// The versions that data defined, in order of their numbers.
    pub fn defined(&self) -> &[Version] {
        &self.versions
    }

    /// Set 1, then what data defined.
    pub fn regimes(&self) -> impl Iterator<Item = Regime> {
        let defined = (0..self.versions.len()).map(|place| Regime::defined(place as u8));
        Regime::ALL.iter().copied().chain(defined)
    }

    /// The version that data defined under this number.
    pub fn version(&self, regime: Regime) -> Option<&Version> {
        self.versions.get(regime.place()?)
    }

    /// Whether there is such a regime.
    pub fn is_known(&self, regime: Regime) -> bool {
        regime
            .place()
            .is_none_or(|place| place < self.versions.len())
    }

    /// The name; none of one nobody defined.
    pub fn name(&self, regime: Regime) -> &str {
        match regime.place() {
            None => regime.as_str(),
            Some(place) => self
                .versions
                .get(place)
                .map_or("", |version| version.terms.name.as_str()),
        }
    }

    /// Which version of its name it is.
    pub fn number(&self, regime: Regime) -> u32 {
        self.version(regime).map_or(1, |version| version.number)
    }

    /// The version of this name and number.
    pub fn find(&self, name: &str, number: u32) -> Option<Regime> {
        let mut regimes = self.regimes();
        regimes.find(|one| self.name(*one) == name && self.number(*one) == number)
    }

    /// The last version of this name.
    pub fn newest(&self, name: &str) -> Option<Regime> {
        self.regimes().filter(|one| self.name(*one) == name).last()
    }

    /// The version of this name that applies at an instant.
    pub fn in_force(&self, name: &str, time: Time) -> Option<Regime> {
        let begun = |one: &Regime| self.version(*one).is_none_or(|known| known.from <= time);
        let of_name = self.regimes().filter(|one| self.name(*one) == name);
        of_name.filter(begun).last()
    }

    /// Every rule with its text, in order of the keys.
    pub fn rules_of(&self, regime: Regime) -> Vec<(RuleKey, RuleValue, &str)> {
        if let Some(known) = self.version(regime) {
            let rules = known.terms.rules.iter();
            let told = rules.map(|rule| (rule.key, rule.value, self.text(regime, rule.key)));
            return told.collect();
        }
        let rules = set_one::rules(regime).iter();
        let told = rules.map(|(key, value)| (*key, *value, set_one::text(regime)));
        told.collect()
    }

    /// The text a regime as a whole rests on.
    pub fn basis(&self, regime: Regime) -> &str {
        self.version(regime)
            .map_or_else(|| set_one::text(regime), |known| known.terms.basis.as_str())
    }

    /// The text behind a rule: its own, or its regime's.
    fn text(&self, regime: Regime, key: RuleKey) -> &str {
        let Some(known) = self.version(regime) else {
            return set_one::text(regime);
        };
        let own = known.terms.rules.iter().find(|rule| rule.key == key);
        let own = own.and_then(|rule| rule.basis.as_ref());
        own.unwrap_or(&known.terms.basis).as_str()
    }

    /// A basis in words: the citation of a text that is built in, or what the data says.
    pub fn cite(&self, basis: Basis) -> &str {
        if let Basis::Defined { regime, key } = basis {
            return self.text(regime, key);
        }
        basis.as_str()
    }

    /// What a regime says where that has an effect.
    pub fn rules(&self, regime: Regime) -> &Rules {
        Rules::of_set_one(regime).unwrap_or_else(|| {
            let defined = self.version(regime);
            defined.map_or(&NOTHING, |known| &known.rules)
        })
    }

    /// What regimes ask of reverse trades and holders, the strictest of them.
    pub fn demands(&self, regimes: &[Regime]) -> (Interval, Holders) {
        let mut asked = (Interval::Free, Holders::Unbounded);
        for rules in regimes.iter().map(|regime| self.rules(*regime)) {
            asked.0 = longer(asked.0, rules.interval);
            asked.1 = fewer(asked.1, rules.holders);
        }
        asked
    }

    /// The text that forbids market makers, if one of the regimes does.
    pub fn forbids_market_makers(&self, regimes: &[Regime]) -> Option<Basis> {
        let mut rules = regimes.iter().map(|regime| self.rules(*regime));
        rules.find_map(|rules| match rules.market_makers {
            Centralised::Allowed => None,
            Centralised::Forbidden(basis) => Some(basis),
        })
    }

    /// How long the records of a venue are kept at least: the longest that applies, with its text;
    /// of equal ones the first. None for the sandbox, where nothing is owed.
    pub fn retention(&self, regimes: &[Regime]) -> Option<(u64, &str)> {
        let owed = regimes.iter().flat_map(|regime| {
            let rules = self.rules(*regime);
            let financial = rules.investors != Investors::All
                || matches!(rules.licence, Licence::SecuritiesCommission(_));
            let platform = self.name(*regime) != Regime::Sandbox.as_str();
            let mut own = self.rules_of(*regime).into_iter();
            let own = own.find(|(key, ..)| *key == RuleKey::TradeRecordRetentionDays);
            let own = own.and_then(|(_, value, text)| match value {
                RuleValue::Number(days) => Some((days, text)),
                RuleValue::Flag(_) | RuleValue::Word(_) | RuleValue::Set(_) => None,
            });
            [
                own,
                platform.then_some(RETENTION_OF_PLATFORMS),
                (platform && financial).then_some(RETENTION_OF_FINANCE),
            ]
        });
        let longer = |one: (u64, _), other: (u64, _)| if other.0 > one.0 { other } else { one };
        owed.flatten().reduce(longer)
    }

    /// Whether a venue under these regimes may have margin forwards.
    pub fn allows_margin(&self, regimes: &[Regime]) -> bool {
        regimes.iter().all(|one| self.rules(*one).standing.margin)
    }

    /// The text by which only qualified investors are let in, if one of the regimes has it.
    pub fn asks_for_qualified(&self, regimes: &[Regime]) -> Option<Basis> {
        let mut rules = regimes.iter().map(|regime| self.rules(*regime));
        rules.find_map(|rules| match rules.investors {
            Investors::All => None,
            Investors::Qualified(basis) => Some(basis),
        })
    }
}

/// Whether a text names the year of its version: four digits in a row.
fn names_a_year(text: &str) -> bool {
    let digits = |window: &[u8]| window.iter().all(u8::is_ascii_digit);
    text.as_bytes().windows(4).any(digits)
}

/// Whether a name is one: capital letters, digits, underscores.
fn is_name(name: &Name) -> bool {
    let lawful = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.as_str().bytes().all(lawful)
}

/// Whether a regime of this name stands alone whatever it says: the sandbox and licensed exchanges.
fn is_apart(name: &str) -> bool {
    name == Regime::Sandbox.as_str() || name.starts_with("LICENSED_")
}

/// The value of a key, if the regime has a rule about it.
fn value(terms: &DefineRegime, key: RuleKey) -> Option<RuleValue> {
    let rule = terms.rules.iter().find(|rule| rule.key == key);
    rule.map(|rule| rule.value)
}

/// Whether the securities commission licenses it, or it is the sandbox: what else is forbidden may
/// be lawful there.
fn is_commissioned(terms: &DefineRegime) -> bool {
    terms.name.as_str() == Regime::Sandbox.as_str()
        || value(terms, RuleKey::RequiresLicence) == Some(RuleValue::Word(0))
}

/// An absent rule forbids and never frees: what limits an order limits the year, what limits the
/// year is for consumers, and a later version of cross-border retail does both.
fn check_imports(terms: &DefineRegime) -> Result<(), Reject> {
    let annual = value(terms, RuleKey::AnnualLimitFen).is_some();
    let single = value(terms, RuleKey::SingleOrderLimitFen).is_some();
    let named = terms.name.as_str() == Regime::CrossBorderRetail.as_str();
    let lifts = (named || single) && !annual || annual && !protects(terms);
    if lifts {
        return Err(refused(
            RejectReason::InvalidField,
            Basis::CrossBorderRetail49,
        ));
    }
    Ok(())
}

/// Whether a regime may say this.
///
/// # Errors
/// INVALID_FIELD (name, texts, rules out of order or of their bounds, no `allowed_models`, a limit
/// of imports that another one is missing to, with its basis);
/// MODEL_NOT_ALLOWED for what no data can lift, with its basis.
fn check_define(terms: &DefineRegime) -> Result<(), Reject> {
    let invalid = RejectReason::InvalidField;
    let cited = |text: &str| names_a_year(text);
    fails(
        !is_name(&terms.name) || !cited(terms.basis.as_str()),
        invalid,
    )?;
    for (place, rule) in terms.rules.iter().enumerate() {
        let rises = place == 0 || terms.rules[place - 1].key < rule.key;
        let own = rule.basis.as_ref();
        fails(
            !rises || own.is_some_and(|text| !cited(text.as_str())),
            invalid,
        )?;
        if rule.key.is_valid(rule.value) {
            continue;
        }
        let capped = rule.key == RuleKey::EarnestMoneyCapBp;
        let basis = capped.then_some(Basis::CivilCode586);
        return Err(Reject {
            reason: invalid,
            basis,
        });
    }
    fails(value(terms, RuleKey::AllowedModels).is_none(), invalid)?;
    check_imports(terms)?;
    let sandbox = terms.name.as_str() == Regime::Sandbox.as_str();
    let money = value(terms, RuleKey::RealMoney) == Some(RuleValue::Flag(true));
    fails(sandbox && money, invalid)?;
    for rule in &terms.rules {
        let lifts = rule.key.needs_commission() && rule.value == RuleValue::Flag(true);
        if lifts && !is_commissioned(terms) {
            return Err(refused(
                RejectReason::ModelNotAllowed,
                Basis::StateCouncil38,
            ));
        }
    }
    Ok(())
}

/// Making.
impl Law {
    /// The newest version of the name, if it says the same and is approved as well.
    fn find_same(&self, terms: &DefineRegime, approval: Approval) -> Option<Regime> {
        let newest = self.newest(terms.name.as_str())?;
        let known = self.version(newest)?;
        (known.terms == *terms && known.approval == approval).then_some(newest)
    }

    /// Whether a regime may be defined so: the newest version of its name, where that says the same
    /// and is approved as well.
    ///
    /// # Errors
    /// INVALID_FIELD (name, texts, rules out of order or of their bounds, no `allowed_models`);
    /// MODEL_NOT_ALLOWED for what no data can lift, with its basis; TOO_MANY.
    pub fn check(
        &self,
        terms: &DefineRegime,
        approval: Approval,
    ) -> Result<Option<Regime>, Reject> {
        check_define(terms)?;
        let same = self.find_same(terms, approval);
        let full = self.versions.len() >= Limits::REGIMES_DEFINED_MAX;
        fails(full && same.is_none(), RejectReason::TooMany)?;
        Ok(same)
    }

    /// Defines a version that was checked and is not the newest one again.
    pub fn define(&mut self, terms: &DefineRegime, approval: Approval, time: Time) -> Regime {
        let checked = self.check(terms, approval);
        assert_eq!(checked, Ok(None), "it was checked");
        self.add(terms.clone(), approval, end_of_day_after(time, 0))
    }

    /// Adds a version as it was written.
    ///
    /// # Errors
    /// Those of [`Law::check`]; INVALID_FIELD where it applies before the one before it.
    pub fn restore(
        &mut self,
        terms: DefineRegime,
        approval: Approval,
        from: Time,
    ) -> Result<(), Reject> {
        check_define(&terms)?;
        let falls = self.versions.last().is_some_and(|last| last.from > from);
        fails(falls, RejectReason::InvalidField)?;
        let full = self.versions.len() >= Limits::REGIMES_DEFINED_MAX;
        fails(full, RejectReason::TooMany)?;
        // Nothing below can fail.
        self.add(terms, approval, from);
        Ok(())
    }

    fn add(&mut self, terms: DefineRegime, approval: Approval, from: Time) -> Regime {
        let regime = Regime::defined(self.versions.len() as u8);
        let before = self.newest(terms.name.as_str());
        let number = before.map_or(1, |before| self.number(before) + 1);
        let rules = derive(&terms, regime);
        self.versions.push(Version {
            terms,
            number,
            approval,
            from,
            rules,
        });
        regime
    }

    /// Whether a new venue with these regimes, models and licence is lawful.
    ///
    /// # Errors
    /// INVALID_FIELD, REGIME_NOT_IN_FORCE, REGIME_CONFLICT, MODEL_NOT_ALLOWED, LICENCE_REQUIRED,
    /// APPROVER_REQUIRED, in that order; with a basis where a text is behind it.
    pub fn check_venue(&self, venue: &CreateVenue, time: Time) -> Result<(), Reject> {
        let licensed = venue.licence.is_some();
        let what = (&*venue.models, venue.demonstration, licensed);
        self.check_stand(&venue.regimes, what, time)
    }

    /// Whether a venue with these models may stand under these regimes from `time` on.
    ///
    /// # Errors
    /// Those of [`Law::check_venue`].
    pub(crate) fn check_stand(
        &self,
        regimes: &[Regime],
        (models, demonstration, licensed): (&[Model], Demonstration, bool),
        time: Time,
    ) -> Result<(), Reject> {
        self.check_lists(regimes, models)?;
        for regime in regimes {
            let now = self.in_force(self.name(*regime), time);
            fails(now != Some(*regime), RejectReason::RegimeNotInForce)?;
        }
        let mut rules = regimes.iter().map(|regime| self.rules(*regime));
        let alone = rules.any(|rules| rules.standing.alone);
        fails(regimes.len() > 1 && alone, RejectReason::RegimeConflict)?;
        for model in models {
            self.check_model(regimes, *model)?;
        }
        if demonstration == Demonstration::Demonstration {
            return Ok(());
        }
        if !licensed {
            self.check_licence(regimes)?;
        }
        let mut versions = regimes.iter().filter_map(|regime| self.version(*regime));
        let alone = versions.any(|version| version.approval == Approval::Missing);
        fails(alone, RejectReason::ApproverRequired)
    }

    /// At least one regime and one model, none twice, no regime in two versions.
    fn check_lists(&self, regimes: &[Regime], models: &[Model]) -> Result<(), Reject> {
        let named = |at: usize| self.name(regimes[at]);
        let repeats = |at: usize| {
            regimes[..at]
                .iter()
                .any(|before| self.name(*before) == named(at))
        };
        let repeats_regime = (1..regimes.len()).any(repeats);
        let repeats_model = (1..models.len()).any(|at| models[..at].contains(&models[at]));
        let few = regimes.is_empty() || models.is_empty();
        let many = regimes.len() > Regime::PER_VENUE_MAX;
        fails(
            few || many || repeats_regime || repeats_model,
            RejectReason::InvalidField,
        )
    }

    /// Centralised trading needs every regime, any other model at least one. The basis is that of
    /// the first regime that forbids centralised bidding, else that of the first regime.
    fn check_model(&self, regimes: &[Regime], model: Model) -> Result<(), Reject> {
        let rules = || regimes.iter().map(|regime| self.rules(*regime));
        for rules in rules().filter(|_| model.is_centralised()) {
            if let Centralised::Forbidden(basis) = rules.centralised {
                return Err(refused(RejectReason::ModelNotAllowed, basis));
            }
        }
        let mut first = None;
        for rules in rules() {
            match rules.allows(model) {
                Ok(()) => return Ok(()),
                Err(basis) => first = first.or(Some(basis)),
            }
        }
        let basis = first.expect("a venue has at least one regime");
        Err(refused(RejectReason::ModelNotAllowed, basis))
    }

    /// LICENCE_REQUIRED by the first regime that asks for one.
    fn check_licence(&self, regimes: &[Regime]) -> Result<(), Reject> {
        for rules in regimes.iter().map(|regime| self.rules(*regime)) {
            match rules.licence {
                Licence::NotNeeded => {}
                Licence::SecuritiesCommission(basis) | Licence::Province(basis) => {
                    return Err(refused(RejectReason::LicenceRequired, basis));
                }
            }
        }
        Ok(())
    }
}

/// What the rules of a definition come to where they have an effect.
fn derive(terms: &DefineRegime, regime: Regime) -> Rules {
    use RuleKey as K;
    let by = |key| Basis::Defined { regime, key };
    let flag = |key| value(terms, key) == Some(RuleValue::Flag(true));
    let number = |key| match value(terms, key) {
        Some(RuleValue::Number(number)) => number,
        _ => 0,
    };
    let set = |key| match value(terms, key) {
        Some(RuleValue::Set(set)) => set,
        _ => 0,
    };
    let open = |key| {
        if flag(key) {
            Centralised::Allowed
        } else {
            Centralised::Forbidden(by(key))
        }
    };
    let allowed = if value(terms, K::AllowedModels) == Some(keys::ALL_MODELS) {
        Allowed::All
    } else {
        let models = Models::from_bits(set(K::AllowedModels));
        Allowed::Only(models, by(K::AllowedModels))
    };
    let commission = value(terms, K::RequiresLicence) == Some(RuleValue::Word(0));
    Rules {
        allowed,
        centralised: open(K::CentralizedBidding),
        licence: match value(terms, K::RequiresLicence) {
            None => Licence::NotNeeded,
            Some(_) if commission => Licence::SecuritiesCommission(by(K::RequiresLicence)),
            Some(_) => Licence::Province(by(K::RequiresLicence)),
        },
        interval: match number(K::MinDaysBetweenReverseTrades) as u8 {
            0 => Interval::Free,
            days => Interval::Days(days, by(K::MinDaysBetweenReverseTrades)),
        },
        holders: match number(K::MaxHolders) as u32 {
            0 => Holders::Unbounded,
            most => Holders::AtMost(most, by(K::MaxHolders)),
        },
        market_makers: open(K::MarketMaker),
        cooling_off: match number(K::CoolingOffDays) as u8 {
            0 => CoolingOff::None,
            days => CoolingOff::Days {
                days,
                exempt: set(K::CoolingOffExempt),
                basis: by(K::CoolingOffDays),
            },
        },
        audience: audience(terms),
        imports: imports(terms, regime),
        investors: if flag(K::QualifiedInvestorOnly) {
            Investors::Qualified(by(K::QualifiedInvestorOnly))
        } else {
            Investors::All
        },
        standing: Standing {
            alone: commission || is_apart(terms.name.as_str()),
            margin: flag(K::StandardizedContracts),
        },
    }
}

/// How much a definition lets one person import.
fn imports(terms: &DefineRegime, regime: Regime) -> Imports {
    let limit = |key| match value(terms, key) {
        Some(RuleValue::Number(fen)) => Some(ImportLimit {
            fen: i64::try_from(fen).expect("numbers of rules are bounded"),
            basis: Basis::Defined { regime, key },
        }),
        _ => None,
    };
    match limit(RuleKey::AnnualLimitFen) {
        Some(annual) => Imports::Limited {
            annual,
            single: limit(RuleKey::SingleOrderLimitFen),
        },
        None => Imports::Free,
    }
}

/// Whether a definition gives days of return.
fn protects(terms: &DefineRegime) -> bool {
    matches!(
        value(terms, RuleKey::CoolingOffDays),
        Some(RuleValue::Number(days)) if days > 0
    )
}

/// Whom a definition is made for: what protects consumers is for them, and a later version of trade
/// between enterprises stays closed to them.
fn audience(terms: &DefineRegime) -> Audience {
    if value(terms, RuleKey::AnnualLimitFen).is_some() {
        Audience::Importers
    } else if protects(terms) {
        Audience::Consumers
    } else if terms.name.as_str() == Regime::EcomB2b.as_str() {
        Audience::Enterprises
    } else {
        Audience::All
    }
}

#[cfg(test)]
#[path = "law_tests.rs"]
mod tests;
