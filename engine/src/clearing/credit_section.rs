//! Credit as bytes: one section of a snapshot, written after the positions and holds.
//!
//! Invariant: equal contents give equal bytes, every list strictly rising; what is read back goes
//! on exactly as what was written. Not here: positions, which are in the clearing's own section.

use super::Clearing;
use super::credit::{Credit, Haircut, Lent};
use super::custody::Approved;
use super::ledger::Holder;
use super::section::amount;
use crate::bytes::{self, BytesError, Reader};
use crate::command::{Half, SetCreditLine, SetHaircut, SetScore};
use crate::limits::Limits;
use crate::parties::Parties;
use crate::types::{AccountId, Amount, AssetId, TransferId};

fn put_handles<const N: usize>(out: &mut Vec<u8>, handles: [u32; N]) {
    for handle in handles {
        bytes::put_varint(out, u64::from(handle));
    }
}

fn put_amount(out: &mut Vec<u8>, amount: Amount) {
    bytes::put_varint(out, amount.units() as u64);
}

/// Writes a transfer's id.
pub(crate) fn put_transfer(out: &mut Vec<u8>, transfer: TransferId) {
    bytes::put_u128(out, transfer.bits());
}

/// Reads what [`put_transfer`] wrote.
pub(crate) fn transfer(input: &mut Reader<'_>) -> Result<TransferId, BytesError> {
    Ok(TransferId::new(input.u128()?))
}

/// Reads which half of a transfer it is.
pub(crate) fn half(input: &mut Reader<'_>) -> Result<Half, BytesError> {
    match input.u8()? {
        0 => Ok(Half::Out),
        1 => Ok(Half::In),
        _ => Err(BytesError::range("the half of a transfer")),
    }
}

fn account(input: &mut Reader<'_>) -> Result<AccountId, BytesError> {
    Ok(AccountId::new(input.varint32("an account with credit")?))
}

fn asset(input: &mut Reader<'_>) -> Result<AssetId, BytesError> {
    Ok(AssetId::new(input.varint32("an asset of credit")?))
}

/// Keys come in rising order, each once.
fn rises<K: Ord + Copy>(
    last: &mut Option<K>,
    key: K,
    what: &'static str,
) -> Result<(), BytesError> {
    if *last >= Some(key) {
        return Err(BytesError::range(what));
    }
    *last = Some(key);
    Ok(())
}

impl Clearing {
    /// Writes lines, scores, haircuts, pledges and the ids of transfers.
    pub(crate) fn encode_credit(&self, out: &mut Vec<u8>) {
        let credit = &self.credit;
        bytes::put_varint(out, credit.lines.len() as u64);
        for ((asset, band), line) in &credit.lines {
            put_handles(out, [asset.index()]);
            bytes::put_u8(out, *band);
            put_amount(out, *line);
        }
        bytes::put_varint(out, credit.lent.len() as u64);
        for ((account, asset), lent) in &credit.lent {
            put_handles(out, [account.index(), asset.index()]);
            bytes::put_u8(out, lent.band);
        }
        bytes::put_varint(out, credit.haircuts.len() as u64);
        for ((money, goods), haircut) in &credit.haircuts {
            put_handles(out, [money.index(), goods.index()]);
            put_amount(out, haircut.price);
            bytes::put_varint(out, u64::from(haircut.basis_points));
        }
        bytes::put_varint(out, credit.pledges.len() as u64);
        for ((account, money, goods), amount) in &credit.pledges {
            put_handles(out, [account.index(), money.index(), goods.index()]);
            put_amount(out, *amount);
        }
        bytes::put_varint(out, credit.transfers.len() as u64);
        for (half, transfer) in &credit.transfers {
            bytes::put_u8(out, *half as u8);
            put_transfer(out, *transfer);
        }
    }

    /// Reads what [`Clearing::encode_credit`] wrote; assets and positions are there.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(crate) fn decode_credit(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        parties: &Parties,
    ) -> Result<(), BytesError> {
        self.credit = Credit::new(limits);
        self.decode_lines(input, limits)?;
        self.decode_lent(input, limits, parties)?;
        self.decode_haircuts(input, limits)?;
        self.decode_pledges(input, limits)?;
        let mut last = None;
        for _ in 0..input.count(limits.transfers_max, 17, "the count of transfers")? {
            let key = (half(input)?, transfer(input)?);
            rises(&mut last, key, "a transfer")?;
            self.credit.transfers.insert(key);
        }
        Ok(())
    }

    fn decode_lines(&mut self, input: &mut Reader<'_>, limits: &Limits) -> Result<(), BytesError> {
        let wrong = || BytesError::range("a credit line");
        let max = limits.assets_max.saturating_mul(SetScore::BANDS.into());
        let mut last = None;
        for _ in 0..input.count(max, 3, "the count of credit lines")? {
            let set = SetCreditLine {
                asset: asset(input)?,
                band: input.u8()?,
                line: amount(input, "a credit line")?,
            };
            rises(&mut last, (set.asset, set.band), "a credit line")?;
            if set.line.is_zero() || self.check_line(&set, Approved::Yes).is_err() {
                return Err(wrong());
            }
            self.set_line(&set);
        }
        Ok(())
    }

    fn decode_lent(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        parties: &Parties,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("an account's credit");
        let mut last = None;
        for _ in 0..input.count(limits.credits_max, 3, "the count of credits")? {
            let set = SetScore {
                account: account(input)?,
                asset: asset(input)?,
                band: input.u8()?,
            };
            let key = (set.account, set.asset);
            rises(&mut last, key, "an account's credit")?;
            let line = SetCreditLine {
                asset: set.asset,
                band: set.band,
                line: Amount::ZERO,
            };
            let known = parties.owner_of(set.account).is_some();
            if !known || self.check_line(&line, Approved::Yes).is_err() {
                return Err(wrong());
            }
            let holders = [Holder::Account(set.account), Holder::Credit(set.account)];
            let [money, credit] = holders.map(|holder| self.ledger.find(holder, set.asset));
            let (money, credit) = money.zip(credit).ok_or_else(wrong)?;
            self.ledger.mark_credit(money);
            let lent = Lent {
                band: set.band,
                money,
                credit,
                told: -self.ledger.position(credit).available,
            };
            self.credit.lent.insert(key, lent);
        }
        Ok(())
    }

    fn decode_haircuts(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
    ) -> Result<(), BytesError> {
        let mut last = None;
        for _ in 0..input.count(limits.haircuts_max, 4, "the count of haircuts")? {
            let (money, goods) = (asset(input)?, asset(input)?);
            rises(&mut last, (money, goods), "a haircut")?;
            let haircut = Haircut {
                price: amount(input, "a price of collateral")?,
                basis_points: u16::try_from(input.varint()?)
                    .map_err(|_| BytesError::range("basis points"))?,
            };
            let set = SetHaircut {
                goods,
                money,
                price: haircut.price,
                basis_points: haircut.basis_points,
            };
            let checked = self.check_haircut(&set, Approved::Yes);
            checked.map_err(|_| BytesError::range("a haircut"))?;
            self.set_haircut(&set);
        }
        Ok(())
    }

    /// Pledges are read beside what the positions hold already, which the audit compares.
    fn decode_pledges(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
    ) -> Result<(), BytesError> {
        let max = limits.credits_max;
        let max = max.saturating_mul(Limits::PLEDGES_PER_CREDIT_MAX as u32);
        let mut last = None;
        for _ in 0..input.count(max, 4, "the count of pledges")? {
            let (account, money, goods) = (account(input)?, asset(input)?, asset(input)?);
            let key = (account, money, goods);
            rises(&mut last, key, "a pledge")?;
            let amount = amount(input, "an amount of collateral")?;
            if amount.is_zero() || !self.may_pledge(key) {
                return Err(BytesError::range("a pledge"));
            }
            self.credit.pledges.insert(key, amount);
        }
        Ok(())
    }
}
