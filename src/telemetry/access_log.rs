//! One line per request.
//!
//! Every value is a number, the request's id (checked characters only) or a word from a closed set:
//! dialects, routes, methods, cache outcomes, refusals, names of credentials; and, where that is
//! asked for, the client's address or its network.

use std::time::Duration;

use crate::canonical::Outcome;
use crate::telemetry::client::Shown;
use crate::telemetry::record::Record;

/// The target of access lines, to filter by.
pub const TARGET: &str = "deskbridge::access";

/// What is known of a request before anybody looks at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) method: &'static str,
    pub(super) client: Option<Shown>,
}

/// Writes the line of a request. `bytes` is the length of the answer's body, where it is known
/// before it is sent.
pub(super) fn write(
    record: &Record,
    asked: Asked,
    status: u16,
    took: Duration,
    bytes: Option<u64>,
) {
    if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
        return;
    }
    let (upstream, calls) = record.upstream_time();
    let route = record.known_route();
    tracing::info!(
        target: TARGET,
        request_id = record.request_id().as_str(),
        trace_id = %record.trace().id(),
        dialect = route.as_ref().map(|(dialect, _)| &**dialect),
        operation = route.as_ref().map(|(_, operation)| &**operation),
        method = asked.method,
        status,
        cache = record.known_cache().map(Outcome::label),
        refused = record.known_refusal(),
        principal = record.known_principal().as_deref(),
        duration_ms = milliseconds(took),
        upstream_ms = (calls > 0).then(|| milliseconds(upstream)),
        upstream_calls = (calls > 0).then_some(calls),
        upstream_retries = Some(record.upstream_retries()).filter(|retries| *retries > 0),
        bytes,
        client = asked.client.map(tracing::field::display),
    );
}

/// To the microsecond: more is noise, and long to read.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}
