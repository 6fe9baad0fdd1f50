//! How long an answer may be given again.
//!
//! Ages are told by tokio's clock, so that a test can pause it; moka's own expiry is only an upper
//! bound. Times inside an answer (`$.snooze.until`) are the wall's, which is handed in.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A time that passed no longer ago than this may still be ahead for the backend, whose clock is
/// another.
const SKEW: Duration = Duration::from_secs(5);

/// The time to live of an answer that changes by itself at one of these times.
///
/// A time long past no longer changes anything; a text that is no time bounds nothing.
pub(super) fn cut<'a>(
    ttl: Duration,
    until: impl IntoIterator<Item = &'a str>,
    wall: SystemTime,
) -> Duration {
    until.into_iter().filter_map(time).fold(ttl, |ttl, until| match until.duration_since(wall) {
        Ok(left) => ttl.min(left),
        Err(past) if past.duration() <= SKEW => Duration::ZERO,
        Err(_) => ttl,
    })
}

/// So long an answer stays fresh; `None` when it no longer is.
///
/// It is as old as its question: what the backend did after that may not be in it.
pub(super) fn left(asked: Instant, ttl: Duration, now: Instant) -> Option<Duration> {
    ttl.checked_sub(now.saturating_duration_since(asked)).filter(|left| !left.is_zero())
}

fn time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_time_ahead_cuts() {
        let ttl = Duration::from_secs(30);
        let wall = time("2026-11-21T10:00:00Z").unwrap();
        let cut = |until: &[&str]| cut(ttl, until.iter().copied(), wall).as_secs();
        assert_eq!(cut(&[]), 30);
        assert_eq!(cut(&["2026-11-21T11:00:00Z"]), 30);
        assert_eq!(cut(&["2026-11-21T10:00:20Z", "2026-11-21T11:00:12+01:00"]), 12);
        assert_eq!(cut(&["2026-11-21T09:59:57Z"]), 0, "the backend may not have noticed yet");
        assert_eq!(cut(&["2026-11-20T10:00:00Z", "soon"]), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_fresh_until_its_time_is_over() {
        let asked = Instant::now();
        let ttl = Duration::from_secs(3);
        assert_eq!(left(asked, ttl, asked), Some(ttl));
        assert_eq!(left(asked, ttl, asked + Duration::from_secs(2)), Some(Duration::from_secs(1)));
        assert_eq!(left(asked, ttl, asked + ttl), None);
        assert_eq!(left(asked, Duration::ZERO, asked), None);
    }
}
