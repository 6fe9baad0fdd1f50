//! What was worked out of a read, for the next one that is the same byte for byte.
//!
//! Dashboards and widgets ask the same again and again. Which route a head stands for, who is asking
//! and what the backend is to be asked follow from its bytes, from the generation, and from what the
//! credential's look-ups find; so they are worked out once:
//!
//! ```text
//! head ─ digest ─┬─ first time ──► worked out
//!                ├─ second time ─► worked out, and remembered
//!                └─ later ───────► remembered, where the look-ups find what they found
//! ```
//!
//! - Nothing of an answer is here: that is the cache's. A remembered read is limited, counted, logged
//!   and answered like any other.
//! - Each generation begins with nothing, so what a reload changes is never remembered.
//! - The digest is a keyed SHA-256 over everything that may be read of a head: two heads with one
//!   digest cannot be made, and no credential is kept in the clear.
//! - It is bounded: a digest has one place, and whoever comes there next takes it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use http::request::Parts;
use http::{HeaderName, Version};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::canonical::{Payload, Principal, Request, Sight, Standing};
use crate::dialect::Dialect;
use crate::dialect::catalog::Catalog;
use crate::dialect::scheme::Place as Stands;
use crate::telemetry::record::Record;

use super::Claimed;

/// Reads that are remembered at once.
const PLACES: usize = 4096;

/// Most bytes of a read that is remembered: who asks, its inputs and questions, and what the cache notes
/// of each. The whole memory has sixteen megabytes at most.
const MOST_BYTES: usize = 4096;

/// Differ from request to request and say nothing that shapes an answer, unless a mapping reads
/// them. What proxies say of the client and the host is digested as it is believed.
const PASSING: [&str; 6] = [
    "x-request-id",
    "traceparent",
    "tracestate",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
];

type Digest = [u8; 32];

/// The memory of one generation.
pub struct Memo {
    /// Keyed, with nothing digested yet.
    start: Sha256,
    /// Headers that are not digested.
    passing: Vec<HeaderName>,
    /// The record of what is remembered: nobody's.
    blank: Record,
    places: Box<[Place]>,
}

#[derive(Default)]
struct Place {
    /// The beginning of the digest that was seen here last.
    seen: AtomicU64,
    known: ArcSwapOption<Known>,
}

/// What is known of a request before anything of it is worked out.
#[derive(Clone, Debug, Default)]
pub enum Memory {
    /// Nothing, and nothing is to be remembered.
    #[default]
    Nothing,
    /// It was asked before: this is what it means.
    Known(Arc<Known>),
    /// It was asked before: what it means is to be remembered this time.
    Lesson(Lesson),
}

/// What a read means.
#[derive(Debug)]
pub struct Known {
    digest: Digest,
    memo: Weak<Memo>,
    /// The route and where its path values stand.
    pub claimed: Claimed,
    /// Who is asking, if the look-ups find what they found.
    pub principal: Arc<Principal>,
    /// What they may see.
    pub sight: Option<Arc<Sight>>,
    /// What the credential looked up.
    pub look_ups: LookUps,
    /// The document `inputs` of the route.
    pub inputs: Box<[u8]>,
    /// What the backend is asked.
    pub question: Standing,
}

/// Each look-up of a credential.
pub type LookUps = Vec<LookUp>;

/// A look-up and the answer that was relied on.
#[derive(Clone, Debug)]
pub struct LookUp {
    /// What was asked.
    pub question: Standing,
    /// What it was answered with. Not kept alive: the cache decides how long it holds.
    pub answer: Weak<Payload>,
}

/// A read whose meaning is to be remembered, and what was learned of it so far.
#[derive(Clone, Debug)]
pub struct Lesson {
    memo: Arc<Memo>,
    digest: Digest,
    /// What the credential looked up; `None` once something was found that the cache does not hold.
    pub look_ups: Option<LookUps>,
}

impl Memo {
    /// An empty one for the dialects of `catalog`.
    #[must_use]
    pub fn new(catalog: &Catalog) -> Self {
        Self::passing_by(|name| catalog.dialects.iter().any(|dialect| reads(dialect, name)))
    }

    /// An empty one; `read` says which headers mappings read.
    fn passing_by(read: impl Fn(&str) -> bool) -> Self {
        let passing = PASSING.into_iter().filter(|name| !read(name));
        // As long as a block of the digest: it is digested here, and not with every read.
        let key = [(); 4].map(|()| Uuid::new_v4());
        let start = key.iter().fold(Sha256::new(), |all, part| all.chain_update(part));
        Self {
            start,
            passing: passing.map(HeaderName::from_static).collect(),
            blank: Record::default(),
            places: (0..PLACES).map(|_| Place::default()).collect(),
        }
    }

    /// What is known of a read with this head; `host` is the one that a trusted proxy names.
    #[must_use]
    pub fn recall(self: &Arc<Self>, head: &Parts, host: Option<&str>) -> Memory {
        let digest = self.digest(head, host);
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let beginning = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let Some(place) = usize::try_from(beginning % PLACES as u64)
            .ok()
            .and_then(|place| self.places.get(place))
        else {
            return Memory::Nothing;
        };
        if let Some(known) = &*place.known.load()
            && known.digest == digest
        {
            return Memory::Known(Arc::clone(known));
        }
        // Two reads of one place that take turns are both worked out anew: that is what it costs.
        if place.seen.swap(beginning, Ordering::Relaxed) != beginning {
            return Memory::Nothing;
        }
        Memory::Lesson(Lesson::new(Arc::clone(self), digest))
    }

    fn digest(&self, head: &Parts, host: Option<&str>) -> Digest {
        let host = host.unwrap_or_default().as_bytes();
        let authority = head.uri.authority().map_or("", |authority| authority.as_str()).as_bytes();
        let target = head.uri.path_and_query().map_or("", |target| target.as_str()).as_bytes();
        let mut digest = self.start.clone();
        // How long each part is goes before it, so that no two lists of parts run together. Few large
        // pieces: the digest of many small ones takes longer.
        digest.update([host, authority, target].map(length).as_flattened());
        // What a head must have depends on it.
        digest.update(match head.version {
            Version::HTTP_11 => b"1",
            Version::HTTP_2 => b"2",
            _ => b"0",
        });
        for part in [host, authority, target] {
            if !part.is_empty() {
                digest.update(part);
            }
        }
        for (name, value) in &head.headers {
            if !self.passing.contains(name) {
                let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
                digest.update([length(name), length(value)].as_flattened());
                digest.update(name);
                digest.update(value);
            }
        }
        digest.finalize().into()
    }

    fn learn(&self, known: Known) {
        let [a, b, c, d, e, f, g, h, ..] = known.digest;
        let beginning = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let place = usize::try_from(beginning % PLACES as u64).unwrap_or_default();
        if let Some(place) = self.places.get(place) {
            place.known.store(Some(Arc::new(known)));
        }
    }
}

/// How long a part is.
fn length(part: &[u8]) -> [u8; 4] {
    u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// Whether a route or a credential of the dialect reads this header.
fn reads(dialect: &Dialect, name: &str) -> bool {
    let listed = |names: &[Box<str>]| names.iter().any(|read| read.eq_ignore_ascii_case(name));
    dialect.routes.iter().any(|route| listed(&route.inputs.header))
        || dialect.credentials.iter().any(|credential| {
            let place = match &credential.place {
                Stands::Header(names) => listed(names),
                _ => false,
            };
            place || listed(&credential.inputs.header)
        })
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").finish_non_exhaustive()
    }
}

impl Memory {
    /// What it means, where that is known.
    #[must_use]
    pub fn known(&self) -> Option<&Arc<Known>> {
        match self {
            Self::Known(known) => Some(known),
            _ => None,
        }
    }

    /// The lesson, where it is to be remembered.
    pub fn lesson(&mut self) -> Option<&mut Lesson> {
        match self {
            Self::Lesson(lesson) => Some(lesson),
            _ => None,
        }
    }

    /// Gives up what is known, for the look-ups find something else now: what it means is worked out
    /// and remembered anew.
    pub fn outdated(&mut self) {
        let Self::Known(known) = self else { return };
        *self = match known.memo.upgrade() {
            Some(memo) => Self::Lesson(Lesson::new(memo, known.digest)),
            None => Self::Nothing,
        };
    }
}

impl Lesson {
    fn new(memo: Arc<Memo>, digest: Digest) -> Self {
        Self { memo, digest, look_ups: Some(Vec::new()) }
    }

    /// Notes a look-up. What the cache does not `hold` will not be found again as it is.
    pub fn look_up(&mut self, question: &Request, answer: &Arc<Payload>, held: bool) {
        match &mut self.look_ups {
            Some(all) if held => {
                let question = Standing::new(question, &self.memo.blank);
                all.push(LookUp { question, answer: Arc::downgrade(answer) });
            }
            all => *all = None,
        }
    }

    /// Whether there is still something to remember.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.look_ups.is_some()
    }

    /// Remembers what the read means, where nothing was found that may be another thing next time.
    pub fn learned(
        &self,
        claimed: Claimed,
        (principal, sight): (Arc<Principal>, Option<Arc<Sight>>),
        inputs: &[u8],
        question: &Request,
    ) {
        let Some(look_ups) = &self.look_ups else { return };
        let question = Standing::new(question, &self.memo.blank);
        let asked = look_ups.iter().map(|look_up| &look_up.question).chain([&question]);
        let who = size_of::<Principal>() + principal.facts.weight();
        let questions = asked.map(Standing::weight).sum::<usize>();
        if size_of::<Known>() + who + inputs.len() + questions > MOST_BYTES {
            return;
        }
        self.memo.learn(Known {
            digest: self.digest,
            memo: Arc::downgrade(&self.memo),
            claimed,
            principal,
            sight,
            look_ups: look_ups.clone(),
            inputs: inputs.into(),
            question,
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Request as Sent, request};

    use super::*;
    use crate::canonical::{Access, Actor, Facts, OperationId, Params, ReadsAs, Seen, Tenant};
    use crate::dialect::recognise::PathValues;

    fn memo(read: &[&str]) -> Arc<Memo> {
        Arc::new(Memo::passing_by(|name| read.contains(&name)))
    }

    fn head(change: impl FnOnce(request::Builder) -> request::Builder) -> Parts {
        let sent = Sent::get("/a?b=c").header("host", "desk").header("api_access_token", "one");
        change(sent).body(()).unwrap().into_parts().0
    }

    fn principal(name: &str) -> Arc<Principal> {
        Arc::new(Principal {
            tenant: Tenant("demo".into()),
            name: name.into(),
            actor: Actor::Gateway,
            access: Access::Write,
            act_as: false,
            reads_as: ReadsAs::Gateway,
            facts: Facts::default(),
        })
    }

    fn question() -> Request {
        Request {
            tenant: Tenant("demo".into()),
            operation: OperationId(3),
            params: Params::default(),
            body: Bytes::new(),
            upload: None,
            actor: Actor::Gateway,
            viewer: None,
            fresh: false,
            record: Record::default(),
            seen: Seen::Unlooked,
        }
    }

    fn learn(lesson: &Lesson, name: &str) {
        let claimed = Claimed { mount: 0, route: 1, path: PathValues::default() };
        lesson.learned(claimed, (principal(name), None), b"{}", &question());
    }

    /// Asks until there is a lesson, and learns it.
    fn taught(memo: &Arc<Memo>, head: &Parts, name: &str) {
        assert!(matches!(memo.recall(head, None), Memory::Nothing), "seen for the first time");
        let Memory::Lesson(lesson) = memo.recall(head, None) else { panic!("seen again") };
        learn(&lesson, name);
    }

    #[test]
    fn a_read_is_known_from_its_third_time_on() {
        let (memo, head) = (memo(&[]), head(|h| h));
        taught(&memo, &head, "agent");
        for _ in 0..2 {
            let memory = memo.recall(&head, None);
            assert_eq!(&*memory.known().unwrap().principal.name, "agent");
        }
    }

    #[test]
    fn whatever_may_be_read_of_a_head_makes_another_read_of_it() {
        let memo = memo(&["x-forwarded-host"]);
        let plain = head(|h| h);
        let others = [
            head(|h| h.header("api_access_token", "two")),
            head(|h| h.header("if-none-match", "\"x\"")),
            head(|h| h.header("x-forwarded-host", "read by a mapping")),
            head(|h| h.uri("/a?b=d")),
            head(|h| h.uri("http://desk/a?b=c")),
            head(|h| h.version(Version::HTTP_2)),
            head(|h| h.version(Version::HTTP_10)),
            // The same text, cut elsewhere.
            head(|h| h.header("x-a", "bc")),
            head(|h| h.header("x-ab", "c")),
        ];
        let mut digests: Vec<Digest> = others.iter().map(|h| memo.digest(h, None)).collect();
        digests.extend([memo.digest(&plain, None), memo.digest(&plain, Some("desk"))]);
        let all = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), all);
        let passing = head(|h| h.header("x-request-id", "7").header("x-forwarded-for", "::1"));
        assert_eq!(memo.digest(&plain, None), memo.digest(&passing, None));
    }

    /// A client may ask for thousands of long things; what is kept of them is bounded all the same.
    #[test]
    fn what_is_long_is_not_remembered() {
        let (memo, head) = (memo(&[]), head(|h| h));
        assert!(matches!(memo.recall(&head, None), Memory::Nothing));
        let Memory::Lesson(lesson) = memo.recall(&head, None) else { panic!() };
        let learn = |inputs: usize, parameter: usize| {
            let mut question = question();
            assert!(question.params.push(0, &"x".repeat(parameter)));
            let claimed = Claimed { mount: 0, route: 1, path: PathValues::default() };
            lesson.learned(claimed, (principal("agent"), None), &vec![b' '; inputs], &question);
            memo.recall(&head, None).known().is_some()
        };
        assert!(!learn(MOST_BYTES, 1));
        // Its text is the cache's name of the answer as well.
        assert!(!learn(1, MOST_BYTES / 2));
        assert!(learn(MOST_BYTES / 4, MOST_BYTES / 8));
    }

    #[test]
    fn two_memories_share_no_digest() {
        assert_ne!(memo(&[]).digest(&head(|h| h), None), memo(&[]).digest(&head(|h| h), None));
    }

    #[test]
    fn what_is_not_held_is_not_relied_on_and_what_is_outdated_is_learned_anew() {
        let (memo, head) = (memo(&[]), head(|h| h));
        let payload = Arc::new(Payload::new(200, Bytes::from_static(b"{}"), None));
        assert!(matches!(memo.recall(&head, None), Memory::Nothing));
        let Memory::Lesson(mut lesson) = memo.recall(&head, None) else { panic!() };
        let mut gone = lesson.clone();
        gone.look_up(&question(), &payload, false);
        gone.look_up(&question(), &payload, true);
        learn(&gone, "gone");
        assert!(memo.recall(&head, None).known().is_none());

        lesson.look_up(&question(), &payload, true);
        learn(&lesson, "first");
        let mut memory = memo.recall(&head, None);
        assert_eq!(memory.known().unwrap().look_ups.len(), 1);
        memory.outdated();
        learn(memory.lesson().unwrap(), "second");
        let memory = memo.recall(&head, None);
        assert_eq!(&*memory.known().unwrap().principal.name, "second");
        assert!(memory.known().unwrap().look_ups.is_empty());
    }
}
