//! The floor: what a gateway costs that does nothing but HTTP, by hyper on one thread. Everything that
//! is measured is told as a multiple of it, from the same run.
//!
//! `/v1/…` is passed through; `/hit/SIZE` is answered from moka; the public inbox's own addresses are
//! translated through a tree of `serde_json` values, as a program is that was written for this alone.
//!
//! usage: floor PORT UPSTREAM_PORT

use std::cell::RefCell;
use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use deskbridge_floor::public_inbox;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn Error + Send + Sync>;
type Body = Either<Full<Bytes>, Incoming>;

const CONVERSATIONS: &str = "/public/api/v1/inboxes/in/contacts/co/conversations/";

struct Floor {
    upstream: SocketAddr,
    /// Connections that are ready for a request, the last used on top.
    idle: RefCell<Vec<client::SendRequest<Full<Bytes>>>>,
    cache: moka::sync::Cache<Box<str>, Bytes>,
}

impl Floor {
    async fn call(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let pooled = {
            let mut idle = self.idle.borrow_mut();
            idle.retain(|sender| !sender.is_closed());
            let ready = idle.iter().rposition(client::SendRequest::is_ready);
            ready.map(|at| idle.swap_remove(at))
        };
        let mut sender = match pooled {
            Some(sender) => sender,
            None => {
                let stream = TcpStream::connect(self.upstream).await?;
                stream.set_nodelay(true)?;
                let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
                tokio::task::spawn_local(connection);
                sender
            }
        };
        let response = sender.send_request(request).await?;
        self.idle.borrow_mut().push(sender);
        Ok(response)
    }

    async fn get(&self, target: &str) -> Result<Bytes, Failure> {
        let request = Request::get(target).header("host", "upstream").body(Full::default())?;
        Ok(self.call(request).await?.into_body().collect().await?.to_bytes())
    }

    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let path = request.uri().path();
        if let Some(size) = path.strip_prefix("/hit/") {
            if let Some(kept) = self.cache.get(path) {
                return Ok(json(kept));
            }
            let body = self.get(&format!("/answer/{size}")).await?;
            self.cache.insert(path.into(), body.clone());
            return Ok(json(body));
        }
        if let Some(rest) = path.strip_prefix(CONVERSATIONS) {
            let rest = rest.to_owned();
            return self.public_inbox(request, &rest).await;
        }
        let (mut parts, _) = request.into_parts();
        parts.headers.remove(CONNECTION);
        let response = self.call(Request::from_parts(parts, Full::default())).await?;
        Ok(response.map(Either::Right))
    }

    /// A conversation, or a message to one: the same calls and the same answers as deskbridge's.
    async fn public_inbox(
        &self,
        request: Request<Incoming>,
        rest: &str,
    ) -> Result<Response<Body>, Failure> {
        let number = rest.split('/').next().unwrap_or_default();
        let conversation = self.get(&format!("/v1/accounts/1/conversations/n:{number}")).await?;
        if request.method() != Method::POST {
            return Ok(translated(public_inbox::conversation(&conversation)));
        }
        let body = request.into_body().collect().await?.to_bytes();
        let Some(body) = public_inbox::message_create(&body) else {
            return Ok(translated(None));
        };
        let call = Request::post(format!("/v1/accounts/1/conversations/n:{number}/messages"))
            .header("host", "upstream")
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.len())
            .body(Full::new(Bytes::from(body)))?;
        let created = self.call(call).await?.into_body().collect().await?.to_bytes();
        Ok(translated(public_inbox::message(&created, &conversation)))
    }
}

fn json(body: Bytes) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn translated(body: Option<Vec<u8>>) -> Response<Body> {
    match body {
        Some(body) => json(Bytes::from(body)),
        None => {
            let mut response = json(Bytes::new());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, port, upstream] = arguments.as_slice() else {
        return Err("usage: floor PORT UPSTREAM_PORT".into());
    };
    let port: u16 = port.parse()?;
    let floor = Rc::new(Floor {
        upstream: SocketAddr::from(([127, 0, 0, 1], upstream.parse()?)),
        idle: RefCell::default(),
        cache: moka::sync::Cache::new(10_000),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let floor = Rc::clone(&floor);
            tokio::task::spawn_local(async move {
                let service = service_fn(|request| floor.handle(request));
                // A client that hangs up is none of ours.
                let _ =
                    server::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}
