//! The proxy that fails on purpose does what it says: what a plain client of it sees, byte by byte
//! where that matters, and what the backend behind it got.

use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::backend::{Backend, Gate};
use crate::support::faulty::{At, Fault, Faulty, When};

const BODY: &str = r#"{"id":"m1","text":"the whole of it"}"#;

/// A backend that knows `/a` and `/b`, and a proxy before it.
async fn pair() -> (Backend, Faulty) {
    let backend = Backend::start().await;
    for path in ["/a", "/b"] {
        backend.tell(Method::GET, path, 200, BODY);
        backend.tell(Method::POST, path, 201, BODY);
    }
    let proxy = Faulty::before(backend.address).await;
    (backend, proxy)
}

/// Sends a request of these parts on a connection of its own, and reads until the end. `Err` is a
/// reset, with what came before it.
async fn ask(proxy: &Faulty, request: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(proxy.address).await.map_err(|e| e.to_string())?;
    stream.write_all(request.as_bytes()).await.map_err(|e| e.to_string())?;
    let mut all = Vec::new();
    let ended = stream.read_to_end(&mut all).await;
    let text = String::from_utf8(all).unwrap();
    ended.map(|_| text.clone()).map_err(|e| format!("{:?} after {}", e.kind(), text.len()))
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn body_of(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn is_reset(answer: &Result<String, String>) -> bool {
    answer.as_ref().is_err_and(|e| e.contains("ConnectionReset"))
}

#[tokio::test]
async fn what_no_rule_fits_passes_and_is_kept() {
    let (backend, proxy) = pair().await;
    let answer = ask(&proxy, &get("/a?limit=2")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(body_of(&answer), BODY);
    let chunked = "POST /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                   transfer-encoding: chunked\r\n\r\n3\r\none\r\n4\r\nmore\r\n0\r\n\r\n";
    ask(&proxy, chunked).await.unwrap();
    let seen = proxy.seen();
    assert_eq!((seen[0].target.as_str(), seen[0].path()), ("/a?limit=2", "/a"));
    assert_eq!((&seen[1].method, &seen[1].body[..]), (&Method::POST, &b"onemore"[..]));
    assert_eq!(seen[1].headers["transfer-encoding"], "chunked");
    assert!(seen.iter().all(|s| s.whole && s.fault.is_none()));
    assert_eq!([seen[0].answered, seen[1].answered], [Some(200), Some(201)]);
    assert_eq!(backend.got()[1].body, "onemore");
    assert_eq!(proxy.count(&Method::POST, "/b"), 1);
}

#[tokio::test]
async fn connections_are_kept() {
    let (_backend, proxy) = pair().await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    // Two at once, then what is left of the second.
    let two = "GET /a HTTP/1.1\r\nhost: x\r\n\r\nPOST /b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n";
    stream.write_all(two.as_bytes()).await.unwrap();
    proxy.wait_for(1, |s| s.path() == "/b").await;
    assert!(!proxy.seen()[1].whole);
    stream.write_all(b"ok").await.unwrap();
    proxy.wait_for(2, |s| s.answered.is_some()).await;
}

#[tokio::test]
async fn connections_are_reset_where_it_was_said() {
    let (backend, proxy) = pair().await;
    let when = || When::any().next(1);
    proxy.inject(when(), Fault::reset(At::Head));
    assert!(is_reset(&ask(&proxy, &post("/a", "body")).await));
    assert!(!proxy.seen()[0].whole && backend.got().is_empty());
    proxy.inject(when(), Fault::reset(At::Request));
    assert!(is_reset(&ask(&proxy, &post("/a", "body")).await));
    assert!(proxy.seen()[1].whole && backend.got().is_empty());
    proxy.inject(when(), Fault::reset(At::Request).carried_out());
    assert!(is_reset(&ask(&proxy, &post("/a", "body")).await));
    assert_eq!((proxy.seen()[2].answered, backend.got().len()), (Some(201), 1));
    // What is sent before a reset may be thrown away by either side: that it is one is what counts.
    proxy.inject(when(), Fault::reset(At::Headers));
    assert!(is_reset(&ask(&proxy, &get("/a")).await));
    proxy.inject(when(), Fault::reset(At::Half));
    assert!(is_reset(&ask(&proxy, &get("/a")).await));
    let faults: Vec<_> = proxy.seen().iter().filter_map(|s| s.fault).collect();
    assert_eq!(
        faults,
        [
            "reset at head",
            "reset at request",
            "reset at request",
            "reset after headers",
            "reset in body"
        ]
    );
    proxy.reset_connections(1);
    assert!(ask(&proxy, &get("/a")).await.is_err());
    assert_eq!(proxy.seen().len(), 5, "nothing of it was read");
    ask(&proxy, &get("/a")).await.unwrap();
}

#[tokio::test]
async fn bodies_are_broken_as_was_said() {
    let (_backend, proxy) = pair().await;
    let promised = format!("content-length: {}\r\n", BODY.len());
    let when = || When::any().next(1);
    proxy.inject(when(), Fault::half_body());
    let half = ask(&proxy, &get("/a")).await.unwrap();
    assert!(half.contains(&promised) && body_of(&half) == &BODY[..BODY.len() / 2], "{half}");
    proxy.inject(when(), Fault::truncated());
    let short = ask(&proxy, &get("/a")).await.unwrap();
    assert!(short.contains(&format!("content-length: {}\r\n", BODY.len() / 2)), "{short}");
    assert_eq!(body_of(&short), &BODY[..BODY.len() / 2]);
    proxy.inject(when(), Fault::body(r#"{"id":7}"#));
    let wrong = ask(&proxy, &post("/a", "")).await.unwrap();
    assert!(wrong.starts_with("HTTP/1.1 201 ") && wrong.contains("application/json"), "{wrong}");
    assert_eq!(body_of(&wrong), r#"{"id":7}"#);
    proxy.inject(when(), Fault::drip(5, Duration::from_micros(50)));
    assert_eq!(body_of(&ask(&proxy, &get("/a")).await.unwrap()), BODY);
}

#[tokio::test]
async fn answers_of_its_own_need_no_backend_unless_it_was_said() {
    let (backend, proxy) = pair().await;
    let when = || When::writes().next(1);
    proxy.inject(when(), Fault::html(500));
    let html = ask(&proxy, &post("/a", "1")).await.unwrap();
    assert!(html.starts_with("HTTP/1.1 500 ") && html.contains("text/html"), "{html}");
    proxy.inject(when(), Fault::throttled(7));
    let throttled = ask(&proxy, &post("/a", "1")).await.unwrap();
    assert!(throttled.starts_with("HTTP/1.1 429 ") && throttled.contains("retry-after: 7\r\n"));
    assert!(backend.got().is_empty());
    proxy.inject(when(), Fault::unavailable().carried_out());
    let away = ask(&proxy, &post("/a", "1")).await.unwrap();
    assert!(away.starts_with("HTTP/1.1 503 "), "{away}");
    assert_eq!(backend.got().len(), 1);
}

#[tokio::test]
async fn a_black_hole_reads_and_never_answers() {
    let (backend, proxy) = pair().await;
    let hole = proxy.inject(When::method(Method::GET).path("/a"), Fault::black_hole());
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(get("/a").as_bytes()).await.unwrap();
    proxy.wait_for(1, |s| s.whole).await;
    // Others are served meanwhile.
    ask(&proxy, &get("/b")).await.unwrap();
    let mut nothing = [0; 1];
    let early = tokio::time::timeout(Duration::from_millis(5), stream.read(&mut nothing)).await;
    assert!(early.is_err(), "{early:?}");
    proxy.cut().await;
    assert!(stream.read(&mut nothing).await.is_err());
    assert_eq!((proxy.followed(hole), backend.got().len()), (1, 1));
}

#[tokio::test]
async fn what_is_late_comes_in_the_end() {
    let (backend, proxy) = pair().await;
    let gate = Gate::new(false);
    proxy.inject(When::reads().ending("a"), Fault::held(&gate));
    let short = Duration::from_micros(200);
    proxy.inject(When::reads().next(1), Fault::latency(short).jitter(short));
    proxy.inject(When::reads().next(1), Fault::lag(short));
    proxy.inject(When::writes(), Fault::unavailable().delayed(short));
    let (held, other) = (get("/a"), get("/b"));
    let held = ask(&proxy, &held);
    let others = async {
        proxy.wait_for(1, |s| s.answered == Some(200)).await;
        ask(&proxy, &other).await.unwrap();
        ask(&proxy, &other).await.unwrap();
        ask(&proxy, &post("/b", "")).await.unwrap();
        gate.open();
    };
    let (held, ()) = tokio::join!(held, others);
    assert_eq!(body_of(&held.unwrap()), BODY);
    assert_eq!(backend.got().len(), 3);
    let faults: Vec<_> = proxy.seen().iter().filter_map(|s| s.fault).collect();
    assert_eq!(faults, ["held", "latency", "lag", "answer"]);
}

#[tokio::test]
async fn nobody_listens_and_then_somebody_does_on_the_same_port() {
    let (_backend, proxy) = pair().await;
    let mut idle = TcpStream::connect(proxy.address).await.unwrap();
    idle.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    proxy.wait_for(1, |s| s.answered.is_some()).await;
    for _ in 0..3 {
        proxy.refuse().await;
        let refused = TcpStream::connect(proxy.address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        proxy.refuse().await;
        proxy.reopen().await;
        proxy.reopen().await;
        ask(&proxy, &get("/a")).await.unwrap();
    }
    let mut rest = Vec::new();
    assert!(idle.read_to_end(&mut rest).await.is_err(), "idle connections are cut as well");
}

#[tokio::test]
async fn rules_are_followed_in_order_and_by_the_seed() {
    let backend = Backend::start().await;
    backend.tell(Method::GET, "/a", 200, BODY);
    let run = async |seed: u64| {
        let proxy = Faulty::seeded(backend.address, seed).await;
        let first = proxy.inject(When::any().path("/a").chance(300).next(10), Fault::unavailable());
        let second = proxy.inject(When::reads().ending("a").chance(300), Fault::html(502));
        let mut outcomes = String::new();
        for _ in 0..60 {
            let answer = ask(&proxy, &get("/a")).await.unwrap();
            outcomes.push_str(&answer[11..12]);
        }
        assert_eq!(proxy.followed(first), outcomes.matches('3').count());
        assert_eq!(proxy.followed(second), outcomes.matches('2').count());
        proxy.heal();
        assert!(ask(&proxy, &get("/a")).await.unwrap().starts_with("HTTP/1.1 200 "));
        outcomes
    };
    let (once, again, other) = (run(7).await, run(7).await, run(8).await);
    assert_eq!(once, again);
    assert_ne!(once, other);
    for digit in ["0", "2", "3"] {
        assert!(once.contains(digit), "{once}");
    }
    assert!(once.matches('3').count() <= 10, "{once}");
}
