//! What events say, as names of cells: their kinds, causes, kinds of report, rejects.
//!
//! Invariant: as in `coverage`. Not here: what a run reached.

use sanjiang_engine::event::{Cause, ContractEvent, Event, ExecType};
use sanjiang_engine::reject::RejectReason;

pub const CAUSES: [&str; 12] = [
    "REQUEST",
    "MASS_CANCEL",
    "SELF_TRADE",
    "UNFILLED",
    "REPLACED_BELOW_FILLED",
    "TIME_OVER",
    "PRICE_SET",
    "NOT_PLACED",
    "KILL_SWITCH",
    "DISCONNECTED",
    "DEAD_MAN",
    "FORCED_REDUCTION",
];
pub const REPORTS: [&str; 9] = [
    "NEW",
    "CANCELED",
    "REPLACED",
    "REJECTED",
    "CANCEL_REJECTED",
    "REPLACE_REJECTED",
    "EXPIRED",
    "TRIGGERED",
    "RESTATED",
];
pub const EVENTS: [&str; 25] = [
    "Report",
    "Trade",
    "Book",
    "Indicative",
    "Uncrossed",
    "MassCancel",
    "Operation",
    "Duplicate",
    "SessionOpened",
    "PhaseChanged",
    "StatusChanged",
    "ReferencePrice",
    "DayRolled",
    "Custody",
    "Standing",
    "Limits",
    "Receipt",
    "Correction",
    "Credit",
    "Settlement",
    "Switch",
    "Margin",
    "Sale",
    "Contract",
    "Regime",
];

pub fn cause_of(cause: Cause) -> usize {
    match cause {
        Cause::Request => 0,
        Cause::MassCancel => 1,
        Cause::SelfTrade => 2,
        Cause::Unfilled => 3,
        Cause::ReplacedBelowFilled => 4,
        Cause::TimeOver => 5,
        Cause::PriceSet => 6,
        Cause::NotPlaced => 7,
        Cause::KillSwitch => 8,
        Cause::Disconnected => 9,
        Cause::DeadMan => 10,
        Cause::ForcedReduction => 11,
    }
}

pub fn report_of(exec_type: ExecType) -> usize {
    match exec_type {
        ExecType::New => 0,
        ExecType::Canceled => 1,
        ExecType::Replaced => 2,
        ExecType::Rejected => 3,
        ExecType::CancelRejected => 4,
        ExecType::ReplaceRejected => 5,
        ExecType::Expired => 6,
        ExecType::Triggered => 7,
        ExecType::Restated => 8,
    }
}

pub fn event_of(event: &Event) -> usize {
    match event {
        Event::Report(_) => 0,
        Event::Trade(_) => 1,
        Event::Book(_) => 2,
        Event::Indicative(_) => 3,
        Event::Uncrossed(_) => 4,
        Event::MassCancel(_) => 5,
        Event::Operation(_) => 6,
        Event::Duplicate(_) => 7,
        Event::SessionOpened(_) => 8,
        Event::PhaseChanged(_) => 9,
        Event::StatusChanged(_) => 10,
        Event::ReferencePrice(_) => 11,
        Event::DayRolled(_) => 12,
        Event::Custody(_) => 13,
        Event::Standing(_) => 14,
        Event::Limits(_) => 15,
        Event::Receipt(_) => 16,
        Event::Correction(_) => 17,
        Event::Credit(_) => 18,
        Event::Settlement(_) => 19,
        Event::Switch(_) => 20,
        Event::Margin(_) => 21,
        Event::Sale(_) => 22,
        Event::Contract(_) => 23,
        Event::Regime(_) => 24,
        // Only the tools on a stopped folder cause them: `tests/acts`.
        Event::EpochBegan(_) | Event::Quarantined(_) => unreachable!("not generated"),
    }
}

/// The reject of an event, if it is one.
pub fn reject_of(event: &Event) -> Option<RejectReason> {
    let reject = match event {
        Event::Report(report) => report.reject,
        Event::MassCancel(report) => report.reject,
        Event::Operation(report) => report.reject,
        Event::Contract(ContractEvent::Refused(refused)) => Some(refused.reject),
        Event::Trade(_)
        | Event::Book(_)
        | Event::Indicative(_)
        | Event::Uncrossed(_)
        | Event::Duplicate(_)
        | Event::SessionOpened(_)
        | Event::PhaseChanged(_)
        | Event::StatusChanged(_)
        | Event::ReferencePrice(_)
        | Event::DayRolled(_)
        | Event::Custody(_)
        | Event::Standing(_)
        | Event::Limits(_)
        | Event::Receipt(_)
        | Event::Correction(_)
        | Event::Credit(_)
        | Event::Settlement(_)
        | Event::Margin(_)
        | Event::Sale(_)
        | Event::Contract(ContractEvent::Step(_))
        | Event::EpochBegan(_)
        | Event::Quarantined(_)
        | Event::Regime(_)
        | Event::Switch(_) => None,
    };
    reject.map(|reject| reject.reason)
}
