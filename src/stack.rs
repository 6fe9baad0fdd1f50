//! The request path. Read it top to bottom: a request meets the layers in this order, its answer
//! meets them in reverse. Each line is a module of the same name.
//!
//! A reload builds all of it anew and puts it into `server::Current`; a request goes down the one it
//! met, and holds it to its last byte. So no layer knows of reloads.
//!
//! Rules, each found by breaking it:
//! - **One error type**, [`Error`]: an alias of `Box<dyn Error>` does not compile once the service
//!   is spawned.
//! - **`poll_ready` is always ready.** A limit refuses or waits inside `call`, where the record, the
//!   deadline and the cache already are. With forwarded readiness a cache hit hangs behind a full
//!   backend. So no `Buffer`, no `tower::limit`.
//! - **Boxed where something is waited for**: at the seam, and below the cache ([`Upstream`]). What is
//!   at hand ([`AtHand`]) is answered inside `call`, so a hit has no future but a small one.
//! - **No `http::Extensions` for our own facts**: `recognise` makes a [`Call`], `auth` an
//!   [`Authorised`] one; a layer in the wrong place does not type-check.
//! - **A write once sent runs to its end in its own task**: hyper drops a request whose client
//!   leaves, and the invalidation after the write would be lost.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use foldhash::fast::RandomState;
use futures_util::future::{BoxFuture, Either, Ready, ready};
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body::Body;
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::auth::{self, keyring::Keyring};
use crate::cache::CacheLayer;
use crate::call::lines::Line;
use crate::call::{Authorised, Call};
use crate::canonical::{
    Actor, AtHand, Contract, Links, Outcome, Payload, ProblemCode, Request, Response, Seen,
    Standing, Tenant,
};
use crate::dialect::catalog::Catalog;
use crate::error::Error;
use crate::forwarded::{Arrived, Proxies, household};
use crate::limit;
use crate::telemetry::record::Record;
use crate::telemetry::{self, Metrics};
use crate::translate::credentials::LookUps;
use crate::translate::{self, Answer};
use crate::upstream::REASONS;
use crate::upstream::resilience::Signals;
use crate::upstream::resilience::breaker::State;

/// The media type of forms with files.
const FORM: &[u8] = b"multipart/form-data";

/// What each layer of one generation is made of.
#[derive(Debug)]
pub struct Parts {
    /// The dialects.
    pub catalog: Arc<Catalog>,
    /// The contract; the same for the life of the process.
    pub contract: Arc<Contract>,
    /// Whose forwarding headers are believed.
    pub proxies: Proxies,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Credentials.
    pub keyring: Arc<Keyring>,
    /// The cache's store, as this generation's backends may use it.
    pub cache: CacheLayer,
    /// The rate limiter's memory.
    pub rate: limit::RateLayer,
    /// How many requests are in flight, those of earlier generations among them.
    pub in_flight: limit::InFlight,
    /// Of `telemetry`.
    pub telemetry: telemetry::Params,
    /// Of `limit`.
    pub limit: limit::Params,
    /// Of `translate`.
    pub translate: Arc<translate::Params>,
}

/// What a client talks to.
pub fn inbound<B>(
    p: &Parts,
    upstreams: Upstreams,
) -> impl Service<Arrived<B>, Response = Answer, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static
+ use<B>
where
    B: Body<Data = Bytes, Error: fmt::Display> + Send + 'static,
{
    // Below the seam, so that every dialect shares one entry per conversation.
    let canonical = ServiceBuilder::new()
        .layer(auth::visible(Arc::clone(&p.contract))) // hits included
        .layer(telemetry::cache::layer(&p.metrics, Arc::clone(&p.contract)))
        .layer(p.cache.clone())
        .service(upstreams); // by tenant; asked on a miss only
    let canonical = Shared(Arc::new(canonical));
    // A credential's look-ups go through the same cache as everything else.
    let resolve = LookUps::new(Arc::clone(&p.translate), canonical.clone());
    ServiceBuilder::new()
        // Outermost: one id, one access line, one count per request, refusals included.
        .layer(telemetry::layer(Arc::clone(&p.metrics), &p.telemetry, p.proxies.clone()))
        // Before anything can fail: failures are written in the client's dialect.
        .layer(translate::recognise::layer(Arc::clone(&p.catalog), p.proxies.clone()))
        // A widget must be able to read a refusal too, so it stands above `rescue`.
        .layer(translate::cors::layer())
        // The only place where an error becomes a response; Infallible above it.
        .layer(translate::rescue::layer())
        // Nothing is done for a request that is for no host, or for two.
        .layer(translate::authority::layer())
        // Whoever guesses at credentials is stopped here.
        .layer(p.rate.by_address())
        // Cheap refusals first.
        .layer(limit::admission(&p.limit, &p.in_flight))
        .layer(auth::layer(Arc::clone(&p.keyring), resolve))
        // Needs the principal, so it cannot be merged with `admission`.
        .layer(p.rate.clone())
        // The seam. Above: a dialect. Below: canonical.
        .layer(translate::inbound::layer(Arc::clone(&p.translate)))
        .service(canonical)
}

/// A backend: the sandbox or a remote one. Shared, because a clone of a boxed service is a box.
#[derive(Clone)]
pub struct Upstream(Arc<dyn Fn(Request, Option<Arc<Links>>) -> Asking + Send + Sync>);

/// A backend being asked.
pub type Asking = BoxFuture<'static, Result<Response, Error>>;

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

/// Counts what `upstream` does about the backend of this name.
#[must_use]
pub fn signals(metrics: &Metrics, name: &str) -> Arc<dyn Signals> {
    Arc::new(Heard(telemetry::upstream::Trouble::new(metrics, name, REASONS)))
}

/// What a backend's trouble is counted with.
#[derive(Debug)]
struct Heard(telemetry::upstream::Trouble);

impl Signals for Heard {
    fn retried(&self, reason: &'static str) {
        self.0.retried(reason);
    }

    fn out_of_budget(&self) {
        self.0.out_of_budget();
    }

    fn kept_away(&self) {
        self.0.kept_away();
    }

    fn breaker(&self, state: State) {
        self.0.breaker(state.word(), state.number());
    }
}

/// The backends, by tenant.
#[derive(Clone, Debug)]
pub struct Upstreams(Arc<HashMap<Tenant, Home, RandomState>>);

/// A tenant's backend, and where the gateway has its files.
pub type Home = (Upstream, Option<Arc<Links>>);

impl Upstreams {
    /// Each tenant's backend, every call counted under its name, and where the tenant's files are.
    #[must_use]
    pub fn new(by_tenant: impl IntoIterator<Item = (Tenant, Home)>) -> Self {
        Self(Arc::new(by_tenant.into_iter().collect()))
    }
}

/// Any backend as one of [`Upstreams`], its calls counted under `name`.
pub fn upstream<S>(metrics: &Metrics, contract: &Arc<Contract>, name: &str, service: S) -> Upstream
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let counted = telemetry::upstream::layer(metrics, Arc::clone(contract), Arc::from(name));
    let service = ServiceBuilder::new().layer(counted).service(service);
    Upstream(Arc::new(move |request, links| {
        let service = service.clone();
        // Asked inside the box: what is large of it begins there, and is not moved into it.
        Box::pin(async move { Ok(linked(service.oneshot(request).await?, links.as_deref())) })
    }))
}

/// The answer with the gateway's own links in the place of the backend's. Below the cache: what is
/// kept has them already, and two tenants of one backend have each their own.
fn linked(mut response: Response, links: Option<&Links>) -> Response {
    let made = links.and_then(|links| links.rewritten(&response.payload.body));
    let Some(body) = made else { return response };
    match Arc::get_mut(&mut response.payload) {
        // Nobody else has it yet.
        Some(payload) => payload.rewrite(body),
        None => response.payload = Arc::new(response.payload.rewritten(body)),
    }
    response
}

impl Service<Request> for Upstreams {
    type Response = Response;
    type Error = Error;
    type Future = Either<Asking, Ready<Result<Response, Error>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.0.get(&request.tenant) {
            Some((upstream, links)) => Either::Left(upstream.0(request, links.clone())),
            None => Either::Right(ready(Err(
                Error::from(ProblemCode::Internal).within("a mount's tenant has no upstream")
            ))),
        }
    }
}

/// What lies below the seam, cloned as one: a request that is answered at once asks it as it stands.
#[derive(Debug)]
struct Shared<S>(Arc<S>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: AtHand> AtHand for Shared<S> {
    fn at_hand(&self, request: &mut Request) -> Option<Result<Response, Error>> {
        self.0.at_hand(request)
    }

    fn again(&self, standing: &Standing, record: &Record) -> Result<Result<Response, Error>, Seen> {
        self.0.again(standing, record)
    }

    fn holds(
        &self,
        standing: &Standing,
        record: &Record,
        answer: &Weak<Payload>,
    ) -> Option<Outcome> {
        self.0.holds(standing, record, answer)
    }
}

impl<S: Service<Request> + Clone> Service<Request> for Shared<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> S::Future {
        S::clone(&self.0).call(request)
    }
}

impl<B> limit::Subject for Call<B> {
    fn content_length(&self) -> Option<u64> {
        if !self.lines.has(Line::ContentLength) {
            return None;
        }
        self.head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    fn has_files(&self) -> bool {
        let form = |value: &HeaderValue| {
            let start = value.as_bytes().get(..FORM.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(FORM))
        };
        self.lines.has(Line::ContentType)
            && self.route().is_some_and(|(route, _)| route.files.is_some())
            && self.head.headers.get(CONTENT_TYPE).is_some_and(form)
    }

    fn rate_key(&self) -> Option<&Arc<str>> {
        None
    }

    fn address(&self) -> Option<IpAddr> {
        Some(household(self.client))
    }

    fn record(&self) -> &Record {
        &self.record
    }
}

impl<B> limit::Subject for Authorised<B> {
    fn content_length(&self) -> Option<u64> {
        self.call.content_length()
    }

    fn has_files(&self) -> bool {
        self.call.has_files()
    }

    fn rate_key(&self) -> Option<&Arc<str>> {
        // Contacts share a credential's name, but not each other's share.
        match &self.principal.actor {
            Actor::ContactIdentity(identity) => Some(identity),
            _ => Some(&self.principal.name),
        }
    }

    fn address(&self) -> Option<IpAddr> {
        self.call.address()
    }

    fn record(&self) -> &Record {
        &self.call.record
    }
}
