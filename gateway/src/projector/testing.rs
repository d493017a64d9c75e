//! For tests: a made-up exchange that releases consistent commands and events.
//!
//! Invariant: what it releases keeps the contract of events (counters without gaps, quantities
//! that add up, rows freed last given first), so that whoever reads it may rely on that. It matches
//! nothing: a seed decides what happens. Not here: expectations.

use std::collections::BTreeMap;

use engine::command::{
    Body, CancelOrder, Command, CreateAccount, Envelope, Identity, MassCancel, ReplaceOrder,
    Sequenced,
};
use engine::event::{
    BookAction, BookChange, Cause, Counters, Event, ExecType, Fill, MassCancelReport,
    OperationReport, OrderReport, Trade,
};
use engine::reject::{Reject, RejectReason};
use engine::runtime::Ticket;
use engine::types::{
    AccountId, ClientId, InstrumentId, LimitTerms, Name, NewOrder, OrderId, OrderStatus, OrderType,
    OwnerId, ParticipantId, Posting, Price, PrincipalId, Quantity, SelfTradePrevention, Sequence,
    SessionId, Side, Time, TimeInForce,
};

use super::released::Owned;
use super::testing_money::worth;

/// How many accounts there are; two participants share them.
pub(crate) const ACCOUNTS: u32 = 4;
/// How many instruments orders name.
pub(crate) const INSTRUMENTS: u32 = 3;

/// An order as the made-up exchange knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) id: OrderId,
    pub(crate) account: AccountId,
    pub(crate) instrument: InstrumentId,
    pub(crate) side: Side,
    pub(crate) price: Price,
    pub(crate) quantity: Quantity,
    pub(crate) cumulative: Quantity,
    pub(crate) notional: i128,
    pub(crate) status: OrderStatus,
    pub(crate) identity: Identity,
}

impl Made {
    pub(crate) fn leaves(&self) -> Quantity {
        if self.status.is_terminal() {
            Quantity::ZERO
        } else {
            self.quantity.minus(self.cumulative)
        }
    }

    /// Buyers hold what they may have to pay.
    pub(crate) fn held(&self) -> i64 {
        match self.side {
            Side::Buy => worth(self.instrument, self.price, self.leaves()),
            Side::Sell => 0,
        }
    }
}

/// The made-up exchange, with all it ever released.
#[derive(Default)]
pub(crate) struct Exchange {
    seed: u64,
    pub(crate) commands: Vec<Sequenced<Command>>,
    pub(crate) tickets: Vec<Option<Ticket>>,
    pub(crate) ends: Vec<u32>,
    pub(crate) events: Vec<Event>,
    pub(crate) orders: BTreeMap<u64, Made>,
    live: Vec<u64>,
    free: Vec<u32>,
    slots: u32,
    accounts: BTreeMap<u32, u64>,
    participants: BTreeMap<u32, u64>,
}

pub(crate) fn lots(lots: i64) -> Quantity {
    Quantity::new(lots).expect("a test's quantity is small")
}

pub(crate) fn ticks(ticks: i64) -> Price {
    Price::new(ticks).expect("a test's price is small")
}

pub(crate) fn participant_of(account: u32) -> u32 {
    account / 2
}

impl Exchange {
    /// An exchange that has made its accounts and then `commands` commands.
    pub(crate) fn run(seed: u64, commands: usize) -> Self {
        let mut exchange = Self {
            seed: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            ..Self::default()
        };
        for account in 0..ACCOUNTS {
            exchange.account(account);
        }
        for instrument in 0..INSTRUMENTS {
            exchange.clearing(InstrumentId::new(instrument));
        }
        for _ in 0..commands {
            exchange.step();
        }
        exchange
    }

    /// Everything released, from the command at index `from` up to that at `to`.
    pub(crate) fn released(&self, from: usize, to: usize) -> Owned {
        let begin = from.checked_sub(1).map_or(0, |place| self.ends[place]);
        let end = to.checked_sub(1).map_or(0, |place| self.ends[place]);
        Owned {
            commands: self.commands[from..to].to_vec(),
            tickets: self.tickets[from..to].to_vec(),
            ends: self.ends[from..to].iter().map(|end| end - begin).collect(),
            events: self.events[begin as usize..end as usize].to_vec(),
        }
    }

    /// The highest counter of an account.
    pub(crate) fn counter(&self, account: u32) -> u64 {
        self.accounts.get(&account).copied().unwrap_or(0)
    }

    /// The highest counter of a participant.
    pub(crate) fn participant_counter(&self, participant: u32) -> u64 {
        self.participants.get(&participant).copied().unwrap_or(0)
    }

    pub(crate) fn random(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    pub(crate) fn next_sequence(&self) -> Sequence {
        Sequence::new(self.commands.len() as u64 + 1)
    }

    /// Releases one command with its events.
    pub(crate) fn release(&mut self, identity: Identity, body: Body, events: Vec<Event>) {
        let sequence = self.next_sequence();
        let time = Time::new(1_000_000 + sequence.value() as i64).expect("a test's time is small");
        self.commands.push(Sequenced {
            sequence,
            time,
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity,
                    valid_until: None,
                    authority: None,
                },
                body,
            },
        });
        self.tickets.push(None);
        self.events.extend(events);
        self.ends.push(self.events.len() as u32);
    }

    fn account(&mut self, handle: u32) {
        let body = Body::CreateAccount(CreateAccount {
            name: Name::new(&format!("account-{handle}")).expect("short"),
            participant: ParticipantId::new(participant_of(handle)),
            owner: OwnerId::new(handle),
        });
        let report = Event::Operation(OperationReport {
            reject: None,
            handle: Some(handle),
        });
        let identity = self.identity();
        self.release(identity, body, vec![report]);
    }

    /// Half of the commands come by a session, half with an id of their own.
    pub(super) fn identity(&mut self) -> Identity {
        let number = self.next_sequence().value();
        if self.random(2) == 0 {
            Identity::Request(ClientId::new(&format!("id-{number}")).expect("short"))
        } else {
            Identity::Session {
                session: SessionId::new(3),
                client_sequence: number,
            }
        }
    }

    pub(crate) fn count(&mut self, account: AccountId) -> Counters {
        let participant = participant_of(account.index());
        let of_account = self.accounts.entry(account.index()).or_default();
        *of_account += 1;
        let of_participant = self.participants.entry(participant).or_default();
        *of_participant += 1;
        Counters {
            account: *of_account,
            participant: *of_participant,
        }
    }

    fn step(&mut self) {
        let crossing = self.crossing();
        match self.random(13) {
            0..=4 => self.submit(),
            5..=6 if crossing.is_some() => self.trade(crossing),
            7 => self.cancel(),
            8 => self.replace(),
            9 => self.mass_cancel(),
            10 => self.reject(),
            11 => self.custody(),
            _ => self.tick(),
        }
    }

    fn submit(&mut self) {
        let identity = self.identity();
        let order = self.new_order();
        let made = self.make(order, identity);
        let mut events = vec![self.report(&made, ExecType::New, Cause::Request)];
        events.push(book(&made, BookAction::Add));
        self.release(identity, Body::NewOrder(order), events);
    }

    pub(crate) fn new_order(&mut self) -> NewOrder {
        NewOrder {
            account: AccountId::new(self.random(ACCOUNTS.into()) as u32),
            instrument: InstrumentId::new(self.random(INSTRUMENTS.into()) as u32),
            side: if self.random(2) == 0 {
                Side::Buy
            } else {
                Side::Sell
            },
            quantity: lots(1 + self.random(20) as i64),
            order_type: OrderType::Limit(LimitTerms {
                price: ticks(95 + self.random(10) as i64),
                display_quantity: None,
                posting: Posting::MayTake,
            }),
            time_in_force: TimeInForce::Day,
            min_quantity: None,
            self_trade_prevention: SelfTradePrevention::None,
        }
    }

    pub(crate) fn make(&mut self, order: NewOrder, identity: Identity) -> Made {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        });
        let OrderType::Limit(terms) = order.order_type else {
            panic!("the made-up exchange makes limit orders only");
        };
        let made = Made {
            id: OrderId {
                sequence: self.next_sequence().value(),
                slot,
            },
            account: order.account,
            instrument: order.instrument,
            side: order.side,
            price: terms.price,
            quantity: order.quantity,
            cumulative: Quantity::ZERO,
            notional: 0,
            status: OrderStatus::New,
            identity,
        };
        self.orders.insert(made.id.sequence, made);
        self.live.push(made.id.sequence);
        made
    }

    pub(crate) fn report(&mut self, made: &Made, exec_type: ExecType, cause: Cause) -> Event {
        Event::Report(OrderReport {
            exec_type,
            status: made.status,
            cause,
            reject: None,
            order: made.id,
            account: made.account,
            instrument: Some(made.instrument),
            side: Some(made.side),
            price: Some(made.price),
            stop_price: None,
            order_quantity: made.quantity,
            leaves: made.leaves(),
            cumulative: made.cumulative,
            held: made.held(),
            counters: self.count(made.account),
        })
    }

    /// Two live orders of one instrument and different sides.
    fn crossing(&self) -> Option<(u64, u64)> {
        let live = || self.live.iter().filter_map(|key| self.orders.get(key));
        live().find_map(|one| {
            let fits = |two: &&Made| two.instrument == one.instrument && two.side != one.side;
            let two = live().find(fits)?;
            let (buy, sell) = match one.side {
                Side::Buy => (one, two),
                Side::Sell => (two, one),
            };
            Some((buy.id.sequence, sell.id.sequence))
        })
    }

    fn pick(&mut self) -> Option<u64> {
        let place = self.random(self.live.len().max(1) as u64) as usize;
        self.live.get(place).copied()
    }

    /// A tick at which two resting orders trade: an uncross, as far as history can tell.
    fn trade(&mut self, crossing: Option<(u64, u64)>) {
        let Some((buy, sell)) = crossing else { return };
        let (a, b) = (self.orders[&buy], self.orders[&sell]);
        let most = a.leaves().min(b.leaves()).lots();
        let quantity = lots(1 + self.random(most as u64) as i64);
        let price = a.price;
        let fills = [a, b].map(|made| {
            let made = self.fill(made, price, quantity);
            Fill {
                order: made.id,
                account: made.account,
                leaves: made.leaves(),
                cumulative: made.cumulative,
                fee: match made.side {
                    Side::Buy => worth(made.instrument, price, quantity) / 100,
                    Side::Sell => -worth(made.instrument, price, quantity) / 1_000,
                },
                held: made.held(),
                counters: self.count(made.account),
            }
        });
        let trade = Event::Trade(Trade {
            instrument: a.instrument,
            price,
            quantity,
            value: worth(a.instrument, price, quantity),
            goods: quantity.lots(),
            aggressor: [None, Some(Side::Buy), Some(Side::Sell)][self.random(3) as usize],
            buy: fills[0],
            sell: fills[1],
        });
        let changes = [a, b].map(|made| {
            let made = self.orders[&made.id.sequence];
            let left = made.leaves().is_zero();
            book(
                &made,
                if left {
                    BookAction::Delete
                } else {
                    BookAction::Change
                },
            )
        });
        let events = [[trade].as_slice(), &changes].concat();
        self.release(Identity::Internal, Body::Tick, events);
    }

    fn fill(&mut self, mut made: Made, price: Price, quantity: Quantity) -> Made {
        made.cumulative = made.cumulative.plus(quantity);
        made.notional += i128::from(price.ticks() * quantity.lots());
        made.status = if made.cumulative == made.quantity {
            OrderStatus::Filled
        } else {
            OrderStatus::PartiallyFilled
        };
        self.keep(made);
        made
    }

    /// Keeps the order; an ended one frees its row.
    pub(crate) fn keep(&mut self, made: Made) {
        self.orders.insert(made.id.sequence, made);
        if made.status.is_terminal() {
            self.live.retain(|key| *key != made.id.sequence);
            self.free.push(made.id.slot);
        }
    }

    fn cancel(&mut self) {
        let identity = self.identity();
        let Some(key) = self.pick() else { return };
        let mut made = self.orders[&key];
        made.status = OrderStatus::Canceled;
        self.keep(made);
        let report = self.report(&made, ExecType::Canceled, Cause::Request);
        let body = Body::CancelOrder(CancelOrder {
            account: made.account,
            order: made.id,
        });
        self.release(
            identity,
            body,
            vec![report, book(&made, BookAction::Delete)],
        );
    }

    fn replace(&mut self) {
        let identity = self.identity();
        let Some(key) = self.pick() else { return };
        let mut made = self.orders[&key];
        made.quantity = made.quantity.plus(lots(1));
        made.price = ticks(95 + self.random(10) as i64);
        self.keep(made);
        let report = self.report(&made, ExecType::Replaced, Cause::Request);
        let body = Body::ReplaceOrder(ReplaceOrder {
            account: made.account,
            order: made.id,
            price: Some(made.price),
            stop_price: None,
            quantity: Some(made.quantity),
        });
        self.release(identity, body, vec![report]);
    }

    fn mass_cancel(&mut self) {
        let identity = self.identity();
        let account = AccountId::new(self.random(ACCOUNTS.into()) as u32);
        let orders: Vec<Made> = self.orders.values().copied().collect();
        let mut events = Vec::new();
        for mut made in orders {
            if made.account == account && !made.status.is_terminal() {
                made.status = OrderStatus::Canceled;
                self.keep(made);
                events.push(self.report(&made, ExecType::Canceled, Cause::MassCancel));
                events.push(book(&made, BookAction::Delete));
            }
        }
        events.push(Event::MassCancel(MassCancelReport {
            account,
            reject: None,
            canceled: events.len() as u32 / 2,
            kept: 0,
        }));
        let body = Body::MassCancel(MassCancel {
            account,
            instrument: None,
            side: None,
        });
        self.release(identity, body, events);
    }

    fn reject(&mut self) {
        let identity = self.identity();
        let order = self.new_order();
        let id = OrderId::rejected(self.next_sequence());
        let counters = self.count(order.account);
        let report = rejected(&order, id, RejectReason::StaticBand, counters);
        self.release(identity, Body::NewOrder(order), vec![report]);
    }

    /// Time passes; sometimes an order ends with it.
    fn tick(&mut self) {
        let mut events = Vec::new();
        if self.random(3) == 0
            && let Some(key) = self.pick()
        {
            let mut made = self.orders[&key];
            made.status = OrderStatus::Expired;
            self.keep(made);
            events.push(self.report(&made, ExecType::Expired, Cause::TimeOver));
            events.push(book(&made, BookAction::Delete));
        }
        self.release(Identity::Internal, Body::Tick, events);
    }
}

pub(crate) fn rejected(
    order: &NewOrder,
    id: OrderId,
    reason: RejectReason,
    counters: Counters,
) -> Event {
    Event::Report(OrderReport {
        exec_type: ExecType::Rejected,
        status: OrderStatus::Rejected,
        cause: Cause::Request,
        reject: Some(Reject::from(reason)),
        order: id,
        account: order.account,
        instrument: Some(order.instrument),
        side: Some(order.side),
        price: None,
        stop_price: None,
        order_quantity: order.quantity,
        leaves: Quantity::ZERO,
        cumulative: Quantity::ZERO,
        held: 0,
        counters,
    })
}

fn book(made: &Made, action: BookAction) -> Event {
    Event::Book(BookChange {
        instrument: made.instrument,
        order: made.id,
        side: made.side,
        action,
        price: made.price,
        displayed: match action {
            BookAction::Delete => Quantity::ZERO,
            BookAction::Add | BookAction::Change => made.leaves(),
        },
    })
}
