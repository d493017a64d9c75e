//! Sanjiang simulator.
