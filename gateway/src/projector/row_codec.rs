//! The bytes of the history's rows: version 2 is written, versions 1 and 2 are read.
//!
//! Invariant: a row of either version reads back for ever (golden bytes in the tests); each begins
//! with its version byte, and a reader of another version refuses it by name. What version 2 added
//! stands where it belongs in the row, and reads as zero from version 1. A codec of our own, not a
//! general one: rows are written twice for each report, and absent parts cost one byte. Not here:
//! what the fields mean (`rows`), keys and families (`store`).

use engine::bytes::{self, BytesError, Reader};
use engine::command::Identity;
use engine::event::{Cause, Counters, ExecType};
use engine::reject::{Basis, Reject, RejectReason};
use engine::types::{
    AccountId, ExecId, InstrumentId, OrderId, OrderStatus, ParticipantId, Sequence, SessionId,
    Side, TimeInForce, TradeId,
};

use super::rows::{
    Correction, ExecutionKind, ExecutionRow, Liquidity, OrderKind, OrderRow, Origin, ROW_VERSION,
    RowError, Standing, TradeRow,
};

macro_rules! codes {
    ($put:ident, $get:ident, $field:literal, $type:ty { $($variant:path = $code:literal,)* }) => {
        fn $put(out: &mut Vec<u8>, value: $type) {
            out.push(match value { $($variant => $code,)* });
        }

        fn $get(input: &mut Reader<'_>) -> Result<$type, BytesError> {
            Ok(match input.u8()? {
                $($code => $variant,)*
                _ => return Err(BytesError::range($field)),
            })
        }
    };
}

codes!(put_side, get_side, "side", Side { Side::Buy = 1, Side::Sell = 2, });
codes!(put_kind, get_kind, "order kind", OrderKind {
    OrderKind::Market = 1,
    OrderKind::Limit = 2,
    OrderKind::Stop = 3,
    OrderKind::StopLimit = 4,
    OrderKind::MarketToLimit = 5,
});
codes!(put_liquidity, get_liquidity, "liquidity", Liquidity {
    Liquidity::Added = 1,
    Liquidity::Removed = 2,
    Liquidity::Auction = 3,
});
// Beside the codes of `ExecType` and of sides: a reader that does not know them refuses the row.
codes!(put_correction, get_correction, "correction", Correction {
    Correction::Bust = 36,
    Correction::Correct = 37,
});
codes!(put_status, get_status, "order status", OrderStatus {
    OrderStatus::New = 1,
    OrderStatus::PartiallyFilled = 2,
    OrderStatus::Filled = 3,
    OrderStatus::Canceled = 4,
    OrderStatus::Rejected = 5,
    OrderStatus::Expired = 6,
});
codes!(put_exec_type, get_exec_type, "exec type", ExecType {
    ExecType::New = 1,
    ExecType::Canceled = 2,
    ExecType::Replaced = 3,
    ExecType::Rejected = 4,
    ExecType::Expired = 5,
    ExecType::Restated = 6,
    ExecType::Triggered = 8,
    ExecType::CancelRejected = 9,
    ExecType::ReplaceRejected = 10,
});
codes!(put_cause, get_cause, "cause", Cause {
    Cause::Request = 1,
    Cause::MassCancel = 2,
    Cause::SelfTrade = 3,
    Cause::Unfilled = 4,
    Cause::ReplacedBelowFilled = 5,
    Cause::TimeOver = 6,
    Cause::PriceSet = 7,
    Cause::NotPlaced = 8,
    Cause::KillSwitch = 9,
    Cause::Disconnected = 10,
    Cause::DeadMan = 11,
    Cause::ForcedReduction = 27,
});

fn put_time_in_force(out: &mut Vec<u8>, value: TimeInForce) {
    match value {
        TimeInForce::Day => out.push(1),
        TimeInForce::GoodTillCancel => out.push(2),
        TimeInForce::Opening => out.push(3),
        TimeInForce::ImmediateOrCancel => out.push(4),
        TimeInForce::FillOrKill => out.push(5),
        TimeInForce::GoodTillDate(until) => {
            out.push(6);
            bytes::put_time(out, until);
        }
        TimeInForce::Closing => out.push(7),
    }
}

fn get_time_in_force(input: &mut Reader<'_>) -> Result<TimeInForce, BytesError> {
    Ok(match input.u8()? {
        1 => TimeInForce::Day,
        2 => TimeInForce::GoodTillCancel,
        3 => TimeInForce::Opening,
        4 => TimeInForce::ImmediateOrCancel,
        5 => TimeInForce::FillOrKill,
        6 => TimeInForce::GoodTillDate(input.time("expiry")?),
        7 => TimeInForce::Closing,
        _ => return Err(BytesError::range("time in force")),
    })
}

pub(super) fn put_identity(out: &mut Vec<u8>, value: Identity) {
    match value {
        Identity::Internal => out.push(0),
        Identity::Session {
            session,
            client_sequence,
        } => {
            out.push(1);
            bytes::put_varint(out, session.index().into());
            bytes::put_varint(out, client_sequence);
        }
        Identity::Request(id) => {
            out.push(2);
            bytes::put_text(out, &id);
        }
    }
}

pub(super) fn get_identity(input: &mut Reader<'_>) -> Result<Identity, BytesError> {
    Ok(match input.u8()? {
        0 => Identity::Internal,
        1 => Identity::Session {
            session: SessionId::new(input.varint32("session")?),
            client_sequence: input.varint()?,
        },
        2 => Identity::Request(input.text()?),
        _ => return Err(BytesError::range("identity")),
    })
}

pub(super) fn put_reject(out: &mut Vec<u8>, value: Option<Reject>) {
    let code = value.map_or(0, |reject| reject.reason.code());
    bytes::put_varint(out, code.into());
    if let Some(reject) = value {
        // One byte for a text that is built in; else 255, then the regime and the rule.
        let [regime, code] = reject.basis.map_or(0, Basis::code).to_be_bytes();
        out.extend([u8::MAX, regime].iter().filter(|_| regime > 0));
        out.push(code);
    }
}

pub(super) fn get_reject(input: &mut Reader<'_>) -> Result<Option<Reject>, BytesError> {
    let code = input.varint32("reject reason")?;
    if code == 0 {
        return Ok(None);
    }
    let unknown = BytesError::range("reject reason");
    let reason = u16::try_from(code)
        .ok()
        .and_then(RejectReason::from_code)
        .ok_or(unknown)?;
    let code = match input.u8()? {
        u8::MAX => u16::from_be_bytes([input.u8()?, input.u8()?]),
        code => u16::from(code),
    };
    let basis = Basis::from_code(code);
    let wrong = BytesError::range("basis");
    let basis = (code > 0).then(|| basis.ok_or(wrong)).transpose()?;
    Ok(Some(Reject { reason, basis }))
}

pub(super) fn put_order(out: &mut Vec<u8>, value: OrderId) {
    bytes::put_varint(out, value.sequence);
    bytes::put_u32(out, value.slot);
}

pub(super) fn get_order(input: &mut Reader<'_>) -> Result<OrderId, BytesError> {
    Ok(OrderId {
        sequence: input.varint()?,
        slot: input.u32()?,
    })
}

fn put_origin(out: &mut Vec<u8>, value: Origin) {
    put_kind(out, value.kind);
    put_time_in_force(out, value.time_in_force);
    put_identity(out, value.identity);
}

fn get_origin(input: &mut Reader<'_>) -> Result<Origin, BytesError> {
    Ok(Origin {
        kind: get_kind(input)?,
        time_in_force: get_time_in_force(input)?,
        identity: get_identity(input)?,
    })
}

fn put_standing(out: &mut Vec<u8>, value: &Standing) {
    put_status(out, value.status);
    bytes::put_option(out, value.price, bytes::put_price);
    bytes::put_option(out, value.stop_price, bytes::put_price);
    bytes::put_quantity(out, value.quantity);
    bytes::put_quantity(out, value.cumulative);
    bytes::put_quantity(out, value.leaves);
    let notional = (value.notional != 0).then_some(value.notional);
    bytes::put_option(out, notional, bytes::put_i128);
    bytes::put_zigzag(out, value.held);
}

/// An amount of money of a row of version 2; before, there was none.
fn get_money(input: &mut Reader<'_>, version: u8) -> Result<i64, BytesError> {
    if version < 2 { Ok(0) } else { input.zigzag() }
}

fn get_standing(input: &mut Reader<'_>, version: u8) -> Result<Standing, BytesError> {
    Ok(Standing {
        status: get_status(input)?,
        price: input.option(|input| input.price("price"))?,
        stop_price: input.option(|input| input.price("stop price"))?,
        quantity: input.quantity("quantity")?,
        cumulative: input.quantity("cumulative")?,
        leaves: input.quantity("leaves")?,
        notional: input.option(Reader::i128)?.unwrap_or(0),
        held: get_money(input, version)?,
    })
}

pub(super) fn get_handle(input: &mut Reader<'_>, field: &'static str) -> Result<u32, BytesError> {
    input.varint32(field)
}

/// The row behind its version, and that.
pub(super) fn open(row: &[u8]) -> Result<(Reader<'_>, u8), RowError> {
    let mut input = Reader::new(row);
    match input.u8()? {
        version @ 1..=ROW_VERSION => Ok((input, version)),
        version => Err(RowError::Version(version)),
    }
}

impl OrderRow {
    /// Appends the row's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(ROW_VERSION);
        put_order(out, self.order);
        bytes::put_varint(out, self.account.index().into());
        bytes::put_varint(out, self.instrument.index().into());
        put_side(out, self.side);
        put_origin(out, self.origin);
        put_standing(out, &self.standing);
        put_cause(out, self.cause);
        put_reject(out, self.reject);
        bytes::put_time(out, self.created);
        bytes::put_varint(out, self.touched.value());
        bytes::put_time(out, self.updated);
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn decode(row: &[u8]) -> Result<Self, RowError> {
        let (mut input, version) = open(row)?;
        let row = Self {
            order: get_order(&mut input)?,
            account: AccountId::new(get_handle(&mut input, "account")?),
            instrument: InstrumentId::new(get_handle(&mut input, "instrument")?),
            side: get_side(&mut input)?,
            origin: get_origin(&mut input)?,
            standing: get_standing(&mut input, version)?,
            cause: get_cause(&mut input)?,
            reject: get_reject(&mut input)?,
            created: input.time("created")?,
            touched: Sequence::new(input.varint()?),
            updated: input.time("updated")?,
        };
        input.finish()?;
        Ok(row)
    }
}

impl ExecutionRow {
    /// Appends the row's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(ROW_VERSION);
        self.encode_body(out);
    }

    pub(super) fn encode_body(&self, out: &mut Vec<u8>) {
        put_exec(out, self.exec);
        bytes::put_time(out, self.time);
        match self.kind {
            ExecutionKind::Report(exec_type) => put_exec_type(out, exec_type),
            ExecutionKind::Trade {
                price,
                quantity,
                liquidity,
                value,
                fee,
            } => {
                out.push(Self::TRADE);
                bytes::put_price(out, price);
                bytes::put_quantity(out, quantity);
                put_liquidity(out, liquidity);
                bytes::put_zigzag(out, value);
                bytes::put_zigzag(out, fee);
            }
            ExecutionKind::Correction {
                correction,
                trade,
                price,
                quantity,
                liquidity,
                value,
                fee,
            } => {
                put_correction(out, correction);
                put_trade_id(out, trade);
                bytes::put_price(out, price);
                bytes::put_quantity(out, quantity);
                put_liquidity(out, liquidity);
                bytes::put_zigzag(out, value);
                bytes::put_zigzag(out, fee);
            }
        }
        put_cause(out, self.cause);
        put_reject(out, self.reject);
        put_order(out, self.order);
        bytes::put_varint(out, self.account.index().into());
        bytes::put_option(out, self.participant, |out, participant| {
            bytes::put_varint(out, participant.index().into());
        });
        bytes::put_varint(out, self.counters.account);
        bytes::put_varint(out, self.counters.participant);
        bytes::put_option(out, self.instrument, |out, instrument| {
            bytes::put_varint(out, instrument.index().into());
        });
        bytes::put_option(out, self.side, put_side);
        bytes::put_option(out, self.origin, put_origin);
        put_standing(out, &self.standing);
        put_identity(out, self.answers);
    }

    /// FIX 150 = F, beside the codes of `ExecType`.
    const TRADE: u8 = 7;

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn decode(row: &[u8]) -> Result<Self, RowError> {
        let (mut input, version) = open(row)?;
        let row = Self::decode_body(&mut input, version)?;
        input.finish()?;
        Ok(row)
    }

    pub(super) fn decode_body(input: &mut Reader<'_>, version: u8) -> Result<Self, BytesError> {
        Ok(Self {
            exec: get_exec(input)?,
            time: input.time("time")?,
            kind: Self::decode_kind(input, version)?,
            cause: get_cause(input)?,
            reject: get_reject(input)?,
            order: get_order(input)?,
            account: AccountId::new(get_handle(input, "account")?),
            participant: input
                .option(|input| get_handle(input, "participant"))?
                .map(ParticipantId::new),
            counters: Counters {
                account: input.varint()?,
                participant: input.varint()?,
            },
            instrument: input
                .option(|input| get_handle(input, "instrument"))?
                .map(InstrumentId::new),
            side: input.option(get_side)?,
            origin: input.option(get_origin)?,
            standing: get_standing(input, version)?,
            answers: get_identity(input)?,
        })
    }

    fn decode_kind(input: &mut Reader<'_>, version: u8) -> Result<ExecutionKind, BytesError> {
        let mut ahead = input.clone();
        if let Ok(correction) = get_correction(&mut input.clone()) {
            get_correction(input)?;
            return Ok(ExecutionKind::Correction {
                correction,
                trade: get_trade_id(input)?,
                price: input.price("last price")?,
                quantity: input.quantity("last quantity")?,
                liquidity: get_liquidity(input)?,
                value: input.zigzag()?,
                fee: input.zigzag()?,
            });
        }
        if ahead.u8()? != Self::TRADE {
            return get_exec_type(input).map(ExecutionKind::Report);
        }
        *input = ahead;
        Ok(ExecutionKind::Trade {
            price: input.price("last price")?,
            quantity: input.quantity("last quantity")?,
            liquidity: get_liquidity(input)?,
            value: get_money(input, version)?,
            fee: get_money(input, version)?,
        })
    }
}

pub(super) fn put_exec(out: &mut Vec<u8>, value: ExecId) {
    bytes::put_varint(out, value.shard.into());
    bytes::put_varint(out, value.epoch.into());
    bytes::put_varint(out, value.sequence);
    bytes::put_varint(out, value.index.into());
}

pub(super) fn get_exec(input: &mut Reader<'_>) -> Result<ExecId, BytesError> {
    Ok(ExecId {
        shard: input.varint32("shard")?,
        epoch: input.varint32("epoch")?,
        sequence: input.varint()?,
        index: input.varint32("index")?,
    })
}

pub(super) fn put_trade_id(out: &mut Vec<u8>, value: TradeId) {
    bytes::put_varint(out, value.shard.into());
    bytes::put_varint(out, value.epoch.into());
    bytes::put_varint(out, value.sequence);
    bytes::put_varint(out, value.index.into());
}

pub(super) fn get_trade_id(input: &mut Reader<'_>) -> Result<TradeId, BytesError> {
    let id = get_exec(input)?;
    Ok(TradeId {
        shard: id.shard,
        epoch: id.epoch,
        sequence: id.sequence,
        index: id.index,
    })
}

impl TradeRow {
    /// Appends the row's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(ROW_VERSION);
        put_trade_id(out, self.trade);
        bytes::put_time(out, self.time);
        bytes::put_varint(out, self.instrument.index().into());
        bytes::put_price(out, self.price);
        bytes::put_quantity(out, self.quantity);
        bytes::put_option(out, self.aggressor, put_side);
        bytes::put_zigzag(out, self.value);
        // At the end, so that a trade's own row is as it always was.
        if let Some((correction, trade)) = self.corrects {
            put_correction(out, correction);
            put_trade_id(out, trade);
        }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn decode(row: &[u8]) -> Result<Self, RowError> {
        let (mut input, version) = open(row)?;
        let mut row = Self {
            trade: get_trade_id(&mut input)?,
            corrects: None,
            time: input.time("time")?,
            instrument: InstrumentId::new(get_handle(&mut input, "instrument")?),
            price: input.price("price")?,
            quantity: input.quantity("quantity")?,
            aggressor: input.option(get_side)?,
            value: get_money(&mut input, version)?,
        };
        if let Ok(correction) = get_correction(&mut input.clone()) {
            get_correction(&mut input)?;
            row.corrects = Some((correction, get_trade_id(&mut input)?));
        }
        input.finish()?;
        Ok(row)
    }
}
