//! Contracts as bytes: one section of a snapshot.
//!
//! Invariant: equal contents give equal bytes; rows keep their slots, since ids name them. Timers,
//! places and what lies on shelves are made anew. Not here: offers.

use super::gaps::Gaps;
use std::num::{NonZeroU32, NonZeroU64};

use super::owing::{AllOwing, Since};
use super::row::{Contract, CountedFor, Ends, day_of};
use super::{Contracts, audit_row};
use crate::bytes::{self, BytesError, Reader};
use crate::clearing::kept::Kept;
use crate::clearing::ledger::Place;
use crate::clearing::{Cleared, Clearing, Holder};
use crate::command::{Funding, Plan, SaleTerms};
use crate::event::{Disputed, Role, State};
use crate::journal::codec::{border, sales as codec};
use crate::limits::Limits;
use crate::market::sale::{Sales, Year, price};
use crate::parties::Parties;
use crate::slab::Slab;
use crate::types::{AccountId, AssetId, ContractId, CustodianId, Sequence, TermsId, Time};
use crate::venue::Regime;

/// What the rest of the engine says.
pub(crate) struct Known<'a> {
    pub(crate) parties: &'a Parties,
    pub(crate) sales: &'a Sales,
    pub(crate) venues: u32,
    pub(crate) sequence: Sequence,
    pub(crate) time: Time,
}

/// The least bytes of a row.
const ROW_BYTES_MIN: usize = 1 + 20 + 16;

fn wrong() -> BytesError {
    BytesError::range("a contract")
}

impl Contracts {
    /// Writes gaps in service, all live contracts, banks that were asked for money, and what is
    /// owed.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.gaps.encode(out);
        self.rows.encode(out, put_row);
        bytes::put_varint(out, self.payments.len() as u64);
        for (instruction, contract) in &self.payments {
            bytes::put_varint(out, *instruction);
            bytes::put_varint(out, contract.sequence);
            bytes::put_varint(out, u64::from(contract.slot));
        }
        self.owing.encode(out);
    }

    /// Reads what [`Contracts::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(crate) fn decode(
        input: &mut Reader<'_>,
        limits: &Limits,
        clearing: &mut Clearing,
        known: &Known<'_>,
    ) -> Result<Self, BytesError> {
        let mut contracts = Self::new(limits);
        contracts.gaps = Gaps::decode(input, known.venues, (known.time, known.sequence))?;
        contracts.rows = Slab::decode(limits.contracts_max, ROW_BYTES_MIN, input, |input, _| {
            read_row(input, clearing, known)
        })?;
        let timed: Vec<_> = contracts.rows.iter().collect();
        let timed: Vec<_> = timed
            .iter()
            .map(|(slot, row)| (*slot, row.deadline))
            .collect();
        for (slot, deadline) in timed {
            contracts.time(slot, deadline);
        }
        let mut last = 0;
        for _ in 0..input.count(limits.instructions_max, 3, "the count of payments")? {
            let instruction = input.varint()?;
            let contract = ContractId {
                sequence: input.varint()?,
                slot: input.varint32("a contract's row")?,
            };
            let pending = clearing.custody().instruction(Sequence::new(instruction));
            if instruction <= last || pending.is_none() {
                return Err(wrong());
            }
            last = instruction;
            contracts.payments.insert(instruction, contract);
        }
        let now = Since {
            sequence: known.sequence,
            time: known.time,
        };
        contracts.owing = AllOwing::decode(input, limits, (&contracts.rows, clearing), now)?;
        Ok(contracts)
    }
}

fn put_row(out: &mut Vec<u8>, row: &Contract) {
    bytes::put_varint(out, row.sequence);
    codec::put_offer(out, row.offer);
    for handle in [
        row.terms.index(),
        row.buyer.index(),
        row.seller.index(),
        row.goods_asset.index(),
        row.warehouse.index(),
        row.pieces,
        row.returned,
        row.came_back,
        row.version,
    ] {
        bytes::put_varint(out, u64::from(handle));
    }
    for number in [
        row.piece_units,
        row.price,
        row.amount,
        row.tax,
        row.to_pay,
        row.deposit,
    ] {
        bytes::put_zigzag(out, number);
    }
    for code in [
        row.state as u8,
        row.disputed as u8,
        row.asked.map_or(0, |role| role as u8),
        row.regime.code(),
        row.return_days,
        row.counted as u8,
        row.invoices,
        row.covered as u8,
    ] {
        bytes::put_u8(out, code);
    }
    bytes::put_option(out, row.deadline, bytes::put_time);
    bytes::put_varint(out, row.set);
    bytes::put_option(out, row.received, |out, ends| {
        bytes::put_time(out, ends.returnable);
        bytes::put_time(out, ends.keep);
        bytes::put_varint(out, u64::from(ends.day.get()));
    });
    bytes::put_time(out, row.formed);
    out.extend_from_slice(&row.delivery_reference);
    bytes::put_option(out, row.pickup, |out, hash| out.extend_from_slice(&hash));
    bytes::put_option(out, row.payment.map(NonZeroU64::get), bytes::put_varint);
    bytes::put_varint(
        out,
        row.import_year.map_or(0, |year| u64::from(year.number())),
    );
}

fn read_row(
    input: &mut Reader<'_>,
    clearing: &mut Clearing,
    known: &Known<'_>,
) -> Result<Contract, BytesError> {
    let sequence = input.varint()?;
    let offer = codec::offer(input)?;
    let [terms, buyer, seller, goods, warehouse, rest @ ..]: [u32; 9] =
        all(|| input.varint32("a handle of a contract"))?;
    let [pieces, returned, came_back, version] = rest;
    let [piece_units, price, amount, tax, to_pay, deposit] = all(|| input.zigzag())?;
    let (buyer, seller) = (AccountId::new(buyer), AccountId::new(seller));
    let (goods_asset, warehouse) = (AssetId::new(goods), CustodianId::new(warehouse));
    let terms = TermsId::new(terms);
    let owner = known.parties.owner_of(buyer).ok_or_else(wrong)?;
    let money = known.sales.terms(terms).ok_or_else(wrong)?.terms.money;
    let ledger = &clearing.ledger;
    let find = |holder, asset| ledger.find(holder, asset).ok_or_else(wrong);
    let goods_at = find(Holder::Account(seller), goods_asset)?;
    let mut row = Contract {
        sequence,
        offer,
        terms,
        buyer,
        seller,
        owner,
        goods_asset,
        warehouse,
        pieces,
        returned,
        came_back,
        piece_units,
        price,
        amount,
        tax,
        to_pay,
        deposit,
        version,
        state: State::from_code(input.u8()?).ok_or_else(wrong)?,
        disputed: disputed(input)?,
        asked: asked(input)?,
        regime: Regime::from_code(input.u8()?).ok_or_else(wrong)?,
        return_days: input.u8()?,
        counted: counted(input)?,
        invoices: input.u8()?,
        covered: codec::covered(input)?,
        deadline: input.option(|input| input.time("a contract's deadline"))?,
        set: input.varint()?,
        received: input.option(ends)?,
        formed: input.time("a contract's beginning")?,
        delivery_reference: codec::array(input)?,
        pickup: input.option(codec::array)?,
        payment: input.option(payment)?,
        import_year: import_year(input)?,
        money: Kept::nothing(Place::NONE),
        goods: Kept::nothing(goods_at),
        seller_at: find(Holder::Account(seller), money)?,
        warehouse_at: find(Holder::Custodian(warehouse), goods_asset)?,
    };
    let defined = &known.sales.known(terms).terms;
    let agreed = is_agreed(&row, defined);
    restore_holds(&mut row, clearing, money)?;
    let today = day_of(known.time);
    let received = row.received.is_none_or(|ends| ends.day <= today);
    let made = (1..=known.sequence.value()).contains(&sequence) && agreed && received;
    let set = (sequence..=known.sequence.value()).contains(&row.set);
    if !made || !set || row.version == 0 || audit_row(&row).is_err() {
        return Err(wrong());
    }
    Ok(row)
}

/// Whether its sums are some that could be agreed under its terms: only what may be in a basket has
/// a discount.
fn is_agreed(row: &Contract, terms: &SaleTerms) -> bool {
    let amount = i128::from(row.amount);
    let list = i128::from(row.price) * i128::from(row.pieces);
    let off = list - amount;
    let takes_discounts = terms.plan == Plan::Plain && terms.funding == Funding::Prefunded;
    let cost = price::cost_for(row.price, amount.max(0), terms);
    let agreed = cost.map(|cost| [cost.amount, cost.tax, cost.to_pay]);
    (off == 0 || off > 0 && takes_discounts)
        && list <= Cleared::VALUE_MAX
        && agreed == Ok([row.amount, row.tax, row.to_pay])
        && row.deposit == price::deposit_of(row.to_pay, terms)
}

/// So many values, one after the other.
fn all<T: Copy + Default, const N: usize>(
    mut get: impl FnMut() -> Result<T, BytesError>,
) -> Result<[T; N], BytesError> {
    let mut values = [T::default(); N];
    for value in &mut values {
        *value = get()?;
    }
    Ok(values)
}

/// What it holds follows from how it stands.
fn restore_holds(
    row: &mut Contract,
    clearing: &mut Clearing,
    money: AssetId,
) -> Result<(), BytesError> {
    let whole = [row.piece_units, row.to_pay, row.price, row.amount, row.tax];
    let apart = row.came_back <= row.pieces && row.amount <= row.to_pay;
    let apart = apart && row.pieces > 0;
    let bounded = whole.iter().all(|number| *number >= 0) && apart;
    let units = i64::from(row.pieces).checked_mul(row.piece_units);
    let units = units.filter(|_| bounded).ok_or_else(wrong)?;
    let holds = |at, units| units <= clearing.ledger.position(at).held;
    if row.state != State::Unpaid && row.to_pay > 0 {
        let holder = Holder::Account(row.buyer);
        let at = clearing.ledger.find(holder, money).ok_or_else(wrong)?;
        if !holds(at, row.paid()) || !holds(row.seller_at, row.bond()) {
            return Err(wrong());
        }
        row.money = Kept::restored(at, row.paid());
    }
    if row.received.is_none() && row.state != State::Entered {
        let at = row.goods.at();
        if !holds(at, units) {
            return Err(wrong());
        }
        row.goods = Kept::restored(at, units);
        clearing.shelves.restore(row.store(), units);
    }
    if row.disputed == Disputed::Yes {
        row.money.freeze();
        row.goods.freeze();
    }
    Ok(())
}

fn ends(input: &mut Reader<'_>) -> Result<Ends, BytesError> {
    Ok(Ends {
        returnable: input.time("the end of returns")?,
        keep: input.time("the end of returns by agreement")?,
        day: NonZeroU32::new(input.varint32("the day of receipt")?).ok_or_else(wrong)?,
    })
}

fn payment(input: &mut Reader<'_>) -> Result<NonZeroU64, BytesError> {
    NonZeroU64::new(input.varint()?).ok_or_else(wrong)
}

fn import_year(input: &mut Reader<'_>) -> Result<Option<Year>, BytesError> {
    match border::year(input)? {
        0 => Ok(None),
        year => Year::new(year).map(Some).ok_or_else(wrong),
    }
}

fn disputed(input: &mut Reader<'_>) -> Result<Disputed, BytesError> {
    match input.u8()? {
        0 => Ok(Disputed::No),
        1 => Ok(Disputed::Yes),
        _ => Err(wrong()),
    }
}

fn asked(input: &mut Reader<'_>) -> Result<Option<Role>, BytesError> {
    match input.u8()? {
        0 => Ok(None),
        1 => Ok(Some(Role::Buyer)),
        2 => Ok(Some(Role::Seller)),
        _ => Err(wrong()),
    }
}

fn counted(input: &mut Reader<'_>) -> Result<CountedFor, BytesError> {
    match input.u8()? {
        0 => Ok(CountedFor::No),
        1 => Ok(CountedFor::Yes),
        _ => Err(wrong()),
    }
}
