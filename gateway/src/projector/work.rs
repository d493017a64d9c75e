//! What the projector is handed: owned, compact copies of released commands and their events.
//!
//! Invariant: a piece holds at most [`PIECE_COMMANDS_MAX`] commands, whole; the cursor may stand at
//! its end. Changes of the displayed book are left out here, since they are half of all events and
//! no history: copying them would double what the queue holds. Not here: what becomes of the
//! events (`orders`), the queue and its thread (`mod.rs`).

use crossbeam::channel::Sender;
use engine::command::{
    Act, Body, Command, ContractCommand, Identity, MarginCommand, Sequenced, SwitchCommand,
};
use engine::event::{
    ContractEvent, CorrectionEvent, CreditEvent, CustodyStatus, Event, MarginEvent, SaleEvent,
};
use engine::runtime::Released;
use engine::types::{InstrumentId, NewOrder, ParticipantId, Sequence, Time};

use super::contracts;
use super::postings::Settles;

/// The most commands of one piece; bounds how much one write batch can grow by.
pub const PIECE_COMMANDS_MAX: usize = 4_096;

/// What history needs of a command's body.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// A new order.
    NewOrder(NewOrder),
    /// A cancel or replace.
    Order,
    /// A mass cancel.
    MassCancel,
    /// A new account of this participant.
    CreateAccount(ParticipantId),
    /// What an instrument settles in from now on.
    Settles(InstrumentId, Settles),
    /// A seller's command about an offer.
    Offer,
    /// A reserve, or a basket of them; where to deliver.
    Reserve([u8; 16]),
    /// A step of a contract.
    Contract(Act),
    /// Any other operation.
    Operation,
    /// Nothing that is answered by id: a session, a tick, what the runtime itself writes.
    Silent,
}

/// A command as the projector sees it.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its place.
    pub sequence: Sequence,
    /// Its time.
    pub time: Time,
    /// How a retry of it is recognised.
    pub identity: Identity,
    /// What it asked.
    pub ask: Ask,
    /// The index after its last event in the piece.
    pub end: usize,
}

/// Some commands with their events.
#[derive(Debug)]
pub struct Piece {
    /// The shard.
    pub shard: u32,
    /// The epoch of the journal.
    pub epoch: u32,
    /// The last command, also when nothing of it is history.
    pub last: Sequence,
    /// The commands that history knows of.
    pub steps: Vec<Step>,
    /// Their events, each with its index among its command's events.
    pub events: Vec<(u32, Event)>,
    /// Told once the piece can be read.
    pub settled: Option<Sender<()>>,
}

impl Piece {
    /// Cuts what was released into pieces.
    pub fn cut(released: &Released<'_>, mut take: impl FnMut(Self)) {
        let mut piece = None;
        let mut count = 0;
        for (command, _, events) in released.iter() {
            // A correction looks up what was written before it, so it begins a piece.
            if corrects(events)
                && let Some(before) = piece.take()
            {
                count = 0;
                take(before);
            }
            let current = piece.get_or_insert_with(|| Self::begin(released, command));
            current.push(command, events);
            count += 1;
            if count == PIECE_COMMANDS_MAX {
                count = 0;
                if let Some(piece) = piece.take() {
                    take(piece);
                }
            }
        }
        if let Some(piece) = piece {
            take(piece);
        }
    }

    fn begin(released: &Released<'_>, command: &Sequenced<Command>) -> Self {
        Self {
            shard: released.shard,
            epoch: released.epoch,
            last: command.sequence,
            steps: Vec::new(),
            events: Vec::new(),
            settled: None,
        }
    }

    /// Whether it begins with a correction: what came before must be written first.
    pub fn looks_back(&self) -> bool {
        let first = self.steps.first().map_or(0, |step| step.end);
        let events = self.events.get(..first).unwrap_or_default();
        events.iter().any(|(_, event)| is_correction(event))
    }

    /// An empty piece after everything up to `last`, whose writing is told.
    pub const fn to_settle(last: Sequence, settled: Sender<()>) -> Self {
        Self {
            shard: 0,
            epoch: 0,
            last,
            steps: Vec::new(),
            events: Vec::new(),
            settled: Some(settled),
        }
    }

    /// The last command that made a trade.
    pub fn last_trade(&self) -> Option<Sequence> {
        self.last_with(is_print)
    }

    /// The last command that moved an amount.
    pub fn last_posting(&self) -> Option<Sequence> {
        self.last_with(|event| {
            let credit = matches!(event, Event::Credit(event) if moves(event));
            let variation = matches!(event, Event::Margin(MarginEvent::Variation(_)));
            let contract = matches!(event, Event::Contract(ContractEvent::Step(report))
                if contracts::moves(report));
            credit
                || contract
                || variation
                || matches!(
                    event,
                    Event::Trade(_) | Event::Custody(_) | Event::Receipt(_) | Event::Correction(_)
                )
        })
    }

    fn last_with(&self, wanted: impl Fn(&Event) -> bool) -> Option<Sequence> {
        let place = self.events.iter().rposition(|(_, event)| wanted(event))?;
        let step = self.steps.iter().find(|step| step.end > place)?;
        Some(step.sequence)
    }

    fn push(&mut self, command: &Sequenced<Command>, events: &[Event]) {
        self.last = command.sequence;
        let before = self.events.len();
        let tells = matches!(
            command.value.body,
            Body::Sales(_)
                | Body::Contract(ContractCommand::Reserve(_) | ContractCommand::Basket(_))
        );
        let offers = if tells { Offers::Kept } else { Offers::LeftOut };
        let kept = (0..).zip(events);
        let kept = kept.filter(|(_, event)| is_history(event, offers));
        self.events
            .extend(kept.map(|(index, event)| (index, *event)));
        if self.events.len() == before {
            return;
        }
        self.steps.push(Step {
            sequence: command.sequence,
            time: command.time,
            identity: command.value.envelope.identity,
            ask: ask(&command.value.body),
            end: self.events.len(),
        });
    }
}

fn is_correction(event: &Event) -> bool {
    matches!(
        event,
        Event::Correction(CorrectionEvent::Busted(_) | CorrectionEvent::Corrected(_))
    )
}

fn corrects(events: &[Event]) -> bool {
    events.iter().any(is_correction)
}

/// Whether the public tape tells of it.
fn is_print(event: &Event) -> bool {
    matches!(event, Event::Trade(_)) || is_correction(event)
}

/// Whether it moved an amount from one holder to another; collateral is only held.
const fn moves(event: &CreditEvent) -> bool {
    match event {
        CreditEvent::Moved(_) | CreditEvent::Half(_) | CreditEvent::Transferred(_) => true,
        CreditEvent::Collateral(_) => false,
    }
}

/// Whether changes of offers are kept: a seller's own, and the one that tells a contract's terms;
/// what contracts gave back tells the contract's own event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Offers {
    Kept,
    LeftOut,
}

fn is_history(event: &Event, offers: Offers) -> bool {
    match event {
        // What is pending or was refused moved nothing.
        Event::Custody(report) => report.status == CustodyStatus::Executed,
        Event::Margin(event) => matches!(event, MarginEvent::Variation(_)),
        Event::Sale(SaleEvent::Offer(_)) => offers == Offers::Kept,
        Event::Contract(_)
        | Event::Report(_)
        | Event::Trade(_)
        | Event::Receipt(_)
        | Event::MassCancel(_)
        | Event::Operation(_)
        | Event::Correction(_) => true,
        Event::Credit(event) => moves(event),
        Event::Book(_)
        | Event::Indicative(_)
        | Event::Uncrossed(_)
        | Event::Duplicate(_)
        | Event::SessionOpened(_)
        | Event::PhaseChanged(_)
        | Event::StatusChanged(_)
        | Event::ReferencePrice(_)
        | Event::DayRolled(_)
        | Event::Standing(_)
        | Event::Limits(_)
        // What it frees was moved by the trades.
        | Event::Settlement(_)
        | Event::Sale(_)
        | Event::EpochBegan(_)
        | Event::Quarantined(_)
        | Event::Regime(_)
        | Event::Switch(_) => false,
    }
}

fn ask(body: &Body) -> Ask {
    match body {
        Body::NewOrder(order) => Ask::NewOrder(*order),
        Body::CancelOrder(_) | Body::ReplaceOrder(_) => Ask::Order,
        Body::MassCancel(_) => Ask::MassCancel,
        Body::CreateAccount(account) => Ask::CreateAccount(account.participant),
        Body::SetClearing(set) => {
            let (money, goods) = (set.money, Some(set.goods));
            Ask::Settles(set.instrument, Settles { money, goods })
        }
        Body::Margin(MarginCommand::SetMargin(set)) => {
            let (money, goods) = (set.money, None);
            Ask::Settles(set.instrument, Settles { money, goods })
        }
        Body::CreateParticipant(_)
        | Body::CreateOwner(_)
        | Body::SetCalendar(_)
        | Body::CreateVenue(_)
        | Body::DefineRegime(_)
        | Body::MoveVenue(_)
        | Body::SetAnnualUse(_)
        | Body::CreateInstrument(_)
        | Body::SetSchedule(_)
        | Body::SetPhase(_)
        | Body::SetTradingStatus(_)
        | Body::SetReferencePrice(_)
        | Body::SetLimits(_)
        | Body::CreateAsset(_)
        | Body::CreateCustodian(_)
        | Body::SetFees(_)
        | Body::SetTier(_)
        | Body::Instruct(_)
        | Body::Acknowledge(_)
        | Body::CloseCustodyDate(_)
        | Body::Standing(_)
        | Body::Limits(_)
        | Body::Receipts(_)
        | Body::Correction(_)
        | Body::Credit(_)
        | Body::Settlement(_)
        | Body::Margin(_)
        | Body::AcceptClock(_)
        | Body::Switch(SwitchCommand::SetKillSwitch(_)) => Ask::Operation,
        Body::Sales(sales) if !sales.is_of_offers() => Ask::Operation,
        Body::Sales(_) => Ask::Offer,
        Body::Contract(ContractCommand::Reserve(ask)) => Ask::Reserve(ask.delivery_reference),
        Body::Contract(ContractCommand::Basket(ask)) => Ask::Reserve(ask.delivery_reference),
        Body::Contract(ContractCommand::Step(take)) => Ask::Contract(take.act),
        Body::OpenSession(_)
        | Body::Tick
        | Body::SessionsLost
        | Body::ServiceGap(_)
        | Body::SemanticsVersion(_)
        | Body::BeginEpoch(_)
        | Body::Quarantine(_)
        | Body::Switch(_) => Ask::Silent,
    }
}
