//! The whole inspection of the shops from outside: stream, balances, offers, lists, fees.
//!
//! Invariant: what was read at a place of the history is compared with what the reports up to that
//! place leave. Deadlines that are due are waited for, since a tick may be late on a busy machine,
//! but not for ever. Not here: each check (`audit`, `books`, `lists`).

use std::time::{Duration, Instant};

use proto::v1::{
    ContractReport, ContractRole, GetBalancesResponse, HolderKind, Offer, StreamExecutionsRequest,
    stream_executions_request::Owner,
};
use rust_decimal::Decimal;
use tonic::Status;

use super::{
    audit::{Audit, Found},
    books::Books,
    found::{SELLER, Shops, stake},
    ledger::Ledger,
    lists, now_ns,
};
use crate::{
    client::connect::Connection,
    crash::{audit::When, ledger::Faults},
    setup::{
        SetupError,
        money::{decimal, list_balances, list_positions},
    },
    workload::rng::Rng,
};

/// Offers compared one by one between two lives: the last ones made.
const OFFERS_ASKED: usize = 6;
/// Contracts whose steps are listed again.
const CONTRACTS_ASKED: u64 = 4;
/// At the end it is waited for deadlines that fall within so long.
const LAST_DEADLINES_NS: i64 = 2_000_000_000;
/// How long a deadline that is due may take to fire.
const LATE: Duration = Duration::from_secs(60);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What inspections found.
#[derive(Clone, Default, Debug)]
pub struct Inspected {
    /// Reports read and compared.
    pub reports: u64,
    /// Contracts there are.
    pub contracts: u64,
    /// Deadlines that fired.
    pub fired: u64,
    /// Deadlines that were put off.
    pub put_off: u64,
    /// Balances and offers compared.
    pub compared: u64,
    /// What must not be.
    pub faults: Faults,
}

/// What was read besides the stream.
struct Read {
    /// Accounts and offers, by the place of the history at which they were so.
    had: Vec<(u64, Had)>,
    /// Offers that are gone.
    gone: Vec<String>,
}

enum Had {
    Account(String, GetBalancesResponse),
    Offer(Box<Offer>),
}

/// Reads everything again and compares it. `look` gives what the clerks were told by then.
///
/// # Errors
/// A question was not answered.
pub async fn inspect(
    connection: &Connection,
    shops: &Shops,
    look: impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync,
    when: When,
    rng: &mut Rng,
) -> Result<Inspected, SetupError> {
    let offers = offers_asked(&look, when);
    let called = |status| SetupError::Call {
        what: "inspecting the shops".to_owned(),
        status,
    };
    let begun = Instant::now();
    let horizon = match when {
        When::Between => now_ns(),
        When::AtEnd => now_ns() + LAST_DEADLINES_NS,
    };
    let mut fired = stream(connection, &shops.firm).await.map_err(called)?;
    while !audit(&fired, shops, &look, when)
        .overdue(horizon)
        .is_empty()
        && begun.elapsed() < LATE
    {
        tokio::time::sleep(LOOK).await;
        fired = stream(connection, &shops.firm).await.map_err(called)?;
    }
    let read = read(connection, shops, &offers).await?;
    let reports = stream(connection, &shops.firm).await.map_err(called)?;
    let mut found = audit(&reports, shops, &look, when);
    let mut faults = std::mem::take(&mut found.faults);
    for late in found.overdue(horizon) {
        faults.add(format!(
            "a deadline neither fired nor was put off: {late:?}"
        ));
    }
    let mut inspected = Inspected {
        reports: found.reports,
        contracts: found.contracts().count() as u64,
        fired: found.fired,
        put_off: found.put_off,
        compared: read.had.len() as u64,
        faults,
    };
    for gone in &read.gone {
        inspected.faults.add(format!("offer {gone} is lost"));
    }
    let mut made = std::collections::BTreeMap::new();
    look(&mut |ledger| made.clone_from(ledger.offers()));
    let mut books = Books::new(shops, &made);
    balance(&mut books, &read, &reports, when, &mut inspected.faults);
    if when == When::AtEnd {
        conserve(connection, shops, &books, &mut inspected.faults).await?;
        lists::compare_offers(connection, shops, &made, &mut inspected.faults)
            .await
            .map_err(called)?;
    }
    let seller = shops.account(SELLER);
    lists::compare_contracts(connection, &seller, &found, &mut inspected.faults)
        .await
        .map_err(called)?;
    for _ in 0..CONTRACTS_ASKED {
        let nth = rng.below(found.chains.len() as u64);
        let chain = found.chains.values().nth(nth.try_into().unwrap_or(0));
        let chain = chain.map_or(&[][..], |chain| &chain[..]);
        lists::compare_steps(connection, chain, &mut inspected.faults)
            .await
            .map_err(called)?;
    }
    Ok(inspected)
}

/// Live offers, by the place of their making: the last ones between two lives, all at the end.
fn offers_asked(
    look: &(impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync),
    when: When,
) -> Vec<(u64, String)> {
    let mut offers = Vec::new();
    look(&mut |ledger| {
        let live = ledger.offers().values().filter(|made| !made.ending);
        let ids = live.map(|made| (made.report.engine_sequence, made.report.offer_id.clone()));
        offers = ids.collect();
    });
    offers.sort_unstable();
    if when == When::Between {
        offers.drain(..offers.len().saturating_sub(OFFERS_ASKED));
    }
    offers
}

fn audit(
    reports: &[ContractReport],
    shops: &Shops,
    look: &(impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync),
    when: When,
) -> Found {
    let mut found = Found::default();
    look(&mut |ledger| {
        let due = ledger.last_told();
        let mut audit = Audit::new(ledger, shops, due);
        for report in reports {
            audit.take(report);
        }
        found = audit.finish(when);
    });
    found
}

async fn read(
    connection: &Connection,
    shops: &Shops,
    offers: &[(u64, String)],
) -> Result<Read, SetupError> {
    let mut read = Read {
        had: Vec::new(),
        gone: Vec::new(),
    };
    for (account, has) in list_balances(connection, shops.accounts()).await? {
        read.had
            .push((has.engine_sequence, Had::Account(account, has)));
    }
    for (_, id) in offers {
        let offer = lists::offer(connection, id).await;
        let offer = offer.map_err(|status| SetupError::Call {
            what: format!("looking at offer {id}"),
            status,
        })?;
        match offer {
            Some((offer, at)) => read.had.push((at, Had::Offer(Box::new(offer)))),
            None => read.gone.push(id.clone()),
        }
    }
    read.had.sort_by_key(|(at, _)| *at);
    Ok(read)
}

/// Compares what was had with what the reports up to there leave.
fn balance(
    books: &mut Books<'_>,
    read: &Read,
    reports: &[ContractReport],
    when: When,
    faults: &mut Faults,
) {
    let own = |report: &&ContractReport| report.role() == ContractRole::Buyer;
    let mut reports = reports.iter().filter(own).peekable();
    for (at, had) in &read.had {
        while let Some(report) = reports.next_if(|one| one.engine_sequence <= *at) {
            books.take(report);
        }
        let differs = match had {
            Had::Account(account, has) => {
                books.differs(account, &has.balances, (*at, when == When::AtEnd))
            }
            Had::Offer(offer) => {
                let (left, id) = (i64::from(offer.left_pieces), &offer.offer_id);
                let must = books.left(id);
                (must != Some(left))
                    .then(|| format!("offer {id} has {left} pieces left, it must have {must:?}"))
            }
        };
        if let Some(what) = differs {
            faults.add(format!("at {at}: {what}"));
        }
    }
    for report in reports {
        books.take(report);
    }
    for what in std::mem::take(&mut books.faults).first {
        faults.add(what);
    }
}

/// All money that was put in is with the accounts or was taken as fees.
async fn conserve(
    connection: &Connection,
    shops: &Shops,
    books: &Books<'_>,
    faults: &mut Faults,
) -> Result<(), SetupError> {
    let mut all = Decimal::ZERO;
    for (_, has) in list_balances(connection, shops.accounts()).await? {
        let own = has.balances.iter();
        for balance in own.filter(|one| one.asset_id == shops.money) {
            all += decimal(&balance.balance)?;
        }
    }
    let positions = list_positions(connection).await?;
    let venue = positions.iter().find(|position| {
        position.holder_kind() == HolderKind::Venue
            && position.holder_id == shops.venue
            && position.asset_id == shops.money
    });
    let fees = venue.map_or(Ok(Decimal::ZERO), |position| decimal(&position.available))?;
    let put_in = stake().money * Decimal::from(shops.buyers + 1);
    if fees != books.fees || all + fees != put_in {
        let due = books.fees;
        faults.add(format!(
            "accounts have {all}, fees took {fees} ({due} by the reports), {put_in} were put in"
        ));
    }
    Ok(())
}

/// Reads the shops' private stream from the first report until it is level with the exchange.
///
/// # Errors
/// It could not be opened, or ended.
pub async fn stream(connection: &Connection, firm: &str) -> Result<Vec<ContractReport>, Status> {
    let request = StreamExecutionsRequest {
        owner: Some(Owner::ParticipantId(firm.to_owned())),
        from_sequence: 1,
    };
    let mut stream = connection
        .persist(|| {
            let (mut client, request) = (connection.order_entry(), request.clone());
            async move { client.stream_executions(request).await }
        })
        .await?;
    let mut all = Vec::new();
    while let Some(message) = stream.message().await? {
        all.extend(message.contract_reports);
        if message.caught_up {
            return Ok(all);
        }
    }
    Err(Status::unavailable("the stream ended before its end"))
}
