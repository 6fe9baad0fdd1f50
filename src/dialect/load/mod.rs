//! From mapping files to a [`Catalog`]: every file of every dialect that is asked for, checked
//! against the contract, with all problems at once.

mod alike;
mod calls;
mod credentials;
pub(super) mod documented;
mod errors;
mod extends;
mod files;
mod folder;
mod forms;
mod head;
mod identity;
mod line;
mod pages;
mod paging;
mod piece;
mod publication;
mod replies;
mod route;
mod routes;
mod sight;
#[cfg(test)]
mod tests;
mod unused;
mod widen;
mod yaml;

pub use extends::{expanded, published};
pub(crate) use forms::guide;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::canonical::{Contract, OperationId, Tenant};
use crate::mapping::{Library, Settings, reused};
use crate::syntax::yaml::CONTRACT_NODES;
use crate::syntax::{Code, Diagnostic, Diagnostics, SourceId, Sources, Span, closest};

use super::Dialect;
use super::catalog::{Catalog, Mount, MountSpec};
use super::documented::Documented;
use super::embedded::{CANONICAL, CONTRACT, Files};
use super::page::Page;
use super::recognise::Router;
use super::route::Origin;

/// A dialect and what it asks of the whole catalog.
struct Loaded {
    dialect: Dialect,
    /// What its calls ask to be included, by operation.
    includes: Vec<(OperationId, Vec<Box<str>>)>,
}

/// The pages of a dialect, by name.
type Pages = BTreeMap<Box<str>, (SourceId, Arc<Page>)>;

/// What is kept of what was read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// What requests need.
    Serving,
    /// What proofs and lists need besides.
    Everything,
}

/// What every part of a dialect is compiled with.
struct Context<'a> {
    contract: &'a Contract,
    library: &'a Library,
    paginations: &'a [paging::Pagination<'a>],
    documented: Option<&'a Documented>,
    pages: &'a Pages,
    diagnostics: &'a mut Diagnostics,
}

impl Context<'_> {
    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(code, span, message));
    }
}

impl Catalog {
    /// Loads the contract and every dialect that is mounted, and keeps of them what serves: neither
    /// records by themselves nor what is promised of them. Gives no catalog where anything is wrong
    /// that is more than a warning.
    pub fn load(
        files: &Files,
        mounts: &[MountSpec],
        number: u64,
        sources: &mut Sources,
    ) -> (Option<Self>, Diagnostics) {
        unless_wrong(|d| {
            let made = || load(files, mounts, number, Keep::Serving, sources, d);
            piece::kept(made, piece::catalog)
        })
    }

    /// Loads every dialect there is, each at a host of its own name, to check and to prove them.
    pub fn load_all(files: &Files, sources: &mut Sources) -> (Option<Self>, Diagnostics) {
        let mount = |name: &str| MountSpec {
            dialect: name.to_owned(),
            tenant: Tenant(name.into()),
            host: name.to_owned(),
            prefix: Some(String::new()),
        };
        let mounts: Vec<MountSpec> = files.dialects().into_iter().map(mount).collect();
        unless_wrong(|d| load(files, &mounts, 0, Keep::Everything, sources, d))
    }
}

fn unless_wrong(
    load: impl FnOnce(&mut Diagnostics) -> Option<Catalog>,
) -> (Option<Catalog>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let catalog = load(&mut diagnostics);
    (catalog.filter(|_| !diagnostics.has_errors()), diagnostics)
}

fn load(
    files: &Files,
    specs: &[MountSpec],
    number: u64,
    keep: Keep,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Catalog> {
    let contract = match keep {
        Keep::Serving => piece::kept(|| contract(files, sources, diagnostics), piece::contract),
        Keep::Everything => contract(files, sources, diagnostics),
    };
    let known = files.dialects();
    let mut shelf = extends::Shelf::new(files);
    let mut upper: Vec<(extends::Whole, Diagnostics)> = Vec::new();
    let mut loaded: Vec<Loaded> = Vec::new();
    let mut tried: Vec<&str> = Vec::new();
    let mut mounts = Vec::new();
    let mut spans = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let prefix = spec.prefix.as_deref().unwrap_or_default();
        let shown = format!("{} at {}{prefix}", spec.dialect, spec.host);
        let source = sources.add("mounts", shown);
        let length = u32::try_from(spec.dialect.len()).unwrap_or(u32::MAX);
        let span = Span { source, start: 0, end: length };
        let Some(name) = known.iter().find(|n| **n == spec.dialect).copied() else {
            diagnostics.push(
                Diagnostic::error(
                    Code::UnknownDialect,
                    span,
                    format!("there is no dialect `{}`", spec.dialect),
                )
                .suggest(closest(&spec.dialect, known.iter().copied())),
            );
            continue;
        };
        // Without a contract nothing can be checked; its own problems are told.
        let Some(contract) = &contract else { continue };
        if !tried.contains(&name) {
            tried.push(name);
            let whole = shelf.whole(name, sources, diagnostics);
            let mut found = whole.merging.clone();
            loaded.extend(dialect(&whole, name, contract, keep, &mut found));
            if whole.extends.is_some() {
                upper.push((whole, found));
            } else {
                diagnostics.extend(found);
            }
        }
        let Some(dialect) = loaded.iter().position(|l| &*l.dialect.name == name) else { continue };
        let own = loaded.get(dialect).map_or("", |l| &*l.dialect.prefix);
        mounts.push(mount(spec, mounts.len(), dialect, own));
        spans.push((index, span));
    }
    for (whole, found) in upper {
        whole.tell(found, diagnostics);
    }
    let widened = widen::widened(contract.as_deref()?, &loaded);
    let mut dialects: Vec<Dialect> = loaded.into_iter().map(|l| l.dialect).collect();
    let mut numbers = Vec::new();
    for (index, dialect) in dialects.iter_mut().enumerate() {
        for (within, route) in dialect.routes.iter_mut().enumerate() {
            route.number = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            numbers.push((index, within));
        }
    }
    let dialects: Vec<Arc<Dialect>> = dialects.into_iter().map(Arc::new).collect();
    let (router, twice) = Router::build(&mounts, &dialects);
    for (first, second) in twice {
        let (Some((_, first)), Some((_, second))) = (spans.get(first), spans.get(second)) else {
            continue;
        };
        diagnostics.push(
            Diagnostic::error(Code::RouteCollision, *second, "two mounts claim the same addresses")
                .related(*first, "claimed here first")
                .help("give one of them another `host` or `prefix`"),
        );
    }
    Some(Catalog { number, contract: contract?, dialects, mounts, widened, router, numbers })
}

fn mount(spec: &MountSpec, index: usize, dialect: usize, own: &str) -> Mount {
    let prefix = spec.prefix.as_deref().unwrap_or(own).trim_end_matches('/');
    let slash = if prefix.is_empty() || prefix.starts_with('/') { "" } else { "/" };
    Mount {
        index,
        dialect,
        tenant: spec.tenant.clone(),
        host: spec.host.to_ascii_lowercase().into(),
        prefix: format!("{slash}{prefix}").into(),
    }
}

/// Loads the contract alone.
pub fn contract(
    files: &Files,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Contract>> {
    let document = folder::parse(files, CONTRACT, CONTRACT_NODES, sources, diagnostics)?;
    Contract::load(sources, &document, diagnostics).map(Arc::new)
}

fn dialect(
    whole: &extends::Whole,
    name: &str,
    contract: &Arc<Contract>,
    keep: Keep,
    diagnostics: &mut Diagnostics,
) -> Option<Loaded> {
    let folder = &whole.folder;
    let mut found = Diagnostics::default();
    let mut loaded = compile(folder, name, contract, keep, &mut found);
    if folder.torn {
        found = found.without(&[
            Code::UnknownRecord,
            Code::UnknownEnum,
            Code::UnknownConditions,
            Code::MissingFile,
            Code::Unused,
        ]);
    }
    diagnostics.extend(found);
    for route in loaded.iter_mut().flat_map(|l| &mut l.dialect.routes) {
        let written = folder.routes.iter().filter_map(|f| f.get("routes")?.get(&route.name));
        let inherited = written.clone().count() > 0 && !written.into_iter().any(|r| whole.wrote(r));
        if inherited {
            route.origin = Origin::Inherited;
        }
    }
    loaded
}

fn compile(
    folder: &folder::Folder,
    name: &str,
    contract: &Arc<Contract>,
    keep: Keep,
    diagnostics: &mut Diagnostics,
) -> Option<Loaded> {
    let top = folder.dialect.as_ref()?;
    let head = head::Head::read(name, top, diagnostics)?;
    let settings = Settings {
        system: head.system.to_owned(),
        numbers_as_text: head.quirks.numbers_as_text,
        public: head.public,
    };
    let records: Vec<_> = folder.records.iter().collect();
    let enums: Vec<_> = folder.enums.iter().collect();
    let mut library = Library::read(contract.clone(), settings, &records, &enums, diagnostics);
    library.read_conditions(&folder.conditions.iter().collect::<Vec<_>>(), diagnostics);
    library.check(diagnostics);
    let paginations = paging::read(head.pagination, diagnostics);
    let documented = documented::read(folder.documented.as_ref(), &folder.records, diagnostics);
    let mut cx = Context {
        contract,
        library: &library,
        paginations: &paginations,
        documented: documented.as_ref(),
        pages: &folder.pages,
        diagnostics,
    };
    let credentials = credentials::read(head.credentials, &mut cx);
    let envelopes = errors::read(head.errors, head.span, name == CANONICAL, &mut cx);
    let (routes, includes) = if name == CANONICAL {
        for node in &folder.routes {
            cx.error(
                Code::UnknownKey,
                node.span,
                "the routes of this dialect are the contract's own",
            );
        }
        // What /v1 asks for is for its clients to say: it adds nothing to the widened view.
        (identity::routes(contract, &library, &head, &credentials, cx.diagnostics), Vec::new())
    } else {
        routes::read(&folder.routes, &head, &credentials, &mut cx)
    };
    // What a faulty line uses may be what seems to be left over.
    if !diagnostics.has_errors() {
        library.report_unused(diagnostics);
        paging::report_unused(&paginations, diagnostics);
        let whole = reused(&records, &mut Diagnostics::default());
        unused::roots(&whole, diagnostics);
        pages::report_unused(&folder.pages, &routes, diagnostics);
        if name != CANONICAL {
            let names: Vec<_> =
                credentials.iter().map(|c| c.credential.name.as_ref().into()).collect();
            unused::credentials(head.credentials, &names, &routes, diagnostics);
        }
    }
    let published = documented.as_ref().map(Documented::published).unwrap_or_default();
    let everything = keep == Keep::Everything;
    let records = folder
        .names("records")
        .filter(|_| everything)
        .map(|n| (n.into(), library.program(n, false), library.program(n, true)))
        .collect();
    let credentials: Vec<_> = credentials.into_iter().map(|c| c.credential).collect();
    let bases = head.bases.of(&routes, &credentials);
    let mut routes = routes;
    routes.shrink_to_fit();
    Some(Loaded {
        dialect: Dialect {
            name: name.into(),
            system: head.system.into(),
            prefix: head.prefix.into(),
            bases,
            routes,
            credentials,
            envelopes,
            quirks: head.quirks,
            published,
            records,
            documented: documented.filter(|_| everything),
            library: Some(library).filter(|_| everything),
        },
        includes,
    })
}
