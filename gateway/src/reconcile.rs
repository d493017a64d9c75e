//! Reconciliation: what everybody had, what moved, what everybody has, and what custodians say.
//!
//! The movements are told by events alone (`engine::clearing::postings`), the end by the engine's
//! ledger, so the two prove each other. Invariant: nothing is written; an asset is right only if
//! every position is what it was plus what moved, all positions sum to zero, and each custodian
//! moved exactly what its references say. Not here: words and files (`reconcile_cli`), what
//! custodians' own lists say (`custody_list`), transfers between folders (`transfers`).

pub mod custody_list;
pub mod transfers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::clearing::postings::{self, Posting, PostingKind};
use engine::clearing::{Clearing, Holder, business_date};
use engine::command::{AssetClass, Command, Direction, Sequenced};
use engine::engine::Engine;
use engine::event::{
    ContractEvent, ContractReport, CorrectionEvent, CreditEvent, CustodyReport, CustodyStatus,
    Event, MarginEvent, ReceiptAct, ReceiptReport, Trade, TransferReport, Variation,
};
use engine::limits::Limits;
use engine::recovery::replay_from;
use engine::runtime::{Released, StartError};
use engine::types::{Amount, AssetId, Name, Sequence, Time};

/// A span of time: from an instant on, before another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first instant in it.
    pub from: Time,
    /// The first instant after it; none for no end.
    pub until: Option<Time>,
}

/// Business dates are those of UTC+8.
const EAST_NANOSECONDS: i64 = 8 * 3_600 * 1_000_000_000;
/// A day.
pub const DAY_NANOSECONDS: i64 = 24 * 3_600 * 1_000_000_000;

/// When a business date begins, given in days from 1970-01-01, if that can be told.
pub fn begins(days: i64) -> Option<Time> {
    Time::new(days.checked_mul(DAY_NANOSECONDS)? - EAST_NANOSECONDS)
}

/// How many kinds of posting there are.
pub const KINDS: usize = 9;

/// What one holder had of one asset, what moved, and what it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// Before the span, in minor units.
    pub opening: i64,
    /// What moved in the span, by kind: deposits, withdrawals, money of trades, goods of trades and
    /// of receipts handed on, fees (of busts and corrections and what is owed since with those of
    /// trades), draws and repayments of credit, transfers.
    pub moved: [i64; KINDS],
    /// What moved after the span.
    later: i64,
    /// What the ledger says at the end of what is kept.
    ledger: i64,
}

impl Account {
    /// After the span.
    pub fn closing(&self) -> i64 {
        self.opening + self.moved.iter().sum::<i64>()
    }

    /// What the ledger has more than the movements say; zero is right.
    pub fn difference(&self) -> i64 {
        self.ledger - self.closing() - self.later
    }

    /// Adds what another had and moved.
    pub fn add(&mut self, other: &Self) {
        self.opening += other.opening;
        for (sum, moved) in self.moved.iter_mut().zip(other.moved) {
            *sum += moved;
        }
        self.later += other.later;
        self.ledger += other.ledger;
    }
}

/// One acknowledgement of a custodian in the span.
pub type Reference = CustodyReport;

/// What came of it.
#[derive(Debug)]
pub struct Reconciliation {
    /// Every holder that ever had an asset, in order.
    pub accounts: BTreeMap<(AssetId, Holder), Account>,
    /// What custodians acknowledged in the span, in order.
    pub references: Vec<Reference>,
    /// Every half of a transfer between shards that was replayed, and when it was done.
    pub transfers: Vec<(TransferReport, Time)>,
    /// The command before the first that was replayed: zero when all was.
    pub base: Sequence,
    /// When that command was; behind the span's first instant only where older rules are before it.
    pub base_time: Time,
    /// The engine at the end of what is kept, for names and units.
    pub engine: Engine,
}

/// What does not agree about an asset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Disagreement {
    /// A holder has so much more than its movements say.
    Position(Holder, i64),
    /// All positions sum to this instead of zero.
    Sum(i64),
    /// A custodian's position moved by so much more than its references say.
    Custodian(Holder, i64),
}

impl Reconciliation {
    /// Reconciles a stopped folder, replayed from `since` on, which is at or before the span.
    ///
    /// # Errors
    /// The folder is in use or cannot be replayed.
    pub fn of(data_dir: &Path, span: Span, since: Time) -> Result<Self, StartError> {
        let mut accounts = BTreeMap::new();
        let mut references = Vec::new();
        let mut transfers = Vec::new();
        // Both closures want the same map: the first ends before the second begins.
        let map = std::cell::RefCell::new(&mut accounts);
        let (mut base, mut base_time) = (Sequence::ZERO, Time::ZERO);
        let begin = |engine: &Engine| {
            (base, base_time) = (engine.sequence(), engine.time());
            open(&mut map.borrow_mut(), engine.clearing());
        };
        let each = |engine: &Engine, released: &Released<'_>| {
            take(
                &mut map.borrow_mut(),
                &mut references,
                span,
                engine,
                released,
            );
            transfers.extend(halves(released));
        };
        let engine = replay_from(data_dir, Limits::default(), since, (begin, each))?;
        for position in engine.clearing().ledger().positions() {
            let key = (position.asset(), position.holder());
            accounts.entry(key).or_default().ledger = position.balance();
        }
        Ok(Self {
            accounts,
            references,
            transfers,
            base,
            base_time,
            engine,
        })
    }

    /// All assets that anybody ever had, in order of their handles.
    pub fn assets(&self) -> BTreeSet<AssetId> {
        self.accounts.keys().map(|(asset, _)| *asset).collect()
    }

    /// The holders of an asset.
    pub fn holders(&self, asset: AssetId) -> impl Iterator<Item = (Holder, &Account)> {
        let all = self.accounts.iter();
        all.filter(move |((of, _), _)| *of == asset)
            .map(|((_, holder), account)| (*holder, account))
    }

    /// What does not agree about an asset; nothing is right.
    pub fn disagreements(&self, asset: AssetId) -> Vec<Disagreement> {
        let mut found = Vec::new();
        let mut sum = 0;
        for (holder, account) in self.holders(asset) {
            sum += account.closing();
            if account.difference() != 0 {
                found.push(Disagreement::Position(holder, account.difference()));
            }
            if let Holder::Custodian(_) = holder {
                let told = self.told(asset, holder);
                let moved: i64 = account.moved.iter().sum();
                if moved != told {
                    found.push(Disagreement::Custodian(holder, moved - told));
                }
            }
        }
        if sum != 0 {
            found.push(Disagreement::Sum(sum));
        }
        found
    }

    /// What a custodian's references of the span say its position moved by.
    fn told(&self, asset: AssetId, holder: Holder) -> i64 {
        let own = self.references.iter().filter(|reference| {
            reference.asset == asset && Holder::Custodian(reference.custodian) == holder
        });
        own.map(|reference| match reference.direction {
            Direction::Deposit => -reference.amount.units(),
            Direction::Withdrawal => reference.amount.units(),
        })
        .sum()
    }
}

type Accounts = BTreeMap<(AssetId, Holder), Account>;

/// What everybody has where the replay begins.
fn open(accounts: &mut Accounts, clearing: &Clearing) {
    for position in clearing.ledger().positions() {
        let key = (position.asset(), position.holder());
        accounts.entry(key).or_default().opening = position.balance();
    }
}

/// The halves of transfers that a record did.
fn halves(released: &Released<'_>) -> Vec<(TransferReport, Time)> {
    let mut found = Vec::new();
    for (command, _, events) in released.iter() {
        for event in events {
            if let Event::Credit(CreditEvent::Half(report)) = event {
                found.push((*report, command.time));
            }
        }
    }
    found
}

/// Takes in what a record moved.
fn take(
    accounts: &mut Accounts,
    references: &mut Vec<Reference>,
    span: Span,
    engine: &Engine,
    released: &Released<'_>,
) {
    for (command, _, events) in released.iter() {
        let when = if command.time < span.from {
            When::Before
        } else if span.until.is_some_and(|until| command.time >= until) {
            When::After
        } else {
            When::Inside
        };
        for event in events {
            match event {
                Event::Trade(trade) => traded(accounts, when, engine, trade),
                Event::Correction(correction) => {
                    correct(accounts, when, engine, correction);
                }
                Event::Custody(report) => {
                    let moved = postings::of_custody(report);
                    moved.for_each(|posting| post(accounts, when, engine, &posting));
                    if when == When::Inside && report.status == CustodyStatus::Executed {
                        references.push(*report);
                    }
                }
                Event::Margin(MarginEvent::Variation(variation)) => {
                    varied(accounts, when, engine, variation);
                }
                Event::Receipt(report) => {
                    let moved = postings::of_receipt(report);
                    moved.for_each(|posting| post(accounts, when, engine, &posting));
                    let reference = receipt_reference(command, report);
                    references.extend(reference.filter(|_| when == When::Inside));
                }
                Event::Credit(event) => {
                    let moved = postings::of_credit(event);
                    moved.for_each(|posting| post(accounts, when, engine, &posting));
                }
                Event::Contract(ContractEvent::Step(report)) => {
                    let moved = postings::of_contract(report);
                    moved.for_each(|posting| post(accounts, when, engine, &posting));
                    let reference = delivery(command, report);
                    references.extend(reference.filter(|_| when == When::Inside));
                }
                // Nothing of these moves anything.
                Event::Margin(_)
                | Event::Sale(_)
                | Event::Contract(ContractEvent::Refused(_))
                | Event::Report(_)
                | Event::Book(_)
                | Event::Indicative(_)
                | Event::Uncrossed(_)
                | Event::MassCancel(_)
                | Event::Operation(_)
                | Event::Duplicate(_)
                | Event::SessionOpened(_)
                | Event::PhaseChanged(_)
                | Event::StatusChanged(_)
                | Event::ReferencePrice(_)
                | Event::DayRolled(_)
                | Event::Standing(_)
                | Event::Limits(_)
                | Event::Settlement(_)
                | Event::EpochBegan(_)
                | Event::Quarantined(_)
                | Event::Regime(_)
                | Event::Switch(_) => {}
            }
        }
    }
}

/// Takes in what a trade moved: goods, money and fees; of a margin forward the fees alone.
fn traded(accounts: &mut Accounts, when: When, engine: &Engine, trade: &Trade) {
    let (clearing, id) = (engine.clearing(), trade.instrument);
    let venue = engine.venues().venue_of(id);
    if let Some(cleared) = clearing.terms(id) {
        let moved = postings::of_trade(trade, cleared, venue);
        moved.for_each(|posting| post(accounts, when, engine, &posting));
    } else if let Some(contract) = clearing.margin().contract(id) {
        let moved = postings::of_margin_trade(trade, contract.margined.money, venue);
        moved.for_each(|posting| post(accounts, when, engine, &posting));
    }
}

/// Takes in what a mark paid or took.
fn varied(accounts: &mut Accounts, when: When, engine: &Engine, variation: &Variation) {
    let margin = engine.clearing().margin();
    if let Some(contract) = margin.contract(variation.instrument) {
        let moved = postings::of_variation(variation, contract.margined.money);
        moved.for_each(|posting| post(accounts, when, engine, &posting));
    }
}

/// A receipt that was registered or cancelled is the keeper's reference for the goods it took in
/// or handed out: its number, on the day of the command at UTC+8.
fn receipt_reference(
    command: &Sequenced<Command>,
    report: &ReceiptReport,
) -> Option<CustodyReport> {
    let direction = match report.act {
        ReceiptAct::Registered => Direction::Deposit,
        ReceiptAct::Cancelled => Direction::Withdrawal,
        ReceiptAct::Drawn
        | ReceiptAct::Encumbered(_)
        | ReceiptAct::Lifted(_)
        | ReceiptAct::Split { .. }
        | ReceiptAct::Part { .. }
        | ReceiptAct::Merged { .. }
        | ReceiptAct::Whole { .. }
        | ReceiptAct::Transferred { .. }
        | ReceiptAct::Pooled => return None,
    };
    Some(CustodyReport {
        instruction: command.sequence,
        account: report.account,
        asset: report.asset,
        custodian: report.warehouse,
        direction,
        amount: report.amount,
        status: CustodyStatus::Executed,
        reference: report.number,
        business_date: business_date(command.time),
    })
}

/// Goods of a contract that left their warehouse, or came into it again, are the keeper's to
/// confirm: the reference names the contract, on the day of the command at UTC+8.
fn delivery(command: &Sequenced<Command>, report: &ContractReport) -> Option<CustodyReport> {
    let direction = match report.goods_out {
        0 => return None,
        1.. => Direction::Withdrawal,
        ..0 => Direction::Deposit,
    };
    Some(CustodyReport {
        instruction: command.sequence,
        account: report.seller.account,
        asset: report.goods,
        custodian: report.warehouse,
        direction,
        amount: Amount::new(report.goods_out.abs()).expect("what moved was in circulation"),
        status: CustodyStatus::Executed,
        reference: Name::new(&format!("contract-{}", report.contract)).expect("29 bytes"),
        business_date: business_date(command.time),
    })
}

/// Where a command lies to the span.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    Inside,
    After,
}

/// Takes in what a bust, a correction or a repayment moved.
fn correct(accounts: &mut Accounts, when: When, engine: &Engine, event: &CorrectionEvent) {
    let event = match event {
        CorrectionEvent::Busted(event) | CorrectionEvent::Corrected(event) => event,
        CorrectionEvent::Repaid(repaid) => {
            let moved = postings::of_repaid(repaid);
            return moved.for_each(|posting| post(accounts, when, engine, &posting));
        }
    };
    if let Some(cleared) = engine.clearing().terms(event.instrument) {
        let venue = engine.venues().venue_of(event.instrument);
        let moved = postings::of_correction(event, cleared, venue);
        moved.for_each(|posting| post(accounts, when, engine, &posting));
    }
}

fn post(accounts: &mut Accounts, when: When, engine: &Engine, posting: &Posting) {
    let account = accounts.entry((posting.asset, posting.holder)).or_default();
    match when {
        When::Before => account.opening += posting.amount,
        When::Inside => account.moved[kind(engine, posting)] += posting.amount,
        When::After => account.later += posting.amount,
    }
}

/// A kind's place in [`Account::moved`]; corrections count with the trades they correct.
fn kind(engine: &Engine, posting: &Posting) -> usize {
    match posting.kind {
        PostingKind::Deposit => 0,
        PostingKind::Withdrawal => 1,
        PostingKind::TradeMoney | PostingKind::CorrectionMoney | PostingKind::ContractMoney => 2,
        PostingKind::TradeGoods
        | PostingKind::Receipt
        | PostingKind::CorrectionGoods
        | PostingKind::ContractGoods => 3,
        PostingKind::Fee | PostingKind::CorrectionFee | PostingKind::ContractFee => 4,
        PostingKind::Owed | PostingKind::Repaid => {
            let asset = engine.clearing().assets().asset(posting.asset);
            let goods = asset.is_some_and(|asset| matches!(asset.class, AssetClass::Goods { .. }));
            if goods { 3 } else { 2 }
        }
        PostingKind::Draw => 5,
        PostingKind::Repayment => 6,
        PostingKind::Transfer => 7,
        PostingKind::Variation => 8,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use engine::types::{AccountId, Amount, CustodianId, Name};

    use super::*;

    const MONEY: AssetId = AssetId::new(0);
    const ANN: Holder = Holder::Account(AccountId::new(0));
    const BANK: Holder = Holder::Custodian(CustodianId::new(0));

    /// Ann had 100 and deposited 20 more, and the ledger says so.
    pub(crate) fn agreeing() -> Reconciliation {
        let account = |opening, deposit, ledger| Account {
            opening,
            moved: [deposit, 0, 0, 0, 0, 0, 0, 0, 0],
            later: 0,
            ledger,
        };
        let reference = CustodyReport {
            instruction: Sequence::new(9),
            account: AccountId::new(0),
            asset: MONEY,
            custodian: CustodianId::new(0),
            direction: Direction::Deposit,
            amount: Amount::new(20).expect("in bounds"),
            status: CustodyStatus::Executed,
            reference: Name::new("a-1").expect("short"),
            business_date: 20_000,
        };
        Reconciliation {
            accounts: BTreeMap::from([
                ((MONEY, ANN), account(100, 20, 120)),
                ((MONEY, BANK), account(-100, -20, -120)),
            ]),
            references: vec![reference],
            transfers: Vec::new(),
            base: Sequence::ZERO,
            base_time: Time::ZERO,
            engine: Engine::new(Limits::default()),
        }
    }

    /// The ledger has one more of Ann's than the events say.
    pub(crate) fn differing() -> Reconciliation {
        let mut more = agreeing();
        more.accounts.get_mut(&(MONEY, ANN)).expect("there").ledger += 1;
        more
    }

    #[test]
    fn whatever_does_not_agree_is_named() {
        let right = agreeing();
        assert_eq!(right.disagreements(MONEY), []);

        let more = differing();
        let found = more.disagreements(MONEY);
        assert_eq!(found, [Disagreement::Position(ANN, 1)]);

        let mut unreferenced = agreeing();
        unreferenced.references.clear();
        let found = unreferenced.disagreements(MONEY);
        assert_eq!(found, [Disagreement::Custodian(BANK, -20)]);

        let mut created = agreeing();
        let ann = created.accounts.get_mut(&(MONEY, ANN)).expect("there");
        (ann.opening, ann.ledger) = (107, 127);
        assert_eq!(created.disagreements(MONEY), [Disagreement::Sum(7)]);
    }
}
