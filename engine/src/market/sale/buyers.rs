//! How many pieces a beneficial owner took of an offer that has a limit.
//!
//! A row is found by its offer and its owner; those of an offer are a chain, so that they can be
//! forgotten part by part once it is withdrawn. The same rows tell the tickets of a queue and the
//! uses of a discount.
//!
//! Invariant: an owner has one row of an offer, and what it takes of others makes finding it no
//! slower; nothing is allocated after `new` but where an offer is withdrawn. Rejected: a map (an
//! allocation a row, on the path of reserves). Not here: limits.

use std::collections::VecDeque;

use crate::index::{self, Index};
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
    /// The one the offer remembered before it; of a free row the next free one.
    next_of_offer: u32,
}

/// All that is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Buyers {
    rows: Vec<Buyer>,
    index: Index,
    free: u32,
    live: u32,
    max: u32,
    /// Chains of withdrawn offers, with the times of the withdrawals.
    forgetting: VecDeque<(Time, u32)>,
}

impl Buyers {
    pub(super) fn new(max: u32) -> Self {
        Self {
            rows: Vec::with_capacity(max as usize),
            index: Index::new(max),
            free: NIL,
            live: 0,
            max,
            forgetting: VecDeque::new(),
        }
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
        self.index.find(hash_of(offer, owner), |at| {
            let row = self.row(at);
            row.offer == offer && row.owner == owner
        })
    }

    /// Whether there may be a row of an offer and an owner: looks where its search begins.
    pub(crate) fn is_begun(&self, offer: u64, owner: OwnerId) -> bool {
        self.index.is_begun(hash_of(offer, owner))
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
            next_of_offer: *chain,
        };
        let at = self.place(row);
        *chain = at;
        self.index.add(hash_of(offer, owner), at);
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
        let rows = &self.rows;
        self.index.remove(at, |at| {
            let row = &rows[at as usize];
            hash_of(row.offer, row.owner)
        });
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

    /// Whether the rows of these chains and of those to be forgotten are all, and each is found;
    /// for audits.
    pub(crate) fn are_all(&self, chains: impl Iterator<Item = u32>) -> bool {
        let forgetting = self.forgetting.iter().map(|(_, chain)| *chain);
        let rows = chains.chain(forgetting).flat_map(|first| self.chain(first));
        let mut count = 0;
        let mut found = true;
        for row in rows {
            count += 1;
            let at = self.find(row.offer, row.owner);
            found &= at.is_some_and(|at| std::ptr::eq(self.row(at), row));
        }
        found && count == self.live as usize && self.index.len() == count
    }
}

fn hash_of(offer: u64, owner: OwnerId) -> u64 {
    index::hash_of(offer, owner.index())
}
