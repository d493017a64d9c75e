//! What traders do: new orders, cancels, replaces and mass cancels that collide.
//!
//! Invariant: a choice looks only at the random stream and at the reference, so a seed gives the
//! same script for ever. Not here: operators (`operate`), comparison (`drive`).

use sanjiang_engine::command::{Body, CancelOrder, Command, Identity, MassCancel, ReplaceOrder};
use sanjiang_engine::types::{
    AccountId, ClientId, InstrumentId, LimitTerms, Nanoseconds, NewOrder, OrderId, OrderType,
    Posting, Price, PrincipalId, Quantity, SelfTradePrevention, SessionId, Side, Time, TimeInForce,
};
use sanjiang_engine::venue::Phase;

use super::cash;
use super::duties;
use super::operate;
use super::papers;
use super::rng::Rng;
use super::script::{Step, internal};
use super::switch;
use super::world::{HOUR, SECOND, deep, lots, lots_of, price_at, ticks};
use crate::reference::{Kind, Order, Reference};

/// Makes the steps of one world, one at a time.
pub struct Generator {
    pub rng: Rng,
    /// Steps that may be sent again, to be recognised as retries.
    retries: Vec<Command>,
    requests: u32,
    /// Where the prices of a deep world have wandered.
    drift: i64,
}

impl Generator {
    pub fn new(rng: Rng) -> Self {
        Self {
            rng,
            retries: Vec::new(),
            requests: 0,
            drift: 0,
        }
    }

    /// The next step. `places` gives the step that made a live order.
    pub fn step(&mut self, world: &Reference, places: &dyn Fn(u64) -> usize, place: usize) -> Step {
        let time = self.time(world);
        let deep = deep(&world.limits);
        let orders = (world.orders.len() as u32).min(if deep { 20 } else { 64 });
        let shut = operate::shut(world);
        let rng = &mut self.rng;
        let action = rng.weighted(&[
            (if shut { 150 } else { 480 }, 0),
            (if deep && !shut { 900 } else { 0 }, 0),
            (60 + orders, 1),
            (120 + 2 * orders, 2),
            (if deep { 1 } else { 8 }, 3),
            (if shut { 150 } else { 40 }, 4),
            (30, 5),
            (if deep { 20 } else { 70 }, 6),
            (duties::weight(&world.limits), 7),
            (if deep { 10 } else { 50 }, 8),
            (if switch::engaged(world) { 120 } else { 25 }, 9),
        ]);
        let body = match action {
            0 => Some(Body::NewOrder(self.new_order(world, time))),
            1 => self.cancel(world, places),
            2 => self.replace(world, places),
            3 => Some(self.mass_cancel(world)),
            4 => Some(operate::turn(rng, world)),
            5 => Some(operate::administer(rng, world, time)),
            7 => Some(duties::turn(rng, world)),
            8 => Some(papers::turn(rng, world)),
            9 => Some(switch::turn(rng, world)),
            _ => cash::turn(rng, world, places, time),
        };
        let body = body.unwrap_or_else(|| Body::NewOrder(self.new_order(world, time)));
        let command = self.envelope(world, body, time);
        Step {
            place,
            time,
            command,
        }
    }

    fn time(&mut self, world: &Reference) -> Time {
        let rng = &mut self.rng;
        let known = self
            .retries
            .get(rng.below(8))
            .and_then(|known| known.envelope.valid_until);
        let next = if rng.permille(300) {
            known
        } else {
            world.next_deadline()
        };
        let span = rng.weighted(&[(600, 0), (250, 1), (50, 2), (5, 3), (30, 4), (60, 5)]);
        let span = match (span, next) {
            (0, _) => rng.range(0, 1_000),
            (1, _) => rng.range(0, 2 * SECOND),
            (2, _) => rng.range(0, 600 * SECOND),
            (3, _) => rng.range(0, 14 * HOUR),
            (4, Some(next)) => {
                let there = next.nanoseconds() - world.time.nanoseconds();
                (there + rng.range(-1, 1)).clamp(0, 30 * HOUR)
            }
            _ => 0,
        };
        world.time.after(Nanoseconds(span))
    }

    /// Who sends it, and how a retry is recognised; sometimes a retry instead.
    pub fn envelope(&mut self, world: &Reference, body: Body, time: Time) -> Command {
        let mut command = internal(body);
        cash::approve(&mut self.rng, &mut command);
        if matches!(command.body, Body::OpenSession(_)) {
            command.envelope.principal = PrincipalId::new(self.rng.pick(&[0, 0, 0, 1]));
            return command;
        }
        switch::send(&mut self.rng, world, &mut command);
        let ends = |known: &Command| known.envelope.valid_until == Some(time);
        let ending = self
            .retries
            .iter()
            .position(ends)
            .filter(|_| self.rng.permille(500));
        if ending.is_some() || (!self.retries.is_empty() && self.rng.permille(15)) {
            let at = ending.unwrap_or_else(|| self.rng.below(self.retries.len()));
            let mut again = self.retries[at].clone();
            if self.rng.permille(200) {
                again.body = command.body;
            }
            return again;
        }
        let rng = &mut self.rng;
        if rng.permille(150) {
            let span = rng.weighted(&[
                (5, -1),
                (20, 0),
                (20, 1),
                (20, SECOND),
                (20, 60 * SECOND),
                (20, 60 * SECOND + 1),
                (10, 50 * HOUR),
            ]);
            command.envelope.valid_until = Some(time.after(Nanoseconds(span)));
        }
        match rng.weighted(&[(600, 0), (250, 1), (150, 2)]) {
            0 => {}
            1 if !world.sessions.is_empty() => {
                let at = rng.below(world.sessions.len());
                let ahead = rng.weighted(&[(960, 1), (15, 2), (10, 0), (10, -1)]);
                let next = world.sessions[at].watermark as i64 + ahead;
                command.envelope.principal = world.sessions[at].principal;
                if rng.permille(5) {
                    command.envelope.principal = PrincipalId::new(7);
                }
                let unknown = if rng.permille(5) { 9 } else { 0 };
                command.envelope.identity = Identity::Session {
                    session: SessionId::new(at as u32 + unknown),
                    client_sequence: next.max(0) as u64,
                };
            }
            _ => {
                self.requests += 1;
                let number = if rng.permille(50) {
                    self.requests / 2
                } else {
                    self.requests
                };
                let id = ClientId::new(&format!("request-{number}")).expect("short");
                command.envelope.identity = Identity::Request(id);
                if command.envelope.valid_until.is_none() && rng.permille(850) {
                    let until = time.after(Nanoseconds(rng.range(0, 60 * SECOND)));
                    command.envelope.valid_until = Some(until);
                }
                if self.retries.len() == 8 {
                    self.retries.remove(0);
                }
                self.retries.push(command.clone());
            }
        }
        command
    }

    fn account(&mut self) -> AccountId {
        let unknown = if self.rng.permille(5) { 50 } else { 0 };
        AccountId::new(self.rng.below(8) as u32 + unknown)
    }

    /// A price near the others of its instrument; a few far away or of the wrong sign.
    fn price(&mut self, world: &Reference, instrument: InstrumentId, side: Side) -> Price {
        if deep(&world.limits) {
            return self.wandering_price(side);
        }
        let away = self.rng.weighted(&[(700, 2), (200, 4), (80, 7), (20, 130)]);
        let away = self.rng.range(-away, away);
        let known = world.instruments.get(instrument.place());
        known.map_or(ticks(100), |known| price_at(&known.terms, away))
    }

    /// A price of a deep world: mostly on its own side of a middle that creeps, and at times leaps.
    fn wandering_price(&mut self, side: Side) -> Price {
        let rng = &mut self.rng;
        let leap = rng.weighted(&[(2_000, 0), (200, 2), (20, 100), (2, 6_000), (1, 300_000)]);
        self.drift = (self.drift + rng.range(-leap, leap)).clamp(-900_000, 900_000);
        let away = rng.weighted(&[(500, 60), (300, 400), (30, 9_000), (2, 1_000_000)]);
        let nearest = if rng.permille(900) { 0 } else { -away / 2 };
        let away = rng.range(nearest, away);
        ticks(self.drift + if side == Side::Buy { -away } else { away })
    }

    fn new_order(&mut self, world: &Reference, time: Time) -> NewOrder {
        let account = self.account();
        let unknown = if self.rng.permille(5) { 50 } else { 0 };
        let instrument =
            InstrumentId::new(self.rng.weighted(&[(45, 0), (25, 1), (18, 2), (12, 3)]) + unknown);
        let quantity = self.rng.weighted(&[(700, 4), (250, 9), (50, 20)]);
        let least = i64::from(!self.rng.permille(10));
        let quantity = self.rng.range(least, quantity);
        let known = world.instruments.get(instrument.place());
        let sized = |parts| known.map_or(lots(parts), |known| lots_of(&known.terms, parts));
        let side = self.rng.pick(&[Side::Buy, Side::Sell]);
        let order_type = self.order_type(world, instrument, side, quantity);
        let phase = known.map_or(Phase::Closed, |known| world.venues[known.venue].phase);
        let rng = &mut self.rng;
        let part = rng.range(-1, quantity + 1).max(0);
        let least = if phase == Phase::Continuous { 70 } else { 10 };
        let min_quantity = if rng.permille(least) {
            Some(sized(part))
        } else {
            None
        };
        let mut time_in_force = time_in_force(rng, &order_type, phase, time);
        if deep(&world.limits) && time_in_force == TimeInForce::Day {
            time_in_force = TimeInForce::GoodTillCancel;
        }
        let mut new = NewOrder {
            account,
            instrument,
            side,
            quantity: sized(quantity),
            order_type,
            time_in_force,
            min_quantity,
            self_trade_prevention: rng.weighted(&[
                (400, SelfTradePrevention::None),
                (150, SelfTradePrevention::CancelTaker),
                (150, SelfTradePrevention::CancelMaker),
                (150, SelfTradePrevention::CancelBoth),
                (150, SelfTradePrevention::Decrement),
            ]),
        };
        if rng.permille(800) && account.place() < 8 {
            new.account = cash::payer(rng, world, &new);
        }
        new
    }

    fn order_type(
        &mut self,
        world: &Reference,
        instrument: InstrumentId,
        side: Side,
        quantity: i64,
    ) -> OrderType {
        let price = self.price(world, instrument, side);
        let stop_price = self.price(world, instrument, side.opposite());
        let known = world.instruments.get(instrument.place());
        let sized = |parts| known.map_or(lots(parts), |known| lots_of(&known.terms, parts));
        let rng = &mut self.rng;
        let protection = if rng.permille(400) { Some(price) } else { None };
        let (few, display) = (rng.permille(250), rng.range(1, quantity.max(1)));
        let display = if rng.permille(30) {
            rng.pick(&[0, quantity + 1])
        } else {
            display
        };
        match rng.weighted(&[(600, 0), (120, 1), (80, 2), (100, 3), (100, 4)]) {
            0 => OrderType::Limit(LimitTerms {
                price,
                display_quantity: if few { Some(sized(display)) } else { None },
                posting: if rng.permille(90) {
                    Posting::PostOnly
                } else {
                    Posting::MayTake
                },
            }),
            1 => OrderType::Market { protection },
            2 => OrderType::MarketToLimit { protection },
            3 => OrderType::Stop {
                stop_price,
                protection,
            },
            _ => OrderType::StopLimit { stop_price, price },
        }
    }

    /// A live order under the name a script gives it, and its account; now and then a wrong one.
    fn live<'a>(
        &mut self,
        world: &'a Reference,
        places: &dyn Fn(u64) -> usize,
    ) -> Option<(&'a Order, OrderId, AccountId)> {
        if world.orders.is_empty() {
            return None;
        }
        let order = &world.orders[self.rng.below(world.orders.len())];
        let mut sequence = places(order.id) as u64;
        if self.rng.permille(30) {
            sequence = self.rng.below(sequence as usize + 5) as u64;
        }
        let slot = u32::from(self.rng.permille(10));
        let account = if self.rng.permille(20) {
            self.account()
        } else {
            order.account
        };
        Some((order, OrderId { sequence, slot }, account))
    }

    fn cancel(&mut self, world: &Reference, places: &dyn Fn(u64) -> usize) -> Option<Body> {
        let (_, order, account) = self.live(world, places)?;
        Some(Body::CancelOrder(CancelOrder { account, order }))
    }

    fn replace(&mut self, world: &Reference, places: &dyn Fn(u64) -> usize) -> Option<Body> {
        let (order, id, account) = self.live(world, places)?;
        let price = self.price(
            world,
            InstrumentId::new(order.instrument as u32),
            order.side,
        );
        let stop = self.price(
            world,
            InstrumentId::new(order.instrument as u32),
            order.side,
        );
        let rng = &mut self.rng;
        let limited = matches!(order.kind, Kind::Limit | Kind::StopLimit);
        let terms = &world.instruments[order.instrument].terms;
        let part = lots_of(terms, 1).lots();
        let quantity = match rng.weighted(&[(500, 0), (300, 1), (100, 2), (15, 3), (10, 4)]) {
            0 => rng.range(1, order.quantity),
            1 => order.quantity + part * rng.range(1, 5),
            2 => order.quantity,
            3 => 0,
            _ => part * 2_000,
        };
        let quantity = quantity.min(Quantity::MAX_LOTS);
        let old = order.price.map_or(price, ticks);
        let price = if rng.permille(150) { old } else { price };
        let priced = rng.permille(if limited { 550 } else { 40 });
        let stopped = rng.permille(if order.stop.is_some() { 500 } else { 15 });
        let counted = rng.permille(if priced || stopped { 350 } else { 980 });
        Some(Body::ReplaceOrder(ReplaceOrder {
            account,
            order: id,
            price: priced.then_some(price),
            stop_price: stopped.then_some(stop),
            quantity: counted.then(|| lots(quantity)),
        }))
    }

    fn mass_cancel(&mut self, world: &Reference) -> Body {
        let account = self.account();
        let rng = &mut self.rng;
        let instrument = rng.below(world.instruments.len() + 1) as u32;
        let unknown = if rng.permille(30) { 9 } else { 0 };
        let side = rng.pick(&[None, Some(Side::Buy), Some(Side::Sell)]);
        Body::MassCancel(MassCancel {
            account,
            instrument: rng
                .permille(700)
                .then(|| InstrumentId::new(instrument + unknown)),
            side,
        })
    }
}

/// A time in force, mostly one that this type takes in this phase.
fn time_in_force(rng: &mut Rng, order_type: &OrderType, phase: Phase, time: Time) -> TimeInForce {
    let spans = [1, SECOND, 60 * SECOND, HOUR, 30 * HOUR];
    let span = if rng.permille(50) {
        rng.pick(&[0, -1])
    } else {
        rng.pick(&spans)
    };
    let date = TimeInForce::GoodTillDate(time.after(Nanoseconds(span)));
    let (day, ever) = (TimeInForce::Day, TimeInForce::GoodTillCancel);
    let (now, all) = (TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill);
    let (opening, closing) = (TimeInForce::Opening, TimeInForce::Closing);
    let entry = !matches!(
        phase,
        Phase::Closed | Phase::Freeze | Phase::Uncross | Phase::PostClose
    );
    if rng.permille(if entry { 60 } else { 700 }) {
        return rng.pick(&[day, ever, date, now, all, opening, closing]);
    }
    let resting = [day, day, ever, ever, date, closing];
    match (order_type, phase) {
        (OrderType::Stop { .. } | OrderType::StopLimit { .. }, _) => rng.pick(&[day, ever, date]),
        (OrderType::Market { .. }, Phase::Continuous) => rng.pick(&[day, now, all, closing]),
        (OrderType::Market { .. }, _) => rng.pick(&[day, closing]),
        (OrderType::Limit(_), Phase::Continuous) => {
            rng.pick(&[day, day, ever, ever, ever, date, now, all, closing])
        }
        (_, Phase::PreOpen | Phase::PreOpenNoCancel) => rng.pick(&[day, ever, date, opening]),
        _ => rng.pick(&resting),
    }
}
