//! `Sales`: kinds of parties, terms, offers and their stock.
//!
//! Invariant: what reached the engine is answered by a report, also when it is rejected; a list
//! looks at the engine in parts, so that nobody waits for the whole. Not here: who takes an offer
//! (`contracts`), the public stream (`fanout`).

use std::sync::Arc;

use engine::engine::{Campaign, Engine, Offer};
use engine::types::{AccountId, OfferId, PrincipalId, Sequence, TermsId, VenueId};
use proto::v1;
use proto::v1::sales_server::Sales;
use tonic::{Request, Response, Status};

use super::balances::{number, token};
use super::events::EventStream;
use super::executions::account;
use super::looks::look;
use super::market_data::venue;
use super::pages::{SIZE_MAX, page};
use super::{deals, discounts, operations};
use crate::admission::Payer;
use crate::errors::{Failure, Kind};
use crate::exchange::Exchange;
use crate::fanout::{From as Join, OFFERS_MAX, OwedOffer};
use crate::from_proto::{self, ChangeUnder, Deal, Fields, Prefix};
use crate::to_proto;

/// Without keys every caller is this principal.
const PRINCIPAL: PrincipalId = PrincipalId::LOCAL;
/// Rows of offers that one look at the engine passes: it takes some microseconds.
const ROWS_OF_LOOK: u32 = SIZE_MAX;
/// Looks of one page; a page that finds few of what is asked ends early and says where to go on.
const LOOKS_MAX: u32 = 64;

/// What a seller's command answers.
type Told = Result<Response<v1::OfferReport>, Status>;

/// The service.
#[derive(Clone)]
pub struct SalesService {
    exchange: Arc<Exchange>,
}

#[tonic::async_trait]
impl Sales for SalesService {
    async fn set_party_kind(
        &self,
        request: Request<v1::SetPartyKindRequest>,
    ) -> operations::Reported {
        Ok(operations::change(&self.exchange, request.get_ref()).await?)
    }

    async fn get_party_kind(
        &self,
        request: Request<v1::GetPartyKindRequest>,
    ) -> Result<Response<v1::GetPartyKindResponse>, Status> {
        let name = &request.get_ref().beneficial_owner_id;
        let owner = from_proto::owner_named(&self.exchange.directory.read(), name)?;
        let see = move |engine: &Engine| engine.sales().kind(owner);
        let (sequence, kind) = look(&self.exchange, Payer::Reader, see).await?;
        Ok(Response::new(v1::GetPartyKindResponse {
            kind: to_proto::party_kind(kind).into(),
            engine_sequence: sequence.value(),
        }))
    }

    async fn set_annual_use(
        &self,
        request: Request<v1::SetAnnualUseRequest>,
    ) -> operations::Reported {
        Ok(operations::change(&self.exchange, request.get_ref()).await?)
    }

    async fn get_annual_use(
        &self,
        request: Request<v1::GetAnnualUseRequest>,
    ) -> Result<Response<v1::GetAnnualUseResponse>, Status> {
        let request = request.get_ref();
        let asked = from_proto::annual_use(&self.exchange.directory.read(), request)?;
        let see = move |engine: &Engine| {
            let runs = engine.running_year();
            let year = asked.year.unwrap_or(runs);
            let used = engine.annual_use(asked.owner, year, asked.demonstration);
            let limits = engine.import_limits(asked.venue, asked.demonstration);
            let limits: Vec<_> = limits.filter(|_| year == runs).collect();
            (year, used, limits)
        };
        let (sequence, (year, used, limits)) = look(&self.exchange, Payer::Reader, see).await?;
        let tables = self.exchange.directory.read();
        let found = to_proto::annual_use(&tables.law, (sequence, year), used, &limits);
        Ok(Response::new(found))
    }

    async fn define_terms(&self, request: Request<v1::DefineTermsRequest>) -> operations::Reported {
        Ok(operations::change(&self.exchange, request.get_ref()).await?)
    }

    async fn get_terms(
        &self,
        request: Request<v1::GetTermsRequest>,
    ) -> Result<Response<v1::SaleTerms>, Status> {
        let tables = self.exchange.directory.read();
        let mut fields = Fields::new(&tables, Prefix::None);
        let id = from_proto::terms_handle(&mut fields, request.get_ref().terms);
        let id = fields.finish(id)?;
        let terms = tables.terms(id);
        let terms = terms.map(|terms| to_proto::sale_terms(&tables, id, terms));
        Ok(Response::new(terms.unwrap_or_default()))
    }

    async fn list_terms(
        &self,
        request: Request<v1::ListTermsRequest>,
    ) -> Result<Response<v1::ListTermsResponse>, Status> {
        let request = request.get_ref();
        let tables = self.exchange.directory.read();
        let venue = venue(&tables, &request.venue_id)?;
        let page = page(request.page_size, &request.page_token)?;
        let all = (0..).zip(tables.terms.iter());
        let wanted = all.filter(|(_, terms)| venue.is_none_or(|id| id == terms.venue));
        let (terms, next_page_token) = page.cut(wanted.map(|(handle, terms)| {
            let id = TermsId::new(handle);
            (handle, to_proto::sale_terms(&tables, id, terms))
        }));
        Ok(Response::new(v1::ListTermsResponse {
            terms,
            next_page_token,
        }))
    }

    async fn make_offer(&self, request: Request<v1::MakeOfferRequest>) -> Told {
        self.deal(request.get_ref()).await
    }

    async fn change_offer(&self, request: Request<v1::ChangeOfferRequest>) -> Told {
        let request = request.get_ref();
        let terms = self.terms_of(&request.offer_id).await?;
        self.deal(&ChangeUnder { request, terms }).await
    }

    async fn put_stock(&self, request: Request<v1::PutStockRequest>) -> Told {
        self.deal(request.get_ref()).await
    }

    async fn take_stock(&self, request: Request<v1::TakeStockRequest>) -> Told {
        self.deal(request.get_ref()).await
    }

    async fn withdraw_offer(&self, request: Request<v1::WithdrawOfferRequest>) -> Told {
        self.deal(request.get_ref()).await
    }

    async fn join_queue(&self, request: Request<v1::JoinQueueRequest>) -> operations::Reported {
        Ok(operations::change(&self.exchange, request.get_ref()).await?)
    }

    async fn get_ticket(
        &self,
        request: Request<v1::GetTicketRequest>,
    ) -> Result<Response<v1::QueueTicket>, Status> {
        let request = request.get_ref();
        let id = from_proto::offer_named(&request.offer_id)?;
        let holder = account(&self.exchange.directory.read(), &request.account_id)?;
        let see = move |engine: &Engine| engine.ticket(id, holder);
        let (sequence, found) = look(&self.exchange, Payer::Reader, see).await?;
        let (admitted, until) = found.ok_or_else(|| not_found(&request.offer_id))?;
        Ok(Response::new(v1::QueueTicket {
            admitted: Some(to_proto::timestamp(admitted)),
            until: Some(to_proto::timestamp(until)),
            engine_sequence: sequence.value(),
        }))
    }

    async fn bring_lottery_value(
        &self,
        request: Request<v1::BringLotteryValueRequest>,
    ) -> operations::Reported {
        Ok(operations::change(&self.exchange, request.get_ref()).await?)
    }

    async fn reveal_lottery_seed(
        &self,
        request: Request<v1::RevealLotterySeedRequest>,
    ) -> operations::Reported {
        Ok(operations::change(&self.exchange, request.get_ref()).await?)
    }

    async fn define_discount(
        &self,
        request: Request<v1::DefineDiscountRequest>,
    ) -> Result<Response<v1::DefineDiscountResponse>, Status> {
        Ok(discounts::define(&self.exchange, request.get_ref()).await?)
    }

    async fn get_discount(
        &self,
        request: Request<v1::GetDiscountRequest>,
    ) -> Result<Response<v1::GetDiscountResponse>, Status> {
        Ok(discounts::get(&self.exchange, request.get_ref()).await?)
    }

    async fn list_discounts(
        &self,
        request: Request<v1::ListDiscountsRequest>,
    ) -> Result<Response<v1::ListDiscountsResponse>, Status> {
        Ok(discounts::list(&self.exchange, request.get_ref()).await?)
    }

    async fn set_guarantee(
        &self,
        request: Request<v1::SetGuaranteeRequest>,
    ) -> operations::Reported {
        Ok(operations::change(&self.exchange, request.get_ref()).await?)
    }

    async fn get_guarantee(
        &self,
        request: Request<v1::GetGuaranteeRequest>,
    ) -> Result<Response<v1::Guarantee>, Status> {
        let request = request.get_ref();
        let key = from_proto::guarantee_named(request, &self.exchange.directory.read())?;
        let see = move |engine: &Engine| engine.guarantee(key).copied();
        let (sequence, found) = look(&self.exchange, Payer::Reader, see).await?;
        let tables = self.exchange.directory.read();
        let text = |units| to_proto::units_text(&tables, key.money, units);
        Ok(Response::new(v1::Guarantee {
            amount: text(found.map_or(0, |one| one.amount())),
            covering: text(found.map_or(0, |one| one.covering())),
            engine_sequence: sequence.value(),
            demonstration: tables.venue_is_demonstration(key.venue),
        }))
    }

    async fn get_offer(
        &self,
        request: Request<v1::GetOfferRequest>,
    ) -> Result<Response<v1::GetOfferResponse>, Status> {
        let name = &request.get_ref().offer_id;
        let id = from_proto::offer_named(name)?;
        let see = move |engine: &Engine| {
            let sales = engine.sales();
            let campaign = sales.campaign(id).cloned();
            Some((sales.offer(id)?.clone(), campaign))
        };
        let (sequence, found) = look(&self.exchange, Payer::Reader, see).await?;
        let (found, campaign) = found.ok_or_else(|| not_found(name))?;
        let tables = self.exchange.directory.read();
        Ok(Response::new(v1::GetOfferResponse {
            offer: Some(to_proto::offer(&tables, id, (&found, campaign.as_ref()))),
            engine_sequence: sequence.value(),
        }))
    }

    async fn list_offers(
        &self,
        request: Request<v1::ListOffersRequest>,
    ) -> Result<Response<v1::ListOffersResponse>, Status> {
        let request = request.get_ref();
        let wanted = {
            let tables = self.exchange.directory.read();
            Wanted {
                venue: venue(&tables, &request.venue_id)?,
                seller: match request.seller_account_id.as_str() {
                    "" => None,
                    name => Some(account(&tables, name)?),
                },
            }
        };
        let from = number(&request.page_token)?.unwrap_or(0);
        let limit = page(request.page_size, "")?.size;
        let (sequence, part) = self.walk(wanted, from, limit).await?;
        let tables = self.exchange.directory.read();
        let offers = part.found.iter();
        let offers = offers
            .map(|(id, offer, campaign)| to_proto::offer(&tables, *id, (offer, campaign.as_ref())));
        Ok(Response::new(v1::ListOffersResponse {
            offers: offers.collect(),
            engine_sequence: sequence.value(),
            next_page_token: token(part.next),
        }))
    }

    type StreamOffersStream = EventStream<v1::StreamOffersResponse>;

    async fn stream_offers(
        &self,
        request: Request<v1::StreamOffersRequest>,
    ) -> Result<Response<Self::StreamOffersStream>, Status> {
        let offers = owed(request.get_ref())?;
        let subscribed = self.exchange.feed.subscribe_offers(offers).await;
        let messages = subscribed.map_err(Failure::from)?;
        Ok(Response::new(EventStream::new(&self.exchange, messages)))
    }
}

/// Which offers.
#[derive(Clone, Copy)]
struct Wanted {
    venue: Option<VenueId>,
    seller: Option<AccountId>,
}

impl Wanted {
    fn has(self, engine: &Engine, offer: &Offer) -> bool {
        let at = || engine.sales().terms(offer.terms).map(|one| one.terms.venue);
        self.seller.is_none_or(|seller| seller == offer.seller)
            && self.venue.is_none_or(|venue| at() == Some(venue))
    }
}

/// A part of a walk over offers, and the row where it goes on.
struct Part {
    found: Vec<(OfferId, Offer, Option<Campaign>)>,
    next: Option<u32>,
}

impl SalesService {
    /// The service of this exchange.
    pub const fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    async fn deal(&self, request: &(impl Deal + Sync)) -> Told {
        let command = {
            let tables = self.exchange.directory.read();
            from_proto::deal(request, &tables, PRINCIPAL)?
        };
        let answered = deals::submit(&self.exchange, command).await?;
        Ok(Response::new(answered.offer(&self.exchange).await?))
    }

    /// The terms of an offer, also of one that has ended: its prices are read in their currency.
    async fn terms_of(&self, offer: &str) -> Result<TermsId, Failure> {
        let id = from_proto::offer_named(offer)?;
        let history = &self.exchange.history;
        history.catch_up().await?;
        let found = history.terms_of_offer(id)?;
        found.ok_or_else(|| not_found(offer))
    }

    /// Walks over offers from a row on, a part at a time.
    async fn walk(
        &self,
        wanted: Wanted,
        from: u32,
        limit: usize,
    ) -> Result<(Sequence, Part), Failure> {
        let (mut next, mut found) = (from, Vec::new());
        let mut looks = 0;
        loop {
            let room = limit - found.len();
            let see = move |engine: &Engine| part(engine, wanted, next, room);
            let (sequence, part) = look(&self.exchange, Payer::Reader, see).await?;
            found.extend(part.found);
            looks += 1;
            let Some(on) = part.next else {
                return Ok((sequence, Part { found, next: None }));
            };
            next = on;
            if found.len() == limit || looks == LOOKS_MAX {
                let next = Some(next);
                return Ok((sequence, Part { found, next }));
            }
        }
    }
}

/// What one look sees: at most `limit` offers among the next rows.
fn part(engine: &Engine, wanted: Wanted, from: u32, limit: usize) -> Part {
    let sales = engine.sales();
    let mut found = Vec::new();
    for (id, offer) in sales.offers_in(from, ROWS_OF_LOOK) {
        if found.len() == limit {
            let next = Some(id.slot);
            return Part { found, next };
        }
        if wanted.has(engine, offer) {
            found.push((id, offer.clone(), sales.campaign(id).cloned()));
        }
    }
    let end = from.saturating_add(ROWS_OF_LOOK);
    let next = (end < sales.offer_rows()).then_some(end);
    Part { found, next }
}

fn not_found(offer: &str) -> Failure {
    Failure::NotFound(Kind::Offer, offer.to_owned())
}

fn owed(request: &v1::StreamOffersRequest) -> Result<Vec<OwedOffer>, Failure> {
    let count = request.offers.len();
    if count == 0 || count > OFFERS_MAX {
        let right = format!("has {count} entries; 1 to {OFFERS_MAX} are right");
        return Err(Failure::field("offers", right));
    }
    let mut owed: Vec<OwedOffer> = Vec::with_capacity(count);
    let mut seen = std::collections::HashSet::new();
    for (place, wanted) in request.offers.iter().enumerate() {
        let offer = from_proto::offer_named(&wanted.offer_id)
            .map_err(|_| Failure::field(format!("offers[{place}].offer_id"), "is no offer's id"))?;
        if !seen.insert(offer) {
            let field = format!("offers[{place}].offer_id");
            return Err(Failure::field(field, "stands twice; once is right"));
        }
        let from = wanted.resume.map_or(Join::Snapshot, |resume| Join::Place {
            epoch: resume.epoch,
            seq: resume.seq,
        });
        owed.push(OwedOffer { of: offer, from });
    }
    Ok(owed)
}
