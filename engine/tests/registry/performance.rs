//! The steps of contracts (section 20), each written out by its state, and what it moves.
//!
//! Invariant: there is no table: `whose` says who may do what in which state. Not here: forming
//! contracts (`registry::deals`).

use super::deals::{Deal, Moved};
use super::*;
use crate::reference::ledger::{self, CIRCULATION_MAX, Holder};
use RejectReason as R;
use State as S;

impl Reference {
    pub(super) fn take_step(&mut self, envelope: &Envelope, take: &TakeStep) -> Result<(), R> {
        if let Some(account) = take.account {
            fails(account.place() >= self.accounts.len(), R::UnknownAccount)?;
        }
        if let Act::PayIn { custodian } = take.act {
            let unknown = custodian.place() >= self.money.custodians.len();
            fails(unknown, R::UnknownCustodian)?;
        }
        let named = |one: &&Deal| one.named() == (take.contract.sequence, take.contract.slot);
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
        let passed = deal.deadline.is_some_and(|at| self.passed(&deal, at));
        fails(passed, R::Deadline)?;
        let checked = self.own_checks(envelope, &deal, &take.act);
        if checked == Err(R::SellerFunds) {
            self.note_barred(&deal);
        }
        checked?;
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
        let open = !matches!(
            deal.state,
            S::Unpaid | S::Joined | S::Entered | S::Performed | S::ReturnProposed | S::Owing
        );
        let both = vec![Role::Buyer, Role::Seller];
        match act {
            Act::Rescind => return (open && deal.asked != Some(role)).then_some(both),
            Act::Resolve { .. } => {
                return (open && deal.disputed).then_some(vec![Role::Operator]);
            }
            Act::Invoice { .. } => {
                let unpaid = [S::Unpaid, S::Joined, S::Entered, S::Deposited];
                return (!unpaid.contains(&deal.state)).then_some(seller);
            }
            _ if deal.disputed => return None,
            Act::Dispute => return open.then_some(both),
            _ => {}
        }
        match (deal.state, act) {
            (S::Unpaid, Act::PayIn { .. }) => deal.payment.is_none().then_some(buyer),
            (S::Joined | S::Owing, Act::Cancel)
            | (S::Deposited, Act::Pay)
            | (S::Unpaid, Act::Pay | Act::Cancel)
            | (S::HandedOver | S::Delivered, Act::Accept)
            | (S::Performed | S::Covered, Act::AskReturn { .. })
            | (S::ReturnAsked, Act::HandBack { .. }) => Some(buyer),
            (S::Delivered | S::Accepted, Act::AskReturn { .. }) => (deal.days > 0).then_some(buyer),
            (S::ReturnProposed, Act::Cancel) => Some(both),
            (S::Deposited, Act::Cancel)
            | (S::Paid, Act::HandOver { .. } | Act::Cancel)
            | (S::ReturnAsked | S::Returning | S::ReturnProposed, Act::TakeBack { .. }) => {
                Some(seller)
            }
            (S::HandedOver, Act::Deliver { .. }) => ships.then_some(seller),
            (S::HandedOver, Act::PickUp { .. }) => (!ships).then_some(seller),
            _ => None,
        }
    }

    fn two_people(&self, envelope: &Envelope, deal: &Deal) -> Result<(), R> {
        let venue = self.shops.terms[deal.terms].venue.place();
        let real = self.venues[venue].demonstration == Demonstration::Real;
        let other = envelope.authority.as_ref().and_then(|one| one.approver);
        let two = other.is_some_and(|other| other != envelope.principal);
        fails(real && !two, R::ApproverRequired)
    }

    fn own_checks(&self, envelope: &Envelope, deal: &Deal, act: &Act) -> Result<(), R> {
        match *act {
            Act::Pay => self.may_pay(deal),
            Act::PayIn { custodian } => {
                let one = self.payment(deal, custodian.place());
                let bank = &self.money.custodians[one.custodian];
                let asset = &self.money.assets[one.asset];
                let mixed = bank.kind != CustodianKind::Bank
                    || bank.demonstration != asset.demonstration
                    || one.amount == 0;
                fails(mixed, R::InvalidField)?;
                let needed = [
                    Holder::Account(one.account),
                    Holder::Custodian(one.custodian),
                ];
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
                fails(
                    deal.pickup.as_ref().map(|hash| &hash[..]) != Some(&hash[..16]),
                    R::PickupCode,
                )?;
                self.day_of_goods(deal)
            }
            Act::Accept if deal.state == S::HandedOver => self.day_of_goods(deal),
            Act::AskReturn { pieces } => {
                let end = deal.return_end();
                let over = end.is_none_or(|end| self.passed(deal, end));
                fails(over && deal.state != S::Performed, R::Deadline)?;
                fails(pieces == 0, R::Quantity)?;
                fails(pieces > deal.pieces - deal.gone_back, R::MaxQuantity)
            }
            Act::TakeBack { to } => self.may_take_back(deal, to),
            Act::Invoice { .. } => fails(deal.invoices == 16, R::TooMany),
            Act::Resolve {
                buyer,
                seller,
                goods,
            } => {
                self.two_people(envelope, deal)?;
                let authority = envelope.authority.as_ref();
                let said = authority.is_some_and(|authority| !authority.reason.is_empty());
                let parts = i128::from(buyer.units()) + i128::from(seller.units());
                let gone = goods == GoodsTo::Stock && deal.received;
                fails(
                    !said || parts != deal.held + deal.bond + deal.answered || gone,
                    R::InvalidField,
                )?;
                if goods == GoodsTo::Buyer && deal.kept() > 0 {
                    self.day_of_goods(deal)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn may_take_back(&self, deal: &Deal, to: TakenTo) -> Result<(), R> {
        if to == TakenTo::Stock {
            self.day_of_goods(deal)?;
            let units = deal.units * i128::from(deal.back);
            let above = self.there_is(deal.goods) + units > CIRCULATION_MAX;
            fails(above, R::AmountLimit)?;
        }
        let has = self.available(deal.seller.place(), deal.money);
        let lacks = deal.state == S::ReturnProposed && self.worth_back(deal).0 > has;
        fails(lacks && !self.may_owe_buyer(deal), R::SellerFunds)
    }

    fn perform(&mut self, deal: &mut Deal, act: &Act, role: Role, moved: &mut Moved) {
        let now = self.instant();
        let terms = self.shops.terms[deal.terms];
        let asked = deal.asked.take();
        match *act {
            Act::Pay => self.paid(deal),
            Act::Cancel if deal.state == S::ReturnProposed => self.goes_on(deal),
            Act::Cancel if deal.state == S::Owing => self.let_off(deal),
            Act::Cancel => {
                let bond = deal.bond;
                self.bond_ends(deal, bond, moved);
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
                deal.state = if deal.state == S::Performed {
                    S::ReturnProposed
                } else {
                    S::ReturnAsked
                };
                deal.deadline = Some(self.civil_end(deal, 7));
            }
            Act::HandBack { .. } => {
                deal.state = S::Returning;
                deal.deadline = Some(self.civil_end(deal, 7));
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
                let parts = [buyer, seller].map(|part| i128::from(part.units()));
                self.decided(deal, parts, goods, moved);
            }
            Act::Rescind if asked.is_none() => deal.asked = Some(role),
            Act::Rescind => self.rescinded(deal, moved),
            Act::Invoice { .. } => {
                deal.invoices += 1;
                deal.asked = asked;
            }
            Act::PayIn { .. } => {}
        }
    }

    pub(super) fn paid(&self, deal: &mut Deal) {
        deal.held = deal.to_pay;
        deal.payment = None;
        deal.state = S::Paid;
        let within = self.shops.terms[deal.terms].hand_over_within;
        deal.deadline = Some(self.instant() + i128::from(within.0));
    }

    pub(super) fn undone(deal: &mut Deal, moved: &mut Moved) {
        moved.refunded = std::mem::take(&mut deal.held);
        moved.uncounted = deal.pieces - deal.gone_back;
        if !deal.received && deal.state != S::Entered {
            moved.back = deal.pieces;
        }
    }

    fn goods_move(&mut self, deal: &Deal, units: i128, moved: &mut Moved) {
        self.post(Holder::Account(deal.seller.place()), deal.goods, -units);
        self.post(Holder::Custodian(deal.warehouse), deal.goods, units);
        moved.out += units;
    }

    pub(super) fn goods_leave(&mut self, deal: &mut Deal, moved: &mut Moved) {
        if !deal.received {
            let units = deal.kept();
            let agreed = self.shops.terms[deal.terms].agreed_days;
            deal.received = true;
            deal.got = Some(self.instant());
            deal.end = Some(self.civil_end(deal, deal.days));
            deal.agreed_until = (agreed > 0).then(|| self.civil_end(deal, agreed.into()));
            deal.bond = 0;
            self.goods_move(deal, units, moved);
        }
    }

    pub(super) fn pay_seller(&mut self, deal: &mut Deal, sum: i128, moved: &mut Moved) {
        if sum == 0 {
            return;
        }
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
        deal.answered = 0;
        self.pay_seller(deal, deal.held, moved);
        self.goes_on(deal);
    }

    /// The seller is paid: until its days end, they may agree that pieces come back.
    pub(super) fn goes_on(&self, deal: &mut Deal) {
        deal.back = 0;
        deal.state = S::Settled;
        if let Some(until) = deal.agreed_until.filter(|until| !self.passed(deal, *until)) {
            deal.state = S::Performed;
            deal.deadline = Some(until);
        }
    }

    /// What was paid for the pieces that are to come back, and the tax in it: what all that came
    /// back then is worth, less what it was before.
    fn worth_back(&self, deal: &Deal) -> (i128, i128) {
        let all = i128::from(deal.pieces);
        let before = if self.fault == Some(Fault::ReturnsFromZero) {
            0
        } else {
            deal.gone_back
        };
        let after = before + deal.back;
        let part = |sum: i128, some: u32| {
            let some = i128::from(some);
            sum / all * some + (sum % all).min(some)
        };
        let between = |sum: i128| part(sum, after) - part(sum, before);
        let tax = between(deal.tax);
        let on_top = self.shops.terms[deal.terms].tax_basis == TaxBasis::VatOut;
        let money = between(deal.amount()) + if on_top { tax } else { 0 };
        (money, tax)
    }

    fn accepted(&mut self, deal: &mut Deal, moved: &mut Moved) {
        self.goods_leave(deal, moved);
        match deal.return_end() {
            Some(end) if !self.passed(deal, end) => {
                let covered = self.covers(deal, moved);
                deal.state = if covered { S::Covered } else { S::Accepted };
                deal.deadline = Some(end);
            }
            _ => self.settled_deal(deal, moved),
        }
    }

    fn returned(&mut self, deal: &mut Deal, moved: &mut Moved) {
        let (money, tax) = self.worth_back(deal);
        moved.tax_back = tax;
        moved.uncounted = deal.back;
        deal.gone_back += std::mem::take(&mut deal.back);
        let agreed = deal.state == S::ReturnProposed;
        if agreed {
            self.pays_agreed(deal, money, moved);
        } else if deal.answered > 0 {
            self.answers(deal, money, moved);
        } else {
            moved.refunded = money;
            deal.held -= money;
        }
        if deal.state == S::Owing {
            deal.deadline = None;
        } else if deal.gone_back == deal.pieces {
            deal.state = S::Refunded;
        } else if agreed {
            self.goes_on(deal);
        } else {
            self.accepted(deal, moved);
        }
    }

    /// A deadline of a contract has passed.
    pub fn pass_deal(&mut self, id: u64) {
        let mut deal = self.deal(id).clone();
        let mut moved = Moved::default();
        let due = deal.deadline.expect("it is due");
        if !self.passed(&deal, due) {
            return self.put_off(deal, due);
        }
        deal.asked = None;
        match deal.state {
            S::Unpaid => {
                Self::undone(&mut deal, &mut moved);
                deal.state = S::Expired;
            }
            S::Deposited => self.forfeited(&mut deal, &mut moved),
            S::Paid => {
                let bond = deal.bond;
                self.bond_ends(&mut deal, bond, &mut moved);
                Self::undone(&mut deal, &mut moved);
                deal.state = S::Defaulted;
            }
            S::Joined => self.close_entry(&mut deal, &mut moved),
            S::Entered => {
                if !self.lottery_turn(&mut deal, &mut moved) {
                    return;
                }
                let won = deal.state == S::Paid;
                let offer = deal.offer;
                self.step_done(deal, ContractStep::Deadline, None, &moved);
                if won {
                    let said = self.said(offer, OfferAct::Reserved);
                    self.out.push(Event::Sale(said));
                }
                return;
            }
            S::Delivered => self.accepted(&mut deal, &mut moved),
            S::Accepted | S::Covered | S::ReturnAsked => self.settled_deal(&mut deal, &mut moved),
            S::Returning => self.returned(&mut deal, &mut moved),
            S::Performed => deal.state = S::Settled,
            S::ReturnProposed => self.goes_on(&mut deal),
            other => unreachable!("no deadline in {other:?}"),
        }
        self.step_done(deal, ContractStep::Deadline, None, &moved);
    }

    pub(super) fn step_done(
        &mut self,
        mut deal: Deal,
        step: ContractStep,
        by: Option<Role>,
        moved: &Moved,
    ) {
        deal.version += 1;
        deal.told = deal.deadline;
        let lives = deal.state.lives();
        if !lives {
            deal.deadline = None;
            assert!(
                deal.held == 0 && deal.bond == 0,
                "it ends with nothing: {deal:?}"
            );
        }
        let id = deal.id;
        let at = self.shops.deals.iter().position(|one| one.id == id);
        let at = at.expect("it lives");
        let before = self.shops.deals[at].clone();
        self.restored(&before, &deal, moved);
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

    pub(super) fn tell_step(
        &mut self,
        deal: &Deal,
        step: ContractStep,
        by: Option<Role>,
        moved: &Moved,
    ) {
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
                full_tax: self.taxed_in_full(deal),
                version: deal.version,
                contract: deal.named().0,
                offer: deal.offer,
                slots: ContractSlots {
                    contract: deal.named().1,
                    offer: 0,
                },
                venue: self.shops.terms[deal.terms].venue,
                money: AssetId::new(deal.money as u32),
                goods: AssetId::new(deal.goods as u32),
                warehouse: CustodianId::new(deal.warehouse as u32),
                pieces: deal.pieces,
                came_back: deal.gone_back,
                regime: deal.regime,
                buyer,
                seller,
                price: small(deal.price),
                amount: small(deal.amount()),
                tax: small(deal.tax),
                money_held: small(deal.held),
                refunded: small(moved.refunded),
                tax_back: small(moved.tax_back),
                paid_out: small(moved.paid),
                fee: small(moved.fee),
                penalty: small(moved.penalty),
                owing: small(deal.owing),
                goods_out: small(moved.out),
                deadline,
            })));
    }
}
