//! Tests of `requests`: each rule by itself, then the table against a plain list.

use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Time {
    Time::new(seconds * SECOND).expect("in bounds")
}

fn limits(requests_capacity: u32) -> Limits {
    Limits {
        requests_capacity,
        ..Limits::default()
    }
}

fn request(id: &str, payload: u128, valid_until: Option<i64>) -> Request {
    Request {
        scope: RequestScope::Account(AccountId::new(7)),
        id: ClientId::new(id).expect("short"),
        payload,
        valid_until: valid_until.map(at),
    }
}

fn reject<T>(reason: RejectReason) -> Result<T, Refusal> {
    Err(Refusal::Reject(reason))
}

fn duplicate<T>(first: u64) -> Result<T, Refusal> {
    Err(Refusal::Duplicate(Duplicate {
        first_sequence: Sequence::new(first),
        watermark: 0,
    }))
}

#[test]
fn a_retry_is_recognised_until_it_expires() {
    let mut table = Requests::new(&limits(8));
    let first = request("a", 1, Some(100));
    let other = request("a", 2, Some(100));
    let check = |table: &mut Requests, request: &Request, sequence, time| {
        let probed = table.probe(request, at(time));
        let answer = table.check(request, Sequence::new(sequence), at(time));
        assert_eq!(probed, answer, "the dry run agrees");
        assert!(table.is_sound());
        answer
    };
    assert_eq!(check(&mut table, &first, 1, 50), Ok(()));
    assert_eq!(check(&mut table, &first, 2, 100), duplicate(1));
    let reused = reject(RejectReason::ClientOrderIdReused);
    assert_eq!(check(&mut table, &other, 3, 100), reused);
    let stale = reject(RejectReason::StaleRequest);
    assert_eq!(check(&mut table, &first, 4, 101), stale);
    assert_eq!(table.used(), 0);
    let later = request("a", 2, None);
    assert_eq!(check(&mut table, &later, 5, 101), Ok(()));
    let window = 48 * 3_600;
    assert_eq!(check(&mut table, &later, 6, 101 + window), duplicate(5));
    assert_eq!(check(&mut table, &later, 7, 102 + window), Ok(()));
}

#[test]
fn scopes_are_apart() {
    let mut table = Requests::new(&limits(8));
    let account = request("a", 1, None);
    let scopes = [
        RequestScope::Account(AccountId::new(7)),
        RequestScope::Account(AccountId::new(8)),
        RequestScope::Principal(PrincipalId::new(7)),
    ];
    for (place, scope) in scopes.into_iter().enumerate() {
        let one = Request { scope, ..account };
        let sequence = Sequence::new(place as u64 + 1);
        assert_eq!(table.check(&one, sequence, at(1)), Ok(()));
    }
    assert_eq!(table.used(), 3);
}

#[test]
fn the_reserved_part_serves_short_requests_only() {
    let mut table = Requests::new(&limits(8));
    let full = reject(RejectReason::RequestWindowFull);
    let mut next = 0;
    let mut check = |table: &mut Requests, valid_until| {
        next += 1;
        let request = request(&next.to_string(), 1, valid_until);
        let probed = table.probe(&request, at(0));
        let answer = table.check(&request, Sequence::new(next), at(0));
        assert_eq!(probed, answer, "the dry run agrees");
        answer
    };
    for _ in 0..6 {
        assert_eq!(check(&mut table, None), Ok(()));
    }
    assert_eq!(check(&mut table, None), full);
    assert_eq!(check(&mut table, Some(61)), full);
    assert_eq!(check(&mut table, Some(60)), Ok(()));
    assert_eq!(check(&mut table, Some(0)), Ok(()));
    assert_eq!(check(&mut table, Some(0)), full);
    assert_eq!(table.used(), 8);
}

#[test]
fn bounds_stay_between_use_and_capacity() {
    let mut table = Requests::new(&limits(8));
    for id in ["a", "b"] {
        let sequence = Sequence::new(u64::from(table.used()) + 1);
        assert_eq!(table.check(&request(id, 1, None), sequence, at(0)), Ok(()));
    }
    let invalid = Err(RejectReason::InvalidField.into());
    let mut set = |requests_max, requests_reserved| {
        table.set_limits(&SetLimits {
            requests_max,
            requests_reserved,
        })
    };
    assert_eq!(set(1, 0), invalid);
    assert_eq!(set(9, 0), invalid);
    assert_eq!(set(3, 4), invalid);
    assert_eq!(set(2, 2), Ok(()));
    assert_eq!(set(8, 0), Ok(()));
}

#[test]
fn at_most_eight_are_forgotten_by_one_command_the_oldest_first() {
    let mut table = Requests::new(&limits(32));
    for index in 0..20_i64 {
        let request = request(&format!("r{index}"), 1, Some(30 - index));
        let sequence = Sequence::new(index as u64 + 1);
        assert_eq!(table.check(&request, sequence, at(0)), Ok(()));
    }
    // Expired but not among the eight oldest: forgotten by itself.
    let own = request("r0", 9, Some(99));
    assert_eq!(table.probe(&own, at(50)), Ok(()));
    assert_eq!(table.check(&own, Sequence::new(21), at(50)), Ok(()));
    assert_eq!(table.used(), 20 - 8 - 1 + 1);
    assert!(table.is_sound());
}

#[test]
fn forged_bytes_are_refused() {
    let mut table = Requests::new(&limits(8));
    for id in ["a", "b"] {
        let sequence = Sequence::new(u64::from(table.used()) + 1);
        assert_eq!(table.check(&request(id, 1, None), sequence, at(5)), Ok(()));
    }
    let mut out = Vec::new();
    table.encode(&mut out);
    let decode = |bytes: &[u8], capacity| {
        let decoded = Requests::decode(&mut Reader::new(bytes), &limits(capacity));
        decoded.map(|table| table.used())
    };
    assert_eq!(decode(&out, 8), Ok(2));
    assert!(
        decode(&out, 4).is_err(),
        "a build with less room refuses it"
    );
    for end in 0..out.len() {
        assert!(decode(&out[..end], 8).is_err());
    }
    let (head, rows) = out.split_at(9);
    let swapped = [head, &rows[48..], &rows[..48]].concat();
    let refused = Err(BytesError::range("a request's expiry"));
    assert_eq!(decode(&swapped, 8), refused);
    let mut repeated = out.clone();
    let key: [u8; 16] = rows[..16].try_into().expect("16 bytes");
    repeated[9 + 48..9 + 48 + 16].copy_from_slice(&key);
    let refused = Err(BytesError::range("a request's key (given twice)"));
    assert_eq!(decode(&repeated, 8), refused);
}

/// The same rules on a plain list.
#[derive(Default)]
struct Plain {
    list: Vec<(i64, u64, String, u128)>,
}

impl Plain {
    fn check(
        &mut self,
        request: &Request,
        sequence: u64,
        time: Time,
        bounds: SetLimits,
    ) -> Result<(), Refusal> {
        self.list.sort();
        let now = time.nanoseconds();
        let expired = self.list.iter().filter(|entry| entry.0 < now).count();
        self.list.drain(..expired.min(8));
        let id = request.id.as_str();
        if let Some(place) = self.list.iter().position(|entry| entry.2 == id) {
            let entry = &self.list[place];
            if entry.0 < now {
                self.list.remove(place);
            } else if entry.3 == request.payload {
                return duplicate(entry.1);
            } else {
                return reject(RejectReason::ClientOrderIdReused);
            }
        }
        if request.valid_until.is_some_and(|until| until < time) {
            return reject(RejectReason::StaleRequest);
        }
        let used = self.list.len();
        let short = request
            .valid_until
            .is_some_and(|until| until.nanoseconds() <= now + 60 * SECOND);
        let room = bounds.requests_max - if short { 0 } else { bounds.requests_reserved };
        if used >= room as usize {
            return reject(RejectReason::RequestWindowFull);
        }
        let until = request
            .valid_until
            .unwrap_or(time.after(Nanoseconds(48 * 3_600 * SECOND)));
        let entry = (
            until.nanoseconds(),
            sequence,
            id.to_owned(),
            request.payload,
        );
        self.list.push(entry);
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_table_answers_like_a_plain_list(
        steps in prop::collection::vec(
            (0..40_u32, 0..2_u128, prop::option::of(-5..150_i64), 0..30_i64),
            0..300,
        )
    ) {
        let limits = limits(24);
        let mut table = Requests::new(&limits);
        let mut plain = Plain::default();
        let mut now = 1_000;
        for (place, (id, payload, valid_for, pass)) in steps.into_iter().enumerate() {
            now += pass;
            let valid_until = valid_for.map(|seconds| now + seconds);
            let request = request(&id.to_string(), payload, valid_until);
            let sequence = place as u64 + 1;
            let probed = table.probe(&request, at(now));
            let answer = table.check(&request, Sequence::new(sequence), at(now));
            let expected = plain.check(&request, sequence, at(now), table.bounds());
            prop_assert_eq!(answer, expected);
            prop_assert_eq!(probed, expected);
            prop_assert_eq!(table.used() as usize, plain.list.len());
            prop_assert!(table.is_sound());
            if place % 16 == 0 {
                let mut out = Vec::new();
                table.encode(&mut out);
                let mut input = Reader::new(&out);
                let read = Requests::decode(&mut input, &limits).expect("own bytes");
                let mut again = Vec::new();
                read.encode(&mut again);
                prop_assert_eq!(&out, &again);
                table = read;
            }
        }
    }
}
