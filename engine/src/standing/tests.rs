//! Tests of roles, law and bytes that need no engine.

use super::*;
use crate::bytes::Reader;
use crate::command::{CreateAccount, CreateOwner, CreateParticipant, CreateVenue, Demonstration};
use crate::reject::Basis;
use crate::types::{OwnerId, Time, Title};
use crate::venue::Model;

fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

/// A venue of each kind of law, in order of their handles, and two participants.
fn world(limits: &Limits) -> (Parties, Venues) {
    let mut parties = Parties::new(limits);
    for text in ["p", "q"] {
        let made = parties.create_participant(&CreateParticipant { name: name(text) });
        assert!(made.is_ok());
    }
    let mut venues = Venues::new(limits);
    for (text, regime, model) in [
        ("sandbox", Regime::Sandbox, Model::Clob),
        ("futures", Regime::LicensedFutures, Model::Clob),
        ("equity", Regime::RegionalEquity, Model::Negotiated),
        ("shop", Regime::EcomB2b, Model::FixedPrice),
    ] {
        let create = CreateVenue {
            name: name(text),
            title: Title::new(text).expect("short"),
            regimes: vec![regime],
            models: vec![model],
            demonstration: Demonstration::Demonstration,
            licence: None,
            calendar: None,
        };
        assert!(venues.create_venue(&create, Time::ZERO).is_ok(), "{text}");
    }
    (parties, venues)
}

fn grant(venue: u32, roles: Roles) -> SetRoles {
    SetRoles {
        venue: VenueId::new(venue),
        participant: ParticipantId::new(1),
        roles,
    }
}

#[test]
fn a_market_maker_needs_law_that_allows_one() {
    let (parties, venues) = world(&Limits::default());
    let basis = |venue| {
        let set = grant(venue, Roles::MARKET_MAKER.with(Roles::BUYER));
        Standings::check_roles(&set, &parties, &venues).map_err(|reject| {
            assert_eq!(reject.reason, RejectReason::ModelNotAllowed);
            reject.basis.map(Basis::as_str)
        })
    };
    assert_eq!(basis(0), Ok(()));
    assert_eq!(basis(1), Ok(()));
    assert_eq!(basis(2), Err(Some("国发〔2011〕38号")));
    assert_eq!(basis(3), Err(Some("电子商务法(2018) 46")));
    let others = Roles::BUYER
        .with(Roles::SELLER)
        .with(Roles::QUALIFIED_INVESTOR);
    let set = grant(3, others);
    assert_eq!(Standings::check_roles(&set, &parties, &venues), Ok(()));
}

#[test]
fn an_unqualified_investor_is_told_the_law_of_regional_equity() {
    let limits = Limits::default();
    let (_, venues) = world(&limits);
    let mut standings = Standings::new(&limits);
    let participant = ParticipantId::new(1);
    for venue in [0, 2].map(VenueId::new) {
        let access = Access {
            members_only: false,
            qualified_only: true,
        };
        standings.set_access(SetAccess { venue, access });
        let regimes = &venues.venue(venue).expect("made above").regimes;
        let refused = standings.check_qualified(venue, (venues.law(), regimes), participant);
        let basis = (venue.index() == 2).then_some(Basis::SecuritiesLaw98);
        let reason = RejectReason::NotQualified;
        assert_eq!(refused, Err(Reject { reason, basis }));
        standings.set_roles(&grant(venue.index(), Roles::QUALIFIED_INVESTOR));
        let taken = standings.check_qualified(venue, (venues.law(), regimes), participant);
        assert_eq!(taken, Ok(()));
    }
}

#[test]
fn what_was_set_reads_back_and_forged_bytes_do_not() {
    let limits = Limits::default();
    let (parties, venues) = world(&limits);
    let known = (&parties, &venues);
    let mut standings = Standings::new(&limits);
    let (participant, standing) = (ParticipantId::new(1), Standing::Suspended);
    let party = Party::Participant(participant);
    standings.set_standing(&SetStanding { party, standing });
    standings.set_roles(&grant(3, Roles::SELLER));
    standings.set_roles(&grant(0, Roles::NONE));
    let access = Access {
        members_only: true,
        qualified_only: false,
    };
    let venue = VenueId::new(2);
    standings.set_access(SetAccess { venue, access });
    let code = name("91350100M000100Y43");
    standings.set_registration(&SetRegistration { participant, code });
    let mut bytes = Vec::new();
    standings.encode(&mut bytes);
    let read = |bytes: &[u8]| {
        let mut input = Reader::new(bytes);
        let read = Standings::decode(&mut input, &limits, known)?;
        input.finish().map(|()| read)
    };
    let again = read(&bytes).expect("its own bytes");
    let mut second = Vec::new();
    again.encode(&mut second);
    assert_eq!(bytes, second);
    assert_eq!(again.of(party), standing);
    assert_eq!(again.roles(VenueId::new(3), participant), Roles::SELLER);
    assert_eq!((again.access(venue), again.is_used()), (access, true));
    assert_eq!(again.registration(participant), Some(&code));
    for cut in 0..bytes.len() {
        assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let forged: [&[u8]; 9] = [
        &[1, 2, 1, 0, 0, 0, 0],
        &[1, 1, 0, 0, 0, 0, 0],
        &[1, 1, 3, 0, 0, 0, 0],
        &[2, 1, 1, 0, 1, 0, 0, 0, 0],
        &[0, 1, 0, 1, 0, 0, 0],
        &[0, 0, 1, 4, 1, 0, 0],
        &[0, 0, 1, 0, 4, 0, 0],
        &[0, 0, 0, 1, 3, 0, 0],
        &[0, 0, 0, 1, 3, 1, 1, 16, 0],
    ];
    for bytes in forged {
        assert!(read(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn the_last_party_at_the_last_venue_has_its_mark() {
    let limits = Limits::default();
    let mut standings = Standings::new(&limits);
    let participant = ParticipantId::new(limits.participants_max - 1);
    let venue = VenueId::new(limits.venues_max - 1);
    let roles = Roles::BUYER;
    standings.set_roles(&SetRoles {
        venue,
        participant,
        roles,
    });
    let party = Party::Account(AccountId::new(limits.accounts_max - 1));
    let standing = Standing::Closed;
    standings.set_standing(&SetStanding { party, standing });
    assert_eq!(standings.roles(venue, participant), roles);
    assert_eq!(standings.roles(venue, ParticipantId::new(0)), Roles::NONE);
    assert_eq!(standings.of(party), standing);
    assert_eq!(standings.accounts.len(), limits.accounts_max as usize);
    assert_eq!(standings.accounts.capacity(), limits.accounts_max as usize);
}

#[test]
fn the_audit_sees_what_must_not_be() {
    let limits = Limits::default();
    let (mut parties, venues) = world(&limits);
    let audit = |standings: &Standings, parties: &Parties| standings.audit(parties, &venues);
    let fresh = Standings::new(&limits);
    assert_eq!(audit(&fresh, &parties), Ok(()));
    let mut maker = fresh.clone();
    maker.set_roles(&grant(1, Roles::MARKET_MAKER));
    assert_eq!(audit(&maker, &parties), Ok(()));
    maker.set_roles(&grant(3, Roles::MARKET_MAKER));
    let mut unknown = fresh.clone();
    let (party, standing) = (Party::Account(AccountId::new(0)), Standing::Suspended);
    unknown.set_standing(&SetStanding { party, standing });
    let mut coded = fresh.clone();
    let participant = ParticipantId::new(0);
    let code = name("91350100M000100Y44");
    coded.set_registration(&SetRegistration { participant, code });
    for wrong in [&maker, &unknown, &coded] {
        assert!(audit(wrong, &parties).is_err());
    }
    assert!(
        parties
            .create_owner(&CreateOwner { name: name("o") })
            .is_ok()
    );
    let create = CreateAccount {
        name: name("a"),
        participant,
        owner: OwnerId::new(0),
    };
    assert!(parties.create_account(&create).is_ok());
    let mut left = fresh;
    let (party, standing) = (Party::Participant(participant), Standing::Closed);
    left.set_standing(&SetStanding { party, standing });
    assert!(audit(&left, &parties).is_err(), "its account is not closed");
    let party = Party::Account(AccountId::new(0));
    left.set_standing(&SetStanding { party, standing });
    assert_eq!(audit(&left, &parties), Ok(()));
}
