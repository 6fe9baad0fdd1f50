//! All of a list that an answer embeds, where the contract cuts it off (`x-continued`): what lies
//! before it is asked for page by page and put in front.
//!
//! Each page is a canonical call of its own, with its own entry in the cache. What lies before an
//! entry does not change when others are added, so the pages fit together.

use std::sync::Arc;

use bytes::Bytes;
use tower::ServiceExt as _;

use crate::canonical::contract::{Continued, Source};
use crate::canonical::{Actor, Contract, Params, Payload, ProblemCode, ReadsAs, Request, Response};
use crate::error::Error;
use crate::json::{text, walk};

use super::calls::Canonical;
use super::pages::{MOST_BYTES, member, read};

/// Whether an answer is long enough to be looked into. Costs nothing where it is not.
pub(super) fn may_go_on(plan: &Continued, answer: &Response) -> bool {
    answer.payload.body.len() >= plan.least_bytes
}

/// The answer with its lists made whole.
///
/// # Errors
/// The first failure; `upstream_invalid` where the whole would be longer than an answer may be.
pub(super) async fn go_on<S: Canonical>(
    plan: &Continued,
    contract: &Contract,
    request: Request,
    answer: Response,
    canonical: &S,
) -> Result<Response, Error> {
    let document = read(&answer)?;
    let objects: Vec<&str> = match plan.paged {
        true => walk::elements(member(document, "data").unwrap_or("[]")).collect(),
        false => vec![document],
    };
    let mut bytes = document.len();
    let mut outcome = answer.outcome;
    let mut whole: Vec<Option<Vec<Response>>> = Vec::with_capacity(objects.len());
    for object in &objects {
        let entries = member(object, &plan.list).unwrap_or("[]");
        let cut_off = walk::elements(entries).nth(plan.most.saturating_sub(1)).is_some();
        let first = walk::elements(entries).next().filter(|_| cut_off);
        let Some(first) = first else {
            whole.push(None);
            continue;
        };
        let mut before = id(first)?;
        let mut pages = Vec::new();
        loop {
            let asked = ask(plan, contract, &request, object, &before)?;
            let page = canonical.clone().oneshot(asked).await?;
            bytes = bytes.saturating_add(page.payload.body.len());
            if bytes > MOST_BYTES {
                return Err(too_long(&plan.list));
            }
            outcome = outcome.and(page.outcome);
            let data = member(read(&page)?, "data").unwrap_or("[]");
            let (count, last) = (walk::elements(data).count(), walk::elements(data).last());
            let following = last.map(id).transpose()?;
            pages.push(page);
            match following {
                Some(last) if count >= plan.limit.1 && last != before => before = last,
                _ => break,
            }
        }
        whole.push(Some(pages));
    }
    if whole.iter().all(Option::is_none) {
        return Ok(answer);
    }
    let mut body = Vec::with_capacity(bytes);
    if plan.paged {
        members(&mut body, document, "data", |out| {
            list(out, objects.iter().zip(&whole), |out, (object, pages)| match pages {
                Some(pages) => joined(out, object, &plan.list, pages),
                None => {
                    out.extend_from_slice(object.as_bytes());
                    Ok(())
                }
            })
        })?;
    } else if let Some(Some(pages)) = whole.first() {
        joined(&mut body, document, &plan.list, pages)?;
    }
    let (status, revision) = (answer.payload.status, answer.payload.revision.clone());
    let payload = Payload::new(status, Bytes::from(body), revision);
    Ok(Response { payload: Arc::new(payload), outcome })
}

fn too_long(list: &str) -> Error {
    let limit = MOST_BYTES >> 20;
    Error::from(ProblemCode::UpstreamInvalid)
        .within(format!("the whole of `{list}` is longer than {limit} MiB, the longest answer"))
}

/// The id of an entry.
fn id(entry: &str) -> Result<String, Error> {
    let token = member(entry, "id").filter(|token| text::content(token).is_some());
    let token = token.ok_or_else(|| {
        Error::from(ProblemCode::UpstreamInvalid).within("an entry of a list without an id")
    })?;
    Ok(text::decode(token).into_owned())
}

/// The question for what lies before an entry.
fn ask(
    plan: &Continued,
    contract: &Contract,
    request: &Request,
    object: &str,
    before: &str,
) -> Result<Request, Error> {
    let limit = plan.limit.1.to_string();
    let mut values: Vec<(u8, String)> = vec![
        (plan.before, before.to_owned()),
        (plan.limit.0, limit),
        (plan.order, "desc".to_owned()),
    ];
    for (position, source) in &plan.path {
        let value = match source {
            Source::Parameter(of) => request.params.get(*of).map(str::to_owned),
            Source::Member(name) => member(object, name)
                .filter(|token| text::content(token).is_some())
                .map(|token| text::decode(token).into_owned()),
        };
        let value = value.ok_or_else(|| {
            Error::from(ProblemCode::UpstreamInvalid).within("an object that does not say its id")
        })?;
        values.push((*position, value));
    }
    values.sort_unstable();
    let mut params = Params::default();
    if !values.iter().all(|(position, value)| params.push(*position, value)) {
        return Err(Error::from(ProblemCode::UpstreamInvalid).within("an id of more than 64 KiB"));
    }
    // As any read that is the same for everyone: asked as the gateway, so that everyone shares it.
    let own = request.viewer.as_ref().is_some_and(|v| v.principal.reads_as == ReadsAs::Actor);
    let actor =
        match request.viewer.as_ref().filter(|_| own || contract.get(plan.by).cache.per_actor) {
            Some(viewer) => viewer.principal.actor.clone(),
            None => Actor::Gateway,
        };
    Ok(Request { operation: plan.by, params, body: Bytes::new(), actor, ..request.clone() })
}

/// An object with its list made whole: the pages are newest first, the list is oldest first.
fn joined(out: &mut Vec<u8>, object: &str, name: &str, pages: &[Response]) -> Result<(), Error> {
    let mut before = Vec::new();
    for page in pages {
        before.extend(walk::elements(member(read(page)?, "data").unwrap_or("[]")));
    }
    let own = walk::elements(member(object, name).unwrap_or("[]"));
    members(out, object, name, |out| {
        list(out, before.iter().rev().copied().chain(own), |out, entry: &str| {
            out.extend_from_slice(entry.as_bytes());
            Ok(())
        })
    })
}

/// An object with the value of one member written anew.
fn members(
    out: &mut Vec<u8>,
    object: &str,
    name: &str,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut write = Some(write);
    let mut between = b'{';
    for (key, value) in walk::members(object) {
        out.push(between);
        between = b',';
        out.extend_from_slice(key.as_bytes());
        out.push(b':');
        match write.take_if(|_| text::eq(key, name)) {
            Some(write) => write(out)?,
            None => out.extend_from_slice(value.as_bytes()),
        }
    }
    out.push(b'}');
    Ok(())
}

fn list<T>(
    out: &mut Vec<u8>,
    entries: impl Iterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T) -> Result<(), Error>,
) -> Result<(), Error> {
    out.push(b'[');
    for (index, entry) in entries.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, entry)?;
    }
    out.push(b']');
    Ok(())
}
