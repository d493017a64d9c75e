//! The checks of pre-trade risk, for one message at one time.
//!
//! Invariant: a check changes nothing, so a dry run costs no token; what is counted is counted
//! when the message was taken (`Risk::sent`). Not here: goods and holds (`clearing`).

use super::Risk;
use super::counters::{AccountRow, ParticipantRow};
use crate::command::RiskLimits;
use crate::parties::Parties;
use crate::reject::RejectReason;
use crate::types::{AccountId, ParticipantId, Quantity, Time, VenueId};

/// Who sends a message, where, and on which trading day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) account: AccountId,
    pub(crate) participant: ParticipantId,
    pub(crate) venue: VenueId,
    pub(crate) day: i32,
}

/// The limits a message stands under, with the counters they are compared with.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Of the account: its own, else the venue's.
    pub(super) own: RiskLimits,
    /// Of its participant.
    pub(super) joint: RiskLimits,
    pub(super) account: AccountRow,
    pub(super) participant: ParticipantRow,
    sender: Sender,
}

impl Gate {
    /// The limits of a message; none where there are none.
    pub(super) fn of(risk: &Risk, sender: &Sender) -> Option<Self> {
        let account = risk.account(sender.account);
        let participant = risk.participant(sender.participant);
        let default = risk.venue_set(sender.venue);
        if account.set.is_none() && participant.set.is_none() && default.is_none() {
            return None;
        }
        Some(Self {
            own: risk.limits(account.set).or(&risk.limits(default)),
            joint: risk.limits(participant.set),
            account,
            participant,
            sender: *sender,
        })
    }

    /// THROTTLED, ORDER_TO_TRADE: whether one more new order or replace may be sent at `time`.
    pub(crate) fn check_flow(&self, time: Time) -> Result<(), RejectReason> {
        let pairs = [
            (self.own.throttle, self.account.bucket),
            (self.joint.throttle, self.participant.bucket),
        ];
        for (throttle, bucket) in pairs {
            if throttle.is_some_and(|throttle| !bucket.has_token(throttle, time)) {
                return Err(RejectReason::Throttled);
            }
        }
        if let Some(limit) = self.own.order_to_trade {
            let (sent, trades) = self.account.today(self.sender.day);
            let most = u128::from(limit.ratio) * u128::from(trades) + u128::from(limit.allowance);
            if u128::from(sent) + 1 > most {
                return Err(RejectReason::OrderToTrade);
            }
        }
        Ok(())
    }

    /// ACCOUNT_OPEN_ORDERS: whether there may be one more live order.
    pub(crate) fn check_open(&self, parties: &Parties) -> Result<(), RejectReason> {
        let Sender {
            account,
            participant,
            ..
        } = self.sender;
        let pairs = [
            (self.own.open_orders, parties.open_of(account)),
            (
                self.joint.open_orders,
                parties.open_of_participant(participant),
            ),
        ];
        if pairs
            .iter()
            .any(|(most, open)| most.is_some_and(|most| *open >= most))
        {
            return Err(RejectReason::AccountOrders);
        }
        Ok(())
    }

    /// How many lots of goods the account may have and be buying, of each instrument.
    pub(crate) fn position(&self) -> Option<Quantity> {
        self.own.position
    }
}
