//! Adding a message: who wrote it, what it consists of, and what it does to the conversation.

use serde_json::{Map, Value, json};

use crate::canonical::{Payload, Problem, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::changes::{self, author, referred};
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::csat;
use crate::sandbox::desk::{Desk, Who};
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::ids::IdRef;
use crate::sandbox::messages::append;
use crate::sandbox::once::once;
use crate::sandbox::reports::events;
use crate::sandbox::store::{self, Row, Table};
use crate::sandbox::templates;

/// Most characters of a text.
const LONGEST: usize = 150_000;

/// Adds a message.
pub(super) fn create(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let body = call.body()?;
    once(desk, call, || {
        let mut conversation = desk.conversation(call)?;
        let message = add(desk, &mut conversation, &body)?;
        desk.one(call, &message, desk.message(&message)?)
    })
}

/// Adds a note.
pub(super) fn create_note(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let mut body = call.body()?;
    body.insert("kind".into(), "note".into());
    once(desk, call, || {
        let mut conversation = desk.conversation(call)?;
        for_the_business(desk)?;
        let message = add(desk, &mut conversation, &body)?;
        desk.one(call, &message, desk.message(&message)?)
    })
}

/// Adds a message, with all that follows from it, to a conversation and stores both. `body` is the
/// contract's `MessageCreate`.
pub(super) fn add(
    desk: &Desk<'_>,
    conversation: &mut Row,
    body: &Map<String, Value>,
) -> Result<Row, Fault> {
    let draft = Draft::read(desk, conversation, body)?;
    let body = &*templates::filled(desk, conversation, body)?;
    changes::wake(conversation, &desk.now);
    may_write(desk, conversation, &draft, body)?;
    let (message, files) = draft.message(desk, conversation, body)?;
    let mut message = append(desk.db, conversation, message, &desk.now)?;
    attach(desk, &message, &files)?;
    csat::asked(desk, conversation, &mut message)?;
    templates::move_window(desk, conversation, &draft.kind, body)?;
    let entries = follow_up(desk, conversation, &draft)?;
    changes::record(desk, &draft.who, conversation, entries)?;
    conversation.set("updated_at", desk.now.as_str());
    store::save(desk.db, Table::Conversation, conversation)?;
    Ok(message)
}

/// What kind of message it is, and whose.
struct Draft {
    kind: String,
    visibility: &'static str,
    who: Who,
}

impl Draft {
    fn read(desk: &Desk<'_>, conversation: &Row, body: &Map<String, Value>) -> Result<Self, Fault> {
        let contact = desk.who.kind == "contact";
        let kind = match body.get("kind").and_then(Value::as_str) {
            Some(kind) => kind,
            None if contact => "incoming",
            None => "outgoing",
        };
        let visibility = match (body.get("visibility").and_then(Value::as_str), kind) {
            (Some("public"), "note") => {
                return Err(invalid("/visibility", "invalid", "a note is internal"));
            }
            (_, "note") | (Some("internal"), _) => "internal",
            _ => "public",
        };
        if contact && kind != "incoming" {
            return Err(invalid("/kind", "invalid", "a contact writes incoming messages only"));
        }
        if contact && visibility != "public" {
            return Err(invalid("/visibility", "invalid", "a contact's message is public"));
        }
        let who = writer(desk, conversation, kind, body.get("author"))?;
        Ok(Self { kind: kind.to_owned(), visibility, who })
    }

    /// The message to store, and the ids of the files that go with it.
    fn message(
        &self,
        desk: &Desk<'_>,
        conversation: &Row,
        body: &Map<String, Value>,
    ) -> Result<(Map<String, Value>, Vec<String>), Fault> {
        let mut blocks = body.get("blocks").and_then(Value::as_array).cloned().unwrap_or_default();
        let said = spoken(body, &blocks)?;
        let is_text = |block: &Value| block.get("type").and_then(Value::as_str) == Some("text");
        if let Some(text) = said.get("text").and_then(Value::as_str)
            && !blocks.iter().any(is_text)
        {
            blocks.insert(0, json!({"type": "text", "text": text, "format": "plain"}));
        }
        let files = files(desk, body, &mut blocks)?;
        if blocks.is_empty() {
            let detail = "is required where there is no block and no file";
            return Err(invalid("/text", "required", detail));
        }
        let delivery = match (&*self.kind, self.visibility) {
            ("outgoing" | "template", "public") => json!({"status": "sent"}),
            _ => Value::Null,
        };
        let mut message = Map::new();
        if let Some(reference) = body.get("client_reference") {
            message.insert("client_reference".into(), reference.clone());
        }
        message.insert("kind".into(), self.kind.as_str().into());
        message.insert("visibility".into(), self.visibility.into());
        message.insert("author".into(), author(&self.who));
        message.insert("body".into(), said);
        message.insert("blocks".into(), blocks.into());
        message.insert("delivery".into(), delivery);
        message.insert("in_reply_to_id".into(), answered(desk, conversation, body)?);
        Ok((message, files))
    }
}

/// Who wrote the message: the one the body names, where the one who asks may say so.
fn writer(
    desk: &Desk<'_>,
    conversation: &Row,
    kind: &str,
    named: Option<&Value>,
) -> Result<Who, Fault> {
    let named = named.filter(|n| !n.is_null());
    let word = |name: &str| named.and_then(|n| n.get(name)).and_then(Value::as_str);
    let person = conversation.text("contact_id").unwrap_or_default();
    let default = if kind == "incoming" { "contact" } else { desk.who.kind };
    let kind_of_author = word("type").unwrap_or(default);
    if (kind == "incoming") != (kind_of_author == "contact") {
        let detail = "incoming messages are a contact's, and no others are";
        return Err(invalid("/author/type", "invalid", detail));
    }
    let own = (kind_of_author == desk.who.kind).then(|| desk.who.id.clone()).flatten();
    let (table, kind_of_author) = match kind_of_author {
        "contact" => (Table::Contact, "contact"),
        "agent" => (Table::Agent, "agent"),
        "bot" => (Table::Bot, "bot"),
        "integration" => return Ok(Who { kind: "integration", ..desk.who.clone() }),
        _ => return Ok(Who::system()),
    };
    let row = match (word("id"), own) {
        (Some(id), _) => referred(desk, table, &id.into(), "/author/id")?,
        (None, _) if table == Table::Contact => store::find(desk.db, table, person)?,
        (None, Some(own)) => store::find(desk.db, table, &own)?,
        (None, None) => None,
    };
    let Some(row) = row else {
        return Err(invalid("/author/id", "required", format!("which {kind_of_author} wrote it?")));
    };
    if table == Table::Contact && row.id != person {
        let detail = "the conversation is another contact's";
        return Err(invalid("/author/id", "invalid", detail));
    }
    // Only the gateway itself writes in the name of other people of the business.
    let own = desk.who.id.as_deref() == Some(&row.id) || desk.who.kind == "system";
    if table != Table::Contact && !own {
        let detail = "A message is written in one's own name";
        return Err(Problem::new(ProblemCode::Forbidden).detail(detail).into());
    }
    let name = row.text("name").unwrap_or_default().to_owned();
    let (id, number) = (Some(row.id), Some(row.number));
    Ok(Who { kind: kind_of_author, id, number, name, ..Who::system() })
}

/// Refuses what the channel does not take now.
fn may_write(
    desk: &Desk<'_>,
    conversation: &Row,
    draft: &Draft,
    body: &Map<String, Value>,
) -> Result<(), Fault> {
    let written = draft.kind == "outgoing" && draft.visibility == "public";
    if written && templates::used(body).next().is_none() {
        let window = desk.reply_window(conversation);
        if window.get("can_reply") == Some(&Value::Bool(false)) {
            let detail = "The contact has not written for too long; only a template can be sent";
            return Err(Problem::new(ProblemCode::ReplyWindowClosed).detail(detail).into());
        }
    }
    if draft.visibility == "public" && conversation.text("status") == Some("closed") {
        return Err(changes::closed());
    }
    if draft.kind == "incoming" && conversation.text("status") == Some("resolved") {
        let inbox = conversation.text("inbox_id").unwrap_or_default();
        let inbox = store::find(desk.db, Table::Inbox, inbox)?;
        if !inbox.is_some_and(|inbox| inbox.is("allow_messages_after_resolved")) {
            let detail = "This inbox takes no messages for a conversation that has ended";
            return Err(Problem::new(ProblemCode::ReplyWindowClosed).detail(detail).into());
        }
    }
    Ok(())
}

/// What was said, as the contract's `Body`.
pub(super) fn spoken(body: &Map<String, Value>, blocks: &[Value]) -> Result<Value, Fault> {
    let given = |name: &str| body.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    let (text, html, markdown) = (given("text"), given("html"), given("markdown"));
    if [text, html, markdown].iter().flatten().count() > 1 {
        let detail = "only one of text, html and markdown may be given";
        return Err(invalid(if text.is_some() { "/text" } else { "/html" }, "invalid", detail));
    }
    let mut parts = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        if let Some(text) = block.get("text").and_then(Value::as_str) {
            if text.len() > LONGEST && text.chars().count() > LONGEST {
                let detail = format!("must have at most {LONGEST} characters");
                return Err(invalid(format!("/blocks/{index}/text"), "too_long", detail));
            }
            parts.push(text);
        }
    }
    let joined = parts.join("\n");
    // The text is all text blocks joined, so that a plain client reads only it.
    let plain = (!joined.is_empty())
        .then_some(joined)
        .or_else(|| text.map(str::to_owned))
        .or_else(|| html.map(without_tags))
        .or_else(|| markdown.map(str::to_owned));
    let format = match (text, html, markdown) {
        (_, Some(_), _) => "html",
        (_, None, Some(_)) => "markdown",
        _ => "plain",
    };
    Ok(json!({"text": plain, "html": html, "markdown": markdown, "format": format}))
}

/// The text between tags; good enough for a preview in a sandbox.
fn without_tags(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.trim().to_owned()
}

/// The message that is answered: one of the same conversation, open to the one who asks.
fn answered(
    desk: &Desk<'_>,
    conversation: &Row,
    body: &Map<String, Value>,
) -> Result<Value, Fault> {
    let reference = body.get("in_reply_to_id").unwrap_or(&Value::Null);
    let Some(message) = referred(desk, Table::Message, reference, "/in_reply_to_id")? else {
        return Ok(Value::Null);
    };
    let here = message.text("conversation_id") == Some(&conversation.id);
    if !here || (desk.public_only() && message.text("visibility") != Some("public")) {
        let detail = "this conversation has no such message";
        return Err(invalid("/in_reply_to_id", "not_found", detail));
    }
    Ok(message.id.into())
}

/// The files of a message: those that blocks name, and those named beside them, which get a block.
fn files(
    desk: &Desk<'_>,
    body: &Map<String, Value>,
    blocks: &mut Vec<Value>,
) -> Result<Vec<String>, Fault> {
    let mut ids = Vec::new();
    for (index, block) in blocks.iter_mut().enumerate() {
        if let Some(reference) = block.get("attachment_id").cloned() {
            let file = free_file(desk, &reference, &format!("/blocks/{index}/attachment_id"))?;
            if let Some(id) = block.get_mut("attachment_id") {
                *id = file.id.as_str().into();
            }
            ids.push(file.id);
        }
    }
    let named = body.get("attachment_ids").and_then(Value::as_array);
    for (index, reference) in named.into_iter().flatten().enumerate() {
        let file = free_file(desk, reference, &format!("/attachment_ids/{index}"))?;
        if !ids.contains(&file.id) {
            blocks.push(json!({"type": file.text("kind"), "attachment_id": file.id}));
            ids.push(file.id);
        }
    }
    Ok(ids)
}

/// A file that was uploaded and is no message's yet. Whoever knows its id has uploaded it; an alias
/// could be counted up.
fn free_file(desk: &Desk<'_>, reference: &Value, pointer: &str) -> Result<Row, Fault> {
    if !matches!(reference.as_str().and_then(IdRef::parse), Some(IdRef::Id(_))) {
        return Err(invalid(pointer, "not_found", "there is no such file"));
    }
    let Some(file) = referred(desk, Table::Attachment, reference, pointer)? else {
        return Err(invalid(pointer, "required", "which file?"));
    };
    let taken = store::count(
        desk.db,
        Table::Attachment,
        "id = ?1 AND (message_id IS NOT NULL OR purpose <> 'message')",
        [&file.id],
    )?;
    if taken > 0 {
        return Err(invalid(pointer, "taken", "this file belongs to something else"));
    }
    Ok(file)
}

fn attach(desk: &Desk<'_>, message: &Row, files: &[String]) -> Result<(), Fault> {
    for id in files {
        if let Some(mut file) = store::find(desk.db, Table::Attachment, id)? {
            file.set("message_id", message.id.as_str());
            store::save(desk.db, Table::Attachment, &mut file)?;
        }
    }
    Ok(())
}

/// What a message does to its conversation, beyond being its last entry.
fn follow_up(
    desk: &Desk<'_>,
    conversation: &mut Row,
    draft: &Draft,
) -> Result<Vec<changes::Entry>, Fault> {
    let at = desk.now.as_str();
    let of_business = matches!(draft.who.kind, "agent" | "integration");
    let pending = conversation.text("status") == Some("pending");
    if draft.who.kind == "agent" {
        // Who writes has read what stands above.
        conversation.set("agent_last_seen_at", at);
        if conversation.text("assignee_id") == draft.who.id.as_deref() {
            conversation.set("assignee_last_seen_at", at);
        }
    }
    if draft.visibility == "internal" {
        return Ok(Vec::new());
    }
    if draft.kind != "incoming" {
        if of_business {
            let agent = draft.who.id.as_deref().filter(|_| draft.who.kind == "agent");
            events::answered(desk.db, conversation, agent, at)?;
            if conversation.text("first_response_at").is_none() {
                conversation.set("first_response_at", at);
            }
            conversation.set("waiting_since", Value::Null);
            if !pending {
                conversation.set("waiting_on", "customer");
            }
        }
        return Ok(Vec::new());
    }
    conversation.set("contact_last_seen_at", at);
    let mut blocked = conversation.is("muted");
    if let Some(id) = draft.who.id.as_deref()
        && let Some(mut contact) = store::find(desk.db, Table::Contact, id)?
    {
        blocked |= contact.is("blocked");
        contact.set("last_activity_at", at);
        contact.set("updated_at", at);
        store::save(desk.db, Table::Contact, &mut contact)?;
    }
    // Who is blocked or muted can write, but nobody is called to answer.
    if blocked {
        return Ok(Vec::new());
    }
    if conversation.text("waiting_since").is_none() {
        conversation.set("waiting_since", at);
    }
    if !pending {
        conversation.set("waiting_on", "agent");
    }
    changes::reopen(desk, &draft.who, conversation)
}
