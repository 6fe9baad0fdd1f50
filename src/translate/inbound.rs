//! The seam itself: a client's request becomes canonical calls, their results become its answer.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;
use tower::{Layer, Service};

use crate::call::memo::Memory;
use crate::call::{Authorised, Call, Claim};
use crate::canonical::validate::validate_body;
use crate::canonical::{FieldProblem, OperationId, Problem, ProblemCode};
use crate::dialect::catalog::Catalog;
use crate::dialect::route::{Body as Plan, Route};
use crate::error::Error;

use super::body::Kind;
use super::calls::{self, Canonical, Job};
use super::inputs::{self, Values};
use super::render::{self, Asked};
use super::scratch::{Buffer, translate};
use super::{Answer, Params, body, coding, content, form, inflate, multipart, problems, uploads};

/// The layer over a canonical service. Its future has no box around it, so what only some routes
/// need is boxed further in.
pub fn layer<S, B>(
    params: Arc<Params>,
) -> impl Layer<
    S,
    Service = impl Service<Authorised<B>, Response = Answer, Error = Error, Future: Send>
              + Clone
              + Send
              + Sync
              + use<S, B>,
> + Clone
+ use<S, B>
where
    S: Canonical,
    B: Body<Data = Bytes, Error: std::fmt::Display> + Send + 'static,
{
    tower::layer::layer_fn(move |canonical: S| {
        let params = Arc::clone(&params);
        tower::service_fn(move |authorised: Authorised<B>| {
            serve(Arc::clone(&params), canonical.clone(), authorised)
        })
    })
}

async fn serve<S, B>(
    params: Arc<Params>,
    canonical: S,
    authorised: Authorised<B>,
) -> Result<Answer, Error>
where
    S: Canonical,
    B: Body<Data = Bytes, Error: std::fmt::Display> + Send,
{
    let Authorised { call, principal, sight } = authorised;
    if call.route().is_none() {
        return Err(no_route(&call));
    }
    let Call { mut head, body, catalog, claim, record, memory, .. } = call;
    coding::plain_tags(&mut head.headers);
    let Some((mount, dialect)) = crate::call::mounted(&catalog, &claim) else {
        return Err(ProblemCode::NotFound.into());
    };
    let Claim::Route(claimed) = &claim else { return Err(ProblemCode::NotFound.into()) };
    let Some(route) = catalog.route(claimed.route) else {
        return Err(ProblemCode::NotFound.into());
    };

    let query = head.uri.query();
    let known = memory.known();
    // What was counted while the credential was read would not be counted again.
    let lesson = match &memory {
        Memory::Lesson(lesson) if lesson.is_on() && !record.has_mapping() => Some(lesson),
        _ => None,
    };
    let mut written = None;
    let inputs = match known {
        Some(known) => &*known.inputs,
        None => {
            if dialect.quirks.reject_unknown_members {
                known_query(route, query)?;
            }
            let values = Values {
                route,
                path: &claimed.path,
                address: head.uri.path(),
                query,
                headers: &head.headers,
                config: &params.values,
            };
            let inputs = written.insert(Buffer::take());
            values.write(&route.inputs, Some(&principal), inputs);
            &*inputs
        }
    };

    let mut job = Job {
        catalog: &catalog,
        tenant: &mount.tenant,
        principal: Some(&principal),
        sight: sight.as_ref(),
        inputs,
        request: None,
        body: None,
        record: &record,
    };
    let form = route.files.as_ref().filter(|_| !body.is_end_stream());
    let form = form.and_then(|files| Some((files, uploads::boundary(&head.headers)?)));
    let (received, file) = match (form, &route.body) {
        (Some((files, boundary)), _) => {
            let receiving = uploads::receive(job, files, body, &boundary, &params, &canonical);
            // Boxed: most requests have no files.
            let uploads::Received { form, last } = Box::pin(receiving).await?;
            (Some(form), last.filter(|_| files.alone))
        }
        (None, Some(plan)) => {
            let habit = dialect.quirks.empty_body_as_object;
            let receiving = receive(&head.headers, body, plan, habit, &params);
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
            let documents = [Some(job.inputs), Some(&*sent)];
            decoded = translate(&plan.program, &documents, &record, Bytes::copy_from_slice)
                .map_err(problems::refuse)?;
            if let Some(operation) = plan.whole {
                whole(&catalog, operation, &decoded)?;
            }
            job.body = Some(&decoded);
        }
        job.request = Some(&sent);
    }
    record.arrived();
    let results = match (file, known.zip(route.calls.first())) {
        // The file was all that there was to ask.
        (Some(answer), _) => smallvec::smallvec![Some(answer)],
        (None, Some((known, call))) => {
            calls::repeat(job, call, route, &known.question, &canonical).await?
        }
        (None, None) => calls::make(job, &route.calls, Some(route), &canonical).await?,
    };
    let unread = |error: &Error| calls::doubt(error, &results);
    let reply = render::choose(job, route, &results).inspect_err(unread)?;
    let asked = Asked { method: &head.method, headers: &head.headers };
    if let Some(response) = results.iter().flatten().next_back()
        && let Some(content) = &response.payload.content
    {
        record.cache(response.outcome);
        return content::answer(asked, response, content);
    }
    let wanted = if params.compression { coding::wanted(&head.headers) } else { None };
    let revision = render::carries_revision(dialect);
    let rendered =
        render::body(job, route, reply, &results, revision, wanted).inspect_err(unread)?;
    if let Some(outcome) = render::outcome(&results) {
        record.cache(outcome);
    }
    let mut rendered = coding::apply(asked, rendered, wanted).await;
    rendered.varies &= params.compression;
    if let Some(lesson) = lesson
        && let Some(question) = calls::question(job, route)
    {
        lesson.learned(claimed.clone(), (Arc::clone(&principal), sight.clone()), inputs, &question);
    }
    render::answer(asked, route, reply, rendered, &results)
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
