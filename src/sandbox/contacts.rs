//! Contacts: finding, making, changing and deleting them.

use serde_json::{Map, Value, json};

use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::changes::{merge, referred};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid, not_found};
use crate::sandbox::identities::{self, Wanted};
use crate::sandbox::once::once;
use crate::sandbox::query::{self, Fields, Order, Where, fold, given, page};
use crate::sandbox::store::{self, Row, Table};
use crate::sandbox::{known, plain, proof, unite};

/// The order of a list that names none.
const ORDER: &str = "-last_activity_at";
/// Where `q` looks.
const LOOKED_THROUGH: [&str; 5] = ["name", "identifier", "email", "phone_number", "company.name"];
/// What only the business writes.
const OF_THE_BUSINESS: [&str; 6] =
    ["blocked", "labels", "contact_type", "contact_type_raw", "company_id", "company_name"];
/// Members of a body that are no members of a contact.
const ASIDE: [&str; 3] = ["identity", "when_known", "identifier_hash"];

/// A page of contacts.
pub(super) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let fields = Fields::of(desk, Table::Contact);
    let mut wanted = given(&fields, call)?;
    if let Some(text) = call.text("q") {
        let looks =
            LOOKED_THROUGH.map(|field| json!({"field": field, "cmp": "contains", "value": text}));
        wanted.filter(&fields, &json!({"op": "or", "filters": looks}), "")?;
    }
    let order = Order::parameter(&fields, call.values("sort").first().copied(), ORDER)?;
    listed(desk, call, wanted, &order)
}

/// A page of the contacts that a filter finds.
pub(super) fn search(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let fields = Fields::of(desk, Table::Contact);
    let (wanted, order) = query::search(&fields, &call.body()?, ORDER)?;
    listed(desk, call, wanted, &order)
}

fn listed(
    desk: &Desk<'_>,
    call: &Call<'_>,
    mut wanted: Where,
    order: &[Order],
) -> Result<Payload, Fault> {
    if desk.who.identity.is_some() {
        let own = desk.who.id.as_deref().unwrap_or_default();
        wanted.and(Fields::of(desk, Table::Contact).is("id", own)?);
    }
    let found = page(desk, call, Table::Contact, &wanted, order)?;
    let includes = call.all("include");
    let data: Vec<_> = found
        .rows
        .iter()
        .map(|row| desk.shown(Table::Contact, row, &includes))
        .collect::<Result<_, _>>()?;
    desk.answer(call, json!({"data": data, "page": found.page}))
}

/// One contact.
pub(super) fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let row = open(desk, call)?;
    let object = desk.shown(Table::Contact, &row, &call.all("include"))?;
    desk.one(call, &row, object.into())
}

/// The contact that the path names, whatever else it names.
pub(super) fn named(desk: &Desk<'_>, call: &Call<'_>) -> Result<Row, Fault> {
    let reference = call.text("contact_id").unwrap_or_default();
    store::find(desk.db, Table::Contact, reference)?.ok_or_else(|| not_found("contact"))
}

/// The contact that the path names, if it is open to the one who asks.
pub(super) fn open(desk: &Desk<'_>, call: &Call<'_>) -> Result<Row, Fault> {
    let row = plain::named(desk, call, Table::Contact)?;
    if desk.who.identity.is_some() && desk.who.id.as_deref() != Some(&row.id) {
        return Err(not_found("contact"));
    }
    Ok(row)
}

/// Makes a contact, or finds the one that is meant; with an identity, if one is asked for.
pub(super) fn create(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        for_the_business(desk)?;
        let wanted = match body.get("identity").and_then(Value::as_object) {
            Some(identity) => Some(Wanted::read(desk, identity, "/identity")?),
            None => None,
        };
        let proved = match &wanted {
            Some(wanted) => proof::holds(desk, &wanted.inbox, &body, None)?,
            None => false,
        };
        let known = known::find(desk, &body, wanted.as_ref())?;
        let when = body.get("when_known").and_then(Value::as_str).unwrap_or("conflict");
        let row = match known {
            None => new(desk, &body)?,
            Some(known) if when == "conflict" => return Err(known::taken([known.pointer])),
            Some(mut known) => {
                if when == "update" {
                    change(desk, &mut known.row, &body)?;
                }
                known.row
            }
        };
        let mut includes = call.all("include");
        let mut object = desk.shown(Table::Contact, &row, &includes)?;
        if let Some(wanted) = wanted {
            let mut identity = identities::give(desk, &row, &wanted)?;
            if proved {
                proof::note(desk, &mut identity)?;
            }
            // The list was put together before there was this one.
            object = desk.shown(Table::Contact, &row, &includes)?;
            if includes.contains(&"identity") {
                includes.retain(|name| *name != "identities");
                let identity = desk.shown(Table::Identity, &identity, &includes)?;
                object.insert("identity".into(), identity.into());
            }
        } else if includes.contains(&"identity") {
            object.insert("identity".into(), Value::Null);
        }
        desk.one(call, &row, object.into())
    })
}

pub(super) fn new(desk: &Desk<'_>, body: &Map<String, Value>) -> Result<Row, Fault> {
    let start = json!({
        "blocked": false,
        "labels": [],
        "custom_attributes": {},
        "context": {},
        "created_at": desk.now,
        "updated_at": desk.now,
    });
    let Value::Object(document) = start else { return Err(ProblemCode::Internal.into()) };
    let mut row = Row { id: String::new(), number: 0, revision: 0, document };
    write(desk, &mut row, body)?;
    known::refuse_taken(desk, &row, body)?;
    store::insert(desk.db, Table::Contact, row.document)
}

/// Changes what a merge patch names. Where another contact has the address and the call says so,
/// the two become one first.
pub(super) fn update(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let patch = call.body()?;
    once(desk, call, || {
        let mut row = open(desk, call)?;
        if desk.public_only()
            && let Some(name) = patch.keys().find(|name| OF_THE_BUSINESS.contains(&name.as_str()))
        {
            return Err(invalid(format!("/{name}"), "read_only", "a contact cannot change this"));
        }
        call.check_revision(&row)?;
        prove(desk, &row, &patch)?;
        let mut gone = None;
        if call.text("on_duplicate") == Some("merge")
            && let Some(other) = known::other(desk, &row, &patch)?
        {
            let path = std::mem::replace(&mut row, other);
            unite::into(desk, &path, &mut row)?;
            gone = Some(path);
        }
        change(desk, &mut row, &patch)?;
        answer(desk, call, &row, gone.as_ref())
    })
}

/// Takes the proof that a contact sends of itself.
fn prove(desk: &Desk<'_>, row: &Row, patch: &Map<String, Value>) -> Result<(), Fault> {
    let Some(mut identity) = desk.who.identity.clone() else {
        // Of somebody else nothing can be proved.
        return match patch.get("identifier_hash") {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(invalid("/identifier_hash", "invalid", "is the contact's own to send")),
        };
    };
    let inbox = identity.text("inbox_id").unwrap_or_default();
    let Some(inbox) = store::find(desk.db, Table::Inbox, inbox)? else { return Ok(()) };
    if proof::holds(desk, &inbox, patch, row.text("identifier"))? {
        proof::note(desk, &mut identity)?;
    }
    Ok(())
}

/// Makes two contacts one; the one in the path is gone.
pub(super) fn merge_into(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        for_the_business(desk)?;
        let gone = open(desk, call)?;
        let into = body.get("into_id").unwrap_or(&Value::Null);
        let Some(mut kept) = referred(desk, Table::Contact, into, "/into_id")? else {
            return Err(invalid("/into_id", "required", "must be there"));
        };
        if kept.id == gone.id {
            return Err(invalid("/into_id", "invalid", "a contact is not merged into itself"));
        }
        unite::into(desk, &gone, &mut kept)?;
        answer(desk, call, &kept, Some(&gone))
    })
}

fn answer(
    desk: &Desk<'_>,
    call: &Call<'_>,
    row: &Row,
    gone: Option<&Row>,
) -> Result<Payload, Fault> {
    let mut object = desk.shown(Table::Contact, row, &call.all("include"))?;
    if let Some(gone) = gone {
        object.insert("merged_from_id".into(), json!(gone.id));
        object.insert("merged_from_number".into(), json!(gone.number));
    }
    desk.one(call, row, object.into())
}

/// Deletes a contact with its identities and conversations.
pub(super) fn delete(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    for_the_business(desk)?;
    let row = open(desk, call)?;
    call.check_revision(&row)?;
    let of_them = "(SELECT id FROM conversation WHERE contact_id = ?1)";
    for sql in [
        format!("DELETE FROM csat WHERE conversation_id IN {of_them}"),
        format!(
            "DELETE FROM attachment WHERE message_id IN
             (SELECT id FROM message WHERE conversation_id IN {of_them})"
        ),
        format!("DELETE FROM message WHERE conversation_id IN {of_them}"),
        "DELETE FROM conversation WHERE contact_id = ?1".to_owned(),
        "DELETE FROM identity WHERE contact_id = ?1".to_owned(),
        "DELETE FROM contact WHERE id = ?1".to_owned(),
    ] {
        desk.db.prepare_cached(&sql)?.execute([&row.id])?;
    }
    desk.answer(call, json!({"id": row.id, "number": row.number}))
}

/// The labels of a contact.
pub(super) fn labels(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let row = open(desk, call)?;
    desk.answer(call, labelled(&row))
}

/// Gives a contact exactly these labels.
pub(super) fn replace_labels(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    for_the_business(desk)?;
    let body = call.body()?;
    let mut row = open(desk, call)?;
    change(desk, &mut row, &body)?;
    desk.answer(call, labelled(&row))
}

fn labelled(row: &Row) -> Value {
    // What a contact has none of is not stored.
    let labels = row.document.get("labels").cloned().unwrap_or_else(|| json!([]));
    json!({"contact_id": row.id, "contact_number": row.number, "labels": labels})
}

/// Refuses a contact.
pub(super) fn for_the_business(desk: &Desk<'_>) -> Result<(), Fault> {
    if desk.public_only() {
        let detail = "A contact cannot do this";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail).into());
    }
    Ok(())
}

/// Writes a patch to a stored contact.
fn change(desk: &Desk<'_>, row: &mut Row, patch: &Map<String, Value>) -> Result<(), Fault> {
    let before = row.document.clone();
    write(desk, row, patch)?;
    known::refuse_taken(desk, row, patch)?;
    if row.document != before {
        row.set("updated_at", desk.now.as_str());
        store::save(desk.db, Table::Contact, row)?;
    }
    Ok(())
}

fn write(desk: &Desk<'_>, row: &mut Row, patch: &Map<String, Value>) -> Result<(), Fault> {
    for (name, value) in patch {
        let before = row.document.get(name).cloned().unwrap_or(Value::Null);
        match name.as_str() {
            name if ASIDE.contains(&name) => {}
            "company_id" => {
                let company = referred(desk, Table::Company, value, "/company_id")?;
                row.set("company_id", company.map(|company| company.id));
            }
            "company_name" => {
                let company = value.as_str().filter(|name| !name.is_empty());
                let id = company.map(|name| company_named(desk, name)).transpose()?;
                row.set("company_id", id);
            }
            name => {
                let mut after = before.clone();
                merge(&mut after, value);
                // What has no value is null, never an empty text.
                if after == "" {
                    after = Value::Null;
                }
                for list in [("email", "emails"), ("phone_number", "phones")] {
                    if name == list.0 && after != before {
                        follow(row, list.1, &before, &after);
                    }
                }
                row.set(name, after);
            }
        }
    }
    Ok(())
}

/// The company with this name, made where there is none.
fn company_named(desk: &Desk<'_>, name: &str) -> Result<String, Fault> {
    let condition = "fold(document ->> 'name') = ?1 ORDER BY number";
    if let Some(found) = store::one(desk.db, Table::Company, condition, [fold(name)])? {
        return Ok(found.id);
    }
    let document = [("name", name), ("created_at", &desk.now), ("updated_at", &desk.now)];
    let document = document.map(|(name, value)| (name.to_owned(), Value::from(value)));
    Ok(store::insert(desk.db, Table::Company, Map::from_iter(document))?.id)
}

/// Lets the list of all addresses follow the main one.
fn follow(row: &mut Row, list: &str, before: &Value, after: &Value) {
    let Some(Value::Array(all)) = row.document.get_mut(list) else { return };
    all.retain(|one| one.get("value") != Some(before) && one.get("value") != Some(after));
    if !after.is_null() {
        all.insert(0, json!({"value": after, "label": null}));
    }
}
