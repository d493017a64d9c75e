//! For tests: the money and goods of the made-up exchange.
//!
//! Invariant: all instruments but the last have clearing from the start; amounts follow from prices
//! and quantities alone. Not here: orders and trades (`testing`).

use engine::command::{Body, Direction, Instruct, SetClearing};
use engine::event::{CustodyReport, CustodyStatus, Event, OperationReport};
use engine::reject::RejectReason;
use engine::types::{AccountId, Amount, AssetId, CustodianId, InstrumentId, Name, Price, Quantity};

use super::testing::{ACCOUNTS, Exchange, INSTRUMENTS};

/// What is paid; an instrument's goods are the asset after its own handle.
pub(crate) const MONEY: AssetId = AssetId::new(0);

/// What something is worth: nothing on the last instrument, which is not cleared.
pub(crate) fn worth(instrument: InstrumentId, price: Price, quantity: Quantity) -> i64 {
    if is_cleared(instrument) {
        price.ticks() * quantity.lots() * 10
    } else {
        0
    }
}

pub(crate) fn is_cleared(instrument: InstrumentId) -> bool {
    instrument.index() < INSTRUMENTS - 1
}

impl Exchange {
    /// Clearing for all instruments but the last, for which it is refused.
    pub(super) fn clearing(&mut self, instrument: InstrumentId) {
        let report = Event::Operation(OperationReport {
            reject: (!is_cleared(instrument)).then(|| RejectReason::InvalidField.into()),
            handle: None,
        });
        let body = Body::SetClearing(SetClearing {
            instrument,
            money: MONEY,
            goods: AssetId::new(instrument.index() + 1),
        });
        let identity = self.identity();
        self.release(identity, body, vec![report]);
    }

    /// A custodian moves money, or is told to and has not yet.
    pub(super) fn custody(&mut self) {
        let instruct = Instruct {
            account: AccountId::new(self.random(ACCOUNTS.into()) as u32),
            asset: MONEY,
            custodian: CustodianId::new(0),
            direction: [Direction::Deposit, Direction::Withdrawal][self.random(2) as usize],
            amount: Amount::new(1 + self.random(1_000) as i64).expect("small"),
        };
        let executed = self.random(2) == 0;
        let (status, reference) = if executed {
            (CustodyStatus::Executed, "bank-1")
        } else {
            (CustodyStatus::Pending, "")
        };
        let report = Event::Custody(CustodyReport {
            instruction: self.next_sequence(),
            account: instruct.account,
            asset: instruct.asset,
            custodian: instruct.custodian,
            direction: instruct.direction,
            amount: instruct.amount,
            status,
            reference: Name::new(reference).expect("short"),
            business_date: 20_780,
        });
        let done = Event::Operation(OperationReport {
            reject: None,
            handle: None,
        });
        let identity = self.identity();
        self.release(identity, Body::Instruct(instruct), vec![report, done]);
    }
}
