//! Shops beside their scenarios: bounds, ticks, snapshots, what is held for whom.
//!
//! Invariant: as in `market`: events only, and an audit. Not here: the rules (`market/scenarios`),
//! the comparison with the reference (`model`).

use crate::shop::{GOODS, HOUR, SELLER, WAREHOUSE, founding, offer, reserve, sales, terms};
use sanjiang_engine::command::*;
use sanjiang_engine::contract::table::{By, TABLE};
use sanjiang_engine::engine::{Engine, HeldFor, SectionId};
use sanjiang_engine::event::{
    ContractEvent, ContractReport, ContractStep, Event, Events, OfferAct, OfferReport, Role,
    SaleEvent, State,
};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::*;

mod baskets;
mod border;
mod campaigns;
mod damage;
mod guarantees;
mod lotteries;
mod queues;

use damage::{flip_every_byte, tiny};

/// A shop with one seller and many buyers.
struct Shop {
    engine: Engine,
    time: Time,
    events: Events,
}

impl Shop {
    fn new(limits: Limits, buyers: u32) -> Self {
        let mut shop = Self {
            engine: Engine::new(limits),
            time: Time::new(400 * 24 * HOUR).expect("in bounds"),
            events: Events::default(),
        };
        for body in founding(buyers) {
            shop.send(body);
        }
        shop
    }

    /// Sends a command without the ticks before it.
    fn send(&mut self, body: Body) -> Vec<Event> {
        self.events.clear();
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: self.time,
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity: Identity::Internal,
                    valid_until: None,
                    authority: None,
                },
                body,
            },
        };
        self.engine.apply(&command, &mut self.events);
        self.events.as_slice().to_vec()
    }

    fn refusal(&mut self, body: Body) -> Option<RejectReason> {
        let events = self.send(body);
        events.iter().find_map(|event| {
            if let Event::Operation(report) = event {
                return report.reject.map(|reject| reject.reason);
            }
            if let Event::Contract(ContractEvent::Refused(refused)) = event {
                return Some(refused.reject.reason);
            }
            None
        })
    }

    fn offer(&mut self, stock: u32, limit: Option<u32>) -> OfferId {
        let events = self.send(offer(stock, limit));
        let Some(Event::Sale(SaleEvent::Offer(report))) = events.first() else {
            panic!("it is offered: {events:?}");
        };
        report.offer
    }

    fn reserve(&mut self, offer: OfferId, buyer: u32) -> ContractReport {
        let events = self.send(reserve(offer, buyer, 1));
        step_of(&events).unwrap_or_else(|| panic!("it is reserved: {events:?}"))
    }

    fn take(&mut self, report: &ContractReport, account: AccountId, act: Act) -> ContractReport {
        let events = self.send(Body::Contract(ContractCommand::Step(TakeStep {
            contract: report.contract(),
            version: report.version,
            account: Some(account),
            act,
        })));
        step_of(&events).unwrap_or_else(|| panic!("it is taken: {events:?}"))
    }

    fn restored(&self) -> Engine {
        let sections = self.engine.encode_sections();
        let restored = Engine::decode_sections(*self.engine.limits(), &sections);
        let restored = restored.expect("its own sections");
        assert_eq!(restored.encode_sections(), sections);
        restored
    }
}

fn step_of(events: &[Event]) -> Option<ContractReport> {
    events.iter().find_map(|event| {
        if let Event::Contract(ContractEvent::Step(report)) = event {
            return Some(*report);
        }
        None
    })
}

fn small() -> Limits {
    Limits {
        requests_capacity: 16,
        orders_max: 16,
        ..Limits::default()
    }
}

#[test]
fn no_more_terms_than_the_bound_and_the_same_ones_cost_nothing() {
    let limits = Limits {
        terms_max: 2,
        ..small()
    };
    let mut shop = Shop::new(limits, 0);
    assert_eq!(shop.refusal(terms(7)), None);
    assert_eq!(shop.refusal(terms(8)), None);
    assert_eq!(shop.refusal(terms(9)), Some(RejectReason::TooMany));
    assert_eq!(shop.refusal(terms(7)), None, "they are known");
    assert_eq!(shop.engine.sales().all_terms().len(), 2);
}

#[test]
fn no_more_offers_than_the_bound_and_a_withdrawn_one_makes_room() {
    let limits = Limits {
        offers_max: 2,
        ..small()
    };
    let mut shop = Shop::new(limits, 0);
    shop.send(terms(7));
    let first = shop.offer(5, None);
    shop.offer(5, None);
    let third = shop.refusal(offer(5, None));
    assert_eq!(third, Some(RejectReason::TooMany));
    shop.send(sales(SalesCommand::WithdrawOffer(WithdrawOffer {
        offer: first,
        account: SELLER,
    })));
    let again = shop.offer(5, None);
    assert_eq!(again.slot, first.slot, "the row freed last");
    assert!(shop.engine.sales().offer(first).is_none(), "its id is not");
}

#[test]
fn no_more_contracts_than_the_bound_and_an_ended_one_makes_room() {
    let limits = Limits {
        contracts_max: 2,
        ..small()
    };
    let mut shop = Shop::new(limits, 3);
    shop.send(terms(7));
    let offer = shop.offer(10, None);
    let first = shop.reserve(offer, 1);
    shop.reserve(offer, 2);
    let full = shop.refusal(reserve(offer, 3, 1));
    assert_eq!(full, Some(RejectReason::OpenContracts));
    let ended = shop.take(&first, SELLER, Act::Cancel);
    assert_eq!(ended.state, State::Cancelled);
    let again = shop.reserve(offer, 3);
    assert_eq!(again.slots.contract, first.slots.contract);
    assert_eq!(shop.engine.audit(), Ok(()));
}

#[test]
fn buyers_are_remembered_up_to_the_bound_and_forgotten_tick_by_tick() {
    let most = Limits::EXPIRIES_PER_TICK_MAX as u32;
    let buyers = most + 10;
    let limits = Limits {
        buyers_max: buyers,
        ..small()
    };
    let mut shop = Shop::new(limits, buyers + 1);
    shop.send(terms(7));
    let offer = shop.offer(5_000, Some(2));
    for buyer in 1..=buyers {
        shop.reserve(offer, buyer);
    }
    let full = shop.refusal(reserve(offer, buyers + 1, 1));
    assert_eq!(full, Some(RejectReason::OpenContracts));
    let above = shop.refusal(reserve(offer, 1, 2));
    assert_eq!(above, Some(RejectReason::BuyerLimit));
    assert_eq!(shop.refusal(reserve(offer, 1, 1)), None, "it is remembered");
    shop.send(sales(SalesCommand::WithdrawOffer(WithdrawOffer {
        offer,
        account: SELLER,
    })));
    // A snapshot in between goes on where it was.
    shop.send(Body::Tick);
    assert_eq!(shop.engine.next_deadline(), Some(shop.time), "ten are left");
    shop.engine = shop.restored();
    shop.send(Body::Tick);
    assert_ne!(shop.engine.next_deadline(), Some(shop.time));
    let again = shop.offer(5_000, Some(2));
    for buyer in 2..=buyers + 1 {
        shop.reserve(again, buyer);
    }
    assert_eq!(shop.engine.audit(), Ok(()));
}

#[test]
fn a_tick_ends_so_many_contracts_and_the_next_goes_on() {
    let most = Limits::EXPIRIES_PER_TICK_MAX / Limits::EXPIRIES_PER_CONTRACT;
    let mut shop = Shop::new(small(), 1);
    shop.send(terms(7));
    let offer = shop.offer(5_000, None);
    for _ in 0..=most {
        shop.reserve(offer, 1);
    }
    shop.time = shop.time.after(Nanoseconds(24 * HOUR));
    let before = shop.engine.contracts().live() as usize;
    let events = shop.send(Body::Tick);
    let steps = events.chunks(2).filter_map(step_of);
    let ended: Vec<u64> = steps.map(|report| report.contract).collect();
    assert_eq!((before, ended.len()), (most + 1, most));
    assert!(ended.is_sorted(), "in order of their ids");
    // The last one counts as passed although nothing fired it.
    let (id, contract) = shop.engine.contracts().all().next().expect("one is left");
    let late = TakeStep {
        contract: id,
        version: contract.version,
        account: Some(SELLER),
        act: Act::HandOver { reference: [0; 16] },
    };
    let late = shop.refusal(Body::Contract(ContractCommand::Step(late)));
    assert_eq!(late, Some(RejectReason::Deadline));
    shop.send(Body::Tick);
    assert_eq!(shop.engine.contracts().live(), 0);
    assert_eq!(shop.engine.audit(), Ok(()));
    let left = shop.engine.sales().offer(offer).map(|offer| offer.left);
    assert_eq!(left, Some(5_000), "all pieces are on offer again");
}

#[test]
fn what_is_held_says_for_which_offer_and_contract() {
    let mut shop = Shop::new(small(), 1);
    shop.send(terms(7));
    let offer = shop.offer(10, None);
    let report = shop.reserve(offer, 1);
    let held = |shop: &Shop, account| -> Vec<(HeldFor, i64)> {
        let list = shop.engine.holds_of(account, None, 10);
        let pair = |held: &sanjiang_engine::engine::Held| (held.by, held.amount.units());
        list.iter().map(pair).collect()
    };
    let contract = HeldFor::Contract(report.contract());
    assert_eq!(held(&shop, AccountId::new(1)), [(contract, 100)]);
    assert_eq!(
        held(&shop, SELLER),
        [(HeldFor::Offer(offer), 9), (contract, 1)]
    );
}

#[test]
fn a_snapshot_of_rules_3_has_no_shops_and_is_taken_over() {
    let mut shop = Shop::new(small(), 1);
    let mut sections = shop.engine.encode_sections();
    let full = Engine::decode_sections(small(), &sections).expect("its own");
    let new = [SectionId::Sales, SectionId::Contracts, SectionId::Annual];
    sections.retain(|(id, _)| !new.contains(id));
    let old = Engine::decode_sections(small(), &sections).expect("that of rules 3");
    assert_eq!(old.state_hash(), full.state_hash());
    shop.engine = old;
    shop.send(terms(7));
    let offer = shop.offer(1, None);
    shop.reserve(offer, 1);
    assert_eq!(shop.engine.audit(), Ok(()));
    let mut half = shop.engine.encode_sections();
    half.retain(|(id, _)| *id != SectionId::Contracts);
    assert!(
        Engine::decode_sections(small(), &half).is_err(),
        "no rules wrote that"
    );
}

#[test]
fn an_account_with_a_contract_or_an_offer_is_not_empty() {
    let mut shop = Shop::new(small(), 1);
    shop.send(terms(7));
    let offer = shop.offer(0, None);
    let close = |account| {
        let party = Party::Account(account);
        let standing = Standing::Closed;
        Body::Standing(StandingCommand::SetStanding(SetStanding {
            party,
            standing,
        }))
    };
    // Without the goods nothing but the empty offer is left of the seller.
    shop.send(Body::Instruct(Instruct {
        account: SELLER,
        asset: GOODS,
        custodian: WAREHOUSE,
        direction: Direction::Withdrawal,
        amount: Amount::new(1_000_000).expect("in bounds"),
    }));
    assert_eq!(shop.refusal(close(SELLER)), Some(RejectReason::NotEmpty));
    shop.send(sales(SalesCommand::WithdrawOffer(WithdrawOffer {
        offer,
        account: SELLER,
    })));
    assert_eq!(shop.refusal(close(SELLER)), None);
}

/// A retry of a reserve is answered from memory, whatever became of the contract.
#[test]
fn a_retried_reserve_forms_no_second_contract() {
    let mut shop = Shop::new(small(), 1);
    shop.send(terms(7));
    let offer = shop.offer(10, None);
    let command = |sequence, time| Sequenced {
        sequence,
        time,
        value: Command {
            envelope: Envelope {
                principal: PrincipalId::LOCAL,
                identity: Identity::Request(ClientId::new("once").expect("short")),
                valid_until: None,
                authority: None,
            },
            body: reserve(offer, 1, 1),
        },
    };
    let mut events = Events::default();
    for _ in 0..2 {
        let next = command(shop.engine.sequence().next(), shop.time);
        shop.engine.apply(&next, &mut events);
    }
    let duplicate = events.as_slice().last();
    assert!(matches!(duplicate, Some(Event::Duplicate(_))), "{events:?}");
    assert_eq!(shop.engine.contracts().live(), 1);
}

/// No row of the table is an operator's but the decision of a dispute: nothing else ends a contract
/// but its parties, its bank, and time.
#[test]
fn an_operator_only_decides_disputes() {
    for row in TABLE {
        let operator = row.by == By::Role(Role::Operator);
        assert_eq!(operator, row.step == ContractStep::Resolve, "{row:?}");
    }
}
