//! Trading phases, trading status, and the table of what each takes.
//!
//! Invariant: every pair of phase or status and action has one defined answer. Source: trading
//! models M0 (SSE, SZSE, SHFE, Xetra phases), FIX 625 and 326. Not here: when phases change
//! (`schedule`), what a change does to orders (`market::book`).

use crate::reject::RejectReason;

/// Trading phase (FIX 625).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Pre-trading, neither entry nor cancel.
    Closed = 1,
    /// Opening auction: entry and cancel.
    PreOpen = 2,
    /// Opening auction: entry, no cancel.
    PreOpenNoCancel = 3,
    /// Opening auction: neither.
    Freeze = 4,
    /// Entering it uncrosses the opening auction; neither entry nor cancel while it lasts.
    Uncross = 5,
    /// Continuous trading.
    Continuous = 6,
    /// Intraday auction: entry and cancel.
    VolatilityCall = 7,
    /// Closing auction: entry and cancel.
    ClosingCall = 8,
    /// Closing auction: entry, no cancel.
    ClosingCallNoCancel = 9,
    /// Post-trading: cancels only.
    PostClose = 10,
}

/// Which auction a phase belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Auction {
    /// Before the day's continuous trading.
    Opening,
    /// Between two stretches of continuous trading.
    Intraday,
    /// After the day's continuous trading.
    Closing,
}

impl Phase {
    /// All phases, in order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Closed,
        Self::PreOpen,
        Self::PreOpenNoCancel,
        Self::Freeze,
        Self::Uncross,
        Self::Continuous,
        Self::VolatilityCall,
        Self::ClosingCall,
        Self::ClosingCallNoCancel,
        Self::PostClose,
    ];

    /// The phase with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// The auction that collects orders in this phase.
    pub const fn auction(self) -> Option<Auction> {
        match self {
            Self::PreOpen | Self::PreOpenNoCancel | Self::Freeze => Some(Auction::Opening),
            Self::VolatilityCall => Some(Auction::Intraday),
            Self::ClosingCall | Self::ClosingCallNoCancel => Some(Auction::Closing),
            Self::Closed | Self::Uncross | Self::Continuous | Self::PostClose => None,
        }
    }
}

/// Trading status of a venue or an instrument (FIX 326), beside its phase.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum TradingStatus {
    /// FIX 17 ready to trade.
    Trading = 1,
    /// FIX 2: nothing is taken, not even cancels.
    Halted = 2,
    /// Only cancels are taken.
    CancelOnly = 3,
    /// FIX 18 not available: as halted, for longer.
    Suspended = 4,
}

impl TradingStatus {
    /// All statuses, in order of their numbers.
    pub const ALL: [Self; 4] = [
        Self::Trading,
        Self::Halted,
        Self::CancelOnly,
        Self::Suspended,
    ];

    /// The status with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }
}

/// What a command wants of a phase.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Action {
    /// A new order.
    New,
    /// A cancel.
    Cancel,
    /// A replace.
    Replace,
    /// A mass cancel.
    MassCancel,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 4] = [Self::New, Self::Cancel, Self::Replace, Self::MassCancel];
}

/// One row of the table: what a phase takes.
struct Row {
    phase: Phase,
    entry: Entry,
    cancel: Cancel,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Taken,
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    Taken,
    Refused,
}

const TABLE: [Row; 10] = [
    Row {
        phase: Phase::Closed,
        entry: Entry::Refused,
        cancel: Cancel::Refused,
    },
    Row {
        phase: Phase::PreOpen,
        entry: Entry::Taken,
        cancel: Cancel::Taken,
    },
    Row {
        phase: Phase::PreOpenNoCancel,
        entry: Entry::Taken,
        cancel: Cancel::Refused,
    },
    Row {
        phase: Phase::Freeze,
        entry: Entry::Refused,
        cancel: Cancel::Refused,
    },
    Row {
        phase: Phase::Uncross,
        entry: Entry::Refused,
        cancel: Cancel::Refused,
    },
    Row {
        phase: Phase::Continuous,
        entry: Entry::Taken,
        cancel: Cancel::Taken,
    },
    Row {
        phase: Phase::VolatilityCall,
        entry: Entry::Taken,
        cancel: Cancel::Taken,
    },
    Row {
        phase: Phase::ClosingCall,
        entry: Entry::Taken,
        cancel: Cancel::Taken,
    },
    Row {
        phase: Phase::ClosingCallNoCancel,
        entry: Entry::Taken,
        cancel: Cancel::Refused,
    },
    Row {
        phase: Phase::PostClose,
        entry: Entry::Refused,
        cancel: Cancel::Taken,
    },
];

/// Whether `action` is taken in `phase` by an instrument whose own and whose venue's status are
/// `statuses`. The status answers before the phase. A replace needs both flags: entry, cancel.
///
/// # Errors
/// HALTED, CANCEL_ONLY, MARKET_CLOSED or PHASE_NO_CANCEL.
pub fn permits(
    phase: Phase,
    statuses: [TradingStatus; 2],
    action: Action,
) -> Result<(), RejectReason> {
    let cancels = matches!(action, Action::Cancel | Action::MassCancel);
    for status in statuses {
        match status {
            TradingStatus::Trading => {}
            TradingStatus::Halted | TradingStatus::Suspended => return Err(RejectReason::Halted),
            TradingStatus::CancelOnly if cancels => {}
            TradingStatus::CancelOnly => return Err(RejectReason::CancelOnly),
        }
    }
    let row = &TABLE[phase as usize - 1];
    assert!(
        row.phase == phase,
        "the table is in order of the phases' numbers"
    );
    if !cancels && row.entry == Entry::Refused {
        return Err(RejectReason::MarketClosed);
    }
    if action != Action::New && row.cancel == Cancel::Refused {
        return Err(RejectReason::PhaseNoCancel);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_status_and_action_has_its_answer() {
        let text = Phase::ALL.map(|phase| {
            Action::ALL.map(
                |action| match permits(phase, [TradingStatus::Trading; 2], action) {
                    Ok(()) => "yes",
                    Err(reason) => reason.as_str(),
                },
            )
        });
        let (no, nc) = ("MARKET_CLOSED", "PHASE_NO_CANCEL");
        let expected = [
            [no, nc, no, nc],
            ["yes"; 4],
            ["yes", nc, nc, nc],
            [no, nc, no, nc],
            [no, nc, no, nc],
            ["yes"; 4],
            ["yes"; 4],
            ["yes"; 4],
            ["yes", nc, nc, nc],
            [no, "yes", no, "yes"],
        ];
        assert_eq!(text, expected);
    }

    #[test]
    fn a_status_of_either_level_answers_before_the_phase() {
        for phase in Phase::ALL {
            for action in Action::ALL {
                for level in 0..2 {
                    let mut statuses = [TradingStatus::Trading; 2];
                    statuses[level] = TradingStatus::Halted;
                    assert_eq!(permits(phase, statuses, action), Err(RejectReason::Halted));
                    statuses[level] = TradingStatus::CancelOnly;
                    let answer = permits(phase, statuses, action);
                    if matches!(action, Action::New | Action::Replace) {
                        assert_eq!(answer, Err(RejectReason::CancelOnly));
                    } else {
                        assert_ne!(answer, Err(RejectReason::CancelOnly));
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_read_back() {
        for phase in Phase::ALL {
            assert_eq!(Phase::from_code(phase as u8), Some(phase));
        }
        for status in TradingStatus::ALL {
            assert_eq!(TradingStatus::from_code(status as u8), Some(status));
        }
        assert_eq!((Phase::from_code(0), Phase::from_code(11)), (None, None));
        assert_eq!(
            (TradingStatus::from_code(0), TradingStatus::from_code(5)),
            (None, None)
        );
    }
}
