//! The words of scenario tables about shops and contracts.
//!
//! After `clear`: `shop REGIME.. [dated]` opens a venue that offers fixed and, where its law knows
//! them, tiered prices, flash sales, group buys and presales, `opens ID REGIME.. sells MODEL..` one
//! of the plan; `kind OWNER consumer|enterprise`; `sale
//! [tiered|flash|queue|lottery|group|presale] [later=SECONDS] [vat=in|out] [bp=N] [ppm=N]
//! [hand=SECONDS] [inspect=SECONDS] [days=N] [deposit=BP] [rate=N] [valid=SECONDS] [exempt=KIND]
//! [pickup] [covered]` defines terms, the next handle from 0.
//!
//! `guarantee AMOUNT [of=ACCOUNT] [in=ASSET]` sets money of a seller aside.
//!
//! Then `NAME: offer PIECES @PRICE[/FROM@PRICE..] [by=ACCOUNT] [terms=N] [units=N] [step=N] [min=N]
//! [max=N] [limit=N] [opens=SECONDS] [closes=SECONDS] [quorum=N] [balance=FROM/UNTIL]
//! [draw=SECONDS]`, `change NAME @PRICE..` likewise, `put NAME PIECES`, `take NAME PIECES`,
//! `unoffer NAME`, `join NAME [on=ACCOUNT]`, `value NAME [SOURCE] [is=N]`, `seed NAME [is=N]`;
//! `NAME: reserve OFFER PIECES [on=ACCOUNT] [version=N] [code=N] [confirms]`. Discounts and
//! baskets: `baskets`.
//!
//! `step NAME VERB [by=buyer|seller|operator|ACCOUNT] [version=N]`, VERB being pay, payin, cancel,
//! handover, deliver, pickup=CODE, accept, return=PIECES, handback, takeback=stock|writeoff,
//! dispute, resolve=BUYER/SELLER/stock|left, rescind, invoice. Who acts is the party whose step it
//! is unless `by=` says otherwise. Seller is account 0, buyer account 1 unless named.
//!
//! `grace SECONDS [venue=N]` is what the shop leaves of a deadline after a gap; a `dated` shop has
//! the calendar of `calendar D..`. `gap` is the start of a service that was down since the command
//! before, without the ticks of that time; `halt`, `suspend` and `resume` are the shop's venue.
//!
//! Invariant: as in `words`. Not here: money, parties' standing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sanjiang_engine::command::{
    Act, Authority, Body, BringValue, ChangeOffer, ChangeStock, Confirmed, ContractCommand, Course,
    Covered, Delivery, Exemption, FlashMode, Funding, GoodsTo, Join, MakeOffer, PartyKind, Plan,
    Prices, Reserve, RevealSeed, SaleTerms, SalesCommand, Scope, ServiceGap, SetGrace,
    SetPartyKind, SetTradingStatus, TakeStep, TakenTo, TaxBasis, Tier, WithdrawOffer,
};
use sanjiang_engine::engine::Engine;
use sanjiang_engine::event::{
    ContractEvent, ContractReport, ContractStep, DiscountAct, Event, FullTax, LotteryFact,
    OfferAct, SaleEvent,
};
use sanjiang_engine::reject::Basis;
use sanjiang_engine::types::{
    AccountId, Amount, ContractId, CustodianId, DiscountId, Nanoseconds, OfferId, OwnerId, TermsId,
    Time, VenueId,
};
use sanjiang_engine::venue::{Model, TradingStatus};

use sha2::{Digest, Sha256};

use crate::baskets;
use crate::border;
use crate::desk::{DAY, name};
use crate::guarantee::guarantee;
use crate::money::{GOODS, MONEY};
use crate::openings::{open, venue_of_the_plan};
use crate::words::{at, number, value};

/// The venue that `shop` opens.
pub const SHOP: VenueId = VenueId::new(1);
const SECOND: i64 = 1_000_000_000;

/// The names a scenario gave to offers and contracts.
#[derive(Default)]
pub struct Shop {
    pub offers: BTreeMap<String, OfferId>,
    pub contracts: BTreeMap<String, ContractId>,
    pub discounts: BTreeMap<String, DiscountId>,
}

impl Shop {
    /// What a named command made.
    pub fn name(&mut self, name: &str, event: &Event) {
        if let Event::Sale(SaleEvent::Offer(report)) = event {
            self.offers.insert(name.to_owned(), report.offer);
        }
        if let Event::Sale(SaleEvent::Discount(report)) = event
            && report.act == DiscountAct::Defined
        {
            self.discounts.insert(name.to_owned(), report.discount);
        }
        if let Event::Contract(ContractEvent::Step(report)) = event {
            let name = baskets::line_name(self, name, report);
            self.contracts.insert(name, report.contract());
        }
    }

    /// An event about offers as one line.
    pub fn sale(&self, event: &SaleEvent) -> String {
        match event {
            SaleEvent::Party { owner, kind } => format!("owner {} is {kind:?}", owner.index()),
            SaleEvent::Use(report) => {
                let (owner, year) = (report.owner.index(), report.year);
                let (here, elsewhere) = (report.here, report.elsewhere);
                format!("owner {owner} used of {year}: {here} here, {elsewhere} elsewhere")
            }
            SaleEvent::Terms { terms, .. } => format!("terms {}", terms.index()),
            SaleEvent::Guarantee(report) => {
                let (account, amount) = (report.account.index(), report.amount);
                let covering = report.covering;
                format!("account {account} has guarantee {amount}, covering {covering}")
            }
            SaleEvent::Ticket(ticket) => {
                let after = |at: Time| (at.nanoseconds() - DAY.nanoseconds()) / SECOND;
                let (from, until) = (after(ticket.admitted), after(ticket.until));
                let (account, number) = (ticket.account.index(), ticket.number);
                format!("account {account} has ticket {number}, from {from} until {until}")
            }
            SaleEvent::Grace { grace, .. } => format!("grace {}", grace.0 / SECOND),
            SaleEvent::Lottery(report) => match report.fact {
                LotteryFact::Value { source, .. } => format!("value from {}", source.as_str()),
                LotteryFact::Seed { .. } => "seed revealed".to_owned(),
                LotteryFact::Drawn { draw, winners, .. } => {
                    let front = u32::from_be_bytes([draw[0], draw[1], draw[2], draw[3]]);
                    format!("drawn {front:08x}.., {winners} win")
                }
            },
            SaleEvent::Discount(report) => baskets::discount(self, report),
            SaleEvent::Offer(report) => {
                let mut names = self.offers.iter();
                let name = names.find(|(_, id)| **id == report.offer);
                let name = name.map_or("offer", |(name, _)| name);
                let changes = matches!(report.act, OfferAct::Offered | OfferAct::Changed);
                let version = if changes {
                    format!(" v{}", report.version)
                } else {
                    String::new()
                };
                let joined = match (report.joined, report.act) {
                    (0, _) => String::new(),
                    (joined, OfferAct::Closed) => format!(", {joined} joined at {}", report.price),
                    (joined, _) => format!(", {joined} joined"),
                };
                let (act, left) = (report.act, report.left);
                format!("{name} {act:?}{version}, {left} left{joined}")
            }
        }
    }

    /// An event about contracts as one line.
    pub fn contract(&self, event: &ContractEvent) -> String {
        match event {
            ContractEvent::Refused(refused) => {
                let reject = refused.reject;
                let basis = reject.basis.map_or("", Basis::as_str);
                let reason = reject.reason.as_str();
                let line = format!("{:?} refused {reason} {basis}", refused.step);
                let at = refused
                    .line
                    .map_or(String::new(), |at| format!(", line {at}"));
                line.trim_end().to_owned() + &at
            }
            ContractEvent::Step(report) => self.step(report),
        }
    }

    fn step(&self, report: &ContractReport) -> String {
        let mut names = self.contracts.iter();
        let name = names.find(|(_, id)| **id == report.contract());
        let name = name.map_or("contract", |(name, _)| name);
        let by = report.by.map_or(String::new(), |by| format!(" by {by:?}"));
        let mut line = format!("{name} {:?}{by}: {:?}", report.step, report.state);
        if report.step.forms() {
            let (amount, tax) = (report.amount, report.tax);
            let _ = write!(
                line,
                ", {} pieces, amount {amount} tax {tax}",
                report.pieces
            );
            if report.discount() > 0 {
                let _ = write!(line, ", {} off", report.discount());
            }
        }
        for (word, sum) in [
            ("holds", report.money_held),
            ("refunded", report.refunded),
            ("tax back", report.tax_back),
            ("seller", report.paid_out),
            ("fee", report.fee),
            ("penalty to buyer", report.penalty),
            ("owes", report.owing),
            ("goods out", report.goods_out),
        ] {
            if sum != 0 {
                let _ = write!(line, ", {word} {sum}");
            }
        }
        if report.full_tax == FullTax::Yes {
            line += ", FULL_TAX";
        }
        if report.step == ContractStep::TakeBack {
            let _ = write!(line, ", {} came back", report.came_back);
        }
        if let Some(deadline) = report.deadline {
            let after = (deadline.nanoseconds() - DAY.nanoseconds()) / SECOND;
            let _ = write!(line, ", until {after}");
        }
        line
    }

    /// The command of a line about shops, if it is one, and what an operator says with it.
    pub fn body(&self, engine: &Engine, words: &[&str]) -> Option<(Body, Option<Box<Authority>>)> {
        let plain = |body| Some((body, None));
        let sales = |command| plain(Body::Sales(Box::new(command)));
        if words.get(1) == Some(&"offer") {
            return sales(SalesCommand::Offer(offer(words)));
        }
        if words.get(1) == Some(&"reserve") {
            let reserve = self.reserve(engine, words);
            return plain(Body::Contract(ContractCommand::Reserve(reserve)));
        }
        if let Some(body) = baskets::body(self, engine, words) {
            return plain(body);
        }
        match words[0] {
            "guarantee" => sales(SalesCommand::SetGuarantee(guarantee(words))),
            "shop" => plain(open(words)),
            "opens" => plain(venue_of_the_plan(words)),
            "kind" => sales(SalesCommand::SetPartyKind(SetPartyKind {
                owner: OwnerId::new(number(words[1]) as u32),
                kind: match words[2] {
                    "consumer" => PartyKind::Consumer,
                    _ => PartyKind::Enterprise,
                },
            })),
            "grace" => sales(SalesCommand::SetGrace(SetGrace {
                venue: VenueId::new(value(words, "venue").map_or(1, number) as u32),
                grace: Nanoseconds(number(words[1]) * SECOND),
            })),
            "customs" => Some(border::customs(words)),
            "sale" => sales(SalesCommand::DefineTerms(terms(words))),
            "change" => {
                let offer = self.offer(words[1]);
                let version = value(words, "version").map(|word| number(word) as u32);
                let known = engine.sales().offer(offer);
                sales(SalesCommand::ChangeOffer(ChangeOffer {
                    offer,
                    version: version.or(known.map(|known| known.version)).unwrap_or(1),
                    account: account(words, "by").unwrap_or(AccountId::new(0)),
                    prices: prices(words),
                }))
            }
            "put" => sales(SalesCommand::PutStock(self.stock(words))),
            "take" => sales(SalesCommand::TakeStock(self.stock(words))),
            "value" => sales(SalesCommand::BringValue(BringValue {
                offer: self.offer(words[1]),
                value: [value(words, "is").map_or(5, number) as u8; 32],
                source: name(
                    words
                        .get(2)
                        .filter(|word| !word.contains('='))
                        .unwrap_or(&""),
                ),
            })),
            "seed" => sales(SalesCommand::RevealSeed(RevealSeed {
                offer: self.offer(words[1]),
                seed: [value(words, "is").map_or(7, number) as u8; 32],
            })),
            "join" => sales(SalesCommand::Join(Join {
                offer: self.offer(words[1]),
                account: account(words, "on").unwrap_or(AccountId::new(1)),
            })),
            "unoffer" => sales(SalesCommand::WithdrawOffer(WithdrawOffer {
                offer: self.offer(words[1]),
                account: account(words, "by").unwrap_or(AccountId::new(0)),
            })),
            "step" => Some(self.take(engine, words)),
            _ => service(engine, words).map(|body| (body, None)),
        }
    }

    pub fn offer(&self, name: &str) -> OfferId {
        let never = OfferId {
            sequence: 1 << 40,
            slot: 0,
        };
        self.offers.get(name).copied().unwrap_or(never)
    }

    fn stock(&self, words: &[&str]) -> ChangeStock {
        ChangeStock {
            offer: self.offer(words[1]),
            account: account(words, "by").unwrap_or(AccountId::new(0)),
            pieces: number(words[2]) as u32,
        }
    }

    fn reserve(&self, engine: &Engine, words: &[&str]) -> Reserve {
        let offer = self.offer(words[2]);
        let version = value(words, "version").map(|word| number(word) as u32);
        let known = engine.sales().offer(offer).map(|known| known.version);
        Reserve {
            offer,
            version: version.or(known).unwrap_or(1),
            account: account(words, "on").unwrap_or(AccountId::new(1)),
            pieces: number(words[3]) as u32,
            delivery_reference: [1; 16],
            pickup: value(words, "code").map(|word| {
                let hash = *blake3::hash(&code(word)).as_bytes();
                hash[..16].try_into().expect("half of it")
            }),
            confirmed: if words.contains(&"confirms") {
                Confirmed::Yes
            } else {
                Confirmed::No
            },
        }
    }

    fn take(&self, engine: &Engine, words: &[&str]) -> (Body, Option<Box<Authority>>) {
        let never = ContractId {
            sequence: 1 << 40,
            slot: 0,
        };
        let contract = self.contracts.get(words[1]).copied().unwrap_or(never);
        let known = engine.contracts().contract(contract);
        let (verb, what) = words[2].split_once('=').unwrap_or((words[2], ""));
        let act = act(verb, what);
        let buyer = known.map_or(AccountId::new(1), |known| known.buyer);
        let seller = known.map_or(AccountId::new(0), |known| known.seller);
        let sellers = ["handover", "deliver", "pickup", "takeback", "invoice"].contains(&verb);
        let own = if sellers { seller } else { buyer };
        let account = match value(words, "by") {
            Some("buyer") => Some(buyer),
            Some("seller") => Some(seller),
            Some("operator") => None,
            Some(word) => Some(AccountId::new(number(word) as u32)),
            None if verb == "resolve" => None,
            None => Some(own),
        };
        let version = value(words, "version").map(|word| number(word) as u32);
        let version = version.or(known.map(|known| known.version)).unwrap_or(1);
        let reason = if words.contains(&"silent") { "" } else { verb };
        let authority = account.is_none().then(|| {
            Box::new(Authority {
                reason: reason.to_owned(),
                ..Authority::default()
            })
        });
        let take = TakeStep {
            contract,
            version,
            account,
            act,
        };
        (Body::Contract(ContractCommand::Step(take)), authority)
    }
}

pub fn code(word: &str) -> [u8; 16] {
    (number(word) as u128).to_le_bytes()
}

/// The service goes down, or the shop's venue halts or goes on.
fn service(engine: &Engine, words: &[&str]) -> Option<Body> {
    let status = match words[0] {
        "gap" => {
            let from = engine.time();
            return Some(Body::ServiceGap(ServiceGap { from }));
        }
        "halt" => TradingStatus::Halted,
        "suspend" => TradingStatus::Suspended,
        "resume" => TradingStatus::Trading,
        _ => return None,
    };
    Some(Body::SetTradingStatus(SetTradingStatus {
        scope: Scope::Venue(SHOP),
        status,
    }))
}

fn act(verb: &str, what: &str) -> Act {
    let reference = [2; 16];
    match verb {
        "pay" => Act::Pay,
        "payin" => Act::PayIn {
            custodian: CustodianId::new(if what.is_empty() {
                0
            } else {
                number(what) as u32
            }),
        },
        "cancel" => Act::Cancel,
        "handover" => Act::HandOver { reference },
        "deliver" => Act::Deliver { reference },
        "pickup" => Act::PickUp { code: code(what) },
        "accept" => Act::Accept,
        "return" => Act::AskReturn {
            pieces: number(what) as u32,
        },
        "handback" => Act::HandBack { reference },
        "takeback" => Act::TakeBack {
            to: match what {
                "stock" => TakenTo::Stock,
                _ => TakenTo::WriteOff,
            },
        },
        "dispute" => Act::Dispute,
        "resolve" => {
            let parts: Vec<&str> = what.split('/').collect();
            let amount = |word| Amount::new(number(word)).expect("in bounds");
            Act::Resolve {
                buyer: amount(parts[0]),
                seller: amount(parts[1]),
                goods: match parts[2] {
                    "stock" => GoodsTo::Stock,
                    _ => GoodsTo::Buyer,
                },
            }
        }
        "rescind" => Act::Rescind,
        "invoice" => Act::Invoice { reference },
        other => panic!("no step: {other}"),
    }
}

pub fn account(words: &[&str], key: &str) -> Option<AccountId> {
    value(words, key).map(|word| AccountId::new(number(word) as u32))
}

/// The model of terms, with its own.
fn kind(words: &[&str]) -> (Model, Plan) {
    match words.get(1) {
        Some(&"tiered") => (Model::TieredPrice, Plan::Plain),
        Some(&"group") => (Model::GroupBuy, Plan::Group),
        Some(&"presale") => {
            let deposit_bp = value(words, "deposit").map_or(2_000, number) as u16;
            (Model::Presale, Plan::Presale { deposit_bp })
        }
        Some(&"queue") => {
            let of = |key, usual| value(words, key).map_or(usual, number);
            let mode = FlashMode::Queue {
                per_second: of("rate", 1) as u32,
                valid_for: Nanoseconds(of("valid", 60) * SECOND),
            };
            (Model::FlashSale, Plan::Flash(mode))
        }
        Some(&"lottery") => (Model::FlashSale, Plan::Flash(FlashMode::Lottery)),
        Some(&"flash") => (Model::FlashSale, Plan::Flash(FlashMode::Race)),
        _ => (Model::FixedPrice, Plan::Plain),
    }
}

fn terms(words: &[&str]) -> SaleTerms {
    let span = |key, usual| {
        let seconds = value(words, key).map_or(usual, number);
        Nanoseconds(seconds * SECOND)
    };
    let count = |key, usual| value(words, key).map_or(usual, number);
    let (model, plan) = kind(words);
    SaleTerms {
        venue: SHOP,
        model,
        plan,
        funding: match value(words, "later") {
            None => Funding::Prefunded,
            Some(_) => Funding::PayLater {
                within: span("later", 0),
            },
        },
        money: MONEY,
        tax_basis: match value(words, "vat") {
            Some("out") => TaxBasis::VatOut,
            _ => TaxBasis::VatIn,
        },
        tax_bp: count("bp", 1_300) as u16,
        fee_ppm: count("ppm", 0) as u32,
        hand_over_within: span("hand", 172_800),
        inspect_within: span("inspect", 86_400),
        return_days: count("days", 7) as u8,
        agreed_days: count("agreed", 0) as u16,
        exemption: value(words, "exempt").map(|word| match word {
            "CUSTOM_MADE" => Exemption::CustomMade,
            "FRESH" => Exemption::Fresh,
            "CONFIRMED_UNSUITABLE" => Exemption::ConfirmedUnsuitable,
            other => panic!("no exemption: {other}"),
        }),
        delivery: if words.contains(&"pickup") {
            Delivery::PickUp
        } else {
            Delivery::Ship
        },
        covered: if words.contains(&"covered") {
            Covered::Yes
        } else {
            Covered::No
        },
        document: [0xdc; 32],
    }
}

fn prices(words: &[&str]) -> Prices {
    let list = words.iter().find(|word| word.starts_with('@'));
    let list = list.expect("an offer has a price");
    let mut tiers = Vec::new();
    for part in list.split('/') {
        let (from, price) = part.split_once('@').expect("FROM@PRICE");
        tiers.push(Tier {
            from: if from.is_empty() {
                1
            } else {
                number(from) as u32
            },
            price: number(price),
        });
    }
    let count = |key, usual| value(words, key).map_or(usual, number) as u32;
    let instant = |key| value(words, key).map(|word| at(number(word) * SECOND));
    Prices {
        tiers,
        step: count("step", 1),
        min: count("min", 1),
        max: count("max", 1_000),
        limit: value(words, "limit").map(|word| number(word) as u32),
        opens: instant("opens").unwrap_or(Time::ZERO),
        closes: instant("closes"),
    }
}

fn offer(words: &[&str]) -> MakeOffer {
    MakeOffer {
        terms: TermsId::new(value(words, "terms").map_or(0, number) as u32),
        account: account(words, "by").unwrap_or(AccountId::new(0)),
        goods: GOODS,
        warehouse: CustodianId::new(1),
        piece_units: value(words, "units").map_or(1, number),
        prices: prices(words),
        stock: number(words[2]) as u32,
        course: course(words),
    }
}

fn course(words: &[&str]) -> Course {
    if let Some(draw) = value(words, "draw") {
        return Course::Lottery {
            commitment: Sha256::digest([7; 32]).into(),
            draw_by: at(number(draw) * SECOND),
        };
    }
    if let Some((from, until)) = value(words, "balance").and_then(|word| word.split_once('/')) {
        return Course::Presale {
            pay_from: at(number(from) * SECOND),
            pay_until: at(number(until) * SECOND),
        };
    }
    let count = |key| value(words, key).map(|word| number(word) as u32);
    count("quorum").map_or(Course::Plain, |quorum| Course::Group { quorum })
}
