//! Refusals, cheapest first.
//!
//! [`admission()`] knows nothing of who asks: how many requests are in flight, how large one says it
//! is, how long it may take. [`rate()`] needs the principal, so it stands behind the authentication.
//! Both are always ready: a limit refuses or waits inside `call`, where the request's notes and the
//! cache already are.
//!
//! The rate of an address is counted before that, so that guesses at credentials are. How many
//! connections it has is the listener's to count.

mod admission;
mod rate;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::canonical::upload;
use crate::telemetry::record::Record;

pub use admission::{Admission, AdmissionLayer, Admitted, InFlight, admission};
pub use rate::{AddressRateLayer, Limited, Rate, RateLayer, rate};

/// The words that this room notes as reasons of a refusal.
pub const REASONS: &[&str] = &[BUSY, TOO_LARGE, TOO_SLOW, RATE, ADDRESS_RATE];
const BUSY: &str = "busy";
const TOO_LARGE: &str = "too_large";
const TOO_SLOW: &str = "too_slow";
const RATE: &str = "rate";
const ADDRESS_RATE: &str = "address_rate";

/// What one process takes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Largest body of a request, in bytes. Default 1 MiB.
    pub max_body: u64,
    /// Most requests in flight at once. Default 1,024.
    pub max_in_flight: usize,
    /// How long one request may take, from its head to its answer's. Default 30 s.
    pub request_timeout: Duration,
    /// Of requests that may have files.
    pub uploads: upload::Limits,
    /// How often one credential may ask; `None` is as often as it likes, which is the default.
    pub rate: Option<RateParams>,
    /// How often one address may ask; `None` is as often as it likes, which is the default.
    pub rate_per_address: Option<RateParams>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            max_body: 1024 * 1024,
            max_in_flight: 1024,
            request_timeout: Duration::from_secs(30),
            uploads: upload::Limits::default(),
            rate: None,
            rate_per_address: None,
        }
    }
}

/// How often one credential may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateParams {
    /// Requests a second, in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

/// What a limit must know of a request.
pub trait Subject {
    /// The size of the body as the client says it, in bytes.
    fn content_length(&self) -> Option<u64>;
    /// Whether it may have files, which are longer and take longer than other bodies.
    fn has_files(&self) -> bool;
    /// Whose share of the rate it takes; `None` takes nobody's.
    fn rate_key(&self) -> Option<&Arc<str>>;
    /// The client's address, or what of it is one client; `None` takes nobody's share.
    fn address(&self) -> Option<IpAddr>;
    /// Where a refusal is noted.
    fn record(&self) -> &Record;
}
