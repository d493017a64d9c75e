//! Queues of flash sales beside their scenarios: bounds, ticks, snapshots.
//!
//! Invariant: as in `shops`. Not here: the rules (`market/scenarios`).

use sanjiang_engine::event::Ticket;

use super::*;
use crate::shop::plain_terms;
use sanjiang_engine::venue::Model;

const SECOND: i64 = 1_000_000_000;

fn queue_terms() -> Body {
    sales(SalesCommand::DefineTerms(SaleTerms {
        model: Model::FlashSale,
        plan: Plan::Flash(FlashMode::Queue {
            per_second: 2,
            valid_for: Nanoseconds(60 * SECOND),
        }),
        ..plain_terms(7)
    }))
}

fn queued(shop: &mut Shop) -> OfferId {
    let Body::Sales(command) = offer(5_000, Some(2)) else {
        unreachable!("an offer is about sales");
    };
    let SalesCommand::Offer(mut make) = *command else {
        unreachable!("it is an offer");
    };
    make.prices.opens = shop.time;
    make.prices.closes = Some(shop.time.after(Nanoseconds(HOUR)));
    let events = shop.send(sales(SalesCommand::Offer(make)));
    let Some(Event::Sale(SaleEvent::Offer(report))) = events.first() else {
        panic!("it is offered: {events:?}");
    };
    report.offer
}

fn join(offer: OfferId, buyer: u32) -> Body {
    let account = AccountId::new(buyer);
    sales(SalesCommand::Join(Join { offer, account }))
}

fn ticket(shop: &mut Shop, offer: OfferId, buyer: u32) -> Ticket {
    let events = shop.send(join(offer, buyer));
    let Some(Event::Sale(SaleEvent::Ticket(ticket))) = events.first() else {
        panic!("it draws one: {events:?}");
    };
    *ticket
}

#[test]
fn tickets_are_kept_up_to_the_bound_and_forgotten_tick_by_tick() {
    let most = Limits::EXPIRIES_PER_TICK_MAX as u32;
    let buyers = most + 10;
    let limits = Limits {
        tickets_max: buyers,
        ..small()
    };
    let mut shop = Shop::new(limits, buyers + 1);
    shop.send(queue_terms());
    let offer = queued(&mut shop);
    for buyer in 1..=buyers {
        let ticket = ticket(&mut shop, offer, buyer);
        let place = u64::from(buyer - 1);
        let seconds = (place / 2) as i64;
        let from = shop.time.after(Nanoseconds(seconds * SECOND));
        assert_eq!((ticket.number, ticket.admitted), (place, from));
    }
    let full = shop.refusal(join(offer, buyers + 1));
    assert_eq!(full, Some(RejectReason::TooMany));
    assert_eq!(shop.engine.audit(), Ok(()));
    shop.send(sales(SalesCommand::WithdrawOffer(WithdrawOffer {
        offer,
        account: SELLER,
    })));
    shop.send(Body::Tick);
    assert_eq!(shop.engine.next_deadline(), Some(shop.time), "ten are left");
    shop.engine = shop.restored();
    shop.send(Body::Tick);
    assert_eq!(shop.engine.next_deadline(), None);
    let again = queued(&mut shop);
    ticket(&mut shop, again, buyers + 1);
    assert_eq!(shop.engine.audit(), Ok(()));
}

#[test]
fn a_turn_survives_a_restart_and_is_good_for_no_instant_longer() {
    let mut shop = Shop::new(tiny(), 2);
    shop.send(queue_terms());
    let offer = queued(&mut shop);
    let first = ticket(&mut shop, offer, 1);
    shop.engine = shop.restored();
    shop.time = Time::new(first.until.nanoseconds() - 1).expect("in bounds");
    shop.reserve(offer, 1);
    shop.time = first.until;
    let late = shop.refusal(reserve(offer, 1, 1));
    assert_eq!(late, Some(RejectReason::NotAdmitted));
    flip_every_byte(&shop);
    shop.send(sales(SalesCommand::WithdrawOffer(WithdrawOffer {
        offer,
        account: SELLER,
    })));
    flip_every_byte(&shop);
}
