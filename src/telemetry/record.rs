//! What inner layers learn about a request and the outermost one writes down.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;

use crate::canonical::Outcome;
use crate::telemetry::request_id::RequestId;
use crate::telemetry::trace::Trace;

/// Notes on one request, shared by every layer it passes. Values are names from closed sets
/// (dialects, routes, reasons), never something a client sent.
#[derive(Clone, Debug, Default)]
pub struct Record(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    request_id: RequestId,
    trace: OnceLock<Trace>,
    began: Option<Instant>,
    arrived: AtomicBool,
    deadline: OnceLock<Instant>,
    route: OnceLock<(Arc<str>, Arc<str>)>,
    principal: OnceLock<Arc<str>>,
    cache: OnceLock<Outcome>,
    refused: OnceLock<&'static str>,
    upstream_nanos: AtomicU64,
    upstream_calls: AtomicU32,
    upstream_retries: AtomicU32,
    files: AtomicU32,
    file_bytes: AtomicU64,
    mapping: Mutex<MappingEvents>,
}

/// What mappings did in one request; a few kinds of it need no memory of their own.
pub type MappingEvents = SmallVec<[MappingEvent; 4]>;

/// Something that a mapping did with a value and that somebody may want to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingEvent {
    /// The record or route whose rule it was.
    pub record: Arc<str>,
    /// `folded`, `defaulted`, `unknown` or `unseen`.
    pub kind: &'static str,
    /// How often in this request.
    pub count: u32,
}

impl Record {
    /// A blank record of the request known by this id, and by this trace if a client named one,
    /// whose head was here at `began`.
    #[must_use]
    pub fn new(request_id: RequestId, trace: Option<Trace>, began: Instant) -> Self {
        let trace = trace.map_or_else(OnceLock::new, OnceLock::from);
        Self(Arc::new(Inner { request_id, trace, began: Some(began), ..Inner::default() }))
    }

    /// When its head was here. On a record that no request began: now.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.0.began.unwrap_or_else(Instant::now)
    }

    /// The request's id, to be given on to a backend as `X-Request-Id`. Empty on a record that no
    /// request began.
    #[must_use]
    pub fn request_id(&self) -> &RequestId {
        &self.0.request_id
    }

    /// The trace the request belongs to, begun here where no client named one and somebody wants to
    /// know; [`Trace::child`] is what a backend is told.
    #[must_use]
    pub fn trace(&self) -> Trace {
        *self.0.trace.get_or_init(Trace::generate)
    }

    /// The whole request is here, body included: from now on nobody waits for the client.
    pub fn arrived(&self) {
        self.0.arrived.store(true, Ordering::Relaxed);
    }

    /// Whether the whole request is here.
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        self.0.arrived.load(Ordering::Relaxed)
    }

    /// Nobody waits for the answer after this instant.
    pub fn until(&self, deadline: Instant) {
        let _ = self.0.deadline.set(deadline);
    }

    /// When nobody waits any longer, where that is known.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline.get().copied()
    }

    /// Which dialect and route claimed the request.
    pub fn route(&self, dialect: Arc<str>, route: Arc<str>) {
        let _ = self.0.route.set((dialect, route));
    }

    /// The dialect and route, once known.
    #[must_use]
    pub fn known_route(&self) -> Option<&(Arc<str>, Arc<str>)> {
        self.0.route.get()
    }

    /// The credential's name.
    pub fn principal(&self, name: Arc<str>) {
        let _ = self.0.principal.set(name);
    }

    /// The credential's name, once known.
    #[must_use]
    pub fn known_principal(&self) -> Option<&Arc<str>> {
        self.0.principal.get()
    }

    /// What the cache did for the answer.
    pub fn cache(&self, outcome: Outcome) {
        let _ = self.0.cache.set(outcome);
    }

    /// What the cache did for the answer, once known.
    #[must_use]
    pub fn known_cache(&self) -> Option<Outcome> {
        self.0.cache.get().copied()
    }

    /// Why the gateway refused the request without asking the backend.
    pub fn refused(&self, reason: &'static str) {
        let _ = self.0.refused.set(reason);
    }

    /// The reason of a refusal.
    #[must_use]
    pub fn known_refusal(&self) -> Option<&'static str> {
        self.0.refused.get().copied()
    }

    /// Adds one call to a backend and the time it took.
    pub fn upstream(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.upstream_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.0.upstream_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Time spent waiting for backends, and the number of calls.
    #[must_use]
    pub fn upstream_time(&self) -> (Duration, u32) {
        (
            Duration::from_nanos(self.0.upstream_nanos.load(Ordering::Relaxed)),
            self.0.upstream_calls.load(Ordering::Relaxed),
        )
    }

    /// A call to a backend is asked once more.
    pub fn upstream_retried(&self) {
        self.0.upstream_retries.fetch_add(1, Ordering::Relaxed);
    }

    /// How often calls to backends were asked once more.
    #[must_use]
    pub fn upstream_retries(&self) -> u32 {
        self.0.upstream_retries.load(Ordering::Relaxed)
    }

    /// A file of so many bytes was passed on to a backend.
    pub fn file(&self, bytes: u64) {
        self.0.files.fetch_add(1, Ordering::Relaxed);
        self.0.file_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many files were passed on to backends, and their bytes.
    #[must_use]
    pub fn files(&self) -> (u32, u64) {
        (self.0.files.load(Ordering::Relaxed), self.0.file_bytes.load(Ordering::Relaxed))
    }

    /// Adds something that a mapping did.
    pub fn mapping(&self, event: MappingEvent) {
        self.0.mapping.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// Whether mappings did anything that is counted.
    #[must_use]
    pub fn has_mapping(&self) -> bool {
        !self.0.mapping.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes what mappings did.
    #[must_use]
    pub fn take_mapping(&self) -> MappingEvents {
        std::mem::take(&mut self.0.mapping.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
