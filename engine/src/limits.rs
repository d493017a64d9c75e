//! The bounds of the engine, each with its reason.
//!
//! Invariant: nothing in the engine grows past a number on this page. Not here: bounds of
//! connections and queues (the gateway's).

use crate::types::Nanoseconds;

/// Bounds fixed when an engine is built. Room is reserved at once but only touched when used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Live orders in all books; a hot row is 64 bytes. Default 2^21: the deepest published
    /// equity day has about a million.
    pub orders_max: u32,
    /// Price levels of one instrument's side, waiting stops apart. Default 2^17.
    pub levels_max: u32,
    /// Waiting stops of one instrument; bounds how many one trade can elect. Default 4,096.
    pub stops_max: u32,
    /// Venues. Default 256.
    pub venues_max: u32,
    /// Instruments. Default 20,000 (capacity model: 20k books).
    pub instruments_max: u32,
    /// Calendars. Default 64.
    pub calendars_max: u32,
    /// Participants. Default 65,536.
    pub participants_max: u32,
    /// Beneficial owners. Default 2^20.
    pub owners_max: u32,
    /// Accounts. Default 2^20 (capacity model: 1 M accounts).
    pub accounts_max: u32,
    /// Assets. Default 65,536: goods are one for each kind and warehouse.
    pub assets_max: u32,
    /// Custodians. Default 1,024.
    pub custodians_max: u32,
    /// Positions: of an account in an asset, of a venue's fees, of a custodian. Default 5 x 2^20
    /// (capacity model: 1 M accounts with 5 assets each); a position is 32 bytes.
    pub positions_max: u32,
    /// Rows of margin forwards: of an account in an instrument it ever had an order in. Default
    /// 2^18: 5,000 accounts in 50 instruments each; a row is 128 bytes.
    pub margin_rows_max: u32,
    /// How many of them one tick marks at most; the next tick goes on. Default 1,024, as expiries.
    pub margin_rows_per_tick: u32,
    /// Different fee rates ever set, those of nothing apart. Default 4,096; never above
    /// [`Limits::RATES_MAX`].
    pub rates_max: u32,
    /// Instructions that wait for their custodian. Default 65,536.
    pub instructions_max: u32,
    /// References of dates that are not closed. Default 2^20: about ten a second over a day.
    pub references_max: u32,
    /// Different sets of risk limits ever set, that of no limit apart. Default 4,096; a set is 64
    /// bytes, and who has one names it by its number.
    pub risk_sets_max: u32,
    /// Live warehouse receipts. Default 2^18: 5,000 warehouses with 50 each; it bounds what the
    /// list of one account walks.
    pub receipts_max: u32,
    /// Numbers of warehouse receipts ever used, ended ones included: they are never forgotten.
    /// Default 2^20, about 1,000 new ones a trading day for four years; a row is 176 bytes.
    pub receipt_numbers_max: u32,
    /// Trades that can be busted or corrected. Default 2^20: half a million on each of the two
    /// trading days they are kept; a row is 64 bytes. One more forgets the oldest earlier.
    pub trades_kept_max: u32,
    /// What accounts owe since busts and corrections, by account and asset. Default 1,024: each is
    /// looked at after every command while there is one, and each is an operator's act.
    pub receivables_max: u32,
    /// Accounts with credit, one for each currency. Default 2^17: credit is given to traders, an
    /// eighth of the accounts.
    pub credits_max: u32,
    /// Kinds of goods taken as collateral, one for each currency. Default 4,096.
    pub haircuts_max: u32,
    /// Halves of transfers ever done: their ids stay used for ever. Default 2^20, 17 MB: an hour
    /// at 300 a second, or ten years at 290 a day.
    pub transfers_max: u32,
    /// Pairs of an account and an instrument with rules of settlement that have live orders or
    /// trades waiting. Default 2^18: each has a place for every day it can wait, 240 bytes in all,
    /// so that no trade can fail for want of one.
    pub unsettled_max: u32,
    /// Pairs of a beneficial owner and an instrument that are remembered for reverse trades or as
    /// holders. Default 2^19: 1,500 securities with the 200 holders the law allows (capacity model:
    /// 300,000 positions), and those who traded in the last 20 trading days.
    pub investors_max: u32,
    /// Owners that are nominees. Default 4,096: custodian banks and brokers, a sixteenth of the
    /// participants; lists of all of them at their bound take 3 MB.
    pub nominees_max: u32,
    /// Different terms of sale ever defined. Default 4,096: shops share them.
    pub terms_max: u32,
    /// Live offers. Default 2^20 + 2^18: 1.2 million kinds of goods in one store each (capacity
    /// model); a row is 128 bytes.
    pub offers_max: u32,
    /// Live contracts. Default 2^20: a million open ones (capacity model); a row is 256 bytes, its
    /// timer 28.
    pub contracts_max: u32,
    /// Pairs of an offer with a limit and a beneficial owner that took of it. Default 2^20: as many
    /// as contracts may live; a row is 24 bytes and twice 4 where it is found, forgotten with
    /// the offer.
    pub buyers_max: u32,
    /// Live offers of flash sales with a queue, group buys and presales: what each of these has
    /// that plain offers have not lies beside them. Default 4,096; a row is 64 bytes in a tree.
    pub campaigns_max: u32,
    /// Entries of one group that has not closed. Default 65,536: at 256 a tick its close takes 256
    /// ticks.
    pub entries_max: u32,
    /// Tickets of queues, one of an offer and a beneficial owner. Default 2^18: a flash sale that a
    /// quarter of a million wait for; a row is as that of a buyer.
    pub tickets_max: u32,
    /// Live discounts. Default 16,384: three each of the 5,000 shops of a district; a row is 128
    /// bytes.
    pub discounts_max: u32,
    /// Live discounts of one seller, so that none takes the room of all. Default 256: a season's
    /// coupons of the largest shop.
    pub discounts_per_seller_max: u32,
    /// Pairs of a discount and a beneficial owner that used it. Default 2^20: as many as contracts
    /// may live; a row is as that of a buyer, forgotten when the discount has ended.
    pub discount_uses_max: u32,
    /// Contracts whose seller owes a part of a refund. Default 1,024: each is looked at when money
    /// comes to one of their sellers; a row is 40 bytes.
    pub owing_max: u32,
    /// Such contracts of one seller and currency, so that none takes the room of all. Default 16.
    pub owing_per_seller_max: u32,
    /// Guarantees of sellers, one for each venue and currency. Default 65,536: a sixteenth of the
    /// accounts sells on cover; a row is 40 bytes in a tree.
    pub guarantees_max: u32,
    /// Uses of the annual limit of imports, one of a beneficial owner and a year, real and of
    /// demonstrations. Default 2^20: as many as owners; a row is 40 bytes, forgotten after the year
    /// with the last contract of it, until when it takes room of the next year's.
    pub annual_uses_max: u32,
    /// Sessions ever opened. Default 65,536.
    pub sessions_max: u32,
    /// Room for remembered requests. Default 2^20, about 17,000 unary requests a second that are
    /// valid for 60 s.
    pub requests_capacity: u32,
    /// Engaged kill switches of sessions, accounts and participants; each venue has its own place.
    /// Default 4,096: who has more to stop engages a wider one.
    pub switches_max: u32,
    /// Rows of orders that one command looks at for a sweep; the next tick goes on. Default 16,384,
    /// a third of a millisecond where every row belongs to it.
    pub sweep_rows_max: u32,
}

impl Limits {
    /// The most different rates, whatever `rates_max` says: a kept trade has 16 bits for them.
    pub const RATES_MAX: u32 = u16::MAX as u32;
    /// How many of the remembered requests only commands valid for at most
    /// [`Limits::REQUEST_SHORT_SECONDS`] may use, as a share of the whole: one in this many.
    pub const REQUESTS_RESERVED_SHARE: u32 = 4;
    /// A request without `valid_until` is remembered for this long.
    pub const REQUEST_WINDOW_HOURS: i64 = 48;
    /// What counts as short near the bound.
    pub const REQUEST_SHORT_SECONDS: i64 = 60;
    /// How many kinds of goods one account pledges for one currency at most: each draw looks at
    /// all of them.
    pub const PLEDGES_PER_CREDIT_MAX: usize = 16;
    /// How many expiries one tick fires at most; the next tick goes on.
    pub const EXPIRIES_PER_TICK_MAX: usize = 1_024;
    /// How many of them the deadline of a contract counts as. It moves money and goods of two
    /// parties and a row of an offer, up to 1.7 us of cold memory where the expiry of an order is
    /// below 1: 256 of them keep a tick within 1 ms, 99 of 100 within 0.4 ms
    /// (`benches/runs/2026-11-30-shops.md`).
    pub const EXPIRIES_PER_CONTRACT: usize = 4;
    /// How many receipts one command splits a receipt into, or merges: it bounds its events, and
    /// the hashes a holder checks for it.
    pub const RECEIPT_PARTS_MAX: usize = 16;
    /// How many owners may stand behind one nominee: the law lets no more than 200 hold a security,
    /// so goods of a nominee for more could never come in; it bounds what one trade counts.
    pub const NOMINEE_OWNERS_MAX: usize = 200;
    /// How many versions of regimes data defines at most: they are never forgotten, a venue may
    /// stand under each; two hundred are a change a month for sixteen years. A version takes up to
    /// 8 KB, and its number has one byte.
    pub const REGIMES_DEFINED_MAX: usize = 200;
    /// The shortest timeout of a dead-man timer: what a slow line may delay a beat.
    pub const DEAD_MAN_MIN: Nanoseconds = Nanoseconds(1_000_000_000);
    /// The longest timeout of a dead-man timer: a day; longer it protects from nothing.
    pub const DEAD_MAN_MAX: Nanoseconds = Nanoseconds(24 * 3_600 * 1_000_000_000);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            orders_max: 1 << 21,
            levels_max: 1 << 17,
            stops_max: 4_096,
            venues_max: 256,
            instruments_max: 20_000,
            calendars_max: 64,
            participants_max: 1 << 16,
            owners_max: 1 << 20,
            accounts_max: 1 << 20,
            assets_max: 1 << 16,
            custodians_max: 1 << 10,
            positions_max: 5 << 20,
            margin_rows_max: 1 << 18,
            margin_rows_per_tick: 1_024,
            rates_max: 1 << 12,
            instructions_max: 1 << 16,
            references_max: 1 << 20,
            risk_sets_max: 1 << 12,
            receipts_max: 1 << 18,
            receipt_numbers_max: 1 << 20,
            trades_kept_max: 1 << 20,
            receivables_max: 1 << 10,
            credits_max: 1 << 17,
            haircuts_max: 1 << 12,
            transfers_max: 1 << 20,
            unsettled_max: 1 << 18,
            investors_max: 1 << 19,
            nominees_max: 4_096,
            terms_max: 1 << 12,
            offers_max: (1 << 20) + (1 << 18),
            contracts_max: 1 << 20,
            buyers_max: 1 << 20,
            campaigns_max: 1 << 12,
            entries_max: 1 << 16,
            tickets_max: 1 << 18,
            discounts_max: 1 << 14,
            discounts_per_seller_max: 256,
            discount_uses_max: 1 << 20,
            owing_max: 1 << 10,
            owing_per_seller_max: 16,
            guarantees_max: 1 << 16,
            annual_uses_max: 1 << 20,
            sessions_max: 1 << 16,
            requests_capacity: 1 << 20,
            switches_max: 4_096,
            sweep_rows_max: 1 << 14,
        }
    }
}
