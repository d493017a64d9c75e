//! Money and goods as an engine has them, to be compared with another's.
//!
//! Invariant: what is equal here gives equal answers to every question about money. Not here: how
//! an engine came to it.

use sanjiang_engine::clearing::{Instruction, Position};
use sanjiang_engine::engine::{Engine, SectionId};
use sanjiang_engine::types::{AssetId, Sequence};

/// What an engine has of money and goods.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Books {
    /// Every position.
    pub positions: Vec<Position>,
    /// Instructions without an answer.
    pub pending: Vec<(Sequence, Instruction)>,
    /// The sections of the ledger, of what orders hold, of trades that can be busted, of offers and
    /// of contracts.
    sections: Vec<(SectionId, Vec<u8>)>,
    /// What the engine's own audit says.
    pub audit: Result<(), String>,
}

impl Books {
    /// Of an engine.
    pub fn of(engine: &Engine) -> Self {
        let clearing = engine.clearing();
        let mut sections = engine.encode_sections();
        sections.retain(|(section, _)| {
            [
                SectionId::Clearing,
                SectionId::Holds,
                SectionId::Corrections,
                SectionId::Sales,
                SectionId::Contracts,
            ]
            .contains(section)
        });
        let pending = clearing.custody().pending();
        Self {
            positions: clearing.ledger().positions().to_vec(),
            pending: pending.map(|(id, one)| (id, *one)).collect(),
            sections,
            audit: engine.audit().map_err(|error| error.to_string()),
        }
    }

    /// The first thing in which two differ, in words.
    pub fn differs(&self, other: &Self) -> Option<String> {
        let mut pairs = self.positions.iter().zip(&other.positions);
        if let Some((ours, theirs)) = pairs.find(|(ours, theirs)| ours != theirs) {
            return Some(format!("{ours:?} is {theirs:?}"));
        }
        (self != other).then(|| format!("{:?} are {:?}", self.pending, other.pending))
    }

    /// How much of an asset is held, over all holders.
    pub fn held(&self, asset: AssetId) -> i64 {
        let own = self.positions.iter().filter(|one| one.asset() == asset);
        own.map(|one| one.held).sum()
    }
}
