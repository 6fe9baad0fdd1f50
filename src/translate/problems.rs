//! Failures of translation as problems, and a backend's complaints in the caller's own words.

use std::fmt::Write as _;

use serde_json::json;

use crate::canonical::{Contract, FieldProblem, Problem, ProblemCode};
use crate::dialect::catalog::documents;
use crate::dialect::route::{Call, Route};
use crate::error::Error;
use crate::mapping::plan::{Site, Step};
use crate::mapping::run::{Faults, Malformed, trace};

/// What a list of conditions is refused for: a cause of its own, and `invalid` like any other value.
const CONDITION: &str = "condition";

/// A problem as the contract's `Problem`, for envelopes to read.
#[must_use]
pub fn to_json(problem: &Problem) -> Vec<u8> {
    let errors: Vec<_> = problem
        .errors
        .iter()
        .map(|e| {
            json!({
                "pointer": e.pointer,
                "parameter": e.parameter,
                "header": e.header,
                "field": e.field,
                "code": e.code,
                "detail": e.detail,
            })
        })
        .collect();
    let body = json!({
        "type": "about:blank",
        "title": problem.code.title(),
        "status": problem.code.status(),
        "detail": problem.detail,
        "code": problem.code.word(),
        "errors": errors,
        "retry_after_s": problem.retry_after_s,
    });
    serde_json::to_vec(&body).unwrap_or_default()
}

/// What is wrong with a client's body or parameters.
#[must_use]
pub fn refuse(faults: Faults) -> Error {
    let faults = match faults {
        Faults::Malformed(Malformed { line, column, reason, .. }) => {
            return Problem::new(ProblemCode::MalformedJson)
                .detail(format!(
                    "The body is not valid JSON: line {line}, column {column}: {reason}"
                ))
                .into();
        }
        Faults::Invalid(faults) => faults,
    };
    let mut problem = Problem::new(ProblemCode::ValidationFailed);
    // Dialects have sentences of their own for these; the first says what is wrong.
    if let Some(first) = faults.first().filter(|f| f.code == CONDITION) {
        problem = problem.cause(CONDITION).detail(first.detail.clone());
    }
    for fault in faults {
        let code = if fault.code == CONDITION { "invalid" } else { fault.code }.to_owned();
        let told = FieldProblem { code, detail: fault.detail, ..FieldProblem::default() };
        problem.errors.push(match usize::from(fault.document) {
            documents::INPUTS => {
                // `/query/include/0` is the parameter `include`.
                let mut steps = fault.pointer.split('/').skip(1);
                let header = steps.next() == Some("header");
                let name = steps.next().map(unescaped);
                let (parameter, header) =
                    if header { (None, name.clone()) } else { (name.clone(), None) };
                FieldProblem { field: name, parameter, header, ..told }
            }
            _ => {
                FieldProblem { field: field(&fault.pointer), pointer: Some(fault.pointer), ..told }
            }
        });
    }
    problem.into()
}

/// What a pointer is called: `/items/0/value` is `items.0.value`. The body as a whole has no name.
#[must_use]
pub fn field(pointer: &str) -> Option<String> {
    let steps: Vec<_> = pointer.split('/').skip(1).map(unescaped).collect();
    (!steps.is_empty()).then(|| steps.join("."))
}

/// A step of a pointer without its escapes.
fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// What is wrong with a backend's answer. The client learns that it is, the log learns where.
#[must_use]
pub fn unreadable(faults: &Faults) -> Error {
    let (code, context) = match faults {
        Faults::Malformed(Malformed { document, line, column, reason, .. }) => (
            ProblemCode::UpstreamInvalid,
            format!("answer {document} is not JSON: line {line}, column {column}: {reason}"),
        ),
        Faults::Invalid(faults) => {
            let required = faults.iter().all(|f| matches!(f.code, "required" | "not_mappable"));
            let mut text = String::new();
            for fault in faults {
                let _ = write!(text, "{}: {}; ", fault.pointer, fault.code);
            }
            (if required { ProblemCode::NotMappable } else { ProblemCode::UpstreamInvalid }, text)
        }
    };
    Error::from(code).within(context)
}

/// A backend's complaint about `call`, each part named as the client wrote it. Where the mapping
/// itself wrote what the backend does not like, the client is not to blame: 500.
#[must_use]
pub fn in_callers_words(error: Error, contract: &Contract, route: &Route, call: &Call) -> Error {
    if error.problem().errors.is_empty() {
        return error;
    }
    let context = error.context().map(str::to_owned);
    let mut problem = error.into_problem();
    let told = problem.errors.len();
    let mut kept = Vec::with_capacity(told);
    for field in std::mem::take(&mut problem.errors) {
        let site = match (&field.pointer, &field.parameter) {
            (Some(pointer), _) => call.body.as_ref().and_then(|program| trace(program, pointer)),
            (None, Some(name)) => contract
                .get(call.operation)
                .parameter(name)
                .and_then(|position| trace(&call.params, &format!("/{position}"))),
            (None, None) => {
                kept.push(field);
                continue;
            }
        };
        let pointer = field.pointer.clone().unwrap_or_default();
        if let Some(named) = site.and_then(|site| name(site, &pointer, route, field)) {
            kept.push(named);
        }
    }
    if kept.is_empty() {
        let code = problem.code.word();
        return Error::from(ProblemCode::Internal)
            .within(format!("the backend answered {code} for values that only the mapping wrote"));
    }
    problem.errors = kept;
    let error = Error::from(problem);
    match context {
        Some(context) => error.within(context),
        None => error,
    }
}

/// Follows a value back from the call to the client: through `$body` to the client's own key, or to
/// a parameter.
fn name(site: &Site, pointer: &str, route: &Route, told: FieldProblem) -> Option<FieldProblem> {
    let told = FieldProblem { pointer: None, parameter: None, header: None, field: None, ..told };
    match usize::from(site.document) {
        documents::INPUTS => {
            let name = match site.pointer.last()? {
                Step::Member(name) => name.to_string(),
                Step::Element(_) | Step::Index(_) => site.field.to_string(),
            };
            // What the gateway filled in from the credential is nothing the client wrote.
            let part = site.pointer.first();
            let written =
                !matches!(part, Some(Step::Member(p)) if &**p == "principal" || &**p == "config");
            written.then(|| FieldProblem {
                parameter: Some(name.clone()),
                field: Some(name),
                ..told
            })
        }
        // A call that reads the client's body itself has keys of the contract's; the place is theirs.
        documents::REQUEST => {
            let pointer = text(&site.pointer);
            Some(FieldProblem { field: field(&pointer), pointer: Some(pointer), ..told })
        }
        documents::BODY => {
            let program = &route.body.as_ref()?.program;
            // A body passed on whole keeps the complaint's own pointer.
            let inner =
                if site.pointer.is_empty() { pointer.to_owned() } else { text(&site.pointer) };
            let site = trace(program, &inner)?;
            if usize::from(site.document) == documents::INPUTS {
                return name(site, &inner, route, told);
            }
            let whole = site.pointer.is_empty();
            let pointer = if whole { inner } else { text(&site.pointer) };
            // A body that is passed on has no rules, and so no fields with names of their own.
            let field = if whole || site.field.is_empty() {
                field(&pointer)
            } else {
                Some(site.field.to_string())
            };
            Some(FieldProblem { pointer: Some(pointer), field, ..told })
        }
        _ => None,
    }
}

/// RFC 6901, up to the first element that is known only at run time.
fn text(steps: &[Step]) -> String {
    let mut pointer = String::new();
    for step in steps {
        match step {
            Step::Member(name) => {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Step::Index(index) => {
                let _ = write!(pointer, "/{index}");
            }
            Step::Element(_) => break,
        }
    }
    pointer
}
