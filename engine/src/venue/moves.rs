//! Venues that move to later versions of their regimes.
//!
//! Invariant: a venue stands under the regimes of its names all its life; a version only follows an
//! earlier one or itself, from a midnight at UTC+8 on that lies after the command. Not here: what
//! a venue already has that a version may forbid (`engine::moves`), the deadline (`deadlines`).

use super::{Law, Regime, Venue, Venues};
use crate::bytes::{self, BytesError, Reader};
use crate::command::MoveVenue;
use crate::contract::row::end_of_day_after;
use crate::event::VenueMoving;
use crate::reject::{Reject, RejectReason};
use crate::types::{Time, VenueId};
use crate::venue::regime;

/// The regimes a venue will stand under.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moving {
    /// From when on.
    pub from: Time,
    /// Which.
    pub regimes: Vec<Regime>,
}

/// Whether these may follow those: the same names in the same order, none older.
fn follow(law: &Law, before: &[Regime], after: &[Regime]) -> bool {
    let pairs = before.iter().zip(after);
    let mut pairs = pairs.map(|(before, after)| {
        let same = law.name(*before) == law.name(*after);
        same && law.number(*before) <= law.number(*after)
    });
    before.len() == after.len() && pairs.all(|follows| follows)
}

impl Venue {
    /// The regimes it stands under, or will.
    pub fn last_regimes(&self) -> &[Regime] {
        let moving = self.moving.as_ref();
        moving.map_or(&self.regimes, |moving| &moving.regimes)
    }
}

impl Venues {
    /// Checks the versions a venue is to move to and changes nothing; no law of what it has.
    ///
    /// # Errors
    /// UNKNOWN_VENUE, UNKNOWN_REGIME, INVALID_FIELD, those of `Law::check_venue` at the midnight.
    pub fn check_move(&self, command: &MoveVenue, time: Time) -> Result<(), Reject> {
        let venue = self.venue(command.venue);
        let venue = venue.ok_or(RejectReason::UnknownVenue)?;
        if command.regimes.iter().any(|one| !self.law.is_known(*one)) {
            return Err(RejectReason::UnknownRegime.into());
        }
        if !follow(&self.law, &venue.regimes, &command.regimes) {
            return Err(RejectReason::InvalidField.into());
        }
        let what = (&*venue.models, venue.demonstration, venue.licence.is_some());
        self.law
            .check_stand(&command.regimes, what, end_of_day_after(time, 0))
    }

    /// A venue that was checked will move; what it told of that, if it is new.
    pub fn begin_move(&mut self, command: &MoveVenue, time: Time) -> Option<VenueMoving> {
        let venue = &mut self.list[command.venue.place()];
        if venue.last_regimes() == command.regimes {
            return None;
        }
        let from = end_of_day_after(time, 0);
        let mut regimes = [None; Regime::PER_VENUE_MAX];
        for (place, regime) in regimes.iter_mut().zip(&command.regimes) {
            *place = Some(*regime);
        }
        venue.moving = Some(Moving {
            from,
            regimes: command.regimes.clone(),
        });
        self.find_next();
        let venue = command.venue;
        Some(VenueMoving {
            venue,
            regimes,
            from,
        })
    }

    /// The midnight has come.
    pub(super) fn end_move(&mut self, id: VenueId) {
        let venue = &mut self.list[id.place()];
        let moving = venue.moving.take();
        venue.regimes = moving.expect("only a venue that moves is due").regimes;
    }

    /// Writes what waits for its midnight; nothing where no data makes law.
    pub(super) fn encode_moves(&self, out: &mut Vec<u8>) {
        if self.law.defined().is_empty() {
            return;
        }
        let moving = || self.list.iter().zip(0_u32..);
        let moving = moving().filter_map(|(venue, id)| Some((id, venue.moving.as_ref()?)));
        bytes::put_varint(out, moving.clone().count() as u64);
        for (id, moving) in moving {
            bytes::put_varint(out, u64::from(id));
            bytes::put_time(out, moving.from);
            regime::put_regimes(out, &moving.regimes);
        }
    }

    /// Reads what [`Venues::encode_moves`] wrote.
    ///
    /// # Errors
    /// Broken bytes; a venue that is not there, twice, or could not move so.
    pub(super) fn decode_moves(&mut self, input: &mut Reader<'_>) -> Result<(), BytesError> {
        if self.law.defined().is_empty() {
            return Ok(());
        }
        let wrong = BytesError::range("a venue that moves");
        for _ in 0..input.count(self.list.len() as u32, 3, "the count of moves")? {
            let id = input.varint32("a venue that moves")?;
            let from = input.time("when a venue moves")?;
            let regimes = regime::regimes(input)?;
            let law = &self.law;
            let venue = self.list.get_mut(id as usize);
            let venue = venue.filter(|venue| venue.moving.is_none());
            let venue = venue.ok_or(BytesError::range("a venue that moves"))?;
            let known = regimes.iter().all(|one| law.is_known(*one));
            if !known || !follow(law, &venue.regimes, &regimes) {
                return Err(wrong);
            }
            venue.moving = Some(Moving { from, regimes });
        }
        Ok(())
    }
}
