//! How orders meet: continuous matching, call auctions, self-trade prevention, stops.
//!
//! Invariant: nothing here refuses a command; whatever could be refused was checked before. What
//! happens is written as events in the order in which it happens. Not here: which commands are
//! taken when (`market`, `venue`), parties beyond their counters.

pub(crate) mod auction;
pub(crate) mod continuous;
pub(crate) mod display;
pub(crate) mod equilibrium;
pub(crate) mod feasible;
pub(crate) mod parts;
mod self_match;
pub(crate) mod trigger;

use crate::book::arena::Arena;
use crate::clearing::margin::mark;
use crate::clearing::orders::{Party, Settled};
use crate::clearing::{Cleared, Clearing, KeptTrade, Margined};
use crate::command::TradeRef;
use crate::event::{Cause, Event, Events, ExecType, Fill, Trade};
use crate::market::timers::Timers;
use crate::parties::Parties;
use crate::risk::Risk;
use crate::types::{AccountId, InstrumentId, Price, Quantity, Sequence, Side};
use equilibrium::Point;
use parts::{Said, ended, live_report};

/// Lists that are reused from command to command, so that none is allocated.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Orders as (sequence, slot).
    pub(crate) orders: Vec<(u64, u32)>,
    /// The stops of one round.
    pub(crate) elected: Vec<u32>,
    /// The crossed prices of an auction.
    pub(crate) points: Vec<Point>,
}

impl Scratch {
    /// Room that most commands never exceed.
    const ROOM: usize = 4_096;

    /// Empty lists with room.
    pub(crate) fn new() -> Self {
        Self {
            orders: Vec::with_capacity(Self::ROOM),
            elected: Vec::with_capacity(Self::ROOM),
            points: Vec::with_capacity(Self::ROOM),
        }
    }
}

/// What matching changes beside the market itself.
pub(crate) struct Desk<'a> {
    pub(crate) arena: &'a mut Arena,
    pub(crate) parties: &'a mut Parties,
    pub(crate) risk: &'a mut Risk,
    /// The venue's trading day, where risk is counted.
    pub(crate) day: i32,
    pub(crate) timers: &'a mut Timers,
    pub(crate) clearing: &'a mut Clearing,
    /// The clearing of the instrument whose orders these are.
    pub(crate) cleared: Option<&'a Cleared>,
    /// Its margin, where it is a margin forward.
    pub(crate) margined: Option<&'a Margined>,
    pub(crate) scratch: &'a mut Scratch,
    /// The command.
    pub(crate) sequence: Sequence,
    /// How many events there were before those of the command.
    pub(crate) first_event: usize,
    pub(crate) events: &'a mut Events,
}

/// The trades of one run: what elections look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Run {
    /// Lowest and highest price, and the last one.
    range: Option<(Price, Price, Price)>,
}

impl Run {
    /// A run as if it had traded at one price.
    pub(crate) fn at(price: Option<Price>) -> Self {
        Self {
            range: price.map(|price| (price, price, price)),
        }
    }

    /// Adds a trade.
    #[inline]
    pub(crate) fn note(&mut self, price: Price) {
        self.range = Some(match self.range {
            None => (price, price, price),
            Some((low, high, _)) => (low.min(price), high.max(price), price),
        });
    }

    /// Adds the trades of a run that came after.
    pub(crate) fn extend(&mut self, later: Self) {
        if let Some((low, high, last)) = later.range {
            self.note(low);
            self.note(high);
            self.note(last);
        }
    }

    /// Lowest and highest price.
    pub(crate) fn range(&self) -> Option<(Price, Price)> {
        self.range.map(|(low, high, _)| (low, high))
    }

    /// The price of the last trade.
    pub(crate) fn last(&self) -> Option<Price> {
        self.range.map(|(_, _, last)| last)
    }
}

impl Desk<'_> {
    /// Reports about a live order as its row stands.
    #[inline]
    pub(crate) fn report(&mut self, slot: u32, exec_type: ExecType, cause: Cause) {
        let account = AccountId::new(self.arena.row(slot).account);
        let said = Said {
            exec_type,
            cause,
            held: self.clearing.held(slot),
            counters: self.parties.count(account),
        };
        let report = live_report(self.arena, slot, said);
        self.events.push(Event::Report(report));
    }

    /// Reports that an order ends unfilled; its row is freed by `end`.
    #[inline]
    pub(crate) fn report_end(&mut self, slot: u32, exec_type: ExecType, cause: Cause) {
        let account = AccountId::new(self.arena.row(slot).account);
        let said = Said {
            exec_type,
            cause,
            held: 0,
            counters: self.parties.count(account),
        };
        let report = ended(live_report(self.arena, slot, said));
        self.events.push(Event::Report(report));
    }

    /// Frees the row of an order that has ended and is in no queue.
    #[inline]
    pub(crate) fn end(&mut self, slot: u32) {
        let row = self.arena.row(slot);
        let (account, leaves) = (AccountId::new(row.account), row.leaves.lots());
        self.parties.ended(account);
        self.buys_more(slot, -leaves);
        parts::end(self.arena, self.timers, self.clearing, slot);
    }

    /// A new order has its row and its hold.
    #[inline]
    pub(crate) fn opened(&mut self, slot: u32) {
        let row = self.arena.row(slot);
        let (account, leaves) = (AccountId::new(row.account), row.leaves.lots());
        self.parties.opened(account);
        self.buys_more(slot, leaves);
    }

    /// Self-trade prevention took `by` off a live order.
    #[inline]
    pub(crate) fn shrunk(&mut self, slot: u32, by: Quantity) {
        self.buys_more(slot, -by.lots());
    }

    fn count_trade(&mut self, [buy, sell]: [u32; 2]) {
        for slot in [buy, sell] {
            let account = AccountId::new(self.arena.row(slot).account);
            self.risk.traded(account, self.day);
        }
    }

    /// An order, if it is a buy that is cleared, brings so many lots more.
    #[inline]
    fn buys_more(&mut self, slot: u32, lots: i64) {
        let side = self.arena.row(slot).flags.side();
        if let (Side::Buy, Some(cleared)) = (side, &self.cleared)
            && let Some(place) = self.clearing.goods_at(slot)
        {
            let units = i128::from(lots) * i128::from(cleared.lot_units);
            self.risk.buys_more(place.index() as usize, units);
        }
    }

    /// An order shrank or took a better price: what it need not hold any more is free.
    #[inline]
    pub(crate) fn lower_hold(&mut self, slot: u32) {
        if let Some(cleared) = self.cleared {
            let row = self.arena.row(slot);
            let side = row.flags.side();
            self.clearing.lower(cleared, self.party(slot), side);
        } else if let Some(margined) = self.margined {
            let (party, side) = (self.party(slot), self.arena.row(slot).flags.side());
            self.clearing.lower_margin(margined, party, side, 0);
        }
    }

    /// Writes a trade between two orders whose rows already stand as after it.
    #[inline]
    pub(crate) fn trade(
        &mut self,
        price: Price,
        quantity: Quantity,
        aggressor: Option<Side>,
        [buy, sell]: [u32; 2],
    ) {
        if self.risk.is_on() {
            self.count_trade([buy, sell]);
        }
        self.buys_more(buy, -quantity.lots());
        let instrument = InstrumentId::new(self.arena.row(buy).instrument);
        let settled = self.settle((price, quantity), aggressor, [buy, sell]);
        let side = |index: usize| (settled.fees[index], settled.held[index]);
        let rates = [buy, sell].map(|slot| self.clearing.rates_of(slot));
        let (buy, sell) = (self.fill(buy, side(0)), self.fill(sell, side(1)));
        let trade = Trade {
            instrument,
            price,
            quantity,
            value: settled.value,
            goods: settled.goods,
            aggressor,
            buy,
            sell,
        };
        if self.margined.is_none() {
            self.keep(&trade, rates);
        }
        self.events.push(Event::Trade(trade));
        if settled.covered != [false; 2] {
            self.say_covered(settled.covered, [buy.account, sell.account], instrument);
        }
    }

    /// Keeps a trade, so that it can be busted or corrected.
    #[inline]
    fn keep(&mut self, trade: &Trade, rates: [u32; 2]) {
        let sides = [&trade.buy, &trade.sell];
        let ruled = self.cleared.is_some_and(Cleared::is_ruled);
        let day = ruled.then(|| self.clearing.settlement.today(trade.instrument));
        self.clearing.trades.keep(&KeptTrade {
            trade: TradeRef {
                sequence: self.sequence,
                index: (self.events.len() - self.first_event) as u32,
            },
            instrument: trade.instrument,
            price: trade.price,
            quantity: trade.quantity,
            aggressor: trade.aggressor,
            accounts: sides.map(|side| side.account),
            orders: sides.map(|side| side.order.sequence),
            fees: sides.map(|side| side.fee),
            rates,
            cleared: self.cleared.is_some(),
            corrected: false,
            busted: false,
            day,
        });
    }

    #[cold]
    fn say_covered(
        &mut self,
        covered: [bool; 2],
        accounts: [AccountId; 2],
        instrument: InstrumentId,
    ) {
        for (covered, account) in covered.into_iter().zip(accounts) {
            if covered {
                self.events.push(mark::uncalled(account, instrument));
            }
        }
    }

    #[inline]
    fn settle(
        &mut self,
        at: (Price, Quantity),
        aggressor: Option<Side>,
        slots: [u32; 2],
    ) -> Settled {
        let Some(cleared) = self.cleared else {
            return self.settle_margin(at, aggressor, slots);
        };
        let parties = slots.map(|slot| self.party(slot));
        self.clearing.settle(cleared, at, aggressor, parties)
    }

    #[inline(never)]
    fn settle_margin(
        &mut self,
        at: (Price, Quantity),
        aggressor: Option<Side>,
        slots: [u32; 2],
    ) -> Settled {
        let Some(margined) = self.margined else {
            return Settled::default();
        };
        let parties = slots.map(|slot| self.party(slot));
        self.clearing
            .settle_margin(margined, at, aggressor, parties)
    }

    /// An order of a trade, as after it.
    #[inline]
    fn party(&self, slot: u32) -> Party {
        let row = self.arena.row(slot);
        Party {
            slot,
            price: row.price(),
            leaves: row.leaves,
        }
    }

    #[inline]
    fn fill(&mut self, slot: u32, (fee, held): (i64, i64)) -> Fill {
        let row = self.arena.row(slot);
        let account = AccountId::new(row.account);
        Fill {
            order: self.arena.id(slot),
            account,
            leaves: row.leaves,
            cumulative: row.cumulative(),
            fee,
            held,
            counters: self.parties.count(account),
        }
    }
}
