//! The bytes of first answers.
//!
//! Invariant: as in `row_codec`. Not here: what the fields mean (`rows`), when one is kept
//! (`answers`).

use engine::bytes::{self, BytesError, Reader};
use engine::types::{AccountId, ParticipantId, Sequence};

use super::contract_codec;
use super::contracts::ContractRow;
use super::row_codec::{get_handle, get_identity, get_reject, open, put_identity, put_reject};
use super::rows::{ExecutionRow, FirstAnswer, FirstRow, ROW_VERSION, RowError};

impl FirstRow {
    /// Appends the row's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(ROW_VERSION);
        bytes::put_varint(out, self.sequence.value());
        bytes::put_time(out, self.time);
        put_identity(out, self.identity);
        match &self.answer {
            FirstAnswer::Counted(participant, counter) => {
                out.push(1);
                bytes::put_varint(out, participant.index().into());
                bytes::put_varint(out, *counter);
            }
            FirstAnswer::Uncounted(row) => {
                out.push(2);
                row.encode_body(out);
            }
            FirstAnswer::MassCancel {
                account,
                reject,
                canceled,
                kept,
            } => {
                out.push(3);
                bytes::put_varint(out, account.index().into());
                put_reject(out, *reject);
                bytes::put_varint(out, (*canceled).into());
                bytes::put_varint(out, (*kept).into());
            }
            FirstAnswer::Operation { reject, handle } => {
                out.push(4);
                put_reject(out, *reject);
                bytes::put_option(out, *handle, |out, handle| {
                    bytes::put_varint(out, handle.into());
                });
            }
            FirstAnswer::Offer(report) => {
                out.push(5);
                contract_codec::put_offer(out, report);
            }
            FirstAnswer::Contract(row) => {
                out.push(6);
                row.encode_body(out);
            }
        }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn decode(row: &[u8]) -> Result<Self, RowError> {
        let (mut input, version) = open(row)?;
        let row = Self {
            sequence: Sequence::new(input.varint()?),
            time: input.time("time")?,
            identity: get_identity(&mut input)?,
            answer: Self::decode_answer(&mut input, version)?,
        };
        input.finish()?;
        Ok(row)
    }

    fn decode_answer(input: &mut Reader<'_>, version: u8) -> Result<FirstAnswer, BytesError> {
        Ok(match input.u8()? {
            1 => FirstAnswer::Counted(
                ParticipantId::new(get_handle(input, "participant")?),
                input.varint()?,
            ),
            2 => FirstAnswer::Uncounted(Box::new(ExecutionRow::decode_body(input, version)?)),
            3 => FirstAnswer::MassCancel {
                account: AccountId::new(get_handle(input, "account")?),
                reject: get_reject(input)?,
                canceled: input.varint32("canceled")?,
                kept: input.varint32("kept")?,
            },
            4 => FirstAnswer::Operation {
                reject: get_reject(input)?,
                handle: input.option(|input| get_handle(input, "handle"))?,
            },
            5 => FirstAnswer::Offer(Box::new(contract_codec::get_offer(input)?)),
            6 => FirstAnswer::Contract(Box::new(ContractRow::decode_body(input)?)),
            _ => return Err(BytesError::range("kind of first answer")),
        })
    }
}
