//! The cache over a held backend. No test sleeps: the clock is tokio's, paused.

mod again;
mod alone;
mod old;
mod weight;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use super::*;
use crate::cache::testing::{Backend, Held, answer, held, operation, request, template};
use crate::canonical::Actor;
use crate::canonical::contract::Moved;
use bytes::Bytes;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

/// Operations of the tests, by number.
const GET: u16 = 0;
const UPDATE: u16 = 1;
const MINE: u16 = 2;
const CONTENT: u16 = 3;
const SEARCH: u16 = 4;

fn operations() -> Vec<Operation> {
    let ttl = Some(Duration::from_secs(30));
    let names = || {
        vec![
            template(&["conv:", "?1"]),
            template(&["conv:", "$id"]),
            template(&["conv:n:", "$number"]),
            template(&["conv:u:", "$uuid"]),
        ]
    };
    let mut get = operation("conversations.get", "GET");
    get.cache.ttl = ttl;
    get.cache.stale_while_revalidate = Duration::from_secs(10);
    get.cache.stale_if_error = Duration::from_secs(300);
    get.cache.tags = names();
    get.cache.until = vec![vec!["snooze".into(), "until".into()]];
    let mut update = operation("conversations.update", "PATCH");
    update.cache.invalidates =
        names().into_iter().map(|tag| Moved { tag, unless_only: Vec::new() }).collect();
    let mut mine = operation("me.get", "GET");
    mine.cache.ttl = ttl;
    mine.cache.per_actor = true;
    let mut search = operation("conversations.search", "POST");
    search.safe = true;
    search.cache.ttl = ttl;
    vec![get, update, mine, operation("attachments.content", "GET"), search]
}

const WALL: u64 = 1_795_255_200; // 2026-11-21T10:00:00Z

fn layer_of(params: &Params) -> CacheLayer {
    let wall = || UNIX_EPOCH + Duration::from_secs(WALL);
    CacheLayer::new(Table::new(), params, &operations(), Box::new(wall))
}

fn cache() -> (Cache<Held>, Backend) {
    let (held, backend) = held();
    (layer_of(&Params::default()).layer(held), backend)
}

type Asked = JoinHandle<Result<Response, Error>>;

fn ask(cache: &Cache<Held>, request: Request) -> Asked {
    tokio::spawn(cache.clone().oneshot(request))
}

fn get(id: &str) -> Request {
    request("acme", GET, &["1", id])
}

fn update(id: &str) -> Request {
    request("acme", UPDATE, &["1", id])
}

async fn done(asked: Asked) -> (String, Outcome) {
    let response = asked.await.unwrap().unwrap();
    (String::from_utf8(response.payload.body.to_vec()).unwrap(), response.outcome)
}

/// Asks, and lets the backend answer.
async fn filled(cache: &Cache<Held>, backend: &mut Backend, request: Request, json: &str) {
    let asked = ask(cache, request);
    backend.call().await.json(json);
    assert_eq!(done(asked).await, (json.to_owned(), Outcome::Miss { stored: true }));
}

fn hit(seconds: u64) -> Outcome {
    Outcome::Hit(Duration::from_secs(seconds))
}

/// An answer that the backend forbids to store.
fn no_store() -> Result<Response, Error> {
    let mut payload = Payload::new(200, Bytes::from_static(V1.as_bytes()), None);
    payload.no_store = true;
    let outcome = Outcome::Miss { stored: false };
    Ok(Response { payload: Arc::new(payload), outcome })
}

const V1: &str = r#"{"id":"cnv_a","number":7,"uuid":"u-1","v":1}"#;
const V2: &str = r#"{"id":"cnv_a","number":7,"uuid":"u-1","v":2}"#;

#[test]
fn the_shipped_contract_is_taken() {
    let contract = crate::canonical::contract::tests::embedded();
    let stats = layer(Table::new(), &Params::default(), &contract).stats();
    let get = contract.operation("conversations.get").unwrap();
    assert_eq!((stats.flights(), stats.entries(), stats.bytes()), (0, 0, 0));
    assert_eq!(contract.get(get).cache.until.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_again_until_its_time_is_over() {
    let (cache, mut backend) = cache();
    filled(&cache, &mut backend, get("n:7"), V1).await;
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(done(ask(&cache, get("n:7"))).await, (V1.to_owned(), hit(20)));
    tokio::time::advance(Duration::from_secs(20)).await;
    filled(&cache, &mut backend, get("n:7"), V2).await;
    assert!(backend.idle().await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_changes_by_itself_is_given_no_longer_than_that() {
    let (cache, mut backend) = cache();
    let snoozed = r#"{"id":"cnv_a","snooze":{"until":"2026-11-21T10:00:12Z"}}"#;
    filled(&cache, &mut backend, get("n:7"), snoozed).await;
    assert_eq!(done(ask(&cache, get("n:7"))).await.1, hit(12));
    tokio::time::advance(Duration::from_secs(12)).await;
    filled(&cache, &mut backend, get("n:7"), V1).await;
}

#[tokio::test]
async fn an_answer_to_a_question_older_than_a_write_is_not_stored() {
    let (cache, mut backend) = cache();
    let reader = ask(&cache, get("n:7"));
    let question = backend.call().await;
    let writer = ask(&cache, update("n:7"));
    backend.call().await.json(V2);
    assert_eq!(done(writer).await.1, Outcome::Bypass(Why::Write));
    // The backend had answered before the write, but the answer arrives only now.
    question.json(V1);
    assert_eq!(done(reader).await, (V1.to_owned(), Outcome::Miss { stored: false }));
    filled(&cache, &mut backend, get("n:7"), V2).await;
}

#[tokio::test]
async fn an_answer_to_a_question_asked_during_a_write_is_forgotten_at_its_end() {
    let (cache, mut backend) = cache();
    let writer = ask(&cache, update("n:7"));
    let change = backend.call().await;
    filled(&cache, &mut backend, get("n:7"), V1).await;
    let meanwhile = done(ask(&cache, get("n:7"))).await;
    assert_eq!(meanwhile.1.label(), "hit", "the write has not ended");
    change.json(V2);
    done(writer).await;
    filled(&cache, &mut backend, get("n:7"), V2).await;
}

#[tokio::test]
async fn who_asks_after_a_write_does_not_wait_for_a_flight_from_before_it() {
    let (cache, mut backend) = cache();
    let early = ask(&cache, get("n:7"));
    let question = backend.call().await;
    let waited = ask(&cache, get("n:7"));
    assert!(backend.idle().await);
    let writer = ask(&cache, update("n:7"));
    backend.call().await.json(V2);
    done(writer).await;
    let late = ask(&cache, get("n:7"));
    assert!(backend.idle().await, "it boards the flight, for other writes are many");
    question.json(V1);
    assert_eq!(done(early).await.0, V1);
    assert_eq!(done(waited).await, (V1.to_owned(), Outcome::Collapsed));
    backend.call().await.json(V2);
    assert_eq!(done(late).await, (V2.to_owned(), Outcome::Miss { stored: true }));
}

#[tokio::test]
async fn a_write_by_any_name_is_seen_by_readers_of_every_name() {
    for name in ["n:7", "cnv_a", "u:u-1"] {
        for reader in ["n:7", "cnv_a", "u:u-1"] {
            let (cache, mut backend) = cache();
            filled(&cache, &mut backend, get(reader), V1).await;
            let writer = ask(&cache, update(name));
            backend.call().await.json(V2);
            done(writer).await;
            filled(&cache, &mut backend, get(reader), V2).await;
        }
    }
}

#[tokio::test]
async fn a_write_that_fails_may_have_changed_something() {
    let (cache, mut backend) = cache();
    filled(&cache, &mut backend, get("n:7"), V1).await;
    let writer = ask(&cache, update("n:7"));
    let change = backend.call().await;
    // Somebody reads while the write is under way.
    filled(&cache, &mut backend, get("n:7"), V1).await;
    change.answer(Err(ProblemCode::UpstreamTimeout.into()));
    assert!(writer.await.unwrap().is_err());
    filled(&cache, &mut backend, get("n:7"), V2).await;
}

#[tokio::test]
async fn a_write_whose_client_left_or_whose_task_panicked_is_still_seen() {
    let (cache, mut backend) = cache();
    let writer = ask(&cache, update("n:7"));
    let change = backend.call().await;
    writer.abort();
    assert!(writer.await.unwrap_err().is_cancelled());
    filled(&cache, &mut backend, get("n:7"), V1).await;
    assert!(change.json(V2), "the write goes on without its client");
    assert!(backend.idle().await);
    filled(&cache, &mut backend, get("n:7"), V2).await;

    let writer = ask(&cache, update("n:7"));
    drop(backend.call().await);
    let error = writer.await.unwrap().unwrap_err();
    assert_eq!(error.problem().code, ProblemCode::Internal);
    filled(&cache, &mut backend, get("n:7"), V1).await;
}

#[tokio::test]
async fn a_thousand_readers_are_one_question() {
    let (cache, mut backend) = cache();
    let readers: Vec<_> = (0..1_000).map(|_| ask(&cache, get("n:7"))).collect();
    let question = backend.call().await;
    assert!(backend.idle().await);
    question.json(V1);
    let mut collapsed = 0;
    for reader in readers {
        let (body, outcome) = done(reader).await;
        assert_eq!(body, V1);
        collapsed += usize::from(outcome == Outcome::Collapsed);
    }
    assert_eq!(collapsed, 999);
    assert!(backend.idle().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_readers_on_several_threads_are_one_question() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let inner = tower::service_fn(move |_: Request| {
        count.fetch_add(1, Ordering::SeqCst);
        async {
            tokio::task::yield_now().await;
            answer(V1)
        }
    });
    let cache = layer_of(&Params::default()).layer(inner);
    let readers: Vec<_> =
        (0..1_000).map(|_| tokio::spawn(cache.clone().oneshot(get("n:7")))).collect();
    for reader in readers {
        reader.await.unwrap().unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_flight_goes_on_when_the_client_who_began_it_leaves() {
    let (cache, mut backend) = cache();
    let first = ask(&cache, get("n:7"));
    let question = backend.call().await;
    let second = ask(&cache, get("n:7"));
    assert!(backend.idle().await);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert!(question.json(V1));
    assert_eq!(done(second).await, (V1.to_owned(), Outcome::Collapsed));
    assert_eq!(done(ask(&cache, get("n:7"))).await.1.label(), "hit");
}

#[tokio::test]
async fn a_failure_is_told_to_those_who_wait_and_to_nobody_later() {
    let (cache, mut backend) = cache();
    let readers = [ask(&cache, get("n:7")), ask(&cache, get("n:7"))];
    let question = backend.call().await;
    assert!(backend.idle().await);
    let failure = Error::from(ProblemCode::UpstreamError).within("inside");
    question.answer(Err(failure.because("the cause")));
    for reader in readers {
        let error = reader.await.unwrap().unwrap_err();
        assert_eq!(error.problem().code, ProblemCode::UpstreamError);
        assert_eq!(error.context(), Some("inside: the cause"));
    }
    filled(&cache, &mut backend, get("n:7"), V1).await;

    // A flight that panics is not waited for for ever.
    let readers = [ask(&cache, get("n:8")), ask(&cache, get("n:8"))];
    let question = backend.call().await;
    assert!(backend.idle().await);
    drop(question);
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap_err().problem().code, ProblemCode::Internal);
    }
    filled(&cache, &mut backend, get("n:8"), V1).await;
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_long_enough_asks_alone() {
    let (cache, mut backend) = cache();
    let first = ask(&cache, get("n:7"));
    let slow = backend.call().await;
    let second = ask(&cache, get("n:7"));
    // The clock runs on by itself, for there is nothing else to do.
    backend.call().await.json(V2);
    assert_eq!(done(second).await, (V2.to_owned(), Outcome::Miss { stored: true }));
    slow.json(V1);
    assert_eq!(done(first).await.0, V1);
    assert_eq!(done(ask(&cache, get("n:7"))).await.0, V2, "an older question replaces no newer");
}

#[tokio::test]
async fn a_fresh_read_asks_and_its_answer_is_stored() {
    let (cache, mut backend) = cache();
    filled(&cache, &mut backend, get("n:7"), V1).await;
    let fresh = ask(&cache, Request { fresh: true, ..get("n:7") });
    backend.call().await.json(V2);
    assert_eq!(done(fresh).await, (V2.to_owned(), Outcome::Bypass(Why::Fresh)));
    assert_eq!(done(ask(&cache, get("n:7"))).await.0, V2);

    let fresh = ask(&cache, Request { fresh: true, ..get("n:9") });
    let question = backend.call().await;
    let writer = ask(&cache, update("n:9"));
    backend.call().await.json(V2);
    done(writer).await;
    question.json(V1);
    done(fresh).await;
    filled(&cache, &mut backend, get("n:9"), V2).await;
}

#[tokio::test]
async fn tenants_and_actors_are_kept_apart() {
    let (cache, mut backend) = cache();
    filled(&cache, &mut backend, get("n:7"), V1).await;
    filled(&cache, &mut backend, request("other", GET, &["1", "n:7"]), V2).await;
    let writer = ask(&cache, update("n:7"));
    backend.call().await.json(V2);
    done(writer).await;
    let other = ask(&cache, request("other", GET, &["1", "n:7"]));
    assert_eq!(done(other).await.1.label(), "hit", "another tenant's write");

    let mine =
        |id: &str| Request { actor: Actor::Agent(id.into()), ..request("acme", MINE, &["1"]) };
    filled(&cache, &mut backend, mine("1"), "{\"me\":1}").await;
    filled(&cache, &mut backend, mine("2"), "{\"me\":2}").await;
    assert_eq!(done(ask(&cache, mine("1"))).await.0, "{\"me\":1}");
    // An object is one for all who read it as the gateway, and whoever reads it as themself has
    // their own.
    filled(&cache, &mut backend, get("n:8"), V1).await;
    assert_eq!(done(ask(&cache, get("n:8"))).await.1.label(), "hit");
    let agent = Request { actor: Actor::Agent("1".into()), ..get("n:8") };
    filled(&cache, &mut backend, agent, V2).await;
}

#[tokio::test]
async fn what_may_not_be_stored_is_asked_each_time() {
    let (cache, mut backend) = cache();
    let long = Request { body: Bytes::from(vec![b' '; 5_000]), ..request("acme", SEARCH, &["1"]) };
    for request in [request("acme", CONTENT, &["1", "att_1"]), long] {
        for _ in 0..2 {
            let asked = ask(&cache, request.clone());
            backend.call().await.json(V1);
            assert_eq!(done(asked).await.1, Outcome::Bypass(Why::Uncacheable));
        }
    }
}

#[tokio::test]
async fn switched_off_nothing_is_stored() {
    let (held, mut backend) = held();
    let cache = layer_of(&Params { enabled: false, ..Params::default() }).layer(held);
    for _ in 0..2 {
        let asked = ask(&cache, get("n:7"));
        backend.call().await.json(V1);
        assert_eq!(done(asked).await.1, Outcome::Bypass(Why::Off));
    }
    let unknown = cache.clone().oneshot(request("acme", 99, &[])).await.unwrap_err();
    assert_eq!(unknown.problem().code, ProblemCode::Internal);
}

#[tokio::test]
async fn a_failure_is_noted_with_what_the_cache_did_but_not_for_the_gateways_own_look_ups() {
    use crate::canonical::{Access, Facts, Principal, ReadsAs, Tenant, Viewer};
    let (cache, mut backend) = cache();
    let tenant = Tenant("acme".into());
    let principal = Principal {
        tenant,
        name: "n".into(),
        actor: Actor::Gateway,
        access: Access::Read,
        act_as: false,
        reads_as: ReadsAs::default(),
        facts: Facts::default(),
    };
    let viewer = Viewer { principal: Arc::new(principal), sight: None };
    for (viewer, noted) in [(None, None), (Some(viewer), Some(Outcome::Miss { stored: false }))] {
        let request = Request { viewer, ..get("n:7") };
        let record = request.record.clone();
        let asked = ask(&cache, request);
        backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
        assert!(asked.await.unwrap().is_err());
        assert_eq!(record.known_cache(), noted);
    }
}
