//! Contracts (section 20): a list, and how a reserve forms one.
//!
//! Invariant: a contract holds its goods until they leave. Not here: its steps
//! (`registry::performance`), offers (`registry::shop`), sums (`reference::ledger`).

use super::border::Whose;
use super::shop::{Dealing, Offering};
use super::*;
use RejectReason as R;
use State as S;

pub(super) const DAY: i128 = 86_400_000_000_000;
pub(super) const EAST: i128 = 8 * 3_600_000_000_000;

/// A live contract.
#[derive(Clone, Debug)]
pub struct Deal {
    /// Eight times the sequence of its command, and its line of a basket.
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
    /// What a discount took off.
    pub off: i128,
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
    pub invoices: u32,
    /// What its seller's guarantee answers for.
    pub answered: i128,
    /// What its seller owes of it, and since which command.
    pub owing: i128,
    pub since: u64,
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
    pub regime: Regime,
    /// Whose use of which year it counts in.
    pub imports: Option<Whose>,
    /// When the buyer had the goods.
    pub got: Option<i128>,
}

impl Deal {
    /// The sequence of its command, and its line of a basket.
    pub fn named(&self) -> (u64, u32) {
        (self.id / 8, (self.id % 8) as u32)
    }

    /// What was paid for all pieces, tax on top apart.
    pub fn amount(&self) -> i128 {
        self.price * i128::from(self.pieces) - self.off
    }

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
pub(super) fn cost_of(
    prices: &Prices,
    terms: &SaleTerms,
    pieces: u32,
    fault: Option<Fault>,
) -> (i128, i128, i128) {
    let mut tiers = prices.tiers.iter().rev();
    let group = terms.model == Model::GroupBuy;
    let late = u32::from(fault == Some(Fault::ListByOne));
    // The first is from one, whatever is wrong with the rest.
    let reached = |tier: &&Tier| tier.from == 1 || !group && tier.from + late <= pieces;
    let tier = tiers.find(reached);
    let price = i128::from(tier.expect("the first is from one").price);
    cost_at(price, terms, pieces)
}

pub(super) fn cost_at(price: i128, terms: &SaleTerms, pieces: u32) -> (i128, i128, i128) {
    let (tax, to_pay) = taxed(price * i128::from(pieces), terms);
    (price, tax, to_pay)
}

/// The tax on or in an amount, and what is to be paid.
pub(super) fn taxed(amount: i128, terms: &SaleTerms) -> (i128, i128) {
    let bp = i128::from(terms.tax_bp);
    let contained = terms.tax_basis == TaxBasis::VatIn;
    let below = if contained { 10_000 + bp } else { 10_000 };
    let above = amount * bp;
    let tax = above.div_euclid(below) + i128::from(2 * above.rem_euclid(below) >= below);
    let to_pay = if contained { amount } else { amount + tax };
    (tax, to_pay)
}

/// A reserve that could be, stock and money aside.
pub(super) struct Wanted {
    pub offer: Offering,
    pub terms: SaleTerms,
    pub owner: OwnerId,
    pub regime: Regime,
    pub days: i128,
    /// The price of a piece, what a discount takes off, the tax, what is to be paid.
    pub price: i128,
    pub off: i128,
    pub tax: i128,
    pub to_pay: i128,
}

impl Wanted {
    /// What counts of it as an import, without the tax.
    pub fn value(&self) -> i128 {
        self.to_pay - self.tax
    }
}

/// What lines of a basket take.
#[derive(Default)]
pub(super) struct Taken {
    pub contracts: usize,
    pub buyers: usize,
    pub pieces: u32,
    pub value: i128,
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
            ContractCommand::Basket(basket) => self.basket(basket),
        }
    }

    pub fn refuse_contract(&mut self, command: &ContractCommand, reject: Reject, counted: bool) {
        let (step, account, contract) = match command {
            ContractCommand::Reserve(ask) => (ContractStep::Reserve, Some(ask.account), None),
            ContractCommand::Basket(basket) => (ContractStep::Basket, Some(basket.account), None),
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
                line: self.shops.at_fault.take(),
                reject,
                counters,
            })));
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

    /// The regime under which this kind of party buys by a model, if it may.
    pub(super) fn regime_for(
        &self,
        regimes: &[Regime],
        model: Model,
        kind: PartyKind,
    ) -> Option<Regime> {
        let (laws, consumer) = (self.laws(), kind == PartyKind::Consumer);
        let mut fit = regimes.to_vec();
        fit.retain(|one| laws.allows(*one, model));
        fit.retain(|one| !(consumer && laws.is_of_firms(*one)));
        let first = fit.first().copied();
        let protects = |one: &&Regime| laws.cooling(**one).is_some();
        let better = if consumer {
            let imports = fit.iter().find(|one| laws.is_of_importers(**one));
            imports.or_else(|| fit.iter().find(protects))
        } else {
            fit.iter().find(|one| !protects(one))
        };
        better.copied().or(first)
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
        let chosen = self.regime_for(regimes, terms.model, kind);
        let chosen = chosen.ok_or_else(|| Reject {
            reason: R::PartyKind,
            basis: laws.text(regimes[0]),
        })?;
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

    /// Whether an offer can be taken so, stock and money aside.
    pub(super) fn wanted(&self, ask: &Reserve) -> Result<Wanted, Reject> {
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
        let (regime, days) = self.law_of(&terms, self.kind_of(owner), sure)?;
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
        if let Some(basis) = self.bars_import(&terms, regime) {
            return Err(Reject {
                reason: R::InvalidCombination,
                basis: Some(basis),
            });
        }
        fails(ask.pieces == 0, R::Quantity)?;
        fails(ask.pieces > prices.max, R::MaxQuantity)?;
        fails(ask.pieces < prices.min, R::MinQuantity)?;
        fails(!ask.pieces.is_multiple_of(prices.step), R::QuantityStep)?;
        let (price, tax, to_pay) = cost_of(prices, &terms, ask.pieces, self.fault);
        fails(to_pay > 1 << 52, R::OrderValue)?;
        Ok(Wanted {
            offer,
            terms,
            owner,
            regime,
            days,
            price,
            off: 0,
            tax,
            to_pay,
        })
    }

    fn reserve(&mut self, ask: &Reserve) -> Result<(), Reject> {
        let wanted = self.wanted(ask)?;
        self.room_to_take(ask, &wanted, &Taken::default())?;
        let (offer, terms) = (&wanted.offer, &wanted.terms);
        let (deposit, bond) = Self::deposit_of(terms, wanted.to_pay);
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
        let due = if deposit > 0 { deposit } else { wanted.to_pay };
        let at_once = terms.funding == Funding::Prefunded;
        let lacks = due > self.available(ask.account.place(), terms.money.place());
        fails(at_once && lacks, R::InsufficientFunds)?;
        self.formed(ask, &wanted, (0, ContractStep::Reserve));
        Ok(())
    }

    /// The contract of a line, from 0, is formed and told.
    pub(super) fn formed(
        &mut self,
        ask: &Reserve,
        wanted: &Wanted,
        (line, step): (u64, ContractStep),
    ) {
        let offer = &wanted.offer;
        self.form(ask, wanted, line);
        self.count_import(8 * self.sequence.value() + line, wanted.owner);
        if offer.prices.limit.is_some() {
            self.take_of(offer.id, wanted.owner, ask.pieces);
        }
        let deal = self.deal(8 * self.sequence.value() + line).clone();
        let by = Some(Role::Buyer);
        self.tell_step(&deal, step, by, &Moved::default());
        let said = self.said(offer.id, OfferAct::Reserved);
        self.out.push(Event::Sale(said));
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

    fn form(&mut self, ask: &Reserve, wanted: &Wanted, line: u64) {
        let (offer, terms) = (&wanted.offer, &wanted.terms);
        let Wanted {
            price,
            off,
            tax,
            to_pay,
            days,
            regime,
            ..
        } = *wanted;
        let (mut state, within, mut held) = match terms.funding {
            Funding::Prefunded => (S::Paid, terms.hand_over_within, to_pay),
            Funding::PayLater { within } => (S::Unpaid, within, 0),
        };
        let mut deadline = self.instant() + i128::from(within.0);
        let (deposit, bond) = Self::deposit_of(terms, to_pay);
        let id = 8 * self.sequence.value() + line;
        if terms.model == Model::Presale {
            let late = i128::from(self.fault == Some(Fault::BalanceLate));
            (state, deadline, held) = (S::Deposited, offer.window.1 + late, deposit);
        }
        if let Some(lot) = &offer.lottery {
            (state, deadline) = (S::Entered, self.really(offer, lot.draw_by));
        }
        if terms.model == Model::GroupBuy {
            state = S::Joined;
            let late = i128::from(self.fault == Some(Fault::CloseLate));
            deadline = self.really_closes(offer).expect("it closes") + late;
        }
        self.shops.deals.push(Deal {
            id,
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
            off,
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
            invoices: 0,
            answered: 0,
            owing: 0,
            since: 0,
            deadline: Some(deadline),
            told: Some(deadline),
            received: false,
            end: None,
            agreed_until: None,
            pickup: ask.pickup,
            payment: None,
            regime,
            imports: None,
            got: None,
        });
        self.leaves_offer(offer.id, (id / 8, wanted.owner, ask.pieces));
    }

    /// The pieces are on offer no more, or the owner is in the lottery.
    fn leaves_offer(&mut self, offer: u64, entry: (u64, OwnerId, u32)) {
        let known = self.offering_mut(offer).expect("known");
        match &mut known.lottery {
            Some(lot) => lot.all.push(entry),
            None => known.left -= entry.2,
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

    /// The pieces and the value of a line that its regime counts as imports.
    pub(super) fn imported(&self, ask: &Reserve, wanted: &Wanted) -> (u32, i128) {
        match self.laws().imports(wanted.regime) {
            Some(_) => (ask.pieces, wanted.value()),
            None => (0, 0),
        }
    }

    /// Lines before this one took so much. Whether one more buyer is remembered.
    pub(super) fn room_to_take(
        &self,
        ask: &Reserve,
        wanted: &Wanted,
        before: &Taken,
    ) -> Result<bool, Reject> {
        let (offer, taken) = (&wanted.offer, &self.shops.taken);
        let known = taken
            .iter()
            .find(|known| (known.0, known.1) == (offer.id, wanted.owner));
        let mut full =
            self.shops.deals.len() + before.contracts >= self.limits.contracts_max as usize;
        let fresh = offer.prices.limit.is_some() && known.is_none();
        if let Some(limit) = offer.prices.limit {
            let after = u64::from(known.map_or(0, |known| known.2)) + u64::from(ask.pieces);
            let flash = self.shops.terms[offer.terms].model == Model::FlashSale;
            let loose = u64::from(flash && self.fault == Some(Fault::LimitLoose));
            fails(after > u64::from(limit) + loose, R::BuyerLimit)?;
            full |= fresh && taken.len() + before.buyers >= self.limits.buyers_max as usize;
        }
        let terms = &self.shops.terms[offer.terms];
        let (pieces, value) = self.imported(ask, wanted);
        let order = (before.pieces.saturating_add(pieces), before.value + value);
        full |= !self.may_import(wanted.regime, (wanted.owner, terms), order)?;
        full |= self.entries(offer.id) >= self.limits.entries_max as usize;
        let drawn = offer.lottery.is_some();
        fails(!drawn && ask.pieces > offer.left, R::OutOfStock)?;
        fails(full, R::OpenContracts)?;
        Ok(fresh)
    }
}
