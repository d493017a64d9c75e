//! Money and goods: who has what, what orders hold, what trades move (SEMANTICS section 11).
//!
//! Matching and markets reach it through `orders`: take a hold, change it, settle a trade, let go.
//! Everything moves by the ledger's calls, each of which leaves every sum of an asset as it was;
//! only a custodian's acknowledgement changes what there is.
//!
//! Invariant: the positions of an asset sum to zero, those of accounts and venues are never below
//! zero, and what positions hold is what live orders and pending withdrawals hold, each of which
//! names its positions. Not here: which order trades with which (`matching`), the checks before
//! (`market`).

pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod custody;
pub(crate) mod fee;
pub(crate) mod hold;
pub(crate) mod ledger;
pub(crate) mod orders;
pub mod postings;
pub(crate) mod section;
pub(crate) mod terms;

pub use assets::{Asset, Custodian};
pub use custody::Instruction;
pub use ledger::{Holder, Position};
pub use terms::{Cleared, factors};

use crate::command::FeeRates;
use crate::limits::Limits;
use crate::tracked::Tracked;
use crate::types::{InstrumentId, ParticipantId, VenueId};
use assets::Assets;
use custody::Custody;
use fee::Fees;
use hold::Hold;
use ledger::Ledger;

/// All money and goods of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clearing {
    pub(crate) assets: Assets,
    pub(crate) ledger: Ledger,
    pub(crate) fees: Tracked<Fees>,
    pub(crate) custody: Custody,
    /// By instrument handle; none without clearing.
    terms: Tracked<Vec<Option<Cleared>>>,
    /// By the order's slot; one of no order holds nothing.
    holds: Vec<Hold>,
}

impl Clearing {
    /// Nothing of anything, with room for as much as `limits` says, touched only when used.
    pub fn new(limits: &Limits) -> Self {
        Self {
            assets: Assets::new(limits),
            ledger: Ledger::new(limits),
            fees: Tracked::new(Fees::new(limits)),
            custody: Custody::new(limits),
            terms: Tracked::new(Vec::new()),
            holds: Vec::with_capacity(limits.orders_max as usize),
        }
    }

    /// An instrument's clearing, if it has one.
    #[inline]
    pub fn terms(&self, instrument: InstrumentId) -> Option<&Cleared> {
        self.terms.get(instrument.place())?.as_ref()
    }

    /// How often what instruments' settings are made from may have changed.
    #[inline]
    pub(crate) fn changes(&self) -> u64 {
        self.fees.changes() + self.terms.changes()
    }

    /// What an order entered now is charged, by its participant's tier.
    pub fn rates(&self, venue: VenueId, instrument: InstrumentId) -> [FeeRates; FeeRates::TIERS] {
        let places = self.fees.choose_all(venue, instrument);
        places.map(|place| *self.fees.rates(place))
    }

    /// A participant's tier of fees.
    pub fn tier(&self, participant: ParticipantId) -> u8 {
        self.fees.tier(participant)
    }

    /// How many different rates were ever set, those of nothing apart.
    pub fn rates_used(&self) -> u32 {
        self.fees.used()
    }

    /// Who has what.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What there is.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// Pending instructions and open references.
    pub fn custody(&self) -> &Custody {
        &self.custody
    }
}
