//! One way to read and write every kind of resource: a row is an id, a number, a revision and the
//! canonical object.

use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, named_params, params};
use serde_json::{Map, Value};

use crate::sandbox::fault::Fault;
use crate::sandbox::ids::{IdRef, word};

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Inbox,
    Agent,
    Bot,
    Team,
    Company,
    Label,
    Contact,
    Identity,
    Conversation,
    Message,
    Attachment,
    Csat,
    ReportingEvent,
    /// One that only the contract knows.
    Plain(Kind),
}

/// The name of a kind of resource that the contract alone knows, at most 24 small letters and `_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    letters: [u8; 24],
    length: usize,
}

impl Kind {
    fn new(name: &str) -> Option<Self> {
        let mut letters = [0; 24];
        letters.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { letters, length: name.len() })
    }

    fn name(&self) -> &str {
        self.letters.get(..self.length).and_then(|n| str::from_utf8(n).ok()).unwrap_or_default()
    }
}

/// Those that programs here know by themselves.
const KNOWN: [Table; 13] = [
    Table::Inbox,
    Table::Agent,
    Table::Bot,
    Table::Team,
    Table::Company,
    Table::Label,
    Table::Contact,
    Table::Identity,
    Table::Conversation,
    Table::Message,
    Table::Attachment,
    Table::Csat,
    Table::ReportingEvent,
];

impl Table {
    /// The table of a kind of resource.
    pub(super) fn of(kind: &str) -> Option<Self> {
        let known = KNOWN.into_iter().find(|table| table.name() == kind);
        known.or_else(|| Kind::new(kind).map(Self::Plain))
    }

    /// Its table.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Inbox => "inbox",
            Self::Agent => "agent",
            Self::Bot => "bot",
            Self::Team => "team",
            Self::Company => "company",
            Self::Label => "label",
            Self::Contact => "contact",
            Self::Identity => "identity",
            Self::Conversation => "conversation",
            Self::Message => "message",
            Self::Attachment => "attachment",
            Self::Csat => "csat",
            Self::ReportingEvent => "reporting_event",
            Self::Plain(kind) => kind.name(),
        }
    }

    fn prefix(&self) -> &str {
        match self {
            Self::Inbox => "inb",
            Self::Agent => "agt",
            Self::Bot => "bot",
            Self::Team => "tem",
            Self::Company => "cmp",
            Self::Label => "lbl",
            Self::Contact => "cnt",
            Self::Identity => "idn",
            Self::Conversation => "cnv",
            Self::Message => "msg",
            Self::Attachment => "att",
            Self::Csat => "csa",
            Self::ReportingEvent => "rev",
            Self::Plain(kind) => kind.name(),
        }
    }

    /// The id of the resource with a number.
    pub(super) fn id(self, number: i64) -> String {
        match &self {
            // Its clients write it in paths.
            Self::Plain(kind) if kind.name() == "account" => number.to_string(),
            // In the accounts that they work in, users are agents of the same id.
            Self::Plain(kind) if kind.name() == "user" => Self::Agent.id(number),
            _ => word(self.prefix(), number),
        }
    }

    /// Whose numbers it takes.
    fn sequence(&self) -> &str {
        match self {
            Self::Plain(kind) if kind.name() == "user" => "agent",
            _ => self.name(),
        }
    }
}

/// A stored resource.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) number: i64,
    pub(super) revision: i64,
    /// The canonical object without its id, number and revision.
    pub(super) document: Map<String, Value>,
}

impl Row {
    /// A text member; nothing where it is null.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.document.get(name)?.as_str()
    }

    /// A member that is true or false; what is not there is false.
    pub(super) fn is(&self, name: &str) -> bool {
        self.document.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Sets a member.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.document.insert(name.to_owned(), value.into());
    }

    /// The revision as clients see it.
    pub(super) fn revision(&self) -> String {
        format!("r{}", self.revision)
    }
}

/// The resource that an id or alias names.
pub(super) fn find(db: &Connection, table: Table, reference: &str) -> Result<Option<Row>, Fault> {
    match IdRef::parse(reference) {
        Some(IdRef::Id(id)) => one(db, table, "id = ?1", params![id]),
        Some(IdRef::Number(number)) => one(db, table, "number = ?1", params![number]),
        Some(IdRef::Uuid(uuid)) if table == Table::Conversation => {
            one(db, table, "uuid = ?1", params![uuid.to_ascii_lowercase()])
        }
        Some(IdRef::External(system, id)) => one(
            db,
            table,
            "EXISTS (SELECT 1 FROM json_each(document, '$.external_ids')
                     WHERE value ->> 'system' = ?1 AND value ->> 'id' = ?2)",
            params![system, id],
        ),
        Some(IdRef::Uuid(_)) | None => Ok(None),
    }
}

/// The first resource that a condition holds for.
pub(super) fn one(
    db: &Connection,
    table: Table,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Option<Row>, Fault> {
    let sql = format!(
        "SELECT id, number, revision, document FROM {} WHERE {condition} LIMIT 1",
        table.name()
    );
    let found = db.prepare_cached(&sql)?.query_row(values, raw).optional()?;
    found.map(parsed).transpose()
}

/// Every resource that a condition (with its `ORDER BY` and `LIMIT`) holds for.
pub(super) fn all(
    db: &Connection,
    table: Table,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Row>, Fault> {
    let sql =
        format!("SELECT id, number, revision, document FROM {} WHERE {condition}", table.name());
    let mut statement = db.prepare_cached(&sql)?;
    let found = statement.query_map(values, raw)?;
    found.map(|row| parsed(row?)).collect()
}

/// How many resources a condition holds for.
pub(super) fn count(
    db: &Connection,
    table: Table,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<i64, Fault> {
    let sql = format!("SELECT count(*) FROM {} WHERE {condition}", table.name());
    Ok(db.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?)
}

/// The number of the newest resource there ever was of a kind.
pub(super) fn last(db: &Connection, table: Table) -> Result<i64, Fault> {
    let sql = "SELECT coalesce(max(last), 0) FROM numbers WHERE kind = ?1";
    Ok(db.prepare_cached(sql)?.query_row([table.sequence()], |row| row.get(0))?)
}

/// The kind under which a file says whose it is.
const ACCOUNT_OF_THE_FILE: &str = "@account";

/// Notes whose file it is.
pub(super) fn belongs_to(db: &Connection, account: i64) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO numbers (kind, last) VALUES (?1, ?2)";
    db.execute(sql, params![ACCOUNT_OF_THE_FILE, account]).map(|_| ())
}

/// A number that no other account has, from one that is unique in the account of the file.
pub(super) fn everywhere(db: &Connection, number: i64) -> Result<i64, Fault> {
    let sql = "SELECT coalesce(max(last), 1) FROM numbers WHERE kind = ?1";
    let account: i64 =
        db.prepare_cached(sql)?.query_row([ACCOUNT_OF_THE_FILE], |row| row.get(0))?;
    Ok(number | ((account - 1) << 40))
}

/// The next number of a kind.
pub(super) fn next(db: &Connection, table: Table) -> Result<i64, Fault> {
    let sql = "INSERT INTO numbers (kind, last) VALUES (?1, 1)
               ON CONFLICT (kind) DO UPDATE SET last = last + 1 RETURNING last";
    Ok(db.prepare_cached(sql)?.query_row([table.sequence()], |row| row.get(0))?)
}

/// Stores a new resource under the next number of its kind.
pub(super) fn insert(
    db: &Connection,
    table: Table,
    document: Map<String, Value>,
) -> Result<Row, Fault> {
    insert_as(db, table, None, document)
}

/// Stores a new resource under the next number of its kind, and an id that does not follow from it.
pub(super) fn insert_as(
    db: &Connection,
    table: Table,
    id: Option<String>,
    document: Map<String, Value>,
) -> Result<Row, Fault> {
    let number = next(db, table)?;
    let id = id.map_or_else(|| id_of(db, table, number), Ok)?;
    put(db, table, Row { id, number, revision: 1, document })
}

/// Stores a new resource under a number that no other of its kind has.
pub(super) fn insert_numbered(
    db: &Connection,
    table: Table,
    number: i64,
    document: Map<String, Value>,
) -> Result<Row, Fault> {
    let id = id_of(db, table, number)?;
    put(db, table, Row { id, number, revision: 1, document })
}

/// The id of the resource with a number in the account of the file.
fn id_of(db: &Connection, table: Table, number: i64) -> Result<String, Fault> {
    Ok(match table {
        // The same in every account.
        Table::Agent => table.id(number),
        _ => table.id(everywhere(db, number)?),
    })
}

fn put(db: &Connection, table: Table, row: Row) -> Result<Row, Fault> {
    let sql = format!(
        "INSERT INTO {} (id, number, revision, document) VALUES (?1, ?2, 1, ?3)",
        table.name()
    );
    let text = serde_json::to_string(&row.document)?;
    db.prepare_cached(&sql)?.execute(params![row.id, row.number, text])?;
    Ok(row)
}

/// Stores a changed resource under its next revision.
pub(super) fn save(db: &Connection, table: Table, row: &mut Row) -> Result<(), Fault> {
    row.revision += 1;
    let sql = format!(
        "UPDATE {} SET revision = :revision, document = :document WHERE id = :id",
        table.name()
    );
    let text = serde_json::to_string(&row.document)?;
    db.prepare_cached(&sql)?
        .execute(named_params! { ":revision": row.revision, ":document": text, ":id": row.id })?;
    Ok(())
}

type Raw = (String, i64, i64, String);

fn raw(row: &SqlRow<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn parsed((id, number, revision, document): Raw) -> Result<Row, Fault> {
    Ok(Row { id, number, revision, document: serde_json::from_str(&document)? })
}
