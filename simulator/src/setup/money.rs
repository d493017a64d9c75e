//! Money and goods of a run, through the public API: assets and their custodians, clearing and
//! fees, deposits, and what everybody has in the end.
//!
//! Invariant: everything is of demonstrations, and every request's id follows from the run's name,
//! so a deposit repeated over a restart is made once. Not here: what is traded with it.

use std::collections::BTreeMap;

use proto::v1::{
    AssetClass, CreateAssetRequest, CreateCustodianRequest, CustodianKind, FeeRates,
    GetBalancesRequest, GetBalancesResponse, HolderKind, InstructRequest, InstructionDirection,
    ListPositionsRequest, Position, SetClearingRequest, SetFeesRequest,
};
use rust_decimal::Decimal;
use tokio::task::JoinSet;
use tonic::Status;

use super::{Operator, PAGE, PIPELINED_MAX, Run, SetupError, account_id, handle, rejected, short};
use crate::client::connect::Connection;
use crate::report::Summary;

/// What a run's instruments are paid in and deliver, and who keeps it.
#[derive(Clone, Debug)]
pub struct Treasury {
    operator: Operator,
    /// The currency's id.
    pub money: String,
    bank: String,
    warehouse: String,
    /// Digits after the point of the currency's amounts.
    decimals: u32,
}

/// What every account of a run begins with.
#[derive(Clone, Copy, Debug)]
pub struct Stake {
    /// Money, in the currency's units.
    pub money: Decimal,
    /// Goods of each kind, in their units.
    pub goods: Decimal,
}

impl Treasury {
    /// Makes the run's currency with so many decimals, its bank and its warehouse.
    pub async fn open(operator: &Operator, decimals: u32) -> Result<Self, SetupError> {
        let run = &operator.run;
        let treasury = Self {
            operator: operator.clone(),
            money: money_of(run),
            bank: run.id("bank"),
            warehouse: run.id("store"),
            decimals,
        };
        let (currency, name) = (AssetClass::Currency, treasury.money.clone());
        treasury.asset(&name, currency, decimals, "").await?;
        let keepers = [
            (&treasury.bank, CustodianKind::Bank),
            (&treasury.warehouse, CustodianKind::Warehouse),
        ];
        for (name, kind) in keepers {
            treasury.custodian(name, kind).await?;
        }
        Ok(treasury)
    }

    async fn asset(
        &self,
        asset_id: &str,
        class: AssetClass,
        decimals: u32,
        unit: &str,
    ) -> Result<(), SetupError> {
        let request = CreateAssetRequest {
            context: Some(self.operator.context(&format!("k-{}", short(asset_id)))),
            asset_id: asset_id.to_owned(),
            asset_class: class.into(),
            decimals,
            unit: unit.to_owned(),
            demonstration: true,
        };
        let connection = &self.operator.connection;
        let answer = connection
            .persist(|| {
                let (mut client, request) = (connection.operations(), request.clone());
                async move { client.create_asset(request).await }
            })
            .await;
        handle(&format!("creating asset {asset_id}"), answer).map(|_| ())
    }

    async fn custodian(&self, id: &str, kind: CustodianKind) -> Result<(), SetupError> {
        let request = CreateCustodianRequest {
            context: Some(self.operator.context(&format!("w-{}", short(id)))),
            custodian_id: id.to_owned(),
            kind: kind.into(),
            demonstration: true,
        };
        let connection = &self.operator.connection;
        let answer = connection
            .persist(|| {
                let (mut client, request) = (connection.operations(), request.clone());
                async move { client.create_custodian(request).await }
            })
            .await;
        handle(&format!("creating custodian {id}"), answer).map(|_| ())
    }

    /// Makes a kind of goods, counted in whole `unit`s; its id.
    pub async fn stock(&self, name: &str, unit: &str) -> Result<String, SetupError> {
        let goods = goods_of(&self.operator.run, name);
        self.asset(&goods, AssetClass::Goods, 0, unit).await?;
        Ok(goods)
    }

    /// The id of the run's bank.
    pub fn bank(&self) -> &str {
        &self.bank
    }

    /// The id of the run's warehouse.
    pub fn warehouse(&self) -> &str {
        &self.warehouse
    }

    /// Gives an instrument of whole lots its clearing, with goods of its own counted in `unit`; the
    /// id of these goods.
    pub async fn clear(&self, instrument_id: &str, unit: &str) -> Result<String, SetupError> {
        let goods = self.stock(instrument_id, unit).await?;
        let what = format!("clearing {instrument_id}");
        let id = format!("cl-{}", short(instrument_id));
        let request = SetClearingRequest {
            context: Some(self.operator.context(&id)),
            instrument_id: instrument_id.to_owned(),
            money_asset_id: self.money.clone(),
            goods_asset_id: goods.clone(),
        };
        let connection = &self.operator.connection;
        let answer = connection
            .persist(|| {
                let (mut client, request) = (connection.operations(), request.clone());
                async move { client.set_clearing(request).await }
            })
            .await;
        accepted(what, answer)?;
        Ok(goods)
    }

    /// Sets what orders of the venue are charged.
    pub async fn charge(&self, venue_id: &str, rates: FeeRates) -> Result<(), SetupError> {
        let request = SetFeesRequest {
            context: Some(self.operator.context("fees")),
            venue_id: venue_id.to_owned(),
            rates: Some(rates),
            money_asset_id: self.money.clone(),
            ..SetFeesRequest::default()
        };
        let connection = &self.operator.connection;
        let answer = connection
            .persist(|| {
                let (mut client, request) = (connection.operations(), request.clone());
                async move { client.set_fees(request).await }
            })
            .await;
        accepted(format!("setting fees of {venue_id}"), answer)
    }

    /// Deposits every account's stake, many at a time; accounts are those of the run, from 0 on.
    pub async fn fund(
        &self,
        accounts: u32,
        goods: &[String],
        stake: Stake,
    ) -> Result<(), SetupError> {
        let mut running = JoinSet::new();
        for index in 0..accounts {
            for (place, asset) in std::iter::once(&self.money).chain(goods).enumerate() {
                if running.len() == PIPELINED_MAX {
                    ended(running.join_next().await)?;
                }
                let amount = if place == 0 { stake.money } else { stake.goods };
                let (treasury, asset) = (self.clone(), asset.clone());
                let id = format!("d{index}.{place}");
                running.spawn(async move { treasury.deposit(index, asset, amount, &id).await });
            }
        }
        while let Some(one) = running.join_next().await {
            ended(Some(one))?;
        }
        Ok(())
    }

    /// Deposits an amount to an account of the run; the same `id` again changes nothing.
    pub async fn deposit(
        &self,
        account: u32,
        asset_id: String,
        amount: Decimal,
        id: &str,
    ) -> Result<(), SetupError> {
        let what = format!("funding account {account} with {asset_id}");
        let of = (account_id(&self.operator.run, account), asset_id);
        let request = self.instruction(of, InstructionDirection::Deposit, amount, id);
        let connection = &self.operator.connection;
        let answer = connection
            .persist(|| {
                let (mut client, request) = (connection.accounts(), request.clone());
                async move { client.instruct(request).await }
            })
            .await;
        accepted(what, answer)
    }

    /// What tells the custodian of an asset to move an amount of an account's.
    pub fn instruction(
        &self,
        (account_id, asset_id): (String, String),
        direction: InstructionDirection,
        amount: Decimal,
        id: &str,
    ) -> InstructRequest {
        let custodian = if asset_id == self.money {
            &self.bank
        } else {
            &self.warehouse
        };
        InstructRequest {
            context: Some(self.operator.context(id)),
            account_id,
            asset_id,
            custodian_id: custodian.clone(),
            direction: direction.into(),
            amount: amount.to_string(),
        }
    }

    /// Digits after the point of the currency's amounts.
    pub fn decimals(&self) -> u32 {
        self.decimals
    }
}

/// What a run put in, to be counted at its end.
#[derive(Clone, Debug)]
pub struct Staked {
    /// Who made it.
    pub treasury: Treasury,
    /// The ids of the kinds of goods.
    pub goods: Vec<String>,
    /// The venue that takes the fees.
    pub venue: String,
    /// How many accounts of the run there are, from 0 on.
    pub accounts: u32,
    /// What each of them was given.
    pub stake: Stake,
}

impl Staked {
    /// Gives each account of the run its stake.
    pub async fn fund(&self) -> Result<(), SetupError> {
        let treasury = &self.treasury;
        treasury.fund(self.accounts, &self.goods, self.stake).await
    }

    /// Counts what all accounts of the run, its venue and its custodians have, and compares it with
    /// what was deposited: to the smallest unit. Nobody may trade meanwhile.
    pub async fn count(&self, summary: &mut Summary) -> Result<(), SetupError> {
        let (treasury, accounts, stake) = (&self.treasury, self.accounts, self.stake);
        let connection = &treasury.operator.connection;
        let mut have = BTreeMap::<String, Decimal>::new();
        let ids = (0..accounts).map(|index| account_id(&treasury.operator.run, index));
        for (_, has) in list_balances(connection, ids).await? {
            for balance in has.balances {
                *have.entry(balance.asset_id).or_default() += decimal(&balance.balance)?;
            }
        }
        let positions = list_positions(connection).await?;
        for (place, asset) in std::iter::once(&treasury.money)
            .chain(&self.goods)
            .enumerate()
        {
            let of = |kind: HolderKind, holder: &str| {
                let mut all = positions.iter();
                let found = all.find(|position| {
                    position.holder_kind() == kind
                        && position.holder_id == holder
                        && position.asset_id == *asset
                });
                found.map_or(Ok(Decimal::ZERO), |position| decimal(&position.available))
            };
            let fees = of(HolderKind::Venue, &self.venue)?;
            let keeper = if place == 0 {
                &treasury.bank
            } else {
                &treasury.warehouse
            };
            let outside = -of(HolderKind::Custodian, keeper)?;
            let each = if place == 0 { stake.money } else { stake.goods };
            let deposited = each * Decimal::from(accounts);
            let accounts_have = have.get(asset).copied().unwrap_or_default();
            let told = format!(
                "{asset}: {accounts} accounts have {accounts_have}, fees took {fees}, custodians \
                 keep {outside}, deposited were {deposited}"
            );
            if accounts_have + fees != deposited || outside != deposited {
                summary.mismatch(|| told.clone());
            }
            summary.notes.push(told);
        }
        Ok(())
    }
}

type Joined<T> = Option<Result<Result<T, SetupError>, tokio::task::JoinError>>;

fn ended<T>(joined: Joined<T>) -> Result<T, SetupError> {
    let joined = joined.ok_or_else(|| SetupError::Aborted("no task is running".to_owned()))?;
    joined.map_err(|error| SetupError::Aborted(error.to_string()))?
}

fn accepted(
    what: String,
    answer: Result<proto::v1::OperationReport, Status>,
) -> Result<(), SetupError> {
    match answer {
        Ok(report) if report.accepted => Ok(()),
        Ok(report) => Err(rejected(what, report)),
        Err(status) => Err(SetupError::Call { what, status }),
    }
}

pub(crate) fn decimal(text: &str) -> Result<Decimal, SetupError> {
    let wrong = |_| SetupError::Aborted(format!("`{text}` is no amount"));
    text.parse().map_err(wrong)
}

/// The id of a run's currency.
pub fn money_of(run: &Run) -> String {
    run.id("money")
}

/// The id of the goods that an instrument of a run delivers.
pub fn goods_of(run: &Run, instrument_id: &str) -> String {
    run.id(&format!("g-{}", short(instrument_id)))
}

/// All that each of many accounts has, in any order.
pub async fn list_balances(
    connection: &Connection,
    accounts: impl Iterator<Item = String>,
) -> Result<Vec<(String, GetBalancesResponse)>, SetupError> {
    let mut all = Vec::new();
    let mut running = JoinSet::new();
    for account in accounts {
        if running.len() == PIPELINED_MAX {
            all.push(ended(running.join_next().await)?);
        }
        let connection = connection.clone();
        running.spawn(async move {
            let has = get_balances(&connection, account.clone()).await;
            has.map(|has| (account, has))
        });
    }
    while let Some(one) = running.join_next().await {
        all.push(ended(Some(one))?);
    }
    Ok(all)
}

/// All that an account has, and at which place of the exchange's history.
pub async fn get_balances(
    connection: &Connection,
    account_id: String,
) -> Result<GetBalancesResponse, SetupError> {
    let request = GetBalancesRequest {
        account_id,
        page_size: PAGE,
        page_token: String::new(),
    };
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.accounts(), request.clone());
            async move { client.get_balances(request).await }
        })
        .await;
    let what = || format!("reading the balances of {}", request.account_id);
    answer.map_err(|status| SetupError::Call {
        what: what(),
        status,
    })
}

/// All positions of venues and custodians.
pub async fn list_positions(connection: &Connection) -> Result<Vec<Position>, SetupError> {
    let (mut positions, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListPositionsRequest {
            holder_kind: HolderKind::Unspecified.into(),
            page_size: PAGE,
            page_token,
        };
        let answer = connection
            .persist(|| {
                let (mut client, request) = (connection.accounts(), request.clone());
                async move { client.list_positions(request).await }
            })
            .await;
        let page = answer.map_err(|status| SetupError::Call {
            what: "listing positions".to_owned(),
            status,
        })?;
        positions.extend(page.positions);
        if page.next_page_token.is_empty() {
            return Ok(positions);
        }
        page_token = page.next_page_token;
    }
}
