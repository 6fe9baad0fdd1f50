//! Finding inboxes, identities and files by the names that others know them by.

use rusqlite::{OptionalExtension as _, ToSql, params_from_iter};
use serde_json::json;

use crate::canonical::Payload;
use crate::sandbox::call::{ACCOUNT, Call};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::{Fault, bad_parameter, not_found};
use crate::sandbox::ids::IdRef;
use crate::sandbox::store::{self, Table};

/// Which account and inbox a public identifier stands for.
pub(super) fn resolve_inbox(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let identifier = call.text("identifier").unwrap_or_default();
    let inbox = store::one(desk.db, Table::Inbox, "identifier = ?1", [identifier])?
        .ok_or_else(|| not_found("inbox"))?;
    desk.answer(
        call,
        json!({
            "account_id": ACCOUNT,
            "account_number": 1,
            "id": inbox.id,
            "number": inbox.number,
        }),
    )
}

/// Identities over all contacts, by inbox, source id and channel.
pub(super) fn find(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let limit = call.number("limit", 1..=1_000)?.unwrap_or(50);
    let mut conditions = vec!["number > ?".to_owned()];
    let after = match call.text("cursor") {
        None => 0,
        Some(cursor) => match IdRef::parse(cursor) {
            Some(IdRef::Number(number)) => number,
            _ => return Err(bad_parameter("cursor", "not a cursor of this list")),
        },
    };
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(after)];
    if let Some(reference) = call.text("inbox_id") {
        // An inbox that is not there has no identities.
        let inbox = store::find(desk.db, Table::Inbox, reference)?;
        conditions.push("inbox_id = ?".to_owned());
        values.push(Box::new(inbox.map_or_else(String::new, |inbox| inbox.id)));
    }
    for name in ["source_id", "channel_type"] {
        if let Some(text) = call.text(name) {
            conditions.push(format!("{name} = ?"));
            values.push(Box::new(text.to_owned()));
        }
    }
    let condition = conditions.join(" AND ");
    let sql = format!("{condition} ORDER BY number LIMIT {}", limit + 1);
    let mut found = store::all(desk.db, Table::Identity, &sql, params_from_iter(&values))?;
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|last| format!("n:{}", last.number));
    let with_contact = call.all("include").contains(&"contact");
    let mut data = Vec::new();
    for row in &found {
        data.push(desk.identity(row, with_contact)?);
    }
    let page = json!({"next": next, "prev": null, "limit": limit});
    desk.answer(call, json!({"data": data, "page": page}))
}

/// The bytes of a file. Its id is all that is asked for: who has the link may read it.
pub(super) fn attachment(desk: &Desk<'_>, call: &Call<'_>) -> Result<Payload, Fault> {
    let reference = call.text("attachment_id").unwrap_or_default();
    // An alias could be counted up; only the id itself is hard to guess.
    let Some(IdRef::Id(id)) = IdRef::parse(reference) else { return Err(not_found("attachment")) };
    let found: Option<(Vec<u8>, String)> = desk
        .db
        .prepare_cached("SELECT content, media FROM attachment WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (content, media) = found.ok_or_else(|| not_found("attachment"))?;
    Ok(Payload::binary(call.operation.status, content.into(), media.into()))
}
