//! For tests: a shop with tea on offer, by the public API.
//!
//! Invariant: ids are fixed; B sells, A buys, both of participant P. Not here: how an exchange is
//! started, what is expected.
#![allow(dead_code, reason = "each user takes its part")]
#![allow(
    clippy::unnecessary_wraps,
    reason = "most of what is made here is an optional field on the wire"
)]

use proto::v1;
use proto::v1::accounts_client::AccountsClient;
use proto::v1::contracts_client::ContractsClient;
use proto::v1::operations_client::OperationsClient;
use proto::v1::sales_client::SalesClient;
use tonic::transport::Channel;
use v1::sale_terms::{FixedPrice, Model, TieredPrice};
use v1::take_step_request::Step;

use super::clearing::{asset, deposit, make_clearing};
use super::market::{context, make_market, venue};

pub const HOUR: i64 = 3_600;
/// Where the platform delivers.
pub const REFERENCE: [u8; 16] = [0xde; 16];
/// A carrier's reference.
pub const CARRIER: [u8; 16] = [0xca; 16];

pub struct Shop {
    pub sales: SalesClient<Channel>,
    pub contracts: ContractsClient<Channel>,
    pub operations: OperationsClient<Channel>,
}

pub fn id(text: &str) -> String {
    text.to_owned()
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// Fixed prices, prefunded, 13 % tax in the price, half a per cent to the venue, shipped.
pub fn terms(venue: &str) -> v1::SaleTerms {
    v1::SaleTerms {
        venue_id: id(venue),
        money_asset_id: id("CNY"),
        funding: v1::SaleFunding::Prefunded.into(),
        tax_basis: v1::TaxBasis::VatIn.into(),
        tax_bp: 1_300,
        fee_ppm: 5_000,
        hand_over_within: seconds(48 * HOUR),
        inspect_within: seconds(72 * HOUR),
        return_days: 7,
        delivery: v1::DeliveryKind::Ship.into(),
        document_hash: vec![0xd0; 32],
        model: Some(Model::FixedPrice(FixedPrice {})),
        ..v1::SaleTerms::default()
    }
}

/// 10 yuan, from 10 pieces on 9; paid within an hour; picked up, without returns.
pub fn tiered(venue: &str) -> v1::SaleTerms {
    v1::SaleTerms {
        funding: v1::SaleFunding::PayLater.into(),
        pay_within: seconds(HOUR),
        return_days: 0,
        exemption: v1::ReturnExemption::Fresh.into(),
        delivery: v1::DeliveryKind::PickUp.into(),
        model: Some(Model::TieredPrice(TieredPrice {})),
        ..terms(venue)
    }
}

pub fn prices(tiers: &[(u32, &str)]) -> Option<v1::OfferPrices> {
    let tiers = tiers.iter().map(|(from_pieces, price)| v1::PriceTier {
        from_pieces: *from_pieces,
        price: id(price),
    });
    Some(v1::OfferPrices {
        tiers: tiers.collect(),
        max_pieces: 1_000,
        ..v1::OfferPrices::default()
    })
}

/// B offers tea at 129 yuan a piece.
pub fn offer(name: &str, terms: u32, stock: u32) -> v1::MakeOfferRequest {
    v1::MakeOfferRequest {
        client_order_id: id(name),
        account_id: id("B"),
        terms: Some(terms),
        goods_asset_id: id("tea"),
        warehouse_id: id("warehouse"),
        piece_amount: id("2"),
        prices: prices(&[(1, "129.00")]),
        stock_pieces: stock,
        ..v1::MakeOfferRequest::default()
    }
}

/// B changes its offer.
pub fn change(name: &str, offer: &str, version: u32, price: &str) -> v1::ChangeOfferRequest {
    v1::ChangeOfferRequest {
        client_order_id: id(name),
        account_id: id("B"),
        offer_id: id(offer),
        offer_version: version,
        prices: prices(&[(1, price)]),
        ..v1::ChangeOfferRequest::default()
    }
}

/// B ends its offer.
pub fn withdraw(name: &str, offer: &str) -> v1::WithdrawOfferRequest {
    v1::WithdrawOfferRequest {
        client_order_id: id(name),
        account_id: id("B"),
        offer_id: id(offer),
        ..v1::WithdrawOfferRequest::default()
    }
}

/// A takes pieces of an offer's first version.
pub fn reserve(name: &str, offer: &str, pieces: u32) -> v1::ReserveRequest {
    v1::ReserveRequest {
        client_order_id: id(name),
        account_id: id("A"),
        offer_id: id(offer),
        offer_version: 1,
        pieces,
        delivery_reference: REFERENCE.to_vec(),
        ..v1::ReserveRequest::default()
    }
}

/// A step of a contract as it was last reported.
pub fn step(
    name: &str,
    account: &str,
    last: &v1::ContractReport,
    step: Step,
) -> v1::TakeStepRequest {
    v1::TakeStepRequest {
        client_order_id: id(name),
        account_id: id(account),
        contract_id: last.contract_id.clone(),
        contract_version: last.version,
        step: Some(step),
        ..v1::TakeStepRequest::default()
    }
}

pub fn define(name: &str, terms: v1::SaleTerms) -> v1::DefineTermsRequest {
    v1::DefineTermsRequest {
        context: context(name),
        terms: Some(terms),
    }
}

impl Shop {
    /// The clients of an exchange.
    pub fn of(channel: &Channel) -> Self {
        Self {
            sales: SalesClient::new(channel.clone()),
            contracts: ContractsClient::new(channel.clone()),
            operations: OperationsClient::new(channel.clone()),
        }
    }

    /// Shop venue S (ECOM_B2C), wholesale venue W (ECOM_B2B), both of fixed prices, and T (SANDBOX)
    /// of tiered ones; terms 0 (fixed at S), 1 (tiered at T), 2 (fixed at W);
    /// 1,000 tea of B, 10,000 yuan of A.
    pub async fn open(channel: &Channel) -> Self {
        make_market(channel.clone()).await;
        make_clearing(channel.clone()).await;
        let mut shop = Self::of(channel);
        let operations = &mut shop.operations;
        let tea = asset("tea", v1::AssetClass::Goods, 0, "piece");
        let made = operations.create_asset(tea).await.expect("a report");
        assert!(made.into_inner().accepted);
        for (name, regime, model) in [
            ("S", "ECOM_B2C", "FIXED_PRICE"),
            ("W", "ECOM_B2B", "FIXED_PRICE"),
            ("T", "SANDBOX", "TIERED_PRICE"),
        ] {
            let venue = v1::CreateVenueRequest {
                models: vec![id(model)],
                ..venue(name, regime)
            };
            let made = operations.create_venue(venue).await.expect("a report");
            assert!(made.get_ref().accepted, "{made:?}");
        }
        for put in [
            deposit("tea-B", "B", "tea", "1000"),
            deposit("money-A", "A", "CNY", "10000.00"),
        ] {
            let put = operations_instruct(channel, put).await;
            assert!(put.accepted, "{put:?}");
        }
        let all = [
            ("fixed", terms("S")),
            ("tiered", tiered("T")),
            ("whole", terms("W")),
        ];
        for (handle, (name, terms)) in (0..).zip(all) {
            let made = shop.sales.define_terms(define(name, terms)).await;
            let made = made.expect("a report").into_inner();
            assert_eq!(
                (made.accepted, made.handle),
                (true, Some(handle)),
                "{made:?}"
            );
        }
        shop
    }

    pub async fn offered(&mut self, request: v1::MakeOfferRequest) -> v1::OfferReport {
        let made = self.sales.make_offer(request).await;
        let made = made.expect("a report").into_inner();
        assert_eq!(made.act(), v1::OfferAct::Offered, "{made:?}");
        made
    }

    pub async fn reserved(&mut self, request: v1::ReserveRequest) -> v1::ContractReport {
        let made = self.contracts.reserve(request).await;
        made.expect("a report").into_inner()
    }

    pub async fn took(&mut self, request: v1::TakeStepRequest) -> v1::ContractReport {
        let took = self.contracts.take_step(request).await;
        took.expect("a report").into_inner()
    }

    /// A step that is not refused.
    pub async fn takes(
        &mut self,
        name: &str,
        account: &str,
        last: &v1::ContractReport,
        what: Step,
    ) -> v1::ContractReport {
        let report = self.took(step(name, account, last, what)).await;
        assert_eq!(report.reject_reason, "", "{report:?}");
        assert_eq!(report.version, last.version + 1);
        report
    }

    pub async fn left(&mut self, offer: &str) -> u32 {
        let request = v1::GetOfferRequest {
            offer_id: id(offer),
        };
        let found = self.sales.get_offer(request).await.expect("an offer");
        found.into_inner().offer.expect("an offer").left_pieces
    }
}

async fn operations_instruct(
    channel: &Channel,
    request: v1::InstructRequest,
) -> v1::OperationReport {
    let mut accounts = AccountsClient::new(channel.clone());
    let made = accounts.instruct(request).await.expect("a report");
    made.into_inner()
}

/// The carrier has the goods.
pub fn hand_over() -> Step {
    Step::HandOver(v1::take_step_request::HandOver {
        reference: CARRIER.to_vec(),
    })
}

/// The carrier delivered them.
pub fn deliver() -> Step {
    Step::Deliver(v1::take_step_request::Deliver {
        reference: CARRIER.to_vec(),
    })
}

pub fn accept() -> Step {
    Step::Accept(v1::take_step_request::Accept {})
}

pub fn pay() -> Step {
    Step::Pay(v1::take_step_request::Pay {})
}

pub fn dispute() -> Step {
    Step::Dispute(v1::take_step_request::Dispute {})
}
