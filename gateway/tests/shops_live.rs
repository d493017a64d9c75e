//! Shops, live: the public stream of offers with its checksum, the private stream of orders and
//! contracts counted together, reserves in a session. The day of a shop: `shops`.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on any other answer"
)]

use crate::support;
use std::collections::BTreeMap;

use crate::support::shop::{
    REFERENCE, Shop, accept, change, deliver, hand_over, id, offer, reserve, withdraw,
};
use crate::support::{Answer, House, Session, limit};
use proto::v1;
use tonic::{Code, Streaming};
use v1::offer_event::Event as Wire;
use v1::session_command::Command;

/// An offer as a follower knows it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Known {
    last: Option<(u32, u64)>,
    version: u32,
    left: u32,
    price: i64,
    joined: u32,
    snapshots: u32,
    ended: bool,
}

impl Known {
    /// The checksum as the contract describes it.
    fn checksum(&self) -> u32 {
        let version = self.version.to_le_bytes();
        let bytes = [
            &version[..],
            &self.left.to_le_bytes(),
            &self.price.to_le_bytes(),
            &self.joined.to_le_bytes(),
        ]
        .concat();
        assert_eq!(bytes.len(), 20);
        crc32fast::hash(&bytes)
    }

    fn take(&mut self, event: &v1::OfferEvent) {
        match event.event.as_ref().expect("an event") {
            Wire::Snapshot(whole) => {
                assert!(event.prev_seq == 0 && whole.demonstration);
                (self.version, self.left, self.price) =
                    (whole.version, whole.left_pieces, whole.price_units);
                self.joined = whole.joined_pieces;
                self.snapshots += 1;
            }
            Wire::Delta(now) => {
                assert_eq!(Some((event.epoch, event.prev_seq)), self.last);
                assert!(event.seq > event.prev_seq);
                (self.version, self.left, self.price) =
                    (now.version, now.left_pieces, now.price_units);
                self.joined = now.joined_pieces;
            }
            Wire::Ended(_) => self.ended = true,
            Wire::Heartbeat(_) => assert_eq!(Some((event.epoch, event.seq)), self.last),
            Wire::Resync(_) => panic!("nobody was slow"),
        }
        if !self.ended {
            assert_eq!(event.state_crc32, self.checksum(), "{event:?}");
        }
        self.last = Some((event.epoch, event.seq));
    }
}

/// A follower of some offers.
struct Follower {
    stream: Streaming<v1::StreamOffersResponse>,
    known: BTreeMap<String, Known>,
}

impl Follower {
    async fn of(shop: &mut Shop, offers: &[(&str, Option<(u32, u64)>)]) -> Self {
        let offers = offers.iter().map(|(offer, last)| v1::OfferSubscription {
            offer_id: id(offer),
            resume: last.map(|(epoch, seq)| v1::OfferResume { epoch, seq }),
        });
        let request = v1::StreamOffersRequest {
            offers: offers.collect(),
        };
        let stream = shop.sales.stream_offers(request).await;
        Self {
            stream: stream.expect("a stream").into_inner(),
            known: BTreeMap::new(),
        }
    }

    /// Takes events until what is known of an offer is right.
    async fn until(&mut self, offer: &str, right: impl Fn(&Known) -> bool) -> Known {
        loop {
            if let Some(known) = self.known.get(offer).filter(|known| right(known)) {
                return *known;
            }
            let message = self
                .stream
                .message()
                .await
                .expect("no error")
                .expect("it goes on");
            for event in &message.events {
                self.known
                    .entry(event.offer_id.clone())
                    .or_default()
                    .take(event);
            }
        }
    }
}

#[tokio::test]
async fn stock_price_and_version_are_streamed_with_a_checksum() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let one = shop.offered(offer("one", 0, 10)).await.offer_id;
    let two = shop.offered(offer("two", 0, 20)).await.offer_id;
    let mut follower = Follower::of(&mut shop, &[(&one, None), (&two, None)]).await;
    let known = follower.until(&one, |known| known.snapshots == 1).await;
    assert_eq!((known.left, known.version, known.price), (10, 1, 12_900));
    shop.reserved(reserve("r-1", &one, 4)).await;
    follower.until(&one, |known| known.left == 6).await;
    let changed = change("c-1", &one, 1, "99.90");
    shop.sales.change_offer(changed).await.expect("a report");
    let known = follower.until(&one, |known| known.version == 2).await;
    assert_eq!((known.left, known.price, known.snapshots), (6, 9_990, 1));

    // Whoever missed nothing goes on; whoever missed something gets a snapshot.
    let last = known.last;
    drop(follower);
    let mut follower = Follower::of(&mut shop, &[(&one, last)]).await;
    follower.known.insert(one.clone(), known);
    shop.reserved(v1::ReserveRequest {
        offer_version: 2,
        ..reserve("r-2", &one, 1)
    })
    .await;
    let known = follower.until(&one, |known| known.left == 5).await;
    assert_eq!(known.snapshots, 1, "it went on");
    drop(follower);
    let mut follower = Follower::of(&mut shop, &[(&one, last)]).await;
    let known = follower.until(&one, |known| known.snapshots == 1).await;
    assert_eq!((known.left, known.version), (5, 2));

    let end = withdraw("w-1", &one);
    shop.sales.withdraw_offer(end).await.expect("a report");
    follower.until(&one, |known| known.ended).await;
    let request = v1::StreamOffersRequest {
        offers: vec![v1::OfferSubscription {
            offer_id: one.clone(),
            resume: None,
        }],
    };
    let error = shop
        .sales
        .stream_offers(request)
        .await
        .expect_err("it has ended");
    assert_eq!(error.code(), Code::NotFound);
    let mut follower = Follower::of(&mut shop, &[(&one, last)]).await;
    follower.until(&one, |known| known.ended).await;
}

#[tokio::test]
async fn a_restart_goes_on_with_higher_numbers() {
    let mut house = House::open().await;
    let mut shop = Shop::open(&house.channel().await).await;
    let one = shop.offered(offer("one", 0, 10)).await.offer_id;
    let mut follower = Follower::of(&mut shop, &[(&one, None)]).await;
    shop.reserved(reserve("r-1", &one, 4)).await;
    let before = follower.until(&one, |known| known.left == 6).await;
    // Had nothing else happened, there would be nothing to tell.
    shop.offered(offer("two", 0, 10)).await;
    house.restart().await;
    let mut shop = Shop::of(&house.channel().await);
    let mut follower = Follower::of(&mut shop, &[(&one, before.last)]).await;
    let after = follower.until(&one, |known| known.snapshots == 1).await;
    assert_eq!((after.left, after.version), (6, 1));
    assert!(after.last > before.last, "{after:?} {before:?}");
    shop.reserved(reserve("r-2", &one, 1)).await;
    let next = follower.until(&one, |known| known.left == 5).await;
    assert!(next.last > after.last);
}

#[tokio::test]
async fn orders_and_contracts_are_counted_together() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let mut orders = house.orders().await;
    let one = shop.offered(offer("one", 0, 10)).await.offer_id;
    for number in 0..4 {
        let order = limit(&format!("o-{number}"), "A", v1::Side::Buy, "1.00", "100");
        orders.submit_order(order).await.expect("NEW");
        shop.reserved(reserve(&format!("r-{number}"), &one, 3))
            .await;
    }
    let request = v1::StreamExecutionsRequest {
        owner: Some(v1::stream_executions_request::Owner::ParticipantId(id("P"))),
        from_sequence: 0,
    };
    let mut stream = orders
        .stream_executions(request)
        .await
        .expect("a stream")
        .into_inner();
    let (mut told, mut contracts) = (BTreeMap::new(), Vec::new());
    // Four orders, three contracts told to both sides, and one refused.
    while told.len() < 11 {
        let message = stream
            .message()
            .await
            .expect("no error")
            .expect("it goes on");
        for report in message.reports {
            told.insert(report.participant_sequence, report.account_sequence);
        }
        for report in message.contract_reports {
            told.insert(report.participant_sequence, report.account_sequence);
            contracts.push(report);
        }
    }
    assert!(told.keys().copied().eq(1..=11), "{told:?}");
    let words: Vec<_> = contracts
        .iter()
        .map(|one| {
            (
                one.account_id.as_str(),
                one.account_sequence,
                one.reject_reason.as_str(),
            )
        })
        .collect();
    let expected = [
        ("A", 2, ""),
        ("B", 1, ""),
        ("A", 4, ""),
        ("B", 2, ""),
        ("A", 6, ""),
        ("B", 3, ""),
        ("A", 8, "OUT_OF_STOCK"),
    ];
    assert_eq!(words, expected);
    check_alone(&mut shop, &contracts).await;
}

/// The same reports alone, from any number on.
async fn check_alone(shop: &mut Shop, contracts: &[v1::ContractReport]) {
    for (from, skipped) in [(0, 0), (3, 1), (7, 4)] {
        let request = v1::StreamContractsRequest {
            owner: Some(v1::stream_contracts_request::Owner::ParticipantId(id("P"))),
            from_sequence: from,
        };
        let stream = shop.contracts.stream_contracts(request).await;
        let mut stream = stream.expect("a stream").into_inner();
        let mut alone = Vec::new();
        let mut next = from.max(1);
        while next < 12 {
            let message = stream
                .message()
                .await
                .expect("no error")
                .expect("it goes on");
            alone.extend(message.reports);
            assert!(message.next_sequence >= next);
            next = message.next_sequence;
        }
        let expected: Vec<_> = contracts.iter().skip(skipped).cloned().collect();
        let above = |one: &v1::ContractReport| one.participant_sequence >= from;
        assert!(expected.iter().all(above));
        assert_eq!(alone, expected, "from {from}");
    }
}

/// Account 0 takes a piece of an offer.
fn take(number: u64, offer: &v1::Offer, pieces: u32) -> v1::SessionCommand {
    let reference = u128::from_be_bytes(REFERENCE);
    let reserve = v1::SessionReserve {
        account: Some(0),
        offer_sequence: offer.offer_sequence,
        offer_slot: offer.offer_slot,
        offer_version: offer.version,
        pieces,
        delivery_reference_high: (reference >> 64) as u64,
        delivery_reference_low: reference as u64,
        ..v1::SessionReserve::default()
    };
    v1::SessionCommand {
        client_sequence: number,
        command: Some(Command::Reserve(reserve)),
        valid_until_ns: 0,
    }
}

/// All that a session is told until a number is on disk.
async fn answers(
    session: &mut Session,
    watermark: u64,
) -> (Vec<v1::SessionReport>, Vec<v1::SessionContractReport>) {
    let (mut orders, mut contracts) = (Vec::new(), Vec::new());
    loop {
        match session.next_said().await {
            Answer::Reports(more) => {
                orders.extend(more.reports);
                contracts.extend(more.contracts);
                if more.watermark >= watermark {
                    return (orders, contracts);
                }
            }
            other => panic!("no reports: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_flood_of_reserves_in_a_session_never_oversells() {
    let mut house = House::open().await;
    let mut shop = Shop::open(&house.channel().await).await;
    let made = shop.offered(offer("one", 0, 70)).await.offer_id;
    let one = shop.sales.get_offer(v1::GetOfferRequest {
        offer_id: made.clone(),
    });
    let one = one
        .await
        .expect("an offer")
        .into_inner()
        .offer
        .expect("an offer");
    let (mut session, opened) = Session::opened(&house, "flash", 0).await;
    assert_eq!(opened.watermark, 0);
    // Pipelined, an order among them, and the same batch twice.
    let first: Vec<_> = (1..=60).map(|number| take(number, &one, 1)).collect();
    session.batch(first.clone());
    session.batch(vec![support::session_order(61, 1_000)]);
    session.batch((62..=101).map(|number| take(number, &one, 1)).collect());
    let (orders, contracts) = answers(&mut session, 101).await;
    assert_eq!((orders.len(), contracts.len()), (1, 100));
    assert_eq!(orders[0].client_sequence, 61);
    let numbers = contracts.iter().map(|one| one.client_sequence);
    assert!(numbers.eq((1..=60).chain(62..=101)), "in order");
    let (sold, refused): (Vec<_>, Vec<_>) = contracts.iter().partition(|one| one.reject_code == 0);
    assert_eq!((sold.len(), refused.len()), (70, 30));
    for one in &sold {
        assert_eq!(
            (one.state(), one.step()),
            (v1::ContractState::Paid, v1::ContractStep::Reserve)
        );
        assert_eq!(
            (one.price_units, one.money_held_units, one.pieces),
            (12_900, 12_900, 1)
        );
        assert!(one.demonstration && one.deadline_ns > 0 && one.contract_sequence > 0);
    }
    assert!(
        refused
            .iter()
            .all(|one| one.reject_reason == "OUT_OF_STOCK")
    );
    check_same(&mut shop, &contracts).await;
    assert_eq!(shop.left(&made).await, 0);
    session.batch(first);
    check_refusals(&mut session, &one).await;
    drop(session);
    check_contract(&mut shop, sold[0]).await;

    // Over a restart the session goes on where it was.
    house.restart().await;
    let (mut session, opened) = Session::opened(&house, "flash", 101).await;
    assert_eq!(opened.watermark, 101);
    session.batch(vec![take(102, &one, 1)]);
    let (_, contracts) = answers(&mut session, 102).await;
    assert_eq!(contracts[0].reject_reason, "OUT_OF_STOCK");
    assert_eq!(contracts[0].account_sequence, 105);
}

/// The private stream says of each what the session said, refusals too.
async fn check_same(shop: &mut Shop, told: &[v1::SessionContractReport]) {
    let request = v1::StreamContractsRequest {
        owner: Some(v1::stream_contracts_request::Owner::AccountId(id("A"))),
        from_sequence: 1,
    };
    let stream = shop.contracts.stream_contracts(request).await;
    let mut stream = stream.expect("a stream").into_inner();
    let mut streamed = Vec::new();
    while streamed.len() < told.len() {
        let message = stream.message().await.expect("no error");
        streamed.extend(message.expect("it goes on").reports);
    }
    for (one, other) in told.iter().zip(&streamed) {
        assert_eq!(one.account_sequence, other.account_sequence);
        assert_eq!(one.reject_reason, other.reject_reason);
        assert_eq!(one.legal_basis, other.legal_basis);
        assert_eq!(
            (one.demonstration, one.client_sequence),
            (other.demonstration, other.client_sequence),
            "{one:?} {other:?}"
        );
        assert!(one.demonstration, "all venues are: {one:?}");
    }
}

/// A batch sent twice, one that leaves a gap, one that is malformed.
async fn check_refusals(session: &mut Session, one: &v1::Offer) {
    match session.next_said().await {
        Answer::Duplicate(duplicate) => assert_eq!(duplicate.watermark, 101),
        other => panic!("not a duplicate: {other:?}"),
    }
    session.batch(vec![take(103, one, 1)]);
    assert_eq!(session.refused().await.reason, "SEQUENCE_GAP");
    let half = v1::SessionReserve {
        pickup_hash_high: Some(1),
        ..v1::SessionReserve::default()
    };
    session.batch(vec![v1::SessionCommand {
        command: Some(Command::Reserve(v1::SessionReserve {
            account: Some(0),
            ..half
        })),
        ..take(102, one, 1)
    }]);
    let malformed = session.refused().await;
    assert_eq!(malformed.reason, "MALFORMED");
    assert!(
        malformed
            .text
            .contains("batch.commands[0].reserve.pickup_hash_low"),
        "{malformed:?}"
    );
}

/// The contract is like any other, and its session is named in its report.
async fn check_contract(shop: &mut Shop, sold: &v1::SessionContractReport) {
    let request = v1::StreamContractsRequest {
        owner: Some(v1::stream_contracts_request::Owner::AccountId(id("A"))),
        from_sequence: 1,
    };
    let stream = shop.contracts.stream_contracts(request).await;
    let first = stream.expect("a stream").into_inner().message().await;
    let first = first
        .expect("no error")
        .expect("a message")
        .reports
        .remove(0);
    assert_eq!(
        (first.session_id.as_str(), first.client_sequence),
        ("flash", 1)
    );
    assert_eq!(first.account_sequence, sold.account_sequence);
    assert_eq!(
        first.contract_id,
        format!("{}-{}", sold.contract_sequence, sold.contract_slot)
    );
    let sent = shop.takes("h", "B", &first, hand_over()).await;
    let there = shop.takes("d", "B", &sent, deliver()).await;
    shop.takes("a", "A", &there, accept()).await;
}
