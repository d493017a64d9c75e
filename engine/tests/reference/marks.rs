//! Marks of margin forwards, calls and forced reductions (section 19).
//!
//! Invariant: nobody is paid what was not collected. Not here: orders and trades (`margin`).

use super::margin::{Called, Marking};
use super::*;

fn told(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

impl Reference {
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
            list.extend(marking.map(|marking| (marking.deadline, 7, i as u64)));
            for row in &contract.rows {
                if let Called::Until(at) = row.called {
                    list.push((at, 8, row.born as u64));
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
            return self.let_wait(i, account);
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
            self.let_wait(i, account);
        }
        made
    }

    fn let_wait(&mut self, i: usize, account: usize) -> bool {
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
            session: None,
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
}
