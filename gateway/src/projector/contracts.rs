//! What steps of contracts post on the accounts of buyer and seller.
//!
//! Invariant: as in `postings`. What a contract holds or gives back is no posting: it moves inside
//! an account. Not here: how contracts stand (the engine).

use engine::bytes::{self, BytesError, Reader};
use engine::clearing::Holder;
use engine::clearing::postings::PostingKind;
use engine::event::ContractReport;
use engine::types::{ContractId, Side};

use super::orders::At;
use super::output::{ProjectError, Rows};
use super::postings::{PostingCause, PostingPlace, PostingRow};

/// A part of what a step moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContractPart {
    /// Goods that left the warehouse, or came into it again.
    Goods,
    /// What was paid.
    Money,
    /// What the venue charged.
    Fee,
}

/// Whether a step moved an amount from one holder to another.
pub(super) const fn moves(report: &ContractReport) -> bool {
    report.paid_out != 0 || report.penalty != 0 || report.fee != 0 || report.goods_out != 0
}

/// Writes what a step moved.
pub(super) fn apply<R: Rows>(
    at: At<'_>,
    report: &ContractReport,
    rows: &mut R,
) -> Result<(), ProjectError<R::Error>> {
    let mut next = [Side::Buy, Side::Sell].map(|side| at.posting(side));
    for posting in engine::clearing::postings::of_contract(report) {
        let Holder::Account(account) = posting.holder else {
            continue;
        };
        let part = if posting.kind == PostingKind::ContractGoods {
            ContractPart::Goods
        } else if posting.kind == PostingKind::ContractFee {
            ContractPart::Fee
        } else {
            ContractPart::Money
        };
        let place = &mut next[usize::from(account == report.seller.account)];
        rows.put_posting(&PostingRow {
            place: *place,
            account,
            asset: posting.asset,
            amount: posting.amount,
            cause: PostingCause::Contract {
                part,
                contract: report.contract(),
            },
        })?;
        *place = PostingPlace {
            index: place.index + 1,
            ..*place
        };
    }
    Ok(())
}

/// The tag of a part of a contract.
pub(super) const fn tag(part: ContractPart) -> u8 {
    match part {
        ContractPart::Money => 42,
        ContractPart::Goods => 43,
        ContractPart::Fee => 44,
    }
}

pub(super) fn put(out: &mut Vec<u8>, part: ContractPart, contract: ContractId) {
    out.push(tag(part));
    bytes::put_varint(out, contract.sequence);
    bytes::put_varint(out, contract.slot.into());
}

pub(super) fn get(part: ContractPart, input: &mut Reader<'_>) -> Result<PostingCause, BytesError> {
    let contract = ContractId {
        sequence: input.varint()?,
        slot: input.varint32("a contract's row")?,
    };
    Ok(PostingCause::Contract { part, contract })
}
