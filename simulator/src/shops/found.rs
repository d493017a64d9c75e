//! Founding the shops: a venue under the law of consumers and that of businesses, one of imports,
//! terms of each kind, a seller with goods and money, buyers with money, merchants with goods.
//!
//! Invariant: as in `setup`: ids follow from the run's name, so nothing is made twice. Not here:
//! offers (`board`), buying (`clerk`).

use std::ops::RangeInclusive;

use proto::v1::{
    DeliveryKind, FlashMode, ReturnExemption, SaleFunding, SaleTerms, TaxBasis,
    sale_terms::{FixedPrice, FlashSale, GroupBuy, Model, Presale, TieredPrice},
};
use rust_decimal::Decimal;

use super::Kind;
use crate::{
    client::connect::Connection,
    setup::{
        Operator, Run, SetupError, account_id,
        money::{Stake, Treasury},
        sale::{define_terms, name_enterprise},
    },
};

/// The account that sells; buyers come after it.
pub const SELLER: u32 = 0;
/// How many buyers there are.
pub const BUYERS: u32 = 15;
/// How many sellers there are that begin with goods and no money; the last two sell to each other.
pub const MERCHANTS: u32 = 4;
/// The shortest time to pay that terms can have.
const PAY_WITHIN_S: i64 = 1;
/// A day.
const DAY_S: i64 = 24 * 3_600;
/// The law's days of return (消费者权益保护法(2013) 25).
const RETURN_DAYS: u32 = 7;
/// Days in which a return may be agreed on, where there is no right to one.
const AGREED_DAYS: u32 = 30;
/// What the seller pays the venue, in millionths.
pub const FEE_PPM: u32 = 5_000;
/// Value added tax, in basis points.
pub const TAX_BP: u32 = 1_300;
/// Tickets of a queue that admit in one second, and seconds for which each does.
pub const QUEUE: (u32, i64) = (3, 2);
/// The deposit of a presale: above the fifth that is earnest money, so some is a prepayment.
pub const DEPOSIT_BP: u32 = 3_000;
/// Goods of one piece.
pub const PIECE_UNITS: u32 = 2;

/// What each account begins with.
pub fn stake() -> Stake {
    Stake {
        money: Decimal::from(1_000_000_000),
        goods: Decimal::from(1_000_000_000),
    }
}

/// Where and for whom shops are founded.
#[derive(Clone, Debug)]
pub struct Place {
    /// A venue that is there.
    pub venue: String,
    /// The kinds it has.
    pub kinds: Vec<Kind>,
    /// Whether an account's owner is a business, by the account's number modulo two.
    pub enterprises: [bool; 2],
    /// Whether what is sold at fixed prices is picked up; imports are sent.
    pub picked_up: bool,
    /// How many buyers there are.
    pub buyers: u32,
    /// How many sellers there are that begin with goods and no money.
    pub merchants: u32,
    /// Whether the last two of these sell to each other only.
    pub partners: bool,
    /// Seconds to pay where it is paid later.
    pub pay_within_s: i64,
    /// The venue of its imports, which is there; where there is one, there is more than offers,
    /// contracts and steps, too.
    pub imports: Option<String>,
}

/// The shops of a run.
#[derive(Clone, Debug)]
pub struct Shops {
    /// Whose they are.
    pub run: Run,
    /// The venue.
    pub venue: String,
    /// The participant of all accounts.
    pub firm: String,
    /// What is paid with.
    pub money: String,
    /// What is sold.
    pub goods: String,
    /// Where it lies.
    pub warehouse: String,
    /// Who pays in what is paid by a bank.
    pub bank: String,
    /// The kinds there are.
    pub kinds: Vec<Kind>,
    /// Whether what is sold at fixed prices is picked up.
    pub picked_up: bool,
    /// Handles of the terms, by kind.
    pub terms: [Option<u32>; Kind::ALL.len()],
    /// How many buyers there are.
    pub buyers: u32,
    /// How many sellers there are that begin with goods and no money.
    pub merchants: u32,
    /// Whether the last two of these sell to each other only.
    pub partners: bool,
    /// Whether there are discounts, baskets, imports, a guarantee and settings, too.
    pub whole: bool,
    /// The venue of its imports.
    pub imports: String,
    /// Handles of the accounts, and of their owners.
    pub handles: Vec<(u32, u32)>,
}

impl Shops {
    /// The public id of an account.
    pub fn account(&self, index: u32) -> String {
        account_id(&self.run, index)
    }

    /// The public id of an account's owner.
    pub fn owner_id(&self, index: u32) -> String {
        self.run.id(&format!("o{index}"))
    }

    /// Whether a buyer comes for what it took of this kind, with a code.
    pub fn is_picked_up(&self, kind: Kind) -> bool {
        self.picked_up && kind == Kind::Fixed
    }

    /// All accounts: the seller, the buyers, the merchants.
    pub fn accounts(&self) -> impl Iterator<Item = String> {
        (SELLER..=self.buyers + self.merchants).map(|index| self.account(index))
    }

    /// The numbers of the accounts of sellers that begin with no money.
    pub const fn merchants(&self) -> RangeInclusive<u32> {
        self.buyers + 1..=self.buyers + self.merchants
    }

    /// The same of those that sell to everybody.
    pub const fn traders(&self) -> RangeInclusive<u32> {
        let others = if self.partners { 2 } else { 0 };
        self.buyers + 1..=self.buyers + self.merchants - others
    }

    /// The two that sell to each other only.
    pub const fn partners(&self) -> Option<[u32; 2]> {
        let last = self.buyers + self.merchants;
        if self.partners {
            Some([last - 1, last])
        } else {
            None
        }
    }

    /// All that sell.
    pub fn sellers(&self) -> impl Iterator<Item = String> {
        let all = std::iter::once(SELLER).chain(self.merchants());
        all.map(|index| self.account(index))
    }

    /// Who offers what is offered under a client's id.
    pub fn seller_of(&self, kind: Kind, client_order_id: &str) -> u32 {
        let traders = self.traders().count() as u32;
        if kind != Kind::Agreed || traders == 0 {
            return SELLER;
        }
        let drawn = blake3::hash(client_order_id.as_bytes()).as_bytes()[0];
        self.buyers + 1 + u32::from(drawn) % traders
    }

    /// The owner of an account, by its public id.
    pub fn owner(&self, account_id: &str) -> Option<u32> {
        let mut accounts = self.accounts().zip(&self.handles);
        let (_, (_, owner)) = accounts.find(|(id, _)| id == account_id)?;
        Some(*owner)
    }

    /// Founds them at a venue of their own; again it changes nothing.
    ///
    /// # Errors
    /// The gateway refuses, or does not answer.
    pub async fn found(connection: &Connection, run: &Run) -> Result<Self, SetupError> {
        let operator = Operator::new(connection.clone(), run.clone());
        let venue = run.id("shops");
        let mut models = Kind::ALL.map(Kind::model).to_vec();
        models.sort_unstable();
        models.dedup();
        let law = (&["ECOM_B2B", "ECOM_B2C"][..], &models[..]);
        operator
            .create_venue_under(&venue, "Shops (demonstration)", law)
            .await?;
        let imports = run.id("imports");
        let law = (&["CROSS_BORDER_RETAIL"][..], &["FIXED_PRICE"][..]);
        operator
            .create_venue_under(&imports, "Imports (demonstration)", law)
            .await?;
        let place = Place {
            venue,
            kinds: Kind::ALL.to_vec(),
            // Whoever is none is refused what is sold to businesses.
            enterprises: [true, false],
            picked_up: true,
            buyers: BUYERS,
            merchants: MERCHANTS,
            partners: true,
            pay_within_s: PAY_WITHIN_S,
            imports: Some(imports),
        };
        Self::found_at(connection, run, place).await
    }

    /// Founds them at a venue that is there.
    ///
    /// # Errors
    /// The gateway refuses, or does not answer.
    pub async fn found_at(
        connection: &Connection,
        run: &Run,
        place: Place,
    ) -> Result<Self, SetupError> {
        let operator = Operator::new(connection.clone(), run.clone());
        let firm = run.id("firm");
        operator.create_participant(&firm).await?;
        let accounts = place.buyers + 1 + place.merchants;
        let handles = operator.create_parties(&firm, accounts).await?;
        for index in 0..accounts {
            if place.enterprises[usize::from(index % 2 == 1)] {
                name_enterprise(operator.clone(), index).await?;
            }
        }
        let treasury = Treasury::open(&operator, 2).await?;
        let goods = treasury.stock("shops", "piece").await?;
        let kinds = [goods.clone()];
        treasury.fund(place.buyers + 1, &kinds, stake()).await?;
        for index in place.buyers + 1..accounts {
            let (goods, id) = (goods.clone(), format!("d{index}.1"));
            treasury.deposit(index, goods, stake().goods, &id).await?;
        }
        let mut terms = [None; Kind::ALL.len()];
        for kind in &place.kinds {
            let own = terms_of(*kind, &place, &treasury.money);
            if let Some(terms) = terms.get_mut(kind.place()) {
                let name = format!("terms{}", kind.place());
                *terms = Some(define_terms(&operator, &name, own).await?);
            }
        }
        Ok(Self {
            run: run.clone(),
            venue: place.venue,
            firm,
            money: treasury.money.clone(),
            goods,
            warehouse: treasury.warehouse().to_owned(),
            bank: treasury.bank().to_owned(),
            kinds: place.kinds,
            picked_up: place.picked_up,
            terms,
            buyers: place.buyers,
            merchants: place.merchants,
            partners: place.partners,
            whole: place.imports.is_some(),
            imports: place.imports.unwrap_or_default(),
            handles,
        })
    }
}

fn span(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

fn model_of(kind: Kind) -> Model {
    let flash = |mode: FlashMode| FlashSale {
        mode: mode.into(),
        ..FlashSale::default()
    };
    match kind {
        Kind::Fixed | Kind::Bank | Kind::Covered | Kind::Import | Kind::Agreed => {
            Model::FixedPrice(FixedPrice {})
        }
        Kind::Flash => Model::FlashSale(flash(FlashMode::Race)),
        Kind::Queue => Model::FlashSale(FlashSale {
            admitted_per_second: QUEUE.0,
            ticket_valid_for: Some(span(QUEUE.1)),
            ..flash(FlashMode::Queue)
        }),
        Kind::Lottery => Model::FlashSale(flash(FlashMode::Lottery)),
        Kind::Group => Model::GroupBuy(GroupBuy {}),
        Kind::Presale => Model::Presale(Presale {
            deposit_bp: DEPOSIT_BP,
        }),
        Kind::Tiered => Model::TieredPrice(TieredPrice {}),
    }
}

/// Whether the tax is on top of a kind's price: then it is money held as well.
pub fn has_tax_on_top(kind: Kind) -> bool {
    kind == Kind::Group
}

fn terms_of(kind: Kind, place: &Place, money: &str) -> SaleTerms {
    let delivery = if place.picked_up && kind == Kind::Fixed {
        DeliveryKind::PickUp
    } else {
        DeliveryKind::Ship
    };
    let later = kind == Kind::Flash || kind == Kind::Bank;
    let funding = if later {
        SaleFunding::PayLater
    } else {
        SaleFunding::Prefunded
    };
    let tax_basis = if has_tax_on_top(kind) {
        TaxBasis::VatOut
    } else {
        TaxBasis::VatIn
    };
    let imports = place.imports.as_ref().filter(|_| kind == Kind::Import);
    let agreed = kind == Kind::Agreed;
    let exemption = if agreed {
        ReturnExemption::CustomMade
    } else {
        ReturnExemption::Unspecified
    };
    SaleTerms {
        venue_id: imports.unwrap_or(&place.venue).clone(),
        money_asset_id: money.to_owned(),
        funding: funding.into(),
        pay_within: later.then(|| span(place.pay_within_s)),
        tax_basis: tax_basis.into(),
        tax_bp: TAX_BP,
        fee_ppm: FEE_PPM,
        hand_over_within: Some(span(2 * DAY_S)),
        inspect_within: Some(span(DAY_S)),
        return_days: if agreed { 0 } else { RETURN_DAYS },
        agreed_days: if agreed { AGREED_DAYS } else { 0 },
        exemption: exemption.into(),
        delivery: delivery.into(),
        covered: kind == Kind::Covered,
        document_hash: vec![0; 32],
        model: Some(model_of(kind)),
        ..SaleTerms::default()
    }
}
