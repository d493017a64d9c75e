//! What tests of malformed fields share: a directory, a right instrument, and a table of changes
//! that each make one field wrong.
//!
//! Invariant: a change is told as one violation, of its field, with advice. Not here: what is
//! right.

use engine::command::{CreateInstrument, InstrumentTerms};
use engine::types::{Name, OwnerId, ParticipantId, PriceSign, Quantity, Title, VenueId};
use sanjiang_gateway::directory::{AccountEntry, InstrumentEntry, Tables};
use sanjiang_gateway::errors::Failure;

pub fn name(text: &str) -> Name {
    Name::new(text).expect("a short name")
}

/// Account A and instrument COAL (tick 0.05, lot 100).
pub fn tables() -> Tables {
    let mut tables = Tables::default();
    let account = AccountEntry {
        name: name("A"),
        participant: ParticipantId::new(0),
        owner: OwnerId::new(0),
    };
    tables.accounts.put(0, name("A"), account);
    let entry = InstrumentEntry::new(&CreateInstrument {
        name: name("COAL"),
        title: Title::EMPTY,
        venue: VenueId::new(0),
        terms: terms(),
    });
    tables.instruments.put(0, name("COAL"), entry);
    tables
}

fn terms() -> InstrumentTerms {
    InstrumentTerms {
        currency: name("CNY"),
        unit: name("t"),
        tick_size: 5,
        price_decimals: 2,
        lot_size: 100,
        quantity_decimals: 0,
        price_sign: PriceSign::Positive,
        static_band_bp: None,
        dynamic_band_ticks: None,
        market_protection_ticks: 10,
        max_quantity: Quantity::new(1_000).expect("in bounds"),
        max_notional: None,
    }
}

/// A change of a right request, the field it makes wrong, and a part of the advice.
pub type Case<T> = (fn(&mut T), &'static str, &'static str);

/// Reads a right request, and then with each change.
pub fn check<T: Clone, C: std::fmt::Debug>(
    good: &T,
    cases: &[Case<T>],
    read: impl Fn(&T) -> Result<C, Failure>,
) {
    read(good).expect("a right request");
    for (place, (change, field, advice)) in cases.iter().enumerate() {
        let mut request = good.clone();
        change(&mut request);
        let failure = read(&request).expect_err("a fault");
        let Failure::Invalid(violations) = &failure else {
            panic!("case {place}: {failure:?}");
        };
        assert_eq!(violations.len(), 1, "case {place}: {violations:?}");
        assert_eq!(violations[0].field, *field, "case {place}: {violations:?}");
        let said = &violations[0].description;
        assert!(said.contains(advice), "case {place}: {said}");
    }
}
