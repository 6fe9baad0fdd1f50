//! The platform: accounts, who works in them, and what a platform application may touch: what it has
//! made, and nothing else.
//!
//! Who works in an account is an agent there, of the user's id and number; nothing else says so.

use rusqlite::types::Value as Bound;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::canonical::{Contract, FieldProblem, Payload, Problem, ProblemCode};
use crate::sandbox::accounts;
use crate::sandbox::call::Call;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid, not_found};
use crate::sandbox::once::once;
use crate::sandbox::plain::{self, Plain};
use crate::sandbox::query::{Fields, Order, Sql, given, page};
use crate::sandbox::store::{self, Row, Table};
use crate::sandbox::{ids, users};

/// The member of a stored resource that lists the applications it is open to. Not of the contract.
const GRANTED: &str = "granted_to";
/// What of an account only a platform application sets.
const NOT_FOR_ADMINISTRATORS: [&str; 3] = ["status", "features", "limits"];

/// Whether an operation is about a resource that belongs to no account.
pub(super) fn is_about(call: &Call<'_>) -> bool {
    let resource = call.operation.name.split('.').next().unwrap_or_default();
    call.contract.stored().iter().any(|stored| stored.platform && *stored.operations == *resource)
}

/// Whether resources of a kind belong to no account.
pub(super) fn is_kind(contract: &Contract, table: Table) -> bool {
    contract.stored().iter().any(|stored| stored.platform && *stored.kind == *table.name())
}

/// Refuses those that the contract does not list for an operation, and everybody at work in an
/// account that is suspended.
pub(super) fn refuse_others(desk: &Desk<'_>, call: &Call<'_>, account: &Row) -> Result<(), Fault> {
    let role = &*desk.who.role;
    let listed = &call.operation.roles;
    let open = match listed.is_empty() {
        true => role != "platform",
        false => listed.iter().any(|open| **open == *role),
    };
    if role != "gateway" && !open {
        let detail = "This is not for those who have this role";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail).into());
    }
    if account.text("status") == Some("suspended") && role != "platform" && !is_about(call) {
        return Err(Problem::new(ProblemCode::Forbidden).detail("Account is suspended").into());
    }
    Ok(())
}

/// A stored resource that belongs to no account, as a canonical object. An account is its own.
pub(super) fn object(row: &Row) -> Map<String, Value> {
    let mut object = row.document.clone();
    object.entry("account_id").or_insert_with(|| row.id.as_str().into());
    object.entry("account_number").or_insert_with(|| row.number.into());
    object.insert("id".into(), row.id.as_str().into());
    object.insert("number".into(), row.number.into());
    object.insert("revision".into(), row.revision().into());
    object
}

/// Members with a secret of a new resource's own.
const SECRETS: [&str; 2] = ["access_token", "pubsub_token"];

/// Opens a new resource to the application that makes it, and gives it its secrets.
pub(super) fn grant(desk: &Desk<'_>, plain: &Plain<'_>, row: &mut Row) -> Result<(), Fault> {
    for name in SECRETS {
        if desk.contract().property(plain.stored.schema, name).is_some() {
            row.set(name, secret(desk, plain.table, name)?);
        }
    }
    if let Some(application) = &desk.who.platform {
        row.set(GRANTED, json!([application]));
    }
    Ok(())
}

/// A word that nobody can guess.
fn secret(desk: &Desk<'_>, table: Table, purpose: &str) -> Result<String, Fault> {
    if desk.repeatable() {
        let next = store::last(desk.hub, table)?.saturating_add(1);
        return Ok(ids::word(&format!("{}_{purpose}", table.name()), next));
    }
    Ok(Uuid::new_v4().simple().to_string())
}

/// Whether a resource is open to the one who asks.
pub(super) fn is_granted(desk: &Desk<'_>, row: &Row) -> bool {
    let Some(application) = &desk.who.platform else { return true };
    let granted = row.document.get(GRANTED).and_then(Value::as_array);
    granted.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(application)))
}

/// Refuses an application what another one has made.
pub(super) fn refuse_foreign(desk: &Desk<'_>, row: &Row) -> Result<(), Fault> {
    if is_granted(desk, row) {
        return Ok(());
    }
    let detail = "This application may touch only what it has made";
    Err(Problem::new(ProblemCode::Forbidden).detail(detail).into())
}

/// The resources that an application has made.
pub(super) fn granted_to(application: &str) -> Sql {
    let sql = format!("EXISTS (SELECT 1 FROM json_each(document, '$.{GRANTED}') WHERE value = ?)");
    Sql::new(sql, [Bound::from(application.to_owned())])
}

/// An account with nothing in it.
pub(super) fn create_account(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let body = call.body()?;
    once(desk, call, || {
        accounts::refuse_too_many(desk.hub)?;
        let mut row = plain.begun(desk);
        plain.write(desk, &mut row, &body)?;
        grant(desk, &plain, &mut row)?;
        let row = plain.insert(desk, row.document)?;
        // A file that was left behind is not this account's.
        desk.databases.remove(row.number);
        desk.databases.other(row.number)?;
        plain.answer(desk, call, &row)
    })
}

/// What a merge patch says of an account.
pub(super) fn update_account(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    if desk.who.kind == "agent" {
        let body = call.body()?;
        if let Some(name) = NOT_FOR_ADMINISTRATORS.iter().find(|name| body.contains_key(**name)) {
            let detail = "only a platform application sets this";
            return Err(invalid(format!("/{name}"), "read_only", detail));
        }
    }
    plain::update(desk, call)
}

/// Deletes an account and everything in it.
pub(super) fn delete_account(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let row = plain.named(desk, call)?;
    call.check_revision(&row)?;
    if row.number == accounts::FIRST {
        let detail = "The account that the sandbox began with stays";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail).into());
    }
    plain.remove(desk, &row)?;
    desk.gone.set(Some(row.number));
    desk.answer(call, json!({"id": row.id, "number": row.number}))
}

/// The account of a call about who works in it, if it is open to the one who asks.
fn open(desk: &Desk<'_>, call: &Call<'_>) -> Result<Row, Fault> {
    let account = accounts::named(desk.hub, call.text("account_id").unwrap_or_default())?;
    refuse_foreign(desk, &account)?;
    Ok(account)
}

/// Who works in an account.
pub(super) fn list_members(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    open(desk, call)?;
    let fields = Fields::of(desk, Table::Agent);
    let wanted = given(&fields, call)?;
    let order = Order::parameter(&fields, None, "number")?;
    let found = page(desk, call, Table::Agent, &wanted, &order)?;
    let data: Vec<Value> = found.rows.iter().map(|agent| membership(desk, agent)).collect();
    desk.answer(call, json!({"data": data, "page": found.page}))
}

/// Lets a user work in an account, or in another role.
pub(super) fn add_member(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        open(desk, call)?;
        let reference = body.get("user_id").and_then(Value::as_str).unwrap_or_default();
        let user = store::find(desk.hub, users::table()?, reference)?;
        let user = user.filter(|user| is_granted(desk, user));
        let user = user.ok_or_else(|| invalid("/user_id", "not_found", "there is no such user"))?;
        let role = body.get("role").cloned().unwrap_or_else(|| "agent".into());
        let agent = match store::one(desk.db, Table::Agent, "id = ?1", [&user.id])? {
            Some(mut agent) => {
                agent.set("role", role);
                agent.set("updated_at", desk.now.as_str());
                store::save(desk.db, Table::Agent, &mut agent)?;
                agent
            }
            None => join(desk, &user, role)?,
        };
        desk.answer(call, membership(desk, &agent))
    })
}

/// A user as a new agent of an account.
fn join(desk: &Desk<'_>, user: &Row, role: Value) -> Result<Row, Fault> {
    let plain = Plain::kind(desk, "agent")?;
    let mut agent = plain.begun(desk);
    for name in users::SHARED {
        agent.set(name, user.document.get(name).cloned().unwrap_or(Value::Null));
    }
    agent.set("role", role);
    agent.set("availability", "online");
    agent.set("auto_offline", true);
    let taken = "fold(document ->> 'email') = fold(?1)";
    let email = agent.text("email").unwrap_or_default();
    if store::one(desk.db, Table::Agent, taken, [email])?.is_some() {
        let detail = "another agent of the account has the user's mail address";
        let field = FieldProblem {
            pointer: Some("/user_id".to_owned()),
            code: "taken".to_owned(),
            detail: detail.to_owned(),
            ..FieldProblem::default()
        };
        return Err(Problem::new(ProblemCode::Conflict).field(field).into());
    }
    store::insert_numbered(desk.db, Table::Agent, user.number, agent.document)
}

/// Lets a user work in an account no more.
pub(super) fn remove_member(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    open(desk, call)?;
    let reference = call.text("user_id").unwrap_or_default();
    let gone = match store::find(desk.db, Table::Agent, reference)? {
        Some(agent) => {
            Plain::kind(desk, "agent")?.remove(desk, &agent)?;
            agent
        }
        // One who did not work there is nobody's loss.
        None => {
            store::find(desk.hub, users::table()?, reference)?.ok_or_else(|| not_found("user"))?
        }
    };
    desk.answer(call, json!({"id": gone.id, "number": gone.number}))
}

fn membership(desk: &Desk<'_>, agent: &Row) -> Value {
    let member = |name: &str| agent.document.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "id": agent.id,
        "number": agent.number,
        "account_id": desk.account.to_string(),
        "account_number": desk.account,
        "user_id": agent.id,
        "user_number": agent.number,
        "role": member("role"),
        "availability": member("availability"),
        "auto_offline": member("auto_offline"),
        "active_at": member("active_at"),
        "created_at": member("created_at"),
        "updated_at": member("updated_at"),
    })
}
