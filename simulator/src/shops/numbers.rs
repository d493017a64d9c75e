//! A contract's report in numbers, as a Session tells it.
//!
//! Invariant: the same facts as the report in words, or none. Not here: comparing them (`audit`).

use proto::v1::{ContractReport, SessionContractReport};

use super::{found::Shops, ns};

/// A report as a Session tells it. The code of a refusal stands nowhere else, so it is taken over
/// where both refuse.
pub fn in_numbers(
    shops: &Shops,
    report: &ContractReport,
    told: &SessionContractReport,
) -> Option<SessionContractReport> {
    let refused = !report.reject_reason.is_empty();
    let (contract_sequence, contract_slot) = halves(&report.contract_id)?;
    let (offer_sequence, offer_slot) = halves(&report.offer_id)?;
    let mut accounts = shops.accounts().zip(&shops.handles);
    let (_, (account, _)) = accounts.find(|(id, _)| *id == report.account_id)?;
    let time = report.transact_time.as_ref()?;
    Some(SessionContractReport {
        engine_sequence: report.engine_sequence,
        client_sequence: report.client_sequence,
        account: *account,
        step: report.step,
        state: report.state,
        contract_sequence,
        contract_slot,
        version: report.version,
        offer_sequence,
        offer_slot,
        pieces: report.pieces,
        price_units: fen(&report.price)?,
        amount_units: fen(&report.amount)?,
        tax_units: fen(&report.tax)?,
        money_held_units: fen(&report.money_held)?,
        owing_units: fen(&report.owing)?,
        deadline_ns: report.deadline.as_ref().map_or(0, ns),
        account_sequence: report.account_sequence,
        participant_sequence: report.participant_sequence,
        transact_time_ns: ns(time),
        index: report.exec_id.rsplit('-').next()?.parse().ok()?,
        reject_code: if refused { told.reject_code.max(1) } else { 0 },
        reject_reason: report.reject_reason.clone(),
        legal_basis: report.legal_basis.clone(),
        demonstration: report.demonstration,
        full_tax: report.full_tax,
    })
}

/// The two numbers of an id; none has zeros.
fn halves(id: &str) -> Option<(u64, u32)> {
    if id.is_empty() {
        return Some((0, 0));
    }
    let (sequence, slot) = id.split_once('-')?;
    Some((sequence.parse().ok()?, slot.parse().ok()?))
}

fn fen(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    text.replace('.', "").parse().ok()
}
