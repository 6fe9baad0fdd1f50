//! A vendor's API as data: routes, plans and habits. Knowledge only: no layer, no tower, no HTTP
//! types.

pub mod catalog;
pub mod documented;
pub mod embedded;
pub mod envelope;
pub mod form;
pub mod load;
pub mod page;
pub mod recognise;
pub mod route;
pub mod scheme;
mod shipped;

use std::sync::Arc;

use crate::mapping::Library;
use crate::mapping::law::Promises;
use crate::mapping::plan::Program;
use documented::{Documented, Published};
use envelope::Envelopes;
use route::Route;
use scheme::Credential;

/// One dialect, compiled.
#[derive(Debug)]
pub struct Dialect {
    /// Its name: the folder's.
    pub name: Arc<str>,
    /// The vendor's system: the name in `*_raw.system` and `extensions.<system>`.
    pub system: Box<str>,
    /// Where it stands if the configuration says nothing: before its roots, empty for none.
    pub prefix: Box<str>,
    /// The roots of its addresses; the first is meant where none is named.
    pub bases: Vec<Base>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Its credentials.
    pub credentials: Vec<Credential>,
    /// How it writes problems.
    pub envelopes: Envelopes,
    /// Its habits.
    pub quirks: Quirks,
    /// Name, title and evidence of each documented operation, in the order of the document.
    pub published: Box<[Published]>,
    /// Programs of its records for offline translation, by name: (encode, decode). `None` where a
    /// direction does not exist. None at all in what serves.
    pub records: Vec<(Box<str>, Option<Program>, Option<Program>)>,
    /// What the vendor's documents promise, where they are written down; nothing in what serves.
    pub documented: Option<Documented>,
    /// The rules its programs were compiled from, for proving; nothing in what serves.
    pub library: Option<Library>,
}

/// A root of a dialect's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// What request lines call it (`@platform/accounts`); empty for the one that needs no name.
    pub name: Box<str>,
    /// Its path without a trailing slash: `/public/api/v1`.
    pub address: Box<str>,
    /// What most of its routes ask for in a header: an address below it that is no route asks for
    /// that, too, so that routes cannot be told from other addresses.
    pub credential: Option<usize>,
}

impl Base {
    /// Whether a path, without the prefix of a mount, stands under this root.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        path.strip_prefix(&*self.address)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Dialect {
    /// The root that a path stands under, without the prefix of a mount: the longest.
    #[must_use]
    pub fn base(&self, path: &str) -> Option<&Base> {
        self.bases.iter().filter(|b| b.holds(path)).max_by_key(|b| b.address.len())
    }

    /// The address that a request line of this dialect means: `/labels` below the first root,
    /// `@platform/users` below the one of that name. `None` where there is no such root.
    #[must_use]
    pub fn address(&self, line: &str) -> Option<String> {
        let (base, path) = match line.strip_prefix('@') {
            None => (self.bases.first()?, line),
            Some(rest) => {
                let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (self.bases.iter().find(|b| *b.name == *name)?, path)
            }
        };
        Some(format!("{}{path}", base.address))
    }

    /// What its documents promise of its records.
    #[must_use]
    pub fn promises(&self) -> Option<&dyn Promises> {
        self.documented.as_ref().map(|documented| documented as &dyn Promises)
    }
}

/// Habits of a dialect that are not in its bodies. A closed list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// `/a/b/` is `/a/b`.
    pub trailing_slash: bool,
    /// `/a/b.json` is `/a/b`.
    pub json_suffix: bool,
    /// PUT is taken where PATCH is routed.
    pub put_is_patch: bool,
    /// Members that no rule reads are a problem (else they are ignored).
    pub reject_unknown_members: bool,
    /// `"31"` is read where an integer is due, `"true"` where a boolean is.
    pub numbers_as_text: bool,
    /// A path value of the wrong form is 400 (else 404).
    pub bad_path_is_bad_request: bool,
    /// A body that is one member of such a name, an object, is that object.
    pub nested_under: Vec<Box<str>>,
    /// An empty body is `{}`.
    pub empty_body_as_object: bool,
    /// Cross-origin requests.
    pub cors: Option<Cors>,
}

/// Which cross-origin requests browsers may make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Origins, or `*`.
    pub origins: Vec<Box<str>>,
    /// Seconds that a preflight's answer holds.
    pub max_age: u32,
    /// Names of further roots that it holds below; without any, the first root alone.
    pub roots: Vec<Box<str>>,
    /// Headers of an answer that a script may read beside the usual ones, as one value.
    pub expose: Box<str>,
}
