//! Walks over records of several versions: what is found foreign, with its exact range.
//!
//! Not here: folders of two builds (`.ci/upgrade`), refusals of a start (`tests/refusals`).

use super::*;
use crate::command::{BeginEpoch, Command, Envelope, EpochCause, Identity, Sequenced};
use crate::journal::record::Chain;
use crate::types::{PrincipalId, Time};

const OURS: u32 = SEMANTICS_VERSION;

/// Walks over one record for each of these bodies of commands, contiguous from command 11 on.
fn walk(version: u32, records: &[&[Body]]) -> Rules {
    let mut rules = Rules::after(version);
    let mut first = Sequence::new(11);
    for bodies in records {
        let mut body = Vec::new();
        let mut sequence = first;
        for one in *bodies {
            let command = Sequenced {
                sequence,
                time: Time::ZERO,
                value: Command {
                    envelope: Envelope {
                        principal: PrincipalId::LOCAL,
                        identity: Identity::Internal,
                        valid_until: None,
                        authority: None,
                    },
                    body: one.clone(),
                },
            };
            codec::encode(&mut body, Time::ZERO, &command);
            sequence = sequence.next();
        }
        let header = Header {
            shard: 0,
            epoch: 1,
            count: bodies.len() as u32,
            first,
            base_time: Time::ZERO,
            events_at: first,
            events_hash: 0,
            previous: Chain::GENESIS,
        };
        rules.see(&header, &body);
        first = sequence;
    }
    rules
}

fn epoch() -> Body {
    Body::BeginEpoch(BeginEpoch {
        epoch: 2,
        cause: EpochCause::AcceptedLoss,
        lost: None,
    })
}

#[test]
fn records_of_this_build_are_not_foreign() {
    let begin: &[Body] = &[Body::SemanticsVersion(OURS), Body::Tick];
    for (version, records) in [
        (OURS, &[&[Body::Tick][..], &[Body::Tick, Body::Tick]][..]),
        (0, &[begin, &[Body::Tick]]),
        (OURS - 1, &[begin, &[Body::Tick]]),
        (OURS - 1, &[&[epoch()], begin]),
        (OURS - 1, &[]),
    ] {
        let rules = walk(version, records);
        assert_eq!((rules.foreign(), rules.judge()), (None, Ok(())));
    }
}

#[test]
fn the_range_of_older_rules_is_exact() {
    let ours: &[Body] = &[Body::SemanticsVersion(OURS), Body::Tick];
    let older: &[Body] = &[Body::SemanticsVersion(OURS - 1), Body::Tick, Body::Tick];
    let (one, two): (&[Body], &[Body]) = (&[Body::Tick], &[Body::Tick, Body::Tick]);
    for (version, records, first, last) in [
        (OURS - 1, &[two, one][..], 11, 13),
        (OURS - 1, &[two, one, ours, two], 11, 13),
        (OURS, &[one, older, one, ours], 13, 15),
        (OURS - 1, &[two, ours, older], 11, 12),
    ] {
        let rules = walk(version, records);
        let found = OtherRules {
            version: OURS - 1,
            first: Sequence::new(first),
            last: Sequence::new(last),
        };
        assert_eq!(rules.foreign(), Some(found));
        assert_eq!(rules.judge(), Err(StartError::Semantics(found)));
    }
}

#[test]
fn later_rules_are_refused_even_where_no_command_came_under_them() {
    let later: &[Body] = &[Body::SemanticsVersion(OURS + 1)];
    let rules = walk(OURS, &[&[Body::Tick], later]);
    assert_eq!(rules.foreign(), None);
    let found = format!(
        "from command 12 on the rules are those of version {}; this build has version {OURS}",
        OURS + 1
    );
    assert_eq!(rules.judge(), Err(StartError::Newer { found }));
}
