//! What the contract says about caching an operation, made ready: `x-cache`, compiled.

use std::fmt::Write as _;
use std::time::Duration;

use smallvec::SmallVec;

use crate::cache::epochs::{Epochs, Word};
use crate::cache::walk::{Found, NotFollowed, Places};
use crate::canonical::contract::{Moved, Operation, TagPart, TagTemplate};
use crate::canonical::{Params, Payload, Tenant};
use crate::json::{text, walk};

/// Most distinct tags of one answer; one with more is not stored, since every hit looks at all.
const MOST_TAGS: usize = 4_096;

/// Most tags made of one request and its answer, before equal ones are put together.
const MOST_MADE: usize = 65_536;

/// Caching one operation.
#[derive(Debug)]
pub(super) struct Facts {
    /// It changes nothing.
    pub(super) safe: bool,
    /// How long an answer may be given again.
    pub(super) ttl: Option<Duration>,
    /// How long after that, while the backend is being asked.
    pub(super) stale_while_revalidate: Duration,
    /// How long after that, where the backend fails.
    pub(super) stale_if_error: Duration,
    /// The content depends on who asks.
    pub(super) per_actor: bool,
    tags: Vec<Template>,
    invalidates: Vec<Movable>,
    /// Places that hold a secret; an answer with one is not stored.
    secrets: Vec<u16>,
    /// After this write nothing that was kept counts.
    everything: bool,
    until: Vec<u16>,
    /// The member whose list must not be empty in an answer that is stored.
    non_empty: Option<Box<str>>,
    places: Places,
}

/// A tag that a write moves, unless its body has only these members.
#[derive(Debug)]
struct Movable {
    tag: Template,
    unless_only: Vec<Box<str>>,
}

impl Movable {
    /// Whether a write with this body moves it; a body that is not known might have anything.
    fn moves(&self, body: Option<&[u8]>) -> bool {
        let Some(body) = body.filter(|_| !self.unless_only.is_empty()) else { return true };
        let text = std::str::from_utf8(body).unwrap_or_default();
        let known = |name: &str| self.unless_only.iter().any(|own| text::eq(name, own));
        let mut members = walk::members(text.trim_start()).peekable();
        members.peek().is_none() || members.any(|(name, _)| !known(name))
    }
}

/// A tag with holes.
type Template = Vec<Part>;

#[derive(Debug)]
enum Part {
    Text(Box<str>),
    Parameter(u8),
    Without(u8),
    Answer(u16),
}

/// What an answer says about itself.
#[derive(Debug)]
pub(super) struct About {
    /// Where its tags are noted, each once.
    pub(super) words: Box<[Word]>,
    /// The texts at the places that hold a time at which it changes by itself.
    pub(super) until: SmallVec<[Box<str>; 2]>,
}

/// There are too many tags, or the answer cannot be followed, its list is empty, or it has a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Untellable;

impl From<NotFollowed> for Untellable {
    fn from(_: NotFollowed) -> Self {
        Self
    }
}

impl Facts {
    pub(super) fn new(operation: &Operation) -> Self {
        let cache = &operation.cache;
        let mut places = Places::new();
        let (mut tags, mut invalidates) = (Vec::new(), Vec::new());
        if operation.safe {
            tags = cache.tags.iter().map(|tag| template(tag, &mut places)).collect();
        } else {
            let mut movable = |moved: &Moved| Movable {
                tag: template(&moved.tag, &mut places),
                unless_only: moved.unless_only.clone(),
            };
            invalidates = cache.invalidates.iter().map(&mut movable).collect();
        }
        Self {
            safe: operation.safe,
            everything: cache.everything,
            ttl: cache.ttl,
            stale_while_revalidate: cache.stale_while_revalidate,
            stale_if_error: cache.stale_if_error,
            per_actor: cache.per_actor,
            tags,
            invalidates,
            secrets: cache.secrets.iter().map(|path| places.add(path)).collect(),
            until: cache.until.iter().map(|path| places.add(path)).collect(),
            non_empty: cache.non_empty.clone(),
            places,
        }
    }

    /// Reads a stored-to-be answer.
    pub(super) fn about(
        &self,
        epochs: &Epochs,
        tenant: &Tenant,
        params: &Params,
        payload: &Payload,
    ) -> Result<About, Untellable> {
        let found = self.find(payload)?;
        let words = words(self.tags.iter(), epochs, tenant, params, &found)?;
        let secret = self.secrets.iter().any(|place| found.of(*place).next().is_some());
        if words.len() > MOST_TAGS || secret || self.is_empty(payload) {
            return Err(Untellable);
        }
        let until = self.until.iter().flat_map(|place| found.of(*place)).map(Into::into).collect();
        Ok(About { words: words.into(), until })
    }

    /// The tags that a write moves, as far as the request and its answer, once there, tell them.
    pub(super) fn moves(
        &self,
        epochs: &Epochs,
        tenant: &Tenant,
        params: &Params,
        body: Option<&[u8]>,
        payload: Option<&Payload>,
    ) -> Result<Vec<Word>, Untellable> {
        if self.everything {
            return Err(Untellable);
        }
        let found = payload.map(|payload| self.find(payload)).transpose()?.unwrap_or_default();
        let moved = self.invalidates.iter().filter(|movable| movable.moves(body));
        words(moved.map(|movable| &movable.tag), epochs, tenant, params, &found)
    }

    /// An empty list names nothing, so no write could take it back.
    fn is_empty(&self, payload: &Payload) -> bool {
        self.non_empty.as_deref().is_some_and(|wanted| {
            let text = std::str::from_utf8(&payload.body).unwrap_or_default().trim_start();
            let list = walk::members(text).find(|(name, _)| text::eq(name, wanted));
            list.is_none_or(|(_, list)| walk::elements(list).next().is_none())
        })
    }

    fn find<'a>(&self, payload: &'a Payload) -> Result<Found<'a>, NotFollowed> {
        match payload.content {
            Some(_) => Ok(Found::default()),
            None => self.places.find(&payload.body),
        }
    }
}

fn template(template: &TagTemplate, places: &mut Places) -> Template {
    let part = |part: &TagPart| match part {
        TagPart::Text(text) => Part::Text(text.clone()),
        TagPart::Parameter(position) => Part::Parameter(*position),
        TagPart::Without(position) => Part::Without(*position),
        TagPart::Answer(path) => Part::Answer(places.add(path)),
    };
    template.0.iter().map(part).collect()
}

/// The words of every tag that the templates give, sorted, each once.
fn words<'t>(
    templates: impl Iterator<Item = &'t Template>,
    epochs: &Epochs,
    tenant: &Tenant,
    params: &Params,
    found: &Found<'_>,
) -> Result<Vec<Word>, Untellable> {
    let mut words = Vec::new();
    let mut tag = String::new();
    for template in templates {
        fill(template, params, found, &mut tag, &mut |tag| {
            words.push(epochs.word(tenant, tag));
            if words.len() < MOST_MADE { Ok(()) } else { Err(Untellable) }
        })?;
    }
    words.sort_unstable();
    words.dedup();
    Ok(words)
}

/// Every text that a template gives: each value of a hole with each of the next.
fn fill(
    parts: &[Part],
    params: &Params,
    found: &Found<'_>,
    tag: &mut String,
    each: &mut impl FnMut(&str) -> Result<(), Untellable>,
) -> Result<(), Untellable> {
    let Some((part, rest)) = parts.split_first() else { return each(tag) };
    let length = tag.len();
    let mut go = |value: &str| {
        let _ = tag.write_str(value);
        let done = fill(rest, params, found, tag, each);
        tag.truncate(length);
        done
    };
    match part {
        Part::Text(text) => go(text),
        Part::Parameter(position) => params.all(*position).try_for_each(go),
        Part::Without(position) if params.get(*position).is_some() => Ok(()),
        Part::Without(_) => go(""),
        Part::Answer(place) => found.of(*place).try_for_each(go),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::testing::{operation, params, template};
    use bytes::Bytes;

    fn payload(json: &str) -> Payload {
        Payload::new(200, Bytes::copy_from_slice(json.as_bytes()), None)
    }

    fn expected(epochs: &Epochs, tenant: &Tenant, tags: &[&str]) -> Vec<Word> {
        let mut words: Vec<_> = tags.iter().map(|tag| epochs.word(tenant, tag)).collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    #[test]
    fn holes_are_filled_from_the_request_and_from_the_answer() {
        let mut read = operation("conversations.get", "GET");
        read.cache.ttl = Some(Duration::from_secs(30));
        read.cache.tags = vec![
            template(&["conv:", "?1"]),
            template(&["conv:n:", "$number"]),
            template(&["contact:", "$messages.*.author.id"]),
            template(&["team:", "$team.id"]),
            template(&["pair:", "$messages.*.author.id", "/", "$messages.*.author.id"]),
        ];
        let facts = Facts::new(&read);
        let (epochs, tenant) = (Epochs::new(), Tenant("acme".into()));
        let payload = payload(
            r#"{"number":7,"team":null,"messages":[{"author":{"id":"a"}},{"author":{"id":"b"}},{"author":{"id":"a"}}]}"#,
        );
        let about = facts.about(&epochs, &tenant, &params(&["1", "n:7"]), &payload).unwrap();
        let tags = [
            "conv:n:7",
            "conv:n:7",
            "contact:a",
            "contact:b",
            "pair:a/a",
            "pair:a/b",
            "pair:b/a",
            "pair:b/b",
        ];
        assert_eq!(about.words.to_vec(), expected(&epochs, &tenant, &tags));
    }

    #[test]
    fn a_tag_may_be_there_only_without_a_parameter() {
        let mut read = operation("identities.find", "GET");
        read.cache.tags = vec![template(&["list:ident", "!1"]), template(&["acct:", "?0"])];
        let facts = Facts::new(&read);
        let (epochs, tenant, payload) = (Epochs::new(), Tenant("acme".into()), payload("{}"));
        let tags =
            |given: &[&str]| facts.about(&epochs, &tenant, &params(given), &payload).unwrap().words;
        assert_eq!(tags(&["1"]).to_vec(), expected(&epochs, &tenant, &["acct:1", "list:ident"]));
        assert_eq!(tags(&["1", "x"]).to_vec(), expected(&epochs, &tenant, &["acct:1"]));
    }

    #[test]
    fn a_write_moves_what_it_was_asked_with_and_what_it_answers() {
        let mut write = operation("conversations.update", "PATCH");
        let always = |tag| Moved { tag, unless_only: Vec::new() };
        write.cache.invalidates =
            vec![always(template(&["conv:", "?1"])), always(template(&["conv:u:", "$uuid"]))];
        let facts = Facts::new(&write);
        let (epochs, tenant, asked) = (Epochs::new(), Tenant("acme".into()), params(&["1", "n:7"]));
        let before = facts.moves(&epochs, &tenant, &asked, None, None).unwrap();
        assert_eq!(before, expected(&epochs, &tenant, &["conv:n:7"]));
        let answer = payload(r#"{"uuid":"0-1"}"#);
        let after = facts.moves(&epochs, &tenant, &asked, None, Some(&answer)).unwrap();
        assert_eq!(after, expected(&epochs, &tenant, &["conv:n:7", "conv:u:0-1"]));
        assert!(facts.moves(&epochs, &tenant, &asked, None, Some(&payload("{"))).is_err());
    }

    #[test]
    fn a_tag_stays_where_the_body_has_only_what_it_does_not_depend_on() {
        let mut write = operation("agents.update", "PATCH");
        let unless_only = vec!["availability".into()];
        write.cache.invalidates = vec![
            Moved { tag: template(&["agent:", "?1"]), unless_only: Vec::new() },
            Moved { tag: template(&["list:conv"]), unless_only },
        ];
        let facts = Facts::new(&write);
        let (epochs, tenant, asked) = (Epochs::new(), Tenant("acme".into()), params(&["1", "n:7"]));
        let moved = |body: Option<&str>| {
            facts.moves(&epochs, &tenant, &asked, body.map(str::as_bytes), None).unwrap()
        };
        let all = expected(&epochs, &tenant, &["agent:n:7", "list:conv"]);
        for body in [None, Some(""), Some("{}"), Some(r#"{"availability":"busy","name":"A"}"#)] {
            assert_eq!(moved(body), all, "{body:?}");
        }
        let alone = expected(&epochs, &tenant, &["agent:n:7"]);
        for body in [r#"{"availability":"busy"}"#, r#" {"avail\u0061bility":null}"#] {
            assert_eq!(moved(Some(body)), alone, "{body}");
        }
    }

    #[test]
    fn an_answer_with_a_secret_is_not_stored() {
        let mut read = operation("bots.list", "GET");
        read.cache.secrets = vec![vec!["data".into(), "*".into(), "token".into()]];
        let facts = Facts::new(&read);
        let (epochs, tenant) = (Epochs::new(), Tenant("acme".into()));
        let stored = |json| facts.about(&epochs, &tenant, &params(&[]), &payload(json)).is_ok();
        assert!(stored(r#"{"data":[{"token":null},{}]}"#));
        assert!(!stored(r#"{"data":[{"token":null},{"token":"s"}]}"#));
    }

    #[test]
    fn an_empty_list_is_not_stored_where_the_contract_says_so() {
        let mut read = operation("identities.find", "GET");
        read.cache.non_empty = Some("data".into());
        let facts = Facts::new(&read);
        let (epochs, tenant) = (Epochs::new(), Tenant("acme".into()));
        let stored = |json| facts.about(&epochs, &tenant, &params(&[]), &payload(json)).is_ok();
        assert!(stored(r#" {"page":{}, "data":[{}]}"#));
        for empty in [r#"{"data":[ ]}"#, "{}", "", r#"{"data":null}"#] {
            assert!(!stored(empty), "{empty}");
        }
    }

    #[test]
    fn too_many_tags_are_no_tags() {
        let mut read = operation("messages.list", "GET");
        read.cache.tags = vec![template(&["m:", "$*"])];
        let facts = Facts::new(&read);
        let list: Vec<String> = (0..MOST_TAGS * 2).map(|n| n.to_string()).collect();
        let payload = payload(&format!("[{}]", list.join(",")));
        let (epochs, tenant) = (Epochs::new(), Tenant("acme".into()));
        assert!(facts.about(&epochs, &tenant, &params(&[]), &payload).is_err());
    }
}
