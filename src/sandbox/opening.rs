//! Opening a conversation: with whom, in which inbox, and how it begins.

use rusqlite::params;
use serde_json::{Map, Value, json};

use crate::canonical::Payload;
use crate::sandbox::call::Call;
use crate::sandbox::changes::{self, referred};
use crate::sandbox::compose;
use crate::sandbox::conversations::view;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::once::once;
use crate::sandbox::store::{self, Row, Table};
use crate::sandbox::{contacts, identities, ids, templates};

/// What says with whom and in which inbox.
const WITH: [&str; 4] = ["inbox_id", "contact_id", "contact_identity_id", "source_id"];
/// What a contact may say besides.
const OPEN_TO_CONTACTS: [&str; 4] = ["subject", "custom_attributes", "context", "message"];

/// Opens a conversation.
pub(super) fn create(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        let own = |name: &&String| {
            WITH.contains(&name.as_str()) || OPEN_TO_CONTACTS.contains(&name.as_str())
        };
        if desk.public_only()
            && let Some(name) = body.keys().find(|name| !own(name))
        {
            return Err(invalid(format!("/{name}"), "read_only", "a contact cannot set this"));
        }
        let identity = identity(desk, &body)?;
        let mut row = match the_one_there_is(desk, &identity)? {
            Some(row) => row,
            None => open(desk, &identity, &body)?,
        };
        if let Some(Value::Object(message)) = body.get("message") {
            compose::add(desk, &mut row, message).map_err(|fault| fault.under("/message"))?;
        }
        let object = desk.thread(&row, &view(call)?)?;
        desk.one(call, &row, object)
    })
}

/// The identity that the conversation is with.
fn identity(desk: &Desk<'_>, body: &Map<String, Value>) -> Result<Row, Fault> {
    let null = Value::Null;
    let given = |name: &str| body.get(name).unwrap_or(&null);
    let inbox = referred(desk, Table::Inbox, given("inbox_id"), "/inbox_id")?;
    if let Value::Object(called) = given("contact") {
        return by_address(desk, body, inbox.as_ref(), called);
    }
    let contact = referred(desk, Table::Contact, given("contact_id"), "/contact_id")?;
    let named = given("contact_identity_id");
    let named = referred(desk, Table::Identity, named, "/contact_identity_id")?;
    let source = given("source_id").as_str();
    // A contact speaks as itself.
    let named = match (&desk.who.identity, named) {
        (Some(own), Some(named)) if own.id != named.id => {
            let detail = "a contact begins conversations of its own";
            return Err(invalid("/contact_identity_id", "invalid", detail));
        }
        (Some(own), _) => Some(own.clone()),
        (None, named) => named,
    };
    let identity = match (named, &inbox) {
        (Some(named), _) => named,
        (None, None) if contact.is_none() && source.is_some() => {
            only_one(desk, source.unwrap_or_default())?
        }
        (None, None) if contact.is_some() => {
            return Err(invalid("/inbox_id", "required", "in which inbox?"));
        }
        (None, None) => {
            return Err(invalid("/contact_identity_id", "required", "with whom?"));
        }
        (None, Some(inbox)) => match (source, &contact) {
            (Some(source), contact) => {
                let found = store::one(
                    desk.db,
                    Table::Identity,
                    "inbox_id = ?1 AND source_id = ?2",
                    params![inbox.id, source],
                )?;
                match (found, contact) {
                    (Some(found), _) => found,
                    (None, Some(contact)) => give_identity(desk, contact, inbox, Some(source))?,
                    (None, None) => {
                        let detail = "the inbox knows nobody by this";
                        return Err(invalid("/source_id", "not_found", detail));
                    }
                }
            }
            (None, Some(contact)) => identity_in(desk, contact, inbox, "/contact_id")?,
            (None, None) => {
                return Err(invalid("/contact_id", "required", "with whom in this inbox?"));
            }
        },
    };
    for (name, other) in [("inbox_id", &inbox), ("contact_id", &contact)] {
        if let Some(other) = other
            && identity.text(name) != Some(&other.id)
        {
            let detail = "the identity is another one's";
            return Err(invalid(format!("/{name}"), "invalid", detail));
        }
    }
    if source.is_some_and(|source| identity.text("source_id") != Some(source)) {
        return Err(invalid("/source_id", "invalid", "the identity is another one's"));
    }
    Ok(identity)
}

/// The identity of whom an address calls in an inbox: who is not known there gets one, and who is not
/// known at all is a new contact.
fn by_address(
    desk: &Desk<'_>,
    body: &Map<String, Value>,
    inbox: Option<&Row>,
    called: &Map<String, Value>,
) -> Result<Row, Fault> {
    let other = ["contact_id", "contact_identity_id", "source_id"];
    if let Some(name) = other.iter().find(|name| body.contains_key(**name)) {
        return Err(invalid(format!("/{name}"), "invalid", "goes without `contact`"));
    }
    let oldest = match inbox {
        Some(_) => None,
        None => templates::inbox(desk)?,
    };
    let inbox = inbox.or(oldest.as_ref());
    let inbox = inbox.ok_or_else(|| invalid("/inbox_id", "required", "in which inbox?"))?;
    let phone = called.get("phone_number").and_then(Value::as_str).unwrap_or_default();
    let digits = phone.strip_prefix('+').unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let detail = "must be a number as E.164 writes it";
        return Err(invalid("/contact/phone_number", "invalid", detail));
    }
    let here = "inbox_id = ?1 AND source_id = ?2";
    let known = params![inbox.id, phone.trim_start_matches('+')];
    if let Some(known) = store::one(desk.db, Table::Identity, here, known)? {
        return Ok(known);
    }
    let anywhere = "document ->> '$.phone_number' = ?1 ORDER BY number";
    let contact = match store::one(desk.db, Table::Contact, anywhere, [phone])? {
        Some(contact) => contact,
        None => contacts::new(desk, called)?,
    };
    give_identity(desk, &contact, inbox, None)
}

/// The identity with a source id, whatever its inbox, if no other inbox knows somebody by it.
fn only_one(desk: &Desk<'_>, source: &str) -> Result<Row, Fault> {
    let found = store::all(desk.db, Table::Identity, "source_id = ?1 LIMIT 2", [source])?;
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(invalid("/source_id", "not_found", "no inbox knows anybody by this")),
        (Some(_), Some(_)) => Err(invalid("/inbox_id", "required", "in which inbox?")),
    }
}

/// The identity of a contact in an inbox, made where there is none.
pub(super) fn identity_in(
    desk: &Desk<'_>,
    contact: &Row,
    inbox: &Row,
    pointer: &str,
) -> Result<Row, Fault> {
    let found = store::one(
        desk.db,
        Table::Identity,
        "contact_id = ?1 AND inbox_id = ?2 ORDER BY number",
        params![contact.id, inbox.id],
    )?;
    match found {
        Some(found) => Ok(found),
        // Without a name for the contact, the contact is what is wrong.
        None => give_identity(desk, contact, inbox, None).map_err(|fault| fault.at(pointer)),
    }
}

/// Gives a contact an identity in an inbox.
fn give_identity(
    desk: &Desk<'_>,
    contact: &Row,
    inbox: &Row,
    source: Option<&str>,
) -> Result<Row, Fault> {
    let wanted = [("inbox_id", json!(inbox.id)), ("source_id", json!(source))];
    let wanted = Map::from_iter(wanted.map(|(name, value)| (name.to_owned(), value)));
    identities::give(desk, contact, &identities::Wanted::read(desk, &wanted, "")?)
}

/// An inbox may keep one conversation with everybody: the latest, unless it is closed for good.
fn the_one_there_is(desk: &Desk<'_>, identity: &Row) -> Result<Option<Row>, Fault> {
    let inbox = store::find(desk.db, Table::Inbox, identity.text("inbox_id").unwrap_or_default())?;
    if !inbox.is_some_and(|inbox| inbox.is("lock_to_single_conversation")) {
        return Ok(None);
    }
    let found = store::one(
        desk.db,
        Table::Conversation,
        "contact_identity_id = ?1 AND status <> 'closed'
         AND document ->> 'state' = 'active' ORDER BY number DESC",
        [&identity.id],
    )?;
    Ok(found.map(|mut row| {
        changes::wake(&mut row, &desk.now);
        row
    }))
}

fn open(desk: &Desk<'_>, identity: &Row, body: &Map<String, Value>) -> Result<Row, Fault> {
    let contact = identity.text("contact_id").unwrap_or_default();
    let inbox = identity.text("inbox_id").unwrap_or_default();
    let bot = store::find(desk.db, Table::Inbox, inbox)?
        .and_then(|inbox| inbox.text("bot_id").map(str::to_owned));
    let blocked = store::find(desk.db, Table::Contact, contact)?.is_some_and(|c| c.is("blocked"));
    let number: i64 = desk
        .db
        .prepare_cached(
            "SELECT coalesce((SELECT last FROM numbers WHERE kind = 'conversation'), 0) + 1",
        )?
        .query_row([], |row| row.get(0))?;
    let mut document = Map::new();
    for (name, value) in [
        ("uuid", json!(ids::uuid(store::everywhere(desk.db, number)?))),
        ("inbox_id", json!(inbox)),
        ("contact_id", json!(contact)),
        ("contact_identity_id", json!(identity.id)),
        ("bot_id", json!(bot)),
        ("status", json!("open")),
        ("state", json!("active")),
        ("labels", json!([])),
        ("created_at", json!(desk.now)),
        ("updated_at", json!(desk.now)),
        ("last_activity_at", json!(desk.now)),
    ] {
        document.insert(name.to_owned(), value);
    }
    let mut row = store::insert(desk.db, Table::Conversation, document)?;
    // The rest is as if it were changed at once, but nothing of it is worth telling.
    let mut rest = body.clone();
    rest.retain(|name, _| !WITH.contains(&name.as_str()) && name != "message" && name != "contact");
    if !rest.contains_key("status") && !rest.contains_key("snooze") {
        let status = match (blocked, bot.is_some()) {
            (true, _) => "resolved",
            (false, true) => "pending",
            (false, false) => "open",
        };
        rest.insert("status".into(), status.into());
    }
    changes::apply(desk, &desk.who, &mut row, &rest)?;
    row.revision -= 1;
    store::save(desk.db, Table::Conversation, &mut row)?;
    Ok(row)
}
