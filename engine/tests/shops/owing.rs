//! What a seller owes of returns by agreement: its bounds, one payment a contract and command,
//! restarts, damaged snapshots.
//!
//! Invariant: as in `shops`; the books are audited after every command. Not here: the rules
//! (`scenarios/owing.txt`).

use crate::shop::{BANK, MONEY, fund, plain_terms};
use sanjiang_engine::bytes::{put_time, put_varint};
use sanjiang_engine::contract::Since;

use super::*;

fn withdraw(account: AccountId, units: i64) -> Body {
    Body::Instruct(Instruct {
        account,
        asset: MONEY,
        custodian: BANK,
        direction: Direction::Withdrawal,
        amount: Amount::new(units).expect("in bounds"),
    })
}

/// A seller of what is made to order, which comes back by agreement only, and its offer.
fn agreed_shop(limits: Limits, buyers: u32) -> (Shop, OfferId) {
    let mut shop = Shop::new(limits, buyers);
    shop.send(sales(SalesCommand::DefineTerms(SaleTerms {
        exemption: Some(Exemption::CustomMade),
        agreed_days: 30,
        fee_ppm: 0,
        ..plain_terms(0)
    })));
    let offer = shop.offer(100, None);
    (shop, offer)
}

fn sound(shop: &Shop) {
    assert_eq!(shop.engine.audit(), Ok(()));
    shop.restored();
}

/// A buyer has a piece for 100, and proposes to give it back; the seller has spent the money.
fn proposed(shop: &mut Shop, offer: OfferId, buyer: u32) -> ContractReport {
    let reference = [0; 16];
    let report = shop.reserve(offer, buyer);
    let buyer = AccountId::new(buyer);
    let report = shop.take(&report, SELLER, Act::HandOver { reference });
    let report = shop.take(&report, buyer, Act::Accept);
    assert_eq!((report.state, report.paid_out), (State::Performed, 100));
    shop.send(withdraw(SELLER, 100));
    let asked = shop.take(&report, buyer, Act::AskReturn { pieces: 1 });
    sound(shop);
    asked
}

fn taken_back(asked: &ContractReport) -> Body {
    let to = TakenTo::WriteOff;
    Body::Contract(ContractCommand::Step(TakeStep {
        contract: asked.contract(),
        version: asked.version,
        account: Some(SELLER),
        act: Act::TakeBack { to },
    }))
}

/// What was paid of which contract by a command, and what is owed of it then.
fn repaid(events: &[Event]) -> Vec<(u64, i64, i64)> {
    let mut paid = Vec::new();
    for event in events {
        if let Event::Contract(ContractEvent::Step(report)) = event
            && report.step == ContractStep::Repay
        {
            paid.push((report.contract, report.penalty, report.owing));
        }
    }
    paid
}

#[test]
fn a_seller_owes_by_no_more_contracts_than_the_bound_and_a_paid_one_makes_room() {
    let limits = Limits {
        owing_per_seller_max: 2,
        ..tiny()
    };
    let (mut shop, offer) = agreed_shop(limits, 3);
    let asked: Vec<_> = (1..=3)
        .map(|buyer| proposed(&mut shop, offer, buyer))
        .collect();
    for one in &asked[..2] {
        let owing = shop.send(taken_back(one));
        let owing = step_of(&owing).expect("it is taken back");
        assert_eq!((owing.state, owing.owing), (State::Owing, 100));
        assert_eq!(shop.engine.contracts().owing(owing.contract()), 100);
        sound(&shop);
    }
    let third = shop.refusal(taken_back(&asked[2]));
    assert_eq!(third, Some(RejectReason::SellerFunds));
    assert_eq!(shop.engine.usage().owing, 2);
    let paid = shop.send(fund(SELLER, MONEY, BANK, 100));
    assert_eq!(repaid(&paid), [(asked[0].contract, 100, 0)]);
    assert!(
        shop.engine
            .contracts()
            .contract(asked[0].contract())
            .is_none()
    );
    assert_eq!(shop.refusal(taken_back(&asked[2])), None);
    assert_eq!(shop.engine.usage().owing, 2);
    sound(&shop);
}

#[test]
fn all_sellers_together_owe_by_no_more_contracts_than_the_bound() {
    let limits = Limits {
        owing_max: 1,
        ..tiny()
    };
    let (mut shop, offer) = agreed_shop(limits, 2);
    let asked = [1, 2].map(|buyer| proposed(&mut shop, offer, buyer));
    shop.send(taken_back(&asked[0]));
    assert_eq!(
        (shop.engine.usage().owing, shop.engine.usage().owing_max),
        (1, 1)
    );
    let second = shop.refusal(taken_back(&asked[1]));
    assert_eq!(second, Some(RejectReason::SellerFunds));
    // With the money it may.
    shop.send(fund(SELLER, MONEY, BANK, 200));
    let back = shop.send(taken_back(&asked[1]));
    assert_eq!(step_of(&back).map(|one| one.state), Some(State::Refunded));
    sound(&shop);
}

#[test]
fn one_command_pays_each_contract_at_most_once_and_the_oldest_debt_first() {
    let (mut shop, offer) = agreed_shop(small(), 16);
    // Proposed in one order, owed in the other.
    let mut asked: Vec<_> = (1..=16)
        .map(|buyer| proposed(&mut shop, offer, buyer))
        .collect();
    asked.reverse();
    for one in &asked {
        shop.send(taken_back(one));
    }
    let all = Limits::default().owing_per_seller_max;
    assert_eq!(shop.engine.usage().owing, all);
    let events = shop.send(fund(SELLER, MONEY, BANK, 1_450));
    let mut wanted: Vec<_> = asked.iter().map(|one| (one.contract, 100, 0)).collect();
    wanted.truncate(15);
    wanted[14].1 = 50;
    wanted[14].2 = 50;
    assert_eq!(repaid(&events), wanted);
    sound(&shop);
    let mut again = shop.restored();
    let (sequence, time) = (again.sequence().next(), shop.time);
    let events = shop.send(fund(SELLER, MONEY, BANK, 1_000));
    let rest = [(asked[14].contract, 50, 0), (asked[15].contract, 100, 0)];
    assert_eq!(repaid(&events), rest);
    // After a restart the order is the same.
    let mut said = Events::default();
    let value = Command {
        envelope: Envelope {
            principal: PrincipalId::LOCAL,
            identity: Identity::Internal,
            valid_until: None,
            authority: None,
        },
        body: fund(SELLER, MONEY, BANK, 1_000),
    };
    let command = Sequenced {
        sequence,
        time,
        value,
    };
    again.apply(&command, &mut said);
    assert_eq!(said.as_slice(), events);
    assert_eq!(again.encode_sections(), shop.engine.encode_sections());
    assert_eq!(shop.engine.usage().owing, 0);
    sound(&shop);
}

#[test]
fn an_account_that_owes_or_is_owed_is_not_empty() {
    let (mut shop, offer) = agreed_shop(tiny(), 1);
    let asked = proposed(&mut shop, offer, 1);
    shop.send(taken_back(&asked));
    let buyer = AccountId::new(1);
    shop.send(withdraw(buyer, 999_900));
    for account in [SELLER, buyer] {
        let close = Body::Standing(StandingCommand::SetStanding(SetStanding {
            party: Party::Account(account),
            standing: Standing::Closed,
        }));
        assert_eq!(shop.refusal(close), Some(RejectReason::NotEmpty));
    }
}

/// A shop that owes so many buyers 100 each.
fn owing_shop(buyers: u32) -> Shop {
    let (mut shop, offer) = agreed_shop(tiny(), buyers);
    let asked: Vec<_> = (1..=buyers)
        .map(|buyer| proposed(&mut shop, offer, buyer))
        .collect();
    for one in &asked {
        shop.send(taken_back(one));
    }
    assert_eq!(shop.engine.usage().owing, buyers);
    shop
}

#[test]
fn a_changed_snapshot_of_who_owes_is_refused_or_sound() {
    let mut shop = owing_shop(3);
    let paid = shop.send(fund(SELLER, MONEY, BANK, 30));
    assert_eq!(repaid(&paid).len(), 1);
    assert_eq!(shop.engine.usage().owing, 3);
    sound(&shop);
    flip_every_byte(&shop);
}

#[test]
fn a_snapshot_that_leaves_a_debt_out_or_has_it_twice_is_refused() {
    let shop = owing_shop(2);
    let sections = shop.engine.encode_sections();
    let at = sections
        .iter()
        .position(|(id, _)| *id == SectionId::Contracts);
    let at = at.expect("it is there");
    // What is owed is the end of what contracts say: the count, then row, amount, sequence and time
    // of each, before the count of guarantees.
    let [one, two] = since_of(&shop)[..] else {
        panic!("two debts");
    };
    let owed = bytes_of(&[(0, 100, one), (1, 100, two)]);
    let end = sections[at].1.len() - 1;
    let from = end - owed.len();
    assert_eq!(sections[at].1[from..end], owed);
    let read = |debts: &[(u64, u64, Since)]| {
        let mut other = sections.clone();
        other[at].1.splice(from..end, bytes_of(debts));
        let read = Engine::decode_sections(*shop.engine.limits(), &other);
        read.map(|read| (read.encode_sections(), other))
    };
    let later = |since: Since, commands, nanoseconds| Since {
        sequence: Sequence::new(since.sequence.value() + commands),
        time: Time::new(since.time.nanoseconds() + nanoseconds).expect("in bounds"),
    };
    let formed = shop.engine.debts_from(Sequence::ZERO);
    let formed = formed
        .map(|debt| debt.contract.sequence)
        .min()
        .expect("two");
    let early = Since {
        sequence: Sequence::new(formed),
        time: one.time,
    };
    for forged in [
        &[(0, 100, one)][..],
        &[(1, 100, two)],
        &[],
        &[(0, 100, one), (0, 100, two)],
        &[(0, 100, one), (2, 100, two)],
        &[(0, 101, one), (1, 100, two)],
        &[(0, 0, one), (1, 100, two)],
        &[(0, 100, one), (1, 100, two), (1, 100, later(two, 1, 0))],
        // Not in the order in which they arose, or in none; before their contracts, or to come.
        &[(1, 100, two), (0, 100, one)],
        &[(0, 100, one), (1, 100, one)],
        &[(0, 100, early), (1, 100, two)],
        &[(0, 100, later(two, 0, 1)), (1, 100, later(two, 1, 0))],
        &[(0, 100, one), (1, 100, later(two, 1, 0))],
        &[(0, 100, one), (1, 100, later(two, 0, i64::from(u32::MAX)))],
    ] {
        assert!(read(forged).is_err(), "{forged:?}");
    }
    // The other order is another engine, and a sound one.
    let (again, other) = read(&[(1, 100, one), (0, 100, two)]).expect("it is sound");
    assert_eq!(again, other);
}

fn since_of(shop: &Shop) -> Vec<Since> {
    let debts = shop.engine.debts_from(Sequence::ZERO);
    debts.map(|debt| debt.since).collect()
}

fn bytes_of(debts: &[(u64, u64, Since)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, debts.len() as u64);
    for (slot, amount, since) in debts {
        put_varint(&mut bytes, *slot);
        put_varint(&mut bytes, *amount);
        put_varint(&mut bytes, since.sequence.value());
        put_time(&mut bytes, since.time);
    }
    bytes
}

#[test]
fn debts_are_listed_in_the_order_in_which_they_arose_from_any_command_on() {
    let mut shop = owing_shop(3);
    let all = since_of(&shop);
    assert!(all.is_sorted() && all.len() == 3, "{all:?}");
    assert_eq!(all[2].sequence, shop.engine.sequence());
    assert_eq!(all[2].time, shop.time);
    // The oldest is paid in whole and the next in part, which changes neither its age.
    let paid = shop.send(fund(SELLER, MONEY, BANK, 130));
    assert_eq!(repaid(&paid).len(), 2);
    let listed = |from: Sequence| {
        let debts = shop.engine.debts_from(from);
        let debts = debts.map(|debt| (debt.since, debt.amount, debt.seller));
        debts.collect::<Vec<_>>()
    };
    let two = [(all[1], 70, SELLER), (all[2], 100, SELLER)];
    assert_eq!(listed(Sequence::ZERO), two);
    assert_eq!(listed(all[1].sequence), two);
    assert_eq!(listed(all[1].sequence.next()), two[1..]);
    assert_eq!(listed(all[2].sequence.next()), []);
}
