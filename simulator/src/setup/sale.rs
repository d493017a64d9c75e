//! Terms, offers and kinds of parties, made through the public API.
//!
//! Invariant: as in `setup`: the same again is taken as it is. Not here: what is sold (`flash`,
//! `shops`, `replay::retail`).

use proto::v1::{DefineTermsRequest, MakeOfferRequest, PartyKind, SaleTerms, SetPartyKindRequest};

use super::{Operator, SetupError, handle, rejected};

/// Defines terms of a run, which `name` tells apart; their handle.
pub async fn define_terms(
    operator: &Operator,
    name: &str,
    terms: SaleTerms,
) -> Result<u32, SetupError> {
    let request = DefineTermsRequest {
        context: Some(operator.context(name)),
        terms: Some(terms),
    };
    let connection = operator.connection();
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.define_terms(request).await }
        })
        .await;
    handle(&format!("defining {name}"), answer)
}

/// Says that the owner of an account of the run is an enterprise.
pub async fn name_enterprise(operator: Operator, account: u32) -> Result<(), SetupError> {
    let owner = operator.run.id(&format!("o{account}"));
    let what = format!("naming {owner} an enterprise");
    let request = SetPartyKindRequest {
        context: Some(operator.context(&format!("e{account}"))),
        beneficial_owner_id: owner,
        kind: PartyKind::Enterprise.into(),
    };
    let connection = operator.connection();
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.set_party_kind(request).await }
        })
        .await;
    match answer {
        Ok(report) if report.accepted => Ok(()),
        Ok(report) => Err(rejected(what, report)),
        Err(status) => Err(SetupError::Call { what, status }),
    }
}

/// Makes an offer; its id.
pub async fn make_offer(
    operator: Operator,
    request: MakeOfferRequest,
) -> Result<String, SetupError> {
    let what = format!("offering {}", request.goods_asset_id);
    let connection = operator.connection();
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.sales(), request.clone());
            async move { client.make_offer(request).await }
        })
        .await;
    match answer {
        Ok(report) if report.reject_reason.is_empty() => Ok(report.offer_id),
        Ok(report) => Err(SetupError::Rejected {
            what,
            reason: report.reject_reason,
            basis: report.legal_basis,
            text: report.text,
        }),
        Err(status) => Err(SetupError::Call { what, status }),
    }
}
