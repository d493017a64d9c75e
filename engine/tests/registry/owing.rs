//! What sellers owe by contracts since returns by agreement (section 28).
//!
//! Invariant: who owes, whom and since when is looked up in all contracts each time. Not here:
//! other steps (`registry::performance`).

use super::deals::{Deal, Moved};
use super::*;
use crate::reference::ledger::Holder;
use State as S;

impl Reference {
    /// The contracts by which something is owed, the oldest debt first.
    fn debts_of_sellers(&self) -> Vec<Deal> {
        let all = self.shops.deals.iter();
        let mut owing: Vec<_> = all.filter(|deal| deal.owing > 0).cloned().collect();
        owing.sort_by_key(|deal| deal.since);
        owing
    }

    /// Why the seller of a contract may not owe, if it may not.
    fn barred(&self, deal: &Deal) -> Option<&'static str> {
        let debts = self.debts_of_sellers();
        let same = || debts.iter().filter(|one| one.money == deal.money);
        let own = same().filter(|one| one.seller == deal.seller).count();
        if debts.len() == self.limits.owing_max as usize {
            Some("all together owe by as many as there may be")
        } else if own == self.limits.owing_per_seller_max as usize {
            Some("a seller owes by as many as it may")
        } else if same().any(|one| one.seller == deal.buyer) {
            Some("the buyer owes itself")
        } else if same().any(|one| one.buyer == deal.seller) {
            Some("the seller is owed itself")
        } else {
            None
        }
    }

    pub(super) fn may_owe_buyer(&self, deal: &Deal) -> bool {
        self.barred(deal).is_none()
    }

    pub(super) fn note_barred(&mut self, deal: &Deal) {
        let why = self.barred(deal);
        self.reached.extend(why);
    }

    /// The seller pays for what came back by agreement; what is not there it owes.
    pub(super) fn pays_agreed(&mut self, deal: &mut Deal, money: i128, moved: &mut Moved) {
        let has = self.available(deal.seller.place(), deal.money);
        let now = money.min(has);
        if money > has {
            self.reached.push(if now > 0 {
                "a part is paid at once, the rest is owed"
            } else {
                "all of a return is owed"
            });
            let before = self.debts_of_sellers();
            let seller = |one: &Deal| (one.seller, one.money) == (deal.seller, deal.money);
            if before.iter().any(seller) {
                self.reached.push("a second contract of a seller owes");
            }
            deal.state = S::Owing;
            deal.owing = money - now;
            deal.since = self.sequence.value();
        }
        self.pay_to_buyer(deal, now, moved);
    }

    fn pay_to_buyer(&mut self, deal: &Deal, amount: i128, moved: &mut Moved) {
        moved.penalty = amount;
        if amount > 0 {
            self.post(Holder::Account(deal.seller.place()), deal.money, -amount);
            self.post(Holder::Account(deal.buyer.place()), deal.money, amount);
        }
    }

    /// The buyer asks for no more.
    pub(super) fn let_off(&mut self, deal: &mut Deal) {
        self.reached.push("a buyer lets its seller off");
        self.paid_off(deal);
    }

    fn paid_off(&mut self, deal: &mut Deal) {
        deal.owing = 0;
        if deal.gone_back == deal.pieces {
            deal.state = S::Refunded;
        } else {
            self.goes_on(deal);
        }
    }

    /// After each command: what sellers have beyond what they have drawn goes to those they owe.
    pub(in crate::reference) fn repay_sellers(&mut self) {
        let mut debts = self.debts_of_sellers();
        if self.fault == Some(Fault::NewestDebtFirst) {
            debts.reverse();
        }
        let mut paid: Vec<AccountId> = Vec::new();
        for mut deal in debts {
            let seller = deal.seller.place();
            let drawn = self.drawn(seller, deal.money);
            let free = self.available(seller, deal.money) - drawn;
            let amount = free.min(deal.owing);
            if amount <= 0 {
                continue;
            }
            let mut moved = Moved::default();
            self.pay_to_buyer(&deal, amount, &mut moved);
            if paid.contains(&deal.seller) {
                self.reached.push("what is left of one debt pays the next");
            }
            paid.push(deal.seller);
            if amount < deal.owing {
                self.reached.push("a debt is paid in part");
                deal.owing -= amount;
            } else {
                self.reached.push("a debt is paid off");
                self.paid_off(&mut deal);
            }
            self.step_done(deal, ContractStep::Repay, None, &moved);
        }
        if !paid.is_empty() {
            self.repay_owed();
        }
    }
}
