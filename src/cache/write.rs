//! Writing: past the store, to the end, and with the tags moved on both sides of it.
//!
//! The server drops a request whose client has left. A write that may have reached the backend is
//! not dropped with it: what it changed has to be forgotten.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

use crate::cache::epochs::Word;
use crate::cache::flight::lost;
use crate::cache::{Noted, Shared};
use crate::canonical::outcome::Why;
use crate::canonical::{OperationId, Outcome, Params, Payload, Request, Response, Tenant};
use crate::error::Error;

/// Carries out a write.
pub(super) fn run<S>(
    shared: &Arc<Shared>,
    inner: &S,
    request: Request,
) -> BoxFuture<'static, Result<Response, Error>>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    let outcome = Outcome::Bypass(Why::Write);
    let noted = Noted::new(&request);
    let task = carry_out(Arc::clone(shared), inner.clone(), request);
    Box::pin(async move {
        let result = tokio::spawn(task.in_current_span()).await;
        let response = result.map_err(|gone| lost().because(gone)).flatten();
        let response = response.map_err(|error| noted.failed(outcome, error))?;
        Ok(Response { outcome, ..response })
    })
}

async fn carry_out<S>(shared: Arc<Shared>, inner: S, request: Request) -> Result<Response, Error>
where
    S: Service<Request, Response = Response, Error = Error> + Send + 'static,
    S::Future: Send,
{
    let mut touched = Touched::new(shared, &request);
    touched.advance();
    let result = inner.oneshot(request).await;
    if let Ok(response) = &result {
        touched.learn(&response.payload);
    }
    // Dropping it moves the tags again, before the answer leaves.
    drop(touched);
    result
}

/// What a write touches. Moves its tags when it is dropped, however the write ended.
struct Touched {
    shared: Arc<Shared>,
    tenant: Tenant,
    operation: OperationId,
    params: Params,
    body: Bytes,
    /// `None` when they cannot be told: then everything.
    words: Option<Vec<Word>>,
}

impl Touched {
    fn new(shared: Arc<Shared>, request: &Request) -> Self {
        let (tenant, operation) = (request.tenant.clone(), request.operation);
        let (params, body) = (request.params.clone(), request.body.clone());
        let mut touched = Self { shared, tenant, operation, params, body, words: None };
        touched.words = touched.told(None);
        touched
    }

    /// Adds the names that the answer gives to what was written.
    fn learn(&mut self, payload: &Payload) {
        self.words = self.told(Some(payload));
    }

    fn told(&self, payload: Option<&Payload>) -> Option<Vec<Word>> {
        let facts = self.shared.facts(self.operation)?;
        let (epochs, body) = (&self.shared.epochs, Some(&*self.body));
        facts.moves(epochs, &self.tenant, &self.params, body, payload).ok()
    }

    fn advance(&self) {
        match &self.words {
            Some(words) => self.shared.epochs.advance(words),
            None => self.shared.epochs.advance_all(),
        }
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        self.advance();
    }
}
