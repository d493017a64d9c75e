//! A world of shops: venues under the regimes of trade, goods in warehouses, firms and consumers;
//! and which cells of sections 20 and 21 a run reached.
//!
//! Invariant: as in `world` and `coverage`. Not here: what shops and buyers do (`trade`).

use sanjiang_engine::command::{
    Acknowledge, AssetClass, Authority, Body, Command, CreateAsset, CreateCustodian, CreateVenue,
    CustodianKind, DefineRegime, Demonstration, Direction, Instruct, OpenSession, Outcome, Rule,
    SalesCommand,
};
use sanjiang_engine::event::{
    ContractEvent, ContractStep as Step, CustodyStatus, Disputed, Event, OfferAct, SaleEvent, State,
};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason as R;
use sanjiang_engine::types::{
    AccountId, Amount, AssetId, CustodianId, Nanoseconds, PrincipalId, Sequence, Time,
};
use sanjiang_engine::venue::{Model, Regime, RuleKey, RuleValue};

use super::coverage::{Cell, Coverage};
use super::rng::Rng;
use super::said::reject_of;
use super::script::internal;
use super::world::{self, name, title};
use crate::reference::Reference;

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
        offers_max: rng.pick(&[2, 5, 9]),
        contracts_max: rng.pick(&[3, 8, 40]),
        campaigns_max: rng.pick(&[1, 4]),
        entries_max: rng.pick(&[2, 5]),
        buyers_max: rng.pick(&[1, 4, 30]),
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
    let later = if place == 0 { 0 } else { 16 * world::HOUR };
    world::begin(false).after(Nanoseconds(later))
}

/// A regime of fixed and tiered prices that protects consumers in a way of its own, or none.
fn city(seed: u64) -> DefineRegime {
    let days = [0, 3, 14][(seed / 4) as usize % 3];
    let rules = [
        (
            RuleKey::AllowedModels,
            RuleValue::Set(0b11 << 14 | 0b111 << 17),
        ),
        (RuleKey::CoolingOffDays, RuleValue::Number(days)),
        (RuleKey::CoolingOffExempt, RuleValue::Set(0b1_0010)),
        (RuleKey::QualifiedInvestorOnly, RuleValue::Flag(true)),
    ];
    let rules = rules.map(|(key, value)| Rule {
        key,
        value,
        basis: None,
    });
    DefineRegime {
        name: name("CITY"),
        basis: title("某市办法(2021) 4"),
        rules: rules.to_vec(),
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
    let by_data = [Regime::from_code(Regime::FIRST_DEFINED).expect("the city's")];
    let regimes = match seed % 4 {
        3 => &by_data,
        _ => REGIMES[seed as usize % REGIMES.len()],
    };
    for (text, regimes) in [("V0", regimes), ("V1", &[Regime::EcomB2b, Regime::EcomB2c])] {
        list.push(internal(Body::CreateVenue(Box::new(CreateVenue {
            regimes: regimes.to_vec(),
            demonstration: kind,
            licence: Some(title("a licence")),
            ..world::venue(text, &models(regimes), None)
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

/// The contracts that live.
pub fn deals(world: &Reference) -> Vec<(u64, State, Disputed)> {
    let disputed = |yes| if yes { Disputed::Yes } else { Disputed::No };
    let deals = world.shops.deals.iter();
    deals
        .map(|deal| (deal.id, deal.state, disputed(deal.disputed)))
        .collect()
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
    }
}

impl Coverage {
    /// What a command and its events reached of sales.
    pub fn count_shop(
        &mut self,
        (before, models): (Vec<(u64, State, Disputed)>, &[Model]),
        command: &Command,
        events: &[Event],
    ) {
        let mut known = before;
        for event in events {
            if let Event::Sale(SaleEvent::Offer(report)) = event {
                self.hit(Cell::Offer(report.act));
                if let Some(model) = models.get(report.terms.place()) {
                    self.hit(Cell::OfferOf(*model, report.act));
                }
            }
            if let Event::Contract(ContractEvent::Refused(refused)) = event {
                self.hit(Cell::DealRefused(refused.step, refused.reject.reason));
            }
            let Event::Contract(ContractEvent::Step(report)) = event else {
                continue;
            };
            let forfeited = report.state == State::Forfeited && report.refunded > 0;
            let mut steps = [Step::Cancel, Step::Deadline, Step::Resolve].into_iter();
            let by = steps.position(|step| step == report.step && report.penalty > 0);
            if let Some(by) = by.or(forfeited.then_some(3)) {
                self.hit(Cell::Money(DEFAULTS[by]));
            }
            let at = known.iter().position(|one| one.0 == report.contract);
            let from = at.map(|at| known.remove(at));
            let from = from.map(|(_, state, disputed)| (state, disputed));
            self.hit(Cell::Deal(from, report.step, report.state));
            known.push((report.contract, report.state, report.disputed));
        }
        if let Body::Acknowledge(_) = &command.body {
            self.count_payment(events);
        }
        if let Body::Sales(sales) = &command.body
            && let Some(reason) = events.iter().find_map(reject_of)
        {
            self.hit(Cell::SaleRefused(command_of(sales), reason));
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
            ("defaults", DEFAULTS.map(Cell::Money).to_vec()),
        ])
    }
}

/// Every row of the table of section 20.
fn steps() -> Vec<Cell> {
    use State::{
        Accepted, Cancelled, Defaulted, Delivered, Deposited, Expired, Forfeited, HandedOver,
        Joined, Paid, Refunded, Released, Rescinded, Resolved, ReturnAsked, Returning, Settled,
        Unpaid,
    };
    let mut cells = vec![
        Cell::Deal(None, Step::Reserve, Paid),
        Cell::Deal(None, Step::Reserve, Unpaid),
        Cell::Deal(None, Step::Reserve, Joined),
        Cell::Deal(None, Step::Reserve, Deposited),
    ];
    for (from, step, to) in [
        (Joined, Step::Cancel, Cancelled),
        (Joined, Step::Deadline, Paid),
        (Joined, Step::Deadline, Released),
        (Deposited, Step::Pay, Paid),
        (Deposited, Step::Cancel, Cancelled),
        (Deposited, Step::Deadline, Forfeited),
        (Unpaid, Step::Pay, Paid),
        (Unpaid, Step::PayIn, Unpaid),
        (Unpaid, Step::PaidIn, Paid),
        (Unpaid, Step::Cancel, Cancelled),
        (Unpaid, Step::Deadline, Expired),
        (Paid, Step::HandOver, HandedOver),
        (Paid, Step::Cancel, Cancelled),
        (Paid, Step::Deadline, Defaulted),
        (HandedOver, Step::Deliver, Delivered),
        (HandedOver, Step::PickUp, Delivered),
        (HandedOver, Step::Accept, Accepted),
        (HandedOver, Step::Accept, Settled),
        (Delivered, Step::Accept, Accepted),
        (Delivered, Step::Accept, Settled),
        (Delivered, Step::Deadline, Accepted),
        (Delivered, Step::Deadline, Settled),
        (Delivered, Step::AskReturn, ReturnAsked),
        (Accepted, Step::AskReturn, ReturnAsked),
        (Accepted, Step::Deadline, Settled),
        (ReturnAsked, Step::HandBack, Returning),
        (ReturnAsked, Step::TakeBack, Refunded),
        (ReturnAsked, Step::TakeBack, Settled),
        (ReturnAsked, Step::Deadline, Settled),
        (Returning, Step::TakeBack, Refunded),
        (Returning, Step::TakeBack, Settled),
        (Returning, Step::Deadline, Refunded),
        (Returning, Step::Deadline, Settled),
    ] {
        cells.push(Cell::Deal(Some((from, Disputed::No)), step, to));
    }
    cells.extend(put_off());
    for from in [
        Deposited,
        Paid,
        HandedOver,
        Delivered,
        Accepted,
        ReturnAsked,
        Returning,
    ] {
        let calm = Some((from, Disputed::No));
        cells.push(Cell::Deal(calm, Step::Dispute, from));
        let disputed = Some((from, Disputed::Yes));
        cells.push(Cell::Deal(disputed, Step::Resolve, Resolved));
        for stands in [calm, disputed] {
            cells.push(Cell::Deal(stands, Step::Rescind, from));
            cells.push(Cell::Deal(stands, Step::Rescind, Rescinded));
        }
    }
    cells
}

/// Every kind of deadline is put off by a gap in service.
fn put_off() -> impl Iterator<Item = Cell> {
    let timed = [
        State::Unpaid,
        State::Paid,
        State::Delivered,
        State::Accepted,
        State::ReturnAsked,
        State::Returning,
        State::Joined,
        State::Deposited,
    ];
    let cell = |from| Cell::Deal(Some((from, Disputed::No)), Step::PutOff, from);
    timed.into_iter().map(cell)
}

fn refused_steps() -> Vec<Cell> {
    let reserve = [
        R::UnknownAccount,
        R::ParticipantSuspended,
        R::AccountSuspended,
        R::AccountClosed,
        R::NotPermitted,
        R::KillSwitch,
        R::Halted,
        R::CancelOnly,
        R::NotQualified,
        R::PartyKind,
        R::UnknownOffer,
        R::StaleVersion,
        R::Deadline,
        R::SelfTrade,
        R::InvalidCombination,
        R::Quantity,
        R::MaxQuantity,
        R::MinQuantity,
        R::QuantityStep,
        R::OrderValue,
        R::BuyerLimit,
        R::OutOfStock,
        R::OpenContracts,
        R::SellerFunds,
        R::InsufficientFunds,
    ];
    let mut cells: Vec<Cell> = reserve
        .map(|one| Cell::DealRefused(Step::Reserve, one))
        .to_vec();
    let any = [
        R::UnknownContract,
        R::StaleVersion,
        R::WrongStep,
        R::NotYours,
    ];
    let acts = Step::ALL.into_iter();
    let none = [Step::Reserve, Step::PaidIn, Step::Deadline, Step::PutOff];
    for step in acts.filter(|step| !none.contains(step)) {
        for reason in any {
            // Both parties may, and the operator is told that it may not.
            cells.push(Cell::DealRefused(step, reason));
        }
    }
    for (step, reason) in [
        (Step::Pay, R::UnknownAccount),
        (Step::Pay, R::InsufficientFunds),
        (Step::Pay, R::Deadline),
        (Step::PayIn, R::UnknownCustodian),
        (Step::PayIn, R::InvalidField),
        (Step::PayIn, R::TooMany),
        (Step::Deliver, R::ApproverRequired),
        (Step::Deliver, R::CustodyDateClosed),
        (Step::PickUp, R::PickupCode),
        (Step::PickUp, R::CustodyDateClosed),
        (Step::Accept, R::CustodyDateClosed),
        (Step::AskReturn, R::Deadline),
        (Step::AskReturn, R::Quantity),
        (Step::AskReturn, R::MaxQuantity),
        (Step::TakeBack, R::CustodyDateClosed),
        (Step::Resolve, R::ApproverRequired),
        (Step::Resolve, R::InvalidField),
        (Step::Resolve, R::CustodyDateClosed),
    ] {
        cells.push(Cell::DealRefused(step, reason));
    }
    cells
}

/// What refuses who offers goods, and what else refuses an offer.
const OFFERING: [R; 14] = [
    R::UnknownAccount,
    R::ParticipantSuspended,
    R::AccountSuspended,
    R::AccountClosed,
    R::NotPermitted,
    R::KillSwitch,
    R::UnknownAsset,
    R::UnknownCustodian,
    R::UnknownTerms,
    R::Halted,
    R::CancelOnly,
    R::InvalidField,
    R::InsufficientGoods,
    R::TooMany,
];
const DEFINING: [R; 5] = [
    R::UnknownVenue,
    R::UnknownAsset,
    R::ModelNotAvailable,
    R::InvalidField,
    R::TooMany,
];
const CHANGING: [R; 9] = [
    R::UnknownAccount,
    R::NotPermitted,
    R::KillSwitch,
    R::UnknownOffer,
    R::StaleVersion,
    R::OfferFixed,
    R::Halted,
    R::CancelOnly,
    R::InvalidField,
];
const PUTTING: [R; 6] = [
    R::UnknownAccount,
    R::KillSwitch,
    R::UnknownOffer,
    R::Halted,
    R::InvalidField,
    R::InsufficientGoods,
];
const TAKING: [R; 4] = [
    R::UnknownAccount,
    R::UnknownOffer,
    R::InvalidField,
    R::OutOfStock,
];

/// All that can happen to offers of each model.
fn offers_by_model() -> Vec<Cell> {
    let models = [
        Model::FixedPrice,
        Model::TieredPrice,
        Model::FlashSale,
        Model::GroupBuy,
        Model::Presale,
    ];
    let mut cells = Vec::new();
    for model in models {
        let changes = matches!(model, Model::FixedPrice | Model::TieredPrice);
        let acts = OfferAct::ALL.into_iter();
        let closes = model == Model::GroupBuy;
        let acts = acts.filter(|act| {
            let closing = matches!(act, OfferAct::Closed | OfferAct::Void);
            (changes || *act != OfferAct::Changed) && (closes || !closing)
        });
        cells.extend(acts.map(|act| Cell::OfferOf(model, act)));
    }
    cells
}

fn refused_sales() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (name, reasons) in [
        ("kind", &[R::UnknownOwner][..]),
        ("terms", &DEFINING),
        ("offer", &OFFERING),
        ("change", &CHANGING),
        ("put", &PUTTING),
        ("take", &TAKING),
        (
            "withdraw",
            &[R::UnknownAccount, R::UnknownOffer, R::OfferFixed],
        ),
    ] {
        let refused = |reason: &R| Cell::SaleRefused(name, *reason);
        cells.extend(reasons.iter().map(refused));
    }
    cells
}
