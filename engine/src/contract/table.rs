//! The steps of a contract as data: from which state, by whom, to which state, with what effect.
//!
//! Invariant: of a state and a step there is at most one row that a contract, in dispute or not,
//! can take, so what is not written here cannot happen. Not here: what an effect moves
//! (`contract::effects`), the checks of a single step (`engine::contracts`).

use crate::event::{ContractStep as Step, Disputed, Role, State};

/// Who may take a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// Only this role.
    Role(Role),
    /// Buyer or seller.
    Either,
    /// Nobody: a deadline passes, or money came to the seller.
    Time,
}

/// Of which contracts a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Of those not in dispute.
    Calm,
    /// Of those in dispute.
    Disputed,
    /// Of both.
    Always,
}

/// What a step does to what a contract holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// It is on record: all else stays as it is, also what was asked.
    Record,
    /// A bank is asked for the money.
    Instruct,
    /// The money is held.
    Pay,
    /// Money and goods go back.
    Undo,
    /// The goods leave the warehouse.
    Leave,
    /// The goods leave, if they have not; without a right of return the seller is paid.
    Accept,
    /// The seller is paid.
    Settle,
    /// So many pieces are to come back.
    AskReturn,
    /// They came back: their part is refunded, the rest stays as it was.
    TakeBack,
    /// They did not, or are worth nothing: likewise.
    WriteOff,
    /// They came back by agreement: the seller pays for them.
    Agree,
    /// They do not.
    Decline,
    /// What it holds is frozen.
    Freeze,
    /// An operator's parts.
    Resolve,
    /// The first asks, the second agrees.
    Rescind,
    /// Its group closed: it is a contract at the one price, or nothing.
    Close,
    /// Its lottery is drawn: it has goods and is a contract, or its money again.
    Draw,
    /// The balance joins the deposit.
    PayBalance,
    /// The buyer is in default: the seller has the earnest money, all else goes back.
    Forfeit,
    /// The seller is in default: all goes back, and the earnest money once more.
    SellerDefaults,
    /// The seller pays of what it owes.
    Repay,
    /// The buyer asks for no more of it.
    Forgive,
}

/// Which deadline a contract has afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// The one it had.
    Same,
    /// None.
    Never,
    /// To hand over.
    HandOver,
    /// To inspect.
    Inspect,
    /// The end of the right of return, or, once the seller is paid, of returns by agreement.
    Return,
    /// The end of the seventh day.
    SevenDays,
}

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// From this state.
    pub from: State,
    /// In dispute or not.
    pub when: When,
    /// By this step.
    pub step: Step,
    /// Of this role.
    pub by: By,
    /// To this state; an effect may lead to another one of its own.
    pub to: State,
    /// With this effect.
    pub effect: Effect,
    /// And this deadline.
    pub next: Next,
}

const fn row(from: State, step: Step, by: By, to: State, effect: Effect, next: Next) -> Row {
    let when = When::Calm;
    Row {
        from,
        when,
        step,
        by,
        to,
        effect,
        next,
    }
}

const fn dispute(from: State) -> Row {
    let (by, effect) = (By::Either, Effect::Freeze);
    row(from, Step::Dispute, by, from, effect, Next::Never)
}

const fn resolve(from: State) -> Row {
    let (by, effect) = (By::Role(Role::Operator), Effect::Resolve);
    Row {
        when: When::Disputed,
        ..row(
            from,
            Step::Resolve,
            by,
            State::Resolved,
            effect,
            Next::Never,
        )
    }
}

const fn rescind(from: State) -> Row {
    let effect = Effect::Rescind;
    Row {
        when: When::Always,
        ..row(from, Step::Rescind, By::Either, from, effect, Next::Same)
    }
}

const fn invoice(from: State) -> Row {
    let (step, effect) = (Step::Invoice, Effect::Record);
    Row {
        when: When::Always,
        ..row(from, step, SELLER, from, effect, Next::Same)
    }
}

const BUYER: By = By::Role(Role::Buyer);
const SELLER: By = By::Role(Role::Seller);
const BANK: By = By::Role(Role::Custodian);

/// Every step there is.
#[rustfmt::skip]
pub const TABLE: [Row; 70] = {
    use State::{
        Accepted, Cancelled, Covered, Defaulted, Delivered, Deposited, Entered, Expired, Forfeited,
        HandedOver, Joined, Owing, Paid, Performed, Refunded, ReturnAsked, ReturnProposed,
        Returning, Settled, Unpaid,
    };
    use Step::{
        Accept, AskReturn, Cancel, Deadline, Deliver, HandBack, HandOver, PaidIn, Pay, PayIn,
        PickUp, Repay, TakeBack,
    };
    [
        row(Entered, Deadline, By::Time, Paid, Effect::Draw, Next::HandOver),
        row(Joined, Cancel, BUYER, Cancelled, Effect::Undo, Next::Never),
        row(Joined, Deadline, By::Time, Paid, Effect::Close, Next::HandOver),
        row(Deposited, Pay, BUYER, Paid, Effect::PayBalance, Next::HandOver),
        row(Deposited, Cancel, SELLER, Cancelled, Effect::SellerDefaults, Next::Never),
        row(Deposited, Deadline, By::Time, Forfeited, Effect::Forfeit, Next::Never),
        row(Unpaid, Pay, BUYER, Paid, Effect::Pay, Next::HandOver),
        row(Unpaid, PayIn, BUYER, Unpaid, Effect::Instruct, Next::Same),
        row(Unpaid, PaidIn, BANK, Paid, Effect::Pay, Next::HandOver),
        row(Unpaid, Cancel, BUYER, Cancelled, Effect::Undo, Next::Never),
        row(Unpaid, Deadline, By::Time, Expired, Effect::Undo, Next::Never),
        row(Paid, HandOver, SELLER, HandedOver, Effect::Nothing, Next::Never),
        row(Paid, Cancel, SELLER, Cancelled, Effect::SellerDefaults, Next::Never),
        row(Paid, Deadline, By::Time, Defaulted, Effect::SellerDefaults, Next::Never),
        row(HandedOver, Deliver, SELLER, Delivered, Effect::Leave, Next::Inspect),
        row(HandedOver, PickUp, SELLER, Delivered, Effect::Leave, Next::Inspect),
        row(HandedOver, Accept, BUYER, Accepted, Effect::Accept, Next::Return),
        row(Delivered, Accept, BUYER, Accepted, Effect::Accept, Next::Return),
        row(Delivered, Deadline, By::Time, Accepted, Effect::Accept, Next::Return),
        row(Delivered, AskReturn, BUYER, ReturnAsked, Effect::AskReturn, Next::SevenDays),
        row(Accepted, AskReturn, BUYER, ReturnAsked, Effect::AskReturn, Next::SevenDays),
        row(Accepted, Deadline, By::Time, Settled, Effect::Settle, Next::Return),
        row(ReturnAsked, HandBack, BUYER, Returning, Effect::Nothing, Next::SevenDays),
        row(ReturnAsked, TakeBack, SELLER, Refunded, Effect::TakeBack, Next::Return),
        row(ReturnAsked, Deadline, By::Time, Settled, Effect::Settle, Next::Return),
        row(Returning, TakeBack, SELLER, Refunded, Effect::TakeBack, Next::Return),
        row(Returning, Deadline, By::Time, Refunded, Effect::WriteOff, Next::Return),
        row(Covered, AskReturn, BUYER, ReturnAsked, Effect::AskReturn, Next::SevenDays),
        row(Covered, Deadline, By::Time, Settled, Effect::Settle, Next::Return),
        row(Performed, AskReturn, BUYER, ReturnProposed, Effect::AskReturn, Next::SevenDays),
        row(Performed, Deadline, By::Time, Settled, Effect::Nothing, Next::Never),
        row(ReturnProposed, TakeBack, SELLER, Refunded, Effect::Agree, Next::Return),
        row(ReturnProposed, Cancel, By::Either, Performed, Effect::Decline, Next::Return),
        row(ReturnProposed, Deadline, By::Time, Performed, Effect::Decline, Next::Return),
        row(Owing, Repay, By::Time, Refunded, Effect::Repay, Next::Return),
        row(Owing, Cancel, BUYER, Refunded, Effect::Forgive, Next::Return),
        dispute(Deposited), resolve(Deposited), rescind(Deposited),
        dispute(Paid), dispute(HandedOver), dispute(Delivered),
        dispute(Accepted), dispute(ReturnAsked), dispute(Returning),
        resolve(Paid), resolve(HandedOver), resolve(Delivered),
        resolve(Accepted), resolve(ReturnAsked), resolve(Returning),
        rescind(Paid), rescind(HandedOver), rescind(Delivered),
        rescind(Accepted), rescind(ReturnAsked), rescind(Returning),
        dispute(Covered), resolve(Covered), rescind(Covered), invoice(Covered),
        invoice(Paid), invoice(HandedOver), invoice(Delivered), invoice(Accepted),
        invoice(ReturnAsked), invoice(Returning), invoice(Performed), invoice(ReturnProposed),
        invoice(Owing),
    ]
};

/// The row that a contract in this state takes by this step, if there is one.
pub fn find(from: State, disputed: Disputed, step: Step) -> Option<Row> {
    let fits = |row: &&Row| {
        let when = match row.when {
            When::Always => true,
            When::Calm => disputed == Disputed::No,
            When::Disputed => disputed == Disputed::Yes,
        };
        when && row.from == from && row.step == step
    };
    TABLE.iter().find(fits).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_state_and_a_step_there_is_one_row_and_it_leads_on() {
        for (place, row) in TABLE.iter().enumerate() {
            assert!(row.from.lives(), "{row:?}");
            for other in &TABLE[..place] {
                let same = (row.from, row.step) == (other.from, other.step);
                assert!(!same, "{row:?} and {other:?}");
            }
            let waits = row.to.lives() && row.next == Next::Never;
            let known = matches!(row.step, Step::HandOver | Step::Dispute);
            assert_eq!(
                waits, known,
                "only a dispute or the other side is waited for: {row:?}"
            );
        }
    }

    #[test]
    fn every_state_that_lives_has_a_way_out_for_both_sides() {
        for from in State::ALL.into_iter().filter(|state| state.lives()) {
            for role in [Role::Buyer, Role::Seller] {
                // An invoice leads nowhere.
                let own = |row: &&Row| {
                    let own = row.by == By::Either || row.by == By::Role(role);
                    own && row.step != Step::Invoice
                };
                let ways = TABLE.iter().filter(|row| row.from == from).filter(own);
                // Until it is paid only the buyer acts; its deadline frees the seller.
                let early = matches!(from, State::Unpaid | State::Joined);
                // Of a lottery nobody leaves.
                // Once it is paid and nothing is proposed, only the buyer proposes; of what is owed
                // only the buyer lets the seller off.
                let early = early || matches!(from, State::Performed | State::Owing);
                let bound = early && role == Role::Seller || from == State::Entered;
                assert_eq!(ways.count() == 0, bound, "{from:?}, {role:?}");
            }
        }
    }
}
