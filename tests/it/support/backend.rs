//! A canonical backend that answers what a test tells it to, over a real socket.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A request as the backend got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What it answers.
#[derive(Clone, Debug)]
struct Told {
    status: u16,
    media: &'static str,
    body: Bytes,
    /// Waits for this one before it leaves.
    gate: Option<Gate>,
    /// Further headers.
    headers: Vec<(&'static str, &'static str)>,
}

/// The backend. What it answers is read when a request arrives, as from a database; then the answer
/// waits as long as it is held.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    answers: Mutex<HashMap<(Method, String), Told>>,
    got: watch::Sender<Vec<Got>>,
    gate: Gate,
}

/// Holds answers back while it is closed.
#[derive(Clone, Debug)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Gate {
    /// An open or a closed one.
    pub(crate) fn new(open: bool) -> Self {
        Self(watch::Sender::new(open))
    }

    /// Lets every answer go.
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub(crate) async fn passed(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

impl Backend {
    /// Starts one on a free port of the loopback.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            answers: Mutex::default(),
            got: watch::Sender::new(Vec::new()),
            gate: Gate::new(true),
        });
        let backend = Self { address, state: Arc::clone(&state) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&state), request));
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        backend
    }

    /// Answers `method path` (without query) with this from now on.
    pub(crate) fn tell(&self, method: Method, path: &str, status: u16, body: impl Into<Bytes>) {
        let media = if status < 400 { "application/json" } else { "application/problem+json" };
        self.tell_as(method, path, status, media, body);
    }

    /// As [`Self::tell`], with a media type.
    pub(crate) fn tell_as(
        &self,
        method: Method,
        path: &str,
        status: u16,
        media: &'static str,
        body: impl Into<Bytes>,
    ) {
        self.tell_with(method, path, status, media, &[], body);
    }

    /// As [`Self::tell_as`], with further headers.
    pub(crate) fn tell_with(
        &self,
        method: Method,
        path: &str,
        status: u16,
        media: &'static str,
        headers: &[(&'static str, &'static str)],
        body: impl Into<Bytes>,
    ) {
        let headers = headers.to_vec();
        self.set(method, path, Told { status, media, body: body.into(), gate: None, headers });
    }

    /// As [`Self::tell`]; the answers wait until the gate is opened.
    pub(crate) fn tell_held(
        &self,
        method: Method,
        path: &str,
        status: u16,
        body: impl Into<Bytes>,
    ) -> Gate {
        let gate = Gate::new(false);
        let told = Told {
            status,
            media: "application/json",
            body: body.into(),
            gate: Some(gate.clone()),
            headers: Vec::new(),
        };
        self.set(method, path, told);
        gate
    }

    fn set(&self, method: Method, path: &str, told: Told) {
        self.state.answers.lock().unwrap().insert((method, path.to_owned()), told);
    }

    /// Every request so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.got.borrow().clone()
    }

    /// Requests so far for `method path`.
    pub(crate) fn count(&self, method: &Method, path: &str) -> usize {
        let is = |g: &&Got| g.method == *method && g.target.split('?').next() == Some(path);
        self.state.got.borrow().iter().filter(is).count()
    }

    /// From now on answers wait.
    pub(crate) fn hold(&self) {
        self.state.gate.0.send_replace(false);
    }

    /// Lets every answer go.
    pub(crate) fn release(&self) {
        self.state.gate.open();
    }

    /// Waits until it has got `count` requests.
    pub(crate) async fn wait_for(&self, count: usize) {
        self.state.got.subscribe().wait_for(|got| got.len() >= count).await.unwrap();
    }

    /// Waits until it has got `count` requests for `method path`.
    pub(crate) async fn wait_for_call(&self, method: &Method, path: &str, count: usize) {
        let is = |g: &&Got| g.method == *method && g.target.split('?').next() == Some(path);
        let enough = |got: &Vec<Got>| got.iter().filter(is).count() >= count;
        self.state.got.subscribe().wait_for(enough).await.unwrap();
    }
}

async fn answer(
    state: Arc<State>,
    request: http::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    let path = head.uri.path().to_owned();
    let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let key = (head.method.clone(), path);
    let told = state.answers.lock().unwrap().get(&key).cloned().unwrap_or_else(|| Told {
        status: 404,
        media: "application/problem+json",
        body: problem(404, "not_found").into(),
        gate: None,
        headers: Vec::new(),
    });
    let got = Got { method: head.method, target, headers: head.headers, body };
    state.got.send_modify(|all| all.push(got));
    state.gate.passed().await;
    if let Some(gate) = &told.gate {
        gate.passed().await;
    }
    let mut response = Response::builder().status(told.status).header("content-type", told.media);
    for (name, value) in told.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(told.body)).unwrap())
}

/// A canonical problem as a body.
pub(crate) fn problem(status: u16, code: &str) -> String {
    serde_json::json!({ "type": "about:blank", "title": code, "status": status, "code": code })
        .to_string()
}

/// `value` with the member at a pointer set.
pub(crate) fn with(mut value: Value, pointer: &str, member: Value) -> Value {
    *value.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = member;
    value
}
