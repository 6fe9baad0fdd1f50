//! Who is calling: credential → principal, by the dialect's scheme; and what of an answer they see.
//!
//! Refusals come before 404, so that routes cannot be probed without a credential.

pub mod keyring;
pub mod visible;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::call::{Authorised, Call, Claim, Found, Resolve};
use crate::canonical::{
    Access, Actor, Facts, FieldProblem, Principal, Problem, ProblemCode, ReadsAs, Tenant,
};
use crate::dialect::Dialect;
use crate::dialect::scheme::{Credential, Place};
use crate::error::Error;

pub use visible::visible;

use keyring::Keyring;

/// Says as whom a trusted gateway asks.
const ACTOR: &str = "deskbridge-actor";

/// The layer. `resolve` is asked only where a credential needs more than the keyring.
pub fn layer<S, R: Clone>(
    keyring: Arc<Keyring>,
    resolve: R,
) -> impl Layer<S, Service = Auth<S, R>> + Clone {
    tower::layer::layer_fn(move |inner| Auth {
        keyring: Arc::clone(&keyring),
        resolve: resolve.clone(),
        inner,
    })
}

/// The service.
#[derive(Clone, Debug)]
pub struct Auth<S, R> {
    keyring: Arc<Keyring>,
    resolve: R,
    inner: S,
}

impl<S, R, B> Service<Call<B>> for Auth<S, R>
where
    S: Service<Authorised<B>, Error = Error> + Clone,
    R: Resolve<B>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = Admitting<R::Future, S, S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut call: Call<B>) -> Self::Future {
        let admission = match call.memory.known() {
            Some(known) if known.look_ups.is_empty() => {
                Ok(Admission::Known(Arc::clone(&known.principal), known.sight.clone()))
            }
            // Where there are look-ups, what they find now decides.
            _ => self.admit(&call),
        };
        match admission {
            Err(error) => Admitting::Refused { error: Some(error) },
            Ok(Admission::Known(principal, sight)) => {
                let answer = self.inner.call(authorised(call, (principal, sight)));
                Admitting::Admitted { answer }
            }
            Ok(Admission::Ask { credential, known }) => {
                match self.resolve.begin(&mut call, credential, known.as_deref()) {
                    Ok(found) => {
                        match found.and_then(|found| settle(&call, credential, known, found)) {
                            Ok(settled) => {
                                let answer = self.inner.call(authorised(call, settled));
                                Admitting::Admitted { answer }
                            }
                            Err(error) => Admitting::Refused { error: Some(error) },
                        }
                    }
                    Err(begun) => {
                        let asked = self.resolve.resolve(call, credential, begun);
                        Admitting::Asking { asked, credential, known, inner: self.inner.clone() }
                    }
                }
            }
        }
    }
}

fn authorised<B>(call: Call<B>, (principal, sight): Sighted) -> Authorised<B> {
    call.record.principal(Arc::clone(&principal.name));
    Authorised { call, principal, sight }
}

pin_project! {
    /// A call that is refused, that waits for its credential's look-ups, or that is let in.
    #[project = State]
    #[derive(Debug)]
    #[allow(missing_docs, reason = "fields of a future that nobody builds by hand")]
    pub enum Admitting<L, S, A> {
        /// Refused.
        Refused { error: Option<Error> },
        /// Its credential is being looked up.
        Asking {
            #[pin]
            asked: L,
            credential: usize,
            known: Option<Arc<Principal>>,
            inner: S,
        },
        /// Let in.
        Admitted {
            #[pin]
            answer: A,
        },
    }
}

impl<L, S, B> Future for Admitting<L, S, S::Future>
where
    L: Future<Output = (Call<B>, Result<Facts, Error>)>,
    S: Service<Authorised<B>, Error = Error>,
{
    type Output = Result<S::Response, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project() {
                State::Refused { error } => {
                    return match error.take() {
                        Some(error) => Poll::Ready(Err(error)),
                        // Polled after it was ready; a future may then do as it likes.
                        None => Poll::Pending,
                    };
                }
                State::Admitted { answer } => return answer.poll(cx),
                State::Asking { asked, credential, known, inner } => {
                    std::task::ready!(inner.poll_ready(cx))?;
                    let (call, found) = std::task::ready!(asked.poll(cx));
                    let facts = Found::Facts(found?);
                    let settled = settle(&call, *credential, known.take(), facts)?;
                    let answer = inner.call(authorised(call, settled));
                    self.set(Self::Admitted { answer });
                }
            }
        }
    }
}

type Sighted = (Arc<Principal>, Option<Arc<crate::canonical::Sight>>);

enum Admission {
    /// The keyring, or nobody, is enough.
    Known(Arc<Principal>, Option<Arc<crate::canonical::Sight>>),
    /// Look-ups or path values have to be read.
    Ask { credential: usize, known: Option<Arc<Principal>> },
}

impl<S, R> Auth<S, R> {
    fn admit<B>(&self, call: &Call<B>) -> Result<Admission, Error> {
        let Some((mount, dialect)) = call.mounted() else {
            // Nobody's address: there is nothing to protect, and no dialect to ask in.
            return Ok(Admission::Known(nobody(Tenant(Arc::from(""))), None));
        };
        let Some(index) = call.credential() else {
            return Ok(Admission::Known(nobody(mount.tenant.clone()), None));
        };
        let Some(credential) = dialect.credentials.get(index) else {
            return Err(Error::from(ProblemCode::Internal).within("a route names no credential"));
        };
        if matches!(credential.place, Place::Path(_)) {
            return Ok(Admission::Ask { credential: index, known: None });
        }
        let known = self.known(call, dialect, credential, &mount.tenant)?;
        let known = acting(known, &call.head.headers)?;
        if !known.fact("kind").is_some_and(|kind| credential.admits(kind)) {
            // Whoever it is: here nobody has this secret.
            return Err(refuse(credential, "invalid", "The credential is not known here"));
        }
        let writes = call.route().is_some_and(|(route, _)| route.method != "GET" || !route.safe);
        if writes && known.access == Access::Read {
            return Err(Problem::new(ProblemCode::Forbidden)
                .cause("role")
                .detail("This credential may only read")
                .into());
        }
        let route_bound = matches!(call.claim, Claim::Route(_)) && !credential.bound.is_empty();
        if route_bound || !credential.resolve.is_empty() {
            return Ok(Admission::Ask { credential: index, known: Some(known) });
        }
        Ok(Admission::Known(known, credential.sight.clone()))
    }

    /// What the keyring knows of the secret in the request.
    fn known<B>(
        &self,
        call: &Call<B>,
        dialect: &Dialect,
        credential: &Credential,
        tenant: &Tenant,
    ) -> Result<Arc<Principal>, Error> {
        let secret = secret(&call.head.headers, &credential.place)
            .ok_or_else(|| refuse(credential, "missing", "No credential was sent"))?;
        self.keyring
            .find(secret, &dialect.name, tenant)
            .ok_or_else(|| refuse(credential, "invalid", "The credential is not known here"))
    }
}

fn refuse(credential: &Credential, cause: &'static str, detail: &str) -> Error {
    Problem::new(credential.refused).cause(cause).detail(detail).into()
}

/// The secret, where the scheme says it stands.
fn secret<'h>(headers: &'h HeaderMap, place: &Place) -> Option<&'h [u8]> {
    let bytes = match place {
        Place::Header(names) => {
            names.iter().find_map(|name| headers.get(&**name)).map(http::HeaderValue::as_bytes)?
        }
        Place::Scheme(scheme) => {
            let value = headers.get(AUTHORIZATION)?.as_bytes();
            let (word, rest) = value.split_at_checked(scheme.len())?;
            let rest = rest.strip_prefix(b" ")?;
            word.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest.trim_ascii())?
        }
        Place::Path(_) => return None,
    };
    (!bytes.is_empty()).then_some(bytes)
}

/// As whom the caller asks, where its credential lets it say so (`Deskbridge-Actor`).
fn acting(known: Arc<Principal>, headers: &HeaderMap) -> Result<Arc<Principal>, Error> {
    let Some(said) = headers.get(ACTOR).filter(|_| known.act_as) else { return Ok(known) };
    let actor = said.to_str().ok().and_then(|text| text.parse::<Actor>().ok());
    let actor = actor.ok_or_else(|| {
        Problem::new(ProblemCode::BadRequest).field(FieldProblem {
            header: Some("Deskbridge-Actor".to_owned()),
            code: "invalid".to_owned(),
            detail: "An actor is `gateway` or `agent:ID`, `contact-identity:ID`, `bot:ID`, `platform:ID`".to_owned(),
            ..FieldProblem::default()
        })
    })?;
    // The backend is to answer as this actor would see it, whatever the credential's own sees.
    let reads_as = match actor {
        Actor::Gateway => ReadsAs::Gateway,
        _ => ReadsAs::Actor,
    };
    let facts = keyring::facts(&actor, known.fact("account"));
    Ok(Arc::new(Principal { actor, reads_as, facts, ..Principal::clone(&known) }))
}

/// The principal of facts that were looked up, if they may be this caller's.
fn settle<B>(
    call: &Call<B>,
    index: usize,
    known: Option<Arc<Principal>>,
    found: Found,
) -> Result<Sighted, Error> {
    let facts = match found {
        Found::Facts(facts) => facts,
        Found::AsBefore => match call.memory.known() {
            Some(known) => return Ok((Arc::clone(&known.principal), known.sight.clone())),
            None => {
                return Err(Error::from(ProblemCode::Internal).within("nothing is known of a call"));
            }
        },
    };
    let credential = call.mounted().and_then(|(_, dialect)| dialect.credentials.get(index));
    let (Some(credential), Some((mount, _))) = (credential, call.mounted()) else {
        return Err(Error::from(ProblemCode::Internal).within("a route names no credential"));
    };
    if let Some(known) = known {
        for name in &credential.bound {
            // An address that names no account asks for nobody's in particular.
            let Some(asked) = facts.get(name).filter(|json| *json != "null") else { continue };
            // One that stands for others, or for a platform application, may belong to none: what is
            // open to whom it stands for, the backend says.
            let everywhere = known.act_as || matches!(known.actor, Actor::Platform(_));
            if everywhere && known.fact(name).is_none() {
                continue;
            }
            if !known.fact(name).is_some_and(|own| same(own, asked)) {
                return Err(Problem::new(ProblemCode::Forbidden)
                    .cause("account")
                    .detail("This credential belongs to another account")
                    .into());
            }
        }
        return Ok((known, credential.sight.clone()));
    }
    let text = |name: &str| facts.get(name)?.strip_prefix('"')?.strip_suffix('"');
    let actor = match (text("kind"), text("identity")) {
        (Some("contact"), Some(identity)) => Actor::ContactIdentity(identity.into()),
        _ => Actor::Gateway,
    };
    let principal = Principal {
        tenant: mount.tenant.clone(),
        name: Arc::clone(&credential.name),
        actor,
        access: Access::Write,
        act_as: false,
        reads_as: ReadsAs::Gateway,
        facts,
    };
    Ok((Arc::new(principal), credential.sight.clone()))
}

/// Two facts name the same thing: equal text, and a number is its digits (`/accounts/1` is text or
/// a number by the route's template).
fn same(own: &str, asked: &str) -> bool {
    own.trim_matches('"') == asked.trim_matches('"')
}

fn nobody(tenant: Tenant) -> Arc<Principal> {
    Arc::new(Principal {
        tenant,
        name: Arc::from("nobody"),
        actor: Actor::Gateway,
        access: Access::Write,
        act_as: false,
        reads_as: ReadsAs::Gateway,
        facts: Facts::default(),
    })
}
