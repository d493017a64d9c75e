//! The books as a start finds them: from the recovered engine.
//!
//! Invariant: a book begins as the engine displays it, queue by queue. Ids of last trades come from
//! the history, since the engine keeps only their prices. Not here: what happens afterwards.

use engine::engine::Engine;
use engine::engine::LivePlace;
use engine::event::{BookAction, BookChange};
use engine::types::{InstrumentId, TradeId};

use super::book::BookFault;
use super::instrument::Here;
use super::market::Market;

impl Market {
    /// The books of the recovered engine. `last_trade` finds the id of an instrument's last trade.
    ///
    /// # Errors
    /// [`BookFault`]: the engine lists an order twice.
    pub fn from_engine(
        engine: &Engine,
        epoch: u32,
        last_trade: impl Fn(InstrumentId) -> Option<TradeId>,
    ) -> Result<Self, BookFault> {
        let mut market = Self::new(Here {
            // Only names new trades, and whatever makes one says its shard.
            shard: 0,
            epoch,
            sequence: engine.sequence(),
            time: engine.time(),
        });
        for (_, venue) in engine.venues().venues() {
            market.add_venue(venue.phase, venue.status, venue.demonstration);
        }
        market.open_offers(engine.sales());
        for (id, instrument) in engine.venues().instruments() {
            let last = engine.last_trade(id).map(|price| (price, last_trade(id)));
            market.add_instrument(instrument.name, instrument.venue, instrument.status, last);
            for order in engine.live_orders(id) {
                let Some(price) = order.price.filter(|_| order.place == LivePlace::Book) else {
                    continue;
                };
                market.place(&BookChange {
                    instrument: id,
                    order: order.id,
                    side: order.side,
                    action: BookAction::Add,
                    price,
                    displayed: order.displayed,
                })?;
            }
            market.set_indicative(engine.indicative(id));
        }
        Ok(market)
    }
}
