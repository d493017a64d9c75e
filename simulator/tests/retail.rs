//! A shop's year, Online Retail II: what its lines mean, to the last piece and penny.
//!
//! Not here: made files with each kind of line (`replay::retail::plan`).

mod support;

use sanjiang_simulator::replay::retail::plan::{Counts, LINES_MAX, Plan, SELLER, Sums};

const YEAR: &str = "ecommerce/online_retail_II_2009-2010.csv.xz";

#[test]
fn every_line_of_a_year_means_what_was_published() {
    let Some(year) = support::shared(YEAR) else {
        return;
    };
    let plan = Plan::read(&year, LINES_MAX).unwrap();
    println!("{:?} {:?}", plan.counts, plan.sums);
    let counts = Counts {
        sales: 511_565,
        gifts: 31,
        stock_more: 1_566 - 31,
        stock_fewer: 2_121,
        accounts: 3,
        met_one: 7_528,
        met_several: 54,
        met_none: 2_257,
        of_nobody: 367,
        charges: 1,
    };
    assert_eq!(plan.counts, counts);
    let sums = Sums {
        sales_mills: 10_305_892_024,
        credits_mills: -629_855_370,
        accounts_mills: -136_552_020,
    };
    assert_eq!(plan.sums, sums);
    assert_eq!(plan.sums.whole_mills(), 9_539_484_634);
    assert_eq!(plan.parties[SELLER as usize].change_mills, 9_539_484_634);
    assert_eq!(plan.lines.len(), 525_461);
    assert_eq!(
        counts.met_one + counts.met_several + counts.met_none + counts.of_nobody,
        10_206
    );
    // 4,383 customers, walk-ins of 13 countries, the seller, the named account.
    let sizes = (plan.parties.len(), plan.products.len(), plan.shelves.len());
    assert_eq!(sizes, (4_398, 4_480, 17_592));
}
