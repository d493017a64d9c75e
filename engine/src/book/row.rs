//! An order's row: 64 hot bytes and a colder part beside it.
//!
//! Invariant: a hot row is one cache line; the flags say which fields of both parts mean something.
//! Not here: where rows live and which are free (`arena`).

use crate::types::{OrderId, Price, Quantity, SelfTradePrevention, Side, Time};

/// No row.
pub(crate) const NIL: u32 = u32::MAX;

/// What an order is now; it starts as its order type (FIX 40).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A limit order, or what became one.
    Limit,
    /// A market order, or an elected stop.
    Market,
    /// A market-to-limit order that has no limit yet.
    MarketToLimit,
    /// A stop that waits.
    Stop,
    /// A stop-limit that waits.
    StopLimit,
}

/// Time in force (FIX 59) without its instant, which lies in the cold row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Force {
    Day,
    GoodTillCancel,
    GoodTillDate,
    ImmediateOrCancel,
    FillOrKill,
    Opening,
    Closing,
}

impl Kind {
    /// The kind with this number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Limit,
            1 => Self::Market,
            2 => Self::MarketToLimit,
            3 => Self::Stop,
            4 => Self::StopLimit,
            _ => return None,
        })
    }
}

impl Force {
    /// The time in force with this number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Day,
            1 => Self::GoodTillCancel,
            2 => Self::GoodTillDate,
            3 => Self::ImmediateOrCancel,
            4 => Self::FillOrKill,
            5 => Self::Opening,
            6 => Self::Closing,
            _ => return None,
        })
    }
}

/// Where an order is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In no book: being matched.
    Hand,
    /// In a level of the book.
    Book,
    /// Among the waiting stops.
    Stop,
    /// Parked for the closing auction.
    Parked,
}

/// Side, kind, time in force, self-trade prevention and place in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags(u32);

const KIND: u32 = 1;
const FORCE: u32 = 4;
const PREVENTION: u32 = 7;
const PLACE: u32 = 10;
const POST_ONLY: u32 = 1 << 12;
const ICEBERG: u32 = 1 << 13;
const PRICED: u32 = 1 << 14;

impl Flags {
    /// The word of an order in hand that is neither post-only, iceberg nor priced.
    #[inline]
    pub(crate) fn new(
        side: Side,
        kind: Kind,
        force: Force,
        prevention: SelfTradePrevention,
    ) -> Self {
        let prevention = match prevention {
            SelfTradePrevention::None => 0,
            SelfTradePrevention::CancelTaker => 1,
            SelfTradePrevention::CancelMaker => 2,
            SelfTradePrevention::CancelBoth => 3,
            SelfTradePrevention::Decrement => 4,
        };
        let side = u32::from(side == Side::Sell);
        let kind = (kind as u32) << KIND;
        Self(side | kind | (force as u32) << FORCE | prevention << PREVENTION)
    }

    #[inline]
    pub(crate) fn side(self) -> Side {
        if self.0 & 1 == 0 {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    #[inline]
    pub(crate) fn kind(self) -> Kind {
        match self.0 >> KIND & 7 {
            0 => Kind::Limit,
            1 => Kind::Market,
            2 => Kind::MarketToLimit,
            3 => Kind::Stop,
            _ => Kind::StopLimit,
        }
    }

    #[inline]
    pub(crate) fn force(self) -> Force {
        match self.0 >> FORCE & 7 {
            0 => Force::Day,
            1 => Force::GoodTillCancel,
            2 => Force::GoodTillDate,
            3 => Force::ImmediateOrCancel,
            4 => Force::FillOrKill,
            5 => Force::Opening,
            _ => Force::Closing,
        }
    }

    #[inline]
    pub(crate) fn prevention(self) -> SelfTradePrevention {
        match self.0 >> PREVENTION & 7 {
            0 => SelfTradePrevention::None,
            1 => SelfTradePrevention::CancelTaker,
            2 => SelfTradePrevention::CancelMaker,
            3 => SelfTradePrevention::CancelBoth,
            _ => SelfTradePrevention::Decrement,
        }
    }

    #[inline]
    pub(crate) fn place(self) -> Place {
        match self.0 >> PLACE & 3 {
            0 => Place::Hand,
            1 => Place::Book,
            2 => Place::Stop,
            _ => Place::Parked,
        }
    }

    /// Whether it is a stop that has not been elected.
    #[inline]
    pub(crate) fn is_waiting_stop(self) -> bool {
        matches!(self.kind(), Kind::Stop | Kind::StopLimit)
    }

    #[inline]
    pub(crate) fn is_post_only(self) -> bool {
        self.0 & POST_ONLY != 0
    }

    #[inline]
    pub(crate) fn is_iceberg(self) -> bool {
        self.0 & ICEBERG != 0
    }

    /// Whether `price` means something.
    #[inline]
    pub(crate) fn is_priced(self) -> bool {
        self.0 & PRICED != 0
    }

    pub(crate) fn set_kind(&mut self, kind: Kind) {
        self.0 = self.0 & !(7 << KIND) | (kind as u32) << KIND;
    }

    #[inline]
    pub(crate) fn set_place(&mut self, place: Place) {
        self.0 = self.0 & !(3 << PLACE) | (place as u32) << PLACE;
    }

    pub(crate) fn set_post_only(&mut self) {
        self.0 |= POST_ONLY;
    }

    pub(crate) fn set_iceberg(&mut self) {
        self.0 |= ICEBERG;
    }

    #[inline]
    pub(crate) fn set_priced(&mut self) {
        self.0 |= PRICED;
    }
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, force) = (self.kind(), self.force());
        write!(f, "{:?} {kind:?} {force:?} {:?}", self.side(), self.place())
    }
}

/// The hot row of an order: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Row {
    /// The sequence of the order's command; zero in a free row.
    pub(crate) sequence: u64,
    /// Limit or protection price, when the flags say so.
    pub(crate) price: Price,
    /// What is open.
    pub(crate) leaves: Quantity,
    /// The whole quantity; what has traded is this less `leaves`.
    pub(crate) order_quantity: Quantity,
    /// The next row of its queue; of a free row, the next free one.
    pub(crate) next: u32,
    /// The row before it in its queue.
    pub(crate) prev: u32,
    /// Account handle.
    pub(crate) account: u32,
    /// Handle of the beneficial owner.
    pub(crate) owner: u32,
    /// Instrument handle.
    pub(crate) instrument: u32,
    /// Everything small.
    pub(crate) flags: Flags,
    /// The next row of its account.
    pub(crate) account_next: u32,
    /// The row before it of its account.
    pub(crate) account_prev: u32,
}

const _: () = assert!(size_of::<Row>() == 64, "a row is one cache line");

impl Row {
    /// A row without an order.
    pub(super) const BLANK: Self = Self {
        sequence: 0,
        price: Price::ZERO,
        leaves: Quantity::ZERO,
        order_quantity: Quantity::ZERO,
        next: NIL,
        prev: NIL,
        account: NIL,
        owner: NIL,
        instrument: NIL,
        flags: Flags(0),
        account_next: NIL,
        account_prev: NIL,
    };

    /// The id of the order in it, which is in `slot`.
    #[inline]
    pub(crate) fn id(&self, slot: u32) -> OrderId {
        OrderId {
            sequence: self.sequence,
            slot,
        }
    }

    /// What has traded.
    #[inline]
    pub(crate) fn cumulative(&self) -> Quantity {
        self.order_quantity.minus(self.leaves)
    }

    /// The price, where there is one.
    #[inline]
    pub(crate) fn price(&self) -> Option<Price> {
        self.flags.is_priced().then_some(self.price)
    }

    /// Sets the price.
    #[inline]
    pub(crate) fn set_price(&mut self, price: Price) {
        self.price = price;
        self.flags.set_priced();
    }

    /// Whether the order is of the other's beneficial owner.
    #[inline]
    pub(crate) fn same_owner(&self, other: &Self) -> bool {
        self.owner == other.owner
    }
}

/// What only some orders have; the flags say which fields mean something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cold {
    /// The slice an iceberg shows.
    pub(crate) display_quantity: Quantity,
    /// What an iceberg shows now.
    pub(crate) displayed: Quantity,
    /// A stop's trigger.
    pub(crate) stop_price: Option<Price>,
    /// When a GTD order ends.
    pub(crate) expire: Time,
}

impl Cold {
    /// Nothing.
    pub(crate) const NONE: Self = Self {
        display_quantity: Quantity::ZERO,
        displayed: Quantity::ZERO,
        stop_price: None,
        expire: Time::ZERO,
    };
}
