//! Discounts and baskets in worlds of shops, and which cells of section 27 a run has to reach.
//!
//! Invariant: as in `generate` and `coverage`. Not here: single reserves (`trade`).

use sanjiang_engine::command::{
    Basket, Body, Command, Confirmed, ContractCommand, DefineDiscount, Delivery, Line, Off,
};
use sanjiang_engine::engine::BasketCost;
use sanjiang_engine::event::{
    ContractEvent, ContractReport, ContractStep as Step, DiscountAct, Event, SaleEvent, State,
};
use sanjiang_engine::reject::RejectReason as R;
use sanjiang_engine::types::{AccountId, AssetId, DiscountId, Nanoseconds, OfferId, Time, VenueId};

use super::coverage::{Cell, Coverage};
use super::rng::Rng;
use super::shop::MONEY;
use super::trade::{Places, some_offer};
use super::wares::{CODE, DAY, hash};
use super::world::{HOUR, SECOND};
use crate::reference::{Offering, Reference};

/// A contract: the sequence of its command and its line.
pub type Named = (u64, u32);

/// The name of a contract that a report is about, with the comparison's ids.
pub fn named(report: &ContractReport) -> Named {
    (report.contract, report.slots.contract)
}

/// What may be in a basket.
fn plain_offers(world: &Reference) -> Vec<&Offering> {
    let all = world.shops.offers.iter();
    all.filter(|one| world.joins_baskets(one)).collect()
}

/// A discount, mostly of a seller that has something for a basket.
pub fn discount(rng: &mut Rng, world: &Reference, time: Time) -> DefineDiscount {
    let plain = plain_offers(world);
    let some = (!plain.is_empty()).then(|| plain[rng.below(plain.len())]);
    let venue = some.map_or(VenueId::new(0), |one| world.shops.terms[one.terms].venue);
    let threshold = rng.pick(&[1, 1, 7, 100, 350]);
    let uses = rng.pick(&[1, 2, 3, 40]);
    let mut terms = DefineDiscount {
        account: some.map_or(AccountId::new(0), |one| one.seller),
        venue,
        money: MONEY,
        threshold,
        off: match rng.below(3) {
            0 => Off::Share {
                bp: rng.pick(&[1_500, 3_333, 10_000]),
                at_most: rng.pick(&[2, 40, 1 << 52]),
            },
            _ => Off::Amount(rng.range(1, threshold)),
        },
        opens: rng.weighted(&[(9, Time::ZERO), (1, time.after(Nanoseconds(60 * SECOND)))]),
        closes: time.after(Nanoseconds(rng.pick(&[70 * SECOND, 3 * HOUR, 2 * DAY]))),
        uses,
        per_owner: rng.range(1, i64::from(uses)) as u32,
        code: rng.permille(400).then(hash),
    };
    if rng.permille(250) {
        match rng.below(12) {
            0 => terms.account = AccountId::new(rng.pick(&[5, 7, 7, 99])),
            1 => terms.venue = VenueId::new(rng.pick(&[0, 1, 9])),
            2 => terms.money = AssetId::new(rng.pick(&[1, 3, 9])),
            3 => terms.threshold = rng.pick(&[0, (1 << 52) + 1]),
            4 => terms.off = Off::Amount(rng.pick(&[0, threshold + 1])),
            5 => terms.closes = rng.pick(&[time, terms.opens, time.after(Nanoseconds(367 * DAY))]),
            6 => terms.uses = rng.pick(&[0, (1 << 30) + 1]),
            7 => terms.per_owner = rng.pick(&[0, terms.uses + 1]),
            8 => {
                let (bp, at_most) = rng.pick(&[(0, 5), (10_001, 5), (1, 5), (9_000, 0)]);
                terms.off = Off::Share { bp, at_most };
            }
            9 => terms.money = AssetId::new(3),
            _ => terms.account = AccountId::new(rng.below(8) as u32),
        }
    }
    terms
}

/// The offers of one seller at one venue that can be taken together, one of them given.
fn beside<'a>(world: &'a Reference, first: &Offering) -> Vec<&'a Offering> {
    let venue = |one: &Offering| world.shops.terms[one.terms].venue;
    let joins = |one: &&Offering| {
        world.joins_baskets(one) && (one.seller, venue(one)) == (first.seller, venue(first))
    };
    world.shops.offers.iter().filter(joins).collect()
}

fn line(rng: &mut Rng, world: &Reference, places: Places<'_>, known: &Offering) -> Line {
    let terms = &world.shops.terms[known.terms];
    let picked = (terms.delivery == Delivery::PickUp) != rng.permille(10);
    let step = known.prices.step;
    let mut pieces = (known.prices.min + step * rng.below(3) as u32).min(known.prices.max);
    if rng.permille(40) {
        pieces = rng.pick(&[0, 1, 5, 16_000, 8_000, 3]);
    }
    let (sequence, slot) = (places(known.id) as u64, u32::from(rng.permille(5)));
    Line {
        offer: OfferId { sequence, slot },
        version: known.version + u32::from(rng.permille(10)),
        pieces,
        pickup: picked.then(hash),
        confirmed: rng.pick(&[Confirmed::No, Confirmed::Yes]),
    }
}

/// A basket, mostly of what can be taken together, often with a discount of its seller.
pub fn basket(rng: &mut Rng, world: &Reference, places: Places<'_>) -> Body {
    let plain = plain_offers(world);
    let promised = &world.shops.discounts;
    let promise = (!promised.is_empty()).then(|| promised[rng.below(promised.len())]);
    let promise = promise.filter(|_| rng.permille(700));
    let (_, any) = some_offer(rng, world, places);
    let mut first = (!plain.is_empty())
        .then(|| plain[rng.below(plain.len())])
        .or(any);
    let own = |one: &&&Offering| promise.is_some_and(|(_, terms)| terms.account == one.seller);
    if let Some(own) = plain.iter().find(own)
        && rng.permille(900)
    {
        first = Some(own);
    }
    let mut offers = first.map_or(Vec::new(), |first| beside(world, first));
    let most = rng.pick(&[1, 2, 3, 3, 8]);
    while offers.len() > most {
        offers.remove(rng.below(offers.len()));
    }
    offers.extend(any.filter(|_| offers.is_empty() || rng.permille(40)));
    let mut lines: Vec<_> = offers
        .iter()
        .map(|one| line(rng, world, places, one))
        .collect();
    if rng.permille(30) {
        let last = lines.last().copied();
        lines.extend(last);
    }
    if rng.permille(20) {
        lines.clear();
    }
    if rng.permille(10) && !lines.is_empty() {
        lines = vec![lines[0]; 9];
    }
    let mut account = AccountId::new(rng.below(8) as u32);
    let seller = first.map(|one| one.seller);
    if seller.is_some_and(|one| one.index() % 4 == account.index() % 4) && rng.permille(850) {
        account = AccountId::new((account.index() + 1) % 8);
    }
    if rng.permille(10) {
        account = AccountId::new(99);
    }
    let mut code = promise.and_then(|(_, terms)| terms.code).map(|_| CODE);
    if rng.permille(50) {
        code = rng.pick(&[None, Some(CODE), Some([9; 16])]);
    }
    let discount = promise.map(|(id, _)| DiscountId {
        sequence: places(id) as u64,
        slot: u32::from(rng.permille(5)),
    });
    Body::Contract(ContractCommand::Basket(Box::new(Basket {
        account,
        lines,
        discount,
        code,
        delivery_reference: [9; 16],
    })))
}

/// Whether a dry run said of each line what its contract then says, and of nothing else.
pub fn is_quoted(quote: Option<&BasketCost>, events: &[Event]) -> Result<(), String> {
    let mut lines = quote.into_iter().flat_map(BasketCost::lines);
    for event in events {
        let Event::Contract(ContractEvent::Step(report)) = event else {
            continue;
        };
        if report.step != Step::Basket {
            continue;
        }
        let line = lines.next();
        let said = line.map(|one| [one.price, one.amount, one.discount(), one.tax, one.to_pay]);
        let (amount, off) = (report.amount, report.discount());
        let told = [report.price, amount, off, report.tax, report.money_held];
        if said != Some(told) || line.map(|one| one.pieces) != Some(report.pieces) {
            return Err(format!("a line was quoted {line:?} and is {report:?}"));
        }
    }
    match lines.next() {
        Some(line) => Err(format!("{line:?} was quoted and not formed")),
        None => Ok(()),
    }
}

/// What happens to baskets and discounts.
const HAPPENS: [&str; 9] = [
    "a discount defined",
    "a discount used",
    "a discount ended",
    "a basket without a discount",
    "several lines with a discount",
    "a step of a later line",
    "all of a line with a discount given back",
    "a part of a line with a discount given back",
    "a later line above a limit of imports",
];

/// What refuses a line of a basket.
const OF_A_LINE: [R; 22] = [
    R::AccountSuspended,
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
    R::BasketLines,
    R::BuyerLimit,
    R::AnnualLimit,
    R::OutOfStock,
    R::OpenContracts,
];

/// What refuses a basket as a whole.
const OF_ALL: [R; 9] = [
    R::UnknownAccount,
    R::InvalidField,
    R::UnknownDiscount,
    R::Deadline,
    R::CouponCode,
    R::BelowThreshold,
    R::DiscountUsed,
    R::OpenContracts,
    R::InsufficientFunds,
];

/// The cells of section 27.
pub fn cells() -> Vec<Cell> {
    let mut cells = HAPPENS.map(Cell::Money).to_vec();
    cells.extend(OF_A_LINE.map(|one| Cell::BasketRefused(true, one)));
    cells.extend(OF_ALL.map(|one| Cell::BasketRefused(false, one)));
    cells
}

impl Coverage {
    /// What a command and its events reached of discounts and baskets.
    pub fn count_baskets(&mut self, command: &Command, events: &[Event]) {
        let reports = events.iter().filter_map(|event| {
            let Event::Contract(ContractEvent::Step(report)) = event else {
                return None;
            };
            Some(report)
        });
        let basket = matches!(&command.body, Body::Contract(ContractCommand::Basket(_)));
        let (mut lines, mut off) = (0, 0);
        for report in reports {
            if report.step == Step::Basket {
                lines += 1;
                off += report.discount();
            } else if report.slots.contract > 0 {
                self.hit(Cell::Money(HAPPENS[5]));
            }
            if report.step == Step::TakeBack && report.discount() > 0 {
                let all = report.state == State::Refunded;
                self.hit(Cell::Money(HAPPENS[if all { 6 } else { 7 }]));
            }
        }
        if basket && lines > 1 && off > 0 {
            self.hit(Cell::Money(HAPPENS[4]));
        }
        if basket && lines > 0 && off == 0 {
            self.hit(Cell::Money(HAPPENS[3]));
        }
        for event in events {
            if let Event::Sale(SaleEvent::Discount(report)) = event {
                let at = match report.act {
                    DiscountAct::Defined => 0,
                    DiscountAct::Used => 1,
                    DiscountAct::Ended => 2,
                };
                self.hit(Cell::Money(HAPPENS[at]));
            }
            if let Event::Contract(ContractEvent::Refused(refused)) = event
                && basket
            {
                let reason = refused.reject.reason;
                self.hit(Cell::BasketRefused(refused.line.is_some(), reason));
                if refused.line > Some(0) && reason == R::AnnualLimit {
                    self.hit(Cell::Money(HAPPENS[8]));
                }
            }
        }
    }
}
