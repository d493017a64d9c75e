//! For tests: money and goods on the market of `support`, by the public API.
//!
//! Invariant: ids are fixed. Not here: how an exchange is started, what is expected.
#![allow(dead_code, reason = "each user takes its part")]

use std::collections::BTreeMap;

use proto::v1;
use proto::v1::accounts_client::AccountsClient;
use proto::v1::operations_client::OperationsClient;
use tonic::transport::Channel;

use super::market::context;

pub fn asset(id: &str, class: v1::AssetClass, decimals: u32, unit: &str) -> v1::CreateAssetRequest {
    v1::CreateAssetRequest {
        context: context(&format!("asset-{id}")),
        asset_id: id.to_owned(),
        asset_class: class.into(),
        decimals,
        unit: unit.to_owned(),
        demonstration: true,
    }
}

pub fn custodian(id: &str, kind: v1::CustodianKind) -> v1::CreateCustodianRequest {
    v1::CreateCustodianRequest {
        context: context(&format!("custodian-{id}")),
        custodian_id: id.to_owned(),
        kind: kind.into(),
        demonstration: true,
    }
}

pub fn set_clearing() -> v1::SetClearingRequest {
    v1::SetClearingRequest {
        context: context("clearing-COAL"),
        instrument_id: "COAL".to_owned(),
        money_asset_id: "CNY".to_owned(),
        goods_asset_id: "coal".to_owned(),
    }
}

/// Maker 1 basis point, taker 5 basis points, at least 1 yuan, at most 500.
pub fn set_fees() -> v1::SetFeesRequest {
    v1::SetFeesRequest {
        context: context("fees-V"),
        venue_id: "V".to_owned(),
        instrument_id: String::new(),
        tier: 0,
        rates: Some(v1::FeeRates {
            maker_ppm: 100,
            taker_ppm: 500,
            auction_ppm: 300,
            per_lot: String::new(),
            minimum: "1.00".to_owned(),
            cap: "500.00".to_owned(),
        }),
        money_asset_id: "CNY".to_owned(),
    }
}

/// Assets CNY (2 decimals) and coal (kilograms of a tonne), custodians bank and warehouse, all
/// demonstrations; COAL is cleared in them and charged by `set_fees`.
pub async fn make_clearing(channel: Channel) {
    let mut operations = OperationsClient::new(channel);
    let accepted = |report: v1::OperationReport| assert!(report.accepted, "{report:?}");
    for request in [
        asset("CNY", v1::AssetClass::Currency, 2, ""),
        asset("coal", v1::AssetClass::Goods, 3, "t"),
    ] {
        let report = operations.create_asset(request).await;
        accepted(report.expect("an asset").into_inner());
    }
    for request in [
        custodian("bank", v1::CustodianKind::Bank),
        custodian("warehouse", v1::CustodianKind::Warehouse),
    ] {
        let report = operations.create_custodian(request).await;
        accepted(report.expect("a custodian").into_inner());
    }
    let report = operations.set_clearing(set_clearing()).await;
    accepted(report.expect("clearing").into_inner());
    let report = operations.set_fees(set_fees()).await;
    accepted(report.expect("fees").into_inner());
}

/// An instruction of CNY or coal.
pub fn instruct(
    id: &str,
    direction: v1::InstructionDirection,
    account: &str,
    asset: &str,
    amount: &str,
) -> v1::InstructRequest {
    let custodian = if asset == "CNY" { "bank" } else { "warehouse" };
    v1::InstructRequest {
        context: context(id),
        account_id: account.to_owned(),
        asset_id: asset.to_owned(),
        custodian_id: custodian.to_owned(),
        direction: direction.into(),
        amount: amount.to_owned(),
    }
}

pub fn deposit(id: &str, account: &str, asset: &str, amount: &str) -> v1::InstructRequest {
    let direction = v1::InstructionDirection::Deposit;
    instruct(id, direction, account, asset, amount)
}

pub fn withdrawal(id: &str, account: &str, asset: &str, amount: &str) -> v1::InstructRequest {
    let direction = v1::InstructionDirection::Withdrawal;
    instruct(id, direction, account, asset, amount)
}

/// What an account has: by asset, available and held.
pub async fn balances(channel: Channel, account: &str) -> BTreeMap<String, (String, String)> {
    let mut accounts = AccountsClient::new(channel);
    let mut request = v1::GetBalancesRequest {
        account_id: account.to_owned(),
        page_size: 1,
        page_token: String::new(),
    };
    let mut all = BTreeMap::new();
    loop {
        let page = accounts
            .get_balances(request.clone())
            .await
            .expect("a page");
        let page = page.into_inner();
        assert!(page.balances.len() <= 1 && page.engine_sequence > 0);
        for one in page.balances {
            assert!(one.demonstration);
            all.insert(one.asset_id, (one.available, one.held));
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}
