//! The number of each kind of event in the hash is its own, for ever.
//!
//! Invariant: the kinds here are all there are (`number` does not compile without one); their
//! numbers only grow. Not here: the fields behind a number.

use super::*;
use crate::command::{Direction, Encumbrance, KillScope, Position, Quarantine};
use crate::event::*;
use crate::types::*;
use crate::venue::{Phase, TradingStatus};

/// The number of an event's kind: that of the hot ones, or the first byte of a rare one, which
/// stands behind the pair with its length.
fn tag(event: &Event) -> u8 {
    let mut bytes = Vec::new();
    event.encode(&mut bytes);
    match bytes[0] & 0xF {
        RARE => bytes[16],
        hot => hot,
    }
}

/// The mark of a rare event in its first pair; no kind has the number.
const RARE: u8 = 4;

const ACCOUNT: AccountId = AccountId::new(1);
const ASSET: AssetId = AssetId::new(2);
const INSTRUMENT: InstrumentId = InstrumentId::new(3);
const VENUE: VenueId = VenueId::new(4);
const SESSION: SessionId = SessionId::new(5);
const ORDER: OrderId = OrderId {
    sequence: 6,
    slot: 7,
};
const LOTS: Quantity = Quantity::ZERO;

fn price() -> Price {
    Price::new(9).expect("in bounds")
}

fn name() -> Name {
    Name::new("n").expect("short")
}

fn orders() -> [Event; 6] {
    let fill = Fill {
        order: ORDER,
        account: ACCOUNT,
        leaves: LOTS,
        cumulative: LOTS,
        fee: 0,
        held: 0,
        counters: Counters::NONE,
    };
    [
        Event::Report(OrderReport {
            exec_type: ExecType::New,
            status: OrderStatus::New,
            cause: Cause::Request,
            reject: None,
            order: ORDER,
            account: ACCOUNT,
            instrument: None,
            side: None,
            price: None,
            stop_price: None,
            order_quantity: LOTS,
            leaves: LOTS,
            cumulative: LOTS,
            held: 0,
            counters: Counters::NONE,
        }),
        Event::Trade(Trade {
            instrument: INSTRUMENT,
            price: price(),
            quantity: LOTS,
            value: 0,
            goods: 0,
            aggressor: None,
            buy: fill,
            sell: fill,
        }),
        Event::Book(BookChange {
            instrument: INSTRUMENT,
            order: ORDER,
            side: Side::Buy,
            action: BookAction::Add,
            price: price(),
            displayed: LOTS,
        }),
        Event::Indicative(Indicative {
            instrument: INSTRUMENT,
            price: None,
            volume: 0,
            imbalance: 0,
        }),
        Event::Uncrossed(Uncrossed {
            instrument: INSTRUMENT,
            price: None,
            volume: 0,
            imbalance: 0,
        }),
        Event::MassCancel(MassCancelReport {
            account: ACCOUNT,
            reject: None,
            canceled: 0,
            kept: 0,
        }),
    ]
}

fn operations() -> [Event; 11] {
    let position = Position::Engaged;
    let scope = KillScope::Session(SESSION);
    [
        Event::Operation(OperationReport {
            reject: None,
            handle: None,
        }),
        Event::Duplicate(Duplicate {
            first_sequence: Sequence::ZERO,
            watermark: 0,
        }),
        Event::SessionOpened(SessionOpened {
            session: SESSION,
            watermark: 0,
        }),
        Event::PhaseChanged(PhaseChanged {
            venue: VENUE,
            phase: Phase::Continuous,
        }),
        Event::StatusChanged(StatusChanged {
            scope: Scope::Venue(VENUE),
            status: TradingStatus::Trading,
        }),
        Event::ReferencePrice(ReferencePrice {
            instrument: INSTRUMENT,
            price: price(),
        }),
        Event::DayRolled(DayRolled {
            venue: VENUE,
            calendar: CalendarId::new(0),
            day: 0,
            index: 0,
        }),
        Event::EpochBegan(BeginEpoch {
            epoch: 1,
            cause: crate::command::EpochCause::Restored,
            lost: None,
        }),
        Event::Quarantined(Quarantine {
            sequence: Sequence::ZERO,
        }),
        Event::Limits(SetRiskLimits {
            scope: RiskScope::Venue(VENUE),
            limits: RiskLimits::NONE,
        }),
        Event::Switch(SwitchEvent::Turned(KillSwitchTurned { scope, position })),
    ]
}

fn money() -> [Event; 7] {
    let terms = TradeTerms {
        price: price(),
        quantity: LOTS,
        value: 0,
    };
    let side = CorrectionSide {
        order: 0,
        account: ACCOUNT,
        fee_before: 0,
        fee: 0,
        owed: 0,
        counters: Counters::NONE,
    };
    [
        Event::Custody(CustodyReport {
            instruction: Sequence::ZERO,
            account: ACCOUNT,
            asset: ASSET,
            custodian: CustodianId::new(0),
            direction: Direction::Deposit,
            amount: Amount::ZERO,
            status: CustodyStatus::Pending,
            reference: name(),
            business_date: 0,
        }),
        Event::Standing(StandingChanged::Standing {
            party: Party::Account(ACCOUNT),
            standing: crate::command::Standing::Open,
        }),
        Event::Receipt(ReceiptReport {
            act: ReceiptAct::Encumbered(Encumbrance::Frozen),
            receipt: ReceiptId::new(0),
            warehouse: CustodianId::new(0),
            asset: ASSET,
            account: ACCOUNT,
            amount: Amount::ZERO,
            number: name(),
            document: [0; 32],
            provenance: [0; 32],
        }),
        Event::Correction(CorrectionEvent::Busted(TradeCorrection {
            sequence: Sequence::ZERO,
            index: 0,
            instrument: INSTRUMENT,
            aggressor: None,
            before: terms,
            after: terms,
            goods: 0,
            goods_owed: 0,
            buy: side,
            sell: side,
        })),
        Event::Credit(CreditEvent::Moved(CreditMoved {
            account: ACCOUNT,
            asset: ASSET,
            change: 0,
            drawn: Amount::ZERO,
        })),
        Event::Settlement(Settled {
            instrument: INSTRUMENT,
            account: ACCOUNT,
            goods: 0,
            money: 0,
        }),
        Event::Margin(MarginEvent::Covered {
            account: ACCOUNT,
            instrument: INSTRUMENT,
        }),
    ]
}

/// The number that each kind has.
fn number(event: &Event) -> u8 {
    match event {
        Event::Report(_) => 1,
        Event::Trade(_) => 2,
        Event::Book(_) => 3,
        Event::Indicative(_) => 4,
        Event::Uncrossed(_) => 5,
        Event::MassCancel(_) => 6,
        Event::Operation(_) => 7,
        Event::Duplicate(_) => 8,
        Event::SessionOpened(_) => 9,
        Event::PhaseChanged(_) => 10,
        Event::StatusChanged(_) => 11,
        Event::ReferencePrice(_) => 12,
        Event::DayRolled(_) => 13,
        Event::EpochBegan(_) => 14,
        Event::Quarantined(_) => 15,
        Event::Custody(_) => 16,
        Event::Standing(_) => 20,
        Event::Switch(_) => 21,
        Event::Limits(_) => 22,
        Event::Credit(_) => 23,
        Event::Settlement(_) => 24,
        Event::Correction(_) => 25,
        Event::Receipt(_) => 26,
        Event::Margin(_) => 27,
        Event::Sale(_) => 28,
        Event::Contract(_) => 29,
        Event::Regime(RegimeEvent::Defined(_)) => 30,
        Event::Regime(RegimeEvent::Moving(_)) => 40,
        Event::Regime(RegimeEvent::Moved(_)) => 41,
    }
}

/// The rare ones about sales and contracts; steps and offers have marks of their own (`words`).
fn sales() -> [Event; 5] {
    [
        Event::Sale(SaleEvent::Party {
            owner: OwnerId::new(1),
            kind: crate::command::PartyKind::Consumer,
        }),
        Event::Contract(ContractEvent::Refused(ContractRefused {
            step: ContractStep::Reserve,
            account: None,
            contract: None,
            line: None,
            reject: crate::reject::RejectReason::UnknownAccount.into(),
            counters: Counters::NONE,
        })),
        Event::Regime(RegimeEvent::Defined(crate::event::RegimeDefined {
            regime: crate::venue::Regime::EcomB2b,
            from: Time::ZERO,
        })),
        Event::Regime(RegimeEvent::Moving(crate::event::VenueMoving {
            venue: crate::types::VenueId::new(1),
            regimes: [None; 16],
            from: Time::ZERO,
        })),
        Event::Regime(RegimeEvent::Moved(crate::types::VenueId::new(1))),
    ]
}

#[test]
fn each_kind_of_event_has_a_number_of_its_own() {
    let all: Vec<_> = [&orders()[..], &operations(), &money(), &sales()].concat();
    assert_eq!(all.len(), 29, "one of each");
    let mut seen = std::collections::BTreeSet::new();
    for event in &all {
        assert_eq!(tag(event), number(event), "{event:?}");
        assert!(seen.insert(number(event)), "twice: {event:?}");
    }
}
