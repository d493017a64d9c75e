//! Guarantees of sellers in worlds of shops, and which cells of section 28 a run has to reach.
//!
//! Invariant: as in `generate` and `coverage`. Not here: the steps of covered contracts (`trade`,
//! `shop_cells`); a rest that nothing was paid for, which is too rare (`scenarios/guarantees.txt`).

use sanjiang_engine::command::{Covered, SetGuarantee};
use sanjiang_engine::types::{AccountId, Amount, AssetId, VenueId};

use super::rng::Rng;
use super::shop::MONEY;
use crate::reference::{Deal, Reference};

/// What a run has to reach; the reference says it.
pub const COVERS: [&str; 9] = [
    "a guarantee covers one contract",
    "a guarantee covers a second one",
    "what covers one leaves another in escrow",
    "a guarantee is too small for any",
    "a later line of a basket is covered",
    "paid back while it covers another",
    "a guarantee is used up",
    "a decision leaves a covered seller all",
    "a decision takes a part of a guarantee",
];

/// Whether a contract is covered, or may be when it is accepted.
fn asks(world: &Reference, deal: &Deal) -> bool {
    let terms = &world.shops.terms[deal.terms];
    terms.covered == Covered::Yes && deal.days > 0 && deal.held + deal.answered > 0
}

/// How often a seller sets money aside: mostly while something is to be covered.
pub fn weight(world: &Reference) -> u32 {
    let asking = world.shops.deals.iter().filter(|deal| asks(world, deal));
    [5, 12, 20][asking.count().min(2)]
}

/// A seller sets money aside: mostly as much as one of its contracts needs, beside those that are
/// covered or in their place, so that one is covered and the next is not.
pub fn guarantee(rng: &mut Rng, world: &Reference) -> SetGuarantee {
    let mut set = SetGuarantee {
        venue: VenueId::new(rng.weighted(&[(40, 0), (20, 1), (2, 9)])),
        account: AccountId::new(rng.pick(&[0, 1, 2, 3, 7, 99])),
        money: rng.weighted(&[(40, MONEY), (1, AssetId::new(1)), (1, AssetId::new(99))]),
        amount: Amount::new(rng.pick(&[0, 1, 700, 3_000, 1 << 50])).expect("small"),
    };
    let deals = world.shops.deals.iter();
    let deals: Vec<_> = deals.filter(|deal| asks(world, deal)).collect();
    if deals.is_empty() || rng.permille(150) {
        return set;
    }
    let mut deal = deals[rng.below(deals.len())];
    if let Some(cheap) = deals.iter().find(|deal| deal.off > 0)
        && rng.permille(500)
    {
        deal = cheap;
    }
    let venue = |deal: &Deal| world.shops.terms[deal.terms].venue;
    let own = deals
        .iter()
        .filter(|one| (one.seller, venue(one)) == (deal.seller, venue(deal)));
    let covering: i128 = own.map(|one| one.answered).sum();
    let one = deal.held + deal.answered;
    let amount = rng.pick(&[
        one,
        one,
        one,
        covering,
        covering + deal.held,
        covering + deal.held,
        covering + deal.held - 1,
        covering - 1,
        2 * one,
    ]);
    (set.venue, set.account, set.money) = (venue(deal), deal.seller, MONEY);
    set.amount = Amount::new(amount.clamp(0, 1 << 50) as i64).expect("small");
    set
}
