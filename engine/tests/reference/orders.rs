//! New orders, cancels, replaces, mass cancels (sections 2 and 7).

use super::registry::{asked, fails};
use super::*;
use RejectReason as R;
use TimeInForce as T;

impl Reference {
    fn would_take(&self, order: &Order) -> bool {
        let best = self.best(order.instrument, order.side.opposite());
        best.is_some_and(|best| order.accepts(best))
    }

    /// The ladder of section 2; the order, if it passes.
    fn check(&self, new: &NewOrder) -> Result<Order, Reject> {
        let account = self
            .accounts
            .get(new.account.place())
            .ok_or(R::UnknownAccount)?;
        let (i, side, tif) = (new.instrument.place(), new.side, new.time_in_force);
        self.may_trade(new.account, i, side)?;
        let asked = asked(&new.order_type);
        self.entry(new, &asked)?;
        self.sign(i, &[asked.given, asked.stop])?;
        let market = matches!(asked.kind, Kind::Market | Kind::ToLimit);
        let waits = asked.stop.is_none() && (self.auction(i).is_some() || tif == T::Closing);
        let mut at = asked.given;
        if market && at.is_none() && waits {
            at = self
                .band(i)
                .map(|band| if side == Side::Buy { band.1 } else { band.0 })
                .map(|at| at.max(ledger::lowest(self.instruments[i].terms.price_sign)));
        } else if market && at.is_none() {
            at = self.protection(i, side);
        }
        fails(market && waits && at.is_none(), R::PriceSign)?;
        if let (Kind::Stop, None, Some(stop)) = (asked.kind, at, asked.stop)
            && (self.instruments[i].clearing.is_some() || self.instruments[i].margin.is_some())
        {
            at = Some(self.stop_protection(i, side, stop));
        }
        self.amounts(new, &asked)?;
        self.notional(i, asked.given.or(asked.stop).or(at), new.quantity.lots())?;
        self.worth(i, at, new.quantity.lots())?;
        self.static_band(i, &[asked.given, asked.stop])?;
        self.dynamic_band(i, side, asked.given.filter(|_| asked.stop.is_none()))?;
        let parked = tif == T::Closing && !self.in_closing_auction(i);
        let order = Order {
            id: self.sequence.value(),
            account: new.account,
            session: self.through,
            owner: account.owner,
            instrument: i,
            side,
            kind: asked.kind,
            price: at,
            stop: asked.stop,
            tif,
            mode: new.self_trade_prevention,
            display: asked.display.map_or(i64::MAX, Quantity::lots),
            post_only: asked.post_only,
            quantity: new.quantity.lots(),
            leaves: new.quantity.lots(),
            cumulative: 0,
            displayed: 0,
            place: if parked { Place::Parked } else { Place::Taking },
            queue: 0,
            rates: self.rates_of(new.account.place(), i),
            accrued: 0,
            held: 0,
        };
        self.may_send(new.account, i)?;
        self.room(&order, asked.kind == Kind::Limit || (waits && market))?;
        self.may_have(&order)?;
        self.position_limit(&order, None)?;
        if self.phase(i) == Phase::Continuous && !waits && order.stop.is_none() {
            self.outcome(&order, new.min_quantity)?;
        }
        self.can_hold(new, &order)?;
        Ok(order)
    }

    /// Whether a new order can hold what it must.
    fn can_hold(&self, new: &NewOrder, order: &Order) -> Result<(), Reject> {
        if self.instruments[order.instrument].margin.is_some() {
            self.margined(order, None)?;
            return Ok(());
        }
        self.funded(order, (0, 0))?;
        let two = self.two(order);
        fails(two.is_some_and(|two| !self.room_for(&two)), R::Positions)?;
        self.room_to_settle(new)?;
        Ok(())
    }

    /// The money that an order holds after a replace, if it can.
    fn hold_anew(&mut self, priced: &Order, order: &Order) -> Result<i128, Reject> {
        let held = self.hold(priced).0;
        if self.instruments[order.instrument].margin.is_some() {
            self.margined(priced, Some(order))?;
            let now = Order {
                held,
                ..priced.clone()
            };
            self.hold_margin(&now, Some(order));
        } else {
            let goods = self.hold(order).1;
            self.funded(priced, (order.held, goods))?;
            self.note_replace(order.held, held);
        }
        Ok(held)
    }

    /// Bounds of the book.
    fn room(&self, order: &Order, levelled: bool) -> Result<(), R> {
        let full = self.orders.len() >= self.limits.orders_max as usize;
        fails(full, R::OpenOrders)?;
        let waits = |other: &&Order| other.is_at(Place::Stop, order.instrument);
        let full = self.orders.iter().filter(waits).count() >= self.limits.stops_max as usize;
        fails(order.stop.is_some() && full, R::StopOrders)?;
        let none = |at| self.no_level(order.instrument, order.side, at);
        let joins = levelled && order.place != Place::Parked;
        fails(joins && order.price.is_some_and(none), R::PriceLevels)
    }

    /// What matching would give.
    fn outcome(&self, order: &Order, least: Option<Quantity>) -> Result<(), R> {
        fails(
            order.post_only && self.would_take(order),
            R::PostOnlyWouldTake,
        )?;
        let can = self.can_trade(order);
        fails(
            order.tif == T::FillOrKill && can < order.leaves,
            R::FokUnfillable,
        )?;
        fails(
            least.is_some_and(|least| can < least.lots()),
            R::MinQuantity,
        )
    }

    pub(super) fn new_order(&mut self, new: &NewOrder) -> Result<(), Reject> {
        let mut order = self.check(new)?;
        let id = order.id;
        for (holder, asset) in self.two(&order).into_iter().flatten() {
            self.need(holder, asset);
        }
        let money = self.hold(&order).0;
        if let Some(contract) = &self.instruments[order.instrument].margin {
            self.need(Holder::Account(order.account.place()), contract.money);
            self.need_row(&order);
            order.held = money;
            self.hold_margin(&order, None);
        } else {
            let why = match order.side {
                Side::Buy => "draw for a buyer",
                Side::Sell => "draw for a seller",
            };
            self.draw(&order, money, why);
            order.held = money;
        }
        let margin = self.instruments[order.instrument].margin.is_some();
        if order.held > 0 && order.side == Side::Sell && !margin {
            self.reached.push("seller with money held");
        }
        self.was_sent(order.account, order.instrument);
        self.orders.push(order);
        self.rows = self.rows.max(self.orders.len());
        self.report(id, ExecType::New, Cause::Request);
        self.place(id);
        Ok(())
    }

    /// Puts an order that is in no book where it belongs, with all that follows.
    fn place(&mut self, id: u64) {
        let order = self.get(id).clone();
        let continuous = self.phase(order.instrument) == Phase::Continuous;
        self.run.clear();
        if order.place == Place::Parked {
            return;
        }
        if order.stop.is_some() {
            let last = self.instruments[order.instrument].last;
            self.queue += 1;
            (self.get_mut(id).place, self.get_mut(id).queue) = (Place::Stop, self.queue);
            if continuous && last.is_some_and(|last| order.elected_at(last)) {
                self.trigger(id);
            }
        } else if continuous {
            self.take(id);
        } else {
            self.join(id);
        }
        self.elect(order.instrument);
        self.indicate();
    }

    pub(super) fn cancel(&mut self, cancel: &CancelOrder) -> Result<(), Reject> {
        self.known_account(cancel.account)?;
        let id = self.live(cancel.order, cancel.account)?;
        self.permits(self.get(id).instrument, Action::Cancel)?;
        self.end(id, ExecType::Canceled, Cause::Request);
        self.indicate();
        Ok(())
    }

    fn known_account(&self, account: AccountId) -> Result<(), R> {
        fails(self.accounts.len() <= account.place(), R::UnknownAccount)
    }

    /// Standing, the role at the instrument's venue, switches, and whether there is the instrument.
    fn may_trade(&self, account: AccountId, i: usize, side: Side) -> Result<(), R> {
        self.may_enter(account)?;
        let known = i < self.instruments.len();
        if known {
            self.may_take_side(account, i, side)?;
        }
        self.stopped(account, [self.through, None], Some(i))?;
        fails(!known, R::UnknownInstrument)
    }

    /// Limits of open orders and of the position.
    fn may_have(&self, order: &Order) -> Result<(), R> {
        self.may_open(order.account, order.instrument)?;
        if order.side == Side::Sell {
            return Ok(());
        }
        self.may_buy(order.account, order.instrument, order.leaves)
    }

    /// The order of a replace, if its account may replace it now.
    fn replaceable(&self, replace: &ReplaceOrder) -> Result<Order, Reject> {
        self.known_account(replace.account)?;
        if self.fault != Some(Fault::SuspensionForgotten) {
            self.may_enter(replace.account)?;
        }
        let id = self.live(replace.order, replace.account);
        let named = id.ok().map(|id| self.get(id).clone());
        if let Some(order) = &named {
            self.may_take_side(replace.account, order.instrument, order.side)?;
        }
        let session = named.as_ref().and_then(|order| order.session);
        let at = named.as_ref().map(|order| order.instrument);
        self.stopped(replace.account, [self.through, session], at)?;
        let order = named.ok_or(R::UnknownOrder)?;
        self.permits(order.instrument, Action::Replace)?;
        self.is_qualified(replace.account, order.instrument)?;
        Ok(order)
    }

    pub(super) fn replace(&mut self, replace: &ReplaceOrder) -> Result<(), Reject> {
        let order = self.replaceable(replace)?;
        let (id, i) = (order.id, order.instrument);
        let given = [replace.price, replace.stop_price];
        let [limit, stop] = given.map(|price| price.map(Price::ticks));
        self.sign(i, &[limit, stop])?;
        fails(replace.quantity == Some(Quantity::ZERO), R::Quantity)?;
        let most = self.instruments[i].terms.max_quantity;
        let above = replace.quantity.is_some_and(|quantity| quantity > most);
        fails(above, R::MaxQuantity)?;
        let limited = matches!(order.kind, Kind::Limit | Kind::StopLimit);
        let quantity = replace.quantity.map_or(order.quantity, Quantity::lots);
        let new = (limit.or(order.price), stop.or(order.stop), quantity);
        let old = (order.price, order.stop, order.quantity);
        let missing = (limit.is_some() && !limited) || (stop.is_some() && order.stop.is_none());
        fails(missing || new == old, R::ReplaceInvalid)?;
        if replace.quantity.is_some() && quantity <= order.cumulative {
            self.end(id, ExecType::Canceled, Cause::ReplacedBelowFilled);
            self.indicate();
            return Ok(());
        }
        let own = if limited { new.0 } else { new.1.or(new.0) };
        self.notional(i, own, quantity)?;
        self.worth(i, new.0, quantity - order.cumulative)?;
        self.static_band(i, &[limit, stop])?;
        let booked = order.place == Place::Book;
        self.dynamic_band(i, order.side, limit.filter(|_| order.place != Place::Stop))?;
        self.may_send(replace.account, i)?;
        let no_level = limit.is_some_and(|at| self.no_level(i, order.side, at));
        fails(booked && no_level, R::PriceLevels)?;
        let more = quantity - order.quantity;
        if more > 0 && order.side == Side::Buy {
            self.may_buy(replace.account, i, more)?;
        }
        let takes = booked && self.phase(i) == Phase::Continuous && order.post_only;
        let priced = Order {
            price: new.0,
            leaves: quantity - order.cumulative,
            ..order.clone()
        };
        self.position_limit(&priced, Some(&order))?;
        fails(takes && self.would_take(&priced), R::PostOnlyWouldTake)?;
        let held = self.hold_anew(&priced, &order)?;
        if self.fault != Some(Fault::TokenKept) {
            self.was_sent(replace.account, i);
        }
        self.draw(&order, held - order.held, "draw for a replace");
        let now = self.get_mut(id);
        (now.price, now.stop, now.quantity) = new;
        (now.leaves, now.held) = (priced.leaves, held);
        self.report(id, ExecType::Replaced, Cause::Request);
        let falls = (new.0, new.1) == (old.0, old.1) && quantity < old.2;
        if booked && falls {
            let now = self.get_mut(id);
            now.displayed = now.displayed.min(now.leaves);
            if now.displayed != order.displayed {
                self.book(id, BookAction::Change);
            }
        } else if booked {
            self.leave(id, order.price);
        }
        if !falls {
            self.place(id);
        }
        self.indicate();
        Ok(())
    }

    pub(super) fn mass_cancel(&mut self, mass: &MassCancel) -> Result<(), Reject> {
        self.known_account(mass.account)?;
        let instrument = mass.instrument.map(InstrumentId::place);
        if let Some(i) = instrument {
            fails(i >= self.instruments.len(), R::UnknownInstrument)?;
            self.permits(i, Action::MassCancel)?;
        }
        let (mut canceled, mut kept) = (0, 0);
        for order in self.orders.clone() {
            let here = instrument.is_none_or(|i| i == order.instrument);
            let side = mass.side.is_none_or(|side| side == order.side);
            if order.account != mass.account || !here || !side {
                continue;
            }
            if self.permits(order.instrument, Action::MassCancel).is_ok() {
                self.end(order.id, ExecType::Canceled, Cause::MassCancel);
                canceled += 1;
            } else {
                kept += 1;
            }
        }
        self.indicate();
        self.answer_mass(mass, None, canceled, kept);
        Ok(())
    }
}
