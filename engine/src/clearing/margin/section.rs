//! Margin forwards as bytes: one section of a snapshot.
//!
//! Invariant: equal contents give equal bytes; rows keep their places, since holds and calls name
//! them; a mark goes on where it was. Not here: positions of the ledger.

use super::super::hold::Hold;
use super::super::ledger::{Holder, Place};
use super::super::settlement::StakeRef;
use super::super::{Clearing, section};
use super::mark::{Marking, Walk};
use super::rows::{NIL, Row};
use super::{Call, Contract};
use crate::bytes::{self, BytesError, Reader};
use crate::journal::codec::margin as codec;
use crate::limits::Limits;
use crate::parties::Parties;
use crate::types::{AccountId, InstrumentId, Quantity};
use crate::venue::Venues;

/// No sum of the rules comes near this, and a million rows of it can still be summed.
const SUM_MAX: i128 = 1 << 104;

impl Clearing {
    /// Writes all margin forwards.
    pub(crate) fn encode_margin(&self, out: &mut Vec<u8>) {
        let margin = &self.margin;
        bytes::put_varint(out, margin.contracts().count() as u64);
        for contract in margin.contracts() {
            codec::put_terms(out, &contract.terms);
            bytes::put_price(out, contract.settlement);
            bytes::put_option(out, contract.given, bytes::put_price);
            bytes::put_i128(out, contract.turnover);
            bytes::put_i128(out, contract.volume);
        }
        bytes::put_varint(out, margin.rows.all().len() as u64);
        for row in margin.rows.all() {
            put_row(out, row);
        }
        bytes::put_varint(out, margin.marks.len() as u64);
        for mark in &margin.marks {
            put_mark(out, mark);
        }
        let holds = self.holds.iter().enumerate();
        let held: Vec<_> = holds.filter(|(_, hold)| hold.is_margin()).collect();
        bytes::put_varint(out, held.len() as u64);
        for (slot, hold) in held {
            bytes::put_varint(out, slot as u64);
            section::put_fee_hold(out, hold);
            bytes::put_zigzag(out, hold.goods);
            bytes::put_varint(out, u64::from(hold.row()));
        }
    }

    /// Reads what [`Clearing::encode_margin`] wrote; `lives` says whose order lives in a slot.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(crate) fn decode_margin(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        (parties, venues): (&Parties, &Venues),
        lives: impl Fn(u32) -> Option<(AccountId, InstrumentId)>,
    ) -> Result<(), BytesError> {
        let instruments = limits.instruments_max;
        for _ in 0..input.count(instruments, 41, "the count of margin forwards")? {
            self.decode_contract(input, venues)?;
        }
        for _ in 0..input.count(limits.margin_rows_max, 55, "the count of margin rows")? {
            self.decode_row(input, parties)?;
        }
        for _ in 0..input.count(instruments, 20, "the count of marks")? {
            let mark = self.decode_mark(input)?;
            let known = self.margin.is_marking(mark.instrument);
            let key = |mark: &Marking| (mark.deadline, mark.instrument);
            let last = self.margin.marks.last();
            if known || last.is_some_and(|last| key(last) >= key(&mark)) {
                return Err(BytesError::range("a mark"));
            }
            self.margin.marks.push(mark);
        }
        let used = self.holds.len() as u32;
        let mut last = None;
        for _ in 0..input.count(used, 8, "the count of margin orders")? {
            let slot = input.varint32("the slot of a margin order")?;
            let hold = self.decode_hold(input)?;
            let wrong = || BytesError::range("what a margin order holds");
            let owner = lives(slot).ok_or_else(wrong)?;
            let row = self.margin.rows.all().get(hold.row() as usize);
            let row = row.ok_or_else(wrong)?;
            let money = self.margin.contract(row.instrument).ok_or_else(wrong)?;
            let holder = Holder::Account(row.account);
            let at = self.ledger.find(holder, money.margined.money);
            let same = owner == (row.account, row.instrument) && at == Some(hold.money_at);
            if last >= Some(slot) || !same || self.holds[slot as usize] != Hold::NONE {
                return Err(wrong());
            }
            last = Some(slot);
            self.holds[slot as usize] = hold;
        }
        Ok(())
    }

    fn decode_contract(
        &mut self,
        input: &mut Reader<'_>,
        venues: &Venues,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("a margin forward");
        let terms = codec::terms(input)?;
        let instrument = venues.instrument(terms.instrument).ok_or_else(wrong)?;
        let venue = venues.venue(instrument.venue).ok_or_else(wrong)?;
        let pool = self
            .ledger
            .find(Holder::Clearing(terms.instrument), terms.money);
        let pool = pool.ok_or_else(wrong)?;
        let of = (venue, instrument.venue, venues.law());
        let checked = self.check_margin_terms(&terms, of, &instrument.terms);
        let margined = checked.map_err(|_| wrong())?;
        if margined.fees.is_none() || self.margin.contracts.len() > terms.instrument.place() {
            return Err(wrong());
        }
        let mut contract = Contract::new(&terms, margined, pool);
        let settlement = input.price("a settlement price")?;
        contract.given = input.option(|input| input.price("a settlement price"))?;
        for price in [Some(settlement), contract.given].into_iter().flatten() {
            if !super::terms::is_settlement(price, margined.tick_value) {
                return Err(wrong());
            }
        }
        contract.settle_at(settlement);
        (contract.turnover, contract.volume) = (input.i128()?, input.i128()?);
        let bounded = (0..SUM_MAX).contains(&contract.turnover)
            && (0..SUM_MAX).contains(&contract.volume)
            && (contract.volume == 0) == (contract.turnover == 0);
        if !bounded
            || !(contract.volume..=contract.volume.saturating_mul(1 << 40))
                .contains(&contract.turnover)
        {
            return Err(wrong());
        }
        self.margin.put_contract(contract);
        Ok(())
    }

    fn decode_row(&mut self, input: &mut Reader<'_>, parties: &Parties) -> Result<(), BytesError> {
        let wrong = || BytesError::range("a margin row");
        let account = AccountId::new(input.varint32("a margin row's account")?);
        let instrument = InstrumentId::new(input.varint32("a margin row's instrument")?);
        let known = parties.owner_of(account).is_some();
        let fresh = self.margin.rows.find(account, instrument).is_none();
        let mut row = Row::vacant(account, instrument);
        for lots in [&mut row.net, &mut row.buys, &mut row.sells, &mut row.held] {
            *lots = input.zigzag()?;
        }
        for sum in [&mut row.cost, &mut row.due, &mut row.owed] {
            *sum = input.i128()?;
        }
        let lots = Quantity::MAX_LOTS;
        let bounded = (-lots..=lots).contains(&row.net)
            && [row.buys, row.sells]
                .iter()
                .all(|one| (0..=2 * lots).contains(one))
            && [row.cost, row.due, row.owed]
                .iter()
                .all(|sum| (-SUM_MAX..SUM_MAX).contains(sum));
        let contract = self.margin.contracts.get_mut(instrument.place());
        let contract = contract.and_then(Option::as_deref_mut).ok_or_else(wrong)?;
        let holder = Holder::Account(account);
        let has_money = self.ledger.find(holder, contract.margined.money).is_some();
        if !known || !fresh || !bounded || !has_money {
            return Err(wrong());
        }
        let place = self.margin.rows.add(row, &mut contract.rows);
        let call = match input.u8()? {
            0 => Call::None,
            1 => Call::Until(input.time("the deadline of a call")?),
            2 => Call::Waiting,
            _ => return Err(BytesError::range("a margin call")),
        };
        self.margin.set_call(place, call);
        Ok(())
    }

    fn decode_mark(&self, input: &mut Reader<'_>) -> Result<Marking, BytesError> {
        let wrong = || BytesError::range("a mark");
        let deadline = input.time("a mark's deadline")?;
        let instrument = InstrumentId::new(input.varint32("a mark's instrument")?);
        self.margin.contract(instrument).ok_or_else(wrong)?;
        let row = input.option(|input| input.varint32("a mark's row"))?;
        let next = row.unwrap_or(NIL);
        let own = |place: u32| {
            let row = self.margin.rows.all().get(place as usize);
            row.is_some_and(|row| row.instrument == instrument)
        };
        if next != NIL && !own(next) {
            return Err(wrong());
        }
        let walk = match input.u8()? {
            0 => Walk::Collect {
                gains: input.i128()?,
            },
            1 => {
                let gains = input.i128()?;
                let pool = section::amount(input, "a mark's pool")?.units();
                Walk::Pay { gains, pool }
            }
            _ => return Err(wrong()),
        };
        let (Walk::Collect { gains } | Walk::Pay { gains, .. }) = walk;
        if !(0..SUM_MAX).contains(&gains) {
            return Err(wrong());
        }
        Ok(Marking {
            deadline,
            instrument,
            walk,
            next,
        })
    }

    fn decode_hold(&self, input: &mut Reader<'_>) -> Result<Hold, BytesError> {
        let hold = self.fee_hold(input)?;
        let open = input.zigzag()?;
        let lots = Quantity::MAX_LOTS;
        let margin = input.varint32("a margin order's row")?;
        if !(-lots..=lots).contains(&open) || margin == NIL {
            return Err(BytesError::range("what a margin order holds"));
        }
        Ok(Hold {
            goods: open,
            goods_at: Place::new(margin),
            stake: StakeRef::MARGIN,
            ..hold
        })
    }
}

fn put_row(out: &mut Vec<u8>, row: &Row) {
    bytes::put_varint(out, u64::from(row.account.index()));
    bytes::put_varint(out, u64::from(row.instrument.index()));
    for lots in [row.net, row.buys, row.sells, row.held] {
        bytes::put_zigzag(out, lots);
    }
    for sum in [row.cost, row.due, row.owed] {
        bytes::put_i128(out, sum);
    }
    match row.call {
        Call::None => bytes::put_u8(out, 0),
        Call::Until(deadline) => {
            bytes::put_u8(out, 1);
            bytes::put_time(out, deadline);
        }
        Call::Waiting => bytes::put_u8(out, 2),
    }
}

fn put_mark(out: &mut Vec<u8>, mark: &Marking) {
    bytes::put_time(out, mark.deadline);
    bytes::put_varint(out, u64::from(mark.instrument.index()));
    let next = (mark.next != NIL).then_some(mark.next);
    bytes::put_option(out, next, |out, row| bytes::put_varint(out, u64::from(row)));
    match mark.walk {
        Walk::Collect { gains } => {
            bytes::put_u8(out, 0);
            bytes::put_i128(out, gains);
        }
        Walk::Pay { gains, pool } => {
            bytes::put_u8(out, 1);
            bytes::put_i128(out, gains);
            bytes::put_varint(out, pool as u64);
        }
    }
}
