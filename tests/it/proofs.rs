//! Who proves who they are: by which hash, in which requests, in an inbox that asks for it and in one
//! that does not; and what is open afterwards. In one process and in two.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::replay::pair::Pair;
use crate::support::client::Sends;

/// What the reference of the public inbox gives: secret, identifier and hash.
const SECRET: &str = "hT5uE2wQ8nKc4LpX9sVb1mZr";
const IDENTIFIER: &str = "crm-88121";
const PROOF: &str = "e07ed9a9fd174e2303b0d542c3795abb944a23a62326d7d2b7e8d82994dae52d";

/// What the same contact said in other inboxes before, as it was begun.
const BEFORE: [u64; 2] = [4, 1];

/// An inbox of an API client, and whoever comes to it.
struct Inbox<'p> {
    pair: &'p Pair,
    /// Its address.
    door: String,
    /// What is answered to whoever proves nothing, or the wrong thing.
    refused: (u16, Value, Value),
}

impl Inbox<'_> {
    async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let headers = [("content-type", "application/json")];
        let path = format!("{}{path}", self.door);
        let answer = self.pair.send(method, &path, &headers, body.to_string().into()).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let path = format!("{}{path}", self.door);
        let answer = self.pair.send(Method::GET, &path, &[], "".into()).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// A session of a contact, with one conversation, whose number it gives.
    async fn session(&self, source: &str, contact: Value) -> u64 {
        let mut body = contact;
        body["source_id"] = source.into();
        let (status, made) = self.ask(Method::POST, "/contacts", body).await;
        assert_eq!((status.as_u16(), &made["source_id"]), (200, &json!(source)), "{made}");
        let path = format!("/contacts/{source}/conversations");
        let (status, opened) = self.ask(Method::POST, &path, json!({})).await;
        assert_eq!(status, 200, "{opened}");
        opened["id"].as_u64().unwrap()
    }

    /// The conversations that a session sees.
    async fn seen(&self, source: &str) -> Vec<u64> {
        let (status, list) = self.get(&format!("/contacts/{source}/conversations")).await;
        assert_eq!(status, 200, "{list}");
        list.as_array().unwrap().iter().map(|c| c["id"].as_u64().unwrap()).collect()
    }

    #[track_caller]
    fn refuses(&self, (status, body): (StatusCode, Value), missing: bool) {
        let (due, wrong, none) = &self.refused;
        assert_eq!((status.as_u16(), &body), (*due, if missing { none } else { wrong }));
    }
}

async fn business(pair: &Pair, method: Method, path: &str, body: &Value) -> Value {
    let kind = if method == Method::PATCH { "merge-patch+json" } else { "json" };
    let kind = format!("application/{kind}");
    let headers = [("authorization", "Bearer demo-bearer"), ("content-type", kind.as_str())];
    let answer = pair.send(method, path, &headers, body.to_string().into()).await;
    assert!(answer.status.is_success(), "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// Tells all of it in one dialect, at an inbox of its own.
async fn tell(pair: &Pair, prefix: &str, refused: (u16, Value, Value)) {
    let name = format!("vector{}", prefix.replace('/', "-"));
    let made = json!({ "name": name, "identifier": name, "identity_secret": SECRET, "channel": { "type": "api" } });
    let made = business(pair, Method::POST, "/v1/accounts/1/inboxes", &made).await;
    let inbox = format!("/v1/accounts/1/inboxes/n:{}", made["number"]);
    let door = format!("{prefix}/public/api/v1/inboxes/{name}");
    let door = Inbox { pair, door, refused };
    let wrong = PROOF.replace('e', "f");

    // Nobody has to prove anything; and who does not sees what is the session's.
    let phone = door.session("phone", json!({ "identifier": IDENTIFIER })).await;
    let desk = door.session("desk", json!({ "identifier": IDENTIFIER })).await;
    let other = door.session("other", json!({ "identifier": "crm-other" })).await;
    for (source, own) in [("phone", phone), ("desk", desk), ("other", other)] {
        assert_eq!(door.get(&format!("/contacts/{source}")).await.0, 200);
        assert_eq!(door.seen(source).await, [own], "{source}");
    }
    let theirs = format!("/contacts/phone/conversations/{desk}");
    assert_eq!(door.get(&theirs).await.0, 404);

    // A wrong proof is refused wherever it may be sent, and proves nothing.
    let bad = json!({ "identifier": IDENTIFIER, "identifier_hash": wrong });
    door.refuses(door.ask(Method::POST, "/contacts", bad.clone()).await, false);
    door.refuses(door.ask(Method::PATCH, "/contacts/phone", bad).await, false);
    for query in [
        format!("identifier={IDENTIFIER}&identifier_hash={wrong}"),
        format!("identifier_hash={wrong}"),
        format!("identifier=crm-other&identifier_hash={PROOF}"),
        format!("identifier={IDENTIFIER}&identifier_hash={}", PROOF.to_uppercase()),
        format!("identifier={IDENTIFIER}&identifier_hash=0"),
    ] {
        door.refuses(door.get(&format!("/contacts/phone?{query}")).await, false);
    }
    assert_eq!(door.get("/contacts/phone?identifier_hash=").await.0, 200, "that is none");
    assert_eq!(door.seen("phone").await, [phone]);

    // The right one opens what was said through any session of the same contact, at once.
    let right = format!("/contacts/phone?identifier={IDENTIFIER}&identifier_hash={PROOF}");
    let (status, contact) = door.get(&right).await;
    assert_eq!((status.as_u16(), &contact["source_id"]), (200, &json!("phone")), "{contact}");
    assert_eq!(door.seen("phone").await, [BEFORE[0], BEFORE[1], phone, desk]);
    assert_eq!(door.get(&theirs).await.0, 200);
    let said = json!({ "content": "Here I am, too." });
    let (status, said) = door.ask(Method::POST, &format!("{theirs}/messages"), said).await;
    assert_eq!((status.as_u16(), &said["conversation_id"]), (200, &json!(desk)));
    assert_eq!(door.get(&format!("{theirs}/messages")).await.1.as_array().unwrap().len(), 1);
    for what in ["toggle_typing", "update_last_seen", "toggle_status"] {
        let body = json!({ "typing_status": "on" });
        let path = format!("{theirs}/{what}");
        assert_eq!(door.ask(Method::POST, &path, body).await.0, 200, "{what}");
    }
    // Nothing of anybody else, and nothing for a session that did not prove it.
    assert_eq!(door.get(&format!("/contacts/phone/conversations/{other}")).await.0, 404);
    assert_eq!(door.seen("desk").await, [desk]);
    assert_eq!(door.seen("other").await, [other]);

    // By a change, and without the identifier, which is known.
    let proof = json!({ "identifier_hash": PROOF });
    assert_eq!(door.ask(Method::PATCH, "/contacts/desk", proof).await.0, 200);
    assert_eq!(door.seen("desk").await, [BEFORE[0], BEFORE[1], phone, desk]);

    // From now on everybody has to, even who has before; conversations are open without.
    let asks = json!({ "identity_validation_required": true });
    business(pair, Method::PATCH, &inbox, &asks).await;
    for source in ["phone", "other"] {
        door.refuses(door.get(&format!("/contacts/{source}")).await, true);
        door.refuses(door.get(&format!("/contacts/{source}?identifier_hash=")).await, true);
        let name = json!({ "name": "Somebody" });
        let (status, _) = door.ask(Method::PATCH, &format!("/contacts/{source}"), name).await;
        assert_eq!(status.as_u16(), door.refused.0);
    }
    assert_eq!(door.get("/contacts/nobody").await.0, 404);
    assert_eq!(door.get(&right).await.0, 200);
    let nameless = json!({ "identifier": IDENTIFIER });
    assert_eq!(door.ask(Method::POST, "/contacts", nameless).await.0.as_u16(), door.refused.0);
    let named = json!({ "identifier": IDENTIFIER, "identifier_hash": PROOF });
    assert_eq!(door.ask(Method::POST, "/contacts", named).await.0, 200);
    assert_eq!(door.seen("other").await, [other]);
}

#[tokio::test]
async fn by_the_pages() {
    let pair = Pair::here().await;
    let told = |message: &str, code: &str| {
        let field = json!({ "field": "identifier_hash", "message": message, "code": code });
        json!({ "description": "The request is not valid", "errors": [field] })
    };
    let wrong = told("does not prove the identifier", "invalid");
    tell(&pair, "", (422, wrong, told("this inbox asks who a contact is", "required"))).await;
    pair.settle();
}

#[tokio::test]
async fn as_servers_really_do() {
    let pair = Pair::here().await;
    let crash = json!({ "status": 500, "error": "Internal Server Error" });
    tell(&pair, "/chatwoot", (500, crash.clone(), crash)).await;
    pair.settle();
}
