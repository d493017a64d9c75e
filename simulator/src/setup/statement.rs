//! The statement of one account: every posting with the running balances, to be checked by hand.
//!
//! Invariant: what the lines add up to is compared with the balances the exchange tells; a
//! difference is a mismatch. Not here: the sum over all accounts (`money`).

use std::collections::BTreeMap;

use proto::v1::{ListPostingsRequest, Posting, PostingKind};
use rust_decimal::Decimal;

use super::SetupError;
use super::money::{decimal, get_balances};
use crate::client::connect::Connection;
use crate::report::Summary;

/// Postings of one page.
const PAGE: u32 = 1_000;
/// So many postings are about a screen: the first account with no more is taken.
const SHORT: usize = 24;
/// The fewest that tell something: its funding and a trade with its fee.
const TELLING: usize = 6;

/// Prints the statement of the first of these accounts that traded and did not trade much; where
/// all traded much, that of the one that traded least.
pub async fn print_one(
    connection: &Connection,
    accounts: impl Iterator<Item = String>,
    summary: &mut Summary,
) -> Result<(), SetupError> {
    let mut least: Option<(String, Vec<Posting>)> = None;
    for account_id in accounts {
        let postings = whole(connection, &account_id).await?;
        let Some(postings) = postings.filter(|all| all.len() >= TELLING) else {
            continue;
        };
        let length = postings.len();
        if least.as_ref().is_none_or(|(_, known)| length < known.len()) {
            least = Some((account_id, postings));
        }
        if length <= SHORT {
            break;
        }
    }
    if let Some((account_id, postings)) = least {
        return print(connection, account_id, &postings, summary).await;
    }
    summary.notes.push(format!(
        "no account has {TELLING} to {PAGE} postings: no statement"
    ));
    Ok(())
}

async fn print(
    connection: &Connection,
    account_id: String,
    postings: &[Posting],
    summary: &mut Summary,
) -> Result<(), SetupError> {
    let (lines, sums) = lines(postings)?;
    summary.notes.push(format!("statement of {account_id}:"));
    summary.notes.extend(lines);
    let has = get_balances(connection, account_id.clone()).await?;
    for balance in has.balances {
        let told = decimal(&balance.balance)?;
        let sum = sums.get(&balance.asset_id).copied().unwrap_or_default();
        if sum != told {
            summary.mismatch(|| {
                format!(
                    "{account_id}: postings of {} add up to {sum}, its balance is {told}",
                    balance.asset_id
                )
            });
        }
        summary.notes.push(format!(
            "  closing {} {told}, of which held {}",
            balance.asset_id, balance.held
        ));
    }
    Ok(())
}

/// A line a posting, and what they add up to by asset.
fn lines(postings: &[Posting]) -> Result<(Vec<String>, BTreeMap<String, Decimal>), SetupError> {
    let mut sums = BTreeMap::<String, Decimal>::new();
    let mut lines = Vec::with_capacity(postings.len());
    for posting in postings {
        let amount = decimal(&posting.amount)?;
        let sum = sums.entry(posting.asset_id.clone()).or_default();
        *sum += amount;
        let why = match posting.kind() {
            PostingKind::Unspecified => "unknown",
            PostingKind::Deposit => "deposit",
            PostingKind::Withdrawal => "withdrawal",
            PostingKind::TradeMoney => "trade, money",
            PostingKind::TradeGoods => "trade, goods",
            PostingKind::Fee => "fee",
            PostingKind::Receipt => "receipt",
            PostingKind::CorrectionMoney => "trade corrected, money",
            PostingKind::CorrectionGoods => "trade corrected, goods",
            PostingKind::CorrectionFee => "trade corrected, fee",
            PostingKind::Owed => "owed",
            PostingKind::Repaid => "repaid",
            PostingKind::CreditDrawn => "credit drawn",
            PostingKind::CreditRepaid => "credit repaid",
            PostingKind::Transfer => "transfer",
            PostingKind::Variation => "variation",
            PostingKind::ContractMoney => "contract, money",
            PostingKind::ContractGoods => "contract, goods",
            PostingKind::ContractFee => "contract, fee",
        };
        let of = if posting.trade_id.is_empty() {
            &posting.reference
        } else {
            &posting.trade_id
        };
        lines.push(format!(
            "  {why:13} {of:16} {amount:>20} {} makes {sum}",
            posting.asset_id
        ));
    }
    Ok((lines, sums))
}

/// All postings of an account; none where they are more than a page.
async fn whole(
    connection: &Connection,
    account_id: &str,
) -> Result<Option<Vec<Posting>>, SetupError> {
    let request = ListPostingsRequest {
        account_id: account_id.to_owned(),
        page_size: PAGE,
        ..ListPostingsRequest::default()
    };
    let answer = connection
        .persist(|| {
            let (mut client, request) = (connection.accounts(), request.clone());
            async move { client.list_postings(request).await }
        })
        .await;
    let page = answer.map_err(|status| SetupError::Call {
        what: format!("reading the postings of {account_id}"),
        status,
    })?;
    Ok(page.next_page_token.is_empty().then_some(page.postings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_adds_up_line_by_line() {
        let posting = |asset: &str, amount: &str, kind: PostingKind| Posting {
            asset_id: asset.to_owned(),
            amount: amount.to_owned(),
            kind: kind.into(),
            trade_id: "1-1-9-0".to_owned(),
            ..Posting::default()
        };
        let all = [
            posting("CNY", "100.00", PostingKind::Deposit),
            posting("CNY", "-30.50", PostingKind::TradeMoney),
            posting("CNY", "-0.01", PostingKind::Fee),
            posting("cu", "3", PostingKind::TradeGoods),
        ];
        let (lines, sums) = lines(&all).unwrap();
        assert_eq!(lines.len(), 4);
        assert!(lines[2].ends_with("-0.01 CNY makes 69.49"), "{}", lines[2]);
        assert_eq!(sums["CNY"].to_string(), "69.49");
        assert_eq!(sums["cu"].to_string(), "3");
    }
}
