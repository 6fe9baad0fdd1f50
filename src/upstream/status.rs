//! How a backend is, as JSON for operators. Numbers, times and words of ours; nothing that a backend
//! said.

use std::sync::atomic::Ordering;

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use crate::upstream::Inner;
use crate::upstream::resilience::breaker::Seen;
use crate::upstream::resilience::retry::Spent;

pub(super) fn json(remote: &Inner) -> Value {
    let Seen { state, since, attempts, failures, last, next } = remote.breaker.seen();
    let Spent { made, refused, left } = remote.retry.spent();
    let last = last.map(|(kind, at)| json!({ "kind": kind.word(), "at": second(at) }));
    let next = next.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    json!({
        "upstream": &*remote.name,
        "breaker": {
            "state": state.word(),
            "since": second(since),
            "next_probe_in_ms": next,
            "window": { "attempts": attempts, "failures": failures },
            "last_failure": last,
        },
        "retries": { "made": made, "refused": refused, "budget_left": left },
        "calls": remote.tally.calls.load(Ordering::Relaxed),
        "attempts": remote.tally.attempts.load(Ordering::Relaxed),
    })
}

fn second(at: Timestamp) -> String {
    at.round(Unit::Second).unwrap_or(at).to_string()
}
