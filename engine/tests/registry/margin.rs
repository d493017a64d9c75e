//! Commands about margin forwards (section 19).

use super::*;
use crate::reference::ledger::{self, Holder};
use crate::reference::margin::Contract;
use RejectReason as R;

type Answer = Result<Option<u32>, Reject>;

impl Reference {
    pub(super) fn change_margin(&mut self, command: &MarginCommand) -> Answer {
        match command {
            MarginCommand::SetMargin(set) => self.set_margin(set),
            MarginCommand::SetSettlementPrice(set) => {
                let i = self.margin_of(set.instrument)?;
                let contract = self.instruments[i].margin.as_mut();
                let contract = contract.ok_or(R::NotMargin)?;
                let at = i128::from(set.price.ticks());
                fails(!settles(at, contract.tick_value), R::InvalidField)?;
                contract.given = Some(at);
                Ok(None)
            }
            MarginCommand::Mark(mark) => {
                let i = self.margin_of(mark.instrument)?;
                let contract = self.instruments[i].margin.as_ref();
                let running = contract.is_some_and(|contract| contract.marking.is_some());
                fails(running, R::MarkRunning)?;
                fails(contract.is_none(), R::NotMargin)?;
                self.begin_mark(i, i128::from(self.time.nanoseconds()));
                Ok(None)
            }
        }
    }

    fn margin_of(&self, instrument: InstrumentId) -> Result<usize, R> {
        let i = instrument.place();
        fails(i >= self.instruments.len(), R::UnknownInstrument)?;
        Ok(i)
    }

    fn set_margin(&mut self, set: &SetMargin) -> Answer {
        let i = self.margin_of(set.instrument)?;
        let known = &self.instruments[i];
        let money = self.money.assets.get(set.money.place());
        let money = money.ok_or(R::UnknownAsset)?;
        let live = self.orders.iter().any(|order| order.instrument == i);
        let used = known.clearing.is_some() || known.margin.is_some();
        fails(live || used, R::InvalidField)?;
        let AssetClass::Currency { decimals } = money.class else {
            return Err(R::InvalidField.into());
        };
        let venue = &self.venues[known.venue];
        fails(money.demonstration != venue.demonstration, R::InvalidField)?;
        fails(
            known.terms.price_sign != PriceSign::Positive,
            R::InvalidField,
        )?;
        let bp = (set.initial_bp, set.maintenance_bp);
        let rates = (1..=10_000).contains(&bp.0) && (1..=bp.0).contains(&bp.1);
        let month = 31 * 86_400_000_000_000;
        let long = (0..=month).contains(&set.call_deadline.0);
        let limit = set.position_limit != Some(Quantity::ZERO);
        fails(!rates || !long || !limit, R::InvalidField)?;
        let tick_value = ledger::tick_value(&known.terms, decimals).ok_or(R::InvalidField)?;
        let settlement = i128::from(set.settlement_price.ticks());
        fails(!settles(settlement, tick_value), R::InvalidField)?;
        let laws = self.laws();
        if !venue.binding().iter().all(|regime| laws.margin(*regime)) {
            return Err(Reject {
                reason: R::ModelNotAllowed,
                basis: Some(Basis::FuturesLaw11),
            });
        }
        let money = set.money.place();
        let positions = [Holder::Venue(known.venue), Holder::Clearing(i)];
        let positions = positions.map(|holder| (holder, money));
        fails(!self.room_for(&positions), R::TooMany)?;
        for (holder, asset) in positions {
            self.need(holder, asset);
        }
        self.instruments[i].margin = Some(Contract {
            terms: *set,
            money,
            tick_value,
            settlement,
            given: None,
            trades: Vec::new(),
            rows: Vec::new(),
            marking: None,
        });
        self.say_settlement(i);
        Ok(None)
    }
}

/// Whether a settlement price may be this one.
fn settles(at: i128, tick_value: i128) -> bool {
    (1..=1 << 52).contains(&(at * tick_value))
}
