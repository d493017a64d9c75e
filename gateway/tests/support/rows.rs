//! For tests: the rows of `engine/tests/rejects`, played through the public API.
//!
//! A row's words mean here what they mean there: prices are ticks, quantities lots, amounts minor
//! units. Each row has a world of its own: venue, instrument, parties, assets, named after it.
//!
//! Invariant: a word that is not understood stops the test. Not here: which rows there are, and
//! what is expected (`dry_run`).
#![allow(dead_code, reason = "each user takes its part")]

#[path = "row_words.rs"]
mod words;

use std::time::{Duration, SystemTime};

use proto::v1;
use proto::v1::accounts_client::AccountsClient;
use proto::v1::operations_client::OperationsClient;
use proto::v1::order_entry_client::OrderEntryClient;
use tonic::Response;
use tonic::transport::Channel;

use super::context;
use super::market::{instrument, venue};
use words::{decimal, number, past, phase, role, settle, status, time_in_force, value};

/// The largest quantity there can be, in lots of one.
const MOST: &str = "1099511627776";
const HOUR: Duration = Duration::from_secs(3_600);

/// One row's world.
pub struct World {
    channel: Channel,
    /// What its ids begin with.
    prefix: String,
    terms: v1::CreateInstrumentRequest,
    clears: Option<(u32, u32)>,
    margin: Option<v1::SetMarginRequest>,
    calendar: bool,
    ready: bool,
    requests: u32,
}

fn accepted(line: &str, report: Result<Response<v1::OperationReport>, tonic::Status>) {
    let report = report.unwrap_or_else(|status| panic!("{line}: {status}"));
    assert!(report.get_ref().accepted, "{line}: {report:?}");
}

impl World {
    /// The world of row `place`.
    pub fn new(channel: Channel, place: usize, calendar: bool) -> Self {
        let prefix = format!("r{place}");
        let terms = v1::CreateInstrumentRequest {
            tick_size: "0.01".to_owned(),
            lot_size: "1".to_owned(),
            max_quantity: MOST.to_owned(),
            market_protection_ticks: 1_000_000,
            ..instrument(&format!("{prefix}-i"), &format!("{prefix}-v"))
        };
        Self {
            channel,
            prefix,
            terms,
            clears: None,
            margin: None,
            calendar,
            ready: false,
            requests: 0,
        }
    }

    fn id(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    fn context(&mut self) -> Option<v1::OperationContext> {
        self.requests += 1;
        context(&self.id(&format!("op{}", self.requests)))
    }

    fn operations(&self) -> OperationsClient<Channel> {
        OperationsClient::new(self.channel.clone())
    }

    /// Plays a line that is no order.
    pub async fn play(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "terms" => words[1..].iter().for_each(|word| self.term(word)),
            "clear" => {
                let decimals = |key| value(&words, key).map_or(0, number);
                self.clears = Some((decimals("money"), decimals("goods")));
            }
            "margin" => self.margin = Some(self.margin_terms(&words)),
            // The clock of an exchange is its own; an instant in the past is told apart below. The
            // days of a calendar are those around today.
            "time" | "calendar" => {}
            _ => {
                self.found().await;
                self.act(line, &words).await;
            }
        }
    }

    fn term(&mut self, word: &str) {
        let (key, text) = word.split_once('=').expect("a term is KEY=VALUE");
        match key {
            "band" => self.terms.static_band_bp = number(text),
            "dynamic" => self.terms.dynamic_band_ticks = u64::from(number(text)),
            "protection" => self.terms.market_protection_ticks = u64::from(number(text)),
            "quantity" => text.clone_into(&mut self.terms.max_quantity),
            // Of a tick of a lot.
            "notional" => self.terms.max_notional = decimal(text, 2),
            other => panic!("no such term: {other}"),
        }
    }

    fn margin_terms(&self, words: &[&str]) -> v1::SetMarginRequest {
        let limit = value(words, "limit").unwrap_or_default();
        v1::SetMarginRequest {
            instrument_id: self.id("i"),
            money_asset_id: self.id("money"),
            settlement_price: decimal(value(words, "settle").expect("a price"), 2),
            initial_bp: number(value(words, "initial").expect("margin")),
            maintenance_bp: number(value(words, "maintenance").expect("margin")),
            position_limit: limit.to_owned(),
            ..v1::SetMarginRequest::default()
        }
    }

    /// Makes the world when the first thing happens in it.
    pub async fn found(&mut self) {
        if self.ready {
            return;
        }
        self.ready = true;
        let mut operations = self.operations();
        let participant = v1::CreateParticipantRequest {
            context: self.context(),
            participant_id: self.id("p"),
        };
        accepted("p", operations.create_participant(participant).await);
        for index in 0..4 {
            let owner = v1::CreateBeneficialOwnerRequest {
                context: self.context(),
                beneficial_owner_id: self.id(&format!("o{index}")),
            };
            accepted("owner", operations.create_beneficial_owner(owner).await);
            let account = v1::CreateAccountRequest {
                context: self.context(),
                account_id: self.id(&format!("a{index}")),
                participant_id: self.id("p"),
                beneficial_owner_id: self.id(&format!("o{index}")),
            };
            accepted("account", operations.create_account(account).await);
        }
        let mut venue = venue(&self.id("v"), "SANDBOX");
        if self.calendar {
            venue.calendar_id = self.id("c");
            let calendar = self.days();
            accepted("days", operations.set_calendar(calendar).await);
        }
        accepted("venue", operations.create_venue(venue).await);
        let terms = self.terms.clone();
        accepted("i", operations.create_instrument(terms).await);
        if let Some((money, goods)) = self.clears {
            self.clear(money, goods).await;
        }
    }

    /// A calendar that rolls in twenty hours: yesterday's day is on, and more follow.
    fn days(&mut self) -> v1::SetCalendarRequest {
        let roll = SystemTime::now() + 20 * HOUR;
        let text = |at: SystemTime| {
            let text = prost_types::Timestamp::from(at).to_string();
            let (date, time) = text.split_once('T').expect("a date and a time");
            (date.to_owned(), time.trim_end_matches('Z').to_owned())
        };
        let around = (0..12).map(|day| text(roll - 24 * HOUR + day * 24 * HOUR).0);
        v1::SetCalendarRequest {
            context: self.context(),
            calendar_id: self.id("c"),
            utc_offset_seconds: 0,
            roll_time: text(roll).1,
            trading_days: around.collect(),
        }
    }

    async fn clear(&mut self, money: u32, goods: u32) {
        let mut operations = self.operations();
        for (name, class, decimals, unit) in [
            ("money", v1::AssetClass::Currency, money, ""),
            ("goods", v1::AssetClass::Goods, goods, "t"),
        ] {
            let asset = v1::CreateAssetRequest {
                context: self.context(),
                asset_id: self.id(name),
                asset_class: class.into(),
                decimals,
                unit: unit.to_owned(),
                demonstration: true,
            };
            accepted(name, operations.create_asset(asset).await);
            let kind = if unit.is_empty() {
                v1::CustodianKind::Bank
            } else {
                v1::CustodianKind::Warehouse
            };
            let custodian = v1::CreateCustodianRequest {
                context: self.context(),
                custodian_id: self.id(&format!("of-{name}")),
                kind: kind.into(),
                demonstration: true,
            };
            accepted(name, operations.create_custodian(custodian).await);
        }
        if let Some(margin) = self.margin.clone() {
            let context = self.context();
            let set = v1::SetMarginRequest { context, ..margin };
            accepted("margin", operations.set_margin(set).await);
            return;
        }
        let set = v1::SetClearingRequest {
            context: self.context(),
            instrument_id: self.id("i"),
            money_asset_id: self.id("money"),
            goods_asset_id: self.id("goods"),
        };
        accepted("clear", operations.set_clearing(set).await);
    }

    async fn act(&mut self, line: &str, words: &[&str]) {
        let context = self.context();
        let (venue_id, instrument_id) = (self.id("v"), self.id("i"));
        let mut operations = self.operations();
        let report = match words[0] {
            "phase" => {
                let phase = phase(words[1]).into();
                let set = v1::SetPhaseRequest {
                    context,
                    venue_id,
                    phase,
                };
                operations.set_phase(set).await
            }
            "status" => {
                use v1::set_trading_status_request::Scope;
                let scope = match words[1] {
                    "venue" => Scope::VenueId(venue_id),
                    _ => Scope::InstrumentId(instrument_id),
                };
                let set = v1::SetTradingStatusRequest {
                    context,
                    scope: Some(scope),
                    trading_status: status(words[2]).into(),
                };
                operations.set_trading_status(set).await
            }
            "reference" => {
                let price = decimal(words[1], 2);
                let set = v1::SetReferencePriceRequest {
                    context,
                    instrument_id,
                    price,
                };
                operations.set_reference_price(set).await
            }
            "fund" => self.fund(context, words).await,
            "fees" => operations.set_fees(self.fees(context, words)).await,
            "settle" => {
                let set = settle(context, instrument_id, words);
                operations.set_settlement(set).await
            }
            "elsewhere" => return self.elsewhere().await,
            "kill" => return self.kill(context, words).await,
            _ => self.stand(context, words).await,
        };
        accepted(line, report);
    }

    async fn fund(
        &self,
        context: Option<v1::OperationContext>,
        words: &[&str],
    ) -> Result<Response<v1::OperationReport>, tonic::Status> {
        let (money, goods) = self.clears.expect("clearing comes first");
        let decimals = if words[2] == "money" { money } else { goods };
        let instruct = v1::InstructRequest {
            context,
            account_id: self.id(&format!("a{}", words[1])),
            asset_id: self.id(words[2]),
            custodian_id: self.id(&format!("of-{}", words[2])),
            direction: v1::InstructionDirection::Deposit.into(),
            amount: decimal(words[3], decimals),
        };
        AccountsClient::new(self.channel.clone())
            .instruct(instruct)
            .await
    }

    fn fees(&self, context: Option<v1::OperationContext>, words: &[&str]) -> v1::SetFeesRequest {
        let rate = |key| value(words, key).map_or(0, |word| word.parse().expect("a rate"));
        v1::SetFeesRequest {
            context,
            venue_id: self.id("v"),
            rates: Some(v1::FeeRates {
                maker_ppm: rate("maker"),
                taker_ppm: rate("taker"),
                ..v1::FeeRates::default()
            }),
            money_asset_id: self.id("money"),
            ..v1::SetFeesRequest::default()
        }
    }

    /// What parties may do, and limits of risk.
    async fn stand(
        &self,
        context: Option<v1::OperationContext>,
        words: &[&str],
    ) -> Result<Response<v1::OperationReport>, tonic::Status> {
        let mut operations = self.operations();
        match words[0] {
            "standing" => {
                use v1::set_standing_request::Party;
                let party = match words[1] {
                    "account" => Party::AccountId(self.id(&format!("a{}", words[2]))),
                    _ => Party::ParticipantId(self.id("p")),
                };
                let standing = match words[3] {
                    "Suspended" => v1::Standing::Suspended,
                    "Closed" => v1::Standing::Closed,
                    other => panic!("no standing: {other}"),
                };
                let set = v1::SetStandingRequest {
                    context,
                    party: Some(party),
                    standing: standing.into(),
                };
                operations.set_standing(set).await
            }
            "access" => {
                let set = v1::SetAccessRequest {
                    context,
                    venue_id: self.id("v"),
                    members_only: words.contains(&"members"),
                    qualified_only: words.contains(&"qualified"),
                };
                operations.set_access(set).await
            }
            "roles" => {
                let roles = words[1..].iter().map(|word| role(word).into());
                let set = v1::SetRolesRequest {
                    context,
                    venue_id: self.id("v"),
                    participant_id: self.id("p"),
                    roles: roles.collect(),
                };
                operations.set_roles(set).await
            }
            "risk" => {
                let set = self.risk(context, words);
                operations.set_risk_limits(set).await
            }
            other => panic!("no such word: {other}"),
        }
    }

    fn risk(
        &self,
        context: Option<v1::OperationContext>,
        words: &[&str],
    ) -> v1::SetRiskLimitsRequest {
        use v1::set_risk_limits_request::Scope;
        let scope = match words[1] {
            "account" => Scope::AccountId(self.id(&format!("a{}", words[2]))),
            "participant" => Scope::ParticipantId(self.id("p")),
            _ => Scope::VenueId(self.id("v")),
        };
        let pair = |key, by| {
            let (one, other) = value(words, key)?.split_once(by).expect("two numbers");
            Some((number(one), number(other)))
        };
        let limits = v1::RiskLimits {
            throttle: pair("throttle", '/').map(|(rate_per_second, burst)| v1::RiskThrottle {
                rate_per_second,
                burst,
            }),
            order_to_trade: pair("ratio", '+')
                .map(|(ratio, allowance)| v1::OrderToTradeRatio { ratio, allowance }),
            open_orders: value(words, "open").map(number),
            position_lots: value(words, "position").map(|word| u64::from(number(word))),
        };
        v1::SetRiskLimitsRequest {
            context,
            scope: Some(scope),
            limits: Some(limits),
        }
    }

    async fn kill(&self, context: Option<v1::OperationContext>, words: &[&str]) {
        use v1::kill_scope::Scope;
        let scope = match words[1] {
            "account" => Scope::AccountId(self.id(&format!("a{}", words[2]))),
            "participant" => Scope::ParticipantId(self.id("p")),
            "venue" => Scope::VenueId(self.id("v")),
            other => panic!("no scope: {other}"),
        };
        let set = v1::SetKillSwitchRequest {
            context,
            scope: Some(v1::KillScope { scope: Some(scope) }),
            position: v1::SwitchPosition::Engaged.into(),
        };
        let answer = self.operations().set_kill_switch(set).await;
        let report = answer.expect("an answer").into_inner().report;
        assert!(report.is_some_and(|report| report.accepted));
    }

    /// A real venue in continuous trading, with an instrument that is not cleared.
    async fn elsewhere(&mut self) {
        let mut operations = self.operations();
        let real = v1::CreateVenueRequest {
            models: vec!["CLOB".to_owned()],
            demonstration: false,
            licence: "a licence".to_owned(),
            ..venue(&self.id("real"), "LICENSED_FUTURES")
        };
        accepted("real", operations.create_venue(real).await);
        let context = self.context();
        let terms = v1::CreateInstrumentRequest {
            context,
            instrument_id: self.id("i1"),
            venue_id: self.id("real"),
            ..self.terms.clone()
        };
        accepted("i1", operations.create_instrument(terms).await);
        let phase = v1::SetPhaseRequest {
            context: self.context(),
            venue_id: self.id("real"),
            phase: v1::Phase::Continuous.into(),
        };
        accepted("phase", operations.set_phase(phase).await);
    }

    /// The order of a line.
    pub fn order(&self, line: &str) -> v1::SubmitOrderRequest {
        let words: Vec<&str> = line.split_whitespace().collect();
        let id = value(&words, "id").unwrap_or_else(|| words[0].trim_end_matches(':'));
        let account = value(&words, "on").unwrap_or("0");
        let instrument = value(&words, "in").map_or("i".to_owned(), |place| format!("i{place}"));
        let side = match words[1] {
            "buy" => v1::Side::Buy,
            _ => v1::Side::Sell,
        };
        let limit = words.iter().find_map(|word| word.strip_prefix('@'));
        let stop = words.iter().position(|word| *word == "stop");
        let order_type = match (stop, words[3], limit) {
            (Some(_), _, None) => v1::OrderType::Stop,
            (None, "market", None) => v1::OrderType::Market,
            (None, _, Some(_)) => v1::OrderType::Limit,
            _ => panic!("no order type: {line}"),
        };
        let text = |key| value(&words, key).unwrap_or_default().to_owned();
        let price = |word: Option<&str>| word.map_or_else(String::new, |word| decimal(word, 2));
        v1::SubmitOrderRequest {
            client_order_id: self.id(id),
            instrument_id: self.id(&instrument),
            account_id: self.id(&format!("a{account}")),
            side: side.into(),
            order_type: order_type.into(),
            price: price(limit),
            stop_price: price(stop.map(|place| words[place + 1])),
            quantity: words[2].to_owned(),
            display_quantity: text("show"),
            min_quantity: text("min"),
            time_in_force: time_in_force(value(&words, "tif")).into(),
            expire_time: value(&words, "until").map(|_| past()),
            post_only: words.contains(&"post"),
            self_trade_prevention: v1::SelfTradePrevention::None.into(),
            valid_until: value(&words, "valid").map(|_| past()),
            ..v1::SubmitOrderRequest::default()
        }
    }

    /// Sends an order that must be taken.
    pub async fn submit(&mut self, line: &str) {
        self.found().await;
        let order = self.order(line);
        let report = OrderEntryClient::new(self.channel.clone())
            .submit_order(order)
            .await;
        let report = report.expect("a report").into_inner();
        assert_eq!(report.reject_reason, "", "{line}: {report:?}");
    }
}
