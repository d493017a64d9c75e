//! Switches: kill switches at four scopes, what a lost connection does, dead-man timers, and the
//! session each live order came through.
//!
//! Invariant: engaged switches are in order and each scope is there once; a session has at most one
//! armed timer; of the rows in use, those of orders that came through a session say which. What a
//! row says of an order that has ended means nothing. Not here: who may turn a switch, how orders
//! end (`engine::switch`). SEMANTICS section 18.

pub(crate) mod section;
pub(crate) mod sweeps;

use crate::command::{KillScope, OnDisconnect, Position};
use crate::event::{SweepOf, Swept};
use crate::limits::Limits;
use crate::reject::RejectReason;
use crate::requests::expiry::{Entry, Expiry};
use crate::types::{SessionId, Time};
use sweeps::Sweeps;

/// No session, in the table of origins.
const NO_SESSION: u32 = u32::MAX;

/// All switches of a shard.
#[derive(Clone, Debug)]
pub struct Switches {
    /// In the order of their scopes.
    engaged: Vec<Engaged>,
    /// What each session chose, by its handle; those beyond the end chose nothing.
    sessions: Vec<Chosen>,
    /// The armed timers, by session.
    timers: Expiry,
    /// The session of the order in each row. Apart from the rows, which are full: of an engine
    /// whose orders come without sessions it stays empty, else it costs one store an order.
    origins: Vec<u32>,
    pub(crate) sweeps: Sweeps,
    max: u32,
}

/// An engaged kill switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Engaged {
    /// What it stops.
    pub scope: KillScope,
    /// Since when.
    pub since: Time,
    /// How many orders its last sweep has cancelled.
    pub canceled: u32,
    /// How many it left, since their phase or status takes no cancels.
    pub kept: u32,
}

/// What a session chose, and what came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chosen {
    /// What the end of its connection does.
    pub on_disconnect: OnDisconnect,
    /// When its dead-man timer fires, if it is armed.
    pub dead_man: Option<Time>,
    /// When its dead-man timer fired last.
    pub fired: Option<Time>,
}

impl Switches {
    /// Nothing engaged and nothing armed; room for what `limits` allows, touched only when used.
    pub fn new(limits: &Limits) -> Self {
        Self {
            engaged: Vec::with_capacity((limits.switches_max + limits.venues_max) as usize),
            sessions: Vec::with_capacity(limits.sessions_max as usize),
            timers: Expiry::new(limits.sessions_max),
            origins: Vec::with_capacity(limits.orders_max as usize),
            sweeps: Sweeps::new(limits),
            max: limits.switches_max,
        }
    }

    /// Whether any kill switch is engaged: all that an order asks while none is.
    #[inline]
    pub(crate) fn are_any_engaged(&self) -> bool {
        !self.engaged.is_empty()
    }

    /// Whether the kill switch of a scope is engaged.
    pub fn is_engaged(&self, scope: KillScope) -> bool {
        self.place(scope).is_ok()
    }

    /// All engaged kill switches, in the order of their scopes.
    pub fn engaged(&self) -> &[Engaged] {
        &self.engaged
    }

    /// The kill switch of a scope, if it is engaged.
    pub fn find(&self, scope: KillScope) -> Option<&Engaged> {
        let place = self.place(scope).ok()?;
        Some(&self.engaged[place])
    }

    /// Whether a kill switch still sweeps.
    pub fn is_sweeping(&self, scope: KillScope) -> bool {
        let what = SweepOf::Kill(scope);
        self.sweeps.pending().any(|sweep| sweep.what == what)
    }

    fn place(&self, scope: KillScope) -> Result<usize, usize> {
        self.engaged.binary_search_by_key(&scope, |one| one.scope)
    }

    /// A sweep is over; its switch keeps the count.
    pub(crate) fn note_swept(&mut self, swept: &Swept) {
        if let SweepOf::Kill(scope) = swept.what
            && let Ok(place) = self.place(scope)
        {
            let engaged = &mut self.engaged[place];
            (engaged.canceled, engaged.kept) = (swept.canceled, swept.kept);
        }
    }

    /// Whether one more switch may be engaged. Each venue has its own place: the widest switch must
    /// not fail for the sake of narrow ones.
    pub(crate) fn check_room(&self, scope: KillScope) -> Result<(), RejectReason> {
        let counted = !matches!(scope, KillScope::Venue(_));
        if counted && !self.is_engaged(scope) && self.counted() >= self.max {
            return Err(RejectReason::TooMany);
        }
        Ok(())
    }

    /// How many switches of other scopes than venues are engaged: venues stand last.
    pub(crate) fn counted(&self) -> u32 {
        let narrow = |one: &Engaged| !matches!(one.scope, KillScope::Venue(_));
        self.engaged.partition_point(narrow) as u32
    }

    /// Turns a switch; whether it stood otherwise.
    pub(crate) fn turn(&mut self, scope: KillScope, position: Position, since: Time) -> bool {
        match (self.place(scope), position) {
            (Err(place), Position::Engaged) => {
                let engaged = Engaged {
                    scope,
                    since,
                    canceled: 0,
                    kept: 0,
                };
                self.engaged.insert(place, engaged);
            }
            (Ok(place), Position::Released) => {
                self.engaged.remove(place);
            }
            (Ok(_), Position::Engaged) | (Err(_), Position::Released) => return false,
        }
        true
    }

    /// What the end of a session's connection does to its orders.
    pub fn on_disconnect(&self, session: SessionId) -> OnDisconnect {
        self.chosen(session).on_disconnect
    }

    /// Whether any session's orders end with its connection.
    pub(crate) fn any_cancels_on_disconnect(&self) -> bool {
        let cancels = |one: &Chosen| one.on_disconnect == OnDisconnect::Cancel;
        self.sessions.iter().any(cancels)
    }

    pub(crate) fn set_on_disconnect(&mut self, session: SessionId, on_disconnect: OnDisconnect) {
        self.chosen_mut(session).on_disconnect = on_disconnect;
    }

    /// When a session's dead-man timer fires, if it is armed.
    pub fn dead_man(&self, session: SessionId) -> Option<Time> {
        self.chosen(session).dead_man
    }

    /// The timer of a session fires at `now`.
    pub(crate) fn fire(&mut self, session: SessionId, now: Time) {
        self.arm(session, None);
        self.chosen_mut(session).fired = Some(now);
    }

    /// Arms a session's timer anew, or disarms it.
    pub(crate) fn arm(&mut self, session: SessionId, deadline: Option<Time>) {
        let chosen = self.chosen_mut(session);
        if std::mem::replace(&mut chosen.dead_man, deadline).is_some() {
            self.timers.remove(session.index());
        }
        if let Some(expires) = deadline {
            self.timers.push(Entry {
                expires,
                sequence: u64::from(session.index()),
                row: session.index(),
            });
        }
    }

    /// Whether a timer is armed or a sweep pending: all that a command asks while none is.
    #[inline]
    pub(crate) fn is_anything_due(&self) -> bool {
        self.timers.len() > 0 || self.sweeps.first().is_some()
    }

    /// The timer that fires next.
    pub(crate) fn first_dead_man(&self) -> Option<(Time, SessionId)> {
        let first = self.timers.first()?;
        Some((first.expires, SessionId::new(first.row)))
    }

    /// The sessions that chose something, in order of their handles.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, Chosen)> {
        let all = self.sessions.iter().enumerate();
        let chosen = all.filter(|(_, chosen)| **chosen != Chosen::default());
        chosen.map(|(place, chosen)| (SessionId::new(place as u32), *chosen))
    }

    /// What a session chose.
    pub fn chosen(&self, session: SessionId) -> Chosen {
        let chosen = self.sessions.get(session.place());
        chosen.copied().unwrap_or_default()
    }

    fn chosen_mut(&mut self, session: SessionId) -> &mut Chosen {
        let place = session.place();
        if place >= self.sessions.len() {
            self.sessions.resize(place + 1, Chosen::default());
        }
        &mut self.sessions[place]
    }

    /// The row `slot` takes an order that came through this session, or through none.
    #[inline]
    pub(crate) fn note_origin(&mut self, slot: u32, session: Option<SessionId>) {
        let place = slot as usize;
        if let Some(session) = session {
            if place >= self.origins.len() {
                self.origins.resize(place + 1, NO_SESSION);
            }
            self.origins[place] = session.index();
        } else if let Some(origin) = self.origins.get_mut(place) {
            *origin = NO_SESSION;
        }
    }

    /// Whether there is a place to note the session in.
    #[inline]
    pub(crate) fn has_room(&self, slot: u32, session: Option<SessionId>) -> bool {
        session.is_none() || (slot as usize) < self.origins.len()
    }

    /// As [`Switches::note_origin`], where there is room: it calls nobody.
    #[inline]
    pub(crate) fn note_in_place(&mut self, slot: u32, session: Option<SessionId>) {
        if let Some(origin) = self.origins.get_mut(slot as usize) {
            *origin = session.map_or(NO_SESSION, SessionId::index);
        }
    }

    /// The session through which the live order in `slot` came.
    #[inline]
    pub(crate) fn origin(&self, slot: u32) -> Option<SessionId> {
        let origin = *self.origins.get(slot as usize)?;
        (origin != NO_SESSION).then(|| SessionId::new(origin))
    }

    /// Whether timers, switches and sweeps agree with each other.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub(crate) fn audit(&self, sessions: u32, rows: u32) -> Result<(), &'static str> {
        if !self
            .engaged
            .is_sorted_by(|one, next| one.scope < next.scope)
        {
            return Err("engaged switches are out of order");
        }
        let armed = |chosen: &&Chosen| chosen.dead_man.is_some();
        let armed = self.sessions.iter().filter(armed).count();
        let own = |entry: &Entry| self.dead_man(SessionId::new(entry.row)) == Some(entry.expires);
        let timers = self.timers.entries();
        if timers.len() != armed || !timers.iter().all(own) || !self.timers.is_sound() {
            return Err("armed dead-man timers and sessions differ");
        }
        if self.sessions.len() > sessions as usize || self.origins.len() > rows as usize {
            return Err("a switch is of a session or a row that is not there");
        }
        self.sweeps.audit(rows, |scope| self.is_engaged(scope))
    }
}

#[cfg(test)]
mod tests;
