//! The bounds of the engine, each with its reason.
//!
//! Invariant: nothing in the engine grows past a number on this page. Not here: bounds of
//! connections and queues (the gateway's).

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
    /// Different fee rates ever set, those of nothing apart. Default 4,096.
    pub rates_max: u32,
    /// Instructions that wait for their custodian. Default 65,536.
    pub instructions_max: u32,
    /// References of dates that are not closed. Default 2^20: about ten a second over a day.
    pub references_max: u32,
    /// Different sets of risk limits ever set, that of no limit apart. Default 4,096; a set is 64
    /// bytes, and who has one names it by its number.
    pub risk_sets_max: u32,
    /// Sessions ever opened. Default 65,536.
    pub sessions_max: u32,
    /// Room for remembered requests. Default 2^20, about 17,000 unary requests a second that are
    /// valid for 60 s.
    pub requests_capacity: u32,
}

impl Limits {
    /// How many of the remembered requests only commands valid for at most
    /// [`Limits::REQUEST_SHORT_SECONDS`] may use, as a share of the whole: one in this many.
    pub const REQUESTS_RESERVED_SHARE: u32 = 4;
    /// A request without `valid_until` is remembered for this long.
    pub const REQUEST_WINDOW_HOURS: i64 = 48;
    /// What counts as short near the bound.
    pub const REQUEST_SHORT_SECONDS: i64 = 60;
    /// How many expiries one tick fires at most; the next tick goes on.
    pub const EXPIRIES_PER_TICK_MAX: usize = 1_024;
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
            rates_max: 1 << 12,
            instructions_max: 1 << 16,
            references_max: 1 << 20,
            risk_sets_max: 1 << 12,
            sessions_max: 1 << 16,
            requests_capacity: 1 << 20,
        }
    }
}
