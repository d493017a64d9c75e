//! A live client that moves money and goods in and out of the accounts that trade, and sends the
//! last of these again over every kill: each is done once.
//!
//! Invariant: one deposit or withdrawal is under way at a time, with the same id until it is
//! answered. Not here: what the accounts must have afterwards (`money`).

use std::{collections::VecDeque, sync::Arc};

use proto::v1::{InstructRequest, InstructionDirection};
use rust_decimal::Decimal;

use super::{
    lane::{Lane, PAUSE},
    ledger::Sent,
};
use crate::{
    client::connect::{is_refusal, is_worth_a_retry},
    purse::Moved,
    setup::money::Staked,
};

/// So many of the last are sent again over a kill: a deposit and a withdrawal at least.
const AGAIN: usize = 4;
/// The accounts whose amounts are moved: those of the other lanes.
const ACCOUNTS: u64 = 9;

/// See the file's head.
pub struct Teller {
    lane: Lane,
    staked: Arc<Staked>,
    round: u64,
    kills: u32,
    recent: VecDeque<(String, InstructRequest)>,
}

impl Teller {
    /// A client that moves what was staked.
    pub fn new(lane: Lane, staked: Arc<Staked>) -> Self {
        Self {
            lane,
            staked,
            round: 0,
            kills: 0,
            recent: VecDeque::new(),
        }
    }

    /// Sends until the run is over.
    pub async fn run(mut self) -> Result<(), String> {
        let floor = Arc::clone(&self.lane.floor);
        while floor.may_ask().await {
            let kills = floor.kills();
            if kills > self.kills {
                self.kills = kills;
                for (id, request) in &self.recent {
                    self.until_answered(id, request, Sent::Retried).await?;
                }
            }
            let Some((id, request, moved)) = self.next() else {
                return Err("the teller has no account".to_owned());
            };
            floor.ledger().moves.asks(&id, moved);
            self.until_answered(&id, &request, Sent::Once).await?;
            floor.answered(1);
            if self.recent.len() == AGAIN {
                self.recent.pop_front();
            }
            self.recent.push_back((id, request));
        }
        Ok(())
    }

    /// In, then out; money, then goods; another account each time.
    fn next(&mut self) -> Option<(String, InstructRequest, Moved)> {
        self.round += 1;
        let round = self.round;
        let place = usize::try_from(round % ACCOUNTS).ok()?;
        let account_id = self.lane.market.accounts.get(place)?.account_id.clone();
        let is_money = (round / 2).is_multiple_of(2);
        let (asset_id, amount) = if is_money {
            let fen = i64::try_from(100_000 + round).ok()?;
            (self.staked.treasury.money.clone(), Decimal::new(fen, 2))
        } else {
            let goods = self.staked.goods.first()?.clone();
            (goods, Decimal::from(10 + round % 7))
        };
        let is_deposit = round.is_multiple_of(2);
        let (direction, signed) = if is_deposit {
            (InstructionDirection::Deposit, amount)
        } else {
            (InstructionDirection::Withdrawal, -amount)
        };
        let id = format!("t{round}");
        let of = (account_id.clone(), asset_id.clone());
        let request = self.staked.treasury.instruction(of, direction, amount, &id);
        let moved = Moved {
            account_id,
            asset_id,
            amount: signed,
        };
        Some((id, request, moved))
    }

    async fn until_answered(
        &self,
        id: &str,
        request: &InstructRequest,
        mut sent: Sent,
    ) -> Result<(), String> {
        let floor = &self.lane.floor;
        loop {
            let (kills, call) = floor.begin().await;
            let mut client = self.lane.connection.accounts();
            match client.instruct(request.clone()).await {
                Ok(report) => {
                    let mut ledger = floor.ledger();
                    if let Err(what) = ledger.moves.answered(id, sent, report.get_ref()) {
                        ledger.memory.faults.add(what);
                    }
                    return Ok(());
                }
                Err(status) if !is_worth_a_retry(&status) => {
                    return Err(format!("{id}: {status}"));
                }
                Err(status) => {
                    let killed = floor.kills() > kills;
                    if killed {
                        floor.ledger().struck(kills + 1, 1);
                    }
                    if (killed || !is_refusal(&status)) && sent == Sent::Once {
                        sent = Sent::Again;
                    }
                }
            }
            drop(call);
            // A kill explains it, or the gateway was busy: either way it is sent again.
            let _killed = tokio::time::timeout(PAUSE, floor.outlive(kills)).await;
        }
    }
}
