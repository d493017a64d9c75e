//! Busts and corrections (section 15): trades are a list, what is too old is looked up anew.
//!
//! Invariant: as in `ledger`; what is owed is a sum of postings like any other. Not here: fees of
//! fills (`reference::ledger`).

use super::*;
use crate::reference::ledger::{CIRCULATION_MAX, Holder, small};
use RejectReason as R;

/// A trade as it stands.
#[derive(Clone, Debug)]
pub struct Kept {
    pub trade: TradeRef,
    pub time: Time,
    pub instrument: usize,
    pub price: i64,
    pub quantity: i64,
    pub aggressor: Option<Side>,
    pub accounts: [AccountId; 2],
    pub orders: [u64; 2],
    pub fees: [i128; 2],
    pub rates: [FeeRates; 2],
    pub cleared: Option<Cleared>,
    pub busted: bool,
    /// The count of its venue's days.
    pub day: u32,
}

/// The trades that are kept, and what decides which are too old.
#[derive(Default)]
pub struct Trades {
    pub kept: Vec<Kept>,
    pub forgotten: Option<TradeRef>,
    /// Venue and command of every day roll.
    pub rolls: Vec<(usize, Sequence)>,
    /// The civil day of the last command.
    day: Option<i64>,
}

/// Price, quantity, value and fees.
#[derive(Clone, Copy)]
struct Stand {
    price: i64,
    quantity: i64,
    value: i128,
    fees: [i128; 2],
}

/// Days since 1970 at UTC+8.
fn civil(time: Time) -> i64 {
    (time.nanoseconds() + 8 * 3_600_000_000_000).div_euclid(86_400_000_000_000)
}

impl Reference {
    /// A command comes: a civil day may begin.
    pub(in crate::reference) fn date(&mut self) {
        let day = Some(civil(self.time));
        if self.trades.day != day {
            self.trades.day = day;
            self.sweep();
        }
    }

    /// Forgets the oldest trades while they are too old.
    pub(super) fn sweep(&mut self) {
        let old = |kept: &Kept| self.too_old(kept);
        let keep = self.trades.kept.iter().position(|kept| !old(kept));
        let keep = keep.unwrap_or(self.trades.kept.len());
        for kept in self.trades.kept.drain(..keep) {
            self.trades.forgotten = Some(kept.trade);
        }
    }

    fn too_old(&self, kept: &Kept) -> bool {
        let v = self.instruments[kept.instrument].venue;
        if self.venues[v].calendar.is_none() {
            return civil(self.time) - civil(kept.time) >= 2;
        }
        let after = |roll: &&(usize, Sequence)| roll.0 == v && roll.1 > kept.trade.sequence;
        self.trades.rolls.iter().filter(after).count() >= 2
    }

    /// A trade was made; the event is about to be given.
    pub(in crate::reference) fn keep(
        &mut self,
        sides: [u64; 2],
        aggressor: Option<Side>,
        at: i64,
        quantity: i64,
        fees: [i64; 2],
    ) {
        let [buy, sell] = sides.map(|id| self.get(id).clone());
        let kept = Kept {
            trade: TradeRef {
                sequence: self.sequence,
                index: self.out.len() as u32,
            },
            time: self.time,
            instrument: buy.instrument,
            price: at,
            quantity,
            aggressor,
            accounts: [buy.account, sell.account],
            orders: sides,
            fees: fees.map(i128::from),
            rates: [buy.rates, sell.rates],
            cleared: self.instruments[buy.instrument].clearing,
            busted: false,
            day: self.today(buy.instrument),
        };
        let trades = &mut self.trades;
        trades.kept.push(kept);
        if trades.kept.len() > self.limits.trades_kept_max as usize {
            trades.forgotten = Some(trades.kept.remove(0).trade);
        }
    }

    fn terms_of(kept: &Kept) -> Stand {
        let quantity = i128::from(kept.quantity);
        let unit = kept.cleared.map_or(0, |cleared| cleared.tick_value);
        Stand {
            price: kept.price,
            quantity: kept.quantity,
            value: i128::from(kept.price) * quantity * unit,
            fees: kept.fees,
        }
    }

    pub(super) fn correction(
        &mut self,
        envelope: &Envelope,
        command: &CorrectionCommand,
    ) -> Result<Option<u32>, Reject> {
        let trade = command.trade();
        let known = self.trades.kept.iter();
        let at = known.clone().position(|kept| kept.trade == trade);
        let Some(at) = at else {
            let old = self.trades.forgotten.is_some_and(|last| trade <= last);
            let reason = if old { R::TradeTooOld } else { R::UnknownTrade };
            return Err(reason.into());
        };
        let kept = self.trades.kept[at].clone();
        fails(self.too_old(&kept), R::TradeTooOld)?;
        fails(kept.busted, R::AlreadyBusted)?;
        let known = &self.instruments[kept.instrument];
        let authority = envelope.authority.as_ref();
        let approver = authority.and_then(|authority| authority.approver);
        let alone = approver.is_none_or(|approver| approver == envelope.principal);
        let real = self.venues[known.venue].demonstration == Demonstration::Real;
        fails(alone && real, R::ApproverRequired)?;
        let silent = authority.is_none_or(|authority| authority.reason.is_empty());
        fails(silent, R::InvalidField)?;
        let before = Self::terms_of(&kept);
        let after = match *command {
            CorrectionCommand::Bust { .. } => Stand {
                price: kept.price,
                quantity: 0,
                value: 0,
                fees: match self.fault {
                    Some(Fault::BustKeepsFees) => kept.fees,
                    _ => [0; 2],
                },
            },
            CorrectionCommand::Correct {
                price, quantity, ..
            } => {
                let lots = quantity.map_or(kept.quantity, Quantity::lots);
                let ticks = price.ticks();
                let same = (ticks, lots) == (kept.price, kept.quantity);
                fails(same, R::InvalidField)?;
                let sign = known.terms.price_sign;
                fails(!sign.allows(price), R::PriceSign)?;
                fails(lots == 0, R::Quantity)?;
                fails(lots > kept.quantity, R::MaxQuantity)?;
                if kept.cleared.is_some() {
                    self.worth(kept.instrument, Some(ticks), lots)?;
                }
                let mut next = kept.clone();
                (next.price, next.quantity) = (ticks, lots);
                let mut after = Self::terms_of(&next);
                after.fees = self.charged_anew(&kept, &before, &after);
                after
            }
        };
        self.carry(at, &kept, before, after)?;
        Ok(None)
    }

    /// The fees of a corrected trade.
    fn charged_anew(&mut self, kept: &Kept, before: &Stand, after: &Stand) -> [i128; 2] {
        let mut fees = [0; 2];
        if kept.cleared.is_none() {
            return fees;
        }
        for (at, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
            let rates = &kept.rates[at];
            let rate = match kept.aggressor {
                None => rates.auction_ppm,
                Some(taker) if taker == side => rates.taker_ppm,
                Some(_) => rates.maker_ppm,
            };
            let alone = |stand: &Stand| {
                let by_lots = i128::from(stand.quantity) * i128::from(rates.per_lot) * 1_000_000;
                self.capped(rates, stand.value.abs() * i128::from(rate) + by_lots)
            };
            let least = alone(after).min(0);
            fees[at] = (kept.fees[at] + alone(after) - alone(before)).max(least);
        }
        if fees[0] + fees[1] < 0 {
            self.reached.push("corrected rebate raised");
            let higher = fees[0].max(fees[1]);
            let lower = usize::from(fees[0] >= fees[1]);
            fees[lower] = -higher.max(0);
            fees[1 - lower] = higher.max(0);
        }
        fees
    }

    /// Moves the differences, and says so.
    fn carry(&mut self, at: usize, kept: &Kept, before: Stand, after: Stand) -> Result<(), Reject> {
        let [buyer, seller] = kept.accounts.map(AccountId::place);
        let value = before.value - after.value;
        let less = [0, 1].map(|side| before.fees[side] - after.fees[side]);
        let units = kept.cleared.map_or(0, |cleared| cleared.lot_units);
        let goods = i128::from(before.quantity - after.quantity) * units;
        // Whose, of what, how much: below zero is to be given back.
        let mut moves = Vec::new();
        if let Some(cleared) = kept.cleared {
            if buyer == seller {
                moves.push((buyer, cleared.money, less[0] + less[1]));
            } else {
                moves.push((buyer, cleared.money, value + less[0]));
                moves.push((seller, cleared.money, less[1] - value));
                moves.push((buyer, cleared.goods, -goods));
                moves.push((seller, cleared.goods, goods));
            }
        }
        let (waits, owed) = self.lacking(kept, &moves);
        self.may_owe(&moves, &owed)?;
        let holders = self.counted_holders(kept.instrument).0;
        if let Some(cleared) = kept.cleared.filter(|_| goods != 0 && buyer != seller) {
            let gives = goods - owed[2];
            self.may_come(cleared.goods, Some((buyer, gives)), Some(seller))?;
        }
        for (at, (&(account, asset, amount), &owed)) in moves.iter().zip(&owed).enumerate() {
            let waits = waits[at];
            self.waits_less(kept, (account, asset), waits);
            self.note_taken(waits, -amount, owed);
            self.post(Holder::Account(account), asset, amount + owed);
            if owed > 0 {
                self.note_owed(kept, account, asset);
                self.need(Holder::Receivable(account), asset);
                self.post(Holder::Receivable(account), asset, -owed);
            }
        }
        if let Some(cleared) = kept.cleared {
            let venue = Holder::Venue(self.instruments[kept.instrument].venue);
            self.post(venue, cleared.money, -(less[0] + less[1]));
        }
        if let Some(cleared) = kept.cleared.filter(|_| goods != 0 && buyer != seller) {
            self.have_come(cleared.goods, seller, "a bust brings back who never held");
            self.was_taken(kept, holders);
        }
        if after.quantity == 0 {
            self.unmade(kept);
        }
        self.settle_correction(at, kept, &after);
        let lacks = |side: usize| {
            if buyer == seller {
                0
            } else {
                owed.get(side).copied().unwrap_or(0)
            }
        };
        let of_buyer = owed.first().copied().unwrap_or(0);
        self.say(
            kept,
            (before, after),
            small(goods),
            [of_buyer, lacks(1), lacks(2)],
        );
        Ok(())
    }

    /// What of each of the moves waits, and what is not there.
    fn lacking(&self, kept: &Kept, moves: &[(usize, usize, i128)]) -> (Vec<i128>, Vec<i128>) {
        let waits: Vec<i128> = moves
            .iter()
            .map(|&(account, asset, amount)| {
                let back = (-amount).max(0);
                back.min(self.waits_for(kept, account, asset))
            })
            .collect();
        let owed: Vec<i128> = moves
            .iter()
            .zip(&waits)
            .map(|(&(account, asset, amount), waits)| {
                (-amount - waits - self.available(account, asset))
                    .max(0)
                    .min((-amount).max(0))
            })
            .collect();
        (waits, owed)
    }

    fn note_owed(&mut self, kept: &Kept, account: usize, asset: usize) {
        let currency = kept.cleared.is_some_and(|cleared| cleared.money == asset);
        self.reached.push(if currency {
            "money is owed"
        } else {
            "goods are owed"
        });
        if self.unsettled(account, asset) > 0 {
            self.reached.push("owed while some of it waits");
        }
        if self.drawn(account, asset) > 0 {
            self.reached.push("owed while some is drawn");
        }
    }

    fn note_taken(&mut self, waits: i128, back: i128, owed: i128) {
        if waits == 0 {
            return;
        }
        self.reached.push(if waits == back {
            "a bust takes what waits"
        } else if owed == 0 {
            "a bust takes what waits, then what is there"
        } else {
            "a bust takes what waits, the rest is owed"
        });
    }

    /// TOO_MANY, AMOUNT_LIMIT.
    fn may_owe(&self, moves: &[(usize, usize, i128)], owed: &[i128]) -> Result<(), R> {
        let fresh = moves.iter().zip(owed).filter(|(_, owed)| **owed > 0);
        let fresh: Vec<_> = fresh
            .map(|(&(account, asset, _), _)| (account, asset))
            .collect();
        let positions: Vec<_> = fresh
            .iter()
            .map(|&(account, asset)| (Holder::Receivable(account), asset))
            .collect();
        let owes = |&&(account, asset): &&(usize, usize)| self.owes(account, asset) == 0;
        let debts = self.debtors().len() + fresh.iter().filter(owes).count();
        let many = debts > self.limits.receivables_max as usize;
        fails(
            !fresh.is_empty() && (many || !self.room_for(&positions)),
            R::TooMany,
        )?;
        for &(_, asset, _) in moves {
            let of = moves.iter().zip(owed).filter(|(one, _)| one.1 == asset);
            let more: i128 = of.map(|(_, owed)| *owed).sum();
            let sum = self.there_is(asset) + more;
            fails(more > 0 && sum > CIRCULATION_MAX, R::AmountLimit)?;
        }
        Ok(())
    }

    pub fn owes(&self, account: usize, asset: usize) -> i128 {
        -self.balance(Holder::Receivable(account), asset)
    }

    /// What all accounts owe of an asset.
    pub fn owed_of(&self, asset: usize) -> i128 {
        let owed = self
            .debtors()
            .into_iter()
            .filter(|debtor| debtor.1 == asset);
        owed.map(|(account, asset)| self.owes(account, asset)).sum()
    }

    /// The trade stands as it does now, and its live orders traded less.
    fn settle_correction(&mut self, at: usize, kept: &Kept, after: &Stand) {
        let row = &mut self.trades.kept[at];
        if after.quantity == 0 {
            row.busted = true;
        } else {
            (row.price, row.quantity, row.fees) = (after.price, after.quantity, after.fees);
        }
        let less = kept.quantity - after.quantity;
        for id in kept.orders {
            if let Some(order) = self.orders.iter_mut().find(|order| order.id == id) {
                order.quantity -= less;
                order.cumulative -= less;
                if less > 0 {
                    self.reached.push("a live order traded less");
                }
            }
        }
    }

    fn say(
        &mut self,
        kept: &Kept,
        (before, after): (Stand, Stand),
        goods: i64,
        [buyer, seller, goods_owed]: [i128; 3],
    ) {
        let terms = |stand: &Stand| TradeTerms {
            price: price(stand.price),
            quantity: lots(stand.quantity),
            value: small(stand.value),
        };
        let side = |this: &mut Self, at: usize, owed: i128| CorrectionSide {
            order: kept.orders[at],
            account: kept.accounts[at],
            fee_before: small(before.fees[at]),
            fee: small(after.fees[at]),
            owed: small(owed),
            counters: this.count(kept.accounts[at]),
        };
        let buy = side(self, 0, buyer);
        let sell = side(self, 1, seller);
        let event = TradeCorrection {
            sequence: kept.trade.sequence,
            index: kept.trade.index,
            instrument: handle(kept.instrument),
            aggressor: kept.aggressor,
            before: terms(&before),
            after: terms(&after),
            goods,
            goods_owed: small(goods_owed),
            buy,
            sell,
        };
        self.out.push(Event::Correction(if after.quantity == 0 {
            CorrectionEvent::Busted(event)
        } else {
            CorrectionEvent::Corrected(event)
        }));
    }

    /// Whoever owes repays what it has available.
    pub(in crate::reference) fn repay_owed(&mut self) {
        let mut debtors = self.debtors();
        debtors.sort_unstable();
        for (account, asset) in debtors {
            let owes = self.owes(account, asset);
            let amount = owes.min(self.available(account, asset));
            if amount == 0 {
                continue;
            }
            self.post(Holder::Account(account), asset, -amount);
            self.post(Holder::Receivable(account), asset, amount);
            self.reached.push(if amount == owes {
                "repaid all"
            } else {
                "repaid a part"
            });
            self.out
                .push(Event::Correction(CorrectionEvent::Repaid(Repaid {
                    account: AccountId::new(account as u32),
                    asset: AssetId::new(asset as u32),
                    amount: small(amount),
                    owed: small(owes - amount),
                })));
        }
    }

    /// Who owes what now.
    fn debtors(&self) -> Vec<(usize, usize)> {
        let all = self.money.positions.iter();
        let all = all.filter_map(|&(holder, asset)| match holder {
            Holder::Receivable(account) => Some((account, asset)),
            _ => None,
        });
        all.filter(|&(account, asset)| self.owes(account, asset) > 0)
            .collect()
    }
}
