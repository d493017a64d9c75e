//! The public book on the wire: levels, orders, status, trades.
//!
//! Invariant: total; names no account. Not here: chains and sequences (`view`).

use engine::event::{BookAction, BookChange, Indicative, Uncrossed};
use engine::types::{Price, Side, TradeId};
use engine::venue::{Action, Phase, TradingStatus, permits};
use proto::v1;
use proto::v1::book_event::Event as Wire;

use super::book::{Book, LevelTotal, Nodes};
use super::view::Detail;
use super::work::{Print, Reprint};
use crate::projector::rows::Correction;
use crate::to_proto;

/// What is known of an instrument beside its book.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The phase of its venue.
    pub phase: Phase,
    /// The status of its venue, then its own.
    pub statuses: [TradingStatus; 2],
    /// What an auction would give; none outside an auction.
    pub indicative: Option<Indicative>,
    /// The price of the last trade.
    pub last_price: Option<Price>,
    /// The id of the last trade.
    pub last_trade: Option<TradeId>,
    /// The venue is a demonstration.
    pub demonstration: bool,
}

impl Facts {
    /// The id of the last trade as text; empty before the first.
    pub fn last_trade_id(&self) -> String {
        self.last_trade
            .map_or_else(String::new, to_proto::trade_id_text)
    }
}

/// Whether an event of this kind has a checksum.
pub const fn carries_checksum(event: &Wire) -> bool {
    match event {
        Wire::Snapshot(_) | Wire::Delta(_) | Wire::Status(_) | Wire::Heartbeat(_) => true,
        Wire::Indicative(_)
        | Wire::Trade(_)
        | Wire::Resync(_)
        | Wire::Uncrossed(_)
        | Wire::TradeCorrection(_) => false,
    }
}

/// A level now; nothing when it is gone.
pub fn level_change(side: Side, price: i64, level: Option<LevelTotal>) -> v1::LevelChange {
    v1::LevelChange {
        side: to_proto::side(side).into(),
        price_ticks: price,
        quantity_lots: level.map_or(0, |level| level.quantity),
        order_count: level.map_or(0, |level| level.orders),
    }
}

/// A change of one order.
pub fn order_change(change: &BookChange) -> v1::OrderChange {
    let action = match change.action {
        BookAction::Add => v1::OrderChangeAction::New,
        BookAction::Change => v1::OrderChangeAction::Change,
        BookAction::Delete => v1::OrderChangeAction::Delete,
    };
    v1::OrderChange {
        action: action.into(),
        order_reference: change.order.sequence,
        side: to_proto::side(change.side).into(),
        price_ticks: change.price.ticks(),
        quantity_lots: change.displayed.lots(),
    }
}

/// Whether and how it trades.
pub fn status(facts: &Facts) -> v1::BookStatus {
    let allows = |action| permits(facts.phase, facts.statuses, action).is_ok();
    let [venue, own] = facts.statuses;
    v1::BookStatus {
        phase: to_proto::phase(facts.phase).into(),
        trading_status: to_proto::trading_status(to_proto::stricter(venue, own)).into(),
        entry_allowed: allows(Action::New),
        cancel_allowed: allows(Action::Cancel),
    }
}

/// What an auction would give.
pub fn indicative(indicative: &Indicative) -> v1::BookIndicative {
    let (side, lots) = to_proto::imbalance(indicative.imbalance);
    v1::BookIndicative {
        price_ticks: indicative.price.map(Price::ticks),
        volume_lots: indicative.volume,
        imbalance_side: side.into(),
        imbalance_lots: lots,
    }
}

/// What an auction gave.
pub fn uncrossed(uncrossed: &Uncrossed) -> v1::BookUncrossed {
    let (side, lots) = to_proto::imbalance(uncrossed.imbalance);
    v1::BookUncrossed {
        price_ticks: uncrossed.price.map(Price::ticks),
        volume_lots: uncrossed.volume,
        imbalance_side: side.into(),
        imbalance_lots: lots,
    }
}

/// A trade in a book stream.
pub fn trade(id: TradeId, print: &Print) -> v1::BookTrade {
    v1::BookTrade {
        trade_id: to_proto::trade_id_text(id),
        price_ticks: print.price.ticks(),
        quantity_lots: print.quantity.lots(),
        aggressor_side: aggressor(print.aggressor).into(),
    }
}

/// A trade that was busted or corrected, in a book stream.
pub fn correction(id: TradeId, print: &Reprint) -> v1::BookTradeCorrection {
    let action = match print.correction {
        Correction::Bust => v1::TradeAction::Cancel,
        Correction::Correct => v1::TradeAction::Correct,
    };
    v1::BookTradeCorrection {
        trade_id: to_proto::trade_id_text(id),
        action: action.into(),
        price_ticks: print.price.ticks(),
        quantity_lots: print.quantity.lots(),
    }
}

/// Who took; unspecified in an auction.
pub fn aggressor(side: Option<Side>) -> v1::Side {
    side.map_or(v1::Side::Unspecified, to_proto::side)
}

/// A whole book.
pub fn snapshot(detail: Detail, book: &Book, nodes: &Nodes, facts: &Facts) -> v1::BookSnapshot {
    let mut snapshot = v1::BookSnapshot {
        status: Some(status(facts)),
        indicative: facts.indicative.as_ref().map(indicative),
        last_price_ticks: facts.last_price.map(Price::ticks),
        last_trade_id: facts.last_trade_id(),
        demonstration: facts.demonstration,
        ..v1::BookSnapshot::default()
    };
    match detail {
        Detail::Levels(depth) => {
            snapshot.bids = levels(book, Side::Buy, depth);
            snapshot.asks = levels(book, Side::Sell, depth);
        }
        Detail::Orders => {
            let sides = [Side::Buy, Side::Sell];
            let orders = sides
                .into_iter()
                .flat_map(|side| book.orders(nodes, side))
                .map(|order| v1::BookOrder {
                    order_reference: order.reference,
                    side: to_proto::side(order.side).into(),
                    price_ticks: order.price,
                    quantity_lots: order.quantity,
                });
            snapshot.orders = orders.collect();
        }
    }
    snapshot
}

fn levels(book: &Book, side: Side, depth: u32) -> Vec<v1::PriceLevel> {
    let most = match depth {
        0 => usize::MAX,
        depth => depth as usize,
    };
    let levels = book.levels(side).take(most);
    levels
        .map(|level| v1::PriceLevel {
            price_ticks: level.price,
            quantity_lots: level.quantity,
            order_count: level.orders,
        })
        .collect()
}
