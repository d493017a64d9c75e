//! Newtypes for every quantity and id the engine computes with.
//!
//! Invariant: a value of one of these types is inside its bounds. Only arithmetic that means
//! something exists. Not here: decimals, time zones and text, which belong to the gateway.

mod amount;
mod ids;
mod order;
mod price;
mod quantity;
mod text;
mod time;

pub use amount::Amount;
pub use ids::{
    AccountId, AssetId, CalendarId, ContractId, CustodianId, DiscountId, ExecId, InstrumentId,
    OfferId, OrderId, OwnerId, ParticipantId, PrincipalId, ReceiptId, Sequence, SessionId, ShardId,
    TermsId, TradeId, TransferId, VenueId,
};
pub use order::{
    LimitTerms, NewOrder, OrderStatus, OrderType, Posting, SelfTradePrevention, Side, TimeInForce,
};
pub use price::{Price, PriceSign};
pub use quantity::Quantity;
pub use text::{ClientId, Name, Text, Title};
pub use time::{Nanoseconds, Time};
