//! Whose an address is: host and prefix → what claims them. One look-up for the host and one for
//! each segment of a prefix, however many mounts there are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

/// The host of whoever answers to any.
pub(super) const ANY: &str = "*";

/// Claims by host and prefix; each is a number.
#[derive(Debug, Default)]
pub(super) struct Claims<S = RandomState> {
    /// By host, lower-case.
    named: HashMap<Box<str>, Prefixes<S>, S>,
    any: Prefixes<S>,
}

/// Prefixes as a tree of their segments.
#[derive(Debug, Default)]
struct Prefixes<S> {
    claim: Option<usize>,
    below: HashMap<Box<str>, Self, S>,
}

impl<S: BuildHasher + Default> Claims<S> {
    /// Gives an address to `claim`; or says whose it is already. `host` is lower-case, `prefix` is
    /// empty or begins with `/` and ends without.
    pub(super) fn insert(&mut self, host: &str, prefix: &str, claim: usize) -> Result<(), usize> {
        let mut node = match host {
            ANY => &mut self.any,
            host => self.named.entry(host.into()).or_default(),
        };
        for segment in prefix.split('/').skip(1) {
            node = node.below.entry(segment.into()).or_default();
        }
        match node.claim {
            Some(first) => Err(first),
            None => {
                node.claim = Some(claim);
                Ok(())
            }
        }
    }

    /// The claim on a path, and the path below its prefix: of those of the host the longest prefix,
    /// else of those of any.
    pub(super) fn find<'p>(&self, host: &str, path: &'p str) -> Option<(usize, &'p str)> {
        self.of(host).and_then(|own| own.find(path)).or_else(|| self.any.find(path))
    }

    fn of(&self, host: &str) -> Option<&Prefixes<S>> {
        if self.named.is_empty() {
            return None;
        }
        let host = match host.bytes().any(|b| b.is_ascii_uppercase()) {
            true => Cow::Owned(host.to_ascii_lowercase()),
            false => Cow::Borrowed(host),
        };
        self.named.get(&*host)
    }
}

impl<S: BuildHasher> Prefixes<S> {
    fn find<'p>(&self, path: &'p str) -> Option<(usize, &'p str)> {
        let begins = path.is_empty() || path.starts_with('/');
        let mut found = self.claim.filter(|_| begins).map(|claim| (claim, path));
        let (mut node, mut rest) = (self, path);
        while let Some(below) = rest.strip_prefix('/') {
            let (segment, after) = below.split_at(below.find('/').unwrap_or(below.len()));
            let Some(next) = node.below.get(segment) else { break };
            (node, rest) = (next, after);
            found = node.claim.map(|claim| (claim, rest)).or(found);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::BuildHasher;

    use super::{Claims, RandomState};

    thread_local! {
        static LOOK_UPS: Cell<usize> = const { Cell::new(0) };
    }

    /// Counts what is looked up.
    #[derive(Default)]
    struct Counting(RandomState);

    impl BuildHasher for Counting {
        type Hasher = <RandomState as BuildHasher>::Hasher;

        fn build_hasher(&self) -> Self::Hasher {
            LOOK_UPS.set(LOOK_UPS.get() + 1);
            self.0.build_hasher()
        }
    }

    /// How often a claim is looked up for, with so many mounts.
    fn look_ups(mounts: usize, host: &str, path: &str) -> usize {
        let mut claims = Claims::<Counting>::default();
        for mount in 0..mounts {
            claims.insert("*", &format!("/t{mount}/api/v1"), mount).unwrap();
            claims.insert(&format!("t{mount}.example"), "/api/v1", mount).unwrap();
        }
        LOOK_UPS.set(0);
        assert_eq!(claims.find(host, path), Some((mounts - 1, "/a/b/c")));
        LOOK_UPS.get()
    }

    #[test]
    fn an_address_is_looked_up_as_often_with_a_thousand_mounts_as_with_two() {
        for (mounts, of_any, of_its_own) in [(2, 4, 3), (1_000, 4, 3)] {
            let last = mounts - 1;
            assert_eq!(look_ups(mounts, "x", &format!("/t{last}/api/v1/a/b/c")), of_any);
            assert_eq!(look_ups(mounts, &format!("t{last}.example"), "/api/v1/a/b/c"), of_its_own);
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        let mut claims = Claims::<RandomState>::default();
        for (claim, (host, prefix)) in
            [("*", "/a"), ("*", "/a/b/c"), ("*", "/a//b"), ("named", ""), ("named", "/a")]
                .into_iter()
                .enumerate()
        {
            claims.insert(host, prefix, claim).unwrap();
        }
        assert_eq!(claims.insert("*", "/a/b/c", 9), Err(1));
        assert_eq!(claims.insert("named", "", 9), Err(3));
        for (host, path, expected) in [
            ("x", "/a", Some((0, ""))),
            ("x", "/a/", Some((0, "/"))),
            ("x", "/ab", None),
            ("x", "/a/b", Some((0, "/b"))),
            ("x", "/a/b/cd", Some((0, "/b/cd"))),
            ("x", "/a/b/c/d", Some((1, "/d"))),
            ("x", "/a//b", Some((2, ""))),
            ("x", "//a", None),
            ("x", "/", None),
            ("x", "", None),
            ("x", "*", None),
            ("named", "", Some((3, ""))),
            ("named", "/z", Some((3, "/z"))),
            ("NAMED", "/a/b/c", Some((4, "/b/c"))),
            ("named", "*", None),
            ("named2", "/a", Some((0, ""))),
        ] {
            assert_eq!(claims.find(host, path), expected, "{host} {path}");
        }
    }
}
