//! Order-entry sessions: who may use which, and how far their numbers have come.
//!
//! Invariant: a session's numbers are contiguous; the watermark rises by one at a time and never
//! falls. Not here: connections, and what a lost one cancels (the gateway's).

use std::collections::BTreeMap;

use crate::bytes::{self, BytesError, Reader};
use crate::command::OpenSession;
use crate::event::{Duplicate, SessionOpened};
use crate::limits::Limits;
use crate::reject::{Reject, RejectReason};
use crate::types::{Name, PrincipalId, Sequence, SessionId};

/// Why the duplicate group of checks stopped a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It is a retry; nothing is done.
    Duplicate(Duplicate),
    /// It is rejected.
    Reject(RejectReason),
}

/// A session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    /// Whose it is.
    pub principal: PrincipalId,
    /// The name its client chose.
    pub name: Name,
    /// The highest number it has used; 0 before the first.
    pub watermark: u64,
}

/// All sessions of a shard; they outlive connections and restarts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sessions {
    list: Vec<Session>,
    by_name: BTreeMap<(PrincipalId, Name), SessionId>,
    max: u32,
}

impl Sessions {
    /// No sessions, at most as many as `limits` says.
    pub const fn new(limits: &Limits) -> Self {
        Self {
            list: Vec::new(),
            by_name: BTreeMap::new(),
            max: limits.sessions_max,
        }
    }

    /// The session, if there is one.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.list.get(id.place())
    }

    /// All sessions in order of their handles.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (SessionId, &Session)> {
        let list = self.list.iter().enumerate();
        list.map(|(index, session)| (SessionId::new(index as u32), session))
    }

    /// How many there are.
    pub const fn used(&self) -> u32 {
        self.list.len() as u32
    }

    /// Checks the opening of a session and changes nothing; `None` when it would be made.
    ///
    /// # Errors
    /// UNKNOWN_SESSION when the client has used numbers the engine does not know; INVALID_FIELD
    /// (no name); TOO_MANY.
    pub fn check_open(
        &self,
        principal: PrincipalId,
        command: &OpenSession,
    ) -> Result<Option<SessionOpened>, Reject> {
        if let Some(id) = self.by_name.get(&(principal, command.name)) {
            return Ok(Some(SessionOpened {
                session: *id,
                watermark: self.list[id.place()].watermark,
            }));
        }
        if command.last_client_sequence > 0 {
            return Err(RejectReason::UnknownSession.into());
        }
        if command.name.is_empty() {
            return Err(RejectReason::InvalidField.into());
        }
        if self.used() >= self.max {
            return Err(RejectReason::TooMany.into());
        }
        Ok(None)
    }

    /// Opens or resumes a session.
    ///
    /// # Errors
    /// Those of [`Sessions::check_open`].
    pub fn open(
        &mut self,
        principal: PrincipalId,
        command: &OpenSession,
    ) -> Result<SessionOpened, Reject> {
        if let Some(known) = self.check_open(principal, command)? {
            return Ok(known);
        }
        // Nothing below can fail.
        let session = SessionId::new(self.used());
        self.by_name.insert((principal, command.name), session);
        self.list.push(Session {
            principal,
            name: command.name,
            watermark: 0,
        });
        Ok(SessionOpened {
            session,
            watermark: 0,
        })
    }

    /// Whether a session's number is the next one; changes nothing.
    ///
    /// # Errors
    /// UNKNOWN_SESSION (also one of another principal), a duplicate, SEQUENCE_GAP.
    pub fn probe(
        &self,
        principal: PrincipalId,
        id: SessionId,
        client_sequence: u64,
    ) -> Result<(), Refusal> {
        let session = self.session(id).filter(|one| one.principal == principal);
        let Some(session) = session else {
            return Err(Refusal::Reject(RejectReason::UnknownSession));
        };
        if client_sequence <= session.watermark {
            return Err(Refusal::Duplicate(Duplicate {
                first_sequence: Sequence::ZERO,
                watermark: session.watermark,
            }));
        }
        if client_sequence > session.watermark + 1 {
            return Err(Refusal::Reject(RejectReason::SequenceGap));
        }
        Ok(())
    }

    /// Uses up a session's number. STALE_REQUEST is the caller's check, after this one.
    ///
    /// # Errors
    /// Those of [`Sessions::probe`].
    pub fn check(
        &mut self,
        principal: PrincipalId,
        id: SessionId,
        client_sequence: u64,
    ) -> Result<(), Refusal> {
        self.probe(principal, id, client_sequence)?;
        // Nothing below can fail.
        self.list[id.place()].watermark = client_sequence;
        Ok(())
    }

    /// Writes all sessions in order of their handles.
    pub fn encode(&self, out: &mut Vec<u8>) {
        bytes::put_varint(out, self.list.len() as u64);
        for session in &self.list {
            bytes::put_varint(out, u64::from(session.principal.index()));
            bytes::put_text(out, &session.name);
            bytes::put_varint(out, session.watermark);
        }
    }

    /// Reads what [`Sessions::encode`] wrote.
    ///
    /// # Errors
    /// Broken bytes, more sessions than `limits` allows, a session given twice.
    pub fn decode(input: &mut Reader<'_>, limits: &Limits) -> Result<Self, BytesError> {
        let mut sessions = Self::new(limits);
        let count = input.count(limits.sessions_max, 3, "the count of sessions")?;
        for index in 0..count {
            let principal = PrincipalId::new(input.varint32("a session's principal")?);
            let command = OpenSession {
                name: input.text()?,
                last_client_sequence: 0,
            };
            let opened = sessions.open(principal, &command);
            if opened.map(|opened| opened.session.place()) != Ok(index) {
                return Err(BytesError::range("a session"));
            }
            let watermark = input.varint()?;
            if watermark == u64::MAX {
                return Err(BytesError::range("a session's watermark"));
            }
            sessions.list[index].watermark = watermark;
        }
        Ok(sessions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PrincipalId = PrincipalId::new(1);
    const TWO: PrincipalId = PrincipalId::new(2);

    fn open(name: &str, last_client_sequence: u64) -> OpenSession {
        OpenSession {
            name: Name::new(name).expect("short"),
            last_client_sequence,
        }
    }

    fn limits() -> Limits {
        Limits {
            sessions_max: 2,
            ..Limits::default()
        }
    }

    #[test]
    fn a_session_belongs_to_its_principal_and_is_resumed_by_name() {
        let mut sessions = Sessions::new(&limits());
        let unknown = sessions.open(ONE, &open("a", 5));
        assert_eq!(unknown, Err(RejectReason::UnknownSession.into()));
        let nameless = sessions.open(ONE, &open("", 0));
        assert_eq!(nameless, Err(RejectReason::InvalidField.into()));
        let first = sessions.open(ONE, &open("a", 0)).expect("new");
        assert_eq!(first.session.index(), 0);
        let second = sessions.open(TWO, &open("a", 0)).expect("new");
        assert_eq!(second.session.index(), 1);
        assert_eq!(sessions.check(ONE, first.session, 1), Ok(()));
        let resumed = sessions.open(ONE, &open("a", 1)).expect("known");
        assert_eq!((resumed.session, resumed.watermark), (first.session, 1));
        let full = sessions.open(ONE, &open("b", 0));
        assert_eq!(full, Err(RejectReason::TooMany.into()));
    }

    #[test]
    fn only_the_next_number_is_taken() {
        let mut sessions = Sessions::new(&limits());
        let id = sessions.open(ONE, &open("a", 0)).expect("new").session;
        let gap = Err(Refusal::Reject(RejectReason::SequenceGap));
        let unknown = Err(Refusal::Reject(RejectReason::UnknownSession));
        assert_eq!(sessions.check(ONE, id, 2), gap);
        assert_eq!(sessions.check(TWO, id, 1), unknown);
        assert_eq!(sessions.check(ONE, SessionId::new(9), 1), unknown);
        assert_eq!(sessions.check(ONE, id, 1), Ok(()));
        let twice = Refusal::Duplicate(Duplicate {
            first_sequence: Sequence::ZERO,
            watermark: 1,
        });
        for number in [0, 1] {
            assert_eq!(sessions.check(ONE, id, number), Err(twice));
        }
        assert_eq!(sessions.probe(ONE, id, 2), Ok(()));
        assert_eq!(sessions.check(ONE, id, 2), Ok(()));
    }

    #[test]
    fn bytes_read_back() {
        let mut sessions = Sessions::new(&limits());
        let id = sessions.open(ONE, &open("a", 0)).expect("new").session;
        assert_eq!(sessions.check(ONE, id, 1), Ok(()));
        assert!(sessions.open(TWO, &open("b", 0)).is_ok());
        let mut out = Vec::new();
        sessions.encode(&mut out);
        let mut reader = Reader::new(&out);
        let decoded = Sessions::decode(&mut reader, &limits());
        assert_eq!(decoded, Ok(sessions));
        assert_eq!(reader.finish(), Ok(()));
        for end in 0..out.len() {
            assert!(Sessions::decode(&mut Reader::new(&out[..end]), &limits()).is_err());
        }
        let twice = [2, 1, 1, b'a', 0, 1, 1, b'a', 0];
        let refused = Sessions::decode(&mut Reader::new(&twice), &limits());
        assert_eq!(refused, Err(BytesError::range("a session")));
    }
}
