//! Sales as bytes: one section of a snapshot.
//!
//! Invariant: equal contents give equal bytes; offers keep their rows, since ids name them, and
//! buyers the order in which they are forgotten; their rows and what lies on shelves are made anew.
//! Not here: contracts.

use super::buyers::{Buyers, NIL};
use super::campaigns::Campaign;
use super::discounts_section;
use super::lottery_section;
use super::offer::Offer;
use super::{Defined, Sales, price};
use crate::bytes::{self, BytesError, Reader};
use crate::clearing::kept::Kept;
use crate::clearing::{Clearing, Holder};
use crate::command::{FlashMode, Plan, Prices};
use crate::journal::codec::sales as codec;
use crate::limits::Limits;
use crate::market::flash_sale::Queue;
use crate::market::group_buy::{Group, Outcome};
use crate::market::presale::{self, Presale};
use crate::parties::Parties;
use crate::slab::Slab;
use crate::types::{AccountId, AssetId, CustodianId, OwnerId, Sequence, TermsId, Time};
use crate::venue::Venues;

/// What the rest of the engine says.
pub(crate) struct Known<'a> {
    pub(crate) parties: &'a Parties,
    pub(crate) venues: &'a Venues,
    pub(crate) sequence: Sequence,
    pub(crate) time: Time,
}

/// The least bytes of terms, of an offer, of a buyer.
const TERMS_BYTES_MIN: usize = 12 + 32;
const OFFER_BYTES_MIN: usize = 1 + 16;
const BUYER_BYTES_MIN: usize = 2;

fn wrong() -> BytesError {
    BytesError::range("an offer")
}

impl Sales {
    /// Writes kinds, terms, offers with their buyers, and the buyers of withdrawn ones.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.kinds.len() as u64);
        out.extend(self.kinds.iter().map(|kind| *kind as u8));
        bytes::put_varint(out, self.terms.len() as u64);
        for defined in &self.terms {
            codec::put_terms(out, &defined.terms);
        }
        self.offers.encode(out, |out, row| {
            put_offer(out, row);
            put_chain(out, &self.buyers, row.buyers);
        });
        bytes::put_varint(out, self.campaigns.all().len() as u64);
        for (slot, campaign) in self.campaigns.all() {
            bytes::put_varint(out, u64::from(slot));
            put_campaign(out, campaign);
            if let Campaign::Queue(queue) = campaign {
                put_chain(out, &self.tickets, queue.tickets);
            }
        }
        put_forgetting(out, &self.buyers);
        put_forgetting(out, &self.tickets);
        discounts_section::put(out, &self.discounts);
    }

    /// Reads what [`Sales::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(crate) fn decode(
        input: &mut Reader<'_>,
        limits: &Limits,
        clearing: &mut Clearing,
        known: &Known<'_>,
    ) -> Result<Self, BytesError> {
        let mut sales = Self::new(limits);
        let owners = known.parties.owners().len() as u32;
        for _ in 0..input.count(owners, 1, "the count of kinds")? {
            sales.kinds.push(codec::kind(input)?);
        }
        for _ in 0..input.count(limits.terms_max, TERMS_BYTES_MIN, "the count of terms")? {
            let terms = codec::terms(input)?;
            sales.restore_terms(terms, clearing, known)?;
        }
        let mut buyers = Buyers::new(limits.buyers_max);
        let offers = Slab::decode(limits.offers_max, OFFER_BYTES_MIN, input, |input, _| {
            let mut row = sales.read_offer(input, clearing, known)?;
            let (offer, chain) = (row.sequence, &mut row.buyers);
            read_chain(input, &mut buyers, owners, (offer, chain))?;
            Ok(row)
        })?;
        sales.offers = offers;
        sales.read_campaigns(input, limits, owners, &buyers)?;
        read_forgetting(input, &mut buyers, owners, known.time)?;
        read_forgetting(input, &mut sales.tickets, owners, known.time)?;
        sales.buyers = buyers;
        let parties = (
            owners,
            known.parties.accounts().len() as u32,
            known.venues.venues().len() as u32,
        );
        let now = (known.sequence, known.time);
        sales.discounts = discounts_section::get(input, limits, parties, now)?;
        Ok(sales)
    }

    fn read_campaigns(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        owners: u32,
        buyers: &Buyers,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("a campaign");
        let mut last = None;
        for _ in 0..input.count(limits.campaigns_max, 2, "the count of campaigns")? {
            let slot = input.varint32("a campaign's offer")?;
            let live = self.offers.live_in(slot).filter(|_| last < Some(slot));
            let offer = live.ok_or_else(wrong)?;
            let plan = self.known(offer.terms).terms.plan;
            let sequence = offer.sequence;
            let buyers = (buyers, offer.buyers);
            let mut campaign = campaign(input, plan, offer, buyers)?;
            if let Campaign::Queue(queue) = &mut campaign {
                let chain = (sequence, &mut queue.tickets);
                read_chain(input, &mut self.tickets, owners, chain)?;
            }
            last = Some(slot);
            self.campaigns.add(slot, campaign);
        }
        Ok(())
    }

    fn restore_terms(
        &mut self,
        terms: crate::command::SaleTerms,
        clearing: &Clearing,
        known: &Known<'_>,
    ) -> Result<(), BytesError> {
        let broken = || BytesError::range("terms of sale");
        let venue = known.venues.venue(terms.venue).ok_or_else(broken)?;
        let fees = clearing
            .ledger
            .find(Holder::Venue(terms.venue), terms.money);
        let fees = fees.ok_or_else(broken)?;
        let stands = (known.venues.law(), &*venue.regimes);
        // Days of return are not asked again: the venue may have moved to another law since.
        if !venue.offers(terms.model) || self.find_terms(&terms).is_some() {
            return Err(broken());
        }
        self.terms.push(Defined::new(terms, fees, stands));
        Ok(())
    }

    fn read_offer(
        &self,
        input: &mut Reader<'_>,
        clearing: &mut Clearing,
        known: &Known<'_>,
    ) -> Result<Offer, BytesError> {
        let sequence = input.varint()?;
        let terms = TermsId::new(input.varint32("an offer's terms")?);
        let seller = AccountId::new(input.varint32("an offer's seller")?);
        let goods = AssetId::new(input.varint32("an offer's goods")?);
        let warehouse = CustodianId::new(input.varint32("an offer's warehouse")?);
        let piece_units = input.zigzag()?;
        let version = input.varint32("an offer's version")?;
        let left = input.varint32("what is left of an offer")?;
        let prices = codec::prices(input)?;
        let defined = self.terms(terms).ok_or_else(wrong)?.terms;
        let find = |holder, asset| clearing.ledger.find(holder, asset).ok_or_else(wrong);
        let at = find(Holder::Account(seller), goods)?;
        let seller_at = find(Holder::Account(seller), defined.money)?;
        let warehouse_at = find(Holder::Custodian(warehouse), goods)?;
        let units = i64::from(left).checked_mul(piece_units);
        let units = units.filter(|units| *units <= clearing.ledger.position(at).held);
        let units = units.ok_or_else(wrong)?;
        let least = price::units_min(defined.model);
        let bounded = (least..=Prices::UNITS_MAX).contains(&piece_units)
            && (1..=known.sequence.value()).contains(&sequence)
            && version > 0
            && price::are_valid(&prices, defined.kind());
        if !bounded {
            return Err(wrong());
        }
        clearing.shelves.restore((warehouse, goods), units);
        let mut row = Offer {
            sequence,
            terms,
            seller,
            goods,
            warehouse,
            piece_units,
            version,
            left,
            price: 0,
            more: Box::default(),
            step: 0,
            min: 0,
            max: 0,
            limit: None,
            opens: prices.opens,
            closes: None,
            stock: Kept::restored(at, units),
            seller_at,
            warehouse_at,
            buyers: NIL,
        };
        row.set_prices(&prices);
        Ok(row)
    }
}

pub(super) fn put_chain(out: &mut Vec<u8>, rows: &Buyers, first: u32) {
    bytes::put_varint(out, rows.chain(first).count() as u64);
    for buyer in rows.chain(first) {
        bytes::put_varint(out, u64::from(buyer.owner.index()));
        bytes::put_varint(out, u64::from(buyer.pieces));
    }
}

pub(super) fn put_forgetting(out: &mut Vec<u8>, rows: &Buyers) {
    let forgetting = rows.forgetting();
    bytes::put_varint(out, forgetting.len() as u64);
    for (at, chain) in forgetting {
        bytes::put_time(out, at);
        bytes::put_varint(out, rows.row(chain).offer);
        put_chain(out, rows, chain);
    }
}

pub(super) fn read_forgetting(
    input: &mut Reader<'_>,
    rows: &mut Buyers,
    owners: u32,
    now: Time,
) -> Result<(), BytesError> {
    let mut last = Time::ZERO;
    for _ in 0..input.count(rows.room(), 4, "the count of withdrawn offers")? {
        let at = input.time("a withdrawal")?;
        let offer = input.varint()?;
        let mut chain = NIL;
        read_chain(input, rows, owners, (offer, &mut chain))?;
        if at < last || at > now || chain == NIL {
            return Err(wrong());
        }
        last = at;
        rows.forget(chain, at);
    }
    Ok(())
}

/// Reads the buyers of an offer, the newest first, and remembers them in their order.
pub(super) fn read_chain(
    input: &mut Reader<'_>,
    buyers: &mut Buyers,
    owners: u32,
    (offer, chain): (u64, &mut u32),
) -> Result<(), BytesError> {
    let room = buyers.room();
    let count = input.count(room, BUYER_BYTES_MIN, "the count of buyers")?;
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        let owner = input.varint32("a buyer's owner")?;
        let pieces = input.varint32("a buyer's pieces")?;
        if owner >= owners {
            return Err(BytesError::range("a buyer's owner"));
        }
        list.push((OwnerId::new(owner), pieces));
    }
    for (owner, pieces) in list.into_iter().rev() {
        if buyers.find(offer, owner).is_some() {
            return Err(BytesError::range("a buyer"));
        }
        buyers.take(offer, owner, pieces, chain);
    }
    Ok(())
}

fn put_campaign(out: &mut Vec<u8>, campaign: &Campaign) {
    match campaign {
        Campaign::Group(group) => {
            for count in [group.quorum, group.entries, group.pieces] {
                bytes::put_varint(out, u64::from(count));
            }
            bytes::put_u8(out, u8::from(group.outcome != Outcome::Open));
        }
        Campaign::Lottery(lottery) => lottery_section::put(out, lottery),
        Campaign::Queue(queue) => {
            bytes::put_varint(out, u64::from(queue.second));
            bytes::put_varint(out, u64::from(queue.given));
        }
        Campaign::Presale(presale) => {
            bytes::put_time(out, presale.pay_from);
            bytes::put_time(out, presale.pay_until);
            bytes::put_varint(out, u64::from(presale.balances));
        }
    }
}

/// Reads a campaign; what its close said follows from its pieces.
fn campaign(
    input: &mut Reader<'_>,
    plan: Plan,
    offer: &Offer,
    buyers: (&Buyers, u32),
) -> Result<Campaign, BytesError> {
    let wrong = || BytesError::range("a campaign");
    match plan {
        Plan::Plain | Plan::Flash(FlashMode::Race) => Err(wrong()),
        Plan::Flash(FlashMode::Lottery) => {
            let lottery = lottery_section::get(input, offer, buyers)?;
            Ok(Campaign::Lottery(Box::new(lottery)))
        }
        Plan::Flash(FlashMode::Queue { per_second, .. }) => {
            let mut queue = Queue::new();
            queue.second = input.varint32("the second of a queue")?;
            queue.given = input.varint32("the tickets of a second")?;
            let span = FlashMode::QUEUE_SPAN_MAX.0 / 1_000_000_000;
            let drawn = queue.given > 0 || queue.second == 0;
            if queue.given > per_second || i64::from(queue.second) > span || !drawn {
                return Err(wrong());
            }
            Ok(Campaign::Queue(queue))
        }
        Plan::Group => {
            let mut group = Group::new(input.varint32("a quorum")?);
            group.entries = input.varint32("the entries of a group")?;
            group.pieces = input.varint32("the pieces of a group")?;
            match input.u8()? {
                0 => {}
                1 => group.outcome = group.close(|pieces| offer.price_of(pieces)),
                _ => return Err(wrong()),
            }
            if group.quorum == 0 {
                return Err(wrong());
            }
            Ok(Campaign::Group(group))
        }
        Plan::Presale { .. } => {
            let pay_from = input.time("the begin of a window")?;
            let pay_until = input.time("the end of a window")?;
            if !presale::are_bounded(&offer.prices(), pay_from, pay_until) {
                return Err(wrong());
            }
            Ok(Campaign::Presale(Presale {
                pay_from,
                pay_until,
                balances: input.varint32("the balances of a presale")?,
            }))
        }
    }
}

fn put_offer(out: &mut Vec<u8>, row: &Offer) {
    bytes::put_varint(out, row.sequence);
    for handle in [
        row.terms.index(),
        row.seller.index(),
        row.goods.index(),
        row.warehouse.index(),
    ] {
        bytes::put_varint(out, u64::from(handle));
    }
    bytes::put_zigzag(out, row.piece_units);
    bytes::put_varint(out, u64::from(row.version));
    bytes::put_varint(out, u64::from(row.left));
    codec::put_prices(out, &row.prices());
}
