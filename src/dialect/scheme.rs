//! Where credentials stand in a request, and what they give.

use std::sync::Arc;

use crate::canonical::Sight;
use crate::canonical::problem::ProblemCode;
use crate::mapping::plan::Program;

use super::envelope::Envelopes;
use super::route::{Call, Inputs};

/// A kind of credential of a dialect.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its name in `dialect.yaml`.
    pub name: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// Look-ups that make a principal of it; none where the keyring knows it.
    pub resolve: Vec<Call>,
    /// Writes an object with the principal's facts, `kind` among them. Reads `inputs` (with the
    /// keyring's facts under `principal`) and the look-ups' results.
    pub yields: Program,
    /// What `inputs` must hold for the look-ups and `yields`.
    pub inputs: Inputs,
    /// Writes an object whose members, two by two, must be equal (`agree`): an answer to a look-up
    /// is believed only if it is about what was asked.
    pub agree: Option<Program>,
    /// Facts that must equal the keyring's own: an `account` taken from the path must be the one
    /// the credential belongs to.
    pub bound: Vec<Box<str>>,
    /// What a client is told whose credential is not accepted.
    pub refused: ProblemCode,
    /// What its principals may see; `None` is everything in their account.
    pub sight: Option<Arc<Sight>>,
    /// The kinds of principals that it may stand for. A secret of another kind is not known here.
    pub admits: Vec<Box<str>>,
    /// Rows that its requests find before those of the dialect.
    pub errors: Option<Envelopes>,
}

impl Credential {
    /// Whether it may stand for a principal of this kind (JSON text, as facts are).
    #[must_use]
    pub fn admits(&self, kind: &str) -> bool {
        self.admits.iter().any(|known| **known == *kind.trim_matches('"'))
    }
}

/// Where a credential stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One of these headers, lower-case; the first that is there.
    Header(Vec<Box<str>>),
    /// `Authorization`, after this scheme (compared without case).
    Scheme(Box<str>),
    /// These path parameters together: possession of the address is the credential.
    Path(Vec<Box<str>>),
}
