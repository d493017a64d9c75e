//! An engine that matches for its parties is seen to do so, by its events alone; ours is not one.
//!
//! Invariant: each deliberate match is what the honest run does, but as one command's own doing, so
//! only the matching can be what is seen. Not here: what counts as a match (`support/centralised`),
//! the honest engine in random worlds and scenarios, which are watched too (`model`, `market`).

#[path = "support/centralised.rs"]
mod watch;

use crate::shop;
use crate::shop::{GOODS, HOUR, SELLER, WAREHOUSE, founding, fund, offer, reserve, sales, terms};
use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{
    ContractEvent, ContractReport, Counters, Event, Events, Fill, OfferAct, Role, SaleEvent, State,
    Trade,
};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::Model;
use watch::{Matched, Watch};

/// The second seller.
const OTHER: AccountId = AccountId::new(3);

/// The log of an engine: the events of each command.
type Log = Vec<Vec<Event>>;

/// What an engine does beyond its orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Matching {
    /// Nothing.
    None,
    /// It fills the wishes it knows of when an offer comes.
    Offers,
    /// It fills what one offer has not from the next one.
    Sweeps,
    /// It gives what is left of a buyer's wish to somebody else, out of the next offer.
    Shares,
    /// It takes one offer again for what its buyer did not get at once.
    Repeats,
}

/// An engine with a broker in it.
struct Market {
    engine: Engine,
    matching: Matching,
    log: Log,
}

impl Market {
    fn open(matching: Matching) -> Self {
        let mut market = Self {
            engine: Engine::new(Limits::default()),
            matching,
            log: Log::new(),
        };
        let group = SaleTerms {
            model: Model::GroupBuy,
            plan: Plan::Group,
            ..shop::plain_terms(7)
        };
        let defined = [terms(7), sales(SalesCommand::DefineTerms(group))];
        let stock = fund(OTHER, GOODS, WAREHOUSE, 100);
        for body in founding(3).into_iter().chain([stock]).chain(defined) {
            market.send(0, body);
        }
        market
    }

    fn apply(&mut self, hour: i64, body: Body) -> Vec<Event> {
        let mut events = Events::default();
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: Time::new((9_600 + hour) * HOUR).expect("in bounds"),
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
        self.engine.apply(&command, &mut events);
        events.as_slice().to_vec()
    }

    fn send(&mut self, hour: i64, body: Body) {
        let events = self.apply(hour, body);
        self.log.push(events);
    }

    /// An offer; a broker gives it at once to buyer 1, who never named it.
    fn offer(&mut self, hour: i64, account: AccountId, pieces: u32) -> OfferId {
        let made = MakeOffer {
            account,
            stock: pieces,
            ..made()
        };
        let mut events = self.apply(hour, sales(SalesCommand::Offer(made)));
        let id = offered(&events);
        if self.matching == Matching::Offers {
            events.extend(self.apply(hour, reserve(id, 1, 1)));
        }
        self.log.push(events);
        id
    }

    /// A reserve; a broker takes the rest from the next offer.
    fn take(&mut self, hour: i64, (first, pieces): (OfferId, u32), next: OfferId, rest: u32) {
        let mut events = self.apply(hour, reserve(first, 1, pieces));
        let (more, buyer) = match self.matching {
            Matching::Repeats => (first, 1),
            Matching::Shares => (next, 2),
            Matching::None | Matching::Offers | Matching::Sweeps => (next, 1),
        };
        let more = self.apply(hour, reserve(more, buyer, rest));
        match self.matching {
            Matching::None | Matching::Offers => self.log.extend([events, more]),
            Matching::Sweeps | Matching::Shares | Matching::Repeats => {
                events.extend(more);
                self.log.push(events);
            }
        }
    }

    /// A basket of these offers, by buyer 1.
    fn basket(&mut self, hour: i64, offers: &[OfferId]) {
        let line = |offer: &OfferId| Line {
            offer: *offer,
            version: 1,
            pieces: 1,
            pickup: None,
            confirmed: Confirmed::No,
        };
        let basket = Basket {
            account: AccountId::new(1),
            lines: offers.iter().map(line).collect(),
            discount: None,
            code: None,
            delivery_reference: [1; 16],
        };
        let basket = ContractCommand::Basket(Box::new(basket));
        self.send(hour, Body::Contract(basket));
    }
}

fn offered(events: &[Event]) -> OfferId {
    let found = events.iter().find_map(|event| {
        let Event::Sale(SaleEvent::Offer(report)) = event else {
            return None;
        };
        Some(report.offer)
    });
    found.expect("it is offered")
}

/// A day of two offers of two sellers and a group that closes.
fn day(matching: Matching) -> Log {
    day_with(matching, OTHER)
}

/// The same, the second offer of this seller.
fn day_with(matching: Matching, second: AccountId) -> Log {
    let mut market = Market::open(matching);
    let first = market.offer(1, SELLER, 5);
    let next = market.offer(1, second, 5);
    market.take(2, (first, 3), next, 2);
    let entry = sales(SalesCommand::Offer(MakeOffer {
        terms: TermsId::new(1),
        course: Course::Group { quorum: 1 },
        prices: Prices {
            closes: Time::new((9_600 + 4) * HOUR),
            ..prices()
        },
        ..made()
    }));
    let events = market.apply(2, entry);
    let group = offered(&events);
    market.log.push(events);
    market.send(3, reserve(group, 2, 2));
    market.send(4, Body::Tick);
    market.log
}

fn made() -> MakeOffer {
    let Body::Sales(command) = offer(10, None) else {
        unreachable!("an offer is one of sales");
    };
    let SalesCommand::Offer(make) = *command else {
        unreachable!("it is an offer");
    };
    make
}

fn prices() -> Prices {
    made().prices
}

fn matches(log: &Log) -> Vec<Matched> {
    let mut watch = Watch::default();
    log.iter().flat_map(|events| watch.see(events)).collect()
}

fn formed(log: &Log) -> usize {
    let steps = log.iter().flatten().filter(|event| {
        let Event::Contract(ContractEvent::Step(report)) = event else {
            return false;
        };
        report.version == 1
    });
    steps.count()
}

fn why(found: &[Matched]) -> Vec<&'static str> {
    let why = |matched: &Matched| match matched {
        Matched::Trade(_) => "a trade",
        Matched::Taken(_, why) | Matched::Closed(_, why) => why,
    };
    found.iter().map(why).collect()
}

/// The log of an honest day with its steps changed.
fn altered(mut change: impl FnMut(&mut ContractReport)) -> Log {
    let mut log = day(Matching::None);
    for event in log.iter_mut().flatten() {
        if let Event::Contract(ContractEvent::Step(report)) = event {
            change(report);
        }
    }
    log
}

#[test]
fn offers_that_are_taken_by_name_and_a_group_that_closes_are_no_match() {
    let log = day(Matching::None);
    assert_eq!(formed(&log), 3);
    assert_eq!(matches(&log), []);
}

#[test]
fn an_engine_that_fills_waiting_wishes_is_seen() {
    let log = day(Matching::Offers);
    assert_eq!(formed(&log), 5, "two more than anybody asked for");
    let unnamed = "its offer was not announced before";
    assert_eq!(why(&matches(&log)), [unnamed, unnamed]);
}

#[test]
fn an_engine_that_sweeps_is_seen() {
    for (matching, swept) in [
        (
            Matching::Sweeps,
            "one command took offers of several parties",
        ),
        (
            Matching::Shares,
            "one command took offers of several parties",
        ),
        (Matching::Repeats, "one command took an offer twice"),
    ] {
        let log = day(matching);
        assert_eq!(formed(&log), 3);
        assert_eq!(why(&matches(&log)), [swept, swept], "{matching:?}");
    }
}

#[test]
fn an_engine_that_sweeps_the_offers_of_one_seller_is_seen() {
    let log = day_with(Matching::Sweeps, SELLER);
    assert_eq!(formed(&log), 3);
    let unnamed = "one command took an offer its buyer did not name";
    assert_eq!(why(&matches(&log)), [unnamed, unnamed]);
}

/// A day of one basket.
fn shopping(offers: usize) -> Log {
    let mut market = Market::open(Matching::None);
    let offers: Vec<_> = (0..offers).map(|_| market.offer(1, SELLER, 5)).collect();
    market.basket(2, &offers);
    market.log
}

#[test]
fn a_basket_of_one_seller_by_name_is_no_match() {
    for lines in [1, 2, 8] {
        let log = shopping(lines);
        assert_eq!(formed(&log), lines);
        assert_eq!(matches(&log), []);
    }
}

#[test]
fn a_basket_of_two_sellers_is_refused_and_would_be_seen() {
    let mut market = Market::open(Matching::None);
    let offers = [market.offer(1, SELLER, 5), market.offer(1, OTHER, 5)];
    market.basket(2, &offers);
    assert_eq!(formed(&market.log), 0);
    let mut log = shopping(2);
    let other = log.iter_mut().flatten().rev().find_map(|event| {
        let Event::Contract(ContractEvent::Step(report)) = event else {
            return None;
        };
        Some(report)
    });
    other.expect("two were formed").seller.account = OTHER;
    let found = matches(&log);
    let several = "one command took offers of several parties";
    let whose = "its seller is not who announced the offer";
    assert_eq!(why(&found), [several, whose]);
}

#[test]
fn a_basket_that_took_an_offer_nobody_named_is_seen() {
    let mut log = shopping(3);
    let basket = log.last_mut().expect("the basket came last");
    let last = basket
        .iter()
        .rposition(|event| matches!(event, Event::Contract(_)));
    basket.remove(last.expect("three were formed"));
    let found = matches(&log);
    let another = "the command did something to another offer";
    assert_eq!(why(&found), [another, another]);
}

#[test]
fn a_contract_that_is_not_of_who_took_and_who_offered_is_seen() {
    let by_seller = altered(|report| {
        if report.version == 1 {
            report.by = Some(Role::Seller);
        }
    });
    assert_eq!(why(&matches(&by_seller)), ["not its buyer took it"; 3]);
    let other = altered(|report| report.seller.account = AccountId::new(2));
    let whose = "its seller is not who announced the offer";
    assert_eq!(why(&matches(&other)), [whose; 3]);
    let picked = altered(|report| {
        if report.state == State::Paid && report.version > 1 {
            report.by = Some(Role::Operator);
        }
    });
    assert_eq!(why(&matches(&picked)), ["somebody picked it"]);
    let swapped = altered(|report| {
        if report.state == State::Paid && report.version > 1 {
            report.buyer.account = AccountId::new(1);
        }
    });
    let entry = "it is not between the parties of its entry";
    assert_eq!(why(&matches(&swapped)), [entry]);
}

#[test]
fn an_offer_that_changed_under_its_taker_is_seen() {
    let mut log = day(Matching::None);
    for event in log.iter_mut().flatten() {
        if let Event::Sale(SaleEvent::Offer(report)) = event {
            report.version += u32::from(report.act == OfferAct::Reserved);
        }
    }
    let other = "the offer is not as it was announced";
    assert_eq!(why(&matches(&log)).first(), Some(&other));
}

#[test]
fn a_trade_of_a_book_is_seen() {
    let none = Quantity::new(0).expect("in bounds");
    let fill = |account| Fill {
        order: OrderId {
            sequence: 1,
            slot: account,
        },
        account: AccountId::new(account),
        leaves: none,
        cumulative: none,
        fee: 0,
        held: 0,
        counters: Counters::NONE,
    };
    let trade = Trade {
        instrument: InstrumentId::new(3),
        price: Price::new(1).expect("in bounds"),
        quantity: Quantity::new(1).expect("in bounds"),
        value: 0,
        goods: 0,
        aggressor: None,
        buy: fill(1),
        sell: fill(0),
    };
    let log = vec![vec![Event::Trade(trade)]];
    assert_eq!(matches(&log), [Matched::Trade(InstrumentId::new(3))]);
}
