//! Sanjiang proto.
