//! Commands as bytes, version 1: small for the hot ones, strict for all.
//!
//! ```text
//! type u8 | version u8 | length varint | then `length` bytes:
//! time varint: since the command before | marks u8 | principal varint | identity | valid_until |
//! authority | body
//! marks: bits 0-1 identity (0 internal, 1 session, 2 request), 2 valid_until, 3 authority
//! ```
//! An absent part costs its bit. The sequence is the place in the batch. Instants beside the
//! command's own time are coded as the difference to it.
//!
//! Invariant: every command has exactly one form, whatever its values; bytes that decode encode to
//! the same bytes; no bytes make the reader panic or ask for more memory than they hold. So the
//! journal takes whatever the engine was given, also what the engine then rejects. Not here:
//! batches and checksums (`record`), whether a command makes sense (`engine`).

pub(crate) mod border;
mod clearing;
mod contracts;
mod correction;
mod credit;
pub(crate) mod discounts;
mod limits;
pub(crate) mod margin;
mod operations;
mod orders;
mod receipts;
pub(crate) mod regimes;
pub(crate) mod sales;
pub(crate) mod settlement;
mod standing;
mod switch;

pub(crate) use switch::{put_scope, scope};

use std::cell::RefCell;
use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

use crate::bytes::{self, BytesError, Reader};
use crate::command::{
    Authority, Body, Command, ContractCommand, Envelope, Identity, SalesCommand, Sequenced,
};
use crate::types::{PrincipalId, Sequence, SessionId, Time};

/// The version of every type of command this build writes.
pub const VERSION: u8 = 1;

const IDENTITY: u8 = 0b0000_0011;
const VALID_UNTIL: u8 = 0b0000_0100;
const AUTHORITY: u8 = 0b0000_1000;
const ON_BEHALF_OF: u8 = 0b0000_0001;
const APPROVER: u8 = 0b0000_0010;

macro_rules! types {
    ($($name:ident = $code:literal,)*) => {
        /// The types of commands by their numbers, which never change.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        enum Type { $($name = $code,)* }

        impl Type {
            const ALL: &'static [Self] = &[$(Self::$name,)*];
            const LAST: Self = Self::ALL[Self::ALL.len() - 1];

            const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

types! {
    NewOrder = 1,
    CancelOrder = 2,
    ReplaceOrder = 3,
    MassCancel = 4,
    OpenSession = 5,
    CreateParticipant = 6,
    CreateOwner = 7,
    CreateAccount = 8,
    SetCalendar = 9,
    CreateVenue = 10,
    CreateInstrument = 11,
    SetSchedule = 12,
    SetPhase = 13,
    SetTradingStatus = 14,
    SetReferencePrice = 15,
    SetLimits = 16,
    AcceptClock = 17,
    Tick = 18,
    SessionsLost = 19,
    SemanticsVersion = 20,
    BeginEpoch = 21,
    Quarantine = 22,
    CreateAsset = 23,
    CreateCustodian = 24,
    SetClearing = 25,
    SetFees = 26,
    SetTier = 27,
    Instruct = 28,
    Acknowledge = 29,
    CloseCustodyDate = 30,
    Standing = 31,
    Switch = 32,
    Limits = 33,
    Credit = 34,
    Settlement = 35,
    Correction = 36,
    Receipts = 37,
    Margin = 38,
    Sales = 39,
    Contract = 40,
    ServiceGap = 41,
    DefineRegime = 42,
    MoveVenue = 43,
    SetAnnualUse = 44,
    DefineDiscount = 45,
    Basket = 46,
}

impl Type {
    const fn of(body: &Body) -> Self {
        match body {
            Body::NewOrder(_) => Self::NewOrder,
            Body::CancelOrder(_) => Self::CancelOrder,
            Body::ReplaceOrder(_) => Self::ReplaceOrder,
            Body::MassCancel(_) => Self::MassCancel,
            Body::OpenSession(_) => Self::OpenSession,
            Body::CreateParticipant(_) => Self::CreateParticipant,
            Body::CreateOwner(_) => Self::CreateOwner,
            Body::CreateAccount(_) => Self::CreateAccount,
            Body::SetCalendar(_) => Self::SetCalendar,
            Body::CreateVenue(_) => Self::CreateVenue,
            Body::CreateInstrument(_) => Self::CreateInstrument,
            Body::SetSchedule(_) => Self::SetSchedule,
            Body::SetPhase(_) => Self::SetPhase,
            Body::SetTradingStatus(_) => Self::SetTradingStatus,
            Body::SetReferencePrice(_) => Self::SetReferencePrice,
            Body::SetLimits(_) => Self::SetLimits,
            Body::AcceptClock(_) => Self::AcceptClock,
            Body::Tick => Self::Tick,
            Body::SessionsLost => Self::SessionsLost,
            Body::ServiceGap(_) => Self::ServiceGap,
            Body::SemanticsVersion(_) => Self::SemanticsVersion,
            Body::BeginEpoch(_) => Self::BeginEpoch,
            Body::Quarantine(_) => Self::Quarantine,
            Body::CreateAsset(_) => Self::CreateAsset,
            Body::CreateCustodian(_) => Self::CreateCustodian,
            Body::SetClearing(_) => Self::SetClearing,
            Body::SetFees(_) => Self::SetFees,
            Body::SetTier(_) => Self::SetTier,
            Body::Instruct(_) => Self::Instruct,
            Body::Acknowledge(_) => Self::Acknowledge,
            Body::CloseCustodyDate(_) => Self::CloseCustodyDate,
            Body::Standing(_) => Self::Standing,
            Body::Switch(_) => Self::Switch,
            Body::Limits(_) => Self::Limits,
            Body::Receipts(_) => Self::Receipts,
            Body::Correction(_) => Self::Correction,
            Body::Credit(_) => Self::Credit,
            Body::Settlement(_) => Self::Settlement,
            Body::Margin(_) => Self::Margin,
            Body::Sales(command) if matches!(**command, SalesCommand::DefineDiscount(_)) => {
                Self::DefineDiscount
            }
            Body::Sales(_) => Self::Sales,
            Body::Contract(ContractCommand::Basket(_)) => Self::Basket,
            Body::Contract(_) => Self::Contract,
            Body::DefineRegime(_) => Self::DefineRegime,
            Body::MoveVenue(_) => Self::MoveVenue,
            Body::SetAnnualUse(_) => Self::SetAnnualUse,
        }
    }

    /// The type with this number.
    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().find(|one| **one as u8 == code).copied()
    }
}

/// Why bytes are not a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodecError {
    /// No such type of command.
    UnknownType {
        /// Its number.
        code: u8,
        /// Its version.
        version: u8,
    },
    /// A known type in a version that this build cannot read.
    UnknownVersion {
        /// The type.
        name: &'static str,
        /// The version.
        version: u8,
    },
    /// The bytes of a command break a rule of the format.
    Command {
        /// The type.
        name: &'static str,
        /// How.
        error: BytesError,
    },
    /// The bytes between commands break a rule of the format.
    Frame(BytesError),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = env!("CARGO_PKG_VERSION");
        match self {
            Self::UnknownType { code: 0, version } => write!(
                f,
                "command type 0, version {version}: no release has written it"
            ),
            Self::UnknownType { code, version } => write!(
                f,
                "command type {code}, version {version}, is not known to this release ({release}), \
                 which reads types 1 to {}; a later release may have written it",
                Type::LAST as u8
            ),
            Self::UnknownVersion { name, version: 0 } => {
                write!(f, "command {name}, version 0: no release has written it")
            }
            Self::UnknownVersion { name, version } => write!(
                f,
                "command {name}, version {version}, is not known to this release ({release}), \
                 which reads versions 1 to {VERSION}; a later release may have written it"
            ),
            Self::Command { name, error } => write!(f, "command {name}: {error}"),
            Self::Frame(error) => write!(f, "between commands: {error}"),
        }
    }
}

impl std::error::Error for CodecError {}

/// Adds `command` to `out`; `previous` is the time of the command before it.
pub fn encode(out: &mut Vec<u8>, previous: Time, command: &Sequenced<Command>) {
    let since = command.time.nanoseconds() - previous.nanoseconds();
    assert!(since >= 0, "the time of commands never falls");
    bytes::put_u8(out, Type::of(&command.value.body) as u8);
    bytes::put_u8(out, VERSION);
    let start = out.len();
    bytes::put_u8(out, 0);
    bytes::put_varint(out, since as u64);
    put_command(
        out,
        command.time,
        &command.value,
        command.value.envelope.identity,
    );
    put_length(out, start);
}

/// Writes the length of what follows the one byte at `start` into it; a length that needs more
/// bytes (only cold commands do) moves what follows.
fn put_length(out: &mut Vec<u8>, start: usize) {
    let end = out.len();
    bytes::put_varint(out, (end - start - 1) as u64);
    let width = out.len() - end;
    out.copy_within(start + 1..end, start + width);
    out.truncate(start + width + (end - start - 1));
    let mut length = (end - start - 1) as u64;
    for (place, byte) in out[start..start + width].iter_mut().enumerate() {
        let more = if place + 1 < width { 0x80 } else { 0 };
        *byte = (length & 0x7f) as u8 | more;
        length >>= 7;
    }
}

thread_local! {
    // Room to write a payload in, so that hashing one allocates nothing after the first.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The hash by which a retry is known to ask the same: all of the command but its identity. It is
/// in the snapshot, so the form behind it only changes together with the semantics version.
pub fn payload_hash(command: &Command) -> u128 {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        bytes::put_u8(scratch, Type::of(&command.body) as u8);
        put_command(scratch, Time::ZERO, command, Identity::Internal);
        xxh3_128(scratch)
    })
}

/// Envelope and body; instants relative to `time`.
fn put_command(out: &mut Vec<u8>, time: Time, command: &Command, identity: Identity) {
    let envelope = &command.envelope;
    let mut marks = match identity {
        Identity::Internal => 0,
        Identity::Session { .. } => 1,
        Identity::Request(_) => 2,
    };
    if envelope.valid_until.is_some() {
        marks |= VALID_UNTIL;
    }
    if envelope.authority.is_some() {
        marks |= AUTHORITY;
    }
    bytes::put_u8(out, marks);
    bytes::put_varint(out, u64::from(envelope.principal.index()));
    match identity {
        Identity::Internal => {}
        Identity::Session {
            session,
            client_sequence,
        } => {
            bytes::put_varint(out, u64::from(session.index()));
            bytes::put_varint(out, client_sequence);
        }
        Identity::Request(id) => bytes::put_text(out, &id),
    }
    if let Some(until) = envelope.valid_until {
        put_instant(out, time, until);
    }
    if let Some(authority) = &envelope.authority {
        put_authority(out, authority);
    }
    operations::put(out, time, &command.body);
}

fn put_authority(out: &mut Vec<u8>, authority: &Authority) {
    let mut marks = 0;
    if authority.on_behalf_of.is_some() {
        marks |= ON_BEHALF_OF;
    }
    if authority.approver.is_some() {
        marks |= APPROVER;
    }
    bytes::put_u8(out, marks);
    for principal in [authority.on_behalf_of, authority.approver]
        .into_iter()
        .flatten()
    {
        bytes::put_varint(out, u64::from(principal.index()));
    }
    bytes::put_bytes(out, authority.reason.as_bytes());
}

/// An instant as the difference to the command's time.
fn put_instant(out: &mut Vec<u8>, time: Time, instant: Time) {
    bytes::put_zigzag(out, instant.nanoseconds() - time.nanoseconds());
}

/// Reads the commands of one batch, and nothing but them.
///
/// # Errors
/// A command that cannot be read, fewer or more than `count`.
pub fn decode_batch(
    body: &[u8],
    base_time: Time,
    first: Sequence,
    count: u32,
) -> Result<Vec<Sequenced<Command>>, CodecError> {
    let mut input = Reader::new(body);
    // A command is at least its type, its version and its length.
    let room = (count as usize).min(body.len() / 3);
    let mut commands = Vec::with_capacity(room);
    let (mut sequence, mut time) = (first, base_time);
    for _ in 0..count {
        let command = decode(&mut input, time, sequence)?;
        time = command.time;
        sequence = sequence.next();
        commands.push(command);
    }
    input.finish().map_err(CodecError::Frame)?;
    Ok(commands)
}

/// Whether a body of commands begins with a `BeginEpoch`, without reading it.
pub(crate) fn begins_with_epoch(body: &[u8]) -> bool {
    body.first() == Some(&(Type::BeginEpoch as u8))
}

/// Whether a body of commands begins with a `SemanticsVersion`, without reading it.
pub(crate) fn begins_with_semantics(body: &[u8]) -> bool {
    body.first() == Some(&(Type::SemanticsVersion as u8))
}

/// Whether a body of commands begins with a `Quarantine`, without reading it.
pub(crate) fn begins_with_quarantine(body: &[u8]) -> bool {
    body.first() == Some(&(Type::Quarantine as u8))
}

/// Reads one command written by [`encode`] with the same `previous`.
///
/// # Errors
/// Bytes that this release does not write.
pub fn decode(
    input: &mut Reader<'_>,
    previous: Time,
    sequence: Sequence,
) -> Result<Sequenced<Command>, CodecError> {
    let code = input.u8().map_err(CodecError::Frame)?;
    let version = input.u8().map_err(CodecError::Frame)?;
    let Some(kind) = Type::from_code(code) else {
        return Err(CodecError::UnknownType { code, version });
    };
    let name = kind.as_str();
    if version != VERSION {
        return Err(CodecError::UnknownVersion { name, version });
    }
    let bytes = input.bytes(usize::MAX, "the length of a command");
    let mut input = Reader::new(bytes.map_err(CodecError::Frame)?);
    let decoded = get_command(&mut input, previous, kind);
    let (time, value) = decoded
        .and_then(|decoded| input.finish().map(|()| decoded))
        .map_err(|error| CodecError::Command { name, error })?;
    Ok(Sequenced {
        sequence,
        time,
        value,
    })
}

fn get_command(
    input: &mut Reader<'_>,
    previous: Time,
    kind: Type,
) -> Result<(Time, Command), BytesError> {
    let since = i64::try_from(input.varint()?).map_err(|_| BytesError::range("time"))?;
    let time = previous
        .nanoseconds()
        .checked_add(since)
        .and_then(Time::new);
    let time = time.ok_or(BytesError::range("time"))?;
    let marks = input.u8()?;
    if marks & !(IDENTITY | VALID_UNTIL | AUTHORITY) != 0 {
        return Err(BytesError::range("the marks of an envelope"));
    }
    let principal = principal(input)?;
    let identity = match marks & IDENTITY {
        0 => Identity::Internal,
        1 => Identity::Session {
            session: SessionId::new(input.varint32("session")?),
            client_sequence: input.varint()?,
        },
        2 => Identity::Request(input.text()?),
        _ => return Err(BytesError::range("the kind of identity")),
    };
    let valid_until = (marks & VALID_UNTIL != 0)
        .then(|| instant(input, time, "valid_until"))
        .transpose()?;
    let authority = (marks & AUTHORITY != 0)
        .then(|| authority(input).map(Box::new))
        .transpose()?;
    let envelope = Envelope {
        principal,
        identity,
        valid_until,
        authority,
    };
    let body = get_body(input, time, kind)?;
    Ok((time, Command { envelope, body }))
}

fn authority(input: &mut Reader<'_>) -> Result<Authority, BytesError> {
    let marks = input.u8()?;
    if marks & !(ON_BEHALF_OF | APPROVER) != 0 {
        return Err(BytesError::range("the marks of an authority"));
    }
    let on_behalf_of = (marks & ON_BEHALF_OF != 0)
        .then(|| principal(input))
        .transpose()?;
    let approver = (marks & APPROVER != 0)
        .then(|| principal(input))
        .transpose()?;
    let reason = input.bytes(usize::MAX, "reason")?;
    let reason = std::str::from_utf8(reason).map_err(|_| BytesError::Utf8)?;
    Ok(Authority {
        on_behalf_of,
        reason: reason.to_owned(),
        approver,
    })
}

fn get_body(input: &mut Reader<'_>, time: Time, kind: Type) -> Result<Body, BytesError> {
    match kind {
        Type::NewOrder => orders::new(input, time).map(Body::NewOrder),
        Type::CancelOrder => orders::cancel(input).map(Body::CancelOrder),
        Type::ReplaceOrder => orders::replace(input).map(Body::ReplaceOrder),
        Type::MassCancel => orders::mass_cancel(input).map(Body::MassCancel),
        Type::OpenSession => operations::open_session(input),
        Type::CreateParticipant => operations::create_participant(input),
        Type::CreateOwner => operations::create_owner(input),
        Type::CreateAccount => operations::create_account(input),
        Type::SetCalendar => operations::set_calendar(input),
        Type::CreateVenue => operations::create_venue(input),
        Type::CreateInstrument => operations::create_instrument(input),
        Type::SetSchedule => operations::set_schedule(input),
        Type::SetPhase => operations::set_phase(input),
        Type::SetTradingStatus => operations::set_trading_status(input),
        Type::SetReferencePrice => operations::set_reference_price(input),
        Type::SetLimits => operations::set_limits(input),
        Type::AcceptClock => operations::accept_clock(input, time),
        Type::Tick => Ok(Body::Tick),
        Type::SessionsLost => Ok(Body::SessionsLost),
        Type::ServiceGap => operations::service_gap(input),
        Type::SemanticsVersion => {
            let version = input.varint32("semantics version")?;
            Ok(Body::SemanticsVersion(version))
        }
        Type::BeginEpoch => operations::begin_epoch(input),
        Type::Quarantine => operations::quarantine(input),
        Type::CreateAsset => clearing::create_asset(input),
        Type::CreateCustodian => clearing::create_custodian(input),
        Type::SetClearing => clearing::set_clearing(input),
        Type::SetFees => clearing::set_fees(input),
        Type::SetTier => clearing::set_tier(input),
        Type::Instruct => clearing::instruct(input),
        Type::Acknowledge => clearing::acknowledge(input),
        Type::CloseCustodyDate => clearing::close_custody_date(input),
        Type::Standing => standing::get(input).map(Body::Standing),
        Type::Switch => switch::get(input),
        Type::Limits => limits::get(input).map(Body::Limits),
        Type::Receipts => receipts::get(input),
        Type::Correction => correction::get(input).map(Body::Correction),
        Type::Credit => credit::get(input).map(Body::Credit),
        Type::Settlement => settlement::command(input),
        Type::Margin => margin::margin(input),
        Type::Sales => sales::get(input),
        Type::Contract => contracts::get(input),
        Type::DefineRegime => regimes::command(input),
        Type::MoveVenue => regimes::move_venue(input),
        Type::DefineDiscount => discounts::define(input),
        Type::Basket => discounts::basket(input),
        Type::SetAnnualUse => border::get(input),
    }
}

fn principal(input: &mut Reader<'_>) -> Result<PrincipalId, BytesError> {
    Ok(PrincipalId::new(input.varint32("principal")?))
}

/// Reads what [`put_instant`] wrote.
fn instant(input: &mut Reader<'_>, time: Time, field: &'static str) -> Result<Time, BytesError> {
    let instant = time.nanoseconds().checked_add(input.zigzag()?);
    let instant = instant.and_then(Time::new);
    instant.ok_or(BytesError::range(field))
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
