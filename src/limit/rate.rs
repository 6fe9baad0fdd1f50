//! How often one principal may ask, and one address (GCRA, so that a burst is allowed and a flood is
//! not). Where an address is the credential, only the latter finds out who guesses.

use std::future::{Future, Ready, ready};
use std::hash::Hash;
use std::net::IpAddr;
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
use crate::limit::{ADDRESS_RATE, Params, RATE, RateParams, Subject};

/// How often principals that have not asked lately are forgotten. Without it there would be an
/// entry for everybody who ever asked.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Refuses what comes too often (429): by [`Subject::rate_key`], and [by address](RateLayer::by_address).
#[must_use]
pub fn rate(params: &Params) -> RateLayer {
    RateLayer::with_clock(params, DefaultClock::default())
}

type Limiter<K, C> = RateLimiter<K, DashMapStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Makes [`Rate`].
#[derive(Debug)]
pub struct RateLayer<C: Clock = DefaultClock>(Option<Arc<Shared<C>>>);

#[derive(Debug)]
struct Shared<C: Clock> {
    principals: Option<Limiter<Arc<str>, C>>,
    addresses: Option<Limiter<IpAddr, C>>,
    clock: C,
}

fn limiter<K: Clone + Eq + Hash, C: Clock + Clone>(
    rate: Option<RateParams>,
    clock: &C,
) -> Option<Limiter<K, C>> {
    let rate = rate?;
    let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
    Some(RateLimiter::dashmap_with_clock(quota, clock.clone()))
}

fn forget<K: Clone + Eq + Hash, C: Clock>(limiter: Option<&Limiter<K, C>>) {
    if let Some(limiter) = limiter {
        limiter.retain_recent();
        limiter.shrink_to_fit();
    }
}

impl<C: Clock + Clone> RateLayer<C> {
    /// As [`rate`], by another clock.
    #[must_use]
    pub fn with_clock(params: &Params, clock: C) -> Self {
        let principals = limiter(params.rate, &clock);
        let addresses = limiter(params.rate_per_address, &clock);
        let limited = principals.is_some() || addresses.is_some();
        Self(limited.then(|| Arc::new(Shared { principals, addresses, clock })))
    }

    /// The layer that counts addresses, of the same memory.
    #[must_use]
    pub fn by_address(&self) -> AddressRateLayer<C> {
        AddressRateLayer(self.clone())
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
                forget(shared.principals.as_ref());
                forget(shared.addresses.as_ref());
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
        Rate { inner, shared: self.0.clone(), whose: Whose::Principal }
    }
}

/// Makes [`Rate`] by address.
#[derive(Debug)]
pub struct AddressRateLayer<C: Clock = DefaultClock>(RateLayer<C>);

impl<C: Clock> Clone for AddressRateLayer<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S, C: Clock> Layer<S> for AddressRateLayer<C> {
    type Service = Rate<S, C>;

    fn layer(&self, inner: S) -> Rate<S, C> {
        Rate { whose: Whose::Address, ..self.0.layer(inner) }
    }
}

/// Whose share a request takes.
#[derive(Clone, Copy, Debug)]
enum Whose {
    Principal,
    Address,
}

/// A service that nobody may ask too often.
#[derive(Debug)]
pub struct Rate<S, C: Clock = DefaultClock> {
    inner: S,
    shared: Option<Arc<Shared<C>>>,
    whose: Whose,
}

impl<S: Clone, C: Clock> Clone for Rate<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: self.shared.clone(), whose: self.whose }
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
            && let Some(seconds) = shared.wait(self.whose, &request)
        {
            let reason = match self.whose {
                Whose::Principal => RATE,
                Whose::Address => ADDRESS_RATE,
            };
            request.record().refused(reason);
            let problem = Problem::new(ProblemCode::RateLimited).retry_after(seconds);
            return Either::Right(ready(Err(problem.into())));
        }
        Either::Left(self.inner.call(request))
    }
}

impl<C: Clock> Shared<C> {
    /// In how many seconds the request may come; `None` is now.
    fn wait(&self, whose: Whose, request: &impl Subject) -> Option<u32> {
        let checked = match whose {
            Whose::Principal => self
                .principals
                .as_ref()?
                .check_key(request.rate_key()?)
                .map_err(|n| n.wait_time_from(self.clock.now())),
            Whose::Address => self
                .addresses
                .as_ref()?
                .check_key(&request.address()?)
                .map_err(|n| n.wait_time_from(self.clock.now())),
        };
        let wait = checked.err()?;
        // Rounded up: whoever comes back when told must be let in.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Some(u32::try_from(seconds).unwrap_or(u32::MAX).max(1))
    }
}
