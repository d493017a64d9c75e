//! `ValidateReserve` and `ValidateStep` against `Reserve` and `TakeStep` through the API, over
//! every reject of a reserve or a step: the rows of `engine/tests/rejects/shops.txt`, each played
//! in a world of its own.
//!
//! Invariant: for each reason both calls say the same, and what the dry run was asked is not done;
//! a word that is not understood stops the test. Not here: the precedence of checks (the engine's
//! own tests), rows of orders (`dry_run`).
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on any other answer"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::clearing::{asset, custodian};
use crate::support::shop::{
    Shop, accept, define, hand_over, id, offer, pay, prices, reserve, step, terms,
};
use crate::support::{House, context, venue};
use proto::v1;
use proto::v1::accounts_client::AccountsClient;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;
use v1::make_offer_request::Course;
use v1::sale_terms::{FlashSale, Model, Presale};
use v1::take_step_request::{self as wire, Step};

/// The bounds of the program are those of its build: a million contracts to reach them.
const NOT_HERE: &str = "bounds ";
/// What sellers, queuing buyers and operators do has no dry run.
const NO_DRY_RUN: [&str; 4] = ["change ", "unoffer ", "join ", "seed "];
const HOUR: Duration = Duration::from_secs(3_600);

/// One row's world.
struct World {
    shop: Shop,
    channel: Channel,
    prefix: String,
    /// The handle of the terms defined last.
    terms: u32,
    offers: BTreeMap<String, String>,
    contracts: BTreeMap<String, v1::ContractReport>,
    requests: u32,
    /// The trading model of the venue.
    model: &'static str,
}

fn value<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    let mut pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs
        .find(|(found, _)| *found == key)
        .map(|(_, value)| value)
}

fn number(word: &str) -> u32 {
    word.parse()
        .unwrap_or_else(|_| panic!("not a number: {word}"))
}

fn accepted(report: v1::OperationReport) -> v1::OperationReport {
    assert!(report.accepted, "{report:?}");
    report
}

/// A pickup code of a row.
fn code(word: &str) -> [u8; 16] {
    u128::from(number(word)).to_be_bytes()
}

impl World {
    fn new(channel: Channel, place: usize) -> Self {
        Self {
            shop: Shop::of(&channel),
            channel,
            prefix: format!("r{place}-"),
            terms: 0,
            offers: BTreeMap::new(),
            contracts: BTreeMap::new(),
            requests: 0,
            model: "FIXED_PRICE",
        }
    }

    fn id(&self, what: &str) -> String {
        format!("{}{what}", self.prefix)
    }

    fn name(&mut self) -> String {
        self.requests += 1;
        self.id(&format!("op{}", self.requests))
    }

    /// Four accounts, of these owners.
    async fn found(&mut self, owners: &[&str]) {
        let mut operations = self.shop.operations.clone();
        let participant = v1::CreateParticipantRequest {
            context: context(&self.name()),
            participant_id: self.id("p"),
        };
        let made = operations.create_participant(participant).await;
        accepted(made.expect("a report").into_inner());
        for owner in ["0", "1", "2", "3"] {
            let made = operations.create_beneficial_owner(v1::CreateBeneficialOwnerRequest {
                context: context(&self.name()),
                beneficial_owner_id: self.id(&format!("o{owner}")),
            });
            accepted(made.await.expect("a report").into_inner());
        }
        for (account, owner) in owners.iter().enumerate() {
            let made = operations.create_account(v1::CreateAccountRequest {
                context: context(&self.name()),
                account_id: self.id(&format!("a{account}")),
                participant_id: self.id("p"),
                beneficial_owner_id: self.id(&format!("o{owner}")),
            });
            accepted(made.await.expect("a report").into_inner());
        }
        for (name, class, decimals, unit) in [
            ("money", v1::AssetClass::Currency, 2, ""),
            ("goods", v1::AssetClass::Goods, 0, "piece"),
        ] {
            let made = operations.create_asset(asset(&self.id(name), class, decimals, unit));
            accepted(made.await.expect("a report").into_inner());
        }
        for (name, kind) in [
            ("bank", v1::CustodianKind::Bank),
            ("warehouse", v1::CustodianKind::Warehouse),
        ] {
            let made = operations.create_custodian(custodian(&self.id(name), kind));
            accepted(made.await.expect("a report").into_inner());
        }
    }

    /// Plays a line that is no question.
    async fn play(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "accounts" | "clear" | "time" => {}
            "shop" => {
                let request = v1::CreateVenueRequest {
                    models: vec![id(self.model)],
                    ..venue(&self.id("v"), words[1])
                };
                let made = self.shop.operations.create_venue(request).await;
                accepted(made.expect("a report").into_inner());
            }
            "sale" => self.sale(&words).await,
            "fund" => self.fund(&words).await,
            "kill" => {
                let account = self.id(&format!("a{}", words[2]));
                let scope = v1::kill_scope::Scope::AccountId(account);
                let kill = v1::SetKillSwitchRequest {
                    context: context(&self.name()),
                    scope: Some(v1::KillScope { scope: Some(scope) }),
                    position: v1::SwitchPosition::Engaged.into(),
                };
                let set = self.shop.operations.set_kill_switch(kill).await;
                set.expect("engaged");
            }
            "step" => {
                let request = self.step(&words);
                let took = self.shop.took(request).await;
                assert_eq!(took.reject_reason, "", "{line}");
                self.contracts.insert(id(words[1]), took);
            }
            name if words[1] == "offer" => {
                let request = self.offer(&words);
                let made = self.shop.offered(request).await;
                let name = name.trim_end_matches(':');
                self.offers.insert(id(name), made.offer_id);
            }
            name if words[1] == "reserve" => {
                let request = self.reserve(&words);
                let made = self.shop.reserved(request).await;
                assert_eq!(made.reject_reason, "", "{line}");
                let name = name.trim_end_matches(':');
                self.contracts.insert(id(name), made);
            }
            other => panic!("no such word: {other}"),
        }
    }

    async fn sale(&mut self, words: &[&str]) {
        let mut terms = v1::SaleTerms {
            money_asset_id: self.id("money"),
            ..terms(&self.id("v"))
        };
        if let Some(seconds) = value(words, "later") {
            terms.funding = v1::SaleFunding::PayLater.into();
            terms.pay_within = Some(prost_types::Duration {
                seconds: number(seconds).into(),
                nanos: 0,
            });
        }
        if words.contains(&"pickup") {
            terms.delivery = v1::DeliveryKind::PickUp.into();
        }
        let span = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        if words.contains(&"presale") {
            let deposit_bp = 3_000;
            terms.model = Some(Model::Presale(Presale { deposit_bp }));
        }
        if words.contains(&"queue") {
            terms.model = Some(Model::FlashSale(FlashSale {
                mode: v1::FlashMode::Queue.into(),
                admitted_per_second: 10,
                ticket_valid_for: span(60),
            }));
        }
        let request = define(&self.name(), terms);
        let made = self.shop.sales.define_terms(request);
        let made = accepted(made.await.expect("a report").into_inner());
        self.terms = made.handle.expect("a handle");
    }

    async fn fund(&mut self, words: &[&str]) {
        let (what, keeper, decimals) = match words[2] {
            "money" => ("money", "bank", 2),
            _ => ("goods", "warehouse", 0),
        };
        let units = number(words[3]).into();
        let put = v1::InstructRequest {
            context: context(&self.name()),
            account_id: self.id(&format!("a{}", words[1])),
            asset_id: self.id(what),
            custodian_id: self.id(keeper),
            direction: v1::InstructionDirection::Deposit.into(),
            amount: rust_decimal::Decimal::new(units, decimals).to_string(),
        };
        let mut accounts = AccountsClient::new(self.channel.clone());
        let put = accounts.instruct(put).await.expect("a report");
        accepted(put.into_inner());
    }

    fn offer(&mut self, words: &[&str]) -> v1::MakeOfferRequest {
        let units: i64 = words[3].trim_start_matches('@').parse().expect("a price");
        let price = rust_decimal::Decimal::new(units, 2).to_string();
        let count = |key| value(words, key).map(number);
        // The clock of an exchange is its own: what opens, opens later; what closes, has closed.
        let opens = count("opens").map(|_| (SystemTime::now() + HOUR).into());
        let closes = count("closes").map(|seconds| prost_types::Timestamp {
            seconds: seconds.into(),
            nanos: 0,
        });
        // A campaign is open, and its own instants come after its end.
        let running = self.model != "FIXED_PRICE";
        let now = SystemTime::now();
        let (opens, closes) = if running {
            (Some((now - HOUR).into()), Some((now + HOUR).into()))
        } else {
            (opens, closes)
        };
        let course = value(words, "balance").map(|_| {
            Course::Presale(v1::PresaleCourse {
                pay_from: Some((now + 2 * HOUR).into()),
                pay_until: Some((now + 3 * HOUR).into()),
            })
        });
        let right = prices(&[(1, &price)]).expect("prices");
        v1::MakeOfferRequest {
            account_id: self.id("a0"),
            goods_asset_id: self.id("goods"),
            warehouse_id: self.id("warehouse"),
            piece_amount: id("1"),
            prices: Some(v1::OfferPrices {
                step_pieces: count("step").unwrap_or(0),
                min_pieces: count("min").unwrap_or(0),
                max_pieces: count("max").unwrap_or(1_000),
                buyer_limit_pieces: count("limit"),
                opens,
                closes,
                ..right
            }),
            course,
            // No row defines so many.
            terms: Some(count("terms").map_or(self.terms, |_| 4_000)),
            ..offer(&self.name(), 0, number(words[2]))
        }
    }

    fn reserve(&mut self, words: &[&str]) -> v1::ReserveRequest {
        let unknown = id("1-1");
        let offer = self.offers.get(words[2]).cloned().unwrap_or(unknown);
        let hash = value(words, "code").map(|word| {
            let hash = blake3::hash(&code(word));
            hash.as_bytes()[..16].to_vec()
        });
        v1::ReserveRequest {
            account_id: self.id(&format!("a{}", value(words, "on").unwrap_or("1"))),
            pickup_hash: hash.unwrap_or_default(),
            ..reserve(&self.name(), &offer, number(words[3]))
        }
    }

    fn step(&mut self, words: &[&str]) -> v1::TakeStepRequest {
        let last = self.contracts[words[1]].clone();
        let (verb, said) = words[2].split_once('=').unwrap_or((words[2], ""));
        let (what, own) = match verb {
            "pay" => (pay(), "a1"),
            "accept" => (accept(), "a1"),
            "cancel" => (Step::Cancel(wire::Cancel {}), "a1"),
            "handover" => (hand_over(), "a0"),
            "invoice" => {
                let reference = vec![2; 16];
                (Step::Invoice(wire::Invoice { reference }), "a0")
            }
            "pickup" => {
                let code = code(said).to_vec();
                (Step::PickUp(wire::PickUp { code }), "a0")
            }
            other => panic!("no such step: {other}"),
        };
        let by = match value(words, "by") {
            None => id(own),
            Some("seller") => id("a0"),
            Some("buyer") => id("a1"),
            Some(account) => format!("a{account}"),
        };
        let version = value(words, "version").map_or(last.version, number);
        v1::TakeStepRequest {
            contract_version: version,
            ..step(&self.name(), &self.id(&by), &last, what)
        }
    }

    /// What both calls say of the last line: reason, law, words.
    async fn asked(&mut self, line: &str) -> [(String, String, String); 2] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let contracts = &mut self.shop.contracts.clone();
        let (dry, real) = if words[0] == "step" {
            let request = self.step(&words);
            let dry = contracts.validate_step(request.clone()).await;
            (dry, contracts.take_step(request).await)
        } else {
            let request = self.reserve(&words);
            let dry = contracts.validate_reserve(request.clone()).await;
            (dry, contracts.reserve(request).await)
        };
        let (dry, real) = (dry.expect("said").into_inner(), real.expect("a report"));
        let real = real.into_inner();
        assert!(!dry.valid && !real.poss_dup);
        [
            (dry.reject_reason, dry.legal_basis, dry.text),
            (real.reject_reason, real.legal_basis, real.text),
        ]
    }

    /// Why an offer was not made; there is no dry run of one.
    async fn refused_offer(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let request = self.offer(&words);
        match self.shop.sales.make_offer(request).await {
            Ok(report) => report.into_inner().reject_reason,
            Err(status) => status.get_details_error_info().expect("a reason").reason,
        }
    }
}

async fn play(channel: &Channel, place: usize, reason: &str, lines: &[&str]) {
    let mut world = World::new(channel.clone(), place);
    let owners = lines.iter().find_map(|line| line.strip_prefix("accounts "));
    let owners: Vec<&str> = owners.unwrap_or("0 1 2 3").split(' ').collect();
    world.found(&owners).await;
    if lines.contains(&"sale presale") {
        world.model = "PRESALE";
    } else if lines.contains(&"sale queue") {
        world.model = "FLASH_SALE";
    }
    let (last, setup) = lines.split_last().expect("a row has lines");
    for line in setup {
        world.play(line).await;
    }
    if last.contains(": offer ") {
        assert_eq!(world.refused_offer(last).await, reason);
        return;
    }
    let [dry, real] = world.asked(last).await;
    assert_eq!(dry, real, "{reason}");
    assert_eq!(real.0, reason, "{last}");
}

#[tokio::test]
async fn the_dry_run_says_what_a_reserve_or_step_gets_over_all_rejects() {
    let house = House::open().await;
    let channel = house.channel().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/rejects/shops.txt");
    let text = std::fs::read_to_string(path).expect("the rows");
    let (mut played, mut left) = (0, Vec::new());
    for (place, row) in text.split("\n## ").skip(1).enumerate() {
        let (reason, lines) = row.split_once('\n').expect("a reason and lines");
        let lines: Vec<&str> = lines.lines().filter(|line| !line.is_empty()).collect();
        if lines.iter().any(|line| line.starts_with(NOT_HERE)) {
            left.push(reason);
            continue;
        }
        let last = lines.last().expect("a row has lines");
        if NO_DRY_RUN.iter().any(|word| last.starts_with(word)) {
            println!("{reason} is left to the engine: {last} is no reserve and no step");
            continue;
        }
        play(&channel, place, reason, &lines).await;
        played += 1;
    }
    println!("{played} rows played");
    assert!(played >= 20, "{played}");
    assert_eq!(left, ["OPEN_CONTRACTS"; 2], "left to the engine");
}
