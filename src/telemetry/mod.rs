//! Every request, once, refusals included: an id, one access line, one count.
//!
//! ```text
//!  request ▼   X-Request-Id and traceparent read or made, a blank Record handed down (`Traced`)
//!  answer  ▲   counted, timed, one access line, X-Request-Id (and Server-Timing) on it
//! ```
//!
//! [`layer()`] is the outermost layer. [`upstream`] and [`cache`] count what happens below the seam.
//! Left out: spans (a line per request says what they would), and everything a client chose
//! freely: path values, queries, credentials and bodies are neither logged nor labels.

pub mod access_log;
pub mod cache;
pub mod client;
mod layer;
pub mod metrics;
mod observed;
mod process;
pub mod record;
pub mod redact;
pub mod request_id;
mod routes;
pub mod subscriber;
mod table;
pub mod trace;
pub mod upstream;

#[cfg(test)]
mod tests;

pub use client::ClientAddress;
pub use layer::{Telemetry, TelemetryLayer, Traced, layer};
pub use metrics::Metrics;

/// How the process speaks of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The form of log lines. Default `auto`.
    pub log: LogForm,
    /// The least important level written. Default `info`; access lines are `info`.
    pub level: tracing::Level,
    /// `Server-Timing` on every answer. Default off: it tells strangers how long the backend took.
    pub server_timing: bool,
    /// What access lines say of a client's address. Default nothing.
    pub client_address: ClientAddress,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            log: LogForm::Auto,
            level: tracing::Level::INFO,
            server_timing: false,
            client_address: ClientAddress::None,
        }
    }
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogForm {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}
