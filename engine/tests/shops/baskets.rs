//! Discounts and baskets beside their scenarios: bounds, ticks, snapshots, the law as data.
//!
//! Invariant: as in `shops`. Not here: the rules (`market/scenarios/discounts.txt`).

use crate::shop;
use sanjiang_engine::event::{DiscountAct, DiscountReport};
use sanjiang_engine::reject::{Basis, Reject};
use sanjiang_engine::venue::{Model, Regime, RuleKey, RuleValue};

use super::*;

/// So much off from 100 on, for all, until the end of tomorrow.
fn money_off(shop: &Shop, uses: u32, off: Off) -> DefineDiscount {
    DefineDiscount {
        account: SELLER,
        venue: VenueId::new(0),
        money: shop::MONEY,
        threshold: 100,
        off,
        opens: Time::ZERO,
        closes: shop.time.after(Nanoseconds(24 * HOUR)),
        uses,
        per_owner: uses,
        code: None,
    }
}

fn define(terms: DefineDiscount) -> Body {
    sales(SalesCommand::DefineDiscount(terms))
}

fn said(events: &[Event]) -> Option<DiscountReport> {
    events.iter().find_map(|event| {
        if let Event::Sale(SaleEvent::Discount(report)) = event {
            return Some(*report);
        }
        None
    })
}

fn basket(buyer: u32, offers: &[OfferId], discount: Option<DiscountId>) -> Body {
    let line = |offer: &OfferId| Line {
        offer: *offer,
        version: 1,
        pieces: 1,
        pickup: None,
        confirmed: Confirmed::No,
    };
    Body::Contract(ContractCommand::Basket(Box::new(Basket {
        account: AccountId::new(buyer),
        lines: offers.iter().map(line).collect(),
        discount,
        code: None,
        delivery_reference: [1; 16],
    })))
}

impl Shop {
    fn discount(&mut self, terms: DefineDiscount) -> DiscountId {
        let events = self.send(define(terms));
        said(&events).expect("it is defined").discount
    }

    /// Ticks until nothing is due; how many, and what they said of discounts.
    fn ticks(&mut self) -> (usize, Vec<DiscountReport>) {
        let (mut count, mut found) = (0, Vec::new());
        while self
            .engine
            .next_deadline()
            .is_some_and(|due| due <= self.time)
        {
            let events = self.send(Body::Tick);
            found.extend(said(&events));
            count += 1;
            assert_eq!(self.engine.audit(), Ok(()));
        }
        (count, found)
    }
}

fn tiny_discounts() -> Limits {
    Limits {
        discounts_max: 2,
        discounts_per_seller_max: 2,
        discount_uses_max: 4,
        ..tiny()
    }
}

#[test]
fn no_more_discounts_than_the_bound_and_an_ended_one_makes_room() {
    let mut shop = Shop::new(tiny_discounts(), 1);
    let terms = money_off(&shop, 3, Off::Amount(10));
    let longer = DefineDiscount {
        closes: terms.closes.after(Nanoseconds(HOUR)),
        ..terms
    };
    let first = shop.discount(terms);
    shop.discount(longer);
    assert_eq!(shop.refusal(define(terms)), Some(RejectReason::TooMany));
    shop.time = terms.closes;
    let (ticks, told) = shop.ticks();
    assert_eq!((ticks, told.len(), told[0].discount), (1, 1, first));
    assert_eq!((told[0].act, told[0].left), (DiscountAct::Ended, 3));
    let again = shop.discount(DefineDiscount {
        closes: terms.closes.after(Nanoseconds(2 * HOUR)),
        ..terms
    });
    assert_eq!(again.slot, first.slot, "the row freed last");
    assert!(
        shop.engine.sales().discount(first).is_none(),
        "its id is not"
    );
    shop.restored();
}

#[test]
fn who_used_a_discount_is_forgotten_in_parts_once_it_has_ended() {
    const USERS: u32 = 1_500;
    let limits = Limits {
        discount_uses_max: USERS,
        ..small()
    };
    let mut shop = Shop::new(limits, USERS + 1);
    shop.send(terms(7));
    let offer = shop.offer(10_000, None);
    let terms = DefineDiscount {
        per_owner: 2,
        ..money_off(&shop, 10_000, Off::Amount(10))
    };
    let discount = shop.discount(terms);
    for buyer in 1..=USERS {
        let refused = shop.refusal(basket(buyer, &[offer], Some(discount)));
        assert_eq!(refused, None, "{buyer}");
    }
    let one_more = basket(USERS + 1, &[offer], Some(discount));
    let full = Some(RejectReason::OpenContracts);
    assert_eq!(
        shop.refusal(one_more.clone()),
        full,
        "nobody else is remembered"
    );
    let known = basket(1, &[offer], Some(discount));
    assert_eq!(
        shop.refusal(known),
        None,
        "who is remembered may use it again"
    );
    shop.time = terms.closes.after(Nanoseconds(1));
    shop.restored();
    // A tick of its own would end 256 contracts too: these were to be handed over within a day.
    let before = shop.engine.contracts().live();
    let (ticks, told) = shop.ticks();
    assert_eq!(told.len(), 1);
    assert_eq!(
        shop.engine.contracts().live(),
        0,
        "{before} were not handed over"
    );
    // 1,501 deadlines count four times, 1,500 users and the end once.
    assert_eq!(ticks, (4 * 1_501 + 1_500 + 1_usize).div_ceil(1_024));
    let terms = DefineDiscount {
        closes: shop.time.after(Nanoseconds(HOUR)),
        ..terms
    };
    let next = shop.discount(terms);
    let next = basket(USERS + 1, &[offer], Some(next));
    assert_eq!(shop.refusal(next), None, "there is room again");
}

#[test]
fn a_snapshot_of_baskets_with_a_byte_changed_is_refused_or_sound() {
    let mut shop = Shop::new(tiny_discounts(), 3);
    shop.send(terms(7));
    let offers = [shop.offer(9, Some(5)), shop.offer(9, None)];
    let coupon = DefineDiscount {
        code: Some([5; 16]),
        ..money_off(
            &shop,
            2,
            Off::Share {
                bp: 3_333,
                at_most: 1 << 40,
            },
        )
    };
    let soon = DefineDiscount {
        closes: shop.time.after(Nanoseconds(HOUR)),
        ..money_off(&shop, 5, Off::Amount(33))
    };
    let first = shop.discount(soon);
    shop.discount(coupon);
    for buyer in [1, 2, 2] {
        let taken = shop.send(basket(buyer, &offers, Some(first)));
        assert!(step_of(&taken).is_some(), "{taken:?}");
    }
    shop.time = soon.closes;
    shop.ticks();
    // A last one is used and lives, another is free.
    let other = shop.discount(DefineDiscount {
        closes: coupon.closes,
        ..soon
    });
    let taken = shop.send(basket(3, &offers, Some(other)));
    let mut report = step_of(&taken).expect("it is formed");
    report = shop.take(&report, SELLER, Act::HandOver { reference: [0; 16] });
    shop.take(&report, SELLER, Act::Deliver { reference: [0; 16] });
    flip_every_byte(&shop);
}

/// A snapshot whose contract paid more than its pieces cost, or less without a discount's right.
#[test]
fn a_contract_that_paid_another_amount_than_it_could_is_refused() {
    let mut shop = Shop::new(tiny_discounts(), 1);
    let later = SaleTerms {
        funding: Funding::PayLater {
            within: Nanoseconds(HOUR),
        },
        ..shop::plain_terms(7)
    };
    shop.send(sales(SalesCommand::DefineTerms(later)));
    let offer = shop.offer(9, None);
    shop.reserve(offer, 1);
    let sections = shop.engine.encode_sections();
    let place = sections
        .iter()
        .position(|(id, _)| *id == SectionId::Contracts);
    let place = place.expect("it is there");
    // Price, amount, tax and to pay of 100, 100, 12 and 100 in zigzag, one byte more each.
    let bytes = &sections[place].1;
    let figures = [200, 1, 200, 1, 24, 200, 1];
    let at = bytes.windows(7).position(|some| some == figures);
    let at = at.expect("a contract of 100") + 2;
    let mut forged = sections.clone();
    // 96 of 100 is 11 of tax: right sums of what nobody could have agreed.
    forged[place].1[at..at + 5].copy_from_slice(&[192, 1, 22, 192, 1]);
    let read = Engine::decode_sections(*shop.engine.limits(), &forged);
    assert!(read.is_err(), "who pays later has no discount");
    assert!(Engine::decode_sections(*shop.engine.limits(), &sections).is_ok());
}

/// A city whose law knows tiered prices, and fixed ones or not.
fn city(models: &[Model]) -> DefineRegime {
    let bits = models
        .iter()
        .fold(0, |bits, model| bits | 1 << (*model as u32 - 1));
    DefineRegime {
        name: shop::name("CITY"),
        basis: Title::new("某市办法(2021) 4").expect("short"),
        rules: vec![Rule {
            key: RuleKey::AllowedModels,
            value: RuleValue::Set(bits),
            basis: None,
        }],
    }
}

fn not_allowed(shop: &mut Shop, body: Body) -> (Option<Reject>, Option<u8>) {
    let events = shop.send(body);
    let found = events.iter().find_map(|event| {
        if let Event::Operation(report) = event {
            return Some((report.reject, None));
        }
        let Event::Contract(ContractEvent::Refused(refused)) = event else {
            return None;
        };
        Some((Some(refused.reject), refused.line))
    });
    found.expect("it is answered")
}

/// Discounts are lawful where FIXED_PRICE is, also by data: of the regime each line is under.
#[test]
fn where_a_regime_has_no_fixed_prices_a_discount_is_refused_with_its_text() {
    let mut shop = Shop::new(tiny_discounts(), 2);
    shop.send(Body::DefineRegime(Box::new(city(&[Model::TieredPrice]))));
    shop.time = shop.time.after(Nanoseconds(24 * HOUR));
    let city = Regime::from_code(Regime::FIRST_DEFINED).expect("the city's");
    let basis = Basis::Defined {
        regime: city,
        key: RuleKey::AllowedModels,
    };
    let refused = Some(Reject {
        reason: RejectReason::ModelNotAllowed,
        basis: Some(basis),
    });
    for (name, regimes) in [("tiers", vec![city]), ("both", vec![city, Regime::EcomB2c])] {
        let made = shop.send(Body::CreateVenue(Box::new(CreateVenue {
            name: shop::name(name),
            title: Title::EMPTY,
            regimes,
            models: vec![Model::TieredPrice],
            demonstration: Demonstration::Demonstration,
            licence: None,
            calendar: None,
        })));
        assert!(shop.engine.audit().is_ok(), "{made:?}");
    }
    let at = |shop: &Shop, venue| DefineDiscount {
        venue: VenueId::new(venue),
        ..money_off(shop, 5, Off::Amount(10))
    };
    let alone = define(at(&shop, 1));
    assert_eq!(not_allowed(&mut shop, alone), (refused, None));
    // Beside the law of consumers one may be defined; tiered prices are under the city's alone.
    let terms = at(&shop, 2);
    let discount = shop.discount(terms);
    let tiered = SaleTerms {
        venue: VenueId::new(2),
        model: Model::TieredPrice,
        ..shop::plain_terms(7)
    };
    shop.send(sales(SalesCommand::DefineTerms(tiered)));
    let offers = [shop.offer(9, None), shop.offer(9, None)];
    let taken = basket(1, &offers, Some(discount));
    assert_eq!(not_allowed(&mut shop, taken), (refused, Some(0)));
    let plain = shop.send(basket(1, &offers, None));
    assert!(
        step_of(&plain).is_some(),
        "without one it is lawful: {plain:?}"
    );
}
