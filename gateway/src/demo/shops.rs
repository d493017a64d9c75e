//! The shops of the demonstration: a wholesale market with fixed prices for businesses, and a
//! retail market with a flash sale and a group buy every few minutes. Live buyers reserve, the
//! seller performs.
//!
//! Prices are round figures of the order of wholesale and shop prices; no source has them.
//!
//! Invariant: each turn looks at what is there and does what is missing, so a restart goes on where
//! it stopped; offers that are over are withdrawn and contracts are brought to their end, so that
//! what lives stays bounded for days. Not here: venue and parties (`demo`), rules (the engine).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::types::TermsId;
use proto::v1;
use proto::v1::contracts_server::Contracts;
use proto::v1::make_offer_request::Course;
use proto::v1::sale_terms::Model;
use proto::v1::sales_server::Sales;
use proto::v1::take_step_request::{self as steps, Step};
use tokio::sync::watch;
use tonic::{Request, Status};

use super::money::WAREHOUSE;
use super::{Demo, context};
use crate::exchange::Exchange;
use crate::services::{ContractsService, SalesService};
use crate::to_proto;

/// The wholesale market.
pub const WHOLESALE: &str = "DEMO-WHOLESALE";
/// The retail market.
pub const RETAIL: &str = "DEMO-RETAIL";
/// Who sells; the others buy.
const SELLER: &str = "ACCOUNT-00";
/// Owners that are businesses: those of accounts 2 to 19. Accounts 20 to 39 are of consumers.
const BUSINESSES: std::ops::Range<usize> = 1..10;
/// The first business's account and the first consumer's; so many follow.
const BUYERS: [(u64, u64); 2] = [(2, 18), (20, 20)];
/// How often something is done.
const TURN: Duration = Duration::from_secs(2);
/// How long a flash sale or a group buy is open.
const CAMPAIGN: Duration = Duration::from_secs(180);
/// Pieces put on offer at wholesale, and put in again when fewer than a tenth are left.
const STOCK: u32 = 10_000;
/// Pieces of a flash sale or a group buy, and the most that one owner may have.
const FEW: (u32, u32) = (60, 4);
/// Pieces without which a group falls through.
const QUORUM: u32 = 6;
/// Live contracts looked at in a turn.
const CONTRACTS: u32 = 200;
/// Steps from a payment to the end.
const STEPS: u32 = 3;
const DAY_S: i64 = 24 * 3_600;

/// What is sold.
struct Goods {
    id: &'static str,
    unit: &'static str,
    venue: &'static str,
    /// From so many pieces on, a price in yuan.
    tiers: &'static [(u32, &'static str)],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fixed,
    Flash,
    Group,
}

const fn goods(
    id: &'static str,
    unit: &'static str,
    (venue, kind): (&'static str, Kind),
    tiers: &'static [(u32, &'static str)],
) -> Goods {
    Goods {
        id,
        unit,
        venue,
        tiers,
        kind,
    }
}

const WHOLE: (&str, Kind) = (WHOLESALE, Kind::Fixed);
const GOODS: [Goods; 6] = [
    goods("TOWEL-COTTON", "dozen", WHOLE, &[(1, "96.00")]),
    goods("SCREW-M6", "box of 1,000", WHOLE, &[(1, "58.50")]),
    goods("CABLE-2.5MM", "roll of 100 m", WHOLE, &[(1, "189.00")]),
    goods("KETTLE-1.7L", "carton of 12", WHOLE, &[(1, "708.00")]),
    goods("BAYBERRY", "basket", (RETAIL, Kind::Flash), &[(1, "39.90")]),
    goods(
        "MANDARIN",
        "box of 5 kg",
        (RETAIL, Kind::Group),
        &[(1, "49.00"), (QUORUM, "42.00"), (20, "36.00")],
    ),
];

impl Demo<'_> {
    /// Makes what is not there yet: two venues, goods, their terms, who is a business.
    pub(super) async fn shops(&self) -> Result<(), String> {
        // Before the market for them, which tells that this was done.
        let fresh = self.lacks(|tables| tables.venues.find(WHOLESALE));
        for number in BUSINESSES.filter(|_| fresh) {
            let id = format!("OWNER-{number:02}");
            self.make(&v1::SetPartyKindRequest {
                context: Some(context(&format!("{id}-KIND"))),
                beneficial_owner_id: id,
                kind: v1::PartyKind::Enterprise.into(),
            })
            .await?;
        }
        let markets = [
            (WHOLESALE, "ECOM_B2B", &["FIXED_PRICE"][..]),
            (RETAIL, "ECOM_B2C", &["FLASH_SALE", "GROUP_BUY"][..]),
        ];
        for (id, regime, models) in markets {
            if self.lacks(|tables| tables.venues.find(id)) {
                self.make(&v1::CreateVenueRequest {
                    context: Some(context(id)),
                    venue_id: id.to_owned(),
                    name: format!("Demonstration of shops under {regime}"),
                    regimes: vec![regime.to_owned()],
                    models: models.iter().map(|model| (*model).to_owned()).collect(),
                    demonstration: true,
                    ..v1::CreateVenueRequest::default()
                })
                .await?;
            }
        }
        for goods in &GOODS {
            let class = v1::AssetClass::Goods;
            self.asset(goods.id, class, 0, goods.unit).await?;
            if terms_of(self.exchange, goods).is_none() {
                self.make(&v1::DefineTermsRequest {
                    context: Some(context(&format!("{}-TERMS", goods.id))),
                    terms: Some(terms(goods)),
                })
                .await?;
            }
        }
        let stock = GOODS.iter().map(|goods| (goods.id, WAREHOUSE));
        self.fund(stock, 1).await
    }
}

/// Paid at once and shipped; what is fresh does not come back (消费者权益保护法(2013) 25).
fn terms(goods: &Goods) -> v1::SaleTerms {
    let span = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let model = match goods.kind {
        Kind::Fixed => Model::FixedPrice(v1::sale_terms::FixedPrice {}),
        Kind::Flash => Model::FlashSale(v1::sale_terms::FlashSale {
            mode: v1::FlashMode::Race.into(),
            ..v1::sale_terms::FlashSale::default()
        }),
        Kind::Group => Model::GroupBuy(v1::sale_terms::GroupBuy {}),
    };
    v1::SaleTerms {
        venue_id: goods.venue.to_owned(),
        money_asset_id: "CNY".to_owned(),
        funding: v1::SaleFunding::Prefunded.into(),
        tax_basis: v1::TaxBasis::VatIn.into(),
        tax_bp: if goods.kind == Kind::Fixed {
            1_300
        } else {
            900
        },
        fee_ppm: 3_000,
        hand_over_within: span(2 * DAY_S),
        inspect_within: span(DAY_S),
        exemption: v1::ReturnExemption::Fresh.into(),
        delivery: v1::DeliveryKind::Ship.into(),
        document_hash: vec![0; 32],
        model: Some(model),
        ..v1::SaleTerms::default()
    }
}

/// The handle of the terms of these goods: the last ones of their venue and model.
fn terms_of(exchange: &Exchange, goods: &Goods) -> Option<u32> {
    let tables = exchange.directory.read();
    let all = (0..).zip(tables.terms.iter());
    let same = all.filter(|(handle, one)| {
        let told = to_proto::sale_terms(&tables, TermsId::new(*handle), one);
        told.venue_id == goods.venue && told.model == terms(goods).model
    });
    same.map(|(handle, _)| handle).last()
}

/// Trades in turns until the exchange stops. A turn that fails is over; the next one looks anew.
pub fn live(exchange: &Arc<Exchange>, mut shutdown: watch::Receiver<bool>) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut street = Street {
        sales: SalesService::new(Arc::clone(exchange)),
        contracts: ContractsService::new(Arc::clone(exchange)),
        exchange: Arc::clone(exchange),
        turn: 0,
        started_ms: since.map_or(0, |since| since.as_millis()),
        asked: AtomicU64::new(0),
    };
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(TURN);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                _ = shutdown.changed() => return,
                _over = street.turn() => {}
            }
        }
    });
}

struct Street {
    sales: SalesService,
    contracts: ContractsService,
    exchange: Arc<Exchange>,
    turn: u64,
    started_ms: u128,
    asked: AtomicU64,
}

impl Street {
    async fn turn(&mut self) -> Result<(), Status> {
        self.turn += 1;
        let mut open = Vec::new();
        for venue in [WHOLESALE, RETAIL] {
            let request = v1::ListOffersRequest {
                venue_id: venue.to_owned(),
                seller_account_id: SELLER.to_owned(),
                page_size: 1_000,
                ..v1::ListOffersRequest::default()
            };
            let page = self.sales.list_offers(Request::new(request)).await?;
            for offer in page.into_inner().offers {
                if Self::is_over(&offer) {
                    self.withdraw(&offer).await?;
                } else {
                    self.refill(&offer).await?;
                    open.push(offer);
                }
            }
        }
        for goods in &GOODS {
            if !open.iter().any(|offer| offer.goods_asset_id == goods.id) {
                self.offer(goods).await?;
            }
        }
        if !open.is_empty() {
            let place = self.turn % open.len() as u64;
            let offer = usize::try_from(place).ok().and_then(|at| open.get(at));
            if let Some(offer) = offer {
                self.reserve(offer).await?;
            }
        }
        self.perform().await
    }

    /// Unique over restarts too.
    fn id(&self) -> String {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        format!("demo-{:x}-{number:x}", self.started_ms)
    }

    fn is_over(offer: &v1::Offer) -> bool {
        let closes = offer.prices.as_ref().and_then(|prices| prices.closes);
        let sold_out = offer.venue_id == RETAIL && offer.left_pieces == 0;
        let closed = closes
            .and_then(|closes| SystemTime::try_from(closes).ok())
            .is_some_and(|closes| closes <= SystemTime::now());
        closed || (sold_out && offer.joined_pieces == 0)
    }

    /// A group whose entries wait for its close refuses, and is withdrawn later.
    async fn withdraw(&self, offer: &v1::Offer) -> Result<(), Status> {
        let request = v1::WithdrawOfferRequest {
            client_order_id: self.id(),
            account_id: SELLER.to_owned(),
            offer_id: offer.offer_id.clone(),
            valid_until: None,
        };
        let _told = self.sales.withdraw_offer(Request::new(request)).await?;
        Ok(())
    }

    async fn refill(&self, offer: &v1::Offer) -> Result<(), Status> {
        if offer.venue_id != WHOLESALE || offer.left_pieces >= STOCK / 10 {
            return Ok(());
        }
        let request = v1::PutStockRequest {
            client_order_id: self.id(),
            account_id: SELLER.to_owned(),
            offer_id: offer.offer_id.clone(),
            pieces: STOCK,
            valid_until: None,
        };
        let _told = self.sales.put_stock(Request::new(request)).await?;
        Ok(())
    }

    async fn offer(&self, goods: &Goods) -> Result<(), Status> {
        let campaign = goods.kind != Kind::Fixed;
        let (stock, limit) = if campaign {
            (FEW.0, Some(FEW.1))
        } else {
            (STOCK, None)
        };
        let tiers = goods
            .tiers
            .iter()
            .map(|(from_pieces, price)| v1::PriceTier {
                from_pieces: *from_pieces,
                price: (*price).to_owned(),
            });
        let group = v1::GroupCourse {
            quorum_pieces: QUORUM,
        };
        let request = v1::MakeOfferRequest {
            client_order_id: self.id(),
            account_id: SELLER.to_owned(),
            terms: terms_of(&self.exchange, goods),
            goods_asset_id: goods.id.to_owned(),
            warehouse_id: WAREHOUSE.to_owned(),
            piece_amount: "1".to_owned(),
            prices: Some(v1::OfferPrices {
                tiers: tiers.collect(),
                max_pieces: limit.unwrap_or(100),
                buyer_limit_pieces: limit,
                closes: campaign.then(|| (SystemTime::now() + CAMPAIGN).into()),
                ..v1::OfferPrices::default()
            }),
            stock_pieces: stock,
            course: (goods.kind == Kind::Group).then_some(Course::Group(group)),
            ..v1::MakeOfferRequest::default()
        };
        let told = self.sales.make_offer(Request::new(request)).await?;
        let report = told.into_inner();
        if report.reject_reason.is_empty() {
            return Ok(());
        }
        Err(Status::failed_precondition(report.reject_reason))
    }

    async fn reserve(&self, offer: &v1::Offer) -> Result<(), Status> {
        let (first, many) = BUYERS[usize::from(offer.venue_id == RETAIL)];
        let pieces = 1 + (self.turn / 3 % 2) as u32;
        let request = v1::ReserveRequest {
            client_order_id: self.id(),
            account_id: format!("ACCOUNT-{:02}", first + self.turn * 7 % many),
            offer_id: offer.offer_id.clone(),
            offer_version: offer.version,
            pieces,
            delivery_reference: vec![1; 16],
            ..v1::ReserveRequest::default()
        };
        // None left, or this buyer has had enough: the next turn is another's.
        let _told = self.contracts.reserve(Request::new(request)).await?;
        Ok(())
    }

    /// Brings what lives on by its next steps: handed over, delivered, accepted.
    async fn perform(&self) -> Result<(), Status> {
        let request = v1::ListContractsRequest {
            account_id: SELLER.to_owned(),
            live_only: true,
            page_size: CONTRACTS,
            page_token: String::new(),
        };
        let page = self.contracts.list_contracts(Request::new(request)).await?;
        for mut contract in page.into_inner().contracts {
            for _ in 0..STEPS {
                let reference = vec![2; 16];
                let (account, step) = match contract.state() {
                    v1::ContractState::Paid => {
                        (SELLER, Step::HandOver(steps::HandOver { reference }))
                    }
                    v1::ContractState::HandedOver => {
                        (SELLER, Step::Deliver(steps::Deliver { reference }))
                    }
                    v1::ContractState::Delivered => {
                        let buyer = contract.buyer_account_id.as_str();
                        (buyer, Step::Accept(steps::Accept {}))
                    }
                    v1::ContractState::Unspecified
                    | v1::ContractState::Unpaid
                    | v1::ContractState::Accepted
                    | v1::ContractState::Performed
                    | v1::ContractState::Covered
                    | v1::ContractState::Owing
                    | v1::ContractState::ReturnProposed
                    | v1::ContractState::ReturnAsked
                    | v1::ContractState::Returning
                    | v1::ContractState::Settled
                    | v1::ContractState::Refunded
                    | v1::ContractState::Cancelled
                    | v1::ContractState::Expired
                    | v1::ContractState::Defaulted
                    | v1::ContractState::Resolved
                    | v1::ContractState::Rescinded
                    | v1::ContractState::Joined
                    | v1::ContractState::Released
                    | v1::ContractState::Deposited
                    | v1::ContractState::Forfeited
                    | v1::ContractState::Entered => break,
                };
                let request = v1::TakeStepRequest {
                    client_order_id: self.id(),
                    account_id: account.to_owned(),
                    contract_id: contract.contract_id.clone(),
                    contract_version: contract.version,
                    step: Some(step),
                    ..v1::TakeStepRequest::default()
                };
                let told = self.contracts.take_step(Request::new(request)).await?;
                let report = told.into_inner();
                if !report.reject_reason.is_empty() {
                    break;
                }
                (contract.state, contract.version) = (report.state, report.version);
            }
        }
        Ok(())
    }
}
