//! The world of the run: parties, a venue, instruments, money, credit, limits and settlement.
//!
//! Invariant: as in `no_alloc`. Not here: what is measured.

use sanjiang_engine::command::*;
use sanjiang_engine::types::*;

use super::founding;
use super::{ACCOUNTS, CLEARED, Flow, INSTRUMENTS, LATER, MARGINED, name, price, quantity};

fn terms() -> InstrumentTerms {
    InstrumentTerms {
        market_protection_ticks: 20,
        max_quantity: quantity(1_000_000),
        ..founding::terms()
    }
}

impl Flow {
    /// The parties, the venue and its instruments.
    pub(super) fn found(&mut self) {
        self.send(Body::CreateParticipant(CreateParticipant {
            name: name("firm"),
        }));
        for index in 0..ACCOUNTS {
            for body in founding::owned_account(&format!("a{index}"), index as u32) {
                self.send(body);
            }
        }
        self.send(founding::calendar(0..30));
        let venue = founding::sandbox(Some(CalendarId::new(0)));
        self.send(Body::CreateVenue(Box::new(venue)));
        for index in 0..INSTRUMENTS {
            self.send(founding::instrument(&format!("i{index}"), terms()));
        }
    }

    /// Money, goods and fees; the last account has little, so that its orders are often refused.
    pub(super) fn clear(&mut self) {
        let money = AssetClass::Currency { decimals: 2 };
        let unit = name("t");
        let goods = AssetClass::Goods { unit, decimals: 0 };
        for (at, class) in [money, goods, goods].into_iter().enumerate() {
            let demonstration = Demonstration::Demonstration;
            for body in founding::kept_asset(&format!("asset{at}"), class, demonstration) {
                self.send(body);
            }
            for account in 0..ACCOUNTS {
                let rich = account + 1 < ACCOUNTS;
                let units = if rich {
                    1_000_000_000_000
                } else {
                    [20_000, 50, 50][at]
                };
                let asset = AssetId::new(at as u32);
                let account = account as u32;
                self.send(founding::instruct(
                    account,
                    asset,
                    Direction::Deposit,
                    units,
                ));
            }
        }
        self.lend();
        self.margin();
        for instrument in 0..=CLEARED {
            let instrument = InstrumentId::new(instrument);
            if instrument != MARGINED {
                self.send(Body::SetClearing(SetClearing {
                    instrument,
                    money: AssetId::new(0),
                    goods: AssetId::new(1 + u32::from(instrument.index() == LATER)),
                }));
            }
            let dear = i64::from(instrument.index() == 1);
            self.send(Body::SetFees(Box::new(SetFees {
                venue: VenueId::new(0),
                instrument: Some(instrument),
                tier: 0,
                rates: FeeRates {
                    maker_ppm: if dear == 1 { 20 } else { -90 },
                    taker_ppm: 250,
                    auction_ppm: 100,
                    per_lot: dear,
                    minimum: 5 * dear,
                    cap: Some(1_000),
                },
            })));
        }
    }

    fn margin(&mut self) {
        self.send(Body::Margin(MarginCommand::SetMargin(SetMargin {
            instrument: MARGINED,
            money: AssetId::new(0),
            settlement_price: price(1_000),
            initial_bp: 1_000,
            maintenance_bp: 500,
            call_deadline: Nanoseconds(0),
            position_limit: Some(quantity(100_000)),
        })));
    }

    /// A venue for members, wide limits for all and a narrow throttle for one account.
    pub(super) fn limit(&mut self) {
        let (venue, participant) = (VenueId::new(0), ParticipantId::new(0));
        let access = Access {
            members_only: true,
            qualified_only: true,
        };
        let roles = Roles::from_bits(15).expect("four bits");
        let wide = RiskLimits {
            throttle: Some(Throttle {
                rate: 1_000_000,
                burst: 1_000_000,
            }),
            order_to_trade: Some(OrderToTrade {
                ratio: 1_000,
                allowance: 1_000_000_000,
            }),
            open_orders: Some(1_000_000),
            position: Some(quantity(1 << 40)),
        };
        let joint = RiskLimits {
            order_to_trade: None,
            position: None,
            ..wide
        };
        let narrow = RiskLimits {
            throttle: Some(Throttle {
                rate: 10_000,
                burst: 5,
            }),
            ..RiskLimits::NONE
        };
        self.send(Body::Standing(StandingCommand::SetAccess(SetAccess {
            venue,
            access,
        })));
        self.send(Body::Standing(StandingCommand::SetRoles(SetRoles {
            venue,
            participant,
            roles,
        })));
        for (scope, limits) in [
            (RiskScope::Venue(venue), wide),
            (RiskScope::Participant(participant), joint),
            (RiskScope::Account(AccountId::new(5)), narrow),
        ] {
            let set = SetRiskLimits { scope, limits };
            let set = LimitsCommand::SetRiskLimits(Box::new(set));
            self.send(Body::Limits(set));
        }
    }

    /// The poor account may draw, by its score and against some of its goods.
    fn lend(&mut self) {
        let account = AccountId::new(ACCOUNTS as u32 - 1);
        let (money, goods) = (AssetId::new(0), AssetId::new(1));
        let amount = |units| Amount::new(units).expect("in bounds");
        for command in [
            CreditCommand::SetLine(SetCreditLine {
                asset: money,
                band: 1,
                line: amount(30_000),
            }),
            CreditCommand::SetScore(SetScore {
                account,
                asset: money,
                band: 1,
            }),
            CreditCommand::SetHaircut(SetHaircut {
                goods,
                money,
                price: amount(900),
                basis_points: 5_000,
            }),
            CreditCommand::MoveCollateral(MoveCollateral {
                account,
                money,
                goods,
                pledging: Pledging::Pledge,
                amount: amount(10),
            }),
        ] {
            self.send(Body::Credit(command));
        }
    }

    pub(super) fn settle_later(&mut self) {
        let set = SetSettlement {
            instrument: InstrumentId::new(LATER),
            days: 1,
            reverse_trade_days: 0,
            max_holders: Some(ACCOUNTS as u32),
            holder_count: HolderCount::Current,
            reference: name("letter"),
        };
        self.send(Body::Settlement(Box::new(SettlementCommand::Set(set))));
        let done = self.engine.clearing().settlement(set.instrument);
        assert_eq!(done.map(|known| known.set), Some(set));
    }
}
