//! Returns by agreement through a real gateway: one contract through its proposals, with exact
//! statements; and what an operator moves between two owners. Other returns: `shops`; the rules
//! themselves: the engine's scenarios.

use crate::support::clearing::balances;
use crate::support::shop::{Shop, accept, define, hand_over, id, offer, reserve, terms};
use crate::support::{House, context};
use proto::v1;
use proto::v1::accounts_client::AccountsClient;
use tonic::transport::Channel;
use v1::take_step_request::{self as wire, Step};

type Line = (v1::PostingKind, String, String);

/// The lines of an account's money: why, how much, and the balance after it.
async fn lines(channel: &Channel, account: &str) -> Vec<Line> {
    let mut accounts = AccountsClient::new(channel.clone());
    let page = accounts.get_statement(v1::GetStatementRequest {
        account_id: id(account),
        asset_id: id("CNY"),
        page_size: 100,
        ..v1::GetStatementRequest::default()
    });
    let page = page.await.expect("a page").into_inner();
    let line = |line: v1::StatementLine| {
        let posting = line.posting.expect("a posting");
        (posting.kind(), posting.amount, line.balance)
    };
    page.lines.into_iter().map(line).collect()
}

fn line(kind: v1::PostingKind, amount: &str, balance: &str) -> Line {
    (kind, id(amount), id(balance))
}

/// A trade buyer has five pieces at W, and the seller its money.
async fn performed(shop: &mut Shop) -> v1::ContractReport {
    let agreed = v1::SaleTerms {
        return_days: 0,
        agreed_days: 30,
        ..terms("W")
    };
    let made = shop.sales.define_terms(define("agreed", agreed)).await;
    let made = made.expect("a report").into_inner();
    assert_eq!((made.accepted, made.handle), (true, Some(3)), "{made:?}");
    let business = v1::SetPartyKindRequest {
        context: context("business"),
        beneficial_owner_id: id("OA"),
        kind: v1::PartyKind::Enterprise.into(),
    };
    let set = shop.sales.set_party_kind(business).await;
    assert!(set.expect("a report").into_inner().accepted);
    let made = shop.offered(offer("tea-1", 3, 10)).await;
    let formed = shop.reserved(reserve("r-1", &made.offer_id, 5)).await;
    let sent = shop.takes("h-1", "B", &formed, hand_over()).await;
    let done = shop.takes("a-1", "A", &sent, accept()).await;
    assert_eq!(done.state(), v1::ContractState::Performed);
    assert_eq!(
        [&done.paid_out, &done.fee, &done.money_held],
        ["641.77", "3.23", "0.00"]
    );
    assert!(done.deadline.is_some());
    done
}

fn ask(pieces: u32) -> Step {
    Step::AskReturn(wire::AskReturn { pieces })
}

fn take() -> Step {
    Step::TakeBack(wire::TakeBack {
        taken_to: v1::TakenTo::Stock.into(),
    })
}

/// The seller invoices; nothing but the version changes, and both are told.
async fn invoice(
    shop: &mut Shop,
    (name, byte): (&str, u8),
    last: &v1::ContractReport,
) -> v1::ContractReport {
    let reference = vec![byte; 16];
    let step = Step::Invoice(wire::Invoice { reference });
    let told = shop.takes(name, "B", last, step).await;
    assert_eq!((told.step(), told.by()), INVOICED);
    assert_eq!(
        (told.state(), told.version),
        (last.state(), last.version + 1)
    );
    assert_eq!(told.deadline, last.deadline);
    assert_eq!(
        (&told.reference[..], told.came_back),
        (&[byte; 16][..], last.came_back)
    );
    told
}

const INVOICED: (v1::ContractStep, v1::ContractRole) =
    (v1::ContractStep::Invoice, v1::ContractRole::Seller);

/// The buyer finds the invoices among the steps, by their references.
async fn check_invoices(shop: &mut Shop, contract: &str) {
    let request = v1::ListContractStepsRequest {
        account_id: id("A"),
        contract_id: id(contract),
        ..v1::ListContractStepsRequest::default()
    };
    let found = shop.contracts.list_contract_steps(request).await;
    let reports = found.expect("a page").into_inner().reports;
    let invoices = reports.iter().filter(|report| report.step() == INVOICED.0);
    let references: Vec<_> = invoices.map(|report| report.reference[0]).collect();
    assert_eq!(references, [0xb1, 0x4e]);
}

#[tokio::test]
async fn a_performed_contract_is_paid_back_in_parts_by_agreement() {
    use v1::PostingKind::{ContractFee, ContractMoney, Deposit};
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let done = performed(&mut shop).await;

    let first = invoice(&mut shop, ("i-1", 0xb1), &done).await;

    // Two come back, the seller declines one, and then two more come back.
    let asked = shop.takes("ask-1", "A", &first, ask(2)).await;
    assert_eq!(asked.state(), v1::ContractState::ReturnProposed);
    assert_eq!(asked.return_pieces, 2);
    let back = shop.takes("take-1", "B", &asked, take()).await;
    assert_eq!(back.state(), v1::ContractState::Performed);
    assert_eq!(back.deadline, done.deadline, "it does not move");
    assert_eq!(
        [
            &back.penalty,
            &back.tax_back,
            &back.refunded,
            &back.goods_out
        ],
        ["258.00", "29.68", "0.00", "-4"]
    );
    let asked = shop.takes("ask-2", "A", &back, ask(1)).await;
    let cancel = Step::Cancel(wire::Cancel {});
    let declined = shop.takes("no-1", "B", &asked, cancel).await;
    assert_eq!(declined.state(), v1::ContractState::Performed);
    let asked = shop.takes("ask-3", "A", &declined, ask(2)).await;
    let back = shop.takes("take-2", "B", &asked, take()).await;
    assert_eq!(back.penalty, "258.00");
    invoice(&mut shop, ("i-2", 0x4e), &back).await;
    check_invoices(&mut shop, &back.contract_id).await;

    let buyer = balances(channel.clone(), "A").await;
    let seller = balances(channel.clone(), "B").await;
    assert_eq!(buyer["CNY"], (id("9871.00"), id("0.00")));
    assert_eq!(seller["CNY"], (id("125.77"), id("0.00")));
    assert_eq!(
        lines(&channel, "A").await,
        [
            line(Deposit, "10000.00", "10000.00"),
            line(ContractMoney, "-641.77", "9358.23"),
            line(ContractFee, "-3.23", "9355.00"),
            line(ContractMoney, "258.00", "9613.00"),
            line(ContractMoney, "258.00", "9871.00"),
        ]
    );
    assert_eq!(
        lines(&channel, "B").await,
        [
            line(ContractMoney, "641.77", "641.77"),
            line(ContractMoney, "-258.00", "383.77"),
            line(ContractMoney, "-258.00", "125.77"),
        ]
    );
    compensate(&channel).await;
}

/// The seller is charged for what never came back, and the buyer has it.
async fn compensate(channel: &Channel) {
    let mut accounts = AccountsClient::new(channel.clone());
    let request = |name: &str, reason: &str, amount: &str| v1::CompensateRequest {
        context: Some(v1::OperationContext {
            request_id: id(name),
            reason: id(reason),
            approver: String::new(),
        }),
        from_account_id: id("B"),
        to_account_id: id("A"),
        asset_id: id("CNY"),
        amount: id(amount),
    };
    for (name, reason, amount, answer) in [
        ("c-1", "", "5.00", "INVALID_FIELD"),
        ("c-2", "goodwill", "125.78", "INSUFFICIENT_FUNDS"),
        ("c-3", "goodwill", "25.77", ""),
        ("c-3", "goodwill", "25.77", ""),
    ] {
        let report = accounts.compensate(request(name, reason, amount)).await;
        let report = report.expect("a report").into_inner();
        assert_eq!(report.reject_reason, answer, "{name}");
    }
    let last = lines(channel, "A").await.pop();
    let came = line(v1::PostingKind::Transfer, "25.77", "9896.77");
    assert_eq!(last, Some(came), "once");
}
