//! Text without regard to case, the same in SQL and here.
//!
//! SQLite's own `lower` and `LIKE` know ASCII only.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value as Bound, ValueRef};

/// The text that stands for all of its spellings in small and capital letters.
pub(in crate::sandbox) fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Makes `fold` a function of a connection. What is no text stays what it is.
pub(in crate::sandbox) fn register(db: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("fold", 1, flags, |context| {
        Ok(match context.get_raw(0) {
            ValueRef::Text(text) => Bound::Text(fold(&String::from_utf8_lossy(text))),
            other => Bound::try_from(other)?,
        })
    })
}
