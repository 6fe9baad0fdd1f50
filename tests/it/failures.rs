//! What the backend may get wrong, as each dialect tells it: the status, the shape of the body, and
//! nothing of the backend in it.

use http::Method;
use serde_json::{Value, json};

use crate::support::backend::{Backend, problem, with};
use crate::support::client::{Answer, Client};
use crate::support::dialects::{ACCOUNT, ALL, BEARER, CANONICAL, Dialect, PUBLIC};
use crate::support::gateway::{Gateway, in_front_of};

const INBOX: &str = "/v1/resolve/inboxes/demo-inbox";
const IDENTITIES: &str = "/v1/accounts/1/identities";
const CONVERSATION: &str = "/v1/accounts/1/conversations/n:1";
const MESSAGES: &str = "/v1/accounts/1/conversations/n:1/messages";
/// Every call is one question, whatever came of the one before.
const ONCE: &str = "resilience: { attempts: 1, breaker: { enabled: false } }";
/// Words that only the backend says.
const SECRET: &str = "at db7.internal, trace 0xdeadbeef";

/// What the sandbox says, for the backend to say.
struct Said {
    inbox: Value,
    identities: Value,
    conversation: Value,
}

impl Said {
    async fn learn() -> Self {
        let sandbox = Gateway::sandbox().await;
        let client = sandbox.client();
        let read =
            async |path: &str| client.get(path, CANONICAL.credential).await.expect(200).value();
        let inbox = read(INBOX).await;
        let id = inbox["id"].as_str().unwrap();
        Self {
            identities: read(&format!("{IDENTITIES}?inbox_id={id}&source_id=demo-contact&limit=1")).await,
            conversation: read(&format!(
                "{CONVERSATION}?messages_limit=0&include=contact,contact_identity,assignee,team,inbox,messages,last_message,last_inbound_message,last_note"
            ))
            .await,
            inbox,
        }
    }

    fn tell(&self, backend: &Backend) {
        backend.tell(Method::GET, INBOX, 200, self.inbox.to_string());
        backend.tell(Method::GET, IDENTITIES, 200, self.identities.to_string());
        backend.tell(Method::GET, CONVERSATION, 200, self.conversation.to_string());
    }
}

/// No word of the backend, of its address or of the gateway's credential there.
#[track_caller]
fn assert_discreet(answer: &Answer, backend: &str) {
    let text = answer.text();
    let port = format!(":{}", backend.rsplit(':').next().unwrap());
    for word in
        [SECRET, "db7.internal", "backend-secret", "x-backend", "nginx", port.as_str(), "panic"]
    {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[tokio::test]
async fn the_fake_backend_serves_every_dialect() {
    let said = Said::learn().await;
    let backend = Backend::start().await;
    said.tell(&backend);
    let gateway = Gateway::before(&backend).await;
    for dialect in ALL {
        dialect.get(&gateway.client(), 1).await.expect(200);
    }
    assert_eq!(backend.count(&Method::GET, CONVERSATION), 1);
    for got in backend.got() {
        assert_eq!(got.headers["authorization"], "Bearer backend-secret");
        assert!(!got.headers.contains_key("api_access_token"));
        assert_eq!(got.headers["host"], backend.address.to_string());
    }
}

#[tokio::test]
async fn answers_that_are_failures() {
    let said = Said::learn().await;
    let backend = Backend::start().await;
    let html = format!("<html><h1>500</h1>{SECRET}</html>");
    let told = |status: u16, code: &str| {
        let mut body: Value = serde_json::from_str(&problem(status, code)).unwrap();
        body["detail"] = SECRET.into();
        body.to_string()
    };
    let with_secret = |pointer: &str, value: Value| {
        let mut body = with(said.conversation.clone(), pointer, value);
        body["subject"] = SECRET.into();
        body.to_string()
    };
    let without = |member: &str| {
        let mut body = said.conversation.clone();
        body.as_object_mut().unwrap().remove(member).unwrap();
        body["subject"] = SECRET.into();
        body.to_string()
    };
    let cases: Vec<(&str, u16, &'static str, String, u16)> = vec![
        ("a page", 500, "text/html", html.clone(), 502),
        ("a problem", 500, "application/problem+json", told(500, "internal"), 502),
        ("a gateway's page", 502, "text/html", html.clone(), 502),
        ("a page of another kind", 404, "text/html", html.clone(), 404),
        ("a redirect", 302, "text/html", html.clone(), 502),
        ("not modified", 304, "text/html", String::new(), 502),
        ("a success that is a page", 200, "text/html", html.clone(), 502),
        ("no credential", 401, "application/problem+json", told(401, "unauthorized"), 502),
        ("no right", 403, "text/html", html.clone(), 502),
        ("not JSON", 200, "application/json", format!("{{\"id\": {SECRET}"), 502),
        ("nothing", 200, "application/json", String::new(), 502),
        ("a list", 200, "application/json", format!("[\"{SECRET}\"]"), 502),
        (
            "a text for a number",
            200,
            "application/json",
            with_secret("/number", json!(SECRET)),
            502,
        ),
        (
            "an object for a list",
            200,
            "application/json",
            with_secret("/messages", json!({ "a": SECRET })),
            502,
        ),
        (
            "a status nobody knows",
            200,
            "application/json",
            with_secret("/status", json!(SECRET)),
            502,
        ),
        ("no status", 200, "application/json", without("status"), 502),
        ("null for a status", 200, "application/json", with_secret("/status", Value::Null), 502),
        (
            "a time that is none",
            200,
            "application/json",
            with_secret("/created_at", json!(SECRET)),
            502,
        ),
    ];
    for (what, status, media, body, expected) in cases {
        said.tell(&backend);
        let headers = [("server", "nginx"), ("x-backend", SECRET), ("set-cookie", "s=1")];
        backend.tell_with(Method::GET, CONVERSATION, status, media, &headers, body);
        // JSON is kept until somebody cannot read it: each case has a cache of its own.
        let gateway = Gateway::before(&backend).await;
        let client = gateway.client();
        for dialect in ALL {
            let asked = backend.count(&Method::GET, CONVERSATION);
            let answer = dialect.get(&client, 1).await;
            // What a dialect does not show it need not understand: a public answer has no time of
            // creation, a bearer's no thread, and `/v1` gives what the backend gave. A list belongs
            // to no contact.
            let unseen =
                matches!(
                    (what, dialect.name, answer.status.as_u16()),
                    ("a list", "public-inbox", 404)
                        | ("a time that is none", "public-inbox", 200)
                        | ("an object for a list", "third-party", 200)
                ) || (status == 200 && dialect.name == "canonical" && answer.status == 200);
            if unseen {
                continue;
            }
            assert_eq!(answer.status, expected, "{what}, {}: {}", dialect.name, answer.text());
            dialect.assert_refusal(&answer, expected);
            assert_discreet(&answer, &backend.address.to_string());
            assert_eq!(answer.header("set-cookie"), "");
            assert!(answer.header("etag").is_empty());
            let told = answer.header("proxy-status");
            let fresh = backend.count(&Method::GET, CONVERSATION) > asked;
            assert_eq!(told.starts_with("deskbridge"), expected == 502 && fresh, "{what}: {told}");
        }
        // A refusal is not kept.
        if status != 200 {
            said.tell(&backend);
            for dialect in ALL {
                dialect.get(&client, 1).await.expect(200);
            }
        }
    }
}

#[tokio::test]
async fn a_backend_that_is_busy_says_when_to_come_back() {
    let said = Said::learn().await;
    let backend = Backend::start().await;
    let gateway = Gateway::configured(&in_front_of(&backend.address.to_string(), ONCE)).await;
    let client = gateway.client();
    for (status, code, after, expected) in [
        (429, "rate_limited", "7", "7"),
        (503, "unavailable", "12", "12"),
        (429, "rate_limited", "99999999", "3600"),
        (503, "unavailable", "soon", ""),
    ] {
        said.tell(&backend);
        let headers = [("retry-after", after)];
        let media = "application/problem+json";
        backend.tell_with(
            Method::GET,
            CONVERSATION,
            status,
            media,
            &headers,
            problem(status, code),
        );
        for dialect in ALL {
            let answer = dialect.get(&client, 1).await;
            dialect.assert_refusal(&answer, status);
            assert_eq!(answer.header("retry-after"), expected, "{} {status}", dialect.name);
            assert_discreet(&answer, &backend.address.to_string());
        }
    }
}

#[tokio::test]
async fn a_backend_that_is_not_there() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    drop(listener);
    let gateway = Gateway::configured(&in_front_of(&authority, ONCE)).await;
    let client = gateway.client();
    for dialect in ALL {
        let answer = dialect.get(&client, 1).await;
        dialect.assert_refusal(&answer, 503);
        assert_discreet(&answer, &authority);
        assert_eq!(answer.header("proxy-status"), "deskbridge; error=connection_refused");
    }
}

#[tokio::test]
async fn a_backend_that_does_not_answer_in_time() {
    let backend = Backend::start().await;
    backend.hold();
    let yaml = in_front_of(&backend.address.to_string(), "")
        .replace("kind: canonical,", "kind: canonical, timeout: 50ms,");
    let gateway = Gateway::configured(&yaml).await;
    let client = gateway.client();
    for dialect in ALL {
        let answer = dialect.get(&client, 1).await;
        dialect.assert_refusal(&answer, 504);
        assert_discreet(&answer, &backend.address.to_string());
        assert_eq!(answer.header("proxy-status"), "deskbridge; error=http_response_timeout");
    }
}

#[tokio::test]
async fn a_backend_that_answers_too_much() {
    let said = Said::learn().await;
    let backend = Backend::start().await;
    said.tell(&backend);
    let mut long = said.conversation.clone();
    long["subject"] = "x".repeat(100_000).into();
    backend.tell(Method::GET, CONVERSATION, 200, long.to_string());
    let yaml = in_front_of(&backend.address.to_string(), "")
        .replace("kind: canonical,", "kind: canonical, max_answer: 64KiB,");
    let gateway = Gateway::configured(&yaml).await;
    for dialect in ALL {
        let answer = dialect.get(&gateway.client(), 1).await;
        dialect.assert_refusal(&answer, 502);
    }
}

/// A write in each dialect and what of the canonical body the backend does not like.
async fn refused(client: &Client, dialect: Dialect) -> Answer {
    let body = match dialect.name {
        "third-party" => json!({ "type": "text", "text": { "content": "x" } }),
        "canonical" => json!({ "text": "x" }),
        _ => json!({ "content": "x" }),
    };
    dialect.post(client, "1/messages", &body).await
}

#[tokio::test]
async fn what_the_backend_does_not_like_is_named_as_the_caller_wrote_it() {
    let said = Said::learn().await;
    let backend = Backend::start().await;
    let gateway = Gateway::before(&backend).await;
    let client = gateway.client();
    said.tell(&backend);
    let mut complaint: Value = serde_json::from_str(&problem(422, "validation_failed")).unwrap();
    for (dialect, pointer, field) in [
        (PUBLIC, "/text", "content"),
        (ACCOUNT, "/text", "content"),
        (BEARER, "/blocks/0/text", "text.content"),
        (CANONICAL, "/text", "text"),
    ] {
        let detail = "must be shorter";
        complaint["errors"] = json!([{ "pointer": pointer, "code": "too_long", "detail": detail }]);
        backend.tell(Method::POST, MESSAGES, 422, complaint.to_string());
        let answer = refused(&client, dialect).await;
        dialect.assert_refusal(&answer, 422);
        assert_eq!(dialect.blamed(&answer), [field]);
    }
    // A complaint about what only the mapping wrote is no client's fault, and says nothing.
    complaint["errors"] = json!([{ "pointer": "/kind", "code": "invalid", "detail": SECRET }]);
    backend.tell(Method::POST, MESSAGES, 422, complaint.to_string());
    for dialect in [PUBLIC, BEARER] {
        let answer = refused(&client, dialect).await;
        dialect.assert_refusal(&answer, 500);
        assert_discreet(&answer, &backend.address.to_string());
    }
    // A write that failed is not tried again.
    let before = backend.count(&Method::POST, MESSAGES);
    backend.tell_as(Method::POST, MESSAGES, 500, "text/html", SECRET);
    for dialect in ALL {
        let answer = refused(&client, dialect).await;
        dialect.assert_refusal(&answer, 502);
        assert_discreet(&answer, &backend.address.to_string());
    }
    assert_eq!(backend.count(&Method::POST, MESSAGES), before + ALL.len());
}

#[tokio::test]
async fn a_flip_that_lost_a_race_is_tried_once_more() {
    let said = Said::learn().await;
    let backend = Backend::start().await;
    let gateway = Gateway::before(&backend).await;
    let client = gateway.client();
    said.tell(&backend);
    backend.tell(Method::PATCH, CONVERSATION, 412, problem(412, "precondition_failed"));
    let answer = ACCOUNT.post(&client, "1/toggle_status", &json!({})).await;
    ACCOUNT.assert_refusal(&answer, 409);
    assert_eq!(backend.count(&Method::PATCH, CONVERSATION), 2);
    assert_eq!(backend.count(&Method::GET, CONVERSATION), 2);
    let patch = backend.got().into_iter().find(|g| g.method == Method::PATCH).unwrap();
    assert_eq!(patch.headers["if-match"], "\"r1\"");
    assert_eq!(patch.body, r#"{"status":"resolved"}"#);
}
