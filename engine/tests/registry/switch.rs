//! Kill switches, lost sessions, dead-man timers and their sweeps (section 18).

use super::*;
use RejectReason as R;
use rules::fails;

/// A pending sweep.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    pub at: i128,
    pub what: SweepOf,
    /// Orders with a higher sequence stay.
    last: u64,
    /// Rows it has looked at.
    looked: usize,
    /// It has dealt with orders up to this one.
    dealt: u64,
    canceled: u32,
    kept: u32,
    /// Commands that did a part of it, and whether anything was left between them.
    pub parts: u32,
}

/// What one command may still do: orders, rows.
pub type Left = (usize, usize);

impl Reference {
    /// The budget of a whole command.
    pub(super) fn whole(&self) -> Left {
        let rows = self.limits.sweep_rows_max as usize;
        (Limits::EXPIRIES_PER_TICK_MAX, rows)
    }

    fn own(&self, who: PrincipalId, session: SessionId) -> Result<usize, R> {
        let known = self.sessions.get(session.place());
        let own = known.is_some_and(|known| known.principal == who);
        fails(!own, R::UnknownSession)?;
        Ok(session.place())
    }

    pub(super) fn switch(
        &mut self,
        who: PrincipalId,
        command: &SwitchCommand,
    ) -> Result<Option<u32>, Reject> {
        match *command {
            SwitchCommand::SetKillSwitch(set) => self.turn(set)?,
            SwitchCommand::SetDisconnectPolicy(set) => {
                let at = self.own(who, set.session)?;
                self.sessions[at].cancels = set.on_disconnect == OnDisconnect::Cancel;
            }
            SwitchCommand::ArmDeadMan(arm) => {
                let at = self.own(who, arm.session)?;
                let second = 1_000_000_000;
                let span = arm.timeout.map(|timeout| timeout.0);
                let wrong = |span| !(second..=86_400 * second).contains(&span);
                fails(span.is_some_and(wrong), R::InvalidField)?;
                let deadline = arm.timeout.map(|timeout| self.time.after(timeout));
                self.sessions[at].dead_man = deadline;
                let session = arm.session;
                let armed = DeadManArmed { session, deadline };
                self.out.push(Event::Switch(SwitchEvent::Armed(armed)));
            }
            SwitchCommand::SessionDisconnected(session) => {
                let at = self.own(who, session)?;
                if self.sessions[at].cancels {
                    self.begin(SweepOf::Disconnected(session));
                }
            }
        }
        Ok(None)
    }

    pub(super) fn sessions_lost(&mut self) -> Option<u32> {
        if self.sessions.iter().any(|session| session.cancels) {
            self.begin(SweepOf::SessionsLost);
        }
        None
    }

    fn turn(&mut self, set: SetKillSwitch) -> Result<(), R> {
        let (there, unknown) = match set.scope {
            KillScope::Session(id) => (id.place() < self.sessions.len(), R::UnknownSession),
            KillScope::Account(id) => (id.place() < self.accounts.len(), R::UnknownAccount),
            KillScope::Participant(id) => {
                let there = id.place() < self.participants.len();
                (there, R::UnknownParticipant)
            }
            KillScope::Venue(id) => (id.place() < self.venues.len(), R::UnknownVenue),
        };
        fails(!there, unknown)?;
        let engages = set.position == Position::Engaged;
        let stood = self.engaged.contains(&set.scope);
        let narrow = |scope: &&KillScope| !matches!(scope, KillScope::Venue(_));
        let used = self.engaged.iter().filter(narrow).count() as u32;
        let full = used >= self.limits.switches_max && narrow(&&set.scope) && !stood;
        fails(engages && full, R::TooMany)?;
        if engages != stood {
            self.engaged.retain(|scope| *scope != set.scope);
            if engages {
                self.engaged.push(set.scope);
            }
            let (scope, position) = (set.scope, set.position);
            let turned = KillSwitchTurned { scope, position };
            self.out.push(Event::Switch(SwitchEvent::Turned(turned)));
        }
        let what = SweepOf::Kill(set.scope);
        if engages {
            self.begin(what);
        } else {
            self.sweeps.retain(|sweep| sweep.what != what);
        }
        Ok(())
    }

    /// KILL_SWITCH of what an account does through these sessions, at an instrument if one is
    /// known.
    pub(in crate::reference) fn stopped(
        &self,
        account: AccountId,
        sessions: [Option<SessionId>; 2],
        instrument: Option<usize>,
    ) -> Result<(), R> {
        let participant = self.accounts[account.place()].participant as u32;
        let venue = instrument
            .and_then(|i| self.instruments.get(i))
            .map(|i| i.venue as u32);
        let stops = |scope: &KillScope| match *scope {
            KillScope::Session(id) => sessions.contains(&Some(id)),
            KillScope::Account(id) => id == account,
            KillScope::Participant(id) => id.index() == participant,
            KillScope::Venue(id) => Some(id.index()) == venue,
        };
        fails(self.engaged.iter().any(stops), R::KillSwitch)
    }

    pub(super) fn falls_due(&mut self, what: SweepOf) {
        let last = self.sequence.value();
        if let Some(known) = self.sweeps.iter_mut().find(|sweep| sweep.what == what) {
            (known.last, known.looked, known.dealt, known.kept) = (last, 0, 0, 0);
            return;
        }
        self.sweeps.push(Sweep {
            at: i128::from(self.time.nanoseconds()),
            what,
            last,
            looked: 0,
            dealt: 0,
            canceled: 0,
            kept: 0,
            parts: 0,
        });
    }

    fn begin(&mut self, what: SweepOf) {
        self.falls_due(what);
        if self.sweeps[0].what == what {
            let mut whole = self.whole();
            self.part(&mut whole);
        }
        self.indicate();
    }

    /// The timer of a session fires.
    pub(super) fn fire(&mut self, session: SessionId) {
        self.sessions[session.place()].dead_man = None;
        self.out.push(Event::Switch(SwitchEvent::Fired(session)));
        self.falls_due(SweepOf::DeadMan(session));
    }

    fn belongs(&self, order: &Order, what: SweepOf) -> bool {
        match what {
            SweepOf::Disconnected(id)
            | SweepOf::DeadMan(id)
            | SweepOf::Kill(KillScope::Session(id)) => order.session == Some(id),
            SweepOf::SessionsLost => {
                let session = order.session.map(|id| &self.sessions[id.place()]);
                session.is_some_and(|session| session.cancels)
            }
            SweepOf::Kill(KillScope::Account(id)) => order.account == id,
            SweepOf::Kill(KillScope::Participant(id)) => {
                self.accounts[order.account.place()].participant == id.place()
            }
            SweepOf::Kill(KillScope::Venue(id)) => {
                self.instruments[order.instrument].venue == id.place()
            }
        }
    }

    /// The next part of the first sweep; whether it is over.
    pub(super) fn part(&mut self, left: &mut Left) -> bool {
        self.sweeps[0].parts += 1;
        let own = match self.sweeps[0].what {
            SweepOf::Kill(KillScope::Account(id)) if self.sweeps[0].looked == 0 => Some(
                self.orders
                    .iter()
                    .filter(|order| order.account == id)
                    .count(),
            ),
            _ => None,
        };
        if let Some(own) = own.filter(|own| *own <= left.1) {
            self.sweeps[0].looked = self.rows;
            left.1 -= own;
        } else {
            let rows = (self.rows - self.sweeps[0].looked).min(left.1);
            self.sweeps[0].looked += rows;
            left.1 -= rows;
        }
        let sweep = self.sweeps[0];
        if sweep.looked < self.rows {
            return false;
        }
        let cause = match sweep.what {
            SweepOf::Kill(_) => Cause::KillSwitch,
            SweepOf::DeadMan(_) => Cause::DeadMan,
            SweepOf::Disconnected(_) | SweepOf::SessionsLost => Cause::Disconnected,
        };
        for order in self.orders.clone() {
            let range = sweep.dealt + 1..=sweep.last;
            if !range.contains(&order.id) || !self.belongs(&order, sweep.what) {
                continue;
            }
            if self.fault == Some(Fault::SweepLeavesStops) && order.place == Place::Stop {
                continue;
            }
            if left.0 == 0 {
                return false;
            }
            left.0 -= 1;
            self.sweeps[0].dealt = order.id;
            if self.permits(order.instrument, Action::MassCancel).is_ok() {
                self.end(order.id, ExecType::Canceled, cause);
                self.sweeps[0].canceled += 1;
            } else {
                self.sweeps[0].kept += 1;
            }
        }
        let Sweep {
            what,
            canceled,
            kept,
            parts,
            ..
        } = self.sweeps.remove(0);
        if parts > 1 {
            self.reached.push("sweep in parts");
        }
        let swept = Swept {
            what,
            canceled,
            kept,
        };
        self.out.push(Event::Switch(SwitchEvent::Swept(swept)));
        true
    }
}
