//! Snapshots of shops with a byte changed.
//!
//! Invariant: what is read is what a sound engine could have written, in that very form. Not here:
//! what is in them.

use sanjiang_engine::engine::SectionsError;

use super::*;

/// So small that an engine is made in no time.
pub fn tiny() -> Limits {
    Limits {
        positions_max: 64,
        receipt_numbers_max: 16,
        offers_max: 16,
        contracts_max: 16,
        buyers_max: 16,
        tickets_max: 16,
        annual_uses_max: 16,
        ..small()
    }
}

/// Every byte of these sections changed, one after the other: refused, or what a sound engine could
/// have written in that very form.
#[test]
fn a_changed_snapshot_is_refused_or_sound() {
    let mut shop = Shop::new(tiny(), 3);
    shop.send(terms(7));
    let offer = shop.offer(10, Some(3));
    let gone = shop.offer(10, Some(3));
    shop.reserve(gone, 2);
    shop.send(sales(SalesCommand::WithdrawOffer(WithdrawOffer {
        offer: gone,
        account: SELLER,
    })));
    let mut report = shop.reserve(offer, 1);
    report = shop.take(&report, SELLER, Act::HandOver { reference: [0; 16] });
    report = shop.take(&report, SELLER, Act::Deliver { reference: [0; 16] });
    shop.take(&report, AccountId::new(1), Act::Dispute);
    let ended = shop.reserve(offer, 3);
    shop.take(&ended, SELLER, Act::Cancel);
    flip_every_byte(&shop);
}

pub fn flip_every_byte(shop: &Shop) {
    let limits = *shop.engine.limits();
    let sections = shop.engine.encode_sections();
    let (mut refused, mut taken) = (0, 0);
    for (place, (id, bytes)) in sections.iter().enumerate() {
        if !matches!(
            id,
            SectionId::Sales | SectionId::Contracts | SectionId::Annual
        ) {
            continue;
        }
        for at in 1..bytes.len() {
            for flip in [1, 0x80] {
                let mut forged = sections.clone();
                forged[place].1[at] ^= flip;
                match Engine::decode_sections(limits, &forged) {
                    Ok(engine) => {
                        assert_eq!(engine.encode_sections(), forged, "{id:?} byte {at}");
                        taken += 1;
                    }
                    Err(SectionsError::Missing(_) | SectionsError::Version { .. }) => {
                        panic!("{id:?} byte {at}: the frame is whole")
                    }
                    Err(SectionsError::Bytes { .. } | SectionsError::Unsound(_)) => refused += 1,
                }
            }
        }
    }
    println!("{refused} refused, {taken} sound");
    assert!(refused > 100);
}
