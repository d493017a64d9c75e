//! Lotteries beside their scenarios: ticks, snapshots.
//!
//! Invariant: as in `shops`. Not here: the rules (`market/scenarios`), the hashes
//! (`market::lottery`).

use sanjiang_engine::event::LotteryFact;
use sha2::{Digest, Sha256};

use super::*;
use crate::shop::{name, plain_terms};
use sanjiang_engine::venue::Model;

const SEED: [u8; 32] = [7; 32];

/// A lottery for so many pieces that closes in an hour and is drawn in two.
fn lottery(shop: &mut Shop, stock: u32) -> OfferId {
    shop.send(sales(SalesCommand::DefineTerms(SaleTerms {
        model: Model::FlashSale,
        plan: Plan::Flash(FlashMode::Lottery),
        ..plain_terms(7)
    })));
    let Body::Sales(command) = offer(stock, Some(1)) else {
        unreachable!("an offer is about sales");
    };
    let SalesCommand::Offer(mut make) = *command else {
        unreachable!("it is an offer");
    };
    make.prices.max = 1;
    make.prices.closes = Some(shop.time.after(Nanoseconds(HOUR)));
    make.course = Course::Lottery {
        commitment: Sha256::digest(SEED).into(),
        draw_by: shop.time.after(Nanoseconds(2 * HOUR)),
    };
    let events = shop.send(sales(SalesCommand::Offer(make)));
    let Some(Event::Sale(SaleEvent::Offer(report))) = events.first() else {
        panic!("it is offered: {events:?}");
    };
    report.offer
}

fn bring(shop: &mut Shop, offer: OfferId) {
    shop.time = shop.time.after(Nanoseconds(HOUR));
    let (value, source) = ([5; 32], name("a block"));
    let bring = BringValue {
        offer,
        value,
        source,
    };
    let refused = shop.refusal(sales(SalesCommand::BringValue(bring)));
    assert_eq!(refused, None);
    let seed = RevealSeed { offer, seed: SEED };
    assert_eq!(shop.refusal(sales(SalesCommand::RevealSeed(seed))), None);
    shop.time = shop.time.after(Nanoseconds(HOUR));
}

fn count(events: &[Event], state: State) -> usize {
    let steps = events.iter();
    let steps = steps.filter_map(|event| step_of(std::slice::from_ref(event)));
    steps.filter(|step| step.state == state).count()
}

/// 1,500 owners are counted in three ticks, then have their turns; a restart in between changes
/// nothing, and exactly as many win as there are pieces.
#[test]
fn a_draw_is_made_in_parts_and_as_many_win_as_there_are_pieces() {
    let (entries, pieces) = (1_500, 40);
    let mut shop = Shop::new(small(), entries);
    let offer = lottery(&mut shop, pieces);
    for buyer in 1..=entries {
        assert_eq!(shop.reserve(offer, buyer).state, State::Entered);
    }
    assert_eq!(shop.engine.audit(), Ok(()));
    bring(&mut shop, offer);
    let first = shop.send(Body::Tick);
    let drawn = first.iter().find_map(|event| {
        if let Event::Sale(SaleEvent::Lottery(report)) = event {
            return Some(report.fact);
        }
        None
    });
    let fact = drawn.expect("the draw is told");
    assert!(matches!(fact, LotteryFact::Drawn { winners: 40, .. }));
    assert_eq!(first.len(), 1, "owners are counted");
    let mut other = shop.restored();
    std::mem::swap(&mut other, &mut shop.engine);
    let (mut won, mut released, mut ticks) = (0, 0, 1);
    while shop.engine.next_deadline() == Some(shop.time) {
        let events = shop.send(Body::Tick);
        won += count(&events, State::Paid);
        released += count(&events, State::Released);
        ticks += 1;
        assert_eq!(shop.engine.audit(), Ok(()));
    }
    assert_eq!((won, released, ticks), (40, 1_460, 12));
    let left = shop.engine.sales().offer(offer).map(|known| known.left);
    assert_eq!(left, Some(0));
    // The engine that was not restarted goes the same way.
    std::mem::swap(&mut other, &mut shop.engine);
    for _ in 1..ticks {
        shop.send(Body::Tick);
    }
    assert_eq!(other.state_hash(), shop.engine.state_hash());
}

#[test]
fn a_changed_snapshot_of_a_lottery_is_refused_or_sound() {
    let mut shop = Shop::new(tiny(), 4);
    let offer = lottery(&mut shop, 2);
    for buyer in 1..=3 {
        shop.reserve(offer, buyer);
    }
    flip_every_byte(&shop);
    bring(&mut shop, offer);
    flip_every_byte(&shop);
}
