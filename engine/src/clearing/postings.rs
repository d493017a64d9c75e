//! What an event moved, posting by posting: for history, statements and reconciliation.
//!
//! Invariant: told by the event and the instrument's assets alone, without the ledger, so what the
//! ledger has can be compared with their sum; the postings of an event and an asset sum to zero.
//! Not here: holds, which move nothing from one holder to another.

use super::{Cleared, Holder};
use crate::command::{Direction, Half};
use crate::event::{
    ContractReport, CreditEvent, CustodyReport, CustodyStatus, ReceiptAct, ReceiptReport, Repaid,
    Trade, TradeCorrection, Variation,
};
use crate::types::{AssetId, VenueId};

/// Why an amount moved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum PostingKind {
    /// A custodian received it.
    Deposit,
    /// A custodian handed it out.
    Withdrawal,
    /// The money of a trade.
    TradeMoney,
    /// The goods of a trade.
    TradeGoods,
    /// What a trade charged, or a rebate.
    Fee,
    /// The goods of a receipt that went to another holder.
    Receipt,
    /// The money of a trade, back or further, after a bust or a correction.
    CorrectionMoney,
    /// The goods of a trade, back after a bust or a correction.
    CorrectionGoods,
    /// What a trade charged, back or further, after a bust or a correction.
    CorrectionFee,
    /// What an account did not have to give back, and owes.
    Owed,
    /// What it paid of what it owed.
    Repaid,
    /// What an account drew of its credit.
    Draw,
    /// What it repaid.
    Repayment,
    /// A transfer, between shards or inside one.
    Transfer,
    /// What the mark of a margin forward paid or took.
    Variation,
    /// The money of a contract.
    ContractMoney,
    /// What a venue took of a contract.
    ContractFee,
    /// The goods of a contract, out of a warehouse or into it.
    ContractGoods,
}

/// An amount that moved to a holder, or, below zero, away from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posting {
    /// Whose position.
    pub holder: Holder,
    /// Of what.
    pub asset: AssetId,
    /// How much, in minor units.
    pub amount: i64,
    /// Why.
    pub kind: PostingKind,
}

/// What a trade moved, the buyer's first; postings of nothing are left out. `venue` is the
/// instrument's; a trade of the time before the instrument had clearing moved nothing.
pub fn of_trade(trade: &Trade, cleared: &Cleared, venue: VenueId) -> impl Iterator<Item = Posting> {
    let (buyer, seller) = (trade.buy.account, trade.sell.account);
    let (buyer, seller) = (Holder::Account(buyer), Holder::Account(seller));
    let (buy_fee, sell_fee) = (trade.buy.fee, trade.sell.fee);
    let (money, goods) = (cleared.money, cleared.goods);
    let all = [
        (buyer, money, -trade.value, PostingKind::TradeMoney),
        (buyer, goods, trade.goods, PostingKind::TradeGoods),
        (buyer, money, -buy_fee, PostingKind::Fee),
        (seller, money, trade.value, PostingKind::TradeMoney),
        (seller, goods, -trade.goods, PostingKind::TradeGoods),
        (seller, money, -sell_fee, PostingKind::Fee),
        (
            Holder::Venue(venue),
            money,
            buy_fee + sell_fee,
            PostingKind::Fee,
        ),
    ];
    all.into_iter()
        .filter(|(_, _, amount, _)| *amount != 0)
        .map(|(holder, asset, amount, kind)| Posting {
            holder,
            asset,
            amount,
            kind,
        })
}

/// What a trade of a margin forward moved: its fees.
pub fn of_margin_trade(
    trade: &Trade,
    money: AssetId,
    venue: VenueId,
) -> impl Iterator<Item = Posting> {
    let (buy, sell) = (&trade.buy, &trade.sell);
    let all = [
        (Holder::Account(buy.account), -buy.fee),
        (Holder::Account(sell.account), -sell.fee),
        (Holder::Venue(venue), buy.fee + sell.fee),
    ];
    let moved = all.into_iter().filter(|(_, amount)| *amount != 0);
    moved.map(move |(holder, amount)| Posting {
        holder,
        asset: money,
        amount,
        kind: PostingKind::Fee,
    })
}

/// What a mark moved, the account's first.
pub fn of_variation(variation: &Variation, money: AssetId) -> impl Iterator<Item = Posting> {
    let of = |holder, amount| Posting {
        holder,
        asset: money,
        amount,
        kind: PostingKind::Variation,
    };
    let amount = variation.amount;
    let both = [
        of(Holder::Account(variation.account), amount),
        of(Holder::Clearing(variation.instrument), -amount),
    ];
    both.into_iter()
}

/// What a bust or correction moved, the buyer's first; postings of nothing are left out. What an
/// account owes stands beside what it should have given back.
pub fn of_correction(
    event: &TradeCorrection,
    cleared: &Cleared,
    venue: VenueId,
) -> impl Iterator<Item = Posting> {
    let (money, goods) = (cleared.money, cleared.goods);
    let value = event.before.value - event.after.value;
    let fees = event.sides().map(|(_, side)| side.fee_before - side.fee);
    let accounts = event.sides().map(|(_, side)| side.account);
    let side = |place: usize, value: i64, moved: i64, owed: i64, goods_owed: i64| {
        let (own, owes) = (
            Holder::Account(accounts[place]),
            Holder::Receivable(accounts[place]),
        );
        [
            (own, money, value, PostingKind::CorrectionMoney),
            (own, goods, moved, PostingKind::CorrectionGoods),
            (own, money, fees[place], PostingKind::CorrectionFee),
            (own, money, owed, PostingKind::Owed),
            (owes, money, -owed, PostingKind::Owed),
            (own, goods, goods_owed, PostingKind::Owed),
            (owes, goods, -goods_owed, PostingKind::Owed),
        ]
    };
    let of_buyer = side(0, value, -event.goods, event.buy.owed, event.goods_owed);
    let of_seller = side(1, -value, event.goods, event.sell.owed, 0);
    let of_venue = (
        Holder::Venue(venue),
        money,
        -(fees[0] + fees[1]),
        PostingKind::CorrectionFee,
    );
    of_buyer
        .into_iter()
        .chain(of_seller)
        .chain([of_venue])
        .filter(|(_, _, amount, _)| *amount != 0)
        .map(|(holder, asset, amount, kind)| Posting {
            holder,
            asset,
            amount,
            kind,
        })
}

/// What a repayment moved.
pub fn of_repaid(event: &Repaid) -> impl Iterator<Item = Posting> {
    let of = |holder, amount| Posting {
        holder,
        asset: event.asset,
        amount,
        kind: PostingKind::Repaid,
    };
    let both = [
        of(Holder::Account(event.account), -event.amount),
        of(Holder::Receivable(event.account), event.amount),
    ];
    both.into_iter()
}

/// What a step of a contract moved, the buyer's first; nothing for what was only held or released.
pub fn of_contract(report: &ContractReport) -> impl Iterator<Item = Posting> {
    let (buyer, seller) = (
        Holder::Account(report.buyer.account),
        Holder::Account(report.seller.account),
    );
    let (money, goods) = (report.money, report.goods);
    let warehouse = Holder::Custodian(report.warehouse);
    // A penalty is paid the other way.
    let paid = report.paid_out - report.penalty;
    let (fee, out) = (report.fee, report.goods_out);
    let all = [
        (buyer, money, -paid, PostingKind::ContractMoney),
        (buyer, money, -fee, PostingKind::ContractFee),
        (seller, money, paid, PostingKind::ContractMoney),
        (
            Holder::Venue(report.venue),
            money,
            fee,
            PostingKind::ContractFee,
        ),
        (seller, goods, -out, PostingKind::ContractGoods),
        (warehouse, goods, out, PostingKind::ContractGoods),
    ];
    let moved = all.into_iter().filter(|(_, _, amount, _)| *amount != 0);
    moved.map(|(holder, asset, amount, kind)| Posting {
        holder,
        asset,
        amount,
        kind,
    })
}

/// What an instruction moved, the account's first; nothing unless it was executed.
pub fn of_custody(report: &CustodyReport) -> impl Iterator<Item = Posting> {
    let (sign, kind) = match report.direction {
        Direction::Deposit => (1, PostingKind::Deposit),
        Direction::Withdrawal => (-1, PostingKind::Withdrawal),
    };
    let amount = sign * report.amount.units();
    let of = |holder, amount| Posting {
        holder,
        asset: report.asset,
        amount,
        kind,
    };
    let both = [
        of(Holder::Account(report.account), amount),
        of(Holder::Custodian(report.custodian), -amount),
    ];
    both.into_iter()
        .filter(|_| report.status == CustodyStatus::Executed)
}

/// What an act on a receipt moved, the holder's first: goods come in when it is registered, go out
/// when it is cancelled, and go to the new holder, and from the old one, when it is transferred.
/// Nothing else moves: a split, a merge, an encumbrance, pooling and drawing stay in one account.
pub fn of_receipt(report: &ReceiptReport) -> impl Iterator<Item = Posting> {
    let units = report.amount.units();
    let (holder, warehouse) = (
        Holder::Account(report.account),
        Holder::Custodian(report.warehouse),
    );
    let (amount, other, kind) = match report.act {
        ReceiptAct::Registered => (units, warehouse, PostingKind::Deposit),
        ReceiptAct::Cancelled => (-units, warehouse, PostingKind::Withdrawal),
        ReceiptAct::Transferred { from } => (units, Holder::Account(from), PostingKind::Receipt),
        ReceiptAct::Drawn
        | ReceiptAct::Encumbered(_)
        | ReceiptAct::Lifted(_)
        | ReceiptAct::Split { .. }
        | ReceiptAct::Part { .. }
        | ReceiptAct::Merged { .. }
        | ReceiptAct::Whole { .. }
        | ReceiptAct::Pooled => (0, warehouse, PostingKind::Receipt),
    };
    let asset = report.asset;
    let both = [(holder, amount), (other, -amount)];
    both.into_iter()
        .filter(|(_, amount)| *amount != 0)
        .map(move |(holder, amount)| Posting {
            holder,
            asset,
            amount,
            kind,
        })
}

/// What credit and transfers moved, the account's first; nothing for collateral, which is only
/// held.
pub fn of_credit(event: &CreditEvent) -> impl Iterator<Item = Posting> {
    let (asset, kind, amount, holders) = match event {
        CreditEvent::Moved(moved) => {
            let kind = if moved.change > 0 {
                PostingKind::Draw
            } else {
                PostingKind::Repayment
            };
            let account = moved.account;
            let holders = [Holder::Account(account), Holder::Credit(account)];
            (moved.asset, kind, moved.change, holders)
        }
        CreditEvent::Collateral(report) => {
            let account = Holder::Account(report.account);
            (report.money, PostingKind::Transfer, 0, [account; 2])
        }
        CreditEvent::Half(report) => {
            let units = report.amount.units();
            let amount = match report.half {
                Half::Out => -units,
                Half::In => units,
            };
            let holders = [
                Holder::Account(report.account),
                Holder::Transit(report.shard),
            ];
            (report.asset, PostingKind::Transfer, amount, holders)
        }
        CreditEvent::Transferred(moved) => {
            let holders = [Holder::Account(moved.from), Holder::Account(moved.to)];
            let amount = -moved.amount.units();
            (moved.asset, PostingKind::Transfer, amount, holders)
        }
    };
    let both = holders.into_iter().zip([amount, -amount]);
    both.filter(|(_, amount)| *amount != 0)
        .map(move |(holder, amount)| Posting {
            holder,
            asset,
            amount,
            kind,
        })
}
