//! Right requests about discounts and baskets, and what makes a field of each wrong.
//!
//! Invariant: as in `fields`. Not here: the directory they are read by.

use proto::v1;
use v1::discount::Off;

use super::fields::Case;
use super::shop::id;

pub fn money_off() -> v1::DefineDiscountRequest {
    v1::DefineDiscountRequest {
        client_order_id: id("d"),
        discount: Some(v1::Discount {
            account_id: id("A"),
            venue_id: id("S"),
            money_asset_id: id("CNY"),
            threshold: id("300.00"),
            off: Some(Off::Amount(id("30.00"))),
            closes: Some(prost_types::Timestamp::default()),
            uses: 1,
            ..v1::Discount::default()
        }),
        valid_until: None,
    }
}

fn off(request: &mut v1::DefineDiscountRequest) -> &mut v1::Discount {
    request.discount.as_mut().expect("a discount")
}

fn share(request: &mut v1::DefineDiscountRequest, bp: u32, at_most: &str) {
    let at_most = id(at_most);
    off(request).off = Some(Off::Share(v1::discount::Share { bp, at_most }));
}

pub const DISCOUNTS: &[Case<v1::DefineDiscountRequest>] = &[
    (|r| r.client_order_id.clear(), "client_order_id", "36"),
    (|r| r.discount = None, "discount", "required"),
    (
        |r| off(r).discount_id = id("7-0"),
        "discount",
        "leave them out",
    ),
    (|r| off(r).uses_left = 1, "discount", "leave them out"),
    (|r| off(r).uses = 0, "discount.uses", "1 to"),
    (
        |r| off(r).uses_per_owner = 2,
        "discount.uses_per_owner",
        "1 to uses",
    ),
    (
        |r| off(r).off = Some(Off::Amount(id("300.01"))),
        "discount.amount",
        "at most that",
    ),
    (|r| share(r, 10_001, ""), "discount.share.bp", "1 to 10,000"),
    (
        |r| off(r).opens = off(r).closes,
        "discount.closes",
        "after discount.opens",
    ),
    (
        |r| off(r).account_id.clear(),
        "discount.account_id",
        "existing account",
    ),
    (
        |r| off(r).venue_id.clear(),
        "discount.venue_id",
        "existing venue",
    ),
    (
        |r| off(r).money_asset_id.clear(),
        "discount.money_asset_id",
        "existing asset",
    ),
    (
        |r| off(r).threshold = id("1.001"),
        "discount.threshold",
        "2 digits",
    ),
    (|r| off(r).off = None, "discount.off", "amount and share"),
    (
        |r| off(r).off = Some(Off::Amount(id("x"))),
        "discount.amount",
        "no number",
    ),
    (|r| share(r, 65_536, ""), "discount.share.bp", "too large"),
    (
        |r| share(r, 100, "y"),
        "discount.share.at_most",
        "no number",
    ),
    (|r| off(r).closes = None, "discount.closes", "required"),
    (
        |r| off(r).code_hash = vec![1; 15],
        "discount.code_hash",
        "16 are required",
    ),
];

pub const BASKETS: &[Case<v1::ReserveBasketRequest>] = &[
    (|r| r.client_order_id.clear(), "client_order_id", "36"),
    (|r| r.account_id.clear(), "account_id", "existing account"),
    (|r| r.lines.clear(), "lines", "1 to 8 are right"),
    (
        |r| r.lines = vec![r.lines[0].clone(); 9],
        "lines",
        "has 9 entries",
    ),
    (
        |r| r.lines[1].offer_id.clear(),
        "lines[1].offer_id",
        "copy it",
    ),
    (
        |r| r.lines[0].pickup_hash = vec![1; 17],
        "lines[0].pickup_hash",
        "16 are required",
    ),
    (|r| r.discount_id = id("x"), "discount_id", "copy it"),
    (|r| r.code = vec![1; 3], "code", "has 3 bytes"),
    (
        |r| r.delivery_reference.clear(),
        "delivery_reference",
        "16 are required",
    ),
];

pub fn basket() -> v1::ReserveBasketRequest {
    let line = |offer: &str| v1::reserve_basket_request::Line {
        offer_id: id(offer),
        ..v1::reserve_basket_request::Line::default()
    };
    v1::ReserveBasketRequest {
        client_order_id: id("k"),
        account_id: id("A"),
        lines: vec![line("7-0"), line("8-1")],
        delivery_reference: vec![1; 16],
        ..v1::ReserveBasketRequest::default()
    }
}
