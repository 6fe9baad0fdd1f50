//! A request as an operation reads it: parameters by name, the body checked against the contract.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::canonical::contract::{Operation, SchemaId};
use crate::canonical::validate::validate_body;
use crate::canonical::{Actor, Contract, FieldProblem, Problem, ProblemCode, Request};
use crate::sandbox::fault::{Fault, bad_parameter, not_found};

/// The one account. Its id is the word its clients write in paths.
pub(super) const ACCOUNT: &str = "1";

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

    /// A word of a closed list in the query.
    pub(super) fn word(&self, name: &str, words: &[&str]) -> Result<Option<&'c str>, Fault> {
        match self.text(name) {
            Some(word) if !words.contains(&word) => {
                Err(bad_parameter(name, format!("one of {} is due", words.join(", "))))
            }
            found => Ok(found),
        }
    }

    /// Refuses every account but the one there is.
    pub(super) fn check_account(&self) -> Result<(), Fault> {
        match self.text("account_id") {
            None | Some(ACCOUNT | "n:1") => Ok(()),
            Some(_) => Err(not_found("account")),
        }
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
