//! Settlement as bytes: what the rest of the snapshot does not say.
//!
//! Invariant: equal contents give equal bytes, whatever places rows have; live orders, holders'
//! goods and pending deposits are counted anew from what holds them. Not here: other sections.

use super::holders::Concerned;
use super::recent::Recent;
use super::table::NIL;
use super::{Due, Investor, Joining, PLACES, Settlement, Stake, place_of};
use crate::bytes::{self, BytesError, Reader};
use crate::clearing::{Clearing, Holder};
use crate::command::SetNominee;
use crate::journal::codec::settlement::{nominee, put_nominee, put_terms, terms};
use crate::limits::Limits;
use crate::parties::Parties;
use crate::types::{AccountId, Amount, InstrumentId, OwnerId, VenueId};
use crate::venue::Venues;

impl Settlement {
    /// Writes days, what is pending, rules, owners and what waits.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let days = self.days.iter().enumerate().filter(|(_, day)| **day > 0);
        let days: Vec<_> = days.collect();
        bytes::put_varint(out, days.len() as u64);
        for (venue, day) in days {
            bytes::put_varint(out, venue as u64);
            bytes::put_varint(out, u64::from(*day));
        }
        bytes::put_varint(out, self.pending.len() as u64);
        for (deadline, venue) in &self.pending {
            bytes::put_time(out, *deadline);
            bytes::put_varint(out, u64::from(venue.index()));
        }
        let kept = self.kept.iter().flatten();
        bytes::put_varint(out, kept.clone().count() as u64);
        for kept in kept {
            put_terms(out, &kept.set);
        }
        self.encode_investors(out);
        self.encode_stakes(out);
        bytes::put_varint(out, self.nominees.len() as u64);
        for (nominee, owners) in &self.nominees {
            let (nominee, owners) = (*nominee, owners.clone());
            put_nominee(out, &SetNominee { nominee, owners });
        }
    }

    fn encode_investors(&self, out: &mut Vec<u8>) {
        let told = |(_, one): &(u32, &Investor)| {
            one.ever || one.bought.last().is_some() || one.sold.last().is_some()
        };
        let mut list: Vec<_> = self.investors.iter().filter(told).collect();
        list.sort_unstable_by_key(|(_, one)| (one.instrument, one.owner));
        bytes::put_varint(out, list.len() as u64);
        for (_, one) in list {
            bytes::put_varint(out, u64::from(one.instrument.index()));
            bytes::put_varint(out, u64::from(one.owner.index()));
            bytes::put_u8(out, u8::from(one.ever));
            one.bought.encode(out);
            one.sold.encode(out);
        }
    }

    fn encode_stakes(&self, out: &mut Vec<u8>) {
        let waiting = |(_, one): &(u32, &Stake)| one.waits();
        let mut list: Vec<_> = self.stakes.iter().filter(waiting).collect();
        list.sort_unstable_by_key(|(_, one)| (one.instrument, one.account));
        bytes::put_varint(out, list.len() as u64);
        for (_, one) in list {
            bytes::put_varint(out, u64::from(one.instrument.index()));
            bytes::put_varint(out, u64::from(one.account.index()));
            let kept = self.kept(one.instrument).expect("a stake has rules");
            let day = self.day(kept.venue);
            let due = (0..PLACES as u32).map(|rolls| (rolls, one.due[place_of(day + rolls)]));
            let due: Vec<_> = due.filter(|(_, due)| *due != Due::default()).collect();
            bytes::put_u8(out, due.len() as u8);
            for (rolls, due) in due {
                bytes::put_u8(out, rolls as u8);
                bytes::put_varint(out, due.goods as u64);
                bytes::put_varint(out, due.money as u64);
            }
        }
    }
}

impl Clearing {
    /// Reads what [`Settlement::encode`] wrote; `live` are the live orders with their slots.
    ///
    /// # Errors
    /// Broken bytes; what the rules would not have made.
    pub(crate) fn decode_settlement(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        (parties, venues): (&Parties, &Venues),
        live: impl Iterator<Item = (u32, Joining)>,
    ) -> Result<(), BytesError> {
        self.settlement = Settlement::new(limits);
        self.decode_days(input, limits, venues)?;
        self.decode_rules(input, limits, venues)?;
        self.decode_investors(input, limits, parties)?;
        self.decode_stakes(input, limits)?;
        self.decode_nominees(input, limits, parties)?;
        let kept = self.settlement.kept.iter().flatten();
        for instrument in kept.map(|kept| kept.set.instrument).collect::<Vec<_>>() {
            self.check_counted(instrument, parties)?;
            self.count_holders(instrument, parties);
        }
        for (slot, joining) in live {
            self.rejoin(slot, &joining)?;
        }
        Ok(())
    }

    fn check_counted(&self, instrument: InstrumentId, parties: &Parties) -> Result<(), BytesError> {
        let wrong = |_| BytesError::range("the holders of an instrument");
        let kept = self.settlement.kept(instrument).expect("it was read");
        let checked = self.check_holders(&kept.set, kept.goods, parties);
        checked.map_err(wrong)?;
        if kept.set.max_holders.is_none() {
            return Ok(());
        }
        let all = &self.settlement.investors;
        let ever = |owner: OwnerId| {
            let known = all.find(owner.index(), instrument);
            known.is_some_and(|at| all.row(at).ever)
        };
        let all_of = |owner| self.settlement.nominee(owner).iter().copied();
        let mut owned = self.owned(kept.goods, parties).into_iter();
        let told = owned.all(|(owner, owned)| {
            let mut behind = all_of(owner);
            owned.goods == 0 || ever(owner) && behind.all(ever)
        });
        told.then_some(()).ok_or(BytesError::range("a holder"))
    }

    /// A live order joins again.
    fn rejoin(&mut self, slot: u32, joining: &Joining) -> Result<(), BytesError> {
        let wrong = || BytesError::range("a live order's settlement");
        if self.settlement.kept(joining.instrument).is_none() {
            return Ok(());
        }
        let hold = self
            .holds
            .get(slot as usize)
            .filter(|hold| hold.is_cleared());
        let at = hold.map(|hold| [hold.money_at, hold.goods_at]);
        let at = at.ok_or_else(wrong)?;
        let all = &mut self.settlement;
        let lawful = all.check_law(joining.instrument, joining.owner, joining.side);
        let room = all.check_room(joining);
        lawful.and(room).map_err(|_| wrong())?;
        self.holds[slot as usize].stake = self.settlement.join(joining, at);
        Ok(())
    }

    fn decode_days(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        venues: &Venues,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("a venue's days");
        let all = &mut self.settlement;
        for _ in 0..input.count(limits.venues_max, 2, "the count of venues with days")? {
            let venue = VenueId::new(input.varint32("a venue with days")?);
            let day = input.varint32("a venue's days")?;
            let rises = venue.place() >= all.days.len();
            let within = day > 0 && day <= u32::MAX - PLACES as u32;
            if !rises || !within || venues.venue(venue).is_none() {
                return Err(wrong());
            }
            all.days.resize(venue.place() + 1, 0);
            all.days[venue.place()] = day;
        }
        for _ in 0..input.count(limits.venues_max, 2, "the count of venues that settle")? {
            let deadline = input.time("a settlement")?;
            let venue = VenueId::new(input.varint32("a venue that settles")?);
            let known = all.pending.iter().any(|(_, other)| *other == venue);
            let rises = all
                .pending
                .last()
                .is_none_or(|last| *last < (deadline, venue));
            if known || !rises || all.day(venue) == 0 {
                return Err(wrong());
            }
            all.pending.push((deadline, venue));
        }
        Ok(())
    }

    fn decode_rules(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        venues: &Venues,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("an instrument's settlement");
        for _ in 0..input.count(limits.instruments_max, 6, "the count of settlements")? {
            let set = terms(input)?;
            let rises = set.instrument.place() >= self.settlement.kept.len();
            let known = venues.instrument(set.instrument).ok_or_else(wrong)?;
            let cleared = self.terms(set.instrument).ok_or_else(wrong)?;
            let goods = cleared.goods;
            let alone = set.max_holders.is_none() || !self.is_shared(goods, set.instrument);
            let some = set.days > 0 || set.reverse_trade_days > 0 || set.max_holders.is_some();
            if !rises || !alone || !some || !super::are_valid(&set, known.terms.price_sign) {
                return Err(wrong());
            }
            let venue = known.venue;
            self.settlement.place(&set, Concerned { venue, goods });
            self.rule(set.instrument);
        }
        Ok(())
    }

    fn decode_investors(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        parties: &Parties,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("an owner of an instrument");
        let all = &mut self.settlement;
        let mut last = None;
        for _ in 0..input.count(limits.investors_max, 5, "the count of owners")? {
            let instrument = InstrumentId::new(input.varint32("an owner's instrument")?);
            let owner = OwnerId::new(input.varint32("an owner")?);
            let mut one = Investor::new(instrument, owner);
            one.ever = match input.u8()? {
                0 => false,
                1 => true,
                _ => return Err(wrong()),
            };
            one.bought = Recent::decode(input)?;
            one.sold = Recent::decode(input)?;
            let kept = all.kept(instrument).ok_or_else(wrong)?;
            let today = all.day(kept.venue);
            let mut days = one.bought.days().chain(one.sold.days());
            let told = one.ever || days.next().is_some();
            let mut days = one.bought.days().chain(one.sold.days());
            let past = days.all(|day| day <= today && kept.is_near(Some(day), today));
            let fits = kept.set.max_holders.is_some() || !one.ever;
            let rises = last < Some((instrument, owner));
            if !past || !told || !fits || !rises || parties.owner(owner).is_none() {
                return Err(wrong());
            }
            last = Some((instrument, owner));
            all.investors.add(one);
        }
        Ok(())
    }

    fn decode_nominees(
        &mut self,
        input: &mut Reader<'_>,
        limits: &Limits,
        parties: &Parties,
    ) -> Result<(), BytesError> {
        let wrong = || BytesError::range("a nominee");
        let mut last = None;
        for _ in 0..input.count(limits.nominees_max, 3, "the count of nominees")? {
            let set = nominee(input, Limits::NOMINEE_OWNERS_MAX as u32)?;
            let mut all = std::iter::once(&set.nominee).chain(&set.owners);
            let known = all.all(|owner| parties.owner(*owner).is_some());
            let fits = self.settlement.is_list(&set) && !set.owners.is_empty();
            if !known || !fits || last >= Some(set.nominee) {
                return Err(wrong());
            }
            last = Some(set.nominee);
            self.settlement.nominees.insert(set.nominee, set.owners);
        }
        Ok(())
    }

    fn decode_stakes(&mut self, input: &mut Reader<'_>, limits: &Limits) -> Result<(), BytesError> {
        let wrong = || BytesError::range("what waits for settlement");
        let mut last = None;
        for _ in 0..input.count(limits.unsettled_max, 6, "the count of what waits")? {
            let instrument = InstrumentId::new(input.varint32("what waits: its instrument")?);
            let account = AccountId::new(input.varint32("what waits: its account")?);
            let kept = *self.settlement.kept(instrument).ok_or_else(wrong)?;
            let cleared = *self.terms(instrument).ok_or_else(wrong)?;
            let find = |asset| self.ledger.find(Holder::Account(account), asset);
            let money_at = find(cleared.money).ok_or_else(wrong)?;
            let goods_at = find(cleared.goods).ok_or_else(wrong)?;
            let mut stake = Stake {
                instrument,
                account,
                investor: NIL,
                orders: 0,
                money_at,
                goods_at,
                due: [Due::default(); PLACES],
            };
            let day = self.settlement.day(kept.venue);
            let pending = &self.settlement.pending;
            let overdue = pending.iter().any(|(_, venue)| *venue == kept.venue);
            let mut before = None;
            for _ in 0..input.u8()? {
                let rolls = input.u8()?;
                let due = due(input)?;
                let within = rolls <= kept.set.days && (rolls > 0 || overdue);
                if !within || before >= Some(rolls) || due == Due::default() {
                    return Err(wrong());
                }
                before = Some(rolls);
                stake.due[place_of(day + u32::from(rolls))] = due;
            }
            if !stake.waits() || last >= Some((instrument, account)) {
                return Err(wrong());
            }
            last = Some((instrument, account));
            self.settlement.stakes.add(stake);
        }
        let all = &self.settlement;
        if all
            .pending
            .iter()
            .any(|(_, venue)| all.due(*venue).next().is_none())
        {
            return Err(wrong());
        }
        Ok(())
    }
}

fn due(input: &mut Reader<'_>) -> Result<Due, BytesError> {
    let amount = |input: &mut Reader<'_>| {
        let units = i64::try_from(input.varint()?).ok();
        let amount = units.and_then(Amount::new);
        amount
            .map(Amount::units)
            .ok_or(BytesError::range("what waits for settlement"))
    };
    Ok(Due {
        goods: amount(input)?,
        money: amount(input)?,
    })
}
