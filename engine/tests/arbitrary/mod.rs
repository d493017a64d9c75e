//! Any command, for property tests: every value its types can hold, sensible or not.
//!
//! Invariant: each kind of body can come out, and each optional part both present and absent. Not
//! here: commands that make sense together.

mod baskets;
mod market;
mod money;
mod sales;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sanjiang_engine::command::*;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::Phase;

/// A command.
pub fn command() -> impl Strategy<Value = Command> {
    (envelope(), body()).prop_map(|(envelope, body)| Command { envelope, body })
}

/// An instant, often small, sometimes at the edges.
pub fn time() -> impl Strategy<Value = Time> {
    let edges = select(vec![
        0,
        1,
        Time::MAX.nanoseconds() - 1,
        Time::MAX.nanoseconds(),
    ]);
    let any = prop_oneof![0..=Time::MAX.nanoseconds(), 0..1_000_000_i64, edges];
    any.prop_map(|nanoseconds| Time::new(nanoseconds).expect("in bounds"))
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let parts = (
        principal(),
        identity(),
        option::of(time()),
        option::of(authority()),
    );
    parts.prop_map(|(principal, identity, valid_until, authority)| Envelope {
        principal,
        identity,
        valid_until,
        authority: authority.map(Box::new),
    })
}

fn index() -> impl Strategy<Value = u32> {
    prop_oneof![0..300_u32, any::<u32>(), Just(u32::MAX)]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..300_u64, any::<u64>(), Just(u64::MAX)]
}

fn signed() -> impl Strategy<Value = i64> {
    prop_oneof![-200..200_i64, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
}

fn principal() -> impl Strategy<Value = PrincipalId> {
    index().prop_map(PrincipalId::new)
}

fn text<const N: usize>() -> impl Strategy<Value = Text<N>> {
    // Any characters; cut at the last whole one that fits.
    ".{0,100}".prop_map(|text: String| {
        let fits = (0..=text.len().min(N))
            .rev()
            .find(|end| text.is_char_boundary(*end));
        Text::new(&text[..fits.expect("0 is a boundary")]).expect("it was cut")
    })
}

fn identity() -> impl Strategy<Value = Identity> {
    let session = (index().prop_map(SessionId::new), number());
    prop_oneof![
        Just(Identity::Internal),
        session.prop_map(|(session, client_sequence)| Identity::Session {
            session,
            client_sequence,
        }),
        text().prop_map(Identity::Request),
    ]
}

fn authority() -> impl Strategy<Value = Authority> {
    let parts = (option::of(principal()), ".{0,200}", option::of(principal()));
    parts.prop_map(|(on_behalf_of, reason, approver)| Authority {
        on_behalf_of,
        reason,
        approver,
    })
}

fn price() -> impl Strategy<Value = Price> {
    let max = Price::MAX_TICKS;
    let ticks = prop_oneof![-100..100_i64, -max..=max, Just(max), Just(-max)];
    ticks.prop_map(|ticks| Price::new(ticks).expect("in bounds"))
}

fn quantity() -> impl Strategy<Value = Quantity> {
    let max = Quantity::MAX_LOTS;
    let lots = prop_oneof![0..100_i64, 0..=max, Just(max)];
    lots.prop_map(|lots| Quantity::new(lots).expect("in bounds"))
}

fn side() -> impl Strategy<Value = Side> {
    select(vec![Side::Buy, Side::Sell])
}

fn account() -> impl Strategy<Value = AccountId> {
    index().prop_map(AccountId::new)
}

fn instrument() -> impl Strategy<Value = InstrumentId> {
    index().prop_map(InstrumentId::new)
}

fn venue() -> impl Strategy<Value = VenueId> {
    index().prop_map(VenueId::new)
}

fn phase() -> impl Strategy<Value = Phase> {
    select(Phase::ALL.to_vec())
}

fn order_id() -> impl Strategy<Value = OrderId> {
    (number(), index()).prop_map(|(sequence, slot)| OrderId { sequence, slot })
}

fn order_type() -> impl Strategy<Value = OrderType> {
    let posting = select(vec![Posting::MayTake, Posting::PostOnly]);
    let limit = (price(), option::of(quantity()), posting);
    prop_oneof![
        limit.prop_map(
            |(price, display_quantity, posting)| OrderType::Limit(LimitTerms {
                price,
                display_quantity,
                posting,
            })
        ),
        option::of(price()).prop_map(|protection| OrderType::Market { protection }),
        option::of(price()).prop_map(|protection| OrderType::MarketToLimit { protection }),
        (price(), option::of(price())).prop_map(|(stop_price, protection)| OrderType::Stop {
            stop_price,
            protection,
        }),
        (price(), price())
            .prop_map(|(stop_price, price)| OrderType::StopLimit { stop_price, price }),
    ]
}

fn time_in_force() -> impl Strategy<Value = TimeInForce> {
    let plain = vec![
        TimeInForce::Day,
        TimeInForce::GoodTillCancel,
        TimeInForce::ImmediateOrCancel,
        TimeInForce::FillOrKill,
        TimeInForce::Opening,
        TimeInForce::Closing,
    ];
    prop_oneof![select(plain), time().prop_map(TimeInForce::GoodTillDate)]
}

fn new_order() -> impl Strategy<Value = NewOrder> {
    let prevention = select(vec![
        SelfTradePrevention::None,
        SelfTradePrevention::CancelTaker,
        SelfTradePrevention::CancelMaker,
        SelfTradePrevention::CancelBoth,
        SelfTradePrevention::Decrement,
    ]);
    let who = (account(), instrument(), side());
    let how = (
        order_type(),
        time_in_force(),
        option::of(quantity()),
        prevention,
    );
    (who, quantity(), how).prop_map(|(who, quantity, how)| NewOrder {
        account: who.0,
        instrument: who.1,
        side: who.2,
        quantity,
        order_type: how.0,
        time_in_force: how.1,
        min_quantity: how.2,
        self_trade_prevention: how.3,
    })
}

fn order_body() -> impl Strategy<Value = Body> {
    let changes = (
        option::of(price()),
        option::of(price()),
        option::of(quantity()),
    );
    let replace = (account(), order_id(), changes);
    let mass = (account(), option::of(instrument()), option::of(side()));
    prop_oneof![
        new_order().prop_map(Body::NewOrder),
        (account(), order_id())
            .prop_map(|(account, order)| Body::CancelOrder(CancelOrder { account, order })),
        replace.prop_map(
            |(account, order, changes)| Body::ReplaceOrder(ReplaceOrder {
                account,
                order,
                price: changes.0,
                stop_price: changes.1,
                quantity: changes.2,
            })
        ),
        mass.prop_map(|(account, instrument, side)| Body::MassCancel(MassCancel {
            account,
            instrument,
            side,
        })),
    ]
}

/// A body.
pub fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        6 => order_body(),
        1 => market::party_body(),
        2 => market::market_body(),
        1 => market::state_body(),
        2 => money::money_body(),
        1 => market::switch_body(),
        1 => market::duty_body(),
        1 => money::receipts_body(),
        1 => money::correction_body(),
        1 => money::credit_body(),
        1 => money::settlement_body(),
        1 => money::margin_body(),
        1 => sales::sales_body(),
        1 => sales::contract_body(),
        1 => baskets::discount_body(),
        1 => baskets::basket_body(),
    ]
}
