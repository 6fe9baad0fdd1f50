//! Answers that need not be waited for.
//!
//! A hit is there as soon as it is asked for. Whoever asks here first needs no future for it, and no
//! place for one that might have to ask a backend.

use std::any::Any;
use std::sync::{OnceLock, Weak};

use tokio::time::Instant;

use super::{Outcome, Payload, Request, Response};
use crate::error::Error;
use crate::telemetry::record::Record;

/// Something that may have an answer already.
pub trait AtHand {
    /// The answer, as it would be given to the same request asked in the ordinary way. Where there
    /// is none, nothing has happened: the request can be asked as if it never had been. What was
    /// seen may be noted in it, so that nobody has to look again.
    fn at_hand(&self, request: &mut Request) -> Option<Result<Response, Error>>;

    /// As [`AtHand::at_hand`], for a question that stands, of a request that waited for nothing since
    /// its head was here; what happens is noted in its `record`.
    ///
    /// # Errors
    /// What was seen in the place of an answer.
    fn again(&self, standing: &Standing, record: &Record) -> Result<Result<Response, Error>, Seen>;

    /// What [`AtHand::again`] would say of this very `answer`, where it would give that and it takes
    /// no longer look to know; nobody needs it anew. `None` says nothing, and nothing has happened.
    fn holds(
        &self,
        _standing: &Standing,
        _record: &Record,
        _answer: &Weak<Payload>,
    ) -> Option<Outcome> {
        None
    }
}

/// What a cache saw of a request that is not asked yet. A copy of the request is another one, of
/// which nothing was seen.
#[derive(Debug, Default)]
pub enum Seen {
    /// Nobody has looked.
    #[default]
    Unlooked,
    /// Nothing is held.
    Nothing,
    /// Its answers cannot be stored.
    Alone(Alone),
}

/// Hit-for-miss.
#[derive(Clone, Copy, Debug)]
pub struct Alone {
    /// When the question was asked whose answer could not be stored.
    pub asked: Instant,
    /// How many such marks were gone by then.
    pub gone: u64,
}

impl Clone for Seen {
    fn clone(&self) -> Self {
        Self::Unlooked
    }
}

/// What the cache notes of a question that stands, beside the answer's name: where it was found, and
/// when.
const NOTED: usize = 192;

/// A question that one request after the other asks as it stands, of one generation: nothing of it is
/// put together anew.
#[derive(Debug)]
pub struct Standing {
    /// What is asked. Its record is nobody's.
    request: Request,
    /// Where its answer is found, once it was asked: the cache's own.
    place: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Clone for Standing {
    fn clone(&self) -> Self {
        Self { request: self.request.clone(), place: OnceLock::new() }
    }
}

impl Standing {
    /// What `request` asks; `blank` stands in for its record.
    #[must_use]
    pub fn new(request: &Request, blank: &Record) -> Self {
        let request = Request { record: blank.clone(), ..request.clone() };
        Self { request, place: OnceLock::new() }
    }

    /// What is asked, by nobody.
    #[must_use]
    pub fn question(&self) -> &Request {
        &self.request
    }

    /// It as a request of its own.
    #[must_use]
    pub fn request(&self, record: &Record) -> Request {
        Request { record: record.clone(), ..self.request.clone() }
    }

    /// Where its answer is found, as the cache remembers it; `make` makes that of the question, once.
    pub fn place<P: Any + Send + Sync>(
        &self,
        make: impl FnOnce(&Request) -> Option<P>,
    ) -> Option<&P> {
        let place = match self.place.get() {
            Some(place) => place,
            None => {
                let made = make(&self.request)?;
                self.place.get_or_init(|| Box::new(made))
            }
        };
        place.downcast_ref()
    }

    /// Bytes it takes, with what the cache notes of it, which names the answer by what is asked.
    #[must_use]
    pub fn weight(&self) -> usize {
        let Request { tenant, params, body, .. } = &self.request;
        let (ends, text) = params.pieces();
        let name = size_of::<u64>() * ends.len() + text.len() + body.len() + tenant.0.len();
        size_of::<Self>() + params.weight() + body.len() + name + NOTED
    }
}
