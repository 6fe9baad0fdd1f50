//! Getting an answer from a backend that speaks the canonical contract over HTTP.
//!
//! ```text
//! canonical request ─ address ─ deadline ─ retry ─ breaker ─ attempt ─ client (pool, bounded answer)
//!                                                                        │
//! canonical answer or error ◄─ classify (status, media type, JSON, problem) ◄┘
//! ```
//!
//! What is sent twice is what changes nothing, or what was not sent at all. No redirect is followed.

mod address;
mod classify;
mod client;
mod connect;
mod file;
mod hop;
mod pool;
mod refusal;
pub mod resilience;
mod room;
mod sent;
mod status;
pub mod tls;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tower::Service;

use crate::canonical::{Contract, ProblemCode, Request, Response, Upload};
use crate::error::Error;
use crate::upstream::address::{Address, Base, Letterhead};
use crate::upstream::classify::{Trouble, Verdict};
use crate::upstream::client::{Client, Failure, Received};
use crate::upstream::resilience::Signals;
use crate::upstream::resilience::attempt::{Limit, Patience};
use crate::upstream::resilience::breaker::{Breaker, State};
use crate::upstream::resilience::deadline::Deadline;
use crate::upstream::resilience::retry::Retry;
use crate::upstream::sent::Sent;
use crate::upstream::tls::Tls;

pub use classify::REASONS;

/// What an operator says about one backend.
#[derive(Clone, Debug)]
pub struct Params {
    /// Its name in the configuration. For logs.
    pub name: Arc<str>,
    /// Where the contract's paths begin: `https://helpdesk.internal/v1`. Without TLS only where
    /// `http://` is written.
    pub url: String,
    /// What `https://` needs.
    pub tls: Option<Tls>,
    /// The gateway's own bearer token there.
    pub credential: SecretString,
    /// So long a call may take, its retries included, from the first attempt to connect to the last
    /// byte of the answer. Default: 10 seconds.
    pub timeout: Duration,
    /// So long an attempt to connect may take. Default: 2 seconds.
    pub connect_timeout: Duration,
    /// Most bytes of an answer. Default: 16 MiB.
    pub max_answer_bytes: usize,
    /// So long an unused connection is kept; should be less than the backend keeps it. Default: 4
    /// seconds.
    pub pool_idle: Duration,
    /// What is done about trouble.
    pub resilience: resilience::Params,
    /// Who counts it.
    pub signals: Arc<dyn Signals>,
}

impl Params {
    /// The defaults, for a backend at `url`.
    #[must_use]
    pub fn new(
        name: impl Into<Arc<str>>,
        url: impl Into<String>,
        credential: SecretString,
    ) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            tls: None,
            credential,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(2),
            max_answer_bytes: 16 << 20,
            pool_idle: Duration::from_secs(4),
            resilience: resilience::Params::default(),
            signals: Arc::new(resilience::Unheard),
        }
    }
}

/// Why a backend cannot be used as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The address is none.
    #[error("not an address of the form https://host:port/path")]
    Url,
    /// The address asks for TLS, and there is none; or the other way round.
    #[error("https:// goes with TLS, and http:// without")]
    Tls,
    /// The address carries a user name, a query or a fragment.
    #[error("the address of a backend has no user name, query or fragment")]
    Extras,
    /// The credential cannot stand in a header.
    #[error("the credential has characters that cannot stand in a header")]
    Credential,
}

/// A backend. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    base: Base,
    head: Letterhead,
    operations: Vec<Address>,
    client: Client,
    timeout: Duration,
    retry: Retry,
    breaker: Breaker,
    tally: Tally,
}

/// Since the start.
#[derive(Debug, Default)]
struct Tally {
    calls: AtomicU64,
    attempts: AtomicU64,
}

impl Remote {
    /// A backend that is asked for the operations of `contract`.
    ///
    /// # Errors
    ///
    /// The parameters cannot be used. Nothing is connected yet.
    pub fn new(params: &Params, contract: &Contract) -> Result<Self, Unusable> {
        let base = Base::parse(&params.url)?;
        if base.is_tls() != params.tls.is_some() {
            return Err(Unusable::Tls);
        }
        let token = format!("Bearer {}", params.credential.expose_secret());
        let mut authorization = HeaderValue::try_from(token).map_err(|_| Unusable::Credential)?;
        authorization.set_sensitive(true);
        let inner = Inner {
            name: Arc::clone(&params.name),
            client: Client::new(params, base.origin()),
            head: Letterhead::new(&base, authorization),
            base,
            operations: contract.operations().iter().map(Address::new).collect(),
            timeout: params.timeout,
            retry: Retry::new(&params.resilience, Arc::clone(&params.signals)),
            breaker: Breaker::new(
                Arc::clone(&params.name),
                params.resilience.breaker,
                Arc::clone(&params.signals),
            ),
            tally: Tally::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// It as a canonical service, always ready. Its future has no box: whoever keeps backends of
    /// several kinds needs one around whatever counts their calls as well.
    pub fn service(
        self,
    ) -> impl Service<Request, Response = Response, Error = Error, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static {
        tower::service_fn(move |request| {
            let inner = Arc::clone(&self.0);
            async move { inner.ask(&request).await }
        })
    }

    /// How it is, for operators: breaker, retries, attempts. No text of the backend is in it.
    #[must_use]
    pub fn status(&self) -> serde_json::Value {
        status::json(&self.0)
    }

    /// Whether it is left alone at present, because it fails.
    #[must_use]
    pub fn is_left_alone(&self) -> bool {
        self.0.breaker.seen().state == State::Open
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }
}

impl Inner {
    async fn ask(&self, request: &Request) -> Result<Response, Error> {
        let Some(address) = self.operations.get(usize::from(request.operation.0)) else {
            return Err(Error::from(ProblemCode::Internal).within("no such operation"));
        };
        self.tally.calls.fetch_add(1, Ordering::Relaxed);
        let mut now = Instant::now();
        let client = request.record.deadline();
        let Some(deadline) = Deadline::begin(now, self.timeout, client, address.safe) else {
            let error = Error::from(ProblemCode::UpstreamTimeout);
            return Err(self.blamed(address, error.within("not asked: the client's time is over")));
        };
        let mut round = self.retry.begin(address.safe, deadline, now);
        loop {
            // Anew each time: an attempt has its own place in the trace.
            let mut sent = address.request(&self.base, &self.head, request)?;
            let patience = Patience::new(deadline, round.attempt(), now);
            let upload = request.upload.as_ref();
            let trouble = match self.attempt(address, &mut sent, patience, upload).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            let Some(pause) = round.again(&trouble) else {
                return Err(self.blamed(address, trouble.error));
            };
            request.record.upstream_retried();
            // Boxed: hardly a call is repeated.
            Box::pin(tokio::time::sleep(pause)).await;
            now = Instant::now();
        }
    }

    async fn attempt(
        &self,
        address: &Address,
        sent: &mut http::Request<Sent>,
        patience: Patience,
        upload: Option<&Upload>,
    ) -> Result<Response, Trouble> {
        let pass = self.breaker.enter()?;
        self.tally.attempts.fetch_add(1, Ordering::Relaxed);
        let received = match upload {
            // Boxed: hardly a request is one.
            Some(file) => {
                let endless = Patience::endless(patience.since);
                let exchange = self.client.exchange(sent, address.binary, &endless);
                Box::pin(self.sending(file, exchange)).await
            }
            None => self.client.exchange(sent, address.binary, &patience).await,
        };
        let now = match &received {
            Ok(Received::Whole(answer)) => answer.at,
            _ => Instant::now(),
        };
        let result = match received {
            Ok(Received::Whole(answer)) => classify::answer(address, answer),
            Ok(Received::File(status, headers, body)) => {
                file::answer(status, &headers, body, self.timeout).map_err(classify::outside)
            }
            // Whoever sends the file left off, which says nothing of the backend.
            Err(_) if upload.is_some_and(Upload::is_broken) => Err(classify::left_off()),
            Err(failure) => Err(failure.into()),
        };
        let kind = result.as_ref().err().map(|trouble| trouble.kind);
        pass.ended(kind.map_or(Verdict::Success, classify::Kind::verdict), kind, now);
        result
    }

    /// Waits for an exchange that sends a file: as long as the file comes, and then the usual time.
    /// How long it may come is for whoever receives it to say.
    async fn sending(
        &self,
        file: &Upload,
        exchange: impl Future<Output = Result<Received, Failure>>,
    ) -> Result<Received, Failure> {
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            biased;
            received = &mut exchange => return received,
            () = file.over() => {}
        }
        let answer = tokio::time::timeout(self.timeout, exchange).await;
        answer.map_err(|_elapsed| Failure::Timeout(Limit::Call)).flatten()
    }

    fn blamed(&self, address: &Address, error: Error) -> Error {
        let context = error.context().unwrap_or_default();
        let context = format!("upstream {}, {}: {context}", self.name, address.name);
        error.within(context)
    }
}
