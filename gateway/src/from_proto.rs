//! Wire to commands: shape only. Known enum values, decimals to ticks and lots, lengths, names to
//! handles.
//!
//! Invariant: total; any message gives a command or a `Failure` that names every faulty field, says
//! what was wrong and what would be right. Decoding the same message twice gives the same command,
//! so a retry is recognised. Not here: rules about what a command means (the engine), rights.

mod border;
mod clearing;
mod contracts;
mod correction;
mod credit;
mod discounts;
mod fields;
mod guarantees;
mod limits;
mod margin;
mod operations;
mod orders;
mod receipts;
pub mod regimes;
mod sales;
mod session;
mod settlement;
mod standing;
mod switch;
mod timetable;

pub use border::annual_use;
pub use clearing::posting_place;
pub use contracts::{contract_named, take_step};
pub use correction::{trade, trade_id};
pub use credit::{Collateral, HalfOf};
pub use discounts::discount_named;
pub use fields::{Fields, Prefix, at};
pub use guarantees::guarantee_named;
pub use operations::{Operation, demonstration, operation};
pub use orders::{OrderName, cancel, mass_cancel, order_id, order_name, replace, submit};
pub use receipts::receipt;
pub use sales::{ChangeUnder, Deal, deal, offer_named, owner_named, terms_handle};
pub use session::{open_session, session_batch};
pub use switch::{arm_dead_man, disconnect_policy, session_disconnected, session_named};
pub use timetable::{calendar_hash, date};
