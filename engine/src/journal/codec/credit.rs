//! The bodies of commands about credit, collateral and transfers as bytes: a kind, then its fields.
//!
//! Invariant: as in `codec`. Not here: what is kept of them (`clearing::credit_section`).

use crate::bytes::{self, BytesError, Reader};
use crate::clearing::credit_section::{half, put_transfer, transfer};
use crate::clearing::section::amount;
use crate::command::{
    CreditCommand, MoveCollateral, Pledging, SetCreditLine, SetHaircut, SetScore, Transfer,
    TransferHalf,
};
use crate::types::{AccountId, Amount, AssetId, ShardId};

pub(super) fn put(out: &mut Vec<u8>, command: &CreditCommand) {
    match command {
        CreditCommand::SetLine(set) => {
            bytes::put_u8(out, 1);
            put_handles(out, [set.asset.index()]);
            bytes::put_u8(out, set.band);
            put_amount(out, set.line);
        }
        CreditCommand::SetScore(set) => {
            bytes::put_u8(out, 2);
            put_handles(out, [set.account.index(), set.asset.index()]);
            bytes::put_u8(out, set.band);
        }
        CreditCommand::SetHaircut(set) => {
            bytes::put_u8(out, 3);
            put_handles(out, [set.goods.index(), set.money.index()]);
            put_amount(out, set.price);
            bytes::put_varint(out, u64::from(set.basis_points));
        }
        CreditCommand::MoveCollateral(one) => {
            bytes::put_u8(out, 4);
            let handles = [one.account.index(), one.money.index(), one.goods.index()];
            put_handles(out, handles);
            bytes::put_u8(out, one.pledging as u8);
            put_amount(out, one.amount);
        }
        CreditCommand::Half(one) => {
            bytes::put_u8(out, 5);
            bytes::put_u8(out, one.half as u8);
            put_transfer(out, one.transfer);
            let handles = [one.account.index(), one.asset.index(), one.shard.index()];
            put_handles(out, handles);
            put_amount(out, one.amount);
        }
        CreditCommand::Transfer(one) => put_move(out, 6, one),
        CreditCommand::Compensate(one) => put_move(out, 7, one),
    }
}

fn put_move(out: &mut Vec<u8>, kind: u8, one: &Transfer) {
    bytes::put_u8(out, kind);
    put_handles(out, [one.from.index(), one.to.index(), one.asset.index()]);
    put_amount(out, one.amount);
}

pub(super) fn get(input: &mut Reader<'_>) -> Result<CreditCommand, BytesError> {
    Ok(match input.u8()? {
        1 => CreditCommand::SetLine(SetCreditLine {
            asset: asset(input)?,
            band: input.u8()?,
            line: amount(input, "a credit line")?,
        }),
        2 => CreditCommand::SetScore(SetScore {
            account: account(input)?,
            asset: asset(input)?,
            band: input.u8()?,
        }),
        3 => CreditCommand::SetHaircut(SetHaircut {
            goods: asset(input)?,
            money: asset(input)?,
            price: amount(input, "a price of collateral")?,
            basis_points: u16::try_from(input.varint()?)
                .map_err(|_| BytesError::range("basis points"))?,
        }),
        4 => CreditCommand::MoveCollateral(MoveCollateral {
            account: account(input)?,
            money: asset(input)?,
            goods: asset(input)?,
            pledging: match input.u8()? {
                0 => Pledging::Pledge,
                1 => Pledging::Release,
                _ => return Err(BytesError::range("the way of collateral")),
            },
            amount: amount(input, "an amount of collateral")?,
        }),
        5 => CreditCommand::Half(TransferHalf {
            half: half(input)?,
            transfer: transfer(input)?,
            account: account(input)?,
            asset: asset(input)?,
            shard: ShardId::new(input.varint32("a shard")?),
            amount: amount(input, "a transfer's amount")?,
        }),
        6 => CreditCommand::Transfer(moved(input)?),
        7 => CreditCommand::Compensate(moved(input)?),
        _ => return Err(BytesError::range("the kind of a command about credit")),
    })
}

fn moved(input: &mut Reader<'_>) -> Result<Transfer, BytesError> {
    Ok(Transfer {
        from: account(input)?,
        to: account(input)?,
        asset: asset(input)?,
        amount: amount(input, "a transfer's amount")?,
    })
}

fn put_handles<const N: usize>(out: &mut Vec<u8>, handles: [u32; N]) {
    for handle in handles {
        bytes::put_varint(out, u64::from(handle));
    }
}

fn put_amount(out: &mut Vec<u8>, amount: Amount) {
    bytes::put_varint(out, amount.units() as u64);
}

fn account(input: &mut Reader<'_>) -> Result<AccountId, BytesError> {
    Ok(AccountId::new(input.varint32("an account")?))
}

fn asset(input: &mut Reader<'_>) -> Result<AssetId, BytesError> {
    Ok(AssetId::new(input.varint32("an asset")?))
}
