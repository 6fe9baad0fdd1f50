//! Which route a request line stands for.
//!
//! Each mounted root of a dialect is a **claim**: a host, a prefix and a tree of the templates below
//! it. The claim with the longest prefix owns a path; inside it the tree decides. What that costs
//! grows neither with the number of mounts nor with that of routes. Path values stay where they are:
//! only their ends are noted, so recognising takes no memory.

mod claims;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use smallvec::SmallVec;

use super::catalog::{Catalog, Mount};
use super::route::{Route, Segment, Telling};
use super::{Base, Dialect};
use claims::Claims;

/// What a request line stands for.
#[derive(Debug)]
pub enum Recognition<'c> {
    /// A route.
    Route {
        /// Where it is mounted.
        mount: &'c Mount,
        /// What it is.
        route: &'c Route,
        /// Its path values.
        path: PathValues,
    },
    /// A path of this dialect, with another method.
    Method {
        /// Where it is mounted.
        mount: &'c Mount,
        /// The methods it takes, HEAD and OPTIONS included.
        allow: Vec<&'static str>,
    },
    /// A path below this dialect's mount that it does not have, or whose values are malformed.
    Nothing {
        /// Where it is mounted.
        mount: &'c Mount,
        /// The template matched but a value has not the form it asks for.
        malformed: bool,
    },
    /// No dialect's.
    Unclaimed,
}

/// Where the values of a template stand in the path they were recognised in; in the order of the
/// template. Decoding was tried, so it cannot fail.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PathValues(SmallVec<[(u16, u16); 4]>);

impl Clone for PathValues {
    /// In one piece, for each request that is known has them again: its own clones one by one.
    fn clone(&self) -> Self {
        Self(SmallVec::from_slice(&self.0))
    }
}

impl PathValues {
    /// The value of the parameter at `index` of the template, percent-decoded. `path` is the path
    /// given to [`Catalog::recognise`]. An integer is its digits.
    #[must_use]
    pub fn get<'p>(&self, index: usize, path: &'p str) -> Option<Cow<'p, str>> {
        let (start, end) = *self.0.get(index)?;
        let raw = path.get(usize::from(start)..usize::from(end))?;
        percent_decode_str(raw).decode_utf8().ok()
    }

    /// The value of a route's parameter, by its name.
    #[must_use]
    pub fn named<'p>(&self, name: &str, route: &Route, path: &'p str) -> Option<Cow<'p, str>> {
        let index = route.template.parameters().position(|s| s.name() == Some(name))?;
        self.get(index, path)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Every claim, and where each stands.
#[derive(Debug, Default)]
pub(super) struct Router {
    places: Claims,
    claims: Vec<Claim>,
}

struct Claim {
    /// Bytes of its prefix.
    prefix: usize,
    mount: usize,
    trailing_slash: bool,
    json_suffix: bool,
    put_is_patch: bool,
    /// That of its dialect's root: however often a dialect is mounted, there is one.
    tree: Arc<matchit::Router<Choices>>,
}

/// The routes of one pattern: (method, index in the dialect). Of one method, those with more fixed
/// members of the query come first.
type Choices = SmallVec<[(&'static str, usize); 4]>;

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claim").field("mount", &self.mount).finish_non_exhaustive()
    }
}

impl Router {
    /// Trees for these mounts. Templates that collide were reported when their dialect was loaded;
    /// here the first wins. Gives the pairs of mounts that claim the same address.
    pub(super) fn build(
        mounts: &[Mount],
        dialects: &[Arc<Dialect>],
    ) -> (Self, Vec<(usize, usize)>) {
        let mut router = Self::default();
        let mut twice = Vec::new();
        let mut trees = HashMap::new();
        for mount in mounts {
            let Some(dialect) = dialects.get(mount.dialect) else { continue };
            for base in &dialect.bases {
                let prefix = format!("{}{}", mount.prefix, base.address);
                if let Err(first) = router.places.insert(&mount.host, &prefix, router.claims.len())
                {
                    twice.extend(router.claims.get(first).map(|c| (c.mount, mount.index)));
                    continue;
                }
                let known = trees.entry((mount.dialect, &*base.address));
                let tree = known.or_insert_with(|| Arc::new(tree(dialect, base)));
                router.claims.push(Claim {
                    prefix: prefix.len(),
                    mount: mount.index,
                    trailing_slash: dialect.quirks.trailing_slash,
                    json_suffix: dialect.quirks.json_suffix,
                    put_is_patch: dialect.quirks.put_is_patch,
                    tree: Arc::clone(tree),
                });
            }
        }
        (router, twice)
    }

    pub(super) fn recognise<'c>(
        &self,
        catalog: &'c Catalog,
        host: &str,
        method: &str,
        target: &str,
    ) -> Recognition<'c> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Some((claim, rest)) = self.places.find(without_port(host), path) else {
            return Recognition::Unclaimed;
        };
        let Some(claim) = self.claims.get(claim) else { return Recognition::Unclaimed };
        let Some(mount) = catalog.mounts.get(claim.mount) else { return Recognition::Unclaimed };
        let nothing = |malformed| Recognition::Nothing { mount, malformed };
        let Some(dialect) = catalog.dialects.get(mount.dialect) else { return nothing(false) };
        let rest = claim.plain(rest);
        let Ok(found) = claim.tree.at(if rest.is_empty() { "/" } else { rest }) else {
            return nothing(false);
        };
        let is = |index: usize, test: &dyn Fn(&Route) -> bool| {
            dialect.routes.get(index).is_some_and(test)
        };
        // What a GET makes, nobody who asks only for its head wants made.
        let safe = |index: usize| is(index, &|r| r.safe);
        let takes = |index: usize| method != "HEAD" || safe(index);
        let fits = |index: usize| takes(index) && is(index, &|r| asks(r, query));
        let Some(route) =
            claim.choose(found.value, method, fits).and_then(|i| dialect.routes.get(i))
        else {
            // The method may be right, and what the query must say missing.
            if claim.choose(found.value, method, takes).is_some() {
                return nothing(false);
            }
            return Recognition::Method { mount, allow: claim.allow(found.value, safe) };
        };
        match values(route, claim.prefix, rest) {
            Some(path) => Recognition::Route { mount, route, path },
            None => nothing(true),
        }
    }
}

impl Claim {
    /// The path below the prefix without what this dialect overlooks.
    fn plain<'p>(&self, mut rest: &'p str) -> &'p str {
        if self.trailing_slash && rest.len() > 1 {
            rest = rest.strip_suffix('/').unwrap_or(rest);
        }
        if self.json_suffix
            && let Some(shorter) = rest.strip_suffix(".json")
            && !shorter.ends_with('/')
        {
            rest = shorter;
        }
        rest
    }

    fn choose(
        &self,
        choices: &Choices,
        method: &str,
        fits: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let of = |method: &str| {
            let found = choices.iter().find(|(m, route)| *m == method && fits(*route));
            found.map(|(_, route)| *route)
        };
        match method {
            "HEAD" => of("GET"),
            "PUT" if self.put_is_patch => of("PUT").or_else(|| of("PATCH")),
            other => of(other),
        }
    }

    fn allow(&self, choices: &Choices, safe: impl Fn(usize) -> bool) -> Vec<&'static str> {
        let mut allow = Vec::new();
        for (method, route) in choices {
            allow.push(*method);
            match *method {
                "GET" if safe(*route) => allow.push("HEAD"),
                "PATCH" if self.put_is_patch => allow.push("PUT"),
                _ => {}
            }
        }
        allow.push("OPTIONS");
        allow.sort_unstable();
        allow.dedup();
        allow
    }
}

/// The templates below one root of a dialect.
fn tree(dialect: &Dialect, base: &Base) -> matchit::Router<Choices> {
    let mut patterns: BTreeMap<String, Choices> = BTreeMap::new();
    for (index, route) in dialect.routes.iter().enumerate() {
        // The longest root that a template stands under is its own.
        let path = route.template.text.split('?').next().unwrap_or_default();
        if dialect.base(path) != Some(base) {
            continue;
        }
        let pattern = route.template.pattern();
        let own = base.address.len();
        let pattern = pattern.get(own..).filter(|p| !p.is_empty()).unwrap_or("/").to_owned();
        patterns.entry(pattern).or_default().push((route.method, index));
    }
    let mut tree = matchit::Router::new();
    for (pattern, mut choices) in patterns {
        let fixed = |index: usize| {
            let query = dialect.routes.get(index).map(|r| &r.template.query);
            query.map(|q| (q.len(), q.iter().filter(|t| t.value.is_some()).count()))
        };
        choices.sort_by_key(|(_, index)| std::cmp::Reverse(fixed(*index)));
        // Patterns are unlike, and a parameter is always a whole segment: nothing can conflict.
        let _ = tree.insert(pattern, choices);
    }
    tree
}

/// Whether a query has the members that a route asks for.
fn asks(route: &Route, query: &str) -> bool {
    route.template.query.iter().all(|Telling { name, value }| {
        form_urlencoded::parse(query.as_bytes())
            .any(|(n, v)| n == **name && value.as_ref().map_or(!v.is_empty(), |own| v == **own))
    })
}

/// Where the values stand, each checked; `rest` begins at `offset` of the whole path. `None` where
/// one has not the form its template asks for.
fn values(route: &Route, offset: usize, rest: &str) -> Option<PathValues> {
    let mut values = PathValues::default();
    let segments = &route.template.segments;
    let parts = rest.split('/').count().saturating_sub(1);
    let mut at = offset + 1;
    for (segment, part) in
        segments.iter().skip(segments.len().saturating_sub(parts)).zip(rest.split('/').skip(1))
    {
        let end = at + part.len();
        let good = match segment {
            Segment::Literal(_) => true,
            Segment::Text(_) => is_text(part),
            Segment::Integer(_) => is_integer(part),
        };
        if !good {
            return None;
        }
        if segment.name().is_some() {
            values.0.push((u16::try_from(at).ok()?, u16::try_from(end).ok()?));
        }
        at = end + 1;
    }
    Some(values)
}

/// A decimal integer from 1 to 2^53 - 1, written in one way only; percent-encoding is no other way.
fn is_integer(part: &str) -> bool {
    let Ok(part) = percent_decode_str(part).decode_utf8() else { return false };
    part.bytes().all(|b| b.is_ascii_digit())
        && !part.starts_with('0')
        && part.parse::<u64>().is_ok_and(|n| n < 1 << 53)
}

/// Percent-encoding that is well formed and decodes to UTF-8 without control characters. `.` and
/// `..` are refused: put into another address they would lead out of it.
fn is_text(part: &str) -> bool {
    let mut rest = part;
    while let Some((_, after)) = rest.split_once('%') {
        if !after.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
        rest = after;
    }
    let Ok(decoded) = percent_decode_str(part).decode_utf8() else { return false };
    !matches!(&*decoded, "." | "..") && !decoded.chars().any(char::is_control)
}

/// `example.org:8080` is `example.org`; `[::1]:8080` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            if name.contains(':') && !name.ends_with(']') {
                host
            } else {
                name
            }
        }
        _ => host,
    }
}
