//! Old answers under the whole stack: what is given while the backend fails or is being asked, to
//! whom, and when not. The clock is put forward; nobody waits.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::support::backend::{Backend, problem, with};
use crate::support::client::{Answer, Client};
use crate::support::desk::{self, ACCOUNT, AGENT, CANONICAL, NONE, PUBLIC, READS, THIRD_PARTY};
use crate::support::gateway::{Gateway, in_front_of};

const IDENTITIES: &str = "/v1/accounts/1/identities";

/// A backend, and a gateway before it that asks once and knows no breaker.
async fn set_up() -> (Backend, Gateway, Client) {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let once = "resilience: { attempts: 1 }\n";
    let gateway = Gateway::configured(&in_front_of(&backend.address.to_string(), once)).await;
    let client = gateway.client();
    (backend, gateway, client)
}

/// Puts the clock of this runtime forward.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

fn fails(backend: &Backend) {
    for method in [Method::GET, Method::PATCH] {
        backend.tell(method, CANONICAL, 503, problem(503, "unavailable"));
    }
}

/// `Cache-Status` without its count of seconds, which is below zero.
fn status(answer: &Answer) -> String {
    let text = answer.header("cache-status");
    let (before, after) = text.split_once("ttl=-").unwrap_or_else(|| panic!("{text}"));
    let digits = after.chars().take_while(char::is_ascii_digit).count();
    assert!(digits > 0, "{text}");
    format!("{before}ttl=-N{}", &after[digits..])
}

#[tokio::test]
async fn while_the_backend_fails_every_dialect_is_given_what_was_read_before() {
    let (backend, gateway, client) = set_up().await;
    let mut before = Vec::new();
    for (_, path, credential) in READS {
        before.push(client.get(path, credential).await.expect(200));
    }
    later(60).await;
    fails(&backend);
    for ((dialect, path, credential), before) in READS.into_iter().zip(before) {
        let old = client.get(path, credential).await.expect(200);
        assert_eq!(old.body, before.body, "{dialect}");
        assert_eq!(old.header("etag"), before.header("etag"));
        let said = "deskbridge; fwd=stale; fwd-status=503; ttl=-N; detail=unavailable";
        assert_eq!(status(&old), said, "{dialect}");
        assert_eq!(old.header("proxy-status"), "deskbridge; received-status=503");
    }
    let counted = [("operation", "conversations.get"), ("outcome", "stale_error")];
    assert!((gateway.metric("deskbridge_cache_requests_total", &counted).await - 4.0).abs() < 0.1);
    // Five minutes, and no more. Connections are not kept for so long.
    later(300).await;
    let client = gateway.client();
    for (dialect, path, credential) in READS {
        let answer = client.get(path, credential).await;
        assert_eq!(answer.status, 503, "{dialect}");
    }
    desk::show(&backend, &desk::conversation());
    let fresh = client.get(ACCOUNT, AGENT).await.expect(200);
    assert_eq!(fresh.header("cache-status"), "deskbridge; fwd=uri-miss; stored");
}

#[tokio::test]
async fn what_is_a_little_old_is_given_at_once_and_asked_for_behind() {
    let (backend, gateway, client) = set_up().await;
    client.get(ACCOUNT, AGENT).await.expect(200);
    later(20).await;
    backend.hold();
    for (dialect, path, credential) in &READS[1..] {
        let old = client.get(path, credential).await.expect(200);
        assert_eq!(status(&old), "deskbridge; hit; ttl=-N", "{dialect}");
        assert!(!old.headers.contains_key("proxy-status"));
    }
    backend.wait_for_call(&Method::GET, CANONICAL, 2).await;
    backend.release();
    loop {
        let answer = client.get(ACCOUNT, AGENT).await.expect(200);
        if !answer.header("cache-status").contains("ttl=-") {
            assert!(answer.header("cache-status").starts_with("deskbridge; hit; ttl="));
            break;
        }
    }
    assert_eq!(desk::reads(&backend), 2, "one question for all who were given the old one");
    let counted = [("operation", "conversations.get"), ("outcome", "stale")];
    assert!(gateway.metric("deskbridge_cache_requests_total", &counted).await > 2.9);
}

#[tokio::test]
async fn after_a_write_nothing_old_is_given_though_the_backend_fails() {
    let (backend, _gateway, client) = set_up().await;
    for failed in [false, true] {
        desk::show(&backend, &desk::conversation());
        client.get(ACCOUNT, AGENT).await.expect(200);
        if failed {
            fails(&backend);
        }
        let wrote = client
            .json(Method::PATCH, THIRD_PARTY, desk::BEARER, &json!({ "status": "done" }))
            .await;
        assert_eq!(wrote.status.is_success(), !failed, "{wrote:?}");
        fails(&backend);
        later(20).await;
        for (dialect, path, credential) in READS {
            let answer = client.get(path, credential).await;
            assert_eq!(answer.status, 503, "{dialect}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_of_the_backend_is_given_on_and_nothing_old_after_it() {
    let (backend, _gateway, client) = set_up().await;
    client.get(ACCOUNT, AGENT).await.expect(200);
    later(60).await;
    backend.tell(Method::GET, CANONICAL, 404, problem(404, "not_found"));
    client.get(ACCOUNT, AGENT).await.expect(404);
    fails(&backend);
    client.get(ACCOUNT, AGENT).await.expect(503);
}

/// What may be seen is judged anew for every answer, also for an old one.
#[tokio::test]
async fn an_old_answer_is_shown_to_nobody_who_may_not_see_it() {
    let (backend, _gateway, client) = set_up().await;
    let foreign = with(desk::conversation(), "/contact_identity_id", json!("idn_other"));
    desk::show(&backend, &foreign);
    client.get(ACCOUNT, AGENT).await.expect(200);
    later(60).await;
    fails(&backend);
    let old = client.get(ACCOUNT, AGENT).await.expect(200);
    assert!(old.header("cache-status").contains("fwd=stale"), "{old:?}");
    let refused = client.get(PUBLIC, NONE).await.expect(404);
    assert!(!refused.headers.contains_key("cache-status"), "{refused:?}");
    // Nor to whom the keyring does not know.
    client.get(ACCOUNT, &[("api_access_token", "gone")]).await.expect(401);
    client.get(THIRD_PARTY, &[("authorization", "Bearer gone")]).await.expect(401);
}

/// A contact that the backend no longer knows, or can no longer tell, is not let in.
#[tokio::test]
async fn a_revoked_identity_is_not_outlived_by_what_was_read_for_it() {
    let nobody = json!({ "data": [], "page": { "next": null, "prev": null, "limit": 1, "number": null, "total": null } });
    for (status, body, refused) in
        [(200, nobody.to_string(), 404), (503, problem(503, "unavailable"), 503)]
    {
        let (backend, _gateway, client) = set_up().await;
        client.get(PUBLIC, NONE).await.expect(200);
        later(20).await;
        fails(&backend);
        // Known again from what was asked just now: the conversation may be old.
        let old = client.get(PUBLIC, NONE).await.expect(200);
        assert_eq!(self::status(&old), "deskbridge; hit; ttl=-N");
        later(16).await;
        backend.tell(Method::GET, IDENTITIES, status, body);
        let answer = client.get(PUBLIC, NONE).await.expect(refused);
        assert!(!answer.text().contains("Mira"), "{answer:?}");
        // Others are still given it.
        let agent = client.get(ACCOUNT, AGENT).await.expect(200);
        assert!(agent.header("cache-status").contains("fwd=stale"), "{agent:?}");
    }
}

#[tokio::test]
async fn an_operator_can_say_that_nothing_old_is_given() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let never = "resilience: { attempts: 1 }\n\
                 cache: { stale_if_error: 0s, stale_while_revalidate: 0s }\n";
    let gateway = Gateway::configured(&in_front_of(&backend.address.to_string(), never)).await;
    let client = gateway.client();
    client.get(ACCOUNT, AGENT).await.expect(200);
    later(16).await;
    fails(&backend);
    client.get(ACCOUNT, AGENT).await.expect(503);
}
