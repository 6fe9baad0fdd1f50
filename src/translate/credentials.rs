//! What a credential of a dialect gives: its look-ups are made and its `yields` is read.
//!
//! `stack` hands this to `auth`, which knows nothing of calls and programs. Where every look-up is at
//! hand, nothing is waited for.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use smallvec::SmallVec;

use crate::call::memo::{Known, Lesson, Memory};
use crate::call::{Call, Claimed, Found, Resolve};
use crate::canonical::validate::unlike;
use crate::canonical::{
    Contract, Facts, OperationId, Outcome, Payload, Principal, ProblemCode, Request, Response,
};
use crate::dialect::catalog::Mount;
use crate::dialect::route::{self, Route};
use crate::dialect::scheme::Credential;
use crate::error::Error;
use crate::json::scan::Document;
use crate::json::{text, walk};
use crate::mapping::run::Faults;
use crate::telemetry::record::Record;

use super::Params;
use super::calls::{self, Canonical, Job};
use super::inputs::Values;
use super::problems;
use super::scratch::{Buffer, translate};

/// Looks credentials up by canonical calls.
#[derive(Clone, Debug)]
pub struct LookUps<S> {
    params: Arc<Params>,
    canonical: S,
}

impl<S> LookUps<S> {
    /// Over this service.
    pub fn new(params: Arc<Params>, canonical: S) -> Self {
        Self { params, canonical }
    }
}

impl<S, B> Resolve<B> for LookUps<S>
where
    S: Canonical,
    B: Send + 'static,
{
    type Begun = Begun;
    type Future = BoxFuture<'static, (Call<B>, Result<Facts, Error>)>;

    fn begin(
        &self,
        call: &mut Call<B>,
        credential: usize,
        known: Option<&Principal>,
    ) -> Result<Result<Found, Error>, Begun> {
        let given = match self.again(call) {
            Ok(()) => return Ok(Ok(Found::AsBefore)),
            Err(given) => given,
        };
        let mut memory = std::mem::take(&mut call.memory);
        let found = self.anew(call, credential, known, &mut memory, given);
        call.memory = memory;
        found.map(|facts| facts.map(Found::Facts))
    }

    fn resolve(&self, call: Call<B>, credential: usize, begun: Begun) -> Self::Future {
        let canonical = self.canonical.clone();
        Box::pin(async move {
            // The body is not looked at, and need not be `Sync` to be waited over.
            let (mut call, body) = call.split();
            let mut memory = std::mem::take(&mut call.memory);
            let facts = match of(&call, credential) {
                Some((credential, Some(place))) => {
                    let lesson = memory.lesson();
                    go_on(&call, place.mount, credential, &canonical, begun, lesson).await
                }
                _ => Err(unnamed()),
            };
            call.memory = memory;
            (call.with(body), facts)
        })
    }
}

impl<S: Canonical> LookUps<S> {
    /// Whether what is known of the call holds: its credential's look-ups find what they found before.
    /// Each is made, so nobody is known for longer than what was found holds.
    ///
    /// # Errors
    /// What was at hand of what had to be looked up to know it.
    fn again<B>(&self, call: &mut Call<B>) -> Result<(), Given> {
        let Some(known) = call.memory.known() else { return Err(Given::new()) };
        let Some(given) = self.first_other(known, &call.record) else { return Ok(()) };
        call.memory.outdated();
        Err(given)
    }

    /// The answers to the look-ups up to the first that finds something else, or nothing at hand.
    fn first_other(&self, known: &Known, record: &Record) -> Option<Given> {
        let mut held = SmallVec::<[Outcome; 2]>::new();
        for look_up in &known.look_ups {
            match self.canonical.holds(&look_up.question, record, &look_up.answer) {
                Some(outcome) => held.push(outcome),
                None => break,
            }
        }
        if held.len() == known.look_ups.len() {
            return None;
        }
        let mut given = Given::new();
        let rest = known.look_ups.iter().skip(held.len());
        for (look_up, outcome) in known.look_ups.iter().zip(held) {
            // It was held just now.
            let Some(payload) = look_up.answer.upgrade() else { return Some(given) };
            given.push(Ok(Response { payload, outcome }));
        }
        for look_up in rest {
            let answer = self.canonical.again(&look_up.question, record).ok();
            let same = answer.as_ref().is_some_and(|answer| {
                answer.as_ref().is_ok_and(|answer| {
                    std::ptr::eq(Arc::as_ptr(&answer.payload), look_up.answer.as_ptr())
                        && !answer.payload.is_doubted()
                })
            });
            if let Some(answer) = answer {
                given.push(answer);
            }
            if !same {
                return Some(given);
            }
        }
        None
    }

    #[allow(clippy::result_large_err, reason = "moved once, into the box of the wait")]
    fn anew<B>(
        &self,
        call: &Call<B>,
        credential: usize,
        known: Option<&Principal>,
        memory: &mut Memory,
        given: Given,
    ) -> Result<Result<Facts, Error>, Begun> {
        let Some((credential, place)) = of(call, credential) else { return Ok(Err(unnamed())) };
        let Some(place) = place else {
            return Ok(Ok(known.map(|known| known.facts.clone()).unwrap_or_default()));
        };
        let mut inputs = Buffer::take();
        let values = Values {
            route: place.route,
            path: &place.claimed.path,
            address: call.head.uri.path(),
            query: call.head.uri.query(),
            headers: &call.head.headers,
            config: &self.params.values,
        };
        values.write(&credential.inputs, known, &mut inputs);
        let mut given = given.into_iter();
        let mut so_far = SoFar { inputs, found: SmallVec::new(), answers: SmallVec::new() };
        loop {
            let job = job(call, place.mount, &so_far.inputs);
            let mut request = match so_far.next(job, credential) {
                Ok(Some(request)) => request,
                Ok(None) => return Ok(so_far.yields(job, credential)),
                Err(error) => return Ok(Err(error)),
            };
            let answer = match given.next() {
                Some(answer) => Some(answer),
                None if credential.resolve.get(so_far.found.len()).is_some_and(is_plain) => {
                    self.canonical.at_hand(&mut request)
                }
                None => None,
            };
            let Some(answer) = answer else { return Err(Begun { so_far, request }) };
            note(memory.lesson(), &request, &answer, true);
            if let Err(error) = so_far.take(call, place.mount, credential, answer) {
                return Ok(Err(error));
            }
        }
    }
}

/// Answers of look-ups, in their order.
type Given = SmallVec<[Result<Response, Error>; 2]>;

/// Whether a look-up is one question and its answer.
fn is_plain(look_up: &route::Call) -> bool {
    look_up.walk.is_none() && !look_up.whole
}

/// Notes a look-up, where it is to be remembered.
/// What is not `plain` is not found again by one question.
fn note(
    lesson: Option<&mut Lesson>,
    asked: &Request,
    answer: &Result<Response, Error>,
    plain: bool,
) {
    if let (Some(lesson), Ok(answer)) = (lesson, answer) {
        lesson.look_up(asked, &answer.payload, plain && answer.outcome.is_held());
    }
}

/// Look-ups, and the next one to be made.
#[derive(Debug)]
pub struct Begun {
    so_far: SoFar,
    request: Request,
}

/// What was looked up.
#[derive(Debug)]
struct SoFar {
    inputs: Buffer,
    /// What counts of each answer.
    found: SmallVec<[Bytes; 2]>,
    answers: Answers,
}

#[derive(Clone, Copy)]
struct Place<'a> {
    mount: &'a Mount,
    route: &'a Route,
    claimed: &'a Claimed,
}

/// The credential at an index of the call's dialect, and the route that asks for it.
fn of<B>(call: &Call<B>, index: usize) -> Option<(&Credential, Option<Place<'_>>)> {
    let (mount, dialect) = call.mounted()?;
    let place = call.route().map(|(route, claimed)| Place { mount, route, claimed });
    Some((dialect.credentials.get(index)?, place))
}

fn unnamed() -> Error {
    Error::from(ProblemCode::Internal).within("a route names no credential")
}

fn job<'a, B>(call: &'a Call<B>, mount: &'a Mount, inputs: &'a [u8]) -> Job<'a> {
    Job {
        catalog: &call.catalog,
        tenant: &mount.tenant,
        principal: None,
        sight: None,
        inputs,
        request: None,
        body: None,
        record: &call.record,
    }
}

/// Makes the look-ups that are left.
async fn go_on<S: Canonical>(
    call: &Call<()>,
    mount: &Mount,
    credential: &Credential,
    canonical: &S,
    begun: Begun,
    mut lesson: Option<&mut Lesson>,
) -> Result<Facts, Error> {
    let Begun { mut so_far, mut request } = begun;
    loop {
        let Some(look_up) = credential.resolve.get(so_far.found.len()) else {
            return Err(unnamed());
        };
        let asked = lesson.as_ref().filter(|lesson| lesson.is_on()).map(|_| request.clone());
        let answer = {
            let job = job(call, mount, &so_far.inputs);
            calls::ask(job, look_up, None, request, canonical).await
        };
        if let Some(asked) = asked {
            note(lesson.as_deref_mut(), &asked, &answer, is_plain(look_up));
        }
        so_far.take(call, mount, credential, answer)?;
        let job = job(call, mount, &so_far.inputs);
        match so_far.next(job, credential)? {
            Some(next) => request = next,
            None => return so_far.yields(job, credential),
        }
    }
}

impl SoFar {
    /// The next look-up; `None` where there is none left.
    ///
    /// # Errors
    /// The credential's own refusal where it cannot be made.
    fn next(&self, job: Job<'_>, credential: &Credential) -> Result<Option<Request>, Error> {
        let contract = &job.catalog.contract;
        let Some(look_up) = credential.resolve.get(self.found.len()) else { return Ok(None) };
        let request = calls::prepare(job, look_up, &self.documents())
            .map_err(|error| judged(contract, &self.answers, error))?;
        match request {
            Some(request) => Ok(Some(request)),
            None => Err(self.absent(contract, credential)),
        }
    }

    /// Takes what counts of an answer.
    ///
    /// # Errors
    /// The credential's own refusal when nothing was found; a look-up's failure as it is.
    fn take<B>(
        &mut self,
        call: &Call<B>,
        mount: &Mount,
        credential: &Credential,
        answer: Result<Response, Error>,
    ) -> Result<(), Error> {
        let Some(look_up) = credential.resolve.get(self.found.len()) else {
            return Err(unnamed());
        };
        let answer = answer.map_err(|error| match error.problem().code {
            ProblemCode::NotFound => nothing(credential),
            _ => error,
        })?;
        let payload = Arc::clone(&answer.payload);
        self.answers.push((look_up.operation, answer.payload));
        let part = match &look_up.take {
            None => payload.body.clone(),
            Some(take) => {
                // A program for `take` knows the look-ups before it and this one.
                let mut documents = self.documents();
                documents.push(Some(payload.document()));
                let job = job(call, mount, &self.inputs);
                translate(take, &documents, job.record, Bytes::copy_from_slice)
                    .map_err(|faults| unread(&self.answers, &faults))?
            }
        };
        if part.is_empty() || &*part == b"null" {
            return Err(self.absent(&call.catalog.contract, credential));
        }
        self.found.push(part);
        Ok(())
    }

    /// What all of it gives.
    ///
    /// # Errors
    /// The credential's own refusal where the answers are not about what was asked.
    fn yields(&self, job: Job<'_>, credential: &Credential) -> Result<Facts, Error> {
        let documents = self.documents();
        if let Some(agree) = &credential.agree {
            let agreed = translate(agree, &documents, job.record, agreed)
                .map_err(|faults| unread(&self.answers, &faults))?;
            if !agreed {
                tracing::warn!(
                    credential = &*credential.name,
                    "a look-up's answer is not about what was asked"
                );
                return Err(self.absent(&job.catalog.contract, credential));
            }
        }
        translate(&credential.yields, &documents, job.record, Facts::from_object)
            .map_err(|faults| unread(&self.answers, &faults))
    }

    fn documents(&self) -> SmallVec<[Option<Document<'_>>; 6]> {
        let found = self.found.iter().map(|part| &**part);
        std::iter::once(&**self.inputs).chain(found).map(|part| Some(part.into())).collect()
    }

    fn absent(&self, contract: &Contract, credential: &Credential) -> Error {
        judged(contract, &self.answers, nothing(credential))
    }
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
