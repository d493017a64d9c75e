//! What sellers owe by contracts, listed.
//!
//! Invariant: one look sees all debts, of which there are few, in the order in which they arose; a
//! token is the command that made the next one, so a debt that stays is found once whatever is
//! paid meanwhile. Not here: what a debt is (the engine), who pays (nobody: it is paid by itself).

use engine::engine::{Debt, Engine};
use engine::types::{AccountId, Sequence, VenueId};
use proto::v1;

use super::accounts::find;
use super::balances::{Seen, number, payer, token};
use super::looks::look;
use super::market_data::venue;
use super::pages::page;
use crate::admission::Payer;
use crate::directory::Tables;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::to_proto;

/// Which debts.
#[derive(Clone, Copy)]
struct Wanted {
    seller: Option<AccountId>,
    buyer: Option<AccountId>,
    venue: Option<VenueId>,
}

impl Wanted {
    fn read(tables: &Tables, request: &v1::ListOwingRequest) -> Result<Self, Failure> {
        let look = |tables: &Tables, name: &str| tables.accounts.find(name);
        let named = |field, name: &str| match name {
            "" => Ok(None),
            name => find(tables, field, name, Kind::Account, look)
                .map(AccountId::new)
                .map(Some),
        };
        Ok(Self {
            seller: named("seller_account_id", &request.seller_account_id)?,
            buyer: named("buyer_account_id", &request.buyer_account_id)?,
            venue: venue(tables, &request.venue_id)?,
        })
    }

    fn has(self, debt: &Debt) -> bool {
        self.seller.is_none_or(|seller| seller == debt.seller)
            && self.buyer.is_none_or(|buyer| buyer == debt.buyer)
            && self.venue.is_none_or(|venue| venue == debt.venue)
    }
}

/// A page of debts, the oldest first.
///
/// # Errors
/// Malformed, not found, not admitted.
pub(super) async fn list(
    exchange: &Exchange,
    request: &v1::ListOwingRequest,
) -> Result<v1::ListOwingResponse, Failure> {
    let limit = page(request.page_size, "")?.size;
    let from = Sequence::new(number(&request.page_token)?.unwrap_or(0));
    let (wanted, payer) = {
        let tables = exchange.directory.read();
        let wanted = Wanted::read(&tables, request)?;
        let asks = wanted.seller.or(wanted.buyer);
        (wanted, asks.map_or(Payer::Reader, |of| payer(&tables, of)))
    };
    let see = move |engine: &Engine| {
        let debts = engine.debts_from(from).filter(|debt| wanted.has(debt));
        Seen::of(debts.map(|debt| (debt.since.sequence, debt)), limit)
    };
    let (sequence, seen) = look(exchange, payer, see).await?;
    let tables = exchange.directory.read();
    let debts = seen.entries.iter();
    Ok(v1::ListOwingResponse {
        debts: debts.map(|debt| to_proto::debt(&tables, debt)).collect(),
        next_page_token: token(seen.next.map(Sequence::value)),
        engine_sequence: sequence.value(),
    })
}
