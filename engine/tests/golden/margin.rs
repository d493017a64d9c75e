//! One of every command about margin forwards, the optional part present and absent.

use super::*;

/// The commands about margin forwards, which later joined version 1.
pub fn margin() -> Vec<(Time, Command)> {
    let instrument = InstrumentId::new(300);
    let price = Price::new(68_205).expect("in bounds");
    let set = |position_limit, seconds: i64| SetMargin {
        instrument,
        money: AssetId::new(2),
        settlement_price: price,
        initial_bp: 1_000,
        maintenance_bp: 800,
        call_deadline: Nanoseconds(seconds * 1_000_000_000),
        position_limit,
    };
    let limit = Quantity::new(5_000).expect("in bounds");
    let bodies = [
        MarginCommand::SetMargin(set(None, 0)),
        MarginCommand::SetMargin(set(Some(limit), 7_200)),
        MarginCommand::SetSettlementPrice(SetSettlementPrice { instrument, price }),
        MarginCommand::Mark(Mark { instrument }),
    ];
    let mut commands = Vec::new();
    for (place, body) in bodies.into_iter().enumerate() {
        let time = at(place as i64 * 7_654_321);
        let envelope = envelope(place as u32, time);
        let body = Body::Margin(body);
        commands.push((time, Command { envelope, body }));
    }
    commands
}
