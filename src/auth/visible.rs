//! What of an answer its asker may see: the root object of every answer, hits included.
//!
//! Objects further down (a message in a thread, a row of a list) are guarded by the same rules
//! where they are encoded: the mapping compiler puts them into every reply of the credential. Here
//! stands what must hold even when a rendering is given again: the object itself is the caller's.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use smallvec::SmallVec;
use tower::{Layer, Service};

use crate::canonical::principal::{SightRule, SightTest, Subject};
use crate::canonical::validate::unlike;
use crate::canonical::{
    AtHand, Contract, OperationId, Outcome, Payload, Places, Problem, ProblemCode, Request,
    Response, Seen, Standing, Viewer,
};
use crate::error::Error;
use crate::json::scan::{self, Document};
use crate::json::{text, walk};
use crate::telemetry::record::{MappingEvent, Record};

/// The layer.
pub fn visible<S>(contract: Arc<Contract>) -> impl Layer<S, Service = Visible<S>> + Clone {
    tower::layer::layer_fn(move |inner| Visible { contract: Arc::clone(&contract), inner })
}

/// The service.
#[derive(Clone, Debug)]
pub struct Visible<S> {
    contract: Arc<Contract>,
    inner: S,
}

impl<S> Service<Request> for Visible<S>
where
    S: Service<Request, Response = Response, Error = Error>,
{
    type Response = Response;
    type Error = Error;
    type Future = Looking<S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let look = request.viewer.clone().filter(|v| v.sight.is_some()).map(|viewer| Look {
            viewer,
            operation: request.operation,
            contract: Arc::clone(&self.contract),
            record: request.record.clone(),
        });
        Looking { inner: self.inner.call(request), look }
    }
}

impl<S: AtHand> AtHand for Visible<S> {
    fn at_hand(&self, request: &mut Request) -> Option<Result<Response, Error>> {
        let answer = self.inner.at_hand(request)?;
        Some(self.judged(answer, request, &request.record))
    }

    fn again(&self, standing: &Standing, record: &Record) -> Result<Result<Response, Error>, Seen> {
        let answer = self.inner.again(standing, record)?;
        Ok(self.judged(answer, standing.question(), record))
    }

    /// Of a question whose answers are not looked at here.
    fn holds(
        &self,
        standing: &Standing,
        record: &Record,
        answer: &Weak<Payload>,
    ) -> Option<Outcome> {
        let viewer = standing.question().viewer.as_ref();
        if viewer.is_some_and(|viewer| viewer.sight.is_some()) {
            return None;
        }
        self.inner.holds(standing, record, answer)
    }
}

impl<S> Visible<S> {
    fn judged(
        &self,
        answer: Result<Response, Error>,
        request: &Request,
        record: &Record,
    ) -> Result<Response, Error> {
        let Some(viewer) = request.viewer.as_ref().filter(|v| v.sight.is_some()) else {
            return answer;
        };
        let eye = Eye { viewer, operation: request.operation, contract: &self.contract, record };
        eye.judged(answer)
    }
}

#[derive(Debug)]
struct Look {
    viewer: Viewer,
    operation: OperationId,
    contract: Arc<Contract>,
    record: Record,
}

/// Who looks at an answer, and from where.
#[derive(Clone, Copy, Debug)]
struct Eye<'a> {
    viewer: &'a Viewer,
    operation: OperationId,
    contract: &'a Contract,
    record: &'a Record,
}

pin_project! {
    /// An answer on its way, to be looked at before anybody sees it.
    #[derive(Debug)]
    pub struct Looking<F> {
        #[pin]
        inner: F,
        look: Option<Look>,
    }
}

impl<F: Future<Output = Result<Response, Error>>> Future for Looking<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = std::task::ready!(this.inner.poll(cx));
        let Some(look) = this.look.as_ref() else { return Poll::Ready(result) };
        let eye = Eye {
            viewer: &look.viewer,
            operation: look.operation,
            contract: &look.contract,
            record: &look.record,
        };
        Poll::Ready(eye.judged(result))
    }
}

impl Eye<'_> {
    fn judged(self, answer: Result<Response, Error>) -> Result<Response, Error> {
        match answer {
            Ok(response) if !self.allows(&response.payload) => Err(self.refuse(&response.payload)),
            answer => answer,
        }
    }

    fn allows(self, payload: &Payload) -> bool {
        let Some(sight) = &self.viewer.sight else { return true };
        let operation = self.contract.get(self.operation);
        let Some(schema) = operation.answer.and_then(|id| self.contract.schema(id).name.as_deref())
        else {
            return true;
        };
        let mut rules = sight.0.iter().filter(|rule| &*rule.schema == schema);
        rules.all(|rule| self.open(rule, payload))
    }

    /// Whether everything of one alternative holds. Who the caller is goes first: it costs nothing.
    fn open(self, rule: &SightRule, payload: &Payload) -> bool {
        let principal = &self.viewer.principal;
        let fits = |test: &SightTest| match &test.of {
            Subject::Fact(name) => {
                principal.fact(name).is_some_and(|f| test.allowed.admits(f.as_bytes(), principal))
            }
            Subject::Member(_) => true,
        };
        let candidates = || rule.any.iter().filter(|tests| tests.iter().all(fits));
        let body = &payload.body;
        // For whoever looks: the next one may see by another alternative.
        let facts = payload.facts.get_or_init(|| members(payload.document(), rule));
        let admits =
            |test: &SightTest, at: &Range<usize>| test.allowed.admits(value(body, at), principal);
        let holds = |test: &SightTest| {
            let Subject::Member(own) = &test.of else { return true };
            match facts.iter().find(|(name, _)| text::eq_bytes(value(body, name), own)) {
                Some((_, at)) => admits(test, at),
                // Facts were found for another credential's rules: look for this one's.
                None => walk::root(body)
                    .find(|(name, _)| text::eq_bytes(value(body, name), own))
                    .is_some_and(|(_, at)| admits(test, &at)),
            }
        };
        candidates().any(|tests| tests.iter().all(holds))
    }

    /// A read of somebody else's object finds nothing. A write that was answered so, or an answer
    /// that is not what the contract says, is the backend's failure: what was written may well be
    /// there, and nobody may be told that it is not.
    fn refuse(self, payload: &Payload) -> Error {
        let operation = self.contract.get(self.operation);
        self.record.mapping(MappingEvent {
            record: Arc::from(&*operation.name),
            kind: "unseen",
            count: 1,
        });
        tracing::warn!(
            operation = &*operation.name,
            principal = &*self.viewer.principal.name,
            "an answer is not the caller's to see"
        );
        match unlike(self.contract, self.operation, &payload.body) {
            Some(why) => {
                payload.doubt();
                Error::from(ProblemCode::UpstreamInvalid).within(why)
            }
            None if operation.safe => Problem::new(ProblemCode::NotFound).into(),
            None => Error::from(ProblemCode::UpstreamInvalid)
                .within("a write was answered with what is not the caller's"),
        }
    }
}

/// Where the root's members stand that a rule asks for. Beyond the last of them nothing is looked at;
/// of one that is repeated the first counts, as everywhere here.
fn members(document: Document<'_>, rule: &SightRule) -> Places {
    let mut names = SmallVec::<[&str; 8]>::new();
    for test in rule.any.iter().flatten() {
        if let Subject::Member(name) = &test.of
            && !names.contains(&&**name)
        {
            names.push(name);
        }
    }
    let mut found = Places::new();
    if names.is_empty() {
        return found;
    }
    scan::root(document, |name, at| {
        let text = value(document.bytes(), &name);
        if let Some(which) = names.iter().position(|wanted| text::eq_bytes(text, wanted)) {
            names.swap_remove(which);
            found.push((name, at));
        }
        !names.is_empty()
    });
    found
}

fn value<'b>(body: &'b [u8], at: &Range<usize>) -> &'b [u8] {
    body.get(at.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::principal::Allowed;

    fn rule(any: &[&[&str]]) -> SightRule {
        let test = |name: &&str| SightTest {
            of: match name.strip_prefix('$') {
                Some(fact) => Subject::Fact(fact.into()),
                None => Subject::Member((*name).into()),
            },
            allowed: Allowed::Words(vec!["1".into()]),
        };
        let any = any.iter().map(|tests| tests.iter().map(test).collect()).collect();
        SightRule { schema: "Thing".into(), any }
    }

    fn found(body: &str, any: &[&[&str]]) -> String {
        let text = |at: Range<usize>| body.get(at).unwrap();
        let places = members(Document::from(body.as_bytes()), &rule(any));
        if let Ok((_, accepted)) = scan::accept(body.as_bytes(), scan::Limits::default()) {
            let known = members(Document::accepted(body.as_bytes(), accepted), &rule(any));
            assert_eq!(known, places);
        }
        places.into_iter().map(|(name, at)| format!("{}={} ", text(name), text(at))).collect()
    }

    #[test]
    fn members_of_every_alternative_are_found_and_the_first_of_each_counts() {
        let any: &[&[&str]] = &[&["a"], &["b", "$a", "a"], &["c"]];
        // Those that are repeated take no other's place.
        let repeated = r#"{"a":1,"a":2,"x":{"b":0},"b":[3],"a":4,"c":"5","c":6}"#;
        assert_eq!(found(repeated, any), r#""a"=1 "b"=[3] "c"="5" "#);
        assert_eq!(found(r#" { "c" : 7 , "\u0061":8}"#, any), r#""c"=7 "\u0061"=8 "#);
        assert_eq!(found(r#"{"x":1}"#, any) + &found("[]", any) + &found("", any), "");
        assert_eq!(found(r#"{"a":1}"#, &[&["$a"]]), "", "no member is asked for");
    }
}
