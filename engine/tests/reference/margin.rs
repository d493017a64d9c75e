//! Margin forwards (section 16): positions are sums of fills, open lots are sums over orders, the
//! price of a mark is looked for in all trades since the last one.
//!
//! Invariant: the net lots of an instrument sum to zero; `balanced` asserts it and what marks owe.
//! Not here: the commands (`registry::margin`).

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
    fn average(&self) -> i128 {
        let lots: i128 = self.trades.iter().map(|trade| trade.0).sum();
        let turnover: i128 = self.trades.iter().map(|trade| trade.0 * trade.1).sum();
        match (self.given, lots) {
            (Some(given), _) => given,
            (None, 0) => self.settlement,
            (None, _) => (2 * turnover + lots).div_euclid(2 * lots),
        }
    }
}

fn told(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

impl Reference {
    fn contract(&self, i: usize) -> &Contract {
        self.instruments[i]
            .margin
            .as_ref()
            .expect("a margin forward")
    }

    fn contract_mut(&mut self, i: usize) -> &mut Contract {
        self.instruments[i]
            .margin
            .as_mut()
            .expect("a margin forward")
    }

    fn row(&self, i: usize, account: usize) -> Option<&Row> {
        self.contract(i)
            .rows
            .iter()
            .find(|row| row.account == account)
    }

    fn row_mut(&mut self, i: usize, account: usize) -> &mut Row {
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

    /// What a row must hold.
    pub fn required(&self, i: usize, account: usize) -> i128 {
        let [high, low] = self.ends(i, account);
        let contract = self.contract(i);
        let owed = self.row(i, account).map_or(0, |row| row.owed);
        high.abs().max(low.abs()) * contract.per_lot(contract.terms.initial_bp) + owed
    }

    fn maintenance(&self, i: usize, account: usize) -> i128 {
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

    /// A row that is covered is not called any more.
    pub(super) fn covered(&mut self, i: usize, account: usize) -> bool {
        let row = self.row(i, account).expect("a row");
        if row.called == Called::No || row.held < self.maintenance(i, account) {
            return false;
        }
        self.row_mut(i, account).called = Called::No;
        self.out.push(Event::Margin(MarginEvent::Covered {
            account: AccountId::new(account as u32),
            instrument: handle(i),
        }));
        true
    }

    fn say_call(&mut self, i: usize, account: usize) {
        let row = self.row(i, account).expect("a row");
        let deadline = match row.called {
            Called::Until(at) => Time::new(at as i64),
            Called::No | Called::Waiting => None,
        };
        let call = MarginCall {
            account: AccountId::new(account as u32),
            instrument: handle(i),
            maintenance: told(self.maintenance(i, account)),
            held: told(row.held),
            deadline,
        };
        self.reached.push(if deadline.is_some() {
            "called"
        } else {
            "call waits"
        });
        self.out.push(Event::Margin(MarginEvent::Call(call)));
    }

    fn vary(&mut self, i: usize, account: usize, amount: i128) {
        if amount == 0 {
            return;
        }
        let money = self.contract(i).money;
        self.post(Holder::Account(account), money, amount);
        self.post(Holder::Clearing(i), money, -amount);
        self.out
            .push(Event::Margin(MarginEvent::Variation(Variation {
                account: AccountId::new(account as u32),
                instrument: handle(i),
                amount: ledger::small(amount),
            })));
    }

    /// A settlement price is said.
    pub(super) fn say_settlement(&mut self, i: usize) {
        let at = self.contract(i).settlement;
        self.out.push(Event::Margin(MarginEvent::Settlement {
            instrument: handle(i),
            price: price(at as i64),
        }));
    }

    /// A mark falls due.
    pub(super) fn begin_mark(&mut self, i: usize, at: i128) {
        let contract = self.contract_mut(i);
        if contract.marking.is_some() {
            return;
        }
        let how = match (contract.given, contract.trades.is_empty()) {
            (Some(_), _) => "mark at a given price",
            (None, true) => "mark without trades",
            (None, false) => "mark at the average",
        };
        contract.settlement = contract.average();
        contract.given = None;
        contract.trades.clear();
        contract.marking = Some(Marking {
            deadline: at,
            paying: false,
            next: 0,
            gains: 0,
            pool: 0,
        });
        self.reached.push(how);
        self.say_settlement(i);
    }

    /// Goes on with a mark, by at most so many rows.
    pub(super) fn go_on(&mut self, i: usize, left: &mut usize) {
        let money = self.contract(i).money;
        while *left > 0 {
            let contract = self.contract(i);
            let mut marking = contract.marking.clone().expect("a mark is due");
            let over = marking.next >= contract.rows.len();
            if over && marking.paying {
                self.contract_mut(i).marking = None;
                return;
            }
            if over {
                (marking.paying, marking.next) = (true, 0);
                marking.pool = self.balance(Holder::Clearing(i), money);
                self.contract_mut(i).marking = Some(marking);
                continue;
            }
            *left -= 1;
            let account = contract.rows[marking.next].account;
            marking.next += 1;
            if marking.paying {
                self.pay_row(i, account, &marking);
            } else {
                marking.gains += self.collect_row(i, account);
            }
            self.contract_mut(i).marking = Some(marking);
        }
        self.reached.push("mark over several ticks");
    }

    fn collect_row(&mut self, i: usize, account: usize) -> i128 {
        let contract = self.contract(i);
        let (money, v, at) = (contract.money, contract.tick_value, contract.settlement);
        let row = self.row(i, account).expect("a row");
        let (net, cost) = (row.net(), row.cost(v));
        let worth = net * at * v;
        let due = worth - cost;
        let available = self.available(account, money);
        let loss = (-due).max(0).min(available + row.held);
        let row = self.row_mut(i, account);
        row.held -= (loss - available).max(0);
        (row.carried, row.due) = ((net, worth), due + loss);
        row.fills.clear();
        self.vary(i, account, -loss);
        due.max(0)
    }

    fn pay_row(&mut self, i: usize, account: usize, marking: &Marking) {
        let row = self.row(i, account).expect("a row");
        let (due, gains, pool) = (row.due, marking.gains, marking.pool);
        let mut paid = due.max(0);
        if gains > pool && due > 0 {
            let (mut part, mut whole) = (due, gains);
            while whole >= 1 << 62 {
                (part, whole) = (part / 2, whole / 2);
            }
            paid = part * pool / whole;
            self.reached.push("gain paid by share");
        }
        let rest = due - paid;
        let row = self.row_mut(i, account);
        row.carried.1 -= rest;
        (row.owed, row.due) = ((-rest).max(0), 0);
        self.vary(i, account, paid);
        self.cover(i, account);
        let row = self.row(i, account).expect("a row").clone();
        if row.owed > 0 {
            self.reached.push("loss not collected");
        }
        if self.covered(i, account) || row.held >= self.maintenance(i, account) {
            return;
        }
        let after = i128::from(self.contract(i).terms.call_deadline.0);
        let last = i128::from(Time::MAX.nanoseconds());
        let deadline = match row.called {
            Called::Until(_) => return,
            Called::No => (marking.deadline + after).min(last),
            Called::Waiting => marking.deadline,
        };
        self.row_mut(i, account).called = Called::Until(deadline);
        self.say_call(i, account);
    }

    /// A row holds what it must, or all there is.
    fn cover(&mut self, i: usize, account: usize) {
        let required = self.required(i, account);
        let available = self.available(account, self.contract(i).money);
        let row = self.row_mut(i, account);
        let top = (required - row.held).clamp(0, available);
        row.held = (row.held + top).min(required);
    }

    /// A deposit answers calls, in order of their rows.
    pub(super) fn answer_calls(&mut self, account: usize, asset: usize) {
        let mut rows = Vec::new();
        for (i, known) in self.instruments.iter().enumerate() {
            let contract = known.margin.as_ref();
            let contract = contract.filter(|contract| contract.money == asset);
            let all = contract.into_iter().flat_map(|contract| &contract.rows);
            let own = all.filter(|row| row.account == account && row.called != Called::No);
            rows.extend(own.map(|row| (row.born, i)));
        }
        rows.sort_unstable();
        for (_, i) in rows {
            self.cover(i, account);
            if self.covered(i, account) {
                self.reached.push("deposit meets a call");
            }
        }
    }

    /// Marks and calls that are to come: instant, kind, id.
    pub(super) fn margin_deadlines(&self) -> Vec<(i128, u8, u64)> {
        let mut list = Vec::new();
        for (i, known) in self.instruments.iter().enumerate() {
            let Some(contract) = &known.margin else {
                continue;
            };
            let marking = contract.marking.as_ref();
            list.extend(marking.map(|marking| (marking.deadline, 4, i as u64)));
            for row in &contract.rows {
                if let Called::Until(at) = row.called {
                    list.push((at, 5, row.born as u64));
                }
            }
        }
        list
    }

    /// An instrument trades continuously: its overdue calls are due.
    pub(super) fn rearm(&mut self, i: usize, at: i128) {
        let rows = self.instruments[i].margin.as_mut();
        for row in rows.into_iter().flat_map(|contract| &mut contract.rows) {
            if row.called == Called::Waiting {
                row.called = Called::Until(at);
            }
        }
    }

    /// A call's deadline has come; whether the engine made an order.
    pub(super) fn end_call(&mut self, born: usize, left: &mut usize) -> bool {
        let all = 0..self.instruments.len();
        let found = all.into_iter().find_map(|i| {
            let contract = self.instruments[i].margin.as_ref()?;
            let row = contract.rows.iter().find(|row| row.born == born)?;
            Some((i, row.account))
        });
        let (i, account) = found.expect("a row");
        self.cover(i, account);
        if self.covered(i, account) {
            self.reached.push("call met at its deadline");
            return false;
        }
        if self.phase(i) != Phase::Continuous || !self.trading(i) {
            return self.wait(i, account);
        }
        let own = |order: &&Order| order.instrument == i && order.account.place() == account;
        let all: Vec<u64> = self
            .orders
            .iter()
            .filter(own)
            .map(|order| order.id)
            .collect();
        let part = all.len().min(*left);
        *left -= part;
        for id in &all[..part] {
            self.end(*id, ExecType::Canceled, Cause::ForcedReduction);
            self.reached.push("order cancelled for a reduction");
        }
        if part < all.len() {
            return false;
        }
        let made = self.reduce(i, account);
        let row = self.row(i, account).expect("a row");
        if row.called != Called::No {
            self.wait(i, account);
        }
        made
    }

    fn wait(&mut self, i: usize, account: usize) -> bool {
        self.row_mut(i, account).called = Called::Waiting;
        self.say_call(i, account);
        false
    }

    fn reduce(&mut self, i: usize, account: usize) -> bool {
        let net = self.row(i, account).expect("a row").net();
        let side = if net > 0 { Side::Sell } else { Side::Buy };
        let full = self.orders.len() >= self.limits.orders_max as usize;
        let protection = self.protection(i, side);
        if net == 0 || full || protection.is_none() {
            self.reached.push("forced reduction without a market");
            return false;
        }
        let quantity = ledger::small(net.abs());
        let order = Order {
            id: self.sequence.value(),
            account: AccountId::new(account as u32),
            owner: self.accounts[account].owner,
            instrument: i,
            side,
            kind: Kind::Market,
            price: protection,
            stop: None,
            tif: TimeInForce::ImmediateOrCancel,
            mode: SelfTradePrevention::CancelMaker,
            display: i64::MAX,
            post_only: false,
            quantity,
            leaves: quantity,
            cumulative: 0,
            displayed: 0,
            place: Place::Taking,
            queue: 0,
            rates: FeeRates::default(),
            accrued: 0,
            held: 0,
        };
        self.hold_margin(&order, None);
        let id = order.id;
        self.orders.push(order);
        self.report(id, ExecType::New, Cause::ForcedReduction);
        self.reached.push("forced reduction");
        self.run.clear();
        self.take(id);
        let left = self.row(i, account).expect("a row").net();
        self.reached.push(if left == 0 {
            "forced reduction closes all"
        } else {
            "forced reduction closes a part"
        });
        self.elect(i);
        true
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
