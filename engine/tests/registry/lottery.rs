//! Lotteries (section 22): all entries in a list, sorted by their numbers.
//!
//! Invariant: who wins is one list, made once. Not here: reserves (`registry::deals`).

use super::deals::{Deal, Moved};
use super::shop::Offering;
use super::*;
use RejectReason as R;
use State as S;
use sha2::{Digest, Sha256};

/// A lottery.
#[derive(Clone, Debug)]
pub struct Lot {
    pub commitment: [u8; 32],
    pub draw_by: i128,
    pub value: Option<[u8; 32]>,
    pub seed: Option<[u8; 32]>,
    /// Sequence, owner, pieces.
    pub all: Vec<(u64, OwnerId, u32)>,
    /// How many were counted, who won; nobody where it is void.
    pub counted: usize,
    pub won: Option<Vec<OwnerId>>,
}

fn sha(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

impl Lot {
    pub(super) fn of(course: Course) -> Option<Self> {
        let Course::Lottery {
            commitment,
            draw_by,
        } = course
        else {
            return None;
        };
        Some(Self {
            commitment,
            draw_by: i128::from(draw_by.nanoseconds()),
            value: None,
            seed: None,
            all: Vec::new(),
            counted: 0,
            won: None,
        })
    }

    fn entries(&self) -> [u8; 32] {
        self.all
            .iter()
            .fold([0; 32], |so_far, (at, owner, pieces)| {
                sha(&[
                    &so_far,
                    &at.to_le_bytes(),
                    &owner.index().to_le_bytes(),
                    &pieces.to_le_bytes(),
                ])
            })
    }

    fn winners(&self, draw: [u8; 32], count: usize, backwards: bool) -> Vec<OwnerId> {
        let number = |owner: &OwnerId| sha(&[&draw, &owner.index().to_le_bytes()]);
        let mut owners: Vec<_> = self.all.iter().map(|entry| entry.1).collect();
        owners.sort_by_key(number);
        if backwards {
            owners.reverse();
        }
        owners.truncate(count);
        owners
    }
}

impl Reference {
    /// What somebody entered is not made better or worse.
    pub(super) fn odds_stand(&self, offer: &Offering) -> Result<(), R> {
        let waits = offer.lottery.is_some() && self.entries(offer.id) > 0;
        fails(waits, R::OfferFixed)
    }

    fn lot(&self, id: OfferId) -> Result<(&Offering, Lot), R> {
        let known = self.offering(id).ok_or(R::UnknownOffer)?;
        Ok((known, known.lottery.clone().ok_or(R::UnknownOffer)?))
    }

    /// Whether the time for a draw has passed: gaps and halts put it off.
    fn is_over(&self, offer: &Offering, draw_by: i128) -> bool {
        let at = self.really(offer, draw_by);
        let venue = self.shops.terms[offer.terms].venue;
        let mut halted = self.shops.halted.iter();
        let waits = halted.any(|known| known.0 == venue && known.1 < at);
        at <= self.instant() && !waits
    }

    pub(super) fn bring_value(&mut self, bring: &BringValue) -> Result<SaleEvent, R> {
        let (known, mut lot) = self.lot(bring.offer)?;
        let early = known.prices.closes.is_none_or(|closes| self.time < closes);
        fails(early || self.is_over(known, lot.draw_by), R::Deadline)?;
        fails(lot.value.is_some(), R::AlreadyExists)?;
        fails(bring.source.as_str().is_empty(), R::InvalidField)?;
        lot.value = Some(bring.value);
        let id = known.id;
        self.offering_mut(id).expect("known").lottery = Some(lot);
        let (offer, value, source) = (bring.offer, bring.value, bring.source);
        let fact = LotteryFact::Value { value, source };
        Ok(SaleEvent::Lottery(LotteryReport { offer, fact }))
    }

    pub(super) fn reveal_seed(&mut self, reveal: &RevealSeed) -> Result<SaleEvent, R> {
        let (known, mut lot) = self.lot(reveal.offer)?;
        let late = self.is_over(known, lot.draw_by);
        fails(lot.value.is_none() || late, R::Deadline)?;
        fails(lot.seed.is_some(), R::AlreadyExists)?;
        let wrong = sha(&[&reveal.seed]) != lot.commitment;
        let loose = self.fault == Some(Fault::SeedUnchecked);
        fails(wrong && !loose, R::SeedMismatch)?;
        lot.seed = Some(reveal.seed);
        let id = known.id;
        self.offering_mut(id).expect("known").lottery = Some(lot);
        let (offer, seed) = (reveal.offer, reveal.seed);
        let fact = LotteryFact::Seed { seed };
        Ok(SaleEvent::Lottery(LotteryReport { offer, fact }))
    }

    /// An entry is due; whether it had its turn.
    pub(super) fn lottery_turn(&mut self, deal: &mut Deal, moved: &mut Moved) -> bool {
        let known = self.offering_mut(deal.offer).expect("it waits").clone();
        let mut lot = known.lottery.clone().expect("it is one");
        if lot.won.is_none() {
            let (Some(seed), Some(value)) = (lot.seed, lot.value) else {
                lot.won = Some(Vec::new());
                self.offering_mut(deal.offer).expect("it waits").lottery = Some(lot);
                let said = self.said(deal.offer, OfferAct::Void);
                self.out.push(Event::Sale(said));
                Self::undone(deal, moved);
                deal.state = S::Released;
                return true;
            };
            let entries = lot.entries();
            let draw = sha(&[&seed, &value, &entries]);
            let winners = ((known.left / known.prices.max) as usize).min(lot.all.len());
            if lot.counted == 0 {
                let (sequence, slot) = (known.id, 0);
                let offer = OfferId { sequence, slot };
                let winners = winners as u32;
                let fact = LotteryFact::Drawn {
                    entries,
                    draw,
                    winners,
                };
                let report = LotteryReport { offer, fact };
                self.out.push(Event::Sale(SaleEvent::Lottery(report)));
            }
            lot.counted += 1;
            if lot.counted == lot.all.len() {
                let backwards = self.fault == Some(Fault::LastWin);
                lot.won = Some(lot.winners(draw, winners, backwards));
            }
            self.offering_mut(deal.offer).expect("it waits").lottery = Some(lot);
            return false;
        }
        let owner = self.accounts[deal.buyer.place()].owner;
        if !lot.won.is_some_and(|won| won.contains(&owner)) {
            Self::undone(deal, moved);
            deal.state = S::Released;
            return true;
        }
        deal.state = S::Paid;
        let within = self.shops.terms[deal.terms].hand_over_within;
        deal.deadline = Some(self.instant() + i128::from(within.0));
        self.offering_mut(deal.offer).expect("it waits").left -= deal.pieces;
        true
    }
}
