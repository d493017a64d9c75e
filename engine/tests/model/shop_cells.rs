//! Which cells of sections 20 to 24 a run of shops has to reach.
//!
//! Invariant: as in `coverage`: written from the rules. Not here: how they are counted (`shop`).

use sanjiang_engine::event::{ContractStep as Step, Disputed, OfferAct, State};
use sanjiang_engine::reject::RejectReason as R;
use sanjiang_engine::venue::Model;

use super::border;
use super::coverage::Cell;

/// Every row of the table of section 20.
pub fn steps() -> Vec<Cell> {
    use State::{
        Accepted, Cancelled, Covered, Defaulted, Delivered, Deposited, Entered, Expired, Forfeited,
        HandedOver, Joined, Paid, Released, Rescinded, Resolved, ReturnAsked, Returning, Settled,
        Unpaid,
    };
    let formed = [Paid, Unpaid, Joined, Entered, Deposited];
    let mut cells = formed
        .map(|state| Cell::Deal(None, Step::Reserve, state))
        .to_vec();
    for (from, step, to) in [
        (Entered, Step::Deadline, Paid),
        (Entered, Step::Deadline, Released),
        (Joined, Step::Cancel, Cancelled),
        (Joined, Step::Deadline, Paid),
        (Joined, Step::Deadline, Released),
        (Deposited, Step::Pay, Paid),
        (Deposited, Step::Cancel, Cancelled),
        (Deposited, Step::Deadline, Forfeited),
        (Unpaid, Step::Pay, Paid),
        (Unpaid, Step::PayIn, Unpaid),
        (Unpaid, Step::PaidIn, Paid),
        (Unpaid, Step::Cancel, Cancelled),
        (Unpaid, Step::Deadline, Expired),
        (Paid, Step::HandOver, HandedOver),
        (Paid, Step::Cancel, Cancelled),
        (Paid, Step::Deadline, Defaulted),
        (HandedOver, Step::Deliver, Delivered),
        (HandedOver, Step::PickUp, Delivered),
        (HandedOver, Step::Accept, Accepted),
        (HandedOver, Step::Accept, Settled),
        (Delivered, Step::Accept, Accepted),
        (Delivered, Step::Accept, Settled),
        (Delivered, Step::Deadline, Accepted),
        (Delivered, Step::Deadline, Settled),
        (Delivered, Step::AskReturn, ReturnAsked),
        (Accepted, Step::AskReturn, ReturnAsked),
        (Accepted, Step::Deadline, Settled),
    ]
    .into_iter()
    .chain(returns())
    .chain(covered())
    .chain(owing())
    {
        cells.push(Cell::Deal(Some((from, Disputed::No)), step, to));
    }
    cells.extend(put_off());
    cells.extend(invoices());
    for from in [
        Deposited,
        Paid,
        HandedOver,
        Delivered,
        Accepted,
        Covered,
        ReturnAsked,
        Returning,
    ] {
        let calm = Some((from, Disputed::No));
        cells.push(Cell::Deal(calm, Step::Dispute, from));
        let disputed = Some((from, Disputed::Yes));
        cells.push(Cell::Deal(disputed, Step::Resolve, Resolved));
        for stands in [calm, disputed] {
            cells.push(Cell::Deal(stands, Step::Rescind, from));
            cells.push(Cell::Deal(stands, Step::Rescind, Rescinded));
        }
    }
    cells
}

/// Every row of returns, by right and by agreement.
fn returns() -> [(State, Step, State); 28] {
    use State::{
        Accepted, Delivered, HandedOver, Performed, Refunded, ReturnAsked, ReturnProposed,
        Returning, Settled,
    };
    [
        (ReturnAsked, Step::HandBack, Returning),
        (ReturnAsked, Step::TakeBack, Refunded),
        (ReturnAsked, Step::TakeBack, Settled),
        (ReturnAsked, Step::Deadline, Settled),
        (Returning, Step::TakeBack, Refunded),
        (Returning, Step::TakeBack, Settled),
        (Returning, Step::Deadline, Refunded),
        (Returning, Step::Deadline, Settled),
        (ReturnAsked, Step::TakeBack, Accepted),
        (Returning, Step::TakeBack, Accepted),
        (Returning, Step::Deadline, Accepted),
        (HandedOver, Step::Accept, Performed),
        (Delivered, Step::Accept, Performed),
        (Delivered, Step::Deadline, Performed),
        (Accepted, Step::Deadline, Performed),
        (ReturnAsked, Step::TakeBack, Performed),
        (ReturnAsked, Step::Deadline, Performed),
        (Returning, Step::TakeBack, Performed),
        (Returning, Step::Deadline, Performed),
        (Performed, Step::AskReturn, ReturnProposed),
        (Performed, Step::Deadline, Settled),
        (ReturnProposed, Step::TakeBack, Performed),
        (ReturnProposed, Step::TakeBack, Refunded),
        (ReturnProposed, Step::TakeBack, Settled),
        (ReturnProposed, Step::Cancel, Performed),
        (ReturnProposed, Step::Cancel, Settled),
        (ReturnProposed, Step::Deadline, Performed),
        (ReturnProposed, Step::Deadline, Settled),
    ]
}

/// Every row of contracts whose sellers owe.
fn owing() -> [(State, Step, State); 8] {
    use State::{Owing, Performed, Refunded, ReturnProposed, Settled};
    [
        (ReturnProposed, Step::TakeBack, Owing),
        (Owing, Step::Repay, Owing),
        (Owing, Step::Repay, Refunded),
        (Owing, Step::Repay, Performed),
        (Owing, Step::Repay, Settled),
        (Owing, Step::Cancel, Refunded),
        (Owing, Step::Cancel, Performed),
        (Owing, Step::Cancel, Settled),
    ]
}

/// Every row of contracts whose sellers are paid on cover.
fn covered() -> [(State, Step, State); 9] {
    use State::{Covered, Delivered, HandedOver, Performed, ReturnAsked, Returning, Settled};
    [
        (HandedOver, Step::Accept, Covered),
        (Delivered, Step::Accept, Covered),
        (Delivered, Step::Deadline, Covered),
        (Covered, Step::AskReturn, ReturnAsked),
        (Covered, Step::Deadline, Performed),
        (Covered, Step::Deadline, Settled),
        (ReturnAsked, Step::TakeBack, Covered),
        (Returning, Step::TakeBack, Covered),
        (Returning, Step::Deadline, Covered),
    ]
}

/// An invoice of every contract that is paid, in dispute or not.
fn invoices() -> impl Iterator<Item = Cell> {
    let (of_all, paid) = (
        [State::Performed, State::ReturnProposed, State::Owing],
        [
            State::Paid,
            State::HandedOver,
            State::Delivered,
            State::Accepted,
            State::Covered,
            State::ReturnAsked,
            State::Returning,
        ],
    );
    let cell = |from, disputed| Cell::Deal(Some((from, disputed)), Step::Invoice, from);
    let calm = of_all.into_iter().chain(paid);
    let calm = calm.map(move |from| cell(from, Disputed::No));
    calm.chain(paid.map(move |from| cell(from, Disputed::Yes)))
}

/// Every kind of deadline is put off by a gap in service.
fn put_off() -> impl Iterator<Item = Cell> {
    let timed = [
        State::Unpaid,
        State::Paid,
        State::Delivered,
        State::Accepted,
        State::ReturnAsked,
        State::Returning,
        State::Joined,
        State::Entered,
        State::Deposited,
        State::Performed,
        State::ReturnProposed,
        State::Covered,
    ];
    let cell = |from| Cell::Deal(Some((from, Disputed::No)), Step::PutOff, from);
    timed.into_iter().map(cell)
}

pub fn refused_steps() -> Vec<Cell> {
    let reserve = [
        R::UnknownAccount,
        R::ParticipantSuspended,
        R::AccountSuspended,
        R::AccountClosed,
        R::NotPermitted,
        R::KillSwitch,
        R::Halted,
        R::CancelOnly,
        R::NotQualified,
        R::PartyKind,
        R::UnknownOffer,
        R::StaleVersion,
        R::Deadline,
        R::SelfTrade,
        R::InvalidCombination,
        R::Quantity,
        R::MaxQuantity,
        R::MinQuantity,
        R::QuantityStep,
        R::OrderValue,
        R::BuyerLimit,
        R::AnnualLimit,
        R::OutOfStock,
        R::OpenContracts,
        R::NotAdmitted,
        R::SellerFunds,
        R::InsufficientFunds,
    ];
    let mut cells: Vec<Cell> = reserve
        .map(|one| Cell::DealRefused(Step::Reserve, one))
        .to_vec();
    let any = [
        R::UnknownContract,
        R::StaleVersion,
        R::WrongStep,
        R::NotYours,
    ];
    let acts = Step::ALL.into_iter();
    let none = [Step::PaidIn, Step::Deadline, Step::PutOff, Step::Repay];
    for step in acts.filter(|step| !step.forms() && !none.contains(step)) {
        for reason in any {
            // Both parties may, and the operator is told that it may not.
            cells.push(Cell::DealRefused(step, reason));
        }
    }
    for (step, reason) in [
        (Step::Pay, R::UnknownAccount),
        (Step::Pay, R::InsufficientFunds),
        (Step::Pay, R::Deadline),
        (Step::PayIn, R::UnknownCustodian),
        (Step::PayIn, R::InvalidField),
        (Step::PayIn, R::TooMany),
        (Step::Deliver, R::ApproverRequired),
        (Step::Deliver, R::CustodyDateClosed),
        (Step::PickUp, R::PickupCode),
        (Step::PickUp, R::CustodyDateClosed),
        (Step::Accept, R::CustodyDateClosed),
        (Step::AskReturn, R::Deadline),
        (Step::AskReturn, R::Quantity),
        (Step::AskReturn, R::MaxQuantity),
        (Step::TakeBack, R::CustodyDateClosed),
        (Step::TakeBack, R::SellerFunds),
        (Step::Resolve, R::ApproverRequired),
        (Step::Resolve, R::InvalidField),
        (Step::Resolve, R::CustodyDateClosed),
    ] {
        cells.push(Cell::DealRefused(step, reason));
    }
    cells
}

/// What refuses who offers goods, and what else refuses an offer.
const OFFERING: [R; 14] = [
    R::UnknownAccount,
    R::ParticipantSuspended,
    R::AccountSuspended,
    R::AccountClosed,
    R::NotPermitted,
    R::KillSwitch,
    R::UnknownAsset,
    R::UnknownCustodian,
    R::UnknownTerms,
    R::Halted,
    R::CancelOnly,
    R::InvalidField,
    R::InsufficientGoods,
    R::TooMany,
];
const DEFINING: [R; 5] = [
    R::UnknownVenue,
    R::UnknownAsset,
    R::ModelNotAvailable,
    R::InvalidField,
    R::TooMany,
];
const CHANGING: [R; 9] = [
    R::UnknownAccount,
    R::NotPermitted,
    R::KillSwitch,
    R::UnknownOffer,
    R::StaleVersion,
    R::OfferFixed,
    R::Halted,
    R::CancelOnly,
    R::InvalidField,
];
const PUTTING: [R; 7] = [
    R::UnknownAccount,
    R::KillSwitch,
    R::UnknownOffer,
    R::Halted,
    R::OfferFixed,
    R::InvalidField,
    R::InsufficientGoods,
];
const VALUE: [R; 4] = [
    R::UnknownOffer,
    R::Deadline,
    R::AlreadyExists,
    R::InvalidField,
];
const SEED: [R; 4] = [
    R::UnknownOffer,
    R::Deadline,
    R::AlreadyExists,
    R::SeedMismatch,
];
/// TOO_MANY takes a thousand words of one venue: `contract::graces` tests it.
const GRACE: [R; 3] = [R::UnknownVenue, R::InvalidField, R::ApproverRequired];
const DISCOUNT: [R; 12] = [
    R::UnknownAccount,
    R::ParticipantSuspended,
    R::AccountSuspended,
    R::AccountClosed,
    R::NotPermitted,
    R::KillSwitch,
    R::UnknownVenue,
    R::UnknownAsset,
    R::Halted,
    R::CancelOnly,
    R::InvalidField,
    R::TooMany,
];
const JOINING: [R; 10] = [
    R::UnknownAccount,
    R::NotPermitted,
    R::KillSwitch,
    R::UnknownOffer,
    R::Halted,
    R::CancelOnly,
    R::Deadline,
    R::SelfTrade,
    R::TicketHeld,
    R::TooMany,
];
const GUARANTEE: [R; 10] = [
    R::UnknownAccount,
    R::ParticipantSuspended,
    R::AccountSuspended,
    R::AccountClosed,
    R::UnknownVenue,
    R::UnknownAsset,
    R::InvalidField,
    R::GuaranteeInUse,
    R::TooMany,
    R::InsufficientFunds,
];
const TAKING: [R; 5] = [
    R::UnknownAccount,
    R::UnknownOffer,
    R::OfferFixed,
    R::InvalidField,
    R::OutOfStock,
];

/// All that can happen to offers of each model.
pub fn offers_by_model() -> Vec<Cell> {
    let models = [
        Model::FixedPrice,
        Model::TieredPrice,
        Model::FlashSale,
        Model::GroupBuy,
        Model::Presale,
    ];
    let mut cells = Vec::new();
    for model in models {
        let changes = matches!(model, Model::FixedPrice | Model::TieredPrice);
        let acts = OfferAct::ALL.into_iter();
        let closes = model == Model::GroupBuy;
        let acts = acts.filter(|act| {
            let voids = closes || model == Model::FlashSale;
            match act {
                OfferAct::Changed => changes,
                OfferAct::Closed => closes,
                OfferAct::Void => voids,
                OfferAct::Offered
                | OfferAct::StockPut
                | OfferAct::StockTaken
                | OfferAct::Reserved
                | OfferAct::GivenBack
                | OfferAct::Withdrawn => true,
            }
        });
        cells.extend(acts.map(|act| Cell::OfferOf(model, act)));
    }
    cells
}

pub fn refused_sales() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (name, reasons) in [
        ("kind", &[R::UnknownOwner][..]),
        ("terms", &DEFINING),
        ("offer", &OFFERING),
        ("change", &CHANGING),
        ("put", &PUTTING),
        ("take", &TAKING),
        ("join", &JOINING),
        ("value", &VALUE),
        ("seed", &SEED),
        ("grace", &GRACE),
        ("discount", &DISCOUNT),
        ("guarantee", &GUARANTEE),
        ("use", &border::REPORTING),
        (
            "withdraw",
            &[R::UnknownAccount, R::UnknownOffer, R::OfferFixed],
        ),
    ] {
        let refused = |reason: &R| Cell::SaleRefused(name, *reason);
        cells.extend(reasons.iter().map(refused));
    }
    cells
}
