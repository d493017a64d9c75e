//! The numbers of a private stream: those of the participant, of each account, of executions.
//!
//! Invariant: the first two have no gap, the last come once. Not here: what a report says (`audit`,
//! `shops::audit`).

use std::collections::{HashMap, HashSet};

/// What numbers a report.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a> {
    /// Among the participant's.
    pub participant: u64,
    /// Among the account's.
    pub account: u64,
    /// Which account.
    pub account_id: &'a str,
    /// Of the execution.
    pub execution: &'a str,
}

/// See the file's head.
#[derive(Clone, Debug)]
pub struct Numbering {
    next: u64,
    accounts: HashMap<String, u64>,
    executions: HashSet<String>,
}

impl Default for Numbering {
    fn default() -> Self {
        Self {
            next: 1,
            accounts: HashMap::new(),
            executions: HashSet::new(),
        }
    }
}

impl Numbering {
    /// The participant's number that is due.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Takes the numbers of the next report.
    ///
    /// # Errors
    /// One is not the next one, or was given before; in words.
    pub fn take(&mut self, report: Numbers<'_>) -> Result<(), String> {
        let number = report.participant;
        if number != self.next {
            let due = self.next;
            self.next = number + 1;
            return Err(format!("report {number} came where {due} was due"));
        }
        self.next += 1;
        let account = report.account_id;
        let last = self.accounts.entry(account.to_owned()).or_insert(0);
        *last += 1;
        if report.account != *last {
            return Err(format!(
                "report {} of account {account} came where {last} was due",
                report.account
            ));
        }
        if !self.executions.insert(report.execution.to_owned()) {
            return Err(format!("execution {} came twice", report.execution));
        }
        Ok(())
    }
}
