//! Credit, collateral and transfers at their bounds: what the model's small worlds cannot reach.
//!
//! Invariant: after every command the engine's own audit holds. Not here: the rules as a whole
//! (`model`, `scenarios/credit.txt`, SEMANTICS section 16).

#![allow(clippy::wildcard_enum_match_arm)] // each helper looks for one kind of event

use sanjiang_engine::clearing::{Holder, Position};
use sanjiang_engine::command::*;
use sanjiang_engine::engine::{Engine, Held, HeldFor, SectionId};
use sanjiang_engine::event::{CreditEvent, Event, Events};
use sanjiang_engine::limits::Limits;
use sanjiang_engine::reject::RejectReason;
use sanjiang_engine::types::*;

const MONEY: AssetId = AssetId::new(0);
const BANK: CustodianId = CustodianId::new(0);
const WAREHOUSE: CustodianId = CustodianId::new(1);
const MOST: i64 = Amount::MAX_UNITS;

fn name(text: &str) -> Name {
    Name::new(text).expect("short")
}

fn amount(units: i64) -> Amount {
    Amount::new(units).expect("in bounds")
}

fn account(index: u32) -> AccountId {
    AccountId::new(index)
}

fn goods(kind: u32) -> AssetId {
    AssetId::new(kind + 1)
}

/// A shard with one currency, so many kinds of goods and four accounts, the first two of one
/// owner. Money and goods are demonstrations, or all are real.
struct Shard {
    engine: Engine,
    approver: Option<PrincipalId>,
}

impl Shard {
    fn new(limits: Limits, kinds: u32, demonstration: Demonstration) -> Self {
        let mut shard = Self {
            engine: Engine::new(limits),
            approver: Some(PrincipalId::new(9)),
        };
        shard.done(Body::CreateParticipant(CreateParticipant {
            name: name("p"),
        }));
        for owner in 0..3 {
            let name = name(&format!("o{owner}"));
            shard.done(Body::CreateOwner(CreateOwner { name }));
        }
        for (index, owner) in [0, 0, 1, 2].into_iter().enumerate() {
            shard.done(Body::CreateAccount(CreateAccount {
                name: name(&format!("a{index}")),
                participant: ParticipantId::new(0),
                owner: OwnerId::new(owner),
            }));
        }
        let unit = name("t");
        for kind in 0..=kinds {
            let class = match kind {
                0 => AssetClass::Currency { decimals: 2 },
                _ => AssetClass::Goods { unit, decimals: 9 },
            };
            shard.done(Body::CreateAsset(CreateAsset {
                name: name(&format!("x{kind}")),
                class,
                demonstration,
            }));
        }
        for kind in [CustodianKind::Bank, CustodianKind::Warehouse] {
            shard.done(Body::CreateCustodian(CreateCustodian {
                name: name(&format!("{kind:?}")),
                kind,
                demonstration,
            }));
        }
        shard
    }

    fn send(&mut self, body: Body) -> Vec<Event> {
        let approver = self.approver;
        let command = Sequenced {
            sequence: self.engine.sequence().next(),
            time: Time::new(1_000_000).expect("in bounds"),
            value: Command {
                envelope: Envelope {
                    principal: PrincipalId::LOCAL,
                    identity: Identity::Internal,
                    valid_until: None,
                    authority: Some(Box::new(Authority {
                        approver,
                        ..Authority::default()
                    })),
                },
                body,
            },
        };
        let mut events = Events::default();
        self.engine.apply(&command, &mut events);
        assert_eq!(self.engine.audit(), Ok(()));
        events.as_slice().to_vec()
    }

    fn answer(&mut self, body: Body) -> Option<RejectReason> {
        let events = self.send(body);
        let found = events.iter().find_map(|event| match event {
            Event::Operation(answer) => Some(answer.reject.map(|reject| reject.reason)),
            _ => None,
        });
        found.expect("every operation is answered")
    }

    fn done(&mut self, body: Body) {
        let said = format!("{body:?}");
        assert_eq!(self.answer(body), None, "{said}");
    }

    fn credit(&mut self, command: CreditCommand) -> Option<RejectReason> {
        self.answer(Body::Credit(command))
    }

    fn line(&mut self, line: i64) {
        let set = SetCreditLine {
            asset: MONEY,
            band: 0,
            line: amount(line),
        };
        assert_eq!(self.credit(CreditCommand::SetLine(set)), None);
    }

    fn score(&mut self, index: u32) -> Option<RejectReason> {
        self.credit(CreditCommand::SetScore(SetScore {
            account: account(index),
            asset: MONEY,
            band: 0,
        }))
    }

    fn haircut(&mut self, kind: u32, price: i64) -> Option<RejectReason> {
        self.credit(CreditCommand::SetHaircut(SetHaircut {
            goods: goods(kind),
            money: MONEY,
            price: amount(price),
            basis_points: 10_000,
        }))
    }

    fn collateral(&mut self, kind: u32, pledging: Pledging, units: i64) -> Option<RejectReason> {
        self.credit(CreditCommand::MoveCollateral(MoveCollateral {
            account: account(0),
            money: MONEY,
            goods: goods(kind),
            pledging,
            amount: amount(units),
        }))
    }

    fn deposit(&mut self, index: u32, asset: AssetId, units: i64) -> Option<RejectReason> {
        let custodian = if asset == MONEY { BANK } else { WAREHOUSE };
        self.answer(Body::Instruct(Instruct {
            account: account(index),
            asset,
            custodian,
            direction: Direction::Deposit,
            amount: amount(units),
        }))
    }

    fn half(&mut self, half: Half, id: u128, shard: u32, units: i64) -> Option<RejectReason> {
        self.credit(CreditCommand::Half(TransferHalf {
            half,
            transfer: TransferId::new(id),
            account: account(0),
            asset: MONEY,
            amount: amount(units),
            shard: ShardId::new(shard),
        }))
    }

    fn has(&self, holder: Holder) -> i64 {
        let mut positions = self.engine.clearing().ledger().positions().iter();
        let found =
            positions.find(|position| position.holder() == holder && position.asset() == MONEY);
        found.map_or(0, Position::balance)
    }

    fn collateral_counts(&self) -> i64 {
        let mut credits = self.engine.clearing().credit_of(account(0));
        credits.next().map_or(0, |credit| credit.collateral.units())
    }
}

fn play(limits: Limits, kinds: u32) -> Shard {
    Shard::new(limits, kinds, Demonstration::Demonstration)
}

#[test]
fn a_transfer_leaves_one_shard_and_comes_to_the_other() {
    let mut shards = [play(Limits::default(), 0), play(Limits::default(), 0)];
    assert_eq!(shards[0].deposit(0, MONEY, 1_000), None);
    assert_eq!(shards[1].deposit(0, MONEY, 30), None);
    let outside = |shards: &[Shard; 2]| {
        let banks: i64 = shards
            .iter()
            .map(|shard| shard.has(Holder::Custodian(BANK)))
            .sum();
        let transits = [
            shards[0].has(Holder::Transit(ShardId::new(1))),
            shards[1].has(Holder::Transit(ShardId::new(0))),
        ];
        let accounts: i64 = shards
            .iter()
            .map(|shard| shard.has(Holder::Account(account(0))))
            .sum();
        (banks, transits, accounts)
    };
    assert_eq!(shards[0].half(Half::Out, 77, 1, 400), None);
    assert_eq!(outside(&shards), (-1_030, [400, 0], 630));
    // The half is retried by somebody who did not see the answer: it is done once.
    let again = shards[0].half(Half::Out, 77, 1, 400);
    assert_eq!(again, Some(RejectReason::TransferUsed));
    assert_eq!(shards[1].half(Half::In, 77, 0, 400), None);
    let again = shards[1].half(Half::In, 77, 0, 400);
    assert_eq!(again, Some(RejectReason::TransferUsed));
    assert_eq!(outside(&shards), (-1_030, [400, -400], 1_030));
    // And back, under another id; both shards conserve and nothing is on its way.
    assert_eq!(shards[1].half(Half::Out, 78, 0, 430), None);
    assert_eq!(shards[0].half(Half::In, 78, 1, 430), None);
    assert_eq!(outside(&shards), (-1_030, [-30, 30], 1_030));
    let [first, second] = shards.map(|shard| shard.engine.clearing().ledger().circulation(MONEY));
    // What lies below zero: 1,000 at the bank and 30 on the way here; 30 at the bank.
    assert_eq!((first.units(), second.units()), (1_030, 30));
}

#[test]
fn the_in_half_of_a_real_asset_needs_somebody_else() {
    let mut shard = Shard::new(Limits::default(), 0, Demonstration::Real);
    for approver in [None, Some(PrincipalId::LOCAL)] {
        shard.approver = approver;
        let refused = shard.half(Half::In, 1, 1, 5);
        assert_eq!(refused, Some(RejectReason::ApproverRequired));
    }
    shard.approver = Some(PrincipalId::new(9));
    assert_eq!(shard.half(Half::In, 1, 1, 5), None);
    shard.approver = None;
    assert_eq!(shard.half(Half::Out, 1, 1, 5), None);
    assert_eq!(shard.has(Holder::Transit(ShardId::new(1))), 0);
}

#[test]
fn lines_scores_and_haircuts_of_real_money_need_somebody_else() {
    let refused = Some(RejectReason::ApproverRequired);
    let line = |band| {
        CreditCommand::SetLine(SetCreditLine {
            asset: MONEY,
            band,
            line: amount(500),
        })
    };
    for (demonstration, alone) in [
        (Demonstration::Real, refused),
        (Demonstration::Demonstration, None),
    ] {
        let mut shard = Shard::new(Limits::default(), 0, demonstration);
        for approver in [None, Some(PrincipalId::LOCAL)] {
            shard.approver = approver;
            assert_eq!(shard.credit(line(0)), alone, "{demonstration:?}");
            assert_eq!(shard.score(0), alone, "{demonstration:?}");
            let open = shard.engine.clearing().credit_of(account(0)).count();
            assert_eq!(open, usize::from(alone.is_none()), "{demonstration:?}");
        }
        shard.approver = Some(PrincipalId::new(9));
        assert_eq!(shard.credit(line(0)), None);
        assert_eq!(shard.score(0), None);
        assert_eq!(shard.engine.clearing().credit_of(account(0)).count(), 1);
    }
    // It comes before the other faults of the command, and after what is unknown.
    let mut shard = Shard::new(Limits::default(), 1, Demonstration::Real);
    shard.approver = None;
    assert_eq!(shard.credit(line(8)), refused);
    assert_eq!(shard.haircut(0, SetHaircut::PRICE_MAX + 1), refused);
    assert_eq!(shard.haircut(1, 1), Some(RejectReason::UnknownAsset));
    let score = |asset| SetScore {
        account: account(0),
        asset,
        band: 0,
    };
    let unknown = shard.credit(CreditCommand::SetScore(score(AssetId::new(7))));
    assert_eq!(unknown, Some(RejectReason::UnknownAsset));
}

#[test]
fn a_transfer_stays_inside_what_there_may_be() {
    let mut shard = play(Limits::default(), 0);
    assert_eq!(shard.deposit(0, MONEY, MOST), None);
    let full = Some(RejectReason::AmountLimit);
    assert_eq!(shard.half(Half::In, 1, 1, 1), full);
    assert_eq!(shard.half(Half::Out, 2, 1, MOST), None);
    assert_eq!(shard.has(Holder::Transit(ShardId::new(1))), MOST);
    // What went away is still in circulation here: its bank holds it.
    assert_eq!(shard.deposit(0, MONEY, 1), full);
    assert_eq!(shard.half(Half::In, 3, 2, 1), full);
    // What comes back adds nothing.
    assert_eq!(shard.half(Half::In, 4, 1, MOST), None);
    assert_eq!(shard.half(Half::In, 5, 1, 1), full);
    assert_eq!(shard.has(Holder::Account(account(0))), MOST);

    let mut shard = play(Limits::default(), 0);
    assert_eq!(shard.half(Half::In, 1, 1, MOST), None);
    assert_eq!(shard.half(Half::Out, 1, 2, MOST), None);
    assert_eq!(shard.half(Half::In, 2, 1, 1), full);
    assert_eq!(shard.has(Holder::Transit(ShardId::new(1))), -MOST);
    assert_eq!(shard.has(Holder::Transit(ShardId::new(2))), MOST);
}

#[test]
fn every_bound_of_credit_is_met_and_named() {
    let limits = Limits {
        credits_max: 2,
        haircuts_max: 3,
        transfers_max: 4,
        positions_max: 9,
        ..Limits::default()
    };
    let mut shard = play(limits, 4);
    let full = Some(RejectReason::TooMany);
    assert_eq!([shard.score(0), shard.score(1)], [None, None]);
    assert_eq!(shard.score(2), full);
    assert_eq!(shard.score(0), None, "a known one has its place");
    for kind in 0..3 {
        assert_eq!(shard.haircut(kind, 5), None);
    }
    assert_eq!(shard.haircut(3, 5), full);
    assert_eq!(shard.haircut(2, 6), None);
    assert_eq!(shard.deposit(0, MONEY, 10), None);
    for id in 0..2 {
        assert_eq!(shard.half(Half::Out, id, 1, 1), None);
        assert_eq!(shard.half(Half::In, id, 1, 1), None);
    }
    assert_eq!(shard.half(Half::Out, 2, 1, 1), full);
    // Six positions are taken: two accounts' money and credit, the bank, the transit.
    for kind in 0..1 {
        assert_eq!(shard.deposit(0, goods(kind), 1), None);
    }
    let transfer = Transfer {
        from: account(0),
        to: account(1),
        asset: goods(0),
        amount: amount(1),
    };
    assert_eq!(shard.credit(CreditCommand::Transfer(transfer)), None);
    let back = Transfer {
        from: account(1),
        to: account(0),
        ..transfer
    };
    assert_eq!(shard.credit(CreditCommand::Transfer(back)), None);
    assert_eq!(shard.deposit(0, goods(1), 1), full);
}

#[test]
fn sixteen_kinds_of_goods_are_collateral_and_no_more() {
    let most = Limits::PLEDGES_PER_CREDIT_MAX as u32;
    let mut shard = play(Limits::default(), most + 1);
    assert_eq!(shard.score(0), None);
    for kind in 0..=most {
        assert_eq!(shard.haircut(kind, 3_000_000_001), None);
        assert_eq!(shard.deposit(0, goods(kind), 2), None);
    }
    for kind in 0..most {
        assert_eq!(shard.collateral(kind, Pledging::Pledge, 1), None);
    }
    // Each kind is rounded down on its own: 16 times 3 and a bit.
    assert_eq!(shard.collateral_counts(), 48);
    let none = Some(RejectReason::NotCollateral);
    assert_eq!(shard.collateral(most, Pledging::Pledge, 1), none);
    assert_eq!(shard.collateral(0, Pledging::Pledge, 1), None);
    assert_eq!(shard.collateral(0, Pledging::Release, 2), None);
    assert_eq!(shard.collateral(most, Pledging::Pledge, 1), None);
    assert_eq!(shard.collateral(0, Pledging::Pledge, 1), none);
}

#[test]
fn the_dearest_collateral_overflows_nothing() {
    let mut shard = play(Limits::default(), 2);
    shard.line(MOST);
    assert_eq!(shard.score(0), None);
    for kind in 0..2 {
        assert_eq!(shard.haircut(kind, SetHaircut::PRICE_MAX), None);
        assert_eq!(shard.deposit(0, goods(kind), MOST), None);
        assert_eq!(shard.collateral(kind, Pledging::Pledge, MOST), None);
    }
    let wrong = shard.haircut(0, SetHaircut::PRICE_MAX + 1);
    assert_eq!(wrong, Some(RejectReason::InvalidField));
    assert_eq!(shard.collateral_counts(), MOST);
    assert_eq!(shard.collateral(1, Pledging::Release, MOST), None);
}

#[test]
fn a_deposit_to_an_account_without_debts_tells_of_no_credit() {
    let mut shard = play(Limits::default(), 0);
    assert_eq!(shard.score(0), None);
    let events = shard.send(Body::Instruct(Instruct {
        account: account(0),
        asset: MONEY,
        custodian: BANK,
        direction: Direction::Deposit,
        amount: amount(7),
    }));
    let told = events
        .iter()
        .any(|event| matches!(event, Event::Credit(CreditEvent::Moved(_))));
    assert!(!told && events.len() == 2, "{events:?}");
}

#[test]
fn holds_are_listed_by_what_holds_them_and_sum_to_what_is_held() {
    let mut shard = Shard::new(Limits::default(), 2, Demonstration::Real);
    let answer = |instruction: u64| {
        Body::Acknowledge(Acknowledge {
            instruction: Sequence::new(instruction),
            outcome: Outcome::Executed,
            reference: name(&format!("r{instruction}")),
            business_date: 20_000,
        })
    };
    for asset in [MONEY, goods(0)] {
        assert_eq!(shard.deposit(0, asset, 100), None);
        let instruction = shard.engine.sequence().value();
        shard.done(answer(instruction));
    }
    let mut withdrawals = Vec::new();
    for units in [30, 20] {
        shard.done(Body::Instruct(Instruct {
            account: account(0),
            asset: MONEY,
            custodian: BANK,
            direction: Direction::Withdrawal,
            amount: amount(units),
        }));
        withdrawals.push(shard.engine.sequence());
    }
    // A deposit that waits holds nothing.
    assert_eq!(shard.deposit(0, MONEY, 5), None);
    assert_eq!(shard.score(0), None);
    assert_eq!(shard.haircut(0, 1), None);
    assert_eq!(shard.collateral(0, Pledging::Pledge, 7), None);
    let held = |by, asset, units| Held {
        by,
        asset,
        amount: amount(units),
        instrument: None,
    };
    let all = [
        held(HeldFor::Withdrawal(withdrawals[0]), MONEY, 30),
        held(HeldFor::Withdrawal(withdrawals[1]), MONEY, 20),
        held(HeldFor::Collateral(MONEY), goods(0), 7),
    ];
    assert_eq!(shard.engine.holds_of(account(0), None, 9), all);
    let after = Some((all[0].by, all[0].asset));
    assert_eq!(shard.engine.holds_of(account(0), after, 1), all[1..2]);
    assert_eq!(shard.engine.holds_of(account(1), None, 9), []);
    let ledger = shard.engine.clearing().ledger();
    let positions = ledger.of_account(account(0));
    let sums: Vec<_> = positions.map(|one| (one.asset(), one.held)).collect();
    assert_eq!(sums, [(goods(0), 7), (MONEY, 50)]);
}

/// A shard with something in every list of the section of credit.
fn lent() -> Shard {
    let mut shard = play(Limits::default(), 2);
    shard.line(90);
    for index in [0, 2] {
        assert_eq!(shard.score(index), None);
    }
    for kind in 0..2 {
        assert_eq!(shard.haircut(kind, 40), None);
        assert_eq!(shard.deposit(0, goods(kind), 9), None);
        assert_eq!(shard.collateral(kind, Pledging::Pledge, 4), None);
    }
    assert_eq!(shard.half(Half::In, 3, 1, 20), None);
    assert_eq!(shard.half(Half::Out, 3, 1, 20), None);
    shard
}

/// Whether an engine can be read from these sections with that one changed.
fn reads(shard: &Shard, change: impl FnOnce(&mut Vec<u8>)) -> bool {
    let mut sections = shard.engine.encode_sections();
    let credit = sections
        .iter_mut()
        .find(|(id, _)| *id == SectionId::Credit)
        .expect("there is one");
    change(&mut credit.1);
    Engine::decode_sections(*shard.engine.limits(), &sections).is_ok()
}

#[test]
fn a_section_of_credit_that_no_engine_wrote_is_refused() {
    let shard = lent();
    assert!(reads(&shard, |_| {}));
    let whole = shard.engine.encode_sections();
    let length = whole
        .iter()
        .find(|(id, _)| *id == SectionId::Credit)
        .map_or(0, |(_, bytes)| bytes.len());
    let empty = vec![1, 0, 0, 0, 0, 0];
    assert!(!reads(&shard, |bytes| *bytes = empty));
    for cut in 0..length {
        assert!(!reads(&shard, |bytes| bytes.truncate(cut)), "cut at {cut}");
    }
    // A byte changed is refused, or makes another engine that is sound and writes those bytes.
    for place in 0..length {
        for bit in 0..8 {
            let mut sections = whole.clone();
            let credit = sections.iter_mut().find(|(id, _)| *id == SectionId::Credit);
            credit.expect("there is one").1[place] ^= 1 << bit;
            let read = Engine::decode_sections(*shard.engine.limits(), &sections);
            if let Ok(engine) = read {
                assert_eq!(engine.audit(), Ok(()));
                assert_eq!(
                    engine.encode_sections(),
                    sections,
                    "byte {place}, bit {bit}"
                );
            }
        }
    }
}
