//! `serve --demo`: a SANDBOX venue marked as a demonstration, with instruments, parties and a
//! timetable, so that a newcomer sees books move; and shops (`shops`), so that goods are sold.
//!
//! Everything is created through the commands of `Operations`, under request ids that never change,
//! and only what is not there yet: a restart adds nothing.
//!
//! Prices. Metals, ores, coal and oils: IMF Primary Commodity Prices, June 2017, in USD. Fruit:
//! Beijing Xinfadi market, average of 2016-05-03, written there in yuan for 500 g, here for 1 kg.
//! Chemicals and freight: round figures of the right order; no source has them.
//!
//! Invariant: nothing here is real, and every reply says so. Not here: order flow (the simulator).

mod money;
mod shops;

use std::time::{SystemTime, UNIX_EPOCH};

use engine::command::Command;
use engine::types::PrincipalId;
use proto::v1;

use crate::errors::Failure;
use crate::exchange::Exchange;
use crate::from_proto::{self, Operation};
use crate::services::submit_operation;
use crate::to_proto;

pub use shops::{RETAIL, WHOLESALE, live};

/// The venue.
pub const VENUE: &str = "DEMO";
/// Its accounts: twenty participants with two each.
pub const ACCOUNTS: usize = 40;
const CALENDAR: &str = "DEMO-EVERY-DAY";
const PARTICIPANTS: usize = 20;
/// Two accounts each, of different participants, so that self-trade prevention has work.
const OWNERS: usize = 20;
/// 2025-01-01 and the 10,000 days from then on: until 2052.
const FIRST_DAY: i32 = 20_089;
const DAYS: i32 = 10_000;
const CHINA_OFFSET_S: i64 = 8 * 3_600;
const DAY_S: i64 = 86_400;
/// How long the opening auction collects orders.
const CALL_S: i64 = 10;

/// An instrument: id, title, currency, unit, decimals, tick, lot, reference price.
struct Instrument {
    id: &'static str,
    title: &'static str,
    currency: &'static str,
    unit: &'static str,
    decimals: u32,
    tick: &'static str,
    lot: &'static str,
    reference: &'static str,
    sign: v1::PriceSign,
}

const fn goods(
    id: &'static str,
    title: &'static str,
    (currency, unit): (&'static str, &'static str),
    (decimals, tick, lot): (u32, &'static str, &'static str),
    reference: &'static str,
) -> Instrument {
    Instrument {
        id,
        title,
        currency,
        unit,
        decimals,
        tick,
        lot,
        reference,
        sign: v1::PriceSign::Positive,
    }
}

const USD_T: (&str, &str) = ("USD", "t");
const CNY_T: (&str, &str) = ("CNY", "t");
const CNY_KG: (&str, &str) = ("CNY", "kg");
const USD_FEU: (&str, &str) = ("USD", "FEU");

const INSTRUMENTS: [Instrument; 15] = [
    goods("COAL", "Thermal coal", USD_T, (2, "0.05", "100"), "85.65"),
    goods(
        "IRON-ORE",
        "Iron ore fines 62 %",
        USD_T,
        (2, "0.01", "100"),
        "57.86",
    ),
    goods("PALM-OIL", "Palm oil", USD_T, (2, "0.50", "10"), "621.00"),
    goods(
        "SOY-MEAL",
        "Soybean meal",
        USD_T,
        (2, "0.10", "10"),
        "330.40",
    ),
    goods(
        "COPPER",
        "Copper cathode",
        USD_T,
        (2, "0.50", "5"),
        "5719.50",
    ),
    goods(
        "ALUMINIUM",
        "Aluminium ingot",
        USD_T,
        (2, "0.50", "5"),
        "1885.50",
    ),
    goods("ZINC", "Zinc ingot", USD_T, (2, "0.50", "5"), "2573.50"),
    goods("METHANOL", "Methanol", CNY_T, (0, "1", "5"), "2450"),
    goods(
        "PTA",
        "Purified terephthalic acid",
        CNY_T,
        (0, "2", "5"),
        "4980",
    ),
    goods("GLYCOL", "Ethylene glycol", CNY_T, (0, "1", "5"), "4320"),
    goods(
        "APPLE-FUJI",
        "Fuji apples",
        CNY_KG,
        (2, "0.02", "50"),
        "6.10",
    ),
    goods("KIWI", "Kiwi fruit", CNY_KG, (2, "0.02", "50"), "12.70"),
    goods(
        "BANANA",
        "Imported bananas",
        CNY_KG,
        (2, "0.02", "50"),
        "9.50",
    ),
    goods(
        "BOX-NGB-RTM",
        "Container freight, Ningbo to Rotterdam",
        USD_FEU,
        (0, "1", "1"),
        "1850",
    ),
    Instrument {
        sign: v1::PriceSign::Any,
        ..goods(
            "NETBACK-COAL",
            "Coal net of freight, delivered less free on board",
            USD_T,
            (2, "0.05", "100"),
            "-2.50",
        )
    },
];

/// Creates what is not there yet.
///
/// # Errors
/// What could not be created, in words.
pub async fn create(exchange: &Exchange) -> Result<(), String> {
    let demo = Demo { exchange };
    demo.parties().await?;
    demo.venue().await?;
    for instrument in &INSTRUMENTS {
        demo.instrument(instrument).await?;
    }
    demo.money().await?;
    demo.shops().await
}

struct Demo<'a> {
    exchange: &'a Exchange,
}

impl Demo<'_> {
    async fn parties(&self) -> Result<(), String> {
        for number in 0..PARTICIPANTS {
            let participant_id = format!("FIRM-{number:02}");
            if self.lacks(|tables| tables.participants.find(&participant_id)) {
                let context = Some(context(&participant_id));
                self.make(&v1::CreateParticipantRequest {
                    context,
                    participant_id,
                })
                .await?;
            }
        }
        for number in 0..OWNERS {
            let beneficial_owner_id = format!("OWNER-{number:02}");
            if self.lacks(|tables| tables.owners.find(&beneficial_owner_id)) {
                let context = Some(context(&beneficial_owner_id));
                self.make(&v1::CreateBeneficialOwnerRequest {
                    context,
                    beneficial_owner_id,
                })
                .await?;
            }
        }
        for number in 0..ACCOUNTS {
            let account_id = format!("ACCOUNT-{number:02}");
            if self.lacks(|tables| tables.accounts.find(&account_id)) {
                self.make(&v1::CreateAccountRequest {
                    context: Some(context(&account_id)),
                    account_id,
                    participant_id: format!("FIRM-{:02}", number % PARTICIPANTS),
                    beneficial_owner_id: format!("OWNER-{:02}", number / 2 % OWNERS),
                })
                .await?;
            }
        }
        Ok(())
    }

    async fn venue(&self) -> Result<(), String> {
        if self.lacks(|tables| tables.calendars.find(CALENDAR)) {
            self.make(&v1::SetCalendarRequest {
                context: Some(context(CALENDAR)),
                calendar_id: CALENDAR.to_owned(),
                utc_offset_seconds: CHINA_OFFSET_S as i32,
                roll_time: String::new(),
                trading_days: (FIRST_DAY..FIRST_DAY + DAYS)
                    .map(to_proto::date_text)
                    .collect(),
            })
            .await?;
        }
        if self.lacks(|tables| tables.venues.find(VENUE)) {
            self.make(&v1::CreateVenueRequest {
                context: Some(context(VENUE)),
                venue_id: VENUE.to_owned(),
                name: "Demonstration of bulk goods, fruit and freight".to_owned(),
                regimes: vec!["SANDBOX".to_owned()],
                models: vec!["CLOB".to_owned(), "CALL_AUCTION".to_owned()],
                demonstration: true,
                licence: String::new(),
                calendar_id: CALENDAR.to_owned(),
            })
            .await?;
        }
        let scheduled = {
            let tables = self.exchange.directory.read();
            let venue = tables
                .venues
                .find(VENUE)
                .and_then(|id| tables.venues.get(id));
            venue.is_some_and(|venue| !venue.schedule.is_empty())
        };
        if !scheduled {
            self.make(&v1::SetScheduleRequest {
                context: Some(context("SCHEDULE")),
                venue_id: VENUE.to_owned(),
                entries: timetable(local_second_of_day()),
            })
            .await?;
        }
        Ok(())
    }

    async fn instrument(&self, instrument: &Instrument) -> Result<(), String> {
        let id = instrument.id;
        if self.lacks(|tables| tables.instruments.find(id)) {
            self.make(&v1::CreateInstrumentRequest {
                context: Some(context(id)),
                instrument_id: id.to_owned(),
                venue_id: VENUE.to_owned(),
                name: instrument.title.to_owned(),
                currency: instrument.currency.to_owned(),
                unit: instrument.unit.to_owned(),
                tick_size: instrument.tick.to_owned(),
                lot_size: instrument.lot.to_owned(),
                price_decimals: instrument.decimals,
                quantity_decimals: 0,
                price_sign: instrument.sign.into(),
                static_band_bp: 1_000,
                dynamic_band_ticks: 0,
                max_quantity: format!("{}0000", instrument.lot),
                max_notional: String::new(),
                market_protection_ticks: 20,
                price_rule: v1::PriceRule::Resting.into(),
            })
            .await?;
        }
        let has_reference = {
            let tables = self.exchange.directory.read();
            let handle = tables.instruments.find(id);
            let entry = handle.and_then(|handle| tables.instruments.get(handle));
            entry.is_some_and(|entry| entry.reference.is_some())
        };
        if !has_reference {
            self.make(&v1::SetReferencePriceRequest {
                context: Some(context(&format!("{id}-PRICE"))),
                instrument_id: id.to_owned(),
                price: instrument.reference.to_owned(),
            })
            .await?;
        }
        Ok(())
    }

    fn lacks(&self, find: impl FnOnce(&crate::directory::Tables) -> Option<u32>) -> bool {
        find(&self.exchange.directory.read()).is_none()
    }

    async fn make(&self, request: &(impl Operation + Sync)) -> Result<(), String> {
        let command = self
            .decode(request)
            .map_err(|failure| failure.to_string())?;
        let report = submit_operation(self.exchange, command)
            .await
            .map_err(|failure| failure.to_string())?;
        if report.accepted {
            return Ok(());
        }
        Err(format!(
            "{}: {} ({})",
            report.request_id, report.reject_reason, report.text
        ))
    }

    fn decode(&self, request: &impl Operation) -> Result<Command, Failure> {
        from_proto::operation(request, &self.exchange.directory.read(), PrincipalId::LOCAL)
    }
}

fn context(id: &str) -> v1::OperationContext {
    v1::OperationContext {
        request_id: format!("demo-{id}"),
        reason: "serve --demo".to_owned(),
        approver: String::new(),
    }
}

/// The second of the day in China now; the wall clock only chooses when the first auction begins.
fn local_second_of_day() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0));
    (seconds + CHINA_OFFSET_S).rem_euclid(DAY_S)
}

/// Every day: an opening auction at midnight and one at the hour of the first start, each followed
/// by continuous trading. So whoever starts a demonstration sees an auction at once.
fn timetable(now_s: i64) -> Vec<v1::ScheduleEntry> {
    let mut starts = vec![0];
    let first = now_s + 2;
    if (60..DAY_S - 60).contains(&first) {
        starts.push(first);
    }
    let entry = |second: i64, phase: v1::Phase| v1::ScheduleEntry {
        time_of_day: format!(
            "{:02}:{:02}:{:02}",
            second / 3_600,
            second / 60 % 60,
            second % 60
        ),
        phase: phase.into(),
    };
    starts
        .into_iter()
        .flat_map(|start| {
            [
                entry(start, v1::Phase::PreOpen),
                entry(start + CALL_S, v1::Phase::Continuous),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_auction_begins_soon_or_at_midnight() {
        let texts = |now| {
            let entries = timetable(now).into_iter();
            entries.map(|entry| entry.time_of_day).collect::<Vec<_>>()
        };
        let midnight = ["00:00:00", "00:00:10"];
        assert_eq!(texts(0), midnight);
        assert_eq!(texts(DAY_S - 61), midnight);
        assert_eq!(
            texts(43_200),
            ["00:00:00", "00:00:10", "12:00:02", "12:00:12"]
        );
    }
}
