//! From events to rows: the live orders in memory, and what each event adds to the history.
//!
//! Invariant: the rows depend on the released commands and events alone, so a rebuild from the
//! journal gives the same bytes. A live order stands in memory at the slot of its id from its
//! first event after start to its last; one from before the start is read from the history once,
//! when it is first touched, so that a start costs nothing. Not here: RocksDB (`store`), the thread
//! (`mod.rs`), names and decimals.

use engine::event::{Cause, Event, ExecType, Fill, MarginEvent, OrderReport, SaleEvent, Trade};
use engine::types::{
    AccountId, AssetId, ExecId, InstrumentId, NewOrder, OrderId, OrderStatus, ParticipantId, Price,
    Quantity, Side, TradeId,
};

use super::answers::{FirstAnswerDue, answered};
use super::output::{ProjectError, Rows};
use super::postings::{self, ClearedAssets, PostingPlace};
use super::receipts;
use super::rows::{
    ExecutionKind, ExecutionRow, FirstAnswer, Liquidity, OrderKind, OrderRow, Origin, Standing,
    TradeRow,
};
use super::work::{Ask, Piece, Step};

/// A live order in memory.
#[derive(Debug)]
struct Live {
    row: OrderRow,
    /// Changed since it was last written.
    dirty: bool,
}

/// The live orders that were touched since the start, the participant of each account, and what
/// each instrument with clearing settles in.
#[derive(Debug, Default)]
pub struct LiveOrders {
    slots: Vec<Option<Box<Live>>>,
    dirty: Vec<u32>,
    pub(super) accounts: Vec<ParticipantId>,
    pub(super) cleared: ClearedAssets,
}

/// One event's place.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    shard: u32,
    epoch: u32,
    pub(super) step: &'a Step,
    pub(super) index: u32,
    /// All events of the command.
    pub(super) beside: &'a [(u32, Event)],
}

impl LiveOrders {
    /// With the participants of the accounts, in order of handle, and what instruments settle in.
    pub fn new(accounts: Vec<ParticipantId>, cleared: ClearedAssets) -> Self {
        Self {
            slots: Vec::new(),
            dirty: Vec::new(),
            accounts,
            cleared,
        }
    }

    /// Writes what a piece adds to the history.
    ///
    /// # Errors
    /// [`ProjectError`]; then the rows given so far must not be kept.
    pub fn apply<R: Rows>(
        &mut self,
        piece: &Piece,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        let mut begin = 0;
        for step in &piece.steps {
            let events = piece.events.get(begin..step.end).unwrap_or_default();
            begin = step.end;
            let mut first = FirstAnswerDue::of(step);
            for (index, event) in events {
                let at = At {
                    shard: piece.shard,
                    epoch: piece.epoch,
                    step,
                    index: *index,
                    beside: events,
                };
                self.event(at, event, &mut first, rows)?;
            }
        }
        Ok(())
    }

    /// Writes the live orders that changed; before the batch they changed in is written.
    ///
    /// # Errors
    /// [`ProjectError::Rows`].
    pub fn write_changed<R: Rows>(&mut self, rows: &mut R) -> Result<(), ProjectError<R::Error>> {
        for slot in std::mem::take(&mut self.dirty) {
            let live = self.slots.get_mut(slot as usize).and_then(Option::as_mut);
            if let Some(live) = live
                && std::mem::take(&mut live.dirty)
            {
                rows.put_order(&live.row)?;
            }
        }
        Ok(())
    }

    fn event<R: Rows>(
        &mut self,
        at: At<'_>,
        event: &Event,
        first: &mut FirstAnswerDue,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        match event {
            Event::Report(report) => {
                let row = self.report(at, report, rows)?;
                self.emit(at, &row, first, rows)
            }
            Event::Trade(trade) => {
                self.post(at, trade, rows)?;
                let [buy, sell] = self.trade(at, trade, rows)?;
                self.emit(at, &buy, &mut FirstAnswerDue::None, rows)?;
                self.emit(at, &sell, &mut FirstAnswerDue::None, rows)
            }
            Event::MassCancel(report) => {
                let answer = FirstAnswer::MassCancel {
                    account: report.account,
                    reject: report.reject,
                    canceled: report.canceled,
                    kept: report.kept,
                };
                first.answer(FirstAnswerDue::MassCancel, at.step, answer, rows)
            }
            Event::Operation(report) => self.operation(at, report, first, rows),
            Event::Custody(report) => {
                let posting = postings::of_custody(at.posting(Side::Buy), report);
                Ok(rows.put_posting(&posting)?)
            }
            Event::Margin(MarginEvent::Variation(variation)) => self.varied(at, variation, rows),
            Event::Receipt(report) => receipts::apply(at, report, rows),
            Event::Contract(event) => self.contract(at, event, first, rows),
            Event::Sale(SaleEvent::Offer(report)) => Self::offer(at, report, first, rows),
            Event::Correction(correction) => {
                let Some([buy, sell]) = self.correction(at, correction, rows)? else {
                    return Ok(());
                };
                self.emit(at, &buy, &mut FirstAnswerDue::None, rows)?;
                self.emit(at, &sell, &mut FirstAnswerDue::None, rows)
            }
            Event::Credit(event) => {
                let places = [Side::Buy, Side::Sell].map(|side| at.posting(side));
                for posting in postings::of_credit(places, event).into_iter().flatten() {
                    rows.put_posting(&posting)?;
                }
                Ok(())
            }
            Event::Book(_)
            | Event::Margin(_)
            | Event::Sale(_)
            | Event::Indicative(_)
            | Event::Uncrossed(_)
            | Event::Duplicate(_)
            | Event::SessionOpened(_)
            | Event::PhaseChanged(_)
            | Event::StatusChanged(_)
            | Event::ReferencePrice(_)
            | Event::DayRolled(_)
            | Event::Standing(_)
            | Event::Limits(_)
            | Event::Settlement(_)
            | Event::EpochBegan(_)
            | Event::Quarantined(_)
            | Event::Regime(_)
            | Event::Switch(_) => Ok(()),
        }
    }

    /// The execution of a report, after the order took it over.
    fn report<R: Rows>(
        &mut self,
        at: At<'_>,
        report: &OrderReport,
        rows: &mut R,
    ) -> Result<ExecutionRow, ProjectError<R::Error>> {
        let known = match (report.exec_type, at.step.ask) {
            (ExecType::New | ExecType::Rejected, Ask::NewOrder(order)) => {
                self.submitted(at, &order, report, rows)?
            }
            (ExecType::New, _) => self.engine_made(at, report, rows)?,
            (ExecType::CancelRejected | ExecType::ReplaceRejected, _)
                if report.instrument.is_none() =>
            {
                None
            }
            (ExecType::CancelRejected | ExecType::ReplaceRejected, _) => {
                let live = self.live(at, report.order, rows)?;
                Some((live.row.origin, live.row.standing.notional))
            }
            _ => Some(self.changed(at, report, rows)?),
        };
        let (origin, notional) = known.unzip();
        let standing = standing(report, notional.unwrap_or(0));
        Ok(ExecutionRow {
            exec: at.exec_id(Side::Buy),
            time: at.step.time,
            kind: ExecutionKind::Report(report.exec_type),
            cause: report.cause,
            reject: report.reject,
            order: report.order,
            account: report.account,
            participant: self.participant(report.account),
            counters: report.counters,
            instrument: report.instrument,
            side: report.side,
            origin,
            standing,
            answers: answered(at.step, report, origin.as_ref()),
        })
    }

    /// A new order, accepted or rejected. One that was rejected uncounted (a retry gone wrong, or
    /// an account that does not exist) leaves no order behind: it never was anybody's.
    pub(super) fn submitted<R: Rows>(
        &mut self,
        at: At<'_>,
        order: &NewOrder,
        report: &OrderReport,
        rows: &mut R,
    ) -> Result<Option<(Origin, i128)>, ProjectError<R::Error>> {
        let origin = Origin {
            kind: OrderKind::from(&order.order_type),
            time_in_force: order.time_in_force,
            identity: at.step.identity,
        };
        if report.counters.account == 0 {
            return Ok(Some((origin, 0)));
        }
        let row = OrderRow {
            order: report.order,
            account: order.account,
            instrument: order.instrument,
            side: order.side,
            origin,
            standing: standing(report, 0),
            cause: report.cause,
            reject: report.reject,
            created: at.step.time,
            touched: at.step.sequence,
            updated: at.step.time,
        };
        rows.put_new_order(&row)?;
        if row.standing.status.is_terminal() {
            rows.put_order(&row)?;
        } else {
            self.insert(row);
        }
        Ok(Some((origin, 0)))
    }

    fn changed<R: Rows>(
        &mut self,
        at: At<'_>,
        report: &OrderReport,
        rows: &mut R,
    ) -> Result<(Origin, i128), ProjectError<R::Error>> {
        let live = self.live(at, report.order, rows)?;
        let notional = live.row.standing.notional;
        live.row.standing = standing(report, notional);
        live.row.cause = report.cause;
        let origin = live.row.origin;
        self.touched(at, report.order, rows)?;
        Ok((origin, notional))
    }

    /// What a trade moved, if its instrument has clearing.
    fn post<R: Rows>(
        &self,
        at: At<'_>,
        trade: &Trade,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        let Some(assets) = self.cleared.get(&trade.instrument) else {
            return Ok(());
        };
        for (side, fill) in [(Side::Buy, &trade.buy), (Side::Sell, &trade.sell)] {
            let trade = (trade, at.trade_id());
            for posting in postings::of_side(at.posting(side), trade, (side, fill), *assets) {
                rows.put_posting(&posting)?;
            }
        }
        Ok(())
    }

    /// Both executions of a trade, the buyer's first.
    fn trade<R: Rows>(
        &mut self,
        at: At<'_>,
        trade: &Trade,
        rows: &mut R,
    ) -> Result<[ExecutionRow; 2], ProjectError<R::Error>> {
        rows.put_trade(&TradeRow {
            trade: at.trade_id(),
            corrects: None,
            time: at.step.time,
            instrument: trade.instrument,
            price: trade.price,
            quantity: trade.quantity,
            aggressor: trade.aggressor,
            value: trade.value,
        })?;
        Ok([
            self.fill(at, trade, Side::Buy, &trade.buy, rows)?,
            self.fill(at, trade, Side::Sell, &trade.sell, rows)?,
        ])
    }

    fn fill<R: Rows>(
        &mut self,
        at: At<'_>,
        trade: &Trade,
        side: Side,
        fill: &Fill,
        rows: &mut R,
    ) -> Result<ExecutionRow, ProjectError<R::Error>> {
        let live = self.live(at, fill.order, rows)?;
        let standing = &mut live.row.standing;
        standing.cumulative = fill.cumulative;
        standing.leaves = fill.leaves;
        standing.held = fill.held;
        standing.notional += notional(trade.price, trade.quantity);
        standing.status = if fill.leaves.is_zero() {
            OrderStatus::Filled
        } else {
            OrderStatus::PartiallyFilled
        };
        live.row.cause = Cause::Request;
        let row = live.row;
        self.touched(at, fill.order, rows)?;
        let liquidity = match trade.aggressor {
            None => Liquidity::Auction,
            Some(taker) if taker == side => Liquidity::Removed,
            Some(_) => Liquidity::Added,
        };
        Ok(ExecutionRow {
            exec: at.exec_id(side),
            time: at.step.time,
            kind: ExecutionKind::Trade {
                price: trade.price,
                quantity: trade.quantity,
                liquidity,
                value: trade.value,
                fee: fill.fee,
            },
            cause: Cause::Request,
            reject: None,
            order: fill.order,
            account: fill.account,
            participant: self.participant(fill.account),
            counters: fill.counters,
            instrument: Some(trade.instrument),
            side: Some(side),
            origin: Some(row.origin),
            standing: row.standing,
            answers: row.origin.identity,
        })
    }

    /// Keeps an execution: in the streams when it was counted, as a first answer when it is one.
    fn emit<R: Rows>(
        &self,
        at: At<'_>,
        row: &ExecutionRow,
        first: &mut FirstAnswerDue,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        if row.counters.account == 0 {
            let answer = FirstAnswer::Uncounted(Box::new(*row));
            return first.answer(FirstAnswerDue::Report, at.step, answer, rows);
        }
        let participant = self.known(at, row.account)?;
        rows.put_execution(participant, row)?;
        let answer = FirstAnswer::Counted(participant, row.counters.participant);
        first.answer(FirstAnswerDue::Report, at.step, answer, rows)
    }

    /// The participant of an account that was reported to.
    pub(super) fn known<E>(
        &self,
        at: At<'_>,
        account: AccountId,
    ) -> Result<ParticipantId, ProjectError<E>> {
        self.participant(account)
            .ok_or(ProjectError::UnknownAccount {
                sequence: at.step.sequence.value(),
                account: account.index(),
            })
    }

    pub(super) fn participant(&self, account: AccountId) -> Option<ParticipantId> {
        self.accounts.get(account.place()).copied()
    }

    /// What an instrument is paid in and delivers, if it has clearing; a margin forward has none.
    pub(super) fn cleared_assets(&self, instrument: InstrumentId) -> Option<(AssetId, AssetId)> {
        let settles = self.cleared.get(&instrument)?;
        Some((settles.money, settles.goods?))
    }

    /// A live order as it stands.
    pub(super) fn live_row<R: Rows>(
        &mut self,
        at: At<'_>,
        order: OrderId,
        rows: &mut R,
    ) -> Result<OrderRow, ProjectError<R::Error>> {
        Ok(self.live(at, order, rows)?.row)
    }

    /// A live order stands otherwise.
    pub(super) fn put_live_row<R: Rows>(
        &mut self,
        at: At<'_>,
        row: OrderRow,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        self.live(at, row.order, rows)?.row = row;
        self.touched(at, row.order, rows)
    }

    fn insert(&mut self, row: OrderRow) {
        let place = row.order.slot as usize;
        if place >= self.slots.len() {
            self.slots.resize_with(place + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Some(Box::new(Live { row, dirty: true }));
            self.dirty.push(row.order.slot);
        }
    }

    /// The live order, from memory or, once after a start, from the history.
    fn live<R: Rows>(
        &mut self,
        at: At<'_>,
        order: OrderId,
        rows: &mut R,
    ) -> Result<&mut Live, ProjectError<R::Error>> {
        let place = order.slot as usize;
        let held = |slot: &Option<Box<Live>>| {
            slot.as_ref()
                .is_some_and(|live| live.row.order.sequence == order.sequence)
        };
        if !self.slots.get(place).is_some_and(held) {
            let row = rows.read_order(order.sequence)?;
            let row = row.filter(|row| row.order == order && !row.standing.status.is_terminal());
            if let Some(row) = row {
                self.insert(row);
            }
        }
        let unknown = ProjectError::UnknownOrder {
            sequence: at.step.sequence.value(),
            order,
        };
        let slot = self.slots.get_mut(place).and_then(Option::as_mut);
        slot.filter(|live| live.row.order == order)
            .map(Box::as_mut)
            .ok_or(unknown)
    }

    /// Marks the order as changed; writes it and frees its place when it has ended.
    fn touched<R: Rows>(
        &mut self,
        at: At<'_>,
        order: OrderId,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        let Some(slot) = self.slots.get_mut(order.slot as usize) else {
            return Ok(());
        };
        let Some(live) = slot else { return Ok(()) };
        live.row.touched = at.step.sequence;
        live.row.updated = at.step.time;
        if live.row.standing.status.is_terminal() {
            let row = live.row;
            *slot = None;
            rows.put_order(&row)?;
        } else if !std::mem::replace(&mut live.dirty, true) {
            self.dirty.push(order.slot);
        }
        Ok(())
    }
}

impl At<'_> {
    /// The place of the first posting of a corrected trade's side: it has five parts, so it takes
    /// the places of both sides of an event; the next event, an answer, posts nothing.
    pub(super) fn correction_posting(&self, side: Side) -> PostingPlace {
        let after = u32::from(side == Side::Sell);
        let whole = Self {
            index: self.index + after,
            ..*self
        };
        whole.posting(Side::Buy)
    }

    /// The place of the first posting of this event's side.
    pub(super) fn posting(&self, side: Side) -> PostingPlace {
        PostingPlace {
            time: self.step.time,
            sequence: self.step.sequence,
            index: postings::index_of(self.index, side),
        }
    }

    pub(super) fn trade_id(&self) -> TradeId {
        TradeId {
            shard: self.shard,
            epoch: self.epoch,
            sequence: self.step.sequence.value(),
            index: self.index,
        }
    }

    pub(super) fn exec_id(&self, side: Side) -> ExecId {
        ExecId {
            shard: self.shard,
            epoch: self.epoch,
            sequence: self.step.sequence.value(),
            index: self.index * 2 + u32::from(side == Side::Sell),
        }
    }
}

/// `price x quantity`, in tick-lots; exact.
pub(super) fn notional(price: Price, quantity: Quantity) -> i128 {
    i128::from(price.ticks()) * i128::from(quantity.lots())
}

fn standing(report: &OrderReport, notional: i128) -> Standing {
    Standing {
        status: report.status,
        price: report.price,
        stop_price: report.stop_price,
        quantity: report.order_quantity,
        cumulative: report.cumulative,
        leaves: report.leaves,
        notional,
        held: report.held,
    }
}
