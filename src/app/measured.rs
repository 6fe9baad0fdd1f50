//! What other rooms count, made metrics: read when it is asked for.

use std::sync::Arc;

use crate::app::StartError;
use crate::cache;
use crate::server::{self, Peers};
use crate::telemetry::{Metrics, metrics};

/// What is counted of the connections of clients.
pub(super) fn peers(metrics: &Metrics, peers: &Arc<Peers>) -> Result<(), StartError> {
    #[expect(clippy::cast_precision_loss, reason = "counters are floats")]
    let read = |of: fn(&Peers) -> u64| {
        let peers = Arc::clone(peers);
        move || of(&peers) as f64
    };
    metrics.register_gauge(
        "deskbridge_connections_open",
        "Connections of clients.",
        read(Peers::open),
    )?;
    metrics.register_total(
        "deskbridge_connections_accepted_total",
        "Connections that clients made, refused ones included.",
        read(Peers::accepted),
    )?;
    let refused = server::Refusal::ALL.map(|reason| {
        let peers = Arc::clone(peers);
        #[expect(clippy::cast_precision_loss, reason = "counters are floats")]
        let read: metrics::Read = Box::new(move || peers.refused(reason) as f64);
        (reason.label(), read)
    });
    metrics.register_counter(
        "deskbridge_connections_refused_total",
        "Connections that were not served, or no longer.",
        "reason",
        refused.into(),
    )?;
    Ok(())
}

/// What is counted of the cache.
pub(super) fn cache(metrics: &Metrics, stats: &cache::Stats) -> Result<(), StartError> {
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats; bytes below 2^53 are exact")]
    let as_gauge = |n: u64| n as f64;
    let (bytes, entries, flights) = (stats.clone(), stats.clone(), stats.clone());
    metrics.register_gauge(
        "deskbridge_cache_bytes",
        "Bytes of answers and renderings in the cache.",
        move || as_gauge(bytes.bytes()),
    )?;
    metrics.register_gauge("deskbridge_cache_entries", "Answers in the cache.", move || {
        as_gauge(entries.entries())
    })?;
    metrics.register_gauge(
        "deskbridge_cache_flights",
        "Questions under way that others who ask the same wait for.",
        move || as_gauge(flights.flights() as u64),
    )?;
    let evictions = cache::Removal::ALL
        .iter()
        .map(|cause| {
            let stats = stats.clone();
            let read: Box<dyn Fn() -> f64 + Send + Sync> =
                Box::new(move || as_gauge(stats.removed(*cause)));
            (cause.label(), read)
        })
        .collect();
    metrics.register_counter(
        "deskbridge_cache_evictions_total",
        "Answers that left the cache, by cause.",
        "cause",
        evictions,
    )?;
    Ok(())
}
