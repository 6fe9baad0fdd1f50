//! A question that stands is answered as the same question put together anew, whatever happens
//! between.

use super::*;
use crate::canonical::AtHand as _;

/// What is at hand for a question that stands, and that the same is for one put together anew.
fn at_hand(cache: &Cache<Held>, standing: &Standing) -> Option<(String, Outcome)> {
    let told = |answer: Result<Response, Error>| {
        let answer = answer.unwrap();
        (String::from_utf8(answer.payload.body.to_vec()).unwrap(), answer.outcome)
    };
    let again = cache.again(standing, &Record::default()).ok().map(told);
    let anew = cache.at_hand(&mut standing.question().clone()).map(told);
    assert_eq!(again, anew);
    again
}

/// A question that stands and was found twice, so that the third time it is found where it was.
async fn found() -> (Cache<Held>, Backend, Standing) {
    let (cache, mut backend) = cache();
    let standing = Standing::new(&get("7"), &Record::default());
    assert_eq!(at_hand(&cache, &standing), None);
    filled(&cache, &mut backend, get("7"), "{\"id\":7}").await;
    for _ in 0..3 {
        assert_eq!(at_hand(&cache, &standing).unwrap(), ("{\"id\":7}".into(), hit(30)));
    }
    (cache, backend, standing)
}

#[tokio::test(start_paused = true)]
async fn what_is_found_again_is_no_younger_than_it_is() {
    let (cache, _, standing) = found().await;
    tokio::time::advance(Duration::from_millis(5)).await;
    assert_eq!(at_hand(&cache, &standing).unwrap().1, Outcome::Hit(Duration::from_millis(29_995)));
    tokio::time::advance(Duration::from_secs(29)).await;
    // Found where it is anew, and the next moment its time is over.
    assert!(at_hand(&cache, &standing).is_some());
    tokio::time::advance(Duration::from_millis(990)).await;
    assert!(at_hand(&cache, &standing).is_some());
    tokio::time::advance(Duration::from_millis(6)).await;
    assert_eq!(at_hand(&cache, &standing), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_write_moved_is_not_found_again() {
    let (cache, mut backend, standing) = found().await;
    let written = ask(&cache, update("7"));
    let call = backend.call().await;
    assert_eq!(at_hand(&cache, &standing), None);
    call.json("{\"id\":7}");
    written.await.unwrap().unwrap();
    assert_eq!(at_hand(&cache, &standing), None);
}

#[tokio::test(start_paused = true)]
async fn a_newer_answer_is_found_in_the_place_of_an_older_one() {
    let (cache, mut backend, standing) = found().await;
    // Both are fresh, and nobody wrote: only the store knows that there is another.
    let fresh = ask(&cache, Request { fresh: true, ..get("7") });
    tokio::time::advance(Duration::from_millis(1)).await;
    backend.call().await.json("{\"id\":7,\"newer\":1}");
    fresh.await.unwrap().unwrap();
    for _ in 0..3 {
        assert_eq!(at_hand(&cache, &standing).unwrap().0, "{\"id\":7,\"newer\":1}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_could_read_is_not_found_again() {
    let (cache, _, standing) = found().await;
    cache.again(&standing, &Record::default()).ok().unwrap().unwrap().payload.doubt();
    assert_eq!(at_hand(&cache, &standing), None);
}
