//! What the cache did, as `Cache-Status` (RFC 9211) says it, and how the backend failed, as
//! `Proxy-Status` (RFC 9209) does. Values are written once: a hit takes no memory for its head's sake.

use std::sync::LazyLock;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};

use crate::canonical::outcome::Why;
use crate::canonical::{Outcome, ProblemCode};
use crate::error::Hop;

/// The header.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The header.
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Hits that live longer are written when they are given.
const SECONDS: u64 = 600;

static HITS: LazyLock<Vec<HeaderValue>> =
    LazyLock::new(|| (0..SECONDS).map(|n| write(Outcome::Hit(Duration::from_secs(n)))).collect());

static OTHERS: LazyLock<Vec<(Outcome, HeaderValue)>> = LazyLock::new(|| {
    let misses = [true, false].map(|stored| Outcome::Miss { stored });
    let past =
        [Why::Write, Why::Uncacheable, Why::HitForMiss, Why::Fresh, Why::Off].map(Outcome::Bypass);
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

/// The member of `Proxy-Status` for trouble with the backend: what happened on the way to it, or what
/// there was no whole answer for. `None` for what is no such trouble.
#[must_use]
pub fn trouble(code: ProblemCode, hop: Option<Hop>) -> Option<HeaderValue> {
    let otherwise = match code {
        ProblemCode::UpstreamTimeout => "http_response_timeout",
        ProblemCode::UpstreamInvalid => "http_protocol_error",
        ProblemCode::UpstreamError
        | ProblemCode::UpstreamUnauthorized
        | ProblemCode::Unavailable => "destination_unavailable",
        _ => return None,
    };
    let member = match hop {
        Some(Hop::Status(status)) => format!("deskbridge; received-status={status}"),
        Some(Hop::Error(word)) => format!("deskbridge; error={word}"),
        None => format!("deskbridge; error={otherwise}"),
    };
    HeaderValue::try_from(member).ok()
}

fn write(outcome: Outcome) -> HeaderValue {
    HeaderValue::try_from(format!("deskbridge; {outcome}"))
        .unwrap_or(HeaderValue::from_static("deskbridge"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::outcome::Trouble;

    #[test]
    fn a_value_written_before_is_the_one_that_would_be_written() {
        let hits = [0, 1, 599, 600, 86_400].map(|n| Outcome::Hit(Duration::from_secs(n)));
        let over = Duration::from_secs(700);
        let trouble = Trouble { code: ProblemCode::Unavailable, hop: Some(Hop::Status(503)) };
        let old = [None, Some(trouble)];
        let old = old.map(|trouble| Outcome::Stale { over, trouble });
        let others = OTHERS.iter().map(|(outcome, _)| *outcome);
        for outcome in hits.into_iter().chain(old).chain(others) {
            assert_eq!(value(outcome), write(outcome), "{outcome:?}");
        }
        assert_eq!(value(Outcome::Hit(Duration::from_millis(29_900))), "deskbridge; hit; ttl=29");
    }
}
