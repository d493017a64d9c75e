//! The inspection of the shops from outside: stream, balances, offers, lists, fees.
//!
//! Invariant: what was read at a place of the history is compared with what the reports up to that
//! place leave. The stream is read on from where it was; every `WHOLE_EVERY` times, and at the
//! end, it is read again from its first report, must be what it was, and all is checked anew.
//! Deadlines that are due are waited for, since a tick may be late on a busy machine, but not for
//! ever. Not here: each check (`audit`, `books`, `campaigns`, `lists`).

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use proto::v1::{
    ContractReport, ContractRole, Debt, Discount, GetAnnualUseResponse, GetBalancesResponse,
    Guarantee, HolderKind, Offer, ReserveRequest, StreamExecutionsRequest, offer::Course,
    stream_executions_request::Owner,
};
use rust_decimal::Decimal;
use tonic::Status;

use super::{
    audit::Audit,
    baskets::{self, is_over},
    books::Books,
    campaigns::{self, Checked},
    cover::{self, Sets},
    debts::{self, Moves},
    found::{SELLER, Shops, stake},
    ledger::{Ledger, Made},
    lists::{self, LATE, LOOK},
    now_ns,
    uses::{self, Customs},
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
/// What refuses an import.
const LIMITED: &str = "ANNUAL_LIMIT";
/// At the end it is waited for deadlines that fall within so long.
const LAST_DEADLINES_NS: i64 = 2_000_000_000;
/// The same of discounts.
const DISCOUNTS_ASKED: usize = 3;

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
    /// What was checked of baskets.
    pub baskets: baskets::Checked,
    /// What was checked of imports.
    pub uses: uses::Checked,
    /// How often it was said how much is left after a gap.
    pub graces: u64,
    /// What was checked of the guarantee.
    pub cover: cover::Checked,
    /// What was checked of what merchants owe.
    pub debts: debts::Checked,
    /// Debts that stood when they were looked at.
    pub standing: u64,
    /// Discounts that came to their end; known in the end.
    pub discounts_ended: u64,
    /// Balances and offers compared.
    pub compared: u64,
    /// What must not be.
    pub faults: Faults,
}

/// What was read besides the stream.
struct Read {
    /// Accounts and offers, by the place of the history at which they were so.
    had: Vec<(u64, Had)>,
    /// Offers and discounts that are gone before their time.
    gone: Vec<String>,
    /// Seconds that the venue leaves after a gap.
    grace: Option<i64>,
}

enum Had {
    Account(String, GetBalancesResponse),
    Offer(Box<Offer>),
    Discount(Box<Discount>),
    Guarantee(Guarantee),
    Use(String, GetAnnualUseResponse),
    Owing(Vec<Debt>),
}

/// What is looked at one by one.
#[derive(Default)]
struct Asked {
    /// Offers, by the place of their making.
    offers: Vec<(u64, String)>,
    /// Discounts.
    discounts: Vec<(String, Discount)>,
}

/// What a clerk was told was made, by id.
#[derive(Default)]
struct Known {
    offers: BTreeMap<String, Made>,
    discounts: BTreeMap<String, Discount>,
    /// None while it is not known what was set.
    settings: Option<(Sets, Customs)>,
    /// None while it is not known what was moved.
    moves: Option<Moves>,
    /// Imports that were asked for.
    imports: HashMap<String, ReserveRequest>,
}

impl Known {
    fn look(look: &(impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync)) -> Self {
        let mut known = Self::default();
        look(&mut |ledger| {
            known.offers.clone_from(ledger.offers());
            known.discounts.clone_from(ledger.discounts());
            let settings = ledger.settings();
            known.settings = settings.map(|(sets, customs)| (sets.clone(), customs.clone()));
            known.moves = ledger.moves().cloned();
            known.imports.clone_from(ledger.imports());
        });
        known
    }

    /// Enters a buyer's next report, or that it was refused.
    fn enter(&self, books: &mut Books, report: &ContractReport) {
        let asked = self.imports.get(&report.client_order_id);
        if let Some(asked) = asked.filter(|_| report.reject_reason == LIMITED)
            && let Some(made) = self.offers.get(&asked.offer_id)
        {
            books.uses.refused(report, asked, made);
        }
        books.take(report, &self.offers);
    }

    /// Whether all that bears on an account's money is known.
    fn is_sure(&self, shops: &Shops, account: &str) -> bool {
        if account == shops.account(SELLER) {
            self.settings.is_some()
        } else {
            self.moves.is_some()
        }
    }

    /// All that was set up to a place of the history, if it is known.
    fn follow(&self, books: &mut Books, at: u64) {
        if let Some((sets, customs)) = &self.settings {
            books.follow((sets, customs), at);
        }
        if let Some(moves) = &self.moves {
            books.follow_moves(moves, at);
        }
    }
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
        let asked = asked(&look, when);
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
        let read = read(connection, shops, &asked).await?;
        self.read_on(connection, shops, &look, &mut inspected)
            .await?;
        self.compare(shops, &look, (when, due, horizon), &read, &mut inspected);
        inspected.discounts_ended = self.ask(connection, shops, &look, (when, whole)).await?;
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
        look(&mut |ledger| {
            // What was told while the stream was read may not be in it.
            self.audit.compare((ledger, shops), due, when, faults);
            let found = &self.audit.found;
            inspected.campaigns = campaigns::check(ledger, shops, found, when, faults);
            inspected.graces = ledger.graces.times();
            if let Some(told) = read.grace.filter(|told| !ledger.graces.may_be(*told)) {
                let graces = &ledger.graces;
                faults.add(format!(
                    "{told} seconds are left after a gap, not {graces:?}"
                ));
            }
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
        inspected.baskets = self.audit.baskets.checked;
        inspected.compared = read.had.len() as u64;
        for gone in &read.gone {
            faults.add(format!("{gone} is lost"));
        }
        self.balance((shops, &Known::look(look)), read, when);
        if let Some(books) = &self.books {
            (inspected.uses, inspected.cover) = (books.uses.checked, books.cover.checked);
            (inspected.debts, inspected.standing) = (books.debts.checked, books.debts.standing());
        }
    }

    /// Compares what was had with what the reports up to there leave.
    fn balance(&mut self, (shops, known): (&Shops, &Known), read: &Read, when: When) {
        let (faults, offers) = (&mut self.faults, &known.offers);
        let books = self.books.get_or_insert_with(|| Books::new(shops));
        let new = self.audit.stream.iter().skip(self.booked);
        self.booked = self.audit.stream.len();
        let own = |report: &&ContractReport| {
            report.role() == ContractRole::Buyer || !report.reject_reason.is_empty()
        };
        let mut reports = new.filter(own).peekable();
        for (at, had) in &read.had {
            while let Some(report) = reports.next_if(|one| one.engine_sequence <= *at) {
                known.enter(books, report);
            }
            known.follow(books, *at);
            let differs = match had {
                Had::Account(account, has) => books.differs(
                    (shops, offers),
                    (account, &has.balances),
                    (*at, when == When::AtEnd, known.is_sure(shops, account)),
                ),
                Had::Guarantee(told) if known.settings.is_some() => books.cover.differs(told),
                Had::Use(owner, told) if known.settings.is_some() => {
                    books.uses.differs(owner, told)
                }
                Had::Guarantee(_) | Had::Use(..) => None,
                Had::Owing(told) => books.debts.lists(told),
                Had::Offer(offer) => {
                    let (left, id) = (i64::from(offer.left_pieces), &offer.offer_id);
                    let must = books.left(id, offers);
                    let wrong = (must != Some(left)).then(|| {
                        format!("offer {id} has {left} pieces left, it must have {must:?}")
                    });
                    wrong.or_else(|| self.audit.entries_differ((offer, *at), shops))
                }
                Had::Discount(told) => self.audit.uses_differ(told, *at, &known.discounts),
            };
            if let Some(what) = differs {
                faults.add(format!("at {at}: {what}"));
            }
        }
        for report in reports {
            known.enter(books, report);
        }
        if let Some(last) = self.audit.stream.last() {
            known.follow(books, last.engine_sequence);
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
    ) -> Result<u64, SetupError> {
        let (faults, mut ended) = (&mut self.faults, 0);
        if let Some(books) = self.books.as_ref().filter(|_| when == When::AtEnd) {
            conserve(connection, shops, books, faults).await?;
            let known = Known::look(look);
            for seller in shops.sellers() {
                lists::compare_offers(connection, &seller, &known.offers, faults)
                    .await
                    .map_err(called)?;
            }
            let discounts = &known.discounts;
            let compared = lists::compare_discounts(connection, shops, discounts, faults).await;
            ended = compared.map_err(called)?;
        }
        for seller in shops.sellers() {
            // What merchants owe is looked at each time.
            let all = whole || seller != shops.account(SELLER);
            lists::compare_contracts(connection, &seller, &self.audit.found, all, faults)
                .await
                .map_err(called)?;
        }
        Ok(ended)
    }
}

impl Audit {
    /// Whether a discount, read at a place of the history, is another one than was asked for, or
    /// was used more or less often than baskets were formed under it.
    fn uses_differ(
        &self,
        told: &Discount,
        at: u64,
        known: &BTreeMap<String, Discount>,
    ) -> Option<String> {
        let id = &told.discount_id;
        let asked = known.get(id)?;
        let left = self.baskets.left(id, asked, at);
        let right = lists::is_discount(told, asked, left);
        (!right).then(|| format!("{told:?} must have {left} uses left, and be {asked:?}"))
    }

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

/// Live offers, by the place of their making, and discounts that are not over: the last ones
/// between two lives, all at the end.
fn asked(look: &(impl Fn(&mut dyn FnMut(&Ledger)) + Send + Sync), when: When) -> Asked {
    let (mut asked, now) = (Asked::default(), now_ns());
    look(&mut |ledger| {
        let live = ledger.offers().values().filter(|made| !made.ending);
        let ids = live.map(|made| (made.report.engine_sequence, made.report.offer_id.clone()));
        asked.offers = ids.collect();
        let open = ledger.discounts().iter().filter(|one| !is_over(one.1, now));
        let open = open.map(|(id, discount)| (id.clone(), discount.clone()));
        asked.discounts = open.collect();
    });
    asked.offers.sort_unstable();
    let closes = |discount: &Discount| discount.closes.map(|closes| (closes.seconds, closes.nanos));
    asked
        .discounts
        .sort_by_key(|(_, discount)| closes(discount));
    if when == When::Between {
        let (offers, discounts) = (asked.offers.len(), asked.discounts.len());
        asked.offers.drain(..offers.saturating_sub(OFFERS_ASKED));
        asked
            .discounts
            .drain(..discounts.saturating_sub(DISCOUNTS_ASKED));
    }
    asked
}

async fn read(connection: &Connection, shops: &Shops, asked: &Asked) -> Result<Read, SetupError> {
    let mut read = Read {
        had: Vec::new(),
        gone: Vec::new(),
        grace: None,
    };
    for (account, has) in list_balances(connection, shops.accounts()).await? {
        read.had
            .push((has.engine_sequence, Had::Account(account, has)));
    }
    for (_, id) in &asked.offers {
        let offer = lists::offer(connection, id).await;
        let offer = offer.map_err(|status| SetupError::Call {
            what: format!("looking at offer {id}"),
            status,
        })?;
        match offer {
            Some((offer, at)) => read.had.push((at, Had::Offer(Box::new(offer)))),
            None => read.gone.push(format!("offer {id}")),
        }
    }
    for (id, discount) in &asked.discounts {
        match lists::discount(connection, id).await.map_err(called)? {
            Some((told, at)) => read.had.push((at, Had::Discount(Box::new(told)))),
            None if is_over(discount, now_ns()) => {}
            None => read.gone.push(format!("discount {id}")),
        }
    }
    if shops.whole {
        let told = lists::guarantee(connection, shops).await.map_err(called)?;
        read.had.push((told.engine_sequence, Had::Guarantee(told)));
        for buyer in 1..=shops.buyers {
            let owner = shops.owner_id(buyer);
            let told = lists::annual_use(connection, &owner)
                .await
                .map_err(called)?;
            read.had.push((told.engine_sequence, Had::Use(owner, told)));
        }
        let owing = lists::owing(connection, shops).await.map_err(called)?;
        read.had
            .push((owing.engine_sequence, Had::Owing(owing.debts)));
        read.grace = lists::grace(connection, shops).await.map_err(called)?;
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
    let venues = positions.iter().filter(|position| {
        position.holder_kind() == HolderKind::Venue
            && [&shops.venue, &shops.imports].contains(&&position.holder_id)
            && position.asset_id == shops.money
    });
    let mut fees = Decimal::ZERO;
    for position in venues {
        fees += decimal(&position.available)?;
    }
    let put_in = stake().money * Decimal::from(shops.buyers + 1);
    let put_in = put_in + books.paid_in + books.debts.moved_by_all();
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
