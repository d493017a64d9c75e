//! Uses of annual limits beside their scenarios: how many are remembered, how ticks forget them,
//! snapshots with a byte changed.
//!
//! Invariant: as in `shops`. Not here: what counts (`market/scenarios`, `model`).

use crate::shop;
use sanjiang_engine::venue::{Model, Regime};

use super::*;

const DAY: i64 = 24 * HOUR;
/// 24:00 at UTC+8 of the last day of 1971.
const YEAR: i64 = 730 * DAY - 8 * HOUR;

fn at(nanoseconds: i64) -> Time {
    Time::new(nanoseconds).expect("in bounds")
}

/// A shop of imports beside the other one, an hour before the year ends; its offer.
fn imports(limits: Limits, buyers: u32) -> (Shop, OfferId) {
    let mut shop = Shop::new(limits, buyers);
    shop.time = at(YEAR - HOUR);
    shop.send(Body::CreateVenue(Box::new(CreateVenue {
        name: shop::name("imports"),
        title: Title::EMPTY,
        regimes: vec![Regime::CrossBorderRetail],
        models: vec![Model::FixedPrice],
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar: None,
    })));
    let terms = SaleTerms {
        venue: VenueId::new(1),
        ..shop::plain_terms(7)
    };
    shop.send(sales(SalesCommand::DefineTerms(terms)));
    let offer = shop.offer(5_000, None);
    (shop, offer)
}

/// What customs say of a demonstration's year.
fn report(owner: u32, year: u16, used: i64) -> Body {
    Body::SetAnnualUse(SetAnnualUse {
        owner: OwnerId::new(owner),
        year,
        used,
        demonstration: Demonstration::Demonstration,
    })
}

#[test]
fn a_tick_forgets_so_many_uses_and_leaves_the_rest_to_the_next() {
    let limits = Limits {
        annual_uses_max: 3_000,
        owners_max: 4_000,
        accounts_max: 4_000,
        ..small()
    };
    let (mut shop, _) = imports(limits, 0);
    for at in 1..3_000_u32 {
        let name = shop::name(&format!("o{at}"));
        shop.send(Body::CreateOwner(CreateOwner { name }));
        assert_eq!(shop.refusal(report(at, 1_971, 7)), None);
    }
    assert_eq!(shop.refusal(report(0, 1_971, 7)), None);
    let name = shop::name("one more");
    shop.send(Body::CreateOwner(CreateOwner { name }));
    let full = shop.refusal(report(3_000, 1_971, 7));
    assert_eq!(full, Some(RejectReason::TooMany));
    assert_eq!(shop.refusal(report(9, 1_971, 8)), None, "it has one");
    assert_eq!(shop.engine.next_deadline(), Some(at(YEAR)));
    shop.time = at(YEAR);
    for left in [3_000 - 1_024, 3_000 - 2_048, 0] {
        assert_eq!(shop.send(Body::Tick), []);
        assert_eq!(shop.engine.annual_uses(), left);
    }
    assert_eq!(shop.engine.next_deadline(), None);
    assert_eq!(shop.refusal(report(3_000, 1_972, 7)), None);
    let past = shop.refusal(report(3_000, 1_971, 7));
    assert_eq!(past, Some(RejectReason::InvalidField));
}

#[test]
fn a_snapshot_with_uses_of_two_years_goes_on_and_a_changed_one_is_refused_or_sound() {
    let (mut shop, offer) = imports(tiny(), 3);
    let old = shop.reserve(offer, 1);
    let cancelled = shop.reserve(offer, 2);
    shop.take(&cancelled, SELLER, Act::Cancel);
    assert_eq!(shop.refusal(report(2, 1_971, 300)), None);
    assert_eq!(shop.engine.annual_uses(), 2);
    shop.time = at(YEAR);
    shop.send(Body::Tick);
    assert_eq!(shop.engine.annual_uses(), 1, "one contract of it lives");
    let new = shop.reserve(offer, 1);
    assert_eq!(shop.refusal(report(3, 1_972, 1 << 52)), None);
    let used = |engine: &Engine, year| {
        let owner = OwnerId::new(1);
        engine.annual_use(owner, year, Demonstration::Demonstration)
    };
    let mut restored = shop.restored();
    let both = [1_971, 1_972].map(|year| used(&restored, year).sum());
    let value = old.amount - old.tax;
    assert_eq!(both, [value; 2]);
    flip_every_byte(&shop);
    std::mem::swap(&mut shop.engine, &mut restored);
    shop.take(&new, SELLER, Act::Cancel);
    shop.take(&old, SELLER, Act::Cancel);
    let both = [1_971, 1_972].map(|year| used(&shop.engine, year).sum());
    assert_eq!(both, [0; 2]);
    assert_eq!(shop.engine.annual_uses(), 2, "those of the year that runs");
    assert_eq!(shop.engine.audit(), Ok(()));
}
