//! Balances of a crash run: what the accounts must have by all that was told, against what they
//! have.
//!
//! Invariant: an account's balances are compared at the place of the history they were told at, so
//! it may trade meanwhile (a session sends again by itself what was not answered); deposits and
//! withdrawals stand still. Not here: the sums (`purse`), what was moved (`moves`).

use std::collections::{BTreeSet, HashMap};

use proto::v1::{ExecutionReport, GetBalancesResponse};
use rust_decimal::Decimal;

use super::ledger::Faults;
use crate::{
    client::connect::Connection,
    load::market::Market,
    purse::{Assets, Moved, Purse},
    replay,
    setup::{
        Run, SetupError,
        money::{Stake, goods_of, list_balances, money_of},
    },
};

/// The accounts of one participant, what they began with, and what they trade.
pub(super) struct Wallet {
    assets: Assets,
    stake: Stake,
    accounts: BTreeSet<String>,
}

/// What accounts had, in the order in which it was so.
pub(super) struct Has(Vec<(String, GetBalancesResponse)>);

/// What a comparison found.
#[derive(Default)]
pub(super) struct Compared {
    /// Accounts compared.
    pub accounts: u64,
    /// Of these, such that hold something.
    pub holding: u64,
    /// What differs.
    pub faults: Faults,
}

impl Wallet {
    /// Of the live clients, on a market of their own.
    pub fn live(run: &Run, market: &Market) -> Option<Self> {
        let instruments = market.named.iter().map(|named| named.id.clone());
        let accounts = market.accounts.iter();
        Some(Self {
            assets: assets(run, instruments),
            stake: market.staked.as_ref()?.stake,
            accounts: accounts.map(|account| account.account_id.clone()).collect(),
        })
    }

    /// Of a replayed day: the accounts of which its reports tell.
    pub fn of_day(run: &Run, reports: &[ExecutionReport]) -> Self {
        let accounts = reports.iter();
        Self {
            assets: assets(run, [replay::instrument_of(run)].into_iter()),
            stake: replay::stake_of_each(),
            accounts: accounts.map(|report| report.account_id.clone()).collect(),
        }
    }

    /// What the accounts have, each at a place of the exchange's history.
    pub async fn read(&self, connection: &Connection) -> Result<Has, SetupError> {
        let accounts = self.accounts.iter().cloned();
        let mut all = list_balances(connection, accounts).await?;
        all.sort_by_key(|(_, has)| has.engine_sequence);
        Ok(Has(all))
    }

    /// Compares what the accounts had with what the reports up to there and the moves leave, of
    /// which the second may have been carried out or not. The reports were read after the balances.
    pub fn compare(
        &self,
        has: &Has,
        reports: &[ExecutionReport],
        (done, in_doubt): (&[Moved], &[Moved]),
    ) -> Compared {
        let mut compared = Compared::default();
        let mut purse = self.purse(done);
        let mut reports = reports.iter().peekable();
        for (account, has) in &has.0 {
            let upto = has.engine_sequence;
            while let Some(report) = reports.next_if(|one| one.engine_sequence <= upto) {
                if let Err(what) = purse.take(report) {
                    compared.faults.add(what);
                }
            }
            compared.accounts += 1;
            let holds = |held: &String| held.parse().is_ok_and(|held: Decimal| !held.is_zero());
            compared.holding += u64::from(has.balances.iter().any(|one| holds(&one.held)));
            if let Some(what) = purse.differs(account, &has.balances, in_doubt) {
                compared.faults.add(format!("at {upto}: {what}"));
            }
        }
        compared
    }

    /// Stakes and moves, before anything is traded.
    fn purse(&self, done: &[Moved]) -> Purse {
        let mut purse = Purse::new(self.assets.clone());
        for account_id in &self.accounts {
            let money = [(&self.assets.money, self.stake.money)];
            let goods = self.assets.goods.values();
            let goods = goods.map(|asset| (asset, self.stake.goods));
            for (asset_id, amount) in money.into_iter().chain(goods) {
                purse.moved(&Moved {
                    account_id: account_id.clone(),
                    asset_id: asset_id.clone(),
                    amount,
                });
            }
        }
        for moved in done {
            purse.moved(moved);
        }
        purse
    }
}

fn assets(run: &Run, instruments: impl Iterator<Item = String>) -> Assets {
    let goods: HashMap<_, _> = instruments
        .map(|instrument| {
            let goods = goods_of(run, &instrument);
            (instrument, goods)
        })
        .collect();
    Assets {
        money: money_of(run),
        goods,
    }
}
