//! `gateway venue`: the regimes and venues that come with the gateway, those of a file, and what
//! the law refuses, against a real exchange through the public API.

use crate::support;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::child::Program;
use crate::support::{House, context};
use engine::venue::{Model, Regime, set_one};
use proto::v1;
use proto::v1::regime_rule::Value;
use sanjiang_gateway::venue_cli::file::{self, FileError};
use sanjiang_gateway::venue_cli::{SHIPPED, table};

/// What the program said, and how it ended.
struct Ended {
    said: String,
    status: Option<i32>,
}

fn gateway(arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(arguments)
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        said: text(&output.stdout) + &text(&output.stderr),
        status: output.status.code(),
    }
}

fn apply(program: &Program, more: &[&str]) -> Ended {
    let target = format!("http://{}", program.address);
    gateway(&[&["venue", "apply", "--target", &target], more].concat())
}

fn write(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("law.toml");
    fs::write(&path, text).expect("written");
    path
}

async fn operations(
    program: &Program,
) -> v1::operations_client::OperationsClient<tonic::transport::Channel> {
    let address = format!("http://{}", program.address);
    let client = v1::operations_client::OperationsClient::connect(address);
    client.await.expect("a connection")
}

async fn venues(program: &Program) -> Vec<v1::Venue> {
    let page = operations(program).await;
    let mut page = page;
    let found = page.list_venues(v1::ListVenuesRequest::default()).await;
    found.expect("a page").into_inner().venues
}

/// Every model: '+' allowed, '.' allowed and NOT_AVAILABLE, 'c' refused as centralised, '-' refused
/// as another; then the two articles.
const CELLS: &str = "\
LICENSED_FUTURES     ++...---------------- | - | 期货和衍生品法(2022) 11
LICENSED_SECURITIES  ++-.-.--------------- | - | 证券法(2019) 37
LOCAL_RIGHTS_VENUE   ccc---.-...---------- | 国发〔2011〕38号 | 国办发〔2012〕37号
REGIONAL_EQUITY      ccc---..------------- | 国发〔2011〕38号 | 证券法(2019) 98
LOCAL_COMMODITY_SPOT ccc---.----...+-.---- | 国发〔2011〕38号 | 商务部令2013年第3号
ECOM_B2B             ccc---.----...++....- | 电子商务法(2018) 46 | 电子商务法(2018) 46
ECOM_B2C             ccc-----------+--.... | 电子商务法(2018) 46 | 电子商务法(2018) 49
CROSS_BORDER_RETAIL  ccc-----------+--.... | 电子商务法(2018) 46 | 财关税〔2018〕49号
TENDER_LAW           ccc-------------.---- | 国发〔2011〕38号 | 招标投标法(2017)
AUCTION_LAW          ccc-----.---.-------- | 国发〔2011〕38号 | 拍卖法(2015) 3
CARBON_NATIONAL      ccc----.---..-------- | 碳排放权交易管理暂行条例(2024) 15 | 碳排放权交易管理暂行条例(2024) 15
SANDBOX              ++............++..... | - | -
";

/// What a cell says; a model that is built since reads the same as one that is not, so that a new
/// one changes no cell.
fn expected(mark: char, central: &str, other: &str, model: Model) -> String {
    match mark {
        '+' | '.' if model.is_built() => "allowed".to_owned(),
        '+' | '.' => "NOT_AVAILABLE".to_owned(),
        'c' => format!("MODEL_NOT_ALLOWED ({central})"),
        _ => format!("MODEL_NOT_ALLOWED ({other})"),
    }
}

#[tokio::test]
async fn every_cell_of_model_and_regime_is_tried_at_a_real_exchange() {
    let shipped = file::read(SHIPPED).expect("it reads");
    let table = table(&shipped);
    println!("{table}");
    let house = House::open().await;
    let mut operations = house.operations().await;
    let mut told = table.lines();
    let mut tried = 0;
    for line in CELLS.lines() {
        let mut parts = line.split('|').map(str::trim);
        let mut head = parts.next().expect("a head").split_whitespace();
        let (central, other) = (parts.next().expect("text"), parts.next().expect("text"));
        let name = head.next().expect("a regime");
        assert_eq!(told.next(), Some(name));
        for (mark, model) in head.next().expect("marks").chars().zip(Model::ALL) {
            let cell = expected(mark, central, other, *model);
            let line = told.next().expect("a line for each model");
            assert_eq!(
                line.trim(),
                format!("{:<16} {cell}", model.as_str()),
                "{name}"
            );
            let id = format!("{name}-{tried}");
            let request = v1::CreateVenueRequest {
                context: context(&format!("cell-{tried}")),
                models: vec![model.as_str().to_owned()],
                ..support::venue(&id, name)
            };
            let report = operations.create_venue(request).await.expect("a report");
            let report = report.into_inner();
            tried += 1;
            if report.accepted {
                let ask = v1::GetVenueRequest { venue_id: id };
                let venue = operations
                    .get_venue(ask)
                    .await
                    .expect("a venue")
                    .into_inner();
                let missing = !venue.models_not_available.is_empty();
                let said = if missing { "NOT_AVAILABLE" } else { "allowed" };
                assert_eq!(said, cell, "{name} {model:?}");
            } else {
                let said = format!("{} ({})", report.reject_reason, report.legal_basis);
                assert_eq!(said, cell, "{name} {model:?}");
            }
        }
    }
    assert_eq!(tried, 12 * 21, "every cell");
    assert_eq!(told.next(), None);
}

#[test]
fn what_comes_with_the_gateway_is_set_one_and_fifteen_venues() {
    let shipped = file::read(SHIPPED).expect("it reads");
    assert_eq!((shipped.regimes.len(), shipped.venues.len()), (12, 15));
    for (regime, built_in) in shipped.regimes.iter().zip(Regime::ALL) {
        let terms = &regime.terms;
        assert_eq!(terms.name.as_str(), built_in.as_str());
        assert_eq!(terms.basis.as_str(), set_one::text(*built_in));
        let rules: Vec<_> = terms
            .rules
            .iter()
            .map(|rule| (rule.key, rule.value))
            .collect();
        assert_eq!(rules, set_one::rules(*built_in), "{}", terms.name);
    }
    assert!(shipped.venues.iter().all(|venue| venue.demonstration));
}

#[tokio::test]
async fn all_fifteen_venues_load_and_each_sells_what_it_may() {
    let program = Program::start(&[]);
    let planned = apply(&program, &["--dry-run"]);
    assert_eq!(planned.status, Some(0), "{}", planned.said);
    assert!(planned.said.contains("15 to do"), "{}", planned.said);
    assert!(venues(&program).await.is_empty(), "nothing was changed");
    let done = apply(&program, &[]);
    println!("{}", done.said);
    assert_eq!(done.status, Some(0), "{}", done.said);
    assert_eq!(done.said.matches(": already so, version 1").count(), 12);
    assert_eq!(done.said.matches("will be created under").count(), 15);
    let shipped = file::read(SHIPPED).expect("it reads");
    let found = venues(&program).await;
    assert_eq!(found.len(), 15);
    for (is, asked) in found.iter().zip(&shipped.venues) {
        assert_eq!((&is.venue_id, &is.name), (&asked.id, &asked.name));
        assert_eq!(is.regimes, asked.regimes);
        assert!(is.demonstration);
        let (built, missing): (Vec<Model>, Vec<Model>) =
            asked.models.iter().partition(|model| model.is_built());
        let words = |models: &[Model]| models.iter().map(|one| one.as_str().to_owned()).collect();
        let missing: Vec<String> = words(&missing);
        assert_eq!(is.models_not_available, missing, "{}", is.venue_id);
        let offered: Vec<String> = words(&built);
        assert!(offered.iter().all(|model| is.models.contains(model)));
        let kept = match is.venue_id.as_str() {
            "EQUITY" => (3_653, "反洗钱法(2024) 34"),
            "SIM" => (0, ""),
            _ => (1_095, is.record_retention_basis.as_str()),
        };
        let said = (is.record_retention_days, is.record_retention_basis.as_str());
        assert_eq!(said, kept, "{}", is.venue_id);
        assert!(
            kept.0 == 0 || is.record_retention_basis.contains("(20"),
            "{is:?}"
        );
    }
    let again = apply(&program, &[]);
    assert_eq!(again.status, Some(0), "{}", again.said);
    assert_eq!(again.said.matches(": already so\n").count(), 15);
    assert!(again.said.contains("0 done"), "{}", again.said);
}

const HEAD: &str = "schema = 1\n";

#[tokio::test]
async fn what_the_law_forbids_is_refused_by_reason_and_article_before_anything_is_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(&[]);
    let good = "[[venue]]\nid = \"GOOD\"\nregimes = [\"ECOM_B2B\"]\nmodels = [\"FIXED_PRICE\"]\n\
                demonstration = true\n";
    let venue = |regimes: &str, model: &str, demonstration: bool| {
        format!(
            "{HEAD}{good}[[venue]]\nid = \"BAD\"\nregimes = [{regimes}]\n\
             models = [\"FIXED_PRICE\", \"{model}\"]\ndemonstration = {demonstration}\n"
        )
    };
    for (text, words) in [
        (
            venue("\"ECOM_B2B\"", "CLOB", true),
            "CLOB: MODEL_NOT_ALLOWED (电子商务法(2018) 46) (line 7)",
        ),
        (
            venue("\"ECOM_B2C\"", "RFQ", true),
            "RFQ: MODEL_NOT_ALLOWED (电子商务法(2018) 49) (line 7)",
        ),
        (
            venue("\"ECOM_B2B\", \"SANDBOX\"", "RFQ", true),
            "REGIME_CONFLICT (line 7)",
        ),
        (
            venue("\"LOCAL_COMMODITY_SPOT\"", "RFQ", false),
            "LICENCE_REQUIRED (商务部令2013年第3号) (line 7)",
        ),
        (
            venue("\"ECOM_B3B\"", "RFQ", true),
            "UNKNOWN_REGIME ECOM_B3B (line 7)",
        ),
        (
            format!(
                "{HEAD}{good}[regime.LOCAL]\nbasis = \"浙政办发〔2013〕55号\"\n\
                 allowed_models = [\"RFQ\"]\nmarket_maker = true\n"
            ),
            "regime LOCAL: refused: MODEL_NOT_ALLOWED (国发〔2011〕38号) (line 7)",
        ),
    ] {
        let path = write(folder.path(), &text);
        let ended = apply(&program, &["--file", path.to_str().expect("a path")]);
        assert_eq!(ended.status, Some(1), "{}", ended.said);
        assert!(ended.said.contains(words), "{words} not in\n{}", ended.said);
        assert!(ended.said.contains("1 refused; nothing was changed"));
        assert!(venues(&program).await.is_empty(), "{words}");
    }
}

/// A province's regime, and a venue under it.
fn province(most: u32) -> String {
    format!(
        "{HEAD}[regime.PROVINCE]\ninherits = \"LOCAL_RIGHTS_VENUE\"\n\
         basis = \"浙政办发〔2013〕55号\"\nmax_holders = {most}\n\
         basis_of = {{ max_holders = \"国办发〔2012〕37号\" }}\n\
         [[venue]]\nid = \"RIGHTS\"\nregimes = [\"PROVINCE\"]\nmodels = [\"NEGOTIATED\"]\n\
         demonstration = true\n"
    )
}

#[tokio::test]
async fn a_regime_of_a_file_is_defined_and_venues_wait_for_the_day_it_is_in_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(&[]);
    let apply = |most| {
        let path = write(folder.path(), &province(most));
        apply(&program, &["--file", path.to_str().expect("a path")])
    };
    let has = |ended: &Ended, words: &str| assert!(ended.said.contains(words), "{}", ended.said);
    let first = apply(150);
    assert_eq!(first.status, Some(1), "{}", first.said);
    has(&first, "version 1 will be defined, in force from 20");
    has(&first, "venue RIGHTS: waits for PROVINCE, in force from 20");
    has(&first, "1 done, 1 left as they are");
    has(&apply(150), "regime PROVINCE: already so, version 1");
    let differs = "differs (max_holders: 150 -> 100); version 2 will be defined";
    has(&apply(100), differs);
    let mut operations = operations(&program).await;
    let ask = |version| v1::GetRegimeRequest {
        regime: "PROVINCE".to_owned(),
        version,
    };
    let newest = operations.get_regime(ask(0)).await.expect("it is there");
    let newest = newest.into_inner();
    assert_eq!((newest.version, newest.handle), (2, 33));
    assert!(!newest.approved && newest.in_force_from.is_some());
    let holders = newest.rules.iter().find(|rule| rule.key == "max_holders");
    let holders = holders.expect("it is a rule");
    assert_eq!(holders.value, Some(Value::Number(100)));
    assert_eq!(holders.legal_basis, "国办发〔2012〕37号");
    let listed = operations.list_regimes(v1::ListRegimesRequest::default());
    let listed = listed.await.expect("a page").into_inner().regimes;
    assert_eq!(listed.len(), 14, "set 1 and two versions");
    let missing = operations.get_regime(ask(3)).await;
    assert_eq!(
        missing.expect_err("there is none").code(),
        tonic::Code::NotFound
    );
    let early = v1::CreateVenueRequest {
        context: context("early"),
        models: vec!["NEGOTIATED".to_owned()],
        ..support::venue("RIGHTS", "PROVINCE@2")
    };
    let report = operations.create_venue(early).await.expect("a report");
    assert_eq!(report.into_inner().reject_reason, "REGIME_NOT_IN_FORCE");
}

#[tokio::test]
async fn what_was_defined_outlives_a_restart() {
    let mut house = House::open().await;
    let mut operations = house.operations().await;
    let rule = |key: &str, value| v1::RegimeRule {
        key: key.to_owned(),
        value: Some(value),
        legal_basis: String::new(),
    };
    let words = v1::RegimeWords {
        words: vec!["FIXED_PRICE".to_owned()],
    };
    let define = v1::DefineRegimeRequest {
        context: context("define"),
        regime: "CITY".to_owned(),
        legal_basis: "甬政发〔2020〕3号".to_owned(),
        rules: vec![
            rule("max_holders", Value::Number(50)),
            rule("allowed_models", Value::Words(words)),
        ],
    };
    let report = operations
        .define_regime(define.clone())
        .await
        .expect("a report");
    assert!(report.get_ref().accepted, "{report:?}");
    assert_eq!(report.get_ref().handle, Some(32));
    let ask = || v1::GetRegimeRequest {
        regime: "CITY".to_owned(),
        version: 1,
    };
    let before = operations
        .get_regime(ask())
        .await
        .expect("it is there")
        .into_inner();
    house.restart().await;
    let mut operations = house.operations().await;
    let after = operations
        .get_regime(ask())
        .await
        .expect("it is there")
        .into_inner();
    assert_eq!(before, after);
    let again = operations
        .define_regime(define)
        .await
        .expect("a report")
        .into_inner();
    assert!(again.poss_dup && again.accepted, "{again:?}");
    let unknown = v1::DefineRegimeRequest {
        context: context("unknown"),
        regime: "CITY".to_owned(),
        legal_basis: "甬政发〔2020〕3号".to_owned(),
        rules: vec![rule("max_holdres", Value::Number(50))],
    };
    let error = operations
        .define_regime(unknown)
        .await
        .expect_err("no such key");
    assert_eq!(error.code(), tonic::Code::InvalidArgument);
    assert!(
        error.message().contains("max_holdres"),
        "{}",
        error.message()
    );
}

type Fault = (String, usize, &'static str);

fn faults_of_regimes() -> Vec<Fault> {
    let regime = "[regime.A]\nallowed_models = [\"RFQ\"]\n";
    vec![
        ("schema = 2\n".to_owned(), 1, "schema is not 1"),
        (regime.to_owned(), 1, "schema = 1 is missing"),
        (
            format!("{HEAD}shcema = 1\n"),
            2,
            "\"shcema\" is no key here",
        ),
        (
            format!("{HEAD}{regime}max_holdres = 3\n"),
            4,
            "\"max_holdres\" is no key here",
        ),
        (
            format!("{HEAD}{regime}max_holders = 0\n"),
            4,
            "max_holders is a whole number from 1",
        ),
        (
            format!("{HEAD}{regime}anonymous = 1\n"),
            4,
            "anonymous is true or false",
        ),
        (
            format!("{HEAD}{regime}requires_licence = \"PBOC\"\n"),
            4,
            "\"PBOC\" is not one of CSRC, PROVINCE",
        ),
        (
            format!("{HEAD}{regime}earnest_money_cap_bp = 2_001\n"),
            4,
            "earnest_money_cap_bp is a whole number from 0 to 2000",
        ),
        (
            format!("{HEAD}{regime}margin_leverage_max = 1.00001\n"),
            4,
            "margin_leverage_max is a ratio of at most 100.0000",
        ),
        (
            format!("{HEAD}{regime}inherits = \"B\"\n"),
            4,
            "there is no regime B",
        ),
        (
            format!("{HEAD}{regime}inherits = \"A\"\n"),
            4,
            "A inherits in a circle",
        ),
        (
            format!("{HEAD}{regime}basis_of = {{ max_holders = \"法(2020) 1\" }}\n"),
            2,
            "A has a text for max_holders and no such rule",
        ),
    ]
}

fn faults_of_venues() -> Vec<Fault> {
    vec![
        (
            format!("{HEAD}[[venue]]\nid = \"V\"\nregimes = [\"A\"]\nmodels = [\"CLOBB\"]\n"),
            5,
            "\"CLOBB\" is no model",
        ),
        (
            format!("{HEAD}[[venue]]\nid = \"V\"\nmodels = [\"CLOB\"]\n"),
            2,
            "a venue has an id, regimes and models",
        ),
        (
            format!("{HEAD}[[venue]]\nid = \"V\"\nphase = 1\n"),
            4,
            "\"phase\" is no key here",
        ),
        (format!("{HEAD}\n= 1\n"), 3, ""),
    ]
}

#[test]
fn every_fault_of_a_file_is_told_with_its_line() {
    for (text, line, words) in [faults_of_regimes(), faults_of_venues()].concat() {
        let FileError { line: found, what } = file::read(&text).expect_err(&text);
        assert!(what.contains(words), "{what} / {words}\n{text}");
        assert_eq!(found, line, "{what}\n{text}");
    }
}

/// A shop under the law of trade between enterprises, in this version.
fn firms(version: &str, most: u32) -> String {
    format!(
        "{HEAD}[regime.ECOM_B2B]\nbasis = \"电子商务法(2018) 46\"\n\
         allowed_models = [\"FIXED_PRICE\"]\nmax_holders = {most}\n\
         [[venue]]\nid = \"SHOP\"\nname = \"A venue\"\nregimes = [\"{version}\"]\n\
         models = [\"FIXED_PRICE\"]\n\
         demonstration = true\n"
    )
}

#[tokio::test]
async fn a_venue_moves_to_a_later_version_of_its_law_as_its_file_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(&[]);
    let apply = |text: String| {
        let path = write(folder.path(), &text);
        apply(&program, &["--file", path.to_str().expect("a path")])
    };
    let has = |ended: &Ended, words: &str| assert!(ended.said.contains(words), "{}", ended.said);
    let shop = support::venue("SHOP", "ECOM_B2B");
    let create = v1::CreateVenueRequest {
        context: context("shop"),
        models: vec!["FIXED_PRICE".to_owned()],
        ..shop
    };
    let mut operations = operations(&program).await;
    let report = operations.create_venue(create).await.expect("a report");
    assert!(report.into_inner().accepted);
    has(&apply(firms("ECOM_B2B", 9)), "version 2 will be defined");
    let moved = apply(firms("ECOM_B2B@2", 9));
    assert_eq!(moved.status, Some(0), "{}", moved.said);
    has(
        &moved,
        "venue SHOP: will move to ECOM_B2B@2 at the next midnight",
    );
    let known = venues(&program).await;
    assert_eq!(known[0].regimes, ["ECOM_B2B"]);
    assert_eq!(known[0].regimes_next, ["ECOM_B2B@2"]);
    let east = known[0].regimes_next_from.expect("a midnight").seconds + 8 * 3_600;
    assert_eq!(east % 86_400, 0);
    has(
        &apply(firms("ECOM_B2B@2", 9)),
        "moves to ECOM_B2B@2 already",
    );
    let back = v1::MoveVenueRequest {
        context: context("back"),
        venue_id: "SHOP".to_owned(),
        regimes: vec!["ECOM_B2C".to_owned()],
    };
    let report = operations.move_venue(back).await.expect("a report");
    assert_eq!(report.into_inner().reject_reason, "INVALID_FIELD");
}
