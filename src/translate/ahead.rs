//! How far a request gets before anything is waited for: its only call, where the answer is at hand.

use crate::canonical::{Request, Response, Standing};
use crate::dialect::route::{Call, Route};
use crate::error::Error;
use crate::telemetry::record::Record;

use super::calls::{Canonical, Job, documents, prepare};
use super::problems;

/// How far the calls of a request are before anything was waited for.
#[derive(Debug)]
pub enum Ahead {
    /// Nothing was done.
    Nothing,
    /// The only call is ready to be made; `None` is not made.
    Prepared(Option<Request>),
    /// The only call was made, and answered at once.
    Answered(Request, Response),
    /// So was one that is known.
    Again(Response),
}

impl Ahead {
    /// As far, with what was asked where that was `known`.
    #[must_use]
    pub fn with(self, known: Option<&Standing>, record: &Record) -> Self {
        match (self, known) {
            (Self::Again(answer), Some(known)) => Self::Answered(known.request(record), answer),
            (Self::Again(_), None) => Self::Nothing,
            (ahead, _) => ahead,
        }
    }
}

/// As far as the only call of a route gets without waiting. What it asks may be `known`.
///
/// # Errors
/// As [`super::calls::make`].
pub fn ahead<S: Canonical>(
    job: Job<'_>,
    call: &Call,
    route: &Route,
    known: Option<&Standing>,
    canonical: &S,
) -> Result<Ahead, Error> {
    let in_callers_words =
        |error| problems::in_callers_words(error, &job.catalog.contract, route, call);
    if let Some(known) = known {
        return match canonical.again(known, job.record) {
            Ok(answer) => answer.map(Ahead::Again).map_err(in_callers_words),
            Err(seen) => {
                let request = Request { seen, ..known.request(job.record) };
                Ok(Ahead::Prepared(Some(request)))
            }
        };
    }
    let prepared = prepare(job, call, &documents(job, &[]))?;
    let Some(mut request) = prepared else { return Ok(Ahead::Prepared(None)) };
    match canonical.at_hand(&mut request) {
        Some(Ok(answer)) => Ok(Ahead::Answered(request, answer)),
        Some(Err(error)) => Err(in_callers_words(error)),
        None => Ok(Ahead::Prepared(Some(request))),
    }
}
