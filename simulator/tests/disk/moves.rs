//! Deposits and withdrawals on a disk that may fail: sent beside the orders, and sent again with
//! the same ids after every start, so that each is done once.
//!
//! Invariant: what is not answered is unknown until it is asked again. Not here: what the accounts
//! must have by them (`audit`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proto::v1::{self, InstructRequest, OperationReport};
use rust_decimal::Decimal;
use sanjiang_simulator::client::connect::Connection;
use sanjiang_simulator::purse::Moved;
use sanjiang_simulator::setup::money::{goods_of, money_of};
use sanjiang_simulator::setup::{Run, account_id};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::audit::{Found, wrong};
use super::exchange::{Exchange, PATIENCE, Ran, said};

/// Answered ones asked for again at each audit, besides all new ones.
const SAMPLE: usize = 10;

type Answered = (u64, Result<OperationReport, Status>);

/// A deposit or a withdrawal and its first answer.
struct Asked {
    answer: Option<OperationReport>,
    audited: bool,
}

/// All of an exchange's.
#[derive(Default)]
pub struct Moves {
    all: BTreeMap<u64, Asked>,
    next: Arc<AtomicU64>,
    /// Answers that were given again, of deposits and of withdrawals.
    pub retried: [u64; 2],
}

impl Moves {
    /// Sends one after the other until `over` is set or one is not answered.
    pub(super) fn start(
        &self,
        connection: Connection,
        run: Run,
        over: Arc<AtomicBool>,
    ) -> tokio::task::JoinHandle<Vec<Answered>> {
        let next = Arc::clone(&self.next);
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while !over.load(Ordering::Acquire) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let answered = instruct(&connection, &run, number).await;
                let goes_on = match &answered.1 {
                    Ok(_) => true,
                    Err(status) => status.code() == Code::ResourceExhausted,
                };
                answers.push(answered);
                if !goes_on {
                    break;
                }
            }
            answers
        })
    }

    /// Remembers what was answered and what was not.
    pub(super) fn remember(&mut self, answers: Vec<Answered>, ran: &mut Ran) {
        for (number, answer) in answers {
            let answer = match answer {
                Ok(report) => Some(report),
                Err(status) => {
                    if status.code() == Code::ResourceExhausted {
                        ran.refused += 1;
                    } else {
                        *ran.unanswered.entry(said(&status)).or_default() += 1;
                    }
                    None
                }
            };
            let audited = false;
            self.all.insert(number, Asked { answer, audited });
        }
    }

    /// Counts every one as new for the next audit.
    pub(super) fn forget_audits(&mut self) {
        for asked in self.all.values_mut() {
            asked.audited = false;
        }
    }

    /// What custodians moved by all of them: after an audit has asked for each.
    pub(super) fn done(&self, run: &Run) -> Vec<Moved> {
        self.all
            .keys()
            .map(|number| request(run, *number).1)
            .collect()
    }
}

impl Exchange {
    /// Each new one, and some old ones, once more: what was answered is answered the same.
    pub(super) async fn move_again(&mut self) -> Result<(), Found> {
        let step = self.moves.all.len() / SAMPLE + 1;
        let all = self.moves.all.iter().enumerate();
        let asked = all.filter(|(place, (_, asked))| !asked.audited || place % step == 0);
        let asked: Vec<u64> = asked.map(|(_, (number, _))| *number).collect();
        for some in asked.chunks(32) {
            let mut calls = JoinSet::new();
            for number in some.iter().copied() {
                let (connection, run) = (self.connection().clone(), self.run.clone());
                calls.spawn(async move { instruct(&connection, &run, number).await });
            }
            for (number, answer) in calls.join_all().await {
                let report = answer.map_err(Found::Unanswered)?;
                self.answered_again(number, report)?;
            }
        }
        Ok(())
    }

    fn answered_again(&mut self, number: u64, report: OperationReport) -> Result<(), Found> {
        let asked = self.moves.all.get_mut(&number).unwrap();
        let marked = report.poss_dup;
        let plain = OperationReport {
            poss_dup: false,
            ..report
        };
        if !plain.accepted {
            return wrong(format!("move {number} was not accepted: {plain:?}"));
        }
        if let Some(first) = &asked.answer
            && (*first != plain || !marked)
        {
            return wrong(format!(
                "move {number} was answered {first:?}, again {plain:?}, marked {marked}"
            ));
        }
        self.moves.retried[number as usize % 2] += u64::from(marked);
        asked.answer = Some(plain);
        asked.audited = true;
        Ok(())
    }
}

/// Sends the one of a number once.
async fn instruct(connection: &Connection, run: &Run, number: u64) -> Answered {
    let (request, _) = request(run, number);
    let mut client = connection.accounts();
    let answer = tokio::time::timeout(PATIENCE, client.instruct(request)).await;
    let answer = answer.unwrap_or_else(|_| panic!("no answer to move {number}"));
    (number, answer.map(tonic::Response::into_inner))
}

/// In, then out, money, then goods, of either account: an amount of its own for each number.
fn request(run: &Run, number: u64) -> (InstructRequest, Moved) {
    let is_money = (number / 2).is_multiple_of(2);
    let (asset_id, custodian_id, amount) = if is_money {
        let fen = Decimal::new(10_001 + number as i64, 2);
        (money_of(run), run.id("bank"), fen)
    } else {
        let goods = goods_of(run, &run.id("i"));
        (goods, run.id("store"), Decimal::from(1 + number % 50))
    };
    let (direction, signed) = if number.is_multiple_of(2) {
        (v1::InstructionDirection::Deposit, amount)
    } else {
        (v1::InstructionDirection::Withdrawal, -amount)
    };
    let account_id = account_id(run, (number / 4 % 2) as u32);
    let request = InstructRequest {
        context: Some(v1::OperationContext {
            request_id: run.id(&format!("m{number}")),
            reason: "a disk".to_owned(),
            approver: String::new(),
        }),
        account_id: account_id.clone(),
        asset_id: asset_id.clone(),
        custodian_id,
        direction: direction.into(),
        amount: amount.to_string(),
    };
    let moved = Moved {
        account_id,
        asset_id,
        amount: signed,
    };
    (request, moved)
}
