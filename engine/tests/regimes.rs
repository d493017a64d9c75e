//! Regimes that data defines, through the whole engine (`SEMANTICS.md` section 25): a story a rule,
//! the bytes of the contents, and what they have of older ones.
//!
//! Invariant: everything goes through `apply`. Not here: the law by itself (`venue::law`), any
//! command against the naive reference (`model`).

use sanjiang_engine::command::*;
use sanjiang_engine::engine::{Engine, SectionId};
use sanjiang_engine::event::{Event, Events, RegimeDefined, RegimeEvent, VenueMoving};
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
    let announced = Event::Regime(RegimeEvent::Defined(RegimeDefined {
        regime: second,
        from: hours(16),
    }));
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
            covered: Covered::No,
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

fn moves(venue: u32, regimes: &[Regime]) -> Body {
    Body::MoveVenue(Box::new(MoveVenue {
        venue: VenueId::new(venue),
        regimes: regimes.to_vec(),
    }))
}

impl Shard {
    /// The events of the ticks that are due.
    fn ticks(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        while self
            .engine
            .next_deadline()
            .is_some_and(|due| due <= self.now)
        {
            let mut events = Events::with_capacity(16);
            let tick = Sequenced {
                sequence: self.engine.sequence().next(),
                time: self.now,
                value: Command {
                    envelope: Envelope {
                        principal: PrincipalId::LOCAL,
                        identity: Identity::Internal,
                        valid_until: None,
                        authority: None,
                    },
                    body: Body::Tick,
                },
            };
            self.engine.apply(&tick, &mut events);
            all.extend_from_slice(events.as_slice());
        }
        all
    }

    fn stands(&self, venue: u32) -> Vec<Regime> {
        let venue = self.engine.venues().venue(VenueId::new(venue));
        venue.expect("it was founded").regimes.clone()
    }
}

#[test]
fn a_venue_moves_to_a_later_version_at_the_next_midnight() {
    let mut shard = Shard::new();
    let city = shard.define("CITY", &[FIXED]);
    shard.now = hours(16);
    let shop = venue("SHOP", &[city], &[Model::FixedPrice]);
    assert_eq!(shard.reject(shop), None);
    let days = (RuleKey::CoolingOffDays, RuleValue::Number(14));
    let second = shard.define("CITY", &[FIXED, days]);
    let events = shard.send(None, moves(0, &[second]));
    let mut regimes = [None; Regime::PER_VENUE_MAX];
    regimes[0] = Some(second);
    let moving = Event::Regime(RegimeEvent::Moving(VenueMoving {
        venue: VenueId::new(0),
        regimes,
        from: hours(40),
    }));
    assert_eq!(events.first(), Some(&moving));
    assert_eq!(shard.send(None, moves(0, &[second])).len(), 1, "told once");
    assert_eq!(shard.stands(0), [city], "until midnight");
    // A restart in between forgets nothing.
    let sections = shard.engine.encode_sections();
    let read = Engine::decode_sections(*shard.engine.limits(), &sections);
    let read = read.expect("it reads");
    assert_eq!(read.state_hash(), shard.engine.state_hash());
    assert_eq!(read.next_deadline(), Some(hours(40)));
    shard.engine = read;
    shard.now = hours(40);
    let moved = Event::Regime(RegimeEvent::Moved(VenueId::new(0)));
    assert_eq!(shard.ticks(), [moved]);
    assert_eq!(shard.stands(0), [second]);
    assert_eq!(shard.engine.audit(), Ok(()));
    let back = Some(RejectReason::InvalidField.into());
    assert_eq!(shard.reject(moves(0, &[city])), back, "never to an older");
}

#[test]
fn a_venue_moves_only_where_all_it_has_may_stay() {
    let mut shard = Shard::new();
    let city = shard.define("CITY", &[FIXED]);
    let town = shard.define("TOWN", &[FIXED]);
    shard.now = hours(16);
    let shop = venue("SHOP", &[city], &[Model::FixedPrice]);
    assert_eq!(shard.reject(shop), None);
    let invalid = Some(RejectReason::InvalidField.into());
    let unknown = Some(RejectReason::UnknownVenue.into());
    assert_eq!(shard.reject(moves(1, &[city])), unknown);
    assert_eq!(shard.reject(moves(0, &[town])), invalid, "another name");
    assert_eq!(shard.reject(moves(0, &[city, town])), invalid);
    assert_eq!(shard.reject(moves(0, &[])), invalid);
    let next = Regime::from_code(34).expect("data may define it");
    let unknown = Some(RejectReason::UnknownRegime.into());
    assert_eq!(shard.reject(moves(0, &[next])), unknown);
    // A version that does not allow what the venue sells by.
    let quotes = RuleValue::Set(Model::Rfq.bit());
    let narrow = shard.define("CITY", &[(RuleKey::AllowedModels, quotes)]);
    let reason = RejectReason::ModelNotAllowed;
    let forbidden = Some(because(reason, narrow, RuleKey::AllowedModels));
    assert_eq!(shard.reject(moves(0, &[narrow])), forbidden);
    assert_eq!(shard.stands(0), [city]);
    assert_eq!(shard.engine.next_deadline(), None, "nothing waits");
}

#[test]
fn a_real_venue_moves_with_an_approver_and_makers_do_not_stay_against_the_law() {
    let mut shard = Shard::new();
    let maker = (RuleKey::MarketMaker, RuleValue::Flag(true));
    let book = (RuleKey::CentralizedBidding, RuleValue::Flag(true));
    let licence = (RuleKey::RequiresLicence, RuleValue::Word(0));
    let all = (RuleKey::AllowedModels, ALL_MODELS);
    let mut rules = vec![all, book, maker, licence];
    rules.sort_by_key(|rule| rule.0);
    let first = shard.define("LICENSED_GRAIN", &rules);
    shard.now = hours(16);
    let Body::CreateVenue(mut create) = venue("GRAIN", &[first], &[Model::Clob]) else {
        unreachable!("it is a venue");
    };
    create.demonstration = Demonstration::Real;
    create.licence = Title::new("证监许可〔2020〕1号");
    assert_eq!(shard.reject(Body::CreateVenue(create)), None);
    let participant = CreateParticipant { name: name("P") };
    assert_eq!(shard.reject(Body::CreateParticipant(participant)), None);
    let makes = |roles| {
        Body::Standing(StandingCommand::SetRoles(SetRoles {
            venue: VenueId::new(0),
            participant: ParticipantId::new(0),
            roles,
        }))
    };
    shard.send(None, makes(Roles::MARKET_MAKER));
    rules.retain(|rule| rule.0 != RuleKey::MarketMaker);
    let second = shard.define("LICENSED_GRAIN", &rules);
    let alone = Some(RejectReason::ApproverRequired.into());
    assert_eq!(shard.reject(moves(0, &[second])), alone);
    let said = |events: Vec<Event>| match events.last() {
        Some(Event::Operation(report)) => report.reject,
        other => panic!("no answer: {other:?}"),
    };
    let forbidden = because(RejectReason::ModelNotAllowed, second, RuleKey::MarketMaker);
    let stands = said(shard.send(Some(8), moves(0, &[second])));
    assert_eq!(stands, Some(forbidden));
    shard.send(None, makes(Roles::NONE));
    assert_eq!(said(shard.send(Some(8), moves(0, &[second]))), None);
    // Meanwhile somebody is made one again: the move was announced, so that is refused now.
    let again = said(shard.send(None, makes(Roles::MARKET_MAKER)));
    assert_eq!(again, Some(forbidden));
    shard.now = hours(40);
    shard.ticks();
    assert_eq!(shard.stands(0), [second]);
    assert_eq!(shard.engine.audit(), Ok(()));
}
