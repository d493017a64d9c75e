//! The commands about settlement: when a trade's two legs are free, how far reverse trades lie
//! apart, how many may hold an instrument's goods, and who stands behind whom.
//!
//! Invariant: as in `command`. Not here: the rules (`clearing::settlement`, SEMANTICS section 17).

use crate::types::{InstrumentId, Name, OwnerId};

/// What is asked about settlement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettlementCommand {
    /// An instrument's settlement.
    Set(SetSettlement),
    /// For whom an owner holds.
    SetNominee(SetNominee),
}

/// Say for whom an owner holds: wherever holders are counted, they count in its place. Replaces
/// what was said before; nobody at all makes it count for itself again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetNominee {
    /// The owner whose accounts are held for others; it is on no other's list.
    pub nominee: OwnerId,
    /// The beneficial owners behind it, at most [`Limits::NOMINEE_OWNERS_MAX`], each once, none of
    /// them a nominee.
    ///
    /// [`Limits::NOMINEE_OWNERS_MAX`]: crate::limits::Limits::NOMINEE_OWNERS_MAX
    pub owners: Vec<OwnerId>,
}

/// Set how an instrument's trades settle; replaces what was set before. Zeros and no bound remove
/// it where no law asks for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetSettlement {
    /// The instrument; it has clearing, no live orders and nothing that waits for settlement.
    pub instrument: InstrumentId,
    /// Trading days from the trade to its settlement (FIX 63): 0 at once, at most
    /// [`SetSettlement::DAYS_MAX`].
    pub days: u8,
    /// The least trading days between a buy and a sell of one beneficial owner, either way; 0 for
    /// no such rule, at most [`SetSettlement::REVERSE_DAYS_MAX`].
    pub reverse_trade_days: u8,
    /// The most beneficial owners that may hold the goods; above 0.
    pub max_holders: Option<u32>,
    /// Who is a holder.
    pub holder_count: HolderCount,
    /// The regulator's reference for [`HolderCount::Current`]; else empty.
    pub reference: Name,
}

impl SetSettlement {
    /// The longest settlement: a row of what waits has a place a day, and no market's is longer.
    pub const DAYS_MAX: u8 = 10;
    /// The longest interval of reverse trades; the law's are 0, 1 and 5.
    pub const REVERSE_DAYS_MAX: u8 = 20;
}

/// Who is a holder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum HolderCount {
    /// Every beneficial owner that ever had goods (累计): the stricter reading of the law.
    Cumulative,
    /// Those that have goods now; with the regulator's reference on record.
    Current,
}
