//! The law: which regimes stand together and what they allow (section 10), and those that data
//! defines (section 25). What is built in is written out; of the rest every rule is looked up.

use super::*;
use RejectReason as R;

/// What a regime says: its own text, the models it allows, the text that forbids centralised
/// bidding, the text that asks for a licence.
type Says = (Basis, &'static [Model], Option<Basis>, Option<Basis>);

fn says(regime: Regime) -> Says {
    use Basis::*;
    use Model::*;
    let rights: &[Model] = &[Negotiated, LawfulAuction, SealedBid, ListingInvite];
    let spot: &[Model] = &[
        Negotiated,
        ListingPick,
        OneWayAuction,
        Rfq,
        FixedPrice,
        Tender,
    ];
    let shop: &[Model] = &[FixedPrice, GroupBuy, Presale, FlashSale, Coupon];
    let firms: &[Model] = &[
        FixedPrice,
        TieredPrice,
        Rfq,
        Negotiated,
        ListingPick,
        OneWayAuction,
        Tender,
        GroupBuy,
        Presale,
        FlashSale,
    ];
    let futures: &[Model] = &[Clob, CallAuction, Implied, Block, Efp];
    let shares: &[Model] = &[Clob, CallAuction, Block, ClosePrice];
    let carbon: &[Model] = &[ListingPick, BlockNegotiated, OneWayAuction];
    let (state, web) = (Some(StateCouncil38), Some(ECommerceLaw46));
    match regime {
        Regime::LicensedFutures => (FuturesLaw11, futures, None, Some(FuturesLaw11)),
        Regime::LicensedSecurities => (SecuritiesLaw37, shares, None, Some(SecuritiesLaw37)),
        Regime::LocalRightsVenue => (StateCouncilOffice37, rights, state, state),
        Regime::RegionalEquity => (
            SecuritiesLaw98,
            &[Negotiated, BlockNegotiated],
            state,
            state,
        ),
        Regime::LocalCommoditySpot => (SpotRules3, spot, state, Some(SpotRules3)),
        Regime::EcomB2b => (ECommerceLaw46, firms, web, None),
        Regime::EcomB2c => (ECommerceLaw49, shop, web, None),
        Regime::CrossBorderRetail => (CrossBorderRetail49, shop, web, None),
        Regime::TenderLaw => (Basis::TenderLaw, &[Tender], state, None),
        Regime::AuctionLaw => (AuctionLaw3, &[LawfulAuction, OneWayAuction], state, None),
        Regime::CarbonNational => (CarbonRegulation15, carbon, Some(CarbonRegulation15), None),
        _ => unreachable!("the sandbox allows everything, and data is asked elsewhere"),
    }
}

/// A version that data defined.
pub struct Made {
    pub terms: DefineRegime,
    pub number: u32,
    approved: bool,
    from: i128,
}

impl Made {
    fn rule(&self, key: RuleKey) -> Option<RuleValue> {
        let rule = self.terms.rules.iter().find(|rule| rule.key == key)?;
        Some(rule.value)
    }

    fn yes(&self, key: RuleKey) -> bool {
        self.rule(key) == Some(RuleValue::Flag(true))
    }

    fn number_of(&self, key: RuleKey) -> u64 {
        match self.rule(key) {
            Some(RuleValue::Number(number)) => number,
            _ => 0,
        }
    }
}

fn by(regime: Regime, key: RuleKey) -> Basis {
    Basis::Defined { regime, key }
}

/// The law of one shard.
#[derive(Clone, Copy)]
pub struct Laws<'a>(pub &'a [Made]);

impl<'a> Laws<'a> {
    fn made(self, regime: Regime) -> Option<&'a Made> {
        let at = usize::from(regime.code()).checked_sub(32)?;
        self.0.get(at)
    }

    pub fn knows(self, regime: Regime) -> bool {
        regime.code() < 32 || self.made(regime).is_some()
    }

    pub fn version(self, regime: Regime) -> u32 {
        self.made(regime).map_or(1, |made| made.number)
    }

    pub fn name(self, regime: Regime) -> String {
        match self.made(regime) {
            Some(made) => made.terms.name.as_str().to_owned(),
            None => regime.as_str().to_owned(),
        }
    }

    /// Whether a venue under it may have margin forwards (section 19).
    pub fn margin(self, regime: Regime) -> bool {
        let allowed = ["LICENSED_FUTURES", "LICENSED_SECURITIES", "SANDBOX"];
        match self.made(regime) {
            Some(made) => made.yes(RuleKey::StandardizedContracts),
            None => allowed.contains(&regime.as_str()),
        }
    }

    /// Whether a regime allows a model.
    pub fn allows(self, regime: Regime, model: Model) -> bool {
        if let Some(made) = self.made(regime) {
            let set = made.rule(RuleKey::AllowedModels);
            let place = model as u32 - 1;
            return matches!(set, Some(RuleValue::Set(bits)) if bits >> place & 1 == 1);
        }
        regime == Regime::Sandbox || says(regime).1.contains(&model)
    }

    /// What a regime's law of models is.
    pub fn text(self, regime: Regime) -> Option<Basis> {
        if let Some(made) = self.made(regime) {
            let all = made.rule(RuleKey::AllowedModels) == Some(RuleValue::Set(u32::MAX));
            return (!all).then_some(by(regime, RuleKey::AllowedModels));
        }
        (regime != Regime::Sandbox).then(|| says(regime).0)
    }

    /// The text by which a regime forbids something that is forbidden unless it says otherwise.
    fn closed(self, regime: Regime, key: RuleKey) -> Option<Basis> {
        if let Some(made) = self.made(regime) {
            return (!made.yes(key)).then_some(by(regime, key));
        }
        if regime == Regime::Sandbox {
            return None;
        }
        says(regime).2
    }

    /// The text by which a regime forbids market makers.
    pub fn forbids_makers(self, regime: Regime) -> Option<Basis> {
        self.closed(regime, RuleKey::MarketMaker)
    }

    fn licence(self, regime: Regime) -> Option<Basis> {
        let key = RuleKey::RequiresLicence;
        match self.made(regime) {
            Some(made) => made.rule(key).map(|_| by(regime, key)),
            None if regime == Regime::Sandbox => None,
            None => says(regime).3,
        }
    }

    fn alone(self, regime: Regime) -> bool {
        let name = self.name(regime);
        let licensed =
            |made: &Made| made.rule(RuleKey::RequiresLicence) == Some(RuleValue::Word(0));
        name == "SANDBOX"
            || name.starts_with("LICENSED_")
            || self.made(regime).is_some_and(licensed)
    }

    /// The strictest interval of reverse trades, with the text of the first that asks for it.
    pub fn apart(self, regimes: &[Regime]) -> Option<(u8, Basis)> {
        let rights = [Regime::LocalRightsVenue, Regime::RegionalEquity];
        let key = RuleKey::MinDaysBetweenReverseTrades;
        let asked = regimes.iter().map(|regime| match self.made(*regime) {
            Some(made) => (made.number_of(key) as u8, by(*regime, key)),
            None if rights.contains(regime) => (5, Basis::StateCouncil38),
            None => (0, Basis::StateCouncil38),
        });
        let asked: Vec<_> = asked.filter(|asked| asked.0 > 0).collect();
        let most = asked.iter().map(|asked| asked.0).max()?;
        asked.into_iter().find(|asked| asked.0 == most)
    }

    /// The fewest holders, likewise.
    pub fn most_holders(self, regimes: &[Regime]) -> Option<(u32, Basis)> {
        let rights = [Regime::LocalRightsVenue, Regime::RegionalEquity];
        let key = RuleKey::MaxHolders;
        let asked = regimes.iter().map(|regime| match self.made(*regime) {
            Some(made) => (made.number_of(key) as u32, by(*regime, key)),
            None if rights.contains(regime) => (200, Basis::StateCouncilOffice37),
            None => (0, Basis::StateCouncilOffice37),
        });
        let asked: Vec<_> = asked.filter(|asked| asked.0 > 0).collect();
        let least = asked.iter().map(|asked| asked.0).min()?;
        asked.into_iter().find(|asked| asked.0 == least)
    }

    /// The days of return a consumer has, what is exempt (a bit each), and the text.
    pub fn cooling(self, regime: Regime) -> Option<(u8, u32, Basis)> {
        let key = RuleKey::CoolingOffDays;
        if let Some(made) = self.made(regime) {
            let exempt = match made.rule(RuleKey::CoolingOffExempt) {
                Some(RuleValue::Set(set)) => set,
                _ => 0,
            };
            let days = made.number_of(key) as u8;
            return (days > 0).then_some((days, exempt, by(regime, key)));
        }
        let protects = ["ECOM_B2C", "CROSS_BORDER_RETAIL"].contains(&regime.as_str());
        protects.then_some((7, 31, Basis::ConsumerLaw25))
    }

    pub fn is_of_importers(self, regime: Regime) -> bool {
        match self.made(regime) {
            Some(made) => {
                self.cooling(regime).is_some() && made.rule(RuleKey::AnnualLimitFen).is_some()
            }
            None => regime == Regime::CrossBorderRetail,
        }
    }

    /// What one person may import under a regime.
    pub fn imports(self, regime: Regime) -> Option<ImportLaw> {
        let Some(made) = self.made(regime) else {
            let text = Basis::CrossBorderRetail49;
            return (regime == Regime::CrossBorderRetail).then_some(ImportLaw {
                annual: (2_600_000, text),
                single: Some((500_000, text)),
            });
        };
        let said = |key| {
            made.rule(key)?;
            Some((i128::from(made.number_of(key)), by(regime, key)))
        };
        Some(ImportLaw {
            annual: said(RuleKey::AnnualLimitFen)?,
            single: said(RuleKey::SingleOrderLimitFen),
        })
    }

    pub fn is_of_firms(self, regime: Regime) -> bool {
        self.name(regime) == "ECOM_B2B" && self.cooling(regime).is_none()
    }

    /// The text that lets only qualified investors in.
    pub fn qualified(self, regimes: &[Regime]) -> Option<Basis> {
        let key = RuleKey::QualifiedInvestorOnly;
        regimes.iter().find_map(|regime| match self.made(*regime) {
            Some(made) => made.yes(key).then_some(by(*regime, key)),
            None => (*regime == Regime::RegionalEquity).then_some(Basis::SecuritiesLaw98),
        })
    }

    /// The number of the version of a name that applies now.
    fn applies(self, name: &str, now: i128) -> Option<u32> {
        let built_in = Regime::ALL.iter().any(|one| one.as_str() == name);
        let begun = self.0.iter().filter(|made| made.from <= now);
        let numbers = begun.filter(|made| made.terms.name.as_str() == name);
        let numbers = numbers.map(|made| made.number);
        numbers.max().or(built_in.then_some(1))
    }

    /// Whether the venue may be founded; its lists are valid but for two versions of one name.
    pub(super) fn lawful(self, create: &CreateVenue, now: i128) -> Result<(), Reject> {
        let refuse = |reason, basis| Err(Reject { reason, basis });
        let regimes = &create.regimes;
        for regime in regimes {
            let number = self.version(*regime);
            if self.applies(&self.name(*regime), now) != Some(number) {
                return refuse(R::RegimeNotInForce, None);
            }
        }
        if regimes.len() > 1 && regimes.iter().any(|regime| self.alone(*regime)) {
            return refuse(R::RegimeConflict, None);
        }
        for model in &create.models {
            let central = matches!(model, Model::Clob | Model::CallAuction | Model::Implied);
            let key = RuleKey::CentralizedBidding;
            let forbids = regimes.iter().find_map(|one| self.closed(*one, key));
            if central && forbids.is_some() {
                return refuse(R::ModelNotAllowed, forbids);
            }
            if !regimes.iter().any(|one| self.allows(*one, *model)) {
                return refuse(R::ModelNotAllowed, self.text(regimes[0]));
            }
        }
        if create.demonstration == Demonstration::Demonstration {
            return Ok(());
        }
        let licence = regimes.iter().find_map(|one| self.licence(*one));
        if licence.is_some() && create.licence.is_none() {
            return refuse(R::LicenceRequired, licence);
        }
        let made = regimes.iter().filter_map(|one| self.made(*one));
        let alone = made.filter(|made| !made.approved).count() > 0;
        Ok(fails(alone, R::ApproverRequired)?)
    }

    /// Whether two of the regimes have one name.
    pub(super) fn doubled(self, regimes: &[Regime]) -> bool {
        let names: Vec<String> = regimes.iter().map(|one| self.name(*one)).collect();
        (1..names.len()).any(|at| names[..at].contains(&names[at]))
    }
}

/// Four digits in a row.
fn dated(text: &str) -> bool {
    let mut run = 0;
    text.chars().any(|one| {
        run = if one.is_ascii_digit() { run + 1 } else { 0 };
        run == 4
    })
}

/// Whether a value is one the key may have; the data's own bounds (section 25).
fn fits(rule: &Rule) -> bool {
    let (days, share) = (36_600, 10_000);
    let most = |text: &str| match text {
        "min_days_between_reverse_trades" => 20,
        "max_holders" => u64::from(u32::MAX),
        "cooling_off_days" => 30,
        "earnest_money_cap_bp" => 2_000,
        "margin_leverage_max" => 100 * share,
        "contract_within_days" | "trade_record_retention_days" => days,
        _ if text.contains("_days") || text.ends_with("_deadline") => days,
        _ if text.ends_with("_bp") => share,
        _ => 1_000_000_000_000_000,
    };
    let text = rule.key.as_str();
    match (rule.key.kind(), rule.value) {
        (RuleKind::Flag, RuleValue::Flag(_)) => true,
        (RuleKind::Number(..) | RuleKind::Ratio(_), RuleValue::Number(number)) => {
            number <= most(text) && (text != "max_holders" || number > 0)
        }
        (RuleKind::Word(words), RuleValue::Word(at)) => words.get(usize::from(at)).is_some(),
        (RuleKind::Words(words), RuleValue::Set(set)) => u64::from(set) < 1 << words.len(),
        (RuleKind::Models, RuleValue::Set(set)) => (1..1 << 21).contains(&set) || set == u32::MAX,
        _ => false,
    }
}

impl Reference {
    /// The last version of the name of a regime, if data defined one.
    pub fn newest_version(&self, regime: Regime) -> Option<Regime> {
        let name = self.laws().name(regime);
        let of_name = |made: &Made| made.terms.name.as_str() == name;
        let at = self.regimes.iter().rposition(of_name)?;
        Regime::from_code(at as u8 + 32)
    }

    pub fn laws(&self) -> Laws<'_> {
        Laws(&self.regimes)
    }

    /// Defines a version of a regime; its handle.
    pub(super) fn define_regime(
        &mut self,
        envelope: &Envelope,
        terms: &DefineRegime,
    ) -> Result<Option<u32>, Reject> {
        check_terms(terms)?;
        let approver = envelope.authority.as_ref().and_then(|one| one.approver);
        let approved = approver.is_some_and(|one| one != envelope.principal);
        let name = terms.name.as_str();
        let of_name = |made: &&Made| made.terms.name == terms.name;
        let newest = self.regimes.iter().rev().find(of_name);
        let same = |made: &Made| made.terms == *terms && made.approved == approved;
        let code = |made: &Made| {
            let at = self.regimes.iter().position(|one| std::ptr::eq(one, made));
            at.map(|at| at as u32 + 32)
        };
        if let Some(known) = newest.filter(|made| same(made)) {
            return Ok(code(known));
        }
        fails(self.regimes.len() >= 200, R::TooMany)?;
        let built_in = Regime::ALL.iter().any(|one| one.as_str() == name);
        let before = newest.map_or(u32::from(built_in), |made| made.number);
        let (day, east) = (86_400_000_000_000, 28_800_000_000_000);
        let begun = (i128::from(self.time.nanoseconds()) + east).div_euclid(day);
        let from = (begun + 1) * day - east;
        self.regimes.push(Made {
            terms: terms.clone(),
            number: before + 1,
            approved,
            from,
        });
        let handle = self.regimes.len() as u32 + 31;
        let regime = Regime::from_code(handle as u8).expect("there are at most 200");
        let from = Time::new(from as i64).expect("the worlds are young");
        let defined = RegimeDefined { regime, from };
        self.out.push(Event::Regime(RegimeEvent::Defined(defined)));
        Ok(Some(handle))
    }
}

fn check_terms(terms: &DefineRegime) -> Result<(), Reject> {
    let name = terms.name.as_str();
    let letters = |one: char| matches!(one, 'A'..='Z' | '0'..='9' | '_');
    let named = !name.is_empty() && name.chars().all(letters);
    fails(!named || !dated(terms.basis.as_str()), R::InvalidField)?;
    let mut last = 0;
    for rule in &terms.rules {
        let own = rule.basis.is_none_or(|text| dated(text.as_str()));
        fails(rule.key as u8 <= last || !own, R::InvalidField)?;
        last = rule.key as u8;
        if !fits(rule) {
            let capped = rule.key.as_str() == "earnest_money_cap_bp";
            return Err(Reject {
                reason: R::InvalidField,
                basis: capped.then_some(Basis::CivilCode586),
            });
        }
    }
    let value = |key: &str| {
        let mut rules = terms.rules.iter();
        let rule = rules.find(|rule| rule.key.as_str() == key);
        rule.map(|rule| rule.value)
    };
    let yes = Some(RuleValue::Flag(true));
    let sandbox = name == "SANDBOX";
    fails(value("allowed_models").is_none(), R::InvalidField)?;
    let [annual, single, days] = [
        "annual_limit_fen",
        "single_order_limit_fen",
        "cooling_off_days",
    ]
    .map(value);
    let protects = days.is_some_and(|days| days != RuleValue::Number(0));
    let freed = match annual {
        Some(_) => !protects,
        None => single.is_some() || name == "CROSS_BORDER_RETAIL",
    };
    if freed {
        return Err(Reject {
            reason: R::InvalidField,
            basis: Some(Basis::CrossBorderRetail49),
        });
    }
    let money = sandbox && value("real_money") == yes;
    fails(money, R::InvalidField)?;
    let central = [
        "centralized_bidding",
        "market_maker",
        "standardized_contracts",
        "anonymous",
    ];
    let commission = value("requires_licence") == Some(RuleValue::Word(0));
    if !sandbox && !commission && central.iter().any(|key| value(key) == yes) {
        return Err(Reject {
            reason: R::ModelNotAllowed,
            basis: Some(Basis::StateCouncil38),
        });
    }
    Ok(())
}
