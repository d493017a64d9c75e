//! One market as bytes: its orders in their queues, the last trade, what was published.
//!
//! Invariant: bytes are in logical order (price, then queue), never in order of memory, so equal
//! contents give equal bytes; what was read passes the same checks a live engine does. Not here:
//! sections and their versions (`engine::sections`).

use super::{Market, Setting};
use crate::book::arena::{Arena, Cold, Flags, Force, Kind, NIL, Row};
use crate::book::depth;
use crate::bytes::{self, BytesError, Reader};
use crate::matching::equilibrium::Balance;
use crate::parties::Parties;
use crate::types::{AccountId, Price, SelfTradePrevention, Side, Time};

/// The fewest bytes of one order.
const ORDER_BYTES_MIN: usize = 8;

/// What orders are read into.
pub(crate) struct Target<'a> {
    pub(crate) arena: &'a mut Arena,
    pub(crate) parties: &'a Parties,
    pub(crate) setting: &'a Setting,
    /// No order is younger.
    pub(crate) sequence: u64,
    /// GTD orders found, for their timers.
    pub(crate) timed: &'a mut Vec<(Time, u32)>,
}

impl Market {
    /// Whether nothing would be written.
    pub(crate) fn is_vacant(&self, arena: &Arena) -> bool {
        let nothing = self.last_trade.is_none() && self.published.is_none();
        nothing && self.slots(arena).next().is_none()
    }

    /// Writes the market.
    pub(crate) fn encode(&self, arena: &Arena, out: &mut Vec<u8>) {
        bytes::put_option(out, self.last_trade, bytes::put_price);
        bytes::put_option(out, self.published, |out, balance| {
            bytes::put_price(out, balance.price);
            bytes::put_zigzag(out, balance.volume);
            bytes::put_zigzag(out, balance.imbalance);
        });
        let buys: Vec<u32> = depth::rows(&self.book, arena, Side::Buy).collect();
        let sells: Vec<u32> = depth::rows(&self.book, arena, Side::Sell).collect();
        let stops: Vec<u32> = self.stops.slots().collect();
        let parked: Vec<u32> = depth::queue(arena, &self.parked).collect();
        for slots in [buys, sells, stops, parked] {
            bytes::put_varint(out, slots.len() as u64);
            for slot in slots {
                put_order(arena, slot, out);
            }
        }
    }

    /// Reads what [`Market::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes; an order that could not be where it is.
    pub(crate) fn decode(
        input: &mut Reader<'_>,
        target: &mut Target<'_>,
    ) -> Result<Self, BytesError> {
        let mut market = Self::new();
        market.last_trade = input.option(|input| input.price("a last trade"))?;
        market.published = input.option(|input| {
            Ok(Balance {
                price: input.price("an indicative price")?,
                volume: input.zigzag()?,
                imbalance: input.zigzag()?,
            })
        })?;
        for side in [Side::Buy, Side::Sell] {
            market.decode_side(input, target, side)?;
        }
        let stops_max = target.setting.stops_max;
        for _ in 0..input.count(stops_max, ORDER_BYTES_MIN, "the count of waiting stops")? {
            let slot = order(input, target)?;
            let stop = target.arena.stop_price(slot);
            stop.ok_or(BytesError::range("a waiting stop"))?;
            market.stops.add(target.arena, slot);
        }
        let room = target.arena.used();
        let mut last = 0;
        for _ in 0..input.count(room, ORDER_BYTES_MIN, "the count of parked orders")? {
            let slot = order(input, target)?;
            let row = target.arena.row(slot);
            let right = row.sequence > last && row.flags.is_priced();
            if !right || row.flags.is_waiting_stop() || row.flags.force() != Force::Closing {
                return Err(BytesError::range("a parked order"));
            }
            last = row.sequence;
            market.park(target.arena, slot);
        }
        Ok(market)
    }

    fn decode_side(
        &mut self,
        input: &mut Reader<'_>,
        target: &mut Target<'_>,
        side: Side,
    ) -> Result<(), BytesError> {
        let field = "an order of the book";
        let room = target.arena.used();
        let mut last: Option<Price> = None;
        for _ in 0..input.count(room, ORDER_BYTES_MIN, "the count of orders in a book")? {
            let slot = order(input, target)?;
            let row = target.arena.row(slot);
            let rests = row.flags.is_priced() && !row.flags.is_waiting_stop();
            let behind = last.is_none_or(|last| side.accepts(last, row.price));
            if row.flags.side() != side || !rests || !behind {
                return Err(BytesError::range(field));
            }
            let displayed = target.arena.displayed(slot);
            if displayed.is_zero() || displayed > row.leaves {
                return Err(BytesError::range("a displayed quantity"));
            }
            if self.lacks_level(side, row.price, target.setting) {
                return Err(BytesError::range("the count of levels"));
            }
            last = Some(row.price);
            self.book.add(target.arena, slot);
        }
        Ok(())
    }
}

fn put_order(arena: &Arena, slot: u32, out: &mut Vec<u8>) {
    let (row, cold) = (arena.row(slot), arena.cold(slot));
    bytes::put_varint(out, u64::from(slot));
    bytes::put_varint(out, row.sequence);
    bytes::put_varint(out, u64::from(row.account));
    let flags = row.flags;
    bytes::put_u8(out, u8::from(flags.side() == Side::Sell));
    bytes::put_u8(out, flags.kind() as u8);
    bytes::put_u8(out, flags.force() as u8);
    bytes::put_u8(out, prevention_code(flags.prevention()));
    bytes::put_u8(out, u8::from(flags.is_post_only()));
    bytes::put_option(out, row.price(), bytes::put_price);
    bytes::put_quantity(out, row.order_quantity);
    bytes::put_quantity(out, row.leaves);
    if flags.is_iceberg() {
        bytes::put_u8(out, 1);
        bytes::put_quantity(out, cold.display_quantity);
        bytes::put_quantity(out, cold.displayed);
    } else {
        bytes::put_u8(out, 0);
    }
    bytes::put_option(out, arena.stop_price(slot), bytes::put_price);
    bytes::put_option(out, arena.expire(slot), bytes::put_time);
}

/// Reads one order into its slot; it is then in hand.
fn order(input: &mut Reader<'_>, target: &mut Target<'_>) -> Result<u32, BytesError> {
    let slot = input.varint32("an order's slot")?;
    let sequence = input.varint()?;
    if sequence == 0 || sequence > target.sequence {
        return Err(BytesError::range("an order's sequence"));
    }
    let account = AccountId::new(input.varint32("an order's account")?);
    let owner = target.parties.owner_of(account);
    let owner = owner.ok_or(BytesError::range("an order's account"))?;
    let mut flags = flags(input)?;
    let price = input.option(|input| input.price("an order's price"))?;
    if price.is_some() {
        flags.set_priced();
    }
    let order_quantity = input.quantity("an order's quantity")?;
    let leaves = input.quantity("an order's leaves")?;
    if leaves.is_zero() || leaves > order_quantity {
        return Err(BytesError::range("an order's leaves"));
    }
    let cold = cold(input, &mut flags)?;
    let row = Row {
        sequence,
        price: price.unwrap_or(Price::ZERO),
        leaves,
        order_quantity,
        next: NIL,
        prev: NIL,
        account: account.index(),
        owner: owner.index(),
        instrument: target.setting.instrument.index(),
        flags,
        account_next: NIL,
        account_prev: NIL,
    };
    if !target.arena.restore(slot, &row, cold) {
        return Err(BytesError::range("an order's slot"));
    }
    if flags.force() == Force::GoodTillDate {
        target.timed.push((cold.expire, slot));
    }
    Ok(slot)
}

fn flags(input: &mut Reader<'_>) -> Result<Flags, BytesError> {
    let side = match input.u8()? {
        0 => Side::Buy,
        1 => Side::Sell,
        _ => return Err(BytesError::range("an order's side")),
    };
    let kind = Kind::from_code(input.u8()?).ok_or(BytesError::range("an order's kind"))?;
    let force = Force::from_code(input.u8()?);
    let force = force.ok_or(BytesError::range("an order's time in force"))?;
    let prevention = match input.u8()? {
        0 => SelfTradePrevention::None,
        1 => SelfTradePrevention::CancelTaker,
        2 => SelfTradePrevention::CancelMaker,
        3 => SelfTradePrevention::CancelBoth,
        4 => SelfTradePrevention::Decrement,
        _ => return Err(BytesError::range("an order's self-trade prevention")),
    };
    let mut flags = Flags::new(side, kind, force, prevention);
    match input.u8()? {
        0 => {}
        1 => flags.set_post_only(),
        _ => return Err(BytesError::range("an order's posting")),
    }
    Ok(flags)
}

fn cold(input: &mut Reader<'_>, flags: &mut Flags) -> Result<Cold, BytesError> {
    let mut cold = Cold::NONE;
    match input.u8()? {
        0 => {}
        1 => {
            flags.set_iceberg();
            cold.display_quantity = input.quantity("a display quantity")?;
            cold.displayed = input.quantity("a displayed quantity")?;
        }
        _ => return Err(BytesError::range("an order's display")),
    }
    cold.stop_price = input.option(|input| input.price("a trigger"))?;
    if cold.stop_price.is_some() != flags.is_waiting_stop() {
        return Err(BytesError::range("a trigger"));
    }
    let expire = input.option(|input| input.time("an expiry"))?;
    if expire.is_some() != (flags.force() == Force::GoodTillDate) {
        return Err(BytesError::range("an expiry"));
    }
    cold.expire = expire.unwrap_or(Time::ZERO);
    Ok(cold)
}

fn prevention_code(prevention: SelfTradePrevention) -> u8 {
    match prevention {
        SelfTradePrevention::None => 0,
        SelfTradePrevention::CancelTaker => 1,
        SelfTradePrevention::CancelMaker => 2,
        SelfTradePrevention::CancelBoth => 3,
        SelfTradePrevention::Decrement => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_and_each_time_in_force_of_a_row_has_a_number_of_its_own() {
        for code in 0..=u8::MAX {
            if let Some(kind) = Kind::from_code(code) {
                assert_eq!(kind as u8, code, "{kind:?}");
            }
            if let Some(force) = Force::from_code(code) {
                assert_eq!(force as u8, code, "{force:?}");
            }
        }
        let kinds = (0..=u8::MAX).filter(|code| Kind::from_code(*code).is_some());
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            (0..=Kind::StopLimit as u8).collect::<Vec<_>>()
        );
        let forces = (0..=u8::MAX).filter(|code| Force::from_code(*code).is_some());
        assert_eq!(
            forces.collect::<Vec<_>>(),
            (0..=Force::Closing as u8).collect::<Vec<_>>()
        );
    }
}
