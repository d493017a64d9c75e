//! Rows about contracts read back, and say to each party what it may know.

use engine::command::{GoodsTo, Identity, TakenTo};
use engine::event::{
    ContractEvent, ContractRefused, ContractReport, ContractSide, ContractSlots, ContractStep,
    Counters, Disputed, FullTax, OfferAct, OfferReport, Role, State,
};
use engine::reject::{Reject, RejectReason};
use engine::types::{
    AccountId, AssetId, ClientId, ContractId, CustodianId, ExecId, OfferId, Sequence, SessionId,
    Side, TermsId, Time, VenueId,
};
use engine::venue::Regime;

use super::contracts::{ContractRow, PrivateRow, Said};
use super::rows::{FirstAnswer, FirstRow, RowError};

fn side(account: u32, number: u64) -> ContractSide {
    ContractSide {
        account: AccountId::new(account),
        counters: Counters {
            account: number,
            participant: number + 300,
        },
    }
}

fn report(step: ContractStep, by: Option<Role>, state: State) -> ContractReport {
    ContractReport {
        step,
        by,
        state,
        disputed: Disputed::Yes,
        full_tax: FullTax::Yes,
        version: 7,
        contract: 1_001,
        offer: 900,
        slots: ContractSlots {
            contract: 5,
            offer: 6,
        },
        venue: VenueId::new(1),
        money: AssetId::new(2),
        goods: AssetId::new(300),
        warehouse: CustodianId::new(4),
        pieces: 1 << 30,
        came_back: 22,
        regime: Regime::EcomB2c,
        buyer: side(8, 9),
        seller: side(10, 11),
        price: 12,
        amount: 1 << 50,
        tax: 13,
        money_held: 14,
        refunded: 15,
        tax_back: 16,
        paid_out: 17,
        fee: 18,
        goods_out: -19,
        penalty: 21,
        owing: 22,
        deadline: Time::new(20),
    }
}

fn row(event: ContractEvent, said: Said, asked: Identity) -> ContractRow {
    ContractRow {
        exec: ExecId {
            shard: 1,
            epoch: 2,
            sequence: 1_002,
            index: 4,
        },
        time: Time::new(21).expect("small"),
        event,
        said,
        asked,
    }
}

fn refused() -> ContractEvent {
    ContractEvent::Refused(ContractRefused {
        step: ContractStep::Reserve,
        account: Some(AccountId::new(3)),
        contract: Some(ContractId {
            sequence: 8,
            slot: 9,
        }),
        line: Some(7),
        reject: Reject::from(RejectReason::OutOfStock),
        counters: Counters {
            account: 1,
            participant: 2,
        },
    })
}

fn named() -> Identity {
    Identity::Request(ClientId::new("r-1").expect("short"))
}

/// One row of every step, role, state and thing said, and a refusal.
fn rows() -> Vec<ContractRow> {
    let said = [
        Said::Nothing,
        Said::Reserve {
            terms: Some(TermsId::new(0)),
            delivery_reference: [1; 16],
        },
        Said::Reserve {
            terms: None,
            delivery_reference: [2; 16],
        },
        Said::Reference([3; 16]),
        Said::Pieces(u32::MAX),
        Said::Taken(TakenTo::Stock),
        Said::Taken(TakenTo::WriteOff),
        Said::Custodian(CustodianId::new(9)),
        Said::Goods(GoodsTo::Stock),
        Said::Goods(GoodsTo::Buyer),
    ];
    let session = Identity::Session {
        session: SessionId::new(1),
        client_sequence: 9,
    };
    let mut rows = vec![row(refused(), Said::Nothing, session)];
    let roles = Role::ALL.into_iter().map(Some).chain([None]);
    for (by, said) in roles.cycle().zip(said.into_iter().cycle()).take(16) {
        let place = rows.len() - 1;
        let state = State::ALL[place % State::ALL.len()];
        let step = report(ContractStep::ALL[place], by, state);
        rows.push(row(ContractEvent::Step(step), said, named()));
    }
    rows
}

#[test]
fn every_row_reads_back_and_no_cut_or_other_version_does() {
    for row in rows() {
        let mut bytes = Vec::new();
        row.encode(&mut bytes);
        assert_eq!(PrivateRow::decode(&bytes), Ok(PrivateRow::Contract(row)));
        for cut in 0..bytes.len() {
            assert!(PrivateRow::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        bytes[0] = 0x82;
        assert_eq!(PrivateRow::decode(&bytes), Err(RowError::Version(0x82)));
    }
}

#[test]
fn first_answers_of_offers_and_refusals_read_back() {
    let reports = OfferAct::ALL.map(|act| OfferReport {
        act,
        offer: OfferId {
            sequence: 900,
            slot: 6,
        },
        version: 2,
        seller: AccountId::new(10),
        terms: TermsId::new(0),
        goods: AssetId::new(300),
        price: 1 << 40,
        joined: 1 << 20,
        left: 12,
    });
    let offers = reports.map(|report| FirstAnswer::Offer(Box::new(report)));
    let refused = row(refused(), Said::Nothing, named());
    for answer in offers
        .into_iter()
        .chain([FirstAnswer::Contract(Box::new(refused))])
    {
        let row = FirstRow {
            sequence: Sequence::new(1_002),
            time: Time::new(21).expect("small"),
            identity: named(),
            answer,
        };
        let mut bytes = Vec::new();
        row.encode(&mut bytes);
        assert_eq!(FirstRow::decode(&bytes), Ok(row));
        for cut in 0..bytes.len() {
            assert!(FirstRow::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn a_party_is_told_its_own_counters_and_only_its_own_names() {
    let step = report(ContractStep::Pay, Some(Role::Buyer), State::Paid);
    let buyer = row(ContractEvent::Step(step), Said::Nothing, named());
    let seller = buyer.of(Side::Sell);
    assert_eq!((buyer.side(), seller.side()), (Side::Buy, Side::Sell));
    assert_eq!(seller.of(Side::Buy), buyer);
    assert_eq!(buyer.account(), Some(AccountId::new(8)));
    assert_eq!(seller.account(), Some(AccountId::new(10)));
    assert_eq!(buyer.counters().account, 9);
    assert_eq!(seller.counters().account, 11);
    assert_eq!(buyer.answers(), named());
    assert_eq!(seller.answers(), Identity::Internal);
    let refused = row(refused(), Said::Nothing, named());
    assert_eq!(refused.answers(), named());
}
