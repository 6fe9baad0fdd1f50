//! A route's canonical calls: what each is asked with, in which order, and what they gave.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use smallvec::SmallVec;
use tower::{Service, ServiceExt};

use crate::canonical::contract::{Location, Operation, Parameter};
use crate::canonical::{
    Actor, AtHand, OperationId, Params, Principal, Problem, ProblemCode, ReadsAs, Request,
    Response, Seen, Sight, Tenant, Viewer,
};
use crate::dialect::catalog::{Catalog, documents};
use crate::dialect::route::{Call, Route};
use crate::error::Error;
use crate::json::scan::Document;
use crate::json::text::{self, Kind};
use crate::json::walk;
use crate::mapping::plan::Program;
use crate::telemetry::record::Record;

use super::ahead::Ahead;
use super::pages;
use super::problems;
use super::scratch::translate;
use super::whole;

/// The fact that says to which account a principal belongs.
const ACCOUNT: &str = "account";

/// What the calls of one request have in common.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The catalog that recognised the request.
    pub catalog: &'a Catalog,
    /// Whose backend.
    pub tenant: &'a Tenant,
    /// Who asks; `None` for the gateway's own look-ups.
    pub principal: Option<&'a Arc<Principal>>,
    /// What they may see.
    pub sight: Option<&'a Arc<Sight>>,
    /// The document `inputs`.
    pub inputs: &'a [u8],
    /// The client's body.
    pub request: Option<&'a [u8]>,
    /// The decoded body.
    pub body: Option<&'a [u8]>,
    /// The request's notes.
    pub record: &'a Record,
}

impl Job<'_> {
    fn viewer(&self) -> Option<Viewer> {
        let principal = Arc::clone(self.principal?);
        Some(Viewer { principal, sight: self.sight.cloned() })
    }
}

/// What each call gave; `None` did not run.
pub type Results = SmallVec<[Option<Response>; 2]>;

/// An answer that could not be read is given to nobody else.
pub(super) fn doubt(error: &Error, results: &Results) {
    if error.problem().code == ProblemCode::UpstreamInvalid {
        results.iter().flatten().for_each(|response| response.payload.doubt());
    }
}

/// A service that answers canonical requests.
pub trait Backend:
    Service<Request, Response = Response, Error = Error, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Backend for S where
    S: Service<Request, Response = Response, Error = Error, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// One that may have an answer at hand.
pub trait Canonical: Backend + AtHand {}

impl<S: Backend + AtHand> Canonical for S {}

/// The call, where a route makes just one and no more than once: most routes, as read by most
/// clients.
#[must_use]
pub fn only(calls: &[Call]) -> Option<&Call> {
    match calls {
        [call] if call.again.is_none() && call.walk.is_none() => Some(call),
        _ => None,
    }
}

/// Whether an answer is all that was asked for, so that nothing more has to be.
#[must_use]
pub fn is_all(job: Job<'_>, call: &Call, answer: &Response) -> bool {
    let continued = &job.catalog.contract.get(call.operation).continued;
    !call.whole || !continued.as_ref().is_some_and(|plan| whole::may_go_on(plan, answer))
}

/// Makes the calls in order, from where they are. Reads that do not read each other run together; a
/// write runs after all above it and before all below.
///
/// # Errors
/// The first failure, its parts named as the client wrote them where `route` is given.
pub async fn make<S: Canonical>(
    job: Job<'_>,
    calls: &[Call],
    route: Option<&Route>,
    canonical: &S,
    ahead: Ahead,
) -> Result<Results, Error> {
    let mut results: Results = SmallVec::from_elem(None, calls.len());
    match (only(calls), results.as_mut_slice()) {
        (Some(call), [result]) => {
            let (request, answer) = match ahead {
                Ahead::Answered(request, answer) => (Some(request), Some(answer)),
                Ahead::Prepared(request) => (request, None),
                Ahead::Nothing | Ahead::Again(_) => {
                    (prepare(job, call, &documents(job, &[]))?, None)
                }
            };
            if let Some(request) = request {
                *result = Some(asked(job, call, route, request, answer, canonical).await?);
            }
            Ok(results)
        }
        // Boxed, so that it takes no room in the futures of those.
        _ => Box::pin(several(job, calls, route, canonical, results)).await,
    }
}

/// What a route asks, where that follows from `inputs` alone: one read that reads no body, asked
/// once, and nothing to be counted on the way.
pub(super) fn question(job: Job<'_>, route: &Route) -> Option<Request> {
    let plain = route.body.is_none() && route.files.is_none() && route.guard.is_none();
    let [call] = &*route.calls else { return None };
    let once = call.again.is_none() && call.walk.is_none();
    if !(plain && once && job.catalog.contract.get(call.operation).safe) {
        return None;
    }
    let noted = Record::default();
    let job = Job { record: &noted, ..job };
    let request = prepare(job, call, &documents(job, &[])).ok()??;
    noted.take_mapping().is_empty().then_some(request)
}

async fn several<S: Canonical>(
    job: Job<'_>,
    calls: &[Call],
    route: Option<&Route>,
    canonical: &S,
    mut results: Results,
) -> Result<Results, Error> {
    let mut next = 0;
    while next < calls.len() {
        let end = batch(job, calls, next);
        if end == next + 1 {
            let Some(call) = calls.get(next) else { break };
            let result = one(job, call, next, calls, route, &mut results, canonical).await;
            let result = result.inspect_err(|error| doubt(error, &results))?;
            if let Some(slot) = results.get_mut(next) {
                *slot = result;
            }
        } else {
            let together = (next..end).filter_map(|index| calls.get(index)).map(|call| {
                let request = prepare(job, call, &documents(job, &results));
                async move {
                    match request? {
                        Some(request) => ask(job, call, route, request, canonical).await.map(Some),
                        None => Ok(None),
                    }
                }
            });
            let answers: Result<Vec<Option<Response>>, _> = try_join_all(together).await;
            let answers = answers.inspect_err(|error| doubt(error, &results))?;
            for (slot, answer) in results.iter_mut().skip(next).zip(answers) {
                *slot = answer;
            }
        }
        next = end;
    }
    Ok(results)
}

/// The end of the run of calls from `from` that may go together.
fn batch(job: Job<'_>, calls: &[Call], from: usize) -> usize {
    let safe = |call: &Call| job.catalog.contract.get(call.operation).safe;
    let mut end = from + 1;
    if !calls.get(from).is_some_and(safe) {
        return end;
    }
    while calls.get(end).is_some_and(|call| safe(call) && call.after.iter().all(|a| *a < from)) {
        end += 1;
    }
    end
}

/// One call, with its `again`.
async fn one<S: Canonical>(
    job: Job<'_>,
    call: &Call,
    index: usize,
    calls: &[Call],
    route: Option<&Route>,
    results: &mut Results,
    canonical: &S,
) -> Result<Option<Response>, Error> {
    let mut left = call.again.map_or(0, |(_, most)| most);
    loop {
        let Some(request) = prepare(job, call, &documents(job, results))? else {
            return Ok(None);
        };
        let error = match ask(job, call, route, request, canonical).await {
            Ok(response) => return Ok(Some(response)),
            Err(error) => error,
        };
        let repeat = call.again.filter(|(first, _)| {
            left > 0 && error.problem().code == ProblemCode::PreconditionFailed && *first < index
        });
        let Some((first, _)) = repeat else { return Err(error) };
        left -= 1;
        let Some(earlier) = calls.get(first) else { return Err(error) };
        let Some(request) = prepare(job, earlier, &documents(job, results))? else {
            return Err(error);
        };
        let response = ask(job, earlier, route, request, canonical).await?;
        if let Some(slot) = results.get_mut(first) {
            *slot = Some(response);
        }
    }
}

/// Asks, and names the backend's complaints as the client wrote them.
///
/// # Errors
/// The call's failure.
pub async fn ask<S: Canonical>(
    job: Job<'_>,
    call: &Call,
    route: Option<&Route>,
    request: Request,
    canonical: &S,
) -> Result<Response, Error> {
    asked(job, call, route, request, None, canonical).await
}

/// As [`ask`]; the answer may be there already, and not be all of it.
async fn asked<S: Canonical>(
    job: Job<'_>,
    call: &Call,
    route: Option<&Route>,
    mut request: Request,
    answer: Option<Response>,
    canonical: &S,
) -> Result<Response, Error> {
    let asked = match call.walk {
        // Boxed: hardly a call walks.
        Some(walk) => Box::pin(pages::all(walk, request, canonical)).await,
        None if call.whole => {
            let contract = &job.catalog.contract;
            let asked = match answer {
                Some(answer) => Ok(answer),
                None => {
                    // What is kept is a copy: what was seen of the request goes with itself.
                    let kept = request.clone();
                    let asked = canonical.clone().oneshot(request).await;
                    request = kept;
                    asked
                }
            };
            match (asked, &contract.get(call.operation).continued) {
                // Boxed: hardly a conversation is so long.
                (Ok(answer), Some(plan)) if whole::may_go_on(plan, &answer) => {
                    Box::pin(whole::go_on(plan, contract, request, answer, canonical)).await
                }
                (asked, _) => asked,
            }
        }
        None => match answer {
            Some(answer) => Ok(answer),
            None => canonical.clone().oneshot(request).await,
        },
    };
    asked.map_err(|error| match route {
        Some(route) => problems::in_callers_words(error, &job.catalog.contract, route, call),
        None => error,
    })
}

/// The documents of a route's programs: inputs, request, body, then the calls' results.
#[must_use]
pub fn documents<'d>(
    job: Job<'d>,
    results: &'d [Option<Response>],
) -> SmallVec<[Option<Document<'d>>; 6]> {
    let mut all = SmallVec::new();
    all.push(Some(job.inputs.into()));
    all.push(job.request.map(Document::from));
    all.push(job.body.map(Document::from));
    debug_assert_eq!(all.len(), documents::CALLS);
    all.extend(results.iter().map(|r| r.as_ref().map(|r| r.payload.document())));
    all
}

/// The canonical request of a call, or nothing where its `when` does not hold.
///
/// # Errors
/// What is wrong with the values that it is asked with.
pub fn prepare(
    job: Job<'_>,
    call: &Call,
    documents: &[Option<Document<'_>>],
) -> Result<Option<Request>, Error> {
    // A program reads only what it was compiled for; of results, those before it.
    let of = |program: &Program| documents.get(..program.documents.len()).unwrap_or(documents);
    if let Some(when) = &call.when {
        let holds = translate(when, of(when), job.record, |out| out == b"true")
            .map_err(|faults| blame(&faults))?;
        if !holds {
            return Ok(None);
        }
    }
    let contract = &job.catalog.contract;
    let params = translate(&call.params, of(&call.params), job.record, params)
        .map_err(|faults| blame(&faults))?
        .ok_or_else(|| {
            Error::from(ProblemCode::BadRequest).within("parameters longer than 64 KiB")
        })?;
    let body = match &call.body {
        Some(program) => translate(program, of(program), job.record, Bytes::copy_from_slice)
            .map_err(|faults| blame(&faults))?,
        None => Bytes::new(),
    };
    let operation = contract.get(call.operation);
    complete(operation, &params, job.principal)?;
    // Reads that are the same for everyone are asked as the gateway, so that everyone shares them.
    let shared = operation.safe && !operation.cache.per_actor;
    let actor = match job.principal {
        Some(principal) if !shared || principal.reads_as == ReadsAs::Actor => {
            principal.actor.clone()
        }
        _ => Actor::Gateway,
    };
    Ok(Some(Request {
        tenant: job.tenant.clone(),
        operation: call.operation,
        params: if call.widen { widen(job.catalog, call.operation, params) } else { params },
        body,
        upload: None,
        seen: Seen::default(),
        actor,
        viewer: job.viewer(),
        fresh: call.fresh,
        record: job.record.clone(),
    }))
}

/// The parameters of an operation that is asked for before the body is known.
///
/// # Errors
/// What is wrong with the values that it is asked with.
pub(super) fn bound(
    job: Job<'_>,
    operation: OperationId,
    program: &Program,
) -> Result<Params, Error> {
    let documents = documents(job, &[]);
    let of = documents.get(..program.documents.len()).unwrap_or(&documents);
    let params = translate(program, of, job.record, params)
        .map_err(|faults| blame(&faults))?
        .ok_or_else(|| Error::from(ProblemCode::BadRequest).within("parameters are too long"))?;
    complete(job.catalog.contract.get(operation), &params, job.principal)?;
    Ok(params)
}

/// Refuses a call without an address: a credential that belongs to no account asks a dialect whose
/// account is the credential's.
fn complete(
    operation: &Operation,
    params: &Params,
    principal: Option<&Arc<Principal>>,
) -> Result<(), Error> {
    let lacks = |(position, parameter): &(u8, &Parameter)| {
        parameter.location == Location::Path && !params.has(*position)
    };
    let Some((_, missing)) = (0_u8..).zip(&operation.parameters).find(lacks) else {
        return Ok(());
    };
    let account = |principal: &Arc<Principal>| {
        principal.fact(ACCOUNT).is_some_and(|account| account != "null")
    };
    if principal.is_some_and(|principal| !account(principal)) {
        return Err(Problem::new(ProblemCode::Forbidden)
            .cause(ACCOUNT)
            .detail("This credential belongs to no account")
            .into());
    }
    Err(Error::from(ProblemCode::Internal)
        .within(format!("a call of `{}` lacks its `{}`", operation.name, missing.name)))
}

/// A program over a client's values and earlier answers failed: whose fault is it?
fn blame(faults: &crate::mapping::run::Faults) -> Error {
    use crate::mapping::run::Faults;
    match faults {
        Faults::Malformed(malformed) if usize::from(malformed.document) < documents::CALLS => {
            problems::refuse(faults.clone())
        }
        Faults::Invalid(list)
            if list.iter().all(|f| usize::from(f.document) < documents::CALLS) =>
        {
            problems::refuse(faults.clone())
        }
        _ => problems::unreadable(faults),
    }
}

/// The arguments a program wrote, a list with one value per parameter. `None` when they are too
/// long.
fn params(list: &[u8]) -> Option<Params> {
    let mut params = Params::default();
    for (position, value) in walk::elements(std::str::from_utf8(list).ok()?).enumerate() {
        let position = u8::try_from(position).ok()?;
        let fits = match text::kind(value) {
            Kind::Null => true,
            Kind::List => walk::elements(value).all(|item| params.push(position, &plain(item))),
            _ => params.push(position, &plain(value)),
        };
        if !fits {
            return None;
        }
    }
    Some(params)
}

/// A scalar as a parameter says it: text without its quotes, anything else as it stands.
fn plain(token: &str) -> Cow<'_, str> {
    if text::kind(token) == Kind::String { text::decode(token) } else { Cow::Borrowed(token) }
}

/// The widened view of a read, unless the route asks for more than it holds.
fn widen(catalog: &Catalog, operation: OperationId, params: Params) -> Params {
    let Some((_, wide)) = catalog.widened.iter().find(|(id, _)| *id == operation) else {
        return params;
    };
    let include = catalog.contract.get(operation).parameter("include");
    let covered = include.is_none_or(|position| {
        params.all(position).all(|wanted| wide.all(position).any(|held| held == wanted))
    });
    if !covered {
        return params;
    }
    params.replaced(wide).unwrap_or(params)
}
