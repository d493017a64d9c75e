//! One connection of a Session, message by message: for clients that do on purpose what the
//! Session client of this crate never does, such as leaving a gap or sending again what is durable.
//!
//! Invariant: what is sent is what was given; nothing is repeated or put in order here. Not here:
//! the Session client (`client::session`).

use proto::v1::{
    OpenSession, SessionBatch, SessionCommand, SessionRequest, SessionResponse, session_request,
    session_response::Response,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::client::connect::Connection;

/// Messages that wait to be written.
const MESSAGES_MAX: usize = 8;

/// See the file's head.
pub struct Wire {
    out: mpsc::Sender<SessionRequest>,
    input: Streaming<SessionResponse>,
}

impl Wire {
    /// Opens a session whose commands up to `last_client_sequence` are known to be answered; its
    /// durable watermark comes back.
    pub async fn open(
        connection: &Connection,
        session_id: &str,
        last_client_sequence: u64,
    ) -> Result<(Self, u64), Status> {
        let (out, requests) = mpsc::channel(MESSAGES_MAX);
        let open = OpenSession {
            session_id: session_id.to_owned(),
            last_client_sequence,
            cancel_on_disconnect: None,
        };
        let request = SessionRequest {
            request: Some(session_request::Request::Open(open)),
        };
        // The channel is empty, so there is room.
        let _sent = out.try_send(request);
        let mut client = connection.order_entry();
        let response = client.session(ReceiverStream::new(requests)).await?;
        let mut wire = Self {
            out,
            input: response.into_inner(),
        };
        let answer = wire.next().await?;
        if let Response::Opened(opened) = &answer {
            return Ok((wire, opened.watermark));
        }
        let what = format!("session {session_id} was answered {answer:?} in place of its opening");
        Err(Status::failed_precondition(what))
    }

    /// Sends a batch.
    pub async fn send(&self, commands: Vec<SessionCommand>) -> Result<(), Status> {
        let batch = SessionBatch { commands };
        let request = SessionRequest {
            request: Some(session_request::Request::Batch(batch)),
        };
        let sent = self.out.send(request).await;
        sent.map_err(|_| Status::unavailable("the connection is gone"))
    }

    /// The next message but mere credit.
    pub async fn next(&mut self) -> Result<Response, Status> {
        loop {
            let message = self.input.message().await?;
            let message = message.ok_or_else(|| Status::unavailable("the stream has ended"))?;
            match message.response {
                Some(Response::Credit(_)) | None => {}
                Some(response) => return Ok(response),
            }
        }
    }
}
