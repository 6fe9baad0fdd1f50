//! Canonical reads, remembered; and writes, which make them forgotten.
//!
//! ```text
//! read  ─ key ─ store ─ fresh and not overtaken ─────────────► hit
//!                 ├── old, not overtaken ── flight behind ───► stale
//!                 ├── flight: one question per key ─► store ─► miss (who asked), collapsed (who waited)
//!                 │     └── the backend fails, old is there ─► stale_error
//!                 └── not to be stored ─► alone ─────────────► bypass (hit-for-miss)
//! write ─ tags move ─ backend ─ tags move again ─────────────► bypass
//! ```
//!
//! The layer stands below the seam, so entries are canonical answers and every dialect shares them;
//! what a dialect made of an answer hangs on its [`crate::canonical::Payload`] and goes with it.
//! [`epochs`] keeps a read that a write overtook from being given, [`flight`] asks once for many,
//! [`store`] bounds the bytes, [`freshness`] the age. Left out: negative answers,
//! several replicas.

mod again;
mod changes;
mod elsewhere;
mod epochs;
mod facts;
mod flight;
mod freshness;
pub mod key;
mod pass;
mod read;
mod stats;
mod store;
mod walk;
mod write;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use futures_util::future::{BoxFuture, Either};
use tower::{Layer, Service};

use crate::cache::epochs::Epochs;
use crate::cache::facts::Facts;
use crate::cache::flight::Flights;
use crate::cache::key::Key;
use crate::cache::pass::Passing;
use crate::cache::read::Look;
use crate::cache::store::Store;
use crate::canonical::contract::Operation;
use crate::canonical::outcome::Why;
use crate::canonical::{
    AtHand, Contract, OperationId, Outcome, Payload, ProblemCode, ReadsAs, Request, Response, Seen,
    Standing, Tenant,
};
use crate::error::Error;
use crate::telemetry::record::Record;

pub use stats::Stats;
pub use store::Removal;

/// What an operator may say about the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Most bytes of answers and their renderings. Default: 256 MiB.
    pub max_bytes: u64,
    /// Whether anything is stored. Default: yes.
    pub enabled: bool,
    /// No answer is given again for longer, whatever the contract says. Default: one hour.
    pub max_ttl: Duration,
    /// No answer is given for longer than this after its time because the backend fails, whatever the
    /// contract says; zero is never. Default: five minutes.
    pub stale_if_error: Duration,
    /// No answer is given for longer than this after its time while the backend is being asked; zero
    /// is never. Default: one minute.
    pub stale_while_revalidate: Duration,
    /// So long a request waits for a flight that another began; then it asks by itself. Default:
    /// 10 seconds.
    pub flight_wait: Duration,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            enabled: true,
            max_ttl: Duration::from_secs(3_600),
            stale_if_error: Duration::from_secs(300),
            stale_while_revalidate: Duration::from_secs(60),
            flight_wait: Duration::from_secs(10),
        }
    }
}

/// Where writes are noted, before there is a cache.
#[derive(Debug)]
pub struct Table(Epochs);

impl Table {
    /// Two megabytes that nobody has touched yet take no memory. The allocator has such only as long as
    /// nothing of that size was freed: what it gives a second time it has to clear.
    #[must_use]
    pub fn new() -> Self {
        Self(Epochs::new())
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

/// The cache, as a layer over the backends.
#[must_use]
pub fn layer(table: Table, params: &Params, contract: &Contract) -> CacheLayer {
    CacheLayer::new(table, params, contract.operations(), Box::new(SystemTime::now))
}

/// The wall's time, for times inside answers.
type Wall = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// The cache, before it stands over something. Clones share the store.
#[derive(Clone, Debug)]
pub struct CacheLayer {
    shared: Arc<Shared>,
    view: Arc<View>,
}

/// What one generation of the configuration says; the store outlives it.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Whether anything is stored, or given out of the store.
    pub enabled: bool,
    /// Which backend a tenant's answers come from. A number stands for one backend for the life of
    /// the process, so nothing that another one answered is ever found again.
    pub backends: HashMap<Tenant, u64, foldhash::quality::RandomState>,
}

impl View {
    fn backend(&self, tenant: &Tenant) -> u64 {
        self.backends.get(tenant).copied().unwrap_or_default()
    }
}

struct Shared {
    params: Params,
    facts: Vec<Facts>,
    epochs: Epochs,
    store: Store,
    flights: Arc<Flights>,
    wall: Wall,
}

impl CacheLayer {
    fn new(Table(epochs): Table, params: &Params, operations: &[Operation], wall: Wall) -> Self {
        let stale = params.stale_if_error.max(params.stale_while_revalidate);
        let max_age = params.max_ttl.saturating_add(stale);
        let shared = Shared {
            params: params.clone(),
            facts: operations.iter().map(Facts::new).collect(),
            epochs,
            store: Store::new(params.max_bytes, max_age),
            flights: Arc::default(),
            wall,
        };
        let view = View { enabled: params.enabled, ..View::default() };
        Self { shared: Arc::new(shared), view: Arc::new(view) }
    }

    /// The same store, for another generation.
    #[must_use]
    pub fn seen(&self, view: View) -> Self {
        Self { shared: Arc::clone(&self.shared), view: Arc::new(view) }
    }

    /// What there is to measure.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::new(Arc::clone(&self.shared))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("params", &self.params).finish_non_exhaustive()
    }
}

impl Shared {
    fn facts(&self, operation: OperationId) -> Option<&Facts> {
        self.facts.get(usize::from(operation.0))
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cache<S>;

    fn layer(&self, inner: S) -> Cache<S> {
        Cache { shared: Arc::clone(&self.shared), view: Arc::clone(&self.view), inner }
    }
}

/// The cache over `S`. Always ready: `S` is cloned and waited for only where it is asked.
#[derive(Clone, Debug)]
pub struct Cache<S> {
    shared: Arc<Shared>,
    view: Arc<View>,
    inner: S,
}

/// An answer: at once on a hit, as the backend gives it where the cache is passed by, else a boxed
/// wait.
pub type Answering<S> = Either<
    std::future::Ready<Result<Response, Error>>,
    Either<Passing<S>, BoxFuture<'static, Result<Response, Error>>>,
>;

impl<S> Service<Request> for Cache<S>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Error;
    type Future = Answering<S>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Answering<S> {
        let shared = &self.shared;
        let Some(facts) = shared.facts(request.operation) else {
            let error = Error::from(ProblemCode::Internal).within("no such operation");
            return Either::Left(std::future::ready(Err(error)));
        };
        if !facts.safe {
            return Either::Right(Either::Right(write::run(shared, &self.inner, request)));
        }
        let past = match (self.view.enabled, facts.ttl) {
            (false, _) => Some(Why::Off),
            (true, None) => Some(Why::Uncacheable),
            (true, Some(_)) => None,
        };
        let seen = std::mem::take(&mut request.seen);
        let backend = || self.view.backend(&request.tenant);
        let key = match (past, &seen) {
            (None, Seen::Alone(mark)) if !request.fresh => {
                // Its key is hardly ever needed.
                let later = (backend(), facts.per_actor);
                let alone = read::alone(shared, &self.inner, request, later, *mark);
                return Either::Right(Either::Right(alone));
            }
            (None, _) => Key::new(&request, backend(), facts.per_actor).ok_or(Why::Uncacheable),
            (Some(why), _) => Err(why),
        };
        let key = match key {
            Ok(key) => key,
            Err(why) => {
                let passing = Passing::new(self.inner.clone(), request, why);
                return Either::Right(Either::Left(passing));
            }
        };
        if request.fresh {
            return Either::Right(Either::Right(read::fresh(shared, &self.inner, request, &key)));
        }
        let look = match seen {
            Seen::Nothing => Look::Nothing,
            _ => read::look(shared, key.bytes(), || may_be_old(&request)),
        };
        Either::Right(Either::Right(match look {
            Look::Hit(response) => return Either::Left(std::future::ready(Ok(response))),
            Look::Stale(response) => {
                read::behind(shared, &self.inner, request, &key);
                return Either::Left(std::future::ready(Ok(response)));
            }
            Look::Alone(mark) => {
                let later = (self.view.backend(&request.tenant), facts.per_actor);
                read::alone(shared, &self.inner, request, later, mark)
            }
            Look::Nothing => read::miss(shared, &self.inner, request, key),
        }))
    }
}

impl<S> AtHand for Cache<S> {
    /// A hit; what is old is not at hand, for it begins a question.
    fn at_hand(&self, request: &mut Request) -> Option<Result<Response, Error>> {
        if !self.may_hold(request) {
            return None;
        }
        let key = self.key(request)?;
        match read::look(&self.shared, key.bytes(), || may_be_old(request)).hit() {
            Ok(response) => Some(Ok(response)),
            Err(seen) => {
                request.seen = seen;
                None
            }
        }
    }

    fn again(&self, standing: &Standing, record: &Record) -> Result<Result<Response, Error>, Seen> {
        let question = standing.question();
        if !self.may_hold(question) {
            return Err(Seen::Unlooked);
        }
        self.found_again(standing, record.began(), || may_be_old(question)).map(Ok)
    }

    fn holds(
        &self,
        standing: &Standing,
        record: &Record,
        answer: &Weak<Payload>,
    ) -> Option<Outcome> {
        if !self.may_hold(standing.question()) {
            return None;
        }
        self.holds_still(standing, record.began(), answer).map(Outcome::Hit)
    }
}

impl<S> Cache<S> {
    fn may_hold(&self, request: &Request) -> bool {
        let kept = |facts: &Facts| facts.safe && facts.ttl.is_some();
        self.view.enabled
            && !request.fresh
            && self.shared.facts(request.operation).is_some_and(kept)
    }

    fn key(&self, request: &Request) -> Option<Key> {
        let facts = self.shared.facts(request.operation)?;
        Key::new(request, self.view.backend(&request.tenant), facts.per_actor)
    }
}

/// Whether an answer whose time is over may stand in for this request's. Not for the gateway's own
/// look-ups: who is asking is known from what is not old. Nor for whom the backend judges at every
/// read: what they may see may have changed.
fn may_be_old(request: &Request) -> bool {
    request.viewer.as_ref().is_some_and(|viewer| viewer.principal.reads_as == ReadsAs::Gateway)
}

/// What is said of a request that fails, and what may be given instead.
#[derive(Debug)]
struct Noted {
    /// Where it is noted what the cache did: an error carries no [`Outcome`]. The gateway's own
    /// look-ups are not noted, for the record is the client's.
    record: Option<Record>,
    may_be_old: bool,
}

impl Noted {
    fn new(request: &Request) -> Self {
        let record = request.viewer.is_some().then(|| request.record.clone());
        Self { record, may_be_old: may_be_old(request) }
    }

    fn failed(&self, outcome: Outcome, error: Error) -> Error {
        if let Some(record) = &self.record {
            record.cache(outcome);
        }
        error
    }
}
