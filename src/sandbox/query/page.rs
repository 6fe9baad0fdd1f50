//! One page of a list: by number, or from where an earlier page ended.
//!
//! A cursor holds the place between two resources, not a count, so that what is added or taken away
//! meanwhile neither repeats nor hides any other.

use rusqlite::params_from_iter;
use rusqlite::types::Value as Bound;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::order::Order;
use super::{Sql, Where};
use crate::sandbox::call::Call;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, bad_parameter};
use crate::sandbox::store::{self, Row, Table};

/// Farthest resource that a page number reaches.
const FARTHEST: i64 = 10_000;
/// Most bytes of the values in a cursor; a longer one is looked up when it is used.
const LONGEST: usize = 400;
/// Parameters that say which part of a list is wanted, and in how much detail.
pub(super) const OF_THE_PAGE: [&str; 7] =
    ["cursor", "page", "limit", "count", "include", "messages_limit", "messages_visibility"];

/// A page.
#[derive(Debug)]
pub(in crate::sandbox) struct Found {
    /// What is on it.
    pub(in crate::sandbox) rows: Vec<Row>,
    /// The contract's `Page`.
    pub(in crate::sandbox) page: Value,
}

/// The page of a list that a call asks for. Of equals, the one with the lower number comes first.
pub(in crate::sandbox) fn page(
    desk: &Desk<'_>,
    call: &Call<'_>,
    table: Table,
    wanted: &Where,
    order: &[Order],
) -> Result<Found, Fault> {
    let limit = call.limit()?;
    let number = call.number("page", 1..=FARTHEST)?;
    let list = List { desk, table, order, mark: mark(call) };
    let cursor = call.text("cursor").map(|text| list.read(text)).transpose()?;
    if number.is_some() && cursor.is_some() {
        return Err(bad_parameter("page", "goes without `cursor`"));
    }
    if number.is_some_and(|number| number.saturating_mul(limit) > FARTHEST) {
        let detail = format!("pages reach as far as resource {FARTHEST}; a cursor goes on");
        return Err(bad_parameter("page", detail));
    }
    let back = cursor.as_ref().is_some_and(|cursor| cursor.back);
    let mut conditions = wanted.clone();
    if let Some(cursor) = &cursor {
        conditions.and(list.beyond(cursor));
    }
    let skipped = number.map_or(0, |number| (number - 1) * limit);
    let ordered = conditions
        .condition()
        .text(" ORDER BY ")
        .piece(&list.order_by(back))
        .text(&format!(" LIMIT {} OFFSET {skipped}", limit + 1));
    let mut rows = store::all(desk.db, table, &ordered.text, params_from_iter(&ordered.values))?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    if back {
        // Going back reads the other way round; the page is turned over.
        rows.reverse();
    }
    let following = more || back;
    let preceding = if back { more } else { cursor.is_some() || skipped > 0 };
    let next = rows.last().filter(|_| following).map(|row| list.cursor(row, false)).transpose()?;
    let prev = rows.first().filter(|_| preceding).map(|row| list.cursor(row, true)).transpose()?;
    let total = match call.word("count", &["none", "exact"])? {
        Some("exact") => Some(wanted.count(desk, table)?),
        _ => None,
    };
    let page =
        json!({"next": next, "prev": prev, "limit": limit, "total": total, "number": number});
    Ok(Found { rows, page })
}

/// Tells the lists of different questions apart.
fn mark(call: &Call<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(&*call.operation.name);
    hash.update(call.actor().to_string());
    for (position, value) in call.request.params.iter() {
        let parameter = call.operation.parameters.get(usize::from(position));
        if parameter.is_some_and(|p| !OF_THE_PAGE.contains(&&*p.name)) {
            hash.update([position]);
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value);
        }
    }
    hash.update(&call.request.body);
    hex(hash.finalize().get(..4).unwrap_or_default())
}

/// A place in a list: beside a resource, on one of its sides.
struct Cursor {
    back: bool,
    /// The values that order the resource, and its number.
    keys: Vec<Bound>,
    number: i64,
}

/// A list in its order.
struct List<'l, 'd> {
    desk: &'l Desk<'d>,
    table: Table,
    order: &'l [Order],
    mark: String,
}

impl List<'_, '_> {
    /// `ORDER BY`, or its reverse.
    fn order_by(&self, back: bool) -> Sql {
        let way = |descending: bool| if descending == back { " ASC" } else { " DESC" };
        let mut sql = Sql::default();
        for Order { key, descending } in self.order {
            sql = sql.text("(").piece(key).text(") IS NULL").text(way(false));
            sql = sql.text(", ").piece(key).text(way(*descending)).text(", ");
        }
        sql.text(self.table.name()).text(".number").text(way(false))
    }

    /// What lies on the far side of a cursor.
    fn beyond(&self, cursor: &Cursor) -> Sql {
        let sign = |descending: bool| if descending == cursor.back { " > " } else { " < " };
        // One after the other, each is decisive only where those before it are equal.
        let mut ways = Vec::new();
        let mut equal = Sql::default();
        for (Order { key, descending }, at) in self.order.iter().zip(&cursor.keys) {
            let null = i64::from(*at == Bound::Null);
            let missing = Sql::default().text("((").piece(key).text(") IS NULL)");
            ways.push(equal.clone().piece(&missing).text(sign(false)).value(null));
            equal = equal.piece(&missing).text(" = ").value(null).text(" AND ");
            ways.push(
                equal
                    .clone()
                    .text("(")
                    .piece(key)
                    .text(")")
                    .text(sign(*descending))
                    .value(at.clone()),
            );
            equal = equal.text("(").piece(key).text(") IS ").value(at.clone()).text(" AND ");
        }
        let number = format!("{}.number", self.table.name());
        ways.push(equal.text(&number).text(sign(false)).value(cursor.number));
        Sql::joined(&ways, " OR ", "true")
    }

    /// The values that order a resource now.
    fn keys(&self, number: i64) -> Result<Option<Vec<Bound>>, Fault> {
        if self.order.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut sql = Sql::default().text("SELECT ");
        for (index, Order { key, .. }) in self.order.iter().enumerate() {
            sql = sql.text(if index > 0 { ", " } else { "" }).piece(key);
        }
        let sql = sql.text(&format!(" FROM {} WHERE number = ", self.table.name())).value(number);
        let mut statement = self.desk.db.prepare_cached(&sql.text)?;
        let mut found = statement.query(params_from_iter(&sql.values))?;
        let Some(row) = found.next()? else { return Ok(None) };
        (0..self.order.len())
            .map(|index| Ok(row.get(index)?))
            .collect::<Result<_, Fault>>()
            .map(Some)
    }

    fn cursor(&self, row: &Row, back: bool) -> Result<String, Fault> {
        let way = if back { 'p' } else { 'n' };
        let keys = self.keys(row.number)?.unwrap_or_default();
        let keys: Vec<Value> = keys.into_iter().map(shown).collect();
        let text = serde_json::to_string(&keys)?;
        let text = if text.len() > LONGEST { String::new() } else { hex(text.as_bytes()) };
        Ok(format!("{}{way}{}.{text}", self.mark, row.number))
    }

    fn read(&self, text: &str) -> Result<Cursor, Fault> {
        let cursor = || {
            let rest = text.strip_prefix(&*self.mark)?;
            let back = rest.starts_with('p');
            let (number, keys) = rest.strip_prefix(['n', 'p'])?.split_once('.')?;
            let keys: Vec<Value> = match keys {
                "" => return Some((back, number.parse().ok()?, None)),
                keys => serde_json::from_slice(&unhex(keys)?).ok()?,
            };
            let keys = keys.iter().map(stored).collect::<Option<Vec<_>>>()?;
            (keys.len() == self.order.len()).then_some((back, number.parse().ok()?, Some(keys)))
        };
        let foreign = || bad_parameter("cursor", "not a cursor of this list");
        let (back, number, keys) = cursor().ok_or_else(foreign)?;
        let keys = match keys {
            Some(keys) => keys,
            None => self.keys(number)?.ok_or_else(foreign)?,
        };
        Ok(Cursor { back, keys, number })
    }
}

fn shown(value: Bound) -> Value {
    match value {
        Bound::Integer(number) => number.into(),
        Bound::Real(number) => number.into(),
        Bound::Text(text) => text.into(),
        Bound::Null | Bound::Blob(_) => Value::Null,
    }
}

fn stored(value: &Value) -> Option<Bound> {
    match value {
        Value::Null => Some(Bound::Null),
        Value::String(text) => Some(Bound::Text(text.clone())),
        Value::Number(number) => {
            number.as_i64().map(Bound::Integer).or_else(|| number.as_f64().map(Bound::Real))
        }
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
