//! The one model: what flows below the seam. No HTTP types, no dialect.
//!
//! Operations and schemas are data, loaded from `mappings/canonical/openapi.yaml` into a
//! [`Contract`]; nothing here lists them.

pub mod at_hand;
pub mod content;
pub mod contract;
pub mod links;
pub mod operation;
pub mod outcome;
pub mod params;
pub mod payload;
pub mod principal;
pub mod problem;
mod renderings;
pub mod upload;
pub mod validate;

use bytes::Bytes;

pub use at_hand::{Alone, AtHand, Seen, Standing};
pub use content::Content;
pub use contract::Contract;
pub use links::Links;
pub use operation::OperationId;
pub use outcome::Outcome;
pub use params::Params;
pub use payload::{Payload, Places, Response, Revision};
pub use principal::{Access, Actor, Facts, Principal, ReadsAs, Sight, Tenant};
pub use problem::{FieldProblem, Problem, ProblemCode};
pub use upload::Upload;

use crate::telemetry::record::Record;
use std::sync::Arc;

/// One canonical operation, asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose backend.
    pub tenant: Tenant,
    /// What is asked for.
    pub operation: OperationId,
    /// Path, query and header parameters by their position in the contract, normalised.
    pub params: Params,
    /// The JSON body; an empty one where the operation takes none.
    pub body: Bytes,
    /// A file that is sent in the place of a body, where the operation takes one.
    pub upload: Option<Upload>,
    /// As whom it is asked (`Deskbridge-Actor` on the wire).
    pub actor: Actor,
    /// Who is looking at the answer, and what of it they may see. `None` for the gateway's own
    /// look-ups, which nobody sees.
    pub viewer: Option<Viewer>,
    /// Do not answer from the cache (the answer is still stored).
    pub fresh: bool,
    /// Where what happens to the request is noted.
    pub record: Record,
    /// What the cache saw of it already.
    pub seen: Seen,
}

/// A principal and the part of an answer open to it.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// Who.
    pub principal: Arc<Principal>,
    /// What of an answer they may see; `None` is everything in their account.
    pub sight: Option<Arc<Sight>>,
}
