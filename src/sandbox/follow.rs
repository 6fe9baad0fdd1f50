//! What names a resource (`x-names`) follows it when it is renamed, and lets it go when it is deleted.

use rusqlite::params;
use serde_json::Value;

use crate::canonical::contract::Names;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::plain::Plain;
use crate::sandbox::query::kinds;
use crate::sandbox::store::{self, Row};

/// After a change: the new name stands where the old one stood.
pub(super) fn renamed(
    desk: &Desk<'_>,
    plain: &Plain<'_>,
    before: &Row,
    after: &Row,
) -> Result<(), Fault> {
    each(desk, plain, |by| {
        let by = by?;
        let (old, new) = (before.document.get(by)?, after.document.get(by)?);
        (old != new).then(|| (old.clone(), Some(new.clone())))
    })
}

/// Before a deletion: nothing names it any more.
pub(super) fn deleted(desk: &Desk<'_>, plain: &Plain<'_>, row: &Row) -> Result<(), Fault> {
    each(desk, plain, |by| match by {
        Some(by) => Some((row.document.get(by)?.clone(), None)),
        None => Some((row.id.as_str().into(), None)),
    })
}

/// Every member that names resources of the kind: `change` gives, for the member by which, what
/// stands there and what is to.
fn each(
    desk: &Desk<'_>,
    plain: &Plain<'_>,
    change: impl Fn(Option<&str>) -> Option<(Value, Option<Value>)>,
) -> Result<(), Fault> {
    let contract = desk.contract();
    for (table, schema) in kinds(contract) {
        for property in contract.properties(schema) {
            let Some(Names { kind, by }) = &property.names else { continue };
            if *kind != plain.stored.kind {
                continue;
            }
            let Some((old, new)) = change(by.as_deref()) else { continue };
            let Some(text) = old.as_str() else { continue };
            // Of a member that is no list, the one value is looked through.
            let condition = "EXISTS (SELECT 1 FROM json_each(document, ?1) WHERE value = ?2)";
            let place = format!("$.{}", property.name);
            for mut row in store::all(desk.db, table, condition, params![place, text])? {
                match row.document.get_mut(&*property.name) {
                    Some(Value::Array(list)) => {
                        let at = list.iter().position(|one| *one == old);
                        let known = new.as_ref().is_some_and(|new| list.contains(new));
                        match (at.and_then(|at| list.get_mut(at)), &new) {
                            (Some(one), Some(new)) if !known => *one = new.clone(),
                            _ => list.retain(|one| *one != old),
                        }
                    }
                    Some(one) => *one = new.clone().unwrap_or(Value::Null),
                    None => continue,
                }
                row.set("updated_at", desk.now.as_str());
                store::save(desk.db, table, &mut row)?;
            }
        }
    }
    Ok(())
}
