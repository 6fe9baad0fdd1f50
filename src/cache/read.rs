//! Reading: from the store, with others, or alone.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

use crate::cache::epochs::{Epoch, Word};
use crate::cache::flight::{Answer, Brought, Failure, Landed, Pilot, Seat, landing};
use crate::cache::key::Key;
use crate::cache::store::Entry;
use crate::cache::{Noted, Shared, freshness};
use crate::canonical::outcome::Why;
use crate::canonical::{OperationId, Outcome, Params, Payload, Request, Response, Tenant};
use crate::error::Error;

/// The stored answer, if it may still be given. Allocates nothing.
pub(super) fn hit(shared: &Shared, key: &Key) -> Option<Response> {
    let entry = shared.store.peek(key.bytes())?;
    let left = entry.fresh(&shared.epochs, Instant::now())?;
    Some(Response { payload: Arc::clone(&entry.payload), outcome: Outcome::Hit(left) })
}

/// Asks past the store; the answer is stored.
pub(super) fn fresh<S>(
    shared: &Arc<Shared>,
    inner: &S,
    request: Request,
    key: &Key,
) -> BoxFuture<'static, Result<Response, Error>>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    let outcome = Outcome::Bypass(Why::Fresh);
    let (shared, inner, key) = (Arc::clone(shared), inner.clone(), key.bytes().into());
    Box::pin(async move {
        let noted = Noted::new(&request);
        let asked =
            ask(&shared, inner, request, key).await.map_err(|e| noted.failed(outcome, e))?;
        Ok(Response { payload: asked.payload, outcome })
    })
}

/// Asks with whoever else wants the same.
pub(super) fn miss<S>(
    shared: &Arc<Shared>,
    inner: &S,
    request: Request,
    key: Key,
) -> BoxFuture<'static, Result<Response, Error>>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    let (shared, inner) = (Arc::clone(shared), inner.clone());
    Box::pin(async move {
        let noted = Noted::new(&request);
        let (result, outcome) = together(&shared, inner, request, &key).await;
        match result {
            Ok(payload) => Ok(Response { payload, outcome }),
            Err(error) => Err(noted.failed(outcome, error)),
        }
    })
}

type Told = (Result<Arc<Payload>, Error>, Outcome);

async fn together<S>(shared: &Arc<Shared>, inner: S, request: Request, key: &Key) -> Told
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    const MISSED: Outcome = Outcome::Miss { stored: false };
    let since = shared.epochs.now();
    let patience = Instant::now() + shared.params.flight_wait;
    loop {
        match shared.flights.board(key.bytes()) {
            Seat::Pilot(pilot, waiter) => {
                let flight = fly(Arc::clone(shared), inner, request, pilot);
                tokio::spawn(flight.in_current_span());
                return match landing(waiter).await {
                    Ok(landed) => told(landed, false),
                    Err(error) => (Err(error), MISSED),
                };
            }
            Seat::Passenger(waiter) => {
                match tokio::time::timeout_at(patience, landing(waiter)).await {
                    Ok(Ok(landed)) if landed.serves(&shared.epochs, since) => {
                        return told(landed, true);
                    }
                    // A write ended after that flight had asked and before this request came: its
                    // writer must see it. The next flight cannot be so old.
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return (Err(error), Outcome::Collapsed),
                    Err(_elapsed) => {
                        let asked = ask(shared, inner, request, key.bytes().into()).await;
                        let stored = asked.as_ref().is_ok_and(|asked| asked.stored);
                        return (asked.map(|asked| asked.payload), Outcome::Miss { stored });
                    }
                }
            }
        }
    }
}

fn told(landed: Landed, waited: bool) -> Told {
    match landed.result {
        Ok(answer) => {
            let outcome = match answer.found {
                Brought::Stored(left) => Outcome::Hit(left),
                Brought::Asked { .. } if waited => Outcome::Collapsed,
                Brought::Asked { stored } => Outcome::Miss { stored },
            };
            (Ok(answer.payload), outcome)
        }
        Err(failure) if waited => (Err(failure.error()), Outcome::Collapsed),
        Err(failure) => (Err(failure.error()), Outcome::Miss { stored: false }),
    }
}

/// The flight itself: in its own task, to its end.
async fn fly<S>(shared: Arc<Shared>, inner: S, request: Request, pilot: Pilot)
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    // Between this request's look into the store and its flight another may have landed.
    if let Some(entry) = shared.store.get(pilot.key()).await
        && let Some(left) = entry.fresh(&shared.epochs, Instant::now())
    {
        let found = Brought::Stored(left);
        let words = Some(entry.words.clone().into());
        let answer = Answer { payload: Arc::clone(&entry.payload), words, found };
        pilot.land(Landed { result: Ok(answer), epoch: entry.epoch });
        return;
    }
    let epoch = shared.epochs.now();
    let key = Arc::clone(pilot.key());
    let result = match ask(&shared, inner, request, key).await {
        Ok(Asked { payload, words, stored }) => {
            Ok(Answer { payload, words, found: Brought::Asked { stored } })
        }
        Err(error) => Err(Arc::new(Failure::new(error))),
    };
    pilot.land(Landed { result, epoch });
}

/// What the backend answered.
struct Asked {
    payload: Arc<Payload>,
    words: Option<Arc<[Word]>>,
    stored: bool,
}

/// Asks the backend and stores the answer, if no write has overtaken it.
async fn ask<S>(shared: &Shared, inner: S, request: Request, key: Arc<[u8]>) -> Result<Asked, Error>
where
    S: Service<Request, Response = Response, Error = Error> + Send + 'static,
    S::Future: Send,
{
    let (tenant, operation) = (request.tenant.clone(), request.operation);
    let params = request.params.clone();
    // Before the question is sent: whatever moves from here on may be missing in the answer.
    let (epoch, asked) = (shared.epochs.now(), Instant::now());
    let payload = inner.oneshot(request).await?.payload;
    let question = Question { tenant: &tenant, operation, params: &params, epoch, asked };
    let Some(entry) = entry(shared, &question, &payload) else {
        return Ok(Asked { payload, words: None, stored: false });
    };
    let words = Some(entry.words.clone().into());
    let stored = entry.fresh(&shared.epochs, Instant::now()).is_some();
    if stored {
        shared.store.put(key, Arc::new(entry)).await;
    }
    Ok(Asked { payload, words, stored })
}

struct Question<'a> {
    tenant: &'a Tenant,
    operation: OperationId,
    params: &'a Params,
    epoch: Epoch,
    asked: Instant,
}

/// What would be stored; `None` where the answer does not tell its tags.
fn entry(shared: &Shared, question: &Question<'_>, payload: &Arc<Payload>) -> Option<Entry> {
    let facts = shared.facts(question.operation)?;
    let about = facts.about(&shared.epochs, question.tenant, question.params, payload).ok()?;
    let ttl = facts.ttl?.min(shared.params.max_ttl);
    let ttl = freshness::cut(ttl, about.until.iter().map(|t| &**t), (shared.wall)());
    Some(Entry::new(Arc::clone(payload), question.asked, ttl, question.epoch, about.words))
}
