//! What the exchange says at the end, beside what the first pass says.
//!
//! Invariant: every row is a number of the first pass, which knows no exchange, and the same number
//! out of the exchange's answers or lists; nobody may trade meanwhile. Not here: single answers
//! (`tally`).

use std::collections::{BTreeMap, HashMap};

use proto::v1::{
    ContractState, GetBalancesRequest, HolderKind, ListContractsRequest, ListOffersRequest,
    ListPostingsRequest, PostingKind,
};
use tonic::Status;

use super::{
    acts::Clerk,
    plan::{Act, NAMED, Plan, SELLER},
    shop::pounds,
    tally::{Done, mills, whole},
};
use crate::{
    report::Summary,
    setup::{
        SetupError, account_id,
        money::{list_balances, list_positions},
    },
};

/// Rows of one page: the contract's bound.
const PAGE: u32 = 1_000;

/// Compares all there is, row by row.
pub async fn compare(clerk: &Clerk, summary: &mut Summary) -> Result<(), SetupError> {
    let done = clerk.tally.kept().done;
    count_answers(&clerk.plan, &done, summary);
    count_contracts(clerk, summary).await?;
    count_money(clerk, summary).await?;
    count_statement(clerk, summary).await?;
    count_pieces(clerk, summary).await?;
    count_offers(clerk, summary).await
}

fn call(what: &str) -> impl Fn(Status) -> SetupError {
    move |status| SetupError::Call {
        what: what.to_owned(),
        status,
    }
}

/// What lines of one kind are worth together.
fn worth(plan: &Plan, wanted: impl Fn(Act) -> bool) -> i64 {
    let lines = plan.lines.iter().filter(|planned| wanted(planned.act));
    lines.map(|planned| plan.value_mills(planned)).sum()
}

fn count_answers(plan: &Plan, done: &Done, summary: &mut Summary) {
    let counts = &plan.counts;
    let stock = counts.stock_more + counts.stock_fewer;
    let goodwill = counts.met_none + counts.of_nobody - counts.charges;
    for (what, expected, actual) in [
        ("lines: priced sales", counts.sales, done.sales),
        ("lines: gifts", counts.gifts, done.gifts),
        ("lines: stock counted", stock, done.stock),
        ("lines: returns of one sale", counts.met_one, done.met_one),
        (
            "lines: returns of several",
            counts.met_several,
            done.met_several,
        ),
        ("lines: goodwill refunds", goodwill, done.goodwill),
        ("lines: charges", counts.charges, done.charges),
        ("lines: accounts adjusted", counts.accounts, done.accounts),
    ] {
        summary.check(what, &expected, &actual);
    }
    let sales = plan.sums.sales_mills;
    let returned = -worth(plan, |act| act == Act::Return);
    let rest = plan.sums.whole_mills() - sales + returned;
    for (what, expected, actual) in [
        ("pounds: contracts formed", sales, done.formed_mills),
        ("pounds: paid by contracts", sales, done.paid_mills),
        (
            "pounds: returned by contracts",
            returned,
            done.returned_mills,
        ),
        ("pounds: compensated", rest, done.compensated_mills),
    ] {
        summary.check(what, &pounds(expected), &pounds(actual));
    }
}

/// Sale lines of which every piece came back.
fn refunded(plan: &Plan) -> u64 {
    let mut back = HashMap::<u32, u32>::new();
    for part in plan.parts.values().flatten() {
        *back.entry(part.line).or_default() += part.pieces;
    }
    let whole = plan.lines.iter().filter(|planned| {
        let back = back.get(&planned.line).copied().unwrap_or_default();
        planned.returned && back == planned.pieces.unsigned_abs()
    });
    whole.count() as u64
}

async fn count_contracts(clerk: &Clerk, summary: &mut Summary) -> Result<(), SetupError> {
    let (connection, plan) = (clerk.shop.operator.connection(), &clerk.plan);
    let (mut contracts, mut gifts, mut amount, mut held) = (0, 0, 0, 0);
    let mut states = BTreeMap::<ContractState, u64>::new();
    let mut page_token = String::new();
    loop {
        let request = ListContractsRequest {
            account_id: account_id(&clerk.shop.run, SELLER),
            live_only: false,
            page_size: PAGE,
            page_token,
        };
        let page = connection
            .persist(|| {
                let (mut client, request) = (connection.contracts(), request.clone());
                async move { client.list_contracts(request).await }
            })
            .await
            .map_err(call("listing contracts"))?;
        for contract in &page.contracts {
            contracts += 1;
            gifts += u64::from(mills(&contract.price) == Some(0));
            amount += mills(&contract.amount).unwrap_or_default();
            held += mills(&contract.money_held).unwrap_or_default();
            *states.entry(contract.state()).or_default() += 1;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let (all, refunded) = (plan.counts.sales + plan.counts.gifts, refunded(plan));
    let state = |state| states.get(&state).copied().unwrap_or_default();
    summary.check("listed: contracts", &all, &contracts);
    summary.check("listed: gifts among them", &plan.counts.gifts, &gifts);
    let (given_back, performed) = (ContractState::Refunded, ContractState::Performed);
    summary.check("listed: given back whole", &refunded, &state(given_back));
    summary.check("listed: performed", &(all - refunded), &state(performed));
    let sales = plan.sums.sales_mills;
    summary.check("listed: pounds", &pounds(sales), &pounds(amount));
    summary.check("listed: pounds held", &pounds(0), &pounds(held));
    Ok(())
}

/// Everybody's money; one is named where many are wrong.
async fn count_money(clerk: &Clerk, summary: &mut Summary) -> Result<(), SetupError> {
    let (run, plan) = (&clerk.shop.run, &clerk.plan);
    let money = &clerk.shop.treasury.money;
    let parties = (0..).zip(&plan.parties);
    let due: HashMap<String, (u32, i64)> = parties
        .map(|(index, party)| {
            let end = party.opening_mills + party.change_mills;
            (account_id(run, index), (index, end))
        })
        .collect();
    // The seller has thousands of kinds of goods: money is the first position it came to have, so
    // it is read by pages below.
    let others = due.keys().filter(|id| **id != account_id(run, SELLER));
    let connection = clerk.shop.operator.connection();
    let mut has = list_balances(connection, others.cloned()).await?;
    for balance in seller_balances(clerk).await? {
        if balance.asset_id == *money {
            let response = proto::v1::GetBalancesResponse {
                balances: vec![balance],
                ..Default::default()
            };
            has.push((account_id(run, SELLER), response));
        }
    }
    let (mut right, mut all) = (0, 0);
    let mut ends = BTreeMap::new();
    for (id, response) in has {
        let mine = response.balances.iter().find(|one| one.asset_id == *money);
        let available = mine.map_or(Some(0), |one| mills(&one.available));
        let told = mine.map_or(Some(0), |one| mills(&one.balance));
        let Some((index, end)) = due.get(&id) else {
            continue;
        };
        all += told.unwrap_or_default();
        ends.insert(*index, told.unwrap_or_default());
        if told == Some(*end) && available == told {
            right += 1;
        } else {
            let told = told.map(pounds);
            summary.mismatch(|| format!("{id}: expected {}, it has {told:?}", pounds(*end)));
        }
    }
    summary.check(
        "accounts with the right pounds",
        &plan.parties.len(),
        &right,
    );
    let opening: i64 = plan.parties.iter().map(|party| party.opening_mills).sum();
    summary.check(
        "pounds: all accounts together",
        &pounds(opening),
        &pounds(all),
    );
    for (what, index) in [("the seller", SELLER), ("the named account", NAMED)] {
        let party = &plan.parties[index as usize];
        let end = ends.get(&index).copied().unwrap_or_default();
        let (expected, actual) = (party.change_mills, end - party.opening_mills);
        let what = format!("pounds: change of {what}");
        summary.check(&what, &pounds(expected), &pounds(actual));
    }
    Ok(())
}

async fn seller_balances(clerk: &Clerk) -> Result<Vec<proto::v1::Balance>, SetupError> {
    let connection = clerk.shop.operator.connection();
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = GetBalancesRequest {
            account_id: account_id(&clerk.shop.run, SELLER),
            page_size: PAGE,
            page_token,
        };
        let page = connection
            .persist(|| {
                let (mut client, request) = (connection.accounts(), request.clone());
                async move { client.get_balances(request).await }
            })
            .await
            .map_err(call("reading the seller's balances"))?;
        all.extend(page.balances);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// The seller's statement in pounds, added up by kind.
async fn count_statement(clerk: &Clerk, summary: &mut Summary) -> Result<(), SetupError> {
    let (connection, plan) = (clerk.shop.operator.connection(), &clerk.plan);
    let mut sums = BTreeMap::<PostingKind, i64>::new();
    let mut page_token = String::new();
    loop {
        let request = ListPostingsRequest {
            account_id: account_id(&clerk.shop.run, SELLER),
            asset_id: clerk.shop.treasury.money.clone(),
            page_size: PAGE,
            page_token,
            ..ListPostingsRequest::default()
        };
        let page = connection
            .persist(|| {
                let (mut client, request) = (connection.accounts(), request.clone());
                async move { client.list_postings(request).await }
            })
            .await
            .map_err(call("reading the seller's statement"))?;
        for posting in &page.postings {
            let amount = mills(&posting.amount).unwrap_or_default();
            *sums.entry(posting.kind()).or_default() += amount;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let of = |kind| sums.get(&kind).copied().unwrap_or_default();
    let contracts = plan.sums.sales_mills + worth(plan, |act| act == Act::Return);
    let rest = plan.sums.whole_mills() - contracts;
    let opening = plan.parties[SELLER as usize].opening_mills;
    for (what, expected, kind) in [
        ("statement: pounds put in", opening, PostingKind::Deposit),
        (
            "statement: pounds of contracts",
            contracts,
            PostingKind::ContractMoney,
        ),
        ("statement: pounds compensated", rest, PostingKind::Transfer),
    ] {
        summary.check(what, &pounds(expected), &pounds(of(kind)));
    }
    let all: i64 = sums.values().sum();
    let expected = opening + plan.sums.whole_mills();
    summary.check(
        "statement: pounds at the end",
        &pounds(expected),
        &pounds(all),
    );
    Ok(())
}

/// Pieces of each code: what the warehouse keeps, and what the seller has, all of it on offer.
async fn count_pieces(clerk: &Clerk, summary: &mut Summary) -> Result<(), SetupError> {
    let (shop, plan) = (&clerk.shop, &clerk.plan);
    let mut kept = HashMap::<String, i64>::new();
    for position in list_positions(shop.operator.connection()).await? {
        let warehouse = position.holder_kind() == HolderKind::Custodian
            && position.holder_id == shop.treasury.warehouse();
        if warehouse && let Some(pieces) = whole(&position.available) {
            kept.insert(position.asset_id, -pieces);
        }
    }
    let mut held = HashMap::<String, i64>::new();
    for balance in seller_balances(clerk).await? {
        if whole(&balance.available) == Some(0)
            && let Some(pieces) = whole(&balance.held)
        {
            held.insert(balance.asset_id, pieces);
        }
    }
    let (mut right, mut expected, mut actual) = (0, 0, 0);
    for (product, goods) in plan.products.iter().zip(&shop.goods) {
        let end = product.opening_pieces + product.change_pieces;
        let of = |all: &HashMap<String, i64>| all.get(goods).copied().unwrap_or_default();
        let pieces = (of(&kept), of(&held));
        expected += product.change_pieces;
        actual += pieces.0 - product.opening_pieces;
        if pieces == (end, end) {
            right += 1;
        } else {
            let code = &product.code;
            summary.mismatch(|| format!("{code}: expected {end} pieces, got {pieces:?}"));
        }
    }
    summary.check("codes with the right pieces", &plan.products.len(), &right);
    summary.check("pieces: change of all codes", &expected, &actual);
    Ok(())
}

async fn count_offers(clerk: &Clerk, summary: &mut Summary) -> Result<(), SetupError> {
    let (shop, plan) = (&clerk.shop, &clerk.plan);
    let connection = shop.operator.connection();
    let mut left = HashMap::<String, (u32, Option<i64>)>::new();
    let mut page_token = String::new();
    loop {
        let request = ListOffersRequest {
            seller_account_id: account_id(&shop.run, SELLER),
            page_size: PAGE,
            page_token,
            ..ListOffersRequest::default()
        };
        let page = connection
            .persist(|| {
                let (mut client, request) = (connection.sales(), request.clone());
                async move { client.list_offers(request).await }
            })
            .await
            .map_err(call("listing offers"))?;
        for offer in page.offers {
            let prices = offer.prices.unwrap_or_default();
            let price = prices.tiers.first().and_then(|tier| mills(&tier.price));
            left.insert(offer.offer_id, (offer.left_pieces, price));
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let (mut right, mut offers) = (0, 0);
    for (index, shelf) in plan.offers() {
        let offer = &shop.offers[index];
        offers += 1;
        let goods = plan.products[shelf.product as usize].goods;
        let end = shelf.opening_pieces + shelf.change_pieces;
        match left.get(offer) {
            Some((pieces, price))
                if *price == Some(shelf.price_mills) && (!goods || i64::from(*pieces) == end) =>
            {
                right += 1;
            }
            told => summary.mismatch(|| format!("offer {offer}: expected {end}, got {told:?}")),
        }
    }
    summary.check("offers with the right pieces", &offers, &right);
    summary.check("offers", &offers, &left.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::retail::{matching::Part, plan::Planned};

    fn sale(line: u32, pieces: i32) -> Planned {
        Planned {
            line,
            act: Act::Sale,
            returned: true,
            shelf: 0,
            party: 2,
            pieces,
            time_s: 0,
        }
    }

    #[test]
    fn a_sale_is_given_back_whole_by_the_last_of_its_parts() {
        let part = |line, pieces| Part { line, pieces };
        let plan = Plan {
            lines: vec![sale(2, 5), sale(3, 5)],
            parts: [(4, vec![part(3, 3), part(2, 4)]), (5, vec![part(3, 2)])].into(),
            ..Plan::default()
        };
        assert_eq!(refunded(&plan), 1);
    }

    #[test]
    fn a_line_that_was_never_done_differs() {
        let mut plan = Plan::default();
        plan.counts.sales = 2;
        plan.sums.sales_mills = 2_000;
        let mut done = Done {
            sales: 2,
            formed_mills: 2_000,
            paid_mills: 2_000,
            ..Done::default()
        };
        let mut summary = Summary::default();
        count_answers(&plan, &done, &mut summary);
        assert_eq!((summary.mismatches, summary.checks.len()), (0, 12));
        (done.sales, done.paid_mills) = (1, 1_999);
        count_answers(&plan, &done, &mut summary);
        assert_eq!(summary.mismatches, 2);
    }
}
