//! Connections to a gateway: where it is, who we are, and how long we wait for it.
//!
//! Invariant: a call that may be repeated is repeated with the same id until it is answered, a
//! final error comes, or the patience is over. Not here: streams, which keep a place of their own
//! (`session`, `executions`, `market`).

use std::{future::Future, path::Path, time::Duration};

use proto::v1::{
    accounts_client::AccountsClient, contracts_client::ContractsClient,
    market_data_client::MarketDataClient, operations_client::OperationsClient,
    order_entry_client::OrderEntryClient, sales_client::SalesClient,
};
use tokio::time::Instant;
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::Backoff;

/// The largest message taken: a full page of 4,096 reports is about 1.5 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Room a peer has for bytes under way on one stream; a batch of 4,096 commands is about 200 KiB.
const WINDOW_BYTES: u32 = 4 << 20;
/// How long making a TCP connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection without any byte for this long is asked for a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A connection that adds our credentials to each call.
pub type Wire = InterceptedService<Channel, Bearer>;

/// Why there is no connection to try.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The target is not an address.
    #[error("--target {target}: {what}; it should be like http://127.0.0.1:50051")]
    Target {
        /// What was given.
        target: String,
        /// What is wrong with it.
        what: String,
    },
    /// The token could not be read.
    #[error("--token {path}: {what}")]
    Token {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Adds `authorization: Bearer TOKEN` where there is a token.
#[derive(Clone, Debug, Default)]
pub struct Bearer {
    value: Option<MetadataValue<Ascii>>,
}

impl Bearer {
    /// The token of a file, surrounding white space removed; none where no file is given.
    pub fn from_file(path: Option<&Path>) -> Result<Self, ConnectError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let wrong = |what: String| ConnectError::Token {
            path: path.display().to_string(),
            what,
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let token = text.trim();
        if token.is_empty() {
            return Err(wrong("it is empty, it should hold one token".to_owned()));
        }
        let value = format!("Bearer {token}").parse().map_err(|_| {
            wrong("it holds characters that no header may; one line of ASCII is right".to_owned())
        })?;
        Ok(Self { value: Some(value) })
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.value {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// One HTTP/2 connection, made when first used and again after it broke.
#[derive(Clone, Debug)]
pub struct Connection {
    endpoint: Endpoint,
    channel: Channel,
    bearer: Bearer,
    patience: Duration,
}

impl Connection {
    /// A connection to `target` that gives up after `patience` without an answer. Nothing is sent
    /// yet.
    pub fn open(target: &str, bearer: Bearer, patience: Duration) -> Result<Self, ConnectError> {
        let url = if target.contains("://") {
            target.to_owned()
        } else {
            format!("http://{target}")
        };
        let endpoint = Endpoint::from_shared(url).map_err(|error| ConnectError::Target {
            target: target.to_owned(),
            what: error.to_string(),
        })?;
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .tcp_nodelay(true);
        Ok(Self {
            channel: endpoint.connect_lazy(),
            endpoint,
            bearer,
            patience,
        })
    }

    /// Another connection to the same gateway.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            channel: self.endpoint.connect_lazy(),
            ..self.clone()
        }
    }

    /// How long a gateway that does not answer is waited for.
    pub const fn patience(&self) -> Duration {
        self.patience
    }

    fn wire(&self) -> Wire {
        InterceptedService::new(self.channel.clone(), self.bearer.clone())
    }

    /// Orders.
    pub fn order_entry(&self) -> OrderEntryClient<Wire> {
        OrderEntryClient::new(self.wire()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Instruments, books, trades.
    pub fn market_data(&self) -> MarketDataClient<Wire> {
        MarketDataClient::new(self.wire()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// What operators do.
    pub fn operations(&self) -> OperationsClient<Wire> {
        OperationsClient::new(self.wire()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// What sellers offer.
    pub fn sales(&self) -> SalesClient<Wire> {
        SalesClient::new(self.wire()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// What buyers and sellers agreed on.
    pub fn contracts(&self) -> ContractsClient<Wire> {
        ContractsClient::new(self.wire()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Parties.
    pub fn accounts(&self) -> AccountsClient<Wire> {
        AccountsClient::new(self.wire()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Makes a call until it is answered; each attempt must carry the same id.
    pub async fn persist<T, F, A>(&self, mut attempt: A) -> Result<T, Status>
    where
        A: FnMut() -> F,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let until = Instant::now() + self.patience;
        let mut backoff = Backoff::new();
        loop {
            let status = match attempt().await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => status,
            };
            let pause = backoff.pause();
            if !is_worth_a_retry(&status) || Instant::now() + pause > until {
                return Err(status);
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// Whether the same call may succeed later: nothing was wrong with what was asked.
pub fn is_worth_a_retry(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Internal
        | Code::Unknown => true,
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => false,
    }
}

/// Whether a stream may be asked for again: as [`is_worth_a_retry`], and while nothing came yet
/// also NOT_FOUND, since public data follows the answer that told of what was created.
pub fn may_begin_later(status: &Status, begun: bool) -> bool {
    is_worth_a_retry(status) || (!begun && status.code() == Code::NotFound)
}

/// Whether the gateway itself said that the call was never sequenced.
///
/// A broken connection is reported with the same code, but it comes from our side with a source,
/// and what became of the call is then unknown.
pub fn is_refusal(status: &Status) -> bool {
    let by_gateway = std::error::Error::source(status).is_none();
    match status.code() {
        Code::ResourceExhausted => true,
        Code::Unavailable => by_gateway || never_connected(status),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => false,
    }
}

/// Whether no connection could be made, so that nothing can have been sent.
fn never_connected(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_token_becomes_a_bearer_header() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"  abc.def \n").unwrap();
        let mut bearer = Bearer::from_file(Some(file.path())).unwrap();
        let request = bearer.call(Request::new(())).unwrap();
        assert_eq!(
            request.metadata().get("authorization").unwrap(),
            "Bearer abc.def"
        );
        let empty = tempfile::NamedTempFile::new().unwrap();
        let error = Bearer::from_file(Some(empty.path())).unwrap_err();
        assert!(error.to_string().ends_with("it should hold one token"));
    }

    #[tokio::test]
    async fn a_refused_connection_is_a_refusal_and_not_an_unknown() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let connection = Connection::open(&target, Bearer::default(), Duration::ZERO).unwrap();
        let status = connection
            .persist(|| {
                let mut client = connection.operations();
                async move {
                    client
                        .get_engine_status(proto::v1::GetEngineStatusRequest {})
                        .await
                }
            })
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(is_refusal(&status), "{status:?}");
        assert!(!is_refusal(&Status::unknown("transport error")));
    }
}
