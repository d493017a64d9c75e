//! Assets, custodians, clearing, fees and instructions (section 11).
//!
//! Invariant: what comes in or goes out was acknowledged by a custodian. Not here: balances and
//! holds (`reference::ledger`).

use super::*;
use crate::reference::ledger::{self, CIRCULATION_MAX, Holder, Posting};
use RejectReason as R;

type Answer = Result<Option<u32>, Reject>;

pub struct Asset {
    pub name: Name,
    pub class: AssetClass,
    pub demonstration: Demonstration,
}

pub struct Custodian {
    pub name: Name,
    pub kind: CustodianKind,
    pub demonstration: Demonstration,
    /// The last closed business date.
    pub closed: Option<i32>,
}

/// An instrument's clearing.
#[derive(Clone, Copy, Debug)]
pub struct Cleared {
    pub money: usize,
    pub goods: usize,
    pub tick_value: i128,
    pub lot_units: i128,
}

/// An instruction that waits for its custodian.
#[derive(Clone)]
pub struct Instruction {
    pub id: Sequence,
    pub account: usize,
    pub asset: usize,
    pub custodian: usize,
    pub direction: Direction,
    pub amount: i128,
}

/// Venue, instrument, tier.
type RateKey = (usize, Option<usize>, u8);

/// All about money and goods.
#[derive(Default)]
pub struct Money {
    pub assets: Vec<Asset>,
    pub custodians: Vec<Custodian>,
    pub rates: Vec<(RateKey, FeeRates)>,
    /// Every different rate ever set.
    pub different: Vec<FeeRates>,
    tiers: Vec<(usize, u8)>,
    pub positions: Vec<(Holder, usize)>,
    pub postings: Vec<Posting>,
    /// How many postings there were when the sums were last looked at.
    pub settled: usize,
    pub pending: Vec<Instruction>,
    pub references: Vec<(usize, i32, Name)>,
    pub receipts: Vec<super::receipts::Receipt>,
    /// Currency, band, line.
    pub lines: Vec<(usize, u8, i128)>,
    /// Account, currency, band.
    pub scores: Vec<(usize, usize, u8)>,
    /// Money and goods, price, basis points.
    pub haircuts: Vec<((usize, usize), i128, i128)>,
    pub pledges: Vec<Pledge>,
    /// Whether it came in, and which transfer.
    pub halves: Vec<(bool, TransferId)>,
    /// Holds that a fault put in on purpose did not release.
    pub forgotten: Vec<(usize, usize, i128)>,
}

impl Money {
    pub fn tier(&self, participant: usize) -> u8 {
        let known = self.tiers.iter().find(|known| known.0 == participant);
        known.map_or(0, |known| known.1)
    }
}

impl Reference {
    /// The commands about money and goods.
    pub(super) fn clear(&mut self, envelope: &Envelope, body: &Body) -> Answer {
        match body {
            Body::CreateAsset(create) => self.create_asset(create),
            Body::CreateCustodian(create) => self.create_custodian(create),
            Body::SetClearing(set) => self.set_clearing(*set),
            Body::SetFees(set) => self.set_fees(set),
            Body::SetTier(set) => self.set_tier(*set),
            Body::Instruct(instruct) => self.instruct(instruct),
            Body::Acknowledge(acknowledge) => self.acknowledge(envelope, acknowledge),
            Body::CloseCustodyDate(close) => self.close_date(envelope, *close),
            Body::Receipts(act) => self.receipts(envelope, act),
            Body::Settlement(ask) => self.settlement(envelope, ask),
            _ => unreachable!("another part carries it out"),
        }
    }

    fn create_asset(&mut self, create: &CreateAsset) -> Answer {
        let money = &mut self.money;
        let known = money.assets.iter().any(|known| known.name == create.name);
        fails(known, R::AlreadyExists)?;
        let no_unit = matches!(create.class, AssetClass::Goods { unit, .. } if unit.is_empty());
        let decimals = match create.class {
            AssetClass::Currency { decimals } | AssetClass::Goods { decimals, .. } => decimals,
        };
        fails(
            create.name.is_empty() || no_unit || decimals > 9,
            R::InvalidField,
        )?;
        let full = money.assets.len() >= self.limits.assets_max as usize;
        fails(full, R::TooMany)?;
        money.assets.push(Asset {
            name: create.name,
            class: create.class,
            demonstration: create.demonstration,
        });
        Ok(Some(money.assets.len() as u32 - 1))
    }

    fn create_custodian(&mut self, create: &CreateCustodian) -> Answer {
        let list = &mut self.money.custodians;
        let known = list.iter().any(|known| known.name == create.name);
        fails(known, R::AlreadyExists)?;
        fails(create.name.is_empty(), R::InvalidField)?;
        let full = list.len() >= self.limits.custodians_max as usize;
        fails(full, R::TooMany)?;
        list.push(Custodian {
            name: create.name,
            kind: create.kind,
            demonstration: create.demonstration,
            closed: None,
        });
        Ok(Some(list.len() as u32 - 1))
    }

    fn set_clearing(&mut self, set: SetClearing) -> Answer {
        let i = set.instrument.place();
        let known = self.instruments.get(i).ok_or(R::UnknownInstrument)?;
        let asset = |id: AssetId| self.money.assets.get(id.place()).ok_or(R::UnknownAsset);
        let (money, goods) = (asset(set.money)?, asset(set.goods)?);
        let live = self.orders.iter().any(|order| order.instrument == i);
        let used = known.clearing.is_some() || known.margin.is_some();
        fails(live || used, R::InvalidField)?;
        let (AssetClass::Currency { decimals }, AssetClass::Goods { decimals: fine, .. }) =
            (money.class, goods.class)
        else {
            return Err(R::InvalidField.into());
        };
        let kind = self.venues[known.venue].demonstration;
        let mixed = money.demonstration != kind || goods.demonstration != kind;
        fails(mixed, R::InvalidField)?;
        let (money, goods) = (set.money.place(), set.goods.place());
        let cleared = ledger::cleared(&known.terms, (money, decimals), (goods, fine));
        let cleared = cleared.ok_or(R::InvalidField)?;
        let fees = (Holder::Venue(known.venue), money);
        fails(!self.room_for(&[fees]), R::TooMany)?;
        self.law_of_goods(i, goods)?;
        self.need(fees.0, fees.1);
        self.instruments[i].clearing = Some(cleared);
        self.settle_by_law(i);
        Ok(None)
    }

    fn set_fees(&mut self, set: &SetFees) -> Answer {
        let v = set.venue.place();
        fails(v >= self.venues.len(), R::UnknownVenue)?;
        let instrument = set.instrument.map(InstrumentId::place);
        if let Some(i) = instrument {
            let known = self.instruments.get(i).filter(|known| known.venue == v);
            fails(known.is_none(), R::UnknownInstrument)?;
        }
        let rates = &set.rates;
        let shares = [rates.maker_ppm, rates.taker_ppm, rates.auction_ppm];
        let wrong = set.tier > 7
            || shares
                .iter()
                .any(|rate| !(-100_000..=100_000).contains(rate))
            || rates.per_lot < 0
            || rates.minimum < 0
            || rates.cap.is_some_and(|cap| cap < rates.minimum)
            || (rates.minimum > 0 && shares.iter().any(|&rate| rate < 0))
            || rates.per_lot > 1 << 20
            || rates.minimum > 1 << 40
            || rates.cap.is_some_and(|cap| cap > 1 << 40);
        fails(wrong, R::InvalidField)?;
        let money = &mut self.money;
        if *rates != FeeRates::default() && !money.different.contains(rates) {
            let full = money.different.len() >= self.limits.rates_max as usize;
            fails(full, R::TooMany)?;
            money.different.push(*rates);
        }
        let key = (v, instrument, set.tier);
        money.rates.retain(|known| known.0 != key);
        money.rates.push((key, *rates));
        Ok(None)
    }

    fn set_tier(&mut self, set: SetTier) -> Answer {
        let participant = set.participant.place();
        fails(
            participant >= self.participants.len(),
            R::UnknownParticipant,
        )?;
        fails(set.tier > 7, R::InvalidField)?;
        self.money.tiers.retain(|known| known.0 != participant);
        self.money.tiers.push((participant, set.tier));
        Ok(None)
    }

    /// The custodian moves the asset.
    pub(super) fn execute(&mut self, one: &Instruction) {
        let sign = if one.direction == Direction::Deposit {
            1
        } else {
            -1
        };
        let amount = sign * one.amount;
        self.post(Holder::Account(one.account), one.asset, amount);
        self.post(Holder::Custodian(one.custodian), one.asset, -amount);
        self.brought(one);
    }

    pub(super) fn say_custody(
        &mut self,
        one: &Instruction,
        status: CustodyStatus,
        said: (Name, i32),
    ) {
        self.out.push(Event::Custody(CustodyReport {
            instruction: one.id,
            account: AccountId::new(one.account as u32),
            asset: AssetId::new(one.asset as u32),
            custodian: CustodianId::new(one.custodian as u32),
            direction: one.direction,
            amount: Amount::new(ledger::small(one.amount)).expect("within bounds"),
            status,
            reference: said.0,
            business_date: said.1,
        }));
    }

    fn custody(&mut self, one: &Instruction, status: CustodyStatus, said: (Name, i32)) {
        self.say_custody(one, status, said);
        if status == CustodyStatus::Executed && one.direction == Direction::Deposit {
            self.answer_calls(one.account, one.asset);
        }
    }

    fn above_limit(&self, one: &Instruction) -> Result<(), R> {
        let sum = self.there_is(one.asset) + one.amount;
        let more = sum > CIRCULATION_MAX;
        fails(more && one.direction == Direction::Deposit, R::AmountLimit)
    }

    /// What a custodian holds of an asset, without what waits to be withdrawn from it and what
    /// receipts stand for.
    pub(super) fn outside(&self, custodian: usize, asset: usize) -> i128 {
        let waits = |one: &&Instruction| {
            one.direction == Direction::Withdrawal
                && (one.custodian, one.asset) == (custodian, asset)
        };
        let waiting = self.money.pending.iter().filter(waits);
        let waiting: i128 = waiting.map(|one| one.amount).sum();
        let own = |one: &&super::receipts::Receipt| {
            one.live() && (one.warehouse, one.asset) == (custodian, asset)
        };
        let stored = self.money.receipts.iter().filter(own);
        let mut stored: i128 = stored.map(|one| one.amount).sum();
        if self.fault == Some(Fault::ReceiptsUnbacked) {
            stored = 0;
        }
        let shelved = self.on_shelves(asset, |_, warehouse| warehouse == custodian);
        -self.balance(Holder::Custodian(custodian), asset) - waiting - stored - shelved
    }

    fn instruct(&mut self, ask: &Instruct) -> Answer {
        let one = Instruction {
            id: self.sequence,
            account: ask.account.place(),
            asset: ask.asset.place(),
            custodian: ask.custodian.place(),
            direction: ask.direction,
            amount: i128::from(ask.amount.units()),
        };
        fails(one.account >= self.accounts.len(), R::UnknownAccount)?;
        self.may_move(ask.account, ask.direction == Direction::Deposit)?;
        let asset = self.money.assets.get(one.asset).ok_or(R::UnknownAsset)?;
        let custodian = self.money.custodians.get(one.custodian);
        let custodian = custodian.ok_or(R::UnknownCustodian)?;
        let currency = matches!(asset.class, AssetClass::Currency { .. });
        let mixed = currency != (custodian.kind == CustodianKind::Bank)
            || asset.demonstration != custodian.demonstration;
        fails(one.amount == 0 || mixed, R::InvalidField)?;
        self.may_be_brought(&one)?;
        let alone = custodian.demonstration == Demonstration::Demonstration;
        let holders = [
            Holder::Account(one.account),
            Holder::Custodian(one.custodian),
        ];
        let positions = holders.map(|holder| (holder, one.asset));
        let full = self.money.pending.len() >= self.limits.instructions_max as usize;
        fails(full || !self.room_for(&positions), R::TooMany)?;
        let out = one.direction == Direction::Withdrawal;
        let lacks = out
            && (one.amount > self.available(one.account, one.asset)
                || one.amount > self.outside(one.custodian, one.asset));
        fails(lacks && currency, R::InsufficientFunds)?;
        fails(lacks, R::InsufficientGoods)?;
        if alone {
            self.above_limit(&one)?;
        }
        self.room_for_owner(&one)?;
        for (holder, asset) in positions {
            self.need(holder, asset);
        }
        if alone {
            let day = self.time.nanoseconds() + 8 * 3_600_000_000_000;
            let day = day.div_euclid(86_400_000_000_000) as i32;
            let text = format!("auto-{}", one.id.value());
            let reference = Name::new(&text).expect("short");
            self.execute(&one);
            self.custody(&one, CustodyStatus::Executed, (reference, day));
        } else {
            self.custody(&one, CustodyStatus::Pending, (Name::EMPTY, 0));
            self.money.pending.push(one);
        }
        Ok(None)
    }

    fn acknowledge(&mut self, envelope: &Envelope, ask: &Acknowledge) -> Answer {
        let pending = &self.money.pending;
        let at = pending.iter().position(|one| one.id == ask.instruction);
        let at = at.ok_or(R::UnknownInstruction)?;
        let one = pending[at].clone();
        let authority = envelope.authority.as_ref();
        let approver = authority.and_then(|authority| authority.approver);
        let alone = approver.is_none_or(|approver| approver == envelope.principal);
        fails(alone, R::ApproverRequired)?;
        fails(ask.reference.is_empty(), R::InvalidField)?;
        let closed = self.money.custodians[one.custodian].closed;
        let closed = closed.is_some_and(|closed| ask.business_date <= closed);
        fails(closed, R::CustodyDateClosed)?;
        let key = (one.custodian, ask.business_date, ask.reference);
        fails(self.money.references.contains(&key), R::ReferenceUsed)?;
        let executed = ask.outcome == Outcome::Executed;
        if executed {
            self.above_limit(&one)?;
        }
        let full = self.money.references.len() >= self.limits.references_max as usize;
        fails(full, R::TooMany)?;
        self.money.references.push(key);
        self.money.pending.remove(at);
        let status = if executed {
            self.execute(&one);
            CustodyStatus::Executed
        } else {
            CustodyStatus::Refused
        };
        let said = (ask.reference, ask.business_date);
        if !self.bank_answered(&one, status, said) {
            self.custody(&one, status, said);
        }
        Ok(None)
    }

    fn close_date(&mut self, envelope: &Envelope, close: CloseCustodyDate) -> Answer {
        let at = close.custodian.place();
        let custodian = self.money.custodians.get_mut(at);
        let custodian = custodian.ok_or(R::UnknownCustodian)?;
        let authority = envelope.authority.as_ref();
        let approver = authority.and_then(|authority| authority.approver);
        let alone = approver.is_none_or(|approver| approver == envelope.principal);
        let real = custodian.demonstration == Demonstration::Real;
        fails(real && alone, R::ApproverRequired)?;
        let late = custodian.closed.is_some_and(|closed| close.date <= closed);
        let begins = i64::from(close.date) * 86_400_000_000_000 - 8 * 3_600_000_000_000;
        fails(late || begins > self.time.nanoseconds(), R::InvalidField)?;
        custodian.closed = Some(close.date);
        let open = |known: &(usize, i32, Name)| known.0 != at || known.1 > close.date;
        self.money.references.retain(open);
        Ok(None)
    }
}
