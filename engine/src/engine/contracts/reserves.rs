//! How a contract is formed: what a reserve is asked, in stages that a basket goes through line by
//! line, and what forms it.
//!
//! Invariant: as in `contracts`; what is checked here is all that forming needs. Not here: what a
//! basket asks beside (`engine::baskets`).

use std::hint::black_box;

use super::border::Importing;
use super::fails;
use super::steps::Step;
use crate::clearing::Holder;
use crate::clearing::kept::Kept;
use crate::clearing::ledger::Place;
use crate::command::{Covered, Delivery, Envelope, Funding, Reserve, SaleTerms};
use crate::contract::effects::Moved;
use crate::contract::{Contract, CountedFor};
use crate::engine::Engine;
use crate::engine::sales::Dealer;
use crate::engine::switch::session_of;
use crate::event::{ContractStep, Disputed, Event, Events, OfferAct, Role, SaleEvent};
use crate::market::presale;
use crate::market::sale::price::{self, Cost};
use crate::market::sale::{Offer, Year, law};
use crate::reject::{Basis, Reject, RejectReason as R};
use crate::types::{AccountId, OwnerId, SessionId, Side, Time};
use crate::venue::Regime;

/// A reserve that passed its checks.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Reserved {
    pub(in crate::engine) owner: OwnerId,
    pub(in crate::engine) cost: Cost,
    /// What is paid at once, where that is a part.
    deposit: i64,
    /// What is held of who pays at once.
    due: i64,
    regime: Regime,
    /// In which year's use it counts, if its regime limits imports.
    import_year: Option<Year>,
    return_days: u8,
    /// Where the buyer has the money, if it pays at once.
    money: Option<Place>,
}

/// A reserve that passed those up to ORDER_VALUE.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Wanted<'a> {
    pub(in crate::engine) offer: &'a Offer,
    pub(in crate::engine) terms: &'a SaleTerms,
    pub(in crate::engine) owner: OwnerId,
    /// At the list price, until a discount is taken off.
    pub(in crate::engine) cost: Cost,
    pub(in crate::engine) regime: Regime,
    return_days: u8,
    /// What it is held against, if its regime limits imports.
    importing: Option<Importing>,
}

impl Wanted<'_> {
    /// It passed the others, and is paid so.
    pub(in crate::engine) fn reserved(&self, money: Option<Place>) -> Reserved {
        Reserved {
            owner: self.owner,
            cost: self.cost,
            deposit: 0,
            due: self.cost.to_pay,
            regime: self.regime,
            import_year: self.importing.map(|import| import.whose.year),
            return_days: self.return_days,
            money,
        }
    }
}

/// What the lines of one basket up to some place take: of bounds, and of limits of imports, as a
/// basket is one order.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Before {
    contracts: u32,
    buyers: u32,
    pieces: u32,
    value: i64,
}

impl Engine {
    /// The reasons of SEMANTICS section 21 in their order.
    pub(super) fn check_reserve(
        &self,
        envelope: &Envelope,
        ask: &Reserve,
        time: Time,
    ) -> Result<Reserved, Reject> {
        self.ask_ahead(ask);
        let wanted = self.check_wanted(session_of(envelope), ask, time)?;
        self.check_room_for(ask, &wanted, Before::default())?;
        let (offer, terms, cost) = (wanted.offer, wanted.terms, wanted.cost);
        let deposit = price::deposit_of(cost.to_pay, terms);
        self.check_bond(offer, presale::earnest_of(cost.to_pay, deposit))?;
        let due = if deposit > 0 { deposit } else { cost.to_pay };
        let money = self.check_money(ask.account, terms, due)?;
        Ok(Reserved {
            deposit,
            due,
            ..wanted.reserved(money)
        })
    }

    /// Asks memory for what a reserve will need of it, and changes nothing. At full size each is a
    /// line that is in no cache, and the checks below, which come to them one after the other,
    /// would wait for each; so they wait for all at once.
    fn ask_ahead(&self, ask: &Reserve) {
        let ledger = &self.clearing.ledger;
        let link = self.parties.link(ask.account);
        if let Some(offer) = self.sales.offer(ask.offer) {
            black_box(ledger.available(offer.stock.at()));
            black_box(self.parties.owner_of(offer.seller));
        }
        black_box(self.contracts.is_next_free());
        if let Some((_, owner)) = link {
            black_box(self.sales.buyers.is_begun(ask.offer.sequence, owner));
            black_box(self.sales.kind(owner));
        }
        let newest = ledger.of_account(ask.account).next();
        black_box(newest.map(|position| position.available));
    }

    /// The reasons up to ORDER_VALUE: whether the offer can be taken so, stock and money aside.
    pub(in crate::engine) fn check_wanted(
        &self,
        session: Option<SessionId>,
        ask: &Reserve,
        time: Time,
    ) -> Result<Wanted<'_>, Reject> {
        let known = self.sales.offer(ask.offer);
        let known = known.map(|offer| (offer, self.sales.known(offer.terms)));
        let (participant, owner) = self.check_dealer(&Dealer {
            session,
            account: ask.account,
            side: Side::Buy,
            venue: known.map(|(_, defined)| defined.terms.venue),
            seller: known.map(|(offer, _)| offer.seller),
        })?;
        let (offer, defined) = known.ok_or(R::UnknownOffer)?;
        let terms = &defined.terms;
        self.check_venue_open(terms.venue)?;
        self.check_seller_open(offer.seller)?;
        let venue = self.venue_of_terms(terms.venue);
        if self.standings.is_used() {
            self.standings.check_qualified(
                terms.venue,
                (self.venues.law(), &venue.regimes),
                participant,
            )?;
        }
        let kind = self.sales.kind(owner);
        let regime = match defined.regime(kind) {
            Some(regime) => regime,
            None => law::regime_of((self.venues.law(), &venue.regimes), terms.model, kind)?,
        };
        self.check_taken(ask, (offer, owner), time)?;
        self.check_admitted((offer, owner), terms, time)?;
        let hashed = ask.pickup.is_some() == (terms.delivery == Delivery::PickUp);
        fails(!hashed, R::InvalidCombination)?;
        let importing = self.importing(regime, terms, (owner, time))?;
        check_pieces(offer, ask.pieces)?;
        let rules = self.venues.law().rules(regime);
        Ok(Wanted {
            offer,
            terms,
            owner,
            cost: price::cost_of(offer, terms, ask.pieces)?,
            regime,
            return_days: law::return_days(terms, rules, kind, ask.confirmed),
            importing,
        })
    }

    /// SELLER_FUNDS: who sells by a deposit holds its double return (民法典(2020) 587).
    fn check_bond(&self, offer: &Offer, bond: i64) -> Result<(), Reject> {
        if bond > 0 && bond > self.clearing.ledger.available(offer.seller_at) {
            return Err(Reject {
                reason: R::SellerFunds,
                basis: Some(Basis::CivilCode587),
            });
        }
        Ok(())
    }

    /// INSUFFICIENT_FUNDS; where the money is of who pays at once.
    pub(in crate::engine) fn check_money(
        &self,
        account: AccountId,
        terms: &SaleTerms,
        due: i64,
    ) -> Result<Option<Place>, R> {
        match terms.funding {
            Funding::Prefunded => {
                let ledger = &self.clearing.ledger;
                let place = ledger.find(Holder::Account(account), terms.money);
                let available = place.map_or(0, |at| ledger.available(at));
                fails(available < due, R::InsufficientFunds)?;
                Ok(place)
            }
            Funding::PayLater { .. } => Ok(None),
        }
    }

    /// STALE_VERSION, DEADLINE, SELF_TRADE.
    fn check_taken(
        &self,
        ask: &Reserve,
        (offer, owner): (&Offer, OwnerId),
        time: Time,
    ) -> Result<(), R> {
        fails(ask.version != offer.version, R::StaleVersion)?;
        fails(!self.is_open(offer, time), R::Deadline)?;
        let own = self.parties.owner_of(offer.seller) == Some(owner);
        fails(own, R::SelfTrade)
    }

    /// BUYER_LIMIT, ANNUAL_LIMIT, OUT_OF_STOCK, OPEN_CONTRACTS. What lines before this one took,
    /// and then with it.
    pub(in crate::engine) fn check_room_for(
        &self,
        ask: &Reserve,
        wanted: &Wanted<'_>,
        before: Before,
    ) -> Result<Before, Reject> {
        let (offer, owner) = (wanted.offer, wanted.owner);
        let buyers = &self.sales.buyers;
        let entries = self.sales.waiting(ask.offer.slot);
        let closes = self.sales.presale(ask.offer.slot).is_none();
        let crowded = closes && entries >= self.limits.entries_max;
        let mut room = self.contracts.room() > before.contracts && !crowded;
        let mut after = Before {
            contracts: before.contracts + 1,
            ..before
        };
        if let Some(limit) = offer.limit {
            let known = buyers.find(offer.sequence, owner);
            let taken = known.map_or(0, |at| buyers.row(at).pieces);
            let taken = u64::from(taken) + u64::from(ask.pieces);
            fails(taken > u64::from(limit), R::BuyerLimit)?;
            if known.is_none() {
                room &= buyers.room() > before.buyers;
                after.buyers += 1;
            }
        }
        if let Some(importing) = &wanted.importing {
            after.pieces = before.pieces.saturating_add(ask.pieces);
            after.value = before.value + wanted.cost.to_pay - wanted.cost.tax;
            importing.check(after.pieces, after.value)?;
            room &= importing.room;
        }
        let drawn = self.sales.lottery(ask.offer.slot).is_some();
        fails(!drawn && ask.pieces > offer.left, R::OutOfStock)?;
        fails(!room, R::OpenContracts)?;
        Ok(after)
    }

    /// Forms the contract that was checked.
    pub(super) fn reserve(&mut self, ask: &Reserve, checked: &Reserved, events: &mut Events) {
        let mut slot = [0];
        self.contracts.take_rows(&mut slot);
        self.reserve_in(slot[0], ask, (checked, ContractStep::Reserve), events);
    }

    /// Forms the contract that was checked in a row that was taken for it.
    pub(in crate::engine) fn reserve_in(
        &mut self,
        slot: u32,
        ask: &Reserve,
        (checked, step): (&Reserved, ContractStep),
        events: &mut Events,
    ) {
        let owner = checked.owner;
        let drawn = self.sales.lottery(ask.offer.slot).is_some();
        let offer = self.sales.row_mut(ask.offer.slot);
        let taken = if drawn { 0 } else { ask.pieces };
        let units = offer.units(taken);
        let mut goods = Kept::nothing(offer.stock.at());
        let ledger = &mut self.clearing.ledger;
        ledger.pass(&mut offer.stock, units, &mut goods);
        offer.left -= taken;
        let limited = offer.limit.is_some();
        let row = self.row_of(ask, checked, goods);
        self.enter(ask.offer.slot, &row);
        self.count_import(&row);
        let report = self.sales.report(ask.offer.slot, OfferAct::Reserved);
        if limited {
            self.sales.count_buyer(ask.offer.slot, owner, ask.pieces);
        }
        self.contracts.form(slot, row);
        let step = Step {
            step,
            by: Some(Role::Buyer),
        };
        self.tell(slot, &row, step, &Moved::default(), events);
        events.push(Event::Sale(SaleEvent::Offer(report)));
    }

    /// The row of a new contract, which holds these goods and its money.
    fn row_of(&mut self, ask: &Reserve, checked: &Reserved, goods: Kept) -> Contract {
        let Reserved {
            owner, cost, due, ..
        } = *checked;
        let money = self.clearing.keep_money(checked.money, due);
        let (state, until) = self.first_state(ask.offer.slot);
        let offer = self.sales.row(ask.offer.slot);
        Contract {
            sequence: self.sequence.value(),
            offer: ask.offer,
            terms: offer.terms,
            buyer: ask.account,
            seller: offer.seller,
            owner,
            goods_asset: offer.goods,
            warehouse: offer.warehouse,
            pieces: ask.pieces,
            returned: 0,
            came_back: 0,
            piece_units: offer.piece_units,
            price: cost.price,
            amount: cost.amount,
            tax: cost.tax,
            to_pay: cost.to_pay,
            deposit: checked.deposit,
            version: 1,
            state,
            disputed: Disputed::No,
            asked: None,
            regime: checked.regime,
            return_days: checked.return_days,
            counted: match offer.limit {
                Some(_) => CountedFor::Yes,
                None => CountedFor::No,
            },
            covered: Covered::No,
            import_year: checked.import_year,
            invoices: 0,
            deadline: Some(until),
            set: self.sequence.value(),
            received: None,
            formed: self.time,
            delivery_reference: ask.delivery_reference,
            pickup: ask.pickup,
            payment: None,
            money,
            goods,
            seller_at: offer.seller_at,
            warehouse_at: offer.warehouse_at,
        }
    }
}

/// QUANTITY, MAX_QUANTITY, MIN_QUANTITY, QUANTITY_STEP.
fn check_pieces(offer: &Offer, pieces: u32) -> Result<(), R> {
    fails(pieces == 0, R::Quantity)?;
    fails(pieces > offer.max, R::MaxQuantity)?;
    fails(pieces < offer.min, R::MinQuantity)?;
    fails(!pieces.is_multiple_of(offer.step), R::QuantityStep)
}
