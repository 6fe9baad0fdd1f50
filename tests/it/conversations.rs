//! Conversations over `/v1`: opened once, changed by one who has read them, listed and found, seen,
//! and gone.

use http::Method;
use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::desk::BEARER;
use crate::support::dialects::CANONICAL;
use crate::support::gateway::Gateway;

const ROOT: &str = "/v1/accounts/1/conversations";

async fn with(
    client: &Client,
    method: Method,
    path: &str,
    header: (&str, &str),
    body: &Value,
) -> Answer {
    let mut headers = BEARER.to_vec();
    headers.push(header);
    client.json(method, &format!("{ROOT}{path}"), &headers, body).await
}

async fn write(client: &Client, method: Method, path: &str, body: Value) -> Answer {
    client.json(method, &format!("{ROOT}{path}"), BEARER, &body).await
}

async fn read(client: &Client, path: &str) -> Value {
    client.get(&format!("{ROOT}{path}"), BEARER).await.expect(200).value()
}

fn numbers(page: &Value) -> Vec<i64> {
    page["data"].as_array().unwrap().iter().map(|one| one["number"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_conversation_is_opened_once_and_changed_by_who_has_read_it() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let body = json!({
        "inbox_id": "n:1", "source_id": "demo-contact-2", "subject": "A new kiln",
        "message": {"text": "We have one in stock.", "client_reference": "desk-1"},
    });
    let key = ("idempotency-key", "open-1");
    let made = with(&client, Method::POST, "?include=last_message", key, &body).await.expect(201);
    let again = with(&client, Method::POST, "?include=last_message", key, &body).await.expect(201);
    assert_eq!(made.body, again.body);
    let other = with(&client, Method::POST, "", key, &json!({"contact_identity_id": "n:1"})).await;
    assert_eq!(other.expect(422).value()["code"], "idempotency_key_reused");
    let opened = made.value();
    assert_eq!(opened["last_message"]["client_reference"], "desk-1");
    assert_eq!((&opened["contact_number"], &opened["status"]), (&json!(2), &json!("pending")));

    let uuid = format!("/u:{}", opened["uuid"].as_str().unwrap());
    let number = format!("/n:{}", opened["number"]);
    let found = client.get(&format!("{ROOT}{uuid}"), BEARER).await.expect(200);
    let revision = found.header("etag").to_owned();
    let change = json!({"status": "open", "priority": "urgent"});
    with(&client, Method::PATCH, &number, ("if-match", &revision), &change).await.expect(200);
    let late = json!({"priority": null});
    let late = with(&client, Method::PATCH, &number, ("if-match", &revision), &late).await;
    CANONICAL.assert_refusal(&late, 412);
    assert_eq!(read(&client, &uuid).await["priority"], "urgent");

    let path = format!("{number}/labels");
    let labels = write(&client, Method::PATCH, &path, json!({"add": ["vip"]})).await;
    assert_eq!(labels.expect(200).value()["labels"], json!(["vip"]));
    let typing = json!({"typing": true, "visibility": "internal"});
    let typing = write(&client, Method::POST, &format!("{number}/typing"), typing).await;
    assert_eq!((typing.status.as_u16(), typing.body.len()), (202, 0));

    write(&client, Method::DELETE, &number, Value::Null).await.expect(200);
    for gone in [&uuid, &number] {
        let gone = client.get(&format!("{ROOT}{gone}"), BEARER).await;
        CANONICAL.assert_refusal(&gone, 404);
    }
}

#[tokio::test]
async fn lists_are_walked_forth_and_back_and_counted_beside() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let filter = "?status=open&status=pending&sort=created_at&limit=7";
    let first = read(&client, &format!("{filter}&count=exact&include=counts,contact")).await;
    let total = usize::try_from(first["page"]["total"].as_u64().unwrap()).unwrap();
    assert_eq!(first["counts"]["all"].as_u64().unwrap() as usize, total);
    assert!(
        first["data"].as_array().unwrap().iter().all(|c| c["contact"]["id"] == c["contact_id"])
    );
    let (mut all, mut page) = (numbers(&first), first.clone());
    while let Some(next) = page["page"]["next"].as_str() {
        page = read(&client, &format!("{filter}&cursor={next}")).await;
        all.extend(numbers(&page));
    }
    let mut unique = all.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!((all.len(), unique.len()), (total, total));
    let back = page["page"]["prev"].as_str().unwrap().to_owned();
    let back = numbers(&read(&client, &format!("{filter}&cursor={back}")).await);
    let by_number = total.div_ceil(7) - 1;
    let same = numbers(&read(&client, &format!("{filter}&page={by_number}")).await);
    assert_eq!((&back, back.len()), (&same, 7));

    let counts = read(&client, "/counts?status=open&status=pending").await;
    assert_eq!(counts, first["counts"]);
    // Another list does not take this one's cursor.
    let cursor = first["page"]["next"].as_str().unwrap();
    let foreign = format!("{ROOT}?limit=7&cursor={cursor}");
    CANONICAL.assert_refusal(&client.get(&foreign, BEARER).await, 400);
    for (query, blamed) in [
        ("?status=opne", "status"),
        ("?sort=subject", "sort"),
        ("?assignee=n:0", "assignee"),
        ("?label_match=some", "label_match"),
        ("?limit=201", "limit"),
        ("?number=1.5", "number"),
        ("?colour=red", "colour"),
    ] {
        let answer = client.get(&format!("{ROOT}{query}"), BEARER).await;
        CANONICAL.assert_refusal(&answer, 422);
        assert_eq!(answer.value()["errors"][0]["parameter"], blamed, "{query}");
    }
}

#[tokio::test]
async fn a_search_is_a_read_that_is_kept_and_refused_with_a_pointer() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let search = |filter: Value| {
        let client = client.clone();
        async move { write(&client, Method::POST, "/search?limit=3", json!({"filter": filter})).await }
    };
    let billing = json!({"op": "and", "filters": [
        {"field": "labels", "cmp": "contains", "value": "billing"},
        {"op": "not", "filters": [{"field": "contact.name", "cmp": "contains", "value": "SOLANO"}]},
        {"field": "created_at", "cmp": "gte", "value": "2026-05-01"},
    ]});
    let found = search(billing.clone()).await.expect(200);
    assert_eq!(numbers(&found.value()), [2]);
    let again = search(billing.clone()).await.expect(200);
    assert!(again.header("cache-status").starts_with("deskbridge; hit"), "{}", again.text());
    // Another question is another answer.
    let other = search(json!({"field": "number", "cmp": "in", "value": [4, 1]})).await.expect(200);
    assert_eq!(numbers(&other.value()), [1, 4]);
    // After a write it is asked anew.
    write(&client, Method::PUT, "/n:2/labels", json!({"labels": []})).await.expect(200);
    assert_eq!(numbers(&search(billing).await.expect(200).value()), [0; 0]);
    for (filter, pointer) in [
        (json!({"op": "and"}), "/filter/filters"),
        (json!({"field": "status", "cmp": "like"}), "/filter/cmp"),
        (
            json!({"op": "or", "filters": [{"field": "colour", "cmp": "eq", "value": 1}]}),
            "/filter/filters/0/field",
        ),
        (json!({"field": "created_at", "cmp": "gt", "value": "soon"}), "/filter/value"),
    ] {
        let answer = search(filter.clone()).await;
        CANONICAL.assert_refusal(&answer, 422);
        assert_eq!(answer.value()["errors"][0]["pointer"], pointer, "{filter}");
    }
}

#[tokio::test]
async fn notes_files_and_answers_go_into_the_timeline() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let file = json!({"url": "https://files.example/plan.png", "width": 10});
    let file = client.json(Method::POST, "/v1/accounts/1/attachments", BEARER, &file).await;
    let file = file.expect(201).value();
    let message =
        json!({"text": "The plan", "attachment_ids": [file["id"]], "in_reply_to_id": "n:1"});
    let message = write(&client, Method::POST, "/n:1/messages", message).await.expect(201).value();
    assert_eq!(message["attachments"][0]["url"], "https://files.example/plan.png");
    assert_eq!(
        (&message["in_reply_to_number"], &message["attachments"][0]["kind"]),
        (&json!(1), &json!("image"))
    );
    let path = format!("/n:1/messages/{}", message["id"].as_str().unwrap());
    assert_eq!(read(&client, &path).await, message);

    let note = write(&client, Method::POST, "/n:1/notes", json!({"text": "Between us"})).await;
    let note = note.expect(201).value();
    let notes = read(&client, "/n:1/notes?limit=1&count=exact").await;
    assert_eq!((&notes["data"][0], &notes["page"]["total"]), (&note, &json!(2)));
    let chosen = json!({"submitted": {"selected": ["other"]}});
    let chosen =
        write(&client, Method::PATCH, "/n:1/messages/n:3", chosen).await.expect(200).value();
    let choices =
        chosen["blocks"].as_array().unwrap().iter().find(|b| b["type"] == "choices").unwrap();
    assert_eq!(choices["selected"], json!(["other"]));

    let gone = write(&client, Method::DELETE, &path, Value::Null).await.expect(200).value();
    assert_eq!((&gone["body"]["text"], &gone["attachments"]), (&Value::Null, &json!([])));
    assert_eq!(read(&client, &path).await, gone);
    let seen = client.send(Method::POST, &format!("{ROOT}/n:2/seen"), BEARER, "").await.expect(200);
    assert_eq!(seen.value()["unread_count"], 0);
    assert_eq!(read(&client, "/n:2").await["unread_count"], 0);
}
