//! A route's results as the client's answer: rendered once per entry, route and bound inputs.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::hash::BuildHasher as _;
use std::sync::{Arc, LazyLock};

use bytes::{Bytes, BytesMut};

use crate::canonical::payload::{Coding, Payload, Rendering, RenderingKey};
use crate::canonical::{Outcome, ProblemCode, Response};
use crate::dialect::page::{self, Page};
use crate::dialect::route::{Reply, ReplyBody, Route};
use crate::error::Error;
use crate::telemetry::record::MappingEvent;

use super::calls::{Job, Results, documents};
use super::coding::LEAST_COMPRESSED;
use super::problems;
use super::scratch::{translate, translate_seen};

pub(super) const JSON: &str = "application/json";

/// Digests of bound inputs are keyed anew in each process, so nobody can aim at a collision.
static INPUTS: LazyLock<foldhash::quality::RandomState> = LazyLock::new(Default::default);

/// Room for the validators of some sixty answers, given back when the last of them is gone.
const ETAGS_BYTES: usize = 2048;

thread_local! {
    static ETAGS: RefCell<BytesMut> = RefCell::default();
}

/// The reply whose condition holds.
///
/// # Errors
/// 500 where none does; what was wrong with the backend's answers.
pub fn choose<'r>(job: Job<'_>, route: &'r Route, results: &Results) -> Result<&'r Reply, Error> {
    for reply in &route.replies {
        let Some(when) = &reply.when else { return answers(reply) };
        let holds = translate(when, &documents(job, results), job.record, |out| out == b"true");
        if holds.map_err(|faults| problems::unreadable(&faults))? {
            return answers(reply);
        }
    }
    Err(Error::from(ProblemCode::Internal).within("no reply's condition holds"))
}

/// A reply, unless it says that something is wrong.
fn answers(reply: &Reply) -> Result<&Reply, Error> {
    match &reply.body {
        ReplyBody::Problem(problem) => Err((**problem).clone().into()),
        _ => Ok(reply),
    }
}

/// The body of a reply, from the entry's renderings where it may be kept there. `revision` makes
/// the resource's revision its validator. Where the rendering is kept compressed as `wanted`, it is
/// that one.
///
/// # Errors
/// What was wrong with the backend's answers.
pub fn body(
    job: Job<'_>,
    route: &Route,
    reply: &Reply,
    results: &Results,
    revision: bool,
    wanted: Option<Coding>,
) -> Result<Rendered, Error> {
    let key = || RenderingKey {
        catalog: job.catalog.number,
        route: route.number,
        inputs: INPUTS.hash_one(job.inputs),
    };
    let (program, page) = match &reply.body {
        ReplyBody::Empty => return Ok(Rendered::plain(Bytes::new(), JSON.into())),
        ReplyBody::Problem(problem) => return Err((**problem).clone().into()),
        ReplyBody::Constant(bytes, media) => {
            return Ok(Rendered::plain(Bytes::copy_from_slice(bytes), (*media).into()));
        }
        ReplyBody::Verbatim => {
            let answer = results.iter().flatten().next_back().ok_or(ProblemCode::Internal)?;
            let payload = &answer.payload;
            let home = answer.outcome.is_held().then(|| (Arc::clone(payload), key()));
            if let (Some(coding), Some((payload, key))) = (wanted, &home)
                && let Some(kept) = payload.coded(*key, coding)
            {
                return Ok(Rendered::coded(kept, coding));
            }
            return Ok(Rendered { home, ..Rendered::plain(payload.body.clone(), JSON.into()) });
        }
        ReplyBody::Program(program) => (program, None),
        ReplyBody::Page(program, page) => (program, Some(page)),
    };
    let last = results.last().and_then(Option::as_ref);
    // What the cache does not hold is gone with this answer, and a rendering with it.
    let sole = last.filter(|response| reply.keepable && response.outcome.is_held());
    let keep = sole.map(|response| (&response.payload, key()));
    // Only what is to be compressed has anything more to keep there.
    let home =
        || keep.filter(|_| wanted.is_some()).map(|(payload, key)| (Arc::clone(payload), key));
    if let Some((payload, key)) = keep {
        if let Some(coding) = wanted
            && let Some(kept) = payload.coded(key, coding)
        {
            return Ok(Rendered::coded(kept, coding).shown(page));
        }
        if let Some(kept) = payload.rendering(key) {
            return Ok(Rendered { home: home(), ..Rendered::json(kept) }.shown(page));
        }
    }
    let own = last.filter(|_| revision).and_then(|response| response.payload.revision.as_deref());
    let kept = keep.is_some();
    let made = |out: &[u8], hidden| match page {
        None => (Ok(seal(out, own, kept)), hidden),
        Some(page) => (page.render(out).map(|page| seal(page.as_bytes(), None, kept)), hidden),
    };
    let (rendering, hidden) = translate_seen(program, &documents(job, results), job.record, made)
        .map_err(|faults| problems::unreadable(&faults))?;
    let rendering = rendering.map_err(unfilled)?;
    unseen(job, route, hidden);
    if let Some((payload, key)) = keep {
        payload.keep(key, rendering.clone());
    }
    Ok(Rendered { home: home(), ..Rendered::json(rendering) }.shown(page))
}

/// A page and the values for it do not fit: the mapping's fault.
pub(super) fn unfilled(why: String) -> Error {
    Error::from(ProblemCode::Internal).within(format!("a page is not filled in: {why}"))
}

/// A body and its validator (`own`, or one of its bytes). What is kept lies in one piece of memory;
/// the validator of what is not lies with those of others, and takes none of its own.
fn seal(body: &[u8], own: Option<&str>, kept: bool) -> Rendering {
    let length = own.map_or(34, |own| own.len() + 2);
    let write = |out: &mut BytesMut| match own {
        Some(revision) => {
            out.extend_from_slice(b"\"");
            out.extend_from_slice(revision.as_bytes());
            out.extend_from_slice(b"\"");
        }
        None => validator(body, out),
    };
    let alone = || {
        let mut both = BytesMut::with_capacity(body.len() + length);
        both.extend_from_slice(body);
        let sealed = both.split().freeze();
        write(&mut both);
        Rendering { body: sealed, etag: both.freeze() }
    };
    if kept {
        return alone();
    }
    let etag = ETAGS.try_with(|room| {
        let mut room = room.try_borrow_mut().ok()?;
        if room.capacity() < length {
            *room = BytesMut::with_capacity(length.max(ETAGS_BYTES));
        }
        write(&mut room);
        Some(room.split().freeze())
    });
    match etag {
        Ok(Some(etag)) => Rendering { body: Bytes::copy_from_slice(body), etag },
        _ => alone(),
    }
}

/// Notes what was kept back of an answer that was asked for as the caller may see it: the backend
/// let it slip. A widened answer holds for everyone, so in it there is always something to keep back.
fn unseen(job: Job<'_>, route: &Route, hidden: u32) {
    if hidden == 0 || route.calls.last().is_none_or(|call| call.widen) {
        return;
    }
    let kind = "unseen";
    job.record.mapping(MappingEvent { record: Arc::clone(&route.name), kind, count: hidden });
    tracing::warn!(
        route = &*route.name,
        count = hidden,
        "an answer held what is not the caller's to see"
    );
}

/// A body ready to be sent.
#[derive(Debug)]
pub struct Rendered {
    /// The bytes.
    pub body: Bytes,
    /// Its strong validator.
    pub etag: Option<Bytes>,
    /// Its media type, where it is not JSON.
    pub media: Option<Box<str>>,
    /// How it is compressed.
    pub coding: Option<Coding>,
    /// Whether it would be another one for a client that takes other codings.
    pub varies: bool,
    /// Where it is kept, and by which name: a compressed form belongs there too.
    pub home: Option<(Arc<Payload>, RenderingKey)>,
}

impl Rendered {
    fn json(rendering: Rendering) -> Self {
        Self {
            varies: rendering.body.len() > LEAST_COMPRESSED,
            body: rendering.body,
            etag: Some(rendering.etag),
            media: None,
            coding: None,
            home: None,
        }
    }

    /// Where it is a page, it is no JSON.
    fn shown(self, page: Option<&Arc<Page>>) -> Self {
        match page {
            Some(_) => Self { media: Some(page::MEDIA.into()), ..self },
            None => self,
        }
    }

    /// What was compressed before.
    fn coded(kept: Rendering, coding: Coding) -> Self {
        Self { coding: Some(coding), varies: true, ..Self::json(kept) }
    }

    fn plain(body: Bytes, media: Box<str>) -> Self {
        let etag = (!body.is_empty()).then(|| {
            let mut etag = BytesMut::with_capacity(34);
            validator(&body, &mut etag);
            etag.freeze()
        });
        let text = &*media == JSON || media.starts_with("text/") || media.ends_with("+json");
        Self {
            varies: text && body.len() > LEAST_COMPRESSED,
            body,
            etag,
            media: (&*media != JSON).then_some(media),
            coding: None,
            home: None,
        }
    }
}

/// Writes a strong validator: 128 bits of the bytes, the same in every process.
fn validator(body: &[u8], out: &mut BytesMut) {
    let half = |seed| foldhash::quality::FixedState::with_seed(seed).hash_one(body);
    // A `BytesMut` grows as it must.
    let _ = write!(out, "\"{:016x}{:016x}\"", half(0x6465_736b), half(0x6272_6964));
}

/// What the cache did: of several calls the worst.
#[must_use]
pub fn outcome(results: &Results) -> Option<Outcome> {
    results.iter().flatten().map(|r: &Response| r.outcome).reduce(Outcome::and)
}

/// The catalog's name of the dialect whose single resources carry their revision as `ETag`.
#[must_use]
pub fn carries_revision(dialect: &Arc<crate::dialect::Dialect>) -> bool {
    &*dialect.name == "canonical"
}
