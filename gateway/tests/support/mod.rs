//! A real exchange on a port of the system's choice and a folder of its own, and words to use it.
//!
//! Invariant: everything goes through the public API; nothing sleeps.
#![allow(
    clippy::unnecessary_wraps,
    reason = "a context is an optional field on the wire"
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on any other answer"
)]

pub mod basket_fields;
pub mod book;
pub mod child;
pub mod clearing;
pub mod days;
pub mod fields;
pub mod flow;
pub mod folders;
pub mod market;
pub mod raw;
pub mod rows;
pub mod shop;
pub mod trading;

pub use market::{context, instrument, limit, make_market, venue};
use proto::v1;
use proto::v1::accounts_client::AccountsClient;
use proto::v1::market_data_client::MarketDataClient;
use proto::v1::operations_client::OperationsClient;
use proto::v1::order_entry_client::OrderEntryClient;
use sanjiang_gateway::config::Serve;
use sanjiang_gateway::server::{Running, ServeError};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

/// An exchange that can be stopped and started again on the same folder.
pub struct House {
    pub folder: TempDir,
    settings: Serve,
    running: Option<Running>,
}

impl House {
    /// With the default settings.
    pub async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// With settings changed by `change`.
    pub async fn open_with(change: impl FnOnce(&mut Serve)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = "127.0.0.1:0".parse().expect("an address");
        let mut settings = Serve::new(listen, folder.path().join("data"));
        // Not what a test is about, wherever its temporary folder may be.
        settings.disk_reserve_mb = 0;
        change(&mut settings);
        let running = Running::start(&settings).await.expect("a start");
        Self {
            folder,
            settings,
            running: Some(running),
        }
    }

    /// The running exchange.
    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    /// Another exchange with the same settings, while this one runs.
    pub async fn second(&self) -> Result<Running, ServeError> {
        Running::start(&self.settings).await
    }

    /// Stops cleanly.
    pub async fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        running.stop().await.expect("a clean stop");
    }

    /// Stops cleanly and starts again on the same folder.
    pub async fn restart(&mut self) {
        self.stop().await;
        let running = Running::start(&self.settings).await;
        self.running = Some(running.expect("a start"));
    }

    /// Stops cleanly, does `between`, and starts again on the same folder.
    pub async fn restart_after(&mut self, between: impl FnOnce()) {
        self.stop().await;
        between();
        let running = Running::start(&self.settings).await;
        self.running = Some(running.expect("a start"));
    }

    /// A new connection.
    pub async fn channel(&self) -> Channel {
        let address = self.running().address();
        Channel::from_shared(format!("http://{address}"))
            .expect("an address")
            .connect()
            .await
            .expect("a connection")
    }

    pub async fn orders(&self) -> OrderEntryClient<Channel> {
        OrderEntryClient::new(self.channel().await)
    }

    pub async fn operations(&self) -> OperationsClient<Channel> {
        OperationsClient::new(self.channel().await)
    }

    pub async fn accounts(&self) -> AccountsClient<Channel> {
        AccountsClient::new(self.channel().await)
    }

    pub async fn market_data(&self) -> MarketDataClient<Channel> {
        MarketDataClient::new(self.channel().await)
    }

    /// Venue V (SANDBOX, demonstration) in continuous trading, instrument COAL with tick 0.05 and
    /// lot 100, participant P, accounts A and B of owners OA and OB. Handles begin at 0.
    pub async fn with_market(&self) -> OrderEntryClient<Channel> {
        make_market(self.channel().await).await;
        self.orders().await
    }
}

/// A session's connection: what to send, and what comes.
pub struct Session {
    pub send: mpsc::UnboundedSender<v1::SessionRequest>,
    pub answers: Streaming<v1::SessionResponse>,
}

pub use v1::session_response::Response as Answer;

impl Session {
    /// Opens `name`, having seen `last` answered.
    pub async fn open(house: &House, name: &str, last: u64) -> Self {
        Self::over(house.channel().await, name, last).await
    }

    /// Opens `name` over this connection, having seen `last` answered.
    pub async fn over(channel: Channel, name: &str, last: u64) -> Self {
        let (send, requests) = mpsc::unbounded_channel();
        send.send(open_request(name, last)).expect("a channel");
        let answers = OrderEntryClient::new(channel)
            .session(UnboundedReceiverStream::new(requests))
            .await
            .expect("a stream")
            .into_inner();
        Self { send, answers }
    }

    /// Opens `name` and takes the server's first message.
    pub async fn opened(house: &House, name: &str, last: u64) -> (Self, v1::SessionOpened) {
        let mut session = Self::open(house, name, last).await;
        match session.next().await {
            Answer::Opened(opened) => (session, opened),
            other => panic!("not opened: {other:?}"),
        }
    }

    /// The next answer.
    pub async fn next(&mut self) -> Answer {
        let message = self.answers.message().await.expect("no error");
        let message = message.expect("the stream goes on");
        message.response.expect("a response")
    }

    /// The next answer that is not just credit.
    pub async fn next_said(&mut self) -> Answer {
        loop {
            let answer = self.next().await;
            if !matches!(answer, Answer::Credit(_)) {
                return answer;
            }
        }
    }

    /// The refusal that comes next.
    pub async fn refused(&mut self) -> v1::SessionRefused {
        match self.next_said().await {
            Answer::Refused(refused) => refused,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Reports until everything up to `watermark` is on disk.
    pub async fn reports_to(&mut self, watermark: u64) -> Vec<v1::SessionReport> {
        let mut reports = Vec::new();
        loop {
            match self.next_said().await {
                Answer::Reports(more) => {
                    let reached = more.watermark;
                    reports.extend(more.reports);
                    if reached >= watermark {
                        return reports;
                    }
                }
                other => panic!("no reports: {other:?}"),
            }
        }
    }

    /// The reason the server ends the stream with, and that it does.
    pub async fn closed(&mut self) -> String {
        let reason = loop {
            match self.next_said().await {
                Answer::Closed(closed) => break closed.reason,
                Answer::Reports(_) | Answer::Refused(_) | Answer::Duplicate(_) => {}
                other => panic!("not closed: {other:?}"),
            }
        };
        assert!(matches!(self.answers.message().await, Ok(None)));
        reason
    }

    /// Sends orders with these numbers.
    pub fn orders(&self, numbers: std::ops::RangeInclusive<u64>) {
        let commands = numbers.map(|number| session_order(number, 1_000)).collect();
        self.batch(commands);
    }

    /// Sends a batch.
    pub fn batch(&self, commands: Vec<v1::SessionCommand>) {
        let batch = v1::session_request::Request::Batch(v1::SessionBatch { commands });
        // A server that has closed the stream does not take it; the test sees that elsewhere.
        let _ = self.send.send(v1::SessionRequest {
            request: Some(batch),
        });
    }
}

pub fn open_request(name: &str, last: u64) -> v1::SessionRequest {
    let open = v1::OpenSession {
        session_id: name.to_owned(),
        last_client_sequence: last,
        cancel_on_disconnect: None,
    };
    v1::SessionRequest {
        request: Some(v1::session_request::Request::Open(open)),
    }
}

/// Account 0 buys one lot of instrument 0.
pub fn session_order(number: u64, price_ticks: i64) -> v1::SessionCommand {
    let order = v1::SessionNewOrder {
        account: Some(0),
        instrument: Some(0),
        side: v1::Side::Buy.into(),
        order_type: v1::OrderType::Limit.into(),
        price_ticks,
        quantity_lots: 1,
        ..v1::SessionNewOrder::default()
    };
    v1::SessionCommand {
        client_sequence: number,
        command: Some(v1::session_command::Command::NewOrder(order)),
        valid_until_ns: 0,
    }
}
