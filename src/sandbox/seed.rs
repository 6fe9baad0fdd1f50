//! Fills a new file with the data of `seed.yaml`.
//!
//! The file writes conversations the short way; here they get their ids, and what follows from
//! their messages. Nothing depends on the clock or on chance.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use crate::canonical::Contract;
use crate::sandbox::OpenError;
use crate::sandbox::call::{ACCOUNT, stamp};
use crate::sandbox::fault::Fault;
use crate::sandbox::ids;
use crate::sandbox::messages::append;
use crate::sandbox::reports::events;
use crate::sandbox::store::{self, Row, Table};
use crate::syntax::{Node, Sources, yaml};

/// The simple lists, in an order in which no resource refers to a later one.
const LISTS: [(&str, Table); 8] = [
    ("bots", Table::Bot),
    ("inboxes", Table::Inbox),
    ("teams", Table::Team),
    ("agents", Table::Agent),
    ("companies", Table::Company),
    ("labels", Table::Label),
    ("contacts", Table::Contact),
    ("identities", Table::Identity),
];

/// The bytes of files.
const MEDIA: [(&str, &[u8]); 4] = [
    ("portrait.png", include_bytes!("media/portrait.png")),
    ("statement.png", include_bytes!("media/statement.png")),
    ("voice.wav", include_bytes!("media/voice.wav")),
    ("refund.txt", include_bytes!("media/refund.txt")),
];

/// Plants everything.
pub(super) fn plant(db: &Connection, contract: &Contract) -> Result<(), OpenError> {
    let mut sources = Sources::default();
    let id = sources.add("seed.yaml", include_str!("seed.yaml"));
    let node = yaml::parse(&sources, id, yaml::FILE_NODES)
        .map_err(|problem| OpenError::Seed(problem.render(&sources, false)))?;
    plant_all(db, &node, contract).map_err(|fault| match fault {
        Fault::Refused(problem) => OpenError::Seed(problem.to_string()),
        Fault::Database(error) => OpenError::Seed(error.to_string()),
        Fault::Corrupt(error) => OpenError::Seed(error.to_string()),
    })
}

/// Plants the accounts where there is none yet.
pub(super) fn plant_accounts(db: &Connection) -> Result<(), OpenError> {
    let told = |fault: Fault| OpenError::Seed(format!("{fault:?}"));
    let Some(table) = Table::of("account") else { return Ok(()) };
    if store::count(db, table, "true", []).map_err(told)? > 0 {
        return Ok(());
    }
    let mut sources = Sources::default();
    let id = sources.add("seed.yaml", include_str!("seed.yaml"));
    let node = yaml::parse(&sources, id, yaml::FILE_NODES)
        .map_err(|problem| OpenError::Seed(problem.render(&sources, false)))?;
    for account in list(&node, "accounts") {
        store::insert(db, table, object(account)).map_err(told)?;
    }
    Ok(())
}

fn plant_all(db: &Connection, seed: &Node, contract: &Contract) -> Result<(), Fault> {
    for node in list(seed, "files") {
        plant_file(db, object(node), None)?;
    }
    for (name, table) in LISTS {
        for node in list(seed, name) {
            store::insert(db, table, object(node))?;
        }
    }
    for stored in contract.stored() {
        let Some(table @ Table::Plain(_)) = Table::of(&stored.kind) else { continue };
        for node in list(seed, &stored.operations) {
            store::insert(db, table, object(node))?;
        }
    }
    for node in list(seed, "conversations") {
        plant_conversation(db, object(node))?;
    }
    for node in list(seed, "csat") {
        store::insert(db, Table::Csat, object(node))?;
    }
    if let Some(more) = seed.get("more") {
        plant_more(db, &object(more))?;
    }
    Ok(())
}

fn list<'n>(node: &'n Node, name: &str) -> &'n [Node] {
    node.get(name).and_then(Node::as_list).unwrap_or_default()
}

/// A map of the file, its references resolved.
fn object(node: &Node) -> Map<String, Value> {
    let mut value = node.to_json();
    resolve(&mut value);
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Puts ids in the place of `@contact:1` and addresses in that of `@link:1`.
fn resolve(value: &mut Value) {
    match value {
        Value::String(text) => {
            let Some((name, number)) = text.strip_prefix('@').and_then(|t| t.split_once(':'))
            else {
                return;
            };
            let Ok(number) = number.parse() else { return };
            if name == "link" {
                let id = Table::Attachment.id(number);
                *text = format!("/v1/accounts/{ACCOUNT}/attachments/{id}/content");
            } else if let Some(table) = table(name) {
                *text = table.id(number);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(resolve),
        Value::Object(members) => members.values_mut().for_each(resolve),
        _ => {}
    }
}

fn table(name: &str) -> Option<Table> {
    let rest = [Table::Conversation, Table::Message, Table::Attachment];
    let known = LISTS.iter().map(|(_, table)| *table).chain(rest).find(|t| t.name() == name);
    known.or_else(|| Table::of(name).filter(|_| name != "system"))
}

fn plant_conversation(db: &Connection, mut short: Map<String, Value>) -> Result<Row, Fault> {
    let messages = short.remove("messages");
    let messages = messages.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let contact = short.remove("contact").and_then(|n| n.as_i64()).unwrap_or(1);
    // It is held as the contact's first identity.
    let first = "contact_id = ?1 ORDER BY number";
    let identity = store::one(db, Table::Identity, first, [Table::Contact.id(contact)])?;
    let inbox = identity.as_ref().and_then(|i| i.document.get("inbox_id")).cloned();
    let number = store::count(db, Table::Conversation, "true", [])? + 1;
    let begun = messages.first().and_then(|m| m.get("at")).cloned().unwrap_or(Value::Null);
    let mut document = Map::new();
    document.insert("uuid".into(), ids::uuid(number).into());
    document.insert("inbox_id".into(), json!(inbox));
    document.insert("contact_id".into(), Table::Contact.id(contact).into());
    document.insert("contact_identity_id".into(), json!(identity.map(|i| i.id)));
    document.insert("state".into(), "active".into());
    document.insert("created_at".into(), begun);
    for (name, member, table) in [
        ("assignee", "assignee_id", Table::Agent),
        ("team", "team_id", Table::Team),
        ("bot", "bot_id", Table::Bot),
    ] {
        let id = short.remove(name).and_then(|n| n.as_i64()).map(|n| table.id(n));
        document.insert(member.into(), json!(id));
    }
    document.extend(short);
    let mut row = store::insert(db, Table::Conversation, document)?;
    for message in messages {
        plant_message(db, &mut row, message)?;
    }
    if let Some(at) = row.text("resolved_at") {
        events::ended(db, &row, at)?;
    }
    let last = row.document.get("last_activity_at").cloned().unwrap_or(Value::Null);
    row.set("updated_at", last);
    row.revision -= 1;
    store::save(db, Table::Conversation, &mut row)?;
    Ok(row)
}

fn plant_message(db: &Connection, conversation: &mut Row, short: &Value) -> Result<(), Fault> {
    let Value::Object(mut message) = short.clone() else { return Ok(()) };
    let mut take = |name: &str| message.remove(name).unwrap_or(Value::Null);
    let (at, by, text, files) = (take("at"), take("by"), take("text"), take("files"));
    let at = at.as_str().unwrap_or_default().to_owned();
    let by = by.as_str().unwrap_or_default();
    let (kind_of_author, number) = by.split_once(':').unwrap_or((by, ""));
    let author = match (table(kind_of_author), number.parse()) {
        (Some(table), Ok(number)) => {
            let id = table.id(number);
            let name = store::one(db, table, "id = ?1", [&id])?
                .and_then(|row| row.document.get("name").cloned());
            json!({"type": kind_of_author, "id": id, "name": name})
        }
        _ => json!({"type": "system", "id": null, "name": "System"}),
    };
    let kind = message.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let internal = matches!(&*kind, "note" | "activity");
    message.insert("visibility".into(), if internal { "internal" } else { "public" }.into());
    message.insert("author".into(), author);
    let mut blocks = match message.remove("blocks") {
        Some(Value::Array(blocks)) => blocks,
        _ => Vec::new(),
    };
    if text.is_string() {
        blocks.insert(0, json!({"type": "text", "text": text, "format": "plain"}));
    }
    message.insert("body".into(), json!({"text": text, "format": "plain"}));
    message.insert("blocks".into(), blocks.into());
    if kind == "outgoing" && kind_of_author == "agent" {
        let agent = message.get("author").and_then(|author| author.get("id")?.as_str());
        events::answered(db, conversation, agent, &at)?;
    }
    settle(conversation, &kind, kind_of_author, &at);
    let row = append(db, conversation, message, &at)?;
    for file in files.as_array().into_iter().flatten() {
        if let Value::Object(file) = file {
            plant_file(db, file.clone(), Some(&row.id))?;
        }
    }
    Ok(())
}

/// What follows from a message, where the file does not say it.
fn settle(conversation: &mut Row, kind: &str, author: &str, at: &str) {
    if kind == "incoming" {
        if !conversation.document.contains_key("contact_last_seen_at") {
            conversation.set("contact_last_seen_at", at);
        }
        if conversation.text("waiting_since").is_none() {
            conversation.set("waiting_since", at);
        }
    } else if author == "agent" && kind != "note" {
        if kind == "outgoing" && conversation.text("first_response_at").is_none() {
            conversation.set("first_response_at", at);
        }
        if !conversation.document.contains_key("agent_last_seen_at") {
            conversation.set("agent_last_seen_at", at);
        }
        conversation.set("waiting_since", Value::Null);
    }
}

fn plant_file(
    db: &Connection,
    mut file: Map<String, Value>,
    message: Option<&str>,
) -> Result<(), Fault> {
    let name = file.remove("media");
    let purpose = file.remove("purpose");
    let content = MEDIA
        .iter()
        .find(|(known, _)| name.as_ref().and_then(Value::as_str) == Some(known))
        .map_or(&[][..], |(_, bytes)| *bytes);
    let media = file.get("content_type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = store::count(db, Table::Attachment, "true", [])? + 1;
    let id = Table::Attachment.id(number);
    file.insert("message_id".into(), json!(message));
    file.insert("size".into(), content.len().into());
    file.insert("url".into(), format!("/v1/accounts/{ACCOUNT}/attachments/{id}/content").into());
    let row = store::insert(db, Table::Attachment, file)?;
    db.execute(
        "UPDATE attachment SET purpose = ?2, media = ?3, content = ?4 WHERE id = ?1",
        params![
            row.id,
            purpose.as_ref().and_then(Value::as_str).unwrap_or("message"),
            media,
            content
        ],
    )?;
    Ok(())
}

/// Plain conversations by the pattern of the file.
fn plant_more(db: &Connection, more: &Map<String, Value>) -> Result<(), Fault> {
    let number = |name: &str| more.get(name).and_then(Value::as_i64).unwrap_or(0);
    let nth = |name: &str, n: i64| -> Value {
        let list = more.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let index = usize::try_from(n).unwrap_or(0) % list.len().max(1);
        list.get(index).cloned().unwrap_or(Value::Null)
    };
    let first: Timestamp =
        more.get("first").and_then(Value::as_str).and_then(|t| t.parse().ok()).unwrap_or_default();
    for n in 0..number("count") {
        let at = |minutes: i64| {
            let later = SignedDuration::from_mins(n * number("hours_between") * 60 + minutes);
            first.checked_add(later).map_or(Value::Null, |at| stamp(at).into())
        };
        let (talk, status, contact) = (nth("talks", n), nth("statuses", n), nth("contacts", n));
        let agent = nth("agents", n);
        let mut messages = vec![json!({
            "at": at(0), "kind": "incoming", "by": format!("contact:{contact}"),
            "text": talk.get("question"),
        })];
        let mut conversation = json!({
            "contact": contact, "subject": talk.get("subject"), "status": status,
            "priority": nth("priorities", n), "labels": nth("labels", n), "team": nth("teams", n),
        });
        let answered = status == "resolved";
        if answered {
            messages.push(json!({
                "at": at(20), "kind": "outgoing", "by": format!("agent:{agent}"),
                "text": talk.get("answer"), "delivery": {"status": "delivered"},
            }));
        }
        if let Value::Object(conversation) = &mut conversation {
            conversation.insert("messages".into(), messages.into());
            if answered {
                conversation.insert("assignee".into(), agent);
                conversation.insert("resolved_at".into(), at(20));
            }
        }
        if let Value::Object(conversation) = conversation {
            plant_conversation(db, conversation)?;
        }
    }
    Ok(())
}
