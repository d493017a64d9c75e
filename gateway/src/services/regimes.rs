//! Regimes looked at: one version, or all of them.
//!
//! Invariant: nothing is changed here. Not here: how one is defined (`operations`).

use proto::v1;

use super::pages::page;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::to_proto;

/// One version.
///
/// # Errors
/// There is none of this name and number.
pub(super) fn get(exchange: &Exchange, ask: &v1::GetRegimeRequest) -> Result<v1::Regime, Failure> {
    let tables = exchange.directory.read();
    let found = match ask.version {
        0 => tables.law.newest(&ask.regime),
        number => tables.law.find(&ask.regime, number),
    };
    let found = found.ok_or_else(|| Failure::NotFound(Kind::Regime, ask.regime.clone()))?;
    Ok(to_proto::regime(&tables.law, found))
}

/// A page of versions.
///
/// # Errors
/// The page does not exist.
pub(super) fn list(
    exchange: &Exchange,
    ask: &v1::ListRegimesRequest,
) -> Result<v1::ListRegimesResponse, Failure> {
    let page = page(ask.page_size, &ask.page_token)?;
    let tables = exchange.directory.read();
    let regimes = tables.law.regimes();
    let (regimes, next_page_token) =
        page.cut(regimes.map(|regime| (u32::from(regime.code()), regime)));
    let regimes = regimes.into_iter();
    Ok(v1::ListRegimesResponse {
        regimes: regimes
            .map(|regime| to_proto::regime(&tables.law, regime))
            .collect(),
        next_page_token,
    })
}
