//! Carts: the discounts that a seller has now, and what a buyer puts into a basket under one.
//!
//! Invariant: of each sort one discount at most is being defined or used; its code follows from its
//! client's id. Some carts are asked for that must be refused: a wrong code, the same offer twice,
//! what is paid later, a cart below its threshold. Not here: whether what came of them is right
//! (`baskets`).

use std::time::Duration;

use proto::v1::{
    DefineDiscountRequest, DefineDiscountResponse, Discount, ReserveBasketRequest,
    discount::{Off, Share},
    reserve_basket_request::Line,
};

use super::{
    Kind,
    board::{Board, OnOffer, TAKEN_MAX},
    found::{SELLER, Shops},
    from_now, now_ns, ns,
    steps::REFERENCE,
};
use crate::workload::rng::Rng;

/// The sorts of discounts that a seller has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    /// 满减: so much off, for all.
    Cash,
    /// A coupon: a share off, for who has its code.
    Coupon,
}

impl Sort {
    /// Both.
    const ALL: [Self; 2] = [Self::Cash, Self::Coupon];

    /// How long one is open.
    const fn open(self) -> Duration {
        match self {
            Self::Cash => Duration::from_millis(1_500),
            Self::Coupon => Duration::from_secs(20),
        }
    }

    /// How often it is used at most, and by one owner.
    const fn uses(self) -> (u32, u32) {
        match self {
            Self::Cash => (7, 3),
            Self::Coupon => (4, 2),
        }
    }
}

/// Carts that try a discount, beyond its uses, before the next one takes its place.
const TRIES_MORE: u32 = 3;
/// One cart in so many has a wrong code.
const WRONG_ONE_IN: u64 = 8;
/// One cart in so many asks for no discount.
const PLAIN_ONE_IN: u64 = 5;
/// Of a hundred carts, so many have an offer of each kind.
const IN_CART_PERCENT: [(Kind, u64); 4] = [
    (Kind::Fixed, 85),
    (Kind::Covered, 85),
    (Kind::Tiered, 30),
    (Kind::Bank, 4),
];
/// One cart in so many has its first offer twice.
const TWICE_ONE_IN: u64 = 25;

/// A discount that can be used.
#[derive(Clone, Debug)]
struct InUse {
    id: String,
    code: Vec<u8>,
    closes_ns: i64,
    tries: u32,
}

/// The discounts of a seller, seen by all clerks.
#[derive(Default, Debug)]
pub struct Discounts {
    current: [Option<InUse>; Sort::ALL.len()],
    making: [bool; Sort::ALL.len()],
}

impl Discounts {
    /// A sort that somebody has to define now, which the caller does.
    pub fn take_due(&mut self) -> Option<Sort> {
        let now = now_ns();
        let due = |sort: &Sort| {
            let current = self.current.get(*sort as usize).and_then(Option::as_ref);
            let over = current.is_none_or(|current| {
                current.tries >= sort.uses().0 + TRIES_MORE || current.closes_ns < now
            });
            over && self.making.get(*sort as usize) == Some(&false)
        };
        let sort = Sort::ALL.into_iter().find(due)?;
        if let Some(making) = self.making.get_mut(sort as usize) {
            *making = true;
        }
        Some(sort)
    }

    /// One was defined, or refused, or nobody knows.
    pub fn defined(&mut self, request: &DefineDiscountRequest, told: &DefineDiscountResponse) {
        let Some(discount) = &request.discount else {
            return;
        };
        let sort = if discount.code_hash.is_empty() {
            Sort::Cash
        } else {
            Sort::Coupon
        };
        if let Some(making) = self.making.get_mut(sort as usize) {
            *making = false;
        }
        if told.discount_id.is_empty() {
            return;
        }
        let code = match sort {
            Sort::Cash => Vec::new(),
            Sort::Coupon => code_of(&request.client_order_id).to_vec(),
        };
        if let Some(place) = self.current.get_mut(sort as usize) {
            *place = Some(InUse {
                id: told.discount_id.clone(),
                code,
                closes_ns: discount.closes.as_ref().map_or(0, ns),
                tries: 0,
            });
        }
    }

    /// The id and the code of one that a cart is about to try.
    fn take(&mut self, sort: Sort) -> Option<(String, Vec<u8>)> {
        let current = self.current.get_mut(sort as usize)?.as_mut()?;
        current.tries += 1;
        Some((current.id.clone(), current.code.clone()))
    }
}

/// The code of the coupon that is defined under a client's id.
pub fn code_of(client_order_id: &str) -> [u8; 16] {
    half(blake3::hash(client_order_id.as_bytes()).as_bytes())
}

/// What is published of a code of 16 bytes.
pub fn hash_of(code: &[u8]) -> [u8; 16] {
    half(blake3::hash(code).as_bytes())
}

fn half(hash: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

/// What defines a discount of a sort.
pub fn discount_of(shops: &Shops, sort: Sort, client_order_id: String) -> DefineDiscountRequest {
    let (off, threshold, code_hash) = match sort {
        Sort::Cash => (Off::Amount("7.77".to_owned()), "40.00", Vec::new()),
        Sort::Coupon => {
            let share = Share {
                bp: 1_234,
                at_most: "5.55".to_owned(),
            };
            let hash = hash_of(&code_of(&client_order_id)).to_vec();
            (Off::Share(share), "25.00", hash)
        }
    };
    let (uses, uses_per_owner) = sort.uses();
    DefineDiscountRequest {
        client_order_id,
        discount: Some(Discount {
            account_id: shops.account(SELLER),
            venue_id: shops.venue.clone(),
            money_asset_id: shops.money.clone(),
            threshold: threshold.to_owned(),
            off: Some(off),
            closes: Some(from_now(sort.open())),
            uses,
            uses_per_owner,
            code_hash,
            ..Discount::default()
        }),
        valid_until: None,
    }
}

/// What picks up the goods of a line.
pub type Code = [u8; 16];

/// A cart of a buyer, and of each line its offer and its code; none where nothing is on offer.
pub fn cart(
    (shops, board): (&Shops, &mut Board),
    rng: &mut Rng,
    (client_order_id, buyer): (String, u32),
) -> Option<(ReserveBasketRequest, Vec<(OnOffer, Code)>)> {
    let mut taken = Vec::new();
    for (kind, percent) in IN_CART_PERCENT {
        if rng.below(100) < percent
            && let Some(offer) = board.take_from(kind)
        {
            taken.push((offer, rng.next()));
        }
    }
    // Which line gets the last fen depends on their order.
    if rng.below(2) == 0 {
        taken.reverse();
    }
    if rng.below(TWICE_ONE_IN) == 0 {
        taken.extend(taken.first().cloned());
    }
    let discount = match rng.below(PLAIN_ONE_IN) {
        0 => None,
        1..3 => board.discounts.take(Sort::Coupon),
        _ => board.discounts.take(Sort::Cash),
    };
    let (discount_id, mut code) = discount.unwrap_or_default();
    if rng.below(WRONG_ONE_IN) == 0
        && let Some(first) = code.first_mut()
    {
        *first ^= 1;
    }
    let mut lines = Vec::new();
    for (offer, drawn) in taken {
        let mut own = [0; 16];
        own[..8].copy_from_slice(&drawn.to_le_bytes());
        let line = Line {
            offer_id: offer.id.clone(),
            offer_version: 1,
            pieces: 1 + rng.below(u64::from(TAKEN_MAX)) as u32,
            pickup_hash: if shops.is_picked_up(offer.kind) {
                hash_of(&own).to_vec()
            } else {
                Vec::new()
            },
            ..Line::default()
        };
        lines.push((line, (offer, own)));
    }
    let (lines, offers): (Vec<_>, Vec<_>) = lines.into_iter().unzip();
    let request = ReserveBasketRequest {
        client_order_id,
        account_id: shops.account(buyer),
        lines,
        discount_id,
        code,
        delivery_reference: REFERENCE.to_vec(),
        valid_until: None,
    };
    (!request.lines.is_empty()).then_some((request, offers))
}
