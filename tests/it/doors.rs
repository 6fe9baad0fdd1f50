//! An inbox that was just made is a door like every other: whoever knows its name comes in at once,
//! and whoever works in it sees them.

use http::Method;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::desk::{AGENT, NONE};
use crate::support::gateway::Gateway;

/// The name of the new inbox in public addresses, before and after it has one.
const NAME: &str = "fresh-door";

async fn send(
    client: &Client,
    method: Method,
    path: &str,
    key: &[(&str, &str)],
    body: Value,
) -> Value {
    client.json(method, path, key, &body).await.expect(200).value()
}

#[tokio::test]
async fn a_new_inbox_is_open_at_once() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let door = format!("/public/api/v1/inboxes/{NAME}");
    // That nobody has the name is remembered, and forgotten when somebody gets it.
    client.get(&door, NONE).await.expect(404);
    let bearer = [("authorization", "Bearer demo-bearer")];
    let body = json!({"name": "Fresh door", "identifier": NAME, "channel": {"type": "api"}});
    let made = client.json(Method::POST, "/v1/accounts/1/inboxes", &bearer, &body).await;
    let number = made.expect(201).value()["number"].clone();
    assert_eq!(client.get(&door, NONE).await.expect(200).value()["name"], "Fresh door");

    let visitor = json!({"name": "Nia", "source_id": "nia-1"});
    let contact = send(&client, Method::POST, &format!("{door}/contacts"), NONE, visitor).await;
    assert_eq!(contact["source_id"], "nia-1");
    let own = format!("{door}/contacts/nia-1/conversations");
    let opened = send(&client, Method::POST, &own, NONE, json!({})).await;
    let id = opened["id"].as_u64().unwrap();
    let body = json!({"content": "Is anybody there?"});
    send(&client, Method::POST, &format!("{own}/{id}/messages"), NONE, body).await;

    // The people of the business find all of it where it was put, in both of their dialects.
    for root in ["/api/v1/accounts/1", "/chatwoot/api/v1/accounts/1"] {
        let path = format!("{root}/conversations/{id}");
        let conversation = client.get(&path, AGENT).await.expect(200).value();
        assert_eq!(conversation["inbox_id"], number, "{conversation}");
        let reach = format!("{root}/contacts/{}/contactable_inboxes", contact["id"]);
        let reach = client.get(&reach, AGENT).await.expect(200).value().to_string();
        assert!(root.starts_with("/api") || reach.contains("nia-1"), "{reach}");
        // A new name is seen by everybody.
        let name = json!({"name": format!("Door of {root}")});
        send(&client, Method::PATCH, &format!("{root}/inboxes/{number}"), AGENT, name.clone())
            .await;
        assert_eq!(client.get(&door, NONE).await.expect(200).value()["name"], name["name"]);
    }
    let path = format!("/v1/accounts/1/inboxes/n:{number}");
    client.send(Method::DELETE, &path, &bearer, "").await.expect(200);
    client.get(&door, NONE).await.expect(404);
    client.get(&format!("{own}/{id}"), NONE).await.expect(404);
}
