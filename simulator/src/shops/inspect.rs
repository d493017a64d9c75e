//! The inspection of the shops from outside: stream, balances, offers, lists, fees.
//!
//! Invariant: what was read at a place of the history is compared with what the reports up to that
//! place leave. The stream is read on from where it was; every `WHOLE_EVERY` times, and at the
//! end, it is read again from its first report, must be what it was, and all is checked anew.
//! Deadlines that are due are waited for, since a tick may be late on a busy machine, but not for
//! ever. Not here: each check (`audit`, `books`, `campaigns`, `lists`).

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use proto::v1::{
    ContractReport, ContractRole, GetBalancesResponse, HolderKind, Offer, StreamExecutionsRequest,
    offer::Course, stream_executions_request::Owner,
};
use rust_decimal::Decimal;
use tonic::Status;

use super::{
    audit::Audit,
    books::Books,
    campaigns::{self, Checked},
    found::{SELLER, Shops, stake},
    ledger::{Ledger, Made},
    lists, now_ns,
};
use crate::{
    client::connect::Connection,
    crash::{audit::When, memory::Faults},
    setup::{
        SetupError,
        money::{decimal, list_balances, list_positions},
    },
    workload::rng::Rng,
};

/// Every so many inspections everything is read again.
const WHOLE_EVERY: u64 = 8;
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
    /// Reports read and compared in this one.
    pub reports: u64,
    /// Contracts there are.
    pub contracts: u64,
    /// Deadlines that fired.
    pub fired: u64,
    /// Deadlines that were put off.
    pub put_off: u64,
    /// Payments that a bank brought.
    pub paid_in: u64,
    /// What was checked of queues and lotteries.
    pub campaigns: Checked,
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

/// Whoever inspects the same shops again and again; what it read stays.
#[derive(Debug, Default)]
pub struct Inspector {
    audit: Audit,
    books: Option<Books>,
    /// Reports that are in the books.
    booked: usize,
    inspections: u64,
    /// Found by an inspection that did not come to its end, too.
    faults: Faults,
}

fn called(status: Status) -> SetupError {
    SetupError::Call {
        what: "inspecting the shops".to_owned(),
        status,
    }
}

impl Inspector {
    /// Reads what is new, or everything again, and compares it. `look` gives what the clerks were
    /// told by then.
    ///
    /// # Errors
    /// A question was not answered.
    pub async fn inspect(
        &mut self,
        connection: &Connection,
        shops: &Shops,
        look: impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync,
        when: When,
        rng: &mut Rng,
    ) -> Result<Inspected, SetupError> {
        let whole = when == When::AtEnd || self.inspections % WHOLE_EVERY == WHOLE_EVERY - 1;
        self.inspections += 1;
        let mut inspected = Inspected::default();
        let mut due = 0;
        look(&mut |ledger| due = ledger.memory.last_told());
        if whole {
            let again = stream(connection, &shops.firm, 1).await.map_err(called)?;
            if !again.starts_with(&self.audit.stream) {
                let what = "the stream is not what it was when it was read before";
                self.faults.add(what.to_owned());
            }
            *self = Self {
                inspections: self.inspections,
                faults: std::mem::take(&mut self.faults),
                ..Self::default()
            };
            self.take(&again, &look, &mut inspected);
        }
        let offers = offers_asked(&look, when);
        let horizon = match when {
            When::Between => now_ns(),
            When::AtEnd => now_ns() + LAST_DEADLINES_NS,
        };
        let begun = Instant::now();
        self.read_on(connection, shops, &look, &mut inspected)
            .await?;
        while !self.audit.found.overdue(horizon).is_empty() && begun.elapsed() < LATE {
            tokio::time::sleep(LOOK).await;
            self.read_on(connection, shops, &look, &mut inspected)
                .await?;
        }
        let read = read(connection, shops, &offers).await?;
        self.read_on(connection, shops, &look, &mut inspected)
            .await?;
        self.compare(shops, &look, (when, due, horizon), &read, &mut inspected);
        self.ask(connection, shops, &look, (when, whole)).await?;
        for _ in 0..CONTRACTS_ASKED {
            let chains = &self.audit.found.chains;
            let nth = rng.below(chains.len() as u64);
            let chain = chains.values().nth(nth.try_into().unwrap_or(0));
            let chain = chain.map_or(&[][..], |chain| &chain[..]);
            lists::compare_steps(connection, chain, &mut self.faults)
                .await
                .map_err(called)?;
        }
        inspected.faults = std::mem::take(&mut self.faults);
        Ok(inspected)
    }

    /// Takes in what the stream has beyond what is known.
    async fn read_on(
        &mut self,
        connection: &Connection,
        shops: &Shops,
        look: &(impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync),
        inspected: &mut Inspected,
    ) -> Result<(), SetupError> {
        let next = self.audit.next();
        let new = stream(connection, &shops.firm, next)
            .await
            .map_err(called)?;
        self.take(&new, look, inspected);
        Ok(())
    }

    fn take(
        &mut self,
        reports: &[ContractReport],
        look: &(impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync),
        inspected: &mut Inspected,
    ) {
        look(&mut |ledger| {
            for report in reports {
                self.audit.take(ledger, report, &mut self.faults);
            }
        });
        inspected.reports += reports.len() as u64;
    }

    /// Compares what was read with what the clerks were told.
    fn compare(
        &mut self,
        shops: &Shops,
        look: &(impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync),
        (when, due, horizon): (When, u64, i64),
        read: &Read,
        inspected: &mut Inspected,
    ) {
        let faults = &mut self.faults;
        let mut made = BTreeMap::new();
        look(&mut |ledger| {
            // What was told while the stream was read may not be in it.
            self.audit.compare((ledger, shops), due, when, faults);
            let found = &self.audit.found;
            inspected.campaigns = campaigns::check(ledger, shops, found, when, faults);
            made.clone_from(ledger.offers());
        });
        let found = &self.audit.found;
        for late in found.overdue(horizon) {
            faults.add(format!(
                "a deadline neither fired nor was put off: {late:?}"
            ));
        }
        inspected.contracts = found.contracts().count() as u64;
        (inspected.fired, inspected.put_off) = (found.fired, found.put_off);
        inspected.paid_in = found.paid_in;
        inspected.compared = read.had.len() as u64;
        for gone in &read.gone {
            faults.add(format!("offer {gone} is lost"));
        }
        self.balance((shops, &made), read, when);
    }

    /// Compares what was had with what the reports up to there leave.
    fn balance(
        &mut self,
        (shops, offers): (&Shops, &BTreeMap<String, Made>),
        read: &Read,
        when: When,
    ) {
        let faults = &mut self.faults;
        let books = self.books.get_or_insert_with(|| Books::new(shops));
        let new = self.audit.stream.iter().skip(self.booked);
        self.booked = self.audit.stream.len();
        let own = |report: &&ContractReport| report.role() == ContractRole::Buyer;
        let mut reports = new.filter(own).peekable();
        for (at, had) in &read.had {
            while let Some(report) = reports.next_if(|one| one.engine_sequence <= *at) {
                books.take(report, offers);
            }
            let differs = match had {
                Had::Account(account, has) => books.differs(
                    (shops, offers),
                    (account, &has.balances),
                    (*at, when == When::AtEnd),
                ),
                Had::Offer(offer) => {
                    let (left, id) = (i64::from(offer.left_pieces), &offer.offer_id);
                    let must = books.left(id, offers);
                    let wrong = (must != Some(left)).then(|| {
                        format!("offer {id} has {left} pieces left, it must have {must:?}")
                    });
                    wrong.or_else(|| self.audit.entries_differ((offer, *at), shops))
                }
            };
            if let Some(what) = differs {
                faults.add(format!("at {at}: {what}"));
            }
        }
        for report in reports {
            books.take(report, offers);
        }
        faults.absorb(std::mem::take(&mut books.faults));
    }

    /// Asks for what stands outside the stream: at the end for all of it.
    async fn ask(
        &mut self,
        connection: &Connection,
        shops: &Shops,
        look: &(impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync),
        (when, whole): (When, bool),
    ) -> Result<(), SetupError> {
        let faults = &mut self.faults;
        if let Some(books) = self.books.as_ref().filter(|_| when == When::AtEnd) {
            conserve(connection, shops, books, faults).await?;
            let mut made = BTreeMap::new();
            look(&mut |ledger| made.clone_from(ledger.offers()));
            lists::compare_offers(connection, shops, &made, faults)
                .await
                .map_err(called)?;
        }
        let seller = shops.account(SELLER);
        lists::compare_contracts(connection, &seller, &self.audit.found, whole, faults)
            .await
            .map_err(called)
    }
}

impl Audit {
    /// Whether an offer's hash of entries, read at a place of the history, is another than theirs.
    fn entries_differ(&self, (offer, at): (&Offer, u64), shops: &Shops) -> Option<String> {
        let Some(Course::Lottery(lottery)) = &offer.course else {
            return None;
        };
        let until = self.stream.iter().filter(|one| one.engine_sequence <= at);
        let own = until.filter(|one| one.offer_id == offer.offer_id);
        let must = campaigns::entries_hash(own, shops);
        let told = &lottery.entries_hash;
        (*told != must).then(|| format!("{offer:?} must have the entries' hash {must:?}"))
    }
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

/// All money that was put in is with the accounts or was taken as fees.
async fn conserve(
    connection: &Connection,
    shops: &Shops,
    books: &Books,
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
    let put_in = stake().money * Decimal::from(shops.buyers + 1) + books.paid_in;
    if fees != books.fees || all + fees != put_in {
        let due = books.fees;
        faults.add(format!(
            "accounts have {all}, fees took {fees} ({due} by the reports), {put_in} were put in"
        ));
    }
    Ok(())
}

/// Reads the shops' private stream from a number on until it is level with the exchange.
///
/// # Errors
/// It could not be opened, or ended.
pub async fn stream(
    connection: &Connection,
    firm: &str,
    from_sequence: u64,
) -> Result<Vec<ContractReport>, Status> {
    let request = StreamExecutionsRequest {
        owner: Some(Owner::ParticipantId(firm.to_owned())),
        from_sequence,
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
