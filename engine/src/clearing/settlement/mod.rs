//! Settlement: trades whose two legs are free some trading days later, how far reverse trades of an
//! owner lie apart, how many owners may hold an instrument's goods.
//!
//! Invariant: whatever a trade could lack was reserved when its orders were entered, so no trade
//! fails: an order has a row with a place for every day it can still wait, and a buyer that is no
//! holder yet has a holder's place. What waits is held by its position and is in exactly one row.
//! Days are counted by the rolls of the venue, so a new version of its calendar moves no date that
//! was promised otherwise than by moving the rolls. Not here: the law behind the numbers
//! (`venue::rules`), amounts (`ledger`).

mod audit;
mod busts;
mod days;
mod holders;
mod orders;
mod places;
mod recent;
mod section;
mod table;

pub(in crate::clearing) use busts::Leg;
pub(crate) use holders::{Concerned, Waited};
pub(crate) use orders::{Joining, StakeRef, Traded};
pub(crate) use places::Leaving;

use std::collections::BTreeMap;

use super::ledger::Place;
use crate::command::{HolderCount, SetSettlement};
use crate::limits::Limits;
use crate::types::{AccountId, AssetId, InstrumentId, OwnerId, PriceSign, Time, VenueId};
use places::Status;
use recent::Recent;
use table::{Keyed, Table};

/// Places of a row: one for each day on which what was traded can become free, today included.
const PLACES: usize = SetSettlement::DAYS_MAX as usize + 1;

/// What settlement is for an instrument, and how many places its holders take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Kept {
    set: SetSettlement,
    venue: VenueId,
    goods: AssetId,
    /// Owners that count as holders, those behind nominees among them.
    holders: u32,
    /// Those, and the places of live buys and pending deposits.
    taken: u32,
}

impl Kept {
    /// Whether owners are remembered.
    fn remembers(&self) -> bool {
        self.set.reverse_trade_days > 0 || self.set.max_holders.is_some()
    }

    /// What an owner's row says by itself. A nominee counts for others, and only for what it has.
    fn status(&self, investor: &Investor, nominee: bool) -> Status {
        if self.set.max_holders.is_none() {
            return Status::default();
        }
        let holds = match self.set.holder_count {
            HolderCount::Cumulative if !nominee => investor.ever,
            HolderCount::Cumulative | HolderCount::Current => investor.goods > 0,
        };
        let may_come = investor.buys > 0 || investor.deposits > 0;
        Status {
            holds,
            has_place: holds || may_come,
        }
    }

    /// Whether a trade of `last` is too near on `day`.
    fn is_near(&self, last: Option<u32>, day: u32) -> bool {
        let least = u32::from(self.set.reverse_trade_days);
        last.is_some_and(|last| day - last < least)
    }
}

/// What became due on one day, in minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Due {
    goods: i64,
    money: i64,
}

/// An account with live orders, or with trades that wait, on an instrument with settlement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stake {
    instrument: InstrumentId,
    account: AccountId,
    /// Its owner's row, while orders live and owners are remembered.
    investor: u32,
    /// Live orders.
    orders: u32,
    money_at: Place,
    goods_at: Place,
    /// By the day on which it is free, modulo their number.
    due: [Due; PLACES],
}

impl Stake {
    fn waits(&self) -> bool {
        self.due.iter().any(|due| *due != Due::default())
    }
}

impl Keyed for Stake {
    fn key(&self) -> (u32, InstrumentId) {
        (self.account.index(), self.instrument)
    }
}

/// A beneficial owner that traded, may trade, or holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Investor {
    instrument: InstrumentId,
    owner: OwnerId,
    /// The days of its last trades.
    bought: Recent,
    sold: Recent,
    /// Live orders.
    buys: u32,
    sells: u32,
    /// Deposits of the goods that wait for their custodian.
    deposits: u32,
    /// What all its accounts have of the goods, where holders are counted.
    goods: i64,
    /// Whether it ever had any since they are, itself or through a nominee.
    ever: bool,
    /// How many rows that hold count for it: its own, and those of nominees.
    held: u32,
    /// How many rows that have a place do.
    placed: u32,
}

impl Investor {
    fn new(instrument: InstrumentId, owner: OwnerId) -> Self {
        Self {
            instrument,
            owner,
            bought: Recent::default(),
            sold: Recent::default(),
            buys: 0,
            sells: 0,
            deposits: 0,
            goods: 0,
            ever: false,
            held: 0,
            placed: 0,
        }
    }
}

impl Keyed for Investor {
    fn key(&self) -> (u32, InstrumentId) {
        (self.owner.index(), self.instrument)
    }
}

/// An instrument's settlement and its holders, for who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InstrumentSettlement {
    /// What was set, or what the law asks for.
    pub set: SetSettlement,
    /// How many beneficial owners count as holders of the goods, those behind nominees among them;
    /// 0 where none are counted.
    pub holders: u32,
    /// How many places are kept for live buys and pending deposits of owners that are none yet.
    pub reserved: u32,
}

/// What of an account waits on an instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsettled {
    /// The instrument.
    pub instrument: InstrumentId,
    /// After how many day rolls of its venue it is free; 0 when the next tick frees it.
    pub rolls: u32,
    /// Goods bought, in minor units.
    pub goods: i64,
    /// Proceeds less fees, in minor units of the money.
    pub money: i64,
}

/// All about settlement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settlement {
    /// By instrument handle.
    kept: Vec<Option<Kept>>,
    /// The instruments whose holders are counted, by their goods: one of each.
    counted: BTreeMap<AssetId, InstrumentId>,
    /// By venue handle: how often its day rolled.
    days: Vec<u32>,
    stakes: Table<Stake>,
    investors: Table<Investor>,
    /// The owners behind each nominee, in the order in which they were given.
    nominees: BTreeMap<OwnerId, Vec<OwnerId>>,
    nominees_max: u32,
    /// Venues where something is due, the earliest first.
    pending: Vec<(Time, VenueId)>,
    /// For which of them `queue` was collected.
    collected: Option<(Time, VenueId)>,
    /// What it still frees, the next one last.
    queue: Vec<(InstrumentId, AccountId, u32)>,
}

impl Settlement {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            kept: Vec::new(),
            counted: BTreeMap::new(),
            days: Vec::new(),
            stakes: Table::new(limits.unsettled_max, limits.accounts_max),
            investors: Table::new(limits.investors_max, limits.owners_max),
            nominees: BTreeMap::new(),
            nominees_max: limits.nominees_max,
            pending: Vec::new(),
            collected: None,
            queue: Vec::with_capacity(limits.unsettled_max as usize),
        }
    }

    fn kept(&self, instrument: InstrumentId) -> Option<&Kept> {
        self.kept.get(instrument.place())?.as_ref()
    }

    /// How often the venue's day rolled.
    fn day(&self, venue: VenueId) -> u32 {
        self.days.get(venue.place()).copied().unwrap_or(0)
    }

    /// An instrument's settlement, if it has one.
    pub(crate) fn of(&self, instrument: InstrumentId) -> Option<InstrumentSettlement> {
        let kept = self.kept(instrument)?;
        Some(InstrumentSettlement {
            set: kept.set,
            holders: kept.holders,
            reserved: kept.taken - kept.holders,
        })
    }

    /// The instrument whose holders are counted by these goods.
    pub(crate) fn counts(&self, goods: AssetId) -> Option<InstrumentId> {
        self.counted.get(&goods).copied()
    }

    /// Whether an order on the instrument needs a trading day to count from.
    pub(crate) fn counts_days(&self, instrument: InstrumentId) -> bool {
        self.kept(instrument)
            .is_some_and(|kept| kept.set.days > 0 || kept.set.reverse_trade_days > 0)
    }

    /// What waits, by the positions that hold it.
    pub(super) fn held(&self, add: &mut impl FnMut(Place, i64)) {
        for (_, stake) in self.stakes.iter() {
            for due in stake.due {
                add(stake.money_at, due.money);
                add(stake.goods_at, due.goods);
            }
        }
    }

    /// Whether anything waits on the instrument.
    pub(crate) fn waits(&self, instrument: InstrumentId) -> bool {
        let mut stakes = self.stakes.iter();
        stakes.any(|(_, stake)| stake.instrument == instrument && stake.waits())
    }

    /// What of an account waits, where `counts` says of an instrument's money and goods whether
    /// they are what is asked about.
    pub(super) fn unsettled_at(
        &self,
        account: AccountId,
        counts: impl Fn(InstrumentId) -> [bool; 2],
    ) -> i64 {
        let mut sum = 0;
        for at in self.stakes.of(account.index()) {
            let stake = self.stakes.row(at);
            let [money, goods] = counts(stake.instrument);
            for due in &stake.due {
                sum += i64::from(money) * due.money + i64::from(goods) * due.goods;
            }
        }
        sum
    }

    /// What of an account waits, instrument by instrument in order of the handles, the nearest
    /// first.
    pub(crate) fn unsettled(&self, account: AccountId) -> Vec<Unsettled> {
        let mut list = Vec::new();
        for at in self.stakes.of(account.index()) {
            let stake = self.stakes.row(at);
            let kept = self.kept(stake.instrument).expect("a stake has rules");
            let day = self.day(kept.venue);
            for rolls in 0..PLACES as u32 {
                let due = stake.due[place_of(day + rolls)];
                if due != Due::default() {
                    list.push(Unsettled {
                        instrument: stake.instrument,
                        rolls,
                        goods: due.goods,
                        money: due.money,
                    });
                }
            }
        }
        list.sort_unstable_by_key(|one| (one.instrument, one.rolls));
        list
    }
}

/// Whether a settlement is within its bounds for an instrument with prices of this sign. What waits
/// is what is received, so a seller never pays and a buyer never receives.
pub(crate) fn are_valid(set: &SetSettlement, sign: PriceSign) -> bool {
    let referred = set.reference.is_empty() == (set.holder_count == HolderCount::Cumulative);
    set.days <= SetSettlement::DAYS_MAX
        && set.reverse_trade_days <= SetSettlement::REVERSE_DAYS_MAX
        && set.max_holders != Some(0)
        && (set.holder_count == HolderCount::Cumulative || set.max_holders.is_some())
        && referred
        && (set.days == 0 || sign != PriceSign::Any)
}

/// The place of a row for a day.
fn place_of(day: u32) -> usize {
    day as usize % PLACES
}
