//! The bodies of busts and corrections as bytes.
//!
//! Invariant: as in `codec`; the first byte says which of the slice's commands it is.

use crate::bytes::{self, BytesError, Reader};
use crate::command::{CorrectionCommand, TradeRef};
use crate::types::Sequence;

pub(super) fn put(out: &mut Vec<u8>, command: &CorrectionCommand) {
    bytes::put_u8(
        out,
        match command {
            CorrectionCommand::Bust { .. } => 1,
            CorrectionCommand::Correct { .. } => 2,
        },
    );
    let trade = command.trade();
    bytes::put_varint(out, trade.sequence.value());
    bytes::put_varint(out, u64::from(trade.index));
    match command {
        CorrectionCommand::Bust { .. } => {}
        CorrectionCommand::Correct {
            price, quantity, ..
        } => {
            bytes::put_price(out, *price);
            bytes::put_option(out, *quantity, bytes::put_quantity);
        }
    }
}

pub(super) fn get(input: &mut Reader<'_>) -> Result<CorrectionCommand, BytesError> {
    let kind = input.u8()?;
    let trade = TradeRef {
        sequence: Sequence::new(input.varint()?),
        index: input.varint32("the index of a trade")?,
    };
    match kind {
        1 => Ok(CorrectionCommand::Bust { trade }),
        2 => Ok(CorrectionCommand::Correct {
            trade,
            price: input.price("price")?,
            quantity: input.option(|input| input.quantity("quantity"))?,
        }),
        _ => Err(BytesError::range("the kind of correction")),
    }
}
