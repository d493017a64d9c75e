//! Sanjiang gateway.
