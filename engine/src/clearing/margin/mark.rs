//! Marks: every row at one settlement price; losses are collected, then gains are paid; and calls.
//!
//! A mark walks its instrument's rows twice, so many a tick. The first walk finds what each row
//! gained or lost since the last mark and takes losses: out of what is available, then out of the
//! row's margin. The second pays gains out of what was collected, by their share where that is too
//! little, and makes every row hold its margin or be called for it.
//!
//! Invariant: nobody is paid what was not collected, and nobody pays more than it has: what a row
//! could not pay or be paid stays in its cost and is part of the next mark. So orders and trades
//! between two ticks of a mark change nothing that it rests on. Not here: who sends ticks.

use super::super::Clearing;
use super::super::ledger::{Holder, Place};
use super::rows::NIL;
use super::{Call, Margin};
use crate::event::{Event, Events, MarginCall, MarginEvent, Variation};
use crate::types::{AccountId, AssetId, InstrumentId, Price, Time};

/// A mark that is not over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Marking {
    /// When it fell due.
    pub(crate) deadline: Time,
    pub(crate) instrument: InstrumentId,
    pub(super) walk: Walk,
    /// The row it goes on with.
    pub(super) next: u32,
}

/// How far a mark is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Walk {
    /// Losses are collected; the sum of the gains so far.
    Collect { gains: i128 },
    /// Gains are paid out of the pool as it was when this began.
    Pay { gains: i128, pool: i64 },
}

/// The share of a gain where the pool holds less than all gains, rounded down; sums too large to
/// multiply are halved until they are not.
pub(super) fn share(gain: i128, gains: i128, pool: i64) -> i64 {
    if gains <= i128::from(pool) {
        return i64::try_from(gain).expect("a gain is at most all gains");
    }
    let bits = i128::BITS - gains.leading_zeros();
    let shift = bits.saturating_sub(62);
    let part = (gain >> shift) * i128::from(pool) / (gains >> shift);
    i64::try_from(part).expect("a share is at most the pool")
}

impl Margin {
    /// A row that is covered is not called any more; whether it was.
    pub(super) fn uncall_covered(&mut self, place: u32) -> bool {
        let row = self.rows.row(place);
        if row.call == Call::None || row.held < self.maintenance(row) {
            return false;
        }
        self.set_call(place, Call::None);
        true
    }

    /// What a call of a row says now.
    pub(super) fn call_of(&self, place: u32) -> MarginCall {
        let row = self.rows.row(place);
        MarginCall {
            account: row.account,
            instrument: row.instrument,
            maintenance: self.maintenance(row),
            held: row.held,
            deadline: match row.call {
                Call::Until(deadline) => Some(deadline),
                Call::None | Call::Waiting => None,
            },
        }
    }
}

impl Clearing {
    /// Begins a mark that falls due at `at`, unless one is under way, and says its price.
    pub(crate) fn begin_mark(&mut self, instrument: InstrumentId, at: Time, events: &mut Events) {
        if self.margin.is_marking(instrument) {
            return;
        }
        let contract = self.margin.contract_mut(instrument);
        let price = contract.average();
        (contract.given, contract.turnover, contract.volume) = (None, 0, 0);
        contract.settle_at(price);
        let marking = Marking {
            deadline: at,
            instrument,
            walk: Walk::Collect { gains: 0 },
            next: contract.rows.first,
        };
        self.margin.marks.push(marking);
        self.margin
            .marks
            .sort_unstable_by_key(|mark| (mark.deadline, mark.instrument));
        settled(instrument, price, events);
    }

    /// Goes on with the earliest mark, by at most `left` rows.
    pub(crate) fn go_on_marking(&mut self, left: &mut usize, events: &mut Events) {
        let mut marking = *self.margin.marks.first().expect("a mark is under way");
        while *left > 0 {
            if marking.next == NIL {
                let Walk::Collect { gains } = marking.walk else {
                    self.margin.marks.remove(0);
                    return;
                };
                let contract = self.margin.contract_mut(marking.instrument);
                marking.next = contract.rows.first;
                let pool = self.ledger.position(contract.pool).available;
                marking.walk = Walk::Pay { gains, pool };
                continue;
            }
            *left -= 1;
            let place = marking.next;
            marking.next = self.margin.rows.next_of_instrument(place);
            match &mut marking.walk {
                Walk::Collect { gains } => *gains += self.collect(place, events),
                Walk::Pay { gains, pool } => {
                    self.pay_gain(place, (*gains, *pool), events);
                    self.margin_at_mark(place, marking.deadline, events);
                }
            }
        }
        self.margin.marks[0] = marking;
    }

    /// Finds what a row gained or lost and takes a loss; answers the gain.
    fn collect(&mut self, place: u32, events: &mut Events) -> i128 {
        let row = self.margin.rows.row(place);
        let (at, pool, tick_value, settlement) = self.places(place);
        let worth = i128::from(row.net) * i128::from(settlement) * i128::from(tick_value);
        let due = worth - row.cost;
        let position = self.ledger.position(at);
        let (available, held) = (i128::from(position.available), i128::from(row.held));
        let loss = (-due).clamp(0, available + held);
        let from_available = loss.min(available) as i64;
        let loss = loss as i64;
        let row = self.margin.rows.row_mut(place);
        row.held -= loss - from_available;
        row.cost = worth;
        row.due = due + i128::from(loss);
        let (account, instrument) = (row.account, row.instrument);
        self.ledger.hold(at, from_available);
        self.ledger.capture_to(at, loss, pool);
        varied(account, instrument, -loss, events);
        due.max(0)
    }

    /// Pays a row its gain or its share of it; what is still due stays in its cost.
    fn pay_gain(&mut self, place: u32, (gains, pool): (i128, i64), events: &mut Events) {
        let (at, from, ..) = self.places(place);
        let row = self.margin.rows.row_mut(place);
        let paid = if row.due > 0 {
            share(row.due, gains, pool)
        } else {
            0
        };
        let due = row.due - i128::from(paid);
        row.cost -= due;
        row.owed = (-due).max(0);
        row.due = 0;
        let (account, instrument) = (row.account, row.instrument);
        self.ledger.hold(from, paid);
        self.ledger.capture_to(from, paid, at);
        varied(account, instrument, paid, events);
    }

    /// A row holds its margin at the new price as far as its account has it, and is called if
    /// that is too little.
    fn margin_at_mark(&mut self, place: u32, deadline: Time, events: &mut Events) {
        self.cover(place);
        let margin = &mut self.margin;
        let row = *margin.rows.row(place);
        if row.held >= margin.maintenance(&row) {
            if margin.uncall_covered(place) {
                events.push(uncalled(row.account, row.instrument));
            }
            return;
        }
        let deadline = match row.call {
            Call::Until(_) => return,
            Call::None => {
                let contract = margin.contract_mut(row.instrument);
                deadline.after(contract.terms.call_deadline)
            }
            Call::Waiting => deadline,
        };
        margin.set_call(place, Call::Until(deadline));
        let call = margin.call_of(place);
        events.push(Event::Margin(MarginEvent::Call(call)));
    }

    /// A row holds what it must, or all there is.
    fn cover(&mut self, place: u32) {
        let (at, ..) = self.places(place);
        let row = self.margin.rows.row(place);
        let required = self.margin.required(row);
        let row = self.margin.rows.row_mut(place);
        if row.held > required {
            self.ledger.release(at, row.held - required);
            row.held = required;
        } else {
            let top = self.ledger.position(at).available.min(required - row.held);
            self.ledger.hold(at, top);
            row.held += top;
        }
    }

    /// A row's money, its pool, the value of a tick, the ticks of the settlement price.
    fn places(&self, place: u32) -> (Place, Place, i64, i64) {
        let row = self.margin.rows.row(place);
        let contract = self.margin.contract(row.instrument);
        let contract = contract.expect("rows are of margin forwards");
        let margined = &contract.margined;
        let at = self
            .ledger
            .find(Holder::Account(row.account), margined.money);
        let at = at.expect("a row comes into being with its money");
        let settlement = contract.settlement.ticks();
        (at, contract.pool, margined.tick_value, settlement)
    }

    /// A deposit answers an account's calls in that money, in order of their rows.
    pub(crate) fn answer_calls(&mut self, account: AccountId, money: AssetId, events: &mut Events) {
        let mut next = self.margin.rows.of_account_from(account, None).next();
        while let Some((place, row)) = next {
            let contract = self.margin.contract(row.instrument);
            let same = contract.is_some_and(|contract| contract.margined.money == money);
            if same && row.call != Call::None {
                let instrument = row.instrument;
                self.cover(place);
                if self.margin.uncall_covered(place) {
                    events.push(uncalled(account, instrument));
                }
            }
            let rows = &self.margin.rows;
            next = rows.of_account_from(account, Some(place)).nth(1);
        }
    }

    /// A call's deadline has come: whether it is still to be met.
    pub(crate) fn stands(&mut self, place: u32, events: &mut Events) -> bool {
        self.cover(place);
        let row = *self.margin.rows.row(place);
        if self.margin.uncall_covered(place) {
            events.push(uncalled(row.account, row.instrument));
            return false;
        }
        true
    }

    /// A called row, while it is called.
    pub(crate) fn called(&self, place: u32) -> Option<&super::Row> {
        let row = self.margin.rows.row(place);
        (row.call != Call::None).then_some(row)
    }

    /// A call waits until its instrument trades continuously, or for the next mark.
    pub(crate) fn wait(&mut self, place: u32, events: &mut Events) {
        self.margin.set_call(place, Call::Waiting);
        let call = self.margin.call_of(place);
        events.push(Event::Margin(MarginEvent::Call(call)));
    }
}

/// A call is over.
pub(crate) fn uncalled(account: AccountId, instrument: InstrumentId) -> Event {
    Event::Margin(MarginEvent::Covered {
        account,
        instrument,
    })
}

/// There is a settlement price.
pub(crate) fn settled(instrument: InstrumentId, price: Price, events: &mut Events) {
    events.push(Event::Margin(MarginEvent::Settlement { instrument, price }));
}

fn varied(account: AccountId, instrument: InstrumentId, amount: i64, events: &mut Events) {
    if amount != 0 {
        events.push(Event::Margin(MarginEvent::Variation(Variation {
            account,
            instrument,
            amount,
        })));
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn gains_are_paid_whole_or_by_their_share() {
        assert_eq!(share(600, 1_000, 1_000), 600);
        assert_eq!(
            share(600, 1_000, 1_001),
            600,
            "more was collected than gained"
        );
        assert_eq!([share(600, 1_000, 999), share(400, 1_000, 999)], [599, 399]);
        assert_eq!(share(600, 1_000, 0), 0);
    }

    #[test]
    fn no_sum_is_too_large_to_share() {
        let pool = 1 << 60;
        for bits in [40, 61, 62, 63, 64, 100, 120] {
            let gains = (1_i128 << bits) + 7;
            let parts = [gains / 2, gains / 3, gains - gains / 2 - gains / 3];
            let paid: i128 = parts
                .map(|gain| i128::from(share(gain, gains, pool)))
                .iter()
                .sum();
            assert!(paid <= i128::from(pool).min(gains), "{bits}: {paid}");
            assert!(paid + 4 >= i128::from(pool).min(gains), "{bits}: {paid}");
        }
    }
}
