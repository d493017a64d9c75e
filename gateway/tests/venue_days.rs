//! The venues that come with the gateway and the stories of the engine's scenarios are the same
//! ones.
//!
//! Invariant: a venue that sells has exactly one day. Not here: what happens on it (the engine).

use std::fs;
use std::path::Path;

use engine::venue::Model;
use sanjiang_gateway::venue_cli::SHIPPED;
use sanjiang_gateway::venue_cli::file::{self, VenueOfFile};

/// Each venue that sells by a model that is built lives a day in the scenarios of the engine, under
/// the very regimes and models that come with the gateway.
#[test]
fn each_venue_that_sells_has_its_day_in_the_scenarios() {
    let days = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/scenarios/venues.txt");
    let days = fs::read_to_string(days).expect("the table is there");
    let opened = days.lines().filter_map(|line| line.strip_prefix("opens "));
    let mut opened: Vec<String> = opened.map(str::to_owned).collect();
    let plan = file::read(SHIPPED).expect("it is right");
    let built = [
        Model::FixedPrice,
        Model::TieredPrice,
        Model::FlashSale,
        Model::GroupBuy,
        Model::Presale,
    ];
    let sells = plan.venues.iter().filter(|venue| {
        let mut models = venue.models.iter();
        models.any(|model| built.contains(model))
    });
    let line = |venue: &VenueOfFile| {
        let models: Vec<&str> = venue.models.iter().map(|model| model.as_str()).collect();
        let regimes = venue.regimes.join(" ");
        format!("{} {regimes} sells {}", venue.id, models.join(" "))
    };
    let mut expected: Vec<String> = sells.map(line).collect();
    opened.sort();
    expected.sort();
    assert_eq!(opened, expected);
    assert_eq!(opened.len(), 8);
}
