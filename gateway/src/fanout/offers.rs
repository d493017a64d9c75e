//! Offers as the public sees them, and those who follow some of them.
//!
//! Of each live offer the mirror keeps a small row; a chain of events is kept only of those that
//! somebody follows. An offer is small, so whoever comes back to a chain that went on is given a
//! snapshot: no past is kept. What was released together comes as one event, the last: a flood of
//! reserves of one offer costs each follower one event a piece of the queue.
//!
//! Invariant: as in `market`: nothing here waits; a follower that is too slow loses its place in a
//! chain, and is given a notice and a snapshot once half of its queue is free. Nothing here names
//! an account. Not here: threads, gRPC, what an offer says beyond stock, version and first price.

use std::collections::{BTreeSet, HashMap};

use engine::engine::Sales;
use engine::event::{OfferAct, OfferReport};
use engine::types::{OfferId, TermsId};
use proto::v1;
use proto::v1::offer_event::Event as Wire;
use tokio::sync::mpsc;

use super::instrument::{Here, VIEW_IDLE_BEATS_MAX, base_seq};
use super::market::{RESYNC_REQUIRED, SUBSCRIBERS_MAX, SubscribeError};
use super::subscriber::{From, Owed, Queue, Sent, Subscriber};
use super::view::MESSAGE_EVENTS_MAX;
use crate::to_proto::offer_id_text;

/// The most offers of one subscriber.
pub const OFFERS_MAX: usize = 1_024;

/// An offer that a subscriber is owed.
pub type OwedOffer = Owed<OfferId>;
/// Some events, in order; shared, never changed.
pub type OfferMessage = std::sync::Arc<Vec<v1::OfferEvent>>;
type Follower = Subscriber<(), OfferId, v1::OfferEvent>;

/// A live offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    sequence: u64,
    price: i64,
    version: u32,
    left: u32,
    joined: u32,
    terms: TermsId,
}

const _: () = assert!(
    size_of::<Option<Row>>() <= 40,
    "1.2 million of them are 48 MB"
);

/// The chain of an offer that is followed.
#[derive(Debug)]
struct Chain {
    /// Those who hold everything up to `last_seq`.
    members: Vec<u64>,
    last_seq: u64,
    /// The last change, not yet sent.
    changed: Option<Here>,
    /// Heartbeats since somebody followed.
    idle_beats: u32,
    /// Something was sent since the last heartbeat.
    active: bool,
}

/// All live offers and who follows them.
#[derive(Debug, Default)]
pub struct Offers {
    /// By slot.
    rows: Vec<Option<Row>>,
    /// Whether the venue of terms is a demonstration, by handle.
    demonstrations: Vec<bool>,
    chains: HashMap<OfferId, Chain>,
    /// Chains with a change that was not sent, each once.
    changed: Vec<OfferId>,
    followers: HashMap<u64, Follower>,
    owed: BTreeSet<u64>,
    next_follower: u64,
}

impl Offers {
    /// The offers of the recovered engine, without telling anybody.
    pub fn open(&mut self, sales: &Sales, is_demonstration: impl Fn(TermsId) -> bool) {
        for handle in 0..sales.all_terms().len() as u32 {
            self.define(TermsId::new(handle), is_demonstration(TermsId::new(handle)));
        }
        for (id, offer) in sales.offers() {
            let row = Row {
                sequence: id.sequence,
                price: offer.price,
                version: offer.version,
                left: offer.left,
                joined: sales.joined(id),
                terms: offer.terms,
            };
            self.put(id.slot, Some(row));
        }
    }

    /// Terms were defined, at a venue that is a demonstration or not; known ones stay.
    pub fn define(&mut self, terms: TermsId, demonstration: bool) {
        if terms.place() == self.demonstrations.len() {
            self.demonstrations.push(demonstration);
        }
    }

    fn put(&mut self, slot: u32, row: Option<Row>) {
        let place = slot as usize;
        if place >= self.rows.len() {
            self.rows.resize(place + 1, None);
        }
        if let Some(at) = self.rows.get_mut(place) {
            *at = row;
        }
    }

    fn row(&self, id: OfferId) -> Option<Row> {
        let row = self.rows.get(id.slot as usize).copied().flatten();
        row.filter(|row| row.sequence == id.sequence)
    }

    /// Takes over how an offer stands.
    pub fn change(&mut self, report: &OfferReport, here: Here) {
        let id = report.offer;
        let row = (report.act != OfferAct::Withdrawn).then_some(Row {
            sequence: id.sequence,
            price: report.price,
            version: report.version,
            left: report.left,
            joined: report.joined,
            terms: report.terms,
        });
        self.put(id.slot, row);
        if let Some(chain) = self.chains.get_mut(&id)
            && chain.changed.replace(here).is_none()
        {
            self.changed.push(id);
        }
    }

    /// Sends what was changed to those who follow; at the end of a piece.
    pub fn send(&mut self) {
        for id in std::mem::take(&mut self.changed) {
            let row = self.row(id);
            let Some(chain) = self.chains.get_mut(&id) else {
                continue;
            };
            let Some(here) = chain.changed.take() else {
                continue;
            };
            let seq = base_seq(here.sequence);
            let prev_seq = std::mem::replace(&mut chain.last_seq, seq);
            chain.active = true;
            let event = v1::OfferEvent {
                prev_seq,
                ..event(
                    id,
                    here,
                    seq,
                    row,
                    row.map_or(Wire::Ended(v1::OfferEnded {}), delta),
                )
            };
            let message = OfferMessage::new(vec![event]);
            let resync = Owed {
                of: id,
                from: From::Resync { last_seq: prev_seq },
            };
            let (followers, owed) = (&mut self.followers, &mut self.owed);
            chain.members.retain(|member| {
                let Some(follower) = followers.get_mut(member) else {
                    return false;
                };
                match follower.send(&message) {
                    Sent::Queued => true,
                    Sent::Full => {
                        follower.owe(resync);
                        owed.insert(*member);
                        false
                    }
                    Sent::Gone => {
                        followers.remove(member);
                        false
                    }
                }
            });
            if row.is_none() {
                self.chains.remove(&id);
            }
        }
    }

    /// Adds a follower; what it is owed comes with [`Offers::pay`].
    ///
    /// # Errors
    /// [`SubscribeError`]; nothing was changed.
    pub fn subscribe(
        &mut self,
        offers: Vec<OwedOffer>,
        here: Here,
    ) -> Result<mpsc::Receiver<OfferMessage>, SubscribeError> {
        if self.followers.len() >= SUBSCRIBERS_MAX {
            self.followers.retain(|_, one| !one.is_gone());
        }
        if self.followers.len() >= SUBSCRIBERS_MAX {
            return Err(SubscribeError::TooManySubscribers);
        }
        for owed in &offers {
            // Whoever resumes is told that an offer has ended.
            if self.row(owed.of).is_none() && owed.from == From::Snapshot {
                return Err(SubscribeError::UnknownOffer(owed.of));
            }
        }
        let (follower, receiver): (_, Queue<v1::OfferEvent>) = Subscriber::new((), offers);
        let id = self.next_follower;
        self.next_follower += 1;
        self.followers.insert(id, follower);
        self.owed.insert(id);
        self.pay_one(id, here);
        Ok(receiver)
    }

    /// Gives those who are owed offers what they have room for. Only between pieces.
    pub fn pay(&mut self, here: Here) {
        let ids: Vec<u64> = self.owed.iter().copied().collect();
        for id in ids {
            self.pay_one(id, here);
        }
    }

    fn pay_one(&mut self, id: u64, here: Here) {
        let Some(mut follower) = self.followers.remove(&id) else {
            self.owed.remove(&id);
            return;
        };
        loop {
            let mut batch = Vec::new();
            let mut joined = Vec::new();
            while batch.len() + 2 <= MESSAGE_EVENTS_MAX
                && let Some(owed) = follower.next_owed()
            {
                self.let_in(owed, here, &mut batch);
                joined.push(owed);
            }
            if joined.is_empty() {
                break;
            }
            let sent = if batch.is_empty() {
                Sent::Queued
            } else {
                follower.send(&OfferMessage::new(batch))
            };
            match sent {
                Sent::Queued => self.join(id, &joined),
                Sent::Full => {
                    for owed in joined {
                        follower.owe(owed);
                    }
                    break;
                }
                Sent::Gone => {
                    self.owed.remove(&id);
                    return;
                }
            }
        }
        if !follower.is_owed() {
            self.owed.remove(&id);
        }
        self.followers.insert(id, follower);
    }

    /// What a follower needs to join a chain, which begins when the first one does.
    fn let_in(&mut self, owed: OwedOffer, here: Here, out: &mut Vec<v1::OfferEvent>) {
        let id = owed.of;
        let row = self.row(id);
        let Some(row) = row else {
            let ended = Wire::Ended(v1::OfferEnded {});
            out.push(event(id, here, base_seq(here.sequence), None, ended));
            return;
        };
        let chain = self.chains.entry(id).or_insert_with(|| Chain {
            members: Vec::new(),
            last_seq: base_seq(here.sequence),
            changed: None,
            idle_beats: 0,
            active: false,
        });
        let seq = chain.last_seq;
        match owed.from {
            From::Place { epoch, seq: known } if (epoch, known) == (here.epoch, seq) => return,
            From::Resync { last_seq } => {
                let notice = Wire::Resync(v1::OfferResync {
                    reason: RESYNC_REQUIRED.to_owned(),
                    last_seq,
                });
                let notice = event(id, here, last_seq, None, notice);
                out.push(v1::OfferEvent {
                    prev_seq: last_seq,
                    ..notice
                });
            }
            From::Place { .. } | From::Snapshot => {}
        }
        let terms = row.terms;
        let demonstration = self.demonstrations.get(terms.place());
        let snapshot = Wire::Snapshot(v1::OfferSnapshot {
            version: row.version,
            left_pieces: row.left,
            price_units: row.price,
            joined_pieces: row.joined,
            terms: Some(terms.index()),
            demonstration: demonstration.copied().unwrap_or_default(),
        });
        out.push(event(id, here, seq, Some(row), snapshot));
    }

    fn join(&mut self, follower: u64, joined: &[OwedOffer]) {
        for owed in joined {
            if let Some(chain) = self.chains.get_mut(&owed.of) {
                chain.members.push(follower);
                chain.idle_beats = 0;
            }
        }
    }

    /// Once a second: a sign of life to whoever heard nothing, and chains nobody follows end.
    pub fn heartbeat(&mut self, here: Here) {
        self.followers.retain(|_, one| !one.is_gone());
        let mut quiet: HashMap<u64, Vec<v1::OfferEvent>> = HashMap::new();
        let rows = &self.rows;
        let followers = &self.followers;
        self.chains.retain(|id, chain| {
            chain
                .members
                .retain(|member| followers.contains_key(member));
            chain.idle_beats = if chain.members.is_empty() {
                chain.idle_beats + 1
            } else {
                0
            };
            if !std::mem::take(&mut chain.active) && !chain.members.is_empty() {
                let row = rows.get(id.slot as usize).copied().flatten();
                let beat = Wire::Heartbeat(v1::OfferHeartbeat {});
                let beat = v1::OfferEvent {
                    prev_seq: chain.last_seq,
                    ..event(*id, here, chain.last_seq, row, beat)
                };
                for member in &chain.members {
                    quiet.entry(*member).or_default().push(beat.clone());
                }
            }
            chain.idle_beats <= VIEW_IDLE_BEATS_MAX
        });
        for (member, beats) in quiet {
            if let Some(follower) = self.followers.get_mut(&member) {
                // A full queue is a sign of life already.
                follower.send(&OfferMessage::new(beats));
            }
        }
        self.pay(here);
    }
}

fn delta(row: Row) -> Wire {
    Wire::Delta(v1::OfferDelta {
        version: row.version,
        left_pieces: row.left,
        price_units: row.price,
        joined_pieces: row.joined,
    })
}

fn event(id: OfferId, here: Here, seq: u64, row: Option<Row>, event: Wire) -> v1::OfferEvent {
    v1::OfferEvent {
        offer_id: offer_id_text(id),
        epoch: here.epoch,
        seq,
        prev_seq: 0,
        engine_sequence: here.sequence.value(),
        time_ns: here.time.nanoseconds(),
        event: Some(event),
        state_crc32: row.map_or(0, |row| checksum(&row)),
    }
}

/// The checksum of the wire: version, pieces left, price of one piece, pieces joined, all little
/// endian.
fn checksum(row: &Row) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&row.version.to_le_bytes());
    hasher.update(&row.left.to_le_bytes());
    hasher.update(&row.price.to_le_bytes());
    hasher.update(&row.joined.to_le_bytes());
    hasher.finalize()
}
