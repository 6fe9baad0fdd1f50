//! Users of the platform: people with a login, who are agents of the accounts that they work in.
//! What they are called is written here, and copied there.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::canonical::{Payload, ProblemCode};
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid, not_found};
use crate::sandbox::once::once;
use crate::sandbox::plain::Plain;
use crate::sandbox::platform::{self, is_granted};
use crate::sandbox::query;
use crate::sandbox::store::{self, Row, Table};

/// What an agent has of the user who they are.
pub(super) const SHARED: [&str; 7] =
    ["name", "display_name", "email", "confirmed", "avatar_url", "signature", "custom_attributes"];
/// How long a login link is good for.
const LINK: SignedDuration = SignedDuration::from_mins(5);
/// Most login links of one user; another one takes the place of the oldest.
const LINKS: usize = 10;
/// The member with a user's login links: the digest of each, and until when. Not of the contract.
const KEPT_LINKS: &str = "login_links";

/// The table of users.
pub(super) fn table() -> Result<Table, Fault> {
    Ok(Table::of("user").ok_or(ProblemCode::Internal)?)
}

/// A new user, or the one that the application has made before.
pub(super) fn create(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let mut body = call.body()?;
    check_password(body.remove("password").as_ref())?;
    check_email(&body)?;
    once(desk, call, || {
        let email = body.get("email").and_then(Value::as_str).unwrap_or_default();
        let known = by_email(desk, email)?;
        if let Some(known) = known.filter(|k| desk.who.platform.is_some() && is_granted(desk, k)) {
            return answer(desk, call, &known);
        }
        let mut row = plain.begun(desk);
        plain.write(desk, &mut row, &body)?;
        platform::grant(desk, &plain, &mut row)?;
        let row = plain.insert(desk, row.document)?;
        answer(desk, call, &row)
    })
}

/// One user.
pub(super) fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let row = Plain::of(desk, call)?.named(desk, call)?;
    answer(desk, call, &row)
}

/// What a merge patch says, here and in every account.
pub(super) fn update(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let mut patch = call.body()?;
    check_password(patch.remove("password").as_ref())?;
    check_email(&patch)?;
    once(desk, call, || {
        let mut row = plain.named(desk, call)?;
        call.check_revision(&row)?;
        let before = row.clone();
        plain.write(desk, &mut row, &patch)?;
        if row.document != before.document {
            row.set("updated_at", desk.now.as_str());
            store::save(desk.db, plain.table, &mut row)?;
            desk.in_each_account(|desk, _| rename(desk, &row))?;
        }
        answer(desk, call, &row)
    })
}

/// Calls the agent of an account what the user is called.
fn rename(desk: &Desk<'_>, user: &Row) -> Result<(), Fault> {
    let Some(agent) = store::one(desk.db, Table::Agent, "id = ?1", [&user.id])? else {
        return Ok(());
    };
    let mut now = agent.clone();
    for name in SHARED {
        now.set(name, user.document.get(name).cloned().unwrap_or(Value::Null));
    }
    if now.document != agent.document {
        now.set("updated_at", desk.now.as_str());
        store::save(desk.db, Table::Agent, &mut now)?;
    }
    Ok(())
}

/// One user less, in every account.
pub(super) fn delete(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let row = plain.named(desk, call)?;
    call.check_revision(&row)?;
    desk.in_each_account(|desk, _| {
        match store::one(desk.db, Table::Agent, "id = ?1", [&row.id])? {
            Some(agent) => Plain::kind(desk, "agent")?.remove(desk, &agent),
            None => Ok(()),
        }
    })?;
    plain.remove(desk, &row)?;
    desk.answer(call, json!({"id": row.id, "number": row.number}))
}

/// A link that logs a user in, once.
pub(super) fn link(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::kind(desk, "user")?;
    let mut row = plain.named(desk, call)?;
    let token = match desk.repeatable() {
        true => hex(format!("{} {}", row.id, desk.now).as_bytes()),
        false => format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
    };
    let until = call.now.checked_add(LINK).map_or_else(|_| desk.now.clone(), stamp);
    let mut links = links(desk, &row);
    links.push(json!({"digest": hex(token.as_bytes()), "expires_at": until}));
    let surplus = links.len().saturating_sub(LINKS);
    links.drain(..surplus);
    keep(desk, &mut row, links)?;
    let email: String =
        form_urlencoded::byte_serialize(row.text("email").unwrap_or_default().as_bytes()).collect();
    let url = &desk.shape.public_url;
    let url = format!("{url}/v1/login?email={email}&sso_auth_token={token}");
    desk.answer(call, json!({"url": url, "expires_at": until}))
}

/// What a login link would do.
pub(super) fn look_at_link(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let given = |name: &str| call.text(name).unwrap_or_default();
    let (row, at) = behind(desk, given("email"), given("sso_auth_token"))?;
    let links = links(desk, &row);
    let until = links.get(at).and_then(|link| link.get("expires_at"));
    let login = json!({"email": row.text("email"), "name": row.text("name"), "expires_at": until});
    desk.answer(call, login)
}

/// Logs a user in by a link, which is then used up.
pub(super) fn log_in(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    let given = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let (mut row, at) = behind(desk, given("email"), given("sso_auth_token"))?;
    let mut links = links(desk, &row);
    if at < links.len() {
        links.remove(at);
    }
    keep(desk, &mut row, links)?;
    answer(desk, call, &row)
}

/// The user behind a login link, and which of theirs it is.
fn behind(desk: &Desk<'_>, email: &str, token: &str) -> Result<(Row, usize), Fault> {
    let digest = hex(token.as_bytes());
    let found = by_email(desk, email)?.and_then(|row| {
        let is_it = |link: &Value| link.get("digest").and_then(Value::as_str) == Some(&*digest);
        let at = links(desk, &row).iter().position(is_it)?;
        Some((row, at))
    });
    found.ok_or_else(|| not_found("login link"))
}

/// The login links of a user that are still good.
fn links(desk: &Desk<'_>, row: &Row) -> Vec<Value> {
    let all = row.document.get(KEPT_LINKS).and_then(Value::as_array);
    let good = |link: &&Value| {
        link.get("expires_at").and_then(Value::as_str).is_some_and(|until| until > &*desk.now)
    };
    all.into_iter().flatten().filter(good).cloned().collect()
}

/// Keeps login links, which are nothing that a client would see changed.
fn keep(desk: &Desk<'_>, row: &mut Row, links: Vec<Value>) -> Result<(), Fault> {
    row.set(KEPT_LINKS, links);
    row.revision -= 1;
    store::save(desk.db, table()?, row)
}

fn by_email(desk: &Desk<'_>, email: &str) -> Result<Option<Row>, Fault> {
    let condition = "fold(document ->> 'email') = ?1";
    store::one(desk.hub, table()?, condition, [query::fold(email)])
}

/// A user with the accounts that they work in.
fn answer(desk: &Desk<'_>, call: &Call<'_>, row: &Row) -> Result<Payload, Fault> {
    let mut accounts = Vec::new();
    desk.in_each_account(|desk, account| {
        let Some(agent) = store::one(desk.db, Table::Agent, "id = ?1", [&row.id])? else {
            return Ok(());
        };
        let member = |name: &str| agent.document.get(name).cloned().unwrap_or(Value::Null);
        accounts.push(json!({
            "id": account.id,
            "number": account.number,
            "name": account.text("name"),
            "status": account.text("status"),
            "role": member("role"),
            "permissions": [member("role")],
            "availability": member("availability"),
            "auto_offline": member("auto_offline"),
            "active_at": member("active_at"),
        }));
        Ok(())
    })?;
    let mut object: Map<String, Value> = platform::object(row);
    let first = |name: &str| accounts.first().and_then(|a| a.get(name)).cloned();
    for (member, of) in [("account_id", "id"), ("account_number", "number"), ("role", "role")] {
        object.insert(member.to_owned(), first(of).unwrap_or(Value::Null));
    }
    object.insert("accounts".to_owned(), accounts.into());
    desk.one(call, row, object.into())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses a mail address that is none.
fn check_email(body: &Map<String, Value>) -> Result<(), Fault> {
    let Some(email) = body.get("email").and_then(Value::as_str) else { return Ok(()) };
    let is_one = |(who, host): (&str, &str)| {
        !who.is_empty() && !host.is_empty() && !email.contains(char::is_whitespace)
    };
    match email.rsplit_once('@').is_some_and(is_one) {
        true => Ok(()),
        false => Err(invalid("/email", "invalid", "is no mail address")),
    }
}

/// Refuses a password that is too easy. Nobody logs in with one here, so it is not kept.
fn check_password(password: Option<&Value>) -> Result<(), Fault> {
    let Some(password) = password.and_then(Value::as_str) else { return Ok(()) };
    let has = |test: fn(char) -> bool| password.chars().any(test);
    let lacking = [
        (password.chars().count() >= 6, "has at least six characters"),
        (has(char::is_lowercase), "has a small letter"),
        (has(char::is_uppercase), "has a capital letter"),
        (has(|c| c.is_ascii_digit()), "has a digit"),
        (has(|c| !c.is_alphanumeric()), "has something else than letters and digits"),
    ];
    match lacking.iter().find(|(kept, _)| !kept) {
        Some((_, rule)) => Err(invalid("/password", "too_weak", format!("a password {rule}"))),
        None => Ok(()),
    }
}
