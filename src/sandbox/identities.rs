//! Identities of contacts, and what else is found by the name that others know it by: inboxes.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::canonical::{FieldProblem, Payload, Problem, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::changes::{merge, referred};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid, not_found};
use crate::sandbox::ids;
use crate::sandbox::once::once;
use crate::sandbox::query::{Fields, Order, given, page};
use crate::sandbox::store::{self, Row, Table};
use crate::sandbox::{contacts, inboxes, plain};

/// Which account and inbox a public identifier stands for.
pub(super) fn resolve_inbox(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let identifier = call.text("identifier").unwrap_or_default();
    let inbox = store::one(desk.db, Table::Inbox, "identifier = ?1", [identifier])?
        .ok_or_else(|| not_found("inbox"))?;
    desk.answer(
        call,
        json!({
            "account_id": desk.account.to_string(),
            "account_number": desk.account,
            "id": inbox.id,
            "number": inbox.number,
            "identity_validation_required": inbox.is("identity_validation_required"),
        }),
    )
}

/// Identities over all contacts, by inbox, source id and channel.
pub(super) fn find(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let fields = Fields::of(desk, Table::Identity);
    let mut wanted = given(&fields, call)?;
    if let Some(own) = &desk.who.identity {
        let (name, id) = match own.is("verified") {
            true => ("contact_id", own.text("contact_id").unwrap_or_default()),
            false => ("id", own.id.as_str()),
        };
        wanted.and(fields.is(name, id)?);
    }
    let order = Order::parameter(&fields, None, "number")?;
    let found = page(desk, call, Table::Identity, &wanted, &order)?;
    let data = shown(desk, call, &found.rows)?;
    desk.answer(call, json!({"data": data, "page": found.page}))
}

/// The identities of one contact.
pub(super) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let contact = contacts::open(desk, call)?;
    let all = "contact_id = ?1 ORDER BY number";
    let mut found = store::all(desk.db, Table::Identity, all, [&contact.id])?;
    found.retain(|identity| desk.is_open(identity));
    let mut answer = json!({"data": shown(desk, call, &found)?});
    if call.text("reachable") == Some("true") {
        let with_inbox = call.all("include").contains(&"identity_inbox");
        let reachable = inboxes::reachable(desk, &contact, &found, with_inbox)?;
        merge(&mut answer, &json!({"reachable": reachable}));
    }
    desk.answer(call, answer)
}

/// One identity.
pub(super) fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let row = plain::named(desk, call, Table::Identity)?;
    if !desk.is_open(&row) {
        return Err(not_found("identity"));
    }
    one(desk, call, &row)
}

/// Gives a contact an identity in an inbox.
pub(super) fn create(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        contacts::for_the_business(desk)?;
        let contact = contacts::open(desk, call)?;
        let row = give(desk, &contact, &Wanted::read(desk, &body, "")?)?;
        one(desk, call, &row)
    })
}

fn one(desk: &Desk<'_>, call: &Call<'_>, row: &Row) -> Result<Payload, Fault> {
    let object = desk.shown(Table::Identity, row, &call.all("include"))?;
    desk.one(call, row, object.into())
}

fn shown(desk: &Desk<'_>, call: &Call<'_>, rows: &[Row]) -> Result<Vec<Map<String, Value>>, Fault> {
    let includes = call.all("include");
    rows.iter().map(|row| desk.shown(Table::Identity, row, &includes)).collect()
}

/// An identity that a body asks for.
pub(super) struct Wanted {
    pub(super) inbox: Row,
    source_id: Option<String>,
    display_name: Value,
    verified: bool,
    /// Where the body asks for it.
    pointer: String,
}

impl Wanted {
    /// Reads the contract's `ContactIdentityCreate`, which stands at `pointer`.
    pub(super) fn read(
        desk: &Desk<'_>,
        body: &Map<String, Value>,
        pointer: &str,
    ) -> Result<Self, Fault> {
        let inbox = body.get("inbox_id").unwrap_or(&Value::Null);
        let at = format!("{pointer}/inbox_id");
        let inbox = referred(desk, Table::Inbox, inbox, &at)?
            .ok_or_else(|| invalid(at, "required", "must be there"))?;
        let source_id = body.get("source_id").and_then(Value::as_str).map(str::to_owned);
        let display_name = body.get("display_name").cloned().unwrap_or(Value::Null);
        let verified = body.get("verified").and_then(Value::as_bool).unwrap_or(false);
        let pointer = format!("{pointer}/source_id");
        Ok(Self { inbox, source_id, display_name, verified, pointer })
    }

    /// One in an inbox, of which nothing is said.
    pub(super) fn any(inbox: Row) -> Self {
        let (source_id, display_name) = (None, Value::Null);
        Self { inbox, source_id, display_name, verified: false, pointer: String::new() }
    }

    /// The identity that the inbox has under the wanted `source_id`.
    pub(super) fn find(&self, desk: &Desk<'_>) -> Result<Option<Row>, Fault> {
        let Some(source_id) = &self.source_id else { return Ok(None) };
        let condition = "inbox_id = ?1 AND source_id = ?2";
        store::one(desk.db, Table::Identity, condition, [&self.inbox.id, source_id])
    }

    /// How the channel calls a contact: by its address there, where channels of this type have
    /// addresses. Nobody can guess any other.
    pub(super) fn source_id(
        &self,
        desk: &Desk<'_>,
        contact: &Row,
        channel: &str,
    ) -> Result<String, Fault> {
        if let Some(source_id) = &self.source_id {
            return Ok(source_id.clone());
        }
        let member = match channel {
            "email" => "email",
            "whatsapp" | "sms" | "phone" => "phone_number",
            _ if desk.repeatable() => {
                let next = store::last(desk.db, Table::Identity)?.saturating_add(1);
                return Ok(ids::uuid(store::everywhere(desk.db, next)?));
            }
            _ => return Ok(Uuid::new_v4().to_string()),
        };
        let address = contact.text(member).map(|text| text.trim_start_matches('+'));
        address.map(str::to_owned).ok_or_else(|| {
            let detail = format!("the contact has no {member} to be called by in this inbox");
            invalid(self.pointer.as_str(), "required", detail)
        })
    }
}

/// Gives a contact an identity, or finds that it has it.
pub(super) fn give(desk: &Desk<'_>, contact: &Row, wanted: &Wanted) -> Result<Row, Fault> {
    let channel = plain::channel_of(&wanted.inbox);
    let source_id = wanted.source_id(desk, contact, channel)?;
    let condition = "inbox_id = ?1 AND source_id = ?2";
    let known = store::one(desk.db, Table::Identity, condition, [&wanted.inbox.id, &source_id])?;
    match known {
        Some(row) if row.text("contact_id") == Some(&contact.id) => return Ok(row),
        Some(_) => {
            let detail = "The inbox knows somebody else by this name";
            return Err(Problem::new(ProblemCode::Conflict)
                .detail(detail)
                .field(FieldProblem {
                    pointer: Some(wanted.pointer.clone()),
                    code: "taken".to_owned(),
                    detail: "is another contact's".to_owned(),
                    ..FieldProblem::default()
                })
                .into());
        }
        None => {}
    }
    let name = match &wanted.display_name {
        Value::Null => json!(contact.text("name")),
        name => name.clone(),
    };
    let members = [
        ("contact_id", json!(contact.id)),
        ("inbox_id", json!(wanted.inbox.id)),
        ("channel_type", json!(channel)),
        ("source_id", json!(source_id)),
        ("display_name", name),
        ("verified", json!(wanted.verified)),
        ("created_at", json!(desk.now)),
        ("updated_at", json!(desk.now)),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    store::insert(desk.db, Table::Identity, Map::from_iter(members))
}
