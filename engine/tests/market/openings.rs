//! The venues that scenario tables about shops open.
//!
//! Invariant: as in `words`. Not here: what is sold there (`shop`).

use sanjiang_engine::command::{Body, CreateVenue, Demonstration};
use sanjiang_engine::types::{CalendarId, Title};
use sanjiang_engine::venue::{Model, Regime};

use crate::desk::name;

/// `shop REGIME.. [dated]`.
pub fn open(words: &[&str]) -> Body {
    let regimes: Vec<Regime> = words[1..]
        .iter()
        .filter_map(|word| Regime::from_name(word))
        .collect();
    let tiered = regimes.contains(&Regime::EcomB2b) || regimes.contains(&Regime::Sandbox);
    let mut models = vec![
        Model::FixedPrice,
        Model::FlashSale,
        Model::GroupBuy,
        Model::Presale,
    ];
    models.extend(tiered.then_some(Model::TieredPrice));
    let calendar = words.contains(&"dated").then_some(CalendarId::new(0));
    opened("shop", (regimes, models), calendar)
}

/// `opens ID REGIME.. sells MODEL..`.
pub fn venue_of_the_plan(words: &[&str]) -> Body {
    let middle = words.iter().position(|word| *word == "sells");
    let middle = middle.expect("opens ID REGIME.. sells MODEL..");
    let regime = |word: &&str| Regime::from_name(word).expect("a regime");
    let model = |word: &&str| Model::from_name(word).expect("a model");
    let regimes = words[2..middle].iter().map(regime).collect();
    let models = words[middle + 1..].iter().map(model).collect();
    opened(words[1], (regimes, models), None)
}

fn opened(
    id: &str,
    (regimes, models): (Vec<Regime>, Vec<Model>),
    calendar: Option<CalendarId>,
) -> Body {
    Body::CreateVenue(Box::new(CreateVenue {
        name: name(id),
        title: Title::EMPTY,
        regimes,
        models,
        demonstration: Demonstration::Demonstration,
        licence: None,
        calendar,
    }))
}
