//! Contacts over `/v1`: found, made once, made one of two, and seen so in every dialect.

use http::Method;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::desk::{AGENT, BEARER, NONE};
use crate::support::gateway::Gateway;

const CONTACTS: &str = "/v1/accounts/1/contacts";

async fn set_up() -> (Gateway, Client) {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    (gateway, client)
}

async fn write(client: &Client, method: Method, path: &str, body: Value) -> Answer {
    client.json(method, path, BEARER, &body).await
}

fn numbers(page: &Value) -> Vec<i64> {
    page["data"].as_array().unwrap().iter().map(|one| one["number"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn an_equal_address_makes_one_contact_of_two_in_every_dialect() {
    let (_gateway, client) = set_up().await;
    // Everybody has read what there was: conversations 1 and 2 are of contacts 1 and 2.
    let public = "/public/api/v1/inboxes/demo-inbox/contacts/demo-contact/conversations/1";
    let account = "/api/v1/accounts/1/conversations/2";
    let third_party = "/third-party/v1/conversations/1";
    client.get(public, NONE).await.expect(200);
    client.get(account, AGENT).await.expect(200);
    client.get(third_party, BEARER).await.expect(200);
    let old = client.get(&format!("{CONTACTS}/n:1"), BEARER).await.expect(200).value();

    let patch = json!({"email": "Jonas.Weber@mail.example", "name": "Mira Weber"});
    let path = format!("{CONTACTS}/n:1");
    let refused = write(&client, Method::PATCH, &path, patch.clone()).await.expect(409).value();
    assert_eq!(
        (&refused["code"], &refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
        (&json!("conflict"), &json!("/email"), &json!("taken"))
    );
    let path = format!("{path}?on_duplicate=merge&include=identities");
    let one = write(&client, Method::PATCH, &path, patch).await.expect(200).value();
    assert_eq!((&one["number"], &one["name"]), (&json!(2), &json!("Mira Weber")));
    assert_eq!(
        (&one["merged_from_id"], &one["phone_number"]),
        (&old["id"], &json!("+4915112345678"))
    );
    assert_eq!(one["identities"].as_array().unwrap().len(), 3);

    for gone in ["n:1", old["id"].as_str().unwrap()] {
        client.get(&format!("{CONTACTS}/{gone}"), BEARER).await.expect(404);
    }
    // The first one's address in the public dialect leads to the one that is left.
    let seen = client.get(public, NONE).await.expect(200).value();
    assert_eq!(
        (&seen["contact"]["id"], &seen["contact"]["name"]),
        (&json!(2), &json!("Mira Weber"))
    );
    let seen = client.get(account, AGENT).await.expect(200).value();
    assert_eq!(seen["meta"]["sender"]["name"], "Mira Weber");
    let seen = client.get(third_party, BEARER).await.expect(200).value();
    assert!(seen.to_string().contains("Mira Weber"), "{seen}");
    let found = client.get(&format!("{CONTACTS}?q=weber"), BEARER).await.expect(200).value();
    assert_eq!(numbers(&found), [2]);
}

#[tokio::test]
async fn a_contact_is_found_or_made_in_one_call() {
    let (_gateway, client) = set_up().await;
    let body = json!({
        "identifier": "shop-1", "email": "shop@one.example", "when_known": "update", "name": "Shop",
        "identity": {"inbox_id": "n:1", "source_id": "session-1"},
    });
    let path = format!("{CONTACTS}?include=identity,identities,identity_inbox");
    let made = write(&client, Method::POST, &path, body.clone()).await.expect(201).value();
    let mut renamed = body.clone();
    renamed["name"] = json!("The Shop");
    let known = write(&client, Method::POST, &path, renamed).await.expect(201).value();
    assert_eq!((&known["id"], &known["name"]), (&made["id"], &json!("The Shop")));
    assert_eq!(known["identity"]["id"], made["identity"]["id"]);
    assert_eq!(known["identities"].as_array().unwrap().len(), 1);
    assert_eq!(known["identity"]["inbox"]["identifier"], "demo-inbox");
    let mut strict = body;
    strict.as_object_mut().unwrap().remove("when_known");
    let refused = write(&client, Method::POST, &path, strict).await.expect(409).value();
    assert_eq!(refused["errors"][0]["pointer"], "/identity/source_id");

    // One key, one contact.
    let key = [BEARER, &[("idempotency-key", "again")]].concat();
    let once = json!({"name": "Once"});
    let first = client.json(Method::POST, CONTACTS, &key, &once).await.expect(201).value();
    let again = client.json(Method::POST, CONTACTS, &key, &once).await.expect(201).value();
    assert_eq!(first, again);
    let other = client.json(Method::POST, CONTACTS, &key, &json!({"name": "Twice"})).await;
    assert_eq!(other.expect(422).value()["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn a_search_is_paged_and_says_what_it_does_not_understand() {
    let (_gateway, client) = set_up().await;
    let body = json!({
        "filter": {"op": "or", "filters": [
            {"field": "labels", "cmp": "contains", "value": "vip"},
            {"op": "and", "filters": [
                {"field": "custom_attributes.seats", "cmp": "gt", "value": 20},
                {"field": "company.name", "cmp": "starts_with", "value": "fjord"},
            ]},
        ]},
        "sort": ["-company.name", "name"],
    });
    let search = format!("{CONTACTS}/search");
    let all = write(&client, Method::POST, &format!("{search}?count=exact"), body.clone()).await;
    let all = all.expect(200).value();
    assert_eq!(all["page"]["total"], 8);
    assert_eq!(numbers(&all), [1, 11, 41, 22, 9, 23, 34, 43]);
    let mut path = format!("{search}?limit=3");
    let mut seen = Vec::new();
    loop {
        let page = write(&client, Method::POST, &path, body.clone()).await.expect(200).value();
        seen.extend(numbers(&page));
        let Some(next) = page["page"]["next"].as_str() else { break };
        path = format!("{search}?limit=3&cursor={next}");
    }
    assert_eq!(seen, numbers(&all));
    let second =
        write(&client, Method::POST, &format!("{search}?limit=3&page=2"), body.clone()).await;
    assert_eq!(numbers(&second.expect(200).value()), seen[3..6]);
    // A cursor belongs to its question.
    let other = json!({"filter": {"field": "blocked", "cmp": "eq", "value": true}});
    let foreign = write(&client, Method::POST, &path, other).await.expect(400).value();
    assert_eq!(foreign["errors"][0]["parameter"], "cursor");

    let refused = [
        (json!({"field": "nam", "cmp": "eq", "value": "x"}), "/filter/field", "unknown"),
        (json!({"field": "name", "cmp": "like", "value": "x"}), "/filter/cmp", "invalid"),
        (json!({"field": "blocked", "cmp": "eq", "value": "x"}), "/filter/value", "wrong_type"),
        (
            json!({"op": "and", "filters": [{"field": "name", "cmp": "eq", "vlaue": 1}]}),
            "/filter/filters/0/vlaue",
            "unknown",
        ),
        (json!({"op": "xor", "filters": []}), "/filter/op", "invalid"),
    ];
    for (filter, pointer, code) in refused {
        let answer = write(&client, Method::POST, &search, json!({"filter": filter})).await;
        let fault = answer.expect(422).value()["errors"][0].clone();
        assert_eq!(
            (&fault["pointer"], &fault["code"]),
            (&json!(pointer), &json!(code)),
            "{filter}"
        );
    }
}
