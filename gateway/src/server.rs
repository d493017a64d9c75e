//! Starting and stopping the exchange: folder, engine, listener, services.
//!
//! Start: the address is taken, the journal is recovered, and only then does anybody get a
//! connection. Stop: nothing new is taken; what was taken is sequenced, made durable and answered;
//! then the connections end.
//!
//! Invariant: without TLS and keys it listens on loopback only. Not here: signals (`shutdown`),
//! the services.

pub mod incoming;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use engine::runtime::{Config, Recovered, Runtime, StartError, StopError, Stopped};
use proto::v1::accounts_server::AccountsServer;
use proto::v1::contracts_server::ContractsServer;
use proto::v1::market_data_server::MarketDataServer;
use proto::v1::operations_server::OperationsServer;
use proto::v1::order_entry_server::OrderEntryServer;
use proto::v1::sales_server::SalesServer;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::Server;

use crate::admission::Admission;
use crate::backups::Backups;
use crate::config::Serve;
use crate::directory::Directory;
use crate::exchange::Exchange;
use crate::hub::{Hub, Outlets};
use crate::last_words::LastWords;
use crate::memory;
use crate::replies::Replies;
use crate::services::unread::{Keeping, UNREAD_BYTES_MAX, Unread};
use crate::services::{
    AccountsService, ContractsService, MarketDataService, OperationsService, OrderEntryService,
    SalesService,
};
use crate::session::Sessions;
use crate::telemetry::Telemetry;
use incoming::{Bounded, Limits, Places};

/// The largest message a client may send: a full batch with room.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Calls and streams of one connection at a time.
const STREAMS_OF_CONNECTION_MAX: u32 = 4_096;
/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1_024;
/// File descriptors kept for the journal, the snapshots and the history; connections do not get
/// them, since a store that cannot open a file stops the exchange.
const DESCRIPTORS_KEPT: u64 = 1_024;
/// What the system may hold for a client that does not read; without a bound it takes megabytes,
/// and a stream is written for that long although nobody reads it.
const SOCKET_BYTES: u32 = 256 << 10;
/// How long a stop waits for clients to take their last answers.
const GRACE: Duration = Duration::from_secs(10);

/// Why the exchange did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is not loopback.
    #[error(
        "{0} is reachable from other machines, and this build has neither TLS nor keys: everybody \
         who reached it could trade and operate. Listen on 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The folder cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The reflection service cannot describe the contract.
    #[error("the description of the contract is damaged: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The demonstration could not be created.
    #[error("the demonstration could not be created: {0}")]
    Demo(String),
    /// The memory cannot be locked.
    #[error(transparent)]
    Memory(#[from] memory::LockError),
    /// The sink was started without its books.
    #[error("the public books were not opened")]
    NoBooks,
    /// The sink was started without its history.
    #[error("the history was not opened")]
    NoHistory,
}

/// A running exchange.
pub struct Running {
    address: SocketAddr,
    locked: Option<u64>,
    exchange: Arc<Exchange>,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    replying: JoinHandle<()>,
}

impl Running {
    /// Starts the exchange; answers once it listens.
    ///
    /// # Errors
    /// [`ServeError`]; then nothing runs.
    pub async fn start(settings: &Serve) -> Result<Self, ServeError> {
        let listen = settings.listen;
        if !listen.ip().is_loopback() {
            return Err(ServeError::NotLoopback(listen));
        }
        let lock = || settings.lock_memory.then(memory::lock).transpose();
        // Asked before the folder is touched too: who may not is told so then.
        lock()?;
        let socket = bind(listen).map_err(|error| ServeError::Listen(listen, error))?;
        let (stop, shutdown) = watch::channel(false);
        let outlets = outlets(&stop);
        let hub = Hub::new(outlets.clone(), settings.data_dir.join("projections"));
        let words = outlets.last_words.clone();
        let config = Config {
            on_fatal: Arc::new(move |fatal| words.end(&fatal.to_string())),
            ..settings.runtime()
        };
        let (runtime, recovered) = Runtime::start(config, Box::new(hub))?;
        let locked = lock()?;
        let exchange = exchange(settings, &outlets, &runtime, recovered, shutdown.clone())?;
        let replying = tokio::spawn(Arc::clone(&outlets.replies).run());
        if settings.demo {
            crate::demo::create(&exchange)
                .await
                .map_err(ServeError::Demo)?;
            crate::demo::live(&exchange, shutdown.clone());
        }
        let listener = socket
            .listen(BACKLOG)
            .map_err(|error| ServeError::Listen(listen, error))?;
        let address = listener
            .local_addr()
            .map_err(|error| ServeError::Listen(listen, error))?;
        let serving = serve(&exchange, listener, settings.keepalive(), shutdown)?;
        Ok(Self {
            address,
            locked,
            exchange,
            runtime,
            stop,
            serving,
            replying,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How much memory was touched and locked, in bytes, if that was asked for.
    pub const fn locked(&self) -> Option<u64> {
        self.locked
    }

    /// What it serves.
    pub const fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// Stops cleanly: refuses what is new, answers what was taken, ends every stream, leaves a
    /// snapshot.
    ///
    /// # Errors
    /// A fault had stopped the engine before, or the snapshot could not be written.
    pub async fn stop(self) -> Result<Stopped, StopError> {
        self.stop.send_replace(true);
        let runtime = self.runtime;
        let stopped = tokio::task::spawn_blocking(move || runtime.stop()).await;
        // Answers are with the calls now; clients get a bounded time to take them.
        if tokio::time::timeout(GRACE, self.serving).await.is_err() {
            eprintln!("some clients did not take their last answers; ending without them");
        }
        self.replying.abort();
        stopped.unwrap_or_else(|error| Err(StopError::Faulted(error.to_string())))
    }
}

fn outlets(stop: &watch::Sender<bool>) -> Outlets {
    let telemetry = Arc::new(Telemetry::default());
    let replies = Arc::new(Replies::new(Arc::clone(&telemetry)));
    Outlets {
        directory: Arc::new(Directory::default()),
        last_words: LastWords::new(Arc::clone(&replies), stop.clone()),
        replies,
        telemetry,
        history: Arc::new(OnceLock::new()),
        feed: Arc::new(OnceLock::new()),
    }
}

fn exchange(
    settings: &Serve,
    outlets: &Outlets,
    runtime: &Runtime,
    recovered: Recovered,
    shutdown: watch::Receiver<bool>,
) -> Result<Arc<Exchange>, ServeError> {
    let history = outlets.history.get().ok_or(ServeError::NoHistory)?.clone();
    let feed = outlets.feed.get().ok_or(ServeError::NoBooks)?.clone();
    let replies = Arc::clone(&outlets.replies);
    Ok(Arc::new(Exchange {
        admission: Admission::new(runtime.handle(), Arc::clone(&replies), settings.share()),
        handle: runtime.handle(),
        backups: Backups::new(
            settings.backup_dir.clone(),
            runtime.upkeep(),
            history.clone(),
        ),
        directory: Arc::clone(&outlets.directory),
        history,
        feed,
        replies,
        sessions: Sessions::default(),
        unread: Unread::of(UNREAD_BYTES_MAX),
        connections: Places::new(Limits {
            connections_max: connections_max(settings.connections_max),
            begin_within: settings.begin_within(),
        }),
        telemetry: Arc::clone(&outlets.telemetry),
        recovered,
        started: SystemTime::now(),
        shutdown,
    }))
}

/// As many connections as were asked for, or as the process may have file descriptors for.
fn connections_max(asked: usize) -> usize {
    let Ok((descriptors, _)) = rlimit::getrlimit(rlimit::Resource::NOFILE) else {
        return asked;
    };
    let kept = DESCRIPTORS_KEPT.min(descriptors / 2);
    let possible = usize::try_from(descriptors - kept).unwrap_or(usize::MAX);
    if possible < asked {
        eprintln!(
            "{descriptors} file descriptors are allowed and {kept} are kept for the journal, so at \
             most {possible} connections are taken and not {asked}"
        );
    }
    asked.min(possible)
}

/// Takes the address without accepting anybody yet.
fn bind(listen: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if listen.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    // The connections accepted have it from the listener.
    socket.set_send_buffer_size(SOCKET_BYTES)?;
    socket.bind(listen)?;
    Ok(socket)
}

/// Accepts connections and serves them until the stop.
fn serve(
    exchange: &Arc<Exchange>,
    listener: TcpListener,
    keepalive: Duration,
    mut shutdown: watch::Receiver<bool>,
) -> Result<JoinHandle<Result<(), tonic::transport::Error>>, ServeError> {
    let shared = || Arc::clone(exchange);
    let (health_reporter, health) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let order_entry = OrderEntryServer::new(OrderEntryService::new(shared()))
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let market_data = MarketDataServer::new(MarketDataService::new(shared()));
    let accounts = AccountsServer::new(AccountsService::new(shared()));
    let operations = OperationsServer::new(OperationsService::new(shared()));
    let sales = SalesServer::new(SalesService::new(shared()));
    let contracts = ContractsServer::new(ContractsService::new(shared()));
    let unread = || Arc::clone(&exchange.unread);
    let router = Server::builder()
        .max_concurrent_streams(Some(STREAMS_OF_CONNECTION_MAX))
        .http2_keepalive_interval(Some(keepalive))
        .http2_keepalive_timeout(Some(keepalive))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .add_service(Keeping::new(order_entry, unread()))
        .add_service(Keeping::new(market_data, unread()))
        .add_service(Keeping::new(accounts, unread()))
        .add_service(Keeping::new(operations, unread()))
        .add_service(Keeping::new(sales, unread()))
        .add_service(Keeping::new(contracts, unread()));
    let incoming = Bounded::new(listener, Arc::clone(&exchange.connections));
    Ok(tokio::spawn(async move {
        set_serving(&health_reporter).await;
        let stopping = async move {
            // The sender lives as long as the exchange; if it went, so should the server.
            let _ = shutdown.wait_for(|stopping| *stopping).await;
        };
        router
            .serve_with_incoming_shutdown(incoming, stopping)
            .await
    }))
}

/// Says of every service that it is served.
async fn set_serving(health: &tonic_health::server::HealthReporter) {
    let order_entry = health.set_serving::<OrderEntryServer<OrderEntryService>>();
    order_entry.await;
    let market_data = health.set_serving::<MarketDataServer<MarketDataService>>();
    market_data.await;
    let accounts = health.set_serving::<AccountsServer<AccountsService>>();
    accounts.await;
    let operations = health.set_serving::<OperationsServer<OperationsService>>();
    operations.await;
    let sales = health.set_serving::<SalesServer<SalesService>>();
    sales.await;
    let contracts = health.set_serving::<ContractsServer<ContractsService>>();
    contracts.await;
}
