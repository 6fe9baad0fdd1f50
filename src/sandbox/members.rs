//! What belongs to a resource: the agents of a team. Each of them names it in a list of its own.

use serde_json::{Value, json};

use crate::canonical::contract::Names;
use crate::canonical::{Payload, ProblemCode};
use crate::sandbox::call::Call;
use crate::sandbox::contacts::for_the_business;
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;
use crate::sandbox::once::once;
use crate::sandbox::plain::{Plain, ids};
use crate::sandbox::store::{self, Row, Table};

/// Of which kind they are, and the list of theirs that says so.
struct Members<'d> {
    plain: Plain<'d>,
    table: Table,
    list: &'d str,
}

impl<'d> Members<'d> {
    fn of(desk: &Desk<'d>, call: &Call<'_>) -> Result<Self, Fault> {
        for_the_business(desk)?;
        let plain = Plain::of(desk, call)?;
        let Some(Names { kind, by: Some(list) }) = &plain.stored.members else {
            return Err(ProblemCode::NotSupportedByUpstream.into());
        };
        let table = Table::of(kind).ok_or(ProblemCode::Internal)?;
        Ok(Self { plain, table, list })
    }

    fn all(&self, desk: &Desk<'_>, row: &Row) -> Result<Vec<Row>, Fault> {
        let condition = format!(
            "EXISTS (SELECT 1 FROM json_each(document, '$.{}') WHERE value = ?1) ORDER BY number",
            self.list
        );
        store::all(desk.db, self.table, &condition, [&row.id])
    }

    fn shown(&self, desk: &Desk<'_>, rows: &[Row]) -> Result<Value, Fault> {
        let shown: Vec<_> =
            rows.iter().map(|row| desk.shown(self.table, row, &[])).collect::<Result<_, _>>()?;
        Ok(json!(shown))
    }

    /// Takes some in and lets others go, and says which.
    fn change(
        &self,
        desk: &Desk<'_>,
        call: &Call<'_>,
        mut row: Row,
        add: &Value,
        remove: &Value,
    ) -> Result<Payload, Fault> {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for (names, joins, changed) in [(remove, false, &mut removed), (add, true, &mut added)] {
            for id in names.as_array().into_iter().flatten().filter_map(Value::as_str) {
                let found = store::find(desk.db, self.table, id)?;
                let Some(mut member) = found else { continue };
                let own = member.document.entry(self.list.to_owned()).or_insert_with(|| json!([]));
                let Value::Array(own) = own else { continue };
                let is_in = own.iter().any(|one| *one == row.id);
                if is_in == joins {
                    continue;
                }
                if joins {
                    own.push(row.id.as_str().into());
                } else {
                    own.retain(|one| *one != row.id);
                }
                member.set("updated_at", desk.now.as_str());
                store::save(desk.db, self.table, &mut member)?;
                changed.push(member);
            }
        }
        if !added.is_empty() || !removed.is_empty() {
            store::save(desk.db, self.plain.table, &mut row)?;
        }
        let data = self.shown(desk, &self.all(desk, &row)?)?;
        let (added, removed) = (self.shown(desk, &added)?, self.shown(desk, &removed)?);
        let changed = json!({
            "of_id": row.id, "of_number": row.number,
            "data": data, "added": added, "removed": removed,
        });
        desk.answer(call, changed)
    }
}

/// All of them.
pub(super) fn list(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let members = Members::of(desk, call)?;
    let row = members.plain.named(desk, call)?;
    let data = members.shown(desk, &members.all(desk, &row)?)?;
    desk.answer(call, json!({"of_id": row.id, "of_number": row.number, "data": data}))
}

/// Exactly those that the body names.
pub(super) fn replace(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let members = Members::of(desk, call)?;
    let body = call.body()?;
    once(desk, call, || {
        let row = members.plain.named(desk, call)?;
        let name = format!("{}_ids", members.table.name());
        let wanted = body.get(&name).cloned().unwrap_or_else(|| json!([]));
        let wanted = ids(desk, members.table, &wanted, &format!("/{name}"))?;
        let stays = |row: &Row| wanted.as_array().is_some_and(|all| all.contains(&json!(row.id)));
        let now = members.all(desk, &row)?;
        let leave: Vec<&str> =
            now.iter().filter(|row| !stays(row)).map(|row| row.id.as_str()).collect();
        members.change(desk, call, row, &wanted, &json!(leave))
    })
}

/// Some more, some less.
pub(super) fn change(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let members = Members::of(desk, call)?;
    let body = call.body()?;
    once(desk, call, || {
        let row = members.plain.named(desk, call)?;
        let given = |name: &str| {
            let all = body.get(name).cloned().unwrap_or_else(|| json!([]));
            ids(desk, members.table, &all, &format!("/{name}"))
        };
        let (add, remove) = (given("add")?, given("remove")?);
        members.change(desk, call, row, &add, &remove)
    })
}
