//! The shop of a flash sale, founded through the public API.
//!
//! Invariant: as in `setup`: ids follow from the run's name, so nothing is made twice. Buyers pay
//! later, so only pieces are held and nobody needs money first. Not here: buying.

use std::time::{Duration, SystemTime};

use proto::v1::{
    DeliveryKind, FlashMode, GetOfferRequest, MakeOfferRequest, Offer, OfferPrices, PriceTier,
    SaleFunding, SaleTerms, TaxBasis, sale_terms,
};
use rust_decimal::Decimal;
use tonic::Status;

use super::{Flash, LIMIT};
use crate::{
    client::connect::Connection,
    setup::{
        Operator, SetupError, account_id,
        money::Treasury,
        sale::{define_terms, make_offer},
    },
};

/// How long a buyer has to pay.
const PAY_WITHIN_S: i64 = 15 * 60;
/// How long the sale is open: longer than any run.
const OPEN_FOR: Duration = Duration::from_secs(24 * 3_600);
/// A day.
const DAY_S: i64 = 24 * 3_600;
/// The law's days of return (消费者权益保护法(2013) 25).
const RETURN_DAYS: u32 = 7;
/// The account that sells; buyers come after it.
const SELLER: u32 = 0;

/// A shop with one offer, and its buyers.
#[derive(Debug)]
pub struct Shop {
    connection: Connection,
    /// The offer.
    pub offer: Offer,
    /// The handles of the buyers' accounts.
    pub buyers: Vec<u32>,
}

fn call(what: &str) -> impl Fn(Status) -> SetupError {
    move |status| SetupError::Call {
        what: what.to_owned(),
        status,
    }
}

fn span(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

impl Shop {
    /// Founds it: a venue under the law of consumers, the parties, the stock, the offer.
    pub async fn found(connection: &Connection, flash: &Flash) -> Result<Self, SetupError> {
        let run = &flash.run;
        let operator = Operator::new(connection.clone(), run.clone());
        let venue = run.id("flash");
        let law = (&["ECOM_B2C"][..], &["FLASH_SALE"][..]);
        operator
            .create_venue_under(&venue, "Flash sale (demonstration)", law)
            .await?;
        let treasury = Treasury::open(&operator, 2).await?;
        let goods = treasury.stock("flash", "piece").await?;
        let firm = run.id("firm");
        operator.create_participant(&firm).await?;
        let mut buyers = operator.create_accounts(&firm, flash.buyers + 1).await?;
        buyers.remove(SELLER as usize);
        let stock = Decimal::from(flash.stock);
        treasury
            .deposit(SELLER, goods.clone(), stock, "stock")
            .await?;
        let terms = define(&operator, &venue, &treasury.money).await?;
        let request = MakeOfferRequest {
            client_order_id: run.id("offer"),
            account_id: account_id(run, SELLER),
            terms: Some(terms),
            goods_asset_id: goods,
            warehouse_id: treasury.warehouse().to_owned(),
            piece_amount: "1".to_owned(),
            prices: Some(prices()),
            stock_pieces: flash.stock,
            ..MakeOfferRequest::default()
        };
        let offer_id = make_offer(operator, request).await?;
        let offer = find(connection, &offer_id).await?;
        Ok(Self {
            connection: connection.clone(),
            offer,
            buyers,
        })
    }

    /// How many pieces the gateway says are left.
    pub async fn left(&self) -> Result<u32, SetupError> {
        let offer = find(&self.connection, &self.offer.offer_id).await?;
        Ok(offer.left_pieces)
    }
}

fn prices() -> OfferPrices {
    OfferPrices {
        tiers: vec![PriceTier {
            from_pieces: 1,
            price: "9.90".to_owned(),
        }],
        max_pieces: LIMIT,
        buyer_limit_pieces: Some(LIMIT),
        closes: Some((SystemTime::now() + OPEN_FOR).into()),
        ..OfferPrices::default()
    }
}

async fn define(operator: &Operator, venue: &str, money: &str) -> Result<u32, SetupError> {
    let terms = SaleTerms {
        venue_id: venue.to_owned(),
        money_asset_id: money.to_owned(),
        funding: SaleFunding::PayLater.into(),
        pay_within: Some(span(PAY_WITHIN_S)),
        tax_basis: TaxBasis::VatIn.into(),
        tax_bp: 1_300,
        hand_over_within: Some(span(2 * DAY_S)),
        inspect_within: Some(span(DAY_S)),
        return_days: RETURN_DAYS,
        delivery: DeliveryKind::Ship.into(),
        document_hash: vec![0; 32],
        model: Some(sale_terms::Model::FlashSale(sale_terms::FlashSale {
            mode: FlashMode::Race.into(),
            ..sale_terms::FlashSale::default()
        })),
        ..SaleTerms::default()
    };
    define_terms(operator, "terms", terms).await
}

async fn find(connection: &Connection, offer_id: &str) -> Result<Offer, SetupError> {
    let request = GetOfferRequest {
        offer_id: offer_id.to_owned(),
    };
    let what = format!("looking at offer {offer_id}");
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.get_offer(request).await }
        })
        .await
        .map_err(call(&what))?;
    let missing = || SetupError::Aborted(format!("{what}: the answer has no offer"));
    answer.offer.ok_or_else(missing)
}
