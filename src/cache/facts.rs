//! What the contract says about caching an operation, made ready: `x-cache`, compiled.

use std::fmt::Write as _;
use std::time::Duration;

use smallvec::SmallVec;

use crate::cache::epochs::{Epochs, Word};
use crate::cache::walk::{Found, NotFollowed, Places};
use crate::canonical::contract::{Operation, TagPart, TagTemplate};
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
    invalidates: Vec<Template>,
    until: Vec<u16>,
    /// The member whose list must not be empty in an answer that is stored.
    non_empty: Option<Box<str>>,
    places: Places,
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

/// There are too many tags, or the answer cannot be followed, or its list is empty.
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
        let mut compile = |templates: &[TagTemplate]| -> Vec<Template> {
            templates.iter().map(|t| template(t, &mut places)).collect()
        };
        let (tags, invalidates) = if operation.safe {
            (compile(&cache.tags), Vec::new())
        } else {
            (Vec::new(), compile(&cache.invalidates))
        };
        Self {
            safe: operation.safe,
            ttl: cache.ttl,
            stale_while_revalidate: cache.stale_while_revalidate,
            stale_if_error: cache.stale_if_error,
            per_actor: cache.per_actor,
            tags,
            invalidates,
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
        let words = words(&self.tags, epochs, tenant, params, &found)?;
        if words.len() > MOST_TAGS || self.is_empty(payload) {
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
        payload: Option<&Payload>,
    ) -> Result<Vec<Word>, Untellable> {
        let found = payload.map(|payload| self.find(payload)).transpose()?.unwrap_or_default();
        words(&self.invalidates, epochs, tenant, params, &found)
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
fn words(
    templates: &[Template],
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
        write.cache.invalidates = vec![template(&["conv:", "?1"]), template(&["conv:u:", "$uuid"])];
        let facts = Facts::new(&write);
        let (epochs, tenant, asked) = (Epochs::new(), Tenant("acme".into()), params(&["1", "n:7"]));
        let before = facts.moves(&epochs, &tenant, &asked, None).unwrap();
        assert_eq!(before, expected(&epochs, &tenant, &["conv:n:7"]));
        let after =
            facts.moves(&epochs, &tenant, &asked, Some(&payload(r#"{"uuid":"0-1"}"#))).unwrap();
        assert_eq!(after, expected(&epochs, &tenant, &["conv:n:7", "conv:u:0-1"]));
        assert!(facts.moves(&epochs, &tenant, &asked, Some(&payload("{"))).is_err());
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
