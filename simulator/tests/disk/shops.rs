//! Shops on a disk that may fail: clerks beside the orders, the same commands again after every
//! start, and the inspection from outside.
//!
//! Invariant: a command that was not answered is sent again with the same id before anything is
//! inspected. Not here: what the clerks ask (`shops::clerk`), what is checked (`shops::inspect`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sanjiang_simulator::client::connect::Connection;
use sanjiang_simulator::crash::audit::When;
use sanjiang_simulator::crash::ledger::Sent;
use sanjiang_simulator::setup::{Run, SetupError};
use sanjiang_simulator::shops::board::{Board, Season};
use sanjiang_simulator::shops::clerk::Clerk;
use sanjiang_simulator::shops::found::Shops;
use sanjiang_simulator::shops::inspect::{Inspected, Inspector};
use sanjiang_simulator::shops::ledger::Ledger;
use sanjiang_simulator::shops::{Answer, Command, now_ns, send};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::audit::{Found, wrong};
use super::exchange::{Exchange, PATIENCE, Ran, said};

/// Clerks, each with so many buyers of its own. The last ones fill carts.
const CLERKS: (u32, u32) = (4, 3);
/// So many of the clerks do not.
const PLAIN_CLERKS: u32 = 2;
/// More of them agree on returns; their buyers are those of the others.
const DEBT_CLERKS: (u32, u32) = (2, 6);
/// Answered commands of each that are sent again after a start.
const AGAIN: usize = 3;

/// A clerk, what it asked without an answer, and what it was answered last.
pub(super) struct Errands {
    clerk: Clerk,
    waiting: Option<Command>,
    recent: VecDeque<Command>,
}

/// All of an exchange's.
#[derive(Default)]
pub struct Fair {
    shops: Option<Arc<Shops>>,
    errands: Vec<Errands>,
    ledger: Arc<Mutex<Ledger>>,
    /// The next inspection looks at everything.
    pub(super) whole: bool,
    /// What the last inspection found.
    pub inspected: Inspected,
    inspector: Inspector,
    started: bool,
}

impl Fair {
    /// Founds the shops, unless they are known to be there.
    pub(super) async fn found(&mut self, connection: &Connection) -> Result<(), SetupError> {
        if self.shops.is_some() {
            return Ok(());
        }
        let run = Run::named("fair").unwrap();
        let shops = Arc::new(Shops::found(connection, &run).await?);
        let board = Arc::new(Mutex::new(Board::new(&shops, Season::SHORT)));
        let (clerks, own) = CLERKS;
        for index in 0..clerks {
            let buyers = (1 + index * own, own);
            let name = format!("clerk{index}");
            let (shops, board) = (Arc::clone(&shops), Arc::clone(&board));
            let mut clerk = Clerk::new(shops, board, &name, buyers, 5);
            if index >= PLAIN_CLERKS {
                clerk = clerk.with_carts();
            }
            self.errands.push(Errands::new(clerk));
        }
        let (clerks, own) = DEBT_CLERKS;
        for index in 0..clerks {
            let buyers = (1 + index * own, own);
            let name = format!("debts{index}");
            let (shops, board) = (Arc::clone(&shops), Arc::clone(&board));
            let clerk = Clerk::new(shops, board, &name, buyers, 5);
            self.errands.push(Errands::new(clerk.with_debts()));
        }
        self.shops = Some(shops);
        Ok(())
    }

    /// The program is about to start: if it ran before, that life has ended.
    pub(super) fn starts(&mut self) {
        if self.started {
            self.ledger.lock().unwrap().lives.ended(now_ns());
        }
        self.started = true;
    }

    /// Sends until `over` is set or a command is not answered.
    pub(super) fn start(
        &mut self,
        connection: &Connection,
        over: &Arc<AtomicBool>,
    ) -> JoinSet<(Errands, Option<Status>)> {
        let mut running = JoinSet::new();
        for errands in self.errands.drain(..) {
            let (connection, over) = (connection.clone(), Arc::clone(over));
            let ledger = Arc::clone(&self.ledger);
            running.spawn(errands.run(connection, over, ledger));
        }
        running
    }

    /// Takes the clerks back.
    pub(super) async fn end(&mut self, running: JoinSet<(Errands, Option<Status>)>, ran: &mut Ran) {
        for (errands, cut) in running.join_all().await {
            if let Some(status) = cut {
                *ran.unanswered.entry(said(&status)).or_default() += 1;
            }
            self.errands.push(errands);
        }
    }
}

impl Errands {
    const fn new(clerk: Clerk) -> Self {
        Self {
            clerk,
            waiting: None,
            recent: VecDeque::new(),
        }
    }

    async fn run(
        mut self,
        connection: Connection,
        over: Arc<AtomicBool>,
        ledger: Arc<Mutex<Ledger>>,
    ) -> (Self, Option<Status>) {
        while !over.load(Ordering::Acquire) {
            if self.waiting.is_none()
                && let Some(command) = self.clerk.command()
            {
                ledger.lock().unwrap().asks(&command);
                self.waiting = Some(command);
            }
            let Some(command) = self.waiting.clone() else {
                tokio::task::yield_now().await;
                continue;
            };
            match once(&connection, &command).await {
                Ok(answer) => {
                    ledger
                        .lock()
                        .unwrap()
                        .answered(&command, Sent::Once, &answer);
                    self.took(&command, &answer);
                }
                // Not taken; the same again.
                Err(status) if status.code() == Code::ResourceExhausted => {
                    tokio::task::yield_now().await;
                }
                Err(status) => return (self, Some(status)),
            }
        }
        (self, None)
    }

    fn took(&mut self, command: &Command, answer: &Answer) {
        self.clerk.answered(command, answer);
        self.waiting = None;
        if self.recent.len() == AGAIN {
            self.recent.pop_front();
        }
        if !command.is_question() {
            self.recent.push_back(command.clone());
        }
    }
}

async fn once(connection: &Connection, command: &Command) -> Result<Answer, Status> {
    let answer = tokio::time::timeout(PATIENCE, send(connection, command)).await;
    answer.unwrap_or_else(|_| panic!("no answer to {}", command.id))
}

/// What the shops of many exchanges met.
#[derive(Default)]
pub struct ShopCounts {
    acknowledged: u64,
    retried: u64,
    contracts: u64,
    fired: u64,
    put_off: u64,
    baskets: u64,
    uses: u64,
    covered: u64,
    imports: u64,
    set: u64,
    owed: u64,
    repaid: u64,
    let_off: u64,
    moved: u64,
}

impl ShopCounts {
    /// Takes in what an exchange's last inspection found.
    pub fn add(&mut self, exchange: &Exchange) {
        let (acknowledged, retried) = exchange.shop_commands();
        self.acknowledged += acknowledged;
        self.retried += retried;
        let found = &exchange.fair.inspected;
        self.contracts += found.contracts;
        self.fired += found.fired;
        self.put_off += found.put_off;
        self.baskets += found.baskets.formed;
        self.uses += found.baskets.uses;
        self.covered += found.cover.covered;
        self.imports += found.uses.imports;
        self.set += found.cover.sets + found.uses.reported + found.graces;
        self.owed += found.debts.owed;
        self.repaid += found.debts.parts + found.debts.whole;
        self.let_off += found.debts.let_off;
        self.moved += found.debts.moved;
    }

    pub fn print(&self) {
        println!(
            "  shops: {} commands acknowledged, none lost, {} sent again, each done once; {} \
             contracts; {} deadlines fired, {} put off, each once; {} baskets, each in whole, {} \
             uses of discounts; {} covered by a guarantee; {} imports; {} settings; {} returns \
             owed, {} payments of them, {} let off, {} moves of sellers' money",
            self.acknowledged,
            self.retried,
            self.contracts,
            self.fired,
            self.put_off,
            self.baskets,
            self.uses,
            self.covered,
            self.imports,
            self.set,
            self.owed,
            self.repaid,
            self.let_off,
            self.moved
        );
    }

    /// Something of everything came, but for deadlines that fired: lives here may be shorter.
    pub fn check(&self) {
        let all = [
            self.retried,
            self.contracts,
            self.put_off,
            self.baskets + self.imports + self.set,
        ];
        assert!(all.iter().all(|count| *count > 0), "{all:?}");
    }

    /// So did something of all that a cart, a guarantee, an import and a debt can meet: of longer
    /// lives.
    pub fn check_carts(&self) {
        let all = [
            self.baskets,
            self.uses + self.covered,
            self.imports,
            self.set,
            self.owed,
            self.repaid,
            self.moved,
        ];
        assert!(all.iter().all(|count| *count > 0), "{all:?}");
    }
}

impl Exchange {
    /// What was not answered and some of what was, once more; then the inspection.
    pub(super) async fn inspect_shops(&mut self) -> Result<(), Found> {
        let connection = self.connection().clone();
        let ledger = Arc::clone(&self.fair.ledger);
        for errands in &mut self.fair.errands {
            for command in &errands.recent {
                let answer = once(&connection, command).await;
                let answer = answer.map_err(Found::Unanswered)?;
                let mut ledger = ledger.lock().unwrap();
                ledger.answered(command, Sent::Retried, &answer);
            }
            if let Some(command) = errands.waiting.clone() {
                let answer = once(&connection, &command).await;
                let answer = answer.map_err(Found::Unanswered)?;
                let mut told = ledger.lock().unwrap();
                told.answered(&command, Sent::Again, &answer);
                told.memory.resent += 1;
                drop(told);
                errands.took(&command, &answer);
            }
        }
        let Some(shops) = self.fair.shops.clone() else {
            return Ok(());
        };
        let when = if std::mem::take(&mut self.fair.whole) {
            When::AtEnd
        } else {
            When::Between
        };
        let look = |see: &mut dyn FnMut(&Ledger)| see(&ledger.lock().unwrap());
        let inspector = &mut self.fair.inspector;
        let found = inspector.inspect(&connection, &shops, look, when, &mut self.rng);
        let found = found.await;
        let found = found.map_err(|error| match error {
            SetupError::Call { status, .. } => Found::Unanswered(status),
            SetupError::Rejected { .. } | SetupError::NoHandle { .. } | SetupError::Aborted(_) => {
                Found::Wrong(error.to_string())
            }
        })?;
        let faults = [&found.faults, &ledger.lock().unwrap().memory.faults]
            .into_iter()
            .flat_map(|faults| faults.first.iter().cloned())
            .next();
        self.fair.inspected = found;
        faults.map_or(Ok(()), wrong)
    }

    /// Commands to shops answered so far, and of these sent again over a start.
    pub fn shop_commands(&self) -> (u64, u64) {
        let ledger = self.fair.ledger.lock().unwrap();
        (
            ledger.memory.acknowledged,
            ledger.memory.duplicates_answered,
        )
    }
}
