//! Forms with files: each file goes to the backend as it comes, and what the backend answers stands in
//! its place. Nothing of a file is held here but the piece that is on its way.
//!
//! Files come before the other values of a form or after them, so they are sent on before anything is
//! known of those. A request that is refused afterwards leaves files behind that nobody ever names;
//! the backend forgets them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body::Body;
use http_body_util::BodyExt as _;
use multer::{Field, Multipart};
use tower::ServiceExt as _;

use crate::canonical::upload::{self, Feed};
use crate::canonical::{
    Actor, FieldProblem, Problem, ProblemCode, Request, Response, Seen, Upload, Viewer,
};
use crate::dialect::route::{Files, Said};
use crate::error::Error;

use super::body::too_large;
use super::calls::{self, Canonical, Job};
use super::form::Form;
use super::multipart::{is_a_file, refuse, utf8};
use super::{Params, inflate};

/// Most bytes of a form without the end of a part's head. Nothing is found out of more.
const MOST_HEAD: u64 = 64 << 10;
/// The media type of a file that names none.
const ANY: &str = "application/octet-stream";
/// Longest media type of a file.
const LONGEST_MEDIA: usize = 127;

/// A form, its files sent on.
#[derive(Debug)]
pub(super) struct Received {
    /// The form as JSON.
    pub(super) form: Bytes,
    /// What the backend said of the last file.
    pub(super) last: Option<Response>,
}

/// What separates the parts, where the body is a form that may have files. One that is compressed is
/// read whole, as any other form.
pub(super) fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    if inflate::is_gzip(headers).unwrap_or(true) {
        return None;
    }
    multer::parse_boundary(kind).ok()
}

/// Reads a form to its end.
///
/// # Errors
/// 400 where it is none, 408 where it stops coming, 413, 415 and 422 where a file is not one that is
/// taken; what the backend says of a file.
pub(super) async fn receive<S, B>(
    job: Job<'_>,
    files: &Files,
    body: B,
    boundary: &str,
    params: &Params,
    canonical: &S,
) -> Result<Received, Error>
where
    S: Canonical,
    B: Body<Data = Bytes> + Send,
    B::Error: std::fmt::Display,
{
    let limits = &params.uploads;
    if body.size_hint().lower() > limits.max_body {
        return Err(too_large(limits.max_body));
    }
    let coming = Arc::new(Coming::default());
    let pieces = Incoming {
        body: Box::pin(body),
        coming: Arc::clone(&coming),
        most: limits.max_body,
        patience: params.body_timeout,
    };
    let whole = stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.next().await?;
        Some((piece, pieces))
    });
    let mut parts = Multipart::new(whole, boundary);
    let (mut form, mut last) = (Form::default(), None);
    let mut kinds: Vec<(String, String)> = Vec::new();
    let (mut count, mut text_left) = (0, params.max_body);
    while let Some(mut part) = parts.next_field().await.map_err(cause)? {
        coming.read();
        let name = part.name().unwrap_or_default().to_owned();
        let Some(file_name) = part.file_name().map(|name| name.replace("%22", "\"")) else {
            let text = text(&mut part, &coming, &mut text_left, params.max_body).await?;
            form.add(&name, utf8(text)?)?;
            continue;
        };
        let first = part.chunk().await.map_err(cause)?;
        if file_name.is_empty() && first.is_none() {
            // What a browser sends where no file was chosen.
            continue;
        }
        if !files.parts.iter().any(|known| **known == *name) {
            return Err(Problem::new(ProblemCode::ValidationFailed).field(is_a_file(name)).into());
        }
        count += 1;
        if count > limits.max_files {
            let detail = format!("may have {} files at most", limits.max_files);
            return Err(wrong(ProblemCode::ValidationFailed, &name, "too_many", detail));
        }
        if files.alone && count > 1 {
            let detail = "is one file".to_owned();
            return Err(wrong(ProblemCode::ValidationFailed, &name, "too_many", detail));
        }
        let media = media(&part, &limits.media_types).map_err(|media| {
            let detail = format!("is a file of a kind that is not taken here: {media}");
            wrong(ProblemCode::UnsupportedMediaType, &name, "media_type", detail)
        })?;
        if files.said.is_some() {
            kinds.push((name.clone(), media.clone()));
        }
        let (feed, file) = upload::begin(Some(&file_name), &media);
        let given = give(part, first, feed, &name, &coming, params);
        let answer = sent(job, files, file, given, canonical).await?;
        form.add_json(&name, answer.payload.body.clone())?;
        last = Some(answer);
    }
    if files.alone && last.is_none() {
        let name = files.parts.first().map_or("", |name| name);
        let detail = "must be a file".to_owned();
        return Err(wrong(ProblemCode::ValidationFailed, name, "required", detail));
    }
    if let Some(said) = &files.said {
        as_said(said, &form, &kinds)?;
    }
    Ok(Received { form: form.json(&files.guide), last })
}

/// Sends a file to the backend while it comes.
async fn sent<S: Canonical>(
    job: Job<'_>,
    files: &Files,
    file: Upload,
    given: impl Future<Output = Result<u64, Error>>,
    canonical: &S,
) -> Result<Response, Error> {
    let params = calls::bound(job, files.operation, &files.params)?;
    let request = Request {
        tenant: job.tenant.clone(),
        operation: files.operation,
        params,
        body: Bytes::new(),
        seen: Seen::default(),
        upload: Some(file),
        actor: job.principal.map_or(Actor::Gateway, |p| p.actor.clone()),
        viewer: job
            .principal
            .map(|p| Viewer { principal: Arc::clone(p), sight: job.sight.cloned() }),
        fresh: false,
        record: job.record.clone(),
    };
    let mut asked = pin!(canonical.clone().oneshot(request));
    let mut given = pin!(given);
    tokio::select! {
        biased;
        given = &mut given => job.record.file(given?),
        // It has seen enough: nobody takes the rest.
        answer = &mut asked => return answer,
    }
    asked.await
}

/// Gives a file on, piece by piece. Says how many bytes it has.
async fn give(
    mut part: Field<'_>,
    first: Option<Bytes>,
    feed: Feed,
    name: &str,
    coming: &Coming,
    params: &Params,
) -> Result<u64, Error> {
    let most = params.uploads.max_file;
    let mut length = 0_u64;
    let mut next = first;
    while let Some(piece) = next {
        coming.read();
        length = length.saturating_add(piece.len() as u64);
        if length > most {
            let detail = format!("is a file of more than {most} bytes");
            return Err(wrong(ProblemCode::PayloadTooLarge, name, "too_large", detail));
        }
        let taken = tokio::time::timeout(params.body_timeout, feed.send(piece)).await;
        match taken {
            Ok(Ok(())) => {}
            // Whoever took it says why.
            Ok(Err(upload::Unwanted)) => return Ok(length),
            Err(_elapsed) => {
                let error = Error::from(ProblemCode::UpstreamTimeout);
                return Err(error.within("the backend takes nothing of a file"));
            }
        }
        next = part.chunk().await.map_err(cause)?;
    }
    // As above.
    let _ = feed.end().await;
    Ok(length)
}

/// A part that is text; of all such parts of a form not more than a body may have.
async fn text(
    part: &mut Field<'_>,
    coming: &Coming,
    left: &mut u64,
    most: u64,
) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(cause)? {
        coming.read();
        *left = left.checked_sub(piece.len() as u64).ok_or_else(|| too_large(most))?;
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

/// The media type of a part, if it is one that is taken; else what it says.
fn media(part: &Field<'_>, taken: &[Box<str>]) -> Result<String, String> {
    let said = part.headers().get(CONTENT_TYPE);
    let said = said.map_or(Some(ANY), |value| value.to_str().ok()).unwrap_or_default();
    let essence = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let word = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
    let is_one = essence.len() <= LONGEST_MEDIA
        && essence.split_once('/').is_some_and(|(top, sub)| {
            !top.is_empty() && !sub.is_empty() && top.bytes().chain(sub.bytes()).all(word)
        });
    if !is_one {
        return Err("it has no media type".to_owned());
    }
    if taken.iter().any(|pattern| is_like(&essence, pattern)) { Ok(essence) } else { Err(essence) }
}

/// Whether a media type is this one, or begins so.
fn is_like(media: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => media.starts_with(start),
        None => media == pattern,
    }
}

/// Refuses a file that is not what the form says it is, and a form that does not say it.
fn as_said(said: &Said, form: &Form, kinds: &[(String, String)]) -> Result<(), Error> {
    let invalid =
        |name: &str, word, detail| Err(wrong(ProblemCode::ValidationFailed, name, word, detail));
    let word = form.text(&said.name);
    let Some((word, pattern)) = said.words.iter().find(|(known, _)| Some(&**known) == word) else {
        let words: Vec<&str> = said.words.iter().map(|(word, _)| &**word).collect();
        let detail = format!("must be one of {}", words.join(", "));
        return invalid(&said.name, if word.is_some() { "invalid" } else { "required" }, detail);
    };
    match kinds.iter().find(|(_, media)| !is_like(media, pattern)) {
        Some((name, media)) => invalid(name, "media_type", format!("is {media}, not {word}")),
        None => Ok(()),
    }
}

fn wrong(code: ProblemCode, name: &str, word: &str, detail: String) -> Error {
    // `attachments[]` is the field `attachments`.
    let field = name.trim_end_matches("[]").chars().take(64).collect();
    let problem = FieldProblem {
        field: Some(field),
        code: word.to_owned(),
        detail,
        ..FieldProblem::default()
    };
    Problem::new(code).field(problem).into()
}

/// How much came since something was found out of it.
#[derive(Debug, Default)]
struct Coming(AtomicU64);

impl Coming {
    fn read(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A body on its way in, bounded in bytes and time.
struct Incoming<B> {
    body: std::pin::Pin<Box<B>>,
    coming: Arc<Coming>,
    /// Bytes that may still come.
    most: u64,
    patience: Duration,
}

/// Why a body is read no further.
#[derive(Clone, Debug, thiserror::Error)]
enum Stopped {
    #[error("the body is too long")]
    TooLarge,
    #[error("nothing came")]
    Timeout,
    #[error("a head without an end")]
    Head,
    #[error("the body broke off: {0}")]
    Broke(String),
}

impl<B> Incoming<B>
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    async fn next(&mut self) -> Option<Result<Bytes, Stopped>> {
        if self.coming.0.load(Ordering::Relaxed) > MOST_HEAD {
            return Some(Err(Stopped::Head));
        }
        loop {
            let frame = match tokio::time::timeout(self.patience, self.body.frame()).await {
                Err(_elapsed) => return Some(Err(Stopped::Timeout)),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return Some(Err(Stopped::Broke(error.to_string()))),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(piece) = frame.into_data() else { continue };
            let length = piece.len() as u64;
            let Some(left) = self.most.checked_sub(length) else {
                return Some(Err(Stopped::TooLarge));
            };
            self.most = left;
            self.coming.0.fetch_add(length, Ordering::Relaxed);
            return Some(Ok(piece));
        }
    }
}

/// What is told of a form that cannot be read.
fn cause(error: multer::Error) -> Error {
    let multer::Error::StreamReadFailed(inner) = &error else { return refuse(error) };
    let problem = match inner.downcast_ref::<Stopped>() {
        Some(Stopped::TooLarge) => {
            Problem::new(ProblemCode::PayloadTooLarge).detail("The body is too long")
        }
        Some(Stopped::Timeout) => Problem::new(ProblemCode::RequestTimeout)
            .detail("Nothing of the body came for too long"),
        Some(Stopped::Broke(_)) => {
            Problem::new(ProblemCode::BadRequest).detail("The body broke off")
        }
        Some(Stopped::Head) | None => return refuse(error),
    };
    Error::from(problem).within(error.to_string())
}
