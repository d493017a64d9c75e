//! Whole-engine checks that tests, the simulator and recovery call; too slow for the hot path.
//!
//! Invariant: a sound engine passes after every command. Not here: assertions beside the code they
//! guard, which are always on.

use crate::book::arena::Place;
use crate::book::depth;
use crate::clearing::audit::Sold;
use crate::clearing::kept::Kept;
use crate::contract::CountedFor;
use crate::engine::Engine;
use crate::event::State;
use crate::types::{InstrumentId, OwnerId, Side};

/// What does not hold, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditError {
    /// The instrument, where one is at fault.
    pub instrument: Option<InstrumentId>,
    /// What does not hold.
    pub what: &'static str,
}

impl std::fmt::Display for AuditError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.instrument {
            Some(instrument) => write!(f, "instrument {}: {}", instrument.index(), self.what),
            None => f.write_str(self.what),
        }
    }
}

impl std::error::Error for AuditError {}

impl Engine {
    /// Checks everything that must hold between commands: books not crossed in continuous trading,
    /// queues and levels against rows, every row in exactly one place, accounts' chains, the free
    /// list, timers, switches and the table of requests.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn audit(&self) -> Result<(), AuditError> {
        let whole = |what| AuditError {
            instrument: None,
            what,
        };
        let mut placed = 0;
        for (index, market) in self.made_markets() {
            placed += self
                .audit_market(index, market)
                .map_err(|what| AuditError {
                    instrument: Some(index),
                    what,
                })?;
        }
        self.audit_rows(placed).map_err(whole)?;
        self.audit_clearing().map_err(whole)?;
        self.audit_standings().map_err(whole)?;
        self.audit_risk().map_err(whole)?;
        let (sessions, rows) = (self.sessions().used(), self.arena().used());
        let switches = self.switches().audit(sessions, rows);
        switches.map_err(whole)?;
        if !self.requests().is_sound() {
            return Err(whole("the table of requests is broken"));
        }
        Ok(())
    }

    fn audit_clearing(&self) -> Result<(), &'static str> {
        let arena = self.arena();
        let live = (0..arena.used()).filter(|slot| arena.row(*slot).sequence != 0);
        let live = live.map(|slot| {
            let row = arena.row(slot);
            let cleared = self.clearing().terms(InstrumentId::new(row.instrument));
            let units = cleared.map(|cleared| cleared.lot_units);
            (slot, row.flags.side(), row.leaves.lots(), units)
        });
        self.clearing().audit(live, &self.sold())?;
        self.contracts().audit(self.time(), self.sequence())?;
        self.audit_owing()?;
        self.clearing().guarantees.audit(&self.covered_sums())?;
        self.sales().audit(self.counted())?;
        let contracts = self.contracts().all().map(|(_, contract)| contract);
        let waits = |state| matches!(state, State::Joined | State::Deposited | State::Entered);
        let waiting = contracts.filter(|one| waits(one.state));
        let waiting = waiting.map(|one| (one.offer, one.state, one.pieces));
        self.sales().audit_campaigns(waiting)?;
        self.audit_imports()?;
        self.clearing()
            .audit_settlement(self.joined(), self.parties())
    }

    /// Contracts whose buyers are counted: offer, owner, pieces that did not come back.
    fn counted(&self) -> impl Iterator<Item = (u64, OwnerId, u32)> {
        let all = self.contracts().all().map(|(_, contract)| contract);
        let counted = all.filter(|contract| contract.counted == CountedFor::Yes);
        counted.map(|one| (one.offer.sequence, one.owner, one.pieces - one.came_back))
    }

    /// What live contracts count at least in uses of annual limits: what did not come back.
    fn audit_imports(&self) -> Result<(), &'static str> {
        let contracts = self.contracts().all().map(|(_, contract)| contract);
        let counted = contracts.filter_map(|one| {
            let left = one.import_value() - one.import_value_of(one.came_back);
            Some((self.counts_in(one)?, left))
        });
        self.sales().annual.audit(counted)
    }

    /// What offers and contracts keep.
    fn sold(&self) -> Vec<Sold> {
        let mut sold = Vec::new();
        for (_, offer) in self.sales().offers() {
            sold.push(Sold {
                kept: offer.stock,
                account: offer.seller,
                asset: offer.goods,
                store: Some(offer.store()),
            });
        }
        for (_, contract) in self.contracts().all() {
            sold.push(Sold {
                kept: contract.goods,
                account: contract.seller,
                asset: contract.goods_asset,
                store: Some(contract.store()),
            });
            sold.push(Sold {
                kept: contract.money,
                account: contract.buyer,
                asset: self.sales().known(contract.terms).terms.money,
                store: None,
            });
            sold.push(Sold {
                kept: Kept::restored(contract.seller_at, contract.bond()),
                account: contract.seller,
                asset: self.sales().known(contract.terms).terms.money,
                store: None,
            });
        }
        for (key, guarantee) in self.clearing().guarantees.all() {
            sold.push(Sold {
                kept: guarantee.kept(),
                account: key.account,
                asset: key.money,
                store: None,
            });
        }
        sold
    }

    fn audit_market(
        &self,
        instrument: InstrumentId,
        market: &crate::market::Market,
    ) -> Result<u32, &'static str> {
        let arena = self.arena();
        let setting = self.setting_row(instrument);
        if setting.is_continuous() && setting.trading && market.book.is_crossed() {
            return Err("the book is crossed in continuous trading");
        }
        if market.touched {
            return Err("an indicative was left unpublished");
        }
        let mut placed = market.stops.audit(arena)?;
        if placed > setting.stops_max {
            return Err("more stops wait than may");
        }
        for side in [Side::Buy, Side::Sell] {
            placed += depth::audit(&market.book, arena, side)?;
            if market.book.side(side).levels() > setting.levels_max {
                return Err("a side has more levels than it may");
            }
        }
        let mut last = 0;
        for slot in depth::queue(arena, &market.parked) {
            let row = arena.row(slot);
            if row.flags.place() != Place::Parked || row.sequence <= last {
                return Err("a parked order is out of place");
            }
            last = row.sequence;
            placed += 1;
        }
        if market
            .slots(arena)
            .any(|slot| arena.row(slot).instrument != instrument.index())
        {
            return Err("an order is in another instrument's market");
        }
        Ok(placed)
    }

    fn audit_rows(&self, placed: u32) -> Result<(), &'static str> {
        let arena = self.arena();
        if arena.live() != placed {
            return Err("live rows and placed orders differ in number");
        }
        if arena.free_slots().count() as u32 + placed != arena.used() {
            return Err("a row is neither live nor free");
        }
        let (mut chained, mut timed) = (0, 0);
        for (account, _) in self.parties().accounts() {
            for slot in arena.of_account(account.index()) {
                let row = arena.row(slot);
                if row.sequence == 0 || row.account != account.index() {
                    return Err("an account's chain holds a row that is not its own");
                }
                let owner = self.parties().owner_of(account);
                if owner.map(OwnerId::index) != Some(row.owner) {
                    return Err("an order has another owner than its account");
                }
                chained += 1;
                timed += usize::from(arena.expire(slot).is_some());
            }
        }
        if chained != placed {
            return Err("live rows and accounts' chains differ in number");
        }
        if timed != self.timers().live() {
            return Err("GTD orders and timers differ in number");
        }
        Ok(())
    }
}
