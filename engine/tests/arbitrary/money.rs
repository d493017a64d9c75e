//! Any command about assets, custody, receipts, corrections, credit and settlement.
//!
//! Invariant: as in `arbitrary`. Not here: orders, parties and markets.

use super::*;

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

pub(super) fn terms_body() -> impl Strategy<Value = Body> {
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

pub(super) fn money_body() -> impl Strategy<Value = Body> {
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

pub(super) fn receipts_body() -> impl Strategy<Value = Body> {
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

pub(super) fn correction_body() -> impl Strategy<Value = Body> {
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
pub(super) fn credit_body() -> impl Strategy<Value = Body> {
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
        (account(), account(), asset(), amount(), any::<bool>()).prop_map(
            |(from, to, asset, amount, own)| {
                let one = Transfer {
                    from,
                    to,
                    asset,
                    amount,
                };
                if own {
                    CreditCommand::Transfer(one)
                } else {
                    CreditCommand::Compensate(one)
                }
            }
        ),
    ];
    command.prop_map(Body::Credit)
}

pub(super) fn settlement_body() -> impl Strategy<Value = Body> {
    let counts = select(vec![HolderCount::Cumulative, HolderCount::Current]);
    let days = (any::<u8>(), any::<u8>());
    let parts = (instrument(), days, option::of(any::<u32>()), counts, text());
    let set = parts.prop_map(|(instrument, days, max_holders, holder_count, reference)| {
        SettlementCommand::Set(SetSettlement {
            instrument,
            days: days.0,
            reverse_trade_days: days.1,
            max_holders,
            holder_count,
            reference,
        })
    });
    let owner = || any::<u32>().prop_map(OwnerId::new);
    let list = (owner(), vec(owner(), 0..5));
    let nominee = list.prop_map(|(nominee, owners)| {
        SettlementCommand::SetNominee(SetNominee { nominee, owners })
    });
    prop_oneof![3 => set, 1 => nominee].prop_map(|command| Body::Settlement(Box::new(command)))
}

pub(super) fn margin_body() -> impl Strategy<Value = Body> {
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
