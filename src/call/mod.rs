//! A request on its way down: what the stages above the seam pass on.
//!
//! The type changes where a layer has done its work ([`Call`] is recognised, [`Authorised`] has its
//! principal), so that a layer in the wrong place does not compile.

pub mod lines;
pub mod memo;

use std::net::IpAddr;
use std::sync::Arc;

use crate::canonical::{Facts, Principal, Sight};
use crate::dialect::Dialect;
use crate::dialect::catalog::{Catalog, Mount};
use crate::dialect::recognise::PathValues;
use crate::dialect::route::Route;
use crate::error::Error;
use crate::telemetry::record::{Head, Record};

use lines::Lines;
use memo::Memory;

/// A recognised request, not yet authorised.
#[derive(Debug)]
pub struct Call<B> {
    /// Method, address, headers.
    pub head: Head,
    /// Which headers it has.
    pub lines: Lines,
    /// The body, unread.
    pub body: B,
    /// The catalog that recognised it; used to the last byte of the answer.
    pub catalog: Arc<Catalog>,
    /// What it stands for.
    pub claim: Claim,
    /// Where inner layers note what they learn.
    pub record: Record,
    /// The client's address: the peer's, or what a trusted proxy says.
    pub client: IpAddr,
    /// What is known of it from earlier.
    pub memory: Memory,
}

/// Makes a credential's look-ups and reads what it yields.
pub trait Resolve<B>: Clone {
    /// Look-ups that have to be waited for.
    type Begun;
    /// The look-ups under way; they give the call back with what it yields.
    type Future: Future<Output = (Call<B>, Result<Facts, Error>)> + Send;

    /// Without waiting. `credential` is an index of the call's dialect; `known` what the keyring
    /// knows.
    ///
    /// # Errors
    /// How far it got, where it has to be waited for.
    fn begin(
        &self,
        call: &mut Call<B>,
        credential: usize,
        known: Option<&Principal>,
    ) -> Result<Result<Found, Error>, Self::Begun>;

    /// From where [`Resolve::begin`] got.
    fn resolve(&self, call: Call<B>, credential: usize, begun: Self::Begun) -> Self::Future;
}

/// What a request line stands for.
#[derive(Debug)]
pub enum Claim {
    /// A route.
    Route(Claimed),
    /// A path that this mount's dialect has, with other methods.
    Method {
        /// Index of the mount.
        mount: usize,
        /// The methods it takes.
        allow: Vec<&'static str>,
    },
    /// A path below a mount that its dialect does not have.
    Nothing {
        /// Index of the mount.
        mount: usize,
        /// A template matched but a value has not the form it asks for.
        malformed: bool,
    },
    /// No mount's.
    Unclaimed,
    /// It is not for exactly one host, so no mount may be looked for; why not.
    Misaddressed(&'static str),
}

/// A route and the values in its path.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Index of the mount.
    pub mount: usize,
    /// Number of the route in the catalog.
    pub route: u32,
    /// Where its path values stand in the request's path.
    pub path: PathValues,
}

impl Claim {
    /// The mount that claims the request.
    #[must_use]
    pub fn mount(&self) -> Option<usize> {
        match self {
            Self::Route(claimed) => Some(claimed.mount),
            Self::Method { mount, .. } | Self::Nothing { mount, .. } => Some(*mount),
            Self::Unclaimed | Self::Misaddressed(_) => None,
        }
    }
}

/// The mount of a claim and its dialect.
#[must_use]
pub fn mounted<'c>(catalog: &'c Catalog, claim: &Claim) -> Option<(&'c Mount, &'c Arc<Dialect>)> {
    let mount = catalog.mounts.get(claim.mount()?)?;
    Some((mount, catalog.dialects.get(mount.dialect)?))
}

impl<B> Call<B> {
    /// The call and its body, each by itself.
    pub fn split(self) -> (Call<()>, B) {
        let Self { head, lines, body, catalog, claim, record, client, memory } = self;
        (Call { head, lines, body: (), catalog, claim, record, client, memory }, body)
    }

    /// The call with a body, in the place of its own.
    pub fn with<C>(self, body: C) -> Call<C> {
        let Self { head, lines, catalog, claim, record, client, memory, .. } = self;
        Call { head, lines, body, catalog, claim, record, client, memory }
    }

    /// Where it is mounted and in which dialect.
    #[must_use]
    pub fn mounted(&self) -> Option<(&Mount, &Arc<Dialect>)> {
        mounted(&self.catalog, &self.claim)
    }

    /// The credential that it asks for, an index of its dialect's: its route's, or what most routes
    /// beside an address that is no route ask for.
    #[must_use]
    pub fn credential(&self) -> Option<usize> {
        if let Some((route, _)) = self.route() {
            return route.credential;
        }
        let (mount, dialect) = self.mounted()?;
        dialect.base(self.head.uri.path().strip_prefix(&*mount.prefix)?)?.credential
    }

    /// The route that claims it, with its path values.
    #[must_use]
    pub fn route(&self) -> Option<(&Route, &Claimed)> {
        let Claim::Route(claimed) = &self.claim else { return None };
        Some((self.catalog.route(claimed.route)?, claimed))
    }
}

/// What a credential's look-ups gave.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "short-lived; a box would be memory for a request")]
pub enum Found {
    /// What it yields.
    Facts(Facts),
    /// What they gave when the call was asked before, so who is asking is what its memory says.
    AsBefore,
}

/// A call with its principal.
#[derive(Debug)]
pub struct Authorised<B> {
    /// The call.
    pub call: Call<B>,
    /// Who is calling.
    pub principal: Arc<Principal>,
    /// What of an answer they may see; `None` is everything.
    pub sight: Option<Arc<Sight>>,
}
