//! Group buys (section 23): entries are counted by walking all of them.
//!
//! Invariant: what a close said is kept with the offer, and nothing else. Not here: how entries
//! come (`registry::deals`), offers (`registry::shop`).

use super::deals::{Deal, Moved, cost_at};
use super::shop::Offering;
use super::*;
use State as S;

impl Reference {
    fn joined_to(&self, offer: u64) -> impl Iterator<Item = &Deal> {
        let deals = self.shops.deals.iter();
        deals.filter(move |deal| deal.offer == offer && deal.state == S::Joined)
    }

    /// How many entries of an offer wait.
    pub(super) fn entries(&self, offer: u64) -> usize {
        self.joined_to(offer).count()
    }

    /// How many pieces a group has together, or had when it closed.
    pub(super) fn joined(&self, offer: &Offering) -> u32 {
        let now = || self.joined_to(offer.id).map(|deal| deal.pieces).sum();
        offer.closed.map_or_else(now, |(_, pieces)| pieces)
    }

    /// Whether no other offer of such a model may be made.
    pub(super) fn campaigns_full(&self, model: Model) -> bool {
        let asks = |model| model == Model::GroupBuy;
        let all = self.shops.offers.iter();
        let all = all.filter(|one| asks(self.shops.terms[one.terms].model));
        asks(model) && all.count() >= self.limits.campaigns_max as usize
    }

    /// An entry of a group is due.
    pub(super) fn close_entry(&mut self, deal: &mut Deal, moved: &mut Moved) {
        let offer = deal.offer;
        let known = self
            .offering_mut(offer)
            .expect("it waits for its entries")
            .clone();
        let closed = known.closed.unwrap_or_else(|| {
            let pieces = self.joined(&known);
            let early = self.fault == Some(Fault::TierByOne);
            let reached = |tier: &&Tier| tier.from + u32::from(early) <= pieces.max(2);
            let tier = known.prices.tiers.iter().rev().find(reached);
            let price = tier.expect("the first is from one").price;
            let said = (pieces >= known.quorum).then_some(price);
            self.offering_mut(offer).expect("known").closed = Some((said, pieces));
            self.tell_close(offer, said);
            (said, pieces)
        });
        let Some(price) = closed.0 else {
            Self::undone(deal, moved);
            deal.state = S::Released;
            return;
        };
        let terms = self.shops.terms[deal.terms];
        let (price, tax, to_pay) = cost_at(i128::from(price), &terms, deal.pieces);
        moved.refunded = deal.held - to_pay;
        deal.held = to_pay;
        (deal.price, deal.tax, deal.to_pay) = (price, tax, to_pay);
        deal.state = S::Paid;
        deal.deadline = Some(self.instant() + i128::from(terms.hand_over_within.0));
    }

    fn tell_close(&mut self, offer: u64, price: Option<i64>) {
        let act = if price.is_some() {
            OfferAct::Closed
        } else {
            OfferAct::Void
        };
        let SaleEvent::Offer(mut report) = self.said(offer, act) else {
            unreachable!("an offer's report is one");
        };
        report.price = price.unwrap_or(report.price);
        self.out.push(Event::Sale(SaleEvent::Offer(report)));
    }
}
