//! Fixed and tiered prices: goods on offer, which a reserve turns into a contract (SEMANTICS
//! section 21).
//!
//! Invariant: what is left of an offer is held for it, so it cannot be sold twice; prices and terms
//! that a contract was formed under are the contract's own. Not here: what becomes of a contract
//! (`contract`), whose reserve is taken (`engine::contracts`).

pub(crate) mod annual;
pub(crate) mod buyers;
pub(crate) mod campaigns;
pub(crate) mod discounts;
mod discounts_section;
pub(crate) mod law;
mod lottery_section;
pub(crate) mod offer;
pub(crate) mod price;
pub(crate) mod section;

pub use annual::{AnnualUse, Year};
pub use campaigns::Campaign;
pub use discounts::Discount;
pub use offer::Offer;

use std::collections::BTreeMap;

use crate::clearing::ledger::Place as FeesAt;
use crate::command::{FlashMode, Funding, PartyKind, Plan, SaleTerms};
use crate::event::{OfferAct, OfferReport, State};
use crate::limits::Limits;
use crate::market::flash_sale::{Place, Queue};
use crate::market::group_buy::{Group, Outcome};
use crate::market::lottery::Lottery;
use crate::market::presale::Presale;
use crate::slab::Slab;
use crate::types::{DiscountId, OfferId, OwnerId, TermsId, Time, VenueId};
use crate::venue::{Law, Regime};
use annual::Annual;
use buyers::Buyers;
use campaigns::Campaigns;
use discounts::Discounts;

/// Terms of sale, where their venue's fees go, and which regime each kind of party buys under: that
/// is asked when they are defined, and anew when the venue has moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Defined {
    /// As they were defined.
    pub terms: SaleTerms,
    pub(crate) fees: FeesAt,
    regimes: [Option<Regime>; 2],
}

impl Defined {
    /// Lawful terms of a venue with these regimes.
    fn new(terms: SaleTerms, fees: FeesAt, stands: (&Law, &[Regime])) -> Self {
        let mut defined = Self {
            terms,
            fees,
            regimes: [None; 2],
        };
        defined.stand(stands);
        defined
    }

    fn stand(&mut self, stands: (&Law, &[Regime])) {
        let of = |kind| law::regime_of(stands, self.terms.model, kind).ok();
        self.regimes = [PartyKind::Consumer, PartyKind::Enterprise].map(of);
    }

    /// The regime under which this kind of party buys, if one lets it.
    pub(crate) const fn regime(&self, kind: PartyKind) -> Option<Regime> {
        self.regimes[kind as usize]
    }
}

/// All terms and offers of a shard, and which kind of party owners are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sales {
    /// By owner; one beyond the end is a consumer.
    kinds: Vec<PartyKind>,
    terms: Vec<Defined>,
    terms_max: u32,
    offers: Slab<Offer>,
    pub(crate) buyers: Buyers,
    campaigns: Campaigns,
    /// The seconds of tickets, kept as pieces of buyers are.
    pub(crate) tickets: Buyers,
    pub(crate) discounts: Discounts,
    pub(crate) annual: Annual,
}

impl Sales {
    /// Nothing, with room for as much as `limits` says, touched only when used.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            kinds: Vec::with_capacity(limits.owners_max as usize),
            terms: Vec::new(),
            terms_max: limits.terms_max,
            offers: Slab::new(limits.offers_max),
            buyers: Buyers::new(limits.buyers_max),
            tickets: Buyers::new(limits.tickets_max),
            campaigns: Campaigns::new(limits.campaigns_max),
            discounts: Discounts::new(limits),
            annual: Annual::new(limits.annual_uses_max, limits.owners_max),
        }
    }

    /// Which kind of party an owner is.
    pub fn kind(&self, owner: OwnerId) -> PartyKind {
        self.kinds.get(owner.place()).copied().unwrap_or_default()
    }

    pub(crate) fn set_kind(&mut self, owner: OwnerId, kind: PartyKind) {
        let place = owner.place();
        if place >= self.kinds.len() {
            self.kinds.resize(place + 1, PartyKind::default());
        }
        self.kinds[place] = kind;
    }

    /// Terms by their handle.
    pub fn terms(&self, id: TermsId) -> Option<&Defined> {
        self.terms.get(id.place())
    }

    /// All terms in order of their handles.
    pub fn all_terms(&self) -> &[Defined] {
        &self.terms
    }

    /// The terms of what names them.
    pub(crate) fn known(&self, id: TermsId) -> &Defined {
        self.terms(id).expect("what names terms was checked")
    }

    /// The handle of the same terms, if they were defined before.
    pub(crate) fn find_terms(&self, terms: &SaleTerms) -> Option<TermsId> {
        let found = self.terms.iter().position(|known| known.terms == *terms);
        found.map(|place| TermsId::new(place as u32))
    }

    /// Whether no other terms can be defined.
    pub(crate) fn are_terms_full(&self) -> bool {
        self.terms.len() >= self.terms_max as usize
    }

    /// A venue stands under other versions of its regimes.
    pub(crate) fn moved(&mut self, venue: VenueId, stands: (&Law, &[Regime])) {
        let terms = self.terms.iter_mut();
        let own = terms.filter(|defined| defined.terms.venue == venue);
        own.for_each(|defined| defined.stand(stands));
    }

    pub(crate) fn add_terms(
        &mut self,
        terms: SaleTerms,
        fees: FeesAt,
        stands: (&Law, &[Regime]),
    ) -> TermsId {
        assert!(!self.are_terms_full(), "the bound is checked before");
        self.terms.push(Defined::new(terms, fees, stands));
        TermsId::new(self.terms.len() as u32 - 1)
    }

    /// A live offer.
    pub fn offer(&self, id: OfferId) -> Option<&Offer> {
        self.offers.find(id.sequence, id.slot)
    }

    pub(crate) fn row(&self, slot: u32) -> &Offer {
        self.offers.row(slot)
    }

    pub(crate) fn row_mut(&mut self, slot: u32) -> &mut Offer {
        self.offers.row_mut(slot)
    }

    /// How who takes an offer begins, and until when.
    pub(crate) fn first_state(&self, slot: u32, time: Time) -> (State, Time) {
        let offer = self.offers.row(slot);
        let terms = &self.known(offer.terms).terms;
        match (terms.plan, terms.funding) {
            (Plan::Group, _) => (State::Joined, offer.closes.expect("a group closes")),
            (Plan::Presale { .. }, _) => {
                let presale = self.presale(slot).expect("it was offered as one");
                (State::Deposited, presale.pay_until)
            }
            (Plan::Flash(FlashMode::Lottery), _) => {
                let lottery = self.lottery(slot).expect("it was offered as one");
                (State::Entered, lottery.draw_by)
            }
            (Plan::Plain | Plan::Flash(_), Funding::Prefunded) => {
                (State::Paid, time.after(terms.hand_over_within))
            }
            (Plan::Plain | Plan::Flash(_), Funding::PayLater { within }) => {
                (State::Unpaid, time.after(within))
            }
        }
    }

    /// The campaign of a live offer, if its terms ask for one.
    pub fn campaign(&self, offer: OfferId) -> Option<&Campaign> {
        self.offer(offer)?;
        self.campaign_at(offer.slot)
    }

    /// How many pieces a live offer's group has together; 0 of others.
    pub fn joined(&self, offer: OfferId) -> u32 {
        match self.campaign(offer) {
            Some(Campaign::Group(group)) => group.pieces,
            Some(Campaign::Presale(_) | Campaign::Queue(_) | Campaign::Lottery(_)) | None => 0,
        }
    }

    fn campaign_at(&self, slot: u32) -> Option<&Campaign> {
        let terms = self.offers.row(slot).terms;
        if !campaigns::has_campaign(self.known(terms).terms.plan) {
            return None;
        }
        self.campaigns.get(slot)
    }

    /// The group of an offer, if it is one.
    pub(crate) fn group(&self, slot: u32) -> Option<&Group> {
        match self.campaign_at(slot)? {
            Campaign::Group(group) => Some(group),
            Campaign::Presale(_) | Campaign::Queue(_) | Campaign::Lottery(_) => None,
        }
    }

    /// The campaign of an offer, if its terms ask for one.
    pub(crate) fn campaign_mut(&mut self, slot: u32) -> Option<&mut Campaign> {
        let terms = self.offers.row(slot).terms;
        if !campaigns::has_campaign(self.known(terms).terms.plan) {
            return None;
        }
        self.campaigns.get_mut(slot)
    }

    /// A group closes so.
    pub(crate) fn close_group(&mut self, slot: u32, outcome: Outcome) {
        if let Some(Campaign::Group(group)) = self.campaigns.get_mut(slot) {
            group.outcome = outcome;
        }
    }

    /// The presale of an offer, if it is one.
    pub(crate) fn presale(&self, slot: u32) -> Option<&Presale> {
        match self.campaign_at(slot)? {
            Campaign::Presale(presale) => Some(presale),
            Campaign::Group(_) | Campaign::Queue(_) | Campaign::Lottery(_) => None,
        }
    }

    /// The queue of an offer, if it has one.
    pub(crate) fn queue(&self, slot: u32) -> Option<&Queue> {
        match self.campaign_at(slot)? {
            Campaign::Queue(queue) => Some(queue),
            Campaign::Group(_) | Campaign::Presale(_) | Campaign::Lottery(_) => None,
        }
    }

    /// The lottery of an offer, if it is one.
    pub(crate) fn lottery(&self, slot: u32) -> Option<&Lottery> {
        match self.campaign_at(slot)? {
            Campaign::Lottery(lottery) => Some(lottery),
            Campaign::Group(_) | Campaign::Presale(_) | Campaign::Queue(_) => None,
        }
    }

    /// The lottery of an offer that is one.
    pub(crate) fn lottery_mut(&mut self, slot: u32) -> &mut Lottery {
        let campaign = self.campaigns.get_mut(slot);
        let Some(Campaign::Lottery(lottery)) = campaign else {
            unreachable!("the offer is a lottery");
        };
        lottery
    }

    /// An owner draws a ticket of an offer's queue; the room was checked.
    pub(crate) fn draw_ticket(&mut self, slot: u32, owner: OwnerId, place: Place) {
        let offer = self.offers.row(slot).sequence;
        if let Some(Campaign::Queue(queue)) = self.campaigns.get_mut(slot) {
            queue.draw(place);
            let tickets = &mut self.tickets;
            tickets.set(offer, owner, place.second, &mut queue.tickets);
        }
    }

    /// How many entries and balances wait for an offer.
    pub(crate) fn waiting(&self, slot: u32) -> u32 {
        self.campaign_at(slot).map_or(0, Campaign::waiting)
    }

    /// A live discount.
    pub fn discount(&self, id: DiscountId) -> Option<&Discount> {
        self.discounts.get(id)
    }

    /// The live discounts among `count` rows from row `from` on, in order of their rows.
    pub fn discounts_in(
        &self,
        from: u32,
        count: u32,
    ) -> impl Iterator<Item = (DiscountId, &Discount)> {
        self.discounts.all_in(from, count)
    }

    /// How many rows discounts ever used: a walk in parts ends there.
    pub fn discount_rows(&self) -> u32 {
        self.discounts.rows.slots()
    }

    /// Whether withdrawn offers, or years, remember somebody, or discounts end.
    #[inline]
    pub(crate) fn is_anything_due(&self) -> bool {
        let remembers = self.buyers.first().is_some() || self.tickets.first().is_some();
        remembers || self.annual.first().is_some() || self.discounts.is_anything_due()
    }

    /// Whether no other offer with a campaign can be made.
    pub(crate) fn are_campaigns_full(&self) -> bool {
        self.campaigns.are_full()
    }

    /// How an offer stands after `act`.
    pub(crate) fn report(&self, slot: u32, act: OfferAct) -> OfferReport {
        let mut report = self.offers.row(slot).report(slot, act);
        report.joined = self.group(slot).map_or(0, |group| group.pieces);
        report
    }

    /// An owner takes pieces of an offer with a limit.
    pub(crate) fn count_buyer(&mut self, slot: u32, owner: OwnerId, pieces: u32) {
        let offer = self.offers.row_mut(slot);
        let chain = &mut offer.buyers;
        self.buyers.take(offer.sequence, owner, pieces, chain);
    }

    /// All live offers with their ids, in order of their rows.
    pub fn offers(&self) -> impl Iterator<Item = (OfferId, &Offer)> {
        let id = |slot, sequence| OfferId { sequence, slot };
        let rows = self.offers.iter();
        rows.map(move |(slot, row)| (id(slot, row.sequence), row))
    }

    /// How many rows offers ever used: a walk in parts ends there.
    pub fn offer_rows(&self) -> u32 {
        self.offers.slots()
    }

    /// The live offers among `count` rows from row `from` on, in order of their rows: a part of a
    /// walk, so that nobody waits for the whole.
    pub fn offers_in(&self, from: u32, count: u32) -> impl Iterator<Item = (OfferId, &Offer)> {
        let id = |slot, sequence| OfferId { sequence, slot };
        let rows = self.offers.iter_in(from, count);
        rows.map(move |(slot, row)| (id(slot, row.sequence), row))
    }

    /// Checks offers and what they remember; `taken` are the contracts that count: offer, owner and
    /// pieces.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(
        &self,
        taken: impl Iterator<Item = (u64, OwnerId, u32)>,
    ) -> Result<(), &'static str> {
        self.audit_tickets()?;
        self.discounts.audit()?;
        for (_, offer) in self.offers() {
            if offer.stock.amount() != offer.units(offer.left) || offer.stock.is_frozen() {
                return Err("an offer does not hold what is left of it");
            }
            for buyer in self.buyers.chain(offer.buyers) {
                if buyer.offer != offer.sequence {
                    return Err("an offer remembers a buyer of another");
                }
            }
        }
        let chains = self.offers().map(|(_, offer)| offer.buyers);
        if !self.buyers.are_all(chains) {
            return Err("buyers are remembered by no offer, or not found");
        }
        let mut sums = std::collections::BTreeMap::<_, u64>::new();
        for (offer, owner, pieces) in taken {
            *sums.entry((offer, owner)).or_default() += u64::from(pieces);
        }
        for ((offer, owner), pieces) in sums {
            let known = self.buyers.find(offer, owner);
            let counted = known.map(|at| u64::from(self.buyers.row(at).pieces));
            if counted.is_some_and(|counted| counted < pieces) {
                return Err("a buyer is counted for less than its contracts");
            }
        }
        Ok(())
    }

    fn audit_tickets(&self) -> Result<(), &'static str> {
        let queues = || {
            let offers = self.offers();
            offers.filter_map(|(id, _)| Some((id, self.queue(id.slot)?)))
        };
        for (id, queue) in queues() {
            for ticket in self.tickets.chain(queue.tickets) {
                if ticket.offer != id.sequence || ticket.pieces > queue.second {
                    return Err("a ticket is not of its queue");
                }
            }
        }
        let chains = queues().map(|(_, queue)| queue.tickets);
        if !self.tickets.are_all(chains) {
            return Err("tickets are remembered by no queue, or not found");
        }
        Ok(())
    }

    /// Checks campaigns against offers and who waits for them: the offer, the state, the pieces.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn audit_campaigns(
        &self,
        entries: impl Iterator<Item = (OfferId, State, u32)>,
    ) -> Result<(), &'static str> {
        let mut waiting: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
        for (offer, state, pieces) in entries {
            let fits = match self.campaign(offer) {
                Some(Campaign::Group(_)) => state == State::Joined,
                Some(Campaign::Presale(_)) => state == State::Deposited,
                Some(Campaign::Lottery(_)) => state == State::Entered,
                Some(Campaign::Queue(_)) | None => false,
            };
            if !fits {
                return Err("an entry waits for an offer that closes nothing");
            }
            let sums = waiting.entry(offer.slot).or_default();
            *sums = (sums.0 + 1, sums.1 + pieces);
        }
        let mut asked = 0;
        for (id, offer) in self.offers() {
            asked += usize::from(campaigns::has_campaign(self.known(offer.terms).terms.plan));
            let (entries, pieces) = waiting.get(&id.slot).copied().unwrap_or_default();
            if self.waiting(id.slot) != entries {
                return Err("a campaign does not count who waits for it");
            }
            let open = |group: &&Group| group.outcome == Outcome::Open;
            let group = self.group(id.slot).filter(open);
            if group.is_some_and(|group| group.pieces != pieces) {
                return Err("a group does not count its pieces");
            }
        }
        if asked != self.campaigns.all().len() {
            return Err("offers and campaigns differ in number");
        }
        Ok(())
    }

    /// How many offers live.
    pub fn live(&self) -> u32 {
        self.offers.live()
    }

    /// Whether no other offer can be made.
    pub(crate) const fn are_offers_full(&self) -> bool {
        self.offers.is_full()
    }

    pub(crate) fn add_offer(&mut self, offer: Offer, campaign: Option<Campaign>) -> u32 {
        let slot = self.offers.insert(offer);
        if let Some(campaign) = campaign {
            self.campaigns.add(slot, campaign);
        }
        slot
    }

    /// An offer ends; whom it remembered is due to be forgotten.
    pub(crate) fn remove_offer(&mut self, slot: u32, now: Time) -> Offer {
        if let Some(queue) = self.queue(slot) {
            let tickets = queue.tickets;
            self.tickets.forget(tickets, now);
        }
        let offer = self.offers.remove(slot);
        self.buyers.forget(offer.buyers, now);
        if campaigns::has_campaign(self.known(offer.terms).terms.plan) {
            self.campaigns.remove(slot);
        }
        offer
    }
}
