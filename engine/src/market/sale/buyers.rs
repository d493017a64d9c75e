//! How many pieces a beneficial owner took of an offer that has a limit.
//!
//! A row is found from its owner, whose rows are a chain, a handful long; those of an offer are a
//! chain too, so that they can be forgotten part by part once it is withdrawn.
//!
//! Invariant: an owner has one row of an offer; nothing is allocated after `new` but where an offer
//! is withdrawn. Rejected: a map (an allocation a row, on the path of reserves). Not here: limits.

use std::collections::VecDeque;

use crate::types::{OwnerId, Time};

/// No row.
pub(crate) const NIL: u32 = u32::MAX;

/// What an owner took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Buyer {
    /// The offer, by its sequence.
    pub(crate) offer: u64,
    pub(crate) owner: OwnerId,
    pub(crate) pieces: u32,
    next_of_owner: u32,
    /// The one the offer remembered before it; of a free row the next free one.
    next_of_offer: u32,
}

/// All that is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Buyers {
    rows: Vec<Buyer>,
    owners: Vec<u32>,
    free: u32,
    live: u32,
    max: u32,
    /// Chains of withdrawn offers, with the times of the withdrawals.
    forgetting: VecDeque<(Time, u32)>,
}

impl Buyers {
    pub(super) fn new(max: u32, owners: u32) -> Self {
        Self {
            rows: Vec::with_capacity(max as usize),
            owners: Vec::with_capacity(owners as usize),
            free: NIL,
            live: 0,
            max,
            forgetting: VecDeque::new(),
        }
    }

    /// How many are remembered.
    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    /// How many more can be remembered.
    pub(crate) const fn room(&self) -> u32 {
        self.max - self.live
    }

    /// Whether no other can be remembered.
    pub(crate) const fn are_full(&self) -> bool {
        self.live >= self.max
    }

    /// The owner of a row, and the row its offer remembered before it.
    pub(crate) fn step(&self, at: u32) -> (OwnerId, u32) {
        let row = self.row(at);
        (row.owner, row.next_of_offer)
    }

    pub(crate) fn row(&self, at: u32) -> &Buyer {
        &self.rows[at as usize]
    }

    /// Where an owner's row of an offer is.
    pub(crate) fn find(&self, offer: u64, owner: OwnerId) -> Option<u32> {
        let mut at = self.owners.get(owner.place()).copied().unwrap_or(NIL);
        while at != NIL {
            let row = self.row(at);
            if row.offer == offer {
                return Some(at);
            }
            at = row.next_of_owner;
        }
        None
    }

    /// How many pieces an owner took of an offer.
    pub(crate) fn pieces(&self, offer: u64, owner: OwnerId) -> u32 {
        self.find(offer, owner).map_or(0, |at| self.row(at).pieces)
    }

    /// An owner takes pieces of an offer, whose chain this is; the room was checked.
    pub(crate) fn take(&mut self, offer: u64, owner: OwnerId, pieces: u32, chain: &mut u32) {
        if let Some(at) = self.find(offer, owner) {
            self.rows[at as usize].pieces += pieces;
            return;
        }
        assert!(!self.are_full(), "the bound is checked before");
        let row = Buyer {
            offer,
            owner,
            pieces,
            next_of_owner: NIL,
            next_of_offer: *chain,
        };
        let at = self.place(row);
        *chain = at;
        self.link(at);
    }

    /// Of an owner so much is remembered of an offer, whatever was; the room was checked.
    pub(crate) fn set(&mut self, offer: u64, owner: OwnerId, pieces: u32, chain: &mut u32) {
        match self.find(offer, owner) {
            Some(at) => self.rows[at as usize].pieces = pieces,
            None => self.take(offer, owner, pieces, chain),
        }
    }

    fn place(&mut self, row: Buyer) -> u32 {
        self.live += 1;
        if self.free == NIL {
            self.rows.push(row);
            return self.rows.len() as u32 - 1;
        }
        let at = self.free;
        self.free = self.row(at).next_of_offer;
        self.rows[at as usize] = row;
        at
    }

    fn link(&mut self, at: u32) {
        let place = self.row(at).owner.place();
        if place >= self.owners.len() {
            self.owners.resize(place + 1, NIL);
        }
        let next = std::mem::replace(&mut self.owners[place], at);
        self.rows[at as usize].next_of_owner = next;
    }

    /// An owner gave pieces back, if its offer still remembers it.
    pub(crate) fn give_back(&mut self, offer: u64, owner: OwnerId, pieces: u32) {
        if let Some(at) = self.find(offer, owner) {
            let row = &mut self.rows[at as usize];
            assert!(row.pieces >= pieces, "no more comes back than was taken");
            row.pieces -= pieces;
        }
    }

    /// An offer is withdrawn: what it remembered is due to be forgotten.
    pub(crate) fn forget(&mut self, chain: u32, at: Time) {
        if chain != NIL {
            self.forgetting.push_back((at, chain));
        }
    }

    /// When something is to be forgotten next.
    #[inline]
    pub(crate) fn first(&self) -> Option<Time> {
        self.forgetting.front().map(|(at, _)| *at)
    }

    /// Forgets one.
    pub(crate) fn forget_one(&mut self) {
        let (_, at) = *self.forgetting.front().expect("one is due");
        let row = *self.row(at);
        let mut link = self.owners[row.owner.place()];
        if link == at {
            self.owners[row.owner.place()] = row.next_of_owner;
        } else {
            while self.row(link).next_of_owner != at {
                link = self.row(link).next_of_owner;
            }
            self.rows[link as usize].next_of_owner = row.next_of_owner;
        }
        self.rows[at as usize].next_of_offer = self.free;
        self.free = at;
        self.live -= 1;
        if row.next_of_offer == NIL {
            self.forgetting.pop_front();
        } else if let Some(front) = self.forgetting.front_mut() {
            front.1 = row.next_of_offer;
        }
    }

    /// The rows of a chain, the newest first.
    pub(crate) fn chain(&self, first: u32) -> impl Iterator<Item = &Buyer> {
        let mut next = first;
        std::iter::from_fn(move || {
            let row = self.rows.get(next as usize)?;
            next = row.next_of_offer;
            Some(row)
        })
    }

    /// The chains of withdrawn offers, in the order in which they are forgotten.
    pub(crate) fn forgetting(&self) -> impl ExactSizeIterator<Item = (Time, u32)> {
        self.forgetting.iter().copied()
    }
}
