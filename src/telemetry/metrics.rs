//! Every metric, declared once: name, help, unit, labels.
//!
//! Label values come from closed sets (the catalog's dialects and routes, the contract's
//! operations, our own words), so the number of series is bounded by what is loaded, never by what
//! is sent. What another stage knows anyway (the cache's size) is read from it when asked for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::telemetry::observed::Observed;
use crate::telemetry::process::Process;
use crate::telemetry::record::Record;
use crate::telemetry::routes::{NO_ROUTE, Routes};

pub use crate::telemetry::observed::Read;

/// A hit in the cache takes well under a millisecond and the longest deadline is tens of seconds;
/// two or three steps per power of ten keep a quantile within a factor of two.
const SECONDS: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
];

/// The media type of [`Metrics::text`].
pub const TEXT: &str = prometheus::TEXT_FORMAT;

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    refused: IntCounterVec,
    mapping_events: IntCounterVec,
    files: IntCounter,
    file_bytes: IntCounter,
    routes: ArcSwap<Routes>,
    /// Requests being answered.
    pub(super) in_flight: IntGauge,
    /// By operation and what the cache did.
    pub(super) cache_requests: IntCounterVec,
    /// By upstream, operation and what became of it.
    pub(super) upstream_requests: IntCounterVec,
    /// By upstream and operation.
    pub(super) upstream_duration: HistogramVec,
    /// By upstream and reason.
    pub(super) upstream_retries: IntCounterVec,
    /// By upstream.
    pub(super) upstream_budget_exhausted: IntCounterVec,
    /// By upstream.
    pub(super) upstream_kept_away: IntCounterVec,
    /// By upstream: 0 closed, 1 half-open, 2 open.
    pub(super) upstream_breaker_state: IntGaugeVec,
    /// By upstream and the state that was entered.
    pub(super) upstream_breaker_transitions: IntCounterVec,
}

impl Metrics {
    /// Declares everything. `version` and `revision` are those of `deskbridge_build_info`.
    ///
    /// # Errors
    /// When two metrics have one name: a fault of this file.
    pub fn new(version: &str, revision: &str) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let requests = counters(
            &registry,
            "deskbridge_requests_total",
            "Requests answered; 499 is a client that left before.",
            &["dialect", "operation", "status"],
        )?;
        let request_duration = durations(
            &registry,
            "deskbridge_request_duration_seconds",
            "Time from a request's head to its answer's head.",
            &["dialect", "operation"],
        )?;
        let in_flight = IntGauge::new("deskbridge_requests_in_flight", "Requests being answered.")?;
        registry.register(Box::new(in_flight.clone()))?;
        let build = IntGaugeVec::new(
            Opts::new("deskbridge_build_info", "The running build; always 1."),
            &["version", "revision"],
        )?;
        build.with_label_values(&[version, revision]).set(1);
        registry.register(Box::new(build))?;
        registry.register(Box::new(Process::new()?))?;
        let routes = ArcSwap::from_pointee(Routes::new([], &requests, &request_duration));
        Ok(Self {
            refused: counters(
                &registry,
                "deskbridge_refused_total",
                "Requests that the gateway refused without asking a backend.",
                &["reason"],
            )?,
            mapping_events: counters(
                &registry,
                "deskbridge_mapping_events_total",
                "Values that a mapping could not carry over one to one.",
                &["dialect", "record", "kind"],
            )?,
            files: registered(
                &registry,
                IntCounter::new(
                    "deskbridge_files_total",
                    "Files of forms that were passed on to backends, those of refused requests included.",
                )?,
            )?,
            file_bytes: registered(
                &registry,
                IntCounter::new(
                    "deskbridge_file_bytes_total",
                    "Bytes of files of forms that were passed on.",
                )?,
            )?,
            cache_requests: counters(
                &registry,
                "deskbridge_cache_requests_total",
                "Canonical calls, by what the cache did.",
                &["operation", "outcome"],
            )?,
            upstream_requests: counters(
                &registry,
                "deskbridge_upstream_requests_total",
                "Calls to upstreams, by what became of them; retries are part of their call.",
                &["upstream", "operation", "outcome"],
            )?,
            upstream_duration: durations(
                &registry,
                "deskbridge_upstream_duration_seconds",
                "Time from a call to an upstream to its whole answer, retries included.",
                &["upstream", "operation"],
            )?,
            upstream_retries: counters(
                &registry,
                "deskbridge_upstream_retries_total",
                "Attempts after the first of a call, by what went wrong with the one before.",
                &["upstream", "reason"],
            )?,
            upstream_budget_exhausted: counters(
                &registry,
                "deskbridge_upstream_retry_budget_exhausted_total",
                "Retries that were left out because their budget was spent.",
                &["upstream"],
            )?,
            upstream_kept_away: counters(
                &registry,
                "deskbridge_upstream_breaker_refused_total",
                "Attempts that were not made because the breaker was open.",
                &["upstream"],
            )?,
            upstream_breaker_state: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new(
                        "deskbridge_upstream_breaker_state",
                        "The breaker of an upstream: 0 closed, 1 half-open, 2 open.",
                    ),
                    &["upstream"],
                )?,
            )?,
            upstream_breaker_transitions: counters(
                &registry,
                "deskbridge_upstream_breaker_transitions_total",
                "Changes of a breaker, by the state it entered.",
                &["upstream", "to"],
            )?,
            registry,
            requests,
            request_duration,
            routes,
            in_flight,
        })
    }

    /// Makes known which routes there are: (dialect, route). Anything else is counted as `none`.
    /// Called at start and on each reload; what was counted stays.
    pub fn routes(&self, routes: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) {
        let routes = Routes::new(routes, &self.requests, &self.request_duration);
        self.routes.store(Arc::new(routes));
    }

    /// Adds a gauge that is read when it is asked for. The name is in base units.
    ///
    /// # Errors
    /// When the name is taken or is none.
    pub fn register_gauge(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        self.registry.register(Box::new(Observed::gauge(name, help, Box::new(read))?))
    }

    /// Adds a counter that is read when it is asked for. What is read never falls.
    ///
    /// # Errors
    /// When the name is taken or is none.
    pub fn register_total(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        self.registry.register(Box::new(Observed::total(name, help, Box::new(read))?))
    }

    /// Adds a counter with one label that is read when it is asked for: the label's values, and how
    /// each is read. What is read never falls.
    ///
    /// # Errors
    /// When the name is taken or is none.
    pub fn register_counter(
        &self,
        name: &'static str,
        help: &'static str,
        label: &'static str,
        samples: Vec<(&'static str, Read)>,
    ) -> prometheus::Result<()> {
        self.registry.register(Box::new(Observed::counter(name, help, label, samples)?))
    }

    /// Everything, in the text format ([`TEXT`]).
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A family that cannot be written is left out; the rest is still worth having.
        for family in self.registry.gather() {
            let _ = TextEncoder::new().encode_utf8(&[family], &mut text);
        }
        text
    }

    /// Counts an answered request, with what its record says.
    pub(super) fn answered(&self, record: &Record, status: u16, took: Duration) {
        record.counted(|route, refused, mapping| {
            self.routes.load().answered(route, status, took);
            if let Some(reason) = refused {
                self.refused.with_label_values(&[reason]).inc();
            }
            let dialect = route.map_or(NO_ROUTE, |(dialect, _)| dialect);
            for event in mapping {
                self.mapping_events
                    .with_label_values(&[dialect, &*event.record, event.kind])
                    .inc_by(u64::from(event.count));
            }
        });
        let (files, bytes) = record.files();
        if files > 0 {
            self.files.inc_by(u64::from(files));
            self.file_bytes.inc_by(bytes);
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn durations(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<HistogramVec> {
    let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
    registered(registry, HistogramVec::new(opts, labels)?)
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
