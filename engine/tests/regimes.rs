//! Regimes that data defines, through the whole engine (`SEMANTICS.md` section 25): a story a rule,
//! the bytes of the contents, and what they have of older ones.
//!
//! Invariant: everything goes through `apply`. Not here: the law by itself (`venue::law`), any
//! command against the naive reference (`model`).

use sanjiang_engine::command::*;
use sanjiang_engine::engine::{Engine, SectionId};
use sanjiang_engine::event::{Event, Events, RegimeDefined};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::{Basis, Reject, RejectReason};
use sanjiang_engine::types::*;
use sanjiang_engine::venue::keys::ALL_MODELS;
use sanjiang_engine::venue::{Model, Phase, Regime, RuleKey, RuleValue};

const HOUR: i64 = 3_600_000_000_000;
const YES: RuleValue = RuleValue::Flag(true);

struct Shard {
    engine: Engine,
    now: Time,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

fn hours(hours: i64) -> Time {
    Time::new(hours * HOUR).expect("in bounds")
}

impl Shard {
    fn new() -> Self {
        let limits = Limits {
            orders_max: 64,
            owners_max: 8,
            accounts_max: 8,
            venues_max: 8,
            instruments_max: 8,
            positions_max: 64,
            requests_capacity: 64,
            ..Limits::default()
        };
        Self {
            engine: Engine::new(limits),
            now: hours(10),
        }
    }

    fn send(&mut self, approver: Option<u32>, body: Body) -> Vec<Event> {
        let authority = Authority {
            approver: approver.map(PrincipalId::new),
            ..Authority::default()
        };
        let command = Command {
            envelope: Envelope {
                principal: PrincipalId::LOCAL,
                identity: Identity::Internal,
                valid_until: None,
                authority: Some(Box::new(authority)),
            },
            body,
        };
        let validated = self.engine.validate(&command, self.now);
        let mut events = Events::with_capacity(16);
        let sequenced = Sequenced {
            sequence: self.engine.sequence().next(),
            time: self.now,
            value: command,
        };
        self.engine.apply(&sequenced, &mut events);
        let events = events.as_slice().to_vec();
        let said = match events.last() {
            Some(Event::Operation(report)) => report.reject.map_or(Ok(()), Err),
            other => panic!("no answer: {other:?}"),
        };
        assert_eq!(validated, said, "validate answers what apply then does");
        self.engine.audit().expect("sound");
        events
    }

    fn reject(&mut self, body: Body) -> Option<Reject> {
        match self.send(None, body).last() {
            Some(Event::Operation(report)) => report.reject,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// Approved by another principal.
    fn define(&mut self, text: &str, rules: &[(RuleKey, RuleValue)]) -> Regime {
        let events = self.send(Some(8), regime(text, rules));
        let Some(Event::Operation(report)) = events.last() else {
            panic!("no answer: {events:?}");
        };
        assert_eq!(report.reject, None, "{text}");
        Regime::from_code(report.handle.expect("a number") as u8).expect("it was defined")
    }
}

fn regime(text: &str, rules: &[(RuleKey, RuleValue)]) -> Body {
    let rules = rules.iter().map(|(key, value)| Rule {
        key: *key,
        value: *value,
        basis: None,
    });
    Body::DefineRegime(Box::new(DefineRegime {
        name: name(text),
        basis: Title::new("某市办法(2021) 4").expect("short"),
        rules: rules.collect(),
    }))
}

fn venue(text: &str, regimes: &[Regime], models: &[Model]) -> Body {
    Body::CreateVenue(Box::new(CreateVenue {
        name: name(text),
        title: Title::EMPTY,
        regimes: regimes.to_vec(),
        models: models.to_vec(),
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: None,
    }))
}

fn because(reason: RejectReason, regime: Regime, key: RuleKey) -> Reject {
    let basis = Some(Basis::Defined { regime, key });
    Reject { reason, basis }
}

const FIXED: (RuleKey, RuleValue) = (RuleKey::AllowedModels, RuleValue::Set(1 << 14));

#[test]
fn a_law_of_tomorrow_binds_tomorrow_and_a_venue_keeps_the_one_it_named() {
    let mut shard = Shard::new();
    let set_one = venue("OLD", &[Regime::EcomB2b], &[Model::FixedPrice]);
    assert_eq!(shard.reject(set_one), None);
    let events = shard.send(Some(8), regime("ECOM_B2B", &[FIXED]));
    let second = Regime::from_code(32).expect("the first that data defines");
    // 10:00 at UTC is 18:00 at UTC+8; the next midnight there is 16:00.
    let announced = Event::Regime(RegimeDefined {
        regime: second,
        from: hours(16),
    });
    assert_eq!(events.first(), Some(&announced));
    let again = shard.send(Some(8), regime("ECOM_B2B", &[FIXED]));
    assert_eq!(again.len(), 1, "the same again is that version: {again:?}");
    let not_in_force = Some(RejectReason::RegimeNotInForce.into());
    let new = venue("NEW", &[second], &[Model::FixedPrice]);
    assert_eq!(shard.reject(new.clone()), not_in_force);
    shard.now = hours(16);
    let late = venue("LATE", &[Regime::EcomB2b], &[Model::FixedPrice]);
    assert_eq!(shard.reject(late), not_in_force);
    assert_eq!(shard.reject(new), None);
    let venues = shard.engine.venues();
    let named: Vec<_> = venues.venues().map(|(_, venue)| venue.regimes[0]).collect();
    assert_eq!(named, [Regime::EcomB2b, second], "each names its own");
    let next = Regime::from_code(33).expect("data may define it");
    let unknown = shard.reject(venue("X", &[next], &[Model::FixedPrice]));
    assert_eq!(unknown, Some(RejectReason::UnknownRegime.into()));
}

#[test]
fn the_texts_of_the_data_stand_behind_what_it_forbids() {
    let mut shard = Shard::new();
    let city = shard.define(
        "CITY",
        &[FIXED, (RuleKey::MaxHolders, RuleValue::Number(3))],
    );
    shard.now = hours(40);
    let book = shard.reject(venue("BOOK", &[city], &[Model::Clob]));
    let reason = RejectReason::ModelNotAllowed;
    assert_eq!(
        book,
        Some(because(reason, city, RuleKey::CentralizedBidding))
    );
    let quote = shard.reject(venue("RFQ", &[city], &[Model::Rfq]));
    assert_eq!(quote, Some(because(reason, city, RuleKey::AllowedModels)));
    assert_eq!(
        shard.reject(venue("SHOP", &[city], &[Model::FixedPrice])),
        None
    );
    let participant = CreateParticipant { name: name("P") };
    assert_eq!(shard.reject(Body::CreateParticipant(participant)), None);
    let roles = Body::Standing(StandingCommand::SetRoles(SetRoles {
        venue: VenueId::new(0),
        participant: ParticipantId::new(0),
        roles: Roles::MARKET_MAKER,
    }));
    let makers = shard.reject(roles);
    assert_eq!(makers, Some(because(reason, city, RuleKey::MarketMaker)));
    let cited = shard.engine.venues().law().cite(Basis::Defined {
        regime: city,
        key: RuleKey::MarketMaker,
    });
    assert_eq!(cited, "某市办法(2021) 4");
}

#[test]
fn a_licensed_book_may_be_data_and_stands_alone() {
    let mut shard = Shard::new();
    let all = (RuleKey::AllowedModels, ALL_MODELS);
    let rules = [
        all,
        (RuleKey::CentralizedBidding, YES),
        (RuleKey::RequiresLicence, RuleValue::Word(0)),
    ];
    let grain = shard.define("GRAIN", &rules);
    let lifted = shard.reject(regime("OTHER", &rules[..2]));
    let text = Basis::StateCouncil38;
    let reason = RejectReason::ModelNotAllowed;
    let basis = Some(text);
    assert_eq!(lifted, Some(Reject { reason, basis }));
    shard.now = hours(40);
    let book = venue("GRAIN", &[grain], &[Model::Clob]);
    assert_eq!(shard.reject(book), None);
    let both = shard.reject(venue("BOTH", &[grain, Regime::EcomB2b], &[Model::Rfq]));
    assert_eq!(both, Some(RejectReason::RegimeConflict.into()));
}

#[test]
fn without_an_approver_a_version_is_for_demonstrations() {
    let mut shard = Shard::new();
    assert_eq!(shard.reject(regime("CITY", &[FIXED])), None);
    let alone = Regime::from_code(32).expect("the first");
    let agreed = shard.define("CITY", &[FIXED]);
    assert_ne!(alone, agreed, "an approval makes another version");
    let own = shard.send(Some(0), regime("TOWN", &[FIXED]));
    assert_eq!(
        own.len(),
        2,
        "defined, though the principal approved itself"
    );
    let town = Regime::from_code(34).expect("the third");
    shard.now = hours(40);
    let real = |text, regime| {
        let Body::CreateVenue(mut create) = venue(text, &[regime], &[Model::FixedPrice]) else {
            unreachable!("it is a venue");
        };
        create.demonstration = Demonstration::Real;
        Body::CreateVenue(create)
    };
    let unapproved = Some(RejectReason::ApproverRequired.into());
    assert_eq!(shard.reject(real("R1", town)), unapproved);
    assert_eq!(shard.reject(real("R2", agreed)), None);
    let demonstration = venue("D", &[town], &[Model::FixedPrice]);
    assert_eq!(shard.reject(demonstration), None);
}

#[test]
fn contents_with_regimes_read_back_and_forged_ones_do_not() {
    let mut shard = Shard::new();
    let limits = *shard.engine.limits();
    let bare = shard.engine.encode_sections();
    let days = (RuleKey::CoolingOffDays, RuleValue::Number(14));
    let city = shard.define("CITY", &[FIXED, days]);
    shard.define("CITY", &[FIXED]);
    shard.now = hours(16);
    let not_in_force = Some(RejectReason::RegimeNotInForce.into());
    let early = venue("EARLY", &[city], &[Model::FixedPrice]);
    assert_eq!(
        shard.reject(early),
        not_in_force,
        "the second came on the same day"
    );
    let town = shard.define("TOWN", &[FIXED]);
    shard.now = hours(40);
    let shop = venue("SHOP", &[town], &[Model::FixedPrice]);
    assert_eq!(shard.reject(shop), None);
    let sections = shard.engine.encode_sections();
    let read = Engine::decode_sections(limits, &sections).expect("they read");
    assert_eq!(read.state_hash(), shard.engine.state_hash());
    assert_eq!(read.venues().law(), shard.engine.venues().law());
    assert_eq!(read.venues().law().number(town), 1);
    let at = |list: &[(SectionId, Vec<u8>)]| {
        let found = list.iter().position(|(id, _)| *id == SectionId::Venues);
        found.expect("each engine has it")
    };
    let place = at(&sections);
    // What older rules wrote ends before the regimes: a venue under one of them is then unknown.
    let whole = &sections[place].1;
    let (mut refused, mut cut) = (0, sections.clone());
    for length in 1..whole.len() {
        cut[place].1 = whole[..length].to_vec();
        refused += usize::from(Engine::decode_sections(limits, &cut).is_err());
    }
    assert_eq!(refused, whole.len() - 1, "no beginning is whole");
    let mut empty = bare.clone();
    empty[at(&bare)].1.push(0);
    assert!(
        Engine::decode_sections(limits, &empty).is_err(),
        "no regimes is no bytes"
    );
}

#[test]
fn what_is_said_to_be_built_is_what_commands_find() {
    let money = Body::CreateAsset(CreateAsset {
        name: name("CNY"),
        class: AssetClass::Currency { decimals: 2 },
        demonstration: Demonstration::Demonstration,
    });
    let minute = Nanoseconds(60_000_000_000);
    for model in Model::ALL {
        let mut shard = Shard::new();
        assert_eq!(shard.reject(money.clone()), None);
        assert_eq!(
            shard.reject(venue("V", &[Regime::Sandbox], &[*model])),
            None
        );
        let venue = VenueId::new(0);
        let plans = [
            (Model::FlashSale, Plan::Flash(FlashMode::Race)),
            (Model::GroupBuy, Plan::Group),
            (Model::Presale, Plan::Presale { deposit_bp: 1 }),
        ];
        let plan = plans.iter().find(|(of, _)| of == model);
        let plan = plan.map_or(Plan::Plain, |(_, plan)| *plan);
        let terms = SaleTerms {
            venue,
            model: *model,
            plan,
            funding: Funding::Prefunded,
            money: AssetId::new(0),
            tax_basis: TaxBasis::VatIn,
            tax_bp: 0,
            fee_ppm: 0,
            hand_over_within: minute,
            inspect_within: minute,
            return_days: 0,
            agreed_days: 0,
            exemption: None,
            delivery: Delivery::Ship,
            document: [0; 32],
        };
        let terms = Body::Sales(Box::new(SalesCommand::DefineTerms(terms)));
        let phase = |phase| Body::SetPhase(SetPhase { venue, phase });
        let tried = [terms, phase(Phase::Continuous), phase(Phase::PreOpen)];
        let missing = Some(RejectReason::ModelNotAvailable.into());
        let found = tried.map(|body| shard.reject(body) != missing);
        assert_eq!(
            found.contains(&true),
            model.is_built(),
            "{model:?}: {found:?}"
        );
    }
}
