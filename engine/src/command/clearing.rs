//! Commands about money and goods: assets, custodians, clearing, fees, instructions.
//!
//! Invariant: as in `command`. No command here creates an amount: what comes in or goes out is
//! what a custodian acknowledged. Not here: the rules (`clearing`, SEMANTICS section 11).

use crate::types::{
    AccountId, Amount, AssetId, CustodianId, InstrumentId, Name, ParticipantId, Sequence, VenueId,
};

use super::Demonstration;

/// Create an asset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreateAsset {
    /// Its public id, unique among assets: `CNY`, `copper@ningbo-3`.
    pub name: Name,
    /// What it is.
    pub class: AssetClass,
    /// Whether it is of demonstrations only; never changed afterwards.
    pub demonstration: Demonstration,
}

/// What an asset is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssetClass {
    /// Money (ISO 4217); one minor unit is 10^-`decimals` of the currency.
    Currency {
        /// At most 9.
        decimals: u8,
    },
    /// Goods or shares of one kind, and of one warehouse where that matters: then each warehouse
    /// has an asset of its own. One minor unit is 10^-`decimals` of the unit.
    Goods {
        /// What a quantity counts, such as `t` or `share`.
        unit: Name,
        /// At most 9.
        decimals: u8,
    },
}

impl AssetClass {
    /// Decimals of an amount.
    pub const fn decimals(self) -> u8 {
        match self {
            Self::Currency { decimals } | Self::Goods { decimals, .. } => decimals,
        }
    }

    /// Who keeps it outside.
    pub const fn keeper(self) -> CustodianKind {
        match self {
            Self::Currency { .. } => CustodianKind::Bank,
            Self::Goods { .. } => CustodianKind::Warehouse,
        }
    }
}

/// Create a custodian: who holds assets outside, mirrored by a control position here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CreateCustodian {
    /// Its public id, unique among custodians.
    pub name: Name,
    /// What it holds.
    pub kind: CustodianKind,
    /// A demonstration acknowledges by itself and holds demonstration assets only.
    pub demonstration: Demonstration,
}

/// What a custodian holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CustodianKind {
    /// Currencies.
    Bank,
    /// Goods, or a registrar's shares.
    Warehouse,
}

/// Give an instrument its clearing: from then on its orders hold and its trades settle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetClearing {
    /// The instrument; it has no live orders and no clearing yet.
    pub instrument: InstrumentId,
    /// The currency it is paid in.
    pub money: AssetId,
    /// What is delivered.
    pub goods: AssetId,
}

/// What orders are charged: parts per million of the value, an amount a lot, and the bounds of one
/// order's whole fee. A basis point is 100 parts per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct FeeRates {
    /// Of an order that rested (FIX 851 = 1); below zero it is a rebate.
    pub maker_ppm: i32,
    /// Of an order that took (FIX 851 = 2).
    pub taker_ppm: i32,
    /// Of both sides in a call auction (FIX 851 = 4).
    pub auction_ppm: i32,
    /// Of each lot, in minor units of the money.
    pub per_lot: i64,
    /// The least one order pays once it has traded, in minor units of the money.
    pub minimum: i64,
    /// The most one order pays.
    pub cap: Option<i64>,
}

impl FeeRates {
    /// The largest rate either way: 10 %.
    pub const PPM_MAX: i32 = 100_000;
    /// The largest amount a lot, in minor units; times the most lots it is below 2^61.
    pub const PER_LOT_MAX: i64 = 1 << 20;
    /// The largest minimum and cap, in minor units.
    pub const UNITS_MAX: i64 = 1 << 40;
    /// How many tiers of participants there are.
    pub const TIERS: usize = 8;
}

/// Set what orders entered from now on are charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetFees {
    /// The venue.
    pub venue: VenueId,
    /// One of its instruments, or all that have no rates of their own.
    pub instrument: Option<InstrumentId>,
    /// Of participants of this tier.
    pub tier: u8,
    /// The rates.
    pub rates: FeeRates,
}

/// Put a participant into a tier of fees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetTier {
    /// The participant.
    pub participant: ParticipantId,
    /// The tier, below [`FeeRates::TIERS`].
    pub tier: u8,
}

/// Into the exchange or out of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Direction {
    /// The custodian receives, the account is credited.
    Deposit,
    /// The account is debited, the custodian hands out.
    Withdrawal,
}

/// Tell a custodian to move an asset in or out; its id is the command's sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruct {
    /// The account.
    pub account: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// Who holds it.
    pub custodian: CustodianId,
    /// Which way.
    pub direction: Direction,
    /// How much; above zero.
    pub amount: Amount,
}

/// What a custodian did with an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Outcome {
    /// It moved the asset.
    Executed,
    /// It did not and will not.
    Refused,
}

/// A custodian answers an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acknowledge {
    /// The instruction.
    pub instruction: Sequence,
    /// What became of it.
    pub outcome: Outcome,
    /// The custodian's own reference, unique for it and the date while the date is open.
    pub reference: Name,
    /// The custodian's business date, counted in days from 1970-01-01.
    pub business_date: i32,
}

/// Reconciliation closes a custodian's business dates: later acknowledgements for them are refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CloseCustodyDate {
    /// The custodian.
    pub custodian: CustodianId,
    /// Everything up to this date, counted in days from 1970-01-01.
    pub date: i32,
}
