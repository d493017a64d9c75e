//! What comes in at the desk: answers of the Session, reports of the stream, the book.
//!
//! Invariant: whichever of Session and stream brings an answer first counts it; the other only
//! adds what it alone knows. Not here: what is sent.

use proto::v1::{ExecType, SessionReport};

use crate::{
    client::connect::is_worth_a_retry,
    replay::{Gate, Passed},
};

use super::{
    Answer, BookUpdate, Desk, DeskError, ExecutionReport, Instant, LOOK, SessionError,
    SessionEvent, StreamExecutionsResponse, Told, Wanted, Watcher, has_ended,
};

/// Something that came in.
pub(super) enum Happened {
    Session(Option<SessionEvent>),
    Feed(Option<StreamExecutionsResponse>),
    Book(Option<BookUpdate>),
    Nothing,
}

impl<W: Watcher> Desk<W> {
    /// Waits for the next thing to come in, at most a second.
    pub(super) async fn next(&mut self) -> Happened {
        tokio::select! {
            event = self.session.events.recv() => Happened::Session(event),
            message = self.feed.recv() => Happened::Feed(message),
            update = self.book.recv(), if self.book_open => Happened::Book(update),
            () = tokio::time::sleep(LOOK) => Happened::Nothing,
        }
    }

    /// Waits until the line with this index, from 0, may pass the gate, taking in what comes.
    pub async fn admit(&mut self, gate: &mut Gate, index: u64) -> Result<(), DeskError> {
        self.tell(gate, index);
        while *gate.allowed.borrow_and_update() <= index {
            tokio::select! {
                changed = gate.allowed.changed() => {
                    let gone = |_| DeskError::Task("nobody holds the replay's gate".to_owned());
                    changed.map_err(gone)?;
                }
                happened = self.next() => {
                    self.take(happened).await?;
                    self.tell(gate, index);
                }
            }
        }
        self.tell(gate, index + 1);
        self.progress = Instant::now();
        Ok(())
    }

    fn tell(&self, gate: &Gate, lines: u64) {
        gate.passed.send_replace(Passed {
            lines,
            answered: self.summary.acknowledged,
        });
    }

    /// Waits for something and takes it in; an error when nothing was answered for too long.
    pub(super) async fn pump(&mut self) -> Result<(), DeskError> {
        let happened = self.next().await;
        self.take(happened).await?;
        let patience = self.connection.patience();
        if self.progress.elapsed() > patience * 2 {
            return Err(DeskError::Stalled(self.progress.elapsed().as_secs()));
        }
        Ok(())
    }

    pub(super) async fn take(&mut self, happened: Happened) -> Result<(), DeskError> {
        match happened {
            Happened::Session(Some(event)) => self.session_event(event),
            Happened::Session(None) => return Err(self.session_end().await),
            Happened::Feed(Some(message)) => self.feed_message(message),
            Happened::Feed(None) => {
                return Err(match (&mut self.feed_task).await {
                    Ok(Ok(())) => DeskError::Task("the stream of reports".to_owned()),
                    Ok(Err(error)) => DeskError::Follow(error),
                    Err(error) => DeskError::Task(error.to_string()),
                });
            }
            Happened::Book(Some(update)) => self.book_update(update),
            Happened::Book(None) => {
                self.book_open = false;
                let why = match (&mut self.book_task).await {
                    // A gateway that is gone ends the replay; it is no fault of the book.
                    Ok(Err(status)) if is_worth_a_retry(&status) => return Ok(()),
                    Ok(Err(status)) => status.message().to_owned(),
                    Ok(Ok(())) => "its task ended".to_owned(),
                    Err(error) => error.to_string(),
                };
                self.summary
                    .mismatch(|| format!("the book can be followed no more: {why}"));
            }
            Happened::Nothing => {}
        }
        Ok(())
    }

    /// Takes in what is there already, without waiting.
    pub(super) fn take_ready(&mut self) {
        while let Ok(event) = self.session.events.try_recv() {
            self.session_event(event);
        }
        while let Ok(message) = self.feed.try_recv() {
            self.feed_message(message);
        }
        while let Ok(update) = self.book.try_recv() {
            self.book_update(update);
        }
    }

    /// Why the Session ended.
    pub(super) async fn session_end(&mut self) -> DeskError {
        match (&mut self.session.task).await {
            Ok(Ok(())) => DeskError::Session(SessionError::Abandoned),
            Ok(Err(error)) => DeskError::Session(error),
            Err(error) => DeskError::Task(error.to_string()),
        }
    }

    fn book_update(&mut self, update: BookUpdate) {
        match &update.fault {
            None => self.summary.book_events += 1,
            Some(fault) => self.summary.mismatch(|| fault.to_string()),
        }
        self.watcher.book(update, &mut self.summary);
    }

    fn session_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Opened { connections, .. } => {
                self.summary.reconnects = u64::from(connections.saturating_sub(1));
                self.progress = Instant::now();
            }
            SessionEvent::Answers { answers, .. } => {
                self.progress = Instant::now();
                for answer in answers {
                    self.session_answer(&answer);
                }
            }
            SessionEvent::Settled(numbers) => {
                for number in numbers {
                    self.settled(number);
                }
            }
            // A replay's refused commands are sent again, so none is given up.
            SessionEvent::Refused(numbers) => self.summary.refused += numbers.len() as u64,
        }
    }

    fn session_answer(&mut self, answer: &Answer) {
        let report = &answer.report;
        let Some(name) = self.answered(answer.token, report.engine_sequence, report.reject_code)
        else {
            return;
        };
        if is_new(report)
            && let Some(known) = self.orders.get_mut(&name)
            && known.number == answer.token
        {
            known.pair = Some((report.order_sequence, report.order_slot));
        }
        self.forget(answer.token, Wanted::session_told);
    }

    /// Marks a command as answered; its order's name, while it is remembered.
    fn answered(&mut self, number: u64, engine_sequence: u64, reject_code: u32) -> Option<u64> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let sent = self.sent.get_mut(place)?;
        let name = sent.name;
        if !sent.answered {
            sent.answered = true;
            self.latencies.record(sent.intended.elapsed());
            self.unanswered -= 1;
            self.summary.acknowledged += 1;
            self.summary.durable(engine_sequence);
            self.watcher
                .answered(number, engine_sequence, &mut self.summary);
            if reject_code != 0 && sent.is_new {
                self.orders.remove(&name);
            }
        }
        Some(name)
    }

    /// The Session says that a command is durable and that its reports are lost.
    fn settled(&mut self, number: u64) {
        *self
            .summary
            .extra
            .entry("reports_refilled".to_owned())
            .or_insert(0) += 1;
        let place = number
            .checked_sub(self.first)
            .and_then(|place| usize::try_from(place).ok());
        let name = place.and_then(|place| self.sent.get(place)).map(|s| s.name);
        if let Some(known) = name.and_then(|name| self.orders.get_mut(&name))
            && known.number == number
        {
            known.lost = true;
        }
        self.forget(number, Wanted::session_told);
    }

    fn feed_message(&mut self, message: StreamExecutionsResponse) {
        if !message.reports.is_empty() {
            self.progress = Instant::now();
        }
        for report in message.reports {
            self.feed_report(&report);
        }
        self.feed_durable = self.feed_durable.max(message.durable_sequence);
    }

    fn feed_report(&mut self, report: &ExecutionReport) {
        let (first, sent) = (self.first, &self.sent);
        let ended = has_ended(report.order_status())
            .then(|| self.auditor.name(&report.order_id))
            .flatten();
        let told = self.auditor.take(report, |number| {
            let place = usize::try_from(number.checked_sub(first)?).ok()?;
            sent.get(place).map(|sent| sent.name)
        });
        if let Some(name) = ended {
            self.orders.remove(&name);
        }
        match told {
            Err(what) => self.summary.mismatch(|| what),
            Ok(Told::Nothing) => {}
            Ok(Told::Traded(trade)) => {
                self.summary.trades += 1;
                self.watcher.trade(&trade, &mut self.summary);
            }
            Ok(Told::Answered(number)) => {
                if !report.reject_reason.is_empty() {
                    self.summary.reject(&report.reject_reason);
                }
                let code = u32::from(!report.reject_reason.is_empty());
                self.answered(number, report.engine_sequence, code);
                self.forget(number, Wanted::stream_told);
            }
            Ok(Told::Accepted(number)) => {
                let name = self.answered(number, report.engine_sequence, 0);
                if let Some(known) = name.and_then(|name| self.orders.get_mut(&name)) {
                    known.text = Some(report.order_id.clone());
                }
                self.forget(number, Wanted::stream_told);
            }
        }
    }

    /// Marks a command; those that both Session and stream told about are forgotten.
    fn forget(&mut self, number: u64, mark: fn(Wanted) -> Wanted) {
        let place = number
            .checked_sub(self.first)
            .and_then(|place| usize::try_from(place).ok());
        if let Some(sent) = place.and_then(|place| self.sent.get_mut(place)) {
            sent.wanted = mark(sent.wanted);
        }
        while self
            .sent
            .front()
            .is_some_and(|sent| sent.wanted == Wanted::Nobody)
        {
            self.sent.pop_front();
            self.first += 1;
        }
    }
}

/// Whether the report is the acceptance of a new order.
fn is_new(report: &SessionReport) -> bool {
    report.exec_type() == ExecType::New
}
