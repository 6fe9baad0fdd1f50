//! What is given although its time is over, and when it is not.

use super::*;
use crate::canonical::outcome::Trouble;
use crate::canonical::{Access, Facts, Principal, ReadsAs, Tenant, Viewer};

/// A question of somebody who sees the answer.
fn seen(request: Request) -> Request {
    seen_by(ReadsAs::Gateway, request)
}

fn seen_by(reads_as: ReadsAs, request: Request) -> Request {
    let principal = Principal {
        tenant: Tenant("acme".into()),
        name: "n".into(),
        actor: Actor::Gateway,
        access: Access::Read,
        act_as: false,
        reads_as,
        facts: Facts::default(),
    };
    Request { viewer: Some(Viewer { principal: Arc::new(principal), sight: None }), ..request }
}

/// As the seam asks: what is at hand first.
fn see(cache: &Cache<Held>) -> Asked {
    let mut request = seen(get("n:7"));
    match cache.at_hand(&mut request) {
        Some(answer) => tokio::spawn(std::future::ready(answer)),
        None => ask(cache, request),
    }
}

fn over(seconds: u64, code: Option<ProblemCode>) -> Outcome {
    let trouble = code.map(|code| Trouble { code, hop: None });
    Outcome::Stale { over: Duration::from_secs(seconds), trouble }
}

/// An answer of this age, and nothing else.
async fn aged(seconds: u64, json: &str) -> (Cache<Held>, Backend) {
    let (cache, mut backend) = cache();
    filled(&cache, &mut backend, get("n:7"), json).await;
    tokio::time::advance(Duration::from_secs(seconds)).await;
    (cache, backend)
}

const FAILURES: [ProblemCode; 4] = [
    ProblemCode::Unavailable,
    ProblemCode::UpstreamTimeout,
    ProblemCode::UpstreamError,
    ProblemCode::UpstreamInvalid,
];

#[tokio::test(start_paused = true)]
async fn what_is_a_little_old_is_given_at_once_and_asked_for_once_behind() {
    let (cache, mut backend) = aged(34, V1).await;
    for _ in 0..3 {
        assert_eq!(done(see(&cache)).await, (V1.to_owned(), over(4, None)));
    }
    backend.call().await.json(V2);
    assert!(backend.idle().await, "three were given the old one, one question was asked");
    assert_eq!(done(see(&cache)).await, (V2.to_owned(), hit(30)));
}

#[tokio::test(start_paused = true)]
async fn past_that_window_it_is_waited_for() {
    let (cache, mut backend) = aged(40, V1).await;
    let waits = see(&cache);
    backend.call().await.json(V2);
    assert_eq!(done(waits).await, (V2.to_owned(), Outcome::Miss { stored: true }));
}

#[tokio::test(start_paused = true)]
async fn where_the_backend_fails_the_old_one_stands_in_for_all_who_wait() {
    for code in FAILURES {
        let (cache, mut backend) = aged(50, V1).await;
        let readers = [see(&cache), see(&cache)];
        let question = backend.call().await;
        assert!(backend.idle().await);
        question.answer(Err(code.into()));
        for reader in readers {
            assert_eq!(done(reader).await, (V1.to_owned(), over(20, Some(code))));
        }
        // The window ends.
        tokio::time::advance(Duration::from_secs(280)).await;
        let late = see(&cache);
        backend.call().await.answer(Err(code.into()));
        assert_eq!(late.await.unwrap().unwrap_err().problem().code, code);
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_alone_after_waiting_is_given_the_old_one_too() {
    let (cache, mut backend) = aged(50, V1).await;
    let _first = see(&cache);
    let _slow = backend.call().await;
    let second = see(&cache);
    backend.call().await.answer(Err(ProblemCode::UpstreamTimeout.into()));
    let given = over(30, Some(ProblemCode::UpstreamTimeout));
    assert_eq!(done(second).await, (V1.to_owned(), given), "ten seconds of patience later");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_given_on_and_ends_what_was_remembered() {
    for code in [
        ProblemCode::NotFound,
        ProblemCode::Gone,
        ProblemCode::Forbidden,
        ProblemCode::UpstreamUnauthorized,
    ] {
        let (cache, mut backend) = aged(50, V1).await;
        let refused = see(&cache);
        backend.call().await.answer(Err(code.into()));
        assert_eq!(refused.await.unwrap().unwrap_err().problem().code, code);
        // The backend fails after it said that: what is gone does not come back.
        let after = see(&cache);
        backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
        assert_eq!(after.await.unwrap().unwrap_err().problem().code, ProblemCode::Unavailable);

        // The same where nobody waited for the refusal.
        let (cache, mut backend) = aged(31, V1).await;
        assert_eq!(done(see(&cache)).await.1, over(1, None));
        backend.call().await.answer(Err(code.into()));
        assert!(backend.idle().await);
        filled(&cache, &mut backend, get("n:7"), V2).await;
    }
    for code in [ProblemCode::RateLimited, ProblemCode::Internal] {
        let (cache, mut backend) = aged(50, V1).await;
        let refused = see(&cache);
        backend.call().await.answer(Err(code.into()));
        assert_eq!(refused.await.unwrap().unwrap_err().problem().code, code);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_old_is_given_after_a_write() {
    for (age, failed) in [(35, false), (35, true), (50, false), (50, true)] {
        let (cache, mut backend) = aged(age, V1).await;
        let writer = ask(&cache, update("cnv_a"));
        let change = backend.call().await;
        // Not even while it is under way: nobody knows whether it was carried out.
        let meanwhile = see(&cache);
        backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
        assert!(meanwhile.await.unwrap().is_err());
        match failed {
            true => change.answer(Err(ProblemCode::UpstreamTimeout.into())),
            false => change.json(V2),
        };
        assert_eq!(writer.await.unwrap().is_err(), failed);
        let after = see(&cache);
        backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
        assert!(after.await.unwrap().is_err(), "{age}, {failed}");
    }
}

/// A write that ends while the question for the old answer is under way.
#[tokio::test(start_paused = true)]
async fn a_write_during_the_question_takes_the_old_one_out() {
    let (cache, mut backend) = aged(50, V1).await;
    let reader = see(&cache);
    let question = backend.call().await;
    let writer = ask(&cache, update("n:7"));
    backend.call().await.json(V2);
    done(writer).await;
    question.answer(Err(ProblemCode::Unavailable.into()));
    assert!(reader.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_old_is_given_past_a_time_inside_it() {
    let snoozed = r#"{"id":"cnv_a","snooze":{"until":"2026-11-21T10:00:45Z"}}"#;
    let (cache, mut backend) = aged(40, snoozed).await;
    let reader = see(&cache);
    backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
    assert_eq!(done(reader).await.1, over(10, Some(ProblemCode::Unavailable)));
    tokio::time::advance(Duration::from_secs(5)).await;
    let reader = see(&cache);
    backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
    assert!(reader.await.unwrap().is_err(), "the snooze has ended");

    let soon = r#"{"id":"cnv_a","snooze":{"until":"2026-11-21T10:00:12Z"}}"#;
    let (cache, mut backend) = aged(12, soon).await;
    filled(&cache, &mut backend, get("n:7"), V2).await;
}

/// Who is asking is told by the backend, or not at all.
#[tokio::test(start_paused = true)]
async fn the_gateways_own_look_ups_are_given_nothing_old() {
    let (cache, mut backend) = aged(35, V1).await;
    let look_up = ask(&cache, get("n:7"));
    backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
    assert!(look_up.await.unwrap().is_err());
    // Nor is one that waits with others who are.
    let readers = (see(&cache), ask(&cache, get("n:7")));
    assert_eq!(done(readers.0).await.1, over(5, None));
    backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
    assert!(readers.1.await.unwrap().is_err());
}

/// What they may see may have changed, and only the backend knows.
#[tokio::test(start_paused = true)]
async fn whoever_the_backend_judges_at_every_read_is_given_nothing_old() {
    let theirs = || Request { actor: Actor::Agent("n:9".into()), ..get("n:7") };
    let (cache, mut backend) = cache();
    filled(&cache, &mut backend, theirs(), V1).await;
    tokio::time::advance(Duration::from_secs(35)).await;
    let reader = ask(&cache, seen_by(ReadsAs::Actor, theirs()));
    backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
    assert!(reader.await.unwrap().is_err());
    assert_eq!(done(ask(&cache, seen(theirs()))).await.1, over(5, None));
}

#[tokio::test(start_paused = true)]
async fn a_fresh_read_is_given_nothing_old() {
    let (cache, mut backend) = aged(35, V1).await;
    let fresh = ask(&cache, Request { fresh: true, ..seen(get("n:7")) });
    backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
    assert!(fresh.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_operator_says_how_old_at_most() {
    let params = |seconds| Params {
        stale_if_error: Duration::from_secs(seconds),
        stale_while_revalidate: Duration::from_secs(seconds),
        ..Params::default()
    };
    for seconds in [0, 3] {
        let (held, mut backend) = held();
        let cache = layer_of(&params(seconds)).layer(held);
        filled(&cache, &mut backend, get("n:7"), V1).await;
        tokio::time::advance(Duration::from_secs(32)).await;
        let reader = see(&cache);
        if seconds == 3 {
            assert_eq!(done(reader).await.1, over(2, None));
            backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
        } else {
            backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
            assert!(reader.await.unwrap().is_err());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        let reader = see(&cache);
        backend.call().await.answer(Err(ProblemCode::Unavailable.into()));
        assert!(reader.await.unwrap().is_err(), "{seconds}");
    }
}

/// A question for what is old goes on though the backend does not answer, and holds nobody up.
#[tokio::test(start_paused = true)]
async fn what_is_asked_behind_holds_nobody_up() {
    let (cache, mut backend) = aged(31, V1).await;
    assert_eq!(done(see(&cache)).await.1, over(1, None));
    let question = backend.call().await;
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(done(see(&cache)).await.1, over(6, None));
    assert!(backend.idle().await);
    question.answer(Err(ProblemCode::UpstreamTimeout.into()));
    assert!(backend.idle().await);
    // The one before has failed: the next asks again.
    assert_eq!(done(see(&cache)).await.1, over(6, None));
    backend.call().await.json(V2);
    assert!(backend.idle().await);
    assert_eq!(done(see(&cache)).await, (V2.to_owned(), hit(30)));
}
