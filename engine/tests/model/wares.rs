//! What shops offer: terms, prices, goods; mostly right, sometimes wrong in one place.
//!
//! Invariant: as in `generate`. Not here: who takes it (`trade`).

use sanjiang_engine::command::{
    Course, Covered, Delivery, Exemption, FlashMode, Funding, MakeOffer, Plan, Prices, SaleTerms,
    TaxBasis, Tier,
};
use sanjiang_engine::types::{
    AccountId, AssetId, CustodianId, Nanoseconds, TermsId, Time, VenueId,
};
use sanjiang_engine::venue::Model;

use sha2::{Digest, Sha256};

use super::rng::Rng;
use super::shop::{GOODS, MONEY, WAREHOUSES};
use super::world::{HOUR, SECOND};
use crate::reference::{Offering, Reference};

/// The seed of every lottery.
pub const SEED: [u8; 32] = [7; 32];

/// The code of every pickup and coupon, and what it hashes to.
pub const CODE: [u8; 16] = [3; 16];

pub fn hash() -> [u8; 16] {
    let hash = *blake3::hash(&CODE).as_bytes();
    hash[..16].try_into().expect("half of it")
}

pub const DAY: i64 = 24 * HOUR;

/// What a model has of its own.
fn own_terms(rng: &mut Rng, terms: &mut SaleTerms) {
    if terms.model == Model::FlashSale {
        let queue = FlashMode::Queue {
            per_second: rng.pick(&[1, 2]),
            valid_for: Nanoseconds(rng.pick(&[SECOND, 60 * SECOND, HOUR])),
        };
        let lottery = FlashMode::Lottery;
        let mode = rng.pick(&[FlashMode::Race, queue, queue, lottery, lottery]);
        if mode == lottery && rng.permille(950) {
            terms.funding = Funding::Prefunded;
        }
        terms.plan = Plan::Flash(mode);
    }
    if terms.model == Model::GroupBuy {
        (terms.plan, terms.funding) = (Plan::Group, Funding::Prefunded);
    }
    if terms.model == Model::Presale {
        let deposit_bp = rng.pick(&[1_000, 3_000, 9_999]);
        (terms.plan, terms.funding) = (Plan::Presale { deposit_bp }, Funding::Prefunded);
    }
}

pub fn terms(rng: &mut Rng) -> SaleTerms {
    let minute = Nanoseconds(60 * SECOND);
    let long = Nanoseconds(2 * DAY);
    let mut terms = SaleTerms {
        venue: VenueId::new(rng.pick(&[0, 0, 1])),
        model: rng.pick(&[
            Model::FixedPrice,
            Model::FixedPrice,
            Model::TieredPrice,
            Model::FlashSale,
            Model::GroupBuy,
            Model::Presale,
        ]),
        plan: Plan::Plain,
        funding: rng.pick(&[
            Funding::Prefunded,
            Funding::PayLater { within: minute },
            Funding::PayLater { within: long },
        ]),
        money: MONEY,
        tax_basis: rng.pick(&[TaxBasis::VatIn, TaxBasis::VatOut]),
        tax_bp: rng.pick(&[0, 600, 1_300, 10_000]),
        fee_ppm: rng.pick(&[0, 6_000, 33_333, 100_000]),
        hand_over_within: rng.pick(&[minute, long]),
        inspect_within: rng.pick(&[minute, long, Nanoseconds(20 * DAY)]),
        return_days: rng.pick(&[0, 1, 7, 7, 7, 30]),
        agreed_days: rng.pick(&[0, 1, 8, 40, 40, 1_096]),
        exemption: rng.pick(&[
            None,
            None,
            Some(Exemption::Fresh),
            Some(Exemption::ConfirmedUnsuitable),
        ]),
        delivery: rng.pick(&[Delivery::Ship, Delivery::PickUp]),
        covered: rng.pick(&[Covered::No, Covered::Yes]),
        document: [7; 32],
    };
    let plain = matches!(terms.model, Model::FixedPrice | Model::TieredPrice);
    if plain && rng.permille(400) {
        terms.funding = Funding::Prefunded;
    }
    own_terms(rng, &mut terms);
    if rng.permille(200) {
        match rng.below(11) {
            9 => terms.plan = rng.pick(&[Plan::Presale { deposit_bp: 0 }, Plan::Group]),
            0 => terms.venue = VenueId::new(9),
            1 => terms.money = AssetId::new(rng.pick(&[1, 3, 9])),
            2 => terms.model = rng.pick(&[Model::FlashSale, Model::TieredPrice, Model::Clob]),
            3 => terms.tax_bp = 10_001,
            4 => terms.fee_ppm = 100_001,
            5 => terms.hand_over_within = Nanoseconds(rng.pick(&[0, 367 * DAY])),
            6 => terms.inspect_within = Nanoseconds(60 * SECOND - 1),
            7 if rng.permille(500) => terms.return_days = 31,
            7 => terms.agreed_days = 1_097,
            8 => {
                let within = Nanoseconds(rng.pick(&[SECOND - 1, 31 * DAY + 1]));
                terms.funding = Funding::PayLater { within };
            }
            _ => (terms.return_days, terms.exemption) = (rng.pick(&[0, 6]), None),
        }
    }
    terms
}

pub fn prices(rng: &mut Rng, model: Option<Model>, time: Time) -> Prices {
    let at = |from, price| Tier { from, price };
    let mut tiers = vec![at(1, rng.pick(&[1, 7, 100, 333, 1 << 40]))];
    let tiered = matches!(model, Some(Model::TieredPrice | Model::GroupBuy));
    if tiered && rng.permille(700) {
        // One entry of two is a group's second tier.
        let group = model == Some(Model::GroupBuy);
        tiers.push(at(if group { 2 } else { 3 }, 90));
        tiers.push(at(rng.pick(&[4, 6]), 55));
    }
    let step = rng.pick(&[1, 1, 2]);
    let mut prices = Prices {
        tiers,
        step,
        min: step * rng.pick(&[1, 1, 2]),
        max: step * rng.pick(&[3, 6, 8_000]),
        limit: rng.pick(&[None, Some(4), Some(9)]),
        opens: rng.weighted(&[(9, Time::ZERO), (1, time.after(Nanoseconds(60 * SECOND)))]),
        closes: rng.weighted(&[(6, None), (1, Some(time.after(Nanoseconds(3 * HOUR))))]),
    };
    if model == Some(Model::GroupBuy) {
        prices.tiers[0].price = rng.pick(&[100, 333]);
        prices.closes = Some(time.after(Nanoseconds(rng.pick(&[70 * SECOND, 3 * HOUR]))));
    }
    if model == Some(Model::Presale) {
        prices.closes = Some(time.after(Nanoseconds(rng.pick(&[70 * SECOND, 3 * HOUR]))));
    }
    if model == Some(Model::FlashSale) {
        prices.limit = rng.pick(&[Some(2), Some(4), Some(9)]);
        prices.closes = Some(time.after(Nanoseconds(rng.pick(&[70 * SECOND, 3 * HOUR]))));
        (prices.step, prices.min) = (1, 1);
        prices.opens = time.after(Nanoseconds(rng.pick(&[0, 0, SECOND / 2, 20 * SECOND])));
    }
    if model == Some(Model::FixedPrice) && rng.permille(150) {
        prices.tiers[0].price = 0;
    }
    if rng.permille(80) {
        match rng.below(8) {
            6 => prices.closes = rng.pick(&[None, Some(prices.opens.after(Nanoseconds(40 * DAY)))]),
            0 => prices.tiers.clear(),
            1 => prices.tiers = (1..=9).map(|from| at(from, 5)).collect(),
            2 => prices.tiers[0] = at(2, 5),
            3 => prices.tiers[0].price = rng.pick(&[0, (1 << 40) + 1]),
            4 => prices.step = 0,
            5 => prices.limit = Some(0),
            _ => prices.closes = Some(prices.opens),
        }
    }
    prices
}

fn course(rng: &mut Rng, model: Option<Model>, prices: &Prices) -> Course {
    let quorum = rng.pick(&[1, 2, 2, 3, 6, 9, 40, 0]);
    let closes = prices.closes.unwrap_or(prices.opens);
    let pay_from = closes.after(Nanoseconds(rng.pick(&[0, 0, 60 * SECOND])));
    let window = Nanoseconds(rng.pick(&[70 * SECOND, 2 * DAY, 2 * DAY]));
    let presale = Course::Presale {
        pay_from,
        pay_until: pay_from.after(window),
    };
    if rng.permille(30) {
        return rng.pick(&[Course::Plain, presale, Course::Group { quorum }]);
    }
    match model {
        Some(Model::GroupBuy) => Course::Group { quorum },
        Some(Model::Presale) => presale,
        _ => Course::Plain,
    }
}

pub fn offer(rng: &mut Rng, world: &Reference, time: Time) -> MakeOffer {
    let known = world.shops.terms.len().max(1);
    let mut terms = rng.below(known);
    let mut seller = AccountId::new(rng.below(4) as u32);
    // Beside an offer that may be in a basket another one stands often.
    let plain = |offer: &&Offering| world.joins_baskets(offer);
    if let Some(beside) = world.shops.offers.iter().find(plain)
        && rng.permille(400)
    {
        (terms, seller) = (beside.terms, beside.seller);
    }
    let at = rng.below(2);
    let model = world.shops.terms.get(terms).map(|terms| terms.model);
    let mut prices = prices(rng, model, time);
    let plan = world.shops.terms.get(terms).map(|terms| terms.plan);
    let drawn = plan == Some(Plan::Flash(FlashMode::Lottery)) && rng.permille(970);
    if drawn {
        prices.max = rng.pick(&[1, 1, 2]);
        (prices.step, prices.min, prices.limit) = (1, prices.max, Some(prices.max));
        (prices.opens, prices.closes) = (time, Some(time.after(Nanoseconds(70 * SECOND))));
    }
    let mut course = course(rng, model, &prices);
    if drawn && rng.permille(970) {
        let closes = prices.closes.unwrap_or(prices.opens);
        let span = Nanoseconds(rng.pick(&[0, 70 * SECOND, DAY, DAY, DAY, 2 * DAY]));
        let draw_by = closes.after(span);
        let commitment = Sha256::digest(SEED).into();
        course = Course::Lottery {
            commitment,
            draw_by,
        };
    }
    let mut make = MakeOffer {
        terms: TermsId::new(terms as u32),
        account: seller,
        goods: GOODS[at],
        warehouse: WAREHOUSES[rng.weighted(&[(9, at), (1, 1 - at)])],
        piece_units: rng.pick(&[1, 1, 3]),
        course,
        prices,
        stock: if drawn {
            rng.pick(&[0, 1, 2, 2, 5])
        } else {
            rng.pick(&[0, 5, 12, 60])
        },
    };
    let serves = matches!(model, Some(Model::FixedPrice | Model::TieredPrice));
    if serves && rng.permille(150) {
        make.piece_units = 0;
    }
    if rng.permille(120) {
        match rng.below(7) {
            0 => make.terms = TermsId::new(99),
            1 => make.account = AccountId::new(rng.pick(&[5, 7, 7, 99])),
            2 => make.goods = AssetId::new(rng.pick(&[0, 4, 99])),
            3 => make.warehouse = CustodianId::new(rng.pick(&[0, 3, 99])),
            4 => make.piece_units = rng.pick(&[0, 1 << 41]),
            _ => make.stock = rng.pick(&[90_000, 1 << 30, u32::MAX]),
        }
    }
    make
}
