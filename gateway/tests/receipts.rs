//! Warehouse receipts through the public API: issued, pledged, split, merged, handed on, taken out;
//! balances, postings and the reconciliation say the same, and a holder checks the provenance.
//!
//! Coal is kept in kilograms of a tonne by a demonstration's warehouse, which signs by itself. Not
//! here: the whole table of what each standing answers (the engine's tests).

use crate::support::clearing::{asset, balances, custodian, deposit, make_clearing, withdrawal};
use crate::support::folders;
use crate::support::{House, context};
use proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

type Accounts = v1::accounts_client::AccountsClient<tonic::transport::Channel>;

async fn opened() -> (House, Accounts) {
    let house = House::open().await;
    house.with_market().await;
    make_clearing(house.channel().await).await;
    let accounts = house.accounts().await;
    (house, accounts)
}

fn register(id: &str, number: &str, account: &str, amount: &str) -> v1::RegisterReceiptRequest {
    v1::RegisterReceiptRequest {
        context: context(id),
        warehouse_id: "warehouse".to_owned(),
        number: number.to_owned(),
        asset_id: "coal".to_owned(),
        amount: amount.to_owned(),
        account_id: account.to_owned(),
        document_hash: vec![7; 32],
    }
}

fn draw(id: &str, number: &str, account: &str, amount: &str) -> v1::DrawReceiptRequest {
    let same = register(id, number, account, amount);
    v1::DrawReceiptRequest {
        context: same.context,
        warehouse_id: same.warehouse_id,
        number: same.number,
        asset_id: same.asset_id,
        amount: same.amount,
        account_id: same.account_id,
        document_hash: same.document_hash,
    }
}

fn part(number: &str, amount: &str) -> v1::ReceiptPart {
    v1::ReceiptPart {
        number: number.to_owned(),
        amount: amount.to_owned(),
        document_hash: vec![8; 32],
    }
}

fn pledge(id: &str, receipt: u32) -> v1::EncumberReceiptRequest {
    v1::EncumberReceiptRequest {
        context: context(id),
        receipt: Some(receipt),
        account_id: "A".to_owned(),
        encumbrance: v1::ReceiptEncumbrance::Pledged.into(),
        pledgee_account_id: "B".to_owned(),
    }
}

fn lift(id: &str, receipt: u32, account: &str) -> v1::LiftReceiptRequest {
    v1::LiftReceiptRequest {
        context: context(id),
        receipt: Some(receipt),
        account_id: account.to_owned(),
    }
}

fn transfer(id: &str, receipt: u32, from: &str, to: &str) -> v1::TransferReceiptRequest {
    v1::TransferReceiptRequest {
        context: context(id),
        receipt: Some(receipt),
        from_account_id: from.to_owned(),
        to_account_id: to.to_owned(),
    }
}

fn pool(id: &str, receipt: u32, account: &str) -> v1::PoolReceiptRequest {
    v1::PoolReceiptRequest {
        context: context(id),
        receipt: Some(receipt),
        account_id: account.to_owned(),
    }
}

/// What a change answers: the handle, or why not.
fn told(
    answer: Result<tonic::Response<v1::OperationReport>, tonic::Status>,
) -> Result<Option<u32>, String> {
    let report = answer.expect("a report").into_inner();
    if report.accepted {
        Ok(report.handle)
    } else {
        Err(report.reject_reason)
    }
}

async fn get(accounts: &mut Accounts, receipt: u32) -> v1::Receipt {
    let request = v1::GetReceiptRequest {
        receipt: Some(receipt),
        ..v1::GetReceiptRequest::default()
    };
    let answer = accounts.get_receipt(request).await.expect("a receipt");
    let answer = answer.into_inner();
    let receipt = answer.receipt.expect("given");
    assert!(answer.engine_sequence >= receipt.changed_sequence);
    assert!(receipt.changed_sequence >= receipt.joined_sequence);
    receipt
}

/// Available and held coal of an account.
async fn coal(house: &House, account: &str) -> (String, String) {
    let all = balances(house.channel().await, account).await;
    all["coal"].clone()
}

/// The live receipts of an account, one a page.
async fn list(accounts: &mut Accounts, account: &str) -> Vec<u32> {
    let mut request = v1::ListReceiptsRequest {
        account_id: account.to_owned(),
        page_size: 1,
        page_token: String::new(),
    };
    let mut all = Vec::new();
    loop {
        let page = accounts.list_receipts(request.clone()).await;
        let page = page.expect("a page").into_inner();
        assert!(page.receipts.len() <= 1 && page.engine_sequence > 0);
        for one in &page.receipts {
            assert_eq!(one.account_id, account);
        }
        all.extend(page.receipts.iter().map(|one| one.receipt));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

/// What was done with a receipt, one act a page.
async fn acts(accounts: &mut Accounts, receipt: u32) -> Vec<v1::ReceiptAct> {
    let mut request = v1::ListReceiptActsRequest {
        receipt: Some(receipt),
        page_size: 1,
        page_token: String::new(),
    };
    let mut all = Vec::new();
    loop {
        let page = accounts.list_receipt_acts(request.clone()).await;
        let page = page.expect("a page").into_inner();
        all.extend(page.acts);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

/// Checks a receipt's chain from the public API alone, back to every registration behind it.
async fn verified(accounts: &mut Accounts, receipt: u32) -> Vec<u8> {
    let mut last = Vec::new();
    let mut merged = Vec::new();
    for act in acts(accounts, receipt).await {
        if act.receipt != receipt {
            assert_eq!(act.kind(), v1::ReceiptActKind::Merged);
            assert_eq!(act.other_receipt, Some(receipt));
            let own = Box::pin(verified(accounts, act.receipt)).await;
            assert_eq!(own, act.provenance);
            merged.extend(act.provenance);
            continue;
        }
        let mut input = match act.kind() {
            v1::ReceiptActKind::Registered | v1::ReceiptActKind::Drawn => Vec::new(),
            v1::ReceiptActKind::Part => {
                let parent = act.other_receipt.expect("named");
                Box::pin(verified(accounts, parent)).await
            }
            v1::ReceiptActKind::Whole => {
                assert_eq!(merged.len(), 32 * act.parts as usize);
                std::mem::take(&mut merged)
            }
            v1::ReceiptActKind::Encumbered
            | v1::ReceiptActKind::Lifted
            | v1::ReceiptActKind::Split
            | v1::ReceiptActKind::Merged
            | v1::ReceiptActKind::Transferred
            | v1::ReceiptActKind::Cancelled
            | v1::ReceiptActKind::Pooled => last,
            v1::ReceiptActKind::Unspecified => panic!("never sent"),
        };
        input.extend(&act.hashed);
        last = blake3::hash(&input).as_bytes().to_vec();
        assert_eq!(last, act.provenance, "{act:?}");
        // What was hashed is what is told.
        let code = u8::try_from(act.kind).expect("small");
        assert_eq!(act.hashed[..8], act.engine_sequence.to_le_bytes());
        assert_eq!(act.hashed[8], code);
        assert_eq!(act.hashed[14..18], receipt.to_le_bytes());
        assert!(act.hashed.ends_with(&act.document_hash));
    }
    last
}

/// Receipt 0 of A is split, half of it handed on to B and merged with another there.
async fn split_and_merged(house: &House, accounts: &mut Accounts) {
    let split = v1::SplitReceiptRequest {
        context: context("s"),
        receipt: Some(0),
        account_id: "A".to_owned(),
        asset_id: "coal".to_owned(),
        parts: vec![part("R-2", "60.5"), part("R-3", "39.5")],
    };
    assert_eq!(told(accounts.split_receipt(split).await), Ok(Some(1)));
    let answer = accounts.transfer_receipt(transfer("t2", 2, "A", "B")).await;
    assert_eq!(told(answer), Ok(None));
    let in_b = deposit("in-B", "B", "coal", "10");
    assert!(told(accounts.instruct(in_b).await).is_ok());
    let answer = accounts.draw_receipt(draw("d", "R-4", "B", "10")).await;
    assert_eq!(told(answer), Ok(Some(3)));
    let merge = v1::MergeReceiptsRequest {
        context: context("m"),
        account_id: "B".to_owned(),
        receipts: vec![3, 2],
        number: "R-5".to_owned(),
        document_hash: vec![9; 32],
    };
    assert_eq!(told(accounts.merge_receipts(merge).await), Ok(Some(4)));
    assert_eq!(list(accounts, "A").await, [1]);
    assert_eq!(list(accounts, "B").await, [4]);
    let has = coal(house, "B").await;
    assert_eq!(has, ("0.000".to_owned(), "49.500".to_owned()));
    let out = accounts.instruct(withdrawal("out", "B", "coal", "0.001"));
    assert_eq!(told(out.await), Err("INSUFFICIENT_GOODS".to_owned()));
}

#[tokio::test]
async fn a_receipt_lives_through_the_public_api() {
    let (mut house, mut accounts) = opened().await;
    let first = register("r1", "R-1", "A", "100");
    let answer = accounts.register_receipt(first.clone()).await;
    assert_eq!(told(answer), Ok(Some(0)));
    let again = accounts.register_receipt(first).await.expect("a report");
    assert!(again.into_inner().poss_dup, "a retry is done once");
    let has = coal(&house, "A").await;
    assert_eq!(has, ("0.000".to_owned(), "100.000".to_owned()));

    // Pledged, it goes nowhere until the pledgee lets it.
    assert_eq!(
        told(accounts.encumber_receipt(pledge("p", 0)).await),
        Ok(None)
    );
    let stands = get(&mut accounts, 0).await;
    assert_eq!(stands.status(), v1::ReceiptStatus::Pledged);
    assert_eq!(stands.pledgee_account_id, "B");
    assert!(stands.demonstration);
    let encumbered = Err("RECEIPT_ENCUMBERED".to_owned());
    let answer = accounts.transfer_receipt(transfer("t", 0, "A", "B")).await;
    assert_eq!(told(answer), encumbered);
    let answer = accounts.pool_receipt(pool("o", 0, "A")).await;
    assert_eq!(told(answer), encumbered);
    let answer = accounts.lift_receipt(lift("l1", 0, "A")).await;
    assert_eq!(told(answer), encumbered);
    let answer = accounts.lift_receipt(lift("l2", 0, "B")).await;
    assert_eq!(told(answer), Ok(None));

    split_and_merged(&house, &mut accounts).await;

    // The history and the standing say the same, also after a restart.
    for restarted in [false, true] {
        if restarted {
            house.restart().await;
            accounts = house.accounts().await;
        }
        for receipt in 0..5 {
            let provenance = get(&mut accounts, receipt).await.provenance;
            assert_eq!(verified(&mut accounts, receipt).await, provenance);
        }
        let whole = get(&mut accounts, 4).await;
        assert_eq!(
            (whole.number.as_str(), whole.amount.as_str()),
            ("R-5", "49.500")
        );
        assert_eq!(list(&mut accounts, "B").await, [4]);
    }
    let kinds = acts(&mut accounts, 2).await;
    let kinds: Vec<_> = kinds.iter().map(v1::ReceiptAct::kind).collect();
    assert_eq!(
        kinds,
        [
            v1::ReceiptActKind::Part,
            v1::ReceiptActKind::Transferred,
            v1::ReceiptActKind::Merged
        ]
    );
}

#[tokio::test]
async fn postings_and_the_reconciliation_count_receipts() {
    let (mut house, mut accounts) = opened().await;
    for request in [
        register("r1", "R-1", "A", "100"),
        register("r2", "R-2", "A", "20"),
    ] {
        assert!(told(accounts.register_receipt(request).await).is_ok());
    }
    let answer = accounts.transfer_receipt(transfer("t", 0, "A", "B")).await;
    assert_eq!(told(answer), Ok(None));
    assert_eq!(
        told(accounts.encumber_receipt(pledge("p", 1)).await),
        Ok(None)
    );
    let cancel = v1::CancelReceiptRequest {
        context: context("c"),
        receipt: Some(0),
        account_id: "B".to_owned(),
    };
    assert_eq!(told(accounts.cancel_receipt(cancel).await), Ok(None));
    let postings = |account: &str| v1::ListPostingsRequest {
        account_id: account.to_owned(),
        ..v1::ListPostingsRequest::default()
    };
    for (account, expected) in [
        (
            "A",
            [
                (v1::PostingKind::Deposit, "100.000", 0, "R-1"),
                (v1::PostingKind::Deposit, "20.000", 1, "R-2"),
                (v1::PostingKind::Receipt, "-100.000", 0, "R-1"),
            ]
            .as_slice(),
        ),
        (
            "B",
            [
                (v1::PostingKind::Receipt, "100.000", 0, "R-1"),
                (v1::PostingKind::Withdrawal, "-100.000", 0, "R-1"),
            ]
            .as_slice(),
        ),
    ] {
        let page = accounts.list_postings(postings(account)).await;
        let page = page.expect("a page").into_inner().postings;
        let found = page.iter().map(|one| {
            let (receipt, number) = (one.receipt.expect("given"), one.reference.as_str());
            (one.kind(), one.amount.as_str(), receipt, number)
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert!(page.iter().all(|one| one.custodian_id == "warehouse"));
    }
    house.stop().await;
    let data = house.folder.path().join("data");
    let csv = house.folder.path().join("references.csv");
    let flags = ["--references", csv.to_str().expect("text")];
    let (status, said) = folders::run(&["reconcile"], &data, &flags);
    assert_eq!(status, 0, "{said}");
    assert_eq!(
        said.lines().last(),
        Some(
            "coal: opening accounts 0.000 fees 0.000 custody 0.000; in 120.000 out 100.000 (3 \
             references); closing accounts 20.000 fees 0.000 custody 20.000; agrees"
        )
    );
    let rows = std::fs::read_to_string(&csv).expect("a file");
    assert!(rows.contains("R-1") && rows.contains("R-2"), "{rows}");
}

#[tokio::test]
async fn a_real_warehouse_needs_a_second_signature() {
    let (house, mut accounts) = opened().await;
    let mut operations = house.operations().await;
    let copper = v1::CreateAssetRequest {
        demonstration: false,
        ..asset("copper", v1::AssetClass::Goods, 0, "t")
    };
    let keeper = v1::CreateCustodianRequest {
        demonstration: false,
        ..custodian("keeper", v1::CustodianKind::Warehouse)
    };
    operations.create_asset(copper).await.expect("a report");
    operations.create_custodian(keeper).await.expect("a report");
    let real = |id: &str| v1::RegisterReceiptRequest {
        warehouse_id: "keeper".to_owned(),
        asset_id: "copper".to_owned(),
        ..register(id, "R-1", "A", "5")
    };
    let mut approved = real("r2");
    if let Some(context) = &mut approved.context {
        "local".clone_into(&mut context.approver);
    }
    let alone = Err("APPROVER_REQUIRED".to_owned());
    assert_eq!(told(accounts.register_receipt(real("r1")).await), alone);
    assert_eq!(told(accounts.register_receipt(approved).await), alone);
}

#[tokio::test]
async fn what_is_malformed_or_missing_is_named() {
    let (_house, mut accounts) = opened().await;
    let wrong = v1::RegisterReceiptRequest {
        document_hash: vec![7; 31],
        ..register("r1", "", "nobody", "1.0001")
    };
    let error = accounts.register_receipt(wrong).await.expect_err("wrong");
    // A name that names nothing is told first.
    assert_eq!(error.code(), Code::InvalidArgument);
    let details = error.get_error_details();
    let fields = details
        .bad_request()
        .expect("given")
        .field_violations
        .iter();
    let fields: Vec<_> = fields.map(|one| one.field.as_str()).collect();
    for field in ["number", "amount", "document_hash"] {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
    let wrong = v1::EncumberReceiptRequest {
        receipt: None,
        encumbrance: 9,
        ..pledge("p", 0)
    };
    let error = accounts.encumber_receipt(wrong).await.expect_err("wrong");
    let details = error.get_error_details();
    let fields = details
        .bad_request()
        .expect("given")
        .field_violations
        .iter();
    let fields: Vec<_> = fields.map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["receipt", "pledgee_account_id", "encumbrance"]);
    let split = v1::SplitReceiptRequest {
        context: context("s"),
        receipt: Some(0),
        account_id: "A".to_owned(),
        asset_id: "coal".to_owned(),
        parts: vec![part("one", "1"); 17],
    };
    let error = accounts.split_receipt(split).await.expect_err("wrong");
    assert!(error.message().contains("2 to 16"), "{error:?}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (_house, mut accounts) = opened().await;
    let unknown = v1::GetReceiptRequest {
        warehouse_id: "warehouse".to_owned(),
        number: "R-9".to_owned(),
        ..v1::GetReceiptRequest::default()
    };
    let error = accounts.get_receipt(unknown.clone()).await;
    let error = error.expect_err("unknown");
    assert_eq!(error.code(), Code::NotFound);
    let reason = error.get_error_details();
    let reason = reason.error_info().expect("given").reason.as_str();
    assert_eq!(reason, "UNKNOWN_RECEIPT");
    let request = v1::ListReceiptActsRequest {
        receipt: Some(0),
        ..v1::ListReceiptActsRequest::default()
    };
    let error = accounts.list_receipt_acts(request).await;
    assert_eq!(error.expect_err("unknown").code(), Code::NotFound);
    let answer = accounts.pool_receipt(pool("o", 0, "A")).await;
    assert_eq!(told(answer), Err("UNKNOWN_RECEIPT".to_owned()));
    for token in ["x", "1", "1-2-3"] {
        let request = v1::ListReceiptsRequest {
            account_id: "A".to_owned(),
            page_token: token.to_owned(),
            ..v1::ListReceiptsRequest::default()
        };
        let error = accounts.list_receipts(request).await.expect_err("wrong");
        assert_eq!(error.code(), Code::InvalidArgument);
    }
    let answer = accounts
        .register_receipt(register("r", "R-9", "A", "5"))
        .await;
    assert_eq!(told(answer), Ok(Some(0)));
    let found = accounts.get_receipt(unknown).await.expect("a receipt");
    let found = found.into_inner().receipt.expect("given");
    assert_eq!((found.receipt, found.amount.as_str()), (0, "5.000"));
}
