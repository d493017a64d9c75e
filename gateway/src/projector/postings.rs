//! Postings: every amount that moved on an account, from trades and custodians' answers alone.
//!
//! A trade of a cleared instrument posts goods, money and fee on each side, one of a margin forward
//! the fee alone; its marks post what they pay or take, an executed instruction, a draw, a
//! repayment and a transfer their amounts. What orders and positions hold is no posting: it moves
//! inside an account.
//!
//! Invariant: the postings of an account and an asset sum to its balance, and depend on released
//! commands and events alone. Goods of a trade are kept in lots, as everywhere in the history, and
//! written with the instrument's lot_units, which never change. Not here: bytes (`posting_codec`),
//! keys and families (`store`), pages (`history`), names and decimals.

use std::collections::HashMap;

use engine::clearing::Holder;
use engine::command::{Direction, Half};
use engine::event::{
    CreditEvent, CustodyReport, Fill, ReceiptAct, ReceiptReport, Repaid, Trade, TradeCorrection,
    Variation,
};
use engine::types::{
    AccountId, AssetId, ContractId, CustodianId, InstrumentId, Name, OrderId, ReceiptId, Sequence,
    ShardId, Side, Time, TradeId, TransferId,
};

use super::contracts::ContractPart;

/// Where a posting stands among those of its account; ordered as things happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PostingPlace {
    /// When its command was sequenced.
    pub time: Time,
    /// Its command.
    pub sequence: Sequence,
    /// Which of the command's: event, side and part.
    pub index: u32,
}

impl PostingPlace {
    /// Before every other.
    pub const FIRST: Self = Self::since(Time::ZERO);

    /// Before all from this instant on.
    pub const fn since(time: Time) -> Self {
        Self {
            time,
            sequence: Sequence::ZERO,
            index: 0,
        }
    }

    /// The place right after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self {
            index: self.index.saturating_add(1),
            ..self
        }
    }
}

/// A part of a trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TradePart {
    /// What was delivered; the amount counts lots.
    Goods,
    /// What was paid.
    Money,
    /// What was charged.
    Fee,
}

/// A part of what a bust or a correction moved; amounts are minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CorrectionPart {
    /// Goods that went back.
    Goods,
    /// Money that went back or further.
    Money,
    /// What was charged, back or further.
    Fee,
    /// What was not there to go back, and is owed.
    Owed,
}

/// Why an amount moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PostingCause {
    /// A custodian moved it.
    Custody {
        /// Which way.
        direction: Direction,
        /// The instruction.
        instruction: Sequence,
        /// Who moved it.
        custodian: CustodianId,
        /// The custodian's own reference.
        reference: Name,
    },
    /// A trade.
    Trade {
        /// Which part of it.
        part: TradePart,
        /// Its id.
        trade: TradeId,
        /// The instrument.
        instrument: InstrumentId,
        /// The account's order.
        order: OrderId,
    },
    /// The mark of a margin forward.
    Variation(InstrumentId),
    /// A step of a contract.
    Contract {
        /// Which part of what it moved.
        part: ContractPart,
        /// The contract.
        contract: ContractId,
    },
    /// A warehouse receipt.
    Receipt {
        /// What became of it.
        moved: ReceiptMove,
        /// The receipt.
        receipt: ReceiptId,
        /// Who keeps the goods.
        warehouse: CustodianId,
        /// Its number.
        number: Name,
    },
    /// A bust or a correction of a trade.
    Correction {
        /// Which part of it.
        part: CorrectionPart,
        /// The trade.
        trade: TradeId,
        /// The instrument.
        instrument: InstrumentId,
        /// The account's order.
        order: OrderId,
    },
    /// What was owed was repaid.
    Repaid,
    /// Drawn of the account's credit, or repaid.
    Credit,
    /// A half of a transfer between shards.
    Half {
        /// The transfer.
        transfer: TransferId,
        /// The other shard.
        shard: ShardId,
    },
    /// A transfer inside the shard.
    Transfer {
        /// The other account.
        other: AccountId,
    },
}

/// What became of a receipt where its goods moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceiptMove {
    /// Into the warehouse.
    Registered,
    /// Out of the warehouse.
    Cancelled,
    /// To the account, or from it.
    Transferred,
}

/// One amount that moved on an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PostingRow {
    /// Where it stands.
    pub place: PostingPlace,
    /// The account.
    pub account: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// How much, below zero when it went away: minor units; lots, of a trade's own goods.
    pub amount: i64,
    /// Why.
    pub cause: PostingCause,
}

/// What an instrument is paid in and what it delivers: nothing, if it is a margin forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settles {
    /// The money.
    pub money: AssetId,
    /// The goods.
    pub goods: Option<AssetId>,
}

/// What the instruments with clearing or margin settle in.
pub type ClearedAssets = HashMap<InstrumentId, Settles>;

/// What the mark of a margin forward posts on an account.
pub(super) fn of_variation(
    place: PostingPlace,
    variation: &Variation,
    money: AssetId,
) -> PostingRow {
    PostingRow {
        place,
        account: variation.account,
        asset: money,
        amount: variation.amount,
        cause: PostingCause::Variation(variation.instrument),
    }
}

/// What an executed instruction posts.
pub(super) fn of_custody(place: PostingPlace, report: &CustodyReport) -> PostingRow {
    let units = report.amount.units();
    PostingRow {
        place,
        account: report.account,
        asset: report.asset,
        amount: match report.direction {
            Direction::Deposit => units,
            Direction::Withdrawal => -units,
        },
        cause: PostingCause::Custody {
            direction: report.direction,
            instruction: report.instruction,
            custodian: report.custodian,
            reference: report.reference,
        },
    }
}

/// What an act on a receipt posts: on the holder's account, and on that of who held it before.
/// `place` is that of the event's first part.
pub(super) fn of_receipt(
    place: PostingPlace,
    report: &ReceiptReport,
) -> impl Iterator<Item = PostingRow> {
    let moved = match report.act {
        ReceiptAct::Registered => ReceiptMove::Registered,
        ReceiptAct::Cancelled => ReceiptMove::Cancelled,
        // Of the others only a transfer posts anything.
        ReceiptAct::Transferred { .. }
        | ReceiptAct::Drawn
        | ReceiptAct::Encumbered(_)
        | ReceiptAct::Lifted(_)
        | ReceiptAct::Split { .. }
        | ReceiptAct::Part { .. }
        | ReceiptAct::Merged { .. }
        | ReceiptAct::Whole { .. }
        | ReceiptAct::Pooled => ReceiptMove::Transferred,
    };
    let cause = PostingCause::Receipt {
        moved,
        receipt: report.receipt,
        warehouse: report.warehouse,
        number: report.number,
    };
    let posted = (0..).zip(engine::clearing::postings::of_receipt(report));
    posted.filter_map(move |(index, posting)| {
        let Holder::Account(account) = posting.holder else {
            return None;
        };
        Some(PostingRow {
            place: PostingPlace {
                index: place.index + index,
                ..place
            },
            account,
            asset: posting.asset,
            amount: posting.amount,
            cause,
        })
    })
}

/// What credit and transfers post: one row, and another of the account that receives a transfer
/// inside the shard.
pub(super) fn of_credit(
    [first, second]: [PostingPlace; 2],
    event: &CreditEvent,
) -> [Option<PostingRow>; 2] {
    let row = |place, account, asset, amount, cause| {
        Some(PostingRow {
            place,
            account,
            asset,
            amount,
            cause,
        })
    };
    match event {
        CreditEvent::Collateral(_) => [None, None],
        CreditEvent::Moved(moved) => {
            let (account, amount) = (moved.account, moved.change);
            let moved = row(first, account, moved.asset, amount, PostingCause::Credit);
            [moved, None]
        }
        CreditEvent::Half(half) => {
            let units = half.amount.units();
            let amount = match half.half {
                Half::Out => -units,
                Half::In => units,
            };
            let cause = PostingCause::Half {
                transfer: half.transfer,
                shard: half.shard,
            };
            [row(first, half.account, half.asset, amount, cause), None]
        }
        CreditEvent::Transferred(moved) => {
            let (asset, units) = (moved.asset, moved.amount.units());
            let to = |other| PostingCause::Transfer { other };
            [
                row(first, moved.from, asset, -units, to(moved.to)),
                row(second, moved.to, asset, units, to(moved.from)),
            ]
        }
    }
}

/// What a trade posts on one side: nothing for a part of zero, and of a margin forward the fee
/// alone. `place` is that of the side's first part.
pub(super) fn of_side(
    place: PostingPlace,
    (trade, id): (&Trade, TradeId),
    (side, fill): (Side, &Fill),
    settles: Settles,
) -> impl Iterator<Item = PostingRow> {
    let (lots, value) = (trade.quantity.lots(), trade.value);
    let (received, paid) = match side {
        Side::Buy => (lots, -value),
        Side::Sell => (-lots, value),
    };
    let money = settles.money;
    let (goods, received, paid) = match settles.goods {
        Some(goods) => (goods, received, paid),
        None => (money, 0, 0),
    };
    let parts = [
        (TradePart::Goods, goods, received),
        (TradePart::Money, money, paid),
        (TradePart::Fee, money, -fill.fee),
    ];
    let (account, order, instrument) = (fill.account, fill.order, trade.instrument);
    let moved = (0..).zip(parts).filter(|(_, (_, _, amount))| *amount != 0);
    moved.map(move |(index, (part, asset, amount))| PostingRow {
        place: PostingPlace {
            index: place.index + index,
            ..place
        },
        account,
        asset,
        amount,
        cause: PostingCause::Trade {
            part,
            trade: id,
            instrument,
            order,
        },
    })
}

/// What a bust or correction posts on one side: nothing for a part of zero. `place` is that of the
/// side's first part; the event after it posts nothing, so its places are free too.
pub(super) fn of_correction(
    place: PostingPlace,
    (event, trade, order): (&TradeCorrection, TradeId, OrderId),
    side: Side,
    (money, goods): (AssetId, AssetId),
) -> impl Iterator<Item = PostingRow> {
    let value = event.before.value - event.after.value;
    let (own, received, paid, goods_owed) = match side {
        Side::Buy => (&event.buy, -event.goods, value, event.goods_owed),
        Side::Sell => (&event.sell, event.goods, -value, 0),
    };
    let parts = [
        (CorrectionPart::Goods, goods, received),
        (CorrectionPart::Money, money, paid),
        (CorrectionPart::Fee, money, own.fee_before - own.fee),
        (CorrectionPart::Owed, money, own.owed),
        (CorrectionPart::Owed, goods, goods_owed),
    ];
    let (account, instrument) = (own.account, event.instrument);
    let moved = (0..).zip(parts).filter(|(_, (_, _, amount))| *amount != 0);
    moved.map(move |(index, (part, asset, amount))| PostingRow {
        place: PostingPlace {
            index: place.index + index,
            ..place
        },
        account,
        asset,
        amount,
        cause: PostingCause::Correction {
            part,
            trade,
            instrument,
            order,
        },
    })
}

/// What a repayment posts.
pub(super) const fn of_repaid(place: PostingPlace, event: &Repaid) -> PostingRow {
    PostingRow {
        place,
        account: event.account,
        asset: event.asset,
        amount: -event.amount,
        cause: PostingCause::Repaid,
    }
}

/// The index of the first part of an event's side among a command's postings.
pub(super) const fn index_of(event: u32, side: Side) -> u32 {
    let side = match side {
        Side::Buy => 0,
        Side::Sell => 1,
    };
    (event * 2 + side) * 4
}

impl PostingRow {
    /// Whose lots the amount counts; none where it counts minor units.
    pub fn lots_of(&self) -> Option<InstrumentId> {
        if let PostingCause::Trade {
            part: TradePart::Goods,
            instrument,
            ..
        } = self.cause
        {
            Some(instrument)
        } else {
            None
        }
    }
}
