//! The shop, founded through the public API: venue, parties, stock and offers of a plan.
//!
//! Invariant: as in `setup`: ids follow from the run's name, so nothing is made twice. The venue is
//! for enterprises, since returns by agreement are theirs (消费者权益保护法(2013) 25 gives consumers a
//! right instead); nobody pays fee or tax. Not here: what the lines do (`lanes`).

use proto::v1::{
    DeliveryKind, MakeOfferRequest, OfferPrices, PriceTier, SaleFunding, SaleTerms, TaxBasis,
    sale_terms,
};
use rust_decimal::Decimal;

use super::plan::{Plan, SELLER};
use crate::setup::{
    Operator, Run, SetupError, account_id,
    money::Treasury,
    pipelined,
    sale::{define_terms, make_offer, name_enterprise},
};

/// Decimals of the pound's amounts: the file has thousandths.
pub const DECIMALS: u32 = 3;
/// A day.
const DAY_S: i64 = 24 * 3_600;
/// Days in which returns may be agreed on: the most there may be, for the file knows no window.
const AGREED_DAYS: u32 = 1_096;
/// The most pieces of one contract, and what is on offer of a service: the contract's bound.
const PIECES_MAX: u32 = 1 << 30;

/// See the file's head.
#[derive(Clone, Debug)]
pub struct Shop {
    /// Who made it.
    pub operator: Operator,
    /// The run's name.
    pub run: Run,
    /// Money, bank and warehouse.
    pub treasury: Treasury,
    /// The kind of goods of each product, also of services.
    pub goods: Vec<String>,
    /// The offer of each shelf; empty where it is not on offer.
    pub offers: Vec<String>,
}

/// An amount as the contract writes it.
pub fn pounds(mills: i64) -> Decimal {
    Decimal::new(mills, DECIMALS)
}

impl Shop {
    /// Founds it.
    pub async fn found(operator: Operator, run: &Run, plan: &Plan) -> Result<Self, SetupError> {
        let venue = run.id("shop");
        let law = (&["ECOM_B2B"][..], &["FIXED_PRICE"][..]);
        let name = "Retail replay (demonstration)";
        operator.create_venue_under(&venue, name, law).await?;
        let treasury = Treasury::open(&operator, DECIMALS).await?;
        let firm = run.id("firm");
        operator.create_participant(&firm).await?;
        let parties = u32::try_from(plan.parties.len()).unwrap_or(u32::MAX);
        operator.create_accounts(&firm, parties).await?;
        let mut shop = Self {
            operator,
            run: run.clone(),
            treasury,
            goods: Vec::new(),
            offers: Vec::new(),
        };
        shop.name_enterprises(plan).await?;
        shop.fund(plan).await?;
        shop.goods = shop.stock(plan).await?;
        let terms = shop.define(&venue).await?;
        shop.offers = shop.offer(plan, terms).await?;
        Ok(shop)
    }

    async fn name_enterprises(&self, plan: &Plan) -> Result<(), SetupError> {
        let done = pipelined(plan.parties.len(), |index| {
            let account = u32::try_from(index).unwrap_or(u32::MAX);
            name_enterprise(self.operator.clone(), account)
        });
        done.await.map(|_| ())
    }

    async fn fund(&self, plan: &Plan) -> Result<(), SetupError> {
        let paying = (0..).zip(&plan.parties);
        let paying = paying.filter(|(_, party)| party.opening_mills > 0);
        let paying: Vec<(u32, i64)> = paying
            .map(|(index, party)| (index, party.opening_mills))
            .collect();
        let done = pipelined(paying.len(), |index| {
            let (treasury, (account, mills)) = (self.treasury.clone(), paying[index]);
            async move {
                let money = treasury.money.clone();
                let id = format!("f{account}");
                treasury.deposit(account, money, pounds(mills), &id).await
            }
        });
        done.await.map(|_| ())
    }

    /// Makes each product's kind of goods, and puts the opening stock in.
    async fn stock(&self, plan: &Plan) -> Result<Vec<String>, SetupError> {
        pipelined(plan.products.len(), |index| {
            let (treasury, product) = (self.treasury.clone(), &plan.products[index]);
            let code = product
                .code
                .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
            let pieces = Decimal::from(product.opening_pieces);
            async move {
                let goods = treasury.stock(&code, "piece").await?;
                if !pieces.is_zero() {
                    let id = format!("s{index}");
                    treasury.deposit(SELLER, goods.clone(), pieces, &id).await?;
                }
                Ok(goods)
            }
        })
        .await
    }

    async fn define(&self, venue: &str) -> Result<u32, SetupError> {
        let span = |seconds| prost_types::Duration { seconds, nanos: 0 };
        let terms = SaleTerms {
            venue_id: venue.to_owned(),
            money_asset_id: self.treasury.money.clone(),
            funding: SaleFunding::Prefunded.into(),
            tax_basis: TaxBasis::VatIn.into(),
            hand_over_within: Some(span(2 * DAY_S)),
            inspect_within: Some(span(DAY_S)),
            agreed_days: AGREED_DAYS,
            delivery: DeliveryKind::Ship.into(),
            document_hash: vec![0; 32],
            model: Some(sale_terms::Model::FixedPrice(sale_terms::FixedPrice {})),
            ..SaleTerms::default()
        };
        define_terms(&self.operator, "terms", terms).await
    }

    async fn offer(&self, plan: &Plan, terms: u32) -> Result<Vec<String>, SetupError> {
        let shelves: Vec<usize> = plan.offers().map(|(index, _)| index).collect();
        let made = pipelined(shelves.len(), |place| {
            let index = shelves[place];
            let shelf = &plan.shelves[index];
            let product = shelf.product as usize;
            let (piece_amount, stock_pieces) = if plan.products[product].goods {
                let stock = u32::try_from(shelf.opening_pieces).unwrap_or(u32::MAX);
                ("1", stock)
            } else {
                ("0", PIECES_MAX)
            };
            let request = MakeOfferRequest {
                client_order_id: format!("o{index}"),
                account_id: account_id(&self.run, SELLER),
                terms: Some(terms),
                goods_asset_id: self.goods[product].clone(),
                warehouse_id: self.treasury.warehouse().to_owned(),
                piece_amount: piece_amount.to_owned(),
                prices: Some(prices(shelf.price_mills)),
                stock_pieces,
                ..MakeOfferRequest::default()
            };
            make_offer(self.operator.clone(), request)
        })
        .await?;
        let mut offers = vec![String::new(); plan.shelves.len()];
        for (index, offer) in shelves.into_iter().zip(made) {
            offers[index] = offer;
        }
        Ok(offers)
    }
}

fn prices(mills: i64) -> OfferPrices {
    OfferPrices {
        tiers: vec![PriceTier {
            from_pieces: 1,
            price: pounds(mills).to_string(),
        }],
        max_pieces: PIECES_MAX,
        ..OfferPrices::default()
    }
}
