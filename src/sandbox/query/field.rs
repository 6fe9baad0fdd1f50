//! The fields that a filter or an order may name: what they are, and where they are stored.

use rusqlite::types::Value as Bound;
use serde_json::Value;

use super::Sql;
use crate::canonical::Contract;
use crate::canonical::contract::{Additional, Kind as Schema, Property, SchemaId};
use crate::sandbox::desk::{Desk, REFERENCES};
use crate::sandbox::fault::{Fault, invalid};
use crate::sandbox::store::{self, Table};
use crate::syntax::closest;

/// Most steps of a path.
const DEEPEST: usize = 8;

/// The fields of one kind of resource.
pub(in crate::sandbox) struct Fields<'d> {
    pub(super) desk: &'d Desk<'d>,
    pub(super) table: Table,
    pub(super) schema: SchemaId,
}

/// What can be asked of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Free text, compared without regard to case.
    Text,
    /// A word of a closed list.
    Word,
    /// A moment.
    Time,
    /// A day.
    Date,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// The id of a resource of this kind, or of one that is not stored here.
    Id(Option<Table>),
    /// A list of texts.
    Names,
    /// Whatever was stored there: an attribute of the account's own.
    Free,
}

/// A field.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) kind: Kind,
    /// The type its values have.
    pub(super) schema: SchemaId,
    /// Its value, in a row of the table it is stored in. Of a list: the arguments of `json_each`.
    pub(super) value: Sql,
    /// Of what is [`Kind::Free`]: the type of the JSON that is there.
    pub(super) json_type: Sql,
    /// The table it is stored in and the id of the row, where that is another one.
    pub(super) within: Option<(Table, Sql)>,
}

/// Members that are not stored as they are shown: resource, path, SQL. `{now}` is the time.
const COMPUTED: [(Table, &str, &str); 4] = [
    (
        Table::Conversation,
        "status",
        // A snooze that is over shows an open conversation, as reading one does.
        "CASE WHEN status = 'snoozed' AND document ->> '$.snooze.until' <= {now}
              AND coalesce(document ->> '$.snooze.set_at', '') < document ->> '$.snooze.until'
              THEN 'open' ELSE status END",
    ),
    (
        Table::Conversation,
        "unread_count",
        "(SELECT count(*) FROM message
          WHERE conversation_id = conversation.id AND kind = 'incoming'
          AND created_at > coalesce(conversation.document ->> 'agent_last_seen_at', ''))",
    ),
    (
        Table::Conversation,
        "message_count",
        "(SELECT count(*) FROM message WHERE conversation_id = conversation.id)",
    ),
    (
        Table::Conversation,
        "channel",
        "(SELECT document -> '$.channels[0]' FROM inbox WHERE inbox.id = conversation.inbox_id)",
    ),
];

/// Members that are made only when a resource is shown.
const ONLY_SHOWN: [(Table, &[&str]); 3] = [
    (
        Table::Conversation,
        &[
            "last_message_id",
            "last_message_number",
            "last_inbound_message_id",
            "last_inbound_message_number",
            "last_note_id",
            "last_note_number",
            "csat_id",
            "reply_window",
            "url",
        ],
    ),
    (Table::Inbox, &["unread_conversations_count"]),
    (Table::Csat, &["contact_id", "contact_number", "status", "code", "survey_url", "invitation"]),
];

/// What every resource has and nobody looks for.
const NEVER: [&str; 5] = ["revision", "account_id", "account_number", "extensions", "external_ids"];

/// The schemas of resources that are not kept by the contract alone.
const SCHEMAS: [(Table, &str); 7] = [
    (Table::Contact, "Contact"),
    (Table::Identity, "ContactIdentity"),
    (Table::Conversation, "Conversation"),
    (Table::Message, "Message"),
    (Table::Company, "Company"),
    (Table::Attachment, "Attachment"),
    (Table::Csat, "Csat"),
];

/// Every kind of resource with its schema.
pub(in crate::sandbox) fn kinds(
    contract: &Contract,
) -> impl Iterator<Item = (Table, SchemaId)> + '_ {
    let known = SCHEMAS.iter();
    let known = known.filter_map(|(table, name)| Some((*table, contract.schema_named(name)?)));
    let plain = contract.stored().iter();
    known.chain(plain.filter_map(|stored| Some((Table::of(&stored.kind)?, stored.schema))))
}

impl<'d> Fields<'d> {
    /// Those of a kind of resource.
    pub(in crate::sandbox) fn of(desk: &'d Desk<'d>, table: Table) -> Self {
        // A resource without a schema has no fields.
        let found = kinds(desk.contract()).find(|(kind, _)| *kind == table);
        Self { desk, table, schema: found.map_or(SchemaId(u32::MAX), |(_, schema)| schema) }
    }

    pub(super) fn contract(&self) -> &'d Contract {
        self.desk.contract()
    }

    /// The field that `path` names; `pointer` is where the request names it.
    pub(super) fn find(&self, path: &str, pointer: &str) -> Result<Field, Fault> {
        self.look_up(path).ok_or_else(|| self.unknown(path, pointer))
    }

    /// The id that a reference stands for; none where there is no such resource.
    pub(super) fn id(&self, table: Option<Table>, reference: &str) -> Result<Bound, Fault> {
        let id = match table {
            Some(table) => store::find(self.desk.db, table, reference)?.map(|row| row.id),
            None => Some(reference.to_owned()),
        };
        Ok(id.map_or(Bound::Null, Bound::Text))
    }

    fn look_up(&self, path: &str) -> Option<Field> {
        let (first, rest) = match path.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        let property = self.open(first)?;
        match (&property.include, &property.reference, rest) {
            // A field of what it refers to.
            (_, Some(id), Some(rest)) => {
                let table = refers_to(id)?;
                let other = Fields { schema: property.schema, table, ..*self };
                let field = other.look_up(rest).filter(|field| field.within.is_none())?;
                let id = Sql::new(format!("({}.document ->> ", self.table.name()), [])
                    .value(steps([&**id])?)
                    .text(")");
                Some(Field { within: Some((table, id)), ..field })
            }
            // What is embedded is another resource, or is found by its id.
            (Some(_), _, _) | (_, Some(_), _) => None,
            (None, None, None) => self.own(property),
            (None, None, Some(rest)) => self.below(property, rest),
        }
    }

    /// A member that may be looked for.
    fn open(&self, name: &str) -> Option<&'d Property> {
        let hidden = NEVER.contains(&name)
            || ONLY_SHOWN.iter().any(|(t, names)| *t == self.table && names.contains(&name));
        self.contract().property(self.schema, name).filter(|_| !hidden)
    }

    /// A member of the resource itself.
    fn own(&self, property: &Property) -> Option<Field> {
        let table = self.table.name();
        let name = &*property.name;
        let computed = COMPUTED.iter().find(|(t, n, _)| *t == self.table && *n == name);
        let value = match name {
            "id" | "number" => Sql::new(format!("{table}.{name}"), []),
            _ if computed.is_some() => computed.map(|(_, _, sql)| self.computed(sql))?,
            _ => match name.strip_suffix("_number").and_then(stem_table) {
                Some(other) => Sql::new(
                    format!(
                        "(SELECT number FROM {0} WHERE {0}.id = {table}.document ->> ",
                        other.name()
                    ),
                    [],
                )
                .value(steps([&*name.replace("_number", "_id")])?)
                .text(")"),
                None => Sql::new(format!("{table}.document ->> "), []).value(steps([name])?),
            },
        };
        let kind = self.kind(name, property.schema)?;
        let value = match kind {
            Kind::Names => Sql::new(format!("{table}.document, "), []).value(steps([name])?),
            Kind::Boolean if !self.contract().schema(property.schema).nullable => {
                // What is not there is false.
                Sql::default().text("coalesce(").piece(&value).text(", 0)")
            }
            _ => value,
        };
        let json_type = Sql::new("NULL", []);
        Some(Field { kind, schema: property.schema, value, json_type, within: None })
    }

    fn computed(&self, sql: &str) -> Sql {
        let mut parts = sql.split("{now}");
        let mut made = Sql::new(parts.next().unwrap_or_default(), []);
        for part in parts {
            made = made.value(self.desk.now.clone()).text(part);
        }
        made
    }

    /// A member further down.
    fn below(&self, property: &Property, rest: &str) -> Option<Field> {
        let names: Vec<&str> = rest.split('.').collect();
        if names.len() >= DEEPEST || names.iter().any(|name| name.is_empty()) {
            return None;
        }
        let mut schema = property.schema;
        for name in &names {
            schema = self.step(schema, name)?;
        }
        let last = names.last()?;
        let kind = self.kind(last, schema)?;
        let computed = COMPUTED.iter().find(|(t, n, _)| *t == self.table && *n == &*property.name);
        let (root, path) = match computed {
            Some((_, _, sql)) => (self.computed(sql), steps(names)?),
            None => {
                let all = std::iter::once(&*property.name).chain(names);
                (Sql::new(format!("{}.document", self.table.name()), []), steps(all)?)
            }
        };
        let value = match kind {
            Kind::Names => root.clone().text(", ").value(path.clone()),
            _ => root.clone().text(" ->> ").value(path.clone()),
        };
        let json_type =
            Sql::default().text("json_type(").piece(&root).text(", ").value(path).text(")");
        Some(Field { kind, schema, value, json_type, within: None })
    }

    /// The type of a member of an object.
    fn step(&self, schema: SchemaId, name: &str) -> Option<SchemaId> {
        let contract = self.contract();
        if let Some(property) = contract.property(schema, name) {
            return Some(property.schema);
        }
        match &contract.schema(schema).kind {
            Schema::Object { additional: Additional::Typed(typed), .. } => Some(*typed),
            // Beyond every schema: an id that no contract gives out is of any type.
            Schema::Object { additional: Additional::Allowed, .. } => Some(SchemaId(u32::MAX)),
            Schema::Any(of) if of.is_empty() => Some(schema),
            _ => None,
        }
    }

    fn kind(&self, name: &str, id: SchemaId) -> Option<Kind> {
        let schema = self.contract().schema(id);
        if matches!(schema.name.as_deref(), Some("Id" | "NullableId")) {
            let table = if name == "id" { Some(self.table) } else { refers_to(name) };
            return Some(Kind::Id(table));
        }
        match &schema.kind {
            Schema::String(text) if text.words.is_some() => Some(Kind::Word),
            Schema::String(text) => Some(match text.format.as_deref() {
                Some("date-time") => Kind::Time,
                Some("date") => Kind::Date,
                _ => Kind::Text,
            }),
            Schema::Integer { .. } | Schema::Number { .. } => Some(Kind::Number),
            Schema::Boolean => Some(Kind::Boolean),
            Schema::List { items, .. } => {
                let text = matches!(self.contract().schema(*items).kind, Schema::String(_));
                text.then_some(Kind::Names)
            }
            Schema::Any(_) => Some(Kind::Free),
            Schema::Object { .. } | Schema::Union(_) | Schema::Value(_) => None,
        }
    }

    fn unknown(&self, path: &str, pointer: &str) -> Fault {
        let names = self.contract().properties(self.schema).iter().map(|p| &*p.name);
        let known = names.filter(|name| self.look_up(name).is_some());
        let mut detail = format!("is no field that a {} is found by", self.table.name());
        if let Some(near) = closest(path, known) {
            detail.push_str(&format!("; did you mean `{near}`?"));
        }
        invalid(pointer, "unknown", detail)
    }
}

/// The kind of resource that a member `…_id` names.
fn refers_to(id: &str) -> Option<Table> {
    let stem = id.strip_suffix("_ids").or_else(|| id.strip_suffix("_id"))?;
    stem_table(stem)
}

fn stem_table(stem: &str) -> Option<Table> {
    REFERENCES.iter().find(|(known, _)| *known == stem).map(|(_, table)| *table)
}

/// A path of SQLite's JSON functions. A name that cannot be written in one names nothing.
fn steps<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let mut path = "$".to_owned();
    for name in names {
        let plain = |c: char| c != '"' && c != '\\' && !c.is_control();
        if name.len() > 255 || !name.chars().all(plain) {
            return None;
        }
        path.push_str(".\"");
        path.push_str(name);
        path.push('"');
    }
    Some(path)
}

/// A text of the request, for a member that the contract's own check has seen.
pub(super) fn text_of(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}
