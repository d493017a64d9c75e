//! What each instrument's market must know of venue, instrument, clearing and limits, in one row.
//!
//! A command would look all of it up in six places, twice; the row is made once and used until
//! something it is made from changes.
//!
//! Invariant: a row that is used says what the venues, the clearing and the limits say now: each
//! counts its changes, and a row is of one count. Rows are no part of the engine's contents. Not
//! here: what changes from order to order (`market`).

use crate::clearing::Clearing;
use crate::limits::Limits;
use crate::market::{Clears, Setting, plain};
use crate::types::InstrumentId;
use crate::venue::{Action, Venues};

/// The rows of all instruments that were traded.
#[derive(Default, Debug)]
pub(super) struct Settings {
    /// By instrument handle.
    rows: Vec<Option<Box<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    /// The count of changes the row is of.
    made: u64,
    row: Setting,
}

impl Settings {
    /// The row of an instrument as of the count `now`, if there is one.
    #[inline]
    pub(super) fn get(&self, id: InstrumentId, now: u64) -> Option<&Setting> {
        let kept = self.rows.get(id.place())?.as_ref()?;
        (kept.made == now).then_some(&kept.row)
    }

    /// The row of an instrument that was kept just now.
    #[inline]
    pub(super) fn kept(&self, id: InstrumentId) -> &Setting {
        let kept = self.rows[id.place()].as_ref();
        &kept.expect("it was kept").row
    }

    /// Keeps a known instrument's row, made at the count `now`.
    pub(super) fn put(&mut self, id: InstrumentId, now: u64, row: Setting) {
        if id.place() >= self.rows.len() {
            self.rows.resize_with(id.place() + 1, || None);
        }
        let kept = Kept { made: now, row };
        match &mut self.rows[id.place()] {
            Some(place) => **place = kept,
            empty => *empty = Some(Box::new(kept)),
        }
    }
}

/// What a known instrument's market must know now.
pub(super) fn row_of(
    venues: &Venues,
    clearing: &Clearing,
    limits: &Limits,
    id: InstrumentId,
) -> Setting {
    let instrument = venues.instrument(id).expect("the instrument is known");
    let clears = match clearing.terms(id) {
        Some(cleared) => Clears::With(*cleared),
        None => match clearing.margin().contract(id) {
            Some(contract) => Clears::Margin(contract.margined),
            None if venues.is_demonstration(id) => Clears::Demonstration,
            None => Clears::Missing,
        },
    };
    let phase = venues.phase_of(id);
    let band = instrument.static_limits();
    Setting {
        instrument: id,
        plain: plain::is_plain(&instrument.terms, band, phase, &clears),
        terms: instrument.terms,
        phase,
        auction: phase.auction(),
        trading: venues.is_trading(id),
        refuses: Action::ALL.map(|action| venues.permits(id, action).err()),
        clears,
        rates: clearing.fees.choose_all(instrument.venue, id),
        band,
        levels_max: limits.levels_max,
        stops_max: limits.stops_max,
    }
}
