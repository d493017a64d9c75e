//! Commands about discounts and baskets.

use super::sales::offer_id;
use super::*;

fn sixteen() -> impl Strategy<Value = Option<[u8; 16]>> {
    option::of(any::<[u8; 16]>())
}

pub(super) fn discount_body() -> impl Strategy<Value = Body> {
    let off = prop_oneof![
        signed().prop_map(Off::Amount),
        (any::<u16>(), signed()).prop_map(|(bp, at_most)| Off::Share { bp, at_most }),
    ];
    let whose = (account(), venue(), index());
    let uses = (index(), index(), sixteen());
    let drawn = (whose, signed(), off, (time(), time()), uses);
    drawn.prop_map(|(whose, threshold, off, window, uses)| {
        let terms = DefineDiscount {
            account: whose.0,
            venue: whose.1,
            money: AssetId::new(whose.2),
            threshold,
            off,
            opens: window.0,
            closes: window.1,
            uses: uses.0,
            per_owner: uses.1,
            code: uses.2,
        };
        Body::Sales(Box::new(SalesCommand::DefineDiscount(terms)))
    })
}

fn line() -> impl Strategy<Value = Line> {
    let confirmed = select(vec![Confirmed::No, Confirmed::Yes]);
    let drawn = (offer_id(), index(), index(), sixteen(), confirmed);
    drawn.prop_map(|(offer, version, pieces, pickup, confirmed)| Line {
        offer,
        version,
        pieces,
        pickup,
        confirmed,
    })
}

pub(super) fn basket_body() -> impl Strategy<Value = Body> {
    let discount = (number(), index());
    let discount = discount.prop_map(|(sequence, slot)| DiscountId { sequence, slot });
    let words = (option::of(discount), sixteen(), any::<[u8; 16]>());
    (account(), vec(line(), 0..10), words).prop_map(|(account, lines, words)| {
        Body::Contract(ContractCommand::Basket(Box::new(Basket {
            account,
            lines,
            discount: words.0,
            code: words.1,
            delivery_reference: words.2,
        })))
    })
}
