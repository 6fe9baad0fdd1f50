//! How often one principal may ask (GCRA, so that a burst is allowed and a flood is not).

use std::future::{Future, Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use tower::{Layer, Service};

use crate::canonical::{Problem, ProblemCode};
use crate::error::Error;
use crate::limit::{Params, RATE, Subject};

/// How often principals that have not asked lately are forgotten. Without it there would be an
/// entry for everybody who ever asked.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Refuses what comes too often (429), by [`Subject::rate_key`].
#[must_use]
pub fn rate(params: &Params) -> RateLayer {
    RateLayer::with_clock(params, DefaultClock::default())
}

type Limiter<C> =
    RateLimiter<Arc<str>, DashMapStateStore<Arc<str>>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Makes [`Rate`].
#[derive(Debug)]
pub struct RateLayer<C: Clock = DefaultClock>(Option<Arc<Shared<C>>>);

#[derive(Debug)]
struct Shared<C: Clock> {
    limiter: Limiter<C>,
    clock: C,
}

impl<C: Clock + Clone> RateLayer<C> {
    /// As [`rate`], by another clock.
    #[must_use]
    pub fn with_clock(params: &Params, clock: C) -> Self {
        Self(params.rate.map(|rate| {
            let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
            let limiter = RateLimiter::dashmap_with_clock(quota, clock.clone());
            Arc::new(Shared { limiter, clock })
        }))
    }

    /// Forgets, now and then, who has not asked lately. To be spawned; ends when the layer and its
    /// services are gone, and at once where nothing is limited.
    pub fn forgetting(&self) -> impl Future<Output = ()> + Send + use<C>
    where
        C: Send + Sync + 'static,
        C::Instant: Send + Sync,
    {
        let shared = self.0.as_ref().map(Arc::downgrade);
        async move {
            let Some(shared) = shared else { return };
            loop {
                tokio::time::sleep(FORGET_EVERY).await;
                let Some(shared) = shared.upgrade() else { return };
                shared.limiter.retain_recent();
                shared.limiter.shrink_to_fit();
            }
        }
    }
}

impl<C: Clock> Clone for RateLayer<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S, C: Clock> Layer<S> for RateLayer<C> {
    type Service = Rate<S, C>;

    fn layer(&self, inner: S) -> Rate<S, C> {
        Rate { inner, shared: self.0.clone() }
    }
}

/// A service that nobody may ask too often.
#[derive(Debug)]
pub struct Rate<S, C: Clock = DefaultClock> {
    inner: S,
    shared: Option<Arc<Shared<C>>>,
}

impl<S: Clone, C: Clock> Clone for Rate<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

/// A request let through, or refused.
pub type Limited<F, A> = Either<F, Ready<Result<A, Error>>>;

impl<S, C, R> Service<R> for Rate<S, C>
where
    S: Service<R, Error = Error>,
    C: Clock,
    R: Subject,
{
    type Response = S::Response;
    type Error = Error;
    type Future = Limited<S::Future, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        if let Some(shared) = &self.shared
            && let Some(key) = request.rate_key()
            && let Err(too_early) = shared.limiter.check_key(key)
        {
            let wait = too_early.wait_time_from(shared.clock.now());
            // Rounded up: whoever comes back when told must be let in.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX).max(1);
            request.record().refused(RATE);
            let problem = Problem::new(ProblemCode::RateLimited).retry_after(seconds);
            return Either::Right(ready(Err(problem.into())));
        }
        Either::Left(self.inner.call(request))
    }
}
