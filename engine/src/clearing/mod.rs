//! Money and goods: who has what, what orders hold, what trades move (SEMANTICS section 11).
//!
//! Matching and markets reach it through `orders`: take a hold, change it, settle a trade, let go.
//! Everything moves by the ledger's calls, each of which leaves every sum of an asset as it was;
//! only a custodian's acknowledgement changes what there is.
//!
//! Invariant: the positions of an asset sum to zero, those of accounts and venues are never below
//! zero (what an account owes since a bust stands apart), and what positions hold is what live
//! orders and pending withdrawals hold, each of which names its positions. Not here: which order
//! trades with which (`matching`), the checks before (`market`).

pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod correction;
pub(crate) mod credit;
pub(crate) mod credit_section;
pub(crate) mod custody;
pub(crate) mod fee;
pub mod guarantee;
pub(crate) mod hold;
pub(crate) mod kept;
pub(crate) mod ledger;
pub mod margin;
pub(crate) mod orders;
pub mod postings;
pub mod receipts;
pub(crate) mod section;
pub(crate) mod settlement;
pub(crate) mod shelf;
pub(crate) mod terms;
pub(crate) mod trades;
pub(crate) mod transfer;
mod whereabouts;

pub use assets::{Asset, Custodian};
pub use credit::{Credit, CreditView, Haircut};
pub use custody::{Instruction, business_date};
pub use ledger::{Holder, Position};
pub use margin::{Contract, Margin, Margined};
pub use receipts::{Receipt, Receipts};
pub use settlement::{InstrumentSettlement, Unsettled};
pub use terms::{Cleared, factors, tick_value};
pub use trades::{KeptTrade, Trades};

use crate::command::FeeRates;
use crate::limits::Limits;
use crate::tracked::Tracked;
use crate::types::{AccountId, AssetId, InstrumentId, OwnerId, ParticipantId, VenueId};
use assets::Assets;
use correction::Debt;
use custody::Custody;
use fee::Fees;
use guarantee::Guarantees;
use hold::Hold;
use ledger::Ledger;
use settlement::Settlement;
use shelf::Shelves;

/// All money and goods of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clearing {
    pub(crate) assets: Assets,
    pub(crate) ledger: Ledger,
    pub(crate) fees: Tracked<Fees>,
    pub(crate) custody: Custody,
    pub(crate) receipts: Receipts,
    pub(crate) shelves: Shelves,
    pub(crate) guarantees: Guarantees,
    pub(crate) trades: Trades,
    /// Who owes, in order of account and asset.
    debts: Vec<Debt>,
    debts_max: u32,
    pub(crate) credit: Credit,
    pub(crate) settlement: Settlement,
    /// By instrument handle; none without clearing.
    terms: Tracked<Vec<Option<Cleared>>>,
    pub(crate) margin: Margin,
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
            receipts: Receipts::new(limits),
            shelves: Shelves::default(),
            guarantees: Guarantees::new(limits),
            trades: Trades::new(limits),
            debts: Vec::with_capacity(limits.receivables_max as usize),
            debts_max: limits.receivables_max,
            credit: Credit::new(limits),
            settlement: Settlement::new(limits),
            terms: Tracked::new(Vec::new()),
            margin: Margin::new(limits),
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
        self.fees.changes() + self.terms.changes() + self.margin.changes()
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

    /// An instrument's settlement, if it has one.
    pub fn settlement(&self, instrument: InstrumentId) -> Option<InstrumentSettlement> {
        self.settlement.of(instrument)
    }

    /// The owners behind one that is a nominee, as they were given; none behind another one.
    pub fn nominee(&self, owner: OwnerId) -> &[OwnerId] {
        self.settlement.nominee(owner)
    }

    /// What of an account's trades waits for its settlement.
    pub fn unsettled(&self, account: AccountId) -> Vec<Unsettled> {
        self.settlement.unsettled(account)
    }

    /// What of an account's position waits for its settlement, in minor units; it is held.
    pub fn unsettled_of(&self, account: AccountId, asset: AssetId) -> i64 {
        self.settlement.unsettled_at(account, |instrument| {
            let cleared = self.terms(instrument);
            let cleared = cleared.expect("what waits is of an instrument with clearing");
            [cleared.money == asset, cleared.goods == asset]
        })
    }

    /// Who has what.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What there is.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// Margin forwards: their contracts and who has what in them.
    pub fn margin(&self) -> &Margin {
        &self.margin
    }

    /// The trades that can still be busted or corrected.
    pub fn trades(&self) -> &Trades {
        &self.trades
    }

    /// Pending instructions and open references.
    pub fn custody(&self) -> &Custody {
        &self.custody
    }

    /// Warehouse receipts.
    pub fn receipts(&self) -> &Receipts {
        &self.receipts
    }
}
