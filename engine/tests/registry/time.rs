//! What falls due, and when (section 9).

use super::*;

const DAY: i128 = 86_400_000_000_000;

impl Reference {
    fn ends_with_day(&self, order: &Order, v: usize) -> bool {
        let tif = order.tif;
        self.instruments[order.instrument].venue == v
            && matches!(
                tif,
                TimeInForce::Day | TimeInForce::Opening | TimeInForce::Closing
            )
    }

    /// When a day of a calendar begins.
    fn begins(calendar: &Calendar, day: i32) -> i128 {
        i128::from(day) * DAY - i128::from(calendar.offset) * 1_000_000_000
            + i128::from(calendar.roll.0)
    }

    /// The date of the last day that began at an instrument's venue.
    pub(in crate::reference) fn trading_day(&self, instrument: usize) -> i64 {
        let venue = &self.venues[self.instruments[instrument].venue];
        let calendar = venue.calendar.map(|at| &self.calendars[at]);
        let days = calendar.into_iter().flat_map(|one| {
            let begun = |day: &&i32| Self::begins(one, **day) <= venue.rolled;
            one.days.iter().filter(begun)
        });
        days.max().map_or(i64::MIN, |day| i64::from(*day))
    }

    /// Whether the venue is in a trading day.
    pub(super) fn has_day(&self, v: usize) -> bool {
        let venue = &self.venues[v];
        venue.calendar.is_some_and(|at| {
            let calendar = &self.calendars[at];
            let mut days = calendar.days.iter();
            days.any(|day| Self::begins(calendar, *day) <= venue.rolled)
        })
    }

    /// All that is to come: instant, kind, id.
    fn deadlines(&self) -> Vec<(i128, u8, u64)> {
        let mut list = Vec::new();
        for (v, venue) in self.venues.iter().enumerate() {
            let Some(calendar) = venue.calendar.map(|at| &self.calendars[at]) else {
                continue;
            };
            let begins = calendar.days.iter().map(|&day| Self::begins(calendar, day));
            let next = begins.clone().find(|&at| at > venue.rolled);
            list.extend(next.map(|at| (at, 0, v as u64)));
            let current = begins.clone().rfind(|&at| at <= venue.rolled);
            let entries = venue.entries.iter().map(|entry| i128::from(entry.0.0));
            let mut instants = current
                .into_iter()
                .flat_map(|at| entries.clone().map(move |by| at + by));
            let next = instants.find(|&at| at > venue.passed);
            list.extend(next.map(|at| (at, 3, v as u64)));
        }
        list.extend(self.due.iter().map(|&(at, v)| (at, 1, v as u64)));
        let settling = self.settling.due.iter();
        list.extend(settling.map(|&(at, v)| (at, 2, v as u64)));
        for order in &self.orders {
            if let TimeInForce::GoodTillDate(end) = order.tif {
                list.push((i128::from(end.nanoseconds()), 4, order.id));
            }
        }
        for (s, session) in self.sessions.iter().enumerate() {
            let dead_man = session.dead_man.map(|at| i128::from(at.nanoseconds()));
            list.extend(dead_man.map(|at| (at, 5, s as u64)));
        }
        list.extend(self.sweeps.first().map(|sweep| (sweep.at, 6, 0)));
        list.extend(self.margin_deadlines());
        for deal in &self.shops.deals {
            list.extend(deal.told.map(|at| (at, 9, deal.id)));
        }
        for (v, venue) in self.venues.iter().enumerate() {
            let moving = venue.moving.as_ref();
            list.extend(moving.map(|moving| (moving.0, 12, v as u64)));
        }
        let withdrawn = self.shops.withdrawn.first();
        list.extend(withdrawn.map(|&(at, _)| (at, 10, 0)));
        list.extend(self.year_ends().map(|at| (at, 13, 0)));
        let queues = self.shops.queues.first();
        list.extend(queues.map(|&(at, _)| (at, 11, 0)));
        for (id, terms) in &self.shops.discounts {
            list.push((i128::from(terms.closes.nanoseconds()), 14, *id));
        }
        let ended = self.shops.ended.first();
        list.extend(ended.map(|&(at, _)| (at, 15, 0)));
        list
    }

    pub fn next_deadline(&self) -> Option<Time> {
        let first = self.deadlines().into_iter().min()?;
        Time::new(i64::try_from(first.0).ok()?)
    }

    /// Everything that is due, in order; at most so many expiries and settlements.
    pub(super) fn tick(&mut self) {
        let mut left = self.whole();
        let (mut rows, mut made) = (self.limits.margin_rows_per_tick as usize, false);
        let now = i128::from(self.time.nanoseconds());
        while let Some((at, kind, id)) = self.deadlines().into_iter().min() {
            let spent = match kind {
                0 | 3 | 12 => false,
                7 => left.0 == 0 || rows == 0,
                8 => left.0 == 0 || made,
                _ => left.0 == 0,
            };
            if at > now || spent {
                break;
            }
            match kind {
                0 => self.roll(id as usize, at),
                2 => self.settle_day(id as usize, at, &mut left.0),
                3 => self.timetable(id as usize, at),
                4 => {
                    left.0 -= 1;
                    self.end(id, ExecType::Expired, Cause::TimeOver);
                }
                5 => {
                    left.0 -= 1;
                    self.fire(SessionId::new(id as u32));
                }
                6 => {
                    if !self.part(&mut left) {
                        break;
                    }
                }
                7 => self.go_on(id as usize, &mut rows),
                9 => {
                    left.0 = left.0.max(2) - 2;
                    self.pass_deal(id);
                }
                12 => self.moved(id as usize),
                10 | 11 | 13..=15 => {
                    left.0 -= 1;
                    self.forget_of_sales(kind, id);
                }
                8 => made = self.end_call(id as usize, &mut left.0),
                _ => {
                    let v = id as usize;
                    let ends = |order: &&Order| self.ends_with_day(order, v);
                    let all: Vec<u64> = self.orders.iter().filter(ends).map(|o| o.id).collect();
                    let part = &all[..all.len().min(left.0)];
                    left.0 -= part.len();
                    for &id in part {
                        self.end(id, ExecType::Expired, Cause::TimeOver);
                    }
                    if part.len() == all.len() {
                        self.due.retain(|&due| due != (at, v));
                    }
                }
            }
        }
        self.indicate();
    }

    /// What was remembered of sales until now.
    fn forget_of_sales(&mut self, kind: u8, id: u64) {
        match kind {
            10 => self.forget_buyer(),
            11 => self.forget_ticket(),
            13 => self.forget_use(),
            14 => self.end_discount(id),
            _ => self.forget_user(),
        }
    }

    fn roll(&mut self, v: usize, at: i128) {
        let venue = &mut self.venues[v];
        (venue.rolled, venue.passed, venue.overridden) = (at, at - 1, false);
        let calendar = venue.calendar.expect("only venues with a calendar roll");
        let mut days = self.calendars[calendar].days.iter().enumerate();
        let this = &self.calendars[calendar];
        let (index, &day) = days
            .find(|day| Self::begins(this, *day.1) == at)
            .expect("a day began");
        self.out.push(Event::DayRolled(DayRolled {
            venue: VenueId::new(v as u32),
            calendar: CalendarId::new(calendar as u32),
            day,
            index: index as u32,
        }));
        self.trades.rolls.push((v, self.sequence));
        self.sweep();
        self.day_ends(v, at);
        self.settlement_rolls(v, at);
        for i in 0..self.instruments.len() {
            let known = &self.instruments[i];
            if known.venue == v && known.margin.is_some() {
                self.begin_mark(i, at);
            }
        }
    }

    pub(in crate::reference) fn day_ends(&mut self, v: usize, at: i128) {
        if !self.due.iter().any(|due| due.1 == v) {
            self.due.push((at, v));
        }
    }

    fn timetable(&mut self, v: usize, at: i128) {
        let venue = &mut self.venues[v];
        venue.passed = at;
        let calendar = &self.calendars[venue.calendar.expect("a timetable needs a calendar")];
        let mut begins = calendar.days.iter().map(|&day| Self::begins(calendar, day));
        let current = begins.rfind(|&begin| begin <= venue.rolled).expect("a day");
        let entry = venue
            .entries
            .iter()
            .find(|entry| current + i128::from(entry.0.0) == at);
        let phase = entry.expect("it is due").1;
        if !venue.overridden {
            self.enter(v, phase, at);
        }
    }
}
