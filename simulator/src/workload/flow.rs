//! The flow of one connection: what it does next, given which of its orders are live.
//!
//! Invariant: at most [`LIVE_MAX`] orders are kept, so a flow never fills a gateway; an order is
//! cancelled at most once. Not here: ids and messages of the wire.

use std::{collections::HashMap, sync::Arc};

use super::{STEP_MS, middle, rng::Rng};

/// Live orders of one connection, at most.
pub const LIVE_MAX: usize = 2_000;
/// Below this many live orders a flow only adds.
const LIVE_MIN: usize = 20;
/// Of a hundred commands, so many cancel.
const CANCELS: u64 = 38;
/// Of a hundred commands, so many replace.
const REPLACES: u64 = 6;
/// Of a hundred new orders, so many cross to the other side.
const CROSSINGS: u64 = 17;
/// How deep the book reaches, in ticks from the middle.
const DEPTH_TICKS: u64 = 200;
/// How far a crossing order reaches beyond the middle, in ticks.
const REACH_TICKS: u64 = 6;
/// The largest made order, in lots.
pub const LOTS_MAX: u64 = 500;

/// Buy or sell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Buy.
    Buy,
    /// Sell.
    Sell,
}

/// An instrument that a flow trades.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traded {
    /// The price around which it trades, in ticks.
    pub base_ticks: i64,
    /// The lowest price an order may have, in ticks.
    pub low_ticks: i64,
    /// The highest price an order may have, in ticks.
    pub high_ticks: i64,
    /// The largest order, in lots.
    pub max_lots: i64,
    /// It is in continuous trading, so that orders may ask to trade at once or go.
    pub continuous: bool,
}

/// What a flow does next. Instruments and accounts are indexes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A new limit order.
    New {
        /// Its token.
        token: u64,
        /// Its instrument.
        instrument: usize,
        /// Its account.
        account: usize,
        /// Its side.
        way: Way,
        /// Its limit.
        price_ticks: i64,
        /// Its quantity.
        lots: i64,
        /// What does not trade at once is cancelled.
        immediate: bool,
    },
    /// Cancels a live order.
    Cancel {
        /// The token of the order.
        order: u64,
    },
    /// Changes a live order.
    Replace {
        /// The token of the order.
        order: u64,
        /// Its new limit.
        price_ticks: i64,
        /// Its new quantity.
        lots: i64,
    },
}

#[derive(Clone, Copy, Debug)]
struct Order {
    token: u64,
    instrument: usize,
    way: Way,
    asked: (i64, i64),
}

/// See the file's head.
#[derive(Debug)]
pub struct Flow {
    seed: u64,
    rng: Rng,
    instruments: Arc<Vec<Traded>>,
    accounts: usize,
    next_token: u64,
    live: Vec<Order>,
    places: HashMap<u64, usize>,
    asked: HashMap<u64, Order>,
}

impl Flow {
    /// The flow of connection number `stream` of a seed.
    pub fn new(seed: u64, stream: u64, instruments: Arc<Vec<Traded>>, accounts: usize) -> Self {
        Self {
            seed,
            rng: Rng::new(super::rng::hash(seed ^ super::rng::hash(stream))),
            instruments,
            accounts,
            next_token: 1,
            live: Vec::new(),
            places: HashMap::new(),
            asked: HashMap::new(),
        }
    }

    /// Orders that are known to be live.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// What to do next, so long after the start of the run.
    pub fn next(&mut self, elapsed_ms: u64) -> Option<Action> {
        let step = elapsed_ms / STEP_MS;
        let drawn = self.rng.below(100);
        if self.live.len() >= LIVE_MAX || (self.live.len() > LIVE_MIN && drawn < CANCELS) {
            return self.cancel();
        }
        if self.live.len() > LIVE_MIN && drawn < CANCELS + REPLACES {
            return self.replace(step);
        }
        self.add(step)
    }

    /// The exchange accepted the new order with this token and it may rest.
    pub fn accepted(&mut self, token: u64) {
        if let Some(order) = self.asked.remove(&token) {
            self.places.insert(token, self.live.len());
            self.live.push(order);
        }
    }

    /// The order with this token is not live, whatever it was before.
    pub fn ended(&mut self, token: u64) {
        self.asked.remove(&token);
        let Some(place) = self.places.remove(&token) else {
            return;
        };
        if place < self.live.len() {
            self.live.swap_remove(place);
        }
        if let Some(moved) = self.live.get(place) {
            self.places.insert(moved.token, place);
        }
    }

    fn pick(&mut self) -> Option<Order> {
        let place = self.rng.below(self.live.len() as u64) as usize;
        self.live.get(place).copied()
    }

    fn cancel(&mut self) -> Option<Action> {
        let order = self.pick()?.token;
        self.ended(order);
        Some(Action::Cancel { order })
    }

    fn replace(&mut self, step: u64) -> Option<Action> {
        let order = self.pick()?;
        let (price_ticks, mut lots) = self.quote(order.instrument, order.way, step)?;
        if (price_ticks, lots) == order.asked {
            // A change that changes nothing would be rejected.
            lots = if lots > 1 { lots - 1 } else { lots + 1 };
        }
        let place = *self.places.get(&order.token)?;
        self.live.get_mut(place)?.asked = (price_ticks, lots);
        Some(Action::Replace {
            order: order.token,
            price_ticks,
            lots,
        })
    }

    fn add(&mut self, step: u64) -> Option<Action> {
        let instrument = self.rng.below(self.instruments.len() as u64) as usize;
        let account = self.rng.below(self.accounts as u64) as usize;
        let way = if self.rng.below(2) == 0 {
            Way::Buy
        } else {
            Way::Sell
        };
        let crossing = self.rng.below(100) < CROSSINGS;
        let (mut price_ticks, lots) = self.quote(instrument, way, step)?;
        let traded = self.instruments.get(instrument)?;
        if crossing {
            let reach = self.rng.below(REACH_TICKS) as i64 + 1;
            let middle = middle(self.seed, instrument as u64, traded.base_ticks, step);
            let reached = match way {
                Way::Buy => middle + reach,
                Way::Sell => middle - reach,
            };
            price_ticks = reached.clamp(traded.low_ticks, traded.high_ticks);
        }
        let immediate = crossing && traded.continuous && self.rng.below(2) == 0;
        let token = self.next_token;
        self.next_token += 1;
        if !immediate {
            let order = Order {
                token,
                instrument,
                way,
                asked: (price_ticks, lots),
            };
            self.asked.insert(token, order);
        }
        Some(Action::New {
            token,
            instrument,
            account,
            way,
            price_ticks,
            lots,
            immediate,
        })
    }

    /// A passive price and a size.
    fn quote(&mut self, instrument: usize, way: Way, step: u64) -> Option<(i64, i64)> {
        let traded = self.instruments.get(instrument)?;
        let away = self.rng.power_law(DEPTH_TICKS) as i64;
        let lots = self.rng.power_law(LOTS_MAX) as i64;
        let middle = middle(self.seed, instrument as u64, traded.base_ticks, step);
        let price = match way {
            Way::Buy => middle - away,
            Way::Sell => middle + away,
        };
        Some((
            price.clamp(traded.low_ticks, traded.high_ticks),
            lots.min(traded.max_lots),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(seed: u64) -> Flow {
        let traded = Traded {
            base_ticks: 5_000,
            low_ticks: 4_500,
            high_ticks: 5_500,
            max_lots: 100,
            continuous: true,
        };
        Flow::new(seed, 0, Arc::new(vec![traded.clone(), traded]), 10)
    }

    fn drive(flow: &mut Flow, count: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        for index in 0..count {
            let Some(action) = flow.next(index) else {
                continue;
            };
            if let Action::New { token, .. } = action {
                flow.accepted(token);
            }
            actions.push(action);
        }
        actions
    }

    #[test]
    fn the_same_seed_gives_the_same_flow() {
        assert_eq!(drive(&mut flow(3), 5_000), drive(&mut flow(3), 5_000));
        assert_ne!(drive(&mut flow(3), 5_000), drive(&mut flow(4), 5_000));
    }

    #[test]
    fn the_mix_is_as_stated_and_everything_stays_within_its_bounds() {
        let mut flow = flow(1);
        let actions = drive(&mut flow, 50_000);
        let (mut cancels, mut replaces) = (0, 0);
        let mut cancelled = std::collections::HashSet::new();
        for action in &actions {
            match action {
                Action::New {
                    price_ticks, lots, ..
                } => {
                    assert!((4_500..=5_500).contains(price_ticks));
                    assert!((1..=100).contains(lots));
                }
                Action::Cancel { order } => {
                    cancels += 1;
                    assert!(cancelled.insert(*order), "an order is cancelled once");
                }
                Action::Replace { .. } => replaces += 1,
            }
        }
        let share = |count: usize| count * 100 / actions.len();
        assert!((37..=52).contains(&share(cancels)), "{cancels}");
        assert!((5..=7).contains(&share(replaces)), "{replaces}");
        assert!(flow.live() <= LIVE_MAX);
    }
}
