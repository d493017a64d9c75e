//! The workload files of the speed floor: magic `PEERWL01`, five u64, then 24-byte records.
//!
//! Invariant: a file is read whole or refused with what is wrong. Not here: the floor program.

use crate::Operation;
use engine::types::Side;
use std::path::Path;

const MAGIC: &[u8; 8] = b"PEERWL01";
const HEADER_BYTES: usize = 48;
const RECORD_BYTES: usize = 24;

/// Why a workload file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    /// The file could not be read.
    #[error("the file could not be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is not such a file.
    #[error("not a workload file: {0}")]
    Format(String),
}

/// Reads a workload: what builds the book, what is measured, and the highest number of an order.
pub fn read_floor_file(path: &Path) -> Result<(Vec<Operation>, Vec<Operation>, u64), FloorError> {
    let bytes = std::fs::read(path)?;
    let wrong = |what: &str| FloorError::Format(what.to_owned());
    let body = bytes
        .get(HEADER_BYTES..)
        .ok_or_else(|| wrong("shorter than its header"))?;
    if &bytes[..8] != MAGIC {
        return Err(wrong("it should begin with PEERWL01"));
    }
    let word = |index: usize| {
        let start = 8 + index * 8;
        u64::from_le_bytes(bytes[start..start + 8].try_into().expect("eight bytes"))
    };
    let (preload, measured, id_max) = (word(0) as usize, word(1) as usize, word(2));
    if body.len() != (preload + measured) * RECORD_BYTES {
        return Err(wrong(
            "its length does not fit the number of records in its header",
        ));
    }
    let mut operations = Vec::with_capacity(preload + measured);
    for record in body.chunks_exact(RECORD_BYTES) {
        operations.push(parse(record)?);
    }
    let tail = operations.split_off(preload);
    Ok((operations, tail, id_max))
}

fn parse(record: &[u8]) -> Result<Operation, FloorError> {
    let long = |at: usize| record[at..at + 8].try_into().expect("eight bytes");
    let quantity = i64::from(u32::from_le_bytes(
        record[4..8].try_into().expect("four bytes"),
    ));
    let (id, price) = (u64::from_le_bytes(long(8)), i64::from_le_bytes(long(16)));
    let side = if record[1] == 0 {
        Side::Buy
    } else {
        Side::Sell
    };
    match record[0] {
        0 => Ok(Operation::Add {
            id,
            side,
            price,
            quantity,
        }),
        1 => Ok(Operation::Cancel { id }),
        2 => Ok(Operation::Replace {
            id,
            price,
            quantity,
        }),
        other => Err(FloorError::Format(format!(
            "operation {other}, it should be 0, 1 or 2"
        ))),
    }
}
