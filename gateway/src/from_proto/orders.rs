//! Orders of unary calls and batches, and the rules of shape they share with the session.
//!
//! Invariant: each order type takes exactly its own fields; a field it does not have must be
//! empty, so that no instruction is silently ignored. Not here: which combinations make sense
//! (INVALID_COMBINATION is the engine's).

use engine::command::{Body, CancelOrder, Command, Envelope, Identity, MassCancel, ReplaceOrder};
use engine::types::{
    ClientId, LimitTerms, NewOrder, OrderId, OrderType, Posting, Price, PrincipalId, Quantity,
    Time, TimeInForce,
};
use proto::v1;

use super::fields::{Fields, Prefix, at};
use crate::directory::Tables;
use crate::errors::Failure;

/// What fields are called in errors: unary calls and the session name them differently.
pub(super) struct FieldNames {
    pub price: &'static str,
    pub stop: &'static str,
    pub protection: &'static str,
    pub quantity: &'static str,
    pub display: &'static str,
    pub expire: &'static str,
}

const UNARY: FieldNames = FieldNames {
    price: "price",
    stop: "stop_price",
    protection: "protection_price",
    quantity: "quantity",
    display: "display_quantity",
    expire: "expire_time",
};

/// The terms of an order as read, before they are put together.
pub(super) struct Terms {
    pub order_type: i32,
    pub time_in_force: i32,
    pub price: Option<Price>,
    pub stop: Option<Price>,
    pub protection: Option<Price>,
    pub display: Option<Quantity>,
    pub expire: Option<Time>,
    pub posting: Posting,
}

/// A new order.
///
/// # Errors
/// Malformed fields; an account or instrument that does not exist.
pub fn submit(
    request: &v1::SubmitOrderRequest,
    tables: &Tables,
    principal: PrincipalId,
    prefix: Prefix,
) -> Result<Command, Failure> {
    let mut fields = Fields::new(tables, prefix);
    let id = fields.client_id("client_order_id", &request.client_order_id);
    let account = fields.account("account_id", &request.account_id);
    let instrument = fields.instrument("instrument_id", &request.instrument_id);
    let side = fields.side("side", request.side);
    let prevention =
        fields.self_trade_prevention("self_trade_prevention", request.self_trade_prevention);
    let valid_until = fields.time("valid_until", request.valid_until.as_ref());
    let body = at(tables, instrument).and_then(|terms| {
        let quantity = fields.quantity("quantity", &request.quantity, &terms);
        if request.quantity.is_empty() {
            fields.wrong("quantity", "is empty; a quantity above zero is required");
        }
        let read = Terms {
            order_type: request.order_type,
            time_in_force: request.time_in_force,
            price: fields.price("price", &request.price, &terms),
            stop: fields.price("stop_price", &request.stop_price, &terms),
            protection: fields.price("protection_price", &request.protection_price, &terms),
            display: fields.quantity("display_quantity", &request.display_quantity, &terms),
            expire: fields.time("expire_time", request.expire_time.as_ref()),
            posting: posting(request.post_only),
        };
        let min_quantity = fields.quantity("min_quantity", &request.min_quantity, &terms);
        Some(Body::NewOrder(NewOrder {
            account: account?,
            instrument: instrument?,
            side: side?,
            quantity: quantity?,
            order_type: order_type(&mut fields, &read, &UNARY)?,
            time_in_force: time_in_force(&mut fields, &read, &UNARY)?,
            min_quantity,
            self_trade_prevention: prevention?,
        }))
    });
    if at(tables, instrument).is_none() {
        shape_without_terms(&mut fields, request);
    }
    fields.finish(command(principal, id, valid_until, body))
}

/// With no instrument the numbers cannot be read, but the rest of the shape can be judged.
fn shape_without_terms(fields: &mut Fields<'_>, request: &v1::SubmitOrderRequest) {
    for (field, text) in [
        ("price", &request.price),
        ("stop_price", &request.stop_price),
        ("protection_price", &request.protection_price),
        ("quantity", &request.quantity),
        ("display_quantity", &request.display_quantity),
        ("min_quantity", &request.min_quantity),
    ] {
        fields.decimal(field, text, 9);
    }
}

/// An order as a request names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderName {
    /// By the exchange's id.
    Id(OrderId),
    /// By the id it was submitted with.
    Client(ClientId),
}

/// Which order a request names.
///
/// # Errors
/// None is named, or the name is malformed.
pub fn order_name(
    order_id: Option<&str>,
    client_order_id: Option<(&'static str, &str)>,
    prefix: Prefix,
) -> Result<OrderName, Failure> {
    let tables = Tables::default();
    let mut fields = Fields::new(&tables, prefix);
    let name = match (order_id, client_order_id) {
        (Some(text), _) => {
            let id = self::order_id(text);
            if id.is_none() {
                fields.wrong(
                    "order_id",
                    "is no id this exchange gave; copy it from a report",
                );
            }
            id.map(OrderName::Id)
        }
        (None, Some((field, text))) => fields.client_id(field, text).map(OrderName::Client),
        (None, None) => {
            fields.wrong("order", "is not given; name the order by one of its ids");
            None
        }
    };
    fields.finish(name)
}

/// An order's id from its opaque text.
pub fn order_id(text: &str) -> Option<OrderId> {
    let (sequence, slot) = text.split_once('-')?;
    let canonical = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !canonical(sequence) || !canonical(slot) {
        return None;
    }
    Some(OrderId {
        sequence: sequence.parse().ok()?,
        slot: slot.parse().ok()?,
    })
}

/// A cancel of `order`.
///
/// # Errors
/// Malformed fields; an account that does not exist.
pub fn cancel(
    request: &v1::CancelOrderRequest,
    order: OrderId,
    tables: &Tables,
    principal: PrincipalId,
    prefix: Prefix,
) -> Result<Command, Failure> {
    let mut fields = Fields::new(tables, prefix);
    let id = fields.client_id("client_order_id", &request.client_order_id);
    let account = fields.account("account_id", &request.account_id);
    let valid_until = fields.time("valid_until", request.valid_until.as_ref());
    let body = account.map(|account| Body::CancelOrder(CancelOrder { account, order }));
    fields.finish(command(principal, id, valid_until, body))
}

/// A replace of `order`, whose prices and quantities are in `instrument`'s terms.
///
/// # Errors
/// Malformed fields; an account or instrument that does not exist; nothing to change.
pub fn replace(
    request: &v1::ReplaceOrderRequest,
    order: OrderId,
    instrument: engine::types::InstrumentId,
    tables: &Tables,
    principal: PrincipalId,
    prefix: Prefix,
) -> Result<Command, Failure> {
    let mut fields = Fields::new(tables, prefix);
    let id = fields.client_id("client_order_id", &request.client_order_id);
    let account = fields.account("account_id", &request.account_id);
    let valid_until = fields.time("valid_until", request.valid_until.as_ref());
    let given = [&request.price, &request.stop_price, &request.quantity];
    if given.iter().all(|text| text.is_empty()) {
        fields.wrong("price", "a new price, stop_price or quantity is required");
    }
    let body = at(tables, Some(instrument)).and_then(|terms| {
        let price = fields.price("price", &request.price, &terms);
        let stop_price = fields.price("stop_price", &request.stop_price, &terms);
        let quantity = fields.quantity("quantity", &request.quantity, &terms);
        Some(Body::ReplaceOrder(ReplaceOrder {
            account: account?,
            order,
            price,
            stop_price,
            quantity,
        }))
    });
    fields.finish(command(principal, id, valid_until, body))
}

/// A mass cancel.
///
/// # Errors
/// Malformed fields; an account or instrument that does not exist.
pub fn mass_cancel(
    request: &v1::MassCancelRequest,
    tables: &Tables,
    principal: PrincipalId,
) -> Result<Command, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let id = fields.client_id("client_order_id", &request.client_order_id);
    let account = fields.account("account_id", &request.account_id);
    let instrument = if request.instrument_id.is_empty() {
        None
    } else {
        fields.instrument("instrument_id", &request.instrument_id)
    };
    let side = fields.optional_side("side", request.side);
    let valid_until = fields.time("valid_until", request.valid_until.as_ref());
    let body = account.map(|account| {
        Body::MassCancel(MassCancel {
            account,
            instrument,
            side,
        })
    });
    fields.finish(command(principal, id, valid_until, body))
}

pub(super) fn command(
    principal: PrincipalId,
    id: Option<ClientId>,
    valid_until: Option<Time>,
    body: Option<Body>,
) -> Option<Command> {
    Some(Command {
        envelope: Envelope {
            principal,
            identity: Identity::Request(id?),
            valid_until,
            authority: None,
        },
        body: body?,
    })
}

/// Whether a post-only flag lets an order take.
pub(super) const fn posting(post_only: bool) -> Posting {
    if post_only {
        Posting::PostOnly
    } else {
        Posting::MayTake
    }
}

/// The order type with its own fields; faults for the fields it does not have.
pub(super) fn order_type(
    fields: &mut Fields<'_>,
    terms: &Terms,
    names: &FieldNames,
) -> Option<OrderType> {
    use v1::OrderType as W;
    let Ok(kind) = W::try_from(terms.order_type) else {
        let value = terms.order_type;
        fields.wrong(
            "order_type",
            format!("{value} is no order type; 1 to 5 are"),
        );
        return None;
    };
    let word = kind.as_str_name().trim_start_matches("ORDER_TYPE_");
    let priced = matches!(kind, W::Limit | W::StopLimit);
    let stopped = matches!(kind, W::Stop | W::StopLimit);
    let protected = matches!(kind, W::Market | W::MarketToLimit | W::Stop);
    if kind == W::Unspecified {
        fields.wrong(
            "order_type",
            "is not given; for example ORDER_TYPE_LIMIT is right",
        );
        return None;
    }
    belongs(fields, names.price, word, terms.price.is_some(), priced);
    belongs(fields, names.stop, word, terms.stop.is_some(), stopped);
    belongs(
        fields,
        names.protection,
        word,
        terms.protection.is_some(),
        protected,
    );
    let limit = kind == W::Limit;
    belongs(fields, names.display, word, terms.display.is_some(), limit);
    belongs(
        fields,
        "post_only",
        word,
        terms.posting == Posting::PostOnly,
        limit,
    );
    if priced && terms.price.is_none() {
        fields.wrong(names.price, format!("is not given; {word} needs a price"));
    }
    if stopped && terms.stop.is_none() {
        fields.wrong(names.stop, format!("is not given; {word} needs a trigger"));
    }
    let protection = terms.protection;
    match kind {
        W::Unspecified => None,
        W::Limit => Some(OrderType::Limit(LimitTerms {
            price: terms.price?,
            display_quantity: terms.display,
            posting: terms.posting,
        })),
        W::Market => Some(OrderType::Market { protection }),
        W::MarketToLimit => Some(OrderType::MarketToLimit { protection }),
        W::Stop => Some(OrderType::Stop {
            stop_price: terms.stop?,
            protection,
        }),
        W::StopLimit => Some(OrderType::StopLimit {
            stop_price: terms.stop?,
            price: terms.price?,
        }),
    }
}

/// A fault if the field is given and the order type has none such.
fn belongs(fields: &mut Fields<'_>, field: &str, word: &str, given: bool, allowed: bool) {
    if given && !allowed {
        fields.wrong(field, format!("{word} has none; leave it empty"));
    }
}

/// The time in force; unspecified is DAY.
pub(super) fn time_in_force(
    fields: &mut Fields<'_>,
    terms: &Terms,
    names: &FieldNames,
) -> Option<TimeInForce> {
    use v1::TimeInForce as W;
    let kind = W::try_from(terms.time_in_force);
    if terms.expire.is_some() && kind != Ok(W::Gtd) {
        fields.wrong(names.expire, "only GTD has one; leave it empty");
    }
    match kind {
        Ok(W::Unspecified | W::Day) => Some(TimeInForce::Day),
        Ok(W::Gtc) => Some(TimeInForce::GoodTillCancel),
        Ok(W::Opening) => Some(TimeInForce::Opening),
        Ok(W::Ioc) => Some(TimeInForce::ImmediateOrCancel),
        Ok(W::Fok) => Some(TimeInForce::FillOrKill),
        Ok(W::Closing) => Some(TimeInForce::Closing),
        Ok(W::Gtd) => {
            if terms.expire.is_none() {
                fields.wrong(
                    names.expire,
                    "is not given; GTD needs the instant of expiry",
                );
            }
            terms.expire.map(TimeInForce::GoodTillDate)
        }
        Err(_) => {
            let value = terms.time_in_force;
            fields.wrong("time_in_force", format!("{value} is none; 1 to 7 are"));
            None
        }
    }
}
