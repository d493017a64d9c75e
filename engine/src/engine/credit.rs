//! Commands about credit, collateral and transfers: who they name, and what they do.
//!
//! Invariant: as elsewhere, a refused command changes nothing and every command is answered. Not
//! here: the rules of each (`clearing::credit`, `clearing::transfer`).

use super::clearing::approved;
use super::settlement::Moved;
use super::{Engine, operation};
use crate::clearing::transfer::Owners;
use crate::command::{CreditCommand, Direction, Envelope, Half, Transfer, TransferHalf};
use crate::event::{Event, Events};
use crate::reject::{Reject, RejectReason};
use crate::types::AccountId;

impl Engine {
    fn known(&self, account: AccountId) -> Result<(), RejectReason> {
        let owner = self.parties.owner_of(account);
        owner.map(|_| ()).ok_or(RejectReason::UnknownAccount)
    }

    fn owners(&self, one: &Transfer) -> Result<Owners, RejectReason> {
        self.known(one.from)?;
        self.known(one.to)?;
        let owners = [one.from, one.to].map(|account| self.parties.owner_of(account));
        Ok(if owners[0] == owners[1] {
            Owners::One
        } else {
            Owners::Two
        })
    }

    /// Checks a command about credit and changes nothing.
    pub(super) fn check_credit(
        &self,
        command: &CreditCommand,
        envelope: &Envelope,
    ) -> Result<(), Reject> {
        let clearing = &self.clearing;
        match command {
            CreditCommand::SetLine(set) => clearing.check_line(set, approved(envelope)),
            CreditCommand::SetScore(set) => {
                self.known(set.account)?;
                self.check_mover(set.account, Direction::Deposit)?;
                clearing.check_score(set, approved(envelope))
            }
            CreditCommand::SetHaircut(set) => clearing.check_haircut(set, approved(envelope)),
            CreditCommand::MoveCollateral(one) => {
                self.known(one.account)?;
                clearing.check_collateral(one)
            }
            CreditCommand::Half(one) => {
                self.known(one.account)?;
                let direction = match one.half {
                    Half::Out => Direction::Withdrawal,
                    Half::In => Direction::Deposit,
                };
                self.check_mover(one.account, direction)?;
                clearing.check_half(one, approved(envelope))?;
                self.check_moved(&moved(one))
            }
            CreditCommand::Transfer(one) => {
                let owners = self.owners(one)?;
                self.check_mover(one.from, Direction::Withdrawal)?;
                self.check_mover(one.to, Direction::Deposit)?;
                clearing.check_transfer(one, owners)
            }
            CreditCommand::Compensate(one) => {
                let owners = self.owners(one)?;
                self.check_mover(one.from, Direction::Withdrawal)?;
                self.check_mover(one.to, Direction::Deposit)?;
                let authority = envelope.authority.as_deref();
                let reasoned = authority.is_some_and(|authority| !authority.reason.is_empty());
                clearing.check_compensation(one, (owners, reasoned), approved(envelope))
            }
        }
    }

    /// Carries out a command about credit.
    pub(super) fn credit(
        &mut self,
        command: &CreditCommand,
        envelope: &Envelope,
        events: &mut Events,
    ) {
        let done = self.check_credit(command, envelope);
        if done.is_ok() {
            self.carry_out_credit(command, events);
        }
        operation(events, done.map(|()| None));
    }

    /// Carries out what was checked.
    fn carry_out_credit(&mut self, command: &CreditCommand, events: &mut Events) {
        let clearing = &mut self.clearing;
        let event = match command {
            CreditCommand::SetLine(set) => return clearing.set_line(set),
            CreditCommand::SetScore(set) => return clearing.set_score(set),
            CreditCommand::SetHaircut(set) => return clearing.set_haircut(set),
            CreditCommand::MoveCollateral(one) => clearing.move_collateral(one),
            CreditCommand::Half(one) => {
                let event = clearing.transfer_half(one);
                self.moved(&moved(one));
                event
            }
            CreditCommand::Transfer(one) | CreditCommand::Compensate(one) => clearing.transfer(one),
        };
        events.push(Event::Credit(event));
    }
}

/// What a half moves.
fn moved(one: &TransferHalf) -> Moved {
    let side = Some((one.account, one.amount.units()));
    let (from, to) = match one.half {
        Half::Out => (side, None),
        Half::In => (None, side),
    };
    let goods = one.asset;
    Moved { goods, from, to }
}
