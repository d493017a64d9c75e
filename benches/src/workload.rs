//! A seeded workload of adds, cancels and replaces, and the player that applies it.
//!
//! Invariant: operations name orders by the workload's own numbers, so mapping them to the
//! engine's ids is part of the measured work, as it is in the floor program. Not here: the floor
//! program's own files (`floor_file`).

use crate::World;
use engine::command::{Body, CancelOrder, ReplaceOrder};
use engine::event::{Event, ExecType, Trade};
use engine::types::{
    AccountId, LimitTerms, NewOrder, OrderId, OrderType, Posting, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce,
};

/// Accounts a workload trades with.
pub const ACCOUNTS: u32 = 1_000;

/// One operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// A new limit order.
    Add {
        /// Its number.
        id: u64,
        /// Its side.
        side: Side,
        /// Its limit in ticks.
        price: i64,
        /// Its lots.
        quantity: i64,
    },
    /// Cancel the order with this number.
    Cancel {
        /// Its number.
        id: u64,
    },
    /// Give the order with this number a new price and quantity; it loses its place.
    Replace {
        /// Its number.
        id: u64,
        /// The new limit in ticks.
        price: i64,
        /// What shall be open, in lots.
        quantity: i64,
    },
}

/// Sums over all trades; equal sums mean the same trades, with near certainty.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CheckSums {
    /// Trades.
    pub trades: u64,
    /// Sum of quantity.
    pub quantity: u64,
    /// Sum of price x quantity, wrapping.
    pub price_quantity: u64,
    /// Sum of the maker's number x quantity, wrapping.
    pub maker_quantity: u64,
}

/// The shape of a generated workload.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Orders resting before the measured part, and about that many during it.
    pub resting: u64,
    /// Ticks on each side of the middle that passive orders spread over.
    pub depth_ticks: i64,
    /// Measured operations.
    pub operations: usize,
    /// The seed.
    pub seed: u64,
}

/// Applies operations to a world and keeps the map from numbers to ids.
pub struct Player {
    /// The world.
    pub world: World,
    accounts: u32,
    /// By a workload's number.
    ids: Vec<Known>,
    /// By the engine's slot.
    slots: Vec<Slot>,
    sums: CheckSums,
}

/// What the engine called an order; a bench has fewer than 2^32 commands.
#[derive(Clone, Copy)]
struct Known {
    sequence: u32,
    slot: u32,
}

impl Known {
    const NOBODY: Self = Self {
        sequence: 0,
        slot: OrderId::NO_SLOT,
    };

    fn id(self) -> OrderId {
        OrderId {
            sequence: u64::from(self.sequence),
            slot: self.slot,
        }
    }
}

/// The order that lives in a slot.
#[derive(Clone, Copy, Default)]
struct Slot {
    number: u64,
    filled: i64,
}

impl Player {
    /// A player for numbers up to `id_max`.
    pub fn new(id_max: u64) -> Self {
        Self::on(World::new(ACCOUNTS), ACCOUNTS, id_max)
    }

    /// A player that trades for money, with so many funded accounts, by a session.
    pub fn with_money(accounts: u32, id_max: u64) -> Self {
        Self::on(World::with_money(accounts), accounts, id_max)
    }

    fn on(world: World, accounts: u32, id_max: u64) -> Self {
        let places = id_max as usize + 1;
        Self {
            world,
            accounts,
            ids: vec![Known::NOBODY; places],
            slots: Vec::new(),
            sums: CheckSums::default(),
        }
    }

    /// The sums so far.
    pub fn sums(&self) -> CheckSums {
        self.sums
    }

    /// Applies one operation.
    pub fn play(&mut self, operation: &Operation) {
        // Each kind by itself, so that its command is written where it is read.
        match *operation {
            Operation::Add {
                id,
                side,
                price,
                quantity,
            } => {
                let body = add(self.account_of(id), side, price, quantity);
                self.world.apply(body);
                self.learn_id(id);
                self.learn_trades();
            }
            // Nothing trades and nothing is new.
            Operation::Cancel { id } => {
                let body = self.cancel(id);
                self.world.apply(body);
            }
            Operation::Replace {
                id,
                price,
                quantity,
            } => {
                let body = self.replace(id, price, quantity);
                self.world.apply(body);
                self.learn_trades();
            }
        }
    }

    /// The operation as a command's body, by the ids known now.
    #[inline]
    pub fn body(&self, operation: &Operation) -> Body {
        match *operation {
            Operation::Add {
                id,
                side,
                price,
                quantity,
            } => add(self.account_of(id), side, price, quantity),
            Operation::Cancel { id } => self.cancel(id),
            Operation::Replace {
                id,
                price,
                quantity,
            } => self.replace(id, price, quantity),
        }
    }

    /// A workload has fewer than 2^32 numbers, and a long division is the slower one.
    fn account_of(&self, id: u64) -> AccountId {
        World::account(id as u32 % self.accounts)
    }

    fn cancel(&self, id: u64) -> Body {
        Body::CancelOrder(CancelOrder {
            account: self.account_of(id),
            order: self.ids[id as usize].id(),
        })
    }

    fn replace(&self, id: u64, price: i64, quantity: i64) -> Body {
        // The workload says what shall be open; the engine takes the whole, fills included.
        let known = self.ids[id as usize];
        let filled = self.slots.get(known.slot as usize);
        let whole = quantity + filled.map_or(0, |slot| slot.filled);
        Body::ReplaceOrder(ReplaceOrder {
            account: self.account_of(id),
            order: known.id(),
            price: Price::new(price),
            stop_price: None,
            quantity: Quantity::new(whole),
        })
    }

    /// Learns what the engine calls a new order: its report is the first event.
    #[inline]
    fn learn_id(&mut self, id: u64) {
        let first = self.world.events.as_slice().first();
        let Some(Event::Report(report)) = first else {
            panic!("a new order is reported first: {first:?}");
        };
        if report.exec_type != ExecType::New {
            return;
        }
        let order = report.order;
        let slot = order.slot as usize;
        self.ids[id as usize] = Known {
            sequence: order.sequence as u32,
            slot: order.slot,
        };
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, Slot::default());
        }
        self.slots[slot] = Slot {
            number: id,
            filled: 0,
        };
    }

    /// Learns sums and fills. A trade comes with a report and a change of the book.
    #[inline]
    fn learn_trades(&mut self) {
        if self.world.events.len() > 2 {
            self.learn_all_trades();
        }
    }

    fn learn_all_trades(&mut self) {
        for event in self.world.events.as_slice() {
            if let Event::Trade(trade) = event {
                learn_trade(&mut self.slots, &mut self.sums, trade);
            }
        }
    }
}

fn learn_trade(slots: &mut [Slot], sums: &mut CheckSums, trade: &Trade) {
    let (maker, taker) = if trade.aggressor == Some(Side::Buy) {
        (&trade.sell, &trade.buy)
    } else {
        (&trade.buy, &trade.sell)
    };
    slots[taker.order.slot as usize].filled = taker.cumulative.lots();
    let slot = &mut slots[maker.order.slot as usize];
    slot.filled = maker.cumulative.lots();
    let quantity = trade.quantity.lots() as u64;
    let value = (trade.price.ticks() as u64).wrapping_mul(quantity);
    sums.trades += 1;
    sums.quantity += quantity;
    sums.price_quantity = sums.price_quantity.wrapping_add(value);
    let maker = slot.number.wrapping_mul(quantity);
    sums.maker_quantity = sums.maker_quantity.wrapping_add(maker);
}

fn add(account: AccountId, side: Side, price: i64, quantity: i64) -> Body {
    Body::NewOrder(NewOrder {
        account,
        instrument: World::INSTRUMENT,
        side,
        quantity: Quantity::new(quantity).expect("workloads stay inside the bounds"),
        order_type: OrderType::Limit(LimitTerms {
            price: Price::new(price).expect("workloads stay inside the bounds"),
            display_quantity: None,
            posting: Posting::MayTake,
        }),
        time_in_force: TimeInForce::GoodTillCancel,
        min_quantity: None,
        self_trade_prevention: SelfTradePrevention::None,
    })
}

/// A small generator of numbers (splitmix64): every seed gives the same run everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// Makes a workload: the operations that build the book, then the measured ones. The mix is that
/// of the floor program: about 55 % adds of which one in six crosses, 38 % cancels, 6.5 % replaces.
pub fn generate(mix: &Mix) -> (Vec<Operation>, Vec<Operation>) {
    let id_max = mix.resting + mix.operations as u64;
    let mut scout = Scout {
        player: Player::new(id_max),
        random: Random(mix.seed),
        live: Vec::new(),
        middle: 100_000,
        next_id: 0,
        depth: mix.depth_ticks,
    };
    let preload: Vec<_> = (0..mix.resting)
        .map(|index| {
            let side = if index % 2 == 0 {
                Side::Buy
            } else {
                Side::Sell
            };
            scout.passive(side)
        })
        .collect();
    let measured = (0..mix.operations)
        .map(|_| scout.next(mix.resting))
        .collect();
    (preload, measured)
}

struct Scout {
    player: Player,
    random: Random,
    live: Vec<(u64, Side)>,
    middle: i64,
    next_id: u64,
    depth: i64,
}

impl Scout {
    fn next(&mut self, target: u64) -> Operation {
        let draw = self.random.below(1_000);
        let cancels = if self.live.len() as u64 > target {
            420
        } else {
            340
        };
        if draw < cancels && !self.live.is_empty() {
            return self.cancel();
        }
        if draw < cancels + 65 && !self.live.is_empty() {
            return self.replace();
        }
        let side = if self.random.below(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        if self.random.below(1_000) < 165 {
            self.crossing(side)
        } else {
            self.passive(side)
        }
    }

    fn offset(&mut self) -> i64 {
        let bound = self.depth as u64;
        1 + self.random.below(bound).min(self.random.below(bound)) as i64
    }

    fn priced(&mut self, side: Side, distance: i64) -> i64 {
        match side {
            Side::Buy => self.middle - distance,
            Side::Sell => self.middle + distance,
        }
    }

    fn passive(&mut self, side: Side) -> Operation {
        let distance = self.offset();
        let price = self.priced(side, distance);
        let quantity = 1 + self.random.below(100) as i64;
        self.add(side, price, quantity)
    }

    fn crossing(&mut self, side: Side) -> Operation {
        let distance = self.random.below(40) as i64;
        let price = self.priced(side, -distance);
        let quantity = 1 + self.random.below(300) as i64;
        self.add(side, price, quantity)
    }

    fn add(&mut self, side: Side, price: i64, quantity: i64) -> Operation {
        self.next_id += 1;
        let operation = Operation::Add {
            id: self.next_id,
            side,
            price,
            quantity,
        };
        self.live.push((self.next_id, side));
        self.played(operation)
    }

    fn cancel(&mut self) -> Operation {
        let place = self.random.below(self.live.len() as u64) as usize;
        let (id, _) = self.live.swap_remove(place);
        self.played(Operation::Cancel { id })
    }

    fn replace(&mut self) -> Operation {
        let place = self.random.below(self.live.len() as u64) as usize;
        let (id, side) = self.live[place];
        let distance = self.offset();
        let price = self.priced(side, distance);
        let quantity = 1 + self.random.below(100) as i64;
        self.played(Operation::Replace {
            id,
            price,
            quantity,
        })
    }

    /// Plays the operation on the scout's own engine and forgets what it ended.
    fn played(&mut self, operation: Operation) -> Operation {
        self.player.play(&operation);
        let mut ended = Vec::new();
        for event in self.player.world.events.as_slice() {
            if let Event::Trade(trade) = event {
                let fills = [trade.buy, trade.sell];
                let over = fills.iter().filter(|fill| fill.leaves.is_zero());
                ended.extend(over.map(|fill| self.player.slots[fill.order.slot as usize].number));
            }
        }
        if !ended.is_empty() {
            self.live.retain(|(id, _)| !ended.contains(id));
        }
        operation
    }
}
