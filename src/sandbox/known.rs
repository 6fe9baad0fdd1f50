//! By what a contact is known: names that no two contacts share.

use serde_json::{Map, Value};

use crate::canonical::{FieldProblem, Problem, ProblemCode};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::identities::Wanted;
use crate::sandbox::query::fold;
use crate::sandbox::store::{self, Row, Table};

/// Members that name one contact, the surest first, and how they are looked for.
const NAMES: [(&str, &str); 3] = [
    ("identifier", "document ->> 'identifier' = ?1"),
    ("email", "fold(document ->> 'email') = fold(?1)"),
    ("phone_number", "document ->> 'phone_number' = ?1"),
];

/// A contact that is there, and the place of the body that names it.
pub(super) struct Known {
    pub(super) row: Row,
    pub(super) pointer: &'static str,
}

/// The contact that a body means.
pub(super) fn find(
    desk: &Desk<'_>,
    body: &Map<String, Value>,
    identity: Option<&Wanted>,
) -> Result<Option<Known>, Fault> {
    if let Some(found) = identity.map(|wanted| wanted.find(desk)).transpose()?.flatten() {
        let id = found.text("contact_id").unwrap_or_default();
        let row = store::one(desk.db, Table::Contact, "id = ?1", [id])?;
        return Ok(row.map(|row| Known { row, pointer: "/identity/source_id" }));
    }
    for (name, condition) in NAMES {
        if let Some(row) = holder(desk, body, name, condition)? {
            let pointer = pointer(name);
            return Ok(Some(Known { row, pointer }));
        }
    }
    Ok(None)
}

/// Another contact that has an address of the patch. Two such are a conflict: which one is meant?
/// So is one whose identifier says that it is somebody else.
pub(super) fn other(
    desk: &Desk<'_>,
    row: &Row,
    patch: &Map<String, Value>,
) -> Result<Option<Row>, Fault> {
    let mut found: Option<Row> = None;
    let mut named = Vec::new();
    for (name, condition) in NAMES.into_iter().filter(|(name, _)| *name != "identifier") {
        let holder = holder(desk, patch, name, condition)?.filter(|holder| holder.id != row.id);
        if let Some(holder) = holder {
            named.push(pointer(name));
            if found.as_ref().is_some_and(|found| found.id != holder.id) {
                return Err(taken(named));
            }
            found = Some(holder);
        }
    }
    let identifier = patch.get("identifier").and_then(Value::as_str);
    let is_else = |found: &Row| {
        identifier.is_some() && found.text("identifier").is_some_and(|own| Some(own) != identifier)
    };
    if found.as_ref().is_some_and(is_else) {
        return Err(taken(named));
    }
    Ok(found)
}

/// Refuses names of a patch that another contact has.
pub(super) fn refuse_taken(
    desk: &Desk<'_>,
    row: &Row,
    patch: &Map<String, Value>,
) -> Result<(), Fault> {
    let mut named = Vec::new();
    for (name, condition) in NAMES {
        let holder = holder(desk, patch, name, condition)?;
        if holder.is_some_and(|holder| holder.id != row.id) {
            named.push(pointer(name));
        }
    }
    if named.is_empty() { Ok(()) } else { Err(taken(named)) }
}

/// What is wrong where somebody else has what these places of the body say.
pub(super) fn taken(pointers: impl IntoIterator<Item = &'static str>) -> Fault {
    let mut problem =
        Problem::new(ProblemCode::Conflict).detail("There is a contact with this already");
    for pointer in pointers {
        problem = problem.field(FieldProblem {
            pointer: Some(pointer.to_owned()),
            code: "taken".to_owned(),
            detail: "is another contact's".to_owned(),
            ..FieldProblem::default()
        });
    }
    problem.into()
}

fn holder(
    desk: &Desk<'_>,
    body: &Map<String, Value>,
    name: &str,
    condition: &str,
) -> Result<Option<Row>, Fault> {
    match body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()) {
        Some(text) if name == "email" => {
            store::one(desk.db, Table::Contact, condition, [fold(text)])
        }
        Some(text) => store::one(desk.db, Table::Contact, condition, [text]),
        None => Ok(None),
    }
}

fn pointer(name: &str) -> &'static str {
    match name {
        "identifier" => "/identifier",
        "email" => "/email",
        _ => "/phone_number",
    }
}
