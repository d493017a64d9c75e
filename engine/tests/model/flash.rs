//! What is done around flash sales: tickets of queues, values and seeds of lotteries.
//!
//! Invariant: as in `generate`. Not here: reserves (`trade`).

use sanjiang_engine::command::{Body, BringValue, FlashMode, Join, Plan, RevealSeed, SalesCommand};
use sanjiang_engine::types::{AccountId, OfferId};

use super::rng::Rng;
use super::trade::{Places, sales, some_offer};
use super::wares::SEED;
use super::world::name;
use crate::reference::Reference;

pub fn draw(rng: &mut Rng, world: &Reference, places: Places<'_>) -> Body {
    let (mut offer, _) = some_offer(rng, world, places);
    for known in &world.shops.offers {
        if known.lottery.is_some() && rng.permille(600) {
            let (sequence, slot) = (places(known.id) as u64, 0);
            offer = OfferId { sequence, slot };
        }
    }
    let known = world.shops.offers.iter();
    let mut known = known.filter(|known| places(known.id) as u64 == offer.sequence);
    let lot = known.next().and_then(|known| known.lottery.as_ref());
    let valued = lot.is_some_and(|lot| lot.value.is_some());
    if valued == rng.permille(150) {
        let value = [rng.below(200) as u8; 32];
        let source = name(rng.pick(&["a block", "a block", "a block", ""]));
        return sales(SalesCommand::BringValue(BringValue {
            offer,
            value,
            source,
        }));
    }
    let seed = rng.pick(&[SEED, SEED, SEED, [8; 32]]);
    sales(SalesCommand::RevealSeed(RevealSeed { offer, seed }))
}

pub fn join(rng: &mut Rng, world: &Reference, places: Places<'_>) -> Body {
    let (mut offer, _) = some_offer(rng, world, places);
    for known in &world.shops.offers {
        let plan = world.shops.terms[known.terms].plan;
        let queues = matches!(plan, Plan::Flash(FlashMode::Queue { .. }));
        if queues && rng.permille(600) {
            let (sequence, slot) = (places(known.id) as u64, 0);
            offer = OfferId { sequence, slot };
        }
    }
    let account = rng.below(8) as u32;
    let account = AccountId::new(if rng.permille(25) { 99 } else { account });
    sales(SalesCommand::Join(Join { offer, account }))
}

/// The account of somebody with a ticket of the offer.
pub fn queued(rng: &mut Rng, world: &Reference, offer: u64) -> Option<AccountId> {
    let tickets = world.shops.tickets.iter();
    let owners: Vec<_> = tickets.filter(|ticket| ticket.0 == offer).collect();
    if owners.is_empty() {
        return None;
    }
    let (_, owner, _) = owners[rng.below(owners.len())];
    let accounts = (0..8).map(AccountId::new);
    let own = |account: &AccountId| world.accounts[account.place()].owner == *owner;
    let own: Vec<_> = accounts.filter(own).collect();
    own.get(rng.below(own.len().max(1))).copied()
}
