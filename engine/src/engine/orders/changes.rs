//! The checks of a replace: its owner, its new values, and what the order will hold.
//!
//! Invariant: nothing changes here. Not here: the change (`orders`), its rules in the book
//! (`market::replace`).

use super::super::Engine;
use super::super::standing::Trader;
use crate::clearing::hold::Needed;
use crate::clearing::margin::orders::Refit;
use crate::command::ReplaceOrder;
use crate::market::Setting;
use crate::market::replace::{Replacement, Risks};
use crate::reject::{Reject, RejectReason};
use crate::types::{Quantity, SessionId, Side, Time};
use crate::venue::Action;

/// What a replace changes of what its order holds.
#[derive(Clone, Copy)]
pub(in crate::engine) enum Changed {
    Nothing,
    Cleared(Needed),
    Margin(Refit),
}

impl Engine {
    /// All checks of a replace, and what it changes of what the order holds.
    pub(in crate::engine) fn check_replace(
        &self,
        command: &ReplaceOrder,
        session: Option<SessionId>,
        time: Time,
    ) -> Result<(u32, Replacement, Changed), Reject> {
        let link = self.parties.link(command.account);
        let (participant, _) = link.ok_or(RejectReason::UnknownAccount)?;
        let (slot, trader) = self.check_owner(command, session, participant)?;
        let mut spare = None;
        let setting = self.setting_of(slot, &mut spare);
        setting.permits(Action::Replace)?;
        self.check_qualified(&trader)?;
        let replacement = self.check_new_values(command, time, (slot, &trader), setting)?;
        let changed = self.check_changed(slot, &replacement, setting)?;
        Ok((slot, replacement, changed))
    }

    /// The checks of what a replace asks for, those of risk and position in their places.
    fn check_new_values(
        &self,
        command: &ReplaceOrder,
        time: Time,
        (slot, trader): (u32, &Trader),
        setting: &Setting,
    ) -> Result<Replacement, RejectReason> {
        let market = self.market(trader.instrument);
        let gate = self.gate(command.account, trader.participant, trader.instrument);
        let margined = setting.margined();
        let room = margined.map(|_| self.clearing.replace_room(slot, trader.side));
        if gate.is_none() && room.is_none() {
            return market.check_replace(&self.arena, setting, slot, command, None);
        }
        let row = self.arena.row(slot);
        let more = |leaves: Quantity| {
            if let Some(gate) = &gate
                && trader.side == Side::Buy
                && leaves > row.leaves
            {
                let more = leaves.minus(row.leaves);
                self.check_position(gate, command.account, setting.cleared(), more)?;
            }
            room.map_or(Ok(()), |room| check_room_of_position(leaves, room))
        };
        let flow = gate.as_ref().map_or(Ok(()), |gate| gate.check_flow(time));
        let risk = Risks { flow, more: &more };
        market.check_replace(&self.arena, setting, slot, command, Some(&risk))
    }

    /// What an order would hold after a replace.
    fn check_changed(
        &self,
        slot: u32,
        replacement: &Replacement,
        setting: &Setting,
    ) -> Result<Changed, RejectReason> {
        let Replacement::Change(values) = replacement else {
            return Ok(Changed::Nothing);
        };
        let row = self.arena.row(slot);
        let (side, price) = (row.flags.side(), values.price());
        let leaves = values.leaves(row.cumulative());
        let clearing = &self.clearing;
        Ok(match (setting.cleared(), setting.margined()) {
            (Some(cleared), _) => {
                Changed::Cleared(clearing.check_change(cleared, slot, side, price, leaves)?)
            }
            (None, Some(margined)) => {
                let checked = clearing.check_margin_change(margined, slot, side, price, leaves);
                Changed::Margin(checked?)
            }
            (None, None) => Changed::Nothing,
        })
    }
}

/// POSITION_LIMIT of a margin forward.
pub(super) fn check_room_of_position(
    quantity: Quantity,
    room_lots: i64,
) -> Result<(), RejectReason> {
    if quantity.lots() > room_lots {
        return Err(RejectReason::PositionLimit);
    }
    Ok(())
}
