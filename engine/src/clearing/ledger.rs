//! The ledger: positions, and the calls by which amounts move between them.
//!
//! Invariant: each call moves what it takes, so the positions of an asset always sum to zero; of
//! an account or a venue, `available` and `held` are never below zero. Of a custodian `available`
//! is minus what it holds outside, of an account's credit minus what is drawn; what lies so below
//! zero is in circulation. Of a receivable it is minus what the account owes, counted apart. Both
//! together bound every sum. A position with credit, or of a seller that owes by contracts, whose
//! available part grew is listed, so that both repay once a command. An account's positions are a
//! chain, mostly a handful long, walked once when an order is entered, and the order's hold keeps
//! both places; only behind its first few is a position looked up in a table. Rejected: the table
//! for all (a hash on every order).
//! Not here: why something moves (`orders`, `custody`).

use std::collections::BTreeMap;

use super::whereabouts::Whereabouts;
use crate::limits::Limits;
use crate::types::{AccountId, Amount, AssetId, CustodianId, InstrumentId, ShardId, VenueId};

/// No position.
const NIL: u32 = u32::MAX;
/// So many positions of an account are walked, the newest first, before the table is asked: what
/// walking them costs is about what the table does.
const NEAR: usize = 8;

/// Whose a position is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Holder {
    /// An account.
    Account(AccountId),
    /// What a venue took in fees.
    Venue(VenueId),
    /// A custodian, with the opposite sign.
    Custodian(CustodianId),
    /// What an account owes since a bust or a correction, with the opposite sign.
    Receivable(AccountId),
    /// What is lent to an account, with the opposite sign.
    Credit(AccountId),
    /// What went to another shard, less what came from it.
    Transit(ShardId),
    /// Where the marks of a margin forward collect losses and pay gains from.
    Clearing(InstrumentId),
}

impl Holder {
    /// Whether it stands for what is outside the accounts and the venues: it holds nothing, and
    /// what it has below zero is in circulation.
    pub const fn is_outside(self) -> bool {
        match self {
            Self::Account(_) | Self::Venue(_) | Self::Receivable(_) | Self::Clearing(_) => false,
            Self::Custodian(_) | Self::Credit(_) | Self::Transit(_) => true,
        }
    }
}

/// A holder's kind, beside its handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Kind {
    Account,
    Venue,
    Custodian,
    Receivable,
    Credit,
    Transit,
    Clearing,
}

/// The account has credit in the asset.
const CREDIT: u8 = 1;
/// It is listed since it changed in this command.
const TOUCHED: u8 = 2;
/// The account is the seller of contracts by which it owes of the asset.
const OWES: u8 = 4;

/// What a holder has of an asset, in minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(align(32))]
pub struct Position {
    /// Free to use.
    pub available: i64,
    /// Set aside for orders and withdrawals.
    pub held: i64,
    kind: Kind,
    /// [`CREDIT`], [`OWES`], [`TOUCHED`]; zero of all positions without credit or such contracts.
    marks: u8,
    handle: u32,
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
        match self.kind {
            Kind::Account => Holder::Account(AccountId::new(self.handle)),
            Kind::Venue => Holder::Venue(VenueId::new(self.handle)),
            Kind::Custodian => Holder::Custodian(CustodianId::new(self.handle)),
            Kind::Receivable => Holder::Receivable(AccountId::new(self.handle)),
            Kind::Credit => Holder::Credit(AccountId::new(self.handle)),
            Kind::Transit => Holder::Transit(ShardId::new(self.handle)),
            Kind::Clearing => Holder::Clearing(InstrumentId::new(self.handle)),
        }
    }

    /// Whether its account has credit in its asset.
    #[inline]
    pub(crate) const fn has_credit(&self) -> bool {
        self.marks & CREDIT != 0
    }

    /// Whether its account owes of its asset by contracts it sold by.
    pub(crate) const fn owes(&self) -> bool {
        self.marks & OWES != 0
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
    /// All positions of accounts.
    whereabouts: Whereabouts,
    /// Of all but accounts: looked up only by rare commands.
    others: BTreeMap<(Holder, AssetId), Place>,
    /// What lies below zero, by asset.
    circulation: Vec<i64>,
    /// What all accounts owe, by asset.
    owed: Vec<i64>,
    /// Positions with credit, or of who owes, whose available part grew in this command.
    touched: Vec<Place>,
    max: u32,
}

impl Ledger {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            positions: Vec::with_capacity(limits.positions_max as usize),
            accounts: Vec::with_capacity(limits.accounts_max as usize),
            whereabouts: Whereabouts::new(limits.positions_max),
            others: BTreeMap::new(),
            circulation: Vec::new(),
            owed: Vec::with_capacity(limits.assets_max as usize),
            touched: Vec::with_capacity(limits.credits_max as usize + limits.owing_max as usize),
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
            (position.holder() == Holder::Account(account)).then_some((number, position))
        })
    }

    /// The positions of all but accounts in order of holder and asset, from that one on.
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
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "asked of each plain order; measured")]
    pub(crate) fn find_pair(&self, account: AccountId, one: AssetId, other: AssetId) -> [Place; 2] {
        let mut found = [Place::NONE; 2];
        let mut next = self
            .accounts
            .get(account.place())
            .map_or(NIL, |first| *first);
        for _ in 0..NEAR {
            let Some(position) = self.positions.get(next as usize) else {
                return found;
            };
            if position.asset == one {
                found[0] = Place(next);
            } else if position.asset == other {
                found[1] = Place(next);
            }
            if !found.contains(&Place::NONE) {
                return found;
            }
            next = position.next;
        }
        [one, other].map(|asset| {
            let far = self.whereabouts.find(&self.positions, account, asset);
            far.unwrap_or(Place::NONE)
        })
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
        for _ in 0..NEAR {
            let position = self.positions.get(next as usize)?;
            if position.asset == asset {
                return Some(Place(next));
            }
            next = position.next;
        }
        self.whereabouts.find(&self.positions, account, asset)
    }

    /// Whether a position of this ledger is found by whose it is, an account's by the table.
    pub(super) fn is_found(&self, position: &Position) -> bool {
        let asset = position.asset;
        let found = if let Holder::Account(account) = position.holder() {
            self.whereabouts.find(&self.positions, account, asset)
        } else {
            self.find(position.holder(), asset)
        };
        found.is_some_and(|place| std::ptr::eq(self.position(place), position))
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
            let key = (account, asset);
            self.whereabouts.add(&self.positions, key, Place(index));
        } else {
            self.others.insert((holder, asset), Place(index));
        }
        let (kind, handle) = match holder {
            Holder::Account(id) => (Kind::Account, id.index()),
            Holder::Venue(id) => (Kind::Venue, id.index()),
            Holder::Custodian(id) => (Kind::Custodian, id.index()),
            Holder::Receivable(id) => (Kind::Receivable, id.index()),
            Holder::Credit(id) => (Kind::Credit, id.index()),
            Holder::Transit(id) => (Kind::Transit, id.index()),
            Holder::Clearing(id) => (Kind::Clearing, id.index()),
        };
        self.positions.push(Position {
            available: 0,
            held: 0,
            kind,
            marks: 0,
            handle,
            asset,
            next,
        });
        Place(index)
    }

    /// Puts a position back as it was, for a snapshot; false where more would be in circulation
    /// than there may be.
    pub(super) fn restore(
        &mut self,
        (holder, asset): (Holder, AssetId),
        available: i64,
        held: i64,
    ) -> bool {
        let place = self.add(holder, asset);
        let position = &mut self.positions[place.0 as usize];
        (position.available, position.held) = (available, held);
        if let Holder::Receivable(_) = holder {
            self.owe(asset, -available);
        }
        if !holder.is_outside() {
            return true;
        }
        let below = below(available);
        let fits = below <= Amount::MAX_UNITS - self.circulation(asset).units();
        if fits {
            self.circulate(asset, below);
        }
        fits
    }

    fn circulate(&mut self, asset: AssetId, by: i64) {
        if asset.place() >= self.circulation.len() {
            self.circulation.resize(asset.place() + 1, 0);
        }
        self.circulation[asset.place()] += by;
    }

    fn owe(&mut self, asset: AssetId, by: i64) {
        if asset.place() >= self.owed.len() {
            self.owed.resize(asset.place() + 1, 0);
        }
        self.owed[asset.place()] += by;
    }

    /// Changes what somebody outside has, and with it what is in circulation.
    fn change_outside(&mut self, outside: Place, by: i64) {
        let position = &mut self.positions[outside.0 as usize];
        assert!(
            position.holder().is_outside(),
            "only what is outside changes what there is: {position:?}"
        );
        let before = below(position.available);
        position.available += by;
        let (asset, after) = (position.asset, below(position.available));
        self.circulate(asset, after - before);
    }

    /// Says that an account has credit in the asset of this position.
    pub(super) fn mark_credit(&mut self, place: Place) {
        self.positions[place.0 as usize].marks |= CREDIT;
    }

    /// Says that an account owes of the asset of this position by contracts.
    pub(crate) fn mark_owes(&mut self, place: Place) {
        self.positions[place.0 as usize].marks |= OWES;
    }

    /// It does no more.
    pub(crate) fn clear_owes(&mut self, place: Place) {
        self.positions[place.0 as usize].marks &= !OWES;
    }

    /// Whether something became available to who owes by a contract.
    #[inline]
    pub(crate) fn is_owing_touched(&self) -> bool {
        let owes = |place: &Place| self.position(*place).owes();
        self.touched.iter().any(owes)
    }

    /// As [`Ledger::touch`], if anything moved. Apart, so that nobody asks whether it did before.
    #[cold]
    #[inline(never)]
    fn touch_moved(&mut self, place: Place, moved: i64) {
        if moved != 0 {
            self.touch(place);
        }
    }

    /// Lists a marked position, once a command: what it has may have to be repaid.
    #[cold]
    pub(super) fn touch(&mut self, place: Place) {
        let marks = &mut self.positions[place.0 as usize].marks;
        if *marks & TOUCHED == 0 {
            *marks |= TOUCHED;
            self.touched.push(place);
        }
    }

    /// Whether a position is listed.
    #[inline]
    pub(super) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// The listed positions by account and asset. They are listed no more; the list comes back by
    /// [`Ledger::give_back`].
    pub(super) fn take_touched(&mut self) -> Vec<Place> {
        let mut touched = std::mem::take(&mut self.touched);
        for place in &touched {
            self.positions[place.0 as usize].marks &= !TOUCHED;
        }
        touched.sort_unstable_by_key(|place| {
            let position = self.position(*place);
            (position.handle, position.asset)
        });
        touched
    }

    /// Keeps the room of the list.
    pub(super) fn give_back(&mut self, mut touched: Vec<Place>) {
        touched.clear();
        self.touched = touched;
    }

    #[cfg(test)]
    pub(crate) fn spoil(&mut self, place: Place) {
        self.positions[place.0 as usize].held += 1;
    }

    /// Sets `amount` aside.
    #[inline]
    pub(crate) fn hold(&mut self, place: Place, amount: i64) {
        let position = &mut self.positions[place.0 as usize];
        if !(0..=position.available).contains(&amount) {
            fault("what is held was available", amount, position);
        }
        position.available -= amount;
        position.held += amount;
    }

    /// Frees `amount` of what was set aside.
    #[inline]
    pub(crate) fn release(&mut self, place: Place, amount: i64) {
        let position = &mut self.positions[place.0 as usize];
        if !(0..=position.held).contains(&amount) {
            fault("what is released was held", amount, position);
        }
        position.held -= amount;
        position.available += amount;
        if position.marks != 0 {
            self.touch(place);
        }
    }

    /// Sets `more` aside, or frees what it is below zero.
    #[inline]
    pub(crate) fn shift(&mut self, place: Place, more: i64) {
        // No way out for nothing: whether goods or money move is anybody's guess.
        let position = &mut self.positions[place.0 as usize];
        position.available -= more;
        position.held += more;
        if position.available < 0 || position.held < 0 {
            fault(
                "what is held was available, what is freed was held",
                more,
                position,
            );
        }
        if position.marks != 0 {
            self.touch_moved(place, more);
        }
    }

    /// Whether an amount can be set aside here with nothing to repay afterwards.
    #[inline]
    pub(crate) fn has_plainly(&self, place: Place, amount: i64) -> bool {
        let position = self.positions.get(place.0 as usize);
        position.is_some_and(|one| one.marks == 0 && amount <= one.available)
    }

    /// As [`Ledger::hold`], of what `has_plainly` answered for: it calls nobody.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "copied into the short way of an order; measured"
    )]
    pub(crate) fn hold_plainly(&mut self, place: Place, amount: i64) {
        let position = &mut self.positions[place.0 as usize];
        position.available -= amount;
        position.held += amount;
        if position.available < 0 || amount < 0 {
            fault("what is held was available", amount, position);
        }
    }

    /// Moves `amount` of what was set aside to another position of the same asset.
    #[inline]
    pub(crate) fn capture_to(&mut self, from: Place, amount: i64, to: Place) {
        let source = &mut self.positions[from.0 as usize];
        let asset = source.asset;
        if !(0..=source.held).contains(&amount) {
            fault("what is captured was held", amount, source);
        }
        source.held -= amount;
        let target = &mut self.positions[to.0 as usize];
        assert!(target.asset == asset, "an amount stays in its asset");
        target.available += amount;
        if target.marks != 0 {
            self.touch(to);
        }
    }

    /// Moves `amount` of what was set aside to what is set aside at another position of the same
    /// asset; it is never available in between.
    pub(super) fn move_held(&mut self, from: Place, amount: i64, to: Place) {
        let source = &mut self.positions[from.0 as usize];
        let asset = source.asset;
        assert!(
            (0..=source.held).contains(&amount),
            "what moves on was held: {amount} of {source:?}"
        );
        source.held -= amount;
        let target = &mut self.positions[to.0 as usize];
        assert!(target.asset == asset, "an amount stays in its asset");
        target.held += amount;
    }

    /// An account owes `amount` to whom it goes.
    pub(crate) fn lend(&mut self, receivable: Place, amount: i64, to: Place) {
        assert!(amount >= 0, "nobody owes less than nothing");
        self.hand_over(receivable, amount, to);
        self.owe(self.position(to).asset, amount);
    }

    /// An account pays back `amount` of what it owes.
    pub(crate) fn repay(&mut self, from: Place, amount: i64, receivable: Place) {
        self.give(from, amount, receivable);
        let after = self.position(receivable);
        assert!(after.available <= 0, "no more is paid back than is owed");
        self.owe(after.asset, -amount);
    }

    fn hand_over(&mut self, from: Place, amount: i64, to: Place) {
        let asset = self.position(from).asset;
        self.positions[from.0 as usize].available -= amount;
        let target = &mut self.positions[to.0 as usize];
        assert!(target.asset == asset, "an amount stays in its asset");
        target.available += amount;
        if target.marks != 0 {
            self.touch(to);
        }
    }

    /// Somebody outside (a custodian that received it, credit, another shard) brings `amount` to
    /// an account.
    pub(crate) fn issue(&mut self, outside: Place, amount: i64, to: Place) {
        assert!(amount > 0, "an amount above zero is issued");
        let asset = self.position(outside).asset;
        let target = &mut self.positions[to.0 as usize];
        assert!(target.asset == asset, "an amount stays in its asset");
        target.available += amount;
        if target.marks != 0 {
            self.touch(to);
        }
        self.change_outside(outside, -amount);
    }

    /// A custodian handed out `amount` of what was set aside.
    pub(crate) fn retire(&mut self, from: Place, amount: i64, custodian: Place) {
        assert!(amount > 0, "an amount above zero is retired");
        let asset = self.position(custodian).asset;
        let source = &mut self.positions[from.0 as usize];
        assert!(source.asset == asset, "an amount stays in its asset");
        assert!(
            (0..=source.held).contains(&amount),
            "what is retired was held: {amount} of {source:?}"
        );
        source.held -= amount;
        self.change_outside(custodian, amount);
    }

    /// What all accounts owe of an asset.
    pub fn owed(&self, asset: AssetId) -> i64 {
        self.owed.get(asset.place()).copied().unwrap_or(0)
    }

    /// Takes `amount` of what is available out of an account, to somebody outside.
    pub(crate) fn take_out(&mut self, from: Place, amount: i64, outside: Place) {
        self.hold(from, amount);
        self.retire(from, amount, outside);
    }

    /// Moves `amount` of what is available to another account.
    pub(crate) fn give(&mut self, from: Place, amount: i64, to: Place) {
        self.hold(from, amount);
        self.capture_to(from, amount, to);
    }

    /// What of an asset is in circulation: what lies below zero at custodians, credit and transit,
    /// and so what all others have of it.
    pub fn circulation(&self, asset: AssetId) -> Amount {
        let sum = self.circulation.get(asset.place()).copied().unwrap_or(0);
        Amount::new(sum).expect("what adds to it is checked against the bound")
    }

    /// How much more of an asset there may be: what is owed is in accounts too.
    pub fn free(&self, asset: AssetId) -> i64 {
        Amount::MAX_UNITS - self.circulation(asset).units() - self.owed(asset)
    }
}

/// Stops the process. Apart, and given values: what only a panic says is not kept in memory for it.
#[cold]
#[inline(never)]
fn fault(broken: &str, amount: i64, position: &Position) -> ! {
    panic!("{broken}: {amount} of {position:?}")
}

/// How far an amount lies below zero.
const fn below(amount: i64) -> i64 {
    if amount < 0 { -amount } else { 0 }
}
