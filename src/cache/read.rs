//! Reading: from the store, with others, or alone.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

use crate::cache::epochs::{Epoch, Word};
use crate::cache::flight::{Answer, Brought, Failure, Landed, Pilot, Seat, landing};
use crate::cache::freshness::Ages;
use crate::cache::key::Key;
use crate::cache::store::{Entry, Held};
use crate::cache::{Noted, Shared};
use crate::canonical::outcome::{Trouble, Why};
use crate::canonical::{
    Alone, OperationId, Outcome, Params, Payload, Request, Response, Seen, Tenant,
};
use crate::error::Error;

/// What the store says about a question.
pub(super) enum Look {
    /// An answer that may be given.
    Hit(Response),
    /// An answer that may be given while the backend is being asked.
    Stale(Response),
    /// Its answers cannot be stored: nobody should wait for another's.
    Alone(Alone),
    /// Nothing.
    Nothing,
}

impl Look {
    /// The hit, or what was seen in its place.
    pub(super) fn hit(self) -> Result<Response, Seen> {
        match self {
            Self::Hit(response) => Ok(response),
            Self::Stale(_) => Err(Seen::Unlooked),
            Self::Alone(mark) => Err(Seen::Alone(mark)),
            Self::Nothing => Err(Seen::Nothing),
        }
    }
}

/// Looks into the store. A hit allocates nothing.
pub(super) fn look(shared: &Shared, key: &[u8], may_be_old: impl FnOnce() -> bool) -> Look {
    let gone = shared.store.gone();
    let held = shared.store.peek(key);
    judged(shared, held, gone, Instant::now(), may_be_old)
}

/// What is held, judged; so many marks were `gone` before it was looked for.
pub(super) fn judged(
    shared: &Shared,
    held: Option<Held>,
    gone: u64,
    now: Instant,
    may_be_old: impl FnOnce() -> bool,
) -> Look {
    let Some(held) = held else { return Look::Nothing };
    let entry = match &held {
        Held::Answer(entry) => entry,
        Held::Alone(asked) if held.is_alone(now) => {
            return Look::Alone(Alone { asked: *asked, gone });
        }
        Held::Alone(_) => return Look::Nothing,
    };
    let age = entry.age(now);
    if let Some(hit) = entry.hit(&shared.epochs, age) {
        return Look::Hit(hit);
    }
    match entry.revalidating(&shared.epochs, age).filter(|_| may_be_old()) {
        Some(over) => Look::Stale(Response {
            payload: Arc::clone(&entry.payload),
            outcome: Outcome::Stale { over, trouble: None },
        }),
        None => Look::Nothing,
    }
}

/// Asks for what is old, for the next who want it; once, however many are given the old one.
pub(super) fn behind<S>(shared: &Arc<Shared>, inner: &S, request: Request, key: &Key)
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    if let Seat::Pilot(pilot, _) = shared.flights.board(key.bytes()) {
        let flight = fly(Arc::clone(shared), inner.clone(), request, pilot);
        tokio::spawn(flight.in_current_span());
    }
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
        let asked = ask(&shared, inner, request, &Named::Now(key), None).await;
        let asked = asked.map_err(|e| noted.failed(outcome, e))?;
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
        let key = Named::Now(key.bytes().into());
        settle(&shared, &key, noted, result, outcome).await
    })
}

/// Asks without waiting for anybody, because what others bring is for them alone.
pub(super) fn alone<S>(
    shared: &Arc<Shared>,
    inner: &S,
    request: Request,
    (backend, per_actor): (u64, bool),
    mark: Alone,
) -> BoxFuture<'static, Result<Response, Error>>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    let (shared, inner) = (Arc::clone(shared), inner.clone());
    Box::pin(async move {
        let noted = Noted::new(&request);
        let key = Named::Later { request: request.clone(), backend, per_actor };
        let asked = ask(&shared, inner, request, &key, Some(mark)).await;
        let outcome = match &asked {
            // It has changed its mind.
            Ok(Asked { stored: true, .. }) => Outcome::Miss { stored: true },
            _ => Outcome::Bypass(Why::HitForMiss),
        };
        settle(&shared, &key, noted, asked.map(|asked| asked.payload), outcome).await
    })
}

/// A question's key: at hand, or to be made where it is needed after all.
enum Named {
    Now(Arc<[u8]>),
    Later { request: Request, backend: u64, per_actor: bool },
}

impl Named {
    /// It. There is one for whatever was looked for in the store.
    fn key(&self) -> Option<Arc<[u8]>> {
        match self {
            Self::Now(key) => Some(Arc::clone(key)),
            Self::Later { request, backend, per_actor } => {
                Some(Key::new(request, *backend, *per_actor)?.bytes().into())
            }
        }
    }
}

/// The answer, or the old one that stands in for it where the backend fails.
async fn settle(
    shared: &Shared,
    key: &Named,
    noted: Noted,
    result: Result<Arc<Payload>, Error>,
    outcome: Outcome,
) -> Result<Response, Error> {
    let error = match result {
        Ok(payload) => return Ok(Response { payload, outcome }),
        Err(error) => error,
    };
    if noted.may_be_old
        && Failed::of(&error) == Failed::Backend
        && let Some(key) = key.key()
        && let Some(old) = in_its_place(shared, &key, &error).await
    {
        return Ok(old);
    }
    Err(noted.failed(outcome, error))
}

/// What is held although its time is over; what another has stored by now, if it has.
async fn in_its_place(shared: &Shared, key: &[u8], error: &Error) -> Option<Response> {
    let entry = shared.store.answer(key).await?;
    let age = entry.age(Instant::now());
    let outcome = match entry.fresh(&shared.epochs, age) {
        Some(left) => Outcome::Hit(left),
        None => {
            let over = entry.failing(&shared.epochs, age)?;
            let trouble = Trouble { code: error.problem().code, hop: error.known_hop() };
            Outcome::Stale { over, trouble: Some(trouble) }
        }
    };
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(
        code = error.problem().code.word(),
        context = error.context(),
        source,
        given = outcome.label(),
        "the backend failed; what was remembered is given"
    );
    Some(Response { payload: Arc::clone(&entry.payload), outcome })
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
        let waiter = match shared.flights.board(key.bytes()) {
            Seat::Pilot(pilot, waiter) => {
                let flight = fly(Arc::clone(shared), inner, request, pilot);
                tokio::spawn(flight.in_current_span());
                return match landing(waiter).await {
                    Ok(landed) => told(landed, false),
                    Err(error) => (Err(error), MISSED),
                };
            }
            Seat::Passenger(waiter) => waiter,
        };
        match tokio::time::timeout_at(patience, landing(waiter)).await {
            // What it brought is not for others, and the next flight's would not be either.
            Ok(Ok(landed)) if landed.is_private() => break,
            Ok(Ok(landed)) if landed.serves(&shared.epochs, since) => return told(landed, true),
            // A write ended after that flight had asked and before this request came: its writer
            // must see it. The next flight cannot be so old.
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return (Err(error), Outcome::Collapsed),
            Err(_elapsed) => break,
        }
    }
    let asked = ask(shared, inner, request, &Named::Now(key.bytes().into()), None).await;
    let stored = asked.as_ref().is_ok_and(|asked| asked.stored);
    (asked.map(|asked| asked.payload), Outcome::Miss { stored })
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
    if let Some(entry) = shared.store.answer(pilot.key()).await
        && let Some(left) = entry.fresh(&shared.epochs, entry.age(Instant::now()))
    {
        let found = Brought::Stored(left);
        let words = Some(entry.words.clone().into());
        let answer = Answer { payload: Arc::clone(&entry.payload), words, found };
        pilot.land(Landed { result: Ok(answer), epoch: entry.epoch });
        return;
    }
    let epoch = shared.epochs.now();
    let key = Named::Now(Arc::clone(pilot.key()));
    let result = match ask(&shared, inner, request, &key, None).await {
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

/// Asks the backend and stores the answer, if no write has overtaken it. `mark` is the one that says
/// that its answers cannot be stored, where there was one.
async fn ask<S>(
    shared: &Shared,
    inner: S,
    request: Request,
    key: &Named,
    mark: Option<Alone>,
) -> Result<Asked, Error>
where
    S: Service<Request, Response = Response, Error = Error> + Send + 'static,
    S::Future: Send,
{
    let (tenant, operation) = (request.tenant.clone(), request.operation);
    let params = request.params.clone();
    // Before the question is sent: whatever moves from here on may be missing in the answer.
    let (epoch, asked) = (shared.epochs.now(), Instant::now());
    let mut payload = match inner.oneshot(request).await {
        Ok(response) => response.payload,
        Err(error) => {
            if Failed::of(&error) == Failed::Refused
                && let Some(key) = key.key()
            {
                // What is held is no longer so, and must not come back when the backend fails.
                shared.store.forget(key, asked).await;
            }
            return Err(error);
        }
    };
    let question = Question { tenant: &tenant, operation, params: &params, epoch, asked };
    let Some(entry) = entry(shared, &question, &mut payload) else {
        // Each who asks alone would set the mark anew, which costs more than the look for it.
        let marked = mark.is_some_and(|mark| shared.store.is_marked(mark, Instant::now()));
        if let Some(key) = Some(key).filter(|_| !marked).and_then(Named::key) {
            shared.store.put(key, Held::Alone(asked)).await;
        }
        return Ok(Asked { payload, words: None, stored: false });
    };
    let words = Some(entry.words.clone().into());
    let stored = entry.fresh(&shared.epochs, entry.age(Instant::now())).is_some();
    let Some(key) = key.key() else { return Ok(Asked { payload, words, stored: false }) };
    if stored {
        shared.store.put(key, Held::Answer(Arc::new(entry))).await;
    } else {
        // Nobody is given something older after this one.
        shared.store.forget(key, asked).await;
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

/// What would be stored; `None` where the answer does not tell its tags, is too large, or is told by
/// the backend not to be stored.
fn entry(shared: &Shared, question: &Question<'_>, payload: &mut Arc<Payload>) -> Option<Entry> {
    if payload.no_store {
        return None;
    }
    let facts = shared.facts(question.operation)?;
    let about = facts.about(&shared.epochs, question.tenant, question.params, payload).ok()?;
    let params = &shared.params;
    let fresh = facts.ttl?.min(params.max_ttl);
    let ages = Ages {
        fresh,
        revalidating: fresh + facts.stale_while_revalidate.min(params.stale_while_revalidate),
        failing: fresh + facts.stale_if_error.min(params.stale_if_error),
    };
    let ages = ages.cut(about.until.iter().map(|t| &**t), (shared.wall)());
    let words = about.words;
    if shared.store.is_too_large(payload, &words) {
        return None;
    }
    if let Some(payload) = Arc::get_mut(payload) {
        payload.set_apart();
    }
    Some(Entry::new(Arc::clone(payload), question.asked, ages, question.epoch, words))
}

/// What a failure says about the answer that is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failed {
    /// The backend could not answer: what is held may stand in.
    Backend,
    /// It did answer, and something else.
    Refused,
    /// Nothing: it had no time, or the fault is ours.
    Otherwise,
}

impl Failed {
    fn of(error: &Error) -> Self {
        use crate::canonical::ProblemCode as P;
        match error.problem().code {
            P::UpstreamError | P::UpstreamInvalid | P::UpstreamTimeout | P::Unavailable => {
                Self::Backend
            }
            P::RateLimited | P::RequestTimeout | P::Internal => Self::Otherwise,
            _ => Self::Refused,
        }
    }
}
