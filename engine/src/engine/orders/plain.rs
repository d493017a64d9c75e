//! The short way of a plain order and of a plain cancel: the checks it needs, then what it does.
//!
//! Most commands are these two. They ask what `check_new` and `check_cancel` ask of them, by the
//! same leaves, and what they do is done by the same leaves as for every other order; only the
//! branches that cannot concern them are gone, and with them most calls.
//!
//! Invariant: either all checks pass and the command is carried out, or nothing is changed and the
//! long way answers; where debug assertions are on the long way's checks are asked too, and agree.
//! A check that is added there is added here, or makes orders or settings that it looks at not
//! plain. Not here: refusals.

use super::super::Engine;
use crate::book::arena::{Place as Where, Row};
use crate::clearing::Cleared;
use crate::clearing::hold::Hold;
use crate::clearing::ledger::Place;
use crate::command::CancelOrder;
use crate::event::{BookAction, Cause, Event, Events, ExecType};
use crate::market::{book, plain};
use crate::matching::parts::{self, Said};
use crate::types::{AccountId, InstrumentId, NewOrder, OwnerId, Price, Quantity, SessionId, Side};
use crate::venue::Action;

/// What a plain order will be and hold.
#[derive(Clone, Copy, Debug)]
struct Plain {
    owner: OwnerId,
    price: Price,
    /// `Hold::NONE` where its instrument has no clearing.
    hold: Hold,
    /// Where a buy brings its goods, and how many minor units.
    brings: Option<(usize, i128)>,
}

/// Where so many lots of a cleared buy go, and how many minor units they are.
#[inline]
fn brings(cleared: &Cleared, side: Side, at: Place, lots: Quantity) -> Option<(usize, i128)> {
    let units = i128::from(lots.lots()) * i128::from(cleared.lot_units);
    (side == Side::Buy).then_some((at.index() as usize, units))
}

#[expect(
    clippy::inline_always,
    reason = "what the checks find stays in registers; measured"
)]
impl Engine {
    /// Carries out a plain order whose checks all pass; `false` where the long way must.
    #[inline(always)]
    pub(super) fn new_plain(
        &mut self,
        order: &NewOrder,
        session: Option<SessionId>,
        events: &mut Events,
    ) -> bool {
        let Some(checked) = self.check_plain(order) else {
            return false;
        };
        debug_assert!(self.agrees(order, session, &checked), "{checked:?}");
        // Nothing below can fail.
        let slot = self.arena.next_slot();
        let room = self.arena.has_room(order.account.index());
        if !room || !self.switches.has_room(slot, session) {
            self.make_room(order.account, slot, session);
        }
        let price = checked.price;
        let row = book::plain_row(order, self.sequence, (checked.owner, price));
        let slot = self.arena.reuse(&row);
        self.switches.note_in_place(slot, session);
        self.clearing.enter_plain(slot, &checked.hold);
        self.parties.opened(order.account);
        if let Some((place, units)) = checked.brings {
            self.risk.buys_more(place, units);
        }
        let said = Said {
            exec_type: ExecType::New,
            cause: Cause::Request,
            held: checked.hold.money,
            counters: self.parties.count(order.account),
        };
        events.push(Event::Report(parts::report_of(&row, slot, said)));
        let market = self.markets[order.instrument.place()].as_deref_mut();
        let book = &mut market.expect("the checks saw it").book;
        if book.side(order.side.opposite()).is_reached(price) {
            self.match_plain(order.instrument, slot, events);
        } else {
            let leaves = order.quantity;
            book.add_at(&mut self.arena, slot, order.side, (price, leaves));
            let added = parts::change_of(&row, slot, BookAction::Add, leaves);
            events.push(Event::Book(added));
        }
        true
    }

    /// Matches an order in hand that crosses.
    #[inline(never)]
    fn match_plain(&mut self, instrument: InstrumentId, slot: u32, events: &mut Events) {
        let mut floor = self.floor(instrument, events);
        floor.market.go(&mut floor.desk, floor.setting, slot);
    }

    /// Makes room for an order that is to come, in one place, so that nothing grows afterwards.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, account: AccountId, slot: u32, session: Option<SessionId>) {
        self.arena.make_room(account.index());
        self.clearing.make_room(slot);
        self.switches.note_origin(slot, session);
    }

    /// Everything `check_new` asks of a plain order of parties that are watched by nothing.
    #[inline(always)]
    fn check_plain(&self, order: &NewOrder) -> Option<Plain> {
        let (participant, owner) = self.parties.link(order.account)?;
        if self.standings.is_used() || self.switches.are_any_engaged() || self.risk.is_on() {
            return None;
        }
        let setting = self.settings.get(order.instrument, self.changes())?;
        setting.permits(Action::New).ok()?;
        let price = plain::price(order, setting)?;
        plain::check_terms(order, price, setting).ok()?;
        let market = self.markets.get(order.instrument.place())?.as_deref()?;
        let levels = market.book.side(order.side).levels();
        if self.arena.is_full() || levels >= setting.levels_max {
            return None;
        }
        let (mut hold, mut buys) = (Hold::NONE, None);
        if let Some(cleared) = setting.cleared() {
            if cleared.is_ruled() {
                return None;
            }
            let rates = setting.rates[usize::from(self.clearing.fees.tier(participant))];
            hold = self.clearing.check_plain(cleared, order, price, rates)?;
            buys = brings(cleared, order.side, hold.goods_at, order.quantity);
        }
        Some(Plain {
            owner,
            price,
            hold,
            brings: buys,
        })
    }

    /// Whether the long way's checks find the same.
    fn agrees(&self, order: &NewOrder, session: Option<SessionId>, found: &Plain) -> bool {
        let all = self.check_new(order, session, self.time);
        all.is_ok_and(|all| {
            let same = all.entered.map_or(found.hold == Hold::NONE, |entered| {
                entered.is_of(&found.hold)
            });
            same && all.margining.is_none()
                && (all.owner, all.price) == (found.owner, Some(found.price))
        })
    }

    /// Carries out the cancel of an order that rests in continuous trading; `false` where the long
    /// way must.
    #[inline(always)]
    pub(super) fn cancel_plain(&mut self, command: &CancelOrder, events: &mut Events) -> bool {
        let Some((row, brought)) = self.check_cancel_plain(command) else {
            return false;
        };
        let slot = command.order.slot;
        debug_assert_eq!(self.check_cancel(command), Ok(slot), "a short way");
        // Nothing below can fail.
        let said = Said {
            exec_type: ExecType::Canceled,
            cause: Cause::Request,
            held: 0,
            counters: self.parties.count(command.account),
        };
        let report = parts::report_of(&row, slot, said);
        events.push(Event::Report(parts::ended(report)));
        let market = self.markets[row.instrument as usize].as_deref_mut();
        let book = &mut market.expect("a live order has a market").book;
        book.remove_row(&mut self.arena, slot, &row);
        let gone = parts::change_of(&row, slot, BookAction::Delete, Quantity::ZERO);
        events.push(Event::Book(gone));
        self.parties.ended(command.account);
        if let Some((place, units)) = brought {
            self.risk.buys_more(place, -units);
        }
        parts::end(&mut self.arena, &mut self.timers, &mut self.clearing, slot);
        true
    }

    /// The row of the order, as it stands, and what it would have brought.
    #[inline(always)]
    fn check_cancel_plain(&self, command: &CancelOrder) -> Option<(Row, Option<(usize, i128)>)> {
        let slot = self.arena.find(command.order)?;
        let row = *self.arena.row(slot);
        let own = row.account == command.account.index();
        if !own || row.flags.place() != Where::Book {
            return None;
        }
        let instrument = InstrumentId::new(row.instrument);
        let setting = self.settings.get(instrument, self.changes())?;
        let rests = setting.auction.is_none() && setting.permits(Action::Cancel).is_ok();
        let bought = setting.cleared().and_then(|cleared| {
            let at = self.clearing.goods_at(command.order.slot)?;
            brings(cleared, row.flags.side(), at, row.leaves)
        });
        rests.then_some((row, bought))
    }
}
