//! Group buys (section 23) and presales (section 24): entries are counted by walking all of them.
//!
//! Invariant: what a close said is kept with the offer, and nothing else. Not here: how entries
//! come (`registry::deals`), offers (`registry::shop`).

use super::deals::{Deal, Moved, cost_at};
use super::shop::Offering;
use super::*;
use crate::reference::ledger::Holder;
use RejectReason as R;
use State as S;

impl Reference {
    fn joined_to(&self, offer: u64) -> impl Iterator<Item = &Deal> {
        let deals = self.shops.deals.iter();
        deals.filter(move |deal| deal.offer == offer && deal.state == S::Joined)
    }

    /// How many entries of an offer wait.
    pub(super) fn entries(&self, offer: u64) -> usize {
        let waits =
            |deal: &&Deal| deal.offer == offer && matches!(deal.state, S::Joined | S::Entered);
        self.shops.deals.iter().filter(waits).count()
    }

    /// How many contracts wait for their balances.
    pub(super) fn balances(&self, offer: u64) -> usize {
        let deals = self.shops.deals.iter();
        let own = deals.filter(|deal| deal.offer == offer && deal.state == S::Deposited);
        own.count()
    }

    /// How many pieces a group has together, or had when it closed.
    pub(super) fn joined(&self, offer: &Offering) -> u32 {
        let now = || self.joined_to(offer.id).map(|deal| deal.pieces).sum();
        offer.closed.map_or_else(now, |(_, pieces)| pieces)
    }

    /// Whether no other offer of such a model may be made.
    pub(super) fn campaigns_full(&self, plan: Plan) -> bool {
        let asks = |plan| ![Plan::Plain, Plan::Flash(FlashMode::Race)].contains(&plan);
        let all = self.shops.offers.iter();
        let all = all.filter(|one| asks(self.shops.terms[one.terms].plan));
        asks(plan) && all.count() >= self.limits.campaigns_max as usize
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
            // The first is from one, whatever is wrong with the rest.
            let reached = |tier: &&Tier| tier.from == 1 || tier.from + u32::from(early) <= pieces;
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

    /// What of what is to be paid is paid at once, and how much of that is earnest money.
    pub(super) fn deposit_of(terms: &SaleTerms, to_pay: i128) -> (i128, i128) {
        let Plan::Presale { deposit_bp } = terms.plan else {
            return (0, 0);
        };
        let deposit = -(-(to_pay * i128::from(deposit_bp))).div_euclid(10_000);
        (deposit, deposit.min(to_pay.div_euclid(5)))
    }

    /// Of the seller's money the buyer gets so much, the seller the rest.
    pub(super) fn bond_ends(&mut self, deal: &mut Deal, penalty: i128, moved: &mut Moved) {
        deal.bond = 0;
        moved.penalty = penalty;
        if penalty > 0 {
            self.post(Holder::Account(deal.seller.place()), deal.money, -penalty);
            self.post(Holder::Account(deal.buyer.place()), deal.money, penalty);
        }
    }

    /// The buyer did not pay the balance.
    pub(super) fn forfeited(&mut self, deal: &mut Deal, moved: &mut Moved) {
        let mut earnest = deal.bond;
        if self.fault == Some(Fault::EarnestWhole) {
            earnest = deal.held;
        }
        deal.held -= earnest;
        moved.paid = earnest;
        self.post(Holder::Account(deal.buyer.place()), deal.money, -earnest);
        self.post(Holder::Account(deal.seller.place()), deal.money, earnest);
        self.bond_ends(deal, 0, moved);
        Self::undone(deal, moved);
        deal.state = S::Forfeited;
    }

    /// In the window of a presale, and with the money.
    pub(super) fn may_pay(&self, deal: &Deal) -> Result<(), R> {
        let mut offers = self.shops.offers.iter();
        let offer = offers.find(|one| one.id == deal.offer);
        let waits = deal.state == S::Deposited;
        let early = waits && self.instant() < offer.expect("it waits").window.0;
        fails(early, R::Deadline)?;
        let lacks = deal.to_pay - deal.held > self.available(deal.buyer.place(), deal.money);
        fails(lacks, R::InsufficientFunds)
    }

    /// The buyer has its own money first, then the seller's.
    pub(super) fn decided(
        &mut self,
        deal: &mut Deal,
        [buyer, seller]: [i128; 2],
        goods: GoodsTo,
        moved: &mut Moved,
    ) {
        let bond = deal.bond;
        if deal.answered > 0 {
            let keeps = deal.answered - buyer;
            self.reached.push(if buyer == 0 {
                "a decision leaves a covered seller all"
            } else {
                "a decision takes a part of a guarantee"
            });
            self.answers(deal, buyer, moved);
            assert!(seller == std::mem::take(&mut deal.answered) && seller == keeps);
            deal.disputed = false;
            deal.state = S::Resolved;
            return;
        }
        moved.refunded = buyer.min(deal.held);
        let penalty = buyer - moved.refunded;
        deal.held -= moved.refunded;
        self.pay_seller(deal, deal.held, moved);
        self.bond_ends(deal, penalty, moved);
        assert!(seller == moved.paid + moved.fee + bond - penalty);
        if goods == GoodsTo::Buyer {
            self.goods_leave(deal, moved);
        } else {
            (moved.back, moved.uncounted) = (deal.pieces, deal.pieces);
        }
        deal.disputed = false;
        deal.state = S::Resolved;
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
