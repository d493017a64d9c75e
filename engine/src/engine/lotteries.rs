//! Lotteries: what is brought in for the draw, and the draw itself, one entry at a time.
//!
//! Invariant: who wins is fixed before the first entry has its turn. Not here: the hashes
//! (`market::lottery`), what becomes of an entry (`engine::contracts::campaigns`).

use std::collections::BTreeSet;

use super::Engine;
use super::sales::fails;
use crate::command::{BringValue, RevealSeed};
use crate::event::{Event, Events, LotteryFact, LotteryReport, OfferAct, SaleEvent};
use crate::market::lottery::{self, Counting, Lottery, Progress};
use crate::market::sale::buyers::NIL;
use crate::reject::RejectReason as R;
use crate::types::{OfferId, Time};

/// Whether an entry may have its turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// The draw is over.
    Now,
    /// Another owner was counted instead.
    Later,
}

impl Engine {
    fn lottery_of(&self, offer: OfferId) -> Option<(&Lottery, Time)> {
        let known = self.sales.offer(offer)?;
        let lottery = self.sales.lottery(offer.slot)?;
        Some((lottery, known.closes.expect("a flash sale closes")))
    }

    /// Whether the time for a draw has passed: gaps in service and halts put it off.
    fn is_over(&self, offer: OfferId, lottery: &Lottery, now: Time) -> bool {
        let row = self.sales.row(offer.slot);
        let venue = self.sales.known(row.terms).terms.venue;
        let gaps = &self.contracts.gaps;
        gaps.has_passed(lottery.draw_by, offer.sequence, venue, now)
    }

    /// UNKNOWN_OFFER, DEADLINE, ALREADY_EXISTS, INVALID_FIELD.
    pub(super) fn check_value(&self, bring: &BringValue, time: Time) -> Result<(), R> {
        let (lottery, closes) = self.lottery_of(bring.offer).ok_or(R::UnknownOffer)?;
        let late = self.is_over(bring.offer, lottery, time);
        fails(time < closes || late, R::Deadline)?;
        fails(lottery.value.is_some(), R::AlreadyExists)?;
        fails(bring.source.is_empty(), R::InvalidField)
    }

    /// UNKNOWN_OFFER, DEADLINE, ALREADY_EXISTS, SEED_MISMATCH.
    pub(super) fn check_seed(&self, reveal: &RevealSeed, time: Time) -> Result<(), R> {
        let (lottery, _) = self.lottery_of(reveal.offer).ok_or(R::UnknownOffer)?;
        let early = lottery.value.is_none();
        let late = self.is_over(reveal.offer, lottery, time);
        fails(early || late, R::Deadline)?;
        fails(lottery.seed.is_some(), R::AlreadyExists)?;
        let right = lottery::opens(&reveal.seed, &lottery.commitment);
        fails(!right, R::SeedMismatch)
    }

    pub(super) fn bring_value(&mut self, bring: &BringValue) -> SaleEvent {
        self.sales.lottery_mut(bring.offer.slot).value = Some(bring.value);
        let (offer, value, source) = (bring.offer, bring.value, bring.source);
        let fact = LotteryFact::Value { value, source };
        SaleEvent::Lottery(LotteryReport { offer, fact })
    }

    pub(super) fn reveal_seed(&mut self, reveal: &RevealSeed) -> SaleEvent {
        self.sales.lottery_mut(reveal.offer.slot).seed = Some(reveal.seed);
        let (offer, seed) = (reveal.offer, reveal.seed);
        let fact = LotteryFact::Seed { seed };
        SaleEvent::Lottery(LotteryReport { offer, fact })
    }

    /// An entry of a lottery is due: the draw begins, or goes on by one owner, or is over.
    pub(super) fn draw_on(&mut self, offer: OfferId, events: &mut Events) -> Turn {
        let lottery = self
            .sales
            .lottery(offer.slot)
            .expect("an entry waits for it");
        match &lottery.progress {
            Progress::Drawn(_) | Progress::Void => return Turn::Now,
            Progress::Counting(_) => {}
            Progress::Open => {
                let Some(draw) = lottery.draw() else {
                    self.sales.lottery_mut(offer.slot).progress = Progress::Void;
                    let report = self.sales.report(offer.slot, OfferAct::Void);
                    events.push(Event::Sale(SaleEvent::Offer(report)));
                    return Turn::Now;
                };
                let row = self.sales.row(offer.slot);
                let (winners, next) = ((row.left / row.max).min(lottery.entries), row.buyers);
                let fact = LotteryFact::Drawn {
                    entries: lottery.entered,
                    draw,
                    winners,
                };
                events.push(Event::Sale(SaleEvent::Lottery(LotteryReport {
                    offer,
                    fact,
                })));
                let lottery = self.sales.lottery_mut(offer.slot);
                lottery.drawn = draw;
                lottery.progress = Progress::Counting(Counting {
                    winners,
                    counted: 0,
                    next,
                    best: BTreeSet::new(),
                });
            }
        }
        self.count_one(offer.slot);
        Turn::Later
    }

    fn count_one(&mut self, slot: u32) {
        let lottery = self.sales.lottery(slot).expect("an entry waits for it");
        let Progress::Counting(counting) = &lottery.progress else {
            unreachable!("owners are counted");
        };
        let draw = lottery.drawn;
        let (owner, next) = self.sales.buyers.step(counting.next);
        let lottery = self.sales.lottery_mut(slot);
        if let Progress::Counting(counting) = &mut lottery.progress {
            counting.count(&draw, owner, next);
            if next == NIL {
                lottery.progress = Progress::Drawn(counting.best.last().copied());
            }
        }
    }
}
