//! Continuous matching, self-trade prevention, what can trade, and stops (sections 3, 4, 5).

use super::*;
use SelfTradePrevention as Mode;

impl Reference {
    /// The orders in the book of one side, best price first, then queue.
    pub(super) fn queue_of(&self, instrument: usize, side: Side) -> Vec<&Order> {
        let mut list: Vec<&Order> = self.orders.iter().collect();
        list.retain(|order| order.is_at(Place::Book, instrument) && order.side == side);
        let newer = |order: &Order| match self.fault {
            Some(Fault::NewerFirst) => u64::MAX - order.queue,
            _ => order.queue,
        };
        list.sort_by_key(|order| (-sign(side) * order.ticks(), newer(order)));
        list
    }

    /// The best price of a side.
    pub(super) fn best(&self, instrument: usize, side: Side) -> Option<i64> {
        self.queue_of(instrument, side).first()?.price
    }

    /// Whether a side holds as many levels as it may, none of them at this price.
    pub(super) fn no_level(&self, instrument: usize, side: Side, at: i64) -> bool {
        let queue = self.queue_of(instrument, side);
        let mut levels: Vec<_> = queue.iter().map(|order| order.ticks()).collect();
        levels.dedup();
        !levels.contains(&at) && levels.len() >= self.limits.levels_max as usize
    }

    /// The order joins the back of its level.
    pub(super) fn join(&mut self, id: u64) {
        self.queue += 1;
        let queue = self.queue;
        let order = self.get_mut(id);
        (order.queue, order.place) = (queue, Place::Book);
        order.displayed = order.display.min(order.leaves);
        self.book(id, BookAction::Add);
    }

    /// As `join`, but cancelled when its side has no room for its level.
    pub(super) fn join_if_room(&mut self, id: u64) {
        let order = self.get(id);
        if self.no_level(order.instrument, order.side, order.ticks()) {
            self.end(id, ExecType::Canceled, Cause::NotPlaced);
        } else {
            self.join(id);
        }
    }

    /// Matches an order, then rests or ends what is left of it.
    pub(super) fn take(&mut self, id: u64) {
        let mut last = None;
        while let Some(taker) = self.find(id).filter(|taker| taker.leaves > 0).cloned() {
            let queue = self.queue_of(taker.instrument, taker.side.opposite());
            let maker = queue.first().map(|&maker| maker.clone());
            let Some(maker) = maker.filter(|maker| taker.accepts(maker.ticks())) else {
                return self.rest(&taker, last);
            };
            let quantity = taker.leaves.min(maker.displayed);
            if taker.owner == maker.owner {
                self.meet(&taker, &maker, false);
            }
            if taker.owner == maker.owner && taker.mode != Mode::None {
                self.prevent(id, maker.id, quantity, false);
            } else {
                self.trade([id, maker.id], Some(taker.side), maker.ticks(), quantity);
                self.shown(maker.id, quantity, false);
                last = maker.price;
            }
        }
        self.orders.retain(|order| order.id != id);
    }

    pub(super) fn meet(&mut self, newer: &Order, older: &Order, auction: bool) {
        let (mode, larger) = (newer.mode, newer.leaves.cmp(&older.leaves));
        self.meetings.push((mode, auction, larger));
    }

    /// Self-trade prevention, by the newer order's mode.
    pub(super) fn prevent(&mut self, newer: u64, older: u64, quantity: i64, auction: bool) {
        let mode = self.get(newer).mode;
        if mode == Mode::Decrement {
            for id in [newer, older] {
                let order = self.get_mut(id);
                (order.quantity, order.leaves) =
                    (order.quantity - quantity, order.leaves - quantity);
                let ended = order.leaves == 0;
                self.decremented(id);
                let exec_type = if ended {
                    ExecType::Canceled
                } else {
                    ExecType::Restated
                };
                self.report(id, exec_type, Cause::SelfTrade);
            }
            if auction {
                self.shown(newer, quantity, auction);
            }
            self.shown(older, quantity, auction);
        }
        if matches!(mode, Mode::CancelMaker | Mode::CancelBoth) {
            self.end(older, ExecType::Canceled, Cause::SelfTrade);
        }
        if matches!(mode, Mode::CancelTaker | Mode::CancelBoth) {
            self.end(newer, ExecType::Canceled, Cause::SelfTrade);
        }
    }

    pub(super) fn trade(&mut self, ids: [u64; 2], aggressor: Option<Side>, at: i64, quantity: i64) {
        let mut sides = ids;
        sides.sort_by_key(|&id| self.get(id).side);
        for id in sides {
            let order = self.get_mut(id);
            assert!(order.accepts(at), "traded beyond its limit: {order:?}");
            order.leaves -= quantity;
            order.cumulative += quantity;
        }
        let ([value, goods], settled) = self.settle(sides, aggressor, at, quantity);
        if self.instruments[self.get(sides[0]).instrument]
            .margin
            .is_none()
        {
            self.keep(sides, aggressor, at, quantity, settled.map(|side| side.0));
        }
        let fill = |this: &mut Self, id: u64, (fee, held): (i64, i64)| {
            let order = this.get(id);
            let (account, leaves, cumulative) = (order.account, order.leaves, order.cumulative);
            Fill {
                order: order_id(id),
                account,
                leaves: lots(leaves),
                cumulative: lots(cumulative),
                fee,
                held,
                counters: this.count(account),
            }
        };
        let buy = fill(self, sides[0], settled[0]);
        let sell = fill(self, sides[1], settled[1]);
        let instrument = self.get(ids[0]).instrument;
        for id in sides {
            self.did(self.get(id).account, instrument, registry::Deed::Trade);
        }
        self.instruments[instrument].last = Some(at);
        self.run.push(at);
        let (instrument, price, quantity) = (handle(instrument), price(at), lots(quantity));
        self.out.push(Event::Trade(Trade {
            instrument,
            price,
            quantity,
            value,
            goods,
            aggressor,
            buy,
            sell,
        }));
        if self.instruments[instrument.place()].margin.is_some() {
            for fill in [buy, sell] {
                if self.covered(instrument.place(), fill.account.place()) {
                    self.reached.push("trade meets a call");
                }
            }
        }
    }

    /// The book change of an order in the book that has lost `quantity`. In continuous trading
    /// what is shown goes first and a new slice goes to the back; in an auction what is hidden
    /// goes first and the place stays.
    pub(super) fn shown(&mut self, id: u64, quantity: i64, auction: bool) {
        let order = self.get_mut(id);
        let before = order.displayed;
        order.displayed = if auction {
            before.min(order.leaves)
        } else {
            before - quantity
        };
        let after = order.displayed;
        if order.leaves == 0 {
            self.book(id, BookAction::Delete);
            self.orders.retain(|order| order.id != id);
        } else if after == 0 {
            self.book(id, BookAction::Delete);
            self.join(id);
        } else if after != before {
            self.book(id, BookAction::Change);
        }
    }

    /// What is left of a taker rests or ends. `last`: the price of its last trade just now.
    fn rest(&mut self, taker: &Order, last: Option<i64>) {
        let now = [TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill];
        if taker.kind == Kind::ToLimit && last.is_some() {
            (self.get_mut(taker.id).kind, self.get_mut(taker.id).price) = (Kind::Limit, last);
            self.price_set(taker.id);
            self.join_if_room(taker.id);
        } else if taker.kind == Kind::Limit && !now.contains(&taker.tif) {
            self.join_if_room(taker.id);
        } else {
            self.end(taker.id, ExecType::Canceled, Cause::Unfilled);
        }
    }

    /// What of this order can trade at once (section 4).
    pub(super) fn can_trade(&self, order: &Order) -> i64 {
        let mut queue = self.queue_of(order.instrument, order.side.opposite());
        queue.retain(|maker| order.accepts(maker.ticks()));
        if order.mode == Mode::CancelMaker {
            queue.retain(|maker| maker.owner != order.owner);
        }
        let own = queue.iter().position(|maker| maker.owner == order.owner);
        let own = own.filter(|_| order.mode != Mode::None);
        let before = &queue[..own.unwrap_or(queue.len())];
        let level = own.map(|own| queue[own].price);
        let whole = |maker: &&Order| level != Some(maker.price);
        before
            .iter()
            .map(|o| if whole(o) { o.leaves } else { o.displayed })
            .sum()
    }

    /// Elects one stop and matches it.
    pub(super) fn trigger(&mut self, id: u64) {
        let order = self.get(id).clone();
        let computed = self.protection(order.instrument, order.side);
        let kind = if order.kind == Kind::StopLimit {
            Kind::Limit
        } else {
            Kind::Market
        };
        let now = self.get_mut(id);
        (now.kind, now.price) = (kind, order.price.or(computed));
        (now.stop, now.place) = (None, Place::Taking);
        self.report(id, ExecType::Triggered, Cause::Request);
        self.take(id);
    }

    /// Rounds of elections until one elects nothing. The first uses the run so far.
    pub(super) fn elect(&mut self, instrument: usize) {
        while let (Some(&low), Some(&high)) = (self.run.iter().min(), self.run.iter().max()) {
            self.run.clear();
            let mut round: Vec<_> = self.orders.clone();
            round.retain(|order| {
                let reached = if order.side == Side::Buy { high } else { low };
                order.is_at(Place::Stop, instrument) && order.elected_at(reached)
            });
            round.sort_by_key(|order| {
                let stop = sign(order.side) * order.stop.unwrap_or_default();
                (order.side, stop, order.queue)
            });
            if self.fault == Some(Fault::StopsBackwards) {
                round.reverse();
            }
            for order in &round {
                self.get_mut(order.id).place = Place::Taking;
            }
            for order in &round {
                self.trigger(order.id);
            }
        }
    }
}
