//! A small made file, each kind of line, to the last piece and thousandth.

use std::io::Write as _;

use super::*;

/// Each kind of line: see the comments beside.
pub(crate) const SMALL: &str = "\
Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
1,22041,x,10,2009-12-01 08:00:00,2.125,100.0,EIRE
1,22041a,x,4,2009-12-01 08:00:00,0.5,100.0,EIRE
2,22041,x,5,2009-12-01 08:01:00,2.125,100.0,EIRE
2,22041,x,7,2009-12-01 08:01:00,2.125,,France
2,POST,x,1,2009-12-01 08:01:00,18.0,200.0,France
3,22041,x,2,2009-12-01 08:02:00,0.0,200.0,France
4,22041,x,-3,2009-12-01 08:03:00,0.0,,France
4,22041,x,8,2009-12-01 08:03:00,0.0,,France
C5,22041,x,-2,2009-12-01 08:04:00,2.125,100.0,EIRE
C5,22041,x,-11,2009-12-01 08:04:00,2.125,100.0,EIRE
C5,22041,x,-2,2009-12-01 08:04:00,2.125,100.0,EIRE
C5,22041,x,-1,2009-12-01 08:04:00,2.125,100.0,EIRE
C6,22041,x,-1,2009-12-01 08:05:00,9.999,200.0,France
C6,post,x,-1,2009-12-01 08:05:00,18.0,200.0,France
C6,D,x,-1,2009-12-01 08:05:00,1.001,200.0,France
C6,M,x,-1,2009-12-01 08:05:00,4.0,,France
C6,M,x,1,2009-12-01 08:05:00,7.5,,France
A7,B,x,1,2009-12-01 08:06:00,-5.25,,France
A7,B,x,1,2009-12-01 08:06:00,1.25,,France
8,22041,x,1,2009-12-01 08:07:00,2.125,100.0,EIRE
";

fn plan(text: &str) -> Result<Plan, ReplayError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Plan::read(file.path(), LINES_MAX)
}

#[test]
fn each_kind_of_line_is_counted_and_summed() {
    let plan = plan(SMALL).unwrap();
    let counts = Counts {
        sales: 6,
        gifts: 1,
        stock_more: 1,
        stock_fewer: 1,
        accounts: 2,
        met_one: 3,
        met_several: 1,
        met_none: 3,
        of_nobody: 2,
        charges: 1,
    };
    assert_eq!(plan.counts, counts);
    assert_eq!(
        plan.sums.sales_mills,
        21_250 + 2_000 + 10_625 + 14_875 + 18_000 + 2_125
    );
    let credits = -16 * 2_125 - 9_999 - 18_000 - 1_001 - 4_000 + 7_500;
    assert_eq!(plan.sums.credits_mills, credits);
    assert_eq!(plan.sums.accounts_mills, -4_000);
    assert_eq!(
        plan.parties[SELLER as usize].change_mills,
        plan.sums.whole_mills()
    );
    let all: i64 = plan.parties.iter().map(|party| party.change_mills).sum();
    assert_eq!(all, 0, "nothing comes from nowhere");
}

#[test]
fn returns_meet_one_sale_or_several_and_what_finds_none_is_goodwill() {
    let plan = plan(SMALL).unwrap();
    let of = |line: u32| plan.parts.get(&line).cloned().unwrap_or_default();
    let part = |line, pieces| Part { line, pieces };
    assert_eq!(of(10), [part(4, 2)], "the youngest");
    assert_eq!(of(11), [part(4, 3), part(2, 8)], "a return over two lines");
    assert_eq!(of(12), [part(2, 2)]);
    assert_eq!(of(13), [], "all is back");
    assert_eq!(of(15), [part(6, 1)], "codes are in upper case");
    let act = |line: usize| plan.lines[line - 2].act;
    assert_eq!(
        (act(13), act(14), act(16)),
        (Act::Goodwill, Act::Goodwill, Act::Goodwill)
    );
    assert_eq!((act(17), act(18)), (Act::Goodwill, Act::Charge));
    let returned = plan.lines.iter().filter(|planned| planned.returned);
    let returned: Vec<_> = returned.map(|planned| planned.line).collect();
    assert_eq!(returned, [2, 4, 6]);
}

#[test]
fn a_shelf_opens_with_the_least_that_its_lines_need() {
    let plan = plan(SMALL).unwrap();
    let shelf = |price: i64| {
        let mut all = plan.shelves.iter();
        let found = all.find(|shelf| shelf.product == 0 && shelf.price_mills == price);
        let found = found.unwrap();
        (found.opening_pieces, found.change_pieces)
    };
    assert_eq!(
        shelf(2_125),
        (22, -7),
        "22 are out before the first come back"
    );
    assert_eq!(
        shelf(0),
        (5, 3),
        "two given away and three missing before eight are found"
    );
    assert_eq!(shelf(9_999), (0, 1));
    let product = &plan.products[0];
    assert_eq!((product.opening_pieces, product.change_pieces), (27, -3));
    let post = plan.products.iter().find(|product| product.code == "POST");
    assert!(post.is_some_and(|post| !post.goods && post.opening_pieces == 0));
}

#[test]
fn buyers_are_given_all_they_pay_and_the_seller_all_it_gives_back() {
    let plan = plan(SMALL).unwrap();
    let party = |who: Who| plan.parties.iter().find(|party| party.who == who).unwrap();
    let customer = party(Who::Customer(100));
    assert_eq!(customer.opening_mills, 21_250 + 2_000 + 10_625 + 2_125);
    assert_eq!(customer.change_mills, -customer.opening_mills + 16 * 2_125);
    let walk_in = party(Who::WalkIn("France".to_owned()));
    assert_eq!(walk_in.opening_mills, 14_875 + 7_500);
    assert_eq!(party(Who::Named).opening_mills, 1_250);
    let given_back = 16 * 2_125 + 9_999 + 18_000 + 1_001 + 4_000 + 5_250;
    assert_eq!(party(Who::Seller).opening_mills, given_back);
}

#[test]
fn a_line_that_means_nothing_is_named() {
    let (head, _) = SMALL.split_once('\n').unwrap();
    for line in [
        "1,22041,x,0,2009-12-01 08:00:00,2.125,100.0,EIRE",
        "1,22041,x,-1,2009-12-01 08:00:00,2.125,100.0,EIRE",
        "1,22041,x,1,2009-12-01 08:00:00,-2.125,100.0,EIRE",
        "C1,22041,x,-1,2009-12-01 08:00:00,-2.125,100.0,EIRE",
    ] {
        let error = plan(&format!("{head}\n{line}\n")).unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
    }
}
