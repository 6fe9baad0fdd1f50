//! A question that stands is answered as the same question put together anew, whatever happens
//! between.

use tokio::time::Instant;

use super::*;
use crate::cache::again::Place;
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

/// Whether moka need not be asked for a question that stands.
fn is_known(cache: &Cache<Held>, standing: &Standing) -> bool {
    let place = standing.place(|_| None::<Place>).unwrap();
    place.again(&cache.shared, Instant::now()).is_some()
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

#[tokio::test(start_paused = true)]
async fn it_is_known_where_it_is_until_its_part_is_changed_or_moka_is_to_be_asked() {
    let (cache, mut backend, standing) = found().await;
    assert!(is_known(&cache, &standing));
    let part = |id: &str| {
        let key = cache.key(&get(id)).unwrap();
        format!("{:?}", cache.shared.store.part(key.bytes()))
    };
    let other = (8..).map(|id| id.to_string()).find(|id| part(id) != part("7")).unwrap();
    filled(&cache, &mut backend, get(&other), V1).await;
    assert!(is_known(&cache, &standing), "what was put in is of another part");
    // Moka is asked by one for all who want the same.
    tokio::time::advance(Duration::from_millis(20)).await;
    assert!(!is_known(&cache, &standing));
    let same = Standing::new(&get("7"), &Record::default());
    assert!(at_hand(&cache, &same).is_some());
    assert!(is_known(&cache, &standing));
    let same = (8..).map(|id| id.to_string()).find(|id| part(id) == part("7")).unwrap();
    filled(&cache, &mut backend, get(&same), V1).await;
    assert!(!is_known(&cache, &standing));
}

#[tokio::test(start_paused = true)]
async fn that_it_cannot_be_stored_is_known_until_the_mark_is_old_or_gone() {
    let (cache, mut backend) = cache();
    let standing = Standing::new(&get("7"), &Record::default());
    let asked = |cache: &Cache<Held>| ask(cache, standing.request(&Record::default()));
    let alone = |seen| matches!(seen, Err(Seen::Alone(_)));
    assert!(matches!(cache.again(&standing, &Record::default()), Err(Seen::Nothing)));
    let private = asked(&cache);
    backend.call().await.answer(no_store());
    private.await.unwrap().unwrap();
    assert!(!is_known(&cache, &standing));
    for _ in 0..2 {
        assert!(alone(cache.again(&standing, &Record::default())));
        assert!(is_known(&cache, &standing));
    }
    // Half of its time is over: whoever asks now sets it anew.
    tokio::time::advance(Duration::from_millis(2_500)).await;
    assert!(!is_known(&cache, &standing));
    assert!(alone(cache.again(&standing, &Record::default())));
    let private = asked(&cache);
    backend.call().await.answer(no_store());
    private.await.unwrap().unwrap();
    assert!(alone(cache.again(&standing, &Record::default())));
    assert!(is_known(&cache, &standing));
    // It can be stored after all.
    let shared = asked(&cache);
    backend.call().await.json(V1);
    shared.await.unwrap().unwrap();
    assert!(!is_known(&cache, &standing));
    assert_eq!(at_hand(&cache, &standing).unwrap().0, V1);
}
