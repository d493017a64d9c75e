//! The bodies of commands about parties' life cycle and what they may do at a venue.
//!
//! Invariant: as in `command`. Not here: who parties are (`command`), the rules (`standing`).

use crate::types::{AccountId, Name, ParticipantId, Side, VenueId};

/// What an operator decides about parties.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StandingCommand {
    /// Suspend, reopen or close a party.
    SetStanding(SetStanding),
    /// What a participant may do at a venue.
    SetRoles(SetRoles),
    /// Whom a venue admits.
    SetAccess(SetAccess),
    /// A participant's unified social credit code.
    SetRegistration(SetRegistration),
}

/// Who has a standing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Party {
    /// A participant with all its accounts.
    Participant(ParticipantId),
    /// One account.
    Account(AccountId),
}

/// What a party may do at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
#[repr(u8)]
pub enum Standing {
    /// Everything its roles and limits allow.
    #[default]
    Open = 0,
    /// Cancel and deposit only.
    Suspended = 1,
    /// Nothing, for ever.
    Closed = 2,
}

impl Standing {
    /// All of them, in order of their numbers.
    pub const ALL: [Self; 3] = [Self::Open, Self::Suspended, Self::Closed];

    /// The one with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// Suspend, reopen or close a party.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetStanding {
    /// Whose.
    pub party: Party,
    /// What from now on. `Closed` needs an account without live orders, balances and pending
    /// instructions, a participant whose accounts are all closed.
    pub standing: Standing,
}

/// What a participant may be at a venue: a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Roles(u8);

impl Roles {
    /// None.
    pub const NONE: Self = Self(0);
    /// May buy where only members may.
    pub const BUYER: Self = Self(1);
    /// May sell where only members may.
    pub const SELLER: Self = Self(2);
    /// Makes a market; asks for regimes that allow it.
    pub const MARKET_MAKER: Self = Self(4);
    /// An investor the venue found qualified.
    pub const QUALIFIED_INVESTOR: Self = Self(8);
    /// All single roles, in order of their numbers.
    pub const ALL: [Self; 4] = [
        Self::BUYER,
        Self::SELLER,
        Self::MARKET_MAKER,
        Self::QUALIFIED_INVESTOR,
    ];

    /// The set with these bits, if all of them mean something.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits < 16 { Some(Self(bits)) } else { None }
    }

    /// One bit a role.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `roles` are among them.
    pub const fn has(self, roles: Self) -> bool {
        self.0 & roles.0 == roles.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, roles: Self) -> Self {
        Self(self.0 | roles.0)
    }

    /// The role that trading on `side` asks for.
    pub const fn of_side(side: Side) -> Self {
        match side {
            Side::Buy => Self::BUYER,
            Side::Sell => Self::SELLER,
        }
    }
}

/// What a participant may be at a venue; replaces what was set before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetRoles {
    /// The venue.
    pub venue: VenueId,
    /// The participant.
    pub participant: ParticipantId,
    /// Its roles there from now on.
    pub roles: Roles,
}

/// Whom a venue admits. Without both it admits everyone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Access {
    /// A buy asks for the role of a buyer, a sell for that of a seller.
    pub members_only: bool,
    /// Every order asks for the role of a qualified investor.
    pub qualified_only: bool,
}

impl Access {
    /// One bit a rule.
    pub const fn bits(self) -> u8 {
        self.members_only as u8 | (self.qualified_only as u8) << 1
    }

    /// The rules with these bits, if all of them mean something.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits > 3 {
            return None;
        }
        Some(Self {
            members_only: bits & 1 != 0,
            qualified_only: bits & 2 != 0,
        })
    }
}

/// Whom a venue admits from now on; live orders stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetAccess {
    /// The venue.
    pub venue: VenueId,
    /// Its rules.
    pub access: Access,
}

/// A participant's unified social credit code (统一社会信用代码); replaces the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetRegistration {
    /// The participant.
    pub participant: ParticipantId,
    /// Its code, 18 characters with a right check character (GB 32100-2015), unique among
    /// participants; empty removes it.
    pub code: Name,
}
