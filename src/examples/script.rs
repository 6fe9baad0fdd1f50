//! A backend that expects the calls of an example and answers as it says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tower::Service;

use crate::canonical::outcome::Why;
use crate::canonical::{
    AtHand, Contract, FieldProblem, Outcome, Payload, Problem, ProblemCode, Request, Response,
    Seen, Standing, Upload,
};
use crate::error::Error;
use crate::json::{text, walk};
use crate::syntax::{Code, Diagnostic, Diagnostics};
use crate::telemetry::record::Record;

use super::compare;
use super::file::{Expected, Sent};

/// The script and what went otherwise.
#[derive(Clone, Debug)]
pub(super) struct Script {
    contract: Arc<Contract>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    left: VecDeque<Expected>,
    surplus: Vec<String>,
    found: Diagnostics,
    last: Option<crate::syntax::Span>,
}

impl Script {
    pub(super) fn new(contract: Arc<Contract>, calls: Vec<Expected>) -> Self {
        let state = State {
            left: calls.into(),
            surplus: Vec::new(),
            found: Diagnostics::default(),
            last: None,
        };
        Self { contract, state: Arc::new(Mutex::new(state)) }
    }

    /// Reports what went otherwise, and the calls that were never made.
    pub(super) fn finish(&self, found: &mut Diagnostics) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        found.extend(std::mem::take(&mut state.found));
        for missing in &state.left {
            found.push(Diagnostic::error(
                Code::ExampleMismatch,
                missing.span,
                format!("`{}` was never asked for", missing.operation),
            ));
        }
    }

    fn asked(&self, request: &Request, sent: Option<&Sent>) -> Result<Response, Error> {
        let operation = self.contract.get(request.operation);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(expected) = state.left.pop_front() else {
            let name = operation.name.to_string();
            if let Some(span) = state.last {
                state.found.push(Diagnostic::error(
                    Code::ExampleMismatch,
                    span,
                    format!("after this call `{name}` was asked for as well"),
                ));
            }
            state.surplus.push(name);
            return Err(
                Error::from(ProblemCode::Internal).within("a call that the example does not have")
            );
        };
        state.last = Some(expected.span);
        if *operation.name != *expected.operation {
            state.found.push(Diagnostic::error(
                Code::ExampleMismatch,
                expected.span,
                format!("`{}` was asked for, not `{}`", operation.name, expected.operation),
            ));
        }
        for (position, parameter) in operation.parameters.iter().enumerate() {
            let position = u8::try_from(position).unwrap_or(u8::MAX);
            let mut got: Vec<&str> = request.params.all(position).collect();
            let told = expected.parameters.iter().find(|(name, ..)| **name == *parameter.name);
            let mut wanted: Vec<&str> = told
                .map(|(_, values, _)| values.iter().map(String::as_str).collect())
                .unwrap_or_default();
            // The order of a set means nothing.
            got.sort_unstable();
            wanted.sort_unstable();
            if got != wanted {
                let span = told.map_or(expected.span, |(.., span)| *span);
                state.found.push(Diagnostic::error(
                    Code::ExampleMismatch,
                    span,
                    format!(
                        "the parameter `{}` is [{}], not [{}]",
                        parameter.name,
                        got.join(", "),
                        wanted.join(", ")
                    ),
                ));
            }
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        match &expected.body {
            Some(written) => compare::json("the call's body", written, &body, &mut state.found),
            None if !body.is_empty() => state.found.push(Diagnostic::error(
                Code::ExampleMismatch,
                expected.span,
                format!("the call has a body: {body}"),
            )),
            None => {}
        }
        if sent != expected.file.as_ref() {
            state.found.push(Diagnostic::error(
                Code::ExampleMismatch,
                expected.span,
                format!("the call sends the file {sent:?}, not {:?}", expected.file.as_ref()),
            ));
        }
        answer(&expected)
    }
}

/// The whole of a file that a call sends.
async fn collect(file: &Upload) -> Result<Sent, Error> {
    let mut bytes = Vec::new();
    if let Some(mut pieces) = file.take() {
        while let Some(piece) = pieces.next().await {
            let broke = |error| Error::from(ProblemCode::BadRequest).because(error);
            bytes.extend_from_slice(&piece.map_err(broke)?);
        }
    }
    Ok(Sent {
        name: file.name().map(str::to_owned),
        media: file.media().to_owned(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

fn answer(expected: &Expected) -> Result<Response, Error> {
    if !(200..300).contains(&expected.status) {
        return Err(problem(&expected.answer, expected.status).into());
    }
    let member = |name: &str| {
        let found = walk::members(expected.answer.trim()).find(|(key, _)| text::eq(key, name));
        found.map(|(_, value)| text::decode(value).into_owned())
    };
    let revision = member("revision").as_deref().map(Into::into);
    let payload = Payload::new(expected.status, Bytes::from(expected.answer.clone()), revision);
    Ok(Response { payload: Arc::new(payload), outcome: Outcome::Bypass(Why::Off) })
}

/// The problem that the example's text says.
fn problem(json: &str, status: u16) -> Problem {
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let word = |value: &serde_json::Value, name: &str| {
        value.get(name).and_then(|v| v.as_str()).map(str::to_owned)
    };
    let code =
        word(&value, "code").and_then(|w| ProblemCode::from_word(&w)).unwrap_or(match status {
            404 => ProblemCode::NotFound,
            _ => ProblemCode::UpstreamError,
        });
    let mut problem = Problem::new(code);
    problem.detail = word(&value, "detail");
    problem.retry_after_s = value
        .get("retry_after_s")
        .and_then(serde_json::Value::as_u64)
        .and_then(|n| u32::try_from(n).ok());
    for field in value.get("errors").and_then(|e| e.as_array()).into_iter().flatten() {
        problem.errors.push(FieldProblem {
            pointer: word(field, "pointer"),
            parameter: word(field, "parameter"),
            header: word(field, "header"),
            field: word(field, "field"),
            code: word(field, "code").unwrap_or_default(),
            detail: word(field, "detail").unwrap_or_default(),
        });
    }
    problem
}

impl AtHand for Script {
    /// What a script expects, it expects in order.
    fn at_hand(&self, _: &mut Request) -> Option<Result<Response, Error>> {
        None
    }

    fn again(&self, _: &Standing, _: &Record) -> Result<Result<Response, Error>, Seen> {
        Err(Seen::Unlooked)
    }
}

impl Service<Request> for Script {
    type Response = Response;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let script = self.clone();
        Box::pin(async move {
            let sent = match &request.upload {
                Some(file) => Some(collect(file).await?),
                None => None,
            };
            script.asked(&request, sent.as_ref())
        })
    }
}
