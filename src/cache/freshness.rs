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
fn cut<'a>(ttl: Duration, until: impl IntoIterator<Item = &'a str>, wall: SystemTime) -> Duration {
    until.into_iter().filter_map(time).fold(ttl, |ttl, until| match until.duration_since(wall) {
        Ok(left) => ttl.min(left),
        Err(past) if past.duration() <= SKEW => Duration::ZERO,
        Err(_) => ttl,
    })
}

/// How old an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ages {
    /// Given again without a question.
    pub(super) fresh: Duration,
    /// Given while the backend is being asked.
    pub(super) revalidating: Duration,
    /// Given where the backend fails.
    pub(super) failing: Duration,
}

impl Ages {
    /// No age is past one of these times: see [`cut`].
    pub(super) fn cut<'a>(
        self,
        until: impl IntoIterator<Item = &'a str>,
        wall: SystemTime,
    ) -> Self {
        let bound = cut(Duration::MAX, until, wall);
        Self {
            fresh: self.fresh.min(bound),
            revalidating: self.revalidating.min(bound),
            failing: self.failing.min(bound),
        }
    }
}

/// How old the answer is to a question that was `asked` then.
///
/// It is as old as its question: what the backend did after that may not be in it.
pub(super) fn age(asked: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(asked)
}

/// So long an answer of this age stays fresh; `None` when it no longer is.
pub(super) fn left(age: Duration, ttl: Duration) -> Option<Duration> {
    ttl.checked_sub(age).filter(|left| !left.is_zero())
}

/// So long its time has been over, where it is not as old as `most`.
pub(super) fn over(age: Duration, fresh: Duration, most: Duration) -> Option<Duration> {
    (age < most).then(|| age.saturating_sub(fresh))
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

    #[test]
    fn no_age_is_past_a_time_ahead() {
        let seconds = Duration::from_secs;
        let ages = Ages { fresh: seconds(30), revalidating: seconds(40), failing: seconds(300) };
        let wall = time("2026-11-21T10:00:00Z").unwrap();
        let cut = |until: &'static str| ages.cut([until], wall);
        let all = |age| Ages { fresh: age, revalidating: age, failing: age };
        assert_eq!(cut("2026-11-21T10:01:00Z"), Ages { failing: seconds(60), ..ages });
        assert_eq!(cut("2026-11-21T10:00:10Z"), all(seconds(10)));
        assert_eq!(cut("2026-11-21T09:59:58Z"), all(Duration::ZERO));
        assert_eq!(ages.cut([], wall), ages);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_is_as_old_as_its_question() {
        let (asked, seconds) = (Instant::now(), Duration::from_secs);
        let over = |old| over(age(asked, asked + seconds(old)), seconds(30), seconds(40));
        assert_eq!([over(30), over(39), over(40)], [Some(seconds(0)), Some(seconds(9)), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_fresh_until_its_time_is_over() {
        let asked = Instant::now();
        let ttl = Duration::from_secs(3);
        let left = |ttl, now| left(age(asked, now), ttl);
        assert_eq!(left(ttl, asked), Some(ttl));
        assert_eq!(left(ttl, asked + Duration::from_secs(2)), Some(Duration::from_secs(1)));
        assert_eq!(left(ttl, asked + ttl), None);
        assert_eq!(left(Duration::ZERO, asked), None);
    }
}
