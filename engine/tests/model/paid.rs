//! Which cells of the rules about money and goods there are: commands taken and refused, what
//! became of instructions, fees and holds.
//!
//! Invariant: as in `coverage`. Not here: reject reasons, which are all in one group there.

use sanjiang_engine::command::{
    Body, CorrectionCommand, Direction, MarginCommand, SettlementCommand,
};
use sanjiang_engine::event::{CustodyReport, CustodyStatus};

use super::coverage::Cell;
use super::lend;

const COMMANDS: [&str; 15] = [
    "CreateAsset",
    "CreateCustodian",
    "SetClearing",
    "SetFees",
    "SetTier",
    "Instruct",
    "Acknowledge",
    "CloseCustodyDate",
    "Bust",
    "Correct",
    "SetSettlement",
    "SetMargin",
    "SetSettlementPrice",
    "Mark",
    "SetNominee",
];

const CUSTODY: [&str; 6] = [
    "deposit pending",
    "deposit executed",
    "deposit refused",
    "withdrawal pending",
    "withdrawal executed",
    "withdrawal refused",
];

/// What the reference says of fees and holds.
const REACHED: [&str; 18] = [
    "maker fee",
    "taker fee",
    "auction fee",
    "rebate",
    "raised rebate",
    "both rebates raised",
    "minimum fee",
    "capped fee",
    "fee per lot",
    "seller with money held",
    "trade at a negative price",
    "price improvement released",
    "set price lowers a hold",
    "decrement lowers a hold",
    "replace raises a hold",
    "replace lowers a hold",
    "a trade waits",
    "both legs wait in one row",
];

/// What the reference says of busts and corrections.
const CORRECTED: [&str; 11] = [
    "money is owed",
    "goods are owed",
    "repaid a part",
    "repaid all",
    "a live order traded less",
    "corrected rebate raised",
    "owed while some of it waits",
    "owed while some is drawn",
    "a bust takes what waits",
    "a bust takes what waits, then what is there",
    "a bust takes what waits, the rest is owed",
];

/// What the reference says of holders.
const HOLDERS: [&str; 9] = [
    "a bust ends a holding",
    "a bust passes a holding back",
    "a bust lets the other side trade",
    "a half brings a holder",
    "a receipt brings a holder",
    "a receipt's transfer brings a holder",
    "an owner counts once for two",
    "a nominee counts for several",
    "a list changes while its nominee holds",
];

/// The name of a command about money or goods.
pub fn command(body: &Body) -> Option<&'static str> {
    let name = match body {
        Body::CreateAsset(_) => 0,
        Body::CreateCustodian(_) => 1,
        Body::SetClearing(_) => 2,
        Body::SetFees(_) => 3,
        Body::SetTier(_) => 4,
        Body::Instruct(_) => 5,
        Body::Acknowledge(_) => 6,
        Body::CloseCustodyDate(_) => 7,
        Body::Correction(CorrectionCommand::Bust { .. }) => 8,
        Body::Correction(CorrectionCommand::Correct { .. }) => 9,
        Body::Settlement(command) => match command.as_ref() {
            SettlementCommand::Set(_) => 10,
            SettlementCommand::SetNominee(_) => 14,
        },
        Body::Margin(MarginCommand::SetMargin(_)) => 11,
        Body::Margin(MarginCommand::SetSettlementPrice(_)) => 12,
        Body::Margin(MarginCommand::Mark(_)) => 13,
        Body::Credit(credit) => return Some(lend::command(credit)),
        Body::NewOrder(_)
        | Body::CancelOrder(_)
        | Body::ReplaceOrder(_)
        | Body::MassCancel(_)
        | Body::OpenSession(_)
        | Body::CreateParticipant(_)
        | Body::CreateOwner(_)
        | Body::CreateAccount(_)
        | Body::SetCalendar(_)
        | Body::CreateVenue(_)
        | Body::DefineRegime(_)
        | Body::MoveVenue(_)
        | Body::SetAnnualUse(_)
        | Body::CreateInstrument(_)
        | Body::SetSchedule(_)
        | Body::SetPhase(_)
        | Body::SetTradingStatus(_)
        | Body::SetReferencePrice(_)
        | Body::SetLimits(_)
        | Body::Standing(_)
        | Body::Limits(_)
        | Body::AcceptClock(_)
        | Body::Tick
        | Body::SessionsLost
        | Body::ServiceGap(_)
        | Body::SemanticsVersion(_)
        | Body::BeginEpoch(_)
        | Body::Quarantine(_)
        | Body::Sales(_)
        | Body::Contract(_)
        | Body::Receipts(_) => return None,
        Body::Switch(command) => return Some(super::switch::command(command)),
    };
    Some(COMMANDS[name])
}

/// What became of an instruction.
pub fn custody(report: &CustodyReport) -> &'static str {
    let status = match report.status {
        CustodyStatus::Pending => 0,
        CustodyStatus::Executed => 1,
        CustodyStatus::Refused => 2,
    };
    match report.direction {
        Direction::Deposit => CUSTODY[status],
        Direction::Withdrawal => CUSTODY[3 + status],
    }
}

/// The groups of cells about money and goods.
pub fn required() -> Vec<(&'static str, Vec<Cell>)> {
    let commands = COMMANDS
        .iter()
        .flat_map(|name| [true, false].map(|taken| Cell::Command(name, taken)));
    vec![
        (
            "money commands taken and refused",
            commands.collect::<Vec<_>>(),
        ),
        (
            "what became of instructions",
            CUSTODY.map(Cell::Custody).to_vec(),
        ),
        ("fees and holds", REACHED.map(Cell::Money).to_vec()),
        ("busts and corrections", CORRECTED.map(Cell::Money).to_vec()),
        ("holders", HOLDERS.map(Cell::Money).to_vec()),
    ]
}
