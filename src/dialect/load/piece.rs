//! What serves, in one piece of memory.
//!
//! Reading mappings makes much that is thrown away again: trees of files, tables, messages. What stays
//! would lie scattered among the holes, and the allocator gives back no page in which anything stays:
//! a process would keep for life what it needed for a tenth of a second. So it is made on a thread of
//! its own, copied on another, whose memory is all new, and then the first is dropped whole.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{ScopedJoinHandle, scope};

use crate::canonical::Contract;
use crate::dialect::Dialect;
use crate::dialect::catalog::Catalog;
use crate::dialect::envelope::Envelopes;
use crate::dialect::load::alike::Alike;
use crate::dialect::page::Page;
use crate::dialect::recognise::Router;
use crate::dialect::route::ReplyBody;

/// What `make` makes, as `copy` copies it. What a copy shares with the first keeps the memory of the
/// first where it is.
pub(super) fn kept<T: Send + Sync>(
    make: impl FnOnce() -> Option<T> + Send,
    copy: impl FnOnce(&T) -> T + Send,
) -> Option<T> {
    scope(|outer| {
        joined(outer.spawn(|| {
            let made = make()?;
            scope(|inner| joined(inner.spawn(|| Some(copy(&made)))))
        }))
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Pages that were compiled once more, beside the first of each: routes share them.
#[derive(Default)]
struct Pages(Vec<(Arc<Page>, Arc<Page>)>);

impl Pages {
    fn renew<'p>(&mut self, pages: impl Iterator<Item = &'p mut Arc<Page>>) {
        for page in pages {
            let known = self.0.iter().find(|(first, _)| Arc::ptr_eq(first, page));
            if let Some((_, again)) = known {
                *page = Arc::clone(again);
            } else if let Some(again) = page.again().map(Arc::new) {
                self.0.push((Arc::clone(page), Arc::clone(&again)));
                *page = again;
            }
        }
    }
}

/// A copy of the contract.
pub(super) fn contract(contract: &Arc<Contract>) -> Arc<Contract> {
    Arc::new(Contract::clone(contract))
}

/// A copy of what serves, which shares with it the contract and the names of tenants.
pub(super) fn catalog(from: &Catalog) -> Catalog {
    let mounts = from.mounts.clone();
    let mut alike = Alike::default();
    let dialects = from.dialects.iter().map(|one| Arc::new(dialect(one, &mut alike)));
    let dialects: Vec<_> = dialects.collect();
    let (router, _) = Router::build(&mounts, &dialects);
    // Parameters are shared by whoever clones them.
    let widened = from.widened.iter().map(|(id, params)| (*id, params.without(|_| false)));
    Catalog {
        number: from.number,
        contract: Arc::clone(&from.contract),
        mounts,
        widened: widened.collect(),
        router,
        numbers: from.numbers.clone(),
        dialects,
    }
}

fn dialect(from: &Dialect, alike: &mut Alike) -> Dialect {
    let mut pages = Pages::default();
    let mut envelopes = from.envelopes.clone();
    alike.envelopes(&mut envelopes);
    pages.renew(envelopes.pages_mut());
    let mut routes = Vec::with_capacity(from.routes.len());
    for route in &from.routes {
        let mut route = route.clone();
        alike.route(&mut route);
        route.name = Arc::from(&*route.name);
        pages.renew(route.envelopes.pages_mut());
        pages.renew(route.replies.iter_mut().filter_map(|reply| match &mut reply.body {
            ReplyBody::Page(_, page) => Some(page),
            _ => None,
        }));
        routes.push(route);
    }
    let mut credentials = Vec::with_capacity(from.credentials.len());
    for credential in &from.credentials {
        let mut credential = credential.clone();
        alike.credential(&mut credential);
        credential.name = Arc::from(&*credential.name);
        credential.sight = credential.sight.as_deref().cloned().map(Arc::new);
        pages.renew(credential.errors.iter_mut().flat_map(Envelopes::pages_mut));
        credentials.push(credential);
    }
    Dialect {
        name: Arc::from(&*from.name),
        system: from.system.clone(),
        prefix: from.prefix.clone(),
        bases: from.bases.clone(),
        routes,
        credentials,
        envelopes,
        quirks: from.quirks.clone(),
        published: from.published.clone(),
        records: Vec::new(),
        documented: None,
        library: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Weak;

    use super::*;
    use crate::canonical::Tenant;
    use crate::dialect::catalog::MountSpec;
    use crate::dialect::embedded::Files;
    use crate::dialect::load::{Keep, load};
    use crate::dialect::route::Route;
    use crate::json::shape::Shape;
    use crate::mapping::plan::{Emit, Program};
    use crate::syntax::{Diagnostics, Sources};

    fn first() -> Catalog {
        loaded(&["public-inbox", "account"])
    }

    fn loaded(dialects: &[&str]) -> Catalog {
        let mount = |dialect: &str| MountSpec {
            dialect: dialect.to_owned(),
            tenant: Tenant("t".into()),
            host: "*".to_owned(),
            prefix: Some(format!("/{dialect}")),
        };
        let mounts: Vec<_> = dialects.iter().copied().map(mount).collect();
        let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
        let files = Files::embedded();
        load(&files, &mounts, 1, Keep::Serving, &mut sources, &mut diagnostics).unwrap()
    }

    fn programs(route: &Route) -> Vec<&Program> {
        let mut all: Vec<&Program> = route.body.iter().map(|body| &body.program).collect();
        for call in &route.calls {
            all.push(&call.params);
            all.extend([&call.when, &call.body, &call.take].into_iter().flatten());
        }
        for reply in &route.replies {
            all.extend(&reply.when);
            if let ReplyBody::Program(program) | ReplyBody::Page(program, _) = &reply.body {
                all.push(program);
            }
        }
        all
    }

    fn pages(dialect: &Dialect) -> Vec<&Arc<Page>> {
        let own = dialect.envelopes.pages();
        let replies = dialect.routes.iter().flat_map(|route| &route.replies);
        let replied = replies.filter_map(|reply| match &reply.body {
            ReplyBody::Page(_, page) => Some(page),
            _ => None,
        });
        own.chain(replied).chain(dialect.routes.iter().flat_map(|r| r.envelopes.pages())).collect()
    }

    #[test]
    fn a_copy_says_the_same_and_keeps_nothing_of_the_first() {
        let first = first();
        let copy = catalog(&first);
        let mut names: Vec<Weak<str>> = Vec::new();
        let mut emits: Vec<Weak<Emit>> = Vec::new();
        let mut shapes: Vec<Weak<Shape>> = Vec::new();
        let mut templates: Vec<Weak<Page>> = Vec::new();
        for (one, other) in first.dialects.iter().zip(&copy.dialects) {
            assert!(format!("{one:?}") == format!("{other:?}"), "{} is another", one.name);
            names.push(Arc::downgrade(&one.name));
            names.extend(one.credentials.iter().map(|c| Arc::downgrade(&c.name)));
            for route in &one.routes {
                names.push(Arc::downgrade(&route.name));
                let events = programs(route).into_iter().flat_map(|program| &program.events);
                names.extend(events.map(|(record, _)| Arc::downgrade(record)));
                emits.extend(programs(route).into_iter().map(|p| Arc::downgrade(&p.emit)));
                shapes.extend(programs(route).into_iter().map(|p| Arc::downgrade(&p.shape)));
            }
            templates.extend(pages(one).into_iter().map(Arc::downgrade));
        }
        let distinct = |pages: &[&Arc<Page>]| -> HashSet<_> {
            pages.iter().map(|page| Arc::as_ptr(page)).collect()
        };
        let all = |catalog: &Catalog| {
            let found: Vec<Vec<&Arc<Page>>> = catalog.dialects.iter().map(|d| pages(d)).collect();
            distinct(&found.concat()).len()
        };
        assert_eq!(all(&first), all(&copy), "pages are shared as they were");
        assert!(names.len() > 200 && templates.len() > 2, "{} {}", names.len(), templates.len());
        let widened = first.widened.len();
        drop(first);
        assert!(names.iter().all(|name| name.strong_count() == 0));
        assert!(templates.iter().all(|page| page.strong_count() == 0));
        assert!(emits.iter().all(|emit| emit.strong_count() == 0));
        assert!(shapes.iter().all(|shape| shape.strong_count() == 0));
        assert_eq!(copy.widened.len(), widened);
        let found = copy.recognise("any", "GET", "/account/api/v1/accounts/1/conversations/1");
        assert!(matches!(found, crate::dialect::recognise::Recognition::Route { .. }));
    }

    /// Nothing that a request runs through is kept twice, and what differs is not thrown together.
    #[test]
    fn programs_that_are_equal_are_kept_once() {
        let of = |dialects: &[&str]| catalog(&loaded(dialects));
        let (one, both) = (of(&["account"]), of(&["account", "chatwoot-account"]));
        let kept = |catalog: &Catalog| {
            let routes = catalog.dialects.iter().flat_map(|dialect| &dialect.routes);
            let all: Vec<&Program> = routes.flat_map(programs).collect();
            let places: HashSet<_> = all.iter().map(|program| Arc::as_ptr(&program.emit)).collect();
            let texts: HashSet<_> =
                all.iter().map(|program| format!("{:?}", program.emit)).collect();
            assert_eq!(places.len(), texts.len());
            (all.len(), places.len())
        };
        let ((programs, places), (twice, same)) = (kept(&one), kept(&both));
        assert!(places * 5 < programs * 4, "{places} of {programs} in one dialect");
        assert!(twice > programs * 3 / 2, "{twice} programs");
        // What the one changes of the other is its own.
        assert!(same < places * 9 / 5, "{same}, and {places} in one of them");
    }

    #[test]
    fn what_goes_wrong_there_goes_wrong_here() {
        let gone = std::panic::catch_unwind(|| kept(|| panic!("no"), |(): &()| ()));
        assert!(gone.is_err());
        assert_eq!(kept(|| None::<u8>, |n| *n), None);
        let threads = kept(
            || Some(vec![std::thread::current().id()]),
            |first| first.iter().copied().chain([std::thread::current().id()]).collect(),
        );
        let threads: HashSet<_> = threads.unwrap().into_iter().collect();
        assert_eq!(threads.len(), 2);
        assert!(!threads.contains(&std::thread::current().id()));
    }
}
