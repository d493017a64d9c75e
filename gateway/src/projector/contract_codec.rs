//! The bytes of rows about contracts and offers.
//!
//! Invariant: as in `row_codec`; a contract's row stands in the family of executions, so its first
//! byte is one that no version of those has: a build that does not know it refuses it by name. Not
//! here: what the fields mean (`contracts`).

use engine::bytes::{self, BytesError, Reader};
use engine::command::{GoodsTo, TakenTo};
use engine::event::{
    ContractEvent, ContractRefused, ContractReport, ContractSide, ContractSlots, ContractStep,
    Counters, Disputed, FullTax, OfferAct, OfferReport, Role, State,
};
use engine::types::{AccountId, AssetId, ContractId, CustodianId, OfferId, TermsId, VenueId};
use engine::venue::Regime;

use super::contracts::{ContractRow, PrivateRow, Said};
use super::row_codec::{get_exec, get_identity, get_reject, put_exec, put_identity, put_reject};
use super::rows::{ExecutionRow, RowError};

/// The first byte of a contract's row: not a version of an execution's.
const CONTRACT_ROW: u8 = 0x81;

impl PrivateRow {
    /// Reads a row of the private streams.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn decode(row: &[u8]) -> Result<Self, RowError> {
        if row.first() == Some(&CONTRACT_ROW) {
            ContractRow::decode(row).map(Self::Contract)
        } else {
            ExecutionRow::decode(row).map(Self::Execution)
        }
    }
}

impl ContractRow {
    /// Appends the row's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(CONTRACT_ROW);
        self.encode_body(out);
    }

    pub(super) fn encode_body(&self, out: &mut Vec<u8>) {
        put_exec(out, self.exec);
        bytes::put_time(out, self.time);
        put_said(out, &self.said);
        put_identity(out, self.asked);
        match &self.event {
            ContractEvent::Step(report) => {
                out.push(1);
                put_report(out, report);
            }
            ContractEvent::Refused(refused) => {
                out.push(2);
                put_refused(out, refused);
            }
        }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`RowError`].
    pub fn decode(row: &[u8]) -> Result<Self, RowError> {
        let mut input = Reader::new(row);
        match input.u8()? {
            CONTRACT_ROW => {}
            version => return Err(RowError::Version(version)),
        }
        let row = Self::decode_body(&mut input)?;
        input.finish()?;
        Ok(row)
    }

    pub(super) fn decode_body(input: &mut Reader<'_>) -> Result<Self, BytesError> {
        Ok(Self {
            exec: get_exec(input)?,
            time: input.time("time")?,
            said: get_said(input)?,
            asked: get_identity(input)?,
            event: match input.u8()? {
                1 => ContractEvent::Step(get_report(input)?),
                2 => ContractEvent::Refused(get_refused(input)?),
                _ => return Err(BytesError::range("kind of a report about a contract")),
            },
        })
    }
}

fn put_said(out: &mut Vec<u8>, said: &Said) {
    match said {
        Said::Nothing => out.push(0),
        Said::Reserve {
            terms,
            delivery_reference,
        } => {
            out.push(1);
            bytes::put_option(out, *terms, |out, terms| put_handle(out, terms.index()));
            out.extend_from_slice(delivery_reference);
        }
        Said::Reference(reference) => {
            out.push(2);
            out.extend_from_slice(reference);
        }
        Said::Pieces(pieces) => {
            out.push(3);
            put_handle(out, *pieces);
        }
        Said::Taken(to) => out.extend_from_slice(&[4, *to as u8]),
        Said::Custodian(custodian) => {
            out.push(5);
            put_handle(out, custodian.index());
        }
        Said::Goods(to) => out.extend_from_slice(&[6, *to as u8]),
    }
}

fn get_said(input: &mut Reader<'_>) -> Result<Said, BytesError> {
    let wrong = BytesError::range("what was said beside a step");
    Ok(match input.u8()? {
        0 => Said::Nothing,
        1 => Said::Reserve {
            terms: input.option(|input| Ok(TermsId::new(input.varint32("terms")?)))?,
            delivery_reference: get_sixteen(input)?,
        },
        2 => Said::Reference(get_sixteen(input)?),
        3 => Said::Pieces(input.varint32("pieces")?),
        4 => Said::Taken(match input.u8()? {
            1 => TakenTo::Stock,
            2 => TakenTo::WriteOff,
            _ => return Err(wrong),
        }),
        5 => Said::Custodian(CustodianId::new(input.varint32("custodian")?)),
        6 => Said::Goods(match input.u8()? {
            1 => GoodsTo::Stock,
            2 => GoodsTo::Buyer,
            _ => return Err(wrong),
        }),
        _ => return Err(wrong),
    })
}

fn put_handle(out: &mut Vec<u8>, handle: u32) {
    bytes::put_varint(out, handle.into());
}

fn get_sixteen(input: &mut Reader<'_>) -> Result<[u8; 16], BytesError> {
    let bytes = input.take(16)?;
    bytes.try_into().map_err(|_| BytesError::range("16 bytes"))
}

fn put_side(out: &mut Vec<u8>, side: &ContractSide) {
    put_handle(out, side.account.index());
    bytes::put_varint(out, side.counters.account);
    bytes::put_varint(out, side.counters.participant);
}

fn get_side(input: &mut Reader<'_>) -> Result<ContractSide, BytesError> {
    Ok(ContractSide {
        account: AccountId::new(input.varint32("account")?),
        counters: Counters {
            account: input.varint()?,
            participant: input.varint()?,
        },
    })
}

fn put_report(out: &mut Vec<u8>, report: &ContractReport) {
    let by = report.by.map_or(0, |role| role as u8);
    let codes = [report.step as u8, by, report.state as u8];
    out.extend_from_slice(&codes);
    out.push(report.disputed as u8 | (report.full_tax as u8) << 1);
    put_handle(out, report.version);
    bytes::put_varint(out, report.contract);
    bytes::put_varint(out, report.offer);
    for handle in [
        report.slots.contract,
        report.slots.offer,
        report.venue.index(),
        report.money.index(),
        report.goods.index(),
        report.warehouse.index(),
        report.pieces,
        report.came_back,
        u32::from(report.regime.code()),
    ] {
        put_handle(out, handle);
    }
    put_side(out, &report.buyer);
    put_side(out, &report.seller);
    for units in [
        report.price,
        report.amount,
        report.tax,
        report.money_held,
        report.refunded,
        report.tax_back,
        report.paid_out,
        report.fee,
        report.goods_out,
        report.penalty,
        report.owing,
    ] {
        bytes::put_zigzag(out, units);
    }
    bytes::put_option(out, report.deadline, bytes::put_time);
}

fn get_step(input: &mut Reader<'_>) -> Result<ContractStep, BytesError> {
    let code = usize::from(input.u8()?);
    let step = code.checked_sub(1).and_then(|at| ContractStep::ALL.get(at));
    step.copied().ok_or(BytesError::range("step"))
}

fn get_role(input: &mut Reader<'_>) -> Result<Option<Role>, BytesError> {
    let code = usize::from(input.u8()?);
    let Some(place) = code.checked_sub(1) else {
        return Ok(None);
    };
    let role = Role::ALL.get(place).ok_or(BytesError::range("role"))?;
    Ok(Some(*role))
}

/// Whether it is disputed, and taxed in full as an import.
fn get_flags(input: &mut Reader<'_>) -> Result<(Disputed, FullTax), BytesError> {
    match input.u8()? {
        0 => Ok((Disputed::No, FullTax::No)),
        1 => Ok((Disputed::Yes, FullTax::No)),
        2 => Ok((Disputed::No, FullTax::Yes)),
        3 => Ok((Disputed::Yes, FullTax::Yes)),
        _ => Err(BytesError::range("whether it is disputed or taxed in full")),
    }
}

fn get_report(input: &mut Reader<'_>) -> Result<ContractReport, BytesError> {
    let (step, by) = (get_step(input)?, get_role(input)?);
    let state = State::from_code(input.u8()?).ok_or(BytesError::range("state"))?;
    let (disputed, full_tax) = get_flags(input)?;
    Ok(ContractReport {
        step,
        by,
        state,
        disputed,
        full_tax,
        version: input.varint32("version")?,
        contract: input.varint()?,
        offer: input.varint()?,
        slots: ContractSlots {
            contract: input.varint32("slot")?,
            offer: input.varint32("slot")?,
        },
        venue: VenueId::new(input.varint32("venue")?),
        money: AssetId::new(input.varint32("money")?),
        goods: AssetId::new(input.varint32("goods")?),
        warehouse: CustodianId::new(input.varint32("warehouse")?),
        pieces: input.varint32("pieces")?,
        came_back: input.varint32("pieces that came back")?,
        regime: get_regime(input)?,
        buyer: get_side(input)?,
        seller: get_side(input)?,
        price: input.zigzag()?,
        amount: input.zigzag()?,
        tax: input.zigzag()?,
        money_held: input.zigzag()?,
        refunded: input.zigzag()?,
        tax_back: input.zigzag()?,
        paid_out: input.zigzag()?,
        fee: input.zigzag()?,
        goods_out: input.zigzag()?,
        penalty: input.zigzag()?,
        owing: input.zigzag()?,
        deadline: input.option(|input| input.time("deadline"))?,
    })
}

fn get_regime(input: &mut Reader<'_>) -> Result<Regime, BytesError> {
    let wrong = BytesError::range("regime");
    let code = u8::try_from(input.varint32("regime")?).map_err(|_| wrong)?;
    Regime::from_code(code).ok_or(wrong)
}

fn put_refused(out: &mut Vec<u8>, refused: &ContractRefused) {
    out.push(refused.step as u8);
    bytes::put_option(out, refused.account, |out, account| {
        put_handle(out, account.index());
    });
    bytes::put_option(out, refused.contract, |out, contract| {
        bytes::put_varint(out, contract.sequence);
        put_handle(out, contract.slot);
    });
    bytes::put_option(out, refused.line, bytes::put_u8);
    put_reject(out, Some(refused.reject));
    bytes::put_varint(out, refused.counters.account);
    bytes::put_varint(out, refused.counters.participant);
}

fn get_refused(input: &mut Reader<'_>) -> Result<ContractRefused, BytesError> {
    Ok(ContractRefused {
        step: get_step(input)?,
        account: input.option(|input| Ok(AccountId::new(input.varint32("account")?)))?,
        contract: input.option(|input| {
            Ok(ContractId {
                sequence: input.varint()?,
                slot: input.varint32("slot")?,
            })
        })?,
        line: input.option(Reader::u8)?,
        reject: get_reject(input)?.ok_or(BytesError::range("reject reason"))?,
        counters: Counters {
            account: input.varint()?,
            participant: input.varint()?,
        },
    })
}

pub(super) fn put_offer(out: &mut Vec<u8>, report: &OfferReport) {
    out.push(report.act as u8);
    bytes::put_varint(out, report.offer.sequence);
    for handle in [
        report.offer.slot,
        report.version,
        report.seller.index(),
        report.terms.index(),
        report.goods.index(),
        report.left,
        report.joined,
    ] {
        put_handle(out, handle);
    }
    bytes::put_zigzag(out, report.price);
}

pub(super) fn get_offer(input: &mut Reader<'_>) -> Result<OfferReport, BytesError> {
    let code = usize::from(input.u8()?);
    let act = code.checked_sub(1).and_then(|at| OfferAct::ALL.get(at));
    Ok(OfferReport {
        act: *act.ok_or(BytesError::range("what became of an offer"))?,
        offer: OfferId {
            sequence: input.varint()?,
            slot: input.varint32("slot")?,
        },
        version: input.varint32("version")?,
        seller: AccountId::new(input.varint32("seller")?),
        terms: TermsId::new(input.varint32("terms")?),
        goods: AssetId::new(input.varint32("goods")?),
        left: input.varint32("left")?,
        joined: input.varint32("joined")?,
        price: input.zigzag()?,
    })
}
