//! What a change of phase or status does to one instrument's orders.
//!
//! Invariant: after it, the book fits the new phase: nothing of a past auction is left, nothing
//! rests crossed in continuous trading. Source: trading models M0. Not here: which changes are
//! allowed and when (`venue`).

use super::{Market, Setting};
use crate::book::arena::{Force, Place};
use crate::event::{Cause, ExecType};
use crate::matching::{Desk, Run, auction, continuous, trigger};
use crate::venue::{Auction, Phase};

impl Market {
    /// The venue went from phase `old` to `setting.phase`.
    pub(crate) fn change_phase(&mut self, desk: &mut Desk<'_>, setting: &Setting, old: Phase) {
        let (before, now) = (old.auction(), setting.phase.auction());
        let ends = before.is_some() && before != now;
        if (ends || setting.phase == Phase::Uncross) && setting.trading && !self.book.is_empty() {
            auction::uncross(self, desk, setting);
        }
        if ends {
            match before {
                Some(Auction::Opening) => self.expire_for(desk, Force::Opening),
                Some(Auction::Closing) => self.expire_for(desk, Force::Closing),
                Some(Auction::Intraday) | None => {}
            }
        }
        if now.is_some() && before != now {
            self.published = None;
            if now == Some(Auction::Closing) {
                self.unpark_all(desk, setting);
            }
            self.publish_indicative(desk, setting.instrument);
        }
        if setting.is_continuous() && setting.trading {
            self.open_continuous(desk, setting);
        }
    }

    /// Continuous trading begins or is resumed: a crossed book is uncrossed, stops are elected.
    pub(crate) fn open_continuous(&mut self, desk: &mut Desk<'_>, setting: &Setting) {
        if self.book.is_crossed() {
            auction::uncross(self, desk, setting);
        }
        trigger::elections(self, desk, setting, Run::at(self.last_trade));
    }

    /// Ends the orders in the book that were good for one auction only, in id order.
    fn expire_for(&mut self, desk: &mut Desk<'_>, force: Force) {
        let mut orders = std::mem::take(&mut desk.scratch.orders);
        orders.clear();
        for slot in self.slots(desk.arena) {
            let row = desk.arena.row(slot);
            if row.flags.force() == force && row.flags.place() == Place::Book {
                orders.push((row.sequence, slot));
            }
        }
        orders.sort_unstable();
        for (_, slot) in orders.drain(..) {
            self.withdraw(desk, slot, ExecType::Expired, Cause::TimeOver);
        }
        desk.scratch.orders = orders;
    }

    /// Parked orders join the closing auction in id order.
    fn unpark_all(&mut self, desk: &mut Desk<'_>, setting: &Setting) {
        while self.parked.count > 0 {
            let slot = self.parked.head;
            let row = desk.arena.row(slot);
            let (side, price) = (row.flags.side(), row.price);
            if self.lacks_level(side, price, setting) {
                self.withdraw(desk, slot, ExecType::Canceled, Cause::NotPlaced);
            } else {
                self.unpark(desk.arena, slot);
                continuous::join(self, desk, slot);
            }
        }
    }
}
