//! What a call does about a backend in trouble. Outermost first:
//!
//! ```text
//! deadline   the end of the call, retries and their pauses included
//!  retry     asks again what may be asked again, within a budget
//!   breaker  refuses at once while the backend is known to fail
//!    attempt one exchange, ended early where another one could follow
//! ```
//!
//! Each is a value without a backend or a socket in it; `upstream` puts them together. The breaker
//! is inside: every attempt counts, and an open breaker ends the retries.

pub(super) mod attempt;
pub mod breaker;
pub mod budget;
pub(super) mod deadline;
pub mod retry;
mod window;

use std::fmt;
use std::time::Duration;

/// What an operator says about trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Most attempts of one call, the first included. Default 3.
    pub attempts: u32,
    /// So long an attempt may take after which another one may follow. Default 4 s.
    pub attempt_timeout: Duration,
    /// The pauses between attempts.
    pub backoff: retry::Backoff,
    /// How many calls are repeated at all.
    pub budget: budget::Params,
    /// When the backend is left alone.
    pub breaker: breaker::Params,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            attempts: 3,
            attempt_timeout: Duration::from_secs(4),
            backoff: retry::Backoff::default(),
            budget: budget::Params::default(),
            breaker: breaker::Params::default(),
        }
    }
}

/// Who counts what happens. Words are from closed sets.
pub trait Signals: fmt::Debug + Send + Sync {
    /// A call is asked again, for this reason ([`super::REASONS`]).
    fn retried(&self, reason: &'static str);
    /// A call would have been asked again, but the budget is spent.
    fn out_of_budget(&self);
    /// A call was refused because the breaker is open.
    fn kept_away(&self);
    /// The breaker is in this state from now on.
    fn breaker(&self, state: breaker::State);
}

/// Counts nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unheard;

impl Signals for Unheard {
    fn retried(&self, _: &'static str) {}
    fn out_of_budget(&self) {}
    fn kept_away(&self) {}
    fn breaker(&self, _: breaker::State) {}
}
