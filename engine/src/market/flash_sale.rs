//! FLASH_SALE 秒杀: a few pieces, one window, so many an owner at most (SEMANTICS section 22).
//!
//! Invariant: who is told that it has a piece has one: the answer to its reserve is the contract
//! (电子商务法(2018) 49), decided in order of sequence out of what is left. Not here: taking
//! (`engine::contracts`), counting owners (`market::sale::buyers`).

use crate::command::Prices;

/// Whether an offer has what makes it a flash sale: an end, and a bound for each owner.
pub(crate) const fn are_bounded(prices: &Prices) -> bool {
    prices.closes.is_some() && prices.limit.is_some()
}
