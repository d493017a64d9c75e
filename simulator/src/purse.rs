//! What accounts must have by what they were told: their stakes, each trade with its fee, what
//! their live orders hold, and what custodians moved, to the smallest unit.
//!
//! Invariant: everything here comes from answers and reports, nothing from balances; those are only
//! compared. Not here: whether the reports themselves are whole (`crash::audit`).

use std::collections::{BTreeMap, HashMap};

use proto::v1::{Balance, ExecType, ExecutionReport, Side};
use rust_decimal::Decimal;

use crate::auditor::has_ended;

/// The assets of a run.
#[derive(Clone, Debug)]
pub struct Assets {
    /// What everything is paid in.
    pub money: String,
    /// What each instrument delivers.
    pub goods: HashMap<String, String>,
}

/// What an account must have of an asset.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Amounts {
    /// Available and held together.
    pub balance: Decimal,
    /// Of it, held by live orders.
    pub held: Decimal,
}

/// An amount that a custodian moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The account.
    pub account_id: String,
    /// The asset.
    pub asset_id: String,
    /// How much; below zero it went out.
    pub amount: Decimal,
}

/// See the file's head.
#[derive(Clone, Debug)]
pub struct Purse {
    assets: Assets,
    have: BTreeMap<String, BTreeMap<String, Amounts>>,
    /// Money and goods that live orders hold.
    orders: HashMap<String, [Decimal; 2]>,
}

impl Purse {
    /// Of accounts that have nothing.
    pub fn new(assets: Assets) -> Self {
        Self {
            assets,
            have: BTreeMap::new(),
            orders: HashMap::new(),
        }
    }

    /// Takes in what a custodian moved, a stake among others.
    pub fn moved(&mut self, moved: &Moved) {
        self.entry(&moved.account_id, &moved.asset_id).balance += moved.amount;
    }

    /// Takes in the next report: what it traded, and what its order holds from now on.
    ///
    /// # Errors
    /// It says nothing that can be counted, or an order that has ended holds something.
    pub fn take(&mut self, report: &ExecutionReport) -> Result<(), String> {
        // A reject names an order and says nothing of it.
        if !report.reject_reason.is_empty() {
            return Ok(());
        }
        if report.exec_type() == ExecType::Trade {
            self.trade(report)?;
        }
        self.hold(report)
    }

    fn trade(&mut self, report: &ExecutionReport) -> Result<(), String> {
        let [price, quantity, fee] = [&report.last_price, &report.last_quantity, &report.fee]
            .map(|text| amount(text, report));
        let (price, quantity, fee) = (price?, quantity?, fee?);
        let sign = sign(report)?;
        let goods = self.goods(report)?;
        let money = self.assets.money.clone();
        self.entry(&report.account_id, &money).balance -= sign * price * quantity + fee;
        self.entry(&report.account_id, &goods).balance += sign * quantity;
        Ok(())
    }

    fn hold(&mut self, report: &ExecutionReport) -> Result<(), String> {
        let ended = has_ended(report.order_status());
        let money = amount(&report.held, report)?;
        if ended && !money.is_zero() {
            return Err(format!("{} has ended and holds {money}", report.order_id));
        }
        let goods = if ended || report.side() == Side::Buy {
            Decimal::ZERO
        } else {
            amount(&report.leaves_quantity, report)?
        };
        let before = if ended {
            self.orders.remove(&report.order_id)
        } else {
            self.orders.insert(report.order_id.clone(), [money, goods])
        };
        let [had_money, had_goods] = before.unwrap_or_default();
        let (currency, delivered) = (self.assets.money.clone(), self.goods(report)?);
        self.entry(&report.account_id, &currency).held += money - had_money;
        self.entry(&report.account_id, &delivered).held += goods - had_goods;
        Ok(())
    }

    /// How an account's balances differ from what it must have, if they do. Of what is in doubt
    /// each may have been carried out or not.
    pub fn differs(
        &self,
        account_id: &str,
        balances: &[Balance],
        in_doubt: &[Moved],
    ) -> Option<String> {
        let nothing = BTreeMap::new();
        let must = self.have.get(account_id).unwrap_or(&nothing);
        let told: HashMap<&str, &Balance> = balances
            .iter()
            .map(|balance| (balance.asset_id.as_str(), balance))
            .collect();
        let known = must.keys().map(String::as_str);
        let others = told.keys().filter(|asset| !must.contains_key(**asset));
        for asset in known.chain(others.copied()) {
            let must = must.get(asset).copied().unwrap_or_default();
            let own = in_doubt
                .iter()
                .filter(|moved| moved.account_id == account_id && moved.asset_id == asset);
            let mut right = vec![must.balance];
            for moved in own {
                let with: Vec<_> = right.iter().map(|sum| *sum + moved.amount).collect();
                right.extend(with);
            }
            let says = |balance: Decimal| {
                told.get(asset).map_or_else(
                    || balance.is_zero() && must.held.is_zero(),
                    |told| {
                        let parts = [&told.available, &told.held, &told.balance];
                        let due = [balance - must.held, must.held, balance];
                        parts.map(|text| text.parse().ok()) == due.map(Some) && told.owed.is_empty()
                    },
                )
            };
            if !right.iter().any(|balance| says(*balance)) {
                let told = told.get(asset);
                return Some(format!(
                    "{account_id} must have {must:?} of {asset}, it has {told:?}"
                ));
            }
        }
        None
    }

    fn entry(&mut self, account: &str, asset: &str) -> &mut Amounts {
        let account = self.have.entry(account.to_owned()).or_default();
        account.entry(asset.to_owned()).or_default()
    }

    fn goods(&self, report: &ExecutionReport) -> Result<String, String> {
        let goods = self.assets.goods.get(&report.instrument_id);
        let unknown = || format!("{} is no instrument of the run", report.instrument_id);
        goods.cloned().ok_or_else(unknown)
    }
}

/// Plus one for a buy, minus one for a sell.
fn sign(report: &ExecutionReport) -> Result<Decimal, String> {
    match report.side() {
        Side::Buy => Ok(Decimal::ONE),
        Side::Sell => Ok(-Decimal::ONE),
        Side::Unspecified => Err(format!("{} has no side", report.exec_id)),
    }
}

/// An amount of a report; no text is nothing.
fn amount(text: &str, report: &ExecutionReport) -> Result<Decimal, String> {
    if text.is_empty() {
        return Ok(Decimal::ZERO);
    }
    let wrong = |_| format!("{}: `{text}` is no amount", report.exec_id);
    text.parse().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use proto::v1::OrderStatus;

    use super::*;

    fn moved(asset: &str, amount: &str) -> Moved {
        Moved {
            account_id: "A".to_owned(),
            asset_id: asset.to_owned(),
            amount: amount.parse().unwrap(),
        }
    }

    fn report(exec_type: ExecType, side: Side, status: OrderStatus) -> ExecutionReport {
        ExecutionReport {
            account_id: "A".to_owned(),
            instrument_id: "I".to_owned(),
            exec_type: exec_type.into(),
            side: side.into(),
            order_status: status.into(),
            ..ExecutionReport::default()
        }
    }

    /// A has 100.00, bought 3 at 10.50 for a fee of 0.04, and sells 2 of them.
    fn purse() -> Purse {
        let goods = HashMap::from([("I".to_owned(), "g".to_owned())]);
        let mut purse = Purse::new(Assets {
            money: "CNY".to_owned(),
            goods,
        });
        purse.moved(&moved("CNY", "100.00"));
        let trade = ExecutionReport {
            last_price: "10.50".to_owned(),
            last_quantity: "3".to_owned(),
            fee: "0.04".to_owned(),
            ..report(ExecType::Trade, Side::Buy, OrderStatus::Filled)
        };
        purse.take(&trade).unwrap();
        let sell = ExecutionReport {
            order_id: "9-0".to_owned(),
            leaves_quantity: "2".to_owned(),
            held: "0.01".to_owned(),
            ..report(ExecType::New, Side::Sell, OrderStatus::New)
        };
        purse.take(&sell).unwrap();
        purse
    }

    fn balances(money: [&str; 3], goods: [&str; 3]) -> Vec<Balance> {
        [("CNY", money), ("g", goods)]
            .map(|(asset, [available, held, balance])| Balance {
                asset_id: asset.to_owned(),
                available: available.to_owned(),
                held: held.to_owned(),
                balance: balance.to_owned(),
                ..Balance::default()
            })
            .into()
    }

    #[test]
    fn trades_fees_and_holds_are_counted_to_the_fen() {
        let purse = purse();
        let right = balances(["68.45", "0.01", "68.46"], ["1", "2", "3"]);
        assert_eq!(purse.differs("A", &right, &[]), None);
        for wrong in [
            balances(["68.46", "0.01", "68.47"], ["1", "2", "3"]),
            balances(["68.46", "0.00", "68.46"], ["1", "2", "3"]),
            balances(["68.45", "0.01", "68.46"], ["3", "0", "3"]),
        ] {
            assert!(purse.differs("A", &wrong, &[]).is_some(), "{wrong:?}");
        }
        assert!(purse.differs("A", &right[..1], &[]).is_some(), "no goods");
        assert!(purse.differs("B", &right, &[]).is_some(), "not B's");
    }

    #[test]
    fn what_is_in_doubt_may_be_done_once_or_not_at_all() {
        let purse = purse();
        let doubt = [moved("CNY", "-8.00")];
        let without = balances(["68.45", "0.01", "68.46"], ["1", "2", "3"]);
        let once = balances(["60.45", "0.01", "60.46"], ["1", "2", "3"]);
        let twice = balances(["52.45", "0.01", "52.46"], ["1", "2", "3"]);
        assert_eq!(purse.differs("A", &without, &doubt), None);
        assert_eq!(purse.differs("A", &once, &doubt), None);
        assert!(purse.differs("A", &twice, &doubt).is_some());
    }

    #[test]
    fn an_order_holds_what_its_last_report_says_and_nothing_when_it_has_ended() {
        let mut purse = purse();
        let less = ExecutionReport {
            order_id: "9-0".to_owned(),
            leaves_quantity: "1".to_owned(),
            ..report(ExecType::Replaced, Side::Sell, OrderStatus::New)
        };
        purse.take(&less).unwrap();
        let right = balances(["68.46", "0", "68.46"], ["2", "1", "3"]);
        assert_eq!(purse.differs("A", &right, &[]), None);
        let gone = ExecutionReport {
            order_id: "9-0".to_owned(),
            ..report(ExecType::Canceled, Side::Sell, OrderStatus::Canceled)
        };
        purse.take(&gone).unwrap();
        let right = balances(["68.46", "0", "68.46"], ["3", "0", "3"]);
        assert_eq!(purse.differs("A", &right, &[]), None);
    }

    #[test]
    fn an_ended_order_that_holds_is_found() {
        let ended = ExecutionReport {
            held: "0.01".to_owned(),
            ..report(ExecType::Canceled, Side::Buy, OrderStatus::Canceled)
        };
        assert!(purse().take(&ended).is_err());
    }
}
