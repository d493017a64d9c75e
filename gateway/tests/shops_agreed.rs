//! Returns by agreement through a real gateway: one contract through its proposals, with exact
//! statements; what the seller owes where it has not the money; and what an operator moves between
//! two owners. Other returns: `shops`; the rules themselves: the engine's scenarios.

use crate::support::clearing::balances;
use crate::support::shop::{Shop, accept, define, hand_over, id, offer, reserve, terms};
use crate::support::{House, context};
use proto::v1;
use proto::v1::accounts_client::AccountsClient;
use tonic::Code;
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

/// An operator moves money between two accounts, once by each name; why not, if not.
async fn moved(
    channel: &Channel,
    (name, reason): (&str, &str),
    [from, to]: [&str; 2],
    amount: &str,
) -> String {
    let mut accounts = AccountsClient::new(channel.clone());
    let request = v1::CompensateRequest {
        context: Some(v1::OperationContext {
            request_id: id(name),
            reason: id(reason),
            approver: String::new(),
        }),
        from_account_id: id(from),
        to_account_id: id(to),
        asset_id: id("CNY"),
        amount: id(amount),
    };
    let report = accounts.compensate(request).await;
    report.expect("a report").into_inner().reject_reason
}

/// The seller is charged for what never came back, and the buyer has it.
async fn compensate(channel: &Channel) {
    for (name, reason, amount, answer) in [
        ("c-1", "", "5.00", "INVALID_FIELD"),
        ("c-2", "goodwill", "125.78", "INSUFFICIENT_FUNDS"),
        ("c-3", "goodwill", "25.77", ""),
        ("c-3", "goodwill", "25.77", ""),
    ] {
        let refused = moved(channel, (name, reason), ["B", "A"], amount).await;
        assert_eq!(refused, answer, "{name}");
    }
    let last = lines(channel, "A").await.pop();
    let came = line(v1::PostingKind::Transfer, "25.77", "9896.77");
    assert_eq!(last, Some(came), "once");
}

/// All debts there are, a page for each, or of one seller, buyer or venue.
async fn debts(shop: &mut Shop, request: v1::ListOwingRequest) -> Vec<v1::Debt> {
    let mut debts = Vec::new();
    let mut request = v1::ListOwingRequest {
        page_size: 1,
        ..request
    };
    loop {
        let page = shop.contracts.list_owing(request.clone()).await;
        let page = page.expect("a page").into_inner();
        assert!(page.debts.len() <= 1 && page.engine_sequence > 0);
        debts.extend(page.debts);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return debts;
        }
    }
}

/// What is owed by which contract, as an operator lists it.
async fn owed(shop: &mut Shop) -> Vec<(String, String)> {
    let all = debts(shop, v1::ListOwingRequest::default()).await;
    all.into_iter()
        .map(|debt| (debt.contract_id, debt.owing))
        .collect()
}

#[tokio::test]
async fn an_operator_a_seller_and_a_buyer_list_what_is_owed_the_oldest_first() {
    let mut house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let first = performed(&mut shop).await;
    let formed = shop.reserved(reserve("r-2", &first.offer_id, 2)).await;
    let sent = shop.takes("h-2", "B", &formed, hand_over()).await;
    let second = shop.takes("a-2", "A", &sent, accept()).await;
    let spent = moved(&channel, ("s-1", "spent"), ["B", "A"], "890.00").await;
    assert_eq!(spent, "");
    assert_eq!(owed(&mut shop).await, []);

    // The second contract is the first that owes; the seller has 8.48 for it.
    let asked = shop.takes("ask-2", "A", &second, ask(2)).await;
    let older = shop.takes("take-2", "B", &asked, take()).await;
    let asked = shop.takes("ask-1", "A", &first, ask(1)).await;
    let newer = shop.takes("take-1", "B", &asked, take()).await;
    let both = [
        (older.contract_id.clone(), id("249.52")),
        (newer.contract_id.clone(), id("129.00")),
    ];
    assert_eq!(owed(&mut shop).await, both);
    let all = debts(&mut shop, v1::ListOwingRequest::default()).await;
    for (debt, report) in all.iter().zip([&older, &newer]) {
        let named = [&debt.seller_account_id, &debt.buyer_account_id];
        assert_eq!(named, ["B", "A"]);
        let named = [&debt.venue_id, &debt.money_asset_id];
        assert_eq!(named, ["W", "CNY"]);
        let since = (debt.since, debt.since_sequence);
        assert_eq!(since, (report.transact_time, report.engine_sequence));
        assert_eq!(debt.contract_version, report.version);
        assert!(debt.demonstration);
    }
    check_filters(&mut shop, all.len()).await;

    // A part is paid: less is owed, since then as before; after a restart too.
    let paid = moved(&channel, ("g-1", "lent"), ["A", "B"], "49.52").await;
    assert_eq!(paid, "");
    house.restart().await;
    let channel = house.channel().await;
    let mut shop = Shop::of(&channel);
    let left = debts(&mut shop, v1::ListOwingRequest::default()).await;
    assert_eq!(left[0].owing, "200.00");
    assert_eq!(left[0].contract_version, older.version + 1);
    assert_eq!(left[0].since, older.transact_time);
    assert_eq!(left[1], all[1]);
    // The buyer lets it off by that version; what is paid in whole is listed no more.
    let off = v1::ContractReport {
        version: left[0].contract_version,
        ..older
    };
    let off = shop.takes("off-1", "A", &off, Step::Cancel(wire::Cancel {}));
    assert_eq!(off.await.state(), v1::ContractState::Refunded);
    assert_eq!(owed(&mut shop).await, both[1..]);
    let paid = moved(&channel, ("g-2", "lent"), ["A", "B"], "129.00").await;
    assert_eq!(paid, "");
    assert_eq!(owed(&mut shop).await, []);
}

/// Each filter alone, and what is wrong with one.
async fn check_filters(shop: &mut Shop, all: usize) {
    let of = |seller: &str, buyer: &str, venue: &str| v1::ListOwingRequest {
        seller_account_id: id(seller),
        buyer_account_id: id(buyer),
        venue_id: id(venue),
        ..v1::ListOwingRequest::default()
    };
    for (request, count) in [
        (of("B", "", ""), all),
        (of("A", "", ""), 0),
        (of("", "A", ""), all),
        (of("", "B", ""), 0),
        (of("", "", "W"), all),
        (of("", "", "S"), 0),
        (of("B", "A", "W"), all),
    ] {
        assert_eq!(
            debts(shop, request.clone()).await.len(),
            count,
            "{request:?}"
        );
    }
    let unread = |request: v1::ListOwingRequest, token: &str, size: u32| v1::ListOwingRequest {
        page_token: id(token),
        page_size: size,
        ..request
    };
    for (request, code, word) in [
        (of("X", "", ""), Code::NotFound, "X"),
        (of("", "X", ""), Code::NotFound, "X"),
        (of("", "", "X"), Code::NotFound, "X"),
        (
            unread(of("", "", ""), "1-1", 0),
            Code::InvalidArgument,
            "page_token",
        ),
        (
            unread(of("", "", ""), "", 1_001),
            Code::InvalidArgument,
            "page_size",
        ),
    ] {
        let error = shop.contracts.list_owing(request).await.expect_err("wrong");
        assert_eq!(error.code(), code, "{error:?}");
        assert!(format!("{error:?}").contains(word), "{error:?}");
    }
}

/// The contract as an account finds it.
async fn found(shop: &mut Shop, account: &str, contract: &str) -> v1::Contract {
    let request = v1::GetContractRequest {
        account_id: id(account),
        contract_id: id(contract),
    };
    let found = shop.contracts.get_contract(request).await;
    found.expect("a contract").into_inner()
}

#[tokio::test]
async fn what_the_seller_lacks_of_a_return_is_owed_and_paid_by_what_it_gets() {
    let house = House::open().await;
    let channel = house.channel().await;
    let mut shop = Shop::open(&channel).await;
    let done = performed(&mut shop).await;
    let spent = moved(&channel, ("s-1", "spent"), ["B", "A"], "600.00").await;
    assert_eq!(spent, "");

    // Two of five come back for 258.00; the seller has 41.77.
    let asked = shop.takes("ask-1", "A", &done, ask(2)).await;
    let owing = shop.takes("take-1", "B", &asked, take()).await;
    assert_eq!(owing.state(), v1::ContractState::Owing);
    assert_eq!(
        [
            &owing.penalty,
            &owing.owing,
            &owing.money_held,
            &owing.goods_out
        ],
        ["41.77", "216.23", "0.00", "-4"]
    );
    assert_eq!((owing.deadline, owing.came_back), (None, 2));
    for account in ["A", "B"] {
        let seen = found(&mut shop, account, &owing.contract_id).await;
        assert_eq!(seen.state(), v1::ContractState::Owing);
        assert_eq!(seen.owing, "216.23", "{account} sees it");
    }

    // What the seller gets goes to the buyer, and never stays; the reports are by nobody.
    for (name, amount) in [("g-1", "200.00"), ("g-2", "20.00")] {
        let refused = moved(&channel, (name, "lent"), ["A", "B"], amount).await;
        assert_eq!(refused, "");
    }
    let request = v1::ListContractStepsRequest {
        account_id: id("A"),
        contract_id: owing.contract_id.clone(),
        ..v1::ListContractStepsRequest::default()
    };
    let steps = shop.contracts.list_contract_steps(request).await;
    let steps = steps.expect("a page").into_inner().reports;
    let paid = steps
        .iter()
        .filter(|report| report.step() == v1::ContractStep::Repay);
    let paid: Vec<_> = paid
        .map(|report| (report.by(), &report.penalty[..], &report.owing[..]))
        .collect();
    let nobody = v1::ContractRole::Unspecified;
    assert_eq!(
        paid,
        [(nobody, "200.00", "16.23"), (nobody, "16.23", "0.00")]
    );
    let seen = found(&mut shop, "B", &owing.contract_id).await;
    assert_eq!(seen.state(), v1::ContractState::Performed);
    assert_eq!(
        (seen.owing.as_str(), seen.deadline),
        ("0.00", done.deadline)
    );
    let seller = balances(channel.clone(), "B").await;
    assert_eq!(seller["CNY"], (id("3.77"), id("0.00")));
    let buyer = balances(channel.clone(), "A").await;
    assert_eq!(buyer["CNY"], (id("9993.00"), id("0.00")));
}
