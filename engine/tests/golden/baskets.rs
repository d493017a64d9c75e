//! One of every command about discounts and baskets, each optional part present and absent.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;

use super::golden::at;
use super::golden_sales::timed;

fn discount(off: Off, code: Option<[u8; 16]>) -> Body {
    let terms = DefineDiscount {
        account: AccountId::new(300),
        venue: VenueId::new(5),
        money: AssetId::new(1),
        threshold: 30_000,
        off,
        opens: at(1),
        closes: at(86_400_000_000_000),
        uses: 10_000,
        per_owner: 2,
        code,
    };
    Body::Sales(Box::new(SalesCommand::DefineDiscount(terms)))
}

fn basket(lines: Vec<Line>, discount: Option<DiscountId>, code: Option<[u8; 16]>) -> Body {
    Body::Contract(ContractCommand::Basket(Box::new(Basket {
        account: AccountId::new(301),
        lines,
        discount,
        code,
        delivery_reference: [0xde; 16],
    })))
}

pub fn baskets() -> Vec<(Time, Command)> {
    let line = |slot, pickup, confirmed| Line {
        offer: OfferId {
            sequence: 70_000,
            slot,
        },
        version: 2,
        pieces: 300,
        pickup,
        confirmed,
    };
    let first = line(3, None, Confirmed::No);
    let second = line(4, Some([0x4a; 16]), Confirmed::Yes);
    let id = DiscountId {
        sequence: 70_002,
        slot: 1,
    };
    let share = Off::Share {
        bp: 1_500,
        at_most: 2_000,
    };
    timed(vec![
        discount(Off::Amount(3_000), None),
        discount(share, Some([0xc0; 16])),
        basket(vec![first], None, None),
        basket(vec![first, second], Some(id), Some([0xc1; 16])),
        basket(vec![], Some(id), None),
    ])
}
