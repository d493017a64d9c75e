//! `MarketData`: instruments, books, trades. Public data only.
//!
//! Invariant: nothing here names an account. Books come from the mirror, trades from the history,
//! names and terms from the directory. Not here: chains and depths (`fanout`).

use std::collections::HashSet;
use std::sync::Arc;

use engine::types::{InstrumentId, Price, VenueId};
use proto::v1;
use proto::v1::market_data_server::MarketData;
use tonic::{Request, Response, Status};

use super::events::EventStream;
use super::executions::instrument;
use super::pages::page;
use super::trades::{self, TradesStream};
use crate::directory::{InstrumentEntry, Tables};
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::fanout::{self, BOOKS_MAX, BookImage, Detail, FeedError, From as Join, LevelTotal};
use crate::fanout::{Owed, SubscribeError};
use crate::to_proto;

/// Levels a side of a snapshot when none are asked for.
const DEPTH_DEFAULT: u32 = 10;
/// The most levels a side, of a snapshot or of a limited stream.
const DEPTH_MAX: u32 = 1_000;
/// The service.
#[derive(Clone)]
pub struct MarketDataService {
    exchange: Arc<Exchange>,
}

impl MarketDataService {
    /// The service of this exchange.
    pub const fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    /// The instruments with these handles, as they stand.
    async fn describe(&self, ids: Vec<InstrumentId>) -> Result<Vec<v1::Instrument>, Failure> {
        let prices = self.exchange.feed.last_prices(ids.clone()).await?;
        let tables = self.exchange.directory.read();
        let known = ids.into_iter().zip(prices).filter_map(|(id, last)| {
            let entry = tables.instrument(id)?;
            Some(describe(&tables, id, entry, last))
        });
        Ok(known.collect())
    }
}

#[tonic::async_trait]
impl MarketData for MarketDataService {
    async fn list_instruments(
        &self,
        request: Request<v1::ListInstrumentsRequest>,
    ) -> Result<Response<v1::ListInstrumentsResponse>, Status> {
        let request = request.get_ref();
        let (ids, next_page_token) = {
            let tables = self.exchange.directory.read();
            let page = page(request.page_size, &request.page_token)?;
            let venue = venue(&tables, &request.venue_id)?;
            let all = tables.instruments.iter();
            let wanted = all.filter(|(_, entry)| venue.is_none_or(|id| id == entry.venue));
            page.cut(wanted.map(|(handle, _)| (handle, InstrumentId::new(handle))))
        };
        Ok(Response::new(v1::ListInstrumentsResponse {
            instruments: self.describe(ids).await?,
            next_page_token,
        }))
    }

    async fn get_instrument(
        &self,
        request: Request<v1::GetInstrumentRequest>,
    ) -> Result<Response<v1::Instrument>, Status> {
        let name = &request.get_ref().instrument_id;
        let id = instrument(&self.exchange.directory.read(), name)?;
        let found = self.describe(vec![id]).await?.into_iter().next();
        Ok(Response::new(found.ok_or_else(|| not_found(name))?))
    }

    async fn get_book_snapshot(
        &self,
        request: Request<v1::GetBookSnapshotRequest>,
    ) -> Result<Response<v1::GetBookSnapshotResponse>, Status> {
        let request = request.get_ref();
        let id = instrument(&self.exchange.directory.read(), &request.instrument_id)?;
        let depth = match depth(request.depth)? {
            0 => DEPTH_DEFAULT,
            depth => depth,
        };
        let image = self.exchange.feed.image(id, depth as usize).await;
        let image = image.map_err(Failure::from)?;
        let image = image.ok_or_else(|| not_found(&request.instrument_id))?;
        let tables = self.exchange.directory.read();
        let entry = tables.instrument(id);
        let entry = entry.ok_or_else(|| not_found(&request.instrument_id))?;
        Ok(Response::new(snapshot(entry, &image)))
    }

    type StreamBookStream = EventStream<v1::StreamBookResponse>;

    async fn stream_book(
        &self,
        request: Request<v1::StreamBookRequest>,
    ) -> Result<Response<Self::StreamBookStream>, Status> {
        let request = request.get_ref();
        let detail = detail(request)?;
        let books = books(&self.exchange.directory.read(), request)?;
        let subscribed = self.exchange.feed.subscribe(detail, books).await;
        let messages = subscribed.map_err(Failure::from)?;
        Ok(Response::new(EventStream::new(&self.exchange, messages)))
    }

    type StreamTradesStream = TradesStream;

    async fn stream_trades(
        &self,
        request: Request<v1::StreamTradesRequest>,
    ) -> Result<Response<Self::StreamTradesStream>, Status> {
        let request = request.get_ref();
        let instruments = trade_instruments(&self.exchange.directory.read(), request)?;
        let stream = trades::stream(&self.exchange, instruments, request.from_engine_sequence)?;
        Ok(Response::new(stream))
    }
}

fn not_found(name: &str) -> Failure {
    Failure::NotFound(Kind::Instrument, name.to_owned())
}

/// The venue a request names in `venue_id`; none for all.
///
/// # Errors
/// Not found.
pub(super) fn venue(tables: &Tables, name: &str) -> Result<Option<VenueId>, Failure> {
    if name.is_empty() {
        return Ok(None);
    }
    let look = |tables: &Tables, name: &str| tables.venues.find(name);
    let found = super::accounts::find(tables, "venue_id", name, Kind::Venue, look)?;
    Ok(Some(VenueId::new(found)))
}

fn depth(depth: u32) -> Result<u32, Failure> {
    if depth > DEPTH_MAX {
        let right = format!("{depth} is too large; at most {DEPTH_MAX} levels are right");
        return Err(Failure::field("depth", right));
    }
    Ok(depth)
}

fn detail(request: &v1::StreamBookRequest) -> Result<Detail, Failure> {
    match v1::BookDepth::try_from(request.level) {
        Ok(v1::BookDepth::L1) => Ok(Detail::Levels(1)),
        Ok(v1::BookDepth::L2 | v1::BookDepth::Unspecified) => {
            depth(request.depth).map(Detail::Levels)
        }
        Ok(v1::BookDepth::L3) => Ok(Detail::Orders),
        Err(_) => Err(Failure::field("level", "is none of L1, L2 and L3")),
    }
}

fn books(tables: &Tables, request: &v1::StreamBookRequest) -> Result<Vec<Owed>, Failure> {
    let count = request.instruments.len();
    if count == 0 || count > BOOKS_MAX {
        let right = format!("has {count} entries; 1 to {BOOKS_MAX} are right");
        return Err(Failure::field("instruments", right));
    }
    let mut seen = HashSet::new();
    let mut books = Vec::with_capacity(count);
    for (place, wanted) in request.instruments.iter().enumerate() {
        let instrument = instrument(tables, &wanted.instrument_id)?;
        if !seen.insert(instrument) {
            let field = format!("instruments[{place}].instrument_id");
            return Err(Failure::field(field, "stands twice; once is right"));
        }
        let from = wanted.resume.map_or(Join::Snapshot, |resume| Join::Place {
            epoch: resume.epoch,
            seq: resume.seq,
        });
        books.push(Owed {
            of: instrument,
            from,
        });
    }
    Ok(books)
}

fn trade_instruments(
    tables: &Tables,
    request: &v1::StreamTradesRequest,
) -> Result<HashSet<InstrumentId>, Failure> {
    let count = request.instrument_ids.len();
    if count > BOOKS_MAX {
        let right = format!("has {count} entries; at most {BOOKS_MAX} are right, none is all");
        return Err(Failure::field("instrument_ids", right));
    }
    let names = request.instrument_ids.iter();
    names.map(|name| instrument(tables, name)).collect()
}

fn describe(
    tables: &Tables,
    id: InstrumentId,
    entry: &InstrumentEntry,
    last: Option<Price>,
) -> v1::Instrument {
    let terms = &entry.terms;
    let venue = tables.venue(entry.venue);
    let limits = static_limits(entry);
    let status = venue.map_or(entry.status, |venue| {
        to_proto::stricter(venue.status, entry.status)
    });
    v1::Instrument {
        instrument_id: entry.name.as_str().to_owned(),
        handle: id.index(),
        venue_id: venue.map_or_else(String::new, |venue| venue.name.as_str().to_owned()),
        name: entry.title.as_str().to_owned(),
        currency: terms.currency.as_str().to_owned(),
        unit: terms.unit.as_str().to_owned(),
        tick_size: to_proto::decimal_text(terms.tick_size.into(), terms.price_decimals),
        lot_size: to_proto::decimal_text(terms.lot_size.into(), terms.quantity_decimals),
        price_decimals: terms.price_decimals.into(),
        quantity_decimals: terms.quantity_decimals.into(),
        price_sign: to_proto::price_sign(terms.price_sign).into(),
        price_rule: v1::PriceRule::Resting.into(),
        static_band_bp: terms.static_band_bp.unwrap_or(0),
        dynamic_band_ticks: terms.dynamic_band_ticks.unwrap_or(0).unsigned_abs(),
        max_quantity: to_proto::quantity_text(terms, terms.max_quantity),
        max_notional: terms
            .max_notional
            .map_or_else(String::new, |sum| to_proto::notional_text(terms, sum)),
        market_protection_ticks: terms.market_protection_ticks.unsigned_abs(),
        phase: venue
            .map_or(v1::Phase::Unspecified, |venue| to_proto::phase(venue.phase))
            .into(),
        trading_status: to_proto::trading_status(status).into(),
        reference_price: to_proto::optional_price(terms, entry.reference),
        low_limit_price: to_proto::optional_price(terms, limits.map(|(low, _)| low)),
        high_limit_price: to_proto::optional_price(terms, limits.map(|(_, high)| high)),
        last_price: to_proto::optional_price(terms, last),
        demonstration: venue.is_some_and(|venue| venue.demonstration),
    }
}

/// The static band now, as the engine works it out.
fn static_limits(entry: &InstrumentEntry) -> Option<(Price, Price)> {
    let instrument = engine::venue::Instrument {
        name: entry.name,
        title: entry.title,
        venue: entry.venue,
        terms: entry.terms,
        status: entry.status,
        reference: entry.reference,
    };
    instrument.static_limits()
}

fn snapshot(entry: &InstrumentEntry, image: &BookImage) -> v1::GetBookSnapshotResponse {
    let terms = &entry.terms;
    let level = |level: &LevelTotal| v1::BookLevel {
        price: Price::new(level.price)
            .map_or_else(String::new, |price| to_proto::price_text(terms, price)),
        quantity: to_proto::lots_text(terms, level.quantity),
        order_count: level.orders,
        price_ticks: level.price,
        quantity_lots: level.quantity,
    };
    v1::GetBookSnapshotResponse {
        instrument_id: entry.name.as_str().to_owned(),
        epoch: image.here.epoch,
        seq: image.seq,
        engine_sequence: image.here.sequence.value(),
        time: Some(to_proto::timestamp(image.here.time)),
        bids: image.bids.iter().map(level).collect(),
        asks: image.asks.iter().map(level).collect(),
        status: Some(fanout::status(&image.facts)),
        indicative: image.facts.indicative.as_ref().map(fanout::indicative),
        last_price: to_proto::optional_price(terms, image.facts.last_price),
        top10_crc32: image.checksum,
        demonstration: image.facts.demonstration,
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Stopped => Self::Stopping,
            FeedError::Busy => Self::Busy("too many requests for market data are waiting"),
            FeedError::Refused(SubscribeError::TooManySubscribers) => {
                Self::Busy("as many streams of market data are open as may be")
            }
            FeedError::Refused(SubscribeError::TooManyViews(_)) => Self::Busy(
                "a book asked for is streamed to as many depths as may be; L1, L3 and depth 0 or \
                 one in use go",
            ),
            FeedError::Refused(SubscribeError::UnknownOffer(id)) => {
                Self::NotFound(Kind::Offer, to_proto::offer_id_text(id))
            }
            FeedError::Refused(SubscribeError::UnknownInstrument(id)) => {
                Self::NotFound(Kind::Instrument, id.index().to_string())
            }
        }
    }
}
