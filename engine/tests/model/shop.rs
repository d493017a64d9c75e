//! A world of shops: venues under the regimes of trade, goods in warehouses, firms and consumers;
//! and which cells of sections 20 and 21 a run reached.
//!
//! Invariant: as in `world` and `coverage`. Not here: what shops and buyers do (`trade`).

use sanjiang_engine::command::{
    Acknowledge, AssetClass, Authority, Body, Command, CreateAsset, CreateCustodian, CreateVenue,
    CustodianKind, DefineRegime, Demonstration, Direction, FlashMode, Instruct, OpenSession,
    Outcome, Plan, Rule, SaleTerms, SalesCommand,
};
use sanjiang_engine::event::{
    ContractEvent, ContractStep as Step, CustodyStatus, Disputed, Event, LotteryFact, OfferAct,
    SaleEvent, State,
};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::{
    AccountId, Amount, AssetId, CustodianId, Nanoseconds, PrincipalId, Sequence, Time,
};
use sanjiang_engine::venue::{Model, Regime, RuleKey, RuleValue};

use super::baskets::named;
use super::border;
use super::coverage::{Cell, Coverage};
use super::rng::Rng;
use super::said::reject_of;
use super::script::internal;
use super::shop_cells::{offers_by_model, refused_sales, refused_steps, steps};
use super::wares::DAY;
use super::world::{self, name, title};
use crate::reference::Reference;

/// What happens in a queue and in a lottery.
const QUEUES: [&str; 6] = [
    "the first ticket",
    "another ticket",
    "a reserve by its turn",
    "a public value",
    "a seed",
    "a draw",
];

/// Who is paid for a default, and by what.
const DEFAULTS: [&str; 4] = [
    "double return by a cancel",
    "double return by a deadline",
    "double return by a decision",
    "forfeited, with a prepayment back",
];

/// What comes too late for its contract.
const LATE: &str = "a late payment goes back";

/// The regimes of the first venue, one set a world.
pub const REGIMES: [&[Regime]; 6] = [
    &[Regime::EcomB2b],
    &[Regime::EcomB2c],
    &[Regime::EcomB2b, Regime::EcomB2c],
    &[Regime::CrossBorderRetail],
    &[Regime::LocalCommoditySpot, Regime::EcomB2b],
    &[Regime::Sandbox],
];

/// The currency and the two kinds of goods of every world.
pub const MONEY: AssetId = AssetId::new(0);
pub const GOODS: [AssetId; 2] = [AssetId::new(1), AssetId::new(2)];
/// The bank and the two warehouses.
pub const BANK: CustodianId = CustodianId::new(0);
pub const WAREHOUSES: [CustodianId; 2] = [CustodianId::new(1), CustodianId::new(2)];

/// Bounds so small that each is met.
pub fn limits(rng: &mut Rng) -> Limits {
    Limits {
        orders_max: 16,
        levels_max: 4,
        stops_max: 2,
        venues_max: 3,
        instruments_max: 2,
        calendars_max: 2,
        participants_max: 3,
        owners_max: 4,
        accounts_max: 8,
        assets_max: 8,
        custodians_max: 8,
        sessions_max: 3,
        requests_capacity: 60,
        positions_max: rng.pick(&[24, 60, 60, 60]),
        instructions_max: rng.pick(&[2, 8, 40]),
        references_max: 400,
        terms_max: rng.pick(&[5, 12, 12]),
        annual_uses_max: rng.pick(&[1, 4, 30]),
        offers_max: rng.pick(&[2, 5, 9]),
        contracts_max: rng.pick(&[3, 8, 40]),
        campaigns_max: rng.pick(&[1, 4]),
        tickets_max: rng.pick(&[1, 3, 30]),
        entries_max: rng.pick(&[2, 5]),
        buyers_max: rng.pick(&[1, 4, 30]),
        discounts_max: rng.pick(&[1, 3]),
        discounts_per_seller_max: rng.pick(&[1, 2]),
        discount_uses_max: rng.pick(&[1, 1, 2, 30]),
        guarantees_max: rng.pick(&[1, 2, 30]),
        owing_max: rng.pick(&[1, 2, 30, 30]),
        owing_per_seller_max: rng.pick(&[1, 2, 8]),
        ..Limits::default()
    }
}

fn authorised(body: Body) -> Command {
    let mut command = internal(body);
    command.envelope.authority = Some(Box::new(Authority {
        approver: Some(PrincipalId::new(8)),
        reason: "agreed".to_owned(),
        ..Authority::default()
    }));
    command
}

fn models(regimes: &[Regime]) -> Vec<Model> {
    let tiered = |one: &Regime| {
        let defined = one.code() >= Regime::FIRST_DEFINED;
        defined || [Regime::EcomB2b, Regime::Sandbox].contains(one)
    };
    let tiered = regimes.iter().any(tiered);
    let mut models = vec![
        Model::FixedPrice,
        Model::FlashSale,
        Model::GroupBuy,
        Model::Presale,
    ];
    models.extend(tiered.then_some(Model::TieredPrice));
    models
}

/// When a step of the opening is made: the first one the day before the rest.
pub fn opens(place: usize) -> Time {
    // Two weeks before the end of a year, which imports are counted by.
    let later = 350 * DAY + if place == 0 { 0 } else { 16 * world::HOUR };
    world::begin(false).after(Nanoseconds(later))
}

/// A regime of fixed and tiered prices that protects consumers in a way of its own, or none.
fn city(seed: u64) -> DefineRegime {
    let imports = [None, Some((300, 1_200)), Some((150, 2_500))];
    let at = (seed / 4) as usize;
    let imports = imports[at / 3 % 3];
    // What limits imports protects who imports, or is refused.
    let least = u64::from(imports.is_some());
    law("CITY", [least, 3, 14][at % 3], imports)
}

/// A later version of a regime of the world.
pub fn later_law(rng: &mut Rng) -> DefineRegime {
    let text = rng.pick(&["CITY", "ECOM_B2B", "ECOM_B2C", "CROSS_BORDER_RETAIL"]);
    let imports = rng.pick(&[None, Some((150, 900)), Some((400, 4_000))]);
    let days = rng.pick(&[0, 3, 9, 14]);
    // Seldom what an absent rule would free.
    let limits = text == "CROSS_BORDER_RETAIL" && rng.permille(800);
    let imports = imports.or(limits.then_some((400, 4_000)));
    let free = imports.is_some() && days == 0 && rng.permille(800);
    law(text, if free { 7 } else { days }, imports)
}

fn law(text: &str, days: u64, imports: Option<(u64, u64)>) -> DefineRegime {
    let rules = [
        (
            RuleKey::AllowedModels,
            RuleValue::Set(0b11 << 14 | 0b111 << 17),
        ),
        (RuleKey::CoolingOffDays, RuleValue::Number(days)),
        (RuleKey::CoolingOffExempt, RuleValue::Set(0b1_0010)),
        (RuleKey::QualifiedInvestorOnly, RuleValue::Flag(true)),
    ];
    let imports = imports.map(|(single, annual)| border::rules(single, annual));
    let rules = rules.into_iter().chain(imports.into_iter().flatten());
    let rules = rules.map(|(key, value)| Rule {
        key,
        value,
        basis: None,
    });
    DefineRegime {
        name: name(text),
        basis: title("某市办法(2021) 4"),
        rules: rules.collect(),
    }
}

/// The regimes of the first venue of a world: every fourth is under the city's alone.
pub fn regimes_of(seed: u64) -> Vec<Regime> {
    match seed % 4 {
        3 => vec![Regime::from_code(Regime::FIRST_DEFINED).expect("the city's")],
        _ => REGIMES[seed as usize % REGIMES.len()].to_vec(),
    }
}

/// The commands that build a world of shops.
pub fn opening(rng: &mut Rng, seed: u64) -> Vec<Command> {
    let real = rng.permille(400);
    let kind = if real {
        Demonstration::Real
    } else {
        Demonstration::Demonstration
    };
    // The first step lies a day before the rest, so what it defines is in force then.
    let mut list = vec![authorised(Body::DefineRegime(Box::new(city(seed))))];
    list.extend(world::parties().into_iter().map(internal));
    let regimes = &regimes_of(seed)[..];
    let dated = rng.permille(500);
    list.push(internal(Body::SetCalendar(Box::new(world::calendar(
        rng, 0,
    )))));
    for (text, regimes) in [("V0", regimes), ("V1", &[Regime::EcomB2b, Regime::EcomB2c])] {
        list.push(internal(Body::CreateVenue(Box::new(CreateVenue {
            regimes: regimes.to_vec(),
            demonstration: kind,
            licence: Some(title("a licence")),
            ..world::venue(text, &models(regimes), dated.then_some(0))
        }))));
    }
    let other = match kind {
        Demonstration::Real => Demonstration::Demonstration,
        Demonstration::Demonstration => Demonstration::Real,
    };
    let goods = |unit| AssetClass::Goods {
        unit: name(unit),
        decimals: 0,
    };
    let currency = AssetClass::Currency { decimals: 2 };
    for (text, class, demonstration) in [
        ("CNY", currency, kind),
        ("TEA", goods("box"), kind),
        ("SILK", goods("bolt"), kind),
        ("ODD", currency, other),
        ("JUNK", goods("t"), other),
    ] {
        list.push(internal(Body::CreateAsset(CreateAsset {
            name: name(text),
            class,
            demonstration,
        })));
    }
    let (bank, house) = (CustodianKind::Bank, CustodianKind::Warehouse);
    for (text, keeps, demonstration) in [
        ("BANK", bank, kind),
        ("W1", house, kind),
        ("W2", house, kind),
        ("ELSE", house, other),
    ] {
        list.push(internal(Body::CreateCustodian(CreateCustodian {
            name: name(text),
            kind: keeps,
            demonstration,
        })));
    }
    list.push(internal(Body::OpenSession(OpenSession {
        name: name("S0"),
        last_client_sequence: 0,
    })));
    fund(rng, &mut list, real);
    list
}

/// What everybody has at first; a real custodian's answer comes right after its instruction.
fn fund(rng: &mut Rng, list: &mut Vec<Command>, real: bool) {
    // The last one has nothing, so it can be closed.
    for account in 0..7 {
        let mut wanted = vec![(MONEY, BANK, rng.pick(&[900, 20_000, 90_000]))];
        if account < 4 {
            let at = rng.below(2);
            wanted.push((GOODS[at], WAREHOUSES[at], 400));
            wanted.push((GOODS[1 - at], WAREHOUSES[rng.below(2)], 90));
        }
        for (asset, custodian, units) in wanted {
            let place = list.len() as u64;
            list.push(internal(Body::Instruct(Instruct {
                account: AccountId::new(account),
                asset,
                custodian,
                direction: Direction::Deposit,
                amount: Amount::new(units).expect("small"),
            })));
            if real {
                list.push(authorised(Body::Acknowledge(Acknowledge {
                    instruction: Sequence::new(place),
                    outcome: Outcome::Executed,
                    reference: name(&format!("r{place}")),
                    business_date: world::FIRST_DAY + 40,
                })));
            }
        }
    }
}

/// Steps of contracts that are no sale of goods that are kept.
const UNLIKE: [&str; 5] = [
    "a gift received",
    "a gift given back",
    "a service done",
    "a service given back",
    "paid back by agreement",
];

fn unlike_a_sale(report: &sanjiang_engine::event::ContractReport) -> Option<Cell> {
    let (received, back) = (
        matches!(report.step, Step::Deliver | Step::PickUp),
        report.step == Step::TakeBack,
    );
    let at = match (report.amount == 0, report.goods_out) {
        (true, 1..) if received => 0,
        (true, ..=-1) if back => 1,
        (_, 0) if received => 2,
        (false, 0) if back && report.state == State::Refunded => 3,
        _ if back && report.penalty > 0 => 4,
        _ => return None,
    };
    Some(Cell::Money(UNLIKE[at]))
}

/// The contracts that live.
pub fn deals(world: &Reference) -> Vec<(super::baskets::Named, State, Disputed)> {
    let disputed = |yes| if yes { Disputed::Yes } else { Disputed::No };
    let deals = world.shops.deals.iter();
    deals
        .map(|deal| (deal.named(), deal.state, disputed(deal.disputed)))
        .collect()
}

/// Which default a step is, if one: of a seller who returns the deposit doubled, or of a buyer who
/// forfeits it. What a guarantee pays back is none.
fn default_of(
    from: Option<State>,
    report: &sanjiang_engine::event::ContractReport,
) -> Option<usize> {
    use State::{Covered, ReturnAsked, Returning};
    if report.state == State::Forfeited && report.refunded > 0 {
        return Some(3);
    }
    let received = matches!(from, Some(Covered | ReturnAsked | Returning));
    let mut steps = [Step::Cancel, Step::Deadline, Step::Resolve].into_iter();
    let by = steps.position(|step| step == report.step)?;
    (report.penalty > 0 && !received).then_some(by)
}

/// The name of a command about sales.
fn command_of(command: &SalesCommand) -> &'static str {
    match command {
        SalesCommand::SetPartyKind(_) => "kind",
        SalesCommand::DefineTerms(_) => "terms",
        SalesCommand::Offer(_) => "offer",
        SalesCommand::ChangeOffer(_) => "change",
        SalesCommand::PutStock(_) => "put",
        SalesCommand::TakeStock(_) => "take",
        SalesCommand::WithdrawOffer(_) => "withdraw",
        SalesCommand::Join(_) => "join",
        SalesCommand::BringValue(_) => "value",
        SalesCommand::RevealSeed(_) => "seed",
        SalesCommand::SetGrace(_) => "grace",
        SalesCommand::DefineDiscount(_) => "discount",
        SalesCommand::SetGuarantee(_) => "guarantee",
    }
}

impl Coverage {
    /// What a command and its events reached of sales.
    pub fn count_shop(
        &mut self,
        (before, terms): (Vec<(super::baskets::Named, State, Disputed)>, &[SaleTerms]),
        command: &Command,
        events: &[Event],
    ) {
        let mut known = before;
        self.count_baskets(command, events);
        for event in events {
            if let Event::Sale(SaleEvent::Offer(report)) = event {
                self.hit(Cell::Offer(report.act));
                if let Some(terms) = terms.get(report.terms.place()) {
                    self.hit(Cell::OfferOf(terms.model, report.act));
                    let queue = matches!(terms.plan, Plan::Flash(FlashMode::Queue { .. }));
                    if queue && report.act == OfferAct::Reserved {
                        self.hit(Cell::Money(QUEUES[2]));
                    }
                }
            }
            if let Event::Sale(SaleEvent::Lottery(report)) = event {
                let at = match report.fact {
                    LotteryFact::Value { .. } => 3,
                    LotteryFact::Seed { .. } => 4,
                    LotteryFact::Drawn { .. } => 5,
                };
                self.hit(Cell::Money(QUEUES[at]));
            }
            if let Event::Sale(SaleEvent::Ticket(ticket)) = event {
                let at = usize::from(ticket.number > 0);
                self.hit(Cell::Money(QUEUES[at]));
            }
            if let Event::Contract(ContractEvent::Refused(refused)) = event {
                self.hit(Cell::DealRefused(refused.step, refused.reject.reason));
                if let Some(cell) = border::above_order(refused) {
                    self.hit(cell);
                }
            }
            let Event::Contract(ContractEvent::Step(report)) = event else {
                continue;
            };
            let cells = [unlike_a_sale(report), border::full_tax(report)];
            cells.into_iter().flatten().for_each(|cell| self.hit(cell));
            let at = known.iter().position(|one| one.0 == named(report));
            let from = at.map(|at| known.remove(at));
            let from = from.map(|(_, state, disputed)| (state, disputed));
            if let Some(by) = default_of(from.map(|(state, _)| state), report) {
                self.hit(Cell::Money(DEFAULTS[by]));
            }
            self.hit(Cell::Deal(from, report.step, report.state));
            known.push((named(report), report.state, report.disputed));
        }
        if let Body::Acknowledge(_) = &command.body {
            self.count_payment(events);
        }
        let mut name = matches!(command.body, Body::SetAnnualUse(_)).then_some("use");
        if let Body::Sales(sales) = &command.body {
            name = Some(command_of(sales));
        }
        if let Some((name, reason)) = name.zip(events.iter().find_map(reject_of)) {
            self.hit(Cell::SaleRefused(name, reason));
        }
    }

    /// What became of money that a bank was asked for.
    fn count_payment(&mut self, events: &[Event]) {
        for event in events {
            if let Event::Custody(report) = event {
                let waits = report.status == CustodyStatus::Pending;
                if waits && report.direction == Direction::Withdrawal {
                    self.hit(Cell::Money(LATE));
                }
            }
        }
    }

    /// Prints the table of sales, and gives the cells that were not reached.
    pub fn shop_table(&self) -> Vec<Cell> {
        self.table_of(vec![
            ("steps of contracts", steps()),
            ("steps of contracts, refused", refused_steps()),
            (
                "what happens to offers",
                OfferAct::ALL.map(Cell::Offer).to_vec(),
            ),
            ("what happens to offers by their models", offers_by_model()),
            ("commands about sales, refused", refused_sales()),
            ("payments by banks", vec![Cell::Money(LATE)]),
            ("queues and lotteries", QUEUES.map(Cell::Money).to_vec()),
            ("imports", border::IMPORTS.map(Cell::Money).to_vec()),
            ("defaults", DEFAULTS.map(Cell::Money).to_vec()),
            ("discounts and baskets", super::baskets::cells()),
            (
                "guarantees",
                super::covers::COVERS.map(Cell::Money).to_vec(),
            ),
            (
                "what sellers owe",
                super::purses::OWINGS.map(Cell::Money).to_vec(),
            ),
            (
                "gifts, services, agreements",
                UNLIKE.map(Cell::Money).to_vec(),
            ),
        ])
    }
}
