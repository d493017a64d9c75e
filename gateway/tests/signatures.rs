//! What decides over real money needs a second signature, which nobody can give while there is one
//! principal. Real custodians: `money`; real warehouses: `receipts`.

use crate::support::clearing::asset;
use crate::support::{House, context};
use proto::v1;

#[tokio::test]
async fn lines_and_scores_of_real_money_need_a_second_signature() {
    let house = House::open().await;
    house.with_market().await;
    let mut operations = house.operations().await;
    let yuan = v1::CreateAssetRequest {
        demonstration: false,
        ..asset("real-CNY", v1::AssetClass::Currency, 2, "")
    };
    operations.create_asset(yuan).await.expect("a report");
    // The only principal there is cannot be another one.
    for (at, approver) in ["", "local"].into_iter().enumerate() {
        let signed = |id: &str| {
            let plain = context(&format!("{id}-{at}")).expect("a context");
            let approver = approver.to_owned();
            Some(v1::OperationContext { approver, ..plain })
        };
        let line = v1::SetCreditLineRequest {
            context: signed("line"),
            asset_id: "real-CNY".to_owned(),
            band: 2,
            line: "1.00".to_owned(),
        };
        let score = v1::SetCreditScoreRequest {
            context: signed("score"),
            account_id: "A".to_owned(),
            asset_id: "real-CNY".to_owned(),
            band: 2,
        };
        let line = operations.set_credit_line(line).await;
        let score = operations.set_credit_score(score).await;
        for report in [line, score] {
            let report = report.expect("a report").into_inner();
            assert_eq!(report.reject_reason, "APPROVER_REQUIRED", "{approver}");
        }
    }
}
