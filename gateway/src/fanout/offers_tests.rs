//! Followers of offers: slow ones, idle ones, floods, bounds.

use engine::command::Demonstration;
use engine::event::{OfferAct, OfferReport};
use engine::types::{AccountId, AssetId, OfferId, Sequence, TermsId, Time, VenueId};
use engine::venue::{Phase, TradingStatus};
use proto::v1;
use proto::v1::offer_event::Event as Wire;
use tokio::sync::mpsc::Receiver;

use super::instrument::Here;
use super::offers::{OFFERS_MAX, OfferMessage, OwedOffer};
use super::work::{Item, Piece, Step};
use super::{
    From, MESSAGE_EVENTS_MAX, Market, QUEUE_MESSAGES_MAX, SUBSCRIBERS_MAX, SubscribeError,
    VIEW_IDLE_BEATS_MAX,
};

fn at(sequence: u64) -> Here {
    Here {
        shard: 1,
        epoch: 3,
        sequence: Sequence::new(sequence),
        time: Time::new(sequence as i64).expect("small"),
    }
}

fn offer(slot: u32) -> OfferId {
    OfferId {
        sequence: 100 + u64::from(slot),
        slot,
    }
}

fn stands(slot: u32, act: OfferAct, left: u32) -> Item {
    Item::Offer(report(slot, act, left))
}

fn report(slot: u32, act: OfferAct, left: u32) -> OfferReport {
    OfferReport {
        act,
        offer: offer(slot),
        version: 1,
        seller: AccountId::new(9),
        terms: TermsId::new(0),
        goods: AssetId::new(1),
        price: 500,
        joined: 0,
        left,
    }
}

/// One piece, a command an item.
fn piece(sequence: u64, items: Vec<Item>) -> Piece {
    let steps = (0..items.len()).map(|place| Step {
        sequence: at(sequence + place as u64).sequence,
        time: at(sequence + place as u64).time,
        end: place + 1,
    });
    let last = at(sequence + items.len().saturating_sub(1) as u64);
    Piece {
        shard: 1,
        epoch: 3,
        last: (last.sequence, last.time),
        steps: steps.collect(),
        items,
    }
}

/// A demonstration venue with so many offers of ten pieces.
fn market(offers: u32) -> Market {
    let mut market = Market::new(at(100));
    let flag = Demonstration::Demonstration;
    market.add_venue(Phase::Closed, TradingStatus::Trading, flag);
    let mut items = vec![Item::Terms(TermsId::new(0), VenueId::new(0))];
    items.extend((0..offers).map(|slot| stands(slot, OfferAct::Offered, 10)));
    market.apply(&piece(101, items)).expect("fits");
    market
}

fn owed(slots: std::ops::Range<u32>, from: From) -> Vec<OwedOffer> {
    slots
        .map(|slot| OwedOffer {
            of: offer(slot),
            from,
        })
        .collect()
}

fn drain(receiver: &mut Receiver<OfferMessage>) -> Vec<v1::OfferEvent> {
    let mut events = Vec::new();
    while let Ok(message) = receiver.try_recv() {
        assert!(message.len() <= MESSAGE_EVENTS_MAX);
        events.extend(message.iter().cloned());
    }
    events
}

fn left(event: &v1::OfferEvent) -> Option<u32> {
    match event.event.as_ref().expect("an event") {
        Wire::Snapshot(whole) => Some(whole.left_pieces),
        Wire::Delta(now) => Some(now.left_pieces),
        Wire::Ended(_) | Wire::Heartbeat(_) | Wire::Resync(_) => None,
    }
}

#[test]
fn a_flood_on_one_offer_is_one_event_a_piece() {
    let mut market = market(1);
    let mut follower = market
        .subscribe_offers(owed(0..1, From::Snapshot))
        .expect("few");
    let first = drain(&mut follower);
    assert_eq!(first.iter().map(left).collect::<Vec<_>>(), [Some(10)]);
    assert_eq!((first[0].prev_seq, first[0].state_crc32 != 0), (0, true));
    let flood = (0..10)
        .map(|sold| stands(0, OfferAct::Reserved, 9 - sold))
        .collect();
    market.apply(&piece(200, flood)).expect("fits");
    let events = drain(&mut follower);
    assert_eq!(events.iter().map(left).collect::<Vec<_>>(), [Some(0)]);
    assert_eq!(
        (events[0].prev_seq, events[0].engine_sequence),
        (first[0].seq, 209)
    );
    market
        .apply(&piece(210, vec![stands(0, OfferAct::Withdrawn, 0)]))
        .expect("fits");
    let ended = drain(&mut follower);
    assert!(matches!(ended[0].event, Some(Wire::Ended(_))));
    assert_eq!(
        (ended.len(), ended[0].state_crc32, ended[0].prev_seq),
        (1, 0, events[0].seq)
    );
    // Another offer in the same row is another offer.
    let next = OfferReport {
        offer: OfferId {
            sequence: 211,
            slot: 0,
        },
        ..report(0, OfferAct::Offered, 7)
    };
    market
        .apply(&piece(211, vec![Item::Offer(next)]))
        .expect("fits");
    assert!(drain(&mut follower).is_empty());
    let refused = market.subscribe_offers(owed(0..1, From::Snapshot));
    assert_eq!(refused.err(), Some(SubscribeError::UnknownOffer(offer(0))));
}

#[test]
fn a_slow_follower_is_told_the_gap_and_served_anew_and_costs_the_others_nothing() {
    let mut market = market(1);
    let mut slow = market
        .subscribe_offers(owed(0..1, From::Snapshot))
        .expect("few");
    let mut quick = market
        .subscribe_offers(owed(0..1, From::Snapshot))
        .expect("few");
    let mut last = drain(&mut quick).pop().expect("a snapshot");
    for round in 0..2 * QUEUE_MESSAGES_MAX as u64 {
        let item = stands(0, OfferAct::StockPut, 10 + round as u32);
        market.apply(&piece(200 + round, vec![item])).expect("fits");
        let events = drain(&mut quick);
        assert_eq!((events.len(), events[0].prev_seq), (1, last.seq));
        last = events[0].clone();
    }
    assert_eq!(slow.len(), QUEUE_MESSAGES_MAX);
    let mut held = drain(&mut slow);
    let stopped = held.pop().expect("it had a full queue");
    market.pay();
    let again = drain(&mut slow);
    let Some(Wire::Resync(gap)) = &again[0].event else {
        panic!("no notice: {again:?}");
    };
    assert_eq!(
        (gap.reason.as_str(), gap.last_seq),
        ("RESYNC_REQUIRED", stopped.seq)
    );
    assert_eq!((again.len(), again[1].seq), (2, last.seq));
    assert_eq!(left(&again[1]), left(&last));
    assert_eq!(again[1].state_crc32, last.state_crc32);
    market
        .apply(&piece(9_000, vec![stands(0, OfferAct::Reserved, 3)]))
        .expect("fits");
    assert_eq!(drain(&mut slow), drain(&mut quick));
}

#[test]
fn who_missed_nothing_goes_on_and_who_missed_something_gets_a_snapshot() {
    let mut market = market(2);
    let mut follower = market
        .subscribe_offers(owed(0..2, From::Snapshot))
        .expect("few");
    let seqs: Vec<u64> = drain(&mut follower).iter().map(|event| event.seq).collect();
    drop(follower);
    market
        .apply(&piece(200, vec![stands(1, OfferAct::Reserved, 9)]))
        .expect("fits");
    let place = |epoch, seq| From::Place { epoch, seq };
    for (slot, from, snapshots) in [
        (0, place(3, seqs[0]), 0),
        (0, place(2, seqs[0]), 1),
        (0, place(3, 7), 1),
        (1, place(3, seqs[1]), 1),
    ] {
        let mut follower = market
            .subscribe_offers(owed(slot..slot + 1, from))
            .expect("few");
        let events = drain(&mut follower);
        assert_eq!(events.len(), snapshots, "{slot} {from:?}");
    }
    // An offer that ended meanwhile is told of.
    market
        .apply(&piece(400, vec![stands(0, OfferAct::Withdrawn, 0)]))
        .expect("fits");
    let mut late = market
        .subscribe_offers(owed(0..1, place(3, seqs[0])))
        .expect("few");
    let events = drain(&mut late);
    assert!(matches!(events[0].event, Some(Wire::Ended(_))) && events.len() == 1);
}

#[test]
fn a_quiet_offer_has_a_heartbeat_and_a_forgotten_chain_ends() {
    let mut market = market(3);
    let mut follower = market
        .subscribe_offers(owed(0..3, From::Snapshot))
        .expect("few");
    let seq = drain(&mut follower)[0].seq;
    market
        .apply(&piece(200, vec![stands(1, OfferAct::Reserved, 9)]))
        .expect("fits");
    market.heartbeat();
    let events = drain(&mut follower);
    let beats = events
        .iter()
        .filter(|one| matches!(one.event, Some(Wire::Heartbeat(_))));
    assert_eq!((events.len(), beats.count()), (3, 2), "one was not quiet");
    drop(follower);
    for _ in 0..=VIEW_IDLE_BEATS_MAX {
        market.heartbeat();
    }
    // Nobody could have gone on for so long; the chain begins anew.
    let place = From::Place { epoch: 3, seq };
    let mut late = market.subscribe_offers(owed(0..1, place)).expect("few");
    assert_eq!(drain(&mut late).len(), 1);
}

#[test]
fn the_bounds_are_kept() {
    let mut market = market(OFFERS_MAX as u32);
    let all = owed(0..OFFERS_MAX as u32, From::Snapshot);
    let mut whole = market.subscribe_offers(all).expect("within the bound");
    assert_eq!(drain(&mut whole).len(), OFFERS_MAX);
    let mut open = vec![whole];
    for _ in 1..SUBSCRIBERS_MAX {
        let one = market.subscribe_offers(owed(0..1, From::Snapshot));
        open.push(one.expect("within the bound"));
    }
    let refused = market.subscribe_offers(owed(0..1, From::Snapshot));
    assert_eq!(refused.err(), Some(SubscribeError::TooManySubscribers));
    open.pop();
    let again = market.subscribe_offers(owed(0..1, From::Snapshot));
    assert!(again.is_ok(), "one who left makes room");
}
