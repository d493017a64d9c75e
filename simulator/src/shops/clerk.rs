//! One client of the shops: it offers what is due, reserves, and takes the steps of its contracts
//! for buyer and seller both.
//!
//! Invariant: it decides by its own numbers and by what it was told; ids are never used twice. A
//! refusal teaches it to leave a contract alone, never to stop. Not here: sending (`crash`).

use std::sync::{Arc, Mutex, PoisonError};

use proto::v1::{
    ContractReport, ContractState, GoodsTo, ReserveRequest, SessionContractReport, TakeStepRequest,
    TakenTo, WithdrawOfferRequest,
    take_step_request::{
        Accept, AskReturn, Cancel, Deliver, Dispute, HandBack, HandOver, Pay, PickUp, Rescind,
        Resolve, Step, TakeBack,
    },
};
use rust_decimal::Decimal;

use super::{
    Answer, Command, Kind, Request,
    board::{Board, OnOffer, TAKEN_MAX, offer_of},
    books::bond_of,
    found::{SELLER, Shops},
    holds_goods, lives, now_ns,
};
use crate::workload::rng::{Rng, hash};

/// Contracts it looks after at most; further ones are left to their deadlines.
const DEALS_MAX: usize = 16;
/// Of a hundred commands, so many reserve while it has contracts to look after.
const RESERVES_PERCENT: u64 = 35;
/// A reference of a carrier or of a delivery.
const REFERENCE: [u8; 16] = [3; 16];

/// A contract that it looks after.
#[derive(Clone, Debug)]
struct Deal {
    kind: Kind,
    buyer: u32,
    last: ContractReport,
    /// What picks it up.
    code: [u8; 16],
    /// Nothing is tried before.
    not_before_ns: i64,
}

/// See the file's head.
pub struct Clerk {
    shops: Arc<Shops>,
    board: Arc<Mutex<Board>>,
    name: String,
    /// The first of its buyers, and how many follow.
    buyers: (u32, u32),
    rng: Rng,
    next: u64,
    deals: Vec<Deal>,
    /// What was asked last: the kind and closing of its offer, or the contract's place.
    about: About,
}

#[derive(Clone, Debug)]
enum About {
    Nothing,
    Reserve(OnOffer, u32, [u8; 16]),
    Deal(usize),
}

impl Clerk {
    /// A clerk with a name of its own, for so many buyers from the first on.
    pub fn new(
        shops: Arc<Shops>,
        board: Arc<Mutex<Board>>,
        name: &str,
        buyers: (u32, u32),
        seed: u64,
    ) -> Self {
        Self {
            shops,
            board,
            name: name.to_owned(),
            buyers,
            rng: Rng::new(seed ^ hash(u64::from(buyers.0))),
            next: 0,
            deals: Vec::new(),
            about: About::Nothing,
        }
    }

    /// The next command; none where there is nothing to do now. Its answer must be brought before
    /// another one is asked for.
    pub fn command(&mut self) -> Option<Command> {
        self.about = About::Nothing;
        let board = Arc::clone(&self.board);
        let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = board.take_due() {
            let id = self.id();
            let request = offer_of(&self.shops, kind, board.season(), id.clone());
            let request = Request::Offer(Box::new(request));
            return Some(Command { id, kind, request });
        }
        if let Some((kind, offer_id)) = board.take_replaced() {
            let id = self.id();
            let request = Request::Withdraw(WithdrawOfferRequest {
                client_order_id: id.clone(),
                account_id: self.shops.account(SELLER),
                offer_id,
                valid_until: None,
            });
            return Some(Command { id, kind, request });
        }
        let now = now_ns();
        let ready = self.deals.iter().filter(|deal| deal.not_before_ns <= now);
        let ready = ready.count() as u64;
        if ready > 0 && self.rng.below(100) >= RESERVES_PERCENT {
            let nth = usize::try_from(self.rng.below(ready)).ok()?;
            let mut all = self.deals.iter().enumerate();
            let place = all.by_ref().filter(|(_, deal)| deal.not_before_ns <= now);
            let (place, deal) = place.map(|(place, deal)| (place, deal.clone())).nth(nth)?;
            return self.step(place, &deal);
        }
        let kinds = &self.shops.kinds;
        let kind = usize::try_from(self.rng.below(kinds.len() as u64)).ok()?;
        let offer = board.take_from(*kinds.get(kind)?)?;
        drop(board);
        Some(self.reserve(offer))
    }

    fn id(&mut self) -> String {
        self.next += 1;
        format!("{}-{}", self.name, self.next)
    }

    fn reserve(&mut self, offer: OnOffer) -> Command {
        let id = self.id();
        let buyer = self.buyers.0 + (self.rng.below(u64::from(self.buyers.1)) as u32);
        let pieces = 1 + self.rng.below(u64::from(TAKEN_MAX)) as u32;
        let mut code = [0; 16];
        code[..8].copy_from_slice(&self.rng.next().to_le_bytes());
        let pickup_hash = if self.shops.is_picked_up(offer.kind) {
            let hash = blake3::hash(&code);
            hash.as_bytes().iter().copied().take(16).collect()
        } else {
            Vec::new()
        };
        let request = ReserveRequest {
            client_order_id: id.clone(),
            account_id: self.shops.account(buyer),
            offer_id: offer.id.clone(),
            offer_version: 1,
            pieces,
            delivery_reference: REFERENCE.to_vec(),
            pickup_hash,
            ..ReserveRequest::default()
        };
        let kind = offer.kind;
        self.about = About::Reserve(offer, buyer, code);
        let request = Request::Reserve(Box::new(request));
        Command { id, kind, request }
    }

    /// The next step of a contract; none where it is left alone from now on.
    fn step(&mut self, place: usize, deal: &Deal) -> Option<Command> {
        let Some((who, step)) = self.choose(deal) else {
            self.deals.swap_remove(place);
            return None;
        };
        let id = self.id();
        let account_id = match who {
            Who::Buyer => self.shops.account(deal.buyer),
            Who::Seller => self.shops.account(SELLER),
            Who::Operator => String::new(),
        };
        let request = TakeStepRequest {
            client_order_id: id.clone(),
            account_id,
            contract_id: deal.last.contract_id.clone(),
            contract_version: deal.last.version,
            reason: "simulator".to_owned(),
            step: Some(step),
            ..TakeStepRequest::default()
        };
        self.about = About::Deal(place);
        let (kind, request) = (deal.kind, Request::Step(Box::new(request)));
        Some(Command { id, kind, request })
    }

    fn choose(&mut self, deal: &Deal) -> Option<(Who, Step)> {
        let last = &deal.last;
        if last.disputed {
            return Some((Who::Operator, self.resolve(deal)));
        }
        let draw = self.rng.below(100);
        let reference = REFERENCE.to_vec();
        let hand_over = Step::HandOver(HandOver {
            reference: reference.clone(),
        });
        Some(match last.state() {
            ContractState::Unpaid => match draw {
                0..45 => (Who::Buyer, Step::Pay(Pay {})),
                45..60 => (Who::Buyer, Step::Cancel(Cancel {})),
                _ => return None,
            },
            ContractState::Deposited => match draw {
                0..50 => (Who::Buyer, Step::Pay(Pay {})),
                50..60 => (Who::Seller, Step::Cancel(Cancel {})),
                _ => return None,
            },
            // Its group has closed by now, or a gap put that off.
            ContractState::Joined => match draw {
                0..20 => (Who::Buyer, Step::Cancel(Cancel {})),
                20..80 => (Who::Seller, hand_over),
                _ => return None,
            },
            ContractState::Paid => match draw {
                0..70 => (Who::Seller, hand_over),
                70..80 => (Who::Seller, Step::Cancel(Cancel {})),
                80..90 => (Who::Buyer, Step::Rescind(Rescind {})),
                _ => (Who::Buyer, Step::Dispute(Dispute {})),
            },
            ContractState::HandedOver if self.shops.is_picked_up(deal.kind) => {
                let code = deal.code.to_vec();
                (Who::Seller, Step::PickUp(PickUp { code }))
            }
            ContractState::HandedOver => match draw {
                0..50 => (Who::Seller, Step::Deliver(Deliver { reference })),
                50..90 => (Who::Buyer, Step::Accept(Accept {})),
                _ => (Who::Seller, Step::Dispute(Dispute {})),
            },
            ContractState::Delivered | ContractState::Accepted => self.inspected(last)?,
            ContractState::ReturnAsked => (Who::Buyer, Step::HandBack(HandBack { reference })),
            ContractState::Returning => {
                let to = if draw < 60 {
                    TakenTo::Stock
                } else {
                    TakenTo::WriteOff
                };
                let taken_to = to.into();
                (Who::Seller, Step::TakeBack(TakeBack { taken_to }))
            }
            ContractState::Performed
            | ContractState::ReturnProposed
            | ContractState::Unspecified
            | ContractState::Settled
            | ContractState::Refunded
            | ContractState::Cancelled
            | ContractState::Expired
            | ContractState::Defaulted
            | ContractState::Resolved
            | ContractState::Rescinded
            | ContractState::Released
            | ContractState::Forfeited
            | ContractState::Entered => return None,
        })
    }

    /// What a buyer does with what it has.
    fn inspected(&mut self, last: &ContractReport) -> Option<(Who, Step)> {
        let step = match self.rng.below(100) {
            0..40 if last.state() == ContractState::Delivered => Step::Accept(Accept {}),
            0..80 => {
                let pieces = 1 + self.rng.below(u64::from(last.pieces)) as u32;
                Step::AskReturn(AskReturn { pieces })
            }
            80..90 => Step::Dispute(Dispute {}),
            _ => return None,
        };
        Some((Who::Buyer, step))
    }

    /// The buyer gets a whole number of hundredths of what is held, the seller the rest.
    fn resolve(&mut self, deal: &Deal) -> Step {
        let last = &deal.last;
        let held = last.money_held.parse::<Decimal>().unwrap_or_default() + bond_of(last);
        let share = Decimal::from(self.rng.below(101)) / Decimal::ONE_HUNDRED;
        let buyer = (held * share).trunc_with_scale(2);
        let leave = !holds_goods(last.state()) || self.rng.below(2) == 0;
        let goods_to = if leave {
            GoodsTo::Buyer
        } else {
            GoodsTo::Stock
        };
        Step::Resolve(Resolve {
            buyer_amount: buyer.to_string(),
            seller_amount: (held - buyer).to_string(),
            goods_to: goods_to.into(),
        })
    }

    /// Takes in the answer of the last command.
    pub fn answered(&mut self, command: &Command, answer: &Answer) {
        let about = std::mem::replace(&mut self.about, About::Nothing);
        match (answer, about) {
            (Answer::Offer(report), _) => {
                if let Request::Offer(request) = &command.request {
                    let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
                    board.made(command.kind, request, report);
                }
            }
            (Answer::Contract(report), About::Reserve(offer, buyer, code)) => {
                if report.reject_reason.is_empty() && self.deals.len() < DEALS_MAX {
                    let sleeps = offer.kind == Kind::Group || offer.kind == Kind::Presale;
                    self.deals.push(Deal {
                        kind: offer.kind,
                        buyer,
                        last: (**report).clone(),
                        code,
                        not_before_ns: if sleeps { offer.closes_ns } else { 0 },
                    });
                }
            }
            (Answer::Contract(report), About::Deal(place)) => self.stepped(place, report),
            (Answer::Contract(_), About::Nothing) => {}
        }
    }

    /// The last command was not taken, or nobody knows what became of it.
    pub fn gave_up(&mut self, command: &Command) {
        match (std::mem::replace(&mut self.about, About::Nothing), command) {
            (About::Deal(place), _) if place < self.deals.len() => {
                self.deals.swap_remove(place);
            }
            (
                _,
                Command {
                    kind,
                    request: Request::Offer(_),
                    ..
                },
            ) => {
                let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
                board.not_made(*kind);
            }
            (About::Nothing | About::Reserve(..) | About::Deal(_), _) => {}
        }
    }

    fn stepped(&mut self, place: usize, report: &ContractReport) {
        let Some(deal) = self.deals.get_mut(place) else {
            return;
        };
        let refused = !report.reject_reason.is_empty();
        // What happened meanwhile to an entry or a deposit is one version ahead, if at all.
        if refused && report.reject_reason == "STALE_VERSION" && deal.last.version == 1 {
            deal.last.version = 2;
            deal.last.set_state(ContractState::Paid);
        } else if refused || !lives(report.state()) {
            self.deals.swap_remove(place);
        } else {
            deal.last = report.clone();
        }
    }
}

/// Who takes a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Buyer,
    Seller,
    Operator,
}

/// A report as a Session tells it. What a Session says of its own in a refusal, the code and
/// whether the venue is a demonstration, is taken over where both refuse.
pub fn in_numbers(
    shops: &Shops,
    report: &ContractReport,
    told: &SessionContractReport,
) -> Option<SessionContractReport> {
    let refused = !report.reject_reason.is_empty();
    let (contract_sequence, contract_slot) = halves(&report.contract_id)?;
    let (offer_sequence, offer_slot) = halves(&report.offer_id)?;
    let mut accounts = shops.accounts().zip(&shops.handles);
    let (_, account) = accounts.find(|(id, _)| *id == report.account_id)?;
    let time = report.transact_time.as_ref()?;
    Some(SessionContractReport {
        engine_sequence: report.engine_sequence,
        client_sequence: report.client_sequence,
        account: *account,
        step: report.step,
        state: report.state,
        contract_sequence,
        contract_slot,
        version: report.version,
        offer_sequence,
        offer_slot,
        pieces: report.pieces,
        price_units: fen(&report.price)?,
        amount_units: fen(&report.amount)?,
        tax_units: fen(&report.tax)?,
        money_held_units: fen(&report.money_held)?,
        deadline_ns: report.deadline.as_ref().map_or(0, super::ns),
        account_sequence: report.account_sequence,
        participant_sequence: report.participant_sequence,
        transact_time_ns: super::ns(time),
        index: report.exec_id.rsplit('-').next()?.parse().ok()?,
        reject_code: if refused { told.reject_code.max(1) } else { 0 },
        reject_reason: report.reject_reason.clone(),
        legal_basis: report.legal_basis.clone(),
        full_tax: report.full_tax,
        demonstration: if refused {
            told.demonstration
        } else {
            report.demonstration
        },
    })
}

/// The two numbers of an id; none has zeros.
fn halves(id: &str) -> Option<(u64, u32)> {
    if id.is_empty() {
        return Some((0, 0));
    }
    let (sequence, slot) = id.split_once('-')?;
    Some((sequence.parse().ok()?, slot.parse().ok()?))
}

fn fen(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    text.replace('.', "").parse().ok()
}
