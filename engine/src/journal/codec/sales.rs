//! The bodies of commands about sales as bytes: a sub-tag, then the fields.
//!
//! Invariant: as in `codec`. Terms and prices, which are also state, are written here for both.

use super::clearing::put_id;
use super::discounts;
use crate::bytes::{self, BytesError, Reader};
use crate::clearing::section::amount;
use crate::command::{
    Body, BringValue, ChangeOffer, ChangeStock, Course, Covered, Delivery, Exemption, FlashMode,
    Funding, Join, MakeOffer, PartyKind, Plan, Prices, RevealSeed, SaleTerms, SalesCommand,
    SetGrace, SetGuarantee, SetPartyKind, TaxBasis, Tier, WithdrawOffer,
};
use crate::types::{
    AccountId, AssetId, CustodianId, Nanoseconds, OfferId, OwnerId, TermsId, VenueId,
};
use crate::venue::Model;

pub(super) fn put(out: &mut Vec<u8>, command: &SalesCommand) {
    match command {
        SalesCommand::SetPartyKind(set) => {
            bytes::put_u8(out, 1);
            put_id(out, set.owner.index());
            bytes::put_u8(out, set.kind as u8);
        }
        SalesCommand::DefineTerms(terms) => {
            bytes::put_u8(out, 2);
            put_terms(out, terms);
        }
        SalesCommand::Offer(make) => {
            bytes::put_u8(out, 3);
            put_id(out, make.terms.index());
            put_id(out, make.account.index());
            put_id(out, make.goods.index());
            put_id(out, make.warehouse.index());
            bytes::put_zigzag(out, make.piece_units);
            put_prices(out, &make.prices);
            put_id(out, make.stock);
            put_course(out, make.course);
        }
        SalesCommand::ChangeOffer(change) => {
            bytes::put_u8(out, 4);
            put_offer(out, change.offer);
            put_id(out, change.version);
            put_id(out, change.account.index());
            put_prices(out, &change.prices);
        }
        SalesCommand::PutStock(change) => put_stock(out, 5, change),
        SalesCommand::TakeStock(change) => put_stock(out, 6, change),
        SalesCommand::WithdrawOffer(end) => {
            bytes::put_u8(out, 7);
            put_offer(out, end.offer);
            put_id(out, end.account.index());
        }
        SalesCommand::BringValue(bring) => {
            bytes::put_u8(out, 9);
            put_offer(out, bring.offer);
            out.extend_from_slice(&bring.value);
            bytes::put_text(out, &bring.source);
        }
        SalesCommand::RevealSeed(reveal) => {
            bytes::put_u8(out, 10);
            put_offer(out, reveal.offer);
            out.extend_from_slice(&reveal.seed);
        }
        SalesCommand::SetGrace(set) => {
            bytes::put_u8(out, 14);
            bytes::put_varint(out, u64::from(set.venue.index()));
            bytes::put_zigzag(out, set.grace.0);
        }
        SalesCommand::DefineDiscount(terms) => discounts::put_terms(out, terms),
        SalesCommand::SetGuarantee(set) => {
            bytes::put_u8(out, 48);
            put_id(out, set.venue.index());
            put_id(out, set.account.index());
            put_id(out, set.money.index());
            bytes::put_varint(out, set.amount.units() as u64);
        }
        SalesCommand::Join(join) => {
            bytes::put_u8(out, 8);
            put_offer(out, join.offer);
            put_id(out, join.account.index());
        }
    }
}

fn put_stock(out: &mut Vec<u8>, tag: u8, change: &ChangeStock) {
    bytes::put_u8(out, tag);
    put_offer(out, change.offer);
    put_id(out, change.account.index());
    put_id(out, change.pieces);
}

/// Writes an offer's id.
pub(crate) fn put_offer(out: &mut Vec<u8>, offer: OfferId) {
    bytes::put_varint(out, offer.sequence);
    put_id(out, offer.slot);
}

/// Reads an offer's id.
pub(crate) fn offer(input: &mut Reader<'_>) -> Result<OfferId, BytesError> {
    Ok(OfferId {
        sequence: input.varint()?,
        slot: input.varint32("an offer's row")?,
    })
}

/// Writes terms of sale.
pub(crate) fn put_terms(out: &mut Vec<u8>, terms: &SaleTerms) {
    put_id(out, terms.venue.index());
    bytes::put_u8(out, terms.model as u8);
    put_plan(out, terms.plan);
    let within = match terms.funding {
        Funding::Prefunded => None,
        Funding::PayLater { within } => Some(within.0),
    };
    bytes::put_option(out, within, bytes::put_zigzag);
    put_id(out, terms.money.index());
    bytes::put_u8(out, terms.tax_basis as u8);
    put_id(out, u32::from(terms.tax_bp));
    put_id(out, terms.fee_ppm);
    bytes::put_zigzag(out, terms.hand_over_within.0);
    bytes::put_zigzag(out, terms.inspect_within.0);
    bytes::put_u8(out, terms.return_days);
    put_id(out, u32::from(terms.agreed_days));
    let exemption = terms.exemption.map(|exemption| exemption as u8);
    bytes::put_option(out, exemption, bytes::put_u8);
    bytes::put_u8(out, terms.delivery as u8);
    bytes::put_u8(out, terms.covered as u8);
    out.extend_from_slice(&terms.document);
}

/// Reads what [`put_terms`] wrote, whether or not the bounds hold.
pub(crate) fn terms(input: &mut Reader<'_>) -> Result<SaleTerms, BytesError> {
    Ok(SaleTerms {
        venue: VenueId::new(input.varint32("venue")?),
        model: Model::from_code(input.u8()?).ok_or(BytesError::range("model"))?,
        plan: plan(input)?,
        funding: match input.option(Reader::zigzag)? {
            None => Funding::Prefunded,
            Some(within) => Funding::PayLater {
                within: Nanoseconds(within),
            },
        },
        money: AssetId::new(input.varint32("money")?),
        tax_basis: match input.u8()? {
            1 => TaxBasis::VatIn,
            2 => TaxBasis::VatOut,
            _ => return Err(BytesError::range("tax basis")),
        },
        tax_bp: u16::try_from(input.varint32("tax")?).map_err(|_| BytesError::range("tax"))?,
        fee_ppm: input.varint32("fee")?,
        hand_over_within: Nanoseconds(input.zigzag()?),
        inspect_within: Nanoseconds(input.zigzag()?),
        return_days: input.u8()?,
        agreed_days: u16::try_from(input.varint32("days of agreed returns")?)
            .map_err(|_| BytesError::range("days of agreed returns"))?,
        exemption: input.option(exemption)?,
        delivery: match input.u8()? {
            1 => Delivery::Ship,
            2 => Delivery::PickUp,
            _ => return Err(BytesError::range("delivery")),
        },
        covered: covered(input)?,
        document: array(input)?,
    })
}

fn put_plan(out: &mut Vec<u8>, plan: Plan) {
    match plan {
        Plan::Plain => bytes::put_u8(out, 0),
        Plan::Flash(FlashMode::Race) => bytes::put_u8(out, 1),
        Plan::Flash(FlashMode::Lottery) => bytes::put_u8(out, 5),
        Plan::Flash(FlashMode::Queue {
            per_second,
            valid_for,
        }) => {
            bytes::put_u8(out, 4);
            put_id(out, per_second);
            bytes::put_zigzag(out, valid_for.0);
        }
        Plan::Group => bytes::put_u8(out, 2),
        Plan::Presale { deposit_bp } => {
            bytes::put_u8(out, 3);
            put_id(out, u32::from(deposit_bp));
        }
    }
}

fn put_course(out: &mut Vec<u8>, course: Course) {
    match course {
        Course::Plain => bytes::put_u8(out, 0),
        Course::Group { quorum } => {
            bytes::put_u8(out, 1);
            put_id(out, quorum);
        }
        Course::Lottery {
            commitment,
            draw_by,
        } => {
            bytes::put_u8(out, 3);
            out.extend_from_slice(&commitment);
            bytes::put_time(out, draw_by);
        }
        Course::Presale {
            pay_from,
            pay_until,
        } => {
            bytes::put_u8(out, 2);
            bytes::put_time(out, pay_from);
            bytes::put_time(out, pay_until);
        }
    }
}

fn course(input: &mut Reader<'_>) -> Result<Course, BytesError> {
    Ok(match input.u8()? {
        0 => Course::Plain,
        1 => Course::Group {
            quorum: input.varint32("a quorum")?,
        },
        3 => Course::Lottery {
            commitment: array(input)?,
            draw_by: input.time("the time of a draw")?,
        },
        2 => Course::Presale {
            pay_from: input.time("the begin of a window")?,
            pay_until: input.time("the end of a window")?,
        },
        _ => return Err(BytesError::range("the course of an offer")),
    })
}

fn plan(input: &mut Reader<'_>) -> Result<Plan, BytesError> {
    Ok(match input.u8()? {
        0 => Plan::Plain,
        1 => Plan::Flash(FlashMode::Race),
        2 => Plan::Group,
        5 => Plan::Flash(FlashMode::Lottery),
        4 => Plan::Flash(FlashMode::Queue {
            per_second: input.varint32("a rate")?,
            valid_for: Nanoseconds(input.zigzag()?),
        }),
        3 => Plan::Presale {
            deposit_bp: u16::try_from(input.varint32("a deposit")?)
                .map_err(|_| BytesError::range("a deposit"))?,
        },
        _ => return Err(BytesError::range("a model's own terms")),
    })
}

fn exemption(input: &mut Reader<'_>) -> Result<Exemption, BytesError> {
    Ok(match input.u8()? {
        1 => Exemption::CustomMade,
        2 => Exemption::Fresh,
        3 => Exemption::OpenedDigital,
        4 => Exemption::Periodical,
        5 => Exemption::ConfirmedUnsuitable,
        _ => return Err(BytesError::range("exemption")),
    })
}

/// Reads so many bytes.
pub(crate) fn array<const N: usize>(input: &mut Reader<'_>) -> Result<[u8; N], BytesError> {
    let bytes = input.take(N)?;
    Ok(bytes.try_into().expect("`take` gave as many"))
}

/// Reads whether something is covered.
pub(crate) fn covered(input: &mut Reader<'_>) -> Result<Covered, BytesError> {
    match input.u8()? {
        0 => Ok(Covered::No),
        1 => Ok(Covered::Yes),
        _ => Err(BytesError::range("covered")),
    }
}

/// Reads a kind of party.
pub(crate) fn kind(input: &mut Reader<'_>) -> Result<PartyKind, BytesError> {
    match input.u8()? {
        0 => Ok(PartyKind::Consumer),
        1 => Ok(PartyKind::Enterprise),
        _ => Err(BytesError::range("the kind of a party")),
    }
}

/// Writes the prices of an offer.
pub(crate) fn put_prices(out: &mut Vec<u8>, prices: &Prices) {
    bytes::put_varint(out, prices.tiers.len() as u64);
    for tier in &prices.tiers {
        put_id(out, tier.from);
        bytes::put_zigzag(out, tier.price);
    }
    for pieces in [prices.step, prices.min, prices.max] {
        put_id(out, pieces);
    }
    bytes::put_option(out, prices.limit, put_id);
    bytes::put_time(out, prices.opens);
    bytes::put_option(out, prices.closes, bytes::put_time);
}

/// Reads what [`put_prices`] wrote, whether or not the bounds hold.
pub(crate) fn prices(input: &mut Reader<'_>) -> Result<Prices, BytesError> {
    let count = input.count(u32::MAX, 2, "the count of tiers")?;
    let mut tiers = Vec::with_capacity(count);
    for _ in 0..count {
        tiers.push(Tier {
            from: input.varint32("pieces")?,
            price: input.zigzag()?,
        });
    }
    Ok(Prices {
        tiers,
        step: input.varint32("step")?,
        min: input.varint32("min")?,
        max: input.varint32("max")?,
        limit: input.option(|input| input.varint32("limit"))?,
        opens: input.time("opens")?,
        closes: input.option(|input| input.time("closes"))?,
    })
}

/// Reads a body about sales.
pub(super) fn get(input: &mut Reader<'_>) -> Result<Body, BytesError> {
    let command = match input.u8()? {
        1 => SalesCommand::SetPartyKind(SetPartyKind {
            owner: OwnerId::new(input.varint32("owner")?),
            kind: kind(input)?,
        }),
        2 => SalesCommand::DefineTerms(terms(input)?),
        3 => SalesCommand::Offer(MakeOffer {
            terms: TermsId::new(input.varint32("terms")?),
            account: account(input)?,
            goods: AssetId::new(input.varint32("goods")?),
            warehouse: CustodianId::new(input.varint32("warehouse")?),
            piece_units: input.zigzag()?,
            prices: prices(input)?,
            stock: input.varint32("stock")?,
            course: course(input)?,
        }),
        4 => SalesCommand::ChangeOffer(ChangeOffer {
            offer: offer(input)?,
            version: input.varint32("version")?,
            account: account(input)?,
            prices: prices(input)?,
        }),
        5 => SalesCommand::PutStock(stock(input)?),
        6 => SalesCommand::TakeStock(stock(input)?),
        7 => SalesCommand::WithdrawOffer(WithdrawOffer {
            offer: offer(input)?,
            account: account(input)?,
        }),
        9 => SalesCommand::BringValue(BringValue {
            offer: offer(input)?,
            value: array(input)?,
            source: input.text()?,
        }),
        10 => SalesCommand::RevealSeed(RevealSeed {
            offer: offer(input)?,
            seed: array(input)?,
        }),
        48 => SalesCommand::SetGuarantee(SetGuarantee {
            venue: VenueId::new(input.varint32("venue")?),
            account: account(input)?,
            money: AssetId::new(input.varint32("money")?),
            amount: amount(input, "a guarantee")?,
        }),
        8 => SalesCommand::Join(Join {
            offer: offer(input)?,
            account: account(input)?,
        }),
        14 => SalesCommand::SetGrace(SetGrace {
            venue: VenueId::new(input.varint32("venue")?),
            grace: Nanoseconds(input.zigzag()?),
        }),
        _ => return Err(BytesError::range("the kind of a command about sales")),
    };
    Ok(Body::Sales(Box::new(command)))
}

fn stock(input: &mut Reader<'_>) -> Result<ChangeStock, BytesError> {
    Ok(ChangeStock {
        offer: offer(input)?,
        account: account(input)?,
        pieces: input.varint32("pieces")?,
    })
}

/// Reads an account.
pub(super) fn account(input: &mut Reader<'_>) -> Result<AccountId, BytesError> {
    Ok(AccountId::new(input.varint32("account")?))
}
