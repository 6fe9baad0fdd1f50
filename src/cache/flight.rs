//! Questions under way, so that one is asked once however many want the answer.
//!
//! A flight is a task of its own and belongs to no client: whoever leaves does not end it. Its end is
//! told only to those who waited; whoever comes later begins another, or finds the stored answer.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::cache::epochs::{Epoch, Epochs, Word};
use crate::canonical::{Payload, Problem, ProblemCode};
use crate::error::{Error, Hop};

/// How a flight ended; cheap to copy, since everyone who waited gets one.
#[derive(Clone, Debug)]
pub(super) struct Landed {
    pub(super) result: Result<Answer, Arc<Failure>>,
    /// The count when the question was sent.
    pub(super) epoch: Epoch,
}

/// An answer brought by a flight.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) payload: Arc<Payload>,
    /// Where its tags are noted; `None` when it could not be stored.
    pub(super) words: Option<Arc<[Word]>>,
    pub(super) found: Brought,
}

/// Where a flight had the answer from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Brought {
    /// From the backend; whether it was stored.
    Asked {
        /// It was.
        stored: bool,
    },
    /// Another flight had stored it in the meantime; so long it is fresh.
    Stored(Duration),
}

impl Landed {
    /// Whether it brought an answer that is for nobody but the one who asked.
    pub(super) fn is_private(&self) -> bool {
        matches!(&self.result, Ok(answer) if answer.words.is_none())
    }

    /// Whether the answer may be given to somebody who asked at `since`: no write of what it shows
    /// ended between its question and theirs.
    pub(super) fn serves(&self, epochs: &Epochs, since: Epoch) -> bool {
        let Ok(answer) = &self.result else { return true };
        self.epoch >= since
            || answer.words.as_ref().is_some_and(|words| !epochs.moved(words, self.epoch))
    }
}

/// An error that several can be told. The chain of causes is kept as text.
#[derive(Debug)]
pub(super) struct Failure {
    problem: Problem,
    context: String,
    hop: Option<Hop>,
}

impl Failure {
    pub(super) fn new(error: Error) -> Self {
        let mut context = error.context().unwrap_or_default().to_owned();
        let mut source = error.source();
        while let Some(cause) = source {
            if !context.is_empty() {
                context.push_str(": ");
            }
            context.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { hop: error.known_hop(), problem: error.into_problem(), context }
    }

    pub(super) fn error(&self) -> Error {
        let error = Error::from(self.problem.clone());
        let error = self.hop.into_iter().fold(error, Error::hop);
        if self.context.is_empty() { error } else { error.within(self.context.clone()) }
    }
}

/// Waits for a flight.
pub(super) type Waiter = watch::Receiver<Option<Landed>>;

/// The end of a flight; an error when it never landed.
pub(super) async fn landing(mut waiter: Waiter) -> Result<Landed, Error> {
    match waiter.wait_for(Option::is_some).await.map(|landed| landed.clone()) {
        Ok(Some(landed)) => Ok(landed),
        Ok(None) | Err(_) => Err(lost()),
    }
}

/// A task ended without an answer: it panicked, or the process is going down.
pub(super) fn lost() -> Error {
    Error::from(ProblemCode::Internal)
        .within("the task that asked the backend ended without an answer")
}

/// Every flight under way.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Arc<[u8]>, Waiter, foldhash::quality::RandomState>>);

/// A place on a flight.
#[derive(Debug)]
pub(super) enum Seat {
    /// There was none: this one is to be flown, and can be waited for.
    Pilot(Pilot, Waiter),
    /// Somebody else's.
    Passenger(Waiter),
}

/// Who flies it. Dropped without landing, it tells those who wait that there is no answer.
#[derive(Debug)]
pub(super) struct Pilot {
    flights: Arc<Flights>,
    key: Arc<[u8]>,
    end: watch::Sender<Option<Landed>>,
}

impl Flights {
    /// Takes a place on the flight for `key`.
    pub(super) fn board(self: &Arc<Self>, key: &[u8]) -> Seat {
        let mut flights = self.lock();
        if let Some(waiter) = flights.get(key) {
            return Seat::Passenger(waiter.clone());
        }
        let (end, waiter) = watch::channel(None);
        let key: Arc<[u8]> = key.into();
        flights.insert(Arc::clone(&key), waiter.clone());
        Seat::Pilot(Pilot { flights: Arc::clone(self), key, end }, waiter)
    }

    /// Flights under way.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<[u8]>, Waiter, foldhash::quality::RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pilot {
    pub(super) fn key(&self) -> &Arc<[u8]> {
        &self.key
    }

    /// Ends the flight. It takes no more passengers before those aboard are told.
    pub(super) fn land(self, landed: Landed) {
        self.flights.lock().remove(&self.key);
        // `send` would keep nothing when everybody has left.
        self.end.send_replace(Some(landed));
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        // After a landing the key may already be another flight's.
        if self.end.borrow().is_none() {
            self.flights.lock().remove(&self.key);
        }
    }
}
