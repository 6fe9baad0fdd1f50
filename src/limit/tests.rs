use std::convert::Infallible;
use std::future::pending;

use governor::clock::FakeRelativeClock;
use tokio::sync::oneshot;
use tower::{Layer, Service, ServiceExt};

use super::*;
use crate::canonical::ProblemCode;
use crate::error::Error;

#[derive(Clone, Debug, Default)]
struct Asked {
    bytes: Option<u64>,
    files: bool,
    name: Option<Arc<str>>,
    address: Option<IpAddr>,
    record: Record,
}

impl Subject for Asked {
    fn content_length(&self) -> Option<u64> {
        self.bytes
    }
    fn has_files(&self) -> bool {
        self.files
    }
    fn rate_key(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }
    fn address(&self) -> Option<IpAddr> {
        self.address
    }
    fn record(&self) -> &Record {
        &self.record
    }
}

fn by(name: &str) -> Asked {
    Asked { name: Some(name.into()), ..Asked::default() }
}

async fn answer(_: Asked) -> Result<&'static str, Error> {
    Ok("answered")
}

fn code(result: Result<&'static str, Error>) -> ProblemCode {
    result.unwrap_err().problem().code
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_let_in() {
    let params = Params { max_body: 100, ..Params::default() };
    let mut service = admission(&params, &InFlight::default()).layer(tower::service_fn(answer));
    let at_most = Asked { bytes: Some(100), ..Asked::default() };
    assert_eq!(service.call(at_most).await.unwrap(), "answered");
    let more = Asked { bytes: Some(101), ..Asked::default() };
    let record = more.record.clone();
    assert_eq!(code(service.call(more).await), ProblemCode::PayloadTooLarge);
    assert_eq!(record.known_refusal(), Some("too_large"));
    let files = |bytes| Asked { bytes: Some(bytes), files: true, ..Asked::default() };
    assert_eq!(service.call(files(101)).await.unwrap(), "answered");
    let most = params.uploads.max_body;
    assert_eq!(code(service.call(files(most + 1)).await), ProblemCode::PayloadTooLarge);
}

#[tokio::test]
async fn beyond_the_most_in_flight_the_next_is_told_to_come_back() {
    let params = Params { max_in_flight: 1, ..Params::default() };
    let (release, released) = oneshot::channel::<Infallible>();
    let mut released = Some(released);
    let mut service =
        admission(&params, &InFlight::default()).layer(tower::service_fn(move |_: Asked| {
            let held = released.take();
            async move {
                if let Some(held) = held {
                    let _ = held.await;
                }
                Ok::<_, Error>("answered")
            }
        }));
    let first = tokio::spawn(service.call(Asked::default()));
    tokio::task::yield_now().await;
    let second = Asked::default();
    let record = second.record.clone();
    let refused = service.call(second).await.unwrap_err();
    assert_eq!(refused.problem().code, ProblemCode::Unavailable);
    assert_eq!(refused.problem().retry_after_s, Some(1));
    assert_eq!(record.known_refusal(), Some("busy"));
    drop(release);
    assert_eq!(first.await.unwrap().unwrap(), "answered");
    assert_eq!(service.call(Asked::default()).await.unwrap(), "answered");
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let params = Params { max_in_flight: 1, ..Params::default() };
    let never = tower::service_fn(|_: Asked| pending::<Result<&'static str, Error>>());
    let mut service = admission(&params, &InFlight::default()).layer(never);
    for _ in 0..3 {
        let left = service.call(Asked::default());
        assert!(matches!(left, Admitted::Under { .. }));
        drop(left);
    }
}

#[tokio::test]
async fn who_came_under_earlier_limits_still_counts() {
    let in_flight = InFlight::default();
    let params = |max_in_flight| Params { max_in_flight, ..Params::default() };
    let never = tower::service_fn(|_: Asked| pending::<Result<&'static str, Error>>());
    let held = admission(&params(2), &in_flight).layer(never).call(Asked::default());
    let fewer = admission(&params(1), &in_flight);
    let ask = || fewer.layer(tower::service_fn(answer)).call(Asked::default());
    assert_eq!(code(ask().await), ProblemCode::Unavailable);
    drop(held);
    assert!(ask().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_blames_the_client_only_while_it_is_still_sending() {
    let params = Params { request_timeout: Duration::from_secs(5), ..Params::default() };
    let never = tower::service_fn(|_: Asked| pending::<Result<&'static str, Error>>());
    let mut service = admission(&params, &InFlight::default()).layer(never);

    let sending = Asked::default();
    let record = sending.record.clone();
    let begun = tokio::time::Instant::now();
    assert_eq!(code(service.call(sending).await), ProblemCode::RequestTimeout);
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(record.known_refusal(), Some("too_slow"));

    let sent = Asked::default();
    sent.record.arrived();
    let record = sent.record.clone();
    assert_eq!(code(service.call(sent).await), ProblemCode::UpstreamTimeout);
    assert_eq!(record.known_refusal(), None);
}

fn two_a_second() -> Params {
    let rate =
        RateParams { per_second: NonZeroU32::new(2).unwrap(), burst: NonZeroU32::new(3).unwrap() };
    Params { rate: Some(rate), ..Params::default() }
}

#[tokio::test]
async fn a_burst_is_let_in_a_flood_is_not_and_each_has_its_own_share() {
    let clock = FakeRelativeClock::default();
    let mut service =
        RateLayer::with_clock(&two_a_second(), clock.clone()).layer(tower::service_fn(answer));
    for _ in 0..3 {
        assert!(service.call(by("dash")).await.is_ok());
    }
    let flood = by("dash");
    let record = flood.record.clone();
    let refused = service.call(flood).await.unwrap_err();
    assert_eq!(refused.problem().code, ProblemCode::RateLimited);
    assert_eq!(refused.problem().retry_after_s, Some(1));
    assert_eq!(record.known_refusal(), Some("rate"));
    assert!(service.call(by("other")).await.is_ok());
    assert!(service.call(Asked::default()).await.is_ok());
    clock.advance(Duration::from_secs(1));
    assert!(service.call(by("dash")).await.is_ok());
    assert!(service.call(by("dash")).await.is_ok());
    assert!(service.call(by("dash")).await.is_err());
}

#[tokio::test]
async fn an_address_has_its_own_share_whoever_it_says_it_is() {
    let Params { rate, .. } = two_a_second();
    let params = Params { rate_per_address: rate, ..Params::default() };
    let layer = RateLayer::with_clock(&params, FakeRelativeClock::default());
    let service = layer.by_address().layer(layer.layer(tower::service_fn(answer)));
    let from =
        |last: u8, name: &str| Asked { address: Some(IpAddr::from([192, 0, 2, last])), ..by(name) };
    for name in ["a", "b", "c"] {
        assert!(service.clone().oneshot(from(1, name)).await.is_ok());
    }
    let flood = from(1, "d");
    let record = flood.record.clone();
    let refused = service.clone().oneshot(flood).await.unwrap_err();
    assert_eq!(refused.problem().code, ProblemCode::RateLimited);
    assert_eq!(refused.problem().retry_after_s, Some(1));
    assert_eq!(record.known_refusal(), Some("address_rate"));
    assert!(service.clone().oneshot(from(2, "a")).await.is_ok());
    // Nobody's share is limited by the credential here.
    assert!(service.clone().oneshot(by("a")).await.is_ok());
}

#[tokio::test]
async fn without_a_rate_nobody_is_refused() {
    let layer = rate(&Params::default());
    let service = layer.layer(tower::service_fn(answer));
    for _ in 0..1000 {
        assert!(service.clone().oneshot(by("dash")).await.is_ok());
    }
    // Nothing to forget: it ends by itself.
    layer.forgetting().await;
}

#[tokio::test(start_paused = true)]
async fn forgetting_ends_with_the_layer() {
    let layer = rate(&two_a_second());
    let forgetting = tokio::spawn(layer.forgetting());
    tokio::time::sleep(Duration::from_secs(150)).await;
    assert!(!forgetting.is_finished());
    drop(layer);
    forgetting.await.unwrap();
}
