//! Credit, collateral and transfers, as operators and accounts ask for them.
//!
//! Invariant: as in `clearing`: an amount is read with the decimals of its asset, exactly. Not
//! here: whether the account may (the engine), which shard this one is (the service).

use engine::command::{
    Body, CreditCommand, Half, MoveCollateral, Pledging, SetCreditLine, SetHaircut, SetScore,
    Transfer, TransferHalf,
};
use engine::types::{Amount, AssetId, ShardId, TransferId};
use proto::v1;

use super::fields::{Fields, shorten};
use super::operations::{Asks, Operation};

/// Pledge or release: one request, two calls.
#[derive(Clone, Copy, Debug)]
pub struct Collateral<'a> {
    /// What was asked.
    pub request: &'a v1::CollateralRequest,
    /// By which call.
    pub pledging: Pledging,
}

/// Out or in: one request, two calls.
#[derive(Clone, Copy, Debug)]
pub struct HalfOf<'a> {
    /// What was asked.
    pub request: &'a v1::TransferHalfRequest,
    /// By which call.
    pub half: Half,
    /// The shard that was asked.
    pub shard: u32,
}

impl Asks for v1::SetCreditLineRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let asset = fields.asset("asset_id", &self.asset_id);
        let line = amount(fields, ("line", &self.line), asset);
        let band = band(fields, self.band);
        Some(Body::Credit(CreditCommand::SetLine(SetCreditLine {
            asset: asset?,
            band: band?,
            line: line?,
        })))
    }
}

impl Asks for v1::SetCreditScoreRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let account = fields.account("account_id", &self.account_id);
        let asset = fields.asset("asset_id", &self.asset_id);
        let band = band(fields, self.band);
        Some(Body::Credit(CreditCommand::SetScore(SetScore {
            account: account?,
            asset: asset?,
            band: band?,
        })))
    }
}

impl Asks for v1::SetHaircutRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let goods = fields.asset("goods_asset_id", &self.goods_asset_id);
        let money = fields.asset("money_asset_id", &self.money_asset_id);
        let price = amount(fields, ("price", &self.price), money);
        let points = self.basis_points;
        let max = SetHaircut::BASIS_POINTS;
        let basis_points = u16::try_from(points).ok().filter(|points| *points <= max);
        if basis_points.is_none() {
            fields.wrong(
                "basis_points",
                format!("{points} is too large; at most {max} is right"),
            );
        }
        Some(Body::Credit(CreditCommand::SetHaircut(SetHaircut {
            goods: goods?,
            money: money?,
            price: price?,
            basis_points: basis_points?,
        })))
    }
}

impl Operation for Collateral<'_> {
    fn context(&self) -> Option<&v1::OperationContext> {
        self.request.context.as_ref()
    }

    fn body(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let request = self.request;
        let account = fields.account("account_id", &request.account_id);
        let money = fields.asset("money_asset_id", &request.money_asset_id);
        let goods = fields.asset("goods_asset_id", &request.goods_asset_id);
        let amount = above_zero(fields, &request.amount, goods);
        Some(Body::Credit(CreditCommand::MoveCollateral(
            MoveCollateral {
                account: account?,
                money: money?,
                goods: goods?,
                pledging: self.pledging,
                amount: amount?,
            },
        )))
    }
}

impl Operation for HalfOf<'_> {
    fn context(&self) -> Option<&v1::OperationContext> {
        self.request.context.as_ref()
    }

    fn body(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let request = self.request;
        let transfer = transfer(fields, &request.transfer_id);
        let account = fields.account("account_id", &request.account_id);
        let asset = fields.asset("asset_id", &request.asset_id);
        let amount = above_zero(fields, &request.amount, asset);
        if request.other_shard == self.shard {
            let shard = self.shard;
            fields.wrong(
                "other_shard",
                format!("{shard} is this shard; the other one is required"),
            );
        }
        Some(Body::Credit(CreditCommand::Half(TransferHalf {
            half: self.half,
            transfer: transfer?,
            account: account?,
            asset: asset?,
            amount: amount?,
            shard: ShardId::new(request.other_shard),
        })))
    }
}

impl Asks for v1::TransferRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let from = fields.account("from_account_id", &self.from_account_id);
        let to = fields.account("to_account_id", &self.to_account_id);
        let asset = fields.asset("asset_id", &self.asset_id);
        let amount = above_zero(fields, &self.amount, asset);
        Some(Body::Credit(CreditCommand::Transfer(Transfer {
            from: from?,
            to: to?,
            asset: asset?,
            amount: amount?,
        })))
    }
}

impl Asks for v1::CompensateRequest {
    fn ask(&self, fields: &mut Fields<'_>) -> Option<Body> {
        let from = fields.account("from_account_id", &self.from_account_id);
        let to = fields.account("to_account_id", &self.to_account_id);
        let asset = fields.asset("asset_id", &self.asset_id);
        let amount = above_zero(fields, &self.amount, asset);
        Some(Body::Credit(CreditCommand::Compensate(Transfer {
            from: from?,
            to: to?,
            asset: asset?,
            amount: amount?,
        })))
    }
}

fn band(fields: &mut Fields<'_>, value: u32) -> Option<u8> {
    let band = u8::try_from(value).ok();
    let band = band.filter(|band| *band < SetScore::BANDS);
    if band.is_none() {
        let max = SetScore::BANDS - 1;
        fields.wrong("band", format!("{value} is no score band; 0 to {max} are"));
    }
    band
}

/// A required amount of a known asset.
fn amount(
    fields: &mut Fields<'_>,
    (field, text): (&str, &str),
    asset: Option<AssetId>,
) -> Option<Amount> {
    if text.is_empty() {
        fields.wrong(field, "is empty; an amount is required");
    }
    let tables = fields.tables;
    let known = asset.and_then(|id| tables.asset(id));
    known.and_then(|known| fields.amount(field, text, known))
}

fn above_zero(fields: &mut Fields<'_>, text: &str, asset: Option<AssetId>) -> Option<Amount> {
    let amount = amount(fields, ("amount", text), asset);
    if amount.is_some_and(Amount::is_zero) {
        fields.wrong("amount", "is zero; an amount above zero is required");
    }
    amount
}

/// A transfer's id: 32 hexadecimal digits, hyphens left out.
fn transfer(fields: &mut Fields<'_>, text: &str) -> Option<TransferId> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let plain = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let read = plain
        .then(|| u128::from_str_radix(&digits, 16).ok())
        .flatten();
    if read.is_none() {
        let text = shorten(text);
        fields.wrong(
            "transfer_id",
            format!("\"{text}\" is no transfer id; 32 hexadecimal digits are right"),
        );
    }
    read.map(TransferId::new)
}
