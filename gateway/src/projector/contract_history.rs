//! Reading the history of contracts and offers.
//!
//! Invariant: as in `history`; contracts outlive their ends here. Not here: what they hold now (the
//! engine), writing.

use engine::types::{AccountId, AssetId, ContractId, OfferId, Sequence, TermsId};
use rocksdb::{Direction, IteratorMode};

use super::contracts::{
    ContractEnds, ContractRow, ContractsPage, ContractsQuery, StepsPage, Which,
};
use super::history::{History, HistoryError};
use super::store::{self, Family, StoreError};

/// The most contracts one page looks at.
pub const CONTRACTS_SCANNED_MAX: usize = 10_000;

impl History {
    /// A page of an account's contracts.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn contracts(&self, query: &ContractsQuery) -> Result<ContractsPage, HistoryError> {
        let store = self.store();
        let family = store.family(Family::ContractsByAccount)?;
        let mut page = ContractsPage::default();
        let newest = ContractId {
            sequence: u64::MAX,
            slot: u32::MAX,
        };
        let start = store::contract_of_key(query.account, query.from.unwrap_or(newest));
        let mode = IteratorMode::From(&start, Direction::Reverse);
        for (seen, entry) in store.db().iterator_cf(&family, mode).enumerate() {
            let (key, _) = entry.map_err(StoreError::from)?;
            let Some(contract) = store::split_contract_of(&key, query.account) else {
                return Ok(page);
            };
            if page.contracts.len() >= query.limit || seen >= CONTRACTS_SCANNED_MAX {
                page.next = Some(contract);
                return Ok(page);
            }
            let ends = self.ends(contract)?;
            let ends = ends.ok_or(StoreError::Missing(Family::Contracts))?;
            let lives = ends.last.step().is_some_and(|last| last.state.lives());
            if query.which == Which::All || lives {
                page.contracts.push(ends);
            }
        }
        Ok(page)
    }

    /// A contract of this account.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn contract(
        &self,
        account: AccountId,
        contract: ContractId,
    ) -> Result<Option<ContractEnds>, HistoryError> {
        let ends = self.ends(contract)?;
        Ok(ends.filter(|ends| {
            ends.formed.step().is_some_and(|formed| {
                let party = [formed.buyer.account, formed.seller.account].contains(&account);
                formed.contract() == contract && party
            })
        }))
    }

    /// The currency of a contract.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn money_of_contract(&self, contract: ContractId) -> Result<Option<AssetId>, HistoryError> {
        let ends = self.ends(contract)?;
        let formed = ends.as_ref().and_then(|ends| ends.formed.step());
        let formed = formed.filter(|formed| formed.contract() == contract);
        Ok(formed.map(|formed| formed.money))
    }

    /// The first and the last step of a contract.
    fn ends(&self, contract: ContractId) -> Result<Option<ContractEnds>, StoreError> {
        let store = self.store();
        let family = store.family(Family::Contracts)?;
        let first = store::contract_key(contract, (0, 0));
        let last = store::contract_key(contract, (u64::MAX, u32::MAX));
        let mut found = [None, None];
        for (place, (from, direction)) in found
            .iter_mut()
            .zip([(&first, Direction::Forward), (&last, Direction::Reverse)])
        {
            let mode = IteratorMode::From(from, direction);
            let Some(entry) = store.db().iterator_cf(&family, mode).next() else {
                return Ok(None);
            };
            let (key, value) = entry?;
            if !is_of(&key, contract) {
                return Ok(None);
            }
            *place = Some(decode(&value)?);
        }
        let [formed, last] = found;
        Ok(formed
            .zip(last)
            .map(|(formed, last)| ContractEnds { formed, last }))
    }

    /// A page of a contract's steps from a place on.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn contract_steps(
        &self,
        contract: ContractId,
        from: (Sequence, u32),
        limit: usize,
    ) -> Result<StepsPage, HistoryError> {
        let store = self.store();
        let family = store.family(Family::Contracts)?;
        let start = store::contract_key(contract, (from.0.value(), from.1));
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut page = StepsPage::default();
        for entry in store.db().iterator_cf(&family, mode) {
            let (key, value) = entry.map_err(StoreError::from)?;
            if !is_of(&key, contract) {
                break;
            }
            let row = decode(&value)?;
            if page.steps.len() >= limit {
                page.next = Some((Sequence::new(row.exec.sequence), row.exec.index));
                break;
            }
            page.steps.push(row);
        }
        Ok(page)
    }

    /// The terms of an offer, also of one that has ended.
    ///
    /// # Errors
    /// [`HistoryError::Store`].
    pub fn terms_of_offer(&self, offer: OfferId) -> Result<Option<TermsId>, HistoryError> {
        let store = self.store();
        let family = store.family(Family::Offers)?;
        let key = store::key_64_32(offer.sequence, offer.slot);
        let found = store
            .db()
            .get_pinned_cf(&family, key)
            .map_err(StoreError::from)?;
        let Some(found) = found else { return Ok(None) };
        let terms = store::be32(&found).ok_or(StoreError::Missing(Family::Offers))?;
        Ok(Some(TermsId::new(terms)))
    }
}

/// Whether a key is of a step of this contract.
fn is_of(key: &[u8], contract: ContractId) -> bool {
    key.starts_with(&store::key_64_32(contract.sequence, contract.slot))
}

fn decode(value: &[u8]) -> Result<ContractRow, StoreError> {
    ContractRow::decode(value).map_err(StoreError::row(Family::Contracts))
}
