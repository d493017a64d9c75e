//! One client of the shops: it offers what is due, reserves, and takes the steps of its contracts
//! for buyer and seller both.
//!
//! Invariant: it decides by its own numbers and by what it was told; ids are never used twice. A
//! refusal teaches it to leave a contract alone, never to stop. Not here: sending (`crash`).

use std::sync::{Arc, Mutex, PoisonError};

use proto::v1::{
    BringLotteryValueRequest, ContractReport, ContractState, ContractStep, GetTicketRequest,
    GoodsTo, JoinQueueRequest, OperationContext, ReserveRequest, RevealLotterySeedRequest,
    TakeStepRequest, TakenTo, WithdrawOfferRequest,
    take_step_request::{
        Accept, AskReturn, Cancel, Deliver, Dispute, HandBack, HandOver, Pay, PayIn, PickUp,
        Rescind, Resolve, Step, TakeBack,
    },
};
use rust_decimal::Decimal;

use super::{
    Answer, Command, Kind, Request,
    board::{Board, DRAWN_PIECES, Draw, OnOffer, TAKEN_MAX, offer_of},
    books::bond_of,
    campaigns::{SOURCE, value_of},
    found::{SELLER, Shops},
    holds_goods, lives, now_ns, ns,
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

/// A ticket of one of its buyers.
#[derive(Clone, Debug)]
struct Turn {
    offer_id: String,
    buyer: u32,
    until_ns: i64,
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
    turns: Vec<Turn>,
    /// What comes before all else: who drew a ticket looks at it, who brought a value reveals its
    /// seed.
    due: Option<Due>,
    /// What was asked last: the kind and closing of its offer, or the contract's place.
    about: About,
}

#[derive(Clone, Debug)]
enum About {
    Nothing,
    Reserve(OnOffer, u32, [u8; 16]),
    Deal(usize),
    Join(OnOffer, u32),
    Ticket(OnOffer, u32),
    Value(Draw),
}

#[derive(Clone, Debug)]
enum Due {
    Ticket(OnOffer, u32),
    Seed(Draw),
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
            turns: Vec::new(),
            due: None,
            about: About::Nothing,
        }
    }

    /// The next command; none where there is nothing to do now. Its answer must be brought before
    /// another one is asked for.
    pub fn command(&mut self) -> Option<Command> {
        self.about = About::Nothing;
        if let Some(due) = self.due.take() {
            return Some(self.go_on(due));
        }
        let board = Arc::clone(&self.board);
        let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(draw) = board.take_draw() {
            drop(board);
            return Some(self.bring(draw));
        }
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

    fn context(&self, id: &str) -> OperationContext {
        OperationContext {
            request_id: id.to_owned(),
            reason: self.name.clone(),
            approver: String::new(),
        }
    }

    /// The public value of a lottery; one in four is left without its seed afterwards.
    fn bring(&mut self, draw: Draw) -> Command {
        let id = self.id();
        let value = BringLotteryValueRequest {
            context: Some(self.context(&id)),
            offer_id: draw.offer_id.clone(),
            value: value_of(&draw.offer_id).to_vec(),
            source: SOURCE.to_owned(),
        };
        self.about = About::Value(draw);
        Command {
            id,
            kind: Kind::Lottery,
            request: Request::Value(value),
        }
    }

    fn go_on(&mut self, due: Due) -> Command {
        let id = self.id();
        let (kind, request) = match due {
            Due::Ticket(offer, buyer) => {
                let look = GetTicketRequest {
                    account_id: self.shops.account(buyer),
                    offer_id: offer.id.clone(),
                };
                self.about = About::Ticket(offer, buyer);
                (Kind::Queue, Request::Ticket(look))
            }
            Due::Seed(draw) => {
                let reveal = RevealLotterySeedRequest {
                    context: Some(self.context(&id)),
                    offer_id: draw.offer_id,
                    seed: draw.seed.to_vec(),
                };
                (Kind::Lottery, Request::Seed(reveal))
            }
        };
        Command { id, kind, request }
    }

    /// A buyer without a ticket draws one first.
    fn join(&mut self, offer: OnOffer, buyer: u32) -> Command {
        let id = self.id();
        let join = JoinQueueRequest {
            context: Some(self.context(&id)),
            account_id: self.shops.account(buyer),
            offer_id: offer.id.clone(),
        };
        self.about = About::Join(offer, buyer);
        Command {
            id,
            kind: Kind::Queue,
            request: Request::Join(join),
        }
    }

    fn reserve(&mut self, offer: OnOffer) -> Command {
        let buyer = self.buyers.0 + (self.rng.below(u64::from(self.buyers.1)) as u32);
        if offer.kind == Kind::Queue {
            let now = now_ns();
            self.turns.retain(|turn| turn.until_ns > now);
            let own = |turn: &Turn| turn.buyer == buyer && turn.offer_id == offer.id;
            if !self.turns.iter().any(own) {
                return self.join(offer, buyer);
            }
        }
        let id = self.id();
        let pieces = if offer.kind == Kind::Lottery {
            DRAWN_PIECES
        } else {
            1 + self.rng.below(u64::from(TAKEN_MAX)) as u32
        };
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
            ContractState::Unpaid | ContractState::Deposited => return self.paid(deal, draw),
            // It was drawn by now, or a gap put that off.
            ContractState::Entered => match draw {
                0..60 => (Who::Seller, hand_over),
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
            | ContractState::Covered
            | ContractState::Owing
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
            | ContractState::Forfeited => return None,
        })
    }

    /// What is done before it is paid, or paid in whole.
    fn paid(&self, deal: &Deal, draw: u64) -> Option<(Who, Step)> {
        let later = deal.last.state() == ContractState::Unpaid;
        Some(match draw {
            0..75 if later && deal.kind == Kind::Bank => {
                let custodian_id = self.shops.bank.clone();
                (Who::Buyer, Step::PayIn(PayIn { custodian_id }))
            }
            _ if deal.kind == Kind::Bank => return None,
            45..60 if later => (Who::Buyer, Step::Cancel(Cancel {})),
            0..50 => (Who::Buyer, Step::Pay(Pay {})),
            50..60 => (Who::Seller, Step::Cancel(Cancel {})),
            _ => return None,
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
                    let sleeps = matches!(offer.kind, Kind::Group | Kind::Presale | Kind::Lottery);
                    self.deals.push(Deal {
                        kind: offer.kind,
                        buyer,
                        last: (**report).clone(),
                        code,
                        not_before_ns: if sleeps { offer.decided_ns } else { 0 },
                    });
                }
            }
            (Answer::Contract(report), About::Deal(place)) => self.stepped(place, report),
            (Answer::Operation(report), About::Join(offer, buyer)) => {
                if report.accepted || report.reject_reason == "TICKET_HELD" {
                    self.due = Some(Due::Ticket(offer, buyer));
                }
            }
            (Answer::Operation(report), About::Value(draw)) => {
                if report.accepted && self.rng.below(4) > 0 {
                    self.due = Some(Due::Seed(draw));
                }
            }
            (Answer::Ticket(Some(ticket)), About::Ticket(offer, buyer)) => {
                let until_ns = ticket.until.as_ref().map_or(0, ns);
                let offer_id = offer.id;
                self.turns.push(Turn {
                    offer_id,
                    buyer,
                    until_ns,
                });
            }
            (Answer::Contract(_) | Answer::Operation(_) | Answer::Ticket(_), _) => {}
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
            (_, _) => {}
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
            if report.step() == ContractStep::PayIn {
                // The bank of a demonstration has it in the same instant: the next version.
                deal.last.version += 1;
                deal.last.set_state(ContractState::Paid);
            }
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
