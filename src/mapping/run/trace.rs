//! The way back from a pointer into what was written to where it was read.

use std::borrow::Cow;

use crate::json::text;
use crate::mapping::plan::{Emit, Program, Site, SiteId};

/// The site whose value stands at a pointer (RFC 6901) into what `program` writes, so that a
/// backend's complaint about a body can be named in the caller's words. Where the pointer goes
/// deeper than the program, or names a member that is not written, the nearest value above counts;
/// where it names something made of several values, the first of them.
/// `None` where no value of the caller's was written there: a constant, or nothing at all.
#[must_use]
pub fn trace<'p>(program: &'p Program, pointer: &str) -> Option<&'p Site> {
    let steps: Vec<Cow<'_, str>> = pointer
        .strip_prefix('/')
        .map(|rest| rest.split('/').map(unescaped).collect())
        .unwrap_or_default();
    let site = descend(program, &program.emit, &steps).or_else(|| within(program, &steps))?;
    program.sites.get(site.0 as usize)
}

fn unescaped(step: &str) -> Cow<'_, str> {
    if step.contains('~') {
        Cow::Owned(step.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(step)
    }
}

fn descend(program: &Program, emit: &Emit, steps: &[Cow<'_, str>]) -> Option<SiteId> {
    match emit {
        Emit::Value(op) => Some(op.site),
        Emit::Narrow(op) => Some(op.site),
        Emit::Conditions(op) => Some(op.site),
        Emit::Column { relation, .. } => {
            program.relations.get(usize::from(*relation)).map(|relation| relation.site)
        }
        Emit::Object(op) => {
            let own = op.from.as_ref().map(|from| from.site);
            let Some((step, rest)) = steps.split_first() else { return own };
            let member = op.members.iter().find(|member| is_key(&member.key, step));
            // A constant member is no value of the caller's, though the object may be.
            member.map_or(own, |member| descend(program, &member.emit, rest))
        }
        Emit::Each(op) => match steps.split_first() {
            _ if op.take.is_some() => descend(program, &op.element, steps).or(Some(op.site)),
            None => Some(op.site),
            Some((_, rest)) => descend(program, &op.element, rest).or(Some(op.site)),
        },
        Emit::Bind(op) => descend(program, &op.then, steps)
            .or_else(|| op.otherwise.as_ref().and_then(|emit| descend(program, emit, steps))),
        Emit::OneOf(op) => op
            .cases
            .iter()
            .map(|case| &case.emit)
            .chain(&op.otherwise)
            .find_map(|emit| descend(program, emit, steps))
            .or(Some(op.site)),
        Emit::When(_, emit) => descend(program, emit, steps),
        Emit::FirstOf(items) => items.iter().find_map(|emit| descend(program, emit, steps)),
        Emit::Tuple(items) | Emit::List(items, _) => {
            let (step, rest) = steps.split_first()?;
            descend(program, items.get(step.parse::<usize>().ok()?)?, rest)
        }
        Emit::Const(_)
        | Emit::Absent
        | Emit::All(_)
        | Emit::WhenSet(..)
        | Emit::IsSet(_)
        | Emit::Count(_)
        | Emit::Page(_)
        | Emit::Group { .. }
        | Emit::Join { .. } => None,
    }
}

/// The first value of what stands at a pointer; the whole is nobody's in particular.
fn within(program: &Program, steps: &[Cow<'_, str>]) -> Option<SiteId> {
    let mut emit = &*program.emit;
    for step in steps {
        emit = match emit {
            Emit::Object(op) => &op.members.iter().find(|m| is_key(&m.key, step))?.emit,
            Emit::Tuple(items) | Emit::List(items, _) => items.get(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    if steps.is_empty() { None } else { first(program, emit) }
}

fn first(program: &Program, emit: &Emit) -> Option<SiteId> {
    match emit {
        Emit::Object(op) => op.members.iter().find_map(|member| first(program, &member.emit)),
        Emit::Tuple(items) | Emit::List(items, _) => items.iter().find_map(|i| first(program, i)),
        other => descend(program, other, &[]),
    }
}

/// Whether `"key":` is the key of a step.
fn is_key(key: &[u8], step: &str) -> bool {
    let quoted = key.strip_suffix(b":").unwrap_or(key);
    std::str::from_utf8(quoted).is_ok_and(|quoted| text::eq(quoted, step))
}
