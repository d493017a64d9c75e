//! What a load trades: the instruments and accounts of the gateway, or its own where there are
//! none.
//!
//! Invariant: only instruments that take orders now are traded. Not here: what is done with them.

use std::{collections::BTreeSet, sync::Arc};

use proto::v1::{
    Account, CreateInstrumentRequest, FeeRates, Instrument, ListInstrumentsRequest, Phase,
    PriceSign, SetReferencePriceRequest, TradingStatus,
};
use rust_decimal::Decimal;

use super::funded::who_can;
use crate::{
    client::connect::Connection,
    setup::{
        Operator, Run, SetupError, account_id, list_accounts,
        money::{Stake, Staked, Treasury},
    },
    workload::flow::Traded,
};

/// Instruments traded at most: enough to spread over every book of a demonstration.
const INSTRUMENTS_MAX: usize = 256;
/// Accounts used at most.
const ACCOUNTS_MAX: usize = 1_000;
/// Accounts of a market of our own.
const OWN_ACCOUNTS: u32 = 64;
/// The base price, in ticks, of an instrument that never had a price.
const BASE_TICKS: i64 = 10_000;
/// A price further than this share of the base away is never asked for, where no band says less.
const SPAN: i64 = 2;

/// Digits of the money of a market of our own: fen.
const MONEY_DECIMALS: u32 = 2;

/// What each account of a market of our own begins with: more than a load of days can need.
fn stake_of_each() -> Stake {
    Stake {
        money: Decimal::from(1_000_000_000_000_i64),
        goods: Decimal::from(1_000_000_000_000_i64),
    }
}

/// The instruments of a market of our own: id, name, unit, tick, decimals, base price.
const OWN: [(&str, &str, &str, &str, u32, &str); 4] = [
    ("cu", "Copper cathode", "t", "10", 0, "78500"),
    ("meg", "Ethylene glycol", "t", "1", 0, "4620"),
    ("apple", "Fuji apples", "kg", "0.01", 2, "8.40"),
    ("box", "Ningbo-Rotterdam, 40 ft", "box", "1", 0, "3150"),
];

/// An instrument in words and numbers.
#[derive(Clone, Debug)]
pub struct Named {
    /// Public id.
    pub id: String,
    /// Handle.
    pub handle: u32,
    /// Smallest step of a price.
    pub tick: Decimal,
    /// Smallest step of a quantity.
    pub lot: Decimal,
}

/// What is traded, and by whom.
#[derive(Clone, Debug)]
pub struct Market {
    /// Ids and steps, by index.
    pub named: Arc<Vec<Named>>,
    /// Prices and bounds, by the same index.
    pub traded: Arc<Vec<Traded>>,
    /// The accounts.
    pub accounts: Arc<Vec<Account>>,
    /// What was put in, where the market is our own: nobody else trades there.
    pub staked: Option<Arc<Staked>>,
    /// Accounts that were found and do not trade, since they have too little.
    pub left_out: usize,
}

/// Finds what the gateway offers, at a venue if one is named, and the accounts that have what
/// `orders` of the largest orders take; nothing where there are no such.
async fn find_any(
    connection: &Connection,
    venue: &str,
    orders: u32,
) -> Result<Option<Market>, SetupError> {
    let all = list_accounts(connection, ACCOUNTS_MAX).await?;
    let found = list_instruments(connection, venue).await?;
    let traded = traded_of(&found);
    let there = all.len();
    let accounts = who_can(connection, all, &traded, orders).await?;
    if traded.is_empty() || accounts.is_empty() {
        return Ok(None);
    }
    let left_out = there - accounts.len();
    Ok(Some(Market {
        left_out,
        ..market_of(traded, accounts)
    }))
}

/// Finds what the gateway offers, or makes a market of our own.
pub async fn find(connection: &Connection, run: &Run, orders: u32) -> Result<Market, SetupError> {
    match find_any(connection, "", orders).await? {
        Some(market) => Ok(market),
        None => make(connection, run).await,
    }
}

/// Makes a market of the run's own: a venue in continuous trading, four instruments with clearing
/// and fees, one participant, and funded accounts of as many owners.
pub async fn make(connection: &Connection, run: &Run) -> Result<Market, SetupError> {
    let operator = Operator::new(connection.clone(), run.clone());
    let venue = run.id("venue");
    operator
        .create_venue(&venue, "Load on an empty gateway")
        .await?;
    fill(&operator, run, venue).await
}

/// What can be traded at a venue, or a market of the run's own there.
pub async fn find_at(
    connection: &Connection,
    run: &Run,
    venue: &str,
    orders: u32,
) -> Result<Market, SetupError> {
    if let Some(market) = find_any(connection, venue, orders).await? {
        return Ok(market);
    }
    let operator = Operator::new(connection.clone(), run.clone());
    fill(&operator, run, venue.to_owned()).await
}

/// Makes what is traded at a venue, and who trades it.
async fn fill(operator: &Operator, run: &Run, venue: String) -> Result<Market, SetupError> {
    let connection = operator.connection();
    let participant = run.id("firm");
    operator.create_participant(&participant).await?;
    let handles = operator.create_accounts(&participant, OWN_ACCOUNTS).await?;
    let treasury = Treasury::open(operator, MONEY_DECIMALS).await?;
    let mut goods = Vec::with_capacity(OWN.len());
    for (id, name, unit, tick, price_decimals, price) in OWN {
        let request = CreateInstrumentRequest {
            instrument_id: run.id(id),
            venue_id: venue.clone(),
            name: name.to_owned(),
            currency: "CNY".to_owned(),
            unit: unit.to_owned(),
            tick_size: tick.to_owned(),
            lot_size: "1".to_owned(),
            price_decimals,
            price_sign: PriceSign::Positive.into(),
            max_quantity: "100000".to_owned(),
            market_protection_ticks: 50,
            ..CreateInstrumentRequest::default()
        };
        operator.create_instrument(request).await?;
        goods.push(treasury.clear(&run.id(id), unit).await?);
        let reference = SetReferencePriceRequest {
            context: None,
            instrument_id: run.id(id),
            price: price.to_owned(),
        };
        operator.set_reference_price(reference, id).await?;
    }
    let rates = FeeRates {
        maker_ppm: 50,
        taker_ppm: 100,
        auction_ppm: 75,
        ..FeeRates::default()
    };
    treasury.charge(&venue, rates).await?;
    let staked = Staked {
        treasury,
        goods,
        venue: venue.clone(),
        accounts: OWN_ACCOUNTS,
        stake: stake_of_each(),
    };
    staked.fund().await?;
    operator.set_phase(&venue, Phase::Continuous, 1).await?;
    let accounts = handles
        .into_iter()
        .zip(0..)
        .map(|(handle, index)| Account {
            account_id: account_id(run, index),
            handle,
            participant_id: participant.clone(),
            beneficial_owner_id: String::new(),
        })
        .collect();
    let instruments = list_instruments(connection, &venue).await?;
    Ok(Market {
        staked: Some(Arc::new(staked)),
        ..market_of(traded_of(&instruments), accounts)
    })
}

async fn list_instruments(
    connection: &Connection,
    venue: &str,
) -> Result<Vec<Instrument>, SetupError> {
    let mut instruments = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListInstrumentsRequest {
            venue_id: venue.to_owned(),
            page_size: 1_000,
            page_token,
        };
        let page = connection
            .persist(|| {
                let (mut client, request) = (connection.market_data(), request.clone());
                async move { client.list_instruments(request).await }
            })
            .await
            .map_err(|status| SetupError::Call {
                what: "listing instruments".to_owned(),
                status,
            })?;
        instruments.extend(page.instruments);
        if page.next_page_token.is_empty() {
            return Ok(instruments);
        }
        page_token = page.next_page_token;
    }
}

fn traded_of(instruments: &[Instrument]) -> Vec<(Named, Traded)> {
    let taking = instruments.iter().filter(|one| takes_orders(one));
    taking.filter_map(read).take(INSTRUMENTS_MAX).collect()
}

fn market_of(traded: Vec<(Named, Traded)>, accounts: Vec<Account>) -> Market {
    let (named, traded) = traded.into_iter().unzip();
    Market {
        named: Arc::new(named),
        traded: Arc::new(traded),
        accounts: Arc::new(accounts),
        staked: None,
        left_out: 0,
    }
}

impl Market {
    /// The participants behind the accounts.
    pub fn participants(&self) -> BTreeSet<String> {
        self.accounts
            .iter()
            .map(|account| account.participant_id.clone())
            .collect()
    }
}

fn takes_orders(instrument: &Instrument) -> bool {
    let phase = match instrument.phase() {
        Phase::PreOpen
        | Phase::PreOpenNoCancel
        | Phase::Continuous
        | Phase::VolatilityCall
        | Phase::ClosingCall
        | Phase::ClosingCallNoCancel => true,
        Phase::Unspecified | Phase::Closed | Phase::Freeze | Phase::Uncross | Phase::PostClose => {
            false
        }
    };
    phase && instrument.trading_status() == TradingStatus::Trading
}

fn read(instrument: &Instrument) -> Option<(Named, Traded)> {
    let tick: Decimal = instrument.tick_size.parse().ok()?;
    let lot: Decimal = instrument.lot_size.parse().ok()?;
    let steps = |text: &str, step: Decimal| -> Option<i64> {
        let value: Decimal = text.parse().ok()?;
        i64::try_from(value.checked_div(step)?.trunc()).ok()
    };
    let base_ticks = steps(&instrument.last_price, tick)
        .or_else(|| steps(&instrument.reference_price, tick))
        .unwrap_or(BASE_TICKS);
    let least = match instrument.price_sign() {
        PriceSign::Unspecified | PriceSign::Positive => 1,
        PriceSign::NonNegative => 0,
        PriceSign::Any => i64::MIN,
    };
    let span = base_ticks.abs() / SPAN + 1_000;
    let low_ticks = steps(&instrument.low_limit_price, tick)
        .unwrap_or(base_ticks - span)
        .max(least);
    let high_ticks = steps(&instrument.high_limit_price, tick).unwrap_or(base_ticks + span);
    if low_ticks > high_ticks {
        return None;
    }
    let named = Named {
        id: instrument.instrument_id.clone(),
        handle: instrument.handle,
        tick,
        lot,
    };
    let traded = Traded {
        base_ticks,
        low_ticks,
        high_ticks,
        max_lots: steps(&instrument.max_quantity, lot)?.max(1),
        continuous: instrument.phase() == Phase::Continuous,
    };
    Some((named, traded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_an_instrument_are_read_in_ticks_and_lots() {
        let instrument = Instrument {
            tick_size: "0.5".to_owned(),
            lot_size: "10".to_owned(),
            max_quantity: "1000".to_owned(),
            reference_price: "100".to_owned(),
            low_limit_price: "90".to_owned(),
            high_limit_price: "110".to_owned(),
            phase: Phase::Continuous.into(),
            trading_status: TradingStatus::Trading.into(),
            ..Instrument::default()
        };
        assert!(takes_orders(&instrument));
        let (_, traded) = read(&instrument).unwrap();
        let expected = Traded {
            base_ticks: 200,
            low_ticks: 180,
            high_ticks: 220,
            max_lots: 100,
            continuous: true,
        };
        assert_eq!(traded, expected);
        let closed = Instrument {
            phase: Phase::Closed.into(),
            ..instrument
        };
        assert!(!takes_orders(&closed));
    }
}
