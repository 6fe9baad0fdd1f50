//! All mounted dialects, compiled; immutable; replaced whole on reload.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::canonical::{Contract, OperationId, Params, Tenant};

use super::Dialect;
use super::documented::Evidence;
use super::recognise::{Recognition, Router};
use super::route::Route;

/// Positions of the documents that programs read. Every program of a route lists all of the route's
/// documents; one that a program does not read may be left out by whoever runs it.
pub mod documents {
    /// The bound inputs: path, query, header, principal and configuration.
    pub const INPUTS: usize = 0;
    /// The client's body as it was sent.
    pub const REQUEST: usize = 1;
    /// The decoded canonical body.
    pub const BODY: usize = 2;
    /// The answer of the first call; the others follow in order.
    pub const CALLS: usize = 3;
    /// In the programs of a credential: what the first look-up found; the others follow in order.
    /// `take` reads the look-ups above its own, and last its own answer, whole.
    pub const LOOK_UPS: usize = 1;
}

/// Every mounted dialect and the contract they translate to.
#[derive(Debug)]
pub struct Catalog {
    /// Number of this catalog; a reload takes the next.
    pub number: u64,
    /// The contract.
    pub contract: Arc<Contract>,
    /// The dialects.
    pub dialects: Vec<Arc<Dialect>>,
    /// Where they are mounted.
    pub mounts: Vec<Mount>,
    /// For operations read in one widened view: the parameters that replace a route's own
    /// `include`, `messages_limit` and `messages_visibility`. (operation, parameters)
    pub widened: Vec<(OperationId, Params)>,
    /// Which request lines are whose.
    pub(super) router: Router,
    /// Route numbers → (dialect, index in it).
    pub(super) numbers: Vec<(usize, usize)>,
}

/// A dialect at an address, for a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its own index in [`Catalog::mounts`].
    pub index: usize,
    /// Index into [`Catalog::dialects`].
    pub dialect: usize,
    /// Whose backend.
    pub tenant: Tenant,
    /// `Host` it answers to, lower-case, without port; `*` is any.
    pub host: Box<str>,
    /// Prefix before the dialect's own paths, without a trailing slash.
    pub prefix: Box<str>,
}

/// Where a dialect is asked to be mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountSpec {
    /// Name of the dialect.
    pub dialect: String,
    /// Whose backend.
    pub tenant: Tenant,
    /// `Host` it answers to, without port; `*` is any.
    pub host: String,
    /// Prefix before the dialect's own paths, empty for none; `None` is the one that the dialect
    /// asks for.
    pub prefix: Option<String>,
}

/// A route as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<'c> {
    /// Name of the dialect.
    pub dialect: &'c str,
    /// `GET`, …
    pub method: &'static str,
    /// The address, with the prefix that the dialect asks for.
    pub template: Cow<'c, str>,
    /// Name of the route.
    pub name: &'c str,
    /// The canonical operations it asks for, in order, each once.
    pub operations: Vec<&'c str>,
    /// The documented operation that it is: id and title of its page.
    pub documented: Option<(&'c str, &'c str)>,
    /// How the operation is known that it is, where the documents say so.
    pub evidence: Option<Evidence>,
}

impl Catalog {
    /// What a request line stands for. `target` is path and query of the address as they were sent;
    /// `host` may carry a port.
    #[must_use]
    pub fn recognise(&self, host: &str, method: &str, target: &str) -> Recognition<'_> {
        self.router.recognise(self, host, method, target)
    }

    /// The dialect of a mount.
    #[must_use]
    pub fn dialect(&self, mount: &Mount) -> Option<&Arc<Dialect>> {
        self.dialects.get(mount.dialect)
    }

    /// The dialect with a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<Dialect>> {
        self.dialects.iter().find(|d| &*d.name == name)
    }

    /// The route with a number.
    #[must_use]
    pub fn route(&self, number: u32) -> Option<&Route> {
        let (dialect, route) = self.numbers.get(usize::try_from(number).ok()?)?;
        self.dialects.get(*dialect)?.routes.get(*route)
    }

    /// The widened parameters of an operation, where it is read in one widened view.
    #[must_use]
    pub fn widened(&self, operation: OperationId) -> Option<&Params> {
        self.widened.iter().find(|(o, _)| *o == operation).map(|(_, params)| params)
    }

    /// Where each tenant's files are: what comes before the contract's paths at the first of its
    /// mounts where whoever has the address of one gets it.
    #[must_use]
    pub fn files(&self) -> HashMap<Tenant, String> {
        let own: Vec<Option<&str>> = self.dialects.iter().map(|d| self.files_of(d)).collect();
        let mut files = HashMap::new();
        for mount in &self.mounts {
            if let Some(base) = own.get(mount.dialect).copied().flatten() {
                let first = || format!("{}{base}", mount.prefix);
                files.entry(mount.tenant.clone()).or_insert_with(first);
            }
        }
        files
    }

    /// What comes before the contract's paths where a dialect gives files to whoever has an address.
    fn files_of<'d>(&self, dialect: &'d Dialect) -> Option<&'d str> {
        dialect.routes.iter().find_map(|route| {
            let [call] = &*route.calls else { return None };
            let operation = self.contract.get(call.operation);
            let open = operation.binary && operation.public && route.credential.is_none();
            route.template.text.strip_suffix(&*operation.path).filter(|_| open)
        })
    }

    /// Every route, in the order of the dialects and their files.
    pub fn routes(&self) -> impl Iterator<Item = Listed<'_>> {
        self.dialects.iter().flat_map(move |dialect| {
            dialect.routes.iter().map(move |route| {
                let mut operations: Vec<&str> = Vec::new();
                for call in &route.calls {
                    let name = &*self.contract.get(call.operation).name;
                    if !operations.contains(&name) {
                        operations.push(name);
                    }
                }
                let published = route.documents.and_then(|at| dialect.published.get(at));
                Listed {
                    dialect: &dialect.name,
                    method: route.method,
                    template: match &*dialect.prefix {
                        "" => Cow::Borrowed(&*route.template.text),
                        prefix => Cow::Owned(format!("{prefix}{}", route.template.text)),
                    },
                    name: &route.name,
                    operations,
                    documented: published.map(|p| (&*p.name, &*p.title)),
                    evidence: published.and_then(|p| p.evidence),
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::embedded::Files;
    use crate::syntax::Sources;

    #[test]
    fn what_serves_tells_of_documents_and_keeps_none() {
        let mount = MountSpec {
            dialect: "third-party".to_owned(),
            tenant: Tenant("t".into()),
            host: "*".to_owned(),
            prefix: None,
        };
        let (catalog, _) = Catalog::load(&Files::embedded(), &[mount], 1, &mut Sources::default());
        let catalog = catalog.unwrap();
        let [dialect] = &*catalog.dialects else { panic!("one was mounted") };
        assert!(dialect.library.is_none() && dialect.records.is_empty());
        assert!(dialect.documented.is_none() && dialect.promises().is_none());
        let told: Vec<_> = catalog.routes().filter_map(|route| route.documented).collect();
        assert!(told.iter().any(|(id, title)| !id.is_empty() && !title.is_empty()), "{told:?}");
    }
}
