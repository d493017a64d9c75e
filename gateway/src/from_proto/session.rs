//! The session's commands: whole ticks and lots, handles, contiguous numbers.
//!
//! Invariant: a batch is decoded whole or refused whole. A handle that does not exist is a command
//! all the same: the engine rejects it and the number is used. Not here: which number is expected
//! (`session`), credit.

use engine::command::{
    Body, CancelOrder, Command, ContractCommand, Envelope, Identity, MassCancel, OpenSession,
    ReplaceOrder, Reserve,
};
use engine::types::{
    AccountId, InstrumentId, Name, NewOrder, OfferId, OrderId, PrincipalId, SessionId,
};
use proto::v1;
use v1::session_command::Command as Wire;

use super::contracts::confirmed;
use super::fields::{Fields, Prefix};
use super::orders::{FieldNames, Terms, order_type, posting, time_in_force};
use super::switch;
use crate::directory::Tables;
use crate::errors::Failure;

/// The most bytes of a session's public id.
const SESSION_ID_BYTES_MAX: usize = 36;

const NAMES: FieldNames = FieldNames {
    price: "price_ticks",
    stop: "stop_ticks",
    protection: "protection_ticks",
    quantity: "quantity_lots",
    display: "display_lots",
    expire: "expire_time_ns",
};

/// The opening of a session, with its public id.
///
/// # Errors
/// A malformed session id.
pub fn open_session(
    request: &v1::OpenSession,
    principal: PrincipalId,
) -> Result<(Name, Command), Failure> {
    let text = request.session_id.as_str();
    let name = Name::new(text)
        .filter(|_| !text.is_empty() && text.len() <= SESSION_ID_BYTES_MAX)
        .ok_or_else(|| Failure::field("open.session_id", "must have 1 to 36 bytes"))?;
    let command = Command {
        envelope: Envelope {
            principal,
            identity: Identity::Internal,
            valid_until: None,
            authority: None,
        },
        body: Body::OpenSession(OpenSession {
            name,
            last_client_sequence: request.last_client_sequence,
        }),
    };
    Ok((name, command))
}

/// The commands of a batch. The numbers must be contiguous; the first may be any.
///
/// # Errors
/// Malformed fields of any command.
pub fn session_batch(
    batch: &v1::SessionBatch,
    session: SessionId,
    principal: PrincipalId,
) -> Result<Vec<Command>, Failure> {
    let tables = Tables::default();
    let mut fields = Fields::new(&tables, Prefix::Command(0, ""));
    let mut commands = Vec::with_capacity(batch.commands.len());
    let first = batch.commands.first().map_or(0, |one| one.client_sequence);
    for (place, wire) in batch.commands.iter().enumerate() {
        fields.enter(Prefix::Command(place, ""));
        let expected = first.saturating_add(place as u64);
        if wire.client_sequence != expected || expected == 0 {
            fields.wrong(
                "client_sequence",
                format!("is {}; numbers rise by one from 1", wire.client_sequence),
            );
        }
        let valid_until = fields.time_ns("valid_until_ns", wire.valid_until_ns);
        let Some(body) = body(&mut fields, (place, session), wire.command.as_ref()) else {
            continue;
        };
        commands.push(Command {
            envelope: Envelope {
                principal,
                identity: Identity::Session {
                    session,
                    client_sequence: wire.client_sequence,
                },
                valid_until,
                authority: None,
            },
            body,
        });
    }
    if batch.commands.is_empty() {
        fields.wrong("", "a batch holds at least one command");
    }
    fields.finish(Some(commands))
}

fn body(
    fields: &mut Fields<'_>,
    (place, session): (usize, SessionId),
    wire: Option<&Wire>,
) -> Option<Body> {
    match wire {
        Some(Wire::NewOrder(order)) => {
            fields.enter(Prefix::Command(place, "new_order"));
            new_order(fields, order).map(Body::NewOrder)
        }
        Some(Wire::Cancel(cancel)) => {
            fields.enter(Prefix::Command(place, "cancel"));
            Some(Body::CancelOrder(CancelOrder {
                account: account(fields, cancel.account)?,
                order: order(cancel.order_sequence, cancel.order_slot),
            }))
        }
        Some(Wire::Replace(replace)) => {
            fields.enter(Prefix::Command(place, "replace"));
            self::replace(fields, replace)
        }
        Some(Wire::MassCancel(mass)) => {
            fields.enter(Prefix::Command(place, "mass_cancel"));
            Some(Body::MassCancel(MassCancel {
                account: account(fields, mass.account)?,
                instrument: mass.instrument.map(InstrumentId::new),
                side: fields.optional_side("side", mass.side),
            }))
        }
        Some(Wire::ArmDeadMan(arm)) => Some(switch::arm(session, arm.timeout_ms)),
        Some(Wire::Reserve(wire)) => {
            fields.enter(Prefix::Command(place, "reserve"));
            reserve(fields, wire)
        }
        None => {
            fields.wrong("command", "is not given; one of the six kinds is required");
            None
        }
    }
}

const fn order(sequence: u64, slot: u32) -> OrderId {
    OrderId { sequence, slot }
}

fn account(fields: &mut Fields<'_>, handle: Option<u32>) -> Option<AccountId> {
    if handle.is_none() {
        fields.wrong("account", "is not given; the account's handle is required");
    }
    handle.map(AccountId::new)
}

fn new_order(fields: &mut Fields<'_>, wire: &v1::SessionNewOrder) -> Option<NewOrder> {
    use v1::OrderType as W;
    let kind = W::try_from(wire.order_type).unwrap_or(W::Unspecified);
    let priced = matches!(kind, W::Limit | W::StopLimit);
    let stopped = matches!(kind, W::Stop | W::StopLimit);
    let account = account(fields, wire.account);
    if wire.instrument.is_none() {
        fields.wrong(
            "instrument",
            "is not given; the instrument's handle is required",
        );
    }
    let side = fields.side("side", wire.side);
    let terms = Terms {
        order_type: wire.order_type,
        time_in_force: wire.time_in_force,
        price: given(wire.price_ticks, priced).and_then(|t| fields.ticks("price_ticks", t)),
        stop: given(wire.stop_ticks, stopped).and_then(|t| fields.ticks("stop_ticks", t)),
        protection: wire
            .protection_ticks
            .and_then(|ticks| fields.ticks("protection_ticks", ticks)),
        display: given(wire.display_lots, false).and_then(|l| fields.lots("display_lots", l)),
        expire: fields.time_ns("expire_time_ns", wire.expire_time_ns),
        posting: posting(wire.post_only),
    };
    let quantity = fields.lots(NAMES.quantity, wire.quantity_lots);
    let min_quantity = given(wire.min_lots, false).and_then(|l| fields.lots("min_lots", l));
    let prevention =
        fields.self_trade_prevention("self_trade_prevention", wire.self_trade_prevention);
    let order_type = order_type(fields, &terms, &NAMES);
    let time_in_force = time_in_force(fields, &terms, &NAMES);
    Some(NewOrder {
        account: account?,
        instrument: InstrumentId::new(wire.instrument?),
        side: side?,
        quantity: quantity?,
        order_type: order_type?,
        time_in_force: time_in_force?,
        min_quantity,
        self_trade_prevention: prevention?,
    })
}

fn reserve(fields: &mut Fields<'_>, wire: &v1::SessionReserve) -> Option<Body> {
    let account = account(fields, wire.account);
    let pickup = match (wire.pickup_hash_high, wire.pickup_hash_low) {
        (Some(high), Some(low)) => Some(sixteen(high, low)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            fields.wrong("pickup_hash_low", "both halves are required, or neither");
            return None;
        }
    };
    Some(Body::Contract(ContractCommand::Reserve(Reserve {
        offer: OfferId {
            sequence: wire.offer_sequence,
            slot: wire.offer_slot,
        },
        version: wire.offer_version,
        account: account?,
        pieces: wire.pieces,
        delivery_reference: sixteen(wire.delivery_reference_high, wire.delivery_reference_low),
        pickup,
        confirmed: confirmed(wire.confirms_unsuitable),
    })))
}

/// Sixteen bytes of two halves.
fn sixteen(high: u64, low: u64) -> [u8; 16] {
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// Zero is "not given", unless the field is needed.
fn given(value: i64, needed: bool) -> Option<i64> {
    (needed || value != 0).then_some(value)
}

fn replace(fields: &mut Fields<'_>, wire: &v1::SessionReplace) -> Option<Body> {
    let account = account(fields, wire.account);
    let price = wire
        .price_ticks
        .and_then(|ticks| fields.ticks("price_ticks", ticks));
    let stop_price = wire
        .stop_ticks
        .and_then(|ticks| fields.ticks("stop_ticks", ticks));
    let quantity =
        given(wire.quantity_lots, false).and_then(|lots| fields.lots("quantity_lots", lots));
    if wire.price_ticks.is_none() && wire.stop_ticks.is_none() && wire.quantity_lots == 0 {
        fields.wrong(
            "price_ticks",
            "a new price, trigger or quantity is required",
        );
    }
    Some(Body::ReplaceOrder(ReplaceOrder {
        account: account?,
        order: order(wire.order_sequence, wire.order_slot),
        price,
        stop_price,
        quantity,
    }))
}
