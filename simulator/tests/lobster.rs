//! A whole NASDAQ day: every row by order name, 99 of 100 when really matched.
//!
//! Not here: the path through a gateway (`end_to_end`).

mod support;

use sanjiang_simulator::replay::named_book::{Executions, compare};

const DAY: &str = "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip";

#[test]
fn every_row_of_a_day_agrees_by_order_name() {
    let Some(day) = support::shared(DAY) else {
        return;
    };
    let found = compare(&day, Executions::Named).unwrap();
    println!(
        "LOBSTER by name: {} of {} rows different, {} levels revealed",
        found.different, found.rows, found.revealed
    );
    assert_eq!((found.rows, found.different), (155_934, 0));
}

#[test]
fn ninety_nine_of_a_hundred_rows_agree_by_price_and_time() {
    let Some(day) = support::shared(DAY) else {
        return;
    };
    let found = compare(&day, Executions::Matched).unwrap();
    println!(
        "LOBSTER by price and time: {} of {} rows different, first {:?}",
        found.different, found.rows, found.first_different
    );
    assert_eq!(found.rows, 155_934);
    assert!(found.different * 100 <= found.rows, "{found:?}");
    assert!(found.first_different.is_some_and(|row| row > 150_000));
}
