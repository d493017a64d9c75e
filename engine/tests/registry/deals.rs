//! Contracts (section 20): a list, and for each step what its row of the table says.
//!
//! Invariant: every step is written out by its state, without a table. Not here: offers
//! (`registry::shop`), sums (`reference::ledger`).

use super::shop::Dealing;
use super::*;
use crate::reference::ledger::{self, CIRCULATION_MAX, Holder};
use RejectReason as R;
use State as S;

const DAY: i128 = 86_400_000_000_000;
const EAST: i128 = 8 * 3_600_000_000_000;

/// A live contract.
#[derive(Clone, Debug)]
pub struct Deal {
    pub id: u64,
    pub offer: u64,
    pub terms: usize,
    pub buyer: AccountId,
    pub seller: AccountId,
    pub money: usize,
    pub goods: usize,
    pub warehouse: usize,
    pub pieces: u32,
    pub back: u32,
    pub units: i128,
    pub price: i128,
    pub tax: i128,
    pub to_pay: i128,
    /// The money it holds.
    pub held: i128,
    pub version: u32,
    pub state: State,
    pub disputed: bool,
    pub asked: Option<Role>,
    pub days: i128,
    pub counted: bool,
    pub deadline: Option<i128>,
    pub received: Option<i128>,
    pub pickup: Option<[u8; 16]>,
    pub payment: Option<Sequence>,
}

impl Deal {
    /// Units of goods that have not left.
    pub fn kept(&self) -> i128 {
        if self.received.is_some() || !self.state.lives() {
            0
        } else {
            self.units * i128::from(self.pieces)
        }
    }

    fn return_end(&self) -> Option<i128> {
        let received = self.received?;
        (self.days > 0).then(|| midnight(received, self.days))
    }
}

/// 24:00 in the east of the n-th day after that of an instant.
fn midnight(at: i128, days: i128) -> i128 {
    ((at + EAST).div_euclid(DAY) + days + 1) * DAY - EAST
}

/// What a step moved.
#[derive(Default)]
struct Moved {
    refunded: i128,
    tax_back: i128,
    paid: i128,
    fee: i128,
    out: i128,
    /// Pieces that go back to the offer, and for which the buyer is counted no more.
    back: u32,
    uncounted: u32,
}

impl Reference {
    pub fn act_on_contract(&mut self, envelope: &Envelope, command: &ContractCommand) -> Result<(), Reject> {
        match command {
            ContractCommand::Reserve(ask) => self.reserve(ask),
            ContractCommand::Step(take) => Ok(self.take_step(envelope, take)?),
        }
    }

    pub fn refuse_contract(&mut self, command: &ContractCommand, reject: Reject, counted: bool) {
        let (step, account, contract) = match command {
            ContractCommand::Reserve(ask) => (ContractStep::Reserve, Some(ask.account), None),
            ContractCommand::Step(take) => {
                (ContractStep::of(&take.act), take.account, Some(take.contract))
            }
        };
        let counters = match account {
            Some(account) if counted => self.count(account),
            _ => Counters::NONE,
        };
        self.out
            .push(Event::Contract(ContractEvent::Refused(ContractRefused {
                step,
                account,
                contract,
                reject,
                counters,
            })));
    }

    fn instant(&self) -> i128 {
        i128::from(self.time.nanoseconds())
    }

    fn deal(&self, id: u64) -> &Deal {
        let found = self.shops.deals.iter().find(|one| one.id == id);
        found.expect("it lives")
    }

    fn deal_mut(&mut self, id: u64) -> &mut Deal {
        let found = self.shops.deals.iter_mut().find(|one| one.id == id);
        found.expect("it lives")
    }

    /// The regime that applies, and the days of return.
    fn law_of(&self, terms: &SaleTerms, kind: PartyKind, sure: bool) -> Result<i128, Reject> {
        let regimes = &self.venues[terms.venue.place()].regimes;
        let name = |regime: &Regime| regime.as_str();
        let consumer = kind == PartyKind::Consumer;
        let mut fit: Vec<&str> = regimes
            .iter()
            .filter(|regime| law::allows(**regime, terms.model))
            .map(name)
            .collect();
        fit.retain(|regime| !(consumer && *regime == "ECOM_B2B"));
        let protecting = ["CROSS_BORDER_RETAIL", "ECOM_B2C"];
        let Some(mut chosen) = fit.first().copied() else {
            return Err(Reject {
                reason: R::PartyKind,
                basis: law::text(regimes[0]),
            });
        };
        if consumer {
            let strict = protecting.iter().find(|one| fit.contains(one));
            chosen = strict.copied().unwrap_or(chosen);
        } else {
            let free = fit.iter().find(|one| !protecting.contains(one));
            chosen = free.copied().unwrap_or(chosen);
        }
        let days = i128::from(terms.return_days);
        let asks = terms.exemption == Some(Exemption::ConfirmedUnsuitable) && !sure;
        if consumer && protecting.contains(&chosen) && asks {
            return Ok(days.max(7));
        }
        Ok(days)
    }

    fn seller_stands(&self, seller: AccountId) -> bool {
        let firm = self.accounts[seller.place()].participant as u32;
        let firm = Party::Participant(ParticipantId::new(firm));
        [firm, Party::Account(seller)]
            .iter()
            .all(|party| self.standing(*party) == Standing::Open)
    }

    fn reserve(&mut self, ask: &Reserve) -> Result<(), Reject> {
        let known = self.offering(ask.offer).cloned();
        let terms = known.as_ref().map(|known| self.shops.terms[known.terms]);
        self.may_deal(&Dealing {
            account: ask.account,
            buys: true,
            venue: terms.map(|terms| terms.venue),
            seller: known.as_ref().map(|known| known.seller),
        })?;
        let (offer, terms) = known.zip(terms).ok_or(R::UnknownOffer)?;
        self.venue_takes(terms.venue)?;
        fails(!self.seller_stands(offer.seller), R::Halted)?;
        let regimes = &self.venues[terms.venue.place()].regimes;
        let asked = self.admits_at(terms.venue).qualified_only;
        if asked && !self.has_role_at(terms.venue, ask.account, Roles::QUALIFIED_INVESTOR) {
            let equity = regimes.contains(&Regime::RegionalEquity);
            return Err(Reject {
                reason: R::NotQualified,
                basis: equity.then_some(Basis::SecuritiesLaw98),
            });
        }
        let owner = self.accounts[ask.account.place()].owner;
        let sure = ask.confirmed == Confirmed::Yes;
        let days = self.law_of(&terms, self.kind_of(owner), sure)?;
        let prices = &offer.prices;
        fails(ask.version != offer.version, R::StaleVersion)?;
        let closed = prices.closes.is_some_and(|closes| self.time >= closes);
        fails(self.time < prices.opens || closed, R::Deadline)?;
        let own = self.accounts[offer.seller.place()].owner == owner;
        fails(own, R::SelfTrade)?;
        let hashed = ask.pickup.is_some() != (terms.delivery == Delivery::PickUp);
        fails(hashed, R::InvalidCombination)?;
        fails(ask.pieces == 0, R::Quantity)?;
        fails(ask.pieces > prices.max, R::MaxQuantity)?;
        fails(ask.pieces < prices.min, R::MinQuantity)?;
        fails(ask.pieces % prices.step != 0, R::QuantityStep)?;
        let tiers = prices.tiers.iter().filter(|tier| tier.from <= ask.pieces);
        let price = i128::from(tiers.last().expect("the first is from one").price);
        let amount = price * i128::from(ask.pieces);
        let bp = i128::from(terms.tax_bp);
        let (above, below) = match terms.tax_basis {
            TaxBasis::VatIn => (amount * bp, 10_000 + bp),
            TaxBasis::VatOut => (amount * bp, 10_000),
        };
        let tax = above.div_euclid(below) + i128::from(2 * above.rem_euclid(below) >= below);
        let to_pay = match terms.tax_basis {
            TaxBasis::VatIn => amount,
            TaxBasis::VatOut => amount + tax,
        };
        fails(to_pay > 1 << 52, R::OrderValue)?;
        self.room_to_take(ask, &offer, owner)?;
        let money = terms.money.place();
        let at_once = terms.funding == Funding::Prefunded;
        let lacks = to_pay > self.available(ask.account.place(), money);
        fails(at_once && lacks, R::InsufficientFunds)?;
        let within = match terms.funding {
            Funding::Prefunded => terms.hand_over_within,
            Funding::PayLater { within } => within,
        };
        let id = self.sequence.value();
        self.shops.deals.push(Deal {
            id,
            offer: offer.id,
            terms: offer.terms,
            buyer: ask.account,
            seller: offer.seller,
            money,
            goods: offer.goods,
            warehouse: offer.warehouse,
            pieces: ask.pieces,
            back: 0,
            units: offer.units,
            price,
            tax,
            to_pay,
            held: if at_once { to_pay } else { 0 },
            version: 1,
            state: if at_once { S::Paid } else { S::Unpaid },
            disputed: false,
            asked: None,
            days,
            counted: prices.limit.is_some(),
            deadline: Some(self.instant() + i128::from(within.0)),
            received: None,
            pickup: ask.pickup,
            payment: None,
        });
        self.offering_mut(offer.id).expect("known").left -= ask.pieces;
        if prices.limit.is_some() {
            self.take_of(offer.id, owner, ask.pieces);
        }
        let deal = self.deal(id).clone();
        let by = Some(Role::Buyer);
        self.tell_step(&deal, ContractStep::Reserve, by, &Moved::default());
        let said = self.said(offer.id, OfferAct::Reserved);
        self.out.push(Event::Sale(said));
        Ok(())
    }

    fn take_of(&mut self, offer: u64, owner: OwnerId, pieces: u32) {
        let taken = &mut self.shops.taken;
        match taken.iter_mut().find(|known| (known.0, known.1) == (offer, owner)) {
            Some(known) => known.2 += pieces,
            None => taken.push((offer, owner, pieces)),
        }
    }

    fn room_to_take(
        &self,
        ask: &Reserve,
        offer: &super::shop::Offering,
        owner: OwnerId,
    ) -> Result<(), R> {
        let taken = &self.shops.taken;
        let known = taken.iter().find(|known| (known.0, known.1) == (offer.id, owner));
        let mut full = self.shops.deals.len() >= self.limits.contracts_max as usize;
        if let Some(limit) = offer.prices.limit {
            let after = u64::from(known.map_or(0, |known| known.2)) + u64::from(ask.pieces);
            fails(after > u64::from(limit), R::BuyerLimit)?;
            full |= known.is_none() && taken.len() >= self.limits.buyers_max as usize;
        }
        fails(ask.pieces > offer.left, R::OutOfStock)?;
        fails(full, R::OpenContracts)
    }

    fn take_step(&mut self, envelope: &Envelope, take: &TakeStep) -> Result<(), R> {
        if let Some(account) = take.account {
            fails(account.place() >= self.accounts.len(), R::UnknownAccount)?;
        }
        if let Act::PayIn { custodian } = take.act {
            let unknown = custodian.place() >= self.money.custodians.len();
            fails(unknown, R::UnknownCustodian)?;
        }
        let named = |one: &&Deal| one.id == take.contract.sequence && take.contract.slot == 0;
        let deal = self.shops.deals.iter().find(named).cloned();
        let mut deal = deal.ok_or(R::UnknownContract)?;
        let role = match take.account {
            None => Role::Operator,
            Some(account) if account == deal.buyer => Role::Buyer,
            Some(account) if account == deal.seller => Role::Seller,
            Some(_) => return Err(R::UnknownContract),
        };
        fails(take.version != deal.version, R::StaleVersion)?;
        let whose = self.whose(&deal, &take.act, role).ok_or(R::WrongStep)?;
        fails(!whose.contains(&role), R::NotYours)?;
        let passed = deal.deadline.is_some_and(|at| at <= self.instant());
        fails(passed, R::Deadline)?;
        self.own_checks(envelope, &deal, &take.act)?;
        if let Act::PayIn { custodian } = take.act {
            self.pay_in(deal, custodian);
            return Ok(());
        }
        let mut moved = Moved::default();
        self.perform(&mut deal, &take.act, role, &mut moved);
        self.step_done(deal, ContractStep::of(&take.act), Some(role), &moved);
        Ok(())
    }

    /// Who may do this in the state the contract is in; none if nobody can.
    fn whose(&self, deal: &Deal, act: &Act, role: Role) -> Option<Vec<Role>> {
        let ships = self.shops.terms[deal.terms].delivery == Delivery::Ship;
        let (buyer, seller) = (vec![Role::Buyer], vec![Role::Seller]);
        let open = deal.state != S::Unpaid;
        let both = vec![Role::Buyer, Role::Seller];
        match act {
            Act::Rescind => return (open && deal.asked != Some(role)).then_some(both),
            Act::Resolve { .. } => {
                return (open && deal.disputed).then_some(vec![Role::Operator]);
            }
            _ if deal.disputed => return None,
            Act::Dispute => return open.then_some(both),
            _ => {}
        }
        match (deal.state, act) {
            (S::Unpaid, Act::Pay | Act::Cancel) => Some(buyer),
            (S::Unpaid, Act::PayIn { .. }) => deal.payment.is_none().then_some(buyer),
            (S::Paid, Act::HandOver { .. } | Act::Cancel) => Some(seller),
            (S::HandedOver, Act::Deliver { .. }) => ships.then_some(seller),
            (S::HandedOver, Act::PickUp { .. }) => (!ships).then_some(seller),
            (S::HandedOver | S::Delivered, Act::Accept) => Some(buyer),
            (S::Delivered | S::Accepted, Act::AskReturn { .. }) => {
                (deal.days > 0).then_some(buyer)
            }
            (S::ReturnAsked, Act::HandBack { .. }) => Some(buyer),
            (S::ReturnAsked | S::Returning, Act::TakeBack { .. }) => Some(seller),
            _ => None,
        }
    }

    fn two_people(&self, envelope: &Envelope, deal: &Deal) -> Result<(), R> {
        let venue = self.shops.terms[deal.terms].venue.place();
        let real = self.venues[venue].demonstration == Demonstration::Real;
        let authority = envelope.authority.as_ref();
        let other = authority.and_then(|authority| authority.approver);
        let two = other.is_some_and(|other| other != envelope.principal);
        fails(real && !two, R::ApproverRequired)
    }

    fn day_of_goods(&self, deal: &Deal) -> Result<(), R> {
        let day = (self.instant() + EAST).div_euclid(DAY) as i32;
        let closed = self.money.custodians[deal.warehouse].closed;
        let closed = closed.is_some_and(|closed| day <= closed);
        fails(closed, R::CustodyDateClosed)
    }

    fn own_checks(&self, envelope: &Envelope, deal: &Deal, act: &Act) -> Result<(), R> {
        match *act {
            Act::Pay => {
                let lacks = deal.to_pay > self.available(deal.buyer.place(), deal.money);
                fails(lacks, R::InsufficientFunds)
            }
            Act::PayIn { custodian } => {
                let one = self.payment(deal, custodian.place());
                let bank = &self.money.custodians[one.custodian];
                let asset = &self.money.assets[one.asset];
                let mixed = bank.kind != CustodianKind::Bank
                    || bank.demonstration != asset.demonstration;
                fails(mixed, R::InvalidField)?;
                let needed = [Holder::Account(one.account), Holder::Custodian(one.custodian)];
                let needed = needed.map(|holder| (holder, one.asset));
                let full = self.money.pending.len() >= self.limits.instructions_max as usize;
                fails(full || !self.room_for(&needed), R::TooMany)?;
                if bank.demonstration == Demonstration::Demonstration {
                    let above = self.there_is(one.asset) + one.amount > CIRCULATION_MAX;
                    fails(above, R::AmountLimit)?;
                }
                Ok(())
            }
            Act::Deliver { .. } => {
                self.two_people(envelope, deal)?;
                self.day_of_goods(deal)
            }
            Act::PickUp { code } => {
                let hash = *blake3::hash(&code).as_bytes();
                fails(deal.pickup.as_ref().map(|hash| &hash[..]) != Some(&hash[..16]), R::PickupCode)?;
                self.day_of_goods(deal)
            }
            Act::Accept if deal.state == S::HandedOver => self.day_of_goods(deal),
            Act::AskReturn { pieces } => {
                let over = deal.return_end().is_none_or(|end| end <= self.instant());
                fails(over, R::Deadline)?;
                fails(pieces == 0, R::Quantity)?;
                fails(pieces > deal.pieces, R::MaxQuantity)
            }
            Act::TakeBack { to: TakenTo::Stock } => {
                self.day_of_goods(deal)?;
                let units = deal.units * i128::from(deal.back);
                let above = self.there_is(deal.goods) + units > CIRCULATION_MAX;
                fails(above, R::AmountLimit)
            }
            Act::Resolve {
                buyer,
                seller,
                goods,
            } => {
                self.two_people(envelope, deal)?;
                let authority = envelope.authority.as_ref();
                let said = authority.is_some_and(|authority| !authority.reason.is_empty());
                let parts = i128::from(buyer.units()) + i128::from(seller.units());
                let gone = goods == GoodsTo::Stock && deal.kept() == 0;
                fails(!said || parts != deal.held || gone, R::InvalidField)?;
                if goods == GoodsTo::Buyer && deal.kept() > 0 {
                    self.day_of_goods(deal)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn perform(&mut self, deal: &mut Deal, act: &Act, role: Role, moved: &mut Moved) {
        let now = self.instant();
        let terms = self.shops.terms[deal.terms];
        let asked = deal.asked.take();
        match *act {
            Act::Pay => self.paid(deal),
            Act::Cancel => {
                Self::undone(deal, moved);
                deal.state = S::Cancelled;
                if self.fault == Some(Fault::StockForgotten) {
                    moved.back = 0;
                }
            }
            Act::HandOver { .. } => {
                deal.state = S::HandedOver;
                deal.deadline = None;
            }
            Act::Deliver { .. } | Act::PickUp { .. } => {
                self.goods_leave(deal, moved);
                deal.state = S::Delivered;
                let late = i128::from(self.fault == Some(Fault::SilenceLate));
                deal.deadline = Some(now + i128::from(terms.inspect_within.0) + late);
            }
            Act::Accept => self.accepted(deal, moved),
            Act::AskReturn { pieces } => {
                deal.back = pieces;
                deal.state = S::ReturnAsked;
                deal.deadline = Some(midnight(now, 7));
            }
            Act::HandBack { .. } => {
                deal.state = S::Returning;
                deal.deadline = Some(midnight(now, 7));
            }
            Act::TakeBack { to } => {
                if to == TakenTo::Stock {
                    let units = deal.units * i128::from(deal.back);
                    self.goods_move(deal, -units, moved);
                    moved.back = deal.back;
                }
                self.returned(deal, moved);
            }
            Act::Dispute => {
                deal.disputed = true;
                deal.deadline = None;
            }
            Act::Resolve {
                buyer,
                seller,
                goods,
            } => {
                moved.refunded = i128::from(buyer.units());
                deal.held -= moved.refunded;
                self.to_seller(deal, i128::from(seller.units()), moved);
                if goods == GoodsTo::Buyer {
                    self.goods_leave(deal, moved);
                } else {
                    (moved.back, moved.uncounted) = (deal.pieces, deal.pieces);
                }
                deal.disputed = false;
                deal.state = S::Resolved;
            }
            Act::Rescind if asked.is_none() => deal.asked = Some(role),
            Act::Rescind => {
                Self::undone(deal, moved);
                deal.disputed = false;
                deal.state = S::Rescinded;
            }
            Act::PayIn { .. } => {}
        }
    }

    fn paid(&self, deal: &mut Deal) {
        deal.held = deal.to_pay;
        deal.payment = None;
        deal.state = S::Paid;
        let within = self.shops.terms[deal.terms].hand_over_within;
        deal.deadline = Some(self.instant() + i128::from(within.0));
    }

    fn undone(deal: &mut Deal, moved: &mut Moved) {
        moved.refunded = std::mem::take(&mut deal.held);
        moved.uncounted = deal.pieces;
        if deal.received.is_none() {
            moved.back = deal.pieces;
        }
    }

    fn goods_move(&mut self, deal: &Deal, units: i128, moved: &mut Moved) {
        self.post(Holder::Account(deal.seller.place()), deal.goods, -units);
        self.post(Holder::Custodian(deal.warehouse), deal.goods, units);
        moved.out += units;
    }

    fn goods_leave(&mut self, deal: &mut Deal, moved: &mut Moved) {
        let units = deal.kept();
        if units > 0 {
            deal.received = Some(self.instant());
            self.goods_move(deal, units, moved);
        }
    }

    fn to_seller(&mut self, deal: &mut Deal, sum: i128, moved: &mut Moved) {
        let terms = self.shops.terms[deal.terms];
        let fee = -(-(sum * i128::from(terms.fee_ppm))).div_euclid(1_000_000);
        deal.held -= sum;
        (moved.fee, moved.paid) = (fee, sum - fee);
        let money = deal.money;
        self.post(Holder::Account(deal.buyer.place()), money, -sum);
        self.post(Holder::Account(deal.seller.place()), money, sum - fee);
        self.post(Holder::Venue(terms.venue.place()), money, fee);
    }

    fn settled_deal(&mut self, deal: &mut Deal, moved: &mut Moved) {
        self.to_seller(deal, deal.held, moved);
        deal.state = S::Settled;
    }

    fn accepted(&mut self, deal: &mut Deal, moved: &mut Moved) {
        self.goods_leave(deal, moved);
        match deal.return_end() {
            Some(end) if end > self.instant() => {
                deal.state = S::Accepted;
                deal.deadline = Some(end);
            }
            _ => self.settled_deal(deal, moved),
        }
    }

    fn returned(&mut self, deal: &mut Deal, moved: &mut Moved) {
        let (some, all) = (i128::from(deal.back), i128::from(deal.pieces));
        let tax = some * (deal.tax / all) + some.min(deal.tax % all);
        let mut money = some * deal.price;
        if self.shops.terms[deal.terms].tax_basis == TaxBasis::VatOut {
            money += tax;
        }
        (moved.refunded, moved.tax_back) = (money, tax);
        moved.uncounted = deal.back;
        deal.held -= money;
        self.settled_deal(deal, moved);
        if some == all {
            deal.state = S::Refunded;
        }
    }

    /// A deadline of a contract has passed.
    pub fn pass_deal(&mut self, id: u64) {
        let mut deal = self.deal(id).clone();
        let mut moved = Moved::default();
        deal.asked = None;
        match deal.state {
            S::Unpaid => {
                Self::undone(&mut deal, &mut moved);
                deal.state = S::Expired;
            }
            S::Paid => {
                Self::undone(&mut deal, &mut moved);
                deal.state = S::Defaulted;
            }
            S::Delivered => self.accepted(&mut deal, &mut moved),
            S::Accepted | S::ReturnAsked => self.settled_deal(&mut deal, &mut moved),
            S::Returning => self.returned(&mut deal, &mut moved),
            other => unreachable!("no deadline in {other:?}"),
        }
        self.step_done(deal, ContractStep::Deadline, None, &moved);
    }

    fn step_done(&mut self, mut deal: Deal, step: ContractStep, by: Option<Role>, moved: &Moved) {
        deal.version += 1;
        let lives = deal.state.lives();
        if !lives {
            deal.deadline = None;
            assert!(deal.held == 0, "it ends with nothing: {deal:?}");
        }
        let id = deal.id;
        let at = self.shops.deals.iter().position(|one| one.id == id);
        let at = at.expect("it lives");
        if lives {
            self.shops.deals[at] = deal.clone();
        } else {
            self.shops.deals.remove(at);
        }
        let owner = self.accounts[deal.buyer.place()].owner;
        let mut taken = self.shops.taken.iter_mut();
        let own = |known: &&mut (u64, OwnerId, u32)| (known.0, known.1) == (deal.offer, owner);
        if let Some(known) = taken.find(own).filter(|_| deal.counted) {
            known.2 -= moved.uncounted;
        }
        self.tell_step(&deal, step, by, moved);
        if moved.back > 0
            && let Some(offer) = self.offering_mut(deal.offer)
        {
            offer.left += moved.back;
            let said = self.said(deal.offer, OfferAct::GivenBack);
            self.out.push(Event::Sale(said));
        }
    }

    fn tell_step(&mut self, deal: &Deal, step: ContractStep, by: Option<Role>, moved: &Moved) {
        let [buyer, seller] = [deal.buyer, deal.seller].map(|account| ContractSide {
            account,
            counters: self.count(account),
        });
        let deadline = deal.deadline.map(|at| {
            let at = at.min(i128::from(Time::MAX.nanoseconds()));
            Time::new(ledger::small(at)).expect("after 1970")
        });
        let disputed = if deal.disputed {
            Disputed::Yes
        } else {
            Disputed::No
        };
        let small = ledger::small;
        self.out
            .push(Event::Contract(ContractEvent::Step(ContractReport {
                step,
                by,
                state: deal.state,
                disputed,
                version: deal.version,
                contract: deal.id,
                offer: deal.offer,
                slots: ContractSlots {
                    contract: 0,
                    offer: 0,
                },
                venue: self.shops.terms[deal.terms].venue,
                money: AssetId::new(deal.money as u32),
                goods: AssetId::new(deal.goods as u32),
                warehouse: CustodianId::new(deal.warehouse as u32),
                pieces: deal.pieces,
                buyer,
                seller,
                price: small(deal.price),
                amount: small(deal.price * i128::from(deal.pieces)),
                tax: small(deal.tax),
                money_held: small(deal.held),
                refunded: small(moved.refunded),
                tax_back: small(moved.tax_back),
                paid_out: small(moved.paid),
                fee: small(moved.fee),
                goods_out: small(moved.out),
                deadline,
            })));
    }

    fn payment(&self, deal: &Deal, custodian: usize) -> Instruction {
        Instruction {
            id: self.sequence,
            account: deal.buyer.place(),
            asset: deal.money,
            custodian,
            direction: Direction::Deposit,
            amount: deal.to_pay,
        }
    }

    fn pay_in(&mut self, mut deal: Deal, custodian: CustodianId) {
        let one = self.payment(&deal, custodian.place());
        let alone =
            self.money.custodians[one.custodian].demonstration == Demonstration::Demonstration;
        self.need(Holder::Account(one.account), one.asset);
        self.need(Holder::Custodian(one.custodian), one.asset);
        deal.asked = None;
        let id = deal.id;
        if alone {
            let day = (self.instant() + EAST).div_euclid(DAY) as i32;
            let text = format!("auto-{}", one.id.value());
            let reference = Name::new(&text).expect("short");
            self.execute(&one);
            self.say_custody(&one, CustodyStatus::Executed, (reference, day));
        } else {
            self.say_custody(&one, CustodyStatus::Pending, (Name::EMPTY, 0));
            deal.payment = Some(one.id);
            self.shops.payments.push((one.id, id));
            self.money.pending.push(one);
        }
        let by = Some(Role::Buyer);
        self.step_done(deal, ContractStep::PayIn, by, &Moved::default());
        if alone {
            self.money_is_in(id);
        }
    }

    fn money_is_in(&mut self, id: u64) {
        let mut deal = self.deal(id).clone();
        self.paid(&mut deal);
        let by = Some(Role::Custodian);
        self.step_done(deal, ContractStep::PaidIn, by, &Moved::default());
    }

    /// A bank answered; whether it was for a contract.
    pub fn bank_answered(
        &mut self,
        one: &Instruction,
        status: CustodyStatus,
        said: (Name, i32),
    ) -> bool {
        let Some(at) = self.shops.payments.iter().position(|known| known.0 == one.id) else {
            return false;
        };
        let (_, id) = self.shops.payments.remove(at);
        self.say_custody(one, status, said);
        let executed = status == CustodyStatus::Executed;
        let now = self.instant();
        let deal = self.shops.deals.iter().find(|deal| deal.id == id);
        let waits = deal.filter(|deal| deal.payment == Some(one.id));
        let in_time = waits.is_some_and(|deal| deal.deadline.is_none_or(|end| end > now));
        if waits.is_some() {
            self.deal_mut(id).payment = None;
        }
        if executed && in_time {
            self.money_is_in(id);
        } else if executed {
            let back = Instruction {
                id: self.sequence,
                direction: Direction::Withdrawal,
                ..one.clone()
            };
            self.say_custody(&back, CustodyStatus::Pending, (Name::EMPTY, 0));
            self.money.pending.push(back);
        }
        true
    }
}
