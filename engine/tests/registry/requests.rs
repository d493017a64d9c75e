//! The duplicate group: how a retry is recognised (section 1).

use super::*;

impl Reference {
    /// `Ok(None)`: carry the body out.
    pub(in crate::reference) fn admit(
        &mut self,
        command: &Command,
    ) -> Result<Option<Duplicate>, RejectReason> {
        let envelope = &command.envelope;
        let stale = envelope.valid_until.is_some_and(|until| until < self.time);
        match envelope.identity {
            Identity::Internal => {}
            Identity::Session {
                session,
                client_sequence,
            } => {
                let session = self.sessions.get_mut(session.place());
                let session = session.filter(|known| known.principal == envelope.principal);
                let session = session.ok_or(RejectReason::UnknownSession)?;
                if client_sequence <= session.watermark {
                    return Ok(Some(Duplicate {
                        first_sequence: Sequence::ZERO,
                        watermark: session.watermark,
                    }));
                }
                if client_sequence > session.watermark + 1 {
                    return Err(RejectReason::SequenceGap);
                }
                session.watermark += 1;
            }
            Identity::Request(id) => return self.remember(command, id, stale),
        }
        if stale {
            return Err(RejectReason::StaleRequest);
        }
        Ok(None)
    }

    fn remember(
        &mut self,
        command: &Command,
        id: ClientId,
        stale: bool,
    ) -> Result<Option<Duplicate>, RejectReason> {
        let now = self.time;
        for _ in 0..8 {
            let expired = self.requests.iter().filter(|known| known.expires < now);
            let Some(oldest) = expired.map(|known| (known.expires, known.sequence)).min() else {
                break;
            };
            self.requests
                .retain(|known| (known.expires, known.sequence) != oldest);
        }
        let account = match &command.body {
            Body::NewOrder(order) => Some(order.account),
            Body::CancelOrder(cancel) => Some(cancel.account),
            Body::ReplaceOrder(replace) => Some(replace.account),
            Body::MassCancel(mass) => Some(mass.account),
            Body::Sales(command) => command.account(),
            Body::Contract(command) => command.account(),
            _ => None,
        };
        let principal = command.envelope.principal.index();
        let key = (
            account.is_some(),
            account.map_or(principal, AccountId::index),
            id,
        );
        let mut payload = command.clone();
        payload.envelope.identity = Identity::Internal;
        let short = i64::from(self.fault == Some(Fault::WindowShort));
        let from = now.after(Nanoseconds(short));
        if let Some(known) = self.requests.iter().find(|known| known.key == key) {
            if known.expires >= from && known.payload != payload {
                return Err(RejectReason::ClientOrderIdReused);
            }
            if known.expires >= from {
                return Ok(Some(Duplicate {
                    first_sequence: known.sequence,
                    watermark: 0,
                }));
            }
            self.requests.retain(|known| known.key != key);
        }
        if stale {
            return Err(RejectReason::StaleRequest);
        }
        let used = self.requests.len() as u32;
        let near = now.after(Nanoseconds(60 * 1_000_000_000));
        let long = command
            .envelope
            .valid_until
            .is_none_or(|until| until > near);
        let open = self.requests_max - self.requests_reserved;
        if used >= self.requests_max || (long && used >= open) {
            return Err(RejectReason::RequestWindowFull);
        }
        let window = now.after(Nanoseconds(48 * 3_600 * 1_000_000_000));
        self.requests.push(Request {
            key,
            payload,
            sequence: self.sequence,
            expires: command.envelope.valid_until.unwrap_or(window),
        });
        Ok(None)
    }
}
