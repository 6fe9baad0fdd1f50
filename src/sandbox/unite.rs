//! Making two contacts one.

use rusqlite::params;
use serde_json::{Map, Value};

use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::store::{self, Row, Table};

/// Moves everything of `gone` to `kept`, and fills what `kept` has no value for.
///
/// Identities and conversations go over; whatever `gone` wrote, `kept` has written.
pub(super) fn into(desk: &Desk<'_>, gone: &Row, kept: &mut Row) -> Result<(), Fault> {
    for table in [Table::Identity, Table::Conversation, Table::Message] {
        // An id stands in quotes in the stored text wherever something refers to the contact, and
        // nowhere else: it is a word that nobody writes.
        let sql = format!(
            "UPDATE {} SET document = replace(document, ?1, ?2), revision = revision + 1
             WHERE instr(document, ?1) > 0",
            table.name()
        );
        let quoted = |row: &Row| format!("\"{}\"", row.id);
        desk.db.prepare_cached(&sql)?.execute(params![quoted(gone), quoted(kept)])?;
    }
    desk.db.prepare_cached("DELETE FROM contact WHERE id = ?1")?.execute([&gone.id])?;
    fill(&mut kept.document, &gone.document);
    kept.set("updated_at", desk.now.as_str());
    store::save(desk.db, Table::Contact, kept)
}

/// Takes from `gone` what `kept` has no value for.
fn fill(kept: &mut Map<String, Value>, gone: &Map<String, Value>) {
    for (name, value) in gone {
        let own = kept.entry(name.clone()).or_insert(Value::Null);
        match (name.as_str(), &mut *own, value) {
            // The later of two times.
            ("last_activity_at", Value::String(own), Value::String(value)) if value > own => {
                own.clone_from(value);
            }
            (_, Value::Object(own), Value::Object(value)) => fill(own, value),
            (_, Value::Array(own), Value::Array(value)) => {
                let more: Vec<_> = value.iter().filter(|v| !own.contains(v)).cloned().collect();
                own.extend(more);
            }
            (_, Value::Null, value) => *own = value.clone(),
            _ => {}
        }
    }
}
