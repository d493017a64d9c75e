//! `GetStatement`: an account's balance of one asset, line by line, from the history alone.
//!
//! Invariant: opening and amounts sum to closing, exactly, on every page; the closing of a page is
//! the opening of the next, carried in its token. The opening of a late span is found by a seek
//! (`projector::tallies`). Not here: rows (`projector::postings`), what the ledger has
//! (`balances`).

use engine::clearing::Asset;
use engine::types::{AccountId, AssetId, Sequence, Time};
use proto::v1;
use tonic::Status;

use super::balances::wrong_token;
use super::executions::read;
use super::pages;
use crate::directory::Tables;
use crate::errors::Failure;
use crate::exchange::Exchange;
use crate::from_proto::{self, Fields, Prefix};
use crate::projector::postings::PostingPlace;
use crate::projector::tallies::Opening;
use crate::projector::{PostingsPage, PostingsQuery};
use crate::reconcile::begins;
use crate::to_proto;

/// What a statement is about.
#[derive(Clone, Copy, Debug)]
struct Query {
    account: AccountId,
    asset: AssetId,
    from: From,
    /// Only before this instant.
    until: Option<Time>,
    /// Only up to and with this command.
    through: Option<Sequence>,
    limit: usize,
    /// Where the page begins, and the balance before it.
    token: Option<(PostingPlace, i64)>,
}

/// Where a span begins.
#[derive(Clone, Copy, Debug)]
enum From {
    Time(Time),
    Sequence(Sequence),
}

impl From {
    fn has_begun_by(self, place: PostingPlace) -> bool {
        match self {
            Self::Time(time) => place.time >= time,
            Self::Sequence(sequence) => place.sequence >= sequence,
        }
    }
}

/// A page of a statement.
///
/// # Errors
/// Malformed, not found, or the history cannot be read.
pub async fn statement(
    exchange: &Exchange,
    request: &v1::GetStatementRequest,
) -> Result<v1::GetStatementResponse, Status> {
    let query = query(&exchange.directory.read(), request)?;
    exchange.history.catch_up().await.map_err(Failure::from)?;
    let durable = exchange.history.watch().borrow().projected;
    let (from, opening) = match query.token {
        Some((place, balance)) => (place, i128::from(balance)),
        None => opening(exchange, &query).await?,
    };
    let page = read_page(exchange, &query, (from, query.until), query.limit).await?;
    let tables = exchange.directory.read();
    let asset = tables.asset(query.asset);
    let asset = asset.ok_or_else(|| Failure::field("asset_id", "is no asset any more"))?;
    let mut balance = opening;
    let mut lines = Vec::with_capacity(page.postings.len());
    let mut next = page.next;
    for row in &page.postings {
        if query.through.is_some_and(|last| row.place.sequence > last) {
            next = None;
            break;
        }
        balance += to_proto::posted_units(&tables, row);
        lines.push(v1::StatementLine {
            posting: Some(to_proto::posting(&tables, row)),
            balance: text(asset, balance),
        });
    }
    let beyond = |place: &PostingPlace| query.through.is_some_and(|last| place.sequence > last);
    let next = next.filter(|place| !beyond(place));
    let token = |place| format!("{}:{balance}", to_proto::posting_place_text(place));
    Ok(v1::GetStatementResponse {
        opening_balance: text(asset, opening),
        lines,
        closing_balance: text(asset, balance),
        next_page_token: next.map_or_else(String::new, token),
        durable_sequence: durable.value(),
        until_time: query.until.map(to_proto::timestamp),
        demonstration: to_proto::asset_is_demonstration(asset),
    })
}

fn text(asset: &Asset, units: i128) -> String {
    to_proto::decimal_text(units, asset.class.decimals())
}

/// Where the span's first posting may stand, and the balance before it: everything that moved
/// before.
async fn opening(exchange: &Exchange, query: &Query) -> Result<(PostingPlace, i128), Status> {
    let (account, from) = (query.account, query.from);
    let opening = read(&exchange.history, move |history| {
        history.opening(account, |place| from.has_begun_by(place))
    });
    let Opening { from, sums, .. } = opening.await?;
    let tables = exchange.directory.read();
    let own = sums.iter().filter(|(kind, _)| kind.asset == query.asset);
    let units = own.map(|(kind, sum)| to_proto::units_of(&tables, kind.lots_of, *sum));
    Ok((from, units.sum()))
}

async fn read_page(
    exchange: &Exchange,
    query: &Query,
    (from, until): (PostingPlace, Option<Time>),
    limit: usize,
) -> Result<PostingsPage, Status> {
    let query = PostingsQuery {
        account: query.account,
        asset: Some(query.asset),
        from,
        until,
        limit,
    };
    read(&exchange.history, move |history| history.postings(&query)).await
}

fn query(tables: &Tables, request: &v1::GetStatementRequest) -> Result<Query, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let account = fields.account("account_id", &request.account_id);
    let asset = fields.asset("asset_id", &request.asset_id);
    let dates = !request.from_date.is_empty() || !request.through_date.is_empty();
    if dates && (request.from_sequence, request.through_sequence) != (0, 0) {
        let both = "goes not together with from_date or through_date; give days or places";
        fields.wrong("from_sequence", both);
    }
    let first = day(&mut fields, ("from_date", &request.from_date), 0);
    let until = day(&mut fields, ("through_date", &request.through_date), 1);
    let from = match first {
        Some(time) => From::Time(time),
        None => From::Sequence(Sequence::new(request.from_sequence)),
    };
    let (account, asset) = fields.finish(account.zip(asset))?;
    let token = match request.page_token.as_str() {
        "" => None,
        token => Some(read_token(tables, token)?),
    };
    let through = request.through_sequence;
    Ok(Query {
        account,
        asset,
        from,
        until,
        through: (through > 0).then(|| Sequence::new(through)),
        limit: pages::page(request.page_size, "")?.size,
        token,
    })
}

/// The begin of a business date, or of the one `later` days after it, if one is given.
fn day(fields: &mut Fields<'_>, (field, text): (&str, &str), later: i64) -> Option<Time> {
    if text.is_empty() {
        return None;
    }
    let days = i64::from(fields.date(field, text)?) + later;
    let begins = begins(days);
    if begins.is_none() {
        fields.wrong(field, "lies outside all time");
    }
    begins
}

/// A place and the balance before it.
fn read_token(tables: &Tables, token: &str) -> Result<(PostingPlace, i64), Failure> {
    let (place, balance) = token.split_once(':').ok_or_else(wrong_token)?;
    let mut fields = Fields::new(tables, Prefix::None);
    let place = from_proto::posting_place(&mut fields, "page_token", place);
    let balance = balance.parse().ok();
    let both = place.zip(balance);
    both.ok_or_else(wrong_token)
}
