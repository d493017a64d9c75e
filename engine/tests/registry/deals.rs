//! Contracts (section 20): a list, and how a reserve forms one.
//!
//! Invariant: a contract holds its goods until they leave. Not here: its steps
//! (`registry::performance`), offers (`registry::shop`), sums (`reference::ledger`).

use super::shop::{Dealing, Offering};
use super::*;
use RejectReason as R;
use State as S;

pub(super) const DAY: i128 = 86_400_000_000_000;
pub(super) const EAST: i128 = 8 * 3_600_000_000_000;

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
    /// Pieces that are to come back, and that have.
    pub back: u32,
    pub gone_back: u32,
    pub units: i128,
    pub price: i128,
    pub tax: i128,
    pub to_pay: i128,
    /// The money it holds, of the buyer and of the seller.
    pub held: i128,
    pub bond: i128,
    pub version: u32,
    pub state: State,
    pub disputed: bool,
    pub asked: Option<Role>,
    pub days: i128,
    pub counted: bool,
    pub regime: Regime,
    pub invoices: u32,
    pub deadline: Option<i128>,
    /// When its parties expect that to pass: earlier, if it was put off since.
    pub told: Option<i128>,
    pub received: bool,
    /// Where the days of return end.
    pub end: Option<i128>,
    /// Where the days of returns by agreement end, if they are any.
    pub agreed_until: Option<i128>,
    pub pickup: Option<[u8; 16]>,
    pub payment: Option<Sequence>,
}

impl Deal {
    /// Units of goods that have not left.
    pub fn kept(&self) -> i128 {
        if self.received || !self.state.lives() || self.state == S::Entered {
            0
        } else {
            self.units * i128::from(self.pieces)
        }
    }

    pub(super) fn return_end(&self) -> Option<i128> {
        self.end.filter(|_| self.days > 0)
    }
}

/// 24:00 in the east of the n-th day after that of an instant.
pub(super) fn midnight(at: i128, days: i128) -> i128 {
    ((at + EAST).div_euclid(DAY) + days + 1) * DAY - EAST
}

/// The price of a piece, the tax, and what is to be paid; who joins a group is asked for the most.
fn cost_of(prices: &Prices, terms: &SaleTerms, pieces: u32) -> (i128, i128, i128) {
    let mut tiers = prices.tiers.iter().rev();
    let group = terms.model == Model::GroupBuy;
    let tier = tiers.find(|tier| tier.from <= if group { 1 } else { pieces });
    let price = i128::from(tier.expect("the first is from one").price);
    cost_at(price, terms, pieces)
}

pub(super) fn cost_at(price: i128, terms: &SaleTerms, pieces: u32) -> (i128, i128, i128) {
    let amount = price * i128::from(pieces);
    let bp = i128::from(terms.tax_bp);
    let contained = terms.tax_basis == TaxBasis::VatIn;
    let below = if contained { 10_000 + bp } else { 10_000 };
    let above = amount * bp;
    let tax = above.div_euclid(below) + i128::from(2 * above.rem_euclid(below) >= below);
    let to_pay = if contained { amount } else { amount + tax };
    (price, tax, to_pay)
}

/// What a step moved.
#[derive(Default)]
pub(super) struct Moved {
    pub refunded: i128,
    pub tax_back: i128,
    pub paid: i128,
    pub fee: i128,
    pub penalty: i128,
    pub out: i128,
    /// Pieces that go back to the offer, and for which the buyer is counted no more.
    pub back: u32,
    pub uncounted: u32,
}

impl Reference {
    pub fn act_on_contract(
        &mut self,
        envelope: &Envelope,
        command: &ContractCommand,
    ) -> Result<(), Reject> {
        match command {
            ContractCommand::Reserve(ask) => self.reserve(ask),
            ContractCommand::Step(take) => Ok(self.take_step(envelope, take)?),
        }
    }

    pub fn refuse_contract(&mut self, command: &ContractCommand, reject: Reject, counted: bool) {
        let (step, account, contract) = match command {
            ContractCommand::Reserve(ask) => (ContractStep::Reserve, Some(ask.account), None),
            ContractCommand::Step(take) => (
                ContractStep::of(&take.act),
                take.account,
                Some(take.contract),
            ),
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

    /// There was no service: what would pass in it or within a day after is put off.
    pub fn gap(&mut self, venue: Option<VenueId>, from: i128, until: i128) {
        let end = until + DAY;
        let terms = &self.shops.terms;
        for deal in &mut self.shops.deals {
            if venue.is_some_and(|venue| venue != terms[deal.terms].venue) {
                continue;
            }
            let instants = [&mut deal.deadline, &mut deal.end, &mut deal.agreed_until];
            for at in instants.into_iter().flatten() {
                if from < until && from < *at && *at < end {
                    *at = end;
                }
            }
        }
        let sequence = self.sequence.value();
        self.shops.gaps.push((sequence, venue, from, until));
    }

    /// When an offer closes: a campaign's gaps put it off.
    fn really_closes(&self, offer: &Offering) -> Option<i128> {
        let closes = i128::from(offer.prices.closes?.nanoseconds());
        let group = self.shops.terms[offer.terms].plan == Plan::Group;
        Some(if group {
            self.really(offer, closes)
        } else {
            closes
        })
    }

    /// When an instant that is one for all who took an offer really comes.
    pub(super) fn really(&self, offer: &Offering, instant: i128) -> i128 {
        let mut ends = instant;
        let terms = &self.shops.terms[offer.terms];
        for &(sequence, venue, from, until) in &self.shops.gaps {
            let reached = sequence > offer.id && venue.is_none_or(|venue| venue == terms.venue);
            if reached && from < until && from < ends && ends < until + DAY {
                ends = until + DAY;
            }
        }
        ends
    }

    /// It comes later, at an instant nobody knows while the venue is halted.
    pub(super) fn put_off(&mut self, mut deal: Deal, due: i128) {
        let now = self.instant();
        deal.deadline = Some(if due > now { due } else { now + DAY });
        deal.told = deal.deadline;
        *self.deal_mut(deal.id) = deal.clone();
        self.tell_step(&deal, ContractStep::PutOff, None, &Moved::default());
    }

    /// The shard was down.
    pub fn service_gap(&mut self, gap: ServiceGap) -> Option<u32> {
        let until = self.instant();
        self.gap(None, gap.from.nanoseconds().into(), until);
        None
    }

    /// A venue halts or goes on.
    pub fn halts(&mut self, venue: VenueId, status: TradingStatus) {
        let now = self.instant();
        let halted = matches!(status, TradingStatus::Halted | TradingStatus::Suspended);
        let since = self.shops.halted.iter().position(|known| known.0 == venue);
        match since {
            None if halted => self.shops.halted.push((venue, now)),
            Some(at) if !halted => {
                let (_, from) = self.shops.halted.remove(at);
                self.gap(Some(venue), from, now);
            }
            _ => {}
        }
    }

    /// Whether an instant of a contract has passed: never during a halt that began before it.
    pub(super) fn passed(&self, deal: &Deal, at: i128) -> bool {
        let venue = self.shops.terms[deal.terms].venue;
        let mut halted = self.shops.halted.iter();
        let waits = halted.any(|known| known.0 == venue && known.1 < at);
        at <= self.instant() && !waits
    }

    pub(super) fn instant(&self) -> i128 {
        i128::from(self.time.nanoseconds())
    }

    pub(super) fn deal(&self, id: u64) -> &Deal {
        let found = self.shops.deals.iter().find(|one| one.id == id);
        found.expect("it lives")
    }

    pub(super) fn deal_mut(&mut self, id: u64) -> &mut Deal {
        let found = self.shops.deals.iter_mut().find(|one| one.id == id);
        found.expect("it lives")
    }

    /// The regime that applies, and the days of return.
    fn law_of(
        &self,
        terms: &SaleTerms,
        kind: PartyKind,
        sure: bool,
    ) -> Result<(Regime, i128), Reject> {
        let regimes = &self.venues[terms.venue.place()].regimes;
        let (laws, consumer) = (self.laws(), kind == PartyKind::Consumer);
        let mut fit = regimes.clone();
        fit.retain(|one| laws.allows(*one, terms.model));
        fit.retain(|one| !(consumer && laws.is_of_firms(*one)));
        let Some(mut chosen) = fit.first().copied() else {
            return Err(Reject {
                reason: R::PartyKind,
                basis: laws.text(regimes[0]),
            });
        };
        let protects = |one: &&Regime| laws.cooling(**one).is_some();
        let better = if consumer {
            let imports = fit.iter().find(|one| laws.is_of_importers(**one));
            imports.or_else(|| fit.iter().find(protects))
        } else {
            fit.iter().find(|one| !protects(one))
        };
        chosen = better.copied().unwrap_or(chosen);
        let days = i128::from(terms.return_days);
        let asks = terms.exemption == Some(Exemption::ConfirmedUnsuitable) && !sure;
        let least = match laws.cooling(chosen) {
            Some((least, exempt, _)) if consumer => {
                let bit = terms.exemption.map_or(0, |one| 1 << (one as u32 - 1));
                let binds = asks || exempt & bit == 0;
                if binds { i128::from(least) } else { 0 }
            }
            _ => 0,
        };
        Ok((chosen, days.max(least)))
    }

    pub(super) fn seller_stands(&self, seller: AccountId) -> bool {
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
        self.qualifies(ask.account, terms.venue)?;
        let owner = self.accounts[ask.account.place()].owner;
        let sure = ask.confirmed == Confirmed::Yes;
        let law = self.law_of(&terms, self.kind_of(owner), sure)?;
        let prices = &offer.prices;
        fails(ask.version != offer.version, R::StaleVersion)?;
        let closed = self
            .really_closes(&offer)
            .is_some_and(|ends| self.instant() >= ends);
        fails(self.time < prices.opens || closed, R::Deadline)?;
        let own = self.accounts[offer.seller.place()].owner == owner;
        fails(own, R::SelfTrade)?;
        self.may_take_now(&offer, owner)?;
        let hashed = ask.pickup.is_some() != (terms.delivery == Delivery::PickUp);
        fails(hashed, R::InvalidCombination)?;
        fails(ask.pieces == 0, R::Quantity)?;
        fails(ask.pieces > prices.max, R::MaxQuantity)?;
        fails(ask.pieces < prices.min, R::MinQuantity)?;
        fails(!ask.pieces.is_multiple_of(prices.step), R::QuantityStep)?;
        let cost = cost_of(prices, &terms, ask.pieces);
        fails(cost.2 > 1 << 52, R::OrderValue)?;
        self.room_to_take(ask, &offer, owner)?;
        let (deposit, bond) = Self::deposit_of(&terms, cost.2);
        if bond
            > self
                .available(offer.seller.place(), terms.money.place())
                .max(0)
        {
            return Err(Reject {
                reason: R::SellerFunds,
                basis: Some(Basis::CivilCode587),
            });
        }
        let due = if deposit > 0 { deposit } else { cost.2 };
        let at_once = terms.funding == Funding::Prefunded;
        let lacks = due > self.available(ask.account.place(), terms.money.place());
        fails(at_once && lacks, R::InsufficientFunds)?;
        self.form(ask, &offer, &terms, (cost, law));
        if prices.limit.is_some() {
            self.take_of(offer.id, owner, ask.pieces);
        }
        let deal = self.deal(self.sequence.value()).clone();
        let by = Some(Role::Buyer);
        self.tell_step(&deal, ContractStep::Reserve, by, &Moved::default());
        let said = self.said(offer.id, OfferAct::Reserved);
        self.out.push(Event::Sale(said));
        Ok(())
    }

    fn qualifies(&self, account: AccountId, venue: VenueId) -> Result<(), Reject> {
        let asked = self.admits_at(venue).qualified_only;
        if !asked || self.has_role_at(venue, account, Roles::QUALIFIED_INVESTOR) {
            return Ok(());
        }
        let regimes = &self.venues[venue.place()].regimes;
        Err(Reject {
            reason: R::NotQualified,
            basis: self.laws().qualified(regimes),
        })
    }

    fn form(
        &mut self,
        ask: &Reserve,
        offer: &Offering,
        terms: &SaleTerms,
        ((price, tax, to_pay), (regime, days)): ((i128, i128, i128), (Regime, i128)),
    ) {
        let (at_once, within) = match terms.funding {
            Funding::Prefunded => (true, terms.hand_over_within),
            Funding::PayLater { within } => (false, within),
        };
        let mut state = if at_once { S::Paid } else { S::Unpaid };
        let mut deadline = self.instant() + i128::from(within.0);
        let (deposit, bond) = Self::deposit_of(terms, to_pay);
        let mut held = if at_once { to_pay } else { 0 };
        if terms.model == Model::Presale {
            (state, deadline, held) = (S::Deposited, offer.window.1, deposit);
        }
        if let Some(lot) = &offer.lottery {
            (state, deadline) = (S::Entered, self.really(offer, lot.draw_by));
        }
        if terms.model == Model::GroupBuy {
            state = S::Joined;
            deadline = self.really_closes(offer).expect("it closes");
        }
        self.shops.deals.push(Deal {
            id: self.sequence.value(),
            offer: offer.id,
            terms: offer.terms,
            buyer: ask.account,
            seller: offer.seller,
            money: terms.money.place(),
            goods: offer.goods,
            warehouse: offer.warehouse,
            pieces: ask.pieces,
            back: 0,
            gone_back: 0,
            units: offer.units,
            price,
            tax,
            to_pay,
            held,
            bond,
            version: 1,
            state,
            disputed: false,
            asked: None,
            days,
            counted: offer.prices.limit.is_some(),
            regime,
            invoices: 0,
            deadline: Some(deadline),
            told: Some(deadline),
            received: false,
            end: None,
            agreed_until: None,
            pickup: ask.pickup,
            payment: None,
        });
        let (at, owner) = (
            self.sequence.value(),
            self.accounts[ask.account.place()].owner,
        );
        let known = self.offering_mut(offer.id).expect("known");
        match &mut known.lottery {
            Some(lot) => lot.all.push((at, owner, ask.pieces)),
            None => known.left -= ask.pieces,
        }
    }

    fn take_of(&mut self, offer: u64, owner: OwnerId, pieces: u32) {
        let taken = &mut self.shops.taken;
        match taken
            .iter_mut()
            .find(|known| (known.0, known.1) == (offer, owner))
        {
            Some(known) => known.2 += pieces,
            None => taken.push((offer, owner, pieces)),
        }
    }

    fn room_to_take(&self, ask: &Reserve, offer: &Offering, owner: OwnerId) -> Result<(), R> {
        let taken = &self.shops.taken;
        let known = taken
            .iter()
            .find(|known| (known.0, known.1) == (offer.id, owner));
        let mut full = self.shops.deals.len() >= self.limits.contracts_max as usize;
        if let Some(limit) = offer.prices.limit {
            let after = u64::from(known.map_or(0, |known| known.2)) + u64::from(ask.pieces);
            let flash = self.shops.terms[offer.terms].model == Model::FlashSale;
            let loose = u64::from(flash && self.fault == Some(Fault::LimitLoose));
            fails(after > u64::from(limit) + loose, R::BuyerLimit)?;
            full |= known.is_none() && taken.len() >= self.limits.buyers_max as usize;
        }
        full |= self.entries(offer.id) >= self.limits.entries_max as usize;
        let drawn = offer.lottery.is_some();
        fails(!drawn && ask.pieces > offer.left, R::OutOfStock)?;
        fails(full, R::OpenContracts)
    }
}
