//! Ticks: deadlines fire in order of (instant, kind, id), and only here.
//!
//! Invariant: what is due first fires first, whatever its kind; one tick ends at most
//! `Limits::EXPIRIES_PER_TICK_MAX` orders, or frees as many rows of settlement, and then stops
//! before the next one. Not here: when a tick is sent (`runtime::sequencer`).

use super::Engine;
use super::margin::Reduction;
use super::switch::Ended;
use crate::event::{Cause, Event, Events, ExecType, SaleEvent};
use crate::limits::Limits;
use crate::switch::sweeps::Budget;
use crate::types::{InstrumentId, OrderId, SessionId, Time, VenueId};
use crate::venue::{Due, DueKind, Fired};

/// What is due, in the order in which deadlines fire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deadline {
    /// A day roll, a timetable entry or another version of a regime (kinds 0, 3 and 12).
    Venue(Due),
    /// The end of the day for a venue's orders (kind 1).
    DayEnd(Time, VenueId),
    /// What is due to settle at a venue (kind 2).
    Settlement(Time, VenueId),
    /// The end of a GTD order (kind 4).
    Order(Time, OrderId),
    /// A session's dead-man timer (kind 5).
    DeadMan(Time, SessionId),
    /// The next part of a sweep (kind 6).
    Sweep(Time),
    /// A mark of a margin forward that is not over (kind 7).
    Mark(Time, InstrumentId),
    /// The deadline of a margin call, by its row (kind 8).
    Call(Time, u32),
    /// The deadline of a contract, by its row (kind 9).
    Contract(Time, u32),
    /// A withdrawn offer forgets its buyers (kind 10).
    Forget(Time),
    /// A withdrawn offer forgets its tickets (kind 11).
    ForgetTickets(Time),
    /// The uses of a year that is over are forgotten (kind 13).
    ForgetUses(Time),
    /// The end of a discount, by its row (kind 14).
    Discount(Time, u32),
    /// An ended discount forgets who used it (kind 15).
    ForgetUsers(Time),
}

impl Deadline {
    /// When.
    pub(super) fn deadline(&self) -> Time {
        match self {
            Self::Venue(due) => due.deadline,
            Self::DayEnd(deadline, _)
            | Self::Settlement(deadline, _)
            | Self::Order(deadline, _)
            | Self::DeadMan(deadline, _)
            | Self::Sweep(deadline)
            | Self::Contract(deadline, _)
            | Self::Forget(deadline)
            | Self::ForgetTickets(deadline)
            | Self::ForgetUses(deadline)
            | Self::Discount(deadline, _)
            | Self::ForgetUsers(deadline)
            | Self::Mark(deadline, _)
            | Self::Call(deadline, _) => *deadline,
        }
    }

    /// Its place among those of one instant.
    fn kind(&self) -> u8 {
        match self {
            Self::Venue(Due {
                kind: DueKind::DayRoll,
                ..
            }) => 0,
            Self::DayEnd(..) => 1,
            Self::Venue(Due {
                kind: DueKind::Timetable,
                ..
            }) => 3,
            Self::Venue(Due {
                kind: DueKind::Law, ..
            }) => 12,
            Self::Settlement(..) => 2,
            Self::Order(..) => 4,
            Self::DeadMan(..) => 5,
            Self::Sweep(_) => 6,
            Self::Mark(..) => 7,
            Self::Call(..) => 8,
            Self::Contract(..) => 9,
            Self::Forget(_) => 10,
            Self::ForgetTickets(_) => 11,
            Self::ForgetUses(_) => 13,
            Self::Discount(..) => 14,
            Self::ForgetUsers(_) => 15,
        }
    }
}

impl Engine {
    /// What fires next.
    #[inline]
    pub(super) fn next_due(&self) -> Option<Deadline> {
        let venue = self.venues.next_deadline().map(Deadline::Venue);
        let day_end = self.day_ends.first();
        let day_end = day_end.map(|(deadline, venue)| Deadline::DayEnd(deadline, venue));
        let order = self.timers.first();
        let order = order.map(|(deadline, id)| Deadline::Order(deadline, id));
        let settlement = self.clearing.settlement.first();
        let settlement = settlement.map(|(deadline, venue)| Deadline::Settlement(deadline, venue));
        let margin = self.clearing.margin();
        let mark = margin.first_mark();
        let mark = mark.map(|(deadline, instrument)| Deadline::Mark(deadline, instrument));
        let call = margin.first_call();
        let call = call.map(|(deadline, row)| Deadline::Call(deadline, row));
        let all = [venue, day_end, settlement, order, mark, call];
        let all = all.into_iter().flatten();
        let mut first = all.min_by_key(|due| (due.deadline(), due.kind()));
        if self.contracts.is_anything_due() || self.sales.is_anything_due() {
            first = self.next_sale_due(first);
        }
        if self.switches.is_anything_due() {
            return self.next_switch_due(first);
        }
        first
    }

    /// What fires next, of what else does and of what switches have to do.
    #[cold]
    fn next_switch_due(&self, first: Option<Deadline>) -> Option<Deadline> {
        let dead_man = self.switches.first_dead_man();
        let dead_man = dead_man.map(|(deadline, session)| Deadline::DeadMan(deadline, session));
        let sweep = self.switches.sweeps.first();
        let sweep = sweep.map(|sweep| Deadline::Sweep(sweep.deadline));
        let all = [first, dead_man, sweep].into_iter().flatten();
        all.min_by_key(|due| (due.deadline(), due.kind()))
    }

    /// What fires next, of what else does and of contracts and withdrawn offers.
    fn next_sale_due(&self, first: Option<Deadline>) -> Option<Deadline> {
        let contract = self.contracts.first();
        let contract = contract.map(|(deadline, slot)| Deadline::Contract(deadline, slot));
        let forget = self.sales.buyers.first().map(Deadline::Forget);
        let tickets = self.sales.tickets.first().map(Deadline::ForgetTickets);
        let years = self.sales.annual.first().map(Deadline::ForgetUses);
        let discounts = &self.sales.discounts;
        let ends = discounts.first();
        let ends = ends.map(|(deadline, slot)| Deadline::Discount(deadline, slot));
        let users = discounts.users.first().map(Deadline::ForgetUsers);
        let all = [first, contract, forget, tickets, years, ends, users];
        let all = all.into_iter().flatten();
        all.min_by_key(|due| (due.deadline(), due.kind()))
    }

    pub(super) fn tick(&mut self, events: &mut Events) {
        let mut left = Budget::of(&self.limits);
        let mut rows = self.limits.margin_rows_per_tick as usize;
        let mut reduction = Reduction::Allowed;
        while let Some(due) = self.next_due().filter(|due| due.deadline() <= self.time) {
            match due {
                Deadline::Venue(due) => self.fire(due, events),
                _ if left.orders == 0 => break,
                Deadline::DayEnd(_, venue) => self.end_day(venue, &mut left.orders, events),
                Deadline::Settlement(..) => {
                    left.orders -= 1;
                    events.push(Event::Settlement(self.clearing.settle_next()));
                }
                Deadline::Order(_, id) => {
                    left.orders -= 1;
                    self.expire(id.slot, events);
                }
                Deadline::Contract(_, slot) => {
                    left.orders = left.orders.saturating_sub(Limits::EXPIRIES_PER_CONTRACT);
                    self.pass_deadline(slot, events);
                }
                Deadline::Forget(_) => {
                    left.orders -= 1;
                    self.sales.buyers.forget_one();
                }
                Deadline::ForgetTickets(_) => {
                    left.orders -= 1;
                    self.sales.tickets.forget_one();
                }
                Deadline::ForgetUses(_) => {
                    left.orders -= 1;
                    self.sales.annual.forget_one();
                }
                Deadline::Discount(_, slot) => {
                    left.orders -= 1;
                    let report = self.sales.discounts.end(slot);
                    events.push(Event::Sale(SaleEvent::Discount(report)));
                }
                Deadline::ForgetUsers(_) => {
                    left.orders -= 1;
                    self.sales.discounts.users.forget_one();
                }
                Deadline::DeadMan(_, session) => {
                    left.orders -= 1;
                    self.fire_dead_man(session, events);
                }
                Deadline::Sweep(_) => {
                    if self.sweep(&mut left, events) == Ended::InPart {
                        break;
                    }
                }
                Deadline::Mark(..) if rows == 0 => break,
                Deadline::Mark(..) => self.clearing.go_on_marking(&mut rows, events),
                Deadline::Call(..) if reduction == Reduction::Made => break,
                Deadline::Call(_, row) => {
                    reduction = self.end_call(row, &mut left.orders, events);
                }
            }
            self.timers.tidy(&self.arena);
        }
        self.contracts.forget_gaps(self.time);
        self.publish_touched(events);
    }

    fn fire(&mut self, due: Due, events: &mut Events) {
        match self.venues.fire(due) {
            Fired::DayRolled(rolled) => {
                events.push(Event::DayRolled(rolled));
                let trades = &mut self.clearing.trades;
                trades.day_rolled(rolled.venue, self.sequence);
                trades.forget_old(&self.venues);
                self.day_ends
                    .fall_due(rolled.venue, due.deadline, self.sequence);
                self.clearing.settlement.roll(rolled.venue, due.deadline);
                self.mark_all(rolled.venue, due.deadline, events);
            }
            Fired::Phase(venue, phase) => self.enter_phase(venue, phase, due.deadline, events),
            Fired::Passed => {}
            Fired::Moved(venue) => self.end_move(venue, events),
        }
    }

    fn expire(&mut self, slot: u32, events: &mut Events) {
        self.withdraw(slot, ExecType::Expired, Cause::TimeOver, events);
    }

    /// Ends orders of the venue's day, at most `left`; the day's end is over when none is left.
    fn end_day(&mut self, venue: VenueId, left: &mut usize, events: &mut Events) {
        self.collect_day(venue);
        while let Some(slot) = self.day_ends.next_live(&self.arena) {
            if *left == 0 {
                return;
            }
            *left -= 1;
            self.expire(slot, events);
        }
        self.day_ends.finish();
    }

    /// Collects the orders of the venue's day in id order, unless that was done.
    fn collect_day(&mut self, venue: VenueId) {
        if self.day_ends.is_collected() {
            return;
        }
        let mut orders = self.day_ends.begin();
        for instrument in self.venues.instruments_of(venue) {
            let market = self.market(*instrument);
            let slots = market.slots(&self.arena);
            orders.extend(slots.map(|slot| (self.arena.row(slot).sequence, slot)));
        }
        self.day_ends.collected(orders, &self.arena);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_deadline_has_a_number_of_its_own() {
        let venue = |kind| {
            Deadline::Venue(Due {
                deadline: Time::ZERO,
                kind,
                venue: VenueId::new(0),
            })
        };
        let order = OrderId {
            sequence: 1,
            slot: 0,
        };
        let (now, instrument) = (Time::ZERO, InstrumentId::new(0));
        let in_order = [
            venue(DueKind::DayRoll),
            Deadline::DayEnd(now, VenueId::new(0)),
            Deadline::Settlement(now, VenueId::new(0)),
            venue(DueKind::Timetable),
            Deadline::Order(now, order),
            Deadline::DeadMan(now, SessionId::new(0)),
            Deadline::Sweep(now),
            Deadline::Mark(now, instrument),
            Deadline::Call(now, 0),
            Deadline::Contract(now, 0),
            Deadline::Forget(now),
            Deadline::ForgetTickets(now),
            venue(DueKind::Law),
            Deadline::ForgetUses(now),
            Deadline::Discount(now, 0),
            Deadline::ForgetUsers(now),
        ];
        let kinds = in_order.map(|deadline| deadline.kind());
        assert_eq!(kinds, std::array::from_fn::<u8, 16, _>(|place| place as u8));
    }
}
