//! Resources as they are shown: with what is computed from others, and what a call asks to embed.

use serde_json::{Map, Value, json};

use crate::canonical::contract::{Names, Stored};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::platform;
use crate::sandbox::store::{self, Row, Table};

/// Conversations of an inbox that wait and have something unread.
const UNREAD: &str = "inbox_id = ?1 AND status IN ('open', 'pending') AND EXISTS (
    SELECT 1 FROM message WHERE conversation_id = conversation.id AND kind = 'incoming'
    AND created_at > coalesce(conversation.document ->> 'agent_last_seen_at', ''))";

impl Desk<'_> {
    /// A resource with the embedded ones that `includes` names.
    pub(super) fn shown(
        &self,
        table: Table,
        row: &Row,
        includes: &[&str],
    ) -> Result<Map<String, Value>, Fault> {
        let mut object = match platform::is_kind(self.contract(), table) {
            true => platform::object(row),
            false => self.object(row)?,
        };
        let stored = self.contract().stored().iter().find(|stored| *stored.kind == *table.name());
        if let Some(stored) = stored {
            self.number_names(stored, &mut object)?;
            self.parts(stored, row, includes, &mut object)?;
        }
        match table {
            Table::Inbox => {
                let unread = store::count(self.db, Table::Conversation, UNREAD, [&row.id])?;
                object.insert("unread_conversations_count".into(), unread.into());
            }
            Table::Team => {
                object.insert("is_member".into(), self.is_member(row)?);
            }
            Table::Contact => self.contact(row, includes, &mut object)?,
            Table::Identity => self.identity(row, includes, &mut object)?,
            _ => {}
        }
        Ok(object)
    }

    /// A part of a plain resource, without what is in it itself.
    pub(super) fn plainly(&self, stored: &Stored, row: &Row) -> Result<Map<String, Value>, Fault> {
        let mut object = self.object(row)?;
        self.number_names(stored, &mut object)?;
        Ok(object)
    }

    /// Sets the number beside each id that a plain resource names another one by, and the name that
    /// the other one has.
    fn number_names(&self, stored: &Stored, object: &mut Map<String, Value>) -> Result<(), Fault> {
        for property in self.contract().properties(stored.schema) {
            let Some(Names { kind, by: None }) = &property.names else { continue };
            let Some(other) = Table::of(kind) else { continue };
            if let Some(stem) = property.name.strip_suffix("_ids") {
                let numbers = format!("{stem}_numbers");
                if self.contract().property(stored.schema, &numbers).is_some() {
                    let ids = object.get(&*property.name).and_then(Value::as_array);
                    let ids: Vec<&str> =
                        ids.into_iter().flatten().filter_map(Value::as_str).collect();
                    let list: Vec<Value> =
                        ids.iter().map(|id| self.number(other, id)).collect::<Result<_, _>>()?;
                    object.insert(numbers, list.into());
                }
                continue;
            }
            let Some(stem) = property.name.strip_suffix("_id") else { continue };
            let id = object.get(&*property.name).and_then(Value::as_str).map(str::to_owned);
            let number = match &id {
                Some(id) => self.number(other, id)?,
                None => Value::Null,
            };
            object.insert(format!("{stem}_number"), number);
            let named = self.contract().stored().iter().find(|stored| stored.kind == *kind);
            if let Some(member) = named.and_then(|stored| stored.named.as_deref()) {
                let row = id.map(|id| store::one(self.db, other, "id = ?1", [id])).transpose()?;
                let name = row.flatten().and_then(|row| row.document.get(member).cloned());
                object.insert(format!("{stem}_{member}"), name.unwrap_or(Value::Null));
            }
        }
        Ok(())
    }

    /// The resource that a member of a resource refers to; null where it refers to none.
    pub(super) fn embedded(&self, row: &Row, member: &str, table: Table) -> Result<Value, Fault> {
        let Some(id) = row.text(member) else { return Ok(Value::Null) };
        match store::one(self.db, table, "id = ?1", [id])? {
            Some(row) => Ok(self.shown(table, &row, &[])?.into()),
            None => Ok(Value::Null),
        }
    }

    fn contact(
        &self,
        row: &Row,
        includes: &[&str],
        object: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        object.insert("company".into(), self.embedded(row, "company_id", Table::Company)?);
        if includes.contains(&"identities") {
            let below: Vec<&str> =
                includes.iter().copied().filter(|name| *name == "identity_inbox").collect();
            let identities =
                store::all(self.db, Table::Identity, "contact_id = ?1 ORDER BY number", [&row.id])?;
            let open = identities.iter().filter(|identity| self.is_open(identity));
            let shown = open.map(|identity| self.shown(Table::Identity, identity, &below));
            let shown: Vec<_> = shown.collect::<Result<_, _>>()?;
            object.insert("identities".into(), json!(shown));
        }
        Ok(())
    }

    fn identity(
        &self,
        row: &Row,
        includes: &[&str],
        object: &mut Map<String, Value>,
    ) -> Result<(), Fault> {
        if includes.contains(&"contact") {
            object.insert("contact".into(), self.embedded(row, "contact_id", Table::Contact)?);
        }
        if includes.contains(&"identity_inbox") {
            object.insert("inbox".into(), self.embedded(row, "inbox_id", Table::Inbox)?);
        }
        if includes.contains(&"agents") {
            let ids = row.document.get("agent_ids").and_then(Value::as_array);
            let mut agents = Vec::new();
            for id in ids.into_iter().flatten().filter_map(Value::as_str) {
                if let Some(agent) = store::one(self.db, Table::Agent, "id = ?1", [id])? {
                    agents.push(self.shown(Table::Agent, &agent, &[])?);
                }
            }
            object.insert("agents".into(), json!(agents));
        }
        Ok(())
    }

    /// Whether an identity is open to the one who asks: a contact knows of its other identities
    /// only when it has proved who it is.
    pub(super) fn is_open(&self, identity: &Row) -> bool {
        match &self.who.identity {
            None => true,
            Some(own) if own.id == identity.id => true,
            Some(own) => {
                own.is("verified") && own.text("contact_id") == identity.text("contact_id")
            }
        }
    }

    /// Whether the agent who asks is in a team; null for everybody else.
    fn is_member(&self, team: &Row) -> Result<Value, Fault> {
        let agent = self.who.id.as_deref().filter(|_| self.who.kind == "agent");
        let Some(id) = agent else { return Ok(Value::Null) };
        let agent = store::one(self.db, Table::Agent, "id = ?1", [id])?;
        let teams = agent.as_ref().and_then(|agent| agent.document.get("team_ids")?.as_array());
        Ok(teams.is_some_and(|teams| teams.contains(&json!(team.id))).into())
    }
}
