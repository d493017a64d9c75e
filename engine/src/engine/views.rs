//! What others may see of the engine: live orders, usage, its parts for audits.
//!
//! Invariant: looking changes nothing. Not here: history, which the projections hold.

use super::Engine;
use super::settings::row_of;
use crate::book::arena::{Arena, Force, Place};
use crate::event::Indicative;
use crate::limits::Limits;
use crate::market::timers::Timers;
use crate::market::{Market, Setting};
use crate::parties::Parties;
use crate::requests::Requests;
use crate::sessions::Sessions;
use crate::types::{AccountId, InstrumentId, OrderId, Price, Quantity, Side, Time, TimeInForce};
use crate::venue::Venues;

/// Where a live order is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum LivePlace {
    /// In the book.
    Book,
    /// A stop that waits.
    Stop,
    /// Parked for the closing auction.
    Parked,
}

/// A live order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LiveOrder {
    /// Its id.
    pub id: OrderId,
    /// Its account.
    pub account: AccountId,
    /// Its instrument.
    pub instrument: InstrumentId,
    /// Its side.
    pub side: Side,
    /// Where it is.
    pub place: LivePlace,
    /// Its limit or protection price, when it has one.
    pub price: Option<Price>,
    /// Its trigger while it waits.
    pub stop_price: Option<Price>,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Its whole quantity.
    pub order_quantity: Quantity,
    /// What is open.
    pub leaves: Quantity,
    /// What has traded.
    pub cumulative: Quantity,
    /// What the public book shows of it; zero outside the book.
    pub displayed: Quantity,
}

/// How full the engine is: what is used, beside the bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// Live orders.
    pub orders: u32,
    /// See `Limits::orders_max`.
    pub orders_max: u32,
    /// Remembered requests.
    pub requests: u32,
    /// The bound in force (`SetLimits`).
    pub requests_max: u32,
    /// Sessions.
    pub sessions: u32,
    /// See `Limits::sessions_max`.
    pub sessions_max: u32,
    /// Accounts.
    pub accounts: u32,
    /// See `Limits::accounts_max`.
    pub accounts_max: u32,
    /// Instruments.
    pub instruments: u32,
    /// See `Limits::instruments_max`.
    pub instruments_max: u32,
    /// Venues.
    pub venues: u32,
    /// See `Limits::venues_max`.
    pub venues_max: u32,
    /// Engaged kill switches of sessions, accounts and participants.
    pub switches: u32,
    /// See `Limits::switches_max`.
    pub switches_max: u32,
    /// Assets.
    pub assets: u32,
    /// See `Limits::assets_max`.
    pub assets_max: u32,
    /// Custodians.
    pub custodians: u32,
    /// See `Limits::custodians_max`.
    pub custodians_max: u32,
    /// Positions in the ledger.
    pub positions: u32,
    /// See `Limits::positions_max`.
    pub positions_max: u32,
    /// Different fee rates ever set.
    pub rates: u32,
    /// See `Limits::rates_max`.
    pub rates_max: u32,
    /// Instructions that wait for their custodian.
    pub instructions: u32,
    /// See `Limits::instructions_max`.
    pub instructions_max: u32,
    /// References of custodians' open dates.
    pub references: u32,
    /// See `Limits::references_max`.
    pub references_max: u32,
    /// Different sets of risk limits ever set.
    pub risk_sets: u32,
    /// See `Limits::risk_sets_max`.
    pub risk_sets_max: u32,
    /// Trades that are kept to be busted or corrected.
    pub trades_kept: u32,
    /// See `Limits::trades_kept_max`.
    pub trades_kept_max: u32,
    /// Accounts and assets in which something is owed since.
    pub receivables: u32,
    /// See `Limits::receivables_max`.
    pub receivables_max: u32,
    /// Contracts whose seller owes a part of a refund.
    pub owing: u32,
    /// See `Limits::owing_max`.
    pub owing_max: u32,
}

impl Engine {
    /// The bounds it was built with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Participants, owners and accounts.
    pub fn parties(&self) -> &Parties {
        &self.parties
    }

    /// Venues, calendars and instruments.
    pub fn venues(&self) -> &Venues {
        &self.venues
    }

    /// Order-entry sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The table of remembered requests.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// How full the engine is.
    pub fn usage(&self) -> Usage {
        let clearing = &self.clearing;
        Usage {
            orders: self.arena.live(),
            orders_max: self.limits.orders_max,
            requests: self.requests.used(),
            requests_max: self.requests.bounds().requests_max,
            sessions: self.sessions.used(),
            sessions_max: self.limits.sessions_max,
            accounts: self.parties.accounts().len() as u32,
            accounts_max: self.limits.accounts_max,
            instruments: self.venues.instruments().len() as u32,
            instruments_max: self.limits.instruments_max,
            venues: self.venues.venues().len() as u32,
            venues_max: self.limits.venues_max,
            switches: self.switches.counted(),
            switches_max: self.limits.switches_max,
            assets: clearing.assets().assets().len() as u32,
            assets_max: self.limits.assets_max,
            custodians: clearing.assets().custodians().len() as u32,
            custodians_max: self.limits.custodians_max,
            positions: clearing.ledger().positions().len() as u32,
            positions_max: self.limits.positions_max,
            rates: clearing.rates_used(),
            rates_max: self.limits.rates_max,
            instructions: clearing.custody().pending_used(),
            instructions_max: self.limits.instructions_max,
            references: clearing.custody().references_used(),
            references_max: self.limits.references_max,
            risk_sets: self.risk.sets().0,
            risk_sets_max: self.limits.risk_sets_max,
            trades_kept: self.clearing.trades().kept(),
            trades_kept_max: self.limits.trades_kept_max,
            receivables: self.clearing.debts() as u32,
            receivables_max: self.limits.receivables_max,
            owing: self.contracts.all_owing(),
            owing_max: self.limits.owing_max,
        }
    }

    /// An instrument's live orders: the book in priority (buys, then sells), waiting stops in the
    /// order of their election, parked orders in id order. None for an unknown instrument.
    pub fn live_orders(&self, instrument: InstrumentId) -> impl Iterator<Item = LiveOrder> {
        let slots = self.market(instrument).slots(&self.arena);
        slots.map(|slot| self.live_order(slot))
    }

    /// What the instrument's call auction would give, as published last; nothing (no price, 0, 0)
    /// before the first and outside an auction.
    pub fn indicative(&self, instrument: InstrumentId) -> Indicative {
        let published = self.market(instrument).published;
        Indicative {
            instrument,
            price: published.map(|balance| balance.price),
            volume: published.map_or(0, |balance| balance.volume),
            imbalance: published.map_or(0, |balance| balance.imbalance),
        }
    }

    /// The order, while it lives.
    pub fn order(&self, id: OrderId) -> Option<LiveOrder> {
        self.arena.find(id).map(|slot| self.live_order(slot))
    }

    fn live_order(&self, slot: u32) -> LiveOrder {
        let row = self.arena.row(slot);
        let place = match row.flags.place() {
            Place::Book => LivePlace::Book,
            Place::Stop => LivePlace::Stop,
            Place::Parked => LivePlace::Parked,
            Place::Hand => unreachable!("between commands no order is in hand"),
        };
        LiveOrder {
            id: self.arena.id(slot),
            account: AccountId::new(row.account),
            instrument: InstrumentId::new(row.instrument),
            side: row.flags.side(),
            place,
            price: row.price(),
            stop_price: self.arena.stop_price(slot),
            time_in_force: time_in_force(row.flags.force(), self.arena.expire(slot)),
            order_quantity: row.order_quantity,
            leaves: row.leaves,
            cumulative: row.cumulative(),
            displayed: if place == LivePlace::Book {
                self.arena.displayed(slot)
            } else {
                Quantity::ZERO
            },
        }
    }

    pub(crate) fn arena(&self) -> &Arena {
        &self.arena
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.timers
    }

    /// What a known instrument's market must know now.
    pub(crate) fn setting_row(&self, instrument: InstrumentId) -> Setting {
        row_of(&self.venues, &self.clearing, &self.limits, instrument)
    }

    /// The markets that have had an order.
    pub(crate) fn made_markets(&self) -> impl Iterator<Item = (InstrumentId, &Market)> {
        let markets = self.markets.iter().enumerate();
        markets.filter_map(|(index, market)| {
            let market = market.as_deref()?;
            Some((InstrumentId::new(index as u32), market))
        })
    }
}

fn time_in_force(force: Force, expire: Option<Time>) -> TimeInForce {
    match force {
        Force::Day => TimeInForce::Day,
        Force::GoodTillCancel => TimeInForce::GoodTillCancel,
        Force::GoodTillDate => {
            TimeInForce::GoodTillDate(expire.expect("a GTD order has its instant"))
        }
        Force::ImmediateOrCancel => TimeInForce::ImmediateOrCancel,
        Force::FillOrKill => TimeInForce::FillOrKill,
        Force::Opening => TimeInForce::Opening,
        Force::Closing => TimeInForce::Closing,
    }
}
