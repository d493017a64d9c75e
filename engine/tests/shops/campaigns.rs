//! Group buys and presales beside their scenarios: bounds, ticks, snapshots, the published vectors.
//!
//! Invariant: as in `shops`. Not here: the rules (`market/scenarios`).

#![allow(clippy::disallowed_methods)] // a test may read files

use sanjiang_engine::clearing::Holder;

use super::*;
use crate::shop::{BANK, MONEY, fund, plain_terms};
use sanjiang_engine::venue::Model;

fn group_terms() -> Body {
    sales(SalesCommand::DefineTerms(SaleTerms {
        model: Model::GroupBuy,
        plan: Plan::Group,
        ..plain_terms(7)
    }))
}

/// An offer that closes in an hour.
fn group(shop: &Shop, tiers: &[(u32, i64)], quorum: u32) -> Body {
    let tier = |&(from, price)| Tier { from, price };
    let Body::Sales(command) = offer(5_000, None) else {
        unreachable!("an offer is about sales");
    };
    let SalesCommand::Offer(mut make) = *command else {
        unreachable!("it is an offer");
    };
    make.prices.tiers = tiers.iter().map(tier).collect();
    make.prices.max = 5_000;
    make.prices.closes = Some(shop.time.after(Nanoseconds(HOUR)));
    make.course = Course::Group { quorum };
    sales(SalesCommand::Offer(make))
}

fn offered(events: &[Event]) -> OfferId {
    let Some(Event::Sale(SaleEvent::Offer(report))) = events.first() else {
        panic!("it is offered: {events:?}");
    };
    report.offer
}

fn said(events: &[Event], act: OfferAct) -> Option<OfferReport> {
    events.iter().find_map(|event| {
        if let Event::Sale(SaleEvent::Offer(report)) = event {
            return (report.act == act).then_some(*report);
        }
        None
    })
}

/// What a buyer has available and held of the money.
fn money_of(shop: &Shop, account: u32) -> (i64, i64) {
    let holder = Holder::Account(AccountId::new(account));
    let ledger = shop.engine.clearing().ledger();
    let mut all = ledger.positions().iter();
    let found = all.find(|one| (one.holder(), one.asset()) == (holder, MONEY));
    found.map_or((0, 0), |one| (one.available, one.held))
}

#[test]
fn the_published_vectors_of_group_buys_hold() {
    let Some(vectors) = vectors() else {
        return;
    };
    let list = |value: &serde_json::Value| value.as_array().expect("a list").clone();
    let all = list(&vectors["group_buy"]);
    for vector in &all {
        let tiers: Vec<_> = list(&vector["tiers"])
            .iter()
            .map(|tier| (number(&tier[0]) as u32, number(&tier[1])))
            .collect();
        let mut shop = Shop::new(small(), 2);
        shop.send(group_terms());
        let offered = offered(&shop.send(group(&shop, &tiers, 1)));
        let (mut entries, highest) = (Vec::new(), tiers[0].1);
        for (buyer, pieces) in (1..).zip(list(&vector["qtys"])) {
            let pieces = number(&pieces) as u32;
            let entry = step_of(&shop.send(reserve(offered, buyer, pieces))).expect("it joins");
            assert_eq!(entry.state, State::Joined);
            assert_eq!(entry.money_held, i64::from(pieces) * highest);
            entries.push(entry);
        }
        shop.time = shop.time.after(Nanoseconds(HOUR));
        let events = shop.send(Body::Tick);
        let closed = said(&events, OfferAct::Closed).expect("it closes");
        let expected = [number(&vector["expect"][0]), number(&vector["expect"][1])];
        assert_eq!([i64::from(closed.joined), closed.price], expected);
        for (buyer, entry) in (1..).zip(entries) {
            let due = i64::from(entry.pieces) * expected[1];
            assert_eq!(money_of(&shop, buyer), (1_000_000 - due, due), "to the fen");
        }
        assert_eq!(shop.engine.audit(), Ok(()));
    }
    println!("{} vectors of group buys", all.len());
    assert!(!all.is_empty());
}

/// What has not had its turn in the tick of the close is RELEASING: held, bound, and next.
#[test]
fn a_close_takes_as_many_ticks_as_its_entries_need() {
    let most = (Limits::EXPIRIES_PER_TICK_MAX / Limits::EXPIRIES_PER_CONTRACT) as u32;
    for (quorum, ended) in [(1, State::Paid), (5_000, State::Released)] {
        let mut shop = Shop::new(small(), 3);
        shop.send(group_terms());
        shop.send(terms(7));
        let offered = offered(&shop.send(group(&shop, &[(1, 100), (200, 60)], quorum)));
        for _ in 0..most + 6 {
            shop.reserve(offered, 1);
        }
        shop.time = shop.time.after(Nanoseconds(HOUR));
        // At its deadline nobody joins and nobody leaves, though nothing has fired.
        let late = shop.refusal(reserve(offered, 2, 1));
        assert_eq!(late, Some(RejectReason::Deadline));
        let events = shop.send(Body::Tick);
        let act = if ended == State::Paid {
            OfferAct::Closed
        } else {
            OfferAct::Void
        };
        assert_eq!(said(&events, act).map(|one| one.joined), Some(most + 6));
        let turns: Vec<_> = events
            .iter()
            .filter_map(|event| step_of(std::slice::from_ref(event)))
            .collect();
        assert_eq!(turns.len(), most as usize);
        assert!(turns.iter().all(|turn| turn.state == ended));
        assert!(turns.is_sorted_by_key(|turn| turn.contract), "in order");
        // Six wait: bound, held, in the audit and in a snapshot; other commands go on meanwhile.
        let waiting = shop.engine.contracts().all();
        let waiting: Vec<_> = waiting
            .filter(|(_, one)| one.state == State::Joined)
            .map(|(id, one)| (id, one.version))
            .collect();
        assert_eq!(waiting.len(), 6);
        let (contract, version) = waiting[0];
        let leave = Body::Contract(ContractCommand::Step(TakeStep {
            contract,
            version,
            account: Some(AccountId::new(1)),
            act: Act::Cancel,
        }));
        assert_eq!(shop.refusal(leave), Some(RejectReason::Deadline));
        let withdraw = sales(SalesCommand::WithdrawOffer(WithdrawOffer {
            offer: offered,
            account: SELLER,
        }));
        let early = shop.refusal(withdraw.clone());
        assert_eq!(early, Some(RejectReason::OfferFixed));
        assert_eq!(shop.engine.audit(), Ok(()));
        shop.engine = shop.restored();
        shop.send(Body::Tick);
        let left = shop.engine.contracts().all();
        assert_eq!(
            left.filter(|(_, one)| one.state == State::Joined).count(),
            0
        );
        let price = if ended == State::Paid { 60 } else { 0 };
        let held = i64::from(most + 6) * price;
        assert_eq!(money_of(&shop, 1), (1_000_000 - held, held));
        assert_eq!(shop.refusal(withdraw), None);
        assert_eq!(shop.engine.audit(), Ok(()));
    }
}

#[test]
fn no_more_entries_than_the_bound_and_who_leaves_makes_room() {
    let limits = Limits {
        entries_max: 2,
        ..small()
    };
    let mut shop = Shop::new(limits, 3);
    shop.send(group_terms());
    let offered = offered(&shop.send(group(&shop, &[(1, 100)], 1)));
    let first = shop.reserve(offered, 1);
    shop.reserve(offered, 2);
    let full = shop.refusal(reserve(offered, 3, 1));
    assert_eq!(full, Some(RejectReason::OpenContracts));
    shop.take(&first, AccountId::new(1), Act::Cancel);
    assert_eq!(shop.refusal(reserve(offered, 3, 1)), None);
}

#[test]
fn no_more_campaigns_than_the_bound_and_plain_offers_need_none() {
    let limits = Limits {
        campaigns_max: 1,
        ..small()
    };
    let mut shop = Shop::new(limits, 1);
    shop.send(terms(7));
    shop.send(group_terms());
    let second = |shop: &Shop| {
        let Body::Sales(command) = group(shop, &[(1, 100)], 1) else {
            unreachable!("an offer is about sales");
        };
        let SalesCommand::Offer(mut make) = *command else {
            unreachable!("it is an offer");
        };
        make.terms = TermsId::new(1);
        sales(SalesCommand::Offer(make))
    };
    let first = offered(&shop.send(second(&shop)));
    let full = shop.refusal(second(&shop));
    assert_eq!(full, Some(RejectReason::TooMany));
    shop.offer(5, None);
    shop.send(sales(SalesCommand::WithdrawOffer(WithdrawOffer {
        offer: first,
        account: SELLER,
    })));
    assert_eq!(shop.refusal(second(&shop)), None);
}

#[test]
fn a_changed_snapshot_of_a_group_is_refused_or_sound() {
    let mut shop = Shop::new(tiny(), 3);
    shop.send(group_terms());
    let first = offered(&shop.send(group(&shop, &[(1, 100), (3, 90)], 2)));
    shop.reserve(first, 1);
    shop.reserve(first, 2);
    flip_every_byte(&shop);
    shop.time = shop.time.after(Nanoseconds(HOUR));
    shop.send(Body::Tick);
    flip_every_byte(&shop);
}

/// The file of published vectors, or none with a visible note.
fn vectors() -> Option<serde_json::Value> {
    let root = std::env::var_os("SANJIANG_SHARED").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        std::path::PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(root.join("domain/vectors.json")) else {
        println!("skipped: domain/vectors.json is not in the shared data folder");
        return None;
    };
    Some(serde_json::from_str(&text).expect("JSON"))
}

fn number(value: &serde_json::Value) -> i64 {
    value.as_i64().expect("a number")
}

fn presale_terms(deposit_bp: u16) -> Body {
    sales(SalesCommand::DefineTerms(SaleTerms {
        model: Model::Presale,
        plan: Plan::Presale { deposit_bp },
        fee_ppm: 0,
        ..plain_terms(7)
    }))
}

/// An offer that closes in an hour; balances are paid in the hour after it.
fn presale(shop: &Shop, price: i64) -> Body {
    let Body::Sales(command) = group(shop, &[(1, price)], 1) else {
        unreachable!("an offer is about sales");
    };
    let SalesCommand::Offer(mut make) = *command else {
        unreachable!("it is an offer");
    };
    make.course = Course::Presale {
        pay_from: shop.time.after(Nanoseconds(HOUR)),
        pay_until: shop.time.after(Nanoseconds(2 * HOUR)),
    };
    sales(SalesCommand::Offer(make))
}

#[test]
fn the_published_vectors_of_earnest_money_hold() {
    let Some(vectors) = vectors() else {
        return;
    };
    let all = vectors["deposit_fen"].as_array().expect("a list");
    for vector in all {
        let (total, deposit) = (number(&vector["total"]), number(&vector["deposit"]));
        let mut shop = Shop::new(small(), 1);
        shop.send(fund(SELLER, MONEY, BANK, 50_000));
        shop.send(presale_terms((deposit * 10_000 / total) as u16));
        let offered = offered(&shop.send(presale(&shop, total)));
        let mut contract = shop.reserve(offered, 1);
        assert_eq!(contract.state, State::Deposited);
        assert_eq!(contract.money_held, deposit);
        let (buyer, expect) = (AccountId::new(1), &vector["expect"]);
        match vector["default"].as_str() {
            Some("buyer") => {
                shop.time = shop.time.after(Nanoseconds(2 * HOUR));
                let ended = step_of(&shop.send(Body::Tick)).expect("it ends");
                assert_eq!(ended.state, State::Forfeited);
                contract = ended;
            }
            Some(_) => {
                contract = shop.take(&contract, SELLER, Act::Cancel);
                assert_eq!(contract.penalty, number(&expect["seller_pays_penalty"]));
            }
            None => {
                shop.time = shop.time.after(Nanoseconds(HOUR));
                contract = shop.take(&contract, buyer, Act::Pay);
                contract = shop.take(&contract, SELLER, Act::HandOver { reference: [0; 16] });
                contract = shop.take(&contract, buyer, Act::Accept);
                shop.time = contract.deadline.expect("the right of return ends");
                contract = step_of(&shop.send(Body::Tick)).expect("it settles");
            }
        }
        let moved = [contract.paid_out, contract.refunded];
        assert_eq!(
            moved,
            [number(&expect["to_seller"]), number(&expect["to_buyer"])]
        );
        let penalty = contract.penalty;
        let (out, back) = (contract.paid_out, contract.refunded);
        assert_eq!(money_of(&shop, 0), (50_000 + out - penalty, 0));
        assert!(out + back == deposit || out == total, "{vector}");
        assert_eq!(money_of(&shop, 1), (1_000_000 - out + penalty, 0));
        assert_eq!(shop.engine.audit(), Ok(()));
    }
    println!("{} vectors of earnest money", all.len());
    assert!(!all.is_empty());
}

/// What a seller promised twice is held, whatever it is asked for; an account shows for what.
#[test]
fn the_double_return_is_held_from_the_acceptance_until_the_goods_leave() {
    let mut shop = Shop::new(small(), 2);
    shop.send(fund(SELLER, MONEY, BANK, 250));
    shop.send(presale_terms(2_000));
    let offered = offered(&shop.send(presale(&shop, 1_000)));
    let contract = shop.reserve(offered, 1);
    assert_eq!(money_of(&shop, 0), (50, 200));
    let second = shop.refusal(reserve(offered, 2, 1));
    assert_eq!(second, Some(RejectReason::SellerFunds));
    let held = shop.engine.holds_of(SELLER, None, 10);
    let bond = held
        .iter()
        .find(|one| one.asset == MONEY)
        .expect("it is held");
    assert_eq!(bond.by, HeldFor::Contract(contract.contract()));
    let withdraw = shop.refusal(Body::Instruct(Instruct {
        account: SELLER,
        asset: MONEY,
        custodian: BANK,
        direction: Direction::Withdrawal,
        amount: Amount::new(51).expect("in bounds"),
    }));
    assert_eq!(withdraw, Some(RejectReason::InsufficientFunds));
    shop.time = shop.time.after(Nanoseconds(HOUR));
    let contract = shop.take(&contract, AccountId::new(1), Act::Pay);
    assert_eq!(money_of(&shop, 0), (50, 200));
    shop.engine = shop.restored();
    let contract = shop.take(&contract, SELLER, Act::HandOver { reference: [0; 16] });
    assert_eq!(
        money_of(&shop, 0),
        (50, 200),
        "a carrier has them, the buyer not"
    );
    shop.take(&contract, SELLER, Act::Deliver { reference: [0; 16] });
    assert_eq!(money_of(&shop, 0), (250, 0));
    assert_eq!(shop.engine.audit(), Ok(()));
}

#[test]
fn a_changed_snapshot_of_a_presale_is_refused_or_sound() {
    let mut shop = Shop::new(tiny(), 2);
    shop.send(fund(SELLER, MONEY, BANK, 50_000));
    shop.send(presale_terms(3_000));
    let offered = offered(&shop.send(presale(&shop, 1_000)));
    let first = shop.reserve(offered, 1);
    shop.reserve(offered, 2);
    shop.time = shop.time.after(Nanoseconds(HOUR));
    shop.take(&first, AccountId::new(1), Act::Pay);
    flip_every_byte(&shop);
}
