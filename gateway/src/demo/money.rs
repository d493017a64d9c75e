//! The money and goods of the demonstration: two currencies, goods of every instrument, a bank and
//! a warehouse that answer by themselves, fees, and what each account begins with.
//!
//! Invariant: as in `demo`; an account that ever had an asset is not funded with it again, since
//! the ids of requests are forgotten after two days. Not here: orders.

use std::collections::HashSet;

use engine::clearing::Holder;
use proto::v1;

use super::{ACCOUNTS, Demo, INSTRUMENTS, Instrument, VENUE, context};
use crate::admission::Payer;
use crate::services::look;

const BANK: &str = "DEMO-BANK";
pub(super) const WAREHOUSE: &str = "DEMO-WAREHOUSE";
/// Cents and fen.
const MONEY_DECIMALS: u32 = 2;
/// What an account begins with, in each currency and of each kind of goods: a week of the
/// demonstration's flow does not use it up.
const STAKE: &str = "100000000000";

impl Demo<'_> {
    /// Makes what is not there yet.
    pub(super) async fn money(&self) -> Result<(), String> {
        for currency in ["CNY", "USD"] {
            let class = v1::AssetClass::Currency;
            self.asset(currency, class, MONEY_DECIMALS, "").await?;
        }
        let kinds = [
            (BANK, v1::CustodianKind::Bank),
            (WAREHOUSE, v1::CustodianKind::Warehouse),
        ];
        for (id, kind) in kinds {
            if self.lacks(|tables| tables.custodians.find(id)) {
                self.make(&v1::CreateCustodianRequest {
                    context: Some(context(id)),
                    custodian_id: id.to_owned(),
                    kind: kind.into(),
                    demonstration: true,
                })
                .await?;
            }
        }
        for instrument in &INSTRUMENTS {
            let class = v1::AssetClass::Goods;
            self.asset(instrument.id, class, 0, instrument.unit).await?;
            self.clear(instrument).await?;
        }
        let money = ["CNY", "USD"].map(|id| (id, BANK));
        let goods = INSTRUMENTS.iter().map(|one| (one.id, WAREHOUSE));
        self.fund(money.into_iter().chain(goods), ACCOUNTS).await
    }

    pub(super) async fn asset(
        &self,
        id: &str,
        class: v1::AssetClass,
        decimals: u32,
        unit: &str,
    ) -> Result<(), String> {
        if self.lacks(|tables| tables.assets.find(id)) {
            self.make(&v1::CreateAssetRequest {
                context: Some(context(&format!("{id}-ASSET"))),
                asset_id: id.to_owned(),
                asset_class: class.into(),
                decimals,
                unit: unit.to_owned(),
                demonstration: true,
            })
            .await?;
        }
        Ok(())
    }

    /// An instrument of an older folder may have live orders; then it goes on without.
    async fn clear(&self, instrument: &Instrument) -> Result<(), String> {
        let id = instrument.id;
        let idle = {
            let tables = self.exchange.directory.read();
            let handle = tables
                .instruments
                .find(id)
                .map(engine::types::InstrumentId::new);
            handle.filter(|handle| !tables.cleared.contains_key(handle))
        };
        let Some(handle) = idle else {
            return Ok(());
        };
        let live =
            move |engine: &engine::engine::Engine| engine.live_orders(handle).next().is_some();
        let seen = look(self.exchange, Payer::Operator, live).await;
        if seen.map_err(|failure| failure.to_string())?.1 {
            return Ok(());
        }
        self.make(&v1::SetClearingRequest {
            context: Some(context(&format!("{id}-CLEARING"))),
            instrument_id: id.to_owned(),
            money_asset_id: instrument.currency.to_owned(),
            goods_asset_id: id.to_owned(),
        })
        .await?;
        self.make(&v1::SetFeesRequest {
            context: Some(context(&format!("{id}-FEES"))),
            venue_id: VENUE.to_owned(),
            instrument_id: id.to_owned(),
            tier: 0,
            rates: Some(v1::FeeRates {
                maker_ppm: 50,
                taker_ppm: 100,
                auction_ppm: 75,
                ..v1::FeeRates::default()
            }),
            money_asset_id: String::new(),
        })
        .await
    }

    /// Gives the first so many accounts what they never had.
    pub(super) async fn fund(
        &self,
        assets: impl Iterator<Item = (&'static str, &'static str)>,
        accounts: usize,
    ) -> Result<(), String> {
        let had = look(self.exchange, Payer::Operator, |engine| {
            let positions = engine.clearing().ledger().positions().iter();
            let of_accounts = positions.filter_map(|position| match position.holder() {
                Holder::Account(account) => Some((account.index(), position.asset().index())),
                Holder::Venue(_)
                | Holder::Custodian(_)
                | Holder::Credit(_)
                | Holder::Transit(_)
                | Holder::Receivable(_)
                | Holder::Clearing(_) => None,
            });
            of_accounts.collect::<HashSet<_>>()
        });
        let (_, had) = had.await.map_err(|failure| failure.to_string())?;
        for (asset_id, custodian_id) in assets {
            for number in 0..accounts {
                let account_id = format!("ACCOUNT-{number:02}");
                let place = {
                    let tables = self.exchange.directory.read();
                    let account = tables.accounts.find(&account_id);
                    account.zip(tables.assets.find(asset_id))
                };
                if place.is_none_or(|place| had.contains(&place)) {
                    continue;
                }
                self.make(&v1::InstructRequest {
                    context: Some(context(&format!("{number:02}-{asset_id}"))),
                    account_id,
                    asset_id: asset_id.to_owned(),
                    custodian_id: custodian_id.to_owned(),
                    direction: v1::InstructionDirection::Deposit.into(),
                    amount: STAKE.to_owned(),
                })
                .await?;
            }
        }
        Ok(())
    }
}
