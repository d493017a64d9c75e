//! An engine fed from journal records: what recovery, the second engine and the tools share.
//!
//! Invariant: a record is applied only if it follows the one before it (sequence, chain, time,
//! shard, epoch) and all of its commands decode; after it the running hash of events equals what
//! the record says. Not here: where records come from, what is done with the events.

use std::fmt;

use super::applied::Applied;
use super::sink::Released;
use crate::SEMANTICS_VERSION;
use crate::bytes::Reader;
use crate::command::{Body, Command, Sequenced};
use crate::engine::Engine;
use crate::journal::codec;
use crate::journal::record::{self, Chain, Header, RecordError};
use crate::limits::Limits;
use crate::recovery::Quarantined;
use crate::types::Sequence;

/// Why a record was not applied, or what it showed when it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayError {
    /// The bytes are not a record.
    Record(RecordError),
    /// The record is of another shard.
    Shard(u32),
    /// The record begins elsewhere.
    Sequence {
        /// Where it should begin.
        expected: Sequence,
        /// Where it does.
        found: Sequence,
    },
    /// The named link to the record before differs: chain, epoch or time.
    Link(&'static str),
    /// A command cannot be read.
    Command {
        /// Which.
        at: Sequence,
        /// Why.
        said: String,
    },
    /// A command was written under other rules than this build has.
    Semantics {
        /// The version it was written under; 0 when the journal names none.
        journal: u32,
        /// The command.
        at: Sequence,
    },
    /// The events differ from what the record says.
    Divergence {
        /// The last point at which they agreed.
        agreed: Sequence,
        /// The first at which they did not.
        parted: Sequence,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => error.fmt(f),
            Self::Shard(shard) => write!(f, "a record is of shard {shard}"),
            Self::Sequence { expected, found } => write!(
                f,
                "a record begins at {} where {} should follow",
                found.value(),
                expected.value()
            ),
            Self::Link(what) => write!(f, "a record does not follow the one before: {what}"),
            Self::Command { at, said } => write!(f, "command {}: {said}", at.value()),
            Self::Semantics { journal, at } => write!(
                f,
                "command {} was written under rules version {journal}, this build has \
                 {SEMANTICS_VERSION}",
                at.value()
            ),
            Self::Divergence { agreed, parted } => write!(
                f,
                "events equal at command {}, different at {}",
                agreed.value(),
                parted.value()
            ),
        }
    }
}

impl std::error::Error for ReplayError {}

/// Reads the commands of a record's body; the header must be the record's own.
pub fn decode_commands(
    header: &Header,
    body: &[u8],
    commands: &mut Vec<Sequenced<Command>>,
) -> Result<(), ReplayError> {
    let mut reader = Reader::new(body);
    let mut sequence = header.first;
    let mut time = header.base_time;
    for _ in 0..header.count {
        let command =
            codec::decode(&mut reader, time, sequence).map_err(|error| ReplayError::Command {
                at: sequence,
                said: error.to_string(),
            })?;
        time = command.time;
        sequence = sequence.next();
        commands.push(command);
    }
    reader.finish().map_err(|error| ReplayError::Command {
        at: header.last(),
        said: error.to_string(),
    })
}

/// Where a replayer stands beside its engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The shard.
    pub shard: u32,
    /// The epoch of the last record.
    pub epoch: u32,
    /// The hash of the last record.
    pub chain: Chain,
    /// The rules version in force; 0 before the first.
    pub semantics: u32,
}

/// An engine fed from journal records.
pub struct Replayer {
    engine: Engine,
    position: Position,
    agreed: Sequence,
    compared: u64,
    /// Commands that are not applied, each with the command that says so.
    skipped: Quarantined,
    /// Before this command the journal's hashes are of a run that still applied what is skipped.
    silent_until: Sequence,
    /// The commands of the record in hand.
    decoded: Vec<Sequenced<Command>>,
    applied: Applied,
}

impl Replayer {
    /// Begins before the first command of a shard's first epoch.
    pub fn begin(limits: Limits, shard: u32) -> Self {
        let position = Position {
            shard,
            epoch: 1,
            chain: Chain::GENESIS,
            semantics: 0,
        };
        Self::new(Engine::new(limits), position)
    }

    /// Goes on from `engine`, whose last command was the last one of the record at `position`.
    pub fn new(engine: Engine, position: Position) -> Self {
        Self {
            agreed: engine.sequence(),
            engine,
            position,
            compared: 0,
            skipped: Quarantined::new(),
            silent_until: Sequence::ZERO,
            decoded: Vec::new(),
            applied: Applied::default(),
        }
    }

    /// Takes the place of these commands without applying them: what a walk over all that will be
    /// replayed found. Between such a command and the one that quarantines it no hash is compared,
    /// since the journal's are those of a run that still applied it.
    pub fn skip(&mut self, quarantined: Quarantined) {
        self.skipped = quarantined;
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// How many points were compared.
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// Gives the engine away.
    pub fn into_engine(self) -> Engine {
        self.engine
    }

    /// Applies one record and shows what came of it.
    ///
    /// # Errors
    /// The record does not follow, cannot be read, or gave other events than it says.
    pub fn replay(&mut self, record: &[u8]) -> Result<Released<'_>, ReplayError> {
        self.apply(record)?;
        let last = self.applied.last().expect("a record is not empty");
        let Position { epoch, shard, .. } = self.position;
        Ok(self.applied.released(last, epoch, shard))
    }

    /// Applies one record. After an error of divergence the engine is not to be used; after any
    /// other one nothing was applied.
    pub(crate) fn apply(&mut self, bytes: &[u8]) -> Result<(), ReplayError> {
        self.apply_until(bytes, Sequence::new(u64::MAX))
    }

    /// Applies one record, of its commands only those up to `until`. If some are left out, no
    /// other record can follow.
    pub(crate) fn apply_until(&mut self, bytes: &[u8], until: Sequence) -> Result<(), ReplayError> {
        let (header, body) = record::open(bytes).map_err(ReplayError::Record)?;
        let mut commands = std::mem::take(&mut self.decoded);
        commands.clear();
        let outcome = self
            .check(&header)
            .and_then(|()| decode_commands(&header, body, &mut commands))
            .and_then(|()| self.check_acts(&header, &commands))
            .and_then(|()| self.check_semantics(&commands));
        let outcome = outcome.and_then(|semantics| {
            self.position.semantics = semantics;
            self.position.epoch = header.epoch;
            self.position.chain = Chain::of(bytes);
            commands.retain(|command| command.sequence <= until);
            self.run(&header, &mut commands)
        });
        self.decoded = commands;
        outcome
    }

    /// What came of the last record.
    pub(crate) fn applied(&self) -> &Applied {
        &self.applied
    }

    /// The record follows by its header. In a raised epoch the sequence may jump: `check_acts`.
    fn check(&self, header: &Header) -> Result<(), ReplayError> {
        let expected = self.engine.sequence().next();
        let raised = header.epoch > self.position.epoch;
        if header.shard != self.position.shard {
            Err(ReplayError::Shard(header.shard))
        } else if !raised && header.first != expected {
            let found = header.first;
            Err(ReplayError::Sequence { expected, found })
        } else if header.previous != self.position.chain {
            Err(ReplayError::Link("chain"))
        } else if header.epoch < self.position.epoch {
            Err(ReplayError::Link("epoch"))
        } else if header.base_time != self.engine.time() {
            Err(ReplayError::Link("time"))
        } else {
            Ok(())
        }
    }

    /// The epoch follows, or an operator's act says why it does not; such acts stand only where the
    /// tools put them.
    fn check_acts(
        &self,
        header: &Header,
        commands: &[Sequenced<Command>],
    ) -> Result<(), ReplayError> {
        let before = self.engine.sequence();
        let raised = header.epoch > self.position.epoch;
        let first = commands.first().map(|command| &command.value.body);
        if let Some(Body::BeginEpoch(begin)) = first {
            let named = raised && begin.epoch == header.epoch;
            if !named || !begin.follows(before, header.first) {
                return Err(ReplayError::Link("epoch"));
            }
        } else if raised {
            return Err(ReplayError::Link("epoch"));
        }
        for command in commands {
            if let Body::Quarantine(quarantine) = &command.value.body {
                let known = self.skipped.get(&quarantine.sequence);
                if commands.len() != 1 || known.is_none_or(|last| *last < command.sequence) {
                    return Err(ReplayError::Link("quarantine"));
                }
            }
        }
        let mut rest = commands.iter().skip(1);
        if rest.any(|command| matches!(command.value.body, Body::BeginEpoch(_))) {
            return Err(ReplayError::Link("epoch"));
        }
        Ok(())
    }

    /// The rules version after `commands`, all of which must be under this build's version. Where a
    /// later one begins it ends: nothing that follows is for this build.
    fn check_semantics(&self, commands: &[Sequenced<Command>]) -> Result<u32, ReplayError> {
        let mut version = self.position.semantics;
        for command in commands {
            let body = &command.value.body;
            if let Body::SemanticsVersion(next) = body {
                version = *next;
            }
            let begins = matches!(body, Body::SemanticsVersion(_) | Body::BeginEpoch(_));
            if version > SEMANTICS_VERSION || version < SEMANTICS_VERSION && !begins {
                return Err(ReplayError::Semantics {
                    journal: version,
                    at: command.sequence,
                });
            }
        }
        Ok(version)
    }

    fn run(
        &mut self,
        header: &Header,
        commands: &mut Vec<Sequenced<Command>>,
    ) -> Result<(), ReplayError> {
        self.applied.clear();
        self.compare(header)?;
        for command in commands.drain(..) {
            if let Some(last) = self.skipped.get(&command.sequence) {
                self.silent_until = self.silent_until.max(*last);
                self.engine.skip(&command, &mut self.applied.events);
            } else {
                self.engine.apply(&command, &mut self.applied.events);
            }
            self.applied.push(command, None);
            self.compare(header)?;
        }
        Ok(())
    }

    /// Compares the running hash if the header's point is here.
    fn compare(&mut self, header: &Header) -> Result<(), ReplayError> {
        let at = self.engine.sequence();
        if at != header.events_at || at < self.silent_until {
            return Ok(());
        }
        if self.engine.event_hash().0 != header.events_hash {
            return Err(ReplayError::Divergence {
                agreed: self.agreed,
                parted: at,
            });
        }
        self.agreed = at;
        self.compared += 1;
        Ok(())
    }
}
