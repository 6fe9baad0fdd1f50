//! Whom a proxy speaks for, whose host chooses a mount, and what crosses to the backend.

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::backend::Backend;
use crate::support::client::{Client, raw};
use crate::support::dialects::ACCOUNT;
use crate::support::gateway::Gateway;

/// One dialect at two hosts for two tenants; only `peers` are trusted proxies.
fn hosts(backend: &Backend, proxies: &str) -> String {
    format!(
        "server: {{ trusted_proxies: [{proxies}] }}
upstreams:
  main: {{ kind: canonical, url: \"http://{}/v1\", credential: \"${{env:BACKEND_TOKEN}}\" }}
tenants:
  demo: {{ upstream: main }}
mounts:
  - {{ dialect: account, tenant: demo, host: desk.example }}
credentials:
  - {{ name: agent, secret: \"${{env:AGENT_TOKEN}}\", tenant: demo, account: \"1\", actor: \"agent:n:2\" }}
",
        backend.address
    )
}

/// Whether a mount took the request: its dialect's own 404, or nobody's.
async fn mounted(client: &Client, headers: &[(&str, &str)]) -> bool {
    let path = format!("{}999", ACCOUNT.conversations);
    let answer = client.get(&path, &[ACCOUNT.credential, headers].concat()).await.expect(404);
    answer.header("content-type") == "application/json"
}

#[tokio::test]
async fn a_mounts_host_is_the_one_that_was_asked_for() {
    let backend = Backend::start().await;
    let gateway = Gateway::configured(&hosts(&backend, "")).await;
    let client = gateway.client();
    assert!(mounted(&client, &[("host", "desk.example")]).await);
    assert!(mounted(&client, &[("host", "DESK.example:8080")]).await);
    assert!(!mounted(&client, &[("host", "other.example")]).await);
    // A stranger's word is nothing.
    for name in ["x-forwarded-host", "x-original-host", "x-host"] {
        let headers = [("host", "other.example"), (name, "desk.example")];
        assert!(!mounted(&client, &headers).await, "{name}");
        let headers = [("host", "desk.example"), (name, "other.example")];
        assert!(mounted(&client, &headers).await, "{name}");
    }
    let forwarded = "for=192.0.2.1;host=desk.example";
    assert!(!mounted(&client, &[("host", "other.example"), ("forwarded", forwarded)]).await);
    // A target's host is more than Host's.
    for (target, host, status) in
        [("desk.example", "other.example", "401"), ("other.example", "desk.example", "404")]
    {
        let request = format!(
            "GET http://{target}{}1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
            ACCOUNT.conversations
        );
        let answer = raw(gateway.address, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_which_host_was_asked_for() {
    let backend = Backend::start().await;
    let gateway = Gateway::configured(&hosts(&backend, "127.0.0.1")).await;
    let client = gateway.client();
    let inner = ("host", "gateway.internal");
    assert!(!mounted(&client, &[inner]).await);
    assert!(mounted(&client, &[inner, ("x-forwarded-host", "desk.example")]).await);
    assert!(mounted(&client, &[inner, ("x-forwarded-host", "evil.example, desk.example")]).await);
    let forwarded = "for=192.0.2.1;host=\"desk.example\"";
    assert!(mounted(&client, &[inner, ("forwarded", forwarded)]).await);
    // Two stories: neither.
    let both = [inner, ("forwarded", forwarded), ("x-forwarded-for", "192.0.2.2")];
    assert!(!mounted(&client, &both).await);
    // What it names must be a host, too.
    let path = format!("{}999", ACCOUNT.conversations);
    let headers = [inner, ("x-forwarded-host", "desk.example/x")];
    let answer = client.get(&path, &[ACCOUNT.credential, &headers].concat()).await.expect(400);
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn an_address_that_floods_is_refused_and_no_other_is() {
    let backend = Backend::start().await;
    let limits = "limits: { rate_per_address: { per_second: 1, burst: 2 } }\n";
    let yaml = hosts(&backend, "127.0.0.1") + limits;
    let gateway = Gateway::configured(&yaml).await;
    let client = gateway.client();
    let path = format!("{}1", ACCOUNT.conversations);
    // Guesses at a credential, which no limit of a credential would count.
    let ask = async |address: &str, guess: &str| {
        let headers =
            [("host", "desk.example"), ("x-forwarded-for", address), ("api_access_token", guess)];
        client.get(&path, &headers).await
    };
    let flood = (0..20).map(|n| {
        let guess = format!("guess-{n}");
        let ask = &ask;
        async move { ask("198.51.100.1", &guess).await }
    });
    let answers = futures_util::future::join_all(flood).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty() && refused.len() < 20, "{}", refused.len());
    for answer in refused {
        ACCOUNT.assert_refusal(answer, 429);
        assert_eq!(answer.header("retry-after"), "1");
    }
    ask("198.51.100.2", "guess").await.expect(401);
    let counted = gateway.metric("deskbridge_refused_total", &[("reason", "address_rate")]);
    assert!(counted.await >= 1.0);
}

#[tokio::test]
async fn http_2_names_its_host_once() {
    let backend = Backend::start().await;
    let gateway = Gateway::configured(&hosts(&backend, "")).await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut ask = async |authority: &str, host: Option<&str>, lines: usize| {
        let uri = format!("http://{authority}{}1", ACCOUNT.conversations);
        let mut request = http::Request::get(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        for line in 0..lines {
            request = request.header("x-many", line.to_string());
        }
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let answer = client.send_request(request).await.unwrap();
        let status = answer.status();
        answer.into_body().collect().await.unwrap();
        status
    };
    assert_eq!(ask("desk.example", None, 0).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("desk.example", Some("desk.example"), 0).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("other.example", None, 0).await, StatusCode::NOT_FOUND);
    assert_eq!(ask("desk.example", Some("other.example"), 0).await, StatusCode::BAD_REQUEST);
    let many = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    assert_eq!(ask("desk.example", None, 150).await, many);
    assert_eq!(ask("desk.example", None, 90).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn hop_by_hop_headers_cross_in_neither_direction() {
    let backend = Backend::start().await;
    let path = "/v1/accounts/1/conversations/n:1";
    let hop = [
        ("connection", "x-private"),
        ("x-private", "1"),
        ("keep-alive", "timeout=99"),
        ("proxy-authenticate", "Basic"),
        ("proxy-connection", "keep-alive"),
        ("trailer", "x-after"),
        ("upgrade", "h2c"),
        ("server", "backend/1"),
        ("set-cookie", "s=1"),
    ];
    let sandbox = Gateway::sandbox().await;
    let conversation = crate::support::dialects::CANONICAL.get(&sandbox.client(), 1).await;
    let body = conversation.expect(200).body;
    backend.tell_with(Method::GET, path, 200, "application/json", &hop, body);
    let gateway = Gateway::before(&backend).await;
    let sent = [
        ("connection", "keep-alive, x-mine"),
        ("x-mine", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("trailer", "x-after"),
        ("upgrade", "websocket"),
        ("proxy-authorization", "Basic eDp5"),
        ("proxy-connection", "keep-alive"),
        ("forwarded", "for=192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-real-ip", "192.0.2.1"),
        ("accept-encoding", "gzip"),
        ("authorization", "Basic eDp5"),
        ("origin", "https://shop.example"),
        ("max-forwards", "0"),
        ("expect", "100-continue"),
    ];
    let client = gateway.client();
    let answer = client
        .get(&format!("{}1", ACCOUNT.conversations), &[ACCOUNT.credential, &sent].concat())
        .await
        .expect(200);
    for (name, _) in hop {
        assert_eq!(answer.header(name), "", "{name}");
    }
    let got = backend.got();
    assert!(!got.is_empty());
    let known = [
        "accept",
        "authorization",
        "deskbridge-actor",
        "host",
        "traceparent",
        "user-agent",
        "x-request-id",
    ];
    for call in got {
        for name in call.headers.keys() {
            assert!(known.contains(&name.as_str()), "{name} crosses");
        }
        assert_eq!(call.headers["host"], backend.address.to_string());
        assert_eq!(call.headers["authorization"], "Bearer backend-secret");
    }
}
