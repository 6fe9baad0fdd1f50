//! Lists of conversations: by the filters of the query or by a filter tree, and how many there are.

use serde_json::{Map, Value, json};

use crate::canonical::Payload;
use crate::sandbox::call::Call;
use crate::sandbox::changes;
use crate::sandbox::conversations::view;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::query::{self, Fields, Order, Sql, Where, fold};
use crate::sandbox::store::Table;

/// The order of a list that names none.
const NEWEST: &str = "-last_activity_at";

/// A page of the conversations that the filters of the query leave.
pub(super) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let fields = Fields::of(desk, Table::Conversation);
    let all = filters(desk, call, &fields)?;
    let mut wanted = all.clone();
    if let Some(assignee) = call.text("assignee") {
        wanted.filter(&fields, &assigned(desk, assignee), "")?;
    }
    let order = Order::parameter(&fields, call.text("sort"), NEWEST)?;
    answer(desk, call, &fields, &wanted, &all, &order)
}

/// A page of the conversations that a filter tree leaves.
pub(super) fn search(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    let fields = Fields::of(desk, Table::Conversation);
    let (mut wanted, order) = query::search(&fields, &body, NEWEST)?;
    if !names(body.get("filter").unwrap_or(&Value::Null), "state") {
        wanted.filter(&fields, &leaf("state", "eq", json!("active")), "")?;
    }
    sight(desk, &mut wanted);
    answer(desk, call, &fields, &wanted, &wanted, &order)
}

/// How many conversations the filters of the query leave, by who has them.
pub(super) fn counts(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let fields = Fields::of(desk, Table::Conversation);
    let wanted = filters(desk, call, &fields)?;
    desk.answer(call, count(desk, &fields, &wanted)?)
}

fn answer(
    desk: &Desk<'_>,
    call: &Call<'_>,
    fields: &Fields<'_>,
    wanted: &Where,
    counted: &Where,
    order: &[Order],
) -> Result<Payload, Fault> {
    let view = view(call)?;
    let found = query::page(desk, call, Table::Conversation, wanted, order)?;
    let mut data = Vec::with_capacity(found.rows.len());
    for mut row in found.rows {
        changes::wake(&mut row, &desk.now);
        data.push(desk.thread(&row, &view)?);
    }
    let mut object = json!({"data": data, "page": found.page});
    if view.includes.contains(&"counts")
        && let Value::Object(object) = &mut object
    {
        object.insert("counts".into(), count(desk, fields, counted)?);
    }
    desk.answer(call, object)
}

/// The contract's `ConversationCounts`.
fn count(desk: &Desk<'_>, fields: &Fields<'_>, wanted: &Where) -> Result<Value, Fault> {
    let mut counts = Map::new();
    for (name, assignee) in [
        ("mine", Some("me")),
        ("assigned", Some("any")),
        ("unassigned", Some("none")),
        ("all", None),
    ] {
        let mut these = wanted.clone();
        if let Some(assignee) = assignee {
            these.filter(fields, &assigned(desk, assignee), "")?;
        }
        counts.insert(name.to_owned(), these.count(desk, Table::Conversation)?.into());
    }
    Ok(counts.into())
}

/// What the query asks for, `assignee` left out, of what the one who asks may see.
fn filters(desk: &Desk<'_>, call: &Call<'_>, fields: &Fields<'_>) -> Result<Where, Fault> {
    let mut wanted = query::given(fields, call)?;
    sight(desk, &mut wanted);
    if let Some(text) = call.text("q") {
        wanted.and(said(desk, text));
    }
    Ok(wanted)
}

/// One comparison of a filter tree.
fn leaf(field: &str, cmp: &str, value: Value) -> Value {
    json!({"field": field, "cmp": cmp, "value": value})
}

/// The filter of `assignee`.
fn assigned(desk: &Desk<'_>, who: &str) -> Value {
    match (who, desk.who.kind) {
        ("none", _) => leaf("assignee_id", "is_null", Value::Null),
        ("any", _) => leaf("assignee_id", "is_not_null", Value::Null),
        ("me", "agent") => leaf("assignee_id", "eq", json!(desk.who.id)),
        // Who is no agent has none.
        ("me", _) => json!({"op": "or", "filters": []}),
        (reference, _) => leaf("assignee_id", "eq", json!(reference)),
    }
}

/// Only what is open to the one who asks; the same as for one conversation.
fn sight(desk: &Desk<'_>, wanted: &mut Where) {
    if let Some(identity) = &desk.who.identity {
        let person = identity.text("contact_id").filter(|_| identity.is("verified"));
        wanted.and(match person {
            Some(person) => Sql::new("contact_id = ?", [person.to_owned().into()]),
            None => Sql::new("contact_identity_id = ?", [identity.id.clone().into()]),
        });
    }
    if let Some(inboxes) = &desk.who.inboxes {
        let holes = vec!["?"; inboxes.len()].join(", ");
        wanted.and(Sql::new(
            format!("inbox_id IN ({holes})"),
            inboxes.iter().map(|id| id.clone().into()),
        ));
    }
}

/// Whether a message has the text in it.
fn said(desk: &Desk<'_>, text: &str) -> Sql {
    let only = if desk.public_only() { "AND visibility = 'public'" } else { "" };
    Sql::new(
        format!(
            "EXISTS (SELECT 1 FROM message WHERE conversation_id = conversation.id {only}
             AND instr(fold(message.document ->> '$.body.text'), ?) > 0)"
        ),
        [fold(text).into()],
    )
}

/// Whether a filter tree names a field anywhere.
fn names(filter: &Value, field: &str) -> bool {
    if filter.get("field").and_then(Value::as_str) == Some(field) {
        return true;
    }
    let below = filter.get("filters").and_then(Value::as_array);
    below.is_some_and(|below| below.iter().any(|filter| names(filter, field)))
}
