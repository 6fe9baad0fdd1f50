//! Leaves a backend alone that is known to fail.
//!
//! ```text
//!            share of failures reached
//!   closed ────────────────────────────► open ◄──────────────┐
//!      ▲                                  │ open_for is over │ one of them failed
//!      └───────────── half-open ◄─────────┘                  │
//!    all of `probes` succeeded └─────────────────────────────┘
//! ```
//!
//! Half-open, `probes` attempts are let through and no more. An attempt that nobody waited for to
//! its end says nothing, and gives its place back. What was let through in an earlier state says
//! nothing about the present one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::upstream::classify::{Kind, Verdict};
use crate::upstream::resilience::Signals;
use crate::upstream::resilience::window::{Counts, Window};

/// When a backend is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Whether it ever is. Default true.
    pub enabled: bool,
    /// How far back attempts are looked at. Default 30 s.
    pub window: Duration,
    /// Fewer attempts in the window say nothing. Default 20.
    pub min_requests: u32,
    /// It opens when so many of a hundred attempts failed. Default 50.
    pub failure_percent: u32,
    /// So long it is open. Default 5 s.
    pub open_for: Duration,
    /// Then so many attempts are let through, and all must succeed. Default 3.
    pub probes: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(30),
            min_requests: 20,
            failure_percent: 50,
            open_for: Duration::from_secs(5),
            probes: 3,
        }
    }
}

/// What a breaker does with attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Lets all through.
    Closed,
    /// Lets some through.
    HalfOpen,
    /// Lets none through.
    Open,
}

impl State {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }

    /// 0 closed, 1 half-open, 2 open.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// One backend's.
#[derive(Debug)]
pub(in crate::upstream) struct Breaker {
    upstream: Arc<str>,
    params: Params,
    signals: Arc<dyn Signals>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    phase: Phase,
    /// Grows with each change; what an attempt tells counts only in the phase that let it through.
    phases: u64,
    since: Timestamp,
    window: Window,
    last: Option<(Kind, Timestamp)>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { under_way: u32, succeeded: u32 },
}

impl Phase {
    fn state(self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

/// Not let through; the next attempt has a chance in this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::upstream) struct KeptAway(pub(in crate::upstream) Duration);

/// What operators are told.
#[derive(Clone, Copy, Debug)]
pub(in crate::upstream) struct Seen {
    pub(in crate::upstream) state: State,
    pub(in crate::upstream) since: Timestamp,
    /// Attempts in the window.
    pub(in crate::upstream) attempts: u64,
    /// Failures among them.
    pub(in crate::upstream) failures: u64,
    /// The last failure and when it was.
    pub(in crate::upstream) last: Option<(Kind, Timestamp)>,
    /// When the next attempt has a chance, where it has none now.
    pub(in crate::upstream) next: Option<Duration>,
}

/// How long to wait where all probes are under way: nobody knows when they end.
const SOON: Duration = Duration::from_secs(1);

impl Breaker {
    pub(in crate::upstream) fn new(
        upstream: Arc<str>,
        params: Params,
        signals: Arc<dyn Signals>,
    ) -> Self {
        signals.breaker(State::Closed);
        let inner = Inner {
            phase: Phase::Closed,
            phases: 0,
            since: Timestamp::now(),
            window: Window::new(params.window),
            last: None,
        };
        Self { upstream, params, signals, inner: Mutex::new(inner) }
    }

    /// Lets an attempt through or refuses it.
    pub(in crate::upstream) fn enter(&self) -> Result<Pass<'_>, KeptAway> {
        let mut inner = self.lock();
        if let Phase::Open { until } = inner.phase {
            let wait = until.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                return Err(self.keep_away(wait));
            }
            let phase = Phase::HalfOpen { under_way: 0, succeeded: 0 };
            self.change(&mut inner, phase, "it was left alone for a while");
        }
        if let Phase::HalfOpen { under_way, succeeded } = &mut inner.phase {
            if *under_way + *succeeded >= self.params.probes {
                return Err(self.keep_away(SOON));
            }
            *under_way += 1;
        }
        Ok(Pass { breaker: self, phases: inner.phases, told: false })
    }

    /// What there is to tell.
    pub(in crate::upstream) fn seen(&self) -> Seen {
        let mut inner = self.lock();
        let Counts { all, marked } = inner.window.sum();
        let next = match inner.phase {
            Phase::Closed => None,
            Phase::Open { until } => Some(until.saturating_duration_since(Instant::now())),
            Phase::HalfOpen { under_way, succeeded } => {
                (under_way + succeeded >= self.params.probes).then_some(SOON)
            }
        };
        Seen {
            state: inner.phase.state(),
            since: inner.since,
            attempts: all,
            failures: marked,
            last: inner.last,
            next,
        }
    }

    fn keep_away(&self, wait: Duration) -> KeptAway {
        self.signals.kept_away();
        KeptAway(wait)
    }

    fn told(&self, phases: u64, verdict: Verdict, kind: Option<Kind>, now: Instant) {
        let mut inner = self.lock();
        let failed = verdict == Verdict::Failure;
        if let Some(kind) = kind.filter(|_| failed) {
            inner.last = Some((kind, Timestamp::now()));
        }
        if verdict != Verdict::Silence {
            inner.window.add(failed, now);
        }
        if inner.phases != phases {
            return;
        }
        match &mut inner.phase {
            Phase::Closed if self.params.enabled && failed => {
                let Counts { all, marked } = inner.window.sum();
                let enough = all >= u64::from(self.params.min_requests);
                let share = u64::from(self.params.failure_percent);
                if enough && marked * 100 >= all * share {
                    self.open(&mut inner, "too many attempts failed");
                }
            }
            Phase::HalfOpen { under_way, succeeded } => {
                *under_way = under_way.saturating_sub(1);
                match verdict {
                    Verdict::Silence => {}
                    Verdict::Failure => self.open(&mut inner, "a probe failed"),
                    Verdict::Success => {
                        *succeeded += 1;
                        if *succeeded >= self.params.probes {
                            inner.window.clear();
                            self.change(&mut inner, Phase::Closed, "every probe succeeded");
                        }
                    }
                }
            }
            // What succeeded opens nothing; in the other phase nothing was let through.
            Phase::Closed | Phase::Open { .. } => {}
        }
    }

    fn open(&self, inner: &mut Inner, why: &'static str) {
        let until = Instant::now() + self.params.open_for;
        self.change(inner, Phase::Open { until }, why);
    }

    fn change(&self, inner: &mut Inner, phase: Phase, why: &'static str) {
        let (from, to) = (inner.phase.state(), phase.state());
        inner.phase = phase;
        inner.phases += 1;
        inner.since = Timestamp::now();
        self.signals.breaker(to);
        let Counts { all: attempts, marked: failures } = inner.window.sum();
        tracing::warn!(
            upstream = &*self.upstream,
            from = from.word(),
            to = to.word(),
            why,
            attempts,
            failures,
            last = inner.last.map(|(kind, _)| kind.word()),
            "a breaker changed its state"
        );
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that was let through. Dropped, it tells nothing.
#[derive(Debug)]
pub(in crate::upstream) struct Pass<'b> {
    breaker: &'b Breaker,
    phases: u64,
    told: bool,
}

impl Pass<'_> {
    /// How the attempt ended `now`: what it says of the backend, and what kind of trouble it was.
    pub(in crate::upstream) fn ended(mut self, verdict: Verdict, kind: Option<Kind>, now: Instant) {
        self.told = true;
        self.breaker.told(self.phases, verdict, kind, now);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.breaker.told(self.phases, Verdict::Silence, None, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests;
