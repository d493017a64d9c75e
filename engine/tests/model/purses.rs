//! Sellers' purses in worlds of shops: emptied before a return by agreement, filled again while
//! something is owed; and which cells of what sellers owe a run has to reach.
//!
//! Invariant: as in `generate` and `coverage`. Not here: the returns themselves (`trade`).

use sanjiang_engine::command::{Body, Direction, Instruct};
use sanjiang_engine::event::State;
use sanjiang_engine::types::{AccountId, Amount};

use super::rng::Rng;
use super::shop::{BANK, MONEY};
use crate::reference::{Deal, Reference};

/// What a run has to reach of what sellers owe by contracts; the reference says it.
pub const OWINGS: [&str; 11] = [
    "a part is paid at once, the rest is owed",
    "all of a return is owed",
    "a second contract of a seller owes",
    "a debt is paid in part",
    "a debt is paid off",
    "what is left of one debt pays the next",
    "a buyer lets its seller off",
    "all together owe by as many as there may be",
    "a seller owes by as many as it may",
    "the buyer owes itself",
    "the seller is owed itself",
];

fn all_in(world: &Reference, states: &[State]) -> Vec<Deal> {
    let deals = world.shops.deals.iter();
    let deals = deals.filter(|deal| states.contains(&deal.state));
    deals.cloned().collect()
}

/// How often a purse is emptied or filled: mostly while somebody owes, or is about to.
pub fn weight(world: &Reference) -> u32 {
    let owing = all_in(world, &[State::Owing]).len();
    let proposed = all_in(world, &[State::ReturnProposed]).len();
    [3, 30, 50][owing.min(2)] + [0, 50, 90][proposed.min(2)]
}

/// A seller that has to pay back withdraws what it has, but for a little; one that owes gets some,
/// or all that it owes, or all but the last.
pub fn purse(rng: &mut Rng, world: &Reference) -> Body {
    let proposed = all_in(world, &[State::ReturnProposed, State::Performed]);
    let owing = all_in(world, &[State::Owing]);
    let fills = !owing.is_empty() && (proposed.is_empty() || rng.permille(350));
    let from = if fills { &owing } else { &proposed };
    let deal = (!from.is_empty()).then(|| from[rng.below(from.len())].clone());
    let seller = deal.map_or(rng.below(8), |deal| deal.seller.place());
    let own = owing.iter().filter(|deal| deal.seller.place() == seller);
    let debts: Vec<i128> = own.map(|deal| deal.owing).collect();
    let all: i128 = debts.iter().sum();
    let amount = if fills {
        rng.pick(&[1, debts[0], all, all, all - 1, all + 1, debts[0] + 1])
    } else {
        let has = world.available(seller, MONEY.place());
        has - rng.pick(&[0, 0, 0, 1, 50])
    };
    Body::Instruct(Instruct {
        account: AccountId::new(seller as u32),
        asset: MONEY,
        custodian: BANK,
        direction: if fills {
            Direction::Deposit
        } else {
            Direction::Withdrawal
        },
        amount: Amount::new(amount.clamp(1, 1 << 50) as i64).expect("small"),
    })
}
