//! Settlement: days, reverse trades, holders (section 17), by looking at every trade that still
//! matters.
//!
//! Invariant: an owner's trades of both sides lie far enough apart; `traded` asserts it. Not here:
//! balances (`reference::ledger`), who counts as a holder (`nominees`).

use super::money::Instruction;
use super::*;
use crate::reference::Fault;
use crate::reference::ledger::{self, Holder};
use RejectReason as R;
use std::collections::BTreeSet;

type Answer = Result<Option<u32>, Reject>;

/// What the law asks for: an interval of reverse trades, a number of holders, each with its text.
type Asked = (Option<(u8, Basis)>, Option<(u32, Basis)>);

/// What is free on a later day.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub instrument: usize,
    pub account: usize,
    /// The count of its venue's rolls on which it is free.
    pub due: u32,
    pub goods: i128,
    pub money: i128,
}

/// All about settlement.
#[derive(Default)]
pub struct Settling {
    pub rules: Vec<SetSettlement>,
    pub waiting: Vec<Waiting>,
    /// Instrument, owner, side and day of trades that are asked about.
    pub(super) trades: Vec<(usize, OwnerId, Side, u32)>,
    /// Owners that ever had an instrument's goods since holders are counted.
    pub(super) had: Vec<(usize, OwnerId)>,
    /// Nominees with the owners behind them.
    pub nominees: Vec<(OwnerId, Vec<OwnerId>)>,
    /// The commands that set an instrument's settlement.
    pub(super) set_at: Vec<(usize, Sequence)>,
    /// Venues where something is due, with the instant since which it is.
    pub due: Vec<(i128, usize)>,
}

impl Reference {
    pub(super) fn rules(&self, i: usize) -> Option<&SetSettlement> {
        let mut rules = self.settling.rules.iter();
        rules.find(|rules| rules.instrument.place() == i)
    }

    pub(in crate::reference) fn days_to_settle(&self, i: usize) -> u32 {
        self.rules(i).map_or(0, |rules| u32::from(rules.days))
    }

    pub(super) fn reverse_days(&self, i: usize) -> u32 {
        let rules = self.rules(i);
        rules.map_or(0, |rules| u32::from(rules.reverse_trade_days))
    }

    pub(super) fn most(&self, i: usize) -> Option<usize> {
        Some(self.rules(i)?.max_holders? as usize)
    }

    pub(super) fn today(&self, i: usize) -> u32 {
        self.venues[self.instruments[i].venue].days
    }

    pub(super) fn owner(&self, account: usize) -> OwnerId {
        self.accounts[account].owner
    }

    /// The interval and the number of holders the law asks for, with its texts.
    fn law(&self, i: usize) -> Asked {
        let regimes = self.venues[self.instruments[i].venue].binding();
        (
            self.laws().apart(&regimes),
            self.laws().most_holders(&regimes),
        )
    }

    /// The reject with the law behind it.
    pub(in crate::reference) fn founded(&self, i: usize, reason: R) -> Reject {
        let law = match reason {
            R::TPlusN => self.law(i).0.map(|law| law.1),
            R::MaxHolders => self.law(i).1.map(|law| law.1),
            _ => None,
        };
        Reject { reason, basis: law }
    }

    pub(super) fn goods_of(&self, i: usize, owner: OwnerId) -> i128 {
        let Some(cleared) = self.instruments[i].clearing else {
            return 0;
        };
        let own = (0..self.accounts.len()).filter(|at| self.owner(*at) == owner);
        own.map(|at| self.balance(Holder::Account(at), cleared.goods))
            .sum()
    }

    pub(super) fn awaits(&self, i: usize, owner: OwnerId) -> bool {
        let goods = self.instruments[i].clearing.map(|cleared| cleared.goods);
        self.money.pending.iter().any(|one| {
            one.direction == Direction::Deposit
                && Some(one.asset) == goods
                && self.owner(one.account) == owner
        })
    }

    pub(super) fn has_live(&self, i: usize, owner: OwnerId, side: Option<Side>) -> bool {
        self.orders.iter().any(|order| {
            order.instrument == i
                && order.owner == owner
                && side.is_none_or(|side| side == order.side)
        })
    }

    fn owners_that(&self, is: impl Fn(OwnerId) -> bool) -> usize {
        let all = (0..self.owners.len() as u32).map(OwnerId::new);
        all.filter(|owner| is(*owner)).count()
    }

    /// An instrument that counts days takes orders only once one has begun.
    pub(in crate::reference) fn dated(&self, i: usize) -> Result<(), R> {
        let counts = self.days_to_settle(i) > 0 || self.reverse_days(i) > 0;
        fails(
            counts && !self.has_day(self.instruments[i].venue),
            R::MarketClosed,
        )
    }

    /// Reverse trades and holders.
    pub(in crate::reference) fn lies_apart(&self, new: &NewOrder) -> Result<(), Reject> {
        let (i, owner) = (new.instrument.place(), self.owner(new.account.place()));
        let other = new.side.opposite();
        let live = self.reverse_days(i) > 0 && self.has_live(i, owner, Some(other));
        let near = live || self.too_near(i, owner, other);
        fails(near, R::TPlusN).map_err(|reason| self.founded(i, reason))?;
        if new.side == Side::Sell {
            return Ok(());
        }
        self.place_for(i, owner, None)
    }

    pub(super) fn too_near(&self, i: usize, owner: OwnerId, side: Side) -> bool {
        let mut least = self.reverse_days(i);
        if self.fault == Some(Fault::ReverseShort) && side == Side::Sell {
            least = least.saturating_sub(1);
        }
        let near = |day: u32| self.today(i) - day < least;
        let mut trades = self.settling.trades.iter();
        trades.any(|trade| (trade.0, trade.1, trade.2) == (i, owner, side) && near(trade.3))
    }

    fn remembers(&self, i: usize) -> bool {
        self.reverse_days(i) > 0 || self.most(i).is_some()
    }

    pub(super) fn remembered(&self, i: usize, owner: OwnerId) -> bool {
        let near = [Side::Buy, Side::Sell].map(|side| self.too_near(i, owner, side));
        let counted = self.most(i).is_some();
        near != [false; 2]
            || self.has_live(i, owner, None)
            || counted && (self.settling.had.contains(&(i, owner)) || self.awaits(i, owner))
            || counted && self.stands_behind(i, owner)
    }

    pub(super) fn investors(&self) -> usize {
        let all = (0..self.instruments.len()).filter(|i| self.remembers(*i));
        all.map(|i| self.owners_that(|owner| self.remembered(i, owner)))
            .sum()
    }

    fn staked(&self, i: usize, account: usize) -> bool {
        let mut orders = self.orders.iter();
        let mut waiting = self.settling.waiting.iter();
        orders.any(|order| (order.instrument, order.account.place()) == (i, account))
            || waiting.any(|one| (one.instrument, one.account) == (i, account))
    }

    /// Whether there is room for what an order's settlement needs.
    pub(in crate::reference) fn room_to_settle(&self, new: &NewOrder) -> Result<(), R> {
        let (i, account) = (new.instrument.place(), new.account.place());
        if self.rules(i).is_none() {
            return Ok(());
        }
        let ruled = (0..self.instruments.len()).filter(|i| self.rules(*i).is_some());
        let staked = ruled.map(|i| {
            let all = 0..self.accounts.len();
            all.filter(|account| self.staked(i, *account)).count()
        });
        let most = self.limits.unsettled_max as usize;
        let full = !self.staked(i, account) && staked.sum::<usize>() >= most;
        fails(full, R::UnsettledFull)?;
        let owner = self.owner(account);
        if self.most(i).is_some() && new.side == Side::Buy {
            return self.room_behind(i, owner);
        }
        let new = self.remembers(i) && !self.remembered(i, owner);
        fails(new && self.no_room_for_owners(), R::InvestorsFull)
    }

    fn no_room_for_owners(&self) -> bool {
        self.investors() >= self.limits.investors_max as usize
    }

    /// The instrument whose holders are counted by these goods.
    pub(super) fn counting(&self, goods: usize) -> Option<usize> {
        (0..self.instruments.len()).find(|i| {
            let known = self.instruments[*i].clearing;
            self.most(*i).is_some() && known.is_some_and(|known| known.goods == goods)
        })
    }

    pub(super) fn may_be_brought(&self, one: &Instruction) -> Result<(), Reject> {
        let counting = self.counting(one.asset);
        let Some(i) = counting.filter(|_| one.direction == Direction::Deposit) else {
            return Ok(());
        };
        self.place_for(i, self.owner(one.account), None)
    }

    pub(super) fn room_for_owner(&self, one: &Instruction) -> Result<(), R> {
        let counting = self.counting(one.asset);
        let Some(i) = counting.filter(|_| one.direction == Direction::Deposit) else {
            return Ok(());
        };
        self.room_behind(i, self.owner(one.account))
    }

    /// An instruction was executed.
    pub(super) fn brought(&mut self, one: &Instruction) {
        if let Some(i) = self.counting(one.asset)
            && one.direction == Direction::Deposit
        {
            self.has_had(i, self.owner(one.account));
        }
    }

    /// A trade of these orders: buyer's, seller's, the goods, and what the seller comes to.
    pub(in crate::reference) fn traded(&mut self, sides: [u64; 2], goods: i128, comes: i128) {
        let [buy, sell] = sides.map(|id| self.get(id).clone());
        let i = buy.instrument;
        let (days, today) = (self.days_to_settle(i), self.today(i));
        for (order, goods, money) in [(&buy, goods, 0), (&sell, 0, comes.max(0))] {
            if days > 0 {
                self.wait(Waiting {
                    instrument: i,
                    account: order.account.place(),
                    due: today + days,
                    goods,
                    money,
                });
            }
            if self.reverse_days(i) > 0 {
                let near = self.too_near(i, order.owner, order.side.opposite());
                assert!(!near || self.fault.is_some(), "traded too soon: {order:?}");
                let trade = (i, order.owner, order.side, today);
                self.settling.trades.push(trade);
            }
        }
        if days > 0 {
            self.reached.push("a trade waits");
        }
        self.has_had(i, buy.owner);
    }

    fn wait(&mut self, more: Waiting) {
        let same = |one: &&mut Waiting| {
            (one.instrument, one.account, one.due) == (more.instrument, more.account, more.due)
        };
        if more.goods == 0 && more.money == 0 {
            return;
        }
        match self.settling.waiting.iter_mut().find(same) {
            Some(one) => {
                one.goods += more.goods;
                one.money += more.money;
                if one.goods > 0 && one.money > 0 {
                    self.reached.push("both legs wait in one row");
                }
            }
            None => self.settling.waiting.push(more),
        }
    }

    /// What of an account's position waits.
    pub fn unsettled(&self, account: usize, asset: usize) -> i128 {
        let own = self.settling.waiting.iter();
        let own = own.filter(|one| one.account == account);
        let of = own.map(|one| match self.instruments[one.instrument].clearing {
            Some(cleared) if cleared.money == asset => one.money,
            Some(cleared) if cleared.goods == asset => one.goods,
            _ => 0,
        });
        of.sum()
    }

    /// A venue's day rolled.
    pub(super) fn settlement_rolls(&mut self, v: usize, at: i128) {
        self.venues[v].days += 1;
        self.forget_trades();
        if !self.due_at(v).is_empty() {
            self.settling.due.push((at, v));
        }
    }

    /// Forgets trades that nothing is asked about any more.
    fn forget_trades(&mut self) {
        let trades = std::mem::take(&mut self.settling.trades);
        let near = |trade: &(usize, OwnerId, Side, u32)| {
            self.today(trade.0) - trade.3 < self.reverse_days(trade.0)
        };
        self.settling.trades = trades.into_iter().filter(near).collect();
    }

    /// What is due at a venue today, in order of instrument and account.
    fn due_at(&self, v: usize) -> Vec<Waiting> {
        let early = u32::from(self.fault == Some(Fault::SettledEarly));
        let here = self.settling.waiting.iter().filter(|one| {
            let known = &self.instruments[one.instrument];
            known.venue == v && one.due <= self.venues[v].days + early
        });
        let mut here: Vec<Waiting> = here.cloned().collect();
        here.sort_by_key(|one| (one.instrument, one.account));
        here
    }

    pub(super) fn settle_day(&mut self, v: usize, at: i128, left: &mut usize) {
        let all = self.due_at(v);
        let part = &all[..all.len().min(*left)];
        *left -= part.len();
        for one in part {
            let key = (one.instrument, one.account, one.due);
            let waiting = &mut self.settling.waiting;
            waiting.retain(|other| (other.instrument, other.account, other.due) != key);
            self.out.push(Event::Settlement(Settled {
                instrument: InstrumentId::new(one.instrument as u32),
                account: AccountId::new(one.account as u32),
                goods: ledger::small(one.goods),
                money: ledger::small(one.money),
            }));
        }
        if part.len() == all.len() {
            self.settling.due.retain(|&due| due != (at, v));
        }
    }

    /// The command about settlement.
    pub(super) fn settlement(&mut self, envelope: &Envelope, ask: &SettlementCommand) -> Answer {
        let set = match ask {
            SettlementCommand::Set(set) => set,
            SettlementCommand::SetNominee(set) => return self.set_nominee(set),
        };
        let i = set.instrument.place();
        let known = self.instruments.get(i).ok_or(R::UnknownInstrument)?;
        let cleared = known.clearing.ok_or(R::InvalidField)?;
        let venue = &self.venues[known.venue];
        let current = set.holder_count == HolderCount::Current;
        let dated = set.days > 0 || set.reverse_trade_days > 0;
        let waits = self.settling.waiting.iter().any(|one| one.instrument == i);
        let wrong = set.days > 10
            || set.reverse_trade_days > 20
            || set.max_holders == Some(0)
            || (current && set.max_holders.is_none())
            || (current == set.reference.is_empty())
            || (set.days > 0 && known.terms.price_sign == PriceSign::Any)
            || (dated && venue.calendar.is_none())
            || waits
            || self.orders.iter().any(|order| order.instrument == i)
            || (set.max_holders.is_some() && self.shared(cleared.goods, i));
        fails(wrong, R::InvalidField)?;
        let authority = envelope.authority.as_ref();
        let approver = authority.and_then(|authority| authority.approver);
        let alone = approver.is_none_or(|approver| approver == envelope.principal);
        let real = venue.demonstration == Demonstration::Real;
        fails(current && real && alone, R::ApproverRequired)?;
        let (apart, holders) = self.law(i);
        let short = apart.is_some_and(|(days, _)| set.reverse_trade_days < days);
        fails(short, R::TPlusN).map_err(|reason| self.founded(i, reason))?;
        let above = |bound| set.max_holders.is_none_or(|most| most > bound);
        let many = holders.is_some_and(|(bound, _)| above(bound));
        fails(many, R::MaxHolders).map_err(|reason| self.founded(i, reason))?;
        self.room_for_holders(set, i, cleared.goods)?;
        self.set_rules(set);
        Ok(None)
    }

    fn shared(&self, goods: usize, i: usize) -> bool {
        let mut others = self.instruments.iter().enumerate();
        self.names_goods(goods)
            || others.any(|(other, known)| {
                other != i && known.clearing.is_some_and(|known| known.goods == goods)
            })
    }

    fn has_goods(&self, goods: usize, owner: OwnerId) -> bool {
        let own = |at: &usize| self.owner(*at) == owner;
        let mut accounts = (0..self.accounts.len()).filter(own);
        accounts.any(|at| {
            let mut pending = self.money.pending.iter();
            let waits = pending.any(|one| {
                let of = (one.account, one.asset, one.direction);
                of == (at, goods, Direction::Deposit)
            });
            waits || self.balance(Holder::Account(at), goods) > 0
        })
    }

    fn room_for_holders(&self, set: &SetSettlement, i: usize, goods: usize) -> Result<(), Reject> {
        let Some(most) = set.max_holders else {
            return Ok(());
        };
        let ever = set.holder_count == HolderCount::Cumulative;
        let owned = (0..self.owners.len() as u32).map(OwnerId::new);
        let owned = owned.filter(|owner| self.has_goods(goods, *owner));
        let owned: BTreeSet<OwnerId> = owned.collect();
        let behind = owned.iter().flat_map(|owner| self.stands_for(*owner));
        let mut counts: BTreeSet<OwnerId> = behind.collect();
        let all = owned.union(&counts).copied();
        let all: Vec<OwnerId> = all.collect();
        let had = self.settling.had.iter().filter(|had| ever && had.0 == i);
        counts.extend(
            had.map(|had| had.1)
                .filter(|owner| !self.is_nominee(*owner)),
        );
        let many = counts.len() > most as usize;
        fails(many, R::MaxHolders).map_err(|reason| self.founded(i, reason))?;
        let known = |owner| self.remembers(i) && self.remembered(i, owner);
        let new = all.into_iter().filter(|owner| !known(*owner)).count();
        let full = self.investors() + new > self.limits.investors_max as usize;
        Ok(fails(new > 0 && full, R::InvestorsFull)?)
    }

    fn set_rules(&mut self, set: &SetSettlement) {
        let i = set.instrument.place();
        self.settling.set_at.push((i, self.sequence));
        self.settling
            .rules
            .retain(|rules| rules.instrument != set.instrument);
        if set.days > 0 || set.reverse_trade_days > 0 || set.max_holders.is_some() {
            self.settling.rules.push(*set);
        }
        self.forget_trades();
        if set.max_holders.is_none() {
            self.settling.had.retain(|had| had.0 != i);
        }
        for owner in (0..self.owners.len() as u32).map(OwnerId::new) {
            if self.goods_of(i, owner) > 0 {
                self.has_had(i, owner);
            }
        }
    }

    /// Whether the instrument may deliver these goods.
    pub(super) fn law_of_goods(&self, i: usize, goods: usize) -> Result<(), Reject> {
        let law = self.law(i);
        let twice = law.1.is_some() && self.shared(goods, i);
        fails(self.counting(goods).is_some() || twice, R::InvalidField)?;
        match by_law(i, law) {
            Some(set) => self.room_for_holders(&set, i, goods),
            None => Ok(()),
        }
    }

    /// What the law asks for holds with the clearing.
    pub(super) fn settle_by_law(&mut self, i: usize) {
        if let Some(set) = by_law(i, self.law(i)) {
            self.set_rules(&set);
        }
    }
}

fn by_law(i: usize, (apart, holders): Asked) -> Option<SetSettlement> {
    let says = apart.is_some() || holders.is_some();
    says.then(|| SetSettlement {
        instrument: InstrumentId::new(i as u32),
        days: 0,
        reverse_trade_days: apart.map_or(0, |(days, _)| days),
        max_holders: holders.map(|(most, _)| most),
        holder_count: HolderCount::Cumulative,
        reference: Name::EMPTY,
    })
}
