//! Events as short lines.

use sanjiang_engine::command::Scope;
use sanjiang_engine::event::{Event, ExecType, OrderReport};
use sanjiang_engine::reject::Reject;
use sanjiang_engine::types::OrderId;

/// What the events say, a line each.
pub fn lines(events: &[Event]) -> String {
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(event: &Event) -> String {
    match event {
        Event::Report(report) => report_line(report),
        Event::Book(change) => {
            let (action, price) = (change.action, change.price.ticks());
            format!("{action:?} {}@{price}", change.displayed.lots())
        }
        Event::MassCancel(report) => match report.reject {
            Some(reject) => format!("mass cancel {}", reason(reject)),
            None => format!("mass cancel {}, kept {}", report.canceled, report.kept),
        },
        Event::Operation(report) => match (report.reject, report.handle) {
            (Some(reject), _) => format!("refused {}", reason(reject)),
            (None, Some(handle)) => format!("done {handle}"),
            (None, None) => "done".to_owned(),
        },
        Event::Duplicate(duplicate) => {
            let first = duplicate.first_sequence.value();
            match duplicate.watermark {
                0 => format!("duplicate of {first}"),
                watermark => format!("duplicate of {first}, watermark {watermark}"),
            }
        }
        Event::SessionOpened(opened) => {
            format!("session {} at {}", opened.session.index(), opened.watermark)
        }
        Event::PhaseChanged(changed) => {
            format!("phase v{} {:?}", changed.venue.index(), changed.phase)
        }
        Event::StatusChanged(changed) => {
            let scope = match changed.scope {
                Scope::Venue(id) => format!("venue {}", id.index()),
                Scope::Instrument(id) => format!("instrument {}", id.index()),
            };
            format!("status {scope} {:?}", changed.status)
        }
        Event::ReferencePrice(set) => format!("reference {}", set.price.ticks()),
        Event::DayRolled(rolled) => format!("day {} #{}", rolled.day, rolled.index),
        Event::Custody(report) => {
            let (id, amount) = (report.instruction.value(), report.amount.units());
            format!(
                "custody {id} {:?} {amount} {:?}",
                report.direction, report.status
            )
        }
        Event::Standing(changed) => format!("standing {changed:?}"),
        Event::Limits(set) => format!("limits {set:?}"),
        Event::Receipt(report) => {
            let (id, amount) = (report.receipt.index(), report.amount.units());
            format!("receipt {id} {amount} {:?}", report.act)
        }
        Event::Settlement(settled) => format!(
            "settled {} {} {} {}",
            settled.instrument.index(),
            settled.account.index(),
            settled.goods,
            settled.money
        ),
        Event::Trade(_)
        | Event::Correction(_)
        | Event::Credit(_)
        | Event::Indicative(_)
        | Event::Uncrossed(_)
        | Event::Margin(_)
        | Event::Sale(_)
        | Event::Contract(_)
        | Event::EpochBegan(_)
        | Event::Quarantined(_)
        | Event::Regime(_)
        | Event::Switch(_) => format!("{event:?}"),
    }
}

/// A new order and a refusal with their counters; of an end, only which order.
fn report_line(report: &OrderReport) -> String {
    let slot = match report.order.slot {
        OrderId::NO_SLOT => "-".to_owned(),
        slot => slot.to_string(),
    };
    let why = report
        .reject
        .map_or(String::new(), |reject| format!(" {}", reason(reject)));
    let line = format!("#{slot} {:?}{why}", report.exec_type);
    let counters = report.counters;
    let counters = format!(" count {}/{}", counters.account, counters.participant);
    let terms = match report.price {
        Some(price) if report.instrument.is_some() => {
            format!(" {}@{}", report.order_quantity.lots(), price.ticks())
        }
        _ => String::new(),
    };
    match report.exec_type {
        ExecType::Rejected => line + &counters,
        ExecType::New | ExecType::CancelRejected | ExecType::ReplaceRejected => {
            line + &terms + &counters
        }
        ExecType::Canceled
        | ExecType::Replaced
        | ExecType::Expired
        | ExecType::Triggered
        | ExecType::Restated => line,
    }
}

fn reason(reject: Reject) -> String {
    match reject.basis {
        Some(basis) => format!("{} {}", reject.reason.as_str(), basis.as_str()),
        None => reject.reason.as_str().to_owned(),
    }
}
