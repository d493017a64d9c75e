//! `ListPostings` and `StreamPostings`: what moved on an account, from the history.
//!
//! Invariant: postings come as things happened, each once; what is read is what was written, so
//! past and live have no seam. An answer has everything that was acknowledged before the call. Not
//! here: rows (`projector::postings`), wire forms (`to_proto`).

use std::sync::Arc;

use engine::types::{AccountId, AssetId, Sequence, Time};
use proto::v1;
use tokio::sync::watch;
use tonic::Status;

use super::executions::{account, read};
use super::follow::{Piece, Source, Speak, Then, follow};
use super::pages;
use super::streams::Reader;
use crate::directory::Tables;
use crate::errors::Failure;
use crate::exchange::Exchange;
use crate::from_proto::{self, Fields, Prefix};
use crate::projector::postings::{PostingPlace, PostingRow};
use crate::projector::{Ending, PostingsPage, PostingsQuery, Progress};
use crate::to_proto;

/// The most postings of one message.
pub const POSTINGS_MAX: usize = 256;

/// Postings, then why they end.
pub type PostingsStream = Reader<v1::StreamPostingsResponse>;

/// A page of an account's postings, oldest first.
///
/// # Errors
/// Malformed, not found, or the history cannot be read.
pub async fn list(
    exchange: &Exchange,
    request: &v1::ListPostingsRequest,
) -> Result<v1::ListPostingsResponse, Status> {
    let query = query(&exchange.directory.read(), request)?;
    exchange.history.catch_up().await.map_err(Failure::from)?;
    let page = read(&exchange.history, move |history| history.postings(&query)).await?;
    Ok(v1::ListPostingsResponse {
        postings: wire(exchange, &page.postings),
        next_page_token: page
            .next
            .map_or_else(String::new, to_proto::posting_place_text),
    })
}

fn query(tables: &Tables, request: &v1::ListPostingsRequest) -> Result<PostingsQuery, Failure> {
    let mut fields = Fields::new(tables, Prefix::None);
    let account = fields.account("account_id", &request.account_id);
    let asset = if request.asset_id.is_empty() {
        Some(None)
    } else {
        let asset = fields.asset("asset_id", &request.asset_id);
        asset.map(Some)
    };
    let from_time = fields.time("from_time", request.from_time.as_ref());
    let until = fields.time("until_time", request.until_time.as_ref());
    let token = from_proto::posting_place(&mut fields, "page_token", &request.page_token);
    let (account, asset): (AccountId, Option<AssetId>) = fields.finish(account.zip(asset))?;
    let since = PostingPlace::since(from_time.unwrap_or(Time::ZERO));
    Ok(PostingsQuery {
        account,
        asset,
        from: token.map_or(since, |token| token.max(since)),
        until,
        limit: pages::page(request.page_size, "")?.size,
    })
}

fn wire(exchange: &Exchange, rows: &[PostingRow]) -> Vec<v1::Posting> {
    let tables = exchange.directory.read();
    let rows = rows.iter();
    rows.map(|row| to_proto::posting(&tables, row)).collect()
}

/// All postings of an account after a position, and those that come.
///
/// # Errors
/// Malformed, not found, too many streams.
pub async fn stream(
    exchange: &Arc<Exchange>,
    request: &v1::StreamPostingsRequest,
) -> Result<PostingsStream, Failure> {
    let (account, after, from_time) = {
        let tables = exchange.directory.read();
        let account = account(&tables, &request.account_id)?;
        let mut fields = Fields::new(&tables, Prefix::None);
        let text = &request.after_position;
        let after = from_proto::posting_place(&mut fields, "after_position", text);
        let from_time = fields.time("from_time", request.from_time.as_ref());
        let (after, from_time) = fields.finish(Some((after, from_time)))?;
        (account, after, from_time)
    };
    exchange.history.catch_up().await?;
    let busy = Failure::Busy("as many streams of postings, trades and reports are open as may be");
    let place = exchange.history.stream_place().ok_or(busy)?;
    let progress = exchange.history.watch();
    let follower = Follower {
        exchange: Arc::clone(exchange),
        account,
        since: from_time.map_or(PostingPlace::FIRST, PostingPlace::since),
        sent: after,
        fed: exchange.history.fed(),
        seen: exchange.history.progress(),
        progress,
    };
    Ok(follow(exchange, follower, place))
}

/// One stream of postings.
struct Follower {
    exchange: Arc<Exchange>,
    account: AccountId,
    /// Where the postings asked for begin.
    since: PostingPlace,
    /// The last one sent, or told by the consumer.
    sent: Option<PostingPlace>,
    /// How far the projector had been fed at the last look.
    fed: Sequence,
    /// How far it was then.
    seen: Progress,
    progress: watch::Receiver<Progress>,
}

impl Source for Follower {
    type Message = v1::StreamPostingsResponse;

    fn place(&self) -> (&'static str, String) {
        let after = self.sent.map(to_proto::posting_place_text);
        ("after_position", after.unwrap_or_default())
    }

    fn look(&mut self) {
        self.fed = self.exchange.history.fed();
        self.seen = *self.progress.borrow_and_update();
    }

    async fn read(&mut self, speak: Speak) -> Result<Piece<Self::Message>, Status> {
        let page = self.page().await?;
        let news = !page.postings.is_empty() || speak == Speak::Always;
        let message = news.then(|| self.message(&page));
        self.sent = page.postings.last().map(|row| row.place).or(self.sent);
        let then = Then::after(page.next.as_ref(), self.seen.ending);
        Ok(Piece { message, then })
    }

    async fn more(&mut self) {
        let seen = self.seen;
        let goes_on = |now: &Progress| now.posted > seen.posted || now.ending != Ending::Running;
        let _ = self.progress.wait_for(goes_on).await;
    }
}

impl Follower {
    async fn page(&self) -> Result<PostingsPage, Status> {
        let query = PostingsQuery {
            account: self.account,
            asset: None,
            from: self
                .sent
                .map_or(self.since, |sent| sent.next().max(self.since)),
            until: None,
            limit: POSTINGS_MAX,
        };
        read(&self.exchange.history, move |history| {
            history.postings(&query)
        })
        .await
    }

    fn message(&self, page: &PostingsPage) -> v1::StreamPostingsResponse {
        // Of the command to go on with some postings may have been sent, not all.
        let before_next = page
            .next
            .map(|next| Sequence::new(next.sequence.value().saturating_sub(1)));
        let projected = self.seen.projected;
        v1::StreamPostingsResponse {
            postings: wire(&self.exchange, &page.postings),
            durable_sequence: before_next
                .map_or(projected, |it| it.min(projected))
                .value(),
            caught_up: page.next.is_none() && projected >= self.fed,
        }
    }
}
