//! Where accounts are kept: the first one in the sandbox's own file, with everything that belongs to
//! no account; each other one in a file beside it, which comes and goes with it.
//!
//! So nothing that works in an account has to say which one, and a deleted account leaves nothing.
//! A write that touches several files is committed in one after the other, the sandbox's own last:
//! where that is cut short, the same request again brings them together.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::canonical::{Problem, ProblemCode};
use crate::sandbox::fault::{Fault, not_found};
use crate::sandbox::files::Files;
use crate::sandbox::store::{self, Row, Table};

/// The number of the account in the sandbox's own file.
pub(super) const FIRST: i64 = 1;
/// Most accounts there may be.
const MOST: i64 = 1_000;
/// Most files that one thread keeps open beside the sandbox's own.
const OPEN: usize = 32;

/// The files of one thread.
pub(super) struct Databases {
    hub: Connection,
    others: RefCell<HashMap<i64, Rc<Connection>>>,
    files: Arc<Files>,
    behaviour: TransactionBehavior,
}

impl Databases {
    /// `hub` is the sandbox's own file; `behaviour` is how transactions of this thread begin.
    pub(super) fn new(hub: Connection, files: Arc<Files>, behaviour: TransactionBehavior) -> Self {
        Self { hub, others: RefCell::default(), files, behaviour }
    }

    /// The sandbox's own file.
    pub(super) fn hub(&self) -> &Connection {
        &self.hub
    }

    /// The file of another account than the first.
    pub(super) fn other(&self, account: i64) -> Result<Rc<Connection>, Fault> {
        if let Some(open) = self.others.borrow().get(&account) {
            return Ok(Rc::clone(open));
        }
        let opened = match self.behaviour {
            TransactionBehavior::Deferred => self.files.other_reader(account)?,
            _ => self.files.other_writer(account)?,
        };
        let opened = Rc::new(opened);
        let mut others = self.others.borrow_mut();
        if others.len() >= OPEN {
            others.clear();
        }
        others.insert(account, Rc::clone(&opened));
        Ok(opened)
    }

    /// A transaction of a file of this thread's.
    pub(super) fn begin<'c>(&self, db: &'c Connection) -> Result<Transaction<'c>, Fault> {
        Ok(Transaction::new_unchecked(db, self.behaviour)?)
    }

    /// Deletes the file of an account.
    pub(super) fn remove(&self, account: i64) {
        self.others.borrow_mut().remove(&account);
        self.files.remove_other(account);
    }
}

/// The table of accounts.
pub(super) fn table() -> Result<Table, Fault> {
    Ok(Table::of("account").ok_or(ProblemCode::Internal)?)
}

/// The account that a request names.
pub(super) fn named(hub: &Connection, reference: &str) -> Result<Row, Fault> {
    store::find(hub, table()?, reference)?.ok_or_else(|| not_found("account"))
}

/// Every account, the first one first.
pub(super) fn all(hub: &Connection) -> Result<Vec<Row>, Fault> {
    store::all(hub, table()?, "true ORDER BY number", [])
}

/// Refuses one account more than there may be.
pub(super) fn refuse_too_many(hub: &Connection) -> Result<(), Fault> {
    if store::count(hub, table()?, "true", [])? < MOST {
        return Ok(());
    }
    let detail = format!("The sandbox has {MOST} accounts at most");
    Err(Problem::new(ProblemCode::Forbidden).detail(detail).into())
}
