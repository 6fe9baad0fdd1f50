//! The sandbox's file: opening it, keeping others out, and knowing its version.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tempfile::TempDir;

use crate::canonical::Contract;
use crate::sandbox::OpenError;
use crate::sandbox::seed::{plant, plant_accounts};
use crate::sandbox::{query, store};

/// Marks the file as ours (`dskb`), so that nobody else's data is touched.
const APPLICATION: i32 = 0x6473_6b62;
/// The version of `schema.sql`.
const VERSION: i32 = 1;

/// The open file. Dropped last, it lets others in and removes a temporary file.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) path: PathBuf,
    /// How long to wait for a lock that another program holds.
    busy_timeout: Duration,
    /// The tables of the kinds that only the contract knows.
    plain: String,
    _lock: File,
    _temporary: Option<TempDir>,
}

impl Files {
    /// Makes the file ours; `None` makes a temporary one.
    pub(super) fn claim(
        path: Option<&Path>,
        busy_timeout: Duration,
        contract: &Contract,
    ) -> Result<Self, OpenError> {
        let (path, temporary) = match path {
            Some(path) => (path.to_owned(), None),
            None => {
                let folder = tempfile::Builder::new()
                    .prefix("deskbridge-sandbox-")
                    .tempdir()
                    .map_err(|source| OpenError::Io { path: std::env::temp_dir(), source })?;
                (folder.path().join("sandbox.db"), Some(folder))
            }
        };
        let mut lock_path = path.clone().into_os_string();
        lock_path.push(".lock");
        let lock_path = PathBuf::from(lock_path);
        let io = |source: io::Error| OpenError::Io { path: lock_path.clone(), source };
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).open(&lock_path).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {
                let plain = plain_tables(contract);
                Ok(Self { path, busy_timeout, plain, _lock: lock, _temporary: temporary })
            }
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path, lock: lock_path }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// The connection that writes. A new file gets its tables and data.
    pub(super) fn writer(&self, contract: &Contract) -> Result<Connection, OpenError> {
        self.open_writer(contract).map_err(|error| self.explain(error))
    }

    /// A connection that reads.
    pub(super) fn reader(&self) -> Result<Connection, OpenError> {
        self.read_only(&self.path).map_err(|error| self.explain(Opening::Database(error)))
    }

    /// The connection that writes in the file of an account other than the first. A new file gets its
    /// tables.
    pub(super) fn other_writer(&self, account: i64) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(self.other(account), flags)?;
        db.busy_timeout(self.busy_timeout)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.set_prepared_statement_cache_capacity(64);
        query::register(&db)?;
        let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            let new = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            new.execute_batch(include_str!("schema.sql"))?;
            new.execute_batch(&self.plain)?;
            store::belongs_to(&new, account)?;
            new.pragma_update(None, "application_id", APPLICATION)?;
            new.pragma_update(None, "user_version", VERSION)?;
            new.commit()?;
        }
        db.execute_batch(&self.plain)?;
        db.execute_batch(include_str!("indexes.sql"))?;
        Ok(db)
    }

    /// A connection that reads the file of an account other than the first.
    pub(super) fn other_reader(&self, account: i64) -> rusqlite::Result<Connection> {
        self.read_only(&self.other(account))
    }

    /// Deletes the file of an account. What another thread has open of it goes when it closes it.
    pub(super) fn remove_other(&self, account: i64) {
        let path = self.other(account).into_os_string();
        for ending in ["", "-wal", "-shm"] {
            let mut path = path.clone();
            path.push(ending);
            // One that is not there is deleted already.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Where an account other than the first is kept.
    fn other(&self, account: i64) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!("-account-{account}"));
        path.into()
    }

    fn read_only(&self, path: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(self.busy_timeout)?;
        db.set_prepared_statement_cache_capacity(64);
        query::register(&db)?;
        Ok(db)
    }

    fn open_writer(&self, contract: &Contract) -> Result<Connection, Opening> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(&self.path, flags)?;
        db.busy_timeout(self.busy_timeout)?;
        let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        // The first read of the file tells whether it is a database at all.
        let version = number("user_version")?;
        let application = number("application_id")?;
        let tables: i64 =
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if application != APPLICATION && (tables > 0 || version != 0) {
            return Err(Opening::Foreign);
        }
        if version > VERSION {
            return Err(Opening::Newer(version));
        }
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.set_prepared_statement_cache_capacity(64);
        query::register(&db)?;
        if version == 0 {
            let new = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            new.execute_batch(include_str!("schema.sql"))?;
            new.execute_batch(&self.plain)?;
            new.execute_batch(include_str!("indexes.sql"))?;
            plant(&new, contract)?;
            new.pragma_update(None, "application_id", APPLICATION)?;
            new.pragma_update(None, "user_version", VERSION)?;
            new.commit()?;
        }
        db.execute_batch(&self.plain)?;
        db.execute_batch(include_str!("indexes.sql"))?;
        // A file from before there were several accounts has one all the same.
        plant_accounts(&db)?;
        Ok(db)
    }

    fn explain(&self, error: Opening) -> OpenError {
        let path = self.path.clone();
        match error {
            Opening::Foreign => OpenError::Foreign { path },
            Opening::Newer(found) => OpenError::Newer { path, found, known: VERSION },
            Opening::Seed(error) => error,
            Opening::Database(error) => match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { path },
                _ => OpenError::Database { path, source: error },
            },
        }
    }
}

/// The tables of the kinds that only the contract knows; made where they are missing.
fn plain_tables(contract: &Contract) -> String {
    let kinds = contract.stored().iter();
    let tables = kinds.map(|stored| {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (
                id       TEXT PRIMARY KEY,
                number   INTEGER NOT NULL UNIQUE,
                revision INTEGER NOT NULL,
                document TEXT NOT NULL CHECK (json_type(document) = 'object')
            ) STRICT;\n",
            stored.kind
        )
    });
    tables.collect()
}

/// Why opening stopped.
enum Opening {
    Foreign,
    Newer(i32),
    Seed(OpenError),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Opening {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl From<OpenError> for Opening {
    fn from(error: OpenError) -> Self {
        Self::Seed(error)
    }
}
