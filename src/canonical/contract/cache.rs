//! `x-cache`: how long an answer keeps, and the tags that connect reads with writes.

use std::time::Duration;

use super::operations::Read;
use super::{CacheFacts, Contract, Kind, Moved, SchemaId, TagPart, TagTemplate};
use crate::json::place::{Hop, Place};
use crate::syntax::yaml::Entry;
use crate::syntax::{Code, Diagnostic, Diagnostics, Fields, Node, Span, closest};

/// A place of `until` and where it stands.
pub(super) struct WrittenUntil {
    members: Vec<Box<str>>,
    span: Span,
}

/// A tag template and where it stands, until the places in it can be checked.
pub(super) struct WrittenTag {
    template: TagTemplate,
    span: Span,
}

/// `x-cache` as read.
#[derive(Default)]
pub(super) struct Written {
    pub(super) facts: CacheFacts,
    pub(super) tags: Vec<WrittenTag>,
    pub(super) until: Vec<WrittenUntil>,
    pub(super) non_empty: Option<Span>,
    /// Members of the body that `unless_only` names.
    pub(super) unless: Vec<(Box<str>, Span)>,
}

/// Reads `x-cache`. `parameters` are the names of the operation's parameters.
pub(super) fn read(
    node: &Node,
    parameters: &[&str],
    safe: bool,
    diagnostics: &mut Diagnostics,
) -> Written {
    let mut written = Written::default();
    let Some(mut fields) = Fields::of(node, "`x-cache`", diagnostics) else { return written };
    fields.required("scope");
    written.facts.per_actor = fields.word("scope", &["object", "actor"]) == Some("actor");
    let ttl = fields.entry("ttl");
    let windows = ["stale_while_revalidate", "stale_if_error"].map(|key| fields.entry(key));
    // Said with an empty list, and not by forgetting it.
    let untagged = fields.get("tags").is_none();
    let tags = fields.list("tags").unwrap_or_default();
    let invalidates = fields.entry("invalidates");
    let moved = fields.list("invalidates").unwrap_or_default();
    let until = fields.list("until").unwrap_or_default();
    written.facts.widen = fields.boolean("widen").unwrap_or(false);
    written.facts.everything = fields.boolean("everything").unwrap_or(false) && !safe;
    let no_store = fields.entry("no_store");
    written.facts.no_store = fields.boolean("no_store").unwrap_or(false);
    if let Some(member) = fields.text("non_empty") {
        written.facts.non_empty = Some(member.into());
        written.non_empty = fields.get("non_empty").map(|n| n.span);
    }
    fields.finish();
    let mut problem = |span, message: &str| {
        diagnostics.push(Diagnostic::error(Code::Contract, span, message));
    };
    if let Some(ttl) = ttl {
        written.facts.ttl = ttl.value.as_text().and_then(seconds);
        if written.facts.ttl.is_none() {
            problem(
                ttl.value.span,
                "a time to live is a number above 0 and s, m or h, as in `30s`",
            );
        }
        if !safe {
            problem(ttl.key_span, "an answer to a write is never stored");
        }
        if untagged {
            problem(
                ttl.key_span,
                "a stored answer without `tags` could never be taken back; one that only its time \
                 ends says `tags: []`",
            );
        }
    }
    let mut window = |entry: Option<&Entry>| {
        let Some(entry) = entry else { return Duration::ZERO };
        let time = entry.value.as_text().and_then(seconds);
        if time.is_none() {
            problem(
                entry.value.span,
                "how long an old answer is given is a number above 0 and s, m or h, as in `30s`",
            );
        }
        if ttl.is_none() {
            problem(entry.key_span, "without a `ttl` nothing is stored, so nothing grows old");
        }
        time.unwrap_or_default()
    };
    let [revalidate, failing] = windows;
    written.facts.stale_while_revalidate = window(revalidate);
    written.facts.stale_if_error = window(failing);
    if let (Some(entry), Some(_)) = (no_store, ttl) {
        problem(entry.key_span, "what clients are not to keep is not stored here either");
    }
    if let Some(entry) = invalidates
        && safe
    {
        problem(entry.key_span, "a read moves no tags");
    }
    for node in tags {
        let Some(template) = template(node, parameters, diagnostics) else { continue };
        written.tags.push(WrittenTag { template: template.clone(), span: node.span });
        written.facts.tags.push(template);
    }
    for node in moved {
        let (named, unless_only) = match node.get("tag") {
            Some(tag) => (tag, unless(node, &mut written.unless, diagnostics)),
            None => (node, Vec::new()),
        };
        let Some(tag) = template(named, parameters, diagnostics) else { continue };
        written.tags.push(WrittenTag { template: tag.clone(), span: named.span });
        written.facts.invalidates.push(Moved { tag, unless_only });
    }
    for node in until {
        let Some(text) = node.as_text() else {
            diagnostics.push(Diagnostic::error(Code::WrongType, node.span, "a place is text"));
            continue;
        };
        let Some(members) = place(text, node, diagnostics) else { continue };
        written.facts.until.push(members.clone());
        written.until.push(WrittenUntil { members, span: node.span });
    }
    written
}

/// `{tag, unless_only: [availability]}`: the members.
fn unless(
    node: &Node,
    places: &mut Vec<(Box<str>, Span)>,
    diagnostics: &mut Diagnostics,
) -> Vec<Box<str>> {
    let Some(mut fields) = Fields::of(node, "a tag with a condition", diagnostics) else {
        return Vec::new();
    };
    fields.get("tag");
    fields.required("unless_only");
    let list = fields.list("unless_only").unwrap_or_default();
    fields.finish();
    let members = list.iter().filter_map(|one| Some((Box::from(one.as_text()?), one.span)));
    let members: Vec<(Box<str>, Span)> = members.collect();
    places.extend(members.iter().cloned());
    members.into_iter().map(|(name, _)| name).collect()
}

fn seconds(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    let number: u64 = text.get(..text.len() - 1)?.parse().ok().filter(|n| *n > 0)?;
    number.checked_mul(unit).map(Duration::from_secs)
}

/// `conv:{conversation_id}`, `conv:{$.id}`.
fn template(
    node: &Node,
    parameters: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<TagTemplate> {
    let Some(text) = node.as_text() else {
        diagnostics.push(Diagnostic::error(Code::WrongType, node.span, "a tag is text"));
        return None;
    };
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((hole, behind)) = after.split_once('}') else {
            let message = "a hole in a tag begins with { and ends with }";
            diagnostics.push(Diagnostic::error(Code::BadPlace, node.span, message));
            return None;
        };
        if !before.is_empty() {
            parts.push(TagPart::Text(before.into()));
        }
        parts.push(match hole.strip_prefix('$') {
            Some(_) => TagPart::Answer(place(hole, node, diagnostics)?),
            None => {
                let (name, make): (&str, fn(u8) -> TagPart) = match hole.strip_prefix('!') {
                    Some(name) => (name, TagPart::Without),
                    None => (hole, TagPart::Parameter),
                };
                let position = parameters.iter().position(|p| *p == name).map(u8::try_from);
                if let Some(Ok(position)) = position {
                    make(position)
                } else {
                    diagnostics.push(
                        Diagnostic::error(
                            Code::UnknownParameter,
                            node.span,
                            format!("the operation has no parameter `{name}`"),
                        )
                        .suggest(closest(name, parameters.iter().copied())),
                    );
                    return None;
                }
            }
        });
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(TagPart::Text(rest.into()));
    }
    Some(TagTemplate(parts))
}

fn place(hole: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<Box<str>>> {
    let mut bad = |why: String| {
        diagnostics.push(Diagnostic::error(Code::BadPlace, node.span, why));
    };
    let place: Place = match hole.parse() {
        Ok(place) => place,
        Err(why) => {
            bad(format!("`{hole}` is no place: {why}"));
            return None;
        }
    };
    if !place.root.is_empty() || place.hops.is_empty() {
        bad(format!("`{hole}` is no place in the answer; those begin with `$.`"));
        return None;
    }
    let mut members = Vec::new();
    for hop in place.hops {
        members.push(match hop {
            Hop::Member(name) => name,
            Hop::Each => "*".into(),
            Hop::Index(_) => {
                bad("a tag takes every element of a list, `[*]`, never one".to_owned());
                return None;
            }
        });
    }
    Some(members)
}

/// Checks the places of all tags against the answers' schemas.
pub(super) fn check(contract: &Contract, operations: &[Read], diagnostics: &mut Diagnostics) {
    for read in operations {
        let name = &read.operation.name;
        let body = read.operation.body.as_ref().map(|body| contract.properties(body.schema));
        for (member, span) in &read.unless {
            let known = || body.unwrap_or_default().iter().map(|p| &*p.name);
            if !known().any(|name| *name == **member) {
                let message = format!("the body of `{name}` has no member `{member}`");
                let problem = Diagnostic::error(Code::UnknownPlace, *span, message);
                diagnostics.push(problem.suggest(closest(member, known())));
            }
        }
        let Some(answer) = read.operation.answer else {
            for tag in &read.tags {
                if tag.template.0.iter().any(|p| matches!(p, TagPart::Answer(_))) {
                    let message = format!("`{name}` answers with no JSON that a place could be in");
                    diagnostics.push(Diagnostic::error(Code::UnknownPlace, tag.span, message));
                }
            }
            for until in &read.until {
                let message = format!("`{name}` answers with no JSON that a place could be in");
                diagnostics.push(Diagnostic::error(Code::UnknownPlace, until.span, message));
            }
            continue;
        };
        for tag in &read.tags {
            for part in &tag.template.0 {
                if let TagPart::Answer(members) = part {
                    follow(contract, answer, members, tag.span, diagnostics);
                }
            }
        }
        for until in &read.until {
            follow(contract, answer, &until.members, until.span, diagnostics);
        }
        if let (Some(member), Some(span)) = (&read.operation.cache.non_empty, read.non_empty) {
            follow(contract, answer, &[member.clone(), "*".into()], span, diagnostics);
        }
    }
}

fn follow(
    contract: &Contract,
    root: SchemaId,
    members: &[Box<str>],
    span: Span,
    diagnostics: &mut Diagnostics,
) {
    let mut at = vec![root];
    for member in members {
        // Every alternative of a union is looked into; one that has the member is enough.
        let found: Vec<SchemaId> = at.iter().filter_map(|id| step(contract, *id, member)).collect();
        if found.is_empty() {
            let known: Vec<&str> = at
                .iter()
                .flat_map(|id| contract.properties(*id).iter().map(|p| &*p.name))
                .collect();
            diagnostics.push(
                Diagnostic::error(
                    Code::UnknownPlace,
                    span,
                    match &**member {
                        "*" => "`[*]` stands where the answer has no list".to_owned(),
                        name => format!("the answer has no `{name}` there"),
                    },
                )
                .suggest(closest(member, known)),
            );
            return;
        }
        at = found.iter().flat_map(|id| alternatives(contract, *id)).collect();
    }
}

fn alternatives(contract: &Contract, id: SchemaId) -> Vec<SchemaId> {
    match &contract.schema(id).kind {
        Kind::Union(of) => of.clone(),
        _ => vec![id],
    }
}

fn step(contract: &Contract, id: SchemaId, member: &str) -> Option<SchemaId> {
    match &contract.schema(id).kind {
        Kind::List { items, .. } if member == "*" => Some(*items),
        Kind::Object { .. } => contract.property(id, member).map(|p| p.schema),
        _ => None,
    }
}
