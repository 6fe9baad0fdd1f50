//! What a credential of a dialect gives: its look-ups are made and its `yields` is read.
//!
//! `stack` hands this to `auth`, which knows nothing of calls and programs.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;
use tower::ServiceExt as _;

use crate::call::memo::{Known, Lesson};
use crate::call::{Call, Found};
use crate::canonical::validate::unlike;
use crate::canonical::{Contract, Facts, OperationId, Payload, Principal, ProblemCode, Response};
use crate::dialect::scheme::Credential;
use crate::error::Error;
use crate::json::{text, walk};
use crate::mapping::run::Faults;

use super::calls::{self, Canonical, Job};
use super::inputs::Values;
use super::problems;
use super::scratch::{Buffer, translate};

/// What the credential at an index of the call's dialect gives; the call comes back with it. The body
/// is not looked at, and need not be `Sync` to be waited over.
pub async fn look_up<B, S: Canonical>(
    config: &[(Box<str>, Box<str>)],
    canonical: &S,
    call: Call<B>,
    credential: usize,
    known: Option<&Principal>,
) -> (Call<B>, Result<Found, Error>) {
    let Call { head, body, catalog, claim, record, client, request_id, memory } = call;
    let mut call = Call { head, body: (), catalog, claim, record, client, request_id, memory };
    let found = match again(&mut call, canonical).await {
        Ok(known) => Ok(Found::AsBefore(known)),
        Err(asked) => {
            anew(&mut call, credential, known, config, canonical, asked).await.map(Found::Facts)
        }
    };
    let Call { head, catalog, claim, record, request_id, memory, .. } = call;
    (Call { head, body, catalog, claim, record, client, request_id, memory }, found)
}

/// What look-ups gave, in their order.
type Asked = SmallVec<[Result<Response, Error>; 2]>;

/// What is known of the call, where its credential's look-ups find what they found before; else what
/// those gave that were made to know it.
async fn again<S: Canonical>(call: &mut Call<()>, canonical: &S) -> Result<Arc<Known>, Asked> {
    let mut asked = Asked::new();
    let known = call.memory.known().cloned().zip(call.mounted());
    let Some((known, (mount, _))) = known else { return Err(asked) };
    for look_up in &known.look_ups {
        let request = look_up.question.request(&mount.tenant, None, &call.record);
        let answer = canonical.clone().oneshot(request).await;
        let same = answer.as_ref().is_ok_and(|answer| {
            std::ptr::eq(Arc::as_ptr(&answer.payload), look_up.answer.as_ptr())
                && !answer.payload.is_doubted()
        });
        asked.push(answer);
        if !same {
            call.memory.outdated();
            return Err(asked);
        }
    }
    Ok(known)
}

async fn anew<S: Canonical>(
    call: &mut Call<()>,
    credential: usize,
    known: Option<&Principal>,
    config: &[(Box<str>, Box<str>)],
    canonical: &S,
    asked: Asked,
) -> Result<Facts, Error> {
    let mut lesson = std::mem::take(&mut call.memory);
    let facts = match call.mounted().and_then(|(_, dialect)| dialect.credentials.get(credential)) {
        Some(credential) => {
            facts(call, credential, known, config, canonical, lesson.lesson(), asked).await
        }
        None => Err(Error::from(ProblemCode::Internal).within("a route names no credential")),
    };
    call.memory = lesson;
    facts
}

/// Makes the look-ups of a credential and reads what it yields. `known` is what the keyring knows,
/// `asked` what the first look-ups gave where they were made already.
///
/// # Errors
/// The credential's own refusal when a look-up finds nothing; a look-up's failure as it is.
async fn facts<S: Canonical>(
    call: &Call<()>,
    credential: &Credential,
    known: Option<&Principal>,
    config: &[(Box<str>, Box<str>)],
    canonical: &S,
    mut lesson: Option<&mut Lesson>,
    asked: Asked,
) -> Result<Facts, Error> {
    let (Some((mount, _)), Some((route, claimed))) = (call.mounted(), call.route()) else {
        return Ok(known.map(|k| k.facts.clone()).unwrap_or_default());
    };
    let values = Values {
        route,
        path: &claimed.path,
        address: call.head.uri.path(),
        query: call.head.uri.query(),
        headers: &call.head.headers,
        config,
    };
    let mut inputs = Buffer::take();
    values.write(&credential.inputs, known, &mut inputs);
    let job = Job {
        catalog: &call.catalog,
        tenant: &mount.tenant,
        principal: None,
        sight: None,
        inputs: &inputs,
        request: None,
        body: None,
        record: &call.record,
    };
    let mut found: SmallVec<[Bytes; 2]> = SmallVec::new();
    let mut answers: Answers = SmallVec::new();
    let mut asked = asked.into_iter();
    let contract = &call.catalog.contract;
    let absent = |answers: &Answers| judged(contract, answers, nothing(credential));
    for look_up in &credential.resolve {
        let request = calls::prepare(job, look_up, &documents(&inputs, &found))
            .map_err(|error| judged(contract, &answers, error))?;
        let Some(request) = request else { return Err(absent(&answers)) };
        let question = lesson.as_ref().filter(|lesson| lesson.is_on()).map(|_| request.clone());
        let answer = match asked.next() {
            Some(answer) => answer,
            None => calls::ask(job, look_up, None, request, canonical).await,
        };
        let answer = answer.map_err(|error| match error.problem().code {
            ProblemCode::NotFound => nothing(credential),
            _ => error,
        })?;
        if let Some((lesson, question)) = lesson.as_deref_mut().zip(question) {
            // One question, and its answer.
            let whole = look_up.walk.is_none() && !look_up.whole;
            lesson.look_up(&question, &answer.payload, whole && answer.outcome.is_held());
        }
        let whole = answer.payload.body.clone();
        answers.push((look_up.operation, answer.payload));
        let part = match &look_up.take {
            None => whole,
            Some(take) => {
                // A program for `take` knows the look-ups before it and this one.
                let mut documents = documents(&inputs, &found);
                documents.push(Some(&whole));
                translate(take, &documents, job.record, Bytes::copy_from_slice)
                    .map_err(|faults| unread(&answers, &faults))?
            }
        };
        if part.is_empty() || &*part == b"null" {
            return Err(absent(&answers));
        }
        found.push(part);
    }
    let documents = documents(&inputs, &found);
    if let Some(agree) = &credential.agree {
        let agreed = translate(agree, &documents, job.record, agreed)
            .map_err(|faults| unread(&answers, &faults))?;
        if !agreed {
            tracing::warn!(
                credential = &*credential.name,
                "a look-up's answer is not about what was asked"
            );
            return Err(absent(&answers));
        }
    }
    translate(&credential.yields, &documents, job.record, Facts::from_object)
        .map_err(|faults| unread(&answers, &faults))
}

/// Whether the members of an object are equal two by two, and there.
fn agreed(object: &[u8]) -> bool {
    let mut members = walk::members(std::str::from_utf8(object).unwrap_or_default());
    while let Some((_, left)) = members.next() {
        let Some((_, right)) = members.next() else { return false };
        if left == "null" || !text::same(left, right) {
            return false;
        }
    }
    true
}

fn documents<'d>(inputs: &'d [u8], found: &'d [Bytes]) -> SmallVec<[Option<&'d [u8]>; 6]> {
    std::iter::once(inputs).chain(found.iter().map(|f| &**f)).map(Some).collect()
}

/// What look-ups were answered with, whole.
type Answers = SmallVec<[(OperationId, Arc<Payload>); 2]>;

/// Answers that could not be read are given to nobody else.
fn unread(answers: &Answers, faults: &Faults) -> Error {
    answers.iter().for_each(|(_, payload)| payload.doubt());
    problems::unreadable(faults)
}

/// Where look-ups lead to an error: if one of them was answered with what is no such answer, nobody
/// knows what there is, and that is the backend's failure; else the error as it is.
fn judged(contract: &Contract, answers: &Answers, error: Error) -> Error {
    let judge = |(operation, payload): &(OperationId, Arc<Payload>)| {
        unlike(contract, *operation, &payload.body).inspect(|_| payload.doubt())
    };
    match answers.iter().find_map(judge) {
        Some(why) => Error::from(ProblemCode::UpstreamInvalid).within(why),
        None => error,
    }
}

fn nothing(credential: &Credential) -> Error {
    Error::from(credential.refused).within("a look-up of the credential found nothing")
}
