//! Terms of sale and offers.
//!
//! Invariant: as in `clearing`: money in the terms' currency, goods in their own unit. Not here:
//! contracts (`contracts`), the public stream (`fanout`).

use engine::command::{
    Covered, Delivery, Exemption, FlashMode, Funding, PartyKind, Plan, SaleTerms, TaxBasis,
};
use engine::engine::{AnnualUse, Campaign, ImportLimits, Offer};
use engine::event::{OfferAct, OfferReport};
use engine::reject::Reject;
use engine::types::{AccountId, AssetId, Nanoseconds, OfferId, Sequence, TermsId, Time};
use engine::venue::{ImportLimit, Law, Model};
use proto::v1;

use super::{
    account_name, amount_text, asset_name, client_order_id, custodian_name, decimal_text,
    offer_id_text, regime_word, reject_words, timestamp,
};
use crate::directory::Tables;
use crate::projector::rows::FirstRow;

/// Which kind of party somebody is.
pub const fn party_kind(kind: PartyKind) -> v1::PartyKind {
    match kind {
        PartyKind::Consumer => v1::PartyKind::Consumer,
        PartyKind::Enterprise => v1::PartyKind::Enterprise,
    }
}

fn yuan(fen: i64) -> String {
    decimal_text(fen.into(), 2)
}

/// What somebody used of its annual limit of imports, in yuan.
pub fn annual_use(
    law: &Law,
    (sequence, year): (Sequence, u16),
    used: AnnualUse,
    limits: &[ImportLimits],
) -> v1::GetAnnualUseResponse {
    v1::GetAnnualUseResponse {
        year: year.into(),
        here: yuan(used.here),
        elsewhere: yuan(used.elsewhere),
        engine_sequence: sequence.value(),
        limits: limits
            .iter()
            .map(|limits| import_limits(law, limits, used))
            .collect(),
    }
}

fn import_limits(law: &Law, limits: &ImportLimits, used: AnnualUse) -> v1::ImportLimits {
    let single = limits.single;
    let cited = |limit: ImportLimit| law.cite(limit.basis).to_owned();
    v1::ImportLimits {
        regime: regime_word(law, limits.regime),
        annual_limit: yuan(limits.annual.fen),
        annual_basis: cited(limits.annual),
        left: yuan(used.left_of(limits.annual)),
        single_order_limit: single.map_or_else(String::new, |single| yuan(single.fen)),
        single_order_basis: single.map_or_else(String::new, cited),
    }
}

/// Terms of sale.
pub fn sale_terms(tables: &Tables, id: TermsId, terms: &SaleTerms) -> v1::SaleTerms {
    let (funding, pay_within) = match terms.funding {
        Funding::Prefunded => (v1::SaleFunding::Prefunded, None),
        Funding::PayLater { within } => (v1::SaleFunding::PayLater, Some(duration(within))),
    };
    let tax_basis = match terms.tax_basis {
        TaxBasis::VatIn => v1::TaxBasis::VatIn,
        TaxBasis::VatOut => v1::TaxBasis::VatOut,
    };
    let delivery = match terms.delivery {
        Delivery::Ship => v1::DeliveryKind::Ship,
        Delivery::PickUp => v1::DeliveryKind::PickUp,
    };
    let venue = tables.venue(terms.venue);
    v1::SaleTerms {
        terms: Some(id.index()),
        venue_id: venue.map_or_else(String::new, |venue| venue.name.as_str().to_owned()),
        money_asset_id: asset_name(tables, terms.money),
        funding: funding.into(),
        pay_within,
        tax_basis: tax_basis.into(),
        tax_bp: terms.tax_bp.into(),
        fee_ppm: terms.fee_ppm,
        hand_over_within: Some(duration(terms.hand_over_within)),
        inspect_within: Some(duration(terms.inspect_within)),
        return_days: terms.return_days.into(),
        agreed_days: terms.agreed_days.into(),
        exemption: exemption(terms.exemption).into(),
        delivery: delivery.into(),
        covered: terms.covered == Covered::Yes,
        document_hash: terms.document.to_vec(),
        demonstration: tables.venue_is_demonstration(terms.venue),
        model: Some(model(terms)),
    }
}

fn model(terms: &SaleTerms) -> v1::sale_terms::Model {
    use v1::sale_terms::{FixedPrice, GroupBuy, Model as Wire, Presale, TieredPrice};
    match terms.plan {
        Plan::Plain if terms.model == Model::TieredPrice => Wire::TieredPrice(TieredPrice {}),
        Plan::Plain => Wire::FixedPrice(FixedPrice {}),
        Plan::Flash(mode) => Wire::FlashSale(flash_sale(mode)),
        Plan::Group => Wire::GroupBuy(GroupBuy {}),
        Plan::Presale { deposit_bp } => {
            let deposit_bp = deposit_bp.into();
            Wire::Presale(Presale { deposit_bp })
        }
    }
}

fn flash_sale(mode: FlashMode) -> v1::sale_terms::FlashSale {
    let of = |mode: v1::FlashMode| v1::sale_terms::FlashSale {
        mode: mode.into(),
        ..v1::sale_terms::FlashSale::default()
    };
    match mode {
        FlashMode::Race => of(v1::FlashMode::Race),
        FlashMode::Lottery => of(v1::FlashMode::Lottery),
        FlashMode::Queue {
            per_second,
            valid_for,
        } => v1::sale_terms::FlashSale {
            admitted_per_second: per_second,
            ticket_valid_for: Some(duration(valid_for)),
            ..of(v1::FlashMode::Queue)
        },
    }
}

/// What its model asks of an offer, and how many pieces a group has together.
fn course(campaign: Option<&Campaign>) -> (Option<v1::offer::Course>, u32) {
    let bytes = |hash: Option<[u8; 32]>| hash.map_or_else(Vec::new, |hash| hash.to_vec());
    match campaign {
        // A queue is its terms' alone.
        None | Some(Campaign::Queue(_)) => (None, 0),
        Some(Campaign::Lottery(lottery)) => {
            let course = v1::offer::Course::Lottery(v1::LotteryCourse {
                commitment: lottery.commitment.to_vec(),
                draw_by: Some(timestamp(lottery.draw_by)),
                value: bytes(lottery.value),
                seed: bytes(lottery.seed),
                entries_hash: lottery.entered.to_vec(),
            });
            (Some(course), 0)
        }
        Some(Campaign::Group(group)) => {
            let quorum_pieces = group.quorum;
            let course = v1::offer::Course::Group(v1::GroupCourse { quorum_pieces });
            (Some(course), group.pieces)
        }
        Some(Campaign::Presale(presale)) => {
            let course = v1::offer::Course::Presale(v1::PresaleCourse {
                pay_from: Some(timestamp(presale.pay_from)),
                pay_until: Some(timestamp(presale.pay_until)),
            });
            (Some(course), 0)
        }
    }
}

const fn exemption(exemption: Option<Exemption>) -> v1::ReturnExemption {
    match exemption {
        None => v1::ReturnExemption::Unspecified,
        Some(Exemption::CustomMade) => v1::ReturnExemption::CustomMade,
        Some(Exemption::Fresh) => v1::ReturnExemption::Fresh,
        Some(Exemption::OpenedDigital) => v1::ReturnExemption::OpenedDigital,
        Some(Exemption::Periodical) => v1::ReturnExemption::Periodical,
        Some(Exemption::ConfirmedUnsuitable) => v1::ReturnExemption::ConfirmedUnsuitable,
    }
}

pub(super) fn duration(span: Nanoseconds) -> prost_types::Duration {
    prost_types::Duration {
        seconds: span.0.div_euclid(1_000_000_000),
        nanos: span.0.rem_euclid(1_000_000_000) as i32,
    }
}

/// An amount of an asset; empty when the asset is not known.
pub fn units_text(tables: &Tables, asset: AssetId, units: i64) -> String {
    let asset = tables.asset(asset);
    asset.map_or_else(String::new, |asset| amount_text(asset, units))
}

/// A live offer.
pub fn offer(
    tables: &Tables,
    id: OfferId,
    (offer, campaign): (&Offer, Option<&Campaign>),
) -> v1::Offer {
    let (course, joined_pieces) = course(campaign);
    let terms = tables.terms(offer.terms);
    let venue = terms.and_then(|terms| tables.venue(terms.venue));
    let money = terms.map(|terms| terms.money);
    let price = |units| money.map_or_else(String::new, |id| units_text(tables, id, units));
    let prices = offer.prices();
    let tiers = prices.tiers.iter().map(|tier| v1::PriceTier {
        from_pieces: tier.from,
        price: price(tier.price),
    });
    v1::Offer {
        offer_id: offer_id_text(id),
        offer_sequence: id.sequence,
        offer_slot: id.slot,
        version: offer.version,
        seller_account_id: account_name(tables, offer.seller),
        terms: Some(offer.terms.index()),
        venue_id: venue.map_or_else(String::new, |venue| venue.name.as_str().to_owned()),
        goods_asset_id: asset_name(tables, offer.goods),
        warehouse_id: custodian_name(tables, offer.warehouse),
        piece_amount: units_text(tables, offer.goods, offer.piece_units),
        prices: Some(v1::OfferPrices {
            tiers: tiers.collect(),
            step_pieces: prices.step,
            min_pieces: prices.min,
            max_pieces: prices.max,
            buyer_limit_pieces: prices.limit,
            opens: (prices.opens != Time::ZERO).then(|| timestamp(prices.opens)),
            closes: prices.closes.map(timestamp),
        }),
        money_asset_id: money.map_or_else(String::new, |id| asset_name(tables, id)),
        left_pieces: offer.left,
        demonstration: venue.is_some_and(|venue| venue.demonstration),
        course,
        joined_pieces,
    }
}

const fn act(act: OfferAct) -> v1::OfferAct {
    match act {
        OfferAct::Offered => v1::OfferAct::Offered,
        OfferAct::Changed => v1::OfferAct::Changed,
        OfferAct::StockPut => v1::OfferAct::StockPut,
        OfferAct::StockTaken => v1::OfferAct::StockTaken,
        OfferAct::Reserved => v1::OfferAct::Reserved,
        OfferAct::GivenBack => v1::OfferAct::GivenBack,
        OfferAct::Withdrawn => v1::OfferAct::Withdrawn,
        OfferAct::Closed => v1::OfferAct::Closed,
        OfferAct::Void => v1::OfferAct::Void,
    }
}

/// What a seller's command did.
pub fn offer_done(tables: &Tables, row: &FirstRow, done: &OfferReport) -> v1::OfferReport {
    let terms = tables.terms(done.terms);
    let money = terms.map(|terms| terms.money);
    let demonstration = terms.is_some_and(|terms| tables.venue_is_demonstration(terms.venue));
    v1::OfferReport {
        act: act(done.act).into(),
        offer_id: offer_id_text(done.offer),
        version: done.version,
        left_pieces: done.left,
        joined_pieces: done.joined,
        price: money.map_or_else(String::new, |id| units_text(tables, id, done.price)),
        money_asset_id: money.map_or_else(String::new, |id| asset_name(tables, id)),
        goods_asset_id: asset_name(tables, done.goods),
        terms: Some(done.terms.index()),
        demonstration,
        ..offer_answer(tables, row, Some(done.seller))
    }
}

/// A seller's command that was rejected.
pub fn offer_refused(
    tables: &Tables,
    row: &FirstRow,
    (account, reject): (Option<AccountId>, Reject),
) -> v1::OfferReport {
    let words = reject_words(&tables.law, reject);
    v1::OfferReport {
        reject_reason: words.reason,
        legal_basis: words.basis,
        text: words.text,
        demonstration: tables.all_demonstration(),
        ..offer_answer(tables, row, account)
    }
}

fn offer_answer(tables: &Tables, row: &FirstRow, account: Option<AccountId>) -> v1::OfferReport {
    v1::OfferReport {
        engine_sequence: row.sequence.value(),
        client_order_id: client_order_id(row.identity),
        account_id: account.map_or_else(String::new, |id| account_name(tables, id)),
        transact_time: Some(timestamp(row.time)),
        ..v1::OfferReport::default()
    }
}
