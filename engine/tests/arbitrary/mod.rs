//! Any command, for property tests: every value its types can hold, sensible or not.
//!
//! Invariant: each kind of body can come out, and each optional part both present and absent. Not
//! here: commands that make sense together.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sanjiang_engine::command::*;
use sanjiang_engine::types::*;
use sanjiang_engine::venue::{Model, Phase, Regime, TradingStatus};

/// A command.
pub fn command() -> impl Strategy<Value = Command> {
    (envelope(), body()).prop_map(|(envelope, body)| Command { envelope, body })
}

/// An instant, often small, sometimes at the edges.
pub fn time() -> impl Strategy<Value = Time> {
    let edges = select(vec![
        0,
        1,
        Time::MAX.nanoseconds() - 1,
        Time::MAX.nanoseconds(),
    ]);
    let any = prop_oneof![0..=Time::MAX.nanoseconds(), 0..1_000_000_i64, edges];
    any.prop_map(|nanoseconds| Time::new(nanoseconds).expect("in bounds"))
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let parts = (
        principal(),
        identity(),
        option::of(time()),
        option::of(authority()),
    );
    parts.prop_map(|(principal, identity, valid_until, authority)| Envelope {
        principal,
        identity,
        valid_until,
        authority: authority.map(Box::new),
    })
}

fn index() -> impl Strategy<Value = u32> {
    prop_oneof![0..300_u32, any::<u32>(), Just(u32::MAX)]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..300_u64, any::<u64>(), Just(u64::MAX)]
}

fn signed() -> impl Strategy<Value = i64> {
    prop_oneof![-200..200_i64, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
}

fn principal() -> impl Strategy<Value = PrincipalId> {
    index().prop_map(PrincipalId::new)
}

fn text<const N: usize>() -> impl Strategy<Value = Text<N>> {
    // Any characters; cut at the last whole one that fits.
    ".{0,100}".prop_map(|text: String| {
        let fits = (0..=text.len().min(N))
            .rev()
            .find(|end| text.is_char_boundary(*end));
        Text::new(&text[..fits.expect("0 is a boundary")]).expect("it was cut")
    })
}

fn identity() -> impl Strategy<Value = Identity> {
    let session = (index().prop_map(SessionId::new), number());
    prop_oneof![
        Just(Identity::Internal),
        session.prop_map(|(session, client_sequence)| Identity::Session {
            session,
            client_sequence,
        }),
        text().prop_map(Identity::Request),
    ]
}

fn authority() -> impl Strategy<Value = Authority> {
    let parts = (option::of(principal()), ".{0,200}", option::of(principal()));
    parts.prop_map(|(on_behalf_of, reason, approver)| Authority {
        on_behalf_of,
        reason,
        approver,
    })
}

fn price() -> impl Strategy<Value = Price> {
    let max = Price::MAX_TICKS;
    let ticks = prop_oneof![-100..100_i64, -max..=max, Just(max), Just(-max)];
    ticks.prop_map(|ticks| Price::new(ticks).expect("in bounds"))
}

fn quantity() -> impl Strategy<Value = Quantity> {
    let max = Quantity::MAX_LOTS;
    let lots = prop_oneof![0..100_i64, 0..=max, Just(max)];
    lots.prop_map(|lots| Quantity::new(lots).expect("in bounds"))
}

fn side() -> impl Strategy<Value = Side> {
    select(vec![Side::Buy, Side::Sell])
}

fn account() -> impl Strategy<Value = AccountId> {
    index().prop_map(AccountId::new)
}

fn instrument() -> impl Strategy<Value = InstrumentId> {
    index().prop_map(InstrumentId::new)
}

fn venue() -> impl Strategy<Value = VenueId> {
    index().prop_map(VenueId::new)
}

fn phase() -> impl Strategy<Value = Phase> {
    select(Phase::ALL.to_vec())
}

fn order_id() -> impl Strategy<Value = OrderId> {
    (number(), index()).prop_map(|(sequence, slot)| OrderId { sequence, slot })
}

fn order_type() -> impl Strategy<Value = OrderType> {
    let posting = select(vec![Posting::MayTake, Posting::PostOnly]);
    let limit = (price(), option::of(quantity()), posting);
    prop_oneof![
        limit.prop_map(
            |(price, display_quantity, posting)| OrderType::Limit(LimitTerms {
                price,
                display_quantity,
                posting,
            })
        ),
        option::of(price()).prop_map(|protection| OrderType::Market { protection }),
        option::of(price()).prop_map(|protection| OrderType::MarketToLimit { protection }),
        (price(), option::of(price())).prop_map(|(stop_price, protection)| OrderType::Stop {
            stop_price,
            protection,
        }),
        (price(), price())
            .prop_map(|(stop_price, price)| OrderType::StopLimit { stop_price, price }),
    ]
}

fn time_in_force() -> impl Strategy<Value = TimeInForce> {
    let plain = vec![
        TimeInForce::Day,
        TimeInForce::GoodTillCancel,
        TimeInForce::ImmediateOrCancel,
        TimeInForce::FillOrKill,
        TimeInForce::Opening,
        TimeInForce::Closing,
    ];
    prop_oneof![select(plain), time().prop_map(TimeInForce::GoodTillDate)]
}

fn new_order() -> impl Strategy<Value = NewOrder> {
    let prevention = select(vec![
        SelfTradePrevention::None,
        SelfTradePrevention::CancelTaker,
        SelfTradePrevention::CancelMaker,
        SelfTradePrevention::CancelBoth,
        SelfTradePrevention::Decrement,
    ]);
    let who = (account(), instrument(), side());
    let how = (
        order_type(),
        time_in_force(),
        option::of(quantity()),
        prevention,
    );
    (who, quantity(), how).prop_map(|(who, quantity, how)| NewOrder {
        account: who.0,
        instrument: who.1,
        side: who.2,
        quantity,
        order_type: how.0,
        time_in_force: how.1,
        min_quantity: how.2,
        self_trade_prevention: how.3,
    })
}

fn order_body() -> impl Strategy<Value = Body> {
    let changes = (
        option::of(price()),
        option::of(price()),
        option::of(quantity()),
    );
    let replace = (account(), order_id(), changes);
    let mass = (account(), option::of(instrument()), option::of(side()));
    prop_oneof![
        new_order().prop_map(Body::NewOrder),
        (account(), order_id())
            .prop_map(|(account, order)| Body::CancelOrder(CancelOrder { account, order })),
        replace.prop_map(
            |(account, order, changes)| Body::ReplaceOrder(ReplaceOrder {
                account,
                order,
                price: changes.0,
                stop_price: changes.1,
                quantity: changes.2,
            })
        ),
        mass.prop_map(|(account, instrument, side)| Body::MassCancel(MassCancel {
            account,
            instrument,
            side,
        })),
    ]
}

fn party_body() -> impl Strategy<Value = Body> {
    let owner = (
        index().prop_map(ParticipantId::new),
        index().prop_map(OwnerId::new),
    );
    prop_oneof![
        (text(), number()).prop_map(|(name, last)| Body::OpenSession(OpenSession {
            name,
            last_client_sequence: last,
        })),
        text().prop_map(|name| Body::CreateParticipant(CreateParticipant { name })),
        text().prop_map(|name| Body::CreateOwner(CreateOwner { name })),
        (text(), owner).prop_map(|(name, (participant, owner))| {
            Body::CreateAccount(CreateAccount {
                name,
                participant,
                owner,
            })
        }),
    ]
}

fn terms() -> impl Strategy<Value = InstrumentTerms> {
    let signs = vec![PriceSign::Positive, PriceSign::NonNegative, PriceSign::Any];
    let scale = || (signed(), any::<u8>());
    let bands = (option::of(any::<u32>()), option::of(signed()), signed());
    let most = (quantity(), option::of(any::<i128>()));
    let parts = (text(), text(), scale(), scale(), select(signs), bands, most);
    parts.prop_map(
        |(currency, unit, tick, lot, price_sign, bands, most)| InstrumentTerms {
            currency,
            unit,
            tick_size: tick.0,
            price_decimals: tick.1,
            lot_size: lot.0,
            quantity_decimals: lot.1,
            price_sign,
            static_band_bp: bands.0,
            dynamic_band_ticks: bands.1,
            market_protection_ticks: bands.2,
            max_quantity: most.0,
            max_notional: most.1,
        },
    )
}

fn market_body() -> impl Strategy<Value = Body> {
    let demonstration = select(vec![Demonstration::Demonstration, Demonstration::Real]);
    let lists = (
        vec(select(Regime::ALL), 0..40),
        vec(select(Model::ALL), 0..40),
    );
    let calendar_id = option::of(index().prop_map(CalendarId::new));
    let new_venue = (
        text(),
        text(),
        lists,
        demonstration,
        option::of(text()),
        calendar_id,
    );
    let entries = vec((signed().prop_map(Nanoseconds), phase()), 0..40);
    let calendar = (text(), any::<i32>(), signed(), vec(any::<i32>(), 0..80));
    prop_oneof![
        calendar.prop_map(|(name, utc_offset_seconds, roll_time, days)| {
            Body::SetCalendar(Box::new(SetCalendar {
                name,
                utc_offset_seconds,
                roll_time: Nanoseconds(roll_time),
                days,
            }))
        }),
        new_venue.prop_map(|(name, title, lists, demonstration, licence, calendar)| {
            Body::CreateVenue(Box::new(CreateVenue {
                name,
                title,
                regimes: lists.0,
                models: lists.1,
                demonstration,
                licence,
                calendar,
            }))
        }),
        (text(), text(), venue(), terms()).prop_map(|(name, title, venue, terms)| {
            Body::CreateInstrument(Box::new(CreateInstrument {
                name,
                title,
                venue,
                terms,
            }))
        }),
        (venue(), entries).prop_map(|(venue, entries)| {
            Body::SetSchedule(Box::new(SetSchedule { venue, entries }))
        }),
        (venue(), phase()).prop_map(|(venue, phase)| Body::SetPhase(SetPhase { venue, phase })),
    ]
}

fn state_body() -> impl Strategy<Value = Body> {
    let scope = prop_oneof![
        venue().prop_map(Scope::Venue),
        instrument().prop_map(Scope::Instrument),
    ];
    let status = select(TradingStatus::ALL.to_vec());
    prop_oneof![
        (scope, status).prop_map(|(scope, status)| {
            Body::SetTradingStatus(SetTradingStatus { scope, status })
        }),
        (instrument(), price()).prop_map(|(instrument, price)| {
            Body::SetReferencePrice(SetReferencePrice { instrument, price })
        }),
        (index(), index()).prop_map(|(requests_max, requests_reserved)| {
            Body::SetLimits(SetLimits {
                requests_max,
                requests_reserved,
            })
        }),
        time().prop_map(|wall| Body::AcceptClock(AcceptClock { wall })),
        Just(Body::Tick),
        Just(Body::SessionsLost),
        index().prop_map(Body::SemanticsVersion),
    ]
}

fn asset() -> impl Strategy<Value = AssetId> {
    index().prop_map(AssetId::new)
}

fn custodian() -> impl Strategy<Value = CustodianId> {
    index().prop_map(CustodianId::new)
}

fn rates() -> impl Strategy<Value = FeeRates> {
    let ppm = (any::<i32>(), any::<i32>(), any::<i32>());
    let units = (signed(), signed(), option::of(signed()));
    (ppm, units).prop_map(|(ppm, units)| FeeRates {
        maker_ppm: ppm.0,
        taker_ppm: ppm.1,
        auction_ppm: ppm.2,
        per_lot: units.0,
        minimum: units.1,
        cap: units.2,
    })
}

fn terms_body() -> impl Strategy<Value = Body> {
    let demonstration = || select(vec![Demonstration::Demonstration, Demonstration::Real]);
    let class = prop_oneof![
        (0..=9_u8).prop_map(|decimals| AssetClass::Currency { decimals }),
        (text(), 0..=9_u8).prop_map(|(unit, decimals)| AssetClass::Goods { unit, decimals }),
        any::<u8>().prop_map(|decimals| AssetClass::Currency { decimals }),
    ];
    let kind = select(vec![CustodianKind::Bank, CustodianKind::Warehouse]);
    let fees = (venue(), option::of(instrument()), any::<u8>(), rates());
    prop_oneof![
        (text(), class, demonstration()).prop_map(|(name, class, demonstration)| {
            Body::CreateAsset(CreateAsset {
                name,
                class,
                demonstration,
            })
        }),
        (text(), kind, demonstration()).prop_map(|(name, kind, demonstration)| {
            Body::CreateCustodian(CreateCustodian {
                name,
                kind,
                demonstration,
            })
        }),
        (instrument(), asset(), asset()).prop_map(|(instrument, money, goods)| {
            Body::SetClearing(SetClearing {
                instrument,
                money,
                goods,
            })
        }),
        fees.prop_map(
            |(venue, instrument, tier, rates)| Body::SetFees(Box::new(SetFees {
                venue,
                instrument,
                tier,
                rates,
            }))
        ),
        (index().prop_map(ParticipantId::new), any::<u8>())
            .prop_map(|(participant, tier)| Body::SetTier(SetTier { participant, tier })),
    ]
}

fn money_body() -> impl Strategy<Value = Body> {
    let most = Amount::MAX_UNITS;
    let amount = prop_oneof![0..1_000_i64, 0..=most, Just(most)]
        .prop_map(|units| Amount::new(units).expect("in bounds"));
    let direction = select(vec![Direction::Deposit, Direction::Withdrawal]);
    let instruct = (account(), asset(), custodian(), direction, amount);
    let outcome = select(vec![Outcome::Executed, Outcome::Refused]);
    let acknowledge = (number(), outcome, text(), any::<i32>());
    prop_oneof![
        2 => terms_body(),
        2 => instruct.prop_map(|(account, asset, custodian, direction, amount)| {
            Body::Instruct(Instruct {
                account,
                asset,
                custodian,
                direction,
                amount,
            })
        }),
        1 => acknowledge.prop_map(|(instruction, outcome, reference, business_date)| {
            Body::Acknowledge(Acknowledge {
                instruction: Sequence::new(instruction),
                outcome,
                reference,
                business_date,
            })
        }),
        1 => (custodian(), any::<i32>()).prop_map(|(custodian, date)| {
            Body::CloseCustodyDate(CloseCustodyDate { custodian, date })
        }),
    ]
}

fn margin_body() -> impl Strategy<Value = Body> {
    let instrument = || index().prop_map(InstrumentId::new);
    let terms = (instrument(), asset(), price(), any::<u16>(), any::<u16>());
    let set = (terms, signed(), option::of(quantity()));
    prop_oneof![
        set.prop_map(|(terms, call_deadline, position_limit)| {
            let (instrument, money, settlement_price, initial_bp, maintenance_bp) = terms;
            MarginCommand::SetMargin(SetMargin {
                instrument,
                money,
                settlement_price,
                initial_bp,
                maintenance_bp,
                call_deadline: Nanoseconds(call_deadline),
                position_limit,
            })
        }),
        (instrument(), price()).prop_map(|(instrument, price)| {
            MarginCommand::SetSettlementPrice(SetSettlementPrice { instrument, price })
        }),
        instrument().prop_map(|instrument| MarginCommand::Mark(Mark { instrument })),
    ]
    .prop_map(Body::Margin)
}

fn kill_scope() -> impl Strategy<Value = KillScope> {
    prop_oneof![
        index().prop_map(|id| KillScope::Session(SessionId::new(id))),
        account().prop_map(KillScope::Account),
        index().prop_map(|id| KillScope::Participant(ParticipantId::new(id))),
        venue().prop_map(KillScope::Venue),
    ]
}

fn switch_body() -> impl Strategy<Value = Body> {
    let session = || index().prop_map(SessionId::new);
    let position = select(vec![Position::Engaged, Position::Released]);
    let policy = select(vec![OnDisconnect::Keep, OnDisconnect::Cancel]);
    let timeout = option::of(signed().prop_map(Nanoseconds));
    let command = prop_oneof![
        (kill_scope(), position).prop_map(|(scope, position)| {
            SwitchCommand::SetKillSwitch(SetKillSwitch { scope, position })
        }),
        (session(), policy).prop_map(|(session, on_disconnect)| {
            SwitchCommand::SetDisconnectPolicy(SetDisconnectPolicy {
                session,
                on_disconnect,
            })
        }),
        (session(), timeout).prop_map(|(session, timeout)| {
            SwitchCommand::ArmDeadMan(ArmDeadMan { session, timeout })
        }),
        session().prop_map(SwitchCommand::SessionDisconnected),
    ];
    command.prop_map(Body::Switch)
}

fn duty_body() -> impl Strategy<Value = Body> {
    let (participant, venue) = (
        || index().prop_map(ParticipantId::new),
        || index().prop_map(VenueId::new),
    );
    let party = prop_oneof![
        participant().prop_map(Party::Participant),
        account().prop_map(Party::Account),
    ];
    let standing = (party, select(Standing::ALL.to_vec())).prop_map(|(party, standing)| {
        StandingCommand::SetStanding(SetStanding { party, standing })
    });
    let roles = (0..16_u8).prop_map(|bits| Roles::from_bits(bits).expect("four bits"));
    let roles = (venue(), participant(), roles).prop_map(|(venue, participant, roles)| {
        StandingCommand::SetRoles(SetRoles {
            venue,
            participant,
            roles,
        })
    });
    let access = (0..4_u8).prop_map(|bits| Access::from_bits(bits).expect("two bits"));
    let access = (venue(), access)
        .prop_map(|(venue, access)| StandingCommand::SetAccess(SetAccess { venue, access }));
    let registration = (participant(), text()).prop_map(|(participant, code)| {
        StandingCommand::SetRegistration(SetRegistration { participant, code })
    });
    let throttle = (index(), index()).prop_map(|(rate, burst)| Throttle { rate, burst });
    let ratio = (index(), index()).prop_map(|(ratio, allowance)| OrderToTrade { ratio, allowance });
    let limits = (
        option::of(throttle),
        option::of(ratio),
        option::of(index()),
        option::of(quantity()),
    );
    let limits = limits.prop_map(
        |(throttle, order_to_trade, open_orders, position)| RiskLimits {
            throttle,
            order_to_trade,
            open_orders,
            position,
        },
    );
    let scope = prop_oneof![
        venue().prop_map(RiskScope::Venue),
        participant().prop_map(RiskScope::Participant),
        account().prop_map(RiskScope::Account),
    ];
    let risk = (scope, limits).prop_map(|(scope, limits)| {
        let set = SetRiskLimits { scope, limits };
        Body::Limits(LimitsCommand::SetRiskLimits(Box::new(set)))
    });
    prop_oneof![
        1 => standing.prop_map(Body::Standing),
        1 => roles.prop_map(Body::Standing),
        1 => access.prop_map(Body::Standing),
        1 => registration.prop_map(Body::Standing),
        2 => risk,
    ]
}

fn document() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>()
}

fn amount() -> impl Strategy<Value = Amount> {
    let most = Amount::MAX_UNITS;
    let units = prop_oneof![0..1_000_i64, 0..=most, Just(most)];
    units.prop_map(|units| Amount::new(units).expect("in bounds"))
}

fn receipt() -> impl Strategy<Value = ReceiptId> {
    index().prop_map(ReceiptId::new)
}

fn issue() -> impl Strategy<Value = IssueReceipt> {
    let ids = (custodian(), asset(), account());
    (text(), ids, amount(), document()).prop_map(|(number, ids, amount, document)| IssueReceipt {
        number,
        warehouse: ids.0,
        asset: ids.1,
        amount,
        account: ids.2,
        document,
    })
}

fn encumbrance() -> impl Strategy<Value = Encumbrance> {
    prop_oneof![
        Just(Encumbrance::Listed),
        account().prop_map(|pledgee| Encumbrance::Pledged { pledgee }),
        Just(Encumbrance::Frozen),
        Just(Encumbrance::Locked),
    ]
}

fn receipts_body() -> impl Strategy<Value = Body> {
    let held = || {
        let held = (receipt(), account());
        held.prop_map(|(receipt, account)| HeldReceipt { receipt, account })
    };
    let part = (text(), amount(), document()).prop_map(|(number, amount, document)| ReceiptPart {
        number,
        amount,
        document,
    });
    let merge = (account(), vec(receipt(), 0..20), text(), document());
    let act = prop_oneof![
        issue().prop_map(ReceiptCommand::Register),
        issue().prop_map(ReceiptCommand::Draw),
        (receipt(), option::of(account()), encumbrance()).prop_map(
            |(receipt, account, encumbrance)| ReceiptCommand::Encumber(EncumberReceipt {
                receipt,
                account,
                encumbrance,
            })
        ),
        (receipt(), option::of(account()))
            .prop_map(|(receipt, account)| ReceiptCommand::Lift(LiftReceipt { receipt, account })),
        (receipt(), account(), vec(part, 0..20)).prop_map(|(receipt, account, parts)| {
            ReceiptCommand::Split(SplitReceipt {
                receipt,
                account,
                parts,
            })
        }),
        merge.prop_map(|(account, receipts, number, document)| {
            ReceiptCommand::Merge(MergeReceipts {
                account,
                receipts,
                number,
                document,
            })
        }),
        (receipt(), account(), account()).prop_map(|(receipt, from, to)| {
            ReceiptCommand::Transfer(TransferReceipt { receipt, from, to })
        }),
        held().prop_map(ReceiptCommand::Cancel),
        held().prop_map(ReceiptCommand::Pool),
    ];
    act.prop_map(|act| Body::Receipts(Box::new(act)))
}

fn correction_body() -> impl Strategy<Value = Body> {
    let trade = || {
        (number(), any::<u32>()).prop_map(|(sequence, index)| TradeRef {
            sequence: Sequence::new(sequence),
            index,
        })
    };
    let correct = (trade(), price(), option::of(quantity()));
    prop_oneof![
        trade().prop_map(|trade| CorrectionCommand::Bust { trade }),
        correct.prop_map(|(trade, price, quantity)| CorrectionCommand::Correct {
            trade,
            price,
            quantity,
        }),
    ]
    .prop_map(Body::Correction)
}

/// A command about credit, collateral or a transfer.
fn credit_body() -> impl Strategy<Value = Body> {
    let most = Amount::MAX_UNITS;
    let amount = || {
        prop_oneof![0..1_000_i64, 0..=most, Just(most)]
            .prop_map(|units| Amount::new(units).expect("in bounds"))
    };
    let pledging = select(vec![Pledging::Pledge, Pledging::Release]);
    let half = (select(vec![Half::Out, Half::In]), any::<u128>(), index());
    let command = prop_oneof![
        (asset(), any::<u8>(), amount()).prop_map(|(asset, band, line)| {
            CreditCommand::SetLine(SetCreditLine { asset, band, line })
        }),
        (account(), asset(), any::<u8>()).prop_map(|(account, asset, band)| {
            CreditCommand::SetScore(SetScore {
                account,
                asset,
                band,
            })
        }),
        (asset(), asset(), amount(), any::<u16>()).prop_map(
            |(goods, money, price, basis_points)| {
                CreditCommand::SetHaircut(SetHaircut {
                    goods,
                    money,
                    price,
                    basis_points,
                })
            }
        ),
        (account(), asset(), asset(), pledging, amount()).prop_map(
            |(account, money, goods, pledging, amount)| {
                CreditCommand::MoveCollateral(MoveCollateral {
                    account,
                    money,
                    goods,
                    pledging,
                    amount,
                })
            }
        ),
        (half, account(), asset(), amount()).prop_map(
            |((half, transfer, shard), account, asset, amount)| {
                CreditCommand::Half(TransferHalf {
                    half,
                    transfer: TransferId::new(transfer),
                    account,
                    asset,
                    amount,
                    shard: ShardId::new(shard),
                })
            }
        ),
        (account(), account(), asset(), amount()).prop_map(|(from, to, asset, amount)| {
            CreditCommand::Transfer(Transfer {
                from,
                to,
                asset,
                amount,
            })
        }),
    ];
    command.prop_map(Body::Credit)
}

fn settlement_body() -> impl Strategy<Value = Body> {
    let counts = select(vec![HolderCount::Cumulative, HolderCount::Current]);
    let days = (any::<u8>(), any::<u8>());
    let parts = (instrument(), days, option::of(any::<u32>()), counts, text());
    parts.prop_map(|(instrument, days, max_holders, holder_count, reference)| {
        Body::Settlement(Box::new(SettlementCommand::Set(SetSettlement {
            instrument,
            days: days.0,
            reverse_trade_days: days.1,
            max_holders,
            holder_count,
            reference,
        })))
    })
}

/// A body.
pub fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        6 => order_body(),
        1 => party_body(),
        2 => market_body(),
        1 => state_body(),
        2 => money_body(),
        1 => switch_body(),
        1 => duty_body(),
        1 => receipts_body(),
        1 => correction_body(),
        1 => credit_body(),
        1 => settlement_body(),
        1 => margin_body(),
    ]
}
