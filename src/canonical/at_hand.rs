//! Answers that need not be waited for.
//!
//! A hit is there as soon as it is asked for. Whoever asks here first needs no future for it, and no
//! place for one that might have to ask a backend.

use tokio::time::Instant;

use super::{Request, Response};
use crate::error::Error;

/// Something that may have an answer already.
pub trait AtHand {
    /// The answer, as it would be given to the same request asked in the ordinary way. Where there
    /// is none, nothing has happened: the request can be asked as if it never had been. What was
    /// seen may be noted in it, so that nobody has to look again.
    fn at_hand(&self, request: &mut Request) -> Option<Result<Response, Error>>;
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
