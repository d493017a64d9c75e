//! Folds an arbitrary command onto things that exist, and keeps one in eight as it was drawn.

#![allow(clippy::wildcard_enum_match_arm)] // each part folds its own commands

use proptest::prelude::*;
use sanjiang_engine::command::*;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Phase, TradingStatus};

use super::law;
use super::market::{self, HOUR, Shard};

/// How much time passes before a command: mostly none, at times past a deadline.
pub fn pass() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(0), 3 => 0..HOUR, 1 => HOUR..30 * HOUR]
}

/// How far a command is folded: 0 not at all, 1 to 4 with its identity, from 8 on an order is plain
/// enough to be taken and a venue goes on trading.
pub fn dice() -> impl Strategy<Value = u8> {
    0..16_u8
}

/// The command, folded.
pub fn command(mut command: Command, dice: u8, shard: &Shard) -> Command {
    if dice == 0 {
        return command;
    }
    if dice > 4 {
        command.envelope.identity = Identity::Internal;
        command.envelope.valid_until = None;
    }
    fold_envelope(&mut command.envelope, shard);
    fold_body(&mut command.body, shard);
    if dice >= 8 {
        keep_trading(&mut command.body);
    }
    command
}

fn fold_envelope(envelope: &mut Envelope, shard: &Shard) {
    envelope.principal = PrincipalId::new(envelope.principal.index() % 2);
    envelope.valid_until = envelope.valid_until.map(|until| {
        let around = until.nanoseconds() % (2 * HOUR) - HOUR / 8;
        shard.now().after(Nanoseconds(around))
    });
    envelope.identity = match envelope.identity {
        Identity::Internal => Identity::Internal,
        Identity::Session {
            client_sequence, ..
        } => Identity::Session {
            session: SessionId::new(0),
            client_sequence: client_sequence % 4,
        },
        Identity::Request(id) => {
            let short = id.as_str().len() % 5;
            Identity::Request(ClientId::new(&"x".repeat(short)).expect("short"))
        }
    };
}

/// Changes of phase, status and switches go to where orders trade, and orders are such as rest or
/// take.
fn keep_trading(body: &mut Body) {
    if let Body::SetPhase(set) = body {
        set.phase = Phase::Continuous;
    }
    if let Body::SetTradingStatus(set) = body {
        set.status = TradingStatus::Trading;
    }
    if let Body::Switch(SwitchCommand::SetKillSwitch(set)) = body {
        set.position = Position::Released;
    }
    if let Body::NewOrder(new) = body {
        new.time_in_force = TimeInForce::Day;
        new.min_quantity = None;
        if let OrderType::Limit(terms) = &mut new.order_type {
            terms.posting = Posting::MayTake;
            terms.display_quantity = None;
        }
    }
}

fn account(id: AccountId) -> AccountId {
    AccountId::new(id.index() % 2)
}

fn instrument() -> InstrumentId {
    InstrumentId::new(0)
}

fn near(price: Price) -> Price {
    Price::new(price.ticks().rem_euclid(12) + 95).expect("in bounds")
}

fn some_lots(quantity: Quantity) -> Quantity {
    Quantity::new(quantity.lots() % 20).expect("in bounds")
}

/// A short name, so that names meet.
pub fn short(name: Name) -> Name {
    market::name(&"n".repeat(name.as_str().len() % 4))
}

fn order(id: OrderId, shard: &Shard) -> OrderId {
    shard.newest(id.slot).unwrap_or(id)
}

fn fold_body(body: &mut Body, shard: &Shard) {
    match body {
        Body::NewOrder(new) => fold_new(new, shard),
        Body::CancelOrder(cancel) => {
            cancel.account = account(cancel.account);
            cancel.order = order(cancel.order, shard);
        }
        Body::ReplaceOrder(replace) => {
            replace.account = account(replace.account);
            replace.order = order(replace.order, shard);
            replace.price = replace.price.map(near);
            replace.stop_price = replace.stop_price.map(near);
            replace.quantity = replace.quantity.map(some_lots);
        }
        Body::MassCancel(cancel) => {
            cancel.account = account(cancel.account);
            cancel.instrument = cancel.instrument.map(|_| instrument());
        }
        Body::OpenSession(open) => {
            open.name = short(open.name);
            open.last_client_sequence %= 3;
        }
        Body::CreateParticipant(create) => create.name = short(create.name),
        Body::CreateOwner(create) => create.name = short(create.name),
        Body::CreateAccount(create) => {
            create.name = short(create.name);
            create.participant = ParticipantId::new(create.participant.index() % 2);
            create.owner = OwnerId::new(create.owner.index() % 3);
        }
        Body::SetReferencePrice(set) => {
            set.instrument = instrument();
            set.price = near(set.price);
        }
        Body::SetCalendar(_)
        | Body::CreateVenue(_)
        | Body::DefineRegime(_)
        | Body::MoveVenue(_)
        | Body::CreateInstrument(_)
        | Body::SetSchedule(_)
        | Body::SetPhase(_)
        | Body::SetTradingStatus(_) => fold_market(body),
        Body::CreateAsset(_)
        | Body::CreateCustodian(_)
        | Body::SetClearing(_)
        | Body::SetFees(_)
        | Body::SetTier(_)
        | Body::Instruct(_)
        | Body::Acknowledge(_)
        | Body::CloseCustodyDate(_)
        | Body::Settlement(_) => fold_money(body, shard),
        Body::Standing(_) | Body::Limits(_) | Body::SetAnnualUse(_) => fold_duty(body),
        Body::Receipts(act) => fold_receipts(act),
        Body::Correction(correction) => fold_correction(correction, shard),
        Body::Credit(credit) => fold_credit(credit),
        Body::Margin(command) => fold_margin(command),
        // There is no shop here, so commands about sales are refused as they are.
        Body::Sales(_)
        | Body::Contract(_)
        | Body::SetLimits(_)
        | Body::AcceptClock(_)
        | Body::Tick
        | Body::SessionsLost
        | Body::ServiceGap(_)
        | Body::SemanticsVersion(_)
        | Body::BeginEpoch(_)
        | Body::Quarantine(_) => {}
        Body::Switch(command) => fold_switch(command),
    }
}

/// Switches of what there is, and timeouts around their bounds.
fn fold_switch(command: &mut SwitchCommand) {
    let session = SessionId::new(0);
    match command {
        SwitchCommand::SetKillSwitch(set) => {
            set.scope = match set.scope {
                KillScope::Session(_) => KillScope::Session(session),
                KillScope::Account(id) => KillScope::Account(account(id)),
                KillScope::Participant(_) => KillScope::Participant(ParticipantId::new(0)),
                KillScope::Venue(_) => KillScope::Venue(VenueId::new(0)),
            };
        }
        SwitchCommand::SetDisconnectPolicy(set) => set.session = session,
        SwitchCommand::ArmDeadMan(arm) => {
            let around = |span: Nanoseconds| Nanoseconds(span.0 % (25 * HOUR));
            (arm.session, arm.timeout) = (session, arm.timeout.map(around));
        }
        SwitchCommand::SessionDisconnected(id) => *id = session,
    }
}

fn fold_new(new: &mut NewOrder, shard: &Shard) {
    new.account = account(new.account);
    new.instrument = instrument();
    new.quantity = some_lots(new.quantity);
    new.min_quantity = new
        .min_quantity
        .filter(|least| least.lots() % 4 == 0)
        .map(some_lots);
    new.order_type = match new.order_type {
        OrderType::Limit(terms) => OrderType::Limit(LimitTerms {
            price: near(terms.price),
            display_quantity: terms.display_quantity.map(some_lots),
            posting: terms.posting,
        }),
        OrderType::Market { protection } => OrderType::Market {
            protection: protection.map(near),
        },
        OrderType::MarketToLimit { protection } => OrderType::MarketToLimit {
            protection: protection.map(near),
        },
        OrderType::Stop {
            stop_price,
            protection,
        } => OrderType::Stop {
            stop_price: near(stop_price),
            protection: protection.map(near),
        },
        OrderType::StopLimit { stop_price, price } => OrderType::StopLimit {
            stop_price: near(stop_price),
            price: near(price),
        },
    };
    if let TimeInForce::GoodTillDate(until) = new.time_in_force {
        let later = Nanoseconds(until.nanoseconds() % (20 * HOUR));
        new.time_in_force = TimeInForce::GoodTillDate(shard.now().after(later));
    }
}

fn fold_market(body: &mut Body) {
    match body {
        Body::SetCalendar(set) => law::fold_calendar(set),
        Body::CreateVenue(create) => {
            create.name = short(create.name);
            create.regimes.truncate(2);
            law::fold_regimes(&mut create.regimes);
            create.models.truncate(3);
            create.calendar = create.calendar.map(|id| CalendarId::new(id.index() % 2));
        }
        Body::DefineRegime(terms) => law::fold_rules(&mut terms.rules),
        Body::MoveVenue(moves) => {
            moves.venue = VenueId::new(moves.venue.index() % 3);
            moves.regimes.truncate(2);
            law::fold_regimes(&mut moves.regimes);
        }
        Body::CreateInstrument(create) => {
            create.name = short(create.name);
            create.venue = VenueId::new(create.venue.index() % 2);
        }
        Body::SetSchedule(set) => {
            set.venue = VenueId::new(set.venue.index() % 2);
            for (offset, _) in &mut set.entries {
                offset.0 = offset.0.rem_euclid(24 * HOUR);
            }
            set.entries.sort_unstable_by_key(|entry| entry.0.0);
            set.entries.dedup_by_key(|entry| entry.0);
        }
        Body::SetPhase(set) => set.venue = VenueId::new(set.venue.index() % 2),
        Body::SetTradingStatus(set) => match &mut set.scope {
            Scope::Venue(venue) => *venue = VenueId::new(0),
            Scope::Instrument(one) => *one = instrument(),
        },
        Body::NewOrder(_)
        | Body::CancelOrder(_)
        | Body::ReplaceOrder(_)
        | Body::MassCancel(_)
        | Body::OpenSession(_)
        | Body::CreateParticipant(_)
        | Body::CreateOwner(_)
        | Body::CreateAccount(_)
        | Body::SetReferencePrice(_)
        | Body::SetAnnualUse(_)
        | Body::SetLimits(_)
        | Body::AcceptClock(_)
        | Body::CreateAsset(_)
        | Body::CreateCustodian(_)
        | Body::SetClearing(_)
        | Body::SetFees(_)
        | Body::SetTier(_)
        | Body::Instruct(_)
        | Body::Acknowledge(_)
        | Body::CloseCustodyDate(_)
        | Body::Standing(_)
        | Body::Limits(_)
        | Body::Receipts(_)
        | Body::Correction(_)
        | Body::Credit(_)
        | Body::Settlement(_)
        | Body::Margin(_)
        | Body::Sales(_)
        | Body::Contract(_)
        | Body::Tick
        | Body::SessionsLost
        | Body::ServiceGap(_)
        | Body::SemanticsVersion(_)
        | Body::BeginEpoch(_)
        | Body::Quarantine(_)
        | Body::Switch(_) => {}
    }
}

/// Margin forwards meet too: few instruments, small prices.
fn fold_margin(command: &mut MarginCommand) {
    match command {
        MarginCommand::SetMargin(set) => {
            set.instrument = instrument();
            set.money = AssetId::new(set.money.index() % 3);
            set.settlement_price = near(set.settlement_price);
            set.initial_bp %= SetMargin::BP_MAX + 1;
            set.maintenance_bp %= set.initial_bp + 1;
        }
        MarginCommand::SetSettlementPrice(set) => {
            set.instrument = instrument();
            set.price = near(set.price);
        }
        MarginCommand::Mark(mark) => mark.instrument = instrument(),
    }
}

/// Parties and limits meet too: few of them, limits within their bounds.
fn fold_duty(body: &mut Body) {
    let participant = |id: ParticipantId| ParticipantId::new(id.index() % 2);
    let venue = |id: VenueId| VenueId::new(id.index() % 2);
    match body {
        Body::SetAnnualUse(set) => {
            set.owner = OwnerId::new(set.owner.index() % 3);
            set.year = 1_970 + set.year % 2;
            set.used = set.used.rem_euclid(2 * SetAnnualUse::USED_MAX);
        }
        Body::Standing(StandingCommand::SetStanding(set)) => match &mut set.party {
            Party::Participant(id) => *id = participant(*id),
            Party::Account(id) => *id = account(*id),
        },
        Body::Standing(StandingCommand::SetRoles(set)) => {
            (set.venue, set.participant) = (venue(set.venue), participant(set.participant));
        }
        Body::Standing(StandingCommand::SetAccess(set)) => set.venue = venue(set.venue),
        Body::Standing(StandingCommand::SetRegistration(set)) => {
            set.participant = participant(set.participant);
        }
        Body::Limits(LimitsCommand::SetRiskLimits(set)) => {
            match &mut set.scope {
                RiskScope::Venue(id) => *id = venue(*id),
                RiskScope::Participant(id) => *id = participant(*id),
                RiskScope::Account(id) => *id = account(*id),
            }
            if let Some(throttle) = &mut set.limits.throttle {
                (throttle.rate, throttle.burst) = (throttle.rate % 9, throttle.burst % 9);
            }
            if let Some(limit) = &mut set.limits.order_to_trade {
                (limit.ratio, limit.allowance) = (limit.ratio % 3, limit.allowance % 50);
            }
        }
        _ => unreachable!("another part folds it: {body:?}"),
    }
}

/// Corrections find a trade now and then: one of the last commands, among its first events.
fn fold_correction(correction: &mut CorrectionCommand, shard: &Shard) {
    let named = correction.trade();
    let back = named.sequence.value() % 9;
    let sequence = shard.sequence().value().saturating_sub(back);
    let trade = TradeRef {
        sequence: Sequence::new(sequence),
        index: named.index % 3,
    };
    *correction = match *correction {
        CorrectionCommand::Bust { .. } => CorrectionCommand::Bust { trade },
        CorrectionCommand::Correct {
            price, quantity, ..
        } => CorrectionCommand::Correct {
            trade,
            price: near(price),
            quantity,
        },
    };
}

/// Money and goods meet too: few assets and custodians, small amounts, recent instructions.
fn fold_money(body: &mut Body, shard: &Shard) {
    let asset = |id: AssetId| AssetId::new(id.index() % 3);
    match body {
        Body::CreateAsset(create) => create.name = short(create.name),
        Body::CreateCustodian(create) => create.name = short(create.name),
        Body::SetClearing(set) => {
            set.instrument = instrument();
            (set.money, set.goods) = (asset(set.money), asset(set.goods));
        }
        Body::SetFees(set) => {
            set.venue = VenueId::new(0);
            set.instrument = set.instrument.map(|_| instrument());
            set.tier %= 9;
            let rates = &mut set.rates;
            for rate in [
                &mut rates.maker_ppm,
                &mut rates.taker_ppm,
                &mut rates.auction_ppm,
            ] {
                *rate %= FeeRates::PPM_MAX;
            }
            for units in [&mut rates.per_lot, &mut rates.minimum] {
                *units %= 100;
            }
        }
        Body::SetTier(set) => {
            set.participant = ParticipantId::new(set.participant.index() % 2);
            set.tier %= 9;
        }
        Body::Instruct(instruct) => {
            instruct.account = account(instruct.account);
            instruct.asset = asset(instruct.asset);
            instruct.custodian = CustodianId::new(instruct.custodian.index() % 2);
            let units = instruct.amount.units() % 1_000;
            instruct.amount = Amount::new(units).expect("in bounds");
        }
        Body::Acknowledge(acknowledge) => {
            let back = acknowledge.instruction.value() % 9;
            let id = shard.sequence().value().saturating_sub(back);
            acknowledge.instruction = Sequence::new(id);
        }
        Body::CloseCustodyDate(close) => {
            close.custodian = CustodianId::new(close.custodian.index() % 2);
            close.date %= 30_000;
        }
        Body::Settlement(command) => match command.as_mut() {
            SettlementCommand::Set(set) => {
                set.instrument = InstrumentId::new(set.instrument.index() % 3);
                set.days %= 12;
                set.reverse_trade_days %= 22;
                set.max_holders = set.max_holders.map(|most| most % 6);
            }
            SettlementCommand::SetNominee(set) => {
                set.nominee = OwnerId::new(set.nominee.index() % 4);
                for owner in &mut set.owners {
                    *owner = OwnerId::new(owner.index() % 6);
                }
            }
        },
        _ => unreachable!("another part folds it: {body:?}"),
    }
}

/// Receipts meet too: few of them, of few numbers, held by few accounts.
fn fold_receipts(act: &mut ReceiptCommand) {
    let receipt = |id: ReceiptId| ReceiptId::new(id.index() % 6);
    match act {
        ReceiptCommand::Register(issue) | ReceiptCommand::Draw(issue) => {
            issue.number = short(issue.number);
            issue.warehouse = CustodianId::new(issue.warehouse.index() % 2);
            issue.asset = AssetId::new(issue.asset.index() % 3);
            issue.account = account(issue.account);
            let units = issue.amount.units() % 1_000;
            issue.amount = Amount::new(units).expect("in bounds");
        }
        ReceiptCommand::Encumber(encumber) => {
            encumber.receipt = receipt(encumber.receipt);
            encumber.account = encumber.account.map(account);
            if let Encumbrance::Pledged { pledgee } = &mut encumber.encumbrance {
                *pledgee = account(*pledgee);
            }
        }
        ReceiptCommand::Lift(lift) => {
            lift.receipt = receipt(lift.receipt);
            lift.account = lift.account.map(account);
        }
        ReceiptCommand::Split(split) => {
            split.receipt = receipt(split.receipt);
            split.account = account(split.account);
            for part in &mut split.parts {
                part.number = short(part.number);
                let units = part.amount.units() % 1_000;
                part.amount = Amount::new(units).expect("in bounds");
            }
        }
        ReceiptCommand::Merge(merge) => {
            merge.account = account(merge.account);
            merge.number = short(merge.number);
            for id in &mut merge.receipts {
                *id = receipt(*id);
            }
        }
        ReceiptCommand::Transfer(transfer) => {
            transfer.receipt = receipt(transfer.receipt);
            (transfer.from, transfer.to) = (account(transfer.from), account(transfer.to));
        }
        ReceiptCommand::Cancel(held) | ReceiptCommand::Pool(held) => {
            held.receipt = receipt(held.receipt);
            held.account = account(held.account);
        }
    }
}

/// Credit meets orders: few accounts and assets, small amounts, ids that come again.
fn fold_credit(command: &mut CreditCommand) {
    let asset = |id: AssetId| AssetId::new(id.index() % 3);
    let some = |amount: Amount| Amount::new(amount.units() % 1_000).expect("in bounds");
    match command {
        CreditCommand::SetLine(set) => {
            set.asset = asset(set.asset);
            set.band %= 9;
            set.line = some(set.line);
        }
        CreditCommand::SetScore(set) => {
            (set.account, set.asset) = (account(set.account), asset(set.asset));
            set.band %= 9;
        }
        CreditCommand::SetHaircut(set) => {
            (set.goods, set.money) = (asset(set.goods), asset(set.money));
            set.price = some(set.price);
            set.basis_points %= 10_001;
        }
        CreditCommand::MoveCollateral(one) => {
            one.account = account(one.account);
            (one.money, one.goods) = (asset(one.money), asset(one.goods));
            one.amount = some(one.amount);
        }
        CreditCommand::Half(one) => {
            (one.account, one.asset) = (account(one.account), asset(one.asset));
            one.transfer = TransferId::new(one.transfer.bits() % 8);
            one.amount = some(one.amount);
        }
        CreditCommand::Transfer(one) | CreditCommand::Compensate(one) => {
            (one.from, one.to) = (account(one.from), account(one.to));
            one.asset = asset(one.asset);
            one.amount = some(one.amount);
        }
    }
}
