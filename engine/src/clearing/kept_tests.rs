//! Any order of calls: nothing kept is lost or made, and what is frozen stays.

use super::*;
use crate::clearing::ledger::Holder;
use crate::limits::Limits;
use crate::types::{AccountId, AssetId, CustodianId};

const ACCOUNTS: usize = 3;
const ISSUED: i64 = 1_000;

/// A few accounts with goods, what objects keep of them, and what was ever done.
struct Yard {
    ledger: Ledger,
    places: Vec<Place>,
    custodian: Place,
    kept: Vec<Kept>,
    created: i64,
    captured: i64,
    released: i64,
    random: u64,
}

impl Yard {
    fn new(seed: u64) -> Self {
        let limits = Limits {
            positions_max: 8,
            accounts_max: 8,
            ..Limits::default()
        };
        let mut ledger = Ledger::new(&limits);
        let asset = AssetId::new(0);
        let custodian = ledger.open(Holder::Custodian(CustodianId::new(0)), asset);
        let accounts = (0..ACCOUNTS as u32).map(AccountId::new);
        let places: Vec<_> = accounts
            .map(|account| ledger.open(Holder::Account(account), asset))
            .collect();
        for place in &places {
            ledger.issue(custodian, ISSUED, *place);
        }
        Self {
            ledger,
            places,
            custodian,
            kept: Vec::new(),
            created: 0,
            captured: 0,
            released: 0,
            random: seed,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) as usize % end
    }

    /// Another object than `one`, thawed, if there is one.
    fn other(&mut self, one: usize) -> Option<usize> {
        let other = self.below(self.kept.len());
        (other != one && !self.kept[other].is_frozen()).then_some(other)
    }

    fn step(&mut self) {
        let account = self.below(ACCOUNTS);
        let place = self.places[account];
        let available = self.ledger.position(place).available;
        if self.kept.is_empty() || self.below(4) == 0 && self.kept.len() < 20 {
            let amount = self.below(available as usize + 1) as i64;
            let kept = self.ledger.keep(place, amount);
            self.created += amount;
            self.kept.push(kept);
            return;
        }
        let at = self.below(self.kept.len());
        let act = self.below(7);
        if self.kept[at].is_frozen() {
            if act < 2 {
                self.kept[at].thaw();
            }
            return;
        }
        let amount = self.below(self.kept[at].amount() as usize + 1) as i64;
        match act {
            0 => {
                self.ledger.let_go(&mut self.kept[at], amount);
                self.released += amount;
            }
            1 if amount > 0 => {
                self.ledger
                    .hand_out(&mut self.kept[at], amount, self.custodian);
                self.captured += amount;
            }
            2 => {
                let part = self.kept[at].split(amount);
                self.kept.push(part);
            }
            3 => {
                let mut to = Kept::nothing(place);
                self.ledger.pass(&mut self.kept[at], amount, &mut to);
                self.kept.push(to);
            }
            4 => {
                if let Some(other) = self.other(at) {
                    let mut to = self.kept[other];
                    self.ledger.pass(&mut self.kept[at], amount, &mut to);
                    self.kept[other] = to;
                }
            }
            5 => self.kept[at].freeze(),
            _ => self.kept.retain(|kept| kept.amount() > 0),
        }
    }

    fn check(&self) {
        let remaining: i64 = self.kept.iter().map(Kept::amount).sum();
        let gone = self.captured + self.released;
        assert_eq!(self.created, gone + remaining);
        for place in &self.places {
            let own = self.kept.iter().filter(|kept| kept.at() == *place);
            let position = self.ledger.position(*place);
            assert_eq!(position.held, own.map(Kept::amount).sum::<i64>());
            assert!(position.available >= 0);
        }
        let inside = self
            .places
            .iter()
            .map(|at| self.ledger.position(*at).balance());
        let outside = -self.ledger.position(self.custodian).available;
        assert_eq!(inside.sum::<i64>(), outside);
        assert_eq!(outside, ISSUED * ACCOUNTS as i64 - self.captured);
    }
}

#[test]
fn created_is_captured_and_released_and_remaining_whatever_is_done() {
    let mut done = [0; 3];
    for seed in 1..=200 {
        let mut yard = Yard::new(seed * 7_919);
        for _ in 0..500 {
            yard.step();
            yard.check();
        }
        let sums = [yard.created, yard.captured, yard.released];
        for (all, sum) in done.iter_mut().zip(sums) {
            *all += sum;
        }
    }
    assert!(done.iter().all(|sum| *sum > 10_000), "all is met: {done:?}");
}

#[test]
fn what_is_frozen_moves_nowhere() {
    let acts: [fn(&mut Yard, &mut Kept); 5] = [
        |yard, kept| yard.ledger.let_go(kept, 1),
        |yard, kept| yard.ledger.hand_out(kept, 1, yard.custodian),
        |_, kept| {
            kept.split(1);
        },
        |yard, kept| {
            let mut to = Kept::nothing(yard.places[1]);
            yard.ledger.pass(kept, 1, &mut to);
        },
        |yard, kept| {
            let mut from = yard.ledger.keep(yard.places[1], 1);
            yard.ledger.pass(&mut from, 1, kept);
        },
    ];
    for (at, act) in acts.into_iter().enumerate() {
        let mut yard = Yard::new(1);
        let mut kept = yard.ledger.keep(yard.places[0], 10);
        kept.freeze();
        let run = std::panic::AssertUnwindSafe(|| act(&mut yard, &mut kept));
        assert!(std::panic::catch_unwind(run).is_err(), "act {at}");
        let mut yard = Yard::new(1);
        let mut kept = yard.ledger.keep(yard.places[0], 10);
        kept.freeze();
        kept.thaw();
        act(&mut yard, &mut kept);
    }
}
