//! Deposits and withdrawals of the live accounts: what was asked, and how each was answered.
//!
//! Invariant: as of orders, a second answer must be the first one again, marked as such. Not here:
//! what the accounts must have by them (`money`), who asks (`teller`).

use std::collections::BTreeMap;

use proto::v1::OperationReport;

use super::ledger::Sent;
use crate::purse::Moved;

/// See the file's head.
#[derive(Default, Debug)]
pub struct Moves {
    all: BTreeMap<String, (Moved, Option<OperationReport>)>,
    /// How many were sent again over a kill and answered.
    pub retried: u64,
}

impl Moves {
    /// An amount is about to be asked for, for the first time.
    pub fn asks(&mut self, id: &str, moved: Moved) {
        self.all.insert(id.to_owned(), (moved, None));
    }

    /// It was answered.
    ///
    /// # Errors
    /// It was not accepted, was answered otherwise before, or is marked wrongly.
    pub fn answered(
        &mut self,
        id: &str,
        sent: Sent,
        report: &OperationReport,
    ) -> Result<(), String> {
        self.retried += u64::from(sent != Sent::Once);
        let marked = report.poss_dup;
        let plain = OperationReport {
            poss_dup: false,
            ..report.clone()
        };
        let Some((_, first)) = self.all.get_mut(id) else {
            return Err(format!("{id} was answered, never asked"));
        };
        let before = first.get_or_insert_with(|| plain.clone()).clone();
        if before != plain {
            return Err(format!("{id} was answered {before:?}, now {plain:?}"));
        }
        if !plain.accepted {
            return Err(format!("{id} was not accepted: {plain:?}"));
        }
        if marked != (sent == Sent::Retried) && sent != Sent::Again {
            return Err(format!("{id} sent {sent:?} has poss_dup {marked}"));
        }
        Ok(())
    }

    /// Those that were answered: each is done.
    pub fn done(&self) -> Vec<Moved> {
        self.with(true)
    }

    /// Those that were not: each may be done or not.
    pub fn in_doubt(&self) -> Vec<Moved> {
        self.with(false)
    }

    fn with(&self, answer: bool) -> Vec<Moved> {
        let all = self.all.values();
        let own = all.filter(|(_, report)| report.is_some() == answer);
        own.map(|(moved, _)| moved.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;

    fn report(engine_sequence: u64, poss_dup: bool) -> OperationReport {
        OperationReport {
            engine_sequence,
            accepted: true,
            poss_dup,
            ..OperationReport::default()
        }
    }

    fn asked() -> Moves {
        let mut moves = Moves::default();
        let moved = Moved {
            account_id: "A".to_owned(),
            asset_id: "CNY".to_owned(),
            amount: Decimal::ONE,
        };
        moves.asks("d", moved);
        assert_eq!((moves.done().len(), moves.in_doubt().len()), (0, 1));
        moves
    }

    #[test]
    fn a_retry_gets_the_first_answer_and_says_so() {
        let mut moves = asked();
        let first = moves.answered("d", Sent::Once, &report(7, false));
        assert_eq!(first, Ok(()));
        let again = moves.answered("d", Sent::Retried, &report(7, true));
        assert_eq!((again, moves.retried), (Ok(()), 1));
        assert_eq!((moves.done().len(), moves.in_doubt().len()), (1, 0));
    }

    #[test]
    fn a_second_deposit_in_place_of_a_retry_is_found() {
        let mut moves = asked();
        assert!(moves.answered("d", Sent::Once, &report(7, true)).is_err());
        let other = moves.answered("d", Sent::Retried, &report(9, true));
        assert!(other.is_err(), "another place in the history");
        let fresh = moves.answered("d", Sent::Retried, &report(7, false));
        assert!(fresh.is_err(), "not marked");
        assert!(moves.answered("w", Sent::Once, &report(8, false)).is_err());
    }
}
