//! The engine as the comparison sees it: its contents as plain lines, and itself restored from
//! its own sections.
//!
//! Invariant: a line says everything that is public about a live order, so two books with the
//! same lines are the same book. Not here: what the lines should be (`drive` compares).

use sanjiang_engine::clearing::Holder;
use sanjiang_engine::command::{Command, Sequenced};
use sanjiang_engine::engine::{BasketCost, Engine, LivePlace};
use sanjiang_engine::event::Events;
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::{
    AccountId, AssetId, InstrumentId, OrderId, Price, Quantity, Side, Time, TimeInForce,
};

use super::world::{lots, ticks};
use crate::reference::Holder as Who;
use crate::reference::{Order, Place, Reference};

/// A live order: by its instrument, where it is and its side; the order of the lines of one such
/// group is the order in which they trade or are elected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    group: (u32, u8, Side),
    id: OrderId,
    account: AccountId,
    prices: (Option<Price>, Option<Price>),
    time_in_force: TimeInForce,
    quantities: [Quantity; 4],
}

/// Positions with what is available and held; what circulates of each asset.
pub type Positions = (Vec<(Who, usize, [i128; 2])>, Vec<i128>);

/// Rows of margin forwards: instrument, account, net, held and required, cost.
pub type MarginRows = Vec<(usize, usize, [i128; 3], i128)>;

/// The same rows, of the reference.
pub fn margin_rows(world: &Reference) -> MarginRows {
    let mut list = Vec::new();
    for (i, known) in world.instruments.iter().enumerate() {
        let Some(contract) = &known.margin else {
            continue;
        };
        for row in &contract.rows {
            let most = world.required(i, row.account).min(i128::from(i64::MAX));
            let cost = row.cost(contract.tick_value);
            list.push((i, row.account, [row.net(), row.held, most], cost));
        }
    }
    list.sort_unstable();
    list
}

/// The engine under test.
pub struct Subject(Engine);

impl Subject {
    pub fn new(limits: Limits) -> Self {
        Self(Engine::new(limits))
    }

    pub fn apply(&mut self, command: &Sequenced<Command>, events: &mut Events) {
        self.0.apply(command, events);
    }

    /// What a dry run says.
    pub fn validate(&self, command: &Command, time: Time) -> Option<RejectReason> {
        self.0
            .validate(command, time)
            .err()
            .map(|reject| reject.reason)
    }

    /// What a dry run says that a basket would cost.
    pub fn quote(&self, command: &Command, time: Time) -> Option<BasketCost> {
        self.0.dry_run(command, time).ok().flatten()
    }

    pub fn next_deadline(&self) -> Option<Time> {
        self.0.next_deadline()
    }

    pub fn engine(&self) -> &Engine {
        &self.0
    }

    pub fn audit(&self) -> Result<(), String> {
        self.0.audit().map_err(|error| error.to_string())
    }

    /// The last trade of each of the first instruments.
    pub fn last_trades(&self, instruments: usize) -> Vec<Option<Price>> {
        let all = (0..instruments as u32).map(InstrumentId::new);
        all.map(|instrument| self.0.last_trade(instrument))
            .collect()
    }

    /// The live orders of the first instruments, with the ids `plain` gives them.
    pub fn lines(&self, instruments: usize, plain: impl Fn(OrderId) -> OrderId) -> Vec<Line> {
        let all = (0..instruments as u32).map(InstrumentId::new);
        let orders = all.flat_map(|instrument| self.0.live_orders(instrument));
        let mut lines: Vec<Line> = orders
            .map(|order| {
                assert_eq!(self.0.order(order.id), Some(order), "found again by its id");
                let place = match order.place {
                    LivePlace::Book => 0,
                    LivePlace::Stop => 1,
                    LivePlace::Parked => 2,
                };
                Line {
                    group: (order.instrument.index(), place, order.side),
                    id: plain(order.id),
                    account: order.account,
                    prices: (order.price, order.stop_price),
                    time_in_force: order.time_in_force,
                    quantities: [
                        order.order_quantity,
                        order.leaves,
                        order.cumulative,
                        order.displayed,
                    ],
                }
            })
            .collect();
        lines.sort_by_key(|line| line.group);
        lines
    }

    /// Every position, and what circulates of each asset.
    pub fn positions(&self, world: &Reference) -> Positions {
        let ledger = self.0.clearing().ledger();
        let mut list = Vec::new();
        for position in ledger.positions() {
            let who = match position.holder() {
                Holder::Account(id) => Who::Account(id.place()),
                Holder::Venue(id) => Who::Venue(id.place()),
                Holder::Custodian(id) => Who::Custodian(id.place()),
                Holder::Receivable(id) => Who::Receivable(id.place()),
                Holder::Credit(id) => Who::Credit(id.place()),
                Holder::Transit(id) => Who::Transit(id.place()),
                Holder::Clearing(id) => Who::Clearing(id.place()),
            };
            let amounts = [position.available, position.held].map(i128::from);
            list.push((who, position.asset().place(), amounts));
        }
        list.sort_unstable();
        let assets = (0..world.money.assets.len() as u32).map(AssetId::new);
        let circulation = assets.map(|asset| i128::from(ledger.circulation(asset).units()));
        (list, circulation.collect())
    }

    /// Whether what an account's amounts are held for, page by page, sums to what is held.
    pub fn holds_sum(&self, account: AccountId) -> Result<(), String> {
        let mut sums = std::collections::BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.0.holds_of(account, after, 3);
            for held in &page {
                *sums.entry(held.asset).or_insert(0) += held.amount.units();
            }
            match page.last() {
                Some(last) => after = Some((last.by, last.asset)),
                None => break,
            }
        }
        let ledger = self.0.clearing().ledger();
        for position in ledger.of_account(account) {
            let sum = sums.remove(&position.asset()).unwrap_or(0);
            if sum != position.held {
                let (asset, held) = (position.asset(), position.held);
                return Err(format!(
                    "{account:?} holds {held} of {asset:?}, and {sum} are told"
                ));
            }
        }
        if sums.is_empty() {
            Ok(())
        } else {
            Err(format!("{account:?} is told to hold {sums:?}"))
        }
    }

    /// What is counted of an account: live orders, messages and trades of its day.
    pub fn counted(&self, account: AccountId) -> (u32, u64, u64) {
        let (_, usage) = self.0.risk_of_account(account, None);
        (usage.open_orders, usage.sent, usage.trades)
    }

    /// The margin rows of each instrument: account, net lots, margin held, what it must hold.
    pub fn margin_rows(&self) -> MarginRows {
        let margin = self.0.clearing().margin();
        let mut list = Vec::new();
        for row in margin.rows() {
            let sums = [row.net, row.held, margin.required(row)].map(i128::from);
            list.push((row.instrument.place(), row.account.place(), sums, row.cost));
        }
        list.sort_unstable();
        list
    }

    /// Holders of each instrument's goods, and places beside.
    pub fn holders(&self, instruments: usize) -> Vec<(usize, usize)> {
        let all = (0..instruments as u32).map(InstrumentId::new);
        let known = all.map(|id| self.0.clearing().settlement(id));
        let counts = known.map(|known| {
            known.map_or((0, 0), |known| {
                (known.holders as usize, known.reserved as usize)
            })
        });
        counts.collect()
    }

    /// The engine becomes one restored from its own sections, which must be the same.
    pub fn restore(&mut self) -> Result<(), String> {
        let limits = *self.0.limits();
        let sections = self.0.encode_sections();
        let restored = Engine::decode_sections(limits, &sections);
        let restored = restored.map_err(|error| error.to_string())?;
        let hashes = [&self.0, &restored].map(|engine| (engine.state_hash(), engine.event_hash()));
        if hashes[0] != hashes[1] || restored.encode_sections() != sections {
            return Err(format!("restored it differs: {hashes:?}"));
        }
        self.0 = restored;
        Ok(())
    }
}

/// The same positions, of the reference.
pub fn positions(world: &Reference) -> Positions {
    let line = |&(who, asset): &(Who, usize)| {
        let held = match who {
            Who::Account(account) => world.held(account, asset),
            Who::Venue(_)
            | Who::Custodian(_)
            | Who::Receivable(_)
            | Who::Credit(_)
            | Who::Transit(_)
            | Who::Clearing(_) => 0,
        };
        (who, asset, [world.balance(who, asset) - held, held])
    };
    let mut list: Vec<_> = world.money.positions.iter().map(line).collect();
    list.sort_unstable();
    let assets = 0..world.money.assets.len();
    (list, assets.map(|asset| world.circulation(asset)).collect())
}

/// The same lines, of the reference.
pub fn lines(world: &Reference) -> Vec<Line> {
    let line = |order: &Order| {
        let (place, rank) = match order.place {
            Place::Book => (0, order.price.map_or(0, |at| -signed(order.side, at))),
            Place::Stop => (1, order.stop.map_or(0, |at| signed(order.side, at))),
            Place::Parked => (2, order.id as i64),
            Place::Taking => panic!("an order is still being matched: {order:?}"),
        };
        let numbers = [order.quantity, order.leaves, order.cumulative];
        let shown = if place == 0 { order.displayed } else { 0 };
        let [quantity, leaves, cumulative] = numbers.map(lots);
        let id = OrderId {
            sequence: order.id,
            slot: 0,
        };
        let line = Line {
            group: (order.instrument as u32, place, order.side),
            id,
            account: order.account,
            prices: (order.price.map(ticks), order.stop.map(ticks)),
            time_in_force: order.tif,
            quantities: [quantity, leaves, cumulative, lots(shown)],
        };
        (line, rank, order.queue)
    };
    let mut lines: Vec<_> = world.orders.iter().map(line).collect();
    lines.sort_by_key(|line| (line.0.group, line.1, line.2));
    lines.into_iter().map(|line| line.0).collect()
}

fn signed(side: Side, at: i64) -> i64 {
    if side == Side::Buy { at } else { -at }
}
