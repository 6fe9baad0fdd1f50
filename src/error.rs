//! The one error of the request path: a problem for the client, and the cause for the log.

use std::error::Error as StdError;
use std::fmt;

use crate::canonical::problem::{Problem, ProblemCode};

/// Whose fault a failure is. Drives the log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The request was wrong.
    Client,
    /// Our own fault.
    Gateway,
    /// The backend's.
    Upstream,
}

/// What the backend's end of the wire did, for `Proxy-Status` (RFC 9209).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// There was no whole answer: a type of error that the standard lists.
    Error(&'static str),
    /// It answered with this status.
    Status(u16),
}

/// What went wrong. One type for every layer: `Box<dyn Error>` as a service's error does not
/// compile once the service is spawned.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    problem: Problem,
    source: Option<Box<dyn StdError + Send + Sync>>,
    /// For the log only; never leaves the process.
    context: Option<String>,
    hop: Option<Hop>,
}

impl Error {
    /// What the client is told.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// What the client is told, to keep.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        self.0.problem
    }

    /// For the log: where in the inside it happened.
    #[must_use]
    pub fn context(&self) -> Option<&str> {
        self.0.context.as_deref()
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds what only the log may know.
    #[must_use]
    pub fn within(mut self, context: impl Into<String>) -> Self {
        self.0.context = Some(context.into());
        self
    }

    /// Adds what happened on the way to the backend.
    #[must_use]
    pub fn hop(mut self, hop: Hop) -> Self {
        self.0.hop = Some(hop);
        self
    }

    /// What happened on the way to the backend, where one was asked.
    #[must_use]
    pub fn known_hop(&self) -> Option<Hop> {
        self.0.hop
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        use ProblemCode as P;
        match self.0.problem.code {
            P::UpstreamError
            | P::UpstreamUnauthorized
            | P::UpstreamInvalid
            | P::UpstreamTimeout
            | P::Unavailable
            | P::NotSupportedByUpstream => Blame::Upstream,
            P::Internal | P::NotMappable => Blame::Gateway,
            _ => Blame::Client,
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self(Box::new(Inner { problem, source: None, context: None, hop: None }))
    }
}

impl From<ProblemCode> for Error {
    fn from(code: ProblemCode) -> Self {
        Problem::new(code).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.problem.fmt(f)?;
        if let Some(context) = &self.0.context {
            write!(f, " ({context})")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}
