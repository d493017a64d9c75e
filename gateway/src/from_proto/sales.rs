//! Terms of sale, offers and their stock.
//!
//! Invariant: as in `orders`: the same message gives the same command for ever, so prices are read
//! in the currency of terms that never change. Not here: whether an offer lives, bounds of prices
//! and times (the engine); contracts (`contracts`).

use engine::clearing::Asset;
use engine::command::{
    Body, BringValue, ChangeOffer, ChangeStock, Command, Course, Covered, Delivery, Exemption,
    FlashMode, Funding, Join, MakeOffer, PartyKind, Plan, Prices, RevealSeed, SaleTerms,
    SalesCommand, SetPartyKind, TaxBasis, Tier, WithdrawOffer,
};
use engine::types::{AccountId, Nanoseconds, OfferId, OwnerId, PrincipalId, TermsId, Time};
use engine::venue::Model;
use proto::v1;

use super::fields::{Fields, Prefix};
use super::operations::Asks;
use super::orders::{command, order_id};
use crate::directory::Tables;
use crate::errors::{Failure, Kind};

pub(super) fn body(command: SalesCommand) -> Body {
    Body::Sales(Box::new(command))
}

/// A command of an account with a client's id of its own.
pub trait Deal {
    /// The client's id, and past when the command is refused.
    fn named(&self) -> (&str, Option<&prost_types::Timestamp>);
    /// The body; none when a field was wrong or missing, and then the fault is noted.
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body>;
}

/// The command a seller's request asks for.
///
/// # Errors
/// Malformed fields; something named that does not exist.
pub fn deal(
    request: &impl Deal,
    tables: &Tables,
    principal: PrincipalId,
) -> Result<Command, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let (id, valid_until) = request.named();
    let id = fields.client_id("client_order_id", id);
    let valid_until = fields.time("valid_until", valid_until);
    let body = request.ask(&mut fields);
    fields.finish(command(principal, id, valid_until, body))
}

/// An id of an offer, as a report wrote it.
///
/// # Errors
/// It is none.
pub fn offer_named(text: &str) -> Result<OfferId, Failure> {
    let tables = Tables::default();
    let mut fields = Fields::new(&tables, Prefix::None);
    let id = offer_id(&mut fields, "offer_id", text);
    fields.finish(id)
}

pub(super) fn offer_id(fields: &mut Fields<'_>, field: &str, text: &str) -> Option<OfferId> {
    let id = order_id(text).map(|id| OfferId {
        sequence: id.sequence,
        slot: id.slot,
    });
    if id.is_none() {
        fields.wrong(
            field,
            "is no id this exchange gave; copy it from a report or a list",
        );
    }
    id
}

/// Exactly so many bytes.
pub(super) fn exactly<const N: usize>(
    fields: &mut Fields<'_>,
    field: &str,
    bytes: &[u8],
) -> Option<[u8; N]> {
    let read = bytes.try_into().ok();
    if read.is_none() {
        let length = bytes.len();
        fields.wrong(field, format!("has {length} bytes; {N} are required"));
    }
    read
}

/// Terms by their handle, which must be given, since the first one's is 0.
pub fn terms_handle(fields: &mut Fields<'_>, handle: Option<u32>) -> Option<TermsId> {
    let Some(handle) = handle else {
        fields.wrong(
            "terms",
            "is not given; the handle that DefineTerms answered is required",
        );
        return None;
    };
    let id = TermsId::new(handle);
    if fields.tables.terms(id).is_none() {
        fields.missing(Kind::Terms, &handle.to_string());
        return None;
    }
    Some(id)
}

pub(super) fn owner(fields: &mut Fields<'_>, name: &str) -> Option<OwnerId> {
    let find = |tables: &Tables, name: &str| tables.owners.find(name);
    let kind = Kind::BeneficialOwner;
    let found = fields.existing("beneficial_owner_id", name, kind, find);
    found.map(OwnerId::new)
}

/// An existing beneficial owner.
///
/// # Errors
/// Malformed or not found.
pub fn owner_named(tables: &Tables, name: &str) -> Result<OwnerId, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let owner = owner(&mut fields, name);
    fields.finish(owner)
}

impl Asks for v1::SetPartyKindRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let owner = owner(fields, &self.beneficial_owner_id);
        let kind = match v1::PartyKind::try_from(self.kind) {
            Ok(v1::PartyKind::Consumer) => Some(PartyKind::Consumer),
            Ok(v1::PartyKind::Enterprise) => Some(PartyKind::Enterprise),
            Ok(v1::PartyKind::Unspecified) | Err(_) => {
                none_of(fields, "kind", self.kind, "1 (CONSUMER) and 2 (ENTERPRISE)")
            }
        };
        Some(body(SalesCommand::SetPartyKind(SetPartyKind {
            owner: owner?,
            kind: kind?,
        })))
    }
}

/// Notes that a number is none of an enum's.
pub(super) fn none_of<T>(
    fields: &mut Fields<'_>,
    field: &str,
    value: i32,
    right: &str,
) -> Option<T> {
    fields.wrong(field, format!("{value} is none; {right} are"));
    None
}

impl Asks for v1::DefineTermsRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let Some(terms) = &self.terms else {
            fields.wrong("terms", "is not given; it is required");
            return None;
        };
        sale_terms(fields, terms).map(|terms| body(SalesCommand::DefineTerms(terms)))
    }
}

fn sale_terms(fields: &mut Fields<'_>, wire: &v1::SaleTerms) -> Option<SaleTerms> {
    if wire.terms.is_some() {
        fields.wrong("terms.terms", "is the exchange's to give; leave it out");
    }
    let venue = fields.venue("terms.venue_id", &wire.venue_id);
    let kind = kind(fields, wire.model.as_ref());
    let funding = funding(fields, wire);
    let money = fields.asset("terms.money_asset_id", &wire.money_asset_id);
    let tax_basis = match v1::TaxBasis::try_from(wire.tax_basis) {
        Ok(v1::TaxBasis::VatIn) => Some(TaxBasis::VatIn),
        Ok(v1::TaxBasis::VatOut) => Some(TaxBasis::VatOut),
        Ok(v1::TaxBasis::Unspecified) | Err(_) => {
            let right = "1 (VAT_IN) and 2 (VAT_OUT)";
            none_of(fields, "terms.tax_basis", wire.tax_basis, right)
        }
    };
    let tax_bp = small(fields, "terms.tax_bp", wire.tax_bp);
    let hand_over = span(fields, "terms.hand_over_within", wire.hand_over_within);
    let inspect = span(fields, "terms.inspect_within", wire.inspect_within);
    let return_days = small(fields, "terms.return_days", wire.return_days);
    let agreed_days = small(fields, "terms.agreed_days", wire.agreed_days);
    let exemption = exemption(fields, wire.exemption);
    let delivery = match v1::DeliveryKind::try_from(wire.delivery) {
        Ok(v1::DeliveryKind::Ship) => Some(Delivery::Ship),
        Ok(v1::DeliveryKind::PickUp) => Some(Delivery::PickUp),
        Ok(v1::DeliveryKind::Unspecified) | Err(_) => {
            let right = "1 (SHIP) and 2 (PICK_UP)";
            none_of(fields, "terms.delivery", wire.delivery, right)
        }
    };
    let document = exactly(fields, "terms.document_hash", &wire.document_hash);
    let (model, plan) = kind?;
    Some(SaleTerms {
        venue: venue?,
        model,
        plan,
        funding: funding?,
        money: money?,
        tax_basis: tax_basis?,
        tax_bp: tax_bp?,
        fee_ppm: wire.fee_ppm,
        hand_over_within: hand_over?,
        inspect_within: inspect?,
        return_days: return_days?,
        agreed_days: agreed_days?,
        exemption: exemption?,
        delivery: delivery?,
        covered: if wire.covered {
            Covered::Yes
        } else {
            Covered::No
        },
        document: document?,
    })
}

/// The model with its own terms.
fn kind(fields: &mut Fields<'_>, model: Option<&v1::sale_terms::Model>) -> Option<(Model, Plan)> {
    use v1::sale_terms::Model as Wire;
    Some(match model {
        Some(Wire::FixedPrice(_)) => (Model::FixedPrice, Plan::Plain),
        Some(Wire::TieredPrice(_)) => (Model::TieredPrice, Plan::Plain),
        Some(Wire::FlashSale(flash)) => (Model::FlashSale, Plan::Flash(flash_mode(fields, flash)?)),
        Some(Wire::GroupBuy(_)) => (Model::GroupBuy, Plan::Group),
        Some(Wire::Presale(presale)) => {
            let deposit_bp = small(fields, "terms.presale.deposit_bp", presale.deposit_bp)?;
            (Model::Presale, Plan::Presale { deposit_bp })
        }
        None => {
            let right = "is not given; one of fixed_price, tiered_price, flash_sale, group_buy and \
                         presale is required";
            fields.wrong("terms.model", right);
            return None;
        }
    })
}

fn flash_mode(fields: &mut Fields<'_>, flash: &v1::sale_terms::FlashSale) -> Option<FlashMode> {
    let mode = v1::FlashMode::try_from(flash.mode);
    let queues = mode == Ok(v1::FlashMode::Queue);
    if !queues && (flash.admitted_per_second != 0 || flash.ticket_valid_for.is_some()) {
        let right = "only QUEUE has admitted_per_second and ticket_valid_for; leave them out";
        fields.wrong("terms.flash_sale", right);
    }
    match mode {
        Ok(v1::FlashMode::Race) => Some(FlashMode::Race),
        Ok(v1::FlashMode::Lottery) => Some(FlashMode::Lottery),
        Ok(v1::FlashMode::Queue) => {
            let field = "terms.flash_sale.ticket_valid_for";
            let valid_for = span(fields, field, flash.ticket_valid_for)?;
            Some(FlashMode::Queue {
                per_second: flash.admitted_per_second,
                valid_for,
            })
        }
        Ok(v1::FlashMode::Unspecified) | Err(_) => {
            let right = "1 (RACE), 2 (QUEUE) and 3 (LOTTERY)";
            none_of(fields, "terms.flash_sale.mode", flash.mode, right)
        }
    }
}

impl Asks for v1::JoinQueueRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let account = fields.account("account_id", &self.account_id);
        let offer = offer_id(fields, "offer_id", &self.offer_id);
        Some(body(SalesCommand::Join(Join {
            offer: offer?,
            account: account?,
        })))
    }
}

impl Asks for v1::BringLotteryValueRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let offer = offer_id(fields, "offer_id", &self.offer_id);
        let value = exactly(fields, "value", &self.value);
        let source = fields.new_name("source", &self.source);
        Some(body(SalesCommand::BringValue(BringValue {
            offer: offer?,
            value: value?,
            source: source?,
        })))
    }
}

impl Asks for v1::RevealLotterySeedRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let offer = offer_id(fields, "offer_id", &self.offer_id);
        let seed = exactly(fields, "seed", &self.seed);
        Some(body(SalesCommand::RevealSeed(RevealSeed {
            offer: offer?,
            seed: seed?,
        })))
    }
}

/// What the model asks of each offer.
fn course(
    fields: &mut Fields<'_>,
    wire: Option<&v1::make_offer_request::Course>,
) -> Option<Course> {
    use v1::make_offer_request::Course as Wire;
    match wire {
        None => Some(Course::Plain),
        Some(Wire::Group(group)) => Some(Course::Group {
            quorum: group.quorum_pieces,
        }),
        Some(Wire::Lottery(lottery)) => {
            let commitment = exactly(fields, "lottery.commitment", &lottery.commitment);
            if lottery.draw_by.is_none() {
                fields.wrong("lottery.draw_by", "is not given; it is required");
            }
            let draw_by = fields.time("lottery.draw_by", lottery.draw_by.as_ref());
            let told = [&lottery.value, &lottery.seed, &lottery.entries_hash];
            if told.iter().any(|told| !told.is_empty()) {
                let right =
                    "value, seed and entries_hash are the exchange's to give; leave them out";
                fields.wrong("lottery", right);
            }
            Some(Course::Lottery {
                commitment: commitment?,
                draw_by: draw_by?,
            })
        }
        Some(Wire::Presale(presale)) => {
            let mut instant = |field, at: Option<&prost_types::Timestamp>| {
                if at.is_none() {
                    fields.wrong(field, "is not given; it is required");
                }
                fields.time(field, at)
            };
            let pay_from = instant("presale.pay_from", presale.pay_from.as_ref());
            let pay_until = instant("presale.pay_until", presale.pay_until.as_ref());
            Some(Course::Presale {
                pay_from: pay_from?,
                pay_until: pay_until?,
            })
        }
    }
}

fn funding(fields: &mut Fields<'_>, wire: &v1::SaleTerms) -> Option<Funding> {
    match v1::SaleFunding::try_from(wire.funding) {
        Ok(v1::SaleFunding::Prefunded) => {
            if wire.pay_within.is_some() {
                fields.wrong("terms.pay_within", "PREFUNDED has none; leave it out");
            }
            Some(Funding::Prefunded)
        }
        Ok(v1::SaleFunding::PayLater) => {
            let within = span(fields, "terms.pay_within", wire.pay_within)?;
            Some(Funding::PayLater { within })
        }
        Ok(v1::SaleFunding::Unspecified) | Err(_) => {
            let right = "1 (PREFUNDED) and 2 (PAY_LATER)";
            none_of(fields, "terms.funding", wire.funding, right)
        }
    }
}

#[allow(clippy::option_option, reason = "wrong is not the same as left out")]
fn exemption(fields: &mut Fields<'_>, value: i32) -> Option<Option<Exemption>> {
    use v1::ReturnExemption as W;
    Some(Some(match W::try_from(value) {
        Ok(W::Unspecified) => return Some(None),
        Ok(W::CustomMade) => Exemption::CustomMade,
        Ok(W::Fresh) => Exemption::Fresh,
        Ok(W::OpenedDigital) => Exemption::OpenedDigital,
        Ok(W::Periodical) => Exemption::Periodical,
        Ok(W::ConfirmedUnsuitable) => Exemption::ConfirmedUnsuitable,
        Err(_) => return none_of(fields, "terms.exemption", value, "0 to 5"),
    }))
}

/// A number that the engine keeps in fewer bits.
pub(super) fn small<T: TryFrom<u32>>(
    fields: &mut Fields<'_>,
    field: &str,
    value: u32,
) -> Option<T> {
    let read = T::try_from(value).ok();
    if read.is_none() {
        fields.wrong(field, format!("{value} is too large"));
    }
    read
}

/// A required span of time.
pub(super) fn span(
    fields: &mut Fields<'_>,
    field: &str,
    wire: Option<prost_types::Duration>,
) -> Option<Nanoseconds> {
    let Some(wire) = wire else {
        fields.wrong(field, "is not given; it is required");
        return None;
    };
    let whole = i128::from(wire.seconds) * 1_000_000_000 + i128::from(wire.nanos);
    let read = i64::try_from(whole).ok().filter(|span| *span >= 0);
    if read.is_none() {
        fields.wrong(field, "must lie between 0 and 292 years");
    }
    read.map(Nanoseconds)
}

/// Prices in this currency.
fn prices(
    fields: &mut Fields<'_>,
    wire: Option<&v1::OfferPrices>,
    money: &Asset,
) -> Option<Prices> {
    let Some(wire) = wire else {
        fields.wrong("prices", "is not given; it is required");
        return None;
    };
    let count = wire.tiers.len();
    if count == 0 || count > Prices::TIERS_MAX {
        let max = Prices::TIERS_MAX;
        fields.wrong(
            "prices.tiers",
            format!("has {count} entries; 1 to {max} are right"),
        );
        return None;
    }
    let mut tiers = Vec::with_capacity(count);
    for (place, tier) in wire.tiers.iter().enumerate() {
        let field = format!("prices.tiers[{place}].price");
        if tier.price.is_empty() {
            fields.wrong(&field, "is empty; a price is required, 0 for a gift");
        }
        let price = fields.amount(&field, &tier.price, money);
        tiers.extend(price.map(|price| Tier {
            from: tier.from_pieces,
            price: price.units(),
        }));
    }
    let opens = fields.time("prices.opens", wire.opens.as_ref());
    let closes = fields.time("prices.closes", wire.closes.as_ref());
    let step = wire.step_pieces.max(1);
    (tiers.len() == count).then_some(Prices {
        tiers,
        step,
        min: if wire.min_pieces == 0 {
            step
        } else {
            wire.min_pieces
        },
        max: wire.max_pieces,
        limit: wire.buyer_limit_pieces,
        opens: opens.unwrap_or(Time::ZERO),
        closes,
    })
}

impl Deal for v1::MakeOfferRequest {
    fn named(&self) -> (&str, Option<&prost_types::Timestamp>) {
        (&self.client_order_id, self.valid_until.as_ref())
    }

    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let account = fields.account("account_id", &self.account_id);
        let terms = terms_handle(fields, self.terms);
        let goods = fields.asset("goods_asset_id", &self.goods_asset_id);
        let warehouse = fields.custodian("warehouse_id", &self.warehouse_id);
        let tables = fields.tables;
        let piece = goods.and_then(|id| tables.asset(id)).and_then(|asset| {
            if self.piece_amount.is_empty() {
                fields.wrong(
                    "piece_amount",
                    "is empty; the amount of goods in a piece is required, 0 for a service",
                );
            }
            fields.amount("piece_amount", &self.piece_amount, asset)
        });
        let money = terms.and_then(|id| tables.money_of_terms(id));
        let prices = money.and_then(|money| prices(fields, self.prices.as_ref(), money));
        let course = course(fields, self.course.as_ref());
        Some(body(SalesCommand::Offer(MakeOffer {
            terms: terms?,
            account: account?,
            goods: goods?,
            warehouse: warehouse?,
            piece_units: piece?.units(),
            prices: prices?,
            stock: self.stock_pieces,
            course: course?,
        })))
    }
}

/// A change of an offer, with the terms that its prices are read by.
#[derive(Clone, Copy, Debug)]
pub struct ChangeUnder<'a> {
    /// The request.
    pub request: &'a v1::ChangeOfferRequest,
    /// The offer's terms.
    pub terms: TermsId,
}

impl Deal for ChangeUnder<'_> {
    fn named(&self) -> (&str, Option<&prost_types::Timestamp>) {
        let request = self.request;
        (&request.client_order_id, request.valid_until.as_ref())
    }

    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let request = self.request;
        let account = fields.account("account_id", &request.account_id);
        let offer = offer_id(fields, "offer_id", &request.offer_id);
        let money = fields.tables.money_of_terms(self.terms)?;
        let prices = prices(fields, request.prices.as_ref(), money);
        Some(body(SalesCommand::ChangeOffer(ChangeOffer {
            offer: offer?,
            version: request.offer_version,
            account: account?,
            prices: prices?,
        })))
    }
}

/// Whose offer a request is about.
fn own(fields: &mut Fields<'_>, (account, offer): (&str, &str)) -> Option<(AccountId, OfferId)> {
    let account = fields.account("account_id", account);
    account.zip(offer_id(fields, "offer_id", offer))
}

macro_rules! stock {
    ($($request:ident, $command:ident);*) => {$(
        impl Deal for v1::$request {
            fn named(&self) -> (&str, Option<&prost_types::Timestamp>) {
                (&self.client_order_id, self.valid_until.as_ref())
            }

            fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
                let (account, offer) = own(fields, (&self.account_id, &self.offer_id))?;
                Some(body(SalesCommand::$command(ChangeStock {
                    offer,
                    account,
                    pieces: self.pieces,
                })))
            }
        }
    )*};
}

stock!(PutStockRequest, PutStock; TakeStockRequest, TakeStock);

impl Deal for v1::WithdrawOfferRequest {
    fn named(&self) -> (&str, Option<&prost_types::Timestamp>) {
        (&self.client_order_id, self.valid_until.as_ref())
    }

    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let (account, offer) = own(fields, (&self.account_id, &self.offer_id))?;
        Some(body(SalesCommand::WithdrawOffer(WithdrawOffer {
            offer,
            account,
        })))
    }
}
