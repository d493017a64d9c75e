//! What the seller has on offer now, seen by all clerks, and when something else is due.
//!
//! Invariant: of each kind one offer at most is being made or taken from; of an offer that was
//! replaced the end is asked for once. Not here: who reserves (`clerk`), what is true of them
//! (`books`).

use std::time::Duration;

use proto::v1::{
    GroupCourse, LotteryCourse, MakeOfferRequest, OfferPrices, OfferReport, PresaleCourse,
    PriceTier, make_offer_request::Course,
};

use super::{
    Kind,
    campaigns::{commitment, seed_of},
    carts::Discounts,
    found::{PIECE_UNITS, Shops},
    from_now, now_ns, ns,
};

/// How much is on offer, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Season {
    /// Reserves after which another offer of the kind takes an offer's place.
    pub reserves: u32,
    /// Pieces of an offer: less than a season asks for, so that some find none left.
    pub stock: u32,
    /// Pieces that one buyer may take of an offer.
    pub limit: u32,
    /// How long a group, a presale or a lottery is open; a balance can be paid for as long again,
    /// and a lottery is drawn after three times as long.
    pub open: Duration,
}

impl Season {
    /// Of a run that is killed many times a second or two.
    pub const SHORT: Self = Self {
        reserves: 24,
        stock: 30,
        limit: 6,
        open: Duration::from_millis(100),
    };
    /// Of a load.
    pub const LONG: Self = Self {
        reserves: 400,
        stock: 600,
        limit: 100,
        open: Duration::from_millis(1_500),
    };
}

/// Pieces of one contract at most.
pub const TAKEN_MAX: u32 = 3;
/// Pieces without which a group falls through.
const QUORUM: u32 = 4;
/// How long a flash sale is open.
const FLASH_OPEN: Duration = Duration::from_secs(3_600);

/// Pieces of an entry of a lottery.
pub const DRAWN_PIECES: u32 = 2;
/// Pieces of a lottery: so many of what a season has, so that some win and some do not.
const DRAWN_ONE_IN: u32 = 6;

/// A lottery that closed and is not drawn yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draw {
    /// The offer.
    pub offer_id: String,
    /// What its operator committed to.
    pub seed: [u8; 32],
    closes_ns: i64,
    due_ns: i64,
}

/// An offer that can be taken from.
#[derive(Clone, Debug)]
pub struct OnOffer {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: Kind,
    /// The account that sells.
    pub seller: String,
    /// When it closes, or its balances are due from; 0 is never.
    pub closes_ns: i64,
    /// When its buyers can go on: it closed, or it was drawn.
    pub decided_ns: i64,
    reserves: u32,
}

/// See the file's head.
#[derive(Debug)]
pub struct Board {
    season: Season,
    kinds: Vec<Kind>,
    offers: [Option<OnOffer>; Kind::ALL.len()],
    making: [bool; Kind::ALL.len()],
    replaced: Vec<OnOffer>,
    draws: Vec<Draw>,
    /// What the seller takes off whole carts.
    pub discounts: Discounts,
}

impl Board {
    /// Of shops that have offered nothing yet.
    pub fn new(shops: &Shops, season: Season) -> Self {
        Self {
            season,
            kinds: shops.kinds.clone(),
            offers: Default::default(),
            making: Default::default(),
            replaced: Vec::new(),
            draws: Vec::new(),
            discounts: Discounts::default(),
        }
    }

    /// How much is on offer, and for how long.
    pub const fn season(&self) -> Season {
        self.season
    }

    /// A kind was not offered after all.
    pub fn not_made(&mut self, kind: Kind) {
        if let Some(making) = self.making.get_mut(kind.place()) {
            *making = false;
        }
    }

    /// A kind that somebody has to offer now, which the caller does.
    pub fn take_due(&mut self) -> Option<Kind> {
        let now = now_ns();
        let due = |kind: &Kind| {
            let offer = self.offers.get(kind.place()).and_then(Option::as_ref);
            let over = offer.is_none_or(|offer| {
                offer.reserves >= self.season.reserves
                    || (offer.closes_ns > 0 && offer.closes_ns < now)
            });
            over && self.making.get(kind.place()) == Some(&false)
        };
        let kind = self.kinds.iter().copied().find(due)?;
        if let Some(making) = self.making.get_mut(kind.place()) {
            *making = true;
        }
        Some(kind)
    }

    /// An offer of a kind was made, or refused.
    pub fn made(&mut self, kind: Kind, request: &MakeOfferRequest, report: &OfferReport) {
        self.not_made(kind);
        let Some(place) = self.offers.get_mut(kind.place()) else {
            return;
        };
        if !report.reject_reason.is_empty() {
            return;
        }
        let closes = request.prices.as_ref().and_then(|prices| prices.closes);
        let closes_ns = closes.map_or(0, |closes| ns(&closes));
        let mut decided_ns = closes_ns;
        if let Some(Course::Lottery(lottery)) = &request.course {
            decided_ns = lottery.draw_by.as_ref().map_or(closes_ns, ns);
            self.draws.push(Draw {
                offer_id: report.offer_id.clone(),
                seed: seed_of(&request.client_order_id),
                closes_ns,
                due_ns: decided_ns,
            });
        }
        let offer = OnOffer {
            id: report.offer_id.clone(),
            kind,
            seller: request.account_id.clone(),
            closes_ns,
            decided_ns,
            reserves: 0,
        };
        // One for which entries or balances wait refuses to end, and stays.
        if let Some(before) = place.replace(offer) {
            self.replaced.push(before);
        }
    }

    /// One that was replaced and not withdrawn yet, which the caller does.
    pub fn take_replaced(&mut self) -> Option<OnOffer> {
        self.replaced.pop()
    }

    /// A lottery whose value and seed are to be brought now, which the caller does.
    pub fn take_draw(&mut self) -> Option<Draw> {
        let now = now_ns();
        self.draws.retain(|draw| draw.due_ns > now);
        let closed = self.draws.iter().position(|draw| draw.closes_ns < now)?;
        Some(self.draws.swap_remove(closed))
    }

    /// The offer of a kind, of which something is about to be taken.
    pub fn take_from(&mut self, kind: Kind) -> Option<OnOffer> {
        let offer = self.offers.get_mut(kind.place())?.as_mut()?;
        offer.reserves += 1;
        Some(offer.clone())
    }
}

/// What offers goods of a kind.
pub fn offer_of(
    shops: &Shops,
    kind: Kind,
    season: Season,
    client_order_id: String,
) -> MakeOfferRequest {
    let tier = |from_pieces, price: &str| PriceTier {
        from_pieces,
        price: price.to_owned(),
    };
    let (tiers, open, course) = match kind {
        Kind::Fixed => (vec![tier(1, "12.37")], None, None),
        Kind::Tiered => (vec![tier(1, "8.88"), tier(3, "7.77")], None, None),
        Kind::Bank => (vec![tier(1, "7.31")], None, None),
        Kind::Covered => (vec![tier(1, "11.11")], None, None),
        Kind::Import => (vec![tier(1, "1999.99")], None, None),
        Kind::Agreed => (vec![tier(1, "14.29")], None, None),
        Kind::Flash => (vec![tier(1, "9.90")], Some(FLASH_OPEN), None),
        Kind::Queue => (vec![tier(1, "6.66")], Some(FLASH_OPEN), None),
        Kind::Lottery => {
            let lottery = LotteryCourse {
                commitment: commitment(&seed_of(&client_order_id)).to_vec(),
                draw_by: Some(from_now(season.open * 4)),
                ..LotteryCourse::default()
            };
            let tiers = vec![tier(1, "5.55")];
            (tiers, Some(season.open), Some(Course::Lottery(lottery)))
        }
        Kind::Group => {
            let group = GroupCourse {
                quorum_pieces: QUORUM,
            };
            let tiers = vec![tier(1, "20.03"), tier(QUORUM, "18.01"), tier(12, "15.99")];
            (tiers, Some(season.open), Some(Course::Group(group)))
        }
        Kind::Presale => {
            let presale = PresaleCourse {
                pay_from: Some(from_now(season.open)),
                pay_until: Some(from_now(season.open * 2)),
            };
            let tiers = vec![tier(1, "33.33")];
            (tiers, Some(season.open), Some(Course::Presale(presale)))
        }
    };
    // Not after the balances begin.
    let closes = match &course {
        Some(Course::Presale(presale)) => presale.pay_from,
        Some(Course::Group(_) | Course::Lottery(_)) | None => open.map(from_now),
    };
    let drawn = kind == Kind::Lottery;
    let (min, max, limit, stock) = if drawn {
        let stock = season.stock / DRAWN_ONE_IN;
        (DRAWN_PIECES, DRAWN_PIECES, DRAWN_PIECES, stock)
    } else {
        (1, TAKEN_MAX, season.limit, season.stock)
    };
    let seller = shops.seller_of(kind, &client_order_id);
    MakeOfferRequest {
        client_order_id,
        account_id: shops.account(seller),
        terms: shops.terms.get(kind.place()).copied().flatten(),
        goods_asset_id: shops.goods.clone(),
        warehouse_id: shops.warehouse.clone(),
        piece_amount: PIECE_UNITS.to_string(),
        prices: Some(OfferPrices {
            tiers,
            min_pieces: min,
            max_pieces: max,
            buyer_limit_pieces: Some(limit),
            // Tickets are counted from here.
            opens: (kind == Kind::Queue).then(|| from_now(Duration::ZERO)),
            closes,
            ..OfferPrices::default()
        }),
        stock_pieces: stock,
        course,
        ..MakeOfferRequest::default()
    }
}
