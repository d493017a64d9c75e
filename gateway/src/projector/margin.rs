//! What margin forwards add to the history: orders the engine made, and what marks paid or took.
//!
//! Invariant: a forced reduction's order has a row as any other. Not here: their trades (`orders`).

use engine::event::{OrderReport, Variation};
use engine::types::{NewOrder, OrderType, SelfTradePrevention, Side, TimeInForce};

use super::orders::{At, LiveOrders};
use super::output::{ProjectError, Rows};
use super::postings;
use super::rows::Origin;

impl LiveOrders {
    /// An order the engine made itself: the reduction of a position.
    pub(super) fn engine_made<R: Rows>(
        &mut self,
        at: At<'_>,
        report: &OrderReport,
        rows: &mut R,
    ) -> Result<Option<(Origin, i128)>, ProjectError<R::Error>> {
        let (Some(instrument), Some(side)) = (report.instrument, report.side) else {
            return Ok(None);
        };
        let order = NewOrder {
            account: report.account,
            instrument,
            side,
            quantity: report.order_quantity,
            order_type: OrderType::Market { protection: None },
            time_in_force: TimeInForce::ImmediateOrCancel,
            min_quantity: None,
            self_trade_prevention: SelfTradePrevention::CancelMaker,
        };
        self.submitted(at, &order, report, rows)
    }

    /// What a mark paid an account or took from it.
    pub(super) fn varied<R: Rows>(
        &self,
        at: At<'_>,
        variation: &Variation,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        let Some(settles) = self.cleared.get(&variation.instrument) else {
            return Ok(());
        };
        let posting = postings::of_variation(at.posting(Side::Buy), variation, settles.money);
        Ok(rows.put_posting(&posting)?)
    }
}
