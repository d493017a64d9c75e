//! The price of a call auction by the Shanghai rule (SSE trading rules 3.5.2).
//!
//! Invariant: the volume is the largest; every order priced better than the price can fill and one
//! side at the price fills completely; the surplus is the least; of several prices the middle one,
//! rounded half up. Only the crossed prices are looked at: elsewhere one side is empty. Not here:
//! who trades with whom (`auction`).

use crate::book::Book;
use crate::book::depth;
use crate::types::{Price, Side};

/// What is asked and offered at one price.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    price: i64,
    buys: i64,
    sells: i64,
}

/// What an auction would give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Balance {
    /// The one price.
    pub(crate) price: Price,
    /// What trades, in lots.
    pub(crate) volume: i64,
    /// Demand minus supply at the price, in lots.
    pub(crate) imbalance: i64,
}

/// The price, or nothing when no orders cross. `points` is only room to work in.
pub(crate) fn equilibrium(book: &Book, points: &mut Vec<Point>) -> Option<Balance> {
    if !book.is_crossed() {
        return None;
    }
    collect(book, points);
    let demand: i64 = points.iter().map(|point| point.buys).sum();
    let largest = curve(points, demand)
        .map(|(demand, supply, _)| demand.min(supply))
        .max()?;
    let mut least = i64::MAX;
    let mut range = None;
    for (demand, supply, point) in curve(points, demand) {
        let fills = demand - point.buys <= largest && supply - point.sells <= largest;
        let surplus = (demand - supply).abs();
        if demand.min(supply) < largest || !fills || surplus > least {
            continue;
        }
        range = match range {
            Some((low, _)) if surplus == least => Some((low, point.price)),
            _ => Some((point.price, point.price)),
        };
        least = surplus;
    }
    let (low, high) = range?;
    let price = (low + high + 1).div_euclid(2);
    let demand: i64 = points
        .iter()
        .map(|p| if p.price >= price { p.buys } else { 0 })
        .sum();
    let supply: i64 = points
        .iter()
        .map(|p| if p.price <= price { p.sells } else { 0 })
        .sum();
    Some(Balance {
        price: Price::new(price).expect("it lies between two prices"),
        volume: largest,
        imbalance: demand - supply,
    })
}

/// Demand and supply at each crossed price, rising.
fn curve(points: &[Point], demand: i64) -> impl Iterator<Item = (i64, i64, &Point)> {
    let (mut demand, mut supply) = (demand, 0);
    points.iter().map(move |point| {
        supply += point.sells;
        let here = (demand, supply, point);
        demand -= point.buys;
        here
    })
}

/// The crossed prices, rising, each once.
fn collect(book: &Book, points: &mut Vec<Point>) {
    points.clear();
    let (buys, sells) = (book.side(Side::Buy), book.side(Side::Sell));
    let (bid, ask) = (buys.best(), sells.best());
    for (price, level) in depth::levels(buys).take_while(|(price, _)| Some(*price) >= ask) {
        points.push(Point {
            price: price.ticks(),
            buys: level.total,
            sells: 0,
        });
    }
    for (price, level) in depth::levels(sells).take_while(|(price, _)| Some(*price) <= bid) {
        points.push(Point {
            price: price.ticks(),
            buys: 0,
            sells: level.total,
        });
    }
    points.sort_unstable_by_key(|point| point.price);
    points.dedup_by(|later, earlier| {
        let same = later.price == earlier.price;
        if same {
            earlier.buys += later.buys;
            earlier.sells += later.sells;
        }
        same
    });
}
