//! Commands about sales: kinds of parties, terms, offers and their stock.
//!
//! Invariant: as elsewhere, a refused command changes nothing and every command is answered. Not
//! here: who takes an offer (`engine::contracts`), the rows (`market::sale`).

use super::switch::session_of;
use super::{Engine, operation};
use crate::clearing::{Clearing, Holder};
use crate::command::{
    AssetClass, Body, ChangeOffer, ChangeStock, Command, Envelope, FlashMode, Funding, KillScope,
    MakeOffer, Party, Plan, Prices, SaleTerms, SalesCommand, Standing, WithdrawOffer,
};
use crate::event::{Event, Events, OfferAct, SaleEvent};
use crate::market::sale::buyers::NIL;
use crate::market::sale::offer::Offer;
use crate::market::sale::{Defined, Sales};
use crate::market::sale::{campaigns, law, price};
use crate::reject::{Reject, RejectReason as R};
use crate::types::{
    AccountId, AssetId, Nanoseconds, OfferId, OwnerId, ParticipantId, SessionId, Side, TermsId,
    Time, VenueId,
};
use crate::venue::{Model, TradingStatus, Venue};

/// Who wants to deal, where, and with whom, as far as it is known.
#[derive(Clone, Copy)]
pub(super) struct Dealer {
    pub(super) session: Option<SessionId>,
    pub(super) account: AccountId,
    pub(super) side: Side,
    pub(super) venue: Option<VenueId>,
    pub(super) seller: Option<AccountId>,
}

pub(super) fn fails(wrong: bool, reason: R) -> Result<(), R> {
    if wrong { Err(reason) } else { Ok(()) }
}

impl Engine {
    /// Kinds of parties, terms of sale, offers.
    pub fn sales(&self) -> &Sales {
        &self.sales
    }

    /// UNKNOWN_ACCOUNT, PARTICIPANT_SUSPENDED, ACCOUNT_SUSPENDED, ACCOUNT_CLOSED, NOT_PERMITTED,
    /// KILL_SWITCH.
    pub(super) fn check_dealer(&self, dealer: &Dealer) -> Result<(ParticipantId, OwnerId), R> {
        let (participant, owner) = self.parties.link(dealer.account).ok_or(R::UnknownAccount)?;
        if self.standings.is_used() {
            self.standings.check_entry(dealer.account, participant)?;
            if let Some(venue) = dealer.venue {
                self.standings.check_role(venue, participant, dealer.side)?;
            }
        }
        if self.switches.are_any_engaged() {
            self.check_scopes(dealer, participant)?;
        }
        Ok((participant, owner))
    }

    #[cold]
    fn check_scopes(&self, dealer: &Dealer, participant: ParticipantId) -> Result<(), R> {
        let of = |account: AccountId| self.parties.link(account).map(|(firm, _)| firm);
        let seller = dealer.seller;
        let scopes = [
            dealer.session.map(KillScope::Session),
            Some(KillScope::Account(dealer.account)),
            Some(KillScope::Participant(participant)),
            dealer.venue.map(KillScope::Venue),
            seller.map(KillScope::Account),
            seller.and_then(of).map(KillScope::Participant),
        ];
        let mut scopes = scopes.into_iter().flatten();
        let engaged = scopes.any(|scope| self.switches.is_engaged(scope));
        fails(engaged, R::KillSwitch)
    }

    /// HALTED, CANCEL_ONLY.
    pub(super) fn check_venue_open(&self, venue: VenueId) -> Result<(), R> {
        match self.venue_of_terms(venue).status {
            TradingStatus::Trading => Ok(()),
            TradingStatus::Halted | TradingStatus::Suspended => Err(R::Halted),
            TradingStatus::CancelOnly => Err(R::CancelOnly),
        }
    }

    /// HALTED: the seller of an offer may not trade.
    pub(super) fn check_seller_open(&self, seller: AccountId) -> Result<(), R> {
        if !self.standings.is_used() {
            return Ok(());
        }
        let (participant, _) = self.parties.link(seller).expect("an offer has a seller");
        let parties = [Party::Participant(participant), Party::Account(seller)];
        let open = |party| self.standings.of(party) == Standing::Open;
        fails(!parties.into_iter().all(open), R::Halted)
    }

    pub(super) fn venue_of_terms(&self, venue: VenueId) -> &Venue {
        let venue = self.venues.venue(venue);
        venue.expect("terms name a venue")
    }

    /// Checks a command about sales and changes nothing.
    pub(super) fn check_sales(
        &self,
        envelope: &Envelope,
        command: &SalesCommand,
        time: Time,
    ) -> Result<(), Reject> {
        let session = session_of(envelope);
        match command {
            SalesCommand::SetPartyKind(set) => {
                let known = self.parties.owner(set.owner);
                known.map(|_| ()).ok_or_else(|| R::UnknownOwner.into())
            }
            SalesCommand::DefineTerms(terms) => self.check_sale_terms(terms),
            SalesCommand::Offer(make) => Ok(self.check_offer(session, make)?),
            SalesCommand::ChangeOffer(change) => Ok(self.check_change_offer(session, change)?),
            SalesCommand::PutStock(change) => Ok(self.check_put_stock(session, change)?),
            SalesCommand::TakeStock(change) => Ok(self.check_take_stock(change)?),
            SalesCommand::WithdrawOffer(end) => Ok(self.check_withdraw_offer(end)?),
            SalesCommand::Join(join) => Ok(self.check_join(session, join, time).map(|_| ())?),
            SalesCommand::BringValue(bring) => Ok(self.check_value(bring, time)?),
            SalesCommand::RevealSeed(reveal) => Ok(self.check_seed(reveal, time)?),
            SalesCommand::SetGrace(set) => Ok(self.check_grace(envelope, set)?),
            SalesCommand::DefineDiscount(terms) => self.check_define_discount(session, terms, time),
            SalesCommand::SetGuarantee(set) => Ok(self.check_guarantee(set)?),
        }
    }

    /// Carries out a command about sales or contracts.
    pub(super) fn deal(&mut self, command: &Command, events: &mut Events) {
        if let Body::Sales(sales) = &command.body {
            self.sell(&command.envelope, sales, events);
        }
        if let Body::Contract(contract) = &command.body {
            self.contract(&command.envelope, contract, events);
        }
    }

    /// Carries out a command about sales.
    fn sell(&mut self, envelope: &Envelope, command: &SalesCommand, events: &mut Events) {
        if let Err(reject) = self.check_sales(envelope, command, self.time) {
            return operation(events, Err(reject));
        }
        // Nothing below can fail.
        let mut handle = None;
        events.push(Event::Sale(match command {
            SalesCommand::SetPartyKind(set) => {
                self.sales.set_kind(set.owner, set.kind);
                let (owner, kind) = (set.owner, set.kind);
                SaleEvent::Party { owner, kind }
            }
            SalesCommand::DefineTerms(terms) => {
                let (id, venue) = (self.define_terms(terms), terms.venue);
                handle = Some(id.index());
                SaleEvent::Terms { terms: id, venue }
            }
            SalesCommand::Offer(make) => self.make_offer(make),
            SalesCommand::ChangeOffer(change) => {
                let row = self.sales.row_mut(change.offer.slot);
                row.set_prices(&change.prices);
                row.version += 1;
                SaleEvent::Offer(self.sales.report(change.offer.slot, OfferAct::Changed))
            }
            SalesCommand::PutStock(change) => self.put_stock(change),
            SalesCommand::TakeStock(change) => self.take_stock(change),
            SalesCommand::WithdrawOffer(end) => self.withdraw_offer(end),
            SalesCommand::Join(join) => self.join(join),
            SalesCommand::BringValue(bring) => self.bring_value(bring),
            SalesCommand::RevealSeed(reveal) => self.reveal_seed(reveal),
            SalesCommand::SetGrace(set) => self.set_grace(set),
            SalesCommand::DefineDiscount(terms) => {
                let report = self.define_discount(terms);
                handle = Some(report.discount.slot);
                SaleEvent::Discount(report)
            }
            SalesCommand::SetGuarantee(set) => self.set_guarantee(set),
        }));
        operation(events, Ok(handle));
    }

    /// UNKNOWN_VENUE, UNKNOWN_ASSET, MODEL_NOT_AVAILABLE, INVALID_FIELD, TOO_MANY.
    fn check_sale_terms(&self, terms: &SaleTerms) -> Result<(), Reject> {
        let venue = self.venues.venue(terms.venue).ok_or(R::UnknownVenue)?;
        let money = self.clearing.assets.asset(terms.money);
        let money = money.ok_or(R::UnknownAsset)?;
        let built = is_built(terms.model) && venue.offers(terms.model);
        fails(!built, R::ModelNotAvailable)?;
        let currency = matches!(money.class, AssetClass::Currency { .. });
        let joins = money.demonstration == venue.demonstration;
        fails(!currency || !joins || !are_bounded(terms), R::InvalidField)?;
        law::check_returns(terms, (self.venues.law(), &venue.regimes))?;
        law::check_returns(terms, (self.venues.law(), venue.last_regimes()))?;
        self.check_import_terms(terms, money.class.decimals(), venue)?;
        if self.sales.find_terms(terms).is_some() {
            return Ok(());
        }
        let fees = (Holder::Venue(terms.venue), terms.money);
        let room = self.clearing.has_room(&[fees]);
        Ok(fails(self.sales.are_terms_full() || !room, R::TooMany)?)
    }

    fn define_terms(&mut self, terms: &SaleTerms) -> TermsId {
        if let Some(known) = self.sales.find_terms(terms) {
            return known;
        }
        let ledger = &mut self.clearing.ledger;
        let fees = ledger.open(Holder::Venue(terms.venue), terms.money);
        let venue = self.venues.venue(terms.venue);
        let venue = venue.expect("it was checked");
        let stands = (self.venues.law(), &*venue.regimes);
        self.sales.add_terms(*terms, fees, stands)
    }

    /// The reasons of SEMANTICS section 21 in their order.
    fn check_offer(&self, session: Option<SessionId>, make: &MakeOffer) -> Result<(), R> {
        let terms = self.sales.terms(make.terms).map(|known| known.terms);
        self.check_dealer(&Dealer {
            session,
            account: make.account,
            side: Side::Sell,
            venue: terms.map(|terms| terms.venue),
            seller: None,
        })?;
        let goods = self.clearing.assets.asset(make.goods);
        let goods = goods.ok_or(R::UnknownAsset)?;
        let warehouse = self.clearing.assets.custodian(make.warehouse);
        let warehouse = warehouse.ok_or(R::UnknownCustodian)?;
        let terms = terms.ok_or(R::UnknownTerms)?;
        self.check_venue_open(terms.venue)?;
        let venue = self.venue_of_terms(terms.venue);
        let right = matches!(goods.class, AssetClass::Goods { .. })
            && self.clearing.settlement.counts(make.goods).is_none()
            && Clearing::keeps(warehouse, goods)
            && goods.demonstration == venue.demonstration
            && (price::units_min(terms.model)..=Prices::UNITS_MAX).contains(&make.piece_units)
            && make.stock <= Prices::PIECES_MAX
            && campaigns::begun(terms.plan, make.course, &make.prices).is_ok()
            && price::are_valid(&make.prices, terms.kind());
        fails(!right, R::InvalidField)?;
        let store = (make.warehouse, make.goods);
        let lies = self.has_goods(make.account, store, (make.stock, make.piece_units));
        fails(!lies, R::InsufficientGoods)?;
        let own = Holder::Account(make.account);
        let needed = [
            (own, make.goods),
            (own, terms.money),
            (Holder::Custodian(make.warehouse), make.goods),
        ];
        let crowded = campaigns::has_campaign(terms.plan) && self.sales.are_campaigns_full();
        let full = crowded || self.sales.are_offers_full() || !self.clearing.has_room(&needed);
        fails(full, R::TooMany)
    }

    /// Whether an account has so many pieces available, and the warehouse as many free.
    fn has_goods(
        &self,
        account: AccountId,
        store: (crate::types::CustodianId, AssetId),
        (pieces, units): (u32, i64),
    ) -> bool {
        let Some(units) = i64::from(pieces).checked_mul(units) else {
            return false;
        };
        let place = self.clearing.ledger.find(Holder::Account(account), store.1);
        let available = place.map_or(0, |place| self.clearing.ledger.available(place));
        units <= available && self.clearing.is_free(store, units)
    }

    fn make_offer(&mut self, make: &MakeOffer) -> SaleEvent {
        let money = self.sales.known(make.terms).terms.money;
        let own = Holder::Account(make.account);
        let ledger = &mut self.clearing.ledger;
        let goods_at = ledger.open(own, make.goods);
        let seller_at = ledger.open(own, money);
        let warehouse_at = ledger.open(Holder::Custodian(make.warehouse), make.goods);
        let store = (make.warehouse, make.goods);
        let units = i64::from(make.stock) * make.piece_units;
        let stock = self.clearing.shelve(goods_at, units, store);
        let mut row = Offer {
            sequence: self.sequence.value(),
            terms: make.terms,
            seller: make.account,
            goods: make.goods,
            warehouse: make.warehouse,
            piece_units: make.piece_units,
            version: 1,
            left: make.stock,
            price: 0,
            more: Box::default(),
            step: 0,
            min: 0,
            max: 0,
            limit: None,
            opens: make.prices.opens,
            closes: None,
            stock,
            seller_at,
            warehouse_at,
            buyers: NIL,
        };
        row.set_prices(&make.prices);
        let plan = self.sales.known(make.terms).terms.plan;
        let campaign = campaigns::begun(plan, make.course, &make.prices);
        let campaign = campaign.expect("it was checked");
        let slot = self.sales.add_offer(row, campaign);
        SaleEvent::Offer(self.sales.report(slot, OfferAct::Offered))
    }

    /// UNKNOWN_ACCOUNT, UNKNOWN_OFFER.
    fn own_offer(&self, account: AccountId, id: OfferId) -> Result<&Offer, R> {
        fails(self.parties.link(account).is_none(), R::UnknownAccount)?;
        self.offer_of(account, id).ok_or(R::UnknownOffer)
    }

    fn offer_of(&self, account: AccountId, id: OfferId) -> Option<&Offer> {
        let offer = self.sales.offer(id);
        offer.filter(|offer| offer.seller == account)
    }

    /// What a seller that offers more must pass, up to the offer itself.
    fn check_offering(
        &self,
        session: Option<SessionId>,
        (account, id): (AccountId, OfferId),
    ) -> Result<(&Offer, &Defined), R> {
        let offer = self.offer_of(account, id);
        let known = offer.map(|offer| (offer, self.sales.known(offer.terms)));
        self.check_dealer(&Dealer {
            session,
            account,
            side: Side::Sell,
            venue: known.map(|(_, defined)| defined.terms.venue),
            seller: None,
        })?;
        known.ok_or(R::UnknownOffer)
    }

    fn check_change_offer(
        &self,
        session: Option<SessionId>,
        change: &ChangeOffer,
    ) -> Result<(), R> {
        let (offer, defined) = self.check_offering(session, (change.account, change.offer))?;
        fails(change.version != offer.version, R::StaleVersion)?;
        self.check_venue_open(defined.terms.venue)?;
        fails(defined.terms.plan != Plan::Plain, R::OfferFixed)?;
        let right = price::are_valid(&change.prices, defined.terms.kind());
        fails(!right, R::InvalidField)
    }

    fn check_put_stock(&self, session: Option<SessionId>, put: &ChangeStock) -> Result<(), R> {
        let (offer, defined) = self.check_offering(session, (put.account, put.offer))?;
        self.check_venue_open(defined.terms.venue)?;
        self.check_odds(put.offer.slot)?;
        let after = u64::from(offer.left) + u64::from(put.pieces);
        let wrong = put.pieces == 0 || after > u64::from(Prices::PIECES_MAX);
        fails(wrong, R::InvalidField)?;
        let pieces = (put.pieces, offer.piece_units);
        let lies = self.has_goods(put.account, offer.store(), pieces);
        fails(!lies, R::InsufficientGoods)
    }

    /// OFFER_FIXED: the odds of who entered a lottery stand.
    fn check_odds(&self, slot: u32) -> Result<(), R> {
        let lottery = self.sales.lottery(slot);
        fails(
            lottery.is_some_and(|known| known.entries > 0),
            R::OfferFixed,
        )
    }

    fn check_take_stock(&self, take: &ChangeStock) -> Result<(), R> {
        let offer = self.own_offer(take.account, take.offer)?;
        self.check_odds(take.offer.slot)?;
        fails(take.pieces == 0, R::InvalidField)?;
        fails(take.pieces > offer.left, R::OutOfStock)
    }

    fn put_stock(&mut self, put: &ChangeStock) -> SaleEvent {
        let slot = put.offer.slot;
        let row = self.sales.row_mut(slot);
        let (at, store, units) = (row.stock.at(), row.store(), row.units(put.pieces));
        let mut kept = self.clearing.shelve(at, units, store);
        let ledger = &mut self.clearing.ledger;
        ledger.pass(&mut kept, units, &mut row.stock);
        row.left += put.pieces;
        SaleEvent::Offer(self.sales.report(slot, OfferAct::StockPut))
    }

    fn take_stock(&mut self, take: &ChangeStock) -> SaleEvent {
        let slot = take.offer.slot;
        let row = self.sales.row_mut(slot);
        let (store, units) = (row.store(), row.units(take.pieces));
        self.clearing.unshelve(&mut row.stock, units, store);
        row.left -= take.pieces;
        SaleEvent::Offer(self.sales.report(slot, OfferAct::StockTaken))
    }

    /// UNKNOWN_ACCOUNT, UNKNOWN_OFFER, OFFER_FIXED.
    fn check_withdraw_offer(&self, end: &WithdrawOffer) -> Result<(), R> {
        self.own_offer(end.account, end.offer)?;
        fails(self.sales.waiting(end.offer.slot) > 0, R::OfferFixed)
    }

    fn withdraw_offer(&mut self, end: &WithdrawOffer) -> SaleEvent {
        let slot = end.offer.slot;
        let mut report = self.sales.report(slot, OfferAct::Withdrawn);
        report.left = 0;
        let mut row = self.sales.remove_offer(slot, self.time);
        let (store, units) = (row.store(), row.stock.amount());
        self.clearing.unshelve(&mut row.stock, units, store);
        SaleEvent::Offer(report)
    }

    /// Whether an offer or a contract names these goods. Walks all: an operator's question.
    pub(super) fn is_on_sale(&self, goods: AssetId) -> bool {
        let mut offers = self.sales.offers();
        let mut contracts = self.contracts.all();
        offers.any(|(_, offer)| offer.goods == goods)
            || contracts.any(|(_, contract)| contract.goods_asset == goods)
    }

    /// Whether an account has a live offer or contract. Walks all: an operator's question.
    pub(super) fn deals(&self, account: AccountId) -> bool {
        let mut offers = self.sales.offers();
        offers.any(|(_, offer)| offer.seller == account)
            || self.contracts.of_account(account).next().is_some()
    }
}

/// Whether offers can be made by this model.
const fn is_built(model: Model) -> bool {
    matches!(
        model,
        Model::FixedPrice
            | Model::TieredPrice
            | Model::FlashSale
            | Model::GroupBuy
            | Model::Presale
    )
}

/// Whether the numbers of terms are in their bounds.
fn are_bounded(terms: &SaleTerms) -> bool {
    const SECOND: Nanoseconds = Nanoseconds(1_000_000_000);
    let span = |span: Nanoseconds| (SaleTerms::WITHIN_MIN..=SaleTerms::WITHIN_MAX).contains(&span);
    let pays = match terms.funding {
        Funding::Prefunded => true,
        Funding::PayLater { within } => (SECOND..=SaleTerms::PAY_WITHIN_MAX).contains(&within),
    };
    let may_wait = match terms.plan {
        Plan::Plain | Plan::Flash(FlashMode::Race | FlashMode::Queue { .. }) => true,
        Plan::Flash(FlashMode::Lottery) | Plan::Group | Plan::Presale { .. } => false,
    };
    pays && terms.plan.is_of(terms.model)
        && (may_wait || terms.funding == Funding::Prefunded)
        && span(terms.hand_over_within)
        && span(terms.inspect_within)
        && terms.tax_bp <= 10_000
        && terms.fee_ppm <= SaleTerms::FEE_PPM_MAX
        && terms.return_days <= SaleTerms::RETURN_DAYS_MAX
        && terms.agreed_days <= SaleTerms::AGREED_DAYS_MAX
}
