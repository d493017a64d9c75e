//! What is lent: drawn when a hold is short, repaid at the end of the command (section 16).
//!
//! Invariant: what is drawn is the credit's balance below zero, like everything a sum of postings.
//! Not here: the commands (`registry::credit`).

use super::*;

/// The most there may be of one asset, and the most that is lent of it.
const MOST: i128 = ledger::CIRCULATION_MAX;

impl Reference {
    /// What an account has drawn of a currency.
    pub fn drawn(&self, account: usize, asset: usize) -> i128 {
        -self.balance(Holder::Credit(account), asset)
    }

    /// What its collateral counts for.
    pub fn collateral(&self, account: usize, money: usize) -> i128 {
        let own = |pledge: &&registry::Pledge| (pledge.account, pledge.money) == (account, money);
        let pledges = self.money.pledges.iter().filter(own);
        let value = |pledge: &registry::Pledge| {
            let pair = (money, pledge.goods);
            let known = self.money.haircuts.iter().find(|known| known.0 == pair);
            let (_, price, points) = *known.expect("pledged with a haircut");
            let decimals = self.money.assets[pledge.goods].class.decimals();
            let whole = 10_i128.pow(u32::from(decimals)) * 10_000;
            (pledge.amount * price * points).div_euclid(whole)
        };
        pledges.map(value).sum()
    }

    /// What it may draw in all; none without credit.
    fn lendable(&self, account: usize, asset: usize) -> Option<i128> {
        let known = self.money.scores.iter();
        let mut known = known.filter(|known| (known.0, known.1) == (account, asset));
        let band = known.next()?.2;
        let lines = &self.money.lines;
        let line = lines
            .iter()
            .find(|known| (known.0, known.1) == (asset, band));
        let line = line.map_or(0, |known| known.2);
        Some((line + self.collateral(account, asset)).min(MOST))
    }

    /// Whether an account has so much, or may draw what is short.
    pub fn affords(&self, account: usize, asset: usize, more: i128) -> bool {
        let short = more - self.available(account, asset);
        if more <= 0 || short <= 0 {
            return true;
        }
        let Some(most) = self.lendable(account, asset) else {
            return false;
        };
        self.drawn(account, asset) + short <= most && self.there_is(asset) + short <= MOST
    }

    /// What is short of so much more is drawn.
    pub(super) fn draw(&mut self, order: &Order, more: i128, why: &'static str) {
        let Some(cleared) = self.instruments[order.instrument].clearing else {
            return;
        };
        let (account, asset) = (order.account.place(), cleared.money);
        let short = more - self.available(account, asset);
        if more <= 0 || short <= 0 {
            return;
        }
        self.reached.push(why);
        let secured = self.lendable(account, asset);
        let line = secured.expect("afforded") - self.collateral(account, asset);
        if self.drawn(account, asset) + short > line {
            self.reached.push("draw on collateral");
        }
        self.post(Holder::Account(account), asset, short);
        self.post(Holder::Credit(account), asset, -short);
    }

    /// What each credit has drawn, by account and currency.
    pub(super) fn all_drawn(&self) -> Vec<(usize, usize, i128)> {
        let scores = self.money.scores.iter();
        let mut all: Vec<_> = scores
            .map(|&(account, asset, _)| (account, asset, self.drawn(account, asset)))
            .collect();
        all.sort_unstable();
        all
    }

    /// The end of a command.
    pub(super) fn repay_drawn(&mut self, before: &[(usize, usize, i128)]) {
        for (account, asset, drawn) in self.all_drawn() {
            let back = drawn.min(self.available(account, asset));
            if back > 0 && self.fault != Some(Fault::NeverRepaid) {
                self.post(Holder::Account(account), asset, -back);
                self.post(Holder::Credit(account), asset, back);
                let all = if back == drawn {
                    "repaid"
                } else {
                    "repaid in part"
                };
                self.reached.push(all);
            }
            let known = before
                .iter()
                .find(|known| (known.0, known.1) == (account, asset));
            let now = self.drawn(account, asset);
            let change = now - known.map_or(0, |known| known.2);
            if change != 0 {
                self.out.push(Event::Credit(CreditEvent::Moved(CreditMoved {
                    account: AccountId::new(account as u32),
                    asset: AssetId::new(asset as u32),
                    change: ledger::small(change),
                    drawn: Amount::new(ledger::small(now)).expect("within bounds"),
                })));
            }
        }
    }
}
