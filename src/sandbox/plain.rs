//! Plain resources: those of which a list, a look, a creation, a change and a deletion are all there
//! is. The contract alone says what they are (`x-stored`); nothing here knows one by name but inboxes,
//! which not everybody sees.

use serde_json::{Map, Value, json};

use crate::canonical::contract::{Location, Names, Stored};
use crate::canonical::{FieldProblem, Payload, Problem, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::changes::{merge, referred};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, not_found};
use crate::sandbox::ids::IdRef;
use crate::sandbox::once::once;
use crate::sandbox::query::{Fields, Order, given, page};
use crate::sandbox::store::{self, Row, Table};
use crate::sandbox::{Serve, follow, members, platform, secrets};

/// What is done with a plain resource, by the last word of an operation's name.
pub(super) const VERBS: [(&str, Serve); 8] = [
    ("list", Serve::Read(list)),
    ("get", Serve::Read(get)),
    ("create", Serve::Write(create)),
    ("update", Serve::Write(update)),
    ("delete", Serve::Write(delete)),
    ("members.list", Serve::Read(members::list)),
    ("members.replace", Serve::Write(members::replace)),
    ("members.change", Serve::Write(members::change)),
];

/// A kind of plain resource.
pub(super) struct Plain<'d> {
    pub(super) table: Table,
    pub(super) stored: &'d Stored,
}

impl<'d> Plain<'d> {
    /// The kind that an operation is about, if it is open to the one who asks.
    pub(super) fn of(desk: &Desk<'d>, call: &Call<'_>) -> Result<Self, Fault> {
        let found = desk.contract().stored().iter().find(|stored| {
            let verb = call.operation.name.strip_prefix(&*stored.operations);
            let verb = verb.and_then(|rest| rest.strip_prefix('.'));
            verb.is_some_and(|verb| VERBS.iter().any(|(known, _)| *known == verb))
        });
        let stored = found.ok_or(ProblemCode::NotSupportedByUpstream)?;
        let table = Table::of(&stored.kind).ok_or(ProblemCode::NotSupportedByUpstream)?;
        if desk.who.identity.is_some() && (table != Table::Inbox || !call.operation.safe) {
            let detail = "Contacts do not see the people and words of the business";
            return Err(Problem::new(ProblemCode::Forbidden).detail(detail).into());
        }
        Ok(Self { table, stored })
    }

    /// A kind, whatever the operation is about.
    pub(super) fn of_kind(desk: &Desk<'d>, table: Table) -> Result<Self, Fault> {
        let found = desk.contract().stored().iter().find(|stored| *stored.kind == *table.name());
        Ok(Self { table, stored: found.ok_or(ProblemCode::NotSupportedByUpstream)? })
    }

    /// The member that says what one of them is part of, and the one that the path names for it.
    fn parent(&self, desk: &Desk<'_>, call: &Call<'_>) -> Result<Option<(&str, Row)>, Fault> {
        let Some(member) = self.stored.parent.as_deref() else { return Ok(None) };
        let Some(reference) = call.text(member) else { return Ok(None) };
        let property = desk.contract().property(self.stored.schema, member);
        let kind = property.and_then(|p| p.names.as_ref()).and_then(|names| Table::of(&names.kind));
        let table = kind.ok_or(ProblemCode::Internal)?;
        let row = found(desk, table, reference)?.ok_or_else(|| not_found(table.name()))?;
        Ok(Some((member, row)))
    }

    /// The one that the path names, if it is open to the one who asks.
    pub(super) fn named(&self, desk: &Desk<'_>, call: &Call<'_>) -> Result<Row, Fault> {
        let row = named(desk, call, self.table)?;
        let foreign = match &desk.who.identity {
            Some(identity) => identity.text("inbox_id") != Some(&row.id),
            None => self.table == Table::Inbox && !desk.sees_inbox(&row.id),
        };
        let owned = match (&self.stored.owner, self.asker(desk)) {
            (Some(owner), Some(asker)) => row.text(owner) == Some(asker),
            _ => true,
        };
        if foreign || !owned {
            return Err(not_found(self.table.name()));
        }
        if self.stored.platform {
            platform::refuse_foreign(desk, &row)?;
        }
        Ok(row)
    }

    /// The agent who asks, where each has their own.
    fn asker<'w>(&self, desk: &'w Desk<'_>) -> Option<&'w str> {
        self.stored.owner.as_ref()?;
        desk.who.id.as_deref().filter(|_| desk.who.kind == "agent")
    }

    /// The kind with a name, whoever asks.
    pub(super) fn kind(desk: &Desk<'d>, kind: &str) -> Result<Self, Fault> {
        let stored = desk.contract().stored().iter().find(|stored| *stored.kind == *kind);
        let stored = stored.ok_or(ProblemCode::NotSupportedByUpstream)?;
        let table = Table::of(&stored.kind).ok_or(ProblemCode::Internal)?;
        Ok(Self { table, stored })
    }

    /// What the contract says of a new one.
    pub(super) fn begun(&self, desk: &Desk<'_>) -> Row {
        let mut row = Row { id: String::new(), number: 0, revision: 0, document: Map::new() };
        for property in desk.contract().properties(self.stored.schema) {
            if let Some(default) = &property.default {
                row.set(&property.name, default.clone());
            }
        }
        row.set("created_at", desk.now.as_str());
        row.set("updated_at", desk.now.as_str());
        row
    }

    /// Stores a new one. People have one number in every account.
    pub(super) fn insert(
        &self,
        desk: &Desk<'_>,
        document: Map<String, Value>,
    ) -> Result<Row, Fault> {
        let whose = if self.table == Table::Agent { desk.hub } else { desk.db };
        let number = store::next(whose, self.table)?;
        store::insert_numbered(desk.db, self.table, number, document)
    }

    /// Takes one away; whatever names it does so no more.
    pub(super) fn remove(&self, desk: &Desk<'_>, row: &Row) -> Result<(), Fault> {
        follow::deleted(desk, self, row)?;
        let sql = format!("DELETE FROM {} WHERE id = ?1", self.table.name());
        desk.db.prepare_cached(&sql)?.execute([&row.id])?;
        Ok(())
    }

    /// An answer of one of them.
    pub(super) fn answer(
        &self,
        desk: &Desk<'_>,
        call: &Call<'_>,
        row: &Row,
    ) -> Result<Payload, Fault> {
        let object = desk.shown(self.table, row, &call.all("include"))?;
        desk.one(call, row, object.into())
    }

    /// Writes what a body says: names of other resources become their ids, the rest is a merge patch.
    pub(super) fn write(
        &self,
        desk: &Desk<'_>,
        row: &mut Row,
        body: &Map<String, Value>,
    ) -> Result<(), Fault> {
        for (name, value) in body {
            let property = desk.contract().property(self.stored.schema, name);
            let after = match property.and_then(|p| p.names.as_ref()) {
                Some(Names { kind, by: None }) => {
                    let table = Table::of(kind).ok_or(ProblemCode::Internal)?;
                    ids(desk, table, value, &format!("/{name}"))?
                }
                _ => {
                    let mut after = row.document.get(name).cloned().unwrap_or(Value::Null);
                    merge(&mut after, value);
                    after
                }
            };
            row.set(name, after);
        }
        self.refuse_taken(desk, row, body)
    }

    /// Refuses what another one has already.
    fn refuse_taken(
        &self,
        desk: &Desk<'_>,
        row: &Row,
        body: &Map<String, Value>,
    ) -> Result<(), Fault> {
        for set in &self.stored.unique {
            if !set.iter().any(|name| body.contains_key(&**name)) {
                continue;
            }
            let mut condition = "id <> ?1".to_owned();
            let mut values = vec![row.id.clone()];
            for name in set {
                let Some(text) = row.text(name).filter(|text| !text.is_empty()) else { break };
                values.push(text.to_owned());
                let at = values.len();
                condition.push_str(&format!(" AND fold(document ->> '$.{name}') = fold(?{at})"));
            }
            // What has no value is nobody's.
            let whole = values.len() == set.len() + 1;
            let values = rusqlite::params_from_iter(values);
            if whole && store::one(desk.db, self.table, &condition, values)?.is_some() {
                let what = self.table.name().replace('_', " ");
                let problem = Problem::new(ProblemCode::Conflict)
                    .detail(format!("There is another {what} with this already"));
                return Err(problem.field(taken(set.first().map(|name| &**name), &what)).into());
            }
        }
        Ok(())
    }
}

fn taken(member: Option<&str>, what: &str) -> FieldProblem {
    FieldProblem {
        pointer: member.map(|name| format!("/{name}")),
        code: "taken".to_owned(),
        detail: format!("is another {what}'s"),
        ..FieldProblem::default()
    }
}

/// The ids of what a value names: one, none, or a list of different ones.
pub(super) fn ids(
    desk: &Desk<'_>,
    table: Table,
    value: &Value,
    pointer: &str,
) -> Result<Value, Fault> {
    let Value::Array(list) = value else {
        return Ok(json!(referred(desk, table, value, pointer)?.map(|row| row.id)));
    };
    let mut found: Vec<String> = Vec::new();
    for (at, one) in list.iter().enumerate() {
        if let Some(row) = referred(desk, table, one, &format!("{pointer}/{at}"))?
            && !found.contains(&row.id)
        {
            found.push(row.id);
        }
    }
    Ok(json!(found))
}

/// A page of a kind of resource.
fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let table = plain.table;
    let fields = Fields::of(desk, table);
    let mut wanted = given(&fields, call)?;
    if let Some(identity) = &desk.who.identity {
        wanted.and(fields.is("id", identity.text("inbox_id").unwrap_or_default())?);
    }
    if let Some(inboxes) = desk.who.inboxes.as_ref().filter(|_| table == Table::Inbox) {
        let ids: Vec<&str> = inboxes.iter().map(String::as_str).collect();
        wanted.and(fields.is_one_of("id", &ids)?);
    }
    if let (Some(owner), Some(asker)) = (&plain.stored.owner, plain.asker(desk)) {
        wanted.and(fields.is(owner, asker)?);
    }
    if let (true, Some(application)) = (plain.stored.platform, &desk.who.platform) {
        wanted.and(platform::granted_to(application));
    }
    if let Some(text) = call.text("q") {
        let looks = plain.stored.looks.iter();
        let looks: Vec<Value> =
            looks.map(|name| json!({"field": name, "cmp": "contains", "value": text})).collect();
        wanted.filter(&fields, &json!({"op": "or", "filters": looks}), "")?;
    }
    if let Some((member, parent)) = plain.parent(desk, call)? {
        wanted.and(fields.is(member, &parent.id)?);
    }
    let order = Order::parameter(&fields, call.values("sort").first().copied(), "number")?;
    let found = page(desk, call, table, &wanted, &order)?;
    let includes = call.all("include");
    let data: Vec<_> =
        found.rows.iter().map(|row| desk.shown(table, row, &includes)).collect::<Result<_, _>>()?;
    desk.answer(call, json!({"data": data, "page": found.page}))
}

/// One resource.
fn get(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let row = plain.named(desk, call)?;
    plain.answer(desk, call, &row)
}

/// A new one: what the contract says of a new one, then what the body says.
fn create(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    make(desk, call, |_| call.body())
}

/// A new one of which `write` writes a part and says the rest.
pub(super) fn make(
    desk: &Desk<'_>,
    call: &Call<'_>,
    write: impl FnOnce(&mut Row) -> Result<Map<String, Value>, Fault>,
) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    once(desk, call, || {
        let mut row = plain.begun(desk);
        if let (Some(owner), Some(asker)) = (&plain.stored.owner, plain.asker(desk)) {
            row.set(owner, asker);
        }
        if let Some((member, parent)) = plain.parent(desk, call)? {
            row.set(member, parent.id);
        }
        let body = write(&mut row)?;
        plain.write(desk, &mut row, &body)?;
        if plain.stored.platform {
            platform::grant(desk, &plain, &mut row)?;
        }
        let row = plain.insert(desk, row.document)?;
        let mut object = desk.shown(plain.table, &row, &call.all("include"))?;
        secrets::tell(desk, plain.stored, &row, &mut object);
        desk.one(call, &row, object.into())
    })
}

/// What a merge patch names becomes otherwise; whatever names it by a name follows.
pub(super) fn update(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    change(desk, call, |_| call.body())
}

/// A change of which `write` writes a part and says the rest.
pub(super) fn change(
    desk: &Desk<'_>,
    call: &Call<'_>,
    write: impl FnOnce(&mut Row) -> Result<Map<String, Value>, Fault>,
) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    once(desk, call, || {
        let mut row = plain.named(desk, call)?;
        call.check_revision(&row)?;
        let before = row.clone();
        let patch = write(&mut row)?;
        plain.write(desk, &mut row, &patch)?;
        if row.document != before.document {
            row.set("updated_at", desk.now.as_str());
            store::save(desk.db, plain.table, &mut row)?;
            follow::renamed(desk, &plain, &before, &row)?;
        }
        plain.answer(desk, call, &row)
    })
}

/// One less; whatever names it does so no more.
pub(super) fn delete(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let plain = Plain::of(desk, call)?;
    let row = plain.named(desk, call)?;
    call.check_revision(&row)?;
    plain.remove(desk, &row)?;
    desk.answer(call, json!({"id": row.id, "number": row.number}))
}

/// The resource that the last name in the path of an operation stands for.
pub(super) fn named(desk: &Desk<'_>, call: &Call<'_>, table: Table) -> Result<Row, Fault> {
    let last = call.operation.parameters_in(Location::Path).last();
    let reference = last.and_then(|(_, parameter)| call.text(&parameter.name));
    found(desk, table, reference.unwrap_or_default())?.ok_or_else(|| not_found(table.name()))
}

/// The resource that a reference stands for: by the name that its kind has beside the id
/// (`x:slug:help`), or as any other.
pub(super) fn found(desk: &Desk<'_>, table: Table, reference: &str) -> Result<Option<Row>, Fault> {
    let stored = desk.contract().stored().iter().find(|stored| *stored.kind == *table.name());
    let name = stored.and_then(|stored| stored.named.as_deref());
    if let (Some(IdRef::External(system, value)), Some(name)) = (IdRef::parse(reference), name)
        && system == name
    {
        return store::one(desk.db, table, &format!("document ->> '$.{name}' = ?1"), [value]);
    }
    store::find(desk.db, table, reference)
}

/// The type of the main channel of an inbox.
pub(super) fn channel_of(inbox: &Row) -> &str {
    let channel = inbox.document.get("channels").and_then(|all| all.pointer("/0/type"));
    channel.and_then(Value::as_str).unwrap_or("other")
}
