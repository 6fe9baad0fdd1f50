//! What the tests of this room share: small operations, requests, and a backend held by channels.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tower::Service;

use crate::canonical::contract::{CacheFacts, Operation, TagPart, TagTemplate};
use crate::canonical::{
    Actor, OperationId, Outcome, Params, Payload, Request, Response, Seen, Tenant,
};
use crate::error::Error;
use crate::telemetry::record::Record;

pub(super) fn operation(name: &str, method: &str) -> Operation {
    Operation {
        name: name.into(),
        method: method.into(),
        path: "/".into(),
        parameters: Vec::new(),
        body: None,
        file: None,
        status: 200,
        answer: None,
        binary: false,
        public: false,
        safe: method == "GET",
        roles: Vec::new(),
        cache: CacheFacts::default(),
        continued: None,
    }
}

/// `?1` is a parameter, `$a.*.b` a place of the answer, anything else text.
pub(super) fn template(parts: &[&str]) -> TagTemplate {
    let part = |text: &&str| match text.split_at(1) {
        ("?", position) => TagPart::Parameter(position.parse().unwrap()),
        ("!", position) => TagPart::Without(position.parse().unwrap()),
        ("$", path) => TagPart::Answer(path.split('.').map(Into::into).collect()),
        _ => TagPart::Text((*text).into()),
    };
    TagTemplate(parts.iter().map(part).collect())
}

pub(super) fn params(values: &[&str]) -> Params {
    let mut params = Params::default();
    for (position, value) in values.iter().enumerate() {
        assert!(params.push(u8::try_from(position).unwrap(), value));
    }
    params
}

pub(super) fn request(tenant: &str, operation: u16, values: &[&str]) -> Request {
    Request {
        tenant: Tenant(tenant.into()),
        operation: OperationId(operation),
        params: params(values),
        body: Bytes::new(),
        actor: Actor::Gateway,
        viewer: None,
        upload: None,
        seen: Seen::default(),
        fresh: false,
        record: Record::default(),
    }
}

pub(super) fn answer(json: &str) -> Result<Response, Error> {
    let body = Bytes::copy_from_slice(json.as_bytes());
    let outcome = Outcome::Miss { stored: false };
    Ok(Response { payload: Arc::new(Payload::new(200, body, None)), outcome })
}

/// A question that reached the backend and waits for its answer.
pub(super) struct Call {
    reply: oneshot::Sender<Result<Response, Error>>,
}

impl Call {
    /// Answers. Whether the one who asked still listens.
    pub(super) fn answer(self, result: Result<Response, Error>) -> bool {
        self.reply.send(result).is_ok()
    }

    pub(super) fn json(self, json: &str) -> bool {
        self.answer(answer(json))
    }
}

/// The backend's side: calls in the order they came.
pub(super) struct Backend {
    calls: mpsc::UnboundedReceiver<Call>,
}

impl Backend {
    /// The next call; waits for it, but not for ever.
    pub(super) async fn call(&mut self) -> Call {
        let call = tokio::time::timeout(Duration::from_secs(15), self.calls.recv()).await;
        call.expect("the backend is asked").unwrap()
    }

    /// No call is waiting, once everything that can run has run.
    pub(super) async fn idle(&mut self) -> bool {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        self.calls.try_recv().is_err()
    }
}

/// The cache's side of the backend.
#[derive(Clone)]
pub(super) struct Held(Arc<Mutex<mpsc::UnboundedSender<Call>>>);

pub(super) fn held() -> (Held, Backend) {
    let (sender, calls) = mpsc::unbounded_channel();
    (Held(Arc::new(Mutex::new(sender))), Backend { calls })
}

impl Service<Request> for Held {
    type Response = Response;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        let (reply, answer) = oneshot::channel();
        self.0.lock().unwrap().send(Call { reply }).unwrap();
        // A call dropped unanswered is a backend that panics.
        Box::pin(async move { answer.await.expect("answered") })
    }
}
