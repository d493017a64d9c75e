//! Warehouse receipts (section 14): a vector of all that ever were, and a look at all of them.
//!
//! Invariant: what a live receipt stands for is held by its account; nothing here moves a balance
//! but registering, cancelling and transferring. Not here: balances (`reference::ledger`).

use super::*;
use crate::reference::ledger::{self, CIRCULATION_MAX, Holder};
use RejectReason as R;

type Answer = Result<Option<u32>, Reject>;

/// A receipt, also one that ended.
#[derive(Clone)]
pub struct Receipt {
    pub number: Name,
    pub warehouse: usize,
    pub asset: usize,
    pub amount: i128,
    pub account: usize,
    pub document: [u8; 32],
    pub status: ReceiptStatus,
    pub provenance: Vec<u8>,
}

impl Receipt {
    pub fn live(&self) -> bool {
        !matches!(self.status, ReceiptStatus::Ended(_))
    }
}

/// What a command's envelope says of who is behind it.
#[derive(Clone, Copy)]
struct Says {
    two: bool,
    why: bool,
}

impl Reference {
    pub(super) fn receipts(&mut self, envelope: &Envelope, act: &ReceiptCommand) -> Answer {
        let authority = envelope.authority.as_ref();
        let approver = authority.and_then(|authority| authority.approver);
        let says = Says {
            two: approver.is_some_and(|approver| approver != envelope.principal),
            why: authority.is_some_and(|authority| !authority.reason.is_empty()),
        };
        match act {
            ReceiptCommand::Register(issue) => self.issue(issue, true, says),
            ReceiptCommand::Draw(issue) => self.issue(issue, false, says),
            ReceiptCommand::Encumber(encumber) => self.encumber(*encumber, says),
            ReceiptCommand::Lift(lift) => self.lift(*lift, says),
            ReceiptCommand::Split(split) => self.split(split, says),
            ReceiptCommand::Merge(merge) => self.merge(merge, says),
            ReceiptCommand::Transfer(transfer) => self.hand_over(*transfer, says),
            ReceiptCommand::Cancel(held) => self.retire(*held, Some(says)),
            ReceiptCommand::Pool(held) => self.retire(*held, None),
        }
    }

    fn party(&self, account: AccountId) -> Result<usize, R> {
        let place = account.place();
        fails(place >= self.accounts.len(), R::UnknownAccount)?;
        Ok(place)
    }

    fn of(&self, id: ReceiptId, account: Option<usize>) -> Result<Receipt, R> {
        let found = self.money.receipts.get(id.place());
        let own = found.filter(|one| account.is_none_or(|account| account == one.account));
        let own = own.ok_or(R::UnknownReceipt)?;
        fails(!own.live(), R::ReceiptEnded)?;
        Ok(own.clone())
    }

    fn active_of(&self, id: ReceiptId, account: Option<usize>) -> Result<Receipt, R> {
        let own = self.of(id, account)?;
        fails(own.status != ReceiptStatus::Active, R::ReceiptEncumbered)?;
        Ok(own)
    }

    fn signed(&self, warehouse: usize, says: Says) -> Result<(), R> {
        let real = self.money.custodians[warehouse].demonstration == Demonstration::Real;
        fails(real && !says.two, R::ApproverRequired)
    }

    fn day_open(&self, warehouse: usize) -> Result<(), R> {
        let day = self.time.nanoseconds() + 8 * 3_600_000_000_000;
        let day = day.div_euclid(86_400_000_000_000) as i32;
        let closed = self.money.custodians[warehouse].closed;
        fails(
            closed.is_some_and(|closed| day <= closed),
            R::CustodyDateClosed,
        )
    }

    fn new_number(&self, warehouse: usize, number: &Name) -> Result<(), R> {
        let same = |one: &Receipt| one.warehouse == warehouse && one.number == *number;
        fails(self.money.receipts.iter().any(same), R::ReceiptNumberUsed)
    }

    fn receipts_fit(&self, numbers: usize, more: usize) -> Result<(), R> {
        let all = &self.money.receipts;
        let live = all.iter().filter(|one| one.live()).count();
        let full = all.len() + numbers > self.limits.receipt_numbers_max as usize
            || live + more > self.limits.receipts_max as usize;
        fails(full, R::TooMany)
    }

    fn issue(&mut self, ask: &IssueReceipt, outside: bool, says: Says) -> Answer {
        let account = self.party(ask.account)?;
        let (asset, warehouse) = (ask.asset.place(), ask.warehouse.place());
        let amount = i128::from(ask.amount.units());
        let kind = self.money.assets.get(asset).ok_or(R::UnknownAsset)?;
        let keeper = self.money.custodians.get(warehouse);
        let keeper = keeper.ok_or(R::UnknownCustodian)?;
        let wrong = ask.number.is_empty()
            || amount == 0
            || matches!(kind.class, AssetClass::Currency { .. })
            || keeper.kind == CustodianKind::Bank
            || keeper.demonstration != kind.demonstration;
        fails(wrong, R::InvalidField)?;
        self.signed(warehouse, says)?;
        if outside {
            self.day_open(warehouse)?;
        }
        self.new_number(warehouse, &ask.number)?;
        if outside {
            let above = self.there_is(asset) + amount > CIRCULATION_MAX;
            fails(above, R::AmountLimit)?;
        } else {
            let lacks =
                amount > self.available(account, asset) || amount > self.outside(warehouse, asset);
            fails(lacks, R::InsufficientGoods)?;
        }
        self.receipts_fit(1, 1)?;
        let holders = [Holder::Account(account), Holder::Custodian(warehouse)];
        let positions = holders.map(|holder| (holder, asset));
        fails(!self.room_for(&positions), R::TooMany)?;
        if outside {
            self.may_move(ask.account, true)?;
            self.may_come(asset, None, Some(account))?;
            for (holder, asset) in positions {
                self.need(holder, asset);
            }
            self.post(Holder::Account(account), asset, amount);
            self.post(Holder::Custodian(warehouse), asset, -amount);
            self.have_come(asset, account, "a receipt brings a holder");
        }
        let act = if outside {
            ReceiptAct::Registered
        } else {
            ReceiptAct::Drawn
        };
        let receipt = Receipt {
            number: ask.number,
            warehouse,
            asset,
            amount,
            account,
            document: ask.document,
            status: ReceiptStatus::Active,
            provenance: Vec::new(),
        };
        Ok(Some(self.found(receipt, act)))
    }

    /// A new receipt, going on from what `receipt.provenance` has.
    fn found(&mut self, receipt: Receipt, act: ReceiptAct) -> u32 {
        self.money.receipts.push(receipt);
        let at = self.money.receipts.len() - 1;
        self.happened(at, act);
        at as u32
    }

    /// Something was done with a receipt.
    fn happened(&mut self, at: usize, act: ReceiptAct) {
        let none = u32::MAX;
        let kind = |with| match with {
            Encumbrance::Listed => (1, none),
            Encumbrance::Pledged { pledgee } => (2, pledgee.index()),
            Encumbrance::Frozen => (3, none),
            Encumbrance::Locked => (4, none),
        };
        let (code, (encumbrance, named)) = match act {
            ReceiptAct::Registered => (1_u8, (0_u8, none)),
            ReceiptAct::Drawn => (2, (0, none)),
            ReceiptAct::Encumbered(with) => (3, kind(with)),
            ReceiptAct::Lifted(what) => (4, kind(what)),
            ReceiptAct::Split { parts } => (5, (0, parts.into())),
            ReceiptAct::Part { of } => (6, (0, of.index())),
            ReceiptAct::Merged { into } => (7, (0, into.index())),
            ReceiptAct::Whole { parts } => (8, (0, parts.into())),
            ReceiptAct::Transferred { from } => (9, (0, from.index())),
            ReceiptAct::Cancelled => (10, (0, none)),
            ReceiptAct::Pooled => (11, (0, none)),
        };
        let one = &mut self.money.receipts[at];
        let mut bytes = std::mem::take(&mut one.provenance);
        bytes.extend(self.sequence.value().to_le_bytes());
        bytes.extend([code, encumbrance]);
        let handles = [one.warehouse, one.asset, one.account].map(|handle| handle as u32);
        bytes.extend(named.to_le_bytes());
        bytes.extend((at as u32).to_le_bytes());
        bytes.extend(handles.into_iter().flat_map(u32::to_le_bytes));
        bytes.extend((one.amount as i64).to_le_bytes());
        bytes.push(one.number.as_str().len() as u8);
        bytes.extend(one.number.as_str().as_bytes());
        bytes.extend(one.document);
        let hash = *blake3::hash(&bytes).as_bytes();
        one.provenance = hash.to_vec();
        self.out.push(Event::Receipt(ReceiptReport {
            act,
            receipt: ReceiptId::new(at as u32),
            warehouse: CustodianId::new(handles[0]),
            asset: AssetId::new(handles[1]),
            account: AccountId::new(handles[2]),
            amount: Amount::new(ledger::small(one.amount)).expect("within bounds"),
            number: one.number,
            document: one.document,
            provenance: hash,
        }));
    }

    /// A receipt stands otherwise now.
    fn stands(&mut self, id: ReceiptId, status: ReceiptStatus, act: ReceiptAct) {
        self.money.receipts[id.place()].status = status;
        self.happened(id.place(), act);
    }

    fn encumber(&mut self, ask: EncumberReceipt, says: Says) -> Answer {
        let account = ask.account.map(|account| self.party(account)).transpose()?;
        let mut pledged = None;
        if let Encumbrance::Pledged { pledgee } = ask.encumbrance {
            pledged = Some(self.party(pledgee)?);
        }
        let receipt = self.active_of(ask.receipt, account)?;
        let operators = matches!(ask.encumbrance, Encumbrance::Frozen | Encumbrance::Locked);
        let wrong = operators != account.is_none()
            || operators && !says.why
            || pledged == Some(receipt.account);
        fails(wrong, R::InvalidField)?;
        let status = ReceiptStatus::Encumbered(ask.encumbrance);
        self.stands(ask.receipt, status, ReceiptAct::Encumbered(ask.encumbrance));
        Ok(None)
    }

    fn lift(&mut self, ask: LiftReceipt, says: Says) -> Answer {
        let account = ask.account.map(|account| self.party(account)).transpose()?;
        let receipt = self.of(ask.receipt, None)?;
        let ReceiptStatus::Encumbered(what) = receipt.status else {
            return Err(R::ReceiptNotEncumbered.into());
        };
        let right = match what {
            Encumbrance::Listed => Some(receipt.account),
            Encumbrance::Pledged { pledgee } => Some(pledgee.place()),
            _ => None,
        };
        fails(right != account, R::ReceiptEncumbered)?;
        fails(right.is_none() && !says.why, R::InvalidField)?;
        self.stands(ask.receipt, ReceiptStatus::Active, ReceiptAct::Lifted(what));
        Ok(None)
    }

    fn split(&mut self, ask: &SplitReceipt, says: Says) -> Answer {
        let account = self.party(ask.account)?;
        let receipt = self.active_of(ask.receipt, Some(account))?;
        let amounts = ask.parts.iter().map(|part| i128::from(part.amount.units()));
        let wrong = !(2..=16).contains(&ask.parts.len())
            || ask.parts.iter().any(|part| part.number.is_empty())
            || amounts.clone().any(|amount| amount == 0)
            || amounts.sum::<i128>() != receipt.amount;
        fails(wrong, R::InvalidField)?;
        self.signed(receipt.warehouse, says)?;
        for (at, part) in ask.parts.iter().enumerate() {
            self.new_number(receipt.warehouse, &part.number)?;
            let mut others = ask.parts[..at].iter();
            let twice = others.any(|other| other.number == part.number);
            fails(twice, R::ReceiptNumberUsed)?;
        }
        self.receipts_fit(ask.parts.len(), ask.parts.len() - 1)?;
        let parts = ask.parts.len() as u8;
        let ended = ReceiptStatus::Ended(ReceiptEnd::Split);
        self.stands(ask.receipt, ended, ReceiptAct::Split { parts });
        let parent = self.money.receipts[ask.receipt.place()].clone();
        let mut first = None;
        for part in &ask.parts {
            let new = Receipt {
                number: part.number,
                amount: part.amount.units().into(),
                document: part.document,
                status: ReceiptStatus::Active,
                ..parent.clone()
            };
            let made = self.found(new, ReceiptAct::Part { of: ask.receipt });
            first = first.or(Some(made));
        }
        Ok(first)
    }

    fn merge(&mut self, ask: &MergeReceipts, says: Says) -> Answer {
        let account = self.party(ask.account)?;
        let some = (2..=16).contains(&ask.receipts.len());
        fails(!some, R::InvalidField)?;
        let mut all = Vec::new();
        for id in &ask.receipts {
            all.push(self.active_of(*id, Some(account))?);
        }
        let first = all[0].clone();
        let alike = |one: &Receipt| (one.warehouse, one.asset) == (first.warehouse, first.asset);
        let mut sorted = ask.receipts.clone();
        sorted.sort();
        let twice = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        let wrong = twice || !all.iter().all(alike) || ask.number.is_empty();
        fails(wrong, R::InvalidField)?;
        self.signed(first.warehouse, says)?;
        self.new_number(first.warehouse, &ask.number)?;
        self.receipts_fit(1, 0)?;
        let into = ReceiptId::new(self.money.receipts.len() as u32);
        let mut provenance = Vec::new();
        for id in &ask.receipts {
            let ended = ReceiptStatus::Ended(ReceiptEnd::Merged);
            self.stands(*id, ended, ReceiptAct::Merged { into });
            provenance.extend(&self.money.receipts[id.place()].provenance);
        }
        let whole = Receipt {
            number: ask.number,
            amount: all.iter().map(|one| one.amount).sum(),
            document: ask.document,
            provenance,
            ..first
        };
        let parts = ask.receipts.len() as u8;
        Ok(Some(self.found(whole, ReceiptAct::Whole { parts })))
    }

    fn hand_over(&mut self, ask: TransferReceipt, says: Says) -> Answer {
        let (from, to) = (self.party(ask.from)?, self.party(ask.to)?);
        let receipt = self.active_of(ask.receipt, Some(from))?;
        fails(from == to, R::InvalidField)?;
        self.signed(receipt.warehouse, says)?;
        let holder = Holder::Account(to);
        fails(!self.room_for(&[(holder, receipt.asset)]), R::TooMany)?;
        self.may_move(ask.from, false)?;
        self.may_move(ask.to, true)?;
        let gives = Some((from, receipt.amount));
        self.may_come(receipt.asset, gives, Some(to))?;
        self.need(holder, receipt.asset);
        self.post(Holder::Account(from), receipt.asset, -receipt.amount);
        self.post(holder, receipt.asset, receipt.amount);
        self.money.receipts[ask.receipt.place()].account = to;
        self.have_come(receipt.asset, to, "a receipt's transfer brings a holder");
        let act = ReceiptAct::Transferred { from: ask.from };
        self.happened(ask.receipt.place(), act);
        Ok(None)
    }

    /// It is cancelled, if somebody signs for that, else pooled.
    fn retire(&mut self, ask: HeldReceipt, cancels: Option<Says>) -> Answer {
        let account = self.party(ask.account)?;
        let receipt = self.active_of(ask.receipt, Some(account))?;
        let Some(says) = cancels else {
            let ended = ReceiptStatus::Ended(ReceiptEnd::Pooled);
            self.stands(ask.receipt, ended, ReceiptAct::Pooled);
            return Ok(None);
        };
        self.signed(receipt.warehouse, says)?;
        self.day_open(receipt.warehouse)?;
        self.may_move(ask.account, false)?;
        self.post(Holder::Account(account), receipt.asset, -receipt.amount);
        let warehouse = Holder::Custodian(receipt.warehouse);
        self.post(warehouse, receipt.asset, receipt.amount);
        let ended = ReceiptStatus::Ended(ReceiptEnd::Cancelled);
        self.stands(ask.receipt, ended, ReceiptAct::Cancelled);
        Ok(None)
    }
}
