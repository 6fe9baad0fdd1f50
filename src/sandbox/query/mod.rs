//! Finding resources: conditions on them, their order, and pages of what is found.
//!
//! A filter of the contract becomes one SQL condition over the stored objects. Which fields there
//! are, and of what kind, is read off the contract's schema of the resource; values never stand in
//! the text of the SQL. Every condition is true or false, never unknown, so that a negation is
//! exactly the rest.

mod field;
mod given;
mod leaf;
mod order;
mod page;
#[cfg(test)]
mod tests;
mod text;
mod tree;

use rusqlite::types::Value as Bound;
use serde_json::{Map, Value};

pub(super) use field::{Fields, kinds};
pub(super) use given::given;
pub(super) use order::Order;
pub(super) use page::page;
pub(super) use text::{fold, register};

use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::store::{self, Table};

/// Text of SQL with a `?` for each of its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Bound>,
}

impl Sql {
    /// SQL and its values.
    pub(super) fn new(text: impl Into<String>, values: impl IntoIterator<Item = Bound>) -> Self {
        Self { text: text.into(), values: values.into_iter().collect() }
    }

    /// Adds text.
    fn text(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Adds a value.
    fn value(mut self, value: impl Into<Bound>) -> Self {
        self.text.push('?');
        self.values.push(value.into());
        self
    }

    /// Adds another piece.
    fn piece(mut self, other: &Self) -> Self {
        self.text.push_str(&other.text);
        self.values.extend(other.values.iter().cloned());
        self
    }

    /// Pieces joined by a word, each in brackets; `none` where there is no piece.
    fn joined(pieces: &[Self], word: &str, none: &str) -> Self {
        let mut all = Self::default();
        for piece in pieces {
            if !all.text.is_empty() {
                all = all.text(word);
            }
            all = all.text("(").piece(piece).text(")");
        }
        if all.text.is_empty() { all.text(none) } else { all }
    }
}

/// Conditions that all hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Where(Vec<Sql>);

impl Where {
    /// One more condition.
    pub(super) fn and(&mut self, condition: Sql) {
        self.0.push(condition);
    }

    /// One more condition, as a filter of the contract: `{"field": "status", "cmp": "in", …}`.
    /// `pointer` is where it stands in the request's body.
    pub(super) fn filter(
        &mut self,
        fields: &Fields<'_>,
        filter: &Value,
        pointer: &str,
    ) -> Result<(), Fault> {
        self.and(tree::compile(fields, filter, pointer)?);
        Ok(())
    }

    /// All of them as one.
    pub(super) fn condition(&self) -> Sql {
        Sql::joined(&self.0, " AND ", "true")
    }

    /// How many resources they hold for.
    pub(super) fn count(&self, desk: &Desk<'_>, table: Table) -> Result<i64, Fault> {
        let Sql { text, values } = self.condition();
        store::count(desk.db, table, &text, rusqlite::params_from_iter(values))
    }
}

/// The body of a search: its filter and its order. Without an order, `default` is it.
pub(super) fn search(
    fields: &Fields<'_>,
    body: &Map<String, Value>,
    default: &str,
) -> Result<(Where, Vec<Order>), Fault> {
    let mut wanted = Where::default();
    if let Some(filter) = body.get("filter").filter(|filter| !filter.is_null()) {
        wanted.filter(fields, filter, "/filter")?;
    }
    let sort = body.get("sort").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok((wanted, order::read(fields, sort, default)?))
}
