//! What is said: reports, book changes, rejects (section 1).

use super::*;

impl Reference {
    /// One more report of an account and its participant.
    pub(super) fn count(&mut self, account: AccountId) -> Counters {
        let known = &mut self.accounts[account.place()];
        known.count += 1;
        let participant = &mut self.participants[known.participant].1;
        *participant += 1;
        Counters {
            account: known.count,
            participant: *participant,
        }
    }

    /// A report about an order as it stands, without counters.
    fn words(order: &Order, exec_type: ExecType, cause: Cause) -> OrderReport {
        let (status, leaves) = match exec_type {
            ExecType::Canceled => (OrderStatus::Canceled, 0),
            ExecType::Expired => (OrderStatus::Expired, 0),
            _ if order.cumulative > 0 => (OrderStatus::PartiallyFilled, order.leaves),
            _ => (OrderStatus::New, order.leaves),
        };
        OrderReport {
            status,
            cause,
            instrument: Some(handle(order.instrument)),
            side: Some(order.side),
            price: order.price.map(price),
            stop_price: order.stop.map(price),
            order_quantity: lots(order.quantity),
            leaves: lots(leaves),
            cumulative: lots(order.cumulative),
            held: if leaves == 0 {
                0
            } else {
                ledger::small(order.held)
            },
            ..blank(exec_type, order_id(order.id), order.account)
        }
    }

    pub(super) fn report(&mut self, id: u64, exec_type: ExecType, cause: Cause) {
        let mut report = Self::words(self.get(id), exec_type, cause);
        report.counters = self.count(report.account);
        self.out.push(Event::Report(report));
    }

    pub(super) fn book(&mut self, id: u64, action: BookAction) {
        let order = self.get(id);
        let shown = if action == BookAction::Delete {
            0
        } else {
            order.displayed
        };
        let change = BookChange {
            instrument: handle(order.instrument),
            order: order_id(id),
            side: order.side,
            action,
            price: price(order.price.expect("an order in the book has a price")),
            displayed: lots(shown),
        };
        self.out.push(Event::Book(change));
    }

    /// The order leaves for good: its report, its book change, and it is forgotten.
    pub(super) fn end(&mut self, id: u64, exec_type: ExecType, cause: Cause) {
        self.report(id, exec_type, cause);
        self.forget(id, cause);
        if self.get(id).place == Place::Book {
            self.book(id, BookAction::Delete);
        }
        let order = self.get(id);
        let (i, account, held) = (order.instrument, order.account.place(), order.held);
        self.orders.retain(|order| order.id != id);
        if self.instruments[i].margin.is_some() {
            self.let_go(i, account, held);
        }
    }

    pub(super) fn refuse(&mut self, body: &Body, reject: Reject, counted: bool) {
        if let Body::Contract(contract) = body {
            return self.refuse_contract(contract, reject, counted);
        }
        let reject = Some(reject);
        let mut report = match body {
            Body::NewOrder(new) => self.refused_new(new),
            Body::CancelOrder(ask) => {
                self.refused(ExecType::CancelRejected, ask.order, ask.account)
            }
            Body::ReplaceOrder(ask) => {
                self.refused(ExecType::ReplaceRejected, ask.order, ask.account)
            }
            Body::MassCancel(mass) => return self.answer_mass(mass, reject, 0, 0),
            _ => return self.answer(reject, None),
        };
        report.reject = reject;
        if counted {
            report.counters = self.count(report.account);
        }
        self.out.push(Event::Report(report));
    }

    fn refused(&self, exec_type: ExecType, order: OrderId, account: AccountId) -> OrderReport {
        match self.live(order, account) {
            Ok(id) => Self::words(self.get(id), exec_type, Cause::Request),
            Err(_) => blank(exec_type, order, account),
        }
    }

    fn refused_new(&self, new: &NewOrder) -> OrderReport {
        let asked = registry::asked(&new.order_type);
        let id = OrderId::rejected(self.sequence);
        OrderReport {
            instrument: Some(new.instrument),
            side: Some(new.side),
            price: asked.limit.map(price),
            stop_price: asked.stop.map(price),
            order_quantity: new.quantity,
            ..blank(ExecType::Rejected, id, new.account)
        }
    }

    pub(super) fn answer(&mut self, reject: Option<Reject>, handle: Option<u32>) {
        let report = OperationReport { reject, handle };
        self.out.push(Event::Operation(report));
    }

    pub(super) fn answer_mass(
        &mut self,
        mass: &MassCancel,
        reject: Option<Reject>,
        canceled: u32,
        kept: u32,
    ) {
        let account = mass.account;
        self.out.push(Event::MassCancel(MassCancelReport {
            account,
            reject,
            canceled,
            kept,
        }));
    }

    pub(super) fn find(&self, id: u64) -> Option<&Order> {
        self.orders.iter().find(|order| order.id == id)
    }

    pub(super) fn get(&self, id: u64) -> &Order {
        self.find(id).expect("a live order")
    }

    pub(super) fn get_mut(&mut self, id: u64) -> &mut Order {
        let mut orders = self.orders.iter_mut();
        orders.find(|order| order.id == id).expect("a live order")
    }

    /// The live order with this id, of this account.
    pub(super) fn live(&self, id: OrderId, account: AccountId) -> Result<u64, RejectReason> {
        let found = self
            .find(id.sequence)
            .filter(|order| order.account == account);
        let found = found.filter(|_| id.slot == 0);
        found
            .map(|order| order.id)
            .ok_or(RejectReason::UnknownOrder)
    }
}

fn blank(exec_type: ExecType, order: OrderId, account: AccountId) -> OrderReport {
    OrderReport {
        exec_type,
        status: OrderStatus::Rejected,
        cause: Cause::Request,
        reject: None,
        order,
        account,
        instrument: None,
        side: None,
        price: None,
        stop_price: None,
        order_quantity: Quantity::ZERO,
        leaves: Quantity::ZERO,
        cumulative: Quantity::ZERO,
        held: 0,
        counters: Counters {
            account: 0,
            participant: 0,
        },
    }
}
