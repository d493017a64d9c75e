//! What the accounts of the shops must have and the offers must have left, by the reports alone.
//!
//! Invariants checked on the way: what a step moves adds up; no offer ever gives more pieces than
//! were put in; no buyer has more than its limit. Everything here comes from reports; balances and
//! offers are only compared. Not here: whether the reports are whole (`audit`), what a guarantee
//! must be (`cover`), who may import (`uses`).

use std::collections::BTreeMap;

use proto::v1::{Balance, ContractReport, ContractState, ContractStep};
use rust_decimal::Decimal;

use super::{
    Kind, amount,
    cover::{Cover, Sets},
    debts::{Debts, Moves},
    found::{DEPOSIT_BP, PIECE_UNITS, SELLER, Shops, stake},
    holds_goods,
    ledger::Made,
    lives,
    uses::{Customs, Uses},
};
use crate::{crash::memory::Faults, purse::Amounts};

/// The share of what is to be paid that can be earnest money, one in so many (民法典(2020) 586).
const EARNEST_ONE_IN: i64 = 5;

/// A contract as far as it counts.
#[derive(Clone, Debug)]
struct Deal {
    last: ContractReport,
    money: Decimal,
    bond: Decimal,
    /// Pieces whose goods left and did not come back.
    gone: i64,
    /// Pieces that were given back, to stock or not.
    given_back: i64,
    asked_back: i64,
}

impl Deal {
    fn held(&self) -> i64 {
        if holds_goods(self.last.state()) {
            i64::from(self.last.pieces)
        } else {
            0
        }
    }

    /// Pieces that count against the buyer's limit.
    fn counted(&self) -> i64 {
        let state = self.last.state();
        let kept = lives(state)
            || state == ContractState::Settled
            || (state == ContractState::Resolved && self.gone > 0);
        if kept {
            i64::from(self.last.pieces) - self.given_back
        } else {
            0
        }
    }
}

/// The offers that were made, by id.
type Offers = BTreeMap<String, Made>;

/// See the file's head.
#[derive(Clone, Debug)]
pub struct Books {
    deals: BTreeMap<String, Deal>,
    taken: BTreeMap<String, i64>,
    counted: BTreeMap<(String, String), i64>,
    money: BTreeMap<String, Amounts>,
    /// What the venue got.
    pub fees: Decimal,
    /// What banks brought for contracts.
    pub paid_in: Decimal,
    /// Pieces whose goods left, and pieces that contracts hold, by seller.
    goods: BTreeMap<String, (i64, i64)>,
    /// The seller's guarantee.
    pub cover: Cover,
    /// What merchants owe.
    pub debts: Debts,
    /// What owners used of their limits of imports.
    pub uses: Uses,
    /// What must not be.
    pub faults: Faults,
}

impl Books {
    /// Of shops where nothing was reserved yet.
    pub fn new(shops: &Shops) -> Self {
        let begin = Amounts {
            balance: stake().money,
            held: Decimal::ZERO,
        };
        let merchants = shops.merchants().map(|index| shops.account(index));
        let poor = merchants.map(|account| (account, Amounts::default()));
        Self {
            deals: BTreeMap::new(),
            taken: BTreeMap::new(),
            counted: BTreeMap::new(),
            money: shops
                .accounts()
                .map(|account| (account, begin))
                .chain(poor)
                .collect(),
            fees: Decimal::ZERO,
            paid_in: Decimal::ZERO,
            goods: BTreeMap::new(),
            cover: Cover::default(),
            debts: Debts::new(shops),
            uses: Uses::new(
                (0..=shops.buyers)
                    .map(|index| (shops.account(index), shops.owner_id(index)))
                    .collect(),
            ),
            faults: Faults::default(),
        }
    }

    /// All that was set was done up to a place of the history.
    pub fn follow(&mut self, (sets, customs): (&Sets, &Customs), at: u64) {
        self.cover.follow(sets, at, &mut self.faults);
        self.uses.follow(customs, at, &mut self.faults);
    }

    /// All money of merchants was moved up to a place of the history.
    pub fn follow_moves(&mut self, moves: &Moves, at: u64) {
        self.debts.follow(moves, at, &mut self.faults);
    }

    /// Takes in the buyer's next report, or that something was refused.
    pub fn take(&mut self, report: &ContractReport, offers: &Offers) {
        self.debts.take(report, &mut self.faults);
        if !report.reject_reason.is_empty() {
            return;
        }
        let kind = offers.get(&report.offer_id).map(|made| made.kind);
        if kind == Some(Kind::Covered) {
            self.cover.take(report);
        } else if kind == Some(Kind::Import) {
            self.uses.take(report);
        }
        let known = self.deals.remove(&report.contract_id);
        let mut deal = known.unwrap_or_else(|| Deal {
            last: ContractReport::default(),
            money: Decimal::ZERO,
            bond: Decimal::ZERO,
            gone: 0,
            given_back: 0,
            asked_back: 0,
        });
        let (held, counted) = (deal.held() + deal.gone, deal.counted());
        let waiting = deal.held();
        self.pay(&mut deal, report);
        let out = amount(&report.goods_out) / Decimal::from(PIECE_UNITS);
        let out = i64::try_from(out).unwrap_or_default();
        deal.gone += out;
        match report.step() {
            ContractStep::AskReturn => deal.asked_back = i64::from(report.return_pieces),
            ContractStep::TakeBack => deal.given_back += deal.asked_back,
            ContractStep::Deadline if deal.last.state() == ContractState::Returning => {
                deal.given_back += deal.asked_back;
            }
            ContractStep::Unspecified
            | ContractStep::Reserve
            | ContractStep::Pay
            | ContractStep::PayIn
            | ContractStep::PaidIn
            | ContractStep::Cancel
            | ContractStep::HandOver
            | ContractStep::Deliver
            | ContractStep::PickUp
            | ContractStep::Accept
            | ContractStep::HandBack
            | ContractStep::Dispute
            | ContractStep::Resolve
            | ContractStep::Rescind
            | ContractStep::Deadline
            | ContractStep::PutOff
            | ContractStep::Invoice
            | ContractStep::Basket
            | ContractStep::Repay => {}
        }
        deal.last = report.clone();
        let goods = self.goods.entry(report.seller_account_id.clone());
        let goods = goods.or_default();
        *goods = (goods.0 + out, goods.1 + deal.held() - waiting);
        let taken = self.taken.entry(report.offer_id.clone()).or_default();
        *taken += deal.held() + deal.gone - held;
        let owner = (report.offer_id.clone(), report.buyer_account_id.clone());
        let own = self.counted.entry(owner).or_default();
        *own += deal.counted() - counted;
        let (taken, own) = (*taken, *own);
        self.bound(report, offers, (taken, own));
        self.deals.insert(report.contract_id.clone(), deal);
    }

    /// What a step moves adds up, and is moved.
    fn pay(&mut self, deal: &mut Deal, report: &ContractReport) {
        let [after, refunded, paid_out, fee, penalty] = [
            &report.money_held,
            &report.refunded,
            &report.paid_out,
            &report.fee,
            &report.penalty,
        ]
        .map(|text| amount(text));
        let comes_in = match report.step() {
            ContractStep::Reserve
            | ContractStep::Basket
            | ContractStep::Pay
            | ContractStep::PaidIn => true,
            ContractStep::Unspecified
            | ContractStep::PayIn
            | ContractStep::Cancel
            | ContractStep::HandOver
            | ContractStep::Deliver
            | ContractStep::PickUp
            | ContractStep::Accept
            | ContractStep::AskReturn
            | ContractStep::HandBack
            | ContractStep::TakeBack
            | ContractStep::Dispute
            | ContractStep::Resolve
            | ContractStep::Rescind
            | ContractStep::Deadline
            | ContractStep::PutOff
            | ContractStep::Invoice
            | ContractStep::Repay => false,
        };
        if !comes_in && deal.money != after + refunded + paid_out + fee {
            let (id, before) = (&report.contract_id, deal.money);
            self.faults.add(format!(
                "contract {id}: {before} is not {after} held, {refunded} refunded, {paid_out} \
                 paid out and {fee} of fee"
            ));
        }
        let bond = bond_of(report);
        // What a bank brings comes from outside; all else was the buyer's before.
        let brought = if report.step() == ContractStep::PaidIn {
            after - deal.money
        } else {
            Decimal::ZERO
        };
        self.paid_in += brought;
        if let Some(buyer) = self.money.get_mut(&report.buyer_account_id) {
            buyer.balance += brought + penalty - paid_out - fee;
            buyer.held += after - deal.money;
        }
        if let Some(seller) = self.money.get_mut(&report.seller_account_id) {
            seller.balance += paid_out - penalty;
            seller.held += bond - deal.bond;
        }
        self.fees += fee;
        (deal.money, deal.bond) = (after, bond);
    }

    fn bound(&mut self, report: &ContractReport, offers: &Offers, (taken, own): (i64, i64)) {
        let id = &report.offer_id;
        let Some(made) = offers.get(id) else {
            return;
        };
        let stock = i64::from(made.stock());
        if taken < 0 || taken > stock {
            self.faults
                .add(format!("offer {id} gave {taken} pieces, it had {stock}"));
        }
        if let Some(limit) = made.limit().filter(|limit| own > i64::from(*limit)) {
            let buyer = &report.buyer_account_id;
            self.faults.add(format!(
                "{buyer} has {own} pieces of offer {id}, its limit is {limit}"
            ));
        }
    }

    /// How many pieces of an offer must be left; none of one that nobody was told of.
    pub fn left(&self, offer_id: &str, offers: &Offers) -> Option<i64> {
        let made = offers.get(offer_id)?;
        let taken = self.taken.get(offer_id).copied().unwrap_or_default();
        Some(i64::from(made.stock()) - taken)
    }

    /// How an account's balances at a place of the history differ from what it must have. Goods on
    /// offer are known only where every answer to the seller came, `whole`, and its money only
    /// where it is known what its guarantee is, or what was moved, `sure`.
    pub fn differs(
        &self,
        (shops, offers): (&Shops, &Offers),
        (account_id, balances): (&str, &[Balance]),
        (at, whole, sure): (u64, bool, bool),
    ) -> Option<String> {
        let mut money = self.money.get(account_id).copied().unwrap_or_default();
        let mut goods = Amounts {
            balance: stake().goods,
            held: Decimal::ZERO,
        };
        let seller = shops.sellers().any(|seller| seller == account_id);
        let poor = seller && account_id != shops.account(SELLER);
        if seller {
            money.held += if poor {
                Decimal::ZERO
            } else {
                self.cover.held()
            };
            money.balance += self.debts.moved(account_id);
            let (gone, held) = self.goods.get(account_id).copied().unwrap_or_default();
            goods.balance -= Decimal::from(gone * i64::from(PIECE_UNITS));
            let live = |made: &&Made| {
                let ended = made.withdrawn.is_some_and(|end| end <= at);
                let own = made.asked.account_id == account_id;
                own && made.report.engine_sequence <= at && !ended
            };
            let live = offers.values().filter(live);
            let left: i64 = live
                .filter_map(|made| self.left(&made.report.offer_id, offers))
                .sum();
            goods.held = Decimal::from((left + held) * i64::from(PIECE_UNITS));
        }
        for (asset, must) in [(&shops.money, money), (&shops.goods, goods)] {
            let told = balances.iter().find(|balance| balance.asset_id == *asset);
            let (has, holds) = told.map_or((Decimal::ZERO, Decimal::ZERO), |told| {
                (amount(&told.balance), amount(&told.held))
            });
            let free = told.map_or(Decimal::ZERO, |told| amount(&told.available));
            let known = if *asset == shops.goods { whole } else { sure };
            let unsure = seller && !known;
            let held = unsure || holds == must.held;
            let owes = self.debts.differs(account_id, free);
            if let Some(what) = owes.filter(|_| *asset == shops.money) {
                return Some(what);
            }
            let right = (poor && unsure) || has == must.balance;
            if !right || !held || free + holds != has || free.is_sign_negative() {
                return Some(format!(
                    "{account_id} must have {must:?} of {asset}, it has {told:?}"
                ));
            }
        }
        None
    }
}

/// What a contract of a presale holds of the seller's money, until its goods leave.
pub fn bond_of(report: &ContractReport) -> Decimal {
    let holds = match report.state() {
        ContractState::Deposited | ContractState::Paid | ContractState::HandedOver => true,
        ContractState::Unspecified
        | ContractState::Unpaid
        | ContractState::Delivered
        | ContractState::Accepted
        | ContractState::Performed
        | ContractState::Covered
        | ContractState::Owing
        | ContractState::ReturnProposed
        | ContractState::ReturnAsked
        | ContractState::Returning
        | ContractState::Settled
        | ContractState::Refunded
        | ContractState::Cancelled
        | ContractState::Expired
        | ContractState::Defaulted
        | ContractState::Resolved
        | ContractState::Rescinded
        | ContractState::Joined
        | ContractState::Released
        | ContractState::Forfeited
        | ContractState::Entered => false,
    };
    if !holds || !is_presale(report) {
        return Decimal::ZERO;
    }
    // The price contains the tax, so the amount is all that is to be paid; in fen.
    let due = amount(&report.amount) * Decimal::ONE_HUNDRED;
    let deposit = (due * Decimal::from(DEPOSIT_BP) / Decimal::from(10_000)).ceil();
    let fifth = (due / Decimal::from(EARNEST_ONE_IN)).floor();
    deposit.min(fifth) / Decimal::ONE_HUNDRED
}

/// By its price, which no other kind has.
fn is_presale(report: &ContractReport) -> bool {
    amount(&report.price) == PRESALE_PRICE
}

/// The price of a presale's piece.
pub const PRESALE_PRICE: Decimal = Decimal::from_parts(3_333, 0, 0, false, 2);
