//! A sample journal of any length, the same every time, and its replay down to one hash.
//!
//! A sample is a file of records, each after its length as a u32, little-endian. Not here: the
//! journal on disk, whose records these are.

use sanjiang_engine::bytes::put_u32;
use sanjiang_engine::command::{Body, Command, Sequenced};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::Events;
use sanjiang_engine::journal::codec;
use sanjiang_engine::journal::record::{self, Chain, Header};
use sanjiang_engine::runtime::{ReplayError, Replayer};
use sanjiang_engine::state_hash::{EventHash, StateHash};
use sanjiang_engine::types::{Nanoseconds, Sequence};

use super::support::{BEGIN, flow, internal, limits, market};

/// The commands of a sample: the market, `orders` of the flow, one each microsecond.
fn commands(orders: u64) -> impl Iterator<Item = Sequenced<Command>> {
    let rules = internal(Body::SemanticsVersion(sanjiang_engine::SEMANTICS_VERSION));
    let all = std::iter::once(rules)
        .chain(market())
        .chain((0..orders).map(flow));
    all.zip(1_u64..).map(|(value, place)| Sequenced {
        sequence: Sequence::new(place),
        time: BEGIN.after(Nanoseconds(place as i64 * 1_000)),
        value,
    })
}

/// A sample in records of `batch` commands each.
pub fn write(orders: u64, batch: usize) -> Vec<u8> {
    let mut engine = Engine::new(limits());
    let mut events = Events::default();
    let all: Vec<_> = commands(orders).collect();
    let (mut out, mut bytes, mut previous) = (Vec::new(), Vec::new(), Chain::GENESIS);
    for part in all.chunks(batch) {
        record::begin(&mut bytes);
        let base_time = engine.time();
        for command in part {
            codec::encode(&mut bytes, engine.time(), command);
            events.clear();
            engine.apply(command, &mut events);
        }
        let header = Header {
            shard: 0,
            epoch: 1,
            count: part.len() as u32,
            first: part[0].sequence,
            base_time,
            events_at: engine.sequence(),
            events_hash: engine.event_hash().0,
            previous,
        };
        previous = record::seal(&header, &mut bytes);
        put_u32(&mut out, bytes.len() as u32);
        out.extend_from_slice(&bytes);
    }
    out
}

/// What a replay came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    pub commands: u64,
    pub events: u64,
    /// BLAKE3 over the bytes of all events.
    pub bytes: [u8; 32],
    pub event_hash: EventHash,
    pub state_hash: StateHash,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "commands {} events {} bytes ",
            self.commands, self.events
        )?;
        self.bytes
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, " event_hash {:032x} state_hash ", self.event_hash.0)?;
        self.state_hash
            .0
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Replays a sample through a fresh engine; the events' hash is compared at every record.
pub fn replay(sample: &[u8]) -> Result<Outcome, ReplayError> {
    let mut replayer = Replayer::begin(limits(), 0);
    let mut hasher = blake3::Hasher::new();
    let (mut count, mut bytes, mut rest) = (0, Vec::new(), sample);
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (record, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        rest = after;
        for event in replayer.replay(record)?.events {
            bytes.clear();
            event.encode(&mut bytes);
            hasher.update(&bytes);
            count += 1;
        }
    }
    let engine = replayer.engine();
    engine.audit().expect("a sound engine");
    Ok(Outcome {
        commands: engine.sequence().value(),
        events: count,
        bytes: *hasher.finalize().as_bytes(),
        event_hash: engine.event_hash(),
        state_hash: engine.state_hash(),
    })
}
