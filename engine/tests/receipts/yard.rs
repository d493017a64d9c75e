//! An engine with goods of a demonstration and real ones, their warehouses, and four accounts.
//!
//! Invariant: after every command the engine's audit holds and a refused command changed nothing.

use sanjiang_engine::command::*;
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{Event, Events, ReceiptReport};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::*;

/// Goods of the demonstration, and real ones; each with a warehouse of the same number.
pub const PLAY: u32 = 0;
pub const REAL: u32 = 1;
/// A second warehouse of the demonstration, and a bank with its currency.
pub const OTHER: u32 = 2;
pub const BANK: u32 = 3;
pub const MONEY: u32 = 2;

pub struct Yard {
    pub engine: Engine,
    pub time: Time,
    /// Who signs beside the sender, and why.
    pub approver: Option<PrincipalId>,
    pub reason: &'static str,
    /// Every event of a receipt so far, with the command that caused it.
    pub told: Vec<(Sequence, ReceiptReport)>,
    identity: Identity,
}

pub fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

pub fn units(units: i64) -> Amount {
    Amount::new(units).expect("in bounds")
}

pub fn account(at: u32) -> AccountId {
    AccountId::new(at)
}

pub fn limits() -> Limits {
    Limits {
        orders_max: 64,
        levels_max: 16,
        stops_max: 8,
        accounts_max: 8,
        positions_max: 64,
        receipts_max: 24,
        receipt_numbers_max: 60,
        requests_capacity: 16,
        ..Limits::default()
    }
}

pub fn issue(number: &str, at: u32, amount: i64) -> IssueReceipt {
    IssueReceipt {
        number: name(number),
        warehouse: CustodianId::new(PLAY),
        asset: AssetId::new(PLAY),
        amount: units(amount),
        account: account(at),
        document: [number.len() as u8; 32],
    }
}

/// The same of the real warehouse.
pub fn real(number: &str, at: u32, amount: i64) -> IssueReceipt {
    IssueReceipt {
        warehouse: CustodianId::new(REAL),
        asset: AssetId::new(REAL),
        ..issue(number, at, amount)
    }
}

pub fn part(number: &str, amount: i64) -> ReceiptPart {
    ReceiptPart {
        number: name(number),
        amount: units(amount),
        document: [amount as u8; 32],
    }
}

impl Yard {
    pub fn new(limits: Limits) -> Self {
        let mut yard = Self {
            engine: Engine::new(limits),
            time: Time::new(20_000 * 86_400_000_000_000).expect("in bounds"),
            approver: None,
            reason: "",
            told: Vec::new(),
            identity: Identity::Internal,
        };
        let participant = name("firm");
        yard.done(Body::CreateParticipant(CreateParticipant {
            name: participant,
        }));
        for at in 0..4 {
            let name = name(&format!("a{at}"));
            yard.done(Body::CreateOwner(CreateOwner { name }));
            yard.done(Body::CreateAccount(CreateAccount {
                name,
                participant: ParticipantId::new(0),
                owner: OwnerId::new(at),
            }));
        }
        let goods = AssetClass::Goods {
            unit: name("t"),
            decimals: 0,
        };
        let (play, real) = (Demonstration::Demonstration, Demonstration::Real);
        let money = AssetClass::Currency { decimals: 2 };
        for (text, class, demonstration) in [
            ("play", goods, play),
            ("copper", goods, real),
            ("CNY", money, play),
        ] {
            yard.done(Body::CreateAsset(CreateAsset {
                name: name(text),
                class,
                demonstration,
            }));
        }
        let warehouse = CustodianKind::Warehouse;
        for (text, kind, demonstration) in [
            ("play", warehouse, play),
            ("real", warehouse, real),
            ("other", warehouse, play),
            ("bank", CustodianKind::Bank, play),
        ] {
            yard.done(Body::CreateCustodian(CreateCustodian {
                name: name(text),
                kind,
                demonstration,
            }));
        }
        yard
    }

    pub fn send(&mut self, body: Body) -> Vec<Event> {
        let sequence = self.engine.sequence().next();
        let authority = Authority {
            on_behalf_of: None,
            reason: self.reason.to_owned(),
            approver: self.approver,
        };
        let said = authority != Authority::default();
        let command = Sequenced {
            sequence,
            time: self.time,
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity: self.identity,
                    valid_until: None,
                    authority: said.then(|| Box::new(authority)),
                },
                body,
            },
        };
        let dry = self.engine.validate(&command.value, self.time);
        let before = self.ledger();
        let mut events = Events::default();
        self.engine.apply(&command, &mut events);
        assert_eq!(self.engine.audit(), Ok(()));
        let events = events.as_slice().to_vec();
        let refused = reject(&events);
        assert_eq!(dry.err().map(|reject| reject.reason), refused);
        if refused.is_some() {
            assert_eq!(self.ledger(), before, "what is refused changes nothing");
        }
        for event in &events {
            if let Event::Receipt(report) = event {
                self.told.push((sequence, *report));
            }
        }
        events
    }

    /// All that receipts and positions are.
    fn ledger(&self) -> [Vec<u8>; 2] {
        let sections = self.engine.encode_sections();
        let of = |wanted: u8| {
            let found = sections.iter().find(|(id, _)| *id as u8 == wanted);
            found.expect("there").1.clone()
        };
        [of(7), of(15)]
    }

    /// Sends a request with an id of the client's.
    pub fn request(&mut self, id: &str, act: ReceiptCommand) -> Vec<Event> {
        self.identity = Identity::Request(ClientId::new(id).expect("short"));
        let events = self.act(act);
        self.identity = Identity::Internal;
        events
    }

    pub fn done(&mut self, body: Body) -> Vec<Event> {
        let events = self.send(body);
        assert_eq!(reject(&events), None);
        events
    }

    pub fn act(&mut self, act: ReceiptCommand) -> Vec<Event> {
        self.send(Body::Receipts(Box::new(act)))
    }

    /// Does an act, and gives the handle it answers.
    pub fn made(&mut self, act: ReceiptCommand) -> ReceiptId {
        let events = self.act(act);
        let Some(Event::Operation(answer)) = events.last() else {
            panic!("an answer comes last: {events:?}");
        };
        assert_eq!(answer.reject, None);
        ReceiptId::new(answer.handle.expect("something was issued"))
    }

    /// Why an act is refused.
    pub fn refusal(&mut self, act: ReceiptCommand) -> Option<RejectReason> {
        reject(&self.act(act))
    }

    /// What an account has of an asset: available and held.
    pub fn has(&self, at: u32, asset: u32) -> (i64, i64) {
        let ledger = self.engine.clearing().ledger();
        let mut positions = ledger.of_account(account(at));
        let found = positions.find(|position| position.asset() == AssetId::new(asset));
        found.map_or((0, 0), |position| (position.available, position.held))
    }

    pub fn deposit(&mut self, at: u32, amount: i64) {
        self.instruct(at, Direction::Deposit, amount);
    }

    pub fn instruct(&mut self, at: u32, direction: Direction, amount: i64) -> Vec<Event> {
        self.send(Body::Instruct(Instruct {
            account: account(at),
            asset: AssetId::new(PLAY),
            custodian: CustodianId::new(PLAY),
            direction,
            amount: units(amount),
        }))
    }
}

pub fn reject(events: &[Event]) -> Option<RejectReason> {
    events.iter().find_map(|event| {
        if let Event::Operation(answer) = event {
            return answer.reject.map(|reject| reject.reason);
        }
        None
    })
}
