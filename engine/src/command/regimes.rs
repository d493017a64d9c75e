//! The commands about law: a regime as data or a later version of one, and a venue that moves to
//! later versions.
//!
//! Invariant: as in `command`. Not here: which keys and values there are (`venue::keys`), what is
//! checked and when it applies (`venue::law`, SEMANTICS section 25).

use crate::types::{Name, Title, VenueId};
use crate::venue::{Regime, RuleKey, RuleValue};

/// Define a regime, or the next version of one: the whole of what it says, since an absent rule
/// means forbidden. It applies from the next civil day at UTC+8 on, to venues that name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DefineRegime {
    /// Its name: capital letters, digits and underscores.
    pub name: Name,
    /// The text of law it rests on, with the year of the text that was read.
    pub basis: Title,
    /// Its rules, in order of the keys' numbers, each key once.
    pub rules: Vec<Rule>,
}

/// One rule of a regime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What it is about.
    pub key: RuleKey,
    /// What it says.
    pub value: RuleValue,
    /// Its own text, where that is not the regime's.
    pub basis: Option<Title>,
}

/// A venue moves to later versions of its regimes at the next midnight at UTC+8; contracts keep
/// theirs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MoveVenue {
    /// Which.
    pub venue: VenueId,
    /// The versions: the names it stands under, in their order.
    pub regimes: Vec<Regime>,
}
