//! A read over real sockets, through the whole gateway: what it allocates beyond hyper.
//!
//! ```text
//! client ── gateway ── backend      counted together: the client allocates nothing
//! client ── floor   ── backend      what hyper takes by itself, for the same bytes
//! ```
//!
//! The floor of a hit is a bare hyper server that gives a ready answer, with the same headers and a
//! body of the same size. The floor of a translated read also asks the backend what the gateway
//! asks it, with a bare pooled hyper client, and reads the answers. Both floors keep their request
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
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::Runtime;

use crate::shipped::conversation;
use crate::support::{Client, serve};
use crate::{alone, count};

/// Requests that a count is spread over, so that what happens now and then does not show.
const REQUESTS: usize = 64;

/// A read, and what it may allocate beyond hyper.
pub(crate) struct Read {
    name: &'static str,
    target: &'static str,
    credential: &'static str,
    hit: usize,
    translated: usize,
}

pub(crate) const READS: &[Read] = &[
    Read {
        name: "account",
        target: "/api/v1/accounts/1/conversations/418",
        credential: "api_access_token: demo-agent\r\n",
        hit: 1,
        translated: 6,
    },
    // Three calls: its credential is two look-ups.
    Read {
        name: "public-inbox",
        target: "/public/api/v1/inboxes/in/contacts/co/conversations/418",
        credential: "",
        hit: 1,
        translated: 18,
    },
    Read {
        name: "third-party",
        target: "/third-party/v1/conversations/418",
        credential: "authorization: Bearer demo-bearer\r\n",
        hit: 1,
        translated: 6,
    },
    Read {
        name: "canonical",
        target: "/v1/accounts/1/conversations/n:418",
        credential: "authorization: Bearer demo-bearer\r\n",
        hit: 1,
        translated: 6,
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

pub(crate) async fn backend(asked: &Asked) -> SocketAddr {
    let json = |text: String| Bytes::from(text);
    let conversation = json(conversation(16));
    let inbox = json(r#"{"id":"inb_2Rt","account_id":"1"}"#.to_owned());
    let identities = json(
        r#"{"data":[{"id":"idn_5Qw","contact_id":"cnt_9Zk","inbox_id":"inb_2Rt","source_id":"co","verified":false}]}"#
            .to_owned(),
    );
    let asked = Arc::clone(asked);
    serve(move |request| {
        let path = request.uri().path();
        let body = match path.strip_prefix("/v1/accounts/1/") {
            Some(rest) if rest.starts_with("identities") => &identities,
            Some(rest) if rest.starts_with("conversations/") => &conversation,
            _ if path.starts_with("/v1/resolve/inboxes/") => &inbox,
            _ => panic!("{path}"),
        };
        let (head, _) = request.into_parts();
        let mut asked = asked.lock().unwrap();
        // Only the first are written down: later ones are counted.
        if asked.len() < asked.capacity() {
            asked.push((head.uri, head.headers));
        }
        ready(answer(body.clone(), &[(CONTENT_TYPE, HeaderValue::from_static("application/json"))]))
    })
    .await
}

fn answer(body: Bytes, headers: &[(HeaderName, HeaderValue)]) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().reserve(headers.len());
    answer.headers_mut().extend(headers.iter().cloned());
    answer
}

pub(crate) async fn gateway(backend: SocketAddr, cache: bool) -> SocketAddr {
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
    let address = app.address().unwrap();
    tokio::spawn(app.run(std::future::pending()));
    address
}

/// hyper alone: asks `calls` one after the other, then gives a ready answer.
async fn floor(
    calls: Vec<(Uri, HeaderMap)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
) -> SocketAddr {
    let pool: Pool<_, Full<Bytes>> =
        Pool::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build_http();
    let all = Arc::new((calls, headers, body));
    serve(move |request| {
        let (pool, all) = (pool.clone(), Arc::clone(&all));
        async move {
            let _held = request;
            for (uri, headers) in &all.0 {
                let mut request = Request::new(Full::default());
                *request.uri_mut() = uri.clone();
                *request.headers_mut() = headers.clone();
                let answer = pool.request(request).await.unwrap();
                answer.into_body().collect().await.unwrap().to_bytes();
            }
            answer(all.2.clone(), &all.1)
        }
    })
    .await
}

/// What the backend was asked, to be asked by another client.
fn calls(asked: &Asked, backend: SocketAddr) -> Vec<(Uri, HeaderMap)> {
    let mut calls = std::mem::take(&mut *asked.lock().unwrap());
    for (uri, headers) in &mut calls {
        *uri = format!("http://{backend}{uri}").parse().unwrap();
        // hyper's own.
        headers.remove(HOST);
        headers.remove(CONTENT_LENGTH);
    }
    calls
}

fn owned<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>) -> Vec<(HeaderName, HeaderValue)> {
    headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

/// Allocations per request, to the nearest whole number.
fn per_request(runtime: &Runtime, client: &mut Client, request: &[u8]) -> usize {
    let mut many = || {
        runtime.block_on(async {
            for _ in 0..REQUESTS {
                client.send(request).await.ok();
            }
        });
    };
    many();
    (count(many) + REQUESTS / 2) / REQUESTS
}

/// Measures a read on a gateway and on its floor.
fn beyond_hyper(runtime: &Runtime, read: &Read, cache: bool, more: &str) -> usize {
    let asked = Asked::default();
    let request = read.request(more);
    let (mut gateway, mut floor) = runtime.block_on(async {
        let backend = backend(&asked).await;
        let mut gateway = Client::connect(gateway(backend, cache).await).await;
        gateway.send(&request).await.ok();
        *asked.lock().unwrap() = Vec::with_capacity(8);
        let answer = gateway.send(&request).await.ok();
        let headers = owned(answer.headers());
        let body = Bytes::copy_from_slice(answer.body);
        let status = headers.iter().find(|(name, _)| name == "cache-status").unwrap();
        assert_eq!(status.1.to_str().unwrap().contains("; hit"), cache, "{status:?}");
        let coded = headers.iter().any(|(name, _)| name == "content-encoding");
        assert_eq!(coded, more.contains("accept-encoding"));
        let calls = calls(&asked, backend);
        assert_eq!(calls.is_empty(), cache);
        (gateway, Client::connect(floor(calls, headers, body).await).await)
    });
    let whole = per_request(runtime, &mut gateway, &request);
    let hyper = per_request(runtime, &mut floor, &request);
    let what = if cache { "hit" } else { "translated" };
    println!("{}, {what}: {whole} allocations, {hyper} of them hyper's", read.name);
    whole.saturating_sub(hyper)
}

fn log_to_nowhere() {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let params = telemetry::Params { log: LogForm::Json, ..telemetry::Params::default() };
    let (subscriber, _) = subscriber::build(&params, false, jiff::Timestamp::now, std::io::sink);
    let _ = subscriber.try_init();
}

fn gate(cache: bool, more: &str, most: impl Fn(&Read) -> usize) {
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
