//! Who of a market that others made has the money and goods to trade there.
//!
//! Invariant: nobody's money is moved; who has too little of anything that is traded does not
//! trade, since its orders would be rejected and measure nothing. Not here: the market of a run's
//! own, whose accounts are given a stake (`market`).

use std::collections::BTreeMap;

use proto::v1::{Account, GetBalancesResponse, GetClearingRequest, GetClearingResponse};
use rust_decimal::Decimal;
use tonic::{Code, Status};

use super::market::Named;
use crate::{
    client::connect::Connection,
    setup::{
        SetupError,
        money::{decimal, list_balances},
    },
    workload::flow::{LOTS_MAX, Traded},
};

/// What an account has to have available of each asset, in its units.
type Needs = BTreeMap<String, Decimal>;

/// The accounts that have what `orders` of the largest orders of each instrument take; all of them
/// where that is none.
pub async fn who_can(
    connection: &Connection,
    accounts: Vec<Account>,
    traded: &[(Named, Traded)],
    orders: u32,
) -> Result<Vec<Account>, SetupError> {
    if orders == 0 {
        return Ok(accounts);
    }
    let mut needs = Needs::new();
    for (named, bounds) in traded {
        if let Some(clearing) = clearing(connection, &named.id).await? {
            add(&mut needs, &clearing, (named, bounds), orders);
        }
    }
    let ids = accounts.iter().map(|account| account.account_id.clone());
    let mut rich = Vec::new();
    for (id, has) in list_balances(connection, ids).await? {
        if is_enough(&has, &needs)? {
            rich.push(id);
        }
    }
    rich.sort_unstable();
    let is_rich = |account: &Account| rich.binary_search(&account.account_id).is_ok();
    Ok(accounts.into_iter().filter(is_rich).collect())
}

/// What an instrument is paid in and delivers; nothing is held for orders of one without clearing.
async fn clearing(
    connection: &Connection,
    instrument_id: &str,
) -> Result<Option<GetClearingResponse>, SetupError> {
    let request = GetClearingRequest {
        instrument_id: instrument_id.to_owned(),
    };
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.accounts(), request.clone());
            async move { client.get_clearing(request).await }
        })
        .await;
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(status) if is_uncleared(&status) => Ok(None),
        Err(status) => Err(SetupError::Call {
            what: format!("looking at the clearing of {instrument_id}"),
            status,
        }),
    }
}

fn is_uncleared(status: &Status) -> bool {
    matches!(status.code(), Code::FailedPrecondition | Code::NotFound)
}

/// An order is at most as large as the flow makes it, at the highest price it may have.
fn add(
    needs: &mut Needs,
    clearing: &GetClearingResponse,
    (named, bounds): (&Named, &Traded),
    orders: u32,
) {
    let lots = bounds.max_lots.min(LOTS_MAX as i64);
    let goods = Decimal::from(lots) * named.lot * Decimal::from(orders);
    let money = goods * named.tick * Decimal::from(bounds.high_ticks.abs());
    for (asset, amount) in [
        (&clearing.money_asset_id, money),
        (&clearing.goods_asset_id, goods),
    ] {
        let need = needs.entry(asset.clone()).or_default();
        *need = amount.max(*need);
    }
}

fn is_enough(has: &GetBalancesResponse, needs: &Needs) -> Result<bool, SetupError> {
    let mut available = Needs::new();
    for balance in &has.balances {
        available.insert(balance.asset_id.clone(), decimal(&balance.available)?);
    }
    let enough = |(asset, need): (&String, &Decimal)| {
        available.get(asset).is_some_and(|amount| amount >= need)
    };
    Ok(needs.iter().all(enough))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clearing() -> GetClearingResponse {
        GetClearingResponse {
            money_asset_id: "CNY".to_owned(),
            goods_asset_id: "cu".to_owned(),
            ..GetClearingResponse::default()
        }
    }

    /// Ten orders of at most 20 lots of 5 at 100 ticks of 0.5: 1,000 of goods, 50,000 of money.
    fn needs() -> Needs {
        let named = Named {
            id: "cu".to_owned(),
            handle: 0,
            tick: Decimal::new(5, 1),
            lot: Decimal::from(5),
        };
        let bounds = Traded {
            base_ticks: 80,
            low_ticks: 60,
            high_ticks: 100,
            max_lots: 20,
            continuous: true,
        };
        let mut needs = Needs::new();
        add(&mut needs, &clearing(), (&named, &bounds), 10);
        let small = Traded {
            max_lots: 1,
            ..bounds
        };
        add(&mut needs, &clearing(), (&named, &small), 10);
        needs
    }

    fn has(money: &str, goods: &str) -> GetBalancesResponse {
        let balance = |asset: &str, available: &str| proto::v1::Balance {
            asset_id: asset.to_owned(),
            available: available.to_owned(),
            ..proto::v1::Balance::default()
        };
        GetBalancesResponse {
            balances: vec![balance("CNY", money), balance("cu", goods)],
            ..GetBalancesResponse::default()
        }
    }

    #[test]
    fn who_has_too_little_of_anything_that_is_traded_does_not_trade() {
        let needs = needs();
        let wanted = [("CNY", 50_000), ("cu", 1_000)];
        let wanted = wanted.map(|(asset, need)| (asset.to_owned(), Decimal::from(need)));
        assert_eq!(needs, wanted.into(), "what the largest order takes");
        for (money, goods, enough) in [
            ("50000.00", "1000", true),
            ("49999.99", "1000", false),
            ("50000.00", "999", false),
        ] {
            assert_eq!(is_enough(&has(money, goods), &needs).unwrap(), enough);
        }
        let nothing = GetBalancesResponse::default();
        assert!(!is_enough(&nothing, &needs).unwrap());
        assert!(is_enough(&nothing, &Needs::new()).unwrap());
        assert!(is_enough(&has("much", "1"), &needs).is_err());
    }
}
