//! Who waits for whose reports: one watched counter for each account or participant followed.
//!
//! Invariant: a follower is told of the highest counter written, after it can be read; it reads
//! the rows itself, so there is nothing to lose or to repeat here. Not here: the rows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::types::{AccountId, ParticipantId};
use tokio::sync::watch;

use super::store::Counted;

/// The most accounts and participants followed at a time; a follower is an open stream, so this
/// is far above what the gateway admits.
pub const FOLLOWED_MAX: usize = 65_536;

/// Whose reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Owner {
    /// Those of one account.
    Account(AccountId),
    /// Those of all accounts of a participant.
    Participant(ParticipantId),
}

/// As many accounts and participants are followed as may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{FOLLOWED_MAX} accounts and participants are followed already")]
pub struct TooManyFollowed;

/// The counters followed.
#[derive(Debug, Default)]
pub(super) struct Followers {
    followed: Mutex<HashMap<Owner, watch::Sender<u64>>>,
    /// How many there are, to be looked at without the lock.
    count: AtomicUsize,
}

impl Followers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, watch::Sender<u64>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counter of `owner` from now on. Follow first, read the rows then: nothing is missed.
    pub(super) fn follow(&self, owner: Owner) -> Result<watch::Receiver<u64>, TooManyFollowed> {
        let mut followed = self.lock();
        if followed.len() >= FOLLOWED_MAX && !followed.contains_key(&owner) {
            followed.retain(|_, sender| sender.receiver_count() > 0);
            if followed.len() >= FOLLOWED_MAX {
                return Err(TooManyFollowed);
            }
        }
        let sender = followed.entry(owner).or_insert_with(|| watch::channel(0).0);
        let receiver = sender.subscribe();
        self.count.store(followed.len(), Ordering::Release);
        Ok(receiver)
    }

    /// Tells the followers of what was written.
    pub(super) fn tell(&self, counted: &[Counted]) {
        if self.count.load(Ordering::Acquire) == 0 || counted.is_empty() {
            return;
        }
        let mut followed = self.lock();
        let mut highest = HashMap::new();
        for report in counted {
            let owners = [
                (Owner::Account(report.account), report.account_counter),
                (
                    Owner::Participant(report.participant),
                    report.participant_counter,
                ),
            ];
            for (owner, counter) in owners {
                if followed.contains_key(&owner) {
                    highest.insert(owner, counter);
                }
            }
        }
        for (owner, counter) in highest {
            let unheard = followed
                .get(&owner)
                .is_some_and(|sender| sender.send(counter).is_err());
            if unheard {
                followed.remove(&owner);
            }
        }
        self.count.store(followed.len(), Ordering::Release);
    }
}
