//! The remote backend against scripted servers on loopback.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use super::*;
use crate::canonical::{Actor, Params as Asked, Problem, Tenant};
use crate::telemetry::record::Record;

/// What a scripted server does with one connection after it has read a request.
#[derive(Clone, Debug)]
enum Script {
    /// Writes these bytes and goes on reading requests.
    Write(String),
    /// Writes these bytes and closes.
    WriteAndClose(&'static str),
    /// Never answers.
    Hold,
}

type Seen = Arc<Mutex<Vec<String>>>;

struct Server {
    url: String,
    seen: Seen,
    connections: Arc<Mutex<u32>>,
}

async fn server(script: Script) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let (seen, connections) = (Seen::default(), Arc::new(Mutex::new(0)));
    let server = Server { url, seen: Arc::clone(&seen), connections: Arc::clone(&connections) };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            *connections.lock().unwrap() += 1;
            tokio::spawn(serve(stream, script.clone(), Arc::clone(&seen)));
        }
    });
    server
}

async fn serve(mut stream: TcpStream, script: Script, seen: Seen) {
    while let Some(request) = read(&mut stream).await {
        seen.lock().unwrap().push(request);
        match &script {
            // Whoever has read enough closes.
            Script::Write(text) => drop(stream.write_all(text.as_bytes()).await),
            Script::WriteAndClose(text) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                return;
            }
            Script::Hold => std::future::pending().await,
        }
    }
}

/// Head and body of the next request.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |l| l.parse().unwrap()) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Script {
    let length = body.len();
    Script::Write(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n\r\n{body}"
    ))
}

const JSON: &str = "content-type: application/json; charset=utf-8";
const PROBLEM: &str = "content-type: application/problem+json";

fn params_for(url: &str) -> Params {
    Params::new("main", url, SecretString::from("s3cret"))
}

fn remote(
    params: &Params,
) -> (
    impl Service<Request, Response = Response, Error = Error, Future: Send> + Clone + use<>,
    Arc<Contract>,
) {
    let contract = crate::canonical::contract::tests::embedded();
    (Remote::new(params, &contract).unwrap().service(), contract)
}

/// A request with parameters by name; a name may come twice.
fn request(contract: &Contract, operation: &str, values: &[(&str, &str)]) -> Request {
    let operation = contract.operation(operation).unwrap();
    let mut params = Asked::default();
    for (position, parameter) in (0_u8..).zip(&contract.get(operation).parameters) {
        for (_, value) in values.iter().filter(|(name, _)| *name == &*parameter.name) {
            assert!(params.push(position, value));
        }
    }
    Request {
        tenant: Tenant("acme".into()),
        operation,
        params,
        body: Bytes::new(),
        actor: Actor::Gateway,
        viewer: None,
        upload: None,
        seen: crate::canonical::Seen::default(),
        fresh: false,
        record: Record::default(),
    }
}

const ONE: [(&str, &str); 2] = [("account_id", "1"), ("conversation_id", "n:7")];

async fn ask(script: Script) -> Result<Response, Error> {
    let server = server(script).await;
    let (remote, contract) = remote(&params_for(&server.url));
    remote.oneshot(request(&contract, "conversations.get", &ONE)).await
}

async fn problem(script: Script) -> Problem {
    ask(script).await.unwrap_err().into_problem()
}

#[tokio::test]
async fn a_read_is_asked_with_path_query_actor_and_credential() {
    let body = r#"{"id":"cnv_a","messages":[{"revision":"no"}],"revision":"r\u0031"}"#;
    let server = server(answer("200 OK", JSON, body)).await;
    let (remote, contract) = remote(&params_for(&server.url));
    let mut asked = request(
        &contract,
        "conversations.get",
        &[
            ("account_id", "1"),
            ("conversation_id", "x:old:a/b ?%\u{e9}"),
            ("include", "contact"),
            ("include", "messages"),
            ("messages_limit", "0"),
        ],
    );
    asked.actor = Actor::Agent("n:2".into());
    let response = remote.clone().oneshot(asked).await.unwrap();
    assert_eq!((response.payload.status, &*response.payload.body), (200, body.as_bytes()));
    assert_eq!(response.payload.revision.as_deref(), Some("r1"));
    let seen = server.seen.lock().unwrap().remove(0);
    let path = "/v1/accounts/1/conversations/x:old:a%2Fb%20%3F%25%C3%A9";
    assert!(seen.starts_with(&format!("GET {path}?include=contact")), "{seen}");
    assert!(seen.contains("messages_limit=0 HTTP/1.1\r\n"), "{seen}");
    for line in
        ["authorization: Bearer s3cret", "deskbridge-actor: agent:n:2", "accept: application/json"]
    {
        assert!(seen.contains(line), "{line} in {seen}");
    }
    assert!(!seen.contains("content-type"), "{seen}");
    let remote = Remote::new(&params_for(&server.url), &contract).unwrap();
    assert!(!format!("{remote:?}").contains("s3cret"), "a credential is never printed");
}

#[tokio::test]
async fn writes_carry_their_body_media_type_and_conditions() {
    let server = server(answer("200 OK", JSON, "{}")).await;
    let (remote, contract) = remote(&params_for(&server.url));
    let values = [ONE[0], ONE[1], ("If-Match", "\"r1\""), ("Idempotency-Key", "k-1")];
    for (operation, media) in [
        ("conversations.update", "application/merge-patch+json"),
        ("messages.create", "application/json"),
    ] {
        let body = Bytes::from_static(br#"{"status":"open"}"#);
        let asked = Request { body, ..request(&contract, operation, &values) };
        remote.clone().oneshot(asked).await.unwrap();
        let seen = server.seen.lock().unwrap().remove(0);
        assert!(seen.contains(&format!("content-type: {media}\r\n")), "{seen}");
        assert!(seen.contains("idempotency-key: k-1\r\n"), "{seen}");
        assert_eq!(seen.contains("if-match: \"r1\"\r\n"), operation == "conversations.update");
        assert!(seen.ends_with(r#"{"status":"open"}"#), "{seen}");
    }
    assert_eq!(*server.connections.lock().unwrap(), 1, "the connection is used again");
}

#[tokio::test]
async fn values_that_cannot_be_sent_are_refused_before_anything_is() {
    let server = server(answer("200 OK", JSON, "{}")).await;
    let (remote, contract) = remote(&params_for(&server.url));
    let asked = |values: &[(&str, &str)]| request(&contract, "conversations.update", values);
    for (values, code) in [
        (&[("account_id", ".."), ONE[1]][..], ProblemCode::NotFound),
        (&[("account_id", ""), ONE[1]], ProblemCode::NotFound),
        (&[ONE[0]], ProblemCode::Internal),
        (&[ONE[0], ONE[1], ("If-Match", "a\nb")], ProblemCode::BadRequest),
    ] {
        let error = remote.clone().oneshot(asked(values)).await.unwrap_err();
        assert_eq!(error.problem().code, code);
    }
    assert!(server.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn bytes_come_back_with_their_media_type() {
    let server = server(answer("200 OK", "content-type: image/png", "\u{1}png")).await;
    let (remote, contract) = remote(&params_for(&server.url));
    let values = [("account_id", "1"), ("attachment_id", "att_1")];
    let response =
        remote.oneshot(request(&contract, "attachments.content", &values)).await.unwrap();
    assert_eq!(response.payload.content.as_ref().map(|c| &*c.media), Some("image/png"));
    let mut flow = response.payload.content.as_ref().unwrap().take().unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = futures_util::StreamExt::next(&mut flow).await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(bytes, b"\x01png");
}

#[tokio::test]
async fn a_success_that_is_no_json_is_invalid() {
    for (headers, body) in [
        ("content-type: text/html", "<html>"),
        (JSON, "<html>"),
        (JSON, "{\"id\":1"),
        (JSON, "{} {}"),
        (JSON, ""),
        ("x: y", "{}"),
        ("content-type: application/json\r\ncontent-encoding: gzip", "{}"),
    ] {
        let code = problem(answer("200 OK", headers, body)).await.code;
        assert_eq!(code, ProblemCode::UpstreamInvalid, "{headers} {body}");
    }
    for status in ["301 Moved", "304 Not Modified", "308 Permanent Redirect"] {
        let script = answer(status, "location: http://127.0.0.1:1/", "");
        assert_eq!(problem(script).await.code, ProblemCode::UpstreamInvalid, "{status}");
    }
}

#[tokio::test]
async fn refusals_are_passed_on_in_canonical_words() {
    let body = r#"{"type":"about:blank","title":"x","status":422,"code":"validation_failed","detail":"no\u0007pe",
        "instance":"/secret","errors":[{"pointer":"/status","code":"invalid","detail":"unknown"},
        {"parameter":null,"code":"x","detail":"y"}]}"#;
    let problem = problem(answer("422 Unprocessable", PROBLEM, body)).await;
    assert_eq!(problem.code, ProblemCode::ValidationFailed);
    assert_eq!(problem.detail.as_deref(), Some("nope"));
    assert_eq!(problem.errors.len(), 2);
    assert_eq!(problem.errors[0].pointer.as_deref(), Some("/status"));
}

#[tokio::test]
async fn a_problem_is_bounded_and_a_huge_one_is_told_by_its_status() {
    let part = format!(r#"{{"code":"c","detail":"{}"}}"#, "d".repeat(1_000));
    let parts = vec![part; 40].join(",");
    let written =
        |errors: &str| format!(r#"{{"code":"conflict","detail":"taken","errors":[{errors}]}}"#);
    let bounded = problem(answer("409 Conflict", PROBLEM, &written(&parts))).await;
    assert_eq!((bounded.errors.len(), bounded.errors[0].detail.len()), (32, 500));
    let huge = problem(answer("409 Conflict", PROBLEM, &written(&[&*parts; 3].join(",")))).await;
    assert_eq!(huge, Problem::new(ProblemCode::Conflict));
}

#[tokio::test]
async fn what_is_no_problem_or_does_not_fit_is_told_by_its_status() {
    use ProblemCode as P;
    let cases = [
        ("400 Bad", PROBLEM, r#"{"code":"brand_new"}"#, P::BadRequest),
        ("400 Bad", PROBLEM, r#"{"code":"malformed_json"}"#, P::UpstreamInvalid),
        (
            "401 No",
            PROBLEM,
            r#"{"code":"unauthorized","detail":"token of gw"}"#,
            P::UpstreamUnauthorized,
        ),
        ("403 No", "x: y", "", P::UpstreamUnauthorized),
        ("404 No", PROBLEM, r#"{"code":"internal","detail":"stack"}"#, P::NotFound),
        ("402 No", "x: y", "", P::PaymentRequired),
        ("404 No", "content-type: text/html", "<html>", P::NotFound),
        ("405 No", "x: y", "", P::NotSupportedByUpstream),
        ("409 No", PROBLEM, "[]", P::Conflict),
        ("410 No", PROBLEM, "{", P::Gone),
        ("412 No", PROBLEM, r#"{"code":"precondition_failed"}"#, P::PreconditionFailed),
        ("415 No", PROBLEM, r#"{"code":"unsupported_media_type"}"#, P::UpstreamInvalid),
        ("422 No", PROBLEM, r#"{"code":"reply_window_closed"}"#, P::ReplyWindowClosed),
        ("422 No", "x: y", "", P::Unprocessable),
        ("500 No", PROBLEM, r#"{"code":"internal","detail":"at db-7.internal"}"#, P::UpstreamError),
        ("501 No", PROBLEM, r#"{"code":"not_supported_by_upstream"}"#, P::NotSupportedByUpstream),
        ("502 No", "content-type: text/html", "<html>", P::UpstreamError),
        ("504 No", "x: y", "", P::UpstreamTimeout),
    ];
    for (status, headers, body, code) in cases {
        let problem = problem(answer(status, headers, body)).await;
        assert_eq!(problem, Problem::new(code), "{status} {body}: nothing of the inside is told");
    }
}

#[tokio::test]
async fn when_to_come_back_is_passed_on_within_reason() {
    let far = "Tue, 31 Dec 2199 23:59:59 GMT";
    for (header, body, seconds) in [
        ("retry-after: 7", "", Some(7)),
        ("retry-after: 0", "", Some(1)),
        ("retry-after: 999999", "", Some(3_600)),
        (&*format!("retry-after: {far}"), "", Some(3_600)),
        ("retry-after: soon", "", None),
        (PROBLEM, r#"{"code":"rate_limited","retry_after_s":9}"#, Some(9)),
    ] {
        let problem = problem(answer("429 Slow down", header, body)).await;
        assert_eq!((problem.code, problem.retry_after_s), (ProblemCode::RateLimited, seconds));
    }
    let busy = problem(answer("503 Busy", "retry-after: 2", "")).await;
    assert_eq!((busy.code, busy.retry_after_s), (ProblemCode::Unavailable, Some(2)));
}

#[tokio::test]
async fn a_broken_exchange_is_the_backends_failure_and_is_not_repeated() {
    for script in [
        Script::WriteAndClose(""),
        Script::WriteAndClose(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{",
        ),
        Script::WriteAndClose("SSH-2.0-x\r\n\r\n"),
    ] {
        let server = server(script).await;
        let (remote, contract) = remote(&params_for(&server.url));
        let body = Bytes::from_static(b"{}");
        let asked = Request { body, ..request(&contract, "messages.create", &ONE) };
        let error = remote.oneshot(asked).await.unwrap_err();
        assert_eq!(error.problem(), &Problem::new(ProblemCode::UpstreamError));
        assert!(error.context().unwrap().starts_with("upstream main, messages.create: "));
        assert_eq!(server.seen.lock().unwrap().len(), 1, "sent once");
    }
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (remote, contract) = remote(&params_for(&url));
    let asked = request(&contract, "conversations.get", &ONE);
    let error = remote.oneshot(asked).await.unwrap_err();
    assert_eq!(error.problem(), &Problem::new(ProblemCode::Unavailable));
}

#[tokio::test]
async fn a_call_takes_no_longer_than_its_time() {
    let late = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    for script in [Script::Hold, Script::Write(late.to_owned())] {
        let server = server(script).await;
        let params = Params { timeout: Duration::from_millis(40), ..params_for(&server.url) };
        let (remote, contract) = remote(&params);
        let error =
            remote.oneshot(request(&contract, "conversations.get", &ONE)).await.unwrap_err();
        assert_eq!(error.problem(), &Problem::new(ProblemCode::UpstreamTimeout));
    }
}

#[tokio::test]
async fn an_answer_has_a_bound_announced_or_not() {
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(1_994));
    let announced = answer("200 OK", JSON, &long);
    let chunked = Script::Write(format!(
        "HTTP/1.1 200 OK\r\n{JSON}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    ));
    for (most, fits) in [(1_000, false), (2_002, true)] {
        for script in [announced.clone(), chunked.clone()] {
            let server = server(script).await;
            let params = Params { max_answer_bytes: most, ..params_for(&server.url) };
            let (remote, contract) = remote(&params);
            let result = remote.oneshot(request(&contract, "conversations.get", &ONE)).await;
            assert_eq!(result.is_ok(), fits);
            if let Err(error) = result {
                assert_eq!(error.problem(), &Problem::new(ProblemCode::UpstreamInvalid));
                assert!(error.context().unwrap().contains("1000 bytes (max_answer_bytes)"));
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_deeper_or_longer_than_anything_of_the_contract_is_invalid() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let wide = format!("{{\"a\":{}1{}}}", "{\"a\":".repeat(500), "}".repeat(500));
    for body in [deep, wide] {
        assert_eq!(problem(answer("200 OK", JSON, &body)).await.code, ProblemCode::UpstreamInvalid);
    }
    // A head without end is given up, whatever is in it.
    let many = "x: y\r\n".repeat(101);
    let long = format!("x: {}\r\n", "y".repeat(300 << 10));
    for headers in [many, long] {
        let error = ask(answer("200 OK", &format!("{headers}{JSON}"), "{}")).await.unwrap_err();
        assert_eq!(error.problem(), &Problem::new(ProblemCode::UpstreamError));
        let context = error.context().unwrap();
        assert!(!context.contains("yyy") && context.contains("too large"), "{context}");
    }
    // A body without end: no length, and never the last piece.
    let endless = format!("HTTP/1.1 200 OK\r\n{JSON}\r\ntransfer-encoding: chunked\r\n\r\n");
    let piece = format!("{:x}\r\n{}\r\n", 9 << 20, "1".repeat(9 << 20));
    let code = problem(Script::Write(endless + &piece + &piece)).await.code;
    assert_eq!(code, ProblemCode::UpstreamInvalid);
}

#[test]
fn an_address_that_cannot_be_used_is_said_at_once() {
    let contract = crate::canonical::contract::tests::embedded();
    let why = |url: &str| Remote::new(&params_for(url), &contract).map(drop);
    assert_eq!(why("http://helpdesk.internal:8080/v1"), Ok(()));
    assert_eq!(why("https://helpdesk.internal/v1"), Err(Unusable::Tls), "never by accident");
    for url in ["", "helpdesk", "/v1", "ftp://helpdesk/", "http://", "http://a b/"] {
        assert_eq!(why(url), Err(Unusable::Url), "{url}");
    }
    for url in ["http://u:p@helpdesk/", "http://helpdesk/?a=b", "http://helpdesk/#a"] {
        assert_eq!(why(url), Err(Unusable::Extras), "{url}");
    }
    let params = Params { credential: SecretString::from("a\nb"), ..params_for("http://h/") };
    assert_eq!(Remote::new(&params, &contract).map(drop), Err(Unusable::Credential));
}

/// The future of a call is moved into a box: what hardly a call needs has a box of its own.
#[test]
fn a_call_under_way_is_small() {
    let contract = crate::canonical::contract::tests::embedded();
    let remote = Remote::new(&params_for("http://127.0.0.1:1/v1"), &contract).unwrap();
    let request = request(&contract, "conversations.get", &ONE);
    let call = remote.0.ask(&request);
    assert!(size_of_val(&call) <= 1_600, "{} bytes", size_of_val(&call));
}
