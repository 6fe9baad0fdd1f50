//! HTTP over every route there is: which methods an address has, what browsers are told, and the
//! habits of addresses. Routes come from the catalog, so that a new one is tried without a line here.

use std::collections::BTreeMap;

use deskbridge::dialect::Dialect;
use deskbridge::dialect::route::{Route, Segment};
use http::Method;
use serde_json::{Value, json};

use super::catalog;
use crate::support::client::Client;
use crate::support::dialects::{ACCOUNT, PUBLIC, keys_of};
use crate::support::gateway::Gateway;

const ORIGIN: (&str, &str) = ("origin", "https://shop.example");

/// An address of a route, and what makes it: every parameter is 1.
fn address(route: &Route) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Literal(text) => text.to_string(),
        Segment::Text(_) | Segment::Integer(_) => "1".to_owned(),
    };
    format!("/{}", route.template.segments.iter().map(segment).collect::<Vec<_>>().join("/"))
}

/// The methods of every address of a dialect.
fn addresses(dialect: &Dialect) -> BTreeMap<String, Vec<&'static str>> {
    let mut all: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for route in &dialect.routes {
        let methods = all.entry(address(route)).or_default();
        methods.push(route.method);
        if route.method == "GET" && route.safe {
            methods.push("HEAD");
        }
        if route.method == "PATCH" && dialect.quirks.put_is_patch {
            methods.push("PUT");
        }
    }
    all
}

#[tokio::test]
async fn every_address_says_its_methods_and_browsers_what_they_may() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let catalog = catalog();
    let mut tried = 0;
    for dialect in &catalog.dialects {
        for (path, methods) in addresses(dialect) {
            let path = format!("{}{path}", dialect.prefix);
            let answer = client.send(Method::OPTIONS, &path, &[], "").await.expect(200);
            let allowed: Vec<&str> = answer.header("allow").split(", ").collect();
            for method in &methods {
                assert!(allowed.contains(method), "{path}: {method} is not among {allowed:?}");
            }
            assert!(answer.body.is_empty());
            // Whoever names no origin is told nothing of origins.
            let marks = answer.headers.keys().filter(|n| n.as_str().starts_with("access-control"));
            assert_eq!(marks.count(), 0, "{path}");

            let asked = [ORIGIN, ("access-control-request-method", methods[0])];
            let answer = client.send(Method::OPTIONS, &path, &asked, "").await.expect(200);
            let told: Vec<(&str, &str)> = answer
                .headers
                .iter()
                .filter(|(name, _)| name.as_str().starts_with("access-control"))
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            // Pages of another root are read by nobody's scripts.
            let own = dialect.bases.first().filter(|base| path.contains(&*base.address));
            match dialect.quirks.cors.as_ref().and(own) {
                None => assert!(told.is_empty(), "{path}: {told:?}"),
                Some(_) => {
                    assert_eq!(answer.header("access-control-allow-origin"), "*");
                    assert_eq!(answer.header("access-control-max-age"), "7200");
                    assert_eq!(
                        answer.header("access-control-allow-methods"),
                        answer.header("allow")
                    );
                    assert_eq!(told.len(), 3, "nothing else: {told:?}");
                }
            }
            tried += 1;
        }
    }
    assert!(tried >= 15, "{tried}");
}

/// Replies of zero bytes: a status, a media type and no body, whatever a JSON parser would like.
#[tokio::test]
async fn some_answers_are_empty_and_one_is_null() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for (dialect, rest, body) in [
        (PUBLIC, "1/toggle_typing", json!({ "typing_status": "on" })),
        (PUBLIC, "1/update_last_seen", json!({})),
        (ACCOUNT, "1/toggle_priority", json!({ "priority": "high" })),
    ] {
        let answer = dialect.post(&client, rest, &body).await.expect(200);
        assert_eq!(answer.body.len(), 0, "{} {rest}", dialect.name);
        assert_eq!(answer.header("content-length"), "0", "{} {rest}", dialect.name);
        assert_eq!(answer.header("content-type"), "application/json", "{} {rest}", dialect.name);
        assert_eq!(answer.header("etag"), "");
    }
    // Nobody is an answer, too.
    for nobody in [json!(0), json!("0"), Value::Null] {
        let body = json!({ "assignee_id": nobody });
        let answer = ACCOUNT.post(&client, "1/assignments", &body).await.expect(200);
        assert_eq!(answer.body, "null", "{body}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("content-length"), "4");
    }
}

#[tokio::test]
async fn numbers_come_as_text_and_in_forms() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let path = format!("{}1/assignments", ACCOUNT.conversations);
    let form =
        [("api_access_token", "demo-agent"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = client.send(Method::POST, &path, &form, "assignee_id=2").await.expect(200);
    assert_eq!(answer.value()["id"], 2);
    for id in [json!(1), json!("1")] {
        let body = json!({ "assignee_id": id });
        let answer = ACCOUNT.post(&client, "1/assignments", &body).await.expect(200);
        assert_eq!(answer.value()["id"], 1, "{body}");
    }
    let answer = client.send(Method::POST, &path, &form, "assignee_id=one").await;
    ACCOUNT.assert_refusal(&answer, 422);
    assert_eq!(ACCOUNT.blamed(&answer), ["assignee_id"]);
    // Who wants nobody, in a form, leaves the value out.
    let answer = client.send(Method::POST, &path, &form, "assignee_id=").await.expect(200);
    assert_eq!(answer.body, "null");
}

#[tokio::test]
async fn habits_of_addresses_hold_together() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for (method, rest) in [
        (Method::PUT, "1"),
        (Method::PUT, "1/"),
        (Method::PUT, "1.json"),
        (Method::PATCH, "1.json"),
        (Method::PATCH, "1/"),
    ] {
        let body = json!({ "priority": "urgent" });
        let answer = ACCOUNT.send(&client, method.clone(), rest, &body).await;
        assert!(answer.status.is_success(), "{method} {rest}: {}", answer.text());
        let low = json!({ "priority": "low" });
        ACCOUNT.send(&client, Method::PATCH, 1, &low).await.expect(200);
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = ACCOUNT.send(&client, method, "1/messages.json", &json!({})).await;
        ACCOUNT.assert_refusal(&answer, 405);
    }
}

/// A body that a route does not read is no reason to close the connection, or to refuse.
#[tokio::test]
async fn a_body_where_none_is_read_harms_nobody() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let made = ACCOUNT.post(&client, "1/messages", &json!({ "content": "gone soon" })).await;
    let id = made.expect(200).value()["id"].clone();
    let path = format!("1/messages/{id}");
    let body = json!({ "reason": "x".repeat(20_000) });
    let answer = ACCOUNT.send(&client, Method::DELETE, &path, &body).await.expect(200);
    assert_eq!(answer.body.len(), 0);
    ACCOUNT.get(&client, 1).await.expect(200);
    let answer = PUBLIC.post(&client, "1/toggle_status", &json!({ "status": "open" })).await;
    assert_eq!(answer.expect(200).value()["id"], 1);
}

/// Lists in a query, however a client writes them, are one question.
#[tokio::test]
async fn lists_in_a_query_in_every_spelling() {
    let gateway = Gateway::sandbox().await;
    let client: Client = gateway.client();
    let ask = async |query: &str| {
        let path = format!("/api/v1/accounts/1/conversations?status=all&{query}");
        let answer = client.get(&path, ACCOUNT.credential).await.expect(200).value();
        assert_eq!(keys_of(&answer), ["data"]);
        let found = answer["data"]["payload"].as_array().unwrap().clone();
        found.into_iter().map(|c| c["id"].clone()).collect::<Vec<_>>()
    };
    let all = ask("").await;
    let labelled: Vec<Value> = ask("labels[]=billing&labels[]=vip").await;
    assert!(!labelled.is_empty() && labelled.len() < all.len(), "{labelled:?} of {all:?}");
    for spelling in [
        "labels%5B%5D=billing&labels%5B%5D=vip",
        "labels[]=vip&labels[]=billing",
        "labels=billing&labels=vip",
        "labels=billing,vip",
    ] {
        assert_eq!(ask(spelling).await, labelled, "{spelling}");
    }
    assert!(ask("labels[]=no-such-label").await.is_empty());
}
