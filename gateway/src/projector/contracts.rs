//! Steps of contracts: what they post on the accounts of buyer and seller, and the rows by which
//! both are told of them.
//!
//! Invariant: as in `postings` and `rows`; a row has all that the event said and what of its
//! command both parties may know, and that of the one side is that of the other but for its
//! counters. What a contract holds or gives back is no posting: it moves inside an account. Not
//! here: how contracts stand (the engine), bytes of rows (`contract_codec`).

use engine::bytes::{self, BytesError, Reader};
use engine::clearing::Holder;
use engine::clearing::postings::PostingKind;
use engine::command::{Act, GoodsTo, Identity, TakenTo};
use engine::event::{
    ContractEvent, ContractRefused, ContractReport, ContractSide, ContractStep, Counters, Event,
    OfferAct, OfferReport, Role, SaleEvent,
};
use engine::reject::Reject;
use engine::types::{
    AccountId, ContractId, CustodianId, ExecId, OfferId, Sequence, Side, TermsId, Time,
};

use super::answers::FirstAnswerDue;
use super::orders::{At, LiveOrders};
use super::output::{ProjectError, Rows};
use super::postings::{PostingCause, PostingPlace, PostingRow};
use super::rows::{ExecutionRow, FirstAnswer};
use super::work::Ask;

/// A report of the private stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrivateRow {
    /// About an order.
    Execution(ExecutionRow),
    /// About a contract.
    Contract(ContractRow),
}

impl PrivateRow {
    /// The place of the command that caused it.
    pub const fn sequence(&self) -> u64 {
        match self {
            Self::Execution(row) => row.exec.sequence,
            Self::Contract(row) => row.exec.sequence,
        }
    }
}

/// What a command said beside what its event repeats; never what only one party may know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// A reserve.
    Reserve {
        /// The terms of the offer.
        terms: Option<TermsId>,
        /// Where the platform knows how to deliver.
        delivery_reference: [u8; 16],
    },
    /// A carrier's reference, or an invoice's.
    Reference([u8; 16]),
    /// Pieces to give back.
    Pieces(u32),
    /// What became of pieces that came back.
    Taken(TakenTo),
    /// By which bank.
    Custodian(CustodianId),
    /// What became of the goods of a dispute.
    Goods(GoodsTo),
}

impl Said {
    /// What a command said, if the step it asks for is this one.
    fn of(ask: &Ask, step: ContractStep, terms: Option<TermsId>) -> Self {
        match ask {
            Ask::Reserve(delivery_reference) if step.forms() => Self::Reserve {
                terms,
                delivery_reference: *delivery_reference,
            },
            Ask::Contract(act) if step == ContractStep::of(act) => Self::of_act(act),
            Ask::Reserve(_)
            | Ask::Contract(_)
            | Ask::NewOrder(_)
            | Ask::Order
            | Ask::MassCancel
            | Ask::CreateAccount(_)
            | Ask::Settles(..)
            | Ask::Offer
            | Ask::Operation
            | Ask::Silent => Self::Nothing,
        }
    }

    const fn of_act(act: &Act) -> Self {
        match act {
            Act::HandOver { reference }
            | Act::Deliver { reference }
            | Act::HandBack { reference }
            | Act::Invoice { reference } => Self::Reference(*reference),
            Act::AskReturn { pieces } => Self::Pieces(*pieces),
            Act::TakeBack { to } => Self::Taken(*to),
            Act::PayIn { custodian } => Self::Custodian(*custodian),
            Act::Resolve { goods, .. } => Self::Goods(*goods),
            Act::Pay
            | Act::Cancel
            | Act::PickUp { .. }
            | Act::Accept
            | Act::Dispute
            | Act::Rescind => Self::Nothing,
        }
    }
}

/// A report about a contract, complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContractRow {
    /// Its id; odd in its last number when it is the seller's.
    pub exec: ExecId,
    /// When the command was sequenced.
    pub time: Time,
    /// What was done or refused.
    pub event: ContractEvent,
    /// What the command said beside.
    pub said: Said,
    /// How whoever sent the command named it.
    pub asked: Identity,
}

impl ContractRow {
    /// Whose report it is: the buyer's as `Buy`; a refusal counts so.
    pub const fn side(&self) -> Side {
        if self.exec.index.is_multiple_of(2) {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    /// The account it is told to; none of an operator's refused step.
    pub const fn account(&self) -> Option<AccountId> {
        match &self.event {
            ContractEvent::Step(report) => Some(side_of(report, self.side()).account),
            ContractEvent::Refused(refused) => refused.account,
        }
    }

    /// Its numbers in the private streams.
    pub const fn counters(&self) -> Counters {
        match &self.event {
            ContractEvent::Step(report) => side_of(report, self.side()).counters,
            ContractEvent::Refused(refused) => refused.counters,
        }
    }

    /// Why it was refused, if it was.
    pub const fn reject(&self) -> Option<Reject> {
        match &self.event {
            ContractEvent::Step(_) => None,
            ContractEvent::Refused(refused) => Some(refused.reject),
        }
    }

    /// How the command was named, where the one who is told of it sent it.
    pub fn answers(&self) -> Identity {
        let own = match &self.event {
            ContractEvent::Refused(_) => true,
            ContractEvent::Step(report) => match self.side() {
                Side::Buy => report.by == Some(Role::Buyer),
                Side::Sell => report.by == Some(Role::Seller),
            },
        };
        if own { self.asked } else { Identity::Internal }
    }

    /// The same report as the other or the same party is told it.
    #[must_use]
    pub const fn of(self, side: Side) -> Self {
        let index = self.exec.index / 2 * 2;
        let index = match side {
            Side::Buy => index,
            Side::Sell => index + 1,
        };
        Self {
            exec: ExecId { index, ..self.exec },
            ..self
        }
    }

    /// The report as this account is told it: the buyer's, unless it is the seller.
    #[must_use]
    pub fn told(self, account: AccountId) -> Self {
        let seller = self
            .step()
            .is_some_and(|step| step.seller.account == account);
        self.of(if seller { Side::Sell } else { Side::Buy })
    }

    /// The step, if one was taken.
    pub const fn step(&self) -> Option<&ContractReport> {
        match &self.event {
            ContractEvent::Step(report) => Some(report),
            ContractEvent::Refused(_) => None,
        }
    }
}

const fn side_of(report: &ContractReport, side: Side) -> ContractSide {
    match side {
        Side::Buy => report.buyer,
        Side::Sell => report.seller,
    }
}

/// The terms of an offer that a command took: its event follows the contract's.
fn terms_in(events: &[(u32, Event)], offer: OfferId) -> Option<TermsId> {
    events.iter().find_map(|(_, event)| {
        let Event::Sale(SaleEvent::Offer(report)) = event else {
            return None;
        };
        (report.offer == offer).then_some(report.terms)
    })
}

impl LiveOrders {
    /// Writes what a step moved, and tells of it or of a refusal.
    pub(super) fn contract<R: Rows>(
        &self,
        at: At<'_>,
        event: &ContractEvent,
        first: &mut FirstAnswerDue,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        match event {
            ContractEvent::Step(report) => {
                if moves(report) {
                    apply(at, report, rows)?;
                }
                self.step(at, report, first, rows)
            }
            ContractEvent::Refused(refused) => self.refusal(at, refused, first, rows),
        }
    }

    fn step<R: Rows>(
        &self,
        at: At<'_>,
        report: &ContractReport,
        first: &mut FirstAnswerDue,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        let row = ContractRow {
            exec: at.exec_id(Side::Buy),
            time: at.step.time,
            event: ContractEvent::Step(*report),
            said: Said::of(
                &at.step.ask,
                report.step,
                terms_in(at.beside, report.offer()),
            ),
            asked: at.step.identity,
        };
        rows.put_contract_step(&row)?;
        let mut answer = None;
        for side in [Side::Buy, Side::Sell] {
            let told = side_of(report, side);
            let participant = self.known(at, told.account)?;
            let row = row.of(side);
            rows.put_private(participant, told, &row)?;
            if report.step.forms() {
                rows.put_contract_of(told.account, report.contract())?;
            }
            let acted = (report.by == Some(Role::Seller)) == (side == Side::Sell);
            if acted {
                answer = Some(FirstAnswer::Counted(participant, told.counters.participant));
            }
        }
        let Some(answer) = answer else { return Ok(()) };
        first.answer(FirstAnswerDue::Contract, at.step, answer, rows)
    }

    fn refusal<R: Rows>(
        &self,
        at: At<'_>,
        refused: &ContractRefused,
        first: &mut FirstAnswerDue,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        let row = ContractRow {
            exec: at.exec_id(Side::Buy),
            time: at.step.time,
            event: ContractEvent::Refused(*refused),
            said: Said::Nothing,
            asked: at.step.identity,
        };
        let counters = refused.counters;
        let told = refused.account.filter(|_| counters.account != 0);
        let answer = match told {
            None => FirstAnswer::Contract(Box::new(row)),
            Some(account) => {
                let participant = self.known(at, account)?;
                rows.put_private(participant, ContractSide { account, counters }, &row)?;
                FirstAnswer::Counted(participant, counters.participant)
            }
        };
        first.answer(FirstAnswerDue::Contract, at.step, answer, rows)
    }

    /// What became of an offer, where its seller asked for it.
    pub(super) fn offer<R: Rows>(
        at: At<'_>,
        report: &OfferReport,
        first: &mut FirstAnswerDue,
        rows: &mut R,
    ) -> Result<(), ProjectError<R::Error>> {
        if report.act == OfferAct::Offered {
            rows.put_offer(report)?;
        }
        let answer = FirstAnswer::Offer(Box::new(*report));
        first.answer(FirstAnswerDue::Offer, at.step, answer, rows)
    }
}

/// Which contracts, those formed last first.
#[derive(Clone, Copy, Debug)]
pub struct ContractsQuery {
    /// Whose.
    pub account: AccountId,
    /// Which of them.
    pub which: Which,
    /// From this one on, and those formed before it; none begins with the newest.
    pub from: Option<ContractId>,
    /// At most so many.
    pub limit: usize,
}

/// Which contracts by how they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// All.
    All,
    /// Those that live.
    Live,
}

/// A contract's first and last step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContractEnds {
    /// How it was formed.
    pub formed: ContractRow,
    /// What was done last.
    pub last: ContractRow,
}

/// Some contracts, those formed last first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ContractsPage {
    /// The contracts.
    pub contracts: Vec<ContractEnds>,
    /// Go on from this one; none at the end.
    pub next: Option<ContractId>,
}

/// Some steps of a contract, the oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StepsPage {
    /// The steps, as the buyer is told them.
    pub steps: Vec<ContractRow>,
    /// Go on from here; none at the end.
    pub next: Option<(Sequence, u32)>,
}

/// A part of what a step moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContractPart {
    /// Goods that left the warehouse, or came into it again.
    Goods,
    /// What was paid.
    Money,
    /// What the venue charged.
    Fee,
}

/// Whether a step moved an amount from one holder to another.
pub(super) const fn moves(report: &ContractReport) -> bool {
    report.paid_out != 0 || report.penalty != 0 || report.fee != 0 || report.goods_out != 0
}

/// Writes what a step moved.
fn apply<R: Rows>(
    at: At<'_>,
    report: &ContractReport,
    rows: &mut R,
) -> Result<(), ProjectError<R::Error>> {
    let mut next = [Side::Buy, Side::Sell].map(|side| at.posting(side));
    for posting in engine::clearing::postings::of_contract(report) {
        let Holder::Account(account) = posting.holder else {
            continue;
        };
        let part = if posting.kind == PostingKind::ContractGoods {
            ContractPart::Goods
        } else if posting.kind == PostingKind::ContractFee {
            ContractPart::Fee
        } else {
            ContractPart::Money
        };
        let place = &mut next[usize::from(account == report.seller.account)];
        rows.put_posting(&PostingRow {
            place: *place,
            account,
            asset: posting.asset,
            amount: posting.amount,
            cause: PostingCause::Contract {
                part,
                contract: report.contract(),
            },
        })?;
        *place = PostingPlace {
            index: place.index + 1,
            ..*place
        };
    }
    Ok(())
}

/// The tag of a part of a contract.
pub(super) const fn tag(part: ContractPart) -> u8 {
    match part {
        ContractPart::Money => 42,
        ContractPart::Goods => 43,
        ContractPart::Fee => 44,
    }
}

pub(super) fn put(out: &mut Vec<u8>, part: ContractPart, contract: ContractId) {
    out.push(tag(part));
    bytes::put_varint(out, contract.sequence);
    bytes::put_varint(out, contract.slot.into());
}

pub(super) fn get(part: ContractPart, input: &mut Reader<'_>) -> Result<PostingCause, BytesError> {
    let contract = ContractId {
        sequence: input.varint()?,
        slot: input.varint32("a contract's row")?,
    };
    Ok(PostingCause::Contract { part, contract })
}
