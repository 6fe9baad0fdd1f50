//! What the cache did, as `Cache-Status` (RFC 9211) says it. Values are written once: a hit takes no
//! memory for its head's sake.

use std::sync::LazyLock;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};

use crate::canonical::Outcome;
use crate::canonical::outcome::Why;

/// The header.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Hits that live longer are written when they are given.
const SECONDS: u64 = 600;

static HITS: LazyLock<Vec<HeaderValue>> =
    LazyLock::new(|| (0..SECONDS).map(|n| write(Outcome::Hit(Duration::from_secs(n)))).collect());

static OTHERS: LazyLock<Vec<(Outcome, HeaderValue)>> = LazyLock::new(|| {
    let misses = [true, false].map(|stored| Outcome::Miss { stored });
    let past = [Why::Write, Why::Uncacheable, Why::Fresh, Why::Off].map(Outcome::Bypass);
    let all = misses.into_iter().chain([Outcome::Collapsed]).chain(past);
    all.map(|outcome| (outcome, write(outcome))).collect()
});

/// The header's value.
#[must_use]
pub fn value(outcome: Outcome) -> HeaderValue {
    let known = match outcome {
        Outcome::Hit(left) => usize::try_from(left.as_secs()).ok().and_then(|n| HITS.get(n)),
        other => OTHERS.iter().find(|(known, _)| *known == other).map(|(_, value)| value),
    };
    known.cloned().unwrap_or_else(|| write(outcome))
}

fn write(outcome: Outcome) -> HeaderValue {
    HeaderValue::try_from(format!("deskbridge; {outcome}"))
        .unwrap_or(HeaderValue::from_static("deskbridge"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_written_before_is_the_one_that_would_be_written() {
        let hits = [0, 1, 599, 600, 86_400].map(|n| Outcome::Hit(Duration::from_secs(n)));
        let others = OTHERS.iter().map(|(outcome, _)| *outcome);
        for outcome in hits.into_iter().chain(others) {
            assert_eq!(value(outcome), write(outcome), "{outcome:?}");
        }
        assert_eq!(value(Outcome::Hit(Duration::from_millis(29_900))), "deskbridge; hit; ttl=29");
    }
}
