//! A read over real sockets, through the whole gateway: what it allocates beyond hyper.
//!
//! ```text
//! client ── gateway ── backend      counted together: the client allocates nothing
//! client ── floor   ── backend      what hyper takes by itself, for the same bytes
//! ```
//!
//! The floor of a hit is a bare hyper server that gives a ready answer, with the same headers and a
//! body of the same size. The floor of a translated read also asks the backend what the gateway
//! asks it, over a connection of hyper's own that is there already, and reads the answers. Both floors keep their request
//! until they answer, as whoever reads it does; hyper then takes a new buffer for the next one, and
//! would take two allocations less for a service that throws the request away at once. The gateway
//! logs as it does by default, JSON lines at `info`, written to nowhere.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use deskbridge::app::App;
use deskbridge::config::{self, Flags, Input};
use deskbridge::telemetry::{self, LogForm, subscriber};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::shipped::conversation;
use crate::support::{Client, serve};
use crate::{alone, taken};

/// Requests that a count is spread over, so that what happens now and then does not show.
const REQUESTS: usize = 64;
/// Messages of an ordinary conversation.
const MESSAGES: usize = 16;

/// A read, and what it may allocate beyond hyper.
pub(crate) struct Read {
    pub(crate) name: &'static str,
    target: &'static str,
    credential: &'static str,
    /// Its credential is two look-ups.
    pub(crate) looks_up: bool,
    hit: isize,
    translated: isize,
}

pub(crate) const READS: &[Read] = &[
    Read {
        name: "account",
        target: "/api/v1/accounts/1/conversations/418",
        credential: "api_access_token: demo-agent\r\n",
        looks_up: false,
        hit: 1,
        translated: 4,
    },
    // Three calls: its credential is two look-ups.
    Read {
        name: "public-inbox",
        target: "/public/api/v1/inboxes/in/contacts/co/conversations/418",
        credential: "",
        looks_up: true,
        hit: 1,
        translated: 10,
    },
    Read {
        name: "third-party",
        target: "/third-party/v1/conversations/418",
        credential: "authorization: Bearer demo-bearer\r\n",
        looks_up: false,
        hit: 1,
        translated: 4,
    },
    Read {
        name: "canonical",
        target: "/v1/accounts/1/conversations/n:418",
        credential: "authorization: Bearer demo-bearer\r\n",
        looks_up: false,
        hit: 1,
        translated: 4,
    },
];

impl Read {
    /// With further headers, each line with its end.
    pub(crate) fn request(&self, more: &str) -> Vec<u8> {
        let Self { target, credential, .. } = self;
        format!(
            "GET {target} HTTP/1.1\r\nhost: desk.example\r\naccept: */*\r\n{credential}{more}\r\n"
        )
        .into_bytes()
    }
}

/// What the backend was asked.
pub(crate) type Asked = Arc<Mutex<Vec<(Uri, HeaderMap)>>>;

/// What the backend knows, in this order: the inbox, the contact's identities, the conversation.
pub(crate) fn known(messages: usize) -> [Bytes; 3] {
    let identities = r#"{"data":[{"id":"idn_5Qw","contact_id":"cnt_9Zk","inbox_id":"inb_2Rt","source_id":"co","verified":false}]}"#;
    [
        Bytes::from_static(br#"{"id":"inb_2Rt","account_id":"1"}"#),
        Bytes::from_static(identities.as_bytes()),
        Bytes::from(conversation(messages)),
    ]
}

/// Which of it a path asks for.
pub(crate) fn which(path: &str) -> usize {
    match path.strip_prefix("/v1/accounts/1/") {
        _ if path.starts_with("/v1/resolve/inboxes/") => 0,
        Some(rest) if rest.starts_with("identities") => 1,
        Some(rest) if rest.starts_with("conversations/") => 2,
        _ => panic!("{path}"),
    }
}

/// A backend whose conversation has so many messages.
pub(crate) async fn backend(asked: &Asked, messages: usize) -> SocketAddr {
    let known = known(messages);
    let asked = Arc::clone(asked);
    serve(move |request| {
        let body = known[which(request.uri().path())].clone();
        let (head, _) = request.into_parts();
        let mut asked = asked.lock().unwrap();
        // Only the first are written down: later ones are counted.
        if asked.len() < asked.capacity() {
            asked.push((head.uri, head.headers));
        }
        ready(json(body))
    })
    .await
}

/// An answer of the backend.
pub(crate) fn json(body: Bytes) -> Response<Full<Bytes>> {
    answer(body, &[(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn answer(body: Bytes, headers: &[(HeaderName, HeaderValue)]) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().reserve(headers.len());
    answer.headers_mut().extend(headers.iter().cloned());
    answer
}

/// Where a gateway listens.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

pub(crate) async fn gateway(backend: SocketAddr, cache: bool) -> Gateway {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deskbridge.yaml");
    let yaml = format!(
        "upstreams:
  main: {{ kind: canonical, url: \"http://{backend}/v1\", credential: \"${{env:SECRET}}\" }}
tenants:
  demo: {{ upstream: main }}
mounts:
  - {{ dialect: public-inbox, tenant: demo }}
  - {{ dialect: account, tenant: demo }}
  - {{ dialect: third-party, tenant: demo }}
  - {{ dialect: canonical, tenant: demo }}
credentials:
  - {{ name: agent, secret: \"${{env:AGENT}}\", tenant: demo, account: \"1\", actor: \"agent:n:2\", dialects: [account] }}
  - {{ name: bearer, secret: \"${{env:BEARER}}\", tenant: demo, account: \"1\", actor: \"agent:n:2\", dialects: [third-party, canonical] }}
cache: {{ enabled: {cache} }}
reload: {{ watch: false }}
# As the links in the backend's answers begin: one that has another is written anew, in two pieces.
server: {{ public_url: https://gateway.example }}
"
    );
    std::fs::write(&file, yaml).unwrap();
    let secrets =
        [("SECRET", "backend-secret"), ("AGENT", "demo-agent"), ("BEARER", "demo-bearer")];
    let input = Input {
        file: Some(file),
        environment: secrets.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        flags: Flags {
            listen: Some("127.0.0.1:0".to_owned()),
            admin: Some("127.0.0.1:0".to_owned()),
            mappings: None,
        },
    };
    let config = config::load(&input).unwrap_or_else(|p| panic!("{}", p.render(false)));
    let app = App::start(&config).await.unwrap();
    let (address, admin) = (app.address().unwrap(), app.admin_address().unwrap());
    tokio::spawn(app.run(std::future::pending()));
    Gateway { address, admin }
}

/// hyper alone: asks `backend` for `calls` one after the other, then gives a ready answer.
async fn floor(
    backend: SocketAddr,
    calls: Vec<(Uri, HeaderMap)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
) -> SocketAddr {
    let stream = TokioIo::new(TcpStream::connect(backend).await.unwrap());
    let (sender, connection) = http1::handshake::<_, Full<Bytes>>(stream).await.unwrap();
    tokio::spawn(connection);
    let all = Arc::new((tokio::sync::Mutex::new(sender), calls, headers, body));
    serve(move |request| {
        let all = Arc::clone(&all);
        async move {
            let _held = request;
            let (sender, calls, headers, body) = &*all;
            for (uri, headers) in calls {
                let mut request = Request::new(Full::default());
                *request.uri_mut() = uri.clone();
                *request.headers_mut() = headers.clone();
                let mut sender = sender.lock().await;
                sender.ready().await.unwrap();
                let answer = sender.send_request(request).await.unwrap();
                answer.into_body().collect().await.unwrap().to_bytes();
            }
            answer(body.clone(), headers)
        }
    })
    .await
}

/// What the backend was asked, to be asked by another client.
fn calls(asked: &Asked) -> Vec<(Uri, HeaderMap)> {
    let mut calls = std::mem::take(&mut *asked.lock().unwrap());
    for (_, headers) in &mut calls {
        // hyper's own.
        headers.remove(CONTENT_LENGTH);
    }
    calls
}

fn owned<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>) -> Vec<(HeaderName, HeaderValue)> {
    headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

/// Allocations per request, and bytes of them, to the nearest whole number.
fn per_request(runtime: &Runtime, client: &mut Client, request: &[u8]) -> (usize, usize) {
    let mut many = || {
        runtime.block_on(async {
            for _ in 0..REQUESTS {
                client.send(request).await.ok();
            }
        });
    };
    many();
    let (times, bytes) = taken(many);
    ((times + REQUESTS / 2) / REQUESTS, (bytes + REQUESTS / 2) / REQUESTS)
}

/// What a request took: allocations, and their bytes.
type Taken = (usize, usize);

/// Measures a read of a conversation with so many messages: on a gateway, and on its floor.
fn measure(
    runtime: &Runtime,
    read: &Read,
    cache: bool,
    more: &str,
    messages: usize,
) -> (Taken, Taken) {
    let asked = Asked::default();
    let request = read.request(more);
    let (mut gateway, mut floor) = runtime.block_on(async {
        let backend = backend(&asked, messages).await;
        let mut gateway = Client::connect(gateway(backend, cache).await.address).await;
        gateway.send(&request).await.ok();
        *asked.lock().unwrap() = Vec::with_capacity(8);
        let answer = gateway.send(&request).await.ok();
        let headers = owned(answer.headers());
        let body = Bytes::copy_from_slice(answer.body);
        let status = headers.iter().find(|(name, _)| name == "cache-status").unwrap();
        assert_eq!(status.1.to_str().unwrap().contains("; hit"), cache, "{status:?}");
        let coded = headers.iter().any(|(name, _)| name == "content-encoding");
        assert_eq!(coded, more.contains("accept-encoding"));
        let calls = calls(&asked);
        assert_eq!(calls.is_empty(), cache);
        (gateway, Client::connect(floor(backend, calls, headers, body).await).await)
    });
    let whole = per_request(runtime, &mut gateway, &request);
    let hyper = per_request(runtime, &mut floor, &request);
    let what = if cache { "hit" } else { "translated" };
    println!(
        "{}, {what}, {messages} messages: {} allocations of {} bytes; hyper: {} of {}",
        read.name, whole.0, whole.1, hyper.0, hyper.1
    );
    (whole, hyper)
}

/// Allocations of an ordinary conversation, beyond hyper's.
fn beyond_hyper(runtime: &Runtime, read: &Read, cache: bool, more: &str) -> isize {
    let (whole, hyper) = measure(runtime, read, cache, more, MESSAGES);
    whole.0.cast_signed() - hyper.0.cast_signed()
}

fn log_to_nowhere() {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let params = telemetry::Params { log: LogForm::Json, ..telemetry::Params::default() };
    let (subscriber, _) = subscriber::build(&params, false, jiff::Timestamp::now, std::io::sink);
    let _ = subscriber.try_init();
}

fn gate(cache: bool, more: &str, most: impl Fn(&Read) -> isize) {
    let _alone = alone();
    log_to_nowhere();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let measured: Vec<_> = READS
        .iter()
        .map(|read| (read.name, beyond_hyper(&runtime, read, cache, more), most(read)))
        .collect();
    assert!(measured.iter().all(|(_, own, most)| own <= most), "{measured:?}");
}

#[test]
fn a_hit_allocates_little_beyond_hyper() {
    gate(true, "", |read| read.hit);
}

#[test]
fn a_compressed_hit_allocates_no_more() {
    gate(true, "accept-encoding: gzip, br\r\n", |read| read.hit);
}

#[test]
fn a_translated_read_allocates_little_beyond_hyper() {
    gate(false, "", |read| read.translated);
}

/// The bytes of a hit are given to hyper where they lie: a copy of them would be memory as long as
/// they are.
#[test]
fn a_hit_takes_hardly_more_memory_for_a_long_answer() {
    /// What the socket does not take at once is waited for.
    const MORE: usize = 16 << 10;
    let _alone = alone();
    log_to_nowhere();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The other two tell of a conversation without its messages.
    for read in READS.iter().filter(|read| ["account", "public-inbox"].contains(&read.name)) {
        let [short, long] = [4, 800].map(|messages| {
            let ((_, whole), (_, hyper)) = measure(&runtime, read, true, "", messages);
            whole.saturating_sub(hyper)
        });
        assert!(long <= short + MORE, "{}: {short} and {long} bytes", read.name);
    }
}
