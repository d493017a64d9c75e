//! Baskets, checked line by line: all of one or nothing, once, each line at its price less its part
//! of the discount; and discounts, used by exactly the baskets that were formed under them.
//!
//! Invariants: nothing here asks the exchange; rules are written out again (SEMANTICS section 27),
//! from what was asked and from what the stream tells in its order. A use is used where a basket is
//! formed, and never given back. Not here: what a line moves (`books`), what becomes of its
//! contract (`audit`), what is read of discounts (`lists`).

use std::collections::{BTreeMap, HashMap, HashSet};

use proto::v1::{
    ContractReport, ContractState, Discount, ReserveBasketRequest, discount::Off,
    reserve_basket_request::Line,
};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{carts::hash_of, fen, ledger::Ledger, ns, prices::price_of};
use crate::crash::memory::Faults;

/// Basis points of a whole.
const WHOLE_BP: i64 = 10_000;

/// What was checked.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Checked {
    /// Baskets formed, each in whole and once.
    pub formed: u64,
    /// Their lines.
    pub lines: u64,
    /// Baskets refused, of which nothing was formed.
    pub refused: u64,
    /// Uses of discounts, each of one basket.
    pub uses: u64,
}

/// See the file's head.
#[derive(Clone, Default, Debug)]
pub struct Baskets {
    /// Lines that came of baskets that are not whole yet.
    open: BTreeMap<String, Vec<ContractReport>>,
    /// Baskets of which all came.
    done: HashSet<String>,
    /// Who used each discount at which places of the history.
    uses: HashMap<String, Vec<(u64, String)>>,
    /// What was checked.
    pub checked: Checked,
}

impl Baskets {
    /// Takes in the next answer to a basket's buyer: a line, or that it was refused.
    ///
    /// # Errors
    /// What must not be.
    pub fn take(&mut self, ledger: &Ledger, report: &ContractReport) -> Result<(), String> {
        let id = &report.client_order_id;
        let Some(asked) = ledger.basket(id) else {
            return Err(format!("basket {id} was answered, never asked for"));
        };
        if self.done.contains(id) {
            return Err(format!(
                "basket {id} goes on after it was answered: {report:?}"
            ));
        }
        if !report.reject_reason.is_empty() {
            self.done.insert(id.clone());
            self.checked.refused += 1;
            if self.open.remove(id).is_some() {
                return Err(format!("basket {id} was formed in part, then refused"));
            }
            return self.refused(ledger, asked, report);
        }
        let lines = self.open.entry(id.clone()).or_default();
        lines.push(report.clone());
        if lines.len() < asked.lines.len() {
            return Ok(());
        }
        let lines = self.open.remove(id).unwrap_or_default();
        self.done.insert(id.clone());
        self.checked.formed += 1;
        self.checked.lines += lines.len() as u64;
        one_after_the_other(&lines)?;
        let lists = lists_of(ledger, &asked.lines);
        let total: i64 = lists.iter().sum();
        let off = match ledger.discounts().get(&asked.discount_id) {
            Some(discount) => {
                let at = (report.engine_sequence, time(report));
                self.uses(asked, discount, at, total)?;
                taken_off(discount, total)
            }
            None if asked.discount_id.is_empty() => 0,
            None => return Err(format!("basket {id} used a discount that nobody defined")),
        };
        for ((line, told), part) in asked.lines.iter().zip(&lines).zip(parts(&lists, off)) {
            is_line(asked, line, (told, part))?;
        }
        Ok(())
    }

    /// All that was begun is whole.
    pub fn compare(&mut self, faults: &mut Faults) {
        for (id, lines) in std::mem::take(&mut self.open) {
            faults.add(format!("basket {id} was formed in part: {lines:?}"));
        }
    }

    /// How many uses of a discount must be left at a place of the history.
    pub fn left(&self, id: &str, discount: &Discount, at: u64) -> i64 {
        let used = self.uses.get(id).map_or(0, |uses| {
            uses.partition_point(|(sequence, _)| *sequence <= at)
        });
        i64::from(discount.uses) - used as i64
    }

    /// So many uses there are, of all and of one account.
    fn used(&self, asked: &ReserveBasketRequest) -> (u32, u32) {
        let all = self.uses.get(&asked.discount_id);
        let all = all.map_or(&[][..], |all| &all[..]);
        let own = all
            .iter()
            .filter(|(_, account)| *account == asked.account_id);
        (all.len() as u32, own.count() as u32)
    }

    /// A basket used its discount: it could, and one use less is left.
    fn uses(
        &mut self,
        asked: &ReserveBasketRequest,
        discount: &Discount,
        (sequence, at): (u64, i64),
        total: i64,
    ) -> Result<(), String> {
        let uses = self.uses.entry(asked.discount_id.clone()).or_default();
        uses.push((sequence, asked.account_id.clone()));
        self.checked.uses += 1;
        let (all, own) = self.used(asked);
        let (id, name) = (&asked.client_order_id, &asked.discount_id);
        let objection = if all > discount.uses || own > discount.uses_per_owner {
            format!("used {all} times, {own} of them by the same owner")
        } else if total < fen(&discount.threshold) {
            format!("below its threshold with {total} fen")
        } else if !is_known(asked, discount) {
            "without its code".to_owned()
        } else if is_over(discount, at) {
            format!("after its end, at {at}")
        } else {
            return Ok(());
        };
        Err(format!("basket {id} used {name} {objection}: {discount:?}"))
    }

    /// A basket was refused for its discount: that must be true.
    fn refused(
        &self,
        ledger: &Ledger,
        asked: &ReserveBasketRequest,
        report: &ContractReport,
    ) -> Result<(), String> {
        let lines = asked.lines.len();
        let wrong = |why: &str| Err(format!("{why}: {asked:?} was answered {report:?}"));
        if !report.contract_id.is_empty() {
            return wrong("a refused basket has a contract");
        }
        let at_fault = report.refused_line.map_or(0, |line| line as usize);
        if at_fault >= lines {
            return wrong("a line is at fault that there is not");
        }
        let Some(discount) = ledger.discounts().get(&asked.discount_id) else {
            return Ok(());
        };
        let (all, own) = self.used(asked);
        let total: i64 = lists_of(ledger, &asked.lines).iter().sum();
        let over = is_over(discount, time(report));
        let right = match report.reject_reason.as_str() {
            "DISCOUNT_USED" => all >= discount.uses || own >= discount.uses_per_owner,
            "BELOW_THRESHOLD" => total < fen(&discount.threshold),
            "COUPON_CODE" => !is_known(asked, discount),
            "UNKNOWN_DISCOUNT" => over,
            _ => true,
        };
        if right {
            return Ok(());
        }
        wrong("a basket was refused that its discount allows")
    }
}

/// The lines are one command's, in order, each with a row of its own.
fn one_after_the_other(lines: &[ContractReport]) -> Result<(), String> {
    let place = |line: &ContractReport| {
        let (sequence, row) = line.contract_id.split_once('-')?;
        let place = (sequence.parse::<u64>().ok()?, row.parse::<u32>().ok()?);
        (place.0 == line.engine_sequence).then_some(place)
    };
    let follows = |pair: &[ContractReport]| match pair {
        [one, next] => {
            let (before, after) = (place(one), place(next));
            before.is_some()
                && after.is_some_and(|(sequence, _)| Some(sequence) == before.map(|one| one.0))
                && after > before
                && next.account_sequence == one.account_sequence + 1
        }
        _ => true,
    };
    if lines.iter().all(|line| place(line).is_some()) && lines.windows(2).all(follows) {
        return Ok(());
    }
    Err(format!(
        "the lines of a basket are not one command's: {lines:?}"
    ))
}

/// A line became the contract that was asked for, with its part of the discount taken off.
fn is_line(
    asked: &ReserveBasketRequest,
    line: &Line,
    (told, part): (&ContractReport, i64),
) -> Result<(), String> {
    let right = (&told.offer_id, told.pieces) == (&line.offer_id, line.pieces)
        && told.buyer_account_id == asked.account_id
        && told.account_id == asked.account_id
        && told.state() == ContractState::Paid
        && fen(&told.discount) == part;
    if right {
        return Ok(());
    }
    Err(format!(
        "basket {}: {line:?} with {part} fen off is right, it is {told:?}",
        asked.client_order_id
    ))
}

/// What each line costs before anything is taken off, in fen.
fn lists_of(ledger: &Ledger, lines: &[Line]) -> Vec<i64> {
    let list = |line: &Line| {
        let made = ledger.offers().get(&line.offer_id)?;
        let amount = price_of(made, line.pieces) * Decimal::from(line.pieces);
        (amount * Decimal::ONE_HUNDRED).to_i64()
    };
    lines.iter().map(|line| list(line).unwrap_or(0)).collect()
}

/// What a discount takes off such a sum, in fen.
fn taken_off(discount: &Discount, total: i64) -> i64 {
    match &discount.off {
        Some(Off::Amount(amount)) => fen(amount),
        Some(Off::Share(share)) => {
            let off = total * i64::from(share.bp) / WHOLE_BP;
            if share.at_most.is_empty() {
                off
            } else {
                off.min(fen(&share.at_most))
            }
        }
        None => 0,
    }
}

/// The lines' parts of what is taken off, by largest remainder, of equal ones the earlier.
fn parts(lists: &[i64], off: i64) -> Vec<i64> {
    let total: i64 = lists.iter().sum::<i64>().max(1);
    let mut parts: Vec<_> = lists.iter().map(|list| off * list / total).collect();
    let mut order: Vec<_> = (0..lists.len()).collect();
    order.sort_by_key(|place| {
        let list = lists.get(*place).copied().unwrap_or_default();
        std::cmp::Reverse(off * list % total)
    });
    let rest = off - parts.iter().sum::<i64>();
    for place in order.into_iter().take(rest.try_into().unwrap_or(0)) {
        if let Some(part) = parts.get_mut(place) {
            *part += 1;
        }
    }
    parts
}

/// Whether a basket has the code that its discount asks for, or none.
fn is_known(asked: &ReserveBasketRequest, discount: &Discount) -> bool {
    if discount.code_hash.is_empty() {
        return asked.code.is_empty();
    }
    hash_of(&asked.code)[..] == discount.code_hash
}

/// Whether a discount is over.
pub fn is_over(discount: &Discount, at: i64) -> bool {
    discount
        .closes
        .as_ref()
        .is_some_and(|closes| ns(closes) <= at)
}

fn time(report: &ContractReport) -> i64 {
    report.transact_time.as_ref().map_or(0, ns)
}

#[cfg(test)]
#[path = "baskets_tests.rs"]
mod tests;
