//! The ledger: positions, and the calls by which amounts move between them.
//!
//! Invariant: each call moves what it takes, so the positions of an asset always sum to zero; of
//! an account or a venue, `available` and `held` are never below zero. Of a custodian `available`
//! is minus what it holds outside, so what is in circulation bounds every sum. Rejected: a map
//! from (account, asset) to position (a hash on every order); an account's positions are a chain,
//! a handful long, walked once when an order is entered, and the order's hold keeps both places.
//! Not here: why something moves (`orders`, `custody`).

use std::collections::BTreeMap;

use crate::limits::Limits;
use crate::types::{AccountId, Amount, AssetId, CustodianId, VenueId};

/// No position.
const NIL: u32 = u32::MAX;

/// Whose a position is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Holder {
    /// An account.
    Account(AccountId),
    /// What a venue took in fees.
    Venue(VenueId),
    /// A custodian, with the opposite sign.
    Custodian(CustodianId),
}

/// What a holder has of an asset, in minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Free to use.
    pub available: i64,
    /// Set aside for orders and withdrawals.
    pub held: i64,
    holder: Holder,
    asset: AssetId,
    /// The next position of the same account.
    next: u32,
}

const _: () = assert!(
    size_of::<Position>() == 32,
    "two positions are one cache line"
);

impl Position {
    /// Whose it is.
    pub const fn holder(&self) -> Holder {
        self.holder
    }

    /// Of what.
    pub const fn asset(&self) -> AssetId {
        self.asset
    }

    /// Both parts.
    pub const fn balance(&self) -> i64 {
        self.available + self.held
    }
}

/// A position's place; it never moves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place(u32);

impl Place {
    /// No position.
    pub(crate) const NONE: Self = Self(NIL);

    pub(crate) const fn new(index: u32) -> Self {
        Self(index)
    }

    pub(crate) const fn index(self) -> u32 {
        self.0
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0 == NIL
    }
}

/// All positions of a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ledger {
    positions: Vec<Position>,
    /// The first position of each account.
    accounts: Vec<u32>,
    /// Of venues and custodians: few, and looked up only by operators' commands.
    others: BTreeMap<(Holder, AssetId), Place>,
    /// What all custodians hold, by asset.
    circulation: Vec<i64>,
    max: u32,
}

impl Ledger {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            positions: Vec::with_capacity(limits.positions_max as usize),
            accounts: Vec::with_capacity(limits.accounts_max as usize),
            others: BTreeMap::new(),
            circulation: Vec::new(),
            max: limits.positions_max,
        }
    }

    /// All positions in the order in which they came into being.
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// The positions of an account, the newest first.
    pub fn of_account(&self, account: AccountId) -> impl Iterator<Item = &Position> {
        self.of_account_from(account, None)
            .map(|(_, position)| position)
    }

    /// The positions of an account with their numbers, the newest first: all, or from one of its
    /// numbers on. A number stays; one of another holder gives nothing.
    pub fn of_account_from(
        &self,
        account: AccountId,
        from: Option<u32>,
    ) -> impl Iterator<Item = (u32, &Position)> {
        let first = || self.accounts.get(account.place()).copied();
        let mut next = from.or_else(first).unwrap_or(NIL);
        std::iter::from_fn(move || {
            let number = next;
            let position = self.positions.get(number as usize)?;
            next = position.next;
            (position.holder == Holder::Account(account)).then_some((number, position))
        })
    }

    /// The positions of venues and custodians in order of holder and asset, from that one on.
    pub fn of_others_from(
        &self,
        from: (Holder, AssetId),
    ) -> impl Iterator<Item = ((Holder, AssetId), &Position)> {
        let others = self.others.range(from..);
        others.map(|(key, place)| (*key, self.position(*place)))
    }

    /// A position by its place.
    #[inline]
    pub(crate) fn position(&self, place: Place) -> &Position {
        &self.positions[place.0 as usize]
    }

    /// What is free to use at a place; nothing at none.
    #[inline]
    pub(crate) fn available(&self, place: Place) -> i64 {
        let position = self.positions.get(place.0 as usize);
        position.map_or(0, |position| position.available)
    }

    /// Where an account has two assets, by one walk; none where it never had.
    #[inline]
    pub(crate) fn find_pair(&self, account: AccountId, one: AssetId, other: AssetId) -> [Place; 2] {
        let mut found = [Place::NONE; 2];
        let mut next = self
            .accounts
            .get(account.place())
            .map_or(NIL, |first| *first);
        while found.contains(&Place::NONE)
            && let Some(position) = self.positions.get(next as usize)
        {
            if position.asset == one {
                found[0] = Place(next);
            } else if position.asset == other {
                found[1] = Place(next);
            }
            next = position.next;
        }
        found
    }

    /// How many more positions there may be.
    #[inline]
    pub(crate) fn room(&self) -> u32 {
        self.max - self.positions.len() as u32
    }

    /// Where `holder` has `asset`, if it ever had.
    #[inline]
    pub(crate) fn find(&self, holder: Holder, asset: AssetId) -> Option<Place> {
        let Holder::Account(account) = holder else {
            return self.others.get(&(holder, asset)).copied();
        };
        let mut next = *self.accounts.get(account.place())?;
        while next != NIL {
            let position = &self.positions[next as usize];
            if position.asset == asset {
                return Some(Place(next));
            }
            next = position.next;
        }
        None
    }

    /// Where `holder` has `asset`, made if it never had; the caller checked the room.
    #[inline]
    pub(crate) fn open(&mut self, holder: Holder, asset: AssetId) -> Place {
        match self.find(holder, asset) {
            Some(place) => place,
            None => self.add(holder, asset),
        }
    }

    fn add(&mut self, holder: Holder, asset: AssetId) -> Place {
        assert!(self.room() > 0, "the bound is checked before");
        let index = self.positions.len() as u32;
        let mut next = NIL;
        if let Holder::Account(account) = holder {
            if account.place() >= self.accounts.len() {
                self.accounts.resize(account.place() + 1, NIL);
            }
            next = std::mem::replace(&mut self.accounts[account.place()], index);
        } else {
            self.others.insert((holder, asset), Place(index));
        }
        self.positions.push(Position {
            available: 0,
            held: 0,
            holder,
            asset,
            next,
        });
        Place(index)
    }

    /// Puts a position back as it was, for a snapshot.
    pub(super) fn restore(&mut self, holder: Holder, asset: AssetId, available: i64, held: i64) {
        let place = self.add(holder, asset);
        let position = &mut self.positions[place.0 as usize];
        (position.available, position.held) = (available, held);
        if matches!(holder, Holder::Custodian(_)) {
            self.circulate(asset, -available);
        }
    }

    fn circulate(&mut self, asset: AssetId, by: i64) {
        if asset.place() >= self.circulation.len() {
            self.circulation.resize(asset.place() + 1, 0);
        }
        self.circulation[asset.place()] += by;
    }

    /// Sets `amount` aside.
    #[inline]
    pub(crate) fn hold(&mut self, place: Place, amount: i64) {
        let position = &mut self.positions[place.0 as usize];
        assert!(
            (0..=position.available).contains(&amount),
            "what is held was available: {amount} of {position:?}"
        );
        position.available -= amount;
        position.held += amount;
    }

    /// Frees `amount` of what was set aside.
    #[inline]
    pub(crate) fn release(&mut self, place: Place, amount: i64) {
        let position = &mut self.positions[place.0 as usize];
        assert!(
            (0..=position.held).contains(&amount),
            "what is released was held: {amount} of {position:?}"
        );
        position.held -= amount;
        position.available += amount;
    }

    /// Sets `more` aside, or frees what it is below zero.
    #[inline]
    pub(crate) fn shift(&mut self, place: Place, more: i64) {
        if more == 0 {
            return;
        }
        let position = &mut self.positions[place.0 as usize];
        position.available -= more;
        position.held += more;
        assert!(
            position.available >= 0 && position.held >= 0,
            "what is held was available, what is released was held: {more} gives {position:?}"
        );
    }

    /// Moves `amount` of what was set aside to another position of the same asset.
    #[inline]
    pub(crate) fn capture_to(&mut self, from: Place, amount: i64, to: Place) {
        let source = &mut self.positions[from.0 as usize];
        let asset = source.asset;
        assert!(
            (0..=source.held).contains(&amount),
            "what is captured was held: {amount} of {source:?}"
        );
        source.held -= amount;
        let target = &mut self.positions[to.0 as usize];
        assert!(target.asset == asset, "an amount stays in its asset");
        target.available += amount;
    }

    /// A custodian received `amount` for an account.
    pub(crate) fn issue(&mut self, custodian: Place, amount: i64, to: Place) {
        assert!(amount > 0, "an amount above zero is issued");
        let asset = self.position(to).asset;
        self.positions[to.0 as usize].available += amount;
        let source = &mut self.positions[custodian.0 as usize];
        assert!(source.asset == asset, "an amount stays in its asset");
        source.available -= amount;
        self.circulate(asset, amount);
    }

    /// A custodian handed out `amount` of what was set aside.
    pub(crate) fn retire(&mut self, from: Place, amount: i64, custodian: Place) {
        assert!(amount > 0, "an amount above zero is retired");
        let asset = self.position(from).asset;
        self.capture_to(from, amount, custodian);
        self.circulate(asset, -amount);
    }

    /// What all custodians hold of an asset.
    pub fn circulation(&self, asset: AssetId) -> Amount {
        let sum = self.circulation.get(asset.place()).copied().unwrap_or(0);
        Amount::new(sum).expect("acknowledgements are checked against the bound")
    }
}
