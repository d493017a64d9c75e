//! What acts on receipts do; `checks` has passed them.
//!
//! Invariant: goods come into being when a keeper registers them and are gone when it cancels; in
//! every other act they stay set aside or available at accounts. Each act and receipt is one event,
//! whose provenance the row has too.

use super::{By, NIL, Receipt};
use crate::clearing::kept::Kept;
use crate::clearing::{Clearing, Holder};
use crate::command::{
    EncumberReceipt, HeldReceipt, IssueReceipt, LiftReceipt, MergeReceipts, ReceiptCommand,
    SplitReceipt, TransferReceipt,
};
use crate::event::{Event, Events, ReceiptAct, ReceiptEnd, ReceiptStatus};
use crate::reject::RejectReason;
use crate::types::{ReceiptId, Sequence};

impl Clearing {
    /// Carries out an act on receipts; gives the handle of the first one it issued, if it did.
    ///
    /// # Errors
    /// Those of [`Clearing::check_receipts`].
    pub(crate) fn act_on_receipts(
        &mut self,
        act: &ReceiptCommand,
        by: &By<'_>,
        events: &mut Events,
    ) -> Result<Option<u32>, RejectReason> {
        self.check_receipts(act, by)?;
        // Nothing below can fail.
        let (at, events) = (by.sequence, &mut *events);
        let made = match act {
            ReceiptCommand::Register(issue) => Some(self.register(issue, at, events)),
            ReceiptCommand::Draw(issue) => Some(self.draw_receipt(issue, at, events)),
            ReceiptCommand::Encumber(encumber) => self.encumber(encumber, at, events),
            ReceiptCommand::Lift(lift) => self.lift(lift, at, events),
            ReceiptCommand::Split(split) => Some(self.split(split, at, events)),
            ReceiptCommand::Merge(merge) => Some(self.merge(merge, at, events)),
            ReceiptCommand::Transfer(transfer) => self.transfer_receipt(transfer, at, events),
            ReceiptCommand::Cancel(cancel) => self.cancel(*cancel, at, events),
            ReceiptCommand::Pool(pool) => self.pool(*pool, at, events),
        };
        Ok(made.map(ReceiptId::index))
    }

    fn register(
        &mut self,
        issue: &IssueReceipt,
        sequence: Sequence,
        events: &mut Events,
    ) -> ReceiptId {
        let warehouse = Holder::Custodian(issue.warehouse);
        let custodian = self.ledger.open(warehouse, issue.asset);
        let holder = Holder::Account(issue.account);
        let place = self.ledger.open(holder, issue.asset);
        self.ledger.issue(custodian, issue.amount.units(), place);
        self.issue(issue, sequence, ReceiptAct::Registered, events)
    }

    fn draw_receipt(
        &mut self,
        issue: &IssueReceipt,
        sequence: Sequence,
        events: &mut Events,
    ) -> ReceiptId {
        self.issue(issue, sequence, ReceiptAct::Drawn, events)
    }

    /// Available goods become a receipt.
    fn issue(
        &mut self,
        issue: &IssueReceipt,
        sequence: Sequence,
        act: ReceiptAct,
        events: &mut Events,
    ) -> ReceiptId {
        let holder = Holder::Account(issue.account);
        let place = self.ledger.find(holder, issue.asset);
        let place = place.expect("it has the goods");
        let kept = self.ledger.keep(place, issue.amount.units());
        let id = self.receipts.add(fresh(issue, kept, sequence));
        self.receipts.join(id);
        self.tell(id, act, &[], sequence, events);
        id
    }

    /// Writes what was done with a receipt: into its row, and as an event. `before` is what its
    /// provenance goes on from: its own, if it has any, else those of the receipts it came out of.
    fn tell(
        &mut self,
        id: ReceiptId,
        act: ReceiptAct,
        before: &[ReceiptId],
        sequence: Sequence,
        events: &mut Events,
    ) {
        let mut report = self.receipts.row(id).report(id, act);
        let before = before.iter().map(|one| &self.receipts.row(*one).provenance);
        report.provenance = super::provenance(before, sequence, &report);
        let row = self.receipts.row_mut(id);
        row.provenance = report.provenance;
        row.changed = sequence;
        assert!(
            row.status == act.status(),
            "an act leaves it as it says: {row:?} after {act:?}"
        );
        events.push(Event::Receipt(report));
    }

    fn encumber(
        &mut self,
        encumber: &EncumberReceipt,
        sequence: Sequence,
        events: &mut Events,
    ) -> Option<ReceiptId> {
        let (id, with) = (encumber.receipt, encumber.encumbrance);
        let row = self.receipts.row_mut(id);
        row.kept.freeze();
        row.status = ReceiptStatus::Encumbered(with);
        self.tell(id, ReceiptAct::Encumbered(with), &[id], sequence, events);
        None
    }

    fn lift(
        &mut self,
        lift: &LiftReceipt,
        sequence: Sequence,
        events: &mut Events,
    ) -> Option<ReceiptId> {
        let id = lift.receipt;
        let row = self.receipts.row_mut(id);
        let ReceiptStatus::Encumbered(what) = row.status else {
            unreachable!("it is encumbered: {row:?}");
        };
        row.kept.thaw();
        row.status = ReceiptStatus::Active;
        self.tell(id, ReceiptAct::Lifted(what), &[id], sequence, events);
        None
    }

    fn split(
        &mut self,
        split: &SplitReceipt,
        sequence: Sequence,
        events: &mut Events,
    ) -> ReceiptId {
        let parent = split.receipt;
        let whole = *self.receipts.row(parent);
        let mut kept = whole.kept;
        self.receipts.row_mut(parent).kept = Kept::nothing(kept.at());
        self.receipts.end(parent, ReceiptEnd::Split);
        let parts = split.parts.len() as u8;
        self.tell(
            parent,
            ReceiptAct::Split { parts },
            &[parent],
            sequence,
            events,
        );
        let mut first = None;
        for part in &split.parts {
            let issue = IssueReceipt {
                number: part.number,
                warehouse: whole.warehouse,
                asset: whole.asset,
                amount: part.amount,
                account: whole.account,
                document: part.document,
            };
            let own = kept.split(part.amount.units());
            let id = self.receipts.add(fresh(&issue, own, sequence));
            self.receipts.join(id);
            let act = ReceiptAct::Part { of: parent };
            self.tell(id, act, &[parent], sequence, events);
            first.get_or_insert(id);
        }
        assert!(kept.amount() == 0, "the parts sum up to it: {kept:?}");
        first.expect("there are at least two")
    }

    fn merge(
        &mut self,
        merge: &MergeReceipts,
        sequence: Sequence,
        events: &mut Events,
    ) -> ReceiptId {
        let first = *self.receipts.row(merge.receipts[0]);
        let issue = IssueReceipt {
            number: merge.number,
            warehouse: first.warehouse,
            asset: first.asset,
            amount: self.sum_of(&merge.receipts),
            account: merge.account,
            document: merge.document,
        };
        let into = ReceiptId::new(self.receipts.all().len() as u32);
        let mut whole = Kept::nothing(first.kept.at());
        for id in &merge.receipts {
            let row = self.receipts.row_mut(*id);
            let amount = row.kept.amount();
            self.ledger.pass(&mut row.kept, amount, &mut whole);
            self.receipts.end(*id, ReceiptEnd::Merged);
            let act = ReceiptAct::Merged { into };
            self.tell(*id, act, &[*id], sequence, events);
        }
        let id = self.receipts.add(fresh(&issue, whole, sequence));
        assert!(id == into, "handles rise by one");
        self.receipts.join(id);
        let parts = merge.receipts.len() as u8;
        let act = ReceiptAct::Whole { parts };
        self.tell(id, act, &merge.receipts, sequence, events);
        id
    }

    fn transfer_receipt(
        &mut self,
        transfer: &TransferReceipt,
        sequence: Sequence,
        events: &mut Events,
    ) -> Option<ReceiptId> {
        let (id, from) = (transfer.receipt, transfer.from);
        let asset = self.receipts.row(id).asset;
        let place = self.ledger.open(Holder::Account(transfer.to), asset);
        self.receipts.leave(id);
        let row = self.receipts.row_mut(id);
        let mut kept = Kept::nothing(place);
        let amount = row.kept.amount();
        self.ledger.pass(&mut row.kept, amount, &mut kept);
        row.kept = kept;
        (row.account, row.joined) = (transfer.to, sequence);
        self.receipts.join(id);
        self.tell(
            id,
            ReceiptAct::Transferred { from },
            &[id],
            sequence,
            events,
        );
        None
    }

    fn cancel(
        &mut self,
        cancel: HeldReceipt,
        sequence: Sequence,
        events: &mut Events,
    ) -> Option<ReceiptId> {
        let id = cancel.receipt;
        let row = self.receipts.row_mut(id);
        let warehouse = Holder::Custodian(row.warehouse);
        let custodian = self.ledger.find(warehouse, row.asset);
        let custodian = custodian.expect("made when the goods came");
        let amount = row.kept.amount();
        self.ledger.hand_out(&mut row.kept, amount, custodian);
        self.receipts.end(id, ReceiptEnd::Cancelled);
        self.tell(id, ReceiptAct::Cancelled, &[id], sequence, events);
        None
    }

    fn pool(
        &mut self,
        pool: HeldReceipt,
        sequence: Sequence,
        events: &mut Events,
    ) -> Option<ReceiptId> {
        let id = pool.receipt;
        let row = self.receipts.row_mut(id);
        let amount = row.kept.amount();
        self.ledger.let_go(&mut row.kept, amount);
        self.receipts.end(id, ReceiptEnd::Pooled);
        self.tell(id, ReceiptAct::Pooled, &[id], sequence, events);
        None
    }
}

/// A row to which nothing was done yet.
fn fresh(issue: &IssueReceipt, kept: Kept, sequence: Sequence) -> Receipt {
    Receipt {
        number: issue.number,
        document: issue.document,
        provenance: [0; 32],
        amount: issue.amount,
        warehouse: issue.warehouse,
        asset: issue.asset,
        account: issue.account,
        status: ReceiptStatus::Active,
        changed: sequence,
        joined: sequence,
        kept,
        newer: NIL,
        older: NIL,
    }
}
