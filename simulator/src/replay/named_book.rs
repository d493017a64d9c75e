//! LOBSTER's rule: how a file that knows only the best levels of a book is replayed.
//!
//! Invariant: after each message the book holds at most the levels of the file, and nothing is
//! taken from a row but levels that come into view at its end; those are counted. Not here: the
//! exchange (`lobster` sends it the moves that this book makes).

use crate::formats::{
    lobster::{Kind, Level, Message, Row},
    sse::Side,
};

use super::queue_book::{QueueBook, Resting, opposite};

/// How executions are applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Executions {
    /// To the order that the message names.
    Named,
    /// As an incoming order of the other side, matched by price and time.
    Matched,
}

/// What a message means for an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// A new limit order.
    Add {
        /// Its name.
        name: u64,
        /// Its side.
        side: Side,
        /// Its limit.
        price: i64,
        /// Its size.
        size: i64,
    },
    /// An incoming order that trades at once or goes.
    Take {
        /// Its name.
        name: u64,
        /// Its side.
        side: Side,
        /// Its limit.
        price: i64,
        /// Its size.
        size: i64,
    },
    /// What is left of an order is cancelled.
    Cancel {
        /// Its name.
        name: u64,
    },
    /// An order is made smaller.
    Shrink {
        /// Its name.
        name: u64,
        /// Its whole size from now on, what has traded included.
        whole: i64,
    },
}

/// The book of a LOBSTER file.
#[derive(Debug)]
pub struct NamedBook {
    book: QueueBook,
    executions: Executions,
    depth: usize,
    /// Levels that were taken from rows.
    pub revealed: u64,
    /// Messages about orders that are not in the book.
    pub unknown: u64,
}

impl NamedBook {
    /// The book of the first row, and the moves that make it.
    pub fn seed(row: &Row, executions: Executions) -> (Self, Vec<Move>) {
        let mut named = Self {
            book: QueueBook::default(),
            executions,
            depth: row.depth,
            revealed: 0,
            unknown: 0,
        };
        let mut moves = Vec::new();
        named.fill(row, &mut moves);
        named.revealed = 0;
        (named, moves)
    }

    /// Applies a message and its row; the moves are appended.
    pub fn apply(&mut self, message: &Message, row: &Row, moves: &mut Vec<Move>) {
        match message.kind {
            Kind::Add => self.add(message, moves),
            Kind::PartialCancel | Kind::Delete => self.reduce(message, moves),
            Kind::Execute if self.executions == Executions::Named => self.reduce(message, moves),
            Kind::Execute => self.execute(message, moves),
            Kind::ExecuteHidden | Kind::Cross | Kind::Halt => {}
        }
        for side in [Side::Buy, Side::Sell] {
            for name in self.book.behind(side, self.depth) {
                self.book.remove(name);
                moves.push(Move::Cancel { name });
            }
        }
        self.fill(row, moves);
    }

    /// Whether the book is that of the row.
    pub fn equals(&self, row: &Row) -> bool {
        self.top(Side::Buy) == row.bids && self.top(Side::Sell) == row.asks
    }

    /// The levels of a side, best first.
    pub fn top(&self, side: Side) -> Vec<Level> {
        self.book.top(side, self.depth)
    }

    fn add(&mut self, message: &Message, moves: &mut Vec<Move>) {
        let (side, price, size) = (message.side, message.price, message.size);
        let name = self.book.new_name();
        moves.push(Move::Add {
            name,
            side,
            price,
            size,
        });
        let left = match self.executions {
            Executions::Named => size,
            Executions::Matched => self.book.take(side, price, size),
        };
        if left > 0 {
            let order = Resting {
                id: Some(message.order_id),
                side,
                price,
                left,
                whole: size,
            };
            self.book.rest(name, order);
        }
    }

    fn reduce(&mut self, message: &Message, moves: &mut Vec<Move>) {
        let found = self
            .book
            .find(message.order_id, message.side, message.price);
        let reduced = found.and_then(|name| Some((name, self.book.reduce(name, message.size)?)));
        match reduced {
            None => self.unknown += 1,
            Some((name, order)) if order.left == 0 => moves.push(Move::Cancel { name }),
            Some((name, order)) => moves.push(Move::Shrink {
                name,
                whole: order.whole,
            }),
        }
    }

    fn execute(&mut self, message: &Message, moves: &mut Vec<Move>) {
        let (side, price, size) = (opposite(message.side), message.price, message.size);
        let name = self.book.new_name();
        moves.push(Move::Take {
            name,
            side,
            price,
            size,
        });
        if self.book.take(side, price, size) > 0 {
            self.unknown += 1;
        }
    }

    /// Takes levels from the end of a row that came into view.
    fn fill(&mut self, row: &Row, moves: &mut Vec<Move>) {
        for (side, levels) in [(Side::Buy, &row.bids), (Side::Sell, &row.asks)] {
            let held = self.top(side);
            let worst = held.last().map(|level| level.0);
            for (price, size) in levels.iter().skip(held.len()).copied() {
                let in_view = worst.is_none_or(|worst| match side {
                    Side::Buy => price < worst,
                    Side::Sell => price > worst,
                });
                if !in_view || self.book.has_level(side, price) {
                    continue;
                }
                let name = self.book.new_name();
                let order = Resting {
                    id: None,
                    side,
                    price,
                    left: size,
                    whole: size,
                };
                self.book.rest(name, order);
                self.revealed += 1;
                moves.push(Move::Add {
                    name,
                    side,
                    price,
                    size,
                });
            }
        }
    }
}

/// What a replay by order name found.
#[derive(Clone, Default, Debug)]
pub struct Named {
    /// Rows compared.
    pub rows: u64,
    /// Rows that differ.
    pub different: u64,
    /// The first of them, counted from 0 as the file's lines.
    pub first_different: Option<u64>,
    /// Levels that were taken from rows.
    pub revealed: u64,
    /// Messages about orders that are not in the book.
    pub unknown: u64,
}

/// Replays a file inside this process and compares each row.
pub fn compare(
    path: &std::path::Path,
    executions: Executions,
) -> Result<Named, crate::formats::FormatError> {
    let mut named: Option<NamedBook> = None;
    let mut found = Named::default();
    let mut moves = Vec::new();
    crate::formats::lobster::read(path, |message, row| {
        let Some(book) = &mut named else {
            named = Some(NamedBook::seed(row, executions).0);
            return crate::formats::Next::More;
        };
        moves.clear();
        book.apply(message, row, &mut moves);
        found.rows += 1;
        if !book.equals(row) {
            found.different += 1;
            found.first_different.get_or_insert(found.rows);
        }
        crate::formats::Next::More
    })?;
    if let Some(book) = named {
        found.revealed = book.revealed;
        found.unknown = book.unknown;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(asks: &[Level], bids: &[Level]) -> Row {
        Row {
            asks: asks.to_vec(),
            bids: bids.to_vec(),
            depth: 2,
        }
    }

    fn message(kind: Kind, order_id: u64, size: i64, price: i64, side: Side) -> Message {
        Message {
            time_ns: 0,
            kind,
            order_id,
            size,
            price,
            side,
        }
    }

    #[test]
    fn what_leaves_the_view_is_forgotten_and_what_enters_is_taken_from_the_row() {
        let first = row(&[(101, 5), (102, 6)], &[(99, 5), (98, 6)]);
        let (mut book, moves) = NamedBook::seed(&first, Executions::Named);
        assert_eq!(moves.len(), 4);
        let mut moves = Vec::new();
        let second = row(&[(100, 3), (101, 5)], &[(99, 5), (98, 6)]);
        book.apply(
            &message(Kind::Add, 7, 3, 100, Side::Sell),
            &second,
            &mut moves,
        );
        assert!(book.equals(&second));
        assert_eq!(moves.len(), 2, "an order joins, a level leaves: {moves:?}");
        moves.clear();
        let third = row(&[(101, 5), (102, 9)], &[(99, 5), (98, 6)]);
        book.apply(
            &message(Kind::Execute, 7, 3, 100, Side::Sell),
            &third,
            &mut moves,
        );
        assert!(book.equals(&third));
        assert_eq!(book.revealed, 1);
        moves.clear();
        book.apply(
            &message(Kind::Delete, 55, 5, 101, Side::Sell),
            &third,
            &mut moves,
        );
        assert!(
            !book.equals(&third),
            "a row is never copied where a level is held"
        );
    }

    #[test]
    fn a_matched_execution_takes_first_come_first() {
        let first = row(&[(101, 5)], &[(99, 5)]);
        let (mut book, _) = NamedBook::seed(&first, Executions::Matched);
        let mut moves = Vec::new();
        let joined = row(&[(101, 9)], &[(99, 5)]);
        book.apply(
            &message(Kind::Add, 8, 4, 101, Side::Sell),
            &joined,
            &mut moves,
        );
        moves.clear();
        let taken = row(&[(101, 5)], &[(99, 5)]);
        book.apply(
            &message(Kind::Execute, 8, 4, 101, Side::Sell),
            &taken,
            &mut moves,
        );
        assert!(book.equals(&taken));
        assert!(
            matches!(
                moves.as_slice(),
                [Move::Take {
                    side: Side::Buy,
                    size: 4,
                    ..
                }]
            ),
            "{moves:?}"
        );
        let name = book.book.by_id(8);
        assert_eq!(
            name.and_then(|name| book.book.order(name)).map(|o| o.left),
            Some(4)
        );
    }
}
