//! What parties may do (section 12).

use super::*;
use RejectReason as R;

/// All that was set, the latest of each kind last.
#[derive(Default)]
pub struct Stands {
    pub standings: Vec<(Party, Standing)>,
    pub roles: Vec<((VenueId, ParticipantId), Roles)>,
    pub access: Vec<(VenueId, Access)>,
    pub codes: Vec<(ParticipantId, Name)>,
}

fn last<K: PartialEq, V: Copy + Default>(list: &[(K, V)], key: &K) -> V {
    let found = list.iter().rev().find(|known| known.0 == *key);
    found.map(|known| known.1).unwrap_or_default()
}

/// The rule of the code's 18 characters, in the words of the rules.
pub fn code_is_right(code: &str) -> bool {
    let list = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let places: Vec<_> = code.chars().map(|one| list.find(one)).collect();
    if places.len() != 18 || places.contains(&None) {
        return false;
    }
    if !code.chars().skip(2).take(6).all(|one| one.is_ascii_digit()) {
        return false;
    }
    let mut sum = places[17].unwrap_or_default() as u64;
    for (i, place) in places.iter().take(17).enumerate() {
        sum += place.unwrap_or_default() as u64 * (3_u64.pow(i as u32) % 31);
    }
    sum.is_multiple_of(31)
}

impl Reference {
    pub fn standing(&self, party: Party) -> Standing {
        last(&self.stands.standings, &party)
    }

    fn participant_of(&self, account: AccountId) -> ParticipantId {
        ParticipantId::new(self.accounts[account.place()].participant as u32)
    }

    fn has_role(&self, account: AccountId, instrument: usize, role: Roles) -> bool {
        let venue = VenueId::new(self.instruments[instrument].venue as u32);
        let key = (venue, self.participant_of(account));
        last(&self.stands.roles, &key).bits() & role.bits() != 0
    }

    fn admits(&self, instrument: usize) -> Access {
        let venue = VenueId::new(self.instruments[instrument].venue as u32);
        last(&self.stands.access, &venue)
    }

    /// The account is known.
    pub(in crate::reference) fn may_enter(&self, account: AccountId) -> Result<(), R> {
        let participant = Party::Participant(self.participant_of(account));
        let open = self.standing(participant) == Standing::Open;
        fails(!open, R::ParticipantSuspended)?;
        let own = self.standing(Party::Account(account));
        fails(own == Standing::Suspended, R::AccountSuspended)?;
        fails(own == Standing::Closed, R::AccountClosed)
    }

    /// Account and instrument are known.
    pub(in crate::reference) fn may_take_side(
        &self,
        account: AccountId,
        instrument: usize,
        side: Side,
    ) -> Result<(), R> {
        let role = if side == Side::Buy {
            Roles::BUYER
        } else {
            Roles::SELLER
        };
        let members = self.admits(instrument).members_only;
        fails(
            members && !self.has_role(account, instrument, role),
            R::NotPermitted,
        )
    }

    /// Account and instrument are known.
    pub(in crate::reference) fn is_qualified(
        &self,
        account: AccountId,
        instrument: usize,
    ) -> Result<(), Reject> {
        let asked = self.admits(instrument).qualified_only;
        if !asked || self.has_role(account, instrument, Roles::QUALIFIED_INVESTOR) {
            return Ok(());
        }
        let venue = &self.venues[self.instruments[instrument].venue];
        Err(Reject {
            reason: R::NotQualified,
            basis: self.laws().qualified(&venue.regimes),
        })
    }

    /// Whether an instruction may be given for a known account.
    pub(super) fn may_move(&self, account: AccountId, comes: bool) -> Result<(), R> {
        let own = self.standing(Party::Account(account));
        let participant = Party::Participant(self.participant_of(account));
        if comes {
            return fails(own == Standing::Closed, R::AccountClosed);
        }
        let above = self.standing(participant);
        fails(above == Standing::Suspended, R::ParticipantSuspended)?;
        fails(own == Standing::Suspended, R::AccountSuspended)
    }

    pub(super) fn stand(&mut self, command: &StandingCommand) -> Result<Option<u32>, Reject> {
        let changed = match command {
            StandingCommand::SetStanding(set) => self.set_standing(set)?,
            StandingCommand::SetRoles(set) => self.set_roles(set)?,
            StandingCommand::SetAccess(set) => {
                let (venue, access) = (set.venue, set.access);
                fails(venue.place() >= self.venues.len(), R::UnknownVenue)?;
                self.stands.access.push((venue, access));
                StandingChanged::Access { venue, access }
            }
            StandingCommand::SetRegistration(set) => self.register(set)?,
        };
        self.out.push(Event::Standing(changed));
        Ok(None)
    }

    fn set_standing(&mut self, set: &SetStanding) -> Result<StandingChanged, R> {
        let (known, unknown, closed) = match set.party {
            Party::Participant(id) => {
                let known = id.place() < self.participants.len();
                (known, R::UnknownParticipant, R::ParticipantSuspended)
            }
            Party::Account(id) => {
                let known = id.place() < self.accounts.len();
                (known, R::UnknownAccount, R::AccountClosed)
            }
        };
        fails(!known, unknown)?;
        fails(self.standing(set.party) == Standing::Closed, closed)?;
        let full = set.standing == Standing::Closed && !self.is_left(set.party);
        fails(full, R::NotEmpty)?;
        if let (Party::Account(_), Standing::Closed) = (set.party, set.standing) {
            self.reached.push("an account emptied and closed");
        }
        self.stands.standings.push((set.party, set.standing));
        Ok(StandingChanged::Standing {
            party: set.party,
            standing: set.standing,
        })
    }

    /// Whether a party could be closed.
    pub fn is_left(&self, party: Party) -> bool {
        match party {
            Party::Participant(id) => (0..self.accounts.len()).all(|at| {
                let closed = self.standing(Party::Account(AccountId::new(at as u32)));
                self.accounts[at].participant != id.place() || closed == Standing::Closed
            }),
            Party::Account(id) => {
                let has = |asset| self.balance(Holder::Account(id.place()), asset) != 0;
                let waits = |one: &Instruction| one.account == id.place();
                !self.orders.iter().any(|order| order.account == id)
                    && !(0..self.money.assets.len()).any(has)
                    && !self.money.pending.iter().any(waits)
                    && !(0..self.money.assets.len()).any(|asset| self.drawn(id.place(), asset) > 0)
                    && self.settled(id.place())
                    && !self.deals_with(id)
            }
        }
    }

    fn set_roles(&mut self, set: &SetRoles) -> Result<StandingChanged, Reject> {
        let (venue, participant, roles) = (set.venue, set.participant, set.roles);
        let unknown = participant.place() >= self.participants.len();
        fails(unknown, R::UnknownParticipant)?;
        let known = self.venues.get(venue.place()).ok_or(R::UnknownVenue)?;
        let makes = roles.bits() & Roles::MARKET_MAKER.bits() != 0;
        let laws = self.laws();
        let basis = known
            .binding()
            .into_iter()
            .find_map(|one| laws.forbids_makers(one));
        if makes && basis.is_some() {
            let reason = R::ModelNotAllowed;
            return Err(Reject { reason, basis });
        }
        self.stands.roles.push(((venue, participant), roles));
        Ok(StandingChanged::Roles {
            venue,
            participant,
            roles,
        })
    }

    fn register(&mut self, set: &SetRegistration) -> Result<StandingChanged, R> {
        let unknown = set.participant.place() >= self.participants.len();
        fails(unknown, R::UnknownParticipant)?;
        let mut others = self.stands.codes.iter();
        let taken = others.any(|known| known.0 != set.participant && known.1 == set.code);
        fails(taken && !set.code.is_empty(), R::AlreadyExists)?;
        let right = set.code.is_empty() || code_is_right(set.code.as_str());
        fails(!right, R::InvalidField)?;
        self.stands.codes.retain(|known| known.0 != set.participant);
        if !set.code.is_empty() {
            self.stands.codes.push((set.participant, set.code));
        }
        Ok(StandingChanged::Registration(*set))
    }
}
