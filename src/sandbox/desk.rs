//! What an operation works at: one transaction, the one who asks, the time, and the ways to put
//! stored resources together into an answer.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use bytes::Bytes;
use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use crate::canonical::contract::SchemaId;
use crate::canonical::{Actor, Contract, Payload, Problem, ProblemCode};
use crate::sandbox::accounts::{self, Databases};
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::csat;
use crate::sandbox::fault::{Fault, not_found};
use crate::sandbox::shape::Shape;
use crate::sandbox::store::{self, Row, Table};

/// Members `<stem>_id` beside which `<stem>_number` stands.
pub(super) const REFERENCES: [(&str, Table); 14] = [
    ("inbox", Table::Inbox),
    ("contact", Table::Contact),
    ("contact_identity", Table::Identity),
    ("assignee", Table::Agent),
    ("agent", Table::Agent),
    ("team", Table::Team),
    ("bot", Table::Bot),
    ("company", Table::Company),
    ("conversation", Table::Conversation),
    ("message", Table::Message),
    ("in_reply_to", Table::Message),
    ("last_message", Table::Message),
    ("last_inbound_message", Table::Message),
    ("last_note", Table::Message),
];

/// Someone who asks or writes.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// A word of the contract's `ActorType`.
    pub(super) kind: &'static str,
    /// The contact, agent or bot; the system has none.
    pub(super) id: Option<String>,
    /// Their number.
    pub(super) number: Option<i64>,
    /// For sentences about what they did.
    pub(super) name: String,
    /// As which identity a contact asks. They see their own conversations and nothing internal.
    pub(super) identity: Option<Row>,
    /// As which platform application it is asked.
    pub(super) platform: Option<String>,
    /// What the contract's `x-roles` calls them.
    pub(super) role: String,
    /// The only inboxes whose conversations an agent sees; nothing for one who sees all.
    pub(super) inboxes: Option<Vec<String>>,
}

impl Who {
    /// Nobody in particular.
    pub(super) fn system() -> Self {
        let name = "System".to_owned();
        Self {
            kind: "system",
            id: None,
            number: None,
            name,
            identity: None,
            platform: None,
            role: "gateway".to_owned(),
            inboxes: None,
        }
    }
}

/// What of a conversation's timeline is embedded.
#[derive(Debug)]
pub(super) struct View<'v> {
    /// Names of embedded resources.
    pub(super) includes: Vec<&'v str>,
    /// The newest so many messages.
    pub(super) messages: i64,
    /// Public messages only.
    pub(super) public: bool,
}

/// Where a call is at work.
#[derive(Clone, Copy)]
pub(super) struct Place<'d> {
    /// The file of what it is about.
    pub(super) db: &'d Connection,
    /// The file of the account that it names, where those who ask are known.
    pub(super) home: &'d Connection,
    /// The sandbox's own file, for what belongs to no account.
    pub(super) hub: &'d Connection,
    /// The number of the account.
    pub(super) account: i64,
    /// Every file.
    pub(super) databases: &'d Databases,
}

/// One transaction and who asks.
pub(super) struct Desk<'d> {
    pub(super) db: &'d Connection,
    pub(super) hub: &'d Connection,
    pub(super) databases: &'d Databases,
    /// The number of the account.
    pub(super) account: i64,
    pub(super) shape: &'d Shape,
    pub(super) who: Who,
    /// The time of everything this call writes.
    pub(super) now: String,
    /// The account that is deleted with this call.
    pub(super) gone: Cell<Option<i64>>,
    numbers: RefCell<HashMap<String, Value>>,
    authors: RefCell<HashMap<String, Value>>,
}

impl<'d> Desk<'d> {
    /// Finds out who asks.
    pub(super) fn new(place: Place<'d>, shape: &'d Shape, call: &Call<'_>) -> Result<Self, Fault> {
        let who = who(place.home, call.actor())?;
        Ok(Self::at(place, shape, who, stamp(call.now)))
    }

    fn at(place: Place<'d>, shape: &'d Shape, who: Who, now: String) -> Self {
        Self {
            db: place.db,
            hub: place.hub,
            databases: place.databases,
            account: place.account,
            shape,
            who,
            now,
            gone: Cell::default(),
            numbers: RefCell::default(),
            authors: RefCell::default(),
        }
    }

    /// The same asker's work in each account, one after the other.
    pub(super) fn in_each_account(
        &self,
        mut work: impl FnMut(&Desk<'_>, &Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for account in accounts::all(self.hub)? {
            let mut there = |db: &Connection| {
                let Place { hub, databases, .. } = self.place();
                let place = Place { db, home: db, hub, account: account.number, databases };
                work(&Desk::at(place, self.shape, self.who.clone(), self.now.clone()), &account)
            };
            if account.number == accounts::FIRST {
                there(self.hub)?;
            } else {
                let db = self.databases.other(account.number)?;
                let change = self.databases.begin(&db)?;
                there(&change)?;
                change.commit()?;
            }
        }
        Ok(())
    }

    fn place(&self) -> Place<'d> {
        let Self { db, hub, databases, account, .. } = *self;
        Place { db, home: db, hub, databases, account }
    }

    /// The contract that answers follow.
    pub(super) fn contract(&self) -> &'d Contract {
        &self.shape.contract
    }

    /// What links begin with, without a slash at its end.
    pub(super) fn public_url(&self) -> &'d str {
        &self.shape.public_url
    }

    /// Whether nothing may be left to chance.
    pub(super) fn repeatable(&self) -> bool {
        self.shape.repeatable
    }

    /// Whether only public messages are open to the one who asks.
    pub(super) fn public_only(&self) -> bool {
        self.who.identity.is_some()
    }

    /// Whether an inbox, and what is in it, is open to the one who asks.
    pub(super) fn sees_inbox(&self, id: &str) -> bool {
        self.who.inboxes.as_ref().is_none_or(|inboxes| inboxes.iter().any(|one| one == id))
    }

    /// The message of a conversation that a path names, if it is open to the one who asks.
    pub(super) fn message_of(&self, call: &Call<'_>, conversation: &Row) -> Result<Row, Fault> {
        let reference = call.text("message_id").unwrap_or_default();
        let found = store::find(self.db, Table::Message, reference)?;
        let open = |row: &Row| {
            row.text("conversation_id") == Some(&conversation.id)
                && !(self.public_only() && row.text("visibility") != Some("public"))
        };
        found.filter(open).ok_or_else(|| not_found("message"))
    }

    /// The conversation that a path names, if it is open to the one who asks.
    pub(super) fn conversation(&self, call: &Call<'_>) -> Result<Row, Fault> {
        let reference = call.text("conversation_id").unwrap_or_default();
        let found = store::find(self.db, Table::Conversation, reference)?;
        found.filter(|row| self.is_open_conversation(row)).ok_or_else(|| not_found("conversation"))
    }

    /// Whether a conversation is open to the one who asks.
    pub(super) fn is_open_conversation(&self, row: &Row) -> bool {
        match &self.who.identity {
            None => self.sees_inbox(row.text("inbox_id").unwrap_or_default()),
            Some(identity) if row.text("contact_identity_id") == Some(&identity.id) => true,
            // A proved identity opens every conversation of its person.
            Some(identity) => {
                identity.is("verified") && row.text("contact_id") == identity.text("contact_id")
            }
        }
    }

    /// An answer of one resource.
    pub(super) fn one(&self, call: &Call<'_>, row: &Row, object: Value) -> Result<Payload, Fault> {
        let body = self.text(call.answer(), object)?;
        Ok(Payload::new(call.operation.status, body, Some(row.revision().as_str().into())))
    }

    /// An answer that is no single resource.
    pub(super) fn answer(&self, call: &Call<'_>, object: Value) -> Result<Payload, Fault> {
        Ok(Payload::new(call.operation.status, self.text(call.answer(), object)?, None))
    }

    fn text(&self, schema: Option<SchemaId>, object: Value) -> Result<Bytes, Fault> {
        let arranged = match schema {
            Some(schema) => self.shape.arrange(schema, object),
            None => object,
        };
        Ok(serde_json::to_vec(&arranged)?.into())
    }

    /// A stored resource as a canonical object, with what every resource has.
    pub(super) fn object(&self, row: &Row) -> Result<Map<String, Value>, Fault> {
        let mut object = row.document.clone();
        object.insert("id".into(), row.id.as_str().into());
        object.insert("number".into(), row.number.into());
        object.insert("account_id".into(), self.account.to_string().into());
        object.insert("account_number".into(), self.account.into());
        object.insert("revision".into(), row.revision().into());
        self.number_references(&mut object)?;
        Ok(object)
    }

    /// Sets the number beside each reference.
    fn number_references(&self, object: &mut Map<String, Value>) -> Result<(), Fault> {
        for (stem, table) in REFERENCES {
            if let Some(id) = object.get(&format!("{stem}_id")) {
                let number = match id.as_str() {
                    Some(id) => self.number(table, id)?,
                    None => Value::Null,
                };
                object.insert(format!("{stem}_number"), number);
            }
        }
        Ok(())
    }

    /// The number of a resource; null where there is none.
    pub(super) fn number(&self, table: Table, id: &str) -> Result<Value, Fault> {
        if let Some(known) = self.numbers.borrow().get(id) {
            return Ok(known.clone());
        }
        let found = store::one(self.db, table, "id = ?1", [id])?;
        let number = found.map_or(Value::Null, |row| row.number.into());
        self.numbers.borrow_mut().insert(id.to_owned(), number.clone());
        Ok(number)
    }

    /// A message of a conversation.
    pub(super) fn message(&self, row: &Row) -> Result<Value, Fault> {
        let mut object = self.object(row)?;
        let author = self.author(row.document.get("author").unwrap_or(&Value::Null))?;
        object.insert("author".into(), author);
        let attachments =
            store::all(self.db, Table::Attachment, "message_id = ?1 ORDER BY number", [&row.id])?;
        let mut list = Vec::new();
        for attachment in attachments {
            list.push(Value::Object(self.object(&attachment)?));
        }
        object.insert("attachments".into(), list.into());
        object.insert("in_reply_to".into(), self.quoted(row)?);
        Ok(Value::Object(object))
    }

    /// The message that a message answers, in short.
    fn quoted(&self, row: &Row) -> Result<Value, Fault> {
        let Some(id) = row.text("in_reply_to_id") else { return Ok(Value::Null) };
        let quoted = store::one(self.db, Table::Message, "id = ?1", [id])?;
        Ok(quoted.map_or(Value::Null, |quoted| {
            json!({
                "id": quoted.id,
                "number": quoted.number,
                "kind": quoted.document.get("kind"),
                "text": quoted.document.get("body").and_then(|body| body.get("text")),
            })
        }))
    }

    /// Who wrote it, with what is known of them now.
    fn author(&self, stored: &Value) -> Result<Value, Fault> {
        let kind = stored.get("type").and_then(Value::as_str).unwrap_or("system");
        let table = match kind {
            "contact" => Table::Contact,
            "agent" => Table::Agent,
            "bot" => Table::Bot,
            _ => return Ok(json!({"type": kind, "id": null, "name": stored.get("name")})),
        };
        let id = stored.get("id").and_then(Value::as_str).unwrap_or_default();
        if let Some(known) = self.authors.borrow().get(id) {
            return Ok(known.clone());
        }
        // Of one who has left, the name is still known.
        let mut actor = stored.as_object().cloned().unwrap_or_default();
        if let Some(row) = store::one(self.db, table, "id = ?1", [id])? {
            actor = row.document;
            actor.insert("number".into(), row.number.into());
        }
        actor.insert("type".into(), kind.into());
        actor.insert("id".into(), id.into());
        let actor = Value::Object(actor);
        self.authors.borrow_mut().insert(id.to_owned(), actor.clone());
        Ok(actor)
    }

    /// A conversation with what is computed from its timeline and what was asked to be embedded.
    pub(super) fn thread(&self, row: &Row, view: &View<'_>) -> Result<Value, Fault> {
        let newest = |condition: &str| {
            let only = if self.public_only() { "AND visibility = 'public'" } else { "" };
            let sql = format!("conversation_id = ?1 AND {condition} {only} ORDER BY sequence DESC");
            store::one(self.db, Table::Message, &sql, [&row.id])
        };
        let last = newest("kind NOT IN ('note', 'activity')")?;
        let inbound = newest("kind = 'incoming'")?;
        let note = newest("kind = 'note'")?;
        let id = |found: &Option<Row>| found.as_ref().map_or(Value::Null, |m| m.id.as_str().into());

        let mut row = row.clone();
        row.set("last_message_id", id(&last));
        row.set("last_inbound_message_id", id(&inbound));
        row.set("last_note_id", id(&note));
        row.set("csat_id", csat::id_of(self, &row)?);
        let seen = row.text("agent_last_seen_at").unwrap_or_default().to_owned();
        let unread = "conversation_id = ?1 AND kind = 'incoming' AND created_at > ?2";
        let unread = store::count(self.db, Table::Message, unread, params![row.id, seen])?;
        row.set("unread_count", unread);
        let messages = "conversation_id = ?1";
        row.set("message_count", store::count(self.db, Table::Message, messages, [&row.id])?);
        row.set("reply_window", self.reply_window(&row));
        let account = self.account;
        row.set("url", format!("/v1/accounts/{account}/conversations/n:{}", row.number));
        let inbox = self.embedded(&row, "inbox_id", Table::Inbox)?;
        row.set("channel", inbox.pointer("/channels/0").cloned().unwrap_or(Value::Null));

        let mut object = self.object(&row)?;
        for include in &view.includes {
            let value = match *include {
                "contact" => self.embedded(&row, "contact_id", Table::Contact)?,
                "contact_identity" => {
                    self.embedded(&row, "contact_identity_id", Table::Identity)?
                }
                "assignee" => self.embedded(&row, "assignee_id", Table::Agent)?,
                "team" => self.embedded(&row, "team_id", Table::Team)?,
                "inbox" => inbox.clone(),
                "last_message" => self.optional(last.as_ref())?,
                "last_inbound_message" => self.optional(inbound.as_ref())?,
                "last_note" => self.optional(note.as_ref())?,
                "messages" => self.messages(&row, view)?,
                _ => continue,
            };
            object.insert((*include).to_owned(), value);
        }
        Ok(Value::Object(object))
    }

    fn optional(&self, message: Option<&Row>) -> Result<Value, Fault> {
        message.map_or(Ok(Value::Null), |m| self.message(m))
    }

    fn messages(&self, row: &Row, view: &View<'_>) -> Result<Value, Fault> {
        let only = if view.public || self.public_only() { "AND visibility = 'public'" } else { "" };
        let sql = format!("conversation_id = ?1 {only} ORDER BY sequence DESC LIMIT ?2");
        let found = store::all(self.db, Table::Message, &sql, params![row.id, view.messages])?;
        found.iter().rev().map(|m| self.message(m)).collect()
    }

    /// Whether the business may write now: until the time that the channel allows, if it names one.
    pub(super) fn reply_window(&self, row: &Row) -> Value {
        let until = row.document.get("reply_window").and_then(|w| w.get("until"));
        let closed = until.and_then(Value::as_str).is_some_and(|until| *until <= *self.now);
        json!({"can_reply": !closed, "until": until, "template_required": closed})
    }
}

/// Who stands behind an actor.
fn who(db: &Connection, actor: &Actor) -> Result<Who, Fault> {
    let (table, kind, reference) = match actor {
        Actor::Gateway => return Ok(Who::system()),
        Actor::Platform(application) => {
            let (platform, role) = (Some(application.to_string()), "platform".to_owned());
            return Ok(Who { platform, role, ..Who::system() });
        }
        Actor::Agent(id) => (Table::Agent, "agent", id),
        Actor::Bot(id) => (Table::Bot, "bot", id),
        Actor::ContactIdentity(id) => (Table::Identity, "contact", id),
    };
    let unknown =
        || Problem::new(ProblemCode::Forbidden).detail("The one it is asked for is not known here");
    let row = store::find(db, table, reference)?.ok_or_else(unknown)?;
    if table != Table::Identity {
        let name = row.text("name").unwrap_or_default().to_owned();
        // Every agent works in some inboxes; only a limited one sees no others.
        let inboxes = (row.text("role") == Some("limited")).then(|| {
            let all = row.document.get("inbox_ids").and_then(Value::as_array);
            all.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        });
        let role = match table {
            Table::Bot => "bot",
            _ => row.text("role").unwrap_or("agent"),
        };
        let role = role.to_owned();
        let (id, number) = (Some(row.id), Some(row.number));
        return Ok(Who { kind, id, number, name, role, inboxes, ..Who::system() });
    }
    let id = row.text("contact_id").unwrap_or_default();
    let contact = store::one(db, Table::Contact, "id = ?1", [id])?.ok_or_else(unknown)?;
    let name = contact.text("name").unwrap_or("The contact").to_owned();
    let (id, number) = (Some(contact.id), Some(contact.number));
    let role = "contact".to_owned();
    Ok(Who { kind, id, number, name, role, identity: Some(row), ..Who::system() })
}
