//! The Session client against a small server that breaks connections, refuses and repeats.
//!
//! The server keeps what a durable gateway keeps: the watermark, across connections. Not here: the
//! gateway itself (`end_to_end`).

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use proto::v1::{
    ArmDeadManSwitchRequest, GetSessionRequest, SessionStanding, SetDisconnectPolicyRequest,
};
use proto::v1::{
    BatchOrdersRequest, BatchOrdersResponse, CancelOrderRequest, ExecutionReport, GetOrderRequest,
    ListOrdersRequest, ListOrdersResponse, MassCancelReport, MassCancelRequest, Order,
    ReplaceOrderRequest, SessionBatch, SessionCredit, SessionMassCancel, SessionOpened,
    SessionRefused, SessionReport, SessionReports, SessionRequest, SessionResponse,
    StreamExecutionsRequest, StreamExecutionsResponse, SubmitOrderRequest, ValidateOrderResponse,
    order_entry_server::{OrderEntry, OrderEntryServer},
    session_command::Command,
    session_request::Request as Asked,
    session_response::Response as Said,
};
use sanjiang_simulator::client::{
    connect::{Bearer, Connection},
    session::{Session, SessionEvent},
    session_state::{Outgoing, Refusals},
};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// What the server remembers.
#[derive(Default)]
struct Memory {
    watermark: u64,
    taken: Vec<u64>,
    batches: u64,
    connections: u64,
}

/// What the server does to a batch, by its number.
#[derive(Clone, Copy)]
enum Mood {
    /// Answers it.
    Answer,
    /// Refuses it as busy.
    Refuse,
    /// Makes it durable and breaks the connection before any answer.
    TakeAndBreak,
    /// Breaks the connection and takes nothing.
    Break,
}

#[derive(Clone)]
struct Server {
    memory: Arc<Mutex<Memory>>,
    moods: Arc<Vec<Mood>>,
}

impl Server {
    /// Answers a batch; none breaks the connection.
    fn take(&self, batch: &SessionBatch) -> Option<Vec<SessionResponse>> {
        let mut memory = self.memory.lock().unwrap();
        let mood = self.moods.get(memory.batches as usize).copied();
        memory.batches += 1;
        let first = batch.commands[0].client_sequence;
        let last = first + batch.commands.len() as u64 - 1;
        let busy = matches!(mood, Some(Mood::Refuse));
        if busy || first != memory.watermark + 1 {
            assert!(first > memory.watermark, "nothing durable is sent again");
            let refused = said(Said::Refused(SessionRefused {
                first_client_sequence: first,
                last_client_sequence: last,
                reason: if busy { "BUSY" } else { "SEQUENCE_GAP" }.to_owned(),
                expected_client_sequence: memory.watermark + 1,
                ..SessionRefused::default()
            }));
            let commands = batch.commands.len() as u32;
            return Some(vec![
                refused,
                said(Said::Credit(SessionCredit { commands })),
            ]);
        }
        if matches!(mood, Some(Mood::Break)) {
            return None;
        }
        for command in &batch.commands {
            let Some(Command::MassCancel(cancel)) = &command.command else {
                panic!("the test sends mass cancels");
            };
            memory.taken.push(u64::from(cancel.account.unwrap()));
        }
        memory.watermark = last;
        if matches!(mood, Some(Mood::TakeAndBreak)) {
            return None;
        }
        let report = |client_sequence| SessionReport {
            client_sequence,
            ..SessionReport::default()
        };
        Some(vec![said(Said::Reports(SessionReports {
            reports: (first..=last).map(report).collect(),
            watermark: last,
            credit: batch.commands.len() as u32,
            ..SessionReports::default()
        }))])
    }
}

fn said(response: Said) -> SessionResponse {
    SessionResponse {
        response: Some(response),
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("only Session"))
}

#[tonic::async_trait]
impl OrderEntry for Server {
    type SessionStream = Answers<SessionResponse>;
    type StreamExecutionsStream = Answers<StreamExecutionsResponse>;

    async fn session(
        &self,
        request: Request<Streaming<SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut requests = request.into_inner();
        let (out, answers) = mpsc::channel(64);
        let server = self.clone();
        tokio::spawn(async move {
            while let Ok(Some(request)) = requests.message().await {
                let answers = match request.request {
                    Some(Asked::Open(open)) => {
                        let mut memory = server.memory.lock().unwrap();
                        memory.connections += 1;
                        assert!(open.last_client_sequence <= memory.watermark);
                        Some(vec![said(Said::Opened(SessionOpened {
                            watermark: memory.watermark,
                            credit: 100,
                            ..SessionOpened::default()
                        }))])
                    }
                    Some(Asked::Batch(batch)) => server.take(&batch),
                    None => None,
                };
                let Some(answers) = answers else {
                    let broken = Err(Status::unavailable("broken"));
                    out.send(broken).await.ok();
                    return;
                };
                for answer in answers {
                    if out.send(Ok(answer)).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    async fn submit_order(
        &self,
        _: Request<SubmitOrderRequest>,
    ) -> Result<Response<ExecutionReport>, Status> {
        not_here()
    }

    async fn cancel_order(
        &self,
        _: Request<CancelOrderRequest>,
    ) -> Result<Response<ExecutionReport>, Status> {
        not_here()
    }

    async fn replace_order(
        &self,
        _: Request<ReplaceOrderRequest>,
    ) -> Result<Response<ExecutionReport>, Status> {
        not_here()
    }

    async fn mass_cancel(
        &self,
        _: Request<MassCancelRequest>,
    ) -> Result<Response<MassCancelReport>, Status> {
        not_here()
    }

    async fn batch_orders(
        &self,
        _: Request<BatchOrdersRequest>,
    ) -> Result<Response<BatchOrdersResponse>, Status> {
        not_here()
    }

    async fn arm_dead_man_switch(
        &self,
        _: Request<ArmDeadManSwitchRequest>,
    ) -> Result<Response<SessionStanding>, Status> {
        not_here()
    }

    async fn set_disconnect_policy(
        &self,
        _: Request<SetDisconnectPolicyRequest>,
    ) -> Result<Response<SessionStanding>, Status> {
        not_here()
    }

    async fn get_session(
        &self,
        _: Request<GetSessionRequest>,
    ) -> Result<Response<SessionStanding>, Status> {
        not_here()
    }

    async fn get_order(&self, _: Request<GetOrderRequest>) -> Result<Response<Order>, Status> {
        not_here()
    }

    async fn list_orders(
        &self,
        _: Request<ListOrdersRequest>,
    ) -> Result<Response<ListOrdersResponse>, Status> {
        not_here()
    }

    async fn validate_order(
        &self,
        _: Request<SubmitOrderRequest>,
    ) -> Result<Response<ValidateOrderResponse>, Status> {
        not_here()
    }

    async fn stream_executions(
        &self,
        _: Request<StreamExecutionsRequest>,
    ) -> Result<Response<Self::StreamExecutionsStream>, Status> {
        not_here()
    }
}

/// Sends 500 commands through the moods; what the server took, what was settled without a report,
/// what was given up, and the connections it needed.
async fn drive(moods: Vec<Mood>, refusals: Refusals) -> (Vec<u64>, u64, u64, u64) {
    let server = Server {
        memory: Arc::default(),
        moods: Arc::new(moods),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    let serving = tonic::transport::Server::builder()
        .add_service(OrderEntryServer::new(server.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(serving);
    let patience = Duration::from_secs(30);
    let connection = Connection::open(&target, Bearer::default(), patience).unwrap();
    let mut session = Session::start(connection, "s".to_owned(), refusals);
    let input = session.commands.clone();
    let (unused, _) = mpsc::channel(1);
    session.commands = unused;
    tokio::spawn(async move {
        for token in 0..500u64 {
            let cancel = SessionMassCancel {
                account: Some(token as u32),
                ..SessionMassCancel::default()
            };
            let outgoing = Outgoing {
                token,
                command: Command::MassCancel(cancel),
                valid_until_ns: 0,
            };
            input.send(outgoing).await.unwrap();
        }
    });
    let (mut answered, mut settled, mut refused) = (0, 0, 0);
    while let Some(event) = session.events.recv().await {
        match event {
            SessionEvent::Opened { .. } => {}
            SessionEvent::Answers { answers, .. } => answered += answers.len() as u64,
            SessionEvent::Settled(tokens) => settled += tokens.len() as u64,
            SessionEvent::Refused(tokens) => refused += tokens.len() as u64,
        }
    }
    session.task.await.unwrap().unwrap();
    assert_eq!(
        answered + settled + refused,
        500,
        "each is accounted for once"
    );
    let memory = server.memory.lock().unwrap();
    (memory.taken.clone(), settled, refused, memory.connections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_taken_once_and_in_order_whatever_breaks() {
    let moods = vec![
        Mood::Answer,
        Mood::TakeAndBreak,
        Mood::Refuse,
        Mood::Break,
        Mood::TakeAndBreak,
        Mood::Refuse,
    ];
    let (taken, settled, refused, connections) = drive(moods, Refusals::Resend).await;
    assert_eq!(taken, (0..500).collect::<Vec<u64>>());
    assert!(settled > 0, "a broken connection took reports along");
    assert_eq!(refused, 0);
    assert_eq!(connections, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_gives_up_what_is_refused_and_nothing_else() {
    let (taken, _, refused, connections) = drive(
        vec![Mood::Answer, Mood::Refuse, Mood::Answer],
        Refusals::Drop,
    )
    .await;
    assert!(refused > 0);
    assert_eq!(taken.len() as u64 + refused, 500);
    assert!(taken.is_sorted(), "in order");
    assert_eq!(connections, 1);
}
