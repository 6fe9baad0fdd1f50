//! The cache under the whole stack: one entry for every dialect, nothing old after a write.

use http::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::backend::{Backend, with};
use crate::support::client::{Answer, Client};
use crate::support::desk::{
    self, ACCOUNT, AGENT, BEARER, CANONICAL, NONE, PUBLIC, READS, THIRD_PARTY,
};
use crate::support::gateway::{Gateway, in_front_of};

/// A backend that knows a conversation, and a gateway in front of it.
pub(crate) async fn set_up() -> (Backend, Gateway, Client) {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let gateway = Gateway::before(&backend).await;
    let client = gateway.client();
    (backend, gateway, client)
}

/// Waits until so many requests are being answered.
async fn in_flight(gateway: &Gateway, count: f64) {
    until(gateway, "deskbridge_requests_in_flight", &[], count).await;
}

/// Waits until a metric has a value.
async fn until(gateway: &Gateway, name: &str, labels: &[(&str, &str)], value: f64) {
    while (gateway.metric(name, labels).await - value).abs() > 0.1 {
        tokio::task::yield_now().await;
    }
}

/// The status of the conversation, as a dialect's answer says it, in canonical words.
fn status(dialect: &str, answer: &Answer) -> String {
    let body = answer.value();
    let word = match dialect {
        "third-party" => &body["data"]["status"],
        _ => &body["status"],
    };
    match word.as_str().unwrap() {
        "in-progress" => "open",
        "done" => "resolved",
        other => other,
    }
    .to_owned()
}

#[tokio::test]
async fn three_dialects_and_the_canonical_one_share_one_question_and_one_entry() {
    let (backend, gateway, client) = set_up().await;
    for (position, (dialect, path, credential)) in READS.into_iter().enumerate() {
        let answer = client.get(path, credential).await.expect(200);
        let cache = answer.header("cache-status");
        let hit =
            cache.strip_prefix("deskbridge; hit; ttl=").and_then(|ttl| ttl.parse::<u32>().ok());
        match position {
            0 => assert_eq!(cache, "deskbridge; fwd=uri-miss; stored", "{dialect}"),
            _ => assert!(hit.is_some_and(|ttl| ttl <= 30), "{dialect}: {cache}"),
        }
        assert_eq!(status(dialect, &answer), "open");
    }
    assert_eq!(desk::reads(&backend), 1);
    let asked = [("operation", "conversations.get"), ("upstream", "main")];
    assert!((gateway.metric("deskbridge_upstream_requests_total", &asked).await - 1.0).abs() < 0.1);
    let outcome = |outcome| [("operation", "conversations.get"), ("outcome", outcome)];
    let counted = "deskbridge_cache_requests_total";
    assert!((gateway.metric(counted, &outcome("miss")).await - 1.0).abs() < 0.1);
    assert!((gateway.metric(counted, &outcome("hit")).await - 3.0).abs() < 0.1);
}

/// Reads that are the same for everyone are asked as the gateway, writes as who writes; with the
/// gateway's own credential, and nothing of the client's.
#[tokio::test]
async fn the_backend_learns_who_writes_and_nothing_else_of_a_client() {
    let (backend, _gateway, client) = set_up().await;
    let own = [
        ("cookie", "session=1"),
        ("x-own", "1"),
        ("x-forwarded-for", "192.0.2.7"),
        ("user-agent", "widget"),
        ("x-request-id", "known-7"),
        ("deskbridge-actor", "agent:n:9"),
    ];
    client.get(ACCOUNT, &[AGENT, &own].concat()).await.expect(200);
    let hello = json!({ "content": "hello", "more": 1 });
    for (path, credential) in [(ACCOUNT, AGENT), (PUBLIC, NONE)] {
        let headers = [credential, &own].concat();
        client.json(Method::POST, &format!("{path}/messages"), &headers, &hello).await.expect(200);
    }
    let got = backend.got();
    let said = |at: usize, name: &str| got[at].headers.get(name).map(|v| v.to_str().unwrap());
    for (at, got) in got.iter().enumerate() {
        assert_eq!(said(at, "authorization"), Some("Bearer backend-secret"), "{}", got.target);
        assert_eq!(said(at, "host"), Some(&*backend.address.to_string()));
        assert_eq!(said(at, "x-request-id"), Some("known-7"));
        for name in ["cookie", "x-own", "x-forwarded-for", "api_access_token"] {
            assert_eq!(said(at, name), None, "{name} of {}", got.target);
        }
        assert!(said(at, "user-agent").unwrap().starts_with("deskbridge/"));
    }
    let asked: Vec<(Method, &str)> = (0..got.len())
        .map(|at| (got[at].method.clone(), said(at, "deskbridge-actor").unwrap()))
        .filter(|(_, actor)| *actor != "gateway")
        .collect();
    // The account's credential may not act as others, whatever its client says.
    let writers = [(Method::POST, "agent:n:2"), (Method::POST, "contact-identity:idn_5Qw")];
    assert_eq!(asked, writers);
    let bodies: Vec<Value> = got
        .iter()
        .filter(|got| got.method == Method::POST)
        .map(|got| serde_json::from_slice(&got.body).unwrap())
        .collect();
    let of_agent = json!({ "kind": "outgoing", "visibility": "public", "text": "hello" });
    assert_eq!(bodies, [of_agent, json!({ "kind": "incoming", "text": "hello" })]);
}

#[tokio::test]
async fn a_second_rendering_is_the_first_byte_for_byte() {
    let (_backend, _gateway, client) = set_up().await;
    for (dialect, path, credential) in READS {
        let first = client.get(path, credential).await.expect(200);
        let second = client.get(path, credential).await.expect(200);
        assert_eq!(first.body, second.body, "{dialect}");
        assert_eq!(first.header("etag"), second.header("etag"), "{dialect}");
        let condition = [credential, &[("if-none-match", first.header("etag"))]].concat();
        let unchanged = client.get(path, &condition).await.expect(304);
        assert!(unchanged.body.is_empty() && unchanged.header("cache-status").contains("; hit"));
    }
}

/// The writes of each dialect, and what makes of the open conversation a resolved one.
fn writes() -> Vec<(&'static str, Method, String, Vec<(&'static str, &'static str)>, Value)> {
    let merge = [BEARER, &[("content-type", "application/merge-patch+json")]].concat();
    let (resolved, hello) = (json!({ "status": "resolved" }), json!({ "content": "hello" }));
    let text = json!({ "type": "text", "text": { "content": "hello" } });
    let canonical = json!({ "kind": "outgoing", "visibility": "public", "text": "hello" });
    let messages = |path: &str| format!("{path}/messages");
    let toggle = |path: &str| format!("{path}/toggle_status");
    vec![
        ("public-inbox", Method::POST, toggle(PUBLIC), NONE.to_vec(), json!({})),
        ("account", Method::POST, toggle(ACCOUNT), AGENT.to_vec(), resolved.clone()),
        (
            "third-party",
            Method::PATCH,
            THIRD_PARTY.to_owned(),
            BEARER.to_vec(),
            json!({ "status": "done" }),
        ),
        ("canonical", Method::PATCH, CANONICAL.to_owned(), merge, resolved),
        ("public-inbox", Method::POST, messages(PUBLIC), NONE.to_vec(), hello.clone()),
        ("account", Method::POST, messages(ACCOUNT), AGENT.to_vec(), hello),
        ("third-party", Method::POST, messages(THIRD_PARTY), BEARER.to_vec(), text),
        ("canonical", Method::POST, messages(CANONICAL), BEARER.to_vec(), canonical),
    ]
}

#[tokio::test]
async fn a_write_through_any_dialect_is_seen_by_the_others_at_once() {
    let resolved = with(desk::conversation(), "/status", json!("resolved"));
    for (dialect, method, path, headers, body) in writes() {
        let (backend, _gateway, client) = set_up().await;
        for (_, path, credential) in READS {
            client.get(path, credential).await.expect(200);
        }
        assert_eq!(desk::reads(&backend), 1);
        desk::show(&backend, &resolved);
        let headers: Vec<_> = match headers.iter().any(|(name, _)| *name == "content-type") {
            true => headers,
            false => [&headers[..], &[("content-type", "application/json")]].concat(),
        };
        let wrote = client.send(method.clone(), &path, &headers, body.to_string()).await;
        assert!(wrote.status.is_success(), "{method} {path}: {wrote:?}");
        assert_eq!(wrote.header("cache-status"), "deskbridge; fwd=bypass; detail=write", "{path}");
        for (reader, path, credential) in READS {
            let answer = client.get(path, credential).await.expect(200);
            assert_eq!(
                status(reader, &answer),
                "resolved",
                "{method} of {dialect}, read by {reader}"
            );
        }
        assert_eq!(desk::reads(&backend), 2, "{method} of {dialect}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_readers_at_once_are_one_question() {
    let (backend, gateway, client) = set_up().await;
    backend.hold();
    let mut readers = JoinSet::new();
    for n in 0..200 {
        // The public dialect looks its contact up first, so it would not be in the flight yet.
        let (_, path, credential) = READS[1 + n % 3];
        let client = client.clone();
        readers.spawn(async move { client.get(path, credential).await.expect(200) });
    }
    in_flight(&gateway, 200.0).await;
    backend.release();
    let answers = readers.join_all().await;
    assert_eq!(desk::reads(&backend), 1);
    let with_status =
        |word| answers.iter().filter(|a| a.header("cache-status").ends_with(word)).count();
    assert_eq!((with_status("stored"), with_status("collapsed")), (1, 199));
}

#[tokio::test]
async fn a_reader_that_leaves_does_not_end_the_question_for_others() {
    let (backend, gateway, client) = set_up().await;
    backend.hold();
    let mut leaver = TcpStream::connect(gateway.address).await.unwrap();
    let request =
        format!("GET {ACCOUNT} HTTP/1.1\r\nHost: a\r\napi_access_token: demo-agent\r\n\r\n");
    leaver.write_all(request.as_bytes()).await.unwrap();
    backend.wait_for_call(&Method::GET, CANONICAL, 1).await;
    drop(leaver);
    until(&gateway, "deskbridge_requests_total", &[("status", "499")], 1.0).await;
    let stays = tokio::spawn(async move { client.get(THIRD_PARTY, BEARER).await });
    in_flight(&gateway, 1.0).await;
    backend.release();
    let answer = stays.await.unwrap().expect(200);
    assert_eq!(answer.header("cache-status"), "deskbridge; fwd=uri-miss; collapsed");
    assert_eq!(desk::reads(&backend), 1);
}

/// The race, first order: the read is asked, the write overtakes it, the read lands. What it brought
/// is old, and neither kept nor given to whoever asks after the write.
#[tokio::test]
async fn a_read_that_a_write_overtakes_is_not_kept() {
    let (backend, gateway, client) = set_up().await;
    let resolved = with(desk::conversation(), "/status", json!("resolved"));
    let old = desk::conversation().to_string();
    let gate = backend.tell_held(Method::GET, CANONICAL, 200, old);
    let overtaken = tokio::spawn({
        let client = client.clone();
        async move { client.get(ACCOUNT, AGENT).await }
    });
    backend.wait_for_call(&Method::GET, CANONICAL, 1).await;
    desk::show(&backend, &resolved);
    client.json(Method::PATCH, THIRD_PARTY, BEARER, &json!({ "status": "done" })).await.expect(200);
    // This one comes after the write; the old question is still under way.
    let after = tokio::spawn({
        let client = client.clone();
        async move { client.get(THIRD_PARTY, BEARER).await }
    });
    in_flight(&gateway, 2.0).await;
    gate.open();
    let overtaken = overtaken.await.unwrap().expect(200);
    assert_eq!(status("account", &overtaken), "open");
    assert_eq!(overtaken.header("cache-status"), "deskbridge; fwd=uri-miss");
    assert_eq!(status("third-party", &after.await.unwrap().expect(200)), "resolved");
    for (dialect, path, credential) in READS {
        let answer = client.get(path, credential).await.expect(200);
        assert_eq!(status(dialect, &answer), "resolved", "{dialect}");
    }
    assert_eq!(desk::reads(&backend), 2);
}

/// The race, second order: the write is sent, a read is asked and lands before the backend has done
/// it, the write ends. What was read meanwhile is old from then on.
#[tokio::test]
async fn what_was_read_during_a_write_is_not_given_after_it() {
    let (backend, _gateway, client) = set_up().await;
    let resolved = with(desk::conversation(), "/status", json!("resolved"));
    let gate = backend.tell_held(Method::PATCH, CANONICAL, 200, resolved.to_string());
    let write = tokio::spawn({
        let client = client.clone();
        async move {
            client.json(Method::PATCH, THIRD_PARTY, BEARER, &json!({ "status": "done" })).await
        }
    });
    backend.wait_for_call(&Method::PATCH, CANONICAL, 1).await;
    let meanwhile = client.get(ACCOUNT, AGENT).await.expect(200);
    assert_eq!(status("account", &meanwhile), "open");
    backend.tell(Method::GET, CANONICAL, 200, resolved.to_string());
    gate.open();
    write.await.unwrap().expect(200);
    for (dialect, path, credential) in READS {
        let answer = client.get(path, credential).await.expect(200);
        assert_eq!(status(dialect, &answer), "resolved", "{dialect}");
    }
    assert_eq!(desk::reads(&backend), 2);
}

/// A write whose client leaves runs to its end, and what it changed is forgotten.
#[tokio::test]
async fn a_write_whose_client_leaves_is_carried_out_and_noticed() {
    let (backend, gateway, client) = set_up().await;
    client.get(ACCOUNT, AGENT).await.expect(200);
    let resolved = with(desk::conversation(), "/status", json!("resolved"));
    let gate = backend.tell_held(Method::PATCH, CANONICAL, 200, resolved.to_string());
    let mut leaver = TcpStream::connect(gateway.address).await.unwrap();
    let body = r#"{"status":"done"}"#;
    let request = format!(
        "PATCH {THIRD_PARTY} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer demo-bearer\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    leaver.write_all(request.as_bytes()).await.unwrap();
    backend.wait_for_call(&Method::PATCH, CANONICAL, 1).await;
    drop(leaver);
    until(&gateway, "deskbridge_requests_total", &[("status", "499")], 1.0).await;
    backend.tell(Method::GET, CANONICAL, 200, desk::conversation().to_string());
    client.get(ACCOUNT, AGENT).await.expect(200);
    backend.tell(Method::GET, CANONICAL, 200, resolved.to_string());
    gate.open();
    let updated = [("operation", "conversations.update"), ("outcome", "success")];
    until(&gateway, "deskbridge_upstream_requests_total", &updated, 1.0).await;
    // Counted before the cache hears of it; once heard, no old answer is given any more. Unheard, it
    // would be given until its time is over.
    loop {
        let answer = client.get(ACCOUNT, AGENT).await.expect(200);
        if status("account", &answer) == "resolved" {
            break;
        }
        let left = answer.header("cache-status").rsplit('=').next().unwrap().parse::<u32>();
        assert!(left.is_ok_and(|left| left > 10), "nobody told the cache: {answer:?}");
    }
}

#[tokio::test]
async fn tenants_share_nothing() {
    let (one, two) = (Backend::start().await, Backend::start().await);
    for (backend, subject) in [(&one, "One"), (&two, "Two")] {
        desk::serve(backend);
        desk::show(backend, &with(desk::conversation(), "/subject", json!(subject)));
    }
    let yaml = format!(
        "upstreams:
  one: {{ kind: canonical, url: \"http://{}/v1\", credential: \"${{env:BACKEND_TOKEN}}\" }}
  two: {{ kind: canonical, url: \"http://{}/v1\", credential: \"${{env:BACKEND_TOKEN}}\" }}
tenants:
  first: {{ upstream: one }}
  second: {{ upstream: two }}
mounts:
  - {{ dialect: canonical, tenant: first, host: one.example }}
  - {{ dialect: canonical, tenant: second, host: two.example }}
credentials:
  - {{ name: one, secret: \"${{env:BEARER_TOKEN}}\", tenant: first, account: \"1\", actor: gateway }}
  - {{ name: two, secret: \"${{env:OTHER_TOKEN}}\", tenant: second, account: \"1\", actor: gateway }}
",
        one.address, two.address
    );
    let gateway = Gateway::configured(&yaml).await;
    let client = gateway.client();
    let read = async |host: &str, key: &str| {
        let key = format!("Bearer {key}");
        client.get(CANONICAL, &[("host", host), ("authorization", &key)]).await
    };
    for _ in 0..2 {
        assert_eq!(read("one.example", "demo-bearer").await.expect(200).value()["subject"], "One");
        assert_eq!(read("two.example", "other-bearer").await.expect(200).value()["subject"], "Two");
    }
    assert_eq!((desk::reads(&one), desk::reads(&two)), (1, 1));
    // A credential opens its own tenant only, also where the other's answer is at hand.
    read("one.example", "other-bearer").await.expect(401);
    read("two.example", "demo-bearer").await.expect(401);
    // A write to one leaves the other's entry alone.
    let headers = [
        ("host", "one.example"),
        ("authorization", "Bearer demo-bearer"),
        ("content-type", "application/merge-patch+json"),
    ];
    client.send(Method::PATCH, CANONICAL, &headers, r#"{"subject":"x"}"#).await.expect(200);
    assert!(
        read("two.example", "other-bearer")
            .await
            .expect(200)
            .header("cache-status")
            .contains("; hit")
    );
    assert!(
        read("one.example", "demo-bearer")
            .await
            .expect(200)
            .header("cache-status")
            .contains("uri-miss")
    );
}

#[tokio::test]
async fn a_cache_that_is_switched_off_keeps_nothing_and_says_so() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let yaml = in_front_of(&backend.address.to_string(), "cache: { enabled: false }\n");
    let gateway = Gateway::configured(&yaml).await;
    let client = gateway.client();
    for (dialect, path, credential) in READS {
        let answer = client.get(path, credential).await.expect(200);
        assert_eq!(
            answer.header("cache-status"),
            "deskbridge; fwd=bypass; detail=off",
            "{dialect}"
        );
    }
    assert_eq!(desk::reads(&backend), READS.len());
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let once = in_front_of(&backend.address.to_string(), "resilience: { attempts: 1 }");
    let gateway = Gateway::configured(&once).await;
    let client = gateway.client();
    backend.tell(Method::GET, CANONICAL, 503, crate::support::backend::problem(503, "unavailable"));
    for (dialect, path, credential) in READS {
        let answer = client.get(path, credential).await;
        assert_eq!(answer.status, 503, "{dialect}: {answer:?}");
        assert_eq!(answer.header("cache-status"), "deskbridge; fwd=uri-miss", "{dialect}");
    }
    assert_eq!(desk::reads(&backend), READS.len());
    desk::show(&backend, &desk::conversation());
    client.get(ACCOUNT, AGENT).await.expect(200);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_asked_for_anew() {
    let (backend, _gateway, client) = set_up().await;
    let broken = with(desk::conversation(), "/status", json!("unheard of"));
    desk::show(&backend, &broken);
    for asked in 1..=2 {
        client.get(ACCOUNT, AGENT).await.expect(502);
        assert_eq!(desk::reads(&backend), asked);
    }
    desk::show(&backend, &desk::conversation());
    let answer = client.get(ACCOUNT, AGENT).await.expect(200);
    assert_eq!(answer.header("cache-status"), "deskbridge; fwd=uri-miss; stored");
    client.get(THIRD_PARTY, BEARER).await.expect(200);
    assert_eq!(desk::reads(&backend), 3, "what can be read is kept");
}

#[tokio::test]
async fn a_look_up_that_cannot_be_read_is_made_anew() {
    let (backend, _gateway, client) = set_up().await;
    // Of somebody else, and not what the contract says.
    let mut identity = desk::conversation()["contact_identity"].clone();
    identity["source_id"] = json!("somebody-else");
    identity["verified"] = json!("perhaps");
    let page = json!({ "next": null, "prev": null, "limit": 1, "number": null, "total": null });
    let found = json!({ "data": [identity], "page": page });
    backend.tell(Method::GET, "/v1/accounts/1/identities", 200, found.to_string());
    client.get(PUBLIC, NONE).await.expect(502);
    desk::serve(&backend);
    client.get(PUBLIC, NONE).await.expect(200);
}
