//! What happens to conversations while the way to the backend fails: clients of four dialects read and
//! write, every call is kept, and a checker says whether a correct gateway can have answered so.
//!
//! `cargo test` runs a short one. `make history` runs a longer one and keeps the record:
//! `HISTORY_SECONDS` and `HISTORY_SEED` say how long and which.

mod judge;
mod planted;
mod record;
mod register;
mod report;
mod run;
mod speak;

use std::time::Duration;

use judge::{Promise, judge};
use report::Sum;
use run::{Ran, Size};
use speak::Lives;

/// How long a request may wait for another's flight, and how long a stale answer may be given.
const PROMISE: Promise = Promise { flight: 10_000_000, stale: 300 };

#[expect(clippy::disallowed_methods, reason = "a test has no configuration to read it from")]
fn number(name: &str) -> Option<u64> {
    let given = std::env::var(name).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{name}={given}: not a number")))
}

/// Says what is wrong with a run; the record is kept where something is.
fn passed(ran: &Ran, sum: &Sum, size: &Size) {
    let broken = judge(&ran.history, PROMISE);
    let odd: Vec<_> =
        sum.failed.keys().filter(|s| !matches!(s, 0 | 200 | 429 | 502 | 503 | 504)).collect();
    if broken.is_empty() && odd.is_empty() && sum.repeated.is_empty() {
        return;
    }
    let file = report::write(&ran.history, "history-broken.jsonl");
    let first: Vec<String> = broken.iter().take(20).map(ToString::to_string).collect();
    panic!(
        "{}\n{} things are wrong, the first of them:\n{}\nstatuses that no fault explains: {odd:?}\n\
         sent more than once: {:?}\nthe record is {}",
        sum.text(ran, size),
        broken.len(),
        first.join("\n"),
        sum.repeated,
        file.display()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_once_in_order_and_seen() {
    let seconds = number("HISTORY_SECONDS");
    let seed = number("HISTORY_SEED").unwrap_or(1);
    let size = match seconds {
        // Times to live so short that they are over within the run.
        None => Size {
            seed,
            conversations: 3,
            writers: 1,
            readers: 1,
            steps: 6,
            time: Duration::ZERO,
            lives: Some(Lives { list: 1, conversation: 2, labels: 1 }),
        },
        Some(seconds) => Size {
            seed,
            conversations: 12,
            writers: 2,
            readers: 4,
            steps: 20,
            time: Duration::from_secs(seconds),
            lives: None,
        },
    };
    let ran = run::run(&size).await;
    let sum = Sum::of(&ran);
    passed(&ran, &sum, &size);
    if seconds.is_some() {
        let file = report::write(&ran.history, "history.jsonl");
        println!(
            "{}nothing is wrong with it; the record is {}",
            sum.text(&ran, &size),
            file.display()
        );
    }
    // It was a run worth the name.
    for (word, least) in
        [("write: acknowledged", 40), ("set: acknowledged", 3), ("write: unknown", 5)]
    {
        assert!(sum.count(word) >= least, "{word}\n{}", sum.text(&ran, &size));
    }
    for claim in ["hit", "asked"] {
        assert!(sum.claims.get(claim).is_some_and(|n| *n >= 20), "{}", sum.text(&ran, &size));
    }
    assert!(sum.faults.len() > 8, "{:?}", sum.faults);
}
