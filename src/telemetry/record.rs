//! What inner layers learn about a request and the outermost one writes down.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::HeaderName;
use http::request::Parts;
use smallvec::{Drain, SmallVec};
use tokio::time::Instant;

use crate::canonical::Outcome;
use crate::telemetry::request_id::RequestId;
use crate::telemetry::trace::Trace;

/// The header of a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Notes on one request, shared by every layer it passes. Values are names from closed sets
/// (dialects, routes, reasons), never something a client sent.
#[derive(Clone, Default)]
pub struct Record(Arc<Inner>);

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { request_id, .. } = &*self.0;
        f.debug_struct("Record").field("request_id", request_id).finish_non_exhaustive()
    }
}

/// The head of a request, as it came in. It lies with the request's notes, in one piece of memory that
/// is made once: a head is large, and layer after layer passes it on. Who has the notes alone does not
/// see it.
#[derive(Clone)]
pub struct Head(Arc<Inner>);

static NO_HEAD: LazyLock<Parts> = LazyLock::new(|| http::Request::new(()).into_parts().0);

impl Deref for Head {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        self.0.head.as_ref().unwrap_or_else(|| &NO_HEAD)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Inner {
    head: Option<Parts>,
    request_id: RequestId,
    trace: OnceLock<Trace>,
    began: Option<Instant>,
    arrived: AtomicBool,
    /// Nanoseconds from `began` to the deadline, and one more; 0 while there is none.
    deadline: AtomicU64,
    upstream_nanos: AtomicU64,
    upstream_calls: AtomicU32,
    upstream_retries: AtomicU32,
    files: AtomicU32,
    file_bytes: AtomicU64,
    told: Mutex<Told>,
}

/// What layers told. Of each the first word counts.
#[derive(Debug, Default)]
struct Told {
    route: Option<Route>,
    principal: Option<Arc<str>>,
    cache: Option<Outcome>,
    refused: Option<&'static str>,
    mapping: MappingEvents,
}

/// The names of a dialect and of one of its routes.
pub type Route = (Arc<str>, Arc<str>);

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
    /// whose head was here at `began`; and that head.
    #[must_use]
    pub fn new(
        request_id: RequestId,
        trace: Option<Trace>,
        began: Instant,
        head: Parts,
    ) -> (Self, Head) {
        let trace = trace.map_or_else(OnceLock::new, OnceLock::from);
        let (began, head) = (Some(began), Some(head));
        let inner = Arc::new(Inner { head, request_id, trace, began, ..Inner::default() });
        (Self(Arc::clone(&inner)), Head(inner))
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

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody waits for the answer after this instant. Kept of a request that began.
    pub fn until(&self, deadline: Instant) {
        let Some(began) = self.0.began else { return };
        let nanos = u64::try_from((deadline - began).as_nanos()).unwrap_or(u64::MAX);
        let told = nanos.saturating_add(1);
        // Told by one, so nobody else's word comes in between.
        if self.0.deadline.load(Ordering::Relaxed) == 0 {
            self.0.deadline.store(told, Ordering::Relaxed);
        }
    }

    /// When nobody waits any longer, where that is known.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let nanos = self.0.deadline.load(Ordering::Relaxed).checked_sub(1)?;
        self.0.began?.checked_add(Duration::from_nanos(nanos))
    }

    /// Which dialect and route claimed the request.
    pub fn route(&self, dialect: Arc<str>, route: Arc<str>) {
        self.told().route.get_or_insert((dialect, route));
    }

    /// The dialect and route, once known.
    #[must_use]
    pub fn known_route(&self) -> Option<Route> {
        self.told().route.clone()
    }

    /// The credential's name.
    pub fn principal(&self, name: Arc<str>) {
        self.told().principal.get_or_insert(name);
    }

    /// The credential's name, once known.
    #[must_use]
    pub fn known_principal(&self) -> Option<Arc<str>> {
        self.told().principal.clone()
    }

    /// What the cache did for the answer.
    pub fn cache(&self, outcome: Outcome) {
        self.told().cache.get_or_insert(outcome);
    }

    /// What the cache did for the answer, once known.
    #[must_use]
    pub fn known_cache(&self) -> Option<Outcome> {
        self.told().cache
    }

    /// Why the gateway refused the request without asking the backend.
    pub fn refused(&self, reason: &'static str) {
        self.told().refused.get_or_insert(reason);
    }

    /// The reason of a refusal.
    #[must_use]
    pub fn known_refusal(&self) -> Option<&'static str> {
        self.told().refused
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

    /// Takes what is counted at the end: the route, the reason of a refusal, and what mappings did.
    pub(super) fn counted<R>(
        &self,
        count: impl FnOnce(Option<&Route>, Option<&'static str>, Drain<'_, [MappingEvent; 4]>) -> R,
    ) -> R {
        let Told { route, refused, mapping, .. } = &mut *self.told();
        count(route.as_ref(), *refused, mapping.drain(..))
    }

    /// Adds something that a mapping did.
    pub fn mapping(&self, event: MappingEvent) {
        self.told().mapping.push(event);
    }

    /// Whether mappings did anything that is counted.
    #[must_use]
    pub fn has_mapping(&self) -> bool {
        !self.told().mapping.is_empty()
    }

    /// Takes what mappings did.
    #[must_use]
    pub fn take_mapping(&self) -> MappingEvents {
        std::mem::take(&mut self.told().mapping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_for_whoever_has_it_and_is_not_written_anywhere() {
        let sent = http::Request::get("/secret").header("authorization", "Bearer secret");
        let head = sent.body(()).unwrap().into_parts().0;
        let (record, head) = Record::new(RequestId::default(), None, Instant::now(), head);
        assert_eq!(head.uri.path(), "/secret");
        assert_eq!(head.headers["authorization"], "Bearer secret");
        let written = format!("{record:?} {head:?}");
        assert!(written.contains("request_id") && !written.contains("secret"), "{written}");
    }

    #[test]
    fn the_first_word_counts_and_a_deadline_is_told_from_the_beginning() {
        let began = Instant::now();
        let head = http::Request::new(()).into_parts().0;
        let (record, _) = Record::new(RequestId::default(), None, began, head);
        assert_eq!((record.deadline(), record.known_refusal()), (None, None));
        for seconds in [0, 5] {
            record.until(began + Duration::from_secs(seconds));
            record.refused(if seconds == 0 { "first" } else { "second" });
        }
        assert_eq!((record.deadline(), record.known_refusal()), (Some(began), Some("first")));
    }
}
