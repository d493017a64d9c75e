//! Fixed and tiered prices (section 21): lists of terms, offers and what owners took.
//!
//! Invariant: what an offer holds is what is left of it. Not here: contracts (`registry::deals`).

use super::border::{Used, Whose};
use super::deals::Deal;
use super::guarantees::Pledged;
use super::lottery::Lot;
use super::*;
use crate::reference::ledger::Holder;
use RejectReason as R;

type Answer = Result<Option<u32>, Reject>;

/// A live offer.
#[derive(Clone, Debug)]
pub struct Offering {
    pub id: u64,
    pub terms: usize,
    pub seller: AccountId,
    pub goods: usize,
    pub warehouse: usize,
    pub units: i128,
    pub version: u32,
    pub left: u32,
    pub prices: Prices,
    /// The quorum of a group; what it said when it closed, of how many pieces.
    pub quorum: u32,
    pub closed: Option<(Option<i64>, u32)>,
    /// When the balances of a presale are paid.
    pub window: (i128, i128),
    /// The second of the ticket drawn last, and how many are of that second.
    pub drawn: (i128, u32),
    pub lottery: Option<Lot>,
}

/// All about sales and contracts.
#[derive(Default)]
pub struct Shops {
    pub kinds: Vec<(OwnerId, PartyKind)>,
    pub terms: Vec<SaleTerms>,
    pub offers: Vec<Offering>,
    pub deals: Vec<Deal>,
    /// Offer, owner, pieces.
    pub taken: Vec<(u64, OwnerId, u32)>,
    /// Withdrawn offers, since when.
    pub withdrawn: Vec<(i128, u64)>,
    /// Venues that are halted, since when.
    pub halted: Vec<(VenueId, i128)>,
    /// What venues leave after a gap: venue, command, how much.
    pub graces: Vec<(VenueId, u64, i128)>,
    /// Gaps in service: the command that ended it, the venue if it was one's, from, until.
    pub gaps: Vec<(u64, Option<VenueId>, i128, i128)>,
    /// Instructions, and contracts they are for.
    pub payments: Vec<(Sequence, u64)>,
    /// Offer, owner, second.
    pub tickets: Vec<(u64, OwnerId, i128)>,
    /// Withdrawn offers with tickets, since when.
    pub queues: Vec<(i128, u64)>,
    /// Live discounts: the sequences of their commands, what they are.
    pub discounts: Vec<(u64, DefineDiscount)>,
    /// Who used which discount, once for each use.
    pub discounted: Vec<(u64, OwnerId)>,
    /// Ended discounts whose users are to be forgotten, since when.
    pub ended: Vec<(i128, u64)>,
    /// The line of a basket that is refused, if one is at fault.
    pub at_fault: Option<u8>,
    /// What sellers set aside.
    pub pledged: Vec<Pledged>,
    /// Uses of annual limits of imports, and what was counted in each.
    pub uses: Vec<Used>,
    pub spent: Vec<(Whose, i128)>,
}

/// Who deals: the account, the venue and the seller where they are known.
pub struct Dealing {
    pub account: AccountId,
    pub buys: bool,
    pub venue: Option<VenueId>,
    pub seller: Option<AccountId>,
}

pub const OFFERED: OfferAct = OfferAct::Offered;

impl Reference {
    pub fn kind_of(&self, owner: OwnerId) -> PartyKind {
        let known = self.shops.kinds.iter().rev().find(|known| known.0 == owner);
        known.map_or(PartyKind::Consumer, |known| known.1)
    }

    pub fn offering(&self, id: OfferId) -> Option<&Offering> {
        let found = self.shops.offers.iter().find(|one| one.id == id.sequence);
        found.filter(|_| id.slot == 0)
    }

    pub fn offering_mut(&mut self, id: u64) -> Option<&mut Offering> {
        self.shops.offers.iter_mut().find(|one| one.id == id)
    }

    fn firm(&self, account: AccountId) -> ParticipantId {
        ParticipantId::new(self.accounts[account.place()].participant as u32)
    }

    pub fn has_role_at(&self, venue: VenueId, account: AccountId, role: Roles) -> bool {
        let key = (venue, self.firm(account));
        let roles = self.stands.roles.iter().rev().find(|known| known.0 == key);
        roles.is_some_and(|known| known.1.bits() & role.bits() != 0)
    }

    pub fn admits_at(&self, venue: VenueId) -> Access {
        let access = self.stands.access.iter().rev();
        let found = access.into_iter().find(|known| known.0 == venue);
        found.map(|known| known.1).unwrap_or_default()
    }

    /// Account, standing, role, switches.
    pub fn may_deal(&self, dealing: &Dealing) -> Result<(), R> {
        let account = dealing.account;
        fails(account.place() >= self.accounts.len(), R::UnknownAccount)?;
        self.may_enter(account)?;
        let role = if dealing.buys {
            Roles::BUYER
        } else {
            Roles::SELLER
        };
        let shut = dealing.venue.is_some_and(|venue| {
            self.admits_at(venue).members_only && !self.has_role_at(venue, account, role)
        });
        fails(shut, R::NotPermitted)?;
        let mut scopes = vec![
            KillScope::Account(account),
            KillScope::Participant(self.firm(account)),
        ];
        scopes.extend(self.through.map(KillScope::Session));
        scopes.extend(dealing.venue.map(KillScope::Venue));
        scopes.extend(dealing.seller.map(KillScope::Account));
        let firm = dealing.seller.map(|seller| self.firm(seller));
        scopes.extend(firm.map(KillScope::Participant));
        let engaged = scopes.iter().any(|scope| self.engaged.contains(scope));
        fails(engaged, R::KillSwitch)
    }

    pub fn venue_takes(&self, venue: VenueId) -> Result<(), R> {
        let status = self.venues[venue.place()].status;
        let halted = matches!(status, TradingStatus::Halted | TradingStatus::Suspended);
        fails(halted, R::Halted)?;
        fails(status == TradingStatus::CancelOnly, R::CancelOnly)
    }

    pub(super) fn sell(&mut self, envelope: &Envelope, command: &SalesCommand) -> Answer {
        let event = match command {
            SalesCommand::SetGrace(set) => self.say_grace(envelope, set)?,
            SalesCommand::SetPartyKind(set) => {
                fails(set.owner.place() >= self.owners.len(), R::UnknownOwner)?;
                let (owner, kind) = (set.owner, set.kind);
                self.shops.kinds.push((owner, kind));
                SaleEvent::Party { owner, kind }
            }
            SalesCommand::DefineTerms(terms) => {
                let at = self.define_terms(terms)?;
                let venue = terms.venue;
                let terms = TermsId::new(at);
                self.out
                    .push(Event::Sale(SaleEvent::Terms { terms, venue }));
                return Ok(Some(at));
            }
            SalesCommand::Offer(make) => self.make_offer(make)?,
            SalesCommand::ChangeOffer(change) => self.change_offer(change)?,
            SalesCommand::PutStock(change) => self.put_stock(change)?,
            SalesCommand::TakeStock(change) => {
                let known = self.own_offering(change.account, change.offer)?;
                self.odds_stand(known)?;
                fails(change.pieces == 0, R::InvalidField)?;
                fails(change.pieces > known.left, R::OutOfStock)?;
                let id = known.id;
                self.offering_mut(id).expect("known").left -= change.pieces;
                self.said(id, OfferAct::StockTaken)
            }
            SalesCommand::WithdrawOffer(end) => {
                let known = self.own_offering(end.account, end.offer)?;
                let waits = self.entries(known.id) + self.balances(known.id);
                fails(waits > 0, R::OfferFixed)?;
                let id = known.id;
                self.offering_mut(id).expect("known").left = 0;
                let event = self.said(id, OfferAct::Withdrawn);
                self.shops.offers.retain(|one| one.id != id);
                if self.shops.tickets.iter().any(|ticket| ticket.0 == id) {
                    let now = i128::from(self.time.nanoseconds());
                    self.shops.queues.push((now, id));
                }
                if self.shops.taken.iter().any(|taken| taken.0 == id) {
                    let now = i128::from(self.time.nanoseconds());
                    self.shops.withdrawn.push((now, id));
                }
                event
            }
            SalesCommand::Join(join) => self.queue_up(join)?,
            SalesCommand::BringValue(bring) => self.bring_value(bring)?,
            SalesCommand::RevealSeed(reveal) => self.reveal_seed(reveal)?,
            SalesCommand::DefineDiscount(terms) => {
                let event = self.define_discount(terms)?;
                self.out.push(Event::Sale(event));
                return Ok(Some(0));
            }
            SalesCommand::SetGuarantee(set) => self.set_guarantee(set)?,
        };
        self.out.push(Event::Sale(event));
        Ok(None)
    }

    /// How an offer stands.
    pub fn said(&self, id: u64, act: OfferAct) -> SaleEvent {
        let known = self.shops.offers.iter().find(|one| one.id == id);
        let known = known.expect("a live offer");
        SaleEvent::Offer(OfferReport {
            act,
            offer: OfferId {
                sequence: id,
                slot: 0,
            },
            version: known.version,
            seller: known.seller,
            terms: TermsId::new(known.terms as u32),
            goods: AssetId::new(known.goods as u32),
            price: known.prices.tiers[0].price,
            left: known.left,
            joined: self.joined(known),
        })
    }

    fn define_terms(&mut self, terms: &SaleTerms) -> Result<u32, Reject> {
        let v = terms.venue.place();
        let venue = self.venues.get(v).ok_or(R::UnknownVenue)?;
        let money = self.money.assets.get(terms.money.place());
        let money = money.ok_or(R::UnknownAsset)?;
        let model = terms.model;
        let built = [
            Model::FixedPrice,
            Model::TieredPrice,
            Model::FlashSale,
            Model::GroupBuy,
            Model::Presale,
        ]
        .contains(&model);
        let offered = built && venue.models.contains(&model);
        fails(!offered, R::ModelNotAvailable)?;
        let second = 1_000_000_000;
        let pays = match terms.funding {
            Funding::Prefunded => true,
            Funding::PayLater { within } => (second..=31 * 86_400 * second).contains(&within.0),
        };
        let spans = [terms.hand_over_within.0, terms.inspect_within.0];
        let spans = spans
            .iter()
            .all(|span| (60 * second..=366 * 86_400 * second).contains(span));
        let right = matches!(money.class, AssetClass::Currency { .. })
            && money.demonstration == venue.demonstration
            && terms.tax_bp <= 10_000
            && terms.fee_ppm <= 100_000
            && terms.return_days <= 30
            && terms.agreed_days <= 1_096
            && plan_is_of(model, terms.plan)
            && (![Model::GroupBuy, Model::Presale].contains(&model)
                && terms.plan != Plan::Flash(FlashMode::Lottery)
                || terms.funding == Funding::Prefunded);
        fails(!pays || !spans || !right, R::InvalidField)?;
        let laws = self.laws();
        let open = |one: &Regime| laws.allows(*one, model) && !laws.is_of_firms(*one);
        let served = |list: &[Regime]| {
            let some = list.iter().filter(|_| list.iter().any(open));
            some.copied().collect::<Vec<_>>()
        };
        let soon = venue.moving.as_ref().map_or(&venue.regimes, |one| &one.1);
        for regime in [served(&venue.regimes), served(soon)].iter().flatten() {
            let Some((days, exempt, basis)) = laws.cooling(*regime) else {
                continue;
            };
            let bit = terms
                .exemption
                .map_or(0, |exemption| 1 << (exemption as u32 - 1));
            if terms.return_days < days && exempt & bit == 0 {
                return Err(Reject {
                    reason: R::InvalidField,
                    basis: Some(basis),
                });
            }
        }
        self.may_import_by(terms, [&venue.regimes, soon])?;
        if let Some(at) = self.shops.terms.iter().position(|known| known == terms) {
            return Ok(at as u32);
        }
        let fees = (Holder::Venue(v), terms.money.place());
        let full = self.shops.terms.len() >= self.limits.terms_max as usize;
        fails(full || !self.room_for(&[fees]), R::TooMany)?;
        self.need(fees.0, fees.1);
        self.shops.terms.push(*terms);
        Ok(self.shops.terms.len() as u32 - 1)
    }

    fn make_offer(&mut self, make: &MakeOffer) -> Result<SaleEvent, Reject> {
        let terms = self.shops.terms.get(make.terms.place()).copied();
        self.may_deal(&Dealing {
            account: make.account,
            buys: false,
            venue: terms.map(|terms| terms.venue),
            seller: None,
        })?;
        let (goods, warehouse) = (make.goods.place(), make.warehouse.place());
        let asset = self.money.assets.get(goods).ok_or(R::UnknownAsset)?;
        let keeper = self.money.custodians.get(warehouse);
        let keeper = keeper.ok_or(R::UnknownCustodian)?;
        let terms = terms.ok_or(R::UnknownTerms)?;
        self.venue_takes(terms.venue)?;
        let kind = self.venues[terms.venue.place()].demonstration;
        let right = matches!(asset.class, AssetClass::Goods { .. })
            && self.counting(goods).is_none()
            && keeper.kind == CustodianKind::Warehouse
            && [asset.demonstration, keeper.demonstration] == [kind; 2]
            && (i64::from(!plain_model(terms.model))..=1 << 40).contains(&make.piece_units)
            && make.stock <= 1 << 30
            && course_is_of(&terms, make)
            && prices_are_right(&make.prices, terms.model)
            && flash_is_right(terms.plan, &make.prices);
        fails(!right, R::InvalidField)?;
        let units = i128::from(make.piece_units);
        let all = units * i128::from(make.stock);
        let own = Holder::Account(make.account.place());
        let lacks = all > self.available(make.account.place(), goods)
            || all > self.outside(warehouse, goods);
        fails(lacks, R::InsufficientGoods)?;
        let needed = [
            (own, goods),
            (own, terms.money.place()),
            (Holder::Custodian(warehouse), goods),
        ];
        let mut full = self.shops.offers.len() >= self.limits.offers_max as usize;
        full |= self.campaigns_full(terms.plan);
        fails(full || !self.room_for(&needed), R::TooMany)?;
        for (holder, asset) in needed {
            self.need(holder, asset);
        }
        let id = self.sequence.value();
        self.shops.offers.push(Offering {
            id,
            terms: make.terms.place(),
            seller: make.account,
            goods,
            warehouse,
            units,
            version: 1,
            left: make.stock,
            prices: make.prices.clone(),
            quorum: match make.course {
                Course::Group { quorum } => quorum,
                Course::Plain | Course::Presale { .. } | Course::Lottery { .. } => 0,
            },
            closed: None,
            drawn: (0, 0),
            lottery: Lot::of(make.course),
            window: match make.course {
                Course::Presale {
                    pay_from,
                    pay_until,
                } => [pay_from, pay_until]
                    .map(|at| i128::from(at.nanoseconds()))
                    .into(),
                Course::Plain | Course::Group { .. } | Course::Lottery { .. } => (0, 0),
            },
        });
        Ok(self.said(id, OFFERED))
    }

    fn of_seller(&self, account: AccountId, id: OfferId) -> Option<&Offering> {
        self.offering(id).filter(|known| known.seller == account)
    }

    fn own_offering(&self, account: AccountId, id: OfferId) -> Result<&Offering, R> {
        fails(account.place() >= self.accounts.len(), R::UnknownAccount)?;
        self.of_seller(account, id).ok_or(R::UnknownOffer)
    }

    /// The seller of an offer offers more; its terms.
    fn offers_more(&self, account: AccountId, id: OfferId) -> Result<SaleTerms, R> {
        let known = self.of_seller(account, id);
        let terms = known.map(|known| self.shops.terms[known.terms]);
        self.may_deal(&Dealing {
            account,
            buys: false,
            venue: terms.map(|terms| terms.venue),
            seller: None,
        })?;
        terms.ok_or(R::UnknownOffer)
    }

    fn change_offer(&mut self, change: &ChangeOffer) -> Result<SaleEvent, R> {
        let terms = self.offers_more(change.account, change.offer)?;
        let id = change.offer.sequence;
        let known = self.offering(change.offer).expect("known");
        fails(known.version != change.version, R::StaleVersion)?;
        self.venue_takes(terms.venue)?;
        let announced = ![Model::FixedPrice, Model::TieredPrice].contains(&terms.model);
        fails(announced, R::OfferFixed)?;
        let right = prices_are_right(&change.prices, terms.model);
        fails(!right, R::InvalidField)?;
        let known = self.offering_mut(id).expect("known");
        known.prices = change.prices.clone();
        known.version += 1;
        Ok(self.said(id, OfferAct::Changed))
    }

    fn put_stock(&mut self, put: &ChangeStock) -> Result<SaleEvent, R> {
        let terms = self.offers_more(put.account, put.offer)?;
        self.venue_takes(terms.venue)?;
        let known = self.offering(put.offer).expect("known");
        self.odds_stand(known)?;
        let above = u64::from(known.left) + u64::from(put.pieces) > 1 << 30;
        fails(put.pieces == 0 || above, R::InvalidField)?;
        let (goods, units) = (known.goods, known.units * i128::from(put.pieces));
        let lacks = units > self.available(put.account.place(), goods)
            || units > self.outside(known.warehouse, goods);
        fails(lacks, R::InsufficientGoods)?;
        let id = known.id;
        self.offering_mut(id).expect("known").left += put.pieces;
        Ok(self.said(id, OfferAct::StockPut))
    }

    /// Goods on offer or in a contract, of an account, or in a warehouse.
    pub fn on_shelves(&self, goods: usize, of: impl Fn(AccountId, usize) -> bool) -> i128 {
        let offers = self.shops.offers.iter();
        let offers = offers.filter(|one| one.goods == goods && of(one.seller, one.warehouse));
        let deals = self.shops.deals.iter();
        let deals = deals.filter(|one| one.goods == goods && of(one.seller, one.warehouse));
        offers
            .map(|one| one.units * i128::from(one.left))
            .chain(deals.map(Deal::kept))
            .sum()
    }

    /// What an account's contracts hold of a currency.
    pub fn in_deals(&self, account: usize, asset: usize) -> i128 {
        let deals = self.shops.deals.iter().filter(|one| one.money == asset);
        let mut sum = self.set_aside(account, asset);
        for deal in deals {
            sum += deal.held * i128::from(deal.buyer.place() == account);
            sum += deal.bond * i128::from(deal.seller.place() == account);
        }
        sum
    }

    pub fn names_goods(&self, goods: usize) -> bool {
        self.shops.offers.iter().any(|one| one.goods == goods)
            || self.shops.deals.iter().any(|one| one.goods == goods)
    }

    pub fn deals_with(&self, account: AccountId) -> bool {
        let mut deals = self.shops.deals.iter();
        self.shops.offers.iter().any(|one| one.seller == account)
            || deals.any(|one| one.buyer == account || one.seller == account)
    }

    /// A withdrawn offer forgets one buyer.
    pub fn forget_buyer(&mut self) {
        let (_, offer) = self.shops.withdrawn[0];
        let taken = &mut self.shops.taken;
        let at = taken.iter().position(|known| known.0 == offer);
        taken.remove(at.expect("it has one"));
        if !taken.iter().any(|known| known.0 == offer) {
            self.shops.withdrawn.remove(0);
        }
    }
}

fn plain_model(model: Model) -> bool {
    [Model::FixedPrice, Model::TieredPrice].contains(&model)
}

/// Whether a model has such terms of its own.
fn plan_is_of(model: Model, plan: Plan) -> bool {
    match plan {
        Plan::Plain => [Model::FixedPrice, Model::TieredPrice].contains(&model),
        Plan::Flash(FlashMode::Race | FlashMode::Lottery) => model == Model::FlashSale,
        Plan::Flash(FlashMode::Queue {
            per_second,
            valid_for,
        }) => {
            let second = 1_000_000_000;
            let valid = (second..=3_600 * second).contains(&valid_for.0);
            model == Model::FlashSale && (1..=1_000_000).contains(&per_second) && valid
        }
        Plan::Group => model == Model::GroupBuy,
        Plan::Presale { deposit_bp } => {
            model == Model::Presale && (1..=9_999).contains(&deposit_bp)
        }
    }
}

/// Whether an offer by such a model has such a course.
fn course_is_of(terms: &SaleTerms, make: &MakeOffer) -> bool {
    let (model, drawn) = (terms.model, terms.plan == Plan::Flash(FlashMode::Lottery));
    match make.course {
        Course::Plain => !drawn && ![Model::GroupBuy, Model::Presale].contains(&model),
        Course::Lottery { draw_by, .. } => {
            drawn && make.prices.closes.is_some_and(|closes| closes < draw_by)
        }
        Course::Group { quorum } => model == Model::GroupBuy && quorum >= 1,
        Course::Presale {
            pay_from,
            pay_until,
        } => {
            let closes = make.prices.closes;
            let closes = closes.is_some_and(|closes| closes <= pay_from);
            model == Model::Presale && closes && pay_from < pay_until
        }
    }
}

/// Where there is a queue, the offer is open for 31 days at most; of a lottery an entry is of one
/// size, one for each.
fn flash_is_right(plan: Plan, prices: &Prices) -> bool {
    let closes = prices.closes.map_or(0, Time::nanoseconds);
    let span = i128::from(closes) - i128::from(prices.opens.nanoseconds());
    let one = prices.min == prices.max && prices.limit == Some(prices.max);
    match plan {
        Plan::Flash(FlashMode::Queue { .. }) => span <= 31 * 86_400_000_000_000,
        Plan::Flash(FlashMode::Lottery) => one,
        _ => true,
    }
}

fn prices_are_right(prices: &Prices, model: Model) -> bool {
    let tiers = &prices.tiers;
    let group = model == Model::GroupBuy;
    let most = if group || model == Model::TieredPrice {
        8
    } else {
        1
    };
    let falls = (1..tiers.len()).all(|at| tiers[at - 1].price > tiers[at].price);
    if group && (prices.closes.is_none() || !falls) {
        return false;
    }
    if model == Model::FlashSale && (prices.limit.is_none() || prices.closes.is_none()) {
        return false;
    }
    if tiers.is_empty() || tiers.len() > most || tiers[0].from != 1 || prices.step == 0 {
        return false;
    }
    let rising = (1..tiers.len()).all(|at| tiers[at - 1].from < tiers[at].from);
    let gift = model == Model::FixedPrice;
    let priced = tiers
        .iter()
        .all(|tier| tier.price <= 1 << 40 && (tier.price > 0 || gift && tier.price == 0));
    let whole = [prices.min, prices.max]
        .iter()
        .all(|pieces| *pieces > 0 && pieces % prices.step == 0);
    rising
        && priced
        && whole
        && prices.min <= prices.max
        && prices.max <= 1 << 30
        && prices.limit.is_none_or(|limit| limit >= prices.min)
        && prices.closes.is_none_or(|closes| closes > prices.opens)
}
