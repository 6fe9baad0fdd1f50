//! A read that was asked before is not worked out again, and nobody can tell.

use bytes::Bytes;
use http::Method;

use crate::cache::set_up;
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::desk::{self, ACCOUNT, AGENT, NONE, PUBLIC, READS};
use crate::support::gateway::{Gateway, in_front_of};

/// So often that the last ones are remembered.
const TIMES: usize = 5;

/// What must be the same each time: status, headers and body, but for what is the request's own and
/// what says where the answer came from.
fn shown(answer: &Answer) -> (u16, Vec<(String, String)>, Bytes) {
    let passing = ["date", "x-request-id", "cache-status"];
    let headers = answer.headers.iter().filter(|(name, _)| !passing.contains(&name.as_str()));
    let headers = headers.map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()));
    (answer.status.as_u16(), headers.collect(), answer.body.clone())
}

async fn many(client: &Client, path: &str, headers: &[(&str, &str)]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for _ in 0..TIMES {
        answers.push(client.get(path, headers).await);
    }
    answers
}

#[tokio::test]
async fn each_time_is_answered_like_the_first_with_and_without_the_cache() {
    for cache in [true, false] {
        let backend = Backend::start().await;
        desk::serve(&backend);
        let more = format!("cache: {{ enabled: {cache} }}\n");
        let yaml = in_front_of(&backend.address.to_string(), &more);
        let gateway = Gateway::configured(&yaml).await;
        let client = gateway.client();
        for (dialect, path, credential) in READS {
            let other = [credential, &[("origin", "https://shop.example")]].concat();
            let coded = [credential, &[("accept-encoding", "gzip")]].concat();
            for headers in [credential, &other, &coded] {
                let answers = many(&client, path, headers).await;
                let first = shown(&answers[0]);
                assert_eq!(first.0, 200, "{dialect}");
                for answer in &answers {
                    assert!(shown(answer) == first, "{dialect}, cache {cache}: {}", answer.text());
                }
                let unchanged = [headers, &[("if-none-match", answers[0].header("etag"))]];
                for answer in many(&client, path, &unchanged.concat()).await {
                    answer.expect(304);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_written_is_read_at_once() {
    let (backend, _gateway, client) = set_up().await;
    many(&client, ACCOUNT, AGENT).await;
    many(&client, PUBLIC, NONE).await;
    let mut resolved = desk::conversation();
    resolved["status"] = "resolved".into();
    desk::show(&backend, &resolved);
    let status = format!("{ACCOUNT}/toggle_status");
    client.json(Method::POST, &status, AGENT, &serde_json::json!({ "status": "resolved" })).await;
    for (path, credential) in [(ACCOUNT, AGENT), (PUBLIC, NONE)] {
        for answer in many(&client, path, credential).await {
            assert_eq!(answer.expect(200).value()["status"], "resolved");
        }
    }
}

/// Who a contact is follows from what the look-ups find now, not from what they found.
#[tokio::test]
async fn whoever_is_no_longer_found_is_no_longer_let_in() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let path = "/public/api/v1/inboxes/demo-inbox/contacts/demo-contact/conversations/1";
    let first = many(&client, path, NONE).await.remove(0).expect(200).value();
    let contact = &first["contact"]["id"];
    let gone = format!("/api/v1/accounts/1/contacts/{contact}");
    let admin = &[("api_access_token", "demo-admin")];
    client.send(Method::DELETE, &gone, admin, "").await.expect(200);
    for answer in many(&client, path, NONE).await {
        answer.expect(404);
    }
}

/// The address is now somebody else's, and the conversation is still there: an answer about another
/// identity is no longer about who was asked for.
#[tokio::test]
async fn whoever_is_somebody_else_now_is_not_taken_for_who_was() {
    let (backend, _gateway, client) = set_up().await;
    for answer in many(&client, PUBLIC, NONE).await {
        answer.expect(200);
    }
    // A write after which nobody's identity is kept.
    let contact = "/v1/accounts/1/contacts/n:902";
    backend.tell(Method::DELETE, contact, 200, r#"{"id":"cnt_9Zk","number":902}"#);
    let gone = "/api/v1/accounts/1/contacts/902";
    client.send(Method::DELETE, gone, AGENT, "").await.expect(200);
    desk::know(&backend, "stranger");
    for answer in many(&client, PUBLIC, NONE).await {
        answer.expect(404);
    }
    client.get(ACCOUNT, AGENT).await.expect(200);
}

/// Whoever is known is looked up to be known again, and is not looked up twice for that.
#[tokio::test]
async fn a_look_up_that_fails_is_made_once() {
    let (backend, _gateway, client) = set_up().await;
    many(&client, PUBLIC, NONE).await;
    let (contact, identities) = ("/v1/accounts/1/contacts/n:902", "/v1/accounts/1/identities");
    backend.tell(Method::DELETE, contact, 200, r#"{"id":"cnt_9Zk","number":902}"#);
    let gone = "/api/v1/accounts/1/contacts/902";
    client.send(Method::DELETE, gone, AGENT, "").await.expect(200);
    let problem = r#"{"type":"about:blank","title":"Not found","status":404,"code":"not_found"}"#;
    backend.tell_as(Method::GET, identities, 404, "application/problem+json", problem);
    let before = backend.count(&Method::GET, identities);
    assert_eq!(before, 1);
    for more in 1..3 {
        client.get(PUBLIC, NONE).await.expect(404);
        assert_eq!(backend.count(&Method::GET, identities), before + more);
    }
}

#[tokio::test]
async fn another_secret_is_another_read() {
    let (_backend, _gateway, client) = set_up().await;
    for answer in many(&client, ACCOUNT, AGENT).await {
        answer.expect(200);
    }
    for answer in many(&client, ACCOUNT, &[("api_access_token", "demo-agen")]).await {
        answer.expect(401);
    }
    for answer in many(&client, "/api/v1/accounts/2/conversations/418", AGENT).await {
        answer.expect(403);
    }
}

#[tokio::test]
async fn remembered_reads_are_counted_and_limited_like_others() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let limits = "limits: { rate: { per_second: 1, burst: 8 } }\n";
    let gateway = Gateway::configured(&in_front_of(&backend.address.to_string(), limits)).await;
    let client = gateway.client();
    let counted = |operation: &'static str, outcome: &'static str| {
        let gateway = &gateway;
        async move {
            let labels = [("operation", operation), ("outcome", outcome)];
            gateway.metric("deskbridge_cache_requests_total", &labels).await
        }
    };
    many(&client, PUBLIC, NONE).await;
    for operation in ["conversations.get", "identities.find", "resolve.inbox"] {
        let (hit, miss) = (counted(operation, "hit").await, counted(operation, "miss").await);
        assert_eq!((hit, miss), (TIMES as f64 - 1.0, 1.0), "{operation}");
    }
    // Sooner or later, however slow this machine is: a new one is allowed each second.
    for _ in 0..1_000 {
        if client.get(PUBLIC, NONE).await.status == 429 {
            return;
        }
    }
    panic!("never refused");
}
