//! What an event moved, posting by posting: for history, statements and reconciliation.
//!
//! Invariant: told by the event and the instrument's assets alone, without the ledger, so what the
//! ledger has can be compared with their sum; the postings of an event and an asset sum to zero.
//! Not here: holds, which move nothing from one holder to another.

use super::{Cleared, Holder};
use crate::command::{Direction, Half};
use crate::event::{CreditEvent, CustodyReport, CustodyStatus, Trade};
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
    /// What an account drew of its credit.
    Draw,
    /// What it repaid.
    Repayment,
    /// A transfer, between shards or inside one.
    Transfer,
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
