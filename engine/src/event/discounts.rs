//! What happened to discounts.
//!
//! Invariant: as in `sales`; who used a discount is told by the contracts alone. Not here: what was
//! taken off a contract (its pieces times its price, less its amount).

use crate::types::{AccountId, DiscountId, VenueId};

/// What happened to a discount.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum DiscountAct {
    /// It was defined.
    Defined = 1,
    /// A basket used it.
    Used = 2,
    /// Its time is over.
    Ended = 3,
}

impl DiscountAct {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 3] = [Self::Defined, Self::Used, Self::Ended];
}

/// How a discount stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiscountReport {
    /// What happened.
    pub act: DiscountAct,
    /// The discount.
    pub discount: DiscountId,
    /// Whose.
    pub seller: AccountId,
    /// Where.
    pub venue: VenueId,
    /// How many uses are left.
    pub left: u32,
}
