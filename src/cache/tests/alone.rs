//! Hit-for-miss: answers that cannot be stored, and who waits for whom.

use super::*;

/// Its tags cannot be told.
const BROKEN: &str = r#"{"id":"cnv_a""#;

const ALONE: Outcome = Outcome::Bypass(Why::HitForMiss);
const MISSED: Outcome = Outcome::Miss { stored: false };

#[tokio::test(start_paused = true)]
async fn an_answer_for_one_releases_all_who_wait_at_once_and_is_remembered_as_such() {
    type Unstorable = fn() -> Result<Response, Error>;
    let large = || answer(&format!(r#"{{"id":"{}"}}"#, "x".repeat(5_000)));
    for unstorable in [(|| answer(BROKEN)) as Unstorable, no_store, large] {
        let (held, mut backend) = held();
        let cache = layer_of(&Params { max_bytes: 40_000, ..Params::default() }).layer(held);
        let readers: Vec<_> = (0..20).map(|_| ask(&cache, get("n:7"))).collect();
        let question = backend.call().await;
        assert!(backend.idle().await, "nobody knows it yet");
        question.answer(unstorable());
        let mut questions = Vec::new();
        for _ in 1..20 {
            questions.push(backend.call().await);
        }
        // All of them are asked before one of them is answered; so are those who come now.
        let later = [ask(&cache, get("n:7")), ask(&cache, get("n:7"))];
        for _ in 0..2 {
            questions.push(backend.call().await);
        }
        for question in questions {
            question.answer(unstorable());
        }
        for reader in readers {
            assert_eq!(done(reader).await.1, MISSED);
        }
        for reader in later {
            assert_eq!(done(reader).await.1, ALONE);
        }
        // Once that is some seconds ago, one is asked for all again.
        tokio::time::advance(Duration::from_secs(5)).await;
        let readers = [ask(&cache, get("n:7")), ask(&cache, get("n:7"))];
        let question = backend.call().await;
        assert!(backend.idle().await);
        question.json(V1);
        assert_eq!(done(backend_first(readers).await).await.0, V1);
    }
}

/// The second of two, once the first is done.
async fn backend_first([first, second]: [Asked; 2]) -> Asked {
    done(first).await;
    second
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_can_be_stored_after_all_is() {
    let (cache, mut backend) = cache();
    let first = ask(&cache, get("n:7"));
    backend.call().await.json(BROKEN);
    assert_eq!(done(first).await.1, MISSED);
    let second = ask(&cache, get("n:7"));
    backend.call().await.json(V1);
    assert_eq!(done(second).await.1, Outcome::Miss { stored: true });
    assert_eq!(done(ask(&cache, get("n:7"))).await.1, hit(30));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_stored_ends_what_was_remembered() {
    let (cache, mut backend) = cache();
    filled(&cache, &mut backend, get("n:7"), V1).await;
    tokio::time::advance(Duration::from_secs(40)).await;
    let private = ask(&cache, get("n:7"));
    backend.call().await.answer(no_store());
    assert_eq!(done(private).await.1, MISSED);
    tokio::time::advance(Duration::from_secs(5)).await;
    let failed = ask(&cache, get("n:7"));
    backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
    assert!(failed.await.unwrap().is_err());
}

#[tokio::test]
async fn a_failure_of_one_is_nobody_elses() {
    let (cache, mut backend) = cache();
    let first = ask(&cache, get("n:7"));
    backend.call().await.json(BROKEN);
    done(first).await;
    let readers = [ask(&cache, get("n:7")), ask(&cache, get("n:7"))];
    let questions = [backend.call().await, backend.call().await];
    let [one, other] = questions;
    one.answer(Err(ProblemCode::UpstreamError.into()));
    other.json(V1);
    let mut failed = 0;
    for reader in readers {
        failed += usize::from(reader.await.unwrap().is_err());
    }
    assert_eq!(failed, 1);
}

/// Asked as a request is: what is at hand is looked for first.
fn after_a_look(cache: &Cache<Held>, mut request: Request) -> Asked {
    assert!(cache.at_hand(&mut request).is_none());
    ask(cache, request)
}

#[tokio::test(start_paused = true)]
async fn who_asks_alone_sets_the_mark_anew_only_when_it_gets_old() {
    let (cache, mut backend) = cache();
    let first = ask(&cache, get("n:7"));
    backend.call().await.answer(no_store());
    assert_eq!(done(first).await.1, MISSED);
    let sets = || cache.shared.store.removed(Removal::Replaced);
    for (advance, replaced) in [(0, 0), (2, 0), (1, 1), (2, 1), (1, 2), (4, 3)] {
        tokio::time::advance(Duration::from_secs(advance)).await;
        let alone = after_a_look(&cache, get("n:7"));
        backend.call().await.answer(no_store());
        assert_eq!(done(alone).await.1, ALONE);
        assert_eq!(sets(), replaced);
    }
}

/// What cannot be stored ends whatever was asked before it, although the mark that it saw was young.
#[tokio::test(start_paused = true)]
async fn an_older_answer_that_came_in_the_place_of_the_mark_goes() {
    for refused in [false, true] {
        let (cache, mut backend) = cache();
        let first = ask(&cache, get("n:7"));
        backend.call().await.answer(no_store());
        done(first).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        let earlier = after_a_look(&cache, get("n:7"));
        let stored = backend.call().await;
        let other = after_a_look(&cache, get("n:7"));
        let between = backend.call().await;
        tokio::time::advance(Duration::from_millis(10)).await;
        let later = after_a_look(&cache, get("n:7"));
        let private = backend.call().await;
        if refused {
            // The mark is gone before anything is stored in its place.
            between.answer(Err(ProblemCode::NotFound.into()));
            assert!(other.await.unwrap().is_err());
        }
        stored.json(V1);
        assert_eq!(done(earlier).await.1, Outcome::Miss { stored: true });
        private.answer(no_store());
        assert_eq!(done(later).await.1, ALONE);
        let next = after_a_look(&cache, get("n:7"));
        backend.call().await.json(V2);
        assert_eq!(done(next).await.0, V2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_of_a_request_is_not_seen_of_its_copy() {
    let (cache, mut backend) = cache();
    let mut request = get("n:7");
    assert!(cache.at_hand(&mut request).is_none());
    assert!(matches!(request.seen, Seen::Nothing));
    filled(&cache, &mut backend, get("n:7"), V1).await;
    assert_eq!(done(ask(&cache, request.clone())).await.1, hit(30));
    // It looks again before it asks: another may have been quicker.
    assert_eq!(done(ask(&cache, request)).await.1, hit(30));
    assert!(backend.idle().await);
}
