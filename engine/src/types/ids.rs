//! Ids: handles the engine assigns, and the derived ids of orders, trades and executions.
//!
//! Invariant: a handle is an index assigned in order of creation and never reused; an order's id
//! is the sequence of its command and the row it lives in, so it is never given twice. Not here:
//! the public names of things, which are `Name`s in the directory of each module.

macro_rules! handle {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The handle with index `index`.
            pub const fn new(index: u32) -> Self {
                Self(index)
            }

            /// The handle as an index.
            pub const fn index(self) -> u32 {
                self.0
            }

            /// The handle as a place in a table.
            pub const fn place(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

handle! {
    /// Who is signed in (the authenticated principal). 0 is `local`, the open loopback mode.
    PrincipalId,
    /// A participant: a firm that trades or lets its customers trade.
    ParticipantId,
    /// A beneficial owner; self-trade prevention compares these.
    OwnerId,
    /// An account of a participant, for one beneficial owner.
    AccountId,
    /// A venue.
    VenueId,
    /// An instrument.
    InstrumentId,
    /// A trading calendar.
    CalendarId,
    /// An order-entry session; it outlives connections.
    SessionId,
    /// An asset: a currency or a kind of goods.
    AssetId,
    /// A custodian: a bank or a warehouse.
    CustodianId,
    /// A warehouse receipt.
    ReceiptId,
    /// A shard: one engine, one ledger, one journal.
    ShardId,
    /// Terms of sale.
    TermsId,
}

impl PrincipalId {
    /// The only principal of a gateway without keys.
    pub const LOCAL: Self = Self(0);
}

/// The place of a command in the shard's history. The first command has sequence 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Sequence(u64);

impl Sequence {
    /// Before the first command.
    pub const ZERO: Self = Self(0);

    /// The sequence `value`.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The sequence as a number.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The sequence after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An order's id (FIX 37): the sequence of the command that made it and the row it lives in.
/// A lookup compares the sequence, so an id outlives its row without being mistaken for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct OrderId {
    /// The sequence of the order's command.
    pub sequence: u64,
    /// The row, or [`OrderId::NO_SLOT`] for an order that was rejected and never had one.
    pub slot: u32,
}

impl OrderId {
    /// The slot of an order that never had a row.
    pub const NO_SLOT: u32 = u32::MAX;

    /// The id of an order that was rejected by the command at `sequence`.
    pub const fn rejected(sequence: Sequence) -> Self {
        Self {
            sequence: sequence.0,
            slot: Self::NO_SLOT,
        }
    }
}

macro_rules! made {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub struct $name {
            /// The sequence of its command.
            pub sequence: u64,
            /// The row.
            pub slot: u32,
        }
    )*};
}

made! {
    /// An offer's id: the sequence of the command that made it and the row it lives in.
    OfferId,
    /// A contract's id: the sequence of the command that formed it and the row it lives in.
    ContractId,
    /// A discount's id: the sequence of the command that defined it and the row it lives in.
    DiscountId,
}

/// A transfer's id: 128 bits its client chose, the same in both halves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct TransferId([u64; 2]);

impl TransferId {
    /// The id with these bits.
    pub const fn new(bits: u128) -> Self {
        Self([(bits >> 64) as u64, bits as u64])
    }

    /// The id as a number.
    pub const fn bits(self) -> u128 {
        let [high, low] = self.0;
        (high as u128) << 64 | low as u128
    }

    /// The higher and the lower 64 bits.
    pub const fn words(self) -> [u64; 2] {
        self.0
    }
}

/// A trade's id (FIX 1003), also its match id: shard, epoch, sequence and the event's index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct TradeId {
    /// The shard.
    pub shard: u32,
    /// The epoch of the journal.
    pub epoch: u32,
    /// The sequence of the command that caused it.
    pub sequence: u64,
    /// The place of the trade event among that command's events.
    pub index: u32,
}

/// An execution's id (FIX 17): as [`TradeId`], with twice the event's index, plus one for the
/// sell side of a trade.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ExecId {
    /// The shard.
    pub shard: u32,
    /// The epoch of the journal.
    pub epoch: u32,
    /// The sequence of the command that caused it.
    pub sequence: u64,
    /// Twice the event's index; plus one for the sell side of a trade.
    pub index: u32,
}
