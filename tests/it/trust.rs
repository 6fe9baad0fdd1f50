//! A backend that answers about somebody else: nobody sees it who may not.

use http::Method;
use serde_json::json;

use crate::cache::set_up;
use crate::support::backend::with;
use crate::support::client::Answer;
use crate::support::desk::{self, ACCOUNT, AGENT, CANONICAL, MESSAGES, NONE, PUBLIC};

#[tokio::test]
async fn somebody_elses_conversation_is_not_there_for_a_contact_on_a_miss_and_on_a_hit() {
    let (backend, gateway, client) = set_up().await;
    let foreign = with(desk::conversation(), "/contact_identity_id", json!("idn_other"));
    desk::show(&backend, &foreign);
    let unseen = [("dialect", "public-inbox"), ("kind", "unseen")];
    let count = async || gateway.metric("deskbridge_mapping_events_total", &unseen).await;
    let refused = client.get(PUBLIC, NONE).await.expect(404);
    assert!(!String::from_utf8_lossy(&refused.body).contains("Mira"), "{refused:?}");
    assert!((count().await - 1.0).abs() < 0.1, "on a miss");
    let agent = client.get(ACCOUNT, AGENT).await.expect(200);
    assert!(agent.header("cache-status").starts_with("deskbridge; hit"), "{agent:?}");
    let again = client.get(PUBLIC, NONE).await.expect(404);
    assert_eq!(again.body, refused.body);
    assert!((count().await - 2.0).abs() < 0.1, "on a hit");
    assert_eq!(desk::reads(&backend), 1);
    // It looks as if there were none.
    let none = client.get(&PUBLIC.replace("418", "7"), NONE).await.expect(404);
    let of = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.remove("date");
        headers.remove("x-request-id");
        headers
    };
    assert_eq!((of(&none), &none.body), (of(&again), &again.body));
    assert_eq!(of(&none), of(&refused));
    // The thread of it is not there either, nor can it be written to.
    client.get(&format!("{PUBLIC}/messages"), NONE).await.expect(404);
    client
        .json(Method::POST, &format!("{PUBLIC}/messages"), NONE, &json!({ "content": "x" }))
        .await
        .expect(404);
    client
        .json(Method::POST, &format!("{PUBLIC}/toggle_status"), NONE, &json!({}))
        .await
        .expect(404);
    assert_eq!(
        backend.count(&Method::POST, MESSAGES) + backend.count(&Method::PATCH, CANONICAL),
        0
    );
}

/// One entry of the cache, looked at by several: what was said through another session is open to
/// who has proved to be the same contact, and to nobody else.
#[tokio::test]
async fn another_session_is_open_to_who_has_proved_to_be_the_same_contact_and_to_nobody_else() {
    let (backend, _gateway, client) = set_up().await;
    let session = with(desk::conversation(), "/contact_identity_id", json!("idn_other"));
    desk::show(&backend, &session);
    let mut page: serde_json::Value = serde_json::from_str(&desk::page(&[])).unwrap();
    page["data"] = json!([session]);
    backend.tell(Method::GET, "/v1/accounts/1/conversations", 200, page.to_string());
    let contact = session["contact_id"].clone();
    for (source, contact, verified, open) in [
        ("proved", &contact, json!(true), true),
        ("unproved", &contact, json!(false), false),
        ("unknown", &contact, serde_json::Value::Null, false),
        ("stranger", &json!("cnt_other"), json!(true), false),
        ("proved", &contact, json!(true), true),
    ] {
        desk::know_as(&backend, source, contact, &verified);
        let own = PUBLIC.replace("/demo-contact/", &format!("/{source}/"));
        let (read, write) = if open { (200, 200) } else { (404, 404) };
        client.get(&own, NONE).await.expect(read);
        client.get(&format!("{own}/messages"), NONE).await.expect(read);
        let message = json!({ "content": "x" });
        let path = format!("{own}/messages");
        client.json(Method::POST, &path, NONE, &message).await.expect(write);
        client.get(&own, NONE).await.expect(read);
        let listed = client.get(own.rsplit_once('/').unwrap().0, NONE).await.expect(200).value();
        let numbers: Vec<_> = listed.as_array().unwrap().iter().map(|c| &c["id"]).collect();
        assert_eq!(numbers.is_empty(), !open, "{source}: {numbers:?}");
    }
    assert_eq!(backend.count(&Method::POST, MESSAGES), 2);
    // The backend is asked for what may be seen, and not for more.
    let lists = "/v1/accounts/1/conversations?";
    let mut asked: Vec<String> = backend.got().into_iter().map(|got| got.target).collect();
    asked.retain(|target| target.starts_with(lists));
    assert_eq!(asked.len(), 4, "{asked:?}");
    for query in asked {
        let by = ["contact_id=cnt_", "contact_identity_id=idn_5Qw"].map(|by| query.contains(by));
        assert!(by[0] != by[1], "{query}");
    }
}

#[tokio::test]
async fn rows_that_a_contact_may_not_see_are_left_out_and_counted() {
    let (backend, gateway, client) = set_up().await;
    // Asked for public messages, it answers with an internal one, a note and an activity, too.
    let rows = [5014, 5005, 5004, 5003, 5001].map(desk::message);
    backend.tell(Method::GET, MESSAGES, 200, desk::page(&rows));
    let unseen = [("dialect", "public-inbox"), ("kind", "unseen")];
    let counted = async || gateway.metric("deskbridge_mapping_events_total", &unseen).await;
    let path = format!("{PUBLIC}/messages");
    for (turn, so_far) in [("miss", 3.0), ("hit", 6.0)] {
        let answer = client.get(&path, NONE).await.expect(200).value();
        let ids = answer.as_array().unwrap().iter().map(|m| m["id"].as_u64().unwrap());
        assert_eq!(ids.collect::<Vec<_>>(), [5001, 5003], "{turn}");
        let found = counted().await;
        assert!((found - so_far).abs() < 0.1, "{turn}: {found}");
    }
    assert_eq!(backend.count(&Method::GET, MESSAGES), 1);
    // That notes are not shown to contacts is nothing to count: the gateway asked for them itself.
    let shown = client.get(PUBLIC, NONE).await.expect(200);
    for hidden in ["Between us.", "good customer", "self-assigned"] {
        assert!(!String::from_utf8_lossy(&shown.body).contains(hidden), "{hidden}");
    }
    assert!((counted().await - 6.0).abs() < 0.1);
}

#[tokio::test]
async fn a_row_of_another_conversation_is_left_out() {
    let (backend, gateway, client) = set_up().await;
    let mut foreign = desk::message(5003);
    foreign["conversation_id"] = json!("cnv_other");
    backend.tell(Method::GET, MESSAGES, 200, desk::page(&[foreign, desk::message(5001)]));
    let answer = client.get(&format!("{PUBLIC}/messages"), NONE).await.expect(200).value();
    assert!(answer.as_array().is_some_and(|a| a.len() == 1) && answer[0]["id"] == 5001);
    let unseen = gateway.metric("deskbridge_mapping_events_total", &[("kind", "unseen")]).await;
    assert!((unseen - 1.0).abs() < 0.1, "{unseen}");
}

#[tokio::test]
async fn a_backend_that_finds_somebody_else_makes_nobody_somebody_else() {
    let (backend, _gateway, client) = set_up().await;
    desk::know(&backend, "somebody-else");
    client.get(PUBLIC, NONE).await.expect(404);
    assert_eq!(desk::reads(&backend), 0);
}

#[tokio::test]
async fn nothing_of_a_contact_reaches_somebody_elses_conversation() {
    let (backend, _gateway, client) = set_up().await;
    let foreign = with(desk::conversation(), "/contact_identity_id", json!("idn_other"));
    desk::show(&backend, &foreign);
    let writes = [
        (Method::POST, "/toggle_typing", json!({ "typing_status": "on" })),
        (Method::POST, "/update_last_seen", json!({})),
        (Method::PATCH, "/messages/5008", json!({ "submitted_values": { "value": "gold" } })),
    ];
    for (method, path, body) in writes {
        client.json(method, &format!("{PUBLIC}{path}"), NONE, &body).await.expect(404);
    }
    let asked = backend.got();
    assert!(asked.iter().all(|got| got.method == Method::GET), "{asked:?}");
}

#[tokio::test]
async fn a_note_cannot_be_answered_by_the_contact_it_is_about() {
    let (backend, _gateway, client) = set_up().await;
    for number in [5004, 5014] {
        let path = format!("{MESSAGES}/n:{number}");
        for method in [Method::GET, Method::PATCH] {
            backend.tell(method, &path, 200, desk::message(number).to_string());
        }
        let body = json!({ "submitted_values": { "value": "gold" } });
        let own = format!("{PUBLIC}/messages/{number}");
        let answer = client.json(Method::PATCH, &own, NONE, &body).await.expect(404);
        assert!(!String::from_utf8_lossy(&answer.body).contains("customer"), "{answer:?}");
        let asked = (backend.count(&Method::GET, &path), backend.count(&Method::PATCH, &path));
        assert_eq!(asked, (1, 0), "{number}");
    }
    // What was said to the contact can be.
    let path = format!("{MESSAGES}/n:5008");
    for method in [Method::GET, Method::PATCH] {
        backend.tell(method, &path, 200, desk::message(5008).to_string());
    }
    let body = json!({ "submitted_values": { "value": "gold" } });
    client.json(Method::PATCH, &format!("{PUBLIC}/messages/5008"), NONE, &body).await.expect(200);
    assert_eq!(backend.count(&Method::PATCH, &path), 1);
}

#[tokio::test]
async fn a_backend_that_answers_about_another_contact_or_inbox_is_not_believed() {
    let (backend, _gateway, client) = set_up().await;
    let conversation = desk::conversation();
    let mut identity = conversation["contact_identity"].clone();
    identity["id"] = json!("idn_other");
    identity["contact"] = conversation["contact"].clone();
    let path = "/v1/accounts/1/identities/idn_5Qw";
    backend.tell(Method::GET, path, 200, identity.to_string());
    let own = PUBLIC.split("/conversations").next().unwrap();
    client.get(own, NONE).await.expect(404);
    assert_eq!(backend.count(&Method::GET, path), 1);
}

/// Whoever was told 404 would write again.
#[tokio::test]
async fn a_write_that_is_answered_with_something_else_is_the_backends_failure() {
    let (backend, _gateway, client) = set_up().await;
    let path = format!("{PUBLIC}/messages");
    let foreign = with(desk::message(5001), "/visibility", json!("internal"));
    for answer in [foreign, json!({ "id": 7 }), json!({})] {
        backend.tell(Method::POST, MESSAGES, 201, answer.to_string());
        let body = json!({ "content": "x" });
        client.json(Method::POST, &path, NONE, &body).await.expect(502);
    }
    assert_eq!(backend.count(&Method::POST, MESSAGES), 3);
}

/// Nor may anybody be told that something is not there because an answer could not be read.
#[tokio::test]
async fn what_cannot_be_read_is_not_taken_for_what_is_not_there() {
    let (backend, _gateway, client) = set_up().await;
    let conversation = desk::conversation();
    for wrong in [
        json!({ "id": "cnv_8Kq", "messages": [] }),
        with(conversation.clone(), "/contact_identity_id", json!(7)),
    ] {
        desk::show(&backend, &wrong);
        client.get(PUBLIC, NONE).await.expect(502);
    }
    desk::show(&backend, &conversation);
    let path = "/v1/accounts/1/identities";
    let half = json!({ "data": [{ "id": "idn_5Qw" }], "page": {} });
    for identities in [json!({ "data": "no" }), json!({}), half] {
        let (backend, _gateway, client) = set_up().await;
        backend.tell(Method::GET, path, 200, identities.to_string());
        client.get(PUBLIC, NONE).await.expect(502);
    }
    for inbox in [r#"{"id":7}"#, "{}"] {
        let (backend, _gateway, client) = set_up().await;
        backend.tell(Method::GET, "/v1/resolve/inboxes/demo-inbox", 200, inbox);
        client.get(PUBLIC, NONE).await.expect(502);
    }
    // None is none.
    let (backend, _gateway, client) = set_up().await;
    let page = json!({ "next": null, "prev": null, "limit": 1, "number": null, "total": null });
    backend.tell(Method::GET, path, 200, json!({ "data": [], "page": page }).to_string());
    client.get(PUBLIC, NONE).await.expect(404);
}
