//! What shops and buyers do: terms, offers, reserves, steps of contracts, and what stands in their
//! way.
//!
//! Invariant: as in `generate`. Not here: the world (`shop`), envelopes (`generate`), money
//! (`purses`).

use sanjiang_engine::command::{
    Access, Act, Authority, Body, ChangeOffer, ChangeStock, Command, Confirmed, ContractCommand,
    Delivery, FlashMode, GoodsTo, KillScope, Party, Plan, Position, Reserve, Roles, SalesCommand,
    Scope, SetAccess, SetKillSwitch, SetRoles, SetStanding, SetTradingStatus, Standing,
    StandingCommand, SwitchCommand, TakeStep, TakenTo, WithdrawOffer,
};
use sanjiang_engine::event::State;
use sanjiang_engine::types::{
    AccountId, Amount, ContractId, CustodianId, Nanoseconds, OfferId, ParticipantId, PrincipalId,
    SessionId, Time, VenueId,
};
use sanjiang_engine::venue::TradingStatus;

use super::baskets::{basket, discount};
use super::border;
use super::covers;
use super::flash::{draw, join, queued};
use super::generate::Generator;
use super::operate;
use super::purses;
use super::rng::Rng;
use super::script::Step;
use super::shop::{BANK, WAREHOUSES};
use super::wares::{CODE, DAY, hash, offer, prices, terms};
use super::world::SECOND;
use crate::reference::{Deal, Offering, Reference};

/// The step that made an offer or a contract, by its sequence.
pub type Places<'a> = &'a dyn Fn(u64) -> usize;

impl Generator {
    /// The next step of a world of shops.
    pub fn shop_step(&mut self, world: &Reference, places: Places<'_>, place: usize) -> Step {
        let time = self.shop_time(world);
        let rng = &mut self.rng;
        let few = world.shops.terms.len() < 3;
        let offers = world.shops.offers.len() as u32;
        let full = offers == world.limits.offers_max;
        let crowded = world.shops.deals.len() as u32 == world.limits.contracts_max;
        let repair = repair(world);
        let queues = |offer: &Offering| {
            let plan = world.shops.terms[offer.terms].plan;
            matches!(plan, Plan::Flash(FlashMode::Queue { .. }))
        };
        let waiting = waits_for_a_seed(world);
        let has_queue = world.shops.offers.iter().any(queues);
        let promised = world.shops.discounts.len();
        let action = rng.weighted(&[
            (if few { 400 } else { 10 }, 0),
            (if offers == 0 { 300 } else { 40 }, 1),
            (if full { 60 } else { 25 }, 2),
            (if crowded { 20 } else { 60 * offers.min(4) }, 3),
            (90 * world.shops.deals.len().min(9) as u32, 4),
            (if repair.is_some() { 250 } else { 18 }, 5),
            (
                if world.money.pending.is_empty() {
                    15
                } else {
                    90
                },
                6,
            ),
            (8, 7),
            (if has_queue { 80 } else { 4 }, 8),
            (if waiting { 90 } else { 4 }, 9),
            (7, 10),
            (20, 11),
            (if promised < 2 { 24 } else { 4 }, 12),
            (if offers == 0 { 2 } else { 35 }, 13),
            (covers::weight(world), 14),
            (purses::weight(world), 15),
        ]);
        let body = match action {
            0 => sales(SalesCommand::DefineTerms(terms(rng))),
            1 if full && rng.permille(850) => change(rng, world, places, time),
            1 => sales(SalesCommand::Offer(offer(rng, world, time))),
            2 => change(rng, world, places, time),
            3 => reserve(rng, world, places),
            4 => step(rng, world, places),
            5 => match repair.filter(|_| rng.permille(850)) {
                Some(repair) => repair,
                None => trouble(rng, world),
            },
            6 => purses::money(rng, world, places, time),
            8 => join(rng, world, places),
            9 => draw(rng, world, places),
            10 => return operate::gap(rng, world, place),
            11 => border::report(rng, world, time.nanoseconds()),
            12 => sales(SalesCommand::DefineDiscount(discount(rng, world, time))),
            13 => basket(rng, world, places),
            14 => sales(SalesCommand::SetGuarantee(covers::guarantee(rng, world))),
            15 => purses::purse(rng, world),
            _ => operate::rule(rng, world),
        };
        let mut command = self.envelope(world, body, time);
        authorise(&mut self.rng, &mut command);
        Step {
            place,
            time,
            command,
        }
    }

    fn shop_time(&mut self, world: &Reference) -> Time {
        let rng = &mut self.rng;
        let next = world.next_deadline();
        let span = match (rng.weighted(&[(700, 0), (150, 1), (12, 2), (60, 3)]), next) {
            (1, _) => rng.range(0, 25 * SECOND),
            (2, _) => rng.range(0, 2 * DAY),
            (3, Some(next)) => {
                let there = next.nanoseconds() - world.time.nanoseconds();
                (there + rng.range(-1, 1)).clamp(0, 12 * DAY)
            }
            _ => 0,
        };
        world.time.after(Nanoseconds(span))
    }
}

/// Whether a lottery is closed and not drawn.
fn waits_for_a_seed(world: &Reference) -> bool {
    world.shops.offers.iter().any(|offer| {
        let closes = offer.prices.closes;
        let lottery = offer.lottery.as_ref();
        closes.is_some_and(|closes| closes <= world.time)
            && lottery.is_some_and(|lot| lot.seed.is_none())
    })
}

pub fn sales(command: SalesCommand) -> Body {
    Body::Sales(Box::new(command))
}

/// Decisions, deliveries and banks' answers are two people's; mostly they are there.
fn authorise(rng: &mut Rng, command: &mut Command) {
    let mut asks = matches!(command.body, Body::Acknowledge(_) | Body::SetAnnualUse(_));
    if let Body::Contract(ContractCommand::Step(take)) = &command.body {
        asks = matches!(take.act, Act::Deliver { .. } | Act::Resolve { .. });
    }
    if !asks {
        return;
    }
    let approver = rng.weighted(&[
        (900, Some(PrincipalId::new(8))),
        (40, None),
        (40, Some(PrincipalId::LOCAL)),
    ]);
    let reason = if rng.permille(940) { "agreed" } else { "" };
    command.envelope.authority = Some(Box::new(Authority {
        approver,
        reason: reason.to_owned(),
        ..Authority::default()
    }));
}

/// An offer that lives, by its step; sometimes one that never was.
pub fn some_offer<'a>(
    rng: &mut Rng,
    world: &'a Reference,
    places: Places<'_>,
) -> (OfferId, Option<&'a Offering>) {
    let offers = &world.shops.offers;
    if offers.is_empty() || rng.permille(25) {
        let (sequence, slot) = (rng.pick(&[3, 60]), 0);
        return (OfferId { sequence, slot }, None);
    }
    let known = &offers[rng.below(offers.len())];
    let slot = u32::from(rng.permille(10));
    let sequence = places(known.id) as u64;
    (OfferId { sequence, slot }, Some(known))
}

fn change(rng: &mut Rng, world: &Reference, places: Places<'_>, time: Time) -> Body {
    let (offer, known) = some_offer(rng, world, places);
    let mut account = known.map_or(AccountId::new(0), |known| known.seller);
    if rng.permille(60) {
        account = AccountId::new(rng.pick(&[6, 99]));
    }
    let model = known.map(|known| world.shops.terms[known.terms].model);
    let stock = ChangeStock {
        offer,
        account,
        pieces: rng.pick(&[1, 3, 9, 0, 70_000, u32::MAX]),
    };
    sales(match rng.weighted(&[(35, 0), (25, 1), (20, 2), (20, 3)]) {
        0 => SalesCommand::ChangeOffer(ChangeOffer {
            offer,
            version: known.map_or(1, |known| known.version) + u32::from(rng.permille(80)),
            account,
            prices: prices(rng, model, time),
        }),
        1 => SalesCommand::PutStock(stock),
        2 => SalesCommand::TakeStock(stock),
        _ => SalesCommand::WithdrawOffer(WithdrawOffer { offer, account }),
    })
}

fn reserve(rng: &mut Rng, world: &Reference, places: Places<'_>) -> Body {
    let (mut offer, mut known) = some_offer(rng, world, places);
    let open = |one: &&Offering| {
        let closes = one.prices.closes.is_some_and(|closes| world.time < closes);
        one.lottery.is_some() && closes
    };
    if let Some(drawn) = world.shops.offers.iter().find(open)
        && rng.permille(400)
    {
        (offer.sequence, offer.slot, known) = (places(drawn.id) as u64, 0, Some(drawn));
    }
    let delivery = known.map(|known| world.shops.terms[known.terms].delivery);
    let picked = (delivery == Some(Delivery::PickUp)) != rng.permille(20);
    let mut pieces = rng.pick(&[1, 2, 3, 4, 6]);
    if let Some(known) = known {
        let step = known.prices.step;
        pieces = (known.prices.min + step * rng.below(3) as u32).min(known.prices.max);
        if rng.permille(100) {
            pieces = rng.pick(&[0, 1, 5, 16_000, 8_000, 3]);
        }
    }
    let mut account = AccountId::new(rng.below(8) as u32);
    let own = known.filter(|known| known.seller.index() % 4 == account.index() % 4);
    if own.is_some() && rng.permille(800) {
        account = AccountId::new((account.index() + 1) % 8);
    }
    let queued = known.and_then(|known| queued(rng, world, known.id));
    if let Some(queued) = queued.filter(|_| rng.permille(800)) {
        account = queued;
    }
    if rng.permille(10) {
        account = AccountId::new(99);
    }
    Body::Contract(ContractCommand::Reserve(Reserve {
        offer,
        version: known.map_or(1, |known| known.version) + u32::from(rng.permille(25)),
        account,
        pieces,
        delivery_reference: [9; 16],
        pickup: picked.then(hash),
        confirmed: rng.pick(&[Confirmed::No, Confirmed::Yes]),
    }))
}

/// What could come next, as a party would do it; mostly on to the end, sometimes aside.
fn likely(rng: &mut Rng, world: &Reference, deal: &Deal) -> (Option<AccountId>, Act) {
    let (buyer, seller) = (Some(deal.buyer), Some(deal.seller));
    let either = rng.pick(&[buyer, seller]);
    let reference = [5; 16];
    if rng.permille(60) {
        return (seller, Act::Invoice { reference });
    }
    if deal.disputed {
        return in_dispute(rng, deal);
    }
    if !is_bound(deal) {
        let asked = if deal.asked.is_some() { 350 } else { 45 };
        if rng.permille(asked) {
            return (either, Act::Rescind);
        }
        if rng.permille(70) {
            return (either, Act::Dispute);
        }
    }
    let ships = world.shops.terms[deal.terms].delivery == Delivery::Ship;
    let rest = deal.pieces - deal.gone_back;
    // Of a covered one mostly a part, so that the rest is covered again.
    let most = if deal.answered > 0 { 1 } else { rest };
    let pieces = rng.pick(&[1, 1, rest, most, 0, rest + 1]);
    let to = rng.pick(&[TakenTo::Stock, TakenTo::WriteOff]);
    let custodian = rng.weighted(&[(9, BANK), (1, WAREHOUSES[0]), (1, CustodianId::new(77))]);
    let code = rng.weighted(&[(9, CODE), (1, [4; 16])]);
    match deal.state {
        State::Joined | State::Entered | State::Owing => (buyer, Act::Cancel),
        State::Deposited => rng.weighted(&[(6, (buyer, Act::Pay)), (1, (seller, Act::Cancel))]),
        State::Unpaid => rng.weighted(&[
            (5, (buyer, Act::Pay)),
            (4, (buyer, Act::PayIn { custodian })),
            (1, (buyer, Act::Cancel)),
        ]),
        State::Paid => rng.weighted(&[
            (8, (seller, Act::HandOver { reference })),
            (1, (seller, Act::Cancel)),
        ]),
        State::HandedOver if rng.permille(250) => (buyer, Act::Accept),
        State::HandedOver if ships => (seller, Act::Deliver { reference }),
        State::HandedOver => (seller, Act::PickUp { code }),
        State::Delivered => rng.weighted(&[
            (2, (buyer, Act::Accept)),
            (2, (buyer, Act::AskReturn { pieces })),
        ]),
        State::Accepted | State::Covered | State::Performed => (buyer, Act::AskReturn { pieces }),
        State::ReturnProposed => rng.weighted(&[
            (3, (seller, Act::TakeBack { to })),
            (1, (either, Act::Cancel)),
        ]),
        State::ReturnAsked => rng.weighted(&[
            (2, (buyer, Act::HandBack { reference })),
            (2, (seller, Act::TakeBack { to })),
        ]),
        State::Returning
        | State::Settled
        | State::Refunded
        | State::Cancelled
        | State::Expired
        | State::Defaulted
        | State::Resolved
        | State::Rescinded
        | State::Released
        | State::Forfeited => (seller, Act::TakeBack { to }),
    }
}

/// Whether there is nothing to undo or to dispute.
fn is_bound(deal: &Deal) -> bool {
    matches!(
        deal.state,
        State::Unpaid
            | State::Joined
            | State::Entered
            | State::Performed
            | State::ReturnProposed
            | State::Owing
    )
}

/// How a dispute mostly ends.
fn in_dispute(rng: &mut Rng, deal: &Deal) -> (Option<AccountId>, Act) {
    let either = rng.pick(&[Some(deal.buyer), Some(deal.seller)]);
    if rng.permille(400) {
        return (either, Act::Rescind);
    }
    let all = deal.held + deal.bond + deal.answered;
    let part = rng.pick(&[0, deal.held, all / 3, all]);
    let amount = |units: i128| Amount::new(units as i64).expect("small");
    let gone = deal.kept() == 0 && rng.permille(930);
    let goods = if gone {
        GoodsTo::Buyer
    } else {
        rng.pick(&[GoodsTo::Buyer, GoodsTo::Stock])
    };
    let wrong = i128::from(rng.permille(60));
    (
        None,
        Act::Resolve {
            buyer: amount(part),
            seller: amount(all - part + wrong),
            goods,
        },
    )
}

fn any(rng: &mut Rng, deal: &Deal) -> (Option<AccountId>, Act) {
    let reference = [6; 16];
    let amount = Amount::new(deal.held as i64).expect("small");
    let act = rng.pick(&[
        Act::Pay,
        Act::PayIn { custodian: BANK },
        Act::Cancel,
        Act::HandOver { reference },
        Act::Deliver { reference },
        Act::PickUp { code: CODE },
        Act::Accept,
        Act::AskReturn { pieces: 1 },
        Act::HandBack { reference },
        Act::TakeBack {
            to: TakenTo::WriteOff,
        },
        Act::Dispute,
        Act::Resolve {
            buyer: amount,
            seller: Amount::ZERO,
            goods: GoodsTo::Buyer,
        },
        Act::Rescind,
        Act::Invoice { reference },
    ]);
    let stranger = AccountId::new(rng.pick(&[7, 6, 99]));
    let who = rng.pick(&[Some(deal.buyer), Some(deal.seller), None, Some(stranger)]);
    (who, act)
}

fn step(rng: &mut Rng, world: &Reference, places: Places<'_>) -> Body {
    let deals = &world.shops.deals;
    let mut deal = &deals[rng.below(deals.len())];
    // Entries mostly wait.
    let early = |deal: &Deal| {
        let mut offers = world.shops.offers.iter();
        let offer = offers.find(|offer| offer.id == deal.offer);
        let now = i128::from(world.time.nanoseconds());
        deal.state == State::Deposited && offer.is_some_and(|offer| now < offer.window.0)
    };
    let waits = |deal: &Deal| {
        let entry = matches!(deal.state, State::Joined | State::Entered);
        entry || early(deal)
    };
    for _ in 0..3 {
        if waits(deal) && rng.permille(900) {
            deal = &deals[rng.below(deals.len())];
        }
    }
    let (account, act) = if rng.permille(180) {
        any(rng, deal)
    } else {
        likely(rng, world, deal)
    };
    let (sequence, line) = deal.named();
    let sequence = places(sequence) as u64 + u64::from(rng.permille(15));
    let slot = line + u32::from(rng.permille(5));
    Body::Contract(ContractCommand::Step(TakeStep {
        contract: ContractId { sequence, slot },
        version: deal.version + u32::from(rng.permille(30)),
        account,
        act,
    }))
}

/// What opens again what is shut and mostly is not, if something is.
fn repair(world: &Reference) -> Option<Body> {
    if let Some(scope) = world.engaged.first().copied() {
        let position = Position::Released;
        let kill = SetKillSwitch { scope, position };
        return Some(Body::Switch(SwitchCommand::SetKillSwitch(kill)));
    }
    for (at, venue) in (0..).map(VenueId::new).zip(&world.venues) {
        if venue.status != TradingStatus::Trading {
            return Some(Body::SetTradingStatus(SetTradingStatus {
                scope: Scope::Venue(at),
                status: TradingStatus::Trading,
            }));
        }
        let access = world.stands.access.iter().rev();
        let last = access.into_iter().find(|(of, _)| *of == at);
        if last.is_some_and(|(_, access)| *access != Access::default()) {
            let access = Access::default();
            let set = SetAccess { venue: at, access };
            return Some(Body::Standing(StandingCommand::SetAccess(set)));
        }
    }
    let suspended = world.stands.standings.iter().map(|(party, _)| *party);
    let mut suspended = suspended.filter(|party| world.standing(*party) == Standing::Suspended);
    suspended.next().map(|party| {
        let standing = Standing::Open;
        let set = SetStanding { party, standing };
        Body::Standing(StandingCommand::SetStanding(set))
    })
}

fn trouble(rng: &mut Rng, world: &Reference) -> Body {
    let position = rng.weighted(&[(2, Position::Engaged), (5, Position::Released)]);
    let engaged = world.engaged.first().copied();
    let scope = engaged.filter(|_| position == Position::Released);
    let scope = scope.unwrap_or_else(|| {
        rng.pick(&[
            KillScope::Session(SessionId::new(0)),
            KillScope::Account(AccountId::new(1)),
            KillScope::Participant(ParticipantId::new(2)),
            KillScope::Venue(VenueId::new(0)),
        ])
    });
    let venue = VenueId::new(rng.pick(&[0, 1]));
    match rng.below(5) {
        0 => Body::Switch(SwitchCommand::SetKillSwitch(SetKillSwitch {
            scope,
            position,
        })),
        1 => Body::SetTradingStatus(SetTradingStatus {
            scope: Scope::Venue(venue),
            status: rng.weighted(&[
                (6, TradingStatus::Trading),
                (1, TradingStatus::Halted),
                (1, TradingStatus::CancelOnly),
            ]),
        }),
        2 => Body::Standing(StandingCommand::SetStanding(SetStanding {
            party: rng.pick(&[
                Party::Account(AccountId::new(7)),
                Party::Account(AccountId::new(2)),
                Party::Participant(ParticipantId::new(1)),
            ]),
            standing: rng.weighted(&[
                (12, Standing::Open),
                (4, Standing::Suspended),
                (5, Standing::Closed),
            ]),
        })),
        3 => Body::Standing(StandingCommand::SetAccess(SetAccess {
            venue,
            access: Access {
                members_only: rng.permille(150),
                qualified_only: rng.permille(150),
            },
        })),
        _ => Body::Standing(StandingCommand::SetRoles(SetRoles {
            venue,
            participant: ParticipantId::new(rng.below(3) as u32),
            roles: rng.pick(&[Roles::NONE, Roles::BUYER, Roles::BUYER.with(Roles::SELLER)]),
        })),
    }
}
