//! What offers of some models have beside their rows: the rows of a million plain offers do not
//! grow by it.
//!
//! Invariant: a live offer has a campaign if its terms ask for one, and no other has. Rejected: a
//! slab whose slots the offers name (their rows are full); a tree is asked only about offers whose
//! terms say so. Not here: the rules of each model (`market::group_buy`).

use std::collections::BTreeMap;

use crate::command::{Course, FlashMode, Plan, Prices};
use crate::market::flash_sale::Queue;
use crate::market::group_buy::Group;
use crate::market::lottery::Lottery;
use crate::market::presale::{self, Presale};

/// One offer's campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Campaign {
    /// A group buy.
    Group(Group),
    /// A presale.
    Presale(Presale),
    /// A flash sale with a queue.
    Queue(Queue),
    /// A flash sale by lottery.
    Lottery(Box<Lottery>),
}

impl Campaign {
    /// How many entries and balances wait for its offer.
    pub const fn waiting(&self) -> u32 {
        match self {
            Self::Group(group) => group.entries,
            Self::Presale(presale) => presale.balances,
            Self::Queue(_) => 0,
            Self::Lottery(lottery) => lottery.entries,
        }
    }
}

/// All campaigns, by the rows of their offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Campaigns {
    rows: BTreeMap<u32, Campaign>,
    max: u32,
}

/// Whether offers by these terms have a campaign.
pub(crate) const fn has_campaign(plan: Plan) -> bool {
    match plan {
        Plan::Plain | Plan::Flash(FlashMode::Race) => false,
        Plan::Flash(FlashMode::Queue { .. } | FlashMode::Lottery)
        | Plan::Group
        | Plan::Presale { .. } => true,
    }
}

/// The campaign that an offer by these terms begins with, if its course fits them and its prices.
pub(crate) fn begun(
    plan: Plan,
    course: Course,
    prices: &Prices,
) -> Result<Option<Campaign>, Misfit> {
    match (plan, course) {
        (Plan::Plain | Plan::Flash(FlashMode::Race), Course::Plain) => Ok(None),
        (Plan::Flash(FlashMode::Queue { .. }), Course::Plain) => {
            Ok(Some(Campaign::Queue(Queue::new())))
        }
        (Plan::Group, Course::Group { quorum }) if quorum > 0 => {
            Ok(Some(Campaign::Group(Group::new(quorum))))
        }
        (
            Plan::Flash(FlashMode::Lottery),
            Course::Lottery {
                commitment,
                draw_by,
            },
        ) if prices.closes.is_some_and(|closes| closes < draw_by) => {
            let lottery = Box::new(Lottery::new(commitment, draw_by));
            Ok(Some(Campaign::Lottery(lottery)))
        }
        (
            Plan::Presale { .. },
            Course::Presale {
                pay_from,
                pay_until,
            },
        ) if presale::are_bounded(prices, pay_from, pay_until) => {
            Ok(Some(Campaign::Presale(Presale {
                pay_from,
                pay_until,
                balances: 0,
            })))
        }
        (
            Plan::Plain | Plan::Flash(_) | Plan::Group | Plan::Presale { .. },
            Course::Plain | Course::Group { .. } | Course::Presale { .. } | Course::Lottery { .. },
        ) => Err(Misfit),
    }
}

/// A course that the terms do not ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Misfit;

impl Campaigns {
    pub(super) const fn new(max: u32) -> Self {
        Self {
            rows: BTreeMap::new(),
            max,
        }
    }

    /// Whether no other offer can have one.
    pub(crate) fn are_full(&self) -> bool {
        self.rows.len() >= self.max as usize
    }

    pub(super) fn add(&mut self, slot: u32, campaign: Campaign) {
        assert!(!self.are_full(), "the bound is checked before");
        let before = self.rows.insert(slot, campaign);
        assert!(before.is_none(), "an offer begins one campaign");
    }

    pub(super) fn remove(&mut self, slot: u32) {
        self.rows.remove(&slot);
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Campaign> {
        self.rows.get(&slot)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Campaign> {
        self.rows.get_mut(&slot)
    }

    /// All of them, by the rows of their offers.
    pub(super) fn all(&self) -> impl ExactSizeIterator<Item = (u32, &Campaign)> {
        self.rows.iter().map(|(slot, campaign)| (*slot, campaign))
    }
}
