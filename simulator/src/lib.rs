//! Replays recorded days and open-loop load against a gateway, through its public API only.

pub mod formats;
