//! Who has what, what is held, what trades move (section 11): positions are sums of postings,
//! holds are sums over what is open.
//!
//! Invariant: after every command the positions of each asset sum to zero and nobody holds more
//! than it has; `conserved` asserts it. Not here: assets, custodians, instructions
//! (`registry::money`).

use super::*;
use RejectReason as R;
use registry::{Cleared, fails};

const MILLION: i128 = 1_000_000;
/// The most an order may be worth.
const VALUE_MAX: i128 = 1 << 52;
/// The most there may be of one asset.
pub const CIRCULATION_MAX: i128 = 1 << 60;
/// More postings than this are carried forward as one for each position.
const POSTINGS_MAX: usize = 96;

/// Who has a position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Holder {
    Account(usize),
    Venue(usize),
    Custodian(usize),
    Receivable(usize),
    Credit(usize),
    Transit(usize),
    Clearing(usize),
}

/// A position gains or loses.
pub struct Posting {
    pub holder: Holder,
    pub asset: usize,
    pub amount: i128,
}

/// The lowest price of this sign.
pub(super) fn lowest(sign: PriceSign) -> i64 {
    match sign {
        PriceSign::Positive => 1,
        PriceSign::NonNegative => 0,
        PriceSign::Any => -Price::MAX_TICKS,
    }
}

/// What a fill of one side comes to.
#[derive(Clone, Copy)]
pub(super) struct Charge {
    pub(super) id: u64,
    pub(super) fee: i128,
    /// What the order accrued before, and after.
    pub(super) before: i128,
    pub(super) accrued: i128,
}

impl Reference {
    /// What somebody has of an asset: all that was ever posted.
    pub fn balance(&self, holder: Holder, asset: usize) -> i128 {
        let own = |posting: &&Posting| posting.holder == holder && posting.asset == asset;
        let own = self.money.postings.iter().filter(own);
        own.map(|posting| posting.amount).sum()
    }

    /// What of it is held: for orders, for withdrawals that wait, and by receipts.
    pub fn held(&self, account: usize, asset: usize) -> i128 {
        let orders = self.orders.iter();
        let orders = orders.filter(|order| order.account.place() == account);
        let margined = |order: &Order| {
            let known = self.instruments[order.instrument].margin.as_ref();
            known.is_some_and(|contract| contract.money == asset)
        };
        let orders = orders.map(|order| match self.instruments[order.instrument].clearing {
            None if margined(order) => order.held,
            Some(cleared) if cleared.money == asset => order.held,
            Some(cleared) if cleared.goods == asset => self.hold(order).1,
            _ => 0,
        });
        let waiting = self.money.pending.iter().filter(|one| {
            one.account == account && one.asset == asset && one.direction == Direction::Withdrawal
        });
        let stored = self
            .money
            .receipts
            .iter()
            .filter(|one| one.live() && (one.account, one.asset) == (account, asset));
        let lost = self.money.forgotten.iter();
        let lost = lost.filter(|lost| (lost.0, lost.1) == (account, asset));
        let own = |pledge: &&registry::Pledge| (pledge.account, pledge.goods) == (account, asset);
        let pledged = self.money.pledges.iter().filter(own);
        let forwards = self
            .instruments
            .iter()
            .filter_map(|known| known.margin.as_ref());
        let forwards = forwards.filter(|contract| contract.money == asset);
        let rows = forwards.flat_map(|contract| &contract.rows);
        let rows = rows.filter(|row| row.account == account);
        let shelved = self.on_shelves(asset, |seller, _| seller.place() == account);
        orders.sum::<i128>()
            + shelved
            + self.in_deals(account, asset)
            + rows.map(|row| row.held).sum::<i128>()
            + pledged.map(|pledge| pledge.amount).sum::<i128>()
            + waiting.map(|one| one.amount).sum::<i128>()
            + stored.map(|one| one.amount).sum::<i128>()
            + self.unsettled(account, asset)
            + lost.map(|lost| lost.2).sum::<i128>()
    }

    pub fn available(&self, account: usize, asset: usize) -> i128 {
        self.balance(Holder::Account(account), asset) - self.held(account, asset)
    }

    /// What is in circulation of an asset: all that lies below zero, what is owed apart.
    pub fn circulation(&self, asset: usize) -> i128 {
        let own = self.money.positions.iter().filter(|known| known.1 == asset);
        let outside = own.filter(|known| !matches!(known.0, Holder::Receivable(_)));
        let amounts = outside.map(|&(holder, asset)| self.balance(holder, asset));
        -amounts.map(|amount| amount.min(0)).sum::<i128>()
    }

    /// What is in circulation, and what is owed.
    pub(super) fn there_is(&self, asset: usize) -> i128 {
        self.circulation(asset) + self.owed_of(asset)
    }

    /// Whether these positions are there or may come into being.
    pub(super) fn room_for(&self, positions: &[(Holder, usize)]) -> bool {
        let known = &self.money.positions;
        let missing = positions.iter().filter(|one| !known.contains(one));
        known.len() + missing.count() <= self.limits.positions_max as usize
    }

    pub(super) fn need(&mut self, holder: Holder, asset: usize) {
        if !self.money.positions.contains(&(holder, asset)) {
            self.money.positions.push((holder, asset));
        }
    }

    pub(super) fn post(&mut self, holder: Holder, asset: usize, amount: i128) {
        assert!(self.money.positions.contains(&(holder, asset)));
        self.money.postings.push(Posting {
            holder,
            asset,
            amount,
        });
    }

    /// What an order that accrued so much is charged, the cap left out.
    fn charged(&self, rates: &FeeRates, accrued: i128) -> i128 {
        if accrued <= 0 {
            return -(-accrued).div_euclid(MILLION);
        }
        let up = if self.fault == Some(Fault::FeeDown) {
            0
        } else {
            MILLION - 1
        };
        (accrued + up)
            .div_euclid(MILLION)
            .max(i128::from(rates.minimum))
    }

    pub(super) fn capped(&self, rates: &FeeRates, accrued: i128) -> i128 {
        let charged = self.charged(rates, accrued);
        rates
            .cap
            .map_or(charged, |cap| charged.min(i128::from(cap)))
    }

    /// The money and the goods an order holds by the formulas, as it stands.
    pub(super) fn hold(&self, order: &Order) -> (i128, i128) {
        let known = &self.instruments[order.instrument];
        let margin = known.margin.as_ref();
        let v = known.clearing.map(|cleared| cleared.tick_value);
        let v = v.or(margin.map(|contract| contract.tick_value));
        let (Some(v), Some(at)) = (v, order.price) else {
            return (0, 0);
        };
        let p = i128::from(at.max(lowest(known.terms.price_sign)));
        let q = i128::from(order.leaves);
        let rates = &order.rates;
        let m = [rates.maker_ppm, rates.taker_ppm, rates.auction_ppm];
        let m = i128::from(m.into_iter().max().unwrap_or(0).max(0));
        let more = |y: i128, k: i128| {
            let lots = k * i128::from(rates.per_lot) * MILLION;
            let after = order.accrued + y.abs() * k * v * m + lots;
            let mut charged = self.charged(rates, after);
            if k > 0 && rates.minimum > 0 {
                charged = charged.max(i128::from(rates.minimum));
            }
            charged - self.charged(rates, order.accrued)
        };
        if known.margin.is_some() {
            return (more(p, q), 0);
        }
        let lot_units = known.clearing.map_or(0, |cleared| cleared.lot_units);
        let whole = p * q * v;
        if order.side == Side::Sell && self.days_to_settle(order.instrument) > 0 {
            let minimum = i128::from(rates.minimum);
            let once = (minimum - self.charged(rates, order.accrued)).max(0);
            let once = if minimum > 0 && q > 0 { once } else { 0 };
            (q * i128::from(rates.per_lot) + once, q * lot_units)
        } else if order.side == Side::Sell {
            let first = more(p, 1) - p * v;
            let all = more(p, q) - whole;
            let money = if q == 0 { 0 } else { first.max(all).max(0) };
            (money, q * lot_units)
        } else if p > 0 {
            (whole + more(p, q), 0)
        } else if q == 0 {
            (0, 0)
        } else {
            ((whole + more(p, q)).max(more(0, q)).max(0), 0)
        }
    }

    /// The protection a stop gets that names none.
    pub(super) fn stop_protection(&self, instrument: usize, side: Side, stop: i64) -> i64 {
        let terms = &self.instruments[instrument].terms;
        let away = terms.market_protection_ticks;
        let mut at = stop + sign(side) * away;
        if let Some((low, high)) = self.band(instrument) {
            at = at.clamp(low, high);
        }
        let at = at.max(lowest(terms.price_sign));
        at.clamp(-Price::MAX_TICKS, Price::MAX_TICKS)
    }

    /// Whether an order at this price is worth more than the ledger takes.
    pub(super) fn worth(&self, instrument: usize, at: Option<i64>, lots: i64) -> Result<(), R> {
        let known = &self.instruments[instrument];
        let v = known.clearing.map(|cleared| cleared.tick_value);
        let margin = known.margin.as_ref().map(|contract| contract.tick_value);
        let Some(v) = v.or(margin) else {
            return Ok(());
        };
        let at = i128::from(at.unwrap_or(0).abs());
        let value = at * i128::from(lots) * v;
        fails(value > VALUE_MAX, R::OrderValue)
    }

    /// Whether the account can hold so much more than `before`.
    pub(super) fn funded(&self, order: &Order, before: (i128, i128)) -> Result<(), R> {
        let Some(cleared) = self.instruments[order.instrument].clearing else {
            return Ok(());
        };
        let account = order.account.place();
        let after = self.hold(order);
        let lacks = |more: i128, asset| more > 0 && more > self.available(account, asset);
        let affords = self.affords(account, cleared.money, after.0 - before.0);
        fails(!affords, R::InsufficientFunds)?;
        fails(
            lacks(after.1 - before.1, cleared.goods),
            R::InsufficientGoods,
        )
    }

    /// The order's two positions.
    pub(super) fn two(&self, order: &Order) -> Option<[(Holder, usize); 2]> {
        let cleared = self.instruments[order.instrument].clearing?;
        let holder = Holder::Account(order.account.place());
        Some([(holder, cleared.money), (holder, cleared.goods)])
    }

    /// The money hold falls to the formula; it never rises here.
    pub(super) fn lower(&mut self, id: u64) {
        let order = self.get(id);
        if self.instruments[order.instrument].margin.is_some() {
            return self.lower_fee(id, order.held);
        }
        let money = self.hold(order).0;
        let order = self.get_mut(id);
        order.held = order.held.min(money);
    }

    /// A market-to-limit order has its price: its hold falls, and it is said.
    pub(super) fn price_set(&mut self, id: u64) {
        let before = self.get(id).held;
        self.lower(id);
        if self.get(id).held < before {
            self.reached.push("set price lowers a hold");
        }
        self.report(id, ExecType::Restated, Cause::PriceSet);
    }

    /// Self-trade prevention took from an order: its hold falls.
    pub(super) fn decremented(&mut self, id: u64) {
        let before = self.get(id).held;
        if self.fault != Some(Fault::DecrementKeepsHold) {
            self.lower(id);
        }
        if self.get(id).held < before && self.get(id).leaves > 0 {
            self.reached.push("decrement lowers a hold");
        }
    }

    pub(super) fn note_replace(&mut self, before: i128, after: i128) {
        match after.cmp(&before) {
            std::cmp::Ordering::Less => self.reached.push("replace lowers a hold"),
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => self.reached.push("replace raises a hold"),
        }
    }

    /// The fault put in on purpose: a cancelled order's money stays held.
    pub(super) fn forget(&mut self, id: u64, cause: Cause) {
        let order = self.get(id);
        let cleared = self.instruments[order.instrument].clearing;
        if let (Some(Fault::ReleaseForgotten), Cause::Request, Some(cleared)) =
            (self.fault, cause, cleared)
        {
            let lost = (order.account.place(), cleared.money, order.held);
            self.money.forgotten.push(lost);
        }
    }

    /// What one side's fill is charged, before both sides are looked at.
    pub(super) fn charge(
        &self,
        id: u64,
        aggressor: Option<Side>,
        value: i128,
        quantity: i128,
    ) -> Charge {
        let order = self.get(id);
        let rates = &order.rates;
        let rate = match aggressor {
            None => rates.auction_ppm,
            Some(side) if side == order.side => rates.taker_ppm,
            Some(_) => rates.maker_ppm,
        };
        let lots = quantity * i128::from(rates.per_lot) * MILLION;
        let accrued = order.accrued + value.abs() * i128::from(rate) + lots;
        Charge {
            id,
            fee: self.capped(rates, accrued) - self.capped(rates, order.accrued),
            before: order.accrued,
            accrued,
        }
    }

    /// Fees never take from the venue: rebates are raised until they do not.
    pub(super) fn raise(&mut self, sides: &mut [Charge; 2]) {
        let fees = sides.map(|side| side.fee);
        if fees[0] + fees[1] >= 0 {
            return;
        }
        let both = fees[0].max(fees[1]) < 0;
        self.reached.push(if both {
            "both rebates raised"
        } else {
            "raised rebate"
        });
        for (side, other) in sides.iter_mut().zip([fees[1], fees[0]]) {
            let up = match both {
                true => -side.fee,
                false if side.fee < other => -other - side.fee,
                false => 0,
            };
            side.fee += up;
            if up > 0 {
                side.accrued = (side.accrued + up * MILLION).min(side.before);
            }
        }
    }

    /// Money and goods of a trade change hands: its value and what is delivered, and of the buyer
    /// and the seller the fee and what the order still holds. The leaves are those after it.
    pub(super) fn settle(
        &mut self,
        sides: [u64; 2],
        aggressor: Option<Side>,
        at: i64,
        quantity: i64,
    ) -> ([i64; 2], [(i64, i64); 2]) {
        let instrument = self.get(sides[0]).instrument;
        if self.instruments[instrument].margin.is_some() {
            return self.settle_margin(sides, aggressor, at, quantity);
        }
        let known = &self.instruments[instrument];
        let venue = Holder::Venue(known.venue);
        let Some(cleared) = known.clearing else {
            return ([0; 2], [(0, 0); 2]);
        };
        let quantity = i128::from(quantity);
        let value = i128::from(at) * quantity * cleared.tick_value;
        let mut charges = sides.map(|id| self.charge(id, aggressor, value, quantity));
        self.raise(&mut charges);
        self.note(&charges, aggressor, at);
        let both = charges[0].fee + charges[1].fee;
        self.post(venue, cleared.money, both);
        let goods = quantity * cleared.lot_units;
        let pays = [value + charges[0].fee, charges[1].fee - value];
        let gets = [goods, -goods];
        let later = self.days_to_settle(instrument) > 0;
        self.traded(sides, goods, -pays[1]);
        let mut answer = [(0, 0); 2];
        for at in 0..2 {
            let Charge {
                id, fee, accrued, ..
            } = charges[at];
            let holder = Holder::Account(self.get(id).account.place());
            self.post(holder, cleared.money, -pays[at]);
            self.post(holder, cleared.goods, gets[at]);
            let order = self.get_mut(id);
            order.accrued = accrued;
            order.held -= if later { pays[at].max(0) } else { pays[at] };
            assert!(
                order.held >= 0,
                "an order pays more than it holds: {order:?} {pays:?} {fee}"
            );
            let before = order.held;
            self.lower(id);
            let held = self.get(id).held;
            if held < before && self.get(id).leaves > 0 {
                self.reached.push("price improvement released");
            }
            answer[at] = (small(fee), small(held));
        }
        ([small(value), small(goods)], answer)
    }

    /// Which fees a trade met.
    pub(super) fn note(&mut self, charges: &[Charge; 2], aggressor: Option<Side>, at: i64) {
        if at < 0 {
            self.reached.push("trade at a negative price");
        }
        for charge in charges {
            let order = self.get(charge.id);
            let (rates, side) = (order.rates, order.side);
            let plain = self.charged(&FeeRates::default(), charge.accrued);
            let kind = match aggressor {
                None => "auction fee",
                Some(taker) if taker == side => "taker fee",
                Some(_) => "maker fee",
            };
            let marks = [
                (charge.fee > 0, kind),
                (charge.fee < 0, "rebate"),
                (rates.per_lot > 0 && charge.fee != 0, "fee per lot"),
                (
                    charge.accrued > 0 && plain < i128::from(rates.minimum),
                    "minimum fee",
                ),
                (
                    rates.cap.is_some_and(|cap| plain > i128::from(cap)),
                    "capped fee",
                ),
            ];
            let met = marks.into_iter().filter(|mark| mark.0);
            self.reached.extend(met.map(|mark| mark.1));
        }
    }

    /// Carries postings forward, and asserts what must always hold (I1 to I7).
    pub(super) fn conserved(&mut self) {
        for order in &self.orders {
            assert_eq!(order.quantity, order.cumulative + order.leaves);
            let known = &self.instruments[order.instrument];
            let clears = known.clearing.is_some() || known.margin.is_some();
            assert!(order.held >= 0 && (order.held == 0 || clears));
        }
        if self.money.postings.len() == self.money.settled && self.money.assets.is_empty() {
            return;
        }
        let mut sums = vec![0; self.money.assets.len()];
        let mut carried = Vec::new();
        for &(holder, asset) in &self.money.positions {
            let amount = self.balance(holder, asset);
            match holder {
                Holder::Account(account) => {
                    let held = self.held(account, asset);
                    assert!(
                        0 <= held && held <= amount,
                        "{holder:?} holds {held} of {amount}"
                    );
                }
                Holder::Venue(_) | Holder::Clearing(_) => {
                    assert!(amount >= 0, "{holder:?} lost {amount}");
                }
                Holder::Custodian(_) => assert!(amount <= 0, "{holder:?} owes {amount}"),
                Holder::Receivable(account) => {
                    let has = self.available(account, asset);
                    assert!(
                        amount <= 0 && (amount == 0 || has == 0),
                        "{holder:?} has {has}"
                    );
                }
                Holder::Credit(account) => {
                    assert!(amount <= 0, "{holder:?} owes {amount}");
                    let left = self.available(account, asset);
                    let eager = left == 0 || self.fault == Some(Fault::NeverRepaid);
                    assert!(
                        amount == 0 || eager,
                        "{holder:?} lends {amount}, {left} is left"
                    );
                }
                Holder::Transit(_) => assert!(amount.abs() <= CIRCULATION_MAX),
            }
            sums[asset] += amount;
            carried.push(Posting {
                holder,
                asset,
                amount,
            });
        }
        assert!(
            sums.iter().all(|sum| *sum == 0),
            "made of nothing: {sums:?}"
        );
        for asset in 0..sums.len() {
            assert!(self.there_is(asset) <= CIRCULATION_MAX);
        }
        if self.money.postings.len() > POSTINGS_MAX {
            self.money.postings = carried;
        }
        self.money.settled = self.money.postings.len();
    }

    /// The rates of an order of this account, by its participant's tier now.
    pub(super) fn rates_of(&self, account: usize, instrument: usize) -> FeeRates {
        let participant = self.accounts[account].participant;
        let tier = self.money.tier(participant);
        let venue = self.instruments[instrument].venue;
        let own = Some(instrument);
        let keys = [(own, tier), (None, tier), (own, 0), (None, 0)];
        let found = keys.into_iter().find_map(|(instrument, tier)| {
            let key = (venue, instrument, tier);
            self.money.rates.iter().find(|known| known.0 == key)
        });
        found.map_or_else(FeeRates::default, |known| known.1)
    }
}

/// What events can say.
pub fn small(amount: i128) -> i64 {
    i64::try_from(amount).expect("within the bounds of one order")
}

/// What a tick of a lot is worth, if it is whole.
pub fn tick_value(terms: &InstrumentTerms, decimals: u8) -> Option<i128> {
    let goods = terms.quantity_decimals;
    cleared(terms, (0, decimals), (0, goods)).map(|cleared| cleared.tick_value)
}

/// The clearing of an instrument, if it can have this one.
pub fn cleared(terms: &InstrumentTerms, money: (usize, u8), goods: (usize, u8)) -> Option<Cleared> {
    let ten = |decimals: u8| 10_i128.pow(u32::from(decimals));
    let whole = |above: i128, below: i128| {
        let unit = above / below;
        (above % below == 0 && (1..=1 << 40).contains(&unit)).then_some(unit)
    };
    let size = i128::from(terms.tick_size) * i128::from(terms.lot_size);
    let below = ten(terms.price_decimals) * ten(terms.quantity_decimals);
    let lots = i128::from(terms.lot_size) * ten(goods.1);
    Some(Cleared {
        money: money.0,
        goods: goods.0,
        tick_value: whole(size * ten(money.1), below)?,
        lot_units: whole(lots, ten(terms.quantity_decimals))?,
    })
}
