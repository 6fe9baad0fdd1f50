//! Word of writes made elsewhere: what a backend says, signed, is forgotten at once.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::backend::{Backend, with};
use crate::support::client::{Answer, Client};
use crate::support::desk::{self, ACCOUNT, AGENT, CANONICAL, READS};
use crate::support::gateway::{Gateway, SECRETS, in_front_of};

const PATH: &str = "/_deskbridge/events";

/// Posts an event as a sender of Standard Webhooks does.
async fn post(admin: &Client, event: &Value) -> Answer {
    let (_, secret) = SECRETS.iter().find(|(name, _)| *name == "EVENTS_SECRET").unwrap();
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
    let body = event.to_string();
    let mut code = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    code.update(format!("evt_1.{now}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(code.finalize().into_bytes()));
    let headers =
        [("webhook-id", "evt_1"), ("webhook-timestamp", &now), ("webhook-signature", &signature)];
    admin.send(Method::POST, PATH, &headers, body).await
}

#[tokio::test]
async fn a_write_made_elsewhere_is_seen_by_every_dialect_once_it_is_told() {
    let backend = Backend::start().await;
    desk::serve(&backend);
    let heard = "admin: { events_secret: \"${env:EVENTS_SECRET}\" }\n";
    let gateway = Gateway::configured(&in_front_of(&backend.address.to_string(), heard)).await;
    let (client, admin) = (gateway.client(), gateway.admin());
    let conversation = desk::conversation();
    let by_operation = json!({
        "tenant": "demo", "operation": "conversations.update",
        "parameters": { "conversation_id": conversation["id"] },
    });
    let by_answer = json!({
        "tenant": "demo", "operation": "conversations.update",
        "answer": { "id": conversation["id"], "number": conversation["number"] },
    });
    let by_tag = json!({ "tenant": "demo", "tags": ["conv:n:418"] });
    for (told, event) in [by_operation, by_answer, by_tag].into_iter().enumerate() {
        for (_, path, credential) in READS {
            client.get(path, credential).await.expect(200);
        }
        assert_eq!(desk::reads(&backend), told + 1);
        let subject = format!("Written elsewhere {told}");
        desk::show(&backend, &with(desk::conversation(), "/subject", json!(subject)));
        let reply = post(&admin, &event).await.expect(200).value();
        assert!(reply["moved"].as_u64().unwrap() > 0, "{reply}");
        let seen = client.get(CANONICAL, desk::BEARER).await.expect(200);
        assert_eq!(seen.value()["subject"], subject);
        assert_eq!(seen.header("cache-status"), "deskbridge; fwd=uri-miss; stored");
    }
    let other = json!({ "tenant": "other", "tags": ["conv:n:418"] });
    post(&admin, &other).await.expect(422);
    let unsigned = admin.json(Method::POST, PATH, &[], &json!({ "tenant": "demo" })).await;
    assert_eq!(unsigned.status, 401);
    assert!(client.get(ACCOUNT, AGENT).await.header("cache-status").contains("; hit"));
    for (outcome, count) in [("heard", 3.0), ("invalid", 1.0), ("refused", 1.0)] {
        let counted =
            gateway.metric("deskbridge_cache_events_total", &[("outcome", outcome)]).await;
        assert!((counted - count).abs() < 0.1, "{outcome}: {counted}");
    }
    // It is an operator's address: clients have none there.
    post(&client, &json!({})).await.expect(404);
}

#[tokio::test]
async fn without_a_secret_no_event_is_heard() {
    let gateway = Gateway::sandbox().await;
    post(&gateway.admin(), &json!({ "tenant": "demo", "tags": ["conv:any"] })).await.expect(403);
}
