//! Order rows: 64 hot bytes an order, a colder row beside it, free rows in a list.
//!
//! Invariant: a row whose `sequence` is zero is free and hangs in the free list; any other row is
//! a live order and hangs in its account's chain. The order of the free list decides the slots of
//! coming orders, so it is part of the engine's contents. Rejected: a hash from id to row (1.25
//! to 2 times the cost of the whole operation on the floor program); the id carries its slot.
//! Not here: levels (`level`, `ladder`), parked orders and waiting stops (`market`).

use crate::limits::Limits;
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
    const BLANK: Self = Self {
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

/// All rows of the engine.
#[derive(Debug)]
pub(crate) struct Arena {
    rows: Vec<Row>,
    cold: Vec<Cold>,
    free: u32,
    live: u32,
    max: u32,
    accounts: Vec<u32>,
}

impl Arena {
    /// Room for `orders_max` rows and `accounts_max` chains; touched only when used.
    pub(crate) fn new(orders_max: u32, accounts_max: u32) -> Self {
        assert!(orders_max < NIL, "the last number means no row");
        Self {
            rows: Vec::with_capacity(orders_max as usize),
            cold: Vec::with_capacity(orders_max as usize),
            free: NIL,
            live: 0,
            max: orders_max,
            accounts: Vec::with_capacity(accounts_max as usize),
        }
    }

    /// How many orders live.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// Whether no row is left.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.live == self.max
    }

    /// How many rows were ever used.
    pub(crate) fn used(&self) -> u32 {
        self.rows.len() as u32
    }

    /// Makes a row live and returns its slot: the row freed last, else a new one.
    #[inline]
    pub(crate) fn insert(&mut self, row: &Row) -> u32 {
        assert!(self.live < self.max, "the bound is checked before");
        assert!(row.sequence != 0, "a live order has a sequence");
        let slot = if self.free == NIL {
            self.rows.push(*row);
            self.cold.push(Cold::NONE);
            self.rows.len() as u32 - 1
        } else {
            let slot = self.free;
            self.free = self.rows[slot as usize].next;
            self.rows[slot as usize] = *row;
            slot
        };
        self.live += 1;
        self.chain(slot);
        slot
    }

    /// Frees a row that is in no queue.
    #[inline]
    pub(crate) fn free(&mut self, slot: u32) {
        self.unchain(slot);
        let head = self.free;
        let row = self.row_mut(slot);
        assert!(row.sequence != 0, "a row is freed once");
        row.sequence = 0;
        row.next = head;
        self.free = slot;
        self.live -= 1;
    }

    /// The row in `slot`.
    #[inline]
    pub(crate) fn row(&self, slot: u32) -> &Row {
        &self.rows[slot as usize]
    }

    #[inline]
    pub(crate) fn row_mut(&mut self, slot: u32) -> &mut Row {
        &mut self.rows[slot as usize]
    }

    #[inline]
    pub(crate) fn cold(&self, slot: u32) -> &Cold {
        &self.cold[slot as usize]
    }

    #[inline]
    pub(crate) fn cold_mut(&mut self, slot: u32) -> &mut Cold {
        &mut self.cold[slot as usize]
    }

    /// The slot of a live order.
    #[inline]
    pub(crate) fn find(&self, id: OrderId) -> Option<u32> {
        let row = self.rows.get(id.slot as usize)?;
        (row.sequence == id.sequence && id.sequence != 0).then_some(id.slot)
    }

    /// The id of the order in `slot`.
    #[inline]
    pub(crate) fn id(&self, slot: u32) -> OrderId {
        OrderId {
            sequence: self.row(slot).sequence,
            slot,
        }
    }

    /// A waiting stop's trigger.
    #[inline]
    pub(crate) fn stop_price(&self, slot: u32) -> Option<Price> {
        let waits = self.row(slot).flags.is_waiting_stop();
        if waits {
            self.cold(slot).stop_price
        } else {
            None
        }
    }

    /// When a GTD order ends.
    pub(crate) fn expire(&self, slot: u32) -> Option<Time> {
        let timed = self.row(slot).flags.force() == Force::GoodTillDate;
        timed.then(|| self.cold(slot).expire)
    }

    /// What the public book shows of an order.
    #[inline]
    pub(crate) fn displayed(&self, slot: u32) -> Quantity {
        let row = self.row(slot);
        if row.flags.is_iceberg() {
            self.cold(slot).displayed
        } else {
            row.leaves
        }
    }

    /// An iceberg shows a fresh slice, as far as it has one.
    #[inline]
    pub(crate) fn refresh_display(&mut self, slot: u32) {
        if self.row(slot).flags.is_iceberg() {
            let leaves = self.row(slot).leaves;
            let cold = self.cold_mut(slot);
            cold.displayed = cold.display_quantity.min(leaves);
        }
    }

    /// The slots of an account's live orders, in no particular order.
    pub(crate) fn of_account(&self, account: u32) -> impl Iterator<Item = u32> {
        let first = self.accounts.get(account as usize).copied();
        let mut next = first.unwrap_or(NIL);
        std::iter::from_fn(move || {
            let slot = next;
            (slot != NIL).then(|| {
                next = self.row(slot).account_next;
                slot
            })
        })
    }

    /// The free rows in the order in which they will be used.
    pub(crate) fn free_slots(&self) -> impl Iterator<Item = u32> {
        let mut next = self.free;
        std::iter::from_fn(move || {
            let slot = next;
            (slot != NIL).then(|| {
                next = self.row(slot).next;
                slot
            })
        })
    }

    /// An arena of `used` rows that are neither live nor free, to be restored one by one.
    pub(crate) fn blank(limits: &Limits, used: u32) -> Self {
        let mut arena = Self::new(limits.orders_max, limits.accounts_max);
        arena.rows.resize(used as usize, Row::BLANK);
        arena.cold.resize(used as usize, Cold::NONE);
        arena
    }

    /// Puts a row back where it was; `false` if there is no such place or it is taken.
    pub(crate) fn restore(&mut self, slot: u32, row: &Row, cold: Cold) -> bool {
        if slot >= self.used() || self.row(slot).sequence != 0 {
            return false;
        }
        *self.row_mut(slot) = *row;
        *self.cold_mut(slot) = cold;
        self.live += 1;
        self.chain(slot);
        true
    }

    /// Links the free rows, the next to be used first; `false` unless they are all that is left.
    pub(crate) fn restore_free(&mut self, slots: &[u32]) -> bool {
        let mut seen = vec![false; self.rows.len()];
        for slot in slots {
            let known = seen.get_mut(*slot as usize);
            let Some(fresh) = known.filter(|seen| !**seen) else {
                return false;
            };
            if self.row(*slot).sequence != 0 {
                return false;
            }
            *fresh = true;
        }
        for slot in slots.iter().rev() {
            self.row_mut(*slot).next = self.free;
            self.free = *slot;
        }
        slots.len() + self.live as usize == self.rows.len()
    }

    #[inline]
    fn chain(&mut self, slot: u32) {
        let account = self.row(slot).account as usize;
        if account >= self.accounts.len() {
            self.accounts.resize(account + 1, NIL);
        }
        let head = std::mem::replace(&mut self.accounts[account], slot);
        let row = self.row_mut(slot);
        row.account_prev = NIL;
        row.account_next = head;
        if head != NIL {
            self.row_mut(head).account_prev = slot;
        }
    }

    #[inline]
    fn unchain(&mut self, slot: u32) {
        let row = self.row(slot);
        let (prev, next, account) = (row.account_prev, row.account_next, row.account);
        if prev == NIL {
            self.accounts[account as usize] = next;
        } else {
            self.row_mut(prev).account_next = next;
        }
        if next != NIL {
            self.row_mut(next).account_prev = prev;
        }
    }
}
