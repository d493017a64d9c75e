//! Guarantees of sellers: their bound, what they hold, snapshots.
//!
//! Invariant: as in `shops`. Not here: the rules (`scenarios/guarantees.txt`).

use crate::shop::{BANK, MONEY, fund, plain_terms};

use super::*;

fn guarantee(venue: u32, account: AccountId, amount: i64) -> Body {
    sales(SalesCommand::SetGuarantee(SetGuarantee {
        venue: VenueId::new(venue),
        account,
        money: MONEY,
        amount: Amount::new(amount).expect("in bounds"),
    }))
}

/// A seller with money, on cover.
fn covered_shop(limits: Limits, buyers: u32) -> Shop {
    let mut shop = Shop::new(limits, buyers);
    shop.send(fund(SELLER, MONEY, BANK, 5_000));
    shop.send(sales(SalesCommand::DefineTerms(SaleTerms {
        covered: Covered::Yes,
        ..plain_terms(7)
    })));
    shop
}

fn accepted(shop: &mut Shop, offer: OfferId) -> ContractReport {
    let reference = [0; 16];
    let mut report = shop.reserve(offer, 1);
    report = shop.take(&report, SELLER, Act::HandOver { reference });
    shop.take(&report, AccountId::new(1), Act::Accept)
}

#[test]
fn no_more_guarantees_than_the_bound_and_an_ended_one_makes_room() {
    let limits = Limits {
        guarantees_max: 2,
        ..small()
    };
    let mut shop = covered_shop(limits, 3);
    for account in [1, 2] {
        let one = guarantee(0, AccountId::new(account), 10);
        assert_eq!(shop.refusal(one), None);
    }
    let third = || guarantee(0, SELLER, 10);
    assert_eq!(shop.refusal(third()), Some(RejectReason::TooMany));
    let more = guarantee(0, AccountId::new(1), 20);
    assert_eq!(shop.refusal(more), None, "it is there");
    let none = guarantee(0, SELLER, 0);
    assert_eq!(shop.refusal(none), None, "of nothing there is none");
    let ended = guarantee(0, AccountId::new(2), 0);
    assert_eq!(shop.refusal(ended), None);
    assert_eq!(shop.refusal(third()), None);
    assert_eq!(shop.engine.audit(), Ok(()));
    shop.restored();
}

#[test]
fn a_guarantee_is_held_and_keeps_its_account_open() {
    let mut shop = covered_shop(small(), 1);
    let offer = shop.offer(10, None);
    shop.send(guarantee(0, SELLER, 5_000));
    let report = accepted(&mut shop, offer);
    assert_eq!((report.state, report.money_held), (State::Covered, 0));
    let list = shop.engine.holds_of(SELLER, None, 10);
    let money = list.iter().filter(|held| held.asset == MONEY);
    let money: Vec<_> = money.map(|held| (held.by, held.amount.units())).collect();
    assert_eq!(money, [(HeldFor::Guarantee(VenueId::new(0)), 5_000)]);
    let key = sanjiang_engine::clearing::guarantee::GuaranteeKey {
        account: SELLER,
        venue: VenueId::new(0),
        money: MONEY,
    };
    let stands = shop
        .engine
        .guarantee(key)
        .map(|one| (one.amount(), one.covering()));
    assert_eq!(stands, Some((5_000, 100)));
    // Of another account nothing but the guarantee is left.
    let mut other = covered_shop(small(), 1);
    other.send(guarantee(0, SELLER, 5_000));
    other.send(Body::Instruct(Instruct {
        account: SELLER,
        asset: GOODS,
        custodian: WAREHOUSE,
        direction: Direction::Withdrawal,
        amount: Amount::new(1_000_000).expect("in bounds"),
    }));
    let close = Body::Standing(StandingCommand::SetStanding(SetStanding {
        party: Party::Account(SELLER),
        standing: Standing::Closed,
    }));
    assert_eq!(other.refusal(close), Some(RejectReason::NotEmpty));
}

#[test]
fn a_changed_snapshot_of_a_covered_shop_is_refused_or_sound() {
    let mut shop = covered_shop(tiny(), 1);
    let offer = shop.offer(10, None);
    shop.send(guarantee(0, SELLER, 350));
    accepted(&mut shop, offer);
    let asked = accepted(&mut shop, offer);
    let buyer = AccountId::new(1);
    shop.take(&asked, buyer, Act::AskReturn { pieces: 1 });
    let disputed = accepted(&mut shop, offer);
    let disputed = shop.take(&disputed, buyer, Act::Dispute);
    assert_eq!(disputed.state, State::Covered);
    let escrow = accepted(&mut shop, offer);
    assert_eq!(escrow.state, State::Accepted, "50 are free");
    shop.restored();
    flip_every_byte(&shop);
}
