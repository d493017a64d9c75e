//! Sanjiang engine.
