//! The call auction: its price, the indicative, the uncross (section 6).

use super::*;

impl Reference {
    /// Price, volume and imbalance of an auction now.
    fn equilibrium(&self, instrument: usize) -> (Option<i64>, i64, i64) {
        let mut book: Vec<&Order> = self.orders.iter().collect();
        book.retain(|order| order.is_at(Place::Book, instrument));
        let sum = |side: Side, at: i64| -> i64 {
            let accepting = |order: &&&Order| order.side == side && order.accepts(at);
            book.iter()
                .filter(accepting)
                .map(|order| order.leaves)
                .sum()
        };
        let (demand, supply) = (|at| sum(Side::Buy, at), |at| sum(Side::Sell, at));
        let volume = |at| demand(at).min(supply(at));
        let surplus = |at| demand(at) - supply(at);
        let mut prices: Vec<i64> = book.iter().map(|order| order.ticks()).collect();
        prices.sort_unstable();
        let most = prices.iter().map(|&at| volume(at)).max().unwrap_or(0);
        if most == 0 {
            return (None, 0, 0);
        }
        prices.retain(|&at| volume(at) == most && demand(at + 1) <= most && supply(at - 1) <= most);
        let least = prices.iter().map(|&at| surplus(at).abs()).min();
        prices.retain(|&at| Some(surplus(at).abs()) == least);
        let up = i64::from(self.fault != Some(Fault::MiddleDown));
        let at = (prices[0] + prices[prices.len() - 1] + up).div_euclid(2);
        (Some(at), most, surplus(at))
    }

    /// Publishes the indicative of every instrument in a call where it changed.
    pub(super) fn indicate(&mut self) {
        self.indicate_of(0..self.instruments.len());
    }

    pub(super) fn indicate_of(&mut self, instruments: std::ops::Range<usize>) {
        for at in instruments
            .filter(|at| self.auction(*at).is_some())
            .collect::<Vec<_>>()
        {
            let now = self.equilibrium(at);
            if self.instruments[at].shown != now {
                self.instruments[at].shown = now;
                self.out.push(Event::Indicative(Indicative {
                    instrument: handle(at),
                    price: now.0.map(price),
                    volume: now.1,
                    imbalance: now.2,
                }));
            }
        }
    }

    /// The pairs that would trade: buyer, seller, quantity.
    fn pairs(&self, instrument: usize, at: i64, mut volume: i64) -> Vec<(Order, Order, i64)> {
        let [mut buys, mut sells] = [Side::Buy, Side::Sell].map(|side| {
            let queue = self.queue_of(instrument, side);
            queue
                .into_iter()
                .filter(|order| order.accepts(at))
                .cloned()
                .collect::<Vec<_>>()
        });
        let mut pairs = Vec::new();
        while volume > 0 {
            let quantity = buys[0].leaves.min(sells[0].leaves);
            pairs.push((buys[0].clone(), sells[0].clone(), quantity));
            volume -= quantity;
            for queue in [&mut buys, &mut sells] {
                queue[0].leaves -= quantity;
                if queue[0].leaves == 0 {
                    queue.remove(0);
                }
            }
        }
        pairs
    }

    /// Uncrosses an instrument, if something is in its book.
    pub(super) fn uncross(&mut self, instrument: usize) {
        if !self
            .orders
            .iter()
            .any(|order| order.is_at(Place::Book, instrument))
        {
            return;
        }
        let found = loop {
            let found = self.equilibrium(instrument);
            let at = found.0.unwrap_or_default();
            let pairs = self.pairs(instrument, at, found.1);
            let mut own = pairs
                .iter()
                .filter(|pair| pair.0.owner == pair.1.owner)
                .map(|pair| {
                    let newer_buys = pair.0.id > pair.1.id;
                    if newer_buys {
                        (&pair.0, &pair.1, pair.2)
                    } else {
                        (&pair.1, &pair.0, pair.2)
                    }
                });
            let prevented = |pair: &(&Order, &Order, i64)| pair.0.mode != SelfTradePrevention::None;
            if let Some((newer, older, quantity)) = own.clone().find(prevented) {
                self.meet(newer, older, true);
                self.prevent(newer.id, older.id, quantity, true);
                continue;
            }
            own.by_ref()
                .for_each(|pair| self.meet(pair.0, pair.1, true));
            for (buyer, seller, quantity) in &pairs {
                self.trade([buyer.id, seller.id], None, at, *quantity);
                self.shown(buyer.id, *quantity, true);
                self.shown(seller.id, *quantity, true);
            }
            break found;
        };
        self.out.push(Event::Uncrossed(Uncrossed {
            instrument: handle(instrument),
            price: found.0.map(price),
            volume: found.1,
            imbalance: found.2,
        }));
        self.instruments[instrument].shown = (None, 0, 0);
        let mut left = self.orders.clone();
        left.retain(|order| order.is_at(Place::Book, instrument) && order.kind != Kind::Limit);
        for order in left {
            let traded = order.kind == Kind::ToLimit && order.cumulative > 0;
            if found.0.is_some_and(|at| traded && order.accepts(at)) {
                self.get_mut(order.id).kind = Kind::Limit;
                self.price_set(order.id);
                self.leave(order.id, order.price);
                self.join(order.id);
            } else {
                self.end(order.id, ExecType::Canceled, Cause::Unfilled);
            }
        }
    }

    /// The order leaves the book, where it stood at `old`.
    pub(super) fn leave(&mut self, id: u64, old: Option<i64>) {
        let now = std::mem::replace(&mut self.get_mut(id).price, old);
        self.book(id, BookAction::Delete);
        (self.get_mut(id).price, self.get_mut(id).place) = (now, Place::Taking);
    }
}
