//! Shops of the damaged folders: what founds them, and commands that offer, take, pay, perform and
//! fall silent, decided by what was released before.
//!
//! Invariant: the same seed and the same releases give the same commands. Not here: damage to what
//! they leave (`shop_cases`), whether a folder has all of it (`shop_cover`).

use std::collections::BTreeMap;

use sanjiang_engine::command::*;
use sanjiang_engine::event::{
    ContractEvent, ContractReport, CustodyStatus, Disputed, Event, LotteryFact, OfferAct,
    OfferReport, SaleEvent, State, Ticket,
};
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Regime, TradingStatus};

use super::money::{MONEY, REAL, answer, moved};
use super::random::Random;
use super::shop_baskets::Discounts;
use super::shop_kinds::Kind;
use super::shop_owing;
use crate::support::{Seen, internal, name};

/// Goods of the demonstration and real ones; each lies with the custodian of the same handle.
pub const TEA: AssetId = AssetId::new(3);
pub const GRAIN: AssetId = AssetId::new(4);
/// The venue of demonstrations; the next one is real.
pub const SHOPS: VenueId = VenueId::new(1);
pub const REAL_SHOP: VenueId = VenueId::new(2);
/// Who sells; buyers come after it.
pub const SELLER: AccountId = AccountId::new(2);
pub const BUYERS: u32 = 6;
/// What each begins with of all it needs.
const STAKE: i64 = 800_000_000_000;
pub const MINUTE: i64 = 60_000_000_000;
/// Contracts that live at a time: fewer than there is room for.
const LIVE_MAX: usize = 72;
/// Instructions to the real bank at a time, and all in all: its references are bounded.
const ASKED_MAX: usize = 3;
const PAID_IN_MAX: u64 = 60;
/// Reserves after which an offer without an end is replaced.
const RESERVES: u32 = 24;
/// What a lottery's operator commits to.
pub const SEED: [u8; 32] = [7; 32];
/// What picks goods up.
pub const CODE: [u8; 16] = [9; 16];
pub const REFERENCE: [u8; 16] = [3; 16];

/// Owners, accounts, venues, goods, what all begin with, and terms; `first` is the sequence of the
/// first of them. After the founding of `money`.
pub fn founding(first: Sequence) -> Vec<Command> {
    let mut all = Vec::new();
    for at in SELLER.index()..=SELLER.index() + BUYERS {
        let text = format!("shopper-{at}");
        all.push(Body::CreateOwner(CreateOwner { name: name(&text) }));
        all.push(Body::CreateAccount(CreateAccount {
            name: name(&text),
            participant: ParticipantId::new(0),
            owner: OwnerId::new(at),
        }));
    }
    let [demonstration, real] = [Demonstration::Demonstration, Demonstration::Real];
    let models = Kind::ALL.map(|kind| kind.model().0);
    for (text, regime, models, kind) in [
        ("shops", Regime::Sandbox, &models[..], demonstration),
        ("real shop", Regime::EcomB2c, &[Model::FixedPrice][..], real),
    ] {
        let mut models = models.to_vec();
        models.sort_unstable();
        models.dedup();
        all.push(Body::CreateVenue(Box::new(CreateVenue {
            name: name(text),
            title: Title::EMPTY,
            regimes: vec![regime],
            models,
            demonstration: kind,
            licence: Some(name("a licence")),
            calendar: None,
        })));
    }
    for (text, demonstration) in [("tea", demonstration), ("grain", real)] {
        let class = AssetClass::Goods {
            unit: name("box"),
            decimals: 0,
        };
        all.push(Body::CreateAsset(CreateAsset {
            name: name(text),
            class,
            demonstration,
        }));
        all.push(Body::CreateCustodian(CreateCustodian {
            name: name(text),
            kind: CustodianKind::Warehouse,
            demonstration,
        }));
    }
    for account in SELLER.index()..=SELLER.index() + BUYERS {
        all.push(moved(account, MONEY, Direction::Deposit, STAKE));
    }
    all.push(moved(SELLER.index(), TEA, Direction::Deposit, STAKE));
    all.extend(Kind::ALL.map(|kind| sales(SalesCommand::DefineTerms(kind.terms()))));
    all.push(moved(SELLER.index(), GRAIN, Direction::Deposit, STAKE));
    let mut all: Vec<_> = all.into_iter().map(internal).collect();
    let grain = Sequence::new(first.value() + all.len() as u64 - 1);
    all.push(answer(grain, Outcome::Executed));
    let next = Sequence::new(first.value() + all.len() as u64);
    all.extend(shop_owing::story(next));
    all
}

/// By what the code is known.
pub fn hashed() -> [u8; 16] {
    let hash = blake3::hash(&CODE);
    hash.as_bytes()[..16].try_into().expect("sixteen bytes")
}

fn sales(command: SalesCommand) -> Body {
    Body::Sales(Box::new(command))
}

/// What is on offer now.
#[derive(Clone, Copy, Debug)]
struct OnOffer {
    /// None while it is being made.
    id: Option<OfferId>,
    version: u32,
    closes: Option<Time>,
    reserves: u32,
}

/// A lottery that is to be drawn.
#[derive(Clone, Copy, Debug)]
struct Draw {
    offer: OfferId,
    closes: Time,
    due: Time,
}

/// Whether only what leaves nothing due at once is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// All.
    Lively,
    /// No ends of offers, whose buyers are forgotten in a tick right after.
    Calm,
}

/// Who decides what the shops do next.
pub struct Shops {
    random: Random,
    now: Time,
    pace: Pace,
    offers: [Option<OnOffer>; Kind::ALL.len()],
    kinds: BTreeMap<u64, Kind>,
    old: Vec<OfferId>,
    draws: Vec<Draw>,
    tickets: Vec<Ticket>,
    /// By sequence and row.
    live: BTreeMap<(u64, u32), ContractReport>,
    discounts: Discounts,
    asked: Vec<Sequence>,
    paid_in: u64,
}

impl Shops {
    /// Before anything is on offer.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            now: Time::ZERO,
            pace: Pace::Lively,
            offers: [None; Kind::ALL.len()],
            kinds: BTreeMap::new(),
            old: Vec::new(),
            draws: Vec::new(),
            tickets: Vec::new(),
            live: BTreeMap::new(),
            discounts: Discounts::default(),
            asked: Vec::new(),
            paid_in: 0,
        }
    }

    /// Takes in what was released since it last did.
    pub fn learn(&mut self, new: &[Seen]) {
        for event in new.iter().flat_map(|seen| &seen.events) {
            if let Event::Contract(ContractEvent::Step(report)) = event {
                let key = (report.contract, report.slots.contract);
                if report.state.lives() && self.kinds.contains_key(&report.offer) {
                    self.live.insert(key, *report);
                } else {
                    self.live.remove(&key);
                }
            } else if let Event::Sale(SaleEvent::Discount(report)) = event {
                self.discounts.learn(report);
            } else if let Event::Sale(SaleEvent::Offer(report)) = event {
                self.learn_offer(report);
            } else if let Event::Sale(SaleEvent::Ticket(ticket)) = event {
                self.tickets.push(*ticket);
            } else if let Event::Sale(SaleEvent::Lottery(report)) = event
                && matches!(report.fact, LotteryFact::Seed { .. })
            {
                self.draws.retain(|draw| draw.offer != report.offer);
            } else if let Event::Custody(report) = event
                && report.asset == REAL
                && report.account > SELLER
            {
                self.asked.retain(|asked| *asked != report.instruction);
                if report.status == CustodyStatus::Pending {
                    self.asked.push(report.instruction);
                }
            }
        }
    }

    fn learn_offer(&mut self, report: &OfferReport) {
        let Some(kind) = Kind::of(report.terms) else {
            return;
        };
        if report.act == OfferAct::Withdrawn {
            self.old.retain(|old| *old != report.offer);
            return;
        }
        if report.act == OfferAct::Offered {
            self.kinds.insert(report.offer.sequence, kind);
        }
        let Some(on_offer) = &mut self.offers[kind as usize] else {
            return;
        };
        if report.act == OfferAct::Offered {
            on_offer.id = Some(report.offer);
            if let (Kind::Lottery, Some(closes)) = (kind, on_offer.closes) {
                // One in three is left without its seed, and is void.
                let due = closes.after(Nanoseconds(10 * MINUTE));
                let draw = Draw {
                    offer: report.offer,
                    closes,
                    due,
                };
                if self.random.below(3) > 0 {
                    self.draws.push(draw);
                }
            }
        }
        if on_offer.id == Some(report.offer) {
            on_offer.version = report.version;
        }
    }

    /// The next commands, given at `now`.
    pub fn commands(&mut self, now: Time, count: u64, pace: Pace) -> Vec<Command> {
        (self.now, self.pace) = (now, pace);
        (0..count).filter_map(|_| self.next()).collect()
    }

    /// The venue of demonstrations stops or goes on.
    pub fn halt(status: TradingStatus) -> Command {
        internal(Body::SetTradingStatus(SetTradingStatus {
            scope: Scope::Venue(SHOPS),
            status,
        }))
    }

    fn next(&mut self) -> Option<Command> {
        if let Some(kind) = self.due() {
            return Some(self.offer(kind));
        }
        if self.random.below(6) == 0
            && let Some(command) = self.draw()
        {
            return Some(command);
        }
        if !self.asked.is_empty() && self.random.below(4) == 0 {
            let at = self.random.below(self.asked.len());
            let instruction = self.asked.swap_remove(at);
            let executed = self.random.below(4) > 0;
            return Some(answer(
                instruction,
                if executed {
                    Outcome::Executed
                } else {
                    Outcome::Refused
                },
            ));
        }
        if self.pace == Pace::Lively && !self.old.is_empty() && self.random.below(8) == 0 {
            let offer = self.old[self.random.below(self.old.len())];
            let account = SELLER;
            let withdraw = WithdrawOffer { offer, account };
            return Some(internal(sales(SalesCommand::WithdrawOffer(withdraw))));
        }
        match self.random.below(20) {
            0 if self.random.below(2) == 0 => Some(self.guarantee()),
            0 => self.change(),
            1..=9 => self.step(),
            _ => self.reserve(),
        }
    }

    /// A kind that has nothing on offer, or what is over.
    fn due(&self) -> Option<Kind> {
        let over = |kind: &Kind| {
            self.offers[*kind as usize].is_none_or(|offer| {
                let closed = offer.closes.is_some_and(|closes| closes <= self.now);
                offer.id.is_some() && (closed || offer.reserves >= RESERVES)
            })
        };
        Kind::ALL.into_iter().find(over)
    }

    fn offer(&mut self, kind: Kind) -> Command {
        let (make, closes) = kind.offer(self.now);
        let on_offer = OnOffer {
            id: None,
            version: 1,
            closes,
            reserves: 0,
        };
        let before = self.offers[kind as usize].replace(on_offer);
        self.old.extend(before.and_then(|before| before.id));
        internal(sales(SalesCommand::Offer(make)))
    }

    /// The public value of a lottery, then its seed.
    fn draw(&mut self) -> Option<Command> {
        let due = |draw: &Draw| draw.closes <= self.now && self.now < draw.due;
        let at = self.draws.iter().position(due)?;
        let Draw { offer, .. } = self.draws[at];
        if self.random.below(2) == 0 {
            let (value, source) = ([5; 32], name("a block"));
            let bring = BringValue {
                offer,
                value,
                source,
            };
            return Some(internal(sales(SalesCommand::BringValue(bring))));
        }
        // Before its value came it is refused, and is told again.
        let reveal = RevealSeed { offer, seed: SEED };
        Some(internal(sales(SalesCommand::RevealSeed(reveal))))
    }

    fn change(&mut self) -> Option<Command> {
        let OnOffer { id, version, .. } = self.offers[Kind::Fixed as usize]?;
        let (offer, account) = (id?, SELLER);
        let pieces = 1 + self.random.below(3) as u32;
        let stock = ChangeStock {
            offer,
            account,
            pieces,
        };
        Some(internal(sales(match self.random.below(3) {
            0 => SalesCommand::PutStock(stock),
            1 => SalesCommand::TakeStock(stock),
            _ => SalesCommand::ChangeOffer(ChangeOffer {
                offer,
                version,
                account,
                prices: Prices {
                    limit: Some(8 + pieces),
                    ..Kind::Fixed.offer(self.now).0.prices
                },
            }),
        })))
    }

    /// The seller sets aside what some contracts at a fixed price need, seldom all of them.
    fn guarantee(&mut self) -> Command {
        let units = [0, 2_500, 9_000, 40_000][self.random.below(4)];
        internal(sales(SalesCommand::SetGuarantee(SetGuarantee {
            venue: SHOPS,
            account: SELLER,
            money: MONEY,
            amount: Amount::new(units).expect("in bounds"),
        })))
    }

    fn reserve(&mut self) -> Option<Command> {
        if self.live.len() >= LIVE_MAX {
            return self.step();
        }
        let kind = Kind::ALL[self.random.below(Kind::ALL.len())];
        let on_offer = self.offers[kind as usize].as_mut()?;
        on_offer.reserves += 1;
        let (offer, version) = (on_offer.id?, on_offer.version);
        let account =
            AccountId::new(SELLER.index() + 1 + self.random.below(BUYERS as usize) as u32);
        if kind == Kind::Tiered && self.random.below(2) == 0 {
            return self.basket(account);
        }
        if kind == Kind::Queue && !self.is_admitted(offer, account) {
            return Some(internal(sales(SalesCommand::Join(Join { offer, account }))));
        }
        let pieces = if kind == Kind::Lottery {
            2
        } else {
            1 + self.random.below(3) as u32
        };
        let pickup = (kind == Kind::Tiered).then(hashed);
        let reserve = Reserve {
            offer,
            version,
            account,
            pieces,
            delivery_reference: REFERENCE,
            pickup,
            confirmed: Confirmed::No,
        };
        Some(internal(Body::Contract(ContractCommand::Reserve(reserve))))
    }

    /// A basket of both plain offers, or the coupon it could be taken with.
    fn basket(&mut self, account: AccountId) -> Option<Command> {
        if let Some(terms) = self.discounts.define(self.now) {
            return Some(internal(sales(SalesCommand::DefineDiscount(terms))));
        }
        let [fixed, tiered] = [Kind::Fixed, Kind::Tiered].map(|kind| {
            let offer = self.offers[kind as usize]?;
            Some((offer.id?, offer.version, kind.terms().delivery))
        });
        let basket = self.discounts.basket(account, [fixed?, tiered?]);
        let basket = ContractCommand::Basket(Box::new(basket));
        Some(internal(Body::Contract(basket)))
    }

    fn is_admitted(&self, offer: OfferId, account: AccountId) -> bool {
        let admits = |ticket: &Ticket| {
            let own = ticket.offer == offer && ticket.account == account;
            own && ticket.admitted <= self.now && self.now < ticket.until
        };
        self.tickets.iter().any(admits)
    }

    fn step(&mut self) -> Option<Command> {
        let nth = self.random.below(self.live.len().max(1));
        let report = *self.live.values().nth(nth)?;
        let (who, act) = self.choose(&report)?;
        let account = match who {
            Who::Buyer => Some(report.buyer.account),
            Who::Seller => Some(report.seller.account),
            Who::Operator => None,
        };
        let mut command = internal(Body::Contract(ContractCommand::Step(TakeStep {
            contract: report.contract(),
            version: report.version,
            account,
            act,
        })));
        // An operator's word, and the carrier's at the real venue, need a second person.
        if who == Who::Operator || matches!(act, Act::Deliver { .. }) {
            command.envelope.authority = Some(Box::new(Authority {
                on_behalf_of: None,
                reason: "seen".to_owned(),
                approver: Some(PrincipalId::new(7)),
            }));
        }
        Some(command)
    }

    fn choose(&mut self, report: &ContractReport) -> Option<(Who, Act)> {
        let kind = *self.kinds.get(&report.offer)?;
        let draw = self.random.below(100);
        let reference = REFERENCE;
        if report.disputed == Disputed::Yes {
            return Some(self.settle(report, kind));
        }
        Some(match report.state {
            State::Unpaid if kind == Kind::Bank && draw < 80 => {
                if self.asked.len() >= ASKED_MAX || self.paid_in >= PAID_IN_MAX {
                    return None;
                }
                self.paid_in += 1;
                let custodian = CustodianId::new(REAL.index());
                (Who::Buyer, Act::PayIn { custodian })
            }
            State::Unpaid if draw < 60 => (Who::Buyer, Act::Pay),
            State::Unpaid if draw < 75 => (Who::Buyer, Act::Cancel),
            State::Deposited if draw < 50 => (Who::Buyer, Act::Pay),
            State::Deposited if draw < 60 => (Who::Seller, Act::Cancel),
            State::Joined if draw < 10 => (Who::Buyer, Act::Cancel),
            State::Paid if draw < 50 => (Who::Seller, Act::HandOver { reference }),
            State::Paid if draw < 56 => (Who::Seller, Act::Cancel),
            State::Paid if draw < 62 => (Who::Buyer, Act::Dispute),
            State::Paid if draw < 70 => (Who::Seller, Act::Invoice { reference }),
            State::HandedOver if kind == Kind::Tiered => (Who::Seller, Act::PickUp { code: CODE }),
            State::HandedOver if draw < 60 => (Who::Seller, Act::Deliver { reference }),
            State::HandedOver if draw < 75 => (Who::Buyer, Act::Accept),
            State::HandedOver if draw < 85 => (Who::Buyer, Act::Rescind),
            // Some buyers are silent, which accepts.
            State::Delivered if report.contract.is_multiple_of(3) => return None,
            State::Delivered if draw < 40 => (Who::Buyer, Act::Accept),
            State::Covered if draw < 30 => (Who::Buyer, Act::AskReturn { pieces: 1 }),
            State::Covered if draw < 42 => (Who::Buyer, Act::Dispute),
            State::Delivered | State::Accepted | State::Performed if draw < 60 => {
                (Who::Buyer, Act::AskReturn { pieces: 1 })
            }
            State::Accepted if draw < 70 => (Who::Buyer, Act::Dispute),
            State::ReturnAsked => (Who::Buyer, Act::HandBack { reference }),
            State::Returning | State::ReturnProposed => {
                let to = if draw < 60 {
                    TakenTo::Stock
                } else {
                    TakenTo::WriteOff
                };
                (Who::Seller, Act::TakeBack { to })
            }
            State::Unpaid
            | State::Deposited
            | State::Joined
            | State::Paid
            | State::HandedOver
            | State::Delivered
            | State::Accepted
            | State::Covered
            | State::Owing
            | State::Performed
            | State::Entered
            | State::Settled
            | State::Refunded
            | State::Cancelled
            | State::Expired
            | State::Defaulted
            | State::Resolved
            | State::Rescinded
            | State::Released
            | State::Forfeited => return None,
        })
    }

    /// What ends a dispute: an operator's word, or, where a bond is in it too, both parties'.
    fn settle(&mut self, report: &ContractReport, kind: Kind) -> (Who, Act) {
        let turn = self.random.below(3);
        if kind == Kind::Presale || turn == 0 {
            let who = [Who::Buyer, Who::Seller][self.random.below(2)];
            return (who, Act::Rescind);
        }
        let all = at_stake(report);
        let buyer = all / 3;
        let amount = |units| Amount::new(units).expect("in bounds");
        let goods = if report.state == State::Paid && turn == 1 {
            GoodsTo::Stock
        } else {
            GoodsTo::Buyer
        };
        let resolve = Act::Resolve {
            buyer: amount(buyer),
            seller: amount(all - buyer),
            goods,
        };
        (Who::Operator, resolve)
    }
}

/// What a dispute is about: the money that a contract holds, or what its seller was paid for the
/// pieces that have not come back, where a guarantee answers for it.
fn at_stake(report: &ContractReport) -> i64 {
    match report.money_held {
        // Lines with a discount have one piece, so nothing is left over.
        0 => report.amount / i64::from(report.pieces) * i64::from(report.pieces - report.came_back),
        held => held,
    }
}

/// Who takes a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Buyer,
    Seller,
    Operator,
}
