//! Switches: what an engaged one refuses, and the sweeps that end orders part by part.
//!
//! Invariant: one command ends at most `Limits::EXPIRIES_PER_TICK_MAX` orders and looks at no more
//! than `Limits::sweep_rows_max` rows; what is left is due at once. Not here: where switches stand
//! (`switch`), the order in which deadlines fire (`clock`). SEMANTICS section 18.

use super::{Engine, operation};
use crate::command::{
    ArmDeadMan, Envelope, Identity, KillScope, OnDisconnect, Position, ReplaceOrder,
    SetDisconnectPolicy, SetKillSwitch, SwitchCommand,
};
use crate::event::{
    Cause, DeadManArmed, Event, Events, ExecType, KillSwitchTurned, SweepOf, SwitchEvent,
};
use crate::limits::Limits;
use crate::reject::{Reject, RejectReason};
use crate::switch::Switches;
use crate::switch::sweeps::{Budget, Passed, Sweep};
use crate::types::{AccountId, InstrumentId, PrincipalId, Sequence, SessionId};
use crate::venue::Action;

/// Whether a sweep goes on in the next command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    Wholly,
    InPart,
}

/// The session through which a command comes.
pub(super) fn session_of(envelope: &Envelope) -> Option<SessionId> {
    match envelope.identity {
        Identity::Session { session, .. } => Some(session),
        Identity::Internal | Identity::Request(_) => None,
    }
}

impl Engine {
    /// Kill switches, policies and timers.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// KILL_SWITCH of a new order that comes through `session`; its account is known.
    #[inline]
    pub(super) fn check_switches(
        &self,
        session: Option<SessionId>,
        account: AccountId,
        instrument: InstrumentId,
    ) -> Result<(), RejectReason> {
        if !self.switches.are_any_engaged() {
            return Ok(());
        }
        self.check_engaged([session, None], account, Some(instrument))
    }

    /// KILL_SWITCH of a replace that comes through `session`: it comes within what the command
    /// names and within what its order is, where there is one.
    #[inline]
    pub(super) fn check_replace_switches(
        &self,
        session: Option<SessionId>,
        command: &ReplaceOrder,
        slot: Option<u32>,
    ) -> Result<(), RejectReason> {
        if !self.switches.are_any_engaged() {
            return Ok(());
        }
        let sessions = [session, slot.and_then(|slot| self.switches.origin(slot))];
        let instrument = slot.map(|slot| self.instrument_of(slot));
        self.check_engaged(sessions, command.account, instrument)
    }

    #[cold]
    fn check_engaged(
        &self,
        sessions: [Option<SessionId>; 2],
        account: AccountId,
        instrument: Option<InstrumentId>,
    ) -> Result<(), RejectReason> {
        let Some((participant, _)) = self.parties.link(account) else {
            return Ok(());
        };
        let known = instrument.and_then(|id| self.venues.instrument(id));
        let venue = known.map(|instrument| KillScope::Venue(instrument.venue));
        let parties = [
            KillScope::Account(account),
            KillScope::Participant(participant),
        ];
        let sessions = sessions.into_iter().flatten().map(KillScope::Session);
        let mut scopes = sessions.chain(parties).chain(venue);
        if scopes.any(|scope| self.switches.is_engaged(scope)) {
            return Err(RejectReason::KillSwitch);
        }
        Ok(())
    }

    /// Checks a command about switches and changes nothing.
    pub(super) fn check_switch(
        &self,
        principal: PrincipalId,
        command: &SwitchCommand,
    ) -> Result<(), Reject> {
        match command {
            SwitchCommand::SetKillSwitch(set) => self.check_kill_switch(set)?,
            SwitchCommand::SetDisconnectPolicy(set) => {
                self.check_session(principal, set.session)?;
            }
            SwitchCommand::ArmDeadMan(arm) => {
                self.check_session(principal, arm.session)?;
                let most = Limits::DEAD_MAN_MIN..=Limits::DEAD_MAN_MAX;
                if arm.timeout.is_some_and(|timeout| !most.contains(&timeout)) {
                    return Err(RejectReason::InvalidField.into());
                }
            }
            SwitchCommand::SessionDisconnected(session) => {
                self.check_session(principal, *session)?;
            }
        }
        Ok(())
    }

    /// UNKNOWN_SESSION, UNKNOWN_ACCOUNT, UNKNOWN_PARTICIPANT, UNKNOWN_VENUE, TOO_MANY.
    fn check_kill_switch(&self, set: &SetKillSwitch) -> Result<(), RejectReason> {
        if !self.has(set.scope) {
            return Err(match set.scope {
                KillScope::Session(_) => RejectReason::UnknownSession,
                KillScope::Account(_) => RejectReason::UnknownAccount,
                KillScope::Participant(_) => RejectReason::UnknownParticipant,
                KillScope::Venue(_) => RejectReason::UnknownVenue,
            });
        }
        match set.position {
            Position::Engaged => self.switches.check_room(set.scope),
            Position::Released => Ok(()),
        }
    }

    /// Whether there is what a switch would stop.
    pub(super) fn has(&self, scope: KillScope) -> bool {
        match scope {
            KillScope::Session(session) => self.sessions.session(session).is_some(),
            KillScope::Account(account) => self.parties.owner_of(account).is_some(),
            KillScope::Participant(participant) => self.parties.participant(participant).is_some(),
            KillScope::Venue(venue) => self.venues.venue(venue).is_some(),
        }
    }

    fn check_session(&self, principal: PrincipalId, id: SessionId) -> Result<(), RejectReason> {
        let session = self.sessions.session(id);
        let own = session.is_some_and(|session| session.principal == principal);
        if own {
            Ok(())
        } else {
            Err(RejectReason::UnknownSession)
        }
    }

    /// Carries out a command about switches.
    pub(super) fn switch(
        &mut self,
        principal: PrincipalId,
        command: &SwitchCommand,
        events: &mut Events,
    ) {
        if let Err(reject) = self.check_switch(principal, command) {
            return operation(events, Err(reject));
        }
        // Nothing below can fail.
        match command {
            SwitchCommand::SetKillSwitch(set) => self.turn(*set, events),
            SwitchCommand::SetDisconnectPolicy(SetDisconnectPolicy {
                session,
                on_disconnect,
            }) => self.switches.set_on_disconnect(*session, *on_disconnect),
            SwitchCommand::ArmDeadMan(arm) => self.arm(*arm, events),
            SwitchCommand::SessionDisconnected(session) => {
                if self.switches.on_disconnect(*session) == OnDisconnect::Cancel {
                    self.begin_sweep(SweepOf::Disconnected(*session), events);
                }
            }
        }
        operation(events, Ok(None));
    }

    fn turn(&mut self, set: SetKillSwitch, events: &mut Events) {
        let SetKillSwitch { scope, position } = set;
        if self.switches.turn(scope, position, self.time) {
            let turned = KillSwitchTurned { scope, position };
            events.push(Event::Switch(SwitchEvent::Turned(turned)));
        }
        match position {
            Position::Engaged => self.begin_sweep(SweepOf::Kill(scope), events),
            Position::Released => self.switches.sweeps.give_up(SweepOf::Kill(scope)),
        }
    }

    fn arm(&mut self, arm: ArmDeadMan, events: &mut Events) {
        let session = arm.session;
        let deadline = arm.timeout.map(|timeout| self.time.after(timeout));
        self.switches.arm(session, deadline);
        let armed = DeadManArmed { session, deadline };
        events.push(Event::Switch(SwitchEvent::Armed(armed)));
    }

    /// Start-up: the connections of the time before are gone.
    pub(super) fn lose_sessions(&mut self, events: &mut Events) {
        if self.switches.any_cancels_on_disconnect() {
            self.begin_sweep(SweepOf::SessionsLost, events);
        }
        operation(events, Ok(None));
    }

    /// A dead-man timer fires: it is disarmed, and its session's orders are to end.
    pub(super) fn fire_dead_man(&mut self, session: SessionId, events: &mut Events) {
        self.switches.fire(session, self.time);
        events.push(Event::Switch(SwitchEvent::Fired(session)));
        let what = SweepOf::DeadMan(session);
        self.switches
            .sweeps
            .fall_due(what, self.time, self.sequence);
    }

    /// A sweep falls due, and does its first part at once if it need not wait for another.
    fn begin_sweep(&mut self, what: SweepOf, events: &mut Events) {
        self.switches
            .sweeps
            .fall_due(what, self.time, self.sequence);
        let first = self.switches.sweeps.first();
        if first.is_some_and(|first| first.what == what) {
            self.sweep(&mut Budget::of(&self.limits), events);
        }
        self.publish_touched(events);
    }

    /// Does the next part of the first sweep.
    pub(super) fn sweep(&mut self, budget: &mut Budget, events: &mut Events) -> Ended {
        self.look_at_rows(budget);
        let sweep = *self.switches.sweeps.first().expect("one is pending");
        if sweep.cursor < self.arena.used() {
            return Ended::InPart;
        }
        while let Some(slot) = self.switches.sweeps.next_live(&self.arena) {
            if budget.orders == 0 {
                return Ended::InPart;
            }
            budget.orders -= 1;
            let instrument = self.instrument_of(slot);
            let passed = match self.venues.permits(instrument, Action::MassCancel) {
                Ok(()) => {
                    self.withdraw(slot, ExecType::Canceled, cause_of(sweep.what), events);
                    Passed::Canceled
                }
                Err(_) => Passed::Kept,
            };
            self.switches.sweeps.pass(passed);
        }
        let swept = self.switches.sweeps.finish();
        self.switches.note_swept(&swept);
        events.push(Event::Switch(SwitchEvent::Swept(swept)));
        Ended::Wholly
    }

    /// Looks at so many rows for orders of the first sweep.
    fn look_at_rows(&mut self, budget: &mut Budget) {
        let sweep = *self.switches.sweeps.first().expect("one is pending");
        let mut sweeps = std::mem::take(&mut self.switches.sweeps);
        let used = self.arena.used();
        if let Some((account, rows)) = self.swept_by_chain(&sweep, *budget) {
            budget.rows -= rows;
            let chain = self.arena.of_account(account.index());
            sweeps.look(used, self.found(&sweep, chain));
        } else {
            let rows = (used - sweep.cursor).min(budget.rows);
            budget.rows -= rows;
            let cursor = sweep.cursor + rows;
            sweeps.look(cursor, self.found(&sweep, sweep.cursor..cursor));
        }
        self.switches.sweeps = sweeps;
    }

    /// The account of a sweep that has yet to begin and may look at all orders of it at once, and
    /// how many these are.
    fn swept_by_chain(&self, sweep: &Sweep, budget: Budget) -> Option<(AccountId, u32)> {
        let SweepOf::Kill(KillScope::Account(account)) = sweep.what else {
            return None;
        };
        let rows = self.parties.open_of(account);
        (sweep.cursor == 0 && rows <= budget.rows).then_some((account, rows))
    }

    /// A snapshot was read: what the first sweep had found is found again.
    pub(super) fn remember_found(&mut self) {
        let mut sweeps = std::mem::take(&mut self.switches.sweeps);
        if let Some(sweep) = sweeps.first().copied() {
            sweeps.remember(self.found(&sweep, 0..sweep.cursor));
        }
        self.switches.sweeps = sweeps;
    }

    /// The orders of a sweep in some rows that it has not dealt with, as (sequence, slot).
    fn found(
        &self,
        sweep: &Sweep,
        rows: impl Iterator<Item = u32>,
    ) -> impl Iterator<Item = (u64, u32)> {
        let (what, passed, cutoff) = (sweep.what, sweep.passed, sweep.cutoff);
        let own = rows.filter(move |slot| self.is_swept(what, *slot));
        own.filter_map(move |slot| {
            let sequence = Sequence::new(self.arena.row(slot).sequence);
            (sequence > passed && sequence <= cutoff).then_some((sequence.value(), slot))
        })
    }

    /// Whether the order in a row, if one lives there, belongs to a sweep.
    fn is_swept(&self, what: SweepOf, slot: u32) -> bool {
        let row = |slot| self.arena.row(slot);
        match what {
            SweepOf::Disconnected(session)
            | SweepOf::DeadMan(session)
            | SweepOf::Kill(KillScope::Session(session)) => {
                self.switches.origin(slot) == Some(session)
            }
            SweepOf::SessionsLost => {
                let origin = self.switches.origin(slot);
                let cancels = |id| self.switches.on_disconnect(id) == OnDisconnect::Cancel;
                origin.is_some_and(cancels)
            }
            SweepOf::Kill(KillScope::Account(account)) => row(slot).account == account.index(),
            SweepOf::Kill(KillScope::Participant(participant)) => {
                let link = self.parties.link(AccountId::new(row(slot).account));
                link.is_some_and(|(of, _)| of == participant)
            }
            SweepOf::Kill(KillScope::Venue(venue)) => {
                let instrument = InstrumentId::new(row(slot).instrument);
                let known = self.venues.instrument(instrument);
                known.is_some_and(|known| known.venue == venue)
            }
        }
    }
}

fn cause_of(what: SweepOf) -> Cause {
    match what {
        SweepOf::Kill(_) => Cause::KillSwitch,
        SweepOf::Disconnected(_) | SweepOf::SessionsLost => Cause::Disconnected,
        SweepOf::DeadMan(_) => Cause::DeadMan,
    }
}
