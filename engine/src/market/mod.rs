//! One instrument's market: its book, waiting stops, parked orders, last trade.
//!
//! Invariant: each live order of the instrument is in exactly one of book, stops and parked
//! queue between commands. Not here: venues and law (`venue`), how orders meet (`matching`). One
//! file a trading model; `book` is the automatic order book with its call auctions.

pub(crate) mod book;
pub(crate) mod checks;
pub(crate) mod contents;
pub(crate) mod flash_sale;
pub(crate) mod group_buy;
pub(crate) mod lottery;
pub(crate) mod phases;
pub(crate) mod plain;
pub(crate) mod presale;
pub(crate) mod replace;
pub(crate) mod sale;
pub(crate) mod timers;

use crate::book::arena::{Arena, Force, Place};
use crate::book::level::Level;
use crate::book::{Book, depth};
use crate::clearing::{Cleared, Margined};
use crate::command::{FeeRates, InstrumentTerms};
use crate::event::{Cause, Event, ExecType, Indicative};
use crate::matching::Desk;
use crate::matching::equilibrium::{Balance, equilibrium};
use crate::matching::trigger::Stops;
use crate::reject::RejectReason;
use crate::types::{InstrumentId, Price, Side};
use crate::venue::{Action, Auction, Phase};

/// What a market must know of its instrument, venue and limits; made in `engine::settings`, and
/// kept while it holds.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The instrument.
    pub(crate) instrument: InstrumentId,
    /// Its venue's phase.
    pub(crate) phase: Phase,
    /// The auction that collects orders in that phase.
    pub(crate) auction: Option<Auction>,
    /// Whether venue and instrument both have status Trading.
    pub(crate) trading: bool,
    /// Why phase and status refuse each action, in the order of `Action::ALL`.
    pub(crate) refuses: [Option<RejectReason>; Action::ALL.len()],
    /// Whether plain orders take the short way through the checks.
    pub(crate) plain: bool,
    /// Whether its orders hold and its trades settle.
    pub(crate) clears: Clears,
    /// What an order entered now is charged, by its participant's tier: places in the table.
    pub(crate) rates: [u32; FeeRates::TIERS],
    /// The static band, low and high.
    pub(crate) band: Option<(Price, Price)>,
    /// See `Limits::levels_max`.
    pub(crate) levels_max: u32,
    /// See `Limits::stops_max`.
    pub(crate) stops_max: u32,
    /// Its terms.
    pub(crate) terms: InstrumentTerms,
}

/// An instrument's clearing, or why it has none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clears {
    With(Cleared),
    /// Its orders hold margin and its trades change positions.
    Margin(Margined),
    /// It has none, as only a demonstration's instrument may trade.
    Demonstration,
    /// It has none yet and takes no orders before.
    Missing,
}

impl Clears {
    /// The clearing, if there is one.
    #[inline]
    pub(crate) fn cleared(&self) -> Option<&Cleared> {
        match self {
            Self::With(cleared) => Some(cleared),
            Self::Margin(_) | Self::Demonstration | Self::Missing => None,
        }
    }

    /// The price at which an order holds, where it does.
    pub(crate) fn hold_price(&self, price: Price) -> Option<Price> {
        match self {
            Self::With(cleared) => Some(cleared.hold_price(price)),
            Self::Margin(_) => Some(Margined::hold_price(price)),
            Self::Demonstration | Self::Missing => None,
        }
    }
}

impl Clears {
    /// Whether the instrument has rules of settlement.
    #[inline]
    pub(crate) fn is_ruled(&self) -> bool {
        self.cleared().is_some_and(Cleared::is_ruled)
    }
}

impl Setting {
    /// The clearing, if there is one.
    #[inline]
    pub(crate) fn cleared(&self) -> Option<&Cleared> {
        self.clears.cleared()
    }

    /// The margin, if it is a margin forward.
    #[inline]
    pub(crate) fn margined(&self) -> Option<&Margined> {
        match &self.clears {
            Clears::Margin(margined) => Some(margined),
            Clears::With(_) | Clears::Demonstration | Clears::Missing => None,
        }
    }

    /// Whether the instrument takes `action` now.
    ///
    /// # Errors
    /// HALTED, CANCEL_ONLY, MARKET_CLOSED, PHASE_NO_CANCEL.
    #[inline]
    pub(crate) fn permits(&self, action: Action) -> Result<(), RejectReason> {
        self.refuses[action as usize].map_or(Ok(()), Err)
    }

    /// Whether orders are matched as they come.
    #[inline]
    pub(crate) fn is_continuous(&self) -> bool {
        self.phase == Phase::Continuous
    }

    /// Whether a CLOSING order would be parked now.
    #[inline]
    pub(crate) fn parks(&self, force: Force) -> bool {
        force == Force::Closing && self.auction != Some(Auction::Closing)
    }

    /// The static band's limit on a side: what a buyer may pay at most, a seller take at least. A
    /// wide band reaches below the allowed prices, at which an auction must not trade.
    pub(crate) fn band_limit(&self, side: Side) -> Option<Price> {
        let (low, high) = self.band?;
        let limit = match side {
            Side::Buy => high,
            Side::Sell => low,
        };
        Some(self.terms.price_sign.raised(limit))
    }
}

/// One instrument's market.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) book: Book,
    pub(crate) stops: Stops,
    /// CLOSING orders before the closing auction, in id order.
    pub(crate) parked: Level,
    pub(crate) last_trade: Option<Price>,
    /// The indicative published last; none as (no price, 0, 0).
    pub(crate) published: Option<Balance>,
    /// Whether it is on the engine's list of instruments whose indicative may have changed.
    pub(crate) touched: bool,
}

impl Market {
    /// A market where nothing ever happened.
    pub(crate) fn new() -> Self {
        Self {
            book: Book::new(),
            stops: Stops::default(),
            parked: Level::EMPTY,
            last_trade: None,
            published: None,
            touched: false,
        }
    }

    /// The protection price of an order that comes without one, in continuous trading.
    pub(crate) fn protection(&self, setting: &Setting, side: Side) -> Option<Price> {
        let best = self.book.best_opposite(side)?;
        let terms = &setting.terms;
        let sign = match side {
            Side::Buy => 1,
            Side::Sell => -1,
        };
        let mut price = best.moved(sign * terms.market_protection_ticks);
        if let Some((low, high)) = setting.band {
            price = price.max(low).min(high);
        }
        match (side, self.dynamic_limit(setting, side)) {
            (_, None) => Some(price),
            (Side::Buy, Some(limit)) => Some(price.min(limit)),
            (Side::Sell, Some(limit)) => Some(price.max(limit)),
        }
    }

    /// How far from the last trade an order of `side` may reach, where there is a dynamic band.
    #[inline]
    pub(crate) fn dynamic_limit(&self, setting: &Setting, side: Side) -> Option<Price> {
        let (width, last) = (setting.terms.dynamic_band_ticks?, self.last_trade?);
        Some(match side {
            Side::Buy => last.moved(width),
            Side::Sell => last.moved(-width),
        })
    }

    /// Whether an order at `price` would need a level that its side has no room for.
    #[inline]
    pub(crate) fn lacks_level(&self, side: Side, price: Price, setting: &Setting) -> bool {
        let ladder = self.book.side(side);
        ladder.levels() >= setting.levels_max && ladder.level(price).is_none()
    }

    /// Parks a CLOSING order in hand, behind those parked before.
    pub(crate) fn park(&mut self, arena: &mut Arena, slot: u32) {
        let row = arena.row_mut(slot);
        row.flags.set_place(Place::Parked);
        let leaves = row.leaves.lots();
        self.parked.push_back(arena, slot);
        self.parked.total += leaves;
    }

    /// Takes an order out of the parked ones.
    pub(crate) fn unpark(&mut self, arena: &mut Arena, slot: u32) {
        let row = arena.row_mut(slot);
        row.flags.set_place(Place::Hand);
        let leaves = row.leaves.lots();
        self.parked.unlink(arena, slot);
        self.parked.total -= leaves;
    }

    /// Ends a live order wherever it is: report, then the book's change, then the row is free.
    #[inline]
    pub(crate) fn withdraw(
        &mut self,
        desk: &mut Desk<'_>,
        slot: u32,
        exec_type: ExecType,
        cause: Cause,
    ) {
        desk.report_end(slot, exec_type, cause);
        match desk.arena.row(slot).flags.place() {
            Place::Book => {
                let shown = desk.shown(slot);
                self.book.remove(desk.arena, slot);
                desk.show_delete(slot, shown);
            }
            Place::Stop => self.stops.remove(desk.arena, slot),
            Place::Parked => self.unpark(desk.arena, slot),
            Place::Hand => unreachable!("between commands no order is in hand"),
        }
        desk.end(slot);
    }

    /// All live orders: book in priority (buys, sells), waiting stops, parked ones.
    pub(crate) fn slots<'a>(&'a self, arena: &'a Arena) -> impl Iterator<Item = u32> + use<'a> {
        let buys = depth::rows(&self.book, arena, Side::Buy);
        let sells = depth::rows(&self.book, arena, Side::Sell);
        let waiting = self.stops.slots();
        buys.chain(sells)
            .chain(waiting)
            .chain(depth::queue(arena, &self.parked))
    }

    /// Publishes what the auction would give, if that differs from what was published last.
    pub(crate) fn publish_indicative(&mut self, desk: &mut Desk<'_>, instrument: InstrumentId) {
        let balance = equilibrium(&self.book, &mut desk.scratch.points);
        if balance == self.published {
            return;
        }
        self.published = balance;
        desk.events.push(Event::Indicative(Indicative {
            instrument,
            price: balance.map(|balance| balance.price),
            volume: balance.map_or(0, |balance| balance.volume),
            imbalance: balance.map_or(0, |balance| balance.imbalance),
        }));
    }
}
