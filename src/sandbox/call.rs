//! A request as an operation reads it: parameters by name, the body checked against the contract.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::canonical::contract::{Kind, Operation, SchemaId};
use crate::canonical::validate::validate_body;
use crate::canonical::{Actor, Contract, FieldProblem, Problem, ProblemCode, Request};
use crate::sandbox::fault::{Fault, bad_parameter};
use crate::sandbox::store::Row;

/// The account that the data of a new sandbox is in. Its id is the word its clients write in paths.
pub(super) const ACCOUNT: &str = "1";

/// The size of a page of a list that has no `limit`.
const LARGEST_PAGE: i64 = 1_000;

/// One request.
pub(super) struct Call<'c> {
    pub(super) contract: &'c Contract,
    pub(super) operation: &'c Operation,
    pub(super) request: &'c Request,
    /// When it is carried out.
    pub(super) now: Timestamp,
}

impl<'c> Call<'c> {
    /// As whom it is asked.
    pub(super) fn actor(&self) -> &'c Actor {
        &self.request.actor
    }

    /// The schema of the answer.
    pub(super) fn answer(&self) -> Option<SchemaId> {
        self.operation.answer
    }

    /// A parameter.
    pub(super) fn text(&self, name: &str) -> Option<&'c str> {
        self.request.params.get(self.operation.parameter(name)?)
    }

    /// Every value of a list parameter.
    pub(super) fn all(&self, name: &str) -> Vec<&'c str> {
        self.operation
            .parameter(name)
            .map(|position| self.request.params.all(position).collect())
            .unwrap_or_default()
    }

    /// Every value of a parameter; where there is none, what the contract says that means.
    pub(super) fn values(&self, name: &str) -> Vec<&'c str> {
        let given = self.all(name);
        if !given.is_empty() {
            return given;
        }
        let parameter = self.operation.parameters.iter().find(|p| &*p.name == name);
        match parameter.and_then(|p| p.default.as_deref()) {
            Some(default) if parameter.is_some_and(|p| p.list) => default.split(',').collect(),
            Some(default) => vec![default],
            None => Vec::new(),
        }
    }

    /// A whole number in the query, within bounds.
    pub(super) fn number(
        &self,
        name: &str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(n) if bounds.contains(&n) => Ok(Some(n)),
            _ => Err(bad_parameter(
                name,
                format!("a whole number from {} to {} is due", bounds.start(), bounds.end()),
            )),
        }
    }

    /// How many resources a page has: what the call says within the contract's bounds, or what the
    /// contract says of a call that says nothing.
    pub(super) fn limit(&self) -> Result<i64, Fault> {
        let parameter = self.operation.parameters.iter().find(|p| &*p.name == "limit");
        let bounds = parameter.map(|p| &self.contract.schema(p.schema).kind);
        let bounds = match bounds {
            Some(Kind::Integer { min, max }) => *min..=*max,
            _ => 1..=LARGEST_PAGE,
        };
        let default = parameter.and_then(|p| p.default.as_deref()?.parse().ok());
        Ok(self.number("limit", bounds)?.or(default).unwrap_or(LARGEST_PAGE))
    }

    /// A word of a closed list in the query.
    pub(super) fn word(&self, name: &str, words: &[&str]) -> Result<Option<&'c str>, Fault> {
        match self.text(name) {
            Some(word) if !words.contains(&word) => {
                Err(bad_parameter(name, format!("one of {} is due", words.join(", "))))
            }
            found => Ok(found),
        }
    }

    /// Refuses a change of something else than what the client had read.
    pub(super) fn check_revision(&self, row: &Row) -> Result<(), Fault> {
        let Some(wanted) = self.text("If-Match") else { return Ok(()) };
        let revision = row.revision();
        let is_it = |tag: &str| tag == "*" || tag.trim_matches('"') == revision;
        if wanted.split(',').map(str::trim).any(is_it) {
            return Ok(());
        }
        Err(Problem::new(ProblemCode::PreconditionFailed).into())
    }

    /// The body: an object that is what the contract says.
    pub(super) fn body(&self) -> Result<Map<String, Value>, Fault> {
        let value: Value = serde_json::from_slice(&self.request.body).map_err(|error| {
            Problem::new(ProblemCode::MalformedJson).detail(format!(
                "line {} column {}: not valid JSON",
                error.line(),
                error.column()
            ))
        })?;
        let mut violations = Vec::new();
        let operation = self.request.operation;
        validate_body(self.contract, operation, &self.request.body, &mut violations);
        if !violations.is_empty() {
            let mut problem = Problem::new(ProblemCode::ValidationFailed);
            problem.errors = violations.into_iter().map(FieldProblem::from).collect();
            return Err(problem.into());
        }
        match value {
            Value::Object(members) => Ok(members),
            _ => Err(Problem::new(ProblemCode::ValidationFailed).into()),
        }
    }
}

/// A time as the contract writes it: UTC, three digits, `Z`.
pub(super) fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}
