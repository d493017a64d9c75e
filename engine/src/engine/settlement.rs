//! Settlement's commands: their checks in order, what the venue's law asks for, and what they do.
//!
//! Invariant: as in `clearing`. An instrument of a venue whose regimes bind holders or reverse
//! trades has its settlement from the moment it has clearing. Not here: what orders and days do to
//! it (`clearing::settlement`).

use super::Engine;
use super::clearing::approved;
use crate::bytes::{BytesError, Reader};
use crate::clearing::custody::Approved;
use crate::clearing::settlement::{Concerned, Joining, Leaving, Waited, are_valid};
use crate::command::{
    Demonstration, Direction, Envelope, HolderCount, Instruct, SetClearing, SetNominee,
    SetSettlement, SettlementCommand,
};
use crate::event::CustodyReport;
use crate::reject::{Basis, Reject, RejectReason};
use crate::types::{AccountId, AssetId, InstrumentId, Name, NewOrder, OwnerId};
use crate::venue::{Holders, Interval, rules};

/// Goods that go from an account, to an account, or both, so many minor units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    pub(super) goods: AssetId,
    pub(super) from: Option<(AccountId, i64)>,
    pub(super) to: Option<(AccountId, i64)>,
}

impl Engine {
    /// Checks a command about settlement and changes nothing.
    ///
    /// # Errors
    /// Those of its kind.
    pub(super) fn check_settlement(
        &self,
        envelope: &Envelope,
        command: &SettlementCommand,
    ) -> Result<(), Reject> {
        match command {
            SettlementCommand::Set(set) => self.check_set(envelope, set).map(|_| ()),
            SettlementCommand::SetNominee(set) => self.check_nominee(set),
        }
    }

    /// UNKNOWN_OWNER, INVALID_FIELD, MAX_HOLDERS, TOO_MANY, INVESTORS_FULL.
    fn check_nominee(&self, set: &SetNominee) -> Result<(), Reject> {
        let mut all = std::iter::once(&set.nominee).chain(&set.owners);
        if all.any(|owner| self.parties.owner(*owner).is_none()) {
            return Err(RejectReason::UnknownOwner.into());
        }
        let checked = self.clearing.settlement.check_nominee(set);
        checked.map_err(|(reason, instrument)| match instrument {
            Some(instrument) => self.with_basis(instrument, reason),
            None => reason.into(),
        })
    }

    /// UNKNOWN_INSTRUMENT, INVALID_FIELD, APPROVER_REQUIRED, T_PLUS_N, MAX_HOLDERS, INVESTORS_FULL.
    fn check_set(&self, envelope: &Envelope, set: &SetSettlement) -> Result<Concerned, Reject> {
        let instrument = self.venues.instrument(set.instrument);
        let instrument = instrument.ok_or(RejectReason::UnknownInstrument)?;
        let venue = self.venues.venue(instrument.venue);
        let venue = venue.expect("an instrument has a venue");
        let cleared = self.clearing.terms(set.instrument);
        let cleared = cleared.ok_or(RejectReason::InvalidField)?;
        let dated = set.days > 0 || set.reverse_trade_days > 0;
        let live = self.market(set.instrument).slots(&self.arena).next();
        let busy = live.is_some() || self.clearing.settlement.waits(set.instrument);
        let clearing = &self.clearing;
        let shared = set.max_holders.is_some()
            && (clearing.is_shared(cleared.goods, set.instrument)
                || self.is_on_sale(cleared.goods));
        let valid = are_valid(set, instrument.terms.price_sign);
        if !valid || busy || shared || dated && venue.calendar.is_none() {
            return Err(RejectReason::InvalidField.into());
        }
        let alone = approved(envelope) == Approved::No;
        let real = venue.demonstration == Demonstration::Real;
        if set.holder_count == HolderCount::Current && real && alone {
            return Err(RejectReason::ApproverRequired.into());
        }
        self.check_demands(set)?;
        let checked = self
            .clearing
            .check_holders(set, cleared.goods, &self.parties);
        checked.map_err(|reason| self.with_basis(set.instrument, reason))?;
        Ok(Concerned {
            venue: instrument.venue,
            goods: cleared.goods,
        })
    }

    /// Whether a settlement is at least what the venue's regimes ask for.
    fn check_demands(&self, set: &SetSettlement) -> Result<(), Reject> {
        let (interval, holders) = self.demands_of(set.instrument);
        if matches!(interval, Interval::Days(days, _) if set.reverse_trade_days < days) {
            return Err(self.with_basis(set.instrument, RejectReason::TPlusN));
        }
        let above = |most| set.max_holders.is_none_or(|asked| asked > most);
        if matches!(holders, Holders::AtMost(most, _) if above(most)) {
            return Err(self.with_basis(set.instrument, RejectReason::MaxHolders));
        }
        Ok(())
    }

    /// Carries out a command about settlement.
    pub(super) fn settlement(
        &mut self,
        envelope: &Envelope,
        command: &SettlementCommand,
    ) -> Result<(), Reject> {
        match command {
            SettlementCommand::Set(set) => {
                let concerned = self.check_set(envelope, set)?;
                // Nothing below can fail.
                self.clearing.set_settlement(set, concerned, &self.parties);
            }
            SettlementCommand::SetNominee(set) => {
                self.check_nominee(set)?;
                // Nothing below can fail.
                self.clearing.settlement.set_nominee(set);
            }
        }
        Ok(())
    }

    /// What the regimes of a known instrument's venue ask for, those it moves to too.
    fn demands_of(&self, instrument: InstrumentId) -> (Interval, Holders) {
        let venue = self.venues.venue(self.venues.venue_of(instrument));
        let venue = venue.expect("an instrument has a venue");
        let law = self.venues.law();
        let (now, soon) = (
            law.demands(&venue.regimes),
            law.demands(venue.last_regimes()),
        );
        (rules::longer(now.0, soon.0), rules::fewer(now.1, soon.1))
    }

    /// What the law alone makes of an instrument's settlement, if it says anything.
    fn by_law(&self, instrument: InstrumentId) -> Option<SetSettlement> {
        let (interval, holders) = self.demands_of(instrument);
        let reverse_trade_days = match interval {
            Interval::Free => 0,
            Interval::Days(days, _) => days,
        };
        let max_holders = match holders {
            Holders::Unbounded => None,
            Holders::AtMost(most, _) => Some(most),
        };
        let says = reverse_trade_days > 0 || max_holders.is_some();
        says.then_some(SetSettlement {
            instrument,
            days: 0,
            reverse_trade_days,
            max_holders,
            holder_count: HolderCount::Cumulative,
            reference: Name::EMPTY,
        })
    }

    /// Whether an instrument may deliver these goods: those whose holders are counted are delivered
    /// by one instrument only, or holders could come in beside it.
    ///
    /// # Errors
    /// INVALID_FIELD, MAX_HOLDERS, INVESTORS_FULL.
    pub(super) fn check_law_of_goods(&self, set: &SetClearing) -> Result<(), Reject> {
        let law = self.by_law(set.instrument);
        let counts = law.is_some_and(|law| law.max_holders.is_some());
        let counted = self.clearing.settlement.counts(set.goods).is_some();
        if counted || counts && self.clearing.is_shared(set.goods, set.instrument) {
            return Err(RejectReason::InvalidField.into());
        }
        let Some(law) = law else {
            return Ok(());
        };
        let checked = self.clearing.check_holders(&law, set.goods, &self.parties);
        checked.map_err(|reason| self.with_basis(set.instrument, reason))
    }

    /// Whether goods may move as they are to: where their holders are counted, whoever gets them
    /// from another owner or from outside has a place for them, if need be the one the other
    /// gives up.
    ///
    /// # Errors
    /// MAX_HOLDERS, INVESTORS_FULL.
    pub(super) fn check_moved(&self, moved: &Moved) -> Result<(), Reject> {
        let Some(instrument) = self.clearing.settlement.counts(moved.goods) else {
            return Ok(());
        };
        let owner = |side: Option<(AccountId, i64)>| {
            let (account, goods) = side?;
            let owner = self.parties.owner_of(account)?;
            Some(Leaving { owner, goods })
        };
        let (from, to) = (owner(moved.from), owner(moved.to));
        let Some(to) = to.map(|to| to.owner) else {
            return Ok(());
        };
        if from.is_some_and(|from| from.owner == to) {
            return Ok(());
        }
        let rules = &self.clearing.settlement;
        let checked = rules.check_coming(moved.goods, from, to);
        checked.map_err(|reason| self.with_basis(instrument, reason))
    }

    /// Goods moved otherwise than by a trade: their holders are counted along.
    pub(super) fn moved(&mut self, moved: &Moved) {
        let rules = &mut self.clearing.settlement;
        let owner = |account| {
            let owner = self.parties.owner_of(account);
            owner.expect("goods move between accounts")
        };
        if let Some((account, goods)) = moved.from {
            let owner = owner(account);
            rules.left(moved.goods, Leaving { owner, goods });
        }
        if let Some((account, goods)) = moved.to {
            rules.came(moved.goods, owner(account), goods);
        }
    }

    /// An instrument got its clearing: what the law asks for holds from now on.
    pub(super) fn settle_by_law(&mut self, instrument: InstrumentId) {
        let Some(law) = self.by_law(instrument) else {
            return;
        };
        let concerned = Concerned {
            venue: self.venues.venue_of(instrument),
            goods: self.clearing.terms(instrument).expect("just set").goods,
        };
        self.clearing.set_settlement(&law, concerned, &self.parties);
    }

    /// What the rules of settlement say of a new order, for its place among the checks.
    ///
    /// # Errors
    /// MARKET_CLOSED, at once: no trading day has begun from which to count.
    pub(super) fn check_ruled(
        &self,
        order: &NewOrder,
        owner: OwnerId,
    ) -> Result<Result<(), RejectReason>, RejectReason> {
        let rules = &self.clearing.settlement;
        let day = self
            .venues
            .current_day(self.venues.venue_of(order.instrument));
        if day.is_none() && rules.counts_days(order.instrument) {
            return Err(RejectReason::MarketClosed);
        }
        Ok(rules.check_law(order.instrument, owner, order.side))
    }

    /// A reject with the law behind it, where the venue's regimes are.
    pub(super) fn with_basis(&self, instrument: InstrumentId, reason: RejectReason) -> Reject {
        let mut basis: Option<Basis> = None;
        if reason == RejectReason::TPlusN
            && let Interval::Days(_, text) = self.demands_of(instrument).0
        {
            basis = Some(text);
        }
        if reason == RejectReason::MaxHolders
            && let Holders::AtMost(_, text) = self.demands_of(instrument).1
        {
            basis = Some(text);
        }
        Reject { reason, basis }
    }

    /// MAX_HOLDERS of a deposit of goods whose holders are counted, by a known account.
    pub(super) fn check_holder(&self, instruct: &Instruct) -> Result<(), Reject> {
        let rules = &self.clearing.settlement;
        let counted = rules.counts(instruct.asset);
        let Some(instrument) = counted.filter(|_| instruct.direction == Direction::Deposit) else {
            return Ok(());
        };
        let owner = self.parties.owner_of(instruct.account);
        let owner = owner.expect("the account is known");
        let checked = rules.check_deposit(instruct.asset, owner);
        checked.map_err(|reason| self.with_basis(instrument, reason))
    }

    /// INVESTORS_FULL of a deposit.
    pub(super) fn check_holder_room(&self, instruct: &Instruct) -> Result<(), Reject> {
        if instruct.direction == Direction::Withdrawal {
            return Ok(());
        }
        let owner = self.parties.owner_of(instruct.account);
        let owner = owner.expect("the account is known");
        let rules = &self.clearing.settlement;
        Ok(rules.check_deposit_room(instruct.asset, owner)?)
    }

    /// An instruction was given or answered.
    pub(super) fn note_custody(&mut self, report: &CustodyReport, waited: Waited) {
        let owner = self.parties.owner_of(report.account);
        let owner = owner.expect("an instruction has an account");
        self.clearing.settlement.custody(report, owner, waited);
    }

    /// The live orders with their slots, as settlement sees them.
    pub(crate) fn joined(&self) -> impl Iterator<Item = (u32, Joining)> + use<'_> {
        let slots = 0..self.arena.used();
        slots.filter_map(|slot| {
            let row = self.arena.row(slot);
            let joining = Joining {
                instrument: InstrumentId::new(row.instrument),
                account: AccountId::new(row.account),
                owner: OwnerId::new(row.owner),
                side: row.flags.side(),
            };
            (row.sequence != 0).then_some((slot, joining))
        })
    }

    pub(super) fn decode_settlement(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        let live: Vec<_> = self.joined().collect();
        let known = (&self.parties, &*self.venues);
        let clearing = &mut self.clearing;
        clearing.decode_settlement(input, &self.limits, known, live.into_iter())
    }
}
