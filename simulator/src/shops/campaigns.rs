//! Queues and lotteries, checked as anybody could: tickets from the order of those who joined, a
//! draw from its seed, its value and its entries.
//!
//! Invariant: nothing here asks the exchange; rules are written out again (SEMANTICS section 22).
//! What is not known for sure, because a gateway died on it, is checked once it is. Not here: what
//! a campaign's contracts cost and move (`prices`, `books`).

use std::collections::{BTreeMap, BTreeSet};

use proto::v1::{ContractReport, ContractRole, ContractState, ContractStep};
use sha2::{Digest, Sha256};

use super::{
    Kind,
    audit::Found,
    found::{QUEUE, Shops},
    ledger::{Joined, Ledger, Made},
    ns,
};
use crate::crash::{audit::When, memory::Faults};

/// Where the public value of a run's lotteries can be looked up.
pub const SOURCE: &str = "simulator";
const SECOND_NS: i64 = 1_000_000_000;

/// The seed of the lottery that is offered under a client's id.
pub fn seed_of(client_order_id: &str) -> [u8; 32] {
    *blake3::hash(client_order_id.as_bytes()).as_bytes()
}

/// What the operator commits to.
pub fn commitment(seed: &[u8; 32]) -> [u8; 32] {
    Sha256::digest(seed).into()
}

/// The public value of a lottery.
pub fn value_of(offer_id: &str) -> [u8; 32] {
    *blake3::hash(format!("value of {offer_id}").as_bytes()).as_bytes()
}

/// What was checked.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Entries of lotteries that won as the draw says.
    pub won: u64,
    /// Entries that were released, by a draw or without one.
    pub released: u64,
    /// Tickets compared.
    pub tickets: u64,
    /// Contracts whose buyer had its turn.
    pub turns: u64,
}

/// An entry of a lottery.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Entry {
    sequence: u64,
    owner: u32,
    pieces: u32,
    /// How its turn ended, if it had one.
    state: Option<i32>,
}

/// The hash of all entries that a lottery's reports up to a place of the history began with. One
/// that was put off is told again, with its first version.
pub fn entries_hash<'a>(
    reports: impl Iterator<Item = &'a ContractReport>,
    shops: &Shops,
) -> [u8; 32] {
    let entered = reports.filter(|report| {
        report.role() == ContractRole::Buyer && report.step() == ContractStep::Reserve
    });
    let mut all: Vec<_> = entered
        .filter_map(|first| entry(std::slice::from_ref(first), shops))
        .collect();
    all.sort_unstable();
    hash_of(&all)
}

fn hash_of(entries: &[Entry]) -> [u8; 32] {
    entries.iter().fold([0; 32], |before, entry| {
        let next = Sha256::new()
            .chain_update(before)
            .chain_update(entry.sequence.to_le_bytes())
            .chain_update(entry.owner.to_le_bytes())
            .chain_update(entry.pieces.to_le_bytes());
        next.finalize().into()
    })
}

/// The entry that a chain of a buyer's reports is of.
fn entry(chain: &[ContractReport], shops: &Shops) -> Option<Entry> {
    let first = chain.first()?;
    let (sequence, _) = first.contract_id.split_once('-')?;
    if first.state() != ContractState::Entered {
        return None;
    }
    let turn = chain
        .iter()
        .find(|report| report.step() == ContractStep::Deadline);
    Some(Entry {
        sequence: sequence.parse().ok()?,
        owner: shops.owner(&first.buyer_account_id)?,
        pieces: first.pieces,
        state: turn.map(|turn| turn.state),
    })
}

/// The owners that a draw chooses, of entries in order of sequence.
fn winners(entries: &[Entry], seed: &[u8], value: &[u8], places: usize) -> BTreeSet<u32> {
    let draw = Sha256::new()
        .chain_update(seed)
        .chain_update(value)
        .chain_update(hash_of(entries));
    let draw: [u8; 32] = draw.finalize().into();
    let rank = |entry: &Entry| {
        let of = Sha256::new()
            .chain_update(draw)
            .chain_update(entry.owner.to_le_bytes());
        (<[u8; 32]>::from(of.finalize()), entry.owner)
    };
    let mut ranks: Vec<_> = entries.iter().map(rank).collect();
    ranks.sort_unstable();
    ranks
        .into_iter()
        .take(places)
        .map(|(_, owner)| owner)
        .collect()
}

/// Checks all campaigns against the reports.
pub fn check(
    ledger: &Ledger,
    shops: &Shops,
    found: &Found,
    when: When,
    faults: &mut Faults,
) -> Checked {
    let mut checked = Checked::default();
    let mut by_offer = BTreeMap::<&str, Vec<&[ContractReport]>>::new();
    for ((_, role), chain) in &found.chains {
        if *role == i32::from(ContractRole::Buyer)
            && let Some(first) = chain.first()
        {
            by_offer.entry(&first.offer_id).or_default().push(chain);
        }
    }
    for (id, made) in ledger.offers() {
        let chains = by_offer
            .get(id.as_str())
            .map_or(&[][..], |chains| &chains[..]);
        if made.kind == Kind::Lottery {
            lottery((id, made), chains, (shops, when), (&mut checked, faults));
        } else if made.kind == Kind::Queue && when == When::AtEnd {
            queue((id, made), chains, ledger, (&mut checked, faults));
        }
    }
    checked
}

type Of<'a> = (&'a String, &'a Made);
type Into<'a> = (&'a mut Checked, &'a mut Faults);

fn lottery(
    (id, made): Of<'_>,
    chains: &[&[ContractReport]],
    (shops, when): (&Shops, When),
    (checked, faults): Into<'_>,
) {
    let mut entries: Vec<_> = chains
        .iter()
        .filter_map(|chain| entry(chain, shops))
        .collect();
    entries.sort_unstable();
    let known = made.seed.as_ref().zip(made.value.as_ref());
    let chosen = match known {
        Some((seed, value)) => {
            let each = made.limit().unwrap_or(1).max(1);
            let places = (made.stock() / each) as usize;
            winners(&entries, seed, value, places)
        }
        // Whether it came may not be known yet.
        None if when == When::Between => return,
        None => BTreeSet::new(),
    };
    for entry in &entries {
        let Some(state) = entry.state else {
            continue;
        };
        let won = chosen.contains(&entry.owner);
        let right = if won {
            ContractState::Paid
        } else {
            ContractState::Released
        };
        if state != i32::from(right) {
            faults.add(format!(
                "lottery {id}: entry {entry:?} must be {right:?} (seed and value known: {})",
                known.is_some()
            ));
        }
        checked.won += u64::from(won);
        checked.released += u64::from(!won);
    }
}

/// A ticket by the rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Drawn by the command at this place.
    pub sequence: u64,
    /// For this account.
    pub account: String,
    /// From when on it admits, in nanoseconds.
    pub admitted_ns: i64,
    /// From when on not any more.
    pub until_ns: i64,
}

/// The tickets of those who joined a queue that opens at an instant, in their order.
pub fn tickets(
    opens_ns: i64,
    (per_second, valid_ns): (u32, i64),
    joined: &BTreeMap<u64, Joined>,
) -> Vec<Ticket> {
    let (mut last, mut all) = (None::<(i64, u32)>, Vec::new());
    for (sequence, join) in joined {
        // The second that runs is not over.
        let running = (join.at_ns - opens_ns).max(0) / SECOND_NS;
        let next = match last {
            None => 0,
            Some((second, drawn)) if drawn < per_second => second,
            Some((second, _)) => second + 1,
        };
        let second = next.max(running);
        let drawn = match last {
            Some((before, drawn)) if before == second => drawn + 1,
            Some(_) | None => 1,
        };
        last = Some((second, drawn));
        let admitted_ns = opens_ns + second * SECOND_NS;
        all.push(Ticket {
            sequence: *sequence,
            account: join.account.clone(),
            admitted_ns,
            until_ns: admitted_ns + valid_ns,
        });
    }
    all
}

fn queue(
    (id, made): Of<'_>,
    chains: &[&[ContractReport]],
    ledger: &Ledger,
    (checked, faults): Into<'_>,
) {
    let prices = made.asked.prices.as_ref();
    let opens = prices
        .and_then(|prices| prices.opens.as_ref())
        .map_or(0, ns);
    let (per_second, valid_s) = QUEUE;
    let all = tickets(opens, (per_second, valid_s * SECOND_NS), &made.joined);
    let of = |account: &str, upto: u64| {
        let own = |ticket: &&Ticket| ticket.account == account && ticket.sequence <= upto;
        all.iter().rev().find(own)
    };
    for shown in ledger.shown.iter().filter(|shown| shown.offer == *id) {
        checked.tickets += 1;
        let told =
            [&shown.ticket.admitted, &shown.ticket.until].map(|at| at.as_ref().map_or(0, ns));
        let must = of(&shown.account, shown.ticket.engine_sequence);
        if must.is_none_or(|must| [must.admitted_ns, must.until_ns] != told) {
            faults.add(format!(
                "queue {id}: the ticket of {shown:?} must be {must:?}"
            ));
        }
    }
    for first in chains.iter().filter_map(|chain| chain.first()) {
        checked.turns += 1;
        let at = first.transact_time.as_ref().map_or(0, ns);
        let ticket = of(&first.buyer_account_id, first.engine_sequence);
        if ticket.is_none_or(|turn| at < turn.admitted_ns || at >= turn.until_ns) {
            faults.add(format!(
                "queue {id}: {first:?} was not its turn: {ticket:?}"
            ));
        }
    }
}

#[cfg(test)]
#[path = "campaigns_tests.rs"]
mod tests;
