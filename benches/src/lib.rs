//! Sanjiang benches.
