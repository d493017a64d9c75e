//! The clearing as bytes: two sections of a snapshot, what there is and what orders hold.
//!
//! Invariant: equal contents give equal bytes; what is read back goes on exactly as what was
//! written. Positions keep their places, since holds name them. Not here: other sections.

use super::assets::Assets;
use super::custody::{Custody, Instruction};
use super::fee::{Accrued, Fees};
use super::hold::Hold;
use super::ledger::{Holder, Ledger, Place};
use super::settlement::StakeRef;
use super::{Cleared, Clearing};
use crate::bytes::{self, BytesError, Reader};
use crate::command::{Direction, SetClearing};
use crate::limits::Limits;
use crate::parties::Parties;
use crate::types::{
    AccountId, Amount, AssetId, CustodianId, InstrumentId, Sequence, ShardId, VenueId,
};
use crate::venue::Venues;

/// The kind of a holder who owes; since the rules that know corrections.
const RECEIVABLE: u8 = 36;
/// The kind of a pool's position.
const POOL: u8 = 38;

impl Clearing {
    /// Writes all but what orders hold.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.assets.encode(out);
        bytes::put_varint(out, self.ledger.positions().len() as u64);
        for position in self.ledger.positions() {
            let (kind, handle) = match position.holder() {
                Holder::Account(id) => (0, id.index()),
                Holder::Venue(id) => (1, id.index()),
                Holder::Custodian(id) => (2, id.index()),
                Holder::Receivable(id) => (RECEIVABLE, id.index()),
                Holder::Credit(id) => (3, id.index()),
                Holder::Transit(id) => (4, id.index()),
                Holder::Clearing(id) => (POOL, id.index()),
            };
            bytes::put_u8(out, kind);
            bytes::put_varint(out, u64::from(handle));
            bytes::put_varint(out, u64::from(position.asset().index()));
            bytes::put_zigzag(out, position.available);
            bytes::put_zigzag(out, position.held);
        }
        bytes::put_varint(out, self.cleared().count() as u64);
        for (instrument, cleared) in self.cleared() {
            bytes::put_varint(out, u64::from(instrument.index()));
            bytes::put_varint(out, u64::from(cleared.money.index()));
            bytes::put_varint(out, u64::from(cleared.goods.index()));
        }
        self.fees.encode(out);
        bytes::put_varint(out, u64::from(self.custody.pending_used()));
        for (id, instruction) in self.custody.pending() {
            bytes::put_varint(out, id.value());
            put_instruction(out, instruction);
        }
        bytes::put_varint(out, self.custody.references.len() as u64);
        for (custodian, date, reference) in &self.custody.references {
            bytes::put_varint(out, u64::from(custodian.index()));
            bytes::put_zigzag(out, i64::from(*date));
            bytes::put_text(out, reference);
        }
    }

    /// Reads what [`Clearing::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(crate) fn decode(
        input: &mut Reader<'_>,
        limits: &Limits,
        (parties, venues): (&Parties, &Venues),
    ) -> Result<Self, BytesError> {
        let mut clearing = Self::new(limits);
        clearing.assets = Assets::decode(input, limits)?;
        clearing.decode_positions(input, limits, (parties, venues))?;
        clearing.decode_terms(input, limits, venues)?;
        *clearing.fees = Fees::decode(input, limits)?;
        clearing.custody = clearing.decode_custody(input, limits)?;
        Ok(clearing)
    }

    fn decode_positions(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        (parties, venues): (&Parties, &Venues),
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("a position");
        let mut ledger = Ledger::new(limits);
        for _ in 0..input.count(limits.positions_max, 5, "the count of positions")? {
            let kind = input.u8()?;
            let handle = input.varint32("a position's holder")?;
            let holder = match kind {
                0 => Holder::Account(AccountId::new(handle)),
                1 => Holder::Venue(VenueId::new(handle)),
                2 => Holder::Custodian(CustodianId::new(handle)),
                RECEIVABLE => Holder::Receivable(AccountId::new(handle)),
                3 => Holder::Credit(AccountId::new(handle)),
                4 => Holder::Transit(ShardId::new(handle)),
                POOL => Holder::Clearing(InstrumentId::new(handle)),
                _ => return Err(wrong()),
            };
            let known = match holder {
                Holder::Account(id) | Holder::Receivable(id) | Holder::Credit(id) => {
                    parties.owner_of(id).is_some()
                }
                Holder::Venue(id) => venues.venue(id).is_some(),
                Holder::Custodian(id) => self.assets.custodian(id).is_some(),
                Holder::Transit(_) => true,
                Holder::Clearing(id) => venues.instrument(id).is_some(),
            };
            let asset = AssetId::new(input.varint32("a position's asset")?);
            let (available, held) = (input.zigzag()?, input.zigzag()?);
            let bound = -Amount::MAX_UNITS..=Amount::MAX_UNITS;
            let within = bound.contains(&available) && bound.contains(&held);
            let fresh = known && ledger.find(holder, asset).is_none();
            let owes = matches!(holder, Holder::Receivable(_));
            let owed = available <= 0 && held == 0;
            let sum = ledger.owed(asset) - available.min(0);
            let fits = !owes || (owed && Amount::new(sum).is_some());
            if !fresh || !within || !fits || self.assets.asset(asset).is_none() {
                return Err(wrong());
            }
            if !ledger.restore((holder, asset), available, held) {
                return Err(wrong());
            }
        }
        self.ledger = ledger;
        self.restore_debts()
    }

    fn decode_terms(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        venues: &Venues,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("an instrument's clearing");
        let mut last = None;
        for _ in 0..input.count(limits.instruments_max, 3, "the count of clearings")? {
            let command = SetClearing {
                instrument: InstrumentId::new(input.varint32("a clearing's instrument")?),
                money: AssetId::new(input.varint32("a clearing's money")?),
                goods: AssetId::new(input.varint32("a clearing's goods")?),
            };
            let instrument = venues.instrument(command.instrument).ok_or_else(wrong)?;
            let venue = venues.venue(instrument.venue).ok_or_else(wrong)?;
            let of = (venue, instrument.venue);
            let checked = self.check_terms(&command, of, &instrument.terms, None);
            let cleared: Cleared = checked.map_err(|_| wrong())?;
            if last >= Some(command.instrument) || !cleared.has_fees() {
                return Err(wrong());
            }
            last = Some(command.instrument);
            self.set_terms(command.instrument, instrument.venue, &cleared);
        }
        Ok(())
    }

    fn decode_custody(
        &self,
        input: &mut Reader<'_>,
        limits: &Limits,
    ) -> Result<Custody, BytesError> {
        let mut custody = Custody::new(limits);
        for _ in 0..input.count(limits.instructions_max, 6, "the count of instructions")? {
            let id = input.varint()?;
            let one = instruction(input)?;
            let holder = Holder::Account(one.account);
            let last = custody.pending().next_back();
            let rises = last.is_none_or(|(last, _)| last.value() < id);
            let custodian = Holder::Custodian(one.custodian);
            let places = [holder, custodian].map(|holder| self.ledger.find(holder, one.asset));
            let asked = custody.asked(one.custodian, one.asset) + one.held().units();
            let bounded = !one.amount.is_zero() && asked <= Amount::MAX_UNITS;
            if !rises || places.iter().any(Option::is_none) || !bounded {
                return Err(BytesError::range("an instruction"));
            }
            custody.add(Sequence::new(id), one);
        }
        for _ in 0..input.count(limits.references_max, 3, "the count of references")? {
            let custodian = CustodianId::new(input.varint32("a reference's custodian")?);
            let date = super::assets::date(input, "a reference's date")?;
            let reference = (custodian, date, input.text()?);
            let rises = custody
                .references
                .last()
                .is_none_or(|last| *last < reference);
            if !rises || self.assets.custodian(custodian).is_none() {
                return Err(BytesError::range("a reference"));
            }
            custody.references.insert(reference);
        }
        Ok(custody)
    }

    /// Writes what orders hold, in order of their slots; those of margin forwards apart.
    pub(crate) fn encode_holds(&self, out: &mut Vec<u8>) {
        let holds = self.holds.iter().enumerate();
        let cleared = |hold: &Hold| hold.is_cleared() && !hold.is_margin();
        let cleared: Vec<_> = holds.filter(|(_, hold)| cleared(hold)).collect();
        bytes::put_varint(out, cleared.len() as u64);
        for (slot, hold) in cleared {
            bytes::put_varint(out, slot as u64);
            bytes::put_varint(out, hold.money as u64);
            bytes::put_varint(out, hold.goods as u64);
            bytes::put_zigzag(out, hold.accrued.whole);
            bytes::put_varint(out, u64::from(hold.accrued.millionths));
            bytes::put_varint(out, u64::from(hold.money_at.index()));
            bytes::put_varint(out, u64::from(hold.goods_at.index()));
            bytes::put_varint(out, u64::from(hold.rates));
        }
    }

    /// Nothing is held for any of `used` rows: what a snapshot of semantics version 1 says.
    pub(crate) fn hold_nothing(&mut self, used: u32) {
        self.holds.resize(used as usize, Hold::NONE);
    }

    /// Reads what [`Clearing::encode_holds`] wrote, for `used` rows; `fits` says whether an order
    /// lives in a slot and has these assets' positions.
    ///
    /// # Errors
    /// Broken bytes; holds of no order.
    pub(crate) fn decode_holds(
        &mut self,
        input: &mut Reader<'_>,
        used: u32,
        fits: impl Fn(u32) -> Option<(AccountId, InstrumentId)>,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("what an order holds");
        self.hold_nothing(used);
        let mut last = None;
        for _ in 0..input.count(used, 8, "the count of holds")? {
            let slot = input.varint32("the slot of a hold")?;
            let hold = self.hold(input)?;
            let (account, instrument) = fits(slot).ok_or_else(wrong)?;
            let cleared = self.terms(instrument).ok_or_else(wrong)?;
            let own = |place: Place, asset| {
                let found = self.ledger.find(Holder::Account(account), asset);
                found == Some(place)
            };
            let places = own(hold.money_at, cleared.money) && own(hold.goods_at, cleared.goods);
            if last >= Some(slot) || !places {
                return Err(wrong());
            }
            last = Some(slot);
            self.holds[slot as usize] = hold;
        }
        Ok(())
    }

    fn hold(&self, input: &mut Reader<'_>) -> Result<Hold, BytesError> {
        let wrong = || BytesError::range("what an order holds");
        let amount = |input: &mut Reader<'_>| {
            let amount = i64::try_from(input.varint()?).ok().and_then(Amount::new);
            amount.map(Amount::units).ok_or_else(wrong)
        };
        let (money, goods) = (amount(input)?, amount(input)?);
        let accrued = Accrued {
            whole: input.zigzag()?,
            millionths: input.varint32("millionths of a fee")?,
        };
        let hold = Hold {
            money,
            goods,
            accrued,
            money_at: Place::new(input.varint32("a hold's money")?),
            goods_at: Place::new(input.varint32("a hold's goods")?),
            rates: input.varint32("a hold's rates")?,
            stake: StakeRef::NONE,
        };
        self.check_hold(hold)
    }

    fn check_hold(&self, hold: Hold) -> Result<Hold, BytesError> {
        let accrued = hold.accrued;
        let most = Amount::MAX_UNITS;
        let bounded = (-most..=most).contains(&accrued.whole) && accrued.millionths < 1_000_000;
        if !bounded || !self.fees.has(hold.rates) {
            return Err(BytesError::range("what an order holds"));
        }
        Ok(hold)
    }

    /// Reads what [`put_fee_hold`] wrote.
    pub(super) fn fee_hold(&self, input: &mut Reader<'_>) -> Result<Hold, BytesError> {
        self.check_hold(Hold {
            money: amount(input, "the fee an order holds")?.units(),
            accrued: Accrued {
                whole: input.zigzag()?,
                millionths: input.varint32("millionths of a fee")?,
            },
            money_at: Place::new(input.varint32("a hold's money")?),
            rates: input.varint32("a hold's rates")?,
            ..Hold::NONE
        })
    }
}

/// Writes what an order holds for its fee.
pub(super) fn put_fee_hold(out: &mut Vec<u8>, hold: &Hold) {
    bytes::put_varint(out, hold.money as u64);
    bytes::put_zigzag(out, hold.accrued.whole);
    bytes::put_varint(out, u64::from(hold.accrued.millionths));
    bytes::put_varint(out, u64::from(hold.money_at.index()));
    bytes::put_varint(out, u64::from(hold.rates));
}

fn put_instruction(out: &mut Vec<u8>, instruction: &Instruction) {
    bytes::put_varint(out, u64::from(instruction.account.index()));
    bytes::put_varint(out, u64::from(instruction.asset.index()));
    bytes::put_varint(out, u64::from(instruction.custodian.index()));
    bytes::put_u8(out, instruction.direction as u8);
    bytes::put_varint(out, instruction.amount.units() as u64);
}

fn instruction(input: &mut Reader<'_>) -> Result<Instruction, BytesError> {
    Ok(Instruction {
        account: AccountId::new(input.varint32("an instruction's account")?),
        asset: AssetId::new(input.varint32("an instruction's asset")?),
        custodian: CustodianId::new(input.varint32("an instruction's custodian")?),
        direction: direction(input)?,
        amount: amount(input, "an instruction's amount")?,
    })
}

/// Reads which way an instruction goes.
pub(crate) fn direction(input: &mut Reader<'_>) -> Result<Direction, BytesError> {
    match input.u8()? {
        0 => Ok(Direction::Deposit),
        1 => Ok(Direction::Withdrawal),
        _ => Err(BytesError::range("the direction of an instruction")),
    }
}

/// Reads an amount as a varint of minor units.
pub(crate) fn amount(input: &mut Reader<'_>, field: &'static str) -> Result<Amount, BytesError> {
    let units = i64::try_from(input.varint()?).map_err(|_| BytesError::range(field))?;
    Amount::new(units).ok_or(BytesError::range(field))
}
