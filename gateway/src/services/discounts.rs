//! Discounts: defined, looked at, listed.
//!
//! Invariant: as in `sales`: a list looks at the engine in parts. Not here: baskets (`contracts`).

use engine::engine::{Discount, Engine};
use engine::types::{AccountId, DiscountId, PrincipalId, Sequence, VenueId};
use proto::v1;
use tonic::Response;

use super::balances::token;
use super::deals;
use super::executions::account;
use super::looks::look;
use super::market_data::venue;
use super::pages::{Page, SIZE_MAX, page};
use crate::admission::Payer;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::from_proto;
use crate::to_proto;

/// Rows of discounts that one look at the engine passes.
const ROWS_OF_LOOK: u32 = SIZE_MAX;
/// Looks of one page; one that finds few of what is asked ends early and says where to go on.
const LOOKS_MAX: u32 = 64;

/// Has a discount defined.
///
/// # Errors
/// Malformed; not admitted; the id was used with other content.
pub(super) async fn define(
    exchange: &Exchange,
    request: &v1::DefineDiscountRequest,
) -> Result<Response<v1::DefineDiscountResponse>, Failure> {
    let (command, demonstration) = {
        let tables = exchange.directory.read();
        let command = from_proto::deal(request, &tables, PrincipalId::LOCAL)?;
        let named = request.discount.as_ref().map(|one| &*one.venue_id);
        let found = named.and_then(|name| tables.venues.find(name));
        let venue = found.map(VenueId::new);
        (
            command,
            venue.is_some_and(|id| tables.venue_is_demonstration(id)),
        )
    };
    let answered = deals::submit(exchange, command).await?;
    let mut made = answered.discount(exchange).await?;
    if let Some(report) = &mut made.report {
        report.demonstration = demonstration;
    }
    Ok(Response::new(made))
}

/// A live discount.
///
/// # Errors
/// Malformed; not found.
pub(super) async fn get(
    exchange: &Exchange,
    request: &v1::GetDiscountRequest,
) -> Result<Response<v1::GetDiscountResponse>, Failure> {
    let id = from_proto::discount_named(&request.discount_id)?;
    let see = move |engine: &Engine| engine.sales().discount(id).copied();
    let (sequence, found) = look(exchange, Payer::Reader, see).await?;
    let missing = || Failure::NotFound(Kind::Discount, request.discount_id.clone());
    let found = found.ok_or_else(missing)?;
    let tables = exchange.directory.read();
    Ok(Response::new(v1::GetDiscountResponse {
        discount: Some(to_proto::discount(&tables, id, &found)),
        engine_sequence: sequence.value(),
    }))
}

/// Which discounts.
#[derive(Clone, Copy)]
struct Wanted {
    venue: Option<VenueId>,
    seller: Option<AccountId>,
}

impl Wanted {
    fn has(self, discount: &Discount) -> bool {
        let terms = &discount.terms;
        self.seller.is_none_or(|seller| seller == terms.account)
            && self.venue.is_none_or(|venue| venue == terms.venue)
    }
}

/// A part of a walk, and the row where it goes on.
struct Part {
    found: Vec<(DiscountId, Discount)>,
    next: Option<u32>,
}

/// A page of discounts.
///
/// # Errors
/// Malformed; a venue or seller not found.
pub(super) async fn list(
    exchange: &Exchange,
    request: &v1::ListDiscountsRequest,
) -> Result<Response<v1::ListDiscountsResponse>, Failure> {
    let wanted = {
        let tables = exchange.directory.read();
        Wanted {
            venue: venue(&tables, &request.venue_id)?,
            seller: match request.seller_account_id.as_str() {
                "" => None,
                name => Some(account(&tables, name)?),
            },
        }
    };
    let page = page(request.page_size, &request.page_token)?;
    let (sequence, part) = walk(exchange, wanted, page).await?;
    let tables = exchange.directory.read();
    let discounts = part.found.iter();
    let discounts = discounts.map(|(id, found)| to_proto::discount(&tables, *id, found));
    Ok(Response::new(v1::ListDiscountsResponse {
        discounts: discounts.collect(),
        engine_sequence: sequence.value(),
        next_page_token: token(part.next),
    }))
}

/// Walks over discounts from a row on, a part at a time.
async fn walk(
    exchange: &Exchange,
    wanted: Wanted,
    page: Page,
) -> Result<(Sequence, Part), Failure> {
    let (mut next, mut found) = (page.start, Vec::new());
    let mut looks = 0;
    loop {
        let room = page.size - found.len();
        let see = move |engine: &Engine| part(engine, wanted, next, room);
        let (sequence, part) = look(exchange, Payer::Reader, see).await?;
        found.extend(part.found);
        looks += 1;
        next = match part.next {
            Some(next) if found.len() < page.size && looks < LOOKS_MAX => next,
            next => return Ok((sequence, Part { found, next })),
        };
    }
}

/// What one look sees: at most `limit` discounts among the next rows.
fn part(engine: &Engine, wanted: Wanted, from: u32, limit: usize) -> Part {
    let sales = engine.sales();
    let mut found = Vec::new();
    for (id, discount) in sales.discounts_in(from, ROWS_OF_LOOK) {
        if found.len() == limit {
            let next = Some(id.slot);
            return Part { found, next };
        }
        if wanted.has(discount) {
            found.push((id, *discount));
        }
    }
    let end = from.saturating_add(ROWS_OF_LOOK);
    let next = (end < sales.discount_rows()).then_some(end);
    Part { found, next }
}
