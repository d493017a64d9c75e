//! Instructions to custodians and what they answer: the only way in and out (平台不得二清).
//!
//! Invariant: an instruction is answered once; a custodian's reference is used once while its date
//! is open, and no answer comes for a closed date. Not here: who may answer (rights come with
//! keys), reports for reconciliation (the gateway's).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::ledger::{Holder, Place};
use super::{Asset, Clearing, Custodian};
use crate::command::{
    Acknowledge, AssetClass, CloseCustodyDate, Demonstration, Direction, Instruct, Outcome,
};
use crate::event::{CustodyReport, CustodyStatus};
use crate::limits::Limits;
use crate::reject::{Reject, RejectReason};
use crate::types::{AccountId, Amount, AssetId, CustodianId, Name, Sequence, Time};

/// An instruction that its custodian has not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// The account.
    pub account: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// Who is to move it.
    pub custodian: CustodianId,
    /// Which way.
    pub direction: Direction,
    /// How much.
    pub amount: Amount,
}

impl Instruction {
    /// What it holds of the account while it is pending: a withdrawal all of it.
    pub const fn held(&self) -> Amount {
        match self.direction {
            Direction::Deposit => Amount::ZERO,
            Direction::Withdrawal => self.amount,
        }
    }
}

/// Pending instructions and the references of open dates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Custody {
    pending: BTreeMap<u64, Instruction>,
    /// What pending ones are to take out, by custodian and asset; none of nothing.
    asked: BTreeMap<(CustodianId, AssetId), i64>,
    pub(super) references: BTreeSet<(CustodianId, i32, Name)>,
    pub(super) pending_max: u32,
    pub(super) references_max: u32,
}

impl Custody {
    /// How many instructions wait for their custodian.
    pub fn pending_used(&self) -> u32 {
        self.pending.len() as u32
    }

    /// How many references of open dates are remembered.
    pub fn references_used(&self) -> u32 {
        self.references.len() as u32
    }

    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            pending: BTreeMap::new(),
            asked: BTreeMap::new(),
            references: BTreeSet::new(),
            pending_max: limits.instructions_max,
            references_max: limits.references_max,
        }
    }

    /// The instruction, while it is pending.
    pub fn instruction(&self, id: Sequence) -> Option<&Instruction> {
        self.pending.get(&id.value())
    }

    /// An instruction is pending from now on, the newest; of what is held, the sum
    /// of an asset is bounded by what is in circulation.
    pub(super) fn add(&mut self, id: Sequence, instruction: Instruction) {
        self.pending.insert(id.value(), instruction);
        self.ask(&instruction, 1);
    }

    /// It is pending no more.
    fn remove(&mut self, id: Sequence) {
        let one = self.pending.remove(&id.value());
        self.ask(&one.expect("it is pending"), -1);
    }

    fn ask(&mut self, one: &Instruction, sign: i64) {
        let held = one.held().units();
        if held == 0 {
            return;
        }
        let store = (one.custodian, one.asset);
        let asked = self.asked.entry(store).or_default();
        *asked += sign * held;
        if *asked == 0 {
            self.asked.remove(&store);
        }
    }

    /// What a custodian is asked to hand out of an asset.
    pub(super) fn asked(&self, custodian: CustodianId, asset: AssetId) -> i64 {
        let asked = self.asked.get(&(custodian, asset));
        asked.copied().unwrap_or(0)
    }

    /// Whether what is asked for is what the pending ones ask for; for audits.
    pub(super) fn is_sound(&self) -> bool {
        let mut asked = BTreeMap::new();
        for one in self.pending.values().filter(|one| !one.held().is_zero()) {
            let store = (one.custodian, one.asset);
            *asked.entry(store).or_default() += one.held().units();
        }
        asked == self.asked
    }

    /// All pending ones, the oldest first.
    pub fn pending(
        &self,
    ) -> impl ExactSizeIterator<Item = (Sequence, &Instruction)> + DoubleEndedIterator {
        let pending = self.pending.iter();
        pending.map(|(id, one)| (Sequence::new(*id), one))
    }

    /// The pending ones from that id on, the oldest first.
    pub fn pending_from(&self, id: Sequence) -> impl Iterator<Item = (Sequence, &Instruction)> {
        let pending = self.pending.range(id.value()..);
        pending.map(|(id, one)| (Sequence::new(*id), one))
    }
}

/// What a checked instruction refers to.
pub(crate) struct Known {
    pub(crate) demonstration: Demonstration,
}

/// The day of an instant, in days from 1970-01-01 at UTC+8.
pub fn business_date(time: Time) -> i32 {
    const DAY: i64 = 86_400_000_000_000;
    const EAST: i64 = 8 * 3_600_000_000_000;
    ((time.nanoseconds() + EAST).div_euclid(DAY)) as i32
}

impl Clearing {
    /// Checks an instruction of a known account and changes nothing; `lawful` is what the rules of
    /// settlement say.
    ///
    /// # Errors
    /// UNKNOWN_ASSET, UNKNOWN_CUSTODIAN, INVALID_FIELD, MAX_HOLDERS, TOO_MANY,
    /// INSUFFICIENT_FUNDS, INSUFFICIENT_GOODS, AMOUNT_LIMIT.
    pub(crate) fn check_instruct(
        &self,
        command: &Instruct,
        lawful: Result<(), Reject>,
    ) -> Result<Known, Reject> {
        let asset = self.assets.asset(command.asset);
        let asset = asset.ok_or(RejectReason::UnknownAsset)?;
        let custodian = self.assets.custodian(command.custodian);
        let custodian = custodian.ok_or(RejectReason::UnknownCustodian)?;
        if command.amount.is_zero() || !keeps(custodian, asset) {
            return Err(RejectReason::InvalidField.into());
        }
        lawful?;
        let holders = [
            Holder::Account(command.account),
            Holder::Custodian(command.custodian),
        ];
        let missing = holders.map(|holder| self.ledger.find(holder, command.asset).is_none());
        let missing = missing.iter().filter(|missing| **missing).count() as u32;
        let full = self.custody.pending.len() >= self.custody.pending_max as usize;
        if full || missing > self.ledger.room() {
            return Err(RejectReason::TooMany.into());
        }
        match command.direction {
            Direction::Withdrawal => self.check_available(command, asset)?,
            Direction::Deposit if custodian.demonstration == Demonstration::Demonstration => {
                self.check_circulation(command.asset, command.amount)?;
            }
            Direction::Deposit => {}
        }
        Ok(Known {
            demonstration: custodian.demonstration,
        })
    }

    fn check_available(&self, command: &Instruct, asset: &Asset) -> Result<(), RejectReason> {
        let place = self
            .ledger
            .find(Holder::Account(command.account), command.asset);
        let available = place.map_or(0, |place| self.ledger.position(place).available);
        let units = command.amount.units();
        if units <= available && units <= self.free_at(command.custodian, command.asset) {
            return Ok(());
        }
        Err(match asset.class {
            AssetClass::Currency { .. } => RejectReason::InsufficientFunds,
            AssetClass::Goods { .. } => RejectReason::InsufficientGoods,
        })
    }

    /// What a custodian holds that no receipt stands for, no offer or contract holds, and nobody
    /// asked it to hand out.
    pub(super) fn free_at(&self, custodian: CustodianId, asset: AssetId) -> i64 {
        let place = self.ledger.find(Holder::Custodian(custodian), asset);
        let holds = place.map_or(0, |place| -self.ledger.position(place).available);
        let stored = self.receipts.stored(custodian, asset);
        let shelved = self.shelves.held((custodian, asset));
        holds - stored - shelved - self.custody.asked(custodian, asset)
    }

    pub(super) fn check_circulation(
        &self,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), RejectReason> {
        if amount.units() > self.ledger.free(asset) {
            return Err(RejectReason::AmountLimit);
        }
        Ok(())
    }

    /// Enters a checked instruction; a demonstration's custodian answers at once.
    pub(crate) fn instruct(
        &mut self,
        id: Sequence,
        time: Time,
        command: &Instruct,
        known: &Known,
    ) -> CustodyReport {
        let instruction = Instruction {
            account: command.account,
            asset: command.asset,
            custodian: command.custodian,
            direction: command.direction,
            amount: command.amount,
        };
        self.ledger
            .open(Holder::Custodian(command.custodian), command.asset);
        let place = self
            .ledger
            .open(Holder::Account(command.account), command.asset);
        if command.direction == Direction::Withdrawal {
            self.ledger.hold(place, command.amount.units());
        }
        if known.demonstration == Demonstration::Demonstration {
            self.execute(&instruction);
            let status = CustodyStatus::Executed;
            return report(
                id,
                &instruction,
                status,
                own_reference(id),
                business_date(time),
            );
        }
        self.custody.add(id, instruction);
        report(id, &instruction, CustodyStatus::Pending, Name::EMPTY, 0)
    }

    /// Checks a custodian's answer and changes nothing; `approved` says whether another principal
    /// than the one who sent it approved.
    ///
    /// # Errors
    /// UNKNOWN_INSTRUCTION, APPROVER_REQUIRED, INVALID_FIELD, CUSTODY_DATE_CLOSED, REFERENCE_USED,
    /// AMOUNT_LIMIT, TOO_MANY.
    pub(crate) fn check_acknowledge(
        &self,
        command: &Acknowledge,
        approved: Approved,
    ) -> Result<Instruction, Reject> {
        let found = self.custody.instruction(command.instruction);
        let instruction = *found.ok_or(RejectReason::UnknownInstruction)?;
        let custodian = self.assets.custodian(instruction.custodian);
        let custodian = custodian.expect("an instruction names a custodian");
        if approved == Approved::No && custodian.demonstration == Demonstration::Real {
            return Err(RejectReason::ApproverRequired.into());
        }
        if command.reference.is_empty() {
            return Err(RejectReason::InvalidField.into());
        }
        if custodian.closed_through >= Some(command.business_date) {
            return Err(RejectReason::CustodyDateClosed.into());
        }
        let reference = (
            instruction.custodian,
            command.business_date,
            command.reference,
        );
        if self.custody.references.contains(&reference) {
            return Err(RejectReason::ReferenceUsed.into());
        }
        if command.outcome == Outcome::Executed && instruction.direction == Direction::Deposit {
            self.check_circulation(instruction.asset, instruction.amount)?;
        }
        if self.custody.references.len() >= self.custody.references_max as usize {
            return Err(RejectReason::TooMany.into());
        }
        Ok(instruction)
    }

    /// Carries out a checked answer.
    pub(crate) fn acknowledge(
        &mut self,
        command: &Acknowledge,
        instruction: &Instruction,
    ) -> CustodyReport {
        self.custody.remove(command.instruction);
        let reference = (
            instruction.custodian,
            command.business_date,
            command.reference,
        );
        self.custody.references.insert(reference);
        let status = match command.outcome {
            Outcome::Executed => {
                self.execute(instruction);
                CustodyStatus::Executed
            }
            Outcome::Refused => {
                if instruction.direction == Direction::Withdrawal {
                    let place = self.place(instruction);
                    self.ledger.release(place, instruction.amount.units());
                }
                CustodyStatus::Refused
            }
        };
        let (id, date) = (command.instruction, command.business_date);
        report(id, instruction, status, command.reference, date)
    }

    fn place(&self, instruction: &Instruction) -> Place {
        let holder = Holder::Account(instruction.account);
        let place = self.ledger.find(holder, instruction.asset);
        place.expect("made with the instruction")
    }

    fn execute(&mut self, instruction: &Instruction) {
        let holder = Holder::Custodian(instruction.custodian);
        let custodian = self.ledger.find(holder, instruction.asset);
        let custodian = custodian.expect("made with the instruction");
        let (place, amount) = (self.place(instruction), instruction.amount.units());
        match instruction.direction {
            Direction::Deposit => self.ledger.issue(custodian, amount, place),
            Direction::Withdrawal => self.ledger.retire(place, amount, custodian),
        }
    }

    /// Checks the closing of dates at `time` and changes nothing: what a real custodian said of a
    /// date is closed by two, and no day before it has begun.
    ///
    /// # Errors
    /// UNKNOWN_CUSTODIAN, APPROVER_REQUIRED, INVALID_FIELD.
    pub(crate) fn check_close(
        &self,
        command: CloseCustodyDate,
        approved: Approved,
        time: Time,
    ) -> Result<(), Reject> {
        let custodian = self.assets.custodian(command.custodian);
        let custodian = custodian.ok_or(RejectReason::UnknownCustodian)?;
        if approved == Approved::No && custodian.demonstration == Demonstration::Real {
            return Err(RejectReason::ApproverRequired.into());
        }
        let began = command.date <= business_date(time);
        if !began || custodian.closed_through >= Some(command.date) {
            return Err(RejectReason::InvalidField.into());
        }
        Ok(())
    }

    /// Closes dates that were checked.
    pub(crate) fn close_date(&mut self, command: CloseCustodyDate) {
        self.assets.close(command.custodian, command.date);
        let custodian = command.custodian;
        let open =
            |(of, date, _): &(CustodianId, i32, Name)| *of != custodian || *date > command.date;
        self.custody.references.retain(open);
    }
}

/// Whether another principal approved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Approved {
    Yes,
    No,
}

/// The reference of an instruction that its demonstration acknowledges by itself.
fn own_reference(id: Sequence) -> Name {
    let mut text = [0_u8; 32];
    let room = text.len();
    let mut rest = &mut text[..];
    write!(rest, "auto-{}", id.value()).expect("20 digits are short");
    let used = room - rest.len();
    let text = std::str::from_utf8(&text[..used]).expect("digits");
    Name::new(text).expect("20 digits are short")
}

pub(super) fn keeps(custodian: &Custodian, asset: &Asset) -> bool {
    custodian.kind == asset.class.keeper() && custodian.demonstration == asset.demonstration
}

fn report(
    instruction: Sequence,
    of: &Instruction,
    status: CustodyStatus,
    reference: Name,
    business_date: i32,
) -> CustodyReport {
    CustodyReport {
        instruction,
        account: of.account,
        asset: of.asset,
        custodian: of.custodian,
        direction: of.direction,
        amount: of.amount,
        status,
        reference,
        business_date,
    }
}
