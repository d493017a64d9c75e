//! Switches in a snapshot.
//!
//! ```text
//! count, engaged switches in order: scope | since | canceled | kept
//! count, sessions that chose something, rising: session | marks u8 (1 cancels, 2 armed, 4 fired) |
//!     deadline if armed | instant if fired
//! count, pending sweeps, the first one first: deadline | kind u8 | scope or session | cutoff |
//!     cursor | passed | canceled | kept
//! count, live orders that came through a session, slots rising: slot | session
//! ```
//! Invariant: what is read agrees with the parties, venues, sessions and orders read before. Not
//! here: the version (`engine::sections`).

use super::Switches;
use super::sweeps::Sweep;
use crate::bytes::{self, BytesError, Reader};
use crate::command::{KillScope, OnDisconnect, Position};
use crate::event::{SweepOf, Swept};
use crate::journal::codec::{put_scope, scope};
use crate::limits::Limits;
use crate::types::{Sequence, SessionId, Time};

const CANCELS: u8 = 1;
const ARMED: u8 = 2;
const FIRED: u8 = 4;

/// What a section must agree with.
pub(crate) struct Known<'a> {
    /// Whether there is what a switch stops.
    pub(crate) has: &'a dyn Fn(KillScope) -> bool,
    /// Whether an order lives in a row.
    pub(crate) lives: &'a dyn Fn(u32) -> bool,
    /// How many sessions there are.
    pub(crate) sessions: u32,
    /// How many rows are in use.
    pub(crate) rows: u32,
    /// The sequence and time of the last command.
    pub(crate) now: (Sequence, Time),
}

impl Switches {
    /// Writes all switches; `lives` says in which rows orders live.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, lives: impl Fn(u32) -> bool) {
        bytes::put_varint(out, self.engaged().len() as u64);
        for engaged in self.engaged() {
            put_scope(out, engaged.scope);
            bytes::put_time(out, engaged.since);
            bytes::put_varint(out, u64::from(engaged.canceled));
            bytes::put_varint(out, u64::from(engaged.kept));
        }
        bytes::put_varint(out, self.sessions().count() as u64);
        for (session, chosen) in self.sessions() {
            put_session(out, session);
            let cancels = chosen.on_disconnect == OnDisconnect::Cancel;
            let marks = u8::from(cancels) * CANCELS
                + u8::from(chosen.dead_man.is_some()) * ARMED
                + u8::from(chosen.fired.is_some()) * FIRED;
            bytes::put_u8(out, marks);
            for instant in [chosen.dead_man, chosen.fired].into_iter().flatten() {
                bytes::put_time(out, instant);
            }
        }
        bytes::put_varint(out, self.sweeps.pending().len() as u64);
        for sweep in self.sweeps.pending() {
            put_sweep(out, sweep);
        }
        let slots = 0..self.origins.len() as u32;
        let through = slots.filter_map(|slot| Some((slot, self.origin(slot)?)));
        let through: Vec<_> = through.filter(|(slot, _)| lives(*slot)).collect();
        bytes::put_varint(out, through.len() as u64);
        for (slot, session) in through {
            bytes::put_varint(out, u64::from(slot));
            put_session(out, session);
        }
    }

    /// Reads what [`Switches::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes; what is not there, out of order or beyond the bounds.
    pub(crate) fn decode(
        input: &mut Reader<'_>,
        limits: &Limits,
        known: &Known<'_>,
    ) -> Result<Self, BytesError> {
        let mut switches = Self::new(limits);
        let wrong = |field| BytesError::range(field);
        let most = limits.switches_max.saturating_add(limits.venues_max);
        for _ in 0..input.count(most, 5, "the count of kill switches")? {
            let scope = scope(input)?;
            let since = input.time("when a switch was engaged")?;
            let last = switches.engaged().last();
            let rises = last.is_none_or(|last| last.scope < scope);
            let room = switches.check_room(scope).is_ok();
            if !rises || !room || !(known.has)(scope) || since > known.now.1 {
                return Err(wrong("a kill switch"));
            }
            switches.turn(scope, Position::Engaged, since);
            switches.note_swept(&Swept {
                what: SweepOf::Kill(scope),
                canceled: input.varint32("what a switch cancelled")?,
                kept: input.varint32("what a switch left")?,
            });
        }
        let mut last = None;
        for _ in 0..input.count(known.sessions, 2, "the count of sessions' choices")? {
            let session = session(input, known)?;
            let marks = input.u8()?;
            if last >= Some(session) || marks == 0 || marks & !(CANCELS | ARMED | FIRED) != 0 {
                return Err(wrong("a session's choice"));
            }
            last = Some(session);
            if marks & CANCELS != 0 {
                switches.set_on_disconnect(session, OnDisconnect::Cancel);
            }
            let deadline = (marks & ARMED != 0).then(|| input.time("a dead-man timer"));
            let deadline = deadline.transpose()?;
            if marks & FIRED != 0 {
                let fired = input.time("when a dead-man timer fired")?;
                if fired > known.now.1 {
                    return Err(wrong("when a dead-man timer fired"));
                }
                switches.fire(session, fired);
            }
            switches.arm(session, deadline);
        }
        let most = most
            .saturating_add(known.sessions.saturating_mul(2))
            .saturating_add(1);
        for _ in 0..input.count(most, 8, "the count of sweeps")? {
            switches.sweeps.restore(sweep(input, known)?);
        }
        let mut last = None;
        for _ in 0..input.count(known.rows, 2, "the count of orders through sessions")? {
            let slot = input.varint32("the row of an order")?;
            let session = session(input, known)?;
            if last >= Some(slot) || !(known.lives)(slot) {
                return Err(wrong("an order through a session"));
            }
            last = Some(slot);
            switches.note_origin(slot, Some(session));
        }
        Ok(switches)
    }
}

fn put_session(out: &mut Vec<u8>, session: SessionId) {
    bytes::put_varint(out, u64::from(session.index()));
}

fn session(input: &mut Reader<'_>, known: &Known<'_>) -> Result<SessionId, BytesError> {
    let session = input.varint32("a session")?;
    if session >= known.sessions {
        return Err(BytesError::range("a session"));
    }
    Ok(SessionId::new(session))
}

fn put_sweep(out: &mut Vec<u8>, sweep: &Sweep) {
    bytes::put_time(out, sweep.deadline);
    match sweep.what {
        SweepOf::Kill(scope) => {
            bytes::put_u8(out, 0);
            put_scope(out, scope);
        }
        SweepOf::Disconnected(session) => {
            bytes::put_u8(out, 1);
            put_session(out, session);
        }
        SweepOf::DeadMan(session) => {
            bytes::put_u8(out, 2);
            put_session(out, session);
        }
        SweepOf::SessionsLost => bytes::put_u8(out, 3),
    }
    bytes::put_varint(out, sweep.cutoff.value());
    bytes::put_varint(out, u64::from(sweep.cursor));
    bytes::put_varint(out, sweep.passed.value());
    bytes::put_varint(out, u64::from(sweep.canceled));
    bytes::put_varint(out, u64::from(sweep.kept));
}

fn sweep(input: &mut Reader<'_>, known: &Known<'_>) -> Result<Sweep, BytesError> {
    let sweep = Sweep {
        deadline: input.time("a sweep's deadline")?,
        what: match input.u8()? {
            0 => SweepOf::Kill(scope(input)?),
            1 => SweepOf::Disconnected(session(input, known)?),
            2 => SweepOf::DeadMan(session(input, known)?),
            3 => SweepOf::SessionsLost,
            _ => return Err(BytesError::range("the kind of a sweep")),
        },
        cutoff: Sequence::new(input.varint()?),
        cursor: input.varint32("a sweep's cursor")?,
        passed: Sequence::new(input.varint()?),
        canceled: input.varint32("what a sweep cancelled")?,
        kept: input.varint32("what a sweep left")?,
    };
    let (sequence, time) = known.now;
    let unseen = sweep.cursor > known.rows;
    if unseen || sweep.cutoff > sequence || sweep.passed > sweep.cutoff || sweep.deadline > time {
        return Err(BytesError::range("a sweep"));
    }
    Ok(sweep)
}
