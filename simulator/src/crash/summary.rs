//! What a crash run found: lines for people, the last of which is the summary, and the JSON file.
//!
//! Invariant: the words are stable, other programs read them; a run held only if nothing differed,
//! enough kills found commands in flight, and it came to its end. Not here: what counts as what
//! (`run`, `ledger`, `audit`).

use std::{fmt, io, path::Path};

use serde::Serialize;

use super::memory::Faults;
use crate::{
    report::SHOWN_MAX,
    shops::{self, inspect::Inspected},
};

/// Of a hundred kills, so many must find unacknowledged commands in flight.
pub const IN_FLIGHT_PERCENT_MIN: u64 = 90;

/// The summary of a run.
#[derive(Clone, Default, Serialize, Debug)]
pub struct CrashSummary {
    /// Always "crash".
    pub kind: &'static str,
    /// Seed of the run.
    pub seed: u64,
    /// The day that was replayed: a file's name, or "seeded".
    pub day: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Kills under load that were carried out.
    pub cycles: u64,
    /// Of these, with commands sent and not acknowledged.
    pub kills_in_flight: u64,
    /// Further kills, before the gateway took its first connection.
    pub kills_while_starting: u64,
    /// Commands with a durable answer, those of the replay included.
    pub acknowledged: u64,
    /// Of the live clients' commands, rejected by the engine.
    pub rejected: u64,
    /// Commands of the live clients sent again because a kill took their answer along.
    pub resent: u64,
    /// Answers that were given again, not carried out again.
    pub duplicates_answered: u64,
    /// Pairs "A refused, B taken" whose both commands were sent again over a kill.
    pub pairs_retried: u64,
    /// Reports read from the beginning and compared, over all audits.
    pub audited_reports: u64,
    /// Orders asked for one by one and compared with their last report.
    pub audited_orders: u64,
    /// Accounts whose available and held amounts were compared with what was told, over all audits.
    pub audited_balances: u64,
    /// Of these, such that held something.
    pub audited_holds: u64,
    /// Deposits and withdrawals sent again over a kill, each done once.
    pub moves_retried: u64,
    /// What became of the shops.
    pub shops: ShopCounts,
    /// Trades of the replayed day.
    pub trades: u64,
    /// Trades of the live clients.
    pub live_trades: u64,
    /// Kills by the time that the first difference was seen; none where none was, between kills.
    pub found_after: Option<u64>,
    /// Differences from what was told and expected.
    pub mismatches: u64,
    /// The longest time from starting the gateway to its first connection, in milliseconds.
    pub longest_restart_ms: u64,
    /// The longest cycle, in milliseconds: load, kill, start, audit.
    pub longest_cycle_ms: u64,
    /// The first mismatches.
    pub first_mismatches: Vec<String>,
    /// Why the run ended early, if it did.
    pub error: Option<String>,
}

/// What became of the shops of a run.
#[derive(Clone, Default, Serialize, Debug)]
pub struct ShopCounts {
    /// Commands with a durable answer.
    pub acknowledged: u64,
    /// Of these, refused by the engine.
    pub refused: u64,
    /// Commands sent again because a kill took their answer along.
    pub resent: u64,
    /// Answers that were given again.
    pub duplicates_answered: u64,
    /// Offers made.
    pub offers: u64,
    /// Contracts and entries formed.
    pub contracts: u64,
    /// Deadlines that fired, each once.
    pub deadlines_fired: u64,
    /// Deadlines that a gap in service put off.
    pub deadlines_put_off: u64,
    /// Payments that a bank brought, each once.
    pub paid_in: u64,
    /// Entries of lotteries that won, each as its draw says.
    pub won: u64,
    /// Entries that were released, by a draw or for want of one.
    pub released: u64,
    /// Tickets of queues, each as the order of those who joined says.
    pub tickets: u64,
    /// Contracts of queues, each formed in its buyer's turn.
    pub turns: u64,
    /// Baskets formed, each in whole and once.
    pub baskets: u64,
    /// Their lines, each a contract.
    pub basket_lines: u64,
    /// Baskets refused, of which nothing was formed.
    pub baskets_refused: u64,
    /// Discounts defined.
    pub discounts: u64,
    /// Discounts that came to their end.
    pub discounts_ended: u64,
    /// Uses of discounts, each of one basket.
    pub discount_uses: u64,
    /// Settings of the seller's guarantee that were taken.
    pub guarantees_set: u64,
    /// Contracts whose seller was paid at the acceptance, since its guarantee answers for them.
    pub covered: u64,
    /// Steps in which the guarantee paid a buyer back.
    pub paid_back: u64,
    /// Imports formed, each within its owner's limit of the year.
    pub imports: u64,
    /// Imports refused, each above it.
    pub limited: u64,
    /// What customs reported of owners, each once.
    pub uses_set: u64,
    /// How often it was said how much time is left after a gap in service.
    pub graces_set: u64,
    /// Returns of which a part came to be owed.
    pub owed: u64,
    /// Of these, such that something was paid at once.
    pub owed_in_part: u64,
    /// Payments that left something owing.
    pub repaid_in_part: u64,
    /// Payments that left nothing.
    pub repaid: u64,
    /// Debts that a buyer let its seller off.
    pub let_off: u64,
    /// Debts that stood when a kill was audited, over all audits.
    pub debts_stood: u64,
    /// Returns refused: the money was not there and might not be owed.
    pub owing_refused: u64,
    /// Of these, sent again over a kill, each answered as it was.
    pub owing_refused_again: u64,
    /// Deposits and withdrawals of sellers that owe at times.
    pub moved: u64,
    /// Withdrawals refused of sellers that owed.
    pub kept_back: u64,
    /// Deposits and withdrawals sent again over a kill.
    pub moves_again: u64,
    /// Baskets sent again over a kill, each answered as it was done: once.
    pub baskets_again: u64,
    /// The same of discounts, guarantees, customs' reports and graces.
    pub settings_again: u64,
    /// Reports read and compared, over all audits.
    pub audited_reports: u64,
    /// Balances and offers compared, over all audits.
    pub audited_balances: u64,
}

impl fmt::Display for ShopCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "shops: acknowledged {} refused {} resent {} duplicates_answered {} offers {} \
             contracts {} deadlines_fired {} deadlines_put_off {} paid_in {} won {} released {} \
             tickets {} turns {} baskets {} basket_lines {} baskets_refused {} discounts {} \
             discounts_ended {} discount_uses {} guarantees_set {} covered {} \
             paid_back {} imports {} limited {} uses_set {} graces_set {} \
             owed {} owed_in_part {} repaid_in_part {} repaid {} let_off {} debts_stood {} \
             owing_refused {} owing_refused_again {} moved {} kept_back {} moves_again {} \
             baskets_again {} settings_again {} \
             audited_reports {} audited_balances {}",
            self.acknowledged,
            self.refused,
            self.resent,
            self.duplicates_answered,
            self.offers,
            self.contracts,
            self.deadlines_fired,
            self.deadlines_put_off,
            self.paid_in,
            self.won,
            self.released,
            self.tickets,
            self.turns,
            self.baskets,
            self.basket_lines,
            self.baskets_refused,
            self.discounts,
            self.discounts_ended,
            self.discount_uses,
            self.guarantees_set,
            self.covered,
            self.paid_back,
            self.imports,
            self.limited,
            self.uses_set,
            self.graces_set,
            self.owed,
            self.owed_in_part,
            self.repaid_in_part,
            self.repaid,
            self.let_off,
            self.debts_stood,
            self.owing_refused,
            self.owing_refused_again,
            self.moved,
            self.kept_back,
            self.moves_again,
            self.baskets_again,
            self.settings_again,
            self.audited_reports,
            self.audited_balances
        )
    }
}

impl CrashSummary {
    /// Counts what must not be, and keeps the first.
    pub fn mismatch(&mut self, what: String) {
        self.mismatches += 1;
        if self.first_mismatches.len() < SHOWN_MAX {
            self.first_mismatches.push(what);
        }
    }

    /// Takes in faults that were counted elsewhere.
    pub fn absorb(&mut self, faults: &Faults) {
        self.mismatches += faults.count;
        let room = SHOWN_MAX.saturating_sub(self.first_mismatches.len());
        let shown = faults.first.iter().take(room).cloned();
        self.first_mismatches.extend(shown);
    }

    /// Takes in an inspection of the shops.
    pub fn take_shops(&mut self, inspected: &Inspected) {
        let shops = &mut self.shops;
        shops.audited_reports += inspected.reports;
        shops.audited_balances += inspected.compared;
        shops.contracts = inspected.contracts;
        shops.deadlines_fired = inspected.fired;
        shops.deadlines_put_off = inspected.put_off;
        shops.paid_in = inspected.paid_in;
        let checked = inspected.campaigns;
        (shops.won, shops.released) = (checked.won, checked.released);
        (shops.tickets, shops.turns) = (checked.tickets, checked.turns);
        let checked = inspected.baskets;
        (shops.baskets, shops.basket_lines) = (checked.formed, checked.lines);
        (shops.baskets_refused, shops.discount_uses) = (checked.refused, checked.uses);
        shops.discounts_ended = inspected.discounts_ended;
        let checked = inspected.cover;
        (shops.guarantees_set, shops.covered) = (checked.sets, checked.covered);
        shops.paid_back = checked.paid_back;
        let checked = inspected.uses;
        (shops.imports, shops.limited) = (checked.imports, checked.limited);
        (shops.uses_set, shops.graces_set) = (checked.reported, inspected.graces);
        let checked = inspected.debts;
        (shops.owed, shops.owed_in_part) = (checked.owed, checked.in_part);
        (shops.repaid_in_part, shops.repaid) = (checked.parts, checked.whole);
        (shops.let_off, shops.owing_refused) = (checked.let_off, checked.refused);
        (shops.moved, shops.kept_back) = (checked.moved, checked.kept_back);
        shops.debts_stood += inspected.standing;
        self.absorb(&inspected.faults);
    }

    /// Takes in what the clerks of the shops were told.
    pub fn count_shops(&mut self, ledger: &shops::ledger::Ledger) {
        let shops = &mut self.shops;
        shops.acknowledged = ledger.memory.acknowledged;
        shops.refused = ledger.refused;
        shops.resent = ledger.memory.resent;
        shops.duplicates_answered = ledger.memory.duplicates_answered;
        shops.offers = ledger.offers().len() as u64;
        shops.discounts = ledger.discounts().len() as u64;
        shops.baskets_again = ledger.baskets_again;
        shops.settings_again = ledger.settings_again;
        shops.moves_again = ledger.moves_again;
        shops.owing_refused_again = ledger.unpaid_again;
        self.absorb(&ledger.memory.faults);
    }

    /// Whether enough kills found commands in flight.
    pub const fn struck_enough(&self) -> bool {
        self.kills_in_flight * 100 >= self.cycles * IN_FLIGHT_PERCENT_MIN
    }

    /// Whether everything asked held.
    pub const fn held(&self) -> bool {
        self.mismatches == 0 && self.error.is_none() && self.cycles > 0 && self.struck_enough()
    }

    /// Writes the JSON file, replacing it as a whole.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_json(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        text.push('\n');
        let mut partial = path.as_os_str().to_owned();
        partial.push(".part");
        std::fs::write(&partial, text)?;
        std::fs::rename(&partial, path)
    }
}

impl fmt::Display for CrashSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mismatch in &self.first_mismatches {
            writeln!(f, "mismatch: {mismatch}")?;
        }
        if let Some(kills) = self.found_after {
            writeln!(f, "seen first after {kills} kills")?;
        }
        if let Some(error) = &self.error {
            writeln!(f, "ended early: {error}")?;
        }
        if !self.struck_enough() {
            writeln!(
                f,
                "only {} of {} kills found commands in flight, {IN_FLIGHT_PERCENT_MIN} % must",
                self.kills_in_flight, self.cycles
            )?;
        }
        writeln!(f, "{}", self.shops)?;
        writeln!(
            f,
            "crash {}: day {} seed {} seconds {:.1} cycles {} kills_in_flight {} \
             kills_while_starting {} acknowledged {} rejected {} resent {} duplicates_answered {} \
             pairs_retried {} audited_reports {} audited_orders {} audited_balances {} \
             audited_holds {} moves_retried {} trades {} live_trades {} \
             mismatches {} longest_restart_ms {} longest_cycle_ms {}",
            if self.held() { "held" } else { "FAILED" },
            self.day,
            self.seed,
            self.seconds,
            self.cycles,
            self.kills_in_flight,
            self.kills_while_starting,
            self.acknowledged,
            self.rejected,
            self.resent,
            self.duplicates_answered,
            self.pairs_retried,
            self.audited_reports,
            self.audited_orders,
            self.audited_balances,
            self.audited_holds,
            self.moves_retried,
            self.trades,
            self.live_trades,
            self.mismatches,
            self.longest_restart_ms,
            self.longest_cycle_ms
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten_kills(kills_in_flight: u64) -> CrashSummary {
        CrashSummary {
            cycles: 10,
            kills_in_flight,
            ..CrashSummary::default()
        }
    }

    #[test]
    fn nine_of_ten_kills_must_find_commands_in_flight() {
        assert!(ten_kills(9).held());
        assert!(!ten_kills(8).held());
        assert!(!CrashSummary::default().held(), "no kill proves nothing");
    }

    #[test]
    fn one_mismatch_or_an_early_end_fails_the_run() {
        let mut summary = ten_kills(10);
        summary.mismatch("an order is lost".to_owned());
        assert!(!summary.held());
        let ended = CrashSummary {
            error: Some("it stalled".to_owned()),
            ..ten_kills(10)
        };
        assert!(!ended.held());
    }

    #[test]
    fn the_last_line_and_the_json_name_every_count() {
        let mut summary = ten_kills(3);
        summary.mismatch("an order is lost".to_owned());
        let text = summary.to_string();
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("crash FAILED: "), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        summary.write_json(&path).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for word in [
            "cycles",
            "kills_in_flight",
            "kills_while_starting",
            "acknowledged",
            "resent",
            "duplicates_answered",
            "audited_reports",
            "audited_balances",
            "moves_retried",
            "trades",
            "mismatches",
            "longest_restart_ms",
        ] {
            assert!(last.contains(&format!(" {word} ")), "{word}");
            assert!(json[word].is_number(), "{word}");
        }
    }
}
