//! What the cache did with a request: the branch, the metric label and the `Cache-Status` text at
//! once, so they cannot disagree.

use std::fmt;
use std::time::Duration;

use super::ProblemCode;
use crate::error::Hop;

/// What the cache did (RFC 9211).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered from the store; so long is it still fresh.
    Hit(Duration),
    /// Answered from the store with what is no longer fresh.
    Stale {
        /// So long its time has been over.
        over: Duration,
        /// How the backend failed; without it the backend is being asked while this is given.
        trouble: Option<Trouble>,
    },
    /// Asked the backend; whether the answer was stored.
    Miss {
        /// The answer is in the store now.
        stored: bool,
    },
    /// Waited for a flight that another request had begun.
    Collapsed,
    /// Went past the store.
    Bypass(Why),
}

/// A failure of the backend that an old answer stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What the client would have been told.
    pub code: ProblemCode,
    /// What happened on the way.
    pub hop: Option<Hop>,
}

/// Why a request went past the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It changes something.
    Write,
    /// The contract gives the operation no time to live.
    Uncacheable,
    /// The answer before this one could not be stored, so nobody waits for this one either.
    HitForMiss,
    /// The route asks for an answer that is not older than the question.
    Fresh,
    /// The cache is switched off.
    Off,
}

impl Outcome {
    /// The closed set of metric labels.
    pub const LABELS: &'static [&'static str] =
        &["hit", "stale", "stale_error", "miss", "collapsed", "bypass"];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::Stale { trouble: None, .. } => "stale",
            Self::Stale { trouble: Some(_), .. } => "stale_error",
            Self::Miss { .. } => "miss",
            Self::Collapsed => "collapsed",
            Self::Bypass(_) => "bypass",
        }
    }

    /// Whether the answer is in the store, as far as the one who got it can tell.
    #[must_use]
    pub fn is_held(self) -> bool {
        !matches!(self, Self::Bypass(_) | Self::Miss { stored: false })
    }

    /// What is said of an answer made of two: the worse of both. A hit only if both are, as fresh as
    /// the less fresh; an old answer in it is always told, a write before what was read.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Hit(a), Self::Hit(b)) => Self::Hit(a.min(b)),
            (Self::Stale { over: a, trouble: x }, Self::Stale { over: b, trouble: y }) => {
                Self::Stale { over: a.max(b), trouble: x.or(y) }
            }
            // Of equals the first.
            _ if other.badness() > self.badness() => other,
            _ => self,
        }
    }

    fn badness(self) -> u8 {
        match self {
            Self::Hit(_) => 0,
            Self::Collapsed => 1,
            Self::Miss { stored: true } => 2,
            Self::Miss { stored: false } => 3,
            Self::Bypass(Why::Write) => 5,
            Self::Bypass(_) => 4,
            Self::Stale { .. } => 6,
        }
    }
}

impl fmt::Display for Outcome {
    /// The member of `Cache-Status`, after the cache's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit(ttl) => write!(f, "hit; ttl={}", ttl.as_secs()),
            // Not forwarded, so a hit (RFC 9211, 2.1).
            Self::Stale { over, trouble: None } => write!(f, "hit; ttl=-{}", seconds_over(*over)),
            Self::Stale { over, trouble: Some(Trouble { code, hop }) } => {
                f.write_str("fwd=stale")?;
                if let Some(Hop::Status(status)) = hop {
                    write!(f, "; fwd-status={status}")?;
                }
                write!(f, "; ttl=-{}; detail={}", seconds_over(*over), code.word())
            }
            Self::Miss { stored: true } => f.write_str("fwd=uri-miss; stored"),
            Self::Miss { stored: false } => f.write_str("fwd=uri-miss"),
            Self::Collapsed => f.write_str("fwd=uri-miss; collapsed"),
            Self::Bypass(why) => write!(f, "fwd=bypass; detail={}", why.word()),
        }
    }
}

/// Begun seconds: an answer is never told to be younger than it is.
fn seconds_over(over: Duration) -> u64 {
    over.as_secs() + u64::from(over.subsec_nanos() > 0 || over.is_zero())
}

impl Why {
    /// The word of the `detail` parameter.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Uncacheable => "uncacheable",
            Self::HitForMiss => "hit-for-miss",
            Self::Fresh => "fresh",
            Self::Off => "off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stale(milliseconds: u64, code: Option<ProblemCode>) -> Outcome {
        let trouble = code.map(|code| Trouble { code, hop: None });
        Outcome::Stale { over: Duration::from_millis(milliseconds), trouble }
    }

    #[test]
    fn an_old_answer_says_how_old_and_why() {
        assert_eq!(stale(12_000, None).to_string(), "hit; ttl=-12");
        assert_eq!(stale(0, None).to_string(), "hit; ttl=-1", "no zero below zero");
        let failed = stale(11_001, Some(ProblemCode::UpstreamTimeout));
        assert_eq!(failed.to_string(), "fwd=stale; ttl=-12; detail=upstream_timeout");
        let hop = Some(Hop::Status(503));
        let trouble = Some(Trouble { code: ProblemCode::Unavailable, hop });
        let answered = Outcome::Stale { over: Duration::from_secs(3), trouble };
        assert_eq!(answered.to_string(), "fwd=stale; fwd-status=503; ttl=-3; detail=unavailable");
        for outcome in [stale(1, None), failed, Outcome::Collapsed] {
            assert!(Outcome::LABELS.contains(&outcome.label()));
        }
    }

    #[test]
    fn the_worst_of_several_is_told_in_either_order() {
        let second = Duration::from_secs(1);
        let ranks = [
            Outcome::Hit(second),
            Outcome::Collapsed,
            Outcome::Miss { stored: true },
            Outcome::Miss { stored: false },
            Outcome::Bypass(Why::Fresh),
            Outcome::Bypass(Why::Write),
            stale(1_000, None),
        ];
        for (at, worse) in ranks.iter().enumerate() {
            for better in &ranks[..=at] {
                assert_eq!(better.and(*worse), *worse);
                assert_eq!(worse.and(*better), *worse);
            }
        }
        assert_eq!(Outcome::Hit(second * 9).and(Outcome::Hit(second)), Outcome::Hit(second));
        let failed = stale(2_000, Some(ProblemCode::Unavailable));
        let both = stale(9_000, Some(ProblemCode::Unavailable));
        assert_eq!(failed.and(stale(9_000, None)), both);
        assert_eq!(stale(9_000, None).and(failed), both);
    }
}
