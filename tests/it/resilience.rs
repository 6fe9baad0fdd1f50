//! A backend in trouble: what is asked again, what never is, when it is left alone, and what
//! operators see of it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::backend::problem;
use crate::support::client::{Answer, Client};
use crate::support::dialects::{ALL, CANONICAL, Dialect};
use crate::support::gateway::{Gateway, in_front_of};

const CONVERSATION: &str = "/v1/accounts/1/conversations/n:1";
const MESSAGES: &str = "/v1/accounts/1/conversations/n:1/messages";

/// What a backend does once it has read a request.
#[derive(Clone, Debug)]
enum Act {
    /// Answers, and goes on.
    Answer(u16, &'static str),
    /// Answers, and closes the connection without having said so.
    AnswerAndClose(u16, &'static str),
    /// Writes these bytes and closes.
    Close(&'static str),
    /// Closes so that the other side gets a reset.
    Reset,
    /// Never answers.
    Hold,
}

/// A backend that does one thing after the other, the last one for ever.
#[derive(Clone)]
struct Scripted {
    address: SocketAddr,
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<String>>>,
    /// Connections that a request came over.
    connections: Arc<Mutex<usize>>,
}

impl Scripted {
    async fn start(acts: &[Act]) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), acts)
    }

    fn on(listener: TcpListener, acts: &[Act]) -> Self {
        let address = listener.local_addr().unwrap();
        let backend = Self {
            address,
            acts: Arc::default(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        backend.act(acts);
        let (acts, seen) = (Arc::clone(&backend.acts), Arc::clone(&backend.seen));
        let connections = Arc::clone(&backend.connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acts, seen) = (Arc::clone(&acts), Arc::clone(&seen));
                tokio::spawn(serve(stream, acts, seen, Arc::clone(&connections)));
            }
        });
        backend
    }

    /// From now on it does this, and has seen nothing.
    fn act(&self, acts: &[Act]) {
        *self.acts.lock().unwrap() = acts.iter().cloned().collect();
        self.seen.lock().unwrap().clear();
    }

    /// How many requests of this method it has read.
    fn count(&self, method: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|line| line.starts_with(method)).count()
    }
}

async fn serve(
    mut stream: TcpStream,
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
) {
    let mut used = false;
    while let Some(line) = request(&mut stream).await {
        // Not those that only try the way, for `/ready`.
        *connections.lock().unwrap() += usize::from(!std::mem::replace(&mut used, true));
        let act = {
            let mut acts = acts.lock().unwrap();
            seen.lock().unwrap().push(line);
            let act = acts.front().cloned().unwrap();
            if acts.len() > 1 {
                acts.pop_front();
            }
            act
        };
        match act {
            Act::Answer(status, more) => stream.write_all(&answer(status, more)).await.unwrap(),
            Act::AnswerAndClose(status, more) => {
                stream.write_all(&answer(status, more)).await.unwrap();
                return;
            }
            Act::Close(text) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                return;
            }
            Act::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Act::Hold => std::future::pending().await,
        }
    }
}

/// The first line of the next request, once its body is here.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |l| l.parse().unwrap()) {
                return head.lines().next().map(str::to_owned);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn answer(status: u16, more: &str) -> Vec<u8> {
    let (media, body) = match status {
        200 | 201 => ("application/json", r#"{"id":"cnv_1","revision":"r1"}"#.to_owned()),
        429 => ("application/problem+json", problem(status, "rate_limited")),
        503 => ("application/problem+json", problem(status, "unavailable")),
        404 => ("application/problem+json", problem(status, "not_found")),
        _ => ("text/html", "<html>".to_owned()),
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
    .into_bytes()
}

/// In front of it, without a cache, so that every read is a call.
async fn before(address: SocketAddr, resilience: &str) -> Gateway {
    let more = format!("cache: {{ enabled: false }}\nresilience: {{ {resilience} }}\n");
    Gateway::configured(&in_front_of(&address.to_string(), &more)).await
}

/// Pauses that a test can wait for, and no breaker.
const QUICK: &str = "backoff: { min: 1ms, max: 20ms }, breaker: { enabled: false }";

async fn read(client: &Client) -> Answer {
    client.get(CONVERSATION, CANONICAL.credential).await
}

async fn write(client: &Client) -> Answer {
    client.json(Method::POST, MESSAGES, CANONICAL.credential, &json!({ "text": "x" })).await
}

async fn retries(gateway: &Gateway, reason: &str) -> f64 {
    let labels = [("upstream", "main"), ("reason", reason)];
    gateway.metric("deskbridge_upstream_retries_total", &labels).await
}

async fn upstream(gateway: &Gateway) -> Value {
    gateway.admin().get("/upstreams", &[]).await.expect(200).value()[0].clone()
}

#[tokio::test]
async fn a_write_is_never_sent_twice_once_the_backend_may_have_read_it() {
    let half = "HTTP/1.1 201 X\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
    let backend = Scripted::start(&[Act::Hold]).await;
    let gateway = before(backend.address, QUICK).await;
    for act in [
        Act::Close(""),
        Act::Close("HTTP/1.1 201 X\r\n"),
        Act::Close(half),
        Act::Reset,
        Act::Answer(500, ""),
        Act::Answer(502, ""),
        Act::Answer(503, ""),
        Act::Answer(503, "retry-after: 0\r\n"),
        Act::Answer(504, ""),
        Act::Answer(429, ""),
        Act::Answer(200, "content-encoding: gzip\r\n"),
    ] {
        backend.act(std::slice::from_ref(&act));
        let answer = write(&gateway.client()).await;
        assert!(answer.status.as_u16() >= 429, "{act:?}: {}", answer.status);
        assert_eq!(backend.count("POST"), 1, "{act:?}");
    }
}

#[tokio::test]
async fn a_write_on_a_used_connection_that_breaks_under_it_is_not_sent_again() {
    let backend = Scripted::start(&[Act::Hold]).await;
    let gateway = before(backend.address, QUICK).await;
    let client = gateway.client();
    for (number, act) in [(1, Act::Close("")), (2, Act::Reset)] {
        backend.act(&[Act::Answer(200, ""), act, Act::Answer(200, "")]);
        read(&client).await.expect(200);
        // Until then the connection is back among the unused ones.
        upstream(&gateway).await;
        assert_eq!(write(&client).await.status, 502);
        assert_eq!(backend.count("POST"), 1);
        assert_eq!(*backend.connections.lock().unwrap(), number, "it was the used one");
    }
    write(&client).await.expect(201);
}

#[tokio::test]
async fn a_write_after_the_backend_closed_an_idle_connection_is_sent_at_most_once() {
    // Whether the end is noticed before or after the write is a race; in neither case it is sent
    // twice, and what was told to be done was done once.
    let backend = Scripted::start(&[Act::AnswerAndClose(200, "")]).await;
    let gateway = before(backend.address, QUICK).await;
    let client = gateway.client();
    let mut noticed = 0;
    for _ in 0..30 {
        read(&client).await.expect(200);
        let before = backend.count("POST");
        let answer = write(&client).await;
        let sent = backend.count("POST") - before;
        assert!(sent <= 1, "sent {sent} times");
        match answer.status.as_u16() {
            201 => assert_eq!(sent, 1),
            502 => {}
            other => panic!("{other}"),
        }
        noticed += usize::from(answer.status == 201);
    }
    assert!(noticed > 0, "a connection that is known to be closed costs nobody anything");
}

#[tokio::test]
async fn a_read_is_asked_again_and_nobody_notices() {
    let acts = [Act::Close(""), Act::Answer(503, ""), Act::Answer(200, "")];
    let backend = Scripted::start(&acts).await;
    let gateway = before(backend.address, QUICK).await;
    let answer = read(&gateway.client()).await.expect(200);
    assert_eq!(answer.header("proxy-status"), "");
    assert_eq!(backend.count("GET"), 3);
    assert_eq!(retries(&gateway, "broken").await, 1.0);
    assert_eq!(retries(&gateway, "unavailable").await, 1.0);
    let calls = [("upstream", "main"), ("outcome", "success")];
    assert_eq!(gateway.metric("deskbridge_upstream_requests_total", &calls).await, 1.0);
    let seen = upstream(&gateway).await;
    assert_eq!((&seen["calls"], &seen["attempts"]), (&json!(1), &json!(3)));
    assert_eq!(seen["retries"]["made"], 2);
}

#[tokio::test]
async fn a_read_has_no_more_than_its_attempts() {
    let backend = Scripted::start(&[Act::Hold]).await;
    let gateway = before(backend.address, QUICK).await;
    for (act, status, word) in [
        (Act::Close(""), 502, "error=connection_terminated"),
        (Act::Reset, 502, "error=connection_terminated"),
        (Act::Answer(502, ""), 502, "received-status=502"),
        (Act::Answer(503, ""), 503, "received-status=503"),
        (Act::Answer(504, ""), 504, "received-status=504"),
        (Act::Answer(429, ""), 429, ""),
    ] {
        backend.act(std::slice::from_ref(&act));
        let answer = read(&gateway.client()).await;
        assert_eq!(answer.status, status, "{act:?}");
        let told = answer.header("proxy-status");
        let expected = if word.is_empty() { String::new() } else { format!("deskbridge; {word}") };
        assert_eq!(told, expected, "{act:?}");
        assert_eq!(backend.count("GET"), 3, "{act:?}");
    }
    for (act, status) in [
        (Act::Answer(500, ""), 502),
        (Act::Answer(404, ""), 404),
        (Act::Answer(200, "content-encoding: gzip\r\n"), 502),
    ] {
        backend.act(std::slice::from_ref(&act));
        assert_eq!(read(&gateway.client()).await.status, status, "{act:?}");
        assert_eq!(backend.count("GET"), 1, "{act:?}: a second one would be no better");
    }
}

#[tokio::test]
async fn what_was_not_sent_is_sent_later_a_write_too() {
    // Bound and not listening: connections are refused, and nobody else gets the port.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let gateway = before(
        address,
        "attempts: 10, backoff: { min: 20ms, max: 500ms }, breaker: { enabled: false }",
    )
    .await;
    let client = gateway.client();
    let (answer, backend) = tokio::join!(write(&client), async {
        while retries(&gateway, "connect").await < 1.0 {
            tokio::task::yield_now().await;
        }
        Scripted::on(socket.listen(16).unwrap(), &[Act::Answer(201, "")])
    });
    answer.expect(201);
    assert_eq!(backend.count("POST"), 1);
}

#[tokio::test]
async fn an_attempt_of_a_read_is_ended_and_one_of_a_write_is_not() {
    let backend = Scripted::start(&[Act::Hold, Act::Answer(200, "")]).await;
    let gateway = before(backend.address, &format!("attempt_timeout: 100ms, {QUICK}")).await;
    read(&gateway.client()).await.expect(200);
    assert_eq!(retries(&gateway, "timeout").await, 1.0);

    let backend = Scripted::start(&[Act::Hold]).await;
    let more =
        format!("cache: {{ enabled: false }}\nresilience: {{ attempt_timeout: 100ms, {QUICK} }}\n");
    let yaml = in_front_of(&backend.address.to_string(), &more)
        .replace("kind: canonical,", "kind: canonical, timeout: 400ms,");
    let gateway = Gateway::configured(&yaml).await;
    let answer = write(&gateway.client()).await.expect(504);
    assert_eq!(answer.header("proxy-status"), "deskbridge; error=http_response_timeout");
    assert_eq!(backend.count("POST"), 1);
    read(&gateway.client()).await.expect(504);
    assert!(backend.count("GET") > 1, "the whole call is ended by its own time only");
}

#[tokio::test]
async fn a_backend_that_names_a_later_time_is_not_asked_again() {
    let backend = Scripted::start(&[Act::Hold]).await;
    let gateway = before(backend.address, QUICK).await;
    for status in [429, 503] {
        backend.act(&[Act::Answer(status, "retry-after: 9\r\n")]);
        for dialect in ALL {
            let answer = dialect.get(&gateway.client(), 1).await;
            dialect.assert_refusal(&answer, status);
            assert_eq!(answer.header("retry-after"), "9");
        }
        assert_eq!(backend.count("GET"), ALL.len(), "each of them once");
    }
}

#[tokio::test]
async fn a_spent_budget_ends_retries() {
    let backend = Scripted::start(&[Act::Answer(502, "")]).await;
    let none = format!("budget: {{ ratio: 0%, min_per_second: 0 }}, {QUICK}");
    let gateway = before(backend.address, &none).await;
    read(&gateway.client()).await.expect(502);
    assert_eq!(backend.count("GET"), 1);
    let spent = "deskbridge_upstream_retry_budget_exhausted_total";
    assert_eq!(gateway.metric(spent, &[("upstream", "main")]).await, 1.0);
    let seen = upstream(&gateway).await;
    assert_eq!(seen["retries"], json!({ "made": 0, "refused": 1, "budget_left": 0 }));
}

const BREAKER: &str = "attempts: 1, breaker: { min_requests: 3, probes: 2, open_for:";

#[tokio::test]
async fn an_open_breaker_answers_for_the_backend_in_every_dialect() {
    let backend = Scripted::start(&[Act::Answer(500, "")]).await;
    let gateway = before(backend.address, &format!("{BREAKER} 1h }}")).await;
    let client = gateway.client();
    for _ in 0..3 {
        read(&client).await.expect(502);
    }
    let seen = backend.count("GET");
    for dialect in ALL {
        let answers: [Answer; 2] = [dialect.get(&client, 1).await, posted(&client, dialect).await];
        for answer in answers {
            dialect.assert_refusal(&answer, 503);
            let wait: u32 = answer.header("retry-after").parse().unwrap();
            assert!((3_000..=3_600).contains(&wait), "{wait}");
            let told = answer.header("proxy-status");
            assert_eq!(told, "deskbridge; error=destination_unavailable");
        }
    }
    assert_eq!((backend.count("GET"), backend.count("POST")), (seen, 0), "it is left alone");

    let main = [("upstream", "main")];
    assert_eq!(gateway.metric("deskbridge_upstream_breaker_state", &main).await, 2.0);
    let opened = [("upstream", "main"), ("to", "open")];
    assert_eq!(gateway.metric("deskbridge_upstream_breaker_transitions_total", &opened).await, 1.0);
    assert!(gateway.metric("deskbridge_upstream_breaker_refused_total", &main).await >= 8.0);
    let ready = gateway.admin().get("/ready", &[]).await.expect(503).value();
    assert_eq!(ready["checks"]["upstream main"], "it fails: the breaker is open");
    let told = upstream(&gateway).await;
    assert_eq!((&told["upstream"], &told["breaker"]["state"]), (&json!("main"), &json!("open")));
    assert_eq!(told["breaker"]["window"], json!({ "attempts": 3, "failures": 3 }));
    assert_eq!(told["breaker"]["last_failure"]["kind"], "failed");
    assert!(told["breaker"]["next_probe_in_ms"].as_u64().unwrap() > 3_000_000);
    let text = told.to_string();
    for secret in ["backend-secret", "127.0.0.1", "html"] {
        assert!(!text.contains(secret), "{text}");
    }
}

async fn posted(client: &Client, dialect: Dialect) -> Answer {
    let body = match dialect.name {
        "third-party" => json!({ "type": "text", "text": { "content": "x" } }),
        "canonical" => json!({ "text": "x" }),
        _ => json!({ "content": "x" }),
    };
    dialect.post(client, "1/messages", &body).await
}

#[tokio::test]
async fn a_breaker_closes_when_the_backend_is_back() {
    let acts = [
        Act::Answer(500, ""),
        Act::Close(""),
        Act::Answer(200, "content-encoding: gzip\r\n"),
        Act::Answer(500, ""),
        Act::Answer(200, ""),
    ];
    let backend = Scripted::start(&acts).await;
    let gateway = before(backend.address, &format!("{BREAKER} 1ms }}")).await;
    let client = gateway.client();
    for _ in 0..3 {
        read(&client).await.expect(502);
    }
    // One probe fails, two succeed; in between it is asked nothing.
    while upstream(&gateway).await["breaker"]["state"] != "closed" {
        read(&client).await;
    }
    assert_eq!(backend.count("GET"), 6);
    let main = [("upstream", "main")];
    assert_eq!(gateway.metric("deskbridge_upstream_breaker_state", &main).await, 0.0);
    for (to, times) in [("open", 2.0), ("half-open", 2.0), ("closed", 2.0)] {
        let labels = [("upstream", "main"), ("to", to)];
        let name = "deskbridge_upstream_breaker_transitions_total";
        assert_eq!(gateway.metric(name, &labels).await, times, "{to}");
    }
    read(&client).await.expect(200);
}

#[tokio::test]
async fn refusals_never_open_a_breaker() {
    let backend = Scripted::start(&[Act::Hold]).await;
    let gateway = before(backend.address, &format!("{BREAKER} 1h }}")).await;
    for status in [404, 429, 501] {
        backend.act(&[Act::Answer(status, "")]);
        for _ in 0..4 {
            read(&gateway.client()).await;
        }
        assert_eq!(backend.count("GET"), 4);
    }
    let seen = upstream(&gateway).await;
    assert_eq!(seen["breaker"]["window"], json!({ "attempts": 12, "failures": 0 }));
    assert_eq!(seen["breaker"]["last_failure"], Value::Null);
}

#[tokio::test]
async fn retries_end_where_the_breaker_opens() {
    let backend = Scripted::start(&[Act::Answer(503, "")]).await;
    let gateway = before(
        backend.address,
        "attempts: 10, backoff: { min: 1ms, max: 1ms }, breaker: { min_requests: 3, open_for: 1h }",
    )
    .await;
    let answer = read(&gateway.client()).await.expect(503);
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(backend.count("GET"), 3);
}

#[tokio::test]
async fn a_client_without_patience_says_nothing_about_the_backend() {
    let backend = Scripted::start(&[Act::Hold]).await;
    let more = "cache: { enabled: false }
resilience: { attempts: 1, breaker: { min_requests: 1, open_for: 1h } }
limits: { request_timeout: 100ms }
";
    let gateway = Gateway::configured(&in_front_of(&backend.address.to_string(), more)).await;
    for _ in 0..2 {
        read(&gateway.client()).await.expect(504);
    }
    let seen = upstream(&gateway).await;
    assert_eq!(seen["breaker"]["state"], "closed");
    assert_eq!(seen["breaker"]["window"], json!({ "attempts": 0, "failures": 0 }));
}
