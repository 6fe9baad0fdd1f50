//! The seam itself: a client's request becomes canonical calls, their results become its answer.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either};
use http_body::Body;
use tower::{Layer, Service};

use crate::call::memo::Memory;
use crate::call::{Authorised, Call, Claim, Claimed};
use crate::canonical::payload::Coding;
use crate::canonical::validate::validate_body;
use crate::canonical::{FieldProblem, OperationId, Problem, ProblemCode};
use crate::dialect::Dialect;
use crate::dialect::catalog::{Catalog, Mount};
use crate::dialect::route::{Body as Plan, Reply, Route};
use crate::error::Error;

use super::ahead::{self, Ahead};
use super::body::Kind;
use super::calls::{self, Canonical, Job, Results};
use super::head::{self, Asked};
use super::inputs::{self, Values};
use super::render::{self, Rendered};
use super::scratch::{Buffer, translate};
use super::{Answer, Params, body, coding, content, form, inflate, multipart, problems, uploads};

/// The layer over a canonical service.
pub fn layer<S>(params: Arc<Params>) -> impl Layer<S, Service = Seam<S>> + Clone {
    tower::layer::layer_fn(move |canonical| Seam { params: Arc::clone(&params), canonical })
}

/// The service. What is at hand is answered at once: its future is no larger than an answer. What
/// has to be waited for is in a box, for the sake of those.
#[derive(Clone, Debug)]
pub struct Seam<S> {
    params: Arc<Params>,
    canonical: S,
}

/// An answer at once, or one that is waited for.
pub type Answering =
    Either<Ready<Result<Answer, Error>>, BoxFuture<'static, Result<Answer, Error>>>;

impl<S, B> Service<Authorised<B>> for Seam<S>
where
    S: Canonical,
    B: Body<Data = Bytes, Error: std::fmt::Display> + Send + 'static,
{
    type Response = Answer;
    type Error = Error;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, authorised: Authorised<B>) -> Answering {
        match begin(&self.params, &self.canonical, &authorised) {
            Err(error) => Either::Left(ready(Err(error))),
            Ok(Begun::Answered(answer)) => Either::Left(ready(Ok(answer))),
            Ok(Begun::Rendered(made)) => {
                let params = Arc::clone(&self.params);
                Either::Right(Box::pin(compressed(params, authorised, *made)))
            }
            Ok(Begun::Waiting(waiting)) => {
                let (params, canonical) = (Arc::clone(&self.params), self.canonical.clone());
                let Authorised { call, principal, sight } = authorised;
                let (call, body) = call.split();
                let authorised = Authorised { call, principal, sight };
                Either::Right(Box::pin(serve(params, canonical, authorised, body, waiting)))
            }
        }
    }
}

/// How far a request gets without waiting.
#[allow(clippy::large_enum_variant, reason = "short-lived; a box would be memory for a request")]
enum Begun {
    /// To its end.
    Answered(Answer),
    /// To a body that is worth compressing, and too long to do it here.
    Rendered(Box<Made>),
    /// To the client's body, or to the backend.
    Waiting(Waiting),
}

struct Waiting {
    /// The document `inputs`, unless it is known.
    inputs: Option<Buffer>,
    ahead: Ahead,
    /// What was counted while the credential was read would not be counted again.
    counted: bool,
}

/// A body that is not compressed yet: by which of the route's replies, of which results.
struct Made {
    reply: usize,
    rendered: Rendered,
    results: Results,
}

/// A route that was recognised, and where.
struct Place<'a> {
    mount: &'a Mount,
    dialect: &'a Arc<Dialect>,
    route: &'a Route,
    claimed: &'a Claimed,
}

fn place<B>(call: &Call<B>) -> Result<Place<'_>, Error> {
    match (call.mounted(), call.route()) {
        (_, None) => Err(no_route(call)),
        (None, _) => Err(ProblemCode::NotFound.into()),
        (Some((mount, dialect)), Some((route, claimed))) => {
            Ok(Place { mount, dialect, route, claimed })
        }
    }
}

fn job<'a, B>(authorised: &'a Authorised<B>, mount: &'a Mount, inputs: &'a [u8]) -> Job<'a> {
    Job {
        catalog: &authorised.call.catalog,
        tenant: &mount.tenant,
        principal: Some(&authorised.principal),
        sight: authorised.sight.as_ref(),
        inputs,
        request: None,
        body: None,
        record: &authorised.call.record,
    }
}

fn begin<S: Canonical, B>(
    params: &Params,
    canonical: &S,
    authorised: &Authorised<B>,
) -> Result<Begun, Error> {
    let call = &authorised.call;
    let Place { mount, dialect, route, claimed } = place(call)?;
    let query = call.head.uri.query();
    let counted = matches!(call.memory, Memory::Lesson(_)) && call.record.has_mapping();
    let mut inputs = None;
    if call.memory.known().is_none() {
        if dialect.quirks.reject_unknown_members {
            known_query(route, query)?;
        }
        let values = Values {
            route,
            path: &claimed.path,
            address: call.head.uri.path(),
            query,
            headers: &call.head.headers,
            config: &params.values,
        };
        let inputs = inputs.insert(Buffer::take());
        values.write(&route.inputs, Some(&authorised.principal), inputs);
    }
    let unread = route.body.is_none() && route.files.is_none() && route.guard.is_none();
    let Some(only) = calls::only(&route.calls).filter(|_| unread) else {
        return Ok(Begun::Waiting(Waiting { inputs, ahead: Ahead::Nothing, counted }));
    };
    let job = job(authorised, mount, read(call, inputs.as_ref()));
    call.record.arrived();
    let question = call.memory.known().map(|known| &known.question);
    match ahead::ahead(job, only, route, question, canonical)? {
        Ahead::Answered(_, response) | Ahead::Again(response)
            if calls::is_all(job, only, &response) && response.payload.content.is_none() =>
        {
            let mut results = Results::new();
            results.push(Some(response));
            let (reply, rendered, wanted) = rendered(job, params, call, &results)?;
            let asked = Asked::of(call);
            learn(job, authorised, counted);
            match coding::apply_here(asked, rendered, wanted) {
                Ok(rendered) => {
                    shown(asked, params, route, reply, rendered, &results).map(Begun::Answered)
                }
                Err(rendered) => {
                    let which = route.replies.iter().position(|known| std::ptr::eq(known, reply));
                    let reply = which.unwrap_or_default();
                    Ok(Begun::Rendered(Box::new(Made { reply, rendered, results })))
                }
            }
        }
        ahead => {
            let ahead = ahead.with(question, &call.record);
            Ok(Begun::Waiting(Waiting { inputs, ahead, counted }))
        }
    }
}

/// The document `inputs`, as it was written, or as it is known.
fn read<'a, B>(call: &'a Call<B>, written: Option<&'a Buffer>) -> &'a [u8] {
    match (written, call.memory.known()) {
        (Some(written), _) => written,
        (None, Some(known)) => &known.inputs,
        (None, None) => &[],
    }
}

/// Remembers what the request means, for the next one that is the same.
fn learn<B>(job: Job<'_>, authorised: &Authorised<B>, counted: bool) {
    let Authorised { call, principal, sight } = authorised;
    let (Memory::Lesson(lesson), false) = (&call.memory, counted) else { return };
    if lesson.is_on()
        && let Some((route, claimed)) = call.route()
        && let Some(question) = calls::question(job, route)
    {
        let who = (Arc::clone(principal), sight.clone());
        lesson.learned(claimed.clone(), who, job.inputs, &question);
    }
}

/// The body of the answer to a call that is answered, and the coding it is wanted in.
fn rendered<'a, B>(
    job: Job<'a>,
    params: &Params,
    call: &'a Call<B>,
    results: &Results,
) -> Result<(&'a Reply, Rendered, Option<Coding>), Error> {
    let Place { dialect, route, .. } = place(call)?;
    let unread = |error: &Error| calls::doubt(error, results);
    let reply = render::choose(job, route, results).inspect_err(unread)?;
    let wanted = if params.compression { Asked::of(call).wanted() } else { None };
    let revision = render::carries_revision(dialect);
    let rendered =
        render::body(job, route, reply, results, revision, wanted).inspect_err(unread)?;
    if let Some(outcome) = render::outcome(results) {
        call.record.cache(outcome);
    }
    Ok((reply, rendered, wanted))
}

fn shown(
    asked: Asked<'_>,
    params: &Params,
    route: &Route,
    reply: &Reply,
    mut rendered: Rendered,
    results: &Results,
) -> Result<Answer, Error> {
    rendered.varies &= params.compression;
    head::answer(asked, route, reply, rendered, results)
}

/// What was at hand, but is to be compressed elsewhere.
async fn compressed<B>(
    params: Arc<Params>,
    authorised: Authorised<B>,
    made: Made,
) -> Result<Answer, Error> {
    let Made { reply, rendered, results } = made;
    // A body that is not read need not be `Sync`.
    let (call, _) = authorised.call.split();
    let Place { route, .. } = place(&call)?;
    let reply = route.replies.get(reply).ok_or(ProblemCode::Internal)?;
    let asked = Asked::of(&call);
    let wanted = asked.wanted();
    let rendered = coding::apply(asked, rendered, wanted).await;
    shown(asked, &params, route, reply, rendered, &results)
}

/// Not an `async fn`: that would have a place for each argument before it begins and another one for
/// while it runs, and all of it is moved into a box.
fn serve<S, B>(
    params: Arc<Params>,
    canonical: S,
    authorised: Authorised<()>,
    body: B,
    waiting: Waiting,
) -> impl Future<Output = Result<Answer, Error>> + Send
where
    S: Canonical,
    B: Body<Data = Bytes, Error: std::fmt::Display> + Send,
{
    let Waiting { inputs, ahead, counted } = waiting;
    async move {
        let call = &authorised.call;
        let (record, headers) = (&call.record, &call.head.headers);
        let Place { mount, dialect, route, .. } = place(call)?;
        let mut job = job(&authorised, mount, read(call, inputs.as_ref()));
        let form = route.files.as_ref().filter(|_| !body.is_end_stream());
        let form = form.and_then(|files| Some((files, uploads::boundary(headers)?)));
        let (received, file) = match (form, &route.body) {
            (Some((files, boundary)), _) => {
                let receiving = uploads::receive(job, files, body, &boundary, &params, &canonical);
                // Boxed: most requests have no files.
                let uploads::Received { form, last } = Box::pin(receiving).await?;
                (Some(form), last.filter(|_| files.alone))
            }
            (None, Some(plan)) => {
                let habit = dialect.quirks.empty_body_as_object;
                let receiving = receive(headers, body, plan, habit, &params);
                // Boxed: most requests are reads.
                (Box::pin(receiving).await?, None)
            }
            (None, None) if route.files.is_some() => {
                let detail = "The body must be a form with a file (multipart/form-data)";
                return Err(Problem::new(ProblemCode::UnsupportedMediaType).detail(detail).into());
            }
            (None, None) => (None, None),
        };
        let (sent, decoded);
        if let Some(received) = received {
            sent = body::unwrapped(received, &dialect.quirks.nested_under);
            // The contract's own form is a file and no more.
            let form = |plan: &&Plan| file.is_none() || plan.whole.is_none();
            if let Some(plan) = route.body.as_ref().filter(form) {
                let documents = [Some(job.inputs.into()), Some((&*sent).into())];
                decoded = translate(&plan.program, &documents, record, Bytes::copy_from_slice)
                    .map_err(problems::refuse)?;
                if let Some(operation) = plan.whole {
                    whole(job.catalog, operation, &decoded)?;
                }
                job.body = Some(&decoded);
            }
            job.request = Some(&sent);
        }
        record.arrived();
        let results = match file {
            // The file was all that there was to ask.
            Some(answer) => smallvec::smallvec![Some(answer)],
            None => calls::make(job, &route.calls, Some(route), &canonical, ahead).await?,
        };
        let asked = Asked::of(call);
        if let Some(response) = results.iter().flatten().next_back()
            && let Some(content) = &response.payload.content
        {
            let unread = |error: &Error| calls::doubt(error, &results);
            render::choose(job, route, &results).inspect_err(unread)?;
            record.cache(response.outcome);
            return content::answer(asked, response, content);
        }
        let (reply, rendered, wanted) = rendered(job, &params, call, &results)?;
        let rendered = coding::apply(asked, rendered, wanted).await;
        learn(job, &authorised, counted);
        shown(asked, &params, route, reply, rendered, &results)
    }
}

/// Validates a canonical body as it stands.
fn whole(catalog: &Catalog, operation: OperationId, body: &[u8]) -> Result<(), Error> {
    let mut violations = Vec::new();
    validate_body(&catalog.contract, operation, body, &mut violations);
    if violations.is_empty() {
        return Ok(());
    }
    let mut problem = Problem::new(ProblemCode::ValidationFailed);
    problem.errors = violations
        .into_iter()
        .map(|violation| FieldProblem {
            field: problems::field(&violation.pointer),
            ..FieldProblem::from(violation)
        })
        .collect();
    Err(problem.into())
}

/// The client's body as JSON; `None` where none was sent and none is needed.
async fn receive<B>(
    headers: &http::HeaderMap,
    body: B,
    plan: &Plan,
    empty_as_object: bool,
    params: &Params,
) -> Result<Option<Bytes>, Error>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let (mut kind, mut gzip) = (Kind::Json, false);
    if !body.is_end_stream() {
        kind = body::accept(headers, plan.form.is_some())?;
        gzip = inflate::is_gzip(headers)?;
    }
    let mut received = body::read(body, params.max_body, params.body_timeout).await?;
    if gzip && !received.is_empty() {
        received = inflate::inflate(received, params.max_body).await?;
    }
    if !received.is_empty() {
        return match (kind, &plan.form) {
            (Kind::Form, Some(guide)) => form::urlencoded(&received, guide).map(Some),
            (Kind::Multipart(boundary), Some(guide)) => {
                multipart::read(received, &boundary, guide).await.map(Some)
            }
            _ => Ok(Some(received)),
        };
    }
    match (empty_as_object, plan.required) {
        (true, _) => Ok(Some(Bytes::from_static(b"{}"))),
        (false, true) => Err(Problem::new(ProblemCode::MalformedJson)
            .detail("A JSON body is needed here")
            .into()),
        (false, false) => Ok(None),
    }
}

/// 404, 405 or 400: an address that is no route.
fn no_route<B>(call: &Call<B>) -> Error {
    match &call.claim {
        Claim::Method { allow, .. } => {
            let mut problem = Problem::new(ProblemCode::MethodNotAllowed);
            problem.allow.clone_from(allow);
            problem.into()
        }
        Claim::Nothing { malformed: true, .. }
            if call.mounted().is_some_and(|(_, d)| d.quirks.bad_path_is_bad_request) =>
        {
            Problem::new(ProblemCode::BadRequest)
                .detail("A value in the address has not the form it should have")
                .into()
        }
        Claim::Nothing { malformed: true, .. } => ProblemCode::NotFound.into(),
        _ => Problem::new(ProblemCode::NotFound).cause("route").into(),
    }
}

/// Refuses query parameters that the route does not know.
fn known_query(route: &Route, query: Option<&str>) -> Result<(), Error> {
    let mut problem = Problem::new(ProblemCode::ValidationFailed);
    for (name, _) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if route.query.iter().any(|known| inputs::named(&known.name, &name)) {
            continue;
        }
        let known = route.query.iter().map(|known| &*known.name);
        let hint = crate::syntax::closest(&name, known)
            .map_or_else(String::new, |close| format!("; did you mean `{close}`?"));
        problem.errors.push(FieldProblem {
            parameter: Some(name.chars().take(64).collect()),
            field: Some(name.chars().take(64).collect()),
            code: "unknown".to_owned(),
            detail: format!("There is no such parameter here{hint}"),
            ..FieldProblem::default()
        });
        if problem.errors.len() >= 16 {
            break;
        }
    }
    if problem.errors.is_empty() { Ok(()) } else { Err(problem.into()) }
}
