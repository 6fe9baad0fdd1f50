//! What a plain resource is made of: others that name it as their `parent`. They are embedded where
//! the contract has a list of them, and counted where it says `x-counts`.

use rusqlite::types::Value as Bound;
use serde_json::{Map, Value};

use crate::canonical::contract::{Counts, Kind, Property, SchemaId, Stored, Wanted};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::store::{self, Row, Table};

/// Most parts that are embedded.
const MOST: i64 = 1_000;

impl Desk<'_> {
    /// Sets the lists of parts that `includes` names, and the numbers of them.
    pub(super) fn parts(
        &self,
        stored: &Stored,
        row: &Row,
        includes: &[&str],
        object: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        for property in self.contract().properties(stored.schema) {
            let Some(include) = &property.include else { continue };
            let Some((part, table, parent)) = self.part_in(property) else { continue };
            if !includes.contains(&&**include) {
                continue;
            }
            let condition = format!("document ->> '$.{parent}' = ?1 ORDER BY number LIMIT {MOST}");
            let rows = store::all(self.db, table, &condition, [&row.id])?;
            // A part does not embed what is in it: an answer has an end.
            let shown = rows.iter().map(|row| Ok(self.plainly(part, row)?.into()));
            let shown = shown.collect::<Result<Vec<Value>, Fault>>()?;
            object.insert(property.name.to_string(), shown.into());
        }
        self.counted(stored.schema, &row.id, object)
    }

    /// The kind of parts of which a member is a list.
    fn part_in(&self, property: &Property) -> Option<(&Stored, Table, &str)> {
        let Kind::List { items, .. } = &self.contract().schema(property.schema).kind else {
            return None;
        };
        let part = self.contract().stored().iter().find(|stored| stored.schema == *items)?;
        Some((part, Table::of(&part.kind)?, part.parent.as_deref()?))
    }

    /// Sets what is counted in an object, and in the objects of its lists.
    fn counted(
        &self,
        schema: SchemaId,
        id: &str,
        object: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        for property in self.contract().properties(schema) {
            if let Some(counts) = &property.counts {
                let count = self.count(counts, id, object)?;
                object.insert(property.name.to_string(), count.into());
            } else if let Kind::List { items, .. } = self.contract().schema(property.schema).kind
                && self.contract().properties(items).iter().any(|p| p.counts.is_some())
                && let Some(Value::Array(list)) = object.get_mut(&*property.name)
            {
                for element in list.iter_mut().filter_map(Value::as_object_mut) {
                    self.counted(items, id, element)?;
                }
            }
        }
        Ok(())
    }

    fn count(&self, counts: &Counts, id: &str, object: &Map<String, Value>) -> Result<i64, Fault> {
        let part = self.contract().stored().iter().find(|stored| stored.kind == counts.kind);
        let parent = part.and_then(|part| part.parent.as_deref());
        let (Some(parent), Some(table)) = (parent, Table::of(&counts.kind)) else { return Ok(0) };
        let mut condition = format!("document ->> '$.{parent}' = ?1");
        let mut values = vec![Bound::Text(id.to_owned())];
        for (member, wanted) in &counts.only {
            values.push(match wanted {
                Wanted::Word(word) => Bound::Text(word.to_string()),
                Wanted::Member(name) => {
                    let text = object.get(&**name).and_then(Value::as_str);
                    text.map_or(Bound::Null, |text| Bound::Text(text.to_owned()))
                }
            });
            condition.push_str(&format!(" AND document ->> '$.{member}' IS ?{}", values.len()));
        }
        store::count(self.db, table, &condition, rusqlite::params_from_iter(values))
    }
}
