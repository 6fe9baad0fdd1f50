//! Reading and writing a conversation in each dialect: what one writes, the others show at once.

use http::Method;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::dialects::{
    ACCOUNT, ALL, BEARER, CANONICAL, Dialect, PUBLIC, PUBLIC_2, PUBLIC_3, keys_of,
};
use crate::support::gateway::{Gateway, in_front_of};

async fn read(client: &Client, dialect: Dialect, rest: &str) -> Value {
    dialect.get(client, rest).await.expect(200).value()
}

fn ids(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|m| m["id"].as_u64().unwrap()).collect()
}

fn numbers(page: &Value) -> Vec<u64> {
    page["data"].as_array().unwrap().iter().map(|m| m["number"].as_u64().unwrap()).collect()
}

/// The last element.
fn last(list: &Value) -> Value {
    list.as_array().unwrap().last().cloned().unwrap()
}

/// Everyone has the conversation in the cache, so that a write must move it there.
async fn warm(client: &Client, number: u64) {
    let public = match number {
        2 => PUBLIC_2,
        3 | 7 => PUBLIC_3,
        _ => PUBLIC,
    };
    for dialect in [public, ACCOUNT, BEARER, CANONICAL] {
        read(client, dialect, &number.to_string()).await;
        read(client, dialect, &format!("{number}/messages")).await;
    }
}

#[tokio::test]
async fn lists_are_in_each_dialects_order_and_envelope() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let public = read(&client, PUBLIC, "1/messages").await;
    assert_eq!(ids(&public), [1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 16, 17]);
    let account = read(&client, ACCOUNT, "1/messages").await;
    assert_eq!(ids(&account), (1..=17).collect::<Vec<_>>());
    assert_eq!(account[0]["message_type"], "incoming");
    // Newest first; notes are no messages there.
    let bearer = read(&client, BEARER, "1/messages").await;
    let newest: Vec<u64> = (1..=17).rev().filter(|n| *n != 7).collect();
    assert_eq!(ids(&bearer["data"]), newest);
    let meta = &bearer["meta"];
    assert_eq!(
        (&meta["per_page"], &meta["total"], &meta["to"]),
        (&json!(100), &json!(16), &json!(16))
    );
    let second = read(&client, BEARER, "1/messages?per_page=5&page=2").await;
    assert_eq!(ids(&second["data"]), newest[5..10]);
    let next = second["links"]["next"].as_str().unwrap();
    let third = next.split_once("/conversations/").unwrap().1;
    assert_eq!(ids(&read(&client, BEARER, third).await["data"]), newest[10..15]);
    let page = read(&client, CANONICAL, "1/messages").await;
    assert_eq!(numbers(&page), (1..=17).collect::<Vec<_>>());
    assert_eq!(
        page["page"],
        json!({ "next": null, "prev": null, "limit": 50, "number": null, "total": null })
    );
}

#[tokio::test]
async fn an_anchor_is_left_out_and_may_lie_anywhere() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    assert_eq!(ids(&read(&client, PUBLIC, "1/messages?before=8").await), [1, 2, 3, 4, 6]);
    assert_eq!(ids(&read(&client, ACCOUNT, "1/messages?before=8").await), [1, 2, 3, 4, 5, 6, 7]);
    // A message of another conversation, one that the reader may not see, one that is not there.
    assert_eq!(ids(&read(&client, PUBLIC, "1/messages?before=7").await), [1, 2, 3, 4, 6]);
    assert_eq!(ids(&read(&client, ACCOUNT, "1/messages?before=99999").await).len(), 17);
    assert_eq!(read(&client, ACCOUNT, "2/messages?before=5").await, json!([]));
    assert_eq!(read(&client, PUBLIC, "1/messages?before=1").await, json!([]));
    let page = read(&client, CANONICAL, "1/messages?before=n:5&order=desc&limit=2").await;
    assert_eq!(numbers(&page), [4, 3]);
    let page = read(&client, CANONICAL, "1/messages?after=n:15").await;
    assert_eq!(numbers(&page), [16, 17]);
}

#[tokio::test]
async fn pages_hold_the_newest_twenty_and_are_walked_backwards() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let mut written = ids(&read(&client, ACCOUNT, "5/messages").await);
    for n in 0..45 {
        let body = json!({ "content": format!("line {n}") });
        let answer = ACCOUNT.post(&client, "5/messages", &body).await.expect(200);
        written.push(answer.value()["id"].as_u64().unwrap());
    }
    let mut walked: Vec<u64> = Vec::new();
    let mut rest = "5/messages".to_owned();
    loop {
        let page = ids(&read(&client, ACCOUNT, &rest).await);
        let Some(first) = page.first() else { break };
        assert!(page.len() == 20 || *first == written[0], "a short page before the end");
        rest = format!("5/messages?before={first}");
        walked.splice(0..0, page);
    }
    // Activities that the writing caused stand among them.
    walked.retain(|id| written.contains(id));
    assert_eq!(walked, written);
    let bearer = read(&client, BEARER, "5/messages?per_page=3").await;
    assert_eq!(ids(&bearer["data"]), written.iter().rev().take(3).copied().collect::<Vec<_>>());
    assert_eq!(bearer["meta"]["per_page"], 3);
    let first = read(&client, CANONICAL, "5/messages?limit=40").await;
    let next = first["page"]["next"].as_str().unwrap();
    let second = read(&client, CANONICAL, &format!("5/messages?limit=40&cursor={next}")).await;
    let both: Vec<u64> = numbers(&first).into_iter().chain(numbers(&second)).collect();
    assert!(both.is_sorted());
    assert!(written.iter().all(|id| both.contains(id)));
    assert_eq!(second["page"]["next"], Value::Null);
}

#[tokio::test]
async fn a_customers_text_is_shown_by_all_at_once() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 1).await;
    let sent = json!({ "content": "Grüße 🏺 \"quoted\"\n", "echo_id": "w-1" });
    let made = PUBLIC.post(&client, "1/messages", &sent).await.expect(200).value();
    assert_eq!(made["content"], sent["content"]);
    assert_eq!(made["message_type"], 0);
    assert_eq!(made["sender"]["type"], "contact");
    let id = made["id"].as_u64().unwrap();
    assert_eq!(last(&read(&client, PUBLIC, "1").await["messages"]), made);
    assert_eq!(last(&read(&client, PUBLIC, "1/messages").await), made);
    let account = last(&read(&client, ACCOUNT, "1/messages").await);
    assert_eq!((&account["id"], &account["echo_id"]), (&json!(id), &json!("w-1")));
    assert_eq!(account["message_type"], "incoming");
    assert_eq!(read(&client, ACCOUNT, "1").await["unread_count"], 1);
    let bearer = &read(&client, BEARER, "1").await["data"];
    assert_eq!(bearer["latest_message"]["id"], id);
    assert_eq!(bearer["latest_customer_message"]["contents"][0]["content"], sent["content"]);
    assert_eq!(bearer["latest_message"]["from"], "customer");
    assert_eq!(bearer["unread_customer_messages_count"], 1);
    assert_eq!(bearer["last_customer_reply_from"], bearer["latest_message"]["sent_at"]);
    let canonical = read(&client, CANONICAL, "1").await;
    assert_eq!(canonical["last_inbound_message_number"], id);
    assert_eq!(canonical["waiting_on"], "agent");
    assert!(canonical["waiting_since"].is_string());
}

#[tokio::test]
async fn an_agents_answer_is_shown_by_all_and_ends_the_waiting() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 2).await;
    assert_eq!(read(&client, ACCOUNT, "2").await["unread_count"], 1);
    let sent =
        json!({ "content": "By mail, of course.", "content_attributes": { "in_reply_to": 20 } });
    let made = ACCOUNT.post(&client, "2/messages", &sent).await.expect(200).value();
    assert_eq!(made["message_type"], "outgoing");
    assert_eq!(made["private"], false);
    assert_eq!(made["sender"]["id"], 2);
    assert_eq!(made["content_attributes"]["in_reply_to"], 20);
    let public = last(&read(&client, PUBLIC_2, "2").await["messages"]);
    assert_eq!((&public["id"], &public["content"]), (&made["id"], &sent["content"]));
    assert_eq!(public["message_type"], 1);
    let bearer = &read(&client, BEARER, "2").await["data"]["latest_message"];
    assert_eq!((&bearer["from"], &bearer["user_id"]), (&json!("agent"), &json!(2)));
    assert_eq!(bearer["reference"]["id"], 20);
    // Who writes has read.
    let canonical = read(&client, CANONICAL, "2").await;
    assert_eq!(canonical["unread_count"], 0);
    assert_eq!(canonical["waiting_since"], Value::Null);
    assert_eq!(canonical["agent_last_seen_at"], canonical["last_activity_at"]);
    assert_eq!(read(&client, BEARER, "2").await["data"]["unread_customer_messages_count"], 0);
}

#[tokio::test]
async fn a_note_is_the_bearers_latest_note_and_never_public() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 1).await;
    let before = read(&client, PUBLIC, "1").await;
    let note = json!({ "content": "between us only", "private": true });
    let made = ACCOUNT.post(&client, "1/messages", &note).await.expect(200).value();
    assert_eq!(made["private"], true);
    let account = last(&read(&client, ACCOUNT, "1").await["messages"]);
    assert_eq!((&account["content"], &account["private"]), (&note["content"], &json!(true)));
    let bearer = &read(&client, BEARER, "1").await["data"];
    assert_eq!(bearer["latest_note"]["text"], "between us only");
    assert_eq!(bearer["latest_note"]["id"], made["id"]);
    let listed = read(&client, BEARER, "1/messages").await;
    assert!(!ids(&listed["data"]).contains(&made["id"].as_u64().unwrap()));
    let after = PUBLIC.get(&client, 1).await.expect(200);
    assert_eq!(after.value()["messages"], before["messages"]);
    let listed = PUBLIC.get(&client, "1/messages").await.expect(200);
    assert!(!String::from_utf8_lossy(&listed.body).contains("between us"));
    // And said canonically.
    let note = json!({ "kind": "note", "text": "one more" });
    let made = CANONICAL.post(&client, "1/messages", &note).await.expect(201).value();
    assert_eq!((&made["kind"], &made["visibility"]), (&json!("note"), &json!("internal")));
    assert_eq!(read(&client, BEARER, "1").await["data"]["latest_note"]["text"], "one more");
    assert_eq!(read(&client, PUBLIC, "1").await["messages"], before["messages"]);
}

#[tokio::test]
async fn choices_forms_and_cards_are_written_and_shown() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 1).await;
    let items = [
        (
            "input_select",
            json!([{ "title": "Yes", "value": "y" }, { "title": "No", "value": "n" }]),
        ),
        (
            "form",
            json!([{ "type": "email", "name": "email", "label": "Mail", "placeholder": "a@b", "required": false }]),
        ),
        (
            "cards",
            json!([{
                "title": "One", "description": "of it", "media_url": null,
                "actions": [{ "type": "link", "text": "Go", "uri": "https://shop.example/" }],
            }]),
        ),
    ];
    for (kind, items) in items {
        let sent = json!({ "content": "Choose", "content_type": kind, "content_attributes": { "items": items } });
        let made = ACCOUNT.post(&client, "1/messages", &sent).await.expect(200).value();
        assert_eq!(made["content_type"], kind);
        assert_eq!(made["content_attributes"]["items"], items);
        let public = last(&read(&client, PUBLIC, "1").await["messages"]);
        assert_eq!(public["content_type"], kind);
        assert_eq!(public["content_attributes"]["items"], items);
        assert_eq!(
            last(&read(&client, ACCOUNT, "1").await["messages"])["content_attributes"]["items"],
            items
        );
        // No word for it there: the text stands alone.
        let bearer = &read(&client, BEARER, "1").await["data"]["latest_message"];
        assert_eq!(bearer["contents"], json!([{ "type": "text", "content": "Choose" }]), "{kind}");
    }
}

#[tokio::test]
async fn a_place_and_a_card_of_the_bearer_api_are_attachments_elsewhere() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 1).await;
    let place = json!({ "latitude": "50.941278", "longitude": "-6.958281", "name": "Branch", "address": "Domkloster 4" });
    let sent = json!({ "type": "location", "location": place });
    let made = BEARER.post(&client, "1/messages", &sent).await.expect(200).value();
    assert_eq!(keys_of(&made), ["data"]);
    let block = json!({ "type": "location", "latitude": "50.941278", "longitude": "-6.958281", "name": "Branch", "address": "Domkloster 4" });
    assert_eq!(made["data"]["contents"], json!([block]));
    let public = last(&read(&client, PUBLIC, "1").await["messages"]);
    let shown = &public["attachments"][0];
    assert_eq!(shown["file_type"], "location");
    assert_eq!(
        (&shown["coordinates_lat"], &shown["coordinates_long"]),
        (&json!(50.941_278), &json!(-6.958_281))
    );
    assert_eq!(shown["fallback_title"], "Branch");
    let account = last(&read(&client, ACCOUNT, "1").await["messages"]);
    assert_eq!(account["attachment"]["file_type"], "location");

    // Numbers are taken too.
    let sent = json!({ "type": "location", "location": { "latitude": 1.25, "longitude": 2 } });
    let made = BEARER.post(&client, "1/messages", &sent).await.expect(200).value();
    assert_eq!(made["data"]["contents"][0]["latitude"], "1.25");

    let card = json!({ "name": { "formatted_name": "Ada" }, "phones": [{ "phone": "+4917" }] });
    let sent = json!({ "type": "contact", "contact": card });
    let made = BEARER.post(&client, "1/messages", &sent).await.expect(200).value();
    assert_eq!(made["data"]["contents"][0]["name"], card["name"]);
    assert_eq!(made["data"]["contents"][0]["phones"], card["phones"]);
    let public = last(&read(&client, PUBLIC, "1").await["messages"]);
    assert_eq!(public["attachments"][0]["file_type"], "contact");
    assert_eq!(public["attachments"][0]["fallback_title"], "Ada");
    let account = last(&read(&client, ACCOUNT, "1").await["messages"]);
    assert_eq!(account["attachment"]["fallback_title"], "Ada");
    assert_eq!(
        read(&client, BEARER, "1").await["data"]["latest_message"]["contents"],
        made["data"]["contents"]
    );
}

/// The status as the public, the account, the bearer and the canonical API say it.
async fn statuses(client: &Client, public: Dialect, number: u64) -> [String; 4] {
    let number = number.to_string();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    [
        word(&read(client, public, &number).await["status"]),
        word(&read(client, ACCOUNT, &number).await["status"]),
        word(&read(client, BEARER, &number).await["data"]["status"]),
        word(&read(client, CANONICAL, &number).await["status"]),
    ]
}

#[tokio::test]
async fn the_account_sets_a_status_or_flips_it() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 1).await;
    // (sent, answered, then told by everyone)
    let steps = [
        (json!({}), "resolved", ["resolved", "resolved", "done", "resolved"]),
        (json!({}), "open", ["open", "open", "in-progress", "open"]),
        (
            json!({ "status": "pending" }),
            "pending",
            ["pending", "pending", "in-progress", "pending"],
        ),
        (json!({ "status": null }), "open", ["open", "open", "in-progress", "open"]),
        (json!({ "status": "resolved" }), "resolved", ["resolved", "resolved", "done", "resolved"]),
        (json!({ "status": "resolved" }), "resolved", ["resolved", "resolved", "done", "resolved"]),
    ];
    for (body, answered, told) in steps {
        let answer = ACCOUNT.post(&client, "1/toggle_status", &body).await.expect(200);
        let payload = json!({ "success": true, "current_status": answered, "conversation_id": 1 });
        assert_eq!(answer.value(), json!({ "meta": {}, "payload": payload }), "{body}");
        assert_eq!(statuses(&client, PUBLIC, 1).await, told, "{body}");
    }
    // Snoozed flips to open, without a body too.
    warm(&client, 3).await;
    let path = format!("{}3/toggle_status", ACCOUNT.conversations);
    let answer = client.send(Method::POST, &path, ACCOUNT.credential, "").await.expect(200);
    assert_eq!(answer.value()["payload"]["current_status"], "open");
    assert_eq!(statuses(&client, PUBLIC_3, 3).await, ["open", "open", "in-progress", "open"]);
    assert_eq!(read(&client, BEARER, "3").await["data"]["snooze_until"], Value::Null);
}

#[tokio::test]
async fn a_customer_only_resolves() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 1).await;
    for body in [json!({}), json!({ "status": "open" })] {
        let answer = PUBLIC.post(&client, "1/toggle_status", &body).await.expect(200).value();
        assert_eq!(answer["status"], "resolved");
        // Once the customer is asked how it was.
        assert_eq!(answer["messages"].as_array().unwrap().len(), 15);
        assert_eq!(
            statuses(&client, PUBLIC, 1).await,
            ["resolved", "resolved", "done", "resolved"]
        );
    }
    // Writing again opens it.
    PUBLIC.post(&client, "1/messages", &json!({ "content": "one more thing" })).await.expect(200);
    assert_eq!(statuses(&client, PUBLIC, 1).await, ["open", "open", "in-progress", "open"]);
}

#[tokio::test]
async fn a_change_of_status_stands_in_the_timeline_of_the_staff() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 1).await;
    ACCOUNT.post(&client, "1/toggle_status", &json!({})).await.expect(200);
    let told = read(&client, ACCOUNT, "1").await;
    let [.., account, survey] = &told["messages"].as_array().unwrap()[..] else { panic!() };
    assert_eq!(survey["content_attributes"]["display_type"], "emoji");
    assert_eq!(account["message_type"], "activity");
    assert_eq!(account["content"], "Noor Haddad marked the conversation resolved");
    let bearer = read(&client, BEARER, "1/messages?per_page=2").await;
    assert_eq!(bearer["data"][1]["from"], "system");
    // The customer sees the question how it was, and nothing of who did what before it.
    let public = read(&client, PUBLIC, "1").await;
    let [.., before, asked] = &public["messages"].as_array().unwrap()[..] else { panic!() };
    assert_eq!((&before["id"], &asked["content"]), (&json!(17), &survey["content"]));
}

#[tokio::test]
async fn a_bearer_patch_says_who_acts_next() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 1).await;
    let patch = async |body: Value| {
        let answer = BEARER.patch(&client, 1, &body).await.expect(200).value();
        assert!(answer.get("data").is_none(), "one of the answers without an envelope");
        let read = read(&client, BEARER, "1").await;
        assert_eq!(read["data"], answer, "{body}");
        (answer["status"].as_str().unwrap().to_owned(), answer["user"]["id"].clone())
    };
    // Until somebody says a word, it follows from whether somebody has the conversation.
    assert_eq!(patch(json!({ "user_id": 3 })).await, ("in-progress".into(), json!(3)));
    assert_eq!(read(&client, ACCOUNT, "1").await["meta"]["assignee"]["name"], "Tomas Berg");
    assert_eq!(patch(json!({ "user_id": null })).await, ("to-do".into(), Value::Null));
    assert!(read(&client, ACCOUNT, "1").await["meta"].get("assignee").is_none());
    assert_eq!(patch(json!({ "user_id": 2 })).await, ("in-progress".into(), json!(2)));
    // `to-do` on a conversation that somebody has stays the word that was said.
    assert_eq!(patch(json!({ "status": "to-do" })).await, ("to-do".into(), json!(2)));
    assert_eq!(read(&client, CANONICAL, "1").await["status"], "open");
    assert_eq!(read(&client, CANONICAL, "1").await["assignee_number"], 2);
    assert_eq!(patch(json!({ "status": "in-progress" })).await, ("in-progress".into(), json!(2)));
    assert_eq!(patch(json!({ "status": "done", "user_id": 1 })).await, ("done".into(), json!(1)));
    assert_eq!(statuses(&client, PUBLIC, 1).await, ["resolved", "resolved", "done", "resolved"]);
}

#[tokio::test]
async fn a_word_of_one_dialect_does_not_outlive_a_change_by_another() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    BEARER.patch(&client, 1, &json!({ "status": "to-do" })).await.expect(200);
    ACCOUNT.post(&client, "1/toggle_status", &json!({ "status": "resolved" })).await.expect(200);
    assert_eq!(read(&client, BEARER, "1").await["data"]["status"], "done");
    ACCOUNT.post(&client, "1/toggle_status", &json!({ "status": "open" })).await.expect(200);
    assert_eq!(read(&client, BEARER, "1").await["data"]["status"], "in-progress");
}

#[tokio::test]
async fn a_canonical_change_is_shown_by_all_at_once() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    warm(&client, 1).await;
    let until = json!({ "status": "snoozed", "snooze": { "until": "2098-01-01T00:00:00.000Z" } });
    CANONICAL.patch(&client, 1, &until).await.expect(200);
    assert_eq!(statuses(&client, PUBLIC, 1).await, ["snoozed", "open", "in-progress", "snoozed"]);
    assert_eq!(read(&client, BEARER, "1").await["data"]["snooze_until"], "2098-01-01T00:00:00Z");
    let exact = r#"{"custom_attributes":{"text":"\u00e9","list":[],"map":{},"order_no":null}}"#;
    let path = format!("{}1", CANONICAL.conversations);
    let headers =
        [CANONICAL.credential, &[("content-type", "application/merge-patch+json")]].concat();
    client.send(Method::PATCH, &path, &headers, exact).await.expect(200);
    let account = read(&client, ACCOUNT, "1").await;
    let expected = json!({ "attribute_key": "attribute_value", "priority_conversation_number": 3, "text": "é", "list": [], "map": {} });
    assert_eq!(account["custom_attributes"], expected);
}

#[tokio::test]
async fn a_creation_with_a_key_happens_once() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let path = format!("{}1/messages", CANONICAL.conversations);
    let headers = [CANONICAL.credential, &[("idempotency-key", "k-1")]].concat();
    let body = json!({ "text": "once" });
    let first = client.json(Method::POST, &path, &headers, &body).await.expect(201).value();
    let again = client.json(Method::POST, &path, &headers, &body).await.expect(201).value();
    assert_eq!(first["id"], again["id"]);
    let other = client.json(Method::POST, &path, &headers, &json!({ "text": "twice" })).await;
    assert_eq!(other.expect(422).value()["code"], "idempotency_key_reused");
    let page = read(&client, CANONICAL, "1/messages?after=n:17").await;
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_change_may_be_bound_to_what_was_read() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    let etag = CANONICAL.get(&client, 1).await.expect(200).header("etag").to_owned();
    let path = format!("{}1", CANONICAL.conversations);
    let headers = [CANONICAL.credential, &[("if-match", etag.as_str())]].concat();
    let body = json!({ "priority": "low" });
    client.json(Method::PATCH, &path, &headers, &body).await.expect(200);
    let body = json!({ "priority": "urgent" });
    let refused = client.json(Method::PATCH, &path, &headers, &body).await.expect(412);
    assert_eq!(refused.value()["code"], "precondition_failed");
    assert_eq!(read(&client, CANONICAL, "1").await["priority"], "low");
}

#[tokio::test]
async fn writes_of_one_dialect_are_read_by_every_other() {
    let gateway = Gateway::sandbox().await;
    let client = gateway.client();
    for writer in ALL {
        warm(&client, 1).await;
        let text = format!("from {}", writer.name);
        let body = match writer.name {
            "third-party" => json!({ "type": "text", "text": { "content": text } }),
            "canonical" => json!({ "text": text }),
            _ => json!({ "content": text }),
        };
        let answer = writer.post(&client, "1/messages", &body).await;
        assert!(answer.status.is_success(), "{}", writer.name);
        for reader in ALL {
            let whole = if reader.name == "canonical" { "1?include=messages" } else { "1" };
            for rest in ["1/messages", whole] {
                let answer = reader.get(&client, rest).await.expect(200);
                let shown = String::from_utf8_lossy(&answer.body).contains(&text);
                assert!(shown, "{text}: {} {rest}", reader.name);
            }
        }
    }
}

#[tokio::test]
async fn a_flip_is_bound_to_what_was_read_across_two_gateways() {
    let sandbox = Gateway::sandbox().await;
    let direct = sandbox.client();
    let yaml = in_front_of(&sandbox.address.to_string(), "")
        .replace("${env:BACKEND_TOKEN}", "${env:BEARER_TOKEN}");
    let gateway = Gateway::configured(&yaml).await;
    let client = gateway.client();
    let answer = ACCOUNT.post(&client, "1/toggle_status", &json!({})).await.expect(200).value();
    assert_eq!(answer["payload"]["current_status"], "resolved");
    assert_eq!(statuses(&client, PUBLIC, 1).await, ["resolved", "resolved", "done", "resolved"]);
    assert_eq!(statuses(&direct, PUBLIC, 1).await, ["resolved", "resolved", "done", "resolved"]);
}
