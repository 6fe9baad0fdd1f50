//! Answers that need not be waited for.
//!
//! A hit is there as soon as it is asked for. Whoever asks here first needs no future for it, and no
//! place for one that might have to ask a backend.

use super::{Request, Response};
use crate::error::Error;

/// Something that may have an answer already.
pub trait AtHand {
    /// The answer, as it would be given to the same request asked in the ordinary way. Where there
    /// is none, nothing has happened: the request can be asked as if it never had been.
    fn at_hand(&self, request: &Request) -> Option<Result<Response, Error>>;
}
