//! Faults seeded into right campaigns: another winner, a wrong entry, a turn that was not there.

use super::*;

fn entries(count: u32) -> Vec<Entry> {
    let one = |place: u32| Entry {
        sequence: 10 + u64::from(place),
        owner: 100 + place,
        pieces: 2,
        state: None,
    };
    (0..count).map(one).collect()
}

/// By the bytes of the rule, written out once more.
#[test]
fn the_hash_of_entries_is_the_rule_s() {
    let all = entries(2);
    let mut bytes = vec![0; 32];
    for entry in &all {
        bytes.extend(entry.sequence.to_le_bytes());
        bytes.extend(entry.owner.to_le_bytes());
        bytes.extend(entry.pieces.to_le_bytes());
        bytes = Sha256::digest(&bytes).to_vec();
    }
    assert_eq!(hash_of(&all).to_vec(), bytes);
    let mut other = all.clone();
    other[1].pieces = 3;
    assert_ne!(hash_of(&other), hash_of(&all));
    other.swap(0, 1);
    assert_ne!(hash_of(&other), hash_of(&all));
}

#[test]
fn a_draw_depends_on_seed_value_and_entries() {
    let all = entries(12);
    let (seed, value) = (seed_of("an offer"), value_of("1-0"));
    let chosen = winners(&all, &seed, &value, 5);
    assert_eq!(chosen.len(), 5);
    assert_eq!(winners(&all, &seed, &value, 20).len(), 12);
    let others = [
        winners(&all, &seed_of("another"), &value, 5),
        winners(&all, &seed, &value_of("2-0"), 5),
        winners(&entries(11), &seed, &value, 5),
    ];
    assert!(others.iter().all(|other| *other != chosen));
    assert_eq!(commitment(&seed).to_vec(), Sha256::digest(seed).to_vec());
}

#[test]
fn tickets_fill_seconds_in_order_and_never_lie_in_one_that_is_over() {
    let join = |at_ns: i64, who: &str| Joined {
        at_ns,
        account: who.to_owned(),
    };
    let opens = 5 * SECOND_NS;
    let joined = BTreeMap::from([
        (1, join(0, "before it opens")),
        (2, join(opens, "a")),
        (3, join(opens + 1, "b")),
        (4, join(opens + 2, "c")),
        (5, join(opens + 9 * SECOND_NS + 1, "late")),
    ]);
    let all = tickets(opens, (2, 3 * SECOND_NS), &joined);
    let seconds: Vec<_> = all
        .iter()
        .map(|ticket| (ticket.admitted_ns - opens) / SECOND_NS)
        .collect();
    assert_eq!(seconds, [0, 0, 1, 1, 9]);
    assert!(
        all.iter()
            .all(|one| one.until_ns == one.admitted_ns + 3 * SECOND_NS)
    );
}

fn chain(place: u32, offer: &str, state: ContractState) -> Vec<ContractReport> {
    let shops = crate::shops::audit::tests::shops();
    let entered = ContractReport {
        contract_id: format!("{}-0", 10 + place),
        role: ContractRole::Buyer.into(),
        step: ContractStep::Reserve.into(),
        state: ContractState::Entered.into(),
        version: 1,
        pieces: 2,
        offer_id: offer.to_owned(),
        buyer_account_id: shops.account(1 + place),
        ..ContractReport::default()
    };
    let drawn = ContractReport {
        step: ContractStep::Deadline.into(),
        state: state.into(),
        version: 2,
        ..entered.clone()
    };
    vec![entered, drawn]
}

#[test]
fn an_entry_that_was_put_off_is_one_entry() {
    let shops = crate::shops::audit::tests::shops();
    let mut told: Vec<_> = (0..3)
        .flat_map(|at| chain(at, "1-0", ContractState::Paid))
        .collect();
    let hash = |told: &[ContractReport]| entries_hash(told.iter(), &shops);
    let once = hash(&told);
    let mut off = told[0].clone();
    off.step = ContractStep::PutOff.into();
    told.insert(1, off);
    assert_eq!(hash(&told), once);
    told.remove(0);
    assert_ne!(hash(&told), once);
}

/// A lottery of four pieces, two each: two of six win.
fn drawn(spoil: impl Fn(u32, bool) -> ContractState, seed: bool) -> (Checked, Faults) {
    let shops = crate::shops::audit::tests::shops();
    let mut made = crate::shops::audit::tests::made(Kind::Lottery);
    made.asked.stock_pieces = 4;
    made.value = Some(value_of("1-0").to_vec());
    made.seed = seed.then(|| seed_of("x").to_vec());
    let entered: Vec<_> = (0..6)
        .map(|at| chain(at, "1-0", ContractState::Paid))
        .collect();
    let mut all: Vec<_> = entered
        .iter()
        .filter_map(|one| entry(&one[..1], &shops))
        .collect();
    all.sort_unstable();
    let chosen = winners(&all, &seed_of("x"), &value_of("1-0"), 2);
    let chains: Vec<_> = all
        .iter()
        .zip(0..)
        .map(|(one, place)| chain(place, "1-0", spoil(place, chosen.contains(&one.owner))))
        .collect();
    let chains: Vec<_> = chains.iter().map(|chain| &chain[..]).collect();
    let (mut checked, mut faults) = (Checked::default(), Faults::default());
    let id = "1-0".to_owned();
    let into = (&mut checked, &mut faults);
    lottery((&id, &made), &chains, (&shops, When::AtEnd), into);
    (checked, faults)
}

#[test]
fn a_right_draw_is_right_and_a_wrong_winner_is_found() {
    let by_draw = |_, won| {
        if won {
            ContractState::Paid
        } else {
            ContractState::Released
        }
    };
    let (checked, faults) = drawn(by_draw, true);
    assert_eq!(
        (checked.won, checked.released, faults.count),
        (2, 4, 0),
        "{faults:?}"
    );
    let (_, faults) = drawn(|_, won| by_draw(0, !won), true);
    assert_eq!(faults.count, 6);
    let (_, faults) = drawn(|_, _| ContractState::Paid, true);
    assert_eq!(faults.count, 4, "all win");
}

#[test]
fn a_draw_without_a_seed_is_found() {
    let (_, faults) = drawn(|_, _| ContractState::Released, false);
    assert_eq!(faults.count, 0, "{faults:?}");
    let by_draw = |_, won| {
        if won {
            ContractState::Paid
        } else {
            ContractState::Released
        }
    };
    let (_, faults) = drawn(by_draw, false);
    assert_eq!(faults.count, 2);
}

#[test]
fn a_contract_before_its_turn_and_a_ticket_that_changed_are_found() {
    let mut made = crate::shops::audit::tests::made(Kind::Queue);
    let at = |seconds: i64| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let prices = proto::v1::OfferPrices {
        opens: at(5),
        ..proto::v1::OfferPrices::default()
    };
    made.asked.prices = Some(prices);
    let account = crate::shops::audit::tests::shops().account(1);
    let join = Joined {
        at_ns: 5 * SECOND_NS,
        account: account.clone(),
    };
    made.joined.insert(2, join);
    let check = |reserved: i64, admitted: i64| {
        let mut first = chain(0, "1-0", ContractState::Paid).remove(0);
        first.transact_time = at(reserved);
        first.engine_sequence = 3;
        let mut ledger = Ledger::default();
        ledger.shown.push(crate::shops::ledger::Shown {
            offer: "1-0".to_owned(),
            account: account.clone(),
            ticket: proto::v1::QueueTicket {
                admitted: at(admitted),
                until: at(admitted + QUEUE.1),
                engine_sequence: 3,
            },
        });
        let (mut checked, mut faults) = (Checked::default(), Faults::default());
        let (id, chain) = ("1-0".to_owned(), [first]);
        let into = (&mut checked, &mut faults);
        queue((&id, &made), &[&chain[..]], &ledger, into);
        assert_eq!((checked.tickets, checked.turns), (1, 1));
        faults.count
    };
    assert_eq!(check(5, 5), 0);
    assert_eq!(check(6, 5), 0);
    assert_eq!(check(4, 5), 1, "before its turn");
    assert_eq!(check(5 + QUEUE.1, 5), 1, "it was over");
    assert_eq!(check(5, 6), 1, "another ticket");
}
