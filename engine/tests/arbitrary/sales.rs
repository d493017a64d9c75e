//! Commands about sales and contracts.

use super::*;
use sanjiang_engine::venue::Model;

fn nanoseconds() -> impl Strategy<Value = Nanoseconds> {
    signed().prop_map(Nanoseconds)
}

pub(super) fn offer_id() -> impl Strategy<Value = OfferId> {
    (number(), index()).prop_map(|(sequence, slot)| OfferId { sequence, slot })
}

fn custodian() -> impl Strategy<Value = CustodianId> {
    index().prop_map(CustodianId::new)
}

fn amount() -> impl Strategy<Value = Amount> {
    let max = Amount::MAX_UNITS;
    let units = prop_oneof![0..100_i64, 0..=max, Just(max)];
    units.prop_map(|units| Amount::new(units).expect("in bounds"))
}

fn terms() -> impl Strategy<Value = SaleTerms> {
    let funding = prop_oneof![
        Just(Funding::Prefunded),
        nanoseconds().prop_map(|within| Funding::PayLater { within }),
    ];
    let exemption = select(vec![
        Exemption::CustomMade,
        Exemption::Fresh,
        Exemption::OpenedDigital,
        Exemption::Periodical,
        Exemption::ConfirmedUnsuitable,
    ]);
    let plans = select(vec![
        Plan::Plain,
        Plan::Flash(FlashMode::Race),
        Plan::Flash(FlashMode::Queue {
            per_second: 240_000,
            valid_for: Nanoseconds(60_000_000_000),
        }),
        Plan::Flash(FlashMode::Lottery),
        Plan::Group,
        Plan::Presale { deposit_bp: 3_000 },
    ]);
    let what = (
        venue(),
        select(Model::ALL.to_vec()),
        funding,
        index(),
        plans,
    );
    let tax = (
        select(vec![TaxBasis::VatIn, TaxBasis::VatOut]),
        any::<u16>(),
    );
    let spans = (nanoseconds(), nanoseconds(), any::<u8>(), any::<u16>());
    let delivery = select(vec![Delivery::Ship, Delivery::PickUp]);
    let covered = select(vec![Covered::No, Covered::Yes]);
    let rest = (option::of(exemption), delivery, covered, any::<[u8; 32]>());
    (what, tax, index(), spans, rest).prop_map(|(what, tax, fee_ppm, spans, rest)| SaleTerms {
        venue: what.0,
        model: what.1,
        plan: what.4,
        funding: what.2,
        money: AssetId::new(what.3),
        tax_basis: tax.0,
        tax_bp: tax.1,
        fee_ppm,
        hand_over_within: spans.0,
        inspect_within: spans.1,
        return_days: spans.2,
        agreed_days: spans.3,
        exemption: rest.0,
        delivery: rest.1,
        covered: rest.2,
        document: rest.3,
    })
}

fn prices() -> impl Strategy<Value = Prices> {
    let tier = (index(), signed()).prop_map(|(from, price)| Tier { from, price });
    let counts = (index(), index(), index(), option::of(index()));
    let window = (time(), option::of(time()));
    (vec(tier, 0..10), counts, window).prop_map(|(tiers, counts, window)| Prices {
        tiers,
        step: counts.0,
        min: counts.1,
        max: counts.2,
        limit: counts.3,
        opens: window.0,
        closes: window.1,
    })
}

fn stock() -> impl Strategy<Value = ChangeStock> {
    (offer_id(), account(), index()).prop_map(|(offer, account, pieces)| ChangeStock {
        offer,
        account,
        pieces,
    })
}

fn course() -> impl Strategy<Value = Course> {
    prop_oneof![
        Just(Course::Plain),
        index().prop_map(|quorum| Course::Group { quorum }),
        (any::<[u8; 32]>(), time()).prop_map(|(commitment, draw_by)| Course::Lottery {
            commitment,
            draw_by,
        }),
        (time(), time()).prop_map(|(pay_from, pay_until)| Course::Presale {
            pay_from,
            pay_until,
        }),
    ]
}

pub(super) fn sales_body() -> impl Strategy<Value = Body> {
    let kinds = select(vec![PartyKind::Consumer, PartyKind::Enterprise]);
    let what = (index(), account(), index(), custodian());
    let offer = (what, signed(), prices(), index(), course());
    let change = (offer_id(), index(), account(), prices());
    prop_oneof![
        (index(), kinds).prop_map(|(owner, kind)| {
            let owner = OwnerId::new(owner);
            SalesCommand::SetPartyKind(SetPartyKind { owner, kind })
        }),
        (index(), signed()).prop_map(|(venue, grace)| {
            let venue = VenueId::new(venue);
            let grace = Nanoseconds(grace);
            SalesCommand::SetGrace(SetGrace { venue, grace })
        }),
        terms().prop_map(SalesCommand::DefineTerms),
        offer.prop_map(|(what, piece_units, prices, stock, course)| {
            SalesCommand::Offer(MakeOffer {
                terms: TermsId::new(what.0),
                account: what.1,
                goods: AssetId::new(what.2),
                warehouse: what.3,
                piece_units,
                prices,
                stock,
                course,
            })
        }),
        change.prop_map(|(offer, version, account, prices)| {
            SalesCommand::ChangeOffer(ChangeOffer {
                offer,
                version,
                account,
                prices,
            })
        }),
        stock().prop_map(SalesCommand::PutStock),
        stock().prop_map(SalesCommand::TakeStock),
        (index(), account(), index(), amount()).prop_map(|(venue, account, money, amount)| {
            SalesCommand::SetGuarantee(SetGuarantee {
                venue: VenueId::new(venue),
                account,
                money: AssetId::new(money),
                amount,
            })
        }),
        (offer_id(), account())
            .prop_map(|(offer, account)| SalesCommand::Join(Join { offer, account })),
        (offer_id(), any::<[u8; 32]>())
            .prop_map(|(offer, seed)| { SalesCommand::RevealSeed(RevealSeed { offer, seed }) }),
        (offer_id(), any::<[u8; 32]>()).prop_map(|(offer, value)| {
            let source = Name::new("a block").expect("short");
            SalesCommand::BringValue(BringValue {
                offer,
                value,
                source,
            })
        }),
        (offer_id(), account()).prop_map(|(offer, account)| {
            SalesCommand::WithdrawOffer(WithdrawOffer { offer, account })
        }),
    ]
    .prop_map(|command| Body::Sales(Box::new(command)))
}

fn act() -> impl Strategy<Value = Act> {
    let words = || any::<[u8; 16]>();
    let goods = select(vec![GoodsTo::Stock, GoodsTo::Buyer]);
    let plain = vec![
        Act::Pay,
        Act::Cancel,
        Act::Accept,
        Act::Dispute,
        Act::Rescind,
        Act::TakeBack { to: TakenTo::Stock },
        Act::TakeBack {
            to: TakenTo::WriteOff,
        },
    ];
    prop_oneof![
        select(plain),
        custodian().prop_map(|custodian| Act::PayIn { custodian }),
        words().prop_map(|reference| Act::HandOver { reference }),
        words().prop_map(|reference| Act::Deliver { reference }),
        words().prop_map(|code| Act::PickUp { code }),
        index().prop_map(|pieces| Act::AskReturn { pieces }),
        words().prop_map(|reference| Act::HandBack { reference }),
        words().prop_map(|reference| Act::Invoice { reference }),
        (amount(), amount(), goods).prop_map(|(buyer, seller, goods)| Act::Resolve {
            buyer,
            seller,
            goods,
        }),
    ]
}

pub(super) fn contract_body() -> impl Strategy<Value = Body> {
    let confirmed = select(vec![Confirmed::No, Confirmed::Yes]);
    let words = (any::<[u8; 16]>(), option::of(any::<[u8; 16]>()), confirmed);
    let reserve = (offer_id(), index(), account(), index(), words);
    let contract = (number(), index());
    let contract = contract.prop_map(|(sequence, slot)| ContractId { sequence, slot });
    let step = (contract, index(), option::of(account()), act());
    prop_oneof![
        reserve.prop_map(|(offer, version, account, pieces, words)| {
            ContractCommand::Reserve(Reserve {
                offer,
                version,
                account,
                pieces,
                delivery_reference: words.0,
                pickup: words.1,
                confirmed: words.2,
            })
        }),
        step.prop_map(|(contract, version, account, act)| {
            ContractCommand::Step(TakeStep {
                contract,
                version,
                account,
                act,
            })
        }),
    ]
    .prop_map(Body::Contract)
}
