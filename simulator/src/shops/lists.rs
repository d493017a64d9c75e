//! What the lists say of offers, discounts and contracts, page by page.
//!
//! Invariant: a list is compared with what the stream told before it was read; it may know more,
//! never less or otherwise. Not here: the stream itself (`audit`).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use proto::v1::{
    Contract, ContractReport, Discount, GetAnnualUseRequest, GetAnnualUseResponse,
    GetDiscountRequest, GetGuaranteeRequest, GetOfferRequest, GetVenueRequest, Guarantee,
    ListContractStepsRequest, ListContractsRequest, ListDiscountsRequest, ListOffersRequest,
    ListOwingRequest, ListOwingResponse, Offer, discount::Off,
};
use tonic::{Code, Status};

use super::{
    amount,
    audit::Found,
    baskets::is_over,
    found::{SELLER, Shops},
    ledger::Made,
    now_ns,
};
use crate::{client::connect::Connection, crash::memory::Faults};

/// Rows of a page.
const PAGE: u32 = 500;
/// How long a deadline that is due may take to fire.
pub const LATE: Duration = Duration::from_secs(60);
/// How often it is looked for.
pub const LOOK: Duration = Duration::from_millis(50);

/// An offer as it stands, and at which place of the history; none if it has ended.
pub async fn offer(connection: &Connection, id: &str) -> Result<Option<(Offer, u64)>, Status> {
    let request = GetOfferRequest {
        offer_id: id.to_owned(),
    };
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.get_offer(request).await }
        })
        .await;
    match answer {
        Ok(answer) => Ok(answer.offer.map(|offer| (offer, answer.engine_sequence))),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

/// A discount as it stands, and at which place of the history; none if it has ended.
pub async fn discount(
    connection: &Connection,
    id: &str,
) -> Result<Option<(Discount, u64)>, Status> {
    let request = GetDiscountRequest {
        discount_id: id.to_owned(),
    };
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.get_discount(request).await }
        })
        .await;
    match answer {
        Ok(answer) => {
            let sequence = answer.engine_sequence;
            Ok(answer.discount.map(|discount| (discount, sequence)))
        }
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}

/// The seller's guarantee as it stands.
pub async fn guarantee(connection: &Connection, shops: &Shops) -> Result<Guarantee, Status> {
    let request = GetGuaranteeRequest {
        venue_id: shops.venue.clone(),
        account_id: shops.account(SELLER),
        money_asset_id: shops.money.clone(),
    };
    connection
        .persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.get_guarantee(request).await }
        })
        .await
}

/// What an owner used of its limit of imports this year.
pub async fn annual_use(
    connection: &Connection,
    owner: &str,
) -> Result<GetAnnualUseResponse, Status> {
    let request = GetAnnualUseRequest {
        beneficial_owner_id: owner.to_owned(),
        year: 0,
        demonstration: true,
        venue_id: String::new(),
    };
    connection
        .persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.get_annual_use(request).await }
        })
        .await
}

/// What sellers owe at the shops' venue: all of it, which fits a page.
pub async fn owing(connection: &Connection, shops: &Shops) -> Result<ListOwingResponse, Status> {
    let request = ListOwingRequest {
        venue_id: shops.venue.clone(),
        page_size: PAGE,
        ..ListOwingRequest::default()
    };
    connection
        .persist(|| {
            let (mut client, request) = (connection.contracts(), request.clone());
            async move { client.list_owing(request).await }
        })
        .await
}

/// Seconds that the shops' venue leaves after a gap in service.
pub async fn grace(connection: &Connection, shops: &Shops) -> Result<Option<i64>, Status> {
    let request = GetVenueRequest {
        venue_id: shops.venue.clone(),
    };
    let venue = connection
        .persist(|| {
            let (mut client, request) = (connection.operations(), request.clone());
            async move { client.get_venue(request).await }
        })
        .await?;
    Ok(venue.grace.map(|grace| grace.seconds))
}

/// Whether a discount is what was asked for, with so many uses left.
pub fn is_discount(told: &Discount, asked: &Discount, left: i64) -> bool {
    let off = |discount: &Discount| {
        discount.off.as_ref().map(|off| match off {
            Off::Amount(off) => (amount(off), 0),
            Off::Share(share) => (amount(&share.at_most), share.bp),
        })
    };
    let words = |discount: &Discount| {
        [
            discount.account_id.clone(),
            discount.venue_id.clone(),
            discount.money_asset_id.clone(),
        ]
    };
    let numbers = |discount: &Discount| (discount.uses, discount.uses_per_owner, discount.closes);
    words(told) == words(asked)
        && numbers(told) == numbers(asked)
        && amount(&told.threshold) == amount(&asked.threshold)
        && off(told) == off(asked)
        && told.code_hash == asked.code_hash
        && i64::from(told.uses_left) == left
}

/// Reads a list from its first page on, given the token of each: to its end, if the `whole` of it
/// is asked for.
async fn read_list<T, F>(whole: bool, page: impl Fn(String) -> F) -> Result<Vec<T>, Status>
where
    F: Future<Output = Result<(Vec<T>, String), Status>>,
{
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let (rows, next) = page(token).await?;
        all.extend(rows);
        if next.is_empty() || !whole {
            return Ok(all);
        }
        token = next;
    }
}

/// The rows of a list by their ids, each of which stands there once.
fn once_each<T>(
    rows: impl Iterator<Item = (String, T)>,
    what: &str,
    faults: &mut Faults,
) -> BTreeMap<String, T> {
    let mut listed = BTreeMap::new();
    for (id, row) in rows {
        if listed.insert(id, row).is_some() {
            faults.add(format!("{what} is listed twice"));
        }
    }
    listed
}

/// The ids of all of the seller's discounts that are listed.
async fn listed_discounts(
    connection: &Connection,
    shops: &Shops,
    faults: &mut Faults,
) -> Result<BTreeSet<String>, Status> {
    let discounts = read_list(true, move |page_token| async move {
        let request = ListDiscountsRequest {
            venue_id: String::new(),
            seller_account_id: shops.account(SELLER),
            page_size: PAGE,
            page_token,
        };
        let page = connection
            .persist(|| {
                let (mut client, request) = (connection.sales(), request.clone());
                async move { client.list_discounts(request).await }
            })
            .await?;
        Ok((page.discounts, page.next_page_token))
    });
    let discounts = discounts.await?.into_iter();
    let named = discounts.map(|discount| (discount.discount_id, ()));
    let listed = once_each(named, "a discount", faults);
    Ok(listed.into_keys().collect())
}

/// Exactly the discounts that were defined and are not over are listed; for those that are, the
/// tick that ends them is waited for, not for ever. How many have ended.
pub async fn compare_discounts(
    connection: &Connection,
    shops: &Shops,
    defined: &BTreeMap<String, Discount>,
    faults: &mut Faults,
) -> Result<u64, Status> {
    let begun = Instant::now();
    loop {
        let before = now_ns();
        let listed = listed_discounts(connection, shops, faults).await?;
        let after = now_ns();
        let late = |id: &&String| defined.get(*id).is_some_and(|one| is_over(one, before));
        if listed.iter().any(|id| late(&id)) && begun.elapsed() < LATE {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        for id in listed.iter().filter(late) {
            faults.add(format!("discount {id} is over, and listed"));
        }
        for id in listed.iter().filter(|id| !defined.contains_key(*id)) {
            faults.add(format!("discount {id} is listed, nobody was told of it"));
        }
        let gone = defined.iter().filter(|(id, _)| !listed.contains(*id));
        let mut ended = 0;
        for (id, discount) in gone {
            ended += 1;
            if !is_over(discount, after) {
                faults.add(format!("discount {id} is lost"));
            }
        }
        return Ok(ended);
    }
}

/// Exactly the offers that a seller made and did not withdraw are listed.
pub async fn compare_offers(
    connection: &Connection,
    seller: &str,
    made: &BTreeMap<String, Made>,
    faults: &mut Faults,
) -> Result<(), Status> {
    let offers = read_list(true, move |page_token| async move {
        let request = ListOffersRequest {
            venue_id: String::new(),
            seller_account_id: seller.to_owned(),
            page_size: PAGE,
            page_token,
        };
        let page = connection
            .persist(|| {
                let (mut client, request) = (connection.sales(), request.clone());
                async move { client.list_offers(request).await }
            })
            .await?;
        Ok((page.offers, page.next_page_token))
    });
    let offers = offers.await?.into_iter();
    let named = offers.map(|offer| (offer.offer_id, ()));
    let listed = once_each(named, "an offer", faults);
    let own = |made: &Made| made.asked.account_id == seller;
    for (id, made) in made.iter().filter(|(_, made)| own(made)) {
        if made.withdrawn.is_none() && !listed.contains_key(id) {
            faults.add(format!("offer {id} is lost"));
        } else if made.withdrawn.is_some() && listed.contains_key(id) {
            faults.add(format!("offer {id} was withdrawn and is listed"));
        }
    }
    let unknown = listed.keys().filter(|id| !made.contains_key(*id));
    for id in unknown {
        faults.add(format!("offer {id} is listed, nobody was told of it"));
    }
    Ok(())
}

/// The contracts of the seller are those of the stream, each as it was last reported; of one page,
/// unless the `whole` list is asked for.
pub async fn compare_contracts(
    connection: &Connection,
    account_id: &str,
    found: &Found,
    whole: bool,
    faults: &mut Faults,
) -> Result<(), Status> {
    let contracts = read_list(whole, move |page_token| async move {
        let request = ListContractsRequest {
            account_id: account_id.to_owned(),
            page_size: PAGE,
            page_token,
            ..ListContractsRequest::default()
        };
        let page = connection
            .persist(|| {
                let (mut client, request) = (connection.contracts(), request.clone());
                async move { client.list_contracts(request).await }
            })
            .await?;
        Ok((page.contracts, page.next_page_token))
    });
    let contracts = contracts.await?.into_iter();
    let named = contracts.map(|contract| (contract.contract_id.clone(), contract));
    let listed = once_each(named, "a contract", faults);
    for (id, contract) in &listed {
        if let Some(report) = found.contract(id)
            && !agrees(contract, report)
        {
            faults.add(format!("contract {id} was {report:?}, it is {contract:?}"));
        }
    }
    let own = |report: &&ContractReport| report.seller_account_id == account_id;
    let missing = found.contracts().filter(own);
    let missing = missing.map(|report| &report.contract_id);
    let missing = missing.filter(|id| whole && !listed.contains_key(*id));
    for id in missing {
        faults.add(format!("contract {id} is not listed"));
    }
    Ok(())
}

/// Whether a contract stands as its last report says; what happened later is not the report's.
fn agrees(contract: &Contract, report: &ContractReport) -> bool {
    if contract.engine_sequence > report.engine_sequence {
        return contract.version >= report.version;
    }
    contract.version == report.version
        && contract.state == report.state
        && contract.disputed == report.disputed
        && contract.pieces == report.pieces
        && contract.money_held == report.money_held
        && amount(&contract.owing) == amount(&report.owing)
        && contract.deadline == report.deadline
        && contract.buyer_account_id == report.buyer_account_id
}

/// The steps of a contract, as one party is told them again, begin with those of the stream.
pub async fn compare_steps(
    connection: &Connection,
    chain: &[ContractReport],
    faults: &mut Faults,
) -> Result<(), Status> {
    let Some(first) = chain.first() else {
        return Ok(());
    };
    let request = ListContractStepsRequest {
        account_id: first.account_id.clone(),
        contract_id: first.contract_id.clone(),
        page_size: PAGE,
        page_token: String::new(),
    };
    let page = connection
        .persist(|| {
            let (mut client, request) = (connection.contracts(), request.clone());
            async move { client.list_contract_steps(request).await }
        })
        .await?;
    if !page.reports.starts_with(chain) {
        let id = &first.contract_id;
        let listed = page.reports;
        faults.add(format!(
            "steps of contract {id} were {chain:?}, listed are {listed:?}"
        ));
    }
    Ok(())
}
