//! The keys of the families: handles, numbers and places, big endian.
//!
//! Invariant: keys sort as what they are made of. Not here: which family has which (`store`).

use engine::types::{AccountId, ClientId, ContractId, InstrumentId, ReceiptId, Sequence};

use super::super::postings::PostingPlace;

/// A handle and a number, as a key.
pub(in crate::projector) fn key_32_64(handle: u32, number: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (front, back) = key.split_at_mut(4);
    front.copy_from_slice(&handle.to_be_bytes());
    back.copy_from_slice(&number.to_be_bytes());
    key
}

/// A sequence and an index, as a key.
pub(in crate::projector) fn key_64_32(number: u64, index: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (front, back) = key.split_at_mut(8);
    front.copy_from_slice(&number.to_be_bytes());
    back.copy_from_slice(&index.to_be_bytes());
    key
}

/// An instrument's trade, as a key.
pub(in crate::projector) fn trade_key(
    instrument: InstrumentId,
    sequence: u64,
    index: u32,
) -> [u8; 16] {
    let mut key = [0; 16];
    let (front, back) = key.split_at_mut(4);
    front.copy_from_slice(&instrument.index().to_be_bytes());
    back.copy_from_slice(&key_64_32(sequence, index));
    key
}

/// An execution of a trade, or of what became of it, as a key: the trade, then the execution.
pub(in crate::projector) fn trade_execution_key(
    trade: (u64, u32),
    execution: (u64, u32),
) -> [u8; 24] {
    let mut key = [0; 24];
    let (front, back) = key.split_at_mut(12);
    front.copy_from_slice(&key_64_32(trade.0, trade.1));
    back.copy_from_slice(&key_64_32(execution.0, execution.1));
    key
}

/// An act on a receipt, as a key.
pub(in crate::projector) fn receipt_key(
    receipt: ReceiptId,
    (sequence, index): (Sequence, u32),
) -> [u8; 16] {
    let mut key = [0; 16];
    let (front, back) = key.split_at_mut(4);
    front.copy_from_slice(&receipt.index().to_be_bytes());
    back.copy_from_slice(&key_64_32(sequence.value(), index));
    key
}

/// A step of a contract, as a key: the contract, then the step.
pub(in crate::projector) fn contract_key(contract: ContractId, step: (u64, u32)) -> [u8; 24] {
    trade_execution_key((contract.sequence, contract.slot), step)
}

/// A contract of an account, as a key.
pub(in crate::projector) fn contract_of_key(account: AccountId, contract: ContractId) -> [u8; 16] {
    let mut key = [0; 16];
    let (front, back) = key.split_at_mut(4);
    front.copy_from_slice(&account.index().to_be_bytes());
    back.copy_from_slice(&key_64_32(contract.sequence, contract.slot));
    key
}

/// The contract of a key of [`contract_of_key`]; none of another account's.
pub(in crate::projector) fn split_contract_of(
    key: &[u8],
    account: AccountId,
) -> Option<ContractId> {
    let (front, back) = key.split_at_checked(4)?;
    (be32(front) == Some(account.index())).then_some(())?;
    let (sequence, slot) = back.split_at_checked(8)?;
    Some(ContractId {
        sequence: be64(sequence)?,
        slot: be32(slot)?,
    })
}

/// A posting of an account, as a key. Time never falls from one command to the next, so by time or
/// by sequence the order is the same.
pub(in crate::projector) fn posting_key(account: AccountId, place: PostingPlace) -> [u8; 24] {
    let mut key = [0; 24];
    let (front, back) = key.split_at_mut(12);
    // Times are not below zero.
    let time = place.time.nanoseconds().unsigned_abs();
    front.copy_from_slice(&key_32_64(account.index(), time));
    back.copy_from_slice(&key_64_32(place.sequence.value(), place.index));
    key
}

/// An account and a client's id, as a key.
pub(in crate::projector) fn client_id_key(account: AccountId, id: &ClientId) -> Vec<u8> {
    [&account.index().to_be_bytes(), id.as_str().as_bytes()].concat()
}

/// Four bytes as a number.
pub(in crate::projector) fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// Eight bytes as a number.
pub(in crate::projector) fn be64(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// The number of a key of `handle`; none of another handle's.
pub(in crate::projector) fn split_32_64(key: &[u8], handle: u32) -> Option<u64> {
    let (front, back) = key.split_at_checked(4)?;
    (be32(front) == Some(handle)).then_some(())?;
    be64(back)
}
