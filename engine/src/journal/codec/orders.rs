//! The bodies of order commands as bytes.
//!
//! Invariant: as in `codec`; the marks of a new order hold every choice in two bytes, and a mark
//! that its order type does not have must be clear.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{CancelOrder, MassCancel, ReplaceOrder};
use crate::types::{
    AccountId, InstrumentId, LimitTerms, NewOrder, OrderId, OrderType, Posting, Price, Quantity,
    SelfTradePrevention, Side, Time, TimeInForce,
};

// Marks of a new order: bit 0 side, 1-3 type, 4-6 time in force, 7-9 self-trade prevention.
const TYPE_SHIFT: u32 = 1;
const TIME_IN_FORCE_SHIFT: u32 = 4;
const SELF_TRADE_SHIFT: u32 = 7;
const POST_ONLY: u16 = 1 << 10;
const DISPLAY: u16 = 1 << 11;
const PROTECTION: u16 = 1 << 12;
const MIN_QUANTITY: u16 = 1 << 13;
const ALL: u16 = (1 << 14) - 1;

const LIMIT: u16 = 0;
const MARKET: u16 = 1;
const MARKET_TO_LIMIT: u16 = 2;
const STOP: u16 = 3;
const STOP_LIMIT: u16 = 4;

// Marks of a replace.
const PRICE: u8 = 1;
const STOP_PRICE: u8 = 2;
const QUANTITY: u8 = 4;

// Marks of a mass cancel.
const INSTRUMENT: u8 = 1;
const SIDE: u8 = 2;
const SELL: u8 = 4;

pub(super) fn put_new(out: &mut Vec<u8>, time: Time, order: &NewOrder) {
    bytes::put_u16(out, marks(order));
    put_account(out, order.account);
    bytes::put_varint(out, u64::from(order.instrument.index()));
    bytes::put_quantity(out, order.quantity);
    match order.order_type {
        OrderType::Limit(terms) => {
            bytes::put_price(out, terms.price);
            put_present(out, terms.display_quantity, bytes::put_quantity);
        }
        OrderType::Market { protection } | OrderType::MarketToLimit { protection } => {
            put_present(out, protection, bytes::put_price);
        }
        OrderType::Stop {
            stop_price,
            protection,
        } => {
            bytes::put_price(out, stop_price);
            put_present(out, protection, bytes::put_price);
        }
        OrderType::StopLimit { stop_price, price } => {
            bytes::put_price(out, stop_price);
            bytes::put_price(out, price);
        }
    }
    if let TimeInForce::GoodTillDate(until) = order.time_in_force {
        super::put_instant(out, time, until);
    }
    put_present(out, order.min_quantity, bytes::put_quantity);
}

fn put_present<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    if let Some(value) = value {
        put(out, value);
    }
}

fn put_account(out: &mut Vec<u8>, account: AccountId) {
    bytes::put_varint(out, u64::from(account.index()));
}

fn marks(order: &NewOrder) -> u16 {
    let mark = |mark, set| if set { mark } else { 0 };
    let side = mark(1, order.side == Side::Sell);
    let min_quantity = mark(MIN_QUANTITY, order.min_quantity.is_some());
    let time_in_force = match order.time_in_force {
        TimeInForce::Day => 0,
        TimeInForce::GoodTillCancel => 1,
        TimeInForce::GoodTillDate(_) => 2,
        TimeInForce::ImmediateOrCancel => 3,
        TimeInForce::FillOrKill => 4,
        TimeInForce::Opening => 5,
        TimeInForce::Closing => 6,
    };
    let self_trade = match order.self_trade_prevention {
        SelfTradePrevention::None => 0,
        SelfTradePrevention::CancelTaker => 1,
        SelfTradePrevention::CancelMaker => 2,
        SelfTradePrevention::CancelBoth => 3,
        SelfTradePrevention::Decrement => 4,
    };
    let (order_type, more) = match order.order_type {
        OrderType::Limit(terms) => {
            let post_only = mark(POST_ONLY, terms.posting == Posting::PostOnly);
            let display = mark(DISPLAY, terms.display_quantity.is_some());
            (LIMIT, post_only | display)
        }
        OrderType::Market { protection } => (MARKET, mark(PROTECTION, protection.is_some())),
        OrderType::MarketToLimit { protection } => {
            (MARKET_TO_LIMIT, mark(PROTECTION, protection.is_some()))
        }
        OrderType::Stop { protection, .. } => (STOP, mark(PROTECTION, protection.is_some())),
        OrderType::StopLimit { .. } => (STOP_LIMIT, 0),
    };
    let choices = order_type << TYPE_SHIFT
        | time_in_force << TIME_IN_FORCE_SHIFT
        | self_trade << SELF_TRADE_SHIFT;
    side | choices | more | min_quantity
}

pub(super) fn new(input: &mut Reader<'_>, time: Time) -> Result<NewOrder, BytesError> {
    let marks = input.u16()?;
    let field = |shift: u32| marks >> shift & 7;
    let unused = match field(TYPE_SHIFT) {
        LIMIT => PROTECTION,
        MARKET | MARKET_TO_LIMIT | STOP => POST_ONLY | DISPLAY,
        STOP_LIMIT => POST_ONLY | DISPLAY | PROTECTION,
        _ => return Err(BytesError::range("order type")),
    };
    if marks & (unused | !ALL) != 0 {
        return Err(BytesError::range("the marks of a new order"));
    }
    Ok(NewOrder {
        side: if marks & 1 == 0 {
            Side::Buy
        } else {
            Side::Sell
        },
        account: account(input)?,
        instrument: instrument(input)?,
        quantity: input.quantity("quantity")?,
        order_type: order_type(input, field(TYPE_SHIFT), marks)?,
        time_in_force: match field(TIME_IN_FORCE_SHIFT) {
            0 => TimeInForce::Day,
            1 => TimeInForce::GoodTillCancel,
            2 => TimeInForce::GoodTillDate(super::instant(input, time, "expire time")?),
            3 => TimeInForce::ImmediateOrCancel,
            4 => TimeInForce::FillOrKill,
            5 => TimeInForce::Opening,
            6 => TimeInForce::Closing,
            _ => return Err(BytesError::range("time in force")),
        },
        min_quantity: quantity_if(input, marks & MIN_QUANTITY != 0, "minimum quantity")?,
        self_trade_prevention: match field(SELF_TRADE_SHIFT) {
            0 => SelfTradePrevention::None,
            1 => SelfTradePrevention::CancelTaker,
            2 => SelfTradePrevention::CancelMaker,
            3 => SelfTradePrevention::CancelBoth,
            4 => SelfTradePrevention::Decrement,
            _ => return Err(BytesError::range("self-trade prevention")),
        },
    })
}

fn order_type(input: &mut Reader<'_>, code: u16, marks: u16) -> Result<OrderType, BytesError> {
    let protected = marks & PROTECTION != 0;
    Ok(match code {
        LIMIT => OrderType::Limit(LimitTerms {
            price: input.price("price")?,
            display_quantity: quantity_if(input, marks & DISPLAY != 0, "display quantity")?,
            posting: if marks & POST_ONLY == 0 {
                Posting::MayTake
            } else {
                Posting::PostOnly
            },
        }),
        MARKET => OrderType::Market {
            protection: price_if(input, protected, "protection price")?,
        },
        MARKET_TO_LIMIT => OrderType::MarketToLimit {
            protection: price_if(input, protected, "protection price")?,
        },
        STOP => OrderType::Stop {
            stop_price: input.price("stop price")?,
            protection: price_if(input, protected, "protection price")?,
        },
        STOP_LIMIT => OrderType::StopLimit {
            stop_price: input.price("stop price")?,
            price: input.price("price")?,
        },
        _ => return Err(BytesError::range("order type")),
    })
}

pub(super) fn put_cancel(out: &mut Vec<u8>, cancel: &CancelOrder) {
    put_account(out, cancel.account);
    put_order(out, cancel.order);
}

pub(super) fn cancel(input: &mut Reader<'_>) -> Result<CancelOrder, BytesError> {
    Ok(CancelOrder {
        account: account(input)?,
        order: order(input)?,
    })
}

pub(super) fn put_replace(out: &mut Vec<u8>, replace: &ReplaceOrder) {
    let mark = |mark, set| if set { mark } else { 0 };
    let marks = mark(PRICE, replace.price.is_some())
        | mark(STOP_PRICE, replace.stop_price.is_some())
        | mark(QUANTITY, replace.quantity.is_some());
    bytes::put_u8(out, marks);
    put_account(out, replace.account);
    put_order(out, replace.order);
    put_present(out, replace.price, bytes::put_price);
    put_present(out, replace.stop_price, bytes::put_price);
    put_present(out, replace.quantity, bytes::put_quantity);
}

pub(super) fn replace(input: &mut Reader<'_>) -> Result<ReplaceOrder, BytesError> {
    let marks = input.u8()?;
    if marks & !(PRICE | STOP_PRICE | QUANTITY) != 0 {
        return Err(BytesError::range("the marks of a replace"));
    }
    Ok(ReplaceOrder {
        account: account(input)?,
        order: order(input)?,
        price: price_if(input, marks & PRICE != 0, "price")?,
        stop_price: price_if(input, marks & STOP_PRICE != 0, "stop price")?,
        quantity: quantity_if(input, marks & QUANTITY != 0, "quantity")?,
    })
}

pub(super) fn put_mass_cancel(out: &mut Vec<u8>, cancel: &MassCancel) {
    let side = match cancel.side {
        None => 0,
        Some(Side::Buy) => SIDE,
        Some(Side::Sell) => SIDE | SELL,
    };
    let instrument = cancel.instrument.map_or(0, |_| INSTRUMENT);
    bytes::put_u8(out, instrument | side);
    put_account(out, cancel.account);
    if let Some(instrument) = cancel.instrument {
        bytes::put_varint(out, u64::from(instrument.index()));
    }
}

pub(super) fn mass_cancel(input: &mut Reader<'_>) -> Result<MassCancel, BytesError> {
    let marks = input.u8()?;
    let side = match marks & !INSTRUMENT {
        0 => None,
        SIDE => Some(Side::Buy),
        side if side == SIDE | SELL => Some(Side::Sell),
        _ => return Err(BytesError::range("the marks of a mass cancel")),
    };
    let account = account(input)?;
    let instrument = if marks & INSTRUMENT == 0 {
        None
    } else {
        Some(instrument(input)?)
    };
    Ok(MassCancel {
        account,
        instrument,
        side,
    })
}

/// An order's id; the slot one higher, so that the id of a rejected order is short.
fn put_order(out: &mut Vec<u8>, order: OrderId) {
    bytes::put_varint(out, order.sequence);
    bytes::put_varint(out, u64::from(order.slot.wrapping_add(1)));
}

fn order(input: &mut Reader<'_>) -> Result<OrderId, BytesError> {
    Ok(OrderId {
        sequence: input.varint()?,
        slot: input.varint32("the slot of an order")?.wrapping_sub(1),
    })
}

fn account(input: &mut Reader<'_>) -> Result<AccountId, BytesError> {
    Ok(AccountId::new(input.varint32("account")?))
}

fn instrument(input: &mut Reader<'_>) -> Result<InstrumentId, BytesError> {
    Ok(InstrumentId::new(input.varint32("instrument")?))
}

fn price_if(
    input: &mut Reader<'_>,
    present: bool,
    field: &'static str,
) -> Result<Option<Price>, BytesError> {
    present.then(|| input.price(field)).transpose()
}

fn quantity_if(
    input: &mut Reader<'_>,
    present: bool,
    field: &'static str,
) -> Result<Option<Quantity>, BytesError> {
    present.then(|| input.quantity(field)).transpose()
}
