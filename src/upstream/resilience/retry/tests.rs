use super::*;
use crate::canonical::ProblemCode;
use crate::error::Error;
use crate::upstream::classify::Kind;
use crate::upstream::resilience::Unheard;
use crate::upstream::resilience::budget;

const MS: Duration = Duration::from_millis(1);

fn trouble(kind: Kind, retry_after: Option<Duration>) -> Trouble {
    Trouble { error: Error::from(ProblemCode::UpstreamError), kind, retry_after }
}

fn retry(budget: budget::Params) -> Retry {
    let backoff = Backoff { min: 50 * MS, max: 1_000 * MS };
    let params = Params { attempts: 3, backoff, budget, ..Params::default() };
    Retry::new(&params, Arc::new(Unheard))
}

fn deadline(ms: u32) -> Deadline {
    Deadline::begin(Instant::now(), ms * MS, None, true).unwrap()
}

#[test]
fn pauses_double_up_to_the_longest_and_half_of_each_is_chance() {
    let backoff = Backoff { min: 50 * MS, max: 300 * MS };
    for (attempts, least, most) in [(1, 25, 50), (2, 50, 100), (3, 100, 200), (4, 150, 300)] {
        assert_eq!(backoff.pause(attempts, 0), least * MS);
        assert_eq!(backoff.pause(attempts, u32::MAX), most * MS);
        let between = backoff.pause(attempts, u32::MAX / 2);
        assert!(least * MS < between && between < most * MS);
    }
    assert_eq!(backoff.pause(u32::MAX, u32::MAX), 300 * MS);
    let different: std::collections::BTreeSet<u32> = (0..32).map(|_| chance()).collect();
    assert!(different.len() > 16, "chance is none: {different:?}");
}

#[tokio::test(start_paused = true)]
async fn only_what_changes_nothing_or_was_not_sent_is_asked_again() {
    let retry = retry(budget::Params::default());
    for (kind, read, write) in [
        (Kind::Connect, true, true),
        (Kind::Broken, true, false),
        (Kind::Timeout, true, false),
        (Kind::BadGateway, true, false),
        (Kind::Unavailable, true, false),
        (Kind::GatewayTimeout, true, false),
        (Kind::RateLimited, true, false),
        (Kind::CutShort, false, false),
        (Kind::Invalid, false, false),
        (Kind::Failed, false, false),
        (Kind::Refused, false, false),
        (Kind::Open, false, false),
    ] {
        for (safe, again) in [(true, read), (false, write)] {
            let mut round = retry.begin(safe, deadline(10_000), Instant::now());
            round.attempt();
            assert_eq!(round.again(&trouble(kind, None)).is_some(), again, "{kind:?} {safe}");
        }
        // Whatever is repeated has a word that metrics know.
        assert_eq!(crate::upstream::REASONS.contains(&kind.word()), read, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_and_the_last_one_is_not_ended_early() {
    let retry = retry(budget::Params::default());
    let early = Some(Params::default().attempt_timeout);
    let mut read = retry.begin(true, deadline(10_000), Instant::now());
    let broken = trouble(Kind::Broken, None);
    assert_eq!(read.attempt(), early);
    assert!(read.again(&broken).is_some());
    assert_eq!(read.attempt(), early);
    assert!(read.again(&broken).is_some());
    assert_eq!(read.attempt(), None);
    assert!(read.again(&broken).is_none());
    assert_eq!(
        retry.begin(false, deadline(10_000), Instant::now()).attempt(),
        None,
        "a write is not ended early"
    );
}

#[tokio::test(start_paused = true)]
async fn a_backend_is_never_asked_before_the_time_it_names() {
    let retry = retry(budget::Params::default());
    let again = |wanted: u32, left: u32| {
        let mut round = retry.begin(true, deadline(left), Instant::now());
        round.attempt();
        round.again(&trouble(Kind::Unavailable, Some(wanted * MS)))
    };
    assert_eq!(again(700, 10_000), Some(700 * MS));
    assert!(again(1, 10_000).is_some_and(|pause| pause >= 25 * MS), "a pause is one of ours");
    assert_eq!(again(1_001, 10_000), None, "longer than the longest pause");
    assert_eq!(again(700, 700), None, "longer than the call");
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_does_not_fit_ends_the_call_and_costs_nothing() {
    let retry = retry(budget::Params { percent: 0, min_per_second: 1 });
    let mut round = retry.begin(true, deadline(20), Instant::now());
    round.attempt();
    assert!(round.again(&trouble(Kind::Broken, None)).is_none());
    assert_eq!(retry.spent(), Spent { made: 0, refused: 0, left: 10 });
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_ends_retries() {
    let retry = retry(budget::Params { percent: 0, min_per_second: 1 });
    let again = || {
        let mut round = retry.begin(true, deadline(10_000), Instant::now());
        round.attempt();
        round.again(&trouble(Kind::Broken, None)).is_some()
    };
    assert_eq!((0..15).filter(|_| again()).count(), 10);
    assert_eq!(retry.spent(), Spent { made: 10, refused: 5, left: 0 });
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(again());
}
