//! One client of the shops: it offers what is due, reserves, and takes the steps of its contracts
//! for buyer and seller both.
//!
//! Invariant: it decides by its own numbers and by what it was told; ids are never used twice. A
//! refusal teaches it to leave a contract alone, never to stop. Not here: sending (`crash`).

use std::sync::{Arc, Mutex, PoisonError};

use proto::v1::{
    BringLotteryValueRequest, ContractReport, ContractState, ContractStep, DefineDiscountResponse,
    GetTicketRequest, JoinQueueRequest, OperationContext, ReserveRequest, RevealLotterySeedRequest,
    TakeStepRequest, WithdrawOfferRequest,
};

use super::{
    Answer, Command, Duty, Kind, Request,
    board::{Board, DRAWN_PIECES, Draw, OnOffer, TAKEN_MAX, offer_of},
    campaigns::{SOURCE, value_of},
    carts::{Code, cart, discount_of, hash_of},
    desk,
    found::Shops,
    lives, now_ns, ns,
    steps::{Deal, REFERENCE, Who},
};
use crate::workload::rng::{Rng, hash};

/// Contracts it looks after at most; further ones are left to their deadlines.
const DEALS_MAX: usize = 16;
/// Of its contracts of merchants, one in so many is another merchant's.
const MERCHANT_ONE_IN: u64 = 6;
/// What a clerk does beside its contracts.
#[derive(Clone, Copy, Debug)]
struct Duties {
    /// Of a hundred commands, so many reserve while it has contracts to look after.
    reserves_percent: u64,
    /// Of a hundred reserves, so many are of a whole cart.
    carts_percent: u64,
    /// Of a hundred commands, so many set something beside all trade.
    settings_percent: u64,
    /// Of a hundred commands, so many move money of merchants.
    moves_percent: u64,
    /// What it reserves.
    duty: Duty,
}

/// It reserves what is sold plainly, offer by offer.
const PLAIN: Duties = Duties {
    reserves_percent: 35,
    carts_percent: 0,
    settings_percent: 0,
    moves_percent: 0,
    duty: Duty::Plain,
};
/// It fills carts, takes what is covered or imported, and sets what is to be set.
const CARTS: Duties = Duties {
    reserves_percent: 45,
    carts_percent: 60,
    settings_percent: 12,
    moves_percent: 0,
    duty: Duty::Carts,
};
/// It takes what may come back by agreement, and moves the money of those who sell it.
const DEBTS: Duties = Duties {
    reserves_percent: 20,
    carts_percent: 0,
    settings_percent: 0,
    moves_percent: 30,
    duty: Duty::Debts,
};

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
    duties: Duties,
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
    Reserve(OnOffer, u32, Code),
    Cart(Vec<(OnOffer, Code)>, u32),
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
            duties: PLAIN,
            rng: Rng::new(seed ^ hash(u64::from(buyers.0) + (u64::from(buyers.1) << 32))),
            next: 0,
            deals: Vec::new(),
            turns: Vec::new(),
            due: None,
            about: About::Nothing,
        }
    }

    /// The same of one that fills carts, takes what is covered or imported, and sets what is set
    /// beside all trade; only of shops that have it.
    #[must_use]
    pub fn with_carts(mut self) -> Self {
        self.duties = CARTS;
        self
    }

    /// The same of one that agrees on returns and moves the money of merchants; only of shops that
    /// have some.
    #[must_use]
    pub fn with_debts(mut self) -> Self {
        self.duties = DEBTS;
        self
    }

    /// What it does.
    pub const fn duty(&self) -> Duty {
        self.duties.duty
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
        if let Some(over) = board.take_replaced() {
            let (id, kind) = (self.id(), over.kind);
            let request = Request::Withdraw(WithdrawOfferRequest {
                client_order_id: id.clone(),
                account_id: over.seller,
                offer_id: over.id,
                valid_until: None,
            });
            return Some(Command { id, kind, request });
        }
        if self.shops.whole
            && let Some(sort) = board.discounts.take_due()
        {
            let id = self.id();
            let request = discount_of(&self.shops, sort, id.clone());
            return Some(Command {
                id,
                kind: Kind::Fixed,
                request: Request::Discount(Box::new(request)),
            });
        }
        if self.rng.below(100) < self.duties.settings_percent {
            let id = self.id();
            let context = self.context(&id);
            let (kind, request) = desk::draw(&self.shops, &mut self.rng, context);
            return Some(Command { id, kind, request });
        }
        if self.rng.below(100) < self.duties.moves_percent {
            let (id, kind) = (self.id(), Kind::Agreed);
            let context = self.context(&id);
            let request = desk::money(&self.shops, &mut self.rng, context);
            return Some(Command { id, kind, request });
        }
        let now = now_ns();
        let ready = self.deals.iter().filter(|deal| deal.not_before_ns <= now);
        let ready = ready.count() as u64;
        if ready > 0 && self.rng.below(100) >= self.duties.reserves_percent {
            let nth = usize::try_from(self.rng.below(ready)).ok()?;
            let mut all = self.deals.iter().enumerate();
            let place = all.by_ref().filter(|(_, deal)| deal.not_before_ns <= now);
            let (place, deal) = place.map(|(place, deal)| (place, deal.clone())).nth(nth)?;
            return self.step(place, &deal);
        }
        if self.rng.below(100) < self.duties.carts_percent {
            return self.fill(&mut board);
        }
        let duty = self.duties.duty;
        let own = |kind: &&Kind| kind.duty() == duty;
        let kinds: Vec<_> = self.shops.kinds.iter().filter(own).collect();
        let kind = usize::try_from(self.rng.below(kinds.len() as u64)).ok()?;
        let offer = board.take_from(**kinds.get(kind)?)?;
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

    fn buyer(&mut self) -> u32 {
        self.buyers.0 + (self.rng.below(u64::from(self.buyers.1)) as u32)
    }

    /// A basket of one of its buyers.
    fn fill(&mut self, board: &mut Board) -> Option<Command> {
        let (id, buyer) = (self.id(), self.buyer());
        let shops = Arc::clone(&self.shops);
        let cart = cart((&shops, board), &mut self.rng, (id.clone(), buyer));
        let (request, offers) = cart?;
        self.about = About::Cart(offers, buyer);
        Some(Command {
            id,
            kind: Kind::Fixed,
            request: Request::Basket(Box::new(request)),
        })
    }

    /// One of its buyers; of a merchant's goods, another merchant at times.
    fn buyer_of(&mut self, offer: &OnOffer) -> u32 {
        let shops = Arc::clone(&self.shops);
        if offer.kind == Kind::Agreed && self.rng.below(MERCHANT_ONE_IN) == 0 {
            let mut others = shops.traders();
            let other = others.find(|index| shops.account(*index) != offer.seller);
            return other.unwrap_or_else(|| self.buyer());
        }
        self.buyer()
    }

    fn reserve(&mut self, offer: OnOffer) -> Command {
        let buyer = self.buyer_of(&offer);
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
            hash_of(&code).to_vec()
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
        let Some((who, step)) = deal.choose(&self.shops, &mut self.rng) else {
            self.deals.swap_remove(place);
            return None;
        };
        let id = self.id();
        let account_id = match who {
            Who::Buyer => self.shops.account(deal.buyer),
            Who::Seller => deal.last.seller_account_id.clone(),
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
                self.formed((&offer, code), buyer, report);
            }
            (Answer::Basket(lines), About::Cart(offers, buyer)) => {
                for (line, (offer, code)) in lines.iter().zip(offers) {
                    self.formed((&offer, code), buyer, line);
                }
            }
            (Answer::Discount(told), _) => {
                if let Request::Discount(request) = &command.request {
                    let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
                    board.discounts.defined(request, told);
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
            (
                Answer::Contract(_) | Answer::Operation(_) | Answer::Ticket(_) | Answer::Basket(_),
                _,
            ) => {}
        }
    }

    /// A contract to look after, if it was formed and there is room.
    fn formed(&mut self, (offer, code): (&OnOffer, Code), buyer: u32, report: &ContractReport) {
        if !report.reject_reason.is_empty() || self.deals.len() >= DEALS_MAX {
            return;
        }
        let sleeps = matches!(offer.kind, Kind::Group | Kind::Presale | Kind::Lottery);
        self.deals.push(Deal {
            kind: offer.kind,
            buyer,
            last: report.clone(),
            code,
            not_before_ns: if sleeps { offer.decided_ns } else { 0 },
        });
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
            (
                _,
                Command {
                    request: Request::Discount(request),
                    ..
                },
            ) => {
                let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
                let nothing = DefineDiscountResponse::default();
                board.discounts.defined(request, &nothing);
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
