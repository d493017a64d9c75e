//! Margin forwards (section 19): positions are sums of fills, open lots are sums over orders, the
//! price of a mark is looked for in all trades since the last one.
//!
//! Invariant: the net lots of an instrument sum to zero; `balanced` asserts it and what marks owe.
//! Not here: marks and calls (`marks`), the commands (`registry::margin`).

use super::ledger::{Charge, small};
use super::registry::fails;
use super::*;
use RejectReason as R;

/// How a row is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Called {
    No,
    Until(i128),
    Waiting,
}

/// What an account has in a margin forward.
#[derive(Clone, Debug)]
pub struct Row {
    pub account: usize,
    /// Its place among the rows of all instruments.
    pub born: usize,
    /// Net lots and their cost at the last mark.
    pub carried: (i128, i128),
    /// Lots, those of a sell below zero, and price of each fill since.
    pub fills: Vec<(i128, i128)>,
    pub held: i128,
    pub due: i128,
    pub owed: i128,
    pub called: Called,
}

/// A mark that is not over.
#[derive(Clone, Debug)]
pub struct Marking {
    pub deadline: i128,
    pub paying: bool,
    pub next: usize,
    pub gains: i128,
    pub pool: i128,
}

/// A margin forward.
#[derive(Clone, Debug)]
pub struct Contract {
    pub terms: SetMargin,
    pub money: usize,
    pub tick_value: i128,
    pub settlement: i128,
    pub given: Option<i128>,
    /// Lots and price of each trade since the last mark.
    pub trades: Vec<(i128, i128)>,
    pub rows: Vec<Row>,
    pub marking: Option<Marking>,
}

impl Row {
    pub fn net(&self) -> i128 {
        self.carried.0 + self.fills.iter().map(|fill| fill.0).sum::<i128>()
    }

    pub fn cost(&self, tick_value: i128) -> i128 {
        let fills = self.fills.iter();
        self.carried.1 + fills.map(|fill| fill.0 * fill.1 * tick_value).sum::<i128>()
    }
}

impl Contract {
    /// Margin of a lot at a rate.
    fn per_lot(&self, bp: u16) -> i128 {
        (self.settlement * self.tick_value * i128::from(bp) + 9_999).div_euclid(10_000)
    }

    /// The price a mark would be at.
    pub(super) fn average(&self) -> i128 {
        let lots: i128 = self.trades.iter().map(|trade| trade.0).sum();
        let turnover: i128 = self.trades.iter().map(|trade| trade.0 * trade.1).sum();
        match (self.given, lots) {
            (Some(given), _) => given,
            (None, 0) => self.settlement,
            (None, _) => (2 * turnover + lots).div_euclid(2 * lots),
        }
    }
}

impl Reference {
    /// Settles a trade of a margin forward: fees are paid, positions change.
    pub(super) fn settle_margin(
        &mut self,
        sides: [u64; 2],
        aggressor: Option<Side>,
        at: i64,
        quantity: i64,
    ) -> ([i64; 2], [(i64, i64); 2]) {
        let i = self.get(sides[0]).instrument;
        let venue = Holder::Venue(self.instruments[i].venue);
        let contract = self.instruments[i]
            .margin
            .as_ref()
            .expect("a margin forward");
        let (money, v) = (contract.money, contract.tick_value);
        let value = i128::from(at) * i128::from(quantity) * v;
        let mut charges = sides.map(|id| {
            let charge = self.charge(id, aggressor, value, i128::from(quantity));
            let fee = charge.fee.min(self.get(id).held);
            Charge { fee, ..charge }
        });
        if charges
            .iter()
            .any(|one| self.get(one.id).held < one.fee + 1 && one.fee > 0)
        {
            self.reached.push("fee takes all that is held for it");
        }
        self.raise(&mut charges);
        self.note(&charges, aggressor, at);
        self.post(venue, money, charges[0].fee + charges[1].fee);
        let mut paid = [0; 2];
        for (charge, paid) in charges.iter().zip(&mut paid) {
            let account = Holder::Account(self.get(charge.id).account.place());
            self.post(account, money, -charge.fee);
            let order = self.get_mut(charge.id);
            order.accrued = charge.accrued;
            *paid = order.held - charge.fee.max(0);
            order.held -= charge.fee;
            assert!(
                order.held >= 0,
                "a fee above what is held for it: {order:?}"
            );
        }
        self.change_positions(sides, at, quantity);
        for (id, from) in sides.into_iter().zip(paid) {
            self.lower_fee(id, from);
        }
        let held = sides.map(|id| small(self.get(id).held));
        let fees = charges.map(|charge| small(charge.fee));
        ([small(value), 0], [(fees[0], held[0]), (fees[1], held[1])])
    }

    pub(super) fn contract(&self, i: usize) -> &Contract {
        self.instruments[i]
            .margin
            .as_ref()
            .expect("a margin forward")
    }

    pub(super) fn contract_mut(&mut self, i: usize) -> &mut Contract {
        self.instruments[i]
            .margin
            .as_mut()
            .expect("a margin forward")
    }

    pub(super) fn row(&self, i: usize, account: usize) -> Option<&Row> {
        self.contract(i)
            .rows
            .iter()
            .find(|row| row.account == account)
    }

    pub(super) fn row_mut(&mut self, i: usize, account: usize) -> &mut Row {
        let rows = &mut self.contract_mut(i).rows;
        let row = rows.iter_mut().find(|row| row.account == account);
        row.expect("an order or a mark has a row")
    }

    /// Net lots with all open buys traded, and with all open sells.
    fn ends(&self, i: usize, account: usize) -> [i128; 2] {
        let net = self.row(i, account).map_or(0, Row::net);
        [Side::Buy, Side::Sell].map(|side| {
            let own = self.orders.iter().filter(|order| {
                let here = order.instrument == i && order.account.place() == account;
                here && order.side == side && order.price.is_some()
            });
            let open: i128 = own.map(|order| i128::from(order.leaves)).sum();
            net + i128::from(sign(side)) * open
        })
    }

    /// Whether an account has no position, and nothing that a mark has to settle.
    pub fn settled(&self, account: usize) -> bool {
        let all = self
            .instruments
            .iter()
            .filter_map(|known| known.margin.as_ref());
        let mut rows = all.flat_map(|one| one.rows.iter().map(|row| (one.tick_value, row)));
        rows.all(|(v, row)| {
            row.account != account || (row.net(), row.cost(v), row.due) == (0, 0, 0)
        })
    }

    /// What a row must hold.
    pub fn required(&self, i: usize, account: usize) -> i128 {
        let [high, low] = self.ends(i, account);
        let contract = self.contract(i);
        let owed = self.row(i, account).map_or(0, |row| row.owed);
        high.abs().max(low.abs()) * contract.per_lot(contract.terms.initial_bp) + owed
    }

    pub(super) fn maintenance(&self, i: usize, account: usize) -> i128 {
        let contract = self.contract(i);
        let row = self.row(i, account).expect("a row");
        row.net().abs() * contract.per_lot(contract.terms.maintenance_bp) + row.owed
    }

    /// POSITION_LIMIT, of an order as it would stand in place of `old`.
    pub(super) fn position_limit(&self, order: &Order, old: Option<&Order>) -> Result<(), R> {
        let i = order.instrument;
        let Some(contract) = &self.instruments[i].margin else {
            return Ok(());
        };
        let most = contract.terms.position_limit;
        let most = most.map_or(Quantity::MAX_LOTS, Quantity::lots);
        let [high, low] = self.ends(i, order.account.place());
        let counted = old.filter(|old| old.price.is_some());
        let less = i128::from(counted.map_or(0, |old| old.leaves));
        let more = i128::from(order.leaves) - less;
        let end = if order.side == Side::Buy {
            high + more
        } else {
            more - low
        };
        fails(end > i128::from(most), R::PositionLimit)
    }

    /// Whether an order as it would stand in place of `old` finds its fee and its margin.
    pub(super) fn margined(&self, order: &Order, old: Option<&Order>) -> Result<(), R> {
        let (i, account) = (order.instrument, order.account.place());
        let money = self.contract(i).money;
        let [before, after] = self.both_required(order, old);
        let raises = after > before;
        let more = self.hold(order).0 - old.map_or(0, |old| old.held);
        let available = self.available(account, money);
        let row = self.row(i, account);
        let held = row.map_or(0, |row| row.held);
        let spare = if raises { 0 } else { held };
        fails(more > available + spare, R::InsufficientFunds)?;
        if old.is_none() {
            let full = !self.room_for(&[(Holder::Account(account), money)]);
            let rows = self
                .instruments
                .iter()
                .filter_map(|known| known.margin.as_ref());
            let rows: usize = rows.map(|contract| contract.rows.len()).sum();
            let most = self.limits.margin_rows_max as usize;
            fails(full || (row.is_none() && rows >= most), R::Positions)?;
        }
        let called = row.is_some_and(|row| row.called != Called::No);
        let missing = (after - held).max(0);
        let lacks = called || missing + more > available;
        fails(raises && lacks, R::InsufficientMargin)
    }

    /// What its row must hold without and with an order as it would stand.
    fn both_required(&self, order: &Order, old: Option<&Order>) -> [i128; 2] {
        let (i, account) = (order.instrument, order.account.place());
        let before = self.required(i, account);
        let [high, low] = self.ends(i, account);
        let old = old.filter(|old| old.price.is_some());
        let less = i128::from(old.map_or(0, |old| old.leaves));
        let open = if order.price.is_some() {
            order.leaves
        } else {
            0
        };
        let more = i128::from(open) - less;
        let (high, low) = if order.side == Side::Buy {
            (high + more, low)
        } else {
            (high, low - more)
        };
        let contract = self.contract(i);
        let owed = self.row(i, account).map_or(0, |row| row.owed);
        let worst = high.abs().max(low.abs());
        [
            before,
            worst * contract.per_lot(contract.terms.initial_bp) + owed,
        ]
    }

    /// The row an order needs comes into being.
    pub(super) fn need_row(&mut self, order: &Order) {
        let (i, account) = (order.instrument, order.account.place());
        if self.row(i, account).is_some() {
            return;
        }
        let all = self
            .instruments
            .iter()
            .filter_map(|known| known.margin.as_ref());
        let born = all.map(|contract| contract.rows.len()).sum();
        self.contract_mut(i).rows.push(Row {
            account,
            born,
            carried: (0, 0),
            fills: Vec::new(),
            held: 0,
            due: 0,
            owed: 0,
            called: Called::No,
        });
    }

    /// A checked order takes the place of `old`, in the list of orders or beside it.
    pub(super) fn hold_margin(&mut self, order: &Order, old: Option<&Order>) {
        let (i, account) = (order.instrument, order.account.place());
        let money = self.contract(i).money;
        let [before, after] = self.both_required(order, old);
        let more = order.held - old.map_or(0, |old| old.held);
        let available = self.available(account, money);
        let row = self.row_mut(i, account);
        let short = (more - available).max(0);
        row.held -= short;
        if after > before {
            row.held = after;
        } else {
            let freed = (-more).max(0);
            row.held += (after - row.held).clamp(0, freed);
            row.held = row.held.min(after);
        }
        let reached = if short > 0 {
            "fee out of the margin"
        } else if after > before {
            "margin raised"
        } else {
            "margin not raised"
        };
        self.reached.push(reached);
    }

    /// An order of a margin forward let go of so much: what its row lacks comes first, and the row
    /// holds no more than it must.
    pub(super) fn let_go(&mut self, i: usize, account: usize, freed: i128) {
        let required = self.required(i, account);
        let row = self.row_mut(i, account);
        let top = (required - row.held).clamp(0, freed);
        row.held = (row.held + top).min(required);
        if top > 0 {
            self.reached.push("freed fee covers margin");
        }
    }

    /// The fee hold of an order of a margin forward falls to the formula; `from` is what it held.
    pub(super) fn lower_fee(&mut self, id: u64, from: i128) {
        let order = self.get(id);
        let (i, account) = (order.instrument, order.account.place());
        let fee = self.hold(order).0.min(order.held);
        self.get_mut(id).held = fee;
        self.let_go(i, account, (from - fee).max(0));
    }

    /// Positions of a trade change at its price; the fees were charged.
    pub(super) fn change_positions(&mut self, sides: [u64; 2], at: i64, quantity: i64) {
        let i = self.get(sides[0]).instrument;
        let (at, quantity) = (i128::from(at), i128::from(quantity));
        self.contract_mut(i).trades.push((quantity, at));
        for (id, lots) in sides.into_iter().zip([quantity, -quantity]) {
            let account = self.get(id).account.place();
            self.row_mut(i, account).fills.push((lots, at));
        }
    }

    /// What must always hold of margin forwards.
    pub(super) fn balanced(&self) {
        for (i, known) in self.instruments.iter().enumerate() {
            let Some(contract) = &known.margin else {
                continue;
            };
            let net: i128 = contract.rows.iter().map(Row::net).sum();
            let v = contract.tick_value;
            let cost: i128 = contract.rows.iter().map(|row| row.cost(v) - row.due).sum();
            let pool = self.balance(Holder::Clearing(i), contract.money);
            assert_eq!((net, cost + pool), (0, 0), "instrument {i}");
            for row in &contract.rows {
                let most = self.required(i, row.account);
                let settled = contract.marking.is_some() || row.held <= most;
                assert!(row.held >= 0 && settled, "{row:?} holds above {most}");
            }
        }
    }
}
