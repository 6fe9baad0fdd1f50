//! Getting an answer from a backend that speaks the canonical contract over HTTP.
//!
//! ```text
//! canonical request ─ address (path, query, headers, body) ─ client (pool, total time, bounded answer)
//! canonical answer or error ◄─ classify (status, media type, JSON, problem) ◄┘
//! ```
//!
//! Nothing is asked twice and no redirect is followed. Left out, for a later step: TLS, retries,
//! a breaker, limits of attempts.

mod address;
mod classify;
mod client;
mod refusal;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tower::Service;

use crate::canonical::{Contract, ProblemCode, Request, Response};
use crate::error::Error;
use crate::upstream::address::{Address, Base};
use crate::upstream::client::Client;

/// What an operator says about one backend.
#[derive(Clone, Debug)]
pub struct Params {
    /// Its name in the configuration. For logs.
    pub name: Arc<str>,
    /// Where the contract's paths begin: `http://helpdesk.internal:8080/v1`.
    pub url: String,
    /// The gateway's own bearer token there.
    pub credential: SecretString,
    /// So long a call may take, from the first attempt to connect to the last byte of the answer.
    /// Default: 10 seconds.
    pub timeout: Duration,
    /// So long an attempt to connect may take. Default: 2 seconds.
    pub connect_timeout: Duration,
    /// Most bytes of an answer. Default: 16 MiB.
    pub max_answer_bytes: usize,
    /// So long an unused connection is kept; should be less than the backend keeps it. Default: 4
    /// seconds.
    pub pool_idle: Duration,
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
            credential,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(2),
            max_answer_bytes: 16 << 20,
            pool_idle: Duration::from_secs(4),
        }
    }
}

/// Why a backend cannot be used as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The address is none.
    #[error("not an address of the form http://host:port/path")]
    Url,
    /// The address asks for TLS.
    #[error("this build speaks http to backends only, not https")]
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
    authorization: HeaderValue,
    operations: Vec<Address>,
    client: Client,
}

impl Remote {
    /// A backend that is asked for the operations of `contract`.
    ///
    /// # Errors
    ///
    /// The parameters cannot be used. Nothing is connected yet.
    pub fn new(params: &Params, contract: &Contract) -> Result<Self, Unusable> {
        let base = Base::parse(&params.url)?;
        let token = format!("Bearer {}", params.credential.expose_secret());
        let mut authorization = HeaderValue::try_from(token).map_err(|_| Unusable::Credential)?;
        authorization.set_sensitive(true);
        let inner = Inner {
            name: Arc::clone(&params.name),
            base,
            authorization,
            operations: contract.operations().iter().map(Address::new).collect(),
            client: Client::new(params),
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
            async move { inner.ask(request).await }
        })
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }
}

impl Inner {
    async fn ask(&self, request: Request) -> Result<Response, Error> {
        let Some(address) = self.operations.get(usize::from(request.operation.0)) else {
            return Err(Error::from(ProblemCode::Internal).within("no such operation"));
        };
        let sent = address.request(&self.base, &self.authorization, &request)?;
        let result = match self.client.send(sent).await {
            Ok(answer) => classify::answer(address, answer),
            Err(failure) => Err(failure.into()),
        };
        result.map_err(|error| {
            let context = error.context().unwrap_or_default();
            let context = format!("upstream {}, {}: {context}", self.name, address.name);
            error.within(context)
        })
    }
}
