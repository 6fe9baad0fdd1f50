//! What the cache did with a request: the branch, the metric label and the `Cache-Status` text at
//! once, so they cannot disagree.

use std::fmt;
use std::time::Duration;

/// What the cache did (RFC 9211).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered from the store; so long is it still fresh.
    Hit(Duration),
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

/// Why a request went past the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It changes something.
    Write,
    /// The contract gives the operation no time to live.
    Uncacheable,
    /// The route asks for an answer that is not older than the question.
    Fresh,
    /// The cache is switched off.
    Off,
}

impl Outcome {
    /// The closed set of metric labels.
    pub const LABELS: &'static [&'static str] = &["hit", "miss", "collapsed", "bypass"];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::Miss { .. } => "miss",
            Self::Collapsed => "collapsed",
            Self::Bypass(_) => "bypass",
        }
    }
}

impl fmt::Display for Outcome {
    /// The member of `Cache-Status`, after the cache's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hit(ttl) => write!(f, "hit; ttl={}", ttl.as_secs()),
            Self::Miss { stored: true } => f.write_str("fwd=uri-miss; stored"),
            Self::Miss { stored: false } => f.write_str("fwd=uri-miss"),
            Self::Collapsed => f.write_str("fwd=uri-miss; collapsed"),
            Self::Bypass(why) => write!(f, "fwd=bypass; detail={}", why.word()),
        }
    }
}

impl Why {
    /// The word of the `detail` parameter.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Uncacheable => "uncacheable",
            Self::Fresh => "fresh",
            Self::Off => "off",
        }
    }
}
