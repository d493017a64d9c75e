//! What a bust or a correction adds to the history: a report for each side, a print, postings.
//!
//! Invariant: what was written before stays; the new rows name it. The orders, which may have ended
//! long ago, and the trade's epoch are read from the history, so everything before was written
//! (`work::Piece::looks_back`). Not here: rows of trades as such (`orders`).

use engine::event::{CorrectionEvent, CorrectionSide, TradeCorrection};
use engine::types::{OrderId, OrderStatus, Quantity, Side, TradeId};

use super::orders::{At, LiveOrders, notional};
use super::output::{ProjectError, Rows};
use super::postings;
use super::rows::{Correction, ExecutionKind, ExecutionRow, Liquidity, OrderRow, TradeRow};

impl LiveOrders {
    /// Writes what became of a trade, or of what is owed since; answers the executions of both
    /// sides.
    pub(super) fn correction<R: Rows>(
        &mut self,
        at: At<'_>,
        event: &CorrectionEvent,
        rows: &mut R,
    ) -> Result<Option<[ExecutionRow; 2]>, ProjectError<R::Error>> {
        let (kind, event) = match event {
            CorrectionEvent::Repaid(repaid) => {
                let row = postings::of_repaid(at.posting(Side::Buy), repaid);
                rows.put_posting(&row)?;
                return Ok(None);
            }
            CorrectionEvent::Busted(event) => (Correction::Bust, event),
            CorrectionEvent::Corrected(event) => (Correction::Correct, event),
        };
        let trade = Self::trade_of(at, event, rows)?;
        rows.put_trade(&TradeRow {
            trade: at.trade_id(),
            corrects: Some((kind, trade)),
            time: at.step.time,
            instrument: event.instrument,
            price: shown(kind, event).0,
            quantity: shown(kind, event).1,
            aggressor: event.aggressor,
            value: event.after.value,
        })?;
        let buy = self.correct_side(at, (kind, event, trade), Side::Buy, rows)?;
        let sell = self.correct_side(at, (kind, event, trade), Side::Sell, rows)?;
        Ok(Some([buy, sell]))
    }

    /// The trade's id: its epoch may be an older one.
    fn trade_of<R: Rows>(
        at: At<'_>,
        event: &TradeCorrection,
        rows: &mut R,
    ) -> Result<TradeId, ProjectError<R::Error>> {
        let written = rows.read_trade(event.sequence.value(), event.index)?;
        Ok(written.map_or(
            TradeId {
                sequence: event.sequence.value(),
                index: event.index,
                ..at.trade_id()
            },
            |row| row.trade,
        ))
    }

    fn correct_side<R: Rows>(
        &mut self,
        at: At<'_>,
        (kind, event, trade): (Correction, &TradeCorrection, TradeId),
        side: Side,
        rows: &mut R,
    ) -> Result<ExecutionRow, ProjectError<R::Error>> {
        let own = match side {
            Side::Buy => &event.buy,
            Side::Sell => &event.sell,
        };
        let row = self.shorten(at, event, own, rows)?;
        let place = at.correction_posting(side);
        if let Some(assets) = self.cleared_assets(event.instrument) {
            let of = (event, trade, row.order);
            for posting in postings::of_correction(place, of, side, assets) {
                rows.put_posting(&posting)?;
            }
        }
        let liquidity = match event.aggressor {
            None => Liquidity::Auction,
            Some(taker) if taker == side => Liquidity::Removed,
            Some(_) => Liquidity::Added,
        };
        let (price, quantity) = shown(kind, event);
        Ok(ExecutionRow {
            exec: at.exec_id(side),
            time: at.step.time,
            kind: ExecutionKind::Correction {
                correction: kind,
                trade,
                price,
                quantity,
                liquidity,
                value: event.after.value,
                fee: own.fee,
            },
            cause: engine::event::Cause::Request,
            reject: None,
            order: row.order,
            account: own.account,
            participant: self.participant(own.account),
            counters: own.counters,
            instrument: Some(event.instrument),
            side: Some(side),
            origin: Some(row.origin),
            standing: row.standing,
            answers: row.origin.identity,
        })
    }

    /// The order traded so much less. One that lives is smaller by it, since its leaves stay; one
    /// that was filled is not any more, and as nothing comes back it counts as cancelled.
    fn shorten<R: Rows>(
        &mut self,
        at: At<'_>,
        event: &TradeCorrection,
        own: &CorrectionSide,
        rows: &mut R,
    ) -> Result<OrderRow, ProjectError<R::Error>> {
        let unknown = ProjectError::UnknownOrder {
            sequence: at.step.sequence.value(),
            order: OrderId {
                sequence: own.order,
                slot: OrderId::NO_SLOT,
            },
        };
        let mut row = rows.read_order(own.order)?.ok_or(unknown)?;
        let less = event.lots_less();
        let lives = !row.standing.status.is_terminal();
        if lives {
            row = self.live_row(at, row.order, rows)?;
        }
        let standing = &mut row.standing;
        let minus = |quantity: Quantity| {
            let left = (quantity.lots() - less).max(0);
            Quantity::new(left).unwrap_or(Quantity::ZERO)
        };
        standing.cumulative = minus(standing.cumulative);
        standing.notional += notional(event.after.price, event.after.quantity)
            - notional(event.before.price, event.before.quantity);
        if lives {
            standing.quantity = minus(standing.quantity);
            standing.status = if standing.cumulative.is_zero() {
                OrderStatus::New
            } else {
                OrderStatus::PartiallyFilled
            };
        } else if less > 0 && standing.status == OrderStatus::Filled {
            standing.status = OrderStatus::Canceled;
        }
        row.touched = at.step.sequence;
        row.updated = at.step.time;
        if lives {
            self.put_live_row(at, row, rows)?;
        } else {
            rows.put_order(&row)?;
        }
        Ok(row)
    }
}

/// Price and quantity that a report shows: of a bust as they stood.
fn shown(kind: Correction, event: &TradeCorrection) -> (engine::types::Price, Quantity) {
    let terms = match kind {
        Correction::Bust => &event.before,
        Correction::Correct => &event.after,
    };
    (terms.price, terms.quantity)
}
