//! How an operation of the sandbox fails: a refusal the client is told about, or the file's fault.

use rusqlite::ErrorCode;

use crate::canonical::{FieldProblem, Problem, ProblemCode};
use crate::error::Error;

/// Why an operation gave no answer. Everything it had written is undone.
#[derive(Debug)]
pub(super) enum Fault {
    /// The request cannot be carried out.
    Refused(Box<Problem>),
    /// SQLite failed.
    Database(rusqlite::Error),
    /// A stored object is not readable.
    Corrupt(serde_json::Error),
}

impl Fault {
    /// The same fault, of the member at `pointer`.
    pub(super) fn at(mut self, pointer: &str) -> Self {
        if let Self::Refused(problem) = &mut self {
            for field in &mut problem.errors {
                field.pointer = Some(pointer.to_owned());
            }
        }
        self
    }

    /// The same fault of a body that stands at `pointer` of a larger one.
    pub(super) fn under(mut self, pointer: &str) -> Self {
        if let Self::Refused(problem) = &mut self {
            for inner in problem.errors.iter_mut().filter_map(|field| field.pointer.as_mut()) {
                inner.insert_str(0, pointer);
            }
        }
        self
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl From<ProblemCode> for Fault {
    fn from(code: ProblemCode) -> Self {
        Problem::new(code).into()
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(problem) => (*problem).into(),
            Fault::Database(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    busy("the sandbox's file is locked").because(error)
                }
                _ => Self::from(ProblemCode::UpstreamError).within("sandbox").because(error),
            },
            Fault::Corrupt(error) => Self::from(ProblemCode::UpstreamError)
                .within("sandbox: stored object")
                .because(error),
        }
    }
}

/// Nothing is wrong with the request; it can be sent again in a second.
pub(super) fn busy(context: &'static str) -> Error {
    Error::from(Problem::new(ProblemCode::Unavailable).retry_after(1)).within(context)
}

/// There is no such thing, or the one who asks may not know of it.
pub(super) fn not_found(what: &str) -> Fault {
    let what = what.replace('_', " ");
    Problem::new(ProblemCode::NotFound).detail(format!("There is no such {what}")).into()
}

/// A member of the body is wrong.
pub(super) fn invalid(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Fault {
    Problem::new(ProblemCode::ValidationFailed)
        .field(FieldProblem {
            pointer: Some(pointer.into()),
            code: code.to_owned(),
            detail: detail.into(),
            ..FieldProblem::default()
        })
        .into()
}

/// A parameter is wrong.
pub(super) fn bad_parameter(name: &str, detail: impl Into<String>) -> Fault {
    let detail = detail.into();
    Problem::new(ProblemCode::BadRequest)
        .detail(format!("`{name}`: {detail}"))
        .field(FieldProblem {
            parameter: Some(name.to_owned()),
            code: "invalid".to_owned(),
            detail,
            ..FieldProblem::default()
        })
        .into()
}
