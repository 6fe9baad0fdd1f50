//! The one who asks, as they see themself: an agent with every account they work in.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::ids;
use crate::sandbox::once::once;
use crate::sandbox::plain::Plain;
use crate::sandbox::store::{self, Row, Table};

/// How long a login link is good.
const GOOD: SignedDuration = SignedDuration::from_mins(3);

/// The profile of the one who asks.
pub(super) fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    answer(desk, call, &own(desk)?)
}

/// What a merge patch names becomes otherwise.
pub(super) fn update(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let patch = call.body()?;
    once(desk, call, || {
        let mut row = own(desk)?;
        call.check_revision(&row)?;
        let before = row.clone();
        Plain::of_kind(desk, Table::Agent)?.write(desk, &mut row, &patch)?;
        if row.document != before.document {
            row.set("updated_at", desk.now.as_str());
            store::save(desk.db, Table::Agent, &mut row)?;
        }
        answer(desk, call, &row)
    })
}

/// A link by which the one who asks can log in for three minutes. The sandbox has no page behind it.
pub(super) fn login_link(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let row = own(desk)?;
    let until = call.now.checked_add(GOOD).map_err(|_| ProblemCode::Internal)?;
    let token = match desk.repeatable() {
        true => ids::uuid(until.as_second()),
        false => Uuid::new_v4().to_string(),
    };
    let (url, number, end) = (desk.public_url(), row.number, until.as_second());
    let url = format!("{url}/login?user={number}&expires={end}&token={token}");
    desk.answer(call, json!({"url": url, "expires_at": stamp(until)}))
}

/// The agent who asks. Nobody else has a profile.
fn own(desk: &Desk<'_>) -> Result<Row, Fault> {
    let id = desk.who.id.as_deref().filter(|_| desk.who.kind == "agent");
    let found = id.map(|id| store::find(desk.db, Table::Agent, id)).transpose()?.flatten();
    found.ok_or_else(|| {
        Problem::new(ProblemCode::Forbidden).detail("Only an agent has a profile").into()
    })
}

fn answer(desk: &Desk<'_>, call: &Call<'_>, row: &Row) -> Result<Payload, Fault> {
    let mut object = desk.shown(Table::Agent, row, &[])?;
    let known = row.document.get("accounts").and_then(Value::as_array);
    let known = known.and_then(|accounts| accounts.first()).and_then(Value::as_object);
    let mut account = known.cloned().unwrap_or_else(|| {
        let own = json!({"id": desk.account.to_string(), "number": desk.account, "name": null});
        own.as_object().cloned().unwrap_or_else(Map::new)
    });
    for name in ["role", "permissions", "availability", "auto_offline"] {
        account.insert(name.to_owned(), row.document.get(name).cloned().unwrap_or(Value::Null));
    }
    object.insert("accounts".into(), json!([account]));
    desk.one(call, row, object.into())
}
