//! Settlement at its bounds: rows and owners, holders under the law, many rows at one roll, a
//! snapshot between two ticks, forged sections.
//!
//! Invariant: after every command the engine's own audit holds. Not here: the rules one by one
//! (`scenarios/settlement.txt`), random commands (`model`).

#![allow(clippy::wildcard_enum_match_arm)] // each helper looks for one kind of event

mod desk;

use desk::*;
use sanjiang_engine::command::*;
use sanjiang_engine::engine::{Engine, SectionId};
use sanjiang_engine::event::Event;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::{Basis, Reject, RejectReason as R};
use sanjiang_engine::types::*;
use sanjiang_engine::venue::Regime;

#[test]
fn no_more_accounts_join_than_there_are_rows_and_a_row_comes_back() {
    let limits = Limits {
        unsettled_max: 2,
        ..limits()
    };
    let mut desk = Desk::new(limits, Regime::Sandbox, Demonstration::Demonstration);
    desk.accounts(3);
    assert_eq!(desk.set(later(1)), None);
    for account in 0..3 {
        assert_eq!(desk.deposit(account, PLAY, 10_000), None);
        assert_eq!(desk.deposit(account, SHARES, 10), None);
    }
    assert_eq!(desk.order(0, Side::Buy, 1), None);
    assert_eq!(desk.order(0, Side::Buy, 1), None, "one row an account");
    assert_eq!(desk.order(1, Side::Sell, 1), None);
    // Both rows are taken: by a live order and a row that waits, and by one that waits.
    assert_eq!(desk.order(2, Side::Sell, 1), why(R::UnsettledFull));
    assert_eq!(desk.order(1, Side::Sell, 1), None, "it has its row");
    desk.time += DAY;
    let events = desk.apply(Body::Tick, None);
    assert_eq!(settled(&events).len(), 2);
    assert_eq!(desk.order(2, Side::Sell, 1), None);
}

#[test]
fn no_more_owners_are_remembered_than_may_be_and_idle_ones_are_forgotten() {
    let limits = Limits {
        investors_max: 2,
        ..limits()
    };
    let mut desk = Desk::new(limits, Regime::Sandbox, Demonstration::Demonstration);
    desk.accounts(3);
    let set = SetSettlement {
        reverse_trade_days: 2,
        ..plain()
    };
    assert_eq!(desk.set(set), None);
    for account in 0..3 {
        assert_eq!(desk.deposit(account, PLAY, 10_000), None);
        assert_eq!(desk.deposit(account, SHARES, 10), None);
    }
    assert_eq!(desk.order(0, Side::Buy, 1), None);
    assert_eq!(desk.order(1, Side::Sell, 1), None);
    assert_eq!(desk.order(2, Side::Sell, 1), why(R::InvestorsFull));
    for day in 1..=2 {
        desk.time += DAY;
        desk.apply(Body::Tick, None);
        let refused = why(R::InvestorsFull).filter(|_| day < 2);
        assert_eq!(desk.order(2, Side::Sell, 1), refused, "after {day} days");
    }
}

/// The law of a venue of rights: 200 holders, brought in by deposits.
#[test]
fn the_201st_holder_is_refused_with_the_text_of_the_law() {
    let law = |reason, basis| {
        Some(Reject {
            reason,
            basis: Some(basis),
        })
    };
    let many = law(R::MaxHolders, Basis::StateCouncilOffice37);
    for regime in [Regime::LocalRightsVenue, Regime::RegionalEquity] {
        let mut desk = Desk::new(limits(), regime, Demonstration::Demonstration);
        desk.accounts(202);
        for account in 0..199 {
            desk.done(instruct(account, SHARES, Direction::Deposit, 10));
        }
        assert_eq!(desk.holders(), (199, 0));
        assert_eq!(desk.deposit(199, SHARES, 1), None, "the 200th");
        assert_eq!(desk.deposit(200, SHARES, 1), many, "the 201st");
        assert_eq!(desk.deposit(0, SHARES, 1), None, "a holder has its place");
        // Whoever ever held counts, so nothing is freed by taking all out.
        desk.done(instruct(5, SHARES, Direction::Withdrawal, 10));
        assert_eq!(desk.deposit(200, SHARES, 1), many);
        assert_eq!(desk.deposit(5, SHARES, 1), None);
        assert_eq!(desk.holders(), (200, 0));
        let short = SetSettlement {
            reverse_trade_days: 4,
            max_holders: Some(200),
            ..plain()
        };
        assert_eq!(desk.set(short), law(R::TPlusN, Basis::StateCouncil38));
        let wide = SetSettlement {
            reverse_trade_days: 5,
            max_holders: Some(201),
            ..plain()
        };
        assert_eq!(desk.set(wide), many);
        let none = SetSettlement {
            max_holders: None,
            ..wide
        };
        assert_eq!(desk.set(none), many);
        let narrow = SetSettlement {
            max_holders: Some(199),
            ..wide
        };
        assert_eq!(desk.set(narrow), many, "200 hold already");
    }
}

/// The same bound met by orders, where a book is lawful.
#[test]
fn the_201st_buyer_is_refused_while_200_hold_or_may() {
    let mut desk = Desk::new(limits(), Regime::Sandbox, Demonstration::Demonstration);
    desk.accounts(202);
    let set = SetSettlement {
        max_holders: Some(200),
        ..plain()
    };
    assert_eq!(desk.set(set), None);
    desk.done(instruct(0, SHARES, Direction::Deposit, 198));
    for account in 1..202 {
        desk.done(instruct(account, PLAY, Direction::Deposit, 1_000));
    }
    desk.done(order(0, Side::Sell, 198));
    for account in 1..199 {
        desk.done(order(account, Side::Buy, 1));
    }
    assert_eq!(desk.holders(), (199, 0));
    assert_eq!(desk.order(199, Side::Buy, 1), None, "the 200th may come");
    assert_eq!(desk.holders(), (199, 1));
    assert_eq!(desk.order(200, Side::Buy, 1), why(R::MaxHolders));
    desk.done(Body::MassCancel(MassCancel {
        account: AccountId::new(199),
        instrument: None,
        side: None,
    }));
    assert_eq!(desk.order(200, Side::Buy, 1), None, "the place is free");
    assert_eq!(desk.order(201, Side::Buy, 1), why(R::MaxHolders));
    assert_eq!(desk.order(7, Side::Sell, 1), None);
    assert_eq!(desk.holders(), (200, 0));
}

#[test]
fn who_holds_now_is_counted_only_with_another_who_approves() {
    let mut desk = Desk::new(limits(), Regime::RegionalEquity, Demonstration::Real);
    desk.accounts(2);
    let now = SetSettlement {
        reverse_trade_days: 5,
        max_holders: Some(2),
        holder_count: HolderCount::Current,
        reference: name("letter 7"),
        ..plain()
    };
    assert_eq!(desk.set(now), why(R::ApproverRequired));
    let nameless = SetSettlement {
        reference: Name::EMPTY,
        ..now
    };
    assert_eq!(desk.set(nameless), why(R::InvalidField));
    let events = desk.apply(asks(now), Some(PrincipalId::new(9)));
    assert_eq!(reject(&events), None);
    // A deposit that waits for its custodian has a place; refused, it gives it back.
    assert_eq!(desk.deposit(0, SHARES, 5), None);
    let waits = desk.engine.sequence();
    assert_eq!(desk.holders(), (0, 1));
    let answer = Body::Acknowledge(Acknowledge {
        instruction: waits,
        outcome: Outcome::Refused,
        reference: name("TX"),
        business_date: 1,
    });
    let events = desk.apply(answer, Some(PrincipalId::new(9)));
    assert_eq!(reject(&events), None);
    assert_eq!(desk.holders(), (0, 0));
    assert_eq!(desk.engine.audit(), Ok(()));
}

#[test]
fn goods_whose_holders_are_counted_are_delivered_by_one_instrument() {
    let mut desk = Desk::new(
        limits(),
        Regime::RegionalEquity,
        Demonstration::Demonstration,
    );
    desk.done(Body::CreateInstrument(Box::new(CreateInstrument {
        name: name("other"),
        title: Title::EMPTY,
        venue: VenueId::new(0),
        terms: terms(),
    })));
    let beside = Body::SetClearing(SetClearing {
        instrument: InstrumentId::new(1),
        money: PLAY,
        goods: SHARES,
    });
    assert_eq!(desk.send(beside), why(R::InvalidField));
}

/// 1,500 accounts buy of one: more rows than one tick frees.
fn crowd() -> Desk {
    let mut desk = Desk::new(limits(), Regime::Sandbox, Demonstration::Demonstration);
    desk.accounts(1_501);
    assert_eq!(desk.set(later(1)), None);
    desk.done(instruct(0, SHARES, Direction::Deposit, 1_500));
    desk.done(order(0, Side::Sell, 1_500));
    for account in 1..=1_500 {
        desk.done(instruct(account, PLAY, Direction::Deposit, 100));
        desk.done(order(account, Side::Buy, 1));
    }
    desk.time += DAY;
    desk
}

#[test]
fn a_tick_frees_so_many_rows_and_a_restart_between_two_goes_on_with_the_next() {
    let mut desk = crowd();
    let first = settled(&desk.apply(Body::Tick, None));
    assert_eq!(first.len(), Limits::EXPIRIES_PER_TICK_MAX);
    assert!(
        first
            .iter()
            .zip(0..)
            .all(|(one, at)| one.account == AccountId::new(at))
    );
    assert_eq!(desk.engine.audit(), Ok(()));
    let due = desk.engine.next_deadline();
    assert_eq!(due, Time::new(desk.time), "the rest is due still");
    let sections = desk.engine.encode_sections();
    let restored = Engine::decode_sections(limits(), &sections);
    let restored = restored.expect("an engine reads its own sections");
    assert_eq!(restored.state_hash(), desk.engine.state_hash());
    let mut other = Desk {
        engine: restored,
        ..desk
    };
    let rest = settled(&other.apply(Body::Tick, None));
    assert_eq!(rest.len(), 1_501 - first.len());
    let whole = settled(&crowd_all());
    assert_eq!([first, rest].concat(), whole);
    assert_ne!(other.engine.next_deadline(), Time::new(other.time));
    assert_eq!(other.engine.audit(), Ok(()));
}

/// What an engine that never restarted frees.
fn crowd_all() -> Vec<Event> {
    let mut desk = crowd();
    let mut events = desk.apply(Body::Tick, None);
    events.extend(desk.apply(Body::Tick, None));
    events
}

/// An engine with something of everything in its section.
fn full() -> Desk {
    let mut desk = Desk::new(limits(), Regime::Sandbox, Demonstration::Demonstration);
    desk.accounts(4);
    let set = SetSettlement {
        days: 2,
        reverse_trade_days: 3,
        max_holders: Some(3),
        ..plain()
    };
    assert_eq!(desk.set(set), None);
    desk.done(instruct(0, SHARES, Direction::Deposit, 9));
    for account in 1..4 {
        desk.done(instruct(account, PLAY, Direction::Deposit, 1_000));
    }
    desk.done(order(0, Side::Sell, 9));
    desk.done(order(1, Side::Buy, 2));
    desk.time += DAY;
    desk.apply(Body::Tick, None);
    desk.done(order(1, Side::Buy, 3));
    desk.done(order(2, Side::Buy, 1));
    desk.time += DAY;
    desk
}

#[test]
fn no_change_of_a_byte_of_the_section_is_taken_for_what_it_is_not() {
    let mut desk = full();
    assert_eq!(desk.engine.audit(), Ok(()));
    for pending in [false, true] {
        if pending {
            // The roll alone, with nothing freed yet, needs a tick that is used up; here the
            // rows of the roll are freed, and those of the next day wait.
            desk.apply(Body::Tick, None);
        }
        let sections = desk.engine.encode_sections();
        let at = sections
            .iter()
            .position(|one| one.0 == SectionId::Settlement);
        let at = at.expect("there is such a section");
        let (mut taken, mut refused) = (0, 0);
        for place in 0..sections[at].1.len() {
            for bit in 0..8 {
                let mut forged = sections.clone();
                forged[at].1[place] ^= 1 << bit;
                match Engine::decode_sections(limits(), &forged) {
                    // What is taken says the same: it is another state, and a sound one.
                    Ok(engine) => {
                        let same = engine.encode_sections() == forged;
                        assert!(same, "byte {place}, bit {bit}");
                        assert_eq!(engine.audit(), Ok(()));
                        taken += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
            let mut cut = sections.clone();
            cut[at].1.truncate(place);
            assert!(Engine::decode_sections(limits(), &cut).is_err());
        }
        println!("{refused} forgeries refused, {taken} are other sound states");
        assert!(refused > 3 * taken, "{refused} refused, {taken} taken");
    }
}

fn nominee(owner: u32, owners: impl IntoIterator<Item = u32>) -> Body {
    let set = SetNominee {
        nominee: OwnerId::new(owner),
        owners: owners.into_iter().map(OwnerId::new).collect(),
    };
    Body::Settlement(Box::new(SettlementCommand::SetNominee(set)))
}

fn bust(of: Sequence, index: u32) -> Body {
    let trade = TradeRef {
        sequence: of,
        index,
    };
    Body::Correction(CorrectionCommand::Bust { trade })
}

/// Where a command's first trade stands among its events.
fn traded(events: &[Event]) -> u32 {
    let at = events
        .iter()
        .position(|event| matches!(event, Event::Trade(_)));
    at.expect("it trades") as u32
}

/// 200 behind one nominee fill the bound of the law by one deposit; each counts once.
#[test]
fn a_nominee_for_200_fills_the_bound_and_one_for_201_is_refused() {
    let regime = Regime::RegionalEquity;
    let mut desk = Desk::new(limits(), regime, Demonstration::Demonstration);
    desk.accounts(203);
    let most = Limits::NOMINEE_OWNERS_MAX as u32;
    assert_eq!(desk.send(nominee(0, 1..most + 2)), why(R::InvalidField));
    assert_eq!(desk.send(nominee(0, 1..=most)), None);
    assert_eq!(desk.deposit(0, SHARES, 10), None);
    assert_eq!(desk.holders(), (200, 0));
    assert_eq!(desk.deposit(7, SHARES, 10), None, "it counts already");
    assert_eq!(desk.holders(), (200, 0));
    let many = Some(Reject {
        reason: R::MaxHolders,
        basis: Some(Basis::StateCouncilOffice37),
    });
    assert_eq!(desk.deposit(201, SHARES, 10), many);
    assert_eq!(desk.send(nominee(202, [3, 201])), None, "it holds nothing");
    assert_eq!(desk.deposit(202, SHARES, 1), many);
    // Whoever held through a nominee has held, so another list adds to those of before.
    let another = nominee(0, (1..most).chain([201]));
    assert_eq!(desk.send(another), many);
    assert_eq!(desk.send(nominee(0, 1..most)), None);
    assert_eq!(desk.holders(), (200, 0));
}

#[test]
fn no_more_nominees_are_named_than_may_be_and_one_is_free_again() {
    let limits = Limits {
        nominees_max: 1,
        investors_max: 3,
        ..limits()
    };
    let mut desk = Desk::new(limits, Regime::Sandbox, Demonstration::Demonstration);
    desk.accounts(6);
    let counted = SetSettlement {
        max_holders: Some(9),
        ..plain()
    };
    assert_eq!(desk.set(counted), None);
    assert_eq!(desk.send(nominee(0, [1, 2])), None);
    assert_eq!(desk.send(nominee(3, [4])), why(R::TooMany));
    assert_eq!(desk.send(nominee(0, [])), None);
    assert_eq!(desk.send(nominee(3, [4])), None);
    assert_eq!(desk.send(nominee(3, [])), None);
    // The nominee and those behind it are remembered, so three of them are too many.
    assert_eq!(desk.send(nominee(0, [1, 2, 3])), None);
    assert_eq!(desk.deposit(0, SHARES, 1), why(R::InvestorsFull));
    assert_eq!(desk.send(nominee(0, [1, 2])), None);
    assert_eq!(desk.deposit(0, SHARES, 1), None);
    assert_eq!(desk.holders(), (2, 0));
    assert_eq!(desk.send(nominee(0, [1, 2, 3])), why(R::InvestorsFull));
    assert_eq!(desk.holders(), (2, 0));
}

#[test]
fn a_restart_keeps_nominees_and_whom_they_count_for() {
    let mut desk = Desk::new(limits(), Regime::Sandbox, Demonstration::Demonstration);
    desk.accounts(5);
    let now = SetSettlement {
        max_holders: Some(3),
        holder_count: HolderCount::Current,
        reference: name("letter 7"),
        ..plain()
    };
    assert_eq!(desk.set(now), None);
    assert_eq!(desk.send(nominee(0, [2, 3])), None);
    assert_eq!(desk.send(nominee(1, [3, 4])), None);
    desk.done(instruct(0, SHARES, Direction::Deposit, 5));
    desk.done(instruct(1, PLAY, Direction::Deposit, 1_000));
    assert_eq!(desk.order(1, Side::Buy, 1), None, "a place for 4 beside");
    assert_eq!(desk.holders(), (2, 1));
    let sections = desk.engine.encode_sections();
    let restored = Engine::decode_sections(limits(), &sections).expect("its own sections");
    assert_eq!(restored.state_hash(), desk.engine.state_hash());
    assert_eq!(restored.clearing().nominee(OwnerId::new(1)).len(), 2);
    let mut other = Desk {
        engine: restored,
        ..desk
    };
    assert_eq!(other.holders(), (2, 1));
    assert_eq!(other.deposit(0, SHARES, 1), None);
    assert_eq!(other.order(0, Side::Sell, 6), None);
    assert_eq!(other.holders(), (3, 0), "2 and 3, and 3 and 4");
}

/// What is set anew asks nothing about trades of before: a bust of one changes no other one's day.
#[test]
fn a_bust_of_a_trade_of_before_leaves_the_days_of_later_ones() {
    let mut desk = Desk::new(limits(), Regime::Sandbox, Demonstration::Demonstration);
    desk.accounts(2);
    let apart = SetSettlement {
        reverse_trade_days: 2,
        ..plain()
    };
    assert_eq!(desk.set(apart), None);
    desk.done(instruct(0, SHARES, Direction::Deposit, 9));
    desk.done(instruct(1, PLAY, Direction::Deposit, 1_000));
    let mut trades = Vec::new();
    for _ in 0..2 {
        desk.done(order(0, Side::Sell, 1));
        let events = desk.apply(order(1, Side::Buy, 1), None);
        trades.push((desk.engine.sequence(), traded(&events)));
        assert_eq!(desk.set(apart), None);
    }
    desk.done(order(0, Side::Sell, 1));
    let events = desk.apply(order(1, Side::Buy, 1), None);
    trades.push((desk.engine.sequence(), traded(&events)));
    for (at, (of, index)) in trades.into_iter().enumerate() {
        assert_eq!(desk.order(1, Side::Sell, 1), why(R::TPlusN), "before {at}");
        assert_eq!(desk.bust(bust(of, index)), None, "{at}");
    }
    // The trades of before still count, as they did.
    assert_eq!(desk.order(1, Side::Sell, 1), why(R::TPlusN));
}
