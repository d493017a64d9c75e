//! The uncross of a call auction: everything trades at one price, best price first, then arrival.
//!
//! Invariant: pairs of one beneficial owner are resolved before anything trades, and the price is
//! computed anew after each; an iceberg keeps its place throughout. A resolution costs a walk
//! over the pairs, so an auction costs at most (own pairs + 1) walks. Not here: when auctions
//! happen (`market::phases`), the price rule (`equilibrium`).

use super::equilibrium::{Balance, equilibrium};
use super::self_match::{cancel_resting, report_decrement};
use super::{Desk, continuous};
use crate::book::Book;
use crate::book::arena::{Arena, Kind};
use crate::book::depth;
use crate::event::{Cause, Event, ExecType, Uncrossed};
use crate::market::{Market, Setting};
use crate::types::{Price, Quantity, SelfTradePrevention, Side};

/// Two orders that would trade in an auction.
#[derive(Clone, Copy)]
struct Pair {
    buy: u32,
    sell: u32,
    quantity: Quantity,
}

/// Uncrosses one book.
pub(crate) fn uncross(market: &mut Market, desk: &mut Desk<'_>, setting: &Setting) {
    let balance = loop {
        let balance = equilibrium(&market.book, &mut desk.scratch.points);
        let pair = balance.and_then(|balance| first_own_pair(&market.book, desk.arena, balance));
        let Some(pair) = pair else {
            break balance;
        };
        resolve(&mut market.book, desk, pair);
    };
    if let Some(balance) = balance {
        trade_all(&mut market.book, desk, balance);
    }
    let price = balance.map(|balance| balance.price);
    desk.events.push(Event::Uncrossed(Uncrossed {
        instrument: setting.instrument,
        price,
        volume: balance.map_or(0, |balance| balance.volume),
        imbalance: balance.map_or(0, |balance| balance.imbalance),
    }));
    settle_unpriced(market, desk, price);
    market.last_trade = price.or(market.last_trade);
    market.published = None;
}

/// The row after `slot` in the priority of its side.
fn next_row(book: &Book, arena: &Arena, slot: u32) -> Option<u32> {
    let row = arena.row(slot);
    if row.next != crate::book::arena::NIL {
        return Some(row.next);
    }
    let ladder = book.side(row.flags.side());
    let price = ladder.next_worse(row.price)?;
    ladder.level(price).map(|level| level.head)
}

/// The first row of a side.
fn first_row(book: &Book, side: Side) -> u32 {
    let ladder = book.side(side);
    let level = ladder.best().and_then(|price| ladder.level(price));
    level.expect("a side that trades has orders").head
}

/// The first pair of one owner that must not trade.
fn first_own_pair(book: &Book, arena: &Arena, balance: Balance) -> Option<Pair> {
    let mut left = balance.volume;
    let (mut buy, mut sell) = (first_row(book, Side::Buy), first_row(book, Side::Sell));
    let (mut buys, mut sells) = (arena.row(buy).leaves, arena.row(sell).leaves);
    loop {
        let quantity = buys.min(sells);
        let newer = newer_of(arena, buy, sell);
        let mode = arena.row(newer).flags.prevention();
        let own = arena.row(buy).same_owner(arena.row(sell));
        if own && mode != SelfTradePrevention::None {
            return Some(Pair {
                buy,
                sell,
                quantity,
            });
        }
        left -= quantity.lots();
        if left <= 0 {
            return None;
        }
        (buys, sells) = (buys.minus(quantity), sells.minus(quantity));
        if buys.is_zero() {
            buy = next_row(book, arena, buy).expect("the volume is not used up");
            buys = arena.row(buy).leaves;
        }
        if sells.is_zero() {
            sell = next_row(book, arena, sell).expect("the volume is not used up");
            sells = arena.row(sell).leaves;
        }
    }
}

fn newer_of(arena: &Arena, buy: u32, sell: u32) -> u32 {
    if arena.row(buy).sequence > arena.row(sell).sequence {
        buy
    } else {
        sell
    }
}

fn resolve(book: &mut Book, desk: &mut Desk<'_>, pair: Pair) {
    let newer = newer_of(desk.arena, pair.buy, pair.sell);
    let older = if newer == pair.buy {
        pair.sell
    } else {
        pair.buy
    };
    match desk.arena.row(newer).flags.prevention() {
        SelfTradePrevention::None => unreachable!("such a pair trades"),
        SelfTradePrevention::CancelTaker => cancel_resting(book, desk, newer),
        SelfTradePrevention::CancelMaker => cancel_resting(book, desk, older),
        SelfTradePrevention::CancelBoth => {
            cancel_resting(book, desk, older);
            cancel_resting(book, desk, newer);
        }
        SelfTradePrevention::Decrement => {
            let before = [newer, older].map(|slot| desk.shown(slot));
            for slot in [newer, older] {
                desk.reduce_in_place(book, slot, pair.quantity);
                let row = desk.arena.row_mut(slot);
                row.order_quantity = row.order_quantity.minus(pair.quantity);
                desk.shrunk(slot, pair.quantity);
                report_decrement(desk, slot);
            }
            desk.settle_in_place(book, newer, before[0]);
            desk.settle_in_place(book, older, before[1]);
        }
    }
}

fn trade_all(book: &mut Book, desk: &mut Desk<'_>, balance: Balance) {
    let mut left = balance.volume;
    while left > 0 {
        let sides = [first_row(book, Side::Buy), first_row(book, Side::Sell)];
        let [buys, sells] = sides.map(|slot| desk.arena.row(slot).leaves);
        let quantity = buys.min(sells);
        left -= quantity.lots();
        assert!(left >= 0, "the pairs sum to the volume");
        let before = sides.map(|slot| desk.shown(slot));
        for slot in sides {
            desk.reduce_in_place(book, slot, quantity);
        }
        desk.trade(balance.price, quantity, None, sides);
        desk.settle_in_place(book, sides[0], before[0]);
        desk.settle_in_place(book, sides[1], before[1]);
    }
}

/// After an auction, what came without a limit is cancelled or takes the auction's price.
fn settle_unpriced(market: &mut Market, desk: &mut Desk<'_>, price: Option<Price>) {
    let mut orders = std::mem::take(&mut desk.scratch.orders);
    orders.clear();
    for side in [Side::Buy, Side::Sell] {
        let rows = depth::rows(&market.book, desk.arena, side);
        let unpriced = rows.filter(|slot| {
            let kind = desk.arena.row(*slot).flags.kind();
            matches!(kind, Kind::Market | Kind::MarketToLimit)
        });
        orders.extend(unpriced.map(|slot| (desk.arena.row(slot).sequence, slot)));
    }
    orders.sort_unstable();
    for (_, slot) in orders.drain(..) {
        settle_one(market, desk, slot, price);
    }
    desk.scratch.orders = orders;
}

/// An order that traded and accepts the auction's price stands at it, as every better one has
/// filled. One that traded before, as a maker, may not accept it: its protection holds.
fn settle_one(market: &mut Market, desk: &mut Desk<'_>, slot: u32, price: Option<Price>) {
    let row = desk.arena.row(slot);
    let traded = row.flags.kind() == Kind::MarketToLimit && !row.cumulative().is_zero();
    let accepts = |price: &Price| traded && row.flags.side().accepts(row.price, *price);
    let Some(price) = price.filter(accepts) else {
        market.withdraw(desk, slot, ExecType::Canceled, Cause::Unfilled);
        return;
    };
    assert!(
        row.price == price,
        "what is left stands at the auction's price"
    );
    let shown = desk.shown(slot);
    market.book.remove(desk.arena, slot);
    let row = desk.arena.row_mut(slot);
    row.flags.set_kind(Kind::Limit);
    desk.report(slot, ExecType::Restated, Cause::PriceSet);
    desk.show_delete(slot, shown);
    continuous::join(market, desk, slot);
}
