//! The bytes of postings; there are none of version 1.
//!
//! Invariant: as in `row_codec`: a row of a version reads back for ever. Not here: what posts
//! (`postings`).

use engine::bytes::{self, BytesError, Reader};
use engine::command::Direction;
use engine::types::{
    AccountId, AssetId, CustodianId, InstrumentId, OrderId, ReceiptId, Sequence, ShardId, TradeId,
    TransferId,
};

use super::contracts::{self, ContractPart};
use super::postings::{
    CorrectionPart, PostingCause, PostingPlace, PostingRow, ReceiptMove, TradePart,
};
use super::row_codec::{get_order, get_trade_id, open, put_order, put_trade_id};
use super::rows::{ROW_VERSION, RowError};

const fn correction_tag(part: CorrectionPart) -> u8 {
    match part {
        CorrectionPart::Money => 36,
        CorrectionPart::Goods => 37,
        CorrectionPart::Fee => 38,
        CorrectionPart::Owed => 39,
    }
}

const fn receipt_tag(moved: ReceiptMove) -> u8 {
    match moved {
        ReceiptMove::Registered => 1,
        ReceiptMove::Cancelled => 2,
        ReceiptMove::Transferred => 3,
    }
}

fn put_of_trade(out: &mut Vec<u8>, trade: TradeId, instrument: InstrumentId, order: OrderId) {
    put_trade_id(out, trade);
    bytes::put_varint(out, instrument.index().into());
    put_order(out, order);
}

impl PostingRow {
    /// Appends the row's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(ROW_VERSION);
        bytes::put_time(out, self.place.time);
        bytes::put_varint(out, self.place.sequence.value());
        bytes::put_varint(out, self.place.index.into());
        bytes::put_varint(out, self.account.index().into());
        bytes::put_varint(out, self.asset.index().into());
        bytes::put_zigzag(out, self.amount);
        self.encode_cause(out);
    }

    fn encode_cause(&self, out: &mut Vec<u8>) {
        match &self.cause {
            PostingCause::Custody {
                direction,
                instruction,
                custodian,
                reference,
            } => {
                out.push(match direction {
                    Direction::Deposit => 1,
                    Direction::Withdrawal => 2,
                });
                bytes::put_varint(out, instruction.value());
                bytes::put_varint(out, custodian.index().into());
                bytes::put_text(out, reference);
            }
            PostingCause::Trade {
                part,
                trade,
                instrument,
                order,
            } => {
                out.push(match part {
                    TradePart::Money => 3,
                    TradePart::Goods => 4,
                    TradePart::Fee => 5,
                });
                put_of_trade(out, *trade, *instrument, *order);
            }
            PostingCause::Credit => out.push(6),
            PostingCause::Half { transfer, shard } => {
                out.push(7);
                bytes::put_u128(out, transfer.bits());
                bytes::put_varint(out, shard.index().into());
            }
            PostingCause::Transfer { other } => {
                out.push(8);
                bytes::put_varint(out, other.index().into());
            }
            PostingCause::Receipt {
                moved,
                receipt,
                warehouse,
                number,
            } => {
                out.push(9);
                out.push(receipt_tag(*moved));
                bytes::put_varint(out, receipt.index().into());
                bytes::put_varint(out, warehouse.index().into());
                bytes::put_text(out, number);
            }
            PostingCause::Correction {
                part,
                trade,
                instrument,
                order,
            } => {
                out.push(correction_tag(*part));
                put_of_trade(out, *trade, *instrument, *order);
            }
            PostingCause::Repaid => out.push(40),
            PostingCause::Variation(instrument) => {
                out.push(41);
                bytes::put_varint(out, instrument.index().into());
            }
            PostingCause::Contract { part, contract } => contracts::put(out, *part, *contract),
        }
    }

    /// Reads a row; there are none of version 1.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn decode(row: &[u8]) -> Result<Self, RowError> {
        let (mut input, version) = open(row)?;
        if version < 2 {
            return Err(RowError::Version(version));
        }
        let row = Self {
            place: PostingPlace {
                time: input.time("time")?,
                sequence: Sequence::new(input.varint()?),
                index: input.varint32("index")?,
            },
            account: AccountId::new(input.varint32("account")?),
            asset: AssetId::new(input.varint32("asset")?),
            amount: input.zigzag()?,
            cause: Self::decode_cause(&mut input)?,
        };
        input.finish()?;
        Ok(row)
    }

    fn decode_cause(input: &mut Reader<'_>) -> Result<PostingCause, BytesError> {
        let (direction, part) = match input.u8()? {
            1 => (Some(Direction::Deposit), TradePart::Goods),
            2 => (Some(Direction::Withdrawal), TradePart::Goods),
            3 => (None, TradePart::Money),
            4 => (None, TradePart::Goods),
            5 => (None, TradePart::Fee),
            6 => return Ok(PostingCause::Credit),
            7 => {
                return Ok(PostingCause::Half {
                    transfer: TransferId::new(input.u128()?),
                    shard: ShardId::new(input.varint32("shard")?),
                });
            }
            8 => {
                return Ok(PostingCause::Transfer {
                    other: AccountId::new(input.varint32("other account")?),
                });
            }
            9 => return Self::decode_receipt(input),
            36 => return Self::correction(CorrectionPart::Money, input),
            37 => return Self::correction(CorrectionPart::Goods, input),
            38 => return Self::correction(CorrectionPart::Fee, input),
            39 => return Self::correction(CorrectionPart::Owed, input),
            40 => return Ok(PostingCause::Repaid),
            41 => {
                let instrument = InstrumentId::new(input.varint32("instrument")?);
                return Ok(PostingCause::Variation(instrument));
            }
            42 => return contracts::get(ContractPart::Money, input),
            43 => return contracts::get(ContractPart::Goods, input),
            44 => return contracts::get(ContractPart::Fee, input),
            _ => return Err(BytesError::range("kind of posting")),
        };
        let Some(direction) = direction else {
            return Ok(PostingCause::Trade {
                part,
                trade: get_trade_id(input)?,
                instrument: InstrumentId::new(input.varint32("instrument")?),
                order: get_order(input)?,
            });
        };
        Ok(PostingCause::Custody {
            direction,
            instruction: Sequence::new(input.varint()?),
            custodian: CustodianId::new(input.varint32("custodian")?),
            reference: input.text()?,
        })
    }

    fn decode_receipt(input: &mut Reader<'_>) -> Result<PostingCause, BytesError> {
        Ok(PostingCause::Receipt {
            moved: match input.u8()? {
                1 => ReceiptMove::Registered,
                2 => ReceiptMove::Cancelled,
                3 => ReceiptMove::Transferred,
                _ => return Err(BytesError::range("what became of a receipt")),
            },
            receipt: ReceiptId::new(input.varint32("receipt")?),
            warehouse: CustodianId::new(input.varint32("warehouse")?),
            number: input.text()?,
        })
    }

    fn correction(
        part: CorrectionPart,
        input: &mut Reader<'_>,
    ) -> Result<PostingCause, BytesError> {
        Ok(PostingCause::Correction {
            part,
            trade: get_trade_id(input)?,
            instrument: InstrumentId::new(input.varint32("instrument")?),
            order: get_order(input)?,
        })
    }
}
